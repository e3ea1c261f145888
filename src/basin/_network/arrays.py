"""Array tools under the network: ragged ranges, components, levels, sums along pointers.

Edges are reaches, numbered ``0..m-1``; nodes are their ends, numbered ``0..n-1``. No function here
loops over reaches in Python; the loops are over levels of the network or over doublings. Large
networks go through compiled loops where numba is installed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from basin._network.fast import build_kernels

#: Up to so many edges the shortest cycle is looked for; among more, any.
_FEW_EDGES = 500

#: Longer texts are sorted as they are.
_PACKED_LETTERS = 16

__all__ = [
    "Bools",
    "Csr",
    "Floats",
    "Ints",
    "chain_ends",
    "chain_sums",
    "components",
    "first_by",
    "group",
    "node_levels",
    "nodes_above",
    "on_cycles",
    "ranges",
    "repeated",
    "smallest_cycle",
    "stable_order",
    "text_order",
]

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def ranges(start: Ints, count: Ints) -> Ints:
    """Concatenate ``arange(start[i], start[i] + count[i])``.

    Examples
    --------
    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    end = np.cumsum(count)
    total = int(end[-1]) if len(end) else 0
    result: Ints = np.arange(total, dtype=np.intp) + np.repeat(start - (end - count), count)
    return result


class Csr(NamedTuple):
    """The items of each key: those of key ``k`` are ``items[first[k]:first[k + 1]]``."""

    first: Ints
    items: Ints

    def of(self, keys: Ints) -> Ints:
        """Return the items of all `keys`, one after another."""
        start = self.first[keys]
        items: Ints = self.items[ranges(start, self.first[keys + 1] - start)]
        return items


def group(keys: Ints, n: int) -> Csr:
    """Group item numbers by their key (0..n-1); within a key the items stay in order."""
    fast = build_kernels(len(keys))
    if fast is not None:
        return Csr(*fast.grouped(keys, n))
    first = np.zeros(n + 1, dtype=np.intp)
    np.cumsum(np.bincount(keys, minlength=n), out=first[1:])
    return Csr(first, stable_order(keys, n))


def stable_order(keys: Ints, n: int) -> Ints:
    """Order items by keys 0..n-1, equal ones as they stand.

    Numpy sorts 16-bit numbers by counting: once or twice is sooner done than comparing.
    """
    if n <= 1 << 16:
        return np.argsort(keys.astype(np.uint16), kind="stable")
    if n > 1 << 32:
        return np.argsort(keys, kind="stable")
    order = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    high = (keys >> 16).astype(np.uint16)[order]
    result: Ints = order[np.argsort(high, kind="stable")]
    return result


def text_order(texts: npt.NDArray[Any]) -> Ints:
    """Order texts by their characters, equal ones as they stand.

    Short ones in Latin letters are packed, eight to a number: numbers are sooner sorted.
    """
    wide = texts.astype(str)
    width = wide.dtype.itemsize // 4
    letters = wide.view(np.uint32).reshape(len(wide), width)
    if width > _PACKED_LETTERS or letters.max(initial=0) > 0xFF:
        return np.argsort(wide, kind="stable")
    keys = []
    for begin in range(0, width, 8):
        key = np.zeros(len(wide), dtype=np.uint64)
        for column in range(begin, begin + 8):
            key <<= np.uint64(8)
            if column < width:
                key |= letters[:, column]
        keys.append(key)
    return np.lexsort(keys[::-1])


def repeated(keys: Ints) -> Ints:
    """Positions of the keys that occur more than once."""
    found = np.sort(keys)
    twice = found[1:][found[1:] == found[:-1]]
    if not len(twice):
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.isin(keys, twice))


def first_by(keys: Ints, n: int) -> Ints:
    """Return for each key 0..n-1 the position of its first occurrence in `keys`, or -1."""
    found = np.full(n, -1, dtype=np.intp)
    found[keys[::-1]] = np.arange(len(keys) - 1, -1, -1, dtype=np.intp)
    return found


def components(a: Ints, b: Ints, n: int) -> Ints:
    """Label the nodes that edges ``a[i] - b[i]`` connect by the lowest node among them."""
    fast = build_kernels(len(a))
    if fast is not None:
        united: Ints = fast.unite(a, b, n)
        return united
    label = np.arange(n, dtype=np.intp)
    while True:
        low, high = np.minimum(label[a], label[b]), np.maximum(label[a], label[b])
        differ = low != high
        if not differ.any():
            return label
        np.minimum.at(label, high[differ], low[differ])
        while True:  # every node points straight at its root before the next round
            above = label[label]
            if np.array_equal(above, label):
                break
            label = above


def chain_sums(after: Ints, values: Floats) -> Floats:
    """Sum `values` from each item along its pointers ``after`` (-1 ends) by doubling.

    The item's own value is included. The pointers must hold no cycle.
    """
    n = len(after)
    if n == 0:
        return values.astype(float)
    fast = build_kernels(n)
    if fast is not None:
        sums: Floats = fast.chains(after, values.astype(float))[0]
        return sums
    total = np.append(values.astype(float), 0.0)
    jump = np.append(np.where(after < 0, n, after), n)
    while (jump != n).any():
        total += total[jump]
        jump = jump[jump]
    return total[:n]


