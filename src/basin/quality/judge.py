"""Means of values, and their judgement by GB 3838: class, limits, multiples, compliance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin.quality.clauses import item_clause
from basin.standards.quality import CLASSES, class_rank, classify, exceedance_multiple, gb3838

__all__ = ["judge", "month_means", "period_means", "tidy"]


def _waterbody(table: Any) -> pd.Series:
    return pd.Series(
        np.where(table["waterbody"].eq("lake").fillna(False), "lake", "river"),
        index=table.index,
        dtype=object,
    )


def period_means(monthly: pd.DataFrame) -> pd.DataFrame:
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


def judge(means: pd.DataFrame, table: Any) -> pd.DataFrame:
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
    result["clause"] = item_clause(item)
    result["order"] = limits.index.get_indexer(pd.Index(item))
    result["unit"] = limits["unit"].reindex(item).to_numpy(dtype=object)
    result["limit_iii"] = _limit(item, body, np.full(len(item), "III", dtype=object))
    result["multiple"] = exceedance_multiple(value, item, body)
    result["target_limit"] = _limit(item, body, target)
    result["target_multiple"] = exceedance_multiple(value, item, body, against=target)
    aim, rank = class_rank(target), result["rank"].to_numpy()
    judged = (aim > 0) & (aim < 6) & (rank > 0) & result["evaluated"].to_numpy()
    result["compliant"] = pd.arrays.BooleanArray(rank <= aim, ~judged)
    return result.astype({"unit": "str", "water_class": "str", "clause": "str"})


def _limit(item: Any, body: Any, code: Any) -> np.ndarray:
    out = np.full(len(item), np.nan)
    for kind in ("river", "lake"):
        limits = gb3838(kind)
        table = limits[list(CLASSES[:5])].to_numpy(dtype=float)
        rank = class_rank(code)
        here = (body == kind) & (rank > 0) & (rank <= 5)
        out[here] = table[limits.index.get_indexer(pd.Index(item[here])), rank[here] - 1]
    return out


def tidy(items: pd.DataFrame, table: Any) -> pd.DataFrame:
    columns = [
        "section_id", "item_id", "value", "unit", "n", "n_months", "n_below", "water_class",
        "limit_iii", "multiple", "target_limit", "target_multiple", "compliant", "evaluated",
        "saturation_pct", "enough", "clause",
    ]  # fmt: skip
    place = items["section_id"].map({s: n for n, s in enumerate(table.index)})
    if "month" in items.columns:
        without = ("n_months", "enough")
        columns = ["section_id", "month", *[c for c in columns[1:] if c not in without]]
    by = [c for c in ("_place", "month", "order") if c in ("_place", *items.columns)]
    ordered = items.assign(_place=place).sort_values(by, kind="stable")
    return ordered[columns].reset_index(drop=True)


def month_means(values: pd.DataFrame) -> pd.DataFrame:
    """Mean of the samples of each section, item and month."""
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
    return monthly
