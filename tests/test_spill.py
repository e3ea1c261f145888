"""Spills: times, clouds, structures and targets against drawn rivers and formulas by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import Polygon

from basin.cli import main
from basin.errors import AssessmentError, NetworkError, ProjectError, SnapError
from basin.network import RiverNetwork
from basin.standards.hydraulics import passage_h, peak_velocity, unit_peak
from basin.tracing import CAVEAT, intake_zones, trace_spill
from basin.tracing.spill.cloud import cloud_times, concentration, peak_of
from network_drawings import at, draw, points

LEADING = 0.890


def river(**columns):
    r"""
    One river of three reaches eastwards, a brook from the north at the end of the first.

        brook
          \
    -- a --.-- b --.-- c --> outlet
    """
    lines = {
        "a": [(0, 0), (4, 0)],
        "b": [(4, 0), (8, 0)],
        "c": [(8, 0), (12, 0)],
        "brook": [(4, 3), (4, 0)],
    }
    columns.setdefault("velocity_m_s", {"a": 1.0, "b": 0.5, "c": 2.0, "brook": 1.0})
    columns.setdefault("flow_m3_s", {"a": 10.0, "b": 15.0, "c": 15.0, "brook": 5.0})
    columns.setdefault("width_m", dict.fromkeys(lines, 20.0))
    columns.setdefault("name", {"a": "Qi", "b": "Qi", "c": "Qi", "brook": "Little"})
    return RiverNetwork.from_lines(draw(lines, **columns))


def ids(table):
    return table.assign(id=table.index).reset_index(drop=True)


def row(spill, target, case="median"):
    found = spill.arrivals[(spill.arrivals["id"] == target) & (spill.arrivals["case"] == case)]
    assert len(found) == 1
    return found.iloc[0]


INTAKES = {"I-1": (6, 0), "I-2": (12, 0)}


def spill_on(network, **options):
    intakes = ids(points(INTAKES, name={"I-1": "Town", "I-2": "City"}))
    options.setdefault("intakes", intakes)
    return trace_spill(network, ("a", 0.0), **options)


# ---- the published relations -----------------------------------------------------------------


def test_example_1_of_jobson_by_its_inputs():
    """WRIR 96-4013 example 1: inputs as quoted in USGS's own TravelTimeService tests.

    6,000 kg into an ungaged stream, 15 km above an intake; drainage areas 350 and 430 km2, a gage
    nearby with 452 km2, 5.22 m3/s in the mean and 3.88 m3/s on the day. What the report prints as
    results was not seen: the figures here are its equations 7, 14, 15, 18 and 19 by hand.
    """
    area, flow, mean = 390.0, 3.88 * 390 / 452, 5.22 * 390 / 452
    assert flow == pytest.approx(3.35, abs=0.005)
    assert mean == pytest.approx(4.50, abs=0.005)
    d = (390e6**1.25) * math.sqrt(9.81) / mean
    x = d**0.821 * (flow / mean) ** -0.465 * flow / 390e6
    assert float(peak_velocity(area, flow, mean)) == pytest.approx(0.020 + 0.051 * x, rel=1e-9)
    assert float(peak_velocity(area, flow, mean, fastest=True)) == pytest.approx(
        0.2 + 0.093 * x, rel=1e-9
    )
    hours = 15_000 / (0.020 + 0.051 * x) / 3600
    at_intake = 3.88 * 430 / 452
    unit = 857 * hours ** (-0.760 * (flow / mean) ** -0.079)
    by_hand = unit * 6_000e3 / 1e6 / at_intake  # g/m3
    assert float(peak_of(hours, flow / mean, 0.0, 6_000.0, at_intake)) == pytest.approx(by_hand)
    # some 16 h and 160 mg/L: an order that a reader of the report can check
    assert hours == pytest.approx(15.7, abs=0.1)
    assert by_hand == pytest.approx(163, abs=1)


def test_with_slope_the_other_relation_is_taken():
    area, flow, mean, slope = 16_000.0, 490.0, 240.0, 0.001
    d = (16e9**1.25) * math.sqrt(9.81) / mean
    by_hand = 0.094 + 0.0143 * d**0.919 * (flow / mean) ** -0.469 * slope**0.159 * flow / 16e9
    assert float(peak_velocity(area, flow, mean, slope)) == pytest.approx(by_hand, rel=1e-9)
    flat = peak_velocity(area, flow, mean, [0.0, np.nan])
    assert flat == pytest.approx([float(peak_velocity(area, flow, mean))] * 2)
    assert np.isnan(peak_velocity(np.nan, flow, mean))


@settings(max_examples=20, deadline=None)
@given(
    peak=st.floats(0.2, 300),
    ratio=st.floats(0.1, 5),
    duration=st.floats(0, 200),
    flow=st.floats(0.1, 1000),
)
@example(peak=214.0, ratio=5.0, duration=0.0, flow=1.0)  # passage shorter than the rise
@example(peak=214.0, ratio=5.0, duration=1.0, flow=1.0)
def test_a_cloud_carries_its_mass_and_its_peak_is_the_highest(peak, ratio, duration, flow):
    first, highest, last = (float(v) for v in cloud_times(peak, ratio, duration))
    hours = np.linspace(first, last, 8_001)
    level = concentration(hours, peak, ratio, duration, 1_000.0, flow)
    mass = np.trapezoid(level, hours) * 3600 * flow / 1000
    assert mass == pytest.approx(1_000.0, rel=1e-3)
    top = float(peak_of(peak, ratio, duration, 1_000.0, flow))
    assert level.max() == pytest.approx(top, rel=1e-2)
    there = concentration([highest], peak, ratio, duration, 1_000.0, flow)[0]
    assert there == pytest.approx(top, rel=1e-6)
    assert first <= highest <= last


def test_a_long_release_is_the_sum_of_short_ones():
    hours = np.linspace(0, 60, 601)
    whole = concentration(hours, 20.0, 1.0, 6.0, 600.0, 5.0)
    parts = [
        concentration(hours - k / 100, 20.0, 1.0, 0.0, 1.0, 5.0) for k in np.arange(0.5, 600, 1)
    ]
    assert whole == pytest.approx(np.sum(parts, axis=0), abs=whole.max() * 2e-3)


# ---- times -----------------------------------------------------------------------------------


def test_times_are_lengths_over_velocities():
    network = river()
    spill = spill_on(network)
    length = network.reaches["length_m"]
    one = row(spill, "I-1")
    hours = (length["a"] / 1.0 + length["b"] / 2 / 0.5) / 3600
    assert one["distance_m"] == pytest.approx(length["a"] + length["b"] / 2, abs=1)
    assert one["peak_h"] == pytest.approx(hours, rel=1e-4)
    assert one["leading_h"] == pytest.approx(LEADING * hours, rel=1e-4)
    assert one["passage_h"] == pytest.approx(float(passage_h(hours, 1.0)), rel=1e-4)
    assert row(spill, "I-1", "high")["peak_h"] == pytest.approx(hours / 2.2**0.34, rel=1e-4)
    assert row(spill, "I-1", "fastest")["peak_h"] == pytest.approx(hours / 2.2**0.34, rel=1e-4)
    assert set(spill.reaches["tier"]) == {"measured"}
    assert "brook" not in spill.reaches.index  # nothing flows up a brook


def test_tiers_go_from_measured_to_default():
    network = river(
        velocity_m_s={"a": 1.0, "b": None, "c": None, "brook": None},
        drainage_area_km2={"b": 700.0},
    )
    spill = spill_on(network)
    assert spill.reaches["tier"].to_dict() == {"a": "measured", "b": "jobson", "c": "default"}
    by_hand = float(peak_velocity(700.0, 15.0, 15.0))
    assert spill.reaches.loc["b", "velocity_median_m_s"] == pytest.approx(by_hand)
    fastest = float(peak_velocity(700.0, 33.0, 15.0, fastest=True))
    assert spill.reaches.loc["b", "velocity_fastest_m_s"] == pytest.approx(fastest)
    assert spill.note_ids["default_velocity"] == ("c",)
    sloped = spill_on(network, slope={"b": 0.002, "c": 0.002})
    assert sloped.reaches["tier"].to_dict() == {
        "a": "measured",
        "b": "jobson_slope",
        "c": "default",
    }
    assert row(spill, "I-2")["default_share"] == pytest.approx(
        network.reaches.loc["c", "length_m"] / 0.5 / 3600 / row(spill, "I-2")["peak_h"], rel=1e-4
    )


def test_a_structure_delays_what_lies_below_by_volume_over_flow():
    network = river()
    gate = ids(points({"G": (5, 0)}, kind={"G": "sluice"}, volume_m3={"G": 54_000.0 * 15}))
    free, held = spill_on(network), spill_on(network, structures=gate.assign(close_min=30.0))
    wait = 54_000 / 3600
    assert row(held, "G")["delay_h"] == 0  # the spill comes to the gate before it waits there
    assert row(held, "I-1")["delay_h"] == pytest.approx(wait)
    assert row(held, "I-1")["leading_h"] == pytest.approx(
        row(free, "I-1")["leading_h"] + LEADING * wait
    )
    assert row(held, "I-1", "low")["delay_h"] == pytest.approx(wait / 0.35)
    for target in INTAKES:  # the earliest arrival counts on no gate
        early = row(held, target, "fastest")["leading_h"]
        assert early == pytest.approx(row(free, target, "high")["leading_h"])
    bridge = gate.assign(kind="bridge", close_min=np.nan)
    assert row(spill_on(network, structures=bridge), "I-1")["delay_h"] == 0
    unknown = spill_on(network, structures=gate.assign(volume_m3=np.nan, close_min=30.0))
    assert unknown.note_ids["delay_unknown"] == ("G",)


@pytest.mark.parametrize("seed", range(6))
def test_distances_and_times_are_those_of_networkx(seed):
    """A random braided grid with dams: the quickest way of each case, its length, and the last."""
    random = np.random.default_rng(seed)
    lines, speed, flow, dams = {}, {}, {}, {}
    for x in range(5):
        for y in range(3):
            for k, (to_x, to_y) in enumerate([(x + 1, y), (x, y + 1)]):
                if random.random() < 0.75:
                    bend = ((x + to_x) / 2 + random.uniform(-0.2, 0.2), (y + to_y) / 2 + 0.1)
                    name = f"r{x}{y}{k}"
                    lines[name] = [(x, y), bend, (to_x, to_y)]
                    speed[name], flow[name] = random.uniform(0.2, 2), random.uniform(1, 20)
                    if random.random() < 0.3:
                        dams[name] = bend
    network = RiverNetwork.from_lines(draw(lines, velocity_m_s=speed, flow_m3_s=flow), turn=False)
    volume = {name: random.uniform(1e3, 1e6) for name in dams}
    built = ids(points(dams, kind=dict.fromkeys(dams, "dam"), volume_m3=volume))
    reaches, start = network.reaches, network.reaches.index[0]
    spill = trace_spill(network, (start, 0.0), structures=built)
    source, first = reaches.loc[start, ["from_node", "to_node"]]
    for case, ratio in spill.hydraulics.ratio.items():
        graph = nx.DiGraph()
        for reach_id, r in reaches.iterrows():
            hours = r["length_m"] / (r["velocity_m_s"] * ratio**0.34) / 3600
            if reach_id in dams and case != "fastest":
                hours += volume[reach_id] / (r["flow_m3_s"] * ratio) / 3600
            graph.add_edge(r["from_node"], r["to_node"], m=r["length_m"], h=hours, id=reach_id)
        own = graph.edges[source, first]
        ways = nx.single_source_dijkstra_path(graph, first, weight="h")
        last = dict.fromkeys(ways, -np.inf) | {first: own["h"]}  # by the slowest way
        for node in nx.topological_sort(graph.subgraph(ways)):
            for _, to, edge in graph.edges(node, data=True):
                last[to] = max(last[to], last[node] + edge["h"])
        for reach_id, r in spill.reaches.iterrows():
            if reach_id == start:
                continue
            upper, lower = reaches.loc[reach_id, ["from_node", "to_node"]]
            edges = [graph.edges[e] for e in pairwise([source, *ways[upper]])]
            hours = sum(e["h"] for e in edges) + graph.edges[upper, lower]["h"]
            assert r[f"peak_{case}_h"] == pytest.approx(hours)
            if case == "median":
                assert r["distance_m"] == pytest.approx(sum(e["m"] for e in edges), abs=1e-6)
        at_ends = spill.arrivals[spill.arrivals["case"] == case]
        for _, target in at_ends[at_ends["kind"] == "outlet"].iterrows():
            node = reaches.loc[target["reach_id"], "to_node"]
            edges = [graph.edges[e] for e in pairwise([source, *ways[node]])]
            quick = sum(e["h"] for e in edges)
            assert target["instant_h"] == pytest.approx(quick)
            assert target["distance_m"] == pytest.approx(sum(e["m"] for e in edges), abs=1e-6)
            assert target["lag_h"] == pytest.approx(last[node] - quick, abs=1e-6)
    reachable = {d["id"] for a, _, d in graph.edges(data=True) if a in ways} | {start}
    assert set(spill.reaches.index) == reachable


def braid(volume_m3=1e7, **columns):
    r"""
    The eastern arm is the shorter and has a dam; the western is free.

           a
          / \
         w   e  dam
          \ /
           c
    """
    lines = {
        "a": [(0, 40), (0, 30)],
        "e": [(0, 30), (0, 20)],
        "w": [(0, 30), (-1, 25), (0, 20)],
        "c": [(0, 20), (0, 0)],
    }
    columns.setdefault("velocity_m_s", dict.fromkeys(lines, 1.0))
    columns.setdefault("flow_m3_s", {"a": 10.0, "e": 6.0, "w": 4.0, "c": 10.0})
    network = RiverNetwork.from_lines(draw(lines, **columns), turn=False)
    dam = ids(points({"D": (0, 25)}, kind={"D": "dam"}, volume_m3={"D": volume_m3}))
    return network, dam.assign(close_min=30.0)


def test_the_way_is_the_quickest_of_each_flow_not_the_shortest():
    network, dam = braid()
    intakes = ids(points({"I": (0, 10)}))
    spill = trace_spill(network, ("a", 0.0), mass_kg=10.0, intakes=intakes, structures=dam)
    length = network.reaches["length_m"]
    by_west = length["a"] + length["w"] + length["c"] / 2
    by_east = length["a"] + length["e"] + length["c"] / 2
    for case in ("low", "median", "high"):
        one = row(spill, "I", case)
        assert one["distance_m"] == pytest.approx(by_west, abs=1)
        speed = spill.hydraulics.velocity_m_s.loc["c", case]
        assert one["peak_h"] == pytest.approx(by_west / speed / 3600, rel=1e-4)
        assert one["delay_h"] == 0
        # what waits at the dam comes last, and the end of the passage is that of it
        wait = 1e7 / (6.0 * spill.hydraulics.ratio[case]) / 3600
        lag = wait + (by_east - by_west) / speed / 3600
        assert one["lag_h"] == pytest.approx(lag, rel=1e-4)
        late = cloud_times(one["peak_h"] + lag, spill.hydraulics.ratio[case], 0.0)[2]
        assert one["trailing_h"] == pytest.approx(float(late), rel=1e-4)
    early = row(spill, "I", "fastest")  # no structure holds it back: the shorter arm
    assert early["distance_m"] == pytest.approx(by_east, abs=1)
    assert spill.note_ids["way_by_flow"][0] == "I"
    assert "I" in spill.note_ids["rejoined"]
    assert spill.reaches["distance_m"].is_monotonic_increasing
    assert spill.reaches.loc["c", "distance_m"] == pytest.approx(length["a"] + length["w"], abs=1)
    assert spill.spaces.loc["D", "distance_m"] == pytest.approx(
        length["a"] + length["e"] / 2, abs=1
    )
    note = spill.explain("en")
    assert spill.spaces.loc["D", "fit"] == "partial"  # the other arm goes round it
    assert spill.spaces.loc["D", "mass_share"] == pytest.approx(0.6)
    assert "not enough, find more space" in note
    assert f"intake I ({by_west / 1000:.1f} km)" in note
    assert "depends on the flow" in note
    # on the map: below the dam until the last of it has come
    own = trace_spill(network, ("a", 0.0), structures=dam, hours=2000.0, step_h=10.0).fronts.query(
        "case == 'median'"
    )
    assert own["hour"].max() == pytest.approx(row(spill, row_outlet(spill))["trailing_h"], abs=10)


def row_outlet(spill):
    return spill.arrivals.loc[spill.arrivals["kind"] == "outlet", "id"].iloc[0]


def test_a_node_is_reached_by_the_first_arm_and_told_once():
    """Both arms end in the lake: one outlet, by the free arm, though the dammed one is shorter."""
    lines = {
        "a": [(0, 40), (0, 30)],
        "e": [(0, 30), (0, 20)],
        "w": [(0, 30), (-1, 25), (0, 20)],
    }
    network = RiverNetwork.from_lines(
        draw(lines, velocity_m_s=dict.fromkeys(lines, 1.0), flow_m3_s=dict.fromkeys(lines, 5.0)),
        turn=False,
    )
    dam = ids(points({"D": (0, 25)}, kind={"D": "dam"}, volume_m3={"D": 1e7}))
    spill = trace_spill(network, ("a", 0.0), structures=dam)
    own = spill.arrivals[spill.arrivals["kind"] == "outlet"]
    assert len(own) == 4  # one a case
    length = network.reaches["length_m"]
    by_case = own.set_index("case")["distance_m"]
    assert by_case["median"] == pytest.approx(length["a"] + length["w"], abs=1)
    assert by_case["fastest"] == pytest.approx(length["a"] + length["e"], abs=1)


def test_zones_of_an_intake_go_by_the_quicker_arm():
    speed = {"a": 1.0, "e": 0.1, "w": 1.0, "c": 1.0}
    network, _ = braid(velocity_m_s=speed)
    intakes = ids(points({"I": (0, 10)}))
    outfalls = points({"P": (0, 35)})
    zones = intake_zones(
        network, "I", intakes, hours=(24.0,), outfalls=outfalls.assign(outfall_id=outfalls.index)
    )
    length = network.reaches["length_m"]
    way = length["a"] / 2 + length["w"] + length["c"] / 2
    one = zones.contents.set_index("id").loc["P"]
    assert one["distance_m"] == pytest.approx(way, abs=1)
    assert one["leading_h"] == pytest.approx(LEADING * way / 2.2**0.34 / 3600, rel=1e-4)
    assert zones.reaches.loc["a", "distance_m"] == pytest.approx(way - length["a"] / 2, abs=1)


# ---- concentrations --------------------------------------------------------------------------


def test_peak_dilutes_in_the_flow_of_the_reach():
    spill = spill_on(river(), mass_kg=600.0)
    one = row(spill, "I-1")
    unit = float(unit_peak(one["peak_h"], 1.0))
    assert one["peak_mg_l"] == pytest.approx(unit * 600e3 / 1e6 / 15.0)
    curve = spill.curve("I-1")
    mass = np.trapezoid(curve["mg_l"], curve["hour"]) * 3600 * 15.0 / 1000
    assert mass == pytest.approx(600.0, rel=1e-3)
    assert curve["mg_l"].max() == pytest.approx(one["peak_mg_l"], rel=2e-2)


def test_decay_and_limit_are_those_on_record():
    plain = spill_on(river(), mass_kg=600.0, item="nh3n", k_per_d=0.0)
    decayed = spill_on(river(), mass_kg=600.0, item="氨氮")
    one = row(decayed, "I-2")
    kept = math.exp(-0.125 * one["instant_h"] / 24)
    assert one["peak_mg_l"] == pytest.approx(row(plain, "I-2")["peak_mg_l"] * kept)
    assert decayed.start["limit_mg_l"] == 1.0
    curve = decayed.curve("I-2", points=4001)
    step = curve["hour"].iloc[1] - curve["hour"].iloc[0]
    assert one["above_h"] == pytest.approx((curve["mg_l"] > 1.0).sum() * step, rel=0.01)


def test_dispersion_of_hj_2_3_where_width_slope_and_flow_are_known():
    same = dict.fromkeys(("a", "b", "c", "brook"), 0.8)
    flow = dict.fromkeys(same, 12.0)
    network = river(velocity_m_s=same, flow_m3_s=flow, slope=dict.fromkeys(same, 0.001))
    spill = spill_on(network, mass_kg=100.0)
    one = row(spill, "I-1")
    area = 12.0 / 0.8
    depth = area / 20.0
    ex = 0.011 * 0.8**2 * 20.0**2 / (depth * math.sqrt(9.81 * depth * 0.001))
    t = one["distance_m"] / 0.8
    assert one["peak_hj_mg_l"] == pytest.approx(100e3 / (area * math.sqrt(4 * math.pi * ex * t)))
    ey = (0.058 * depth + 0.0065 * 20.0) * math.sqrt(9.81 * depth * 0.001)
    length = (0.11 + 0.7 * math.sqrt(0.5 - 1.1 * 0.25)) * 0.8 * 20.0**2 / ey
    assert spill.mixing_m["median"] == pytest.approx(length)
    assert one["mixed"] == (one["distance_m"] >= length)
    bare = spill_on(river(width_m=dict.fromkeys(same)), mass_kg=1.0)
    assert np.isnan(row(bare, "I-1")["peak_hj_mg_l"])
    assert bare.mixing_m.isna().all()
    by_manning = river(velocity_m_s=same, flow_m3_s=flow)
    fall = (0.035 * 0.8 / depth ** (2 / 3)) ** 2
    given = river(velocity_m_s=same, flow_m3_s=flow, slope=dict.fromkeys(same, fall))
    peaks = [row(spill_on(n, mass_kg=9.0), "I-1")["peak_hj_mg_l"] for n in (by_manning, given)]
    assert peaks[0] == pytest.approx(peaks[1])


def test_arms_of_a_braid_carry_their_parts():
    lines = {
        "up": [(0, 0), (4, 0)],
        "left": [(4, 0), (6, 2), (8, 0)],
        "right": [(4, 0), (8, 0)],
        "down": [(8, 0), (12, 0)],
    }
    flow = {"up": 10.0, "left": 3.0, "right": 7.0, "down": 10.0}
    network = RiverNetwork.from_lines(
        draw(lines, flow_m3_s=flow, velocity_m_s=dict.fromkeys(lines, 1.0))
    )
    there = ids(points({"L": (6, 2), "R": (6, 0), "D": (12, 0)}))
    spill = trace_spill(network, ("up", 0.0), mass_kg=100.0, intakes=there)
    assert {k: round(row(spill, k)["mass_share"], 6) for k in "LRD"} == {"L": 0.3, "R": 0.7, "D": 1}
    hours = row(spill, "L")["instant_h"]
    by_hand = float(unit_peak(hours, 1.0)) * 30e3 / 1e6 / 3.0
    assert row(spill, "L")["peak_mg_l"] == pytest.approx(by_hand)


# ---- targets, spaces, fronts -----------------------------------------------------------------


def test_targets_are_those_below_in_order():
    sections = points({"up": (-0.0, 0), "S": (7, 0), "side": (4, 2)})
    sections = sections.assign(section_id=sections.index)
    lands = gpd.GeoDataFrame(
        {"id": ["W", "E"], "name": ["West", "East"]},
        geometry=[
            Polygon([at(-1, -1), at(9, -1), at(9, 4), at(-1, 4)]),
            Polygon([at(9, -1), at(13, -1), at(13, 4), at(9, 4)]),
        ],
        crs=4490,
    )
    network = river()
    start = ("a", float(network.reaches.loc["a", "length_m"]) / 2)
    spill = trace_spill(network, start, sections=sections, districts=lands)
    one = spill.arrivals[spill.arrivals["case"] == "median"]
    found = list(zip(one["kind"], one["name"], strict=True))
    assert found == [
        ("confluence", "Little"),
        ("section", ""),
        ("district_border", "West → East"),
        ("outlet", "Qi"),
    ]
    border = one[one["kind"] == "district_border"].iloc[0]
    length = network.reaches["length_m"]
    assert border["distance_m"] == pytest.approx(
        length["a"] / 2 + length["b"] + length["c"] / 4, abs=2
    )
    assert one["district"].tolist() == ["West", "West", "West", "East"]


def test_spaces_close_in_time_or_not():
    network = river()
    gates = ids(
        points(
            {"G1": (1, 0), "G2": (6, 0), "G3": (7, 0), "G4": (11, 0), "B": (10, 0)},
            kind={"G1": "sluice", "G2": "pond", "G3": "sluice", "G4": "dam", "B": "bridge"},
            volume_m3={"G1": 1e6, "G2": 2e6, "G3": 10.0, "G4": 1e9},
            close_min={"G1": 30.0, "G2": 30.0, "G3": 30.0, "G4": None},
            name={},
        )
    )
    spill = spill_on(network, structures=gates, report_min=20.0)
    spaces = spill.spaces
    assert spaces.index.tolist() == ["G1", "G2", "G3", "G4"]  # a bridge holds nothing
    assert spaces["fit"].to_dict() == {
        "G1": "late",
        "G2": "usable",
        "G3": "partial",
        "G4": "unknown",
    }
    two = spaces.loc["G2"]
    assert two["margin_min"] == pytest.approx(row(spill, "G2", "fastest")["leading_h"] * 60 - 50)
    need = max(
        row(spill, "G2", c)["flow_m3_s"] * row(spill, "G2", c)["passage_h"] * 3600
        for c in ("low", "median", "high")
    )
    assert two["needed_m3"] == pytest.approx(need)
    assert two["hold_h"] == pytest.approx(2e6 / 33.0 / 3600)
    assert spaces["held_m3"].tolist() == [0.0, 2e6, 2e6 + 10, 2e6 + 10]
    treated = spill_on(network, structures=gates, report_min=20.0, treat_h=10.0).spaces
    assert treated.loc["G2", "needed_m3"] == pytest.approx(33.0 * 36_000)
    slow = spill_on(network, structures=gates, report_min=600.0).spaces
    assert set(slow["fit"]) == {"late", "unknown"}


def test_fronts_move_with_the_edges():
    network = river()
    spill = spill_on(network, duration_h=1.0, step_h=0.5, hours=30.0)
    own = spill.fronts[spill.fronts["case"] == "median"].set_index("hour")
    # reach a flows at 1 m/s, the edge 1 / 0.89 as fast
    assert own.loc[0.5, "head_m"] == pytest.approx(1800 / LEADING, rel=1e-3)
    assert own.loc[0.5, "tail_m"] == 0.0  # still running out
    assert own["head_m"].is_monotonic_increasing
    assert own["tail_m"].is_monotonic_increasing
    last = row(spill, "outlet-" + row_id(spill))
    assert own.index.max() <= last["trailing_h"] <= own.index.max() + 0.5
    assert (own["length_m"] <= own["head_m"] - own["tail_m"] + 1e-6).all()
    one = row(spill, "I-1")
    covered = own.index[(own["tail_m"] < one["distance_m"]) & (own["head_m"] > one["distance_m"])]
    assert covered.min() == pytest.approx(one["leading_h"], abs=0.5)
    assert covered.max() == pytest.approx(one["trailing_h"], abs=0.5)
    assert spill.fronts.crs.to_epsg() == 4490
    assert spill.fronts.geometry.is_valid.all()


def test_a_cloud_that_waits_at_a_gate_is_still_on_the_map():
    network = river()
    gate = ids(points({"G": (5, 0)}, kind={"G": "sluice"}, volume_m3={"G": 54_000.0 * 15}))
    spill = spill_on(network, structures=gate.assign(close_min=30.0), hours=60.0)
    own = spill.fronts[spill.fronts["case"] == "median"].set_index("hour")
    comes, goes = row(spill, "G")["leading_h"], row(spill, "G")["leading_h"] + LEADING * 15
    assert own.index.tolist() == list(range(1, len(own) + 1))  # no hour without it
    inside = [h for h in own.index if comes < h < goes]
    assert len(inside) >= 12
    assert own.loc[inside, "held"].all()
    assert not own.loc[[h for h in own.index if h < comes], "held"].any()
    assert own.loc[inside, "head_m"].max() == pytest.approx(row(spill, "G")["distance_m"] + 50)


def row_id(spill):
    return spill.arrivals.loc[spill.arrivals["kind"] == "outlet", "id"].iloc[0].split("-")[1]


# ---- upstream of an intake -------------------------------------------------------------------


def test_zones_of_an_intake_hold_what_a_spill_would_bring_in_time():
    """Each outfall in a zone: a spill there comes to the intake in just the hours told."""
    network = river()
    intakes = ids(points({"I": (10, 0)}, name={"I": "Town"}))
    outfalls = points({"P1": (9, 0), "P2": (5, 0), "P3": (4, 2.9), "P4": (0.1, 0), "P5": (11, 0)})
    outfalls = outfalls.assign(outfall_id=outfalls.index)
    zones = intake_zones(network, "I", intakes, hours=(1.0, 5.0), outfalls=outfalls)
    table = zones.contents.set_index("id")
    assert "P5" not in table.index  # below
    for name, place in outfalls.geometry.items():
        spill = trace_spill(network, (place.x, place.y), intakes=intakes)
        if name == "P5":
            assert "I" not in set(spill.arrivals["id"])
            continue
        hours = row(spill, "I", "fastest")["leading_h"]
        if hours > 5:
            assert name not in table.index
        else:
            assert table.loc[name, "leading_h"] == pytest.approx(hours, rel=1e-6)
            assert table.loc[name, "within_h"] == (1.0 if hours <= 1 else 5.0)
    inner = zones.reaches[zones.reaches["within_h"] == 1.0]
    farthest = (inner["distance_m"] + inner["length_m"]).max()
    at_one = 3600 / LEADING  # seconds of the peak
    c_part = network.reaches.loc["c", "length_m"] / 2
    u = {k: v * 2.2**0.34 for k, v in (("b", 0.5), ("c", 2.0))}
    assert farthest == pytest.approx(c_part + (at_one - c_part / u["c"]) * u["b"], rel=1e-4)
    with pytest.raises(AssessmentError, match="no intake"):
        intake_zones(network, "X", intakes)


# ---- what a user does wrong ------------------------------------------------------------------


def test_a_spill_far_from_every_river_is_refused():
    with pytest.raises(SnapError, match="over 3000 m"):
        trace_spill(river(), at(6, -8))
    near = trace_spill(river(), at(6, -1))
    assert near.notes[0] == "overland"
    assert "not timed" in near.explain("en")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"mass_kg": -1.0}, "mass_kg"),
        ({"duration_h": -0.1}, "duration_h"),
        ({"flow_ratio": (1, 0.5, 2)}, "flow_ratio"),
        ({"flow_ratio": "fast"}, "flow_ratio"),
        ({"step_h": 0.0}, "step_h"),
        ({"hours": 1e6}, "steps"),
        ({"velocity_m_s": 0.0}, "velocity_m_s"),
        ({"k_per_d": -1.0}, "k_per_d"),
    ],
)
def test_figures_that_cannot_be_are_named(options, word):
    with pytest.raises(NetworkError, match=word):
        spill_on(river(), **options)


def test_no_curve_without_a_mass_and_no_such_target():
    spill = spill_on(river())
    assert spill.arrivals["peak_mg_l"].isna().all()
    with pytest.raises(AssessmentError, match="mass_kg"):
        spill.curve("I-1")
    with pytest.raises(AssessmentError, match="I-1, "):
        spill.curve("I-9")


# ---- the sample ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def park(sample):
    return sample.spill((106.836064, 28.821996), mass_kg=5_000, duration_h=1, item="phenol",
                        name="示例关坝化工园区")  # fmt: skip


def test_a_spill_at_the_chemical_park_comes_to_the_intakes(park):
    early = park.arrivals[park.arrivals["case"].eq("fastest") & park.arrivals["kind"].eq("intake")]
    assert early["id"].tolist() == ["I-01", "I-04"]
    assert early["leading_h"].is_monotonic_increasing
    # what the network itself says by its velocities, at high flow, no gate
    hours = early["instant_h"].to_numpy() * 2.2**0.34
    assert hours == pytest.approx([13.2, 55.4], abs=0.2)
    for lang in ("zh", "en"):
        note = park.explain(lang)
        assert note.splitlines()[-1].rstrip("。.").endswith(CAVEAT[lang])
        assert "Jobson 1996" in note
        assert "I-01" in note
        assert "rivers.gpkg" in note
        assert not any("nan" in line or "None" in line for line in note.splitlines())
    assert len(park.to_frame("zh")) == park.arrivals["id"].nunique()
    assert "示例" in park._repr_html_()
    frame = park.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert set(frame["case"]) == {"low", "median", "high", "fastest"}


def test_project_takes_one_place(sample):
    with pytest.raises(ProjectError, match="2 places"):
        sample.spill((106.8, 28.8), outfall_id="P-011")
    with pytest.raises(ProjectError, match=r"no outfall 'P-0O1'\. Did you mean 'P-0"):
        sample.spill(outfall_id="P-0O1")
    with pytest.raises(ProjectError, match="no structure 'G-99'"):
        sample.spill(structure_id="G-99")
    by_outfall = sample.spill(outfall_id="P-011")
    assert by_outfall.start["name"].startswith("P-011")
    assert by_outfall.start["reach_id"] == "R080"
    assert sample.spill(structure_id="G-05").start["name"].startswith("G-05")


def test_command_writes_layers_and_json(tmp_path):
    out = tmp_path / "spill.gpkg"
    call = ["spill", "data/sample_layers", "--at", "106.836064,28.821996", "--mass", "5000"]
    done = CliRunner().invoke(main, [*call, "-o", str(out)])
    assert done.exit_code == 0, done.output
    layers = gpd.list_layers(out)["name"].tolist()
    assert {"arrivals", "reaches", "fronts"} <= set(layers)
    done = CliRunner().invoke(main, ["spill", "data/sample_layers", "--intake", "I-01", "--json"])
    assert done.exit_code == 0, done.output
    assert '"contents"' in done.stdout
    done = CliRunner().invoke(main, [*call, "--outfall", "P-011"])
    assert done.exit_code == 2
    assert "--outfall" in done.output
