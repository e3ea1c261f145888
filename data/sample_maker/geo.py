"""Drawing tools: a local plane in metres, smooth noise, courses, blobs, and geodesic distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Geod, Transformer
from scipy.interpolate import Akima1DInterpolator
from scipy.ndimage import gaussian_filter1d
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

CRS_SAMPLE = "EPSG:4490"
SEED = 20260331
GEOD = Geod(ellps="GRS80")

# Everything is drawn in this plane and turned to degrees at the end. Its scale is off by at most
# a few parts in 10 000 here, so every exact distance of the sample is made with `GEOD` instead.
_PLANE = CRS.from_proj4("+proj=aeqd +lat_0=28.85 +lon_0=106.70 +ellps=GRS80 +units=m")
_TO_PLANE = Transformer.from_crs(CRS_SAMPLE, _PLANE, always_xy=True)
_TO_DEGREES = Transformer.from_crs(_PLANE, CRS_SAMPLE, always_xy=True)

DEGREE_DECIMALS = 7  # about 1 cm: equal plane points stay equal after rounding


def rng_for(*words: object) -> np.random.Generator:
    """Return a generator of its own for a thing to draw, so that order of drawing is free."""
    text = "/".join(str(word) for word in words)
    return np.random.default_rng([SEED, *text.encode("utf-8")])


def to_plane(lonlat: object) -> np.ndarray:
    """Turn lon/lat pairs (n, 2) into plane metres (n, 2)."""
    lonlat = np.asarray(lonlat, dtype=float).reshape(-1, 2)
    return np.column_stack(_TO_PLANE.transform(lonlat[:, 0], lonlat[:, 1]))


def to_degrees(xy: object, decimals: int | None = DEGREE_DECIMALS) -> np.ndarray:
    """Turn plane metres (n, 2) into lon/lat (n, 2), rounded to `decimals` if given."""
    xy = np.asarray(xy, dtype=float).reshape(-1, 2)
    lonlat = np.column_stack(_TO_DEGREES.transform(xy[:, 0], xy[:, 1]))
    return lonlat if decimals is None else np.round(lonlat, decimals)


def geometry_to_degrees(geometry: BaseGeometry) -> BaseGeometry:
    """Turn a plane geometry into degrees, rounded."""
    return shapely.transform(geometry, to_degrees)


def geometry_to_plane(geometry: BaseGeometry) -> BaseGeometry:
    """Turn a geometry in degrees into the plane."""
    return shapely.transform(geometry, to_plane)


def noise(rng: np.random.Generator, n: int, sigma: float) -> np.ndarray:
    """Return smooth noise of unit deviation and correlation length `sigma` samples."""
    pad = int(4 * sigma) + 1
    raw = gaussian_filter1d(rng.normal(size=n + 2 * pad), sigma)[pad : pad + n]
    return raw * np.sqrt(2 * np.sqrt(np.pi) * sigma)


def resample(xy: np.ndarray, step: float) -> np.ndarray:
    """Return points every `step` metres (about) along a polyline, its two ends kept."""
    at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    n = max(round(at[-1] / step), 2)
    new = np.linspace(0, at[-1], n + 1)
    return np.column_stack([np.interp(new, at, xy[:, 0]), np.interp(new, at, xy[:, 1])])


def smooth_through(points: np.ndarray, step: float) -> np.ndarray:
    """Return a smooth curve through `points`, one vertex every `step` metres."""
    if len(points) == 2:
        return resample(points, step)
    at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    fine = np.linspace(0, at[-1], int(at[-1] / 20) + 2)
    return resample(Akima1DInterpolator(at, points)(fine), step)


def normals(xy: np.ndarray) -> np.ndarray:
    """Return unit vectors to the left of the walk at each vertex."""
    tangent = np.gradient(xy, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None]
    return np.column_stack([-tangent[:, 1], tangent[:, 0]])


def meander(
    xy: np.ndarray,
    rng: np.random.Generator,
    waves: list[tuple[float, float]],
    *,
    step: float,
    calm_m: float,
) -> np.ndarray:
    """Push a course aside with smooth noise that dies out over `calm_m` at both ends.

    `waves` holds pairs of (wave length, amplitude) in metres.
    """
    fine = resample(xy, 40.0)
    n = len(fine)
    side = np.zeros(n)
    for wave_m, amplitude_m in waves:
        side += amplitude_m * noise(rng, n, wave_m / 40.0 / 5.0)
    from_end = np.minimum(np.arange(n), np.arange(n)[::-1]) * 40.0
    side *= np.clip(from_end / calm_m, 0, 1) ** 2 * (3 - 2 * np.clip(from_end / calm_m, 0, 1))
    moved = fine + normals(fine) * side[:, None]
    moved[1:-1] = gaussian_filter1d(moved, 2.0, axis=0)[1:-1]
    return resample(moved, step)


def rough(
    points: np.ndarray, rng: np.random.Generator, *, wave_m: float, amplitude_m: float, step: float
) -> np.ndarray:
    """Return a border arc: straight pieces between `points`, made rough, its ends kept."""
    return meander(
        smooth_through(points, 100.0),
        rng,
        [(wave_m, amplitude_m), (wave_m / 3, amplitude_m / 3)],
        step=step,
        calm_m=wave_m / 2,
    )


def blob(
    centre: object,
    radii_km: tuple[float, float],
    turn_deg: float,
    rng: np.random.Generator,
    *,
    wobble: float = 0.16,
    n: int = 72,
) -> Polygon:
    """Return a rounded, uneven patch in the plane around a lon/lat centre."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = 1 + wobble * sum(
        rng.normal() / k * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 8)
    )
    local = np.column_stack([radii_km[0] * 1e3 * np.cos(angle), radii_km[1] * 1e3 * np.sin(angle)])
    turn = np.radians(turn_deg)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Polygon(to_plane(centre)[0] + (local * radius[:, None]) @ spin)


