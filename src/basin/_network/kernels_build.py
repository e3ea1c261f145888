"""Loops under the building of a network, compiled by numba; see :mod:`basin._network.fast`.

Each has a way in plain arrays beside it, where it is called. Those that look for what may meet
(:func:`may_meet`, :func:`near_runs`, :func:`near_pairs`) leave out only what cannot; what they
return is then measured as everywhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from basin._network.arrays import Bools, Floats, Ints
from basin._network.jit import compiled

__all__ = [
    "boxes",
    "cells",
    "chains",
    "cyclic",
    "grouped",
    "inflows",
    "latest",
    "levels",
    "may_meet",
    "near_pairs",
    "near_runs",
    "nested",
    "pruned",
    "sweep_down",
    "taken",
    "unite",
]

#: Bound of the relative rounding error of a cross product of differences, with room to spare.
_SIGN_NOISE = 1e-15


# ---- graphs --------------------------------------------------------------------------------


@compiled
def grouped(keys: Ints, n: int) -> tuple[Ints, Ints]:
    """Count and place items by key; within a key they stay in order."""
    first = np.zeros(n + 1, np.int64)
    for k in range(len(keys)):
        first[keys[k] + 1] += 1
    for k in range(n):
        first[k + 1] += first[k]
    free = first[:-1].copy()
    items = np.empty(len(keys), np.int64)
    for k in range(len(keys)):
        items[free[keys[k]]] = k
        free[keys[k]] += 1
    return first, items


@compiled
def unite(a: Ints, b: Ints, n: int) -> Ints:
    """Label the nodes that edges connect by the lowest node among them."""
    root = np.arange(n)
    for k in range(len(a)):
        i, j = a[k], b[k]
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        while root[j] != j:
            root[j] = root[root[j]]
            j = root[j]
        if i < j:
            root[j] = i
        else:
            root[i] = j
    for k in range(n):  # roots are never higher than what hangs on them
        root[k] = root[root[k]]
    return root


@compiled
def levels(to: Ints, first: Ints, items: Ints, n: int) -> tuple[Ints, int]:
    """Longest way from a head to each node, -1 on and below cycles; and how many are reached."""
    waiting = np.zeros(n, np.int64)
    for e in range(len(to)):
        waiting[to[e]] += 1
    level = np.full(n, -1, np.int64)
    queue = np.empty(n, np.int64)
    tail = 0
    for v in range(n):
        if waiting[v] == 0:
            level[v] = 0
            queue[tail] = v
            tail += 1
    head = 0
    while head < tail:
        v = queue[head]
        head += 1
        for k in range(first[v], first[v + 1]):
            w = to[items[k]]
            waiting[w] -= 1
            if waiting[w] == 0:
                level[w] = level[v] + 1
                queue[tail] = w
                tail += 1
    return level, tail


@compiled
def cyclic(frm: Ints, to: Ints, n: int) -> Bools:
    """Mark the edges that are left when all without a way in or out are stripped."""
    alive = np.ones(len(frm), np.bool_)
    for turn in range(2):
        tail_of, head_of = (frm, to) if turn == 0 else (to, frm)
        first, items = grouped(tail_of, n)
        waiting = np.zeros(n, np.int64)
        for e in range(len(frm)):
            if alive[e]:
                waiting[head_of[e]] += 1
        queue = np.empty(n, np.int64)
        tail = 0
        for v in range(n):
            if waiting[v] == 0:
                queue[tail] = v
                tail += 1
        head = 0
        while head < tail:
            v = queue[head]
            head += 1
            for k in range(first[v], first[v + 1]):
                e = items[k]
                if alive[e]:
                    alive[e] = False
                    w = head_of[e]
                    waiting[w] -= 1
                    if waiting[w] == 0:
                        queue[tail] = w
                        tail += 1
    return alive


@compiled
def pruned(frm: Ints, to: Ints, left: Bools, n: int) -> Bools:
    """Take dead ends off the edges that are `left`, again and again, whichever way they run."""
    left = left.copy()
    degree, edges = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for e in range(len(frm)):
        if left[e]:
            for v in (frm[e], to[e]):
                degree[v] += 1
                edges[v] ^= e  # of a single edge it is the number
    for start in range(n):
        v = start
        while degree[v] == 1:
            e = edges[v]
            left[e] = False
            w = to[e] if frm[e] == v else frm[e]
            degree[v] = 0
            degree[w] -= 1
            edges[w] ^= e
            v = w
    return left


@compiled
def chains(after: Ints, values: Floats) -> tuple[Floats, Ints]:
    """Sum `values` from each item along its pointers, and the last item of each chain."""
    m = len(after)
    total = np.empty(m, np.float64)
    last = np.full(m, -1, np.int64)
    stack = np.empty(m, np.int64)
    for k in range(m):
        depth, here = 0, k
        while here >= 0 and last[here] < 0:
            stack[depth] = here
            depth += 1
            here = after[here]
        while depth > 0:
            depth -= 1
            item = stack[depth]
            following = after[item]
            if following < 0:
                total[item], last[item] = values[item], item
            else:
                total[item] = values[item] + total[following]
                last[item] = last[following]
    return total, last


@compiled
def latest(frm: Ints, to: Ints, order: Ints, rank: Ints, n: int) -> Ints:
    """Greatest rank among each reach and all above it; `order` is upstream first."""
    arrived = np.full(n, -1, np.int64)
    most = np.empty(len(frm), np.int64)
    for k in range(len(order)):
        e = order[k]
        most[e] = max(rank[e], arrived[frm[e]])
        arrived[to[e]] = max(arrived[to[e]], most[e])
    return most


@compiled
def sweep_down(
    frm: Ints, to: Ints, n: int, lengths: Floats, order: Ints, passed: Bools, main: Ints
) -> tuple[Ints, Floats, Floats]:
    """Strahler order, local arbolate sum and Shreve magnitude, from the springs down."""
    m = len(frm)
    strahler = np.ones(m, np.int64)
    local, shreve = lengths.copy(), np.zeros(m)
    by_main, by_any = np.zeros(n, np.int64), np.zeros(n, np.int64)
    equal = np.zeros(n, np.int64)
    arrived, springs = np.zeros(n), np.zeros(n)
    fed = np.zeros(n, np.bool_)
    for e in range(m):
        if passed[e]:
            fed[to[e]] = True
    for k in range(m):
        e = order[k]
        v, w = frm[e], to[e]
        on = main[v] == e
        if not fed[v]:
            rank = 1
        elif by_main[v] > 0:
            rank = by_main[v] + (1 if equal[v] > 1 else 0)
        else:
            rank = by_any[v]
        strahler[e] = rank
        if on:
            local[e] += arrived[v]
            shreve[e] = max(springs[v], 0.0 if fed[v] else 1.0)
        if not passed[e]:
            continue
        by_any[w] = max(by_any[w], rank)
        if on and (not fed[v] or by_main[v] > 0):
            if rank > by_main[w]:
                by_main[w], equal[w] = rank, 1
            elif rank == by_main[w]:
                equal[w] += 1
        arrived[w] += local[e]
        springs[w] += shreve[e]
    return strahler, local, shreve


@compiled
def inflows(down: Ints, local: Floats, name: Ints) -> Ints:
    """The reach above that each continues: of its name, then the greatest, then the first."""
    best = np.full(len(down), -1, np.int64)
    for e in range(len(down)):
        d = down[e]
        if d < 0:
            continue
        b = best[d]
        if b >= 0:
            same = name[e] >= 0 and name[e] == name[d]
            held = name[b] >= 0 and name[b] == name[d]
            if (same == held and local[e] <= local[b]) or (held and not same):
                continue
        best[d] = e
    return best


@compiled
def nested(down: Ints, main_up: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Place and size of each reach's interval; `order` is upstream first."""
    m = len(down)
    size = np.ones(m, np.int64)
    for k in range(m):
        e = order[k]
        if down[e] >= 0:
            size[down[e]] += size[e]
    pos = np.empty(m, np.int64)
    end = np.empty(m, np.int64)  # where the next tributary's interval ends
    free = m
    for k in range(m - 1, -1, -1):  # from the outlets up
        e = order[k]
        d = down[e]
        if d < 0:
            free -= size[e]
            pos[e] = free
        elif main_up[d] == e:
            pos[e] = pos[d] + 1
        else:
            end[d] -= size[e]
            pos[e] = end[d]
        end[e] = pos[e] + size[e]
    return pos, size


