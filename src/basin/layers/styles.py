"""How QGIS draws what `basin` writes.

The style of a layer follows from its columns; colours and words are those of ``labels.toml``, as in
maps, figures and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._colour import AREA_TINTS
from basin._text import number
from basin.layers.qml import (
    FAMILIES,
    Entry,
    Naming,
    Part,
    document,
    literal,
    quoted,
    rgba,
    tellable,
)
from basin.standards.labels import codes, colour, label

__all__ = ["FAMILY_OF", "Style", "layer_style"]

_INK, _WHITE, _GREY = "#263238", "#ffffff", "#757575"
#: Family of each type of geometry.
FAMILY_OF = {
    "Point": "point", "MultiPoint": "point", "LineString": "line", "MultiLineString": "line",
    "LinearRing": "line", "Polygon": "polygon", "MultiPolygon": "polygon",
}  # fmt: skip

#: More unknown values than this share one symbol.
_MOST_UNKNOWN = 12

_LEVEL_MARKS = {
    "national": "circle", "provincial": "hexagon", "municipal": "square", "district": "triangle",
}  # fmt: skip

#: Zones whose grades have colours of their own.
_GRADED = ("control_unit", "water_source")

#: Opacity of the fill and width of the outline (mm) by grade, strictest first.
_GRADE_WEIGHT = {
    "core": (0.30, 0.5), "I": (0.42, 0.5), "II": (0.30, 0.4), "core_protected": (0.30, 0.5),
    "banned": (0.26, 0.4), "chemical": (0.34, 0.5), "suitable": (0.08, 0.26),
}  # fmt: skip

#: Layers under the results: colour, mark of points, width of lines in mm.
_GROUND = {
    "shorelines": ("#0277bd", "", 0.3), "districts": ("#78909c", "", 0.5),
    "intakes": ("#00695c", "triangle", 0.4), "structures": ("#4e342e", "cross2", 0.4),
}  # fmt: skip

_WORDS = {
    "zh": {
        "other": "其他", "reaches": "按河流级别", "order": "{} 级", "sections": "按水质类别",
        "plain_sections": "监测断面", "outfalls": "按排口类型", "leads": "按溯源负荷",
        "trace": "按溯源负荷", "no_load": "无该指标负荷数据", "zones": "按分区类型",
        "bands": "按距离", "band": "岸线 {} km 范围（示意）", "sites": "按核查结论",
        "plain_sites": "项目", "issues": "按问题程度", "reach": "河流",
        "sampling": "加测点", "catchments": "集水区", "drainage_areas": "总集水区",
        "in_all": "总计", "at_edge": "可能未到分水岭，面积为下限", "paths": "汇流路径",
        "disagreements": "按不符类型",
        "about": "basin 图式：{}",
    },
    "en": {
        "other": "other", "reaches": "by river order", "order": "order {}",
        "sections": "by water class", "plain_sections": "sections", "outfalls": "by kind",
        "leads": "by arriving load", "trace": "by load", "no_load": "no load of the item known",
        "zones": "by kind of zone", "bands": "by distance", "band": "{} km band (indicative)",
        "sites": "by verdict", "plain_sites": "sites", "issues": "by severity", "reach": "rivers",
        "sampling": "where to sample", "catchments": "catchments",
        "drainage_areas": "drainage areas", "in_all": "in all",
        "at_edge": "the DEM may end before the divide",
        "paths": "paths of water", "disagreements": "by kind",
        "about": "drawn by basin: {}",
    },
}  # fmt: skip

#: Columns of codes -> table in ``labels.toml``; ``kind`` and ``action`` differ from layer to layer.
_CODED = {
    "water_class": "water_class", "target_class": "water_class", "level": "section_level",
    "waterbody": "waterbody", "status": "outfall_status", "data_basis": "data_basis",
    "load_basis": "data_basis", "verdict": "verdict", "severity": "severity",
    "river_class": "river_class", "grade": "zone_grade",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """The style of one layer: its name, what it is, and the QML document."""

    name: str
    description: str
    qml: str


@dataclass(frozen=True)
class _Look:
    """What a layer looks like, before it is told in QML."""

    name: str
    entries: list[Entry]
    by: str = ""
    naming: Naming | None = None
    order_by: str = ""
    coded: Mapping[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- symbols


def _marker(
    shape: str, fill: str | None, size: float, *, line: str = _WHITE, width: float = 0.25,
    dash: str = "solid", **computed: str,
) -> Part:  # fmt: skip
    settings = {
        "name": shape, "size": size, "size_unit": "MM", "outline_color": rgba(line),
        "outline_width": width, "outline_width_unit": "MM", "outline_style": dash,
        "color": rgba(fill or _WHITE, 1.0 if fill else 0.0), "scale_method": "diameter",
    }  # fmt: skip
    return Part("SimpleMarker", settings, computed)


def _stroke(tint: str, width: float, *, opacity: float = 1.0, level: int = 0) -> Part:
    settings: dict[str, object] = {
        "line_color": rgba(tint, opacity), "line_width": width, "line_width_unit": "MM",
        "capstyle": "round", "joinstyle": "round",
    }  # fmt: skip
    return Part("SimpleLine", settings, level=level)


def _area(
    tint: str, opacity: float, width: float, *, hatch: str = "solid", dash: str = "solid",
    line: str = "", **computed: str,
) -> Part:  # fmt: skip
    settings = {
        "color": rgba(tint, opacity), "style": hatch, "outline_color": rgba(line or tint),
        "outline_width": width, "outline_width_unit": "MM", "outline_style": dash,
    }  # fmt: skip
    return Part("SimpleFill", settings, computed)


def _centre(mark: Part) -> Part:
    """The mark once on each area, somewhere within it."""
    settings = {"point_on_surface": 1, "point_on_all_parts": 0, "clip_points": 0}
    return Part("CentroidFill", settings, inner=[mark])


def _everywhere(point: Iterable[Part], tint: str, *, width: float = 1.4) -> dict[str, list[Part]]:
    """The point's symbol, and lines and areas in its colour."""
    return {
        "point": list(point),
        "line": [_stroke(tint, width, opacity=0.6)],
        "polygon": [_area(tint, 0.25, 0.5)],
    }


