"""Layers whose lines run in random directions: where each piece flows out, and each line by that.

As in generalised maps: nobody cared which end of a line was drawn first. The drawing then says
next to nothing, and what is left are the courses and names at confluences, elevations, known
outlets and the order of sections. They choose an outlet for each piece; towards it flow all lines
without which the piece would fall apart. Between them, round islands, water flows as in a net of
pipes: from the higher head to the lower, with the inflows given.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from basin._network.arrays import Bools, Floats, Ints, components, group
from basin._network.bridges import DRAWN_RIGHT, Evidence, Piece

__all__ = ["Redirected", "chance_of_error", "contradictions", "redirect"]

#: Contradicting nodes that make a habit, and the chance of a wrong line from which on it is one.
_FEW, _RANDOM_FROM = 6, 0.1

#: How sure the direction of an arm between others is, when the outlet is.
_IN_BRAID = 0.8

#: The heads of a net of pipes are found to this part of the inflow.
_RESIDUAL = 1e-10


class Redirected(NamedTuple):
    """Which lines to turn, and the probability that each flows as it then does."""

    turn: Bools
    sure: Floats


def chance_of_error(frm: Ints, to: Ints, n: int) -> float:
    """Estimate how many of the lines are drawn against the flow, 0.5 for random directions.

    A wrong line makes a node impossible, where all lines meet or all part (at a node of two lines
    if one of them is wrong; at a confluence if the outflow is, or both inflows are), or makes a
    spring a mouth. 0 where only a few are: deltas have many mouths, but no impossible nodes.
    """
    wrong, spare = contradictions(frm, to, n)
    degree = np.bincount(np.concatenate([frm, to]), minlength=n)
    ends = degree == 1
    if wrong < _FEW / 2 or wrong + spare < _FEW:
        return 0.0
    # wrong + spare = e (1 - e) inner + e ends, solved for e
    inner = float(2 * (degree == 2).sum() + (degree > 2).sum())
    both = inner + float(ends.sum())
    root = np.sqrt(max(both**2 - 4.0 * inner * (wrong + spare), 0.0))
    error = min(float((both - root) / (2.0 * inner)), 0.5)
    return error if error >= _RANDOM_FROM else 0.0


def contradictions(frm: Ints, to: Ints, n: int) -> tuple[int, int]:
    """Count nodes where all lines meet or all part, and mouths beyond one for each piece."""
    n_in, n_out = np.bincount(to, minlength=n), np.bincount(frm, minlength=n)
    degree = n_in + n_out
    wrong = int(((degree > 1) & ((n_in == 0) | (n_out == 0))).sum())
    mouths = np.bincount(components(frm, to, n)[(degree == 1) & (n_out == 0)], minlength=n)
    return wrong, int(np.maximum(mouths - 1, 0).sum())


def redirect(
    frm: Ints, to: Ints, n: int, lengths: Floats, evidence: Evidence, error: float
) -> Redirected:
    """Direct every piece to its likeliest outlet.

    Parameters
    ----------
    error
        Chance that a line is drawn against the flow.
    """
    odds = float(np.log((1.0 - error) / error))
    evidence = evidence._replace(pull=evidence.pull - DRAWN_RIGHT + odds)
    into, out = group(to, n), group(frm, n)
    degree = np.diff(into.first) + np.diff(out.first)
    piece = components(frm, to, n)
    ends = np.flatnonzero((degree == 1) | (evidence.known & (degree > 0)))
    by_piece, by_end = group(piece[frm], n), group(piece[ends], n)
    turn, sure = np.zeros(len(frm), dtype=bool), np.ones(len(frm))
    for label in np.unique(piece[ends]).tolist():
        edges = by_piece.of(np.array([label]))
        found = Piece(edges, frm, to, evidence, into, out)
        for edge, flows, chance in found.bridges(ends[by_end.of(np.array([label]))].tolist()):
            turn[edge], sure[edge] = not flows, chance
        for block in found.blocks:
            _direct_block(block.edges, frm, to, lengths, block.inflows, block.outflow, turn)
            sure[block.edges] = _IN_BRAID * block.sure
    return Redirected(turn, sure)


def _direct_block(
    edges: Ints, frm: Ints, to: Ints, lengths: Floats, inflows: Ints, outflow: int, turn: Bools
) -> None:
    """Let water run through a block from where it comes in to where it goes out."""
    nodes, number = np.unique(np.concatenate([frm[edges], to[edges]]), return_inverse=True)
    a, b = number[: len(edges)], number[len(edges) :]
    supply = np.zeros(len(nodes))
    np.add.at(supply, np.searchsorted(nodes, inflows), 1.0)
    goal = int(np.searchsorted(nodes, outflow))
    supply[goal] = 0.0
    if not supply.any():  # the top of a river: it springs everywhere
        supply[:] = 1.0
    head = _heads(a, b, 1.0 / np.maximum(lengths[edges], 1e-3), supply, goal)
    # equal heads: by the number of the node, so that there is never a circle
    lower = (head[a] < head[b]) | ((head[a] == head[b]) & (a < b))
    turn[edges] = lower


def _heads(a: Ints, b: Ints, conducts: Floats, supply: Floats, goal: int) -> Floats:
    """Solve Kirchhoff's law for the heads, 0 at the outflow, by conjugate gradients."""
    n = len(supply)
    conducts = conducts / conducts.mean()
    diagonal = np.bincount(a, conducts, n) + np.bincount(b, conducts, n)

    def drained(head: Floats) -> Floats:
        flow = conducts * (head[a] - head[b])
        result: Floats = np.bincount(a, flow, n) - np.bincount(b, flow, n).astype(float)
        result[goal] = head[goal] * diagonal[goal]
        return result

    supply = supply.copy()
    supply[goal] = 0.0
    head = np.zeros(n)
    left = supply.copy()
    step = left / diagonal
    course, size = step.copy(), float(left @ step)
    for _ in range(20 * n):
        if np.abs(left).max() <= _RESIDUAL * supply.max():
            break
        against = drained(course)
        far = size / float(course @ against)
        head += far * course
        left -= far * against
        left[goal] = 0.0
        step = left / diagonal
        size, before = float(left @ step), size
        course = step + size / before * course
        course[goal] = 0.0
    return head
