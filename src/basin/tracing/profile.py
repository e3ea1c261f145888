"""Load and concentration along the main river down to a section, for a longitudinal figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin.tracing.balance import KG_D

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["profile"]

_COLUMNS = [
    "kind", "label", "reach_id", "distance_m", "travel_time_h", "flow_m3_s", "load_kg_d",
    "known_mg_l", "observed_mg_l", "limit_mg_l",
]  # fmt: skip


def profile(trace: SourceTrace) -> pd.DataFrame:
    """Follow the main river from its head to the section.

    Returns
    -------
    DataFrame, farthest first
        ``kind``: "reach" (upper and lower end of each stretch between which nothing enters),
        "outfall" (where its water comes into the main river), "section" (measured, the traced one
        last); ``label`` (id), ``reach_id``, ``distance_m`` and ``travel_time_h`` to the section,
        ``flow_m3_s``, ``load_kg_d`` of the known outfalls passing there (of an outfall: what it
        brings to that place), ``known_mg_l``: that load in the flow of the reach;
        ``observed_mg_l`` and ``limit_mg_l`` at sections. The observed less the known concentration
        is what no outfall on record explains.
    """
    stretches = trace.reaches
    main = stretches["main_path_id"] == stretches["main_path_id"].iloc[0]
    own = stretches[main.to_numpy(dtype=bool)]
    k = trace.decay.k_per_d / 24.0
    ends = []
    for upper in (True, False):
        distance = own["distance_m"] + (own["length_m"] if upper else 0.0)
        hours = own["travel_time_h"] + (own["through_h"] if upper else 0.0)
        ends.append(
            pd.DataFrame(
                {
                    "kind": "reach",
                    "label": own.index.astype(str),
                    "reach_id": own.index,
                    "distance_m": distance.to_numpy(),
                    "travel_time_h": hours.to_numpy(),
                    "flow_m3_s": own["flow_m3_s"].to_numpy(dtype=float),
                    "load_kg_d": (own["load_kg_d"] * np.exp(k * hours)).to_numpy(),
                    "_turn": 2 if upper else 0,
                }
            )
        )
    # at one place: the stretch that ends there, what enters, the stretch that begins
    marks = [*_outfalls(trace, set(own.index), k), *_sections(trace, set(own.index))]
    parts = [*ends, pd.DataFrame(marks)]
    table = pd.concat(parts, ignore_index=True).reindex(columns=[*_COLUMNS, "_turn"])
    table["_turn"] = table["_turn"].fillna(1)
    has_flow = table["flow_m3_s"] > 0
    reach = (table["kind"] == "reach") & has_flow
    table["known_mg_l"] = (table["load_kg_d"] / (KG_D * table["flow_m3_s"])).where(reach)
    ordered = table.sort_values(
        ["distance_m", "_turn"], ascending=[False, True], kind="stable", ignore_index=True
    )
    return ordered[_COLUMNS].astype({"label": "str"})


def _outfalls(trace: SourceTrace, main: set[Any], k: float) -> list[dict[str, Any]]:
    """Outfalls of known load, at the place where their water comes into the main river."""
    table = trace.routes.table
    after, ids = table["next"].to_numpy(), table.index
    marks = []
    for outfall, row in trace.outfalls.loc[trace.model.outfall_ids].iterrows():
        at = int(ids.get_indexer(pd.Index([row["reach_id"]]))[0])
        distance, hours = float(row["distance_m"]), float(row["travel_time_h"])
        while ids[at] not in main and after[at] >= 0:
            distance, hours = (float(table[c].iloc[at]) for c in ("distance_m", "time_h"))
            at = int(after[at])
        marks.append(
            {
                "kind": "outfall", "label": str(outfall), "reach_id": ids[at],
                "distance_m": distance, "travel_time_h": hours,
                "load_kg_d": float(row["arriving_kg_d"]) * np.exp(k * hours),
            }
        )  # fmt: skip
    return marks


def _sections(trace: SourceTrace, main: set[Any]) -> list[dict[str, Any]]:
    above, balance = trace.upstream_sections, trace.balance
    own = above[above["reach_id"].isin(main) & above["value"].notna()]
    marks = [
        {
            "kind": "section", "label": str(section_id), "reach_id": row["reach_id"],
            "distance_m": row["distance_m"], "travel_time_h": row["travel_time_h"],
            "flow_m3_s": row["flow_m3_s"], "load_kg_d": row["flux_kg_d"],
            "observed_mg_l": row["value"], "limit_mg_l": row["limit"],
        }
        for section_id, row in own.iterrows()
    ]  # fmt: skip
    marks.append(
        {
            "kind": "section", "label": str(trace.section_id),
            "reach_id": trace.routes.end.reach_id, "distance_m": 0.0, "travel_time_h": 0.0,
            "flow_m3_s": balance["flow_m3_s"], "load_kg_d": balance["flux_kg_d"],
            "observed_mg_l": balance["observed_mg_l"], "limit_mg_l": balance["limit_mg_l"],
            "_turn": 3,
        }
    )  # fmt: skip
    return marks
