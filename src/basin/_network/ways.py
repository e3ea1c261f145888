"""Navigation of a network: what lies above and below a place, walked distances, ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from basin._network import navigate
from basin._network.arrays import Bools, Floats, Ints, chain_sums
from basin._network.base import Start
from basin._network.bulk import (
    Spots,
    UpstreamPairs,
    nearest_below,
    next_on_main,
    slices_above,
)
from basin._network.twoway import TwoWay
from basin.errors import NetworkError

__all__ = ["Navigation"]


class Navigation(TwoWay):
    """The part of :class:`basin.network.RiverNetwork` that walks it."""

    def upstream(
        self,
        start: Start,
        *,
        tributaries: bool = True,
        distance_m: float | None = None,
        time_h: float | None = None,
        stop_at: Iterable[Start] = (),
        partial: bool = False,
        either_way: bool = False,
    ) -> Any:
        """Return all reaches that drain to a place, its own reach included.

        Parameters
        ----------
        start
            A reach_id (the whole reach), (reach_id, metres from its upstream end), or a row of
            what :meth:`snap` returns, as ``places.loc["P1"]``.
        tributaries
            False: only the main path of the start reach. Both arms of a braid count otherwise.
        distance_m
            Only what is walked within so many metres from the place.
        time_h
            Only what flows to the place within so many hours, by ``velocity_m_s``.
        stop_at
            Places (dams, borders, sections) behind which nothing is taken: (reach_id, measure), or
            a reach_id for its end nearer to the place, so that the reach itself is left out.
        partial
            Return the fraction of each reach that counts, 0..1.
        either_way
            True: water may run both ways in reaches that are two-way, whatever their state; with
            no limit, and not `partial`.

        Returns
        -------
        Index of reach_ids, or Series of fractions by reach_id; upstream reaches first.

        Raises
        ------
        NetworkError
            For an unknown reach, a measure that is not on it, a limit below 0, or
            `time_h` where a velocity is missing.
        """
        reach, measure = self._place(start, default="lower")
        if either_way:
            _check_plain(distance_m, time_h, stop_at, partial, tributaries)
            found = navigate.above(self._tree_either_way, reach)
            return self.reaches.index[np.sort(found)]
        tree, stops = self._parts.tree, tuple(stop_at)
        whole = tributaries and not partial and not stops and distance_m is None and time_h is None
        if whole and self._together[reach]:
            ids = self.reaches.index.array[reach + 1 - int(tree.size[reach]) : reach + 1]
            # an Index that has been asked gets all its texts ready again when it is cut itself
            return pd.Index(ids, name=self.reaches.index.name, copy=False)
        found = navigate.above(tree, reach) if tributaries else navigate.main_above(tree, reach)
        return self._result(found, reach, measure, distance_m, time_h, stops, partial, up=True)

    def downstream(
        self,
        start: Start,
        *,
        diversions: bool = False,
        distance_m: float | None = None,
        time_h: float | None = None,
        stop_at: Iterable[Start] = (),
        partial: bool = False,
        either_way: bool = False,
    ) -> Any:
        """Return the reaches on the main way from a place to the outlet, its own reach included.

        Parameters
        ----------
        diversions
            True: every reach that water from the place can come to, by any arm.
        either_way
            True: as `diversions`, and both ways in reaches that are two-way.

        Other parameters and the result as in :meth:`upstream`; order as in :attr:`reaches`.
        """
        reach, measure = self._place(start, default="upper")
        if either_way:
            _check_plain(distance_m, time_h, stop_at, partial, True)
            return self.reaches.index[self._below_either_way(reach)]
        if diversions:
            found = navigate.below(self._to, self._out, reach)
        else:
            found = navigate.main_below(self._parts.tree.down, reach)
        return self._result(
            found, reach, measure, distance_m, time_h, tuple(stop_at), partial, up=False
        )

    def _result(
        self,
        found: Ints,
        reach: int,
        measure: float,
        distance_m: float | None,
        time_h: float | None,
        stop_at: tuple[Start, ...],
        partial: bool,
        *,
        up: bool,
    ) -> Any:
        for name, limit in (("distance_m", distance_m), ("time_h", time_h)):
            if limit is not None and not limit >= 0:
                raise NetworkError(f"{name} is {limit}", mend="Give 0 or more, or leave it out.")
        found = np.sort(found)  # reaches are stored upstream first
        limited = distance_m is not None or time_h is not None or bool(stop_at)
        if not limited and not partial:
            return self.reaches.index[found]
        usable = self._lengths.copy()  # metres of each reach that count, from its end nearer by
        usable[reach] = measure if up else self._lengths[reach] - measure
        found, closed = self._before_stops(found, reach, measure, stop_at, usable, up=up)
        for limit, cost in ((distance_m, self._lengths), (time_h, self._hours)):
            if limit is not None:
                self._within(found, reach, measure, limit, cost, closed, usable, up=up)
        if limited:
            found = found[(found == reach) | (usable[found] > 0)]
        index = self.reaches.index[found]
        if not partial:
            return index
        length = self._lengths[found]
        fraction = np.divide(usable[found], length, out=np.ones(len(length)), where=length > 0)
        return pd.Series(fraction, index=index, name="fraction")

    def _before_stops(
        self,
        found: Ints,
        reach: int,
        measure: float,
        stop_at: tuple[Start, ...],
        usable: Floats,
        *,
        up: bool,
    ) -> tuple[Ints, Bools]:
        """Keep what a way without a stop leads to; shorten `usable` where a stop lies on a reach.

        Returns
        -------
        found
            Reaches that are left, those with a stop on them included.
        closed : shape (m,)
            Reaches that no way leads through.
        """
        closed = np.zeros(len(usable), dtype=bool)
        for stop in stop_at:
            there, at = self._place(stop, default="lower" if up else "upper")
            if there == reach and (at >= measure if up else at <= measure):
                continue  # behind the place's back
            left = self._lengths[there] - at if up else at
            if there == reach:
                left -= self._lengths[reach] - measure if up else measure
            usable[there] = min(usable[there], left)
            closed[there] = True
        if not closed.any():
            return found, closed
        far = self._frm if up else self._to
        allowed = np.zeros(len(usable), dtype=bool)
        allowed[found] = True
        seen = np.zeros(len(usable), dtype=bool)
        seen[reach] = True
        front = np.array([] if closed[reach] else [reach], dtype=np.intp)
        at_node = self._into if up else self._out
        while len(front):
            after = np.unique(at_node.of(np.unique(far[front])))
            after = after[allowed[after] & ~seen[after]]
            seen[after] = True
            front = after[~closed[after]]
        return found[seen[found]], closed

    def _within(
        self,
        found: Ints,
        reach: int,
        measure: float,
        limit: float,
        cost: Floats,
        closed: Bools,
        usable: Floats,
        *,
        up: bool,
    ) -> None:
        """Shorten `usable` to what costs no more than `limit` (metres or hours) from the place."""
        if cost is self._hours:
            self._check_hours(found)
        length = self._lengths
        walked = measure if up else float(length[reach]) - measure
        share = walked / float(length[reach]) if length[reach] > 0 else 0.0
        near, far = (self._to, self._frm) if up else (self._frm, self._to)
        through = np.where(closed, np.inf, cost)  # a way ends at a stop
        through[reach] = cost[reach]
        walk = navigate.walk(
            found, reach, near, far, through, self._hours,
            np.zeros(len(self._parts.nodes), dtype=bool), self._rank,
            first_m=share * float(cost[reach]),
        )  # fmt: skip
        at = np.full(len(usable), np.inf)
        at[walk.reaches] = walk.distance_m
        at[reach] = 0.0
        metres = np.divide(length, cost, out=np.ones_like(length), where=cost > 0)
        left = np.maximum(limit - at[found], 0.0) * metres[found]
        usable[found] = np.minimum(usable[found], left)

    def _walk_up(
        self, reach: int, measure: float, found: Ints, *, by: str = "distance_m"
    ) -> navigate.Walk:
        return self._walk(found, reach, self._to, self._frm, measure, by)

    def _walk_down(
        self, reach: int, measure: float, found: Ints, *, by: str = "distance_m"
    ) -> navigate.Walk:
        left = float(self._lengths[reach]) - measure
        return self._walk(found, reach, self._frm, self._to, left, by)

    def _walk(
        self, found: Ints, reach: int, near: Ints, far: Ints, first_m: float, by: str
    ) -> navigate.Walk:
        met = np.diff(self._into.first) > 1
        if by == "distance_m":
            return navigate.walk(
                found,
                reach,
                near,
                far,
                self._lengths,
                self._hours,
                met,
                self._rank,
                first_m=first_m,
            )
        if by != "time_h":
            raise NetworkError(f"unknown by={by!r}", mend="One of distance_m, time_h.")
        self._check_hours(found)
        length = float(self._lengths[reach])
        first_h = first_m / length * float(self._hours[reach]) if length > 0 else 0.0
        walk = navigate.walk(
            found, reach, near, far, self._hours, self._lengths, met, self._rank, first_m=first_h
        )
        return walk._replace(distance_m=walk.time_h, time_h=walk.distance_m)

    def _check_hours(self, found: Ints) -> None:
        missing = found[np.isnan(self._hours[found])]
        if len(missing):
            raise NetworkError(
                f"no velocity for {len(missing)} of {len(found)} reaches",
                ids=self.reaches.index[missing],
                mend="Give `velocity_m_s`, or go by `distance_m`.",
            )

    def distance_to(self, start: Start, *, by: str = "distance_m") -> pd.DataFrame:
        """Walk from every upstream reach to a place, by the shortest way along the rivers.

        Parameters
        ----------
        start
            (reach_id, metres from its upstream end) or a row of :meth:`snap`, or a reach_id for its
            downstream end.
        by
            "distance_m" for the shortest way, "time_h" for the quickest.

        Returns
        -------
        shape (n, 3), indexed by reach_id, nearest first; with `by` "time_h" in order of arrival
            ``distance_m`` from the reach's downstream end to the place; ``time_h`` on the same
            way (NaN if a velocity is missing on it); ``junctions``, the confluences passed. The
            start reach itself has its measure less its length (0 or negative), so that for every
            point, ``distance_m + length_m - measure_m`` is its distance.

        Raises
        ------
        NetworkError
            For an unknown reach or `by`, or by time where a velocity is missing.
        """
        reach, measure = self._place(start, default="lower")
        found = navigate.above(self._parts.tree, reach)
        return self._walk_table(self._walk_up(reach, measure, found, by=by), by)

    def distance_from(self, start: Start, *, by: str = "distance_m") -> pd.DataFrame:
        """Walk from a place to every reach below it, by the shortest way along the rivers.

        As :meth:`distance_to`, with ``distance_m`` from the place to each reach's upstream end
        (the start reach: minus its measure; a bare reach_id means its upstream end), so that
        ``distance_m + measure_m`` is the distance to a point. With `by` "time_h" this is the order
        in which water from the place arrives, by the quickest way.
        """
        reach, measure = self._place(start, default="upper")
        found = navigate.below(self._to, self._out, reach)
        return self._walk_table(self._walk_down(reach, measure, found, by=by), by)

    def _walk_table(self, walk: navigate.Walk, by: str) -> pd.DataFrame:
        order = np.lexsort((self._rank[walk.reaches], getattr(walk, by)))
        return pd.DataFrame(
            {
                "distance_m": walk.distance_m[order],
                "time_h": walk.time_h[order],
                "junctions": walk.junctions[order],
            },
            index=self.reaches.index[walk.reaches[order]],
        )

    def sum_to_outlet(self, values: pd.Series) -> pd.Series:
        """Add up a value of each reach and of all below it on its main way to the outlet.

        Parameters
        ----------
        values
            By reach_id, such as hours to flow through; missing ones count as 0.

        Returns
        -------
        Series by reach_id
            With `values` of lengths this is the distance from a reach's upstream end.

        Raises
        ------
        NetworkError
            For unknown reach_ids.
        """
        own = self._by_reach(values, "values to add up", 0.0)
        total = chain_sums(self._parts.tree.down, own)
        return pd.Series(total, index=self.reaches.index, name=values.name)

    def path(self, a: Start, b: Start) -> pd.DataFrame:
        """Return the shortest way downstream from one place to another.

        Parameters
        ----------
        a, b
            (reach_id, measure) or a row of :meth:`snap`; or a reach_id: from the upstream end of
            `a`, to the downstream end of `b`.

        Returns
        -------
        shape (n, 5), indexed by reach_id in the order walked
            ``from_measure_m``, ``to_measure_m``, ``length_m`` between the two; ``distance_m`` and
            ``time_h`` from `a` to the end of the row (the last row: to `b`), NaN hours from the
            first reach without a velocity on.

        Raises
        ------
        NetworkError
            If water from `a` does not come to `b`.
        """
        first, from_m = self._place(a, default="upper")
        last, to_m = self._place(b, default="lower")
        if first == last and from_m <= to_m:
            way = [first]
        else:
            way = self._way(first, from_m, last, to_m, a, b)
        lengths = self._lengths[way]
        begin, end = np.zeros(len(way)), lengths.copy()
        begin[0], end[-1] = from_m, to_m
        walked = end - begin
        share = np.divide(walked, lengths, out=np.ones(len(way)), where=lengths > 0)
        return pd.DataFrame(
            {
                "from_measure_m": begin,
                "to_measure_m": end,
                "length_m": walked,
                "distance_m": np.cumsum(walked),
                "time_h": np.cumsum(share * self._hours[way]),
            },
            index=self.reaches.index[way],
        )

    def _way(self, first: int, from_m: float, last: int, to_m: float, a: Any, b: Any) -> list[int]:
        found = navigate.above(self._parts.tree, last)
        if first == last or first not in found:
            names = [str(self.reaches.index[k]) for k in (first, last)]
            above = navigate.above(self._parts.tree, first)
            back = last in above and (first != last or from_m > to_m)
            raise NetworkError(
                "not connected: no water flows from the first to the second",
                ids=names,
                mend="The second lies upstream of the first: ask the other way round."
                if back
                else "See `issues` for gaps that were proposed but not closed.",
            )
        walk = self._walk_up(last, to_m, found)
        after = dict(zip(walk.reaches.tolist(), walk.after.tolist(), strict=True))
        way = [first]
        while way[-1] != last:
            way.append(after[way[-1]])
        return way

    # ---- many places at once ---------------------------------------------------------------

    def spots(self, places: Any) -> Spots:
        """Find many places once, to ask about them more than once without finding them again.

        Parameters
        ----------
        places
            A table with ``reach_id`` and ``measure_m``, as :meth:`snap` returns it. Rows without a
            reach_id have no place.

        Returns
        -------
        Spots
            For :meth:`upstream_of_many`, :meth:`all_pairs_upstream` and :meth:`next_downstream`.

        Raises
        ------
        NetworkError
            For unknown reaches, or measures that are not on them.
        """
        return self._spots(places, default="upper")

    def upstream_of_many(self, starts: Any) -> UpstreamPairs:
        """Return the reaches above each of many places, as :meth:`upstream` does for one.

        Parameters
        ----------
        starts
            A table with ``reach_id`` and ``measure_m``, as :meth:`snap` returns it, or a list or
            Series of reach_ids and (reach_id, measure). Rows without a reach_id have none above.

        Returns
        -------
        UpstreamPairs
            With the reach_ids as points. Where rivers do not part, each start has one slice.

        Raises
        ------
        NetworkError
            For unknown reaches, or measures that are not on them.

        Examples
        --------
        >>> from shapely import LineString
        >>> from geopandas import GeoDataFrame
        >>> from basin.network import RiverNetwork
        >>> lines = GeoDataFrame(
        ...     {"reach_id": ["upper", "lower"]},
        ...     geometry=[LineString([(106.6, 28.9), (106.7, 28.9)]),
        ...               LineString([(106.7, 28.9), (106.8, 28.9)])], crs=4490)
        >>> above = RiverNetwork.from_lines(lines).upstream_of_many(["upper", "lower"])
        >>> above.counts().to_dict()
        {'upper': 1, 'lower': 2}
        """
        targets = self._spots(starts, default="lower")
        found = slices_above(self._parts.tree, None, targets)
        return UpstreamPairs(self.reaches.index, targets.labels, *found)

    def all_pairs_upstream(
        self, points: Any, targets: Any, *, either_way: bool = False
    ) -> UpstreamPairs:
        """Tell which of many points drain to which of many targets.

        Parameters
        ----------
        points, targets
            Such as outfalls and sections, each as the starts of :meth:`upstream_of_many`. A bare
            reach_id means the upstream end for a point, and the downstream end for a target.
        either_way
            True: water may run both ways in reaches that are two-way, whatever their state.

        Returns
        -------
        UpstreamPairs
            A point on the target's own reach counts if its measure is not greater. By any way,
            also where rivers part.

        Raises
        ------
        NetworkError
            As for :meth:`upstream_of_many`.
        """
        above, below = self._spots(points, default="upper"), self._spots(targets, default="lower")
        if either_way:
            # on a two-way reach all points come to the target
            everywhere = np.isin(below.reach, self._either)
            measure = np.where(everywhere, self._lengths[below.reach], below.measure)
            below = below._replace(measure=measure)
        tree = self._tree_either_way if either_way else self._parts.tree
        found = slices_above(tree, above, below)
        return UpstreamPairs(above.labels, below.labels, *found)

    def next_downstream(
        self, points: Any, targets: Any, *, diversions: bool = False, strict: bool = False
    ) -> pd.DataFrame:
        """Find for each point the target that its water comes to first.

        Parameters
        ----------
        points, targets
            As for :meth:`all_pairs_upstream`.
        diversions
            False: along the main way, as :meth:`downstream` goes. True: the nearest by any way.
        strict
            True: a target at the very place of a point does not count, so that sections can be
            asked for the section below each.

        Returns
        -------
        shape (n, 2), indexed as `points`
            ``target``, its label (missing where none lies below), and ``distance_m`` walked to it.
            Of targets at one place, the first in `targets`.

        Raises
        ------
        NetworkError
            As for :meth:`upstream_of_many`.
        """
        above, below = self._spots(points, default="upper"), self._spots(targets, default="lower")
        if diversions:
            found, distance = nearest_below(
                above, below, self._frm, self._to, len(self._parts.nodes), self._lengths,
                self._levels, self._parts.passes, strict,
            )  # fmt: skip
        else:
            left = self.reaches["path_length_m"].to_numpy(dtype=float) + self._lengths
            down = self._parts.tree.down
            found, distance = next_on_main(above, below, down, left, strict)
        label = pd.Series(below.labels)
        if label.dtype.kind in "iub" and (found < 0).any():
            label = label.astype(object)  # a missing label must not turn 7 into 7.0
        label = label.reindex(found).set_axis(above.labels)
        return pd.DataFrame({"target": label, "distance_m": distance})


def _check_plain(
    distance_m: float | None, time_h: float | None, stop_at: Any, partial: bool, tributaries: bool
) -> None:
    if distance_m is not None or time_h is not None or tuple(stop_at) or partial or not tributaries:
        raise NetworkError(
            "either_way knows no distances: they are those of one state",
            mend="Ask without limits, or ask `in_state(...)` of each state.",
        )
