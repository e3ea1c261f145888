"""One file of lines, no project: the command, its report and map; and the tutorial's own code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner

from basin.cli import main
from basin.layers import read_layer
from basin.network import RiverNetwork
from basin.reports import document
from network_drawings import NORTH_M, draw
from places import SAMPLE

ROOT = Path(__file__).resolve().parents[1]
METRE = 1 / NORTH_M


def basin(*arguments: object):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def shapefile(tmp_path):
    lines = draw(
        {"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1 - 20 * METRE), (1, 0)]},
        name={"a": "綦江河", "c": "綦江河"},
    )
    path = tmp_path / "河流.shp"
    lines.to_file(path, encoding="gbk")
    return path


def test_a_file_of_lines_needs_no_project(shapefile, tmp_path):
    out = tmp_path / "network.gpkg"
    done = basin("network", shapefile, "-o", out, "--report", "--tolerance", 30, "--lang", "zh")
    assert done.exit_code == 0, done.output
    assert "缺口，已按容差接上" in done.stdout
    network = RiverNetwork.from_file(out)
    assert sorted(network.upstream("c")) == ["a", "b", "c"]
    page = (tmp_path / "network_report.html").read_text(encoding="utf-8")
    [gap] = network.issues[network.issues["kind"] == "gap_closed"].itertuples()
    assert gap.issue_id in page
    assert f"{gap.geometry.centroid.x:.4f}"[:8] in page
    assert "河网核查报告" in page
    plan = (tmp_path / "network_map.html").read_text(encoding="utf-8")
    assert gap.issue_id in plan


def test_without_the_tolerance_the_gap_is_only_proposed(shapefile):
    done = basin("network", shapefile, "--json")
    kinds = {i["kind"]: i["action"] for i in json.loads(done.stdout)["network_issues"]}
    assert kinds["gap_proposed"] == "proposed"
    assert "gap_closed" not in kinds


def test_a_single_layer_geopackage_is_lines_and_a_project_takes_no_options(tmp_path, shapefile):
    gpd.read_file(shapefile).to_file(tmp_path / "lines.gpkg", driver="GPKG")
    assert basin("network", tmp_path / "lines.gpkg", "--tolerance", 30).exit_code == 0
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"no database")
    done = basin("network", broken)
    assert done.exit_code == 2
    assert "internal error" not in done.output
    done = basin("network", SAMPLE, "--tolerance", 30)
    assert done.exit_code == 2
    assert "--tolerance" in done.output


def test_the_report_is_a_web_page_or_a_workbook(shapefile, tmp_path):
    for name in ("r.html", "r.xlsx"):
        done = basin("network", shapefile, "-o", tmp_path / name, "--tolerance", 30)
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).stat().st_size > 5_000
    again = basin("network", shapefile, "-o", tmp_path / "r.html")
    assert again.exit_code == 2  # it exists
    over = basin("network", shapefile, "-o", shapefile, "--overwrite")
    assert over.exit_code == 2  # an input is never written over
    assert len(gpd.read_file(shapefile)) == 3


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_document_lists_every_finding_once(lang):
    rivers = read_layer(SAMPLE / "rivers.gpkg", "rivers", problems=[])
    network = RiverNetwork.from_lines(rivers, snap_tolerance_m=30)
    laid_out = document(network, lang=lang)
    ids = [row[0] for table in laid_out.sheets[:3] for row in table.rows]
    assert sorted(ids) == network.issues["issue_id"].to_list()
    clean = RiverNetwork.from_lines(draw({"a": [(0, 2), (1, 1)]}))
    assert document(clean, lang=lang).sheets[0].rows == ()


@pytest.mark.filterwarnings("ignore::basin.errors.BasinWarning")  # the copy planted in the sample
def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for line in blocks[0].splitlines() if line and not line.startswith("from ")]
    assert len(lines) <= 10
    rivers = gpd.read_file(SAMPLE / "rivers.gpkg")
    short = rivers.rename(columns={"velocity_m_s": "velocity", "flow_m3_s": "flow"})
    short[["reach_id", "name", "geometry"]].to_file(tmp_path / "rivers.shp", encoding="gbk")
    points = read_layer(SAMPLE / "outfalls.shp", "outfalls", problems=[])
    table = pd.DataFrame(points[["outfall_id", "name"]])
    table.assign(经度=points.geometry.x, 纬度=points.geometry.y).to_csv(
        tmp_path / "outfalls.csv", index=False, encoding="gbk"
    )
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for block in blocks:
        exec(block, scope)  # noqa: S102
    said = capsys.readouterr().out
    assert "河网：318 条河段" in said
    assert "长江：干流" in said
    upstream = scope["upstream"]
    where = scope["where"]
    assert where["reach_id"].isin(upstream.index).sum() > 0
    assert RiverNetwork.from_file(tmp_path / "network.gpkg").upstream("R005").size
