"""What a trace report says: the fact, the ranked outfalls, the balance, and who is not ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from basin._text import number
from basin.reports import _trace_tables as more
from basin.reports._document import Column, Document, Picture, Section, Table, clean, tabulate
from basin.reports._words import heads
from basin.standards.labels import label

__all__ = ["trace_document"]

_WORDS = {
    "zh": {
        "title": "断面 {} 污染溯源报告（{}）",
        "caveat": "辅助研判，不代替审批。本表是排查线索清单，不是责任认定的证据。",
        "section": "断面",
        "item": "追溯指标",
        "period": "时段",
        "scope": "追溯范围",
        "scope_text": "上游河段 {} 条，共 {} 千米，最远 {} 千米",
        "scope_none": "没有上游河段",
        "count": "排污口",
        "count_text": "排入上游 {} 个（有负荷到达 {} 个），未列入排序 {} 个",
        "fact": "事实与研判",
        "ranked": "排污口排序",
        "ranked_text": "按到达断面的负荷排序；无该指标负荷数据的排在后面，并不表示没有排放。",
        "ranked_none": "断面上游没有排污口。",
        "balance": "负荷平衡",
        "quantity": "量",
        "value": "数值",
        "districts": "按区县汇总",
        "above": "上游断面",
        "above_none": "上游没有监测断面。",
        "left_out": "未列入排序",
        "left_out_none": "没有未列入的排污口。",
        "reaches": "上游河段",
        "figures": "附图",
        "lead": "到达负荷最大：{}。",
        "no_lead": "没有排污口有该指标的负荷数据。",
        "balance_text": "断面通量 {} kg/d：上游带入 {}，本区间排污口 {}，余量 {}。",
    },
    "en": {
        "title": "Sources of pollution at section {} ({})",
        "caveat": "An aid to judgement, not a substitute for approval. A list of leads, not proof "
        "of liability.",
        "section": "Section",
        "item": "Item traced",
        "period": "Period",
        "scope": "Scope",
        "scope_text": "{} reaches upstream, {} km in all, the farthest end {} km away",
        "scope_none": "no reach upstream",
        "count": "Outfalls",
        "count_text": "{} drain to the section ({} with an arriving load), {} not ranked",
        "fact": "The fact, and what can be said",
        "ranked": "Ranked outfalls",
        "ranked_text": "Ranked by the load that arrives at the section. Outfalls without data on "
        "the item come last; that does not mean that they discharge none.",
        "ranked_none": "No outfall lies upstream of the section.",
        "balance": "Balance of loads",
        "quantity": "quantity",
        "value": "value",
        "districts": "By district",
        "above": "Sections upstream",
        "above_none": "There is no section upstream.",
        "left_out": "Not ranked",
        "left_out_none": "No outfall was left out.",
        "reaches": "Reaches upstream",
        "figures": "Figures",
        "lead": "Largest arriving loads: {}.",
        "no_lead": "No outfall has data on the load of this item.",
        "balance_text": "Flux at the section {} kg/d: inherited {}, "
        "outfalls of its own stretch {}, remainder {}.",
    },
}

#: Quantities of the balance, in Chinese and English.
_BALANCE: Mapping[str, tuple[str, str]] = {
    "observed_mg_l": ("实测均值 (mg/L)", "observed mean (mg/L)"),
    "limit_mg_l": ("目标限值 (mg/L)", "limit of the target (mg/L)"),
    "flow_m3_s": ("流量 (m³/s)", "flow (m³/s)"),
    "flux_kg_d": ("断面通量 (kg/d)", "flux at the section (kg/d)"),
    "allowed_kg_d": ("目标限值下的通量 (kg/d)", "flux at the target's limit (kg/d)"),
    "inherited_kg_d": ("上游断面带入 (kg/d)", "inherited from upstream (kg/d)"),
    "explained_kg_d": ("排污口已解释 (kg/d)", "explained by outfalls (kg/d)"),
    "upstream_kg_d": (
        "上游断面以上的排污口（已含在带入中，kg/d）",
        "outfalls above sections upstream (within inherited, kg/d)",
    ),
    "remainder_kg_d": ("未解释余量 (kg/d)", "unexplained remainder (kg/d)"),
}

_OUTFALLS = (
    "rank", "outfall_id", "name", "kind", "action", "status", "river", "district", "responsible",
    "arriving_kg_d", "arriving_low_kg_d", "arriving_high_kg_d", "share_of_flux", "share_low",
    "share_high", "rank_low", "rank_high", "p_top3", "cannot_exclude", "share_explained",
    "increment_mg_l", "load_kg_d", "load_basis", "load_rel_sd", "carries_item", "distance_m",
    "travel_time_h", "travel_time_low_flow_h", "travel_time_high_flow_h", "junctions",
    "next_section", "local", "certainty", "mixing_length_m", "mixed", "town", "snap_status",
    "offset_m", "bank", "reach_id", "measure_m", "note",
)  # fmt: skip
_IN_TEXT = (
    "rank", "outfall_id", "name", "kind", "district", "responsible", "arriving_kg_d",
    "share_of_flux", "share_low", "share_high", "rank_low", "rank_high", "p_top3", "load_basis",
    "distance_m", "travel_time_h", "local", "certainty", "note",
)  # fmt: skip
_DISTRICTS = ("district", "n_outfalls", "arriving_kg_d", "share_explained")
_KINDS = {
    "kind": "outfall_kind", "action": "outfall_action", "status": "outfall_status", "bank": "bank",
    "snap_status": "snap_status", "carries_item": "carries_item", "note": "outfall_note",
}  # fmt: skip
_ABOVE = (
    "section_id", "name", "level", "river", "target_class", "section_class", "value", "water_class",
    "compliant", "n", "distance_m", "travel_time_h", "flux_kg_d", "arriving_kg_d", "nearest",
)  # fmt: skip
_REACHES = (
    "reach_id", "name", "strahler", "from_measure_m", "to_measure_m", "length_m", "distance_m",
    "travel_time_h", "passing_kg_d", "added_kg_d",
)  # fmt: skip


def trace_document(trace: Any, lang: str, pictures: tuple[Picture, ...]) -> Document:
    """Lay out a `SourceTrace`."""
    words = _WORDS[lang]
    item = label("item", trace.item_id, lang)
    place = f"{clean(trace.section_id)} {clean(trace.fact.get('name'))}".strip()
    outfalls = _outfalls(trace, lang)
    by_district = trace.by_district().rename(columns={"n": "n_outfalls"})
    districts = tabulate(
        words["districts"], by_district, heads(_DISTRICTS, lang), empty=words["ranked_none"]
    )
    above = tabulate(
        words["above"], _plain(trace.upstream_sections), heads(_ABOVE, lang),
        empty=words["above_none"],
    )  # fmt: skip
    left_out = _left_out(trace, lang)
    balance = _balance(trace.balance, lang)
    passing = _plain(trace.reaches).rename(columns={"load_kg_d": "passing_kg_d"})
    reaches = tabulate(words["reaches"], passing, heads(_REACHES, lang))
    arriving = int(trace.outfalls["arriving_kg_d"].gt(0).sum())
    counts = (len(trace.outfalls), arriving, len(left_out.rows))
    stretches, by_stretch = more.intervals(trace, lang)
    months, by_span = more.balances(trace, lang)
    parts, by_who = more.shares(trace, lang)
    supposed, steps = more.what_if(trace, lang)
    further, points = more.next_steps(trace, lang)
    inputs = more.input_table(trace, lang)
    sections = [
        Section(words["fact"], (clean(trace.explain(lang=lang)),)),
        Section(words["above"], tables=(above.filled(),)),
        stretches,
        Section(words["ranked"], (words["ranked_text"],), (outfalls.pick(_IN_TEXT).filled(),)),
        Section(words["districts"], tables=(districts,), level=3),
        Section(words["balance"], tables=(balance,)),
        months,
        parts,
        supposed,
        further,
        Section(words["left_out"], tables=(left_out,)),
        Section(inputs.title, tables=(inputs,)),
    ]
    if pictures:
        sections.append(Section(words["figures"], pictures=pictures))
    return Document(
        title=words["title"].format(place, item), lang=lang,
        caveat=words["caveat"],
        facts=(
            (words["section"], place),
            (words["item"], item),
            (words["period"], clean(trace.period)),
            (words["scope"], _scope(trace.reaches, words)),
            (words["count"], words["count_text"].format(*counts)),
        ),
        conclusion=_conclusion(trace, lang), sections=tuple(sections),
        sheets=(outfalls, districts, balance, by_span, by_stretch, *by_who, *steps, points, above,
                left_out, reaches, inputs),
        pictures=pictures,
    )  # fmt: skip


def _plain(table: Any) -> Any:
    return None if table is None else pd.DataFrame(table.drop(columns="geometry", errors="ignore"))


def _outfalls(trace: Any, lang: str) -> Table:
    words, told = _WORDS[lang], _plain(trace.outfalls)
    if lang == "zh" and "certainty" in told:
        told = told.assign(
            certainty=told["certainty"]
            .astype("string")
            .replace("certain", "确定")
            .str.replace("depends on", "取决于修补", regex=False)
        )
    columns = heads(_OUTFALLS, lang, **_KINDS)
    return tabulate(words["ranked"], told, columns, empty=words["ranked_none"])


def _left_out(trace: Any, lang: str) -> Table:
    words, table = _WORDS[lang], pd.DataFrame(trace.left_out)
    if f"text_{lang}" in table:
        table = table.assign(text=table[f"text_{lang}"])
    columns = heads(("outfall_id", "name", "reason", "text"), lang, reason="left_out_reason")
    return tabulate(words["left_out"], table, columns, empty=words["left_out_none"])


def _balance(balance: Any, lang: str) -> Table:
    """The balance as rows of quantity and value, known quantities first in their order."""
    words = _WORDS[lang]
    columns = (
        Column("quantity", words["quantity"]),
        Column("value", words["value"], significant=4),
    )
    rows = tuple(
        (names[lang != "zh"], None if pd.isna(balance[key]) else float(balance[key]))
        for key, names in _BALANCE.items()
        if key in balance
    )
    return Table(words["balance"], columns, rows)


def _scope(reaches: Any, words: Mapping[str, str]) -> str:
    if not len(reaches):
        return words["scope_none"]
    farthest = (reaches["distance_m"] + reaches["length_m"]).max()
    in_km = (number(metres / 1000) for metres in (reaches["length_m"].sum(), farthest))
    return words["scope_text"].format(reaches.index.nunique(), *in_km)


def _conclusion(trace: Any, lang: str) -> str:
    """Name the largest sources, and the balance where the flux is known."""
    words = _WORDS[lang]
    leads = trace.outfalls[trace.outfalls["arriving_kg_d"].gt(0)].head(3)
    if not len(leads):
        text = words["no_lead"]
    else:
        told = [
            f"{clean(i)} {clean(row['name'])}".strip() + f" ({number(row['arriving_kg_d'])} kg/d)"
            for i, row in leads.iterrows()
        ]
        text = words["lead"].format(("、" if lang == "zh" else ", ").join(told))
    flux, inherited, explained, rest = (
        float(trace.balance.get(f"{part}_kg_d", float("nan")))
        for part in ("flux", "inherited", "explained", "remainder")
    )
    if pd.notna(flux):
        text += "\n" + words["balance_text"].format(
            *(number(v) for v in (flux, inherited, explained, rest))
        )
    return text
