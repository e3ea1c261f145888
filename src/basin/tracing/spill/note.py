"""A spill as an officer's note, as a plan, and as a table to read; Chinese and English."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin._text import number
from basin.errors import list_ids
from basin.standards.labels import label
from basin.tracing.explain import CAVEAT
from basin.tracing.spill.hydraulics import CASES
from basin.tracing.spill.spaces import WHOLE

if TYPE_CHECKING:
    from basin.tracing.spill.model import SpillTrace

__all__ = ["explain_spill", "inputs_line", "km", "plan_steps", "reading_table", "span"]

_SHOWN = 12

#: Targets that are told by themselves; nameless confluences are only counted.
_TOLD = ("section", "intake", "district_border", "outlet")

_NOTES = {
    "overland": (
        "泄漏点距河 {ids} m，入河前的地面和管渠过程未计时",
        "the spill lies {ids} m from the river: its way over land or through drains is not timed",
    ),
    "spill_ambiguous": (
        "泄漏点邻近多条河段，按 {ids} 计算，入河位置待核",
        "several reaches are near the spill: {ids} was taken, check where it enters",
    ),
    "default_velocity": (
        "河段 {ids} 无流速且不能推算，用默认值",
        "reaches {ids} have no velocity and none can be reckoned: the default is used",
    ),
    "no_flow": (
        "河段 {ids} 无流量，浓度与滞留不能计算",
        "reaches {ids} have no flow: no concentration and no delay there",
    ),
    "delay_unknown": (
        "闸坝 {ids} 缺库容或流量，滞留未计",
        "structures {ids} lack volume or flow: their delay is not counted",
    ),
    "far": (
        "{ids} 距河过远，未列入到达时间",
        "{ids} lie too far from a river and have no arrival",
    ),
    "ambiguous": (
        "{ids} 邻近多条河段，位置待核",
        "several reaches are near {ids}: check their place",
    ),
    "network_issues": (
        "下游河网有修补或待核问题 {ids}，先核实河网",
        "the network below has repairs or open issues {ids}: check it first",
    ),
    "parted": (
        "河道分汊，{ids} 只分到部分物质",
        "the river parts: {ids} carry a part of the matter",
    ),
    "rejoined": (
        "{ids} 以上分汊重新汇合：峰值按全部物质由最快一汊到达计（偏高），超限时长只计最快一汊，"
        "过完时间按最慢一汊计",
        "arms rejoin above {ids}: the peak is as if all came by the quickest (too high rather than "
        "too low), the hours above the limit are those of the quickest only, the end that of the "
        "slowest",
    ),
    "way_by_flow": (
        "到 {ids} 的最快水路随流量而变（闸坝滞留），里程按平均流量下的水路",
        "the quickest way to {ids} depends on the flow (structures hold one arm back): the "
        "distance told is that at mean flow",
    ),
    "no_mass": ("未给泄漏量，只算时间", "no mass is given: times only"),
}


def explain_spill(spill: SpillTrace, lang: str = "zh") -> str:
    """Write the spill, arrivals, spaces, plan, doubts, method, inputs and caveat."""
    zh = lang == "zh"
    parts = [
        ("一、泄漏" if zh else "1. Spill", [_fact(spill, zh)]),
        ("二、到达时间" if zh else "2. Arrival", _arrivals(spill, zh)),
        ("三、可用空间（以空间换时间）" if zh else "3. Space for time", _spaces(spill, zh)),
        ("四、先做什么" if zh else "4. What to do first", plan_steps(spill, lang)),
        ("五、存疑" if zh else "5. Doubts", _doubts(spill, zh)),
        ("六、方法" if zh else "6. Method", [_method(spill, zh)]),
        ("七、依据的数据" if zh else "7. Inputs", [inputs_line(spill.inputs, zh)]),
    ]
    lines = [_title(spill, zh)]
    for head, text in parts:
        lines += [head, *text]
    lines.append(_caveat(zh))
    return "\n".join(lines)


def _caveat(zh: bool) -> str:
    if zh:
        return f"声明：推演估算，以监测为准；{CAVEAT['zh']}。"
    return f"Note: an estimate, to be checked by sampling; {CAVEAT['en']}."


def km(metres: float) -> str:
    """A distance in km, or in m below 1 km."""
    return f"{number(metres / 1000.0)} km" if metres >= 1000 else f"{metres:.0f} m"


def span(hours: float, zh: bool) -> str:
    """A time: minutes below 2 h, days from 4 days on.

    Examples
    --------
    >>> span(0.5, False), span(7.26, True), span(200.0, False)
    ('30 min', '7.3 h', '8.3 d')
    """
    if pd.isna(hours):
        return "–"
    if hours < 2:
        return f"{hours * 60:.0f} min"
    if hours < 96:
        return f"{hours:.1f} h"
    return f"{hours / 24:.1f} {'天' if zh else 'd'}"


def _join(texts: Iterable[Any], zh: bool) -> str:
    return ("、" if zh else ", ").join(str(t) for t in texts)


def _item(spill: SpillTrace, zh: bool) -> str:
    code = spill.start["item_id"]
    return label("item", code, "zh" if zh else "en") if code else ("污染物" if zh else "matter")


def _where(spill: SpillTrace) -> str:
    start = spill.start
    return str(start["name"] or f"{start['lon']:.5f}, {start['lat']:.5f}")


def _title(spill: SpillTrace, zh: bool) -> str:
    where, what = _where(spill), _item(spill, zh)
    return f"{where} {what}泄漏推演" if zh else f"Spill of {what} at {where}"


def _fact(spill: SpillTrace, zh: bool) -> str:
    start = spill.start
    mass = "" if pd.isna(start["mass_kg"]) else f"{number(start['mass_kg'], 4)} kg"
    river = start["river"] or start["reach_id"]
    place = f"{start['reach_id']} @ {start['measure_m']:.0f} m"
    long = start["duration_h"]
    if zh:
        text = f"{_where(spill)}，入{river}（河段 {place}）；{_item(spill, zh)} {mass}".rstrip()
        return text + (f"，历时 {span(long, zh)}。" if long else "，瞬时排入。")
    text = f"{_where(spill)}, into {river} (reach {place}); {_item(spill, zh)} {mass}".rstrip()
    return text + (f", over {span(long, zh)}." if long else ", at once.")


def _wide(spill: SpillTrace) -> pd.DataFrame:
    """One row a target; the hours and peaks of the cases side by side."""
    table = pd.DataFrame(spill.arrivals.drop(columns="geometry"))
    key = pd.MultiIndex.from_frame(table[["kind", "id"]])
    first = table.set_index(key)
    plain = first[first["case"] == "median"].drop(columns="case")
    for case in CASES:
        rows = first[first["case"] == case]
        for c in ("leading_h", "peak_h", "trailing_h", "peak_mg_l", "above_h"):
            plain[f"{c}|{case}"] = rows[c]
    return plain


def _arrivals(spill: SpillTrace, zh: bool) -> list[str]:
    wide = _wide(spill)
    told = wide[wide["kind"].isin(_TOLD)]
    lines = [_arrival(row, zh) for _, row in told.head(_SHOWN).iterrows()]
    more = len(told) - len(lines)
    if more > 0:
        lines.append(f"另有 {more} 处见表。" if zh else f"{more} more in the table.")
    met = wide[(wide["kind"] == "confluence")]
    named = [n for n in dict.fromkeys(met["name"]) if n]
    if len(met):
        names = _join(named[:8], zh) + ("…" if len(named) > 8 else "")
        lines.append(
            f"沿程汇口 {len(met)} 处" + (f"（{names}）" if names else "") + "，时刻见表。"
            if zh
            else f"Confluences on the way: {len(met)}"
            + (f" ({names})" if names else "")
            + "; see the table."
        )
    if not len(wide):
        lines.append("下游没有目标。" if zh else "Nothing lies below.")
    return lines


def _arrival(row: Any, zh: bool) -> str:
    kind = label("target_kind", row["kind"], "zh" if zh else "en")
    who = row["name"] if row["kind"] in ("district_border", "outlet") else row["id"]
    who = f"{who} {row['name']}" if row["kind"] in ("section", "intake") else str(who)
    who = f"{kind} {who}".strip()
    low, high = row["leading_h|high"], row["leading_h|low"]
    early, peak = row["leading_h|fastest"], row["peak_h|median"]
    gone = row["trailing_h|low"]
    if zh:
        text = f"{who}（{km(row['distance_m'])}）：最早 {span(early, zh)} 到达；"
        text += f"前锋 {span(low, zh)}–{span(high, zh)}，平均流量下峰值 {span(peak, zh)}，"
        text += f"最迟 {span(gone, zh)} 过完"
    else:
        text = f"{who} ({km(row['distance_m'])}): not before {span(early, zh)}; leading "
        text += f"edge {span(low, zh)} to {span(high, zh)}, peak {span(peak, zh)} at mean flow, "
        text += f"past by {span(gone, zh)}"
    levels = [row[f"peak_mg_l|{c}"] for c in CASES]
    if np.isfinite(levels).any():
        least, most = number(np.nanmin(levels)), number(np.nanmax(levels))
        text += f"；峰值增量 {least}–{most} mg/L" if zh else f"; peak {least} to {most} mg/L above"
        over = np.nanmax([row[f"above_h|{c}"] for c in CASES] + [-1.0])
        if over >= 0:
            text += (
                (f"，超 Ⅲ 类限值最长 {span(over, zh)}" if over else "，不超 Ⅲ 类限值")
                if zh
                else (
                    f", above the class III limit for up to {span(over, zh)}"
                    if over
                    else ", below the class III limit"
                )
            )
    if row["delay_h"] > 0:
        text += (
            f"；含闸坝滞留 {span(row['delay_h'], zh)}（最早时刻不计滞留）"
            if zh
            else f"; {span(row['delay_h'], zh)} of it held at structures (not in the earliest)"
        )
    if row["mixed"] is not pd.NA and not row["mixed"]:
        text += "；在横向混合段内，浓度不适用" if zh else "; not yet mixed across the river"
    return text + ("。" if zh else ".")


def _spaces(spill: SpillTrace, zh: bool) -> list[str]:
    table = spill.spaces
    if not len(table):
        return ["下游没有登记的闸坝和应急空间。" if zh else "No structure is on record below."]
    lines = []
    for at, row in table.iterrows():
        kind = label("structure_kind", row["kind"], "zh" if zh else "en") if row["kind"] else ""
        fit = label("space_fit", row["fit"], "zh" if zh else "en")
        close = f"{row['close_min']:.0f} min" if pd.notna(row["close_min"]) else "–"
        volume, need = _m3(row["volume_m3"], zh), _m3(row["needed_m3"], zh)
        early = span(row["arrival_h"], zh)
        who = f"{at} {row['name']}".strip()
        part = f"{row['mass_share']:.0%}" if row["mass_share"] <= WHOLE else ""
        about = ("，" if zh else ", ").join(t for t in (kind, km(row["distance_m"])) if t)
        if zh:
            lines.append(
                f"{who}（{about}）：{fit}；最早 {early} 到达，"
                f"报告 {row['report_min']:.0f} min + 关闭 {close}；"
                f"库容 {volume}，需 {need}，高流量可滞留 {span(row['hold_h'], zh)}"
                + f"；分汊，只经过 {part} 的物质" * bool(part)
                + "。"
            )
        else:
            lines.append(
                f"{who} ({about}): {fit}; not before {early}, "
                f"report {row['report_min']:.0f} min + closing {close}; volume {volume}, needed "
                f"{need}, holds the high flow for {span(row['hold_h'], zh)}"
                + f"; on one arm, by which {part} of the matter comes" * bool(part)
                + "."
            )
    lines.append(
        "库容为登记值，可用空间以腾空后的空库容为准。"
        if zh
        else "Volumes are those on record: only what is emptied beforehand can hold anything."
    )
    return lines


def _m3(volume: float, zh: bool) -> str:
    if pd.isna(volume):
        return "–"
    if volume >= 1e4:
        return f"{number(volume / 1e4)} 万 m³" if zh else f"{number(volume / 1e6)} million m³"
    return f"{volume:,.0f} m³"


def plan_steps(spill: SpillTrace, lang: str = "zh") -> list[str]:
    """Write the first steps with their hours: close, warn, sample, tell those below."""
    zh = lang == "zh"
    steps = [_closing(spill, zh)]
    wide = _wide(spill)
    intakes = wide[wide["kind"] == "intake"]
    if len(intakes):
        told = [
            f"{r['id']} {r['name']}".strip()
            + ("（{}）" if zh else " ({})").format(span(r["leading_h|fastest"], zh))
            for _, r in intakes.iterrows()
        ]
        steps.append(
            f"通知取水口，最早到达前停止取水：{_join(told, zh)}"
            if zh
            else f"Warn the intakes to stop before the earliest arrival: {_join(told, zh)}"
        )
    else:
        steps.append("下游没有登记的取水口" if zh else "No intake is on record below")
    sections = wide[wide["kind"] == "section"].head(3)
    if len(sections):
        told = [f"{r['id']} {r['name']}".strip() for _, r in sections.iterrows()]
        first = span(sections["leading_h|fastest"].iloc[0], zh)
        steps.append(
            f"加密监测，由近及远：{_join(told, zh)}；第一处须在 {first} 前布点"
            if zh
            else f"Sample from the nearest on: {_join(told, zh)}; be at the first before {first}"
        )
    borders = wide[wide["kind"] == "district_border"]
    if len(borders):
        told = [f"{r['name']} {span(r['leading_h|fastest'], zh)}" for _, r in borders.iterrows()]
        steps.append(
            f"通报下游区县（最早到达界）：{_join(told, zh)}"
            if zh
            else f"Tell the districts below (earliest at the border): {_join(told, zh)}"
        )
    return [f"{n}) {step}{'。' if zh else '.'}" for n, step in enumerate(steps, 1)]


def _closing(spill: SpillTrace, zh: bool) -> str:
    table = spill.spaces
    usable = table[table["fit"].isin(["usable", "partial"])]
    need = table["needed_m3"].max() if len(table) else np.nan
    if not len(usable):
        late = list(table.index[table["fit"] == "late"])
        text = "没有资料能证明可及时关闭的闸坝" if zh else "No structure is known to close in time"
        if late:
            text += f"（来不及：{_join(late, zh)}）" if zh else f" (too late: {_join(late, zh)})"
        return text
    enough = usable["held_m3"].ge(need) & usable["mass_share"].gt(WHOLE)
    count = int(enough.to_numpy().argmax()) + 1 if enough.any() else len(usable)
    chosen = usable.head(count)
    held = _m3(chosen["volume_m3"].sum(), zh)
    when = [
        f"{i}（{span(r['arrival_h'] - r['close_min'] / 60, zh)} 前下令）"
        if zh
        else f"{i} (order before {span(r['arrival_h'] - r['close_min'] / 60, zh)})"
        for i, r in chosen.iterrows()
    ]
    if zh:
        text = f"由近及远关闭 {_join(when, zh)}，登记库容合计 {held}，需 {_m3(need, zh)}"
        return text if enough.any() else text + "，不足，须另找空间"
    text = f"Close, from the nearest on, {_join(when, zh)}: {held} on record, {_m3(need, zh)} "
    return text + ("needed" if enough.any() else "needed: not enough, find more space")


def _doubts(spill: SpillTrace, zh: bool) -> list[str]:
    lines = []
    for code in spill.notes:
        text = _NOTES[code][not zh].format(
            ids=list_ids(spill.note_ids[code], lang="zh" if zh else "en")
        )
        lines.append(text[0].upper() + text[1:] + ("。" if zh else "."))
    if spill.mixing_m.isna().all():
        lines.append(
            "横向混合段长度不明（缺河宽或流量，或河宽超过水深 100 倍）：近处浓度须核。"
            if zh
            else "The length of mixing across the river is not known (no width or flow, or over "
            "100 times as wide as deep): check concentrations nearby."
        )
    return lines


def _method(spill: SpillTrace, zh: bool) -> str:
    tiers = spill.reaches["tier"].value_counts()
    lang = "zh" if zh else "en"
    counts = _join((f"{label('velocity_tier', t, lang)} {n}" for t, n in tiers.items()), zh)
    ratio = spill.hydraulics.ratio
    flows = " / ".join(f"{ratio[f]:g}" for f in ("low", "median", "high"))
    d = spill.decay
    default = spill.hydraulics.default_m_s
    wait = spill.report_min
    if zh:
        return (
            f"沿河网逐段推算；流速依据（河段数）：{counts}；给定流速按流量的 0.34 次方折算；"
            f"低、平、高流量为平均流量的 {flows} 倍；“最早”取高流量、最快可能流速、不计闸坝滞留；"
            f"前锋 = 0.89 × 峰值历时，历时与峰值浓度按 Jobson 1996（USGS WRIR 96-4013）；"
            f"闸坝滞留 = 库容 / 流量；衰减 k = {number(d.k_per_d)} /d（{d.source}）；"
            f"缺流速时默认 {default:g} m/s；报告用时 {wait:.0f} min；"
            f"表中另列 HJ 2.3-2018 附录 E 一维离散峰值（Fischer；缺比降时由曼宁公式反求）。"
            f"推演日期 {spill.date}。"
        )
    return (
        f"Reach by reach along the network; velocity by (reaches): {counts}; a given velocity "
        f"changes with the flow to the power 0.34; low, median and high flow are {flows} of the "
        f"mean; the earliest takes high flow, the fastest probable velocity and no delay at "
        f"structures; leading edge = 0.89 of the time of the peak, passage and peak after Jobson "
        f"1996 (USGS WRIR 96-4013); delay at a structure = volume / flow; decay k = "
        f"{number(d.k_per_d)} per day ({d.source_en}); {default:g} m/s where nothing is known; "
        f"report {wait:.0f} min; the table has the peak by dispersion, HJ 2.3-2018 annex E, too "
        f"(Fischer; a slope that is not given follows from Manning). Reckoned for {spill.date}."
    )


def inputs_line(inputs: pd.DataFrame, zh: bool) -> str:
    """Name the layers that a result rests on: rows, file and its date."""
    words = []
    for row in inputs.to_dict("records"):
        name = label("input_layer", row["layer"], "zh" if zh else "en")
        day = f"文件日期 {row['dated']}" if zh else f"file of {row['dated']}"
        about = _join([t for t in (row["source"], day if row["dated"] else "") if t], zh)
        size = f"{row['n']}" if row["n"] else ("无" if zh else "none")
        words.append(f"{name} {size}" + (f"（{about}）" if zh else f" ({about})") * bool(about))
    return ("；" if zh else "; ").join(words) + ("。" if zh else ".")


def reading_table(spill: SpillTrace, lang: str = "zh") -> pd.DataFrame:
    """Return one row a target: headings and codes in words."""
    zh = lang == "zh"
    wide = _wide(spill)
    plain = {
        "target_kind": [label("target_kind", k, lang) for k in wide["kind"]],
        "id": wide["id"],
        "name": wide["name"],
        "river": wide["river"],
        "district": wide["district"],
        "distance_m": [f"{d:.0f}" for d in wide["distance_m"]],
        "earliest_h": [span(h, zh) for h in wide["leading_h|fastest"]],
        "leading_high_h": [span(h, zh) for h in wide["leading_h|high"]],
        "leading_median_h": [span(h, zh) for h in wide["leading_h|median"]],
        "leading_low_h": [span(h, zh) for h in wide["leading_h|low"]],
        "peak_median_h": [span(h, zh) for h in wide["peak_h|median"]],
        "trailing_median_h": [span(h, zh) for h in wide["trailing_h|median"]],
        "peak_median_mg_l": [number(v) for v in wide["peak_mg_l|median"]],
        "peak_hj_mg_l": [number(v) for v in wide["peak_hj_mg_l"]],
        "delay_h": [span(h, zh) if h > 0 else "–" for h in wide["delay_h"]],
    }
    table = pd.DataFrame(plain).reset_index(drop=True)
    return table.rename(columns={c: label("column", c, lang) for c in plain})
