"""What elevations say of reaches: how far each drops, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin._dem import heights_at, open_dem
from basin._network.arrays import Floats, Ints
from basin._network.geometry import Objects, Vertices, vertices

__all__ = ["drops_along", "places_along", "reach_drops"]

#: Most heights read along one line.
_MOST_PLACES = 48

#: Error of a height against its neighbours, at least, in metres: a DEM of 30 m has 1 to 3 m.
_NOISE_M = 1.0

#: Errors of neighbouring heights are alike: the standard error is so many times that of errors
#: that are not.
_ALIKE = 2.0


def reach_drops(lines: Objects, dem: Any) -> pd.DataFrame:
    """Tell how far each line drops from its first vertex to its last.

    A straight line is fitted to the lowest heights within a cell of the line, so that neither a
    line drawn beside its valley nor one wrong cell decides.

    Parameters
    ----------
    lines : shape (n,)
        LineStrings in EPSG:4490.
    dem
        GeoTIFF, tiles, or an open DEM, in metres.

    Returns
    -------
    shape (n, 3)
        ``drop_m``, below 0 for a line that climbs, NaN without heights; ``confidence`` that the
        sign is right, 0 (flat: says nothing) to 1; ``n``, the number of heights.

    Notes
    -----
    Ordinary least squares of height on measure. The standard error of its slope is that of errors
    of at least 1 m, doubled because neighbouring errors are alike; confidence is the share of a
    normal distribution within drop / error on both sides, so that a coin's toss gives 0.
    """
    return drops_along(vertices(lines), dem)


def drops_along(verts: Vertices, dem: Any) -> pd.DataFrame:
    """Do the same for lines whose vertices are at hand; see :func:`reach_drops`."""
    grid = open_dem(dem)
    n = len(verts.first) - 1
    lonlat, measure, owner = places_along(verts, grid.cell_m, _MOST_PLACES)
    height = heights_at(grid, lonlat, around=1)
    known = np.isfinite(height)
    x, z, of = measure[known], height[known], owner[known]
    count = np.bincount(of, minlength=n)
    safe = np.maximum(count, 1)
    x = x - (np.bincount(of, weights=x, minlength=n) / safe)[of]
    z = z - (np.bincount(of, weights=z, minlength=n) / safe)[of]
    spread = np.bincount(of, weights=x * x, minlength=n)
    usable = (count >= 2) & (spread > 0)
    slope = np.bincount(of, weights=x * z, minlength=n) / np.where(usable, spread, 1.0)
    rest = np.bincount(of, weights=(z - slope[of] * x) ** 2, minlength=n)
    noise = np.sqrt(np.maximum(rest / np.maximum(count - 2, 1), _NOISE_M**2))
    error = _ALIKE * noise / np.sqrt(np.where(usable, spread, 1.0))
    confidence = np.where(usable, _within(slope / error), 0.0)
    drop = np.where(usable, -slope * verts.lengths(), np.nan)
    return pd.DataFrame({"drop_m": drop, "confidence": confidence, "n": count})


def _within(deviations: Floats) -> Floats:
    """Share of a normal distribution within so many standard deviations on both sides."""
    from math import erf, sqrt

    return np.array([erf(abs(d) / sqrt(2.0)) for d in deviations.tolist()])


def places_along(verts: Vertices, step_m: float, most: int) -> tuple[Floats, Floats, Ints]:
    """Places at even steps along lines, both ends included.

    Parameters
    ----------
    step_m
        About so far apart, or farther where a line would have more than `most` places.

    Returns
    -------
    lonlat : shape (k, 2)
    measure_m : shape (k,)
        From the first vertex of the line.
    line : shape (k,)
    """
    length, measures = verts.lengths(), verts.measures()
    n = len(length)
    count = np.clip(np.ceil(length / step_m) + 1, 2, most).astype(np.intp)
    line = np.repeat(np.arange(n, dtype=np.intp), count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    measure = length[line] * nth / (count - 1)[line]
    # each line has its own stretch of one axis, on which all places are found at once
    span = float(length.max(initial=0.0)) + 1.0
    owner = np.repeat(np.arange(n), np.diff(verts.first))
    axis = owner * (2 * span) + measures
    at = line * (2 * span) + measure
    lonlat = np.column_stack([np.interp(at, axis, verts.xy[:, k]) for k in (0, 1)])
    return lonlat, measure, line
