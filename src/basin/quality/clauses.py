"""What the method asks of a period and of a section, and the clause that says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from basin.quality.periods import Period
from basin.standards.quality import assessment_method, class_rank, gb3838

__all__ = ["base_items", "grade_of", "item_clause", "months_asked", "section_clause"]

_GRADES = np.array(
    ["none", "excellent", "excellent", "good", "light", "moderate", "heavy"], dtype=object
)


def _rule(span: Period) -> dict[str, Any] | None:
    rules = assessment_method()["samples"]
    kind = "year" if len(span.months) == 12 else span.kind
    found: dict[str, Any] | None = rules.get(kind)
    return found


def months_asked(span: Period) -> tuple[int, int]:
    """Return the least months with samples, and those asked for; of any range, all of them."""
    rule = _rule(span)
    if rule is None:
        return len(span.months), len(span.months)
    return int(rule["months"]), int(rule["ask"])


def section_clause(span: Period) -> str:
    """Clauses of the method that a section's class over a period follows."""
    rule = _rule(span)
    single = str(assessment_method()["section"]["clause"])
    return single if rule is None else f"{single}；{rule['clause']}"


def item_clause(items: Any) -> list[str]:
    """Place of each item in the standard.

    Examples
    --------
    >>> item_clause(["tp"])
    ['GB 3838-2002 表1 第8项']
    """
    place = gb3838().index.get_indexer(items)
    return [f"GB 3838-2002 表1 第{n + 1}项" if n >= 0 else "" for n in place]


def grade_of(water_class: Any) -> Any:
    """Grade of each class: excellent (I, II), good, light, moderate, heavy, none."""
    return _GRADES[class_rank(water_class)]


def base_items(waterbody: Any) -> list[list[str]]:
    """Items of each section that "9+X" monitoring always measures, of those that have limits."""
    rule = assessment_method()["nine_plus_x"]
    return [[*rule["items"], *(rule["lake_items"] if body == "lake" else [])] for body in waterbody]
