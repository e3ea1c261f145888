"""DEMs too large to be held: window by window along the rivers, in bounded memory.

A slope drains to the first river below it. Rivers are where the flood starts, so that a window with
a margin gives each of its cells the same river as the whole DEM would, if the water of the cell
stays inside the window: the rim of a window is taken for open, which can only draw water away. A
cell whose water leaves through the rim is asked again with a margin twice as wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from basin._dem import Dem, Repair, Window, open_dem
from basin.errors import LayerError
from basin.terrain._cells import Bools, Floats
from basin.terrain._cog import write_cog
from basin.terrain._d8 import NO_FLOW, OUTLET
from basin.terrain._flow import MAX_CELLS, TAGS, FlowDirections, flow_in_window

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["Piece", "flow_pieces", "reach_areas", "write_flow_directions"]

#: First margin around a window, in metres: most slopes are shorter.
_MARGIN_M = 6_000.0

Progress = Callable[[int, int], None]


class Piece(NamedTuple):
    """A window and the flow directions of it and its margin.

    Attributes
    ----------
    core : Window
        The cells that this piece answers for; the cores of all pieces tile the DEM.
    flow : FlowDirections
    rows, columns : slice
        Of the core in the arrays of `flow`.
    undecided : shape of the core
        Cells whose water leaves the widest window that may be held.
    """

    core: Window
    flow: FlowDirections
    rows: slice
    columns: slice
    undecided: Bools


def flow_pieces(
    dem: Any,
    streams: RiverNetwork,
    *,
    max_cells: int = MAX_CELLS,
    progress: Progress | None = None,
) -> Iterator[Piece]:
    """Compute flow directions of a DEM of any size, piece by piece.

    Parameters
    ----------
    dem
        As for :func:`~basin.terrain.flow_directions`.
    streams
        The rivers to enforce; without rivers there are no pieces.
    max_cells
        Most cells of a window with its margin: memory is about 80 bytes a cell.
    progress
        Called with the number of cells done and of all.

    Yields
    ------
    Piece
        Pieces without any heights are left out.
    """
    grid = open_dem(dem)
    margin = round(_MARGIN_M / grid.cell_m)
    side = max(int(max_cells**0.5) - 2 * margin, int(max_cells**0.5) // 3, 16)
    margin = min(margin, max((int(max_cells**0.5) - side) // 2, 1))
    total, done = grid.shape[0] * grid.shape[1], 0
    for top in range(0, grid.shape[0], side):
        for left in range(0, grid.shape[1], side):
            bottom, right = min(top + side, grid.shape[0]), min(left + side, grid.shape[1])
            core = Window(top, left, bottom, right)
            piece = _piece(grid, core, streams, margin, max_cells)
            if piece is not None:
                yield piece
            done += core.shape[0] * core.shape[1]
            if progress is not None:
                progress(done, total)


def _piece(
    grid: Dem, core: Window, streams: RiverNetwork, margin: int, max_cells: int
) -> Piece | None:
    if not np.isfinite(grid.read(core)).any():
        return None
    while True:
        window = core.grown(margin, grid.shape)
        before = list(grid.repairs)
        flow = flow_in_window(grid, window, streams, 4 * max_cells, lambda _: None, listed=False)
        _without_counts(grid, before)
        rows = slice(core.top - window.top, core.bottom - window.top)
        columns = slice(core.left - window.left, core.right - window.left)
        undecided = _leaves(flow, grid)[rows, columns]
        wider = core.grown(2 * margin, grid.shape)
        too_large = wider.shape[0] * wider.shape[1] > max_cells
        if not undecided.any() or too_large or window == grid.window:
            return Piece(core, flow, rows, columns, undecided)
        margin *= 2


def _without_counts(grid: Dem, before: list[Repair]) -> None:
    """Keep one line for holes: windows overlap, and their counts mean nothing together."""
    new = [r for r in grid.repairs if r not in before]
    holes = [r for r in new if r.kind == "holes_filled"]
    if not holes:
        return
    text = f"{grid.name}: small holes were filled from their rim"
    one = Repair("holes_filled", grid.name, text, f"{grid.name}：小块空洞已由周边插补")
    kept = [r for r in grid.repairs if r not in holes and r != one]
    grid.repairs[:] = [*kept, one]


def _leaves(flow: FlowDirections, grid: Dem) -> Bools:
    """Cells that drain over the rim of the window, where the DEM goes on."""
    window, shape = flow.window, flow.d8.shape
    rim = np.zeros(shape, dtype=bool)
    rim[0] |= window.top > 0
    rim[-1] |= window.bottom < grid.shape[0]
    rim[:, 0] |= window.left > 0
    rim[:, -1] |= window.right < grid.shape[1]
    river = (flow.owner >= 0).reshape(shape)
    ends = (flow.d8 == OUTLET) & rim & ~river
    start = np.where(ends.ravel(), 1, np.where(river.ravel(), 2, 0)).astype(np.int32)
    start[((flow.d8 == OUTLET) & ~rim & ~river).ravel()] = 2
    return np.asarray(flow.fill_up(start) == 1).reshape(shape)


def reach_areas(
    dem: Any,
    streams: RiverNetwork,
    *,
    max_cells: int = MAX_CELLS,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Land that drains to each reach, from a DEM of any size, in bounded memory.

    Parameters
    ----------
    dem, streams, max_cells, progress
        As for :func:`flow_pieces`.

    Returns
    -------
    DataFrame by reach_id
        ``area_km2``, own land; ``drainage_area_km2`` at the lower end, along the main ways;
        ``at_data_edge``: the DEM may end before the divide of the own land. ``attrs``:
        ``undecided_km2``, land whose water leaves the widest window allowed, counted nowhere;
        ``off_rivers_km2``, land that leaves the DEM without meeting a river.

    Raises
    ------
    LayerError, CrsError
        As for :func:`~basin.terrain.open_dem`.
    """
    m = len(streams.reaches)
    own: Floats = np.zeros((m,))
    edge: Floats = np.zeros((m,))
    undecided_km2, off_km2 = 0.0, 0.0
    for piece in flow_pieces(dem, streams, max_cells=max_cells, progress=progress):
        flow = piece.flow
        visits, _ = flow.enforced
        mine = np.zeros(flow.d8.shape, dtype=bool)
        mine[piece.rows, piece.columns] = flow.d8[piece.rows, piece.columns] != NO_FLOW
        out = np.zeros(flow.d8.shape, dtype=bool)
        out[piece.rows, piece.columns] = piece.undecided
        core, lost = mine.ravel(), out.ravel()
        area, entry = flow.cell_area_km2, flow.entry
        undecided_km2 += float(area[lost].sum())
        off_km2 += float(area[core & ~lost & (entry < 0)].sum())
        here = core & (entry >= 0)
        reach = visits.reach[entry[here]] if len(visits.reach) else entry[here]
        own = own + np.bincount(reach, area[here], m)
        edge = edge + np.bincount(reach, _true_edge(flow)[here], m)
    total = np.asarray(streams.accumulate(own, split="main"))
    table = pd.DataFrame(
        {"area_km2": own, "drainage_area_km2": total, "at_data_edge": edge > 0},
        index=streams.reaches.index,
    )
    table.attrs = {"undecided_km2": undecided_km2, "off_rivers_km2": off_km2}
    return table


