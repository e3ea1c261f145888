"""All sections at once: the balance of every month, and who drains to whom with what load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from basin._text import as_id
from basin.errors import AssessmentError
from basin.quality import SectionAssessment, assess_sections, parse_period
from basin.standards.labels import label
from basin.standards.quality import Decay, class_rank, gb3838
from basin.tracing.attribution import OutfallAttribution, attribute_outfalls
from basin.tracing.balance import has_load
from basin.tracing.chain import Chain, close_intervals, measured_below
from basin.tracing.explain import CAVEAT
from basin.tracing.intervals import month_ranks, origins
from basin.tracing.model import Model, load_rel_sd, model_of, spans_of
from basin.tracing.outfalls import discharging, item_loads
from basin.tracing.tables import decay_of, entered, flows_of, months_of, reference_class
from basin.tracing.upstream import loaded

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["TraceSeries", "trace_all"]


@dataclass(frozen=True, repr=False)
class TraceSeries:
    """Traces of every section for one item, in every month, season and over the period.

    A list of leads, not proof.

    Attributes
    ----------
    balances
        One row a section and span: ``section_id``, ``span``, ``kind`` (period, season, month),
        ``observed_mg_l``, ``fails``, ``origin`` of a month's trouble (as in
        `basin.tracing.intervals.origins`), ``flow_m3_s``, ``flux_kg_d`` = ``inherited_kg_d`` +
        ``explained_kg_d`` + ``remainder_kg_d``, and the three shares of the flux; NaN what is not
        known.
    leads
        One row a section and outfall that drains to it on the main way: ``section_id``,
        ``outfall_id``, ``distance_m``, ``travel_time_h``, ``arriving_kg_d``, ``rank`` at the
        section, ``local`` (no section measured in the period between), ``share_of_flux`` over the
        period.
    attribution
        Where every outfall drains.
    left_out
        Outfalls that do not count: ``outfall_id``, ``reason`` (closed, planned, duplicate, no_load,
        not_this_item, or why it has no place).
    item_id, period, decay
    """

    balances: pd.DataFrame
    leads: pd.DataFrame
    attribution: OutfallAttribution
    left_out: pd.DataFrame
    item_id: str
    period: str
    decay: Decay

    def of(self, section_id: Any, span: str | None = None) -> pd.DataFrame:
        """Return the ranked outfalls of a section, with their share of the flux of one span.

        Raises
        ------
        AssessmentError
            If there is no such section or span.
        """
        section_id = as_id(section_id)
        span = self.period if span is None else span
        own = self.balances
        own = own[(own["section_id"] == section_id) & (own["span"] == span)]
        if not len(own):
            raise AssessmentError(
                f"there is no balance of this section in {span}",
                ids=[section_id],
                mend="See `balances`.",
            )
        table = self.leads[self.leads["section_id"] == section_id]
        flux = float(own["flux_kg_d"].iloc[0])
        share = table["arriving_kg_d"] / (flux if flux > 0 else np.nan)
        ranked: pd.DataFrame = table.assign(share_of_flux=share).set_index("outfall_id")
        return ranked

    def explain(self, lang: str = "zh") -> str:
        """Say in a few lines where an item fails and whether it came so, and the caveat."""
        zh = lang == "zh"
        months = self.balances[self.balances["kind"] == "month"]
        if not len(months):
            months = self.balances
        bad = months[months["fails"].eq(True).fillna(False)]
        name = label("item", self.item_id, lang)
        lines = [
            f"{self.period} {name}：{months['section_id'].nunique()} 个断面，"
            f"不达标断面月 {len(bad)}/{int(months['fails'].notna().sum())}。"
            if zh
            else f"{self.period} {name}: {months['section_id'].nunique()} sections, "
            f"{len(bad)} of {int(months['fails'].notna().sum())} section-months fail."
        ]
        for section, rows in bad.groupby("section_id", sort=True):
            n = rows["origin"].value_counts()
            counts = [int(n.get(c, 0)) for c in ("local", "inherited", "unknown")]
            first = self.leads[(self.leads["section_id"] == section) & (self.leads["rank"] == 1)]
            lead = str(first["outfall_id"].iloc[0]) if len(first) else ("无" if zh else "none")
            lines.append(
                f"{section}：不达标 {len(rows)} 个月，本区间 {counts[0]}、上游带入 {counts[1]}、"
                f"上游无监测 {counts[2]}；首要线索 {lead}"
                if zh
                else f"{section}: {len(rows)} months, {counts[0]} local, {counts[1]} inherited, "
                f"{counts[2]} unknown above; first lead {lead}"
            )
        lines.append(f"声明：{CAVEAT['zh']}。" if zh else f"Note: {CAVEAT['en']}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        spans = self.balances["span"].nunique()
        return (
            f"<TraceSeries {self.item_id} {self.period}: "
            f"{self.balances['section_id'].nunique():,} sections, {spans} spans, "
            f"{len(self.leads):,} leads>"
        )


def trace_all(
    network: RiverNetwork,
    sections: Any,
    outfalls: Any,
    samples: pd.DataFrame,
    item: str,
    period: str | None = None,
    *,
    k_per_d: float | None = None,
    velocity_m_s: float | None = None,
    max_offset_m: float = 500.0,
) -> TraceSeries:
    """Trace every section for an item, in every month of a period, in one pass.

    Parameters
    ----------
    network, sections, outfalls, samples, item, period, k_per_d, max_offset_m
        As in `trace_sources`.
    velocity_m_s
        For reaches of which neither velocity nor flow is known, as in `attribute_outfalls`.

    Returns
    -------
    TraceSeries

    Raises
    ------
    AssessmentError
        As in `trace_sources`.

    Notes
    -----
    Ways follow the main way of the rivers (`trace_sources` takes the shortest: where rivers do not
    part they are the same). No intervals are drawn: ask `trace_sources` for the sections that
    matter.
    """
    if item not in gb3838().index:
        raise AssessmentError(
            "item is not in GB 3838-2002 table 1",
            ids=[item],
            mend="Use an item_id, e.g. 'tp'.",
            zh="指标不在 GB 3838-2002 表 1 中",
            mend_zh="写指标代码，例如 tp（总磷）、nh3n（氨氮）",
        )
    sections = entered(sections, "sections", "section_id")
    outfalls = entered(outfalls, "outfalls", "outfall_id")
    wanted = ["section_id", "date", item, f"{item}_flag", "flow_m3_s"]
    wanted += ["water_temp", "water_temp_flag"] if item == "do" else []
    samples = samples[[c for c in wanted if c in samples.columns]]
    assessment = assess_sections(samples, sections, period=period)
    outfalls, left_out = discharging(outfalls)
    found = attribute_outfalls(
        network, sections, outfalls, velocity_m_s=velocity_m_s, max_offset_m=max_offset_m
    )
    decay = decay_of(item, k_per_d)
    loads = item_loads(outfalls, item).set_axis(found.outfalls.index)
    stated = outfalls.set_axis(found.outfalls.index)
    columns = [c for c in ("load_rel_sd",) if c in stated.columns]
    loads["load_rel_sd"] = load_rel_sd(loads.join(stated[columns]))
    loads = loads.join(found.outfalls)
    chain, order = _chain(found, loads)
    model = _model(network, found, assessment, samples, sections, item, order, chain, loads, decay)
    rank = month_ranks(assessment, model.section_ids, item, parse_period(assessment.period).months)
    aim = class_rank([reference_class(assessment.sections.loc[s]) for s in model.section_ids])
    balances = _balances(model, origins(chain.parent, rank, aim), assessment, item, aim)
    return TraceSeries(
        balances=balances,
        leads=_leads(found, loads, model, balances),
        attribution=found,
        left_out=pd.concat([left_out, _unused(found, loads)], ignore_index=True),
        item_id=item,
        period=assessment.period,
        decay=decay,
    )


def _chain(found: OutfallAttribution, loads: pd.DataFrame) -> tuple[Chain, Any]:
    """Sections from the outlets up, and the outfalls of known load above them."""
    sections = found.sections
    after = sections.index.get_indexer(pd.Index(sections["next_section"]))
    hours = np.nan_to_num(sections["travel_time_h"].to_numpy(dtype=float))
    depth, total = np.zeros(len(after), dtype=np.intp), np.zeros(len(after))
    at = np.arange(len(after))
    while (at >= 0).any():  # all sections go one section down at a time
        on = at >= 0
        total[on] += hours[at[on]]
        at[on] = after[at[on]]
        depth += on & (at >= 0)
    order = np.argsort(depth, kind="stable")
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    parent = np.where(after[order] < 0, -1, place[np.maximum(after[order], 0)])
    known = loads[loaded(loads)]
    meets = sections.index.get_indexer(pd.Index(known["section_id"]))
    own = known["travel_time_h"].to_numpy(dtype=float)
    return Chain(
        parent=parent,
        hours=total[order],
        outfall_parent=np.where(meets < 0, -1, place[np.maximum(meets, 0)]),
        outfall_hours=np.where(meets < 0, np.nan, own + total[np.maximum(meets, 0)]),
    ), order


def _model(
    network: RiverNetwork,
    found: OutfallAttribution,
    assessment: SectionAssessment,
    samples: pd.DataFrame,
    sections: Any,
    item: str,
    order: Any,
    chain: Chain,
    loads: pd.DataFrame,
    decay: Decay,
) -> Model:
    ids = pd.Index(found.sections.index[order], name="section_id")
    months = parse_period(assessment.period).months
    by_month = months_of(assessment, samples, ids, item, months)
    placed = found.sections["reach_id"].to_numpy(dtype=object)[order]
    flow, source = flows_of(network, sections, ids, placed)
    return model_of(
        ids, chain, spans_of(assessment.period, months),
        by_month.value, by_month.n, by_month.flow_m3_s, flow, source,
        loads[loaded(loads)], decay, load=has_load(item), draws=1, seed=0, one=False,
    )  # fmt: skip


def _balances(
    model: Model, origin: Any, assessment: SectionAssessment, item: str, aim: Any
) -> pd.DataFrame:
    parts = close_intervals(
        model.chain, model.flux_kg_d, model.load_kg_d, model.decay.k_per_d, model.measured
    )
    spans, n = model.spans, len(model.section_ids)
    count = len(spans.labels)
    flux = model.flux_kg_d
    inherited, explained = parts.inherited, parts.explained
    if not model.load:
        inherited, explained = np.full_like(flux, np.nan), np.full_like(flux, np.nan)
    by_span = np.full((n, count), "", dtype=object)
    is_month = np.flatnonzero(np.array(spans.kinds) == "month")
    if len(is_month):
        by_span[:, is_month] = origin
    else:
        by_span[:, 0] = origin[:, 0]
    fails = np.full((n, count), -1)
    fails[by_span != ""] = (by_span[by_span != ""] != "passes").astype(int)
    own = assessment.items[assessment.items["item_id"] == item].set_index("section_id")
    whole = class_rank(own["water_class"].reindex(model.section_ids).fillna("none"))
    fails[:, 0] = np.where(whole > 0, whole > aim, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        some = np.where(flux > 0, flux, np.nan)
        table = {
            "section_id": np.repeat(model.section_ids.to_numpy(dtype=object), count),
            "span": np.tile(np.array(spans.labels, dtype=object), n),
            "kind": np.tile(np.array(spans.kinds, dtype=object), n),
            "observed_mg_l": model.value_mg_l.ravel(),
            "fails": pd.arrays.BooleanArray(fails.ravel() == 1, fails.ravel() < 0),
            "origin": by_span.ravel(),
            "flow_m3_s": model.flow_m3_s.ravel(),
            "flux_kg_d": flux.ravel(),
            "inherited_kg_d": inherited.ravel(),
            "explained_kg_d": explained.ravel(),
            "remainder_kg_d": (flux - inherited - explained).ravel(),
            "inherited_share": (inherited / some).ravel(),
            "explained_share": (explained / some).ravel(),
            "remainder_share": ((flux - inherited - explained) / some).ravel(),
        }
    return pd.DataFrame(table)


def _leads(
    found: OutfallAttribution, loads: pd.DataFrame, model: Model, balances: pd.DataFrame
) -> pd.DataFrame:
    """Every outfall of known load at every section on its main way, ranked at each."""
    table = found.chains(model.outfall_ids)
    load = pd.Series(model.load_kg_d, index=model.outfall_ids)
    at = model.outfall_ids.get_indexer(pd.Index(table["outfall_id"]))
    left = np.exp(-model.decay.k_per_d * table["travel_time_h"].to_numpy(dtype=float) / 24.0)
    arriving = load.to_numpy()[at] * left
    section = model.section_ids.get_indexer(pd.Index(table["section_id"]))
    by = np.lexsort((at, -arriving, section))
    new = np.append(True, section[by][1:] != section[by][:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(by)), 0)) if len(by) else by
    measured = model.measured[:, :1]
    lower = measured_below(model.chain.parent, measured)[:, 0]
    meets = np.maximum(model.chain.outfall_parent, 0)
    nearest = np.where(measured[meets, 0], meets, lower[meets])[at]
    flux = balances.loc[balances["kind"] == "period", "flux_kg_d"].to_numpy(dtype=float)[section]
    result = table.assign(
        arriving_kg_d=arriving,
        local=nearest == section,
        share_of_flux=arriving / np.where(flux > 0, flux, np.nan),
    ).iloc[by]
    result.insert(0, "rank", np.arange(len(by)) - first + 1)
    plain = ["section_id", "outfall_id", "rank"]
    rest = [c for c in result.columns if c not in plain]
    return result[[*plain, *rest]].reset_index(drop=True)


def _unused(found: OutfallAttribution, loads: pd.DataFrame) -> pd.DataFrame:
    """Outfalls without a place, without a load, or of another kind."""
    placed = found.outfalls["reach_id"].notna().to_numpy(dtype=bool)
    unknown = loads["load_kg_d"].isna().to_numpy(dtype=bool)
    other = loads["carries_item"].eq("no").to_numpy(dtype=bool)
    reason = np.select(
        [~placed, other, unknown],
        [found.outfalls["snap_status"].to_numpy(dtype=object), "not_this_item", "no_load"],
        default="",
    )
    listed = reason != ""
    return pd.DataFrame({"outfall_id": loads.index[listed], "reason": reason[listed]})
