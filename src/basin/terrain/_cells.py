"""The cells of a DEM along mapped rivers, in the order in which water passes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from basin._dem import Dem, Window
from basin._network.geometry import vertices

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["Bools", "Floats", "Ints", "RiverCells", "river_cells"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Places are taken along a line at least so often, in cells: two in a row lie in the same cell or
#: in neighbours.
_STEP_CELLS = 0.5

#: Degrees around a window within which reaches are looked at.
_AROUND_DEG = 0.02


class RiverCells(NamedTuple):
    """Visits of reaches to cells, reach by reach upstream first, each in the order of flow.

    A cell may be visited by several reaches, and its water then goes the way of the last visit:
    numbers grow on every way down, so that no circle can arise.

    Attributes
    ----------
    reach : shape (n,)
        Position of the reach in the network's table.
    measure_m : shape (n,)
        Where the reach enters the cell, from its upstream end.
    leave_m : shape (n,)
        Where it leaves it.
    cell : shape (n,)
        Flat index in the window; -1 outside of it.
    after : shape (n,)
        Flat index of the next cell on the reach; -1 at its end and outside of the window.
    """

    reach: Ints
    measure_m: Floats
    leave_m: Floats
    cell: Ints
    after: Ints

    def take(self, keep: Any) -> RiverCells:
        return RiverCells(*(column[keep] for column in self))


def river_cells(network: RiverNetwork, dem: Dem, window: Window) -> RiverCells:
    """Walk every reach that comes near a window, cell by cell.

    Where a river parts, the cell of the parting belongs to its main way.
    """
    lines = np.asarray(network.reaches.geometry.array, dtype=object)
    near = _near(lines, dem, window)
    verts = vertices(lines[near])
    place = dem.cells(verts.xy)
    measure = _scaled_measures(verts, network.reaches["length_m"].to_numpy(float)[near])
    owner = np.repeat(near, np.diff(verts.first))
    row_col, along, reach = _sampled(place, measure, owner)
    cell = np.floor(row_col).astype(np.int64)
    new = np.ones(len(cell), dtype=bool)
    new[1:] = (cell[1:] != cell[:-1]).any(axis=1) | (reach[1:] != reach[:-1])
    cell, along, reach = cell[new], along[new], reach[new]
    inside = (cell >= (window.top, window.left)).all(axis=1)
    inside &= (cell < (window.bottom, window.right)).all(axis=1)
    flat = (cell[:, 0] - window.top) * window.shape[1] + cell[:, 1] - window.left
    flat = np.where(inside, flat, -1)
    first = np.ones(len(flat), dtype=bool)
    first[1:] = reach[1:] != reach[:-1]
    last = np.append(first[1:], True)
    after = np.where(last, -1, np.append(flat[1:], -1))
    ends = network.reaches["length_m"].to_numpy(dtype=float)[reach]
    leave = np.where(last, ends, np.append(along[1:], 0.0))
    visits = RiverCells(reach, along, leave, flat, after)
    aside = ~network.main_way.to_numpy(dtype=bool)
    return visits.take((flat >= 0) & ~(first & aside[reach]))


def _near(lines: Any, dem: Dem, window: Window) -> Ints:
    """Reaches whose box comes near the window."""
    rows = np.linspace(window.top, window.bottom, 5)
    cols = np.linspace(window.left, window.right, 5)
    lonlat = dem.lonlat(np.array([(r, c) for r in rows for c in cols]))
    (west, south), (east, north) = (
        lonlat.min(axis=0) - _AROUND_DEG,
        lonlat.max(axis=0) + _AROUND_DEG,
    )
    box = shapely.bounds(lines)
    meets = (box[:, 0] <= east) & (box[:, 2] >= west) & (box[:, 1] <= north) & (box[:, 3] >= south)
    return np.flatnonzero(meets)


def _scaled_measures(verts: Any, length: Floats) -> Floats:
    """Metres from the upstream end of its reach to each vertex, ending at the reach's length."""
    measure: Floats = verts.measures()
    own = np.diff(verts.first)
    end = measure[verts.first[1:] - 1]
    factor = np.where(end > 0, length / np.where(end > 0, end, 1.0), 1.0)
    scaled: Floats = measure * np.repeat(factor, own)
    return scaled


def _sampled(place: Floats, measure: Floats, owner: Ints) -> tuple[Floats, Floats, Ints]:
    """Rows and columns at short steps along lines, with their measures and owners."""
    if not len(place):
        return np.zeros((0, 2)), np.zeros(0), np.zeros(0, dtype=np.int64)
    step = np.abs(np.diff(place, axis=0)).max(axis=1)
    same = owner[1:] == owner[:-1]
    n = np.where(same, np.maximum(np.ceil(step / _STEP_CELLS), 1), 1).astype(np.int64)
    n = np.append(n, 1)  # the last vertex stands for itself
    start = np.repeat(np.arange(len(place)), n)
    share = (np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)) / np.repeat(n, n)
    end = np.minimum(start + 1, len(place) - 1)
    row_col = place[start] + (place[end] - place[start]) * share[:, None]
    along = measure[start] + (measure[end] - measure[start]) * share
    return row_col, along, owner[start].astype(np.int64)
