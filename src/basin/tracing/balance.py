"""Loads at a section: observed, inherited from measured sections above, explained, and the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin.standards.quality import gb3838
from basin.standards.tracing import tracing_figures

__all__ = ["KG_D", "balance_status", "close_balance", "has_load"]

#: kg/d for 1 mg/L in 1 m3/s.
KG_D = 86.4


def has_load(item: str) -> bool:
    """True if an item is an amount of matter in water, so that loads of it can be added up."""
    table = gb3838()
    return item != "do" and item in table.index and table["unit"].to_dict()[item] == "mg/L"


def close_balance(
    row: Any, *, observed: float, limit: float, flow_m3_s: float, outfalls: Any, load: bool
) -> pd.Series:
    """Tell the balance of a section over the period.

    Parameters
    ----------
    row
        Flux, its parts and their intervals, as `basin.tracing.doubt.interval_rows` gives them.
    observed, limit
        Mean concentration and limit of the reference class, mg/L.
    outfalls
        Ranked outfalls: ``arriving_kg_d``, ``local``.
    load
        Whether the item can be balanced at all.

    Returns
    -------
    Series of float
        ``observed_mg_l``, ``limit_mg_l``, ``flow_m3_s``, ``flux_kg_d`` = 86.4 C Q, ``allowed_kg_d``
        (the flux at the limit), ``inherited_kg_d`` (from the nearest measured sections above),
        ``explained_kg_d`` (arriving from local outfalls), ``remainder_kg_d`` = flux - inherited -
        explained, the three shares of the flux (they sum to 1; what is inherited and the remainder
        are NaN where a nearest section above has no flow), ``upstream_kg_d`` (arriving from
        outfalls above those sections: part of what is inherited, not added), and the ends of the
        90 % intervals: ``flux_low_kg_d``, ``remainder_share_high`` and so on.
    """
    arriving = outfalls["arriving_kg_d"].fillna(0.0)
    local = outfalls["local"].to_numpy(dtype=bool)
    values = {
        "observed_mg_l": observed,
        "limit_mg_l": limit,
        "flow_m3_s": flow_m3_s,
        "allowed_kg_d": KG_D * limit * flow_m3_s if load else np.nan,
        "upstream_kg_d": float(arriving[~local].sum()) if load else np.nan,
    }
    whole: pd.Series = pd.concat([pd.Series(values, dtype=float), row.astype(float)])
    return whole


def balance_status(balance: Any) -> str:
    """Say how far a balance can be trusted.

    ``closed``: the remainder is not negative. ``overexplained``: inherited and explained load
    slightly exceed the flux. ``impossible``: by more than 20 %. ``undecided``: what is inherited is
    not known, and the rest does not exceed the flux. ``zero``: the flux is 0, there is nothing to
    part. ``open``: no flux is known.
    """
    flux = balance["flux_kg_d"]
    if not flux > 0:
        return "zero" if flux == 0 else "open"
    parts = balance[["inherited_kg_d", "explained_kg_d"]].astype(float)
    accounted = parts.sum() / flux  # what is not known is 0 or more
    if accounted > tracing_figures("balance")["impossible"]:
        return "impossible"
    if accounted > 1 + 1e-9:
        return "overexplained"
    return "undecided" if parts.isna().any() else "closed"
