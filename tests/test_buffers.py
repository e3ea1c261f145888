"""Distances to shorelines, against a brute force that knows nothing of `basin`."""

from __future__ import annotations

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from basin import buffers
from basin.errors import CrsError, LayerError
from siting_world import DATE, TIP, out, shore, site, sites_at, wedge

GEOD = pyproj.Geod(ellps="GRS80")  # the oracle's own ellipsoid


def wander(rng, lon, lat, n, step):
    turn = np.cumsum(rng.normal(0, 0.45, n))
    x, y = lon + np.cumsum(np.cos(turn)) * step, lat + np.cumsum(np.sin(turn)) * step
    return shapely.LineString(np.column_stack([x, y]))


def brute_force(points, lines, spare=0.004):
    """Least Geod distance from each point to any edge, by golden section along every near edge."""
    edges = []
    for line in lines:
        xy = shapely.get_coordinates(shapely.segmentize(line, 0.01))
        edges.append(np.hstack([xy[:-1], xy[1:]]))
    e = np.vstack(edges)
    xy = shapely.get_coordinates(points)
    stretch = np.array([np.cos(np.radians(xy[:, 1].mean())), 1.0])
    centre, reach = (e[:, :2] + e[:, 2:]) / 2, np.hypot(*((e[:, 2:] - e[:, :2]) / 2).T)
    who, which = [], []
    for k, p in enumerate(xy):
        off = np.hypot(*((centre - p) * stretch).T)
        near = np.flatnonzero(off - reach <= off.min() * 1.02 + reach.max() + spare)
        who.append(np.full(len(near), k))
        which.append(near)
    who, e = np.concatenate(who), e[np.concatenate(which)]

    def far(t):
        at = e[:, :2] + t[:, None] * (e[:, 2:] - e[:, :2])
        return GEOD.inv(xy[who, 0], xy[who, 1], at[:, 0], at[:, 1])[2]

    low, high, ratio = np.zeros(len(who)), np.ones(len(who)), (np.sqrt(5) - 1) / 2
    for _ in range(38):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        left = far(a) < far(b)
        low, high = np.where(left, low, a), np.where(left, b, high)
    least = np.minimum(far((low + high) / 2), np.minimum(far(low * 0), far(low * 0 + 1)))
    return pd.Series(least).groupby(who).min().to_numpy()


def test_distance_agrees_with_brute_force_all_over_chongqing():
    rng = np.random.default_rng(20260331)
    lines = [
        wander(
            rng, rng.uniform(105, 110), rng.uniform(28.3, 32), 150, rng.choice([2e-4, 2e-3, 0.02])
        )
        for _ in range(40)
    ]  # steps of 20 m, 200 m and 2 km
    at = shapely.get_coordinates(lines)[rng.integers(0, 6000, 2000)]
    lon, lat, _ = GEOD.fwd(*at.T, rng.uniform(0, 360, 2000), rng.uniform(0, 9000, 2000))
    points = shapely.points(lon, lat)
    banks = shore(
        *(  # each of a river of its own: no two are the banks of one
            {"line_id": f"L{k}", "river": f"R{k}", "kind": "bank", "geometry": x}
            for k, x in enumerate(lines)
        )
    )
    found = buffers.shoreline_distance(sites_at(points), banks)
    assert found["site_id"].to_list() == [f"S{k}" for k in range(2000)]
    expected = brute_force(points, lines)
    assert (expected > 5000).sum() > 400
    np.testing.assert_allclose(found["distance_m"], expected, rtol=0, atol=0.001)
    back = GEOD.inv(*found[["site_lon", "site_lat", "line_lon", "line_lat"]].to_numpy().T)[2]
    np.testing.assert_allclose(back, found["distance_m"], rtol=0, atol=1e-6)


