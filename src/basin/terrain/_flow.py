"""Flow directions of a DEM that agree with the mapped rivers.

pyflwdir fills depressions, drains flats, orders cells and accumulates. Two things are set on top:

* the rivers: their cells are where the flood starts, and each passes its water to the next cell of
  its reach, so that raster and network are one graph;
* where the filled surface drops, the steepest of the eight ways: pyflwdir 0.5 takes the lowest
  neighbour, which on a slope is nearly always a diagonal one (a plane that falls due south drains
  south-west).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._dem import Dem, Heights, Repair, Window, open_dem
from basin.errors import LayerError, NetworkError
from basin.terrain._cells import Bools, Floats, Ints, RiverCells, river_cells
from basin.terrain._cog import write_cog
from basin.terrain._d8 import NO_FLOW, bridge_voids, data_edge, directions, fill_holes, pyflwdir
from basin.terrain._disagree import list_disagreements, stray_visits

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["MAX_CELLS", "TAGS", "FlowDirections", "flow_directions", "flow_in_window"]

#: Cells that one run may hold: about 80 bytes each.
MAX_CELLS = 60_000_000

#: A place on a reach is in a cell of it, or so many beside: a parting's is that of the main way.
_NEAR_CELLS = 3.0


@dataclass(frozen=True)
class FlowDirections:
    """Where the water of each cell goes.

    Attributes
    ----------
    d8 : shape (rows, columns), uint8
        1 E, 2 SE, 4 S, 8 SW, 16 W, 32 NW, 64 N, 128 NE; 0 outlet, 247 no data.
    dem : Dem
    window : Window
        The part of the DEM's grid that `d8` covers.
    heights : shape (rows, columns)
        Metres as read, small holes filled.
    network : RiverNetwork or None
        The rivers that were enforced.
    rivers : RiverCells or None
    disagreements : GeoDataFrame
        Where DEM and rivers do not agree: ``reach_id``, ``kind`` (``climbs``, ``above_valley``,
        ``shares_cells``, ``outside``), ``value``, ``n_cells``, ``geometry`` of the reach
        (EPSG:4490).
    repairs : list of Repair
        What was set right in the DEM.
    """

    d8: npt.NDArray[np.uint8]
    dem: Dem
    window: Window
    heights: Heights
    network: RiverNetwork | None = None
    rivers: RiverCells | None = None
    disagreements: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)

    @property
    def repairs(self) -> list[Repair]:
        return self.dem.repairs

    @cached_property
    def raster(self) -> Any:
        """The same as a ``pyflwdir.FlwdirRaster``, for what else pyflwdir offers."""
        flow = pyflwdir().from_array(self.d8, ftype="d8", check_ftype=False)
        # affine 3 is no tuple any more, and pyflwdir's compiled kernels take only tuples
        flow.transform = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
        return flow

    @property
    def down(self) -> npt.NDArray[np.int32]:
        """Flat index of the cell below each cell; itself at an outlet, -1 without data."""
        below: npt.NDArray[np.int32] = self.raster.idxs_ds
        return below

    @cached_property
    def cell_area_km2(self) -> Floats:
        """Area of each cell on the ellipsoid, flat."""
        area = np.broadcast_to(self.dem.area_km2(self.window), self.d8.shape)
        return np.ascontiguousarray(area).ravel()

    @cached_property
    def upstream_area_km2(self) -> Floats:
        """Area that drains through each cell, its own included; NaN without data."""
        total = self.raster.accuflux(self.cell_area_km2.reshape(self.d8.shape))
        return np.where(self.d8 == NO_FLOW, np.nan, total)

    @cached_property
    def owner(self) -> npt.NDArray[np.int32]:
        """The visit (row of `rivers`) whose way each cell's water goes; -1 off the rivers."""
        found = np.full(self.d8.size, -1, dtype=np.int32)
        if self.rivers is not None:
            found[self.rivers.cell] = np.arange(len(self.rivers.cell))
        return found

    @cached_property
    def entry(self) -> npt.NDArray[np.int32]:
        """The visit at which each cell's water enters a mapped river; -1 if it never does."""
        entry: npt.NDArray[np.int32] = self.fill_up(self.owner + 1) - 1
        return entry

    @cached_property
    def own_area_km2(self) -> Floats:
        """Land that enters the rivers at each visit, shape of `rivers`."""
        n = 0 if self.rivers is None else len(self.rivers.cell)
        area = np.bincount(self.entry + 1, weights=self.cell_area_km2, minlength=n + 1)
        return np.asarray(area[1:], dtype=float)

    @cached_property
    def _reach_own_km2(self) -> Floats:
        """Land that enters each reach of the network."""
        visits, network = self.enforced
        m = len(network.reaches)
        own: Floats = np.bincount(visits.reach, self.own_area_km2, m).astype(float)
        return own

    @cached_property
    def _reach_top_km2(self) -> Floats:
        """Drainage area at the upper end of each reach, along the main ways."""
        own = self._reach_own_km2
        leaving: Floats = self.enforced[1].accumulate(own, split="main")
        top: Floats = leaving - own
        return top

    @property
    def enforced(self) -> tuple[RiverCells, RiverNetwork]:
        if self.rivers is None or self.network is None:
            raise NetworkError(
                "these flow directions were computed without rivers",
                mend="Give `streams` to flow_directions().",
                zh="这份流向没有用到河网",
                mend_zh="计算流向时给出 streams（河网）",
            )
        return self.rivers, self.network

    @property
    def reach_area_km2(self) -> pd.Series:
        """Drainage area at the lower end of each reach, by reach_id, along the main ways."""
        total = self._reach_top_km2 + self._reach_own_km2
        index = self.enforced[1].reaches.index
        return pd.Series(total, index=index, name="drainage_area_km2")

    def visit_of(self, reach: Ints, measure_m: Floats) -> Ints:
        """Return the visit that holds each place on a reach; -1 where the reach has none here.

        Parameters
        ----------
        reach : shape (n,)
            Positions in the network's table.
        measure_m : shape (n,)
        """
        visits, _ = self.enforced
        span = float(max(visits.measure_m.max(initial=0), np.max(measure_m, initial=0))) + 1.0
        axis = visits.reach * span + visits.measure_m
        at = np.searchsorted(axis, reach * span + measure_m, side="right") - 1
        first = np.searchsorted(visits.reach, reach, side="left")
        last = np.searchsorted(visits.reach, reach, side="right")
        at = np.where(first < last, np.maximum(at, first), -1).astype(np.int64)
        if not len(visits.reach):
            return at
        # where a reach leaves the DEM, its last cell there is not that of places beyond
        near = (measure_m <= visits.leave_m[at] + _NEAR_CELLS * self.dem.cell_m) & (
            measure_m >= visits.measure_m[at] - _NEAR_CELLS * self.dem.cell_m
        )
        return np.where(near, at, -1)

    def area_at(self, reach: Ints, measure_m: Floats) -> Floats:
        """Drainage area in km2 at places on reaches, their own cell included; NaN outside.

        Along the graph: where rivers share cells, each keeps the water of its own reaches.
        """
        visits, _ = self.enforced
        at = self.visit_of(reach, measure_m)
        along = np.concatenate([[0.0], np.cumsum(self.own_area_km2)])
        first = np.searchsorted(visits.reach, reach, side="left")
        total = self._reach_top_km2[reach] + along[np.maximum(at, 0) + 1] - along[first]
        return np.where(at < 0, np.nan, total)

    def fill_up(self, labels: Any) -> Any:
        """Give every cell without a label (0) that of the first cell below it that has one."""
        filled = pyflwdir().core.fillnodata_upstream(
            self.raster.idxs_ds,
            self.raster.idxs_seq,
            np.ascontiguousarray(labels),
            labels.dtype.type(0),
        )
        return filled

    @cached_property
    def data_edge(self) -> Bools:
        """Cells at the rim of the data, flat: what lies above them is not known."""
        return data_edge(self.d8 != NO_FLOW).ravel()

    def cell_of(self, lonlat: Floats) -> Ints:
        """Flat index of the cell under each place; -1 outside and without data."""
        place = self.dem.cells(lonlat)
        known = np.isfinite(place).all(axis=1, keepdims=True)
        cell = np.floor(np.where(known, place, -1)).astype(np.int64)
        cell -= (self.window.top, self.window.left)
        inside = ((cell >= 0) & (cell < self.d8.shape)).all(axis=1)
        flat = np.where(inside, cell[:, 0] * self.d8.shape[1] + cell[:, 1], -1)
        flat[inside] = np.where(self.d8.ravel()[flat[inside]] == NO_FLOW, -1, flat[inside])
        return flat

    def lonlat_of(self, cell: Ints) -> Floats:
        """Longitude and latitude of the middle of cells, shape (n, 2)."""
        row, col = np.divmod(cell, self.d8.shape[1])
        place = np.column_stack([row + self.window.top + 0.5, col + self.window.left + 0.5])
        return self.dem.lonlat(place)

    def agreement(self) -> float:
        """Share of visits whose water goes the way of their reach or of one below it.

        1 where every river has cells of its own; less where unrelated rivers share cells.
        """
        if self.rivers is None or self.network is None or not len(self.rivers.cell):
            return float("nan")
        return 1.0 - float(stray_visits(self).mean())

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the directions as a Cloud Optimized GeoTIFF that names its convention."""
        return write_cog(
            path,
            [(0, 0, self.d8)],
            "uint8",
            self.dem,
            self.window,
            nodata=NO_FLOW,
            overwrite=overwrite,
            tags=TAGS,
        )

    def write_upstream_area(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the upstream area in km2 as a Cloud Optimized GeoTIFF (float32, -9999 no data)."""
        area = np.where(np.isnan(self.upstream_area_km2), -9999.0, self.upstream_area_km2)
        tags = {"QUANTITY": "upstream_area", "UNIT": "km2"}
        return write_cog(
            path,
            [(0, 0, area.astype(np.float32))],
            "float32",
            self.dem,
            self.window,
            nodata=-9999.0,
            overwrite=overwrite,
            tags=tags,
        )


