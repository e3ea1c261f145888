"""Where drawn directions disagree: chains of bridges that lead away from a piece's outlet.

A bridge is a reach without which the network falls apart. All water of a piece with one outlet
crosses a bridge towards the outlet, so a bridge drawn the other way either ends in a dead end or
is drawn against the flow. First everything is peeled off that flows in from outside; what is left
between the dead ends is small, and only that is walked in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from basin._network.arrays import Csr, Floats, Ints, components, group

__all__ = ["Chain", "Core", "core_of", "find_bridges"]

#: A sink where several reaches end costs as much as so many turned reaches, as an outlet.
_INNER_SINK_COST = 1.5

#: Among more outlets that cost the same nobody can choose.
_MOST_OUTLETS = 8


class Chain(NamedTuple):
    """Reaches that lead to a dead end, from the dead end back to the place where they part."""

    edges: list[int]
    sink: int
    outlet: int


@dataclass(frozen=True)
class Core:
    """The chains of a network and what meets at its nodes.

    Each piece has its chains for every outlet that equally few reaches would be turned for; the
    first is the one that most river is known to flow to.
    """

    pieces: list[list[list[Chain]]]
    degree: Ints
    arriving: Ints
    into: Csr
    out: Csr

    def leaving(self, node: int, *, without: list[int]) -> Ints:
        """Reaches that leave a node, but for some."""
        edges = self.out.of(np.array([node]))
        return edges[~np.isin(edges, without)]

    def names_leaving(self, node: int, name: Ints, *, without: list[int]) -> set[int]:
        """Name numbers of the reaches that leave a node."""
        return set(name[self.leaving(node, without=without)].tolist())

    def names_arriving(self, node: int, name: Ints, *, without: list[int]) -> set[int]:
        """Name numbers of the reaches that arrive at a node."""
        edges = self.into.of(np.array([node]))
        return set(name[edges[~np.isin(edges, without)]].tolist())


def core_of(frm: Ints, to: Ints, n: int, lengths: Floats) -> Core:
    """Find the chains of every piece that has more than one dead end."""
    into, out = group(to, n), group(frm, n)
    n_in, n_out = np.diff(into.first), np.diff(out.first)
    piece = components(frm, to, n)
    sinks = np.flatnonzero((n_out == 0) & (n_in > 0))
    doubtful = np.flatnonzero(np.bincount(piece[sinks], minlength=n) > 1)
    pieces: list[list[list[Chain]]] = []
    if len(doubtful):
        edges = np.flatnonzero(np.isin(piece[frm], doubtful))
        edges, weight = _peel(edges, frm, to, n, lengths)
        for label in doubtful.tolist():
            mine = edges[piece[frm[edges]] == label]
            ends = sinks[piece[sinks] == label]
            pieces.append(_chains_of_piece(mine, frm, to, ends, n_in + n_out, weight))
    return Core(pieces, n_in + n_out, n_in, into, out)


def _peel(edges: Ints, frm: Ints, to: Ints, n: int, lengths: Floats) -> tuple[Ints, Floats]:
    """Take away, from the springs down, what flows into the rest without a fork.

    Returns
    -------
    edges
        What is left.
    weight : shape (n,)
        Metres of river taken away above each node.
    """
    left = np.zeros(len(frm), dtype=bool)
    left[edges] = True
    n_in = np.bincount(to[edges], minlength=n)
    n_out = np.bincount(frm[edges], minlength=n)
    out = group(frm, n)
    weight = np.zeros(n)
    front = np.flatnonzero((n_in == 0) & (n_out == 1))
    while len(front):
        gone = out.of(front)
        gone = gone[left[gone]]
        left[gone] = False
        np.add.at(weight, to[gone], weight[frm[gone]] + lengths[gone])
        np.subtract.at(n_in, to[gone], 1)
        reached = np.unique(to[gone])
        front = reached[(n_in[reached] == 0) & (n_out[reached] == 1)]
    return np.flatnonzero(left), weight


def find_bridges(frm: list[int], to: list[int]) -> list[bool]:
    """Say for each edge of an undirected multigraph whether it is a bridge (without recursion)."""
    at: dict[int, list[tuple[int, int]]] = {}
    for k, (a, b) in enumerate(zip(frm, to, strict=True)):
        at.setdefault(a, []).append((k, b))
        at.setdefault(b, []).append((k, a))
    bridge = [False] * len(frm)
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    for root in at:
        if root in order:
            continue
        order[root] = low[root] = len(order)
        stack = [(root, -1, iter(at[root]))]
        while stack:
            node, came, rest = stack[-1]
            for k, other in rest:
                if k == came:
                    continue
                if other in order:
                    low[node] = min(low[node], order[other])
                    continue
                order[other] = low[other] = len(order)
                stack.append((other, k, iter(at[other])))
                break
            else:
                stack.pop()
                if stack:
                    above = stack[-1][0]
                    low[above] = min(low[above], low[node])
                    bridge[came] = low[node] > order[above]
    return bridge


class _Tree(NamedTuple):
    """The bridges of a piece as a tree between blocks (what hangs together without them)."""

    block: dict[int, int]
    steps: dict[int, list[tuple[int, int, bool]]]  # block -> (edge, other block, leaves here)
    inner: dict[int, list[int]]  # block -> edges inside it


def _tree_of(edges: Ints, frm: Ints, to: Ints) -> _Tree:
    a, b = frm[edges].tolist(), to[edges].tolist()
    bridge = np.array(find_bridges(a, b), dtype=bool)
    places, number = np.unique(np.concatenate([frm[edges], to[edges]]), return_inverse=True)
    m = len(edges)
    label = components(number[:m][~bridge], number[m:][~bridge], len(places))
    block = dict(zip(places.tolist(), label.tolist(), strict=True))
    steps: dict[int, list[tuple[int, int, bool]]] = {k: [] for k in set(label.tolist())}
    inner: dict[int, list[int]] = {}
    for edge, u, v, is_bridge in zip(edges.tolist(), a, b, bridge.tolist(), strict=True):
        if is_bridge:
            steps[block[u]].append((edge, block[v], True))
            steps[block[v]].append((edge, block[u], False))
        else:
            inner.setdefault(block[u], []).append(edge)
    return _Tree(block, steps, inner)


def _chains_of_piece(
    edges: Ints, frm: Ints, to: Ints, sinks: Ints, degree: Ints, weight: Floats
) -> list[list[Chain]]:
    if not len(edges):
        return [[]]
    tree = _tree_of(edges, frm, to)
    in_core = [s for s in sinks.tolist() if s in tree.block]
    choices = []
    for outlet in _likely_outlets(tree, in_core, degree, weight):
        toward = _steps_to(tree, tree.block[outlet])
        runs = {s: _run_from(tree, toward, tree.block[s], frm, to) for s in in_core if s != outlet}
        choices.append([Chain(run, sink, outlet) for sink, run in runs.items() if run])
    return choices


def _walk(tree: _Tree, root: int) -> list[tuple[int, int, int, bool]]:
    """List (block, its parent, the bridge between, flows to the parent), from `root` outwards."""
    seen, found, queue = {root}, [], [root]
    for here in queue:
        for edge, other, leaves in tree.steps[here]:
            if other not in seen:
                seen.add(other)
                queue.append(other)
                found.append((other, here, edge, not leaves))
    return found


def _likely_outlets(tree: _Tree, sinks: list[int], degree: Ints, weight: Floats) -> list[int]:
    """Find the dead ends that the fewest reaches would have to be turned for."""
    root = tree.block[sinks[0]]
    walk = _walk(tree, root)
    cost = {root: sum(not flows for *_, flows in walk)}
    for here, parent, _, flows in walk:  # moving the outlet over a bridge changes only that one
        cost[here] = cost[parent] + (1 if flows else -1)

    def price(sink: int) -> float:
        return cost[tree.block[sink]] + (_INNER_SINK_COST if degree[sink] > 1 else 0.0)

    least = min(price(s) for s in sinks)
    equal = [s for s in sinks if price(s) == least]
    return sorted(equal, key=lambda sink: (-float(weight[sink]), sink))[:_MOST_OUTLETS]


def _steps_to(tree: _Tree, root: int) -> dict[int, tuple[int, int, bool]]:
    return {here: (parent, edge, flows) for here, parent, edge, flows in _walk(tree, root)}


def _run_from(tree: _Tree, toward: dict[int, Any], here: int, frm: Ints, to: Ints) -> list[int]:
    """Follow the way to the outlet as long as it is drawn the other way."""
    run: list[int] = []
    came = -1
    while here in toward:
        parent, edge, flows = toward[here]
        if flows:
            break
        inside = tree.inner.get(here, [])
        if inside and run:
            # an island on the way: it is turned with the rest if it leads right through
            if not _leads_through(inside, int(to[edge]), int(frm[came]), frm, to):
                break
            run += inside
        run.append(edge)
        came = edge
        here = parent
    return run


def _leads_through(inside: list[int], first: int, last: int, frm: Ints, to: Ints) -> bool:
    """Say whether a block's only source is `first` and its only sink is `last`."""
    starts, stops = set(frm[inside].tolist()), set(to[inside].tolist())
    return starts - stops == {first} and stops - starts == {last}
