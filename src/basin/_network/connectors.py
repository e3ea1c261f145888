"""Lakes and wide rivers given as polygons: lines that end at their rim are connected through them.

Where one river ends in a polygon and one begins, a straight reach leads from one to the other;
where there are more, each is led to or from one place inside. Only free ends are connected: a line
that is drawn through the water needs nothing.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Floats, Ints
from basin._network.build import Lines, ends_of, free_id, to_lonlat
from basin._network.geometry import Objects, metres_per_degree
from basin._network.join import metres_between
from basin._network.joints import START
from basin._network.ledger import Ledger
from basin._text import as_ids

__all__ = ["connect_through"]

#: A rim and the end of a line on it may differ by so much, besides the tolerance, in metres.
_RIM_M = 1.0


def connect_through(
    lines: Lines, table: gpd.GeoDataFrame, polygons: Any, tolerance_m: float, ledger: Ledger
) -> tuple[Lines, gpd.GeoDataFrame]:
    """Connect the free ends of lines in or within the tolerance of each polygon.

    Parameters
    ----------
    polygons
        Polygons in any known CRS; their index, or a column ``id``, names them.

    Returns
    -------
    lines, table
        With a row and a line for each new reach; the column ``connector`` of the table has the
        polygon's name there, and "" elsewhere.
    """
    water = to_lonlat(polygons)
    names = as_ids(water["id"] if "id" in water else pd.Series(water.index.astype(str)))
    shapes = np.asarray(water.geometry.array, dtype=object)
    nodes, frm, to = ends_of(lines)
    degree = np.bincount(np.concatenate([frm, to]), minlength=len(nodes))
    free = np.flatnonzero(degree == 1)
    ends_here = np.bincount(to, minlength=len(nodes))[free] == 1
    taken, made = set(lines.ids) | set(table["reach_id"]), list[tuple[str, str, Any]]()
    done = np.zeros(len(free), dtype=bool)
    for name, shape in zip(names.fillna("").astype(str), shapes, strict=True):
        if shape is None or shapely.is_empty(shape) or shapely.get_dimensions(shape) != 2:
            continue
        near = _near(shape, nodes[free], max(tolerance_m, _RIM_M)) & ~done
        arriving, leaving = nodes[free[near & ends_here]], nodes[free[near & ~ends_here]]
        if len(arriving) + len(leaving) < 2:
            continue
        done |= near
        which = np.flatnonzero(np.isin(frm, free[near]) | np.isin(to, free[near]))
        ways = _ways(arriving, leaving, shape)
        fresh = [(free_id(f"{name}~{k}", taken), name, way) for k, way in enumerate(ways, start=1)]
        repair = ledger.add(
            "connected",
            [*lines.ids[which]],
            action="applied",
            rule=name,
            confidence=0.85,
            place=shapely.MultiLineString(ways),
        )
        ledger.joints.bring(repair, [(reach, START) for reach, _, _ in fresh])
        made += fresh
    return _with(lines, table, made)


def _near(shape: Any, points: Floats, within_m: float) -> Any:
    """Mark points inside a polygon, or within so many metres of its rim."""
    shapely.prepare(shape)
    if not len(points):
        return np.zeros(0, dtype=bool)
    places: Objects = np.asarray(shapely.points(points), dtype=object)
    degrees = 1.01 * within_m / float(metres_per_degree(points[:, 1])[0].min())
    near = shapely.dwithin(shape, places, degrees)
    foot = shapely.get_coordinates(shapely.get_point(shapely.shortest_line(shape, places[near]), 0))
    near[near] = metres_between(foot, points[near]) <= within_m
    return near


def _ways(arriving: Floats, leaving: Floats, shape: Any) -> list[Any]:
    if len(arriving) == len(leaving) == 1:
        return [shapely.LineString([arriving[0], leaving[0]])]
    hub = shapely.get_coordinates(shapely.point_on_surface(shape))[0]
    return [
        *(shapely.LineString([place, hub]) for place in arriving),
        *(shapely.LineString([hub, place]) for place in leaving),
    ]


def _with(
    lines: Lines, table: gpd.GeoDataFrame, made: list[tuple[str, str, Any]]
) -> tuple[Lines, gpd.GeoDataFrame]:
    table = table.assign(connector="")
    if not made:
        return lines, table
    rows: Ints = len(table) + np.arange(len(made))
    geom = np.empty(len(made), dtype=object)
    geom[:] = [way for _, _, way in made]
    ids = np.array([reach for reach, _, _ in made], dtype=object)
    fresh = gpd.GeoDataFrame(
        {"reach_id": ids, "connector": [name for _, name, _ in made]}, geometry=geom, crs=table.crs
    )
    return (
        Lines(
            np.concatenate([lines.geom, geom]),
            np.concatenate([lines.row, rows]),
            np.concatenate([lines.ids, ids]),
        ),
        gpd.GeoDataFrame(pd.concat([table, fresh], ignore_index=True), crs=table.crs),
    )
