"""Placing points on the network: nearest line, measure, offset, bank, and how sure that is."""

from __future__ import annotations

from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Bools, Floats, Ints
from basin._network.fast import kernels
from basin._network.geometry import Feet, Objects, metres_per_degree
from basin._network.grid import Index
from basin._network.names import name_matches
from basin.crs import GEOD
from basin.errors import SnapError

__all__ = ["SEGMENTS_A_RUN", "Places", "point_xy", "snap_points", "text_or_none"]

#: Another river this near, or this many times the best offset away, makes a place ambiguous.
_RIVAL_M, _RIVAL_TIMES = 50.0, 1.5

#: Offsets closer than this are equal, and the lowest reach_id wins.
_TIE_M = 1e-6

#: Alternatives listed for a point.
_ALTERNATIVES = 3

#: Segments under one box of the index that points are placed on: few, so that few are measured.
SEGMENTS_A_RUN = 8

#: Points looked at together, so that memory stays bounded.
_POINTS_AT_ONCE = 20_000

#: Up to here metres scaled at the middle latitude are within a micrometre of the geodesic.
_SHORT_M = 500.0

#: From so many points on the compiled search pays for the loading of its compiler.
_MANY_POINTS = 50_000

_STATUS = ("no_geometry", "far", "snapped", "ambiguous")
_NONE, _FAR, _SNAPPED, _AMBIGUOUS = range(4)
_BANK = ("", "left", "right")


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
    at = np.flatnonzero(present.to_numpy())
    shapes = np.asarray(geometry.array, dtype=object)
    for k in range(0, len(at), _POINTS_AT_ONCE):
        part = at[k : k + _POINTS_AT_ONCE]
        xy[part] = shapely.get_coordinates(shapes[part])
    return xy


class Places(NamedTuple):
    """What points are placed on.

    Attributes
    ----------
    grid
        Over the vertices of the reaches.
    measures
        Metres from its reach's upstream end to each vertex.
    ids, names, path : shape (m,)
        Id, river name (None for none) and main path of each reach.
    """

    grid: Index
    measures: Floats
    ids: Objects
    names: Objects
    path: Ints

    def along(self, feet: Feet) -> Floats:
        """Metres from the upstream end of its reach to each foot."""
        before, after = self.measures[feet.segment], self.measures[feet.segment + 1]
        metres: Floats = before + feet.share * (after - before)
        return metres


class _Pairs(NamedTuple):
    """Points and the reaches near them, ordered by point, then offset, then reach_id."""

    point: Ints
    line: Ints
    offset: Floats
    feet: Feet

    def take(self, pick: Any) -> _Pairs:
        return _Pairs(self.point[pick], self.line[pick], self.offset[pick], self.feet.take(pick))


def snap_points(
    xy: Floats, record: list[Any] | None, on: Places, *, max_offset_m: float
) -> pd.DataFrame:
    """Place points, one row each, in the order given.

    Parameters
    ----------
    xy : shape (p, 2)
        EPSG:4490; NaN for a point without a place.
    record
        The river that each point's record names, None if it names none.
    """
    n = len(xy)
    rank = np.empty(len(on.ids), dtype=np.intp)
    rank[np.argsort(on.ids.astype(str), kind="stable")] = np.arange(len(on.ids))
    rivers = _Rivers(record, on)
    number = {c: np.full(n, np.nan) for c in ("measure_m", "offset_m", "lon", "lat")}
    line = np.full(n, -1, dtype=np.intp)
    bank, status = np.zeros(n, dtype=np.intp), np.full(n, _NONE, dtype=np.intp)
    conflict = np.zeros(n, dtype=bool)
    others = np.empty(n, dtype=object)
    others.fill(())
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
    # neighbours one after another: what they are near stays in the processor's cache
    placed = placed[np.argsort(on.grid.cell_number(xy[placed]), kind="stable")]
    many = len(placed) >= _MANY_POINTS
    for begin in range(0, len(placed), _POINTS_AT_ONCE):
        at = placed[begin : begin + _POINTS_AT_ONCE]
        pairs = _near_pairs(xy[at], rank, on, max_offset_m, many=many)
        pick, ambiguous, conflict[at] = _choose(pairs, at, rivers, on)
        missed = at[pick < 0]
        status[missed] = _FAR
        number["offset_m"][missed] = _far_offsets(xy[missed], on.grid)
        _alternatives(others, pairs, at, pick, on)
        at, ambiguous, pairs = at[pick >= 0], ambiguous[pick >= 0], pairs.take(pick[pick >= 0])
        status[at] = np.where(ambiguous, _AMBIGUOUS, _SNAPPED)
        line[at] = pairs.line
        bank[at] = _bank(xy[at], pairs.feet, on.grid.verts.xy, on.grid.verts.first, pairs.line)
        number["measure_m"][at], number["offset_m"][at] = on.along(pairs.feet), pairs.offset
        number["lon"][at], number["lat"][at] = pairs.feet.xy.T
    return pd.DataFrame(
        {
            "reach_id": _texts(on.ids, line),
            "measure_m": number["measure_m"],
            "offset_m": number["offset_m"],
            "bank": _texts(_BANK, bank),
            "river": _texts(on.names, line),
            "status": _texts(_STATUS, status),
            "name_conflict": conflict,
            "lon": number["lon"],
            "lat": number["lat"],
            "alternatives": others,
        }
    )


