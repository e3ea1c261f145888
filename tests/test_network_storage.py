"""Tables, files and networkx, there and back: equal in every answer, and honest about changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import NORTH_M, at, draw, points

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample_layers"
METRE = 1 / NORTH_M


@pytest.fixture(scope="module")
def sample():
    return RiverNetwork.from_lines(gpd.read_file(SAMPLE / "rivers.gpkg"), snap_tolerance_m=30)


def drawn():
    """An island, a ring of flow, a gap, a split, a copy, names and own columns."""
    s = 20 * METRE
    ways = {
        "a": [(1, 4), (1, 3)], "l": [(1, 3), (0, 2), (1, 1)], "r": [(1, 3), (2, 2), (1, 1)],
        "c": [(1, 1 - s), (1, -2)], "t": [(3, 0), (1, 0)], "copy": [(3, 0), (1, 0)],
        "x": [(5, 0), (6, 0)], "y": [(6, 0), (6, 1)], "z": [(6, 1), (5, 0)], "o": [(6, 1), (7, 1)],
        "m-x": [(8, 0), (8, -1)], "m.": [(8, -1), (8, -2)],
    }  # fmt: skip
    return draw(
        ways, name={"a": "甲河", "c": "甲河"}, velocity_m_s=dict.fromkeys(ways, 0.5),
        width_m={"l": 30, "r": 10}, NAME={"a": "A"}, fid={"a": 7.5},
    )  # fmt: skip


def build():
    return RiverNetwork.from_lines(drawn(), snap_tolerance_m=30, turn=False)


def assert_same(one, other):
    assert_frame_equal(
        pd.DataFrame(one.reaches).drop(columns="geometry"),
        pd.DataFrame(other.reaches).drop(columns="geometry"),
        check_dtype=False,
    )
    assert (one.reaches.geometry.to_wkb() == other.reaches.geometry.to_wkb()).all()
    assert one.reaches.crs == other.reaches.crs
    assert_frame_equal(
        pd.DataFrame(one.issues).drop(columns="geometry"),
        pd.DataFrame(other.issues).drop(columns="geometry"),
        check_dtype=False,
    )
    assert np.array_equal(one._parts.nodes, other._parts.nodes)
    assert repr(one) == repr(other)
    for k in one.reaches.index:
        assert list(one.upstream(k)) == list(other.upstream(k))
        assert list(one.downstream(k, diversions=True)) == list(
            other.downstream(k, diversions=True)
        )
        assert list(one.downstream(k)) == list(other.downstream(k))
        assert_frame_equal(one.certainty(k), other.certainty(k))
        assert_frame_equal(one.distance_to(k), other.distance_to(k))
    load = pd.Series(np.arange(1.0, len(one.reaches) + 1), index=sorted(one.reaches.index))
    assert_series_equal(one.accumulate(load), other.accumulate(load))
    places = points({"p": (1.1, 0.4), "q": (6, 0.4)})
    assert_frame_equal(one.snap(places), other.snap(places))
    for gone in ("t", "c"):
        with pytest.raises(NetworkError) as mine:
            one.upstream(gone)
        with pytest.raises(NetworkError) as theirs:
            other.upstream(gone)
        assert str(mine.value) == str(theirs.value)


def back(network, way, tmp_path):
    if way == "tables":
        return RiverNetwork.from_tables(network.to_tables())
    if way == "networkx":
        return RiverNetwork.from_networkx(network.to_networkx())
    if way == "gpkg":
        return RiverNetwork.from_file(network.to_gpkg(tmp_path / "河网.gpkg"))
    pytest.importorskip("pyarrow")
    return RiverNetwork.from_file(network.to_parquet(tmp_path / "河网"))


WAYS = ["tables", "networkx", "gpkg", "parquet"]


@pytest.mark.parametrize("way", WAYS)
def test_there_and_back_every_answer_is_the_same(way, tmp_path):
    network = build()
    again = back(network, way, tmp_path)
    if way == "gpkg":  # which cannot hold `fid` nor tell NAME from name
        new = {"NAME_2": "NAME", "fid_2": "fid"}
        again.reaches = again.reaches.rename(columns=new)
    assert_same(network, again)


@pytest.mark.parametrize("way", WAYS)
def test_the_sample_there_and_back(sample, way, tmp_path):
    again = back(sample, way, tmp_path)
    assert_frame_equal(
        pd.DataFrame(sample.reaches).drop(columns="geometry"),
        pd.DataFrame(again.reaches).drop(columns="geometry"),
        check_dtype=False,
    )
    for k in sample.reaches.index[::20]:
        assert list(sample.upstream(k)) == list(again.upstream(k))
        assert_frame_equal(sample.certainty(k), again.certainty(k))


def test_there_and_back_twice_is_once(tmp_path):
    once = back(build(), "networkx", tmp_path)
    twice = back(once, "networkx", tmp_path)
    assert_same(once, twice)


def test_the_graph_has_what_networkx_users_expect():
    network = build()
    graph = network.to_networkx()
    assert isinstance(graph, nx.MultiDiGraph)
    assert graph.number_of_edges() == len(network.reaches)
    key = {k: (a, b) for a, b, k in graph.edges(keys=True)}
    a, b = key["c.2"]
    assert graph.edges[a, b, "c.2"]["geometry"].equals(network.reaches.geometry["c.2"])
    assert graph.edges[a, b, "c.2"]["length_m"] == network.reaches["length_m"]["c.2"]
    assert {d["kind"] for _, d in graph.nodes(data=True)} >= {"head", "outlet", "confluence"}
    assert key.keys() == {k for _, _, k in network.graph.edges(keys=True)}


def test_any_graph_drawn_downstream_becomes_a_network():
    graph = nx.MultiDiGraph()
    for node, place in {"spring": (0, 2), "other": (2, 2), "mouth": (1, 1), "sea": (1, 0)}.items():
        graph.add_node(node, x=at(*place)[0], y=at(*place)[1])
    graph.add_edge("spring", "mouth", key="a", name="甲河")
    graph.add_edge("other", "mouth", key="b")
    graph.add_edge("mouth", "sea", key="c", name="甲河")
    graph.add_node("alone")
    network = RiverNetwork.from_networkx(graph)
    assert sorted(network.upstream("c")) == ["a", "b", "c"]
    assert network.reaches["tributary_order"].to_dict() == {"a": 0, "b": 1, "c": 0}
    assert network.reaches["length_m"]["c"] == pytest.approx(NORTH_M, abs=0.2)
    lines = draw(
        {"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]},
        name={"a": "甲河", "c": "甲河"},
    )
    assert_frame_equal(
        pd.DataFrame(network.reaches).drop(columns=["geometry", "from_node", "to_node"]),
        pd.DataFrame(RiverNetwork.from_lines(lines).reaches)[
            [c for c in network.reaches if c not in ("geometry", "from_node", "to_node")]
        ],
        check_dtype=False,
    )


def test_graphs_that_are_no_networks_are_refused():
    graph = nx.MultiDiGraph()
    with pytest.raises(NetworkError, match="no edge"):
        RiverNetwork.from_networkx(graph)
    graph.add_edge("u", "v", key="a")
    with pytest.raises(NetworkError, match=r"nodes have no place: ids u, v"):
        RiverNetwork.from_networkx(graph)
    graph.add_node("u", x=500_000.0, y=3_200_000.0)
    graph.add_node("v", x=106.0, y=29.0)
    with pytest.raises(NetworkError, match="off the globe"):
        RiverNetwork.from_networkx(graph)
    graph.add_node("u", x=106.1, y=29.0)
    graph.add_edge("v", "u", key="a")
    with pytest.raises(NetworkError, match="one key"):
        RiverNetwork.from_networkx(graph)


def test_a_file_that_was_changed_is_refused_not_half_believed(tmp_path):
    path = build().to_gpkg(tmp_path / "n.gpkg")
    reaches = gpd.read_file(path, layer="reaches")
    moved = reaches.geometry.translate(0.001, 0)
    reaches.assign(geometry=moved).to_file(path, layer="reaches", driver="GPKG")
    with pytest.raises(NetworkError, match=r"they were changed.*from_lines"):
        RiverNetwork.from_file(path)


def test_files_that_hold_no_network_are_refused(tmp_path):
    with pytest.raises(NetworkError, match=r"there is no none\.gpkg"):
        RiverNetwork.from_file(tmp_path / "none.gpkg")
    plain = tmp_path / "rivers.gpkg"
    drawn()[["reach_id", "geometry"]].to_file(plain, driver="GPKG")
    with pytest.raises(NetworkError, match="no stored network: reaches"):
        RiverNetwork.from_file(plain)
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"no database")
    with pytest.raises(NetworkError, match="cannot be read"):
        RiverNetwork.from_file(broken)
    other = build().to_gpkg(tmp_path / "other.gpkg")
    with sqlite3.connect(other) as base:
        base.execute("update network_state set value = '99' where key = 'format'")
    base.close()
    with pytest.raises(NetworkError, match="format 99"):
        RiverNetwork.from_file(other)


def test_a_written_file_replaces_whole_or_not_at_all(tmp_path):
    network, path = build(), tmp_path / "n.gpkg"
    network.to_gpkg(path)
    network.to_gpkg(path)
    assert [p.name for p in tmp_path.iterdir()] == ["n.gpkg"]
    pytest.importorskip("pyarrow")
    network.to_parquet(tmp_path / "folder")
    with pytest.raises(NetworkError, match="folder exists already"):
        network.to_parquet(tmp_path / "folder")
