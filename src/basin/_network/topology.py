"""A stated topology (which reach each flows into) beside the geometry."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Ints
from basin._network.build import Lines, ends_of, redraw
from basin._network.join import metres_between
from basin._network.joints import END, START
from basin._network.ledger import Ledger, place_of
from basin._text import as_ids
from basin.errors import NetworkError

__all__ = ["close_stated_gaps", "stated_direction", "stated_targets"]

#: What stands for "flows out of the layer" in a column of downstream ids.
_OUT_OF_LAYER = r"0+|-\d+"


def stated_targets(table: gpd.GeoDataFrame, to_id: str | None, ledger: Ledger) -> Ints | None:
    """Return for each row of the table the row that it flows into, -1 where none is stated.

    Blank, 0, a negative number and the reach itself say that it flows out of the layer. Any other
    id that the layer does not hold (a reach beyond a clip, a slip of the pen) is listed.
    """
    if to_id is None:
        return None
    if to_id not in table:
        raise NetworkError(
            f"there is no column {to_id!r} with the downstream reach",
            mend=f"Columns are: {', '.join(map(str, table.columns))}.",
        )
    known = pd.Index(table["reach_id"])
    stated = as_ids(table[to_id])
    target: Ints = known.get_indexer(stated.to_numpy(dtype=object)).astype(np.intp)
    lost = stated[(target < 0) & stated.notna() & ~stated.str.fullmatch(_OUT_OF_LAYER).fillna(True)]
    for goal, rows in lost.groupby(lost, sort=True):
        there = np.asarray(table.geometry.loc[rows.index].dropna().array, dtype=object)
        ledger.add(
            "unknown_target",
            table["reach_id"].loc[rows.index],
            action="none",
            rule=str(goal),
            place=shapely.union_all(there) if len(there) else None,
        )
    return np.where(target == np.arange(len(table)), -1, target)


def close_stated_gaps(lines: Lines, target: Ints, within_m: float, ledger: Ledger) -> Lines:
    """Join a free end to the stated reach within `within_m`; list what disagrees."""
    nodes, frm, to = ends_of(lines)
    stated = stated_direction(lines, target)
    n = len(nodes)
    degree = np.bincount(frm, minlength=n) + np.bincount(to, minlength=n)
    ends: dict[int, list[int]] = {}
    for k, row in enumerate(lines.row.tolist()):
        ends.setdefault(row, []).append(k)
    goes = np.full(n, -1, dtype=np.intp)
    away = np.zeros(n)
    silent = np.array(
        [r for r in ends if target[r] >= 0 and (stated[ends[r]] == 0).all()], dtype=int
    )
    for row in silent.tolist():
        there = ends.get(int(target[row]))
        if there is None:
            continue  # the stated reach was set aside, and is listed there
        mine = sorted(set(to[ends[row]].tolist()) - set(frm[ends[row]].tolist()))[0:1]
        last = mine[0] if mine else int(to[ends[row][-1]])
        choice = np.unique(frm[there])
        distance = metres_between(np.repeat(nodes[[last]], len(choice), axis=0), nodes[choice])
        best = int(np.argmin(distance))
        joins = degree[last] == 1 and distance[best] <= within_m
        if joins:
            goes[last], away[last] = choice[best], distance[best]
        repair = ledger.add(
            "gap_closed" if joins else "topology_conflict",
            [lines.ids[ends[row][-1]], lines.ids[there[0]]],
            action="applied" if joins else "none",
            distance_m=float(distance[best]),
            rule="to_id",
            confidence=0.9 if joins else 0.5,
            place=place_of(nodes[last], nodes[choice[best]]),
        )
        if joins:
            moved = [(str(lines.ids[k]), START) for k in np.flatnonzero(frm == last)]
            moved += [(str(lines.ids[k]), END) for k in np.flatnonzero(to == last)]
            ledger.joints.bring(repair, moved)
    bend = np.column_stack([away[frm], away[to]])
    return redraw(lines, goes[frm], goes[to], nodes, bend_m=bend)


def stated_direction(lines: Lines, target: Ints | None) -> Any:
    """Say for each line whether the stated topology agrees (+1) with its drawn direction.

    -1: its start, not its end, touches the stated reach. Of a line that flows out of the layer the
    lines that flow into it tell: they touch its start (+1) or its end (-1). 0: nothing is stated,
    or neither does.
    """
    nodes, frm, to = ends_of(lines)
    stated = np.zeros(len(lines.ids), dtype=np.intp)
    if target is None:
        return stated
    n = len(nodes)
    touched = np.unique(np.concatenate([lines.row * n + frm, lines.row * n + to]))
    goal = target[lines.row]
    by_end = (goal >= 0) & np.isin(goal * n + to, touched)
    by_start = (goal >= 0) & np.isin(goal * n + frm, touched)
    rows = int(lines.row.max(initial=0)) + 1
    end_of_row = np.bincount(lines.row[by_end], minlength=rows) > 0
    start_of_row = np.bincount(lines.row[by_start], minlength=rows) > 0
    stated[end_of_row[lines.row]] = 1
    stated[(start_of_row & ~end_of_row)[lines.row]] = -1
    entered = np.concatenate([(goal * n + to)[by_end], (goal * n + frm)[by_start]])
    begins = np.isin(lines.row * n + frm, entered)
    ends = np.isin(lines.row * n + to, entered)
    last = goal < 0
    stated[last & begins & ~ends] = 1
    stated[last & ends & ~begins] = -1
    return stated
