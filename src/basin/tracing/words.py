"""Words of a trace: codes of doubt, and small texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from basin._text import number
from basin.standards.labels import label

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = [
    "CAUSES", "DOUBTS", "NOTES", "SHOWN", "STATUS", "between", "class_word", "item_word", "join",
    "km", "lang_of", "percent", "place_word", "span_word",
]  # fmt: skip

#: So many outfalls are told one by one.
SHOWN = 10

DOUBTS = {
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
    "not_mixed": (
        "断面在混合过程段内，一维结果仅供参考",
        "the section lies within its mixing length: a 1-D figure is only indicative",
    ),
    "depends_on_repair": (
        "汇入取决于河网修补，待核",
        "drains here only by a repair of the network",
    ),
}

NOTES = {
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
        "有上游断面有浓度而无流量：上游带入量未知，余量不能确定",
        "a section above has a concentration but no flow: what is inherited is not known",
    ),
    "passes_by": (
        "上游河道分汊，部分来水不经过本断面：分汊以上排口的负荷仍按全部到达计（偏高）",
        "the river parts above and a part of it does not come here: outfalls above that place are "
        "counted with all of their load, which is too high",
    ),
    "arm_section": (
        "有上游断面位于分汊的一支：经另一支的来水不在带入量内，余量偏大",
        "a section above lies on one arm of several: what comes by another arm is not in what is "
        "inherited, and the remainder is too large",
    ),
    "zero_flow": (
        "有断面流量填报为 0，按断流计（通量为 0）；若为缺测应留空",
        "a section states a flow of 0 and is taken as dry (its flux is 0): leave it empty if the "
        "flow was not measured",
    ),
    "not_a_load": (
        "该指标不能按负荷相加，只按沿河距离排列，不作平衡",
        "loads of this item cannot be added: ordered by distance, no balance",
    ),
    "not_mixed": (
        "部分排污口到断面的距离小于混合过程段长度（HJ 2.3），全断面混合的结果仅供参考",
        "some outfalls lie nearer than their mixing length (HJ 2.3): mixing is not complete",
    ),
    "default_velocity": ("部分河段无流速，用默认值", "some reaches have no velocity: default used"),
}

STATUS = {
    "overexplained": (
        "已识别负荷略高于实测通量，在数据误差内",
        "known loads slightly exceed the observed flux, within what such data can tell",
    ),
    "impossible": (
        "平衡不成立：已识别负荷远高于实测通量",
        "the balance is impossible: known loads far exceed the observed flux",
    ),
    "undecided": (
        "上游带入量未知，平衡不能判定",
        "what is inherited is not known: the balance is undecided",
    ),
    "zero": (
        "断面通量为 0（断流或浓度为 0），无可分担的负荷",
        "the flux of the section is 0 (no flow, or a concentration of 0): there is nothing to part",
    ),
    "open": ("缺断面流量或浓度，通量未知，不能平衡", "no flux is known: the balance is open"),
}

#: What may make known loads exceed the flux.
CAUSES = {
    "permit_ceiling": ("负荷按许可量上限填报", "permit ceilings given as loads"),
    "rough_loads": ("负荷为估算或依据不明", "loads estimated or of unstated basis"),
    "doubtful_place": ("排口归属或状态存疑", "a misplaced or closed outfall"),
    "flow_not_own": ("断面流量借用河段流量", "the flow is the reach's, not the section's"),
    "few_samples": ("样品少，不具代表性", "few samples"),
    "decay_understated": ("衰减被低估", "understated decay"),
    "upstream_not_same_days": (
        "上下游断面不同日采样",
        "sections above and below not sampled on the same days",
    ),
    "flow_unrepresentative": ("断面流量不具代表性", "unrepresentative flow"),
}

_SPANS = {"wet": ("丰水期", "wet season"), "dry": ("枯水期", "dry season")}


def lang_of(zh: bool) -> str:
    return "zh" if zh else "en"


def item_word(trace: SourceTrace, zh: bool) -> str:
    return label("item", trace.item_id, lang_of(zh))


def class_word(code: Any, zh: bool) -> str:
    return label("water_class", code, lang_of(zh))


def span_word(span: str, zh: bool) -> str:
    return _SPANS[span][not zh] if span in _SPANS else span


def km(metres: float) -> str:
    return f"{number(metres / 1000.0)} km" if metres >= 1000 else f"{metres:.0f} m"


def percent(share: float) -> str:
    return "–" if pd.isna(share) else f"{share * 100:.1f} %"


def between(low: float, high: float) -> str:
    """An interval of shares in per cent; "" where there is none."""
    if pd.isna(low) or pd.isna(high):
        return ""
    digits = 1 if high < 0.05 else 0
    return f"{low * 100:.{digits}f}–{high * 100:.{digits}f} %"


def join(texts: Iterable[Any], zh: bool) -> str:
    return ("、" if zh else ", ").join(str(t) for t in texts)


def place_word(section_id: Any, name: Any) -> str:
    return f"{section_id} {name}".strip() if not pd.isna(name) else str(section_id)
