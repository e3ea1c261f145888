"""What must change for a section to meet its target, and how many sections a plan lets fail."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from basin.errors import AssessmentError
from basin.quality.periods import parse_period
from basin.standards.labels import label
from basin.standards.quality import assessment_method, gb3838

if TYPE_CHECKING:
    from basin.quality.assess import SectionAssessment

__all__ = ["PlanCompliance", "compliance_with_plan", "sections_needed", "to_comply"]

_COLUMNS = [
    "section_id", "item_id", "unit", "value", "target_class", "target_limit", "change",
    "change_pct", "months_left", "needed_mean", "reachable", "clause",
]  # fmt: skip


def to_comply(result: SectionAssessment) -> pd.DataFrame:
    """Tell for every item that fails its target by how much it must change.

    Returns
    -------
    DataFrame, sections in order, worst items first
        ``section_id``, ``item_id``, ``unit``, ``value`` (mean of the period), ``target_class``,
        ``target_limit`` (of pH the nearer end of its range), ``change`` = limit - value (below 0:
        must fall; dissolved oxygen must rise), ``change_pct`` of the value; ``months_left``, months
        of the period after the section's last sample, ``needed_mean``, what these must average so
        that the period's mean just meets the limit (NaN if none is left), ``reachable`` (missing if
        none is left; False if even 0, of oxygen even the most that water can hold, is not enough),
        ``clause``.
    """
    limits = gb3838()
    months = parse_period(result.period).months
    sampled = result.month_items.groupby("section_id")["month"].max()
    rows = []
    items = result.items.set_index(["section_id", "item_id"])
    failing = result.sections["failing_items"]
    for section_id, text in failing[failing != ""].items():
        left = sum(m > sampled.loc[section_id] for m in months)
        for item in str(text).split(", "):
            row = items.loc[(section_id, item)]
            value, limit = float(row["value"]), float(row["target_limit"])
            if np.isnan(limit):  # pH
                low, high = (float(limits[c].loc[item]) for c in ("low", "high"))
                limit = low if value < low else high
            had = int(row["n_months"])
            needed = (limit * (had + left) - value * had) / left if left else np.nan
            rows.append(
                {
                    "section_id": section_id, "item_id": item, "unit": row["unit"], "value": value,
                    "target_class": result.sections.loc[section_id, "target_class"],
                    "target_limit": limit, "change": limit - value,
                    "change_pct": 100.0 * (limit - value) / value if value else np.nan,
                    "months_left": left, "needed_mean": needed,
                    "reachable": _reachable(item, needed), "clause": row["clause"],
                }
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.astype({"reachable": "boolean"})


def _reachable(item: str, needed: float) -> Any:
    if np.isnan(needed):
        return pd.NA
    if item == "do":
        rule = assessment_method()["saturation"]
        return needed <= rule["numerator"] / rule["offset_c"]  # saturated water at 0 degrees
    return needed >= 0


def sections_needed(n: int, target_pct: float | str) -> tuple[int, int]:
    """Say how many of n sections must comply for a share that a plan states.

    Parameters
    ----------
    n
        Sections that the plan counts.
    target_pct
        As the plan writes it: the decimals that it has are those that the share is rounded to.

    Returns
    -------
    rounded, strict
        The fewest whose share, rounded as the plan writes it (GB/T 8170: half to even), reaches the
        figure; and the fewest whose share itself does.

    Raises
    ------
    AssessmentError
        If the share is not between 0 and 100 %, or n is below 0.

    Examples
    --------
    74 sections at 97.3 %: 72 of them are 97.297 %, which is written 97.3 %, so two may fail.

    >>> sections_needed(74, 97.3), sections_needed(42, "85.7")
    ((72, 73), (36, 36))
    """
    try:
        share = Decimal(str(target_pct))
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 <= share <= 100 or n < 0:
        raise AssessmentError(
            f"{n} sections at {target_pct} % is no plan",
            mend="Give a share between 0 and 100.",
            zh=f"{n} 个断面达标 {target_pct}% 不成其为目标",
            mend_zh="给出 0 到 100 之间的百分数，如 97.3",
        )
    unit = Decimal(1).scaleb(min(int(share.as_tuple().exponent), 0))
    counts = range(n + 1)
    parts = [Decimal(100 * k) / n if n else Decimal(100) for k in counts]
    rounded = next(k for k in counts if parts[k].quantize(unit, rounding=ROUND_HALF_EVEN) >= share)
    return rounded, next(k for k in counts if parts[k] >= share)


class PlanCompliance(NamedTuple):
    """Sections against the share that a plan asks for.

    Attributes
    ----------
    target_pct
    n_sections, n_judged, n_compliant
        All; those with a class and a target; those that meet it.
    share_pct
        Compliant of judged; NaN if none was judged.
    needed, needed_strict
        Of the judged, by the two readings of :func:`sections_needed`.
    may_fail, may_fail_strict
        The rest.
    met, met_strict
        Whether as many comply; missing if none was judged.
    unjudged
        Ids of the sections that could not be judged.
    clause
    """

    target_pct: str
    n_sections: int
    n_judged: int
    n_compliant: int
    share_pct: float
    needed: int
    needed_strict: int
    may_fail: int
    may_fail_strict: int
    met: bool | None
    met_strict: bool | None
    unjudged: tuple[str, ...]
    clause: str

    def explain(self, lang: str = "zh") -> str:
        """Say in a sentence how the plan stands."""
        zh = lang == "zh"
        if self.met is None:
            return "没有可判断的断面。" if zh else "No section could be judged."
        verdict = (("达到", "meets") if self.met else ("未达到", "misses"))[not zh]
        if zh:
            text = f"{self.n_judged} 个断面达标 {self.n_compliant} 个（{self.share_pct:.1f}%），"
            text += f"{verdict}计划目标 {self.target_pct}%：需 {self.needed} 个，"
            text += f"可有 {self.may_fail} 个不达标"
        else:
            text = (
                f"{self.n_compliant} of {self.n_judged} sections comply ({self.share_pct:.1f} %), "
            )
            text += f"which {verdict} the plan's {self.target_pct} %: {self.needed} are needed, "
            text += f"{self.may_fail} may fail"
        if self.needed != self.needed_strict:
            text += (
                f"（按四舍五入读；若不修约则需 {self.needed_strict} 个）"
                if zh
                else f" (as rounded; unrounded {self.needed_strict} are needed)"
            )
        if self.unjudged:
            ids = ("、" if zh else ", ").join(self.unjudged)
            text += f"；未判断：{ids}" if zh else f"; not judged: {ids}"
        return text + ("。" if zh else ".")


def compliance_with_plan(
    result: SectionAssessment, target_pct: float | str, *, level: str | None = None
) -> PlanCompliance:
    """Hold the share of compliant sections against a plan.

    Parameters
    ----------
    result
    target_pct
        As the plan writes it, such as 97.3 or "97.30".
    level
        Only sections of this level (national, provincial, municipal, district).

    Raises
    ------
    AssessmentError
        If no section has the level.
    """
    table = result.sections
    if level is not None:
        table = table[table["level"].eq(level).fillna(False).to_numpy(dtype=bool)]
        if not len(table):
            raise AssessmentError(
                f"no section is of level {level!r} ({label('section_level', level, 'zh')})",
                mend="See the column `level`.",
            )
    judged = table["compliant"].notna().to_numpy(dtype=bool)
    n, good = int(judged.sum()), int(table["compliant"].eq(True).fillna(False).sum())
    needed, strict = sections_needed(n, target_pct)
    return PlanCompliance(
        str(target_pct), len(table), n, good, 100.0 * good / n if n else float("nan"),
        needed, strict, n - needed, n - strict, good >= needed if n else None,
        good >= strict if n else None, tuple(table.index[~judged].astype(str)),
        assessment_method()["groups"]["plan"]["clause"],
    )  # fmt: skip
