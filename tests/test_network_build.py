"""From lines to a network: each repair on a drawn network, and what is never touched."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely import LineString, MultiLineString, Point
from shapely.geometry import Polygon

from basin.crs import length_m
from basin.errors import CrsError, NetworkError
from basin.network import RiverNetwork, issue_text
from network_drawings import LAT, LON, NORTH_M, STEP, at, draw, kinds

METRE = 1 / 110_830  # degrees of latitude


def up(network, start):
    return sorted(network.upstream(start))


def test_clean_lines_need_no_repair():
    r"""
    a(0,2)   b(2,2)
        \     /
         (1,1)
           | c
         (1,0)
    """
    network = RiverNetwork.from_lines(
        draw({"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    )
    assert network.issues.empty
    assert list(network.issues.columns) == [
        "issue_id", "kind", "severity", "reach_ids", "action", "distance_m", "rule", "confidence",
        "geometry",
    ]  # fmt: skip
    assert network.issues.crs.to_epsg() == network.reaches.crs.to_epsg() == 4490
    assert up(network, "c") == ["a", "b", "c"]
    assert network.reaches["topo_order"].to_list() == [0, 1, 2]
    assert network.reaches["length_m"]["c"] == pytest.approx(NORTH_M, abs=0.2)
    assert np.allclose(network.reaches["length_m"], length_m(network.reaches.geometry), atol=1e-4)


def test_any_crs_comes_out_in_4490():
    lines = draw({"a": [(0, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    there = RiverNetwork.from_lines(lines)
    for epsg in (4326, 4544, 32648, 3857):
        again = RiverNetwork.from_lines(lines.to_crs(epsg))
        assert up(again, "c") == ["a", "c"]
        assert np.allclose(again.reaches["length_m"], there.reaches["length_m"], atol=0.05)


def test_missing_crs_is_refused():
    with pytest.raises(CrsError, match="no coordinate reference system"):
        RiverNetwork.from_lines(gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])]))


def test_metres_declared_as_degrees_are_refused():
    lines = gpd.GeoDataFrame(
        {"reach_id": ["R7"]}, geometry=[LineString([(500_000, 3_200_000), (500_100, 3_200_000)])],
        crs=4490,
    )  # fmt: skip
    with pytest.raises(CrsError, match="lie outside the globe"):
        RiverNetwork.from_lines(lines)


def test_no_line_left():
    lines = gpd.GeoDataFrame({"reach_id": ["p"]}, geometry=[Point(106, 29)], crs=4490)
    with pytest.raises(NetworkError, match="no usable river line"):
        RiverNetwork.from_lines(lines)
    with pytest.raises(NetworkError, match="no usable river line"):
        RiverNetwork.from_lines(lines.iloc[:0])


def test_unusable_rows_are_set_aside_and_listed():
    good = draw({"a": [(0, 2), (1, 1)]})
    bad = gpd.GeoDataFrame(
        {"reach_id": ["none", "empty", "flat", "area", "ring"]},
        geometry=[
            None,
            LineString(),
            LineString([at(5, 5), at(5, 5)]),
            Polygon([at(3, 3), at(4, 3), at(4, 4)]),
            LineString([at(6, 6), at(7, 6), at(7, 7), at(6, 6)]),
        ],
        crs=4490,
    )
    network = RiverNetwork.from_lines(gpd.pd.concat([good, bad]))
    assert list(network.reaches.index) == ["a"]
    found = dict(zip(network.issues["reach_ids"], network.issues["rule"], strict=True))
    assert found == {
        "none": "null",
        "empty": "empty",
        "flat": "zero length",
        "area": "not a line",
        "ring": "closed",
    }
    with pytest.raises(NetworkError, match=r"ring.*set aside.*ring_set_aside"):
        network.upstream("ring")


def test_multilines_are_exploded_with_traced_ids():
    r"""m consists of two pieces, (0,2)-(1,1) and (3,2)-(1,1); c follows."""
    lines = draw({"m": [(0, 2), (1, 1)], "c": [(1, 1), (1, 0)]}, name={"m": "甲河", "c": "甲河"})
    two = MultiLineString([[at(0, 2), at(1, 1)], [at(3, 2), at(1, 1)]])
    lines.geometry = [two, lines.geometry[1]]
    network = RiverNetwork.from_lines(lines)
    assert up(network, "c") == ["c", "m.1", "m.2"]
    assert network.reaches["source_id"].to_dict() == {"m.1": "m", "m.2": "m", "c": "c"}
    with pytest.raises(
        NetworkError, match=r"unknown reach_id: ids m\. It was split into m\.1, m\.2"
    ):
        network.upstream("m")


def test_a_multiline_of_one_part_keeps_its_id():
    lines = draw({"m": [(0, 2), (1, 1)]})
    lines.geometry = [MultiLineString([lines.geometry[0]])]
    assert list(RiverNetwork.from_lines(lines).reaches.index) == ["m"]


def test_a_third_dimension_is_left_out():
    lines = draw({"a": [(0, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    lines.geometry = [
        LineString([(*p, 300.0 - k) for k, p in enumerate(g.coords)]) for g in lines.geometry
    ]
    network = RiverNetwork.from_lines(lines)
    assert not network.reaches.geometry.has_z.any()
    assert up(network, "c") == ["a", "c"]


def test_exact_and_reversed_copies_are_dropped():
    lines = draw({
        "a": [(0, 2), (1, 1)], "a2": [(0, 2), (1, 1)],
        "c": [(1, 1), (1, 0)], "c2": [(1, 0), (1, 1)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines)
    assert sorted(network.reaches.index) == ["a", "c"]
    assert kinds(network) == {"duplicate": ["a, a2", "c, c2"]}
    assert set(network.issues["rule"]) == {"exact", "reversed copy"}


def test_nearly_equal_copies_are_dropped_but_the_arms_of_a_braid_stay():
    r"""
    a    two arms l and r from (1,3) to (1,1); r2 is r, 30 cm off
    """
    lines = draw({
        "a": [(1, 4), (1, 3)], "l": [(1, 3), (0.5, 2), (1, 1)], "r": [(1, 3), (1.5, 2), (1, 1)],
        "r2": [(1, 3), (1.5 + 0.3 * METRE / STEP, 2), (1, 1)], "c": [(1, 1), (1, 0)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines)
    assert up(network, "c") == ["a", "c", "l", "r"]
    assert kinds(network) == {"duplicate": ["r, r2"]}
    assert network.graph.number_of_edges() == 4


def test_ids_missing_doubled_or_numbers():
    lines = draw({"x": [(0, 2), (1, 1)], "y": [(1, 1), (1, 0)], "z": [(4, 4), (5, 5)]})
    lines["reach_id"] = [7.0, 7.0, None]
    lines.index = ["p", "q", "r"]
    network = RiverNetwork.from_lines(lines)
    assert sorted(network.reaches.index) == ["7", "7#2", "r"]
    assert kinds(network)["duplicate_id"] == ["7#2"]
    again = RiverNetwork.from_lines(lines.iloc[::-1])
    assert again.reaches.geometry["7#2"].equals(network.reaches.geometry["7#2"])
    nameless = RiverNetwork.from_lines(lines.drop(columns="reach_id"))
    assert sorted(nameless.reaches.index) == ["p", "q", "r"]
    assert sorted(RiverNetwork.from_lines(lines.geometry).reaches.index) == ["p", "q", "r"]


def test_other_columns_travel_and_the_input_stays_as_it_was():
    lines = draw({"a": [(0, 2), (1, 1)], "c": [(1, 1), (1, 0)]}, width_m={"a": 7}, grade={"c": "x"})
    before = lines.copy(deep=True)
    reaches = RiverNetwork.from_lines(lines).reaches
    assert reaches["width_m"].to_list()[0] == 7
    assert np.isnan(reaches["velocity_m_s"]).all()
    assert reaches.loc["c", "grade"] == "x"
    assert_geodataframe_equal(lines, before)
    again = RiverNetwork.from_lines(reaches.reset_index()).reaches
    assert list(again.index) == list(reaches.index)
    assert again["strahler"].equals(reaches["strahler"])


# ---- gaps -------------------------------------------------------------------------------------


def gap(metres, *, to=(1, 0)):
    """A brook that stops short of (1,1), where a and c meet."""
    return draw({
        "a": [(0, 1), (1, 1)], "b": [(2, 2), (1, 1 + metres * METRE / STEP)], "c": [(1, 1), to],
    })  # fmt: skip


def test_gap_within_tolerance_is_closed_and_listed():
    network = RiverNetwork.from_lines(gap(20), snap_tolerance_m=30)
    assert up(network, "c") == ["a", "b", "c"]
    assert kinds(network) == {"gap_closed": ["b, a"]}
    issue = network.issues.iloc[0]
    assert issue["distance_m"] == pytest.approx(20, abs=0.1)
    assert issue["action"] == "applied"
    assert 0 < issue["confidence"] < 1
    # the drawn vertices stay; the gap is bridged by a new one
    assert len(network.reaches.geometry["b"].coords) == 3
    assert network.reaches.geometry["b"].coords[-1] == at(1, 1)


def test_gap_beyond_tolerance_is_proposed_not_applied():
    network = RiverNetwork.from_lines(gap(20), snap_tolerance_m=10)
    assert up(network, "c") == ["a", "c"]
    assert kinds(network) == {"gap_proposed proposed": ["b, a"], "isolated": ["b"]}
    assert network.issues["distance_m"].to_list() == pytest.approx([20, 20], abs=0.1)
    assert network.issues.iloc[1]["rule"] == "a"  # the nearest reach


def test_gap_far_beyond_tolerance_leaves_an_isolated_piece():
    network = RiverNetwork.from_lines(gap(80), snap_tolerance_m=10)
    assert kinds(network) == {"isolated": ["b"]}
    assert network.issues["distance_m"][0] == pytest.approx(80, abs=0.2)
    wide = RiverNetwork.from_lines(gap(80), snap_tolerance_m=10, propose_within_m=100)
    assert "gap_proposed proposed" in kinds(wide)


def test_a_float_hair_is_closed_by_default():
    network = RiverNetwork.from_lines(gap(0.02))
    assert up(network, "c") == ["a", "b", "c"]
    assert len(network.reaches.geometry["b"].coords) == 2  # the vertex itself moved


def test_ends_all_jittered_still_meet():
    rng = np.random.default_rng(5)
    lines = draw({
        "a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)], "d": [(1, 0), (2, -1)],
    })  # fmt: skip
    lines.geometry = [
        LineString(np.array(g.coords) + rng.uniform(-0.3, 0.3, (2, 2)) * METRE)
        for g in lines.geometry
    ]
    network = RiverNetwork.from_lines(lines)
    assert up(network, "d") == ["a", "b", "c", "d"]
    assert set(kinds(network)) == {"gap_closed"}


def test_a_short_reach_is_not_swallowed_by_the_tolerance():
    r"""
    a, b meet at (1,1); a reach s of 15 m leads to (1, 1-); e joins there; d leaves.
    """
    low = 1 - 15 * METRE / STEP
    network = RiverNetwork.from_lines(
        draw({
            "a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "s": [(1, 1), (1, low)],
            "e": [(0, 0), (1, low)], "d": [(1, low), (1, -1)],
        }),
        snap_tolerance_m=30,
    )  # fmt: skip
    assert network.issues.empty
    assert up(network, "s") == ["a", "b", "s"]


def test_springs_either_side_of_a_divide_are_not_joined():
    r"""
    a <- (1, 1)  10 m  (1+, 1) -> b
    """
    network = RiverNetwork.from_lines(
        draw({"a": [(1, 1), (0, 1)], "b": [(1 + 10 * METRE / STEP, 1), (2, 1)]}),
        snap_tolerance_m=30,
    )
    assert len(set(network.reaches["piece"])) == 2
    assert set(kinds(network)) == {"isolated"}


def test_piece_0_is_the_longest_and_not_listed():
    network = RiverNetwork.from_lines(draw({"short": [(0, 0), (1, 0)], "long": [(0, 5), (9, 5)]}))
    assert network.reaches["piece"].to_dict() == {"short": 1, "long": 0}
    assert kinds(network) == {"isolated": ["short"]}
    assert network.issues["distance_m"][0] == pytest.approx(5 * NORTH_M, rel=1e-3)


# ---- splitting --------------------------------------------------------------------------------


def test_a_line_past_its_confluences_is_split():
    r"""
         (1,2) b      (3,2) d
           |            |
    (0,1)--+------------+----(5,1)   r, one line without vertices there
    """
    network = RiverNetwork.from_lines(
        draw({"r": [(0, 1), (5, 1)], "b": [(1, 2), (1, 1)], "d": [(3, 2), (3, 1)]})
    )
    assert sorted(network.reaches.index) == ["b", "d", "r.1", "r.2", "r.3"]
    assert set(network.reaches.loc[["r.1", "r.2", "r.3"], "source_id"]) == {"r"}
    assert up(network, "r.3") == ["b", "d", "r.1", "r.2", "r.3"]
    assert up(network, "r.2") == ["b", "r.1", "r.2"]
    assert kinds(network)["split_at_confluence"] == ["r, b", "r, d"]
    whole = length_m(draw({"r": [(0, 1), (5, 1)]}).geometry)[0]
    parts = network.reaches["length_m"][["r.1", "r.2", "r.3"]].sum()
    assert parts == pytest.approx(whole, abs=1e-3)


def test_an_end_on_a_vertex_in_the_middle_splits_there():
    network = RiverNetwork.from_lines(draw({"r": [(0, 1), (1, 1), (5, 1)], "b": [(1, 2), (1, 1)]}))
    assert up(network, "r.2") == ["b", "r.1", "r.2"]
    assert len(network.reaches.geometry["r.1"].coords) == 2
    assert len(network.reaches.geometry["r.2"].coords) == 2


def test_an_end_short_of_the_middle_is_brought_to_it():
    short = 1 + 12 * METRE / STEP
    lines = draw({"r": [(0, 1), (5, 1)], "b": [(1, 2), (1, short)]})
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    assert up(network, "r.2") == ["b", "r.1", "r.2"]
    found = kinds(network)
    assert found == {"gap_closed": ["b, r"], "split_at_confluence": ["r, b"]}
    assert network.issues["distance_m"].max() == pytest.approx(12, abs=0.1)
    # the trunk keeps its course: the brook is drawn on
    assert network.reaches.geometry["r.1"].coords[-1][1] == pytest.approx(LAT + STEP, abs=1e-9)
    open_ = RiverNetwork.from_lines(lines, snap_tolerance_m=5)
    assert kinds(open_) == {"gap_proposed proposed": ["b, r"], "isolated": ["b"]}


def test_a_start_short_of_the_middle_is_proposed():
    """It may be a spring, or a parting that was not drawn through."""
    short = 1 + 12 * METRE / STEP
    lines = draw({"r": [(0, 1), (5, 1)], "b": [(1, short), (1, 2)]})
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    assert kinds(network) == {"gap_proposed proposed": ["b, r"], "isolated": ["b"]}
    assert network.issues["rule"][0] == "start near middle"


def test_the_middle_of_a_line_is_preferred_to_a_farther_end():
    r"""
    b ends 5 m above r; the end of another brook, x, lies 20 m east of it and 25 m above r
    """
    m = METRE / STEP
    lines = draw({
        "r": [(0, 1), (5, 1)], "b": [(1, 2), (1, 1 + 5 * m)],
        "x": [(1 + 20 * m, 1 + 25 * m), (2, 3)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=29)
    assert up(network, "r.2") == ["b", "r.1", "r.2"]
    assert "x" not in network.downstream("b", diversions=True)


def test_two_brooks_meeting_on_the_middle_of_a_line():
    network = RiverNetwork.from_lines(
        draw({"r": [(0, 1), (5, 1)], "b": [(1, 2), (2, 1)], "d": [(3, 2), (2, 1)]})
    )
    assert up(network, "r.2") == ["b", "d", "r.1", "r.2"]


def test_brooks_from_both_banks_half_a_metre_apart_share_one_split():
    off = 2 + 0.3 * METRE / STEP
    network = RiverNetwork.from_lines(
        draw({"r": [(0, 1), (5, 1)], "b": [(2, 2), (2, 1)], "d": [(2, 0), (off, 1)]})
    )
    assert sorted(network.reaches.index) == ["b", "d", "r.1", "r.2"]
    assert up(network, "r.2") == ["b", "d", "r.1", "r.2"]


def test_a_gap_beside_a_line_does_not_join_a_passing_confluence():
    """A confluence 20 m from another river's middle is no part of it."""
    near = 1 - 20 * METRE / STEP
    network = RiverNetwork.from_lines(
        draw({
            "r": [(0, 1), (5, 1)], "a": [(0, 0), (2, near)], "b": [(2, -1), (2, near)],
            "c": [(2, near), (4, -1)],
        }),
        snap_tolerance_m=30,
    )  # fmt: skip
    assert "r" in network.reaches.index
    assert set(kinds(network)) == {"isolated"}


