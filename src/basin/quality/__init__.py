"""Section assessment: classes by GB 3838, compliance with the target, and the main pollutants.

Concentrations are averaged over the period first and then classified; classes are never averaged.
"""

from __future__ import annotations

from basin.quality.assess import METHOD, SectionAssessment, assess_sections
from basin.quality.explain import pollutant_text
from basin.quality.periods import Period, parse_period

__all__ = [
    "METHOD",
    "Period",
    "SectionAssessment",
    "assess_sections",
    "parse_period",
    "pollutant_text",
]
