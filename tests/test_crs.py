"""Coordinate systems: what is refused, and measures against pyproj.Geod itself."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyproj
import pytest
from shapely import LineString, MultiLineString, Point, Polygon, box

from basin.crs import (
    EXCHANGE_CRS,
    area_m2,
    from_web_map,
    length_m,
    local_metric_crs,
    to_exchange,
    to_web_map,
    web_map_of,
)
from basin.errors import CrsError

GRS80 = pyproj.Geod(ellps="GRS80")


def points(*coords: tuple[float, float], crs: object = 4490) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"id": range(len(coords))}, geometry=[Point(c) for c in coords], crs=crs
    )


def test_to_exchange_of_a_three_degree_zone_is_within_a_millimetre():
    # 106.65 E, 29.03 N in CM 108E, by hand from pyproj with the axes in east, north order
    east, north = pyproj.Transformer.from_crs(4490, 4545, always_xy=True).transform(106.65, 29.03)
    back = to_exchange(points((east, north), crs=4545))
    assert back.crs == EXCHANGE_CRS
    assert back.geometry.iloc[0].distance(Point(106.65, 29.03)) < 1e-8


def test_to_exchange_missing_crs():
    with pytest.raises(CrsError, match=r"'outfalls' has no coordinate reference system.*EPSG:4490"):
        to_exchange(points((106, 29), crs=None), layer="outfalls")


@pytest.mark.parametrize("epsg", [4214, 4610, 2435, 2382])
def test_to_exchange_refuses_old_datums(epsg: int):
    """PROJ would pass Beijing 1954 and Xian 1980 through unchanged, tens of metres off."""
    with pytest.raises(CrsError, match="local parameters"):
        to_exchange(points((106, 29), crs=epsg))


ESRI_XIAN = (
    'PROJCS["Xian_1980_3_Degree_GK_Zone_36",GEOGCS["GCS_Xian_1980",DATUM["D_Xian_1980",'
    'SPHEROID["Xian_1980",6378140.0,298.257]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],'
    'PARAMETER["False_Easting",36500000.0],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",108.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.parametrize(
    "crs",
    [ESRI_XIAN, "+proj=tmerc +lon_0=106.5 +x_0=500000 +ellps=krass", 2401, 2442, 2327, 2390, 21418],
)
def test_to_exchange_refuses_an_old_datum_by_any_name(crs):
    with pytest.raises(CrsError, match=r"local parameters.*\+towgs84"):
        to_exchange(points((36_400_000, 3_210_000), crs=crs))


def test_to_exchange_of_an_old_datum_with_its_parameters():
    """Three parameters are a shift of the earth-centred axes: done by hand here."""
    place, shift = (106.65, 29.03, 0.0), np.array([-100.0, 50.0, 20.0])
    axes = pyproj.Transformer.from_pipeline("+proj=cart +ellps=krass")
    back = pyproj.Transformer.from_pipeline("+inv +proj=cart +ellps=GRS80")
    lon, lat, _ = back.transform(*(np.array(axes.transform(*place)) + shift))
    given = "+proj=longlat +ellps=krass +towgs84=-100,50,20 +type=crs"
    moved = to_exchange(points(place[:2], crs=given)).geometry.iloc[0]
    assert GRS80.inv(moved.x, moved.y, lon, lat)[2] < 0.001
    assert GRS80.inv(moved.x, moved.y, *place[:2])[2] > 50


#: Longitude and latitude in WGS 84, GCJ-02 and BD-09, with their tolerance in metres: the fixtures
#: of googollee/eviltransform; the maps' own figures as in BruceZhaoR/pjutils (test of coordinate
#: transform) and of Beijing railway station in caijun/geoChina (`bd2gcj`), both to five decimals.
PUBLISHED = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597), None, 0.001),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766), None, 0.001),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069), None, 0.001),
    (
        (121.42958967, 31.16014354),
        (121.4342191628, 31.158266019),
        (121.4406138425, 31.1646093426),
        1.5,
    ),
    (None, (116.42703, 39.90245), (116.43351, 39.90851), 1.5),
]


@pytest.mark.parametrize(("plain", "gcj", "bd", "within_m"), PUBLISHED)
def test_web_maps_against_published_pairs(plain, gcj, bd, within_m):
    if plain is not None:
        assert GRS80.inv(*to_web_map(*plain, "gcj02"), *gcj)[2] < within_m
        assert GRS80.inv(*from_web_map(*gcj, "gcj02"), *plain)[2] < within_m
    if plain is not None and bd is not None:
        assert GRS80.inv(*to_web_map(*plain, "bd09"), *bd)[2] < within_m
    if bd is not None:
        back = from_web_map(*bd, "bd09")
        assert GRS80.inv(*back, *from_web_map(*gcj, "gcj02"))[2] < within_m


@pytest.mark.parametrize("system", ["gcj02", "bd09"])
def test_web_maps_round_trip_within_a_millimetre(system):
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(74, 135, 20_000), rng.uniform(18, 53, 20_000)
    back = from_web_map(*to_web_map(lon, lat, system), system)
    assert GRS80.inv(lon, lat, *back)[2].max() < 0.001
    assert np.isnan(from_web_map([np.nan], [29.0], system)[0]).all()


def test_gcj02_lies_half_a_kilometre_south_east_in_chongqing():
    azimuth, _, distance = GRS80.inv(106.65, 29.03, *to_web_map(106.65, 29.03, "gcj02"))
    assert 400 < distance < 600
    assert 100 < azimuth < 170


@pytest.mark.parametrize(
    ("name", "system"),
    [("gcj02", "gcj02"), ("GCJ-02", "gcj02"), ("BD-09", "bd09"), ("百度", "bd09"), (4490, None)],
)
def test_web_map_of(name, system):
    assert web_map_of(name) == system


def test_to_exchange_swapped_axes_names_the_rows():
    with pytest.raises(CrsError, match="swapped") as caught:
        to_exchange(points((106.0, 29.0), (29.0, 106.0)))
    assert caught.value.ids == (1,)


def test_to_exchange_metres_declared_as_degrees():
    with pytest.raises(CrsError, match="1 of 1 features lie outside China"):
        to_exchange(points((412345.0, 3212345.0)))


def test_to_exchange_keeps_null_and_empty():
    table = gpd.GeoDataFrame({"id": [1, 2]}, geometry=[None, Point()], crs=4490)
    assert len(to_exchange(table)) == 2


def test_to_exchange_does_not_change_its_input():
    table = points((106.65, 29.03))
    before = table.copy()
    to_exchange(table.to_crs(4545))["new"] = 1
    assert table.equals(before)


def test_length_m_is_the_geodesic_length():
    rng = np.random.default_rng(7)
    lines = [LineString(rng.uniform([105, 28], [110, 32], (n, 2))) for n in (2, 5, 40)]
    lines.append(MultiLineString([lines[0], lines[1]]))
    expected = [GRS80.geometry_length(line) for line in lines]
    np.testing.assert_allclose(length_m(gpd.GeoSeries(lines)), expected, rtol=1e-12)


def test_length_m_empty_and_null():
    assert length_m(gpd.GeoSeries([LineString(), None])).tolist() == [0.0, 0.0]
    assert length_m(gpd.GeoSeries([])).tolist() == []


def test_area_m2_is_the_ellipsoidal_area():
    shapes = [
        box(106.0, 28.5, 106.01, 28.51),
        Polygon([(106, 28), (107, 28.2), (106.4, 29)]),
        box(105, 28, 110, 32).difference(box(106, 29, 107, 30)),
    ]
    # lon/lat-straight edges, so the oracle sees them cut as finely
    cut = gpd.GeoSeries(shapes).segmentize(0.001)
    expected = [abs(GRS80.geometry_area_perimeter(shape)[0]) for shape in cut]
    np.testing.assert_allclose(area_m2(gpd.GeoSeries(shapes, crs=4490)), expected, rtol=2e-6)


def test_local_metric_crs_keeps_short_lengths():
    line = gpd.GeoSeries([LineString([(106.6, 29.0), (106.61, 29.0)])], crs=4490)
    plane = line.to_crs(local_metric_crs(line)).length.iloc[0]
    assert plane == pytest.approx(GRS80.geometry_length(line.iloc[0]), abs=1e-4)


def test_local_metric_crs_of_an_empty_table():
    assert local_metric_crs(gpd.GeoSeries([], crs=4490)).is_projected


def test_to_exchange_keeps_the_whole_of_a_self_crossing_polygon():
    """GEOS cuts edges of a bow-tie and drops one wing; finding and mending it is for `layers`."""
    bow_tie = Polygon([(500_000, 3_200_000), (510_000, 3_210_000), (510_000, 3_200_000),
                       (500_000, 3_210_000)])  # fmt: skip
    table = gpd.GeoDataFrame({"id": [1]}, geometry=[bow_tie], crs=4545)
    back = to_exchange(table).to_crs(4545).geometry.iloc[0]
    assert len(back.exterior.coords) == len(bow_tie.exterior.coords)
    assert back.hausdorff_distance(bow_tie) < 1e-3


def _furthest(given: LineString, epsg: int) -> float:
    """Metres that `to_exchange` leaves a planar line by, measured on dense points of it."""
    back = to_exchange(gpd.GeoSeries([given], crs=epsg)).iloc[0]
    xy = np.array(given.segmentize(25.0).coords)
    to_degrees = pyproj.Transformer.from_crs(epsg, 4490, always_xy=True)
    lon, lat = to_degrees.transform(xy[:, 0], xy[:, 1])
    on_line = [back.interpolate(back.project(Point(p))) for p in zip(lon, lat, strict=True)]
    away = GRS80.inv(lon, lat, [p.x for p in on_line], [p.y for p in on_line])[2]
    return float(np.max(away))


@pytest.mark.parametrize("west", [300_000, 469_000, 669_000])  # left of, at, right of the meridian
def test_a_long_straight_edge_of_a_plane_stays_within_three_millimetres(west):
    edge = LineString([(west, 3_200_000), (west + 31_000, 3_203_000)])
    assert _furthest(edge, 4545) < 0.003


def test_a_long_straight_edge_in_feet_is_cut_as_finely():
    metres = np.array([(469_000, 3_200_000), (500_000, 3_203_000)])
    feet = pyproj.CRS.from_proj4("+proj=tmerc +lon_0=108 +x_0=500000 +ellps=GRS80 +units=ft")
    moved = to_exchange(gpd.GeoSeries([LineString(metres / 0.3048)], crs=feet))
    assert len(moved.iloc[0].coords) == np.ceil(np.hypot(31_000, 3_000) / 500) + 1


def test_a_rectangle_of_a_whole_province_keeps_few_vertices():
    frame = gpd.GeoSeries([box(0, 2_900_000, 1_000_000, 3_900_000)], crs=4545)
    back = to_exchange(frame)
    assert back.count_coordinates().iloc[0] == 4 * 2_000 + 1
    whole, moved = frame.to_crs(EXCHANGE_CRS).iloc[0], back.iloc[0]
    assert moved.is_valid
    assert moved.envelope.covers(whole.envelope)


def test_short_edges_gain_no_vertex():
    rows = gpd.GeoSeries([LineString([(500_000 + 40 * k, 3_200_000 + k % 3) for k in range(99)])])
    assert to_exchange(rows.set_crs(4545)).count_coordinates().iloc[0] == 99
