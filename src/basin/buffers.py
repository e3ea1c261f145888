"""Shorelines: exact distance to them, the edition and kind in force, and bands to draw.

A verdict is a distance on the CGCS2000 ellipsoid to the nearest point of a shoreline, never a test
against a buffer polygon. Inside a shoreline polygon the distance is 0; islands count as inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._bands import bare_rivers, shoreline_band
from basin._banks import IN, river_sides, unsure_m
from basin._columns import (
    dates,
    drawn,
    half_width,
    in_force,
    metres,
    plain_text,
    river_names,
    site_keys,
)
from basin._measure import Floats, cut, nearest, reached, ring_shapes, valid_shapes, within
from basin.crs import EXCHANGE_CRS, GEOD, to_exchange
from basin.standards.labels import codes

__all__ = [
    "LINE_ACCURACY_M",
    "SITE_ACCURACY_M",
    "bank_sides",
    "bare_rivers",
    "base_lines",
    "in_force",
    "lapsed_rivers",
    "line_errors",
    "plain_text",
    "river_names",
    "shoreline_band",
    "shoreline_distance",
    "site_errors",
    "site_keys",
    "within_shoreline",
]

#: Positional error taken where a line states none (metres).
LINE_ACCURACY_M = 30.0
#: Positional error taken where a site states none (metres).
SITE_ACCURACY_M = 5.0

#: Half width that a centre line without one may have, by class (metres): added to its error.
_UNKNOWN_HALF_WIDTH_M = {"main_stem": 500.0, "important_tributary": 200.0, "tributary": 100.0}
#: A line of a lesser kind is dropped within this of a better line of its river (metres).
_SHADOW_M = 100.0

# ---- which line counts -----------------------------------------------------------------------


def base_lines(shorelines: gpd.GeoDataFrame, date: Any = None) -> gpd.GeoDataFrame:
    """Choose the lines that distances are measured from: in force, and the best kind of each river.

    The order of kinds is that of the table ``shoreline_kind``: management range, function zone,
    surveyed bank, water polygon, centre line. A lesser line is kept where no better one of its
    river is drawn, so that a river with a range on one reach is not lost on the others.

    Parameters
    ----------
    shorelines : shape (n, ...)
        Lines or polygons with ``line_id``, ``river``, ``kind`` and, if known, ``valid_from`` and
        ``valid_to``. Any known CRS.
    date
        Project date; None takes every line.

    Returns
    -------
    GeoDataFrame
        EPSG:4490, the same columns; ``remainder`` tells that only a part of the line is kept.

    See Also
    --------
    lapsed_rivers : Rivers that have lines, but none in force.
    """
    table = to_exchange(shorelines, layer="shorelines")
    current = table[in_force(table, date) & drawn(table)].assign(remainder=False)
    if current.empty:
        return current
    order = {kind: rank for rank, kind in enumerate(codes("shoreline_kind"))}
    rank = np.array([order.get(kind, len(order)) for kind in plain_text(current, "kind")])
    river = river_names(current)
    best = pd.Series(rank).groupby(river).transform("min").to_numpy()
    if (rank == best).all():
        return current
    geometry = current.geometry.to_numpy().copy()
    remainder = np.zeros(len(current), dtype=bool)
    for name in np.unique(river[rank > best]):
        rows = np.flatnonzero(river == name)
        for level in np.unique(rank[rows])[1:]:
            lesser, better = rows[rank[rows] == level], rows[rank[rows] < level]
            left = shapely.difference(geometry[lesser], _shadow(geometry[better]))
            remainder[lesser] = ~shapely.equals(left, geometry[lesser])
            geometry[lesser] = left
    kept = current.set_geometry(gpd.GeoSeries(geometry, index=current.index, crs=EXCHANGE_CRS))
    return kept.assign(remainder=remainder)[~shapely.is_empty(geometry)]


def _shadow(geometry: npt.NDArray[np.object_]) -> Any:
    """Where a better line stands for its river: inside its polygon, or close along it."""
    filled = ring_shapes(geometry, fill=True)
    areal = shapely.get_dimensions(geometry) == 2
    near = shapely.buffer(geometry[~areal], _SHADOW_M / 111_000.0)
    return shapely.union_all(np.concatenate([valid_shapes(filled[areal]), near]))


def lapsed_rivers(shorelines: gpd.GeoDataFrame, date: Any) -> pd.DataFrame:
    """List the rivers whose lines are all expired or not yet in force on a date.

    Returns
    -------
    DataFrame
        ``river``, ``reason`` (``expired``, ``not_yet`` or ``no_geometry``), ``line_ids``.
    """
    current = in_force(shorelines, date)
    table = pd.DataFrame(
        {
            "river": river_names(shorelines),
            "line_ids": plain_text(shorelines, "line_id"),
            "usable": current & drawn(shorelines),
            "current": current,
            "late": (dates(shorelines, "valid_from") > pd.Timestamp(date)).to_numpy(),
        }
    )
    table = table[~table.groupby("river")["usable"].transform("any")]
    table["reason"] = np.select(
        [table["current"], table["late"]], ["no_geometry", "not_yet"], "expired"
    )
    return table.groupby("river", as_index=False).agg(
        reason=("reason", "first"), line_ids=("line_ids", lambda ids: ", ".join(sorted(set(ids))))
    )


# ---- distance --------------------------------------------------------------------------------


def shoreline_distance(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
    *,
    classes: Iterable[str] | None = None,
    by: Sequence[str] = ("river_class",),
    within_m: float | npt.ArrayLike | None = None,
    sides: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Measure from each site to the nearest shoreline of each group, on the CGCS2000 ellipsoid.

    Exact within 0.01 m for the vertices given; edges are straight in longitude and latitude. A
    site between the two bank lines of a river is in the river (:func:`bank_sides`).

    Parameters
    ----------
    sites : shape (n, ...)
        Points, lines or polygons; ``site_id`` (or the index) and, if known, ``accuracy_m``.
        Any known CRS. Distance is from the nearest point of the site.
    shorelines : shape (m, ...)
        Lines or polygons, every row counts: choose with :func:`base_lines` first. A centre line
        (``kind``) is brought to the bank by half its ``width_m``.
    classes
        Keep only these values of ``river_class``.
    by
        Columns that make the groups; ``("line_id",)`` measures to every line.
    within_m : scalar or shape (n,), optional
        Leave out what is farther; a NaN looks nowhere. None measures at any distance.
    sides
        From :func:`bank_sides` of the same sites and shorelines; None finds them.

    Returns
    -------
    DataFrame
        One row a site and group, in the order of `sites`: ``site_id``, the columns of `by`,
        ``line_id``, ``river``, ``river_class``, ``kind``, ``issuer``, ``valid_from``, ``valid_to``;
        ``distance_m`` (0 inside), ``inside_m`` (how deep, NaN outside; for a polygon the depth of
        its deepest vertex), ``site_lon``, ``site_lat``, ``line_lon``, ``line_lat`` (the nearest
        points; inside, the nearest point of the edge), ``error_m`` (root sum of squares of both
        accuracies; 5 m for a site and 30 m for a line that state none, plus half the width of a
        centre line, or its lack), ``indicative`` (measured from a centre line), ``between`` (in
        the river by its two bank lines; ``inside_m`` is the distance to the nearer one). A site
        without geometry has no row.

    Raises
    ------
    CrsError
        If a CRS is missing or refused, or coordinates lie outside China.
    """
    places = to_exchange(sites, layer="sites")
    lines = to_exchange(shorelines, layer="shorelines")
    if sides is None:
        sides = bank_sides(places, lines)
    place = np.arange(len(lines))
    if classes is not None:
        place = place[np.isin(plain_text(lines, "river_class").astype(str), list(classes))]
        lines = lines[np.isin(plain_text(lines, "river_class").astype(str), list(classes))]
    # sorted by id, so that a tie goes to the lowest id whatever the order of rows
    order = np.argsort(plain_text(lines, "line_id"), kind="stable")
    lines, place = lines.iloc[order], place[order]
    shapes = valid_shapes(places.geometry.to_numpy())
    bank = valid_shapes(lines.geometry.to_numpy())
    half = half_width(lines)
    groups = _group_codes(lines, by)
    radius = None
    if within_m is not None:
        radius = np.broadcast_to(np.asarray(within_m, dtype=float), (len(places),)).copy()
    found = _measure_groups(shapes, bank, half, groups, radius)
    found = _with_between(found, sides, place, half, groups, radius)
    return _distance_table(found, places, lines, by, half)


