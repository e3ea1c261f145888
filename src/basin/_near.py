"""Which edges may be nearest: the search of `_measure`, compiled, for large inputs.

Importing this module needs numba (``pip install basin-gis[fast]``). It only proposes pairs of
edges, a few too many rather than one too few; what is nearest, and how far, is then measured by the
same arithmetic as without numba, so that both ways give the same numbers to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from basin.crs import GEOD

__all__ = ["Tree", "near_pairs"]

F = TypeVar("F", bound=Callable[..., Any])
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Boxes that one box of the level above holds.
_FAN = 8
_DEEPEST = 24
#: Neighbours that look for chunks together, and how many chunks they may share.
_TOGETHER, _SHARED = 32, 96
#: Cells of the Z curve along each axis, a power of two.
_CELLS = 1024
#: As ``_measure._slack``: the frame at a distance of d metres is wrong by up to d**3 of this.
_BEND = 1.0 / (2.0 * 6_371_000.0**2)
_A, _E2 = GEOD.a, GEOD.es


def _compiled(function: F) -> F:
    try:
        return cast(F, numba.njit(cache=True)(function))
    except RuntimeError:  # no folder to keep compiled code in: compile in every process
        return cast(F, numba.njit(function))


@dataclass(frozen=True)
class Tree:
    """Chunks of edges in boxes within boxes, neighbours side by side.

    Parameters
    ----------
    chunk : shape (n_chunks,)
        The chunks in the order of the tree.
    boxes : shape (n_boxes, 4)
        Of the chunks first, then level after level up to one.
    weight : shape (n_boxes,)
        The largest weight below each box.
    level : shape (n_levels + 1,)
        Where each level begins in `boxes`.
    """

    chunk: Ints
    boxes: Floats
    weight: Floats
    level: Ints

    @classmethod
    def over(cls, boxes: Floats, weight: Floats) -> Tree:
        """Build over the boxes of chunks (degrees), each with a weight in metres."""
        order = z_order((boxes[:, :2] + boxes[:, 2:]) / 2)
        levels, weights = [boxes[order]], [weight[order]]
        while len(levels[-1]) > 1:
            below, at = levels[-1], np.arange(0, len(levels[-1]), _FAN)
            low, high = np.minimum.reduceat(below, at), np.maximum.reduceat(below, at)
            levels.append(np.hstack([low[:, :2], high[:, 2:]]))
            weights.append(np.maximum.reduceat(weights[-1], at))
        first = np.concatenate([[0], np.cumsum([len(one) for one in levels])])
        return cls(order, np.vstack(levels), np.concatenate(weights), first.astype(np.int64))


def z_order(xy: Floats) -> Ints:
    """Order places so that neighbours mostly stand side by side (along a Z curve)."""
    if not len(xy):
        return np.empty(0, dtype=np.int64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    return _sorted(xy, low, (_CELLS - 1) / np.maximum(high - low, 1e-12))


@_compiled
def _sorted(xy: Floats, low: Floats, scale: Floats) -> Ints:
    """Count the places of each cell along the curve, then put each where its cell begins."""
    n = len(xy)
    key = np.empty(n, np.int64)
    begin = np.zeros(_CELLS * _CELLS + 1, np.int64)
    for i in range(n):
        code = 0
        for axis in range(2):
            bits = int((xy[i, axis] - low[axis]) * scale[axis])
            bits = (bits | (bits << 8)) & 0x00FF00FF
            bits = (bits | (bits << 4)) & 0x0F0F0F0F
            bits = (bits | (bits << 2)) & 0x33333333
            bits = (bits | (bits << 1)) & 0x55555555
            code |= bits << axis
        key[i] = code
        begin[code + 1] += 1
    begin = np.cumsum(begin)
    order = np.empty(n, np.int64)
    for i in range(n):
        order[begin[key[i]]] = i
        begin[key[i]] += 1
    return order


@_compiled
def _frame(lat: float) -> tuple[float, float, float, float, float]:
    """The frame of metres at a latitude: as ``_pieces.frames_at``."""
    phi = math.radians(lat)
    sine, cosine = math.sin(phi), math.cos(phi)
    w2 = 1.0 - _E2 * sine * sine
    prime = _A / math.sqrt(w2)
    meridian = prime * (1.0 - _E2) / w2
    unit = math.radians(1.0)
    k_lat = unit * meridian
    return (
        unit * prime * cosine, k_lat, -unit * unit * meridian * sine,
        k_lat * 3.0 * _E2 * sine * cosine / w2 * unit, lat,
    )  # fmt: skip


@_compiled
def _foot_m(
    px: float, py: float, k0: float, k1: float, k2: float, k3: float, k4: float,
    ax: float, ay: float, bx: float, by: float,
) -> float:  # fmt: skip
    """Metres from p to the edge a-b: as ``_measure._foot``."""
    off = (ay + by) * 0.25 + py * 0.5 - k4
    kx, ky = k0 + k2 * off, k1 + k3 * off
    dx, dy = bx - ax, by - ay
    ex, ey = dx * kx, dy * ky
    t = ((px - ax) * kx * ex + (py - ay) * ky * ey) / max(ex * ex + ey * ey, 1e-30)
    t = min(max(t, 0.0), 1.0)
    fx, fy = ax + t * dx, ay + t * dy
    off = (py + fy) * 0.5 - k4
    x, y = (fx - px) * (k0 + k2 * off), (fy - py) * (k1 + k3 * off)
    return float(math.sqrt(x * x + y * y))


@_compiled
def _cross(
    sax: float, say: float, sbx: float, sby: float, ax: float, ay: float, bx: float, by: float
) -> bool:
    rx, ry, qx, qy = sbx - sax, sby - say, bx - ax, by - ay
    cross = rx * qy - ry * qx
    if cross == 0.0:
        return False
    gx, gy = ax - sax, ay - say
    t, u = (gx * qy - gy * qx) / cross, (gx * ry - gy * rx) / cross
    return -1e-9 <= t <= 1.0 + 1e-9 and -1e-9 <= u <= 1.0 + 1e-9


@_compiled
def _gap_m(
    low_x: float, low_y: float, high_x: float, high_y: float,
    k0: float, k1: float, k2: float, k3: float, k4: float,
    west: float, south: float, east: float, north: float,
) -> float:  # fmt: skip
    """Metres that two boxes are surely apart, in the frame of the first."""
    gap_x = max(max(west - high_x, low_x - east), 0.0)
    gap_y = max(max(south - high_y, low_y - north), 0.0)
    off = (low_y + high_y + south + north) * 0.25 - k4
    spread = 1.0 + 0.02 * (max(high_y, north) - min(low_y, south))
    x, y = gap_x * max(k0 + k2 * off, 0.0), gap_y * (k1 + k3 * off)
    return float(math.sqrt(x * x + y * y) / spread)


@_compiled
def _push(
    low_x: float, low_y: float, high_x: float, high_y: float,
    k0: float, k1: float, k2: float, k3: float, k4: float,
    bound: float, first: int, end: int, named: Ints, skip: int,
    boxes: Floats, box_weight: Floats, stack: Ints, gaps: Floats, top: int,
) -> int:  # fmt: skip
    """Stack those of the boxes ``named[first:end]`` that may be within a bound, nearest last."""
    base = top
    for i in range(first, end):
        box = named[i]
        if box == skip:
            continue
        gap = _gap_m(
            low_x, low_y, high_x, high_y, k0, k1, k2, k3, k4,
            boxes[box, 0], boxes[box, 1], boxes[box, 2], boxes[box, 3],
        )  # fmt: skip
        gap = gap - box_weight[box] - 0.02 - gap * gap * gap * _BEND
        if gap > bound:
            continue
        top += 1
        at = top
        while at > base + 1 and gaps[at - 1] < gap:
            stack[at], gaps[at] = stack[at - 1], gaps[at - 1]
            at -= 1
        stack[at], gaps[at] = box, gap
    return top


@_compiled
def _below(box: int, level: Ints) -> tuple[int, int]:
    """The boxes that one box holds: from, and up to."""
    up = 1
    while box >= level[up + 1]:
        up += 1
    first = level[up - 1] + (box - level[up]) * _FAN
    return first, min(first + _FAN, level[up])


@_compiled
def _company(
    start: int, s_first: Ints, s_edges: Floats, radius_m: Floats,
    every: Ints, boxes: Floats, box_weight: Floats, level: Ints,
    stack: Ints, gaps: Floats, shared: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Sites that stand together, from `start` on, and the chunks that any of them may reach.

    Returns the end of the run, and how many chunks were put in `shared`; -1 if there are too many,
    so that each site does better to look for itself.
    """
    west, south, east, north, reach = np.inf, np.inf, -np.inf, -np.inf, -np.inf
    end, lead = start, -1
    while end < len(radius_m) and end < start + _TOGETHER:
        site = end
        w, q, e, n = west, south, east, north
        for s in range(s_first[site], s_first[site + 1]):
            w, e = min(w, s_edges[s, 0], s_edges[s, 2]), max(e, s_edges[s, 0], s_edges[s, 2])
            q, n = min(q, s_edges[s, 1], s_edges[s, 3]), max(n, s_edges[s, 1], s_edges[s, 3])
        further = max(reach, radius_m[site])
        if not further < np.inf:
            return start + 1, -1
        wide = 2e-5 * further + 0.002  # degrees: about twice the radius, or 200 m
        if end > start and max(e - w, n - q) > wide:
            break
        west, south, east, north, reach = w, q, e, n, further
        if lead < 0 and s_first[site + 1] > s_first[site]:
            lead = s_first[site]
        end += 1
    if lead < 0:
        return end, 0
    k0, k1, k2, k3, k4 = _frame(s_edges[lead, 1])
    used, top = 0, 0
    stack[0] = len(boxes) - 1
    while top >= 0:
        box = stack[top]
        top -= 1
        if box < level[1]:
            if used == len(shared):
                return (end, -1) if end == start + 1 else (start + 1, -1)
            shared[used] = box
            used += 1
            continue
        first, last = _below(box, level)
        top = _push(
            west, south, east, north, k0, k1, k2, k3, k4, reach, first, last, every, -1,
            boxes, box_weight, stack, gaps, top,
        )  # fmt: skip
    return end, used


