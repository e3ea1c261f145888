"""Hillshade in the projection of web maps: a small picture for a page, or a raster for a GIS."""

from __future__ import annotations

import base64
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj

from basin._dem import Dem, open_dem
from basin._dem.stored import HIGHEST_M, LOWEST_M, opened
from basin.terrain._cog import write_cog

__all__ = ["hillshade", "write_hillshade"]

#: Longest side of the picture in pixels: about 100 m a pixel for a basin of 100 km.
_LONGEST_SIDE = 1000

#: The light of the printed relief map: from the north-west, half way up.
_AZIMUTH_DEGREES, _ALTITUDE_DEGREES = 315.0, 45.0

#: Steps of shade kept: more cannot be told apart under the map, and the picture is smaller.
_STEPS = 20


def hillshade(dem: Any) -> dict[str, Any] | None:
    """Shade a DEM and return it as a picture for Leaflet.

    Parameters
    ----------
    dem
        As for :func:`~basin.terrain.open_dem`.

    Returns
    -------
    dict or None
        ``url``: a PNG as data URL, black with the shade as opacity; ``bounds``: south-west and
        north-east corner as ``[[lat, lon], [lat, lon]]``. None if the DEM holds no data.

    Raises
    ------
    LayerError, CrsError
        If the DEM cannot be used.
    """
    heights, affine, cell_m = _warp(open_dem(dem), _LONGEST_SIDE)
    if not np.isfinite(heights).any():
        return None
    picture = base64.b64encode(_png(_shade(heights, cell_m))).decode("ascii")
    (w, e), (s, n) = _corners(affine, heights.shape)
    bounds = [[round(s, 6), round(w, 6)], [round(n, 6), round(e, 6)]]
    return {"url": f"data:image/png;base64,{picture}", "bounds": bounds}


def write_hillshade(
    dem: Any, path: str | Path, *, longest_side: int = 4_000, overwrite: bool = False
) -> Path:
    """Write the hillshade of a DEM as a Cloud Optimized GeoTIFF in EPSG:3857.

    Parameters
    ----------
    dem
        As for :func:`~basin.terrain.open_dem`.
    longest_side
        At most so many cells; no finer than the DEM.

    Returns
    -------
    Path
        Of a raster of one byte: 1 darkest to 255 (a level place and what faces the light), 0 no
        data.
    """
    grid = open_dem(dem)
    heights, affine, cell_m = _warp(grid, longest_side)
    grey = 1 + np.rint(254 * (1 - np.clip(_shade(heights, cell_m), 0, 1)))
    grey[~np.isfinite(heights)] = 0
    warped = Dem(pyproj.CRS.from_epsg(3857), affine, heights.shape, grid.vertical, grid.tiles)
    light = f"azimuth {_AZIMUTH_DEGREES:g}, altitude {_ALTITUDE_DEGREES:g} degrees"
    tags = {"QUANTITY": "hillshade", "LIGHT": light}
    window = warped.window
    return write_cog(
        path,
        [(0, 0, grey.astype("uint8"))],
        "uint8",
        warped,
        window,
        nodata=0,
        tags=tags,
        overwrite=overwrite,
    )


def _warp(dem: Dem, longest_side: int) -> tuple[npt.NDArray[np.float64], Any, float]:
    """Read heights in EPSG:3857, their affine, and the true size of a cell in metres."""
    import rasterio
    from rasterio import Affine
    from rasterio.enums import Resampling
    from rasterio.warp import reproject, transform_bounds

    t, (rows, cols) = dem.transform, dem.shape
    box = (t.c, t.f + t.e * rows, t.c + t.a * cols, t.f)
    west, south, east, north = transform_bounds(dem.crs.to_wkt(), "EPSG:3857", *box)
    # no finer than the DEM
    wide = max((east - west) / cols, (north - south) / rows)
    cell = max(wide, (east - west) / longest_side, (north - south) / longest_side)
    shape = (math.ceil((north - south) / cell), math.ceil((east - west) / cell))
    affine = Affine(cell, 0, west, 0, -cell, north)
    heights = np.full(shape, np.nan)
    for tile in dem.tiles:
        part = np.full(shape, np.nan)
        with opened(tile.source) as source:
            reproject(
                rasterio.band(source, 1),
                part,
                dst_transform=affine,
                dst_crs="EPSG:3857",
                dst_nodata=np.nan,
                resampling=Resampling.average if cell > wide else Resampling.bilinear,
            )
        part = part * tile.factor + tile.offset
        np.copyto(heights, part, where=np.isnan(heights))
    with np.errstate(invalid="ignore"):
        heights[(heights < LOWEST_M) | (heights > HIGHEST_M)] = np.nan  # a void not stated
    (_, _), (s, n) = _corners(affine, shape)
    # Mercator metres are longer than true ones by the secant of the latitude
    return heights, affine, cell * float(np.cos(np.radians((s + n) / 2)))


def _corners(affine: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """West and east, south and north of a raster in EPSG:3857, in degrees."""
    from rasterio.warp import transform

    east, south = affine.c + affine.a * shape[1], affine.f + affine.e * shape[0]
    found = transform("EPSG:3857", "EPSG:4326", [affine.c, east], [south, affine.f])
    return found[0], found[1]


def _shade(heights: npt.NDArray[np.float64], cell_m: float) -> npt.NDArray[np.float64]:
    """Darkness of each cell, 0 to 1; a level one is 0, as is one without data."""
    if min(heights.shape) < 2:
        return np.zeros(heights.shape)
    down, right = np.gradient(heights, cell_m)
    azimuth, altitude = np.radians(_AZIMUTH_DEGREES), np.radians(_ALTITUDE_DEGREES)
    # the light's direction against the surface normal (-dz/dx, -dz/dy, 1), y to the north
    light = (
        -right * np.sin(azimuth) * np.cos(altitude)
        + down * np.cos(azimuth) * np.cos(altitude)
        + np.sin(altitude)
    ) / np.sqrt(1 + right**2 + down**2)
    return np.asarray(np.nan_to_num(np.clip(np.sin(altitude) - light, 0, None) / np.sin(altitude)))


def _png(shade: npt.NDArray[np.float64]) -> bytes:
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    opacity = np.rint(np.clip(shade, 0, 1) * _STEPS) * (255 // _STEPS)
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # Leaflet is told the corners
        with memory.open(
            driver="PNG", width=shade.shape[1], height=shade.shape[0], count=2, dtype="uint8",
            ZLEVEL=9,
        ) as picture:  # fmt: skip
            picture.write(np.zeros(shade.shape, dtype="uint8"), 1)
            picture.write(opacity.astype("uint8"), 2)
        return bytes(memory.read())
