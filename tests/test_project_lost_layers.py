"""What a damaged layer costs: answers may become undetermined, never softer."""

from __future__ import annotations

import dataclasses
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString

import basin
from basin.errors import BasinError
from basin.siting import SitingResult
from basin.standards import codes
from places import SAMPLE

#: Strictest first; what is undetermined asks for more and lets nothing pass.
_RANK = {verdict: place for place, verdict in enumerate(codes("verdict"))}


def _files() -> list[str]:
    """Every file that a layer of the sample is read from, the parts of a shapefile too."""
    config = tomllib.loads((SAMPLE / "basin.toml").read_text(encoding="utf-8"))
    named: list[str] = []
    for entry in config["layers"].values():
        named += entry if isinstance(entry, list) else [entry]
    return named + [f"outfalls{ending}" for ending in (".dbf", ".shx", ".prj")]


_DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda content: content[: len(content) // 2],
    "garbage": lambda content: bytes(range(256)) * (len(content) // 256 + 1),
    "empty": lambda content: b"",
}


@pytest.fixture(scope="module")
def whole() -> pd.Series:
    return basin.open(SAMPLE).check().sites["verdict"]


def _assert_none_softer(verdicts: pd.Series, whole: pd.Series) -> None:
    before, after = whole.loc[verdicts.index].map(_RANK), verdicts.map(_RANK)
    softer = verdicts[(after > before) & verdicts.ne("undetermined")]
    assert softer.empty, softer.to_dict()


def _copy(tmp_path: Path, file: str, damage: str) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    (copy / file).write_bytes(_DAMAGE[damage]((SAMPLE / file).read_bytes()))
    return copy


def _asked(file: str) -> list[str]:
    """All damages to what the check reads, one to the others."""
    read = ("rivers", "shorelines", "zones", "coverage", "sites")
    return list(_DAMAGE) if Path(file).stem in read else ["garbage"]


@pytest.mark.parametrize(("file", "damage"), [(f, d) for f in _files() for d in _asked(f)])
@pytest.mark.filterwarnings("ignore")
def test_no_damaged_layer_softens_a_verdict(
    file: str, damage: str, tmp_path: Path, whole: pd.Series
):
    project = basin.open(_copy(tmp_path, file, damage))
    readable = project.readable()
    if readable.lacking("check"):
        assert file.startswith("sites")
        return
    _assert_none_softer(readable.check().sites["verdict"], whole)
    if readable is project:
        return  # the same answer
    try:
        verdicts = project.check().sites["verdict"]
    except BasinError:  # refused, which is no answer
        return
    _assert_none_softer(verdicts, whole)


@pytest.mark.parametrize("file", ["rivers.gpkg", "shorelines.gpkg", "zones.gpkg", "coverage.gpkg"])
@pytest.mark.filterwarnings("ignore")
def test_map_layers_and_a_bare_folder_soften_none_either(
    file: str, tmp_path: Path, whole: pd.Series, monkeypatch: pytest.MonkeyPatch
):
    import basin.maps

    copy = _copy(tmp_path, file, "garbage")
    (copy / "basin.toml").unlink()
    project = dataclasses.replace(basin.open(copy), date=basin.open(SAMPLE).date)
    drawn = []
    monkeypatch.setattr(basin.maps, "basin_map", lambda **given: drawn.append(given["sites"]))
    project.map(traces=[])
    written = project.result_layers(traces=[])["sites"].set_index("site_id")
    for sites in (drawn[0], written):
        assert len(sites) == len(whole)
        _assert_none_softer(sites["verdict"], whole)


@pytest.fixture
def bare_river(tmp_path: Path) -> Path:
    """The sample, and a river without a shoreline through the site X-06, which was clear."""
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    site = basin.open(copy).layers["sites"].set_index("site_id").loc["X-06", "geometry"]
    rivers = gpd.read_file(copy / "rivers.gpkg")
    line = LineString([(site.x, site.y - 0.002), (site.x, site.y + 0.002)])
    more = rivers.iloc[[0]].assign(reach_id="R999", name="漏画河", to_id=None)
    more = more.set_geometry(gpd.GeoSeries([line], index=more.index, crs=rivers.crs))
    _replace(copy, pd.concat([rivers, more]))
    return copy


def _replace(copy: Path, rivers: gpd.GeoDataFrame) -> None:
    (copy / "rivers.gpkg").unlink()
    rivers.to_file(copy / "rivers.gpkg", layer="rivers", geometry_type="LineString")


def _without_line(copy: Path) -> None:
    rivers = gpd.read_file(copy / "rivers.gpkg")
    rivers.loc[rivers["reach_id"] == "R999", "geometry"] = None
    _replace(copy, rivers)


def _emptied(copy: Path) -> None:
    _replace(copy, gpd.read_file(copy / "rivers.gpkg").iloc[:0])


def _broken(copy: Path) -> None:
    (copy / "rivers.gpkg").write_bytes(b"junk")


def _reasons(result: SitingResult, rule: str) -> str:
    finding = result.findings.set_index(["site_id", "rule_id"]).loc[("X-06", rule)]
    return " ".join(finding[["verdict", "reason", "missing"]])


@pytest.mark.parametrize("lose", [_broken, _without_line, _emptied])
def test_a_lost_river_leaves_the_shoreline_limits_unchecked(
    bare_river: Path, lose: Callable[[Path], None]
):
    """Coverage counts for nothing around a river without a shoreline; to lose it restores none."""
    chemical = basin.open(bare_river).layers["sites"].assign(category="chemical", action="new")
    ranges = "RIVER-RANGE-BLOCK"
    whole = basin.open(SAMPLE)
    assert whole.check().sites.loc["X-06", "verdict"] == "clear"
    known = basin.open(bare_river)
    assert known.check().sites.loc["X-06", "verdict"] == "undetermined"
    assert _reasons(known.check(), ranges) == "unchecked not_covered river_range"

    lose(bare_river)
    project = basin.open(bare_river).readable()
    result = project.check()
    assert result.sites.loc["X-06", "verdict"] == "undetermined"
    assert _reasons(result, ranges) == "unchecked rivers_lost rivers"
    assert "河流图层读不了" in result.explain("X-06")
    assert "rivers cannot be read" in result.explain("X-06", lang="en")
    # what is known of the shorelines and the zones stands
    hit = whole.check(chemical).findings.query(
        "rule_id == 'CJ26-CHEM-1KM' and verdict == 'prohibited'"
    )
    now = project.check(chemical).findings.query("rule_id == 'CJ26-CHEM-1KM'").set_index("site_id")
    assert len(hit)
    assert set(now.loc[hit["site_id"], "verdict"]) == {"prohibited"}
    assert set(now["verdict"].drop(hit["site_id"])) <= {"unchecked", "borderline", "manual"}
    assert _reasons(result, "ERL-CORE") == "clear clear "
