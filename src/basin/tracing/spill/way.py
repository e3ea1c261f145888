"""The reaches below a place, cut at structures, with the time of the peak for each case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._network.arrays import chain_sums
from basin.tracing.routes import quickest
from basin.tracing.spill.hydraulics import CASES, Hydraulics

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["DELAYING", "Way", "delays_of", "way_below"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_S_PER_H = 3_600.0

#: Times and places nearer than this are one, in hours and metres.
_SAME_H, _SAME_M = 1e-9, 1e-6

#: Structures that hold water back while the river flows; a pond or a bridge does not.
DELAYING = ("dam", "sluice", "weir")


class At(NamedTuple):
    """Places on the way, one column a case, as `Way` tells of stretches.

    ``reach`` is the position of the reach by which the first water comes there: at a confluence
    that may be another than the one that the place was snapped to.
    """

    reach: Ints
    distance_m: Floats
    peak_h: Floats
    lag_h: Floats
    delay_h: Floats
    default_h: Floats
    spread_s2: Floats


@dataclass(frozen=True)
class Way:
    """All that lies below a place, each reach reached by the quickest way of each case.

    Which arm of a braid is the quickest depends on the flow where a structure holds one back.

    Attributes
    ----------
    reaches
        By ``reach_id``, nearest first, the spill's own reach at the head: columns of
        ``network.reaches``; ``start_m`` (measure where it begins to count), ``length_m`` (from
        there), ``distance_m`` (from the spill to there at median flow), ``share`` (part of the
        matter that passes).
    stretches
        Reaches cut below structures: ``reach`` (position), ``from_measure_m``, ``to_measure_m``.
    before, first : shape (r, 4)
        Position of the reach by which the first water comes to each reach, by case (-1 for the
        spill's own), and of the one by which it comes to the node at its lower end.
    distance_m : shape (s, 4)
        From the spill to the upper end of each stretch by that way.
    start_h, end_h : shape (s, 4)
        Hours of the peak of an instantaneous release at both ends of each stretch, by case.
    lag_h : shape (s, 4)
        How much later what comes by the slowest way is: 0 where no arms rejoin above.
    node_lag_h : shape (r, 4)
        The same at the node at the lower end of each reach.
    wait_h, delay_h : shape (s, 4)
        How long water waits at the upper end of each stretch, and at all structures so far: part
        of `start_h`.
    default_h, default_end_h : shape (s, 4)
        Part of both that rests on the default velocity.
    spread_s2, spread_end_s2 : shape (s, 4)
        Variance in time of a cloud that disperses by Fischer, in s2; NaN once it is not known.
    hydraulics
        Of the reaches, in their order.
    """

    reaches: pd.DataFrame
    stretches: pd.DataFrame
    before: Ints
    first: Ints
    distance_m: Floats
    start_h: Floats
    end_h: Floats
    lag_h: Floats
    node_lag_h: Floats
    wait_h: Floats
    delay_h: Floats
    default_h: Floats
    default_end_h: Floats
    spread_s2: Floats
    spread_end_s2: Floats
    hydraulics: Hydraulics

    def locate(self, reach_ids: Any, measures: Any) -> Ints:
        """Position of the stretch that holds each place, -1 where water of the spill never comes.

        A place at a structure belongs to the stretch above it: its delay comes after.
        """
        reach = self.reaches.index.get_indexer(pd.Index(np.asarray(reach_ids, dtype=object)))
        measure = np.asarray(measures, dtype=float)
        key = self.stretches["reach"].to_numpy()
        found = np.full(len(reach), -1, dtype=np.intp)
        for n in np.flatnonzero(reach >= 0):
            low, high = np.searchsorted(key, reach[n]), np.searchsorted(key, reach[n], side="right")
            ends = self.stretches["to_measure_m"].to_numpy()[low:high]
            inside = int(np.searchsorted(ends, measure[n] - 1e-6))
            if measure[n] >= self.stretches["from_measure_m"].to_numpy()[low] - 1e-6:
                found[n] = low + min(inside, high - low - 1)
        return found

    def at(self, stretch: Ints, measures: Any) -> At:
        """Tell of places on the way, each by its stretch and measure."""
        reach = self.stretches["reach"].to_numpy()
        begin, end = (
            self.stretches[c].to_numpy(dtype=float) for c in ("from_measure_m", "to_measure_m")
        )
        tail = np.flatnonzero(np.append(reach[1:] != reach[:-1], True))
        measure = np.asarray(measures, dtype=float)
        own = reach[stretch]
        # the end of a reach is a node, to which other arms come too
        node = ((stretch == tail[own]) & (measure >= end[stretch] - _SAME_M))[:, None]
        case = np.arange(len(CASES))
        at = np.where(node, tail[self.first[own]], stretch[:, None])
        size = (end - begin)[at]
        into = np.where(node, size, np.clip(measure - begin[stretch], 0.0, None)[:, None])
        into = np.minimum(into, size)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(size > 0, into / size, 0.0)

        def between(start: Floats, end: Floats) -> Floats:
            return np.asarray(start[at, case] + share * (end[at, case] - start[at, case]))

        return At(
            reach[at],
            self.distance_m[at, case] + into,
            between(self.start_h, self.end_h),
            np.where(node, self.node_lag_h[own], self.lag_h[at, case]),
            self.delay_h[at, case],
            between(self.default_h, self.default_end_h),
            between(self.spread_s2, self.spread_end_s2),
        )


def delays_of(structures: pd.DataFrame, hydraulics: Hydraulics) -> pd.DataFrame:
    """Hours that the water of each structure takes to be replaced: volume over flow.

    Parameters
    ----------
    structures
        On the way: ``reach_id``, ``kind``, ``volume_m3``.

    Returns
    -------
    DataFrame on the same index, one column a case; 0 in the fastest one, for structures that hold
    nothing back, and where volume or flow is not known (``known`` is then False).
    """
    flow = hydraulics.flow_m3_s.reindex(structures["reach_id"]).to_numpy(dtype=float)
    volume = structures["volume_m3"].to_numpy(dtype=float)[:, None]
    holds = structures["kind"].isin(DELAYING).to_numpy(dtype=bool)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        hours = volume / flow / _S_PER_H
    known = np.isfinite(hours).all(axis=1) | ~holds[:, 0]
    hours = np.where(holds & np.isfinite(hours), hours, 0.0)
    hours[:, CASES.index("fastest")] = 0.0
    result = pd.DataFrame(hours, index=structures.index, columns=list(CASES))
    return result.assign(known=known)


def way_below(
    network: RiverNetwork,
    start: tuple[Any, float],
    hydraulics_of: Any,
    structures: pd.DataFrame,
) -> Way:
    """Follow the water from a place to every outlet that it comes to.

    Parameters
    ----------
    start
        (reach_id, measure_m).
    hydraulics_of
        Function from rows of ``network.reaches`` to `Hydraulics`.
    structures
        On the network: ``reach_id``, ``measure_m``, ``kind``, ``volume_m3``.
    """
    below = network.distance_from(start)
    # the spill's own reach first, also where a circle would bring water back to it
    order = pd.Index([start[0]]).append(below.index[below.index != start[0]])
    reaches = pd.DataFrame(network.reaches.loc[order].drop(columns="geometry"))
    hydraulics: Hydraulics = hydraulics_of(reaches)
    whole = reaches["length_m"].to_numpy(dtype=float)
    first = np.zeros(len(order))
    first[0] = start[1]
    reaches["start_m"], reaches["length_m"] = first, whole - first
    passing = network.accumulate({start[0]: 1.0})
    reaches["share"] = passing.loc[order].to_numpy(dtype=float)
    held = structures[structures["kind"].isin(DELAYING)]
    stretches, delay = _stretches(reaches, whole, held, delays_of(held, hydraulics))
    return _timed(reaches, stretches, hydraulics, delay)


def _stretches(
    reaches: pd.DataFrame, whole: Floats, structures: pd.DataFrame, delays: pd.DataFrame
) -> tuple[pd.DataFrame, Floats]:
    """Cut the reaches at structures; each stretch with the delay that waits at its upper end."""
    n = len(reaches)
    at = reaches.index.get_indexer(pd.Index(structures["reach_id"], dtype=object))
    measure = structures["measure_m"].to_numpy(dtype=float)
    first = reaches["start_m"].to_numpy(dtype=float)
    on = (at >= 0) & (measure >= first[np.maximum(at, 0)] - 1e-6)
    reach = np.append(np.arange(n), at[on]).astype(np.intp)
    begin = np.append(first, np.minimum(measure[on], whole[at[on]]))
    wait = np.vstack([np.zeros((n, len(CASES))), delays.loc[on, list(CASES)].to_numpy(dtype=float)])
    # at one place the stretch that begins there without a structure comes first
    order = np.lexsort((np.arange(len(reach)), begin, reach))
    reach, begin, wait = reach[order], begin[order], wait[order]
    last = np.append(reach[1:] != reach[:-1], True)
    end = np.where(last, whole[reach], np.append(begin[1:], 0.0))
    return pd.DataFrame({"reach": reach, "from_measure_m": begin, "to_measure_m": end}), wait


def _timed(
    reaches: pd.DataFrame, stretches: pd.DataFrame, hydraulics: Hydraulics, delay: Floats
) -> Way:
    """Find the quickest way of each case, and add up down it what `Way` tells of each stretch."""
    reach = stretches["reach"].to_numpy()
    head = np.append(True, reach[1:] != reach[:-1])
    tail = np.flatnonzero(np.append(head[1:], True))
    size = (stretches["to_measure_m"] - stretches["from_measure_m"]).to_numpy(dtype=float)[:, None]
    speed = hydraulics.velocity_m_s.to_numpy(dtype=float)[reach]
    through = size / speed / _S_PER_H
    hours = np.add.reduceat(through + delay, np.flatnonzero(head), axis=0)  # of each reach
    frm, to = (reaches[c].to_numpy() for c in ("from_node", "to_node"))
    ways = [quickest(frm, to, cost, reaches.index) for cost in hours.T]
    before = np.column_stack(ways)
    upper = before[reach]
    after = np.where(
        head[:, None],
        np.where(upper < 0, -1, tail[upper]),
        np.arange(len(reach))[:, None] - 1,
    )
    ex = np.column_stack([hydraulics.dispersion(case) for case in CASES])[reach]
    spread = 2.0 * ex * size / speed**3
    assumed = hydraulics.table["tier"].eq("default").to_numpy()[reach][:, None]
    default = np.where(assumed, through, 0.0)

    def down(values: Floats) -> Floats:
        many = np.broadcast_to(values, after.shape)
        return np.column_stack([chain_sums(a, v) for a, v in zip(after.T, many.T, strict=True)])

    end, default_end, spread_end = down(through + delay), down(default), down(spread)
    distance = down(size) - size
    reaches["distance_m"] = distance[head, CASES.index("median")]
    lag, node_lag = _lags(reaches, end[tail] - hours, hours)
    return Way(
        reaches=reaches,
        stretches=stretches,
        before=before,
        first=_first_into(to, end[tail]),
        distance_m=distance,
        start_h=end - through,  # a delay waits at the upper end: what lies in it comes later
        end_h=end,
        lag_h=lag[reach],
        node_lag_h=node_lag,
        wait_h=delay,
        delay_h=down(delay),
        default_h=default_end - default,
        default_end_h=default_end,
        spread_s2=spread_end - spread,
        spread_end_s2=spread_end,
        hydraulics=hydraulics,
    )


def _first_into(to: Any, end: Floats) -> Ints:
    """Position of the reach that is the first to bring water to the lower node of each, by case."""
    by_case = []
    for hours in end.T:
        order = np.argsort(hours, kind="stable")
        nodes, first = np.unique(to[order], return_index=True)
        by_case.append(order[first][np.searchsorted(nodes, to)])
    return np.column_stack(by_case)


def _lags(reaches: pd.DataFrame, first: Floats, hours: Floats) -> tuple[Floats, Floats]:
    """How much later than the first water the last comes to each reach, and to its lower node.

    Parameters
    ----------
    reaches
        ``from_node``, ``to_node``, ``topo_order``, the spill's own at the head.
    first, hours : shape (r, 4)
        When the first water comes to the upper end of each, and what it takes to the lower end.
    """
    nodes, both = np.unique(reaches[["from_node", "to_node"]].to_numpy(), return_inverse=True)
    frm, to = both.reshape(-1, 2).T
    rank = reaches["topo_order"].to_numpy()
    leaves = np.full(len(nodes), rank.max() + 1)
    np.minimum.at(leaves, frm[1:], rank[1:])
    forward = rank < leaves[to]  # what closes a circle brings nothing new
    soonest = np.full((len(nodes), hours.shape[1]), np.inf)
    np.minimum.at(soonest, to, first + hours)
    last = np.full_like(soonest, -np.inf)
    last[to[0]] = hours[0]
    front = to[:1]
    while len(front):
        edges = np.flatnonzero(np.isin(frm, front) & forward)
        edges = edges[edges > 0]
        before = last.copy()
        np.maximum.at(last, to[edges], last[frm[edges]] + hours[edges])
        front = np.flatnonzero((last > before).any(axis=1))
    late = np.maximum(last - soonest, 0.0)
    late = np.where(np.isfinite(late) & (late > _SAME_H), late, 0.0)
    own = late[frm]
    own[0] = 0.0
    return own, late[to]
