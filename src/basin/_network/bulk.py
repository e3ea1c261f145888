"""Many places at once: who lies above each of many targets, and which target comes next below.

All that drains to a reach stands behind it in one interval of :class:`Tree.seq`, or in a few where
rivers part and have not come back; so the answer to a million pairs is some slices of one order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from basin._network.arrays import Bools, Floats, Ints, group, ranges
from basin._network.attributes import Tree, open_partings, subtree
from basin._network.fast import kernels
from basin.errors import NetworkError

__all__ = ["Spots", "UpstreamPairs", "nearest_below", "next_on_main", "slices_above"]


#: From so many points on a compiled sort pays.
_MANY_POINTS = 50_000


class Spots(NamedTuple):
    """Places on a network, one an item.

    Attributes
    ----------
    labels
        What each is called in results.
    reach : shape (p,)
        -1 for an item that has no place on the network.
    measure : shape (p,)
        Metres from the upstream end of its reach.
    """

    labels: pd.Index
    reach: Ints
    measure: Floats


@dataclass(frozen=True, repr=False)
class UpstreamPairs:
    """Which points (or reaches) lie upstream of which targets, as slices of one order.

    A pair is a point that drains to a target. There may be far more pairs than fit in memory as
    rows: :meth:`counts`, :meth:`totals` and :meth:`of` never make them.

    Attributes
    ----------
    points, targets : Index
        Labels, in the order given.
    order : shape (q,)
        Positions in `points` of those that are on the network, a river and all above it together.
    target, low, high : shape (k,)
        The points ``order[low:high]`` lie upstream of the target at position `target`. Ordered by
        target; one slice a target where rivers do not part.
    """

    points: pd.Index
    targets: pd.Index
    order: Ints
    target: Ints
    low: Ints
    high: Ints

    def __len__(self) -> int:
        """Number of pairs."""
        return int((self.high - self.low).sum())

    def __repr__(self) -> str:
        return (
            f"<UpstreamPairs: {len(self)} pairs of {len(self.points)} points and "
            f"{len(self.targets)} targets in {len(self.low)} slices>"
        )

    def counts(self) -> pd.Series:
        """Return the number of points above each target, 0 for a target without a place."""
        count = np.zeros(len(self.targets), dtype=np.int64)
        np.add.at(count, self.target, self.high - self.low)
        return pd.Series(count, index=self.targets, name="points")

    def of(self, target: Any) -> pd.Index:
        """Return the points above one target.

        Raises
        ------
        NetworkError
            If no target, or more than one, is called so.
        """
        named = np.flatnonzero(self.targets == target)
        if len(named) != 1:
            many = "no target" if not len(named) else f"{len(named)} targets"
            raise NetworkError(f"{many} of this name", ids=[target], mend="See `targets`.")
        mine = self.target == named[0]
        return self.points[self.order[ranges(self.low[mine], (self.high - self.low)[mine])]]

    def totals(self, values: pd.Series) -> pd.Series:
        """Add up a value of the points above each target, such as a load, without decay.

        Parameters
        ----------
        values
            One a point: on the index of the points, or in their order. Missing ones count as 0.
        """
        if not values.index.equals(self.points):
            if values.index.has_duplicates or self.points.has_duplicates:
                raise NetworkError(
                    "values cannot be told apart by label", mend="Give one a point, in their order."
                )
            values = values.reindex(self.points)
        own = np.nan_to_num(pd.to_numeric(values).to_numpy(dtype=float))[self.order]
        total = np.zeros(len(self.targets))
        np.add.at(total, self.target, _slice_sums(own, self.low, self.high))
        return pd.Series(total, index=self.targets, name=values.name)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a pair: ``target`` and ``point``; by target, then in the order given."""
        count = self.high - self.low
        point = self.order[ranges(self.low, count)]
        target = np.repeat(self.target, count)
        by_row = np.lexsort((point, target))
        return pd.DataFrame(
            {"target": self.targets[target[by_row]], "point": self.points[point[by_row]]}
        )

    def to_sparse(self) -> Any:
        """Return the pairs as a ``scipy.sparse.csr_array`` of bool, targets by points.

        Needs scipy (``pip install basin-gis[fast]``).
        """
        from scipy.sparse import csr_array

        count = self.high - self.low
        first = np.zeros(len(self.targets) + 1, dtype=np.int64)
        np.cumsum(self.counts().to_numpy(), out=first[1:])
        point = self.order[ranges(self.low, count)]
        shape = (len(self.targets), len(self.points))
        result = csr_array((np.ones(len(point), dtype=bool), point, first), shape=shape)
        result.sort_indices()
        return result


