"""Rasters as Cloud Optimized GeoTIFFs, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from basin._dem import Dem, Window
from basin.layers.atomic import atomic_write

__all__ = ["write_cog"]


def write_cog(
    path: str | Path,
    values: Any,
    dem: Dem,
    window: Window,
    *,
    nodata: float,
    tags: Mapping[str, str],
    overwrite: bool = False,
) -> Path:
    """Write a window of a DEM's grid as a Cloud Optimized GeoTIFF."""
    from rasterio.io import MemoryFile
    from rasterio.shutil import copy

    t = dem.transform
    affine = type(t)(t.a, 0.0, t.c + window.left * t.a, 0.0, t.e, t.f + window.top * t.e)
    profile = {
        "driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1,
        "dtype": values.dtype.name, "crs": dem.crs.to_wkt(), "transform": affine, "nodata": nodata,
    }  # fmt: skip
    with atomic_write(path, overwrite=overwrite) as temporary, MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(values, 1)
            raster.update_tags(SOFTWARE="basin", **tags)
        with memory.open() as raster:
            copy(
                raster, temporary, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES",
                OVERVIEW_RESAMPLING="NEAREST", BIGTIFF="IF_SAFER",
            )  # fmt: skip
    return Path(path)
