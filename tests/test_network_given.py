"""Given node columns: they close gaps, turn reaches, and disagree in the open."""

from __future__ import annotations

import pytest

from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import NORTH_M, draw, kinds

METRE = 1 / NORTH_M


def build(ways, frm, to, **options):
    lines = draw(ways, frm=frm, to=to)
    return RiverNetwork.from_lines(lines, from_node="frm", to_node="to", **options)


FRM, TO = {"a": 1, "b": 2, "c": 3}, {"a": 3, "b": 3, "c": 4}


def test_nodes_that_agree_say_nothing():
    network = build({"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]}, FRM, TO)
    assert network.issues.empty
    assert sorted(network.upstream("c")) == ["a", "b", "c"]


def test_a_gap_within_the_proposals_is_closed_by_the_nodes_at_a_parting_too():
    s = 30 * METRE
    frm, to = {"a": 1, "l": 2, "r": 2}, {"a": 2, "l": 3, "r": 4}
    ways = {"a": [(1, 2), (1, 1)], "l": [(1 - s, 1), (0, 0)], "r": [(1 + s, 1), (2, 0)]}
    network = build(ways, frm, to)
    assert len(kinds(network)["gap_closed"]) == 2
    assert sorted(network.upstream("l")) == ["a", "l"]
    assert sorted(network.upstream("r")) == ["a", "r"]
    assert not network.certainty("r", sure=0.95)["certain"]["a"]


def test_a_reach_drawn_upstream_is_turned_by_its_nodes():
    ways = {"a": [(1, 1), (0, 2)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]}
    network = build(ways, FRM, TO)
    assert kinds(network) == {"reversed": ["a"]}
    assert network.issues["rule"].to_list() == ["to_id"]
    assert sorted(network.upstream("c")) == ["a", "b", "c"]


def test_one_node_far_apart_and_two_nodes_at_one_place_are_listed():
    ways = {"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 0), (1, -1)]}
    far = build(ways, FRM, TO)
    conflicts = far.issues[far.issues["kind"] == "topology_conflict"]
    assert conflicts["distance_m"].to_list() == pytest.approx([NORTH_M], abs=1)
    assert sorted(far.upstream("c")) == ["c"]
    ways["c"] = [(1, 1), (1, 0)]
    other = build(ways, FRM | {"c": 9}, TO)
    assert kinds(other) == {"topology_conflict": ["a, b, c"]}
    assert sorted(other.upstream("c")) == ["a", "b", "c"]  # the geometry is kept


def test_blank_and_zero_are_no_nodes():
    ways = {"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]}
    network = build(ways, {"a": 0, "b": None, "c": 3}, {"a": 3, "b": 3, "c": 0})
    assert network.issues.empty


def test_both_columns_must_be_named():
    lines = draw({"a": [(0, 2), (1, 1)]}, frm={"a": 1})
    with pytest.raises(NetworkError, match="no node column None"):
        RiverNetwork.from_lines(lines, from_node="frm")
    with pytest.raises(NetworkError, match="no node column 'to'"):
        RiverNetwork.from_lines(lines, from_node="frm", to_node="to")
