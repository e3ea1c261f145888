"""Bands along shorelines, to draw and to sum areas, and land beside rivers without a shoreline."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._columns import drawn, half_width, plain_text
from basin._pieces import Floats, ring_shapes, valid_shapes
from basin.crs import EXCHANGE_CRS, local_metric_crs, to_exchange

__all__ = ["bare_rivers", "shoreline_band"]

#: A river is looked at every so far along (metres), and needs a shoreline this near, or within its
#: own half width and this.
_LOOK_EVERY_M, _SHORE_NEAR_M = 250.0, 150.0
#: A drawn band may miss the true one by this much at most (metres).
_DRAWING_ERROR_M = 0.1
#: A buffer of a line was measured to miss by up to this times the error of one arc.
_ARC_ERROR_RATIO = 2.3


def shoreline_band(
    shorelines: gpd.GeoDataFrame,
    limit_m: float,
    *,
    by: str = "river_class",
    land_only: bool = False,
    within: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Draw the band within a distance of shorelines: for maps and areas, never for a verdict.

    Parameters
    ----------
    shorelines
        The lines that count (:func:`base_lines`). Any known CRS.
    limit_m
        Width of the band in metres; inside a shoreline polygon all is band, islands too.
    by
        Column whose values make the rows: ``river_class``, or ``river``.
    land_only
        Take out the polygons of all `shorelines`, and half the width on each side of a centre line;
        a bank drawn by a line has no inside, and keeps both sides.
    within
        Polygons (a district) to cut by. Any known CRS.

    Returns
    -------
    GeoDataFrame
        EPSG:4490, one row a value of `by` with ``limit_m``: bands unioned, within 0.1 m of the
        true distance, except at inner corners of jagged lines, where it may lie outside by a few
        decimetres. Rows that nothing is left of are dropped.
    """
    lines = to_exchange(shorelines, layer="shorelines")
    lines = lines[drawn(lines)]
    half = half_width(lines)
    steps = _quad_segments(limit_m)
    rows = []
    for name, rows_of in lines.assign(_half=half).groupby(plain_text(lines, by)):
        tiles = [_band_tile(tile, limit_m, steps) for tile in _tiles(rows_of)]
        rows.append({by: name, "limit_m": float(limit_m), "geometry": shapely.union_all(tiles)})
    columns = [by, "limit_m", "geometry"]
    bands = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=EXCHANGE_CRS)
    shapes = bands.geometry.to_numpy()
    if land_only and len(bands):
        shapes = shapely.difference(shapes, _wet(lines, half))
    if within is not None:
        ground = valid_shapes(to_exchange(within, layer="districts").geometry.to_numpy())
        shapes = shapely.intersection(shapes, shapely.union_all(ground))
    bands = bands.set_geometry(gpd.GeoSeries(shapes, index=bands.index, crs=EXCHANGE_CRS))
    kept: gpd.GeoDataFrame = bands[~shapely.is_empty(shapes)].reset_index(drop=True)
    return kept


def _wet(lines: gpd.GeoDataFrame, half: Floats) -> Any:
    """Polygons of shorelines with their islands, and centre lines as wide as they are."""
    filled = ring_shapes(valid_shapes(lines.geometry.to_numpy()), fill=True)
    wide = lines[half > 0].assign(_half=half[half > 0])
    tiles = [_band_tile(tile, 0.0, _quad_segments(half.max())) for tile in _tiles(wide)]
    return shapely.union_all([*filled[~shapely.is_missing(filled)], *tiles])


