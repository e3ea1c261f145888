"""The DEM: valleys that fall along the drawn rivers, hills between them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, zoom
from scipy.spatial import cKDTree

from .geo import CRS_SAMPLE, rng_for, to_plane

CELL_DEG = 1 / 1200  # three seconds of arc, about 90 m
WEST, SOUTH, EAST, NORTH = 106.10, 28.15, 107.37, 29.46
NODATA = -9999.0
CHANNEL_M = 65.0  # cells whose centre is nearer than this carry the river's own height
KEEP_M = 5500.0  # farther from every river there is no data
ROUND_M = 4000.0  # bays of that edge are filled up to this width
HEIGHT_STEP = 1 / 8  # stored steps: coarse enough to compress, finer than any fall that matters


def _river_points(pieces: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return points every 20 m along the rivers, and their bed heights."""
    points, heights = [], []
    for line, height in zip(pieces.geometry, pieces["heights"], strict=True):
        xy = shapely.get_coordinates(line)
        at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
        new = np.linspace(0, at[-1], int(at[-1] / 20) + 2)
        points.append(np.column_stack([np.interp(new, at, xy[:, k]) for k in (0, 1)]))
        heights.append(np.interp(new, at, height))
    return np.vstack(points), np.concatenate(heights)


def _between(fixed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the smoothest surface through the fixed cells (harmonic, coarse grid first)."""
    rows, cols = fixed.shape
    if min(rows, cols) < 24:
        surface = np.full(fixed.shape, values[fixed].mean())
        rounds = 400
    else:
        pad = ((0, rows % 2), (0, cols % 2))
        f = np.pad(fixed, pad).reshape((rows + 1) // 2, 2, (cols + 1) // 2, 2)
        v = np.pad(np.where(fixed, values, 0.0), pad).reshape(f.shape)
        count = f.sum(axis=(1, 3))
        coarse = _between(count > 0, v.sum(axis=(1, 3)) / np.maximum(count, 1))
        surface = zoom(coarse, 2, order=1)[:rows, :cols]
        rounds = 30
    surface[fixed] = values[fixed]
    for _ in range(rounds):
        p = np.pad(surface, 1, mode="edge")
        surface = 0.25 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:])
        surface[fixed] = values[fixed]
    return surface


def _texture(shape: tuple[int, int]) -> np.ndarray:
    """Return ridged noise between about -1 and 1."""
    rng = rng_for("texture")
    total = np.zeros(shape)
    for sigma, weight in [(30, 1.0), (14, 0.6), (7, 0.3)]:
        layer = gaussian_filter(rng.normal(size=shape), sigma)
        total += weight * (0.8 - np.abs(layer / layer.std()))
    return total / 1.9


def make_dem(pieces: gpd.GeoDataFrame) -> tuple[np.ndarray, dict[str, object]]:
    """Return heights (m, float32) and the raster profile."""
    cols = round((EAST - WEST) / CELL_DEG)
    rows = round((NORTH - SOUTH) / CELL_DEG)
    lon = WEST + (np.arange(cols) + 0.5) * CELL_DEG
    lat = NORTH - (np.arange(rows) + 0.5) * CELL_DEG
    centres = to_plane(np.column_stack([a.ravel() for a in np.meshgrid(lon, lat)]))
    points, heights = _river_points(pieces)
    distance, near = cKDTree(points).query(centres, workers=-1)
    distance = distance.reshape(rows, cols)
    channel = distance < CHANNEL_M
    bed = heights[near].reshape(rows, cols)
    surface = _between(channel, bed)
    off = np.maximum(distance - CHANNEL_M, 0.0)
    relief = 130 + 0.30 * np.maximum(surface - 176, 0)
    hills = relief * (1 - np.exp(-off / 1700)) + 35 * (1 - np.exp(-off / 220))
    hills += 0.5 * relief * _texture((rows, cols)) * (1 - np.exp(-((off / 1400) ** 2)))
    # a low shoulder along every river keeps a high brook out of a deep valley next to it
    shoulder = bed + np.minimum(0.1 * off, 30.0) - 0.25 * np.maximum(off - 400.0, 0.0)
    dem = np.where(channel, bed, np.maximum(surface + hills, shoulder))
    dem = np.round(dem / HEIGHT_STEP) * HEIGHT_STEP
    # the data end across the outlet, so that the basin drains over the edge there
    outlet = shapely.get_point(pieces.loc[pieces["name"] == "长江"].geometry.iloc[-1], -1)
    beyond = (points[near] == shapely.get_coordinates(outlet)[0]).all(axis=1)
    inside = distance_transform_edt(distance < KEEP_M + ROUND_M) * 86.0 > ROUND_M
    inside = binary_fill_holes(inside)
    dem[~inside | beyond.reshape(rows, cols)] = NODATA
    profile = {
        "driver": "GTiff",
        "width": cols,
        "height": rows,
        "count": 1,
        "dtype": "float32",
        "crs": CRS_SAMPLE,
        "nodata": NODATA,
        "transform": from_origin(WEST, NORTH, CELL_DEG, CELL_DEG),
    }
    return dem.astype("float32"), profile


def write_dem(path: Path, dem: np.ndarray, profile: dict[str, object]) -> None:
    """Write a cloud-optimised GeoTIFF."""
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(dem, 1)
            raster.update_tags(1, units="m")
            raster.set_band_description(1, "schematic height, m")
        with memory.open() as raster:
            copy_raster(
                raster,
                path,
                driver="COG",
                COMPRESS="DEFLATE",
                PREDICTOR="YES",
                LEVEL="9",
                BLOCKSIZE="512",
                OVERVIEW_RESAMPLING="AVERAGE",
            )


__all__ = ["make_dem", "write_dem"]