def within_shoreline(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
    limit_m: float,
    *,
    sides: pd.DataFrame | None = None,
) -> pd.Series:
    """Tell which sites lie within a limit of any shoreline: yes or no, for many sites.

    The same answer as ``shoreline_distance(..., within_m=limit_m)``, without how far and to which
    line, in a third of the time. Exactly at the limit is within.

    Parameters
    ----------
    sites, shorelines, sides
        As in :func:`shoreline_distance`.
    limit_m
        Metres on the CGCS2000 ellipsoid.

    Returns
    -------
    Series of bool
        By the index of `sites`; False for a site without geometry.

    Raises
    ------
    CrsError
        If a CRS is missing or refused, or coordinates lie outside China.
    """
    places = to_exchange(sites, layer="sites")
    lines = to_exchange(shorelines, layer="shorelines")
    shapes = valid_shapes(places.geometry.to_numpy())
    bank = valid_shapes(lines.geometry.to_numpy())
    radius = np.full(len(places), float(limit_m))
    close = reached(cut(shapes), cut(bank, fill=True), half_width(lines), radius)
    close[_touching(_only(shapes, ~close), bank, ring_shapes(bank, fill=True))[1]] = True
    if sides is None:  # only the others need a look at which side of a bank they are on
        far = np.flatnonzero(~close)
        sides = bank_sides(places.iloc[far], lines).assign(site=lambda table: far[table["site"]])
    if limit_m >= 0:
        close[sides.loc[sides["side"] == "in", "site"].to_numpy(dtype=int)] = True
    return pd.Series(close, index=sites.index, name="within")


