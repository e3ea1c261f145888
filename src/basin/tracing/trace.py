"""Trace a failing section to the outfalls that drain to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin.crs import EXCHANGE_CRS
from basin.errors import AssessmentError
from basin.quality import assess_sections, parse_period
from basin.standards.quality import Decay, class_rank, default_velocity, gb3838
from basin.standards.tracing import tracing_figures
from basin.tracing.balance import KG_D, balance_status, close_balance, has_load
from basin.tracing.chain import measured_below
from basin.tracing.doubt import Draws, draw, interval_rows, outfall_doubt
from basin.tracing.inputs import inputs_of
from basin.tracing.intervals import interval_table, month_ranks, origins
from basin.tracing.mixing import reach_mixing_length
from basin.tracing.model import Model, load_rel_sd, model_of, spans_of
from basin.tracing.outfalls import add_districts, item_loads, notes_of, sift_outfalls
from basin.tracing.result import SourceTrace
from basin.tracing.routes import Place, Routes, routes_to
from basin.tracing.tables import (
    decay_of,
    entered,
    fact_of,
    flows_of,
    months_of,
    place_of,
    section_table,
    worst_item,
)
from basin.tracing.upstream import chain_of, loaded, loaded_reaches, upstream_sections

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["trace_sources"]

_LANGS = ("zh", "en")

_TRACED = [
    "rank", "name", "kind", "action", "status", "river", "district", "town", "responsible",
    "flow_m3_d", "reach_id", "measure_m", "offset_m", "bank", "snap_status", "distance_m",
    "travel_time_h", "travel_time_low_flow_h", "travel_time_high_flow_h", "junctions",
    "next_section", "local", "certainty", "item_id", "load_kg_d", "load_basis", "load_rel_sd",
    "effluent_mg_l", "standard_mg_l", "arriving_kg_d", "arriving_low_kg_d", "arriving_high_kg_d",
    "share_explained", "share_of_flux", "share_low", "share_high", "rank_low", "rank_high",
    "p_top3", "cannot_exclude", "increment_mg_l", "mixing_length_m", "mixed", "carries_item",
    "note", "geometry",
]  # fmt: skip


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
    draws: int | None = None,
    seed: int | None = None,
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
        ``river``, ``town``, ``responsible``, ``load_<item>_kg_d`` or ``conc_<item>_mg_l`` with
        ``flow_m3_d``, ``data_basis``, ``load_rel_sd``, ``standard_<item>_mg_l``, ``duplicate_of``,
        ``sampled_on``, ``closed_on``.
    samples, period
        As in `basin.quality.assess_sections`. A column ``flow_m3_s`` holds flows gauged with the
        samples: a month's balance then has the month's own flow.
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
    draws, seed
        Of the Monte Carlo intervals; None: 10,000 draws of a fixed seed, so that the same data give
        the same figures. Fewer where more than 2,000 outfalls of known load drain here
        (``.model.draws`` says how many).

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
    concentration of the period. A screening balance, within 1-D steady flow. The uncertainties that
    the data do not state are records (``basin.standards.tracing``).

    References
    ----------
    HJ 2.3-2018 annex E (1-D decay, mixing length); GB/T 25173-2010.
    """
    section_id, table = section_table(section, sections)
    outfalls = entered(outfalls, "outfalls", "outfall_id")
    districts = None if districts is None else entered(districts, "districts")
    assessment = assess_sections(samples, table, period=period)
    item = item or worst_item(assessment, section_id)
    if item not in gb3838().index:
        raise AssessmentError(
            "item is not in GB 3838-2002 table 1",
            ids=[item],
            mend="Use an item_id, e.g. 'tp'.",
            zh="指标不在 GB 3838-2002 表 1 中",
            mend_zh="写指标代码，例如 tp（总磷）、nh3n（氨氮）",
        )
    decay = decay_of(item, k_per_d)
    speed = default_velocity()[0] if velocity_m_s is None else float(velocity_m_s)
    places = network.snap(table.set_index("section_id"), max_offset_m=max_offset_m)
    end = place_of(places, section_id, max_offset_m)
    routes = routes_to(network, end, default_velocity_m_s=speed)
    above = upstream_sections(routes, table, places, assessment, section_id, item)
    fact = fact_of(assessment, section_id, item)
    own = table[table["section_id"] == section_id]
    fact["district"] = str(add_districts(own, districts)[0].iloc[0])
    where = (float(places["lon"].loc[section_id]), float(places["lat"].loc[section_id]))
    drained, left_out, elsewhere = sift_outfalls(
        network, routes, outfalls, where, max_offset_m=max_offset_m, near_m=near_m
    )
    ranked = _ranked(network, drained, item, decay, districts)
    chain, next_of = chain_of(routes, above, ranked)
    ids = pd.Index([section_id, *above.index], name="section_id")
    ranked["next_section"] = pd.Series(ids[next_of], index=ranked.index, dtype=object)
    months = parse_period(assessment.period).months
    by_month = months_of(assessment, samples, ids, item, months)
    reach_ids = [end.reach_id, *above["reach_id"]]
    mean_flow, source = flows_of(network, table, ids, reach_ids)
    figures = tracing_figures("doubt")
    model = model_of(
        ids, chain, spans_of(assessment.period, months),
        by_month.value, by_month.n, by_month.flow_m3_s, mean_flow, source,
        ranked[loaded(ranked)], decay, load=has_load(item),
        draws=figures["draws"] if draws is None else draws,
        seed=figures["seed"] if seed is None else seed,
    )  # fmt: skip
    drawn = draw(model)
    _add_flux(above, model)
    _add_local(ranked, above, model, next_of)
    rank = month_ranks(assessment, ids, item, months)
    aim = int(class_rank([fact["reference_class"]])[0])
    origin = origins(chain.parent, rank, aim)
    balances = _balances(model, drawn, origin, by_month.flow_m3_s[0])
    balance = close_balance(
        balances.iloc[0][_flux_columns(balances)],
        observed=float(fact["value"]),
        limit=float(fact["limit"]),
        flow_m3_s=float(model.flow_m3_s[0, 0]),
        outfalls=ranked,
        load=has_load(item),
    )
    _add_shares(ranked, balance, outfall_doubt(model, drawn))
    repairs = _add_certainty(ranked, network, end)
    names = assessment.sections["name"].reindex(ids)
    compliant = above["compliant"].reindex(ids)
    if fact["fails"] is not None:
        compliant.loc[section_id] = not fact["fails"]
    status = balance_status(balance)
    notes = _notes(places, section_id, above, ranked, item, table, source[0], model)
    notes += _arms(network, routes, above)
    return SourceTrace(
        section_id=section_id,
        item_id=item,
        period=assessment.period,
        fails=fact["fails"],
        fact=fact,
        outfalls=gpd.GeoDataFrame(ranked[_TRACED], geometry="geometry", crs=EXCHANGE_CRS),
        left_out=left_out,
        upstream_sections=above.drop(columns="row"),
        intervals=interval_table(model, drawn, origin, names, compliant),
        balance=balance,
        balances=balances,
        balance_status=status,
        causes=_causes(status, ranked, notes, model, decay),
        reaches=loaded_reaches(network, routes, ranked),
        n_elsewhere=elsewhere,
        decay=decay,
        velocity_m_s=speed,
        inputs=inputs_of(network, routes, assessment, samples, ids, item, outfalls, ranked, source),
        notes=tuple(notes),
        repairs=repairs,
        unresolved=_unresolved(network),
        model=model,
        routes=routes,
    )


