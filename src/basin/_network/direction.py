"""Which way each reach flows: the drawn direction is believed unless it contradicts itself.

The drawn directions of a basin agree if every way leads to one outlet. Where they do not, only
the part between the places that cannot be (a place that water reaches and never leaves, a place
that it leaves and never reaches) is looked at, and a reach is turned only when enough witnesses
say so: each gives points, and :data:`TURN_AT` points turn it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely

from basin._network.arrays import Bools, Floats, Ints, components, group
from basin._network.attributes import main_outlets
from basin._network.blocks import mend_blocks
from basin._network.bridges import DRAWN_RIGHT, Chain, Core, Evidence, core_of
from basin._network.ledger import Ledger
from basin._network.undirected import chance_of_error, contradictions, redirect

__all__ = ["CLEAR_DROP_M", "SAYS", "TURN_AT", "Drawn", "Oriented", "orient"]

#: Points that turn a chain of reaches; one point less proposes it.
TURN_AT = 2

#: Reaches are turned towards an outlet that is so likely at least, and towards others proposed.
_SURE_OUTLET = 0.8

#: More reaches than this at a node make a fork.
_MEETING = 2

#: So sure a direction is taken for true in a layer drawn at random.
_CLEAR = 0.9

#: A layer is directed anew only where that leaves at most this part of its contradictions.
_FEWER = 0.5

#: A reach must climb by this much before its elevations say anything, in metres.
CLEAR_DROP_M = 3.0

#: Log-odds that each witness gives; that of the drawing is :data:`DRAWN_RIGHT`.
SAYS = {"to_id": 9.0, "sections": 6.0, "outlets": 6.0, "dem": 4.5, "network": 2.0, "name": 1.5}

#: Points of each witness.
_POINTS = {
    "to_id": 10, "dem": 3, "sections": 3, "outlets": 2, "tail_to_tail": 2, "head_to_head": 2,
}  # fmt: skip

#: |cosine| of the angle at a junction under which it says nothing (about 73 to 107 degrees).
_CLEAR_ANGLE = 0.3

#: Layer drawn upstream: so many junctions, and so many parting for each one joining; or so many
#: mouths more than springs, and so many for each one.
_FEW_JUNCTIONS, _PARTING_TO_JOINING = 4, 3.0


class Drawn(NamedTuple):
    """The lines as drawn, in array form.

    Attributes
    ----------
    frm, to : shape (m,)
        Node at the first and last vertex of each line.
    xy : shape (n, 2)
        Nodes in degrees.
    lengths : shape (m,)
        Metres.
    leave, arrive : shape (m, 2)
        Unit vectors (east, north) of the line's course where it begins and where it ends.
    name : shape (m,)
        Number of the river's name, -1 for none.
    rise : shape (m,)
        Elevation of the last vertex less that of the first, in metres; NaN if unknown.
    stated : shape (m,)
        +1 the given topology agrees with the drawn direction, -1 it says the opposite, 0 silent.
    ordered : shape (m,)
        The same by the order of sections along the rivers.
    outlet : shape (n,)
        Nodes that are known to be outlets.
    """

    frm: Ints
    to: Ints
    xy: Floats
    lengths: Floats
    leave: Floats
    arrive: Floats
    name: Ints
    rise: Floats
    stated: Ints
    ordered: Ints
    outlet: Bools
    ids: Any
    geom: Any

    def turned(self, flip: Any) -> Drawn:
        """Return the lines with those of the mask `flip` turned round."""
        if not flip.any():
            return self
        swap = flip[:, None]
        return self._replace(
            frm=np.where(flip, self.to, self.frm),
            to=np.where(flip, self.frm, self.to),
            leave=np.where(swap, -self.arrive, self.leave),
            arrive=np.where(swap, -self.leave, self.arrive),
            rise=np.where(flip, -self.rise, self.rise),
            stated=np.where(flip, -self.stated, self.stated),
            ordered=np.where(flip, -self.ordered, self.ordered),
        )


class Verdict(NamedTuple):
    """What the witnesses say about turning one chain of reaches."""

    edges: list[int]
    points: int
    rules: list[str]
    sure: float


class Oriented(NamedTuple):
    """Which lines to turn, and how likely each then flows the right way by the choice of outlets.

    `chance` is 1 where no choice was made; `odds` are the log-odds that a line is drawn downstream.
    """

    flip: Bools
    chance: Floats
    odds: float


def orient(drawn: Drawn, ledger: Ledger, *, turn: bool) -> Oriented:
    """Say which lines to turn, and list them.

    Parameters
    ----------
    turn
        False: everything that would be turned is only proposed.
    """
    flip = np.zeros(len(drawn.frm), dtype=bool)
    chance = np.ones(len(drawn.frm))
    flip = _turn_layer(drawn, flip, ledger, turn)
    flip = _turn_stated(drawn, flip, ledger, turn)
    flip, odds = _turn_random(drawn, flip, chance, ledger, turn)
    flip = _turn_chains(drawn, flip, chance, ledger, turn)
    for step in (_turn_mouths, _turn_in_blocks, _turn_uphill):
        flip = step(drawn, flip, ledger, turn)
    _list_oddities(drawn.turned(flip), ledger)
    return Oriented(flip, chance, odds)


def _list_turned(
    drawn: Drawn,
    edges: Any,
    rules: list[str],
    points: float,
    ledger: Ledger,
    *,
    applied: bool,
    most: float = 1.0,
) -> None:
    """List each reach of a chain on its own, so that each can be found by its id."""
    for edge in sorted(int(e) for e in edges):
        repair = ledger.add(
            "reversed",
            [drawn.ids[edge]],
            action="applied" if applied else "proposed",
            rule=" + ".join(rules),
            confidence=round(min(1 - 0.5 ** max(points, 1), most), 3),
            place=drawn.geom[edge],
        )
        if applied:
            ledger.joints.turn(repair, [drawn.ids[edge]])


def _turn_layer(drawn: Drawn, flip: Any, ledger: Ledger, turn: bool) -> Any:
    """Turn everything if junctions part instead of joining all over the layer."""
    n = len(drawn.xy)
    arriving = np.bincount(drawn.to, minlength=n)
    leaving = np.bincount(drawn.frm, minlength=n)
    joining = int(((arriving > 1) & (leaving == 1)).sum())
    parting = int(((leaving > 1) & (arriving == 1)).sum())
    # braids part and join alike, so that springs and mouths tell more than junctions there
    springs = int(((leaving == 1) & (arriving == 0)).sum())
    mouths = int(((arriving == 1) & (leaving == 0)).sum())
    by_junctions = parting >= _FEW_JUNCTIONS and parting >= _PARTING_TO_JOINING * joining
    by_ends = springs > 0 and mouths - springs >= _FEW_JUNCTIONS
    by_ends &= mouths >= _PARTING_TO_JOINING * springs
    if not (by_junctions or by_ends):
        return flip
    rise = drawn.rise[np.isfinite(drawn.rise)]
    if len(rise) and np.sign(rise[np.abs(rise) > CLEAR_DROP_M]).sum() < 0:
        return flip  # the elevations say that it is drawn downstream: a delta
    said = np.sign(drawn.stated) + np.sign(drawn.ordered)
    if (said > 0).sum() > (said < 0).sum() or (drawn.outlet & (leaving == 0)).any():
        return flip
    share = mouths / (mouths + springs) if by_ends else parting / (parting + joining)
    repair = ledger.add(
        "reversed",
        drawn.ids,
        action="applied" if turn else "proposed",
        rule="layer drawn upstream",
        confidence=round(share * (1 - 0.5**parting), 3),
        place=shapely.MultiLineString(list(drawn.geom)),
    )
    if turn:
        ledger.joints.turn(repair, drawn.ids)
    return ~flip if turn else flip


def _turn_stated(drawn: Drawn, flip: Any, ledger: Ledger, turn: bool) -> Any:
    """Turn what the given topology says flows the other way."""
    against = drawn.turned(flip).stated < 0
    edges = np.flatnonzero(against)
    _list_turned(drawn, edges, ["to_id"], _POINTS["to_id"], ledger, applied=turn)
    return flip ^ against if turn else flip


def _turn_random(
    drawn: Drawn, flip: Bools, chance: Floats, ledger: Ledger, turn: bool
) -> tuple[Bools, float]:
    """Direct a layer anew whose lines contradict each other as random ones do.

    Returns the lines to turn, and the log-odds that a line of the layer is drawn downstream.
    """
    now = drawn.turned(flip)
    n = len(now.xy)
    error = chance_of_error(now.frm, now.to, n)
    if not error:
        return flip, DRAWN_RIGHT
    odds = float(np.log((1.0 - error) / error))
    found = redirect(now.frm, now.to, n, now.lengths, _evidence(now), error)
    then = now.turned(found.turn)
    before = sum(contradictions(now.frm, now.to, n))
    if sum(contradictions(then.frm, then.to, n)) > _FEWER * before:
        # what contradicts itself as much in any other direction was not drawn at random
        return flip, DRAWN_RIGHT
    edges = np.flatnonzero(found.turn)
    clear = edges[found.sure[edges] >= _CLEAR]
    if len(clear):
        repair = ledger.add(
            "reversed",
            now.ids[clear],
            action="applied" if turn else "proposed",
            rule="layer drawn at random",
            confidence=round(float(found.sure[clear].min()), 3),
            place=shapely.MultiLineString(list(now.geom[clear])),
        )
        if turn:
            ledger.joints.turn(repair, now.ids[clear])
    for edge in edges[found.sure[edges] < _CLEAR]:
        sure, rules = float(found.sure[edge]), ["layer drawn at random"]
        _list_turned(now, [edge], rules, _POINTS["to_id"], ledger, applied=turn, most=sure)
    if not turn:
        return flip, odds
    chance[:] = found.sure
    return flip ^ found.turn, odds


def _turn_chains(drawn: Drawn, flip: Bools, chance: Floats, ledger: Ledger, turn: bool) -> Bools:
    """Turn chains of bridges that lead away from the outlet to a dead end of their own."""
    now = drawn.turned(flip)
    core = core_of(now.frm, now.to, len(now.xy), now.lengths, _evidence(now), _wholly_doubtful(now))
    verdicts = [_weigh(now, core, chain) for chain in core.chains]
    # where a chain that stays as drawn and one that is turned part, the common reaches stay
    kept = {e for v in verdicts if v.points < TURN_AT for e in v.edges}
    flip, done = flip.copy(), set[int]()
    for verdict in verdicts:
        if verdict.points < TURN_AT - 1:
            continue
        applied = turn and verdict.points >= TURN_AT and verdict.sure >= _SURE_OUTLET
        edges = [e for e in verdict.edges if e not in done and not (applied and e in kept)]
        done.update(edges)
        _list_turned(
            now, edges, verdict.rules, verdict.points, ledger, applied=applied, most=verdict.sure
        )
        if applied:
            flip[edges] ^= True
    against = {e for v in verdicts for e in v.edges}
    for edge, sure in core.sure.items():
        turned = flip[edge] != (drawn.frm[edge] != now.frm[edge])
        right = sure if turned or edge not in against else 1.0 - sure
        chance[edge] = min(chance[edge], right)
    return flip


def _evidence(now: Drawn) -> Evidence:
    clear = np.abs(np.nan_to_num(now.rise)) >= CLEAR_DROP_M
    by_dem = np.where(clear, -np.sign(np.nan_to_num(now.rise)), 0.0)
    pull = np.full(len(now.frm), DRAWN_RIGHT)
    for witness, vote in (
        ("dem", by_dem), ("sections", np.sign(now.ordered)), ("to_id", np.sign(now.stated))
    ):  # fmt: skip
        pull += SAYS[witness] * vote
    return Evidence(pull, now.leave, now.arrive, now.name, now.outlet)


def _wholly_doubtful(now: Drawn) -> Bools:
    """Mark the nodes of pieces that known outlets, sections or elevations contradict as drawn."""
    n = len(now.xy)
    piece = components(now.frm, now.to, n)
    rise = np.nan_to_num(now.rise)
    climbs = np.sign(rise) * (np.abs(rise) >= CLEAR_DROP_M)
    wrong = np.zeros(n, dtype=bool)
    wrong[piece[now.frm[now.ordered < 0]]] = True
    leaving = np.bincount(now.frm, minlength=n)
    degree = leaving + np.bincount(now.to, minlength=n)
    wrong[piece[now.outlet & (leaving > 0)]] = True
    # a line without a fork is left to its elevations alone
    forked = np.bincount(piece[np.flatnonzero(degree > _MEETING)], minlength=n) > 0
    wrong |= forked & (np.bincount(piece[now.frm], weights=climbs, minlength=n) > 0)
    return wrong[piece]


def _weigh(now: Drawn, core: Core, chain: Chain) -> Verdict:
    """Ask every witness about a chain; its reaches run from the sink back to the place they leave.

    Where another outlet is as likely, turning is only proposed.
    """
    edges, sink, outlet = chain.edges, chain.sink, chain.outlet
    witnesses = {
        "head_to_head": _head_to_head(now, core, sink),
        "tail_to_tail": _tail_to_tail(core, edges, now),
        "name": _name_says(now, core, edges, sink),
        "dem": _dem_says(now, edges),
    }
    if now.outlet[sink]:
        witnesses["outlets"] = -_POINTS["to_id"]
    elif now.outlet[outlet]:
        witnesses["outlets"] = _POINTS["outlets"]
    if now.ordered[edges].any():
        against = bool((now.ordered[edges] < 0).any())
        witnesses["sections"] = _POINTS["sections"] * (1 if against else -1)
    if core.degree[sink] == 1:  # a dead end: does it look like a brook or like a distributary?
        witnesses["angle"] = _angle_says(now, core, edges[-1])
        witnesses["progress"] = _progress_says(now, edges, sink, outlet)
    if (now.stated[edges] > 0).any():
        witnesses["to_id"] = -_POINTS["to_id"]
    rules = [rule for rule, points in witnesses.items() if points > 0]
    if chain.by_course:
        rules.append("course")
    return Verdict(edges, sum(witnesses.values()), rules, chain.sure)


def _head_to_head(now: Drawn, core: Core, sink: int) -> int:
    return _POINTS["head_to_head"] if core.degree[sink] > 1 else 0


def _tail_to_tail(core: Core, edges: list[int], now: Drawn) -> int:
    fork = now.frm[edges[-1]]
    return _POINTS["tail_to_tail"] if core.arriving[fork] == 0 and core.degree[fork] > 1 else 0


def _dem_says(now: Drawn, edges: list[int]) -> int:
    rise = float(np.sum(now.rise[edges]))
    if not np.isfinite(rise) or abs(rise) < CLEAR_DROP_M:
        return 0
    return _POINTS["dem"] if rise > 0 else -_POINTS["dem"]


def _name_says(now: Drawn, core: Core, edges: list[int], sink: int) -> int:
    """A river is named on from its spring to its mouth; what has a name of its own is a river."""
    mine = now.name[edges[-1]]
    if mine < 0:
        return 0
    fork = now.frm[edges[-1]]
    arriving = core.names_arriving(fork, now.name, without=edges)
    leaving = core.names_leaving(fork, now.name, without=edges)
    if core.degree[sink] > 1 and now.name[edges[0]] in core.names_arriving(
        sink, now.name, without=edges
    ):
        return 1  # a river that meets itself head on
    if mine in leaving:
        return -1 if mine in arriving else 1
    others = {k for k in arriving | leaving if k >= 0}
    return 1 if others and mine not in others else (-1 if mine in arriving else 0)


def _angle_says(now: Drawn, core: Core, edge: int) -> int:
    """A tributary joins at a sharp angle with the way down, a distributary leaves at one."""
    onward = core.leaving(int(now.frm[edge]), without=[edge])
    if not len(onward):
        return 0
    down = now.leave[onward[np.argmax(now.lengths[onward])]]
    cosine = float(now.leave[edge] @ down)
    return 0 if abs(cosine) < _CLEAR_ANGLE else (1 if cosine < 0 else -1)


def _progress_says(now: Drawn, edges: list[int], sink: int, outlet: int) -> int:
    """A spring lies farther from the outlet than its mouth, as the crow flies."""
    fork = int(now.frm[edges[-1]])
    place = now.xy[[sink, fork, outlet]] * [np.cos(np.radians(now.xy[outlet, 1])), 1.0]
    here, there = np.hypot(*(place[:2] - place[2]).T)
    return 1 if here > there else -1


def _turn_mouths(drawn: Drawn, flip: Any, ledger: Ledger, turn: bool) -> Any:
    """Turn the last reaches of a river that is drawn against itself from its mouth up.

    The only sink of a piece then lies inside it, and a way of the same name runs to it from a
    free end.
    """
    now = drawn.turned(flip)
    n = len(now.xy)
    arriving, leaving = group(now.to, n), group(now.frm, n)
    n_in, n_out = np.diff(arriving.first), np.diff(leaving.first)
    flip = flip.copy()
    for sink in np.flatnonzero((n_out == 0) & (n_in > 1)):
        edges = arriving.of(np.array([sink]))
        ways = [_way_back(int(e), now, arriving, n_in, n_out) for e in edges]
        found = [_mouth_points(way, edges, now) for way in ways]
        points = [p for p, _ in found]
        best = int(np.argmax(points))
        if points[best] >= TURN_AT and points.count(points[best]) == 1:
            _list_turned(now, ways[best], found[best][1], points[best], ledger, applied=turn)
            if turn:
                flip[ways[best]] ^= True
    return flip


def _way_back(edge: int, now: Drawn, arriving: Any, n_in: Ints, n_out: Ints) -> list[int]:
    """Follow a reach back along its own name to a free end; empty if there is none."""
    way = [edge]
    while True:
        node = now.frm[way[-1]]
        if n_out[node] > 1:
            return []
        if n_in[node] == 0:
            return way
        above = arriving.of(np.array([node]))
        same = above[now.name[above] == now.name[edge]] if now.name[edge] >= 0 else above
        if len(same) != 1 or int(same[0]) in way:
            return []
        way.append(int(same[0]))


def _mouth_points(way: list[int], arriving: Ints, now: Drawn) -> tuple[int, list[str]]:
    if not way:
        return 0, []
    points, rules = 0, list[str]()
    others = arriving[arriving != way[0]]
    mine = now.name[way[0]]
    # the river of this name arrives from the other side too, and has tributaries or length there
    if mine >= 0 and (now.name[others] == mine).any():
        rival = others[now.name[others] == mine]
        if now.lengths[way].sum() < now.lengths[rival].sum() or len(way) == 1:
            points, rules = points + _POINTS["head_to_head"], [*rules, "head_to_head", "name"]
    dem = _dem_says(now, way)
    if dem > 0 and (now.rise[others] < 0).all():
        points, rules = points + dem, [*rules, "dem"]
    elif dem < 0:
        points += dem
    return points, rules


def _turn_in_blocks(drawn: Drawn, flip: Any, ledger: Ledger, turn: bool) -> Any:
    """Turn the one arm of a braid whose turning removes every contradiction in it."""
    now = drawn.turned(flip)
    flip = flip.copy()
    for edges in mend_blocks(now.frm, now.to, len(now.xy)):
        rise = _dem_says(now, edges)
        done = turn and rise >= 0
        _list_turned(now, edges, ["braid", *(["dem"] if rise > 0 else [])], 2, ledger, applied=done)
        if done:
            flip[edges] ^= True
    return flip


def _turn_uphill(drawn: Drawn, flip: Any, ledger: Ledger, turn: bool) -> Any:
    """Let elevations speak where nothing else does: a piece that climbs all the way is turned.

    Single reaches that climb inside a piece that does not are only listed.
    """
    now = drawn.turned(flip)
    if not np.isfinite(now.rise).any():
        return flip
    n = len(now.xy)
    piece = components(now.frm, now.to, n)[now.frm]
    rise = np.nan_to_num(now.rise)
    total = np.bincount(piece, weights=rise, minlength=n)
    # without a junction the drawn direction is all there is: a chain from one end to the other
    ends = np.bincount(now.frm, minlength=n) + np.bincount(now.to, minlength=n)
    forked = np.zeros(n, dtype=bool)
    forked[components(now.frm, now.to, n)[ends > 2]] = True
    wrong = (total[piece] > CLEAR_DROP_M) & ~forked[piece]
    wrong &= ~_turned_already(drawn, flip)
    _list_turned(now, np.flatnonzero(wrong), ["dem"], 2, ledger, applied=turn)
    steep = (rise > np.maximum(4 * CLEAR_DROP_M, 0.01 * now.lengths)) & ~wrong
    for edge in np.flatnonzero(steep):
        ledger.add(
            "uphill",
            [now.ids[edge]],
            action="proposed",
            distance_m=rise[edge],
            rule="dem",
            confidence=0.5,
            place=now.geom[edge],
        )
    return flip ^ wrong if turn else flip


def _turned_already(drawn: Drawn, flip: Any) -> Any:
    """What the given topology states is not asked of elevations again."""
    stated = drawn.turned(flip).stated > 0
    piece = components(drawn.frm, drawn.to, len(drawn.xy))[drawn.frm]
    known = np.zeros(len(drawn.xy), dtype=bool)
    known[piece[stated]] = True
    return known[piece]


def _list_oddities(now: Drawn, ledger: Ledger) -> None:
    """List what still contradicts itself, and outlets besides the largest of a piece."""
    n = len(now.xy)
    arriving, leaving = group(now.to, n), group(now.frm, n)
    n_in, n_out = np.diff(arriving.first), np.diff(leaving.first)
    piece = components(now.frm, now.to, n)
    sinks = np.flatnonzero(n_out == 0)
    per_piece = np.bincount(piece[sinks], minlength=n)
    several = sinks[per_piece[piece[sinks]] > 1]
    main = main_outlets(several, piece, now.frm, now.to, arriving, now.lengths, now.name)
    for sink in sinks[(n_in[sinks] > 1) | (per_piece[piece[sinks]] > 1)]:
        edges = arriving.of(np.array([sink]))
        alone = per_piece[piece[sink]] == 1
        if n_in[sink] > 1 and not (alone and _may_be_mouth(now, edges)):
            kind = "head_to_head"
        elif not alone and sink not in main:
            kind = "second_outlet"
        else:
            continue
        ledger.add(kind, now.ids[edges], action="none", place=shapely.Point(now.xy[sink]))
    for dry in np.flatnonzero(now.outlet & (n_in == 0) & (n_out > 0)):
        edges = leaving.of(np.array([dry]))
        ledger.add("outlet_dry", now.ids[edges], action="none", place=shapely.Point(now.xy[dry]))
    for source in np.flatnonzero((n_in == 0) & (n_out > 1)):
        edges = leaving.of(np.array([source]))
        place = shapely.Point(now.xy[source])
        ledger.add("tail_to_tail", now.ids[edges], action="none", place=place)


def _may_be_mouth(now: Drawn, edges: Ints) -> bool:
    """Several rivers may end at one place of the shore, but not one river from two sides."""
    names = now.name[edges]
    names = names[names >= 0]
    return len(np.unique(names)) == len(edges)