# ---- places --------------------------------------------------------------------------------


@compiled
def boxes(xy: Floats, first: Ints, count: Ints) -> Floats:
    """West, south, east and north of runs of segments."""
    box = np.empty((len(first), 4))
    for r in range(len(first)):
        west = east = xy[first[r], 0]
        south = north = xy[first[r], 1]
        for v in range(first[r] + 1, first[r] + count[r] + 1):
            x, y = xy[v, 0], xy[v, 1]
            west, east = min(west, x), max(east, x)
            south, north = min(south, y), max(north, y)
        box[r, 0], box[r, 1], box[r, 2], box[r, 3] = west, south, east, north
    return box


@compiled
def taken(xy: Floats, first: Ints, order: Ints, new_first: Ints) -> Floats:
    """Copy the vertices of lines in another order."""
    result = np.empty((new_first[-1], 2))
    for k in range(len(order)):
        begin = first[order[k]]
        for v in range(new_first[k + 1] - new_first[k]):
            result[new_first[k] + v, 0] = xy[begin + v, 0]
            result[new_first[k] + v, 1] = xy[begin + v, 1]
    return result


@compiled
def cells(low: Ints, high: Ints, wide: int, tall: int) -> tuple[Ints, Ints]:
    """Lay runs into the cells from `low` to `high` (column, row): first of each cell, runs."""
    first = np.zeros(wide * tall + 1, np.int64)
    for r in range(len(low)):
        for row in range(low[r, 1], high[r, 1] + 1):
            for column in range(low[r, 0], high[r, 0] + 1):
                first[row * wide + column + 1] += 1
    for c in range(wide * tall):
        first[c + 1] += first[c]
    free = first[:-1].copy()
    run_of = np.empty(first[-1], np.int64)
    for r in range(len(low)):
        for row in range(low[r, 1], high[r, 1] + 1):
            for column in range(low[r, 0], high[r, 0] + 1):
                cell = row * wide + column
                run_of[free[cell]] = r
                free[cell] += 1
    return first, run_of