def _true_edge(flow: FlowDirections) -> Bools:
    """The rim of the data, without the rims of the window inside the DEM."""
    edge = flow.data_edge.reshape(flow.d8.shape).copy()
    window, shape = flow.window, flow.dem.shape
    inner = edge.copy()
    inner[0] &= window.top == 0
    inner[-1] &= window.bottom == shape[0]
    inner[:, 0] &= window.left == 0
    inner[:, -1] &= window.right == shape[1]
    return inner.ravel()


def write_flow_directions(
    dem: Any,
    path: str | Path,
    streams: RiverNetwork,
    *,
    max_cells: int = MAX_CELLS,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the flow directions of a DEM of any size as a Cloud Optimized GeoTIFF.

    Parameters
    ----------
    dem, streams, max_cells, progress
        As for :func:`flow_pieces`.
    path, overwrite
        The file to write.

    Raises
    ------
    LayerError
        If there are no heights at all, or the file exists.
    """
    grid = open_dem(dem)
    pieces = flow_pieces(grid, streams, max_cells=max_cells, progress=progress)
    first = next(pieces, None)
    if first is None:
        raise LayerError(f"{grid.name} holds no heights", mend="Give another DEM.")

    def parts() -> Iterator[tuple[int, int, Any]]:
        yield first.core.top, first.core.left, first.flow.d8[first.rows, first.columns]
        for piece in pieces:
            yield piece.core.top, piece.core.left, piece.flow.d8[piece.rows, piece.columns]

    return write_cog(
        path, parts(), "uint8", grid, grid.window, nodata=NO_FLOW, tags=TAGS, overwrite=overwrite
    )
