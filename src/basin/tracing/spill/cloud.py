"""A cloud at a place: when its edges and its peak come, its curve, and how long it is too much.

An instantaneous release passes as a triangle (Jobson 1996): from the leading edge at 0.89 of the
time of the peak, over the peak, to the end of a passage that holds all of the matter. A release
that lasts is the sum of such triangles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from basin.standards.hydraulics import leading_h, passage_h

__all__ = ["G_M3_PER_KG_H", "above_h", "cloud_times", "concentration", "peak_of", "tail_time"]

Floats = npt.NDArray[np.float64]

#: mg/L for 1 kg/h in 1 m3/s.
G_M3_PER_KG_H = 1_000.0 / 3_600.0

#: A release shorter than this part of its passage is instantaneous.
_AT_ONCE = 1e-6

#: No more than this part of a passage goes by before the peak.
_STEEPEST = 0.99

_POINTS = 2_001


def cloud_times(peak: Any, ratio: Any, duration_h: float) -> tuple[Floats, Floats, Floats]:
    """Leading edge, peak and trailing edge of a release that lasts `duration_h`.

    Parameters
    ----------
    peak
        Hours of the peak of an instantaneous release.
    ratio
        Flow over mean flow.
    duration_h
        Of the release; 0 is instantaneous.

    Returns
    -------
    leading, peak, trailing
        Hours from the start of the release. Of a release that outlasts the passage the peak is a
        plateau, and its beginning is given.
    """
    first, rise, base = _shape(peak, ratio)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(base > 0, np.minimum(duration_h / base, 1.0), 1.0)
    short = first + rise * (1.0 - part) + duration_h
    highest = np.where(duration_h < base, short, first + base)
    return first, highest, first + base + duration_h


def peak_of(peak: Any, ratio: Any, duration_h: float, mass_kg: Any, flow_m3_s: Any) -> Floats:
    """Peak concentration in mg/L of matter that does not decay, above what the river had.

    Of an instantaneous release: unit peak (eq. 7) times mass over flow.
    """
    base = np.asarray(passage_h(peak, ratio), dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        load = np.asarray(mass_kg, dtype=float) / np.asarray(flow_m3_s, dtype=float)
        part = np.minimum(duration_h / base, 1.0)
        # (1 - (1 - p)^2) / d with p = d / base, written so that it holds for d = 0
        level = np.where(duration_h < base, (2.0 - part) / base, 1.0 / max(duration_h, 1e-12))
        return np.asarray(load * level * G_M3_PER_KG_H, dtype=float)


def concentration(
    hours: Any, peak: float, ratio: float, duration_h: float, mass_kg: float, flow_m3_s: float
) -> Floats:
    """Concentration in mg/L at some hours after the start of the release, without decay."""
    t = np.asarray(hours, dtype=float)
    first, rise, base = (float(v) for v in _shape(peak, ratio))
    load = mass_kg / flow_m3_s * G_M3_PER_KG_H
    if duration_h <= _AT_ONCE * base:
        return np.asarray(load * _triangle(t - first, rise, base), dtype=float)
    gone = _area(t - first, rise, base) - _area(t - first - duration_h, rise, base)
    return np.asarray(load / duration_h * gone, dtype=float)


def _shape(peak: Any, ratio: Any) -> tuple[Floats, Floats, Floats]:
    """Leading edge of an instantaneous release, hours from there to the peak and to the end.

    After weeks at high flow the published passage is shorter than 0.11 of the time of the peak:
    the edge and the passage stand, and the peak comes near the end of it.
    """
    first = np.asarray(leading_h(peak), dtype=float)
    base = np.asarray(passage_h(peak, ratio), dtype=float)
    return first, np.minimum(np.asarray(peak, dtype=float) - first, _STEEPEST * base), base


def _triangle(t: Floats, rise: float, base: float) -> Floats:
    """Height at `t` of a triangle of area 1 that begins at 0."""
    if not base > 0:
        return np.zeros_like(t)
    up, down = t / max(rise, 1e-12), (base - t) / max(base - rise, 1e-12)
    inside = (t >= 0) & (t <= base)
    return np.asarray(2.0 / base * np.where(inside, np.minimum(up, down).clip(0, 1), 0.0))


def _area(t: Floats, rise: float, base: float) -> Floats:
    """Area of the triangle to the left of `t`."""
    if not base > 0:
        return np.asarray(t >= 0, dtype=float)
    t = np.clip(t, 0.0, base)
    left = t**2 / max(rise * base, 1e-12)
    right = 1.0 - (base - t) ** 2 / max((base - rise) * base, 1e-12)
    return np.asarray(np.where(t <= rise, left, right), dtype=float)


def above_h(
    limit_mg_l: float,
    peak: Floats,
    ratio: Floats,
    duration_h: float,
    mass_kg: Floats,
    flow_m3_s: Floats,
) -> Floats:
    """Hours above a limit at each place; NaN where the concentration is not known."""
    result = np.full(len(peak), np.nan)
    for n in np.flatnonzero(np.isfinite(mass_kg) & np.isfinite(flow_m3_s) & (peak > 0)):
        one = (float(peak[n]), float(ratio[n]), duration_h)
        first, _, last = (float(v) for v in cloud_times(*one))
        t = np.linspace(first, last, _POINTS)
        over = concentration(t, *one, float(mass_kg[n]), float(flow_m3_s[n])) > limit_mg_l
        result[n] = over.mean() * (last - first)
    return result


def tail_time(hours: Any, ratio: float, duration_h: float, longest_h: float) -> Floats:
    """Time of the peak where the trailing edge lies at some hours; 0 where it is still above."""
    grid = np.concatenate([[0.0], np.geomspace(1e-3, max(longest_h, 1e-2), 4_000)])
    _, _, last = cloud_times(grid, ratio, duration_h)
    return np.asarray(np.interp(np.asarray(hours, dtype=float), last, grid), dtype=float)
