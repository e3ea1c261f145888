"""GeoJSON is read for itself before GDAL sees it: the system that it states, and its features.

GDAL fetches the URL of a linked ``crs``, wherever in the file it stands, and takes a name that it
does not know for WGS 84.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyproj

from basin.errors import BasinError, CrsError, LayerError
from basin.layers.content import damaged
from basin.layers.problems import make_error

__all__ = ["check_features", "stated_system"]

# Whatever a lenient reader could take for a member called crs: in any case, quotes and escapes.
_CRS_KEY = re.compile(rb"""["'](?:c|\\u00[46]3)(?:r|\\u00[57]2)(?:s|\\u00[57]3)["'\\]""", re.I)
# How QGIS and GDAL write it: after plain members at the top, by a plain name. No other form is
# read without the whole file.
_MEMBER = rb'"\w+"\s*:\s*(?:"[^"\\]*"|[\d.eE+-]+)\s*,\s*'
_NAMED = (
    rb'\{\s*"type"\s*:\s*"name"\s*,\s*"properties"\s*:\s*\{\s*"name"\s*:\s*"([^"\\]*)"\s*\}\s*\}'
)
_AT_THE_TOP = re.compile(rb"\s*\{\s*(?:%b)*\"crs\"\s*:\s*%b\s*[,}]" % (_MEMBER, _NAMED))
# What a feature has by its standard: if one mark is there more often than rows, count exactly.
_FEATURE_MARKS = tuple(
    re.compile(mark)
    for mark in (rb'"type"\s*:\s*"Feature"', rb'"geometry"\s*:', rb'"properties"\s*:')
)
_WGS84 = pyproj.CRS("OGC:CRS84")


def stated_system(path: Path, data: bytes, layer: str) -> pyproj.CRS | None:
    """Return the system that a GeoJSON file states by name; None where it states none.

    Parameters
    ----------
    path
        For messages.
    data
        UTF-8 without a byte order mark.
    layer
        For messages.

    Raises
    ------
    CrsError
        If it is linked, not known by name, given twice, or another in a part of the file.
    LayerError
        If the file is no JSON that could tell.
    """
    found = _CRS_KEY.findall(data)
    if not found:
        return None
    plain = _AT_THE_TOP.match(data) if len(found) == 1 else None
    if plain:
        return _named(path, plain[1].decode("utf-8"), layer)
    try:
        content = json.loads(data, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise LayerError(
            f"{path.name} cannot be read ({error})",
            mend="Export it again, or ask for a new copy.",
            zh=f"{path.name} 读不了（{error}）",
            mend_zh="请重新导出，或请对方重新发一份",
        ) from error
    systems = [_system(path, stated, layer) for stated in _members(content)]
    top = _system(path, content.crs, layer) if isinstance(content, _Object) else None
    expected = top or _WGS84
    for system in systems:
        if system is not None and not _same(system, expected):
            raise _refused(path, system.name, layer)
    return top


class _Object(dict[str, Any]):
    """A JSON object that keeps its ``crs``, however that is written, and knows of a second."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        # an ending in NUL is dropped by readers in C
        stated = [v for k, v in pairs if k.split("\0")[0].casefold() == "crs"]
        self.crs = stated[0] if len(stated) == 1 else (stated or None)


def _members(content: Any) -> Iterator[Any]:
    """Every ``crs`` of the collection, its features and their geometries, at any depth of parts."""
    left = [content]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left.extend(part)
        elif isinstance(part, _Object):
            if part.crs is not None:
                yield part.crs
            for key, value in part.items():
                if key.casefold() in ("features", "geometry", "geometries"):
                    left.append(value)


def _system(path: Path, stated: Any, layer: str) -> pyproj.CRS | None:
    if stated is None:
        return None
    inside = stated.get("properties") if isinstance(stated, dict) else None
    name = inside.get("name") if isinstance(inside, dict) else None
    simple = inside is not None and len(inside) == 1 and set(stated) == {"type", "properties"}
    if not isinstance(name, str) or not simple or stated["type"] != "name":
        raise _refused(path, json.dumps(stated, ensure_ascii=False)[:200], layer)
    return _named(path, name, layer)


def _named(path: Path, name: str, layer: str) -> pyproj.CRS:
    # a name, not a definition: no file, no parameters
    if len(name) > 200 or set(name) & set('+=[{"'):
        raise _refused(path, name[:200], layer)
    try:
        return pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError as error:
        raise _refused(path, name, layer) from error


def _refused(path: Path, stated: str, layer: str) -> BasinError:
    return make_error(CrsError, layer, "crs_of_file_unknown", file=path.name, stated=stated)


def _same(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    return bool(one.equals(other, ignore_axis_order=True))


# ---------------------------------------------------------------- the features


def check_features(path: Path, data: bytes, read: int) -> None:
    """Compare what was read with what the file lists: GDAL leaves out what it takes for no feature.

    Raises
    ------
    LayerError
        If the file lists more features than were read.
    """
    if not any(sum(1 for _ in mark.finditer(data)) > read for mark in _FEATURE_MARKS):
        return
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return  # not what the count can be taken from: GDAL read it, and said what it skipped
    listed = content.get("features") if isinstance(content, dict) else None
    if isinstance(listed, list) and len(listed) > read:
        raise damaged(
            path,
            f"it lists {len(listed)} features, and {read} can be read",
            f"列有 {len(listed)} 个要素，只能读出 {read} 个",
        )