def _ranked(
    network: RiverNetwork, drained: gpd.GeoDataFrame, item: str, decay: Decay, districts: Any
) -> gpd.GeoDataFrame:
    """Put the outfalls that drain here in order; those that do not carry the item have no rank."""
    loads = item_loads(drained, item)
    table = drained.drop(columns=loads.columns, errors="ignore").join(loads)
    table["item_id"] = item
    table["load_rel_sd"] = load_rel_sd(table)
    lost = np.exp(-decay.k_per_d * table["travel_time_h"].astype(float) / 24.0)
    table["arriving_kg_d"] = table["load_kg_d"] * lost
    total = table["arriving_kg_d"].sum()
    table["share_explained"] = table["arriving_kg_d"] / (total if total > 0 else np.nan)
    length = reach_mixing_length(network.reaches.loc[table["reach_id"]]).to_numpy()
    table["mixing_length_m"] = length
    table["mixed"] = pd.arrays.BooleanArray(
        table["distance_m"].to_numpy(dtype=float) >= length, np.isnan(length)
    )
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
    apart = (ranked["_order"] == 2).to_numpy(dtype=bool)
    ranked = ranked.drop(columns=["_order", "_load", "_id"]).set_index("outfall_id")
    ranked["rank"] = pd.arrays.IntegerArray(np.arange(1, len(ranked) + 1), apart)
    return ranked


def _add_flux(above: Any, model: Model) -> None:
    """Add to the sections above their flow and flux over the period, and what of it arrives."""
    hours = model.chain.hours[1:] - model.chain.hours[0]
    above["flow_m3_s"] = model.flow_m3_s[1:, 0]
    above["flux_kg_d"] = model.flux_kg_d[1:, 0]
    above["arriving_kg_d"] = above["flux_kg_d"] * np.exp(-model.decay.k_per_d * hours / 24.0)


def _add_local(ranked: Any, above: Any, model: Model, next_of: Any) -> None:
    """Add ``local`` to the outfalls, ``nearest`` and ``next_section`` to the sections."""
    measured = model.measured[:, :1]
    lower = measured_below(model.chain.parent, measured)[:, 0]
    first = np.where(measured[next_of, 0], next_of, lower[next_of])
    ranked["local"] = first == 0
    above["next_section"] = model.section_ids[model.chain.parent[1:]]
    above["nearest"] = measured[1:, 0] & (lower[1:] == 0)


