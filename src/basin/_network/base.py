"""What every part of a network stands on: its reaches as arrays, and places on them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._network.arrays import Bools, Csr, Floats, Ints, group, text_order
from basin._network.assemble import Parts, parts_share
from basin._network.attributes import OWN_AREA, TOTAL_AREA, open_partings, sums_above
from basin._network.bulk import Spots
from basin._network.geometry import Vertices, vertices
from basin._network.grid import Index
from basin._network.lookup import Lookup
from basin._network.snap import SEGMENTS_A_RUN, Places, text_or_none
from basin._text import as_id, as_ids
from basin.errors import NetworkError, list_ids

__all__ = ["Reaches", "Start"]

#: A reach_id; or a reach_id and metres from its upstream end; or a row of what ``snap`` returns.
#: Ids are text; 7 and 7.0 mean "7".
Start = str | tuple[str, float] | pd.Series

_S_PER_H = 3_600.0

#: A measure may pass a reach's end by so much, in metres: rounding of whoever computed it.
_PAST_END_M = 0.5


class Reaches:
    """The reaches of a network, numbered upstream first as they are stored."""

    reaches: gpd.GeoDataFrame
    issues: gpd.GeoDataFrame

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.reaches = parts.reaches
        self.issues = parts.issues

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
    def _by_level(self) -> Ints:
        """Reaches in the order of their levels, those of one level by their ids."""
        order = text_order(self.reaches.index.to_numpy(dtype=object))
        return order[np.argsort(self._parts.level[order], kind="stable")]

    @cached_property
    def _rank(self) -> Ints:
        """Place of each reach in that order, which decides between ways of one length."""
        return np.argsort(self._by_level)

    @cached_property
    def _levels(self) -> list[Ints]:
        level = self._parts.level[self._by_level]
        return np.split(self._by_level, np.flatnonzero(np.diff(level)) + 1)

    @cached_property
    def _together(self) -> Bools:
        """Reaches that stand right behind all that drain to them, which is then one slice."""
        tree, m = self._parts.tree, len(self.reaches)
        rank = m - 1 - tree.pos
        shift = np.arange(m) - rank
        moved = np.zeros(m, dtype=np.intp)  # so often the shift changes along the order by rank
        by_rank = shift[tree.seq[::-1]]
        np.cumsum(by_rank[1:] != by_rank[:-1], out=moved[1:])
        together: Bools = moved[rank] == moved[rank - tree.size + 1]
        together[open_partings(tree, np.arange(m))] = False
        return together

    @cached_property
    def _verts(self) -> Vertices:
        return vertices(np.asarray(self.reaches.geometry.array, dtype=object))

    @cached_property
    def _places(self) -> Places:
        return Places(
            Index(self._verts, SEGMENTS_A_RUN),
            self._verts.measures(),
            self.reaches.index.to_numpy(dtype=object),
            np.array(text_or_none(self.reaches["name"]), dtype=object),
            self._parts.path,
            self._total_area,
        )

    @cached_property
    def _total_area(self) -> Floats:
        """Drainage area at the lower end of each reach in km2, NaN where the lines have none."""
        column = next((c for c in (*TOTAL_AREA, "TotDASqKM") if c in self.reaches), None)
        if column is not None:
            given = pd.to_numeric(self.reaches[column], errors="coerce")
            area = given.to_numpy(dtype=float, na_value=np.nan)
            return np.where(area > 0, area, np.nan)
        column = next((c for c in (*OWN_AREA, "AreaSqKM") if c in self.reaches), None)
        if column is None:
            return np.full(len(self.reaches), np.nan)
        own = pd.to_numeric(self.reaches[column], errors="coerce").fillna(0.0)
        share = parts_share(self.reaches["source_id"], self._lengths)
        return sums_above(self._parts.tree, own.to_numpy(dtype=float) * share)

    # ---- finding a place -------------------------------------------------------------------

    def _reach(self, reach_id: Any) -> int:
        index = self.reaches.index
        try:
            known = isinstance(reach_id, str) and reach_id in index
            return int(index.get_loc(reach_id if known else as_id(reach_id)))
        except KeyError:
            raise self._unknown([reach_id]) from None

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
        if isinstance(start, pd.Series):
            start = _of_snapped(start)
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

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.reaches.index)

    def _spots(self, places: Any, *, default: str) -> Spots:
        """Find many places at once; a bare reach_id means its "upper" or "lower" end."""
        if isinstance(places, Spots):
            return places
        labels, ids, measure = _as_columns(places)
        reach = self._lookup.rows(ids)
        lost = np.flatnonzero(reach < 0)
        if len(lost):
            ids = pd.Index(ids, dtype=object)
            text = as_ids(pd.Series(ids[lost]))
            reach[lost] = self._lookup.rows(pd.Index(text.fillna(""), dtype=object))
            lost = lost[(reach[lost] < 0) & text.notna().to_numpy()]
            if len(lost):
                raise self._unknown(list(ids[lost]))
        length = np.where(reach >= 0, self._lengths[reach], np.nan)
        bare = length if default == "lower" else np.zeros(len(reach))
        measure = np.where(np.isnan(measure), bare, measure)
        off = (measure < -_PAST_END_M) | (measure > length + _PAST_END_M)
        if off.any():
            raise NetworkError(
                f"{off.sum()} of {len(off)} measures are not on their reaches",
                ids=list(labels[off]),
                mend="Give metres from the upstream end of each reach.",
            )
        return Spots(labels, reach, np.clip(measure, 0.0, length))

    def _by_reach(self, values: Any, what: str, missing: float) -> Floats:
        """Values in the order of the reaches; of a table, all its columns."""
        if isinstance(values, Mapping):
            values = pd.Series(values, dtype=float)
        if not isinstance(values, (np.ndarray, pd.DataFrame, pd.Series)):
            raise NetworkError(
                f"{what} are {type(values).__name__}, not by reach_id",
                mend="Give a Series, a mapping or a table by reach_id, or an array.",
            )
        if isinstance(values, np.ndarray):
            if len(values) != len(self.reaches):
                raise NetworkError(
                    f"{what}: {len(values)} rows for {len(self.reaches)} reaches",
                    mend="Give one row a reach, in the order of `reaches`, or a Series.",
                )
            number = values.astype(float, copy=False)
        elif isinstance(values, pd.DataFrame):
            number = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            number = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
        unknown = np.isnan(number)
        if unknown.any() and what == "values":
            index = self.reaches.index if isinstance(values, np.ndarray) else values.index
            raise NetworkError(
                "no number to accumulate",
                ids=list(index[unknown.reshape(len(index), -1).any(axis=1)]),
                mend="Give their figures, or fillna(0) where nothing enters.",
            )
        if unknown.any():
            number = np.where(unknown, missing, number)
        if isinstance(values, np.ndarray):
            return number
        if values.index is self.reaches.index or values.index.equals(self.reaches.index):
            return number
        ids = pd.Index(as_ids(pd.Series(values.index)).fillna(""), dtype=object)
        strange = ~ids.isin(self.reaches.index)
        if strange.any():
            raise self._unknown(list(values.index[strange]))
        if ids.has_duplicates:
            raise NetworkError(
                f"{what} name a reach more than once",
                ids=ids[ids.duplicated()].unique(),
                mend="Add them up first: values.groupby(level=0).sum().",
            )
        result = np.full((len(self.reaches), *number.shape[1:]), missing)
        result[self.reaches.index.get_indexer(ids)] = number
        return result


def _of_snapped(row: pd.Series) -> tuple[Any, float]:
    """Return the place of a row of ``snap``."""
    if not {"reach_id", "measure_m"} <= set(row.index):
        raise NetworkError(
            "the start is a Series without reach_id and measure_m",
            mend="Give a row of what `snap(points)` returns, or (reach_id, measure).",
        )
    if pd.isna(row["reach_id"]):
        raise NetworkError(
            f"the point is on no reach (status {row.get('status', 'unknown')!r})",
            ids=[row.name],
            mend="Raise `max_offset_m` of `snap`, or name a reach.",
        )
    return row["reach_id"], float(row["measure_m"])


def _as_columns(places: Any) -> tuple[pd.Index, Any, Floats]:
    """Take places apart: labels, reach_ids, and measures (NaN for a bare reach_id)."""
    if isinstance(places, pd.DataFrame):
        missing = [c for c in ("reach_id", "measure_m") if c not in places]
        if missing:
            raise NetworkError(
                f"the table of places has no column {list_ids(missing)}",
                mend="Give what `snap(points)` returns, or reach_id and measure_m.",
            )
        measure = pd.to_numeric(places["measure_m"]).to_numpy(dtype=float, na_value=np.nan)
        return places.index, places["reach_id"], measure
    items = list(places)
    labels = places.index if isinstance(places, pd.Series) else pd.Index(items, tupleize_cols=False)
    pairs = [i if isinstance(i, tuple) else (i, np.nan) for i in items]
    ids = pd.Index([p[0] for p in pairs], dtype=object)
    return labels, ids, np.array([p[1] for p in pairs], dtype=float)
