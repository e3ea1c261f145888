"""The annex of a report: what it was made from, and the command that makes it again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import docx
import openpyxl
import pytest

import basin
from basin.reports import write_report
from basin.standards.labels import label
from network_drawings import draw
from places import SAMPLE
from test_network_report import basin as run
from test_reports import Page


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def assessed():
    project = basin.open(SAMPLE)
    return project, project.assess("2025-08")


def test_the_files_that_were_read_are_named_and_no_others(assessed):
    project, result = assessed
    rows = {row["file"]: row for row in project.annex(result).inputs.to_dict("records")}
    # the rivers tell where bare coordinates may lie
    assert list(rows) == ["rivers.gpkg", "sections.csv", "samples.csv", "basin.toml"]
    for name, row in rows.items():
        assert row["sha256"] == sum_of(SAMPLE / name)
    lines = (SAMPLE / "sections.csv").read_text(encoding="utf-8").splitlines()
    assert rows["sections.csv"]["n_rows"] == len(lines) - 1
    assert "utf-8" in rows["sections.csv"]["reading"]
    assert "CGCS2000" in rows["sections.csv"]["reading"]


def test_shapefiles_state_their_system_and_list_their_parts():
    project = basin.open(SAMPLE)
    project.layers["outfalls"]
    rows = project.annex(project).inputs
    files = rows.loc[rows["layer"] == "outfalls", "file"].tolist()
    assert files == ["outfalls.dbf", "outfalls.prj", "outfalls.shp", "outfalls.shx"]
    (main,) = rows[rows["file"] == "outfalls.shp"].to_dict("records")
    assert (main["crs"], main["n_rows"]) == ("EPSG:4490", 70)
    assert "gb18030" in main["reading"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_annex_is_the_same_in_each_format(assessed, lang, tmp_path):
    project, result = assessed
    annex = project.annex(result)
    for ending in (".html", ".docx", ".xlsx"):
        write_report(result, tmp_path / f"r{ending}", lang=lang, annex=annex)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    book = docx.Document(str(tmp_path / "r.docx"))
    words = [[[c.text for c in row.cells] for row in t.rows] for t in book.tables[-2:]]
    assert words == page.tables[-2:]
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx")[
        "输入文件" if lang == "zh" else "Input files"
    ]
    sums = [row[-1].replace("\n", "") for row in page.tables[-2][1:]]
    assert sums == [row[-1] for row in list(sheet.values)[1:]]
    assert sums == [sum_of(SAMPLE / name) for name in annex.inputs["file"]]


def test_the_command_makes_the_same_bytes_wherever_it_writes(tmp_path):
    lines = draw({"a": [(0, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    source = tmp_path / "rivers.gpkg"
    lines.to_file(source, layer="rivers")
    for name in ("one", "two"):
        done = run(
            "network", source, "-o", tmp_path / f"{name}.docx", "--overwrite", "--lang", "zh"
        )
        assert done.exit_code == 0, done.output
    one, two = (tmp_path / f"{name}.docx" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    texts = [p.text for p in docx.Document(str(one)).paragraphs]
    assert f"重算命令：basin network {source} --lang zh -o network.docx" in texts


def test_from_python_there_is_no_command(assessed):
    project, result = assessed
    assert project.annex(result).command == ""


def test_sites_of_a_file_of_their_own_are_named_with_their_repairs(tmp_path):
    project, file = basin.open(SAMPLE), tmp_path / "地块.csv"
    file.write_text("编号,经度,纬度,项目类别\nA,106.66,28.97,化工\nA,106.67,28.98,化工\n", "utf-8")
    sites = project._sites(file)
    rows = project.annex(project).inputs
    (row,) = rows[rows["layer"] == "sites"].to_dict("records")
    assert (row["file"], row["n_rows"], row["sha256"]) == (file.name, len(sites), sum_of(file))
    assert all(p.text("zh") in row["reading"] for p in project.problems if p.file == file.name)
    assert "CGCS2000" in row["reading"]


def test_the_reading_of_tributaries_is_told_in_words():
    project = basin.open(SAMPLE)
    told = dict(project.annex(SimpleNamespace(tributaries="all", packs=("a", "b"))).settings)
    assert told["支流范围（有争议的条文）"] == label("river_scope_reading", "all", "zh") != "all"
    assert told["规则包"] == "a, b"