def test_a_polygon_is_measured_from_its_nearest_point():
    """Apart, two outlines are nearest at a corner of one of them: each is tried against both."""
    rng = np.random.default_rng(7)
    plots, banks, expected = [], [], []
    for k in range(40):
        lon, lat = 105.2 + 0.12 * k, rng.uniform(28.5, 31.5)
        bank = wander(rng, lon, lat, 12, 0.006)
        edge = shapely.get_coordinates(bank)[rng.integers(0, 12)]
        x, y, _ = GEOD.fwd(*edge, rng.uniform(0, 360), rng.uniform(2500, 6000))
        size, turn = rng.uniform(0.003, 0.02), rng.uniform(0, 3)
        round_ = turn + np.array([0, 1, 2.5, 4])
        corners = np.column_stack([x + size * np.cos(round_), y + size * np.sin(round_)])
        plots.append(shapely.Polygon(corners))
        banks.append(bank)
        ends = [shapely.points(shapely.get_coordinates(shape)) for shape in (plots[-1], bank)]
        from_site = brute_force(ends[0], [bank]).min()
        expected.append(min(from_site, brute_force(ends[1], [plots[-1].exterior]).min()))
    rows = [{"line_id": f"L{k}", "kind": "bank", "geometry": b} for k, b in enumerate(banks)]
    found = buffers.shoreline_distance(
        sites_at(plots), shore(*rows), by=("line_id",), within_m=20_000.0
    )
    own = found[found["line_id"].str[1:] == found["site_id"].str[1:]]
    assert own["site_id"].to_list() == [f"S{k}" for k in range(40)]
    apart = np.array([shapely.disjoint(a, b) for a, b in zip(plots, banks, strict=True)])
    assert apart.sum() > 30
    metres = own["distance_m"].to_numpy()
    np.testing.assert_allclose(metres[apart], np.array(expected)[apart], atol=0.001)
    assert (metres[~apart] == 0).all()


def test_far_distances_are_exact_too():
    rng = np.random.default_rng(3)
    lines = [wander(rng, 106, 29, 30, 0.02)]
    points = shapely.points(rng.uniform(85, 125, 60), rng.uniform(22, 45, 60))
    found = buffers.shoreline_distance(
        sites_at(points), shore({"kind": "bank", "geometry": lines[0]})
    )
    expected = brute_force(points, lines, spare=99)
    np.testing.assert_allclose(found["distance_m"], expected, rtol=0, atol=0.01)


def test_within_finds_what_nearest_finds():
    rng = np.random.default_rng(11)
    rows = [
        {
            "line_id": f"L{k}",
            "kind": "bank",
            "river_class": c,
            "geometry": wander(rng, *xy, 90, 1e-3),
        }
        for k, (c, *xy) in enumerate(
            [("main_stem", 106, 29), ("tributary", 106.05, 29.02), ("tributary", 105.9, 28.98)]
        )
    ]
    points = sites_at(shapely.points(rng.uniform(105.8, 106.2, 300), rng.uniform(28.9, 29.1, 300)))
    nearest = buffers.shoreline_distance(points, shore(*rows))
    near = buffers.shoreline_distance(points, shore(*rows), within_m=3000)
    kept = nearest[nearest["distance_m"] <= 3000].reset_index(drop=True)
    assert 50 < len(kept) < len(nearest)
    pd.testing.assert_frame_equal(near, kept)


def test_yes_or_no_is_what_the_distances_say():
    """Points, a park around a brook, an island, a place in the river, one without geometry."""
    rng = np.random.default_rng(12)
    shapes = list(shapely.points(rng.uniform([105.8, 28.9], [106.2, 29.1], (200, 2))))
    shapes += [shapely.box(105.6, 28.6, 106.0, 28.8), shapely.Point(106.6, 29.1), None]
    shapes += [shapely.Point(107.0, 29.0), shapely.Point(107.0, 29.15)]
    ring = shapely.box(106.5, 29.0, 106.7, 29.2) - shapely.box(106.55, 29.05, 106.65, 29.15)
    banks = [shapely.LineString([(106.5, y), (107.5, y)]) for y in (28.98, 29.02)]
    brook = shapely.LineString([(105.7, 28.7), (105.9, 28.71)])
    rows = [
        {"line_id": "a", "kind": "bank", "geometry": wander(rng, 106, 29, 90, 1e-3)},
        {"line_id": "b", "kind": "bank", "geometry": wander(rng, 105.9, 28.95, 90, 1e-3)},
        {"line_id": "brook", "kind": "centreline", "width_m": 9.0, "geometry": brook},
        {"line_id": "island", "geometry": ring},
    ]
    rows += [{"line_id": f"bank {k}", "river": "wide", "kind": "bank", "geometry": line}
             for k, line in enumerate(banks)]  # fmt: skip
    places, lines = sites_at(shapes), shore(*rows)
    places.index = [f"row {k}" for k in range(len(places))]
    for limit in (0.0, 1_000.0, 3_000.0):
        near = buffers.shoreline_distance(places, lines, by=("kind",), within_m=limit)
        found = buffers.within_shoreline(places, lines, limit)
        assert found.index.equals(places.index)
        said = places["site_id"].isin(near["site_id"]).to_numpy()
        np.testing.assert_array_equal(found.to_numpy(), said)
        assert found.to_numpy()[-5:].tolist() == [True, True, False, True, False], limit
    assert 20 < found.sum() < 180
    assert not buffers.within_shoreline(places, lines.iloc[:0], 1_000.0).any()


