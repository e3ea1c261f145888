"""What a balance is reckoned from: concentrations and flows by section and span, loads, decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.standards.quality import Decay
from basin.standards.tracing import tracing_figures
from basin.tracing.balance import KG_D
from basin.tracing.chain import Chain

__all__ = ["Model", "Spans", "load_rel_sd", "model_of", "spans_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spans:
    """The months of a period, and its sums: the whole first, then seasons, then months.

    Attributes
    ----------
    labels, kinds : shape (s,)
        Such as "2025", "wet", "2025-07"; period, season, month.
    months : shape (s, k)
        Which of the months belong to each span.
    """

    labels: list[str]
    kinds: list[str]
    months: Bools


@dataclass(frozen=True)
class Model:
    """Everything that a balance and its draws are reckoned from.

    Attributes
    ----------
    section_ids : shape (n,)
        The traced section first; each after the one that it flows to.
    spans
    value_mg_l, value_rel_sd, flow_m3_s, flow_rel_sd, flux_kg_d : shape (n, s)
        NaN where not known.
    measured : shape (n, s)
        Where the item was measured; the traced section always counts.
    outfall_ids, load_kg_d, load_rel_sd : shape (m,)
        Outfalls of a known load above zero.
    chain
        How they follow each other.
    decay
    load
        Whether loads of the item add up; else every flux is NaN.
    draws, seed
    """

    section_ids: pd.Index
    spans: Spans
    value_mg_l: Floats
    value_rel_sd: Floats
    flow_m3_s: Floats
    flow_rel_sd: Floats
    flux_kg_d: Floats
    measured: Bools
    outfall_ids: pd.Index
    load_kg_d: Floats
    load_rel_sd: Floats
    chain: Chain
    decay: Decay
    load: bool
    draws: int
    seed: int


def spans_of(period: str, months: list[str]) -> Spans:
    """Make the spans of a period; seasons only where the period has months of both.

    Examples
    --------
    >>> spans_of("2025Q2", ["2025-04", "2025-05", "2025-06"]).labels
    ['2025Q2', 'wet', 'dry', '2025-04', '2025-05', '2025-06']
    """
    wet_months = tracing_figures("season")["wet"]
    wet = np.array([int(m[5:7]) in wet_months for m in months], dtype=bool)
    labels, kinds, rows = [period], ["period"], [np.ones(len(months), dtype=bool)]
    if wet.any() and not wet.all():
        labels, kinds, rows = (
            [*labels, "wet", "dry"],
            [*kinds, "season", "season"],
            [*rows, wet, ~wet],
        )
    if len(months) > 1:
        labels += months
        kinds += ["month"] * len(months)
        rows += list(np.eye(len(months), dtype=bool))
    return Spans(labels, kinds, np.array(rows))


def load_rel_sd(outfalls: Any) -> Floats:
    """Relative standard deviation of each load: stated, else by ``load_basis``."""
    by_basis = tracing_figures("load_rel_sd")
    basis = [by_basis.get(b or "unstated", by_basis["unstated"]) for b in outfalls["load_basis"]]
    own = np.array(basis, dtype=float)
    if "load_rel_sd" in outfalls.columns:
        stated = pd.to_numeric(outfalls["load_rel_sd"], errors="coerce").to_numpy(dtype=float)
        own = np.where(stated > 0, stated, own)
    return own


def model_of(
    section_ids: pd.Index,
    chain: Chain,
    spans: Spans,
    month_value: Floats,
    month_n: Floats,
    month_flow: Floats,
    mean_flow: Floats,
    flow_source: Any,
    outfalls: Any,
    decay: Decay,
    *,
    load: bool,
    draws: int,
    seed: int,
    one: bool = True,
) -> Model:
    """Average months to spans, and say how sure each figure is.

    Parameters
    ----------
    month_value, month_n, month_flow : shape (n, k)
        Monthly mean in mg/L, number of samples, flow gauged with them; NaN where there is none.
    mean_flow, flow_source : shape (n,)
        The section's flow over the period, and where it comes from: section, reach, or none.
    outfalls
        By outfall_id: ``load_kg_d``, ``load_rel_sd``.
    one
        The first section is traced and counts as measured in every span.
    """
    sd = tracing_figures("concentration")
    known = np.isfinite(month_value)
    # (n, 1, k) by (1, s, k)
    taken = known[:, None, :] & spans.months[None, :, :]
    count = taken.sum(axis=2)
    value = _mean(np.where(known, month_value, 0.0), taken, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        scatter = np.where(known, month_value**2 / np.maximum(month_n, 1), 0.0)
        scatter = np.where(taken, scatter[:, None, :], 0.0).sum(axis=2) / count**2
        grab = sd["grab_rel_sd"] * np.sqrt(scatter) / value
    rel = np.hypot(np.nan_to_num(grab), sd["analytic_rel_sd"])
    flow, flux, flow_rel = _flows(spans, month_value, month_flow, mean_flow, flow_source, value)
    measured = count > 0
    measured[0] |= one
    return Model(
        section_ids=section_ids,
        spans=spans,
        value_mg_l=value,
        value_rel_sd=rel,
        flow_m3_s=flow,
        flow_rel_sd=flow_rel,
        flux_kg_d=flux if load else np.full_like(flux, np.nan),
        measured=measured,
        outfall_ids=outfalls.index,
        load_kg_d=outfalls["load_kg_d"].to_numpy(dtype=float),
        load_rel_sd=outfalls["load_rel_sd"].to_numpy(dtype=float),
        chain=chain,
        decay=decay,
        load=load,
        draws=_enough(draws, len(outfalls)),
        seed=seed,
    )


def _mean(amounts: Floats, taken: Bools, count: Any) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.where(taken, amounts[:, None, :], 0.0).sum(axis=2) / count
    return mean


def _flows(
    spans: Spans,
    month_value: Floats,
    month_flow: Floats,
    mean_flow: Floats,
    source: Any,
    value: Any,
) -> tuple[Floats, Floats, Floats]:
    """Flow, flux and the flow's relative sd by span.

    A span whose measured months all have a gauged flow takes the mean of their fluxes; any other
    the mean concentration times the section's mean flow.
    """
    sd = tracing_figures("flow_rel_sd")
    known = np.isfinite(month_value)
    taken = known[:, None, :] & spans.months[None, :, :]
    gauged = np.isfinite(month_flow)
    count = taken.sum(axis=2)
    own = (count > 0) & ~(taken & ~gauged[:, None, :]).any(axis=2)
    products = np.where(known & gauged, month_value * month_flow, 0.0)
    flows = _mean(np.where(gauged, month_flow, 0.0), taken, count)
    flow = np.where(own, flows, mean_flow[:, None])
    with np.errstate(invalid="ignore"):
        flux = KG_D * np.where(own, _mean(products, taken, count), value * mean_flow[:, None])
    plain = np.array([sd.get(s, np.nan) for s in source], dtype=float)[:, None]
    whole_year = spans.months.sum(axis=1) >= 12
    rel = np.where(whole_year[None, :], plain, np.maximum(plain, sd["constant"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        of_mean = sd["sample"] / np.sqrt(np.maximum(count, 1))
    return flow, flux, np.where(own, of_mean, rel)


def _enough(draws: int, outfalls: int) -> int:
    most = int(tracing_figures("doubt")["most_values"])
    return max(1, min(int(draws), most // max(outfalls, 1)))
