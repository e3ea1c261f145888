"""QGIS style documents (QML): symbols, renderers and labels, as XML that is escaped by its writer.

Symbol settings are ``<prop>`` elements, which every release of QGIS 3 reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

__all__ = [
    "FAMILIES",
    "Entry",
    "Naming",
    "Part",
    "document",
    "literal",
    "quoted",
    "rgba",
    "tellable",
]

#: Geometry families: QGIS's number of a layer's type, the type of its symbols.
FAMILIES = {"point": ("0", "marker"), "line": ("1", "line"), "polygon": ("2", "fill")}

#: A layer of several families is opened as one layer for each, with the same style.
_OF_FAMILY = {
    "point": "geom_to_wkt($geometry, 0) ILIKE '%POINT%'",
    "line": "geom_to_wkt($geometry, 0) ILIKE '%LINE%'",
    "polygon": "geom_to_wkt($geometry, 0) ILIKE '%POLYGON%'",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Part:
    """One layer of a symbol: QGIS's class, its settings, and those that an expression decides.

    `level` is when it is drawn: all features' lower levels come first. `inner` is the symbol that
    the layer repeats, such as the mark in the middle of an area.
    """

    kind: str
    settings: Mapping[str, object]
    computed: Mapping[str, str] = field(default_factory=dict)
    level: int = 0
    inner: Sequence[Part] = ()


#: A symbol for each geometry family of the layer.
Symbols = Mapping[str, Sequence[Part]]


@dataclass(frozen=True)
class Entry:
    """A line of the legend: which features (a value, or a filter), and their symbols."""

    text: str
    symbols: Symbols
    value: str | None = None
    filter: str = ""


@dataclass(frozen=True)
class Naming:
    """How features are named: by which expression, in which ink, up to which scale."""

    expression: str
    colour: str = "#263238"
    size_pt: float = 9.0
    bold: bool = False
    along: bool = False
    to_scale: int = 0
    distance_mm: float = 1.2
    rank: int = 5


def tellable(text: str) -> bool:
    """Tell whether XML can hold a text."""
    return not _NOT_XML.search(text)


def rgba(colour: str, opacity: float = 1.0) -> str:
    """Return ``#rrggbb`` as QGIS writes it.

    Examples
    --------
    >>> rgba("#1565c0"), rgba("#ffffff", 0.2)
    ('21,101,192,255', '255,255,255,51')
    """
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return ",".join(str(v) for v in (*channels, round(255 * opacity)))


def quoted(column: str) -> str:
    """Return a column's name as expressions write it."""
    return '"' + column.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as expressions write it.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def document(
    families: Sequence[str],
    entries: Sequence[Entry],
    *,
    by: str = "",
    naming: Naming | None = None,
    order_by: str = "",
    headings: Mapping[str, str] | None = None,
    words: Mapping[str, Mapping[str, str]] | None = None,
    family_words: Mapping[str, str] | None = None,
) -> str:
    """Return the style of a layer.

    Parameters
    ----------
    families
        Geometry families of the layer: ``point``, ``line``, ``polygon``.
    entries
        The legend, in order. All with a value: categories of `by`; one without value or filter: a
        single symbol; else rules.
    by
        Expression whose values the entries state; an entry of value ``""`` takes all others.
    naming
        How features are labelled; None is not at all.
    order_by
        Expression; features of high values are drawn first.
    headings
        Column -> heading in attribute tables.
    words
        Column -> code -> word, shown in place of the code.
    family_words
        Headings of the rules of each family, for layers that hold several.
    """
    root = ET.Element("qgis", {"version": "3.22.0", "styleCategories": "AllStyleCategories"})
    if naming is not None:
        root.set("labelsEnabled", "1")
    root.append(_renderer(families, entries, by, order_by, family_words or {}))
    if naming is not None:
        root.append(_labelling(naming, families))
    root.append(_fields(words or {}))
    aliases = ET.SubElement(root, "aliases")
    for number, (column, heading) in enumerate((headings or {}).items()):
        _add(aliases, "alias", index=number, field=column, name=heading)
    if len(families) == 1:  # QGIS refuses a style that states another type than the layer's
        ET.SubElement(root, "layerGeometryType").text = FAMILIES[families[0]][0]
    return _NOT_XML.sub("", ET.tostring(root, encoding="unicode"))


def _add(parent: ET.Element, tag: str, **attributes: object) -> ET.Element:
    return ET.SubElement(parent, tag, {k: str(v) for k, v in attributes.items()})


def _renderer(
    families: Sequence[str],
    entries: Sequence[Entry],
    by: str,
    order_by: str,
    family_words: Mapping[str, str],
) -> ET.Element:
    parts = [p for e in entries for family in families for p in e.symbols[family]]
    levels = int(any(part.level for part in parts))
    renderer = ET.Element("renderer-v2", {"forceraster": "0", "symbollevels": str(levels)})
    stored = ET.Element("symbols")
    if len(families) == 1 and all(e.value is not None for e in entries):
        renderer.attrib.update(type="categorizedSymbol", attr=by)
        categories = ET.SubElement(renderer, "categories")
        for entry in entries:
            _add(
                categories, "category", render="true", symbol=len(stored), value=entry.value,
                label=entry.text, type="string",
            )  # fmt: skip
            _store(stored, families[0], entry.symbols[families[0]])
    elif len(families) == len(entries) == 1 and not entries[0].filter:
        renderer.set("type", "singleSymbol")
        _store(stored, families[0], entries[0].symbols[families[0]])
    else:
        renderer.set("type", "RuleRenderer")
        rules = _add(renderer, "rules", key="rules")
        for family in families:
            group = rules
            if len(families) > 1:
                group = _add(rules, "rule", key=family, filter=_OF_FAMILY[family])
                group.set("label", family_words.get(family, family))
            for entry in entries:
                rule = _add(group, "rule", key=f"rule{len(stored)}", symbol=len(stored))
                rule.set("label", entry.text)
                if wanted := _filter(entry, entries, by):
                    rule.set("filter", wanted)
                _store(stored, family, entry.symbols[family])
    renderer.append(stored)
    if order_by:
        renderer.set("enableorderby", "1")
        clause = _add(ET.SubElement(renderer, "orderby"), "orderByClause", asc=0, nullsFirst=0)
        clause.text = order_by
    return renderer


