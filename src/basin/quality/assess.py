"""From samples to classes, compliance and main pollutants.

Concentrations are averaged over the period first and then classified; classes are never averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from basin._text import as_id, as_ids, escape, html_table
from basin.errors import AssessmentError
from basin.quality.explain import (
    explain_all,
    explain_one,
    main_pollutants,
    reading_table,
    worst_first,
)
from basin.quality.periods import Period, parse_period
from basin.standards.quality import (
    CLASSES,
    assessment_method,
    class_rank,
    classify,
    exceedance_multiple,
    gb3838,
)

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
    "tn_class", "fecal_coliform_per_l", "fecal_coliform_class", "note",
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
        ``missing_items`` (of the 21, not measured in the period), ``below_detection_items``,
        ``tn_mg_l``, ``tn_class``, ``fecal_coliform_per_l``, ``fecal_coliform_class`` (reported
        apart), ``note`` (codes).
    items
        One row per section and item measured: ``section_id``, ``item_id``, ``value`` (period mean
        in ``unit``), ``n`` values, ``n_months``, ``n_below`` (below detection, counted as half),
        ``water_class``, ``limit_iii``, ``multiple`` (against class III), ``target_limit``,
        ``target_multiple``, ``compliant``, ``evaluated`` (one of the 21), ``saturation_pct`` (of
        dissolved oxygen, where every value of it has a water temperature).
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
    _need(samples, ("section_id", "date"), "samples")
    _need(sections, ("section_id",), "sections")
    sections = sections.assign(section_id=_ids_of(sections))
    ids = sections["section_id"]
    samples, undated = _entered(samples)
    ours = samples["date"][samples["section_id"].isin(ids)]
    span = parse_period(period, ours if ours.notna().any() else samples["date"])
    used, left_out = _sift(samples, undated, ids, span)
    table = _prepare(sections)
    values, lost = _long(used)
    monthly = (
        values.groupby(["section_id", "item_id", "month"], observed=True)
        .agg(
            value=("value", "mean"),
            n=("value", "size"),
            n_below=("below", "sum"),
            saturation_pct=("saturation_pct", "mean"),
            with_temp=("saturation_pct", "count"),
        )
        .reset_index()
    )
    monthly["saturation_pct"] = monthly["saturation_pct"].where(
        monthly["with_temp"] == monthly["n"]
    )
    items = _judge(_period_means(monthly), table)
    by_month = _judge(monthly, table)
    return SectionAssessment(
        sections=_sections(table, items, used, span),
        items=_tidy(items, table),
        months=_months(by_month, table, span),
        month_items=_tidy(by_month, table),
        left_out=pd.concat([left_out, lost], ignore_index=True),
        period=span.label,
    )


def _need(table: Any, columns: tuple[str, ...], layer: str) -> None:
    lacking = [c for c in columns if c not in table.columns]
    if lacking:
        raise AssessmentError(
            f"{layer} lacks {' and '.join(lacking)}",
            mend="Read it with basin.layers.read_layer, which recognises other names.",
        )


def _ids_of(sections: Any) -> pd.Series:
    ids = as_ids(sections["section_id"])
    if ids.isna().any():
        raise AssessmentError(
            f"{ids.isna().sum()} of {len(ids)} sections have no section_id",
            mend="Give each section its own id.",
        )
    if ids.duplicated().any():
        raise AssessmentError(
            "section_id is not unique in sections",
            ids=ids[ids.duplicated()].unique(),
            mend="Give each section its own id.",
        )
    return ids.astype("str")


def _entered(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Samples with ids as text and dates as dates; what stood where no date could be read."""
    from basin.layers.measurements import parse_dates

    dates, _ = parse_dates(samples["date"])
    written = samples["date"].astype("string").fillna("").where(dates.isna(), "")
    ids = as_ids(samples["section_id"]).fillna("").astype("str")
    return samples.assign(section_id=ids, date=dates), written


