"""Files made to mislead or to hurt: nothing is fetched, nothing hangs, nothing moves silently."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
import zipfile
from contextlib import suppress

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyproj
import pytest
from click.testing import CliRunner
from pyarrow import parquet
from shapely.geometry import Point

import basin
from basin import errors
from basin.cli import main
from basin.errors import CrsError, LayerError, ProjectError
from basin.layers import find_layers, layer_names, make_problem, read_layer, write_layers
from basin.layers.files import _gdal
from basin.layers.problems import Notes

# ---------------------------------------------------------------- the last line of defence


@pytest.mark.parametrize(("lang", "words"), [("en", "internal error"), ("zh", "程序内部出错")])
def test_what_no_one_foresaw_is_one_line(monkeypatch, tmp_path, lang, words):
    def broken(*_, **__):
        raise KeyError("reach\nid" * 1000)

    monkeypatch.setattr("basin.project.open", broken)
    monkeypatch.setenv("BASIN_LANG", lang)
    monkeypatch.delenv("BASIN_DEBUG", raising=False)
    done = CliRunner().invoke(main, ["validate", str(tmp_path)])
    assert done.exit_code == 2
    assert words in done.stderr
    assert "KeyError" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert len(done.stderr) < 700
    monkeypatch.setenv("BASIN_DEBUG", "1")
    done = CliRunner().invoke(main, ["validate", str(tmp_path)])
    assert done.exit_code == 2
    assert "Traceback (most recent call last)" in done.stderr
    assert words in done.stderr


def test_names_of_a_million_characters_are_not_echoed():
    long = "x" * 1_000_000
    error = LayerError(f"no column {long}", ids=[long], mend=long)
    assert len(str(error)) < 10_000
    assert error.ids == (long,)
    assert len(errors.list_ids([long])) < 200
    problem = make_problem("sites", "column_unknown", columns=long, hint_zh="", hint_en="")
    assert len(problem.en) < 3_000
    assert "(+998000)" in problem.en


# ---------------------------------------------------------------- the crs of a GeoJSON file

FEATURE = {
    "type": "Feature",
    "properties": {"site_id": "a", "category": "chemical"},
    "geometry": {"type": "Point", "coordinates": [106.6, 29.0]},
}


def geojson(path, *, crs=None, key='"crs"', first=True, feature=FEATURE, mark=""):
    member = f"{key}: {crs if isinstance(crs, str) else json.dumps(crs)}"
    parts = ['"type": "FeatureCollection"', f'"features": [{json.dumps(feature)}]']
    if crs is not None:
        parts.insert(1 if first else 2, member)
    path.write_text(f"{mark}{{{', '.join(parts)}}}", encoding="utf-8")
    return path


def link(url, kind="proj4"):
    return {"type": "link", "properties": {"href": f"{url}/leak", "type": kind}}


def name(text):
    return {"type": "name", "properties": {"name": text}}


@pytest.mark.parametrize("kind", ["proj4", "ogcwkt", "esriwkt", ""])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("key", ['"crs"', '"cr\\u0073"', '"CRS"', '"\\u0043rs"', '"crs\\u0000x"'])
def test_a_linked_crs_is_neither_fetched_nor_guessed(tmp_path, server, kind, first, key):
    url, asked = server
    path = geojson(tmp_path / "a.geojson", crs=link(url, kind), first=first, key=key)
    with pytest.raises(CrsError, match="no link is followed"):
        read_layer(path, "sites")
    assert asked == []


@pytest.mark.parametrize("mark", ["", "\ufeff", " \n"])
def test_a_crs_given_twice_or_deep_inside_is_not_fetched(tmp_path, server, mark):
    url, asked = server
    twice = f'{json.dumps(name("EPSG:4490"))}, "crs": {json.dumps(link(url))}'
    inside = {**FEATURE, "geometry": {**FEATURE["geometry"], "crs": link(url)}}
    above = {**FEATURE, "crs": link(url)}
    other = {**FEATURE, "geometry": {**FEATURE["geometry"], "crs": name("EPSG:4545")}}
    for n, options in enumerate(
        [{"crs": twice}, {"feature": inside}, {"feature": above}, {"feature": other}]
    ):
        path = geojson(tmp_path / f"{n}.geojson", mark=mark, **options)
        with pytest.raises(CrsError):
            read_layer(path, "sites")
    assert asked == []


@pytest.mark.parametrize("stated", ["rubbish", "http://127.0.0.1:9/leak", "/etc/passwd", "EPSG:1"])
@pytest.mark.parametrize("first", [True, False])
def test_a_crs_that_is_not_known_is_not_wgs84(tmp_path, stated, first):
    path = geojson(tmp_path / "a.geojson", crs=name(stated), first=first)
    with pytest.raises(CrsError, match=stated):
        read_layer(path, "sites")


@pytest.mark.parametrize(
    "stated",
    [
        "EPSG:4490",
        "urn:ogc:def:crs:EPSG::4490",
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "http://www.opengis.net/def/crs/EPSG/0/4490",
        "EPSG:4326",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_crs_by_its_name_stays_readable(tmp_path, stated, first):
    path = geojson(tmp_path / "a.geojson", crs=name(stated), first=first)
    table = read_layer(path, "sites", problems=[])
    assert table.geometry.iloc[0].coords[0] == pytest.approx((106.6, 29.0), abs=1e-7)


def test_a_projected_crs_by_its_name(tmp_path):
    grid = {**FEATURE, "geometry": {"type": "Point", "coordinates": [36_412_000.0, 3_210_000.0]}}
    place = pyproj.Transformer.from_crs(4524, 4490, always_xy=True).transform(36_412_000, 3_210_000)
    for stated in ("EPSG:4524", "urn:ogc:def:crs:EPSG::4524"):
        path = geojson(tmp_path / "a.geojson", crs=name(stated), feature=grid)
        table = read_layer(path, "sites", problems=[])
        assert table.geometry.iloc[0].coords[0] == pytest.approx(place, abs=1e-7)


def test_a_column_called_crs_is_only_a_column(tmp_path):
    feature = {**FEATURE, "properties": {**FEATURE["properties"], "crs": "EPSG:1", "kind": "crs"}}
    table = read_layer(geojson(tmp_path / "a.geojson", feature=feature), "sites", problems=[])
    assert table["crs"].tolist() == ["EPSG:1"]


def test_even_unchecked_gdal_fetches_nothing(tmp_path, server):
    url, asked = server
    path = geojson(tmp_path / "a.geojson", crs=link(url))
    with suppress(LayerError):
        _gdal(path, Notes("sites"))
    assert asked == []


# ---------------------------------------------------------------- GeoPackages


def geopackage(path, ids=("a", "b")):
    places = [Point(106.6 + n / 10, 29) for n in range(len(ids))]
    table = gpd.GeoDataFrame(
        {"site_id": list(ids), "category": ["chemical"] * len(ids)}, geometry=places, crs=4490
    )
    table.to_file(path, layer="sites")
    return path


def with_layer(path, sql):
    """Register what `sql` makes, called v, as a second layer."""
    with sqlite3.connect(path) as base:
        base.execute(sql)
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
            "SELECT 'v', 'features', 'v', srs_id FROM gpkg_contents LIMIT 1"
        )
        base.execute(
            "INSERT INTO gpkg_geometry_columns SELECT 'v', column_name, geometry_type_name, "
            "srs_id, z, m FROM gpkg_geometry_columns LIMIT 1"
        )
    base.close()
    return path


ENDLESS = (
    "CREATE VIEW v AS WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
    "SELECT c.x AS fid, geom, site_id, category FROM c, sites"
)
HEAVY = (
    "CREATE TABLE v (fid INTEGER PRIMARY KEY, geom POINT, site_id TEXT, category TEXT, "
    "x TEXT GENERATED ALWAYS AS (hex(zeroblob(400000000))) VIRTUAL)"
)


@pytest.mark.parametrize(("sql", "what"), [(ENDLESS, "a view"), (HEAVY, "computed column")])
def test_layers_that_are_computed_are_not_run(tmp_path, sql, what):
    path = with_layer(geopackage(tmp_path / "a.gpkg"), sql)
    code = (
        "from basin.layers import read_layer\n"
        "from basin.errors import LayerError\n"
        f"assert len(read_layer({str(path)!r}, 'sites', layer='sites', problems=[])) == 2\n"
        f"try: read_layer({str(path)!r}, 'sites', layer='v')\n"
        "except LayerError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert what in done.stdout


def unsaved(folder):
    """A GeoPackage with an edit that is still in its -wal, as while QGIS has it open."""
    made = geopackage(folder / "open.gpkg")
    with sqlite3.connect(made) as base:
        triggers = base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (trigger,) in triggers:  # they call functions of GDAL
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.commit()
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA wal_autocheckpoint = 0")
        base.execute("UPDATE sites SET category = 'park' WHERE site_id = 'b'")
        base.commit()
        copied = folder / "in"
        copied.mkdir()
        for part in ("open.gpkg", "open.gpkg-wal"):
            shutil.copy(folder / part, copied / part)
    base.close()
    return copied / "open.gpkg"


def content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_geopackage_that_is_read_stays_as_it_was(tmp_path):
    path = unsaved(tmp_path)
    before = content(path.parent)
    assert set(before) == {"open.gpkg", "open.gpkg-wal"}
    problems = []
    assert layer_names(path) == ["sites"]
    assert list(find_layers(path)) == ["sites"]
    table = read_layer(path, "sites", problems=problems)
    assert table["category"].tolist() == ["chemical", "park"]
    assert content(path.parent) == before
    assert "geopackage_open" in {p.kind for p in problems}


def test_a_geopackage_copied_without_its_wal_is_listed(tmp_path):
    path = unsaved(tmp_path)
    path.with_name("open.gpkg-wal").unlink()
    before = content(path.parent)
    problems = []
    table = read_layer(path, "sites", problems=problems)
    assert table["category"].tolist() == ["chemical", "chemical"]
    assert content(path.parent) == before
    assert "geopackage_wal_absent" in {p.kind for p in problems}


def test_a_geopackage_at_rest_says_nothing(tmp_path):
    problems = []
    read_layer(geopackage(tmp_path / "a.gpkg"), "sites", problems=problems)
    assert not [p for p in problems if p.kind.startswith("geopackage_")]


# ---------------------------------------------------------------- small files that unpack to much

TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override '
    'PartName="/xl/worksheets/sheet1.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def related(kind, target):
    return (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{OFFICE}/{kind}" Target="{target}"/>'
        "</Relationships>"
    )


def row(number, *texts):
    cells = "".join(
        f'<c r="{letter}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
        for letter, text in zip("ABCD", texts, strict=False)
    )
    return f'<row r="{number}">{cells}</row>'


HEADING = row(1, "site_id", "category", "lon", "lat")
SITE = row(2, "a", "chemical", "106.6", "29")


def workbook(path, rows):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("[Content_Types].xml", TYPES)
        parts.writestr("_rels/.rels", related("officeDocument", "xl/workbook.xml"))
        parts.writestr(
            "xl/workbook.xml",
            f'<?xml version="1.0"?><workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="sites" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        parts.writestr("xl/_rels/workbook.xml.rels", related("worksheet", "worksheets/sheet1.xml"))
        parts.writestr(
            "xl/worksheets/sheet1.xml",
            f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>{HEADING}{SITE}{rows}'
            "</sheetData></worksheet>",
        )
    return path


def test_a_cell_in_the_last_row_of_a_sheet(tmp_path):
    path = workbook(tmp_path / "a.xlsx", row(4, "b", "park", "106.7", "29") + row(1_048_576, "x"))
    problems = []
    start = time.process_time()
    table = read_layer(path, "sites", problems=problems)
    assert time.process_time() - start < 5
    assert table["site_id"].tolist() == ["a", "b", "x"]
    by_kind = {p.kind: p for p in problems}
    assert by_kind["row_blank"].rows == (3,)
    assert "5-1048575" in by_kind["rows_empty"].en
    assert by_kind["geometry_missing"].rows == (1_048_576,)


@pytest.mark.parametrize(
    "rows",
    [
        "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(3, 3000)),
        '<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>',
        "<row/>" * 1_100_000,
    ],
)
def test_sheets_that_no_one_could_have_filled_are_refused(tmp_path, rows):
    path = workbook(tmp_path / "a.xlsx", rows)
    with pytest.raises(LayerError, match="more rows or cells than can be read"):
        read_layer(path, "sites")


def test_a_parquet_of_millions_of_rows_in_no_room(tmp_path):
    rows = 10_000_000
    table = pa.table(
        {
            "site_id": pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(rows, dtype=np.int32)), pa.array(["Z"])
            ),
            "category": pa.nulls(rows, pa.string()),
        }
    )
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path, compression="zstd")
    with pytest.raises(LayerError, match=r"would unpack to \d+ MB: not opened"):
        read_layer(path, "sites")


SPOIL_FOOTER = """
import struct, sys
from pathlib import Path
from basin.errors import LayerError
from basin.layers.parquet import read_parquet

