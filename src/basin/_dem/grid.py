"""A DEM that passed the checks: its grid, and heights read window by window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj

from basin._dem.stored import Heights, Repair, Tile, read_tile
from basin.crs import EXCHANGE_CRS, GEOD, to_degrees
from basin.errors import LayerError

__all__ = ["Dem", "Window"]

Floats = npt.NDArray[np.float64]

#: Places a side at which the size of projected cells is computed.
_LATTICE = 17


class Window(NamedTuple):
    """Rows and columns of a grid, the last ones not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    def grown(self, cells: int, within: tuple[int, int]) -> Window:
        """Return the window with a margin, cut at the edge of a grid of the shape `within`."""
        return Window(
            max(self.top - cells, 0),
            max(self.left - cells, 0),
            min(self.bottom + cells, within[0]),
            min(self.right + cells, within[1]),
        )


@dataclass(frozen=True)
class Dem:
    """A DEM that passed the checks of :func:`open_dem`.

    Attributes
    ----------
    crs : pyproj.CRS
        Of places; heights are left out of it.
    transform : affine.Affine
        From (column, row) to coordinates; rows run south.
    shape : tuple of int
        Rows and columns.
    vertical : str
        Name of the vertical datum; empty if neither the file nor the user says it.
    repairs : list of Repair
        Grows as windows are read.
    """

    crs: pyproj.CRS
    transform: Any
    shape: tuple[int, int]
    vertical: str
    tiles: tuple[Tile, ...]
    repairs: list[Repair] = field(default_factory=list)

    @property
    def window(self) -> Window:
        """The whole grid."""
        return Window(0, 0, *self.shape)

    @property
    def name(self) -> str:
        """The file, and how many more there are."""
        more = f" (+{len(self.tiles) - 1})" if len(self.tiles) > 1 else ""
        return f"{self.tiles[0].name}{more}"

    @cached_property
    def cell_m(self) -> float:
        """Side of a cell about the middle of the grid, in metres."""
        per_lon, per_lat = self.metres(np.array([self.shape[0] / 2]))
        return float(np.sqrt(per_lon[0] * per_lat[0]))

    def metres(self, rows: Floats) -> tuple[Floats, Floats]:
        """Metres from a cell to the next east and south, by row (fractions of rows are places)."""
        middle = np.full(len(rows), self.shape[1] / 2)
        east, south = self._steps(np.column_stack([rows, middle]))
        return np.hypot(*east), np.hypot(*south)

    def _steps(self, row_col: Floats) -> tuple[Any, Any]:
        """Vectors in metres (east, north) from each place to one a column and one a row further."""
        n = len(row_col)
        around = np.concatenate([row_col, row_col, row_col, row_col]).astype(float)
        for k, (axis, half) in enumerate(((1, -0.5), (1, 0.5), (0, -0.5), (0, 0.5))):
            around[k * n : (k + 1) * n, axis] += half
        lonlat = self.lonlat(around).reshape(4, n, 2)
        lat = lonlat[:, :, 1].mean(axis=0)
        sin2 = np.sin(np.radians(lat)) ** 2
        across = GEOD.a / np.sqrt(1.0 - GEOD.es * sin2)
        along = across * (1.0 - GEOD.es) / (1.0 - GEOD.es * sin2)
        per = np.radians(np.column_stack([across * np.cos(np.radians(lat)), along]))
        by_col, by_row = (lonlat[1] - lonlat[0]) * per, (lonlat[3] - lonlat[2]) * per
        return by_col.T, by_row.T

    def area_km2(self, window: Window) -> Floats:
        """Area of each cell of a window on the ellipsoid; one column where it varies by row only.

        Returns
        -------
        shape (rows, 1) or (rows, columns)
        """
        rows = np.arange(window.top, window.bottom) + 0.5
        if self.crs.is_geographic:
            east, south = self.metres(np.asarray(rows, dtype=float))
            return np.asarray(east * south / 1e6)[:, None]
        # the scale of a projection changes slowly: a lattice is enough
        at_row = np.linspace(window.top, window.bottom, _LATTICE)
        at_col = np.linspace(window.left, window.right, _LATTICE)
        lattice = np.array([(r, c) for r in at_row for c in at_col])
        by_col, by_row = self._steps(lattice)
        area = np.abs(by_col[0] * by_row[1] - by_col[1] * by_row[0]).reshape(_LATTICE, _LATTICE)
        cols = np.arange(window.left, window.right) + 0.5
        lines = np.array([np.interp(cols, at_col, line) for line in area / 1e6])
        step = np.clip(np.searchsorted(at_row, rows) - 1, 0, _LATTICE - 2)
        share = ((rows - at_row[step]) / (at_row[step + 1] - at_row[step]))[:, None]
        return np.asarray(lines[step] * (1 - share) + lines[step + 1] * share)

    def cells(self, lonlat: Floats) -> Floats:
        """Row and column (fractions within a cell) of places in EPSG:4490, shape (n, 2)."""
        series = gpd.GeoSeries(gpd.points_from_xy(lonlat[:, 0], lonlat[:, 1]), crs=EXCHANGE_CRS)
        if not self.crs.equals(EXCHANGE_CRS, ignore_axis_order=True):
            series = series.to_crs(self.crs)
        back = ~self.transform
        x, y = series.x.to_numpy(), series.y.to_numpy()
        return np.column_stack([back.e * y + back.f, back.a * x + back.c])

    def lonlat(self, row_col: Floats) -> Floats:
        """Longitude and latitude (EPSG:4490) of rows and columns, shape (n, 2)."""
        t = self.transform
        x, y = t.a * row_col[:, 1] + t.c, t.e * row_col[:, 0] + t.f
        if self.crs.equals(EXCHANGE_CRS, ignore_axis_order=True):
            return np.column_stack([x, y])
        series = to_degrees(gpd.GeoSeries(gpd.points_from_xy(x, y), crs=self.crs))
        return np.column_stack([series.x.to_numpy(), series.y.to_numpy()])

    def window_of(self, bounds: Iterable[float], margin_m: float = 0.0) -> Window:
        """Return the window of the grid that covers a box in degrees and a margin around it.

        Raises
        ------
        LayerError
            If the box does not touch the DEM.
        """
        west, south, east, north = bounds
        side = np.linspace(0, 1, 9)
        lon, lat = west + (east - west) * side, south + (north - south) * side
        ring = [(x, y) for x in lon for y in (south, north)]
        ring += [(x, y) for x in (west, east) for y in lat]
        place = self.cells(np.array(ring))
        pad = margin_m / self.cell_m
        low, high = np.floor(place.min(axis=0) - pad), np.ceil(place.max(axis=0) + pad)
        top, left = (int(v) for v in np.maximum(low, 0))
        bottom, right = (int(v) for v in np.minimum(np.maximum(high, low + 1), self.shape))
        if top >= bottom or left >= right:
            raise LayerError(
                f"{self.name} does not reach the area asked for "
                f"({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f})",
                mend="Give a DEM of this area, or check the coordinate system of both.",
                zh=f"{self.name} 不覆盖所问的范围"
                f"（{west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}）",
                mend_zh="换用覆盖该范围的高程文件，或检查两者的坐标系",
            )
        return Window(top, left, bottom, right)

    def read(self, window: Window | None = None) -> Heights:
        """Read heights in metres, NaN where there are none.

        Raises
        ------
        LayerError
            If figures are no heights in metres (a 16-bit overflow, decimetres, a picture).
        """
        want = window or self.window
        out = np.full(want.shape, np.nan, dtype=np.float32)
        for tile in self.tiles:
            top, left = max(want.top, tile.at[0]), max(want.left, tile.at[1])
            bottom = min(want.bottom, tile.at[0] + tile.shape[0])
            right = min(want.right, tile.at[1] + tile.shape[1])
            if top >= bottom or left >= right:
                continue
            part = Window(
                top - tile.at[0], left - tile.at[1], bottom - tile.at[0], right - tile.at[1]
            )
            heights = read_tile(tile, tuple(part), self.repairs)
            into = out[top - want.top : bottom - want.top, left - want.left : right - want.left]
            np.copyto(into, heights, where=np.isnan(into))
        return out
