"""Files that came by e-mail: nothing is fetched, nothing foreign opened, each a clear error."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner
from shapely.geometry import LineString, Point, Polygon

from basin.cli import main
from basin.errors import CrsError, LayerError
from basin.layers import find_layers, layer_names, read_layer

POINT = gpd.GeoDataFrame({"site_id": ["a"]}, geometry=[Point(106.6, 29)], crs=4490)


def vrt(source: str) -> str:
    return (
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{source}</SrcDataSource>'
        "<SrcLayer>a</SrcLayer></OGRVRTLayer></OGRVRTDataSource>"
    )


def pipeline(source: str) -> str:
    command = f"gdal vector pipeline ! read {source} ! write streamed --output-format stream"
    return json.dumps({"type": "gdal_streamed_alg", "command_line": command})


DISGUISES = {
    "vrt": vrt,
    "vrt_with_mark": lambda source: "\ufeff\n  " + vrt(source),
    "pipeline": pipeline,
    "pipeline_as_geojson": lambda s: pipeline(s)[:-1] + ', "features": [], "coordinates": []}',
    "wfs": lambda s: f"<OGRWFSDataSource><URL>{s}</URL></OGRWFSDataSource>",
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize(
    "suffix", [".gpkg", ".geojson", ".json", ".shp", ".fgb", ".csv", ".parquet"]
)
def test_a_pointer_in_disguise_is_refused(tmp_path, server, disguise, suffix):
    url, asked = server
    path = tmp_path / f"sites{suffix}"
    path.write_text(DISGUISES[disguise](f"/vsicurl/{url}/x.geojson"), encoding="utf-8")
    with pytest.raises(LayerError, match="whatever its name says"):
        read_layer(path, "sites")
    assert asked == []


@pytest.mark.parametrize("text", [vrt("CSV:/etc/passwd"), vrt("/etc/passwd")])
def test_a_vrt_cannot_read_other_files_even_if_gdal_was_loaded_first(tmp_path, text):
    path = tmp_path / "sites.gpkg"
    path.write_text(text)
    code = (
        "import os; os.environ.pop('GDAL_SKIP', None)\n"
        "import pyogrio, basin.layers\n"
        "from basin.errors import LayerError\n"
        f"try: basin.layers.read_layer({str(path)!r}, 'sites')\n"
        "except LayerError as error: print('refused', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused sites.gpkg is not a GeoPackage but XML")
    assert "root:" not in done.stdout


@pytest.mark.parametrize(
    "source",
    [
        "{url}/x.gpkg",
        "/vsicurl/{url}/x.gpkg",
        "vsicurl/{url}/x.gpkg",
        "/VSICURL/{url}/x.gpkg",
        "/vsizip//tmp/x.zip/x.shp",
        "s3://bucket/x.gpkg",
        "zip://x.zip!x.shp",
        "file:///etc/passwd",
        "CSV:/etc/passwd",
        "GPKG:x.gpkg",
        "PG:host=127.0.0.1",
        "MEM:::DATAPOINTER=1",
        "x\0.gpkg",
    ],
)
def test_only_local_paths(server, source):
    url, asked = server
    text = source.format(url=url)
    for given in (text, Path(text)):
        with pytest.raises(LayerError, match=r"is not a local file|there is no file"):
            read_layer(given, "sites")
    with pytest.raises(LayerError):
        layer_names(text)
    assert asked == []


def test_folders_and_devices_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "sites.gpkg")
    for path in (tmp_path, tmp_path / "sites.gpkg"):
        with pytest.raises(LayerError, match="is not a file"):
            read_layer(path, "sites")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.gpkg", b"", "empty"),
        ("a.gpkg", b"PK\x03\x04", "not a GeoPackage"),
        ("a.xlsx", b"SQLite format 3\0", "not an Excel workbook"),
        ("a.xlsx", b"PK\x03\x04 and then nothing", "damaged"),
        ("a.xls", b"\xd0\xcf\x11\xe0", r"not read\. Save it as \.xlsx"),
        ("a.kml", b"<gpx/>", "not KML but XML"),
        ("a.kml", b"<kml><Placemark>", "cannot be read"),
        ("a.zip", b"PK\x03\x04 and then nothing", "damaged"),
        ("a.kmz", b"<kml/>", "not a zip but XML"),
        ("a.csv", b"a,b\n\0\0", "not a text table"),
        ("a.csv", b"\xff\xff\xff,\x81\n", "neither UTF-8 nor GB18030"),
        ("a.geojson", b'{"hello": 1}', "not GeoJSON"),
        ("a.geojson", b"[1, 2]", "not GeoJSON"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [', "cannot be read"),
        ("a.fgb", b"fgb\x03fgb\x01\xff\xff\xff\x7f", "cannot be read"),
        ("a.parquet", b"PAR1 cut", "damaged"),
        ("a.parquet", b"PAR1 junk PAR1", "cannot be read"),
        ("a.shp", b"\x00\x00\x27\x0a", "not a shapefile"),
    ],
)
def test_what_a_file_is_not(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LayerError, match=message):
        read_layer(path, "sites")


def test_sqlite_that_is_no_geopackage_or_opens_others(tmp_path):
    path = tmp_path / "sites.gpkg"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE a (b)")
    base.close()
    with pytest.raises(LayerError, match="not a GeoPackage"):
        read_layer(path, "sites")
    path.unlink()
    POINT.to_file(path)
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA writable_schema = ON")
        base.execute(
            "INSERT INTO sqlite_master VALUES ('table', 'leak', 'leak', 0, "
            "'CREATE VIRTUAL TABLE leak USING VirtualOGR(''/etc/passwd'')')"
        )
    base.close()
    with pytest.raises(LayerError, match=r"virtual table 'leak'|damaged"):
        read_layer(path, "sites")


def test_a_workbook_that_unpacks_to_too_much(tmp_path):
    path = tmp_path / "sites.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("[Content_Types].xml", "<Types/>")
        parts.writestr("xl/worksheets/sheet1.xml", b" " * (64 << 20))
    with pytest.raises(LayerError, match="would unpack to 64 MB"):
        read_layer(path, "sites")


def test_damaged_files_do_not_stop_a_folder_from_being_searched(tmp_path):
    (tmp_path / "all.gpkg").write_text(vrt("/etc/passwd"))
    POINT.to_file(tmp_path / "sites.gpkg")
    assert list(find_layers(tmp_path)) == ["sites"]


def test_numbers_that_no_map_holds():
    with np.errstate(invalid="ignore"):
        broken = [
            Polygon([(106, 29), (x, 29), (106.1, 29.1), (106, 29.1)]) for x in (np.inf, np.nan)
        ]
    shapes = [
        Point(float("nan"), 29),
        *broken,
        Point(1e300, 29),
        Point(106.6, 29),
        Point(106.7, 29),
        Point(106.8, 29),
    ]
    table = gpd.GeoDataFrame({"site_id": list("abcdefg")}, geometry=shapes, crs=4490)
    problems = []
    read = read_layer(table, "sites", problems=problems)
    assert read.geometry.notna().tolist() == [False] * 4 + [True] * 3
    by_kind = {p.kind: p.ids for p in problems}
    assert by_kind["coordinates_not_finite"] == ("a", "b", "c", "d")
    assert "geometry_missing" not in by_kind  # said once


def test_braces_and_formulas_in_text_stay_text(tmp_path):
    names = ["{rows} {0} {{7*7}}", "=HYPERLINK(1)", "<img src=x>", "%s"]
    table = pd.DataFrame(
        {"site_id": names, "category": names, "lon": [106.6] * 4, "lat": [29.0] * 4}
    )
    problems = []
    read = read_layer(table, "sites", problems=problems)
    assert read["site_id"].tolist() == names
    assert sum(p.kind == "code_unknown" for p in problems) == 4
    assert "“{rows} {0} {{7*7}}”" in problems[-1].zh + "".join(p.zh for p in problems)


# ---------------------------------------------------------------- zips and KML


def kml(head: str, name: str) -> str:
    return (
        f"{head}<kml><Document><Placemark><name>{name}</name><Point><coordinates>106.6,29"
        "</coordinates></Point></Placemark></Document></kml>"
    )


ENTITIES = {
    "external": ('<!DOCTYPE kml [<!ENTITY x SYSTEM "{url}/passwd">]>', "&x;"),
    "file": ('<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
    "dtd": ('<!DOCTYPE kml SYSTEM "{url}/x.dtd">', "a"),
    "parameter": ('<!DOCTYPE kml [<!ENTITY % x SYSTEM "{url}/x.dtd"> %x;]>', "a"),
    "laughs": (
        '<!DOCTYPE kml [<!ENTITY a "ha">'
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in itertools.pairwise("abcdefghij"))
        + "]>",
        "&j;",
    ),
}


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_kml_entities_are_refused(tmp_path, server, entity, encoding):
    url, asked = server
    head, name = ENTITIES[entity]
    (tmp_path / "a.kml").write_bytes(kml(head.replace("{url}", url), name).encode(encoding))
    with pytest.raises(LayerError, match=r"a\.kml: it declares a document type or entities"):
        read_layer(tmp_path / "a.kml", "sites")
    assert asked == []


def test_kml_links_are_not_followed(tmp_path, server):
    url, asked = server
    link = f"<NetworkLink><Link><href>{url}/x.kml</href></Link></NetworkLink>"
    style = f"<Style><IconStyle><Icon><href>{url}/x.png</href></Icon></IconStyle></Style>"
    text = kml("", "a").replace("<Placemark>", f"{link}<Placemark>{style}")
    (tmp_path / "a.kml").write_text(text)
    problems = []
    table = read_layer(tmp_path / "a.kml", "sites", columns={"site_id": "name"}, problems=problems)
    assert len(table) == 1
    assert "kml_links" in {p.kind for p in problems}
    assert asked == []


def test_kml_nested_without_end(tmp_path):
    (tmp_path / "a.kml").write_text("<kml>" + "<Folder>" * 200_000)
    with pytest.raises(LayerError, match="nested too deeply"):
        read_layer(tmp_path / "a.kml", "sites")


def test_geojson_nested_without_end(tmp_path):
    text = '{"type": "FeatureCollection", "features": [{"type": "Feature", "coordinates": %s'
    (tmp_path / "a.geojson").write_text(text % ("[" * 200_000))
    with pytest.raises(LayerError, match=r"a\.geojson cannot be read"):
        read_layer(tmp_path / "a.geojson", "sites")


SHEET = "site_id,lon,lat\na,106.6,29\n"


def test_names_in_a_zip_lead_nowhere(tmp_path):
    inside = tmp_path / "deep" / "in"
    inside.mkdir(parents=True)
    path = inside / "a.zip"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("../../sites.csv", SHEET)
    before = sorted(tmp_path.rglob("*"))
    assert len(read_layer(path, "sites", problems=[])) == 1
    for name in ("/etc/sites.csv", "C:\\sites.csv", "..\\sites.csv", "a/../../sites.csv"):
        with zipfile.ZipFile(path, "w") as parts:
            parts.writestr(name, SHEET)
        assert len(read_layer(path, "sites", problems=[])) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_geodatabase_in_a_zip_cannot_write_elsewhere(tmp_path):
    path = tmp_path / "a.gdb.zip"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("a.gdb/a00000001.gdbtable", "\x03\0\0\0")
        parts.writestr("a.gdb/..", "x")
        parts.writestr("a.gdb/\\..\\..\\x.gdbtable", "x")
    with pytest.raises(LayerError, match=r"a\.gdb"):
        read_layer(path, "sites")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gdb.zip"]


def test_a_link_in_a_zip_is_not_followed(tmp_path):
    (tmp_path / "secret.csv").write_text(SHEET)
    link = zipfile.ZipInfo("sites.csv")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as parts:
        parts.writestr(link, str(tmp_path / "secret.csv"))
    with pytest.raises(LayerError, match="no column 'site_id'"):
        read_layer(tmp_path / "a.zip", "sites")


@pytest.mark.parametrize("suffix", [".zip", ".kmz", ".gdb.zip"])
def test_zip_bombs_are_not_opened(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("sites.csv", b" " * (64 << 20))
    with pytest.raises(LayerError, match="would unpack to 64 MB: not opened"):
        read_layer(path, "sites")


def test_a_zip_with_too_many_parts_is_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as parts:
        for number in range(10_001):
            parts.writestr(f"{number}.csv", "")
    with pytest.raises(LayerError, match="holds 10001 files: not opened"):
        read_layer(tmp_path / "a.zip", "sites")


def test_a_zip_that_understates_what_it_holds(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("sites.csv", SHEET + "b,106.7,29\n" * 1000)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = (len(SHEET)).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(LayerError, match=r"a\.zip is damaged"):
        read_layer(path, "sites")


def test_zip_within_a_zip_locked_and_damaged(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("b.zip", b"PK")
    with pytest.raises(LayerError, match="A zip within a zip is not opened"):
        read_layer(path, "sites")
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("sites.csv", SHEET)
    whole = path.read_bytes()
    locked = bytearray(whole)
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(locked)
    with pytest.raises(LayerError, match="locked with a password"):
        read_layer(path, "sites")
    path.write_bytes(whole.replace(b"106.6", b"106.7"))  # the sum no longer fits
    with pytest.raises(LayerError, match=r"a\.zip is damaged"):
        read_layer(path, "sites")


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_pointer_in_a_zip_is_refused(tmp_path, server, disguise):
    url, asked = server
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as parts:
        parts.writestr("sites.geojson", DISGUISES[disguise](f"/vsicurl/{url}/x.geojson"))
    with pytest.raises(LayerError, match="whatever its name says"):
        read_layer(tmp_path / "a.zip", "sites")
    assert asked == []


# ---------------------------------------------------------------- many of everything


def many(rows: int, **columns: object) -> gpd.GeoDataFrame:
    places = gpd.points_from_xy(np.linspace(106, 107, rows), np.linspace(29, 30, rows))
    return gpd.GeoDataFrame(columns, geometry=places, crs=4490)


def test_many_rows_of_one_id():
    """Names are found in one pass: 40,000 copies took minutes."""
    problems = []
    read = read_layer(many(40_000, site_id=["a"] * 40_000), "sites", problems=problems)
    assert read["site_id"].is_unique
    assert read["site_id"].iloc[[0, 1, -1]].tolist() == ["a", "a#2", "a#40000"]
    assert [len(p.ids) for p in problems if p.kind == "id_duplicate"] == [39_999]


def test_ids_that_look_like_those_given():
    table = many(5, site_id=["a", "a", "a#2", None, "row-5"])
    read = read_layer(table, "sites", problems=[])
    assert read["site_id"].tolist() == ["a", "a#3", "a#2", "row-5#2", "row-5"]


@pytest.mark.parametrize("column", ["kind", "grade"])
def test_many_unknown_values_of_a_coded_column(column):
    """Each of the first twenty in a line of its own, the others in one; not a pass for each."""
    rows = 20_000
    words = [f"怪{n}" for n in range(rows)]
    table = many(rows, zone_id=[f"Z{n}" for n in range(rows)], kind=["生态保护红线"] * rows)
    table[column] = words
    table = table.set_geometry(shapely.buffer(table.geometry.array, 0.001, quad_segs=1))
    problems = []
    read = read_layer(table, "zones", problems=problems)
    assert read[column].tolist() == words
    listed = [p for p in problems if p.kind == "code_unknown"]
    assert len(listed) == 21
    assert "怪20, 怪21, 怪22, 怪23, 怪24 等 19980 个" in listed[-1].zh
    assert "(+19975 more)" in listed[-1].en
    assert sum(len(p.rows) for p in listed) == rows


def test_three_hundred_columns(tmp_path):
    names = [f"指标{n}" for n in range(300)]
    table = many(50, site_id=[str(n) for n in range(50)], **dict.fromkeys(names, 1.0))
    table.to_file(tmp_path / "sites.gpkg")
    read = read_layer(tmp_path / "sites.gpkg", "sites", problems=[])
    assert set(names) <= set(read.columns)
    assert len(read) == 50


def ring(vertices: int, wobble: float = 0.0) -> Polygon:
    """A circle; with a wobble its vertices change places, and it crosses itself everywhere."""
    random = np.random.default_rng(1)
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    turn = turn + random.normal(0, wobble * 2 * np.pi / vertices, vertices)
    radius = 0.5 + 0.01 * random.normal(size=vertices) * bool(wobble)
    return Polygon(np.column_stack([106.5 + radius * np.cos(turn), 29.5 + radius * np.sin(turn)]))


def test_ten_million_vertices_in_one_polygon(tmp_path):
    heavy = shapely.polygons(
        np.tile([[106.5, 29.5], [106.6, 29.5], [106.6, 29.6], [106.5, 29.5]], (2_500_000, 1))
    )
    shapes = [heavy, ring(250_000, 3.0), ring(250_000)]
    table = gpd.GeoDataFrame(
        {"zone_id": list("abc"), "kind": "red_line"}, geometry=shapes, crs=4490
    )
    table.to_file(tmp_path / "zones.gpkg")
    problems = []
    start = time.process_time()
    read = read_layer(tmp_path / "zones.gpkg", "zones", problems=problems)
    assert time.process_time() - start < 15
    assert read.geometry.isna().tolist() == [True, True, False]
    listed = [p for p in problems if p.kind == "geometry_heavy"]
    assert [p.ids for p in listed] == [("a",), ("b",)]
    assert "1000000" in listed[0].zh
    assert not [p for p in problems if p.kind == "geometry_missing"]  # said once


@pytest.mark.parametrize(("crs", "far"), [(4544, 9e8), (4544, 9e6), (3857, 9e8), (4490, 9e8)])
def test_enormous_coordinates(crs, far):
    """An edge of a million kilometres is not cut into pieces of 500 m."""
    n = 200
    x = np.where(np.arange(n) % 2, far, -far) * np.linspace(0.9, 1, n)
    there = LineString(np.column_stack([x, np.linspace(3.0e6, 3.3e6, n)]))
    near = gpd.GeoSeries([LineString([(106, 29), (106.1, 29)])] * 2, crs=4490).to_crs(crs)
    table = gpd.GeoDataFrame({"reach_id": list("abc")}, geometry=[*near, there], crs=crs)
    problems = []
    start = time.process_time()
    read = read_layer(table, "rivers", problems=problems)
    assert time.process_time() - start < 3
    assert read.geometry.isna().tolist() == [False, False, True]
    assert {p.kind: p.ids for p in problems}["coordinates_outside"] == ("c",)


def test_edges_longer_together_than_all_rivers():
    back_and_forth = np.tile([[0.0, 3.2e6], [5e5, 3.3e6]], (48, 1))
    line = LineString(back_and_forth)  # 48,000 km
    table = gpd.GeoDataFrame(
        {"reach_id": [str(n) for n in range(300)]}, geometry=[line] * 300, crs=4544
    )
    with pytest.raises(CrsError, match="more than all rivers and borders of China"):
        read_layer(table, "rivers", problems=[])


# ---------------------------------------------------------------- on the command line


@pytest.mark.parametrize("option", ["--sandbox", "--no-sandbox"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gpkg", vrt("/etc/passwd").encode()),
        ("a.kml", kml("<!DOCTYPE kml>", "a").encode()),
        ("a.zip", b"PK\x03\x04 and then nothing"),
        ("a.csv", b"site_id,lon,lat\n\xff\xff\xff,1,2\n"),
        ("a.shp", b"\x00\x00\x27\x0a"),
        ("a.gpkg", b"SQLite format 3\0" + b"\xa5" * 4096),
        ("a.fgb", b"fgb\x03fgb\x01\xff\xff\xff\x7f"),
    ],
)
def test_the_command_says_it_in_a_line_and_writes_nothing(tmp_path, sample, option, name, content):
    (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "out.gpkg"
    place = str(sample.folder)
    done = CliRunner().invoke(main, [option, "check", place, str(tmp_path / name), "-o", str(out)])
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert name in done.output
    assert "Traceback" not in done.output
    assert sorted(tmp_path.iterdir()) == before


def test_a_project_read_in_child_processes(tmp_path):
    rivers = gpd.GeoDataFrame(
        {"reach_id": ["R1"], "name": ["示例河"]},
        geometry=[LineString([(106.6, 29.0), (106.7, 29.1)])],
        crs=4490,
    )
    rivers.to_file(tmp_path / "rivers.gpkg")
    done = CliRunner().invoke(main, ["--sandbox", "validate", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert "1 layers" in done.output


def test_names_of_encodings_with_a_nul(tmp_path):
    """Found by mutation: the .cpg file of a shapefile held a NUL."""
    POINT.to_file(tmp_path / "sites.shp")
    (tmp_path / "sites.cpg").write_bytes(b"UT\0-8")
    problems = []
    assert len(read_layer(tmp_path / "sites.shp", "sites", problems=problems)) == 1
    assert "encoding_overruled" in {p.kind for p in problems}


def test_a_table_of_wkt_without_rows(tmp_path):
    """Found by mutation."""
    (tmp_path / "a.csv").write_text("site_id,geometry_wkt\n", encoding="utf-8")
    assert len(read_layer(tmp_path / "a.csv", "sites", problems=[])) == 0


def test_parquet_text_that_is_no_utf8(tmp_path):
    """Found by mutation: Arrow hands such text over, and fails where it is first looked at."""
    path = tmp_path / "sites.parquet"
    table = POINT.assign(name=["重庆示例"])
    table.to_parquet(path, compression=None, use_dictionary=False, write_statistics=False)
    content = path.read_bytes()
    text = "重庆示例".encode()
    assert text in content
    path.write_bytes(content.replace(text, b"\xff" * len(text)))
    with pytest.raises(LayerError, match=r"sites\.parquet cannot be read"):
        read_layer(path, "sites")


def test_a_system_of_another_planet(tmp_path):
    """Found by mutation: a digit of the ellipsoid in a .prj was lost."""
    POINT.to_crs(4544).to_file(tmp_path / "sites.shp")
    prj = tmp_path / "sites.prj"
    text = prj.read_text()
    assert "6378137.0" in text
    prj.write_text(text.replace("6378137.0", "378137.0"))
    with pytest.raises(CrsError, match="cannot be turned into CGCS2000"):
        read_layer(tmp_path / "sites.shp", "sites")
    assert len(read_layer(tmp_path / "sites.shp", "sites", crs=4544, problems=[])) == 1


def test_kml_ring_of_two_places(tmp_path):
    """Found by mutation."""
    ring = "<outerBoundaryIs><LinearRing><coordinates>106,29 106,30</coordinates></LinearRing>"
    text = kml("", "a").replace("<Point><coordinates>106.6,29</coordinates></Point>", "%s")
    (tmp_path / "a.kml").write_text(text % f"<Polygon>{ring}</outerBoundaryIs></Polygon>")
    problems = []
    columns = {"site_id": "name"}
    assert len(read_layer(tmp_path / "a.kml", "sites", columns=columns, problems=problems)) == 1
    assert "coordinates_unreadable" in {p.kind for p in problems}


@pytest.mark.parametrize(("at", "new"), [(32 + 16, 250), (8, 1)])
def test_dbf_whose_fields_do_not_fit_its_rows(tmp_path, at, new):
    """Found by mutation."""
    POINT.to_file(tmp_path / "sites.shp")
    content = bytearray((tmp_path / "sites.dbf").read_bytes())
    content[at] = new
    (tmp_path / "sites.dbf").write_bytes(content)
    with pytest.raises(LayerError, match=r"sites"):
        read_layer(tmp_path / "sites.shp", "sites")


def test_shapefile_with_one_heading_twice(tmp_path):
    """Found by mutation."""
    POINT.assign(aa="x", bb="y").to_file(tmp_path / "sites.shp")
    path = tmp_path / "sites.dbf"
    path.write_bytes(path.read_bytes().replace(b"bb\0", b"aa\0", 1))
    read = read_layer(tmp_path / "sites.shp", "sites", problems=[])
    assert sorted(c for c in read.columns if c.startswith("aa")) == ["aa", "aa.2"]
