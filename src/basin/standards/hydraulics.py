"""Travel and dispersion of matter in rivers: the published relations behind a spill.

The figures are records (``hydraulics.toml``), each with source and confidence; this module reads
them and computes with them. It knows nothing of networks.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "GRAVITY",
    "dispersion_m2_s",
    "hydraulics",
    "leading_h",
    "passage_h",
    "peak_velocity",
    "unit_peak",
]

Floats = npt.NDArray[np.float64]

#: Acceleration of gravity in m/s2.
GRAVITY = 9.81

_S_PER_H = 3_600.0
_M2_PER_KM2 = 1e6


@cache
def hydraulics() -> dict[str, Any]:
    """Return the records of ``hydraulics.toml``."""
    text = files("basin.standards").joinpath("hydraulics.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def peak_velocity(
    drainage_area_km2: Any,
    flow_m3_s: Any,
    mean_flow_m3_s: Any,
    slope: Any = None,
    *,
    fastest: bool = False,
) -> Any:
    """Velocity in m/s of the peak of a cloud, from the size and flow of a river.

    Parameters
    ----------
    drainage_area_km2, flow_m3_s, mean_flow_m3_s
        Of the reach: area that drains to it, flow of the day, and mean annual flow.
    slope
        In m/m; None, and where it is not above 0: the relation without slope is taken.
    fastest
        The fastest probable velocity (all but 1 % of the measurements were slower).

    Returns
    -------
    shape as given; NaN where an area or flow is not above 0

    References
    ----------
    Jobson 1996, USGS WRIR 96-4013, eq. 12 to 15; regressions on 980 subreaches of 90 rivers in the
    United States.

    Examples
    --------
    Example 1 of the report: 390 km2, 3.35 m3/s on the day, 4.50 m3/s in the mean.

    >>> v = peak_velocity(390, 3.35, 4.50), peak_velocity(390, 3.35, 4.50, fastest=True)
    >>> [round(float(x), 2) for x in v]
    [0.26, 0.65]
    """
    area = np.asarray(drainage_area_km2, dtype=float) * _M2_PER_KM2
    flow, mean = np.asarray(flow_m3_s, dtype=float), np.asarray(mean_flow_m3_s, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (area > 0) & (flow > 0) & (mean > 0)
        plain = _velocity(hydraulics()["velocity"]["no_slope"], area, flow, mean, 1.0, fastest)
        if slope is None:
            return np.where(known, plain, np.nan)
        fall = np.asarray(slope, dtype=float)
        sloped = _velocity(hydraulics()["velocity"]["slope"], area, flow, mean, fall, fastest)
        return np.where(known, np.where(fall > 0, sloped, plain), np.nan)


def _velocity(
    record: dict[str, float], area: Floats, flow: Floats, mean: Floats, slope: Any, fastest: bool
) -> Floats:
    which = "fastest_" if fastest else ""
    size = area**1.25 * np.sqrt(GRAVITY) / mean
    spread = size ** record["area"] * (flow / mean) ** record["relative"]
    result: Floats = record[f"{which}offset"] + record[f"{which}factor"] * (
        spread * slope ** record["slope"] * flow / area
    )
    return result


def unit_peak(peak_h: Any, relative_flow: Any) -> Any:
    """Unit-peak concentration in 1e-6/s: 1e6 times peak times flow over mass.

    Parameters
    ----------
    peak_h
        Hours from an instantaneous release to its peak; 0 gives infinity.
    relative_flow
        Flow of the day over the mean annual flow.

    References
    ----------
    Jobson 1996, eq. 7: ``857 T ** (-0.760 (Q / Qa) ** -0.079)``.

    Examples
    --------
    >>> round(float(unit_peak(10.0, 1.0)), 1)
    148.9
    """
    cloud = hydraulics()["cloud"]
    power = cloud["exponent"] * np.asarray(relative_flow, dtype=float) ** cloud["relative"]
    with np.errstate(divide="ignore"):
        return cloud["peak"] * np.asarray(peak_h, dtype=float) ** power


def leading_h(peak_h: Any) -> Any:
    """Hours to the leading edge of an instantaneous release (Jobson 1996, eq. 18)."""
    return hydraulics()["cloud"]["leading"] * np.asarray(peak_h, dtype=float)


def passage_h(peak_h: Any, relative_flow: Any) -> Any:
    """Hours from the leading edge to 10 % of the peak (Jobson 1996, eq. 19)."""
    return hydraulics()["cloud"]["passage_s"] / unit_peak(peak_h, relative_flow) / _S_PER_H


def dispersion_m2_s(width_m: Any, depth_m: Any, velocity_m_s: Any, slope: Any) -> Any:
    """Longitudinal dispersion in m2/s: 0.011 u2 B2 / (H u*), u* = sqrt(g H J) (Fischer).

    Examples
    --------
    >>> round(float(dispersion_m2_s(50.0, 1.5, 0.5, 0.001)), 1)
    37.8
    """
    width, depth = np.asarray(width_m, dtype=float), np.asarray(depth_m, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        shear = np.sqrt(GRAVITY * depth * np.asarray(slope, dtype=float))
        spread = (np.asarray(velocity_m_s, dtype=float) * width) ** 2 / (depth * shear)
        return hydraulics()["dispersion"]["fischer"] * spread