def node_levels(frm: Ints, to: Ints, n: int) -> tuple[Ints, Ints]:
    """Give each node the length of its longest way from a head, in reaches.

    Returns
    -------
    level : shape (n,)
        A reach leads from a lower to a higher level, unless it was cut.
    cut : shape (k,)
        Reaches that close a cycle, left out of account: the fewest that a deterministic walk finds.
    """
    out = group(frm, n)
    fast = build_kernels(len(frm))
    if fast is not None:
        level, reached = fast.levels(to, out.first, out.items, n)
        if reached == n:
            return level, np.zeros(0, dtype=np.intp)
    waiting = np.bincount(to, minlength=n)
    level = np.full(n, -1, dtype=np.intp)
    cut: list[int] = []
    met = np.empty(n, dtype=np.intp)
    front = np.flatnonzero(waiting == 0)
    rank = 0
    while True:
        while len(front):
            level[front] = rank
            rank += 1
            edges = out.of(front)
            if cut:
                edges = edges[~np.isin(edges, cut)]
            reached = to[edges]
            np.subtract.at(waiting, reached, 1)
            front = reached[waiting[reached] == 0]
            met[front] = np.arange(len(front))  # of a node met twice, the last counts
            front = front[met[front] == np.arange(len(front))]
        stuck = level < 0
        if not stuck.any():
            return level, np.array(sorted(cut), dtype=np.intp)
        inside = np.flatnonzero(stuck[frm] & stuck[to] & ~np.isin(np.arange(len(frm)), cut))
        # a node that waits for ever lies on or below a cycle: there is one to find
        cycle = smallest_cycle(frm[inside], to[inside], n)
        edge = _edge_to_cut(inside[cycle], to, n)
        cut.append(edge)
        waiting[to[edge]] -= 1
        if waiting[to[edge]] == 0:
            front = to[edge : edge + 1]
        # levels go on rising, so that a reach below a cut still leads upwards in level


def _edge_to_cut(cycle: Ints, to: Ints, n: int) -> int:
    """Choose the reach that runs into the place where most other water enters the cycle."""
    entering = np.bincount(to, minlength=n)[to[cycle]]
    return int(cycle[np.lexsort((cycle, -entering))[0]])


def chain_ends(after: Ints) -> Ints:
    """Return the last item of the pointers from each item (itself where there is none)."""
    fast = build_kernels(len(after))
    if fast is not None:
        last: Ints = fast.chains(after, np.zeros(len(after)))[1]
        return last
    here = np.where(after < 0, np.arange(len(after)), after)
    while True:
        further = here[here]
        if np.array_equal(further, here):
            return here
        here = further


def nodes_above(start: Ints, frm: Ints, into: Csr) -> Bools:
    """Mark the nodes from which `start` is reached, itself included."""
    seen = np.zeros(len(into.first) - 1, dtype=bool)
    seen[start] = True
    front = start
    while len(front):
        above = frm[into.of(front)]
        front = np.unique(above[~seen[above]])
        seen[front] = True
    return seen


def smallest_cycle(frm: Ints, to: Ints, n: int) -> Ints:
    """Return the edges of a shortest directed cycle in order; none if there is no cycle.

    Ties go to the cycle through the lowest edge. Where over 500 edges could lie on cycles, some
    cycle is returned, not the shortest.
    """
    alive = on_cycles(frm, to, n)
    out: dict[int, list[int]] = {}
    for edge in alive.tolist():
        out.setdefault(int(frm[edge]), []).append(edge)
    if len(alive) > _FEW_EDGES:
        return _any_cycle(int(alive[0]), out, to)
    best: list[int] = []
    for edge in alive.tolist():
        way = _shortest_way(int(to[edge]), int(frm[edge]), out, to, len(best) - 1 if best else None)
        if way is not None:
            best = [edge, *way]
    return np.array(best, dtype=np.intp)


def on_cycles(frm: Ints, to: Ints, n: int) -> Ints:
    """Strip edge by edge what has no way in or no way out; the rest holds every cycle."""
    fast = build_kernels(len(frm))
    if fast is not None:
        return np.flatnonzero(fast.cyclic(frm, to, n))
    alive = np.arange(len(frm), dtype=np.intp)
    while True:
        has_in = np.zeros(n, dtype=bool)
        has_out = np.zeros(n, dtype=bool)
        has_in[to[alive]] = True
        has_out[frm[alive]] = True
        keep = has_in[frm[alive]] & has_out[to[alive]]
        if keep.all():
            return alive
        alive = alive[keep]


def _any_cycle(edge: int, out: dict[int, list[int]], to: Ints) -> Ints:
    """Follow the first way out until a node comes again."""
    walk: list[int] = []
    seen: dict[int, int] = {}
    node = int(to[edge])
    while node not in seen:
        seen[node] = len(walk)
        walk.append(out[node][0])
        node = int(to[walk[-1]])
    return np.array(walk[seen[node] :], dtype=np.intp)


def _shortest_way(
    start: int, goal: int, out: dict[int, list[int]], to: Ints, limit: int | None
) -> list[int] | None:
    """Walk breadth first from `start` to `goal` in fewer than `limit` edges, or None."""
    if start == goal:
        return []
    came: dict[int, int] = {start: -1}
    parent: dict[int, int] = {}
    front, steps = [start], 0
    while front and (limit is None or steps + 1 < limit):
        steps += 1
        following: list[int] = []
        for node in front:
            for edge in out.get(node, ()):
                there = int(to[edge])
                if there in came:
                    continue
                came[there], parent[there] = edge, node
                if there == goal:
                    return _walk_back(start, goal, came, parent)
                following.append(there)
        front = following
    return None


def _walk_back(start: int, goal: int, came: dict[int, int], parent: dict[int, int]) -> list[int]:
    way: list[int] = []
    while goal != start:
        way.append(came[goal])
        goal = parent[goal]
    return way[::-1]
