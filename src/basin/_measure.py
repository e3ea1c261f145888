"""Exact ellipsoidal distance between features, by index: the engine under `buffers` and `zones`.

A distance is never read off a buffer polygon or a projected plane. Features are cut into chunks of
a few edges; an R-tree in a rough plane proposes chunks; a bound on the true distance, not the
plane, decides how far the search must go; then each remaining edge gives its nearest point in
metres of a frame at the mid-latitude, and the winner is measured by `pyproj.Geod`.

Edges are straight in longitude and latitude, as they are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._pieces import (
    Floats,
    Ints,
    Pieces,
    cut,
    degrees_of,
    ranges,
    ring_shapes,
    scale_at,
    valid_shapes,
)
from basin.crs import GEOD

__all__ = [
    "Floats",
    "Ints",
    "Pieces",
    "cut",
    "degrees_of",
    "nearest",
    "reached",
    "ring_shapes",
    "scale_at",
    "valid_shapes",
    "within",
]

#: Edge pairs worked on at once: a few tens of megabytes, near to the processor.
_BLOCK = 250_000
#: Distances closer than this are a tie (metres); the feature first in order wins.
_TIE_M = 1e-6

#: Edges of sites from which the compiled search pays for the loading of numba.
_COMPILE_FROM = 20_000
#: Up to so many groups of lines are looked for one after another.
_FEW_GROUPS = 16

_RADIUS = 6_371_000.0


@dataclass(frozen=True)
class _Index:
    """An R-tree over chunks, in a plane of metres at one latitude (for candidates only)."""

    pieces: Pieces
    k: Floats = field(repr=False)
    tree: shapely.STRtree = field(repr=False)

    @classmethod
    def over(cls, pieces: Pieces) -> _Index:
        lat = float(np.mean(pieces.boxes[:, [1, 3]])) if len(pieces.owner) else 30.0
        k = np.array(scale_at(lat), dtype=float)
        return cls(pieces, k, shapely.STRtree(_chunk_lines(pieces, k)))

    def near(self, boxes: Floats, radius_m: Floats) -> tuple[Ints, Ints]:
        """Chunks whose box comes within `radius_m` of each box: (row of box, chunk)."""
        d_lon, d_lat = degrees_of(radius_m, np.max(np.abs(boxes[:, [1, 3]]), axis=1))
        west, south, east, north = boxes.T
        wide = shapely.box(
            (west - d_lon) * self.k[0],
            (south - d_lat) * self.k[1],
            (east + d_lon) * self.k[0],
            (north + d_lat) * self.k[1],
        )
        row, chunk = self.tree.query(wide)
        order = np.lexsort((chunk, row))
        return row[order], chunk[order]


def _chunk_lines(pieces: Pieces, k: Floats) -> npt.NDArray[np.object_]:
    size = np.diff(pieces.first)
    chunk = np.repeat(np.arange(len(size)), size + 1)
    index = ranges(pieces.first[:-1], size + 1)
    last = np.cumsum(size + 1) - 1
    index[last] -= 1  # the end of a chunk's last edge closes it
    xy = pieces.edges[index][:, :2]
    xy[last] = pieces.edges[index[last]][:, 2:]
    return cast(
        "npt.NDArray[np.object_]",
        shapely.linestrings(xy * k, indices=chunk) if len(size) else np.empty(0, dtype=object),
    )


# ---- edges against edges ---------------------------------------------------------------------


def _foot(p: Floats, k: Floats, e: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Nearest point of each edge to p: share along the edge, its lon and lat, and metres.

    All by column. `k` is a frame near p (:func:`_frames`): the scale at the mid-latitude follows
    from it by the slope, to less than the slack that candidates are given.
    """
    (px, py), (ax, ay, bx, by) = p, e
    off = (ay + by) * 0.25 + py * 0.5 - k[4]
    kx, ky = k[0] + k[2] * off, k[1] + k[3] * off
    dx, dy = bx - ax, by - ay
    ex, ey = dx * kx, dy * ky
    along = (px - ax) * kx * ex + (py - ay) * ky * ey
    t = np.clip(along / np.maximum(ex * ex + ey * ey, 1e-30), 0.0, 1.0)
    fx, fy = ax + t * dx, ay + t * dy
    off = (py + fy) * 0.5 - k[4]
    return t, fx, fy, np.hypot((fx - px) * (k[0] + k[2] * off), (fy - py) * (k[1] + k[3] * off))


