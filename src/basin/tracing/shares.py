"""Who answers for how much of the flux: shares by district, town or party."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.errors import AssessmentError
from basin.tracing.doubt import quantiles

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["responsibility"]

_COLUMNS = [
    "who", "source", "n", "arriving_kg_d", "share_of_flux", "share_low", "share_high",
    "cross_border",
]  # fmt: skip


def responsibility(trace: SourceTrace, by: str) -> pd.DataFrame:
    """Part the flux among the values of a column of the outfalls; see `SourceTrace`."""
    if by not in trace.outfalls.columns:
        raise AssessmentError(
            f"outfalls have no column {by!r}", mend="Give 'district', 'town' or 'responsible'."
        )
    model, draws = trace.model, trace.draws
    local = trace.outfalls[trace.outfalls["local"].to_numpy(dtype=bool)]
    local = local[local["carries_item"] != "no"]
    who = local[by].astype(object).where(local[by].notna() & local[by].ne(""), "?")
    flux = float(trace.balance["flux_kg_d"])
    drawn = draws.flux(0, 0)
    known = bool((drawn > 0).all()) and flux > 0
    rows, parts = [], np.zeros(model.draws)
    position = pd.Series(np.arange(len(model.outfall_ids)), index=model.outfall_ids)
    for name, group in local.groupby(who, sort=True):
        at = position.reindex(group.index).dropna().to_numpy(dtype=np.intp)
        amount = draws.arriving(0, at).sum(axis=0)
        parts += amount
        rows.append(
            _row(name, "outfalls", len(group), group["arriving_kg_d"].sum(), flux, amount, drawn)
        )
    rows.sort(key=lambda row: -row["arriving_kg_d"])
    ids = {s: k for k, s in enumerate(model.section_ids)}
    above = trace.upstream_sections
    for section_id, row in above[above["nearest"].astype(bool)].iterrows():
        at_section = ids[section_id]
        left = np.exp(-draws.rate * model.chain.hours[at_section])
        amount = draws.flux(at_section, 0) * left  # NaN where its flow is not known
        parts = parts + amount
        arriving = float(row["arriving_kg_d"])
        rows.append(_row(section_id, "inherited", 0, arriving, flux, amount, drawn))
    rest = flux - sum(row["arriving_kg_d"] for row in rows)
    rows.append(_row("", "remainder", 0, rest, flux, drawn - parts, drawn))
    table = pd.DataFrame(rows)
    if not known:
        table[["share_of_flux", "share_low", "share_high"]] = np.nan
    here = trace.fact["district"]
    other = (table["source"] == "outfalls") & ~table["who"].isin([here, "?"])
    told = (table["source"] == "outfalls").to_numpy() & bool(here) & (by == "district")
    table["cross_border"] = pd.arrays.BooleanArray(other.to_numpy(dtype=bool), ~told)
    return table[_COLUMNS]


def _row(
    who: Any, source: str, n: int, amount: float, flux: float, drawn: Any, whole: Any
) -> dict[str, Any]:
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = quantiles(drawn / whole)
    share = amount / flux if flux > 0 else np.nan
    return {
        "who": who, "source": source, "n": n, "arriving_kg_d": float(amount),
        "share_of_flux": share, "share_low": low, "share_high": high,
    }  # fmt: skip
