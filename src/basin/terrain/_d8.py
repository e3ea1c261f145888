"""From heights to directions: pyflwdir's flood, the rivers, and the steepest way on slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from basin._dem import Dem, Heights, Repair, Window, lowest_around
from basin.errors import LayerError
from basin.terrain._cells import Bools, RiverCells

__all__ = ["NO_FLOW", "OUTLET", "bridge_voids", "data_edge", "directions", "fill_holes", "pyflwdir"]

#: Code, rows down and columns right of each way (ESRI, also called D8): the convention of the COG.
D8 = (
    (1, 0, 1),
    (2, 1, 1),
    (4, 1, 0),
    (8, 1, -1),
    (16, 0, -1),
    (32, -1, -1),
    (64, -1, 0),
    (128, -1, 1),
)
OUTLET, NO_FLOW = 0, 247
_CODE = np.zeros((3, 3), dtype=np.uint8)
for _code, _dr, _dc in D8:
    _CODE[_dr + 1, _dc + 1] = _code

#: River cells are sunk by so much below the lowest cell beside them, so that slopes lead into them.
_BURN_M = 5.0

#: Holes of up to so many cells are filled from their rim; larger ones stay (lakes, the sea).
_HOLE_CELLS = 100

_ROWS_AT_ONCE = 256


def pyflwdir() -> Any:
    """Import pyflwdir, which is an extra.

    Raises
    ------
    LayerError
        If it is not installed.
    """
    try:
        import pyflwdir as found
    except ImportError as error:
        raise LayerError(
            "flow directions need pyflwdir",
            mend="pip install 'basin-gis[dem]'.",
            zh="计算流向需要 pyflwdir",
            mend_zh="请安装：pip install 'basin-gis[dem]'",
        ) from error
    return found


def data_edge(valid: Bools) -> Bools:
    """Cells beside one without data, or at the rim of the raster."""
    return np.asarray(pyflwdir().gis_utils.get_edge(valid, np.ones((3, 3), dtype=bool)))


def fill_holes(heights: Heights, grid: Dem) -> Heights:
    """Fill small holes from their rim, and list them."""
    from rasterio.features import sieve
    from rasterio.fill import fillnodata

    valid = np.isfinite(heights)
    if valid.all():
        return heights
    closed = sieve(valid.astype(np.uint8), size=_HOLE_CELLS, connectivity=8).astype(bool)
    holes = closed & ~valid
    n = int(holes.sum())
    if not n:
        return heights
    filled = fillnodata(
        np.where(valid, heights, 0), mask=valid, max_search_distance=2 * _HOLE_CELLS
    )
    text = f"{grid.name}: {n} cells without data in small holes were filled from their rim"
    repair = Repair(
        "holes_filled", grid.name, text, f"{grid.name}：小块空洞共 {n} 个像元，已由周边插补"
    )
    if repair not in grid.repairs:
        grid.repairs.append(repair)
    return np.where(holes, filled, heights).astype(np.float32)


def bridge_voids(heights: Heights, visits: RiverCells) -> Heights:
    """Give river cells without data (a lake, say) heights between those along the same reach."""
    flat = heights.ravel()
    z = flat[visits.cell]
    void = np.isnan(z)
    if not void.any():
        return heights
    known = ~void
    # each reach has its own stretch of the axis, so that one interpolation serves all
    span = float(visits.measure_m.max()) + 1.0
    axis = visits.reach * (2 * span) + visits.measure_m
    between = (
        np.interp(axis[void], axis[known], z[known]) if known.any() else np.full(void.sum(), np.nan)
    )
    reaches = np.unique(visits.reach[known])
    alone = ~np.isin(visits.reach[void], reaches)  # no height on the reach: it stays outside
    flat = flat.copy()
    flat[visits.cell[void]] = np.where(alone, np.nan, between)
    return flat.reshape(heights.shape)


def directions(
    heights: Heights, visits: RiverCells | None, grid: Dem, window: Window
) -> npt.NDArray[np.uint8]:
    valid = np.isfinite(heights)
    seeds = data_edge(valid).ravel()
    surface = heights
    if visits is not None:
        visits = visits.take(valid.ravel()[visits.cell])
        surface = _sunk(heights, visits)
        seeds[visits.cell] = True
    # named outlets always: each way to call the compiled flood costs its compilation anew
    filled, d8 = pyflwdir().dem.fill_depressions(
        surface, nodata=np.nan, idxs_pit=np.flatnonzero(seeds).astype(np.int64)
    )
    _take_steepest(filled, d8, grid, window)
    if visits is None:
        return np.asarray(d8)
    ok = (visits.after >= 0) & valid.ravel()[np.maximum(visits.after, 0)]
    row, col = np.divmod(visits.cell, heights.shape[1])
    to_row, to_col = np.divmod(np.where(ok, visits.after, visits.cell), heights.shape[1])
    d8.ravel()[visits.cell] = _CODE[to_row - row + 1, to_col - col + 1]  # the last visit stands
    return np.asarray(d8)


def _sunk(heights: Heights, visits: RiverCells) -> Heights:
    sunk = heights.copy()
    row, col = np.divmod(visits.cell, heights.shape[1])
    sunk[row, col] = lowest_around(heights, row, col, 1) - _BURN_M
    return sunk


def _take_steepest(filled: Heights, d8: npt.NDArray[np.uint8], grid: Dem, window: Window) -> None:
    """Turn cells to the steepest way down where the filled surface drops; in place.

    A way leads to a lower cell, or along pyflwdir's within one level: no circle can arise.
    """
    rows, cols = filled.shape
    for top in range(0, rows, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, rows)
        east, south = grid.metres(np.arange(top, bottom) + window.top + 0.5)
        per = {0: 1 / east, 1: 1 / south, 2: 1 / np.hypot(east, south)}
        block = np.full((bottom - top + 2, cols + 2), np.nan, dtype=np.float32)
        low, high = max(top - 1, 0), min(bottom + 1, rows)
        block[low - top + 1 : high - top + 1, 1:-1] = filled[low:high]
        here = block[1:-1, 1:-1]
        best = np.zeros(here.shape, dtype=np.float32)
        way = np.zeros(here.shape, dtype=np.uint8)
        for code, dr, dc in D8:
            kind = 2 if dr and dc else (1 if dr else 0)
            fall = here - block[1 + dr : block.shape[0] - 1 + dr, 1 + dc : block.shape[1] - 1 + dc]
            fall *= per[kind].astype(np.float32)[:, None]
            better = fall > best
            np.copyto(best, fall, where=better)
            np.copyto(way, np.uint8(code), where=better)
        part = d8[top:bottom]
        np.copyto(part, way, where=(way > 0) & (part != OUTLET) & (part != NO_FLOW))
