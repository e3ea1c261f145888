"""Many places at once, against networkx, and against the same question asked one by one."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given, settings
from hypothesis import strategies as st

from basin._network.arrays import stable_order
from basin._network.geometry import unique_points
from basin._network.lookup import Lookup
from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import LAT, LON, draw, points
from test_network_random import as_networkx, build, edges_above, rivers


@pytest.fixture(scope="module")
def network():
    r"""
    a (0,4)-(0,2)   b (4,2)-(0,2)
             \     /
              c (0,2)-(0,0)          alone: (9,4)-(9,0)
    """
    return RiverNetwork.from_lines(
        draw(
            {
                "a": [(0, 4), (0, 2)],
                "b": [(4, 2), (0, 2)],
                "c": [(0, 2), (0, 0)],
                "alone": [(9, 4), (9, 0)],
            }
        )
    )


def table(rows):
    frame = pd.DataFrame(rows.values(), columns=["reach_id", "measure_m"], index=list(rows))
    return frame.astype({"measure_m": float})


def test_outfalls_above_sections(network):
    outfalls = table(
        {"P1": ("a", 10), "P2": ("b", 0), "P3": ("c", 50), "P4": ("c", 900), "P5": (None, np.nan)}
    )
    sections = table({"S1": ("c", 50), "S2": ("c", 900), "S3": ("alone", 5), "S4": ("a", 9)})
    pairs = network.all_pairs_upstream(outfalls, sections)
    assert pairs.counts().to_dict() == {"S1": 3, "S2": 4, "S3": 0, "S4": 0}
    assert sorted(pairs.of("S1")) == ["P1", "P2", "P3"]
    assert len(pairs) == 7
    assert len(pairs.low) == 2  # one slice a section, however many outfalls
    rows = pairs.to_frame()
    assert rows[rows["target"] == "S2"]["point"].to_list() == ["P1", "P2", "P3", "P4"]
    loads = pd.Series({"P1": 1.0, "P2": 2.0, "P3": 4.0, "P4": 8.0, "P5": 16.0})
    assert pairs.totals(loads).to_dict() == {"S1": 7.0, "S2": 15.0, "S3": 0.0, "S4": 0.0}
    assert pairs.totals(loads[::-1]).equals(pairs.totals(loads))
    assert "7 pairs of 5 points and 4 targets" in repr(pairs)


def test_pairs_as_a_sparse_matrix(network):
    pytest.importorskip("scipy")
    pairs = network.all_pairs_upstream([("a", 0), ("c", 9), "b"], ["c", ("c", 3)])
    assert pairs.to_sparse().toarray().tolist() == [[True, True, True], [True, False, True]]


def test_what_snap_returns_is_what_these_take(network):
    outfalls = network.snap(points({"P1": (0.01, 3), "far": (5, 3), "P2": (-0.01, 1)}))
    sections = network.snap(points({"S": (0, 0.5)}))
    assert sorted(network.all_pairs_upstream(outfalls, sections).of("S")) == ["P1", "P2"]
    found = network.next_downstream(outfalls, sections)
    assert found["target"].fillna("").to_list() == ["S", "", "S"]
    walked = network.path(("a", outfalls["measure_m"]["P1"]), ("c", sections["measure_m"]["S"]))
    assert found["distance_m"]["P1"] == pytest.approx(walked["length_m"].sum(), abs=1e-6)
    assert np.isnan(found["distance_m"]["far"])


def test_the_section_below_each_section(network):
    sections = table({"S1": ("a", 5), "S2": ("c", 1), "S3": ("c", 7), "S4": ("c", 7)})
    below = network.next_downstream(sections, sections, strict=True)
    assert below["target"].fillna("").to_list() == ["S2", "S3", "", ""]
    assert network.next_downstream(sections, sections)["target"].to_list() == [
        "S1", "S2", "S3", "S3",
    ]  # fmt: skip
    # numbers stay numbers, found or not
    numbered = sections.set_axis([1, 2, 3, 4])
    assert network.next_downstream(numbered, numbered, strict=True)["target"].to_list()[:2] == [
        2,
        3,
    ]


def test_upstream_of_many_is_upstream_of_each(network):
    above = network.upstream_of_many(["a", "c", "alone"])
    for start in ("a", "c", "alone"):
        assert set(above.of(start)) == set(network.upstream(start))
    twice = network.upstream_of_many(["a", "a"])
    assert twice.counts().to_list() == [1, 1]
    with pytest.raises(NetworkError, match="2 targets of this name: ids a"):
        twice.of("a")
    assert len(network.upstream_of_many([])) == 0


def test_places_that_are_none(network):
    with pytest.raises(NetworkError, match="unknown reach_id: ids x"):
        network.upstream_of_many(["a", "x"])
    with pytest.raises(NetworkError, match="1 of 2 measures are not on their reaches: ids P2"):
        network.next_downstream(table({"P1": ("a", 0), "P2": ("a", 9e9)}), ["c"])
    with pytest.raises(NetworkError, match="no column measure_m"):
        network.all_pairs_upstream(pd.DataFrame({"reach_id": ["a"]}), ["c"])


def test_numbers_as_ids():
    network = RiverNetwork.from_lines(draw({7: [(0, 4), (0, 2)], 8: [(0, 2), (0, 0)]}))
    assert network.upstream_of_many([8]).counts().to_list() == [2]
    assert network.upstream_of_many([8.0]).counts().to_list() == [2]


@st.composite
def spots(draw_, lines, most=6):
    """Places on random reaches, some at one place."""
    reach = st.sampled_from(sorted(lines["reach_id"]))
    share = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    return draw_(st.lists(st.tuples(reach, share), min_size=1, max_size=most))


def as_table(network, pairs, letter):
    length = network.reaches["length_m"]
    return table({f"{letter}{k}": (r, s * length[r]) for k, (r, s) in enumerate(pairs)})


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans())
def test_pairs_are_those_of_networkx(data, cycles):
    lines = data.draw(rivers(cycles=cycles))
    network, graph = build(lines), as_networkx(lines)
    p, t = data.draw(spots(lines)), data.draw(spots(lines))
    pairs = network.all_pairs_upstream(as_table(network, p, "P"), as_table(network, t, "T"))
    want = {
        (f"T{j}", f"P{i}")
        for i, (r, share) in enumerate(p)
        for j, (s, limit) in enumerate(t)
        if (share <= limit if r == s else r in edges_above(graph, lines, s))
    }
    rows = pairs.to_frame()
    assert len(rows) == len(pairs)
    assert set(rows.itertuples(index=False, name=None)) == want
    above = network.upstream_of_many(lines["reach_id"].to_list())
    for reach in lines["reach_id"]:
        got = above.of(reach).to_list()
        assert len(got) == len(set(got))
        assert set(got) == edges_above(graph, lines, reach)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans(), st.booleans())
def test_the_next_target_is_the_first_that_a_walk_meets(data, diversions, strict):
    lines = data.draw(rivers())
    network, graph = build(lines), as_networkx(lines)
    p, t = data.draw(spots(lines)), data.draw(spots(lines))
    got = network.next_downstream(
        as_table(network, p, "P"), as_table(network, t, "T"), diversions=diversions, strict=strict
    )
    row = lines.set_index("reach_id")
    length = network.reaches["length_m"]
    for a, b, key in graph.edges(keys=True):
        graph.edges[a, b, key]["weight"] = length[key]
    for i, (r, share) in enumerate(p):
        main = set(network.downstream(r))
        ways = {}
        for j, (s, limit) in enumerate(t):
            if s == r and (limit > share or (limit == share and not strict)):
                ways[f"T{j}"] = (limit - share) * length[r]
            elif s != r and (diversions or s in main):
                graph_ = graph if diversions else graph.edge_subgraph(_keys(graph, main))
                start, end = row.loc[r, "to_"], row.loc[s, "from_"]
                if start in graph_ and end in graph_ and nx.has_path(graph_, start, end):
                    between = nx.dijkstra_path_length(graph_, start, end)
                    ways[f"T{j}"] = (1 - share) * length[r] + between + limit * length[s]
        name, metres = got.loc[f"P{i}", ["target", "distance_m"]]
        if not ways:
            assert pd.isna(name)
            assert np.isnan(metres)
        else:
            assert metres == pytest.approx(min(ways.values()), abs=1e-5)
            assert ways[name] == pytest.approx(metres, abs=1e-5)


def _keys(graph, reaches):
    return [(a, b, k) for a, b, k in graph.edges(keys=True) if k in reaches]


@settings(max_examples=30, deadline=None)
@given(st.data(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_answer(data, random):
    lines = data.draw(rivers(cycles=True))
    p, t = data.draw(spots(lines)), data.draw(spots(lines))
    order = list(range(len(lines)))
    random.shuffle(order)
    found = []
    for layer in (lines, lines.iloc[order]):
        network = build(layer)
        outfalls, sections = as_table(network, p, "P"), as_table(network, t, "T")
        if layer is not lines:
            outfalls = outfalls[::-1]
        pairs = network.all_pairs_upstream(outfalls, sections).to_frame()
        below = network.next_downstream(outfalls, sections, diversions=True)
        found.append((set(pairs.itertuples(index=False, name=None)), below.sort_index()))
    assert found[0][0] == found[1][0]
    assert found[0][1].equals(found[1][1])


@settings(max_examples=30, deadline=None)
@given(rivers(cycles=True), st.randoms(use_true_random=False))
def test_scenarios_side_by_side_are_scenarios_one_by_one(lines, random):
    network = build(lines)
    ids = list(network.reaches.index)
    random.shuffle(ids)
    values = pd.DataFrame({d: [random.uniform(0, 9) for _ in ids] for d in "xyz"}, index=ids)
    decay = pd.Series({r: random.uniform(0, 1) for r in ids})
    together = network.accumulate(values, decay)
    assert list(together.columns) == ["x", "y", "z"]
    for d in "xyz":
        assert together[d].equals(network.accumulate(values[d], decay))
    array = values.loc[network.reaches.index].to_numpy()
    assert np.array_equal(network.accumulate(array, decay), together.to_numpy())
    with pytest.raises(NetworkError, match=r"values: 99 rows for \d+ reaches"):
        network.accumulate(np.zeros((99, 3)))


@settings(max_examples=30, deadline=None)
@given(rivers(cycles=True, most=40), st.randoms(use_true_random=False))
def test_compiled_loops_give_what_arrays_give(lines, random):
    pytest.importorskip("numba")
    values = pd.DataFrame({d: {r: random.uniform(0, 9) for r in lines["reach_id"]} for d in "xy"})
    decay = pd.Series({r: random.uniform(0, 1) for r in lines["reach_id"]})
    ids, found = lines["reach_id"].to_list(), []
    for enough in (10**9, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("basin._network.fast.MANY_LINES", enough)
            patch.setattr("basin._network.navigate._MANY_VALUES", enough)
            patch.setattr("basin._network.bulk._MANY_POINTS", enough)
            network = build(lines)
            spots = as_table(network, [(r, s) for r in ids for s in (0.5, 0.0, 1.0, 0.5)], "P")
            pairs = network.all_pairs_upstream(spots, ids)
            found.append(
                (
                    network._parts.tree,
                    network.accumulate(values["x"], decay),
                    network.accumulate(values, decay),
                    (pairs.order, pairs.target, pairs.low, pairs.high),
                )
            )
    plain, fast = found
    for name, a, b in zip(plain[0]._fields, plain[0], fast[0], strict=True):
        assert np.array_equal(a, b), name
    assert plain[1].to_list() == pytest.approx(fast[1].to_list(), rel=1e-12)
    assert np.allclose(plain[2], fast[2], rtol=1e-12, atol=0)
    assert all(map(np.array_equal, plain[3], fast[3]))


@pytest.mark.parametrize("tolerance_m", [0.0, 20.0])
def test_compiled_loops_build_what_arrays_build(tolerance_m, monkeypatch):
    """Every way lines can meet: at ends, short of each other, past each other, along each other."""
    pytest.importorskip("numba")
    lines = tangle(np.random.default_rng(7))
    built = []
    for enough in (10**9, 1):
        monkeypatch.setattr("basin._network.fast.MANY_LINES", enough)
        built.append(RiverNetwork.from_lines(lines, snap_tolerance_m=tolerance_m))
    plain, fast = built
    kinds = {"crossing", "overlap", "split_at_confluence", "duplicate", "reversed", "isolated"}
    assert kinds <= set(plain.issues["kind"])
    assert_geodataframe_equal(plain.issues, fast.issues)
    assert_geodataframe_equal(plain.reaches, fast.reaches)


IDS = ["7", "77", "R1", "长江", "嘉陵江北源", "a b", "R1.2", "x" * 16]


@pytest.mark.parametrize("more", [[], ["y" * 17], ["z\0", "z"]])
@pytest.mark.parametrize("dtype", ["str", object])
def test_ids_are_found_by_the_table_as_pandas_finds_them(more, dtype, monkeypatch):
    """What no table holds (long texts, zero bytes, numbers) is left to pandas."""
    pytest.importorskip("numba")
    known = pd.Index([*IDS, *more], dtype=dtype)
    asked = pd.Series([None, "", "R2", "x" * 17, *reversed(known), "7", "x" * 15], dtype=dtype)
    for ask in (asked, asked[4:-1], pd.Index(asked), asked[:0], pd.Series([7, "7"], dtype=object)):
        want = [list(known).index(t) if t in list(known) else -1 for t in ask]
        for enough in (1, 10**9):
            monkeypatch.setattr("basin._network.lookup._MANY_TEXTS", enough)
            assert Lookup(known).rows(ask).tolist() == want


def tangle(random):
    """Lines on a lattice, so that they meet in every way, some of them a few metres off."""
    lines = []
    for _ in range(120):
        steps = random.integers(-1, 2, (random.integers(1, 6), 2))
        place = random.integers(0, 12, 2) + np.cumsum(np.vstack([[0, 0], steps]), axis=0)
        way = np.array([LON, LAT]) + 0.003 * place
        if random.random() < 0.3:
            way[-1] += random.normal(0, 1e-4, 2)
        if random.random() < 0.3:
            way[0] += (way[1] - way[0]) / 2
        lines.append(shapely.LineString(way))
    ids = [f"R{k:03d}" for k in random.permutation(len(lines))]
    return gpd.GeoDataFrame({"reach_id": ids, "velocity_m_s": 1.0}, geometry=lines, crs=4490)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_equal_points_have_one_number_in_the_order_of_the_map(places):
    xy = np.array(places, dtype=float).reshape(-1, 2) / 7
    nodes, number = unique_points(xy)
    want = sorted({tuple(p) for p in xy.tolist()})
    assert [tuple(p) for p in nodes.tolist()] == want
    assert [want[k] for k in number.tolist()] == [tuple(p) for p in xy.tolist()]


@pytest.mark.parametrize("n", [10, 70_000, 1 << 33])
def test_counting_order_is_the_stable_order(n):
    keys = np.random.default_rng(1).integers(0, min(n, 1 << 40), 500)
    keys[100:200] = keys[:100]
    assert np.array_equal(stable_order(keys, n), np.argsort(keys, kind="stable"))
