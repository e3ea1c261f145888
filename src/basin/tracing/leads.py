"""Leads of a trace in sentences: outfalls, what is left out, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from basin._text import number
from basin.standards.labels import label
from basin.tracing.words import DOUBTS, SHOWN, between, join, km, lang_of, percent, place_word

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["leads", "left_out", "next_steps", "reading_table"]


def leads(trace: SourceTrace, zh: bool) -> list[str]:
    table = trace.outfalls
    carrying = table[table["carries_item"] != "no"]
    if not len(carrying):
        return [
            "沿河网无可能排放该项的排污口。" if zh else "No outfall upstream may carry this item."
        ]
    lines = [_lead(at, row, zh) for at, row in carrying.head(SHOWN).iterrows()]
    rest = carrying.index[SHOWN:]
    if len(rest):
        ids = join(rest[:5], zh) + ("…" if len(rest) > 5 else "")
        lines.append(f"其余 {len(rest)} 个：{ids}" if zh else f"{len(rest)} more: {ids}")
    suspects = trace.suspects.index
    if "not_a_load" not in trace.notes and len(suspects):
        ids = join(suspects[:SHOWN], zh) + ("…" if len(suspects) > SHOWN else "")
        lines.append(
            f"不能排除为主要来源的 {len(suspects)} 个：{ids}"
            if zh
            else f"Not to be excluded as a main source ({len(suspects)}): {ids}"
        )
    lines += _districts(trace, zh)
    apart = table.index[table["carries_item"] == "no"]
    if len(apart):
        ids = join(apart[:5], zh)
        lines.append(
            f"汇入但按类型或数据不排放该项 {len(apart)} 个：{ids}"
            if zh
            else f"{len(apart)} drain here but do not carry the item by kind or data: {ids}"
        )
    return lines


def _districts(trace: SourceTrace, zh: bool) -> list[str]:
    """Whose district the flux comes from; of the known load where no flux is known."""
    shares = trace.by_district()["share_explained"]
    shares = shares[(shares > 0) & (shares.index != "?")]
    if not len(shares):
        return []
    told = join((f"{d} {percent(s)}" for d, s in shares.items()), zh)
    here = trace.fact["district"]
    others = [d for d in shares.index if d != here]
    text = f"已知负荷按区县：{told}" if zh else f"Known load by district: {told}"
    if here and others:
        text += (
            f"；断面在 {here}，有跨界输入" if zh else f"; the section is in {here}: cross-border"
        )
    table = trace.responsibility()
    if not table["share_of_flux"].notna().any():
        return [text]
    words = {
        "outfalls": ("{}", "{}"),
        "inherited": ("上游断面 {} 带入", "inherited from {}"),
        "remainder": ("余量", "remainder"),
    }
    unknown = "未知" if zh else "unknown"
    parts = []
    for _, row in table.iterrows():
        span = between(row["share_low"], row["share_high"])
        share = unknown if pd.isna(row["share_of_flux"]) else percent(row["share_of_flux"])
        part = f"{words[row['source']][not zh].format(row['who'])} {share}"
        parts.append(part + (f"（{span}）" if zh else f" ({span})") * bool(span))
    told = join(parts, zh)
    return [text, f"断面通量分担：{told}" if zh else f"Shares of the flux: {told}"]


def _lead(outfall_id: Any, row: Any, zh: bool) -> str:
    rank = f"{row['rank']}. " if pd.notna(row["rank"]) else ""
    who = f"{rank}{place_word(outfall_id, row['name'])}"
    about = [label("outfall_kind", row["kind"], lang_of(zh)), row["river"], row["district"]]
    about.append(label("bank", row["bank"], lang_of(zh)) if row["bank"] else "")
    about += [row["town"], row["responsible"]]
    who += ("（{}）" if zh else " ({})").format(("，" if zh else ", ").join(a for a in about if a))
    hours = f"{number(row['travel_time_h'], 2)} h"
    ends = [number(row[f"travel_time_{stage}_flow_h"], 2) for stage in ("high", "low")]
    hours += f"（丰–枯 {ends[0]}–{ends[1]} h）" if zh else f" ({ends[0]} to {ends[1]} h)"
    way = km(row["distance_m"])
    junctions = row["junctions"]
    parts = [
        f"沿河 {way}，约 {hours}，经 {junctions} 处汇口"
        if zh
        else f"{way} along the river, about {hours}, confluences passed: {junctions}"
    ]
    if pd.notna(row["arriving_kg_d"]):
        load = number(row["arriving_kg_d"])
        basis = label("data_basis", row["load_basis"], lang_of(zh))
        basis = ("（{}）" if zh else " ({})").format(basis) if basis else ""
        parts.append(f"到达负荷 {load} kg/d{basis}" if zh else f"arriving load {load} kg/d{basis}")
        share, of = row["share_of_flux"], ("占断面通量 {}", "{} of the flux")
        if pd.isna(share):
            share, of = row["share_explained"], ("占已知负荷 {}", "{} of the known load")
        told = of[not zh].format(percent(share))
        span = between(row["share_low"], row["share_high"])
        parts.append(told + (f"（{span}）" if zh and span else f" ({span})" if span else ""))
        if pd.notna(row["increment_mg_l"]):
            more = number(row["increment_mg_l"])
            parts.append(f"浓度增量 {more} mg/L" if zh else f"adds {more} mg/L")
        if pd.notna(row["rank_low"]) and row["rank_low"] != row["rank_high"]:
            ranks = f"{row['rank_low']}–{row['rank_high']}"
            parts.append(f"名次 {ranks}" if zh else f"rank {ranks}")
    if not row["local"]:
        below = row["next_section"]
        parts.append(f"其下先经 {below}" if zh else f"passes {below} first")
    if pd.notna(row["mixing_length_m"]) and "not_mixed" in row["note"]:
        way = km(row["mixing_length_m"])
        parts.append(f"混合过程段 {way}，未充分混合" if zh else f"not mixed yet (needs {way})")
    codes = [c for c in str(row["note"]).split(", ") if c and c != "not_mixed"]
    parts += [DOUBTS[c][not zh] for c in codes]
    return who + ("：" if zh else ": ") + ("；" if zh else "; ").join(parts)


def left_out(trace: SourceTrace, zh: bool) -> list[str]:
    lines = [
        f"{place_word(row['outfall_id'], row['name'])}: {row['text_zh' if zh else 'text_en']}"
        for _, row in trace.left_out.head(SHOWN).iterrows()
    ]
    more = len(trace.left_out) - len(lines)
    if more > 0:
        lines.append(f"另有 {more} 个见清单" if zh else f"{more} more in the list")
    if trace.n_elsewhere:
        lines.append(
            f"另有 {trace.n_elsewhere} 个排污口远离且不汇入本断面，未列。"
            if zh
            else f"{trace.n_elsewhere} outfalls farther away do not drain here and are not listed."
        )
    return lines or ["无" if zh else "None"]


def next_steps(trace: SourceTrace, zh: bool) -> list[str]:
    table = trace.outfalls[trace.outfalls["carries_item"] != "no"]
    steps = []
    main = _main_leads(table)
    if main:
        ids = join(main, zh)
        steps.append(
            f"对 {ids} 同步采样测流，调阅许可与在线数据"
            if zh
            else f"Sample and gauge {ids} at the same time; open their permits and records"
        )
    steps += _cuts(trace, zh) + _standards(trace, zh) + _points(trace, zh)
    unknown = table.index[table["arriving_kg_d"].isna()]
    if len(unknown) and "not_a_load" in trace.notes:
        ids = join(unknown[:5], zh)
        steps.append(f"由近及远现场排查：{ids}" if zh else f"Visit them from the nearest on: {ids}")
    elif len(unknown):
        ids = join(unknown[:5], zh) + ("…" if len(unknown) > 5 else "")
        steps.append(
            f"补测无负荷数据的 {len(unknown)} 个：{ids}"
            if zh
            else f"Measure the {len(unknown)} of unknown load: {ids}"
        )
    doubt = [*table.index[table["note"].str.contains("ambiguous")]]
    doubt += trace.left_out.loc[trace.left_out["reason"] == "ambiguous", "outfall_id"].tolist()
    if doubt:
        ids = join(doubt[:5], zh)
        steps.append(f"现场核实汇入河段：{ids}" if zh else f"Check on site which reach: {ids}")
    closed = table.index[table["note"].str.contains("closed_sampled")]
    if len(closed):
        ids = join(closed[:5], zh)
        steps.append(f"核实取缔是否到位：{ids}" if zh else f"Check whether truly closed: {ids}")
    if not steps:
        steps.append(
            "沿河排查未登记排口与面源" if zh else "Walk the river for unregistered outfalls"
        )
    return [f"{n}) {step}" for n, step in enumerate(steps, 1)]


def _cuts(trace: SourceTrace, zh: bool) -> list[str]:
    """The smallest reductions that would bring a failing section to its limit."""
    if (
        not trace.fails
        or trace.balance_status in ("open", "zero")
        or not len(trace.model.outfall_ids)
    ):
        return []
    plan = trace.reductions()
    need = number(plan.needed_kg_d)
    if not plan.reached:
        have = number(plan.available_kg_d)
        return [
            f"达标需削减到达负荷 {need} kg/d，已知排口全部停排也只有 {have} kg/d：须查清余量"
            if zh
            else f"To comply {need} kg/d must not arrive; all known outfalls bring {have}: "
            "find the remainder, or look above"
        ]
    each = [
        f"{at} {number(row['cut_kg_d'])} kg/d（{row['cut_share']:.0%}）"
        if zh
        else f"{at} by {number(row['cut_kg_d'])} kg/d ({row['cut_share']:.0%})"
        for at, row in plan.outfalls.iterrows()
    ]
    told = join(each, zh)
    return [
        f"达标需削减到达负荷 {need} kg/d；最少涉及 {len(each)} 个排口：{told}"
        if zh
        else f"To comply {need} kg/d must not arrive; the fewest outfalls that can: {told}"
    ]


def _standards(trace: SourceTrace, zh: bool) -> list[str]:
    """What the section would be if one of the main leads met its standard."""
    table = trace.what_if()
    table = table[table["why_not"] == ""].head(3)
    told = []
    for at, row in table.iterrows():
        figures = [number(row[c]) for c in ("effluent_mg_l", "standard_mg_l", "section_mg_l")]
        chance = f"{row['p_pass']:.0%}"
        told.append(
            f"{at} 由 {figures[0]} 降至 {figures[1]} mg/L，断面 {figures[2]}，达标概率 {chance}"
            if zh
            else f"{at} from {figures[0]} to {figures[1]} mg/L: the section at {figures[2]} mg/L, "
            f"passing with probability {chance}"
        )
    if not told:
        return []
    text = ("；" if zh else "; ").join(told)
    source = table["standard_source"].iloc[0]
    return [
        f"若单个排口达到排放标准（{source}）：{text}"
        if zh
        else f"If a single outfall met its effluent standard: {text}"
    ]


def _points(trace: SourceTrace, zh: bool) -> list[str]:
    """Where to sample next."""
    if len(trace.suspects) < 2:
        return []
    points = trace.sampling_points()
    told = []
    for _, row in points.iterrows():
        length = trace.routes.table["length_m"].loc[row["reach_id"]]
        end = abs(length - row["measure_m"]) < 1.0
        where = ("末端" if end else f"里程 {row['measure_m']:.0f} m 处") if zh else (
            "the end" if end else f"{row['measure_m']:.0f} m down"
        )  # fmt: skip
        way, share = km(row["distance_m"]), f"{row['weight_above']:.0%}"
        told.append(
            f"河段 {row['reach_id']} {where}（距断面 {way}，其上可疑负荷 {share}）"
            if zh
            else f"{where} of reach {row['reach_id']} ({way} above; {share} of the suspected load "
            "lies above it)"
        )
    if not told:
        return []
    text = join(told, zh)
    return [
        f"在{text}加测，最能区分可疑排口" if zh else f"Sample {text}: it parts the suspects best"
    ]


def _main_leads(table: Any) -> list[Any]:
    """The fewest outfalls, at most five, that bring 90 % of the known load."""
    known = table.loc[table["arriving_kg_d"] > 0, "share_explained"]
    before = known.cumsum() - known
    return list(known.index[before < 0.9][:5])


def reading_table(trace: SourceTrace, lang: str = "zh") -> pd.DataFrame:
    """Return the ranked outfalls as a table to read: headings and codes in words."""
    zh = lang == "zh"
    table = trace.outfalls.reset_index()
    plain = {
        "rank": ["–" if pd.isna(r) else r for r in table["rank"]],
        "outfall_id": table["outfall_id"],
        "name": table["name"],
        "kind": [label("outfall_kind", k, lang) for k in table["kind"]],
        "river": table["river"],
        "district": table["district"],
        "distance_m": [f"{d:.0f}" for d in table["distance_m"]],
        "travel_time_h": [number(h, 2) for h in table["travel_time_h"]],
        "arriving_kg_d": [number(v) for v in table["arriving_kg_d"]],
        "share_of_flux": [percent(v) for v in table["share_of_flux"]],
        "share_interval": [
            between(low, high) or "–"
            for low, high in zip(table["share_low"], table["share_high"], strict=True)
        ],
        "load_basis": [label("data_basis", b, lang) for b in table["load_basis"]],
        "carries_item": [label("carries_item", c, lang) for c in table["carries_item"]],
        "next_section": table["next_section"],
        "note": [
            join((DOUBTS[c][not zh] for c in filter(None, v.split(", "))), zh)
            for v in table["note"]
        ],
    }
    return pd.DataFrame({label("column", c, lang): values for c, values in plain.items()})
