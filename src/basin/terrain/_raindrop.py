"""Where the water of a place goes: down the slope to the first river, and what lies below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.geometry import vertices
from basin._network.snap import point_xy
from basin.crs import EXCHANGE_CRS, length_m, to_exchange
from basin.terrain._cells import Floats, Ints
from basin.terrain._flow import FlowDirections
from basin.terrain._place import point_ids

__all__ = ["Raindrops", "raindrop"]


@dataclass(frozen=True)
class Raindrops:
    """Paths of water from places down to the rivers.

    Attributes
    ----------
    paths : GeoDataFrame
        Indexed by the ids of the places. ``name``; ``status``: reached, outlet (the water leaves
        the DEM or ends before a mapped river), outside (of the DEM), no_geometry; ``reach_id``,
        ``river``, ``measure_m`` (from the reach's upstream end, within a cell); ``length_m`` of the
        path on the slope; ``drop_m`` on it; ``geometry``, the path (EPSG:4490).
    below : DataFrame
        One row a place and a point below it, nearest first: ``from_id``, ``layer``, ``id``,
        ``name``, ``distance_m`` (slope and river), ``river_m`` (on the river alone).
    vertical : str
        Vertical datum of the heights, "" if not known.
    """

    paths: gpd.GeoDataFrame
    below: pd.DataFrame
    vertical: str = ""

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the paths (a copy)."""
        return self.paths.copy()

    def explain(self, lang: str = "zh") -> str:
        """Tell for each place which river its water reaches, after how far, and what lies below."""
        from basin.terrain._tell import explain_raindrops

        return explain_raindrops(self, lang)


def raindrop(
    points: gpd.GeoDataFrame | gpd.GeoSeries,
    flow: FlowDirections,
    *,
    targets: Mapping[str, gpd.GeoDataFrame] | None = None,
    max_offset_m: float = 500.0,
) -> Raindrops:
    """Follow the slope from places to the first mapped river.

    Parameters
    ----------
    points
        Outfalls or sites in any known CRS; of a polygon, a point within it. With ``site_id``,
        ``outfall_id`` or ``id``, else the index.
    flow
        Enforced along the rivers (:func:`~basin.terrain.flow_directions` with `streams`).
    targets
        Layers of points on the rivers by name (``sections``, ``intakes``): those below each place
        are listed with their distance.
    max_offset_m
        Farthest that a target may lie from its reach.

    Raises
    ------
    CrsError
        If the CRS of the points is missing or refused.
    NetworkError
        If `flow` was computed without rivers.
    """
    visits, network = flow.enforced
    ids = point_ids(points)
    table = to_exchange(
        points if isinstance(points, gpd.GeoDataFrame) else points.to_frame("geometry"),
        layer="points",
    )
    inner = table.geometry.where(table.geometry.isna() | (table.geometry.geom_type == "Point"),
                                 table.geometry.representative_point())  # fmt: skip
    lonlat = point_xy(table.set_geometry(inner))
    known = np.isfinite(lonlat).all(axis=1)
    cell = np.full(len(table), -1, dtype=np.int64)
    cell[known] = flow.cell_of(lonlat[known])
    steps, owner = _walk(flow, cell)
    last = np.full(len(table), -1, dtype=np.int64)
    last[owner] = steps  # the last step of each is written last
    visit = np.where(last >= 0, flow.owner[np.maximum(last, 0)], -1)
    reached = visit >= 0
    status = np.where(~known, "no_geometry", np.where(cell < 0, "outside", "outlet")).astype(object)
    status[reached] = "reached"
    reach = visits.reach[np.maximum(visit, 0)] if len(visits.reach) else visit
    middle = (visits.measure_m + visits.leave_m) / 2
    measure = middle[np.maximum(visit, 0)] if len(visits.reach) else np.zeros(len(visit))
    foot = _lonlat_at(network, reach, measure)
    shapes = _paths(flow, lonlat, steps, owner, foot, reached, cell >= 0)
    heights = flow.heights.ravel()
    end = np.where(last >= 0, heights[np.maximum(last, 0)], np.nan)
    start = np.where(cell >= 0, heights[np.maximum(cell, 0)], np.nan)
    reaches = network.reaches
    position = np.where(reached, reach, -1)
    name = table["name"].astype("string").fillna("").to_numpy() if "name" in table else ""
    paths = gpd.GeoDataFrame(
        {
            "name": name,
            "status": status,
            "reach_id": pd.Series(reaches.index, dtype="str").array.take(position, allow_fill=True),
            "river": pd.Series(list(reaches["name"]), dtype="str").array.take(
                position, allow_fill=True
            ),
            "measure_m": np.where(reached, measure, np.nan),
            "length_m": np.where(cell >= 0, length_m(shapes), np.nan),
            "drop_m": start - end,
        },
        geometry=shapes,
        index=ids,
        crs=EXCHANGE_CRS,
    )
    below = _below(paths, targets or {}, network, max_offset_m)
    return Raindrops(paths, below, flow.dem.vertical)


def _walk(flow: FlowDirections, cell: Ints) -> tuple[Ints, Ints]:
    """Walk from cells down to a river or an outlet, all at once.

    Returns
    -------
    steps : shape (k,)
        Cells, the first included, in the order of walking.
    owner : shape (k,)
        Number of the walker of each step.
    """
    down, river = flow.down, flow.owner >= 0
    walker = np.flatnonzero(cell >= 0)
    here = cell[walker]
    steps, owner = [here], [walker]
    while len(walker):
        onward = down[here].astype(np.int64)
        moves = ~river[here] & (onward != here)
        walker, here = walker[moves], onward[moves]
        steps.append(here)
        owner.append(walker)
    return np.concatenate(steps), np.concatenate(owner)


def _lonlat_at(network: Any, reach: Ints, measure: Floats) -> Floats:
    """Place on a reach at a measure, in degrees."""
    near, of = np.unique(reach, return_inverse=True)
    verts = vertices(np.asarray(network.reaches.geometry.array, dtype=object)[near])
    if not len(near):
        return np.zeros((0, 2))
    measures = verts.measures()
    span = float(measures.max(initial=0.0)) + 1.0
    axis = np.repeat(np.arange(len(near)), np.diff(verts.first)) * (2 * span) + measures
    at = of * (2 * span) + np.minimum(measure, span)
    return np.column_stack([np.interp(at, axis, verts.xy[:, k]) for k in (0, 1)])


def _paths(
    flow: FlowDirections,
    start: Floats,
    steps: Ints,
    owner: Ints,
    foot: Floats,
    reached: Any,
    known: Any,
) -> Any:
    """Lines from each place over the middles of cells to the foot on the river."""
    # the first cell gives way to the place itself, and the river's cell to the foot
    on_river = flow.owner[steps] >= 0
    first = np.zeros(len(steps), dtype=bool)
    first[: int(known.sum())] = True
    keep = ~on_river & ~first
    walkers = np.flatnonzero(known)
    ends = np.flatnonzero(known & reached)
    xy = np.vstack([start[walkers], flow.lonlat_of(steps[keep]), foot[ends]])
    of = np.concatenate([walkers, owner[keep], ends])
    order = np.argsort(of, kind="stable")
    xy, of = xy[order], of[order]
    shapes = np.full(len(known), None, dtype=object)
    alone = np.bincount(of, minlength=len(known)) == 1
    # a place that is an outlet itself has a path of no length
    doubled = np.repeat(np.arange(len(of)), np.where(alone[of], 2, 1))
    if len(of):
        shapely.linestrings(xy[doubled], indices=of[doubled], out=shapes)
    return shapes


def _below(
    paths: gpd.GeoDataFrame,
    targets: Mapping[str, gpd.GeoDataFrame],
    network: Any,
    max_offset_m: float,
) -> pd.DataFrame:
    columns = ["from_id", "layer", "id", "name", "distance_m", "river_m"]
    parts = []
    for layer, points in targets.items():
        ids = point_ids(points)
        placed = network.snap(points, max_offset_m=max_offset_m).set_axis(ids)
        placed["id"] = ids
        placed["name"] = points["name"].to_numpy() if "name" in points else ""
        placed = placed[placed["reach_id"].notna()]
        for key, path in paths[paths["status"] == "reached"].iterrows():
            way = network.distance_from((path["reach_id"], path["measure_m"]))["distance_m"]
            found = placed[placed["reach_id"].isin(way.index)]
            river = way.reindex(found["reach_id"]).to_numpy() + found["measure_m"].to_numpy()
            table = found[["id", "name"]].assign(
                from_id=key, layer=layer, river_m=river, distance_m=river + path["length_m"]
            )
            parts.append(table[table["river_m"] >= 0])
    if not parts:
        return pd.DataFrame(columns=columns)
    joined = pd.concat(parts, ignore_index=True)[columns]
    order = pd.Index(paths.index).get_indexer(joined["from_id"])
    result: pd.DataFrame = joined.iloc[np.lexsort((joined["distance_m"], order))]
    return result.reset_index(drop=True)
