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
    "WEB_MAPS",
    "area_m2",
    "check_datum",
    "from_web_map",
    "length_m",
    "local_metric_crs",
    "to_degrees",
    "to_exchange",
    "to_web_map",
    "web_map_of",
]

#: CGCS2000 geographic, longitude first: the system in which tables travel through `basin`.
EXCHANGE_CRS = pyproj.CRS.from_epsg(4490)

_WGS84 = pyproj.CRS.from_epsg(4326)

#: The CGCS2000 ellipsoid (a = 6378137 m, 1/f = 298.257222101), identical to GRS80.
GEOD = pyproj.Geod(ellps="GRS80")

#: West, south, east, north in degrees; coordinates outside are refused.
CHINA_BOUNDS = (73.0, 3.0, 136.0, 54.0)

#: For a network, which may lie anywhere.
GLOBE_BOUNDS = (-180.0, -90.0, 180.0, 90.0)

#: Old datums that PROJ passes through unchanged (a "ballpark" transformation), tens of metres off:
#: by name, and by the semi-major axis of their ellipsoids (Krassovsky 1940, IAG 1975) in metres.
_OLD_DATUMS = ("beijing 1954", "xian 1980", "new beijing", "beijing54", "xian80")
_OLD_AXES_M = (6_378_245.0, 6_378_140.0)

#: The shifted systems of Chinese web maps, which no EPSG code names.
WEB_MAPS = {"gcj02": "GCJ-02", "bd09": "BD-09"}

#: Longest edge of a plane that is taken for straight in degrees too (metres). The miss goes with
#: the square: 0.042 m at 2 km, under 0.003 m at 500 m, within the centimetre that is promised.
_MAX_EDGE_M = 500.0
# Pieces that long edges are cut into at most: 50,000 km of edges over 500 m in one feature, and
# 10 million km in a layer, are not in China.
_MOST_PIECES, _MOST_PIECES_ALL = 1e5, 2e7
#: Longest edge in degrees (metres) that is taken for straight in an equal-area plane.
_AREA_EDGE_M = 2_000.0


def _check_known(crs: Any, layer: str) -> pyproj.CRS:
    if crs is None:
        raise CrsError(
            f"layer {layer!r} has no coordinate reference system",
            mend="State it, e.g. crs='EPSG:4490' for CGCS2000 longitude/latitude.",
            zh=f"图层 {layer} 没有坐标系",
            mend_zh='请写明，例如 CGCS2000 经纬度：crs = "EPSG:4490"',
        )
    try:
        known = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.ProjError as error:
        raise CrsError(
            f"layer {layer!r} states a coordinate system that is not known",
            mend="State it, e.g. crs='EPSG:4490' for CGCS2000 longitude/latitude.",
            zh=f"图层 {layer} 写明的坐标系不认识",
            mend_zh='请改写，例如 CGCS2000 经纬度：crs = "EPSG:4490"',
        ) from error
    check_datum(known, layer)
    return known


