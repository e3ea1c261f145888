"""The assessment in sentences, Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from basin._text import number
from basin.standards.labels import label
from basin.standards.quality import CLASSES, assessment_method, class_rank, gb3838

if TYPE_CHECKING:
    from basin.quality.assess import SectionAssessment

__all__ = [
    "explain_all",
    "explain_one",
    "main_pollutants",
    "named_pollutants",
    "pollutant_text",
    "reading_table",
    "worst_first",
]

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


#: So many texts that could not be read are quoted.
_TEXTS = 5


def worst_first(judged: pd.DataFrame, multiple: str) -> pd.DataFrame:
    """Sort by class, worst first, then by multiple; an item without a multiple follows."""
    key = judged.assign(_m=judged[multiple].fillna(-1.0))
    by = ["rank", "_m", "order"]
    return key.sort_values(by, ascending=[False, False, True], kind="stable").drop(columns="_m")


def main_pollutants(judged: pd.DataFrame, lang: str = "zh") -> pd.Series:
    """Name up to three items worse than III by section: heavy metals and cyanide, then the worst.

    Parameters
    ----------
    judged
        ``section_id``, ``item_id``, ``rank`` of the class, ``multiple``, ``order`` of the standard.

    References
    ----------
    环办〔2011〕22号, main pollutants of a section.
    """
    rule = assessment_method()["main_pollutants"]
    worse = worst_first(judged[judged["rank"] > 3], "multiple")
    first = worse["item_id"].isin(rule["first"])
    worse = pd.concat([worse[first], worse[~first]])
    top = worse.groupby("section_id", sort=False).head(int(rule["count"]))
    both = zip(top["item_id"], top["multiple"], strict=True)
    texts = [pollutant_text(item, multiple, lang) for item, multiple in both]
    named = pd.Series(texts, index=top["section_id"], dtype=object)
    joined: pd.Series = named.groupby(level=0, sort=False).agg(_comma(lang).join)
    return joined


def named_pollutants(result: SectionAssessment, lang: str) -> pd.Series:
    """Main pollutants of the sections that have any, in a language."""
    items = result.items[result.items["evaluated"].to_numpy(dtype=bool)]
    judged = items.assign(rank=class_rank(items["water_class"]), order=range(len(items)))
    return main_pollutants(judged, lang)


def _comma(lang: str) -> str:
    return "、" if lang == "zh" else ", "


def reading_table(result: SectionAssessment, lang: str) -> pd.DataFrame:
    """Return the sections as a table to read: headings and codes in words."""
    table = result.sections.reset_index()
    items = result.items[result.items["evaluated"].to_numpy(dtype=bool)]
    named = named_pollutants(result, lang).reindex(table["section_id"], fill_value="")
    yes = {True: ("达标", "yes"), False: ("不达标", "no")}
    wanted = gb3838().query("evaluated").index
    counted = items[class_rank(items["water_class"]) > 0].groupby("section_id").size()
    evaluated = counted.reindex(table["section_id"], fill_value=0)
    plain = {
        "section_id": table["section_id"],
        "name": table["name"].fillna(""),
        "level": [label("section_level", v, lang) for v in table["level"].fillna("")],
        "target_class": [label("water_class", v, lang) for v in table["target_class"].fillna("")],
        "water_class": [label("water_class", v, lang) for v in table["water_class"]],
        "compliant": [
            "–" if pd.isna(v) else yes[bool(v)][lang != "zh"] for v in table["compliant"]
        ],
        "main_pollutants": named.to_numpy(),
        "failing_items": [
            _comma(lang).join(label("item", i, lang) for i in filter(None, v.split(", ")))
            for v in table["failing_items"]
        ],
        "n_samples": table["n_samples"],
        "n_items": [f"{n}/{len(wanted)}" for n in evaluated],
        "note": [
            _comma(lang).join(_NOTES[c][lang != "zh"] for c in filter(None, v.split(", ")))
            for v in table["note"]
        ],
    }
    return pd.DataFrame({label("column", c, lang): values for c, values in plain.items()})


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
    gap = _comma(lang).join(_unsampled_months(result))
    if gap:
        said = "全部断面均无样品的月份：" if lang == "zh" else "Months without any sample: "
        head += f"{said}{gap}。" if lang == "zh" else f" {said}{gap}."
    lines = [head, *(explain_one(result, s, lang) for s in result.failing)]
    if len(result.left_out):
        lines.append(_left_out_text(result.left_out, lang))
    lines.append(f"方法：{result.method}" if lang == "zh" else f"Method: {result.method_en}")
    return "\n".join(lines)


def _unsampled_months(result: SectionAssessment) -> list[str]:
    """Months of the period in which no section was sampled."""
    lacking = [set(filter(None, m.split(", "))) for m in result.sections["missing_months"]]
    return sorted(set.intersection(*lacking)) if lacking else []


def _left_out_text(left_out: pd.DataFrame, lang: str) -> str:
    words = {
        "unknown_section": ("未知断面的样品", "samples of unknown sections"),
        "no_date": ("无日期的样品", "samples without a date"),
        "below_unknown": ("检出限不明的未检出值", "values below an unstated detection limit"),
        "negative": ("负值", "negative values"),
        "not_finite": ("无穷大的数值", "infinite values"),
        "unreadable": ("无法识别的数值", "unreadable values"),
    }
    parts = []
    for reason, group in left_out.groupby("reason", sort=False):
        ids = _comma(lang).join(dict.fromkeys(group["section_id"].astype(str)))
        written = dict.fromkeys(group["text"][group["text"] != ""])
        if reason in ("unreadable", "no_date") and written:
            ids += ": " + _comma(lang).join(f"“{t}”" for t in list(written)[:_TEXTS])
        parts.append(f"{words[str(reason)][lang != 'zh']} {group['n'].sum()} ({ids})")
    return ("未采用：" if lang == "zh" else "Not used: ") + ("；" if lang == "zh" else "; ").join(
        parts
    )


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
    if row["missing_months"] and row["n_months"]:
        gaps = row["missing_months"].split(", ")
        text += stop + ("无样品月：" if zh else "months without a sample: ")
        text += _comma(lang).join(gaps)
    text += _changes(result, section_id, lang)
    if row["missing_items"]:
        gaps = [label("item", i, lang) for i in str(row["missing_items"]).split(", ")]
        text += stop + ("缺测：" if zh else "not measured: ") + ("、" if zh else ", ").join(gaps)
        if not row["missing_base_items"] and row["n_months"]:
            text += "（“9+X”的基本指标齐全）" if zh else " (the base items of 9+X are there)"
    for code in filter(None, str(row["note"]).split(", ")):
        text += stop + _NOTES[code][not zh]
    return text + ("。" if zh else ".")


def _changes(result: SectionAssessment, section_id: str, lang: str) -> str:
    """What must fall (or rise) by how much for the section to meet its target."""
    zh, table = lang == "zh", result.to_comply
    text = ""
    for _, row in table[table["section_id"] == section_id].iterrows():
        name, size = label("item", row["item_id"], lang), number(abs(row["change"]))
        unit = "" if row["unit"] == "-" else f" {row['unit']}"
        falls = row["change"] < 0
        share = f"{abs(row['change_pct']):.0f}%"
        if zh:
            text += f"；达标需{name}{'下降' if falls else '上升'} {size}{unit}（{share}）"
        else:
            verb = "fall" if falls else "rise"
            text += f"; to comply {name} must {verb} by {size}{unit} ({share})"
        if row["months_left"]:
            mean, left = number(max(row["needed_mean"], 0.0)), row["months_left"]
            if not row["reachable"]:
                text += "，本时段内已不可能" if zh else ", which this period no longer allows"
            elif zh:
                text += f"，余下 {left} 个月均值须为 {mean} 以{'下' if falls else '上'}"
            else:
                text += f", a mean of {mean} over the {left} months left"
    return text


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
