"""Ways down the network to one place: how far, how long, past which sections.

Everything upstream of a place drains to it along its shortest way. These ways form a tree, so each
reach needs only its next reach downstream; sums along a way are sums down that tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._network.arrays import chain_sums
from basin._network.navigate import walk
from basin.standards.tracing import tracing_figures

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["Place", "Routes", "quickest", "routes_to"]

_S_PER_H = 3600.0

#: Suffixes of columns of time: at mean, low and high flow.
_STAGES = ("", "_low_flow", "_high_flow")


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
        ``from_node`` and ``to_node`` as in the network.
        ``hours_low_flow``, ``time_low_flow_h`` and ``..._high_flow`` are the same at these stages.
    """

    end: Place
    table: pd.DataFrame

    def locate(self, reach_ids: Any, measures: Any) -> pd.DataFrame:
        """Measure the ways of points on the network to the end.

        Returns
        -------
        DataFrame by position
            ``upstream`` (bool: drains to the end), ``distance_m``, ``travel_time_h``,
            ``travel_time_low_flow_h``, ``travel_time_high_flow_h``, ``junctions`` (nullable),
            ``default_velocity`` (part of the time is assumed), ``row``
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
        times = {
            f"travel_time{stage}_h": np.where(
                upstream, column[f"time{stage}_h"] + part * column[f"hours{stage}"], np.nan
            )
            for stage in _STAGES
        }
        result = pd.DataFrame(
            {
                "upstream": upstream,
                "distance_m": np.where(upstream, column["distance_m"] + left, np.nan),
                **times,
                "default_velocity": upstream
                & (column["default_used"] | (column["assumed"] & (left > 0))),
                "row": np.where(upstream, row, -1),
            }
        )
        result["junctions"] = pd.array(np.where(upstream, column["junctions"], 0), dtype="Int64")
        result.loc[~upstream, "junctions"] = pd.NA
        return result

    def marks(self, rows: Any, measures: Any) -> Marks:
        """Put marks (sections) on the ways: positions in `table`, nearest to the end first."""
        on: dict[int, list[tuple[float, int]]] = {}
        for mark, (row, measure) in enumerate(zip(rows, measures, strict=True)):
            on.setdefault(int(row), []).append((float(measure), mark))
        for held in on.values():  # at one place the farther mark first: it flows to the nearer
            held.sort(key=lambda mark: (mark[0], -mark[1]))
        after = self.table["next"].to_numpy()
        held_by = np.full(len(after), -1, dtype=np.intp)
        for row, held in on.items():
            held_by[row] = held[0][1]
        n = len(after)
        ends = np.append(np.where(after < 0, n, after), n)
        jump = np.where(np.append(held_by >= 0, True), np.arange(n + 1), ends)
        while not np.array_equal(jump, jump[jump]):
            jump = jump[jump]
        return Marks(on, np.append(held_by, -1)[jump[ends[:-1]]])

    def accumulate(self, rows: Any, amounts: Any) -> npt.NDArray[np.float64]:
        """Add amounts at reaches (positions) and carry them down to the end: the sum passing."""
        passing = np.bincount(rows, weights=amounts, minlength=len(self.table)).astype(float)
        after = self.table["next"].to_numpy()
        for row in range(len(self.table) - 1, 0, -1):  # farthest first
            passing[after[row]] += passing[row]
        return passing

    def bridges(self) -> npt.NDArray[np.bool_]:
        """True for the reaches of `table` that all water from above passes."""
        frm, to = self.table["from_node"].to_numpy(), self.table["to_node"].to_numpy()
        if not pd.Series(frm).duplicated().any():
            return np.ones(len(self.table), dtype=bool)
        pairs = [frozenset(p) for p in zip(frm.tolist(), to.tolist(), strict=True)]
        graph: nx.Graph[Any] = nx.Graph(p for p in zip(frm.tolist(), to.tolist(), strict=True))
        found: Any = nx.bridges(graph)
        bridges = {frozenset(edge) for edge in found}
        alone = ~pd.Series(pairs).duplicated(keep=False).to_numpy()  # two arms, the same two nodes
        return np.array([p in bridges for p in pairs], dtype=bool) & alone


@dataclass(frozen=True)
class Marks:
    """Marks on the ways to a place, by position: those on each reach, and the next below it."""

    on: dict[int, list[tuple[float, int]]]
    below: npt.NDArray[np.intp]

    def first(self, row: int, measure: float) -> int:
        """Return the first mark at or below a place on its way to the end, or -1."""
        for at, mark in self.on.get(row, ()):
            if at >= measure:
                return mark
        return int(self.below[row])

    def after(self, mark: int, row: int) -> int:
        """Return the first mark below a mark, or -1."""
        held = self.on[row]
        place = next(k for k, (_, m) in enumerate(held) if m == mark)
        return held[place + 1][1] if place + 1 < len(held) else int(self.below[row])


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
    velocity, assumed = _velocity(reaches, default_velocity_m_s)
    after = _next_reach(reaches, distance + length)
    columns: dict[str, Any] = {
        "length_m": length,
        "assumed": assumed,
        "distance_m": distance,
        "junctions": np.append(0, near["junctions"].to_numpy(dtype=int)),
        "next": after,
        "from_node": reaches["from_node"].to_numpy(),
        "to_node": reaches["to_node"].to_numpy(),
    }
    for suffix, speed in _stages(reaches, velocity).items():
        hours = length / speed / _S_PER_H
        columns[f"hours{suffix}"] = hours
        columns[f"time{suffix}_h"] = _below(after, hours)
    columns["default_used"] = _below(after, assumed.astype(float)) > 0.5
    return Routes(end, pd.DataFrame(columns, index=order))


def _velocity(reaches: Any, default_m_s: float) -> tuple[Any, npt.NDArray[np.bool_]]:
    velocity = reaches["velocity_m_s"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        assumed = ~(velocity > 0)
    return np.where(assumed, default_m_s, velocity), assumed


def _stages(reaches: Any, velocity: Any) -> dict[str, Any]:
    """Velocities at mean, low and high flow; where the lines state none, a band about the mean."""
    band = float(tracing_figures("velocity")["band"])
    stages = {"": velocity}
    for name, factor in (("_low", 1.0 - band), ("_high", 1.0 + band)):
        column = f"velocity{name}_m_s"
        stated = (
            pd.to_numeric(reaches[column], errors="coerce").to_numpy(dtype=float)
            if column in reaches.columns
            else np.full(len(reaches), np.nan)
        )
        with np.errstate(invalid="ignore"):
            stages[f"{name}_flow"] = np.where(stated > 0, stated, velocity * factor)
    return stages


def _below(after: Any, values: Any) -> npt.NDArray[np.float64]:
    """Sum a value over the reaches below each on its way to the end."""
    below: npt.NDArray[np.float64] = chain_sums(after, values) - values
    return below


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


def quickest(near: Any, far: Any, cost: Any, reach_ids: pd.Index) -> npt.NDArray[np.intp]:
    """Find the way of least cost between a place and each reach.

    Parameters
    ----------
    near, far : shape (n,)
        Ids of the nodes of each reach towards the place and away from it; the place's own reach at
        the head.
    cost : shape (n,)
        Hours (or metres) of each reach; of the first, of its part between the place and `far`.
    reach_ids
        Of two ways of one cost, the one by the lower id is taken.

    Returns
    -------
    shape (n,)
        Position of the next reach towards the place, -1 for the first.
    """
    n = len(cost)
    nodes, codes = np.unique(np.append(near, far), return_inverse=True)
    rank = np.empty(n, dtype=np.intp)
    rank[np.argsort(reach_ids.to_numpy(), kind="stable")] = np.arange(n)
    found = walk(
        np.arange(n), 0, codes[:n], codes[n:], np.asarray(cost, dtype=float), np.zeros(n),
        np.zeros(len(nodes), dtype=bool), rank, first_m=float(cost[0]),
    )  # fmt: skip
    after: npt.NDArray[np.intp] = found.after
    return after