def _flux_columns(table: pd.DataFrame) -> list[str]:
    parts = ("flux", "inherited", "explained", "remainder")
    return [c for c in table.columns if c.startswith(parts)]


def _balances(model: Model, drawn: Draws, origin: Any, gauged: Any) -> pd.DataFrame:
    """The balance of the section over the period, the seasons and each month."""
    spans = model.spans
    table = interval_rows(model, drawn, [(0, s) for s in range(len(spans.labels))])
    table.index = pd.Index(spans.labels, name="span")
    by_month = dict(zip(parse_period(spans.labels[0]).months, origin[0], strict=True))
    status = [balance_status(row) for _, row in table.iterrows()]
    own = np.array([np.isfinite(gauged[m]).any() for m in spans.months], dtype=bool)
    mean = (np.array(spans.kinds) != "period") & ~own & np.isfinite(model.flow_m3_s[0])
    head = pd.DataFrame(
        {
            "kind": spans.kinds,
            "observed_mg_l": model.value_mg_l[0],
            "flow_m3_s": model.flow_m3_s[0],
            "origin": [by_month[s] if k == "month" else "" for s, k in
                       zip(spans.labels, spans.kinds, strict=True)],
            "status": status,
            "note": np.where(mean, "mean_flow", ""),
        },
        index=table.index,
    )  # fmt: skip
    return head.join(table)


def _add_shares(ranked: Any, balance: pd.Series, doubt: pd.DataFrame) -> None:
    """Add what each outfall is of the flux, and how sure that is."""
    ranked["share_of_flux"] = ranked["arriving_kg_d"] / (balance["flux_kg_d"] or np.nan)
    flow = float(balance["flow_m3_s"])
    ranked["increment_mg_l"] = ranked["arriving_kg_d"] / (KG_D * flow if flow > 0 else np.nan)
    for column in doubt.columns:
        ranked[column] = doubt[column].reindex(ranked.index)
    for column in ("rank_low", "rank_high"):
        ranked[column] = ranked[column].astype("Int64")
    unknown = ranked["load_kg_d"].isna() & (ranked["carries_item"] != "no")
    known = ranked["cannot_exclude"].eq(True).to_numpy(dtype=bool)
    ranked["cannot_exclude"] = known | unknown


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


def _notes(
    places: pd.DataFrame,
    section_id: Any,
    above: Any,
    ranked: Any,
    item: str,
    sections: Any,
    flow: str,
    model: Model,
) -> list[str]:
    marks = {
        "reach_flow": flow == "reach",
        "no_flow": flow == "none",
        "section_ambiguous": places["status"].loc[section_id] == "ambiguous",
        "no_other_sections": len(sections) == 1,
        "upstream_flow_unknown": bool(
            (above["nearest"].astype(bool) & above["flow_m3_s"].isna()).any()
        ),
        "zero_flow": bool((model.flow_m3_s[:, 0] == 0).any()),
        "not_a_load": not has_load(item),
        "default_velocity": bool(ranked["note"].str.contains("default_velocity").any()),
        "not_mixed": bool(ranked["note"].str.contains("not_mixed").any()),
    }
    return [code for code, here in marks.items() if here]


def _arms(network: RiverNetwork, routes: Routes, above: Any) -> list[str]:
    """Codes for what a river that parts does to the balance, which follows one way only."""
    table, reaches = routes.table, network.reaches
    past = reaches["from_node"].isin(table["to_node"].iloc[1:]) & ~reaches.index.isin(table.index)
    one_arm = ~routes.bridges()[above["row"].to_numpy(dtype=np.intp)]
    marks = {
        "passes_by": bool(past.any()),
        "arm_section": bool((one_arm & above["nearest"].to_numpy(dtype=bool)).any()),
    }
    return [code for code, here in marks.items() if here]


def _causes(
    status: str, ranked: Any, notes: list[str], model: Model, decay: Decay
) -> tuple[str, ...]:
    """What may make the known loads exceed the flux, judged by the data at hand."""
    if status not in ("impossible", "overexplained"):
        return ()
    local = ranked[ranked["local"].to_numpy(dtype=bool) & ranked["arriving_kg_d"].gt(0)]
    weight = local["arriving_kg_d"] / max(local["arriving_kg_d"].sum(), 1e-300)
    rough = local["load_basis"].isin(["permit", "estimated", "", "none"])
    doubtful = local["note"].str.contains("ambiguous|name_conflict|closed_sampled")
    months = int(np.isfinite(model.value_mg_l[0, 1:]).sum()) or 1
    inherited = bool(model.chain.parent.size > 1)
    marks = {
        "permit_ceiling": float(weight[local["load_basis"] == "permit"].sum()) > 0.25,
        "rough_loads": float(weight[rough].sum()) > 0.25,
        "doubtful_place": bool(doubtful.any()),
        "flow_not_own": "reach_flow" in notes,
        "few_samples": months < 6,
        "decay_understated": decay.high > decay.k_per_d,
        "upstream_not_same_days": inherited,
        "flow_unrepresentative": True,
    }
    return tuple(code for code, here in marks.items() if here)
