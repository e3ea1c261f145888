"""In the river or on land, where a river is drawn by its bank lines alone.

A bank line has no inside. From a place in the river every look meets a bank an odd number of times
(once straight across; three times where a bend lies beyond). So each place looks in many directions
all around and the looks vote: shut in by two lines and odd is *in the river*. Whether a bank is
drawn up or down the river, whole or in pieces, plays no part.

Even looks prove nothing: from land they are even, and so they are from the river where one bank is
drawn twice over and the other not at all. *On land* therefore needs a middle line of the river: a
bank stands between the place and the middle, and behind the place there is no river. Whatever is
neither is ``unknown``.
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
    "side_by_middle",
    "side_of_points",
    "unsure_m",
]

LAND, UNKNOWN, IN = 0, 1, 2

#: Lines through a place, each looked along both ways; turned a little off the axes of drawings.
_LINES, _TURN = 16, 0.0379
#: Share of odd looks from which a place is in the river: a gap seen over less than a quarter of the
#: horizon changes nothing.
_IN_SHARE = 0.75
#: In the river at least this share of looks meets another line than the nearest first; a loop of
#: one bank around a neck of land is no river.
_OTHER_LINE = 0.125
#: Looks away from the middle of the river, which must meet no river for a place to be on land.
_AWAY = np.radians([-40.0, 0.0, 40.0])
#: Looks aslant towards it, which meet the bank where the straight one slips through a gap in it.
_ASLANT = np.radians([110.0, 140.0, 220.0, 250.0])
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
    k
        Metres per degree of longitude and latitude.
    """

    rings: Any
    edges: Floats
    chain: Ints
    k: Floats

    @classmethod
    def of(cls, shapes: Any) -> Banks:
        """Join the bank lines of one river (EPSG:4490); copies of a line count once."""
        _, south, _, north = shapely.total_bounds(shapes)
        k = np.array(scale_at((south + north) / 2), dtype=float)
        parts = shapely.get_parts(shapely.transform(shapes, lambda xy: xy * k))
        parts = parts[shapely.get_dimensions(parts) == 1]
        xy, of = shapely.get_coordinates(parts, return_index=True)
        # a ring is a line that ends where it began
        parts = np.asarray(shapely.linestrings(xy, indices=of), dtype=object)
        parts = parts[~pd.Series(shapely.to_wkb(shapely.normalize(parts))).duplicated()]
        merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
        closed = shapely.is_closed(merged)
        xy, ring = shapely.get_coordinates(
            merged[closed & (shapely.get_num_coordinates(merged) > 3)], return_index=True
        )
        outlines = shapely.polygons(shapely.linearrings(xy, indices=ring))
        rings = shapely.union_all(valid_shapes(outlines))
        edges, chain = _edges(merged[~closed])
        shapely.prepare(rings)
        return cls(rings, edges, chain, k)


def _edges(lines: Any) -> tuple[Floats, Ints]:
    """Edges of lines, shape (n, 4), and the line that each is of."""
    xy, of = shapely.get_coordinates(lines, return_index=True)
    same = of[1:] == of[:-1]
    return np.hstack([xy[:-1][same], xy[1:][same]]), of[1:][same]


def side_of_points(banks: Banks, points: Floats) -> Sides:
    """Tell of each point whether it is in the river (2), or not to be told (1).

    Parameters
    ----------
    banks
        Of one river.
    points : shape (n, 2)
        Degrees of longitude and latitude.
    """
    xy = points * banks.k
    side = np.full(len(xy), UNKNOWN, dtype=np.int64)
    for start in range(0, len(xy) if len(banks.edges) else 0, _BLOCK):
        some = slice(start, start + _BLOCK)
        looks = _looks(banks, xy[some])
        river = (looks.met >= _IN_SHARE) & (looks.odd >= _IN_SHARE) & (looks.chord <= _WIDEST_M)
        side[some] = np.where(river & (looks.other_line >= _OTHER_LINE), IN, UNKNOWN)
    side[shapely.intersects_xy(banks.rings, xy[:, 0], xy[:, 1])] = IN
    return side


@dataclass(frozen=True)
class _Looks:
    """Of each place the share of looks that are odd, that meet a bank, that meet another line than
    the nearest one first; and the shortest way from bank to bank."""

    odd: Floats
    met: Floats
    other_line: Floats
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
    other = met & (first != nearest[:, None])
    return _Looks(odd / (2 * _LINES), met.mean(axis=1), other.mean(axis=1), chord)


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


