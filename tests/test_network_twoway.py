"""Two-way reaches: tidal and regulated ones, by their state and in any state."""

from __future__ import annotations

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basin.errors import NetworkError
from basin.network import RiverNetwork, issue_text
from network_drawings import draw, kinds
from test_network_random import build, rivers

#: Two rivers a and b, joined above their mouths by a canal x from a to b with a gate.
WAYS = {
    "a1": [(0, 9), (0, 5)], "a2": [(0, 5), (0, 0)], "b1": [(6, 9), (6, 4)], "b2": [(6, 4), (6, 0)],
    "x": [(0, 5), (6, 4)],
}  # fmt: skip


def estuary(state=None, word="regulated"):
    return RiverNetwork.from_lines(
        draw(
            WAYS,
            two_way={"x": word},
            flow_state={"x": state},
            velocity_m_s=dict.fromkeys(WAYS, 1.0),
        )
    )


def test_the_stated_state_directs_the_network():
    forward, backward = estuary(), estuary("倒流")
    assert set(forward.upstream("b2")) == {"b1", "b2", "x", "a1"}
    assert set(forward.upstream("a2")) == {"a1", "a2"}
    assert set(backward.upstream("b2")) == {"b1", "b2"}
    assert set(backward.upstream("a2")) == {"a1", "a2", "x", "b1"}
    assert backward.path("b1", "a2").index.to_list() == ["b1", "x", "a2"]
    for network, state in ((forward, "forward"), (backward, "backward")):
        assert network.reaches["flow_state"].to_dict() == dict.fromkeys(WAYS, "") | {"x": state}
        assert network.reaches["two_way"]["x"] == "regulated"
        issue = network.issues[network.issues["kind"] == "two_way"].iloc[0]
        assert issue["reach_ids"] == "x"
        assert issue_text(issue, "en").startswith(
            f"x: water may run either way (regulated, now {state})"
        )


def test_another_state_is_the_network_built_in_that_state():
    turned, built = estuary().in_state({"x": "backward"}), estuary("backward")
    ours, theirs = turned.reaches, built.reaches
    assert ours.index.to_list() == theirs.index.to_list()
    for column in ("from_node", "to_node", "strahler", "arbolate_m", "main_path_id", "flow_state"):
        assert (ours[column] == theirs[column]).all(), column
    assert ours.geometry.to_wkb().equals(theirs.geometry.to_wkb())
    values = pd.Series({"b1": 8.0, "a1": 2.0})
    assert turned.accumulate(values).equals(built.accumulate(values))
    again = turned.in_state(pd.Series({"x": "顺流"}))
    assert set(again.upstream("b2")) == {"b1", "b2", "x", "a1"}


def test_in_any_state():
    for network in (estuary(), estuary("backward")):
        assert set(network.upstream("a2", either_way=True)) == {"a1", "a2", "x", "b1"}
        assert set(network.upstream("b2", either_way=True)) == {"b1", "b2", "x", "a1"}
        assert set(network.downstream("a1", either_way=True)) == {"a1", "a2", "x", "b2"}
        assert set(network.upstream("x", either_way=True)) == {"x", "a1", "b1"}
        pairs = network.all_pairs_upstream(
            [("x", 10.0), ("b1", 0.0)], [("x", 5.0), "a2"], either_way=True
        )
        assert pairs.to_frame().shape[0] == 4
    with pytest.raises(NetworkError, match="either_way knows no distances"):
        estuary().upstream("a2", either_way=True, distance_m=5.0)


def test_repairs_keep_to_their_ends_when_a_reach_is_turned():
    """x stops 11 m short of b; turned, it begins there."""
    ways = WAYS | {"x": [(0, 5), (5.99, 4)]}
    lines = draw(ways, two_way={"x": "tidal"})
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=20)
    assert "gap_closed" in kinds(network)
    assert not network.certainty("b2")["certain"]["x"]
    turned = network.in_state({"x": "backward"})
    assert turned.certainty("a2")["certain"].to_dict()["x"]
    assert not turned.certainty("a2")["certain"]["b1"]


def test_what_is_no_state_is_refused():
    with pytest.raises(NetworkError, match=r"unknown flow_state 'sideways'.*ids x"):
        estuary("sideways")
    with pytest.raises(NetworkError, match=r"not marked two-way.*ids x"):
        estuary("backward", word="否")
    with pytest.raises(NetworkError, match=r"not two-way.*ids a1"):
        estuary().in_state({"a1": "backward"})
    with pytest.raises(NetworkError, match="unknown reach_id"):
        estuary().in_state({"nowhere": "backward"})


@settings(max_examples=20, deadline=None)
@given(rivers(), st.data())
def test_sets_in_any_state_are_those_of_networkx(lines, data):
    marked = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    lines["two_way"] = ["tidal" if m else None for m in marked]
    network = build(lines)
    graph, ends = nx.MultiDiGraph(), {}
    for row, mark in zip(lines.itertuples(), marked, strict=True):
        graph.add_edge(row.from_, row.to_)
        ends[row.reach_id] = ([row.from_], [row.to_])
        if mark:
            graph.add_edge(row.to_, row.from_)
            ends[row.reach_id] = ([row.from_, row.to_], [row.from_, row.to_])
    lower = {v: {v} | nx.descendants(graph, v) for v in graph}
    for a, (_, leaves) in ends.items():
        below = set().union(*(lower[v] for v in leaves))
        want = {b for b, (enters, _) in ends.items() if below & set(enters)} | {a}
        assert set(network.downstream(a, either_way=True)) == want
        for b in ends:
            assert (a in network.upstream(b, either_way=True)) == (b in want)
