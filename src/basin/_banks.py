"""In the river or on land, where a river is drawn by its bank lines alone.

A bank line has no inside. From a place in the river every look meets a bank an odd number of times
(once straight across; three times where a bend lies beyond); from the land an even number (never,
or over the river and out of it). So each place looks in many directions all around and the looks
vote. Whether a bank is drawn up or down the river, whole or in pieces, plays no part; looks that
slip through an open end are outvoted, except beside it, and there the answer is ``unknown``, as it
is beside a single bank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import Floats, Ints, cut, nearest, scale_at, valid_shapes

__all__ = [
    "IN",
    "LAND",
    "UNKNOWN",
    "Banks",
    "river_sides",
    "side_by_centreline",
    "side_of_points",
    "unsure_m",
]

LAND, UNKNOWN, IN = 0, 1, 2

#: Lines through a place, each looked along both ways; turned a little off the axes of drawings.
_LINES, _TURN = 16, 0.0379
#: Share of odd looks from which a place is in the river, and up to which it is on land: a gap seen
#: over less than a quarter of the horizon changes nothing. A lone bank tells neither.
_IN_SHARE, _LAND_SHARE = 0.75, 0.25
#: In the river at least this share of looks meets another bank than the nearest first; a loop of
#: one bank around a neck of land is no river.
_OTHER_BANK = 0.125
#: Lines of one bank may end this near to each other (metres).
_MOUTH_M = 200.0
#: No river is wider than this (metres): two lines farther apart are not its banks.
_WIDEST_M = 10_000.0
#: How wide a river may be where one bank alone is known, by class (metres): nearer than this, a
#: place beside a bank line may be in the river.
_UNSURE_M = {"main_stem": 5_000.0, "important_tributary": 3_000.0, "tributary": 2_000.0}
_UNSURE_CLASS_M = 5_000.0
#: A line or polygon is looked from at so many steps over its extent.
_STEPS = 32
#: Places looked from at once.
_BLOCK = 10_000

Sides = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Banks:
    """The bank lines of one river, joined where they meet, in a plane of about metres.

    Parameters
    ----------
    rings
        Closed lines: the outline of a river or of an island; all within them is river.
    edges : shape (n, 4)
        The open lines: x, y of the start and of the end of each edge.
    chain : shape (n,)
        Which open line an edge is of.
    lines
        The open lines, as one shape.
    bank : shape (n_lines,)
        Number of the bank that an open line is a piece of: lines with ends near each other.
    k
        Metres per degree of longitude and latitude.
    """

    rings: Any
    edges: Floats
    chain: Ints
    lines: Any
    bank: Ints
    k: Floats

    @classmethod
    def of(cls, shapes: Any) -> Banks:
        """Join the bank lines of one river (EPSG:4490); copies of a line count once."""
        _, south, _, north = shapely.total_bounds(shapes)
        k = np.array(scale_at((south + north) / 2), dtype=float)
        parts = shapely.get_parts(shapely.transform(shapes, lambda xy: xy * k))
        parts = parts[shapely.get_type_id(parts) == 1]
        parts = parts[~pd.Series(shapely.to_wkb(shapely.normalize(parts))).duplicated()]
        merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
        closed = shapely.is_closed(merged)
        xy, ring = shapely.get_coordinates(
            merged[closed & (shapely.get_num_coordinates(merged) > 3)], return_index=True
        )
        outlines = shapely.polygons(shapely.linearrings(xy, indices=ring))
        rings = shapely.union_all(valid_shapes(outlines))
        xy, chain = shapely.get_coordinates(merged[~closed], return_index=True)
        same = chain[1:] == chain[:-1]
        edges = np.hstack([xy[:-1][same], xy[1:][same]])
        shapely.prepare(rings)
        lines = merged[~closed]
        same_side = _joined(lines)
        return cls(rings, edges, chain[1:][same], shapely.multilinestrings(lines), same_side, k)


def side_of_points(banks: Banks, points: Floats) -> Sides:
    """Tell of each point whether it is in the river (2), on land (0), or not to be told (1).

    Parameters
    ----------
    banks
        Of one river.
    points : shape (n, 2)
        Degrees of longitude and latitude.
    """
    xy = points * banks.k
    side = np.full(len(xy), LAND, dtype=np.int64)
    for start in range(0, len(xy) if len(banks.edges) else 0, _BLOCK):
        some = slice(start, start + _BLOCK)
        looks = _looks(banks, xy[some])
        shut_in = (looks.met >= _IN_SHARE) & (looks.chord <= _WIDEST_M)
        river = shut_in & (looks.other_line >= _OTHER_BANK) & (looks.odd >= _IN_SHARE)
        # even, but two different banks all around: their lines may be drawn twice over
        land = ~(shut_in & (looks.other_bank >= _OTHER_BANK)) & (looks.odd <= _LAND_SHARE)
        side[some] = np.where(river, IN, np.where(land & (len(banks.bank) > 1), LAND, UNKNOWN))
    side[shapely.intersects_xy(banks.rings, xy[:, 0], xy[:, 1])] = IN
    return side


def _joined(lines: Any) -> Ints:
    """Number the banks: lines that end near each other are pieces of one (mouths lie between)."""
    ends = shapely.get_point(np.repeat(lines, 2), np.tile([0, -1], len(lines)))
    one, two = shapely.STRtree(ends).query(ends, predicate="dwithin", distance=_MOUTH_M) // 2
    number = np.arange(len(lines))
    while True:  # the lowest number spreads from line to line
        lower = number.copy()
        np.minimum.at(lower, one, number[two])
        if (lower == number).all():
            return number
        number = lower


@dataclass(frozen=True)
class _Looks:
    """Of each place the share of looks that are odd, that meet a bank, that meet another line or
    bank than the nearest one first; and the shortest way from bank to bank."""

    odd: Floats
    met: Floats
    other_line: Floats
    other_bank: Floats
    chord: Floats


def _looks(banks: Banks, xy: Floats) -> _Looks:
    n = len(xy)
    odd = np.zeros(n)
    chord = np.full(n, np.inf)
    first = np.full((n, 2 * _LINES), -1, dtype=np.int64)
    nearest, nearest_m = np.full(n, -1, dtype=np.int64), np.full(n, np.inf)
    for turn in range(_LINES):
        angle = _TURN + np.pi * turn / _LINES
        count, gap, chain = _along(banks, xy, angle)
        odd += (count % 2).sum(axis=1)
        chord = np.minimum(chord, gap.sum(axis=1))
        first[:, 2 * turn : 2 * turn + 2] = chain
        for way in (0, 1):
            closer = gap[:, way] < nearest_m
            nearest_m = np.where(closer, gap[:, way], nearest_m)
            nearest = np.where(closer, chain[:, way], nearest)
    met = first >= 0
    line = met & (first != nearest[:, None])
    bank = met & (banks.bank[first] != banks.bank[nearest][:, None])
    met_share, line_share, bank_share = (many.mean(axis=1) for many in (met, line, bank))
    return _Looks(odd / (2 * _LINES), met_share, line_share, bank_share, chord)


def _along(banks: Banks, xy: Floats, angle: float) -> tuple[Ints, Floats, Ints]:
    """Look both ways along one direction: banks met, metres to the first, and which line it is."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = xy[:, 0] * cos + xy[:, 1] * sin, xy[:, 1] * cos - xy[:, 0] * sin
    ax = banks.edges[:, 0] * cos + banks.edges[:, 1] * sin
    ay = banks.edges[:, 1] * cos - banks.edges[:, 0] * sin
    bx = banks.edges[:, 2] * cos + banks.edges[:, 3] * sin
    by = banks.edges[:, 3] * cos - banks.edges[:, 2] * sin
    order = np.argsort(y, kind="stable")
    low = np.searchsorted(y[order], np.minimum(ay, by), side="left")
    high = np.searchsorted(y[order], np.maximum(ay, by), side="left")
    size = high - low  # the end of an edge is the start of the next: counted once
    edge = np.repeat(np.arange(len(size)), size)
    point = order[np.arange(size.sum()) + np.repeat(low - (np.cumsum(size) - size), size)]
    share = (y[point] - ay[edge]) / (by[edge] - ay[edge])
    off = ax[edge] + share * (bx[edge] - ax[edge]) - x[point]
    key = 2 * point + (off > 0)
    count = np.bincount(key, minlength=2 * len(xy))
    gap = np.full(2 * len(xy), np.inf)
    np.minimum.at(gap, key, np.abs(off))
    chain = np.full(2 * len(xy), -1, dtype=np.int64)
    hit = np.abs(off) == gap[key]
    chain[key[hit]] = banks.chain[edge[hit]]
    return count.reshape(-1, 2), gap.reshape(-1, 2), chain.reshape(-1, 2)