# ---------------------------------------------------------------- values


def _present(table: Any, column: str, kind: str) -> tuple[list[str], bool]:
    """The values of a column, known codes first; and whether a row has none of them."""
    values = table[column].dropna().astype("str")
    found = set(values.unique())
    unknown = sorted(found - {*codes(kind), ""})
    taken = [u for u in unknown if tellable(u)][:_MOST_UNKNOWN]
    rest = "" in found or len(values) < len(table) or len(taken) < len(unknown)
    return [*(c for c in codes(kind) if c in found), *taken], rest


def _naming(table: Any, key: str, **look: Any) -> Naming:
    """Name features by ``name``, or by their id where that is blank."""
    parts = [f"nullif({quoted('name')}, '')"] if "name" in table.columns else []
    return Naming(f"coalesce({', '.join([*parts, quoted(key), repr('')])})", **look)


def _missed(table: Any) -> bool:
    if "compliant" not in table.columns:
        return False
    return bool(table["compliant"].astype("str").str.lower().isin(["false", "0", "0.0"]).any())


# ---------------------------------------------------------------- layers


def _reaches(table: Any, lang: str) -> _Look:
    tint = colour("line", "river")
    orders = sorted(int(o) for o in pd.to_numeric(table["strahler"]).dropna().unique())
    words = _WORDS[lang]
    entries = []
    for order in orders:
        line = [_stroke(tint, round(0.24 + 0.18 * (min(max(order, 1), 6) - 1), 2))]
        entries.append(
            Entry(words["order"].format(order), _everywhere([], tint) | {"line": line}, str(order))
        )
    if table["strahler"].isna().any() or not orders:
        line = [_stroke(tint, 0.24)]
        entries.append(Entry(words["reach"], _everywhere([], tint) | {"line": line}, ""))
    naming = Naming(
        f"nullif({quoted('name')}, '')" if "name" in table.columns else quoted("reach_id"),
        colour=tint, along=True, size_pt=8, rank=3,
    )  # fmt: skip
    return _Look("reaches", entries, quoted("strahler"), naming)