def bank_sides(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
    rivers: gpd.GeoDataFrame | None = None,
) -> pd.DataFrame:
    """Tell which sites lie in a river that is drawn by bank lines, and where that cannot be told.

    A pair of bank lines has no inside. From within the river a look in any direction meets a bank
    an odd number of times: many looks vote, and a place shut in by two lines is in the river. That
    a place is on land, two lines cannot tell (they may be one bank drawn twice): it takes a middle
    line of the river, with a bank on the way to it and no river behind the place. Beside a bank
    everything else is unknown.

    Parameters
    ----------
    sites, shorelines
        As in :func:`shoreline_distance`. Polygons and centre lines are no bank lines.
    rivers
        Lines with ``name``: middle lines beside the centre lines of `shorelines`.

    Returns
    -------
    DataFrame
        One row a site and river: ``site`` and ``line`` (rows; the nearest bank line), ``side``
        (``in``, or ``unknown`` within 2 to 5 km of a bank, by class), ``river``, ``river_class``,
        ``kind``, ``distance_m`` to the bank and both nearest points. No row is on land, or far.
    """
    places = to_exchange(sites, layer="sites")
    lines = to_exchange(shorelines, layer="shorelines")
    name, kind = plain_text(lines, "river"), plain_text(lines, "kind")
    of = plain_text(lines, "river_class")
    shapes = lines.geometry.to_numpy()
    linear = (shapely.get_dimensions(shapes) == 1) & drawn(lines)
    since, until = (dates(lines, column).to_numpy() for column in ("valid_from", "valid_to"))
    table = pd.DataFrame({"row": np.arange(len(lines)), "kind": kind, "river_class": of})
    # the brooks without a name are looked at together, and are never known to be one river
    table["river"], table["pooled"] = np.where(name == "", "class " + of, name), name == ""
    table["edition"] = pd.MultiIndex.from_arrays([since, until]).factorize()[0]
    table["unsure_m"] = unsure_m(of)
    table["geometry"] = shapes
    centre = kind == "centreline"
    middles = table.loc[linear & centre & (name != ""), ["river", "geometry"]]
    if rivers is not None:
        own = to_exchange(rivers[drawn(rivers)], layer="rivers")
        more = pd.DataFrame({"river": plain_text(own, "name")})
        middles = pd.concat([middles, more.assign(geometry=own.geometry.to_numpy())])
    some = table[linear & ~centre]
    found = river_sides(valid_shapes(places.geometry.to_numpy()), some, middles)
    found["river"] = name[found["line"].to_numpy(dtype=int)]
    found["river_class"] = of[found["line"].to_numpy(dtype=int)]
    found["side"] = np.where(found["side"] == IN, "in", "unknown")
    return found


def site_errors(sites: pd.DataFrame) -> Floats:
    """Positional error of each site in metres: ``accuracy_m``, or 5 m where it states none."""
    return metres(sites, "accuracy_m", SITE_ACCURACY_M)


