"""Random networks with braids, against networkx and against themselves redrawn."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.ops
from hypothesis import given, settings
from hypothesis import strategies as st

from basin.network import RiverNetwork
from network_drawings import LAT, LON, STEP


@st.composite
def rivers(draw_, *, cycles=False, most=22):
    """A layer of reaches between random nodes, mostly downhill; parallel arms are common.

    Nodes lie on a circle-like curve so that no three are in line; arms bend apart, so that
    reaches meet at their ends only... where two lines cross, they do not join.
    """
    n = draw_(st.integers(2, 9))
    count = draw_(st.integers(1, most))
    pairs = draw_(
        st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] != p[1]),
            min_size=count,
            max_size=count,
        )
    )
    ways = [p if cycles else (min(p), max(p)) for p in pairs]
    place = [(3 * k + 0.31 * k * k % 2, 5 * np.sin(1.7 * k) + 0.1 * k * k) for k in range(n)]
    lines, seen = [], {}
    for k, (a, b) in enumerate(ways):
        arm = seen[a, b] = seen.get((a, b), 0) + 1
        middle = (np.array(place[a]) + place[b]) / 2 + [
            0.37 * arm + 0.013 * k,
            0.53 * arm + 0.017 * k,
        ]
        lines.append([place[a], tuple(middle), place[b]])
    return gpd.GeoDataFrame(
        {
            "reach_id": [f"R{k:02d}" for k in range(len(lines))],
            "velocity_m_s": 0.5,
            "from_": [a for a, _ in ways],
            "to_": [b for _, b in ways],
        },
        geometry=[
            shapely.LineString([(LON + STEP * x, LAT + STEP * y) for x, y in w]) for w in lines
        ],
        crs=4490,
    )


def build(lines):
    # a tolerance of nothing: only what touches is joined, as networkx is told below
    return RiverNetwork.from_lines(lines, snap_tolerance_m=0.0, turn=False)


def as_networkx(lines):
    graph = nx.MultiDiGraph()
    for row in lines.itertuples():
        graph.add_edge(row.from_, row.to_, key=row.reach_id)
    return graph


def edges_above(graph, lines, reach):
    row = lines.set_index("reach_id").loc[reach]
    nodes = nx.ancestors(graph, row["from_"]) | {row["from_"]}
    return {r.reach_id for r in lines.itertuples() if r.to_ in nodes} | {reach}


def edges_below(graph, lines, reach):
    row = lines.set_index("reach_id").loc[reach]
    nodes = nx.descendants(graph, row["to_"]) | {row["to_"]}
    return {r.reach_id for r in lines.itertuples() if r.from_ in nodes} | {reach}


def whole(network):
    """Nothing was split or dropped: the drawing is the graph (what crosses is only listed)."""
    return (network.issues["action"] != "applied").all()


@settings(max_examples=60, deadline=None)
@given(rivers())
def test_sets_are_those_of_networkx(lines):
    network, graph = build(lines), as_networkx(lines)
    assert whole(network)
    up = {r: set(network.upstream(r)) for r in lines["reach_id"]}
    down = {r: set(network.downstream(r, diversions=True)) for r in lines["reach_id"]}
    for reach in lines["reach_id"]:
        assert up[reach] == edges_above(graph, lines, reach)
        assert down[reach] == edges_below(graph, lines, reach)
        assert set(network.downstream(reach)) <= down[reach]
        assert set(network.upstream(reach, tributaries=False)) <= up[reach]
    for a in lines["reach_id"]:
        for b in lines["reach_id"]:
            assert (a in up[b]) == (b in down[a])


@settings(max_examples=40, deadline=None)
@given(rivers())
def test_reaches_stand_behind_all_that_drain_to_them(lines):
    """Where a set above is one slice, it is that slice; rivers without partings always are."""
    network = build(lines)
    place = {r: k for k, r in enumerate(network.reaches.index)}
    above = {r: [place[i] for i in network.upstream(r)] for r in place}
    for reach, found in above.items():
        assert found == sorted(found)
        assert found[-1] == place[reach]
    parted = network.reaches["from_node"].duplicated().any()
    slices = [f == list(range(f[0], f[-1] + 1)) for f in above.values()]
    assert parted or all(slices)
    assert network._together.sum() <= sum(slices)
    assert parted or network._together.all()


@settings(max_examples=60, deadline=None)
@given(rivers(cycles=True))
def test_cycles_change_no_set_and_are_listed(lines):
    network, graph = build(lines), as_networkx(lines)
    assert whole(network)
    for reach in lines["reach_id"]:
        assert set(network.upstream(reach)) == edges_above(graph, lines, reach)
        assert set(network.downstream(reach, diversions=True)) == edges_below(graph, lines, reach)
        assert len(network.distance_to(reach)) == len(network.upstream(reach))
    acyclic = nx.is_directed_acyclic_graph(graph)
    assert ("cycle" in set(network.issues["kind"])) == (not acyclic)
    for ids in network.issues.loc[network.issues["kind"] == "cycle", "reach_ids"]:
        ends = network.reaches.loc[ids.split(", "), ["from_node", "to_node"]]
        assert ends["to_node"].to_list() == np.roll(ends["from_node"], -1).tolist()
    network.accumulate(pd.Series(1.0, index=network.reaches.index))


@settings(max_examples=40, deadline=None)
@given(rivers())
def test_distances_are_those_of_dijkstra(lines):
    network = build(lines)
    graph = nx.DiGraph()
    for row in network.reaches.itertuples():
        graph.add_node(row.Index)
        for after in network.reaches.index[network.reaches["from_node"] == row.to_node]:
            graph.add_edge(row.Index, after, weight=network.reaches["length_m"][after])
    for start in list(network.reaches.index)[:6]:
        length = network.reaches["length_m"][start]
        want = nx.single_source_dijkstra_path_length(graph.reverse(), start, weight=_leave)
        got = network.distance_to(start)
        for reach, metres in got["distance_m"].items():
            through = nx.dijkstra_path_length(graph, reach, start, weight="weight")
            assert metres == pytest.approx(through, abs=1e-6), (reach, start)
        assert set(want) == set(got.index)
        assert got["time_h"].to_numpy() == pytest.approx(got["distance_m"] / 1800)
        below = network.distance_from(start)
        for reach, metres in below["distance_m"].items():
            walked = nx.dijkstra_path_length(graph, start, reach, weight="weight")
            other = network.reaches["length_m"][reach]
            want_m = 0.0 if reach == start else walked - other + length
            assert metres == pytest.approx(want_m, abs=1e-6)


def _leave(a, b, data):
    return data["weight"]


@settings(max_examples=40, deadline=None)
@given(rivers(), st.sampled_from([None, "even", "main"]), st.randoms(use_true_random=False))
def test_outlets_sum_to_the_whole(lines, split, random):
    for column in ("width_m", "flow_m3_s"):  # known of some arms only
        lines[column] = [random.choice([np.nan, random.uniform(1, 9)]) for _ in range(len(lines))]
    network = build(lines)
    values = pd.Series({r: random.uniform(0, 9) for r in network.reaches.index})
    total = network.accumulate(values) if split is None else network.accumulate(values, split=split)
    outlets = ~network.reaches["to_node"].isin(network.reaches["from_node"])
    assert total[outlets].sum() == pytest.approx(values.sum(), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(rivers(), st.randoms(use_true_random=False))
def test_arms_of_unknown_size_share_alike_on_the_graph_of_networkx(lines, random):
    network, graph = build(lines), as_networkx(lines)
    values = {r: random.uniform(0, 9) for r in lines["reach_id"]}
    leaving = {}
    for node in nx.topological_sort(graph):
        share = graph.nodes[node].get("in", 0.0) / max(graph.out_degree(node), 1)
        for _, after, reach in graph.out_edges(node, keys=True):
            leaving[reach] = share + values[reach]
            graph.nodes[after]["in"] = graph.nodes[after].get("in", 0.0) + leaving[reach]
    total = network.accumulate(pd.Series(values))
    assert total.to_dict() == pytest.approx(leaving, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(rivers())
def test_strahler_with_secondary_ways_is_the_textbook_rule_on_every_inflow(lines):
    network, graph, order = build(lines), as_networkx(lines), {}
    for node in nx.topological_sort(graph):
        ranks = sorted((order[k] for *_, k in graph.in_edges(node, keys=True)), reverse=True)
        rank = (ranks[0] + (ranks[1:2] == ranks[:1])) if ranks else 1
        order |= dict.fromkeys((k for *_, k in graph.out_edges(node, keys=True)), rank)
    assert network.reaches["strahler_all"].to_dict() == order


@settings(max_examples=30, deadline=None)
@given(rivers())
def test_arbolate_sum_counts_each_reach_above_once(lines):
    network = build(lines)
    length = network.reaches["length_m"]
    for reach in network.reaches.index:
        above = length[network.upstream(reach)].sum()
        assert network.reaches["arbolate_m"][reach] == pytest.approx(above, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(rivers(cycles=True), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(lines, random):
    order = list(range(len(lines)))
    random.shuffle(order)
    one, two = RiverNetwork.from_lines(lines), RiverNetwork.from_lines(lines.iloc[order])
    assert one.reaches.equals(two.reaches)
    assert one.issues.equals(two.issues)


@settings(max_examples=30, deadline=None)
@given(rivers(), st.integers(1, 3))
def test_splitting_and_densifying_reaches_changes_no_answer(lines, pieces):
    """Reaches are cut at their middle vertex, or given more vertices."""
    network = build(lines)
    if pieces == 1:
        cut = lines.assign(geometry=lines.geometry.segmentize(STEP / 3))
        again = build(cut)
        source = pd.Series(again.reaches.index, index=again.reaches.index)
    else:
        cut = lines.assign(
            geometry=[shapely.MultiLineString([g.coords[:2], g.coords[1:]]) for g in lines.geometry]
        )
        again = build(cut)
        source = again.reaches["source_id"]
    for reach in network.reaches.index:
        last = reach if pieces == 1 else f"{reach}.2"
        assert set(source[again.upstream(last)]) == set(network.upstream(reach))
        assert again.reaches["arbolate_m"][last] == pytest.approx(
            network.reaches["arbolate_m"][reach], rel=1e-6
        )
        assert again.reaches["strahler"][last] == network.reaches["strahler"][reach]


@settings(max_examples=25, deadline=None)
@given(rivers(most=8))
def test_strahler_on_trees_is_the_textbook_rule(lines):
    trees = lines.drop_duplicates("from_")
    network = build(trees)

    def order(reach):
        node = network.reaches["from_node"][reach]
        inflows = network.reaches.index[network.reaches["to_node"] == node]
        ranks = sorted((order(i) for i in inflows), reverse=True)
        if not ranks:
            return 1
        return ranks[0] + (len(ranks) > 1 and ranks[1] == ranks[0])

    for reach in network.reaches.index:
        assert network.reaches["strahler"][reach] == order(reach)


@settings(max_examples=20, deadline=None)
@given(rivers(), st.randoms(use_true_random=False))
def test_splitting_reaches_at_random_points_changes_no_answer(lines, random):
    network = build(lines)
    rows = []
    for row in lines.itertuples():
        at = random.choice([None, random.uniform(0.05, 0.95)])
        parts = [row.geometry]
        if at is not None:
            parts = [
                shapely.ops.substring(row.geometry, a, b, normalized=True)
                for a, b in ((0, at), (at, 1))
            ]
        rows += [(f"{row.reach_id}{'abc'[k]}", part) for k, part in enumerate(parts)]
    random.shuffle(rows)
    cut = gpd.GeoDataFrame(
        {"reach_id": [i for i, _ in rows]}, geometry=[g for _, g in rows], crs=4490
    )
    again = build(cut)
    values = pd.Series({r: random.uniform(0, 9) for r in lines["reach_id"]})
    last = {r: max(i for i in cut["reach_id"] if i[:-1] == r) for r in lines["reach_id"]}
    load = network.accumulate(values, split="even")
    cut_load = again.accumulate(values.rename(last), split="even")
    for reach, low in last.items():
        assert {i[:-1] for i in again.upstream(low)} == set(network.upstream(reach))
        assert again.reaches["strahler"][low] == network.reaches["strahler"][reach]
        assert again.reaches["strahler_all"][low] == network.reaches["strahler_all"][reach]
        assert cut_load[low] == pytest.approx(load[reach], rel=1e-9)
        assert again.reaches["arbolate_m"][low] == pytest.approx(
            network.reaches["arbolate_m"][reach], rel=1e-6
        )
