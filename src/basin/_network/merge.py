"""Pseudo-nodes: where one reach ends, one begins and nothing joins, merged on request."""

from __future__ import annotations

from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Bools, Floats, Ints, first_by, group
from basin._network.assemble import parts_share
from basin._network.attributes import OWN_AREA
from basin._network.base import Reaches
from basin._network.joints import END, START
from basin._network.ledger import KINDS

__all__ = ["Merging"]

_AREAS = (*OWN_AREA, "AreaSqKM")

#: Reaches that differ in these stay apart.
_ALIKE = ("name", "two_way", "flow_state")


class Merging(Reaches):
    """The part of :class:`basin.network.RiverNetwork` that merges reaches."""

    def merge_pseudo_nodes(self) -> Self:
        """Return the network with reaches merged where one ends, one begins and nothing joins.

        Reaches stay apart where their names (or two-way states) differ, where a repair brought
        their ends together, and, if the lines have areas of their own, where one of the two is a
        part of a line that was split.

        Returns
        -------
        RiverNetwork
            A merged reach has the id of its lowest part; ``merged_ids`` lists all parts, upstream
            first ("" for a reach that is as it was). ``width_m`` is their mean by length,
            ``velocity_m_s`` keeps the travel time, areas are summed, the least
            ``direction_confidence`` counts, and ``flow_m3_s`` is that of the lowest; any other
            column is kept where all parts agree, and is missing otherwise. Each merged reach is
            listed in :attr:`issues` (kind ``merged``). The orders are computed again.
        """
        m, n = len(self.reaches), len(self._parts.nodes)
        plain = (np.diff(self._into.first) == 1) & (np.diff(self._out.first) == 1)
        after = np.where(plain[self._to], first_by(self._frm, n)[self._to], -1)
        upper = np.flatnonzero((after >= 0) & (after != np.arange(m)))
        upper = upper[self._may_merge(upper, after[upper])]
        follows = np.full(m, -1, dtype=np.intp)
        follows[upper] = after[upper]
        last = _ends(follows)
        if not len(upper):
            return self
        tables: dict[str, Any] = dict(self.to_tables())  # type: ignore[attr-defined]
        ids = self.reaches.index.to_numpy(dtype=object)
        tables["reaches"] = _merged(tables["reaches"], last, self._lengths)
        tables["network_issues"] = self._with_issues(tables["network_issues"], last, ids)
        tables["network_repairs"] = _remapped(tables["network_repairs"], ids, last)
        _renumber_nodes(tables)
        result: Self = type(self).from_tables(tables)  # type: ignore[attr-defined]
        gone = {str(ids[k]): f"merged into {ids[last[k]]}" for k in upper.tolist()}
        result._parts.gone.update(gone)
        return result

    def _may_merge(self, upper: Ints, lower: Ints) -> Bools:
        alike = np.ones(len(upper), dtype=bool)
        for column in _ALIKE:
            if column in self.reaches:
                value = self.reaches[column].fillna("").to_numpy(dtype=object)
                alike &= value[upper] == value[lower]
        held = self._parts.held
        moved = np.zeros((2, len(self.reaches)), dtype=bool)
        for end in (START, END):
            moved[end, held.reach[held.what == end]] = True
        alike &= ~moved[END, upper] & ~moved[START, lower]
        if any(c in self.reaches for c in _AREAS):
            part = parts_share(self.reaches["source_id"], self._lengths) < 1.0
            alike &= ~part[upper] & ~part[lower]
        return alike & self._parts.passes[upper]

    def _with_issues(self, issues: Any, last: Ints, ids: Any) -> Any:
        chains = group(last, len(last))
        rows: list[dict[str, Any]] = []
        for k in np.flatnonzero(np.diff(chains.first) > 1).tolist():
            mine = chains.items[chains.first[k] : chains.first[k + 1]]
            rows.append(
                {
                    "issue_id": f"I{len(issues) + len(rows) + 1:04d}", "kind": "merged",
                    "severity": KINDS["merged"][0], "reach_ids": ", ".join(ids[mine]),
                    "action": "applied", "distance_m": np.nan, "rule": str(ids[k]),
                    "confidence": 1.0,
                    "geometry": shapely.Point(self._parts.nodes[self._frm[k]]),
                }
            )  # fmt: skip
        return pd.concat(
            [issues, gpd.GeoDataFrame(rows, crs=issues.crs)], ignore_index=True
        ).set_geometry("geometry")


