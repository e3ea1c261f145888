"""What lies above a section: measured sections, and reaches with the load that passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely.ops import substring

from basin.crs import EXCHANGE_CRS
from basin.quality import SectionAssessment
from basin.standards.quality import limit_of
from basin.tracing.chain import Chain
from basin.tracing.routes import Routes
from basin.tracing.tables import reference_class

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["chain_of", "loaded", "loaded_reaches", "upstream_sections"]

Floats = npt.NDArray[np.float64]


def upstream_sections(
    routes: Routes,
    sections: Any,
    places: pd.DataFrame,
    assessment: SectionAssessment,
    section_id: Any,
    item: str,
) -> gpd.GeoDataFrame:
    """The sections that drain to this one, how far they are, and what they found."""
    snapped = places[places["reach_id"].notna() & (places.index != section_id)]
    located = routes.locate(snapped["reach_id"], snapped["measure_m"]).set_index(snapped.index)
    located = located[located["upstream"]].sort_values("distance_m", kind="stable")
    ids = located.index
    own = assessment.items[assessment.items["item_id"] == item].set_index("section_id")
    own = own.reindex(ids)
    table = sections.set_index("section_id").loc[ids]
    reach = snapped["reach_id"].reindex(ids)
    plain = assessment.sections.loc[ids]
    ways = ("distance_m", "travel_time_h", "travel_time_low_flow_h", "travel_time_high_flow_h")
    result = gpd.GeoDataFrame(
        {
            **{c: plain[c] for c in ("name", "level", "river", "target_class")},
            "section_class": plain["water_class"],
            "reach_id": reach,
            "measure_m": snapped["measure_m"].reindex(ids),
            **{c: located[c] for c in (*ways, "junctions", "row")},
            "value": own["value"].astype(float),
            "n": own["n"].fillna(0).astype(int),
            "water_class": own["water_class"].astype(object).fillna("none"),
            "compliant": own["compliant"].astype("boolean"),
        },
        geometry=table.geometry.array,
        index=ids,
        crs=EXCHANGE_CRS,
    )
    bodies = np.where(plain["waterbody"].eq("lake").fillna(False), "lake", "river")
    classes = [reference_class(row) for _, row in plain.iterrows()]
    result["limit"] = [limit_of(item, c, b) for c, b in zip(classes, bodies, strict=True)]
    return result


def chain_of(
    routes: Routes, above: gpd.GeoDataFrame, outfalls: Any
) -> tuple[Chain, npt.NDArray[np.intp]]:
    """The sections (the traced one first) and outfalls as they follow each other.

    Returns
    -------
    chain
        Of the outfalls of known load above zero that carry the item.
    next_of : shape (outfalls,)
        Position of the section next below each outfall.
    """
    rows = np.append(0, above["row"].to_numpy(dtype=np.intp))
    measures = np.append(routes.end.measure_m, above["measure_m"].to_numpy(dtype=float))
    marks = routes.marks(rows, measures)
    parent = [-1, *(marks.after(k, int(rows[k])) for k in range(1, len(rows)))]
    at = zip(outfalls["row"].astype(int), outfalls["measure_m"].astype(float), strict=True)
    next_of = np.array([marks.first(*place) for place in at], dtype=np.intp)
    known = loaded(outfalls)
    return Chain(
        parent=np.array(parent, dtype=np.intp),
        hours=np.append(0.0, above["travel_time_h"].to_numpy(dtype=float)),
        outfall_parent=next_of[known],
        outfall_hours=outfalls["travel_time_h"].to_numpy(dtype=float)[known],
    ), next_of


def loaded(outfalls: Any) -> npt.NDArray[np.bool_]:
    """True for outfalls of a known load above zero that carry the item."""
    load = outfalls["load_kg_d"].to_numpy(dtype=float)
    carries = outfalls["carries_item"].ne("no").to_numpy(dtype=bool)
    with np.errstate(invalid="ignore"):
        known: npt.NDArray[np.bool_] = carries & (load > 0)
    return known


def loaded_reaches(
    network: RiverNetwork, routes: Routes, ranked: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Upstream reaches with the load that passes, cut where outfalls enter and at the section.

    A reach with two outfalls is three stretches, the lowest first, so that the load of a stretch
    is the same all along it.
    """
    table = routes.table
    known = ranked[ranked["arriving_kg_d"].gt(0)]
    rows = known["row"].to_numpy(dtype=np.intp)
    amounts = known["arriving_kg_d"].to_numpy(dtype=float)
    whole = table["length_m"].to_numpy(dtype=float)
    cuts = np.clip(known["measure_m"].to_numpy(dtype=float), 0.0, whole[rows])
    row, start, added = _stretches(len(table), rows, cuts, amounts)
    last = np.append(row[1:] != row[:-1], True)
    end = np.where(last, whole[row], np.append(start[1:], 0.0))
    from_above = routes.accumulate(rows, amounts) - np.bincount(
        rows, weights=amounts, minlength=len(table)
    )
    so_far = np.cumsum(added)
    first = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    in_reach = so_far - (so_far[first] - added[first])[row]
    left = whole[row] - end  # to the lower end of the reach
    with np.errstate(invalid="ignore", divide="ignore"):
        hours_per_m = np.where(whole > 0, table["hours"].to_numpy(dtype=float) / whole, 0.0)[row]
    reaches = network.reaches.loc[table.index[row]]
    plain = ("name", "strahler", "tributary_order", "main_path_id", "flow_m3_s")
    keep = [c for c in plain if c in reaches.columns]
    result = gpd.GeoDataFrame(
        {
            **{c: reaches[c].to_numpy() for c in keep},
            "from_measure_m": start,
            "to_measure_m": end,
            "length_m": end - start,
            "distance_m": table["distance_m"].to_numpy(dtype=float)[row] + left,
            "travel_time_h": table["time_h"].to_numpy(dtype=float)[row] + left * hours_per_m,
            "through_h": (end - start) * hours_per_m,
            "added_kg_d": added,
            "load_kg_d": np.maximum(from_above[row] + in_reach, 0.0),
        },
        geometry=_cut(reaches, start, end),
        index=pd.Index(table.index[row], name="reach_id"),
        crs=EXCHANGE_CRS,
    )
    lowest_first = np.lexsort((-start, row))
    return result.iloc[lowest_first]


def _stretches(
    n: int, rows: Any, cuts: Any, amounts: Any
) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Where the stretches of `n` reaches begin, and what enters there, upper end first."""
    at = np.append(np.arange(n), rows).astype(np.intp)
    begins = pd.DataFrame(
        {"row": at, "start": np.append(np.zeros(n), cuts), "added": np.append(np.zeros(n), amounts)}
    )
    merged = begins.groupby(["row", "start"], sort=True, as_index=False)["added"].sum()
    return (
        merged["row"].to_numpy(dtype=np.intp),
        merged["start"].to_numpy(dtype=float),
        merged["added"].to_numpy(dtype=float),
    )


def _cut(reaches: gpd.GeoDataFrame, start: Floats, end: Floats) -> list[Any]:
    """Lines from measure to measure; only those that are not whole are cut."""
    lines = list(reaches.geometry.array)
    whole = reaches["length_m"].to_numpy(dtype=float)
    for at in np.flatnonzero((start > 0) | (end < whole)):
        size = whole[at] or 1.0
        lines[at] = substring(lines[at], start[at] / size, min(end[at] / size, 1), normalized=True)
    return lines
