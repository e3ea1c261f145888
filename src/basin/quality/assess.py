"""From samples to classes, compliance and main pollutants.

Concentrations are averaged over the period first and then classified; classes are never averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from basin._text import as_id, escape, html_table
from basin.errors import AssessmentError
from basin.quality.clauses import base_items, grade_of, months_asked, section_clause
from basin.quality.explain import (
    explain_all,
    explain_one,
    main_pollutants,
    named_pollutants,
    reading_table,
    worst_first,
)
from basin.quality.judge import judge, month_means, period_means, tidy
from basin.quality.periods import Period, parse_period
from basin.quality.samples import entered, long_values, need, section_ids, sift
from basin.quality.targets import to_comply
from basin.standards.labels import label
from basin.standards.quality import CLASSES, class_rank, gb3838

__all__ = ["METHOD", "METHOD_EN", "SectionAssessment", "assess_sections"]

METHOD = (
    "GB 3838-2002 表1限值；环办〔2011〕22号《地表水环境质量评价办法（试行）》："
    "先求时段浓度均值（多月时段先求月均值），再按 21 项指标单因子评价；"
    "低于检出限按检出限一半参加统计；pH 用算术平均值；"
    "溶解氧每次均有水温时，饱和率（按海平面气压换算）均值≥90%亦为Ⅰ类；"
    "超标倍数以Ⅲ类为基准，"
    "达标按断面目标类别另行判断；总氮、粪大肠菌群单列，不参加评价。"
)
METHOD_EN = (
    "limits of GB 3838-2002 table 1; assessed by document [2011] No. 22 of the Ministry of "
    "Environmental Protection (surface water quality assessment, trial): the mean of the period "
    "first (over several months the mean of monthly means), then the worst of 21 items decides; "
    "below detection counts as half the detection limit; pH is an arithmetic mean; where every "
    "dissolved oxygen has a water temperature, a mean saturation of 90 % or more (at sea-level "
    "pressure) is class I too; multiples refer to class III, compliance to the section's target; "
    "total nitrogen and fecal coliforms are told apart and do not count."
)

_CODES = np.array(("none", *CLASSES), dtype=object)
_APART = ("tn", "fecal_coliform")
_NEW_COLUMNS = [
    "period", "n_samples", "n_months", "missing_months", "water_class", "compliant",
    "main_pollutants", "failing_items", "missing_items", "below_detection_items", "tn_mg_l",
    "tn_class", "fecal_coliform_per_l", "fecal_coliform_class", "note", "water_grade", "clause",
    "missing_base_items",
]  # fmt: skip


@dataclass(frozen=True)
class SectionAssessment:
    """The assessment of sections over one period.

    Attributes
    ----------
    sections
        Indexed by ``section_id`` in the order given, with the columns (and geometry) given, and:
        ``period``, ``n_samples``, ``n_months``, ``missing_months`` (of the period, without a
        sample: ``"2025-03, 2025-06"``), ``water_class`` (I ... V, inferior, none),
        ``compliant`` (nullable: no target or no class is missing), ``main_pollutants`` (Chinese,
        with multiples of class III), ``failing_items`` (worse than the target, worst first),
        ``missing_items`` (of the 21, not measured in the period), ``missing_base_items`` (of the
        nine of "9+X" monitoring), ``water_grade`` (excellent, good, light, moderate, heavy),
        ``below_detection_items``,
        ``tn_mg_l``, ``tn_class``, ``fecal_coliform_per_l``, ``fecal_coliform_class`` (reported
        apart), ``note`` (codes), ``clause`` (of the method, Chinese).
    items
        One row per section and item measured: ``section_id``, ``item_id``, ``value`` (period mean
        in ``unit``), ``n`` values, ``n_months``, ``n_below`` (below detection, counted as half),
        ``water_class``, ``limit_iii``, ``multiple`` (against class III), ``target_limit``,
        ``target_multiple``, ``compliant``, ``evaluated`` (one of the 21), ``saturation_pct`` (of
        dissolved oxygen, where every value of it has a water temperature), ``enough`` (as many
        months as the method asks of the period), ``clause`` (of the standard, Chinese).
    months
        One row per section and month of the period: ``water_class``, ``compliant``,
        ``failing_items``, ``n_items``.
    month_items
        As `items`, one row per section, month and item measured: the mean of the month's samples.
    left_out
        What could not be used: ``reason`` (unknown_section, no_date; of single values unreadable,
        below_unknown, negative, not_finite), ``section_id``, ``date`` and ``item_id`` of a value,
        ``text`` (as it was written), ``n``.
    period
        The period's label, readable by `parse_period`.
    method, method_en
        Standard and clauses applied.
    """

    sections: Any
    items: pd.DataFrame
    months: pd.DataFrame
    month_items: pd.DataFrame
    left_out: pd.DataFrame
    period: str
    method: str = METHOD
    method_en: str = METHOD_EN

    @property
    def to_comply(self) -> pd.DataFrame:
        """What item of which section must change, and by how much, to meet the target.

        Returns
        -------
        DataFrame
            As in `basin.quality.targets.to_comply`.
        """
        return to_comply(self)

    def calendar(self, lang: str | None = None) -> pd.DataFrame:
        """Return the class of each section (rows) in each month (columns); words with `lang`."""
        table = self.months.set_index(["section_id", "month"])["water_class"].unstack()  # noqa: PD010
        table = table.reindex(self.sections.index)
        if lang is None:
            return table
        words = table.map(lambda code: label("water_class", code, lang))
        names = self.sections["name"].fillna("").astype(str)
        words.index = pd.Index((names.index + " " + names).str.strip(), name=table.index.name)
        return words

    def tables(self, lang: str = "zh") -> dict[str, Any]:
        """Return every table by name, ids as columns, to be written to files.

        Codes stay codes; ``main_pollutants`` is written in the language.

        ``sections``, ``section_items``, ``section_months``, ``section_month_items``,
        ``section_left_out``, ``section_to_comply``, and ``river_grades`` as in `assess_groups`.
        """
        from basin.quality.groups import assess_groups  # it needs this class

        named = named_pollutants(self, lang).reindex(self.sections.index, fill_value="")
        return {
            "sections": self.sections.assign(main_pollutants=named).reset_index(),
            "section_items": self.items,
            "section_months": self.months,
            "section_month_items": self.month_items,
            "section_left_out": self.left_out,
            "section_to_comply": self.to_comply,
            "river_grades": assess_groups(self, lang=lang).reset_index(),
        }

    @property
    def failing(self) -> list[str]:
        """Ids of the sections worse than their target, in the order of `sections`."""
        worse = self.sections["compliant"].eq(False).fillna(False)
        return list(self.sections.index[worse.to_numpy(dtype=bool)])

    def to_frame(self, lang: str | None = None) -> Any:
        """Return the table of sections; with a language, one to read: words instead of codes."""
        return self.sections.copy() if lang is None else reading_table(self, lang)

    def explain(self, section_id: str | None = None, lang: str = "zh") -> str:
        """Say in sentences how the sections stand, or one section in detail.

        Raises
        ------
        AssessmentError
            If `section_id` is not among the sections.
        """
        if section_id is None:
            return explain_all(self, lang)
        section_id = as_id(section_id)
        if section_id not in self.sections.index:
            raise AssessmentError(
                "there is no such section", ids=[section_id], mend="Use an id of `.sections`."
            )
        return explain_one(self, section_id, lang)

    def __repr__(self) -> str:
        return (
            f"SectionAssessment({self.period}: {len(self.sections)} sections, "
            f"{len(self.failing)} worse than their target)"
        )

    def _repr_html_(self) -> str:
        table = self.to_frame("zh")
        return f"<p>{escape(repr(self))}</p>" + html_table(
            [str(c) for c in table.columns], table.to_numpy()
        )


def assess_sections(
    samples: pd.DataFrame, sections: Any, *, period: str | None = None
) -> SectionAssessment:
    """Assess sections over a period by GB 3838-2002 and 环办〔2011〕22号.

    Parameters
    ----------
    samples
        ``section_id``, ``date`` and one column per item of the standard, in its units. Values below
        detection hold the detection limit with ``<item>_flag`` equal to ``"below"`` and count as
        half of it. Columns of text (``"<0.01"``) are read with `basin.layers.parse_measurement`.
        ``"below_unknown"`` (limit not stated), negative, infinite and unreadable values count as
        missing and are listed.
    sections : DataFrame or GeoDataFrame
        ``section_id``; ``target_class`` (I to V), ``waterbody`` (river or lake) where known. Ids
        are text: 1 and 1.0 mean ``"1"``, here and in the samples.
    period
        As in `parse_period`; None is the twelve calendar months that end with the newest sample of
        these sections.

    Returns
    -------
    SectionAssessment
        A section without samples appears with class ``"none"``; samples of unknown sections are in
        ``.left_out``.

    Raises
    ------
    AssessmentError
        If a needed column is missing, a ``section_id`` is not unique, the period is unreadable, or
        no sample lies in it.

    Notes
    -----
    A month's value is the mean of its samples; a longer period's is the mean of its months, so that
    a month sampled often does not outweigh the others. Least months: 2 a quarter, 8 (asked: 12) a
    year; every month of any other range.

    Dissolved oxygen is class I from 90 % saturation too. Saturation is 100 C (31.6 + T) / 468, at
    sea level: farther up less oxygen saturates water, so class I is never given for nothing.

    References
    ----------
    GB 3838-2002 table 1; 环办〔2011〕22号《地表水环境质量评价办法（试行）》;
    HJ 2.3-2018 (oxygen saturation).
    """
    need(samples, ("section_id", "date"), "samples")
    need(sections, ("section_id",), "sections")
    sections = sections.assign(section_id=section_ids(sections))
    ids = sections["section_id"]
    samples, undated = entered(samples)
    ours = samples["date"][samples["section_id"].isin(ids)]
    span = parse_period(period, ours if ours.notna().any() else samples["date"])
    used, left_out = sift(samples, undated, ids, span)
    table = _prepare(sections)
    values, lost = long_values(used)
    monthly = month_means(values)
    items = judge(period_means(monthly), table)
    by_month = judge(monthly, table)
    return SectionAssessment(
        sections=_sections(table, items, used, span),
        items=tidy(items.assign(enough=items["n_months"] >= months_asked(span)[0]), table),
        months=_months(by_month, table, span),
        month_items=tidy(by_month, table),
        left_out=pd.concat([left_out, lost], ignore_index=True),
        period=span.label,
    )


def _prepare(sections: Any) -> Any:
    """Index by id and settle what decides the limits: kind of water, target."""
    table = sections.drop(columns=[c for c in _NEW_COLUMNS if c in sections.columns])
    table = table.set_index("section_id")
    for column in ("name", "level", "river", "waterbody", "target_class"):
        if column not in table.columns:
            table[column] = pd.Series("", index=table.index, dtype=object)
    return table


def _joined(judged: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Item ids by group, comma-joined in the order of the rows."""
    return judged.groupby(keys, sort=False)["item_id"].agg(", ".join)


