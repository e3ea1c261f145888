"""Orders and main paths on drawn networks, solved in the head."""

from __future__ import annotations

import pytest

from basin.network import RiverNetwork
from network_drawings import draw


def column(network, name):
    return network.reaches[name].sort_index().to_dict()


def strahler_drawing():
    r"""
    1   1 1   1      heads a b   c d
     \ /   \ /
      2     2        e, f
       \   /
        \ /   1      g
         3   /       h
          \ /
           3         i
    """
    return draw({
        "a": [(0, 6), (1, 4)], "b": [(2, 6), (1, 4)], "c": [(4, 6), (5, 4)], "d": [(6, 6), (5, 4)],
        "e": [(1, 4), (3, 2)], "f": [(5, 4), (3, 2)], "h": [(3, 2), (4, 0)], "g": [(6, 2), (4, 0)],
        "i": [(4, 0), (4, -2)],
    })  # fmt: skip


def test_strahler_and_shreve():
    network = RiverNetwork.from_lines(strahler_drawing())
    assert column(network, "strahler") == {
        "a": 1,
        "b": 1,
        "c": 1,
        "d": 1,
        "e": 2,
        "f": 2,
        "g": 1,
        "h": 3,
        "i": 3,
    }
    assert column(network, "shreve") == {
        "a": 1,
        "b": 1,
        "c": 1,
        "d": 1,
        "e": 2,
        "f": 2,
        "g": 1,
        "h": 4,
        "i": 5,
    }


def test_three_springs_at_one_place_make_order_two():
    network = RiverNetwork.from_lines(
        draw({
            "a": [(0, 2), (1, 1)], "b": [(1, 2), (1, 1)], "c": [(2, 2), (1, 1)],
            "d": [(1, 1), (1, 0)],
        })
    )  # fmt: skip
    assert column(network, "strahler")["d"] == 2


def test_both_arms_of_a_braid_keep_the_order_and_do_not_raise_it():
    r"""
    a b      two springs: c is 2
     v
     c
    / \      l (shorter: main), r
    \ /
     d       still 2
    """
    network = RiverNetwork.from_lines(
        draw({
            "a": [(0, 6), (1, 5)], "b": [(2, 6), (1, 5)], "c": [(1, 5), (1, 4)],
            "l": [(1, 4), (0.5, 3), (1, 2)], "r": [(1, 4), (2, 3), (1, 2)], "d": [(1, 2), (1, 0)],
        })
    )  # fmt: skip
    assert column(network, "strahler") == {"a": 1, "b": 1, "c": 2, "l": 2, "r": 2, "d": 2}
    # with secondary ways, the two arms of order 2 make 3
    assert column(network, "strahler_all") == {"a": 1, "b": 1, "c": 2, "l": 2, "r": 2, "d": 3}
    assert column(network, "shreve") == {"a": 1, "b": 1, "c": 2, "l": 2, "r": 0, "d": 2}
    order = network.reaches["tributary_order"]
    assert sorted(order[["a", "b"]]) == [0, 1]
    assert order[["c", "l", "r", "d"]].to_list() == [0, 0, 0, 0]
    assert column(network, "stream_level")["r"] == 2  # an arm is a path of its own
    length = network.reaches["length_m"]
    arbolate = network.reaches["arbolate_m"]
    assert arbolate["d"] == pytest.approx(length.sum())  # each reach once
    assert arbolate["r"] == pytest.approx(length[["a", "b", "c", "r"]].sum())
    assert arbolate["l"] == pytest.approx(length[["a", "b", "c", "l"]].sum())


def test_the_official_main_way_is_followed():
    lines = draw(
        {"c": [(1, 5), (1, 4)], "l": [(1, 4), (0.5, 3), (1, 2)], "r": [(1, 4), (2, 3), (1, 2)],
         "d": [(1, 2), (1, 0)]},
        divergence={"c": 0, "l": 2, "r": 1, "d": 0},
    )  # fmt: skip
    network = RiverNetwork.from_lines(lines)
    assert list(network.downstream("c")) == ["c", "r", "d"]
    by_length = RiverNetwork.from_lines(lines.drop(columns="divergence"))
    assert list(by_length.downstream("c")) == ["c", "l", "d"]
    wide = RiverNetwork.from_lines(
        lines.drop(columns="divergence").assign(width_m=[30.0, 10.0, 20.0, 30.0])
    )
    assert list(wide.downstream("c")) == ["c", "r", "d"]


QIJIANG = {
    # the Yangtze from west to east; the Qijiang joins from the south at (4,10)
    "cj1": [(0, 10), (4, 10)], "cj2": [(4, 10), (8, 10)],
    "qj1": [(4, 4), (4, 7)], "qj2": [(4, 7), (4, 10)],
    "sk1": [(4, 0), (4, 2)], "sk2": [(4, 2), (4, 4)],  # the Songkan: the same river above Ganshui
    "zd": [(7, 2), (4, 4)],  # the Zaodu, longer than sk2 but shorter than the Songkan
    "pu1": [(9, 5), (6, 6)], "pu2": [(6, 6), (4, 7)],
    "xz": [(8, 3), (6, 6)],
    "long": [(-9, 9), (-3, 4), (4, 4)],  # an unnamed brook longer than all
}  # fmt: skip
NAMES = {
    "cj1": "长江", "cj2": "长江", "qj1": "綦江河", "qj2": "綦江", "sk1": "松坎河", "sk2": "松坎河",
    "zd": "藻渡河", "pu1": "蒲河", "pu2": "蒲河", "xz": "孝子河",
}  # fmt: skip


