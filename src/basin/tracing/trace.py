"""Trace a failing section to the outfalls that drain to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._text import as_id, as_ids, escape, html_table
from basin.crs import EXCHANGE_CRS, GLOBE_BOUNDS, to_exchange
from basin.errors import AssessmentError, SnapError
from basin.quality import SectionAssessment, assess_sections
from basin.standards.quality import (
    Decay,
    class_rank,
    decay_coefficient,
    default_velocity,
    gb3838,
    limit_of,
)
from basin.tracing.balance import balance_status, close_balance, has_load
from basin.tracing.explain import explain_trace, reading_table
from basin.tracing.outfalls import add_districts, item_loads, notes_of, sift_outfalls
from basin.tracing.routes import Place, Routes, routes_to
from basin.tracing.upstream import loaded_reaches, upstream_sections

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["SourceTrace", "trace_sources"]

_LANGS = ("zh", "en")

_TRACED = [
    "rank", "name", "kind", "action", "status", "river", "district", "responsible", "reach_id",
    "measure_m", "offset_m", "bank", "snap_status", "distance_m", "travel_time_h", "junctions",
    "next_section", "local", "certainty", "item_id", "load_kg_d", "load_basis", "arriving_kg_d",
    "share_explained", "share_of_flux", "carries_item", "note", "geometry",
]  # fmt: skip


@dataclass(frozen=True)
class SourceTrace:
    """Which outfalls drain to a section, in what order, how far, and which carry the item.

    A list of leads, not proof: it tells who can have contributed, never who is liable.

    Attributes
    ----------
    outfalls
        Every outfall that drains to the section, by ``outfall_id``, EPSG:4490, ranked: by load
        arriving at the section, then those of unknown load by distance, last those that do not
        carry the item. ``distance_m``, ``travel_time_h`` and ``junctions`` along the shortest way;
        ``next_section``, the first section below it; ``local``: no other measured section between;
        ``certainty``: "certain", or "depends on" the issue_ids of doubtful repairs of the network
        without which it would not drain here;
        ``load_kg_d`` and ``load_basis`` at the outfall, ``arriving_kg_d`` after decay,
        ``share_explained`` (of all arriving load) and ``share_of_flux`` (of the section's);
        ``carries_item``: measured, possible, no; ``note``: codes of doubt.
    left_out
        Outfalls that are not ranked: ``outfall_id``, ``name``, ``reason``, ``text_zh``,
        ``text_en``. Those far away that do not drain here are only counted (``n_elsewhere``).
    upstream_sections
        By ``section_id``, nearest first: distance, ``value`` and ``water_class`` of the item,
        ``compliant``, ``flux_kg_d``, ``arriving_kg_d``, ``nearest`` (no measured section between).
    balance
        As in `basin.tracing.balance.close_balance`; the shares inherited, explained by local
        outfalls, and remainder sum to 1.
    balance_status
        closed, overexplained, impossible (loads or flows must be wrong), or open (no flux known).
    reaches
        Upstream reaches by ``reach_id``, EPSG:4490, cut at the section and where outfalls enter, so
        an id repeats, the lowest stretch first: ``from_measure_m``, ``to_measure_m``;
        ``distance_m`` and ``travel_time_h`` from a stretch's lower end, ``through_h`` to flow
        through it;
        ``load_kg_d`` is the load passing that arrives at the section, ``added_kg_d`` what enters at
        its upper end; along the shortest way, so one arm of a braid.
    fact
        What was found at the section: class, target, value, limit, multiples, failing months,
        its district.
    fails
        Whether the item is worse than the reference class; None if it was not measured.
    period, section_id, item_id
        The period's label and the ids.
    decay
        The coefficient used, with range and source.
    velocity_m_s
        Taken for reaches without a velocity.
    notes
        Codes of doubt about the whole trace.
    repairs
        The doubtful repairs on which outfalls depend, by issue_id: sentences ``zh`` and ``en``, and
        ``outfall_ids``.
    unresolved
        Reaches of network issues that were found but not repaired: what lies above may be missed.
    """

    section_id: Any
    item_id: str
    period: str
    fails: bool | None
    fact: pd.Series
    outfalls: gpd.GeoDataFrame
    left_out: pd.DataFrame
    upstream_sections: gpd.GeoDataFrame
    balance: pd.Series
    balance_status: str
    reaches: gpd.GeoDataFrame
    n_elsewhere: int
    decay: Decay
    velocity_m_s: float
    notes: tuple[str, ...]
    repairs: pd.DataFrame
    unresolved: tuple[str, ...]

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the ranked outfalls; with a language, a table to read: words instead of codes."""
        return self.outfalls.copy() if lang is None else reading_table(self, lang)

    def by_district(self) -> pd.DataFrame:
        """Sum the arriving load by district: ``n``, ``arriving_kg_d``, ``share_explained``."""
        district = self.outfalls["district"].replace("", "?")
        table: pd.DataFrame = self.outfalls.groupby(district).agg(
            n=("rank", "size"),
            arriving_kg_d=("arriving_kg_d", "sum"),
            share_explained=("share_explained", "sum"),
        )
        by_load: pd.DataFrame = table.sort_values("arriving_kg_d", ascending=False, kind="stable")
        return by_load

    def explain(self, lang: str = "zh") -> str:
        """Write the trace as an officer's note."""
        return explain_trace(self, lang)

    def __repr__(self) -> str:
        return (
            f"SourceTrace({self.section_id}, {self.item_id}, {self.period}: "
            f"{len(self.outfalls)} outfalls drain here, {len(self.left_out)} left out)"
        )

    def _repr_html_(self) -> str:
        table = self.to_frame("zh").head(20)
        note = self.explain().splitlines()
        body = html_table([str(c) for c in table.columns], table.to_numpy())
        return f"<p>{escape(note[0])}</p>{body}<p>{escape(repr(self))} {escape(note[-1])}</p>"


def trace_sources(
    network: RiverNetwork,
    section: Any,
    outfalls: gpd.GeoDataFrame,
    samples: pd.DataFrame,
    item: str | None = None,
    period: str | None = None,
    *,
    sections: Any = None,
    districts: Any = None,
    max_offset_m: float = 500.0,
    near_m: float = 5000.0,
    k_per_d: float | None = None,
    velocity_m_s: float | None = None,
) -> SourceTrace:
    """Find the outfalls that drain to a section and rank them by the load that arrives.

    An outfall drains to the section if and only if it lies upstream on the network; on the same
    reach, if its measure is not past the section's. Both arms of a braid count.

    Parameters
    ----------
    network
        Rivers as a directed graph.
    section : id, Series or one-row GeoDataFrame
        The section; an id needs `sections`. Ids are text: 1 and 1.0 mean ``"1"``. A Series has no
        CRS of its own: EPSG:4490.
    outfalls
        Points in any known CRS: ``outfall_id``, and where known ``name``, ``kind``, ``status``,
        ``river``, ``load_<item>_kg_d`` or ``conc_<item>_mg_l`` with ``flow_m3_d``, ``data_basis``,
        ``duplicate_of``, ``sampled_on``, ``closed_on``.
    samples, period
        As in `basin.quality.assess_sections`.
    item
        None: the section's worst failing item (by class, then multiple of its target's limit); of a
        section that passes, the item nearest to failing.
    sections
        All sections, to tell inherited from local pollution; any known CRS.
    districts
        Polygons with ``id`` and ``name``, any known CRS: they name the district of an outfall.
    max_offset_m
        Farthest that an outfall or section may lie from its reach, in metres.
    near_m
        Outfalls that do not drain here are listed within this straight distance, else counted.
    k_per_d
        Decay in 1/d; None is the coefficient on record for the item.
    velocity_m_s
        For reaches without a velocity; None is the default on record.

    Returns
    -------
    SourceTrace

    Raises
    ------
    AssessmentError
        If the section or item is unknown, a table lacks its ids or geometry, or no item can be
        chosen because nothing was measured.
    CrsError
        If the CRS of a table is missing or refused, or coordinates are not on the globe.
    SnapError
        If the section lies farther than `max_offset_m` from every reach.

    Notes
    -----
    Arriving load: L exp(-k t), t the travel time along the way. Flux: 86.4 C Q with the mean
    concentration of the period. A screening balance, within 1-D steady flow.

    References
    ----------
    HJ 2.3-2018 annex E (1-D decay); GB/T 25173-2010.
    """
    section_id, table = _section_table(section, sections)
    outfalls = _entered(outfalls, "outfalls", "outfall_id")
    districts = None if districts is None else _entered(districts, "districts")
    assessment = assess_sections(samples, table, period=period)
    item = item or _worst_item(assessment, section_id)
    if item not in gb3838().index:
        raise AssessmentError(
            "item is not in GB 3838-2002 table 1", ids=[item], mend="Use an item_id, e.g. 'tp'."
        )
    decay = _decay(item, k_per_d)
    speed = default_velocity()[0] if velocity_m_s is None else float(velocity_m_s)
    places = network.snap(table.set_index("section_id"), max_offset_m=max_offset_m)
    end = _end(places, section_id, max_offset_m)
    routes = routes_to(network, end, default_velocity_m_s=speed)
    above = upstream_sections(network, routes, table, places, assessment, section_id, item, decay)
    fact = _fact(assessment, section_id, item)
    own = table[table["section_id"] == section_id]
    fact["district"] = str(add_districts(own, districts)[0].iloc[0])
    flow, notes = _flow(network, table, section_id, end)
    where = (float(places["lon"].loc[section_id]), float(places["lat"].loc[section_id]))
    drained, left_out, elsewhere = sift_outfalls(
        network, routes, outfalls, where, max_offset_m=max_offset_m, near_m=near_m
    )
    ranked = _rank(drained, routes, above, section_id, item, decay, districts)
    balance = close_balance(
        observed=float(fact["value"]),
        limit=float(fact["limit"]),
        flow_m3_s=flow,
        outfalls=ranked,
        above=above,
        load=has_load(item),
    )
    ranked["share_of_flux"] = ranked["arriving_kg_d"] / (balance["flux_kg_d"] or np.nan)
    notes += _notes(places, section_id, above, ranked, item, table)
    repairs = _add_certainty(ranked, network, end)
    return SourceTrace(
        section_id=section_id,
        item_id=item,
        period=assessment.period,
        fails=fact["fails"],
        fact=fact,
        outfalls=gpd.GeoDataFrame(ranked[_TRACED], geometry="geometry", crs=EXCHANGE_CRS),
        left_out=left_out,
        upstream_sections=above,
        balance=balance,
        balance_status=balance_status(balance),
        reaches=loaded_reaches(network, routes, ranked),
        n_elsewhere=elsewhere,
        decay=decay,
        velocity_m_s=speed,
        notes=tuple(notes),
        repairs=repairs,
        unresolved=_unresolved(network),
    )


def _add_certainty(ranked: Any, network: RiverNetwork, end: Place) -> pd.DataFrame:
    """Add the column ``certainty``, note who depends on repairs, and return these in words."""
    from basin.network import issue_text

    sure = network.certainty((end.reach_id, end.measure_m))
    needs = sure["repairs"].reindex(ranked["reach_id"]).fillna("").to_numpy(dtype=object)
    noted = [
        ", ".join(filter(None, (note, "depends_on_repair" if n else "")))
        for note, n in zip(ranked["note"], needs, strict=True)
    ]
    ranked["note"] = pd.Series(noted, index=ranked.index, dtype=str)
    words = ["certain" if n == "" else f"depends on {n}" for n in needs]
    ranked["certainty"] = pd.Series(words, index=ranked.index, dtype=str)
    who: dict[str, list[str]] = {}
    for outfall, text in zip(ranked.index, needs, strict=True):
        for issue in filter(None, text.replace(" | ", ", ").split(", ")):
            who.setdefault(issue, []).append(str(outfall))
    issues = network.issues.set_index("issue_id").loc[sorted(who)]
    return pd.DataFrame(
        {
            **{lang: [issue_text(row, lang) for _, row in issues.iterrows()] for lang in _LANGS},
            "outfall_ids": [", ".join(who[k]) for k in issues.index],
        },
        index=issues.index,
    )


def _unresolved(network: RiverNetwork) -> tuple[str, ...]:
    """Reaches of issues that the build listed but did not repair, each once."""
    issues = network.issues
    open_ = issues[issues["action"].ne("applied") & issues["severity"].ne("info")]
    ids = ", ".join(open_["reach_ids"].astype("str")).split(", ")
    return tuple(dict.fromkeys(i for i in ids if i))


def _section_table(section: Any, sections: Any) -> tuple[Any, gpd.GeoDataFrame]:
    """The traced section's id, and all sections with it among them."""
    known = None if sections is None else _entered(sections, "sections", "section_id")
    ids = set() if known is None else set(known["section_id"])
    if not isinstance(section, gpd.GeoDataFrame | pd.Series):
        if as_id(section) not in ids:
            raise AssessmentError(
                "there is no such section",
                ids=[section],
                mend="Give sections= with this section_id, or the section's own row.",
            )
        return as_id(section), known
    if isinstance(section, pd.Series):
        section = gpd.GeoDataFrame([section.to_dict()], geometry="geometry", crs=EXCHANGE_CRS)
    if len(section) != 1:
        raise AssessmentError(
            f"section has {len(section)} rows", mend="Give one row, or an id with sections=."
        )
    own = _entered(section, "section", "section_id")
    section_id = str(own["section_id"].iloc[0])
    if section_id in ids:
        return section_id, known
    parts = [own] if known is None else [known, own]
    return section_id, gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=EXCHANGE_CRS)


