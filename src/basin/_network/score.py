"""How well a reach fits what is recorded of a point: nearness, river name, bank, drainage area."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from basin._network.arrays import Bools, Floats, Ints
from basin._network.geometry import Objects
from basin._network.names import name_matches

__all__ = ["BANKS", "Record", "Rivers", "bank_codes", "scores", "told_by_area"]

#: "" on the line, left and right of the flow.
BANKS = ("", "left", "right")

_BANK_WORDS = {
    **dict.fromkeys(("left", "l", "左", "左岸"), 1),
    **dict.fromkeys(("right", "r", "右", "右岸"), 2),
}

#: Weight of each witness. A name that fits outweighs all nearness; the area alone does not outweigh
#: a name.
_NEAR, _NAME, _AREA, _BANK = 1.0, 2.0, 1.5, 0.2

#: Metres at which nearness is a half.
_HALF_M = 50.0

#: What a reach without a name, or without an area, is given of the weight; of a bank, half.
_UNKNOWN = 0.25

#: Areas within this ratio fit, and beyond that one do not.
_FITS, _DIFFERS = 2 / 3, 1 / 2


class Record(NamedTuple):
    """What the record of each point tells, beside its place.

    Attributes
    ----------
    rivers
        Which reaches the recorded names mean.
    bank : shape (p,)
        Position in :data:`BANKS`, 0 for none.
    area_km2 : shape (p,)
        Drainage area, NaN for none.
    """

    rivers: Rivers
    bank: Ints
    area_km2: Floats

    def tells(self) -> bool:
        """Say whether there is anything to weigh beside the nearness."""
        return self.rivers.known or bool(self.bank.any() or (self.area_km2 > 0).any())


def bank_codes(values: pd.Series | None, n: int) -> Ints:
    """Read left and right (左岸, 右岸) as positions in :data:`BANKS`; 0 for anything else."""
    if values is None:
        return np.zeros(n, dtype=np.intp)
    words = values.astype("string").str.strip().str.casefold()
    return np.asarray(words.map(_BANK_WORDS).fillna(0), dtype=np.intp)


class Rivers:
    """Which names mean the same river; each two different names are compared once."""

    def __init__(self, record: list[Any] | None, names: Objects) -> None:
        codes, different = pd.factorize(names)
        self._of_line: Ints = np.asarray(codes, dtype=np.intp)
        self._names = list(different)
        self._of_point: Ints | None = None
        if record is not None:
            codes, wished = pd.factorize(np.array(record, dtype=object))
            self._of_point = codes.astype(np.intp)
            self._wished = list(wished)

    @property
    def known(self) -> bool:
        """Does any record name a river?"""
        return self._of_point is not None and bool((self._of_point >= 0).any())

    def recorded(self, point: Ints, line: Ints) -> Bools:
        """Does the record of each point mean the river of the line?"""
        if self._of_point is None:
            return np.zeros(len(point), dtype=bool)
        return _matches(self._of_point[point], self._wished, self._of_line[line], self._names)

    def asked(self, point: Ints) -> Bools:
        """Does the record of each point name a river?"""
        if self._of_point is None:
            return np.zeros(len(point), dtype=bool)
        result: Bools = self._of_point[point] >= 0
        return result

    def named(self, line: Ints) -> Bools:
        """Has each line a name?"""
        result: Bools = self._of_line[line] >= 0
        return result

    def same(self, a: Ints, b: Ints) -> Bools:
        """Have the two lines names that mean the same river?"""
        return _matches(self._of_line[a], self._names, self._of_line[b], self._names)


def _matches(a: Ints, a_names: list[Any], b: Ints, b_names: list[Any]) -> Bools:
    both = np.flatnonzero((a >= 0) & (b >= 0))
    key, which = np.unique(a[both] * len(b_names) + b[both], return_inverse=True)
    alike = [name_matches(a_names[k // len(b_names)], b_names[k % len(b_names)]) for k in key]
    result = np.zeros(len(a), dtype=bool)
    result[both] = np.array(alike, dtype=bool)[which]
    return result


def scores(
    record: Record,
    point: Ints,
    line: Ints,
    offset_m: Floats,
    match: Bools,
    bank: Ints,
    area_km2: Floats,
) -> Floats:
    """Score pairs of points and reaches from 0 to 1, by what the record of each point tells.

    The mean of: nearness (1 on the line, a half at 50 m; weight 1); the name (1 the same river, 0
    another, a quarter for a reach without one; weight 2); the ratio of the drainage areas (weight
    1.5); the bank (1 the same side, 0 the other, a half on the line; weight 0.2).

    Parameters
    ----------
    point, line : shape (k,)
        Rows of `record`, and of the reaches.
    bank : shape (k,)
        On which bank of the line each point lies, by its place.
    area_km2 : shape (k,)
        Drainage area of the line.
    """
    weight = np.full(len(point), _NEAR)
    total = _NEAR / (1.0 + offset_m / _HALF_M)
    asked = record.rivers.asked(point)
    fit = np.where(match, 1.0, np.where(record.rivers.named(line), 0.0, _UNKNOWN))
    weight += _NAME * asked
    total += _NAME * asked * fit
    told = record.bank[point]
    weight += _BANK * (told > 0)
    total += _BANK * (told > 0) * np.where(bank == 0, 0.5, bank == told)
    ratio = _ratio(record.area_km2[point], area_km2)
    asked = record.area_km2[point] > 0
    weight += _AREA * asked
    total += _AREA * asked * np.where(np.isnan(ratio), _UNKNOWN, ratio)
    score: Floats = total / weight
    return score


def _ratio(a: Floats, b: Floats) -> Floats:
    """Smaller area over the greater, NaN where one is not known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.minimum(a, b) / np.maximum(a, b)
    return np.where((a > 0) & (b > 0), ratio, np.nan)


def told_by_area(recorded_km2: Floats, area_km2: Floats) -> tuple[Bools, Bools]:
    """Say where two drainage areas fit (within a third), and where they differ (by half)."""
    ratio = _ratio(recorded_km2, area_km2)
    return ratio >= _FITS, ratio < _DIFFERS
