"""Five hundred mutated files of every kind; the long run is in ``docs/benchmarks.md``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fuzz_readers


@pytest.mark.skipif(sys.platform == "win32", reason="the alarm of a case needs signals")
def test_mutated_files_are_read_or_refused():
    command = [sys.executable, fuzz_readers.__file__, "500", "11"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failures" in done.stdout
    counts = [line.split() for line in done.stdout.splitlines() if ", refused " in line]
    assert len(counts) == 12  # every kind
    assert sum(int(words[2].rstrip(",")) for words in counts) > 50  # some are still read


def test_the_valid_files_are_read_whole(tmp_path: Path):
    """Else every case would be refused, and prove nothing."""
    for kind, seed in fuzz_readers.make_seeds(tmp_path).items():
        path = seed / "zones.shp" if kind == "shp" else seed
        assert fuzz_readers.run_case(kind, path) == "read"
        assert fuzz_readers.stated_rows(kind, path) in (None, fuzz_readers.ROWS)


def test_a_row_that_vanishes_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seed = fuzz_readers.make_seeds(tmp_path)["geojson"]
    monkeypatch.setattr(fuzz_readers, "stated_rows", lambda *_: fuzz_readers.ROWS + 1)
    assert fuzz_readers.run_case("geojson", seed) == "FAILED: 13 rows stated, 12 kept, 0 set aside"
