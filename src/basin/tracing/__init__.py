"""Which outfalls make this section fail? The graph decides, not the map.

A trace is a list of leads, not proof: it says who can have contributed and how much would arrive,
never who is liable.
"""

from __future__ import annotations

from basin.tracing.explain import CAVEAT
from basin.tracing.trace import SourceTrace, trace_sources

__all__ = ["CAVEAT", "SourceTrace", "trace_sources"]