def side_by_centreline(banks: Banks, centre: Any, points: Floats) -> Sides:
    """Settle places by the way to the middle of the river, which is water.

    An odd number of banks on the way is land. None, and a bank straight behind the place before
    the middle of the river comes again, is river: the place lies between the middle and the bank.
    """
    xy = points * banks.k
    middle = shapely.transform(shapely.union_all(centre), lambda p: p * banks.k)
    place = shapely.points(xy)
    way = shapely.shortest_line(place, middle)
    crossed = _crossings(way, banks.lines)
    foot = shapely.get_coordinates(way).reshape(-1, 2, 2)[:, 1]
    out = xy - foot
    length = np.maximum(np.hypot(out[:, 0], out[:, 1]), 1e-9)[:, None]
    behind = shapely.linestrings(np.stack([xy + out / length * 0.01, xy + out / length * _WIDEST_M],
                                          axis=1))  # fmt: skip
    bank_m = shapely.distance(place, shapely.intersection(behind, banks.lines))
    middle_m = shapely.distance(place, shapely.intersection(behind, middle))
    between = (crossed == 0) & (
        np.nan_to_num(bank_m, nan=np.inf) < np.nan_to_num(middle_m, nan=_WIDEST_M)
    )
    return np.where(crossed % 2 == 1, LAND, np.where(between, IN, UNKNOWN)).astype(np.int64)