def test_tributary_orders_of_the_qijiang():
    """The Yangtze is the main stem, whatever is longer; the Qijiang flows into it."""
    lines = draw(QIJIANG, name=NAMES)
    network = RiverNetwork.from_lines(lines[lines["reach_id"] != "long"])
    assert column(network, "tributary_order") == {
        "cj1": 0,
        "cj2": 0,
        "qj1": 1,
        "qj2": 1,
        "sk1": 1,
        "sk2": 1,
        "zd": 2,
        "pu1": 2,
        "pu2": 2,
        "xz": 3,
    }
    assert column(network, "stream_level")["xz"] == 4
    paths = network.reaches["main_path_id"]
    assert paths["sk1"] == paths["sk2"] == paths["qj1"] == paths["qj2"] == "qj2"
    assert paths["cj1"] == paths["cj2"] == "cj2"
    assert paths["pu1"] == paths["pu2"] == "pu2"


def test_where_the_name_ends_the_greatest_length_above_goes_on():
    network = RiverNetwork.from_lines(draw(QIJIANG, name=NAMES))
    paths = network.reaches["main_path_id"]
    assert paths["long"] == "qj2"  # longer than the Songkan
    assert paths["sk2"] == "sk2"
    assert network.reaches["tributary_order"]["cj1"] == 0  # by name, though the Qijiang is longer


def test_path_length_and_arbolate_sum():
    network = RiverNetwork.from_lines(strahler_drawing())
    length = network.reaches["length_m"]
    path, arbolate = network.reaches["path_length_m"], network.reaches["arbolate_m"]
    assert path["i"] == pytest.approx(0, abs=1e-6)
    assert path["a"] == pytest.approx(length[["e", "h", "i"]].sum())
    assert arbolate["h"] == pytest.approx(length[list("abcdefh")].sum())
    assert arbolate["i"] == pytest.approx(length.sum())


def test_river_km_counts_from_the_mouth_of_each_river():
    r"""The Jia runs a, then arms l and r (longer) round an island, then d; brook b joins at the
    lower end of a."""
    lines = draw(
        {
            "a": [(1, 5), (1, 4)], "l": [(1, 4), (0.5, 3), (1, 2)], "r": [(1, 4), (2, 3), (1, 2)],
            "d": [(1, 2), (1, 0)], "b2": [(4, 6), (3, 5)], "b": [(3, 5), (1, 4)],
        },
        name={"a": "甲河", "l": "甲河", "d": "甲河", "b": "乙溪", "b2": "乙溪"},
    )  # fmt: skip
    reaches = RiverNetwork.from_lines(lines).reaches
    km, length = reaches["river_km"], reaches["length_m"] / 1000
    assert km["d"] == 0
    assert km["l"] == pytest.approx(length["d"])
    assert km["r"] == pytest.approx(length["d"])  # an arm of the Jia, not a river of its own
    assert km["a"] == pytest.approx(length["l"] + length["d"])
    assert km["b"] == 0  # from its own mouth
    assert km["b2"] == pytest.approx(length["b"])


def test_where_areas_are_known_the_greater_area_goes_on():
    """The brook is longer, the river drains more land; either column tells."""
    ways = {"brook": [(0, 9), (1, 2)], "river": [(2, 3), (1, 2)], "low": [(1, 2), (1, 0)]}
    by_length = RiverNetwork.from_lines(draw(ways)).reaches
    assert by_length["tributary_order"][["brook", "river"]].to_list() == [0, 1]
    own = draw(ways, area_km2={"brook": 3.0, "river": 40.0, "low": 1.0})
    total = draw(ways, UPLAND_SKM={"brook": 3.0, "river": 40.0, "low": 44.0})
    for lines in (own, total):
        order = RiverNetwork.from_lines(lines).reaches["tributary_order"]
        assert order[["brook", "river"]].to_list() == [1, 0]
    gap = own.assign(area_km2=[3.0, None, 1.0])  # an area is missing: no guess
    assert RiverNetwork.from_lines(gap).reaches["tributary_order"]["brook"] == 0


def test_a_distributary_with_its_own_outlet_has_the_order_of_its_river():
    lines = draw(
        {"a": [(0, 5), (0, 3)], "b": [(2, 5), (0, 3)], "c": [(0, 3), (0, 2)], "m": [(0, 2), (0, 0)],
         "d": [(0, 2), (2, 0)]},
        name={"a": "甲河", "c": "甲河", "m": "甲河"},
    )  # fmt: skip
    order = RiverNetwork.from_lines(lines).reaches["tributary_order"]
    assert order[["a", "c", "m", "d"]].to_list() == [0, 0, 0, 0]
    assert order["b"] == 1


def test_topological_order_is_upstream_first():
    network = RiverNetwork.from_lines(strahler_drawing())
    rank = network.reaches["topo_order"]
    for a, b in ("ae", "be", "cf", "df", "eh", "fh", "hi", "gi"):
        assert rank[a] < rank[b]
    assert network.reaches["topo_order"].is_monotonic_increasing


def test_graph_for_networkx():
    network = RiverNetwork.from_lines(strahler_drawing())
    graph = network.graph
    assert graph is network.graph
    assert graph.number_of_edges() == 9
    ends = {key: (a, b) for a, b, key in graph.edges(keys=True)}
    assert graph.nodes[ends["i"][1]]["kind"] == "outlet"
    assert graph.nodes[ends["a"][0]]["kind"] == "head"
    assert graph.nodes[ends["h"][1]]["kind"] == "confluence"
    assert graph.edges[(*ends["h"], "h")]["length_m"] == network.reaches["length_m"]["h"]
    x, y = network.reaches.geometry["h"].coords[-1]
    assert (graph.nodes[ends["h"][1]]["x"], graph.nodes[ends["h"][1]]["y"]) == (x, y)
