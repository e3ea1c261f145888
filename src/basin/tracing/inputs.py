"""What a trace was made from, and of what date: printed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.layers.measurements import parse_dates
from basin.quality import SectionAssessment
from basin.standards.labels import label
from basin.tracing.routes import Routes
from basin.tracing.upstream import loaded

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["inputs_of"]

_COLUMNS = ["input", "n", "first", "last", "detail_zh", "detail_en"]


def inputs_of(
    network: RiverNetwork,
    routes: Routes,
    assessment: SectionAssessment,
    samples: pd.DataFrame,
    ids: pd.Index,
    item: str,
    outfalls: Any,
    ranked: Any,
    flow_source: list[str],
) -> pd.DataFrame:
    """List the inputs of a trace.

    Returns
    -------
    DataFrame
        ``input``: samples, flows, outfalls, loads, velocities, network; ``n``; ``first`` and
        ``last`` date (NaT where the input has none); ``detail_zh`` and ``detail_en``.
    """
    rows = [
        _samples(assessment, ids, item),
        _flows(flow_source, "flow_m3_s" in samples.columns),
        _outfalls(outfalls, ranked),
        _loads(ranked),
        _velocities(routes),
        _network(network, routes),
    ]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    for column in ("first", "last"):
        table[column] = pd.to_datetime(table[column])
    return table


def _samples(assessment: SectionAssessment, ids: pd.Index, item: str) -> Any:
    own = assessment.month_items
    own = own[(own["item_id"] == item) & own["section_id"].isin(ids)]
    months = own["month"]
    n, sections = int(own["n"].sum()), own["section_id"].nunique()
    first, last = (months.min(), months.max()) if len(months) else (None, None)
    return (
        "samples", n, first, last,
        f"断面 {sections} 个的 {label('item', item, 'zh')} 监测值",
        f"values of {label('item', item, 'en')} at {sections} sections",
    )  # fmt: skip


def _flows(source: list[str], gauged: bool) -> Any:
    count = {s: source.count(s) for s in ("section", "reach", "none")}
    zh = f"断面流量 {count['section']} 个，取河段流量 {count['reach']} 个，缺 {count['none']} 个"
    en = (
        f"{count['section']} of the section, {count['reach']} of its reach, {count['none']} unknown"
    )
    if gauged:
        zh, en = zh + "；采样同步流量优先", en + "; flows gauged with the samples go before"
    return "flows", len(source) - count["none"], None, None, zh, en


def _outfalls(outfalls: Any, ranked: Any) -> Any:
    dates = pd.Series(dtype="datetime64[ns]")
    if "sampled_on" in ranked.columns:
        dates = parse_dates(ranked["sampled_on"])[0].dropna()
    first, last = (dates.min(), dates.max()) if len(dates) else (None, None)
    n = len(ranked)
    return (
        "outfalls", len(outfalls), first, last,
        f"其中 {n} 个汇入本断面，有采样日期的 {len(dates)} 个",
        f"{n} of them drain here, {len(dates)} with a date of sampling",
    )  # fmt: skip


def _loads(ranked: Any) -> Any:
    known = ranked[loaded(ranked)]
    counts = known["load_basis"].replace("", "unstated").value_counts()
    words = {"unstated": ("未注明", "not stated")}
    zh, en = [], []
    for basis, n in counts.items():
        both = words.get(str(basis)) or tuple(label("data_basis", basis, c) for c in ("zh", "en"))
        zh.append(f"{both[0]} {n}")
        en.append(f"{both[1]} {n}")
    return "loads", len(known), None, None, "、".join(zh) or "无", ", ".join(en) or "none"


def _velocities(routes: Routes) -> Any:
    assumed = routes.table["assumed"].to_numpy(dtype=bool)
    n, own = int(np.sum(~assumed)), len(assumed)
    return (
        "velocities", n, None, None,
        f"上游 {own} 条河段中 {n} 条有流速，其余取默认值",
        f"{n} of {own} reaches upstream have one, the others take the default",
    )  # fmt: skip


def _network(network: RiverNetwork, routes: Routes) -> Any:
    issues = network.issues
    repaired = int((issues["action"] == "applied").sum())
    return (
        "network", len(routes.table), None, None,
        f"上游河段；河网共发现问题 {len(issues)} 处，已修补 {repaired} 处",
        f"reaches upstream; {len(issues)} issues found in the network, {repaired} repaired",
    )  # fmt: skip
