"""The result of a siting check: tables, an officer's note, and a notebook view."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from basin._text import escape
from basin.errors import BasinError
from basin.siting._diff import SitingChanges, compare_results
from basin.siting._json import result_json
from basin.siting._note import explain_all, explain_one, site_frame, unchecked_rows
from basin.siting._overrides import no_overrides, overridden
from basin.standards.labels import codes, label
from basin.standards.rules import Rule

__all__ = ["SitingResult"]


@dataclass(frozen=True)
class SitingResult:
    """May these projects be built here? One row a site, and every rule that was asked.

    Attributes
    ----------
    sites : GeoDataFrame
        EPSG:4490, indexed by ``site_id``: ``name``, ``category``, ``action``; ``verdict`` (the
        strictest found, where unchecked reads undetermined) and ``verdict_computed`` (without
        overrides); ``blocking_rules`` (those of the
        deciding verdict, for undetermined the unchecked ones); ``n_<verdict>``; the nearest line in
        force: ``nearest_line_id``, ``nearest_river``, ``nearest_m``, and both nearest points
        (``foot_*`` on the bank, ``site_*`` on the site); ``note``, ``note_en`` (rules met
        by place whose text does not list the action; a place far from all data).
    findings : DataFrame
        One row a site and rule that concerns it, also where it is clear: ``verdict``,
        ``verdict_computed`` (without overrides), ``reason`` (code of ``finding_reason``),
        ``distance_m``, ``limit_m``, ``margin_m`` (limit - distance), ``error_m``, ``overlap_m2``,
        ``share``, ``evidence`` (ids), ``evidence_edition``, ``river``, ``missing`` (layers that
        could not be asked), ``basis``, ``edition``, ``confidence``, exemption and notes.
    other_editions : DataFrame
        One row a site, distance rule and line that does not count on the date: the distance to it,
        and what the rule would read under it alone.
    lines : DataFrame
        Every line of the shoreline layer; ``counts`` on the date or not.
    rules : tuple of Rule
        The rules in force.
    overrides : DataFrame
        Every human override that was given (:meth:`with_overrides`): ``site_id``, ``rule_id``,
        ``verdict``, ``who``, ``when``, ``why``, ``was``; ``verdict_computed``, and ``status`` (code
        of ``override_status``): applied, or why not.
    date, packs
    tributaries
        The reading of "tributary" where the law is disputed; ``all`` is the letter.
    """

    sites: gpd.GeoDataFrame
    findings: pd.DataFrame
    other_editions: pd.DataFrame
    rules: tuple[Rule, ...] = field(repr=False)
    date: dt.date
    packs: tuple[str, ...]
    lines: pd.DataFrame = field(repr=False)
    overrides: pd.DataFrame = field(default_factory=no_overrides, repr=False)
    tributaries: str | tuple[str, ...] = "all"

    @property
    def unchecked(self) -> pd.DataFrame:
        """Findings that could not be made, with what is missing and who can supply it.

        The columns of `findings`, and ``mend_zh``, ``mend_en``. A site that no rule concerns has a
        row with no rule.
        """
        return unchecked_rows(self)

    def with_overrides(self, overrides: str | Path | pd.DataFrame) -> SitingResult:
        """Return the result with the decisions of people on single findings.

        An override changes the verdict of its finding and of the site, and is told in the notes of
        both; ``verdict_computed`` keeps what was found. Those that do not apply (another site or
        rule, dated after the project's date, made on another verdict, superseded) are listed with
        the reason.

        Parameters
        ----------
        overrides
            See :func:`read_overrides`.

        Raises
        ------
        LayerError
            If a column or a cell is missing, or a verdict or date cannot be read.
        """
        return overridden(self, overrides)

    def compare(self, later: SitingResult) -> SitingChanges:
        """Tell what differs in a later result on the same sites, and why."""
        return compare_results(self, later)

    def to_json(self) -> str:
        """Write all tables as JSON; the same input gives the same bytes.

        ``date``, ``packs``, ``sites``, ``findings``, ``unchecked``, ``overrides``,
        ``other_editions``: records, NaN as null, geometry as WKT.
        """
        return result_json(self)

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the table of sites; with a language, one to read: words instead of codes.

        Without one, the rows are labelled by id and ``site_id`` is a column as well.
        """
        if lang is not None:
            return site_frame(self, lang)
        table: pd.DataFrame = self.sites.rename_axis(None)
        table.insert(0, "site_id", self.sites.index.astype("str"))
        return table

    def explain(self, site_id: Any = None, lang: str = "zh") -> str:
        """Write an officer's note on one site, or on all of them in brief.

        Parameters
        ----------
        site_id
            None tells all sites in a line each, or in full if there is one.
        lang
            ``zh`` or ``en``.

        Raises
        ------
        BasinError
            If `site_id` is not among the sites.
        """
        if site_id is None and len(self.sites) != 1:
            return explain_all(self, lang)
        key = self.sites.index[0] if site_id is None else str(site_id)
        if key not in self.sites.index:
            raise BasinError("there is no such site", ids=[key], mend="Use an id of `.sites`.")
        return explain_one(self, key, lang)

    def __repr__(self) -> str:
        counts = self.sites["verdict"].value_counts()
        told = ", ".join(f"{counts[v]} {v}" for v in codes("verdict") if v in counts.index)
        return f"SitingResult({self.date}: {len(self.sites)} sites: {told or 'none'})"

    def _repr_html_(self) -> str:
        frame = site_frame(self, "zh").head(50)
        heads = "".join(f"<th>{escape(name)}</th>" for name in frame.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in frame.itertuples(index=False)
        )
        counts = self.sites["verdict"].value_counts()
        told = "、".join(
            f"{label('verdict', v)} {counts[v]}" for v in codes("verdict") if v in counts.index
        )
        head = f"选址核查 {self.date} · {len(self.sites)} 个项目：{told}"
        note = "辅助研判，不代替审批"
        return (
            f"<p>{escape(head)}</p><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
            f"</table><p>{note}</p>"
        )
