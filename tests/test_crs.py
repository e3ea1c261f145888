"""Coordinate systems: what is refused, and measures against pyproj.Geod itself."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyproj
import pytest
from shapely import LineString, MultiLineString, Point, Polygon, box

from basin.crs import EXCHANGE_CRS, area_m2, length_m, local_metric_crs, to_exchange
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
