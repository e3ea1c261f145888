"""What lies above a section: measured sections, and reaches with the load that passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.ops import substring

from basin.crs import EXCHANGE_CRS
from basin.quality import SectionAssessment
from basin.standards.quality import Decay
from basin.tracing.balance import KG_D, has_load, inherited_loads
from basin.tracing.routes import Routes

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["loaded_reaches", "upstream_sections"]


def upstream_sections(
    network: RiverNetwork,
    routes: Routes,
    sections: Any,
    places: pd.DataFrame,
    assessment: SectionAssessment,
    section_id: Any,
    item: str,
    decay: Decay,
) -> gpd.GeoDataFrame:
    """The sections that drain to this one, what they found, and what of it arrives here."""
    snapped = places[places["reach_id"].notna() & (places.index != section_id)]
    located = routes.locate(snapped["reach_id"], snapped["measure_m"]).set_index(snapped.index)
    located = located[located["upstream"]].sort_values("distance_m", kind="stable")
    ids = located.index
    own = assessment.items[assessment.items["item_id"] == item].set_index("section_id")
    own = own.reindex(ids)
    table = sections.set_index("section_id").loc[ids]
    reach = snapped["reach_id"].reindex(ids)
    flow = network.reaches["flow_m3_s"].reindex(reach.to_numpy()).to_numpy(dtype=float)
    if "flow_m3_s" in table.columns:
        stated = pd.to_numeric(table["flow_m3_s"], errors="coerce").to_numpy(dtype=float)
        flow = np.where(stated > 0, stated, flow)
    plain = assessment.sections.loc[ids]
    result = gpd.GeoDataFrame(
        {
            **{c: plain[c] for c in ("name", "level", "river", "target_class")},
            "section_class": plain["water_class"],
            "reach_id": reach,
            "measure_m": snapped["measure_m"].reindex(ids),
            **{c: located[c] for c in ("distance_m", "travel_time_h", "junctions")},
            "value": own["value"].astype(float),
            "n": own["n"].fillna(0).astype(int),
            "water_class": own["water_class"].astype(object).fillna("none"),
            "compliant": own["compliant"].astype("boolean"),
            "flow_m3_s": flow,
        },
        geometry=table.geometry.array,
        index=ids,
        crs=EXCHANGE_CRS,
    )
    result["flux_kg_d"] = np.nan
    result["arriving_kg_d"] = np.nan
    if has_load(item):
        result["flux_kg_d"] = KG_D * result["value"] * result["flow_m3_s"]
        result["arriving_kg_d"] = inherited_loads(result, decay.k_per_d)
    measured = result[result["value"].notna()]
    marks = routes.first_marks(measured["reach_id"], measured["measure_m"], measured.index)
    rows = located["row"].astype(int).tolist()
    result["nearest"] = [
        bool(pd.notna(value)) and marks.first(row, float(m), skip=s) is None
        for s, row, m, value in zip(ids, rows, result["measure_m"], result["value"], strict=True)
    ]
    return result


def loaded_reaches(
    network: RiverNetwork, routes: Routes, ranked: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Upstream reaches with the load that passes; the section's own is cut at the section."""
    table = routes.table
    known = ranked[ranked["arriving_kg_d"].notna()]
    rows = known["row"].to_numpy(dtype=int)
    amounts = known["arriving_kg_d"].to_numpy(dtype=float)
    reaches = network.reaches.loc[table.index]
    keep = [c for c in ("name", "strahler", "tributary_order") if c in reaches.columns]
    result = gpd.GeoDataFrame(
        {
            **{c: reaches[c] for c in keep},
            "length_m": table["length_m"],
            "distance_m": table["distance_m"],
            "travel_time_h": table["time_h"],
            "through_h": table["hours"],
            "added_kg_d": np.bincount(rows, weights=amounts, minlength=len(table)).astype(float),
            "load_kg_d": routes.accumulate(rows, amounts),
        },
        geometry=reaches.geometry.array,
        index=pd.Index(table.index, name="reach_id"),
        crs=EXCHANGE_CRS,
    )
    whole = float(reaches["length_m"].iloc[0])
    share = min(routes.end.measure_m / whole, 1.0) if whole > 0 else 1.0
    line = substring(result.geometry.iloc[0], 0.0, share, normalized=True)
    result.geometry = [line, *result.geometry.iloc[1:]]
    return result
