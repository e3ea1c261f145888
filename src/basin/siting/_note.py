"""Findings in words: the officer's note, the table in words, and what must be supplied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.standards.labels import codes, label
from basin.standards.rules import category_label

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

CAVEAT = {
    "zh": "辅助研判，不代替审批",
    "en": "An aid to judgement, not a substitute for approval",
}

_MENDS = {
    "no_geometry": ("补充项目坐标后重新核查", "give the site coordinates and check again"),
    "no_rule": ("核对项目类别、建设性质和规则包", "check category, action and rule packs"),
    "layer_missing": ("向{h}索取{l}图层", "ask {h} for the layer: {l}"),
    "layer_expired": ("向{h}索取现行有效的{l}", "ask {h} for the edition in force: {l}"),
    "line_lapsed": ("向{h}索取现行有效的{l}", "ask {h} for the edition in force: {l}"),
    "geometry_lost": (
        "向{h}核对{l}，补齐缺失的坐标，分区应为面（闭合线转为面）",
        "ask {h} for the lost geometry; zones must be polygons (turn closed lines into them): {l}",
    ),
    "no_inside": (
        "向{h}索取面状的河道范围；或两岸齐全的{l}，并给出河流中线（rivers 图层，河名一致）",
        "bank lines have no inside: ask {h} for the river as a polygon, or for both banks ({l}) "
        "and a middle line of the same name in the rivers layer",
    ),
    "coverage_unknown": (
        "请{h}说明{l}在何范围内完整，填入 coverage 图层",
        "let {h} state where the layer is complete, as a coverage layer: {l}",
    ),
    "not_covered": (
        "向{h}索取项目所在及限距范围内的{l}",
        "ask {h} for the layer at the site and as far as the rule looks: {l}",
    ),
    "rivers_lost": (
        "修复或重新导出河流图层（rivers）后重新核查",
        "mend the layer of rivers, or export it again, and check again",
    ),
    "zone_kind_unknown": ("核明所触及分区的类型", "find out the kind of the zone that is touched"),
}


def layer_label(layer: str, lang: str) -> str:
    if layer == "shorelines":
        return "岸线（河道管理范围线）" if lang == "zh" else "shorelines (river management range)"
    return label("zone_kind", layer, lang)


def mend_text(reason: str, missing: str, lang: str) -> str:
    """Say who must supply what, so that a finding can be made."""
    zh, en = _MENDS.get(reason, ("补充资料后重新核查", "supply what is missing and check again"))
    layers = [layer for layer in missing.split(", ") if layer]
    holders = dict.fromkeys(label("layer_holder", layer, lang) for layer in layers)
    seam = "、" if lang == "zh" else ", "
    text = zh if lang == "zh" else en
    names = seam.join(layer_label(layer, lang) for layer in layers)
    return text.format(h=seam.join(holders), l=names)


def unchecked_rows(result: SitingResult) -> pd.DataFrame:
    """The unchecked findings, each with its mend."""
    table = result.findings[result.findings["verdict"] == "unchecked"].reset_index(drop=True)
    asked = result.sites[[c for c in result.sites if c.startswith("n_")]].sum(axis=1)
    silent = result.sites.index[asked == 0]
    if len(silent):
        empty = {c: "" for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])}
        extra = pd.DataFrame({"site_id": silent.astype("str")}).assign(
            **(empty | {"site_id": silent, "verdict": "unchecked", "reason": "no_rule"})
        )
        table = pd.concat([table, extra], ignore_index=True) if len(table) else extra
        table = table.reindex(columns=result.findings.columns)
    pairs = table[["reason", "missing"]].drop_duplicates()
    for lang in ("zh", "en"):
        told = {(r, m): mend_text(r, m, lang) for r, m in pairs.itertuples(index=False)}
        keys = zip(table["reason"], table["missing"], strict=True)
        table[f"mend_{lang}"] = pd.Series([told[k] for k in keys], dtype="str")
    return table


# ---- tables in words -------------------------------------------------------------------------

_HEADS = {
    "site_id": ("项目编号", "site"),
    "name": ("名称", "name"),
    "category": ("项目类别", "category"),
    "action": ("建设性质", "action"),
    "verdict": ("结论", "verdict"),
    "blocking_rules": ("起决定作用的规则", "deciding rules"),
    "n_unchecked": ("未核查条数", "unchecked"),
    "nearest_river": ("最近河流", "nearest river"),
    "nearest_line_id": ("最近岸线", "nearest line"),
    "nearest_m": ("距最近岸线 (m)", "to the nearest line (m)"),
    "note": ("备注", "note"),
}
_MOST_RULES = 4


def deciding_text(sites: pd.DataFrame, lang: str) -> list[str]:
    """Tell the deciding rules of each site, the first few of many; for undetermined, that they are
    unchecked.
    """
    told = []
    for ids, verdict in zip(sites["blocking_rules"], sites["verdict"], strict=True):
        rules = str(ids).split(", ") if ids else []
        text = ", ".join(rules[:_MOST_RULES])
        if len(rules) > _MOST_RULES:
            text += f" 等 {len(rules)} 条" if lang == "zh" else f" and {len(rules) - 4} more"
        if verdict == "undetermined":
            word = label("verdict", "unchecked", lang)
            none = label("finding_reason", "no_rule", lang)
            text = (f"{word}：{text}" if lang == "zh" else f"{word}: {text}") if text else none
        told.append(text)
    return told


def site_frame(result: SitingResult, lang: str) -> pd.DataFrame:
    """One row a site, headings and codes in words."""
    table = pd.DataFrame(result.sites.drop(columns="geometry")).reset_index()
    table["note"] = table["note" if lang == "zh" else "note_en"]
    table["blocking_rules"] = deciding_text(table, lang)
    table = table[[name for name in _HEADS if name != "note" or table["note"].ne("").any()]]
    table["category"] = [category_label(c, lang) for c in table["category"]]
    table["action"] = [label("site_action", a, lang) for a in table["action"]]
    table["verdict"] = [label("verdict", v, lang) for v in table["verdict"]]
    table["nearest_m"] = table["nearest_m"].round(1)
    return table.rename(columns={name: head[lang != "zh"] for name, head in _HEADS.items()})


def explain_all(result: SitingResult, lang: str) -> str:
    """Sites by verdict, strictest first, a line each."""
    sites, zh = result.sites, lang == "zh"
    head = (
        f"选址核查（{result.date}）：{len(sites)} 个项目"
        if zh
        else f"Siting check ({result.date}): {len(sites)} sites"
    )
    lines = [head]
    for verdict in codes("verdict"):
        some = sites[sites["verdict"] == verdict]
        if len(some):
            lines.append(f"{label('verdict', verdict, lang)} {len(some)}")
        for (site, row), deciding in zip(some.iterrows(), deciding_text(some, lang), strict=True):
            bracket = "（{}）" if zh else " ({})"
            why = bracket.format(deciding) if deciding else ""
            if row["verdict"] != row["verdict_computed"]:
                was = label("verdict", row["verdict_computed"], lang)
                why += f"［经人工改判，原：{was}］" if zh else f" [overridden, computed {was}]"
            lines.append(f"  {site} {row['name']}{why}".rstrip())
    return "\n".join([*lines, CAVEAT[lang]])


# ---- the note on one site --------------------------------------------------------------------


def explain_one(result: SitingResult, site: str, lang: str) -> str:
    """The officer's note on one site."""
    row = result.sites.loc[site]
    found = result.findings[result.findings["site_id"] == site]
    rank = {verdict: place for place, verdict in enumerate(codes("verdict"))}
    found = found.assign(_rank=found["verdict"].map(rank)).sort_values("_rank", kind="stable")
    decided = found["verdict"] != found["verdict_computed"]
    told = found[~found["verdict"].isin(["clear", "unchecked"]) | decided]
    lines = [*_headline(result, site, row, lang)]
    if len(told):
        lines += ["", "触发的规则：" if lang == "zh" else "Rules that are met:"]
        for number, finding in enumerate(told.to_dict("records"), start=1):
            lines += _finding_lines(result, site, number, finding, lang)
    lines += _unchecked_lines(result, site, lang)
    clear = found.loc[(found["verdict"] == "clear") & ~decided, "rule_id"]
    if len(clear):
        seam = "、" if lang == "zh" else ", "
        head = f"未触及的规则 {len(clear)} 条：" if lang == "zh" else f"Not met ({len(clear)}): "
        lines += ["", head + seam.join(clear)]
    return "\n".join([*lines, "", CAVEAT[lang]])


