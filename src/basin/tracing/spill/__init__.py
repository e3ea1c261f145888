"""Where a spill goes, when it comes where, what can hold it, and what threatens an intake.

==============  =======================================================================
``hydraulics``  velocity and flow of reaches by the best data at hand, the tier named
``way``         the reaches below a place, cut at structures, with times for each case
``cloud``       a cloud at a place: edges, peak, curve, hours above a limit
``targets``     sections, intakes, borders, confluences on the way
``spaces``      which structures can be closed in time, and what they hold (南阳实践)
``fronts``      where the cloud lies hour by hour, for maps and figures
``model``       the result object and the function that makes it
``note``        the result as an officer's note and as a plan
``intakes``     what lies within some hours above an intake
==============  =======================================================================
"""

from __future__ import annotations

from basin.tracing.spill.intakes import IntakeZones, intake_zones
from basin.tracing.spill.model import SpillTrace, trace_spill

__all__ = ["IntakeZones", "SpillTrace", "intake_zones", "trace_spill"]
