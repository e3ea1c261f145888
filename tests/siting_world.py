"""A small world for siting tests: shores and zones that end in a point, so that every distance
along the way out of the point is known by construction."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.crs import GEOD
from basin.standards.labels import codes

DATE = "2026-03-31"
TIP = (106.50, 29.50)
FAR = (107.50, 30.20)


def wedge(tip: tuple[float, float] = TIP, *, reach: float = 0.05, half: float = 0.01) -> Any:
    """A triangle that lies west of its tip: from the tip to the east all distances are to it."""
    lon, lat = tip
    return shapely.Polygon([(lon, lat), (lon - reach, lat + half), (lon - reach, lat - half)])


def out(metres: float, tip: tuple[float, float] = TIP) -> Any:
    """The point so many metres due east of a tip (a negative number goes inside)."""
    lon, lat, _ = GEOD.fwd(*tip, 90.0 if metres >= 0 else 270.0, abs(metres))
    return shapely.Point(lon, lat)


def shore(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    """Shorelines; by default a range of 长江 at the tip, surveyed exactly."""
    base = {
        "line_id": "L1", "river": "长江", "river_class": "main_stem", "kind": "management_range",
        "issuer": "示例水利局", "valid_from": None, "valid_to": None, "accuracy_m": 1.0,
        "width_m": np.nan, "geometry": wedge(),
    }  # fmt: skip
    table = pd.DataFrame([base | row for row in rows or ({},)])
    for name in ("valid_from", "valid_to"):
        table[name] = pd.to_datetime(table[name])
    return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4490")


def zone(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    """Zones; by default a red-line core at the tip."""
    base = {
        "zone_id": "Z1", "kind": "red_line", "grade": "core", "name": "示例", "code": None,
        "valid_from": None, "valid_to": None, "accuracy_m": 10.0, "geometry": wedge(),
    }  # fmt: skip
    table = pd.DataFrame([base | row for row in rows or ({},)])
    for name in ("valid_from", "valid_to"):
        table[name] = pd.to_datetime(table[name])
    return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4490")


def site(where: Any, category: Any = "chemical", action: Any = "new", **more: Any) -> Any:
    """One site, placed to 1 m."""
    row = {"site_id": "S", "name": "示例项目", "category": category, "action": action}
    row |= {"accuracy_m": 1.0} | more
    return gpd.GeoDataFrame([row], geometry=[where], crs="EPSG:4490")


def sites_at(points: Any, category: str = "chemical", action: str = "new") -> gpd.GeoDataFrame:
    """Sites S0, S1, ... placed to 1 m."""
    n = len(points)
    table = {"site_id": [f"S{k}" for k in range(n)], "name": "示例", "category": category}
    return gpd.GeoDataFrame(
        table | {"action": action, "accuracy_m": 1.0}, geometry=list(points), crs="EPSG:4490"
    )


def covered(*, without: tuple[str, ...] = (), box: Any = None) -> gpd.GeoDataFrame:
    """Every layer known complete in a wide box, but for the kinds left out."""
    area = shapely.box(104.0, 27.0, 112.0, 33.0) if box is None else box
    rows = [("zones", kind) for kind in codes("zone_kind") if kind not in without]
    rows += [] if "shorelines" in without else [("shorelines", "")]
    table = pd.DataFrame(rows, columns=["layer", "kind"])
    return gpd.GeoDataFrame(table, geometry=[area] * len(rows), crs="EPSG:4490")


FAR_SHORE = {"line_id": "FAR", "geometry": wedge(FAR)}
FAR_ZONE = {"zone_id": "FAR", "kind": "scenic", "grade": "core", "geometry": wedge(FAR)}