def _texts(values: Any, at: Ints) -> Any:
    """Pick texts by position, none at -1."""
    return pd.Series(list(values), dtype="str").array.take(at, allow_fill=True)


def _near_pairs(xy: Floats, rank: Ints, on: Places, max_offset_m: float, *, many: bool) -> _Pairs:
    """Feet of each point on every reach within `max_offset_m`."""
    index, verts = on.grid, on.grid.verts
    fast = kernels(len(xy) if not many else _MANY_POINTS, _MANY_POINTS)
    radius = max_offset_m * 1.001  # found on a plane, decided by the geodesic
    if fast is None:
        point, line, feet = index.feet(xy, *index.near(xy, radius))
    else:
        point, line, metres, segment, share = fast.near_feet(
            xy, radius, GEOD.a, GEOD.es, verts.xy, index.box, *index.packed,
            index.origin, index.size, index.shape, len(on.ids),
        )  # fmt: skip
        foot = verts.xy[segment] * (1 - share)[:, None] + verts.xy[segment + 1] * share[:, None]
        feet = Feet(metres, segment, share, foot)
    offset = _exact_offset(xy[point], feet)
    within = np.flatnonzero(offset <= max_offset_m)
    pairs = _Pairs(point, line, offset, feet).take(within)
    size = np.round(pairs.offset / _TIE_M)
    if fast is None:
        return pairs.take(np.lexsort((rank[pairs.line], size, pairs.point)))
    first = np.searchsorted(pairs.point, np.arange(len(xy) + 1))
    return pairs.take(fast.order_within(first, size, rank[pairs.line]))


def _exact_offset(xy: Floats, feet: Feet) -> Floats:
    """Geodesic metres from point to foot."""
    per_lon, per_lat = metres_per_degree((xy[:, 1] + feet.xy[:, 1]) / 2)
    away = xy - feet.xy
    offset: Floats = np.hypot(away[:, 0] * per_lon, away[:, 1] * per_lat)
    long = np.flatnonzero(offset > _SHORT_M)
    if len(long):
        a, b = xy[long], feet.xy[long]
        offset[long] = GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2]
    return offset


def _far_offsets(xy: Floats, index: Index) -> Floats:
    """Metres from each point to its nearest reach, however far."""
    point, _, feet = index.nearest(xy)
    offset = np.full(len(xy), np.inf)
    np.minimum.at(offset, point, _exact_offset(xy[point], feet))
    return offset


def _bank(xy: Floats, feet: Feet, vertex: Floats, first: Ints, line: Ints) -> Ints:
    """Say on which side of the flow each point lies; at a bend both segments are asked together."""
    scale = np.column_stack(metres_per_degree(xy[:, 1])) if len(xy) else np.zeros((0, 2))

    def unit(segment: Ints, of: Ints) -> Floats:
        step = (vertex[segment + 1] - vertex[segment]) * scale[of]
        size = np.hypot(step[:, 0], step[:, 1])[:, None]
        result: Floats = step / np.where(size > 0, size, 1.0)
        return result

    here = feet.segment
    course = (vertex[here + 1] - vertex[here]) * scale
    bend = np.flatnonzero((feet.share <= 0) | (feet.share >= 1))
    if len(bend):
        at, of = here[bend], line[bend]
        back = feet.share[bend] <= 0
        other = np.where(back, np.maximum(at - 1, first[of]), np.minimum(at + 1, first[of + 1] - 2))
        course[bend] = unit(at, bend) + unit(other, bend)
    away = (xy - feet.xy) * scale
    cross = course[:, 0] * away[:, 1] - course[:, 1] * away[:, 0]
    side = np.where(cross > 0, _BANK.index("left"), _BANK.index("right"))
    side[(np.abs(cross) <= _TIE_M) | (np.hypot(away[:, 0], away[:, 1]) <= _TIE_M)] = 0
    return side