def _slice_sums(values: Floats, low: Ints, high: Ints) -> Floats:
    """Sum ``values[low:high]`` for many slices, none empty, that may lie in each other."""
    if not len(low):
        return np.zeros(0)
    # first the sums between the places where any slice begins or ends, then those of each slice
    marks = np.unique(np.concatenate([low, high]))
    pieces = np.append(np.add.reduceat(np.append(values, 0.0), marks)[:-1], 0.0)
    ends = np.column_stack([np.searchsorted(marks, low), np.searchsorted(marks, high)])
    result: Floats = np.add.reduceat(pieces, ends.reshape(-1))[::2]
    return result


def slices_above(tree: Tree, points: Spots | None, targets: Spots) -> tuple[Ints, ...]:
    """Find the points above each target.

    Parameters
    ----------
    points
        None: all reaches of the network, each whole.

    Returns
    -------
    order, target, low, high
        As in :class:`UpstreamPairs`.
    """
    at = np.flatnonzero(targets.reach >= 0)
    target, begin, end = _intervals(tree, targets.reach[at])
    own = tree.pos[targets.reach[at]][target]
    if points is None:  # the places in `seq` are the reaches themselves
        order, low, high = tree.seq, begin, end
    else:
        placed = np.flatnonzero(points.reach >= 0)
        place, measure = tree.pos[points.reach[placed]], points.measure[placed]
        # on one reach the lower points first: what lies above a place on it ends with the rest
        by_place = _down_to_up(place, measure, len(tree.seq))
        order, place, measure = placed[by_place], place[by_place], measure[by_place]
        holds = (begin <= own) & (own < end)
        # the interval that holds the target's own reach begins on it, at the measure
        before = np.flatnonzero(holds & (begin < own))  # only where reaches run in a circle
        low = np.searchsorted(place, begin)
        low[holds] = _first_above(place, measure, own[holds], targets.measure[at][target[holds]])
        high = np.searchsorted(place, end)
        low = np.concatenate([low, np.searchsorted(place, begin[before])])
        high = np.concatenate([high, np.searchsorted(place, own[before])])
        target = np.concatenate([target, target[before]])
    target = at[target]
    some = np.flatnonzero(high > low)
    some = some[np.lexsort((low[some], target[some]))]
    return order, target[some], low[some], high[some]


def _down_to_up(place: Ints, measure: Floats, m: int) -> Ints:
    """Order by place, on one place by falling measure, equal ones as they stand."""
    fast = kernels(len(place), _MANY_POINTS)
    if fast is None:
        return np.lexsort((-measure, place))
    found = group(place, m)
    within = fast.order_within(found.first, -measure[found.items], found.items)
    result: Ints = found.items[within]
    return result


