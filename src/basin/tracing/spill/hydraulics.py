"""Velocity and flow of reaches in each case, from the best data at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import as_ids
from basin.errors import NetworkError
from basin.standards.hydraulics import dispersion_m2_s, hydraulics, peak_velocity
from basin.standards.quality import default_velocity
from basin.standards.tracing import tracing_figures

__all__ = ["CASES", "FLOWS", "TIERS", "Hydraulics", "flow_ratios", "reach_hydraulics"]

Floats = npt.NDArray[np.float64]

#: Flows of the river, as parts of its mean flow.
FLOWS = ("low", "median", "high")

#: What is reckoned: each flow, and the fastest that is probable (high flow, nothing holds back).
CASES = (*FLOWS, "fastest")

#: How a velocity is known, best first.
TIERS = ("measured", "jobson_slope", "jobson", "default")


@dataclass(frozen=True)
class Hydraulics:
    """Velocity and flow of some reaches in each case.

    Attributes
    ----------
    table
        By ``reach_id``: ``tier`` (measured: given with the rivers; jobson_slope, jobson: from
        drainage area and flow; default), ``flow_m3_s`` (mean, as given), ``width_m``, ``slope``.
    velocity_m_s, flow_m3_s
        By ``reach_id``, one column a case; the flow is NaN where the mean flow is not known.
    ratio
        Flow over mean flow by case.
    default_m_s
        Taken at mean flow where nothing is known.
    """

    table: pd.DataFrame
    velocity_m_s: pd.DataFrame
    flow_m3_s: pd.DataFrame
    ratio: Mapping[str, float]
    default_m_s: float

    def dispersion(self, case: str) -> Floats:
        """Longitudinal dispersion of each reach in m2/s; NaN without width or flow."""
        u, width, depth, slope = self.cross_section(case)
        return np.asarray(dispersion_m2_s(width, depth, u, slope))

    def cross_section(self, case: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Velocity, width, mean depth Q / (u B) and slope of each reach.

        A slope that is not given is that at which Manning's formula gives the velocity.
        """
        spread = self.ratio[case] ** hydraulics()["geometry"]["width"]
        u = self.velocity_m_s[case].to_numpy(dtype=float)
        width = self.table["width_m"].to_numpy(dtype=float) * spread
        with np.errstate(invalid="ignore", divide="ignore"):
            depth = self.flow_m3_s[case].to_numpy(dtype=float) / (u * width)
            by_manning = (tracing_figures("mixing")["roughness"] * u / depth ** (2 / 3)) ** 2
        given = self.table["slope"].to_numpy(dtype=float)
        return u, width, depth, np.where(given > 0, given, by_manning)


def flow_ratios(given: Any = None) -> dict[str, float]:
    """Flow over mean flow in each case; None takes those on record.

    Raises
    ------
    NetworkError
        If they are not three rising numbers above 0.
    """
    record = hydraulics()["flow"]
    low, median, high = (record[f] for f in FLOWS) if given is None else _three(given)
    return {"low": low, "median": median, "high": high, "fastest": high}


def _three(given: Any) -> tuple[float, float, float]:
    values = [given[f] for f in FLOWS] if isinstance(given, Mapping) else list(given)
    try:
        low, median, high = (float(v) for v in values)
    except (TypeError, ValueError) as error:
        raise _bad_ratio(given) from error
    if not (0 < low <= median <= high < np.inf):
        raise _bad_ratio(given)
    return low, median, high


def _bad_ratio(given: Any) -> NetworkError:
    return NetworkError(
        f"flow_ratio is {given!r}, not three rising numbers above 0",
        mend="Give low, median and high flow as parts of the mean flow, e.g. (0.3, 1, 3).",
        zh=f"flow_ratio 为 {given!r}，不是由小到大的三个正数",
        mend_zh="给出低、平、高三种流量与平均流量之比，如 (0.3, 1, 3)",
    )


def reach_hydraulics(
    reaches: Any,
    ratio: Mapping[str, float],
    *,
    drainage_area_km2: Any = None,
    slope: Any = None,
    velocity_m_s: float | None = None,
) -> Hydraulics:
    """Find velocity and flow of reaches in each case of `ratio`.

    Parameters
    ----------
    reaches
        Rows of ``network.reaches``: ``velocity_m_s`` and ``flow_m3_s`` at mean flow, ``width_m``;
        ``drainage_area_km2`` and ``slope`` (m/m) where the rivers have them.
    ratio
        From `flow_ratios`, or some of its cases.
    drainage_area_km2, slope
        Series by reach_id, in place of such columns.
    velocity_m_s
        For reaches of which nothing is known, at mean flow; None is the default on record.

    Notes
    -----
    A given velocity is taken for the mean flow and changes with the flow to the power 0.34
    (Leopold & Maddock 1953). The fastest case takes the fastest probable velocity of Jobson (1996)
    at high flow; where the velocity is given, that of high flow.
    """
    area = _column(reaches, "drainage_area_km2", drainage_area_km2)
    fall = _column(reaches, "slope", slope)
    given = reaches["velocity_m_s"].to_numpy(dtype=float)
    mean = reaches["flow_m3_s"].to_numpy(dtype=float)
    default = default_velocity()[0] if velocity_m_s is None else float(velocity_m_s)
    if not 0 < default < np.inf:
        raise NetworkError(f"velocity_m_s is {default}", mend="Give a number above 0.")
    with np.errstate(invalid="ignore"):
        measured, drained = given > 0, (area > 0) & (mean > 0)
        sloped = drained & (fall > 0)
    power = hydraulics()["geometry"]["velocity"]
    at_mean = np.where(measured, given, default)
    velocity, flow = {}, {}
    by_size = np.flatnonzero(~measured & drained)
    for case, part in ratio.items():
        flow[case], velocity[case] = mean * part, at_mean * part**power
        velocity[case][by_size] = peak_velocity(
            *(values[by_size] for values in (area, flow[case], mean, fall)),
            fastest=case == "fastest",
        )
    tier = np.select([measured, sloped, drained], TIERS[:3], default=TIERS[3])
    index = reaches.index
    table = pd.DataFrame(
        {
            "tier": tier,
            "flow_m3_s": np.where(mean > 0, mean, np.nan),
            "width_m": reaches["width_m"].to_numpy(dtype=float),
            "slope": fall,
        },
        index=index,
    )
    flows = pd.DataFrame(flow, index=index)
    return Hydraulics(
        table, pd.DataFrame(velocity, index=index), flows.where(flows > 0), ratio, default
    )


def _column(reaches: Any, name: str, given: Any) -> Floats:
    """A column of the reaches, or a Series by reach_id in its place; NaN for none."""
    if given is None:
        if name not in reaches.columns:
            return np.full(len(reaches), np.nan)
        return np.asarray(pd.to_numeric(reaches[name], errors="coerce"), dtype=float)
    series = pd.Series(given, dtype=float)
    series.index = pd.Index(as_ids(pd.Series(series.index)).fillna(""), dtype=object)
    return np.asarray(series.reindex(reaches.index), dtype=float)
