"""Zones: overlaps and areas by hand, edges within the error, coverage, and district sums."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from basin import zones
from siting_world import DATE, TIP, covered, out, site, sites_at, wedge, zone

GEOD = pyproj.Geod(ellps="GRS80")


def square(lon, lat, metres):
    """A square of so many metres, its south-west corner at a place."""
    east, _, _ = GEOD.fwd(lon, lat, 90, metres)
    _, north, _ = GEOD.fwd(lon, lat, 0, metres)
    return shapely.box(lon, lat, east, north)


def area(shape):
    return abs(GEOD.geometry_area_perimeter(shapely.segmentize(shape, 0.01))[0])


def test_a_polygon_half_inside():
    plot = shapely.box(106.09, 29.0, 106.11, 29.02)
    ground = zone({"geometry": shapely.box(106.0, 28.9, 106.1, 29.1)})
    found = zones.overlay_zones(site(plot), ground).iloc[0]
    assert found["share"] == pytest.approx(0.5, abs=1e-6)
    half = shapely.box(106.09, 29.0, 106.10, 29.02)
    assert found["overlap_m2"] == pytest.approx(area(half), rel=1e-6)
    assert (found["distance_m"], found["sliver"]) == (0.0, False)


def test_points_and_lines_have_a_share_but_no_area():
    ground = zone({"geometry": shapely.box(106.0, 28.9, 106.1, 29.1)})
    road = shapely.LineString([(106.05, 29.0), (106.25, 29.0)])
    found = zones.overlay_zones(sites_at([shapely.Point(106.05, 29), road]), ground)
    assert found["share"].to_list() == pytest.approx([1.0, 0.25], abs=1e-4)
    assert found["overlap_m2"].to_list() == [0, 0]


def test_the_nearest_zone_of_each_kind_and_grade_at_any_distance():
    rows = [
        {"zone_id": "core", "grade": "core"},
        {"zone_id": "other", "grade": "other", "geometry": wedge((TIP[0] - 0.3, TIP[1]))},
        {"zone_id": "park", "kind": "industrial_park", "grade": "chemical"},
    ]
    found = zones.overlay_zones(site(out(250)), zone(*rows)).set_index("zone_id")
    assert found.loc["core", "distance_m"] == pytest.approx(250, abs=1e-4)
    assert found.loc["park", "distance_m"] == pytest.approx(250, abs=1e-4)
    beyond = GEOD.inv(TIP[0] - 0.3, TIP[1], *shapely.get_coordinates(out(250))[0])[2]
    assert found.loc["other", "distance_m"] == pytest.approx(beyond, abs=1e-3)


def test_within_lists_what_is_touched_or_near_and_no_more():
    rows = [{"zone_id": "near"}, {"zone_id": "far", "geometry": wedge((TIP[0] - 0.3, TIP[1]))}]
    found = zones.overlay_zones(site(out(250)), zone(*rows), within_m=300.0)
    assert found["zone_id"].to_list() == ["near"]
    assert zones.overlay_zones(site(out(250)), zone(*rows), within_m=200.0).empty


def test_a_hole_is_outside():
    ring = shapely.box(106.0, 29.0, 106.2, 29.2) - shapely.box(106.05, 29.05, 106.15, 29.15)
    found = zones.overlay_zones(site(shapely.Point(106.1, 29.1)), zone({"geometry": ring}))
    assert found["share"].item() == 0
    assert found["distance_m"].item() > 4000


@pytest.mark.parametrize(
    ("depth", "accuracy", "sliver"),
    [(5, 10.0, True), (40, 10.0, False), (40, 60.0, True), (40, np.nan, False), (25, np.nan, True)],
)
def test_an_overlap_within_both_errors_is_a_sliver(depth, accuracy, sliver):
    """A plot whose south edge lies so deep in a zone; a zone that states no accuracy has 30 m."""
    north = GEOD.fwd(106.05, 29.1, 180, depth)[1]
    plot = shapely.box(106.04, north, 106.06, 29.12)
    ground = zone({"geometry": shapely.box(106.0, 29.0, 106.1, 29.1), "accuracy_m": accuracy})
    assert zones.overlay_zones(site(plot), ground)["sliver"].item() == sliver


def test_a_narrow_road_deep_in_a_zone_is_no_sliver():
    road = shapely.box(106.04, 29.05, 106.06, 29.05002)
    ground = zone({"geometry": shapely.box(106.0, 29.0, 106.1, 29.1)})
    assert not zones.overlay_zones(site(road), ground)["sliver"].item()


def test_a_small_zone_within_a_large_site_is_no_sliver():
    """The spring lies surely in the park, however roughly it is drawn."""
    spring = square(106.05, 29.05, 8.0)
    park = shapely.box(106.0, 29.0, 106.1, 29.1)
    assert not zones.overlay_zones(site(park), zone({"geometry": spring}))["sliver"].item()


def test_a_point_inside_within_the_error_of_the_edge_is_a_sliver():
    ground = zone({"geometry": shapely.box(106.0, 29.0, 106.1, 29.1)})
    points = [GEOD.fwd(106.05, 29.1, 180, d)[:2] for d in (8, 12)]
    found = zones.overlay_zones(sites_at(shapely.points(points)), ground)
    assert found["sliver"].to_list() == [True, False]


def test_a_seam_between_two_zones_is_no_edge():
    ground = zone(
        {"zone_id": "west", "geometry": shapely.box(106.0, 29.0, 106.1, 29.1)},
        {"zone_id": "east", "geometry": shapely.box(106.1, 29.0, 106.2, 29.1)},
    )
    place = sites_at([shapely.Point(106.10001, 29.05), shapely.Point(106.1, 29.09998)])
    pairs = pd.DataFrame({"site": [0, 0, 1, 1], "zone": [0, 1, 0, 1], "error_m": 10.0})
    found = zones.inside_together(place, ground, pairs)
    assert found.to_dict("list") == {"whole": [2, 1], "any": [2, 1]}


def test_only_zones_in_force_on_the_date():
    rows = [
        {"zone_id": "old", "valid_to": "2021-05-31"},
        {"zone_id": "new", "valid_from": "2021-06-01"},
    ]
    found = zones.overlay_zones(site(out(-900)), zone(*rows), date="2021-05-31")
    assert found["zone_id"].to_list() == ["old"]
    both = zones.overlay_zones(site(out(-900)), zone(*rows))
    assert both["zone_id"].to_list() == ["new", "old"]


def test_bow_ties_and_missing_shapes_do_no_harm():
    bow = shapely.Polygon([(106.0, 29.0), (106.1, 29.1), (106.1, 29.0), (106.0, 29.1)])
    table = sites_at([shapely.Point(106.02, 29.05), None, shapely.Polygon()])
    found = zones.overlay_zones(
        table, zone({"geometry": bow}, {"zone_id": "none", "geometry": None})
    )
    assert found["site_id"].to_list() == ["S0"]
    assert found["share"].item() == 1
    assert zones.overlay_zones(table, zone().iloc[:0]).empty


def test_row_order_and_crs_change_nothing():
    rng = np.random.default_rng(1)
    spots = np.array(TIP) + rng.uniform(-0.1, 0.1, (8, 2))
    rows = [
        {"zone_id": f"Z{k}", "kind": ("red_line", "wetland")[k % 2], "geometry": spot.buffer(0.03)}
        for k, spot in enumerate(shapely.points(spots))
    ]
    points = sites_at(shapely.points(np.array(TIP) + rng.uniform(-0.15, 0.15, (60, 2))))
    found = zones.overlay_zones(points, zone(*rows), within_m=2000)
    turned = zones.overlay_zones(points, zone(*rows[::-1]), within_m=2000)
    pd.testing.assert_frame_equal(found.drop(columns="zone_row"), turned.drop(columns="zone_row"))
    moved = zones.overlay_zones(points.to_crs(4545), zone(*rows).to_crs(4544), within_m=2000)
    np.testing.assert_allclose(moved["distance_m"], found["distance_m"], atol=0.01)


# ---- coverage ---------------------------------------------------------------------------------


def test_coverage_must_hold_all_that_the_rule_looks_at():
    box = shapely.box(106.0, 29.0, 106.2, 29.2)
    inside = shapely.Point(GEOD.fwd(106.2, 29.1, 270, 600)[:2])
    plot = shapely.box(106.19, 29.1, 106.21, 29.11)
    table = sites_at([inside, plot, None])
    at_0 = zones.zone_coverage(table, covered(box=box), kinds=["red_line"])["red_line"]
    at_599, at_601 = (
        zones.zone_coverage(table, covered(box=box), kinds=["red_line"], reach_m=m)["red_line"]
        for m in (599.0, 601.0)
    )
    assert at_0.to_list() == [True, False, False]
    assert (at_599["S0"], at_601["S0"]) == (True, False)


def test_coverage_is_told_by_kind_and_layer():
    table = covered(without=("wetland", "shorelines"))
    found = zones.zone_coverage(site(out(5)), table)
    assert not found[["wetland", "shorelines"]].any(axis=None)
    assert found.drop(columns=["wetland", "shorelines"]).all(axis=None)
    all_zones = table.iloc[:1].assign(kind="")
    assert zones.zone_coverage(site(out(5)), all_zones, kinds=["wetland"]).all(axis=None)
    assert not zones.zone_coverage(site(out(5)), all_zones, kinds=["shorelines"]).any(axis=None)


def test_coverage_that_expired_covers_nothing():
    table = covered().assign(valid_to=pd.Timestamp("2025-12-31"))
    assert not zones.zone_coverage(site(out(5)), table, date=DATE).any(axis=None)


def test_the_seam_between_two_districts_is_closed():
    west, east = shapely.box(106.0, 29.0, 106.1, 29.1), shapely.box(106.100004, 29.0, 106.2, 29.1)
    table = pd.concat([covered(box=west), covered(box=east)], ignore_index=True)
    plot = shapely.box(106.09, 29.04, 106.11, 29.05)
    assert zones.zone_coverage(site(plot), table, kinds=["wetland"], reach_m=500).all(axis=None)


# ---- statistics -------------------------------------------------------------------------------


def test_areas_by_district_count_each_piece_of_ground_once():
    rows = [
        {"zone_id": "A", "geometry": shapely.box(106.0, 29.0, 106.1, 29.1)},
        {"zone_id": "B", "geometry": shapely.box(106.05, 29.0, 106.1, 29.1)},  # lies in A
        {"zone_id": "C", "grade": "other", "geometry": shapely.box(106.1, 29.0, 106.2, 29.1)},
    ]
    halves = [shapely.box(106.0, 29.0, 106.1, 29.2), shapely.box(106.1, 29.0, 106.2, 29.2)]
    districts = gpd.GeoDataFrame(
        {"id": ["D1", "D2"], "name": ["甲", "乙"]}, geometry=halves, crs=4490
    )
    found = zones.zone_areas(zone(*rows), districts)
    assert found[["district_id", "grade", "n_zones"]].to_numpy().tolist() == [
        ["D1", "core", 2],
        ["D2", "other", 1],
    ]
    first = found.iloc[0]
    assert first["area_m2"] == pytest.approx(area(rows[0]["geometry"]), rel=1e-6)
    assert first["overlap_m2"] == pytest.approx(area(rows[1]["geometry"]), rel=1e-6)
    # a little over half: a degree of longitude shrinks northwards
    assert first["share"] == pytest.approx(area(rows[0]["geometry"]) / area(halves[0]), rel=1e-6)
