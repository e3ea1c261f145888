"""The assessment in sentences, Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from basin._text import number
from basin.standards.labels import label
from basin.standards.quality import CLASSES

if TYPE_CHECKING:
    from basin.quality.assess import SectionAssessment

__all__ = ["explain_all", "explain_one", "pollutant_text"]

_NOTES = {
    "no_samples": ("时段内无样品", "no samples in the period"),
    "below_minimum": ("样品月数少于评价办法的最低要求", "fewer months than the method's minimum"),
    "below_ask": (
        "样品月数不足全年 12 个月（仅受冰封等限制时允许）",
        "fewer than 12 months (allowed only where ice or the like prevents sampling)",
    ),
    "waterbody_assumed": ("未注明水体类型，按河流评价", "kind of water not given: taken as river"),
    "no_target": ("无目标类别，未判断达标", "no target class: compliance not judged"),
}


def pollutant_text(item: str, multiple: float, lang: str = "zh") -> str:
    """Write a pollutant with its multiple of class III, as bulletins do.

    Examples
    --------
    >>> pollutant_text("tp", 0.2), pollutant_text("do", float("nan")), pollutant_text("tp", 0.04)
    ('总磷(0.2)', '溶解氧', '总磷(0.04)')
    """
    name = label("item", item, lang)
    if pd.isna(multiple):
        return name
    text = f"{multiple:.1f}" if multiple >= 0.05 else number(multiple, 1)
    return f"{name}({text})"


def explain_all(result: SectionAssessment, lang: str) -> str:
    table = result.sections
    counts = [
        f"{label('water_class', c, lang)} {(table['water_class'] == c).sum()}"
        for c in (*CLASSES, "none")
        if (table["water_class"] == c).any()
    ]
    passed = int(table["compliant"].eq(True).fillna(False).sum())
    judged = int(table["compliant"].notna().sum())
    if lang == "zh":
        head = (
            f"{result.period} 断面 {len(table)} 个：{'，'.join(counts)}；达标 {passed}/{judged}。"
        )
    else:
        head = f"{result.period}: {len(table)} sections: {', '.join(counts)}"
        head += f"; {passed} of {judged} meet their target."
    lines = [head, *(explain_one(result, s, lang) for s in result.failing)]
    if len(result.left_out):
        lines.append(_left_out_text(result.left_out, lang))
    lines.append(("方法：" if lang == "zh" else "Method: ") + result.method)
    return "\n".join(lines)


def _left_out_text(left_out: pd.DataFrame, lang: str) -> str:
    words = {
        "unknown_section": ("未知断面的样品", "samples of unknown sections"),
        "no_date": ("无日期的样品", "samples without a date"),
        "below_unknown": ("检出限不明的未检出值", "values below an unstated detection limit"),
    }
    parts = []
    for reason, group in left_out.groupby("reason", sort=False):
        ids = "、".join(dict.fromkeys(group["section_id"].astype(str)))
        parts.append(f"{words[str(reason)][lang != 'zh']} {group['n'].sum()} ({ids})")
    return ("未采用：" if lang == "zh" else "Not used: ") + "；".join(parts)


def explain_one(result: SectionAssessment, section_id: str, lang: str) -> str:
    row = result.sections.loc[section_id]
    zh = lang == "zh"
    comma, stop = ("，", "；") if zh else (", ", "; ")
    name = f"{section_id} {row['name']}".strip()
    parts = [label("water_class", row["water_class"], lang)]
    if pd.notna(row["compliant"]):
        target = label("water_class", row["target_class"], lang)
        good = bool(row["compliant"])
        parts.append(
            f"{'达到' if good else '劣于'}目标{target}"
            if zh
            else f"{'meets' if good else 'worse than'} its target {target}"
        )
    text = f"{name}: " + comma.join(parts)
    items = result.items[result.items["section_id"] == section_id]
    for item in filter(None, str(row["failing_items"]).split(", ")):
        text += stop + _explain_item(items[items["item_id"] == item].iloc[0], lang)
    months = result.months[result.months["section_id"] == section_id]
    worse = months.loc[months["compliant"].eq(False).fillna(False), "month"]
    sampled = int((months["water_class"] != "none").sum())
    if len(worse):
        text += stop + (
            f"不达标月 {len(worse)}/{sampled}（{'、'.join(worse)}）"
            if zh
            else f"fails in {len(worse)} of {sampled} months ({', '.join(worse)})"
        )
    if row["missing_items"]:
        gaps = [label("item", i, lang) for i in str(row["missing_items"]).split(", ")]
        text += stop + ("缺测：" if zh else "not measured: ") + ("、" if zh else ", ").join(gaps)
    for code in filter(None, str(row["note"]).split(", ")):
        text += stop + _NOTES[code][not zh]
    return text + ("。" if zh else ".")


def _explain_item(item: Any, lang: str) -> str:
    name, code = (
        label("item", item["item_id"], lang),
        label("water_class", item["water_class"], lang),
    )
    unit = "" if item["unit"] == "-" else f" {item['unit']}"
    text = f"{name} {number(item['value'])}{unit} ({code}"
    if pd.notna(item["target_limit"]):
        text += (
            f"{'，目标限值' if lang == 'zh' else ', target limit'} {number(item['target_limit'])}"
        )
    if pd.notna(item["target_multiple"]):
        word = "超目标" if lang == "zh" else "exceeds by"
        tail = "倍" if lang == "zh" else "times"
        text += (
            f"{'，' if lang == 'zh' else ', '}{word} {number(item['target_multiple'], 2)} {tail}"
        )
    return text + ")"
