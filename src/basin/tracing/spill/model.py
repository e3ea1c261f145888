"""Trace a spill down the rivers: when it comes where, how strong, and what can hold it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.ops import substring

from basin._text import escape, html_table
from basin.crs import EXCHANGE_CRS, GLOBE_BOUNDS, to_exchange
from basin.errors import AssessmentError, NetworkError, SnapError
from basin.standards.hydraulics import hydraulics as records
from basin.standards.labels import item_code
from basin.standards.quality import Decay, decay_coefficient, gb3838, limit_of
from basin.tracing.mixing import mixing_length
from basin.tracing.spill.arrivals import arrival_table
from basin.tracing.spill.cloud import cloud_times, concentration
from basin.tracing.spill.fronts import spill_fronts
from basin.tracing.spill.hydraulics import CASES, Hydraulics, flow_ratios, reach_hydraulics
from basin.tracing.spill.note import explain_spill, plan_steps, reading_table
from basin.tracing.spill.spaces import space_table
from basin.tracing.spill.targets import on_network, targets_on
from basin.tracing.spill.way import Way, delays_of, way_below

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["SpillTrace", "trace_spill"]

#: Matter that comes by a slower arm is told if it is later by this part of the time of the peak.
_LATE = 0.05

#: Ways of different cases whose lengths differ by less are one way, in metres.
_SAME_WAY_M = 1.0

#: From so far on the way of a spill over land to the river is worth a note, in metres.
_OVERLAND_M = 100.0

_NO_STRUCTURES = gpd.GeoDataFrame(
    {c: pd.Series(dtype=object) for c in ("id", "name", "reach_id", "kind", "snap_status")}
    | {c: pd.Series(dtype=float) for c in ("measure_m", "offset_m", "volume_m3", "close_min")},
    geometry=gpd.GeoSeries([], crs=EXCHANGE_CRS),
)


@dataclass(frozen=True)
class SpillTrace:
    """When a spill comes to what lies below it, how strong, and which structures can hold it.

    A reckoning by one-dimensional relations, to act on and to check by sampling: no measurement,
    and a list of leads, not proof. Every table is in EPSG:4490 or has no geometry.

    Cases (column ``case``): ``low``, ``median`` and ``high`` flow; and ``fastest``: high flow, the
    fastest probable velocity, and no structure that holds water back. Warn and close by the last.

    Attributes
    ----------
    start
        The spill: ``name``, ``river``, ``district``, ``lon``, ``lat`` (as given), ``reach_id``,
        ``measure_m``, ``offset_m`` (over land to the river), ``mass_kg`` and ``duration_h``,
        ``item_id``, ``unit``, ``limit_mg_l`` (GB 3838 class III; NaN for none).
    arrivals
        One row a target and case, nearest first: ``kind`` (section, intake, district_border,
        confluence, structure, outlet), ``id``, ``name``, ``river``, ``district``, ``reach_id``,
        ``measure_m``, ``snap_status``, ``distance_m`` (along the way of the case), ``case``; hours
        from the start of the release ``leading_h``, ``peak_h``, ``trailing_h`` (10 % of the peak;
        of what comes by the slowest way), ``passage_h``, ``delay_h`` (part of it that structures
        take), ``lag_h`` (how much later what comes by the slowest way is); ``flow_m3_s``;
        ``peak_mg_l`` above what the
        river had (Jobson 1996), ``peak_hj_mg_l`` (HJ 2.3, 1-D dispersion after Fischer; NaN where
        width or flow is not known; a slope that is not given follows from Manning), ``above_h``
        (hours above the limit), ``mixed`` (farther than the mixing length), ``default_share`` (of
        the time, by default velocity).
    reaches
        Below the spill, by ``reach_id``, nearest first: ``name``, ``tier`` of the velocity,
        ``velocity_<case>_m_s``, ``flow_m3_s`` (mean), ``length_m``, ``distance_m`` (of its upper
        end, by the way at median flow), ``leading_<case>_h`` and ``peak_<case>_h`` at its lower
        end, ``share`` of the matter.
    fronts
        The cloud hour by hour: ``case``, ``hour``, ``head_m``, ``tail_m``, ``length_m``, ``held``
        (a part of it waits at a structure).
    spaces
        Structures that may hold it; see `basin.tracing.spill.spaces.space_table`.
    hydraulics, decay
        What was reckoned with.
    mixing_m
        Length to mix across the river by case; NaN where not known.
    report_min
        Minutes from the spill to the order to close.
    notes
        Codes of doubt, each with its ids (or figures) in `note_ids`.
    inputs
        What it rests on: ``layer``, ``n`` rows, ``source``, ``dated``.
    date
        On which it was reckoned, or the project's.
    """

    start: pd.Series
    arrivals: gpd.GeoDataFrame
    reaches: gpd.GeoDataFrame
    fronts: gpd.GeoDataFrame
    spaces: pd.DataFrame
    hydraulics: Hydraulics
    decay: Decay
    mixing_m: pd.Series
    report_min: float
    notes: tuple[str, ...]
    note_ids: Mapping[str, tuple[str, ...]]
    inputs: pd.DataFrame
    date: dt.date

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the arrivals; with a language, a table to read: one row a target, in words."""
        return self.arrivals.copy() if lang is None else reading_table(self, lang)

    def curve(self, target_id: str, case: str = "median", *, points: int = 200) -> pd.DataFrame:
        """Return the concentration at a target over time.

        Parameters
        ----------
        target_id
            An ``id`` of `arrivals`.
        case
            One of low, median, high, fastest.

        Returns
        -------
        shape (points, 2)
            ``hour`` from the start of the release, from the leading to the trailing edge, and
            ``mg_l`` above what the river had.

        Raises
        ------
        AssessmentError
            If there is no such target, or no concentration is known there.
        """
        rows = self.arrivals[(self.arrivals["id"] == target_id) & (self.arrivals["case"] == case)]
        if not len(rows):
            known = ", ".join(dict.fromkeys(self.arrivals["id"]))
            raise AssessmentError(
                "the spill comes to no such target", ids=[target_id], mend=f"Targets: {known}."
            )
        row = rows.iloc[0]
        if not np.isfinite(row["peak_mg_l"]):
            raise AssessmentError(
                "no concentration is known there",
                ids=[target_id],
                mend="Give mass_kg, and flow_m3_s with the rivers.",
            )
        duration = float(self.start["duration_h"])
        hours = np.linspace(row["leading_h"], row["trailing_h"], points)
        mass = float(self.start["mass_kg"]) * row["mass_share"]
        ratio = self.hydraulics.ratio[case]
        level = concentration(hours, row["instant_h"], ratio, duration, mass, row["flow_m3_s"])
        kept = np.exp(-self.decay.k_per_d * row["instant_h"] / 24.0)
        return pd.DataFrame({"hour": hours, "mg_l": level * kept})

    def plan(self, lang: str = "zh") -> list[str]:
        """Return what to do first, with the hours: one river, one plan (一河一策)."""
        return plan_steps(self, lang)

    def explain(self, lang: str = "zh") -> str:
        """Write the spill as an officer's note."""
        return explain_spill(self, lang)

    def __repr__(self) -> str:
        n = self.arrivals["id"].nunique()
        return f"SpillTrace({self.start['name'] or self.start['reach_id']}: comes to {n} targets)"

    def _repr_html_(self) -> str:
        table = self.to_frame("zh").head(20)
        note = self.explain().splitlines()
        body = html_table([str(c) for c in table.columns], table.to_numpy())
        return f"<p>{escape(note[0])}</p>{body}<p>{escape(repr(self))} {escape(note[-1])}</p>"


