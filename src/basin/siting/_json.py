"""A siting result as JSON for machines: the same input gives the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

__all__ = ["json_tables", "result_json"]


def json_tables(result: SitingResult) -> dict[str, Any]:
    """Return what the JSON holds, in its order: plain values and tables."""
    return {
        "date": result.date.isoformat(),
        "packs": list(result.packs),
        "sites": result.sites,
        "findings": result.findings,
        "unchecked": result.unchecked,
        "overrides": result.overrides,
        "other_editions": result.other_editions,
    }


def result_json(result: SitingResult) -> str:
    """Write a result as JSON."""
    plain = {
        name: _records(value) if isinstance(value, pd.DataFrame) else value
        for name, value in json_tables(result).items()
    }
    return json.dumps(plain, ensure_ascii=False, indent=1)


def _records(table: Any) -> Any:
    plain = pd.DataFrame(table)
    if "geometry" in plain:
        plain["geometry"] = table.geometry.to_wkt(rounding_precision=8)
    if plain.index.name:
        plain = plain.reset_index()
    return json.loads(plain.to_json(orient="records", date_format="iso", force_ascii=False))
