"""``basin init``: from a folder of what there is to a ``basin.toml`` that says what was decided."""

from __future__ import annotations

from basin.draft.decide import Choice, Draft, draft_project
from basin.draft.text import report_lines

__all__ = ["Choice", "Draft", "draft_project", "report_lines"]
