"""Where DEM and mapped rivers do not agree: listed, so that somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._dem import lowest_around
from basin.crs import EXCHANGE_CRS
from basin.terrain._cells import Bools, Floats, RiverCells
from basin.terrain._d8 import NO_FLOW

if TYPE_CHECKING:
    from basin.terrain._flow import FlowDirections

__all__ = ["list_disagreements", "stray_visits"]

#: A reach that climbs by more than this in the DEM is listed, in metres.
_CLIMB_M = 3.0
#: So is one whose line lies that far above the lowest ground within two cells, in metres.
_ABOVE_VALLEY_M = 15.0
#: And one of which more than this share of cells drains another way.
_SHARED = 0.05
#: And one of which more than so many cells' length lies outside the data.
_BEYOND_CELLS = 3.0


def stray_visits(flow: FlowDirections) -> Bools:
    """Visits whose water goes the way of a reach that is not below their own."""
    visits, network = flow.enforced
    taken = visits.reach[flow.owner[visits.cell]]
    other = np.flatnonzero(taken != visits.reach)
    stray = np.zeros(len(visits.cell), dtype=bool)
    if not len(other):
        return stray
    pairs = np.unique(np.column_stack([visits.reach[other], taken[other]]), axis=0)
    ids = network.reaches.index
    ends, begins = (network.reaches[c].to_numpy() for c in ("to_node", "from_node"))
    below = ends[pairs[:, 0]] == begins[pairs[:, 1]]  # most enter the reach that follows
    far = np.flatnonzero(~below)
    below[far] = [ids[b] in network.downstream(ids[a], diversions=True) for a, b in pairs[far]]
    key = pairs[:, 0] * len(ids) + pairs[:, 1]
    stray[other] = ~below[np.searchsorted(key, visits.reach[other] * len(ids) + taken[other])]
    return stray


def list_disagreements(flow: FlowDirections) -> gpd.GeoDataFrame:
    visits, network = flow.enforced
    m = len(network.reaches)
    n = np.bincount(visits.reach, minlength=m)
    valid = (flow.d8 != NO_FLOW).ravel()[visits.cell]
    row, col = np.divmod(visits.cell, flow.d8.shape[1])
    around = lowest_around(flow.heights, row, col, 1).astype(float)
    valley = lowest_around(flow.heights, row, col, 2).astype(float)
    above = pd.Series(flow.heights[row, col] - valley).groupby(visits.reach).median()
    climbed = _climb(around, visits, valid)
    shared = np.bincount(visits.reach, weights=stray_visits(flow), minlength=m) / np.maximum(n, 1)
    length = network.reaches["length_m"].to_numpy(dtype=float)
    held = np.bincount(visits.reach, (visits.leave_m - visits.measure_m) * valid, m)
    beyond = length - held > _BEYOND_CELLS * flow.dem.cell_m
    rows = []
    for kind, value, found in (
        ("climbs", climbed.reindex(range(m)), climbed.reindex(range(m)) > _CLIMB_M),
        ("above_valley", above.reindex(range(m)), above.reindex(range(m)) > _ABOVE_VALLEY_M),
        ("shares_cells", pd.Series(shared), pd.Series(shared) > _SHARED),
        ("outside", pd.Series(1 - held / length), pd.Series(beyond | (n == 0))),
    ):
        at = np.flatnonzero(found.to_numpy())
        rows.append(pd.DataFrame({"at": at, "kind": kind, "value": value.to_numpy()[at]}))
    table = pd.concat(rows, ignore_index=True)
    at = table.pop("at").to_numpy(dtype=np.int64)
    table.insert(0, "reach_id", network.reaches.index.to_numpy()[at])
    table["n_cells"] = n[at]
    shapes = np.asarray(network.reaches.geometry.array, dtype=object)[at]
    return gpd.GeoDataFrame(table, geometry=shapes, crs=EXCHANGE_CRS)


def _climb(z: Floats, visits: RiverCells, valid: Bools) -> pd.Series:
    """How far each reach ends above its beginning, in metres; 0 if it does not."""
    table = pd.DataFrame({"reach": visits.reach[valid], "z": z[valid]}).dropna()
    by = table.groupby("reach")["z"]
    return (by.last() - by.first()).clip(lower=0)
