"""Which measured section comes next below each section and outfall, and what arrives there.

All ways to one place form a tree, and so do the main ways of a basin: a section needs to know only
the section next below it. Which of them were measured differs from month to month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Chain", "Parts", "close_intervals", "measured_below"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Chain:
    """Sections and outfalls on their ways down.

    Attributes
    ----------
    parent : shape (n,)
        Position of the section next below each section, -1 for the last. A section stands after
        the one that it flows to.
    hours : shape (n,)
        Travel time of each section to a place below all of its way.
    outfall_parent, outfall_hours : shape (m,)
        The same of outfalls; the parent may be at the outfall's own place.
    """

    parent: Ints
    hours: Floats
    outfall_parent: Ints
    outfall_hours: Floats


class Parts(NamedTuple):
    """What arrives at each section in each span, kg/d: shape (n, s).

    NaN is inherited where the flux of a next section above is not known.
    """

    inherited: Floats
    explained: Floats


def measured_below(parent: Ints, measured: Bools) -> Ints:
    """Find the next measured section below each section, for each span; -1 for none.

    Parameters
    ----------
    measured : shape (n, s)

    Returns
    -------
    shape (n, s)
    """
    lower = np.full(measured.shape, -1, dtype=np.intp)
    for at, below in enumerate(parent.tolist()):  # from the last section up
        if below >= 0:
            lower[at] = np.where(measured[below], below, lower[below])
    return lower


def outfalls_below(chain: Chain, measured: Bools, lower: Ints) -> Ints:
    """Find the next measured section below each outfall, for each span, shape (m, s)."""
    at = chain.outfall_parent
    here = np.maximum(at, 0)
    found = np.where(measured[here], here[:, None], lower[here])
    return np.where(at[:, None] < 0, -1, found)


def close_intervals(
    chain: Chain, flux: Floats, load: Floats, k_per_d: float, measured: Bools
) -> Parts:
    """Sum what arrives at each section from the next measured sections and the outfalls between.

    Parameters
    ----------
    flux : shape (n, s)
        kg/d; NaN where not known.
    load : shape (m,) or (m, s)
        kg/d at the outfalls; NaN counts as nothing.
    k_per_d
        First-order decay over the travel time.
    measured : shape (n, s)
        The sections between which the balance is drawn up.
    """
    n, spans = measured.shape
    lower = measured_below(chain.parent, measured)
    below = outfalls_below(chain, measured, lower)
    loads = np.broadcast_to(load if load.ndim == 2 else load[:, None], (len(load), spans))
    loads = np.nan_to_num(loads)
    parts = Parts(np.zeros((n, spans)), np.zeros((n, spans)))
    for span in range(spans):
        for target, amount, hours, out in (
            (np.where(measured[:, span], lower[:, span], -1), flux, chain.hours, parts.inherited),
            (below[:, span], loads, chain.outfall_hours, parts.explained),
        ):
            rows = np.flatnonzero(target >= 0)
            to = target[rows]
            left = np.exp(-k_per_d * (hours[rows] - chain.hours[to]) / 24.0)
            arriving = amount[rows, span] * left
            out[:, span] = np.bincount(to, weights=arriving, minlength=n)
    return parts
