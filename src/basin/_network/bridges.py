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

from basin._network.arrays import Bools, Csr, Floats, Ints, components, group

__all__ = ["DRAWN_RIGHT", "Block", "Chain", "Core", "Evidence", "Piece", "core_of", "find_bridges"]

#: Log-odds that a line is drawn downstream where nothing else is known (95 of 100).
DRAWN_RIGHT = 3.0

#: Log-odds of an outlet for each unit of cosine between what arrives at its forks and what leaves:
#: fitted to the 223 confluences of NHDPlus New Hope (2.2 to 2.7 by the length of course looked at).
_PER_COSINE = 2.4

#: Log-odds against a river that leaves a confluence under a name that does not arrive there, while
#: another name does.
_NAME_LOST = 1.5

#: Log-odds against an outlet where several reaches end, and for one that is known.
_INNER_SINK, _KNOWN_OUTLET = -4.5, 8.0


#: Reaches that make a fork; and how much surer the courses must make a chain to be named.
_FORK, _BY_COURSE = 3, 0.1


class Evidence(NamedTuple):
    """What is known of the flow beside the drawing.

    Attributes
    ----------
    pull : shape (m,)
        Log-odds that each line flows as it is drawn.
    leave, arrive : shape (m, 2)
        Unit vectors (east, north) of its course where it begins and where it ends.
    name : shape (m,)
        Number of the river's name, -1 for none.
    known : shape (n,)
        Nodes that are known to be outlets.
    """

    pull: Floats
    leave: Floats
    arrive: Floats
    name: Ints
    known: Bools


class Chain(NamedTuple):
    """Reaches that lead to a dead end, from the dead end back to the place where they part.

    `sure` is the probability of the outlets that they flow away from; `by_course`, whether the
    course of the rivers at their confluences tells that outlet from others.
    """

    edges: list[int]
    sink: int
    outlet: int
    sure: float
    by_course: bool


@dataclass(frozen=True)
class Core:
    """The chains of a network, how sure each bridge flows as it would then, what meets at nodes."""

    chains: list[Chain]
    sure: dict[int, float]
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


def core_of(frm: Ints, to: Ints, n: int, lengths: Floats, evidence: Evidence, whole: Bools) -> Core:
    """Find the chains of every piece that has more than one dead end.

    Parameters
    ----------
    whole : shape (n,)
        Nodes of pieces whose springs may be their outlet: all of these is looked at.
    """
    into, out = group(to, n), group(frm, n)
    n_in, n_out = np.diff(into.first), np.diff(out.first)
    piece = components(frm, to, n)
    sinks = np.flatnonzero((n_out == 0) & (n_in > 0))
    doubtful = np.bincount(piece[sinks], minlength=n) > 1
    doubtful[piece[whole]] = True
    chains: list[Chain] = []
    sure: dict[int, float] = {}
    if doubtful.any():
        edges = np.flatnonzero(doubtful[piece[frm]])
        edges, weight = _peel(edges, frm, to, n, lengths, whole)
        ends = np.flatnonzero(
            doubtful[piece] & (((n_out == 0) & (n_in > 0)) | (whole & (n_in + n_out == 1)))
        )
        by_piece, by_end = group(piece[frm[edges]], n), group(piece[ends], n)
        for label in np.flatnonzero(doubtful).tolist():
            mine = edges[by_piece.of(np.array([label]))]
            outlets = ends[by_end.of(np.array([label]))].tolist()
            if len(mine) and outlets:
                one = Piece(mine, frm, to, evidence, into, out)
                chains += one.chains(outlets, n_out, weight)
                sure |= one.sure
    return Core(chains, sure, n_in + n_out, n_in, into, out)