def test_known_distances_from_a_tip():
    table = sites_at([out(996), out(1000), out(1003), out(-400)])
    found = buffers.shoreline_distance(table, shore())
    np.testing.assert_allclose(found["distance_m"], [996, 1000, 1003, 0], atol=1e-4)
    assert found["inside_m"].isna().to_list() == [True, True, True, False]
    # 400 m in from the tip of a wedge: the depth is to the nearer slanting side
    deep = brute_force(np.array([out(-400)]), [wedge().exterior])[0]
    assert found["inside_m"].iloc[3] == pytest.approx(deep, abs=1e-3)
    assert found["error_m"].to_list() == pytest.approx([2**0.5] * 4)


def test_an_island_counts_as_inside():
    ring = shapely.box(106.0, 29.0, 106.2, 29.2).difference(
        shapely.box(106.05, 29.05, 106.15, 29.15)
    )
    found = buffers.shoreline_distance(site(shapely.Point(106.1, 29.1)), shore({"geometry": ring}))
    assert found["distance_m"].item() == 0
    assert found["inside_m"].item() > 9000  # to the outer edge: the island is filled


def test_a_plot_that_straddles_a_brook_is_at_distance_zero():
    brook = shapely.LineString([(106.0, 29.0), (106.2, 29.0)])
    plot = shapely.box(106.09, 28.99, 106.11, 29.02)
    found = buffers.shoreline_distance(site(plot), shore({"kind": "bank", "geometry": brook}))
    assert found["distance_m"].item() == 0


def test_a_brook_wholly_within_a_park_is_at_distance_zero():
    """Far from the park's outline: the distance between the outlines says nothing."""
    brook = shapely.LineString([(106.09, 29.05), (106.11, 29.05)])
    park = shapely.box(106.0, 29.0, 106.2, 29.1)
    rows = [
        {"line_id": "bank", "kind": "bank", "geometry": brook},
        {"line_id": "centre", "kind": "centreline", "width_m": 8.0, "geometry": brook},
        {"line_id": "range", "geometry": brook.buffer(0.001)},
    ]
    found = buffers.shoreline_distance(site(park), shore(*rows), by=("line_id",))
    assert found["distance_m"].to_list() == [0, 0, 0]
    near = buffers.shoreline_distance(site(park), shore(*rows), by=("line_id",), within_m=100)
    pd.testing.assert_frame_equal(near, found)


def test_a_polygon_that_cuts_a_range_through_without_a_corner_in_it():
    """A narrow bridge over a narrow range: no corner of either lies in the other."""
    water = shapely.box(106.0, 29.0, 106.2, 29.001)
    bridge = shapely.box(106.1, 28.9, 106.1005, 29.1)
    found = buffers.shoreline_distance(site(bridge), shore({"geometry": water}))
    assert found["distance_m"].item() == 0
    assert found["line_lon"].notna().all()


def test_half_the_width_is_taken_off_a_centre_line():
    line = shapely.LineString([(TIP[0], 29.3), (TIP[0], 29.7)])
    row = {"kind": "centreline", "width_m": 80.0, "accuracy_m": 30.0, "geometry": line}
    found = buffers.shoreline_distance(sites_at([out(1000), out(30)]), shore(row))
    assert found["distance_m"].to_list() == pytest.approx([960, 0], abs=0.01)
    assert found["indicative"].all()
    assert found["inside_m"].to_list()[1] == pytest.approx(10, abs=0.01)
    assert found["error_m"].iloc[0] == pytest.approx((1 + 900 + 1600) ** 0.5)
    foot = GEOD.inv(TIP[0], 29.5, *found.loc[0, ["line_lon", "line_lat"]])[2]
    assert foot == pytest.approx(40, abs=0.01)


def test_a_centre_line_without_width_is_the_less_certain_the_larger_the_river():
    rows = [{"kind": "centreline", "river_class": c} for c in ("main_stem", "tributary", "?")]
    assert buffers.line_errors(shore(*rows)).round().tolist() == [500, 100, 500]