def _loads(table: Any, column: str) -> tuple[float, list[str]]:
    """The largest load, and the filter of each class of ``load_share``."""
    loads = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    most = float(np.nanmax(loads)) if np.isfinite(loads).any() else 0.0
    ends = [float(code) * most for code in codes("load_share")]
    name = quoted(column)
    filters = [f"coalesce({name}, 0) <= 0"]
    for low, high in pairwise(ends):
        above = f"{name} > {max(low, 0.0)!r}"
        # the largest is in the last class, whatever rounding does to it
        filters.append(above if high == ends[-1] else f"{above} AND {name} <= {high!r}")
    return most, filters


def _trace(table: Any, lang: str) -> _Look:
    column = "arriving_kg_d" if "arriving_kg_d" in table.columns else "load_kg_d"
    most, filters = _loads(table, column)
    widths = (0.8, 1.0, 1.2, 1.5, 1.8)
    entries = []
    for code, wanted, width in zip(codes("load_share"), filters, widths, strict=True):
        tint = colour("load_share", code)
        symbols = _everywhere([], tint) | {
            "line": [_stroke(_WHITE, width + 0.6), _stroke(tint, width, level=1)]
        }
        entries.append(Entry(label("load_share", code, lang), symbols, filter=wanted))
    entries = entries if most > 0 else entries[:1]
    naming = Naming(
        f"nullif({quoted('name')}, '')" if "name" in table.columns else quoted("reach_id"),
        colour=colour("load_share", "1"), along=True, size_pt=8, rank=4,
    )  # fmt: skip
    return _Look("trace", entries, naming=naming)


def _leads(table: Any, lang: str) -> _Look:
    most, filters = _loads(table, "arriving_kg_d")
    sizes = (2.4, 3.0, 3.6, 4.4, 5.2)
    entries = []
    for code, wanted, size in zip(codes("load_share"), filters, sizes, strict=True):
        tint = colour("load_share", code)
        none = code == "0"  # hollow: no load of the item is known
        mark = _marker(
            "circle", None if none else tint, size, line=tint if none else _WHITE, width=0.4
        )
        text = _WORDS[lang]["no_load"] if none else label("load_share", code, lang)
        entries.append(Entry(text, _everywhere([mark], tint), filter=wanted))
    entries = entries if most > 0 else entries[:1]
    naming = _naming(table, "outfall_id", bold=True, rank=8)
    ranked = f"coalesce({quoted('rank')} || ' ', '') || {naming.expression}"
    naming = Naming(ranked, bold=True, rank=8, distance_mm=2.2)
    order = f"-coalesce({quoted('arriving_kg_d')}, 0)"  # drawn from small to large
    return _Look("leads", entries, naming=naming, order_by=order, coded={"kind": "outfall_kind"})


def _outfalls(table: Any, lang: str) -> _Look:
    kinds, rest = _present(table, "kind", "outfall_kind")
    tints = {kind: colour("outfall_kind", kind) for kind in kinds}
    entries = [
        Entry(
            label("outfall_kind", kind, lang),
            _everywhere([_marker("circle", tint, 2.5)], tint),
            kind,
        )
        for kind, tint in tints.items()
    ]
    by = quoted("kind")
    idle = ("closed", "planned")
    if "status" in table.columns and table["status"].isin(idle).any():
        by = f"if({quoted('status')} IN ('closed', 'planned'), {quoted('status')}, {by})"
        # an open ring in the colour of its kind: nothing comes out of it
        known = " ".join(
            f"WHEN {quoted('kind')} = {literal(kind)} THEN '{tint}'" for kind, tint in tints.items()
        )
        ink = f"CASE {known} ELSE '{_GREY}' END" if known else f"'{_GREY}'"
        for status in idle:
            if table["status"].eq(status).any():
                ring = _marker(
                    "circle", _WHITE, 2.2, line=_GREY, width=0.45,
                    dash="solid" if status == "closed" else "dot", outlineColor=ink,
                )  # fmt: skip
                text = label("outfall_status", status, lang)
                entries.append(Entry(text, _everywhere([ring], _GREY), status))
    if rest or not entries:
        text = _WORDS[lang]["other"]
        entries.append(Entry(text, _everywhere([_marker("circle", _GREY, 2.5)], _GREY), ""))
    naming = _naming(table, "outfall_id", size_pt=8, to_scale=150_000, rank=4)
    coded = {"kind": "outfall_kind", "action": "outfall_action"}
    return _Look("outfalls", entries, by, naming, coded=coded)


