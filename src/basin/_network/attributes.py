"""Orders, main paths and lengths of an oriented network, each in one or two sweeps over arrays.

Definitions
-----------
main way
    Where a river parts, one reach carries it on: the official main one where the layer has a
    ``divergence`` column (1 main, 2 secondary), else the one that keeps the name of an inflow,
    that leads to the main outlet, that carries most flow, that is widest, that is shortest (to
    the next place where rivers meet or part).
main outlet
    Of the outlets of a connected piece, the one that the longest river of its own name runs to,
    then the one with most metres of reaches above it.
strahler
    Strahler (1957): springs 1, and one more where two equal ones meet (three equal ones as two).
    Secondary ways keep the order of the river that they leave and do not raise another's where
    they rejoin it, as in NHDPlus (McKay et al. 2012, StreamOrde and StreamCalc).
strahler_all
    The same rule with secondary ways counted like any inflow: two arms of order 2 that meet again
    below an island make 3. Equal to ``strahler`` where no river parts.
shreve
    Number of springs above, once each (Shreve 1966); at a parting it goes the main way.
arbolate_m
    Metres of all reaches above and the reach itself, each counted once (NHDPlus ArbolateSu).
path_length_m
    Metres along main ways from the reach's downstream end to the outlet (NHDPlus Pathlength).
river_km
    Kilometres from the mouth of the reach's river (where its main path ends) up to the reach's
    downstream end, along main ways. An arm that rejoins its river counts from the river's mouth.
main path
    From an outlet up, always by the inflow of the same name; where the name ends, by the one that
    drains most area where every reach has one (a column of :data:`TOTAL_AREA` or :data:`OWN_AREA`),
    else by the one of the greatest arbolate sum. ``main_path_id`` is the id of its lowest reach.
stream_level
    1 for paths that reach an outlet, one more for each path that they flow into: the order of
    Gravelius (1914), which Hack (1957) took up, on the main paths above; NHDPlus StreamLeve,
    counted from the outlet of the layer.
tributary_order
    0 main stem, 1 first-order tributary (it flows into the main stem), 2 and so on: stream level
    less one, but an arm that parts from a river and rejoins it, or ends at an outlet of its own,
    is that river. 《长江保护法》 knows no such number: what it calls main stem and tributary is
    told by ``classify_rivers``.
topo_order
    0, 1, ... so that each reach stands after all that drain to it (NHDPlus Hydroseq, reversed), as
    a rule directly: rivers come one after another, each with all its tributaries.
piece
    Number of the connected piece, 0 the one with most metres of reaches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from basin._network.arrays import (
    Bools,
    Csr,
    Floats,
    Ints,
    chain_ends,
    chain_sums,
    components,
    first_by,
    group,
    node_levels,
    nodes_above,
)
from basin._network.fast import build_kernels

__all__ = [
    "OWN_AREA",
    "TOTAL_AREA",
    "Attributes",
    "Tree",
    "attributes_of",
    "open_partings",
    "subtree",
    "sums_above",
]


#: Columns taken for the area that drains to each reach itself, and with all above it, in km2.
#: Main paths follow them, but for those of NHDPlus, whose own main paths follow arbolate sums.
OWN_AREA = ("area_km2", "CATCH_SKM", "unitarea")
TOTAL_AREA = ("total_area_km2", "drainage_area_km2", "UPLAND_SKM", "uparea")

_M_PER_KM = 1_000.0

#: So many outlets, over all pieces, are looked at closely when the main ones are chosen.
_LIKELY_OUTLETS = 64


class Tree(NamedTuple):
    """The network reduced to main ways, as intervals: those above ``e`` lie behind it in `seq`.

    Attributes
    ----------
    down : shape (m,)
        The reach that carries on from each reach's end along the main way, or -1.
    main_up : shape (m,)
        The reach that each reach continues on its main path, or -1.
    seq : shape (m,)
        Reaches in an order in which each stands before all that drain to it by main ways.
    pos, size : shape (m,)
        Place of each reach in `seq`, and the number of reaches from there that belong to it.
    link_at, link_low, link_high : shape (k,)
        What the intervals leave out: whoever has place `link_at` has ``seq[link_low:link_high]``
        above it too (a secondary way has all that flows to its parting). Ordered by `link_at`.
    """

    down: Ints
    main_up: Ints
    seq: Ints
    pos: Ints
    size: Ints
    link_at: Ints
    link_low: Ints
    link_high: Ints


class Attributes(NamedTuple):
    """One value a reach, all in the order of the reaches given."""

    order: Ints  # reaches, upstream first
    level: Ints  # a reach leads from a lower to a higher one
    cut: Ints
    piece: Ints
    strahler: Ints
    strahler_all: Ints
    shreve: Ints
    stream_level: Ints
    tributary_order: Ints
    path_foot: Ints  # lowest reach of the main path
    path_length_m: Floats
    river_km: Floats
    arbolate_m: Floats
    is_main: Bools  # it carries the river on where it begins
    tree: Tree


def attributes_of(
    frm: Ints,
    to: Ints,
    n: int,
    lengths: Floats,
    name: Ints,
    *,
    official: Ints,
    flow: Floats,
    width: Floats,
    own_area: Floats,
    total_area: Floats,
) -> Attributes:
    """Compute every attribute.

    Parameters
    ----------
    frm, to : shape (m,)
        Nodes 0..n-1.
    name
        Number of each reach's river name, -1 for none.
    official
        0 unknown, 1 main way, 2 secondary way.
    flow, width
        NaN where unknown.
    own_area, total_area
        Area that drains to each reach itself, or with all above it; taken where all have one.
    """
    into, out = group(to, n), group(frm, n)
    level, cut = node_levels(frm, to, n)
    order = group(level[frm], n).items
    piece = _pieces(frm, to, n, lengths)
    arm = _arm_lengths(frm, to, into, out, lengths, cut)
    main = _main_ways(frm, to, into, out, lengths, arm, name, official, flow, width, piece)
    down = main[to]
    down[cut] = -1
    size = own_area if (own_area >= 0).all() and own_area.any() else lengths
    strahler, local, shreve = _sweep_down(frm, to, n, size, level, order, cut, main)
    main_up = _main_inflows(down, total_area if (total_area > 0).all() else local, name)
    tree = _tree(frm, to, down, main_up, order, main, cut)
    follows = np.where(main_up[np.maximum(down, 0)] == np.arange(len(frm)), down, -1)
    follows[down < 0] = -1
    foot = chain_ends(follows)
    path_length_m = chain_sums(down, lengths) - lengths
    rejoins = _rejoining_arms(down, foot, main, frm, name, main_up)
    river = chain_ends(np.where((follows >= 0) | rejoins, down, -1))
    return Attributes(
        order=_stored_order(frm, to, n, level[frm], order, cut, tree),
        level=level[frm],
        cut=cut,
        piece=piece,
        strahler=strahler,
        strahler_all=_strahler_of_all(frm, to, n, level, order, cut, strahler),
        shreve=shreve,
        stream_level=1 + chain_sums(down, _steps(down, follows)).astype(np.intp),
        tributary_order=_tributary_order(
            down, follows, foot, main, frm, name, main_up, rejoins=rejoins
        ),
        path_foot=foot,
        path_length_m=path_length_m,
        river_km=(path_length_m - path_length_m[river]) / _M_PER_KM,
        arbolate_m=sums_above(tree, lengths),
        is_main=main[frm] == np.arange(len(frm)),
        tree=tree,
    )


def _pieces(frm: Ints, to: Ints, n: int, lengths: Floats) -> Ints:
    """Number the connected pieces of the network, the longest 0."""
    label = components(frm, to, n)[frm]
    total = np.bincount(label, weights=lengths, minlength=n)
    labels = np.flatnonzero(np.bincount(label, minlength=n))
    rank = np.empty(n, dtype=np.intp)
    rank[labels[np.lexsort((labels, -total[labels]))]] = np.arange(len(labels))
    return rank[label]


def _arm_lengths(frm: Ints, to: Ints, into: Csr, out: Csr, lengths: Floats, cut: Ints) -> Floats:
    """Metres from the start of each reach to the next place where rivers meet or part.

    So that a river drawn in several reaches is as long an arm as if it were drawn in one.
    """
    passing = (np.diff(into.first) == 1) & (np.diff(out.first) == 1)
    after = np.where(passing[to], first_by(frm, len(passing))[to], -1)
    after[cut] = -1
    return chain_sums(after, lengths)


def _main_ways(
    frm: Ints,
    to: Ints,
    into: Csr,
    out: Csr,
    lengths: Floats,
    arm: Floats,
    name: Ints,
    official: Ints,
    flow: Floats,
    width: Floats,
    piece: Ints,
) -> Ints:
    """Return for each node the reach that carries the river on, or -1."""
    n = len(out.first) - 1
    parting = np.flatnonzero(np.diff(out.first) > 1)
    main = first_by(frm, n)
    if not len(parting):
        return main
    edges = out.of(parting)
    aside = ~_leads_to_main_outlet(frm, to, into, out, lengths, name, piece)
    width_name = int(name.max(initial=0)) + 1
    arriving = (to * width_name + name)[name >= 0]
    renamed = (name[edges] < 0) | ~np.isin(frm[edges] * width_name + name[edges], arriving)
    keys = (
        edges,
        arm[edges],
        -np.nan_to_num(width[edges]),
        -np.nan_to_num(flow[edges]),
        aside[edges],
        renamed,
        official[edges] != 1,
        frm[edges],
    )
    order = np.lexsort(keys)
    start = np.unique(frm[edges][order], return_index=True)[1]
    main[frm[edges][order][start]] = edges[order][start]
    return main


def _leads_to_main_outlet(
    frm: Ints, to: Ints, into: Csr, out: Csr, lengths: Floats, name: Ints, piece: Ints
) -> Bools:
    """Mark reaches from which water can come to the main outlet of their piece."""
    n = len(out.first) - 1
    node_piece = np.full(n, -1, dtype=np.intp)
    node_piece[frm], node_piece[to] = piece, piece
    sinks = np.flatnonzero(np.diff(out.first) == 0)
    count = np.bincount(node_piece[sinks], minlength=int(piece.max(initial=0)) + 1)
    leads: Bools = count[piece] <= 1
    for sink in main_outlets(
        sinks[count[node_piece[sinks]] > 1], node_piece, frm, to, into, lengths, name
    ):
        leads |= nodes_above(np.array([sink]), frm, into)[to]
    return leads


def main_outlets(
    sinks: Ints, piece: Ints, frm: Ints, to: Ints, into: Csr, lengths: Floats, name: Ints
) -> list[int]:
    """Choose the main outlet of each connected piece among `sinks`; `piece` labels the nodes."""
    best: dict[int, tuple[float, float, int]] = {}
    for sink in _likely_outlets(sinks, piece, frm, to, lengths).tolist():
        above = nodes_above(np.array([sink]), frm, into)[to]
        arriving = name[into.of(np.array([sink]))]
        own = above & (name >= 0) & np.isin(name, arriving)
        size = (float(lengths[own].sum()), float(lengths[above].sum()), -sink)
        best[int(piece[sink])] = max(size, best.get(int(piece[sink]), size))
    return [-sink for _, _, sink in best.values()]


def _likely_outlets(sinks: Ints, piece: Ints, frm: Ints, to: Ints, lengths: Floats) -> Ints:
    """Keep the few sinks of each piece that most river runs to if each parting sends it one way."""
    n = len(piece)
    if len(sinks) <= _LIKELY_OUTLETS:
        return sinks
    here = first_by(frm, n)
    here = np.where(here < 0, np.arange(n), to[here])
    for _ in range(int(n).bit_length()):  # a fixed number, for there may be cycles
        here = here[here]
    drained = np.bincount(here[to], weights=lengths, minlength=n)
    sinks = sinks[np.lexsort((sinks, -drained[sinks], piece[sinks]))]
    start = np.unique(piece[sinks], return_index=True)[1]
    nth = np.arange(len(sinks)) - np.repeat(start, np.diff(np.append(start, len(sinks))))
    kept: Ints = sinks[nth < max(1, _LIKELY_OUTLETS // len(start))]
    return kept


def _sweep_down(
    frm: Ints,
    to: Ints,
    n: int,
    lengths: Floats,
    level: Ints,
    order: Ints,
    cut: Ints,
    main: Ints,
) -> tuple[Ints, Floats, Ints]:
    """Sweep from the springs down, level by level: Strahler, local arbolate sum, Shreve."""
    m = len(frm)
    passed = np.ones(m, dtype=bool)
    passed[cut] = False
    fast = build_kernels(m)
    if fast is not None:
        ranks, river, heads = fast.sweep_down(
            frm, to, n, lengths.astype(float), order, passed, main
        )
        return ranks, river, heads.astype(np.intp)
    strahler = np.ones(m, dtype=np.intp)
    counts = np.zeros(m, dtype=bool)  # is it on main ways since a spring
    local, shreve = lengths.astype(float), np.ones(m)
    top = np.zeros((2, n), dtype=np.intp)  # greatest order arriving: of main ways, of any
    equal = np.zeros(n, dtype=np.intp)  # how many main ways arrive with it
    arrived, springs = np.zeros(n), np.zeros(n)
    has_in = np.zeros(n, dtype=bool)
    has_in[to[passed]] = True
    stop = np.flatnonzero(np.diff(level[frm[order]])) + 1
    for edges in np.split(order, stop):
        node = frm[edges]
        on = main[node] == edges
        fed = has_in[node]
        by_main = top[0, node] > 0
        strahler[edges] = np.where(
            ~fed, 1, np.where(by_main, top[0, node] + (equal[node] > 1), top[1, node])
        )
        counts[edges] = on & (~fed | by_main)
        local[edges] += np.where(on, arrived[node], 0.0)
        shreve[edges] = np.where(on, np.maximum(springs[node], ~fed), 0.0)
        edges = edges[passed[edges]]
        there, rank, real = to[edges], strahler[edges], counts[edges]
        np.maximum.at(top[1], there, rank)
        before = top[0, there]
        np.maximum.at(top[0], there[real], rank[real])
        equal[there[top[0, there] > before]] = 0
        np.add.at(equal, there[real & (rank == top[0, there])], 1)
        np.add.at(arrived, there, local[edges])
        np.add.at(springs, there, shreve[edges])
    return strahler, local, shreve.astype(np.intp)


def _strahler_of_all(
    frm: Ints, to: Ints, n: int, level: Ints, order: Ints, cut: Ints, strahler: Ints
) -> Ints:
    """Strahler's rule on every inflow, secondary ways too."""
    if (np.bincount(frm, minlength=n) <= 1).all():
        return strahler
    result = np.ones(len(frm), dtype=np.intp)
    top, equal = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
    passed = np.ones(len(frm), dtype=bool)
    passed[cut] = False
    for edges in np.split(order, np.flatnonzero(np.diff(level[frm[order]])) + 1):
        node = frm[edges]
        result[edges] = np.maximum(top[node] + (equal[node] > 1), 1)
        edges = edges[passed[edges]]
        there, before = to[edges], top[to[edges]]
        np.maximum.at(top, there, result[edges])
        equal[there[top[there] > before]] = 0
        np.add.at(equal, there[result[edges] == top[there]], 1)
    return result