def trace_spill(
    network: RiverNetwork,
    at: Any,
    *,
    mass_kg: float | None = None,
    duration_h: float = 0.0,
    item: str | None = None,
    sections: Any = None,
    intakes: Any = None,
    structures: Any = None,
    districts: Any = None,
    flow_ratio: Any = None,
    velocity_m_s: float | None = None,
    drainage_area_km2: Any = None,
    slope: Any = None,
    k_per_d: float | None = None,
    report_min: float | None = None,
    treat_h: float | None = None,
    hours: float = 72.0,
    step_h: float = 1.0,
    max_offset_m: float = 500.0,
    max_overland_m: float = 3_000.0,
    name: str = "",
    date: dt.date | None = None,
    sources: Mapping[str, tuple[str, str]] | None = None,
) -> SpillTrace:
    """Follow a spill down the rivers: arrival, peak and passage at all that lies below.

    Parameters
    ----------
    network
        Rivers as a directed graph; their ``velocity_m_s``, ``flow_m3_s`` (mean annual),
        ``width_m``, and where known ``drainage_area_km2`` and ``slope`` are used.
    at
        Where: (lon, lat) in EPSG:4490, a one-row GeoSeries or GeoDataFrame in any known CRS, or
        (reach_id, metres from its upstream end).
    mass_kg
        Matter that came into the water; None: times only.
    duration_h
        Of the release, in hours; 0 is instantaneous.
    item
        Item id such as ``"phenol"``, or any name; decay and limit are taken where on record.
    sections, intakes, structures
        Points with ids, any known CRS; structures with ``kind``, ``volume_m3``, ``close_min``.
    districts
        Polygons with ``id`` and ``name``: borders on the way, and the district of each target.
    flow_ratio
        Low, median and high flow as parts of the mean flow; None takes those on record. Give the
        flow of the day over the mean flow where it is known, and wider ones in a flood.
    velocity_m_s
        At mean flow, for reaches of which nothing is known; None is the default on record.
    drainage_area_km2, slope
        Series by reach_id in place of the columns of the rivers: for reaches without a velocity.
    k_per_d
        Decay in 1/d; None is the coefficient on record for the item.
    report_min, treat_h
        See `basin.tracing.spill.spaces.space_table`; None: on record, and while it passes.
    hours, step_h
        How long, and in which steps, the cloud is drawn.
    max_offset_m, max_overland_m
        Farthest that a target, and that the spill itself, may lie from its reach, in metres.
    name, date, sources
        For the note: what the place is called, the date, and file and date of each layer.

    Returns
    -------
    SpillTrace

    Raises
    ------
    SnapError
        If the spill lies farther than `max_overland_m` from every reach.
    NetworkError
        For an unknown reach or measure, or a figure that cannot be.
    CrsError
        If the CRS of a table is missing or refused.

    Notes
    -----
    Times of the peak are lengths over velocities by the best data at hand (given with the rivers;
    Jobson 1996 from drainage area and flow; default), plus volume over flow at each dam, sluice or
    weir. That sum overstates the delay where the pool is short-circuited, so the case ``fastest``
    leaves it out. A given velocity is taken as that of the peak.

    Where a river parts, the first water comes by the quickest arm, which a structure that holds one
    arm back can change from case to case: each case has its own way. Below the place where arms
    rejoin, edge and peak are those of the quickest (with all of the matter in it, so that the peak
    is too high rather than too low), and the trailing edge is that of the slowest.

    References
    ----------
    Jobson 1996, USGS WRIR 96-4013; HJ 2.3-2018 annex E.
    """
    _check_figures(mass_kg, duration_h, hours, step_h, report_min, treat_h)
    place, start = _start(network, at, max_overland_m)
    ratio = flow_ratios(flow_ratio)
    layers = {"section": sections, "intake": intakes, "structure": structures}
    keys = {"section": "section_id", "intake": "id", "structure": "id"}
    placed = {
        kind: on_network(network, table, f"{kind}s", keys[kind], max_offset_m=max_offset_m)
        for kind, table in layers.items()
        if table is not None and len(table)
    }
    built = _structures(placed)

    def hydraulics_of(reaches: Any) -> Hydraulics:
        return reach_hydraulics(
            reaches,
            ratio,
            drainage_area_km2=drainage_area_km2,
            slope=slope,
            velocity_m_s=velocity_m_s,
        )

    way = way_below(network, place, hydraulics_of, built)
    areas = None
    if districts is not None and len(districts):
        areas = to_exchange(districts, layer="districts", bounds=GLOBE_BOUNDS)
    targets = targets_on(network, way, placed, areas)
    item_id = "" if item is None else item_code(str(item))
    decay = _decay(item_id, k_per_d)
    limit = _limit(item_id)
    mixing = _mixing(way)
    arrivals = arrival_table(
        way, targets, mass_kg=mass_kg, duration_h=duration_h, decay=decay, limit_mg_l=limit,
        mixing_m=mixing,
    )  # fmt: skip
    wait = records()["response"]["report_min"] if report_min is None else float(report_min)
    start["name"] = name
    start["river"] = str(way.reaches["name"].iloc[0] or "")
    start["mass_kg"] = np.nan if mass_kg is None else float(mass_kg)
    start["duration_h"] = float(duration_h)
    start["item_id"], start["limit_mg_l"] = item_id, limit
    notes = _notes(network, way, start, placed, built, arrivals)
    return SpillTrace(
        start=start,
        arrivals=arrivals,
        reaches=_reaches(network, way),
        fronts=spill_fronts(network, way, duration_h=duration_h, hours=hours, step_h=step_h),
        spaces=space_table(arrivals, built, report_min=wait, treat_h=treat_h),
        hydraulics=way.hydraulics,
        decay=decay,
        mixing_m=mixing,
        report_min=wait,
        notes=tuple(notes),
        note_ids=notes,
        inputs=_inputs(network, {**layers, "district": districts}, sources or {}),
        date=date or dt.date.today(),
    )