def _shape_by_level(table: Any) -> dict[str, str]:
    if "level" not in table.columns:
        return {}
    cases = " ".join(
        f"WHEN {quoted('level')} = '{level}' THEN '{mark}'" for level, mark in _LEVEL_MARKS.items()
    )
    return {"name": f"CASE {cases} ELSE 'circle' END"}


def _sections(table: Any, lang: str) -> _Look:
    """Classes as fills; over them the shape of the level, and a ring where the target is missed."""
    shape = _shape_by_level(table)
    entries = []
    if "water_class" in table.columns:
        known, rest = _present(table, "water_class", "water_class")
        unknown = [c for c in known if c not in codes("water_class")]
        for code in [*(c for c in codes("water_class") if c != "none"), *unknown]:
            tint = colour("water_class", code)
            mark = _marker("circle", tint, 4.0, line=_INK, width=0.3, **shape)
            text = label("water_class", code, lang)
            entries.append(Entry(text, _everywhere([mark], tint), code))
        if rest or "none" in known:
            tint = colour("water_class", "none")
            hollow = _marker("circle", _WHITE, 4.0, line=tint, width=0.6, dash="dot", **shape)
            entries.append(
                Entry(
                    label("water_class", "none", lang),
                    _everywhere([hollow], tint)
                    | {"polygon": [_area(tint, 1, 0.5, hatch="b_diagonal")]},
                    "",
                )
            )
    levels = _present(table, "level", "section_level")[0] if "level" in table.columns else []
    for level in levels:
        mark = _marker(_LEVEL_MARKS.get(level, "circle"), None, 4.0, line=_INK, width=0.3)
        entries.append(
            Entry(
                label("section_level", level, lang),
                _everywhere([mark], _INK),
                filter=f"{quoted('level')} = {literal(level)}",
            )
        )
    if _missed(table):
        tint = colour("compliance", "missed")
        ring = _marker("circle", None, 6.4, line=tint, width=0.6)
        wanted = f"lower(to_string({quoted('compliant')})) IN ('false', '0')"
        text = label("compliance", "missed", lang)
        entries.append(Entry(text, _everywhere([ring], tint), filter=wanted))
    assessed = "water_class" in table.columns
    if not entries:
        mark = _marker("circle", _WHITE, 4.0, line=_INK, width=0.3)
        entries = [Entry(_WORDS[lang]["plain_sections"], _everywhere([mark], _INK))]
    naming = _naming(table, "section_id", size_pt=10, bold=True, rank=10, distance_mm=2.4)
    return _Look(
        "sections" if assessed else "plain_sections", entries,
        f"nullif({quoted('water_class')}, 'none')", naming,
    )  # fmt: skip


def _sites(table: Any, lang: str) -> _Look:
    naming = _naming(table, "site_id", rank=7, distance_mm=2.6)
    checked = "verdict" in table.columns
    verdicts, rest = _present(table, "verdict", "verdict") if checked else ([], True)
    entries = []
    for verdict in verdicts:
        tint = colour("verdict", verdict)
        mark = _marker("diamond", tint, 4.2, line=_WHITE, width=0.35)
        symbols = _everywhere([mark], tint)
        # an area of a few hectares is a dot on the map of a county: it takes a mark as well
        symbols["polygon"].append(_centre(mark))
        entries.append(Entry(label("verdict", verdict, lang), symbols, verdict))
    if rest or not entries:
        text = _WORDS[lang]["other" if checked else "plain_sites"]
        mark = _marker("diamond", "#37474f", 4.2, line=_WHITE, width=0.35)
        value = "" if checked else None
        entries.append(Entry(text, _everywhere([mark], "#37474f"), value))
    return _Look(
        "sites" if checked else "plain_sites", entries, quoted("verdict"), naming,
        coded={"action": "site_action"},
    )  # fmt: skip


