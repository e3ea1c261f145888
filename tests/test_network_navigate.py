"""Walking a drawn network: sets, distances, ways, accumulation."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString

from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import NORTH_M, draw, points

#: Steps of the grid southwards; every sum of lengths is distinct.
RIVER = {
    "a": [(0, 40), (0, 31)],  # 9
    "b": [(3, 35), (0, 31)],  # 5 by Pythagoras in the plane, not on the ellipsoid
    "c": [(0, 31), (0, 28)],  # 3
    "l": [(0, 28), (0, 24)],  # 4, straight: the main arm
    "r": [(0, 28), (2, 26), (0, 24)],  # longer
    "d": [(0, 24), (0, 17)],  # 7
    "t": [(5, 24), (0, 17)],
    "e": [(0, 17), (0, 6)],  # 11
    "x": [(9, 40), (9, 30)],  # another river
}


@pytest.fixture(scope="module")
def network():
    lines = draw(RIVER, velocity_m_s=dict.fromkeys(RIVER, 0.5))
    lines.loc[lines["reach_id"] == "t", "velocity_m_s"] = np.nan
    return RiverNetwork.from_lines(lines)


def km(network, *ids):
    return network.reaches["length_m"][list(ids)].sum()


def test_upstream_holds_both_arms_and_the_start(network):
    assert set(network.upstream("d")) == set("abclrd")
    assert set(network.upstream("r")) == set("abcr")
    assert list(network.upstream("a")) == ["a"]
    assert network.upstream("e").name == "reach_id"
    assert "x" not in network.upstream("e")


def test_upstream_comes_upstream_first(network):
    found = list(network.upstream("e"))
    assert found == [i for i in network.reaches.index if i in found]


def test_upstream_without_tributaries_is_the_main_path(network):
    assert list(network.upstream("e", tributaries=False)) == ["a", "c", "l", "d", "e"]


def test_downstream_and_its_diversions(network):
    assert list(network.downstream("b")) == ["b", "c", "l", "d", "e"]
    assert set(network.downstream("b", diversions=True)) == set("bclrde")
    assert list(network.downstream("r")) == ["r", "d", "e"]


def test_upstream_within_a_distance(network):
    measure = 5 * NORTH_M  # on d, from its upstream end
    near = network.upstream(("d", measure), distance_m=5 * NORTH_M + 100, partial=True)
    assert set(near.index) == {"d", "l", "r"}
    assert near["d"] == pytest.approx(5 / 7, abs=1e-3)
    assert near["l"] == pytest.approx(100 / km(network, "l"), rel=0.02)
    only = network.upstream(("d", measure), distance_m=5 * NORTH_M - 100, partial=True)
    assert list(only.index) == ["d"]
    assert only["d"] == pytest.approx((5 * NORTH_M - 100) / km(network, "d"), rel=1e-3)
    assert list(network.upstream("d", distance_m=0)) == ["d"]


def test_partial_without_a_limit_cuts_only_the_start(network):
    whole = network.upstream(("d", NORTH_M), partial=True)
    assert whole["d"] == pytest.approx(1 / 7, abs=1e-3)
    assert (whole.drop("d") == 1).all()
    below = network.downstream(("d", NORTH_M), partial=True)
    assert below["d"] == pytest.approx(6 / 7, abs=1e-3)
    assert below["e"] == 1


def test_downstream_within_a_distance(network):
    found = network.downstream("c", distance_m=km(network, "c") + 50, partial=True)
    assert list(found.index) == ["c", "l"]
    assert found["l"] == pytest.approx(50 / km(network, "l"), rel=1e-6)


def test_distance_to_is_walked_from_the_downstream_end(network):
    table = network.distance_to(("e", 1000.0))
    assert list(table.columns) == ["distance_m", "time_h", "junctions"]
    way = table["distance_m"]
    assert way["d"] == pytest.approx(1000)
    assert way["l"] == pytest.approx(1000 + km(network, "d"))
    assert way["c"] == pytest.approx(1000 + km(network, "d", "l"))  # by the shorter arm
    assert way["a"] == way["b"] == pytest.approx(1000 + km(network, "d", "l", "c"))
    assert table["junctions"].to_dict() == {
        "e": 0,
        "d": 1,
        "t": 1,
        "l": 2,
        "r": 2,
        "c": 2,
        "a": 3,
        "b": 3,
    }
    assert table["time_h"]["c"] == pytest.approx(way["c"] / 0.5 / 3600)


def test_the_start_reach_keeps_the_rule_for_points(network):
    """For a point at a measure: distance_m + length_m - measure, on the start reach too."""
    table = network.distance_to(("e", 1000.0))
    on_e = table["distance_m"]["e"] + km(network, "e") - 400
    assert on_e == pytest.approx(600)
    assert network.distance_to("e")["distance_m"]["e"] == 0
    below = network.distance_from(("c", 300.0))
    assert below["distance_m"]["c"] + 500 == pytest.approx(200)


def test_distance_from_runs_to_the_upstream_end(network):
    table = network.distance_from(("c", 300.0))
    way = table["distance_m"]
    assert way["l"] == way["r"] == pytest.approx(km(network, "c") - 300)
    assert way["d"] == pytest.approx(km(network, "c", "l") - 300)
    assert way["e"] == pytest.approx(km(network, "c", "l", "d") - 300)
    assert table["junctions"].to_dict() == {"c": 0, "l": 0, "r": 0, "d": 1, "e": 2}


def test_a_missing_velocity_makes_only_its_ways_unknown(network):
    time = network.distance_to("e")["time_h"]
    assert np.isfinite(time["t"])  # from its downstream end it only walks e
    lines = draw(RIVER, velocity_m_s={**dict.fromkeys(RIVER, 0.5), "d": None})
    time = RiverNetwork.from_lines(lines).distance_to("e")["time_h"]
    assert np.isfinite(time[["t", "d", "e"]]).all()
    assert time[list("abclr")].isna().all()


def test_path(network):
    way = network.path(("b", 100.0), ("e", 50.0))
    assert list(way.index) == ["b", "c", "l", "d", "e"]
    assert way["from_measure_m"].to_list() == [100, 0, 0, 0, 0]
    assert way["to_measure_m"]["e"] == 50
    assert way["length_m"].sum() == pytest.approx(km(network, "b", "c", "l", "d") - 50)
    by_r = network.path("r", "d")
    assert list(by_r.index) == ["r", "d"]
    same = network.path(("d", 100.0), ("d", 400.0))
    assert same["length_m"].to_list() == [300]


def test_a_path_tells_distance_and_time(network):
    way = network.path(("b", 100.0), ("e", 50.0))
    assert way["distance_m"].to_list() == way["length_m"].cumsum().to_list()
    assert way["time_h"].to_list() == pytest.approx((way["distance_m"] / 1800).to_list())
    assert network.path("t", "e")["time_h"].isna().all()  # no velocity on t


def test_a_row_of_snap_is_a_place(network):
    outfalls = points({"P1": (0.1, 20), "far": (60, 20)})
    places = network.snap(outfalls, max_offset_m=2_000)
    reach, measure = places.loc["P1", ["reach_id", "measure_m"]]
    start = places.loc["P1"]
    assert reach == "d"
    for ask in (network.upstream, network.downstream):
        assert ask(start, partial=True).equals(ask((reach, measure), partial=True))
    for ask in (network.distance_to, network.distance_from, network.certainty):
        assert ask(start).equals(ask((reach, measure)))
    assert network.path("a", start).equals(network.path("a", (reach, measure)))
    with pytest.raises(NetworkError, match=r"on no reach \(status 'far'\).*ids far"):
        network.upstream(places.loc["far"])
    with pytest.raises(NetworkError, match="without reach_id and measure_m"):
        network.upstream(pd.Series({"reach_id": "a"}))


def test_order_of_arrival_goes_by_the_quickest_way():
    """The longer arm is four times as swift: what comes by it is below the island first."""
    swift = dict.fromkeys(RIVER, 0.5) | {"r": 2.0}
    network = RiverNetwork.from_lines(draw(RIVER, velocity_m_s=swift))
    length = network.reaches["length_m"]
    arrival = network.distance_from("c", by="time_h")
    assert list(arrival.index) == ["c", "l", "r", "d", "e"]
    hours = (length["c"] / 0.5 + length["r"] / 2.0) / 3600
    assert arrival["time_h"]["d"] == pytest.approx(hours)
    assert arrival["distance_m"]["d"] == pytest.approx(length["c"] + length["r"])
    shortest = network.distance_from("c")
    assert shortest["distance_m"]["d"] == pytest.approx(length["c"] + length["l"])
    back = network.distance_to(("d", 0.0), by="time_h")
    assert back["time_h"]["c"] == pytest.approx(length["r"] / 7200)
    with pytest.raises(NetworkError, match="no velocity for 1 of"):
        RiverNetwork.from_lines(draw(RIVER, velocity_m_s=swift | {"t": None})).distance_to(
            "e", by="time_h"
        )
    with pytest.raises(NetworkError, match="unknown by='hours'"):
        network.distance_to("e", by="hours")


def test_path_not_connected(network):
    with pytest.raises(NetworkError, match=r"not connected.*ids x, e"):
        network.path("x", "e")
    with pytest.raises(NetworkError, match="upstream of the first"):
        network.path("e", "a")
    with pytest.raises(NetworkError, match="upstream of the first"):
        network.path(("d", 400.0), ("d", 100.0))
    with pytest.raises(NetworkError, match="not connected"):
        network.path("l", "r")


def test_unknown_reach(network):
    with pytest.raises(NetworkError, match=r"unknown reach_id: ids zz\. ") as error:
        network.upstream("zz")
    assert error.value.ids == ("zz",)
    lines = draw({"R0171": [(0, 1), (0, 0)]})
    with pytest.raises(NetworkError, match=r"Did you mean R0171\?"):
        RiverNetwork.from_lines(lines).upstream("R171")


def test_a_measure_off_the_reach(network):
    with pytest.raises(NetworkError, match=r"measure 99999\.0 m is not on the reach.*ids a"):
        network.upstream(("a", 99_999))
    assert set(network.upstream(("a", km(network, "a") + 0.1))) == {"a"}  # rounding


# ---- accumulation -----------------------------------------------------------------------------

VALUES = pd.Series({"a": 1.0, "b": 2.0, "c": 4.0, "l": 8.0, "r": 16.0, "d": 32.0, "e": 64.0})


def test_accumulate_whole_counts_what_may_come_by_either_arm(network):
    total = network.accumulate(VALUES.rename("load"), split="whole")
    assert total.name == "load"
    assert list(total.index) == list(network.reaches.index)
    assert total["c"] == 7
    assert total["l"] == 15
    assert total["r"] == 23
    assert total["d"] == 70  # 7 twice
    assert total["t"] == 0


@pytest.mark.parametrize(
    ("split", "left"), [("even", 11.5), ("main", 15.0), ("width", 10.1), ("flow", 13.25)]
)
def test_accumulate_splits_and_keeps_the_total(split, left):
    lines = draw(RIVER)
    lines["width_m"] = lines["reach_id"].map({"l": 3.0, "r": 7.0})
    lines["flow_m3_s"] = lines["reach_id"].map({"l": 3.0, "r": 1.0})
    total = RiverNetwork.from_lines(lines).accumulate(VALUES, split=split)
    # the arm with more width or flow is the main way
    assert total["l"] == pytest.approx(left)
    assert total["d"] == pytest.approx(63.0)
    assert total["e"] == pytest.approx(127.0)


def test_accumulate_keeps_the_total_unless_told_otherwise(network):
    total = network.accumulate(VALUES)
    assert total["l"] == pytest.approx(8 + 3.5)  # nothing known of the arms: half each
    assert total["e"] == pytest.approx(127.0)
    lines = draw(RIVER)
    lines["width_m"] = lines["reach_id"].map({"l": 3.0, "r": 7.0})
    by_width = RiverNetwork.from_lines(lines).accumulate(VALUES)
    assert by_width["l"] == pytest.approx(8 + 2.1)
    lines["flow_m3_s"] = lines["reach_id"].map({"l": 3.0, "r": 1.0})
    by_flow = RiverNetwork.from_lines(lines).accumulate(VALUES)
    assert by_flow["l"] == pytest.approx(8 + 5.25)
    lines.loc[lines["reach_id"] == "r", "flow_m3_s"] = np.nan  # one arm alone says nothing
    by_width = RiverNetwork.from_lines(lines).accumulate(VALUES)
    assert by_width["l"] == pytest.approx(8 + 2.1)


def test_fractions_that_do_not_sum_to_one_are_refused(network):
    for wrong in ({"l": 0.25}, {"l": 0.5, "r": 0.6}, {"l": -0.5, "r": 1.5}):
        with pytest.raises(NetworkError, match=r"do not sum to 1.*: ids (r, )?l"):
            network.accumulate(VALUES, split=pd.Series(wrong))


def test_ids_are_text_whatever_they_were():
    lines = draw({"1": [(0, 2), (0, 1)], "2": [(0, 1), (0, 0)]})
    for kind in (int, float, str):
        network = RiverNetwork.from_lines(lines.astype({"reach_id": kind}))
        assert list(network.reaches.index) == ["1", "2"]
        for start in (2, 2.0, "2", np.int64(2)):
            assert list(network.upstream(start)) == ["1", "2"]
        total = network.accumulate(pd.Series([5.0, 7.0], index=[1.0, 2.0]))
        assert total.to_dict() == {"1": 5.0, "2": 12.0}
        assert network.accumulate(pd.Series([5.0], index=[1]))["2"] == 5.0


def test_accumulate_by_given_fractions(network):
    total = network.accumulate(VALUES, split=pd.Series({"l": 0.25, "r": 0.75}))
    assert total["l"] == pytest.approx(9.75)
    assert total["e"] == pytest.approx(127)


def test_accumulate_with_decay(network):
    kept = network.accumulate(VALUES, decay=pd.Series({"c": 0.5}), split="main")
    assert kept["c"] == pytest.approx(0.5 * 3 + 4)
    day = 86_400
    rate = 0.3
    total = network_with_velocity().accumulate(VALUES, decay=rate, split="main")
    length = network.reaches["length_m"]
    factor = np.exp(-rate * length["c"] / 0.5 / day)
    assert total["c"] == pytest.approx(3 * factor + 4)


def network_with_velocity():
    return RiverNetwork.from_lines(draw(RIVER, velocity_m_s=dict.fromkeys(RIVER, 0.5)))


def test_accumulate_refuses(network):
    with pytest.raises(NetworkError, match="unknown reach_id: ids zz"):
        network.accumulate(pd.Series({"zz": 1.0}))
    with pytest.raises(NetworkError, match=r"no velocity for 1 of 9 reaches: ids t"):
        network.accumulate(VALUES, decay=0.2)
    with pytest.raises(NetworkError, match="no width_m where rivers part: ids r, l"):
        network.accumulate(VALUES, split="width")
    with pytest.raises(NetworkError, match="unknown split 'half'"):
        network.accumulate(VALUES, split="half")
    with pytest.raises(NetworkError, match=r"more than once: ids a"):
        network.accumulate(pd.Series([1.0, 2.0], index=["a", "a"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Series({"a": np.nan, "b": 1.0}), "no number to accumulate: ids a"),
        (pd.DataFrame({"x": {"a": 1.0, "b": np.nan}}), "no number to accumulate: ids b"),
        ({"a": float("nan")}, "no number to accumulate: ids a"),
        ({"nowhere": 1.0}, "unknown reach_id"),
        ("much", "are str, not by reach_id"),
    ],
)
def test_accumulate_names_what_is_no_number(values, message):
    lines = gpd.GeoDataFrame(
        {"reach_id": ["a", "b"]},
        geometry=[LineString([(106, 29), (106.1, 29)]), LineString([(106.1, 29), (106.2, 29)])],
        crs=4490,
    )
    network = RiverNetwork.from_lines(lines)
    assert network.accumulate({"a": 2.0}).to_dict() == {"a": 2.0, "b": 2.0}
    with pytest.raises(NetworkError, match=message):
        network.accumulate(values)
    for limit in ({"distance_m": -1.0}, {"time_h": -1.0}):
        with pytest.raises(NetworkError, match="is -1"):
            network.upstream("b", **limit)
    with pytest.raises(NetworkError, match="snap_tolerance_m is 'x'"):
        RiverNetwork.from_lines(lines, snap_tolerance_m="x")