def test_split_ids_never_collide():
    network = RiverNetwork.from_lines(
        draw({"r": [(0, 1), (5, 1)], "b": [(1, 2), (1, 1)], "r.1": [(9, 9), (10, 9)]})
    )
    assert sorted(network.reaches.index) == ["b", "r.1", "r.1+", "r.2"]


# ---- stated topology --------------------------------------------------------------------------


def test_stated_topology_agrees_closes_turns_and_disagrees():
    r"""
    a agrees with its line to c; b stops 40 m short of c; d is drawn upstream; e touches c but
    states x, far away
    """
    lines = draw(
        {
            "a": [(0, 2), (1, 1)],
            "b": [(2, 2), (1, 1 + 40 * METRE / STEP)],
            "c": [(1, 1), (1, 0)],
            "d": [(1, 1), (0, 1)],
            "e": [(2, 1), (1, 1)],
            "x": [(9, 9), (9, 8)],
        },
        to_id={"a": "c", "b": "c", "c": "0", "d": "c", "e": "x"},
    )
    network = RiverNetwork.from_lines(lines, to_id="to_id")
    assert up(network, "c") == ["a", "b", "c", "d", "e"]
    found = kinds(network)
    assert found["gap_closed"] == ["b, c"]
    assert found["reversed"] == ["d"]
    assert found["topology_conflict"] == ["e, x"]
    with pytest.raises(NetworkError, match="no column 'downstream'"):
        RiverNetwork.from_lines(lines, to_id="downstream")


