"""The ground of a map: districts, zones, bands, shorelines, rivers, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._text import number
from basin.maps.cells import column, numbers, titles
from basin.maps.content import Content, Style, add_records
from basin.maps.shapes import drawn, name_places, table_of
from basin.maps.words import words
from basin.standards.labels import codes, colour, label

__all__ = [
    "BAND_DASHES",
    "add_bands",
    "add_districts",
    "add_hillshade",
    "add_reaches",
    "add_shorelines",
    "add_zones",
]

_RIVER_BLUE = colour("line", "river")
_GREY = "#8c8c8c"

#: Weight of fill and outline by grade, strictest first; other grades are as ``None``.
_GRADE_WEIGHT = {
    "core": (0.30, 1.2),
    "I": (0.42, 1.2),
    "II": (0.30, 1.0),
    "core_protected": (0.30, 1.2),
    "banned": (0.26, 1.0),
    "chemical": (0.34, 1.2),
    "suitable": (0.08, 0.6),
    None: (0.16, 0.9),
}

#: Zones that are on when the map opens: the others are a click away.
_ZONES_ON = frozenset({"red_line"})

#: Dashes by limit in metres: colour alone does not tell the bands apart for every eye.
BAND_DASHES = {"1000": "7 4", "3000": "9 3 2 3", "5000": "2 4"}

#: Of bands at a limit that has no colour of its own.
_OTHER_BAND = colour("band", "5000")


def add_districts(content: Content, districts: Any) -> None:
    """Districts as thin dashed outlines with their names; they cannot be clicked."""
    table = table_of(districts, "districts")
    if table is None:
        return
    lang = content.lang
    row = content.row("districts", "base", words("districts", lang), on=True)
    row.count = len(table)
    style = {
        "color": "#8d8679",
        "weight": 1.1,
        "opacity": 0.9,
        "dashArray": "7 3 1.5 3",
        "fillColor": "#ffffff",
        "fillOpacity": 0.28,
    }
    label_style = {"zoom": 0, "rank": 25, "size": 14, "color": "#8a8274", "gap": 6}
    row.show("line", style)
    layer = content.layer(row, "districts", still=True, label=label_style)
    shapes = content.shapes(table, "districts")
    ids = next((c for c in ("district_id", "id") if c in table.columns), "id")
    for shape, name, id in zip(shapes, column(table, "name"), column(table, ids), strict=True):
        layer.add(shape, style)
        if shape is not None:
            layer.name(name if name is not None else id, name_places(shape))


def _zone_style(kind: str, grade: str | None) -> Style:
    fill, weight = _GRADE_WEIGHT.get(grade, _GRADE_WEIGHT[None])
    tint = colour("zone_kind", kind)
    if kind in ("control_unit", "water_source"):  # their grades have colours of their own
        tint = colour("zone_grade", grade, tint)
    if kind == "control_unit":
        fill = 0.22
    return {
        "color": tint,
        "weight": weight,
        "opacity": 0.85,
        "fillColor": tint,
        "fillOpacity": fill,
    }


def _zone_order(kinds: Iterable[str]) -> list[str]:
    known = codes("zone_kind")
    return sorted(set(kinds), key=lambda k: (known.index(k) if k in known else len(known), k))


def add_zones(content: Content, zones: Any) -> None:
    """Zones, one row of the panel a kind, tinted by kind and grade; red lines are on."""
    table = table_of(zones, "zones")
    if table is None:
        return
    lang = content.lang
    kinds = pd.Series([str(k) if k is not None else "other" for k in column(table, "kind")])
    for kind in _zone_order(kinds):
        part = table[(kinds == kind).to_numpy()].reset_index(drop=True)
        name = label("zone_kind", kind, lang)
        name = name[:1].upper() + name[1:]
        row = content.row(f"zones:{kind}", "zones", name, on=kind in _ZONES_ON)
        row.count = len(part)
        layer = content.layer(row, kind)
        add_records(
            layer,
            part,
            titles=titles(part, "zone_id"),
            kinds={"kind": "zone_kind", "grade": "zone_grade"},
            lang=lang,
        )
        shapes = content.shapes(part, "zones")
        grades = [None if g is None else str(g) for g in column(part, "grade")]
        # larger zones first, so that those within them stay in reach of a click
        for i in np.argsort(-shapely.area(shapes), kind="stable"):
            layer.add(shapes[i], _zone_style(kind, grades[i]), int(i))
        for grade in dict.fromkeys(g for g in codes("zone_grade") if g in grades):
            row.explain(label("zone_grade", grade, lang), "area", _zone_style(kind, grade))
        if not row.legend:
            row.show("area", _zone_style(kind, None))


def add_bands(content: Content, bands: Any) -> None:
    """Bands around the shorelines as outlines, one row a limit; they decide nothing."""
    table = table_of(bands, "bands")
    if table is None:
        return
    lang = content.lang
    limits = numbers(table, "limit_m")
    shapes = content.shapes(table, "bands")
    for limit in sorted(set(limits[np.isfinite(limits)])):
        text = f"{number(limit / 1000)} km"
        row = content.row(f"band:{limit:g}", "rivers", words("band", lang, limit=text), on=False)
        style = {
            "color": colour("band", f"{limit:g}", _OTHER_BAND),
            "weight": 1.4,
            "opacity": 0.85,
            "dashArray": BAND_DASHES.get(f"{limit:g}", "1 3"),
            "fill": False,
        }
        layer = content.layer(row, "band", still=True)
        for shape in shapes[limits == limit]:
            layer.add(shape, style)
        row.show("line", style)
        row.explain(words("band_remark", lang))


def add_shorelines(content: Content, shorelines: Any) -> None:
    """Shorelines by kind; an edition that has run out is grey and dashed."""
    table = table_of(shorelines, "shorelines")
    if table is None:
        return
    lang = content.lang
    row = content.row("shorelines", "rivers", words("shorelines", lang), on=False)
    row.count = len(table)
    layer = content.layer(row, "shorelines")
    add_records(
        layer,
        table,
        titles=_shoreline_titles(table),
        kinds={"kind": "shoreline_kind", "river_class": "river_class"},
        lang=lang,
    )
    live = {
        "color": "#0277bd",
        "weight": 1.3,
        "opacity": 0.9,
        "fillColor": "#4fc3f7",
        "fillOpacity": 0.14,
    }
    old = live | {"color": _GREY, "dashArray": "4 3", "fillOpacity": 0.05, "fillColor": _GREY}
    ended = [v is not None for v in column(table, "valid_to")]
    shapes = content.shapes(table, "shorelines")
    # the editions in force lie above those that have run out
    for i in sorted(range(len(table)), key=lambda i: not ended[i]):
        layer.add(shapes[i], old if ended[i] else live, i)
    row.explain(words("in_force", lang), "area", live)
    if any(ended):
        row.explain(words("superseded", lang), "area", old)


def _shoreline_titles(table: pd.DataFrame) -> list[str]:
    named = table.drop(columns=["name"], errors="ignore").rename(columns={"river": "name"})
    return titles(named, "line_id")


@cache
def _river_style(order: float) -> Style:
    width = 1.0 if not np.isfinite(order) else 0.9 + 0.62 * (min(max(order, 1), 6) - 1)
    width = round(width, 2)
    return {"color": _RIVER_BLUE, "weight": width, "widens": width, "opacity": 0.95}


def add_reaches(content: Content, reaches: Any) -> None:
    """Rivers in blue, their width by Strahler order, their names along the line."""
    table = table_of(reaches, "reaches")
    if table is None:
        return
    lang = content.lang
    orders = numbers(table, "strahler")
    known = np.isfinite(orders).any()
    row = content.row(
        "reaches", "rivers", words("reaches" if known else "plain_reaches", lang), on=True
    )
    row.count = len(table)
    label_style = {"zoom": 0, "rank": 30, "size": 12, "color": "#2b6690", "gap": 3}
    layer = content.layer(
        row,
        "reaches",
        name=words("plain_reaches", lang),
        label=label_style,
        arrows=13,
        arrow="#2b6690",
    )
    add_records(layer, table, titles=titles(table, "reach_id"), kinds={}, lang=lang)
    shapes = content.shapes(table, "reaches")
    layer.add_all(shapes, [_river_style(order) for order in orders], range(len(table)))
    row.show("line", {"color": _RIVER_BLUE, "weight": 2.2})
    for name, line in _named_rivers(column(table, "name"), shapes, orders):
        layer.name(name, line)


def _named_rivers(
    names: list[Any], shapes: npt.NDArray[Any], orders: npt.NDArray[np.float64]
) -> list[tuple[str, Any]]:
    """Join the reaches of each name into lines to write along, the largest rivers first."""
    table = pd.DataFrame({"name": names, "shape": shapes, "order": np.nan_to_num(orders)})
    table = table[table["name"].notna() & table["shape"].notna()]
    found = []
    for name, part in table.groupby("name", sort=True):
        merged = shapely.line_merge(shapely.union_all(part["shape"].to_numpy()))
        lines = [p for p in shapely.get_parts(merged) if shapely.get_dimensions(p) == 1]
        if lines and str(name).strip():
            longest = max(lines, key=shapely.length)
            # letters follow the run of the river, not each of its bends
            smooth = drawn([longest], tolerance=1.5e-3)[0]
            found.append((part["order"].max(), shapely.length(longest), str(name), smooth))
    found.sort(key=lambda f: (-f[0], -f[1], f[2]))
    return [(name, line) for _, _, name, line in found]


def add_hillshade(content: Content, dem: Any) -> None:
    """Relief under everything, from a DEM."""
    if dem is None:
        return
    from basin.terrain import hillshade

    image = hillshade(dem)
    if image is None:
        return
    row = content.row("hillshade", "base", words("hillshade", content.lang), on=True)
    content.images.append({"row": row.id, "opacity": 0.5, **image})