path = Path(sys.argv[1])
whole = path.read_bytes()
first = len(whole) - 8 - struct.unpack("<I", whole[-8:-4])[0]
for at in range(first, len(whole) - 8):
    for bit in (1, 4):
        spoilt = bytearray(whole)
        spoilt[at] ^= bit
        path.write_bytes(spoilt)
        try:
            read_parquet(path)
        except LayerError:
            continue
"""


def test_no_bit_of_the_footer_of_a_parquet_ends_the_process(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"site_id": ["a", None], "n": [1, 2]})
    parquet.write_table(table, path, store_schema=False)
    done = subprocess.run(
        [sys.executable, "-c", SPOIL_FOOTER, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_long_text_repeated_in_a_parquet(tmp_path):
    rows = 200_000
    codes = pa.array(np.zeros(rows, dtype=np.int32))
    long = pa.DictionaryArray.from_arrays(codes, pa.array(["Z" * 100_000]))
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"site_id": long, "category": long}), path)
    with pytest.raises(LayerError, match=r"would unpack to \d+ MB: not opened"):
        read_layer(path, "sites")


def test_a_parquet_of_many_plain_rows_is_read(tmp_path):
    rows = 200_000
    geopandas_table = gpd.GeoDataFrame(
        {"site_id": np.arange(rows).astype(str), "category": ["chemical"] * rows},
        geometry=gpd.points_from_xy(np.linspace(106, 107, rows), np.linspace(29, 30, rows)),
        crs=4490,
    )
    geopandas_table.to_parquet(tmp_path / "a.parquet")
    assert len(read_layer(tmp_path / "a.parquet", "sites", problems=[])) == rows


# ---------------------------------------------------------------- parts of a shapefile at odds


def shapefile(path, n=5):
    places = [Point(106.6 + i / 100, 29) for i in range(n)]
    table = gpd.GeoDataFrame(
        {"site_id": [f"s{i}" for i in range(n)], "category": ["chemical"] * n},
        geometry=places,
        crs=4490,
    )
    table.to_file(path)
    return path


def overwrite(path, at, content):
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    path.write_bytes(data)


def test_an_index_whose_head_states_fewer_shapes_is_refused(tmp_path):
    """GDAL believes the head and leaves the other rows out without a word (found by mutation)."""
    path = shapefile(tmp_path / "sites.shp")
    overwrite(path.with_suffix(".shx"), 24, struct.pack(">i", (100 + 2 * 8) // 2))
    with pytest.raises(LayerError, match=r"has 2 shapes but its table sites\.dbf has 5 rows"):
        read_layer(path, "sites")


@pytest.mark.parametrize(
    "places", [[64, 64], [64, 50]], ids=["one shape twice", "two shapes exchanged"]
)
def test_an_index_that_leads_to_other_shapes_is_refused(tmp_path, places):
    path = shapefile(tmp_path / "sites.shp")
    for number, place in enumerate(places):
        overwrite(path.with_suffix(".shx"), 100 + 8 * number, struct.pack(">ii", place, 10))
    with pytest.raises(LayerError, match=r"sites\.shx and sites\.shp disagree about [12] of 5"):
        read_layer(path, "sites")


@pytest.mark.parametrize("first", [0, None])
def test_shapes_counted_from_zero_or_not_at_all_are_read(tmp_path, first):
    path = shapefile(tmp_path / "sites.shp")
    for number in range(5):
        told = 0 if first is None else first + number
        overwrite(path, 100 + 28 * number, struct.pack(">i", told))
    assert len(read_layer(path, "sites", problems=[])) == 5


def test_a_deleted_row_is_listed(tmp_path):
    path = shapefile(tmp_path / "sites.shp")
    dbf = path.with_suffix(".dbf")
    first = struct.unpack("<H", dbf.read_bytes()[8:10])[0]
    overwrite(dbf, first, b"*")
    problems = []
    assert read_layer(path, "sites", problems=problems)["site_id"].tolist() == [
        "s1",
        "s2",
        "s3",
        "s4",
    ]
    assert "rows_deleted" in {p.kind for p in problems}


# ---------------------------------------------------------------- words that are none


@pytest.mark.parametrize("encoding", ["undefined", "a\0", "hex", "idna", "", 5])
def test_encodings_that_are_none(tmp_path, encoding):
    path = tmp_path / "sites.csv"
    path.write_text("site_id,category,lon,lat\n甲,park,106.6,29\n", encoding="utf-8")
    with pytest.raises(LayerError, match="there is no encoding"):
        read_layer(path, "sites", encoding=encoding)


@pytest.mark.parametrize("stated", [b"\0\0", b"undefined", b"hex", b"\xff" * 50])
def test_a_cpg_file_that_says_nothing(tmp_path, stated):
    path = shapefile(tmp_path / "sites.shp")
    path.with_suffix(".cpg").write_bytes(stated)
    assert read_layer(path, "sites", problems=[])["site_id"].tolist()[0] == "s0"


@pytest.mark.parametrize(
    "source", ["~nouser/x.gpkg", "a" * 5000, "a/" * 500_000, "\ud800.gpkg", None, 5, b"x.gpkg", ""]
)
def test_paths_that_are_none(source):
    with pytest.raises(LayerError) as raised:
        read_layer(source, "sites")
    assert len(str(raised.value)) < 10_000


@pytest.mark.parametrize("content", [b"P", b"PA", b"PAR"])
def test_a_parquet_of_a_few_bytes(tmp_path, content):
    path = tmp_path / "sites.parquet"
    path.write_bytes(content)
    with pytest.raises(LayerError, match="not Parquet"):
        read_layer(path, "sites")


LOCAL = (
    'ENGCRS["x",EDATUM["y"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'
)


@pytest.mark.parametrize("crs", ["EPSG:5773", "EPSG:4978", LOCAL])
def test_systems_of_no_place_on_a_map(tmp_path, crs):
    table = pd.DataFrame({"site_id": ["a"], "category": ["park"], "lon": [106.6], "lat": [29]})
    with pytest.raises(CrsError, match="no system of places on a map"):
        read_layer(table, "sites", crs=crs)
    (tmp_path / "basin.toml").write_text(
        f"[basin]\ncrs='{crs}'\n[layers]\nsites='a.csv'\n", encoding="utf-8"
    )
    (tmp_path / "a.csv").write_text("site_id\na\n")
    with pytest.raises(ProjectError, match="no system of places on a map"):
        basin.open(tmp_path)


def test_one_column_of_a_file_under_two_names():
    table = gpd.GeoDataFrame({"name": ["a"]}, geometry=[Point(106.6, 29)], crs=4490)
    with pytest.raises(LayerError, match="gives 'name' to site_id and name"):
        read_layer(table, "sites", columns={"site_id": "name", "name": "name"})


@pytest.mark.parametrize("text", ["", "[network]\nsnap_tolerance_m = 1\n", "[layers]\n"])
def test_a_project_of_no_layers_is_no_project(tmp_path, text):
    (tmp_path / "basin.toml").write_text(text)
    with pytest.raises(ProjectError, match="names no layer"):
        basin.open(tmp_path)


@pytest.mark.parametrize("length", [5_000, 1_000_000])
def test_a_project_with_a_path_without_end(tmp_path, length):
    (tmp_path / "basin.toml").write_text(f"[layers]\nrivers = '{'a/' * (length // 2)}'\n")
    start = time.process_time()
    with pytest.raises(ProjectError, match="does not exist"):
        basin.open(tmp_path)
    assert time.process_time() - start < 3


# ---------------------------------------------------------------- places given twice


def test_places_of_a_column_of_junk_are_read_from_lon_and_lat():
    table = pd.DataFrame(
        {
            "site_id": ["a", "b"],
            "category": ["park"] * 2,
            "geometry_wkt": ["junk", None],
            "lon": [106.6, 106.7],
            "lat": [29.0, 29.1],
        }
    )
    problems = []
    read = read_layer(table, "sites", problems=problems)
    assert [p.coords[0] for p in read.geometry] == [(106.6, 29.0), (106.7, 29.1)]
    assert {p.kind: p.rows for p in problems}["wkt_unreadable"] == (2,)
    assert read["geometry_wkt.file"].tolist()[0] == "junk"


def test_places_given_twice_are_listed():
    table = pd.DataFrame(
        {
            "site_id": ["a", "b"],
            "category": ["park"] * 2,
            "geometry_wkt": ["POINT (106.8 29.2)", "junk"],
            "lon": [106.6, 106.7],
            "lat": [29.0, 29.1],
        }
    )
    problems = []
    read = read_layer(table, "sites", problems=problems)
    assert read.geometry.iloc[0].coords[0] == (106.8, 29.2)
    assert read.geometry.iloc[1] is None
    kinds = {p.kind: p.rows for p in problems}
    assert "coordinates_twice" in kinds
    assert kinds["coordinates_unreadable"] == (3,)


# ---------------------------------------------------------------- what is written


def test_formulas_stay_text_even_once_a_user_edits_them(tmp_path):
    texts = ["=1+1", "@SUM(1)", "+1-1", "plain"]
    write_layers(tmp_path / "a.xlsx", {"t": pd.DataFrame({"name": texts})})
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = [sheet.cell(n, 1) for n in range(2, 6)]
    assert [c.value for c in cells] == texts
    assert [c.data_type for c in cells] == ["s"] * 4
    assert [bool(c.quotePrefix) for c in cells] == [True, True, True, False]


@pytest.mark.parametrize("suffix", [".gpkg", ".xlsx"])
def test_a_layer_name_that_would_be_cut_is_refused(tmp_path, suffix):
    table = pd.DataFrame({"a": [1]})
    with pytest.raises(LayerError, match="cannot be the name of a layer"):
        write_layers(tmp_path / f"a{suffix}", {"x\0y": table})
    assert list(tmp_path.iterdir()) == []
