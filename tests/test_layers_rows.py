"""No row vanishes: rows of the file = rows of the table + rows set aside, in every format.

One table holds every broken geometry at once; it is written in each format and read again.
"""

from __future__ import annotations

import math
import struct
import warnings
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from shapely import (
    GeometryCollection,
    LineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
    box,
)

from basin.crs import area_m2
from basin.layers import read_layer

NAN, INF = math.nan, math.inf
SQUARE = box(106, 29, 106.01, 29.01)
BOW_TIE = Polygon([(106, 29), (106.01, 29.01), (106.01, 29), (106, 29.01)])


def triangle(x):
    """A polygon with one odd coordinate, as a damaged file has it."""
    with np.errstate(invalid="ignore", over="ignore"):
        return Polygon([(106, 29), (x, 29.1), (106.1, 29)])


#: name -> polygon, what is said of it, and whether a shape is left
POLYGONS = {
    "good": (SQUARE, set(), True),
    "bow_tie": (BOW_TIE, {"geometry_repaired"}, True),
    "null": (None, {"geometry_missing"}, False),
    "empty": (Polygon(), {"geometry_missing"}, False),
    "flat": (Polygon([(106, 29), (106.1, 29.1), (106.05, 29.05)]), {"geometry_collapsed"}, False),
    "overlapping": (
        MultiPolygon([SQUARE, box(106.005, 29.005, 106.02, 29.02)]),
        {"geometry_repaired"},
        True,
    ),
    "hole_outside": (
        Polygon(SQUARE.exterior, [[(106.005, 29.005), (106.02, 29.005), (106.02, 29.007)]]),
        {"geometry_repaired"},
        True,
    ),
    "nan": (triangle(NAN), {"coordinates_not_finite"}, False),
    "infinite": (triangle(INF), {"coordinates_not_finite"}, False),
    "enormous": (triangle(1e300), {"coordinates_not_finite"}, False),
    "abroad": (box(2, 48, 2.1, 48.1), {"coordinates_outside"}, False),
    "swapped": (box(29, 106, 29.01, 106.01), {"axes_swapped"}, True),
    "line": (LineString([(106, 29), (106.1, 29)]), {"geometry_type"}, False),
    "height": (Polygon([(106, 29, 5), (106.1, 29, 5), (106.1, 29.1, 5)]), {"geometry_z"}, True),
    "collection": (
        GeometryCollection([SQUARE, LineString([(106, 29), (106.1, 29)])]),
        {"geometry_parts"},
        True,
    ),
}


def read(source, kind, **options):
    problems = []
    return read_layer(source, kind, problems=problems, **options), problems


def said(problems):
    """Id -> what is said of it."""
    found = {}
    for p in problems:
        for i in p.ids:
            found.setdefault(i, set()).add(p.kind)
    return found


def accounted(table, problems):
    return len(table) + sum(len(p.rows) for p in problems if p.set_aside)