def _crossing(s: Floats, e: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Whether edges cross, and where (lon, lat by column); touching ends are left to the feet."""
    rx, ry, qx, qy = s[2] - s[0], s[3] - s[1], e[2] - e[0], e[3] - e[1]
    gx, gy = e[0] - s[0], e[1] - s[1]
    cross = rx * qy - ry * qx
    with np.errstate(invalid="ignore", divide="ignore"):
        t, u = (gx * qy - gy * qx) / cross, (gx * ry - gy * rx) / cross
    hit = (cross != 0) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    t = np.where(hit, t, 0.0)
    return hit, np.vstack([s[0] + t * rx, s[1] + t * ry])


def _refined(p: Floats, a: Floats, b: Floats, f: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Geodesic metres from p to edge a-b, its foot improved by Newton steps along the edge."""
    toward, _, metres = (np.array(v) for v in GEOD.inv(f[:, 0], f[:, 1], p[:, 0], p[:, 1]))
    t, f = t.copy(), f.copy()
    # nearer than 2 km, the first foot is good to a tenth of a millimetre
    open_ = np.flatnonzero(metres > 2_000.0)
    for _ in range(3):
        if not len(open_):
            break
        start, along, at = a[open_], b[open_] - a[open_], t[open_]
        kx, ky = scale_at(f[open_, 1])
        ex, ey = along[:, 0] * kx, along[:, 1] * ky
        length = np.hypot(ex, ey)
        angle = np.radians(toward[open_]) - np.arctan2(ex, ey)
        with np.errstate(invalid="ignore", divide="ignore"):
            step = metres[open_] * np.cos(angle) / np.maximum(np.sin(angle) ** 2, 0.2) / length
        t_new = np.clip(np.where(length > 0, at + step, at), 0.0, 1.0)
        f_new = start + t_new[:, None] * along
        toward_new, _, new = GEOD.inv(f_new[:, 0], f_new[:, 1], p[open_, 0], p[open_, 1])
        better = np.asarray(new) < metres[open_]
        won = open_[better]  # where a step did not help, none will
        t[won], metres[won], f[won] = t_new[better], np.asarray(new)[better], f_new[better]
        toward[won] = np.asarray(toward_new)[better]
        open_ = won
    return metres, f


def _slack(metres: Floats) -> Floats:
    """How wrong a distance in the mid-latitude frame can be (metres); 1 mm at 5 km."""
    return 0.001 + metres**3 / (2 * _RADIUS**2)


def _blocks(work: Ints) -> Iterator[slice]:
    """Cut a list of pairs into runs of at most about `_BLOCK` edge pairs."""
    if len(work) == 0:
        return
    number = (np.cumsum(work) - work) // _BLOCK
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(number)) + 1, [len(work)]])
    for lo, hi in pairwise(cuts):
        yield slice(int(lo), int(hi))


def _edge_candidates(
    sites: Pieces, lines: Pieces, i: Ints, j: Ints, key: Ints, weight: Floats
) -> pd.DataFrame:
    """Per key, the edges that may be nearest: the foot's point, edge and approximate distance."""
    n_i, n_j = np.diff(sites.first)[i], np.diff(lines.first)[j]
    out = []
    for run in _blocks(n_i * n_j):
        work = (n_i * n_j)[run]
        pair = np.repeat(np.arange(run.start, run.stop), work)
        inner = ranges(np.zeros(len(work), dtype=np.int64), work)
        row = sites.first[i[pair]] + inner // n_j[pair]
        edge = lines.first[j[pair]] + inner % n_j[pair]
        solid = ~sites.is_point[i[pair]]
        out += _pair_feet(sites, lines, row, edge, key[pair], lines.owner[j[pair]], solid, weight)
    return pd.concat(out, ignore_index=True) if out else _no_candidates()


def _pair_feet(
    sites: Pieces,
    lines: Pieces,
    row: Ints,
    edge: Ints,
    k: Ints,
    line: Ints,
    solid: Any,
    weight: Any,
) -> list[pd.DataFrame]:
    """Feet between an edge of a site and an edge of a line, for each pair."""
    s, frame, e = sites.ends[:, row], sites.frames(row), lines.ends[:, edge]
    out = [_feet(k, line, s[:2], frame, e, weight)]
    if solid.any():  # an edge against an edge: each end against the other, and their crossing
        k, line, frame, s, e = k[solid], line[solid], frame[:, solid], s[:, solid], e[:, solid]
        out.append(_feet(k, line, s[2:], frame, e, weight))
        out.append(_feet(k, line, e[:2], frame, s, weight, on_site=True))
        out.append(_feet(k, line, e[2:], frame, s, weight, on_site=True))
        hit, at = _crossing(s, e)
        point = np.vstack([at, at])[:, hit]
        out.append(_feet(k[hit], line[hit], at[:, hit], frame[:, hit], point, weight))
    return out


