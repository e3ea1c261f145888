"""A project: how it is found, what its file may say, and what it hands on."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from conftest import SAMPLE
from shapely import LineString, Point

import basin
from basin.errors import ProjectError

RIVERS = gpd.GeoDataFrame(
    {"reach_id": ["A", "B"], "name": ["示例河", "示例河"]},
    geometry=[LineString([(106.6, 29.0), (106.7, 29.0)]), LineString([(106.7, 29.0), (106.8, 29)])],
    crs=4490,
)


def write(folder: Path, toml: str) -> Path:
    RIVERS.to_file(folder / "rivers.gpkg", layer="rivers")
    (folder / "basin.toml").write_text(toml, encoding="utf-8")
    return folder


def test_open_a_folder_without_a_file(tmp_path: Path):
    RIVERS.to_file(tmp_path / "rivers.gpkg", layer="rivers")
    project = basin.open(tmp_path)
    assert list(project.layers) == ["rivers"]
    assert project.network.reaches.index.tolist() == ["A", "B"]
    assert project.effective_date == dt.date.today()


def test_open_a_geopackage(tmp_path: Path):
    file = tmp_path / "mine.gpkg"
    RIVERS.to_file(file, layer="rivers")
    gpd.GeoDataFrame(
        {"section_id": ["S"], "name": ["甲"]}, geometry=[Point(106.7, 29)], crs=4490
    ).to_file(file, layer="sections")
    assert list(basin.open(file).layers) == ["rivers", "sections"]


def test_open_nothing(tmp_path: Path):
    with pytest.raises(ProjectError, match=r"no basin\.toml and no layer named rivers"):
        basin.open(tmp_path)
    with pytest.raises(ProjectError, match="there is no project at"):
        basin.open(tmp_path / "absent")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[layers]\nriver = "rivers.gpkg"',
            r"unknown key 'river' in \[layers\]. Did you mean 'rivers'",
        ),
        ('[layers]\nrivers = "gone.gpkg"', r"'rivers' names 'gone.gpkg', which does not exist"),
        ("[layers]\nrivers = 3", "layer 'rivers' needs a path"),
        ('[layers]\nrivers = { path = "rivers.gpkg", encodng = "gbk" }', "Did you mean 'encoding'"),
        ('[basin]\ndate = "last week"', "date 'last week' is not a date"),
        ('[basin]\nlang = "fr"', "lang 'fr' is not known"),
        ("[basin\n", "cannot be read"),
        ("[network]\ntolerance = 3", "unknown key 'tolerance'"),
    ],
)
def test_a_wrong_project_file_says_what_and_how_to_mend_it(tmp_path: Path, toml: str, message: str):
    with pytest.raises(ProjectError, match=message):
        basin.open(write(tmp_path, toml))


def test_a_missing_layer_is_named_with_its_purpose(tmp_path: Path):
    project = basin.open(write(tmp_path, '[layers]\nrivers = "rivers.gpkg"'))
    with pytest.raises(ProjectError, match=r"no layer 'samples', which the assessment needs"):
        project.assess()


def test_the_sample_reads_every_layer(sample: basin.Basin):
    assert set(sample.layers) == set(basin.project.LAYERS)
    assert sample.date == dt.date(2026, 3, 31)
    for name in sample.layers:
        table = sample.layers[name]
        assert len(table) > 0, name
        if isinstance(table, gpd.GeoDataFrame):
            assert table.crs.to_epsg() == 4490, name


def test_validate_lists_the_sample_s_defects(sample: basin.Basin):
    problems = sample.validate()
    assert {"layer", "severity", "kind", "ids"} <= set(problems.columns)
    assert (problems["layer"] == "outfalls").any()
    text = " ".join(problems.astype(str).sum(axis=1))
    assert "GB18030" in text.upper() or "GBK" in text.upper()
    # validating twice lists nothing twice
    assert len(sample.validate()) == len(problems)


def test_an_unreadable_layer_is_a_row_and_the_others_are_read(tmp_path: Path):
    shutil.copytree(SAMPLE, tmp_path / "copy")
    (tmp_path / "copy" / "zones.gpkg").write_bytes(b"not a database")
    problems = basin.open(tmp_path / "copy").validate()
    broken = problems[(problems["layer"] == "zones") & (problems["severity"] == "error")]
    assert len(broken) == 1
    assert (problems["layer"] == "outfalls").any()


def test_the_date_of_the_check_can_be_moved(sample: basin.Basin):
    then = sample.check(date=dt.date(2020, 1, 1))
    assert then.date == dt.date(2020, 1, 1)
    # the 《长江保护法》 is in force from 2021-03-01: its rules are not there yet
    assert not then.findings["rule_id"].str.startswith("CJ26").any()


def test_result_layers_keep_every_row(sample: basin.Basin, tmp_path: Path):
    tables = sample.result_layers()
    assert len(tables["outfalls"]) == len(sample.layers["outfalls"])
    assert len(tables["sites"]) == len(sample.layers["sites"])
    assert len(tables["sections"]) == len(sample.layers["sections"])
    path = sample.write_layers(tmp_path / "layers.gpkg")
    written = set(gpd.list_layers(path)["name"])
    assert set(tables) <= written
    back = gpd.read_file(path, layer="sites")
    assert back["verdict"].tolist() == tables["sites"]["verdict"].tolist()


def test_repr_names_the_layers(sample: basin.Basin):
    assert "綦江示意流域" in repr(sample)
    assert "rivers" in repr(sample)


def test_tables_of_a_project_are_not_changed_by_its_questions(sample: basin.Basin):
    before = {name: sample.layers[name].copy() for name in sample.layers}
    sample.check()
    sample.trace("S-FH")
    sample.map()
    for name, table in before.items():
        pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(sample.layers[name]))


def test_a_river_without_a_shoreline_leaves_its_limits_unchecked(tmp_path: Path):
    """Coverage may say that the shorelines are complete; a river without one proves it wrong."""
    shutil.copytree(SAMPLE, tmp_path / "copy")
    whole = basin.open(tmp_path / "copy")
    lines = whole.layers["shorelines"]
    kept = lines[lines["river"].ne("通惠河")]
    (tmp_path / "copy" / "shorelines.gpkg").unlink()
    kept.to_file(tmp_path / "copy" / "shorelines.gpkg", layer="shorelines")
    project = basin.open(tmp_path / "copy")

    reach = whole.layers["rivers"].set_index("reach_id").loc["R110", "geometry"]
    near = reach.interpolate(0.5, normalized=True)
    plant = gpd.GeoDataFrame(
        {"site_id": ["new"], "category": ["chemical"], "action": ["new"], "accuracy_m": [1.0]},
        geometry=[Point(near.x + 0.003, near.y)],  # some 300 m from the line
        crs=4490,
    )
    rule = "CJ26-CHEM-1KM"
    before = whole.check(plant).findings.set_index("rule_id").loc[rule]
    after = project.check(plant).findings.set_index("rule_id").loc[rule]
    assert before["verdict"] == "prohibited"
    assert after["verdict"] == "unchecked"
    assert after["reason"] == "not_covered"
    problems = project.validate()
    bare = problems[problems["kind"] == "river_without_shoreline"]
    assert len(bare) == 1
    assert "R110" in bare["ids"].iloc[0]
    assert not (whole.validate()["kind"] == "river_without_shoreline").any()


def test_coverage_without_a_kind_speaks_only_for_the_kinds_that_are_there(sample: basin.Basin):
    from basin.siting import check_sites

    everywhere = sample.layers["coverage"].assign(kind="")
    sites = sample.layers["sites"]
    result = check_sites(
        sites[sites["site_id"] == "X-13"],
        sample.layers["shorelines"],
        sample.layers["zones"],
        coverage=everywhere,
        date=sample.date,
    )
    found = result.findings.set_index("rule_id")["verdict"]
    assert found["PORT-PLAN"] == "unchecked"  # no port plan in the file: unknown, not absent
    assert found["ERL-CORE"] == "clear"


def test_a_section_far_from_every_river_stops_neither_map_nor_layers(tmp_path: Path):
    shutil.copytree(SAMPLE, tmp_path / "copy")
    file = tmp_path / "copy" / "sections.csv"
    rows = pd.read_csv(file, encoding="utf-8-sig", dtype=str)
    rows.loc[rows["section_id"] == "S-WT", ["lon", "lat"]] = ["107.2", "29.25"]
    rows.to_csv(file, index=False, encoding="utf-8-sig")
    project = basin.open(tmp_path / "copy")
    traces = project.trace_failing(project.assess())
    assert [t.section_id for t in traces] == ["S-FH"]
    failed = [p for p in project.problems if p.kind == "trace_failed"]
    assert failed[0].ids == ("S-WT",)


def test_a_section_and_an_item_may_be_named(sample: basin.Basin):
    by_name = sample.trace("扶欢", "总磷")
    assert (by_name.section_id, by_name.item_id) == ("S-FH", "tp")
    with pytest.raises(ProjectError, match=r"Did you mean '扶欢'\? The sections are: S-SMK, S-FH"):
        sample.trace("扶欢河")


def test_answers_in_the_folder_are_not_read_back(tmp_path: Path):
    for name in ("rivers.gpkg", "shorelines.gpkg"):
        shutil.copy(SAMPLE / name, tmp_path / name)
    project = basin.open(tmp_path)
    project.write_layers(tmp_path / "layers.gpkg")
    (tmp_path / "台账2025.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    again = basin.open(tmp_path)
    assert list(again.layers) == ["rivers", "shorelines"]
    assert len(again.layers["rivers"]) == len(project.layers["rivers"])
    assert [p.ids for p in again.problems if p.kind == "file_unused"] == [("台账2025.csv",)]
