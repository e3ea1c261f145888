"""Parts of a trace report beyond the ranking: stretches, balances, shares, what could be done."""

from __future__ import annotations

from typing import Any

import pandas as pd

from basin._text import number
from basin.reports._document import Section, Table, clean, tabulate
from basin.reports._words import heads
from basin.standards.labels import label

__all__ = ["as_table", "balances", "input_table", "intervals", "next_steps", "shares", "what_if"]

_WORDS = {
    "zh": {
        "intervals": "区间",
        "intervals_text": "以相邻监测断面划分；与上游断面逐月比较，分清上游带入和本区间新增。",
        "intervals_none": "没有可比较的区间。",
        "spans": "分月分期平衡",
        "spans_text": "区间为 90 %。流量取均值的时段，通量仅供比较。",
        "shares": "通量分担",
        "shares_text": "按乡镇、按责任单位的分担见工作簿。区间为 90 %。",
        "district": "按区县分担",
        "town": "按乡镇分担",
        "responsible": "按责任单位分担",
        "inherited": "上游断面 {} 带入",
        "remainder": "余量（未知或面源）",
        "what_if": "假设：单个排口达到排放标准",
        "what_if_none": "没有可计算的排口。",
        "cuts": "最少削减",
        "cuts_text": "断面达标须少到达 {} kg/d；{}。",
        "reached": "削减下列排口即可",
        "short": "全部已知排口（{} kg/d）也不够，其余须从上游带入和未知来源着手",
        "heuristic": "候选超过 30 个：排口个数最少，削减总量由启发式求得，未必最小。",
        "cuts_none": "断面达标，或通量未知，无须计算。",
        "next": "加测点",
        "next_text": "在这些位置加测，最能把可疑排口分开。",
        "next_none": "没有需要分开的可疑排口。",
        "inputs": "输入资料",
        "inputs_none": "没有记录。",
    },
    "en": {
        "intervals": "Stretches",
        "intervals_text": "Between measured sections; each month is compared with the same month "
        "above, so that what is inherited is told from what is local.",
        "intervals_none": "There is no stretch to compare.",
        "spans": "Balance by month and season",
        "spans_text": "Intervals of 90 %. Where a mean flow was taken, fluxes only compare.",
        "shares": "Who carries what share",
        "shares_text": "By town and by responsible party: see the workbook. Intervals of 90 %.",
        "district": "Shares by district",
        "town": "Shares by town",
        "responsible": "Shares by party",
        "inherited": "inherited from {}",
        "remainder": "remainder (unknown or diffuse)",
        "what_if": "What if one outfall met its standard",
        "what_if_none": "There is no outfall for which this can be told.",
        "cuts": "Fewest reductions",
        "cuts_text": "For the section to pass, {} kg/d less must arrive; {}.",
        "reached": "the reductions below are enough",
        "short": "all known outfalls ({} kg/d) are not enough: the rest must come off what is "
        "inherited or unknown",
        "heuristic": "Over 30 candidates: the number of outfalls is the least, the sum of the cuts "
        "was found by a heuristic and may not be.",
        "cuts_none": "The section passes, or its flux is not known.",
        "next": "Where to sample next",
        "next_text": "Samples at these places part the suspects best.",
        "next_none": "There are no suspects to part.",
        "inputs": "Inputs",
        "inputs_none": "Nothing is recorded.",
    },
}

_INTERVALS = (
    "section_id", "name", "upper", "fails_first", "compliant", "n_months", "n_failing", "n_local",
    "n_inherited", "n_unknown", "n_outfalls", "flux_kg_d", "inherited_kg_d", "explained_kg_d",
    "remainder_kg_d", "remainder_low_kg_d", "remainder_high_kg_d",
)  # fmt: skip
_SPANS = (
    "span", "observed_mg_l", "flow_m3_s", "origin", "flux_kg_d", "inherited_kg_d",
    "explained_kg_d", "remainder_kg_d", "remainder_low_kg_d", "remainder_high_kg_d",
    "remainder_share",
)  # fmt: skip
_SHARES = (
    "who", "source", "n_outfalls", "arriving_kg_d", "share_of_flux", "share_low", "share_high",
    "cross_border",
)  # fmt: skip
_WHAT_IF = (
    "outfall_id", "name", "effluent_mg_l", "standard_mg_l", "standard_source", "load_kg_d",
    "load_after_kg_d", "section_now_mg_l", "section_mg_l", "section_low_mg_l", "section_high_mg_l",
    "p_pass_now", "p_pass", "why_not",
)  # fmt: skip
_CUTS = ("outfall_id", "name", "arriving_kg_d", "cut_arriving_kg_d", "cut_kg_d", "cut_share")
_NEXT = ("reach_id", "distance_m", "n_above", "weight_above", "suspects_above", "lon", "lat")
_INPUTS = ("input", "n", "first", "last", "detail")