def _crossings(ways: Any, lines: Any) -> Ints:
    met = shapely.intersection(ways, lines)
    count = np.where(shapely.is_empty(met), 0, shapely.get_num_geometries(met))
    return np.asarray(count, dtype=np.int64)


def unsure_m(river_class: Any) -> Floats:
    """How wide a river of each class may be where its drawing does not tell (metres)."""
    return np.array([_UNSURE_M.get(word, _UNSURE_CLASS_M) for word in river_class], dtype=float)


# ---- sites and rivers ------------------------------------------------------------------------


def river_sides(shapes: Any, lines: pd.DataFrame, middles: pd.DataFrame) -> pd.DataFrame:
    """Tell of each site which rivers it is in, or may be in, of those drawn by bank lines.

    Parameters
    ----------
    shapes : shape (n,)
        Sites, EPSG:4490. Lines and polygons are looked from along their outlines and from one
        point within.
    lines
        Open or closed bank lines: ``geometry``, ``row``, ``river``, ``kind``, ``edition``,
        ``unsure_m`` (how wide the river may be if only one bank is known), ``pooled`` (the lines
        of many rivers without a name: never known to be one river).
    middles
        Middle lines of rivers: ``geometry``, ``river``, ``width_m``.

    Returns
    -------
    DataFrame
        One row a site and river that it is in (``side`` 2) or may be in (1): ``site``, ``river``,
        ``kind``, ``line`` (row of the nearest bank), and for those that it is in ``distance_m``
        (of the deepest point looked from) and both nearest points.
    """
    points, of = _looked_from(shapes if len(lines) else shapes[:0])
    kinds = lines.groupby("river")["kind"].nunique().to_dict()
    parts = []
    for _, some in lines.groupby(["river", "kind"], sort=True):
        river, kind = str(some["river"].iloc[0]), str(some["kind"].iloc[0])
        near = _near(points, some["geometry"].to_numpy(), _WIDEST_M / 2)
        side = _vote(some, middles[middles["river"] == river], points[near])
        if kinds[river] == 1:  # no other kind to be told by: what is on land is done with
            near, side = near[side > LAND], side[side > LAND]
        if len(near):
            part = _measured(points[near], of[near], side, some)
            parts.append(part.assign(river=river, kind=kind))
    if not parts:
        return pd.DataFrame(columns=[*_MEASURES, "site", "line", "side", "river", "kind"])
    table = pd.concat(parts, ignore_index=True)
    # a place may lie off one kind of line and in the river by another: in by any is in, and what
    # cannot be told is told by the nearest
    table["nearest"] = table.groupby(["site", "river"])["distance_m"].transform("min")
    inside = table["side"] == IN
    some_in = inside.groupby([table["site"], table["river"]]).transform("any")
    unsure = (table["side"] == UNKNOWN) & ~some_in & (table["distance_m"] <= table["nearest"])
    kept = table[inside | unsure].drop(columns="nearest")
    kept = kept.sort_values(["site", "river", "distance_m"], ascending=[True, True, False])
    return kept.drop_duplicates(["site", "river"], keep="first").reset_index(drop=True)


