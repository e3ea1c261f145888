"""What land drains to a place: own and total catchments of sections, outfalls and intakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._dem import Repair
from basin.crs import EXCHANGE_CRS
from basin.terrain._cells import Floats, Ints
from basin.terrain._flow import FlowDirections, flow_directions
from basin.terrain._place import place_points, point_ids
from basin.terrain._polygons import outlines

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["Catchments", "catchments_of", "delineate_catchments"]


@dataclass(frozen=True)
class Catchments:
    """Catchments of points: each its own land, nested into drainage areas.

    Attributes
    ----------
    catchments : GeoDataFrame
        Indexed by the ids of the points. ``name``; ``reach_id``, ``measure_m``, ``offset_m``,
        ``river``; ``snapped_by`` and ``status`` as :func:`~basin.terrain.place_points` says, and
        ``same_cell`` (an other point lies in the cell: ``shares_with``); ``below``, the next point
        downstream; ``area_km2``, own land between this point and those above;
        ``drainage_area_km2``, with all above; ``given_km2``, the area of the record, and
        ``difference`` (computed less given, by given); ``at_data_edge``: the DEM may end before the
        divide, so that the areas are lower bounds; ``geometry``, the own land (EPSG:4490). These
        polygons neither overlap nor leave gaps.
    repairs : list of Repair
        What was set right in the DEM.
    disagreements : GeoDataFrame
        Where DEM and rivers do not agree (see :class:`~basin.terrain.FlowDirections`).
    vertical : str
        Vertical datum of the DEM, "" if not known.
    """

    catchments: gpd.GeoDataFrame
    repairs: list[Repair]
    disagreements: gpd.GeoDataFrame
    vertical: str = ""

    @cached_property
    def drainage_areas(self) -> gpd.GeoDataFrame:
        """The same table with the outline of the whole drainage area of each point."""
        table = self.catchments
        at = {key: k for k, key in enumerate(table.index)}
        shapes = np.asarray(table.geometry.array, dtype=object).copy()
        # a point's own land first, then that of the points above, each joined once
        above: list[list[int]] = [[] for _ in at]
        waits = np.zeros(len(at), dtype=np.int64)
        below = [at.get(key, -1) for key in table["below"]]
        for k, b in enumerate(below):
            if b >= 0:
                above[b].append(k)
                waits[b] += 1
        ready = [int(k) for k in np.flatnonzero(waits == 0)]
        while ready:
            k = ready.pop()
            parts = [shapes[j] for j in (k, *above[k]) if not shapes[j].is_empty]
            if len(parts) > 1:
                shapes[k] = shapely.coverage_union_all(parts)
            if below[k] >= 0:
                waits[below[k]] -= 1
                if not waits[below[k]]:
                    ready.append(below[k])
        same = table["shares_with"].map(at)
        for row in np.flatnonzero(same.notna()).tolist():
            shapes[row] = shapes[int(same.iloc[row])]
        return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=EXCHANGE_CRS))

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the table of own catchments (a copy)."""
        return self.catchments.copy()

    def explain(self, lang: str = "zh") -> str:
        """Tell what was delineated and what must be checked, each with ids.

        Parameters
        ----------
        lang
            "zh" or "en".
        """
        from basin.terrain._tell import explain_catchments

        return explain_catchments(self, lang)


