"""All outfalls against all sections at once: which comes next below, how far, how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import as_id, as_ids
from basin.errors import AssessmentError, list_ids
from basin.tracing.spill.hydraulics import flow_ratios, reach_hydraulics

if TYPE_CHECKING:
    from basin._network.bulk import Spots, UpstreamPairs
    from basin.network import RiverNetwork

__all__ = ["OutfallAttribution", "attribute_outfalls"]

Floats = npt.NDArray[np.float64]

_S_PER_H = 3_600.0


class Hours(NamedTuple):
    """Hours by reach: to flow through it and from its upper end on; those by default velocity."""

    own: Floats
    to_outlet: Floats
    assumed: Floats
    assumed_to_outlet: Floats


@dataclass(frozen=True, repr=False)
class OutfallAttribution:
    """Where the water of every outfall goes: the section that it meets next, and all below.

    Attributes
    ----------
    outfalls
        By ``outfall_id``: ``reach_id``, ``measure_m``, ``snap_status``; ``section_id``, the first
        section on the main way below (missing where there is none), ``distance_m`` and
        ``travel_time_h`` to it at mean flow, ``default_velocity`` (part of that time rests on the
        default); ``n_sections``, all sections below by any arm.
    sections
        By ``section_id``: ``reach_id``, ``measure_m``, ``snap_status``; ``next_section``,
        ``distance_m``, ``travel_time_h`` and ``default_velocity`` to the section below;
        ``n_outfalls``, all above by any arm; ``n_direct``, those that meet it first.
    pairs
        Which outfalls lie above which sections, by any arm, as slices:
        :class:`basin._network.bulk.UpstreamPairs`.
    """

    outfalls: pd.DataFrame
    sections: pd.DataFrame
    pairs: UpstreamPairs

    @property
    def left_out(self) -> pd.DataFrame:
        """Outfalls and sections that could not be placed: ``layer``, ``id``, ``reason``."""
        rows = [
            (layer, i, status)
            for layer, table in (("outfalls", self.outfalls), ("sections", self.sections))
            for i, status in table.loc[table["reach_id"].isna(), "snap_status"].items()
        ]
        return pd.DataFrame(rows, columns=["layer", "id", "reason"])

    def downstream(self, outfall_id: Any) -> pd.DataFrame:
        """Return every section that the water of an outfall meets on the main way.

        Returns
        -------
        DataFrame by ``section_id``, in the order met
            ``distance_m``, ``travel_time_h``.

        Raises
        ------
        AssessmentError
            If there is no such outfall.
        """
        table = self.chains([outfall_id])
        return table.drop(columns="outfall_id").set_index("section_id")

    def upstream(self, section_id: Any) -> pd.Index:
        """Return every outfall above a section, by any arm.

        Raises
        ------
        NetworkError
            If there is no such section.
        """
        return self.pairs.of(as_id(section_id))

    def chains(self, outfall_ids: Any = None) -> pd.DataFrame:
        """Return one row for each outfall and each section on its main way.

        Parameters
        ----------
        outfall_ids
            None takes all; a million outfalls may give many million rows.

        Returns
        -------
        DataFrame
            ``outfall_id``, ``section_id``, ``distance_m``, ``travel_time_h``; the sections of an
            outfall in the order met.
        """
        table = self.outfalls
        if outfall_ids is not None:
            wanted = pd.Index(as_ids(pd.Series(list(outfall_ids), dtype=object)), dtype=object)
            lost = list(wanted[~wanted.isin(table.index)])
            if lost:
                raise AssessmentError(
                    "there is no such outfall", ids=lost, mend=f"One of {list_ids(table.index)}."
                )
            table = table.loc[wanted]
        after = self.sections.index.get_indexer(pd.Index(self.sections["next_section"]))
        onward = self.sections[["distance_m", "travel_time_h"]].to_numpy(dtype=float)
        at = self.sections.index.get_indexer(pd.Index(table["section_id"]))
        so_far = table[["distance_m", "travel_time_h"]].to_numpy(dtype=float)
        row = np.arange(len(table))
        parts = []
        while True:  # all outfalls go one section down at a time
            on = at >= 0
            row, at, so_far = row[on], at[on], so_far[on]
            if not len(row):
                break
            parts.append((row, at, so_far))
            so_far, at = so_far + onward[at], after[at]
        order: Any = np.concatenate([p[0] for p in parts]) if parts else np.zeros(0, dtype=np.intp)
        by_row = np.argsort(order, kind="stable")
        section = np.concatenate([p[1] for p in parts])[by_row] if parts else order
        values = np.vstack([p[2] for p in parts])[by_row] if parts else np.zeros((0, 2))
        return pd.DataFrame(
            {
                "outfall_id": table.index.to_numpy()[order[by_row]],
                "section_id": self.sections.index.to_numpy()[section],
                "distance_m": values[:, 0],
                "travel_time_h": values[:, 1],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the outfalls (a copy)."""
        return self.outfalls.copy()

    def __repr__(self) -> str:
        met = int(self.outfalls["section_id"].notna().sum())
        return (
            f"<OutfallAttribution: {met:,} of {len(self.outfalls):,} outfalls drain to "
            f"{len(self.sections):,} sections>"
        )


