"""A check in pieces gives what the check of the whole gives, byte for byte, however it was run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import basin
from basin import layers
from basin.cli import main
from basin.errors import LayerError
from basin.project import _stream
from basin.project._stream import check_stream
from places import SAMPLE

N, CHUNK = 90, 40


@pytest.fixture(scope="module")
def project():
    return basin.open(SAMPLE)


@pytest.fixture(scope="module")
def sites(project, tmp_path_factory) -> Path:
    """A file of sites, one without an id and one with a place that cannot be read; seeded."""
    random = np.random.default_rng(4)
    west, south, east, north = project.layers["rivers"].total_bounds
    table = pd.DataFrame(
        {
            "site_id": [f"S{k}" for k in range(N)],
            "name": [f"项目，{k}" for k in range(N)],
            "category": random.choice(["chemical", "livestock", "paper"], N),
            "action": random.choice(["new", "expand", "rebuild"], N),
            "lon": random.uniform(west, east, N).round(6).astype(str),
            "lat": random.uniform(south, north, N).round(6).astype(str),
        }
    )
    table.loc[40, "site_id"] = ""
    table.loc[55, "lon"] = "?"
    file = tmp_path_factory.mktemp("sites") / "sites.csv"
    table.to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def whole(project, sites, tmp_path_factory) -> bytes:
    """The table of the whole, checked at once."""
    result = project.check(sites, crs="EPSG:4490")
    file = tmp_path_factory.mktemp("whole") / "whole.csv"
    layers.write_layers(file, {"sites": _stream._as_points(result.to_frame())})
    return file.read_bytes()


def test_pieces_give_what_the_whole_gives(project, sites, whole, tmp_path):
    told = []
    done = check_stream(
        project, sites, tmp_path / "out.csv", chunk=CHUNK, crs="EPSG:4490",
        progress=lambda *at: told.append(at),
    )  # fmt: skip
    assert done.path.read_bytes() == whole
    assert "row-42," in whole.decode(), "the site without an id is named by its row in the file"
    assert done.rows == N
    assert sum(done.verdicts.values()) == whole.count(b"\r\n") - 1
    assert told[0] == (0, N)
    assert told[-1] == (N, N)
    assert not list(tmp_path.glob("*.parts"))
    assert set(done.problems["kind"]) >= {"id_missing"}


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    project, sites, whole, tmp_path, monkeypatch
):
    calls, check_part = [], _stream.check_part

    def failing(frozen, table, first, *rest):
        calls.append(first)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return check_part(frozen, table, first, *rest)

    monkeypatch.setattr(_stream, "check_part", failing)
    out = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        check_stream(project, sites, out, chunk=CHUNK, crs="EPSG:4490")
    assert not out.exists(), "whole or not at all"
    done = check_stream(project, sites, out, chunk=CHUNK, crs="EPSG:4490")
    assert done.resumed == 2
    assert calls == [0, 40, 80, 80]
    assert out.read_bytes() == whole


def test_parts_of_another_run_are_not_mixed_in(project, sites, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    monkeypatch.setattr(_stream, "check_part", lambda *task: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check_stream(project, sites, out, chunk=CHUNK, crs="EPSG:4490")
    monkeypatch.undo()
    with pytest.raises(LayerError, match="parts of another run"):
        check_stream(project, sites, out, chunk=CHUNK + 1, crs="EPSG:4490")


def test_ids_that_occur_twice_in_different_pieces_are_refused(project, sites, tmp_path):
    table = pd.read_csv(sites, dtype=str).iloc[[0, 1, 2, 0]]
    table.to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(LayerError, match=r"occur twice.*S0"):
        check_stream(
            project, tmp_path / "twice.csv", tmp_path / "out.csv", chunk=3, crs="EPSG:4490"
        )


def test_the_coordinates_of_a_csv_are_not_guessed_from_pieces(project, sites, tmp_path):
    with pytest.raises(LayerError, match="not stated"):
        check_stream(project, sites, tmp_path / "out.csv")


def test_points_of_a_geopackage_by_the_command(project, sites, whole, tmp_path):
    read = layers.read_layer(sites, "sites", crs="EPSG:4490", problems=[])
    read.to_file(tmp_path / "sites.gpkg", layer="sites")
    out = tmp_path / "out.csv"
    arguments = ["check", str(SAMPLE), str(tmp_path / "sites.gpkg"), "--stream", "--chunk", "40"]
    done = CliRunner().invoke(main, [*arguments, "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == whole
    assert f"{N:,} / {N:,}" in done.stderr


@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_a_cluster_give_the_same_bytes(project, sites, whole, tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        out = tmp_path / "out.csv"
        done = check_stream(
            project, sites, out, chunk=CHUNK, crs="EPSG:4490", scheduler=cluster.scheduler_address
        )
        assert len(client.nthreads()) == 2
    assert done.rows == N
    assert out.read_bytes() == whole
