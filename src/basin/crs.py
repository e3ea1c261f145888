"""Coordinate systems: guards at the edge, a metric frame to work in, and geodesic measures.

`basin` keeps every layer in CGCS2000 longitude/latitude (EPSG:4490), measures on its ellipsoid
(the same as GRS80), and uses a plane only to find candidates and to draw.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from basin.errors import CrsError

__all__ = [
    "CHINA_BOUNDS",
    "EXCHANGE_CRS",
    "GEOD",
    "GLOBE_BOUNDS",
    "area_m2",
    "length_m",
    "local_metric_crs",
    "to_exchange",
]

#: CGCS2000 geographic, longitude first: the system in which tables travel through `basin`.
EXCHANGE_CRS = pyproj.CRS.from_epsg(4490)

#: The CGCS2000 ellipsoid (a = 6378137 m, 1/f = 298.257222101), identical to GRS80.
GEOD = pyproj.Geod(ellps="GRS80")

#: West, south, east, north in degrees; coordinates outside are refused.
CHINA_BOUNDS = (73.0, 3.0, 136.0, 54.0)

#: For a network, which may lie anywhere.
GLOBE_BOUNDS = (-180.0, -90.0, 180.0, 90.0)

#: Old datums that PROJ passes through unchanged (a "ballpark" transformation), tens of metres off.
_OLD_DATUMS = ("Beijing 1954", "Xian 1980", "New Beijing")

#: Longest edge of a plane that is taken for straight in degrees too (metres). The miss goes with
#: the square: 0.042 m at 2 km, under 0.003 m at 500 m, within the centimetre that is promised.
_MAX_EDGE_M = 500.0
#: Longest edge in degrees (metres) that is taken for straight in an equal-area plane.
_AREA_EDGE_M = 2_000.0


def _check_known(crs: Any, layer: str) -> pyproj.CRS:
    if crs is None:
        raise CrsError(
            f"layer {layer!r} has no coordinate reference system",
            mend="State it, e.g. crs='EPSG:4490' for CGCS2000 longitude/latitude.",
        )
    known = pyproj.CRS.from_user_input(crs)
    name = (known.geodetic_crs or known).name
    if any(old in name for old in _OLD_DATUMS):
        raise CrsError(
            f"layer {layer!r} is in {known.name}, whose shift to CGCS2000 needs local parameters",
            mend="Transform it with the parameters of your survey office, then give it again.",
        )
    return known


def _check_bounds(
    table: gpd.GeoDataFrame | gpd.GeoSeries, layer: str, bounds: tuple[float, float, float, float]
) -> None:
    box = shapely.bounds(np.asarray(table.geometry.array, dtype=object))
    west, south, east, north = bounds
    present = ~(table.geometry.isna() | table.geometry.is_empty).to_numpy()
    inside = (box[:, 0] >= west) & (box[:, 1] >= south) & (box[:, 2] <= east) & (box[:, 3] <= north)
    bad = present & ~inside  # a NaN or infinite bound is never inside
    if bad.any():
        swapped = (
            (box[:, 1] >= west) & (box[:, 3] <= east) & (box[:, 0] >= south) & (box[:, 2] <= north)
        )
        hint = " (latitude and longitude look swapped)" if swapped[bad].all() else ""
        place = "China" if bounds == CHINA_BOUNDS else "the globe"
        raise CrsError(
            f"layer {layer!r}: {bad.sum()} of {len(table)} features lie outside {place}{hint}",
            ids=table.index[bad],
            mend="Check the stated coordinate system and the order of the coordinates.",
        )


def _cut(shapes: Any, most: float) -> Any:
    """Cut edges to a greatest length; GEOS drops half of a self-crossing polygon, so not those."""
    return shapes.segmentize(most).where(shapes.is_valid | shapes.isna(), shapes)


def to_exchange(
    table: Any,
    *,
    layer: str = "layer",
    bounds: tuple[float, float, float, float] = CHINA_BOUNDS,
) -> Any:
    """Bring a table to CGCS2000 longitude/latitude (EPSG:4490), refusing what cannot be trusted.

    WGS 84 and CGCS2000 are taken as equal, as PROJ does: their frames differ by a few decimetres.

    Parameters
    ----------
    table : GeoDataFrame or GeoSeries
        Any known CRS. Null and empty geometries pass through.
    layer
        Name for messages.
    bounds
        West, south, east, north in degrees: what lies outside is refused.

    Returns
    -------
    GeoDataFrame or GeoSeries
        A new table on the same index, EPSG:4490.

    Raises
    ------
    CrsError
        If the CRS is missing or on the Beijing 1954 or Xian 1980 datum, or if coordinates are not
        finite or lie outside `bounds` after the change.
    """
    known = _check_known(table.crs, layer)
    if known.equals(EXCHANGE_CRS, ignore_axis_order=True):
        result = table.copy(deep=False)
    else:
        result = table
        if known.is_projected:
            # a straight edge in the source plane stays straight: cut it before it is moved
            cut = _cut(table.geometry, _MAX_EDGE_M / known.axis_info[0].unit_conversion_factor)
            result = table.set_geometry(cut) if isinstance(table, gpd.GeoDataFrame) else cut
        result = result.to_crs(EXCHANGE_CRS)
    _check_bounds(result, layer, bounds)
    return result


def local_metric_crs(table: Any) -> pyproj.CRS:
    """Return a transverse Mercator in metres (scale 1) centred on the table's extent.

    For candidates and drawing only; a verdict is always measured on the ellipsoid.

    Parameters
    ----------
    table : GeoDataFrame or GeoSeries
        EPSG:4490.
    """
    west, south, east, north = table.total_bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if not np.isfinite([lon, lat]).all():
        lon, lat = 107.0, 29.0  # an empty table: any place will do
    return pyproj.CRS.from_proj4(
        f"+proj=tmerc +lat_0={lat:.6f} +lon_0={lon:.6f} +k=1 +x_0=0 +y_0=0 +ellps=GRS80 +units=m"
    )


def length_m(lines: Any) -> npt.NDArray[np.float64]:
    """Geodesic length of each line in metres, on the CGCS2000 ellipsoid.

    Parameters
    ----------
    lines : GeoSeries, shape (n,)
        LineStrings or MultiLineStrings in EPSG:4490. Null and empty lines have length 0.

    Returns
    -------
    ndarray, shape (n,)
    """
    geometry = np.asarray(lines.array if hasattr(lines, "array") else lines, dtype=object)
    parts, owner = shapely.get_parts(geometry, return_index=True)
    coords, line = shapely.get_coordinates(parts, return_index=True)
    if len(coords) < 2:
        return np.zeros(len(geometry))
    same = line[1:] == line[:-1]
    _, _, step = GEOD.inv(
        coords[:-1, 0][same], coords[:-1, 1][same], coords[1:, 0][same], coords[1:, 1][same]
    )
    return np.bincount(owner[line[1:][same]], weights=step, minlength=len(geometry)).astype(float)


def area_m2(polygons: Any) -> npt.NDArray[np.float64]:
    """Ellipsoidal area of each polygon in square metres, by an equal-area projection.

    Parameters
    ----------
    polygons : GeoSeries, shape (n,)
        EPSG:4490, valid. Null, empty and non-areal geometries have area 0.

    Returns
    -------
    ndarray, shape (n,)
    """
    series = gpd.GeoSeries(polygons, crs=EXCHANGE_CRS)
    west, south, east, north = series.total_bounds
    if not np.isfinite([west, south, east, north]).all():
        return np.zeros(len(series))
    equal_area = pyproj.CRS.from_proj4(
        f"+proj=laea +lat_0={(south + north) / 2:.6f} +lon_0={(west + east) / 2:.6f} "
        "+ellps=GRS80 +units=m"
    )
    cut = _cut(series, _AREA_EDGE_M / 111_000)
    area: npt.NDArray[np.float64] = cut.to_crs(equal_area).area.to_numpy(dtype=float)
    return np.nan_to_num(area)