def as_table(
    title: str, frame: Any, keys: tuple[str, ...], lang: str, empty: str, **codes: str
) -> Table:
    """Tabulate the columns of a frame that are named."""
    return tabulate(title, frame, heads(keys, lang, **codes), empty=empty)


def intervals(trace: Any, lang: str) -> tuple[Section, Table]:
    """Which stretch fails first, and what each leaves unexplained."""
    words = _WORDS[lang]
    table = as_table(words["intervals"], trace.intervals, _INTERVALS, lang, words["intervals_none"])
    section = Section(words["intervals"], (words["intervals_text"],), (table.filled(),), level=3)
    return section, table


def balances(trace: Any, lang: str) -> tuple[Section, Table]:
    """The balance of the period, its seasons and months."""
    words, spans = _WORDS[lang], trace.balances.reset_index()
    told = spans.assign(span=[_span(s, lang) for s in spans["span"]])
    table = as_table(words["spans"], told, _SPANS, lang, "–", origin="trouble_origin")
    return Section(words["spans"], (words["spans_text"],), (table.filled(),), level=3), table


def _span(span: Any, lang: str) -> str:
    return label("season", str(span), lang) if str(span) in ("wet", "dry") else clean(span)


def shares(trace: Any, lang: str) -> tuple[Section, tuple[Table, ...]]:
    """The section's flux parted among districts, towns and parties."""
    words = _WORDS[lang]
    tables = []
    for by in ("district", "town", "responsible"):
        if by not in trace.outfalls:
            continue
        parts = trace.responsibility(by).rename(columns={"n": "n_outfalls"})
        who = [
            words["inherited"].format(clean(name)) if source == "inherited"
            else words["remainder"] if source == "remainder" else clean(name)
            for name, source in zip(parts["who"], parts["source"], strict=True)
        ]  # fmt: skip
        told = parts.assign(who=who)
        tables.append(as_table(words[by], told, _SHARES, lang, "–", source="flux_source"))
    shown = tuple(t.filled() for t in tables[:1])
    return Section(words["shares"], (words["shares_text"],), shown), tuple(tables)


def what_if(trace: Any, lang: str) -> tuple[Section, tuple[Table, Table]]:
    """What the section would be if outfalls met their standards, and the fewest reductions."""
    words = _WORDS[lang]
    told_of = trace.what_if()
    if lang != "zh" and "standard_source_en" in told_of:
        told_of = told_of.assign(standard_source=told_of["standard_source_en"])
    table = as_table(words["what_if"], told_of, _WHAT_IF, lang, words["what_if_none"])
    plan = trace.reductions()
    cuts = as_table(words["cuts"], plan.outfalls, _CUTS, lang, words["cuts_none"])
    told: tuple[str, ...] = ()
    if plan.needed_kg_d > 0:
        enough = (
            words["reached"] if plan.reached else words["short"].format(number(plan.available_kg_d))
        )
        told = (words["cuts_text"].format(number(plan.needed_kg_d), enough),)
        if not plan.exact:
            told = (*told, words["heuristic"])
    section = Section(words["what_if"], told, (table.filled(), cuts))
    return section, (table, cuts)


def next_steps(trace: Any, lang: str) -> tuple[Section, Table]:
    """Where further samples tell most."""
    words, points = _WORDS[lang], trace.sampling_points()
    frame = pd.DataFrame(points.drop(columns="geometry", errors="ignore"))
    if len(points):
        frame = frame.assign(lon=points.geometry.x, lat=points.geometry.y)
    table = as_table(words["next"], frame, _NEXT, lang, words["next_none"])
    return Section(words["next"], (words["next_text"],) if len(points) else (), (table,)), table


def input_table(trace: Any, lang: str) -> Table:
    """What the trace was made from, with its dates."""
    words, inputs = _WORDS[lang], trace.inputs
    told = inputs.rename(columns={f"detail_{lang}": "detail"})
    return as_table(words["inputs"], told, _INPUTS, lang, words["inputs_none"], input="trace_input")