def _feet(
    key: Ints,
    line: Ints,
    p: Floats,
    frame: Floats,
    e: Floats,
    weight: Floats,
    *,
    on_site: bool = False,
) -> pd.DataFrame:
    """Feet of points `p` on edges `e` that may hold the least (distance - weight) of their key."""
    t, fx, fy, metres = _foot(p, frame, e)
    keep = np.flatnonzero(_may_win(key, metres, weight[line]))
    table = {"key": key[keep], "line": line[keep], "on_site": on_site, "metres": metres[keep]}
    table |= {"t": t[keep], "fx": fx[keep], "fy": fy[keep], "px": p[0][keep], "py": p[1][keep]}
    ends = zip(("ax", "ay", "bx", "by"), e, strict=True)
    return pd.DataFrame(table | {name: values[keep] for name, values in ends})


def _no_candidates() -> pd.DataFrame:
    none = np.empty(0, dtype=np.int64)
    return _feet(none, none, np.empty((2, 0)), np.empty((5, 0)), np.empty((4, 0)), np.empty(0))


def _may_win(key: Ints, metres: Floats, weight: Floats) -> npt.NDArray[np.bool_]:
    slack = _slack(metres)
    most = pd.Series(metres - weight + slack).groupby(key).transform("min").to_numpy()
    return metres - weight - slack <= most


def _measure(candidates: pd.DataFrame, weight: Floats) -> pd.DataFrame:
    """Measure the candidates on the ellipsoid and keep one a key."""
    lines, metres = candidates["line"].to_numpy(), candidates["metres"].to_numpy()
    rows = candidates[_may_win(candidates["key"].to_numpy(), metres, weight[lines])]
    xy = rows[["px", "py", "ax", "ay", "bx", "by", "fx", "fy"]].to_numpy()
    metres, foot = _refined(
        xy[:, :2], xy[:, 2:4], xy[:, 4:6], xy[:, 6:], rows["t"].to_numpy(dtype=float)
    )
    on_site = rows["on_site"].to_numpy(dtype=bool)[:, None]
    at_site, at_line = np.where(on_site, foot, xy[:, :2]), np.where(on_site, xy[:, :2], foot)
    key, line = rows["key"].to_numpy(), rows["line"].to_numpy()
    value = metres - weight[line]
    least = pd.Series(value).groupby(key).transform("min").to_numpy()
    tied = np.flatnonzero(value <= least + _TIE_M)
    # of ties the first feature wins, then the point farthest south-west: no row order matters
    order = tied[np.lexsort((at_line[tied, 1], at_line[tied, 0], line[tied], key[tied]))]
    first = np.concatenate([[True], np.diff(key[order]) != 0])[: len(order)]
    win = order[first]
    return pd.DataFrame(
        {
            "key": key[win],
            "line": line[win],
            "distance_m": metres[win],
            "site_lon": at_site[win, 0],
            "site_lat": at_site[win, 1],
            "line_lon": at_line[win, 0],
            "line_lat": at_line[win, 1],
        }
    )


def _prune(
    sites: Pieces, lines: Pieces, i: Ints, j: Ints, key: Ints, weight: Floats, ceiling: Any
) -> npt.NDArray[np.bool_]:
    """Chunk pairs that may hold the least distance of their key, by their boxes.

    `ceiling` is what the least (distance - weight) of each pair's key is known not to exceed.
    """
    a, b = sites.boxes[i], lines.boxes[j]
    kx, ky = scale_at((a[:, 1] + a[:, 3] + b[:, 1] + b[:, 3]) / 4)
    spread = 1.0 + 0.02 * (np.maximum(a[:, 3], b[:, 3]) - np.minimum(a[:, 1], b[:, 1]))
    gap_x = np.maximum(np.maximum(b[:, 0] - a[:, 2], a[:, 0] - b[:, 2]), 0.0) * kx
    gap_y = np.maximum(np.maximum(b[:, 1] - a[:, 3], a[:, 1] - b[:, 3]), 0.0) * ky
    far_x = np.maximum(np.abs(b[:, 2] - a[:, 0]), np.abs(a[:, 2] - b[:, 0])) * kx
    far_y = np.maximum(np.abs(b[:, 3] - a[:, 1]), np.abs(a[:, 3] - b[:, 1])) * ky
    w = weight[lines.owner[j]]
    least, most = np.hypot(gap_x, gap_y) / spread, np.hypot(far_x, far_y) * spread
    bound = pd.Series(most - w).groupby(key).transform("min").to_numpy()
    return cast("npt.NDArray[np.bool_]", least - w <= np.minimum(bound, ceiling) + 0.01)