def attribute_outfalls(
    network: RiverNetwork,
    sections: Any,
    outfalls: Any,
    *,
    velocity_m_s: float | None = None,
    max_offset_m: float = 500.0,
) -> OutfallAttribution:
    """Find the section that each outfall drains to next, and all outfalls above each section.

    Parameters
    ----------
    network
        Rivers as a directed graph.
    sections, outfalls
        Points with ``section_id`` and ``outfall_id`` (or these as the index), any known CRS; or
        tables that are placed already, with ``reach_id`` and ``measure_m``, as
        ``network.snap`` returns them; or ``network.spots`` of such, to ask more than once.
    velocity_m_s
        For reaches of which nothing is known; None is the default on record. The others as in
        :func:`basin.tracing.trace_spill`.
    max_offset_m
        Farthest that a point may lie from its reach, in metres.

    Returns
    -------
    OutfallAttribution

    Raises
    ------
    CrsError
        If the CRS of points is missing or refused.
    NetworkError
        If a table names an unknown reach.

    Notes
    -----
    Next and chain follow the main way, as ``network.downstream`` goes; counts and `pairs` take all
    arms. An outfall on the section's own place lies above it.

    Examples
    --------
    >>> from geopandas import GeoDataFrame
    >>> from shapely import LineString
    >>> from basin.network import RiverNetwork
    >>> lines = GeoDataFrame(
    ...     {"reach_id": ["upper", "lower"], "velocity_m_s": [1.0, 0.5]},
    ...     geometry=[LineString([(106.6, 28.9), (106.7, 28.9)]),
    ...               LineString([(106.7, 28.9), (106.8, 28.9)])], crs=4490)
    >>> network = RiverNetwork.from_lines(lines)
    >>> outfalls = pd.DataFrame({"reach_id": ["upper", "lower"], "measure_m": [0.0, 3600.0]},
    ...                         index=["P-1", "P-2"])
    >>> sections = pd.DataFrame({"reach_id": ["lower"], "measure_m": [1800.0]}, index=["S-1"])
    >>> found = attribute_outfalls(network, sections, outfalls)
    >>> found.outfalls["section_id"].to_dict()
    {'P-1': 'S-1', 'P-2': nan}
    >>> found.sections["n_outfalls"].to_dict()
    {'S-1': 1}
    """
    above, up = _placed(network, outfalls, "outfall_id", max_offset_m)
    below, down = _placed(network, sections, "section_id", max_offset_m)
    pairs = network.all_pairs_upstream(up, down)
    # sections by their number: a million labels need not be looked up again
    numbered = down._replace(labels=pd.Index(np.arange(len(below), dtype=float)))
    hours = _to_outlet(network, velocity_m_s)
    left, left_below = _left(network, up, hours), _left(network, down, hours)
    first = _next(network.next_downstream(up, numbered), left, left_below)
    onward = _next(network.next_downstream(numbered, numbered, strict=True), left_below, left_below)
    nearest, after = first.pop("at"), onward.pop("at")
    names = below.index.array
    above["section_id"] = pd.Series(names.take(nearest, allow_fill=True), index=above.index)
    for name, values in first.items():
        above[name] = values
    above["n_sections"] = _count_below(pairs, len(above))
    below["next_section"] = pd.Series(names.take(after, allow_fill=True), index=below.index)
    for name, values in onward.items():
        below[name] = values
    below["n_outfalls"] = pairs.counts().to_numpy()
    below["n_direct"] = np.bincount(nearest[nearest >= 0], minlength=len(below))
    return OutfallAttribution(above, below, pairs)