def test_stated_targets_that_the_layer_does_not_hold_are_listed():
    lines = draw(
        {
            "a": [(0, 3), (0, 2)],
            "b": [(1, 3), (0, 2)],
            "c": [(0, 2), (0, 1)],
            "d": [(0, 1), (0, 0)],
        },
        to_id={"a": "c", "b": "C ", "c": "7", "d": "7"},
    )
    network = RiverNetwork.from_lines(lines, to_id="to_id")
    found = network.issues[network.issues["kind"] == "unknown_target"].set_index("rule")
    assert found["reach_ids"].to_dict() == {"7": "c, d", "C": "b"}
    assert set(found["action"]) == {"none"}
    assert "7 is not in the layer" in issue_text(found.reset_index().iloc[1], "en")
    assert "不在图层中" in network.explain()
    for none in ("0", "-1", "-9999", "", None):  # flows out of the layer
        lines["to_id"] = ["c", "c", "d", none]
        assert RiverNetwork.from_lines(lines, to_id="to_id").issues.empty
    by_number = lines.assign(reach_id=[1, 2, 3, 4], to_id=[3.0, 3.0, 9.0, np.nan])
    network = RiverNetwork.from_lines(by_number, to_id="to_id")
    assert kinds(network) == {"unknown_target": ["3"]}


