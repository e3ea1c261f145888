"""Coordinates as arrays: vertices of many lines, their geodesic steps, and feet of points on them.

Everything is longitude/latitude in degrees (EPSG:4490) and metres on the CGCS2000 ellipsoid. A
plane is never laid over the whole basin: each small vector is scaled to metres at its own latitude.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from basin._network.arrays import Floats, Ints, ranges
from basin._network.fast import build_kernels
from basin.crs import GEOD

__all__ = [
    "Feet",
    "Vertices",
    "foot_on_lines",
    "metres_per_degree",
    "unique_points",
    "vertices",
]

Objects = npt.NDArray[Any]

#: Lines whose coordinates are fetched at once: more would leave the processor's cache.
_CHUNK = 20_000

#: Up to here a step scaled at its middle latitude is within 1e-8 of the geodesic.
_LONG_STEP_M = 5_000.0

#: Steps measured at once: more would leave the processor's cache.
_STEPS_AT_ONCE = 50_000

#: Segments measured at once when feet are looked for, so that memory stays bounded.
_SEGMENTS_AT_ONCE = 2_000_000


class Vertices(NamedTuple):
    """The vertices of lines, one after another; those of line ``i`` are ``first[i]:first[i+1]``."""

    xy: Floats
    first: Ints

    @property
    def starts(self) -> Floats:
        """First vertex of each line, shape (n, 2)."""
        return self.xy[self.first[:-1]]

    @property
    def ends(self) -> Floats:
        """Last vertex of each line, shape (n, 2)."""
        return self.xy[self.first[1:] - 1]

    def measures(self) -> Floats:
        """Metres from the line's first vertex to each vertex."""
        steps = self._steps()[:-1]
        along = np.concatenate([[0.0], np.cumsum(steps)]) if len(self.xy) else np.zeros(0)
        return along - np.repeat(along[self.first[:-1]], np.diff(self.first))

    def lengths(self) -> Floats:
        """Geodesic length of each line in metres."""
        if len(self.first) < 2:
            return np.zeros(0)
        return np.add.reduceat(self._steps(), self.first[:-1])

    def take(self, order: Ints) -> Vertices:
        """Return the vertices of the lines in another order."""
        count = np.diff(self.first)[order]
        first = np.zeros(len(order) + 1, dtype=np.intp)
        np.cumsum(count, out=first[1:])
        fast = build_kernels(len(order))
        if fast is not None:
            return Vertices(fast.taken(self.xy, self.first, order, first), first)
        return Vertices(self.xy[ranges(self.first[order], count)], first)

    def _steps(self) -> Floats:
        """Metres from each vertex to the next of its line, 0 from the last one."""
        steps = np.zeros(len(self.xy))
        for k in range(0, len(steps) - 1, _STEPS_AT_ONCE):
            part = steps[k : k + _STEPS_AT_ONCE]
            metres = _step_lengths(self.xy[k : k + _STEPS_AT_ONCE + 1])
            part[: len(metres)] = metres
        steps[self.first[1:] - 1] = 0.0
        long = np.flatnonzero(steps > _LONG_STEP_M)
        if len(long):
            a, b = self.xy[long], self.xy[long + 1]
            steps[long] = GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2]
        return steps


def vertices(lines: Objects) -> Vertices:
    """Fetch the coordinates of LineStrings without building a Point.

    Parameters
    ----------
    lines : shape (n,)
        LineStrings, none empty; a third dimension is left out.
    """
    first = np.zeros(len(lines) + 1, dtype=np.intp)
    np.cumsum(shapely.get_num_coordinates(lines), out=first[1:])
    xy = np.empty((first[-1], 2))
    for k in range(0, len(lines), _CHUNK):
        chunk = lines[k : k + _CHUNK]
        xy[first[k] : first[k + len(chunk)]] = shapely.get_coordinates(chunk)
    return Vertices(xy, first)


def metres_per_degree(lat: Floats) -> tuple[Floats, Floats]:
    """Return the length of one degree of longitude and of latitude at `lat`, in metres."""
    sin = np.sin(np.radians(lat))
    bend = 1.0 - GEOD.es * sin * sin
    across = GEOD.a / np.sqrt(bend)  # radius across the meridian
    along = across * (1.0 - GEOD.es) / bend
    return np.radians(across * np.sqrt(1.0 - sin * sin)), np.radians(along)