def zones(names):
    table = {"zone_id": list(names), "kind": "red_line", "grade": "core", "name": list(names)}
    shapes = [POLYGONS[n][0] for n in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gpd.GeoDataFrame(table, geometry=shapes, crs=4490)


def test_every_broken_polygon_is_mended_or_emptied_and_listed():
    table, problems = read(zones(POLYGONS), "zones")
    assert table["zone_id"].tolist() == list(POLYGONS)
    told = said(problems)
    for name, shape in zip(table["zone_id"], table.geometry, strict=True):
        _, expected, left = POLYGONS[name]
        geometric = {
            k for k in told.get(name, set()) if "geometry" in k or k[:4] in ("coor", "axes")
        }
        assert geometric == expected, name
        assert (shape is not None and not shape.is_empty) is left, name
        if left:
            assert shape.is_valid
            assert shape.geom_type in ("Polygon", "MultiPolygon")


def test_a_repair_states_the_change_of_area_of_each():
    table, problems = read(zones(["good", "bow_tie", "hole_outside"]), "zones")
    found = next(p for p in problems if p.kind == "geometry_repaired")
    # the two loops of a bow tie cancel out: before the repair its area is nothing
    gained = area_m2(table.geometry)[1]
    assert float(found.en.split("bow_tie ")[1].split(",")[0]) == pytest.approx(gained, rel=1e-4)
    assert "hole_outside " in found.en


def test_lines_and_points_in_the_wrong_shape_are_listed():
    lines = {
        "good": LineString([(106, 29), (106.1, 29)]),
        "nowhere": LineString([(106, 29), (106, 29)]),
        "polygon": SQUARE,
        "nan": triangle(NAN).exterior,
    }
    table = gpd.GeoDataFrame({"reach_id": list(lines)}, geometry=list(lines.values()), crs=4490)
    rivers, problems = read(table, "rivers")
    told = said(problems)
    assert told["nowhere"] == {"geometry_zero_length"}
    assert told["polygon"] == {"geometry_type"}
    assert told["nan"] == {"coordinates_not_finite"}
    assert len(rivers) == 4
    points = {
        "good": Point(106, 29),
        "one": MultiPoint([(106, 29.1)]),
        "two": MultiPoint([(106, 29), (107, 29)]),
    }
    table = gpd.GeoDataFrame({"section_id": list(points)}, geometry=list(points.values()), crs=4490)
    sections, problems = read(table, "sections")
    assert sections.geometry.iloc[1] == Point(106, 29.1)
    assert said(problems) == {"two": {"geometry_type"}}


def test_rows_that_repeat_another_are_listed_and_kept():
    columns = {
        "outfall_id": list("abcde"),
        "name": ["x", "x", "y", "x", "x"],
        "own": [1, 1, 1, 1, 2],
    }
    places = [Point(106, 29), Point(106, 29), Point(106, 29), Point(106, 29.1), Point(106, 29)]
    table, problems = read(gpd.GeoDataFrame(columns, geometry=places, crs=4490), "outfalls")
    assert next(p for p in problems if p.kind == "row_repeated").ids == ("b",)
    assert len(table) == 5


# ---------------------------------------------------------------- every format

#: What a format cannot hold is left out of its file.
UNHELD = {
    ".shp": {"line", "collection", "height", "nan", "infinite", "enormous", "empty"},
    ".geojson": {"nan", "infinite"},
    ".fgb": {"height", "empty", "nan", "infinite"},
    ".gdb": {"line", "collection", "height", "nan", "infinite", "enormous", "empty"},
}


@pytest.mark.parametrize(
    "suffix", [".shp", ".zip", ".gpkg", ".geojson", ".fgb", ".parquet", ".gdb"]
)
def test_rows_in_are_rows_kept_and_set_aside(tmp_path, suffix):
    written = ".shp" if suffix == ".zip" else suffix
    names = [n for n in POLYGONS if n not in UNHELD.get(written, set())]
    table, path = zones(names), tmp_path / f"zones{written}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the format thinks of broken shapes
        if suffix == ".parquet":
            pytest.importorskip("pyarrow")
            table.to_parquet(path)
        elif suffix == ".gdb":
            options = {"geometry_type": "MultiPolygon", "promote_to_multi": True}
            table.to_crs(4326).to_file(path, driver="OpenFileGDB", **options)
        elif suffix == ".geojson":
            table.to_crs(4326).to_file(path)
        else:
            table.to_file(path, **({"SPATIAL_INDEX": "NO"} if suffix == ".fgb" else {}))
    if suffix == ".zip":
        path = tmp_path / "zones.zip"
        with zipfile.ZipFile(path, "w") as bundle:
            for part in tmp_path.glob("zones.*"):
                if part != path:
                    bundle.write(part, part.name)
    read_back, problems = read(path, "zones")
    assert accounted(read_back, problems) == len(names)
    assert sorted(read_back["zone_id"]) == sorted(names)
    told = said(problems)
    for name in names:
        if POLYGONS[name][1] and name not in ("height", "hole_outside", "flat"):
            assert told.get(name), (name, "is not mentioned")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx"])
def test_rows_of_tables_in_are_rows_kept_and_set_aside(tmp_path, suffix):
    rows = [
        ["排污口编码", "名称", "经度", "纬度", "废水量(吨/天)"],
        ["P1", "甲", "106.65", "29.03", "1,200"],
        ["P1", "乙", "106°39′12″", "29°1′48″", "—"],
        ["", "丙", "", "", "未检出"],
        ["P4", "丁", "29.03", "106.65", "<5"],
        ["P5", "戊", "somewhere", "29.03", "约3"],
        ["", "", "", "", ""],
        ["P7", "己", "2.35", "48.85", "/"],
    ]
    path = tmp_path / f"outfalls{suffix}"
    if suffix == ".xlsx":
        pd.DataFrame(rows[1:], columns=rows[0]).to_excel(path, index=False)
    else:
        sign = "," if suffix == ".csv" else "\t"
        text = "\n".join(sign.join(f'"{c}"' for c in row) for row in rows)
        path.write_text(text + "\n", encoding="utf-8-sig")
    table, problems = read(path, "outfalls")
    assert accounted(table, problems) == len(rows) - 1
    assert table["outfall_id"].tolist() == ["P1", "P1#2", "row-4", "P4", "P5", "P7"]
    assert table["flow_m3_d"].tolist() == pytest.approx([1200, NAN, NAN, 5, NAN, NAN], nan_ok=True)
    assert table["flow_m3_d_flag"].tolist() == ["", "", "below_unknown", "below", "unreadable", ""]
    told = {p.kind: p.rows for p in problems}
    assert told["axes_swapped"] == (5,)
    assert told["coordinates_unreadable"] == (6,)
    assert told["row_blank"] == (7,)
    assert told["coordinates_outside"] == (8,)


def test_no_placemark_of_a_kml_vanishes(tmp_path):
    shapes = {
        "good": "<Point><coordinates>106.6,29,0</coordinates></Point>",
        "swapped": "<Point><coordinates>29,106.6</coordinates></Point>",
        "broken": "<Point><coordinates>here</coordinates></Point>",
        "line": "<LineString><coordinates>106,29 107,29</coordinates></LineString>",
        "none": "",
        "repeated": "<Point><coordinates>106.6,29,0</coordinates></Point>",
    }
    marks = [f"<Placemark><name>{n}</name>{s}</Placemark>" for n, s in shapes.items()]
    marks.insert(2, "<Placemark/>")  # nothing at all: blank, and set aside
    kml = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{"".join(marks)}</Document></kml>'
    (tmp_path / "a.kml").write_text(kml, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as parts:
        parts.writestr("doc.kml", kml)
    for name in ("a.kml", "a.kmz"):
        table, problems = read(tmp_path / name, "outfalls", columns={"outfall_id": "name"})
        assert table["outfall_id"].tolist() == list(shapes)
        assert accounted(table, problems) == len(marks) == 7
        told = said(problems)
        unread = next(p for p in problems if p.kind == "coordinates_unreadable")
        assert unread.rows == (5,)  # before ids are known
        assert "geometry_type" in told["line"]
        assert "geometry_missing" in told["none"]
        assert next(p for p in problems if p.kind == "row_blank").rows == (4,)


def test_rows_that_no_program_shows_are_counted(tmp_path):
    table = gpd.GeoDataFrame(
        {"site_id": list("abcd")}, geometry=[Point(106, 29 + n / 10) for n in range(4)], crs=4490
    )
    table.to_file(tmp_path / "a.shp")
    dbf = tmp_path / "a.dbf"
    raw = bytearray(dbf.read_bytes())
    first, width = struct.unpack("<HH", raw[8:12])
    raw[first + width] = ord("*")  # the second row
    dbf.write_bytes(bytes(raw))
    sites, problems = read(tmp_path / "a.shp", "sites")
    deleted = next(p for p in problems if p.kind == "rows_deleted")
    assert "1 行" in deleted.zh
    assert accounted(sites, problems) + 1 == 4
    book = openpyxl.Workbook()
    for cells in (("site_id", "lon", "lat"), ("a", 106, 29), (), ("b", 106, 29.1)):
        book.active.append(cells)
    book.active.cell(3_000, 1, "c")
    book.save(tmp_path / "a.xlsx")
    sites, problems = read(tmp_path / "a.xlsx", "sites")
    empty = next(p for p in problems if p.kind == "rows_empty")
    assert "2995" in empty.en  # rows 5 to 2999
    assert accounted(sites, problems) + 2995 == 2_999  # below the heading
