"""Open a GeoTIFF of the user's, and nothing that lies beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from basin._run import note_input
from basin.errors import LayerError

__all__ = ["open_geotiff"]

#: GDAL follows side files (.ovr, .msk, .aux.xml) that may be VRTs and name any file or address.
_ALONE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
}


@contextmanager
def open_geotiff(path: str | Path) -> Iterator[Any]:
    """Open a local GeoTIFF for reading; its side files are left alone.

    Raises
    ------
    LayerError
        If it is not a local file, or not a GeoTIFF that can be read.
    """
    import rasterio
    from rasterio.errors import RasterioError

    file = Path(path)
    if not file.is_file():
        raise LayerError(
            f"there is no file {str(path)!r}",
            mend="Check the path of the DEM.",
            zh=f"没有文件“{path}”",
            mend_zh="检查高程文件（dem）的路径",
        )
    note_input(file)
    try:
        with rasterio.Env(**_ALONE), rasterio.open(file, driver="GTiff") as dataset:
            yield dataset
    except RasterioError as error:
        raise LayerError(
            f"{file.name} cannot be read as a GeoTIFF",
            mend="Export it again as a GeoTIFF.",
            zh=f"{file.name} 不能作为 GeoTIFF 读取",
            mend_zh="请重新导出为 GeoTIFF",
        ) from error
