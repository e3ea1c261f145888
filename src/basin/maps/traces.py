"""Source traces on a map: reaches by the load that passes, outfalls with their rank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import number
from basin.maps.cells import (
    column,
    listed,
    number_in,
    numbers,
    short_titles,
    strings,
    titles,
)
from basin.maps.content import Content, Record, Row, Style, add_records, badge, name_style
from basin.maps.shapes import table_of
from basin.maps.words import item_name, words
from basin.standards.labels import codes, colour, label

__all__ = ["add_traces", "trace_subject"]

#: More traces than this lie over each other: then they wait to be switched on.
_SHOWN_AT_ONCE = 3

#: Arriving load as a share of the largest on the map: upper ends of the classes, tint, width.
_LOAD_CLASSES = tuple(
    (float(code), colour("load_share", code), width)
    for code, width in zip(codes("load_share"), (2.0, 3.4, 4.4, 5.6, 6.8), strict=True)
)


#: Leads told in the popup of a section.
_LEADS_TOLD = 6

#: Columns that are parts of a whole.
_SHARES = ("share_explained", "share_of_flux", "share_low", "share_high", "p_top3")

#: What is asked first of a lead.
_KEY_COLUMNS = (
    "outfall_id",
    "distance_m",
    "travel_time_h",
    "arriving_kg_d",
    "load_basis",
    "share_explained",
    "share_of_flux",
    "next_section",
    "responsible",
)


def _percent(value: Any, lang: str) -> str:
    try:
        return f"{number(100 * float(value))} %"
    except (TypeError, ValueError):
        return str(value)


def _load_class(share: float) -> int:
    if not np.isfinite(share) or share <= 0:
        return 0
    return next(i for i, (top, _, _) in enumerate(_LOAD_CLASSES) if share <= top + 1e-9)


def _load_style(place: int) -> Style:
    _, tint, width = _LOAD_CLASSES[place]
    arrow = "#ffffff" if place > 1 else _LOAD_CLASSES[-1][1]  # seen on dark and on pale lines
    return {"color": tint, "weight": width, "opacity": 1, "casing": "#ffffff", "arrow": arrow}


def _shares(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    top = np.nanmax(values) if np.isfinite(values).any() else 0.0
    return values / top if top > 0 else np.zeros(len(values))


def trace_subject(trace: Any, sections: Any, lang: str) -> str:
    """Name what a trace is about: the section, by its name where it is known, and the item."""
    section = str(getattr(trace, "section_id", "") or "")
    known = table_of(sections, "sections")
    if known is not None:
        pairs = zip(strings(known, "section_id"), short_titles(known, "section_id"), strict=True)
        section = dict(pairs).get(section, section)
    return f"{section} {item_name(getattr(trace, 'item_id', '') or '', lang)}".strip()


def add_traces(
    content: Content, traces: Iterable[Any], sections: Any, records: Mapping[str, Record]
) -> None:
    """Traces: reaches by the load that passes towards the section, outfalls with their rank.

    Parameters
    ----------
    traces
        ``SourceTrace`` objects.
    sections
        Where the traced sections may be found, for their names.
    records
        Of the sections on the map, by id: each trace is told there too.
    """
    told = []
    traces = list(traces)
    on = len(traces) <= _SHOWN_AT_ONCE
    for place, trace in enumerate(traces):
        lang = content.lang
        name = words("trace", lang, what=trace_subject(trace, sections, lang))
        row = content.row(f"trace:{place}", "results", name, on=on)
        row.explain(words("leads", lang))
        keyed = place == 0  # one key to the colours is enough
        _trace_reaches(content, row, getattr(trace, "reaches", None), keyed)
        _trace_outfalls(content, row, getattr(trace, "outfalls", None), keyed)
        _trace_rest(content, row, trace)
        record = records.get(str(getattr(trace, "section_id", "")))
        table = _lead_table(trace, lang)
        if record is not None and table is not None:
            record.setdefault("tables", []).append(table)
        told.append(trace_subject(trace, sections, lang))
    if told:
        content.summary.append(words("sum_traces", content.lang, ids=listed(told, content.lang)))


def _trace_reaches(content: Content, row: Row, reaches: Any, keyed: bool) -> None:
    table = table_of(reaches, "trace reaches")
    if table is None:
        return
    lang = content.lang
    layer = content.layer(row, "trace_reaches", arrows=10.5, obstacle=True)
    add_records(layer, table, titles=titles(table, "reach_id"), kinds={}, lang=lang)
    load = "arriving_kg_d" if "arriving_kg_d" in table.columns else "load_kg_d"
    classes = [_load_class(s) for s in _shares(numbers(table, load))]
    shapes = content.shapes(table, "traces")
    for i in sorted(range(len(table)), key=lambda i: classes[i]):
        layer.add(shapes[i], _load_style(classes[i]), i)
    if not keyed:
        return
    for i, code in enumerate(codes("load_share")):
        row.explain(label("load_share", code, lang), "line", _load_style(i))


def _trace_outfalls(content: Content, row: Row, outfalls: Any, keyed: bool) -> None:
    table = table_of(outfalls, "trace outfalls")
    if table is None:
        return
    lang = content.lang
    layer = content.layer(
        row,
        "trace_outfalls",
        obstacle=True,
        remark=words("leads", lang),
        label=name_style(11, 15, 11.5),
    )
    records = add_records(
        layer,
        table,
        titles=short_titles(table, "outfall_id"),
        kinds={
            "kind": "outfall_kind",
            "action": "outfall_action",
            "status": "outfall_status",
            "load_basis": "data_basis",
            "data_basis": "data_basis",
            "bank": "bank",
            "snap_status": "snap_status",
            "carries_item": "carries_item",
            "note": "outfall_note",
        },
        lang=lang,
        first=_KEY_COLUMNS,
        tellers=dict.fromkeys(_SHARES, _percent),
    )
    arriving = numbers(table, "arriving_kg_d")
    shares, ranks = _shares(arriving), numbers(table, "rank")
    shapes = content.shapes(table, "traces")
    # the first in rank is drawn last, above the others
    for i in np.argsort(-np.nan_to_num(ranks, nan=1e9), kind="stable"):
        rank = f"{ranks[i]:.0f}" if np.isfinite(ranks[i]) else None
        if rank:
            records[i]["badge"] = badge(words("rank_badge", lang, n=rank), _LOAD_CLASSES[-1][1])
        layer.add(shapes[i], _lead_style(shares[i]), int(i), rank if shares[i] > 0 else None)
    if not keyed:
        return
    row.explain(words("ranked", lang), "point", _lead_style(1.0))
    if (~(shares > 0)).any():
        row.explain(words("no_load", lang), "point", _lead_style(0.0))


def _lead_table(trace: Any, lang: str) -> dict[str, Any] | None:
    """The first leads of a trace as a small table, with their intervals where there are any."""
    table = table_of(getattr(trace, "outfalls", None), "trace outfalls")
    if table is None:
        return None
    ranks = numbers(table, "rank")
    order = np.argsort(np.nan_to_num(ranks, nan=np.inf), kind="stable")
    order = order[np.isfinite(ranks[order])]
    names = short_titles(table, "outfall_id")
    low, value, high = (numbers(table, f"arriving_{part}kg_d") for part in ("low_", "", "high_"))
    first, last = numbers(table, "rank_low"), numbers(table, "rank_high")
    share_of = next((c for c in ("share_of_flux", "share_explained") if c in table.columns), None)
    shares = numbers(table, share_of) if share_of else np.full(len(table), np.nan)
    distances = numbers(table, "distance_m")
    rows = [
        [
            _between(ranks[i], first[i], last[i]),
            names[i],
            "–" if np.isnan(distances[i]) else number(distances[i] / 1000),
            _between(value[i], low[i], high[i]),
            "–" if np.isnan(shares[i]) else _percent(shares[i], lang),
        ]
        for i in order[:_LEADS_TOLD]
    ]
    if not rows:
        return None
    heads = [words(f"lead_{c}", lang) for c in ("rank", "name", "km", "load")]
    heads.append(label("column", share_of or "share_of_flux", lang))
    item = item_name(getattr(trace, "item_id", "") or "", lang)
    rest = [words("leads", lang)]
    if len(order) > len(rows):
        rest.insert(0, words("more_leads", lang, n=len(order) - len(rows)))
    title = words("trace", lang, what=item)
    return {"title": title, "heads": heads, "rows": rows, "rest": rest}


def _between(value: float, low: float, high: float) -> str:
    """A figure with its interval where it has one."""
    told = "–" if np.isnan(value) else number(value)
    if np.isnan(low) or np.isnan(high) or number(low) == number(high):
        return told
    return f"{told} ({number(low)}–{number(high)})"


def _lead_style(share: float) -> Style:
    """A disc whose area grows with the share of the load; small and pale without any."""
    known = np.isfinite(share) and share > 0
    return {
        "shape": "circle",
        "radius": round(7 + 5 * float(np.sqrt(share)), 1) if known else 4.5,
        "fillColor": _LOAD_CLASSES[_load_class(share)][1] if known else "#e9dfe8",
        "color": "#ffffff" if known else "#8a6d88",
        "textColor": "#ffffff" if known and share > 0.10 else "#3b0a35",
        "weight": 1.2,
    }


def _trace_rest(content: Content, row: Row, trace: Any) -> None:
    """What the trace leaves out and what it cannot explain, in words under the row."""
    lang = content.lang
    balance = getattr(trace, "balance", None)
    if balance is not None and len(balance):
        flat = {str(k): v for k, v in dict(balance).items()}

        observed, limit = number_in(flat, "observed_mg_l"), number_in(flat, "limit_mg_l")
        flux, explained = number_in(flat, "flux_kg_d"), number_in(flat, "explained_kg_d")
        if observed is not None and limit is not None:
            row.explain(words("observed", lang, v=number(observed, 3), l=number(limit, 3)))
        if flux is not None and explained is not None:
            row.explain(words("flux", lang, f=number(flux, 3), e=number(explained, 3)))
    left_out = getattr(trace, "left_out", None)
    if left_out is not None and len(left_out):
        table = pd.DataFrame(left_out)
        ids = column(table, "outfall_id") if "outfall_id" in table.columns else list(table.index)
        row.explain(words("left_out", lang, n=len(table), ids=listed(ids, lang)))