# ---- the ledger -------------------------------------------------------------------------------


def test_row_order_changes_nothing():
    lines = draw({
        "a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1.001)], "c": [(1, 1), (1, 0)],
        "r": [(0, 0), (5, 0)], "dup": [(0, 2), (1, 1)], "rev": [(3, 0), (3, 1)],
    })  # fmt: skip
    first = RiverNetwork.from_lines(lines, snap_tolerance_m=30)
    for seed in range(5):
        mixed = RiverNetwork.from_lines(
            lines.sample(frac=1, random_state=seed), snap_tolerance_m=30
        )
        assert_geodataframe_equal(mixed.reaches, first.reaches)
        assert_geodataframe_equal(mixed.issues, first.issues)


def test_every_issue_has_a_sentence_and_a_place():
    network = RiverNetwork.from_lines(gap(20), snap_tolerance_m=10)
    for _, issue in network.issues.iterrows():
        assert issue["reach_ids"] in issue_text(issue, "en")
        assert issue["reach_ids"] in issue_text(issue, "zh")
        assert "nan" not in issue_text(issue, "en")
        assert issue.geometry is not None
    assert "河网：3 条河段" in network.explain()
    assert "3 reaches" in network.explain("en")
    assert "gap_proposed 1" in repr(network)
    assert "<table>" in network._repr_html_()


def test_names_are_escaped_in_a_notebook():
    lines = draw({"<b>x</b>": [(0, 2), (1, 1)], "y": [(5, 5), (6, 6)]})
    assert "<b>" not in RiverNetwork.from_lines(lines)._repr_html_()


def test_a_negative_tolerance_is_refused():
    with pytest.raises(NetworkError, match="snap_tolerance_m is -1"):
        RiverNetwork.from_lines(gap(0), snap_tolerance_m=-1)


def test_longitudes_west_are_welcome():
    lines = gpd.GeoDataFrame(
        {"reach_id": ["n"]}, geometry=[LineString([(-LON, LAT), (-LON + STEP, LAT)])], crs=4326
    )
    assert RiverNetwork.from_lines(lines).reaches["length_m"]["n"] == pytest.approx(975, abs=1)