def _check_figures(
    mass_kg: Any, duration_h: float, hours: float, step_h: float, report_min: Any, treat_h: Any
) -> None:
    positive = {"mass_kg": mass_kg, "step_h": step_h, "hours": hours, "treat_h": treat_h}
    other = {"duration_h": duration_h, "report_min": report_min}
    for name, value in (positive | other).items():
        if value is None:
            continue
        low_enough = value > 0 if name in positive else value >= 0
        if not (low_enough and value < np.inf):
            least = "above 0" if name in positive else "0 or more"
            raise NetworkError(
                f"{name} is {value!r}",
                mend=f"Give a number {least}.",
                zh=f"{name} 为 {value!r}",
                mend_zh="须为正数" if name in positive else "不能为负数",
            )
    if hours / step_h > 2_000:
        raise NetworkError(
            f"{hours:g} h in steps of {step_h:g} h are over 2000 steps",
            mend="Give fewer hours or a longer step_h.",
        )


def _start(network: RiverNetwork, at: Any, most_m: float) -> tuple[tuple[str, float], pd.Series]:
    """Place the spill on the network."""
    if isinstance(at, tuple) and len(at) == 2 and isinstance(at[0], str):
        reach, measure = network.path(at, at).reset_index().iloc[0][["reach_id", "from_measure_m"]]
        line, size = network.reaches.geometry.loc[reach], network.reaches["length_m"].loc[reach]
        point = line.interpolate(float(measure) / max(float(size), 1e-9), normalized=True)
        row: dict[Any, Any] = {"offset_m": 0.0, "status": "snapped"}
    else:
        points = _point(at)
        point = points.geometry.iloc[0]
        row = network.snap(points, max_offset_m=most_m).iloc[0].to_dict()
        if pd.isna(row["reach_id"]):
            raise _too_far(row, most_m)
        reach, measure = row["reach_id"], row["measure_m"]
    start = {
        "name": "", "river": "", "lon": point.x, "lat": point.y, "reach_id": str(reach),
        "measure_m": float(measure), "offset_m": float(row["offset_m"]),
        "snap_status": row["status"],
    }  # fmt: skip
    return (str(reach), float(measure)), pd.Series(start, dtype=object)


