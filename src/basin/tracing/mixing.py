"""Where a 1-D answer does not hold yet: the length of incomplete mixing below an outfall."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.standards.tracing import tracing_figures

__all__ = ["mixing_length", "reach_mixing_length"]

Floats = npt.NDArray[np.float64]

_G = 9.81


def mixing_length(
    width_m: Any, depth_m: Any, velocity_m_s: Any, slope: Any, bank_distance_m: Any = 0.0
) -> Floats:
    """Return the length below an outfall in which its plume has not mixed over the river's width.

    Parameters
    ----------
    width_m, depth_m, velocity_m_s, slope : float or shape (n,)
        Of the river; slope in metres per metre.
    bank_distance_m
        From the bank to the outfall; 0 for an outfall on the bank.

    Returns
    -------
    shape (n,)
        Metres; NaN where an input is not known or not above zero, and where the river is more than
        100 times as wide as deep, to which Taylor's formula does not reach.

    References
    ----------
    HJ 2.3-2018 annex E: Lm = {0.11 + 0.7 [0.5 - a/B - 1.1 (0.5 - a/B)^2]^0.5} u B^2 / Ey, with
    Taylor's Ey = (0.058 H + 0.0065 B) (g H J)^0.5.

    Examples
    --------
    >>> mixing_length(20.0, 1.0, 0.5, 0.001).round().tolist()
    [4748.0]
    """
    given = (width_m, depth_m, velocity_m_s, slope, bank_distance_m)
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=float)) for v in given))
    width, depth, speed, fall, bank = arrays
    most = float(tracing_figures("mixing")["widest"])
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (width > 0) & (depth > 0) & (speed > 0) & (fall > 0) & (width / depth <= most)
        from_middle = 0.5 - bank / width
        part = 0.11 + 0.7 * np.sqrt(np.maximum(from_middle - 1.1 * from_middle**2, 0.0))
        across = (0.058 * depth + 0.0065 * width) * np.sqrt(_G * depth * fall)
        length: Floats = np.where(known, part * speed * width**2 / across, np.nan)
    return length


def reach_mixing_length(reaches: Any) -> pd.Series:
    """Return the mixing length for an outfall on the bank of each reach.

    Parameters
    ----------
    reaches
        ``width_m``, ``velocity_m_s``, ``flow_m3_s``; ``slope`` (m/m) where the lines have it. Depth
        is flow / (width x velocity); a slope that is not given follows from Manning's formula.
    """
    figures = [reaches[c].to_numpy(dtype=float) for c in ("width_m", "velocity_m_s", "flow_m3_s")]
    width, speed, flow = figures
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = flow / (width * speed)
        slope = (tracing_figures("mixing")["roughness"] * speed / depth ** (2 / 3)) ** 2
    if "slope" in reaches.columns:
        stated = pd.to_numeric(reaches["slope"], errors="coerce").to_numpy(dtype=float)
        slope = np.where(stated > 0, stated, slope)
    length = mixing_length(width, depth, speed, slope)
    return pd.Series(length, index=reaches.index, name="mixing_length_m")
