"""``basin demo``: the whole chain on one project, with a summary that reads in ten seconds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from basin._run import note_folder, note_run
from basin._terminal import printable
from basin.errors import ProjectError
from basin.project import Basin
from basin.project import open as open_project
from basin.project._report import draw_figures
from basin.standards import codes, label

if TYPE_CHECKING:
    from basin.network import RiverNetwork
    from basin.quality import SectionAssessment
    from basin.siting import SitingResult
    from basin.tracing import SourceTrace

__all__ = ["DemoResult", "run_demo", "sample_path"]

_WORDS = {
    "read": ("读取图层", "read the layers"),
    "network": ("构建河网", "build the network"),
    "assess": ("断面评价", "assess the sections"),
    "trace": ("超标溯源", "trace the failing sections"),
    "check": ("选址核查", "check the sites"),
    "map": ("绘制地图", "draw the map"),
    "layers": ("写出图层", "write the layers"),
    "reports": ("写出报告", "write the reports"),
    "figures": ("绘制插图", "draw the figures"),
}


def sample_path() -> Path:
    """Return the folder of the sample basin: beside the source tree, or inside the wheel."""
    package = Path(__file__).resolve().parent
    for folder in (package / "sample_layers", package.parents[1] / "data" / "sample_layers"):
        if (folder / "basin.toml").exists():
            return folder
    raise ProjectError(
        "the sample basin is not installed with this copy of basin",
        mend="Give the path of a project: basin demo PROJECT.",
    )


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo found, a line a subject, and the files that it wrote.

    Attributes
    ----------
    summary : list of str
    files : dict
        File -> {table: rows}.
    line : str
        The last line: where the outputs are.
    """

    summary: list[str]
    files: dict[Path, dict[str, int]]
    line: str

    def print(self) -> None:
        """Print the summary on stdout."""
        for line in ["", *self.summary, self.line]:
            Console(highlight=False, soft_wrap=True).print(escape(printable(line)))


def run_demo(
    project: Path | Basin | None,
    output: Path,
    lang: str | None = None,
    *,
    overwrite: bool = False,
) -> DemoResult:
    """Open, build, assess, trace, check, and write map, layers, reports and figures to `output`.

    Parameters
    ----------
    project
        A project or its path; None is the sample basin.
    output
        Folder for the outputs. Files that its manifest lists, and that no one changed since, are
        replaced.
    lang : {'zh', 'en'}, optional
        None is the project's own language.
    overwrite
        Replace any other file of these names as well.

    Raises
    ------
    LayerError
        If a file is in the way, and `overwrite` is False; no file is then changed.
    ProjectError
        If `output` holds inputs of the project.
    """
    from basin.manifest import recorded_run

    with recorded_run():  # from Python too, so that a second call knows its own files
        return _run(project, output, lang, overwrite=overwrite)