def _entered(table: Any, layer: str, key: str | None = None) -> gpd.GeoDataFrame:
    """A table in EPSG:4490 with its geometry in "geometry" and its ids as text, in a column."""
    if not isinstance(table, gpd.GeoDataFrame):
        raise AssessmentError(
            f"{layer} have no geometry", mend="Give a GeoDataFrame, e.g. from layers.read_layer."
        )
    result = to_exchange(table, layer=layer, bounds=GLOBE_BOUNDS)
    if result.geometry.name != "geometry":
        result = result.drop(columns="geometry", errors="ignore").rename_geometry("geometry")
    if key is None:
        return result
    if key not in result.columns:
        if result.index.name != key:
            raise AssessmentError(f"{layer} lack {key}", mend="Name the column of the ids so.")
        result = result.reset_index()
    rows = pd.Series([f"row-{n + 1}" for n in range(len(result))], index=result.index)
    return result.assign(**{key: as_ids(result[key]).fillna(rows).astype("str")})


def _worst_item(assessment: SectionAssessment, section_id: Any) -> str:
    """The worst failing item by class, then multiple; else the one nearest to failing."""
    failing = str(assessment.sections["failing_items"].loc[section_id])
    if failing:
        return failing.split(", ")[0]  # listed worst first
    own = _own_items(assessment, section_id)
    own = own[own["evaluated"] & (own["water_class"] != "none") & (own["item_id"] != "ph")]
    if not len(own):
        raise AssessmentError(
            f"no evaluated item was measured in {assessment.period}, so none can be chosen",
            ids=[section_id],
            mend="Give item=, or another period.",
        )
    limit = own["target_limit"].fillna(own["limit_iii"])
    ratio = (own["value"] / limit).where(own["item_id"] != "do", limit / own["value"])
    nearest = np.lexsort((ratio, class_rank(own["water_class"])))[-1]
    return str(own["item_id"].to_numpy()[nearest])


