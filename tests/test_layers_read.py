"""Real little files, as bureaus send them, through `read_layer`; rows in = kept + set aside."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sqlite3
import struct
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import LineString, MultiPoint, MultiPolygon, Point, Polygon

from basin import layers
from basin.errors import BasinWarning, CrsError, LayerError
from basin.layers import (
    Problem,
    find_layers,
    match_sections,
    read_layer,
    unused_files,
    write_layers,
)

BOX = Polygon([(106.6, 29.0), (106.7, 29.0), (106.7, 29.1), (106.6, 29.1)])
BOW_TIE = Polygon([(106.6, 29.0), (106.7, 29.1), (106.7, 29.0), (106.6, 29.1)])


def read(source, kind, **options):
    """Read with the problems beside the table, and check the promise on rows."""
    problems: list[layers.Problem] = []
    table = read_layer(source, kind, problems=problems, **options)
    for problem in problems:
        assert problem.severity in ("error", "warning", "info")
        assert all((problem.zh, problem.en, problem.mend_zh, problem.mend_en))
        assert "{" not in problem.zh + problem.en
    return table, problems


def set_aside(problems):
    return sorted(row for p in problems if p.set_aside for row in p.rows)


def kinds(problems, severity=None):
    return {p.kind for p in problems if severity in (None, p.severity)}


def one(problems, kind):
    (found,) = [p for p in problems if p.kind == kind]
    return found


def write_dbf(path, fields, rows, encoding, language=0):
    """Write a DBF byte by byte: (name, type, width, decimals) and rows, in any encoding."""
    width = 1 + sum(f[2] for f in fields)
    head = struct.pack(
        "<BBBBIHH16xBB2x", 3, 126, 1, 1, len(rows), 33 + 32 * len(fields), width, 0, language
    )
    for name, kind, size, decimals in fields:
        head += name.encode(encoding)[:10].ljust(11, b"\0") + kind.encode() + bytes(4)
        head += bytes([size, decimals]) + bytes(14)
    body = b""
    for row in rows:
        body += b" "
        for value, (_, kind, size, _) in zip(row, fields, strict=True):
            cell = ("" if value is None else str(value)).encode(encoding)[:size]
            body += cell.ljust(size) if kind == "C" else cell.rjust(size)
    path.write_bytes(head + b"\r" + body + b"\x1a")


def shapefile(path, fields, rows, encoding="gb18030", *, crs=4490, language=0, geometry=None):
    """A shapefile without .cpg, its table in any encoding."""
    points = geometry or [Point(106.6 + i / 100, 29.0) for i in range(len(rows))]
    gpd.GeoDataFrame({"x": range(len(rows))}, geometry=points, crs=crs).to_file(path)
    path.with_suffix(".cpg").unlink()
    write_dbf(path.with_suffix(".dbf"), fields, rows, encoding, language)
    return path


OUTFALL_FIELDS = [
    ("排污口编码", "C", 12, 0),
    ("排污口名称", "C", 40, 0),
    ("排污口类型", "C", 40, 0),
    ("整治措施", "C", 12, 0),
    ("状态", "C", 12, 0),
    ("受纳水体", "C", 20, 0),
    ("总磷kg_d", "N", 12, 3),
    ("氨氮mg_l", "N", 12, 3),
    ("备注", "C", 20, 0),
]
OUTFALL_ROWS = [
    ("P-001", "示例磷化工总排口", "工业排污口", "规范", "在用", "扶欢河", 12.5, None, "㵲"),
    ("P-002", "示例污水处理厂", "城镇污水处理厂排污口", "规范", "在用", "綦江河", None, 1.25, None),
    ("P-001", "示例二次登记", "其他", "取缔", "已取缔", None, None, None, None),
]


# ---------------------------------------------------------------- shapefile


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_shapefile_without_cpg(tmp_path, encoding):
    fields = OUTFALL_FIELDS
    if encoding == "utf-8":  # three Chinese characters fit
        fields = [("编码", *fields[0][1:]), ("名称", *fields[1][1:]), ("类型", *fields[2][1:])]
    rows = [r[: len(fields)] for r in OUTFALL_ROWS]
    path = shapefile(tmp_path / "outfalls.shp", fields, rows, encoding)
    table, problems = read(path, "outfalls")
    assert table["outfall_id"].tolist() == ["P-001", "P-002", "P-001#2"]
    assert table["duplicate_of"].fillna("").tolist() == ["", "", "P-001"]
    assert table["name"].tolist() == ["示例磷化工总排口", "示例污水处理厂", "示例二次登记"]
    assert table["kind"].tolist() == ["industrial", "sewage_works", "other"]
    assert f"read as {encoding}" in one(problems, "encoding").en
    assert one(problems, "id_duplicate").rows == (4,)
    assert len(table) == len(rows)
    assert not set_aside(problems)
    assert table.crs.to_epsg() == 4490
    if encoding == "gb18030":
        assert table["action"].tolist() == ["regulate", "regulate", "ban"]
        assert table["status"].tolist() == ["active", "active", "closed"]
        assert table.loc[0, "river"] == "扶欢河"
        assert table.loc[0, "load_tp_kg_d"] == 12.5
        assert table.loc[1, "conc_nh3n_mg_l"] == 1.25
        assert table.loc[0, "备注"] == "㵲"  # four bytes in GB18030, none in GBK


@pytest.mark.parametrize("wrong", ["ISO-8859-1", "UTF-8", "65001", "CP437", "OEM", "no such"])
def test_shapefile_wrong_cpg_is_overruled(tmp_path, wrong):
    path = shapefile(tmp_path / "a.shp", OUTFALL_FIELDS, OUTFALL_ROWS)
    path.with_suffix(".cpg").write_text(wrong)
    table, problems = read(path, "outfalls")
    assert table.loc[0, "name"] == "示例磷化工总排口"
    assert wrong in one(problems, "encoding_overruled").zh
    assert {p.file for p in problems} == {"a.shp"}


@pytest.mark.parametrize(("cpg", "language"), [("GBK", 0), (None, 0x4D), ("936", 0)])
def test_shapefile_stated_encoding(tmp_path, cpg, language):
    path = shapefile(tmp_path / "a.shp", OUTFALL_FIELDS, OUTFALL_ROWS, language=language)
    if cpg:
        path.with_suffix(".cpg").write_text(cpg)
    table, problems = read(path, "outfalls")
    assert table.loc[1, "name"] == "示例污水处理厂"
    assert (".cpg" if cpg else "language byte") in one(problems, "encoding").en
    assert "encoding_overruled" not in kinds(problems)


def test_shapefile_encoding_given_must_fit(tmp_path):
    path = shapefile(tmp_path / "a.shp", OUTFALL_FIELDS, OUTFALL_ROWS)
    assert read(path, "outfalls", encoding="gbk")[0].loc[1, "name"] == "示例污水处理厂"
    for wrong in ("utf-8", "ISO-8859-1"):
        with pytest.raises(LayerError, match="garbled"):
            read_layer(path, "outfalls", encoding=wrong)
    with pytest.raises(LayerError, match="no encoding 'klingon'"):
        read_layer(path, "outfalls", encoding="klingon")


def test_shapefile_cut_names_are_recognised(tmp_path):
    fields = [("outfall_id", "C", 8, 0), ("load_tp_kg_d", "N", 9, 3), ("responsible", "C", 9, 0)]
    path = shapefile(tmp_path / "a.shp", fields, [("A", 1.5, "示例")])
    table, _ = read(path, "outfalls")
    assert table.loc[0, "load_tp_kg_d"] == 1.5
    assert table.loc[0, "responsible"] == "示例"


def test_shapefile_ambiguous_cut_name_is_not_taken(tmp_path):
    fields = [("编码", "C", 8, 0), ("入河排污口名称", "C", 20, 0)]
    table, problems = read(shapefile(tmp_path / "a.shp", fields, [("A", "甲")]), "outfalls")
    assert "outfall_id, name, kind" in one(problems, "column_ambiguous").en
    assert table.loc[0, "入河排污口"] == "甲"


def test_shapefile_half_character_at_the_end_of_a_full_cell(tmp_path):
    fields = [("编码", "C", 8, 0), ("名称", "C", 7, 0)]
    path = shapefile(tmp_path / "a.shp", fields, [("A", "示例工厂"), ("B", "示例")])
    table, problems = read(path, "outfalls")
    assert table["name"].tolist() == ["示例工", "示例"]
    assert "bytes_lost" not in kinds(problems)


def test_shapefile_cut_in_half(tmp_path):
    path = tmp_path / "rivers.shp"
    lines = [LineString([(106 + i / 100, 29), (106 + i / 100, 29.1)]) for i in range(20)]
    gpd.GeoDataFrame({"reach_id": range(20)}, geometry=lines, crs=4490).to_file(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LayerError, match=r"rivers\.shp is damaged \(cut"):
        read_layer(path, "rivers")


@pytest.mark.parametrize(
    ("suffix", "message"), [(".shx", r"\.shx file is missing"), (".dbf", r"\.dbf file is missing")]
)
def test_shapefile_part_missing(tmp_path, suffix, message):
    path = shapefile(tmp_path / "a.shp", OUTFALL_FIELDS, OUTFALL_ROWS)
    path.with_suffix(suffix).unlink()
    with pytest.raises(LayerError, match=message):
        read_layer(path, "outfalls")


def test_shapefile_dbf_cut(tmp_path):
    path = shapefile(tmp_path / "a.shp", OUTFALL_FIELDS, OUTFALL_ROWS)
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes()[:-100])
    with pytest.raises(LayerError, match="of 3 rows are there"):
        read_layer(path, "outfalls")


def test_shapefile_without_prj_proposes(tmp_path):
    path = shapefile(tmp_path / "a.shp", OUTFALL_FIELDS, OUTFALL_ROWS)
    path.with_suffix(".prj").unlink()
    with pytest.raises(CrsError, match="EPSG:4490"):
        read_layer(path, "outfalls")
    table, _ = read(path, "outfalls", crs=4490)
    assert table.geometry.x.round(6).tolist() == [106.6, 106.61, 106.62]


# ---------------------------------------------------------------- other vector formats


@pytest.fixture
def zones():
    return gpd.GeoDataFrame(
        {
            "编号": ["Z1", "Z2", None, "Z4", "Z5"],
            "类型": ["生态保护红线", "禁养区", "饮用水水源保护区", "环境管控单元", "示例怪区"],
            "级别": ["核心区", None, "一级", "一般管控单元", "特级"],
            "名称": ["甲", "乙", "丙", "丁", "戊"],
            "生效日期": ["2019-05-01", "2023年", None, "2023/7/1", "20240101"],
            "失效日期": ["2023年6月", "长期", None, "2022", None],
        },
        geometry=[BOX, BOX, BOW_TIE, None, MultiPolygon([BOX])],
        crs=4490,
    )


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".parquet"])
def test_vector_formats_read_alike(tmp_path, zones, suffix):
    path = tmp_path / f"zones{suffix}"
    if suffix == ".parquet":
        zones.to_parquet(path)
    elif suffix == ".geojson":
        zones.to_crs(4326).to_file(path)
    elif suffix == ".fgb":
        zones.to_file(path, SPATIAL_INDEX="NO")  # keeps the order of the rows
    else:
        zones.to_file(path)
    table, problems = read(path, "zones")
    assert len(table) + len(set_aside(problems)) == len(zones)
    assert table["zone_id"].tolist() == ["Z1", "Z2", "row-4", "Z4", "Z5"]
    assert table["kind"].tolist()[:4] == ["red_line", "livestock", "water_source", "control_unit"]
    assert table["grade"].tolist() == ["core", "banned", "I", "general", "特级"]
    assert table.loc[4, "kind"] == "示例怪区"
    assert table.loc[0, "valid_from"] == pd.Timestamp("2019-05-01")
    assert table.loc[0, "valid_to"] == pd.Timestamp("2023-06-30")  # the month to its end
    assert table["valid_to"].isna().tolist() == [False, True, True, False, True]
    assert table.loc[3, "valid_to"] == pd.Timestamp("2022-12-31")
    assert table.geometry.iloc[2].is_valid
    assert table.geometry.iloc[3] is None
    assert kinds(problems) >= {
        "geometry_repaired",
        "geometry_missing",
        "id_missing",
        "code_unknown",
    }
    assert one(problems, "geometry_repaired").ids == ("row-4",)
    assert one(problems, "geometry_missing").rows == (5,)
    assert list(table.columns[:8]) == [
        *("zone_id", "kind", "grade", "name", "code", "valid_from", "valid_to"),
        "geometry",
    ]
    assert isinstance(table, gpd.GeoDataFrame)
    assert table.crs.to_epsg() == 4490


def test_dates_reversed_are_found_between_layers(tmp_path, zones):
    zones.to_file(tmp_path / "zones.gpkg")
    table, _ = read(tmp_path / "zones.gpkg", "zones")
    (problem,) = layers.check_layers({"zones": table})
    assert problem.kind == "dates_reversed"
    assert problem.ids == ("Z4",)


@pytest.mark.parametrize("crs", [4490, 4545])
def test_bow_tie_reports_the_change_of_area(tmp_path, zones, crs):
    zones.iloc[[2]].to_crs(crs).to_file(tmp_path / "z.gpkg")
    table, problems = read(tmp_path / "z.gpkg", "zones")
    assert len(table.geometry.iloc[0].geoms) == 2  # both halves are there
    change = one(problems, "geometry_repaired").en.split()[-1]
    # the bow-tie covers half of its box of 9740 m x 11085 m; as it was drawn its area is zero
    assert float(change) == pytest.approx(9740 * 11085 / 2, rel=0.002)


def test_geojson_in_gbk(tmp_path):
    path = tmp_path / "sites.geojson"
    feature = {
        "type": "Feature",
        "properties": {"项目编号": 7, "项目名称": "示例化工", "标签": ["a", "b"]},
        "geometry": {"type": "Point", "coordinates": [106.65, 29.02]},
    }
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}, ensure_ascii=False)
    path.write_bytes(content.encode("gbk"))
    table, problems = read(path, "sites")
    assert table.loc[0, ["site_id", "name"]].tolist() == ["7", "示例化工"]
    assert table.loc[0, "标签"] == "a, b"
    assert "gb18030" in one(problems, "encoding").en


def test_geopackage_with_several_layers(tmp_path):
    path = tmp_path / "all.gpkg"
    points = gpd.GeoDataFrame({"id": ["a"], "name": ["甲"]}, geometry=[Point(106.6, 29)], crs=4490)
    points.to_file(path, layer="取水口")
    points.to_file(path, layer="other")
    assert layers.layer_names(path) == ["取水口", "other"]
    assert len(read(path, "intakes")[0]) == 1  # by its Chinese name
    with pytest.raises(LayerError, match="Give layer= one of: 取水口, other"):
        read_layer(path, "structures")
    assert read(path, "structures", layer="other")[0].loc[0, "name"] == "甲"
    with pytest.raises(LayerError, match="no layer 'nope'"):
        read_layer(path, "structures", layer="nope")


def test_geopackage_damaged(tmp_path, zones):
    path = tmp_path / "zones.gpkg"
    zones.to_file(path)
    content = bytearray(path.read_bytes())
    page = 4096
    with sqlite3.connect(path) as base:
        root = base.execute("SELECT rootpage FROM sqlite_master WHERE name='zones'").fetchone()[0]
    base.close()
    content[(root - 1) * page : root * page] = b"\xa5" * page
    path.write_bytes(bytes(content))
    with pytest.raises(LayerError, match=r"zones\.gpkg is damaged"):
        read_layer(path, "zones")


@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".parquet", ".gpkg"])
def test_vector_file_cut_in_half(tmp_path, zones, suffix):
    path = tmp_path / f"zones{suffix}"
    whole = zones[zones.geometry.notna()].to_crs(4326)
    whole.to_parquet(path) if suffix == ".parquet" else whole.to_file(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LayerError, match=f"zones\\{suffix}"):
        read_layer(path, "zones")


@pytest.mark.parametrize("suffix", [".csv", ".geojson", ".shp"])
@pytest.mark.parametrize(
    ("stored", "name"),
    [("Łódź", "Łódź"), ("ÖØÇì", "重庆"), ("缍︽睙绀轰緥", "綦江示例")],
)
def test_utf8_letters_of_two_bytes(tmp_path, suffix, stored, name):
    path = tmp_path / f"sites{suffix}"
    table = gpd.GeoDataFrame(
        {"site_id": ["a"], "name": [stored]}, geometry=[Point(106.6, 29)], crs=4490
    )
    if suffix == ".csv":
        path.write_text(f"site_id,name,lon,lat\na,{stored},106.6,29\n", encoding="utf-8")
    else:
        table.to_file(path, encoding="utf-8")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    found, problems = read(path, "sites")
    assert found["name"].tolist() == [name]
    assert ("text_repaired" in {p.kind for p in problems}) == (stored != name)


@pytest.mark.parametrize("mu", ["\u03bc", "\u00b5"])
def test_micrograms_in_a_cell(tmp_path, mu):
    path = tmp_path / "samples.csv"
    path.write_text(f"section_id,date,tp\nA,2025-01-05,10{mu}g/L\n", encoding="utf-8")
    table, problems = read(path, "samples")
    assert table["tp"].tolist() == pytest.approx([0.01])
    assert f"10{mu}g/L" in one(problems, "cell_converted").zh


def test_mojibake_already_in_the_data(tmp_path):
    broken = "示例重庆企业".encode("gbk").decode("latin-1")
    points = gpd.GeoDataFrame(
        {"site_id": ["a", "b", "c"], "name": [broken, "锟斤拷锟", "Zürich ±2°"]},
        geometry=[Point(106.6, 29)] * 3,
        crs=4490,
    )
    points.to_file(tmp_path / "sites.gpkg")
    table, problems = read(tmp_path / "sites.gpkg", "sites")
    assert table["name"].fillna("").tolist() == ["示例重庆企业", "", "Zürich ±2°"]
    assert one(problems, "text_repaired").rows == (2,)
    assert one(problems, "text_lost").severity == "error"


# ---------------------------------------------------------------- coordinate systems and geometry


def test_projected_layer_comes_to_4490(tmp_path):
    line = gpd.GeoSeries([LineString([(106.6, 29), (106.61, 29)])], crs=4490)
    rivers = gpd.GeoDataFrame({"reach_id": [1]}, geometry=line.to_crs(4545))
    rivers.to_file(tmp_path / "rivers.gpkg")
    table, _ = read(tmp_path / "rivers.gpkg", "rivers")
    assert table.crs.to_epsg() == 4490
    assert table.total_bounds == pytest.approx([106.6, 29, 106.61, 29], abs=1e-6)
    assert table["reach_id"].tolist() == ["1"]
    assert "to_id" not in table.columns
    assert table["width_m"].isna().all()


def test_missing_crs_names_the_grid(tmp_path):
    line = gpd.GeoSeries([LineString([(106.6, 29), (106.61, 29)])], crs=4490).to_crs(4524)
    rivers = gpd.GeoDataFrame({"reach_id": [1]}, geometry=line.set_crs(None, allow_override=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rivers.to_file(tmp_path / "rivers.shp")
    with pytest.raises(CrsError, match="EPSG:4524"):
        read_layer(tmp_path / "rivers.shp", "rivers")
    table, _ = read(tmp_path / "rivers.shp", "rivers", crs="EPSG:4524")
    assert table.total_bounds == pytest.approx([106.6, 29, 106.61, 29], abs=1e-6)


def test_crs_given_stands_over_the_file_and_is_reported(tmp_path, zones):
    zones.to_crs(4326).to_file(tmp_path / "zones.gpkg")
    _, problems = read(tmp_path / "zones.gpkg", "zones", crs=4490)
    assert "WGS 84" in one(problems, "crs_overridden").en
    with pytest.raises(CrsError, match="no coordinate system 'EPSG:0'"):
        read_layer(tmp_path / "zones.gpkg", "zones", crs="EPSG:0")


def test_old_datum_is_refused(tmp_path, zones):
    zones.set_crs(4214, allow_override=True).to_file(tmp_path / "zones.gpkg")
    with pytest.raises(CrsError, match="Beijing 1954"):
        read_layer(tmp_path / "zones.gpkg", "zones")


def test_swapped_and_stray_features(tmp_path):
    places = [Point(106.6, 29), Point(29, 106.6), Point(0, 0), Point(106.7, 29)]
    sites = gpd.GeoDataFrame({"site_id": list("abcd")}, geometry=places, crs=4490)
    sites.to_file(tmp_path / "sites.gpkg")
    table, problems = read(tmp_path / "sites.gpkg", "sites")
    assert table.geometry.iloc[1] == Point(106.6, 29)
    assert table.geometry.iloc[2] is None
    assert one(problems, "axes_swapped").ids == ("b",)
    assert one(problems, "coordinates_outside").rows == (4,)
    assert "geometry_missing" not in kinds(problems)  # said once


def test_metres_declared_as_degrees(tmp_path):
    sites = gpd.GeoDataFrame({"site_id": ["a"]}, geometry=[Point(36_408_000, 3_210_000)], crs=4490)
    sites.to_file(tmp_path / "sites.gpkg")
    with pytest.raises(CrsError, match="EPSG:4524"):
        read_layer(tmp_path / "sites.gpkg", "sites")


def test_wrong_types_and_heights(tmp_path):
    shapes = [
        Point(106.6, 29, 350.0),
        MultiPoint([(106.6, 29)]),
        MultiPoint([(106.6, 29), (106.7, 29)]),
        LineString([(106.6, 29), (106.7, 29)]),
    ]
    gpd.GeoDataFrame({"section_id": list("abcd")}, geometry=shapes, crs=4490).to_file(
        tmp_path / "sections.gpkg"
    )
    table, problems = read(tmp_path / "sections.gpkg", "sections")
    assert table.geometry.iloc[:2].tolist() == [Point(106.6, 29)] * 2
    assert not table.geometry.has_z.any()
    assert table.geometry.isna().tolist() == [False, False, True, True]
    assert one(problems, "geometry_type").ids == ("c", "d")
    assert "应为点" in one(problems, "geometry_type").zh
    assert one(problems, "geometry_z").rows == (2,)


def test_lines_of_zero_length_and_flat_polygons(tmp_path):
    lines = [LineString([(106.6, 29), (106.6, 29)]), LineString([(106.6, 29), (106.7, 29)])]
    gpd.GeoDataFrame({"reach_id": ["a", "b"]}, geometry=lines, crs=4490).to_file(
        tmp_path / "rivers.gpkg"
    )
    assert one(read(tmp_path / "rivers.gpkg", "rivers")[1], "geometry_zero_length").ids == ("a",)
    flat = Polygon([(106.6, 29), (106.7, 29), (106.6, 29)])
    gpd.GeoDataFrame({"id": ["a"], "name": ["x"]}, geometry=[flat], crs=4490).to_file(
        tmp_path / "districts.gpkg"
    )
    table, problems = read(tmp_path / "districts.gpkg", "districts")
    assert table.geometry.isna().all()
    assert one(problems, "geometry_collapsed").severity == "error"


# ---------------------------------------------------------------- text tables


def write_csv(path, rows, encoding="utf-8-sig", delimiter=","):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


SECTIONS = [
    [
        "断面编码",
        "断面名称",
        "断面级别",
        "所在河流",
        "经度",
        "纬度",
        "水质目标",
        "水体类型",
        "流量(m³/s)",
    ],
    ["S-1", "示例一", "国控", "綦江河", "106.65", "29.02", "Ⅲ类", "河流", "12.5"],
    ["S-2", "示例二", "市控", "扶欢河", "106°39′12.3″E", "29°1′0″N", "3类", "湖库", "1,200"],
    ["S-3", "示例三", "镇控", "", "２９．０２", "１０６．６５", "劣Ⅴ", "", "—"],
    ["", "示例四", "区控", "", "东经106度30分", "未知", "II", "", ""],
]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_csv_sections(tmp_path, encoding, suffix):
    delimiter = "\t" if suffix == ".tsv" else ","
    path = write_csv(tmp_path / f"sections{suffix}", SECTIONS, encoding, delimiter)
    table, problems = read(path, "sections")
    assert len(table) + len(set_aside(problems)) == 4
    assert table["section_id"].tolist() == ["S-1", "S-2", "S-3", "row-5"]
    assert table["level"].tolist() == ["national", "municipal", "镇控", "district"]
    assert table["target_class"].tolist() == ["III", "III", "inferior", "II"]
    assert table["waterbody"].fillna("").tolist() == ["river", "lake", "", ""]
    assert table["flow_m3_s"].tolist()[:2] == [12.5, 1200]
    assert table["flow_m3_s"].isna().tolist() == [False, False, True, True]
    assert table.geometry.iloc[1].x == pytest.approx(106 + 39 / 60 + 12.3 / 3600)
    assert table.geometry.iloc[2] == Point(106.65, 29.02)
    assert table.geometry.iloc[3] is None
    assert one(problems, "axes_swapped").rows == (4,)
    assert one(problems, "coordinates_unreadable").rows == (5,)
    assert "东经106度30分, 未知" in one(problems, "coordinates_unreadable").zh
    unknown = one(problems, "code_unknown")
    assert "“镇控”" in unknown.zh
    assert "did you mean" in unknown.en
    assert kinds(problems, "info") >= {"crs_assumed", "encoding", "column_taken"}
    assert "lon" not in table.columns


def test_csv_quotes_title_blank_and_ragged_rows(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text(
        "示例区拟建项目一览表,,,,\n"
        "项目编号,项目名称,建设性质,经度,纬度\n"
        '1,"示例,化工\n二期",新建,106.6,29.0\n'
        ",,,,\n"
        "2,示例仓储,扩建,106.7,29.0,多余\n"
        "3,示例码头,技改,106.7\n"
        "4,示例养殖场,搬家,106.7,29.1\n",
        encoding="utf-8",
    )
    table, problems = read(path, "sites")
    assert table["site_id"].tolist() == ["1", "3", "4"]
    assert table["action"].tolist() == ["new", "rebuild", "搬家"]
    assert table.loc[0, "name"] == "示例,化工\n二期"
    assert one(problems, "row_blank").rows == (4,)
    assert one(problems, "row_ragged").rows == (5,)
    assert one(problems, "row_short").rows == (6,)
    assert set_aside(problems) == [4, 5]
    assert len(table) + len(set_aside(problems)) == 5


def test_csv_cut_inside_a_quoted_cell(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text('site_id,lon,lat\n1,106.6,29\n"2,106', encoding="utf-8")
    with pytest.raises(LayerError, match="cannot be read"):
        read_layer(path, "sites")


def test_csv_pairs_and_wkt(tmp_path):
    path = write_csv(
        tmp_path / "a.csv", [["site_id", "经纬度"], ["a", "106.65，29.02"], ["b", "?"]]
    )
    table, problems = read(path, "sites")
    assert table.geometry.iloc[0] == Point(106.65, 29.02)
    assert one(problems, "coordinates_unreadable").ids == ("b",)
    path = write_csv(
        tmp_path / "b.csv", [["reach_id", "wkt"], ["r", "LINESTRING (106 29, 107 29)"]]
    )
    assert read(path, "rivers")[0].geometry.iloc[0].length == 1


def test_missing_required_column_says_what_to_do(tmp_path):
    path = write_csv(tmp_path / "a.csv", [["断面编嘛", "经度", "纬度"], ["S", "106.6", "29"]])
    with pytest.raises(LayerError) as caught:
        read_layer(path, "sections")
    text = str(caught.value)
    assert "no column 'section_id'" in text
    assert "断面编码" in text
    assert "the file has: 断面编嘛, 经度, 纬度" in text
    assert "Is it '断面编嘛'?" in text
    table, _ = read(path, "sections", columns={"section_id": "断面编嘛"})
    assert table["section_id"].tolist() == ["S"]


def test_columns_given_by_the_user(tmp_path):
    rows = [["a", "b", "x", "y", "总磷t/a"], ["S", "甲", "106.6", "29", "0.365"]]
    path = write_csv(tmp_path / "a.csv", rows)
    table, _ = read(
        path,
        "outfalls",
        columns={"outfall_id": "a", "name": "b", "data_basis": "=许可", "load_tp_kg_d": "总磷t/a"},
    )
    assert table.loc[0, ["outfall_id", "name", "data_basis"]].tolist() == ["S", "甲", "permit"]
    assert table.loc[0, "load_tp_kg_d"] == pytest.approx(1.0)
    with pytest.raises(LayerError, match="which the file does not have"):
        read_layer(path, "outfalls", columns={"outfall_id": "nope"})
    with pytest.raises(LayerError, match="'outfal_id', which is no column"):
        read_layer(path, "outfalls", columns={"outfal_id": "a"})


def test_two_headings_for_one_column(tmp_path):
    rows = [["编号", "排污口编码", "经度", "纬度"], ["1", "P-7", "106.6", "29"]]
    table, problems = read(write_csv(tmp_path / "a.csv", rows), "outfalls")
    assert table.loc[0, ["outfall_id", "编号"]].tolist() == ["P-7", "1"]
    assert one(problems, "column_twice").severity == "warning"


def test_loads_by_unit_and_word(tmp_path):
    rows = [
        ["编码", "经度", "纬度", "总磷(t/a)", "COD负荷", "氨氮浓度mg/L", "总氮", "污水量(万吨/日)"],
        ["1", "106.6", "29", "0.365", "20", "<0.5", "3", "1.2"],
        ["2", "106.6", "29.1", "x", "-3", "未检出", "", "1,000"],
    ]
    table, problems = read(write_csv(tmp_path / "a.csv", rows), "outfalls")
    assert table.loc[0, "load_tp_kg_d"] == pytest.approx(1.0)
    assert table.loc[0, "load_cod_kg_d"] == 20
    assert table["conc_nh3n_mg_l_flag"].tolist() == ["below", "below_unknown"]
    assert table.loc[0, "conc_nh3n_mg_l"] == 0.5
    assert table["flow_m3_d"].tolist() == [12_000, 10_000_000]
    assert table["总氮"].fillna("").tolist() == ["3", ""]  # load or concentration? not taken
    assert {p.rows for p in problems if p.kind == "number_unreadable"} == {(3,)}
    assert "COD负荷" in one(problems, "unit_assumed").zh
    assert len([p for p in problems if p.kind == "unit_converted"]) == 2


# ---------------------------------------------------------------- samples


SAMPLES = [
    [
        "断面编码",
        "采样日期",
        "pH(无量纲)",
        "溶解氧",
        "氨氮(NH3-N)",
        "总磷（以P计）",
        "汞(μg/L)",
        "粪大肠菌群(个/L)",
    ],
    ["", "", "", "mg/L", "mg/L", "mg/L", "", ""],
    ["S-1", "2025-07", "7.8", "8.1", "0.025L", "<0.01", "0.04", "１，２００"],
    ["S-1", "2025年8月", "—", "", "未检出", "0.12", "/", ">24196"],
    ["S-1", "2025/8/1", "7.9", "abc", "0.3", "0.2", "", ""],
    ["", "2025-09", "7.7", "8", "0.3", "0.1", "", ""],
    ["S-2", "雨天", "7.7", "8", "0.3", "0.1", "", ""],
]


def test_samples(tmp_path):
    table, problems = read(write_csv(tmp_path / "samples.csv", SAMPLES, "gb18030"), "samples")
    assert not isinstance(table, gpd.GeoDataFrame)
    assert len(table) + len(set_aside(problems)) == 6
    assert set_aside(problems) == [2, 6, 7]
    assert table["date"].tolist() == [pd.Timestamp(2025, m, 1) for m in (7, 8, 8)]
    assert str(table["date"].dtype).startswith("datetime64")
    assert table["tp"].tolist() == [0.01, 0.12, 0.2]
    assert table["tp_flag"].tolist() == ["below", "", ""]
    assert table["nh3n_flag"].tolist() == ["below", "below_unknown", ""]
    assert table["ph_flag"].tolist() == ["", "", ""]
    assert table["hg"].tolist()[0] == pytest.approx(4e-5)
    assert table["fecal_coliform"].tolist()[:2] == [1200, 24196]
    assert table["fecal_coliform_flag"].tolist() == ["", "above", ""]
    assert np.isnan(table["do"].to_numpy(dtype=float)).tolist() == [False, True, True]
    assert one(problems, "number_unreadable").rows == (5,)
    assert one(problems, "date_unreadable").rows == (7,)
    assert one(problems, "key_duplicate").rows == (4, 5)
    assert all(t.dtype == float for n, t in table.items() if n in ("ph", "do", "tp", "hg"))


def test_samples_against_sections():
    sections = pd.DataFrame({"section_id": ["S-1", "S-3"]})
    samples = pd.DataFrame({"section_id": ["S-1", "示例二"]})
    found = layers.check_layers({"sections": sections, "samples": samples})
    assert {p.kind: p.ids for p in found} == {
        "section_unknown": ("示例二",),
        "section_without_samples": ("S-3",),
    }


# ---------------------------------------------------------------- workbooks


def workbook(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


SITES = [
    ["项目选址一览表"],
    ["项目编号", "项目名称", "行业类别", "建设性质", "经度", "纬度"],
    ["J-01", "示例化工厂", "化工", "新建", "106°39′12.3″E", "29°01′30″N"],
    [2, "示例尾矿库", "尾矿库", "改建", "106 39 12.3", "29 1 30"],
    [None, None, None, None, None, None],
    [3.0, "示例园区", "化工园区", "改扩建", "106°39'12.3\"", "29°1'30\""],
    ["J-04", "示例养殖场", "养殖场", "现有", "１０６°３９′", 29.025],
    ["J-05", "示例仓储", "仓储", "新建", None, None],
]


def test_xlsx_sites_in_degrees_minutes_seconds(tmp_path):
    path = workbook(tmp_path / "sites.xlsx", {"说明": [["本表为示例"]], "项目": SITES})
    table, problems = read(path, "sites")
    assert table["site_id"].tolist() == ["J-01", "2", "3", "J-04", "J-05"]
    assert table["category"].tolist() == [
        *("chemical", "tailings_pond", "chemical_park", "livestock_farm", "warehouse"),
    ]
    assert table["action"].tolist() == ["new", "rebuild", "expand", "existing", "new"]
    expected = 106 + 39 / 60 + 12.3 / 3600
    assert table.geometry.x.iloc[:4].tolist() == pytest.approx([expected] * 3 + [106.65])
    assert table.geometry.y.iloc[:4].tolist() == pytest.approx([29.025] * 4)
    assert one(problems, "row_blank").rows == (5,)
    assert one(problems, "geometry_missing").rows == (8,)
    assert len(table) + len(set_aside(problems)) == len(SITES) - 2


def test_xlsx_dates_numbers_and_formulas(tmp_path):
    rows = [
        ["断面编号", "采样日期", "总磷", "氨氮"],
        ["S-1", dt.datetime(2025, 7, 3), 0.12, "=1+1"],
        ["S-1", 45870, "<0.01", "0.02L"],
        ["S-1", "2025-09", None, "ND"],
    ]
    table, problems = read(workbook(tmp_path / "s.xlsx", {"Sheet1": rows}), "samples")
    assert table["date"].dt.strftime("%Y-%m-%d").tolist() == [
        "2025-07-03",
        "2025-08-01",
        "2025-09-01",
    ]
    assert table["tp"].tolist()[:2] == [0.12, 0.01]
    assert one(problems, "formula_without_value").rows == (2,)
    assert np.isnan(table["nh3n"].iloc[0])


def test_xlsx_several_sheets_need_a_name(tmp_path):
    path = workbook(tmp_path / "s.xlsx", {"甲": SITES, "乙": SITES})
    with pytest.raises(LayerError, match=r"State layer = .* one of: 甲, 乙"):
        read_layer(path, "sites")
    assert len(read(path, "sites", layer="乙")[0]) == 5


# ---------------------------------------------------------------- in memory, warnings, finding


def test_a_table_in_memory_is_not_changed():
    given = gpd.GeoDataFrame(
        {"site_id": [1, 1], "name": ["a", "b"]}, geometry=[BOX, BOW_TIE], crs=4490
    )
    before = given.copy(deep=True)
    table, problems = read(given, "sites")
    pd.testing.assert_frame_equal(pd.DataFrame(given), pd.DataFrame(before))
    assert table["site_id"].tolist() == ["1", "1#2"]
    assert kinds(problems, "warning") == {"id_duplicate", "geometry_repaired", "column_absent"}


def test_without_a_list_problems_warn_once():
    whole = {"site_id": [1, 1], "category": ["warehouse"] * 2, "action": ["new"] * 2}
    given = gpd.GeoDataFrame(whole, geometry=[Point(106.6, 29)] * 2, crs=4490)
    with pytest.warns(BasinWarning, match="renamed 1#2") as caught:
        read_layer(given, "sites")
    assert len(caught) == 1
    read_layer(given.iloc[:1], "sites")  # nothing to say: no warning


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet", ".csv", ".xlsx"])
@pytest.mark.parametrize("kind", ["zones", "samples", "sections", "outfalls"])
def test_a_layer_without_rows(tmp_path, suffix, kind):
    path = tmp_path / f"a{suffix}"
    columns = {"zone_id": ["x"], "kind": ["x"], "section_id": ["x"], "date": ["2025-01-01"]}
    columns["outfall_id"] = ["x"]
    empty = gpd.GeoDataFrame(columns, geometry=[Point(106.6, 29)], crs=4326).iloc[:0]
    if suffix == ".parquet":
        empty.to_parquet(path)
    elif suffix in (".csv", ".xlsx"):
        flat = pd.DataFrame(columns).assign(lon=1.0, lat=1.0).iloc[:0]
        flat.to_csv(path, index=False) if suffix == ".csv" else flat.to_excel(path, index=False)
    elif suffix == ".fgb":
        empty.to_file(path, geometry_type="Point")
    else:
        empty.to_file(path)
    if suffix == ".geojson":  # without features GDAL knows no columns
        with pytest.raises(LayerError, match="no column"):
            read_layer(path, kind)
        return
    table, problems = read(path, kind)
    assert len(table) == 0
    assert set(schema_columns(kind)) <= set(table.columns)
    assert "layer_empty" in kinds(problems)


def schema_columns(kind):
    layer = layers.vocabulary.schema(kind)
    return [c for c in layer.columns if c not in layer.absent]


def test_unknown_kind():
    with pytest.raises(LayerError, match="Did you mean 'outfalls'"):
        read_layer("a.gpkg", "outfall")


def test_find_layers(tmp_path, zones):
    zones.to_file(tmp_path / "zones.gpkg")
    zones.to_file(tmp_path / "mixed.gpkg", layer="红线图")
    zones.to_file(tmp_path / "mixed.gpkg", layer="zones")
    zones.to_file(tmp_path / "mixed.gpkg", layer="coverage")
    write_csv(tmp_path / "断面.csv", SECTIONS)
    workbook(tmp_path / "sites.xlsx", {"x": SITES})
    (tmp_path / "sites.geojson").write_text("{}")
    (tmp_path / "notes.csv").write_text("a,b\n")
    (tmp_path / "readme.md").write_text("-")
    found = layers.find_layers(tmp_path)
    names = {k: [(Path(p).name, inner) for p, inner in v] for k, v in found.items()}
    assert names == {
        "zones": [("mixed.gpkg", "zones"), ("zones.gpkg", None)],
        "coverage": [("mixed.gpkg", "coverage")],
        "sections": [("断面.csv", None)],
        "sites": [("sites.geojson", None), ("sites.xlsx", None)],
    }
    inside = layers.find_layers(tmp_path / "mixed.gpkg")
    assert {k: [inner for _, inner in v] for k, v in inside.items()} == {
        "zones": ["zones"],
        "coverage": ["coverage"],
    }


def test_stack_layers(tmp_path):
    a = gpd.GeoDataFrame({"site_id": ["1", "2"]}, geometry=[BOX, BOX], crs=4490)
    b = gpd.GeoDataFrame({"site_id": ["2"], "extra": [1.5]}, geometry=[Point(106.6, 29)], crs=4490)
    problems: list[layers.Problem] = []
    both = layers.stack_layers(
        [read(a, "sites")[0], read(b, "sites")[0]], "sites", problems=problems
    )
    assert both["site_id"].tolist() == ["1", "2", "2#2"]
    assert both.crs.to_epsg() == 4490
    assert both["accuracy_m"].dtype == float
    assert both["extra"].dtype == float
    assert kinds(problems) == {"id_duplicate"}


def test_problems_frame_in_two_languages(tmp_path):
    path = write_csv(tmp_path / "sections.csv", SECTIONS)
    _, problems = read(path, "sections")
    zh, en = layers.problems_frame(problems), layers.problems_frame(problems, "en")
    assert list(zh.columns) == list(en.columns)
    assert zh["severity"].tolist() == sorted(zh["severity"], key=["error", "warning", "info"].index)
    assert "坐标读不出" in zh["problem"].iloc[0]
    assert "cannot be read" in en["problem"].iloc[0]
    assert layers.problems_frame([]).empty
    assert len(layers.unreadable("zones", LayerError("x is damaged", mend="Ask.")).zh) > 10


def test_outfalls_entered_twice_and_layers_elsewhere():
    rivers = gpd.GeoDataFrame(
        {"reach_id": ["r"]}, geometry=[LineString([(106.6, 29), (106.7, 29)])], crs=4490
    )
    near = [Point(106.6, 29), Point(106.60003, 29), Point(106.6001, 29)]
    outfalls = gpd.GeoDataFrame({"outfall_id": list("abc")}, geometry=near, crs=4490)
    far = gpd.GeoDataFrame({"site_id": ["s"]}, geometry=[Point(109.6, 29)], crs=4490)
    found = layers.check_layers({"rivers": rivers, "outfalls": outfalls, "sites": far})
    assert {p.kind: (p.layer, p.ids) for p in found} == {
        "outfalls_close": ("outfalls", ("a + b",)),  # 2.9 m; b and c are 6.8 m apart
        "layer_elsewhere": ("sites", ()),
    }


def test_a_wanted_column_that_is_absent_is_listed():
    sites = gpd.GeoDataFrame({"site_id": ["a"]}, geometry=[Point(106.6, 29)], crs=4490)
    _, problems = read(sites, "sites")
    absent = [p for p in problems if p.kind == "column_absent"]
    assert [p.zh.split("（")[0] for p in absent] == ["没有列 category", "没有列 action"]


def test_what_moves_is_new_where_it_goes():
    """迁建 within 1 km of a bank must not pass as a rebuild."""
    told = {"site_id": ["a", "b"], "category": ["化工"] * 2, "action": ["迁建", "异地搬迁"]}
    table, _ = read(gpd.GeoDataFrame(told, geometry=[Point(106.6, 29)] * 2, crs=4490), "sites")
    assert table["action"].tolist() == ["new", "new"]


def test_samples_by_the_name_of_their_section():
    sections = pd.DataFrame({"section_id": ["S1", "S2", "S3"], "name": ["甲", "乙", "乙"]})
    given = pd.DataFrame({"section_id": ["甲", "s2", "乙", "S3", "丙"]})
    problems: list[Problem] = []
    matched = match_sections(given, sections, problems=problems)
    assert matched["section_id"].tolist() == ["S1", "S2", "乙", "S3", "丙"]  # 乙 names two
    assert "s2 = S2, 甲 = S1" in problems[0].zh
    assert match_sections(matched.iloc[[0]], sections) is not None
    assert given["section_id"].iloc[0] == "甲"


def test_answers_of_an_earlier_run_are_no_input(tmp_path):
    here = gpd.GeoDataFrame({"outfall_id": ["P"]}, geometry=[Point(106.6, 29)], crs=4490)
    write_layers(tmp_path / "outfalls.gpkg", {"outfalls": here})
    findings = pd.DataFrame({"site_id": ["a"]})
    write_layers(tmp_path / "layers.gpkg", {"outfalls": here, "site_findings": findings})
    (tmp_path / "台账2025.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    found = find_layers(tmp_path)
    assert found == {"outfalls": [((tmp_path / "outfalls.gpkg").resolve(), None)]}
    assert unused_files(tmp_path, found) == ["台账2025.csv"]
