"""Files made to mislead or to hurt: nothing is fetched, nothing hangs, nothing moves silently."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import suppress

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyproj
import pytest
from click.testing import CliRunner
from pyarrow import parquet
from shapely.geometry import Point

from basin import errors
from basin.cli import main
from basin.errors import CrsError, LayerError
from basin.layers import find_layers, layer_names, make_problem, read_layer
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