def test_a_wide_river_may_be_nearer_than_a_nearer_centre_line():
    near = shapely.LineString([(106.010, 28.9), (106.010, 29.1)])
    wide = shapely.LineString([(106.012, 28.9), (106.012, 29.1)])
    rows = [
        {"line_id": "brook", "kind": "centreline", "width_m": 4.0, "geometry": near},
        {"line_id": "river", "kind": "centreline", "width_m": 600.0, "geometry": wide},
    ]
    found = buffers.shoreline_distance(site(shapely.Point(106.0, 29.0)), shore(*rows))
    assert found["line_id"].item() == "river"


def test_missing_accuracies_are_replaced_by_the_stated_defaults():
    found = buffers.shoreline_distance(
        site(out(500), accuracy_m=None), shore({"accuracy_m": np.nan})
    )
    assert found["error_m"].item() == pytest.approx((5**2 + 30**2) ** 0.5)


def test_sites_without_geometry_have_no_row_and_keep_nothing_else_back():
    table = sites_at([None, out(500), shapely.Point()])
    found = buffers.shoreline_distance(table, shore())
    assert found["site_id"].to_list() == ["S1"]


def test_no_shorelines_no_rows():
    empty = shore().iloc[:0]
    assert buffers.shoreline_distance(site(out(5)), empty).empty
    assert buffers.base_lines(empty, DATE).empty
    assert buffers.shoreline_band(empty, 1000).empty


def test_a_crs_is_never_guessed():
    with pytest.raises(CrsError, match="sites"):
        buffers.shoreline_distance(site(out(5)).set_crs(None, allow_override=True), shore())


# ---- nothing changes what does not change the facts -------------------------------------------


@pytest.fixture(scope="module")
def rivers():
    rng = np.random.default_rng(5)
    rows = [
        {"line_id": f"L{k}", "kind": "bank", "river": f"河{k % 3}", "river_class": "tributary",
         "geometry": wander(rng, 106.4 + 0.05 * k, 29 + 0.03 * k, 60, 1e-3)}
        for k in range(6)
    ]  # fmt: skip
    points = shapely.points(rng.uniform(106.3, 106.8, 80), rng.uniform(28.9, 29.3, 80))
    return sites_at(points), shore(*rows)


def distances(points, lines, **options):
    found = buffers.shoreline_distance(points, lines, **options)
    return found.sort_values("site_id")["distance_m"].to_numpy()


@pytest.mark.parametrize("epsg", [4544, 4545, 4546, 4326])
def test_the_crs_of_the_layers_changes_nothing(rivers, epsg):
    points, lines = rivers
    moved = distances(points.to_crs(epsg), lines.to_crs(epsg))
    np.testing.assert_allclose(moved, distances(points, lines), atol=0.01)


def test_row_order_density_and_splitting_change_nothing(rivers):
    points, lines = rivers
    found = distances(points, lines)
    np.testing.assert_array_equal(distances(points, lines.iloc[::-1]), found)
    np.testing.assert_array_equal(distances(points.iloc[::-1], lines), found)
    dense = lines.set_geometry(lines.geometry.segmentize(7e-5))
    np.testing.assert_allclose(distances(points, dense), found, atol=1e-6)
    pieces = []
    for line in lines.geometry:
        xy = shapely.get_coordinates(line)
        pieces += [shapely.LineString(xy[a : a + 2]) for a in range(len(xy) - 1)]
    split = lines.iloc[np.repeat(range(6), 59)].set_geometry(pieces, crs=4490)
    np.testing.assert_allclose(distances(points, split), found, atol=1e-6)
    whole = lines.dissolve("river_class").reset_index()
    np.testing.assert_allclose(distances(points, whole), found, atol=1e-6)


def test_inputs_are_left_as_they_were(rivers):
    points, lines = rivers
    before = points.copy(), lines.copy()
    buffers.shoreline_distance(points, lines)
    buffers.base_lines(lines, DATE)
    buffers.shoreline_band(lines, 1000)
    gpd.testing.assert_geodataframe_equal(points, before[0])
    gpd.testing.assert_geodataframe_equal(lines, before[1])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_larger_site_is_never_farther(data):
    at = st.floats(-0.05, 0.05).map(lambda v: round(v, 6))
    line = shapely.LineString([(106.5 + data.draw(at), 29.5 + data.draw(at)) for _ in range(4)])
    if line.length == 0:
        return
    spot = shapely.Point(106.5 + data.draw(at), 29.5 + data.draw(at))
    grown = [spot, spot.buffer(0.003), spot.buffer(0.02)]
    found = distances(sites_at(grown), shore({"kind": "bank", "geometry": line}))
    assert found[0] + 1e-3 >= found[1]
    assert found[1] + 1e-3 >= found[2]


