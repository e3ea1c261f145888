"""Foreign files in a child process: the same answer, and limits that hold."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import time
import zipfile
from decimal import Decimal

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely.geometry import Point, Polygon

from basin.draft import draft_project
from basin.errors import CrsError, LayerError
from basin.layers import (
    Limits,
    find_layers,
    layer_names,
    read_layer,
    sandbox,
    unused_files,
)
from basin.layers.packets import pack, unpack

OUTFALLS = gpd.GeoDataFrame(
    {"编号": ["P1", "P1", None], "名称": ["甲", "乙", None], "整治措施": ["取缔", "合并", "怪"]},
    geometry=[Point(106.60, 29.0), None, Point(106.62, 29.02)],
    crs=4490,
)


def test_the_child_answers_alike(tmp_path):
    path = tmp_path / "outfalls.gpkg"
    OUTFALLS.assign(天=pd.to_datetime(["2025-01-01"] * 3), 数=[1, 2, 3]).to_file(path)
    here, there = [], []
    inside = read_layer(
        path, "outfalls", sandbox=True, problems=there, columns={"river": "=示例河"}
    )
    plain = read_layer(path, "outfalls", sandbox=False, problems=here, columns={"river": "=示例河"})
    assert_frame_equal(pd.DataFrame(inside), pd.DataFrame(plain))
    assert inside.crs == plain.crs
    assert there == here
    assert len(here) > 3


def test_zips_are_read_in_a_child_by_default(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("sites.csv", "site_id,lon,lat\na,106.6,29\n")
    asked = []
    real = sandbox.read_in_child
    monkeypatch.setattr(
        "basin.layers.read.read_in_child", lambda *a: asked.append(a[0].name) or real(*a)
    )
    assert read_layer(path, "sites", problems=[])["site_id"].tolist() == ["a"]
    assert asked == ["a.zip"]
    read_layer(path, "sites", problems=[], sandbox=False)
    assert asked == ["a.zip"]


def test_errors_cross_the_border_whole(tmp_path):
    path = tmp_path / "outfalls.gpkg"
    far = gpd.GeoDataFrame({"编号": list("abc")}, geometry=[Point(10, 10)] * 3, crs=4490)
    far.to_file(path)
    told = []
    for apart in (True, False):
        with pytest.raises(CrsError) as error:
            read_layer(path, "outfalls", sandbox=apart)
        found = error.value
        told.append((str(found), found.ids, found.mend, found.text("zh")))
    assert told[0] == told[1]
    assert told[0][1] == ("a", "b", "c")


def slow(tmp_path):
    """Polygons that take minutes: mending polygons costs by the square."""
    turn = np.linspace(0, 2 * np.pi, 60_000, endpoint=False)
    turn = turn + np.random.default_rng(1).normal(0, 3 * 2 * np.pi / 60_000, 60_000)
    radius = 0.5 + 0.01 * np.random.default_rng(2).normal(size=60_000)
    x, y = 106.5 + radius * np.cos(turn), 29.5 + radius * np.sin(turn)
    path = tmp_path / "zones.gpkg"
    gpd.GeoDataFrame(
        {"zone_id": [str(n) for n in range(50)], "kind": "red_line"},
        geometry=[Polygon(np.column_stack([x, y]))] * 50,
        crs=4490,
    ).to_file(path)
    return path


def test_time_is_limited(tmp_path):
    path = slow(tmp_path)
    start = time.monotonic()
    with pytest.raises(LayerError, match=r"zones\.gpkg was not read within 4 s: stopped"):
        read_layer(path, "zones", sandbox=Limits(seconds=4))
    assert time.monotonic() - start < 30


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on memory")
def test_memory_is_limited(tmp_path):
    path = tmp_path / "sites.csv"
    with path.open("w") as file:
        file.write("site_id,lon,lat\n")
        file.writelines(f"a{n},106.6,29\n" for n in range(900_000))
    with pytest.raises(LayerError, match="needs more than 900 MB of memory"):
        read_layer(path, "sites", sandbox=Limits(memory_mb=900))


@pytest.mark.parametrize("code", ["os.abort()", "os._exit(3)", "time.sleep(60)", "None"])
def test_a_child_that_dies_or_hangs(tmp_path, monkeypatch, code):
    path = tmp_path / "sites.csv"
    path.write_text("site_id,lon,lat\na,106.6,29\n")
    fake = tmp_path / "python"
    fake.write_text(f"#!{sys.executable}\nimport os, time\n{code}\n")
    fake.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(LayerError, match=r"sites\.csv (cannot be read|was not read within 1 s)"):
        read_layer(path, "sites", sandbox=Limits(seconds=1))


def test_secrets_and_the_folder_we_are_in_stay_out(tmp_path, monkeypatch):
    path = tmp_path / "sites.csv"
    path.write_text("site_id,lon,lat\na,106.6,29\n")
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", "secret")
    seen = {}
    real = sandbox.subprocess.run

    def run(*args, **options):
        seen.update(options["env"])
        return real(*args, **options)

    monkeypatch.setattr(sandbox.subprocess, "run", run)
    assert len(read_layer("sites.csv", "sites", sandbox=True, problems=[])) == 1
    assert "secret" not in seen.values()
    assert str(tmp_path) not in seen["PYTHONPATH"].split(os.pathsep)


# ---------------------------------------------------------------- what crosses

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(),
    st.dates(),
    st.binary(max_size=5),
    st.decimals(allow_nan=False, allow_infinity=False).map(Decimal),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CELLS, max_size=6), st.lists(st.one_of(st.none(), st.text()), max_size=6))
def test_any_cell_crosses(tmp_path_factory, cells, texts):
    path = tmp_path_factory.mktemp("packet") / "a.npz"
    size = min(len(cells), len(texts))
    table = pd.DataFrame(
        {
            "混": pd.Series(cells[:size], dtype=object),
            "文": pd.Series(texts[:size], dtype="str"),
        }
    )
    pack(path, table, {"说": "明"})
    back, extra = unpack(path)
    assert extra == {"说": "明"}
    assert_frame_equal(back, table)


def test_columns_of_every_type_cross(tmp_path):
    days = pd.to_datetime(["2025-07-01 08:00", None])
    table = gpd.GeoDataFrame(
        {
            "flag": [True, False],
            "n": np.array([1, 2], dtype="int32"),
            "x": [1.5, np.nan],
            "maybe": pd.array([1, None], dtype="Int64"),
            "perhaps": pd.array([None, True], dtype="boolean"),
            "day": days,
            "zoned": days.tz_localize("Asia/Shanghai"),
            "stamp": pd.Series([pd.Timestamp(2025, 1, 1), pd.NaT], dtype=object),
            "clock": pd.Series([dt.time(8, 30), None], dtype=object),
            "site": gpd.GeoSeries([Point(1, 2), None], crs=4490),
        },
        geometry="site",
        crs=4490,
    )
    pack(tmp_path / "a.npz", table, None)
    back, _ = unpack(tmp_path / "a.npz")
    assert_frame_equal(pd.DataFrame(back), pd.DataFrame(table))
    assert back.crs == table.crs
    pack(tmp_path / "a.npz", table.iloc[:0], None)
    assert_frame_equal(pd.DataFrame(unpack(tmp_path / "a.npz")[0]), pd.DataFrame(table.iloc[:0]))


def test_a_packet_holds_no_code(tmp_path):
    """An answer with objects in it, as a hostile child could write, is not loaded."""
    with (tmp_path / "a.npz").open("wb") as file:
        np.savez(file, head=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        unpack(tmp_path / "a.npz")


# ---------------------------------------------------------------- listing


@pytest.fixture
def children(monkeypatch):
    """The tasks that children were started for."""
    tasks = []
    real = sandbox._run
    monkeypatch.setattr(
        sandbox, "_run", lambda s, r, *a: tasks.append((r["task"], s.name)) or real(s, r, *a)
    )
    return tasks


def packed_geodatabase(folder):
    """A zip of a geodatabase whose tables GDAL alone can list."""
    OUTFALLS.to_file(folder / "a.gdb", layer="排污口", driver="OpenFileGDB")
    path = folder / "资料.zip"
    with zipfile.ZipFile(path, "w") as parts:
        for part in sorted((folder / "a.gdb").iterdir()):
            parts.write(part, f"a.gdb/{part.name}")
    shutil.rmtree(folder / "a.gdb")
    return path


def test_a_zip_that_must_be_unpacked_is_listed_in_a_child(tmp_path, children):
    path = packed_geodatabase(tmp_path)
    assert layer_names(path) == ["排污口"]
    assert children == [("names", "资料.zip")]
    assert find_layers(tmp_path) == {"outfalls": [(path.resolve(), "排污口")]}
    assert len(children) == 2
    assert layer_names(path, sandbox=False) == ["排污口"]
    assert len(children) == 2


def test_the_files_of_a_zip_are_named_without_opening_any(tmp_path, children):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("sites.csv", "site_id,lon,lat\na,106.6,29\n")
        parts.writestr("zones.gpkg", "junk")
    assert layer_names(path) == ["sites", "zones"]
    assert children == []


def test_all_files_of_a_folder_are_listed_by_one_child(tmp_path, children):
    OUTFALLS.to_file(tmp_path / "资料.gpkg", layer="outfalls")
    OUTFALLS.to_file(tmp_path / "其他.gpkg", layer="x")
    plain = find_layers(tmp_path)
    assert children == []
    assert find_layers(tmp_path, sandbox=True) == plain
    assert children == [("find", tmp_path.name)]
    assert unused_files(tmp_path, plain, sandbox=True) == unused_files(tmp_path, plain)
    assert unused_files(tmp_path, plain) == ["其他.gpkg"]


def test_init_looks_into_a_zip_in_a_child(tmp_path, children):
    packed_geodatabase(tmp_path)
    draft = draft_project(tmp_path, lang="en")
    assert [(c.kind, c.used, c.rows) for c in draft.choices] == [("outfalls", True, 3)]
    assert children == [("look", "资料.zip"), ("read", "资料.zip")]
    (tmp_path / "rivers.csv").write_text('reach_id,geometry_wkt\n1,"LINESTRING(106 29,107 29)"\n')
    children.clear()
    again = draft_project(tmp_path, lang="en", overwrite=True, sandbox=True)
    assert {c.kind for c in again.choices if c.used} == {"outfalls", "rivers"}
    assert ("look", "rivers.csv") in children
    children.clear()
    alone = draft_project(tmp_path, lang="en", overwrite=True, sandbox=False)
    assert alone.text == again.text
    assert children == []


def test_a_child_that_dies_while_it_looks_is_said(tmp_path, monkeypatch):
    packed_geodatabase(tmp_path)
    with pytest.raises(LayerError, match=r"资料\.zip (needs more than|cannot be read)"):
        layer_names(tmp_path / "资料.zip", sandbox=Limits(memory_mb=60))