def _run(
    project: Path | Basin | None, output: Path, lang: str | None, *, overwrite: bool
) -> DemoResult:
    from basin.figures import save_figure
    from basin.layers import refuse_existing, whole_set, write_files
    from basin.manifest import unchanged_outputs
    from basin.reports import write_report

    basin = project if isinstance(project, Basin) else open_project(project or sample_path())
    basin = dataclasses.replace(basin, lang=lang) if lang else basin
    console = Console(stderr=True, highlight=False)
    if output.resolve() in {path.parent for path in basin.inputs}:
        raise ProjectError(
            f"{output} holds inputs of the project, which the outputs could replace",
            mend="Give another folder with -o.",
            zh=f"文件夹 {output} 里有工程的输入文件，成果可能把它们覆盖",
            mend_zh="请用 -o 给出另一个文件夹",
        )
    note_run({"project": basin.name, "date": str(basin.effective_date), "lang": basin.lang})
    note_folder(output)
    own = unchanged_outputs(output)

    def free(path: Path) -> bool:
        return overwrite or path.resolve() in own

    for name in ("basin.html", "layers.gpkg", "layers.qgs", "siting.xlsx", "siting.html"):
        refuse_existing(output / name, overwrite=free(output / name))  # before the work
    with _step("read", basin.lang, console):
        basin = basin.readable()
    with _step("network", basin.lang, console):
        net = basin.usable_network
    for sentence in basin.missing:
        console.print(escape(printable(f"! {sentence}")))
    if net is not None:
        console.print(escape(printable(net.explain(lang=basin.lang))))
    assessment, traces, siting = None, [], None
    if _possible("assess", basin, console):
        with _step("assess", basin.lang, console):
            assessment = basin.assess()
    if assessment is not None and _possible("trace", basin, console):
        with _step("trace", basin.lang, console):
            traces = basin.trace_failing(assessment)
    if _possible("check", basin, console):
        with _step("check", basin.lang, console):
            siting = basin.check()

    results: dict[str, Any] = {"assessment": assessment, "siting": siting, "traces": traces}
    files: dict[Path, dict[str, int]] = {}
    with whole_set():
        with _step("map", basin.lang, console):
            path = output / "basin.html"
            files[path] = basin.map(path, overwrite=free(path), **results).counts
        with _step("layers", basin.lang, console):
            tables = basin.result_layers(**results)
            path = output / "layers.gpkg"
            may = free(path) and free(path.with_suffix(".qgs"))
            files |= write_files(path, tables, overwrite=may, lang=basin.lang, project=basin.name)
        stems = _report_stems(traces)
        with _step("figures", basin.lang, console):
            asked: dict[str, Any] = {
                "sections": assessment,
                **dict(zip(stems, traces, strict=True)),
            }
            asked = {k: r for k, r in (asked | {"siting": siting}).items() if r is not None}
            drawn, reason = draw_figures(basin, asked)
            if reason:
                console.print(escape(f"! {reason} (figures in English, with ids)"))
            for name in list(drawn)[:2]:
                path = output / f"{name}.png"
                save_figure(drawn[name], path, overwrite=free(path))
                files[path] = {}
        with _step("reports", basin.lang, console):
            documents: list[tuple[Any, str, str]] = []
            if siting is not None:
                documents += [(siting, "siting", ".xlsx"), (siting, "siting", ".html")]
            documents += [(t, stem, ".html") for t, stem in zip(traces, stems, strict=True)]
            for result, stem, ending in documents:
                path = output / f"{stem}{ending}"
                figures = [drawn[stem]]
                write_report(
                    result, path, lang=basin.lang, figures=figures, annex=basin.annex(result),
                    overwrite=free(path),
                )  # fmt: skip
                files[path] = {}

    word = "成果" if basin.lang == "zh" else "outputs"
    made = ", ".join(path.name for path in files)
    lines = summary(basin, assessment, traces, siting)
    return DemoResult(lines, files, f"{word}  {output}/: {made}")


def _report_stems(traces: list[SourceTrace]) -> list[str]:
    """File names of the traces, apart from each other and from the other outputs."""
    from basin.layers import file_names
    from basin.reports import report_filename

    return file_names(report_filename(trace, "") for trace in traces)


def _possible(question: str, basin: Basin, console: Console) -> bool:
    """Tell whether the layers for a step are there; say which are not."""
    lost = ", ".join(basin.lacking(question))
    if lost:
        zh = basin.lang == "zh"
        lack = f"：没有可用的图层 {lost}" if zh else f": no usable layer {lost}"
        console.print(escape(f"– {_WORDS[question][not zh]}{lack}"))
    return not lost


@contextmanager
def _step(key: str, lang: str, console: Console) -> Iterator[None]:
    text = _WORDS[key][lang != "zh"]
    start = time.perf_counter()
    with console.status(text):
        yield
    console.print(f"✓ {text}  {time.perf_counter() - start:.1f} s")