def bare_rivers(rivers: gpd.GeoDataFrame, shorelines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Find where rivers are drawn but no shoreline is: a limit cannot be checked there.

    Rivers are looked at every 250 m. A place is bare if no shoreline of any edition lies within
    150 m, or within half the river's width and 150 m.

    Parameters
    ----------
    rivers
        Lines with ``reach_id`` and, if known, ``width_m``; EPSG:4490.
    shorelines
        Lines and polygons, EPSG:4490.

    Returns
    -------
    GeoDataFrame
        ``reach_id`` and the land around each bare place (a disc of 250 m), EPSG:4490.
    """
    frame = local_metric_crs(rivers)
    some = rivers[~(rivers.geometry.isna() | rivers.geometry.is_empty)]
    lines = some.geometry.to_crs(frame)
    fine = lines.segmentize(_LOOK_EVERY_M).array
    xy, line = shapely.get_coordinates(np.asarray(fine, dtype=object), return_index=True)
    width = np.zeros(len(some))
    if "width_m" in some.columns:
        width = pd.to_numeric(some["width_m"], errors="coerce").fillna(0.0).to_numpy(dtype=float)
    places = np.asarray(shapely.points(xy), dtype=object)
    shores = shorelines.geometry[drawn(shorelines)].to_crs(frame).to_numpy()
    # the shores ask, since GEOS prepares what asks; then the few places that a width may still help
    near = shapely.STRtree(places).query(
        valid_shapes(shores), predicate="dwithin", distance=_SHORE_NEAR_M
    )[1]
    bare = np.ones(len(places), dtype=bool)
    bare[near] = False
    left = np.flatnonzero(bare & (width[line] > 0))
    if len(left):
        reach = _SHORE_NEAR_M + width[line[left]] / 2
        tree = shapely.STRtree(valid_shapes(shores))
        bare[left[tree.query(places[left], predicate="dwithin", distance=reach)[0]]] = False
    discs = shapely.buffer(places[bare], _LOOK_EVERY_M)
    found = gpd.GeoDataFrame(
        {"reach_id": some["reach_id"].to_numpy()[line[bare]]}, geometry=discs, crs=frame
    )
    result: gpd.GeoDataFrame = found.to_crs(EXCHANGE_CRS)
    return result


def _quad_segments(limit_m: float) -> int:
    """Fewest segments a quarter circle that keep the arc error of a line under the promise."""
    steps = 8
    while limit_m * (1 - np.cos(np.pi / (4 * steps))) * _ARC_ERROR_RATIO > _DRAWING_ERROR_M:
        steps *= 2
    return steps


def _tiles(lines: gpd.GeoDataFrame) -> list[gpd.GeoDataFrame]:
    """Cut lines by a grid of 0.2 degrees, so that the plane of each tile is true to 1 : 100,000."""
    shapes = valid_shapes(lines.geometry.to_numpy())
    filled = ring_shapes(shapes, fill=True)
    shapes = np.where(shapely.is_missing(filled), shapes, filled)
    shapes = shapely.segmentize(shapes, 0.01)
    if not len(shapes):
        return []
    west, south, east, north = shapely.total_bounds(shapes)
    step = 0.2
    xs, ys = np.arange(west, east + step, step), np.arange(south, north + step, step)
    cells = np.array([shapely.box(x, y, x + step, y + step) for x in xs for y in ys])
    tree = shapely.STRtree(shapes)
    cell, line = tree.query(cells, predicate="intersects")
    part = shapely.intersection(shapes[line], cells[cell])
    table = gpd.GeoDataFrame(
        {"_half": lines["_half"].to_numpy()[line], "cell": cell}, geometry=part, crs=EXCHANGE_CRS
    )
    table = table[~shapely.is_empty(part)]
    return [tile for _, tile in table.groupby("cell")]


def _band_tile(tile: gpd.GeoDataFrame, limit_m: float, steps: int) -> Any:
    frame = local_metric_crs(tile)
    plane = tile.geometry.to_crs(frame)
    band = plane.buffer(limit_m + tile["_half"].to_numpy(), quad_segs=steps).union_all()
    fine = shapely.segmentize(shapely.simplify(band, 0.01), 2_000.0)
    return gpd.GeoSeries([fine], crs=frame).to_crs(EXCHANGE_CRS).iloc[0]
