"""When the cloud comes to each target, and how strong."""

from __future__ import annotations

import math
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.crs import EXCHANGE_CRS
from basin.standards.quality import Decay
from basin.tracing.spill.cloud import G_M3_PER_KG_H, above_h, cloud_times, peak_of
from basin.tracing.spill.hydraulics import CASES
from basin.tracing.spill.way import Way

__all__ = ["arrival_table"]

Floats = npt.NDArray[np.float64]

_S_PER_H = 3_600.0
_H_PER_D = 24.0

_FIRST = ["kind", "id", "name", "river", "district", "reach_id", "measure_m", "snap_status"]

_erf = np.vectorize(math.erf, otypes=[float])


def arrival_table(
    way: Way,
    targets: gpd.GeoDataFrame,
    *,
    mass_kg: float | None,
    duration_h: float,
    decay: Decay,
    limit_mg_l: float,
    mixing_m: pd.Series,
) -> gpd.GeoDataFrame:
    """One row a target and case, as `SpillTrace.arrivals` tells."""
    at = way.at(targets["stretch"].to_numpy(), targets["measure_m"])
    flows = way.hydraulics.flow_m3_s.to_numpy(dtype=float)
    shares = way.reaches["share"].to_numpy(dtype=float)
    tables = []
    for n, case in enumerate(CASES):
        distance, flow = at.distance_m[:, n], flows[at.reach[:, n], n]
        share = shares[at.reach[:, n]]
        mass = np.full(len(targets), np.nan) if mass_kg is None else mass_kg * share
        mass = np.where(distance > 0, mass, np.nan)  # at the spill itself nothing has mixed
        peak, ratio = at.peak_h[:, n], way.hydraulics.ratio[case]
        first, highest, _ = cloud_times(peak, ratio, duration_h)
        last = cloud_times(peak + at.lag_h[:, n], ratio, duration_h)[2]
        kept = np.exp(-decay.k_per_d * peak / _H_PER_D)
        sigma_h = np.sqrt(at.spread_s2[:, n]) / _S_PER_H
        with np.errstate(invalid="ignore", divide="ignore"):
            default = np.where(peak > 0, at.default_h[:, n] / peak, 0.0)
        many = np.full(len(peak), ratio)
        columns = {
            "distance_m": distance,
            "case": case,
            "leading_h": first,
            "peak_h": highest,
            "trailing_h": last,
            "passage_h": last - first,
            "delay_h": at.delay_h[:, n],
            "lag_h": at.lag_h[:, n],
            "instant_h": peak,
            "flow_m3_s": flow,
            "mass_share": share,
            "peak_mg_l": peak_of(peak, ratio, duration_h, mass, flow) * kept,
            "peak_hj_mg_l": _dispersed(sigma_h, duration_h, mass, flow) * kept,
            "above_h": np.nan
            if np.isnan(limit_mg_l)
            else above_h(limit_mg_l, peak, many, duration_h, mass * kept, flow),
            "mixed": pd.array(distance >= mixing_m[case], dtype="boolean"),
            "default_share": default,
        }
        table = targets[_FIRST].assign(**columns)
        if np.isnan(mixing_m[case]):
            table["mixed"] = pd.array([pd.NA] * len(table), dtype="boolean")
        tables.append(table.assign(_at=np.arange(len(table)), _case=n))
    every = pd.concat(tables).sort_values(["_at", "_case"], kind="stable")
    geometry = targets.geometry.array[every["_at"].to_numpy()]
    plain = every.drop(columns=["_at", "_case"]).reset_index(drop=True)
    return gpd.GeoDataFrame(plain, geometry=geometry, crs=EXCHANGE_CRS)


def _dispersed(sigma_h: Floats, duration_h: float, mass_kg: Any, flow_m3_s: Floats) -> Floats:
    """Peak by HJ 2.3 in mg/L without decay: a normal cloud, or the sum of such over a release.

    At a place M / (A sqrt(4 pi Ex t)) is M / (Q sigma sqrt(2 pi)), sigma = sqrt(2 Ex t) / u the
    spread in time.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if duration_h > 0:
            part = _erf(duration_h / (2.0 * math.sqrt(2.0) * sigma_h)) / duration_h
        else:
            part = 1.0 / (sigma_h * math.sqrt(2.0 * math.pi))
        return np.asarray(mass_kg / flow_m3_s * part * G_M3_PER_KG_H, dtype=float)
