"""Geometry as the page's script takes it: small, rounded, and only for drawing.

A geometry is ``[kind, ...]``: ``[0, [x, y], ...]`` points, ``[1, line, ...]`` lines,
``[2, [ring, hole, ...], ...]`` polygons. A line or ring is one flat list of integers in
millionths of a degree (0.1 m): the first pair is a place, each further pair the step to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin.crs import to_exchange

__all__ = [
    "drawn",
    "encode",
    "encode_all",
    "grow_bounds",
    "name_places",
    "steps",
    "table_of",
    "units",
]

_UNITS_PER_DEGREE = 1_000_000

#: Drawing tolerance in degrees, about 5 m: less than a pixel up to zoom level 14.
_TOLERANCE_DEGREES = 5e-5

Geometry = list[Any]


def table_of(table: Any, layer: str) -> pd.DataFrame | None:
    """Bring a layer to EPSG:4490 with its index as a column; None where there is nothing to draw.

    An index with a name becomes a column of that name unless there is one already.
    """
    if table is None or len(table) == 0:
        return None
    if getattr(table, "crs", None) is not None:
        table = to_exchange(table, layer=layer)
    if table.index.name and table.index.name not in table.columns:
        table = table.reset_index()
    return pd.DataFrame(table).reset_index(drop=True)


def drawn(geometry: Iterable[Any], *, tolerance: float = _TOLERANCE_DEGREES) -> npt.NDArray[Any]:
    """Simplify geometries for drawing; null, empty and non-finite ones come out as None.

    Parameters
    ----------
    geometry : shape (n,)
        Any geometry type, EPSG:4490.
    tolerance
        In degrees.
    """
    # where there are no geometries at all the column may hold NaN
    shapes = np.array([g if isinstance(g, shapely.Geometry) else None for g in geometry], object)
    shapes = shapely.force_2d(shapes)
    finite = np.isfinite(shapely.bounds(shapes)).all(axis=1)
    shapes[~finite] = None
    lines = shapely.get_dimensions(shapes) >= 1
    # a ring that collapses keeps its first form: a small zone must not vanish
    simple = shapely.simplify(shapes[lines], tolerance, preserve_topology=True)
    shapes[lines] = np.where(shapely.is_empty(simple), shapes[lines], simple)
    return shapes


def units(shapes: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Return all vertices in millionths of a degree, and which shape each belongs to."""
    coords, owner = shapely.get_coordinates(shapes, return_index=True)
    return np.rint(coords * _UNITS_PER_DEGREE).astype(np.int64), owner


def steps(vertices: npt.NDArray[np.int64], owner: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Return vertices as steps from the one before; the first of each owner stays a place."""
    found = vertices.copy()
    found[1:] -= vertices[:-1]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    found[first] = vertices[first]
    return found


def _lists(paths: npt.NDArray[Any]) -> list[list[int]]:
    """Write each line or ring as one flat list of steps."""
    vertices, owner = units(paths)
    ends = (2 * np.flatnonzero(np.diff(owner, append=len(paths))) + 2).tolist()
    flat = steps(vertices, owner).ravel().tolist()
    return [flat[a:b] for a, b in pairwise([0, *ends])]


def encode_all(shapes: npt.NDArray[Any]) -> list[Geometry | None]:
    """Write geometries for the page: plain lines all at once, others one by one.

    Parameters
    ----------
    shapes : shape (n,)
        EPSG:4490, or None.
    """
    found: list[Geometry | None] = [None] * len(shapes)
    plain = (shapely.get_type_id(shapes) == 1) & ~shapely.is_empty(shapes)
    for i, line in zip(np.flatnonzero(plain), _lists(shapes[plain]), strict=True):
        found[i] = [1, line]
    for i in np.flatnonzero(~plain):
        found[i] = encode(shapes[i])
    return found


def encode(shape: Any) -> Geometry | None:
    """Write one geometry for the page; a mixed collection keeps its parts of highest dimension.

    Examples
    --------
    >>> encode(shapely.LineString([(106.5, 29), (106.500001, 29.00001)]))
    [1, [106500000, 29000000, 1, 10]]
    """
    if shape is None or shapely.is_empty(shape):
        return None
    parts = shapely.get_parts(shape)
    while any(shapely.get_type_id(p) >= 4 for p in parts):  # collections within collections
        parts = shapely.get_parts(parts)
    kinds = shapely.get_dimensions(parts)
    kind = int(kinds.max())
    kept = parts[kinds == kind]
    if kind < 2:
        return [kind, *_lists(kept)]
    return [2, *(_lists(shapely.get_rings(p)) for p in kept)]


def grow_bounds(bounds: list[float] | None, shapes: npt.NDArray[Any]) -> list[float] | None:
    """Widen ``[west, south, east, north]`` to hold `shapes`; None stands for no extent yet."""
    box = shapely.total_bounds(shapes)
    if not np.isfinite(box).all():
        return bounds
    if bounds is None:
        return [round(float(b), 6) for b in box]
    low = np.minimum(bounds[:2], box[:2])
    high = np.maximum(bounds[2:], box[2:])
    return [round(float(b), 6) for b in (*low, *high)]


def name_places(shape: Any) -> Any:
    """Places in a polygon for its name, those farthest from its border first."""
    west, south, east, north = shapely.bounds(shape)
    steps = (np.arange(9) + 0.5) / 9
    lon, lat = np.meshgrid(west + steps * (east - west), south + steps * (north - south))
    points = shapely.points(lon.ravel(), lat.ravel())
    inside = points[shapely.contains(shape, points)]
    depth = shapely.distance(shapely.boundary(shape), inside)
    best = inside[np.argsort(-depth, kind="stable")][:24]
    return shapely.multipoints([shapely.point_on_surface(shape), *best])
