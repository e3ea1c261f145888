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
from basin._network.score import BANKS, Record, scores, told_by_area
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
    ids, names, path, area_km2 : shape (m,)
        Id, river name (None for none), main path and drainage area (NaN for none) of each reach.
    """

    grid: Index
    measures: Floats
    ids: Objects
    names: Objects
    path: Ints
    area_km2: Floats

    def along(self, feet: Feet) -> Floats:
        """Metres from the upstream end of its reach to each foot."""
        before, after = self.measures[feet.segment], self.measures[feet.segment + 1]
        metres: Floats = before + feet.share * (after - before)
        return metres


class _Pairs(NamedTuple):
    """Points and the reaches near them, ordered by point, then score, offset and reach_id."""

    point: Ints
    line: Ints
    offset: Floats
    feet: Feet
    score: Floats

    def take(self, pick: Any) -> _Pairs:
        return _Pairs(
            self.point[pick], self.line[pick], self.offset[pick], self.feet.take(pick),
            self.score[pick],
        )  # fmt: skip


def snap_points(xy: Floats, record: Record, on: Places, *, max_offset_m: float) -> pd.DataFrame:
    """Place points, one row each, in the order given.

    Parameters
    ----------
    xy : shape (p, 2)
        EPSG:4490; NaN for a point without a place.
    record
        What is known of each point.
    """
    n = len(xy)
    rank = np.empty(len(on.ids), dtype=np.intp)
    rank[np.argsort(on.ids.astype(str), kind="stable")] = np.arange(len(on.ids))
    number = {c: np.full(n, np.nan) for c in ("measure_m", "offset_m", "score", "lon", "lat")}
    line = np.full(n, -1, dtype=np.intp)
    bank, status = np.zeros(n, dtype=np.intp), np.full(n, _NONE, dtype=np.intp)
    conflict = {c: np.zeros(n, dtype=bool) for c in ("name", "bank", "area")}
    others = np.empty(n, dtype=object)
    others.fill(())
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
    # neighbours one after another: what they are near stays in the processor's cache
    placed = placed[np.argsort(on.grid.cell_number(xy[placed]), kind="stable")]
    many = len(placed) >= _MANY_POINTS
    for begin in range(0, len(placed), _POINTS_AT_ONCE):
        at = placed[begin : begin + _POINTS_AT_ONCE]
        pairs = _near_pairs(xy[at], rank, on, max_offset_m, many=many)
        pairs, match, conflict["name"][at] = _ranked(xy, pairs, at, record, on)
        pick, ambiguous = _choose(pairs, match, at, record, on)
        missed = at[pick < 0]
        status[missed] = _FAR
        number["offset_m"][missed] = _far_offsets(xy[missed], on.grid)
        _alternatives(others, pairs, at, pick, on)
        at, ambiguous, pairs = at[pick >= 0], ambiguous[pick >= 0], pairs.take(pick[pick >= 0])
        status[at] = np.where(ambiguous, _AMBIGUOUS, _SNAPPED)
        line[at] = pairs.line
        bank[at] = _bank(xy[at], pairs.feet, on.grid.verts.xy, on.grid.verts.first, pairs.line)
        number["measure_m"][at], number["offset_m"][at] = on.along(pairs.feet), pairs.offset
        number["score"][at] = pairs.score
        told = record.bank[at]
        conflict["bank"][at] = (told > 0) & (bank[at] > 0) & (told != bank[at])
        conflict["area"][at] = told_by_area(record.area_km2[at], on.area_km2[pairs.line])[1]
        number["lon"][at], number["lat"][at] = pairs.feet.xy.T
    return pd.DataFrame(
        {
            "reach_id": _texts(on.ids, line),
            "measure_m": number["measure_m"],
            "offset_m": number["offset_m"],
            "bank": _texts(BANKS, bank),
            "river": _texts(on.names, line),
            "status": _texts(_STATUS, status),
            "score": number["score"],
            "name_conflict": conflict["name"],
            "bank_conflict": conflict["bank"],
            "area_conflict": conflict["area"],
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
    pairs = _Pairs(point, line, offset, feet, np.zeros(len(point))).take(within)
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
    side = np.where(cross > 0, BANKS.index("left"), BANKS.index("right"))
    side[(np.abs(cross) <= _TIE_M) | (np.hypot(away[:, 0], away[:, 1]) <= _TIE_M)] = 0
    return side


def _ranked(
    xy: Floats, pairs: _Pairs, at: Ints, record: Record, on: Places
) -> tuple[_Pairs, Bools, Bools]:
    """Score the pairs of the points `at` and put the best of each point first.

    Returns
    -------
    pairs
    match
        Whether the record of each pair's point means the river of its line.
    conflict
        By point: the nearest reach has another name than the record.
    """
    point, line = at[pairs.point], pairs.line
    match = record.rivers.recorded(point, line)
    first = np.searchsorted(pairs.point, np.arange(len(at) + 1))
    near = np.flatnonzero(first[1:] > first[:-1])
    nearest = first[near]
    conflict = np.zeros(len(at), dtype=bool)
    named = record.rivers.asked(at[near]) & record.rivers.named(line[nearest])
    conflict[near] = named & ~match[nearest]
    bank = np.zeros(len(point), dtype=np.intp)
    asked = np.flatnonzero(record.bank[point] > 0)
    if len(asked):
        verts = on.grid.verts
        feet = pairs.feet.take(asked)
        bank[asked] = _bank(xy[point[asked]], feet, verts.xy, verts.first, line[asked])
    score = scores(record, point, line, pairs.offset, match, bank, on.area_km2[line])
    pairs = pairs._replace(score=score)
    if record.tells():
        order = np.lexsort((np.arange(len(score)), -np.round(score, 12), pairs.point))
        pairs, match = pairs.take(order), match[order]
    return pairs, match, conflict


def _choose(
    pairs: _Pairs, match: Bools, at: Ints, record: Record, on: Places
) -> tuple[Ints, Bools]:
    """Choose the best pair for each of the points `at`, and say where others are as good.

    Returns
    -------
    pick
        Position of the pair; -1 for a point near no reach.
    ambiguous
    """
    n = len(at)
    first = np.searchsorted(pairs.point, np.arange(n + 1))
    near = first[1:] > first[:-1]
    pick = np.where(near, first[:-1], -1)
    limit = np.maximum(_RIVAL_M, _RIVAL_TIMES * pairs.offset[pick]) if len(pairs.point) else pick
    own = pick[pairs.point]
    rival = np.flatnonzero(
        (pairs.offset <= limit[pairs.point])
        & (on.path[pairs.line] != on.path[pairs.line[own]])
        & (np.arange(len(own)) != own)
    )
    rival = rival[~record.rivers.same(pairs.line[own[rival]], pairs.line[rival])]
    doubt = np.zeros(n, dtype=bool)
    doubt[pairs.point[rival]] = True
    fits, differs = told_by_area(record.area_km2[at[pairs.point]], on.area_km2[pairs.line])
    # the name, or the area, decides where it fits the chosen river and none of the others
    for good, bad in ((match, ~match), (fits, differs)):
        decided = np.zeros(n, dtype=bool)
        decided[near] = good[pick[near]]
        decided[pairs.point[rival[~bad[rival]]]] = False
        doubt &= ~decided
    return pick, doubt


def _alternatives(into: Objects, pairs: _Pairs, at: Ints, pick: Ints, on: Places) -> None:
    """Write up to three others of each point as (reach_id, measure_m, offset_m, score)."""
    own = pick[pairs.point]
    place = np.arange(len(own))
    start = np.searchsorted(pairs.point, pairs.point)
    nth = place - start - (place > own)
    other = pairs.take(np.flatnonzero((place != own) & (nth < _ALTERNATIVES)))
    entries = (on.ids[other.line], on.along(other.feet), other.offset, other.score)
    told = np.fromiter(
        zip(*(e.tolist() for e in entries), strict=True), dtype=object, count=len(other.point)
    )
    count = np.bincount(other.point, minlength=len(at))
    for k in range(1, _ALTERNATIVES + 1):
        some = np.flatnonzero(count == k)
        columns = told[count[other.point] == k].reshape(-1, k).T.tolist()
        into[at[some]] = np.fromiter(zip(*columns, strict=True), dtype=object, count=len(some))
