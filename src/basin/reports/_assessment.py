"""What an assessment report says: classes and compliance, the failing items, and the months."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from basin.reports._document import Column, Document, Picture, Section, Table, clean, tabulate
from basin.reports._words import heads, join_ids
from basin.standards.labels import codes, label

__all__ = ["assessment_document"]

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


def assessment_document(assessment: Any, lang: str, pictures: tuple[Picture, ...]) -> Document:
    """Lay out a `SectionAssessment`."""
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
        sheets=(sections, items, months, left_out), pictures=pictures,
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
