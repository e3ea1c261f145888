"""Walking an oriented network: sets above and below, walked distances, ways, accumulation.

Reaches and nodes are numbers here; :class:`basin.network.RiverNetwork` puts ids in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from basin._network.arrays import Bools, Csr, Floats, Ints, chain_sums, first_by, ranges
from basin._network.attributes import Tree, subtree
from basin._network.fast import kernels

__all__ = [
    "Walk",
    "above",
    "accumulate",
    "below",
    "main_above",
    "main_below",
    "sized_shares",
    "walk",
]

#: From so many values on a compiled pass pays; a level costs arrays as much as so many values.
_MANY_VALUES, _A_LEVEL = 100_000, 50


def above(tree: Tree, reach: int) -> Ints:
    """All reaches above `reach` and itself: a few slices of one array."""
    return np.concatenate([tree.seq[a:b] for a, b in subtree(tree, reach)])


def main_above(tree: Tree, reach: int) -> Ints:
    """The reach and its main path above it."""
    return _follow(tree.main_up, reach)


def main_below(down: Ints, reach: int) -> Ints:
    """The reach and the main ways below it, to the outlet."""
    return _follow(down, reach)


def _follow(pointer: Ints, reach: int) -> Ints:
    found = [reach]
    here = int(pointer[reach])
    while here >= 0:
        found.append(here)
        here = int(pointer[here])
    return np.array(found, dtype=np.intp)


def below(to: Ints, out: Csr, reach: int) -> Ints:
    """All reaches below `reach` by any way, and itself."""
    seen = np.zeros(len(to), dtype=bool)
    seen[reach] = True
    front = np.array([reach], dtype=np.intp)
    while len(front):
        following = out.of(np.unique(to[front]))
        front = np.unique(following[~seen[following]])
        seen[front] = True
    return np.flatnonzero(seen)


class Walk(NamedTuple):
    """Shortest ways between a place and the reaches of a set, one row a reach of the set."""

    reaches: Ints
    distance_m: Floats
    time_h: Floats
    junctions: Ints
    after: Ints  # the next reach towards the place, -1 for the place's own


def walk(
    reaches: Ints,
    start: int,
    near: Ints,
    far: Ints,
    lengths: Floats,
    hours: Floats,
    confluence: Bools,
    rank: Ints,
    *,
    first_m: float,
) -> Walk:
    """Walk from a reach through a set of reaches by the shortest ways.

    For the way down to `start`, `near` is each reach's lower node and `far` its upper one; for the
    way up to it, the other way about.

    Parameters
    ----------
    reaches
        The set, `start` among them; all connected to it within the set.
    near, far : shape (m,)
        Node towards `start`, node away from it.
    rank : shape (m,)
        Of two ways of one length, the one by the reach of lower rank is taken.
    first_m
        Metres of the start reach between the place and its far node.

    Returns
    -------
    Walk
        Distances run from the near node of each reach to the place; that of `start` itself is
        ``first_m - length``, so that distance + length - measure holds for it too.
    """
    others = reaches[reaches != start]
    n = len(confluence)
    reached = np.full(n, np.inf)  # metres from a node to the place
    reached[far[start]] = first_m
    front = np.array([far[start]], dtype=np.intp)
    by_near = np.argsort(near[others], kind="stable")
    sorted_near = near[others][by_near]
    while len(front):  # every way is walked on as long as it gets shorter
        low = np.searchsorted(sorted_near, front, side="left")
        count = np.searchsorted(sorted_near, front, side="right") - low
        edges = others[by_near[ranges(low, count)]]
        length = reached[near[edges]] + lengths[edges]
        shorter = length < reached[far[edges]]
        edges, length = edges[shorter], length[shorter]
        np.minimum.at(reached, far[edges], length)
        front = np.unique(far[edges])
    share = first_m / lengths[start] if lengths[start] > 0 else 0.0
    order = np.concatenate([[start], others]).astype(np.intp)
    after = _next_on_way(order, near, far, lengths, reached, rank, start)
    known = np.isfinite(hours)
    own = np.where(known, hours, 0.0)[order]
    own[0] *= share
    missing = (~known[order]).astype(float)
    missing[0] *= share > 0
    passed = confluence[near[order]].astype(float)
    passed[0] = 0.0
    time = chain_sums(after, own) - own
    gaps = chain_sums(after, missing) - missing
    time[gaps > 0.5] = np.nan
    distance = reached[near[order]]
    distance[0] = first_m - lengths[start]
    time[0] = (share - 1.0) * hours[start]
    junctions = chain_sums(after, passed).astype(np.intp)
    following = np.where(after < 0, -1, order[after])
    return Walk(order, distance, time, junctions, following)


def _next_on_way(
    order: Ints, near: Ints, far: Ints, lengths: Floats, reached: Floats, rank: Ints, start: int
) -> Ints:
    """Position in `order` of the reach by which the shortest way goes on; -1 at the start."""
    through = reached[near[order]] + lengths[order]
    through[0] = reached[far[start]]
    best = np.flatnonzero(through <= reached[far[order]])
    best = best[np.argsort(np.where(order[best] == start, -1, rank[order[best]]), kind="stable")]
    by_node = first_by(far[order[best]], len(reached))
    pick = by_node[near[order]]
    after = np.where(pick < 0, -1, best[pick])
    after[0] = -1
    return after


def sized_shares(size: Floats, frm: Ints, n: int) -> tuple[Floats, Bools]:
    """Part what arrives at each node in proportion to the size of the reaches that leave it.

    Returns
    -------
    share : shape (m,)
        Even where not known.
    known : shape (m,)
        All reaches that leave the same node have a size above 0, or there is only one.
    """
    alone = np.bincount(frm, minlength=n)[frm] == 1
    lacks = ~alone & ~((size > 0) & np.isfinite(size))
    known = np.bincount(frm, weights=lacks, minlength=n)[frm] == 0
    weight = np.where(known & ~alone, size, 1.0)
    total = np.bincount(frm, weights=weight, minlength=n)
    return weight / total[frm], known


def accumulate(
    values: Floats,
    part: Floats,
    frm: Ints,
    to: Ints,
    n: int,
    levels: Callable[[], list[Ints]],
    depth: int,
    passes: Bools,
) -> Floats:
    """Carry values down: what leaves a reach is its own and its part of what arrives above it.

    Parameters
    ----------
    values : shape (m,) or (m, d)
        Reaches upstream first; d values each.
    part : shape (m,)
        Part of what arrives at the reach's upper node that enters it and is still there below.
    levels
        Gives the reaches in groups, upstream first, none feeding another of its group.
    depth
        How many groups there are.
    passes
        False for reaches that close a cycle: what they carry ends there.
    """
    fast = kernels(values.size + _A_LEVEL * depth, _MANY_VALUES)
    if fast is not None:
        rows = np.ascontiguousarray(np.atleast_2d(values.T))  # one scenario a row, as pandas does
        result: Floats = fast.carry(part, rows, frm, to, passes, n).T.reshape(values.shape)
        return result
    arrived = np.zeros((n, *values.shape[1:]))
    leaving = values.astype(float).copy()
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    for edges in levels():
        leaving[edges] += part[edges] * arrived[frm[edges]]
        edges = edges[passes[edges]]
        np.add.at(arrived, to[edges], leaving[edges])
    return leaving
