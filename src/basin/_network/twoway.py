"""Reaches in which water runs either way: tides, gates and pumps.

Such a reach is marked with a word (tidal, regulated, ...) and has a state, forward or backward; the
network is directed by the states, so that every distance, load and order is that of one moment.
:meth:`TwoWay.in_state` gives the network of another moment without building it again; sets above
and below a place can be asked for all moments together (``either_way=True``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Bools, Csr, Ints, group, ranges
from basin._network.attributes import Tree
from basin._network.base import Reaches
from basin._network.joints import END, START
from basin._network.states import flow_states
from basin.errors import NetworkError

__all__ = ["TwoWay"]


class TwoWay(Reaches):
    """The part of :class:`basin.network.RiverNetwork` that knows two-way reaches."""

    @cached_property
    def _either(self) -> Ints:
        """Two-way reaches."""
        if "two_way" not in self.reaches:
            return np.zeros(0, dtype=np.intp)
        word = self.reaches["two_way"].fillna("").to_numpy(dtype=object)
        return np.flatnonzero(word != "")

    @cached_property
    def _tree_either_way(self) -> Tree:
        """The intervals of the network, two-way reaches walked both ways.

        Who has a reach that leaves the upper node of a two-way reach has all that arrives at its
        lower node as well, also by two-way reaches that leave that node.
        """
        tree, either = self._parts.tree, self._either
        n = len(self._parts.nodes)
        leaving = self._out
        own = np.concatenate([np.arange(len(self._to), dtype=np.intp), either])
        at_node = group(np.concatenate([self._to, self._frm[either]]), n)
        arriving = Csr(at_node.first, own[at_node.items])
        count = np.diff(leaving.first)[self._frm[either]]
        holder = leaving.of(self._frm[either])
        lower = self._to[np.repeat(either, count)]
        n_in = np.diff(arriving.first)[lower]
        brought = arriving.items[ranges(arriving.first[lower], n_in)]
        at = np.concatenate([tree.link_at, tree.pos[np.repeat(holder, n_in)]])
        low = np.concatenate([tree.link_low, tree.pos[brought]])
        high = np.concatenate([tree.link_high, tree.pos[brought] + tree.size[brought]])
        order = np.lexsort((low, at))
        return tree._replace(link_at=at[order], link_low=low[order], link_high=high[order])

    def _below_either_way(self, reach: int) -> Ints:
        """All reaches that water from a reach can come to in any state."""
        m, either = len(self._frm), self._either
        begin = np.concatenate([self._frm, self._to[either]])
        end = np.concatenate([self._to, self._frm[either]])
        own = np.concatenate([np.arange(m, dtype=np.intp), either])
        at_node = group(begin, len(self._parts.nodes))
        seen = np.zeros(len(begin), dtype=bool)
        front = np.flatnonzero(own == reach)
        seen[front] = True
        while len(front):
            following = at_node.of(np.unique(end[front]))
            front = np.unique(following[~seen[following]])
            seen[front] = True
        return np.unique(own[seen])

    def in_state(self, states: Mapping[str, str] | pd.Series) -> Self:
        """Return the network with two-way reaches in other states; nothing else is changed.

        Parameters
        ----------
        states
            By reach_id: "forward" (顺流) or "backward" (倒流). Reaches that are not named stay as
            they are.

        Raises
        ------
        NetworkError
            For an unknown reach or state, or a reach that is not two-way.

        Examples
        --------
        See the drawn estuary in ``tests/test_network_twoway.py``.
        """
        asked = pd.Series(states, dtype=object)
        reach = np.array([self._reach(k) for k in asked.index], dtype=np.intp)
        one_way = ~np.isin(reach, self._either)
        if one_way.any():
            raise NetworkError(
                "these reaches are not two-way",
                ids=list(asked.index[one_way]),
                mend="Mark them in the column `two_way` of the lines.",
            )
        tables = dict(getattr(self, "to_tables")())  # noqa: B009 (of Storage, a class beside this)
        reaches = tables["reaches"]
        now = reaches["flow_state"].to_numpy(dtype=object)
        wanted = now.copy()
        wanted[reach] = flow_states(asked, asked.index)
        turn = now != wanted
        tables["reaches"] = _turned(reaches.assign(flow_state=wanted), turn)
        repairs = tables["network_repairs"]
        swap = repairs["reach_id"].isin(reaches["reach_id"][turn]) & (repairs["what"] != 2)
        what = repairs["what"].mask(swap, START + END - repairs["what"])
        tables["network_repairs"] = repairs.assign(what=what)
        return type(self).from_tables(tables)  # type: ignore[attr-defined,no-any-return]


def _turned(reaches: gpd.GeoDataFrame, turn: Bools) -> gpd.GeoDataFrame:
    geom = np.asarray(reaches.geometry.array, dtype=object).copy()
    geom[turn] = shapely.reverse(geom[turn])
    frm, to = reaches["from_node"].to_numpy(), reaches["to_node"].to_numpy()
    swapped = reaches.assign(from_node=np.where(turn, to, frm), to_node=np.where(turn, frm, to))
    return swapped.set_geometry(geom, crs=reaches.crs)
