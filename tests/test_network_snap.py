"""Placing points: nearest line, measure, bank, names, doubt."""

from __future__ import annotations

import sys

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely import LineString, Point
from shapely.geometry import box

from basin.crs import GEOD
from basin.errors import CrsError, SnapError
from basin.network import RiverNetwork
from network_drawings import LAT, LON, NORTH_M, STEP, draw, points

EAST_M = GEOD.inv(LON, LAT, LON + STEP, LAT)[2]  # metres of a step eastwards
METRE = 1 / NORTH_M  # steps
ACROSS = 1 / EAST_M


@pytest.fixture(scope="module")
def network():
    r"""
    甲河 flows south along x=0: up (0,4)-(0,2), low (0,2)-(0,0); 乙河 joins at (0,2) from the east.
    """
    return RiverNetwork.from_lines(
        draw(
            {
                "up": [(0, 4), (0, 2)],
                "low": [(0, 2), (0, 0)],
                "brook": [(4, 2.0), (0, 2)],
                "still": [(9, 4), (9, 0)],
            },
            name={"up": "甲河", "low": "甲河", "brook": "乙河", "still": None},
        )
    )


def test_place_measure_offset_and_bank(network):
    found = network.snap(points({"P1": (100 * ACROSS, 3), "P2": (-30 * ACROSS, 0.5)}))
    assert list(found.index) == ["P1", "P2"]
    assert found["reach_id"].to_list() == ["up", "low"]
    assert found["measure_m"].to_list() == pytest.approx([NORTH_M, 1.5 * NORTH_M], abs=0.3)
    assert found["offset_m"].to_list() == pytest.approx([100, 30], abs=0.05)
    # looking south, east is on the left
    assert found["bank"].to_list() == ["left", "right"]
    assert found["river"].to_list() == ["甲河", "甲河"]
    assert found["status"].to_list() == ["snapped", "snapped"]
    assert found["lon"].to_list() == pytest.approx([LON, LON], abs=1e-9)
    assert not found["name_conflict"].any()


def test_far_and_missing(network):
    places = points({"far": (4.5, 3.5), "none": (0, 0)})
    places.loc["none", "geometry"] = None
    found = network.snap(places, max_offset_m=500)
    assert found["status"].to_list() == ["far", "no_geometry"]
    assert found["reach_id"].isna().all()
    assert found["offset_m"]["far"] == pytest.approx(
        np.hypot(1.5 * NORTH_M, 0.5 * EAST_M), rel=1e-3
    )
    assert np.isnan(found["offset_m"]["none"])
    assert network.snap(places, max_offset_m=2000)["reach_id"]["far"] == "brook"


def test_empty(network):
    found = network.snap(gpd.GeoDataFrame({"river": []}, geometry=[], crs=4490))
    assert len(found) == 0
    assert "alternatives" in found


def test_wrong_crs_and_wrong_geometry(network):
    with pytest.raises(CrsError, match="no coordinate reference system"):
        network.snap(gpd.GeoSeries([Point(LON, LAT)]))
    with pytest.raises(SnapError, match="1 of 1 geometries are not points: ids park"):
        network.snap(gpd.GeoSeries([box(106, 28, 107, 29)], index=["park"], crs=4490))


def test_any_crs(network):
    places = points({"P1": (100 * ACROSS, 3)})
    found = network.snap(places.to_crs(4544))
    assert found["offset_m"]["P1"] == pytest.approx(100, abs=0.05)


def test_near_a_confluence_nearest_is_not_enough(network):
    """40 m south of the brook, 45 m east of the river: either may be meant."""
    places = points(dict.fromkeys(("bare", "jia", "yi", "other"), (45 * ACROSS, 2 - 40 * METRE)))
    places["river"] = [None, "甲河", "乙河（支流）", "丙河"]
    found = network.snap(places)
    assert found["reach_id"].to_list() == ["brook", "low", "brook", "brook"]
    assert found["status"].to_list() == ["ambiguous", "snapped", "snapped", "ambiguous"]
    assert found["name_conflict"].to_list() == [False, True, False, True]
    assert [a[0] for a in found["alternatives"]["jia"]] == ["up", "brook"]  # 甲河 first
    assert found["alternatives"]["bare"][0][0] == "low"


