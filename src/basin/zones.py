"""Zones: which protected or controlled areas a site touches, how much, and where layers are known.

A site that touches a zone by less than the positional errors of both is a sliver: neither in nor
out. Where a layer is not known to be complete, that no zone was found means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import Floats, cut, nearest, scale_at, valid_shapes, within
from basin._zone_drafts import (
    draft_label,
    livestock_zones,
    river_strips,
    water_source_stretch,
    water_source_zones,
)
from basin._zone_statistics import check_tiling, compare_published, zone_areas
from basin.buffers import in_force, line_errors, plain_text, site_errors, site_keys
from basin.crs import area_m2, length_m, to_exchange
from basin.standards.labels import codes

__all__ = [
    "check_tiling",
    "compare_published",
    "coverage_area",
    "draft_label",
    "inside_together",
    "known_inside",
    "livestock_zones",
    "overlay_zones",
    "river_strips",
    "touched_zones",
    "water_source_stretch",
    "water_source_zones",
    "zone_areas",
    "zone_coverage",
]

Bools = npt.NDArray[np.bool_]
Shapes = npt.NDArray[np.object_]

#: Gaps up to about this between polygons of a coverage are closed (degrees; 1 m).
_SEAM_DEG = 1e-5


# ---- overlay ---------------------------------------------------------------------------------


def overlay_zones(
    sites: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    *,
    date: Any = None,
    within_m: float | npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Find the zones that each site touches, and those near it.

    Parameters
    ----------
    sites : shape (n, ...)
        Points, lines or polygons; ``site_id`` (or the index) and, if known, ``accuracy_m``.
        Any known CRS.
    zones : shape (m, ...)
        Polygons with ``zone_id``, ``kind`` and, if known, ``grade``, ``name``, ``code``,
        ``valid_from``, ``valid_to``, ``accuracy_m``. Any known CRS. A hole is outside.
    date
        Keep the zones in force on this date; None keeps all.
    within_m : scalar or shape (n,), optional
        Also list the zones that come within these metres without being touched. None lists, of
        each kind and grade that a site does not touch, the nearest zone at any distance.

    Returns
    -------
    DataFrame
        One row a site and zone, in the order of `sites`: ``site_id``, ``zone_id``, ``kind``,
        ``grade``, ``name``, ``code``, ``valid_from``, ``valid_to``; ``overlap_m2`` and ``share`` of
        the site (of its length for a line, 1 for a point inside); ``distance_m`` (0 if touched),
        ``site_lon``, ``site_lat``, ``zone_lon``, ``zone_lat`` (nearest points; NaN if deep inside);
        ``error_m`` (root sum of squares; 5 m for a site and 30 m for a zone that state none);
        ``zone_row`` (place in `zones`);
        ``sliver`` (touched, but by no more than the error). Sites without geometry have no row.

    Raises
    ------
    CrsError
        If a CRS is missing or refused, or coordinates lie outside China.
    """
    places = to_exchange(sites, layer="sites")
    areas = to_exchange(zones, layer="zones").assign(_row=np.arange(len(zones)))
    areas = areas[in_force(areas, date)]
    # sorted by id, so that a tie goes to the lowest id whatever the order of rows
    areas = areas.iloc[np.argsort(plain_text(areas, "zone_id"), kind="stable")]
    shapes, bounds = valid_shapes(places.geometry.to_numpy()), valid_shapes(areas.geometry)
    own, drawn = site_errors(places), line_errors(areas.drop(columns="kind", errors="ignore"))
    most = np.hypot(own, drawn.max(initial=0.0))
    look = most if within_m is None else np.fmax(most, np.asarray(within_m, dtype=float))
    pairs = _pairs(shapes, bounds, look)
    if within_m is None:
        pairs = _add_nearest(pairs, shapes, bounds, _kinds_and_grades(areas))
    site, zone = pairs["site"].to_numpy(), pairs["zone"].to_numpy()
    error = np.hypot(own[site], drawn[zone])
    touched = pairs["touched"].to_numpy(dtype=bool)
    overlap, share = _overlap(shapes, bounds, site, zone, touched, pairs["covered"].to_numpy(bool))
    table: dict[str, Any] = {"site_id": site_keys(places).to_numpy()[site]}
    words = ("zone_id", "kind", "grade", "name", "code")
    for name in words:
        table[name] = plain_text(areas, name)[zone]
    for name in ("valid_from", "valid_to"):
        dates = pd.to_datetime(areas[name]) if name in areas else pd.Series(pd.NaT, areas.index)
        table[name] = dates.to_numpy(dtype="datetime64[ns]")[zone]
    table["overlap_m2"], table["share"] = overlap, share
    edge = pairs["distance_m"].to_numpy(dtype=float)
    table["distance_m"] = np.where(touched, 0.0, edge)
    for name, end in (("site_lon", "site_lon"), ("site_lat", "site_lat"),
                      ("zone_lon", "line_lon"), ("zone_lat", "line_lat")):  # fmt: skip
        table[name] = pairs[end].to_numpy(dtype=float)
    table["error_m"] = error
    table["zone_row"] = areas["_row"].to_numpy()[zone]
    table["sliver"] = _slivers(shapes, bounds, site, zone, touched & (edge <= error), error)
    return pd.DataFrame(table).astype(dict.fromkeys(("site_id", *words), "str"))


