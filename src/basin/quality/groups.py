"""Rivers, basins and districts: graded by the mean of few sections or by the shares of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.errors import AssessmentError
from basin.quality.clauses import grade_of
from basin.quality.explain import named_pollutants
from basin.quality.judge import judge
from basin.standards.labels import label
from basin.standards.quality import CLASSES, assessment_method, class_rank, gb3838

if TYPE_CHECKING:
    from basin.quality.assess import SectionAssessment

__all__ = ["assess_groups", "share_grade"]

_COLUMNS = [
    "n_sections", "n_assessed", "n_lakes", "rule", "water_class", "water_grade",
    *(f"n_{c}" for c in CLASSES), "share_i_iii_pct", "share_inferior_pct", "main_pollutants",
    "n_judged", "n_compliant", "compliant_pct", "period", "clause",
]  # fmt: skip


def assess_groups(
    result: SectionAssessment, by: str | None = "river", *, lang: str = "zh"
) -> pd.DataFrame:
    """Grade rivers, basins or districts from their sections.

    Parameters
    ----------
    result
    by
        A column of ``result.sections``: ``"river"``, ``"district"``, ``"level"`` or another; None
        takes all sections as one basin. Sections without a value there are the group ``""``.
    lang
        Of ``main_pollutants``: zh or en.

    Returns
    -------
    DataFrame by the value of `by`
        ``n_sections`` and ``n_lakes`` among them (lakes are graded apart, see `assess_lakes`);
        ``n_assessed`` river sections with a class; ``rule``: mean (fewer than five: the mean of
        each item over the sections, then the worst item decides) or share (five or more; no class
        then), none; ``water_class``, ``water_grade``; sections of each class, ``n_I`` to
        ``n_inferior``; ``share_i_iii_pct``, ``share_inferior_pct``; ``main_pollutants``
        (with few sections those of each section, with many the items that most sections
        exceed); ``n_judged``, ``n_compliant``, ``compliant_pct`` against the sections' own targets;
        ``period``, ``clause``.

    Raises
    ------
    AssessmentError
        If there is no such column.

    References
    ----------
    环办〔2011〕22号, rivers and basins.
    """
    sections = result.sections
    if by is not None and by not in sections.columns:
        raise AssessmentError(
            f"sections have no column {by!r}", mend="Give 'river', or a column of the sections."
        )
    names = (
        pd.Series("all", index=sections.index)
        if by is None
        else sections[by].astype(object).where(sections[by].notna(), "").astype("str")
    )
    rows = {name: _group(result, ids.index, lang) for name, ids in names.groupby(names, sort=True)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS)
    table.index.name = by or "basin"
    return table


def _group(result: SectionAssessment, ids: Any, lang: str) -> dict[str, Any]:
    rule = assessment_method()["groups"]
    sections = result.sections.loc[ids]
    lake = sections["waterbody"].eq("lake").fillna(False).to_numpy(dtype=bool)
    rivers = sections[~lake & (sections["water_class"] != "none").to_numpy(dtype=bool)]
    rank = class_rank(rivers["water_class"])
    n = len(rivers)
    judged = sections["compliant"].dropna()
    row: dict[str, Any] = {
        "n_sections": len(sections), "n_assessed": n, "n_lakes": int(lake.sum()),
        "rule": "none", "water_class": "none", "water_grade": "none", "main_pollutants": "",
        **{f"n_{c}": int((rank == k).sum()) for k, c in enumerate(CLASSES, 1)},
        "share_i_iii_pct": 100.0 * float((rank <= 3).mean()) if n else np.nan,
        "share_inferior_pct": 100.0 * float((rank == 6).mean()) if n else np.nan,
        "n_judged": len(judged), "n_compliant": int(judged.sum()),
        "compliant_pct": 100.0 * float(judged.mean()) if len(judged) else np.nan,
        "period": result.period, "clause": "",
    }  # fmt: skip
    if not n:
        return row
    items = result.items
    items = items[items["section_id"].isin(rivers.index) & items["evaluated"]]
    if n < rule["few"]:
        named = named_pollutants(result, lang).reindex(rivers.index).dropna()
        return row | _by_mean(items, named, lang)
    return row | {
        "rule": "share",
        "water_grade": share_grade(row["share_i_iii_pct"], row["share_inferior_pct"]),
        "main_pollutants": _by_rate(items, n, lang),
        "clause": f"{rule['clause_many']}；{rule['clause_pollutants']}",
    }


def _by_mean(items: pd.DataFrame, named: pd.Series, lang: str) -> dict[str, Any]:
    """Mean of each item over the sections that measured it, then the worst decides."""
    mean = items.groupby("item_id", sort=False)["value"].mean().reset_index()
    mean = mean.assign(section_id="group", saturation_pct=np.nan)
    one = pd.DataFrame({"waterbody": ["river"], "target_class": [""]}, index=["group"])
    worst = judge(mean, one)["rank"].max()
    colon, stop = ("：", "；") if lang == "zh" else (": ", "; ")
    told = [f"{at}{colon}{text}" for at, text in named.items()]
    water_class = ("none", *CLASSES)[int(worst)]
    return {
        "rule": "mean",
        "water_class": water_class,
        "water_grade": str(grade_of([water_class])[0]),
        "main_pollutants": stop.join(told),
        "clause": assessment_method()["groups"]["clause_few"],
    }


def share_grade(good_pct: float, bad_pct: float) -> str:
    """Grade a basin by the share of sections of class I to III and of those worse than V, per cent.

    Read by the letter; a share at a limit belongs to the grade that names it with "from". What the
    table leaves open: from 75 % of I to III on it does not ask how many are worse than V (76 and
    24 % are good); and 40 % worse than V leave 60 % at most for I to III, so that "below 75 %" says
    nothing more in the last row: 60 and 40 % exactly are heavy.

    Examples
    --------
    >>> share_grade(90, 0), share_grade(74.9, 20)
    ('excellent', 'moderate')

    References
    ----------
    环办〔2011〕22号: from 90 % of I to III excellent; from 75 % good; below 75 %: light with under
    20 % worse than V, moderate from 20 % to under 40 %, heavy from 40 %.
    """
    for step in assessment_method()["groups"]["grades"]:
        if good_pct >= step.get("good_from", np.inf):
            return str(step["grade"])
        if "good_from" not in step and bad_pct < step.get("bad_below", np.inf):
            return str(step["grade"])
    return "none"


def _by_rate(items: pd.DataFrame, n: int, lang: str) -> str:
    """Items worse than III, by the share of the sections that exceed."""
    worse = items[class_rank(items["water_class"]) > 3]
    rate = worse.groupby("item_id").size() / n
    place = gb3838().index.get_indexer(rate.index)
    order = np.lexsort((place, -rate.to_numpy()))
    top = rate.iloc[order[: assessment_method()["groups"]["pollutants"]]]
    comma = "、" if lang == "zh" else ", "
    return comma.join(f"{label('item', i, lang)}({r * 100:.1f}%)" for i, r in top.items())
