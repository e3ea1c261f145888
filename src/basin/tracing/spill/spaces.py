"""Space for time (南阳实践): which structures can be closed in time, and what they hold.

A space is usable when the leading edge comes later than the report and the closing take. What it
must hold is the flow for the time that the polluted water takes to pass, or for the time that
treating it takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["FIT", "WHOLE", "space_table"]

_S_PER_H, _MIN_PER_H = 3_600.0, 60.0

#: From so much of the matter on all of it passes a structure.
WHOLE = 1.0 - 1e-6

#: How a space can serve, best first.
FIT = ("usable", "partial", "late", "unknown")

#: Structures that can hold water back or take it up.
_HOLDING = ("dam", "sluice", "weir", "pond")


def space_table(
    arrivals: Any, structures: pd.DataFrame, *, report_min: float, treat_h: float | None
) -> pd.DataFrame:
    """Tell of each structure on the way whether it can be closed in time, and what it holds.

    Parameters
    ----------
    arrivals
        Of the spill: rows of kind ``structure``, one a case.
    structures
        ``id``, ``kind``, ``volume_m3``, ``close_min``.
    report_min
        Minutes from the spill to the order to close.
    treat_h
        Hours that water must be held for treatment; None: while the polluted water passes.

    Returns
    -------
    DataFrame by ``structure_id``, in the order that the spill comes to them
        ``name``, ``kind``, ``river``, ``district``, ``distance_m`` (at median flow), ``arrival_h``
        (leading edge in the fastest case), ``report_min``, ``close_min``, ``margin_min`` (arrival
        less both), ``closable`` (yes, no, unknown), ``mass_share`` (part of the matter that passes:
        less than 1 on one arm of several), ``volume_m3``, ``flow_m3_s`` (high), ``needed_m3`` (the
        most of the three flows), ``hold_h`` (volume over high flow), ``enough`` (yes, no,
        unknown), ``fit``: usable, partial (in time, but with room or matter for a part only), late,
        unknown; and ``held_m3``, the volume of this and all spaces before it that can be closed in
        time.
    """
    own = arrivals[arrivals["kind"] == "structure"]
    wide = own.pivot_table(
        index="id", columns="case", values=["leading_h", "passage_h", "flow_m3_s"], sort=False,
        dropna=False,
    )  # fmt: skip
    facts = own[own["case"] == "median"].set_index("id")
    facts = facts[~facts.index.duplicated()]
    record = structures.drop_duplicates("id").set_index("id").reindex(facts.index)
    holding = record["kind"].isin(_HOLDING) | record["kind"].isna()
    facts, record = facts[holding], record[holding]
    wide = wide.reindex(facts.index)
    table = facts[["name", "river", "district", "distance_m"]].copy()
    table.insert(1, "kind", record["kind"].astype(object).fillna(""))
    table["arrival_h"] = _of(wide, "leading_h", "fastest")
    table["report_min"] = report_min
    table["close_min"] = record["close_min"].astype(float)
    table["margin_min"] = table["arrival_h"] * _MIN_PER_H - report_min - table["close_min"]
    table["closable"] = _answer(table["margin_min"].gt(0), table["margin_min"].notna())
    table["mass_share"] = facts["mass_share"]
    table["volume_m3"] = record["volume_m3"].astype(float)
    table["flow_m3_s"] = _of(wide, "flow_m3_s", "high")
    flows = ("low", "median", "high")
    hold = [treat_h if treat_h is not None else _of(wide, "passage_h", f) for f in flows]
    needs = [_of(wide, "flow_m3_s", f) * h * _S_PER_H for f, h in zip(flows, hold, strict=True)]
    table["needed_m3"] = np.max(needs, axis=0) if len(table) else pd.Series(dtype=float)
    table["hold_h"] = table["volume_m3"] / table["flow_m3_s"] / _S_PER_H
    known = table["volume_m3"].notna() & table["needed_m3"].notna()
    table["enough"] = _answer(table["volume_m3"].ge(table["needed_m3"]), known)
    table["fit"] = np.select(
        [
            table["closable"].eq("no"),
            table["closable"].eq("unknown") | table["enough"].eq("unknown"),
            table["enough"].eq("yes") & table["mass_share"].gt(WHOLE),
        ],
        ["late", "unknown", "usable"],
        default="partial",
    )
    serves = table["fit"].isin(["usable", "partial"])
    table["held_m3"] = table["volume_m3"].where(serves, 0.0).cumsum()
    named: pd.DataFrame = table.rename_axis("structure_id")
    return named


def _of(wide: pd.DataFrame, value: str, case: str) -> pd.Series:
    if (value, case) not in wide.columns:
        return pd.Series(np.nan, index=wide.index)
    return wide[(value, case)].astype(float)


def _answer(yes: pd.Series, known: pd.Series) -> Any:
    return np.where(known, np.where(yes, "yes", "no"), "unknown")