def delineate_catchments(
    points: gpd.GeoDataFrame | gpd.GeoSeries,
    dem: Any,
    *,
    streams: RiverNetwork | None = None,
    max_offset_m: float = 500.0,
    vertical: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Catchments:
    """Delineate the land that drains to each point, all at once.

    Parameters
    ----------
    points
        Sections, outfalls, intakes: points in any known CRS, with ``section_id``, ``outfall_id`` or
        ``id`` (else the index), and where known ``name``, ``river`` and ``drainage_area_km2`` (the
        published figure, which helps to find the right stream and is compared).
    dem
        A DEM (see :func:`~basin.terrain.flow_directions`), or the FlowDirections themselves, which
        answer any number of questions.
    streams
        The river network; needed unless `dem` are FlowDirections computed with it.
    max_offset_m
        Farthest that a point may lie from its reach; beyond it stands on its own brook.
    vertical, progress
        As for :func:`~basin.terrain.flow_directions`.

    Returns
    -------
    Catchments
        A catchment ends with the cell in which the point lies on its reach.

    Raises
    ------
    LayerError, CrsError
        If the DEM or the points cannot be used.
    NetworkError
        If there are no streams.
    """
    flow = dem if isinstance(dem, FlowDirections) else None
    if flow is None:
        flow = flow_directions(dem, streams=streams, vertical=vertical, progress=progress)
    return catchments_of(points, flow, max_offset_m=max_offset_m)


def catchments_of(
    points: gpd.GeoDataFrame | gpd.GeoSeries, flow: FlowDirections, *, max_offset_m: float
) -> Catchments:
    """Delineate catchments on flow directions at hand; see :func:`delineate_catchments`."""
    ids = point_ids(points)
    place = place_points(points, flow, max_offset_m=max_offset_m)
    place.index = ids
    groups = _groups(place)
    labels, parent = _labels(groups, flow)
    n = len(groups)
    flat = np.maximum(labels, 0)
    area: Floats = np.bincount(flat, flow.cell_area_km2, n + 1)[1:].astype(float)
    at_edge = np.bincount(flat, weights=flow.data_edge, minlength=n + 1)[1:] > 0
    total, open_edge = _nested(area, at_edge, parent)
    shapes = outlines(labels.reshape(flow.d8.shape), n, flow.dem, flow.window)
    table = place.drop(columns=["visit", "cell"])
    name = points["name"] if "name" in getattr(points, "columns", ()) else ""
    table.insert(
        0, "name", pd.Series(name, index=points.index).astype("string").fillna("").to_numpy()
    )
    of = np.full(len(place), -1, dtype=np.int64)
    of[groups["at"].explode().to_numpy(dtype=np.int64)] = np.repeat(
        np.arange(n), groups["at"].map(len)
    )
    lead = groups["at"].map(lambda members: members[0]).to_numpy(dtype=np.int64)
    first = np.zeros(len(place), dtype=bool)
    first[lead] = True
    here = of >= 0
    below = np.where(here, parent[np.maximum(of, 0)], -1) if n else np.full(len(place), -1)
    leader = np.append(ids.to_numpy(dtype=object)[lead], [""])
    table["below"] = leader[below]
    table["shares_with"] = np.where(here & ~first, leader[of], "")
    table["status"] = np.where(here & ~first, "same_cell", table["status"])
    table["area_km2"] = np.where(first, np.append(area, np.nan)[of], np.where(here, 0.0, np.nan))
    table["drainage_area_km2"] = np.append(total, np.nan)[of]
    table["difference"] = table["drainage_area_km2"] / table["given_km2"] - 1.0
    table["at_data_edge"] = np.append(open_edge, False)[of]
    order = [c for c in table if c not in ("given_km2", "difference")]
    place_of = order.index("drainage_area_km2") + 1
    table = table[[*order[:place_of], "given_km2", "difference", *order[place_of:]]]
    empty = shapely.MultiPolygon()
    geometry = np.append(shapes, [empty])[np.where(first, of, n)]
    frame = gpd.GeoDataFrame(table, geometry=geometry, crs=EXCHANGE_CRS)
    return Catchments(frame, list(flow.repairs), flow.disagreements, flow.dem.vertical)


def _groups(place: pd.DataFrame) -> pd.DataFrame:
    """Points by the cell in which they lie; those on rivers in the order of flow, brooks first.

    Returns
    -------
    DataFrame
        ``visit`` (-1 on a brook), ``cell``, ``at``: rows of `place`, upstream first.
    """
    rows = place.assign(at=np.arange(len(place)))
    rows = rows[rows["cell"] >= 0].sort_values(["visit", "cell", "measure_m", "at"], kind="stable")
    key = rows["visit"].where(rows["visit"] >= 0, -2 - rows["cell"])
    grouped = rows.groupby(key, sort=False)
    return pd.DataFrame(
        {
            "visit": grouped["visit"].first(),
            "cell": grouped["cell"].first(),
            "at": grouped["at"].agg(list),
        }
    ).reset_index(drop=True)


def _labels(groups: pd.DataFrame, flow: FlowDirections) -> tuple[Any, Ints]:
    """Label every cell with the first group (1 ..) below it; name the group below each group."""
    visits, _ = flow.enforced
    on_river = np.flatnonzero(groups["visit"] >= 0)
    visit = groups["visit"].to_numpy(dtype=np.int64)
    label_of_visit = _next_group(visits.reach, np.arange(len(visits.reach)), visit[on_river], flow)
    label_of_visit = (
        np.where(label_of_visit >= 0, on_river[label_of_visit] + 1, 0)
        if len(on_river)
        else np.zeros(len(visits.reach), dtype=np.int64)
    )
    by_entry = np.append(label_of_visit, 0).astype(np.int32)  # the last is for entry -1
    labels = by_entry[flow.entry]
    parent = np.full(len(groups), -1, dtype=np.int64)
    if len(on_river):
        after = _next_group(visits.reach, visit[on_river], visit[on_river], flow, strict=True)
        parent[on_river] = np.where(after >= 0, on_river[after], -1)
    brooks = np.flatnonzero(groups["visit"] < 0)
    if len(brooks):
        cell = groups["cell"].to_numpy(dtype=np.int64)[brooks]
        # what stands on slopes and rivers already, with the brooks on top: -1 means no point
        start = np.zeros(flow.d8.size, dtype=np.int32)
        entering = flow.owner >= 0
        start[entering] = np.where(labels[entering] > 0, labels[entering], -1)
        pits = flow.down == np.arange(flow.d8.size)
        start[pits & (start == 0)] = -1
        start[cell] = brooks + 1
        labels = flow.fill_up(start)
        below = labels[flow.down[cell]]
        parent[brooks] = np.where((below > 0) & (below - 1 != brooks), below - 1, -1)
    return labels, parent


def _next_group(
    reach: Ints, visit: Ints, targets: Ints, flow: FlowDirections, *, strict: bool = False
) -> Ints:
    """Number of the first target visit at or below each visit, along the network; -1 for none."""
    visits, network = flow.enforced
    ids = network.reaches.index.to_numpy(dtype=object)
    # places in order on each reach: the number of the visit stands for the measure
    order = np.arange(len(visits.reach)) - np.searchsorted(visits.reach, visits.reach)
    share = order / np.maximum(np.bincount(visits.reach, minlength=len(ids))[visits.reach], 1)
    length = network.reaches["length_m"].to_numpy(dtype=float)

    def places(some: Ints) -> pd.DataFrame:
        at = visits.reach[some]
        return pd.DataFrame({"reach_id": ids[at], "measure_m": share[some] * length[at]})

    found = network.next_downstream(places(visit), places(targets), strict=strict)["target"]
    return pd.to_numeric(found).fillna(-1).to_numpy(dtype=np.int64)


def _nested(area: Floats, at_edge: Any, parent: Ints) -> tuple[Floats, Any]:
    """Add up areas and doubts of groups down to the last."""
    total, doubt = area.copy(), at_edge.copy()
    waits = np.bincount(parent[parent >= 0], minlength=len(parent))
    ready = np.flatnonzero(waits == 0).tolist()
    while ready:
        k = ready.pop()
        below = int(parent[k])
        if below >= 0:
            total[below] += total[k]
            doubt[below] |= doubt[k]
            waits[below] -= 1
            if not waits[below]:
                ready.append(below)
    return total, doubt
