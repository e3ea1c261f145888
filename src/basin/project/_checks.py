"""What only shows when layers are held against each other: on the network, and in the zones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin import layers as layer_io
from basin.standards.labels import label

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["bare_ground", "network_problems", "outfall_problems", "snap_problems", "whole_lines"]

_MEND_NETWORK = {
    "applied": {
        "zh": "已在内存中处理，源文件未改；请在源图层中核实",
        "en": "Handled in memory, the file is unchanged; verify it in the source layer",
    },
    "proposed": {
        "zh": "尚未改动，溯源按现状计算；核实后在源图层中改正",
        "en": "Nothing was changed and traces follow the line as drawn; correct the source layer",
    },
    "none": {
        "zh": "没有处理；核实后在源图层中改正，否则与之相关的溯源不可靠",
        "en": "Not handled; correct the source layer, or traces that pass here cannot be trusted",
    },
}


def network_problems(network: RiverNetwork, file: str, lang: str) -> pd.DataFrame:
    """What the network build found, in the columns of `problems_frame`."""
    from basin.network import issue_text

    issues = network.issues
    return pd.DataFrame(
        {
            "layer": "rivers",
            "file": file,
            "severity": issues["severity"].to_numpy(),
            "kind": issues["kind"].to_numpy(),
            "n": 1,
            "rows": "",
            "ids": issues["reach_ids"].to_numpy(),
            "problem": [issue_text(row, lang) for _, row in issues.iterrows()],
            "mend": [_MEND_NETWORK[action][lang] for action in issues["action"]],
        }
    )


def snap_problems(
    name: str, table: Any, network: RiverNetwork, max_offset_m: float
) -> Iterator[layer_io.Problem]:
    """Yield points that lie far from every reach, that two rivers could claim, or misnamed ones."""
    snapped = network.snap(table, max_offset_m=max_offset_m)
    ids = table.iloc[:, 0].astype(str).to_numpy()
    for status in ("far", "ambiguous"):
        at = np.flatnonzero(snapped["status"].eq(status).to_numpy())
        if len(at):
            yield layer_io.make_problem(
                name, f"snap_{status}", ids=ids[at], rows=at + 2, limit=max_offset_m
            )
    conflict = snapped["name_conflict"].fillna(False).to_numpy(dtype=bool)
    at = np.flatnonzero(conflict & snapped["reach_id"].notna().to_numpy())
    if len(at):
        pairs = [
            _told(ids[i], table["river"].iloc[i], snapped.iloc[i], network.reaches["name"])
            for i in at
        ]
        yield layer_io.make_problem(
            name,
            "river_contradicted",
            ids=ids[at],
            rows=at + 2,
            **_lists(pairs),
        )


def whole_lines(rivers: Any) -> bool:
    """Tell whether there are rivers, and each is drawn."""
    drawn = rivers.geom_type.isin(["LineString", "MultiLineString"])
    return len(rivers) > 0 and bool((drawn & ~rivers.geometry.is_empty).all())


def bare_ground(layers: Mapping[str, Any], problems: list[layer_io.Problem]) -> Any:
    """Land around rivers without a shoreline, which are added to `problems`; None if not known."""
    from basin.buffers import bare_rivers

    if not {"coverage", "rivers", "shorelines"} <= set(layers):
        return None
    bare = bare_rivers(layers["rivers"], layers["shorelines"])
    if not bare.empty:
        ids = sorted(set(bare["reach_id"].astype("str")))
        problems.append(layer_io.make_problem("rivers", "river_without_shoreline", ids=ids))
    return bare


def _told(point: str, recorded: Any, snap: Any, names: pd.Series[Any]) -> tuple[str, str]:
    """Say of one point which river its record names, which is nearest, and where it was placed."""
    nearest, offset_m = snap["reach_id"], snap["offset_m"]
    for reach, _, away_m, _ in snap["alternatives"]:
        if away_m < offset_m:
            nearest, offset_m = reach, away_m
    river = names.get(nearest)
    return (
        f"{point} 记录为{recorded}，最近的河是{river}（{nearest}，{offset_m:.0f} 米），"
        f"已定位到 {snap['reach_id']}（{snap['offset_m']:.0f} 米）",
        f"{point} is recorded on {recorded}, the nearest river is {river} ({nearest}, "
        f"{offset_m:.0f} m), placed on {snap['reach_id']} ({snap['offset_m']:.0f} m)",
    )


def outfall_problems(tables: Mapping[str, Any], date: dt.date) -> Iterator[layer_io.Problem]:
    """Yield outfalls that their own record, or a water-source zone in force, contradicts."""
    outfalls = tables.get("outfalls")
    if outfalls is None or outfalls.empty:
        return
    since, sampled = (
        pd.to_datetime(outfalls[c], errors="coerce") for c in ("closed_on", "sampled_on")
    )
    late = np.flatnonzero((sampled > since).to_numpy(dtype=bool))
    if len(late):
        ids = outfalls["outfall_id"].astype(str).to_numpy()[late]
        told = [
            (
                f"{i} {c:%Y-%m-%d} 关闭，{s:%Y-%m-%d} 仍有监测",
                f"{i} closed {c:%Y-%m-%d}, sampled {s:%Y-%m-%d}",
            )
            for i, c, s in zip(ids, since.iloc[late], sampled.iloc[late], strict=True)
        ]
        yield layer_io.make_problem(
            "outfalls",
            "closed_but_sampled",
            ids=ids,
            rows=late + 2,
            **_lists(told),
        )
    if "zones" in tables:
        yield from _in_water_sources(outfalls, tables["zones"], date)


def _in_water_sources(outfalls: Any, zones: Any, date: dt.date) -> Iterator[layer_io.Problem]:
    from basin.buffers import in_force

    protected = zones[zones["kind"].eq("water_source").fillna(False).to_numpy(dtype=bool)]
    protected = protected[in_force(protected, date)]
    open_ = ~outfalls["status"].eq("closed").fillna(False).to_numpy(dtype=bool)
    at, zone = protected.sindex.query(outfalls.geometry, predicate="intersects")
    keep = open_[at]
    at, zone = at[keep], zone[keep]
    if not len(at):
        return
    ids = outfalls["outfall_id"].astype(str).to_numpy()
    names = protected["zone_id"].astype(str).to_numpy()
    grades = protected["grade"].astype("string").fillna("").to_numpy()
    pairs = sorted({(ids[a], names[z], grades[z]) for a, z in zip(at, zone, strict=True)})
    yield layer_io.make_problem(
        "outfalls",
        "outfall_in_water_source",
        ids=dict.fromkeys(i for i, _, _ in pairs),
        rows=sorted(set((at + 2).tolist())),
        **_lists(
            [
                (f"{i} 在 {z}（{_grade(g, 'zh')}）", f"{i} in {z} ({_grade(g, 'en')})")
                for i, z, g in pairs
            ]
        ),
    )


def _grade(code: str, lang: str) -> str:
    if code:
        return label("zone_grade", code, lang)
    return "级别不明" if lang == "zh" else "grade unknown"


def _lists(told: Sequence[tuple[str, str]], *, show: int = 5) -> dict[str, str]:
    """Join sentences in Chinese and English: the first `show`, and how many more there are."""
    zh, en = zip(*told[:show], strict=True)
    more = len(told) - show
    return {
        "zh_list": "；".join(zh) + (f"；另有 {more} 个" if more > 0 else ""),
        "en_list": "; ".join(en) + (f"; {more} more" if more > 0 else ""),
    }