TAGS = {
    "QUANTITY": "flow_direction",
    "CONVENTION": "D8 (ESRI): 1 E, 2 SE, 4 S, 8 SW, 16 W, 32 NW, 64 N, 128 NE, 0 outlet, "
    "247 no data",
}


def flow_directions(
    dem: Any,
    *,
    streams: RiverNetwork | None = None,
    bounds: Iterable[float] | None = None,
    vertical: str | None = None,
    max_cells: int = MAX_CELLS,
    progress: Callable[[str], None] | None = None,
) -> FlowDirections:
    """Compute where the water of each cell goes, along the mapped rivers where there are any.

    Parameters
    ----------
    dem
        GeoTIFF, tiles of one grid, open rasterio dataset or :class:`~basin._dem.Dem`. Any CRS that
        is not turned; cells are never resampled.
    streams
        The rivers to enforce.
    bounds
        West, south, east, north in degrees: read only this part. None reads all.
    vertical
        Name of the vertical datum, over what the file says.
    max_cells
        Refuse to hold more than this; see :func:`basin.terrain.reach_areas` for larger ones.
    progress
        Called with the name of each step.

    Raises
    ------
    LayerError, CrsError
        As for :func:`basin._dem.open_dem`; if the part asked for is too large, or holds no data.

    Notes
    -----
    Depressions: Wang & Liu (2006), doi:10.1080/13658810500433453, by pyflwdir. Directions on
    slopes: the steepest of eight (O'Callaghan & Mark 1984) of the filled surface.
    """
    tell = progress or (lambda _: None)
    grid = open_dem(dem, vertical=vertical)
    window = grid.window if bounds is None else grid.window_of(bounds)
    return flow_in_window(grid, window, streams, max_cells, tell)


