"""Better or worse: two periods compared, and the rank correlation of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.errors import AssessmentError
from basin.quality.groups import assess_groups
from basin.standards.quality import assessment_method

if TYPE_CHECKING:
    from basin.quality.assess import SectionAssessment

__all__ = ["compare_groups", "compare_sections", "spearman", "spearman_trend"]

_GRADES = ["excellent", "good", "light", "moderate", "heavy"]


def compare_sections(before: SectionAssessment, after: SectionAssessment) -> pd.DataFrame:
    """Compare the grade of each section in two periods.

    Returns
    -------
    DataFrame by section_id, those of both
        ``period_before``, ``period_after``; ``class_before``, ``class_after``, ``grade_before``,
        ``grade_after``; ``steps`` of grade (above 0: worse; missing where one is not known);
        ``change``: none, some, marked, unknown; ``direction``: better, worse or ""; ``clause``.

    References
    ----------
    环办〔2011〕22号, trend of a section: by one grade some change, by two or more marked.
    """
    ids = after.sections.index.intersection(before.sections.index)
    old, new = before.sections.loc[ids], after.sections.loc[ids]
    places = [pd.Index(_GRADES).get_indexer(t["water_grade"]) for t in (old, new)]
    unknown = (places[0] < 0) | (places[1] < 0)
    steps = places[1] - places[0]
    return pd.DataFrame(
        {
            "period_before": before.period, "period_after": after.period,
            "class_before": old["water_class"], "class_after": new["water_class"],
            "grade_before": old["water_grade"], "grade_after": new["water_grade"],
            "steps": pd.arrays.IntegerArray(steps.astype(np.int64), unknown),
            "change": np.select([unknown, steps == 0, abs(steps) == 1],
                                ["unknown", "none", "some"], default="marked"),
            "direction": np.select([unknown | (steps == 0), steps < 0], ["", "better"],
                                   default="worse"),
            "clause": assessment_method()["trend"]["clause_section"],
        },
        index=ids,
    )  # fmt: skip


def compare_groups(
    before: SectionAssessment, after: SectionAssessment, by: str | None = "river"
) -> pd.DataFrame:
    """Compare rivers, basins or districts in two periods by the shares of their classes.

    Returns
    -------
    DataFrame by the value of `by`, those of both
        ``g_points``, change of the share of I to III; ``d_points``, of the share worse than V;
        ``d``, g less d; ``change``: none (up to 10 points), some (up to 20), marked, unknown;
        ``direction``; ``rule``, always share (grades may say otherwise); ``clause``.

    References
    ----------
    环办〔2011〕22号, trend of a basin.
    """
    rule = assessment_method()["trend"]
    old, new = assess_groups(before, by), assess_groups(after, by)
    names = new.index.intersection(old.index)
    g, d = (
        new.loc[names, c] - old.loc[names, c] for c in ("share_i_iii_pct", "share_inferior_pct")
    )
    total = (g - d).round(9)
    size = total.abs()
    change = np.select(
        [total.isna(), size <= rule["some"], size <= rule["marked"]],
        ["unknown", "none", "some"],
        default="marked",
    )
    moved = np.isin(change, ["some", "marked"])
    return pd.DataFrame(
        {
            "period_before": before.period, "period_after": after.period,
            "g_points": g, "d_points": d, "d": total, "change": change,
            "direction": np.where(~moved, "", np.where(total > 0, "better", "worse")),
            "rule": "share", "clause": rule["clause_group"],
        },
        index=names,
    )  # fmt: skip


def spearman(values: Any) -> tuple[float, float, float]:
    """Rank correlation of values with their order in time, and its critical values.

    Parameters
    ----------
    values : shape (n,)
        One a period, in order of time; NaN are left out.

    Returns
    -------
    rs, w05, w01
        1 - 6 sum(d2) / (n3 - n), d the difference of the ranks (equal values have their mean rank);
        the values that abs(rs), to three decimals, must reach for 0.05 and 0.01. NaN for fewer than
        five periods.

    References
    ----------
    环办〔2011〕22号, Spearman. Beyond 30 periods z / sqrt(n - 1).

    Examples
    --------
    >>> spearman([1, 2, 3, 4, 5])
    (1.0, 0.9, 1.0)
    """
    rule = assessment_method()["trend"]
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    n = len(known)
    if n < rule["periods"]:
        return float("nan"), float("nan"), float("nan")
    rank = pd.Series(known).rank().to_numpy()
    d = rank - np.arange(1, n + 1)
    rs = 1.0 - 6.0 * float((d**2).sum()) / (n**3 - n)
    w05, w01 = _critical(n)
    return rs, w05, w01


def _critical(n: int) -> tuple[float, float]:
    table = assessment_method()["trend"]["critical"]
    if n > table["n"][-1]:
        return 1.6449 / np.sqrt(n - 1.0), 2.3263 / np.sqrt(n - 1.0)
    at = int(np.searchsorted(table["n"], n, side="right")) - 1
    return float(table["p05"][at]), float(table["p01"][at])


def spearman_trend(each: pd.DataFrame) -> pd.DataFrame:
    """Tell the trend of every item at every section over five periods or more.

    Parameters
    ----------
    each
        ``section_id``, ``item_id``, ``period``, ``value``, as ``assess_each(...).items`` has
        them; periods sort in time.

    Returns
    -------
    DataFrame
        ``section_id``, ``item_id``, ``n`` periods, ``first``, ``last``, ``rs``, ``w05``, ``w01``,
        ``change``: none, some (at 0.05), marked (at 0.01), unknown (too few periods);
        ``direction``: better or worse (falling concentrations are better, falling oxygen
        worse; of pH: rising or falling); ``clause``.

    Raises
    ------
    AssessmentError
        If a column is missing.
    """
    lacking = [c for c in ("section_id", "item_id", "period", "value") if c not in each.columns]
    if lacking:
        raise AssessmentError(
            f"the table lacks {' and '.join(lacking)}", mend="Give `assess_each(...).items`."
        )
    rows = []
    clause = assessment_method()["trend"]["clause_spearman"]
    ordered = each.sort_values("period", kind="stable")
    for (section, item), own in ordered.groupby(["section_id", "item_id"], sort=False):
        own = own[own["value"].notna()]
        rs, w05, w01 = spearman(own["value"])
        change = "unknown" if np.isnan(rs) else (
            "marked" if _reaches(rs, w01) else "some" if _reaches(rs, w05) else "none"
        )  # fmt: skip
        rows.append(
            {
                "section_id": section, "item_id": item, "n": len(own),
                "first": own["period"].iloc[0] if len(own) else "",
                "last": own["period"].iloc[-1] if len(own) else "",
                "rs": rs, "w05": w05, "w01": w01, "change": change,
                "direction": _direction(str(item), rs) if change in ("some", "marked") else "",
                "clause": clause,
            }
        )  # fmt: skip
    columns = ["section_id", "item_id", "n", "first", "last", "rs", "w05", "w01", "change",
               "direction", "clause"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _reaches(rs: float, critical: float) -> bool:
    """Compare to three decimals, to which the table of critical values is rounded."""
    return round(abs(rs), 3) >= round(critical, 3)


def _direction(item: str, rs: float) -> str:
    if item == "ph":
        return "rising" if rs > 0 else "falling"
    return "better" if (rs > 0) == (item == "do") else "worse"