def _main_inflows(down: Ints, local: Floats, name: Ints) -> Ints:
    """Return for each reach the one above that it continues, or -1."""
    fast = build_kernels(len(down))
    if fast is not None:
        continued: Ints = fast.inflows(down, local, name)
        return continued
    main_up = np.full(len(down), -1, dtype=np.intp)
    edges = np.flatnonzero(down >= 0)
    below = down[edges]
    other = (name[edges] < 0) | (name[edges] != name[below])
    order = np.lexsort((edges, -local[edges], other, below))
    start = np.unique(below[order], return_index=True)[1]
    main_up[below[order][start]] = edges[order][start]
    return main_up


def _tree(
    frm: Ints, to: Ints, down: Ints, main_up: Ints, order: Ints, main: Ints, cut: Ints
) -> Tree:
    """Lay the main ways out as nested intervals, the main path of each first."""
    m = len(frm)
    fast = build_kernels(m)
    pos, size = (_nested if fast is None else fast.nested)(down, main_up, order)
    seq = np.empty(m, dtype=np.intp)
    seq[pos] = np.arange(m)
    return Tree(down, main_up, seq, pos, size, *_links(frm, to, pos, size, main, cut))


def _nested(down: Ints, main_up: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Place and size of each reach's interval; the way in arrays beside ``kernels.nested``."""
    m = len(down)
    steps = chain_sums(down, np.ones(m)).astype(np.intp)  # reaches to the outlet
    size = np.ones(m, dtype=np.intp)
    by_depth = np.lexsort((np.arange(m), -steps))
    for edges in np.split(by_depth, np.flatnonzero(np.diff(steps[by_depth])) + 1):
        inner = edges[down[edges] >= 0]
        np.add.at(size, down[inner], size[inner])
    # brothers stand one after another behind the reach that they flow into
    rank = np.empty(m, dtype=np.intp)
    rank[order] = np.arange(m)
    is_main = main_up[np.maximum(down, 0)] == np.arange(m)
    brothers = np.lexsort((rank, ~is_main, down))
    before = np.cumsum(size[brothers]) - size[brothers]
    new = np.ones(m, dtype=bool)
    new[1:] = down[brothers][1:] != down[brothers][:-1]
    before -= np.repeat(before[new], np.diff(np.append(np.flatnonzero(new), m)))
    step = np.empty(m)
    step[brothers] = before
    pos = chain_sums(down, step + (down >= 0)).astype(np.intp)
    return pos, size


def _stored_order(
    frm: Ints, to: Ints, n: int, level: Ints, order: Ints, cut: Ints, tree: Tree
) -> Ints:
    """Order reaches depth first, each after all that drain to it, a river and its basin together.

    `tree.seq` backwards, but that a secondary way waits for all that flows to its parting. Where
    reaches run in a circle they stay in the order of their levels.
    """
    if len(cut):
        return order
    if not len(tree.link_at):
        return tree.seq[::-1].copy()
    rank = len(frm) - 1 - tree.pos
    fast = build_kernels(len(frm))
    if fast is not None:
        rank = fast.latest(frm, to, order, rank, n)
    else:
        arrived = np.full(n, -1, dtype=np.intp)
        for edges in np.split(order, np.flatnonzero(np.diff(level[order])) + 1):
            rank[edges] = np.maximum(rank[edges], arrived[frm[edges]])
            np.maximum.at(arrived, to[edges], rank[edges])
    return np.lexsort((level, rank))


def _links(
    frm: Ints, to: Ints, pos: Ints, size: Ints, main: Ints, cut: Ints
) -> tuple[Ints, Ints, Ints]:
    """Secondary ways to the inflows of their parting; reaches below a cut cycle to what was cut."""
    aside = np.flatnonzero(main[frm] != np.arange(len(frm)))
    carried = main[frm[aside]]
    at, low, high = pos[aside], pos[carried] + 1, pos[carried] + size[carried]
    for c in cut.tolist():
        below = np.flatnonzero(frm == to[c])
        at = np.append(at, pos[below])
        low = np.append(low, np.full(len(below), pos[c]))
        high = np.append(high, np.full(len(below), pos[c] + size[c]))
    order = np.lexsort((low, at))
    order = order[high[order] > low[order]]  # a parting at a spring has nothing above it
    return at[order], low[order], high[order]


def subtree(tree: Tree, reach: int) -> list[tuple[int, int]]:
    """Return the intervals of `tree.seq` that hold all reaches above one, itself included.

    A secondary way inside an interval brings in all that flows to the place where it parts.
    """
    first = (int(tree.pos[reach]), int(tree.pos[reach] + tree.size[reach]))
    todo, found = [first], []
    seen = np.zeros(len(tree.link_at), dtype=bool)
    while todo:
        low, high = todo.pop()
        found.append((low, high))
        a, b = np.searchsorted(tree.link_at, [low, high])
        start, stop = tree.link_low[a:b], tree.link_high[a:b]
        known = seen[a:b] | ((start >= low) & (stop <= high))
        known |= (start >= first[0]) & (stop <= first[1])
        todo += zip(start[~known].tolist(), stop[~known].tolist(), strict=True)
        seen[a:b] = True
    return _apart(found)


def _apart(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out intervals that lie in others (they never overlap by halves)."""
    kept: list[tuple[int, int]] = []
    for low, high in sorted(intervals, key=lambda i: (i[0], -i[1])):
        if high > low and (not kept or low >= kept[-1][1]):
            kept.append((low, high))
    return kept


def sums_above(tree: Tree, values: Floats) -> Floats:
    """Sum what all reaches above each reach and the reach itself have, each once.

    On a tree this is one difference of sums along `seq`. Only below a parting whose main way has
    not come back yet are the intervals of :func:`subtree` put together.
    """
    total = np.concatenate([[0.0], np.cumsum(values[tree.seq])])
    result: Floats = total[tree.pos + tree.size] - total[tree.pos]
    for reach in open_partings(tree, np.arange(len(result))).tolist():
        result[reach] = sum(total[b] - total[a] for a, b in subtree(tree, reach))
    return result


def open_partings(tree: Tree, reaches: Ints) -> Ints:
    """Positions in `reaches` of those that one interval does not tell all of.

    They have a secondary way above them (or on them) whose origin lies outside.
    """
    pos, end = tree.pos[reaches], tree.pos[reaches] + tree.size[reaches]
    low, high = np.searchsorted(tree.link_at, pos), np.searchsorted(tree.link_at, end)
    some = np.flatnonzero(high > low)
    if not len(some):
        return some
    least = _range_extreme(tree.link_low, low[some], high[some], np.minimum)
    most = _range_extreme(tree.link_high, low[some], high[some], np.maximum)
    return some[(least < pos[some]) | (most > end[some])]


def _range_extreme(values: Ints, low: Ints, high: Ints, which: np.ufunc) -> Ints:
    """Least or greatest of ``values[low:high]`` for many ranges, none empty, by doubling."""
    width = np.frexp((high - low).astype(float))[1] - 1
    result = np.empty(len(low), dtype=np.intp)
    table, k = values, 0
    while True:
        now = width == k
        result[now] = which(table[low[now]], table[high[now] - (1 << k)])
        k += 1
        if (1 << k) > len(values):
            return result
        table = which(table[: len(table) - (1 << (k - 1))], table[1 << (k - 1) :])


def _steps(down: Ints, follows: Ints) -> Floats:
    """One for each reach that ends its path by flowing into another."""
    return ((down >= 0) & (follows < 0)).astype(float)


def _rejoining_arms(
    down: Ints, foot: Ints, main: Ints, frm: Ints, name: Ints, main_up: Ints
) -> Bools:
    """Mark the lowest reaches of arms that part from a river and rejoin it."""
    rejoins = np.zeros(len(down), dtype=bool)
    heads, river, same = _arms(main, frm, name, main_up)
    lowest = foot[heads]
    after = down[lowest]
    back = same & (after >= 0) & (foot[np.maximum(after, 0)] == foot[river])
    rejoins[lowest[back]] = True
    return rejoins


def _arms(main: Ints, frm: Ints, name: Ints, main_up: Ints) -> tuple[Ints, Ints, Bools]:
    """Reaches where arms begin, the main way where each parts, and whether it is one river."""
    heads = np.flatnonzero((main_up < 0) & (main[frm] != np.arange(len(frm))))
    river = main[frm[heads]]
    # an arm that keeps the name, or has none, is that river
    return heads, river, (name[heads] < 0) | (name[river] < 0) | (name[heads] == name[river])


def _tributary_order(
    down: Ints,
    follows: Ints,
    foot: Ints,
    main: Ints,
    frm: Ints,
    name: Ints,
    main_up: Ints,
    *,
    rejoins: Bools,
) -> Ints:
    """Count the rivers on the way to the outlet; arms of a river count as that river."""
    step = _steps(down, follows)
    step[rejoins] = 0.0
    heads, river, same = _arms(main, frm, name, main_up)
    lowest = foot[heads]
    after = down[lowest]
    count = chain_sums(down, step)
    own_outlet = np.flatnonzero(after < 0)
    end = chain_ends(down)
    base = np.zeros(len(down))
    for _ in own_outlet:  # an arm of an arm of an arm: as many rounds at most
        before = base.copy()
        for k in own_outlet.tolist():
            if end[river[k]] != lowest[k]:  # the river itself does not end here
                base[lowest[k]] = base[end[river[k]]] + count[river[k]] + (0.0 if same[k] else 1.0)
        if np.array_equal(before, base):
            break
    return (count + base[end]).astype(np.intp)
