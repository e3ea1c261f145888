"""How sure a trace is: the same balance drawn many times over loads, flows, decay and velocity.

A load, a flow and a concentration are drawn log-normal with the stated figure as the median, so
that an interval holds the truth as often as it says; decay between its lowest and highest figure
with the peak at the one used; velocity log-normal, one factor for all reaches, which is the widest
that travel times can be together. One seed gives one answer.
"""

from __future__ import annotations

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
        left = np.multiply.outer(-hours, self.rate)
        np.exp(left, out=left)
        left *= self.load_kg_d[rows]
        arriving: Floats = left
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
    z *= _ln_sd(model.load_rel_sd)[:, None]
    np.exp(z, out=z)
    z *= model.load_kg_d[:, None]
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
        ``_low_kg_d`` and ``_high_kg_d``, and the shares of the flux with theirs.
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
    inherited = np.zeros(model.draws)
    for up in above:
        if np.isfinite(model.flux_kg_d[up, span]):
            left = np.exp(-draws.rate * (chain.hours[up] - chain.hours[at]))
            inherited += draws.flux(int(up), span) * left
    explained = draws.arriving(at, outfalls).sum(axis=0)
    flux = draws.flux(at, span)
    amounts = {"inherited": inherited, "explained": explained}
    row: dict[str, float] = {}
    if np.isfinite(flux).all():
        amounts |= {"remainder": flux - inherited - explained, "flux": flux}
        for part in PARTS:
            row[f"{part}_share_low"], row[f"{part}_share_high"] = quantiles(amounts[part] / flux)
    for part, drawn in amounts.items():
        row[f"{part}_low_kg_d"], row[f"{part}_high_kg_d"] = quantiles(drawn)
    return row


def outfall_doubt(model: Model, draws: Draws) -> pd.DataFrame:
    """Tell for each outfall of known load between what its part lies, and how it may rank.

    Returns
    -------
    DataFrame by outfall_id
        ``arriving_low_kg_d``, ``arriving_high_kg_d``; ``share_low``, ``share_high`` of the flux (of
        the explained load where no flux is known); ``rank_low``, ``rank_high``; ``p_top3``;
        ``cannot_exclude``: its share may be more than negligible.
    """
    told = tracing_figures("doubt")
    arriving = draws.arriving()
    table = pd.DataFrame(index=model.outfall_ids)
    if not len(table):
        return table.reindex(columns=_DOUBT)
    table["arriving_low_kg_d"], table["arriving_high_kg_d"] = quantiles(arriving)
    flux = draws.flux(0, 0)
    if not np.isfinite(flux).all():
        flux = arriving.sum(axis=0)
    share = arriving / flux
    low, high, sure = np.quantile(share, [told["low"], told["high"], told["sure"]], axis=1)
    table["share_low"], table["share_high"] = low, high
    rank = _ranks(arriving)
    table["rank_low"] = np.quantile(rank, told["low"], axis=1, method="lower")
    table["rank_high"] = np.quantile(rank, told["high"], axis=1, method="higher")
    table["p_top3"] = (rank <= told["top"]).mean(axis=1)
    table["cannot_exclude"] = sure >= told["negligible"]
    return table[_DOUBT]


_DOUBT = [
    "arriving_low_kg_d", "arriving_high_kg_d", "share_low", "share_high", "rank_low", "rank_high",
    "p_top3", "cannot_exclude",
]  # fmt: skip


def _ranks(amounts: Floats) -> Any:
    """Rank of each outfall in each draw, the largest 1; shape (m, d)."""
    order = np.argsort(-amounts, axis=0, kind="stable")
    rank = np.empty(amounts.shape, dtype=np.int32)
    places = np.arange(1, len(amounts) + 1, dtype=np.int32)[:, None]
    np.put_along_axis(rank, order, np.broadcast_to(places, amounts.shape), axis=0)
    return rank
