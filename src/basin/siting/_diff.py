"""Why does last year's answer differ? Two results compared, with the cause of each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.standards.labels import label
from basin.standards.rules import Rule

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

__all__ = ["SitingChanges", "compare_results"]

#: Distances that differ by less are the same (metres).
_SAME_M = 0.01
_PAIR = ("verdict", "verdict_computed", "reason", "distance_m", "limit_m", "evidence",
         "evidence_edition", "edition", "edition_en", "missing")  # fmt: skip


@dataclass(frozen=True)
class SitingChanges:
    """What differs between two checks of the same sites.

    Attributes
    ----------
    sites : DataFrame
        One row a site whose overall verdict differs, or that is in one result only: ``site_id``,
        ``verdict_before``, ``verdict_after`` (empty where it is not there).
    findings : DataFrame
        One row a site and rule whose verdict or grounds differ: ``site_id``, ``rule_id``,
        ``verdict_before``, ``verdict_after`` (empty where the rule was not asked), ``changed``
        (the verdict differs), ``causes`` (codes of ``change_cause``), ``because_zh`` and
        ``because_en``, and before and after of distance, limit, evidence and edition.
    dates : pair of dates
    """

    sites: pd.DataFrame
    findings: pd.DataFrame
    dates: tuple[Any, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the findings that differ (a copy)."""
        return self.findings.copy()

    def explain(self, lang: str = "zh") -> str:
        """Tell site by site which verdicts changed, and why."""
        zh, (before, after) = lang == "zh", self.dates
        lines = [f"结论对比：{before} → {after}" if zh else f"Compared: {before} -> {after}"]
        told = self.findings
        overall = self.sites.set_index("site_id")
        some = told.loc[told["changed"].astype(bool), "site_id"]
        for site in dict.fromkeys([*self.sites["site_id"], *some]):
            pair = "结论未变" if zh else "same verdict"
            if site in overall.index:
                pair = _arrow(overall.loc[site], lang)
            lines.append(f"{site}：{pair}" if zh else f"{site}: {pair}")
            mine = told[told["site_id"] == site]
            for row in mine[mine["changed"]].to_dict("records"):
                colon = "：" if zh else ": "
                pair = _arrow(row, lang)
                lines.append(f"   {row['rule_id']} {pair}{colon}{row[f'because_{lang}']}")
            same = int((~mine["changed"]).sum())
            if same:
                lines.append(
                    f"   另有 {same} 条结论相同而依据不同（版本、距离），见表"
                    if zh
                    else f"   {same} more read the same on other grounds (editions, distances)"
                )
        if len(lines) == 1:
            lines.append("没有变化" if zh else "Nothing differs")
        return "\n".join(lines)


def _arrow(row: Any, lang: str) -> str:
    none = "未适用" if lang == "zh" else "not asked"
    pair = (row["verdict_before"], row["verdict_after"])
    before, after = (label("verdict", v, lang) if v else none for v in pair)
    return f"{before} → {after}"


def compare_results(before: SitingResult, after: SitingResult) -> SitingChanges:
    """Compare two results by site and rule; see :meth:`SitingResult.compare`."""
    sites = pd.DataFrame(
        {"verdict_before": before.sites["verdict"], "verdict_after": after.sites["verdict"]}
    )
    sites = sites.fillna("").rename_axis("site_id")
    sites = sites[sites["verdict_before"] != sites["verdict_after"]].reset_index()
    keys = ["site_id", "rule_id"]
    names = [*keys, *_PAIR]
    both = before.findings[names].merge(
        after.findings[names], on=keys, how="outer", suffixes=("_before", "_after"), sort=True
    )
    moved = _changed_sites(before, after)
    rules = {r.id: r for r in (*before.rules, *after.rules)}
    rows = []
    for row in both.to_dict("records"):
        causes = _causes(row, rules[row["rule_id"]], before, after, row["site_id"] in moved)
        if not causes:
            continue
        pair = {f"{n}_{when}": row[f"{n}_{when}"] for n in
                ("distance_m", "limit_m", "evidence", "evidence_edition", "edition")
                for when in ("before", "after")}  # fmt: skip
        verdicts = {f"verdict_{when}": _text(row[f"verdict_{when}"]) for when in
                    ("before", "after")}  # fmt: skip
        rows.append(
            {"site_id": row["site_id"], "rule_id": row["rule_id"], **verdicts,
             "changed": verdicts["verdict_before"] != verdicts["verdict_after"],
             "causes": ", ".join(causes),
             "because_zh": "；".join(_because(c, row, "zh") for c in causes),
             "because_en": "; ".join(_because(c, row, "en") for c in causes), **pair}
        )  # fmt: skip
    columns = ["site_id", "rule_id", "verdict_before", "verdict_after", "changed", "causes",
               "because_zh", "because_en"]  # fmt: skip
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
    return SitingChanges(sites, table, (before.date, after.date))


