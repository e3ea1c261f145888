"""The result of a source trace: tables, and the questions that can be put to it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import pandas as pd

from basin._text import escape, html_table
from basin.standards.quality import Decay
from basin.tracing.doubt import Draws, draw
from basin.tracing.explain import explain_trace, grounds
from basin.tracing.leads import reading_table
from basin.tracing.model import Model
from basin.tracing.profile import profile
from basin.tracing.reductions import ReductionPlan, plan_reductions
from basin.tracing.routes import Routes
from basin.tracing.sampling import sampling_points
from basin.tracing.shares import responsibility
from basin.tracing.whatif import what_if

__all__ = ["SourceTrace"]


@dataclass(frozen=True)
class SourceTrace:
    """Which outfalls drain to a section, in what order, how far, and which carry the item.

    A list of leads, not proof: it tells who can have contributed, never who is liable.

    Attributes
    ----------
    outfalls
        Every outfall that drains to the section, by ``outfall_id``, EPSG:4490, ranked: by load
        arriving at the section, then those of unknown load by distance; last, without a ``rank``,
        those that do not carry the item. Columns:

        - its record: ``name``, ``kind``, ``action``, ``status``, ``river``, ``district``, ``town``,
          ``responsible``, ``flow_m3_d``;
        - its place: ``reach_id``, ``measure_m``, ``offset_m``, ``bank``, ``snap_status``;
          ``distance_m``, ``travel_time_h`` (``..._low_flow_h``, ``..._high_flow_h``) and
          ``junctions`` along the shortest way; ``next_section``, the first section below it;
          ``local``: no other measured section between; ``certainty``: "certain", or "depends on"
          the issue_ids of doubtful repairs of the network without which it would not drain here;
        - its load: ``load_kg_d``, ``load_basis``, ``load_rel_sd`` at the outfall, ``arriving_kg_d``
          after decay, ``share_explained`` (of all arriving load), ``share_of_flux`` (of the
          section's), ``increment_mg_l`` (what it adds to the section's concentration when mixed),
          ``carries_item``: measured, possible, no;
        - its doubt, over 90 % of the draws: ``arriving_low_kg_d``, ``arriving_high_kg_d``,
          ``share_low``, ``share_high`` (of the flux), ``rank_low``, ``rank_high``; ``p_top3``, the
          part of the draws in which it is among the first three; ``cannot_exclude`` as a main
          source (an unknown load cannot be excluded);
        - ``mixing_length_m`` below it, by HJ 2.3, and whether the section lies beyond (``mixed``,
          missing where the river's width, velocity or flow is not known);
        - ``note``: codes of doubt.
    left_out
        Outfalls that are not ranked: ``outfall_id``, ``name``, ``reason``, ``text_zh``,
        ``text_en``. Those far away that do not drain here are only counted (``n_elsewhere``).
    upstream_sections
        By ``section_id``, nearest first: distance, ``value`` and ``water_class`` of the item,
        ``compliant``, ``flux_kg_d``, ``arriving_kg_d``, ``nearest`` (no measured section between).
    intervals
        The stretches between measured sections, by the ``section_id`` of their lower end, as in
        `basin.tracing.intervals.interval_table`: which fails first, what each leaves unexplained.
    balance
        As in `basin.tracing.balance.close_balance`; the shares inherited, explained by local
        outfalls, and remainder sum to 1.
    balances
        The same by ``span``: the period, the wet and the dry season, each month; ``kind``,
        ``observed_mg_l``, ``flow_m3_s``, the flux with its parts, shares and intervals,
        ``origin`` of a month's trouble (passes, local, inherited, unknown), ``status``, ``note``.
    balance_status
        closed, overexplained, impossible (loads or flows must be wrong), undecided (the flow of a
        section above is not known), zero (a flux of 0), or open (no flux known).
    causes
        Codes of what may make an impossible balance, the likeliest first.
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
    inputs
        What the trace was made from: ``input``, ``n``, ``first`` and ``last`` date, ``detail_zh``,
        ``detail_en``.
    notes
        Codes of doubt about the whole trace.
    repairs
        The doubtful repairs on which outfalls depend, by issue_id: sentences ``zh`` and ``en``, and
        ``outfall_ids``.
    unresolved
        Reaches of network issues that were found but not repaired: what lies above may be missed.
    model, routes
        What the balance and its draws are reckoned from; the ways to the section.
    """

    section_id: Any
    item_id: str
    period: str
    fails: bool | None
    fact: pd.Series
    outfalls: gpd.GeoDataFrame
    left_out: pd.DataFrame
    upstream_sections: gpd.GeoDataFrame
    intervals: pd.DataFrame
    balance: pd.Series
    balances: pd.DataFrame
    balance_status: str
    causes: tuple[str, ...]
    reaches: gpd.GeoDataFrame
    n_elsewhere: int
    decay: Decay
    velocity_m_s: float
    inputs: pd.DataFrame
    notes: tuple[str, ...]
    repairs: pd.DataFrame
    unresolved: tuple[str, ...]
    model: Model = field(repr=False)
    routes: Routes = field(repr=False)

    @cached_property
    def draws(self) -> Draws:
        """The random draws behind the intervals; the same for the same seed."""
        return draw(self.model)

    @property
    def suspects(self) -> gpd.GeoDataFrame:
        """Outfalls that cannot be excluded as a main source, in the order of their rank."""
        return self.outfalls[self.outfalls["cannot_exclude"].to_numpy(dtype=bool)]

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the ranked outfalls; with a language, a table to read: words instead of codes."""
        return self.outfalls.copy() if lang is None else reading_table(self, lang)

    def by_district(self) -> pd.DataFrame:
        """Sum the arriving load by district: ``n``, ``arriving_kg_d``, ``share_explained``."""
        district = self.outfalls["district"].replace("", "?")
        table: pd.DataFrame = self.outfalls.groupby(district).agg(
            n=("kind", "size"),
            arriving_kg_d=("arriving_kg_d", "sum"),
            share_explained=("share_explained", "sum"),
        )
        by_load: pd.DataFrame = table.sort_values("arriving_kg_d", ascending=False, kind="stable")
        return by_load

    def responsibility(self, by: str = "district") -> pd.DataFrame:
        """Part the section's flux among districts, towns or parties, with intervals.

        Parameters
        ----------
        by
            ``"district"``, ``"town"``, ``"responsible"``, ``"river"`` or another column of
            `outfalls`.

        Returns
        -------
        DataFrame
            ``who``; ``source``: outfalls (local ones), inherited (each section above), remainder;
            ``n`` outfalls; ``arriving_kg_d``; ``share_of_flux`` (they sum to 1), ``share_low``,
            ``share_high``; ``cross_border``: another district than the section's (by district).
        """
        return responsibility(self, by)

    def reductions(self, achievable: Mapping[Any, float] | None = None) -> ReductionPlan:
        """Find the fewest outfalls whose reduction brings the section to its limit.

        Parameters
        ----------
        achievable
            By outfall_id, the part (0..1) of its load that can be cut; None: all of it. Outfalls
            that are not named stay as they are.
        """
        return plan_reductions(self, achievable)

    def what_if(self, standards: Mapping[Any, float] | None = None) -> pd.DataFrame:
        """Tell what the section would be if each outfall met its standard, one at a time.

        Parameters
        ----------
        standards
            Limits in mg/L by outfall_id; None: the outfall's own ``standard_<item>_mg_l``, else the
            limit on record for its kind.

        Returns
        -------
        DataFrame by outfall_id
            As in `basin.tracing.whatif.what_if`.
        """
        return what_if(self, standards)

    def sampling_points(self, k: int = 3) -> gpd.GeoDataFrame:
        """Choose the k places on the rivers where sampling parts the suspects best.

        Returns
        -------
        GeoDataFrame
            As in `basin.tracing.sampling.sampling_points`.
        """
        return sampling_points(self, k)

    def profile(self) -> pd.DataFrame:
        """Return load and concentration along the main river down to the section, for a figure.

        Returns
        -------
        DataFrame
            As in `basin.tracing.profile.profile`.
        """
        return profile(self)

    def tables(self) -> dict[str, Any]:
        """Return every table of the trace by name, ids as columns, to be written to files.

        ``outfalls``, ``reaches``, ``left_out``, ``upstream_sections``, ``intervals``, ``balances``,
        ``shares`` (by district), ``what_if``, ``sampling_points``, and ``inputs``, which holds the
        method and the caveat as well.
        """
        said = grounds(self)
        return {
            "outfalls": self.outfalls.reset_index(),
            "reaches": self.reaches.reset_index(),
            "left_out": self.left_out,
            "upstream_sections": self.upstream_sections.reset_index(),
            "intervals": self.intervals.reset_index(),
            "balances": self.balances.reset_index(),
            "shares": self.responsibility(),
            "what_if": self.what_if().reset_index(),
            "sampling_points": self.sampling_points(),
            "inputs": pd.concat([self.inputs, said], ignore_index=True),
        }

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
