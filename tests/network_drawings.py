"""Draw small networks for tests: points on a grid of 0.01 degrees near Qijiang."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
from shapely import LineString, Point

LON, LAT, STEP = 106.6, 28.9, 0.01

#: Metres of a step of the grid eastwards at its origin and northwards, from pyproj.Geod by hand.
NORTH_M = 1108.3


def at(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a grid place."""
    return LON + STEP * x, LAT + STEP * y


def draw(lines: dict[str, Any], **columns: dict[str, Any]) -> gpd.GeoDataFrame:
    """Make a rivers layer: reach_id -> grid places, and columns by reach_id."""
    table = gpd.GeoDataFrame(
        {"reach_id": list(lines)},
        geometry=[LineString([at(*p) for p in way]) for way in lines.values()],
        crs=4490,
    )
    for column, values in columns.items():
        table[column] = [values.get(k) for k in lines]
    return table


def points(places: dict[str, Any], **columns: dict[str, Any]) -> gpd.GeoDataFrame:
    """Make a point layer indexed by id."""
    table = gpd.GeoDataFrame(
        index=list(places), geometry=[Point(*at(*p)) for p in places.values()], crs=4490
    )
    for column, values in columns.items():
        table[column] = [values.get(k) for k in places]
    return table


def kinds(network: Any) -> dict[str, list[str]]:
    """Reach ids of the ledger by kind (and action, where it is not applied)."""
    found: dict[str, list[str]] = {}
    for issue in network.issues.itertuples():
        key = issue.kind if issue.action != "proposed" else f"{issue.kind} proposed"
        found.setdefault(key, []).append(issue.reach_ids)
    return found
