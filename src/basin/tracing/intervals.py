"""Between which measured sections the water goes bad: inherited told from local, month by month."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin.quality import SectionAssessment
from basin.standards.quality import class_rank
from basin.tracing.chain import measured_below
from basin.tracing.doubt import Draws, interval_rows
from basin.tracing.model import Model

__all__ = ["interval_table", "month_ranks", "origins"]

_FAILS = ["local", "inherited", "unknown"]


def month_ranks(
    assessment: SectionAssessment, section_ids: pd.Index, item: str, months: list[str]
) -> Any:
    """Rank of the item's class by section and month, 0 where it was not measured."""
    own = assessment.month_items
    own = own[own["item_id"] == item]
    rank = pd.Series(class_rank(own["water_class"]), index=[own["section_id"], own["month"]])
    grid = pd.MultiIndex.from_product([section_ids, months])
    return rank.reindex(grid, fill_value=0).to_numpy().reshape(len(section_ids), len(months))


def origins(parent: Any, rank: Any, aim: Any) -> Any:
    """Say of each section and month where what is wrong with the item comes from.

    The water fails at a section if its class is worse than the class asked for there. It came so
    if, in the same month, it was that bad already at one of the next measured sections above.

    Parameters
    ----------
    parent : shape (n,)
        As in `Chain`.
    rank : shape (n, k)
        Class rank by month, 0 where not measured.
    aim : int or shape (n,)
        Rank of the class asked for: that of the traced section, or of each section.

    Returns
    -------
    shape (n, k)
        ``""`` (not measured), passes, local (no section above is that bad), inherited (one is),
        unknown (no section above was measured in the month).
    """
    measured = rank > 0
    lower = measured_below(parent, measured)
    above = np.zeros(rank.shape, dtype=int)
    asked = np.broadcast_to(np.asarray(aim), (len(rank),))[:, None]
    at, month = np.nonzero(measured & (lower >= 0))
    np.maximum.at(above, (lower[at, month], month), rank[at, month])
    return np.select(
        [~measured, rank <= asked, above == 0, above > asked],
        ["", "passes", "unknown", "inherited"],
        default="local",
    )


def interval_table(
    model: Model, draws: Draws, origin: Any, names: Any, compliant: Any
) -> pd.DataFrame:
    """Draw up every interval above a section: its months, its balance, and whether it fails first.

    Parameters
    ----------
    origin : shape (n, k)
        As `origins` gives it.

    Returns
    -------
    DataFrame by section_id of the lower end, the traced section first
        ``name``; ``upper``, the next measured sections above; ``n_months``, the months in which the
        traced section fails (all, if it never does) and this one was measured, and of these
        ``n_failing``, ``n_local``, ``n_inherited``, ``n_unknown`` as in `origins`; ``compliant``
        with its own target by the period's mean; ``fails_first``: it fails in half of these months
        or more, and in half of those or more the water that reaches it is good enough, or nothing
        above is measured; ``n_outfalls`` of known load in it; the balance of the interval over the
        period with its intervals.
    """
    bad = np.isin(origin[0], _FAILS)
    code = origin[:, bad] if bad.any() else origin
    whole = model.measured[:, :1]
    lower = measured_below(model.chain.parent, whole)[:, 0]
    rows = np.flatnonzero(whole[:, 0])
    ids = model.section_ids
    table = interval_rows(model, draws, [(int(k), 0) for k in rows])
    table.index = pd.Index(ids[rows], name="section_id")
    upper = [", ".join(ids[np.flatnonzero((lower == k) & whole[:, 0])].astype(str)) for k in rows]
    counts = {"n_months": (code != "").sum(axis=1), "n_failing": np.isin(code, _FAILS).sum(axis=1)}
    counts |= {f"n_{c}": (code == c).sum(axis=1) for c in _FAILS}
    head = pd.DataFrame(
        {
            "name": names.reindex(table.index),
            "upper": upper,
            **{name: values[rows] for name, values in counts.items()},
            "compliant": compliant.reindex(table.index).astype("boolean"),
            "n_outfalls": _next_outfalls(model, lower, whole)[rows],
        },
        index=table.index,
    )
    often = (head["n_failing"] > 0) & (head["n_failing"] * 2 >= head["n_months"])
    new = head["n_local"] + head["n_unknown"]
    head["fails_first"] = often & (new * 2 >= head["n_failing"])
    return head.join(table)


def _next_outfalls(model: Model, lower: Any, whole: Any) -> Any:
    at = model.chain.outfall_parent
    here = np.maximum(at, 0)
    below = np.where(at < 0, -1, np.where(whole[here, 0], here, lower[here]))
    return np.bincount(below[below >= 0], minlength=len(lower))
