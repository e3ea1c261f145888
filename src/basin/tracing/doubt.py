"""How sure a trace is: the same balance drawn many times over loads, flows, decay and velocity.

A load, a flow and a concentration are drawn log-normal with the stated figure as the median, so
that an interval holds the truth as often as it says; decay between its lowest and highest figure
with the peak at the one used; velocity log-normal, one factor for all reaches, which is the widest
that travel times can be together. One seed gives one answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.standards.tracing import tracing_figures
from basin.tracing.chain import close_intervals, measured_below, outfalls_below
from basin.tracing.model import Model

__all__ = ["PARTS", "Draws", "draw", "interval_rows", "outfall_doubt", "quantiles"]

Floats = npt.NDArray[np.float64]

#: What a flux is made of.
PARTS = ("inherited", "explained", "remainder")

#: Streams of random numbers, so that a change in one leaves the others as they were.
_K, _VELOCITY, _LOADS, _FLOW, _VALUE = range(5)

#: So many values are worked on at once: they stay in the cache.
_BLOCK = 1 << 16

#: 90 % of a normal distribution lies within so many standard deviations.
_Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Draws:
    """Random draws of one model.

    Attributes
    ----------
    rate : shape (d,)
        Decay per hour at the mean velocity: what arrives after t hours is exp(-rate t).
    load_kg_d : shape (m, d)
        At the outfalls.
    """

    model: Model
    rate: Floats
    load_kg_d: Floats

    def arriving(self, at: int = 0, rows: Any = slice(None)) -> Floats:
        """Loads of outfalls that arrive at a section of the chain, shape (m, d)."""
        chain = self.model.chain
        hours = chain.outfall_hours[rows] - chain.hours[at]
        load = self.load_kg_d[rows]
        arriving: Floats = np.empty_like(load)
        for block in _blocks(*load.shape):
            left = np.multiply.outer(-hours[block], self.rate, out=arriving[block])
            np.exp(left, out=left)
            left *= load[block]
        return arriving

    def flow(self, at: int, span: int) -> Floats:
        """Flow at a section, shape (d,); one error in all spans."""
        model = self.model
        z = self._normal(_FLOW, at)
        flow: Floats = model.flow_m3_s[at, span] * np.exp(_ln_sd(model.flow_rel_sd[at, span]) * z)
        return flow

    def value(self, at: int, span: int) -> Floats:
        """Concentration at a section, shape (d,)."""
        model = self.model
        z = self._normal(_VALUE, at, span)
        spread = _ln_sd(model.value_rel_sd[at, span]) * z
        value: Floats = model.value_mg_l[at, span] * np.exp(spread)
        return value

    def flux(self, at: int, span: int) -> Floats:
        """Flux at a section, shape (d,): of the same flow and concentration."""
        model = self.model
        z = _ln_sd(model.value_rel_sd[at, span]) * self._normal(_VALUE, at, span)
        z += _ln_sd(model.flow_rel_sd[at, span]) * self._normal(_FLOW, at)
        flux: Floats = model.flux_kg_d[at, span] * np.exp(z)
        return flux

    def _normal(self, *stream: int) -> Floats:
        return _random(self.model, *stream).standard_normal(self.model.draws)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Rows that are worked on at once, few enough to stay in the cache."""
    step = max(_BLOCK // max(columns, 1), 1)
    for at in range(0, rows, step):
        yield slice(at, at + step)


def _random(model: Model, *stream: int) -> np.random.Generator:
    return np.random.default_rng([model.seed, *stream])


def _ln_sd(rel: Any) -> Any:
    """Standard deviation of the logarithm, for a relative standard deviation."""
    return np.sqrt(np.log1p(np.square(rel)))


def draw(model: Model) -> Draws:
    """Draw decay, velocity and loads."""
    decay, d = model.decay, model.draws
    k = np.full(d, decay.k_per_d)
    if decay.high > decay.low:
        k = _random(model, _K).triangular(decay.low, decay.k_per_d, decay.high, d)
    spread = np.log1p(tracing_figures("velocity")["band"]) / _Z90
    slower = np.exp(spread * _random(model, _VELOCITY).standard_normal(d))
    z = _random(model, _LOADS).standard_normal((len(model.load_kg_d), d))
    sd, load = _ln_sd(model.load_rel_sd)[:, None], model.load_kg_d[:, None]
    for block in _blocks(*z.shape):
        z[block] *= sd[block]
        np.exp(z[block], out=z[block])
        z[block] *= load[block]
    return Draws(model, k * slower / 24.0, z)


def quantiles(values: Floats, axis: int = -1) -> tuple[Any, Any]:
    """Low and high end of the interval that is told."""
    told = tracing_figures("doubt")
    low, high = np.quantile(values, [told["low"], told["high"]], axis=axis)
    return low, high


def interval_rows(model: Model, draws: Draws, pairs: list[tuple[int, int]]) -> pd.DataFrame:
    """Close the balance at sections and spans, with intervals.

    Parameters
    ----------
    pairs
        (section, span) by position; one row each.

    Returns
    -------
    DataFrame
        ``flux_kg_d``, ``inherited_kg_d``, ``explained_kg_d``, ``remainder_kg_d``, each with its
        ``_low_kg_d`` and ``_high_kg_d``, and the shares of the flux with theirs; NaN what is
        not known.
    """
    central = close_intervals(
        model.chain, model.flux_kg_d, model.load_kg_d, model.decay.k_per_d, model.measured
    )
    lower = measured_below(model.chain.parent, model.measured)
    below = outfalls_below(model.chain, model.measured, lower)
    rows = []
    for at, span in pairs:
        flux = float(model.flux_kg_d[at, span])
        inherited, explained = (
            float(central.inherited[at, span]),
            float(central.explained[at, span]),
        )
        if not model.load:
            inherited = explained = float("nan")
        row = {
            "flux_kg_d": flux,
            "inherited_kg_d": inherited,
            "explained_kg_d": explained,
            "remainder_kg_d": flux - inherited - explained,
        }
        whole = flux if flux > 0 else float("nan")
        row |= {f"{part}_share": row[f"{part}_kg_d"] / whole for part in PARTS}
        if model.load:
            above = np.flatnonzero((lower[:, span] == at) & model.measured[:, span])
            row |= _spread(draws, at, span, above, np.flatnonzero(below[:, span] == at))
        rows.append(row)
    columns = [f"{p}{end}_kg_d" for p in ("flux", *PARTS) for end in ("", "_low", "_high")]
    columns += [f"{p}_share{end}" for p in PARTS for end in ("", "_low", "_high")]
    return pd.DataFrame(rows).reindex(columns=columns).astype(float)


def _spread(draws: Draws, at: int, span: int, above: Any, outfalls: Any) -> dict[str, float]:
    """Intervals of one balance."""
    model, chain = draws.model, draws.model.chain
    amounts = {"explained": draws.arriving(at, outfalls).sum(axis=0)}
    if np.isfinite(model.flux_kg_d[above, span]).all():
        inherited = np.zeros(model.draws)
        for up in above:
            left = np.exp(-draws.rate * (chain.hours[up] - chain.hours[at]))
            inherited += draws.flux(int(up), span) * left
        amounts["inherited"] = inherited
    flux = draws.flux(at, span)
    row: dict[str, float] = {}
    if np.isfinite(flux).all():
        if "inherited" in amounts:
            amounts["remainder"] = flux - amounts["inherited"] - amounts["explained"]
        for part in amounts if (flux > 0).all() else ():
            row[f"{part}_share_low"], row[f"{part}_share_high"] = quantiles(amounts[part] / flux)
        amounts["flux"] = flux
    for part, drawn in amounts.items():
        row[f"{part}_low_kg_d"], row[f"{part}_high_kg_d"] = quantiles(drawn)
    return row


def outfall_doubt(model: Model, draws: Draws) -> pd.DataFrame:
    """Tell for each outfall of known load between what its part lies, and how it may rank.

    Returns
    -------
    DataFrame by outfall_id
        ``arriving_low_kg_d``, ``arriving_high_kg_d``; ``share_low``, ``share_high`` of the flux (of
        the explained load where no flux above 0 is known); ``rank_low``, ``rank_high``; ``p_top3``;
        ``cannot_exclude``: its share may be more than negligible.
    """
    told = tracing_figures("doubt")
    arriving = draws.arriving()
    table = pd.DataFrame(index=model.outfall_ids)
    if not len(table):
        return table.reindex(columns=_DOUBT)
    counts = _rank_counts(arriving)
    flux = draws.flux(0, 0)
    if not (flux > 0).all():
        flux = arriving.sum(axis=0)
    ends = [told["low"], told["high"], told["sure"]]
    table["share_low"], table["share_high"], sure = _row_quantiles(arriving, ends, flux)
    both = _row_quantiles(arriving, ends[:2])
    table["arriving_low_kg_d"], table["arriving_high_kg_d"] = both
    reached = np.cumsum(counts, axis=1) / model.draws
    table["rank_low"] = 1 + (reached < told["low"]).sum(axis=1)
    table["rank_high"] = 1 + (reached < told["high"]).sum(axis=1)
    table["p_top3"] = counts[:, : told["top"]].sum(axis=1) / model.draws
    table["cannot_exclude"] = sure >= told["negligible"]
    return table[_DOUBT]


#: Cells of a row when quantiles are looked for, as a power of 2.
_CELL_BITS = 9

_DOUBT = [
    "arriving_low_kg_d", "arriving_high_kg_d", "share_low", "share_high", "rank_low", "rank_high",
    "p_top3", "cannot_exclude",
]  # fmt: skip


def _row_quantiles(values: Floats, ends: list[float], whole: Any = 1.0) -> list[Floats]:
    """Quantiles of each row over `whole` as `np.quantile` gives them; nothing is negative."""
    rows = [_few_quantiles(values[block] / whole, ends) for block in _blocks(*values.shape)]
    return list(np.concatenate(rows, axis=1))


def _few_quantiles(values: Floats, ends: list[float]) -> Floats:
    """The same of a block of rows, shape (q, rows), without sorting them.

    The bits of a float32 that is not negative rise with its value, so that their upper part parts
    the values into cells, fine at every order of magnitude. After counting the cells, only those
    that hold an order statistic asked for are sorted.
    """
    m, n = values.shape
    places = [(int(end * (n - 1)), end * (n - 1) - int(end * (n - 1))) for end in ends]
    asked = np.array(sorted({min(at + k, n - 1) for at, _ in places for k in (0, 1)}))
    bits = values.astype(np.float32).view(np.int32)
    bits -= bits.min(axis=1, keepdims=True)
    bits >>= max(int(bits.max()).bit_length() - _CELL_BITS, 0)
    bits += np.arange(m, dtype=np.int32)[:, None] << _CELL_BITS
    cell = bits.ravel().astype(np.intp)
    so_far = np.append(0, np.bincount(cell, minlength=m << _CELL_BITS).cumsum())
    place = asked + n * np.arange(m)[:, None]  # among all values, row after row
    own = np.searchsorted(so_far, place, side="right") - 1
    wanted = np.zeros(m << _CELL_BITS, dtype=bool)
    wanted[own] = True
    flat, held = values.ravel(), np.flatnonzero(wanted[cell])
    held = held[np.lexsort((flat[held], cell[held]))]
    found = flat[held[np.searchsorted(cell[held], own) + place - so_far[own]]]
    at = {int(k): found[:, j] for j, k in enumerate(asked)}
    return np.array([at[k] * (1 - part) + at[min(k + 1, n - 1)] * part for k, part in places])


def _rank_counts(amounts: Floats) -> Any:
    """How often each outfall has each rank, the largest first: shape (m, m).

    Amounts that differ by less than a float32 can tell (1e-7) rank as they stand. The bits of a
    float32 and the outfall's position are one integer: sorting those is faster than an argsort.
    """
    m, draws = amounts.shape
    counts = np.zeros(m * m, dtype=np.intp)
    step = max(_BLOCK // m, m)
    for at in range(0, draws, step):
        some = np.ascontiguousarray(amounts[:, at : at + step].T, dtype=np.float32)
        cells = some.view(np.int32).astype(np.int64)
        cells <<= 32
        np.subtract(np.arange(m), cells, out=cells)  # the largest first
        cells.sort(axis=1)
        cells &= 0xFFFFFFFF
        cells *= m
        cells += np.arange(m)
        counts += np.bincount(cells.ravel(), minlength=m * m)
    return counts.reshape(m, m)
