"""Rasters as Cloud Optimized GeoTIFFs, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from basin._dem import Dem, Window
from basin.layers.atomic import atomic_write

__all__ = ["write_cog"]


def write_cog(
    path: str | Path,
    parts: Iterable[tuple[int, int, Any]],
    dtype: str,
    dem: Dem,
    window: Window,
    *,
    nodata: float,
    tags: Mapping[str, str],
    overwrite: bool = False,
) -> Path:
    """Write a window of a DEM's grid as a Cloud Optimized GeoTIFF.

    Parameters
    ----------
    parts
        First row and column in the window, and values: cells that no part holds are `nodata`. They
        go to a file beside the target as they come, so that they need not be held together.
    """
    import rasterio
    from rasterio.shutil import copy
    from rasterio.windows import Window as RasterWindow

    t = dem.transform
    affine = type(t)(t.a, 0.0, t.c + window.left * t.a, 0.0, t.e, t.f + window.top * t.e)
    height, width = window.shape
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": dtype,
        "crs": dem.crs.to_wkt(), "transform": affine, "nodata": nodata, "compress": "deflate",
        "tiled": width >= 256 and height >= 256, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with atomic_write(path, overwrite=overwrite) as temporary:
        draft = temporary.with_name(f"{temporary.stem}.parts.tif")
        try:
            with rasterio.open(draft, "w", **profile) as raster:
                for row, col, values in parts:
                    place = RasterWindow(col, row, values.shape[1], values.shape[0])
                    raster.write(values, 1, window=place)
                raster.update_tags(SOFTWARE="basin", **tags)
            copy(
                draft, temporary, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES",
                OVERVIEW_RESAMPLING="NEAREST", BIGTIFF="IF_SAFER",
            )  # fmt: skip
        finally:
            draft.unlink(missing_ok=True)
    return Path(path)
