"""Section assessment: classes by GB 3838, compliance with the target, and the main pollutants.

Concentrations are averaged over the period first and then classified; classes are never averaged.
"""

from __future__ import annotations

from basin.quality.assess import METHOD, SectionAssessment, assess_sections
from basin.quality.each import PeriodSeries, assess_each
from basin.quality.explain import pollutant_text
from basin.quality.groups import assess_groups, share_grade
from basin.quality.lakes import assess_lakes, trophic_index, trophic_state
from basin.quality.periods import Period, parse_period
from basin.quality.targets import PlanCompliance, compliance_with_plan, sections_needed
from basin.quality.trend import compare_groups, compare_sections, spearman, spearman_trend

__all__ = [
    "METHOD",
    "Period",
    "PeriodSeries",
    "PlanCompliance",
    "SectionAssessment",
    "assess_each",
    "assess_groups",
    "assess_lakes",
    "assess_sections",
    "compare_groups",
    "compare_sections",
    "compliance_with_plan",
    "parse_period",
    "pollutant_text",
    "sections_needed",
    "share_grade",
    "spearman",
    "spearman_trend",
    "trophic_index",
    "trophic_state",
]
