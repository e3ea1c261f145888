"""Layers that other rooms hand to the map: any table, with what to colour it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import shapely

from basin._colour import AREA_TINTS, text_on
from basin.maps.cells import Teller, column, short_titles, strings
from basin.maps.content import INK, Content, Style, add_records, badge, name_style
from basin.maps.shapes import name_places, table_of
from basin.standards.labels import codes, colour, label

__all__ = ["Layer", "add_layer"]

#: Names are written within areas where there are not too many, and nothing else tells them apart.
_NAMED_AT_MOST = 200
_AREA_NAMES = {"zoom": 0, "rank": 24, "size": 12, "color": "#37474f"}

_HEIGHTS = ("points", "lines", "areas")


@dataclass(frozen=True)
class Layer:
    """A table to be drawn on a map, as any room can hand it in.

    Points, lines and areas may stand in one table. Without `codes` every feature has `colour`;
    without either, areas have pale tints in turn.

    Attributes
    ----------
    table : GeoDataFrame
        Any known CRS; its columns are told in the popups.
    name
        Of the layer, in the panel and in popups.
    id_column
        Column or index with the ids: titles, with ``name`` where there is one.
    code_column, codes
        The column of codes to colour by, and the table of ``labels.toml`` that names and colours
        them; the popup wears the code as a badge, the legend lists those that occur.
    colour
        ``#rrggbb`` of every feature.
    kinds
        Other columns of codes, by column: a table of ``labels.toml``.
    tellers
        Columns with words of their own, by column: a function of cell and language.
    group : {'results', 'sources', 'zones', 'rivers', 'base', 'quality'}
        Of the panel.
    on
        Whether the layer shows when the map opens.
    framing
        Whether the map opens on it.
    outline
        Draw areas without a fill.
    flow
        Lines run downhill: draw arrows.
    remark
        A sentence under each popup, and under the legend.
    """

    table: Any
    name: str
    id_column: str = "id"
    code_column: str | None = None
    codes: str | None = None
    colour: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    tellers: Mapping[str, Teller] = field(default_factory=dict)
    group: Literal["results", "sources", "zones", "rivers", "base", "quality"] = "results"
    on: bool = True
    framing: bool = True
    outline: bool = False
    flow: bool = False
    remark: str = ""


def add_layer(content: Content, given: Layer, place: int) -> None:
    """Draw a layer that was handed in; `place` tells it from the others."""
    table = table_of(given.table, given.name)
    if table is None:
        return
    lang = content.lang
    row = content.row(f"layer:{place}", given.group, given.name, on=given.on)
    row.count = len(table)
    shapes = content.shapes(table, "layers" if given.framing else given.name)
    found = strings(table, given.code_column) if given.code_column else [""] * len(table)
    kinds = dict(given.kinds)
    if given.code_column and given.codes:
        kinds[given.code_column] = given.codes
    dimension = shapely.get_dimensions(shapes)
    options: dict[str, Any] = {"remark": given.remark} if given.remark else {}
    owner = None
    # from the ground up: areas, the larger first, then lines, then points
    for form in (2, 1, 0):
        at = np.flatnonzero(dimension == form)
        if not len(at) and (form or owner is not None):
            continue
        layer = content.layer(row, _HEIGHTS[form], **options)
        if form == 0:
            layer.spec.update(label=name_style(11, 22, 11.5), obstacle=True)
        if form == 1 and given.flow:
            layer.spec["arrows"] = 10.5
        if owner is None:
            records = add_records(
                layer,
                table,
                titles=short_titles(table, given.id_column),
                kinds=kinds,
                lang=lang,
                tellers=given.tellers,
            )
            if given.code_column and given.codes:
                for record, code in zip(records, found, strict=True):
                    text = label(given.codes, code, lang)
                    record["badge"] = badge(text, colour(given.codes, code))
            owner = layer
        else:
            layer.borrow(owner)
        if form == 2:
            at = at[np.argsort(-shapely.area(shapes[at]), kind="stable")]
            if not given.codes and len(at) <= _NAMED_AT_MOST:
                layer.spec["label"] = _AREA_NAMES
                names = column(table, "name")
                for i in at:
                    layer.name(names[i], name_places(shapes[i]))
        for i in at:
            layer.add(shapes[i], _style(given, form, found[i], int(i)), int(i))
    if given.codes:
        for code in codes(given.codes):
            if code in found:
                form = int(dimension[found.index(code)])
                swatch = ("point", "line", "area")[max(form, 0)]
                row.explain(label(given.codes, code, lang), swatch, _style(given, form, code, 0))
    elif len(table):
        form = max(int(dimension.max()), 0)
        row.show(("point", "line", "area")[form], _style(given, form, "", 0))
    if given.remark:
        row.explain(given.remark)


def _style(given: Layer, form: int, code: str, place: int) -> Style:
    if given.codes:
        tint = colour(given.codes, code)
    else:
        tint = given.colour or (AREA_TINTS[place % len(AREA_TINTS)] if form == 2 else "#37626f")
    if form == 2:
        plain = given.codes is None and given.colour is None
        edge = "#607d8b" if plain else tint
        style: Style = {"color": edge, "weight": 0.8, "opacity": 0.8, "fillColor": tint}
        if given.outline:
            return style | {"fill": False, "weight": 1.8}
        return style | {"fillOpacity": 0.55 if plain else 0.32}
    if form == 1:
        return {
            "color": tint,
            "weight": 3,
            "opacity": 0.95,
            "casing": "#ffffff",
            "arrow": "#ffffff",
        }
    return {"shape": "circle", "radius": 5.5, "fillColor": tint, "color": INK, "weight": 1,
            "textColor": text_on(tint)}  # fmt: skip