def _months(judged: pd.DataFrame, table: Any, span: Period) -> pd.DataFrame:
    keys = ["section_id", "month"]
    counted = judged[judged["evaluated"] & (judged["rank"] > 0)]
    grid = pd.MultiIndex.from_product([table.index, span.months], names=keys)
    rank = counted.groupby(keys)["rank"].max().reindex(grid, fill_value=0).to_numpy()
    failing = worst_first(counted[counted["compliant"].eq(False).fillna(False)], "target_multiple")
    aim = class_rank(table["target_class"].reindex(grid.get_level_values(0)))
    return pd.DataFrame(
        {
            "section_id": grid.get_level_values(0),
            "month": grid.get_level_values(1),
            "water_class": _CODES[rank],
            "compliant": _compliance(rank, aim),
            "failing_items": _joined(failing, keys).reindex(grid, fill_value="").to_numpy(),
            "n_items": counted.groupby(keys).size().reindex(grid, fill_value=0).to_numpy(),
        }
    )


def _compliance(rank: Any, aim: Any) -> Any:
    known = (aim > 0) & (aim < 6) & (rank > 0)
    return pd.arrays.BooleanArray(rank <= aim, ~known)


def _sections(table: Any, items: pd.DataFrame, used: pd.DataFrame, span: Period) -> Any:
    result = table.copy()
    ids = result.index
    counted = items[items["evaluated"] & (items["rank"] > 0)]
    rank = counted.groupby("section_id")["rank"].max().reindex(ids, fill_value=0).to_numpy()
    aim = class_rank(result["target_class"])
    failing = worst_first(counted[counted["compliant"].eq(False).fillna(False)], "target_multiple")
    below = items[items["n_below"] > 0].sort_values("order")
    by_section = used.groupby("section_id")
    result["period"] = span.label
    result["n_samples"] = by_section.size().reindex(ids, fill_value=0)
    sampled = used["date"].dt.strftime("%Y-%m").groupby(used["section_id"]).agg(set)
    held = [sampled.get(s, set()) for s in ids]
    result["n_months"] = [len(months) for months in held]
    result["missing_months"] = [", ".join(m for m in span.months if m not in h) for h in held]
    result["water_class"] = _CODES[rank]
    result["compliant"] = _compliance(rank, aim)
    result["main_pollutants"] = main_pollutants(counted).reindex(ids, fill_value="")
    result["failing_items"] = _joined(failing, ["section_id"]).reindex(ids, fill_value="")
    wanted = list(gb3838().query("evaluated").index)
    result["missing_items"] = _missing(counted, ids, [wanted] * len(ids))
    result["below_detection_items"] = _joined(below, ["section_id"]).reindex(ids, fill_value="")
    for item, column in (("tn", "tn_mg_l"), ("fecal_coliform", "fecal_coliform_per_l")):
        own = items[items["item_id"] == item].set_index("section_id")
        result[column] = own["value"].reindex(ids)
        result[f"{item}_class"] = own["water_class"].reindex(ids, fill_value="none")
    result["missing_base_items"] = _missing(items, ids, base_items(result["waterbody"]))
    result["note"] = _notes(result, span)
    result["water_grade"] = grade_of(result["water_class"])
    result["clause"] = section_clause(span)
    return result


def _missing(counted: pd.DataFrame, ids: Any, wanted: list[list[str]]) -> list[str]:
    have = counted.groupby("section_id")["item_id"].agg(set)
    both = zip(ids, wanted, strict=True)
    return [", ".join(i for i in items if i not in have.get(s, set())) for s, items in both]


def _notes(result: Any, span: Period) -> list[str]:
    months = result["n_months"].to_numpy()
    least, ask = months_asked(span)
    aim = class_rank(result["target_class"])
    marks = {
        "no_samples": months == 0,
        "below_minimum": (months > 0) & (months < least),
        "below_ask": (months >= least) & (months < ask),
        "waterbody_assumed": ~result["waterbody"].isin(["river", "lake"]).to_numpy(),
        "no_target": (aim == 0) | (aim > 5),
    }
    return [", ".join(k for k, here in marks.items() if here[n]) for n in range(len(result))]
