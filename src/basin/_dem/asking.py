"""Heights at places."""

from __future__ import annotations

from typing import Any

import numpy as np

from basin._dem.grid import Floats, Window
from basin._dem.opening import open_dem
from basin._dem.stored import Heights

__all__ = ["heights_at", "lowest_around"]

#: Side of the blocks in which heights at points are read, in cells.
_BLOCK = 1024


def heights_at(dem: Any, lonlat: Floats, *, around: int = 0) -> Floats:
    """Height of the cell under each place, or the lowest of the cells around it.

    Parameters
    ----------
    dem
        As for :func:`open_dem`.
    lonlat : shape (n, 2)
        EPSG:4490.
    around
        Look so many cells to every side and take the lowest: rivers are drawn a cell or so beside
        their valley.

    Returns
    -------
    shape (n,)
        Metres in the DEM's vertical datum; NaN outside, and where the DEM has no data.
    """
    grid = open_dem(dem)
    height = np.full(len(lonlat), np.nan)
    if not len(lonlat):
        return height
    place = grid.cells(np.asarray(lonlat, dtype=float))
    known = np.isfinite(place).all(axis=1, keepdims=True)
    cell = np.floor(np.where(known, place, -1)).astype(np.int64)
    inside = ((cell >= 0) & (cell < grid.shape)).all(axis=1)
    at = np.flatnonzero(inside)
    block = cell[at] // _BLOCK
    key = block[:, 0] * (grid.shape[1] // _BLOCK + 1) + block[:, 1]
    order = np.argsort(key, kind="stable")
    for rows in np.split(at[order], np.flatnonzero(np.diff(key[order])) + 1):
        if not len(rows):
            continue
        low, high = cell[rows].min(axis=0), cell[rows].max(axis=0) + 1
        window = Window(*low.tolist(), *high.tolist()).grown(around, grid.shape)
        heights = grid.read(window)
        at_row, at_col = (cell[rows] - [window.top, window.left]).T
        height[rows] = lowest_around(heights, at_row, at_col, around)
    return height


def lowest_around(heights: Heights, row: Any, col: Any, around: int) -> Heights:
    """Lowest height of the cells up to `around` cells away from each cell."""
    best: Heights = heights[row, col]
    for dr in range(-around, around + 1):
        for dc in range(-around, around + 1):
            r = np.clip(row + dr, 0, heights.shape[0] - 1)
            c = np.clip(col + dc, 0, heights.shape[1] - 1)
            best = np.fmin(best, heights[r, c])
    return best