# ---- the two searches ------------------------------------------------------------------------


def nearest(sites: Pieces, lines: Pieces, weight: Floats, site_shapes: Any) -> pd.DataFrame:
    """Nearest feature of each site at any distance.

    Parameters
    ----------
    sites, lines
        From :func:`cut`.
    weight : shape (n_lines,)
        Metres taken off the distance to each feature (half width of a centre line).
    site_shapes : shape (n_sites,)
        The sites themselves, for the first guess.

    Returns
    -------
    DataFrame
        One row a site that has a geometry: ``site``, ``line`` (rows), ``distance_m`` (before
        `weight` is taken off), and both nearest points in degrees.
    """
    if not len(lines.owner) or not len(sites.owner):
        return _measure(_no_candidates(), weight).rename(columns={"key": "site"})
    one = np.zeros(lines.n_features, dtype=np.int64)
    found = _compiled(sites, lines, weight, np.full(sites.n_features, np.inf), one)
    if found is None:
        found = _nearest_by_index(sites, lines, weight, site_shapes)
    return _measure(found, weight).rename(columns={"key": "site"})


def _nearest_by_index(
    sites: Pieces, lines: Pieces, weight: Floats, site_shapes: Any
) -> pd.DataFrame:
    index = _Index.over(lines)
    scaled = shapely.transform(np.asarray(site_shapes, dtype=object), lambda xy: xy * index.k)
    site, chunk = index.tree.query_nearest(scaled, all_matches=False)
    guess = np.full(sites.n_features, -1, dtype=np.int64)
    guess[site] = chunk
    mine = np.flatnonzero(guess[sites.owner] >= 0)
    first = _edge_candidates(
        sites, lines, mine, guess[sites.owner[mine]], sites.owner[mine], weight
    )
    value = first["metres"] - weight[first["line"].to_numpy()] + _slack(first["metres"].to_numpy())
    reach = np.full(sites.n_features, np.nan)
    np.fmin.at(reach, first["key"].to_numpy(), value.to_numpy(dtype=float))
    radius = np.maximum(reach + weight[np.unique(lines.owner)].max(), 0.0)[sites.owner]
    row, j = index.near(sites.boxes[mine], radius[mine])
    key = sites.owner[mine[row]]
    return _pruned(sites, lines, mine[row], j, key, weight, reach[key])


def _pruned(
    sites: Pieces, lines: Pieces, i: Ints, j: Ints, key: Ints, weight: Floats, ceiling: Any
) -> pd.DataFrame:
    keep = _prune(sites, lines, i, j, key, weight, ceiling)
    return _edge_candidates(sites, lines, i[keep], j[keep], key[keep], weight)


def within(
    sites: Pieces, lines: Pieces, weight: Floats, radius_m: Floats, group: Ints | None = None
) -> pd.DataFrame:
    """Nearest feature of each group within `radius_m` of each site.

    Parameters
    ----------
    sites, lines, weight
        As in :func:`nearest`.
    radius_m : shape (n_sites,)
        How far each site looks; a negative or NaN radius looks nowhere.
    group : shape (n_lines,), optional
        Group of each feature, numbered from 0; None makes each feature a group of its own.

    Returns
    -------
    DataFrame
        As :func:`nearest`, with ``group``; one row a site and group with
        ``distance_m - weight <= radius_m``.
    """
    of = np.arange(lines.n_features) if group is None else group
    n_groups = int(of.max(initial=0)) + 1
    looking = np.flatnonzero(np.nan_to_num(radius_m, nan=-1.0)[sites.owner] >= 0)
    if not len(lines.owner) or not len(looking):
        return _measure(_no_candidates(), weight).rename(columns={"key": "site"}).assign(group=0)
    found = _compiled(sites, lines, weight, radius_m, of)
    if found is None:
        radius = radius_m + max(float(weight[np.unique(lines.owner)].max()), 0.0) + 0.01
        row, j = _Index.over(lines).near(sites.boxes[looking], radius[sites.owner[looking]])
        i = looking[row]
        key = sites.owner[i] * n_groups + of[lines.owner[j]]
        order = np.argsort(key, kind="stable")
        ceiling = radius_m[sites.owner[i[order]]]  # what lies farther is not asked for
        found = _pruned(sites, lines, i[order], j[order], key[order], weight, ceiling)
    table = _measure(found, weight)
    table["site"], table["group"] = divmod(table.pop("key"), n_groups)
    inside = table["distance_m"] - weight[table["line"].to_numpy()] <= radius_m[table["site"]]
    return cast("pd.DataFrame", table[inside].reset_index(drop=True))