def _intervals(tree: Tree, reach: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the intervals of `tree.seq` above many reaches, and whose each is."""
    parted = open_partings(tree, reach)
    one = np.setdiff1d(np.arange(len(reach)), parted)
    target, low = [one], [tree.pos[reach[one]]]
    high = [tree.pos[reach[one]] + tree.size[reach[one]]]
    for k in parted.tolist():
        found = np.array(subtree(tree, int(reach[k])), dtype=np.intp)
        target.append(np.full(len(found), k, dtype=np.intp))
        low.append(found[:, 0])
        high.append(found[:, 1])
    return np.concatenate(target), np.concatenate(low), np.concatenate(high)


def _first_above(place: Ints, measure: Floats, own: Ints, limit: Floats) -> Ints:
    """First item at place `own` (or after it) that is not below `limit`; by halving."""
    low, high = np.searchsorted(place, own, side="left"), np.searchsorted(place, own, side="right")
    while (low < high).any():
        open_ = low < high
        middle = (low + high) // 2
        below = open_ & (measure[np.minimum(middle, len(measure) - 1)] > limit)
        low = np.where(below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low


class _OnReach(NamedTuple):
    """Targets in the order of their reaches, and then down each."""

    order: Ints  # positions of the targets
    first: Ints  # shape (m + 1,)
    measure: Floats

    def after(self, reach: Ints, measure: Floats, strict: bool) -> Ints:
        """First target on a reach at or below a measure (below, if `strict`); -1 if none."""
        low, high = self.first[reach], self.first[reach + 1]
        end = high
        while (low < high).any():
            open_ = low < high
            middle = (low + high) // 2
            here = self.measure[np.minimum(middle, len(self.measure) - 1)]
            above = open_ & ((here <= measure) if strict else (here < measure))
            low = np.where(above, middle + 1, low)
            high = np.where(open_ & ~above, middle, high)
        return np.where(low < end, low, -1)


def _by_reach(targets: Spots, m: int) -> _OnReach:
    placed = np.flatnonzero(targets.reach >= 0)
    order = placed[np.lexsort((placed, targets.measure[placed], targets.reach[placed]))]
    first = np.searchsorted(targets.reach[order], np.arange(m + 1))
    return _OnReach(order, first, targets.measure[order])


def next_on_main(
    points: Spots, targets: Spots, down: Ints, to_outlet: Floats, strict: bool
) -> tuple[Ints, Floats]:
    """Find the first target on the main way below each point.

    Parameters
    ----------
    down, to_outlet : shape (m,)
        Next reach on the main way; metres on it from each reach's upstream end to the outlet.

    Returns
    -------
    target
        Its position, -1 for none.
    distance_m
    """
    m = len(down)
    on = _by_reach(targets, m)
    has = np.append(on.first[1:] > on.first[:-1], True)
    ends = np.append(np.where(down < 0, m, down), m)
    jump = np.where(has, np.arange(m + 1), ends)  # a reach with a target holds on to itself
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        jump = further
    placed = np.flatnonzero(points.reach >= 0)
    reach, measure = points.reach[placed], points.measure[placed]
    found = on.after(reach, measure, strict)
    beyond = np.flatnonzero(found < 0)
    below = jump[ends[reach[beyond]]]
    found[beyond] = np.where(below < m, on.first[np.minimum(below, m - 1)], -1)
    target = np.full(len(points.reach), -1, dtype=np.intp)
    distance = np.full(len(points.reach), np.nan)
    hit = np.flatnonzero(found >= 0)
    chosen = on.order[found[hit]]
    target[placed[hit]] = chosen
    left = to_outlet[targets.reach[chosen]] - targets.measure[chosen]
    way = (to_outlet[reach[hit]] - measure[hit]) - left
    same = reach[hit] == targets.reach[chosen]
    distance[placed[hit]] = np.where(same, targets.measure[chosen] - measure[hit], way)
    return target, distance


def nearest_below(
    points: Spots,
    targets: Spots,
    frm: Ints,
    to: Ints,
    n: int,
    lengths: Floats,
    levels: list[Ints],
    passes: Bools,
    strict: bool,
) -> tuple[Ints, Floats]:
    """Find the nearest target below each point by any way; see :func:`next_on_main`."""
    on = _by_reach(targets, len(frm))
    has = on.first[1:] > on.first[:-1]
    own = np.where(has, on.first[:-1], -1)
    own_m = np.full(len(frm), np.inf)
    own_m[has] = on.measure[on.first[:-1][has]]
    best = np.full(n, np.inf)  # metres from a node to the nearest target below
    which = np.full(n, -1, dtype=np.intp)
    while True:  # once; again only where reaches run in a circle
        before = best.copy()
        for edges in levels[::-1]:
            way = np.where(has[edges], own_m[edges], lengths[edges] + best[to[edges]])
            node = frm[edges]
            np.minimum.at(best, node, way)
            least = np.flatnonzero((way <= best[node]) & np.isfinite(way))[::-1]
            pick = edges[least]  # in a tie the reach that comes first is written last
            which[node[least]] = np.where(has[pick], own[pick], which[to[pick]])
        if passes.all() or np.array_equal(before, best):
            break
    placed = np.flatnonzero(points.reach >= 0)
    reach, measure = points.reach[placed], points.measure[placed]
    found = on.after(reach, measure, strict)
    target = np.full(len(points.reach), -1, dtype=np.intp)
    distance = np.full(len(points.reach), np.nan)
    here = np.flatnonzero(found >= 0)
    target[placed[here]] = on.order[found[here]]
    distance[placed[here]] = on.measure[found[here]] - measure[here]
    beyond = np.flatnonzero(found < 0)
    node = to[reach[beyond]]
    beyond, node = beyond[which[node] >= 0], node[which[node] >= 0]
    target[placed[beyond]] = on.order[which[node]]
    distance[placed[beyond]] = lengths[reach[beyond]] - measure[beyond] + best[node]
    return target, distance