def _changed_sites(before: SitingResult, after: SitingResult) -> set[str]:
    """Sites that moved, or are of another category, action or accuracy."""
    common = before.sites.index.intersection(after.sites.index)
    a, b = before.sites.loc[common], after.sites.loc[common]
    same = a.geometry.to_wkb().to_numpy() == b.geometry.to_wkb().to_numpy()
    for name in ("category", "action", "accuracy_m"):
        if name in a and name in b:
            same &= (a[name].eq(b[name]) | (a[name].isna() & b[name].isna())).to_numpy()
    return set(common[~same])


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _causes(
    row: dict[Any, Any], rule: Rule, before: SitingResult, after: SitingResult, moved: bool
) -> list[str]:
    """Codes of why a finding differs; none if it does not."""
    was, now = _text(row["verdict_before"]), _text(row["verdict_after"])
    if not was or not now:
        return [_one_sided(row, rule, before, after, moved)]
    causes = ["site_changed"] if moved else []
    if row["limit_m_before"] != row["limit_m_after"] and not (
        pd.isna(row["limit_m_before"]) and pd.isna(row["limit_m_after"])
    ):
        causes.append("rule_changed")
    if row["edition_before"] != row["edition_after"]:
        causes.append("law_edition")
    if row["missing_before"] != row["missing_after"]:
        causes.append("layer_state")
    pair = [(_text(row[f"{n}_before"]), _text(row[f"{n}_after"])) for n in
            ("evidence", "evidence_edition")]  # fmt: skip
    if any(a != b for a, b in pair) and not moved:
        causes.append("line_or_zone_edition")
    elif not moved and abs(row["distance_m_before"] - row["distance_m_after"]) > _SAME_M:
        causes.append("redrawn")
    if row["verdict_computed_before"] == row["verdict_computed_after"] and was != now:
        causes.append("override")
    if was != now and not causes:
        causes.append("data_changed")
    if was == now and set(causes) <= {"site_changed"}:
        return []
    return causes


def _one_sided(
    row: dict[Any, Any], rule: Rule, before: SitingResult, after: SitingResult, moved: bool
) -> str:
    """Why a rule is asked in one of the two only."""
    mine = after if _text(row["verdict_after"]) else before
    other = before if mine is after else after
    if row["site_id"] not in other.sites.index:
        return "site_in_one"
    if not rule.in_force_on(other.date):
        return "rule_in_force" if mine is after else "rule_ended"
    if moved:
        return "site_changed"
    return "pack_changed"


def _because(cause: str, row: dict[Any, Any], lang: str) -> str:
    """One cause in words, with its facts."""
    text = label("change_cause", cause, lang)
    colon = "：" if lang == "zh" else ": "
    if cause == "line_or_zone_edition":
        pairs = (_evidence(row, when) for when in ("before", "after"))
        return text + colon + " → ".join(pairs)
    if cause == "redrawn":
        return text + colon + " → ".join(_metres(row, w) for w in ("before", "after"))
    if cause == "law_edition":
        name = "edition" if lang == "zh" else "edition_en"
        return text + colon + f"{row[f'{name}_before']} → {row[f'{name}_after']}"
    if cause in ("rule_in_force", "rule_ended"):
        name = "edition" if lang == "zh" else "edition_en"
        when = "after" if cause == "rule_in_force" else "before"
        return text + colon + _text(row[f"{name}_{when}"])
    if cause == "layer_state":
        pair = [label("finding_reason", _text(row[f"reason_{w}"]), lang) for w in
                ("before", "after")]  # fmt: skip
        return text + colon + " → ".join(pair)
    return text


def _metres(row: dict[Any, Any], when: str) -> str:
    metres = row[f"distance_m_{when}"]
    return f"{metres:,.1f} m" if np.isfinite(metres) else "—"


def _evidence(row: dict[Any, Any], when: str) -> str:
    told = _text(row[f"evidence_{when}"]) or "—"
    return f"{told} {_metres(row, when)}" if np.isfinite(row[f"distance_m_{when}"]) else told