def reached(sites: Pieces, lines: Pieces, weight: Floats, radius_m: Floats) -> Any:
    """Whether any feature lies within `radius_m` of each site: :func:`within`, without how far.

    Parameters
    ----------
    sites, lines, weight, radius_m
        As in :func:`within`.

    Returns
    -------
    shape (n_sites,), bool
    """
    one = np.zeros(lines.n_features, dtype=np.int64)
    out = np.zeros(sites.n_features, dtype=bool)
    search = _search(sites, lines, weight, radius_m, one, any_=True) if len(lines.owner) else None
    if search is None:
        out[within(sites, lines, weight, radius_m, one)["site"]] = True
        return out
    *pairs, sure = search
    found = _measure(_feet_of(sites, lines, weight, *pairs), weight)
    close = found["distance_m"] - weight[found["line"].to_numpy()] <= radius_m[found["key"]]
    sure[found.loc[close, "key"]] = True
    return sure


def _compiled(
    sites: Pieces, lines: Pieces, weight: Floats, radius_m: Floats, group: Ints
) -> pd.DataFrame | None:
    """Propose edges by the compiled search; None where it does not pay, or numba is not there.

    The key is site * number of groups + group.
    """
    search = _search(sites, lines, weight, radius_m, group)
    return None if search is None else _feet_of(sites, lines, weight, *search[:3])


def _feet_of(
    sites: Pieces, lines: Pieces, weight: Floats, row: Ints, end: Ints, key: Ints
) -> pd.DataFrame:
    line = np.repeat(lines.owner, np.diff(lines.first))[end]
    point = np.repeat(sites.is_point, np.diff(sites.first))
    out = []
    for start in range(0, len(row), _BLOCK):
        run = slice(start, start + _BLOCK)
        solid = ~point[row[run]]
        out += _pair_feet(sites, lines, row[run], end[run], key[run], line[run], solid, weight)
    return pd.concat(out, ignore_index=True) if out else _no_candidates()


def _search(
    sites: Pieces,
    lines: Pieces,
    weight: Floats,
    radius_m: Floats,
    group: Ints,
    *,
    any_: bool = False,
) -> tuple[Ints, Ints, Ints, npt.NDArray[np.bool_]] | None:
    """Pairs of edges to measure (site's, line's, key), and the sites that surely have one.

    Few groups are looked for one after another, which closes in on the nearest of each.
    """
    if len(sites.edges) < _COMPILE_FROM:
        return None
    try:
        from basin._near import Tree, near_pairs, z_order
    except ImportError:
        return None
    order, first = sites.by_feature
    size = np.diff(first)
    looked = np.flatnonzero((size > 0) & (radius_m >= 0))
    turn = looked[z_order(sites.edges[order[first[looked]], :2])]
    if (size == 1).all():  # points, mostly
        row, begins = order[turn], np.arange(len(turn) + 1)
    else:
        row = order[ranges(first[turn], size[turn])]
        begins = np.concatenate([[0], np.cumsum(size[turn])])
    edges = sites.edges[row]
    point = np.repeat(sites.is_point, np.diff(sites.first))[row]
    radius = radius_m[turn].astype(float)
    n_groups = int(group.max(initial=0)) + 1
    of = group[lines.owner]
    apart = [of == g for g in range(n_groups)] if n_groups <= _FEW_GROUPS else [of >= 0]
    site, none = np.repeat(turn, size[turn]), np.empty(0, dtype=np.int64)
    rows, ends, keys = [none], [none], [none]
    sure = np.zeros(sites.n_features, dtype=bool)
    for chosen in apart:
        some = np.flatnonzero(chosen)
        if not len(some):
            continue
        held = np.diff(lines.first)[some]
        edge = ranges(lines.first[some], held)
        heavy = weight[lines.owner[some]].astype(float)
        tree = Tree.over(lines.boxes[some], heavy)
        single = len(apart) > 1 or n_groups == 1
        s, e, sure[turn] = near_pairs(
            begins, edges, point, radius,
            np.concatenate([[0], np.cumsum(held)]), lines.edges[edge],
            np.zeros(len(some), dtype=np.int64) if single else of[some], heavy,
            1 if single else n_groups, tree.chunk, tree.boxes, tree.weight, tree.level, any_,
        )  # fmt: skip
        owner = np.repeat(of[some], held)[e]
        rows.append(row[s])
        ends.append(edge[e])
        keys.append(site[s] * n_groups + owner)
    return np.concatenate(rows), np.concatenate(ends), np.concatenate(keys), sure