def _zones(table: Any, lang: str) -> _Look:
    """Kinds, and within them grades; larger zones below those that lie in them."""
    kinds, rest = _present(table, "kind", "zone_kind")
    graded = "grade" in table.columns
    grades, _ = _present(table, "grade", "zone_grade") if graded else ([], False)
    pairs = pd.DataFrame({"kind": table["kind"].astype("str"), "grade": ""}).reset_index(drop=True)
    if graded:
        told = table["grade"].astype("object").reset_index(drop=True)
        pairs["grade"] = told.where(told.isin(grades), "").astype("str")
    found = set(pairs.drop_duplicates().itertuples(index=False, name=None))
    entries = [
        _zone_entry(kind, grade, lang)
        for kind in kinds
        for grade in [*grades, ""]
        if (kind, grade) in found
    ]
    if rest or not entries:
        text = _WORDS[lang]["other"]
        entries.append(
            Entry(text, _everywhere([], _GREY) | {"polygon": [_area(_GREY, 0.16, 0.3)]}, "")
        )
    by = quoted("kind")
    if grades:
        listed = ", ".join(literal(g) for g in grades)
        by = f"{by} || if({quoted('grade')} IN ({listed}), ' ' || {quoted('grade')}, '')"
    naming = _naming(table, "zone_id", size_pt=8, to_scale=250_000, rank=2)
    return _Look("zones", entries, by, naming, order_by="$area", coded={"kind": "zone_kind"})


def _zone_entry(kind: str, grade: str, lang: str) -> Entry:
    opacity, width = _GRADE_WEIGHT.get(grade, (0.16, 0.35))
    tint = colour("zone_kind", kind)
    if kind in _GRADED:
        tint = colour("zone_grade", grade, tint)
    area = [_area(tint, 0.22 if kind == "control_unit" else opacity, width)]
    if kind == "red_line":
        area.append(_area(tint, 0.55, 0.6, hatch="b_diagonal"))
    text = label("zone_kind", kind, lang)
    if grade:
        text += f" · {label('zone_grade', grade, lang)}"
    symbols = _everywhere([_marker("square", tint, 2.5)], tint) | {"polygon": area}
    return Entry(text, symbols, f"{kind} {grade}".strip())


def _bands(table: Any, lang: str) -> _Look:
    """Outlines with a breath of fill: bands decide nothing."""
    limits = pd.to_numeric(table["limit_m"], errors="coerce")
    entries = []
    for place, limit in enumerate(sorted(limits[np.isfinite(limits)].unique())):
        code = f"{limit:g}"
        tint = colour("band", code, colour("band", "5000"))
        dash = "dash" if place == 0 else "dot"
        text = (
            label("band", code, lang)
            if code in codes("band")
            else _WORDS[lang]["band"].format(number(limit / 1000))
        )
        area = {"polygon": [_area(tint, 0.06, 0.25, dash=dash)]}
        entries.append(Entry(text, _everywhere([], tint) | area, f"{limit:.15g}"))
    if not entries or limits.isna().any():
        area = {"polygon": [_area(_GREY, 0.06, 0.25, dash="dot")]}
        entries.append(Entry(_WORDS[lang]["other"], _everywhere([], _GREY) | area, ""))
    return _Look("bands", entries, quoted("limit_m"), order_by="$area")


def _issues(table: Any, lang: str) -> _Look:
    severities, rest = _present(table, "severity", "severity")
    entries = []
    for severity in severities:
        tint = colour("severity", severity)
        mark = _marker("cross_fill", tint, 3.4, line=_WHITE, width=0.25)
        entries.append(
            Entry(label("severity", severity, lang), _everywhere([mark], tint), severity)
        )
    if rest or not entries:
        mark = _marker("cross_fill", _GREY, 3.4)
        entries.append(Entry(_WORDS[lang]["other"], _everywhere([mark], _GREY), ""))
    naming = Naming(f"coalesce({quoted('issue_id')}, '')", size_pt=7, to_scale=50_000, rank=1)
    return _Look("issues", entries, quoted("severity"), naming)