def _point(at: Any) -> gpd.GeoDataFrame:
    if isinstance(at, gpd.GeoSeries):
        at = at.to_frame("geometry")
    if not isinstance(at, gpd.GeoDataFrame):
        try:
            lon, lat = (float(v) for v in at)
        except (TypeError, ValueError) as error:
            raise NetworkError(
                f"{at!r} is no place",
                mend="Give (lon, lat), (reach_id, measure_m), or a point.",
                zh=f"{at!r} 不是位置",
                mend_zh="给出（经度, 纬度）、（河段编号, 里程）或一个点",
            ) from error
        at = gpd.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs=EXCHANGE_CRS)
    if len(at) != 1:
        raise NetworkError(f"the spill has {len(at)} places", mend="Give one.")
    return to_exchange(at, layer="at", bounds=GLOBE_BOUNDS)


def _too_far(row: Mapping[Any, Any], most_m: float) -> SnapError:
    if row["status"] == "no_geometry":
        return SnapError(
            "the spill has no coordinates",
            mend="Give its place.",
            zh="泄漏点没有坐标",
            mend_zh="请给出位置",
        )
    return SnapError(
        f"the spill lies {row['offset_m']:.0f} m from the nearest reach, over {most_m:g} m",
        mend="Check its place, name the outfall or drain by which it comes to the river, or raise "
        "max_overland_m.",
        zh=f"泄漏点距最近河段 {row['offset_m']:.0f} m，超过 {most_m:g} m",
        mend_zh="核对坐标，或给出入河的排污口、雨水口，或调大 max_overland_m",
    )