def _sift(
    samples: pd.DataFrame, undated: pd.Series, ids: Any, span: Period
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off the rows that cannot be used; what lies outside the period is not listed."""
    when, section = samples["date"], samples["section_id"]
    inside = (when >= span.start) & (when < span.end)
    known = section.isin(ids)
    reasons = pd.Series("", index=samples.index, dtype=object)
    reasons[inside & ~known] = "unknown_section"
    reasons[when.isna()] = "no_date"
    out = pd.DataFrame({"reason": reasons, "section_id": section, "text": undated})
    if not inside.any():
        seen = f"{when.min():%Y-%m} to {when.max():%Y-%m}" if when.notna().any() else "none dated"
        raise AssessmentError(
            f"no sample lies in period {span.label!r}", mend=f"The samples run: {seen}."
        )
    return samples.loc[inside & known], _counted(out[out["reason"] != ""])


def _counted(lost: pd.DataFrame) -> pd.DataFrame:
    """Count what was left out, by all that is known of it."""
    keys = ["reason", "section_id", "date", "item_id", "text"]
    full = lost.assign(
        date=lost["date"] if "date" in lost else pd.Series(pd.NaT, index=lost.index),
        item_id=lost.get("item_id", ""),
    )
    full = full.astype({k: "datetime64[us]" if k == "date" else "str" for k in keys})
    return full.groupby(keys, dropna=False, sort=True).size().rename("n").reset_index()


def _prepare(sections: Any) -> Any:
    """Index by id and settle what decides the limits: kind of water, target."""
    table = sections.drop(columns=[c for c in _NEW_COLUMNS if c in sections.columns])
    table = table.set_index("section_id")
    for column in ("name", "level", "river", "waterbody", "target_class"):
        if column not in table.columns:
            table[column] = pd.Series("", index=table.index, dtype=object)
    return table


def _waterbody(table: Any) -> pd.Series:
    return pd.Series(
        np.where(table["waterbody"].eq("lake").fillna(False), "lake", "river"),
        index=table.index,
        dtype=object,
    )


def _long(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per value; below detection halved. Also the values that nobody can know."""
    half = float(assessment_method()["below_detection"]["factor"])
    month = samples["date"].dt.strftime("%Y-%m").to_numpy(dtype=object)
    section = samples["section_id"].to_numpy(dtype=object)
    saturation = _saturation(samples)
    parts, lost = [], []
    for item in gb3838().index:
        if item not in samples.columns:
            continue
        value, flag = _measured(samples, item)
        below = flag == "below"
        rows = pd.DataFrame({"section_id": section, "item_id": item, "month": month})
        rows["value"] = np.where(below, value * half, value)
        rows["below"] = below
        rows["saturation_pct"] = np.where(below, np.nan, saturation) if item == "do" else np.nan
        negative = (value < 0) & np.isfinite(value) & (item != "water_temp")
        if item != "water_temp":
            parts.append(rows[np.isfinite(value) & ~negative])
        for reason, these in (
            ("unreadable", flag == "unreadable"),
            ("below_unknown", flag == "below_unknown"),
            ("negative", negative),
            ("not_finite", np.isinf(value)),
        ):
            written = samples[item][these].astype("string").fillna("")
            where = samples.loc[these, ["section_id", "date"]]
            lost.append(where.assign(reason=reason, item_id=item, text=written))
    if not parts:
        raise AssessmentError(
            "samples hold no item of GB 3838-2002", mend="Name columns by item_id, e.g. 'nh3n'."
        )
    return pd.concat(parts, ignore_index=True), _counted(pd.concat(lost))


def _saturation(samples: pd.DataFrame) -> np.ndarray:
    """Oxygen saturation of each sample in per cent at sea level; NaN without a temperature."""
    if not {"do", "water_temp"} <= set(samples.columns):
        return np.full(len(samples), np.nan)
    rule = assessment_method()["saturation"]
    oxygen, temp = _measured(samples, "do")[0], _measured(samples, "water_temp")[0]
    low, high = rule["temp_c"]
    temp = np.where((temp >= low) & (temp <= high), temp, np.nan)
    saturation: np.ndarray = 100.0 * oxygen * (rule["offset_c"] + temp) / rule["numerator"]
    return saturation


def _measured(samples: pd.DataFrame, item: str) -> tuple[np.ndarray, np.ndarray]:
    column = samples[item]
    if pd.api.types.is_numeric_dtype(column):
        value = column.to_numpy(dtype=float, na_value=np.nan)
        flag = samples.get(f"{item}_flag", pd.Series("", index=samples.index))
    else:
        from basin.layers import parse_measurement

        parsed, flag = parse_measurement(column)
        value = parsed.to_numpy(dtype=float, na_value=np.nan)
    return value, flag.fillna("").to_numpy(dtype=object)


def _period_means(monthly: pd.DataFrame) -> pd.DataFrame:
    return (
        monthly.groupby(["section_id", "item_id"], observed=True)
        .agg(
            value=("value", "mean"),
            n=("n", "sum"),
            n_months=("month", "size"),
            n_below=("n_below", "sum"),
            # of dissolved oxygen only if every month of it has one
            saturation_pct=("saturation_pct", "mean"),
            with_temp=("saturation_pct", "count"),
        )
        .reset_index()
        .assign(saturation_pct=lambda t: t["saturation_pct"].where(t["with_temp"] == t["n_months"]))
    )


def _judge(means: pd.DataFrame, table: Any) -> pd.DataFrame:
    """Add class, limits and multiples to a table of section_id, item_id, value."""
    limits = gb3838()
    result = means.copy()
    body = _waterbody(table).reindex(result["section_id"]).to_numpy(dtype=object)
    target = table["target_class"].reindex(result["section_id"]).to_numpy(dtype=object)
    item = result["item_id"].to_numpy(dtype=object)
    value = result["value"].to_numpy(dtype=float)
    result["water_class"] = classify(
        value, item, body, saturation=result["saturation_pct"].to_numpy(dtype=float)
    )
    result["rank"] = class_rank(result["water_class"])
    result["evaluated"] = limits["evaluated"].reindex(item).to_numpy(dtype=bool)
    result["order"] = limits.index.get_indexer(pd.Index(item))
    result["unit"] = limits["unit"].reindex(item).to_numpy(dtype=object)
    result["limit_iii"] = _limit(item, body, np.full(len(item), "III", dtype=object))
    result["multiple"] = exceedance_multiple(value, item, body)
    result["target_limit"] = _limit(item, body, target)
    result["target_multiple"] = exceedance_multiple(value, item, body, against=target)
    aim, rank = class_rank(target), result["rank"].to_numpy()
    judged = (aim > 0) & (aim < 6) & (rank > 0) & result["evaluated"].to_numpy()
    result["compliant"] = pd.arrays.BooleanArray(rank <= aim, ~judged)
    return result.astype({"unit": "str", "water_class": "str"})


def _limit(item: Any, body: Any, code: Any) -> np.ndarray:
    out = np.full(len(item), np.nan)
    for kind in ("river", "lake"):
        limits = gb3838(kind)
        table = limits[list(CLASSES[:5])].to_numpy(dtype=float)
        rank = class_rank(code)
        here = (body == kind) & (rank > 0) & (rank <= 5)
        out[here] = table[limits.index.get_indexer(pd.Index(item[here])), rank[here] - 1]
    return out


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
    result["missing_items"] = _missing(counted, ids)
    result["below_detection_items"] = _joined(below, ["section_id"]).reindex(ids, fill_value="")
    for item, column in (("tn", "tn_mg_l"), ("fecal_coliform", "fecal_coliform_per_l")):
        own = items[items["item_id"] == item].set_index("section_id")
        result[column] = own["value"].reindex(ids)
        result[f"{item}_class"] = own["water_class"].reindex(ids, fill_value="none")
    result["note"] = _notes(result, span)
    return result


def _missing(counted: pd.DataFrame, ids: Any) -> list[str]:
    limits = gb3838()
    wanted = limits.index[limits["evaluated"]]
    have = counted.groupby("section_id")["item_id"].agg(set)
    return [", ".join(i for i in wanted if i not in have.get(s, set())) for s in ids]


def _notes(result: Any, span: Period) -> list[str]:
    rules = assessment_method()["samples"]
    months = result["n_months"].to_numpy()
    whole_year = span.kind == "year" or len(span.months) == 12
    if whole_year or span.kind in rules:
        rule = rules["year" if whole_year else span.kind]
        least, ask = int(rule["months"]), int(rule["ask"])
    else:
        least = ask = len(span.months)
    aim = class_rank(result["target_class"])
    marks = {
        "no_samples": months == 0,
        "below_minimum": (months > 0) & (months < least),
        "below_ask": (months >= least) & (months < ask),
        "waterbody_assumed": ~result["waterbody"].isin(["river", "lake"]).to_numpy(),
        "no_target": (aim == 0) | (aim > 5),
    }
    return [", ".join(k for k, here in marks.items() if here[n]) for n in range(len(result))]


def _tidy(items: pd.DataFrame, table: Any) -> pd.DataFrame:
    columns = [
        "section_id", "item_id", "value", "unit", "n", "n_months", "n_below", "water_class",
        "limit_iii", "multiple", "target_limit", "target_multiple", "compliant", "evaluated",
        "saturation_pct",
    ]  # fmt: skip
    place = items["section_id"].map({s: n for n, s in enumerate(table.index)})
    if "month" in items.columns:
        columns = ["section_id", "month", *[c for c in columns[1:] if c != "n_months"]]
    by = [c for c in ("_place", "month", "order") if c in ("_place", *items.columns)]
    ordered = items.assign(_place=place).sort_values(by, kind="stable")
    return ordered[columns].reset_index(drop=True)