def _placed(
    network: RiverNetwork, table: Any, key: str, max_offset_m: float
) -> tuple[pd.DataFrame, Spots]:
    """Place points on the network, or take over a table that is placed already."""
    if isinstance(table, tuple):  # found already
        spots: Any = table
        return _table_of(network, spots, "snapped", key), spots
    labels = pd.Series(table[key] if key in table.columns else table.index)
    if pd.api.types.infer_dtype(labels, skipna=False) != "string":
        labels = as_ids(labels).fillna("")
    index = pd.Index(labels.to_numpy(dtype=object), name=key)
    if index.has_duplicates:
        raise AssessmentError(
            f"{key} is not unique",
            ids=index[index.duplicated()].unique(),
            mend="Give each row an id of its own; read_layer does.",
        )
    if {"reach_id", "measure_m"} <= set(table.columns):
        known = table
        status = table["status"].to_numpy() if "status" in table.columns else "snapped"
    elif isinstance(table, gpd.GeoDataFrame):
        known = network.snap(table, max_offset_m=max_offset_m)
        status = known["status"].to_numpy()
    else:
        raise AssessmentError(
            f"the table of {key} has neither geometry nor reach_id and measure_m",
            mend="Give points, or what network.snap returns.",
        )
    spots = network.spots(known)._replace(labels=index)
    return _table_of(network, spots, status, key), spots


def _table_of(network: RiverNetwork, spots: Spots, status: Any, key: str) -> pd.DataFrame:
    index = spots.labels.rename(key)
    ids = network.reaches.index.array.take(spots.reach, allow_fill=True)
    placed = {
        "reach_id": pd.Series(ids, index=index),
        "measure_m": spots.measure,
        "snap_status": status,
    }
    return pd.DataFrame(placed, index=index)


def _to_outlet(network: RiverNetwork, velocity_m_s: float | None) -> Hours:
    """Hours through each reach, and from its upper end to the outlet; those by default velocity."""
    ratio = {"median": flow_ratios()["median"]}
    speed = reach_hydraulics(network.reaches, ratio, velocity_m_s=velocity_m_s)
    own = network.reaches["length_m"] / speed.velocity_m_s["median"] / _S_PER_H
    assumed = own.where(speed.table["tier"].eq("default"), 0.0)
    columns = (own, network.sum_to_outlet(own), assumed, network.sum_to_outlet(assumed))
    return Hours(*(np.asarray(c, dtype=float) for c in columns))


def _left(network: RiverNetwork, spots: Spots, hours: Hours) -> tuple[Floats, Floats]:
    """Hours from places to the outlet on the main way, and the part by default velocity."""
    length = network.reaches["length_m"].to_numpy(dtype=float)[spots.reach]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(length > 0, spots.measure / length, 0.0)
    total = hours.to_outlet[spots.reach] - share * hours.own[spots.reach]
    return total, hours.assumed_to_outlet[spots.reach] - share * hours.assumed[spots.reach]


def _next(found: pd.DataFrame, own: Any, targets: Any) -> dict[str, Any]:
    """Number of the target of each row (-1: none), and the way to it."""
    at = found["target"].fillna(-1.0).to_numpy(dtype=np.intp)
    met = at >= 0
    hours, assumed = (
        np.where(met, a - _take(b, at), np.nan) for a, b in zip(own, targets, strict=True)
    )
    return {
        "at": at,
        "distance_m": found["distance_m"].to_numpy(dtype=float),
        "travel_time_h": np.where(hours > 0, hours, 0.0 * hours),  # rounding gives no time below 0
        "default_velocity": assumed > 1e-9,
    }


def _take(values: Floats, at: Any) -> Floats:
    return values[at] if len(values) else np.full(len(at), np.nan)


def _count_below(pairs: UpstreamPairs, count: int) -> Any:
    """How many targets lie below each point: starts less ends of the slices that hold it."""
    change = np.zeros(len(pairs.order) + 1, dtype=np.int64)
    np.add.at(change, pairs.low, 1)
    np.add.at(change, pairs.high, -1)
    result = np.zeros(count, dtype=np.int64)
    result[pairs.order] = np.cumsum(change)[:-1]
    return result
