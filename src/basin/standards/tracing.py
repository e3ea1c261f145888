"""Figures of a source trace: uncertainties, seasons, mixing, and limits of effluent, as records.

``tracing.toml`` and ``effluent.toml`` hold them, each with its source and confidence.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

__all__ = ["EffluentLimit", "effluent_limit", "tracing_figures"]


@cache
def _records(name: str) -> dict[str, Any]:
    return tomllib.loads(files("basin.standards").joinpath(name).read_text(encoding="utf-8"))


def tracing_figures(table: str) -> dict[str, Any]:
    """Return one table of ``tracing.toml``.

    Examples
    --------
    >>> tracing_figures("velocity")["band"], tracing_figures("doubt")["draws"]
    (0.3, 10000)
    """
    return dict(_records("tracing.toml")[table])


class EffluentLimit(NamedTuple):
    """A limit of effluent in mg/L (NaN: none on record) and where it comes from."""

    mg_l: float
    source: str
    source_en: str


def effluent_limit(kind: Any, item: str) -> EffluentLimit:
    """Return the limit on record for an item in the effluent of a kind of outfall.

    Examples
    --------
    >>> effluent_limit("sewage_works", "tp").mg_l, effluent_limit("other", "tp").mg_l
    (0.5, nan)
    """
    record = _records("effluent.toml").get(str(kind), {})
    if item not in record.get("mg_l", {}):
        return EffluentLimit(float("nan"), "", "")
    return EffluentLimit(float(record["mg_l"][item]), record["source"], record["source_en"])