def _choose(pairs: _Pairs, at: Ints, rivers: _Rivers, on: Places) -> tuple[Ints, Bools, Bools]:
    """Choose one pair for each of the points `at`.

    Returns
    -------
    pick
        Position of the pair; -1 for a point near no reach.
    ambiguous, name conflict
    """
    n = len(at)
    first = np.searchsorted(pairs.point, np.arange(n + 1))
    near = first[1:] > first[:-1]
    pick = np.where(near, first[:-1], -1)
    match = rivers.recorded(at[pairs.point], pairs.line)
    fitting = np.flatnonzero(match)
    pick[pairs.point[fitting][::-1]] = fitting[::-1]  # the nearest that fits is written last
    conflict = np.zeros(n, dtype=bool)
    nearest = first[:-1][near]
    conflict[near] = rivers.named(at[near], pairs.line[nearest]) & ~match[nearest]
    limit = np.maximum(_RIVAL_M, _RIVAL_TIMES * pairs.offset[pick]) if len(pairs.point) else pick
    own = pick[pairs.point]
    rival = np.flatnonzero(
        (pairs.offset <= limit[pairs.point])
        & (on.path[pairs.line] != on.path[pairs.line[own]])
        & (np.arange(len(own)) != own)
    )
    rival = rival[~rivers.same(pairs.line[own[rival]], pairs.line[rival])]
    doubt, fits = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    doubt[pairs.point[rival]] = True
    fits[pairs.point[rival[match[rival]]]] = True
    # the name decides where it fits the chosen river and none of the others
    decided = np.zeros(n, dtype=bool)
    decided[near] = match[pick[near]]
    return pick, doubt & ~(decided & ~fits), conflict


class _Rivers:
    """Which names mean the same river; each two different names are compared once."""

    def __init__(self, record: list[Any] | None, on: Places) -> None:
        self._of_line, names = pd.factorize(on.names)
        self._names = list(names)
        self._of_point: Ints | None = None
        if record is not None:
            self._of_point, wished = pd.factorize(np.array(record, dtype=object))
            self._wished = list(wished)

    def recorded(self, point: Ints, line: Ints) -> Bools:
        """Does the record of each point mean the river of the line?"""
        if self._of_point is None:
            return np.zeros(len(point), dtype=bool)
        return _matches(self._of_point[point], self._wished, self._of_line[line], self._names)

    def named(self, point: Ints, line: Ints) -> Bools:
        """Have both the record and the line a name?"""
        if self._of_point is None:
            return np.zeros(len(point), dtype=bool)
        both: Bools = (self._of_point[point] >= 0) & (self._of_line[line] >= 0)
        return both

    def same(self, a: Ints, b: Ints) -> Bools:
        """Have the two lines names that mean the same river?"""
        return _matches(self._of_line[a], self._names, self._of_line[b], self._names)


def _matches(a: Ints, a_names: list[Any], b: Ints, b_names: list[Any]) -> Bools:
    both = np.flatnonzero((a >= 0) & (b >= 0))
    key, which = np.unique(a[both] * len(b_names) + b[both], return_inverse=True)
    alike = [name_matches(a_names[k // len(b_names)], b_names[k % len(b_names)]) for k in key]
    result = np.zeros(len(a), dtype=bool)
    result[both] = np.array(alike, dtype=bool)[which]
    return result


def _alternatives(into: Objects, pairs: _Pairs, at: Ints, pick: Ints, on: Places) -> None:
    """Write up to three other reaches of each point as tuples (reach_id, measure_m, offset_m)."""
    own = pick[pairs.point]
    place = np.arange(len(own))
    start = np.searchsorted(pairs.point, pairs.point)
    nth = place - start - (place > own)
    other = pairs.take(np.flatnonzero((place != own) & (nth < _ALTERNATIVES)))
    entries = (on.ids[other.line], on.along(other.feet), other.offset)
    told = np.fromiter(
        zip(*(e.tolist() for e in entries), strict=True), dtype=object, count=len(other.point)
    )
    count = np.bincount(other.point, minlength=len(at))
    for k in range(1, _ALTERNATIVES + 1):
        some = np.flatnonzero(count == k)
        columns = told[count[other.point] == k].reshape(-1, k).T.tolist()
        into[at[some]] = np.fromiter(zip(*columns, strict=True), dtype=object, count=len(some))
