"""Results of terrain in words, Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from basin.errors import list_ids

if TYPE_CHECKING:
    from basin.terrain._catchments import Catchments
    from basin.terrain._raindrop import Raindrops

__all__ = ["explain_catchments", "explain_raindrops"]

#: A drainage area that differs by more than this share from the one given is pointed out.
_TOLERANCE = 0.1

#: Sentences by what they tell: Chinese, English.
_SAY = {
    "head": (
        "共 {n} 个点，划出集水区 {placed} 个，自有面积合计 {area:,.1f} km²",
        "{n} points, {placed} catchments, {area:,.1f} km2 in all",
    ),
    "differs": (
        "! {id} {name}：算得 {total:,.1f} km²，登记 {given:,.1f} km²，相差 {off:+.0%}，"
        "请核对点位与高程范围",
        "! {id} {name}: {total:,.1f} km2 computed, {given:,.1f} km2 given, {off:+.0%}: "
        "check the place and the extent of the DEM",
    ),
    "at_data_edge": (
        "高程数据可能未到分水岭，面积为下限",
        "the DEM may end before the divide, areas are lower bounds",
    ),
    "ambiguous": ("附近有别的河流，归属不定", "another river is near: which one is not sure"),
    "beside": (
        "附近没有已绘河流，按高程落在支沟上",
        "no mapped river near, placed on a brook of the DEM",
    ),
    "same_cell": (
        "与另一点同在一个像元，自有面积记 0",
        "in the cell of another point, own area counted as 0",
    ),
    "lost": (
        "无法放置（高程范围之外或无坐标）",
        "not placed (outside the DEM, or no geometry)",
    ),
    "points": ("! {n} 个点：{text}（{ids}）", "! {n} points: {text} ({ids})"),
    "reaches": ("! {n} 条河段{text}（{ids}）", "! {n} reaches {text} ({ids})"),
    "climbs": ("在高程上是上坡", "climb in the DEM"),
    "above_valley": ("画在谷坡上，高出谷底", "are drawn above their valley"),
    "shares_cells": (
        "与无关河段共用像元（分辨率不足）",
        "share cells with rivers that they do not meet (the DEM is too coarse)",
    ),
    "outside": ("有一部分在高程范围之外", "lie partly outside the DEM"),
    "datum": ("高程基准：{name}", "Vertical datum: {name}"),
    "no_datum": ("文件未注明", "not stated by the DEM"),
    "nameless": ("无名河", "a river without name"),
    "outlet": (
        "{head}：水流在到达已绘河流前流出高程范围",
        "{head}: its water leaves the DEM before it meets a mapped river",
    ),
    "drop_outside": ("{head}：在高程范围之外", "{head}: outside the DEM"),
    "no_geometry": ("{head}：没有坐标", "{head}: no geometry"),
    "reached": (
        "{head}：沿坡 {length:,.0f} m（落差 {drop:.0f} m）入{river}"
        "（河段 {reach}，距起点 {measure:,.0f} m）",
        "{head}: {length:,.0f} m down the slope (drop {drop:.0f} m) into {river} "
        "(reach {reach}, {measure:,.0f} m from its upstream end)",
    ),
    "target": ("  下游 {km:,.1f} km：{id} {name}", "  {km:,.1f} km below: {id} {name}"),
}


def _say(key: str, lang: str, **words: Any) -> str:
    return _SAY[key][lang != "zh"].format(**words)


def explain_catchments(result: Catchments, lang: str) -> str:
    """Tell what was delineated, and what must be checked."""
    table = result.catchments
    placed = table[table["drainage_area_km2"].notna()]
    area = placed["area_km2"].sum()
    lines = [_say("head", lang, n=len(table), placed=len(placed), area=area)]
    off = table[table["difference"].abs() > _TOLERANCE]
    lines += [
        _say(
            "differs", lang, id=row.Index, name=row.name, total=row.drainage_area_km2,
            given=row.given_km2, off=row.difference,
        )
        for row in off.itertuples()
    ]  # fmt: skip
    status = table["status"]
    for key, which in (
        ("at_data_edge", table["at_data_edge"]),
        *((name, status == name) for name in ("ambiguous", "beside", "same_cell")),
        ("lost", status.isin(["outside", "no_geometry"])),
    ):
        ids = table.index[which.to_numpy(dtype=bool)]
        if len(ids):
            text = _say(key, lang)
            lines.append(_say("points", lang, n=len(ids), text=text, ids=list_ids(ids, lang=lang)))
    lines += [f"! {repair.zh if lang == 'zh' else repair.text}" for repair in result.repairs]
    lines += _disagreements(result.disagreements, lang)
    return "\n".join([*lines, _datum(result.vertical, lang)])


def _disagreements(table: pd.DataFrame, lang: str) -> list[str]:
    if not len(table):
        return []
    return [
        _say(
            "reaches",
            lang,
            n=len(part),
            text=_say(str(kind), lang),
            ids=list_ids(part["reach_id"], lang=lang),
        )
        for kind, part in table.groupby("kind")
    ]


def _datum(vertical: str, lang: str) -> str:
    return _say("datum", lang, name=vertical or _say("no_datum", lang))


def explain_raindrops(result: Raindrops, lang: str) -> str:
    """Tell for each place which river its water reaches, and what lies below."""
    lines = []
    below: dict[Any, Any] = dict(list(result.below.groupby("from_id", sort=False)))
    for key, row in result.paths.iterrows():
        head = f"{key} {row['name']}".strip()
        if row["status"] != "reached":
            word = "drop_outside" if row["status"] == "outside" else row["status"]
            lines.append(_say(word, lang, head=head))
            continue
        known = isinstance(row["river"], str) and row["river"]
        lines.append(
            _say(
                "reached", lang, head=head, length=row["length_m"], drop=row["drop_m"],
                river=row["river"] if known else _say("nameless", lang),
                reach=row["reach_id"], measure=row["measure_m"],
            )
        )  # fmt: skip
        lines += [
            _say("target", lang, km=t.distance_m / 1000, id=t.id, name=t.name).rstrip()
            for t in (below[key].itertuples(index=False) if key in below else ())
        ]
    return "\n".join([*lines, _datum(result.vertical, lang)])
