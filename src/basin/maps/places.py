"""The places of a map: outfalls, works, sections in their class colour, sites by verdict."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import shapely

from basin._colour import text_on
from basin.maps.cells import column, listed, numbers, short_titles, strings
from basin.maps.content import (
    INK,
    Content,
    Drawn,
    Record,
    Style,
    add_records,
    badge,
    name_style,
    note,
)
from basin.maps.findings import metres, tell_findings
from basin.maps.shapes import table_of
from basin.maps.words import words
from basin.standards.labels import codes, colour, label
from basin.standards.rules import category_label

__all__ = ["add_outfalls", "add_sections", "add_sites", "add_works"]

_MISSED = colour("compliance", "missed")

_LEVEL_SHAPES = {
    "national": "circle",
    "provincial": "hexagon",
    "municipal": "square",
    "district": "triangle",
}


#: The mark of an area is wider by this, so that a point over it leaves a rim to see and to click.
_WIDER_PX = 4.0

#: Farther lines to a bank would cross the whole map.
_LONGEST_BANK_LINE_M = 10_000.0


# ---- outfalls and works


#: Shape by treatment (整治类型); what is not decided is drawn as what stays.
_ACTION_SHAPES = {"regulate": "circle", "merge": "square", "ban": "triangle"}


@cache
def _outfall_style(kind: str, action: str, status: str) -> Style:
    tint = colour("outfall_kind", kind)
    shape = _ACTION_SHAPES.get(action, "circle")
    style: Style = {"shape": shape, "radius": 4.2, "weight": 1, "color": "#ffffff"}
    if status in ("closed", "planned"):  # an open ring: nothing comes out of it
        style |= {"color": tint, "fillColor": "#ffffff", "weight": 1.6, "radius": 3.8}
        return style | {"dashArray": "2 1.6"} if status == "planned" else style
    return style | {"fillColor": tint}


def add_outfalls(content: Content, outfalls: Any) -> None:
    """Outfalls coloured by kind, shaped by treatment; closed and planned ones are open."""
    table = table_of(outfalls, "outfalls")
    if table is None:
        return
    lang = content.lang
    row = content.row("outfalls", "sources", words("outfalls", lang), on=True)
    row.count = len(table)
    layer = content.layer(row, "outfalls", label=name_style(13, 50, 11))
    add_records(
        layer,
        table,
        titles=short_titles(table, "outfall_id"),
        kinds={
            "kind": "outfall_kind",
            "action": "outfall_action",
            "status": "outfall_status",
            "data_basis": "data_basis",
        },
        lang=lang,
    )
    kinds, actions, states = (strings(table, c) for c in ("kind", "action", "status"))
    styles = [_outfall_style(*told) for told in zip(kinds, actions, states, strict=True)]
    layer.add_all(content.shapes(table, "outfalls"), styles, range(len(table)))
    for kind in codes("outfall_kind"):
        if kind in kinds:
            row.explain(label("outfall_kind", kind, lang), "point", _outfall_style(kind, "", ""))
    for action in codes("outfall_action"):
        if action in actions:
            plain = _outfall_style("", action, "") | {"fillColor": "#ffffff", "color": INK}
            row.explain(label("outfall_action", action, lang), "point", plain)
    for state in ("closed", "planned"):
        if state in states:
            style = _outfall_style("other", "", state)
            row.explain(label("outfall_status", state, lang), "point", style)


def add_works(content: Content, table: Any, *, layer_name: str, style: Style) -> None:
    """Intakes or structures: one symbol for all of them."""
    known = table_of(table, layer_name)
    if known is None:
        return
    lang = content.lang
    row = content.row(layer_name, "sources", words(layer_name, lang), on=True)
    row.count = len(known)
    layer = content.layer(row, layer_name, label=name_style(12, 40, 11))
    own = f"{layer_name.removesuffix('s')}_id"
    add_records(
        layer,
        known,
        titles=short_titles(known, own if own in known.columns else "id"),
        kinds={},
        lang=lang,
    )
    shapes = content.shapes(known, layer_name)
    layer.add_all(shapes, [style] * len(known), range(len(known)))
    row.show("point", style)


# ---- sections


#: The numeral within a symbol, for those who cannot tell its colour from another.
_CLASS_MARKS = {"I": "I", "II": "II", "III": "III", "IV": "IV", "V": "V", "inferior": ">V"}


def _section_style(water_class: str, level: str, missed: bool) -> Style:
    fill = colour("water_class", water_class or "none")
    style: Style = {
        "shape": _LEVEL_SHAPES.get(level, "circle"),
        "radius": 7 if level == "national" else 6.2,
        "fillColor": fill,
        "color": INK,
        "weight": 1.2,
    }
    if water_class in _CLASS_MARKS:
        style |= {"mark": _CLASS_MARKS[water_class], "textColor": text_on(fill)}
    else:
        style["hatch"] = "#424242"  # no data is no class
    return style | {"ring": _MISSED} if missed else style


def add_sections(content: Content, sections: Any) -> dict[str, Record]:
    """Sections in their class colour, shaped by level; those that miss their target are ringed.

    Returns
    -------
    dict
        The record of each section by its id, for traces to be told there.
    """
    table = table_of(sections, "sections")
    if table is None:
        return {}
    lang = content.lang
    assessed = "water_class" in table.columns
    name = words("sections" if assessed else "plain_sections", lang)
    row = content.row("sections", "results", name, on=True)
    row.count = len(table)
    layer = content.layer(
        row,
        "sections",
        name=words("plain_sections", lang),
        obstacle=True,
        label=name_style(0, 10, 12, 600),
    )
    records = add_records(
        layer,
        table,
        titles=short_titles(table, "section_id"),
        kinds={
            "level": "section_level",
            "note": "section_note",
            "waterbody": "waterbody",
            "water_class": "water_class",
            "target_class": "water_class",
        },
        lang=lang,
        skip=["water_class"],
    )
    classes, levels = strings(table, "water_class"), strings(table, "level")
    missed = [v is not None and not bool(v) for v in column(table, "compliant")]
    shapes = content.shapes(table, "sections")
    # those that miss their target are drawn last, above their neighbours
    for i in sorted(range(len(table)), key=lambda i: missed[i]):
        layer.add(shapes[i], _section_style(classes[i], levels[i], missed[i]), i)
        if assessed:
            water_class = classes[i] or "none"
            text = label("water_class", water_class, lang)
            records[i]["badge"] = badge(text, colour("water_class", water_class))
        if missed[i]:
            records[i]["notes"] = [note(badge(words("missed_badge", lang), _MISSED), "")]
    if assessed:
        for water_class in codes("water_class"):
            if water_class != "none" or "" in classes or "none" in classes:
                style = _section_style(water_class, "national", False)
                row.explain(label("water_class", water_class, lang), "point", style)
    for level in codes("section_level"):
        if level in levels:
            style = _section_style("", level, False) | {"fillColor": "#ffffff", "hatch": None}
            row.explain(label("section_level", level, lang), "point", style)
    if any(missed):
        row.explain(
            label("compliance", "missed", lang),
            "point",
            _section_style("", "national", True) | {"fillColor": "#ffffff", "hatch": None},
        )
    _sum_sections(content, table, missed)
    return dict(zip(strings(table, "section_id"), records, strict=True))


def _sum_sections(content: Content, table: pd.DataFrame, missed: list[bool]) -> None:
    lang = content.lang
    text = words("sum_sections", lang, n=len(table))
    if any(missed):
        names = short_titles(table, "section_id")
        ids = listed([n for n, bad in zip(names, missed, strict=True) if bad], lang)
        comma = "，" if lang == "zh" else ", "
        text += comma + words("sum_missed", lang, n=sum(missed), ids=ids)
    content.summary.append(text)


# ---- sites


def add_sites(content: Content, sites: Any, findings: pd.DataFrame | None) -> None:
    """Sites in their verdict's colour, each with a line to the nearest bank point, in metres."""
    table = table_of(sites, "sites")
    if table is None:
        return
    lang = content.lang
    checked = "verdict" in table.columns
    name = words("sites" if checked else "plain_sites", lang)
    row = content.row("sites", "results", name, on=True)
    row.count = len(table)
    one = words("plain_sites", lang)
    areas = content.layer(row, "site_areas", name=one)
    lines = content.layer(
        row,
        "site_lines",
        still=True,
        label={"zoom": 11, "rank": 35, "size": 11, "color": "#37474f", "gap": 0},
    )
    points = content.layer(row, "sites", name=one, obstacle=True, label=name_style(11, 20, 12))
    records = add_records(
        points,
        table,
        titles=short_titles(table, "site_id"),
        kinds={"action": "site_action", "verdict": "verdict"},
        lang=lang,
        skip=["verdict", *(c for c in table.columns if str(c).startswith("n_"))],
        headings={"action": words("site_action", lang)},
        tellers={"category": category_label, "nearest_m": lambda m, _: metres(m)},
    )
    areas.borrow(points)
    verdicts = strings(table, "verdict")
    strictness = {code: place for place, code in enumerate(codes("verdict"))}
    shapes = content.shapes(table, "sites")
    # points above the wider marks of areas, so that a site within another shows; of each, the
    # strictest are drawn last, above the others
    plot = [shape is not None and shapely.get_dimensions(shape) > 0 for shape in shapes]
    for i in sorted(
        range(len(table)), key=lambda i: (not plot[i], -strictness.get(verdicts[i], 99))
    ):
        _draw_site(areas, points, shapes[i], verdicts[i], i)
    _draw_bank_lines(lines, table)
    tell_findings(records, table, findings, lang)
    if checked:
        for record, verdict in zip(records, verdicts, strict=True):
            record["badge"] = badge(label("verdict", verdict, lang), colour("verdict", verdict))
        for verdict in codes("verdict"):
            if verdict in verdicts:
                row.explain(label("verdict", verdict, lang), "point", _site_style(verdict))
    if len(lines):
        row.explain(words("bank_distance", lang), "line", _BANK_LINE)
    _sum_sites(content, verdicts if checked else [], len(table))