@_compiled
def near_pairs(
    s_first: Ints,
    s_edges: Floats,
    s_point: Any,
    radius_m: Floats,
    l_first: Ints,
    l_edges: Floats,
    l_group: Ints,
    l_weight: Floats,
    n_groups: int,
    chunk: Ints,
    boxes: Floats,
    box_weight: Floats,
    level: Ints,
    any_: bool,
) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Pairs of a site's edge and a line's edge that may be the nearest of the site and a group.

    Parameters
    ----------
    s_first : shape (n_sites + 1,)
        Sites, neighbours side by side: where each begins in `s_edges`, shape (n, 4).
    s_point : shape (n,)
        Whether an edge is a point.
    radius_m : shape (n_sites,)
        What lies farther is not asked for; NaN looks nowhere.
    l_first, l_edges, l_group, l_weight
        Chunks of lines; group and weight of each chunk.
    n_groups
        With one group the search closes in on the nearest; with more it looks at all in the radius.
    chunk, boxes, box_weight, level
        Of a :class:`Tree` over the chunks.
    any_
        Look only whether anything lies in the radius. Of a site where that is sure no pair is
        given, nor of one that surely has nothing; with one group only.

    Returns
    -------
    Edge of a site and edge of a line of each pair, and which sites surely have one in the radius
    (all False without `any_`).
    """
    n_sites = len(radius_m)
    room = 2 * n_sites + 64
    out_s, out_l = np.empty(room, np.int64), np.empty(room, np.int64)
    out_d, out_g = np.empty(room, np.float64), np.empty(room, np.int64)
    sure = np.zeros(n_sites, np.bool_)
    best = np.full(n_groups, np.inf)
    stack = np.empty(_FAN * _DEEPEST + _SHARED, np.int64)
    gaps, shared = np.empty(len(stack), np.float64), np.empty(_SHARED, np.int64)
    every = np.arange(len(boxes))
    last = -1  # the chunk that held the nearest edge of the site before
    used = 0
    end, near = 0, 0
    for site in range(n_sites):
        if site == end:
            end, near = _company(
                site, s_first, s_edges, radius_m,
                every, boxes, box_weight, level, stack, gaps, shared,
            )  # fmt: skip
        reach = radius_m[site]
        if near == 0 or not reach >= -1e300:
            continue
        begin = used
        nearest = -1
        for s in range(s_first[site], s_first[site + 1]):
            if sure[site]:
                break
            sx, sy, tx, ty = s_edges[s, 0], s_edges[s, 1], s_edges[s, 2], s_edges[s, 3]
            k0, k1, k2, k3, k4 = _frame(sy)
            low_x, high_x, low_y, high_y = min(sx, tx), max(sx, tx), min(sy, ty), max(sy, ty)
            point = s_point[s]
            bound = min(best[0], reach) if n_groups == 1 else reach
            # the chunk of the site before is looked at first of all, and not again
            skip = last if n_groups == 1 and last < len(boxes) - 1 else -1
            if near > 0:
                top = _push(
                    low_x, low_y, high_x, high_y, k0, k1, k2, k3, k4, bound, 0, near, shared, skip,
                    boxes, box_weight, stack, gaps, -1,
                )  # fmt: skip
            else:
                top = 0
                stack[0], gaps[0] = len(boxes) - 1, -np.inf
            if skip >= 0:
                top += 1
                stack[top], gaps[top] = skip, -np.inf
            while top >= 0:
                box = stack[top]
                bound = min(best[0], reach) if n_groups == 1 else reach
                nearer = gaps[top] <= bound
                top -= 1
                if not nearer:
                    continue
                if box >= level[1]:
                    first, past = _below(box, level)
                    top = _push(
                        low_x, low_y, high_x, high_y, k0, k1, k2, k3, k4, bound,
                        first, past, every, skip, boxes, box_weight, stack, gaps, top,
                    )  # fmt: skip
                    continue
                c = chunk[box]
                group, weight = l_group[c], l_weight[c]
                for e in range(l_first[c], l_first[c + 1]):
                    ax, ay, bx, by = l_edges[e, 0], l_edges[e, 1], l_edges[e, 2], l_edges[e, 3]
                    d = _foot_m(sx, sy, k0, k1, k2, k3, k4, ax, ay, bx, by)
                    if not point:
                        d = min(d, _foot_m(tx, ty, k0, k1, k2, k3, k4, ax, ay, bx, by))
                        d = min(d, _foot_m(ax, ay, k0, k1, k2, k3, k4, sx, sy, tx, ty))
                        d = min(d, _foot_m(bx, by, k0, k1, k2, k3, k4, sx, sy, tx, ty))
                        if _cross(sx, sy, tx, ty, ax, ay, bx, by):
                            d = 0.0
                    slack = 0.0011 + d * d * d * _BEND
                    most = min(best[group], reach)
                    if d - weight - slack > most:
                        continue
                    if d - weight + slack < best[group]:
                        best[group] = d - weight + slack
                        nearest = box
                        if any_ and best[group] <= reach:
                            sure[site] = True
                            break
                    if used == room:
                        room *= 2
                        out_s, out_l = _longer(out_s, room), _longer(out_l, room)
                        out_g = _longer(out_g, room)
                        longer = np.empty(room, np.float64)
                        longer[: len(out_d)] = out_d
                        out_d = longer
                    out_s[used], out_l[used] = s, e
                    out_d[used], out_g[used] = d - weight - slack, group
                    used += 1
                if sure[site]:
                    break
        # what a nearer edge, found later, has beaten is dropped
        kept = begin
        for i in range(begin, used):
            if out_d[i] <= best[out_g[i]] and not sure[site]:
                out_s[kept], out_l[kept] = out_s[i], out_l[i]
                out_d[kept], out_g[kept] = out_d[i], out_g[i]
                kept += 1
        for i in range(begin, used):
            best[out_g[i]] = np.inf
        best[0] = np.inf
        used = kept
        if nearest >= 0:
            last = nearest
    return out_s[:used], out_l[:used], sure


@_compiled
def _longer(values: Ints, room: int) -> Ints:
    longer = np.empty(room, np.int64)
    longer[: len(values)] = values
    return longer
