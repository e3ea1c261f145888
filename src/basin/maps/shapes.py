"""Geometry and values as the page's script takes them: small, rounded, and only for drawing.

A geometry is ``[kind, ...]``: ``[0, [x, y], ...]`` points, ``[1, line, ...]`` lines,
``[2, [ring, hole, ...], ...]`` polygons. A line or ring is one flat list of integers in
millionths of a degree (0.1 m): the first pair is a place, each further pair the step to the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._text import number
from basin.crs import to_exchange
from basin.standards.labels import codes, label

__all__ = ["as_text", "drawn", "encode", "grow_bounds", "table_of"]

_UNITS_PER_DEGREE = 1_000_000

#: Drawing tolerance in degrees, about 5 m: less than a pixel up to zoom level 14.
_TOLERANCE_DEGREES = 5e-5

#: Significant digits of a number in a popup.
_DIGITS = 4

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


def _steps(coords: npt.NDArray[np.float64]) -> list[int]:
    units = np.rint(coords * _UNITS_PER_DEGREE).astype(np.int64)
    units[1:] = np.diff(units, axis=0)
    return [int(u) for u in units.ravel()]


def _rings(polygon: Any) -> list[list[int]]:
    rings = [polygon.exterior, *polygon.interiors]
    return [_steps(shapely.get_coordinates(ring)) for ring in rings]


def encode(shape: Any) -> Geometry | None:
    """Write one geometry for the page; a mixed collection keeps its parts of highest dimension.

    Examples
    --------
    >>> encode(shapely.LineString([(106.5, 29), (106.500001, 29.00001)]))
    [1, [106500000, 29000000, 1, 10]]
    """
    if shape is None or shapely.is_empty(shape):
        return None
    if isinstance(shape, shapely.Point):  # the many; what follows does the same, slower
        return [0, [round(shape.x * _UNITS_PER_DEGREE), round(shape.y * _UNITS_PER_DEGREE)]]
    parts = shapely.get_parts(shape)
    while any(shapely.get_type_id(p) >= 4 for p in parts):  # collections within collections
        parts = shapely.get_parts(parts)
    kinds = shapely.get_dimensions(parts)
    kind = int(kinds.max())
    kept = parts[kinds == kind]
    if kind == 0:
        return [0, *(_steps(shapely.get_coordinates(p)) for p in kept)]
    if kind == 1:
        return [1, *(_steps(shapely.get_coordinates(p)) for p in kept)]
    return [2, *(_rings(p) for p in kept)]


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


def as_text(value: Any, *, kind: str | None = None, lang: str = "zh") -> str | None:
    """Write a cell for people; None where it says nothing.

    Parameters
    ----------
    value
        Any cell: text, number, date, truth value, or missing.
    kind
        Which codes `value` is one of (a table of ``labels.toml``), if it is a code.
    """
    if value is None or (np.ndim(value) == 0 and pd.isna(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return {"zh": ("否", "是"), "en": ("no", "yes")}[lang][int(value)]
    if isinstance(value, float | np.floating):
        return number(value, _DIGITS) if np.isfinite(value) else None
    if isinstance(value, dt.datetime):  # pandas timestamps too
        return value.date().isoformat() if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        texts = (as_text(v, kind=kind, lang=lang) for v in value)
        return ", ".join(t for t in texts if t) or None
    text = str(value).strip()
    parts = [part.strip() for part in text.split(",")] if kind else []
    if kind and all(part in codes(kind) for part in parts):  # one code, or several
        return ", ".join(label(kind, part, lang) for part in parts)
    return text or None
