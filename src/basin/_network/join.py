"""Join what does not quite meet: end to end within the tolerance, and ends to the middle of lines.

Joins are repairs, so the loops here are over doubtful places, never over all reaches.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely

from basin._network.arrays import Floats, Ints, components, group, ranges
from basin._network.build import Lines, ends_of, free_id, index_of, redraw
from basin._network.fast import build_kernels
from basin._network.geometry import (
    Feet,
    Objects,
    Vertices,
    metres_per_degree,
    unique_points,
)
from basin._network.grid import Index
from basin._network.joints import END, START
from basin._network.ledger import Ledger, place_of

__all__ = [
    "ON_LINE_M",
    "SLIVER_M",
    "SURE_M",
    "Cuts",
    "close_gaps",
    "close_pairs",
    "cut",
    "metres_between",
    "split_at_ends",
]

#: Up to here two ends are the same place whatever else they are; farther, the sense must fit.
SURE_M = 1.0

#: Splits closer together than this along a line, or to its end, are one.
SLIVER_M = 0.5

#: An end this close lies on the line.
ON_LINE_M = 0.01


def metres_between(a: Floats, b: Floats) -> Floats:
    """Metres between places a few kilometres apart at most, shape (n, 2) each."""
    per_lon, per_lat = metres_per_degree((a[:, 1] + b[:, 1]) / 2)
    d: Floats = np.hypot((a[:, 0] - b[:, 0]) * per_lon, (a[:, 1] - b[:, 1]) * per_lat)
    return d


def close_pairs(xy: Floats, within_m: float) -> tuple[Ints, Ints, Floats]:
    """Find all pairs of points within `within_m` metres, by a grid; i < j in each pair."""
    none = np.zeros(0, dtype=np.intp)
    if len(xy) < 2 or within_m <= 0:
        return none, none, np.zeros(0)
    size = max(within_m, 0.5)
    per_lon, per_lat = metres_per_degree(np.array([min(np.abs(xy[:, 1]).max() + 0.1, 89.9), 0.0]))
    wide, tall = size / per_lon[0], size / per_lat[1]
    column = np.floor(xy[:, 0] / wide).astype(np.int64)
    key = column * (1 << 31) + np.floor(xy[:, 1] / tall).astype(np.int64)
    order = np.argsort(key, kind="stable")
    key = key[order]
    fast = build_kernels(len(key))
    if fast is not None:
        a, b = order[fast.near_pairs(key, xy[order, 0], xy[order, 1], wide, tall)].T
    else:
        a, b = order[_in_neighbour_cells(key)]
    distance = metres_between(xy[a], xy[b])
    near = distance <= within_m
    a, b, distance = a[near], b[near], distance[near]
    return np.minimum(a, b), np.maximum(a, b), distance


def _in_neighbour_cells(key: Ints) -> Ints:
    """Pairs of positions, shape (2, k), whose cells are one or beside each other."""
    found_a, found_b = [], []
    position = np.arange(len(key), dtype=np.intp)
    for across, up in ((0, 0), (0, 1), (1, -1), (1, 0), (1, 1)):
        other = key + across * (1 << 31) + up
        low = np.searchsorted(key, other, side="left")
        if across == up == 0:
            low = position + 1  # within a cell, each pair once
        count = np.maximum(np.searchsorted(key, other, side="right") - low, 0)
        found_a.append(np.repeat(position, count))
        found_b.append(ranges(low, count))
    return np.stack([np.concatenate(found_a), np.concatenate(found_b)])


def close_gaps(lines: Lines, tolerance_m: float, ledger: Ledger) -> Lines:
    """Bring ends within `tolerance_m` together.

    A free end goes to its nearest place; two places where lines already meet are joined only if
    nothing else connects them; the two ends of one line never. Over a metre, two starts (springs
    either side of a divide) or two ends are not joined, nor is an end that comes much nearer to
    the middle of a line: :func:`split_at_ends` brings it there.
    """
    nodes, frm, to = ends_of(lines)
    n = len(nodes)
    degree = np.bincount(frm, minlength=n) + np.bincount(to, minlength=n)
    a, b, apart = close_pairs(nodes, tolerance_m)
    if not len(a):
        return lines
    own = np.unique(np.minimum(frm, to) * n + np.maximum(frm, to))
    starts = np.bincount(frm, minlength=n) == degree
    ends = np.bincount(to, minlength=n) == degree
    free = (degree[a] == 1) & (degree[b] == 1)
    same_sense = free & ((starts[a] & starts[b]) | (ends[a] & ends[b]))
    fit = ~np.isin(a * n + b, own) & ~(same_sense & (apart > SURE_M))
    a, b, apart = a[fit], b[fit], apart[fit]
    fit = ~_nearer_to_a_middle(lines, nodes, frm, to, ends & (degree == 1), a, b, apart)
    a, b, apart = a[fit], b[fit], apart[fit]
    if not len(a):
        return lines
    target = _targets(nodes, degree, starts, frm, to, a, b, apart)
    return _move_ends(lines, nodes, frm, to, target, ledger)


def _nearer_to_a_middle(
    lines: Lines, nodes: Floats, frm: Ints, to: Ints, mouth: Any, a: Ints, b: Ints, apart: Floats
) -> Any:
    """Mark pairs, one of them a free end that some line passes within half the distance."""
    far = np.flatnonzero((apart > SURE_M) & (mouth[a] | mouth[b]))
    marked = np.zeros(len(a), dtype=bool)
    if not len(far):
        return marked
    index = index_of(lines)
    ask = np.unique(np.concatenate([a[far], b[far]]))
    ask = ask[mouth[ask]]
    point, run = index.near(nodes[ask], float(apart[far].max()))
    line = index.line[run]
    other = (frm[line] != ask[point]) & (to[line] != ask[point])
    point, line, feet = index.feet(nodes[ask], point[other], run[other])
    least = np.full(len(nodes), np.inf)
    np.minimum.at(least, ask[point], feet.distance_m)
    marked[far] = np.minimum(least[a[far]], least[b[far]]) < apart[far] / 2
    return marked


def _targets(
    nodes: Floats, degree: Ints, starts: Any, frm: Ints, to: Ints, a: Ints, b: Ints, apart: Floats
) -> Ints:
    """Return for each node the node that it moves to (itself if it stays)."""
    n = len(nodes)
    cluster = components(a, b, n)
    met = np.zeros(n, dtype=np.intp)  # places of two or more ends, by cluster
    np.add.at(met, cluster[degree > 1], 1)
    doubtful = met > 1
    doubtful[cluster[frm[cluster[frm] == cluster[to]]]] = True  # a line would close on itself
    hard = doubtful[cluster[a]]
    if hard.any():
        sure = np.where(doubtful[cluster], np.arange(n), cluster)
        order = np.lexsort((b[hard], a[hard], apart[hard]))
        pairs = list(zip(a[hard][order].tolist(), b[hard][order].tolist(), strict=True))
        cluster = _join_nearest_first(sure, pairs, degree, frm, to)
    # the place that most lines share, then where a line begins, then the most westerly
    rank = np.lexsort((np.arange(n), ~starts, -degree))
    target = np.full(n, n, dtype=np.intp)
    place = np.empty(n, dtype=np.intp)
    place[rank] = np.arange(n)
    np.minimum.at(target, cluster, place)
    return rank[target[cluster]]


def _join_nearest_first(
    cluster: Ints, pairs: list[tuple[int, int]], degree: Ints, frm: Ints, to: Ints
) -> Ints:
    n = len(cluster)
    pieces = _Union(components(frm, to, n).tolist())  # what lines connect already
    places = _Union(cluster.tolist())
    neighbours = group(np.concatenate([frm, to]), n)
    other = np.concatenate([to, frm])
    joined: set[int] = set()
    for i, j in pairs:
        if places.find(i) == places.find(j):
            continue
        loose = (degree[i] == 1 and i not in joined) or (degree[j] == 1 and j not in joined)
        if not loose and pieces.find(i) == pieces.find(j):
            continue
        across = other[neighbours.of(np.array(places.members(i)))].tolist()
        if any(places.find(k) == places.find(j) for k in across):
            continue  # a line would close on itself
        places.join(i, j)
        pieces.join(i, j)
        joined.update((i, j))
    return np.array([places.find(k) for k in range(n)], dtype=np.intp)


class _Union:
    """Disjoint sets that know their members."""

    def __init__(self, root: list[int]) -> None:
        self._root = root
        self._members: dict[int, list[int]] = {}
        for k, r in enumerate(root):
            self._members.setdefault(r, []).append(k)

    def find(self, k: int) -> int:
        return self._root[k]

    def members(self, k: int) -> list[int]:
        return self._members[self._root[k]]

    def join(self, i: int, j: int) -> None:
        kept, gone = self._root[i], self._root[j]
        if kept == gone:
            return
        if len(self._members[kept]) < len(self._members[gone]):
            kept, gone = gone, kept
        for k in self._members.pop(gone):
            self._root[k] = kept
            self._members[kept].append(k)


def _move_ends(
    lines: Lines, nodes: Floats, frm: Ints, to: Ints, target: Ints, ledger: Ledger
) -> Lines:
    n = len(nodes)
    moved = np.flatnonzero(target != np.arange(n))
    distance = np.zeros(n)
    distance[moved] = metres_between(nodes[moved], nodes[target[moved]])
    at = group(np.concatenate([frm, to]), n)
    line_of_end = np.concatenate([np.arange(len(frm)), np.arange(len(to))])
    for k in moved:
        held = at.of(np.array([k]))
        mine = np.unique(line_of_end[held])
        there = np.unique(line_of_end[at.of(target[k : k + 1])])
        repair = ledger.add(
            "gap_closed",
            [*lines.ids[mine], *lines.ids[there[:1]]],
            action="applied",
            place=place_of(nodes[k], nodes[target[k]]),
            distance_m=distance[k],
            rule="end to end",
            confidence=0.95 if distance[k] <= SURE_M else 0.8,
        )
        ledger.joints.bring(repair, _named(held, lines.ids))
    goes = np.where(target != np.arange(n), target, -1)
    bend = np.column_stack([distance[frm], distance[to]])
    return redraw(lines, goes[frm], goes[to], nodes, bend_m=bend)


def _named(ends: Ints, ids: Objects) -> list[tuple[str, int]]:
    """Name ends that are numbered over the starts of all lines, then over their ends."""
    m = len(ids)
    return [(str(ids[k % m]), START if k < m else END) for k in ends.tolist()]


class Cuts(NamedTuple):
    node: Ints  # whose ends move here
    line: Ints  # the line that is cut
    vertex: Ints  # the cut lies on the segment that begins at this vertex
    share: Floats
    place: Floats
    distance_m: Floats
    at_end: Ints  # 0 cut; -1, +1: so near the line's start or end that the node goes there


def split_at_ends(
    lines: Lines, tolerance_m: float, ledger: Ledger
) -> tuple[Lines, dict[str, tuple[str, ...]]]:
    """Split lines where the end of another lies on them, or ends within `tolerance_m` of them.

    Ends on the line itself (a metre) always split it. Farther, only a place where water arrives
    and nothing leaves is joined: a start there may be a spring, and is proposed later.

    Returns
    -------
    lines
        The parts of X are X.1, X.2 and so on downstream as drawn.
    parts
        Which ids each split line now has.
    """
    nodes, frm, to = ends_of(lines)
    verts = lines.verts
    cuts = _find_cuts(nodes, frm, to, index_of(lines), tolerance_m)
    if not len(cuts.node):
        return lines, {}
    _list_cuts(cuts, lines, nodes, frm, to, ledger)
    lines, parts = cut(lines, cuts, verts, ledger)
    return _move_to_cuts(cuts, lines, nodes), parts


def _find_cuts(nodes: Floats, frm: Ints, to: Ints, index: Index, tolerance_m: float) -> Cuts:
    n = len(nodes)
    sink = np.bincount(frm, minlength=n) == 0
    within = np.where(sink, tolerance_m, min(tolerance_m, SURE_M))
    within = np.maximum(within, ON_LINE_M)
    point, line, feet = index.feet(nodes, *index.near(nodes, within, (frm, to)))
    near = feet.distance_m <= within[point]
    # the nearest line, and any other that the end lies on
    order = np.lexsort((line, np.round(feet.distance_m, 6), point))
    nearest = np.zeros(len(point), dtype=bool)
    nearest[order[np.unique(point[order], return_index=True)[1]]] = True
    pick = np.flatnonzero(near & (nearest | (feet.distance_m <= ON_LINE_M)))
    return _as_cuts(point[pick], line[pick], feet.take(pick), nodes, index.verts)


def _as_cuts(point: Ints, line: Ints, feet: Feet, nodes: Floats, verts: Vertices) -> Cuts:
    if not len(point):
        none = np.zeros(0, dtype=np.intp)
        return Cuts(none, none, none, np.zeros(0), np.zeros((0, 2)), np.zeros(0), none)
    measure = verts.measures()
    at = measure[feet.segment] + feet.share * (measure[feet.segment + 1] - measure[feet.segment])
    length = measure[verts.first[line + 1] - 1]
    at_end = np.where(at < SLIVER_M, -1, np.where(length - at < SLIVER_M, 1, 0))
    # an end on the line keeps its own coordinates, to the last bit
    on_line = feet.distance_m <= ON_LINE_M
    place = np.where(on_line[:, None], nodes[point], feet.xy)
    place = np.where((at_end == -1)[:, None], verts.starts[line], place)
    place = np.where((at_end == 1)[:, None], verts.ends[line], place)
    order = np.lexsort((point, at, line))
    line, at, at_end = line[order], at[order], at_end[order]
    place, share, vertex = place[order], feet.share[order], feet.segment[order]
    # cuts at (nearly) one place of a line become the first of them
    for k in range(1, len(line)):
        inner = line[k] == line[k - 1] and not at_end[k] and not at_end[k - 1]
        if inner and at[k] - at[k - 1] < SLIVER_M:
            at[k], place[k] = at[k - 1], place[k - 1]
            share[k], vertex[k] = share[k - 1], vertex[k - 1]
    return Cuts(point[order], line, vertex, share, place, feet.distance_m[order], at_end)


def _list_cuts(
    cuts: Cuts, lines: Lines, nodes: Floats, frm: Ints, to: Ints, ledger: Ledger
) -> None:
    at = group(np.concatenate([frm, to]), len(nodes))
    line_of_end = np.concatenate([np.arange(len(frm)), np.arange(len(to))])
    for k in range(len(cuts.node)):
        held = at.of(cuts.node[k : k + 1])
        mine = np.unique(line_of_end[held])
        arriving = [*lines.ids[mine]]
        distance = cuts.distance_m[k]
        if distance > ON_LINE_M or cuts.at_end[k]:
            repair = ledger.add(
                "gap_closed",
                [*arriving, lines.ids[cuts.line[k]]],
                action="applied",
                place=place_of(nodes[cuts.node[k]], cuts.place[k]),
                distance_m=distance,
                rule="end to middle",
                confidence=0.9 if distance <= SURE_M else 0.8,
            )
            ledger.joints.bring(repair, _named(held, lines.ids))
        if not cuts.at_end[k]:
            ledger.add(
                "split_at_confluence",
                [lines.ids[cuts.line[k]], *arriving],
                action="applied",
                place=shapely.Point(cuts.place[k]),
                distance_m=distance,
                rule="end to middle",
            )


def _move_to_cuts(cuts: Cuts, lines: Lines, nodes: Floats) -> Lines:
    """Bring the ends at each cut node to the cut; a node on two lines goes to the nearer."""
    now, frm, to = ends_of(lines)
    # cutting moved no end: each old node is still among the new ones, which are in order
    node = unique_points(np.concatenate([now, nodes[cuts.node]]))[1][len(now) :]
    order = np.lexsort((cuts.line, cuts.distance_m))[::-1]
    goes = np.full(len(now), -1, dtype=np.intp)
    goes[node[order]] = order
    away = np.zeros(len(now))
    away[node[order]] = metres_between(nodes[cuts.node[order]], cuts.place[order])
    bend = np.column_stack([away[frm], away[to]])
    return redraw(lines, goes[frm], goes[to], cuts.place, bend_m=bend)


def cut(
    lines: Lines, cuts: Cuts, verts: Vertices, ledger: Ledger
) -> tuple[Lines, dict[str, tuple[str, ...]]]:
    """Cut lines; the parts of X are X.1, X.2 and so on. `cuts` are in order along each line."""
    inner = np.flatnonzero(cuts.at_end == 0)
    by_line: dict[int, list[int]] = {}
    for k in inner:
        held = by_line.setdefault(int(cuts.line[k]), [])
        if not held or not np.array_equal(cuts.place[held[-1]], cuts.place[k]):
            held.append(int(k))
    taken = set(lines.ids)
    parts: dict[str, tuple[str, ...]] = {}
    geom, row, ids = [], [], []
    for number, held in by_line.items():
        first, after = int(verts.first[number]), int(verts.first[number + 1])
        pieces = _pieces(verts.xy[first:after], cuts, held, first)
        name = str(lines.ids[number])
        names = [free_id(f"{name}.{p}", taken) for p in range(1, len(pieces) + 1)]
        parts[name] = tuple(names)
        ledger.joints.split(name, parts[name])
        geom += [shapely.LineString(p) for p in pieces]
        ids += names
        row += [lines.row[number]] * len(pieces)
    if not geom:
        return lines, parts
    whole = np.setdiff1d(np.arange(len(lines.ids)), np.array(list(by_line), dtype=np.intp))
    kept = lines.take(whole)
    merged = Lines(
        np.concatenate([kept.geom, np.array(geom, dtype=object)]),
        np.concatenate([kept.row, np.array(row, dtype=np.intp)]),
        np.concatenate([kept.ids, np.array(ids, dtype=object)]),
    )
    return merged.take(np.argsort(merged.ids.astype(str), kind="stable")), parts


def _pieces(drawn: Floats, cuts: Cuts, held: list[int], first: int) -> list[Floats]:
    """Cut the coordinates of one line, whose first vertex is number `first` of all."""
    pieces: list[Floats] = []
    begin, last = 0, np.zeros((0, 2))
    for k in held:
        stop = int(cuts.vertex[k]) - first + 1  # vertices before the cut
        place = cuts.place[k : k + 1]
        piece = np.concatenate([last, drawn[begin:stop]])
        if not np.array_equal(piece[-1:], place):
            piece = np.concatenate([piece, place])
        pieces.append(piece)
        begin, last = stop, place
        if np.array_equal(drawn[begin : begin + 1], place):
            begin += 1
    return [*pieces, np.concatenate([last, drawn[begin:]])]
