"""Outlines along which a verdict may change: limits, edges of zones, edges of what is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from basin._measure import degrees_of, valid_shapes
from basin.buffers import in_force, line_errors, plain_text, shoreline_band
from basin.crs import EXCHANGE_CRS, local_metric_crs
from basin.siting._evidence import ZONE_LOOK_M, Evidence, match_scope
from basin.standards.labels import codes
from basin.standards.rules import Rule

__all__ = ["buffered", "outlines"]

#: An outline lies this far beyond the place where the verdict changes (metres), so that what is
#: drawn beyond it is beyond for sure: a band is drawn to 0.1 m, and to decimetres at inner corners.
_PAD_M = 0.5
#: Errors are rounded up to this (metres), so that lines of like errors are drawn together.
_STEP_M = 0.25


def outlines(rules: list[Rule], evidence: Evidence, site_error_m: float, ground: Any) -> list[Any]:
    """Draw every outline that matters to these rules on some ground.

    Parameters
    ----------
    rules
        Those that concern the project.
    evidence
        Layers entered; its sites do not matter.
    site_error_m
    ground : Polygon
        EPSG:4490.

    Returns
    -------
    list of lines
        EPSG:4490, not noded.
    """
    areas: list[Any] = []
    for rule in rules:
        if rule.river_scope and rule.distance_m is not None:
            areas += _river_outlines(rule, evidence, site_error_m, ground)
        limit = 0.0 if rule.river_scope else float(rule.distance_m or 0.0)
        for kinds, at in ((rule.zones, limit), (rule.outside, 0.0)):
            areas += _zone_outlines(kinds, evidence, site_error_m, at, ground, inward=kinds is
                                    rule.outside)  # fmt: skip
    strange = ~np.isin(plain_text(evidence.zones, "kind"), codes("zone_kind"))
    if strange.any():
        some = evidence.zones[strange & evidence.zones_current]
        areas.append(buffered(_near(some, ground, 2 * ZONE_LOOK_M), ZONE_LOOK_M + _PAD_M))
    areas = [area for area in areas if area is not None and not shapely.is_empty(area)]
    unique = {shapely.to_wkb(area): area for area in areas}
    return [shapely.boundary(area) for area in unique.values()]


def _near(table: gpd.GeoDataFrame, ground: Any, metres: float) -> gpd.GeoDataFrame:
    """Keep what may come within so many metres of the ground."""
    west, south, east, north = shapely.bounds(ground)
    d_lon, d_lat = degrees_of(metres, max(abs(south), abs(north)))
    box = shapely.box(west - d_lon, south - d_lat, east + d_lon, north + d_lat)
    shapes = valid_shapes(table.geometry.to_numpy())
    kept: gpd.GeoDataFrame = table[shapely.intersects(shapes, box)]
    return kept


def buffered(shapes: Any, metres: float) -> Any:
    """Join areas and move the outline out, or in, by a few metres or kilometres; EPSG:4490.

    For drawing: true to 1 : 10,000 within a few hundred kilometres.
    """
    shapes = valid_shapes(getattr(shapes, "geometry", shapes))
    shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    if not len(shapes):
        return shapely.Polygon()
    fine = gpd.GeoSeries(shapely.segmentize(shapes, 0.005), crs=EXCHANGE_CRS)
    frame = local_metric_crs(fine)
    moved = shapely.buffer(fine.to_crs(frame).union_all(), metres, quad_segs=16)
    return gpd.GeoSeries([moved], crs=frame).to_crs(EXCHANGE_CRS).iloc[0]


def _bands(
    lines: gpd.GeoDataFrame, site_error_m: float, limit: float, signs: tuple[int, ...]
) -> Iterator[Any]:
    """Outlines of the bands at the limit and the error of each line, of all lines joined."""
    if not len(lines):
        return
    error = np.hypot(site_error_m, line_errors(lines))
    rounded = np.ceil(error / _STEP_M) * _STEP_M
    for sign in signs:
        parts = []
        for step in np.unique(rounded):
            metres = limit + sign * step + _PAD_M
            if metres > 0:
                some = lines[rounded == step].assign(river_class="")
                parts += list(shoreline_band(some, metres).geometry)
        yield shapely.union_all(parts) if parts else None


def _river_outlines(
    rule: Rule, evidence: Evidence, site_error_m: float, ground: Any
) -> Iterator[Any]:
    limit = float(rule.distance_m or 0.0)
    base = _near(evidence.base, ground, limit + 2_000.0)
    scope = rule, plain_text(base, "river"), plain_text(base, "river_class")
    # what the letter meets, and what the reading of "tributary" that was chosen does
    for match in (match_scope(*scope), match_scope(*scope, base["_read"])):
        for level in (2, 1):
            yield from _bands(base[match == level], site_error_m, limit, (-1, 1))
    lines = evidence.shorelines
    others = lines[~lines["_row"].isin(evidence.base["_row"]) & ~in_force(lines, evidence.date)]
    others = _near(others, ground, limit + 2_000.0)
    match = match_scope(rule, plain_text(others, "river"), plain_text(others, "river_class"))
    yield from _bands(others[match > 0], 0.0, limit, (0,))
    known = evidence.known_area("shorelines")
    most = np.hypot(site_error_m, line_errors(base).max(initial=0.0))
    yield _known(known, ground, limit + most)


def _known(known: Any, ground: Any, reach_m: float) -> Any:
    """Where a layer is known as far as a rule looks; a large known area is cut to what matters."""
    west, south, east, north = shapely.bounds(ground)
    d_lon, d_lat = degrees_of(2 * reach_m + 1_000.0, max(abs(south), abs(north)))
    box = shapely.box(west - d_lon, south - d_lat, east + d_lon, north + d_lat)
    if shapely.is_empty(known) or shapely.covers(known, box):
        return None
    return buffered(np.array([shapely.intersection(known, box)]), -(reach_m * 1.0005 + _PAD_M))


def _zone_outlines(
    wanted: Any, evidence: Evidence, site_error_m: float, limit: float, ground: Any, *, inward: bool
) -> Iterator[Any]:
    """Edges of the zones of a rule, moved by the error both ways.

    For a rule that holds in zones, what lies beyond the outer outline is surely out of it; for one
    that holds outside, what lies within the inner.
    """
    kinds = [kind for kind, _ in wanted]
    mine = evidence.zones[np.isin(plain_text(evidence.zones, "kind"), kinds)]
    mine = _near(mine, ground, limit + 2_000.0)
    error = np.hypot(site_error_m, line_errors(mine.drop(columns="kind")))
    pad = -_PAD_M if inward else _PAD_M
    for kind, grades in wanted:
        of = plain_text(mine, "kind") == kind
        fits = np.isin(plain_text(mine, "grade"), grades) if grades else np.ones(len(mine), bool)
        for some in (of & fits, of & ~fits):
            for metres in np.unique(error[some]):
                part = mine[some & (error == metres)]
                if limit > 0:
                    yield from _bands(part.assign(kind=""), site_error_m, limit, (-1, 1))
                    continue
                yield buffered(part, metres + pad)
                yield buffered(part, -metres + pad)
        known = evidence.known_area(kind)
        yield _known(known, ground, limit + evidence.zone_error.max(initial=0.0))
