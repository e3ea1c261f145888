"""Figures and dates as laboratories write them: <0.01, 0.01L, ND, blanks, 2025年7月."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.layers.vocabulary import unit_of

__all__ = ["FLAGS", "is_converted", "parse_date", "parse_dates", "parse_measurement", "plain"]

#: What a flag means: the value is a detection limit; not detected, limit unknown; beyond the upper
#: limit; no value; not readable.
FLAGS = ("", "below", "below_unknown", "above", "missing", "unreadable")

_MISSING = frozenset(
    [
        *("", "-", "--", "---", "—", "——", "–", "―", "/", "//", "\\", "*", "…", "...", "."),
        *("null", "none", "nan", "na", "n/a", "#n/a", "<na>", "nat"),
        *("无", "缺", "缺测", "未测", "未监测", "未采样", "未开展", "未检测", "断流", "停测", "空"),
    ]
)
_NOT_DETECTED = frozenset(
    [
        *("nd", "n.d.", "n.d", "bdl", "<dl", "<mdl", "<lod"),
        *("未检出", "未检测出", "不得检出", "低于检出限"),
    ]
)

_NUMBER = r"\d+(?:\.\d*)?|\.\d+|\d{1,3}(?:,\d{3})+(?:\.\d*)?"
_VALUE = re.compile(rf"(?P<n>{_NUMBER})(?:(?:e|[x*×]10\^)(?P<e>[+-]?\d+))?")
_BELOW_BEFORE = re.compile(r"(?:<=|≤|<|小于等于|小于|低于|未检出\(?<?)")
_BELOW_AFTER = re.compile(r"\(?l\)?|nd|\(nd\)|\(未检出\)|未检出")
_ABOVE = re.compile(r"(?:>=|≥|>|大于等于|大于|高于)")
_WITH_UNIT = re.compile(
    r"(?P<figure>[^\d]*[\d.,]+(?:(?:e|[x*×]10\^)[+-]?\d+)?\(?l?\)?)(?P<unit>.+)"
)
_PARTED = re.compile(r"\d\s+\d")
_SPACED_THOUSANDS = re.compile(r"(?<!\d)\d{1,3}(?:\s\d{3})+(?!\d|\s)")
# NFKC would turn 10⁴ into 104
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER = re.compile("10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")


def plain(text: Any) -> str:
    """Return text with full-width forms made plain, in lower case and without spaces."""
    raised = _POWER.sub(lambda m: "10^" + m[1].translate(_SUPERSCRIPT), str(text))
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", raised)).casefold()


def _number(text: str) -> float | None:
    found = _VALUE.fullmatch(text)
    if not found:
        return None
    value = float(f"{found['n'].replace(',', '')}e{found['e'] or 0}")
    return value if np.isfinite(value) else None


def _without_unit(text: str, units: Mapping[str, float] | None) -> tuple[str, float] | None:
    """Cut a unit off a figure; its factor, or None where it is of another kind."""
    found = _WITH_UNIT.fullmatch(text)
    unit = unit_of(found["unit"].rstrip(")")) if found else ""
    if not found or not unit:
        return text, 1.0
    if units is None:
        return found["figure"], 1.0
    return (found["figure"], units[unit]) if unit in units else None


def _parse_one(value: Any, units: Mapping[str, float] | None = None) -> tuple[float, str]:
    if _PARTED.search(str(value)) and not _SPACED_THOUSANDS.search(str(value)):
        return np.nan, "unreadable"  # 12 3 is not 123
    text = plain(value)
    if text in _MISSING:
        return np.nan, "missing"
    if text in _NOT_DETECTED:
        return np.nan, "below_unknown"
    cut = _without_unit(text, units)
    if cut is None:
        return np.nan, "unreadable"
    text, factor = cut
    flag = ""
    if found := _BELOW_BEFORE.match(text):
        text, flag = text[found.end() :].rstrip(")"), "below"
    elif found := _ABOVE.match(text):
        text, flag = text[found.end() :], "above"
    else:
        digits = re.match(r"[\d.,]+", text)
        if digits and _BELOW_AFTER.fullmatch(text[digits.end() :]):
            text, flag = digits[0], "below"
    if flag == "below" and _BELOW_AFTER.fullmatch(text[len(text.rstrip("l")) :] or "x"):
        text = text.rstrip("l")  # <0.01L says it twice
    number = _number(text)
    return (np.nan, "unreadable") if number is None else (number * factor, flag)


def parse_measurement(
    series: pd.Series[Any],
    *,
    units: Mapping[str, float] | None = None,
    negative: bool = False,
) -> tuple[pd.Series[float], pd.Series[str]]:
    """Read measured figures as laboratories write them.

    ``<0.01``, ``0.01L``, ``未检出(<0.01)`` give the detection limit, flag ``below``; ``未检出`` and
    ``ND`` give NaN, flag ``below_unknown``; ``>24196`` its figure, flag ``above``; blanks, ``—``
    and ``/`` give NaN, flag ``missing``. Full-width digits, thousands separators (1,234.5) and
    1.2×10^4 are read. What cannot be read for certain (a negative figure, 0,05, 2.4×104) is NaN,
    flag ``unreadable``.

    Parameters
    ----------
    series : shape (n,)
        Text or numbers.
    units
        Unit that a cell may state beside its figure -> factor to the unit of the column; another
        unit is ``unreadable``. None takes any unit for that of the column.
    negative
        True where a plain figure may be below zero (a temperature).

    Returns
    -------
    Series of float, shape (n,)
        In the unit of the column, on the same index.
    Series of str, shape (n,)
        One of `FLAGS`.

    Examples
    --------
    >>> written = pd.Series(["<0.01", "0.05L", "未检出", "—", "１，２３４．５", "ca. 3"])
    >>> value, flag = parse_measurement(written)
    >>> value.tolist()
    [0.01, 0.05, nan, nan, 1234.5, nan]
    >>> flag.tolist()
    ['below', 'below', 'below_unknown', 'missing', '', 'unreadable']
    """
    values, flags = _of_numbers(series, negative)
    if flags is None:
        # plain figures at once; what else stands in the cells, once for each spelling
        plain_ones = pd.to_numeric(series, errors="coerce").astype(float)
        values, flags = _of_numbers(plain_ones, negative)
        other = plain_ones.isna() & series.notna()
        if series.dtype in (object, bool):
            other |= series.map(lambda v: isinstance(v, bool))
        odd = np.flatnonzero(other.to_numpy(dtype=bool))
        codes, distinct = pd.factorize(series.iloc[odd].astype(object))
        parsed = [_parse_one(v, units) for v in distinct]
        if parsed:
            values[odd] = np.array([v for v, _ in parsed], dtype=float)[codes]
            flags[odd] = np.array([f for _, f in parsed], dtype=object)[codes]
    return (
        pd.Series(values, index=series.index, name=series.name),
        pd.Series(flags, index=series.index, name=series.name, dtype="str"),
    )


def is_converted(series: pd.Series[Any], units: Mapping[str, float]) -> npt.NDArray[np.bool_]:
    """Tell which cells state a unit that makes another figure of theirs: 200 μg/L among mg/L.

    Parameters
    ----------
    series : shape (n,)
    units
        As for :func:`parse_measurement`.

    Examples
    --------
    >>> is_converted(pd.Series(["0.2", "0.2 mg/L", "200 μg/L"]), {"mg/l": 1.0, "ug/l": 0.001})
    array([False, False,  True])
    """
    found = np.zeros(len(series), dtype=bool)
    if pd.api.types.is_numeric_dtype(series.dtype):
        return found
    text = series.notna() & pd.to_numeric(series, errors="coerce").isna()
    at = np.flatnonzero(text.to_numpy(dtype=bool))
    codes, distinct = pd.factorize(series.iloc[at].astype(object))
    turned = []
    for value in distinct:
        cut = _without_unit(plain(value), units)
        other = cut is not None and cut[1] != 1.0
        turned.append(other and _parse_one(value, units)[1] != "unreadable")
    found[at] = np.array([*turned, False], dtype=bool)[codes]
    return found


def _of_numbers(series: pd.Series[Any], negative: bool) -> tuple[Any, Any]:
    """Return values and flags of a column of numbers; no flags for any other."""
    number = pd.api.types.is_numeric_dtype(series.dtype)
    if not number or pd.api.types.is_bool_dtype(series.dtype):
        return None, None
    values = series.to_numpy(dtype=float, na_value=np.nan)
    bad = np.isinf(values) | ((values < 0) & (not negative))
    flags = np.where(np.isnan(values), "missing", np.where(bad, "unreadable", ""))
    return np.where(bad, np.nan, values), flags.astype(object)


# ---------------------------------------------------------------- dates

_OPEN = frozenset(
    [
        *("长期", "长期有效", "永久", "至今", "现行", "有效", "现行有效"),
        *("9999-12-31", "9999-12", "9999"),
    ]
)
_DATE = re.compile(
    r"(?P<y>\d{4})(?:[-/.年](?P<m>\d{1,2})(?:[-/.月](?P<d>\d{1,2})日?|月)?|年)?"
    r"(?:t?\d{1,2}[:时点].*)?"
)
_PACKED = re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})?")
# 2025.1 may be January, or October (2025.10) after a spreadsheet took it for a number
_LOST_ZERO = re.compile(r"\d{4}\.1")
# Excel's day 0, and the serial numbers that are dates from 1954 to 2064 and no year
_EXCEL_ZERO = dt.datetime(1899, 12, 30)
_EXCEL_DAYS = (20_000, 60_000)


def parse_date(value: Any, *, end: bool = False) -> dt.datetime | None:
    """Read one date; None if it cannot be read.

    Parameters
    ----------
    value
        A date, ``2025-07-03``, ``2025/7/3``, ``2025.7.3``, ``20250703``, ``2025年7月3日``,
        ``2025-07``, ``2025年7月``, ``202507``, ``2025``, or an Excel serial number.
    end
        True reads a month or a year as its last day, False as its first.

    Examples
    --------
    >>> parse_date("２０２５年７月").isoformat(), parse_date("2025-02", end=True).date().isoformat()
    ('2025-07-01T00:00:00', '2025-02-28')
    """
    if isinstance(value, dt.datetime):
        return pd.Timestamp(value).tz_localize(None).to_pydatetime()
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    text = plain(value)
    if re.fullmatch(r"\d+(\.\d+)?", text) and _EXCEL_DAYS[0] <= float(text) <= _EXCEL_DAYS[1]:
        return _EXCEL_ZERO + dt.timedelta(days=int(float(text)))
    text = text.removesuffix(".0")
    if _LOST_ZERO.fullmatch(text):
        return None
    found = _PACKED.fullmatch(text) or _DATE.fullmatch(text)
    if not found:
        return None
    year, month, day = int(found["y"]), found["m"], found["d"]
    first = (year, int(month or 1), int(day or 1))
    try:
        start = dt.datetime(*first)
    except ValueError:
        return None
    if not end or day:
        return start
    last = pd.Timestamp(start) + (pd.offsets.MonthEnd(0) if month else pd.offsets.YearEnd(0))
    return last.to_pydatetime()


def parse_dates(series: pd.Series[Any], *, end: bool = False) -> tuple[pd.Series[Any], Any]:
    """Read a column of dates.

    Parameters
    ----------
    series : shape (n,)
    end
        As in :func:`parse_date`. ``长期``, ``至今`` and the year 9999 are null: still in force.

    Returns
    -------
    Series of datetime64, shape (n,)
    ndarray of bool, shape (n,)
        Rows that hold something which is not a date.
    """
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        naive = series.dt.tz_localize(None) if series.dt.tz is not None else series
        return naive.astype("datetime64[us]"), np.zeros(len(series), dtype=bool)
    codes, distinct = pd.factorize(series.astype(object), use_na_sentinel=True)
    blank = [plain(v) in _MISSING or plain(v) in _OPEN for v in distinct]
    parsed = [
        None if empty else parse_date(v, end=end) for v, empty in zip(distinct, blank, strict=True)
    ]
    bad = np.array([p is None and not e for p, e in zip(parsed, blank, strict=True)] + [False])
    dates = pd.Series([*parsed, None], dtype="datetime64[us]").to_numpy()
    return pd.Series(dates[codes], index=series.index, name=series.name), bad[codes]