def summary(
    basin: Basin,
    assessment: SectionAssessment | None,
    traces: list[SourceTrace],
    siting: SitingResult | None,
) -> list[str]:
    """Return what a duty officer must know, one line a subject, each with its ids.

    A subject without an answer (None) has no line.
    """
    zh = basin.lang == "zh"
    lines = [f"{basin.name} · {basin.effective_date.isoformat()}"]
    if assessment is not None:
        lines.append(_sections_line(assessment, zh))
    lines += [_trace_line(trace, zh) for trace in traces]
    if siting is not None:
        lines += _sites_lines(siting, basin.lang)
    if basin.usable_network is not None:
        lines.append(_network_line(basin.usable_network, zh))
    lines.append(_layers_line(basin, zh))
    lines.append("辅助研判，不代替审批" if zh else "An aid to judgement, not an approval")
    return lines


def _sections_line(assessment: SectionAssessment, zh: bool) -> str:
    table = assessment.sections

    def worst(row: Any) -> str:
        if zh:
            return str(row.main_pollutants)
        return ", ".join(label("item", i, "en") for i in row.failing_items.split(", "))

    failing = "; ".join(
        f"{row.name} {section} {worst(row)}"
        for section, row in _rows(table.loc[assessment.failing])
    )
    assessed = int(table["compliant"].notna().sum())
    if zh:
        head = f"断面  {assessment.period}：{assessed} 个评价，{len(assessment.failing)} 个不达标"
        return f"{head}：{failing}" if failing else head
    head = f"sections  {assessment.period}: {assessed} assessed, {len(assessment.failing)} failing"
    return f"{head}: {failing}" if failing else head


def _rows(table: Any) -> Iterator[tuple[Any, Any]]:
    """Index and row, with the column ``name`` as an attribute (a Series' own name is its index)."""
    return zip(table.index, table.itertuples(index=False), strict=True)


def _trace_line(trace: SourceTrace, zh: bool) -> str:
    """The outfalls that carry at least a twentieth of the section's flux, at most three."""
    ranked = trace.outfalls[trace.outfalls["share_of_flux"].ge(0.05).fillna(False)].head(3)
    leads = "; ".join(
        f"{outfall} {row.name} {row.distance_m / 1000:.1f} km {row.share_of_flux:.0%}"
        for outfall, row in _rows(ranked)
    )
    item = label("item", trace.item_id, "zh" if zh else "en")
    rest = trace.balance["remainder_share"]
    if zh:
        return f"溯源  {trace.section_id} {item} ← {leads or '无主要已知来源'}；余量 {rest:.0%}"
    leads = leads or "no main known source"
    return f"trace  {trace.section_id} {item} <- {leads}; remainder {rest:.0%}"


def _sites_lines(siting: SitingResult, lang: str) -> list[str]:
    verdicts = siting.sites["verdict"]
    lines = [
        f"选址  {len(verdicts)} 个项目" if lang == "zh" else f"sites  {len(verdicts)} projects"
    ]
    for code in codes("verdict"):
        ids = [str(i) for i in verdicts.index[verdicts.eq(code)]]
        if ids:
            lines.append(f"      {label('verdict', code, lang)} {len(ids)}: {', '.join(ids)}")
    return lines


def _network_line(network: RiverNetwork, zh: bool) -> str:
    issues = network.issues
    applied = issues[issues["action"].eq("applied")]
    ids = ", ".join(dict.fromkeys(", ".join(applied["reach_ids"]).split(", ")))
    count = len(network.reaches)
    if zh:
        return f"河网  {count} 个河段，修补 {len(applied)} 处：{ids}".rstrip("：")
    return f"network  {count} reaches, {len(applied)} repairs: {ids}".rstrip(": ")


def _layers_line(basin: Basin, zh: bool) -> str:
    """What was lost or decided in the other layers, with the ids; the network has its own line."""
    problems = basin.validate()
    serious = problems[problems["severity"].ne("info") & problems["layer"].ne("rivers")]
    # where no feature is named, the head of the sentence says what it is
    head = serious["problem"].str.split(r"[：:，,]", n=1, regex=True).str[0]
    found = "; ".join(serious["layer"] + " " + serious["ids"].where(serious["ids"].ne(""), head))
    if zh:
        return f"资料  {len(serious)} 处须核实（详见 basin validate）：{found}"
    return f"layers  {len(serious)} to verify (see basin validate): {found}"