def _filter(entry: Entry, entries: Iterable[Entry], by: str) -> str:
    if entry.value is None:
        return entry.filter
    if entry.value:
        return f"({by}) = {literal(entry.value)}"
    known = ", ".join(literal(e.value) for e in entries if e.value)
    return f"({by}) IS NULL OR ({by}) NOT IN ({known})" if known else ""


def _store(stored: ET.Element, family: str, parts: Sequence[Part]) -> None:
    symbol = _add(
        stored, "symbol", type=FAMILIES[family][1], name=len(stored), alpha=1, clip_to_extent=1,
        force_rhr=0,
    )  # fmt: skip
    _fill(symbol, parts)


def _fill(symbol: ET.Element, parts: Sequence[Part]) -> None:
    for number, part in enumerate(parts):
        plain = {"pass": str(part.level), "locked": "0", "enabled": "1"}
        layer = ET.SubElement(symbol, "layer", {"class": part.kind, **plain})
        for key, value in part.settings.items():
            _add(layer, "prop", k=key, v=value)
        if part.computed:
            _computed(layer, part.computed)
        if part.inner:
            name = f"@{symbol.get('name')}@{number}"
            _fill(_add(layer, "symbol", type="marker", name=name, alpha=1), part.inner)


def _computed(layer: ET.Element, computed: Mapping[str, str]) -> None:
    whole = _add(ET.SubElement(layer, "data_defined_properties"), "Option", type="Map")
    _add(whole, "Option", name="name", type="QString", value="")
    properties = _add(whole, "Option", name="properties", type="Map")
    for name, expression in computed.items():
        one = _add(properties, "Option", name=name, type="Map")
        _add(one, "Option", name="active", type="bool", value="true")
        _add(one, "Option", name="expression", type="QString", value=expression)
        _add(one, "Option", name="type", type="int", value=3)
    _add(whole, "Option", name="type", type="QString", value="collection")


def _labelling(naming: Naming, families: Sequence[str]) -> ET.Element:
    labelling = ET.Element("labeling", {"type": "simple"})
    settings = ET.SubElement(labelling, "settings")
    # no font family: QGIS takes its own, which every computer has
    style = _add(
        settings, "text-style", fieldName=naming.expression, isExpression=1,
        fontSize=naming.size_pt, fontSizeUnit="Point", textColor=rgba(naming.colour),
        fontWeight=75 if naming.bold else 50, textOpacity=1,
    )  # fmt: skip
    _add(
        style, "text-buffer", bufferDraw=1, bufferSize=0.9, bufferSizeUnits="MM",
        bufferColor=rgba("#ffffff"), bufferOpacity=0.9, bufferJoinStyle=128,
    )  # fmt: skip
    if naming.along:
        place: dict[str, object] = {
            "placement": 3, "placementFlags": 10, "dist": 0.5, "distUnits": "MM",
            "maxCurvedCharAngleIn": 30, "maxCurvedCharAngleOut": -30,
        }  # fmt: skip
    elif tuple(families) == ("point",):
        place = {
            "placement": 6, "dist": naming.distance_mm, "distUnits": "MM",
            "predefinedPositionOrder": "R,L,TR,BR,TL,BL,TSR,BSR",
        }  # fmt: skip
    elif tuple(families) == ("polygon",):
        place = {"placement": 4}  # within the area
    else:
        place = {"placement": 0, "dist": naming.distance_mm, "distUnits": "MM"}
    _add(settings, "placement", priority=naming.rank, **place)
    # an area in the way of names would leave those of the areas that lie in it without any;
    # scaleMax is the smallest scale: names appear once the map is nearer than that
    _add(
        settings, "rendering", drawLabels=1, obstacle=int(tuple(families) != ("polygon",)),
        obstacleFactor=1,
        mergeLines=int(naming.along), scaleVisibility=int(naming.to_scale > 0), scaleMin=0,
        scaleMax=naming.to_scale,
    )  # fmt: skip
    return labelling


def _fields(words: Mapping[str, Mapping[str, str]]) -> ET.Element:
    configuration = ET.Element("fieldConfiguration")
    for column, told in words.items():
        widget = _add(_add(configuration, "field", name=column), "editWidget", type="ValueMap")
        whole = _add(ET.SubElement(widget, "config"), "Option", type="Map")
        pairs = _add(whole, "Option", name="map", type="List")
        for code, word in told.items():
            _add(_add(pairs, "Option", type="Map"), "Option", name=word, value=code, type="QString")
    return configuration
