"""Sets of files: all new or all old, whatever stops the writer; two writers never mix."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import Point

from basin.errors import LayerError
from basin.layers import atomic_write, find_layers, read_layer, whole_set, write_layers
from basin.layers.atomic import folder_lock

NAMES = ("a.csv", "b.csv", "c.csv")
#: Large enough that a kill often falls into the writing.
SIZE = 2_000_000


def write_set(folder: Path, text: str) -> None:
    with whole_set():
        for name in NAMES:
            with atomic_write(folder / name) as temporary:
                temporary.write_text(text)


def texts(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in NAMES]


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


def run(code: str, **options: object) -> subprocess.Popen:
    head = "import sys\nfrom pathlib import Path\nfrom basin.layers import *\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + code], stdout=subprocess.PIPE, text=True, **options
    )


LOOP = """
folder, sign = Path(sys.argv[1]) if len(sys.argv) > 1 else Path({folder!r}), {sign!r}
print("ready", flush=True)
for number in range({rounds}):
    text = f"{{sign}}{{number}}\\n" * {lines}
    with whole_set():
        for name in {names!r}:
            with atomic_write(folder / name) as temporary:
                temporary.write_text(text)
print("done", flush=True)
"""


def loop(folder: Path, sign: str, rounds: int, lines: int = 2) -> str:
    return LOOP.format(folder=str(folder), sign=sign, rounds=rounds, lines=lines, names=NAMES)


# ---------------------------------------------------------------- one set


def test_a_set_appears_together_or_not_at_all(tmp_path):
    write_set(tmp_path, "old")

    def work():
        with whole_set():
            for name in NAMES[:2]:
                with atomic_write(tmp_path / name) as temporary:
                    temporary.write_text("new")
            assert texts(tmp_path) == ["old"] * 3  # nothing yet
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        work()
    assert texts(tmp_path) == ["old"] * 3
    assert leftovers(tmp_path) == []
    write_set(tmp_path, "new")
    assert texts(tmp_path) == ["new"] * 3
    assert leftovers(tmp_path) == []


def test_one_file_in_the_way_stops_the_whole_set(tmp_path):
    def work():
        with whole_set():
            for name in NAMES:
                with atomic_write(tmp_path / name, overwrite=False) as temporary:
                    temporary.write_text("mine")
            (tmp_path / "b.csv").write_text("theirs")  # another run was faster

    with pytest.raises(LayerError, match=r"b\.csv exists already"):
        work()
    assert [p.name for p in tmp_path.iterdir()] == ["b.csv"]
    assert (tmp_path / "b.csv").read_text() == "theirs"


def test_a_file_that_cannot_be_put_brings_the_old_ones_back(tmp_path):
    write_set(tmp_path, "old")

    def work():
        with whole_set():
            for name in NAMES:
                with atomic_write(tmp_path / name) as temporary:
                    temporary.write_text("new")
            (tmp_path / "c.csv").unlink()
            (tmp_path / "c.csv").mkdir()  # cannot be replaced by a file

    with pytest.raises(LayerError, match="cannot be written"):
        work()
    assert [(tmp_path / n).read_text() for n in NAMES[:2]] == ["old", "old"]
    assert leftovers(tmp_path) == []


def test_a_file_open_elsewhere_is_left_alone(tmp_path):
    path = tmp_path / "a.gpkg"
    path.write_text("old")
    (tmp_path / "a.gpkg-wal").write_text("what QGIS has not written back yet")
    with pytest.raises(LayerError, match="open in another program"), atomic_write(path):
        pass
    assert path.read_text() == "old"


def test_old_drafts_of_a_killed_run_go_and_new_ones_stay(tmp_path):
    old, new = tmp_path / ".a.0123456789ab.csv", tmp_path / ".a.ba9876543210.csv"
    other = tmp_path / ".b.0123456789ab.csv"
    for file in (old, new, other):
        file.write_text("half")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))
    os.utime(other, (two_days_ago, two_days_ago))
    assert find_layers(tmp_path) == {}
    write_set(tmp_path, "x")
    assert sorted(leftovers(tmp_path)) == [".a.ba9876543210.csv"]


# ---------------------------------------------------------------- a shapefile is a set


@pytest.fixture
def points():
    return gpd.GeoDataFrame({"id": ["1", "2"]}, geometry=[Point(106, 29), Point(107, 29)], crs=4490)


def test_a_shapefile_is_replaced_with_all_its_parts(tmp_path, points):
    path = tmp_path / "p.shp"
    write_layers(path, {"p": points})
    for index in (".qix", ".sbn", ".sbx"):
        path.with_suffix(index).write_bytes(b"where the old shapes were")
    with pytest.raises(LayerError, match="exists already"):
        write_layers(path, {"p": points.iloc[:1]})
    assert len(gpd.read_file(path)) == 2
    write_layers(path, {"p": points.iloc[:1]}, overwrite=True)
    assert len(gpd.read_file(path)) == 1
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"p.shp", "p.shx", "p.dbf", "p.prj", "p.cpg", "p_fields.csv"}


# ---------------------------------------------------------------- kill, full disk, two at once


def test_killed_at_any_moment_leaves_whole_files(tmp_path):
    """Each file is whole; sets may part only in the moment of putting, which is short."""
    chance = random.Random(7)  # noqa: S311
    write_set(tmp_path, "first\n" * 2)
    lines = SIZE // 5
    for _ in range(5):
        with run(loop(tmp_path, "n", 10_000, lines)) as running:
            assert running.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.4))
            running.send_signal(signal.SIGKILL)
            running.wait()
        for text in texts(tmp_path):
            words = text.splitlines()
            assert len(set(words)) == 1
            assert len(words) == (2 if words[0] == "first" else lines)
        assert find_layers(tmp_path) == {}  # half files are hidden
    for name in leftovers(tmp_path):
        assert name.endswith((".csv", ".lock"))
    write_set(tmp_path, "last")  # the lock of the killed run is gone with it
    assert texts(tmp_path) == ["last"] * 3


def test_two_writers_never_mix(tmp_path):
    with run(loop(tmp_path, "x", 60)) as one, run(loop(tmp_path, "y", 60)) as two:
        assert one.stdout.readline() == two.stdout.readline() == "ready\n"
        seen = set()
        while one.poll() is None or two.poll() is None:
            if all((tmp_path / name).exists() for name in NAMES):
                with folder_lock(tmp_path):
                    found = texts(tmp_path)
                assert len(set(found)) == 1
                seen.add(found[0][0])
            time.sleep(0.005)
        assert one.wait() == two.wait() == 0
    assert len(set(texts(tmp_path))) == 1
    assert leftovers(tmp_path) == []


FULL = """
import resource, signal, geopandas as gpd
from shapely.geometry import Point
from basin.errors import LayerError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
many = gpd.GeoDataFrame({"id": range(20_000)}, geometry=[Point(106, 29)] * 20_000, crs=4490)
try:
    write_layers(sys.argv[1], {"many": many}, overwrite=True)
except LayerError as error:
    print(error)
else:
    print("no error")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson", "p.csv", "p.xlsx", "p.shp"])
def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path, points, name):
    path = tmp_path / name
    write_layers(path, {"p": points})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    head = "import sys\nfrom basin.layers import write_layers\n"
    done = subprocess.run(
        [sys.executable, "-c", head + FULL, str(path)], capture_output=True, text=True, check=False
    )
    assert "cannot be written" in done.stdout, done.stdout + done.stderr
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB, where the machine lets us make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.name != "posix" or os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small file system needs root")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    yield place
    subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)


def test_a_full_disk_leaves_the_old_set(small_disk):
    write_set(small_disk, "old")
    with pytest.raises(LayerError, match="No space left"):
        write_set(small_disk, "new" * 60_000)  # the second file no longer fits
    assert texts(small_disk) == ["old"] * 3
    assert leftovers(small_disk) == []


def test_a_table_read_back_is_the_one_written(tmp_path, points):
    write_layers(tmp_path / "p.gpkg", {"outfalls": points.rename(columns={"id": "outfall_id"})})
    assert len(read_layer(tmp_path / "p.gpkg", "outfalls", problems=[])) == 2