def _ground(table: Any, lang: str, name: str) -> _Look:
    """A layer under the results: one symbol, named by its own name."""
    tint, point, line = _GROUND[name]
    symbols = _everywhere([_marker(point, tint, 2.6)] if point else [], tint) | {
        "line": [_stroke(tint, line)],
        "polygon": [_area(tint, 0.0, line, dash="dash" if name == "districts" else "solid")],
    }
    naming = None
    if name != "shorelines" and "id" in table.columns:
        naming = _naming(table, "id", colour=tint, size_pt=8, to_scale=500_000, rank=2)
    return _Look(name, [Entry(label("layer", name, lang), symbols)], naming=naming)


def _sampling(table: Any, lang: str) -> _Look:
    """Where to sample next: a ring with its number."""
    mark = _marker("circle", None, 4.2, line="#d81b60", width=0.7)
    entry = Entry(label("layer", "trace_sampling_points", lang), _everywhere([mark], "#d81b60"))
    naming = Naming(f"to_string({quoted('point')})", colour="#ad1457", size_pt=8, bold=True)
    return _Look("sampling", [entry], naming=naming)


def _catchments(table: Any, lang: str, *, nested: bool = False) -> _Look:
    """Own land in changing tints; drainage areas lie in each other, and are outlines only.

    A lower bound (the DEM may end before the divide) is hatched, or its outline broken.
    """
    edge = table["at_data_edge"].fillna(False).astype(bool)
    tints = ", ".join(literal(rgba(tint, 0.75)) for tint in AREA_TINTS)
    cycle = {"fillColor": f"array_get(array({tints}), $id % {len(AREA_TINTS)})"}
    name = "drainage_areas" if nested else "catchments"
    entries = []
    for at_edge, text in (("0", name), ("1", "at_edge")):
        if (edge if at_edge == "1" else ~edge).any() or (at_edge == "0" and not len(table)):
            if nested:
                dash = "dash" if at_edge == "1" else "solid"
                area = [_area("#37626f", 0.0, 0.7, dash=dash)]
            else:
                area = [_area(AREA_TINTS[0], 0.75, 0.3, line="#607d8b", **cycle)]
                if at_edge == "1":
                    area.append(_area("#607d8b", 0.45, 0.3, hatch="b_diagonal"))
            symbols = _everywhere([], AREA_TINTS[0]) | {"polygon": area}
            entries.append(Entry(_WORDS[lang][text], symbols, at_edge))
    key = next(c for c in ("section_id", "outfall_id", "id", table.columns[0]) if c in table)
    column = quoted("drainage_area_km2" if nested else "area_km2")
    told = f"format_number({column}, if({column} < 10, 2, 0)) || ' km²'"
    if not nested:  # and what drains to it in all, where there are points above
        total, word = quoted("drainage_area_km2"), literal(f"\n{_WORDS[lang]['in_all']} ")
        told += f" || if({total} > 1.001 * {column}, {word} || format_number({total}, 0), '')"
    called = f"{_naming(table, key).expression} || '\n' || {told}"
    naming = Naming(called, size_pt=8, rank=2, to_scale=1_000_000)
    by = f"if({quoted('at_data_edge')}, 1, 0)"
    coded = {"status": "place_status", "snapped_by": "placed_by"}
    order = f"-{column}" if nested else ""  # the larger below those that lie in it
    return _Look(name, entries, by, naming, order_by=order, coded=coded)


def _drainage_areas(table: Any, lang: str) -> _Look:
    return _catchments(table, lang, nested=True)


