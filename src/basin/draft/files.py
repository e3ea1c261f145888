"""Which files of a folder could hold data, and which of those can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from basin._raster import open_geotiff
from basin.draft.words import say
from basin.errors import LayerError
from basin.layers.sources import FORMATS

__all__ = ["DEM_ENDINGS", "Unread", "data_files", "is_dem"]

DEM_ENDINGS = (".tif", ".tiff")
#: Data that a user may have, in forms that are not read: what to do with them.
_OTHER = (".dwg", ".dxf", ".mdb", ".accdb", ".xls", ".et", ".rar", ".7z", ".tab", ".mif", ".gpx")
_DEEPEST, _MOST_FILES = 4, 2_000
_FIELD_LIST = re.compile(r"_fields\.csv$", re.IGNORECASE)


@dataclass(frozen=True)
class Unread:
    """A file that could hold data and was not read."""

    name: str
    reason: str


def data_files(folder: Path, lang: str) -> tuple[list[Path], list[Unread]]:
    """List the files to look into, by path, and those that could hold data but are not read.

    Hidden files and the parts of a shapefile are passed over.
    """
    found: list[Path] = []
    unread: list[Unread] = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(p.startswith((".", "~")) for p in parts) or len(parts) > _DEEPEST:
            continue
        if any(Path(p).suffix.casefold() == ".gdb" for p in parts[:-1]):
            continue  # the files of a file geodatabase, which is one source
        ending = path.suffix.casefold()
        if len(found) >= _MOST_FILES:
            unread.append(Unread(str(folder), say("too_many", lang, most=_MOST_FILES)))
            break
        if not _can_be_written(path):
            name = path.name.encode("utf-8", "replace").decode("utf-8")
            unread.append(Unread(name, say("name_not_utf8", lang)))
        elif ending in _OTHER:
            unread.append(Unread("/".join(parts), say("format", lang, ending=ending)))
        elif (path.is_dir() and ending != ".gdb") or _is_companion(path):
            continue
        elif ending in DEM_ENDINGS or ending in FORMATS:
            found.append(path)
    return found, unread


def _can_be_written(path: Path) -> bool:
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_companion(path: Path) -> bool:
    """A list of field names beside a shapefile, or the list of what a run made."""
    if path.name == "manifest.json":
        return True
    found = _FIELD_LIST.search(path.name)
    return bool(found) and path.with_name(path.name[: found.start()] + ".shp").exists()  # type: ignore[union-attr]


def is_dem(path: Path) -> bool:
    """Tell whether a GeoTIFF is one band of heights: numbers, in a known system."""
    try:
        with open_geotiff(path) as raster:
            numeric = raster.dtypes[0] in ("int16", "int32", "float32", "float64", "uint16")
            return raster.count == 1 and numeric and raster.crs is not None
    except LayerError:
        return False