# ---- which line counts ------------------------------------------------------------------------


def test_the_edition_in_force_on_the_date_counts_both_ends_included():
    rows = [
        {"line_id": "old", "valid_from": "2019-06-01", "valid_to": "2023-06-30"},
        {"line_id": "new", "valid_from": "2023-07-01"},
    ]
    ids = lambda date: buffers.base_lines(shore(*rows), date)["line_id"].to_list()  # noqa: E731
    assert ids("2019-05-31") == []
    assert ids("2019-06-01") == ids("2023-06-30") == ["old"]
    assert ids("2023-07-01") == ids(DATE) == ["new"]


def test_a_date_that_is_none_is_told():
    with pytest.raises(LayerError, match="valid_from"):
        buffers.in_force(pd.DataFrame({"valid_from": ["去年"]}), DATE)


def test_the_best_kind_of_each_river_counts():
    line = shapely.LineString([(TIP[0] - 0.05, TIP[1]), TIP])
    rows = [
        {"line_id": "bank", "kind": "bank", "geometry": line},
        {"line_id": "range", "kind": "management_range"},
        {"line_id": "other", "river": "綦江", "kind": "centreline", "geometry": line},
    ]
    assert buffers.base_lines(shore(*rows), DATE)["line_id"].to_list() == ["range", "other"]


def test_a_lesser_line_is_kept_where_no_better_one_is_drawn():
    """The range covers one reach; the centre line goes on beyond it and still counts there."""
    centre = shapely.LineString([(TIP[0] - 0.05, TIP[1]), TIP, (TIP[0] + 0.1, TIP[1])])
    rows = [
        {"line_id": "range"},
        {"line_id": "centre", "kind": "centreline", "width_m": 20.0, "geometry": centre},
    ]
    base = buffers.base_lines(shore(*rows), DATE)
    assert base["line_id"].to_list() == ["range", "centre"]
    assert base["remainder"].to_list() == [False, True]
    assert base.geometry.iloc[1].length == pytest.approx(0.1, abs=1e-6)


def test_rivers_whose_lines_are_all_lapsed_are_listed():
    rows = [
        {"line_id": "A", "river": "甲", "valid_to": "2020-01-01"},
        {"line_id": "B", "river": "乙", "valid_from": "2030-01-01"},
        {"line_id": "C", "river": "丙", "geometry": None},
        {"line_id": "D1", "river": "丁", "valid_to": "2020-01-01"},
        {"line_id": "D2", "river": "丁"},
    ]
    lapsed = buffers.lapsed_rivers(shore(*rows), DATE).set_index("river")
    assert lapsed["reason"].to_dict() == {"甲": "expired", "乙": "not_yet", "丙": "no_geometry"}
    assert lapsed.loc["甲", "line_ids"] == "A"


# ---- bands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1000.0, 5000.0])
def test_a_band_is_drawn_to_a_tenth_of_a_metre(limit):
    rng = np.random.default_rng(2)
    banks = shore({"kind": "bank", "geometry": wander(rng, 109.4, 29.5, 120, 2e-3)})
    band = buffers.shoreline_band(banks, limit)
    assert band["limit_m"].item() == limit
    assert band.crs.to_epsg() == 4490
    edge = band.geometry.item().boundary
    share = np.linspace(0, 1, 1500)
    points = shapely.line_interpolate_point(shapely.line_merge(edge), share, normalized=True)
    found = buffers.shoreline_distance(sites_at(points), banks)["distance_m"].to_numpy()
    assert found.min() > limit - 0.1
    # at inner corners GEOS draws up to some decimetres too far out: for drawing only
    assert np.quantile(found, 0.95) < limit + 0.1
    assert found.max() < limit + 1.0


def test_a_band_holds_the_range_and_its_island():
    ring = wedge().buffer(0.005).difference(shapely.Point(TIP[0] - 0.03, TIP[1]).buffer(0.002))
    band = buffers.shoreline_band(shore({"geometry": ring}), 1000.0).geometry.item()
    assert len(band.interiors) == 0
    assert band.covers(shapely.Point(TIP[0] - 0.03, TIP[1]))


def test_a_wider_band_covers_a_narrower_one(rivers):
    one, five = (buffers.shoreline_band(rivers[1], m).geometry.item() for m in (1000.0, 5000.0))
    assert five.covers(one)