def _headline(result: SitingResult, site: str, row: Any, lang: str) -> list[str]:
    zh = lang == "zh"
    category = category_label(row["category"], lang) or ("类别未填" if zh else "no category")
    action = label("site_action", row["action"], lang) or ("性质未填" if zh else "no action")
    verdict = label("verdict", row["verdict"], lang)
    packs = ", ".join(result.packs)
    if row["verdict"] != row["verdict_computed"]:
        was = label("verdict", row["verdict_computed"], lang)
        verdict += f"（经人工改判；计算结论：{was}）" if zh else f" (overridden; computed: {was})"
    lines = (
        [f"{site} {row['name']}（{category}，{action}）", f"结论：{verdict}",
         f"基准日期：{result.date}；规则包：{packs}"]
        if zh
        else [f"{site} {row['name']} ({category}, {action})", f"Verdict: {verdict}",
              f"Date: {result.date}; rule packs: {packs}"]
    )  # fmt: skip
    if result.tributaries != "all":
        reading = result.tributaries
        told = (
            label("river_scope_reading", reading, lang)
            if isinstance(reading, str)
            else ("、" if zh else ", ").join(reading)
        )
        lines.append(
            f"支流范围（有争议的条文）：{told}；按字面为各级支流"
            if zh
            else f"Tributaries (where disputed): {told}; by the letter, every one"
        )
    if np.isfinite(row["nearest_m"]):
        line = _line_text(result, row["nearest_line_id"], row["nearest_river"], lang)
        lines.append(
            f"最近岸线：{line}，距离 {row['nearest_m']:,.1f} m"
            if zh
            else f"Nearest shoreline: {line}, {row['nearest_m']:,.1f} m"
        )
    note = row["note"] if zh else row["note_en"]
    if note:
        lines.append(f"提示：{note}" if zh else f"Notice: {note}")
    return lines


