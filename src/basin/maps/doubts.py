"""What is in doubt about the data: repairs of the network, and outfalls whose place is not sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely

from basin.maps.cells import column, numbers, short_titles, strings, titles
from basin.maps.content import Content, Style, add_records, badge
from basin.maps.shapes import table_of
from basin.maps.words import words
from basin.standards.labels import codes, colour, label

__all__ = ["add_issues", "add_snaps"]

_SEVERITY_COLOURS = {code: colour("severity", code) for code in codes("severity")}

#: The sign within a symbol, beside its colour.
_SEVERITY_MARKS = {"error": "cross", "warning": "!", "info": "dash"}

#: How outfalls lie to the rivers: colours of severity, the doubtful first.
_SNAP_COLOURS = {
    "far": colour("severity", "error"),
    "ambiguous": colour("severity", "warning"),
    "snapped": colour("severity", "info"),
}


def _issue_style(severity: str) -> Style:
    tint = _SEVERITY_COLOURS.get(severity, _SEVERITY_COLOURS["info"])
    mark = _SEVERITY_MARKS.get(severity, "dash")
    return {"color": "#ffffff", "fillColor": tint, "weight": 1, "shape": "square", "radius": 5,
            "mark": mark, "textColor": "#ffffff"}  # fmt: skip


def add_issues(content: Content, issues: Any) -> None:
    """What the network build found and repaired, by severity."""
    table = table_of(issues, "issues")
    if table is None:
        return
    lang = content.lang
    row = content.row("issues", "quality", words("issues", lang), on=False)
    row.count = len(table)
    layer = content.layer(row, "issues")
    add_records(
        layer, table, titles=titles(table, "issue_id"), kinds={"severity": "severity"}, lang=lang
    )
    severities = [str(s) for s in column(table, "severity")]
    shapes = content.shapes(table, "issues")
    for i, severity in enumerate(severities):
        tint = _SEVERITY_COLOURS.get(severity, _SEVERITY_COLOURS["info"])
        line: Style = {"color": tint, "weight": 6, "opacity": 0.45, "fillOpacity": 0.15}
        is_point = shapes[i] is not None and shapely.get_dimensions(shapes[i]) == 0
        layer.add(shapes[i], _issue_style(severity) if is_point else line, i)
    for severity in _SEVERITY_COLOURS:
        if severity in severities:
            row.explain(label("severity", severity, lang), "point", _issue_style(severity))


def add_snaps(content: Content, outfalls: Any, snaps: pd.DataFrame | None) -> None:
    """Lines from outfalls to their place on a river; those too far or in doubt stand out.

    Parameters
    ----------
    outfalls
        The layer.
    snaps
        ``RiverNetwork.snap(outfalls)``.
    """
    table = None if snaps is None else table_of(outfalls, "outfalls")
    if table is None or snaps is None or len(snaps) != len(table):
        return
    lang = content.lang
    row = content.row("snaps", "quality", words("snaps", lang), on=False)
    told = pd.DataFrame(snaps).reset_index(drop=True).rename(columns={"status": "snap_status"})
    told = told.assign(outfall_id=column(table, "outfall_id"), name=column(table, "name"))
    states = strings(told, "snap_status")
    row.count = sum(state != "snapped" for state in states)
    layer = content.layer(row, "snaps")
    records = add_records(
        layer,
        told.drop(columns=["alternatives"], errors="ignore"),
        titles=short_titles(told, "outfall_id"),
        kinds={"bank": "bank", "snap_status": "snap_status"},
        lang=lang,
    )
    places, feet = content.shapes(table, "outfalls"), _feet(told)
    for i, state in enumerate(states):
        tint = _SNAP_COLOURS.get(state, _SNAP_COLOURS["far"])
        records[i]["badge"] = badge(label("snap_status", state, lang), tint)
        if places[i] is None or shapely.get_dimensions(places[i]) != 0:
            continue
        if feet[i] is not None:
            line = shapely.LineString([shapely.get_coordinates(places[i])[0], feet[i]])
            layer.add(line, {"color": tint, "weight": 1.6, "dashArray": "3 2"}, i)
        if state != "snapped":
            layer.add(places[i], _snap_style(state), i)
    row.explain(label("snap_status", "snapped", lang), "line",
                {"color": _SNAP_COLOURS["snapped"], "weight": 1.6, "dashArray": "3 2"})  # fmt: skip
    for state in ("ambiguous", "far"):
        if state in states:
            row.explain(label("snap_status", state, lang), "point", _snap_style(state))


def _snap_style(state: str) -> Style:
    mark = "?" if state == "ambiguous" else "cross"
    return {"shape": "square", "radius": 5.5, "weight": 1, "color": "#ffffff",
            "fillColor": _SNAP_COLOURS.get(state, _SNAP_COLOURS["far"]), "mark": mark,
            "textColor": "#ffffff"}  # fmt: skip


def _feet(snaps: pd.DataFrame) -> list[tuple[float, float] | None]:
    lon, lat = numbers(snaps, "lon"), numbers(snaps, "lat")
    known = np.isfinite(lon) & np.isfinite(lat)
    return [(x, y) if k else None for x, y, k in zip(lon, lat, known, strict=True)]