def flow_in_window(
    grid: Dem,
    window: Window,
    streams: RiverNetwork | None,
    max_cells: int,
    tell: Callable[[str], None],
    *,
    listed: bool = True,
) -> FlowDirections:
    """Compute the directions of one window; see :func:`flow_directions`.

    Parameters
    ----------
    listed
        Whether to list where DEM and rivers do not agree.
    """
    cells = window.shape[0] * window.shape[1]
    if cells > max_cells:
        raise LayerError(
            f"{grid.name}: {cells:,} cells are more than {max_cells:,} at once",
            mend="Give `bounds`, or work piece by piece along the rivers with reach_areas().",
            zh=f"{grid.name}：{cells:,} 个像元，超过一次可处理的 {max_cells:,} 个",
            mend_zh="给出 bounds 缩小范围，或用 reach_areas() 沿河网分块计算",
        )
    tell("read")
    heights = grid.read(window)
    if not np.isfinite(heights).any():
        raise LayerError(
            f"{grid.name} holds no heights in the area asked for",
            mend="Check that DEM and rivers lie in the same place.",
            zh=f"{grid.name} 在所问范围内没有高程数据",
            mend_zh="检查高程文件与河流是否在同一地区",
        )
    heights = fill_holes(heights, grid)
    visits = None
    if streams is not None:
        tell("rivers")
        visits = river_cells(streams, grid, window)
        heights = bridge_voids(heights, visits)
    tell("flow")
    d8 = directions(heights, visits, grid, window)
    flow = FlowDirections(d8, grid, window, heights, streams, visits)
    if streams is None or not listed:
        return flow
    return FlowDirections(d8, grid, window, heights, streams, visits, list_disagreements(flow))