def _own_items(assessment: SectionAssessment, section_id: Any) -> pd.DataFrame:
    items = assessment.items
    own: pd.DataFrame = items.loc[(items["section_id"] == section_id).to_numpy(dtype=bool)]
    return own


def _decay(item: str, k_per_d: float | None) -> Decay:
    record = decay_coefficient(item)
    if k_per_d is None:
        return record
    k = float(k_per_d)
    return Decay(item, k, k, k, "用户给定", "given by the user", "unsure")


def _end(places: pd.DataFrame, section_id: Any, max_offset_m: float) -> Place:
    row = places.loc[section_id]
    if row["status"] not in ("snapped", "ambiguous"):
        away = "has no coordinates"
        if row["status"] == "far":
            away = f"lies {row['offset_m']:.0f} m from the nearest reach, over {max_offset_m:g} m"
        raise SnapError(
            f"the section {away}", ids=[section_id], mend="Check its place, or raise max_offset_m."
        )
    return Place(row["reach_id"], float(row["measure_m"]))


def _reference(row: Any) -> str:
    """The class that a section is held to: its target, or III where none is set."""
    target = row["target_class"]
    return str(target) if 0 < class_rank([target])[0] < 6 else "III"


def _fact(assessment: SectionAssessment, section_id: Any, item: str) -> pd.Series:
    row = assessment.sections.loc[section_id]
    own = _own_items(assessment, section_id).set_index("item_id")
    months = assessment.months[assessment.months["section_id"] == section_id]
    failing = months.loc[
        [item in str(f).split(", ") for f in months["failing_items"]], "month"
    ].tolist()
    reference = _reference(row)
    measured: Any = own.loc[item] if item in own.index else None
    fails: bool | None = None
    if measured is not None and measured["water_class"] != "none":
        worse = class_rank([measured["water_class"]])[0] > class_rank([reference])[0]
        fails = bool(worse)
    body = "lake" if row["waterbody"] == "lake" else "river"
    fact = {c: row[c] for c in ("name", "level", "river", "target_class", "water_class")}
    fact |= {c: row[c] for c in ("failing_items", "main_pollutants", "n_samples", "note")}
    fact |= {
        "reference_class": reference,
        "unit": gb3838(body)["unit"].to_dict()[item],
        "limit": limit_of(item, reference, body),
        "value": np.nan if measured is None else measured["value"],
        "n": 0 if measured is None else int(measured["n"]),
        "item_class": "none" if measured is None else measured["water_class"],
        "multiple": np.nan if measured is None else measured["multiple"],
        "target_multiple": np.nan if measured is None else measured["target_multiple"],
        "fails": fails,
        "failing_months": ", ".join(failing),
        "sampled_months": int((months["water_class"] != "none").sum()),
    }
    return pd.Series(fact, dtype=object)