def geodesic_length(line: LineString) -> float:
    """Return the length of a line in degrees on the CGCS2000 ellipsoid, in metres."""
    return float(GEOD.geometry_length(line))


def _edges(geometry: BaseGeometry) -> np.ndarray:
    """Return the edges (n, 4) of a line or of the rings of a polygon, in degrees."""
    parts = []
    for part in shapely.get_parts(geometry):
        rings = shapely.get_rings(part) if part.geom_type == "Polygon" else [part]
        for ring in rings:
            xy = shapely.get_coordinates(ring)
            parts.append(np.hstack([xy[:-1], xy[1:]]))
    return np.vstack(parts)


def geodesic_distance(
    point: tuple[float, float], geometry: BaseGeometry, *, near_m: float = 120.0
) -> tuple[float, tuple[float, float]]:
    """Return the brute-force geodesic distance (m) from a point to a boundary, and its foot.

    All edges are sampled at five points each, then the few that can matter ever more finely,
    down to far less than a millimetre. Distance is to the
    boundary, also for a point inside a polygon.
    """
    lon, lat = point
    edges = _edges(geometry)
    share = np.linspace(0, 1, 5)
    lons = edges[:, [0]] + share * (edges[:, [2]] - edges[:, [0]])
    lats = edges[:, [1]] + share * (edges[:, [3]] - edges[:, [1]])
    rough_d = GEOD.inv(
        np.full(lons.size, lon), np.full(lons.size, lat), lons.ravel(), lats.ravel()
    )[2].reshape(lons.shape)
    best = rough_d.min()
    candidates = edges[rough_d.min(axis=1) <= best + near_m]
    result = (np.inf, (np.nan, np.nan))
    for x1, y1, x2, y2 in candidates:
        low, high = 0.0, 1.0
        for _ in range(7):
            t = np.linspace(low, high, 41)
            gx, gy = x1 + t * (x2 - x1), y1 + t * (y2 - y1)
            d = GEOD.inv(np.full(t.size, lon), np.full(t.size, lat), gx, gy)[2]
            k = int(d.argmin())
            low, high = t[max(k - 1, 0)], t[min(k + 1, 40)]
        if d[k] < result[0]:
            result = (float(d[k]), (float(gx[k]), float(gy[k])))
    return result


def nearest_of(
    point: tuple[float, float], ids: pd.Series, geometries: list[BaseGeometry]
) -> tuple[str, float, tuple[float, float]]:
    """Return (id, distance, foot) of the boundary nearest to a point, by brute force."""
    best = ("", np.inf, (np.nan, np.nan))
    for one, geometry in zip(ids, geometries, strict=True):
        if shapely.distance(shapely.Point(point), geometry) > 0.3:  # over 25 km away
            continue
        distance, foot = geodesic_distance(point, geometry)
        if distance < best[1]:
            best = (str(one), distance, foot)
    return best
