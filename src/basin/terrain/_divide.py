"""Land of a stretch of river up to the divide, for zones that may not pass it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.crs import EXCHANGE_CRS, to_exchange
from basin.terrain._flow import FlowDirections
from basin.terrain._place import point_ids
from basin.terrain._polygons import outlines

__all__ = ["cut_at_divide", "land_of_intakes", "land_of_stretches"]


def land_of_stretches(stretches: pd.DataFrame, flow: FlowDirections) -> gpd.GeoDataFrame:
    """Draw the land whose water enters the rivers along given stretches.

    Parameters
    ----------
    stretches
        ``zone_id``, ``reach_id``, ``from_m`` and ``to_m`` from the reach's upstream end; several
        rows a zone.
    flow
        Enforced along the rivers.

    Returns
    -------
    GeoDataFrame by zone_id
        ``area_km2``; ``at_data_edge``: the DEM may end before the divide; ``geometry``, EPSG:4490.
        The land of different zones may overlap where their stretches do.
    """
    visits, network = flow.enforced
    position = network.reaches.index.get_indexer(pd.Index(stretches["reach_id"], dtype=object))
    rows = []
    for zone, part in stretches.assign(_reach=position).groupby("zone_id", sort=False):
        inside = np.zeros(len(visits.reach) + 1, dtype=bool)  # the last is for entry -1
        for reach, low, high in part[["_reach", "from_m", "to_m"]].to_numpy(dtype=float):
            on = visits.reach == reach
            inside[:-1] |= on & (visits.measure_m < high) & (visits.leave_m > low)
        mine = inside[flow.entry]
        labels = mine.reshape(flow.d8.shape).astype(np.int32)
        rows.append(
            {
                "zone_id": zone,
                "area_km2": float(flow.cell_area_km2[mine].sum()),
                "at_data_edge": bool(flow.data_edge[mine].any()),
                "geometry": outlines(labels, 1, flow.dem, flow.window)[0],
            }
        )
    columns = ["zone_id", "area_km2", "at_data_edge", "geometry"]
    frame = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=EXCHANGE_CRS)
    return frame.set_index("zone_id")


def land_of_intakes(
    intakes: gpd.GeoDataFrame,
    flow: FlowDirections,
    *,
    up_m: float,
    down_m: float,
    max_offset_m: float = 500.0,
) -> gpd.GeoDataFrame:
    """Draw the land that drains to the river around each intake, for `water_source_zones`.

    Parameters
    ----------
    intakes
        Points with ``id`` (else the index), any known CRS.
    flow
        Enforced along the rivers.
    up_m, down_m
        Metres of river above (tributaries too) and below each intake.
    max_offset_m
        Farthest that an intake may lie from its reach; those farther have no row.

    Returns
    -------
    GeoDataFrame
        ``id``, ``area_km2``, ``at_data_edge``, ``geometry`` (EPSG:4490): its edge is the divide.
    """
    _, network = flow.enforced
    length = network.reaches["length_m"]
    placed = network.snap(intakes, max_offset_m=max_offset_m).set_axis(point_ids(intakes))
    parts = []
    for key, row in placed[placed["reach_id"].notna()].iterrows():
        start, at = row["reach_id"], float(row["measure_m"])
        up = network.upstream((start, at), distance_m=up_m, partial=True)
        down = network.downstream((start, at), distance_m=down_m, diversions=True, partial=True)
        high = length[up.index].where(up.index != start, at)
        low = pd.Series(0.0, index=down.index).where(down.index != start, at)
        for first, last in (
            (high - up * length[up.index], high),
            (low, low + down * length[down.index]),
        ):
            parts.append(
                pd.DataFrame(
                    {"zone_id": key, "reach_id": first.index, "from_m": first, "to_m": last}
                )
            )
    columns = ["zone_id", "reach_id", "from_m", "to_m"]
    stretches = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    land = land_of_stretches(stretches, flow)
    return land[~land.geometry.is_empty].rename_axis("id").reset_index()


def cut_at_divide(
    zones: gpd.GeoDataFrame, stretches: pd.DataFrame, flow: FlowDirections
) -> gpd.GeoDataFrame:
    """Cut the land of water-source zones at the divide (HJ 338-2018: not past the divide).

    Parameters
    ----------
    zones
        Strips of land with ``zone_id``; any known CRS.
    stretches
        The water of each zone, as for :func:`land_of_stretches`.
    flow
        Enforced along the rivers.

    Returns
    -------
    GeoDataFrame
        A copy of `zones` in EPSG:4490: what drains to the zone's own water, with ``cut_m2``, the
        area that was beyond the divide, and ``at_data_edge``. A zone without stretches, or whose
        stretches lie outside the DEM, stays whole, with ``cut_m2`` NaN.
    """
    from basin.crs import area_m2

    table = to_exchange(zones, layer="zones")
    land = land_of_stretches(stretches, flow)
    land = land[~land.geometry.is_empty]
    ids = table["zone_id"].astype(str)
    ground = land.geometry.set_axis(land.index.astype(str)).reindex(ids).to_numpy(dtype=object)
    known = np.array([g is not None for g in ground])
    shapes = np.asarray(table.geometry.array, dtype=object).copy()
    before = area_m2(shapes)
    shapes[known] = shapely.intersection(shapes[known], ground[known])
    cut = np.where(known, before - area_m2(shapes), np.nan)
    edge = land["at_data_edge"].set_axis(land.index.astype(str)).reindex(ids)
    return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=EXCHANGE_CRS)).assign(
        cut_m2=cut, at_data_edge=edge.fillna(False).to_numpy(dtype=bool)
    )
