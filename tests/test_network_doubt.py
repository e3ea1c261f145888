"""What an answer depends on, against networks that are built anew without the repair."""

from __future__ import annotations

import numpy as np
import pytest

from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import NORTH_M, draw

METRE = 1 / NORTH_M  # steps of the grid northwards


def issue_of(network, reach):
    """The one applied repair that names a reach."""
    rows = network.issues[network.issues["kind"] != "split_at_confluence"]
    found = [r.issue_id for r in rows.itertuples() if reach in r.reach_ids.split(", ")]
    assert len(found) == 1
    return found[0]


def test_a_network_without_repairs_is_certain():
    lines = draw({"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    table = RiverNetwork.from_lines(lines).certainty("c")
    assert table["certain"].all()
    assert (table["repairs"] == "").all()
    assert sorted(table.index) == ["a", "b", "c"]


def test_what_lies_behind_a_closed_gap_depends_on_it():
    r"""
    a, b -> g, a gap of 20 m, then c with its other tributary d.
    """
    s = 1 - 20 * METRE
    lines = draw({
        "a": [(0, 3), (1, 2)], "b": [(2, 3), (1, 2)], "g": [(1, 2), (1, 1)],
        "c": [(1, s), (1, 0)], "d": [(0, 0), (1, 0)], "e": [(1, 0), (1, -1)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    table = network.certainty("e")
    gap = issue_of(network, "g")
    assert table["repairs"].to_dict() == {"a": gap, "b": gap, "g": gap, "c": "", "d": "", "e": ""}
    without = RiverNetwork.from_lines(lines, snap_tolerance_m=1)
    assert set(table.index[table["certain"]]) == set(without.upstream("e"))
    down = network.certainty("a", below=True)
    assert set(down.index[~down["certain"]]) == {"c", "e"}
    assert network.certainty("g")["certain"].all()
    assert network.certainty("e", sure=0.5)["certain"].all()


def test_two_gaps_in_a_row_are_both_named():
    s = 20 * METRE
    lines = draw({"a": [(1, 3), (1, 2)], "b": [(1, 2 - s), (1, 1)], "c": [(1, 1 - s), (1, 0)]})
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    table = network.certainty("c")
    assert table["repairs"].str.count("I").to_dict() == {"a": 2, "b": 1, "c": 0}


def test_of_two_arms_one_without_repair_makes_it_certain():
    """a parts into l (whole) and r, which ends 20 m short of c: a is certain, r is not."""
    s = 1 - 20 * METRE
    lines = draw({
        "a": [(1, 4), (1, 3)], "l": [(1, 3), (0, 2), (1, 1)],
        "r": [(1, 3), (2, 2), (1, 1 + 20 * METRE)], "c": [(1, 1), (1, 0)],
    })  # fmt: skip
    assert s < 1
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    table = network.certainty("c")
    assert table["certain"].to_dict() == {"a": True, "l": True, "r": False, "c": True}


def test_of_two_arms_both_repaired_either_will_do():
    s = 20 * METRE
    lines = draw({
        "a": [(1, 4), (1, 3)], "l": [(1, 3), (0, 2), (1 - s, 1)],
        "r": [(1, 3), (2, 2), (1 + s, 1)], "c": [(1, 1), (1, 0)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    table = network.certainty("c")
    assert not table["certain"]["a"]
    assert " | " in table["repairs"]["a"]
    assert " | " not in table["repairs"]["l"]


def test_ends_moved_together_meet_without_the_repair():
    r"""a and b end at one point 20 m short of c: between a and b nothing was repaired."""
    lines = draw({
        "a": [(0, 2), (1, 1)], "b": [(1, 1), (2, 2)], "c": [(1, 1 - 20 * METRE), (1, 0)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30, turn=False)
    below = network.certainty("a", below=True)
    assert below["certain"].to_dict() == {"a": True, "b": True, "c": False}


def test_a_turned_reach_carries_its_repair():
    """b is drawn against its name: a flows to c through it only because it was turned."""
    names = dict.fromkeys("abc", "甲河") | {"t": "乙溪"}
    lines = draw(
        {"a": [(1, 4), (1, 3)], "b": [(1, 2), (1, 3)], "c": [(1, 2), (1, 1)],
         "t": [(0, 3), (1, 2)]},
        name=names,
    )  # fmt: skip
    network = RiverNetwork.from_lines(lines)
    turned = issue_of(network, "b")
    table = network.certainty("c", sure=1.0)
    assert table["repairs"].to_dict() == {"a": turned, "b": turned, "c": "", "t": ""}


def test_a_joined_crossing_and_an_overshoot_are_repairs_too():
    names = {"r": "綦江", "b": "綦江"}
    across = draw({"r": [(0, 1), (2, 1)], "b": [(1, 2), (1, 0)]}, name=names)
    network = RiverNetwork.from_lines(across)
    table = network.certainty("r.2")
    assert table["certain"].to_dict() == {"r.1": True, "r.2": True, "b.1": False}
    over = draw({"r": [(0, 1), (2, 1)], "b": [(1, 2), (1, 1 - 12 * METRE)]})
    table = RiverNetwork.from_lines(over, snap_tolerance_m=15).certainty("r.2")
    assert table["certain"].to_dict() == {"r.1": True, "r.2": True, "b": False}


def test_gaps_on_a_reach_that_is_split_stay_with_the_right_part():
    """b ends 20 m short of c; d ends on the middle of b, which is split there."""
    s = 20 * METRE
    lines = draw({
        "b": [(1, 3), (1, 1 + s)], "c": [(1, 1), (1, 0)], "d": [(0, 2), (1, 2)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    gap = issue_of(network, "c")
    assert network.certainty("c")["repairs"].to_dict() == {
        "b.1": gap, "b.2": gap, "c": "", "d": gap,
    }  # fmt: skip
    assert network.certainty("b.2")["certain"].all()


def random_tree(rng, n):
    """Draw a binary tree without crossings: node -> place, and the node that each flows into."""
    place, into, depth = {0: (0.0, 0.0)}, {}, {0: 0}
    sides = {0: [-1, 1]}
    while len(place) < n:
        parent = int(rng.choice([k for k in place if sides[k] and depth[k] < 5]))
        side = sides[parent].pop(int(rng.integers(len(sides[parent]))))
        k, step = len(place), 4.0 / 2 ** depth[parent]
        place[k] = (place[parent][0] + side * step, place[parent][1] + step)
        into[k], depth[k], sides[k] = parent, depth[parent] + 1, [-1, 1]
    return place, into


@pytest.mark.parametrize("seed", range(25))
def test_random_trees_against_networks_built_without_the_gaps(seed):
    """Certain is what a network without any gap closed gives; each repair what one without it."""
    rng = np.random.default_rng(seed)
    n = 14
    place, into = random_tree(rng, n)
    gaps = rng.choice(np.arange(1, n), size=4, replace=False)

    def lines(open_gaps):
        ways = {"r0": [place[0], (0.0, -2.0)]}
        for k, parent in into.items():
            short = (100 if k in open_gaps else 20) if k in gaps else 0
            there = np.array(place[k]) - place[parent]
            end = place[parent] + there / np.hypot(*there) * short * METRE
            ways[f"r{k}"] = [place[k], tuple(end)]
        return draw(ways)

    def above(open_gaps):
        network = RiverNetwork.from_lines(
            lines(set(open_gaps)), snap_tolerance_m=30, propose_within_m=31, turn=False
        )
        assert len(network.reaches) == n
        return network, set(network.upstream("r0"))

    network, everything = above([])
    table = network.certainty("r0")
    assert set(table.index) == everything
    assert set(table.index[table["certain"]]) == above(gaps)[1]
    for gap in gaps.tolist():
        rows = network.issues[network.issues["kind"] == "gap_closed"]
        [issue] = [r.issue_id for r in rows.itertuples() if r.reach_ids.startswith(f"r{gap},")]
        lost = {k for k, v in table["repairs"].items() if issue in v}
        assert lost == everything - above([gap])[1]


def test_a_measure_and_its_errors():
    lines = draw({"a": [(0, 2), (1, 1)]})
    network = RiverNetwork.from_lines(lines)
    assert list(network.certainty(("a", 5.0)).index) == ["a"]
    with pytest.raises(NetworkError, match="sure is 2"):
        network.certainty("a", sure=2)
    with pytest.raises(NetworkError, match="unknown reach_id"):
        network.certainty("nowhere")


def test_circles_come_to_an_end():
    lines = draw({
        "i": [(0, 3), (1, 3)], "x": [(1, 3), (2, 3)], "y": [(2, 3), (2, 2)], "z": [(2, 2), (1, 3)],
        "o": [(2, 2), (2, 1)], "p": [(2, 1 - 20 * METRE), (2, 0)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30, turn=False)
    table = network.certainty("p")
    assert set(table.index) == set(network.upstream("p")) >= {"i", "x", "y", "o", "p"}
    assert table["certain"].to_dict() == {k: k == "p" for k in table.index}