def _line_text(result: SitingResult, line_id: str, river: str, lang: str) -> str:
    """Name a line: its river, id, kind, edition and issuer."""
    lines = result.lines
    mine = lines[lines["line_id"].astype(str) == line_id].to_dict("records")
    parts = [line_id]
    if mine:
        one = mine[0]
        kind = one.get("kind")
        parts.append("" if _none(kind) else label("shoreline_kind", kind, lang))
        since = one.get("valid_from")
        if not _none(since):
            day = str(since)[:10]
            parts.append(f"{day} 起" if lang == "zh" else f"since {day}")
        parts.append("" if _none(one.get("issuer")) else str(one["issuer"]))
    told = [part for part in parts if part]
    river = river or ("无名河流" if lang == "zh" else "unnamed river")
    return f"{river}（{'，'.join(told)}）" if lang == "zh" else f"{river} ({', '.join(told)})"


def _none(value: Any) -> bool:
    return value is None or bool(pd.isna(value)) or value == ""


def _finding_lines(
    result: SitingResult, site: str, number: int, finding: dict[Any, Any], lang: str
) -> list[str]:
    zh = lang == "zh"
    rule = next(r for r in result.rules if r.id == finding["rule_id"])
    basis, title = (rule.basis_zh, rule.title_zh) if zh else (rule.basis_en, rule.title_en)
    verdict = label("verdict", finding["verdict"], lang)
    sure = label("confidence", rule.confidence, lang)
    lines = [f"{number}. 〔{verdict}〕{title}（{rule.id}）" if zh
             else f"{number}. [{verdict}] {title} ({rule.id})"]  # fmt: skip
    lines.append(f"依据：{basis}；{rule.edition_text(lang)}；{sure}" if zh
                 else f"Basis: {basis}; {rule.edition_text(lang)}; {sure}")  # fmt: skip
    lines += _measure_lines(result, finding, lang)
    if finding["reason"] != "hit":
        why = label("finding_reason", finding["reason"], lang)
        lines.append(f"原因：{why}" if zh else f"Reason: {why}")
    if finding["reason"] == "edition_sensitive":
        lines += _edition_lines(result, site, rule.id, lang)
    exemption = rule.exemption_zh if zh else rule.exemption_en
    if exemption:
        proof = rule.evidence_zh if zh else rule.evidence_en
        proof = proof or ("证明材料" if zh else "evidence")
        lines.append(f"例外：{exemption}。主张例外的须提交：{proof}" if zh
                     else f"Exemption: {exemption}; to be claimed with: {proof}")  # fmt: skip
    note = finding["note"] if zh else finding["note_en"]
    if note:
        lines.append(f"备注：{note}" if zh else f"Note: {note}")
    return [lines[0], *("   " + line for line in lines[1:])]