def line_errors(shorelines: pd.DataFrame) -> Floats:
    """Positional error of each line in metres: ``accuracy_m`` (or 30 m), and a centre line's width.

    A centre line adds half its width, since the bank is nowhere surveyed; without a width, what a
    wide river of its class has.
    """
    own = metres(shorelines, "accuracy_m", LINE_ACCURACY_M)
    centre = plain_text(shorelines, "kind") == "centreline"
    half = metres(shorelines, "width_m", np.nan) / 2
    of = plain_text(shorelines, "river_class")
    guess = np.array([_UNKNOWN_HALF_WIDTH_M.get(name, 500.0) for name in of], dtype=float)
    return np.where(centre, np.hypot(own, np.where(np.isnan(half), guess, half)), own)


def _group_codes(lines: pd.DataFrame, by: Sequence[str]) -> npt.NDArray[np.int64]:
    if not len(lines):
        return np.empty(0, dtype=np.int64)
    keys = pd.DataFrame({name: plain_text(lines, name) for name in by})
    return np.asarray(keys.groupby(list(by), sort=True).ngroup(), dtype=np.int64)


def _measure_groups(
    shapes: npt.NDArray[np.object_],
    bank: npt.NDArray[np.object_],
    half: Floats,
    groups: npt.NDArray[np.int64],
    radius: Floats | None,
) -> pd.DataFrame:
    sites = cut(shapes)
    if radius is not None:
        found = within(sites, cut(bank, fill=True), half, radius, groups)
    else:
        parts = []
        for group in np.unique(groups):
            mine = _only(bank, groups == group)
            part = nearest(sites, cut(mine, fill=True), half, shapes)
            parts.append(part.assign(group=group))
        none = within(sites, cut(bank[:0]), half, np.zeros(len(shapes)))
        found = pd.concat(parts, ignore_index=True) if parts else none
    found["inside_m"] = np.nan
    return _with_inside(found, shapes, bank, groups, radius)


def _with_between(
    found: pd.DataFrame,
    sides: pd.DataFrame,
    place: npt.NDArray[np.int64],
    half: Floats,
    groups: npt.NDArray[np.int64],
    radius: Floats | None,
) -> pd.DataFrame:
    """Put the sites between two banks into the river, in the group of the nearer bank line."""
    found = found.assign(between=False)
    inside = sides[(sides["side"] == "in") & sides["line"].isin(place)]
    if radius is not None:
        inside = inside[radius[inside["site"].to_numpy(dtype=int)] >= 0]
    if not len(inside):
        return found
    line = pd.Series(np.arange(len(place)), index=place)[inside["line"]].to_numpy()
    rows = inside[["site", *_ENDS]].assign(
        line=line, group=groups[line], inside_m=inside["distance_m"], distance_m=0.0, between=True
    )
    rows = rows.sort_values("inside_m", ascending=False).drop_duplicates(["site", "group"])
    deep = found["inside_m"].notna() | (found["distance_m"] < half[found["line"].to_numpy(int)])
    table = pd.concat([found[deep], rows, found[~deep]], ignore_index=True)
    first: pd.DataFrame = table.drop_duplicates(["site", "group"])
    return first.sort_values(["site", "group"], ignore_index=True)


def _only(shapes: npt.NDArray[np.object_], keep: npt.NDArray[np.bool_]) -> Any:
    """Blank the shapes that are not kept, so that rows keep their numbers."""
    some = shapes.copy()
    some[~keep] = None
    return some


def _with_inside(
    found: pd.DataFrame,
    shapes: npt.NDArray[np.object_],
    bank: npt.NDArray[np.object_],
    groups: npt.NDArray[np.int64],
    radius: Floats | None,
) -> pd.DataFrame:
    """Replace the rows of sites that lie in, overlap or hold a feature of the group."""
    areas = ring_shapes(bank, fill=True)
    line, site = _touching(shapes if radius is None else _only(shapes, radius >= 0), bank, areas)
    if not len(line):
        return found.sort_values(["site", "group"], ignore_index=True)
    hits = pd.DataFrame({"site": site, "line": line, "group": groups[line]})
    hits["linear"] = shapely.is_missing(areas[line])
    hits = hits.sort_values(["site", "group", "linear", "line"]).drop_duplicates(["site", "group"])
    zeros = [
        _depth(shapes[of], areas[number], bank[number]).assign(
            site=of, line=number, group=groups[number]
        )
        for number, of in ((n, hits["site"].to_numpy()[hits["line"] == n]) for n in np.unique(line))
        if len(of)
    ]
    both = pd.concat([*zeros, found], ignore_index=True)
    return both.drop_duplicates(["site", "group"]).sort_values(["site", "group"], ignore_index=True)


