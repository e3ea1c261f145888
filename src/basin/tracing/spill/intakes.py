"""What lies within some hours above an intake, and could reach it in that time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.ops import substring

from basin._network.arrays import chain_sums
from basin._text import as_id, escape, html_table, number
from basin.crs import EXCHANGE_CRS, GEOD, GLOBE_BOUNDS, to_exchange
from basin.errors import AssessmentError, SnapError
from basin.standards.hydraulics import leading_h
from basin.standards.labels import label
from basin.tracing.explain import CAVEAT
from basin.tracing.routes import Place, quickest, routes_to
from basin.tracing.spill.hydraulics import CASES, flow_ratios, reach_hydraulics
from basin.tracing.spill.note import inputs_line, km, span
from basin.tracing.spill.targets import on_network

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["IntakeZones", "intake_zones"]

_S_PER_H = 3_600.0
_SHOWN = 10

#: A park is listed if a zone's river is so near, in metres: its drains come to it.
_PARK_M = 1_000.0

_KIND_OF = {"outfalls": "outfall", "structures": "structure", "parks": "park"}
_KEY_OF = {"outfalls": "outfall_id", "structures": "id", "parks": "zone_id"}


@dataclass(frozen=True)
class IntakeZones:
    """Rivers above an intake from which a spill could come within some hours, and what lies there.

    A list of what to watch, not proof of anything. Tables in EPSG:4490.

    Attributes
    ----------
    intake
        ``id``, ``name``, ``river``, ``reach_id``, ``measure_m``, ``offset_m``.
    hours
        The limits, rising.
    case
        By which the times are: ``fastest`` unless asked otherwise.
    reaches
        By ``reach_id``, nearest first, a reach cut where a zone ends: ``within_h`` (the zone),
        ``from_measure_m``, ``to_measure_m``, ``length_m``, ``distance_m`` and ``leading_h`` (from
        its lower end to the intake, by the quickest way), ``name``, ``tier``.
    contents
        What lies in the zones, soonest first: ``kind`` (outfall, structure, park), ``id``,
        ``name``, ``what`` (its own kind), ``river``, ``reach_id``, ``distance_m``, ``leading_h``,
        ``within_h``, ``offset_m``.
    inputs
        What it rests on: ``layer``, ``n``, ``source``, ``dated``.
    date
        On which it was reckoned.
    """

    intake: pd.Series
    hours: tuple[float, ...]
    case: str
    reaches: gpd.GeoDataFrame
    contents: gpd.GeoDataFrame
    inputs: pd.DataFrame
    date: dt.date

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the contents; with a language, a table to read."""
        if lang is None:
            return pd.DataFrame(self.contents.copy())
        table = self.contents
        plain = {
            "within_h": [f"{h:g}" for h in table["within_h"]],
            "kind": [label("zone_content", k, lang) for k in table["kind"]],
            "id": table["id"],
            "name": table["name"],
            "river": table["river"],
            "distance_m": [f"{d:.0f}" for d in table["distance_m"]],
            "leading_h": [number(h, 2) for h in table["leading_h"]],
        }
        return pd.DataFrame({label("column", c, lang): list(v) for c, v in plain.items()})

    def explain(self, lang: str = "zh") -> str:
        """Write the zones and what lies in them."""
        zh = lang == "zh"
        who = f"{self.intake['id']} {self.intake['name']}".strip()
        lines = [f"取水口 {who} 上游时间圈" if zh else f"Upstream of intake {who}, by hours"]
        for hours in self.hours:
            lines += _zone_lines(self, hours, zh)
        case = label("spill_case", self.case, lang)
        lines.append(
            f"方法：沿河网向上，前锋到达时间（{case}，Jobson 1996：峰值历时的 0.89），"
            f"不计闸坝滞留；"
            f"园区按距河 {_PARK_M:g} m 以内计。推演日期 {self.date}。"
            if zh
            else f"Method: up the network by the leading edge ({case}; 0.89 of the time of the "
            f"peak, Jobson 1996), no delay at structures; parks within {_PARK_M:g} m of such a "
            f"reach. Reckoned for {self.date}."
        )
        lines.append(inputs_line(self.inputs, zh))
        lines.append(f"声明：{CAVEAT['zh']}。" if zh else f"Note: {CAVEAT['en']}.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"IntakeZones({self.intake['id']}: {len(self.contents)} in {self.hours[-1]:g} h)"

    def _repr_html_(self) -> str:
        table = self.to_frame("zh").head(20)
        body = html_table([str(c) for c in table.columns], table.to_numpy())
        return f"<p>{escape(repr(self))}</p>{body}"


def _zone_lines(zones: IntakeZones, hours: float, zh: bool) -> list[str]:
    reaches = zones.reaches[zones.reaches["within_h"] <= hours]
    inside = zones.contents[zones.contents["within_h"] <= hours]
    length = km(float(reaches["length_m"].sum()))
    counts = inside["kind"].value_counts()
    told = [f"{label('zone_content', k, 'zh' if zh else 'en')} {n}" for k, n in counts.items()]
    words = ("、" if zh else ", ").join(told) or ("无" if zh else "nothing")
    lines = [
        f"{hours:g} 小时圈：河长 {length}；{words}。"
        if zh
        else f"Within {hours:g} h: {length} of river; {words}."
    ]
    fresh = inside[inside["within_h"] == hours]
    for row in fresh.head(_SHOWN).itertuples(index=False):
        kind = label("zone_content", row.kind, "zh" if zh else "en")
        lines.append(
            f"  {kind} {row.id} {row.name}：{km(row.distance_m)}，最早 {span(row.leading_h, zh)}"
            if zh
            else f"  {kind} {row.id} {row.name}: {km(row.distance_m)}, not before "
            f"{span(row.leading_h, zh)}"
        )
    more = len(fresh) - _SHOWN
    if more > 0:
        lines.append(f"  另有 {more} 处见表" if zh else f"  {more} more in the table")
    return lines


def intake_zones(
    network: RiverNetwork,
    intake: Any,
    intakes: Any = None,
    *,
    hours: Iterable[float] = (4.0, 24.0),
    case: str = "fastest",
    outfalls: Any = None,
    structures: Any = None,
    zones: Any = None,
    flow_ratio: Any = None,
    velocity_m_s: float | None = None,
    drainage_area_km2: Any = None,
    slope: Any = None,
    max_offset_m: float = 500.0,
    date: dt.date | None = None,
    sources: Mapping[str, tuple[str, str]] | None = None,
) -> IntakeZones:
    """Find the rivers from which a spill could reach an intake within some hours.

    Parameters
    ----------
    network
        Rivers as a directed graph.
    intake
        Its id, with `intakes`, or a one-row GeoDataFrame with ``id``.
    hours
        Limits of the leading edge; 4 and 24 h unless asked otherwise.
    case
        low, median, high or fastest.
    outfalls, structures
        What may lie there; of structures all kinds, bridges too.
    zones
        Zones in force: industrial parks whose outline comes within 1 km of such a reach.
    flow_ratio, velocity_m_s, drainage_area_km2, slope, date, sources
        As in `trace_spill`.
    max_offset_m
        Farthest that an intake, outfall or structure may lie from its reach.

    Returns
    -------
    IntakeZones

    Raises
    ------
    AssessmentError
        If there is no such intake, or an hour or case cannot be.
    SnapError
        If the intake lies too far from every reach.
    """
    limits = _limits(hours, case)
    own = _intake(network, intake, intakes, max_offset_m)
    end = Place(own["reach_id"], float(own["measure_m"]))
    routes = routes_to(network, end, default_velocity_m_s=1.0)
    reaches = network.reaches.loc[routes.table.index]
    speed = reach_hydraulics(
        reaches, flow_ratios(flow_ratio), drainage_area_km2=drainage_area_km2, slope=slope,
        velocity_m_s=velocity_m_s,
    )  # fmt: skip
    length = routes.table["length_m"].to_numpy(dtype=float)
    through = length / speed.velocity_m_s[case].to_numpy(dtype=float) / _S_PER_H
    # a longer arm may be the quicker one
    frm, to = (routes.table[c].to_numpy() for c in ("from_node", "to_node"))
    after = quickest(to, frm, through, routes.table.index)
    metres = chain_sums(after, length) - length
    routes = replace(routes, table=routes.table.assign(distance_m=metres, next=after))
    far = np.asarray(leading_h(chain_sums(after, through)))  # leading edge from the upper end
    near = far - np.asarray(leading_h(through))
    table = _cut_reaches(reaches, routes.table, speed.table["tier"], near, far, limits)
    found = {"outfalls": outfalls, "structures": structures, "parks": _parks(zones)}
    parts = []
    for layer, given in found.items():
        if given is None or not len(given):
            continue
        if layer == "parks":
            placed = _park_places(network, given, table)
        else:
            placed = on_network(network, given, layer, _KEY_OF[layer], max_offset_m=max_offset_m)
        parts.append(_timed(placed, _KIND_OF[layer], routes, near, far))
    contents = _contents(parts, reaches, limits)
    own["river"] = str(network.reaches["name"].loc[end.reach_id] or "")
    rows = [("rivers", len(network.reaches)), ("outfalls", outfalls), ("structures", structures)]
    rows.append(("zones", zones))
    counts = [(k, v if isinstance(v, int) else (0 if v is None else len(v))) for k, v in rows]
    inputs = pd.DataFrame(
        [(k, n, *(sources or {}).get(k, ("", ""))) for k, n in counts],
        columns=["layer", "n", "source", "dated"],
    )
    return IntakeZones(own, limits, case, table, contents, inputs, date or dt.date.today())


def _limits(hours: Iterable[float], case: str) -> tuple[float, ...]:
    limits = tuple(sorted({float(h) for h in hours}))
    if not limits or not all(0 < h < np.inf for h in limits):
        raise AssessmentError(f"hours are {limits}", mend="Give numbers above 0, e.g. (4, 24).")
    if case not in CASES:
        raise AssessmentError(f"there is no case {case!r}", mend=f"One of {', '.join(CASES)}.")
    return limits


def _intake(network: RiverNetwork, intake: Any, intakes: Any, max_offset_m: float) -> pd.Series:
    given = intake if isinstance(intake, gpd.GeoDataFrame) else intakes
    if given is None:
        raise AssessmentError("there are no intakes", mend="Give intakes=, or the intake's row.")
    placed = on_network(network, given, "intakes", "id", max_offset_m=max_offset_m)
    if not isinstance(intake, gpd.GeoDataFrame):
        wanted = as_id(intake)
        placed = placed[(placed["id"] == wanted) | (placed["name"] == wanted)]
    if len(placed) != 1:
        raise AssessmentError(
            f"{'no intake' if not len(placed) else 'more than one intake'} is called so",
            ids=[intake if isinstance(intake, str) else "?"],
            mend="Give the id of one intake.",
            zh="没有这个取水口" if not len(placed) else "同名取水口不止一个",
            mend_zh="给出取水口编号",
        )
    row: pd.Series = placed.iloc[0].drop("geometry")
    if pd.isna(row["reach_id"]):
        raise SnapError(
            "the intake lies too far from every reach",
            ids=[row["id"]],
            mend="Check its place, or raise max_offset_m.",
        )
    return row


def _cut_reaches(
    reaches: Any, table: pd.DataFrame, tier: pd.Series, near: Any, far: Any, limits: Any
) -> gpd.GeoDataFrame:
    """Parts of the reaches above, one row a part and zone."""
    length = table["length_m"].to_numpy(dtype=float)
    parts = []
    for inner, outer in zip((0.0, *limits[:-1]), limits, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            span_h = far - near
            high = np.where(span_h > 0, 1.0 - (inner - near) / span_h, near >= inner).clip(0, 1)
            low = np.where(span_h > 0, 1.0 - (outer - near) / span_h, near > outer).clip(0, 1)
        rows = np.flatnonzero(high > low)
        parts.append(
            pd.DataFrame(
                {
                    "row": rows,
                    "within_h": outer,
                    "from_measure_m": low[rows] * length[rows],
                    "to_measure_m": high[rows] * length[rows],
                    "leading_h": np.maximum(near[rows], inner),
                }
            )
        )
    every = pd.concat(parts, ignore_index=True)
    row = every["row"].to_numpy(dtype=np.intp)
    every["length_m"] = every["to_measure_m"] - every["from_measure_m"]
    every["distance_m"] = (
        table["distance_m"].to_numpy(dtype=float)[row] + length[row] - every["to_measure_m"]
    )
    whole = np.maximum(reaches["length_m"].to_numpy(dtype=float)[row], 1e-9)
    lines = [
        substring(line, a, min(b, 1.0), normalized=True)
        for line, a, b in zip(
            reaches.geometry.array[row],
            every["from_measure_m"] / whole,
            every["to_measure_m"] / whole,
            strict=True,
        )
    ]
    every.insert(0, "name", reaches["name"].fillna("").to_numpy()[row])
    every["tier"] = tier.to_numpy()[row]
    index = pd.Index(reaches.index[row], name="reach_id")
    result = gpd.GeoDataFrame(every.drop(columns="row").set_axis(index), geometry=lines, crs=4490)
    return result.sort_values(["within_h", "distance_m"], kind="stable")


def _parks(zones: Any) -> Any:
    if zones is None:
        return None
    return zones[zones["kind"].eq("industrial_park").fillna(False).to_numpy(dtype=bool)]


def _park_places(network: RiverNetwork, parks: Any, reaches: Any) -> gpd.GeoDataFrame:
    """Each park at the point of a zone's river that is nearest to its outline, within 1 km."""
    given = to_exchange(parks, layer="zones", bounds=GLOBE_BOUNDS).reset_index(drop=True)
    if not len(reaches):
        return on_network(network, given.iloc[:0], "zones", "zone_id", max_offset_m=_PARK_M)
    # nearest points by the plane are near enough to be snapped; the offset is then exact
    lines = np.asarray(reaches.geometry.array, dtype=object)
    shapes = np.asarray(given.geometry.array, dtype=object)
    park, line = shapely.STRtree(lines).query_nearest(shapes)
    first = pd.Series(line, index=park).groupby(level=0).first()
    joints = shapely.shortest_line(shapes[first.index], lines[first.to_numpy()])
    points = gpd.GeoSeries(shapely.get_point(joints, -1), index=first.index, crs=EXCHANGE_CRS)
    away = np.array([GEOD.geometry_length(j) for j in joints])
    placed = on_network(
        network, given.loc[first.index].set_geometry(points), "zones", "zone_id",
        max_offset_m=_PARK_M,
    )  # fmt: skip
    placed["offset_m"] = away
    return placed[away <= _PARK_M]


def _timed(placed: Any, kind: str, routes: Any, near: Any, far: Any) -> gpd.GeoDataFrame:
    located = routes.locate(placed["reach_id"], placed["measure_m"]).set_index(placed.index)
    row = located["row"].to_numpy(dtype=np.intp)
    length = routes.table["length_m"].to_numpy(dtype=float)[row]
    left = (located["distance_m"] - routes.table["distance_m"].to_numpy(dtype=float)[row]) / length
    hours = near[row] + np.clip(left.to_numpy(dtype=float), 0, 1) * (far - near)[row]
    what = placed["kind"] if "kind" in placed.columns else pd.Series("", index=placed.index)
    if kind == "park":
        what = placed["grade"] if "grade" in placed.columns else what
    table = placed[["id", "name", "reach_id", "offset_m", "geometry"]].assign(
        kind=kind,
        what=what.astype(object).where(what.notna(), ""),
        distance_m=located["distance_m"],
        leading_h=hours,
    )
    return table[located["upstream"].to_numpy(dtype=bool)]


def _contents(parts: list[Any], reaches: Any, limits: tuple[float, ...]) -> gpd.GeoDataFrame:
    columns = [
        "kind", "id", "name", "what", "river", "reach_id", "distance_m", "leading_h", "within_h",
        "offset_m", "geometry",
    ]  # fmt: skip
    if not parts:
        empty = {c: pd.Series(dtype=object) for c in columns[:6]}
        empty |= {c: pd.Series(dtype=float) for c in columns[6:-1]}
        return gpd.GeoDataFrame(empty, geometry=gpd.GeoSeries([], crs=EXCHANGE_CRS))
    every = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=EXCHANGE_CRS)
    every["river"] = reaches["name"].reindex(every["reach_id"]).fillna("").to_numpy()
    zone = np.searchsorted(np.array(limits), every["leading_h"].to_numpy(dtype=float))
    every["within_h"] = np.array([*limits, np.nan])[zone]
    every = every[zone < len(limits)].sort_values("leading_h", kind="stable", ignore_index=True)
    return gpd.GeoDataFrame(every[columns], geometry="geometry", crs=EXCHANGE_CRS)
