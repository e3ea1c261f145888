"""Siting: may this project be built here? Rules x distances x zones -> findings -> a verdict.

A verdict never softens what is not known: a rule whose layer is missing, expired or not known to
be complete at the site is ``unchecked``, and the site is then ``undetermined`` at best.
"""

from __future__ import annotations

from basin.siting._allowed import AllowedArea, find_allowed_area
from basin.siting._around import SiteZones, zones_around
from basin.siting._check import check_sites
from basin.siting._definitions import DefinitionSensitivity, definition_sensitivity
from basin.siting._diff import SitingChanges
from basin.siting._json import json_tables
from basin.siting._lines import LineSensitivity, line_sensitivity
from basin.siting._orders import tributary_orders
from basin.siting._overrides import read_overrides
from basin.siting._result import SitingResult
from basin.siting._ways import WaysToPass, ways_to_pass
from basin.siting._words import decided_text, direction_text, left_out_lines

__all__ = [
    "AllowedArea",
    "DefinitionSensitivity",
    "LineSensitivity",
    "SiteZones",
    "SitingChanges",
    "SitingResult",
    "WaysToPass",
    "check_sites",
    "decided_text",
    "definition_sensitivity",
    "direction_text",
    "find_allowed_area",
    "json_tables",
    "left_out_lines",
    "line_sensitivity",
    "read_overrides",
    "tributary_orders",
    "ways_to_pass",
    "zones_around",
]