def _step_lengths(xy: Floats) -> Floats:
    """Metres between each vertex and the next, scaled at the latitude midway."""
    per_lon, per_lat = metres_per_degree((xy[1:, 1] + xy[:-1, 1]) / 2)
    steps: Floats = np.hypot((xy[1:, 0] - xy[:-1, 0]) * per_lon, (xy[1:, 1] - xy[:-1, 1]) * per_lat)
    return steps


def unique_points(xy: Floats) -> tuple[Floats, Ints]:
    """Number equal points (to the last bit).

    Returns
    -------
    points : shape (k, 2)
        The different points, ordered by longitude, then latitude.
    number : shape (n,)
        Which of them each row is.
    """
    if not len(xy):
        return np.zeros((0, 2)), np.zeros(0, dtype=np.intp)
    # longitudes alone put equal points together, but for different points on one meridian
    order = np.argsort(np.ascontiguousarray(xy[:, 0]))
    x, y = xy[order, 0], xy[order, 1]
    along = x[1:] == x[:-1]
    if (y[1:] != y[:-1])[along].any():
        meridian = np.append(0, np.cumsum(~along))
        mixed = np.zeros(meridian[-1] + 1, dtype=bool)
        mixed[meridian[1:][along & (y[1:] != y[:-1])]] = True
        at = np.flatnonzero(mixed[meridian])
        order[at] = order[at][np.lexsort((y[at], meridian[at]))]
        x, y = xy[order, 0], xy[order, 1]
    new = np.ones(len(xy), dtype=bool)
    new[1:] = ~(along & (y[1:] == y[:-1]))
    number = np.empty(len(xy), dtype=np.intp)
    number[order] = np.cumsum(new) - 1
    return np.column_stack([x[new], y[new]]) + 0.0, number


class Feet(NamedTuple):
    """The nearest place of a run of segments to a point, one row a pair."""

    distance_m: Floats
    segment: Ints  # number of the vertex where the segment begins
    share: Floats  # 0..1 along that segment
    xy: Floats

    def take(self, pick: Any) -> Feet:
        """Return the rows that `pick` (mask or positions) picks."""
        return Feet(self.distance_m[pick], self.segment[pick], self.share[pick], self.xy[pick])

    @staticmethod
    def stack(parts: list[Feet]) -> Feet:
        """Put feet one after another."""
        if not parts:
            return Feet(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros((0, 2)))
        return Feet(
            np.concatenate([p.distance_m for p in parts]),
            np.concatenate([p.segment for p in parts]),
            np.concatenate([p.share for p in parts]),
            np.concatenate([p.xy for p in parts]),
        )


def foot_on_lines(points: Floats, verts: Vertices, first: Ints, count: Ints) -> Feet:
    """Find the foot of ``points[i]`` on the `count[i]` segments that begin at vertex ``first[i]``.

    Exact for the given vertices to 1e-7 of the distance; where several segments are equally near,
    the first one.

    Parameters
    ----------
    points : shape (p, 2)
        Longitude and latitude.
    first, count : shape (p,)
        At least one segment each, all of one line.
    """
    splits = np.searchsorted(
        np.cumsum(count), np.arange(_SEGMENTS_AT_ONCE, count.sum(), _SEGMENTS_AT_ONCE)
    )
    edges = np.unique(np.concatenate([[0], splits, [len(points)]]))
    parts = [
        _feet_chunk(points[a:b], verts.xy, first[a:b], count[a:b])
        for a, b in pairwise(edges.tolist())
    ]
    return Feet.stack(parts)


def _feet_chunk(points: Floats, xy: Floats, first: Ints, count: Ints) -> Feet:
    segment = ranges(first, count)
    owner = np.repeat(np.arange(len(points)), count)
    scale = np.column_stack(metres_per_degree(points[:, 1]))[owner]
    start = (xy[segment] - points[owner]) * scale
    along = (xy[segment + 1] - points[owner]) * scale - start
    square = (along * along).sum(axis=1)
    share = -(start * along).sum(axis=1) / np.where(square > 0, square, 1.0)
    share = np.clip(share, 0.0, 1.0)
    foot = start + along * share[:, None]
    distance = np.hypot(foot[:, 0], foot[:, 1])
    begin = np.cumsum(count) - count
    least = np.minimum.reduceat(distance, begin)
    at_least = np.where(
        distance <= least[owner] * (1 + 1e-12), np.arange(len(distance)), len(distance)
    )
    pick = np.minimum.reduceat(at_least, begin)
    place = xy[segment[pick]] * (1 - share[pick])[:, None] + (
        xy[segment[pick] + 1] * share[pick][:, None]
    )
    return Feet(distance[pick], segment[pick], share[pick], place)