def _structures(placed: Mapping[str, gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    given = placed.get("structure")
    if given is None:
        return _NO_STRUCTURES
    return given.assign(
        kind=given["kind"] if "kind" in given.columns else None,
        **{
            c: pd.to_numeric(given[c], errors="coerce") if c in given.columns else np.nan
            for c in ("volume_m3", "close_min")
        },
    )


def _decay(item_id: str, k_per_d: float | None) -> Decay:
    if k_per_d is None:
        return decay_coefficient(item_id)
    if not 0 <= k_per_d < np.inf:
        raise NetworkError(f"k_per_d is {k_per_d!r}", mend="Give 0 or more.")
    k = float(k_per_d)
    return Decay(item_id, k, k, k, "用户给定", "given by the user", "unsure")


def _limit(item_id: str) -> float:
    """The limit of class III in mg/L; NaN for other units and for what has none."""
    table = gb3838()
    if item_id not in table.index or table.loc[item_id, "unit"] != "mg/L" or item_id == "do":
        return float("nan")
    return float(limit_of(item_id, "III", "river"))


def _mixing(way: Way) -> pd.Series:
    """Mixing length at the spill's own reach, for each case."""
    found = {}
    for case in CASES:
        u, width, depth, slope = (v[:1] for v in way.hydraulics.cross_section(case))
        found[case] = float(mixing_length(width, depth, u, slope)[0])
    return pd.Series(found)


def _notes(
    network: RiverNetwork,
    way: Way,
    start: pd.Series,
    placed: Mapping[str, gpd.GeoDataFrame],
    built: gpd.GeoDataFrame,
    arrivals: pd.DataFrame,
) -> dict[str, tuple[str, ...]]:
    """Codes of doubt, each with the ids or figures that it is about."""
    table = way.hydraulics.table
    on = built[built["id"].isin(arrivals.loc[arrivals["kind"] == "structure", "id"])]
    unknown = on[~delays_of(on, way.hydraulics)["known"].to_numpy(dtype=bool)]
    far = [i for t in placed.values() for i in t.loc[t["reach_id"].isna(), "id"]]
    unsure = arrivals.loc[arrivals["snap_status"].eq("ambiguous"), "id"]
    told = arrivals[arrivals["kind"].ne("confluence")]
    by_id = told.groupby("id", sort=False)["distance_m"]
    spread = by_id.max() - by_id.min()
    doubts = network.issues[network.issues["severity"].ne("info")]
    touch = [
        not set(str(ids).split(", ")).isdisjoint(way.reaches.index) for ids in doubts["reach_ids"]
    ]
    found = {
        "overland": (f"{start['offset_m']:.0f}",) * (start["offset_m"] > _OVERLAND_M),
        "spill_ambiguous": (start["reach_id"],) * (start["snap_status"] == "ambiguous"),
        "default_velocity": tuple(table.index[table["tier"].eq("default")]),
        "no_flow": tuple(table.index[table["flow_m3_s"].isna()]),
        "delay_unknown": tuple(unknown["id"]),
        "far": tuple(far),
        "ambiguous": tuple(dict.fromkeys(unsure)),
        "network_issues": tuple(doubts.loc[touch, "issue_id"].astype(str)),
        "parted": tuple(way.reaches.index[way.reaches["share"].lt(1 - 1e-6)]),
        "rejoined": tuple(dict.fromkeys(told.loc[told["lag_h"] > _LATE * told["peak_h"], "id"])),
        "way_by_flow": tuple(spread.index[spread > _SAME_WAY_M]),
        "no_mass": ("",) * bool(np.isnan(start["mass_kg"])),
    }
    return {code: ids for code, ids in found.items() if ids}


def _reaches(network: RiverNetwork, way: Way) -> gpd.GeoDataFrame:
    reaches, ratio = way.reaches, way.hydraulics.ratio
    last = np.flatnonzero(~way.stretches["reach"].duplicated(keep="last").to_numpy())
    end = way.end_h[last]
    lines = list(network.reaches.geometry.loc[reaches.index].array)
    whole = float(network.reaches["length_m"].loc[reaches.index[0]])
    if whole > 0:
        lines[0] = substring(lines[0], reaches["start_m"].iloc[0] / whole, 1.0, normalized=True)
    columns: dict[str, Any] = {
        "name": reaches["name"].fillna(""),
        "tier": way.hydraulics.table["tier"],
        "flow_m3_s": way.hydraulics.table["flow_m3_s"],
        "length_m": reaches["length_m"],
        "distance_m": reaches["distance_m"],
        "share": reaches["share"],
    }
    for n, case in enumerate(CASES):
        columns[f"velocity_{case}_m_s"] = way.hydraulics.velocity_m_s[case]
        columns[f"leading_{case}_h"] = cloud_times(end[:, n], ratio[case], 0.0)[0]
        columns[f"peak_{case}_h"] = end[:, n]
    table = gpd.GeoDataFrame(columns, geometry=lines, index=reaches.index, crs=EXCHANGE_CRS)
    return table.sort_values("distance_m", kind="stable")


def _inputs(
    network: RiverNetwork, layers: Mapping[str, Any], sources: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    counts = {"rivers": len(network.reaches)}
    counts |= {f"{k}s": 0 if t is None else len(t) for k, t in layers.items()}
    rows = [(k, n, *sources.get(k, ("", ""))) for k, n in counts.items()]
    return pd.DataFrame(rows, columns=["layer", "n", "source", "dated"])
