"""KML as it is drawn in Google Earth or 奥维: placemarks, their folders, names and extended data.

GDAL's KML drivers turn Chinese column names into underscores or leave extended data out, so the
parser of the standard library reads it, with entities refused and nothing fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.errors import LayerError
from basin.layers.content import MEND_SENDER_ZH
from basin.layers.encodings import choose, note_choice
from basin.layers.problems import Notes

__all__ = ["kml_folders", "read_kml"]

# Deeper nesting than any map has: a parser's stack is finite.
_MAX_DEPTH = 100

_SHAPES = frozenset({"Point", "LineString", "LinearRing", "Polygon"})
# What a table of placemarks has itself: extended data of these names stand beside it.
_OWN = frozenset({"name", "description", "folder", "geometry"})
_CONTAINERS = frozenset({"Document", "Folder"})
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_UTF16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass
class _Placemark:
    folder: tuple[str, ...]
    cells: dict[str, str] = field(default_factory=dict)
    shapes: list[Any] = field(default_factory=list)
    broken: bool = False


@dataclass
class _Reader:
    """Follows the parser through the file: where it is, and what it has gathered."""

    placemarks: list[_Placemark] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    column: str = ""
    here: _Placemark | None = None
    rings: list[Any] = field(default_factory=list)
    networked: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= _MAX_DEPTH:
            raise LayerError(
                "its elements are nested too deeply",
                mend="Export it again.",
                zh="元素嵌套过深",
                mend_zh="请重新导出",
            )
        tag = name.rpartition(":")[2]
        self.path.append(tag)
        self.text.clear()
        if tag in _CONTAINERS:
            self.folders.append("")
        elif tag == "Placemark":
            self.here = _Placemark(tuple(f for f in self.folders if f))
            self.placemarks.append(self.here)
        elif tag in ("Data", "SimpleData"):
            self.column = attributes.get("name", "").strip()
        elif tag == "Polygon":
            self.rings = []
        elif tag == "NetworkLink":
            self.networked += 1

    def end(self, name: str) -> None:
        tag = self.path.pop()
        parent = self.path[-1] if self.path else ""
        text = "".join(self.text).strip()
        self.text.clear()
        if tag in _CONTAINERS:
            self.folders.pop()
        elif tag == "name" and parent in _CONTAINERS:
            self.folders[-1] = text
        elif self.here is not None:
            self._in_placemark(self.here, tag, parent, text)

    def _in_placemark(self, here: _Placemark, tag: str, parent: str, text: str) -> None:
        if tag == "Placemark":
            self.here = None
        elif parent == "Placemark" and tag in ("name", "description"):
            here.cells[tag] = text
        elif (tag == "value" and parent == "Data") or tag == "SimpleData":
            column = self.column or "value"
            column = f"{column}.data" if column in _OWN else column
            known = here.cells.get(column)
            here.cells[column] = f"{known}; {text}" if known else text
        elif tag == "coordinates":
            self._coordinates(here, parent, text)
        elif tag == "Polygon" and self.rings:
            try:
                here.shapes.append(shapely.Polygon(self.rings[0], self.rings[1:]))
            except ValueError:  # a ring of fewer than three places
                here.broken = True

    def _coordinates(self, here: _Placemark, parent: str, text: str) -> None:
        places = _places(text)
        try:
            if places is None or parent not in _SHAPES:
                here.broken = True
            elif parent == "Point":
                here.shapes.append(shapely.Point(places[0]))
            elif parent == "LineString" or "Polygon" not in self.path:
                here.shapes.append(shapely.LineString(places))
            elif "innerBoundaryIs" in self.path:
                self.rings.append(places)
            else:
                self.rings.insert(0, places)
        except (ValueError, shapely.errors.GEOSException):
            here.broken = True


def _places(text: str) -> Any:
    """Longitude and latitude of every vertex; None if a figure cannot be read."""
    try:
        found = [[float(f) for f in place.split(",")[:2]] for place in text.split()]
    except ValueError:
        return None
    return np.array(found) if found and all(len(p) == 2 for p in found) else None


def _refuse_entities(*_: Any) -> None:
    raise LayerError(
        "it declares a document type or entities of its own, which no map needs",
        mend="Do not open it; ask the sender for the data itself.",
        zh="里面自行声明了文档类型或实体，地图不需要这些",
        mend_zh=MEND_SENDER_ZH,
    )


def _parse(path: Path, encoding: str | None, notes: Notes | None) -> tuple[_Reader, str]:
    data = path.read_bytes()
    declared = _DECLARED.search(data[:1000])
    stated = ((declared[1].decode(), "文件的 XML 声明", "its XML declaration"),) if declared else ()
    choice = choose(
        data.removeprefix(b"\xef\xbb\xbf"),
        file=path.name,
        given=encoding or _UTF16.get(data[:2]),
        stated=stated,
    )
    if notes is not None and (choice.encoding != "utf-8" or choice.overruled):
        note_choice(choice, notes)
    text = data.decode(choice.encoding).removeprefix("\ufeff")
    reader = _Reader()
    # the text is decoded already: what the declaration says no longer holds
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text.append
    parser.StartDoctypeDeclHandler = _refuse_entities
    parser.EntityDeclHandler = _refuse_entities
    try:
        parser.Parse(text.encode("utf-8"), True)
    except LayerError as error:
        what = str(error).removesuffix(error.mend).strip()
        raise LayerError(
            f"{path.name}: {what}",
            mend=error.mend,
            zh=f"{path.name}：{error.zh}",
            mend_zh=error.mend_zh,
        ) from error
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise LayerError(
            f"{path.name} cannot be read ({error})",
            mend="Export it again, or ask for a new copy.",
            zh=f"{path.name} 读不了（{error}）",
            mend_zh="请重新导出，或请对方重新发一份",
        ) from error
    return reader, choice.encoding


def kml_folders(path: Path) -> list[str]:
    """Return the names of the folders that hold placemarks, in the order of the file."""
    reader, _ = _parse(path, None, None)
    return list(dict.fromkeys(p.folder[-1] for p in reader.placemarks if p.folder))


def read_kml(
    path: Path, *, folder: str | None, encoding: str | None, notes: Notes
) -> tuple[gpd.GeoDataFrame, str]:
    """Read the placemarks of a KML file: one row each, in the order of the file.

    Parameters
    ----------
    path
    folder
        Only what lies in the folders of this name; None takes all.
    encoding
        None recognises it.
    notes
        Problems go here, with the rows: the n-th placemark is row n + 1.

    Returns
    -------
    GeoDataFrame
        EPSG:4326, as KML is by its standard: ``name``, ``description`` and ``folder`` where there
        are any, and a column for each name of extended data, all text.
    str
        The encoding that was used.

    Raises
    ------
    LayerError
        If it is damaged, declares entities, or has no such folder.
    """
    reader, used = _parse(path, encoding, notes)
    if reader.networked:
        notes.add("kml_links", n_links=reader.networked)
    every = reader.placemarks
    chosen = [folder is None or folder in p.folder for p in every]
    if folder is not None and not any(chosen):
        names = dict.fromkeys(f for p in every for f in p.folder)
        raise LayerError(
            f"{path.name} has no folder {folder!r}",
            mend=f"It has: {', '.join(names) or 'none'}.",
            zh=f"{path.name} 里没有文件夹“{folder}”",
            mend_zh=f"里面有：{'、'.join(names) or '（没有文件夹）'}",
        )
    taken = [p for p, here in zip(every, chosen, strict=True) if here]
    notes.rows = np.flatnonzero(chosen) + 2
    columns = dict.fromkeys(c for p in taken for c in p.cells)
    table = pd.DataFrame(
        {c: pd.Series([p.cells.get(c) for p in taken], dtype="str") for c in columns}
    )
    if any(p.folder for p in taken):
        where = ["/".join(p.folder) or None for p in taken]
        table["folder"] = pd.Series(where, dtype="str")
    notes.add("coordinates_unreadable", [p.broken for p in taken], values="KML")
    shapes = [None if p.broken else _shape(p.shapes) for p in taken]
    places = np.array([*shapes, None], dtype=object)[:-1]  # an array of shapes, not of their parts
    frame = gpd.GeoDataFrame(table, geometry=places, crs="EPSG:4326", index=range(len(taken)))
    return frame, used


def _shape(parts: list[Any]) -> Any:
    if len(parts) < 2:
        return parts[0] if parts else None
    kinds = {p.geom_type for p in parts}
    if kinds == {"Point"}:
        return shapely.MultiPoint(parts)
    if kinds == {"LineString"}:
        return shapely.MultiLineString(parts)
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(parts)
    return shapely.GeometryCollection(parts)