def _ends(follows: Ints) -> Ints:
    here = np.where(follows < 0, np.arange(len(follows)), follows)
    for _ in range(len(follows).bit_length()):
        here = here[here]
    return here


def _merged(reaches: gpd.GeoDataFrame, last: Ints, lengths: Floats) -> gpd.GeoDataFrame:
    """Merge the rows of each chain (upstream first as they stand) into that of its last reach."""
    chains = group(last, len(last))
    size = np.diff(chains.first)
    kept = np.flatnonzero(size > 0)
    table = reaches.iloc[kept].copy()
    several = np.flatnonzero(size[kept] > 1)
    columns = {c: table[c].to_numpy(dtype=object).copy() for c in table.columns if c != "geometry"}
    columns["merged_ids"] = np.full(len(kept), "", dtype=object)
    share = parts_share(reaches["source_id"], lengths)
    geom = np.asarray(table.geometry.array, dtype=object).copy()
    for row in several.tolist():  # chains only, never all reaches
        mine = chains.items[chains.first[kept[row]] : chains.first[kept[row] + 1]]
        part, weight = reaches.iloc[mine], lengths[mine]
        xy = [shapely.get_coordinates(g) for g in part.geometry]
        geom[row] = shapely.LineString(np.concatenate([xy[0], *(c[1:] for c in xy[1:])]))
        for name in columns:
            columns[name][row] = _one_value(name, part, weight, share[mine])
    frame = pd.DataFrame(columns).infer_objects()
    return gpd.GeoDataFrame(frame, geometry=geom, crs=reaches.crs)


def _one_value(name: str, part: Any, weight: Floats, share: Floats) -> Any:
    if name == "merged_ids":
        return ", ".join(part["reach_id"])
    if name == "from_node":
        return part[name].iloc[0]
    if name in ("reach_id", "to_node", "flow_m3_s", "direction_for", "direction_against"):
        return part[name].iloc[-1]
    if name == "source_id":
        return ", ".join(dict.fromkeys(part[name]))
    values = part[name]
    if name == "width_m":
        return float((values * weight).sum(skipna=False) / weight.sum())
    if name == "velocity_m_s":
        return float(weight.sum() / (weight / values).sum(skipna=False))
    if name == "direction_confidence":
        return values.min()
    if name in _AREAS:
        return float((pd.to_numeric(values) * share).sum(skipna=False))
    first = values.iloc[0]
    same = values.isna().all() or (values == first).fillna(False).all()
    return first if same else None


def _remapped(repairs: pd.DataFrame, ids: Any, last: Ints) -> pd.DataFrame:
    """Give what hangs on repairs to the merged reaches: the outer ends, and every turning."""
    to_last = dict(zip(ids.tolist(), ids[last].tolist(), strict=True))
    known = repairs["reach_id"].map(to_last)
    return repairs.assign(reach_id=known).drop_duplicates(["reach_id", "what", "issue_id"])


def _renumber_nodes(tables: dict[str, Any]) -> None:
    reaches, nodes = tables["reaches"], tables["network_nodes"]
    frm, to = (reaches[c].to_numpy(dtype=np.intp) for c in ("from_node", "to_node"))
    met = np.unique(np.concatenate([frm, to]))
    tables["reaches"] = reaches.assign(
        from_node=np.searchsorted(met, frm), to_node=np.searchsorted(met, to)
    )
    kept = nodes[nodes["node"].isin(met)].sort_values("node")
    tables["network_nodes"] = kept.assign(node=np.arange(len(kept)))