_MEASURES = ("distance_m", "site_lon", "site_lat", "line_lon", "line_lat")


def _looked_from(shapes: Any) -> tuple[Floats, Ints]:
    """Points of sites: themselves, or along the outline and one within."""
    west, south, east, north = shapely.bounds(shapes).T
    step = np.nan_to_num(np.maximum(np.hypot(east - west, north - south) / _STEPS, 1e-9), nan=1.0)
    fine = shapely.segmentize(shapes, step)
    xy, of = shapely.get_coordinates(fine, return_index=True)
    areal = np.flatnonzero(shapely.get_dimensions(shapes) == 2)
    within = shapely.get_coordinates(shapely.point_on_surface(shapes[areal]))
    drawn = areal[~shapely.is_empty(shapes[areal])]
    return np.vstack([xy, within]), np.concatenate([of, drawn]).astype(np.int64)


def _near(points: Floats, bank: Any, metres: float) -> Ints:
    """Which points lie within about so many metres of lines."""
    west, south, east, north = shapely.total_bounds(bank)
    k = np.array(scale_at((south + north) / 2), dtype=float)
    pad = metres * 1.1 / k
    low, high = np.array([west, south]) - pad, np.array([east, north]) + pad
    some = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    tree = shapely.STRtree(shapely.points(points[some] * k))
    plane = shapely.transform(shapely.segmentize(bank, metres / k[1]), lambda xy: xy * k)
    _, found = tree.query(plane, predicate="dwithin", distance=metres * 1.1)
    return np.asarray(some[np.unique(found)], dtype=np.int64)


def _vote(lines: pd.DataFrame, middles: pd.DataFrame, points: Floats) -> Sides:
    """Vote over all lines of a kind, and of each edition: what is in by one is in."""
    banks = Banks.of(lines["geometry"].to_numpy())
    side = side_of_points(banks, points)
    if (lines["edition"] != lines["edition"].iloc[0]).any():
        for _, some in lines.groupby("edition"):
            own = side_of_points(Banks.of(some["geometry"].to_numpy()), points)
            side = np.where(own == IN, IN, side)
    open_ = np.flatnonzero(side == UNKNOWN)
    if len(middles) and len(open_) and len(banks.edges):
        told = side_by_centreline(banks, middles["geometry"].to_numpy(), points[open_])
        side[open_] = told
    if lines["pooled"].any():
        side = np.minimum(side, UNKNOWN)
    return side


def _measured(points: Floats, of: Ints, side: Sides, lines: pd.DataFrame) -> pd.DataFrame:
    """Measure each site from its deepest point in the river, or else from its nearest point."""
    bank = lines["geometry"].to_numpy()
    at = shapely.points(points)
    found = nearest(cut(at), cut(bank), np.zeros(len(bank)), at)
    point = found["site"].to_numpy(dtype=int)
    found["site"], found["side"] = of[point], side[point]
    far = found["distance_m"] > lines["unsure_m"].to_numpy()[found["line"].to_numpy(dtype=int)]
    found.loc[(found["side"] == UNKNOWN) & far, "side"] = LAND
    found["line"] = lines["row"].to_numpy()[found["line"].to_numpy(dtype=int)]
    sign = np.where(found["side"] == IN, -1.0, 1.0)
    order = np.lexsort((found["distance_m"] * sign, -found["side"], found["site"]))
    return found.iloc[order].drop_duplicates("site")
