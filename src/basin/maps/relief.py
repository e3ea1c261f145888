"""Hillshade as a small picture in the page, warped to the projection in which Leaflet draws."""

from __future__ import annotations

import base64
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from basin._raster import open_geotiff
from basin.errors import LayerError

__all__ = ["hillshade"]

#: Longest side of the picture in pixels: about 100 m a pixel for a basin of 100 km.
_LONGEST_SIDE = 1000

#: The light of the printed relief map: from the north-west, half way up.
_AZIMUTH_DEGREES, _ALTITUDE_DEGREES = 315.0, 45.0

#: Steps of shade kept: more cannot be told apart under the map, and the picture is smaller.
_STEPS = 20


def hillshade(dem: str | Path) -> dict[str, Any] | None:
    """Shade a DEM and return it as a picture for Leaflet.

    Parameters
    ----------
    dem
        A GeoTIFF of heights in metres, any CRS.

    Returns
    -------
    dict or None
        ``url``: a PNG as data URL, black with the shade as opacity; ``bounds``: south-west and
        north-east corner as ``[[lat, lon], [lat, lon]]``. None if the DEM holds no data.

    Raises
    ------
    LayerError
        If the file cannot be read as a GeoTIFF with a CRS.
    """
    heights, bounds, cell_m = _warp(dem)
    if not np.isfinite(heights).any():
        return None
    shade = _shade(heights, cell_m)
    picture = base64.b64encode(_png(shade)).decode("ascii")
    return {"url": f"data:image/png;base64,{picture}", "bounds": bounds}


def _warp(dem: str | Path) -> tuple[npt.NDArray[np.float64], list[list[float]], float]:
    """Read heights in EPSG:3857, their corners in degrees, and the true size of a cell."""
    import rasterio
    from rasterio import Affine
    from rasterio.enums import Resampling
    from rasterio.warp import reproject, transform, transform_bounds

    with open_geotiff(dem) as source:
        if source.crs is None:
            raise LayerError(
                f"{Path(dem).name} has no coordinate reference system",
                mend="Write the DEM with one.",
            )
        west, south, east, north = transform_bounds(source.crs, "EPSG:3857", *source.bounds)
        # no finer than the DEM
        wide = max((east - west) / source.width, (north - south) / source.height)
        cell = max(wide, (east - west) / _LONGEST_SIDE, (north - south) / _LONGEST_SIDE)
        shape = (math.ceil((north - south) / cell), math.ceil((east - west) / cell))
        affine = Affine(cell, 0, west, 0, -cell, north)
        heights = np.full(shape, np.nan)
        reproject(
            rasterio.band(source, 1),
            heights,
            dst_transform=affine,
            dst_crs="EPSG:3857",
            dst_nodata=np.nan,
            resampling=Resampling.average if cell > wide else Resampling.bilinear,
        )
    east, south = west + cell * shape[1], north - cell * shape[0]
    (w, e), (s, n) = transform("EPSG:3857", "EPSG:4326", [west, east], [south, north])
    bounds = [[round(s, 6), round(w, 6)], [round(n, 6), round(e, 6)]]
    # Mercator metres are longer than true ones by the secant of the latitude
    return heights, bounds, cell * float(np.cos(np.radians((s + n) / 2)))


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
