"""Connections that may be missing: gaps beyond the tolerance, and pieces that stand alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from basin._network.arrays import Floats, Ints
from basin._network.attributes import Attributes, subtree
from basin._network.direction import Drawn
from basin._network.geometry import Feet, metres_per_degree
from basin._network.grid import Index
from basin._network.join import SURE_M
from basin._network.ledger import Ledger, place_of

__all__ = ["list_isolated", "propose_joins"]

#: Radii in metres within which the nearest reach of another piece is looked for.
_RADII_M = (200.0, 1_000.0, 5_000.0, 25_000.0, 100_000.0)

#: So many rivers are proposed for one mouth.
_MOST_WAYS = 3

#: Cosine of the angle within which a course points at a place (60 degrees).
_POINTS_THERE = 0.5


def propose_joins(
    flow: Drawn,
    index: Index,
    got: Attributes,
    ids: Any,
    within_m: float,
    tolerance_m: float,
    ledger: Ledger,
) -> None:
    """Propose where each end that flows nowhere might go on, within `within_m` metres.

    A reach above the end itself is no way on. Where several rivers are near, up to three are
    proposed, ranked by distance, name and course. A start within the tolerance of the middle of a
    line that it does not drain to is proposed too: it may be a spring or a parting. Nothing is
    joined.
    """
    n = len(flow.xy)
    _propose_mouths(flow, index, got, ids, within_m, ledger)
    heads = np.flatnonzero(np.bincount(flow.to, minlength=n) == 0)
    if tolerance_m > SURE_M and len(heads):
        _propose_partings(flow, index, got, ids, heads, tolerance_m, ledger)


def _propose_partings(
    flow: Drawn,
    index: Index,
    got: Attributes,
    ids: Any,
    heads: Ints,
    tolerance_m: float,
    ledger: Ledger,
) -> None:
    point, line, feet = index.feet(flow.xy[heads], *index.near(flow.xy[heads], tolerance_m))
    for k in np.lexsort((line, feet.distance_m, point)).tolist():
        head = int(heads[point[k]])
        mine = np.flatnonzero(flow.frm == head)
        near = line[k : k + 1]
        if feet.distance_m[k] > tolerance_m or flow.frm[line[k]] == head:
            continue
        if flow.xy[head].tolist() == feet.xy[k].tolist() or _is_end(flow, int(line[k]), feet.xy[k]):
            continue
        if any(_drains_to(got, m, near) for m in mine.tolist()):
            continue
        ledger.add(
            "gap_proposed",
            [*ids[mine], ids[line[k]]],
            action="proposed",
            place=place_of(flow.xy[head], feet.xy[k]),
            distance_m=float(feet.distance_m[k]),
            rule="start near middle",
            confidence=0.3,
        )


def _is_end(flow: Drawn, line: int, place: Floats) -> bool:
    """Say whether a foot is where the line begins or ends: springs across a divide."""
    ends = flow.xy[[flow.frm[line], flow.to[line]]]
    return bool((np.abs(ends - place).max(axis=1) < 1e-9).any())


def _propose_mouths(
    flow: Drawn, index: Index, got: Attributes, ids: Any, within_m: float, ledger: Ledger
) -> None:
    sinks = np.flatnonzero(np.bincount(flow.frm, minlength=len(flow.xy)) == 0)
    if not len(sinks):
        return
    point, line, feet = index.feet(flow.xy[sinks], *index.near(flow.xy[sinks], within_m))
    fit = (feet.distance_m <= within_m) & (flow.to[line] != sinks[point])
    point, line, feet = point[fit], line[fit], feet.take(fit)
    for p in np.unique(point).tolist():
        sink, here = int(sinks[p]), np.flatnonzero(point == p)
        mine = np.flatnonzero(flow.to == sink)
        near = [
            k
            for k in here.tolist()
            if got.piece[line[k]] != got.piece[mine[0]] or not _drains_to(got, int(line[k]), mine)
        ]
        ways = [_likely_way(flow, sink, mine, int(line[k]), feet.take([k]), within_m) for k in near]
        rivers: set[int] = set()
        # the likeliest line of each of the likeliest rivers
        for w in sorted(range(len(near)), key=lambda w: (-ways[w][0], int(line[near[w]]))):
            k, (sure, rules) = near[w], ways[w]
            if len(rivers) == _MOST_WAYS or int(got.path_foot[line[k]]) in rivers:
                continue
            rivers.add(int(got.path_foot[line[k]]))
            rank = [f"rank {len(rivers)}"] if len(rivers) > 1 else []
            ledger.add(
                "gap_proposed",
                [*ids[mine], ids[line[k]]],
                action="proposed",
                place=place_of(flow.xy[sink], feet.xy[k]),
                distance_m=float(feet.distance_m[k]),
                rule=" + ".join([*rules, *rank]),
                confidence=sure,
            )


def _likely_way(
    flow: Drawn, sink: int, mine: Ints, line: int, foot: Feet, within_m: float
) -> tuple[float, list[str]]:
    """Weigh one way on from a mouth by its distance, its name and whether the course points there.

    Returns
    -------
    confidence
        0.25, and up to 0.35 for nearness, 0.15 for the course, 0.2 for the name.
    rules
        What speaks for it.
    """
    near = 1.0 - float(foot.distance_m[0]) / within_m
    same_name = bool((flow.name[mine] == flow.name[line]).any() and flow.name[line] >= 0)
    step = (foot.xy[0] - flow.xy[sink]) * np.ravel(metres_per_degree(flow.xy[sink, 1:]))
    cosine = float((flow.arrive[mine] @ (step / (np.hypot(*step) or 1.0))).max())
    sure = 0.25 + 0.35 * near + 0.15 * max(cosine, 0.0) + 0.2 * same_name
    rules = ["beyond tolerance", *["name"] * same_name, *["course"] * (cosine > _POINTS_THERE)]
    return round(sure, 3), rules


def _drains_to(got: Attributes, line: int, below: Ints) -> bool:
    """Say whether `line` lies above one of the reaches `below`."""
    at = int(got.tree.pos[line])
    return any(a <= at < b for reach in below.tolist() for a, b in subtree(got.tree, reach))


def list_isolated(flow: Drawn, index: Index, piece: Ints, ids: Any, ledger: Ledger) -> None:
    """List every piece but the longest, with the nearest reach of another and the distance."""
    count = int(piece.max(initial=0)) + 1
    if count == 1:
        return
    edges = np.flatnonzero(piece > 0)
    ends = np.unique(np.concatenate([flow.frm[edges], flow.to[edges]]))
    node_piece = np.zeros(len(flow.xy), dtype=np.intp)
    node_piece[flow.frm], node_piece[flow.to] = piece, piece
    line, distance, node, foot = _nearest_other(flow.xy, ends, node_piece, piece, index)
    for k in range(1, count):
        mine = np.flatnonzero(piece == k)
        known = line[k] >= 0
        ledger.add(
            "isolated",
            ids[mine],
            action="none",
            distance_m=distance[k],
            rule=str(ids[line[k]]) if known else "",
            place=place_of(flow.xy[node[k]], foot[k])
            if known
            else shapely.Point(flow.xy[flow.to[mine[0]]]),
        )


def _nearest_other(
    xy: Floats, ends: Ints, node_piece: Ints, piece: Ints, index: Index
) -> tuple[Ints, Floats, Ints, Floats]:
    """For each piece: the nearest line of another, metres, from which node, and the foot."""
    count = int(piece.max()) + 1
    line_of = np.full(count, -1, dtype=np.intp)
    node_of = np.full(count, -1, dtype=np.intp)
    distance = np.full(count, np.nan)
    foot = np.zeros((count, 2))
    for radius in _RADII_M:
        ask = ends[line_of[node_piece[ends]] < 0]
        if not len(ask):
            break
        point, run = index.near(xy[ask], radius)
        other = piece[index.line[run]] != node_piece[ask[point]]
        point, line, feet = index.feet(xy[ask], point[other], run[other])
        near = np.flatnonzero(feet.distance_m <= radius)
        _keep_nearest(near, ask[point], line, feet, node_piece, line_of, node_of, distance, foot)
    return line_of, distance, node_of, foot


def _keep_nearest(
    near: Ints,
    node: Ints,
    line: Ints,
    feet: Feet,
    node_piece: Ints,
    line_of: Ints,
    node_of: Ints,
    distance: Floats,
    foot: Floats,
) -> None:
    mine = node_piece[node[near]]
    order = near[np.lexsort((node[near], line[near], feet.distance_m[near], mine))]
    first = order[np.unique(node_piece[node[order]], return_index=True)[1]]
    here = node_piece[node[first]]
    line_of[here], node_of[here] = line[first], node[first]
    distance[here], foot[here] = feet.distance_m[first], feet.xy[first]
