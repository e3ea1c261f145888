"""The fewest reductions that bring a section to its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import as_id
from basin.errors import AssessmentError

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["ReductionPlan", "plan_reductions", "smallest_set"]

Floats = npt.NDArray[np.float64]

#: Up to so many candidates all sets are looked at (in halves); above, a set is improved by swaps.
EXACT_UP_TO = 30


@dataclass(frozen=True)
class ReductionPlan:
    """Which outfalls to reduce, and by how much.

    Attributes
    ----------
    outfalls
        By outfall_id, largest cut first: ``name``, ``arriving_kg_d``, ``cut_arriving_kg_d`` (what
        no longer arrives; the last outfall is cut by what is still needed only), ``cut_kg_d`` (at
        the outfall), ``cut_share`` of its load.
    needed_kg_d
        What must not arrive any more: the flux less the flux at the limit; 0 if the section passes.
    available_kg_d
        What could be cut at all candidates together.
    reached
        Whether the cuts are enough; if not, all candidates are listed, and the rest must come off
        what is inherited or unknown.
    exact
        Whether no other set of as few outfalls needs a smaller full cut; the number of outfalls is
        always the least.
    """

    outfalls: pd.DataFrame
    needed_kg_d: float
    available_kg_d: float
    reached: bool
    exact: bool


def plan_reductions(trace: SourceTrace, achievable: Mapping[Any, float] | None) -> ReductionPlan:
    """Choose the fewest outfalls; of sets as small, the one whose full cut is least."""
    balance = trace.balance
    needed = float(balance["flux_kg_d"] - balance["allowed_kg_d"])
    if not np.isfinite(needed):
        raise AssessmentError(
            "the flux of the section is not known, so no reduction can be reckoned",
            ids=[trace.section_id],
            mend="Give the section's flow_m3_s and samples of the item.",
        )
    table = trace.outfalls.loc[trace.model.outfall_ids]
    part = np.ones(len(table))
    if achievable is not None:
        by_id = {as_id(k): float(v) for k, v in achievable.items()}
        strange = [k for k in by_id if k not in table.index]
        wrong = [k for k, v in by_id.items() if not 0 <= v <= 1]
        if strange or wrong:
            raise AssessmentError(
                "achievable parts are not of outfalls with a known load, or not between 0 and 1",
                ids=[*strange, *wrong],
                mend="Give a part of 0 to 1 by outfall_id.",
            )
        part = np.array([by_id.get(str(k), 0.0) for k in table.index])
    arriving = table["arriving_kg_d"].to_numpy(dtype=float)
    cut = arriving * part
    chosen, exact = smallest_set(cut, needed)
    chosen = chosen[np.argsort(-cut[chosen], kind="stable")]
    reached = bool(cut[chosen].sum() >= needed * (1 - 1e-12))
    taken = cut[chosen].copy()
    if reached and len(taken):
        taken[-1] -= max(taken.sum() - max(needed, 0.0), 0.0)
    picked = table.iloc[chosen]
    kept = arriving[chosen] / picked["load_kg_d"].to_numpy(dtype=float)
    plan = pd.DataFrame(
        {
            "name": picked["name"],
            "arriving_kg_d": arriving[chosen],
            "cut_arriving_kg_d": taken,
            "cut_kg_d": taken / kept,
            "cut_share": taken / arriving[chosen],
        },
        index=picked.index,
    )
    return ReductionPlan(plan, max(needed, 0.0), float(cut.sum()), reached, exact)


def smallest_set(cuts: Floats, needed: float) -> tuple[npt.NDArray[np.intp], bool]:
    """Choose as few of `cuts` as reach `needed`; of sets as small, the one with the least sum.

    Parameters
    ----------
    cuts : shape (m,)
        Not negative.
    needed

    Returns
    -------
    chosen : shape (k,)
        Positions; all above zero if even they do not reach `needed`, none if nothing is needed.
    exact
        Up to 30 candidates: yes. Above, the set of the k largest is improved by swapping single
        ones as long as that lowers the sum; its size is still the least.
    """
    positive = np.flatnonzero(cuts > 0)
    if needed <= 0:
        return positive[:0], True
    order = positive[np.argsort(-cuts[positive], kind="stable")]
    total = np.cumsum(cuts[order])
    need = needed * (1 - 1e-12)
    if not len(order) or total[-1] < need:
        return order, True
    # no k outfalls bring more than the k largest: so the first k that reaches is the least
    k = int(np.argmax(total >= need)) + 1
    if len(order) > EXACT_UP_TO:
        return _swapped(cuts, order, k, need), False
    return order[_least_sum(cuts[order], k, need)], True


def _least_sum(cuts: Floats, k: int, need: float) -> npt.NDArray[np.intp]:
    """Of all sets of k, the one with the least sum not below `need`: meet in the middle."""
    half = len(cuts) // 2
    left, right = _subsets(cuts[:half]), _subsets(cuts[half:])
    best, found = np.inf, (0, 0)
    for of_left in range(max(0, k - (len(cuts) - half)), min(half, k) + 1):
        a, b = left[of_left], right[k - of_left]
        order = np.argsort(b[0], kind="stable")
        sums = b[0][order]
        at = np.searchsorted(sums, need - a[0], side="left")
        fits = np.flatnonzero(at < len(sums))
        if not len(fits):
            continue
        total = a[0][fits] + sums[at[fits]]
        least = int(np.argmin(total))
        if total[least] < best:
            best = float(total[least])
            found = (int(a[1][fits[least]]), int(b[1][order[at[fits[least]]]]))
    bits = found[0] | (found[1] << half)
    return np.array([n for n in range(len(cuts)) if bits >> n & 1], dtype=np.intp)


def _subsets(values: Floats) -> list[tuple[Floats, Any]]:
    """Sums of all subsets and their bits, by size."""
    n = len(values)
    sums, size = np.zeros(1), np.zeros(1, dtype=int)
    for value in values:
        sums, size = np.concatenate([sums, sums + value]), np.concatenate([size, size + 1])
    bits = np.arange(len(sums))
    return [(sums[size == s], bits[size == s]) for s in range(n + 1)]


def _swapped(cuts: Floats, order: Any, k: int, need: float) -> npt.NDArray[np.intp]:
    """Improve the k largest: swap one for a smaller one outside while the sum still suffices."""
    chosen, outside = list(order[:k]), list(order[k:])
    while outside:
        spare = cuts[chosen].sum() - need
        gain = cuts[chosen][:, None] - cuts[outside][None, :]
        gain = np.where((gain > 0) & (gain <= spare), gain, 0.0)
        at, other = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[at, other] <= 0:
            break
        chosen[at], outside[other] = outside[other], chosen[at]
    return np.array(chosen, dtype=np.intp)
