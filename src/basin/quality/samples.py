"""Samples as they come in, and as one row a value; what cannot be used is listed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin._text import as_ids
from basin.errors import AssessmentError
from basin.quality.periods import Period
from basin.standards.quality import assessment_method, gb3838

__all__ = ["entered", "long_values", "measured", "need", "section_ids", "sift"]


def need(table: Any, columns: tuple[str, ...], layer: str) -> None:
    lacking = [c for c in columns if c not in table.columns]
    if lacking:
        raise AssessmentError(
            f"{layer} lacks {' and '.join(lacking)}",
            mend="Read it with basin.layers.read_layer, which recognises other names.",
        )


def section_ids(sections: Any) -> pd.Series:
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


def entered(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Samples with ids as text and dates as dates; what stood where no date could be read."""
    from basin.layers.measurements import parse_dates

    dates, _ = parse_dates(samples["date"])
    written = samples["date"].astype("string").fillna("").where(dates.isna(), "")
    ids = as_ids(samples["section_id"]).fillna("").astype("str")
    return samples.assign(section_id=ids, date=dates), written


def sift(
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


def long_values(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per value; below detection halved. Also the values that nobody can know."""
    half = float(assessment_method()["below_detection"]["factor"])
    month = samples["date"].dt.strftime("%Y-%m").to_numpy(dtype=object)
    section = samples["section_id"].to_numpy(dtype=object)
    saturation = _saturation(samples)
    parts, lost = [], []
    for item in gb3838().index:
        if item not in samples.columns:
            continue
        value, flag = measured(samples, item)
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
    oxygen, temp = measured(samples, "do")[0], measured(samples, "water_temp")[0]
    low, high = rule["temp_c"]
    temp = np.where((temp >= low) & (temp <= high), temp, np.nan)
    saturation: np.ndarray = 100.0 * oxygen * (rule["offset_c"] + temp) / rule["numerator"]
    return saturation


def measured(samples: pd.DataFrame, item: str) -> tuple[np.ndarray, np.ndarray]:
    column = samples[item]
    if pd.api.types.is_numeric_dtype(column):
        value = column.to_numpy(dtype=float, na_value=np.nan)
        flag = samples.get(f"{item}_flag", pd.Series("", index=samples.index))
    else:
        from basin.layers import parse_measurement

        parsed, flag = parse_measurement(column)
        value = parsed.to_numpy(dtype=float, na_value=np.nan)
    return value, flag.fillna("").to_numpy(dtype=object)
