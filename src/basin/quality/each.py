"""Many periods at once: the class of every sample, month, quarter or year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from basin.errors import AssessmentError
from basin.quality.assess import assess_sections
from basin.quality.explain import named_pollutants
from basin.quality.periods import parse_period
from basin.quality.samples import entered, section_ids

__all__ = ["PeriodSeries", "assess_each"]

_EVERY = ("sample", "month", "quarter", "year")

_SECTION = [
    "section_id", "period", "n_samples", "n_months", "water_class", "water_grade", "target_class",
    "compliant", "main_pollutants", "failing_items", "missing_items", "tn_mg_l", "tn_class",
    "fecal_coliform_per_l", "fecal_coliform_class", "note", "clause",
]  # fmt: skip


@dataclass(frozen=True)
class PeriodSeries:
    """Sections in many periods.

    Attributes
    ----------
    every
        sample, month, quarter or year.
    sections
        One row a section and period in which it was sampled, as `SectionAssessment.sections`, in
        order of time; ``period`` of a sample is its date, with the time where it has one; a second
        sample of one section and moment has " #2" behind it.
    items
        One row a section, period and item, as `SectionAssessment.items`.
    """

    every: str
    sections: pd.DataFrame
    items: pd.DataFrame


def assess_each(
    samples: pd.DataFrame,
    sections: Any,
    every: str = "month",
    *,
    period: str | None = None,
    lang: str = "zh",
) -> PeriodSeries:
    """Assess every sample, month, quarter or year of a period by the same rules.

    Parameters
    ----------
    samples, sections
        As in `assess_sections`.
    every
        ``"sample"``: each sample by itself; ``"month"``, ``"quarter"``, ``"year"``: by calendar.
    period
        Only what lies in it, as in `parse_period`; None: all samples.
    lang
        Of ``main_pollutants``: zh or en.

    Raises
    ------
    AssessmentError
        As `assess_sections`, or if `every` is another word.
    """
    if every not in _EVERY:
        raise AssessmentError(f"every is {every!r}", mend=f"One of {', '.join(_EVERY)}.")
    table, _ = entered(samples)
    ids = section_ids(sections)
    table = table[table["date"].notna() & table["section_id"].isin(ids)]
    if period is not None:
        span = parse_period(period)
        table = table[(table["date"] >= span.start) & (table["date"] < span.end)]
    if not len(table):
        raise AssessmentError(
            "no dated sample of these sections lies in the period",
            mend="Check section_id and date of the samples.",
        )
    key = _labels(table, every)
    parts, items = [], []
    for name, own in table.groupby(key, sort=True):
        label = str(name).split(" ")[0][:7] if every == "sample" else str(name)
        result = assess_sections(own, sections, period=label)
        sampled = result.sections[result.sections["n_samples"] > 0]
        if lang != "zh":
            named = named_pollutants(result, lang).reindex(sampled.index, fill_value="")
            sampled = sampled.assign(main_pollutants=named)
        plain = pd.DataFrame(sampled.reset_index()).assign(period=str(name))
        parts.append(plain[_SECTION])
        items.append(result.items.assign(period=str(name)))
    both = [pd.concat(t, ignore_index=True) for t in (parts, items)]
    return PeriodSeries(every, both[0], both[1])


def _labels(table: pd.DataFrame, every: str) -> Any:
    """Period of each row as text that sorts in time; samples of one moment stand together."""
    date = table["date"]
    if every == "sample":
        again = table.groupby(["section_id", "date"]).cumcount()  # two samples of one moment
        moment = pd.Series([_moment(d) for d in date], index=table.index)
        return moment.where(again == 0, moment + " #" + (again + 1).astype(str))
    if every == "month":
        return date.dt.strftime("%Y-%m")
    if every == "year":
        return date.dt.strftime("%Y")
    labels: pd.Series = date.dt.year.astype(str) + "Q" + date.dt.quarter.astype(str)
    return labels


def _moment(date: pd.Timestamp) -> str:
    """A date, with its time where it has one: to the minute, or as fine as it is.

    Examples
    --------
    >>> [_moment(pd.Timestamp(t)) for t in ("2025-07-01", "2025-07-01 8:30", "2025-07-01 8:30:20")]
    ['2025-07-01', '2025-07-01 08:30', '2025-07-01 08:30:20']
    """
    day, time = date.isoformat(sep=" ").split(" ")
    return day if date == date.normalize() else f"{day} {time.removesuffix(':00')}"