def _measure_lines(result: SitingResult, finding: dict[Any, Any], lang: str) -> list[str]:
    zh = lang == "zh"
    distance, error, limit = finding["distance_m"], finding["error_m"], finding["limit_m"]
    if not finding["evidence"]:
        return []
    if finding["river"]:
        what = _line_text(result, finding["evidence"].split(", ")[0], finding["river"], lang)
    else:
        version = f"（{finding['evidence_edition']}）" if finding["evidence_edition"] else ""
        what = finding["evidence"] + (
            version if zh else version.replace("（", " (").replace("）", ")")
        )
    if np.isfinite(limit) and np.isfinite(distance):
        margin = limit - distance
        inside = margin >= 0
        side = ("限值内" if inside else "限值外") if zh else ("inside" if inside else "outside")
        return [
            f"距离：{distance:,.1f} ± {error:,.1f} m，至{what}；限值 {limit:,.0f} m，"
            f"{side} {abs(margin):,.1f} m"
            if zh
            else f"Distance: {distance:,.1f} ± {error:,.1f} m to {what}; limit {limit:,.0f} m, "
            f"{side} by {abs(margin):,.1f} m"
        ]
    lines = [f"分区：{what}" if zh else f"Zone: {what}"]
    if np.isfinite(distance) and distance > 0:
        lines[0] += f"，距离 {distance:,.1f} m" if zh else f", {distance:,.1f} m away"
    if finding["overlap_m2"] > 0:
        lines[0] += (
            f"，重叠 {finding['overlap_m2']:,.0f} m²，占项目 {finding['share']:.1%}"
            if zh
            else f", overlap {finding['overlap_m2']:,.0f} m², {finding['share']:.1%} of the site"
        )
    return lines


def _edition_lines(result: SitingResult, site: str, rule_id: str, lang: str) -> list[str]:
    """Tell the distance under the lines that read otherwise."""
    table = result.other_editions
    some = table[(table["site_id"] == site) & (table["rule_id"] == rule_id) & table["changes"]]
    lines = []
    for row in some.head(3).to_dict("records"):
        verdict = label("verdict", row["verdict"], lang)
        line = _line_text(result, row["line_id"], row["river"], lang)
        lines.append(
            f"另一版本：至{line} {row['distance_m']:,.1f} m，按该版本为“{verdict}”"
            if lang == "zh"
            else f"Other edition: {row['distance_m']:,.1f} m to {line}, which would read {verdict}"
        )
    return lines


def _unchecked_lines(result: SitingResult, site: str, lang: str) -> list[str]:
    table = result.unchecked
    table = table[table["site_id"] == site]
    if not len(table):
        return []
    zh = lang == "zh"
    if not table["rule_id"].ne("").any():  # no rule concerns the site
        why, mend = label("finding_reason", "no_rule", lang), table[f"mend_{lang}"].iloc[0]
        unlike = "（不等于不受限）；" if zh else " (not the same as unrestricted); "
        return ["", f"{why if zh else why.capitalize()}{unlike}{mend}"]
    lines = ["", f"未核查 {len(table)} 条（不等于不受限）：" if zh
             else f"Unchecked ({len(table)}; not the same as unrestricted):"]  # fmt: skip
    seam = "、" if zh else ", "
    for (reason, mend), some in table.groupby(["reason", f"mend_{lang}"], sort=False):
        why = label("finding_reason", reason, lang)
        lines.append(f"- {why}：{seam.join(some['rule_id'])}；{mend}" if zh
                     else f"- {why}: {seam.join(some['rule_id'])}; {mend}")  # fmt: skip
    return lines
