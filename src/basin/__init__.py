"""River basins and control zones: siting limits, outfall tracing and report-ready maps.

``basin.open(path)`` opens a project; the rooms (``basin.network``, ``basin.buffers`` ...) load when
they are first used, so that importing `basin` is cheap.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from basin.network import RiverNetwork
    from basin.project import Basin, open

__version__ = "0.1.0"

__all__ = [
    "Basin",
    "RiverNetwork",
    "__version__",
    "buffers",
    "crs",
    "errors",
    "figures",
    "layers",
    "maps",
    "network",
    "open",
    "project",
    "quality",
    "reports",
    "siting",
    "standards",
    "tracing",
    "zones",
]

# A vector VRT or a GDAL pipeline hidden under another ending makes GDAL read any file or URL. The
# drivers are left out before GDAL is loaded, as only then can they be. Raster VRT stays, because
# rasterio's own warping needs it: rasters are opened by basin with driver="GTiff" alone.
os.environ["GDAL_SKIP"] = " ".join(
    dict.fromkeys([*os.environ.get("GDAL_SKIP", "").split(), "OGR_VRT", "GDALG"])
)

_FROM = {"open": "project", "Basin": "project", "RiverNetwork": "network"}


def __getattr__(name: str) -> Any:
    if name in _FROM:
        return getattr(import_module(f"basin.{_FROM[name]}"), name)
    if name in __all__:
        return import_module(f"basin.{name}")
    raise AttributeError(f"module 'basin' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