def _flow(
    network: RiverNetwork, sections: Any, section_id: Any, end: Place
) -> tuple[float, list[str]]:
    """The section's flow, else its reach's."""
    own = sections.set_index("section_id")
    stated = _float(own["flow_m3_s"].loc[section_id]) if "flow_m3_s" in own.columns else np.nan
    if stated > 0:
        return stated, []
    reach = _float(network.reaches["flow_m3_s"].loc[end.reach_id])
    return (reach, ["reach_flow"]) if reach > 0 else (np.nan, ["no_flow"])


def _float(value: Any) -> float:
    return float("nan") if pd.isna(value) else float(value)


def _rank(
    drained: gpd.GeoDataFrame,
    routes: Routes,
    above: gpd.GeoDataFrame,
    section_id: Any,
    item: str,
    decay: Decay,
    districts: Any,
) -> gpd.GeoDataFrame:
    """Put the outfalls that drain here in order."""
    table = drained.drop(columns=["load_kg_d", "load_basis", "carries_item"], errors="ignore")
    table = table.join(item_loads(table, item))
    table["item_id"] = item
    lost = np.exp(-decay.k_per_d * table["travel_time_h"].astype(float) / 24.0)
    table["arriving_kg_d"] = table["load_kg_d"] * lost
    total = table["arriving_kg_d"].sum()
    table["share_explained"] = table["arriving_kg_d"] / (total if total > 0 else np.nan)
    every = routes.first_marks(above["reach_id"], above["measure_m"], above.index)
    known = above[above["value"].notna()]
    measured = routes.first_marks(known["reach_id"], known["measure_m"], known.index)
    at = list(zip(table["row"].astype(int), table["measure_m"].astype(float), strict=True))
    first = [every.first(row, m) for row, m in at]
    passed = [section_id if s is None else s for s in first]
    table["next_section"] = pd.Series(passed, index=table.index, dtype=object)
    table["local"] = np.array([measured.first(row, m) is None for row, m in at], dtype=bool)
    table["district"], conflict = add_districts(table, districts)
    table["note"] = pd.Series(
        notes_of(table, conflict, load=has_load(item)), index=table.index, dtype=str
    )
    order = np.select(
        [table["carries_item"] == "no", table["arriving_kg_d"].isna()], [2, 1], default=0
    )
    key = table.assign(
        _order=order, _load=-table["arriving_kg_d"].where(order == 0, 0.0), _id=table["outfall_id"]
    )
    ranked = key.sort_values(["_order", "_load", "distance_m", "_id"], kind="stable")
    ranked = ranked.drop(columns=["_order", "_load", "_id"]).set_index("outfall_id")
    ranked["rank"] = np.arange(1, len(ranked) + 1)
    return ranked


def _notes(
    places: pd.DataFrame, section_id: Any, above: Any, ranked: Any, item: str, sections: Any
) -> list[str]:
    marks = {
        "section_ambiguous": places["status"].loc[section_id] == "ambiguous",
        "no_other_sections": len(sections) == 1,
        "upstream_flow_unknown": bool(
            (above["nearest"].astype(bool) & above["flow_m3_s"].isna()).any()
        ),
        "not_a_load": not has_load(item),
        "default_velocity": bool(ranked["note"].str.contains("default_velocity").any()),
    }
    return [code for code, here in marks.items() if here]
