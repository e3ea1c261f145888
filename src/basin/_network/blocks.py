"""Braids that contradict themselves: the one arm whose turning makes sense of the whole."""

from __future__ import annotations

import numpy as np

from basin._network.arrays import Bools, Ints, components, group, on_cycles
from basin._network.bridges import find_bridges
from basin._network.fast import build_kernels

__all__ = ["braided", "mend_blocks"]

#: Braided blocks of more reaches are listed, not mended.
_LARGE_BLOCK = 400

#: In larger nets of loops, bridges between them are not looked for.
_LARGE_NET = 100_000

#: Weight of a cycle among contradictions: turning it into a dead end is no gain.
_CYCLE = 3


def mend_blocks(frm: Ints, to: Ints, n: int) -> list[list[int]]:
    """Find arms (runs of reaches without a side stream) that are drawn against the flow.

    An arm is returned if turning it, and no other single arm, leaves its block without cycle,
    dead end or sourceless fork.
    """
    suspects = _suspect_nodes(frm, to, n)
    if not suspects.any():
        return []
    piece = components(frm, to, n)
    edges = np.flatnonzero(np.isin(piece[frm], np.unique(piece[suspects])))
    edges = _without_dead_ends(edges, frm, to, n)
    edges = edges[~np.array(find_bridges(frm[edges].tolist(), to[edges].tolist()), dtype=bool)]
    label = components(frm[edges], to[edges], n)
    arms = []
    for block in np.unique(label[frm[edges]]).tolist():
        mine = edges[label[frm[edges]] == block]
        if len(mine) <= _LARGE_BLOCK and suspects[np.concatenate([frm[mine], to[mine]])].any():
            arm = _arm_to_turn(mine.tolist(), frm, to, n)
            if arm:
                arms.append(arm)
    return arms


def braided(frm: Ints, to: Ints, n: int) -> Bools:
    """Mark the reaches that lie on loops: without any one of them the rest still hangs together.

    In very large nets of loops the reaches that connect them are marked too.
    """
    result = np.zeros(len(frm), dtype=bool)
    core = _without_dead_ends(np.arange(len(frm), dtype=np.intp), frm, to, n)
    result[core] = True
    if 0 < len(core) <= _LARGE_NET:
        result[core] = ~np.array(find_bridges(frm[core].tolist(), to[core].tolist()), dtype=bool)
    return result


def _without_dead_ends(edges: Ints, frm: Ints, to: Ints, n: int) -> Ints:
    """Take dead ends off, whichever way they flow, until only what hangs between loops is left."""
    left = np.zeros(len(frm), dtype=bool)
    left[edges] = True
    fast = build_kernels(len(frm))
    if fast is not None:
        return np.flatnonzero(fast.pruned(frm, to, left, n))
    at = group(np.concatenate([frm, to]), n)
    other = np.concatenate([to, frm])
    degree = np.bincount(frm[edges], minlength=n) + np.bincount(to[edges], minlength=n)
    front = np.flatnonzero(degree == 1)
    while len(front):
        ends = at.of(front)
        ends = ends[left[ends % len(frm)]]
        left[ends % len(frm)] = False
        degree[front] = 0
        np.subtract.at(degree, other[ends], 1)
        reached = np.unique(other[ends])
        front = reached[degree[reached] == 1]
    return np.flatnonzero(left)


def _suspect_nodes(frm: Ints, to: Ints, n: int) -> Bools:
    """Nodes without a way in or out although several reaches meet there, or that lie on cycles."""
    n_in, n_out = np.bincount(to, minlength=n), np.bincount(frm, minlength=n)
    suspects: Bools = (n_in + n_out > 1) & ((n_in == 0) | (n_out == 0))
    looping = on_cycles(frm, to, n)
    suspects[frm[looping]] = True
    return suspects


def _arm_to_turn(block: list[int], frm: Ints, to: Ints, n: int) -> list[int]:
    a, b = {e: int(frm[e]) for e in block}, {e: int(to[e]) for e in block}
    nodes = {*a.values(), *b.values()}
    n_in, n_out = np.bincount(to, minlength=n), np.bincount(frm, minlength=n)
    outer_in = {v: int(n_in[v]) for v in nodes}
    outer_out = {v: int(n_out[v]) for v in nodes}
    for e in block:
        outer_out[a[e]] -= 1
        outer_in[b[e]] -= 1
    now = _contradictions(block, a, b, outer_in, outer_out)
    if now == 0:
        return []
    best: list[list[int]] = []
    for arm in _arms(block, a, b, outer_in, outer_out):
        u, v = dict(a), dict(b)
        for e in arm:
            u[e], v[e] = b[e], a[e]
        if _contradictions(block, u, v, outer_in, outer_out) == 0:
            best.append(arm)
    return best[0] if len(best) == 1 else []


def _contradictions(
    block: list[int],
    a: dict[int, int],
    b: dict[int, int],
    outer_in: dict[int, int],
    outer_out: dict[int, int],
) -> int:
    """Count dead ends and sourceless forks, and a cycle as three of them."""
    n_in, n_out = dict(outer_in), dict(outer_out)
    out: dict[int, list[int]] = {}
    waiting: dict[int, int] = dict.fromkeys(outer_in, 0)
    for e in block:
        n_out[a[e]] += 1
        n_in[b[e]] += 1
        waiting[b[e]] += 1
        out.setdefault(a[e], []).append(b[e])
    odd = sum(n_in[v] == 0 or n_out[v] == 0 for v in n_in)
    free = [v for v, k in waiting.items() if k == 0]
    for v in free:
        for w in out.get(v, ()):
            waiting[w] -= 1
            if waiting[w] == 0:
                free.append(w)
    return odd + (_CYCLE if len(free) < len(waiting) else 0)


def _arms(
    block: list[int],
    a: dict[int, int],
    b: dict[int, int],
    outer_in: dict[int, int],
    outer_out: dict[int, int],
) -> list[list[int]]:
    """Runs of reaches through nodes where only two reaches meet; also across opposed ones."""
    meeting: dict[int, list[int]] = {}
    for e in block:
        meeting.setdefault(a[e], []).append(e)
        meeting.setdefault(b[e], []).append(e)
    plain = {v for v, es in meeting.items() if len(es) == 2 and outer_in[v] == outer_out[v] == 0}
    arms, seen = [], set()
    for e in block:
        if e in seen:
            continue
        run, ends = [e], [a[e], b[e]]
        for end in ends:
            while end in plain:
                following = [f for f in meeting[end] if f not in run]
                # a run goes on only in the drawn direction
                if not following or not _in_line(run, following[0], end, a, b):
                    break
                run.append(following[0])
                end = b[following[0]] if a[following[0]] == end else a[following[0]]
        seen.update(run)
        arms.append(run)
    return arms


def _in_line(run: list[int], edge: int, node: int, a: dict[int, int], b: dict[int, int]) -> bool:
    """Say whether at `node` one of the two reaches arrives and the other leaves."""
    before = next(e for e in run if node in (a[e], b[e]))
    return (b[before] == node) != (b[edge] == node)
