"""Small DEMs and rivers that can be solved in the head: cells of 30 m in EPSG:4545."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.transform import from_origin
from shapely import LineString, Point

from basin.network import RiverNetwork

CELL = 30.0
WEST, NORTH = 500_000.0, 3_200_000.0
CRS = "EPSG:4545"
NODATA = -9999.0


def write_dem(path: Path, z: Any, *, name: str = "dem.tif", **profile: Any) -> Path:
    """Write heights (NaN where there are none) as a GeoTIFF in the folder `path`."""
    z = np.asarray(z)
    given = {
        "driver": "GTiff", "width": z.shape[1], "height": z.shape[0], "count": 1,
        "dtype": "float32", "crs": CRS, "nodata": NODATA,
        "transform": from_origin(WEST, NORTH, CELL, CELL), **profile,
    }  # fmt: skip
    file = path / name
    stored = np.where(np.isnan(z), given["nodata"], z) if z.dtype.kind == "f" else z
    with rasterio.open(file, "w", **given) as raster:
        raster.write(stored.astype(given["dtype"]), 1)
    return file


def place(row: float, col: float) -> tuple[float, float]:
    """Coordinates of a place given in rows and columns (0.5 is the middle of the first cell)."""
    return WEST + col * CELL, NORTH - row * CELL


def network(lines: dict[str, list[tuple[float, float]]], **names: str) -> RiverNetwork:
    """Rivers drawn through (row, column) places."""
    return RiverNetwork.from_lines(
        gpd.GeoDataFrame(
            {"reach_id": list(lines), "name": [names.get(k, "") for k in lines]},
            geometry=[LineString([place(*p) for p in line]) for line in lines.values()],
            crs=CRS,
        )
    )


def points(at: dict[str, tuple[float, float]], **columns: Any) -> gpd.GeoDataFrame:
    """Points at (row, column), with an ``id`` and other columns."""
    return gpd.GeoDataFrame(
        {"id": list(at), **columns}, geometry=[Point(place(*p)) for p in at.values()], crs=CRS
    )


def valley(rows: int, cols: int, *, fall: float = 1.0, side: float = 2.0) -> Any:
    """A valley that falls south along its middle column, with even slopes to it."""
    r, c = np.mgrid[0:rows, 0:cols].astype(float)
    return 500.0 - fall * r + side * np.abs(c - cols // 2)
