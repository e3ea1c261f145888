"""Reaches that run in a circle: the smallest circles, and the reach whose turning breaks each."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from basin._network.arrays import Ints, group, nodes_above, on_cycles, smallest_cycle
from basin._network.direction import Drawn
from basin._network.ledger import Ledger

__all__ = ["list_cycles"]

#: In longer circles no reach is proposed to be turned.
_LONG_CYCLE = 60


def list_cycles(flow: Drawn, cut: Ints, ids: Any, geom: Any, ledger: Ledger) -> None:
    """List a smallest cycle, take the reach away that was `cut` there, and look again."""
    n = len(flow.xy)
    if not len(cut):
        return
    whole = on_cycles(flow.frm, flow.to, n)
    left = np.arange(len(flow.frm), dtype=np.intp)
    for edge in cut.tolist():
        cycle = left[smallest_cycle(flow.frm[left], flow.to[left], n)]
        if len(cycle):
            breaks = _reach_to_turn(cycle, whole, flow.frm, flow.to, n)
            ledger.add(
                "cycle",
                ids[cycle],
                action="none",
                rule="" if breaks < 0 else str(ids[breaks]),
                confidence=1.0,
                place=shapely.MultiLineString(list(geom[cycle])),
            )
        left = left[left != edge]


def _reach_to_turn(cycle: Ints, whole: Ints, frm: Ints, to: Ints, n: int) -> int:
    """Find the reach of a cycle that, turned, closes no other cycle and makes no dead end.

    Of several the one between the most other reaches wins: there water enters and leaves. -1 if
    there is none.
    """
    if len(cycle) > _LONG_CYCLE:
        return -1
    n_in, n_out = np.bincount(to, minlength=n), np.bincount(frm, minlength=n)
    best, most = -1, 0
    for edge in sorted(cycle.tolist()):
        begin, end = int(frm[edge]), int(to[edge])
        others = whole[whole != edge]
        if nodes_above(np.array([end]), frm[others], group(to[others], n))[begin]:
            continue  # another way leads from its start to its end: turned, it would close that
        leaves, enters = int(n_out[begin]) - 1, int(n_in[end]) - 1
        if min(leaves, enters) > 0 and leaves + enters > most:
            best, most = edge, leaves + enters
    return best