def _touching(
    shapes: npt.NDArray[np.object_],
    bank: npt.NDArray[np.object_],
    areas: npt.NDArray[np.object_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of lines and sites that meet: in an area, or a line through a site."""
    areal, plots = ~shapely.is_missing(areas), shapely.get_dimensions(shapes) == 2
    none = np.empty(0, dtype=np.int64)
    line, site, through, plot = none, none, none, none
    if areal.any():
        line, site = shapely.STRtree(shapes).query(areas, predicate="intersects")
    if plots.any():  # a line may lie wholly within a site, far from its outline
        tree = shapely.STRtree(_only(shapes, plots))
        through, plot = tree.query(_only(bank, ~areal), predicate="intersects")
    return np.concatenate([line, through]), np.concatenate([site, plot])


def _depth(shapes: npt.NDArray[np.object_], area: Any, bank: Any) -> pd.DataFrame:
    """Depth of each touching shape in one polygon: of its deepest vertex that lies inside.

    Where no vertex lies inside (an edge runs through, or the bank is a line), it has no depth and
    a common point stands for the nearest.
    """
    deep = pd.DataFrame(np.nan, index=range(len(shapes)), columns=["inside_m", *_ENDS])
    if area is not None:
        points, owner = shapely.get_coordinates(shapes, return_index=True)
        shapely.prepare(area)
        inside = shapely.intersects_xy(area, points[:, 0], points[:, 1])
        at = shapely.points(points[inside])
        edge = np.array([bank], dtype=object)
        found = nearest(cut(at), cut(edge, fill=True), np.zeros(1), at)
        found["site"] = owner[inside][found["site"].to_numpy()]
        found = found.sort_values(["site", "distance_m"], ascending=[True, False], kind="stable")
        found = found.drop_duplicates("site").set_index("site")
        found = found.rename(columns={"distance_m": "inside_m"})
        deep.loc[found.index, deep.columns] = found[deep.columns]
    bare = deep["inside_m"].isna().to_numpy()
    if bare.any():
        common = shapely.intersection(shapes[bare], bank if area is None else area)
        xy = shapely.get_coordinates(shapely.point_on_surface(common))
        deep.loc[bare, list(_ENDS)] = np.hstack([xy, xy])
        if area is not None:
            deep.loc[bare, "inside_m"] = 0.0
    return deep.assign(distance_m=0.0)


_ENDS = ("site_lon", "site_lat", "line_lon", "line_lat")


def _distance_table(
    found: pd.DataFrame,
    places: gpd.GeoDataFrame,
    lines: gpd.GeoDataFrame,
    by: Sequence[str],
    half: Floats,
) -> pd.DataFrame:
    site, line = found["site"].to_numpy(dtype=int), found["line"].to_numpy(dtype=int)
    table: dict[str, Any] = {"site_id": site_keys(places).to_numpy()[site]}
    passed = ["line_id", "river", "river_class", "kind", "issuer"]
    for name in dict.fromkeys([*by, *passed]):
        table[name] = plain_text(lines, name)[line]
    for name in ("valid_from", "valid_to"):
        table[name] = dates(lines, name).to_numpy()[line]
    raw, off, centre = found["distance_m"].to_numpy(dtype=float), half[line], half[line] > 0
    table["distance_m"] = np.maximum(raw - off, 0.0)
    inside = found["inside_m"].to_numpy(dtype=float)
    table["inside_m"] = np.where(centre & (raw <= off), off - raw, inside)
    ends = found[list(_ENDS)].to_numpy(dtype=float, copy=True)
    if centre.any():
        ends[centre, 2:] = _bank_point(ends[centre], off[centre])
    for place, name in enumerate(_ENDS):
        table[name] = ends[:, place]
    table["error_m"] = np.hypot(site_errors(places)[site], line_errors(lines)[line])
    table["indicative"] = (plain_text(lines, "kind") == "centreline")[line]
    table["between"] = found["between"].to_numpy(dtype=bool)
    return pd.DataFrame(table).astype(dict.fromkeys(("site_id", *by, *passed), "str"))


def _bank_point(ends: Floats, half: Floats) -> Floats:
    """Move the foot on a centre line towards the site by half the width."""
    azimuth, _, _ = GEOD.inv(ends[:, 2], ends[:, 3], ends[:, 0], ends[:, 1])
    lon, lat, _ = GEOD.fwd(ends[:, 2], ends[:, 3], azimuth, half)
    return np.column_stack([lon, lat])
