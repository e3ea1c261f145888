"""Written whole or not at all; what is read again is what was written."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon

from basin.errors import LayerError
from basin.layers import atomic_write, layer_names, read_layer, write_layers

EVIL = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\tx", "a\x07b", "-1.5", "正常"]


@pytest.fixture
def tables():
    points = gpd.GeoDataFrame(
        {
            "outfall_id": [f"P-{i}" for i in range(len(EVIL))],
            "name": EVIL,
            "load_tp_kg_d": [1.5, np.nan, np.inf, 0, 1, 2, 3, 4],
            "valid_from": pd.to_datetime(["2025-07-03"] * 7 + [None]),
            "alternatives": [(("R1", 2.0), ("R2", 3.0))] + [()] * 7,
            "checked": [True, False] * 4,
        },
        geometry=[Point(106.6 + i / 100, 29) for i in range(7)] + [None],
        crs=4490,
    )
    lines = gpd.GeoDataFrame(
        {"length_m": [1.0]}, geometry=[LineString([(106.6, 29), (106.7, 29)])], crs=4490
    ).rename_axis("reach_id")
    findings = pd.DataFrame({"fid": [1], "FID": [2], "Name": ["a"], "name": ["b"], "空": [None]})
    empty = points.iloc[:0]
    return {"排污口": points, "reaches": lines, "findings": findings, "empty": empty}


def leftovers(folder):
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


# ---------------------------------------------------------------- formats


def test_geopackage_many_layers(tmp_path, tables):
    path = tmp_path / "out.gpkg"
    assert write_layers(path, tables) == path
    assert layer_names(path) == list(tables)
    with sqlite3.connect(path) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (10200,)
        assert base.execute("PRAGMA quick_check").fetchone() == ("ok",)
    base.close()
    points = pyogrio.read_dataframe(path, layer="排污口")
    assert points.crs.to_epsg() == 4490
    assert points["name"].tolist() == [e.replace("\x07", "") for e in EVIL]
    assert points["alternatives"].tolist()[0] == "('R1', 2.0), ('R2', 3.0)"
    assert points["load_tp_kg_d"].isna().tolist() == [False, True, True] + [False] * 5
    assert points["valid_from"].iloc[0] == pd.Timestamp("2025-07-03")
    assert points.geometry.iloc[7] is None
    assert "reach_id" in pyogrio.read_dataframe(path, layer="reaches")
    findings = pyogrio.read_dataframe(path, layer="findings")
    assert list(findings.columns) == ["fid_2", "FID_3", "Name", "name_2", "空"]
    assert len(pyogrio.read_dataframe(path, layer="empty")) == 0
    assert leftovers(tmp_path) == []


def test_geopackage_reads_back_as_a_layer(tmp_path):
    zones = gpd.GeoDataFrame(
        {"zone_id": ["Z"], "kind": ["red_line"], "valid_from": pd.to_datetime(["2023-01-01"])},
        geometry=[MultiPolygon([Polygon([(106, 29), (107, 29), (107, 30)])])],
        crs=4490,
    )
    first = read_layer(zones, "zones", problems=[])
    write_layers(tmp_path / "z.gpkg", {"zones": first})
    again = read_layer(tmp_path / "z.gpkg", "zones", problems=[])
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(again))


def test_inputs_are_not_changed(tmp_path, tables):
    before = {n: t.copy(deep=True) for n, t in tables.items()}
    write_layers(tmp_path / "a.gpkg", tables)
    write_layers(tmp_path / "a.xlsx", tables)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(before[name]))


def test_geojson_is_rfc_7946(tmp_path, tables):
    path = write_layers(tmp_path / "p.geojson", {"p": tables["排污口"]})
    content = json.loads(path.read_text("utf-8"))
    assert content["type"] == "FeatureCollection"
    assert "crs" not in content
    assert content["features"][0]["geometry"]["coordinates"] == [106.6, 29.0]
    assert content["features"][2]["properties"]["load_tp_kg_d"] is None
    assert content["features"][7]["geometry"] is None
    projected = tables["排污口"].to_crs(4545)
    again = json.loads(write_layers(tmp_path / "q.geojson", {"p": projected}).read_text("utf-8"))
    assert again["features"][0]["geometry"]["coordinates"] == pytest.approx([106.6, 29.0], abs=1e-6)
    with pytest.raises(LayerError, match="no geometry"):
        write_layers(tmp_path / "r.geojson", {"f": tables["findings"]})


def test_csv_for_excel(tmp_path, tables):
    path = write_layers(tmp_path / "p.csv", {"p": tables["排污口"]})
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in raw
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert frame["name"].tolist()[:5] == ["'" + e for e in EVIL[:5]]
    assert frame["name"].tolist()[5:] == ["ab", "-1.5", "正常"]  # a number is no formula
    assert frame["lon"].tolist()[1] == "106.61"
    assert frame["lon"].tolist()[7] == ""
    lines = write_layers(tmp_path / "l.csv", {"l": tables["reaches"]})
    assert "LINESTRING (106.6 29, 106.7 29)" in lines.read_text("utf-8-sig")


def test_xlsx_formulas_stay_text(tmp_path, tables):
    path = write_layers(
        tmp_path / "p.xlsx", {**tables, "a[b]:*?/\\" + "长" * 40: tables["findings"]}
    )
    book = openpyxl.load_workbook(path)
    sheet = book["排污口"]
    cells = [sheet.cell(row, 2) for row in range(2, 10)]
    assert [c.value for c in cells] == [e.replace("\x07", "") for e in EVIL]
    assert {c.data_type for c in cells} == {"s"}
    assert sheet.cell(2, 4).is_date
    assert sheet["A1"].value == "outfall_id"
    assert sheet.freeze_panes == "A2"
    assert all(len(n) <= 31 for n in book.sheetnames)
    assert len(book.sheetnames) == 5
    headings = [c.value for c in book["reaches"][1]]
    assert headings == ["reach_id", "length_m", "label_lon", "label_lat"]


def test_shapefile_only_when_asked(tmp_path, tables):
    lines = tables["reaches"].assign(河流名称="綦江河", a_very_long_name=1.0, a_very_long_nbme=2.0)
    path = write_layers(tmp_path / "r.shp", {"r": lines}, lang="en")
    fields = pd.read_csv(tmp_path / "r_fields.csv")
    assert fields["column"].tolist() == [
        *("reach_id", "length_m", "河流名称", "a_very_long_name", "a_very_long_nbme"),
    ]
    assert all(len(f) <= 10 for f in fields["field"])
    assert fields["field"].is_unique
    again = gpd.read_file(path)
    assert again["field_3"].tolist() == ["綦江河"]
    assert again.crs.to_epsg() == 4490
    with pytest.raises(LayerError, match="exists already"):
        write_layers(path, {"r": lines})
    write_layers(path, {"r": lines}, overwrite=True)
    mixed = pd.concat([tables["排污口"][["geometry"]], tables["reaches"][["geometry"]]])
    with pytest.raises(LayerError, match="one type of geometry"):
        write_layers(tmp_path / "m.shp", {"m": mixed})
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [("a.geojson", 2, "can hold one table"), ("a.tif", 1, "not written"), ("a.gpkg", 0, "nothing")],
)
def test_what_cannot_be_written(tmp_path, tables, name, count, message):
    some = dict(list(tables.items())[:count])
    with pytest.raises(LayerError, match=message):
        write_layers(tmp_path / name, some)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize("suffix", [".gpkg", ".csv", ".xlsx", ".geojson"])
def test_an_existing_file_is_kept_unless_told(tmp_path, tables, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("old")
    with pytest.raises(LayerError, match="--overwrite"):
        write_layers(path, {"p": tables["排污口"]})
    assert path.read_text() == "old"
    write_layers(path, {"p": tables["排污口"]}, overwrite=True)
    assert path.stat().st_size > 100


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("x")]
)
def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path, tables, monkeypatch, error):
    path = tmp_path / "a.gpkg"
    path.write_text("old")
    real, calls = pyogrio.write_dataframe, []

    def fail_on_second(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(pyogrio, "write_dataframe", fail_on_second)
    with pytest.raises(LayerError, match="cannot be written"):
        write_layers(path, tables, overwrite=True)
    assert len(calls) == 2
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt])
def test_atomic_write_cleans_up(tmp_path, raised):
    path = tmp_path / "a.html"
    path.write_text("old")

    def work():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            temporary.with_name(temporary.name + "-journal").write_text("x")
            raise raised

    with pytest.raises(raised):
        work()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


def test_atomic_write_replaces_and_makes_the_folder(tmp_path):
    path = tmp_path / "maps" / "basin.html"
    for text in ("one", "two"):
        with atomic_write(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.suffix == ".html"
            temporary.write_text(text)
        assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert leftovers(path.parent) == []
    with pytest.raises(LayerError, match="is a folder"), atomic_write(tmp_path):
        pass


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_atomic_write_does_not_overwrite_what_came_in_between(tmp_path):
    path = tmp_path / "a.txt"

    def work():
        with atomic_write(path, overwrite=False) as temporary:
            temporary.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(LayerError, match="exists already"):
        work()
    assert path.read_text() == "theirs"
    assert leftovers(tmp_path) == []


def test_a_body_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(LayerError, match="cannot be written"), atomic_write(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_kill_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    code = (
        "import time, basin.layers as layers\n"
        f"with layers.atomic_write({str(path)!r}) as temporary:\n"
        "    with open(temporary, 'w') as file:\n"
        "        file.write('half'); file.flush()\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as running:
        assert running.stdout.readline().strip() == b"ready"
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert path.read_text() == "old"
    assert len(leftovers(tmp_path)) == 1  # nobody was left to clean up; it is hidden
    time.sleep(0)
    with atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_clear_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def work():
        with atomic_write(path) as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_text("x" * 100)

    with pytest.raises(LayerError, match="No space left on device"):
        work()
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_geojson_rings_follow_the_right_hand_rule(tmp_path):
    clockwise = Polygon(
        [(106, 29), (106, 30), (107, 30), (107, 29)],
        [[(106.2, 29.2), (106.8, 29.2), (106.8, 29.8), (106.2, 29.8)]],
    )
    assert not clockwise.exterior.is_ccw
    table = gpd.GeoDataFrame({"id": ["1"]}, geometry=[clockwise], crs=4490)
    path = write_layers(tmp_path / "p.geojson", {"p": table})
    written = json.loads(path.read_text("utf-8"))["features"][0]["geometry"]["coordinates"]
    outer, inner = (Polygon(ring).exterior for ring in written)
    assert outer.is_ccw
    assert not inner.is_ccw
