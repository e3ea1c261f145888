"""A QGIS project that opens the layers of a GeoPackage in order, each in its style and by name.

The project holds relative paths only: it moves with the GeoPackage that lies beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import geopandas as gpd

from basin.layers.qml import FAMILIES, tellable
from basin.layers.styles import FAMILY_OF, layer_style
from basin.standards.labels import codes, label

__all__ = ["layer_title", "project_text"]

#: From the top of the map to the ground; what is not named lies above the last three.
_ORDER = (
    "sites", "sections", "intakes", "structures", "outfalls", "trace_*_outfalls", "network_issues",
    "trace_*_sampling_points", "trace_*_reaches", "*", "reaches", "shorelines", "bands", "zones",
    "districts",
)  # fmt: skip

#: There, but not drawn until it is ticked.
_HIDDEN = ("network_issues",)

_TRACE = re.compile(
    r"trace_(.+)_(outfalls|reaches|left_out|upstream_sections|intervals|balances"
    r"|shares|what_if|sampling_points|inputs)$"
)


class _Opened(NamedTuple):
    """One layer as QGIS opens it: a table of mixed shapes makes one for each family."""

    table: str
    family: str
    mixed: bool
    title: str
    style: str


def layer_title(name: str, lang: str) -> str:
    """Name a result layer in words; a name that is not known stays.

    Examples
    --------
    >>> layer_title("trace_S-FH_outfalls", "zh"), layer_title("sites", "en"), layer_title("x", "en")
    ('S-FH 溯源：排污口', 'sites', 'x')
    """
    if name in codes("layer"):
        return label("layer", name, lang)
    found = _TRACE.match(name)
    if not found:
        return name
    what = label("layer", f"trace_{found[2]}", lang)
    return f"{found[1]} {what}"


def project_text(tables: Mapping[str, Any], *, file: str, title: str, lang: str) -> str:
    """Return a QGIS 3 project (``.qgs``) for a GeoPackage.

    Parameters
    ----------
    tables
        Table -> what was written as it; those without shapes are left out.
    file
        Name of the GeoPackage beside the project.
    title
        Of the project.
    lang : {'zh', 'en'}
        Language of the names and legends.
    """
    opened = sorted(_opened(tables, lang), key=_height)
    hidden = _hidden(tables)
    root = ET.Element("qgis", {"version": "3.22.0", "projectname": title})
    ET.SubElement(root, "title").text = title
    _crs(ET.SubElement(root, "projectCrs"), tables[opened[0].table] if opened else None)
    known = ET.SubElement(ET.SubElement(root, "properties"), "SpatialRefSys")
    ET.SubElement(known, "ProjectionsEnabled", {"type": "int"}).text = "1"
    tree = ET.SubElement(root, "layer-tree-group")
    layers = ET.SubElement(root, "projectlayers")
    drawn = ET.SubElement(root, "layerorder")
    for one in opened:
        name = f"{one.table}_{one.family}"
        source = f"./{file}|layername={one.table}"
        if one.mixed:
            source += f"|geometrytype={_GEOMETRY[one.family]}"
        ET.SubElement(
            tree,
            "layer-tree-layer",
            {
                "id": name, "name": one.title, "source": source, "providerKey": "ogr",
                "checked": "Qt::Unchecked" if one.table in hidden else "Qt::Checked",
                "expanded": "0",
            },
        )  # fmt: skip
        ET.SubElement(drawn, "layer", {"id": name})
        layers.append(_map_layer(one, name, source, tables[one.table]))
    canvas = ET.SubElement(root, "mapcanvas", {"name": "theMapCanvas", "annotationsVisible": "1"})
    ET.SubElement(canvas, "units").text = "degrees"
    _extent(ET.SubElement(canvas, "extent"), [tables[one.table] for one in opened])
    _crs(ET.SubElement(canvas, "destinationsrs"), tables[opened[0].table] if opened else None)
    text = ET.tostring(root, encoding="unicode")
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + text + "\n"


_GEOMETRY = {"point": "Point", "line": "LineString", "polygon": "Polygon"}
_LAYER_GEOMETRY = {"point": "Point", "line": "Line", "polygon": "Polygon"}


def _opened(tables: Mapping[str, Any], lang: str) -> Iterable[_Opened]:
    for name, table in tables.items():
        if not isinstance(table, gpd.GeoDataFrame) or not tellable(name):
            continue
        here = set(table.geometry.geom_type.dropna().map(FAMILY_OF))
        families = [f for f in FAMILIES if f in here]
        style = layer_style(table, lang, name)
        for family in families:
            mixed = len(families) > 1
            title = layer_title(name, lang)
            if mixed:
                title += (
                    f"（{label('shape', family, lang)}）"
                    if lang == "zh"
                    else (f" ({label('shape', family, lang)})")
                )
            yield _Opened(name, family, mixed, title, style.qml if style else "")


def _hidden(tables: Mapping[str, Any]) -> set[str]:
    """Tables that wait to be ticked: catchments of one kind of points cover those of another.

    The first are drawn. Drainage areas lie in each other, and wait as well.
    """
    own = [name for name in tables if name.endswith("_catchments")]
    nested = [name for name in tables if name.endswith("_drainage_areas")]
    return {*_HIDDEN, *own[1:], *(nested if own else nested[1:])}


def _height(one: _Opened) -> tuple[int, str, int]:
    """Sort from the top of the map down; of one table points lie above lines above areas."""
    pattern = _TRACE.sub(r"trace_*_\2", one.table)
    place = _ORDER.index(pattern if pattern in _ORDER else "*")
    return place, one.table, list(FAMILIES).index(one.family)


def _map_layer(one: _Opened, name: str, source: str, table: Any) -> ET.Element:
    style = ET.fromstring(one.style) if one.style else ET.Element("qgis")  # noqa: S314  our own
    element = ET.Element(
        "maplayer",
        {
            "type": "vector", "geometry": _LAYER_GEOMETRY[one.family], "autoRefreshEnabled": "0",
            "labelsEnabled": style.get("labelsEnabled", "0"),
        },
    )  # fmt: skip
    for tag, text in (("id", name), ("datasource", source), ("layername", one.title)):
        ET.SubElement(element, tag).text = text
    ET.SubElement(element, "provider", {"encoding": "UTF-8"}).text = "ogr"
    _crs(ET.SubElement(element, "srs"), table)
    element.extend(child for child in style if child.tag != "layerGeometryType")
    return element


def _crs(parent: ET.Element, table: Any) -> None:
    system = ET.SubElement(parent, "spatialrefsys")
    if table is not None and table.crs is not None:
        authority = table.crs.to_authority()
        ET.SubElement(system, "wkt").text = table.crs.to_wkt()
        if authority:
            ET.SubElement(system, "authid").text = ":".join(authority)


def _extent(parent: ET.Element, tables: list[Any]) -> None:
    """Where the map opens: the layers that are nearest to the question, else all."""
    near = [t for t in tables if {"site_id", "section_id"} & {str(c) for c in t.columns}]
    bounds = [t.total_bounds for t in near or tables if len(t)]
    if not bounds:
        return
    west, south = (min(b[k] for b in bounds) for k in (0, 1))
    east, north = (max(b[k] for b in bounds) for k in (2, 3))
    margin = 0.05 * max(east - west, north - south, 0.01)
    for tag, value in (
        ("xmin", west - margin), ("ymin", south - margin),
        ("xmax", east + margin), ("ymax", north + margin),
    ):  # fmt: skip
        ET.SubElement(parent, tag).text = f"{value:.6f}"