@compiled
def _one_side(ax: float, ay: float, bx: float, by: float, p: float, q: float) -> int:
    """Side of the line a-b that (p, q) surely lies on: -1, 1, or 0 where rounding may decide."""
    left, right = (ax - p) * (by - q), (ay - q) * (bx - p)
    cross = left - right
    noise = _SIGN_NOISE * (abs(left) + abs(right))
    return 1 if cross > noise else (-1 if cross < -noise else 0)


@compiled
def _touch(xy: Floats, s: int, t: int, s_low: int, s_high: int, t_low: int, t_high: int) -> bool:
    """May segments `s` and `t` meet inside both of their lines?

    Each is the number of its first vertex; the lines run from vertex `low` to vertex `high`.
    """
    ax, ay, bx, by = xy[s, 0], xy[s, 1], xy[s + 1, 0], xy[s + 1, 1]
    cx, cy, dx, dy = xy[t, 0], xy[t, 1], xy[t + 1, 0], xy[t + 1, 1]
    if max(ax, bx) < min(cx, dx) or max(cx, dx) < min(ax, bx):
        return False
    if max(ay, by) < min(cy, dy) or max(cy, dy) < min(ay, by):
        return False
    c, d = _one_side(ax, ay, bx, by, cx, cy), _one_side(ax, ay, bx, by, dx, dy)
    if c * d > 0:
        return False
    a, b = _one_side(cx, cy, dx, dy, ax, ay), _one_side(cx, cy, dx, dy, bx, by)
    if a * b > 0:
        return False
    # a vertex in common, and surely not in line: there alone they meet; an end is not inside
    for i in range(2):
        for j in range(2):
            if xy[s + i, 0] == xy[t + j, 0] and xy[s + i, 1] == xy[t + j, 1]:
                turned = (d if j == 0 else c) != 0 or (b if i == 0 else a) != 0
                at_end = s + i == s_low or s + i == s_high or t + j == t_low or t + j == t_high
                if turned and at_end:
                    return False
    return True


@compiled
def may_meet(
    xy: Floats,
    vertex: Ints,
    asked: Bools,
    box: Floats,
    line: Ints,
    first: Ints,
    count: Ints,
    low: Ints,
    high: Ints,
    cell_first: Ints,
    run_of: Ints,
    wide: int,
) -> Ints:
    """Pairs of runs of two lines, one `asked` at least, that may meet inside both lines.

    Parameters
    ----------
    vertex
        First vertex of each line.
    line, first, count, low, high
        Of each run: its line, first segment, segments, first and last cell (column, row).
    """
    found = np.empty((1024, 2), np.int64)
    used = 0
    for cell in range(len(cell_first) - 1):
        column, row = cell % wide, cell // wide
        for i in range(cell_first[cell], cell_first[cell + 1]):
            r = run_of[i]
            for j in range(i + 1, cell_first[cell + 1]):
                q = run_of[j]
                if box[r, 0] > box[q, 2] or box[q, 0] > box[r, 2]:
                    continue
                if box[r, 1] > box[q, 3] or box[q, 1] > box[r, 3]:
                    continue
                if line[r] == line[q] or not (asked[line[r]] or asked[line[q]]):
                    continue
                # a pair in several cells counts in the first that both touch
                if max(low[r, 0], low[q, 0]) != column or max(low[r, 1], low[q, 1]) != row:
                    continue
                if _runs_touch(xy, vertex, box, line, first, count, r, q):
                    if used == len(found):
                        found = _longer_pairs(found)
                    found[used, 0], found[used, 1] = r, q
                    used += 1
    return found[:used]


