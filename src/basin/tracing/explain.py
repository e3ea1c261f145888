"""A trace as an officer's note, Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from basin._text import number
from basin.errors import list_ids
from basin.standards.labels import label
from basin.standards.tracing import tracing_figures
from basin.tracing.leads import leads, left_out, next_steps
from basin.tracing.words import (
    CAUSES,
    NOTES,
    SHOWN,
    STATUS,
    between,
    class_word,
    item_word,
    join,
    km,
    lang_of,
    percent,
    place_word,
    span_word,
)  # fmt: skip

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["CAVEAT", "explain_trace", "grounds"]

#: Printed with every trace, and in every document made from one.
CAVEAT = {"zh": "线索清单，不是责任认定", "en": "a list of leads, not proof"}


def explain_trace(trace: SourceTrace, lang: str = "zh") -> str:
    """Write fact, scope, leads, balance, what is left out, next steps, method and caveat."""
    zh = lang == "zh"
    parts = [
        ("", _title(trace, zh)),
        ("一、事实" if zh else "1. Fact", _fact(trace, zh)),
        ("二、范围" if zh else "2. Scope", _scope(trace, zh)),
        ("三、线索" if zh else "3. Leads", leads(trace, zh)),
        ("四、平衡" if zh else "4. Balance", _balance(trace, zh)),
        ("五、未进入排序" if zh else "5. Not in the ranking", left_out(trace, zh)),
        ("六、下一步" if zh else "6. Next steps", next_steps(trace, zh)),
        (
            "七、方法与依据" if zh else "7. Method and inputs",
            [_method(trace, zh), *_doubt(trace, zh), inputs_line(trace, zh)],
        ),
    ]
    lines = []
    for head, text in parts:
        lines += [head] * bool(head) + ([text] if isinstance(text, str) else list(text))
    lines.append(
        f"{'声明：' if zh else 'Note: '}{CAVEAT['zh' if zh else 'en']}。"[: None if zh else -1]
    )
    return "\n".join(lines)


def _title(trace: SourceTrace, zh: bool) -> str:
    who = place_word(trace.section_id, trace.fact["name"])
    kind = "溯源线索" if zh else "Source trace"
    return f"{kind}: {who} · {item_word(trace, zh)} · {trace.period}"


def _fact(trace: SourceTrace, zh: bool) -> str:
    fact, item = trace.fact, item_word(trace, zh)
    reference = class_word(fact["reference_class"], zh)
    unit = "" if fact["unit"] == "-" else f" {fact['unit']}"
    aim = ("目标" if zh else "target ") + reference
    if fact["target_class"] != fact["reference_class"]:
        aim = (f"{reference}（未设目标类别）") if zh else f"{reference} (no target is set)"
    if trace.fails is None:
        return (
            f"{item}在该时段无监测值，只能按排口负荷排序。"
            if zh
            else f"No {item} was measured in the period: outfalls are ordered by load only."
        )
    limit = "" if pd.isna(fact["limit"]) else f"{number(fact['limit'])}{unit}"
    value = f"{number(fact['value'])}{unit}"
    times = fact["target_multiple"] if pd.notna(fact["target_multiple"]) else fact["multiple"]
    if zh:
        text = f"时段均值 {value}（{fact['n']} 个值），{class_word(fact['item_class'], zh)}，"
        text += f"{'劣于' if trace.fails else '符合'}{aim}"
        text += f"（限值 {limit}）" if limit else ""
        text += f"，超 {number(times, 2)} 倍" if trace.fails and pd.notna(times) else ""
    else:
        text = f"Mean {value} ({fact['n']} values), {class_word(fact['item_class'], zh)}, "
        text += f"{'worse than' if trace.fails else 'meets'} {aim}"
        text += f" (limit {limit})" if limit else ""
        text += f", {number(times, 2)} times over" if trace.fails and pd.notna(times) else ""
    months = [m for m in str(fact["failing_months"]).split(", ") if m]
    if months:
        share = f"{len(months)}/{fact['sampled_months']}"
        said = join(months, zh)
        text += f"；不达标月 {share}：{said}" if zh else f"; failing months {share}: {said}"
    if not trace.fails:
        text += "；本项达标，以下供预防参考" if zh else "; it passes: what follows is precaution"
    return text + ("。" if zh else ".")


def _scope(trace: SourceTrace, zh: bool) -> list[str]:
    reaches = trace.reaches
    # the farthest head of the network above
    ends = reaches["distance_m"] + reaches["length_m"]
    farthest = int(ends.to_numpy().argmax())
    head_h = (reaches["travel_time_h"] + reaches["through_h"]).iloc[farthest]
    hours = f"{number(float(head_h), 2)} h"
    total, far = float(reaches["length_m"].sum()), float(ends.max())
    if zh:
        head = f"上游河段 {reaches.index.nunique()} 条、{km(total)}，最远 {km(far)}、约 {hours}；"
        head += f"汇入排污口 {len(trace.outfalls)} 个。"
    else:
        head = f"{reaches.index.nunique()} reaches upstream, {km(total)}, the farthest {km(far)} "
        head += f"and about {hours} away; "
        head += f"{len(trace.outfalls)} outfalls drain here."
    lines = [head]
    above = trace.upstream_sections
    for at, row in above[above["nearest"].astype(bool)].iterrows():
        lines.append(_section_line(at, row, zh))
    if trace.fails is not False:
        lines.append(_failing_interval(trace, zh))
    lines += _same_months(trace, zh)
    lines += [NOTES[code][not zh] + ("。" if zh else ".") for code in trace.notes]
    for issue_id, row in trace.repairs.iterrows():
        who = row["outfall_ids"].split(", ")
        who = join(who[:SHOWN], zh) + (f"…({len(who)})" if len(who) > SHOWN else "")
        lines.append(
            f"排污口 {who} 是否汇入取决于河网修补 {issue_id}：{row['zh']}"
            if zh
            else f"Outfalls {who} drain here only by repair {issue_id} of the network: {row['en']}"
        )
    if trace.unresolved:
        ids = list_ids(trace.unresolved, lang="zh" if zh else "en")
        lines.append(
            f"注意：河网有未处理的问题，涉及河段 {ids}；上游可能漏列，先核实河网。"
            if zh
            else f"Note: the network has open issues at reaches {ids}; "
            "outfalls above may be missed."
        )
    return lines


def _section_line(section_id: Any, row: Any, zh: bool) -> str:
    passes = "–" if pd.isna(row["compliant"]) else ("达标" if row["compliant"] else "不达标")
    if not zh:
        passes = {"达标": "passes", "不达标": "fails"}.get(passes, "not judged")
    who = place_word(section_id, row["name"])
    way, cls = km(row["distance_m"]), class_word(row["water_class"], zh)
    value = number(row["value"])
    if zh:
        return f"上游断面 {who}：距本断面 {way}，该项均值 {value}，{cls}，{passes}。"
    return f"Section above, {who}: {way} away, mean {value}, {cls}, {passes}."


def _failing_interval(trace: SourceTrace, zh: bool) -> str:
    above = trace.upstream_sections
    nearest = above[above["nearest"].astype(bool)]
    failing = nearest.index[nearest["compliant"].eq(False).fillna(False).to_numpy(dtype=bool)]
    if len(failing):
        ids = join(failing, zh)
        if zh:
            return f"上游 {ids} 同项已不达标：先查其以上区间，再查本区间。"
        return f"{ids} above already fails on this item: look above it first, then here."
    if len(nearest):
        return _passing_above(nearest, zh)
    if zh:
        return "上游无监测该项的断面：整个上游均为排查区间。"
    return "No section above measured this item: the whole catchment is the search area."


def _same_months(trace: SourceTrace, zh: bool) -> list[str]:
    """Compare with the sections above month by month, and name where it fails first."""
    if not len(trace.intervals) or ("not_a_load" in trace.notes and trace.fails is None):
        return []
    own = trace.intervals.iloc[0]
    if not own["n_failing"]:
        return []
    counts = [int(own[f"n_{c}"]) for c in ("local", "inherited", "unknown")]
    n = int(own["n_failing"])
    if zh:
        text = (
            f"同月比较：不达标 {n} 个月中，上游来水达到本断面要求（本区间新增）{counts[0]} 个月，"
        )
        text += f"来水已差于要求（上游带入）{counts[1]} 个月，上游当月无监测 {counts[2]} 个月"
    else:
        text = f"Of {n} failing months: {counts[0]} local (the water from above was good enough), "
        text += f"{counts[1]} inherited (it was not), {counts[2]} with nothing measured above"
    first = trace.intervals.index[trace.intervals["fails_first"].to_numpy(dtype=bool)]
    others = [s for s in first if s != trace.section_id]
    lines = [text + ("。" if zh else ".")]
    if others:
        ids = join(others, zh)
        lines.append(
            f"自上而下最先变差的断面：{ids}，先查其上游区间。"
            if zh
            else f"Failing first from the head down: {ids}; look above them first."
        )
    return lines


def _passing_above(nearest: Any, zh: bool) -> str:
    """Say that the mean of sections above complies, or that they have no target to comply with."""
    known = nearest["compliant"].notna().to_numpy(dtype=bool)
    parts = []
    if known.any():
        ids = join(nearest.index[known], zh)
        parts.append(
            f"上游 {ids} 该项时段均值达标：问题区间在其与本断面之间。"
            if zh
            else f"{ids} above complies by its mean: look between it and this section."
        )
    if not known.all():
        ids = join(nearest.index[~known], zh)
        parts.append(
            f"上游 {ids} 未设目标，是否达标未判定，请比较浓度。"
            if zh
            else f"{ids} above has no target, so not judged: compare the concentrations."
        )
    return "".join(parts) if zh else " ".join(parts)


def _balance(trace: SourceTrace, zh: bool) -> list[str]:
    b = trace.balance
    stop = "。" if zh else "."
    if "not_a_load" in trace.notes:
        return [NOTES["not_a_load"][not zh] + stop]
    if trace.balance_status in ("open", "zero"):
        return [STATUS[trace.balance_status][not zh] + stop]
    parts = ("inherited", "explained", "remainder")
    shares = [_share(b, part, zh) for part in parts]
    unknown = "未知" if zh else "unknown"
    amounts = [unknown if pd.isna(b[f"{p}_kg_d"]) else number(b[f"{p}_kg_d"]) for p in parts]
    flux, allowed = number(b["flux_kg_d"]), number(b["allowed_kg_d"])
    if zh:
        text = f"断面通量 {flux} kg/d（限值下 {allowed}）= 上游断面带入 {amounts[0]}（{shares[0]}）"
        text += f"+ 本区间排口 {amounts[1]}（{shares[1]}）+ 余量 {amounts[2]}（{shares[2]}）"
    else:
        text = f"Flux {flux} kg/d (at the limit {allowed}) = from sections above {amounts[0]} "
        text += f"({shares[0]}) + local outfalls {amounts[1]} ({shares[1]}) + remainder "
        text += f"{amounts[2]} ({shares[2]})"
    large = tracing_figures("balance")["large_remainder"]
    if trace.balance_status in STATUS:
        text += ("；" if zh else "; ") + STATUS[trace.balance_status][not zh]
        if trace.causes and trace.balance_status == "impossible":
            why = join((CAUSES[c][not zh] for c in trace.causes), zh)
            text += f"；可能原因：{why}" if zh else f"; likely causes: {why}"
    elif b["remainder_share"] > large:
        text += "；余量较大，指向面源或未登记来源" if zh else (
            "; the remainder is large and points at diffuse or unregistered sources"
        )  # fmt: skip
    return [text + stop, *_unknown_flux(trace, zh), *_remainders(trace, zh), *_seasons(trace, zh)]


def _unknown_flux(trace: SourceTrace, zh: bool) -> list[str]:
    """Name the sections above whose flux is not known, and bound the remainder."""
    above = trace.upstream_sections
    nearest = above[above["nearest"].astype(bool)]
    lacking = nearest.index[nearest["flux_kg_d"].isna()]
    if not len(lacking):
        return []
    b = trace.balance
    known = float(nearest["arriving_kg_d"].sum())
    most = max(float(b["flux_kg_d"] - b["explained_kg_d"]) - known, 0.0)
    ids = join(lacking, zh)
    if zh:
        return [
            f"上游断面 {ids} 有浓度而无流量："
            f"带入量与余量合计约 {number(most)} kg/d，补流量后方能分开。"
        ]
    return [
        f"{ids} above: a concentration but no flow. Inherited and remainder are "
        f"{number(most)} kg/d together; give the flow to part them."
    ]


def _share(balance: Any, part: str, zh: bool) -> str:
    share = percent(balance[f"{part}_share"])
    span = between(balance[f"{part}_share_low"], balance[f"{part}_share_high"])
    return share + ("，" if zh else ", ") * bool(span) + span


def _remainders(trace: SourceTrace, zh: bool) -> list[str]:
    """Name the intervals that leave most unexplained, where there is more than one."""
    table = trace.intervals
    material = tracing_figures("doubt")["material"] * trace.balance["flux_kg_d"]
    left = table["remainder_kg_d"].where(table["remainder_kg_d"] >= material).dropna()
    if len(table) < 2 or not len(left):
        return []
    lines = []
    for at in left.sort_values(ascending=False).index[:3]:
        row = table.loc[at]
        upper = row["upper"].replace(", ", "、" if zh else ", ") or ("源头" if zh else "the head")
        low, high = number(row["remainder_low_kg_d"]), number(row["remainder_high_kg_d"])
        kg, zero = number(row["remainder_kg_d"]), row["remainder_low_kg_d"] <= 0
        if zh:
            told = f"余量所在区间：{upper} → {at}，{kg} kg/d（{low} 至 {high}）"
            lines.append(told + ("，区间含 0" if zero else "") + "。")
        else:
            told = f"Unexplained between {upper} and {at}: {kg} kg/d ({low} to {high})"
            lines.append(told + (", which may be nothing" if zero else "") + ".")
    return lines


def _seasons(trace: SourceTrace, zh: bool) -> list[str]:
    seasons = trace.balances[trace.balances["kind"] == "season"]
    told = []
    for span, row in seasons.iterrows():
        if pd.isna(row["flux_kg_d"]):
            continue
        name, value = span_word(str(span), zh), number(row["observed_mg_l"])
        share = percent(row["remainder_share"])
        told.append(
            f"{name}均值 {value}、余量 {share}" if zh else f"{name} mean {value}, remainder {share}"
        )
    if not told:
        return []
    text = join(told, zh) if not zh else "；".join(told)
    if (seasons["note"] == "mean_flow").any():
        text += "（流量取均值，分期通量仅供比较）" if zh else " (by the mean flow: to compare only)"
    return [f"分水期：{text}。" if zh else f"By season: {text}."]


def _grounds(trace: SourceTrace, zh: bool) -> list[str]:
    return [_method(trace, zh), *_doubt(trace, zh), inputs_line(trace, zh)]


def grounds(trace: SourceTrace) -> pd.DataFrame:
    """Method and caveat as rows of the table of inputs, so that they go wherever it goes."""
    rows = {"input": ["method", "caveat"]}
    for lang in ("zh", "en"):
        said = [_method(trace, lang == "zh"), *_doubt(trace, lang == "zh")]
        rows[f"detail_{lang}"] = [("" if lang == "zh" else " ").join(said), CAVEAT[lang]]
    return pd.DataFrame(rows)


def _doubt(trace: SourceTrace, zh: bool) -> list[str]:
    """How the intervals were made."""
    model = trace.model
    if not model.load or not len(model.outfall_ids):
        return []
    figures = tracing_figures("load_rel_sd")
    sd = "/".join(f"{figures[b]:g}" for b in ("measured", "permit", "estimated"))
    band = tracing_figures("velocity")["band"]
    if zh:
        return [
            f"区间为 90 %：对负荷（相对标准差 实测/许可/估算 {sd}，有填报的从其填报）、"
            f"浓度、流量、k、流速（±{band:.0%}）抽样 {model.draws} 次（种子 {model.seed}）。"
        ]
    return [
        f"Intervals are 90 %: {model.draws} Monte Carlo draws (seed {model.seed}) of loads "
        f"(relative sd measured/permit/estimated {sd} unless stated), concentrations, flows, k and "
        f"velocity (+/- {band:.0%})."
    ]


def inputs_line(trace: SourceTrace, zh: bool) -> str:
    """What the trace was made from, with dates."""
    parts = []
    for _, row in trace.inputs.iterrows():
        dates = ""
        if pd.notna(row["first"]):
            form = "%Y-%m" if row["input"] == "samples" else "%Y-%m-%d"
            ends = [d.strftime(form) for d in (row["first"], row["last"])]
            dates = " " + ("–" if zh else " to ").join(dict.fromkeys(ends))
        name = label("trace_input", row["input"], lang_of(zh))
        parts.append(
            f"{name} {row['n']}{dates}（{row['detail_zh']}）"
            if zh
            else f"{name} {row['n']}{dates} ({row['detail_en']})"
        )
    return (
        ("输入：" if zh else "Inputs: ")
        + ("；" if zh else "; ").join(parts)
        + ("。" if zh else ".")
    )


def _method(trace: SourceTrace, zh: bool) -> str:
    if "not_a_load" in trace.notes:
        return (
            "沿河网追溯（不按直线距离），按沿河距离排列；限值 GB 3838-2002，评价 环办〔2011〕22号。"
            if zh
            else "Traced along the network, not by straight distance, and ordered by distance; "
            "limits GB 3838-2002, assessment by document [2011] No. 22."
        )
    d = trace.decay
    span = f"{number(d.low)}–{number(d.high)}"
    if zh:
        return (
            f"沿河网追溯（不按直线距离）；到达负荷 = L·exp(−k·t)，k = {number(d.k_per_d)} /d"
            f"（范围 {span}；{d.source}）；通量 = 86.4·C·Q；"
            f"无流速河段取 {trace.velocity_m_s:g} m/s；"
            "限值 GB 3838-2002，评价 环办〔2011〕22号。一维稳态估算。"
        )
    return (
        f"Traced along the network, not by straight distance; arriving load = L exp(-k t), "
        f"k = {number(d.k_per_d)} per day (range {span}; {d.source_en}); flux = 86.4 C Q; reaches "
        f"without velocity take {trace.velocity_m_s:g} m/s; limits GB 3838-2002, assessment "
        "by document [2011] No. 22. A 1-D steady estimate."
    )