def two_rivers(**columns):
    """The river a flows east along y = 0, the brook b along y = 0.02, some 22 m north of it."""
    return RiverNetwork.from_lines(
        draw({"a": [(0, 0), (5, 0)], "b": [(0, 0.02), (5, 0.02)]}, **columns)
    )


def test_the_drainage_area_of_a_gauge_finds_its_river():
    """A gauge of 5,000 km2 stands 2 m from a brook of 12 km2."""
    network = two_rivers(drainage_area_km2={"a": 5_200.0, "b": 12.0})
    gauges = points(
        dict.fromkeys(["bare", "large", "small", "none"], (2, 0.018)),
        drainage_area_km2={"large": 5_000.0, "small": 10.0, "none": 300.0},
    )
    found = network.snap(gauges)
    assert found["reach_id"].to_list() == ["b", "a", "b", "b"]
    assert found["status"].to_list() == ["ambiguous", "snapped", "snapped", "ambiguous"]
    assert found["area_conflict"].to_list() == [False, False, False, True]
    (other,) = found["alternatives"]["large"]
    assert other[0] == "b"
    assert 0 < other[3] < found["score"]["large"] <= 1
    unknown = two_rivers().snap(gauges)  # the lines tell no area: the nearest, and no conflict
    assert unknown["reach_id"].to_list() == ["b"] * 4
    assert not unknown["area_conflict"].any()


def test_the_recorded_bank_counts_a_little_and_conflicts_are_told():
    """Half-way between the two rivers the bank decides; close to one it is only told."""
    network = two_rivers()
    outfalls = points(
        {"mid": (2, 0.0101), "near": (2, 0.018), "agrees": (2, -0.005), "odd": (2, 0.0101)},
        bank={"mid": "左岸", "near": "left", "agrees": "右", "odd": "neither"},
    )
    found = network.snap(outfalls)
    assert found["reach_id"].to_list() == ["a", "b", "a", "b"]
    assert found["bank"].to_list() == ["left", "right", "right", "right"]
    assert found["bank_conflict"].to_list() == [False, True, False, False]
    assert (found["status"][["mid", "near"]] == "ambiguous").all()  # a bank decides nothing


def test_without_a_record_the_score_falls_with_the_distance():
    found = two_rivers().snap(points({"p": (2, 0.005)}))
    row = found.loc["p"]
    assert row["score"] == pytest.approx(1 / (1 + row["offset_m"] / 50))
    reach, measure, offset, score = row["alternatives"][0]
    assert (reach, score) == ("b", pytest.approx(1 / (1 + offset / 50)))
    assert measure == pytest.approx(row["measure_m"], abs=1)


def test_adjoining_reaches_of_one_river_are_no_doubt():
    network = RiverNetwork.from_lines(
        draw({"a": [(0, 4), (0, 2)], "b": [(0, 2), (0, 0)]}, name={"a": "甲河", "b": "乙河"})
    )
    found = network.snap(points({"P": (10 * ACROSS, 2)}))
    assert found["status"]["P"] == "snapped"  # the same main path under two names
    assert found["reach_id"]["P"] == "a"  # equally near: the lowest id


def test_the_nearest_line_not_the_nearest_vertex():
    r"""A long straight reach without vertices near the point, and a short one with some."""
    network = RiverNetwork.from_lines(
        draw({"long": [(0, 0), (20, 0)], "short": [(9, 2), (10, 1), (11, 2)]})
    )
    found = network.snap(points({"P": (10, 0.3)}))
    assert found["reach_id"]["P"] == "long"
    assert found["offset_m"]["P"] == pytest.approx(0.3 * NORTH_M, rel=1e-2)


