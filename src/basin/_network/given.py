"""Given node columns beside the geometry: what they close, and where the two disagree."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Floats, Ints, group
from basin._network.build import Lines, redraw
from basin._network.geometry import unique_points
from basin._network.join import metres_between
from basin._network.joints import END, START
from basin._network.ledger import Ledger, place_of
from basin._network.topology import stated_direction
from basin._text import as_ids
from basin.errors import NetworkError

__all__ = ["GivenNodes", "close_given_nodes", "given_nodes"]


class GivenNodes(NamedTuple):
    """The nodes that a table gives for each row, numbered; -1 for none.

    Attributes
    ----------
    frm, to : shape (rows,)
    target : shape (rows,)
        A row that begins at the node where each row ends (the main way, where it is known), or -1.
    """

    frm: Ints
    to: Ints
    target: Ints


def given_nodes(
    table: gpd.GeoDataFrame, from_node: str | None, to_node: str | None
) -> GivenNodes | None:
    """Read the node columns; blank and 0 are no node.

    Raises
    ------
    NetworkError
        If only one of the two is named, or there is no such column.
    """
    if from_node is None and to_node is None:
        return None
    for column in (from_node, to_node):
        if column is None or column not in table:
            raise NetworkError(
                f"there is no node column {column!r}",
                mend="Name both, from_node and to_node. "
                f"Columns are: {', '.join(map(str, table.columns))}.",
            )
    both = pd.concat([as_ids(table[from_node]), as_ids(table[to_node])], ignore_index=True)
    code = pd.factorize(both.mask(both == "0"), sort=True)[0].astype(np.intp)
    frm, to = code[: len(table)], code[len(table) :]
    order = np.arange(len(table))
    if "divergence" in table:
        way = pd.to_numeric(table["divergence"], errors="coerce").to_numpy(dtype=float)
        order = np.lexsort((order, way == 2))
    first = np.full(int(code.max(initial=0)) + 1, -1, dtype=np.intp)
    known = order[frm[order] >= 0][::-1]
    first[frm[known]] = known
    target = np.where(to >= 0, first[to], -1)
    return GivenNodes(frm, to, np.where(target == np.arange(len(table)), -1, target))


def close_given_nodes(lines: Lines, given: GivenNodes, within_m: float, ledger: Ledger) -> Lines:
    """Bring ends of one given node together within `within_m`, and list what disagrees.

    Listed are ends of one node that lie farther apart, and ends at one place that have different
    nodes; there the geometry is kept. Rows that fell into several lines are left out.
    """
    m = len(lines.ids)
    against = stated_direction(lines, given.target) < 0
    whole = np.bincount(lines.row, minlength=len(given.frm))[lines.row] == 1
    frm, to = given.frm[lines.row], given.to[lines.row]
    node = np.concatenate([np.where(against, to, frm), np.where(against, frm, to)])
    node[~np.concatenate([whole, whole])] = -1
    verts = lines.verts
    places, place = unique_points(np.concatenate([verts.starts, verts.ends]))
    goes = _nearest_place(node, place)
    _list_shared_places(lines, node, place, places, ledger)
    away = np.zeros(2 * m)
    apart = np.flatnonzero(goes != place)
    away[apart] = metres_between(places[place[apart]], places[goes[apart]])
    for k in apart.tolist():
        line, closes = k % m, bool(away[k] <= within_m)
        there = int(np.flatnonzero((place == goes[k]) & (node == node[k]))[0]) % m
        repair = ledger.add(
            "gap_closed" if closes else "topology_conflict",
            [lines.ids[line], lines.ids[there]],
            action="applied" if closes else "none",
            distance_m=float(away[k]),
            rule="given nodes",
            confidence=0.9 if closes else 0.5,
            place=place_of(places[place[k]], places[goes[k]]),
        )
        if closes:
            ledger.joints.bring(repair, [(str(lines.ids[line]), START if k < m else END)])
    goes = np.where((goes != place) & (away <= within_m), goes, -1)
    bend = np.column_stack([away[:m], away[m:]])
    return redraw(lines, goes[:m], goes[m:], places, bend_m=bend)


def _nearest_place(node: Ints, place: Ints) -> Ints:
    """For each end the place where most ends of its node lie.

    In a tie it is one where a line ends rather than begins, then the most westerly.
    """
    known = np.flatnonzero(node >= 0)
    pair, which, count = np.unique(
        np.stack([node[known], place[known]]), axis=1, return_inverse=True, return_counts=True
    )
    arrives = np.zeros(len(count), dtype=bool)
    arrives[which.reshape(-1)[known >= len(node) // 2]] = True
    order = np.lexsort((pair[1], ~arrives, -count, pair[0]))
    owner, first = np.unique(pair[0][order], return_index=True)
    best = np.full(int(node.max(initial=0)) + 1, -1, dtype=np.intp)
    best[owner] = pair[1][order][first]
    goes = place.copy()
    goes[known] = best[node[known]]
    return goes


def _list_shared_places(
    lines: Lines, node: Ints, place: Ints, places: Floats, ledger: Ledger
) -> None:
    """List places where ends of different given nodes meet."""
    known = np.flatnonzero(node >= 0)
    pair = np.unique(np.stack([place[known], node[known]]), axis=1)
    shared = np.flatnonzero(np.bincount(pair[0], minlength=len(places)) > 1)
    if not len(shared):
        return
    at = group(place, len(places))
    m = len(lines.ids)
    for k in shared.tolist():
        ledger.add(
            "topology_conflict",
            lines.ids[np.unique(at.of(np.array([k])) % m)],
            action="none",
            distance_m=0.0,
            rule="given nodes",
            confidence=0.5,
            place=shapely.Point(places[k]),
        )
