"""Navigation limited by time and by stops, on drawn networks solved in the head."""

from __future__ import annotations

import pytest

from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import NORTH_M, draw

WAYS = {
    "a": [(1, 4), (1, 3)], "l": [(1, 3), (0, 2), (1, 1)], "r": [(1, 3), (2, 2), (1, 1)],
    "c": [(1, 1), (1, -1)], "t": [(3, 0), (1, -1)], "e": [(1, -1), (1, -2)],
}  # fmt: skip


def island(**columns):
    r"""a parts into l and r, which meet in c; t joins above e. Lengths in steps: a 1, c 2, e 1."""
    return RiverNetwork.from_lines(draw(WAYS, **columns), turn=False)


def test_nothing_above_a_dam_is_taken():
    network = island()
    assert set(network.upstream("e", stop_at=[("c", NORTH_M)])) == {"e", "t", "c"}
    part = network.upstream("e", stop_at=[("c", NORTH_M)], partial=True)
    assert part["c"] == pytest.approx(0.5, abs=1e-3)
    assert set(network.upstream("e", stop_at=["c"])) == {"e", "t"}


def test_the_other_arm_of_an_island_leads_round_a_dam():
    network = island()
    above = network.upstream("e", stop_at=["l"])
    assert set(above) == {"e", "t", "c", "r", "a"}
    assert set(network.upstream("e", stop_at=["l", "r"])) == {"e", "t", "c"}


def test_stops_on_the_start_reach_count_only_ahead():
    network = island()
    ahead = network.upstream(("c", 1500.0), stop_at=[("c", 500.0)], partial=True)
    assert ahead.index.to_list() == ["c"]
    assert ahead["c"] == pytest.approx(1000 / network.reaches["length_m"]["c"])
    behind = network.upstream(("c", 1500.0), stop_at=[("c", 1800.0)])
    assert set(behind) == {"a", "l", "r", "c"}


def test_downstream_stops_at_a_border():
    network = island()
    down = network.downstream("a", stop_at=[("c", 500.0)], partial=True)
    assert down.index[-1] == "c"
    assert down["c"] == pytest.approx(500 / network.reaches["length_m"]["c"])
    assert "c" not in network.downstream("a", stop_at=["c"])
    both = network.downstream("a", diversions=True, stop_at=["l"])
    assert set(both) == {"a", "r", "c", "e"}


def test_stops_and_distance_together_walk_round_the_dam():
    """To a by r alone (longer by nothing); within c and half of an arm by distance."""
    network = island()
    length = network.reaches["length_m"]
    far = length["e"] + length["c"] + length["r"] + 100
    part = network.upstream("e", stop_at=[("l", 10.0)], distance_m=far, partial=True)
    assert part["a"] == pytest.approx(100 / length["a"], abs=1e-6)
    assert part["l"] == pytest.approx(1 - 10 / length["l"], abs=1e-6)


def test_limited_by_time_with_exact_parts():
    """1 m/s in e and c, 2 m/s in the arms: after e and c, 0.2 h takes 1,440 m of each arm."""
    fast = dict.fromkeys(WAYS, 1.0) | {"l": 2.0, "r": 2.0}
    network = island(velocity_m_s=fast)
    length = network.reaches["length_m"]
    hours = (length["e"] + length["c"]) / 3600 + 0.2
    part = network.upstream("e", time_h=hours, partial=True)
    assert part["l"] == pytest.approx(0.2 * 7200 / length["l"], rel=1e-6)
    assert part["c"] == 1
    assert "a" not in part.index
    down = network.downstream("c", time_h=0.1, partial=True)
    assert down["c"] == pytest.approx(360 / length["c"])


def test_one_velocity_makes_time_and_distance_the_same():
    network = island(velocity_m_s=dict.fromkeys(WAYS, 0.5))
    for metres in (10.0, 900.0, 2500.0, 5000.0, 50_000.0):
        by_time = network.upstream("e", time_h=metres / 0.5 / 3600, partial=True)
        by_way = network.upstream("e", distance_m=metres, partial=True)
        assert by_time.index.to_list() == by_way.index.to_list()
        assert by_time.to_list() == pytest.approx(by_way.to_list(), abs=1e-9)


def test_time_needs_velocities_and_stops_their_reaches():
    with pytest.raises(NetworkError, match="no velocity for 6 of 6"):
        island().upstream("e", time_h=1.0)
    with pytest.raises(NetworkError, match="unknown reach_id"):
        island().upstream("e", stop_at=["nowhere"])