def test_bank_at_a_bend_asks_both_segments():
    r"""
    flows east to (1,0), then sharply back north-west: a point beyond the tip, nearer to one side
    """
    network = RiverNetwork.from_lines(draw({"v": [(0, 0), (1, 0), (0, 0.4)]}))
    places = points({"in": (0.7, 0.05), "tip": (1.2, 0.02), "out": (0.5, -0.1)})
    found = network.snap(places)
    assert found["bank"].to_list() == ["left", "right", "right"]


def test_on_the_line_there_is_no_bank(network):
    found = network.snap(points({"P": (0, 3)}))
    assert found["bank"]["P"] == ""
    assert found["offset_m"]["P"] == pytest.approx(0, abs=1e-6)


def test_snapping_twice_is_snapping_once(network):
    places = points({f"P{k}": (k * 0.07 - 0.3, 0.37 * k) for k in range(10)})
    once = network.snap(places)
    feet = gpd.GeoSeries(gpd.points_from_xy(once["lon"], once["lat"]), index=once.index, crs=4490)
    again = network.snap(feet)
    assert np.allclose(again["measure_m"], once["measure_m"], atol=1e-3)
    assert (again["offset_m"] < 1e-3).all()


def test_row_order_of_points_and_lines_changes_nothing():
    rng = np.random.default_rng(3)
    lines = draw({f"R{k:02d}": rng.uniform(0, 8, (4, 2)).tolist() for k in range(30)})
    places = points({f"P{k}": rng.uniform(0, 8, 2).tolist() for k in range(200)})
    one = RiverNetwork.from_lines(lines).snap(places)
    two = RiverNetwork.from_lines(lines.sample(frac=1, random_state=1)).snap(places[::-1])[::-1]
    assert one.equals(two)


def test_a_long_line_of_many_vertices():
    """The index cuts lines into runs: the measure still counts from the line's start."""
    x = np.linspace(0, 30, 2_000)
    way = np.column_stack([x, np.sin(x * 3)])
    network = RiverNetwork.from_lines(draw({"w": way.tolist()}))
    part = way[:1501]
    found = network.snap(points({"P": part[-1].tolist()}))
    lon, lat = LON + STEP * part[:, 0], LAT + STEP * part[:, 1]
    assert found["measure_m"]["P"] == pytest.approx(GEOD.line_length(lon, lat), rel=1e-7)


def brute(point: Point, lines: gpd.GeoSeries):
    """Nearest of dense samples (1 m) on all lines: id, metres from the line's start, offset."""
    best = ("", 0.0, np.inf)
    for key, line in lines.items():
        dense = np.array(line.segmentize(1e-5).coords)
        away = GEOD.inv(*np.broadcast_to([point.x, point.y], dense.shape).T, *dense.T)[2]
        k = int(np.argmin(away))
        if away[k] < best[2]:
            best = (str(key), GEOD.line_length(*dense[: k + 1].T), away[k])
    return best


coordinate = st.floats(0, 3, allow_nan=False).map(lambda v: round(v, 4))
way = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=5, unique=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(way, min_size=1, max_size=4), st.tuples(coordinate, coordinate))
def test_against_dense_samples(ways, place):
    lines = draw({f"R{k}": w for k, w in enumerate(ways)})
    network = RiverNetwork.from_lines(lines, turn=False)
    found = network.snap(points({"P": place}), max_offset_m=20_000).loc["P"]
    geometry = network.reaches.geometry
    key, measure, offset = brute(Point(LON + STEP * place[0], LAT + STEP * place[1]), geometry)
    assert found["offset_m"] <= offset + 1e-3
    assert found["offset_m"] == pytest.approx(offset, abs=1.0)
    foot = LineString(geometry[found["reach_id"]])
    assert 0 <= found["measure_m"] <= network.reaches["length_m"][found["reach_id"]] + 1e-6
    if key == found["reach_id"] and offset < 1:
        assert found["measure_m"] == pytest.approx(measure, abs=2.5) or not foot.is_simple


