"""A trace as an officer's note, Chinese and English."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin._text import number
from basin.errors import list_ids
from basin.standards.labels import label

if TYPE_CHECKING:
    from basin.tracing.trace import SourceTrace

__all__ = ["CAVEAT", "explain_trace", "reading_table"]

#: Printed with every trace, and in every document made from one.
CAVEAT = {"zh": "线索清单，不是责任认定", "en": "a list of leads, not proof"}

_SHOWN = 10

_DOUBTS = {
    "ambiguous": ("邻近多条河段，归属待核", "several reaches near"),
    "name_conflict": (
        "附近没有所填受纳河流，按最近河段定位",
        "no reach of the named river is near",
    ),
    "placed_by_name": ("按受纳河流名称定位，非最近河段", "placed by its river's name, not nearest"),
    "district_conflict": ("填报区县与坐标不符", "stated district differs from its place"),
    "closed_sampled": ("已取缔但其后仍有采样", "closed, yet sampled since"),
    "default_velocity": ("流速为默认值", "default velocity"),
    "no_load": ("无负荷数据", "load not known"),
    "no_basis": ("负荷依据未注明", "basis of the load not stated"),
    "depends_on_repair": (
        "汇入取决于河网修补，待核",
        "drains here only by a repair of the network",
    ),
}

_NOTES = {
    "reach_flow": ("断面流量缺，采用所在河段流量", "the section has no flow: its reach's is used"),
    "no_flow": ("断面流量不明，不能作通量平衡", "no flow at the section: no balance of loads"),
    "section_ambiguous": (
        "断面邻近多条河段，定位待核",
        "several reaches lie near the section: check its place",
    ),
    "no_other_sections": (
        "未提供其他断面，不能区分上游带入与本区间",
        "no other sections given: inherited and local pollution are not told apart",
    ),
    "upstream_flow_unknown": (
        "部分上游断面流量不明，带入量偏小、余量偏大",
        "a section above has no flow: the inherited load is understated",
    ),
    "not_a_load": (
        "该指标不能按负荷相加，只按沿河距离排列，不作平衡",
        "loads of this item cannot be added: ordered by distance, no balance",
    ),
    "default_velocity": ("部分河段无流速，用默认值", "some reaches have no velocity: default used"),
}

_STATUS = {
    "overexplained": (
        "已识别负荷略高于实测通量，在数据误差内",
        "known loads slightly exceed the observed flux, within what such data can tell",
    ),
    "impossible": (
        "平衡不成立：已识别负荷远高于实测通量；可能原因：负荷按许可量上限填报、"
        "断面流量或水质不具代表性、排口定位有误、衰减被低估",
        "the balance is impossible: known loads far exceed the observed flux; likely causes: "
        "permit ceilings given as loads, unrepresentative flow or samples, a misplaced outfall, "
        "understated decay",
    ),
    "open": ("缺断面流量或浓度，通量未知，不能平衡", "no flux is known: the balance is open"),
}


def explain_trace(trace: SourceTrace, lang: str = "zh") -> str:
    """Write fact, scope, leads, balance, what is left out, next steps, method and caveat."""
    zh = lang == "zh"
    parts = [
        ("", _title(trace, zh)),
        ("一、事实" if zh else "1. Fact", _fact(trace, zh)),
        ("二、范围" if zh else "2. Scope", _scope(trace, zh)),
        ("三、线索" if zh else "3. Leads", _leads(trace, zh)),
        ("四、平衡" if zh else "4. Balance", _balance(trace, zh)),
        ("五、未进入排序" if zh else "5. Not in the ranking", _left_out(trace, zh)),
        ("六、下一步" if zh else "6. Next steps", _next_steps(trace, zh)),
        ("七、方法" if zh else "7. Method", _method(trace, zh)),
    ]
    lines = []
    for head, text in parts:
        lines += [head] * bool(head) + ([text] if isinstance(text, str) else list(text))
    lines.append(
        f"{'声明：' if zh else 'Note: '}{CAVEAT['zh' if zh else 'en']}。"[: None if zh else -1]
    )
    return "\n".join(lines)


def _lang(zh: bool) -> str:
    return "zh" if zh else "en"


def _item(trace: SourceTrace, zh: bool) -> str:
    return label("item", trace.item_id, _lang(zh))


def _class(code: Any, zh: bool) -> str:
    return label("water_class", code, _lang(zh))


def _km(metres: float) -> str:
    return f"{number(metres / 1000.0)} km" if metres >= 1000 else f"{metres:.0f} m"


def _percent(share: float) -> str:
    return "–" if pd.isna(share) else f"{share * 100:.1f} %"


def _join(texts: Iterable[Any], zh: bool) -> str:
    return ("、" if zh else ", ").join(str(t) for t in texts)


def _place(section_id: Any, name: Any) -> str:
    return f"{section_id} {name}".strip() if not pd.isna(name) else str(section_id)


def _title(trace: SourceTrace, zh: bool) -> str:
    who = _place(trace.section_id, trace.fact["name"])
    kind = "溯源线索" if zh else "Source trace"
    return f"{kind}: {who} · {_item(trace, zh)} · {trace.period}"


def _fact(trace: SourceTrace, zh: bool) -> str:
    fact, item = trace.fact, _item(trace, zh)
    reference = _class(fact["reference_class"], zh)
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
        text = f"时段均值 {value}（{fact['n']} 个值），{_class(fact['item_class'], zh)}，"
        text += f"{'劣于' if trace.fails else '符合'}{aim}"
        text += f"（限值 {limit}）" if limit else ""
        text += f"，超 {number(times, 2)} 倍" if trace.fails and pd.notna(times) else ""
    else:
        text = f"Mean {value} ({fact['n']} values), {_class(fact['item_class'], zh)}, "
        text += f"{'worse than' if trace.fails else 'meets'} {aim}"
        text += f" (limit {limit})" if limit else ""
        text += f", {number(times, 2)} times over" if trace.fails and pd.notna(times) else ""
    months = [m for m in str(fact["failing_months"]).split(", ") if m]
    if months:
        share = f"{len(months)}/{fact['sampled_months']}"
        said = _join(months, zh)
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
        head = f"上游河段 {reaches.index.nunique()} 条、{_km(total)}，最远 {_km(far)}、约 {hours}；"
        head += f"汇入排污口 {len(trace.outfalls)} 个。"
    else:
        head = f"{reaches.index.nunique()} reaches upstream, {_km(total)}, the farthest {_km(far)} "
        head += f"and about {hours} away; "
        head += f"{len(trace.outfalls)} outfalls drain here."
    lines = [head]
    above = trace.upstream_sections
    for at, row in above[above["nearest"].astype(bool)].iterrows():
        lines.append(_section_line(at, row, zh))
    if trace.fails is not False:
        lines.append(_failing_interval(trace, zh))
    lines += [_NOTES[code][not zh] + ("。" if zh else ".") for code in trace.notes]
    for issue_id, row in trace.repairs.iterrows():
        who = row["outfall_ids"].split(", ")
        who = _join(who[:_SHOWN], zh) + (f"…({len(who)})" if len(who) > _SHOWN else "")
        lines.append(
            f"排污口 {who} 是否汇入取决于河网修补 {issue_id}：{row['zh']}"
            if zh
            else f"Outfalls {who} drain here only by repair {issue_id} of the network: {row['en']}"
        )
    if trace.unresolved:
        ids = list_ids(trace.unresolved)
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
    who = _place(section_id, row["name"])
    way, cls = _km(row["distance_m"]), _class(row["water_class"], zh)
    value = number(row["value"])
    if zh:
        return f"上游断面 {who}：距本断面 {way}，该项均值 {value}，{cls}，{passes}。"
    return f"Section above, {who}: {way} away, mean {value}, {cls}, {passes}."


def _failing_interval(trace: SourceTrace, zh: bool) -> str:
    above = trace.upstream_sections
    nearest = above[above["nearest"].astype(bool)]
    failing = nearest.index[nearest["compliant"].eq(False).fillna(False).to_numpy(dtype=bool)]
    if len(failing):
        ids = _join(failing, zh)
        if zh:
            return f"上游 {ids} 同项已不达标：先查其以上区间，再查本区间。"
        return f"{ids} above already fails on this item: look above it first, then here."
    if len(nearest):
        return _passing_above(nearest, zh)
    if zh:
        return "上游无监测该项的断面：整个上游均为排查区间。"
    return "No section above measured this item: the whole catchment is the search area."


def _passing_above(nearest: Any, zh: bool) -> str:
    """Say that the mean of sections above complies, or that they have no target to comply with."""
    known = nearest["compliant"].notna().to_numpy(dtype=bool)
    parts = []
    if known.any():
        ids = _join(nearest.index[known], zh)
        parts.append(
            f"上游 {ids} 该项时段均值达标：问题区间在其与本断面之间。"
            if zh
            else f"{ids} above complies by its mean: look between it and this section."
        )
    if not known.all():
        ids = _join(nearest.index[~known], zh)
        parts.append(
            f"上游 {ids} 未设目标，是否达标未判定，请比较浓度。"
            if zh
            else f"{ids} above has no target, so not judged: compare the concentrations."
        )
    return "".join(parts) if zh else " ".join(parts)


def _leads(trace: SourceTrace, zh: bool) -> list[str]:
    table = trace.outfalls
    carrying = table[table["carries_item"] != "no"]
    if not len(carrying):
        return [
            "沿河网无可能排放该项的排污口。" if zh else "No outfall upstream may carry this item."
        ]
    lines = [_lead(at, row, zh) for at, row in carrying.head(_SHOWN).iterrows()]
    rest = carrying.index[_SHOWN:]
    if len(rest):
        ids = _join(rest[:5], zh) + ("…" if len(rest) > 5 else "")
        lines.append(f"其余 {len(rest)} 个：{ids}" if zh else f"{len(rest)} more: {ids}")
    lines += _districts(trace, zh)
    apart = table.index[table["carries_item"] == "no"]
    if len(apart):
        ids = _join(apart[:5], zh) + ("…" if len(apart) > 5 else "")
        lines.append(
            f"汇入但按类型或数据不排放该项 {len(apart)} 个：{ids}"
            if zh
            else f"{len(apart)} drain here but do not carry the item by kind or data: {ids}"
        )
    return lines


def _districts(trace: SourceTrace, zh: bool) -> list[str]:
    """Whose district the known load comes from; nothing where no district is known."""
    shares = trace.by_district()["share_explained"]
    shares = shares[(shares > 0) & (shares.index != "?")]
    if not len(shares):
        return []
    told = _join((f"{d} {_percent(s)}" for d, s in shares.items()), zh)
    here = trace.fact["district"]
    others = [d for d in shares.index if d != here]
    text = f"已知负荷按区县：{told}" if zh else f"Known load by district: {told}"
    if here and others:
        text += (
            f"；断面在 {here}，有跨界输入" if zh else f"; the section is in {here}: cross-border"
        )
    return [text]


def _lead(outfall_id: Any, row: Any, zh: bool) -> str:
    who = f"{row['rank']}. {_place(outfall_id, row['name'])}"
    about = [label("outfall_kind", row["kind"], _lang(zh)), row["river"], row["district"]]
    about.append(row["responsible"])
    who += ("（{}）" if zh else " ({})").format(("，" if zh else ", ").join(a for a in about if a))
    hours = f"{number(row['travel_time_h'], 2)} h"
    way = _km(row["distance_m"])
    junctions = row["junctions"]
    parts = [
        f"沿河 {way}，约 {hours}，经 {junctions} 处汇口"
        if zh
        else f"{way} along the river, about {hours}, confluences passed: {junctions}"
    ]
    if pd.notna(row["arriving_kg_d"]):
        load = number(row["arriving_kg_d"])
        basis = label("data_basis", row["load_basis"], _lang(zh))
        basis = ("（{}）" if zh else " ({})").format(basis) if basis else ""
        parts.append(f"到达负荷 {load} kg/d{basis}" if zh else f"arriving load {load} kg/d{basis}")
        share, of = row["share_of_flux"], ("占断面通量 {}", "{} of the flux")
        if pd.isna(share):
            share, of = row["share_explained"], ("占已知负荷 {}", "{} of the known load")
        parts.append(of[not zh].format(_percent(share)))
    if not row["local"]:
        below = row["next_section"]
        parts.append(f"其下先经 {below}" if zh else f"passes {below} first")
    parts += [_DOUBTS[c][not zh] for c in filter(None, str(row["note"]).split(", "))]
    return who + ("：" if zh else ": ") + ("；" if zh else "; ").join(parts)


def _balance(trace: SourceTrace, zh: bool) -> str:
    b = trace.balance
    if "not_a_load" in trace.notes:
        return _NOTES["not_a_load"][not zh] + ("。" if zh else ".")
    if trace.balance_status == "open":
        return _STATUS["open"][not zh] + ("。" if zh else ".")
    shares = [_percent(b[f"{p}_share"]) for p in ("inherited", "explained", "remainder")]
    amounts = [number(b[f"{p}_kg_d"]) for p in ("inherited", "explained", "remainder")]
    flux, allowed = number(b["flux_kg_d"]), number(b["allowed_kg_d"])
    if zh:
        text = f"断面通量 {flux} kg/d（限值下 {allowed}）= 上游断面带入 {amounts[0]}（{shares[0]}）"
        text += f"+ 本区间排口 {amounts[1]}（{shares[1]}）+ 余量 {amounts[2]}（{shares[2]}）"
    else:
        text = f"Flux {flux} kg/d (at the limit {allowed}) = from sections above {amounts[0]} "
        text += f"({shares[0]}) + local outfalls {amounts[1]} ({shares[1]}) + remainder "
        text += f"{amounts[2]} ({shares[2]})"
    if trace.balance_status in _STATUS:
        text += ("；" if zh else "; ") + _STATUS[trace.balance_status][not zh]
    elif b["remainder_share"] > 0.3:
        text += "；余量较大，指向面源或未登记来源" if zh else (
            "; the remainder is large and points at diffuse or unregistered sources"
        )  # fmt: skip
    return text + ("。" if zh else ".")


def _left_out(trace: SourceTrace, zh: bool) -> list[str]:
    lines = [
        f"{_place(row['outfall_id'], row['name'])}: {row['text_zh' if zh else 'text_en']}"
        for _, row in trace.left_out.head(_SHOWN).iterrows()
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


def _next_steps(trace: SourceTrace, zh: bool) -> list[str]:
    table = trace.outfalls[trace.outfalls["carries_item"] != "no"]
    steps = []
    main = _main_leads(table)
    if main:
        ids = _join(main, zh)
        steps.append(
            f"对 {ids} 同步采样测流，调阅许可与在线数据"
            if zh
            else f"Sample and gauge {ids} at the same time; open their permits and records"
        )
    point = _halving_reach(trace)
    if point is not None:
        reach_id, way = point
        steps.append(
            f"在河段 {reach_id} 末端（距断面 {_km(way)}）加测，可将已知负荷约分为两半"
            if zh
            else f"Sample the end of reach {reach_id} ({_km(way)} above): it halves the known load"
        )
    unknown = table.index[table["arriving_kg_d"].isna()]
    if len(unknown) and "not_a_load" in trace.notes:
        ids = _join(unknown[:5], zh)
        steps.append(f"由近及远现场排查：{ids}" if zh else f"Visit them from the nearest on: {ids}")
    elif len(unknown):
        ids = _join(unknown[:5], zh) + ("…" if len(unknown) > 5 else "")
        steps.append(
            f"补测无负荷数据的 {len(unknown)} 个：{ids}"
            if zh
            else f"Measure the {len(unknown)} of unknown load: {ids}"
        )
    doubt = [*table.index[table["note"].str.contains("ambiguous")]]
    doubt += trace.left_out.loc[trace.left_out["reason"] == "ambiguous", "outfall_id"].tolist()
    if doubt:
        ids = _join(doubt[:5], zh)
        steps.append(f"现场核实汇入河段：{ids}" if zh else f"Check on site which reach: {ids}")
    closed = table.index[table["note"].str.contains("closed_sampled")]
    if len(closed):
        ids = _join(closed[:5], zh)
        steps.append(f"核实取缔是否到位：{ids}" if zh else f"Check whether truly closed: {ids}")
    if not steps:
        steps.append(
            "沿河排查未登记排口与面源" if zh else "Walk the river for unregistered outfalls"
        )
    return [f"{n}) {step}" for n, step in enumerate(steps, 1)]


def _main_leads(table: Any) -> list[Any]:
    """The fewest outfalls, at most five, that bring 90 % of the known load."""
    known = table.loc[table["arriving_kg_d"] > 0, "share_explained"]
    before = known.cumsum() - known
    return list(known.index[before < 0.9][:5])


def _halving_reach(trace: SourceTrace) -> tuple[Any, float] | None:
    """The reach end above the section that parts the known load most evenly."""
    # the lowest stretch of each reach, but for the section's own
    reaches = trace.reaches[~trace.reaches.index.duplicated()].iloc[1:]
    total = float(trace.reaches["load_kg_d"].iloc[0]) if len(trace.reaches) else 0.0
    if not total > 0 or not len(reaches):
        return None
    share = reaches["load_kg_d"].to_numpy(dtype=float) / total
    best = int(np.argmin(np.abs(share - 0.5)))
    if not 0.2 <= share[best] <= 0.8:
        return None
    return reaches.index[best], float(reaches["distance_m"].iloc[best])


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


def reading_table(trace: SourceTrace, lang: str = "zh") -> pd.DataFrame:
    """Return the ranked outfalls as a table to read: headings and codes in words."""
    zh = lang == "zh"
    table = trace.outfalls.reset_index()
    plain = {
        "rank": table["rank"],
        "outfall_id": table["outfall_id"],
        "name": table["name"],
        "kind": [label("outfall_kind", k, lang) for k in table["kind"]],
        "river": table["river"],
        "district": table["district"],
        "distance_m": [f"{d:.0f}" for d in table["distance_m"]],
        "travel_time_h": [number(h, 2) for h in table["travel_time_h"]],
        "arriving_kg_d": [number(v) for v in table["arriving_kg_d"]],
        "share_of_flux": [_percent(v) for v in table["share_of_flux"]],
        "load_basis": [label("data_basis", b, lang) for b in table["load_basis"]],
        "carries_item": [label("carries_item", c, lang) for c in table["carries_item"]],
        "next_section": table["next_section"],
        "note": [
            _join((_DOUBTS[c][not zh] for c in filter(None, v.split(", "))), zh)
            for v in table["note"]
        ],
    }
    return pd.DataFrame({label("column", c, lang): values for c, values in plain.items()})
