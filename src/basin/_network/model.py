"""The river network: one class that holds the reaches, the ledger and the arrays to walk them."""

from __future__ import annotations

import difflib
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd

from basin._network import navigate, tell
from basin._network.arrays import Bools, Csr, Floats, Ints, group
from basin._network.assemble import Parts, assemble
from basin._network.build import to_lonlat
from basin._network.geometry import Vertices, vertices
from basin._network.join import Index
from basin._network.snap import point_xy, snap_points, text_or_none
from basin._text import as_id, as_ids
from basin.errors import NetworkError, list_ids

__all__ = ["RiverNetwork"]

#: A reach_id, or a reach_id and metres from its upstream end. Ids are text; 7 and 7.0 mean "7".
Start = str | tuple[str, float]

_S_PER_H, _S_PER_D = 3_600.0, 86_400.0

#: A measure may pass a reach's end by so much, in metres: rounding of whoever computed it.
_PAST_END_M = 0.5

#: Fractions given by hand sum to 1 within this.
_SUM_NOISE = 1e-6


class RiverNetwork:
    """Rivers as a directed graph of reaches, built once from lines and then asked.

    Make one with :meth:`from_lines`. Nothing in it is changed afterwards.

    Attributes
    ----------
    reaches : GeoDataFrame
        Indexed by ``reach_id``, EPSG:4490, drawn downstream, upstream reaches first. Columns:
        ``source_id`` (the line it came from), ``name``, ``from_node``, ``to_node``, ``length_m``,
        ``strahler``, ``shreve``, ``stream_level``, ``tributary_order``, ``main_path_id``,
        ``path_length_m``, ``arbolate_m``, ``topo_order``, ``piece`` (0 the longest connected
        piece), ``width_m``, ``velocity_m_s``, ``flow_m3_s`` (NaN where the lines have none), and
        the other columns of the lines. The orders are defined in :mod:`basin._network.attributes`.
    issues : GeoDataFrame
        What was found in the lines and what was done: ``issue_id``, ``kind``, ``severity``
        (error, warning, info), ``reach_ids``, ``action`` (applied, proposed, none),
        ``distance_m``, ``rule``, ``confidence`` (0..1), ``geometry``. EPSG:4490.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.reaches: gpd.GeoDataFrame = parts.reaches
        self.issues: gpd.GeoDataFrame = parts.issues

    @classmethod
    def from_lines(
        cls,
        lines: gpd.GeoDataFrame | gpd.GeoSeries,
        *,
        snap_tolerance_m: float = 1.0,
        to_id: str | None = None,
        dem: str | Path | Any | None = None,
        propose_within_m: float | None = None,
        turn: bool = True,
    ) -> RiverNetwork:
        """Build a network from river lines as they are, and list what had to be repaired.

        Parameters
        ----------
        lines : shape (n, ...)
            LineStrings or MultiLineStrings in any known CRS, with ``reach_id`` (else the index
            gives the ids), ``name``, ``width_m``, ``velocity_m_s``, ``flow_m3_s`` where known. A
            column ``divergence`` (1 main, 2 secondary way of a parting) is followed.
        snap_tolerance_m
            Gaps up to this are closed. Larger ones are only proposed.
        to_id
            Name of a column with the reach that each flows into, where the layer states it. It
            closes gaps and turns reaches; where the geometry says otherwise both are listed.
        dem
            Path of a GeoTIFF with elevations in metres, or an open rasterio dataset: a witness of
            the direction of flow.
        propose_within_m
            How far a missing connection is looked for; five times the tolerance, at least 50 m.
        turn
            False: no reach is turned, only proposed to be.

        Raises
        ------
        CrsError
            If the CRS is missing or refused, or coordinates are not on the globe.
        NetworkError
            If no usable line is left, or `to_id` names no column.

        Notes
        -----
        The drawn direction is believed unless it contradicts itself; see
        :mod:`basin._network.direction`. The order of the rows changes nothing.

        Examples
        --------
        >>> import geopandas
        >>> from shapely import LineString
        >>> lines = geopandas.GeoDataFrame(
        ...     {"reach_id": ["brook", "upper", "lower"], "name": ["", "Qi", "Qi"]},
        ...     geometry=[LineString([(106.7, 29.0), (106.7, 28.9)]),
        ...               LineString([(106.6, 28.9), (106.7, 28.9)]),
        ...               LineString([(106.7, 28.9), (106.8, 28.9)])], crs=4490)
        >>> network = RiverNetwork.from_lines(lines)
        >>> sorted(network.upstream("lower"))
        ['brook', 'lower', 'upper']
        >>> network.reaches["tributary_order"].sort_index().to_dict()
        {'brook': 1, 'lower': 0, 'upper': 0}
        """
        return cls(
            assemble(
                lines,
                snap_tolerance_m=snap_tolerance_m,
                to_id=to_id,
                dem=dem,
                propose_within_m=propose_within_m,
                turn=turn,
            )
        )

    # ---- the graph as others know it -------------------------------------------------------

    @cached_property
    def graph(self) -> nx.MultiDiGraph[int]:
        """The network as a ``networkx.MultiDiGraph``, made on first use.

        Nodes have ``x``, ``y`` (degrees) and ``kind`` (head, confluence, divergence, outlet,
        pass); edges are keyed by ``reach_id`` and have ``length_m`` and ``name``.
        """
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4490")
        n_in, n_out = np.diff(self._into.first), np.diff(self._out.first)
        kind = np.select(
            [n_in == 0, n_out == 0, n_in > 1, n_out > 1],
            ["head", "outlet", "confluence", "divergence"],
            "pass",
        )
        xy = self._parts.nodes
        graph.add_nodes_from(
            (k, {"x": x, "y": y, "kind": w})
            for k, (x, y), w in zip(range(len(xy)), xy.tolist(), kind.tolist(), strict=True)
        )
        columns = (
            self._frm.tolist(),
            self._to.tolist(),
            self.reaches.index,
            self._lengths.tolist(),
            self.reaches["name"],
        )
        for a, b, key, length, name in zip(*columns, strict=True):
            graph.add_edge(a, b, key=key, length_m=length, name=name)
        return graph

    @cached_property
    def _frm(self) -> Ints:
        return np.asarray(self.reaches["from_node"], dtype=np.intp)

    @cached_property
    def _to(self) -> Ints:
        return np.asarray(self.reaches["to_node"], dtype=np.intp)

    @cached_property
    def _lengths(self) -> Floats:
        return np.asarray(self.reaches["length_m"], dtype=float)

    @cached_property
    def _hours(self) -> Floats:
        velocity = np.asarray(self.reaches["velocity_m_s"], dtype=float)
        hours: Floats = self._lengths / np.where(velocity > 0, velocity, np.nan) / _S_PER_H
        return hours

    @cached_property
    def _into(self) -> Csr:
        return group(self._to, len(self._parts.nodes))

    @cached_property
    def _out(self) -> Csr:
        return group(self._frm, len(self._parts.nodes))

    @cached_property
    def _verts(self) -> Vertices:
        return vertices(np.asarray(self.reaches.geometry.array, dtype=object))

    @cached_property
    def _index(self) -> Index:
        return Index(self._verts)

    # ---- finding a place -------------------------------------------------------------------

    def _reach(self, reach_id: Any) -> int:
        try:
            position = self.reaches.index.get_loc(as_id(reach_id))
        except KeyError:
            raise self._unknown([reach_id]) from None
        return int(position)

    def _unknown(self, ids: Any) -> NetworkError:
        first = as_id(ids[0])
        if first in self._parts.split:
            mend = f"It was split into {list_ids(self._parts.split[first])}: name one of these."
        elif first in self._parts.gone:
            mend = f"It was set aside when the network was built ({self._parts.gone[first]})."
        else:
            close = difflib.get_close_matches(first, list(self.reaches.index[:20_000]), n=3)
            mend = f"Did you mean {' or '.join(close)}?" if close else "See `reaches.index`."
        return NetworkError("unknown reach_id", ids=ids, mend=mend)

    def _place(self, start: Any, *, default: str) -> tuple[int, float]:
        """Return reach and measure; a bare reach_id means its "upper" or "lower" end."""
        if not isinstance(start, tuple):
            reach = self._reach(start)
            return reach, float(self._lengths[reach]) if default == "lower" else 0.0
        reach, measure = self._reach(start[0]), float(start[1])
        length = float(self._lengths[reach])
        if not -_PAST_END_M <= measure <= length + _PAST_END_M:
            raise NetworkError(
                f"measure {measure:.1f} m is not on the reach, which is {length:.1f} m long",
                ids=[start[0]],
                mend="Give metres from its upstream end.",
            )
        return reach, min(max(measure, 0.0), length)

    # ---- navigation ------------------------------------------------------------------------

    def upstream(
        self,
        start: Start,
        *,
        tributaries: bool = True,
        distance_m: float | None = None,
        partial: bool = False,
    ) -> Any:
        """Return all reaches that drain to a place, its own reach included.

        Parameters
        ----------
        start
            A reach_id (the whole reach), or (reach_id, metres from its upstream end).
        tributaries
            False: only the main path of the start reach. Both arms of a braid count otherwise.
        distance_m
            Only what is walked within so many metres from the place.
        partial
            Return the fraction of each reach that counts, 0..1.

        Returns
        -------
        Index of reach_ids, or Series of fractions by reach_id; upstream reaches first.

        Raises
        ------
        NetworkError
            For an unknown reach, or a measure that is not on it.
        """
        reach, measure = self._place(start, default="lower")
        tree = self._parts.tree
        found = navigate.above(tree, reach) if tributaries else navigate.main_above(tree, reach)
        walk = self._walk_up(reach, measure, found) if distance_m is not None else None
        return self._result(found, reach, measure, walk, distance_m, partial, up=True)

    def downstream(
        self,
        start: Start,
        *,
        diversions: bool = False,
        distance_m: float | None = None,
        partial: bool = False,
    ) -> Any:
        """Return the reaches on the main way from a place to the outlet, its own reach included.

        Parameters
        ----------
        diversions
            True: every reach that water from the place can come to, by any arm.

        Other parameters and the result as in :meth:`upstream`; order as in :attr:`reaches`.
        """
        reach, measure = self._place(start, default="upper")
        if diversions:
            found = navigate.below(self._to, self._out, reach)
        else:
            found = navigate.main_below(self._parts.tree.down, reach)
        walk = self._walk_down(reach, measure, found) if distance_m is not None else None
        return self._result(found, reach, measure, walk, distance_m, partial, up=False)

    def _result(
        self,
        found: Ints,
        reach: int,
        measure: float,
        walk: navigate.Walk | None,
        distance_m: float | None,
        partial: bool,
        *,
        up: bool,
    ) -> Any:
        found = np.sort(found)  # reaches are stored upstream first
        length = self._lengths[found]
        own = found == reach
        whole = measure if up else float(self._lengths[reach]) - measure
        usable = np.where(own, whole, length)
        if walk is not None and distance_m is not None:
            at = np.full(len(self._lengths), np.inf)
            at[walk.reaches] = walk.distance_m
            at[reach] = 0.0
            usable = np.clip(distance_m - at[found], 0.0, usable)
            keep = own | (usable > 0)
            found, length, usable = found[keep], length[keep], usable[keep]
        index = self.reaches.index[found]
        if not partial:
            return index
        fraction = np.divide(usable, length, out=np.ones(len(length)), where=length > 0)
        return pd.Series(fraction, index=index, name="fraction")

    def _walk_up(self, reach: int, measure: float, found: Ints) -> navigate.Walk:
        met = np.diff(self._into.first) > 1
        return navigate.walk(
            found, reach, self._to, self._frm, self._lengths, self._hours, met, first_m=measure
        )

    def _walk_down(self, reach: int, measure: float, found: Ints) -> navigate.Walk:
        met = np.diff(self._into.first) > 1
        left = float(self._lengths[reach]) - measure
        return navigate.walk(
            found, reach, self._frm, self._to, self._lengths, self._hours, met, first_m=left
        )

    def distance_to(self, start: Start) -> pd.DataFrame:
        """Walk from every upstream reach to a place, by the shortest way along the rivers.

        Parameters
        ----------
        start
            (reach_id, metres from its upstream end), or a reach_id for its downstream end.

        Returns
        -------
        shape (n, 3), indexed by reach_id, nearest first
            ``distance_m`` from the reach's downstream end to the place; ``time_h`` on the same
            way (NaN if a velocity is missing on it); ``junctions``, the confluences passed. The
            start reach itself has its measure less its length (0 or negative), so that for every
            point, ``distance_m + length_m - measure_m`` is its distance.
        """
        reach, measure = self._place(start, default="lower")
        found = navigate.above(self._parts.tree, reach)
        return self._walk_table(self._walk_up(reach, measure, found))

    def distance_from(self, start: Start) -> pd.DataFrame:
        """Walk from a place to every reach below it, by the shortest way along the rivers.

        As :meth:`distance_to`, with ``distance_m`` from the place to each reach's upstream end
        (the start reach: minus its measure; a bare reach_id means its upstream end), so that
        ``distance_m + measure_m`` is the distance to a point.
        """
        reach, measure = self._place(start, default="upper")
        found = navigate.below(self._to, self._out, reach)
        return self._walk_table(self._walk_down(reach, measure, found))

    def _walk_table(self, walk: navigate.Walk) -> pd.DataFrame:
        order = np.lexsort((walk.reaches, walk.distance_m))
        return pd.DataFrame(
            {
                "distance_m": walk.distance_m[order],
                "time_h": walk.time_h[order],
                "junctions": walk.junctions[order],
            },
            index=self.reaches.index[walk.reaches[order]],
        )

    def path(self, a: Start, b: Start) -> pd.DataFrame:
        """Return the shortest way downstream from one place to another.

        Parameters
        ----------
        a, b
            (reach_id, measure), or a reach_id: from the upstream end of `a`, to the downstream
            end of `b`.

        Returns
        -------
        shape (n, 3), indexed by reach_id in the order walked
            ``from_measure_m``, ``to_measure_m``, ``length_m``.

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
        return pd.DataFrame(
            {"from_measure_m": begin, "to_measure_m": end, "length_m": end - begin},
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

    # ---- accumulation ----------------------------------------------------------------------

    def accumulate(
        self,
        values: pd.Series,
        decay: pd.Series | float | None = None,
        split: str | pd.Series = "auto",
    ) -> pd.Series:
        """Add a value down the network: what leaves each reach at its downstream end.

        Parameters
        ----------
        values
            By reach_id; missing reaches have 0. A value counts as entering at its reach's
            downstream end.
        decay
            Nothing; or by reach_id the fraction (0..1, missing 1) of what enters a reach that
            leaves it; or one first-order rate per day, which acts over the travel time.
        split
            At a parting: "auto" ("flow" where every arm of it has one, else "width", else
            "even"), "flow" or "width" (in proportion to ``flow_m3_s`` or ``width_m``), "even",
            "main" (the main way only), or a Series of fractions by reach_id (missing 1), which sum
            to 1 at each parting. All these keep the total: what enters leaves at the outlets, but
            for `decay` and for what a cycle in the lines holds back. "whole" does not: every arm
            carries all, the most that may come to each reach by either way, and what meets again
            below an island is counted twice.

        Returns
        -------
        Series by reach_id, in the order of :attr:`reaches`.

        Raises
        ------
        NetworkError
            For unknown reach_ids, a rate where velocities are missing, an unknown `split`, or
            fractions that do not sum to 1.

        Examples
        --------
        See the drawn networks in ``tests/test_network_navigate.py``.
        """
        own = self._by_reach(values, "values", 0.0)
        leaving = navigate.accumulate(
            own,
            self._kept(decay),
            self._shares(split),
            self._frm,
            self._to,
            len(self._parts.nodes),
            self._levels,
            self._parts.passes,
        )
        return pd.Series(leaving, index=self.reaches.index, name=values.name)

    @cached_property
    def _levels(self) -> list[Ints]:
        level = self._parts.level
        return np.split(np.arange(len(level)), np.flatnonzero(np.diff(level)) + 1)

    def _by_reach(self, values: pd.Series, what: str, missing: float) -> Floats:
        ids = pd.Index(as_ids(pd.Series(values.index)).fillna(""), dtype=object)
        unknown = ~ids.isin(self.reaches.index)
        if unknown.any():
            raise self._unknown(list(values.index[unknown]))
        if ids.has_duplicates:
            raise NetworkError(
                f"{what} name a reach more than once",
                ids=ids[ids.duplicated()].unique(),
                mend="Add them up first: values.groupby(level=0).sum().",
            )
        result = np.full(len(self.reaches), missing)
        number = pd.to_numeric(values).to_numpy(dtype=float)
        result[self.reaches.index.get_indexer(ids)] = np.where(np.isnan(number), missing, number)
        return result

    def _kept(self, decay: pd.Series | float | None) -> Floats:
        if decay is None:
            return np.ones(len(self.reaches))
        if isinstance(decay, pd.Series):
            return self._by_reach(decay, "decay factors", 1.0)
        missing = np.isnan(self._hours)
        if missing.any():
            raise NetworkError(
                f"no velocity for {missing.sum()} of {len(missing)} reaches",
                ids=self.reaches.index[missing],
                mend="Give `velocity_m_s`, or the fractions that remain as a Series.",
            )
        kept: Floats = np.exp(-float(decay) * self._hours * _S_PER_H / _S_PER_D)
        return kept

    def _shares(self, split: str | pd.Series) -> Floats:
        n_out = np.diff(self._out.first)[self._frm]
        if isinstance(split, pd.Series):
            return self._given_shares(split)
        if split == "whole":
            return np.ones(len(n_out))
        if split == "even":
            return 1.0 / n_out
        if split == "main":
            return self._parts.is_main.astype(float)
        if split == "auto":
            by_flow, known = self._sized_shares("flow_m3_s")
            by_width, _ = self._sized_shares("width_m")  # even where no width is known
            return np.where(known, by_flow, by_width)
        if split in ("width", "flow"):
            column = "width_m" if split == "width" else "flow_m3_s"
            part, known = self._sized_shares(column)
            if not known.all():
                lost = ~known & ~(self.reaches[column].to_numpy(dtype=float) > 0)
                raise NetworkError(
                    f"no {column} where rivers part",
                    ids=self.reaches.index[lost],
                    mend=f"Give `{column}` for these arms, or split='auto'.",
                )
            return part
        raise NetworkError(
            f"unknown split {split!r}",
            mend="One of auto, flow, width, even, main, whole, or a Series of fractions.",
        )

    def _sized_shares(self, column: str) -> tuple[Floats, Bools]:
        size = self.reaches[column].to_numpy(dtype=float)
        return navigate.sized_shares(size, self._frm, len(self._parts.nodes))

    def _given_shares(self, split: pd.Series) -> Floats:
        part = self._by_reach(split, "split fractions", 1.0)
        total = np.bincount(self._frm, weights=part, minlength=len(self._parts.nodes))[self._frm]
        wrong = (np.abs(total - 1.0) > _SUM_NOISE) | (part < 0)
        if wrong.any():
            raise NetworkError(
                "split fractions do not sum to 1 where rivers part",
                ids=self.reaches.index[wrong],
                mend="Give every arm of a parting its fraction; for losses use `decay`.",
            )
        return part

    # ---- points ----------------------------------------------------------------------------

    def snap(
        self, points: gpd.GeoDataFrame | gpd.GeoSeries, *, max_offset_m: float = 500.0
    ) -> pd.DataFrame:
        """Place points on their nearest reach; in a tie the lowest reach_id wins.

        Parameters
        ----------
        points
            Points in any known CRS. A column ``river`` with the name of the receiving river is
            preferred over nearness, within `max_offset_m`.
        max_offset_m
            Farthest that a point may lie from its reach.

        Returns
        -------
        shape (n, 10), indexed as `points`
            ``reach_id``; ``measure_m`` from the reach's upstream end; ``offset_m``; ``bank``
            ("left" or "right" looking downstream, "" on the line); ``river``, the reach's name;
            ``status``: "snapped", "ambiguous" (another river lies within 50 m or 1.5 times the
            offset, and no name decides), "far" (no reach within `max_offset_m`: only
            ``offset_m`` is given), "no_geometry"; ``name_conflict``: the nearest reach has
            another name than the record; ``lon``, ``lat`` of the foot; ``alternatives``, up to
            three (reach_id, measure_m, offset_m).

        Raises
        ------
        CrsError
            If the CRS of the points is missing or refused.
        SnapError
            If a geometry is not a point.
        """
        table = to_lonlat(points)
        xy = point_xy(table)
        record = text_or_none(table["river"]) if "river" in table else [None] * len(table)
        result = snap_points(
            xy,
            record,
            self._index,
            self._measures,
            self.reaches.index.to_numpy(dtype=object),
            np.array(text_or_none(self.reaches["name"]), dtype=object),
            self._parts.path,
            max_offset_m=float(max_offset_m),
        )
        result.index = table.index
        return result

    @cached_property
    def _measures(self) -> Floats:
        return self._verts.measures()

    # ---- telling ---------------------------------------------------------------------------

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the reaches (a copy)."""
        return self.reaches.copy()

    def explain(self, lang: str = "zh") -> str:
        """Tell in a few lines what the network is and what was repaired, each with its ids.

        Parameters
        ----------
        lang
            "zh" or "en".
        """
        outlets = int((np.diff(self._out.first) == 0).sum())
        return tell.explain(self.reaches, self.issues, outlets, lang)

    def __repr__(self) -> str:
        return tell.in_brief(self.reaches, self.issues, len(self._parts.nodes))

    def _repr_html_(self) -> str:
        return tell.as_html(repr(self), self.issues)