def wild(count=300, seed=7):
    """A tangle of reaches with names, and points with records, some far and one without place."""
    rng = np.random.default_rng(seed)
    names = np.array(["甲河", "乙河", "甲河（东支）", None], dtype=object)
    drawn = {f"R{k:02d}": rng.uniform(0, 8, (5, 2)).tolist() for k in range(25)}
    lines = draw(drawn, name=dict(zip(drawn, names[rng.integers(0, 4, 25)], strict=True)))
    places = points({f"P{k}": rng.uniform(-2, 10, 2).tolist() for k in range(count)})
    places["river"] = names[rng.integers(0, 4, count)]
    places.loc["P3", "geometry"] = None
    return RiverNetwork.from_lines(lines), places


@pytest.mark.parametrize("max_offset_m", [30.0, 1_000.0, 20_000.0])
def test_the_compiled_search_finds_what_the_arrays_find(monkeypatch, max_offset_m):
    pytest.importorskip("numba")
    network, places = wild()
    plain = network.snap(places, max_offset_m=max_offset_m)
    monkeypatch.setattr("basin._network.snap._MANY_POINTS", 1)
    fast = network.snap(places, max_offset_m=max_offset_m)
    near = plain.drop(columns="alternatives")
    assert len(set(near["status"])) > 2
    assert_frame_equal(near, fast.drop(columns="alternatives"), rtol=1e-9, atol=1e-6)
    for a, b in zip(plain["alternatives"], fast["alternatives"], strict=True):
        assert [i for i, *_ in a] == [i for i, *_ in b]
        assert np.array([m for _, *m in a]) == pytest.approx(np.array([m for _, *m in b]))


def test_few_points_do_not_wait_for_a_compiler(monkeypatch):
    network, places = wild(50)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "basin._network.kernels", raising=False)
    network.snap(places)
    # and where it is not installed, many points are placed without it
    monkeypatch.setattr("basin._network.snap._MANY_POINTS", 1)
    assert len(network.snap(places)) == 50


def test_points_looked_at_in_parts_are_placed_alike(monkeypatch):
    network, places = wild()
    whole = network.snap(places)
    monkeypatch.setattr("basin._network.snap._POINTS_AT_ONCE", 7)
    assert network.snap(places).equals(whole)


def test_snapping_twice_is_snapping_once_in_a_tangle():
    network, places = wild()
    once = network.snap(places.drop(columns="river"), max_offset_m=5_000).dropna()
    feet = gpd.GeoSeries(gpd.points_from_xy(once["lon"], once["lat"]), index=once.index, crs=4490)
    twice = network.snap(feet)
    assert twice["offset_m"].max() < 1e-6
    alone = [all(o > 1e-3 for *_, o, _ in a) for a in twice["alternatives"]]
    assert np.mean(alone) > 0.8
    same = ["reach_id", "river"]
    assert twice.loc[alone, same].equals(once.loc[alone, same])
    moved = twice.loc[alone, "measure_m"] - once.loc[alone, "measure_m"]
    assert np.abs(moved).max() < 1e-6


def test_offsets_are_geodesic(network):
    places = points({f"P{k}": (k * k * METRE, 3.3) for k in range(1, 60)})
    found = network.snap(places, max_offset_m=3_000).dropna(subset="reach_id")
    at = places.geometry[found.index]
    metres = GEOD.inv(at.x, at.y, found["lon"], found["lat"])[2]
    assert found["offset_m"].max() > 1_000
    assert found["offset_m"].to_list() == pytest.approx(metres.tolist(), abs=1e-6)


def test_a_point_on_the_other_side_of_the_earth_is_far(network):
    found = network.snap(gpd.GeoSeries([Point(-70, -20), Point(110, 30)], crs=4490))
    assert found["status"].to_list() == ["far", "far"]
    near = network.reaches.geometry["still"].coords[0]
    assert found["offset_m"][1] == pytest.approx(GEOD.inv(110, 30, *near)[2], rel=1e-3)
    assert found["offset_m"][0] > 1e7
