"""What an assessment report says: classes and compliance, the failing items, and the months."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from basin.reports._document import Column, Document, Picture, Section, Table, clean, tabulate
from basin.reports._words import heads, join_ids
from basin.standards.labels import codes, label

__all__ = ["assessment_document", "assessment_tables"]

_WORDS = {
    "zh": {
        "title": "断面水质评价报告",
        "caveat": "辅助研判，不代替审批和考核结论。",
        "period": "评价时段",
        "count": "断面",
        "count_text": "{} 个，其中未达目标 {} 个",
        "method": "方法",
        "method_text": "GB 3838-2002，单因子评价；低于检出限按检出限的一半计；倍数以Ⅲ类为准",
        "groups": "{} {} 个",
        "failing": "未达目标：{}。",
        "none_failing": "没有断面未达目标。",
        "story": "说明",
        "sections": "断面评价",
        "items": "指标评价",
        "items_text": "以下为劣于目标的指标；全部指标见工作簿。",
        "items_none": "没有指标劣于目标。",
        "calendar": "逐月类别",
        "months": "逐月评价",
        "figures": "附图",
        "left_out": "未采用的样品",
        "left_out_none": "没有未采用的样品。",
        "section_periods": "逐期评价",
        "section_period_items": "逐期指标",
        "section_trend": "趋势（Spearman 秩相关）",
        "section_changes": "断面变化",
        "river_changes": "河流变化（类别比例法）",
        "lakes": "湖库",
        "section_calendar": "逐月类别",
        "trend_text": "以下为有变化的指标；全部见工作簿。",
        "more_none": "没有。",
    },
    "en": {
        "title": "Water quality of sections",
        "caveat": "An aid to judgement, not a substitute for the official assessment.",
        "period": "Period",
        "count": "Sections",
        "count_text": "{}, of which {} miss their target",
        "method": "Method",
        "method_text": "GB 3838-2002, worst item decides; below detection counts as half the "
        "detection limit; multiples refer to class III",
        "groups": "{}: {}",
        "failing": "Missing their target: {}.",
        "none_failing": "No section misses its target.",
        "story": "In words",
        "sections": "Sections",
        "items": "Items",
        "items_text": "Items worse than the target; the workbook has all.",
        "items_none": "No item is worse than its target.",
        "calendar": "Classes by month",
        "months": "Months",
        "figures": "Figures",
        "left_out": "Samples not used",
        "left_out_none": "All samples were used.",
        "section_periods": "Period by period",
        "section_period_items": "Items by period",
        "section_trend": "Trend (Spearman)",
        "section_changes": "Changes of sections",
        "river_changes": "Changes of rivers (by shares of classes)",
        "lakes": "Lakes and reservoirs",
        "section_calendar": "Classes by month",
        "trend_text": "Items that changed; the workbook has all.",
        "more_none": "None.",
    },
}

_SECTIONS = (
    "section_id", "name", "level", "river", "waterbody", "target_class", "water_class", "compliant",
    "main_pollutants", "failing_items", "n_samples", "n_months", "missing_months", "missing_items",
    "below_detection_items", "tn_mg_l", "tn_class", "fecal_coliform_per_l", "fecal_coliform_class",
    "period", "note",
)  # fmt: skip
_IN_TEXT = (
    "section_id", "name", "level", "river", "target_class", "water_class", "compliant",
    "main_pollutants", "failing_items", "n_samples", "tn_mg_l",
)  # fmt: skip
_ITEMS = (
    "section_id", "item_id", "value", "unit", "water_class", "limit_iii", "multiple",
    "target_limit", "target_multiple", "compliant", "n", "n_months", "n_below", "evaluated",
)  # fmt: skip
_MONTHS = ("section_id", "month", "water_class", "compliant", "failing_items", "n_items")
_LEFT_OUT = ("section_id", "date", "item_id", "text", "reason", "n")
_MOST_MONTHS = 14

_PERIODS_IN_TEXT = (
    "section_id", "period", "n_samples", "water_class", "target_class", "compliant",
    "main_pollutants", "failing_items",
)  # fmt: skip

_TREND = {"change": "trend_change", "direction": "trend_direction"}

#: Tables beside the assessment: columns, and tables of codes for those that other tables use too.
_MORE: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "section_periods": (
        ("section_id", "period", "n_samples", "n_months", "water_class", "target_class",
         "compliant", "main_pollutants", "failing_items", "missing_items", "tn_mg_l", "tn_class",
         "fecal_coliform_per_l", "note"),
        {"note": "section_note"},
    ),
    "section_period_items": (("section_id", "period", *_ITEMS[1:]), {}),
    "section_trend": (
        ("section_id", "item_id", "n_periods", "first", "last", "rs", "w05", "w01", "change",
         "direction"),
        _TREND,
    ),
    "section_changes": (
        ("section_id", "period_before", "period_after", "class_before", "class_after",
         "grade_before", "grade_after", "change", "direction"),
        _TREND,
    ),
    "river_changes": (
        ("river", "period_before", "period_after", "g_points", "d_points", "d", "change",
         "direction"),
        _TREND,
    ),
    "lakes": (
        ("lake", "n_points", "points", "water_class", "water_grade", "failing_iii", "tli",
         "trophic_state", "tli_missing", "period"),
        {},
    ),
}  # fmt: skip


def assessment_tables(tables: Mapping[str, Any], lang: str) -> tuple[Table, ...]:
    """Lay out what may stand beside a `SectionAssessment`.

    Parameters
    ----------
    tables
        By name: ``section_periods`` and ``section_period_items`` (``assess_each``),
        ``section_trend`` (``spearman_trend``), ``section_changes`` (``compare_sections``),
        ``river_changes`` (``compare_groups``), ``lakes`` (``assess_lakes``), ``section_calendar``
        (``SectionAssessment.calendar``); ids as columns.
    """
    words = _WORDS[lang]
    laid = []
    for name, table in tables.items():
        if name == "section_calendar":
            months = [str(c) for c in table.columns if c != "section_id"]
            columns = (
                *heads(("section_id",), lang),
                *(Column(m, m, "water_class", painted=True) for m in months),
            )
        else:
            keys, codes_of = _MORE[name]
            columns = heads(keys, lang, **codes_of)
        laid.append(tabulate(words[name], _classed(table, lang), columns, empty=words["more_none"]))
    return tuple(laid)


def _classed(table: Any, lang: str) -> pd.DataFrame:
    """As it is told: a class of nothing is no class, units in the language, counts of what."""
    plain = pd.DataFrame(table)
    if "rs" in plain:
        plain = plain.rename(columns={"n": "n_periods"})
    for column in ("tn_class", "fecal_coliform_class"):
        if column in plain:
            plain = plain.assign(**{column: plain[column].replace("none", None)})
    if lang != "zh" and "unit" in plain:
        plain = plain.assign(unit=plain["unit"].replace("个/L", "1/L"))
    return plain


def assessment_document(
    assessment: Any, lang: str, pictures: tuple[Picture, ...], also: Iterable[Any] = ()
) -> Document:
    """Lay out a `SectionAssessment`; `also` holds pairs of name and table."""
    beside = dict(also)
    more = assessment_tables(beside, lang)
    words = _WORDS[lang]
    plain = pd.DataFrame(assessment.sections.drop(columns="geometry", errors="ignore"))
    apart = [c for c in ("tn_class", "fecal_coliform_class") if c in plain]
    plain[apart] = plain[apart].replace("none", None)  # a river has no limit of total nitrogen
    if lang != "zh" and "main_pollutants" in plain:
        plain["main_pollutants"] = _in_english(plain["main_pollutants"])
    sections = tabulate(words["sections"], plain, heads(_SECTIONS, lang, note="section_note"))
    # an item without limits in this water (total nitrogen in a river) has a value but no class
    classed = assessment.items.assign(
        water_class=assessment.items["water_class"].replace("none", None)
    )
    if lang != "zh":
        classed["unit"] = classed["unit"].replace("个/L", "1/L")
    items = tabulate(words["items"], classed, heads(_ITEMS, lang), empty=words["items_none"])
    months = tabulate(words["months"], assessment.months, heads(_MONTHS, lang))
    left_out = tabulate(
        words["left_out"],
        getattr(assessment, "left_out", None),
        heads(_LEFT_OUT, lang, reason="sample_left_out"),
        empty=words["left_out_none"],
    )
    worse = items.pick(_ITEMS, where=("compliant", False))
    parts = [
        Section(words["sections"], tables=(sections.pick(_IN_TEXT),)),
        Section(words["items"], (words["items_text"],), (worse,)),
        Section(words["calendar"], tables=(_calendar(assessment, lang),)),
        Section(words["story"], (clean(assessment.explain(lang=lang)),)),
    ]  # fmt: skip
    for name, table in zip(beside, more, strict=True):
        if name == "section_trend":
            rows = [r for r in table.rows if {"some", "marked"}.intersection(map(str, r))]
            told = replace(table, rows=tuple(rows))
            parts.append(Section(words[name], (words["trend_text"],), (told,)))
        elif name not in ("section_period_items", "section_calendar"):
            told = table.pick(_PERIODS_IN_TEXT) if name == "section_periods" else table
            parts.append(Section(words[name], tables=(told,)))
    if pictures:
        parts.append(Section(words["figures"], pictures=pictures))
    periods = list(dict.fromkeys(clean(p) for p in plain.get("period", [])))
    return Document(
        title=words["title"], lang=lang, caveat=words["caveat"],
        facts=(
            (words["period"], join_ids(periods, lang)),
            (words["count"], words["count_text"].format(len(plain), len(assessment.failing))),
            (words["method"], _method(assessment, lang)),
        ),
        conclusion=_conclusion(assessment, lang), sections=tuple(parts),
        sheets=(sections, items, months, left_out, *more), pictures=pictures,
    )  # fmt: skip


def _method(assessment: Any, lang: str) -> str:
    """The method in words; the assessment itself states it in Chinese only."""
    if lang != "zh":
        return _WORDS[lang]["method_text"]
    return clean(getattr(assessment, "method", _WORDS[lang]["method_text"]))


def _in_english(pollutants: pd.Series[Any]) -> pd.Series[Any]:
    """Turn the Chinese item names of ``main_pollutants`` into English ones, longest first."""
    names = {label("item", code, "zh"): label("item", code, "en") for code in codes("item")}
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    text = pollutants.astype("string").str.replace("、", ", ")
    return text.str.replace(pattern, lambda m: f"{names[m.group()]} ", regex=True)


def _conclusion(assessment: Any, lang: str) -> str:
    words = _WORDS[lang]
    classes = assessment.sections["water_class"].fillna("none")
    groups = [
        words["groups"].format(label("water_class", code, lang), int((classes == code).sum()))
        for code in codes("water_class")
        if (classes == code).any()
    ]
    text = ("，" if lang == "zh" else ", ").join(groups) + ("。" if lang == "zh" else ".")
    failing = assessment.failing
    if not failing:
        return f"{text}\n{words['none_failing']}"
    return f"{text}\n{words['failing'].format(join_ids(failing, lang))}"


def _calendar(assessment: Any, lang: str) -> Table:
    """Sections by months; of a long period the last months."""
    by_place = assessment.months.set_index(["section_id", "month"])["water_class"]
    wide = by_place.unstack("month")  # noqa: PD010
    wide = wide.reindex(assessment.sections.index).iloc[:, -_MOST_MONTHS:]
    columns = (
        *heads(("section_id",), lang),
        *(Column(str(m), str(m), "water_class", painted=True) for m in wide.columns),
    )
    wide.columns = [str(m) for m in wide.columns]
    return tabulate("", wide.rename_axis("section_id"), columns)
