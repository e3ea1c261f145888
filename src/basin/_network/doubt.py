"""Which answers depend on which repairs: the same query with doubtful repairs off, not rebuilt.

A repair either brought ends of lines to a node or turned a reach. Water passes from one reach to
the next without a repair if the same repairs brought both ends there; else it needs those that
brought only one of them. One sweep over the reaches of an answer, from the place outwards, finds
for each what every way needs (the repairs of the next reach and of the step to it, and of several
ways what is common to all), and whether any way needs nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._network.arrays import Bools, Csr, Ints, group, ranges
from basin._network.base import Reaches, Start
from basin._network.joints import END, START, TURNED
from basin.errors import NetworkError

__all__ = ["SURE", "Certainty"]

#: Repairs of this confidence and more are not doubted.
SURE = 0.9

Words = npt.NDArray[np.uint64]  # shape (m, w): one bit a doubtful repair


class _Marks(NamedTuple):
    """The doubtful repairs of each reach of a set, as bits: at its two ends, and of its sense."""

    near: Words
    far: Words
    turned: Words
    names: list[str]


class _Needs(NamedTuple):
    """What the ways of each reach of a set to the place need."""

    all_ways: Words  # repairs that no way can do without
    some_way: Words  # repairs on any way
    certain: Bools  # some way needs none


class Certainty(Reaches):
    """Asking a network how sure an answer is."""

    def certainty(self, start: Start, *, below: bool = False, sure: float = SURE) -> pd.DataFrame:
        """Tell for every reach that drains to a place whether that is certain, or a repair's word.

        Parameters
        ----------
        start
            A reach_id, or (reach_id, metres from its upstream end), as for :meth:`upstream`.
        below
            True: for every reach that water from the place can come to, as
            ``downstream(start, diversions=True)``.
        sure
            Repairs (``action`` "applied" in :attr:`issues`) with at least this confidence are
            taken for true.

        Returns
        -------
        shape (n, 2), indexed by reach_id as :meth:`upstream` gives them
            ``certain``: the reach is still in the answer with all doubtful repairs off.
            ``repairs``: issue_ids without each of which it is not, joined by ", "; where no single
            one decides, those on its ways, joined by " | "; "" where certain.

        Raises
        ------
        NetworkError
            For an unknown reach, or a measure that is not on it.

        Notes
        -----
        The reach of the place itself is always certain. A repair is off when the ends that it
        moved are apart again and the reaches that it turned flow as drawn; reaches that such a
        change would bring in are not in the table.

        Examples
        --------
        >>> from shapely import LineString
        >>> from geopandas import GeoDataFrame
        >>> from basin.network import RiverNetwork
        >>> lines = GeoDataFrame(
        ...     {"reach_id": ["brook", "river"]},
        ...     geometry=[LineString([(106.7, 29.0), (106.7, 28.9001)]),  # 11 m short
        ...               LineString([(106.7, 28.9), (106.8, 28.9)])], crs=4490)
        >>> RiverNetwork.from_lines(lines, snap_tolerance_m=20).certainty("river")
                  certain repairs
        reach_id
        brook       False   I0001
        river        True
        """
        reach, _ = self._place(start, default="upper" if below else "lower")
        answer: Any = self
        ids = answer.downstream(start, diversions=True) if below else answer.upstream(start)
        found = np.asarray(self.reaches.index.get_indexer(ids), dtype=np.intp)
        marks = self._marks(found, sure, below)
        if not marks.names:
            return pd.DataFrame({"certain": True, "repairs": ""}, index=ids)
        needs = self._needs(found, int(np.flatnonzero(found == reach)[0]), marks, below)
        return pd.DataFrame(
            {"certain": needs.certain, "repairs": _in_words(needs, marks.names)}, index=ids
        )

    @cached_property
    def _held_at(self) -> Csr:
        return group(self._parts.held.reach, len(self.reaches))

    def _marks(self, found: Ints, sure: float, below: bool) -> _Marks:
        if not 0 <= sure <= 1:
            raise NetworkError(f"sure is {sure}", mend="Give a confidence from 0 to 1.")
        held = self._parts.held
        rows = self._held_at.of(found)
        confidence = self.issues["confidence"].to_numpy(dtype=float)
        rows = rows[confidence[held.issue[rows]] < sure]
        issues, bit = np.unique(held.issue[rows], return_inverse=True)
        here = np.full(len(self.reaches), -1, dtype=np.intp)
        here[found] = np.arange(len(found))
        # one bit more than there are repairs stays unused: all bits set means "not reached yet"
        bits = np.zeros((3, len(found), len(issues) // 64 + 1), dtype=np.uint64)
        value = np.uint64(1) << (bit % 64).astype(np.uint64)
        np.bitwise_or.at(bits, (held.what[rows], here[held.reach[rows]], bit // 64), value)
        names = self.issues["issue_id"].to_numpy(dtype=object)[issues].tolist()
        near, far = (START, END) if below else (END, START)
        return _Marks(bits[near], bits[far], bits[TURNED], names)

    def _needs(self, found: Ints, place: int, marks: _Marks, below: bool) -> _Needs:
        """Sweep from the place outwards; again and again only where reaches run in a circle."""
        near, far = (self._frm, self._to) if below else (self._to, self._frm)
        near, far = near[found], far[found]
        m, width = marks.turned.shape
        order = np.argsort(far, kind="stable")
        sorted_far = far[order]
        first = np.searchsorted(sorted_far, near, side="left")
        count = np.searchsorted(sorted_far, near, side="right") - first
        all_ways = np.full((m, width), ~np.uint64(0))
        some_way = np.zeros((m, width), dtype=np.uint64)
        certain = np.zeros(m, dtype=bool)
        all_ways[place] = some_way[place] = marks.turned[place]
        certain[place] = not marks.turned[place].any()
        level = self._parts.level[found]
        steps = np.unique(level) if below else np.unique(level)[::-1]
        groups = [np.flatnonzero((level == s) & (count > 0)) for s in steps.tolist()]
        groups = [g[g != place] for g in groups]
        while True:
            before = some_way.copy(), all_ways.copy(), certain.copy()
            for own in groups:
                if not len(own):
                    continue
                row = np.repeat(own, count[own])
                after = order[ranges(first[own], count[own])]
                step = marks.turned[row] | (marks.near[row] ^ marks.far[after])
                begin = np.cumsum(count[own]) - count[own]
                all_ways[own] = np.bitwise_and.reduceat(step | all_ways[after], begin)
                some_way[own] = np.bitwise_or.reduceat(step | some_way[after], begin)
                free = certain[after] & ~step.any(axis=1)
                certain[own] = np.logical_or.reduceat(free, begin)
            now = some_way, all_ways, certain
            circles = not self._parts.passes.all()
            if not circles or all(map(np.array_equal, before, now)):
                break
        certain[place] = True
        all_ways[place] = some_way[place] = 0
        return _Needs(all_ways, some_way, certain)


def _in_words(needs: _Needs, names: list[str]) -> npt.NDArray[Any]:
    """Name the repairs of each reach; many reaches share one text."""
    single = np.asarray(needs.all_ways.any(axis=1))
    bits = np.where(single[:, None], needs.all_ways, needs.some_way)
    bits[needs.certain] = 0
    different, which = np.unique(
        np.column_stack([single.astype(np.uint64), bits]), axis=0, return_inverse=True
    )
    texts = []
    for row in different:
        held = [name for k, name in enumerate(names) if int(row[1 + k // 64]) >> (k % 64) & 1]
        texts.append((", " if row[0] else " | ").join(held))
    return np.array(texts, dtype=object)[which.reshape(-1)]
