"""What a section would be if an outfall met its standard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin._text import as_id
from basin.errors import AssessmentError
from basin.standards.tracing import effluent_limit
from basin.tracing.balance import KG_D
from basin.tracing.doubt import quantiles

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["what_if"]

_COLUMNS = [
    "name", "effluent_mg_l", "standard_mg_l", "standard_source", "standard_source_en", "load_kg_d",
    "load_after_kg_d",
    "section_now_mg_l", "section_mg_l", "section_low_mg_l", "section_high_mg_l", "p_pass_now",
    "p_pass", "why_not",
]  # fmt: skip


def what_if(trace: SourceTrace, standards: Mapping[Any, float] | None) -> pd.DataFrame:
    """Lower one outfall at a time to its standard; flows stay as they are.

    Returns
    -------
    DataFrame by outfall_id, in the order of rank
        ``effluent_mg_l`` now (load / flow), ``standard_mg_l``, ``standard_source`` and
        ``standard_source_en``, ``load_kg_d`` and ``load_after_kg_d`` at the outfall; at the section
        ``section_now_mg_l``, ``section_mg_l`` afterwards with a 90 % interval; ``p_pass_now`` and
        ``p_pass``: the part of the draws in which the section meets its limit; ``why_not``:
        no_standard, no_flow or no_flux where it cannot be told, meets_it where the outfall is
        within its standard already.

    Raises
    ------
    AssessmentError
        If `standards` names an outfall that does not drain here.
    """
    given = {as_id(k): float(v) for k, v in (standards or {}).items()}
    ids = trace.model.outfall_ids
    unknown = [k for k in given if k not in trace.outfalls.index]
    if unknown:
        raise AssessmentError(
            "outfalls do not drain here", ids=unknown, mend="See `outfalls` of the trace."
        )
    draws, limit = trace.draws, float(trace.balance["limit_mg_l"])
    water, flow = draws.value(0, 0), draws.flow(0, 0)
    observed, mean_flow = (float(trace.balance[c]) for c in ("observed_mg_l", "flow_m3_s"))
    told = bool(np.isfinite(water).all() and (flow > 0).all())
    now = float((water <= limit).mean()) if told else np.nan
    rows = []
    for at, outfall in enumerate(ids):
        row = trace.outfalls.loc[outfall]
        standard, source, source_en = _standard(row, trace.item_id, given.get(outfall))
        load, effluent = float(row["load_kg_d"]), float(row["effluent_mg_l"])
        after = standard * float(row["flow_m3_d"]) / 1000.0
        why = "no_standard" if np.isnan(standard) else "no_flow" if np.isnan(after) else ""
        why = why or ("" if told else "no_flux") or ("meets_it" if after >= load else "")
        result = {
            "name": row["name"], "effluent_mg_l": effluent, "standard_mg_l": standard,
            "standard_source": source, "standard_source_en": source_en, "load_kg_d": load,
            "section_now_mg_l": observed, "p_pass_now": now, "why_not": why,
        }  # fmt: skip
        if why == "":
            rate = np.exp(-draws.rate * trace.model.chain.outfall_hours[at])
            cut = np.maximum(draws.load_kg_d[at] - after, 0.0) * rate
            then = np.maximum(water - cut / (KG_D * flow), 0.0)
            kept = float(row["arriving_kg_d"]) / load
            result["load_after_kg_d"] = after
            left = observed - (load - after) * kept / (KG_D * mean_flow)
            result["section_mg_l"] = max(left, 0.0)
            result["section_low_mg_l"], result["section_high_mg_l"] = quantiles(then)
            result["p_pass"] = float((then <= limit).mean())
        rows.append(result)
    return pd.DataFrame(rows, index=ids).reindex(columns=_COLUMNS)


def _standard(row: Any, item: str, given: float | None) -> tuple[float, str, str]:
    if given is not None:
        return given, "给定", "given"
    if float(row["standard_mg_l"]) > 0:
        return float(row["standard_mg_l"]), "排口自报", "its own"
    record = effluent_limit(row["kind"], item)
    return record.mg_l, record.source, record.source_en