def check_datum(known: pyproj.CRS, layer: str = "layer") -> None:
    """Refuse the Beijing 1954 and Xian 1980 datums unless their shift to WGS 84 is given.

    Parameters
    ----------
    known
        A PROJ string with ``+towgs84=`` (three or seven parameters, as a survey office gives them)
        makes an old datum usable.
    layer
        Name for messages.

    Raises
    ------
    CrsError
        If the datum is old and no parameters are given, or if it is a system of heights, a local
        one, or geocentric.
    """
    if not (known.is_geographic or known.is_projected):
        raise CrsError(
            f"layer {layer!r} is in {known.name}, which is no system of places on a map",
            mend="Give a geographic or projected one, e.g. EPSG:4490.",
            zh=f"图层 {layer}：{known.name} 不是平面或经纬度坐标系",
            mend_zh="改用经纬度或投影坐标系，例如 EPSG:4490",
        )
    operation = known.coordinate_operation if known.is_bound else None
    if operation is not None and any(operation.towgs84):
        return
    base = known.geodetic_crs or known
    words = f"{known.name} {base.name} {base.datum.name if base.datum else ''}"
    plain = words.casefold().replace("_", " ").replace("'", "")
    axis_m = base.ellipsoid.semi_major_metre if base.ellipsoid else 0.0
    if any(old in plain for old in _OLD_DATUMS) or axis_m in _OLD_AXES_M:
        raise CrsError(
            f"layer {layer!r} is in {known.name} (Beijing 1954, Xian 1980 or another system on an "
            "old ellipsoid), whose shift to CGCS2000 needs local parameters",
            mend="Transform it to CGCS2000 at your survey office and give it again, or state "
            'the parameters: crs = "+proj=... +ellps=... +towgs84=dx,dy,dz,rx,ry,rz,s".',
            zh=f"图层 {layer}：坐标系为 {known.name}（北京54、西安80 或其他旧椭球），"
            "换到 CGCS2000 需要当地的转换参数，软件不能凭空换算（会差几十米至一百多米）",
            mend_zh="请测绘部门转换为 CGCS2000 后再用；或在 basin.toml 中写明参数："
            'crs = "+proj=… +ellps=… +towgs84=dx,dy,dz,rx,ry,rz,s"',
        )


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
        hint_zh = "（看来经纬度写反了）" if hint else ""
        home = bounds == CHINA_BOUNDS
        place, place_zh = ("China", "中国范围") if home else ("the globe", "地球范围")
        raise CrsError(
            f"layer {layer!r}: {bad.sum()} of {len(table)} features lie outside {place}{hint}",
            ids=table.index[bad],
            mend="Check the stated coordinate system and the order of the coordinates.",
            zh=f"图层 {layer}：{len(table)} 个要素中有 {bad.sum()} 个在{place_zh}之外{hint_zh}",
            mend_zh="检查所写的坐标系，以及坐标的先后次序",
        )


def _cut(shapes: Any, most: float, layer: str = "layer") -> Any:
    """Cut edges to a greatest length; GEOS drops half of a self-crossing polygon, so not those.

    Nor features whose edges are longer than any in China: cutting them would fill the memory, and
    the check of bounds names them.
    """
    coords, owner = shapely.get_coordinates(np.asarray(shapes.array), return_index=True)
    edges = np.hypot(*np.diff(coords, axis=0).T) if len(coords) > 1 else np.zeros(0)
    long = (edges > most) & (owner[1:] == owner[:-1])
    pieces = np.bincount(owner[1:][long], edges[long] / most, minlength=len(shapes))
    real = pieces <= _MOST_PIECES
    if pieces[real].sum() > _MOST_PIECES_ALL:
        raise CrsError(
            f"layer {layer!r}: its edges are {pieces[real].sum() * most:.3g} units long together, "
            "more than all rivers and borders of China",
            mend="Check the stated coordinate system and the coordinates.",
            zh=f"图层 {layer}：边线总长 {pieces[real].sum() * most:.3g}（坐标单位），"
            "超过全国的河流与边界",
            mend_zh="检查所写的坐标系和坐标",
        )
    whole = shapes.is_valid.to_numpy() & real
    return shapes.where(~whole, shapes.where(whole).segmentize(most))


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
            most = _MAX_EDGE_M / known.axis_info[0].unit_conversion_factor
            cut = _cut(table.geometry, most, layer)
            result = table.set_geometry(cut) if isinstance(table, gpd.GeoDataFrame) else cut
        result = to_degrees(result)
    _check_bounds(result, layer, bounds)
    return result


def to_degrees(table: Any) -> Any:
    """Move a GeoSeries or GeoDataFrame to CGCS2000 longitude/latitude, without any check."""
    try:
        if not table.crs.is_bound:
            return table.to_crs(EXCHANGE_CRS)
        # PROJ applies +towgs84 only on the way to WGS 84: straight to CGCS2000 it is left out
        # silently
        return table.to_crs(_WGS84).set_crs(EXCHANGE_CRS, allow_override=True)
    except pyproj.exceptions.ProjError as error:  # the ellipsoid of another planet, for one
        raise CrsError(
            f"{table.crs.name} cannot be turned into CGCS2000 longitude and latitude ({error})",
            mend="Its definition (.prj) may be damaged: state the system with crs=.",
            zh=f"{table.crs.name} 无法转换为 CGCS2000 经纬度（{error}）",
            mend_zh="坐标系定义（.prj）可能已损坏：用 crs= 写明坐标系",
        ) from error


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


# ---------------------------------------------------------------- web maps (GCJ-02, BD-09)