def _peel(
    edges: Ints, frm: Ints, to: Ints, n: int, lengths: Floats, whole: Bools
) -> tuple[Ints, Floats]:
    """Take away, from the springs down, what flows into the rest without a fork.

    Nothing is taken from the nodes `whole`.

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
    front = np.flatnonzero((n_in == 0) & (n_out == 1) & ~whole)
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
    inside: frozenset[int]  # all of these edges


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
    return _Tree(block, steps, inner, frozenset(edges[~bridge].tolist()))


class _Choice(NamedTuple):
    """An outlet, the walk from it up, and the probability of each bridge to flow there."""

    outlet: int
    walk: list[tuple[int, int, int, bool]]
    sure: dict[int, float]
    without: dict[int, float]  # the courses and names at forks


class Block(NamedTuple):
    """Reaches of a braid, and where water enters and leaves it on the way to the outlet."""

    edges: Ints
    inflows: Ints
    outflow: int
    sure: float


class Piece:
    """The reaches of a piece between its dead ends, and how likely each dead end is its outlet."""

    def __init__(
        self, edges: Ints, frm: Ints, to: Ints, evidence: Evidence, into: Csr, out: Csr
    ) -> None:
        self._frm, self._to, self._known = frm, to, evidence
        self._into, self._out = into, out
        self.tree = _tree_of(edges, frm, to)
        self.sure: dict[int, float] = {}
        self.blocks: list[Block] = []

    def chains(self, ends: list[int], n_out: Ints, weight: Floats) -> list[Chain]:
        """Return the chains that lead away from the likeliest of the dead ends."""
        ends = [s for s in ends if s in self.tree.block]
        if not ends:
            return []
        choice = self._choose(ends, weight)
        toward = {here: (parent, e, f) for here, parent, e, f in choice.walk}
        found = []
        for sink in ends:
            if sink == choice.outlet or n_out[sink] > 0:
                continue
            run = _run_from(self.tree, toward, self.tree.block[sink], self._frm, self._to)
            if run:
                least = min(choice.sure[e] for e in run if e in choice.sure)
                plainly = min(choice.without[e] for e in run if e in choice.without)
                found.append(Chain(run, sink, choice.outlet, least, least - plainly > _BY_COURSE))
        self.sure = choice.sure
        return found

    def bridges(self, ends: list[int]) -> list[tuple[int, bool, float]]:
        """Direct all to the likeliest of the ends: bridge, does it flow there, how sure is that.

        The braids between are then in :attr:`blocks`.
        """
        choice = self._choose(ends, np.zeros(len(self._known.known)))
        tree = self.tree
        outflow = {tree.block[choice.outlet]: (choice.outlet, 1.0)}
        inflows: dict[int, list[int]] = {}
        for here, parent, edge, _ in choice.walk:
            a, b = int(self._frm[edge]), int(self._to[edge])
            mine, theirs = (a, b) if tree.block[a] == here else (b, a)
            outflow[here] = (mine, choice.sure[edge])
            inflows.setdefault(parent, []).append(theirs)
        for block, edges in tree.inner.items():
            into = np.array(inflows.get(block, []), dtype=np.intp)
            self.blocks.append(Block(np.array(edges, dtype=np.intp), into, *outflow[block]))
        return [(edge, flows, choice.sure[edge]) for _, _, edge, flows in choice.walk]

    def _choose(self, ends: list[int], weight: Floats) -> _Choice:
        root = self.tree.block[ends[0]]
        walk = _walk(self.tree, root)
        drawn, course = self._scores(root, walk)
        at = [self.tree.block[s] for s in ends]
        plain = np.array([drawn[b] for b in at]) + [self._prior(s) for s in ends]
        full = plain + np.array([course[b] for b in at])
        best = max(range(len(ends)), key=lambda k: (round(full[k], 9), weight[ends[k]], -ends[k]))
        sure, without = (_flows_to(walk, at, x, at[best]) for x in (full, plain))
        return _Choice(ends[best], _walk(self.tree, at[best]), sure, without)

    def _prior(self, end: int) -> float:
        known = _KNOWN_OUTLET if self._known.known[end] else 0.0
        degree = self._into.first[end + 1] - self._into.first[end]
        return known + (_INNER_SINK if degree > 1 and not known else 0.0)

    def _scores(
        self, root: int, walk: list[tuple[int, int, int, bool]]
    ) -> tuple[dict[int, float], dict[int, float]]:
        """Log-odds of each block as the one with the outlet, but for a constant.

        By the pull of the drawing, and by the courses and names at the forks. Moving the outlet
        over a bridge turns that bridge and no other.
        """
        pull = self._known.pull
        drawn, course = {root: 0.0}, {root: 0.0}
        for here, parent, edge, flows in walk:
            drawn[here] = drawn[parent] + (-pull[edge] if flows else pull[edge])
            a, b = int(self._frm[edge]), int(self._to[edge])
            mine, theirs = (a, b) if self.tree.block[a] == here else (b, a)
            course[here] = course[parent] + self._fork(theirs, edge) - self._fork(mine, edge)
        return drawn, course

    def _fork(self, node: int, edge: int) -> float:
        """How well `edge` carries on what arrives at a node, all the others arriving."""
        into, out = self._into.of(np.array([node])), self._out.of(np.array([node]))
        if len(into) + len(out) < _FORK:
            return 0.0
        known = self._known
        inner = self.tree.inside
        others = [(int(f), known.arrive[f]) for f in into if f != edge]
        others += [(int(f), -known.leave[f]) for f in out if f != edge and int(f) not in inner]
        onward = known.leave[edge] if self._frm[edge] == node else -known.arrive[edge]
        straight = sum(float(course @ onward) for _, course in others)
        names = {int(known.name[f]) for f, _ in others} - {-1}
        lost = bool(names) and known.name[edge] >= 0 and int(known.name[edge]) not in names
        return _PER_COSINE * straight - (_NAME_LOST if lost else 0.0)


def _flows_to(
    walk: list[tuple[int, int, int, bool]], at: list[int], score: Floats, outlet: int
) -> dict[int, float]:
    """Probability, over all outlets, that each bridge flows the way it does to `outlet`."""
    chance = np.exp(score - score.max())
    chance /= chance.sum()
    mass: dict[int, float] = {}
    for block, p in zip(at, chance.tolist(), strict=True):
        mass[block] = mass.get(block, 0.0) + p
    holds = {outlet}
    result: dict[int, float] = {}
    for here, parent, edge, _ in reversed(walk):
        below = mass.get(here, 0.0)
        mass[parent] = mass.get(parent, 0.0) + below
        if here in holds:
            holds.add(parent)
        result[edge] = below if here in holds else 1.0 - below
    return result


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
