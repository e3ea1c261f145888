"""Placing points on the network: nearest line, measure, offset, bank, and how sure that is."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._network.arrays import Floats, Ints
from basin._network.geometry import Feet, metres_per_degree
from basin._network.join import Index
from basin._network.names import name_matches
from basin.crs import GEOD
from basin.errors import SnapError

__all__ = ["point_xy", "snap_points", "text_or_none"]

#: Another river this near, or this many times the best offset away, makes a place ambiguous.
_RIVAL_M, _RIVAL_TIMES = 50.0, 1.5

#: Offsets closer than this are equal, and the lowest reach_id wins.
_TIE_M = 1e-6

#: Alternatives listed for a point.
_ALTERNATIVES = 3

#: Points looked at together, so that memory stays bounded.
_POINTS_AT_ONCE = 20_000

#: How far a reach is looked for where none is within the allowed offset, in metres.
_FAR_M = (2_000.0, 10_000.0, 50_000.0, 250_000.0, 1_000_000.0)


def text_or_none(values: pd.Series) -> list[Any]:
    """Return texts without blanks around them, None for none."""
    text = values.astype("string").str.strip()
    return [None if pd.isna(t) or t == "" else str(t) for t in text]


def point_xy(table: gpd.GeoDataFrame) -> Floats:
    """Return longitude and latitude of points, NaN for those without geometry, shape (n, 2).

    Raises
    ------
    SnapError
        If a geometry is not a point.
    """
    geometry = table.geometry
    present = ~(geometry.isna() | geometry.is_empty)
    wrong = present & (geometry.geom_type != "Point")
    if wrong.any():
        raise SnapError(
            f"{wrong.sum()} of {len(table)} geometries are not points",
            ids=table.index[wrong],
            mend="Give points, e.g. `points.representative_point()`.",
        )
    xy = np.full((len(table), 2), np.nan)
    at = present.to_numpy()
    xy[at] = np.column_stack([geometry[present].x, geometry[present].y])
    return xy


def snap_points(
    xy: Floats,
    record: list[Any],
    index: Index,
    measures: Floats,
    ids: Any,
    names: Any,
    path: Ints,
    *,
    max_offset_m: float,
) -> pd.DataFrame:
    """Place points, one row each, in the order given.

    Parameters
    ----------
    xy : shape (p, 2)
        EPSG:4490; NaN for a point without a place.
    record
        The river that each point's record names, None if it names none.
    measures
        Metres from its line's upstream end to each vertex of ``index.verts``.
    ids, names, path : shape (m,)
        Id, river name and main path of each reach.
    """
    rank = np.empty(len(ids), dtype=np.intp)
    rank[np.argsort(ids.astype(str), kind="stable")] = np.arange(len(ids))
    rows: list[dict[str, Any]] = []
    for begin in range(0, len(xy), _POINTS_AT_ONCE):
        part = slice(begin, begin + _POINTS_AT_ONCE)
        rows += _snap_part(
            xy[part], record[part], index, measures, rank, ids, names, path, max_offset_m
        )
    return pd.DataFrame(rows, columns=list(_EMPTY)).astype(_KINDS)


_EMPTY: dict[str, Any] = {
    "reach_id": None,
    "measure_m": np.nan,
    "offset_m": np.nan,
    "bank": "",
    "river": None,
    "status": "no_geometry",
    "name_conflict": False,
    "lon": np.nan,
    "lat": np.nan,
    "alternatives": (),
}

#: Kinds of columns, the same with no point at all.
_KINDS: dict[str, str] = {
    **dict.fromkeys(("measure_m", "offset_m", "lon", "lat"), "float64"),
    **dict.fromkeys(("reach_id", "bank", "river", "status"), "str"),
    "name_conflict": "bool",
    "alternatives": "object",
}


def _snap_part(
    xy: Floats,
    record: list[Any],
    index: Index,
    measures: Floats,
    rank: Ints,
    ids: Any,
    names: Any,
    path: Ints,
    max_offset_m: float,
) -> list[dict[str, Any]]:
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
    point, line, feet = _candidates(xy[placed], index, max_offset_m)
    point = placed[point]
    offset = _exact_offset(xy[point], feet)
    verts = index.verts
    along = measures[feet.segment] + feet.share * (
        measures[feet.segment + 1] - measures[feet.segment]
    )
    order = np.lexsort((rank[line], np.round(offset / _TIE_M), point))
    point, line, offset, along = point[order], line[order], offset[order], along[order]
    feet = feet.take(order)
    side = _bank(xy[point], feet, verts.xy, verts.first, line)
    first = np.searchsorted(point, np.arange(len(xy) + 1))
    rows = []
    for k in range(len(xy)):
        a, b = int(first[k]), int(first[k + 1])
        row = dict(_EMPTY)
        if a < b:
            near = a + int(np.searchsorted(offset[a:b], max_offset_m, side="right"))
            if near == a:
                row |= {"status": "far", "offset_m": float(offset[a])}
            else:
                pick, ambiguous, conflict = _choose(
                    line[a:near], offset[a:near], record[k], names, path
                )
                at = a + pick
                others = [j for j in range(a, near) if j != at][:_ALTERNATIVES]
                row |= {
                    "reach_id": ids[line[at]],
                    "measure_m": float(along[at]),
                    "offset_m": float(offset[at]),
                    "bank": side[at],
                    "river": names[line[at]],
                    "status": "ambiguous" if ambiguous else "snapped",
                    "name_conflict": conflict,
                    "lon": float(feet.xy[at, 0]),
                    "lat": float(feet.xy[at, 1]),
                    "alternatives": tuple(
                        (ids[line[j]], float(along[j]), float(offset[j])) for j in others
                    ),
                }
        rows.append(row)
    return rows


def _candidates(xy: Floats, index: Index, max_offset_m: float) -> tuple[Ints, Ints, Feet]:
    """Feet of each point on every line within reach; where there is none, on the nearest lines."""
    point, line, feet = index.feet(xy, *index.near(xy, max_offset_m))
    near = feet.distance_m <= max_offset_m * 1.001
    missing = np.ones(len(xy), dtype=bool)
    missing[point[near]] = False
    found = [(point[near], line[near], feet.take(near))]
    for radius in _FAR_M:
        lost = np.flatnonzero(missing)
        if not len(lost) or radius <= max_offset_m:
            continue
        point, line, feet = index.feet(xy[lost], *index.near(xy[lost], radius))
        near = feet.distance_m <= radius
        found.append((lost[point[near]], line[near], feet.take(near)))
        missing[lost[point[near]]] = False
    points, lines, all_feet = zip(*found, strict=True)
    return np.concatenate(points), np.concatenate(lines), Feet.stack(list(all_feet))


def _exact_offset(xy: Floats, feet: Feet) -> Floats:
    """Geodesic metres from point to foot."""
    if not len(xy):
        return np.zeros(0)
    offset: Floats = GEOD.inv(xy[:, 0], xy[:, 1], feet.xy[:, 0], feet.xy[:, 1])[2]
    return offset


def _bank(xy: Floats, feet: Feet, vertex: Floats, first: Ints, line: Ints) -> Any:
    """Say on which side of the flow each point lies; at a bend both segments are asked together."""
    scale = np.column_stack(metres_per_degree(xy[:, 1])) if len(xy) else np.zeros((0, 2))

    def unit(a: Ints, b: Ints) -> Floats:
        step = (vertex[b] - vertex[a]) * scale
        size = np.hypot(step[:, 0], step[:, 1])[:, None]
        result: Floats = step / np.where(size > 0, size, 1.0)
        return result

    here = feet.segment
    course = unit(here, here + 1)
    before = np.maximum(here - 1, first[line])
    after = np.minimum(here + 2, first[line + 1] - 1)
    course = np.where((feet.share <= 0)[:, None], course + unit(before, here), course)
    course = np.where((feet.share >= 1)[:, None], course + unit(here + 1, after), course)
    away = (xy - feet.xy) * scale
    cross = course[:, 0] * away[:, 1] - course[:, 1] * away[:, 0]
    side = np.where(cross > 0, "left", "right").astype(object)
    side[(np.abs(cross) <= _TIE_M) | (np.hypot(away[:, 0], away[:, 1]) <= _TIE_M)] = ""
    return side


def _choose(
    line: Ints, offset: Floats, record: Any, names: Any, path: Ints
) -> tuple[int, bool, bool]:
    """Choose among the lines within reach, nearest first.

    Returns
    -------
    position, ambiguous, name conflict
    """
    named = isinstance(record, str) and bool(record.strip())
    match = [named and name_matches(record, names[k]) for k in line]
    pick = match.index(True) if any(match) else 0
    nearest = names[line[0]]
    conflict = named and bool(nearest) and not match[0]
    limit = max(_RIVAL_M, _RIVAL_TIMES * offset[pick])
    rivals = [
        k
        for k in range(len(line))
        if k != pick and offset[k] <= limit and not _same_river(line[pick], line[k], names, path)
    ]
    # the name decides where it fits the chosen river and none of the others
    decided = match[pick] and not any(match[k] for k in rivals)
    return pick, bool(rivals) and not decided, conflict


def _same_river(a: int, b: int, names: Any, path: Ints) -> bool:
    return bool(path[a] == path[b] or (names[a] and names[b] and name_matches(names[a], names[b])))
