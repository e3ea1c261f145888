"""Files made to mislead or to hurt: nothing is fetched, nothing hangs, nothing moves silently."""

from __future__ import annotations

import json
from contextlib import suppress

import pyproj
import pytest
from click.testing import CliRunner

from basin import errors
from basin.cli import main
from basin.errors import CrsError, LayerError
from basin.layers import make_problem, read_layer
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