def _paths(table: Any, lang: str) -> _Look:
    """The way of water from a place down to a river."""
    tint = "#b3197d"
    line = [_stroke(_WHITE, 1.4), _stroke(tint, 0.8, level=1)]
    entry = Entry(_WORDS[lang]["paths"], _everywhere([], tint) | {"line": line})
    naming = _naming(table, "site_id" if "site_id" in table else "id", colour=tint, size_pt=8)
    naming = replace(naming, along=True)
    return _Look("paths", [entry], naming=naming, coded={"status": "place_status"})


def _disagreements(table: Any, lang: str) -> _Look:
    """Reaches on which the heights do not agree with the drawing, by what is wrong."""
    entries = []
    for kind in _present(table, "kind", "dem_disagreement")[0]:
        tint = colour("dem_disagreement", kind)
        symbols = _everywhere([], tint) | {"line": [_stroke(tint, 1.2)]}
        entries.append(Entry(label("dem_disagreement", kind, lang), symbols, kind))
    if not entries:
        entries.append(Entry(_WORDS[lang]["other"], _everywhere([], _GREY), ""))
    naming = Naming(quoted("reach_id"), size_pt=7, along=True, to_scale=250_000)
    coded = {"kind": "dem_disagreement"}
    return _Look("disagreements", entries, quoted("kind"), naming, coded=coded)


#: Layers that bear the columns of another, by the end of their name.
_BY_NAME: dict[str, Callable[[Any, str], _Look]] = {"_drainage_areas": _drainage_areas}

#: The columns that tell a layer, those with more first.
_LOOKS: tuple[tuple[frozenset[str], Callable[[Any, str], _Look]], ...] = (
    (frozenset({"area_km2", "drainage_area_km2", "at_data_edge"}), _catchments),
    (frozenset({"reach_id", "length_m", "drop_m", "status"}), _paths),
    (frozenset({"reach_id", "kind", "n_cells"}), _disagreements),
    (frozenset({"outfall_id", "rank", "arriving_kg_d"}), _leads),
    (frozenset({"outfall_id", "kind"}), _outfalls),
    (frozenset({"reach_id", "strahler", "distance_m", "load_kg_d"}), _trace),
    (frozenset({"point", "suspects_above"}), _sampling),
    (frozenset({"reach_id", "strahler"}), _reaches),
    (frozenset({"zone_id", "kind"}), _zones),
    (frozenset({"limit_m", "river_class"}), _bands),
    (frozenset({"issue_id", "severity"}), _issues),
    (frozenset({"section_id"}), _sections),
    (frozenset({"site_id"}), _sites),
)


def layer_style(table: Any, lang: str = "zh", name: str = "") -> Style | None:
    """Return the style of a result layer, or None for a table that has none.

    Parameters
    ----------
    table : GeoDataFrame
        As it is written: its columns tell which layer it is.
    lang : {'zh', 'en'}
        Of the legend.
    name
        Of the layer, which tells those whose columns do not (shorelines, districts ...).
    """
    if not isinstance(table, gpd.GeoDataFrame):
        return None
    columns = set(table.columns)
    found = next((make for needed, make in _LOOKS if needed <= columns), None)
    look = next((make for end, make in _BY_NAME.items() if found and name.endswith(end)), found)
    kinds = set(table.geometry.geom_type.dropna().map(FAMILY_OF))
    families = [f for f in FAMILIES if f in kinds]
    if not (look or name in _GROUND) or not families or not kinds <= set(FAMILIES):
        return None  # without a shape, QGIS has nothing to draw
    made = look(table, lang) if look else _ground(table, lang, name)
    coded = {c: k for c, k in {**_CODED, **made.coded}.items() if c in columns}
    qml = document(
        families,
        made.entries,
        by=made.by,
        naming=made.naming,
        family_words={f: label("shape", f, lang) for f in families},
        order_by=made.order_by,
        headings={
            str(c): label("column", c, lang)
            for c in table.columns
            if str(c) in codes("column") and c != table.geometry.name
        },
        words={c: {code: label(k, code, lang) for code in codes(k)} for c, k in coded.items()},
    )
    title = label("layer", made.name, lang) if made.name in _GROUND else _WORDS[lang][made.name]
    return Style(title, _WORDS[lang]["about"].format(title), qml)