@compiled
def _longer_pairs(values: Any) -> Any:
    longer = np.empty((2 * len(values), 2), values.dtype)
    longer[: len(values)] = values
    return longer


@compiled
def _runs_touch(
    xy: Floats, vertex: Ints, box: Floats, line: Ints, first: Ints, count: Ints, r: int, q: int
) -> bool:
    west, east = max(box[r, 0], box[q, 0]), min(box[r, 2], box[q, 2])
    south, north = max(box[r, 1], box[q, 1]), min(box[r, 3], box[q, 3])
    r_low, r_high = vertex[line[r]], vertex[line[r] + 1] - 1
    q_low, q_high = vertex[line[q]], vertex[line[q] + 1] - 1
    if xy[r_low, 0] == xy[r_high, 0] and xy[r_low, 1] == xy[r_high, 1]:
        r_low = r_high = -1  # a closed line has no ends
    if xy[q_low, 0] == xy[q_high, 0] and xy[q_low, 1] == xy[q_high, 1]:
        q_low = q_high = -1
    for s in range(first[r], first[r] + count[r]):
        if not _in_box(xy, s, west, south, east, north):
            continue
        for t in range(first[q], first[q] + count[q]):
            if not _in_box(xy, t, west, south, east, north):
                continue
            if _touch(xy, s, t, r_low, r_high, q_low, q_high):
                return True
    return False


@compiled
def _in_box(xy: Floats, s: int, west: float, south: float, east: float, north: float) -> bool:
    ax, bx = xy[s, 0], xy[s + 1, 0]
    if max(ax, bx) < west or min(ax, bx) > east:
        return False
    ay, by = xy[s, 1], xy[s + 1, 1]
    return not (max(ay, by) < south or min(ay, by) > north)


@compiled
def near_runs(
    around_low: Floats,
    around_high: Floats,
    a: Ints,
    b: Ints,
    xy: Floats,
    box: Floats,
    line: Ints,
    first: Ints,
    count: Ints,
    low: Ints,
    cell_first: Ints,
    run_of: Ints,
    wide: int,
    frm: Ints,
    to: Ints,
) -> Ints:
    """Pairs (point, run) with a segment of the run in the box round the point.

    Parameters
    ----------
    around_low, around_high, a, b
        Of each point: the corners of its box, and the first and last cell that it touches.
    frm, to
        Points at the ends of each line, whose pairs are left out; empty to keep all.
    """
    found = np.empty((1024, 2), np.int64)
    used = 0
    for p in range(len(around_low)):
        west, south = around_low[p, 0], around_low[p, 1]
        east, north = around_high[p, 0], around_high[p, 1]
        for row in range(a[p, 1], b[p, 1] + 1):
            for column in range(a[p, 0], b[p, 0] + 1):
                cell = row * wide + column
                for k in range(cell_first[cell], cell_first[cell + 1]):
                    r = run_of[k]
                    if box[r, 0] > east or box[r, 2] < west:
                        continue
                    if box[r, 1] > north or box[r, 3] < south:
                        continue
                    if len(frm) and (frm[line[r]] == p or to[line[r]] == p):
                        continue
                    # a run in several cells counts in the first that both touch
                    if max(low[r, 0], a[p, 0]) != column or max(low[r, 1], a[p, 1]) != row:
                        continue
                    for s in range(first[r], first[r] + count[r]):
                        if _in_box(xy, s, west, south, east, north):
                            if used == len(found):
                                found = _longer_pairs(found)
                            found[used, 0], found[used, 1] = p, r
                            used += 1
                            break
    return found[:used]


@compiled
def near_pairs(key: Ints, x: Floats, y: Floats, reach_x: float, reach_y: float) -> Ints:
    """Pairs of points, in the order of the keys of their cells, within a box of each other.

    Parameters
    ----------
    key
        Rising; column times 2**31 plus row of the cell of each point.
    reach_x, reach_y
        Half the size of the box, no more than a cell.
    """
    found = np.empty((1024, 2), np.int64)
    used = 0
    n = len(key)
    begin = np.zeros(5, np.int64)  # for each neighbour cell, where it begins in the order
    away = np.array([0, 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1])
    for i in range(n):
        for c in range(5):
            wanted = key[i] + away[c]
            k = begin[c]
            while k < n and key[k] < wanted:
                k += 1
            begin[c] = k
            if c == 0:
                k = i + 1
            while k < n and key[k] == wanted:
                if abs(x[k] - x[i]) <= reach_x and abs(y[k] - y[i]) <= reach_y:
                    if used == len(found):
                        found = _longer_pairs(found)
                    found[used, 0], found[used, 1] = i, k
                    used += 1
                k += 1
    return found[:used]
