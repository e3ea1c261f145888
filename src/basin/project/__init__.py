"""A basin project: which layers, which rules, which date; opens, caches and hands on.

A project is a ``basin.toml``, a folder that holds one, or a folder or GeoPackage whose layers have
the canonical names (``rivers``, ``shorelines``, ``zones`` ...).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from basin import layers as layer_io
from basin.crs import EXCHANGE_CRS
from basin.errors import BasinError, LayerError, ProjectError, SnapError
from basin.project import _checks
from basin.project._config import LAYERS, RULE_PACKS, Source
from basin.project._inputs import input_files, refuse_inputs
from basin.project._layers import Layers
from basin.project._ledger import LedgerQuestions
from basin.project._open import open_project as open
from basin.project._sections import find_section
from basin.project._siting import SitingQuestions
from basin.project._spills import SpillQuestions
from basin.project._terrain import TerrainQuestions
from basin.standards.labels import item_code

if TYPE_CHECKING:
    from basin.maps import OfflineMap
    from basin.network import RiverNetwork
    from basin.quality import SectionAssessment
    from basin.reports import Annex
    from basin.siting import SitingResult
    from basin.tracing import SourceTrace, SpillTrace

__all__ = ["LAYERS", "Basin", "open"]

#: The layers that each question asks for.
_NEEDS = {
    "assess": ("samples", "sections"),
    "trace": ("samples", "sections", "outfalls", "rivers"),
    "check": ("sites",),
}

#: Layers that stand under the results on a map.
_GROUND = ("intakes", "structures", "shorelines", "zones", "districts")

#: The limits that maps show as bands: 1 km for chemical projects, 5 km for new parks.
_BANDS_M = (1000.0, 5000.0)


@dataclass(frozen=True)
class Basin(SitingQuestions, SpillQuestions, TerrainQuestions, LedgerQuestions):
    """An open project: its layers, its network, and the questions that it answers.

    Attributes
    ----------
    folder : Path
        Where the project lies.
    name : str
    date : datetime.date or None
        The project's date, which decides the edition of every rule and line; None is today.
    lang : {'zh', 'en'}
        Language of labels and reports.
    rules : tuple of str, or str
        Rule packs by name or path; a single one may stand alone.
    layers : mapping
        Tables by layer name (EPSG:4490), read when first asked for.
    lost : tuple of str
        Layers that :meth:`readable` left out.
    problems : list
        What reading found, repaired or set aside so far.
    """

    folder: Path
    name: str
    sources: Mapping[str, tuple[Source, ...]]
    date: dt.date | None = None
    lang: str = "zh"
    rules: tuple[str, ...] | str = RULE_PACKS
    dem: Path | tuple[Path, ...] | None = None
    overrides: Path | None = None
    snap_tolerance_m: float = 1.0
    max_offset_m: float = 500.0
    unused: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    sandbox: bool | None = None
    file: Path | None = None

    @cached_property
    def layers(self) -> Layers:
        return Layers(self.sources, self.unused, self.sandbox)

    @property
    def problems(self) -> list[layer_io.Problem]:
        return self.layers.problems

    def _need(self, name: str, purpose: str) -> Any:
        if name not in self.layers:
            raise ProjectError(
                f"project {self.name!r} has no layer {name!r}, which {purpose} needs",
                mend=f"Add {name} to [layers] in basin.toml.",
                zh=f"工程“{self.name}”没有图层 {name}",
                mend_zh=f"在 basin.toml 的 [layers] 中加上 {name}",
            )
        return self.layers[name]

    def _maybe(self, name: str) -> Any:
        return self.layers.get(name)

    @property
    def effective_date(self) -> dt.date:
        """The project's date, or today where it has none."""
        return self.date or dt.date.today()

    @cached_property
    def network(self) -> RiverNetwork:
        """The river network, built once from the ``rivers`` layer (and the DEM where given)."""
        from basin.network import RiverNetwork

        rivers = self._need("rivers", "the network")
        return RiverNetwork.from_lines(
            rivers,
            snap_tolerance_m=self.snap_tolerance_m,
            to_id="to_id" if "to_id" in rivers.columns else None,
            dem=self.dem,
        )

    @cached_property
    def usable_network(self) -> RiverNetwork | None:
        """The network; None without rivers, or where they make none (then one of `problems`)."""
        if "rivers" not in self.layers:
            return None
        try:
            return self.network
        except BasinError as error:
            problem = layer_io.unreadable("rivers", error, kind="network_failed")
            self.problems.append(problem)
            return None

    def lacking(self, question: str) -> list[str]:
        """Name the layers that a question needs and that are not there or not usable.

        Parameters
        ----------
        question : {'assess', 'trace', 'check'}
        """
        lost = [name for name in _NEEDS[question] if name not in self.layers]
        if "rivers" in _NEEDS[question] and not lost and self.usable_network is None:
            lost.append("rivers")
        return lost

    def readable(self) -> Basin:
        """Return this basin without the layers that cannot be read; each is in ``problems``.

        What needs such a layer is then left out, or unchecked; nothing is taken for clear.
        """
        lost = []
        for name in self.layers:
            try:
                self.layers[name]
            except LayerError as error:
                lost.append(layer_io.unreadable(name, error))
        if not lost:
            return self
        gone = {problem.layer for problem in lost}
        kept = {name: given for name, given in self.sources.items() if name not in gone}
        rest = dataclasses.replace(self, sources=kept, unused=(), lost=(*self.lost, *sorted(gone)))
        rest.layers.take(self.layers, [*self.problems, *lost])
        return rest

    @property
    def missing(self) -> list[str]:
        """What :meth:`readable` left out, and rivers that make no network: a sentence a layer."""
        colon = "：" if self.lang == "zh" else ": "
        return [
            f"{p.layer}{colon}{p.text(self.lang)}"
            for p in self.problems
            if p.kind in ("unreadable", "network_failed")
        ]

    def validate(self) -> pd.DataFrame:
        """Read every layer, compare them, build the network, and return all problems found.

        A layer that cannot be read is a row with severity ``error``; the others are still read.

        Returns
        -------
        DataFrame
            One problem a row, errors first: ``layer``, ``file``, ``severity``, ``kind``, ``n``,
            ``rows``, ``ids``, ``problem``, ``mend``.
        """
        tables, found = {}, []
        for name in self.layers:
            try:
                tables[name] = self.layers[name]
            except LayerError as error:
                found.append(layer_io.unreadable(name, error))
        found += layer_io.check_layers(tables)
        if {"coverage", "rivers", "shorelines"} <= set(tables):
            _ = self._bare  # lists rivers without a shoreline
        found += _checks.outfall_problems(tables, self.effective_date)
        net = self.usable_network if "rivers" in tables else None
        if net is not None:
            for name in ("sections", "outfalls"):
                if name in tables:
                    found += _checks.snap_problems(name, tables[name], net, self.max_offset_m)
        frames = [layer_io.problems_frame([*self.problems, *found], self.lang)]
        if net is not None:
            file = layer_io.shown_source(self.sources["rivers"][0].path)
            frames.append(_checks.network_problems(net, file, self.lang))
        severity = {"error": 0, "warning": 1, "info": 2}
        joined = pd.concat([f for f in frames if len(f)] or frames, ignore_index=True)
        return joined.sort_values(
            "severity", key=lambda s: s.map(severity), kind="stable", ignore_index=True
        )

    @cached_property
    def inputs(self) -> dict[Path, str]:
        """Every file that the project reads (with a shapefile's parts), and which layer it is."""
        packs = (self.rules,) if isinstance(self.rules, str) else self.rules
        files = [Path(pack) for pack in map(self._rule_pack, packs) if pack.endswith(".toml")]
        files += [self.overrides] if self.overrides else []
        return input_files(self.file, self.sources, self.dem, files)

    def refuse_inputs(self, outputs: Iterable[str | Path], *also: str | Path) -> None:
        """Raise if a file to be written is one of `inputs`, or one of `also`.

        Raises
        ------
        ProjectError
        """
        more = {Path(p).resolve(): Path(p).name for p in also}
        refuse_inputs(map(Path, outputs), self.inputs | more)

    def assess(self, period: str | None = None) -> SectionAssessment:
        """Assess every section by GB 3838-2002 and 环办〔2011〕22号 over `period`.

        Parameters
        ----------
        period
            ``"2025"``, ``"2025Q3"``, ``"2025-07"``, ``"2025-05/2025-09"``; None is the twelve
            calendar months that end with the newest sample.
        """
        from basin.quality import assess_sections

        return assess_sections(
            self._need("samples", "the assessment"),
            self._need("sections", "the assessment"),
            period=period,
        )

    def trace(
        self, section_id: str, item: str | None = None, period: str | None = None
    ) -> SourceTrace:
        """Which outfalls drain to this section, how far away, and which carry the failing item?

        Parameters
        ----------
        section_id
            Its id, or its name if no other section has it.
        item
            An item id such as ``"tp"`` or its name (``"总磷"``, ``"TP"``); None is the section's
            worst failing item.
        period
            As in :meth:`assess`.
        """
        from basin.tracing import trace_sources

        section_id = str(section_id)  # 5 is the id "5"
        if item is not None and not str(item).strip():
            raise ProjectError(
                "the item is empty",
                mend="Give an item id such as 'tp', or leave it out.",
                zh="指标代码是空的",
                mend_zh="给出指标代码，如 tp；或不给",
            )
        sections = self._need("sections", "the trace")
        return trace_sources(
            self.network,
            find_section(section_id, sections),
            self._need("outfalls", "the trace"),
            self._need("samples", "the trace"),
            None if item is None else item_code(str(item)),
            period,
            sections=sections,
            districts=self._maybe("districts"),
            max_offset_m=self.max_offset_m,
        )

    def _give_way(self, name: str, ours: Iterable[str]) -> list[str]:
        """Columns of a layer that an answer names as its own: listed, theirs are left out."""
        theirs = [column for column in ours if column in self.layers[name].columns]
        if theirs:
            columns = ", ".join(theirs)
            problem = layer_io.make_problem(name, "column_of_an_answer", columns=columns)
            if problem not in self.problems:
                self.problems.append(problem)
        return theirs

    def trace_failing(self, assessment: SectionAssessment) -> list[SourceTrace]:
        """Trace each section that the assessment finds failing, over the same period.

        A section that cannot be placed on the network is left out and added to `problems`.
        """
        traces = []
        for section in assessment.failing:
            try:
                traces.append(self.trace(section, period=assessment.period))
            except SnapError as error:
                problem = layer_io.make_problem(
                    "sections", "trace_failed", ids=[section], message=str(error), mend=error.mend
                )
                if problem not in self.problems:
                    self.problems.append(problem)
        return traces

    @cached_property
    def bands(self) -> gpd.GeoDataFrame | None:
        """Bands of 1 and 5 km along the shorelines in force, by ``limit_m``; None without any.

        For drawing only: a verdict never comes from a band.
        """
        from basin.buffers import base_lines, shoreline_band

        shorelines = self._maybe("shorelines")
        if shorelines is None:
            return None
        lines = base_lines(shorelines, self.effective_date)
        parts = [shoreline_band(lines, limit) for limit in _BANDS_M]
        return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=EXCHANGE_CRS)

    def map(
        self,
        path: str | Path | None = None,
        *,
        assessment: SectionAssessment | None = None,
        siting: SitingResult | None = None,
        traces: list[SourceTrace] | None = None,
        spill: SpillTrace | None = None,
        basemap: Any = None,
        title: str | None = None,
        overwrite: bool = False,
    ) -> OfflineMap:
        """Draw everything that the project can answer on one self-contained HTML map.

        Parameters
        ----------
        path
            Where to write the page; None only returns the map.
        assessment, siting, traces
            Results to draw; those not given are computed where the layers for them exist.
        spill
            Of :meth:`spill`: the map has a slider over its hours.
        basemap
            The user's own tile service, as in :func:`basin.maps.basin_map`.
        title
            None is the project's name and date.
        overwrite
            Replace an existing page.
        """
        from basin.maps import basin_map

        if path is not None:
            self.refuse_inputs([path])
            layer_io.refuse_existing(path, overwrite=overwrite)  # before the work
        readable = self.readable()
        if readable is not self:
            return readable.map(
                path,
                assessment=assessment,
                siting=siting,
                traces=traces,
                spill=spill,
                basemap=basemap,
                title=title,
                overwrite=overwrite,
            )
        net = self.usable_network
        if assessment is None and not self.lacking("assess"):
            assessment = self.assess()
        if siting is None and not self.lacking("check"):
            siting = self.check()
        if traces is None and assessment is not None and not self.lacking("trace"):
            traces = self.trace_failing(assessment)
        outfalls = self._maybe("outfalls")
        snaps = None
        if net is not None and outfalls is not None:
            snaps = net.snap(outfalls, max_offset_m=self.max_offset_m)
        page = basin_map(
            reaches=None if net is None else net.reaches,
            issues=None if net is None else net.issues,
            districts=self._maybe("districts"),
            zones=self._maybe("zones"),
            bands=self.bands,
            shorelines=self._maybe("shorelines"),
            sections=assessment.sections if assessment else self._maybe("sections"),
            outfalls=outfalls,
            snaps=snaps,
            intakes=self._maybe("intakes"),
            structures=self._maybe("structures"),
            sites=siting.sites if siting else self._maybe("sites"),
            findings=siting.findings if siting else None,
            traces=tuple(traces or ()),
            spill=spill,
            basemap=basemap,
            dem=self.dem,
            title=title or f"{self.name} · {self.effective_date.isoformat()}",
            missing=self.missing,
            lang=self.lang,
        )
        if path is not None:
            page.save(path, overwrite=overwrite)
        return page

    def result_layers(
        self,
        *,
        assessment: SectionAssessment | None = None,
        siting: SitingResult | None = None,
        traces: list[SourceTrace] | None = None,
    ) -> dict[str, Any]:
        """Gather every result as a table by layer name, for `basin.layers.write_layers`.

        With them go the layers that they were found from (zones, shorelines, districts, intakes,
        structures), and ``columns``, what each column means.

        What needs a layer that cannot be read is left out; the table ``problems`` says so.
        """
        readable = self.readable()
        if readable is not self:
            return readable.result_layers(assessment=assessment, siting=siting, traces=traces)
        tables: dict[str, Any] = {}
        net = self.usable_network
        if net is not None:
            tables["reaches"] = net.reaches.reset_index()
            tables["network_issues"] = net.issues.reset_index(drop=True)
        if not self.lacking("assess"):
            assessment = assessment or self.assess()
            tables |= assessment.tables()
            if not self.lacking("trace"):
                for trace in self.trace_failing(assessment) if traces is None else traces:
                    for name, table in trace.tables().items():
                        tables[f"trace_{trace.section_id}_{name}"] = table
        if "outfalls" in self.layers and net is not None:
            outfalls = self.layers["outfalls"]
            snapped = net.snap(outfalls, max_offset_m=self.max_offset_m)
            new = snapped.drop(columns=[c for c in snapped.columns if c == "river"])
            placed = new.add_prefix("snap_")
            theirs = self._give_way("outfalls", placed.columns)
            tables["outfalls"] = outfalls.drop(columns=theirs).join(placed)
        if not self.lacking("check"):
            siting = siting or self.check()
            tables["sites"] = siting.sites.reset_index()
            tables["site_findings"] = siting.findings
            tables["site_unchecked"] = siting.unchecked
            if len(siting.overrides):
                tables["site_overrides"] = siting.overrides
            tables["site_other_editions"] = siting.other_editions
        if self.bands is not None:
            tables["bands"] = self.bands
        for name in _GROUND:
            if (table := self._maybe(name)) is not None:
                tables[name] = table
        if self.problems:
            tables["problems"] = layer_io.problems_frame(self.problems, self.lang)
        tables["columns"] = layer_io.column_dictionary(tables, self.lang)
        return tables

    def write_layers(self, path: str | Path, *, overwrite: bool = False, **results: Any) -> Path:
        """Write every result layer, whole or not at all; the ending chooses the format.

        A GeoPackage gets a QGIS project beside it (``<stem>.qgs``) that opens its layers in order.
        """
        tables = self.result_layers(**results)
        self.refuse_inputs(layer_io.files_written(path, tables, project=self.name))
        layer_io.write_files(path, tables, overwrite=overwrite, lang=self.lang, project=self.name)
        return Path(path)

    def report(
        self,
        result: Any,
        path: str | Path,
        *,
        figures: Iterable[Any] | None = None,
        template: str | Path | None = None,
        places: int | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the report of one of this project's results, with its figures.

        Parameters
        ----------
        result
            What :meth:`check`, :meth:`assess`, :meth:`trace` ... returned, or :attr:`network`.
        path
            ``.docx`` (Word), ``.html`` (prints to A4) or ``.xlsx``.
        figures
            As for :func:`basin.reports.write_report`; None draws those of the result (needs
            ``basin-gis[report]``).
        template
            A Word document of the user's own, for ``.docx``.
        places
            Of a siting check: for how many sites, the strictest first, another place is looked for
            (seconds each) and a map of the ground around is drawn; None is 10.
        overwrite
            Replace an existing file.

        Raises
        ------
        BasinError
            As :func:`basin.reports.write_report`.
        """
        from basin.project._report import draw_figures, plot_of, siting_pictures
        from basin.reports import write_report
        from basin.siting import SitingResult

        self.refuse_inputs([path])
        layer_io.refuse_existing(path, overwrite=overwrite)  # before the work
        also: tuple[Any, ...] = ()
        if isinstance(result, SitingResult) and figures is None:
            also = self.siting_details(result, places=places)
        if figures is None:
            figures = [*draw_figures(self, {"": result})[0].values()] if plot_of(result) else []
            if isinstance(result, SitingResult):
                figures = siting_pictures(self, result, figures[0], places)
        return write_report(
            result, path, lang=self.lang, figures=figures, template=template, also=also,
            annex=self.annex(result), overwrite=overwrite,
        )  # fmt: skip

    def annex(self, result: Any) -> Annex:
        """Tell what a result was made from: files read, parameters, versions, the command."""
        from basin.project._annex import annex_of

        return annex_of(self, result)

    def __repr__(self) -> str:
        return (
            f"<Basin {self.name!r} {self.effective_date.isoformat()}: "
            f"{len(self.layers)} layers ({', '.join(self.layers)})>"
        )