_BANK_LINE: Style = {"color": "#37474f", "weight": 1.3, "opacity": 0.9, "dashArray": "3 3"}


#: The sign within a symbol, for those who cannot tell its colour from another.
_VERDICT_MARKS = {
    "prohibited": "cross",
    "borderline": "!",
    "unchecked": "?",
    "undetermined": "?",
    "manual": "dots",
    "conditional": "dash",
    "clear": "tick",
}


def _site_style(verdict: str) -> Style:
    fill = colour("verdict", verdict, "#37474f")
    return {
        "shape": "diamond",
        "radius": 7,
        "fillColor": fill,
        "color": "#ffffff",
        "weight": 1.2,
        "mark": _VERDICT_MARKS.get(verdict),
        "textColor": text_on(fill),
    }


def _draw_site(areas: Drawn, points: Drawn, shape: Any, verdict: str, record: int) -> None:
    if shape is None:
        return
    if shapely.get_dimensions(shape) > 0:
        tint = colour("verdict", verdict, "#37474f")
        fill = {"color": tint, "weight": 1.6, "fillColor": tint, "fillOpacity": 0.25}
        areas.add(shape, fill, record)
        style = _site_style(verdict)
        style["radius"] += _WIDER_PX
        points.add(shapely.point_on_surface(shape), style, record)
        return
    points.add(shape, _site_style(verdict), record)


def _draw_bank_lines(lines: Drawn, table: pd.DataFrame) -> None:
    ends = [numbers(table, c) for c in ("site_lon", "site_lat", "foot_lon", "foot_lat")]
    distances = numbers(table, "nearest_m")
    drawable = np.isfinite([*ends, distances]).all(axis=0)
    drawable &= (distances > 0) & (distances <= _LONGEST_BANK_LINE_M)
    for i in np.flatnonzero(drawable):
        x0, y0, x1, y1 = (end[i] for end in ends)
        line = shapely.LineString([(x0, y0), (x1, y1)])
        lines.add(line, _BANK_LINE)
        lines.name(f"{metres(distances[i])} m", line)


def _sum_sites(content: Content, verdicts: list[str], n: int) -> None:
    lang = content.lang
    counts = [
        f"{label('verdict', code, lang)} {verdicts.count(code)}"
        for code in codes("verdict")
        if code in verdicts
    ]
    colon, stop = ("：", "、") if lang == "zh" else (": ", ", ")
    text = words("sum_sites", lang, n=n)
    content.summary.append(text + colon + stop.join(counts) if counts else text)