# The public approximation of the shift (a secret formula), on the Krassovsky 1940 ellipsoid.
_GCJ_AXIS_M = 6_378_245.0
_GCJ_E2 = 0.00669342162296594323
_GCJ_ORIGIN = (105.0, 35.0)
_BD_OFFSET = (0.0065, 0.006)
_BD_WAVE = np.pi * 3000.0 / 180.0
# Each step of the inverse shrinks the error some thousandfold; 1e-10 degree is 0.01 mm.
_STEPS, _CLOSE = 20, 1e-10


def web_map_of(crs: Any) -> str | None:
    """Return ``"gcj02"`` or ``"bd09"`` if that is what a user names as system, else None.

    Examples
    --------
    >>> web_map_of("GCJ-02"), web_map_of("火星坐标"), web_map_of("EPSG:4490")
    ('gcj02', 'gcj02', None)
    """
    if not isinstance(crs, str):
        return None
    name = "".join(c for c in crs.casefold() if c.isalnum())
    known = {"gcj02": "gcj02", "gcj2": "gcj02", "火星坐标": "gcj02", "火星坐标系": "gcj02"}
    known |= {"高德": "gcj02", "腾讯": "gcj02", "bd09": "bd09", "bd9": "bd09", "bd09ll": "bd09"}
    return (known | {"百度": "bd09", "百度坐标": "bd09"}).get(name)


def _gcj_shift(lon: Any, lat: Any) -> tuple[Any, Any]:
    x, y = lon - _GCJ_ORIGIN[0], lat - _GCJ_ORIGIN[1]
    root, turn = np.sqrt(np.abs(x)), np.pi
    ripple = 20 * (np.sin(6 * turn * x) + np.sin(2 * turn * x))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north = north + 2 / 3 * (ripple + 20 * np.sin(turn * y) + 40 * np.sin(turn * y / 3))
    north = north + 2 / 3 * (160 * np.sin(turn * y / 12) + 320 * np.sin(turn * y / 30))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east = east + 2 / 3 * (ripple + 20 * np.sin(turn * x) + 40 * np.sin(turn * x / 3))
    east = east + 2 / 3 * (150 * np.sin(turn * x / 12) + 300 * np.sin(turn * x / 30))
    # metres to degrees by the radii of curvature along the meridian and across it
    phi = np.radians(lat)
    within = 1 - _GCJ_E2 * np.sin(phi) ** 2
    meridian = _GCJ_AXIS_M * (1 - _GCJ_E2) / within**1.5
    across = _GCJ_AXIS_M / np.sqrt(within) * np.cos(phi)
    return np.degrees(east / across), np.degrees(north / meridian)


def to_web_map(lon: Any, lat: Any, system: str) -> tuple[Any, Any]:
    """Shift longitude and latitude as Chinese web maps do.

    Parameters
    ----------
    lon, lat : array_like
        Degrees, WGS 84 or CGCS2000, in China.
    system : {'gcj02', 'bd09'}

    Returns
    -------
    ndarray, ndarray
        Degrees in `system`, by the public approximation of a secret formula.

    Examples
    --------
    >>> lon, lat = to_web_map(106.65, 29.03, "gcj02")
    >>> f"{lon:.5f} {lat:.5f}"
    '106.65375 29.02682'
    """
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    east, north = _gcj_shift(lon, lat)
    lon, lat = lon + east, lat + north
    if system == "gcj02":
        return lon, lat
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + _BD_OFFSET[0], radius * np.sin(angle) + _BD_OFFSET[1]


def from_web_map(lon: Any, lat: Any, system: str) -> tuple[Any, Any]:
    """Undo the shift of Chinese web maps, by iteration on :func:`to_web_map`.

    The inverse itself is exact to less than a millimetre; the public formula differs from the
    maps' own by a metre or so, hence a result is approximate.

    Parameters
    ----------
    lon, lat : array_like
        Degrees in `system`. NaN stays NaN.
    system : {'gcj02', 'bd09'}

    Returns
    -------
    ndarray, ndarray
        Degrees, CGCS2000.
    """
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    x, y = lon.copy(), lat.copy()
    for _ in range(_STEPS):
        east, north = to_web_map(x, y, system)
        off_x, off_y = lon - east, lat - north
        x, y = x + off_x, y + off_y
        if not (np.maximum(np.abs(off_x), np.abs(off_y)) > _CLOSE).any():
            break
    return x, y
