"""Periods of assessment: whole calendar months, written as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from basin.errors import AssessmentError

__all__ = ["Period", "parse_period"]

_GRAMMAR = "Write '2025', '2025Q3', '2025-07' or '2025-05/2025-09'."
_GRAMMAR_ZH = "写成 2025、2025Q3、2025-07 或 2025-05/2025-09"


@dataclass(frozen=True)
class Period:
    """A span of whole calendar months: ``start`` inclusive, ``end`` exclusive."""

    label: str
    start: pd.Timestamp
    end: pd.Timestamp
    kind: str  # month, quarter, year or range

    @property
    def months(self) -> list[str]:
        """The months as ``"2025-07"``."""
        last = self.end - pd.Timedelta(days=1)
        return [str(m) for m in pd.period_range(self.start, last, freq="M")]


def parse_period(period: str | None, dates: Any = ()) -> Period:
    """Read a period; None is the twelve calendar months that end with the newest sample.

    Months without a sample count among the twelve, so that a gap never brings old water in.

    Parameters
    ----------
    period
        ``"2025"``, ``"2025Q3"``, ``"2025-07"``, ``"2025-05/2025-09"`` or None.
    dates : array of datetime64
        Dates of samples, for None.

    Raises
    ------
    AssessmentError
        If the text is no period, runs backwards, or is None without any date.

    Examples
    --------
    >>> parse_period("2025Q3").months
    ['2025-07', '2025-08', '2025-09']
    """
    if period is None:
        return _last_year(dates)
    text = str(period).strip()
    if "/" in text:
        ends = [_month(part.strip(), text) for part in text.split("/", 1)]
        if ends[1] < ends[0]:
            raise AssessmentError(
                f"period {text!r} runs backwards",
                mend=_GRAMMAR,
                zh=f"时段“{text}”的起止颠倒",
                mend_zh=_GRAMMAR_ZH,
            )
        return Period(text, ends[0].start_time, (ends[1] + 1).start_time, "range")
    quarter = re.fullmatch(r"(\d{4})-?[Qq]([1-4])", text)
    if quarter:
        q = pd.Period(year=int(quarter[1]), quarter=int(quarter[2]), freq="Q")
        return Period(f"{quarter[1]}Q{quarter[2]}", q.start_time, (q + 1).start_time, "quarter")
    if re.fullmatch(r"[12]\d{3}", text):
        year = pd.Period(text, freq="Y")
        return Period(text, year.start_time, (year + 1).start_time, "year")
    month = _month(text, text)
    return Period(str(month), month.start_time, (month + 1).start_time, "month")


def _month(text: str, whole: str) -> pd.Period:
    if not re.fullmatch(r"[12]\d{3}-(0?[1-9]|1[0-2])", text):
        raise AssessmentError(
            f"{whole!r} is not a period",
            mend=_GRAMMAR,
            zh=f"“{whole}”不是时段",
            mend_zh=_GRAMMAR_ZH,
        )
    return pd.Period(text, freq="M")


def _last_year(dates: Any) -> Period:
    known = pd.Series(pd.to_datetime(pd.Series(dates))).dropna()
    if known.empty:
        raise AssessmentError(
            "there are no dated samples, so no period can be chosen", mend="Check the samples."
        )
    last = known.max().to_period("M")
    first = last - 11
    if first.month == 1:
        return parse_period(str(first.year))
    return Period(f"{first}/{last}", first.start_time, (last + 1).start_time, "range")