def _kinds_and_grades(areas: pd.DataFrame) -> npt.NDArray[np.int64]:
    if not len(areas):
        return np.empty(0, dtype=np.int64)
    keys = pd.DataFrame({"kind": plain_text(areas, "kind"), "grade": plain_text(areas, "grade")})
    return np.asarray(keys.groupby(["kind", "grade"]).ngroup(), dtype=np.int64)


def touched_zones(sites: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> pd.DataFrame:
    """List which zones each site touches, without measuring anything: for counting many points.

    Parameters
    ----------
    sites, zones
        Any known CRS; a hole of a zone is outside, its edge inside.

    Returns
    -------
    DataFrame
        ``site`` and ``zone`` (rows), in the order of sites, then zones.
    """
    places, areas = to_exchange(sites, layer="sites"), to_exchange(zones, layer="zones")
    shapes, bounds = valid_shapes(places.geometry), valid_shapes(areas.geometry)
    site, zone = _touching(shapes, bounds)
    order = np.argsort(site * np.int64(len(bounds)) + zone, kind="stable")
    return pd.DataFrame({"site": site[order], "zone": zone[order]})


def _touching(shapes: Shapes, bounds: Shapes) -> tuple[npt.NDArray[np.int64], ...]:
    """Pairs of sites and zones that touch; points are looked for in slices of longitude."""
    point = shapely.get_type_id(shapes) == 0
    rest = np.flatnonzero(~point)
    zone, other = shapely.STRtree(shapes[rest]).query(bounds, predicate="intersects")
    row = np.flatnonzero(point & ~shapely.is_empty(shapes))
    x, y = shapely.get_x(shapes[row]), shapely.get_y(shapes[row])
    order = np.argsort(x, kind="stable")
    row, x, y = row[order], x[order], y[order]
    west, south, east, north = shapely.bounds(bounds).T
    low, high = np.searchsorted(x, west, side="left"), np.searchsorted(x, east, side="right")
    sites, zones = [rest[other]], [zone]
    for k in np.flatnonzero(low < high):
        some = np.arange(low[k], high[k])
        some = some[(y[some] >= south[k]) & (y[some] <= north[k])]
        if len(some):
            shapely.prepare(bounds[k])
            some = some[shapely.intersects_xy(bounds[k], x[some], y[some])]
            sites.append(row[some])
            zones.append(np.full(len(some), k))
    return np.concatenate(sites).astype(np.int64), np.concatenate(zones).astype(np.int64)


def _pairs(shapes: Shapes, bounds: Shapes, look: Floats) -> pd.DataFrame:
    """Sites and zones that touch, or whose edges come within `look` of each other."""
    near = within(cut(shapes), cut(bounds), np.zeros(len(bounds)), look)
    near = near.rename(columns={"line": "zone"}).drop(columns="group")
    site, zone = _touching(shapes, bounds)
    point = shapely.get_type_id(shapes) == 0  # which a zone covers where it touches it
    solid = np.flatnonzero(~point)
    held_by, held = shapely.STRtree(shapes[solid]).query(bounds, predicate="covers")
    inner = np.concatenate([solid[held], site[point[site]]])
    inner_zone = np.concatenate([held_by, zone[point[site]]])
    touching = pd.DataFrame({"site": site, "zone": zone, "touched": True})
    covered = pd.DataFrame({"site": inner, "zone": inner_zone, "covered": True})
    pairs = touching.merge(covered, on=["site", "zone"], how="outer")
    pairs = pairs.merge(near, on=["site", "zone"], how="outer")
    flags = ["touched", "covered"]
    pairs[flags] = pairs[flags].eq(True)  # what was not found is False
    return pairs.sort_values(["site", "zone"], ignore_index=True)


def _add_nearest(
    pairs: pd.DataFrame, shapes: Shapes, bounds: Shapes, groups: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Keep what is touched, and add the nearest zone of each group that is not."""
    pairs = pairs[pairs["touched"]]
    pairs = pairs.assign(group=groups[pairs["zone"].to_numpy()])
    sites, parts = cut(shapes), [pairs]
    for group in np.unique(groups):
        some = bounds.copy()
        some[groups != group] = None
        found = nearest(sites, cut(some), np.zeros(len(bounds)), shapes)
        found = found.rename(columns={"line": "zone"})
        done = pairs.loc[pairs["group"] == group, "site"]
        found = found[~found["site"].isin(done)]
        parts.append(found.assign(touched=False, covered=False, group=group))
    every = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return every.sort_values(["site", "group", "zone"], ignore_index=True)


def _overlap(
    shapes: Shapes, bounds: Shapes, site: Any, zone: Any, touched: Bools, covered: Bools
) -> tuple[Floats, Floats]:
    """Overlap in m2, and share of the site's area, length or point."""
    size = shapely.get_dimensions(shapes)
    whole = np.where(size == 2, area_m2(shapes), np.where(size == 1, length_m(shapes), 1.0))
    part = np.where(touched, whole[site], 0.0)
    cut_through = touched & ~covered & (size[site] > 0)
    if cut_through.any():
        common = shapely.intersection(shapes[site[cut_through]], bounds[zone[cut_through]])
        solid = size[site[cut_through]] == 2
        part[cut_through] = np.where(solid, area_m2(common), length_m(common))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(touched, np.clip(part / whole[site], 0.0, 1.0), 0.0)
    return np.where(size[site] == 2, part, 0.0), np.nan_to_num(share)


def _slivers(
    shapes: Shapes, bounds: Shapes, site: Any, zone: Any, doubtful: Bools, error: Floats
) -> Bools:
    """Tell which touching pairs could part if an edge moved by the error.

    They could not if a point of the site lies deeper in the zone than the error, or a point of the
    zone deeper in the site.
    """
    sliver = doubtful.copy()
    rows = np.flatnonzero(doubtful & (shapely.get_dimensions(shapes)[site] > 0))
    if len(rows):
        a, b = _local(shapes[site[rows]], bounds[zone[rows]], error[rows])
        deep = shapely.intersects(a, shapely.buffer(b, -error[rows], join_style="mitre"))
        deep |= shapely.intersects(shapely.buffer(a, -error[rows], join_style="mitre"), b)
        sliver[rows] = ~deep
    return sliver


def _local(sites: Shapes, zones: Shapes, error: Floats) -> tuple[Shapes, Shapes]:
    """Bring each site, and the part of its zone around it, to metres of a plane at the site."""
    west, south, east, north = shapely.bounds(sites).T
    lat = (south + north) / 2
    k = np.column_stack(scale_at(lat))
    # farther than an erosion from the cut can come; beyond 90 degrees no zone goes on
    pad = np.minimum(3.0 * (error + 1.0)[:, None] / k, 90.0)
    window = shapely.box(west - pad[:, 0], south - pad[:, 1], east + pad[:, 0], north + pad[:, 1])
    around = shapely.intersection(zones, window)
    origin = np.column_stack([(west + east) / 2, lat])
    return _scaled(sites, origin, k), _scaled(around, origin, k)


def _scaled(shapes: Shapes, origin: Floats, k: Floats) -> Shapes:
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    return shapely.set_coordinates(shapes.copy(), (xy - origin[owner]) * k[owner])


def inside_together(
    sites: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, pairs: pd.DataFrame
) -> pd.DataFrame:
    """Tell how sites lie in the union of their zones, so that a seam between two is no edge.

    Parameters
    ----------
    sites, zones
        EPSG:4490, numbered from 0.
    pairs
        ``site`` and ``zone`` (rows), ``error_m``: the zones that may hold or touch each site.

    Returns
    -------
    DataFrame
        Indexed by ``site``: ``whole`` (2 the whole site lies inside by more than the error, 1 it
        may, 0 some of it lies outside by more than the error) and ``any`` (the same for touching).
    """
    error = pairs.groupby("site")["error_m"].max()
    rows = error.index.to_numpy(dtype=int)
    members = pairs.sort_values("zone").groupby("site")["zone"].agg(tuple)
    groups, which = np.unique([str(m) for m in members], return_index=True)
    number = pd.Index(groups).get_indexer(pd.Index([str(m) for m in members]))
    bounds = valid_shapes(zones.geometry.to_numpy())
    unions = np.array([_joined(bounds[list(members.iloc[k])]) for k in which], dtype=object)
    shapes = valid_shapes(sites.geometry.to_numpy())[rows]
    place, area = _local(shapes, unions[number], error.to_numpy())
    margin = error.to_numpy()
    wide, deep = (shapely.buffer(area, sign * margin, join_style="mitre") for sign in (1, -1))
    whole = np.where(shapely.covers(deep, place), 2, np.where(shapely.covers(wide, place), 1, 0))
    # a point of the ground deep in the site, or of the site deep in the ground: surely touching
    core = shapely.buffer(place, -margin, join_style="mitre")
    sure = shapely.intersects(deep, place) | shapely.intersects(core, area)
    touch = np.where(sure, 2, np.where(shapely.intersects(wide, place), 1, 0))
    return pd.DataFrame({"whole": whole, "any": touch}, index=pd.Index(rows, name="site"))


def _joined(shapes: Shapes) -> Any:
    """Union of zones, with the seams between them closed."""
    if len(shapes) == 1:
        return shapes[0]
    joined = shapely.union_all(shapes)
    wide = shapely.buffer(joined, _SEAM_DEG, join_style="mitre")
    return shapely.union(joined, shapely.buffer(wide, -_SEAM_DEG, join_style="mitre"))


# ---- coverage --------------------------------------------------------------------------------


def zone_coverage(
    sites: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    *,
    kinds: Iterable[str] | None = None,
    reach_m: float = 0.0,
    date: Any = None,
) -> pd.DataFrame:
    """Tell for each site and zone kind whether the layer is known to be complete there.

    Parameters
    ----------
    sites
        Points, lines or polygons, EPSG:4490 or any known CRS.
    coverage : shape (m, ...)
        Polygons with ``layer`` (``zones`` or ``shorelines``) and ``kind``; an empty kind stands for
        all kinds that the layer holds. With ``valid_from`` and ``valid_to``, if known.
    kinds
        Zone kinds, or ``"shorelines"``; None takes every known kind and the shorelines.
    reach_m
        How far around the site the layer must be complete, in metres.
    date
        Keep the coverage in force on this date; None keeps all.

    Returns
    -------
    DataFrame of bool
        Indexed by ``site_id``, one column a kind. A site without geometry is covered nowhere.
    """
    names = list(kinds) if kinds is not None else [*codes("zone_kind"), "shorelines"]
    places = to_exchange(sites, layer="sites")
    reach = np.full(len(places), float(reach_m))
    areas = {name: coverage_area(coverage, name, date) for name in names}
    table = {name: known_inside(places, area, reach) for name, area in areas.items()}
    return pd.DataFrame(table, index=pd.Index(site_keys(places).to_numpy(), name="site_id"))


def known_inside(sites: gpd.GeoDataFrame, known: Any, reach_m: Floats) -> Bools:
    """Tell for each site whether an area holds all of it and of its surroundings.

    Parameters
    ----------
    sites : shape (n, ...)
        EPSG:4490.
    known
        From :func:`coverage_area`.
    reach_m : shape (n,)
        How far around each site, in metres.
    """
    shapes = np.asarray(sites.geometry.array, dtype=object)
    if shapely.is_empty(known):
        return np.zeros(len(shapes), dtype=bool)
    shapely.prepare(known)
    covered = np.asarray(shapely.covers(known, shapes), dtype=bool)
    # the edge of what is known must lie beyond all that the rule looks at
    looking = np.where(covered, reach_m, np.nan)
    close = within(cut(shapes), cut(np.array([known], dtype=object)), np.zeros(1), looking)
    covered[close["site"].to_numpy()] = False
    return covered


def coverage_area(
    coverage: gpd.GeoDataFrame, kind: str, date: Any = None, *, held: bool = True
) -> Any:
    """Join the area where a layer is known to be complete; seams of up to 1 m are closed.

    Parameters
    ----------
    coverage
        As in :func:`zone_coverage`.
    kind
        A zone kind, or ``"shorelines"``.
    date
        Keep the coverage in force on this date; None keeps all.
    held
        Whether the layer holds features of this kind. If not, a row without a kind does not speak
        for it: a file can be complete and know nothing of a kind.
    """
    layer, of = plain_text(coverage, "layer"), plain_text(coverage, "kind")
    if kind == "shorelines":
        mine = (layer == "shorelines") & np.isin(of, ["", "shorelines"])
    else:
        named = ["", kind] if held else [kind]
        mine = ((layer == "zones") & np.isin(of, named)) | (layer == kind)
    mine &= in_force(coverage, date)
    some = to_exchange(coverage[mine], layer="coverage")
    shapes = valid_shapes(some.geometry.to_numpy())
    shapes = shapes[shapely.get_dimensions(shapes) == 2]
    return _joined(shapes) if len(shapes) else shapely.Polygon()
