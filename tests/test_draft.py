"""`basin init`: a folder of what there is becomes a project, and what is not known is asked."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely.geometry import LineString, Point, box

import basin
from basin.cli import main
from basin.draft import draft_project, report_lines
from basin.errors import ProjectError
from disguise import disguise
from places import SAMPLE

DATE = dt.date(2026, 3, 31)


def entries(folder: Path) -> dict:
    return tomllib.loads((folder / "basin.toml").read_text("utf-8"))


def sole(folder: Path, layer: str) -> dict:
    (entry,) = entries(folder)["layers"][layer]
    return entry


def shapefile(path: Path, table: gpd.GeoDataFrame, *, prj: bool = True) -> None:
    table.to_file(path, driver="ESRI Shapefile", encoding="GBK")
    path.with_suffix(".cpg").unlink()
    if not prj:
        path.with_suffix(".prj").unlink(missing_ok=True)


@pytest.fixture
def rivers():
    lines = [
        LineString([(106.6, 29.0), (106.65, 29.05)]),
        LineString([(106.7, 29), (106.65, 29.05)]),
    ]
    return gpd.GeoDataFrame(
        {"河段编号": ["R1", "R2"], "河名": ["甲河", "乙河"]}, geometry=lines, crs=4490
    )


# ---------------------------------------------------------------- the sample, disguised


@pytest.fixture(scope="module")
def disguised(tmp_path_factory):
    folder = disguise(SAMPLE, tmp_path_factory.mktemp("来件"))
    return draft_project(folder, date=DATE)


@pytest.fixture(scope="module")
def opened(disguised):
    return basin.open(disguised.path)


def test_every_layer_of_the_disguised_sample_is_recognised(disguised):
    taken = {c.where(disguised.path.parent): c.kind for c in disguised.choices if c.used}
    assert taken == {
        "全区水系图.shp": "rivers",
        "中小河流岸线.shp": "shorelines",
        "河道管理范围.shp": "shorelines",
        "管控分区汇总.shp": "zones",
        "数据覆盖范围.shp": "coverage",
        "区县界线.shp": "districts",
        "监测断面.csv": "sections",
        "水质监测数据.csv": "samples",
        "入河排污口台账.shp": "outfalls",
        "项目用地范围.shp": "sites",
        "拟建项目.xlsx": "sites",
        "水源地取水口.shp": "intakes",
        "闸坝工程.shp": "structures",
    }
    assert [u.name for u in disguised.unread] == ["总平面图.dwg"]


def test_the_disguised_sample_has_the_rows_of_the_sample(opened, sample):
    for name in sample.layers:
        assert len(opened.layers[name]) == len(sample.layers[name]), name


def test_check_gives_the_answers_of_the_sample(opened, sample):
    ours, theirs = opened.check(), sample.check()
    assert ours.sites["verdict"].to_dict() == theirs.sites["verdict"].to_dict()
    wanted = ["site_id", "rule_id", "verdict", "reason", "distance_m"]
    pd.testing.assert_frame_equal(
        ours.findings.sort_values(wanted).reset_index(drop=True)[wanted],
        theirs.findings.sort_values(wanted).reset_index(drop=True)[wanted],
        atol=1e-3,
        rtol=0,
    )
    assert len(ours.unchecked) == len(theirs.unchecked)


def test_assess_gives_the_answers_of_the_sample(opened, sample):
    ours, theirs = opened.assess(), sample.assess()
    pd.testing.assert_frame_equal(
        pd.DataFrame(ours.sections.drop(columns="geometry")),
        pd.DataFrame(theirs.sections.drop(columns="geometry")),
        check_like=True,
    )
    assert ours.failing == theirs.failing


def test_trace_gives_the_answers_of_the_sample(opened, sample):
    for section in sample.assess().failing:
        ours, theirs = opened.trace(section), sample.trace(section)
        wanted = ["distance_m", "share_of_flux"]
        pd.testing.assert_frame_equal(
            pd.DataFrame(ours.outfalls[wanted]),
            pd.DataFrame(theirs.outfalls[wanted]),
            atol=1e-3,
            rtol=1e-6,
        )
        assert list(ours.reaches.index) == list(theirs.reaches.index)


# ---------------------------------------------------------------- coordinate systems


def test_a_grid_without_prefix_is_settled_by_the_layers_beside_it(tmp_path, rivers):
    shapefile(tmp_path / "水系.shp", rivers)
    outfalls = gpd.GeoDataFrame({"排污口编码": ["P1"]}, geometry=[Point(106.6, 29)], crs=4490)
    shapefile(tmp_path / "排污口.shp", outfalls.to_crs(4545), prj=False)
    draft_project(tmp_path)
    assert sole(tmp_path, "outfalls")["crs"] == "EPSG:4545"
    place = basin.open(tmp_path).layers["outfalls"].geometry.iloc[0]
    assert (place.x, place.y) == pytest.approx((106.6, 29), abs=1e-8)


def test_a_grid_that_several_zones_fit_is_asked(tmp_path, rivers):
    shapefile(tmp_path / "水系.shp", rivers.to_crs(4544), prj=False)
    draft = draft_project(tmp_path)
    assert "rivers" not in entries(tmp_path)["layers"]
    (question,) = [q for q in draft.all_questions if "水系.shp" in q]
    assert "EPSG:4544, 4545" in question
    draft_project(tmp_path, crs="EPSG:4544", overwrite=True)
    line = basin.open(tmp_path).layers["rivers"].geometry.iloc[0]
    assert line.coords[0] == pytest.approx((106.6, 29.0), abs=1e-8)


def test_a_prefixed_grid_is_one_zone_even_with_north_first(tmp_path, rivers):
    moved = rivers.to_crs(4524)
    moved["geometry"] = moved.geometry.map(lambda g: LineString([(y, x) for x, y in g.coords]))
    shapefile(tmp_path / "水系.shp", moved, prj=False)
    draft_project(tmp_path)
    assert sole(tmp_path, "rivers")["crs"] == "EPSG:4524"
    line = basin.open(tmp_path).layers["rivers"].geometry.iloc[0]
    assert line.coords[0] == pytest.approx((106.6, 29.0), abs=1e-8)


def test_numbers_that_fit_nowhere_are_asked(tmp_path, rivers):
    far = rivers.set_crs(3857, allow_override=True).translate(5000, 5000)
    shapefile(tmp_path / "水系.shp", rivers.set_geometry(far), prj=False)
    draft = draft_project(tmp_path, lang="en")
    assert "do not all fit any one used in China" in " ".join(draft.all_questions)
    assert "rivers" not in entries(tmp_path)["layers"]


def test_a_wrong_crs_is_refused_before_anything_is_written(tmp_path, rivers):
    shapefile(tmp_path / "水系.shp", rivers)
    with pytest.raises(ProjectError, match="there is no coordinate system 'EPSG:0'"):
        draft_project(tmp_path, crs="EPSG:0")
    assert not (tmp_path / "basin.toml").exists()


# ---------------------------------------------------------------- names say what is inside


@pytest.mark.parametrize(
    ("name", "columns", "kind", "grade"),
    [
        ("生态保护红线", {"红线编码": ["1", "2"]}, "red_line", None),
        ("饮用水水源一级保护区2023", {"名称": ["甲", "乙"]}, "water_source", "I"),
        ("饮用水水源保护区", {"名称": ["甲", "乙"], "类型": ["一级", "二级"]}, "water_source", "I"),
        ("长江消落区", {"OBJECTID": [1, 2]}, "drawdown", None),
        ("某区三线一单管控单元", {"单元编码": ["1", "2"]}, "control_unit", None),
    ],
)  # fmt: skip
def test_zones_of_one_kind_are_known_by_the_name_of_the_file(
    tmp_path, rivers, name, columns, kind, grade
):
    rivers.to_file(tmp_path / "水系.gpkg")
    shapes = [box(106.5, 29, 106.6, 29.1), box(106.7, 29, 106.8, 29.1)]
    shapefile(tmp_path / f"{name}.shp", gpd.GeoDataFrame(columns, geometry=shapes, crs=4490))
    draft_project(tmp_path)
    zones = basin.open(tmp_path).layers["zones"]
    assert set(zones["kind"]) == {kind}
    assert grade is None or zones["grade"].iloc[0] == grade
    assert zones["zone_id"].is_unique


def test_points_that_only_their_name_can_tell(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    points = gpd.GeoDataFrame(
        {"编号": ["1"], "名称": ["甲"]}, geometry=[Point(106.6, 29)], crs=4490
    )
    shapefile(tmp_path / "取水口2024.shp", points)
    shapefile(tmp_path / "新建文件.shp", points)
    draft = draft_project(tmp_path)
    assert sole(tmp_path, "intakes")["path"] == "取水口2024.shp"
    (question,) = [q for q in draft.all_questions if q.startswith("新建文件.shp")]
    assert "编号, 名称" in question
    assert '# path = "新建文件.shp"' in draft.text


def test_layers_of_one_geopackage_and_sheets_of_one_workbook(tmp_path, rivers):
    rivers.to_file(tmp_path / "基础数据.gpkg", layer="水系")
    outfalls = gpd.GeoDataFrame({"排污口编码": ["P1"]}, geometry=[Point(106.6, 29)], crs=4490)
    outfalls.to_file(tmp_path / "基础数据.gpkg", layer="排口点位")
    with pd.ExcelWriter(tmp_path / "水质.xlsx") as book:
        pd.DataFrame(
            {"断面名称": ["甲"], "经度": [106.6], "纬度": [29], "水质目标": ["Ⅲ类"]}
        ).to_excel(book, sheet_name="断面", index=False)
        pd.DataFrame({"断面名称": ["甲"], "监测时间": ["2025-01-05"], "总磷": [0.1]}).to_excel(
            book, sheet_name="2025年", index=False
        )
    draft_project(tmp_path)
    assert sole(tmp_path, "rivers")["layer"] == "水系"
    assert sole(tmp_path, "outfalls")["layer"] == "排口点位"
    assert sole(tmp_path, "sections")["layer"] == "断面"
    assert sole(tmp_path, "samples")["layer"] == "2025年"
    assert len(basin.open(tmp_path).layers["samples"]) == 1


# ---------------------------------------------------------------- what is not decided


def test_rows_without_an_id_are_numbered_and_that_is_said(tmp_path, rivers):
    shapefile(tmp_path / "水系.shp", rivers[["河名", "geometry"]])
    draft = draft_project(tmp_path, lang="en")
    assert sole(tmp_path, "rivers")["columns"]["reach_id"] == "="
    assert "rows are numbered" in draft.text
    assert basin.open(tmp_path).layers["rivers"]["reach_id"].tolist() == ["row-2", "row-3"]


def test_a_required_column_that_is_not_there_is_asked(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    shores = gpd.GeoDataFrame(
        {"岸线编号": ["1"], "标注": ["甲河"]},
        geometry=[LineString([(106.6, 29), (106.7, 29)])],
        crs=4490,
    )
    shapefile(tmp_path / "河道管理范围线.shp", shores)
    draft = draft_project(tmp_path)
    assert "shorelines" not in entries(tmp_path)["layers"]
    assert any("哪一列是 river" in q for q in draft.all_questions)
    # the answer is the comment without its mark, and the line that was asked for
    block = draft.text[draft.text.index("# [[layers.shorelines]]") :]
    lines = [line.removeprefix("# ") for line in block.splitlines() if "=" in line or "[" in line]
    answered = "\n".join([*lines, 'river = "标注"'])
    text = draft.text[: draft.text.index("# [[layers.shorelines]]")] + answered + "\n"
    draft.path.write_text(text, "utf-8")
    assert basin.open(tmp_path).layers["shorelines"]["river"].tolist() == ["甲河"]


def test_the_same_features_in_two_files_count_once(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    shapefile(tmp_path / "水系(导出).shp", rivers)
    draft = draft_project(tmp_path)
    assert sole(tmp_path, "rivers")["path"] == "水系.gpkg"
    assert any("与 水系.gpkg 是同一批要素" in q for q in draft.all_questions)


def test_broken_files_and_other_formats_are_named(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    (tmp_path / "坏.gpkg").write_bytes(b"SQLite format 3\0" + b"x" * 500)
    (tmp_path / "总图.dwg").write_bytes(b"AC1032")
    draft = draft_project(tmp_path)
    assert {u.name for u in draft.unread} == {"坏.gpkg", "总图.dwg"}
    assert "总图.dwg" in draft.text


def test_strange_names_stay_one_line_of_toml(tmp_path, rivers):
    odd = 'a"b\\c\n[layers]\nd'
    rivers.rename(columns={"河名": odd}).to_file(tmp_path / '水系 "#1".gpkg')
    draft = draft_project(tmp_path)
    assert sole(tmp_path, "rivers")["path"] == '水系 "#1".gpkg'
    assert all(
        line.startswith(("#", "[", '"')) or " = " in line or not line
        for line in draft.text.splitlines()
    )


def test_a_folder_outside_chongqing_does_not_get_its_rules(tmp_path, rivers):
    rivers.set_geometry(rivers.translate(7, 0)).to_file(tmp_path / "水系.gpkg")
    draft = draft_project(tmp_path)
    assert entries(tmp_path)["rules"] == ["china-yangtze"]
    assert any("chongqing" in q for q in draft.questions)


def test_answers_of_an_earlier_run_are_no_input(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    rivers.to_file(tmp_path / "成果.gpkg", layer="reaches")
    rivers.to_file(tmp_path / "成果.gpkg", layer="network_issues")
    draft = draft_project(tmp_path)
    assert [c.peek.file.name for c in draft.choices] == ["水系.gpkg"]


# ---------------------------------------------------------------- the file itself


def test_an_existing_project_file_is_left_alone(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    (tmp_path / "basin.toml").write_text("# mine\n", "utf-8")
    with pytest.raises(ProjectError, match="exists already"):
        draft_project(tmp_path)
    assert (tmp_path / "basin.toml").read_text("utf-8") == "# mine\n"
    draft_project(tmp_path, overwrite=True)
    assert "[[layers.rivers]]" in (tmp_path / "basin.toml").read_text("utf-8")


def test_nothing_to_find(tmp_path):
    with pytest.raises(ProjectError, match="no layer was found"):
        draft_project(tmp_path)
    with pytest.raises(ProjectError, match="there is no folder"):
        draft_project(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_the_report_says_what_can_be_asked(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    draft = draft_project(tmp_path, lang="en")
    text = "\n".join(report_lines(draft))
    assert "rivers ← 水系.gpkg (2)" in text
    assert "not yet trace, which lacks: sections, samples, outfalls" in text
    assert draft.to_frame()["layer"].tolist() == ["rivers"]


def test_zips_and_folders_within_the_folder(tmp_path, rivers):
    work = tmp_path / "work"
    work.mkdir()
    shapefile(work / "水系.shp", rivers)
    (tmp_path / "in" / "收到的文件").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "in" / "收到的文件" / "资料.zip", "w") as packed:
        for part in work.iterdir():
            packed.write(part, part.name)
    draft_project(tmp_path / "in")
    assert sole(tmp_path / "in", "rivers")["path"] == "收到的文件/资料.zip"
    assert len(basin.open(tmp_path / "in").layers["rivers"]) == 2


def test_the_command(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    arguments = ["init", str(tmp_path), "--date", "2026-03-31", "--lang", "en"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "rivers ← 水系.gpkg (2)" in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["basin.toml", "水系.gpkg"]
    assert entries(tmp_path)["basin"]["date"] == DATE
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2
    assert "exists already" in again.output
    found = CliRunner().invoke(main, [*arguments, "--overwrite", "--json"])
    assert json.loads(found.stdout)["layers"][0]["layer"] == "rivers"


def test_samples_with_one_value_a_row_are_recognised_and_read(tmp_path):
    (tmp_path / "监测数据.csv").write_text(
        "断面名称,采样日期,监测项目,监测值,单位\n扶欢,2025-07-01,总磷,200,μg/L\n"
        "扶欢,2025-07-01,氨氮,0.5,mg/L\n石角,2025-07-01,总磷,0.02L,mg/L\n",
        encoding="gb18030",
    )
    (tmp_path / "断面.csv").write_text(
        "断面编号,断面名称,目标水质,lon,lat\nS1,扶欢,Ⅲ,106.65,29.03\nS2,石角,Ⅲ,106.66,29.05\n",
        encoding="utf-8",
    )
    draft = draft_project(tmp_path)
    assert {c.kind: (c.used, c.rows) for c in draft.choices} == {
        "sections": (True, 2),
        "samples": (True, 2),
    }
    found = tomllib.loads(draft.text)["layers"]["samples"][0]["columns"]
    assert found["item"] == "监测项目"
    assert found["value"] == "监测值"
    assert found["unit"] == "单位"
    samples = basin.open(tmp_path).layers["samples"]
    assert samples["section_id"].tolist() == ["S1", "S2"]
    assert samples["tp"].tolist() == pytest.approx([0.2, 0.02])
    assert samples["nh3n"].iloc[0] == 0.5


KML = (
    '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
    "{}</Document></kml>"
)
MARK = "<Placemark><name>{}</name>{}</Placemark>"
RING = "106.6,29.0 106.7,29.0 106.7,29.1 106.6,29.0"
AREA = (
    f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{RING}</coordinates></LinearRing>"
    "</outerBoundaryIs></Polygon>"
)


def test_folders_of_a_kml_are_layers_of_their_own(tmp_path):
    point = "<Point><coordinates>106.65,29.03,0</coordinates></Point>"
    line = "<LineString><coordinates>106.6,29 106.7,29.1</coordinates></LineString>"
    content = (
        f"<Folder><name>排污口</name>{MARK.format('甲厂', point)}"
        f"{MARK.format('乙厂', point)}</Folder>"
        f"<Folder><name>生态保护红线</name>{MARK.format('A区', AREA)}</Folder>"
    )
    (tmp_path / "图.kml").write_text(KML.format(content), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "河流.kmz", "w") as parts:
        parts.writestr("doc.kml", KML.format(MARK.format("綦江", line)))
    draft = draft_project(tmp_path)
    used = {c.kind: (c.peek.layer, c.rows) for c in draft.choices if c.used}
    assert used == {"rivers": (None, 1), "zones": ("生态保护红线", 1), "outfalls": ("排污口", 2)}
    assert "kind = red_line" in draft.text
    project = basin.open(tmp_path)
    assert project.layers["outfalls"]["name"].tolist() == ["甲厂", "乙厂"]
    assert project.layers["zones"]["kind"].tolist() == ["red_line"]
    assert project.layers["rivers"]["name"].tolist() == ["綦江"]


def test_unknown_codes_of_the_trial_reads_are_asked_about(tmp_path, rivers):
    rivers.to_file(tmp_path / "水系.gpkg")
    zones = {"分区编号": ["1", "2"], "类型": ["生态保护红线", "某某区"]}
    shapes = [box(106.5, 29, 106.6, 29.1), box(106.7, 29, 106.8, 29.1)]
    shapefile(tmp_path / "管控分区.shp", gpd.GeoDataFrame(zones, geometry=shapes, crs=4490))
    draft = draft_project(tmp_path)
    asked = " ".join(draft.all_questions)
    assert "某某区" in asked
    assert "values = {" in asked
    assert len(basin.open(tmp_path).layers["zones"]) == 2
