"""How rivers fall: slope of each reach, and the profile of a way downstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._dem import heights_at, open_dem
from basin._network.geometry import vertices
from basin._network.heights import places_along, reach_drops
from basin.terrain._place import point_ids

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["Profile", "downstream_profile", "reach_slopes"]

#: Heights of a profile at most.
_MOST_PLACES = 2_000


def reach_slopes(network: RiverNetwork, dem: Any) -> pd.DataFrame:
    """Slope of every reach, for travel times and for the direction of flow.

    Parameters
    ----------
    network
    dem
        As for :func:`~basin.terrain.open_dem`.

    Returns
    -------
    DataFrame by reach_id
        ``drop_m`` from the upper to the lower end, below 0 where the DEM climbs; ``slope`` =
        drop / length (metres a metre), NaN where it climbs or has no heights; ``confidence`` that
        the sign of the drop is right (0 flat, says nothing; 1 sure); ``n``, heights used.

    Notes
    -----
    A line fitted to the lowest heights within a cell of the reach; see
    :func:`basin._network.heights.reach_drops`.
    """
    reaches = network.reaches
    table = reach_drops(np.asarray(reaches.geometry.array, dtype=object), dem)
    table.index = reaches.index
    slope = table["drop_m"] / reaches["length_m"]
    table.insert(1, "slope", slope.where(slope > 0))
    return table


@dataclass(frozen=True)
class Profile:
    """The long profile of a way downstream.

    Attributes
    ----------
    points : DataFrame
        Every step: ``distance_m`` from the start, ``reach_id``, ``measure_m``, ``height_m`` (lowest
        within a cell, NaN without data), ``bed_m`` (the same made to fall: between the highest
        below and the lowest above), ``slope`` of the bed (metres a metre), ``lon``, ``lat``.
    places : DataFrame
        What stands on the way: ``layer``, ``id``, ``name``, ``distance_m``, ``bed_m``.
    vertical : str
        Vertical datum of the heights, "" if not known.
    """

    points: pd.DataFrame
    places: pd.DataFrame
    vertical: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return the points (a copy)."""
        return self.points.copy()


def downstream_profile(
    network: RiverNetwork,
    dem: Any,
    start: str | tuple[str, float],
    *,
    layers: Mapping[str, gpd.GeoDataFrame] | None = None,
    max_offset_m: float = 500.0,
) -> Profile:
    """Follow the main way down from a place and read its heights.

    Parameters
    ----------
    network, dem
        The rivers, and a DEM as for :func:`~basin.terrain.open_dem`.
    start
        A reach_id (its upper end), or a reach_id and metres from its upper end.
    layers
        Points to be shown on the profile by layer (``sections``, ``structures``).
    max_offset_m
        Farthest that they may lie from their reach.

    Raises
    ------
    NetworkError
        If there is no such reach.
    """
    grid = open_dem(dem)
    way = network.distance_from(start)["distance_m"]
    chosen = way[way.index.isin(list(network.downstream(start)))].sort_values(kind="stable")
    reaches = network.reaches.loc[chosen.index]
    verts = vertices(np.asarray(reaches.geometry.array, dtype=object))
    step = max(grid.cell_m, float(reaches["length_m"].sum()) / _MOST_PLACES)
    lonlat, measure, line = places_along(verts, step, _MOST_PLACES)
    distance = chosen.to_numpy(dtype=float)[line] + measure
    keep = distance >= 0
    lonlat, measure, line, distance = lonlat[keep], measure[keep], line[keep], distance[keep]
    height = heights_at(grid, lonlat, around=1)
    bed = _falling(height)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = -np.gradient(bed, distance) if len(bed) > 1 else np.full(len(bed), np.nan)
    points = pd.DataFrame(
        {
            "distance_m": distance,
            "reach_id": chosen.index.to_numpy()[line],
            "measure_m": measure,
            "height_m": height,
            "bed_m": bed,
            "slope": np.where(np.isfinite(slope), np.maximum(slope, 0.0), np.nan),
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
        }
    ).drop_duplicates("distance_m", ignore_index=True)  # a node ends one reach and begins the next
    return Profile(
        points, _places(network, chosen, points, layers or {}, max_offset_m), grid.vertical
    )


def _falling(height: Any) -> Any:
    """Make heights fall: halfway between the lowest so far and the highest still to come."""
    known = np.isfinite(height)
    bed = np.full(len(height), np.nan)
    z = height[known]
    bed[known] = (np.minimum.accumulate(z) + np.maximum.accumulate(z[::-1])[::-1]) / 2
    return bed


def _places(
    network: RiverNetwork,
    way: pd.Series,
    points: pd.DataFrame,
    layers: Mapping[str, gpd.GeoDataFrame],
    max_offset_m: float,
) -> pd.DataFrame:
    columns = ["layer", "id", "name", "distance_m", "bed_m"]
    parts = []
    for layer, table in layers.items():
        ids = point_ids(table)
        placed = network.snap(table, max_offset_m=max_offset_m).set_axis(ids)
        placed["layer"], placed["id"] = layer, ids
        placed["name"] = table["name"].to_numpy() if "name" in table else ""
        placed = placed[placed["reach_id"].isin(way.index)]
        placed["distance_m"] = way.reindex(placed["reach_id"]).to_numpy() + placed["measure_m"]
        parts.append(placed[placed["distance_m"] >= 0])
    if not parts:
        return pd.DataFrame(columns=columns)
    found = pd.concat(parts, ignore_index=True).sort_values("distance_m", ignore_index=True)
    found["bed_m"] = np.interp(found["distance_m"], points["distance_m"], points["bed_m"])
    return found[columns]
