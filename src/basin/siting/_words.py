"""Sensitivity and allowed areas in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.siting._note import CAVEAT, layer_label
from basin.standards.labels import label
from basin.standards.rules import category_label

if TYPE_CHECKING:
    from basin.siting._allowed import AllowedArea
    from basin.siting._lines import LineSensitivity

__all__ = [
    "decided_text", "direction_text", "explain_area", "explain_lines", "left_out_lines",
]  # fmt: skip

_POINTS = {
    "zh": ("北", "东北", "东", "东南", "南", "西南", "西", "西北"),
    "en": ("north", "north-east", "east", "south-east", "south", "south-west", "west",
           "north-west"),
}  # fmt: skip


def direction_text(bearing_deg: float, lang: str) -> str:
    """Name one of the eight points of the compass; nothing for no direction (NaN).

    Examples
    --------
    >>> direction_text(44.0, "zh"), direction_text(359.0, "en")
    ('东北', 'north')
    """
    if not np.isfinite(bearing_deg):
        return ""
    return _POINTS[lang][round(float(bearing_deg) / 45.0) % 8]


def explain_lines(result: LineSensitivity, site_id: str | None, lang: str) -> str:
    """Tell site by site and rule by rule what hangs on the line."""
    zh = lang == "zh"
    rows = result.sites if site_id is None else result.sites[result.sites["site_id"] == site_id]
    lines = [f"岸线敏感性（{result.date}）" if zh else f"Line sensitivity ({result.date})"]
    for row in rows.to_dict("records"):
        verdict = decided_text(row, lang)
        lines.append(
            f"{row['site_id']} · {row['rule_id']}：{verdict}"
            if zh
            else f"{row['site_id']} · {row['rule_id']}: {verdict}"
        )
        lines += ["   " + text for text in _row_texts(row, lang)]
        table = result.lines
        mine = table[(table["site_id"] == row["site_id"]) & (table["rule_id"] == row["rule_id"])]
        lines += ["   - " + _line_text(line, lang) for line in mine.to_dict("records")]
    if len(lines) == 1:
        lines.append("没有适用的距离规则" if zh else "No distance rule applies")
    return "\n".join([*lines, *left_out_lines(result.left_out, lang)])


def decided_text(row: dict[Any, Any], lang: str) -> str:
    """Name the verdict of a row, and what was computed where a person decided otherwise."""
    now, was = (label("verdict", row[c], lang) for c in ("verdict", "verdict_computed"))
    if now == was:
        return now
    return (
        f"{now}（人工改判；计算：{was}）"
        if lang == "zh"
        else f"{now} (overridden; computed: {was})"
    )


def left_out_lines(left_out: pd.DataFrame, lang: str) -> list[str]:
    """Name the rules on rivers that the sensitivity to lines leaves out, a line a reason."""
    zh = lang == "zh"
    return [
        ("未列入" if zh else "not listed")
        + (" " if zh else ": ")
        + ", ".join(rows["rule_id"])
        + ("：" if zh else ": ")
        + label("line_left_out", str(why), lang)
        for why, rows in left_out.groupby("why", sort=False)
    ]


def _row_texts(row: dict[Any, Any], lang: str) -> list[str]:
    zh, told = lang == "zh", []
    if row["flag"]:
        told.append(("！" if zh else "! ") + label("line_flag", row["flag"], lang))
    if np.isfinite(row["shift_m"]):
        told.append(
            f"距离 {row['distance_m']:,.1f} ± {row['error_m']:,.1f} m，限值 {row['limit_m']:,.0f} "
            f"m；岸线或项目至少移动 {row['shift_m']:,.1f} m 结论才翻转"
            if zh
            else f"{row['distance_m']:,.1f} ± {row['error_m']:,.1f} m, limit {row['limit_m']:,.0f}"
            f" m; it takes a shift of line or site by {row['shift_m']:,.1f} m to flip it"
        )
    if row["setback_all_m"] > 0:
        told.append(_setback_text(row, lang))
    if row["gcj02_changes"]:
        other = label("verdict", row["gcj02_verdict"], lang)
        metres = row["gcj02_distance_m"]
        far = f" {metres:,.1f} m" if np.isfinite(metres) else ""
        told.append(
            f"若坐标实为 GCJ-02（网络地图坐标），则{f'距离{far}，' if far else ''}结论为“{other}”："
            "请核对坐标来源"
            if zh
            else f"were the coordinates GCJ-02 (web maps), it would read {other}{far and ','}{far}:"
            " check where they come from"
        )
    return told


def _setback_text(row: dict[Any, Any], lang: str) -> str:
    zh, away = lang == "zh", direction_text(row["bearing_deg"], lang)
    now, every = row["setback_m"], row["setback_all_m"]
    head = (
        (
            f"向{away}至少再退 {now:,.1f} m（含误差），新位置须重新核查"
            if now > 0
            else "按现行岸线已在限值外"
        )
        if zh
        else f"at least {now:,.1f} m farther {away}, error included; check the new place again"
        if now > 0
        else "it passes under the lines in force"
    )
    if every == now:
        return head
    return (
        f"{head}；各版本、各类岸线均通过至少须向{away}退 {every:,.1f} m"
        if zh
        else f"{head}; under every edition and kind, at least {every:,.1f} m farther {away}"
    )


def _line_text(line: dict[Any, Any], lang: str) -> str:
    zh = lang == "zh"
    kind = label("shoreline_kind", line["kind"], lang) if line["kind"] else ""
    standing = label("line_standing", line["standing"], lang)
    parts = [line["river"], line["line_id"], kind, line["edition"]]
    what = ("，" if zh else ", ").join(part for part in parts if part)
    verdict = label("verdict", line["verdict"], lang)
    return (
        f"{line['distance_m']:,.1f} m：{verdict}（{what}；{standing}）"
        if zh
        else f"{line['distance_m']:,.1f} m: {verdict} ({what}; {standing})"
    )


def _first_few(rules: str, lang: str) -> str:
    ids = rules.split(", ")
    text = ", ".join(ids[:4])
    if len(ids) > 4:
        text += f" 等 {len(ids)} 条" if lang == "zh" else f" and {len(ids) - 4} more"
    return text


def _reason_lines(areas: pd.DataFrame, lang: str) -> list[str]:
    """The four reasons with most ground."""
    zh, lines = lang == "zh", []
    sums = areas.groupby(["rules", "missing"])["area_m2"].sum().sort_values(ascending=False)
    for row in sums.head(4).reset_index().to_dict("records"):
        told = _first_few(row["rules"], lang)
        if row["missing"]:
            layers = [layer_label(layer, lang) for layer in row["missing"].split(", ")]
            told += (
                f"（缺或未覆盖：{'、'.join(layers)}）"
                if zh
                else f" (missing or not covered: {', '.join(layers)})"
            )
        if told:
            lines.append(f"   {row['area_m2'] / 1e6:,.2f} km²{'：' if zh else ': '}{told}")
    return lines


def explain_area(result: AllowedArea, lang: str) -> str:
    """Say how much is allowed, what stands in the way of the rest, and which parks there are."""
    zh = lang == "zh"
    what = category_label(result.category, lang)
    deed = label("site_action", result.action, lang)
    lines = [
        f"可选址范围（{what}，{deed}，{result.date}）"
        if zh
        else f"Where it may be built ({what}, {deed}, {result.date})"
    ]
    for row in result.summary().to_dict("records"):
        word, km2 = label("area_status", row["status"], lang), row["area_m2"] / 1e6
        lines.append(
            f"{word} {km2:,.2f} km²（{row['share']:.1%}）"
            if zh
            else f"{word}: {km2:,.2f} km² ({row['share']:.1%})"
        )
        lines += _reason_lines(result.areas[result.areas["status"] == row["status"]], lang)
    if len(result.parks):
        lines.append("合规园区：" if zh else "Compliant parks:")
    for park in result.parks.drop(columns="geometry").to_dict("records"):
        name, hectares = f"{park['zone_id']} {park['name']}".strip(), park["allowed_m2"] / 1e4
        lines.append(
            f"   {name}：可选址 {park['share']:.0%}（{hectares:,.1f} 公顷）"
            if zh
            else f"   {name}: {park['share']:.0%} allowed ({hectares:,.1f} ha)"
        )
    lines.append(
        "未核查、人工判定的范围不是可选址范围" if zh else "What is unchecked or open is not allowed"
    )
    return "\n".join([*lines, CAVEAT[lang]])