def side_by_middle(
    banks: Banks, middles: Any, points: Floats, reach_m: float
) -> tuple[Sides, Ints]:
    """Tell places apart by the way to the middle of the river, which is water.

    On land (0): an odd number of banks on the way to the middle, and looking away from it no river
    within `reach_m`, or a whole one (a bank, a middle, and only then another bank). Two banks
    without a middle between them are one bank drawn twice, or an island and the bank beyond.
    In the river (2): no bank on the way, nor aslant of it before the middle, and behind the place a
    bank before any middle.

    Returns
    -------
    side : shape (n,)
    crossed : shape (n,)
        Number of banks on the way to the middle.
    """
    xy = points * banks.k
    middle = shapely.transform(shapely.union_all(middles), lambda p: p * banks.k)
    way = shapely.shortest_line(shapely.points(xy), middle)
    foot = shapely.get_coordinates(way).reshape(-1, 2, 2)[:, 1]
    tree = _tree(banks.edges)
    course = _edges(shapely.get_parts(middle))[0]
    courses = _tree(course)
    crossed = np.bincount(_meetings(tree, banks.edges, xy, foot)[0], minlength=len(xy))
    out = xy - foot
    out /= np.maximum(np.hypot(out[:, 0], out[:, 1]), 1e-9)[:, None]

    def first_met(turn: float) -> tuple[Floats, Floats, Floats]:
        """Share of `reach_m` at which a look meets a bank, the next bank, the middle."""
        cos, sin = np.cos(turn), np.sin(turn)
        look = np.column_stack([out @ [cos, -sin], out @ [sin, cos]])
        end = xy + look * reach_m
        bank, next_bank = _first_two(*_meetings(tree, banks.edges, xy, end), len(xy))
        return bank, next_bank, _first_two(*_meetings(courses, course, xy, end), len(xy))[0]

    free = crossed % 2 == 1
    between = crossed == 0
    for turn in _AWAY:
        bank, next_bank, water = first_met(turn)
        none = np.isinf(bank) & np.isinf(water)
        free &= none | ((bank < water) & (water < next_bank))
        between &= bank < water
    for turn in _ASLANT:
        bank, _, water = first_met(turn)
        between &= ~(bank < water)
    side = np.where(free, LAND, np.where(between, IN, UNKNOWN))
    return side.astype(np.int64), crossed


def _tree(edges: Floats) -> shapely.STRtree:
    return shapely.STRtree(np.asarray(shapely.linestrings(edges.reshape(-1, 2, 2)), dtype=object))


def _meetings(tree: Any, edges: Floats, start: Floats, end: Floats) -> tuple[Ints, Floats]:
    """Ways that meet edges, and at what share of the way; both ends of a way are left out."""
    way, edge = tree.query(shapely.linestrings(np.stack([start, end], axis=1)), "intersects")
    along, across = end[way] - start[way], edges[edge, 2:] - edges[edge, :2]
    off = edges[edge, :2] - start[way]
    turn = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (off[:, 0] * across[:, 1] - off[:, 1] * across[:, 0]) / turn
        part = (off[:, 0] * along[:, 1] - off[:, 1] * along[:, 0]) / turn
    # the end of an edge is the start of the next: counted once
    met = (turn != 0) & (part >= 0) & (part < 1) & (share > 1e-9) & (share < 1 - 1e-9)
    return np.asarray(way[met], dtype=np.int64), share[met]


def _first_two(way: Ints, share: Floats, n: int) -> tuple[Floats, Floats]:
    """Where each way first meets something, and where it does again; infinite for never."""
    order = np.lexsort((share, way))
    way, share = way[order], share[order]
    nth = np.arange(len(way)) - np.searchsorted(way, way)
    first, second = np.full(n, np.inf), np.full(n, np.inf)
    first[way[nth == 0]], second[way[nth == 1]] = share[nth == 0], share[nth == 1]
    return first, second


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
    """Tell by all lines of a kind and by each edition: what is in by one is in."""
    pooled = bool(lines["pooled"].any() or (lines["kind"] == "").any())
    side = side_of_points(Banks.of(lines["geometry"].to_numpy()), points)
    land = np.zeros(len(points), dtype=bool)
    editions = list(lines.groupby("edition"))
    for _, some in editions:
        banks = Banks.of(some["geometry"].to_numpy())
        own = side_of_points(banks, points) if len(editions) > 1 else side
        if len(middles) and len(banks.edges):
            reach_m = float(some["unsure_m"].max())
            told, crossed = side_by_middle(banks, middles["geometry"].to_numpy(), points, reach_m)
            ringed = shapely.intersects_xy(banks.rings, *(points * banks.k).T)
            own = np.where((crossed > 0) & ~ringed, np.minimum(own, UNKNOWN), np.maximum(own, told))
            land |= (told == LAND) & ~ringed
            side = own if len(editions) == 1 else side
        side = np.maximum(side, own)
    if pooled:  # of many rivers, or no lines of a bank that is known: never in by these
        side = np.minimum(side, UNKNOWN)
    return np.where(land & (side == UNKNOWN), LAND, side)


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
