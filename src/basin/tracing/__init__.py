"""Which outfalls make this section fail? Where does this spill go, and when? The graph decides.

A trace is a list of leads, not proof: it says who can have contributed and how much would arrive,
never who is liable.
"""

from __future__ import annotations

from basin.tracing.attribution import OutfallAttribution, attribute_outfalls
from basin.tracing.explain import CAVEAT
from basin.tracing.mixing import mixing_length
from basin.tracing.reductions import ReductionPlan
from basin.tracing.result import SourceTrace
from basin.tracing.series import TraceSeries, trace_all
from basin.tracing.spill import IntakeZones, SpillTrace, intake_zones, trace_spill
from basin.tracing.survey import OutfallLedger, outfall_ledger, survey_targets
from basin.tracing.trace import trace_sources

__all__ = [
    "CAVEAT",
    "IntakeZones",
    "OutfallAttribution",
    "OutfallLedger",
    "ReductionPlan",
    "SourceTrace",
    "SpillTrace",
    "TraceSeries",
    "attribute_outfalls",
    "intake_zones",
    "mixing_length",
    "outfall_ledger",
    "survey_targets",
    "trace_all",
    "trace_sources",
    "trace_spill",
]
