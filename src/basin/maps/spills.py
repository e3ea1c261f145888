"""A spill on a map: the cloud hour by hour, and what it comes to, before and after it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely

from basin._text import number
from basin.maps.cells import as_text, column, number_in, numbers, short_titles, strings, titles
from basin.maps.content import INK, Content, Row, Style, add_records
from basin.maps.shapes import table_of
from basin.maps.words import item_name, words
from basin.standards.labels import codes, colour, label

__all__ = ["add_spill", "spill_subject"]

#: The case that the map opens with: warn and close by it.
_CASE_ON = "fastest"

_TARGET_SHAPES = {
    "section": "circle",
    "intake": "down",
    "structure": "bar",
    "district_border": "diamond",
    "confluence": "hexagon",
    "outlet": "square",
}

#: Confluences are many and tell little by themselves: smaller.
_SMALL = frozenset({"confluence", "outlet"})

_STATES = {"before": "#ffffff", "during": "#c62828", "after": "#9e9e9e"}


def spill_subject(spill: Any, lang: str) -> str:
    """Name what a spill is about: its place and the item."""
    start = dict(getattr(spill, "start", {}))
    place = as_text(start.get("name"), lang=lang) or as_text(start.get("river"), lang=lang) or ""
    item = item_name(start.get("item_id") or "", lang) if start.get("item_id") else ""
    return f"{place} {item}".strip()


def add_spill(content: Content, spill: Any) -> None:
    """The cloud of a spill with a slider over its hours, one row of the panel a case.

    Parameters
    ----------
    spill
        A ``SpillTrace``; its ``fronts`` (``case``, ``hour``, lines), ``arrivals`` (one row a target
        and case, points) and ``start`` are drawn.
    """
    fronts = table_of(getattr(spill, "fronts", None), "spill fronts")
    arrivals = table_of(getattr(spill, "arrivals", None), "spill arrivals")
    if fronts is None and arrivals is None:
        return
    lang = content.lang
    subject = spill_subject(spill, lang)
    _draw_reaches(content, getattr(spill, "reaches", None))
    cases = [c for c in codes("spill_case") if c in {*_cases(fronts), *_cases(arrivals)}]
    on = _CASE_ON if _CASE_ON in cases else cases[0]
    hours: set[float] = {0.0}
    keyed = True
    for case in [on, *(c for c in cases if c != on)]:
        name = words("spill_case", lang, what=subject, case=label("spill_case", case, lang))
        row = content.row(f"spill:{case}", "results", name, on=case == on)
        if fronts is not None:
            hours |= _draw_fronts(content, row, _of(fronts, case), case)
        if arrivals is not None:
            _draw_targets(content, row, _of(arrivals, case), arrivals, keyed)
        keyed = False
        if case == on:
            row.explain(words("spill_remark", lang))
    _draw_start(content, spill, subject)
    stops = sorted(hours)
    content.clock = {
        "name": words("spill_hours", lang),
        "hours": stops,
        "texts": [words("spill_hour", lang, h=number(h)) for h in stops],
    }
    _sum(content, arrivals, subject, on)


def _cases(table: pd.DataFrame | None) -> list[str]:
    return [] if table is None else strings(table, "case")


def _of(table: pd.DataFrame, case: str) -> pd.DataFrame:
    part: pd.DataFrame = table[np.array(strings(table, "case")) == case].reset_index(drop=True)
    return part


def _draw_reaches(content: Content, reaches: Any) -> None:
    """The rivers below the spill, pale, with the hours at which it comes to their lower end."""
    table = table_of(reaches, "spill reaches")
    if table is None:
        return
    lang = content.lang
    row = content.row("spill:reaches", "results", words("spill_reaches", lang), on=True)
    row.count = len(table)
    style = {"color": "#e7b0b0", "weight": 3.4, "opacity": 1, "casing": "#ffffff",
             "arrow": "#8e2424"}  # fmt: skip
    layer = content.layer(row, "spill_reaches", arrows=10.5)
    add_records(
        layer, table, titles=titles(table, "reach_id"), kinds={"tier": "velocity_tier"}, lang=lang
    )
    layer.add_all(content.shapes(table, "spills"), [style] * len(table), range(len(table)))
    row.show("line", style)


def _front_style(case: str) -> Style:
    return {"color": colour("spill_case", case), "weight": 6.5, "opacity": 0.95,
            "casing": "#ffffff", "arrow": "#ffffff"}  # fmt: skip


def _draw_fronts(content: Content, row: Row, fronts: pd.DataFrame, case: str) -> set[float]:
    """Each step of the cloud, on the map until the next; returns the hours."""
    hours = numbers(fronts, "hour")
    if not len(fronts):
        return set()
    lang = content.lang
    layer = content.layer(row, "spill_fronts", remark=words("spill_remark", lang))
    told = [words("spill_hour", lang, h=number(h)) for h in hours]
    add_records(layer, fronts, titles=told, kinds={"case": "spill_case"}, lang=lang)
    shapes = content.shapes(fronts, "spills")
    order = np.argsort(hours, kind="stable")
    ends = np.append(hours[order][1:], np.nan)
    style = _front_style(case)
    for i, end in zip(order, ends, strict=True):
        span = (float(hours[i]), None if np.isnan(end) else float(end))
        layer.add(shapes[i], style, int(i), span=span)
    row.explain(words("spill_cloud", lang), "line", style)
    return {float(h) for h in hours}


def _target_style(kind: str, state: str) -> Style:
    small = kind in _SMALL
    style: Style = {
        "shape": _TARGET_SHAPES.get(kind, "circle"),
        "radius": 3.6 if small else 6.2,
        "fillColor": _STATES[state],
        "color": "#8e2424" if state == "before" else INK,
        "weight": 1 if small else 1.6,
    }
    return style if small or state != "during" else style | {"mark": "!", "textColor": "#ffffff"}


def _draw_targets(
    content: Content, row: Row, targets: pd.DataFrame, arrivals: pd.DataFrame, keyed: bool
) -> None:
    """What the cloud comes to: open before, red while it passes, grey after; all cases told."""
    kinds = strings(targets, "kind")
    small = np.array([kind in _SMALL for kind in kinds], dtype=bool)
    _draw_some(content, row, targets[small], arrivals, {})
    label_style = {"zoom": 0, "rank": 12, "size": 12, "weight": 600, "color": INK, "titles": True}
    _draw_some(content, row, targets[~small], arrivals, {"label": label_style, "obstacle": True})
    if not keyed:
        return
    lang = content.lang
    for state in _STATES:
        row.explain(words(f"spill_{state}", lang), "point", _target_style("section", state))
    for kind in codes("target_kind"):
        if kind in kinds:
            row.explain(label("target_kind", kind, lang), "point", _target_style(kind, "before"))


def _draw_some(
    content: Content,
    row: Row,
    targets: pd.DataFrame,
    arrivals: pd.DataFrame,
    options: dict[str, Any],
) -> None:
    if not len(targets):
        return
    lang = content.lang
    layer = content.layer(row, "spill_targets", name=words("spill_targets", lang), **options)
    kinds = strings(targets, "kind")
    told_apart = [c for c in targets.columns if str(c).endswith("_h")]
    records = add_records(
        layer,
        targets,
        titles=short_titles(targets, "id"),
        kinds={"kind": "target_kind", "snap_status": "snap_status"},
        lang=lang,
        skip=[*told_apart, "case", "peak_mg_l"],
    )
    shapes = content.shapes(targets, "spills")
    leading, trailing = numbers(targets, "leading_h"), numbers(targets, "trailing_h")
    rows_of: dict[tuple[str, str], list[int]] = {}
    for k, key in enumerate(zip(strings(arrivals, "id"), strings(arrivals, "kind"), strict=True)):
        rows_of.setdefault(key, []).append(k)
    for i, (target, kind) in enumerate(zip(strings(targets, "id"), kinds, strict=True)):
        records[i]["tables"] = [_arrival_table(arrivals, rows_of[target, kind], lang)]
        come = float(leading[i]) if np.isfinite(leading[i]) else None
        gone = float(trailing[i]) if come is not None and np.isfinite(trailing[i]) else None
        layer.add(shapes[i], _target_style(kind, "before"), i, span=(-1.0, come))
        if come is not None:
            layer.add(shapes[i], _target_style(kind, "during"), i, span=(come, gone))
        if gone is not None:
            layer.add(shapes[i], _target_style(kind, "after"), i, span=(gone, None))


def _arrival_table(arrivals: pd.DataFrame, at: list[int], lang: str) -> dict[str, Any]:
    """Hours of one target in each case."""
    part = arrivals.iloc[at]
    fields = ["leading_h", "peak_h", "trailing_h", "peak_mg_l"]
    fields = [f for f in fields if np.isfinite(numbers(part, f)).any()]
    values = {f: numbers(part, f) for f in fields}
    rows = [
        [label("spill_case", case, lang), *(number(values[f][k]) for f in fields)]
        for k, case in enumerate(column(part, "case"))
    ]
    heads = [label("column", c, lang) for c in ("case", *fields)]
    return {"title": words("spill_arrivals", lang), "heads": heads, "rows": rows}


def _draw_start(content: Content, spill: Any, subject: str) -> None:
    """Where it was spilled."""
    start = pd.Series(getattr(spill, "start", {}), dtype=object)
    lon, lat = number_in(dict(start), "lon"), number_in(dict(start), "lat")
    if lon is None or lat is None:
        return
    lang = content.lang
    row = content.row("spill:start", "results", words("spill_start", lang), on=True)
    style = {
        "shape": "cross",
        "radius": 9,
        "fillColor": "#c62828",
        "color": "#ffffff",
        "weight": 1.4,
    }
    layer = content.layer(row, "sites", obstacle=True,
                          label={"zoom": 0, "rank": 5, "size": 12.5, "weight": 700, "color": INK,
                                 "titles": True})  # fmt: skip
    table = pd.DataFrame([start.to_dict()])
    add_records(layer, table, titles=[subject or row.name], kinds={"snap_status": "snap_status"},
                lang=lang)  # fmt: skip
    place = pd.Series([shapely.Point(lon, lat)], dtype=object)
    layer.add(content.shapes(table.assign(geometry=place), "spills")[0], style, 0)
    row.show("point", style)


def _sum(content: Content, arrivals: pd.DataFrame | None, subject: str, case: str) -> None:
    lang = content.lang
    text = words("sum_spill", lang, what=subject)
    if arrivals is not None:
        first = _of(arrivals, case)
        first = first[np.array(strings(first, "kind")) == "intake"]
        hours = numbers(first, "leading_h")
        if np.isfinite(hours).any():
            i = int(np.nanargmin(hours))
            name = short_titles(first, "id")[i]
            text += words("sum_intake", lang, case=label("spill_case", case, lang),
                          h=number(hours[i]), name=name)  # fmt: skip
    content.summary.append(text)
