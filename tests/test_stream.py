"""A check in pieces gives what the check of the whole gives, byte for byte, however it was run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import basin
from basin import layers
from basin.cli import main
from basin.errors import LayerError
from basin.layers.chunks import read_chunks
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


def test_overrides_changed_since_are_not_mixed_in(project, sites, tmp_path, monkeypatch):
    out, decided = tmp_path / "out.csv", tmp_path / "decided.csv"
    decided.write_text("site_id,rule_id,verdict,who,when,why\n", encoding="utf-8")
    monkeypatch.setattr(_stream, "check_part", lambda *task: 1 / 0)
    call = {"chunk": CHUNK, "crs": "EPSG:4490", "overrides": decided}
    with pytest.raises(ZeroDivisionError):
        check_stream(project, sites, out, **call)
    with decided.open("a", encoding="utf-8") as file:
        file.write("S1,CJ26-CHEM-1KM,clear,A,2026-01-01,x\n")
    with pytest.raises(LayerError, match="parts of another run"):
        check_stream(project, sites, out, **call)


def test_what_became_of_each_decision_is_told_in_pieces_too(project, sites, tmp_path):
    """One applied in the second piece, one on a site and one on a rule that are not there."""
    found = project.check(sites, crs="EPSG:4490").findings
    one = found[found["site_id"] == "S50"].iloc[0]
    rows = [("S50", one["rule_id"]), ("S999", one["rule_id"]), ("S1", "NO-RULE")]
    text = "".join(f"{site},{rule},manual,A,2026-01-01,x\n" for site, rule in rows)
    decided, out = tmp_path / "decided.csv", tmp_path / "out.csv"
    decided.write_text(f"site_id,rule_id,verdict,who,when,why\n{text}", encoding="utf-8")
    call = [
        "check",
        str(SAMPLE),
        str(sites),
        "--stream",
        "--from-crs",
        "EPSG:4490",
        "--chunk",
        "40",
    ]
    call += ["--overrides", str(decided), "-o", str(out), "--lang", "en", "--json"]
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 0, done.output
    whole = project.check(sites, crs="EPSG:4490", overrides=decided).overrides
    assert json.loads(done.stdout)["overrides"] == whole.to_dict("records")
    assert whole["status"].to_list()[1:] == ["no_site", "not_asked"]
    assert "override S999" in done.stderr
    assert "there is no such site" in done.stderr


def test_the_command_reads_tributaries_in_pieces_too(project, tmp_path):
    """A chemical plant by a tributary that is not among the important ones."""
    sites, out = tmp_path / "one.csv", tmp_path / "out.csv"
    row = "T0,chemical,new,106.804971,28.453482"
    sites.write_text(f"site_id,category,action,lon,lat\n{row}\n", encoding="utf-8")
    call = ["check", str(SAMPLE), str(sites), "--stream", "--from-crs", "EPSG:4490"]
    done = CliRunner().invoke(main, [*call, "--tributaries", "important", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert pd.read_csv(out, dtype=str)["verdict"].to_list() == ["undetermined"]
    by = [project.check(sites, crs="EPSG:4490", tributaries=reading).sites["verdict"].iloc[0]
          for reading in ("all", "important")]  # fmt: skip
    assert by == ["prohibited", "undetermined"]


def test_unchecked_behind_a_graver_verdict_fails_in_pieces_too(project, sites, tmp_path):
    result = project.check(sites, crs="EPSG:4490")
    hidden = result.sites[(result.sites["n_unchecked"] > 0)
                          & ~result.sites["verdict"].isin(["undetermined"])]  # fmt: skip
    table = pd.read_csv(sites, dtype=str).set_index("site_id").loc[hidden.index[:1]]
    table.reset_index().to_csv(tmp_path / "one.csv", index=False)
    call = ["check", str(SAMPLE), str(tmp_path / "one.csv"), "--from-crs", "EPSG:4490",
            "--fail-on", "unchecked"]  # fmt: skip
    whole_run = CliRunner().invoke(main, call)
    pieces = CliRunner().invoke(main, [*call, "--stream", "-o", str(tmp_path / "out.csv")])
    assert (whole_run.exit_code, pieces.exit_code) == (1, 1)


def test_lines_that_end_as_on_an_old_mac_are_counted(project, sites, whole, tmp_path):
    (tmp_path / "mac.csv").write_bytes(sites.read_bytes().replace(b"\n", b"\r"))
    done = check_stream(
        project, tmp_path / "mac.csv", tmp_path / "out.csv", chunk=CHUNK, crs="EPSG:4490"
    )
    assert done.rows == N
    assert done.path.read_bytes() == whole


def test_a_comma_at_the_end_of_each_row_shifts_no_cell(project, sites, whole, tmp_path):
    text = sites.read_bytes()
    head, _, rest = text.partition(b"\n")
    (tmp_path / "comma.csv").write_bytes(head + b"\n" + rest.replace(b"\n", b",\n"))
    call = {"chunk": CHUNK, "crs": "EPSG:4490"}
    done = check_stream(project, tmp_path / "comma.csv", tmp_path / "out.csv", **call)
    assert done.path.read_bytes() == whole


@pytest.mark.parametrize(("row", "more"), [(50, b",x"), (50, b",x,y"), (1, b",x"), (1, b",,y")])
def test_rows_longer_than_the_heading_are_refused(sites, tmp_path, row, more):
    lines = sites.read_bytes().splitlines()
    lines[row] += more
    (tmp_path / "long.csv").write_bytes(b"\n".join(lines))
    with pytest.raises(LayerError, match="more cells than the heading"):
        list(read_chunks(tmp_path / "long.csv", CHUNK))


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
