"""Ways down the network to one place: how far, how long, past which sections.

Everything upstream of a place drains to it along its shortest way. These ways form a tree, so each
reach needs only its next reach downstream; sums along a way are sums down that tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["Place", "Routes", "routes_to"]

_S_PER_H = 3600.0


@dataclass(frozen=True)
class Place:
    """A place on the network: metres along a reach from its upstream end."""

    reach_id: Any
    measure_m: float


@dataclass(frozen=True)
class Routes:
    """The reaches upstream of `end` and their ways to it.

    Attributes
    ----------
    end
        The place that all ways lead to.
    table
        Indexed by ``reach_id``, nearest first, the end's own reach at the head: ``length_m`` (of
        the end's reach: down to the place), ``hours`` to flow through it, ``assumed`` (its velocity
        is the default), and from its downstream end to the place: ``distance_m``, ``time_h``,
        ``junctions``, ``default_used``; ``next`` is the position of the next reach, -1 at the end.
    """

    end: Place
    table: pd.DataFrame

    def locate(self, reach_ids: Any, measures: Any) -> pd.DataFrame:
        """Measure the ways of points on the network to the end.

        Returns
        -------
        DataFrame by position
            ``upstream`` (bool: drains to the end), ``distance_m``, ``travel_time_h``,
            ``junctions`` (nullable), ``default_velocity`` (part of the time is assumed), ``row``
            (position of the reach in `table`, -1 if not upstream).
        """
        row = self.table.index.get_indexer(pd.Index(np.asarray(reach_ids, dtype=object)))
        measure = np.asarray(measures, dtype=float)
        column = {c: self.table[c].to_numpy()[row] for c in self.table.columns}
        left = column["length_m"] - measure  # of its own reach still to walk
        # on the end's own reach only what lies at or above the place drains to it
        upstream = (row >= 0) & ((row != 0) | (measure <= self.end.measure_m))
        left = np.maximum(left, 0.0)  # a measure past the end by rounding
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(column["length_m"] > 0, left / column["length_m"], 0.0)
        result = pd.DataFrame(
            {
                "upstream": upstream,
                "distance_m": np.where(upstream, column["distance_m"] + left, np.nan),
                "travel_time_h": np.where(
                    upstream, column["time_h"] + part * column["hours"], np.nan
                ),
                "default_velocity": upstream
                & (column["default_used"] | (column["assumed"] & (left > 0))),
                "row": np.where(upstream, row, -1),
            }
        )
        result["junctions"] = pd.array(np.where(upstream, column["junctions"], 0), dtype="Int64")
        result.loc[~upstream, "junctions"] = pd.NA
        return result

    def first_marks(self, reach_ids: Any, measures: Any, names: Any) -> _Marks:
        """Prepare the question which of some marks (sections) a way meets first."""
        located = self.locate(reach_ids, measures)
        on: dict[int, list[tuple[float, Any]]] = {}
        for row, measure, name in zip(located["row"], measures, names, strict=True):
            if row >= 0:
                on.setdefault(int(row), []).append((float(measure), name))
        for marks in on.values():
            marks.sort(key=lambda mark: mark[0])
        after = self.table["next"].to_numpy()
        below: list[Any] = [None] * len(self.table)
        for row in range(1, len(self.table)):  # nearest first: the next reach is already known
            step = int(after[row])
            below[row] = on[step][0][1] if step in on else below[step]
        return _Marks(on, below)

    def accumulate(self, rows: Any, amounts: Any) -> npt.NDArray[np.float64]:
        """Add amounts at reaches (positions) and carry them down to the end: the sum passing."""
        passing = np.bincount(rows, weights=amounts, minlength=len(self.table)).astype(float)
        after = self.table["next"].to_numpy()
        for row in range(len(self.table) - 1, 0, -1):  # farthest first
            passing[after[row]] += passing[row]
        return passing


@dataclass(frozen=True)
class _Marks:
    on: dict[int, list[tuple[float, Any]]]
    below: list[Any]

    def first(self, row: int, measure: float, *, skip: Any = None) -> Any:
        """Return the first mark at or below a place on its way to the end, or None."""
        for at, name in self.on.get(row, ()):
            if at >= measure and name != skip:
                return name
        return self.below[row]


def routes_to(network: RiverNetwork, end: Place, *, default_velocity_m_s: float) -> Routes:
    """Find the shortest way from every upstream reach to a place.

    Parameters
    ----------
    network
    end
        On the network.
    default_velocity_m_s
        For reaches without a velocity.
    """
    known = network.distance_to((end.reach_id, end.measure_m))
    others = known.index[known.index != end.reach_id]
    near = known.loc[others].sort_values("distance_m", kind="stable")
    order = pd.Index([end.reach_id]).append(near.index)
    reaches = network.reaches.loc[order]
    length = reaches["length_m"].to_numpy(dtype=float).copy()
    length[0] = end.measure_m
    distance = np.append(0.0, near["distance_m"].to_numpy(dtype=float))
    velocity = reaches["velocity_m_s"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        assumed = ~(velocity > 0)
    hours = length / np.where(assumed, default_velocity_m_s, velocity) / _S_PER_H
    after = _next_reach(reaches, distance + length)
    time, default_used = np.zeros(len(order)), np.zeros(len(order), dtype=bool)
    for row in range(1, len(order)):  # nearest first
        step = after[row]
        time[row] = time[step] + hours[step]
        default_used[row] = default_used[step] or assumed[step]
    return Routes(
        end,
        pd.DataFrame(
            {
                "length_m": length,
                "hours": hours,
                "assumed": assumed,
                "distance_m": distance,
                "time_h": time,
                "junctions": np.append(0, near["junctions"].to_numpy(dtype=int)),
                "default_used": default_used,
                "next": after,
            },
            index=order,
        ),
    )


def _next_reach(reaches: Any, through: Any) -> npt.NDArray[np.intp]:
    """Position of the reach by which the shortest way leaves each reach's downstream node."""
    best = (
        pd.DataFrame({"node": reaches["from_node"].to_numpy(), "through": through})
        .reset_index()
        .sort_values(["through", "index"], kind="stable")
        .drop_duplicates("node")
        .set_index("node")["index"]
    )
    after = best.reindex(reaches["to_node"].to_numpy()).fillna(-1).to_numpy(dtype=np.intp)
    after[0] = -1
    return after
