"""The command line: thin, lazy imports, progress on stderr, results on stdout.

Exit codes: 0 done; 1 done, but ``--fail-on`` was met or validation found errors; 2 the input or the
call is wrong (one clear message, no traceback).
"""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from basin._run import note_run
from basin.cli._allowed import allowed
from basin.cli._assess import assess
from basin.cli._catchments import catchments, raindrop
from basin.cli._frame import (
    DATE,
    Group,
    frame_lang,
    lang_option,
    output_option,
    project_argument,
    shared_options,
)
from basin.cli._ledger import ledger
from basin.cli._network import network
from basin.cli._output import (
    files_as_json,
    hint,
    list_problems,
    print_json,
    print_table,
    report_problems,
    say,
    say_files,
    write_result,
)
from basin.cli._report import report
from basin.cli._rules import rules
from basin.cli._siting import beside as _beside
from basin.cli._siting import reading_of, say_overrides, tributaries_option
from basin.cli._spill import spill
from basin.cli._start import init
from basin.cli._stream import stream_check
from basin.cli._verify import verify
from basin.cli._zones import zones

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = ["main"]

_VERDICTS = (
    "prohibited",
    "borderline",
    "unchecked",
    "undetermined",
    "manual",
    "conditional",
    "clear",
)
#: A place known no better than this tells nothing about distances of 1 to 5 km.
_LEAST_ACCURATE_M = 100_000
_OUTPUT_HELP = "Write to OUT; its ending chooses the format."


@contextmanager
def _step(text: str) -> Iterator[None]:
    """Show what is being done on stderr, as a spinner on a terminal and not at all elsewhere."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _open(project: Path, lang: str | None = None) -> Basin:
    import dataclasses

    from basin.project import open as open_project

    apart = click.get_current_context().find_root().params.get("sandbox")
    basin = open_project(project, sandbox=apart, lang=frame_lang())
    basin = dataclasses.replace(basin, lang=lang) if lang else basin
    note_run({"project": basin.name, "date": str(basin.effective_date), "lang": basin.lang})
    return basin


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="basin-gis", prog_name="basin")
@click.option(
    "--sandbox/--no-sandbox",
    default=None,
    help="Read layers in a child process with limits on memory and time. [default: zips only]",
)
def main(sandbox: bool | None) -> None:
    """River basins and control zones: siting limits, outfall tracing, report-ready maps."""


@main.command()
@project_argument
@output_option(help=_OUTPUT_HELP)
@shared_options
def validate(
    project: Path, output: Path | None, as_json: bool, overwrite: bool, lang: str | None
) -> None:
    """Read every layer and list every problem: layer, rows, ids, and how to mend it."""
    basin = _open(project, lang)
    with _step("validate"):
        problems = basin.validate()
    tables = {"problems": problems}
    if output:
        write_result(output, tables, printed=tables, basin=basin, overwrite=overwrite)
    if as_json:
        print_json(tables)
    elif not output:
        list_problems(problems, basin.lang)
    errors = int((problems["severity"] == "error").sum())
    hint(
        f"{len(basin.layers)} layers, {len(problems)} problems, {errors} errors"
        if basin.lang == "en"
        else f"{len(basin.layers)} 个图层，{len(problems)} 处问题，其中错误 {errors} 处"
    )
    sys.exit(1 if errors else 0)


@main.command()
@project_argument
@click.argument("sites", type=click.Path(path_type=Path), required=False)
@click.option("--at", metavar="LON,LAT", help="One place instead of a file of sites.")
@click.option("--category", help="With --at: what is to be built, e.g. chemical.")
@click.option("--action", default="new", show_default=True, help="With --at: new, expand, rebuild.")
@click.option(
    "--accuracy",
    type=float,
    metavar="METRES",
    help="With --at: positional error of the place in metres.",
)
@click.option(
    "--from-crs",
    metavar="CRS",
    help="System of SITES or --at: EPSG:4545 ..., or gcj02, bd09 for places from web maps.",
)
@click.option("--date", type=DATE, metavar="YYYY-MM-DD", help="Another project date.")
@click.option(
    "--against",
    type=DATE,
    metavar="YYYY-MM-DD",
    help="Replay the check on an earlier date too, and tell what differs and why.",
)
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Tell what hangs on lines and definitions: other editions, the shift that flips a "
    "verdict, the setback that passes, GCJ-02, readings of the rule.",
)
@tributaries_option
@click.option(
    "--overrides",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Decisions of people on single findings: site, rule, verdict, who, when, why. "
    "[default: overrides.csv of the project]",
)
@click.option(
    "--fail-on",
    type=click.Choice(_VERDICTS),
    multiple=True,
    help="Exit with 1 if a site has this verdict (may be repeated); unchecked: if any rule of a "
    "site could not be checked.",
)
@click.option(
    "--stream",
    is_flag=True,
    help="Any number of SITES (.gpkg, .fgb, .csv) in pieces, one row a site to -o OUT.csv, with "
    "progress; a run that was cut off goes on where it stopped.",
)
@click.option(
    "--chunk",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    default=50_000,
    show_default=True,
    help="With --stream: sites a piece.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="With --stream: hand the pieces to a Dask cluster (tcp://host:8786).",
)
@output_option(help=_OUTPUT_HELP)
@shared_options
def check(
    project: Path,
    sites: Path | None,
    at: str | None,
    category: str | None,
    action: str,
    accuracy: float | None,
    from_crs: str | None,
    date: dt.date | None,
    against: dt.date | None,
    sensitivity: bool,
    tributaries: str,
    overrides: Path | None,
    fail_on: tuple[str, ...],
    stream: bool,
    chunk: int,
    scheduler: str | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """May it be built here? Distances to the banks, red lines, control units, water sources.

    SITES is a file (.xlsx, .csv, .gpkg, .geojson, .shp ...); without it the project's own sites are
    checked, or one place with --at.
    """
    if at is None and (category is not None or accuracy is not None):
        raise click.UsageError("--category and --accuracy go with --at")
    if at is not None and sites is not None:
        raise click.UsageError("give SITES or --at, not both")
    if from_crs and at is None and not sites:
        raise click.UsageError("--from-crs goes with SITES or --at; layers have crs in basin.toml")
    if scheduler and not stream:
        raise click.UsageError("--scheduler goes with --stream")
    basin = _open(project, lang)
    if stream:
        if sites is None or against or sensitivity:
            raise click.UsageError(
                "--stream takes SITES, and neither --at, --against nor --sensitivity"
            )
        verdicts = stream_check(
            basin, _find(sites, project), output, chunk=chunk, date=date, crs=from_crs,
            overrides=overrides, tributaries=reading_of(tributaries), scheduler=scheduler,
            overwrite=overwrite, as_json=as_json,
        )  # fmt: skip
        report_problems(basin)
        sys.exit(1 if verdicts & set(fail_on) else 0)
    found: Any = None
    with _step("check"):
        if at is not None:
            asked: Any = _one_site(at, category, action, accuracy, from_crs)
        else:
            asked = found = _find(sites, project) if sites else None
        options: dict[str, Any] = {
            "crs": from_crs,
            "overrides": overrides,
            "tributaries": reading_of(tributaries),
        }
        result = basin.check(asked, date=date, **options)
        more = _beside(basin, asked, result, against, sensitivity, options)
    from basin.siting import json_tables

    printed = {**json_tables(result), **more.tables}
    if output:
        tables = {
            "sites": result.sites.reset_index(),
            "site_findings": result.findings,
            "site_unchecked": result.unchecked,
            "site_other_editions": result.other_editions,
            **({"site_overrides": result.overrides} if len(result.overrides) else {}),
            **more.tables,
        }
        write_result(
            output,
            tables,
            printed=printed,
            basin=basin,
            overwrite=overwrite,
            result=result,
            also_read=found,
        )
    if as_json:
        print_json(printed)
    else:
        if at is not None:
            say(result.explain(lang=basin.lang))
        elif not output:
            print_table(result.to_frame(lang=basin.lang), most=200)
        more.show(basin.lang)
    say_overrides(result.overrides, basin.lang)
    report_problems(basin)
    failed = result.sites["verdict"].isin(fail_on).any() or (
        "unchecked" in fail_on and not result.unchecked.empty
    )
    sys.exit(1 if failed else 0)


def _find(sites: Path, project: Path) -> Path:
    """A sites file is looked for here, then in the project's folder."""
    from basin.errors import ProjectError, shorten

    beside = (project if project.is_dir() else project.parent) / sites
    try:
        return (sites if sites.exists() or not beside.exists() else beside).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links
        raise ProjectError(
            f"{shorten(str(sites), 80)!r} is no path that leads to a file",
            mend="Check the path.",
            zh=f"路径 {shorten(str(sites), 80)!r} 不通向任何文件",
            mend_zh="请检查路径",
        ) from error


def _lon_lat(at: str) -> tuple[float, float]:
    try:
        lon, lat = (float(part) for part in at.replace("，", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(f"{at!r} is not LON,LAT", param_hint="--at") from error
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise click.BadParameter(f"{at!r} is not LON,LAT", param_hint="--at")
    return lon, lat


def _one_site(
    at: str, category: str | None, action: str, accuracy: float | None, from_crs: str | None
) -> Any:
    import geopandas as gpd
    from shapely import Point

    from basin.crs import EXCHANGE_CRS, to_exchange
    from basin.layers.codes import industry_category

    lon, lat = _lon_lat(at)
    if accuracy is not None and not 0 <= accuracy <= _LEAST_ACCURATE_M:
        raise click.BadParameter(
            f"{accuracy:g} is not 0 or more metres, at most {_LEAST_ACCURATE_M}",
            param_hint="--accuracy",
        )
    if category is None:
        raise click.UsageError("--at needs --category, e.g. --category chemical")
    if industry_category(category) is None:
        _known_word("category", category)
    _known_word("action", action)
    site = gpd.GeoDataFrame(
        {"site_id": [at], "name": [""], "category": [category], "action": [action]},
        geometry=[Point(lon, lat)],
        crs=None if from_crs else EXCHANGE_CRS,
    )
    site["accuracy_m"] = float("nan") if accuracy is None else accuracy
    return site if from_crs else to_exchange(site, layer="--at")


def _known_word(column: str, word: str) -> None:
    """Refuse a category or an action that is no word for one."""
    from basin.layers.codes import code_of, nearest_codes, words_of

    table, lang = f"site_{column}", frame_lang()
    if code_of(word, table) is not None:
        return
    if column != "category":
        told = f"is not one of {words_of(table, lang)}"
    else:
        from basin.standards.rules import category_label

        near = nearest_codes(word, table)
        words = [f"{c} {category_label(c, 'zh')}" if lang == "zh" else c for c in near]
        seam = "、" if lang == "zh" else ", "
        told = f"is no category: did you mean {seam.join(words)}" if near else "is no category"
        told += "; basin rules --categories lists them all"
    raise click.BadParameter(f"{word!r} {told}", param_hint=f"--{column}")


@main.command()
@project_argument
@click.argument("section")
@click.option("--item", help="Item id such as tp; default: the section's worst failing item.")
@click.option("--period", help="As for assess.")
@output_option(help=_OUTPUT_HELP)
@shared_options
def trace(
    project: Path,
    section: str,
    item: str | None,
    period: str | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Which outfalls drain to SECTION, in what order, how far, and which carry the failing item?"""
    basin = _open(project, lang)
    with _step("trace"):
        result = basin.trace(section, item, period)
    plain = ("outfalls", "reaches", "upstream_sections")
    tables = {k if k in plain else f"trace_{k}": t for k, t in result.tables().items()}
    printed = {"balance": result.balance, **tables}
    if output:
        write_result(
            output, tables, printed=printed, basin=basin, overwrite=overwrite, result=result
        )
    if as_json:
        print_json(printed)
    else:
        say(result.explain(lang=basin.lang))
    report_problems(basin)


@main.command(name="map")
@project_argument
@output_option(default=Path("basin.html"), show_default=True, help="Web page to write.")
@click.option(
    "--basemap",
    metavar="URL",
    help="Your own tile service, https://host/{z}/{x}/{y}.png; it needs a network.",
)
@shared_options
def map_command(
    project: Path,
    output: Path,
    basemap: str | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Draw the whole project on one self-contained HTML map (opens without a network)."""
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{output} must end in .html", param_hint="-o")
    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; add --overwrite to replace it")
    basin = _open(project, lang).readable()
    with _step("map"):
        page = basin.map(output, basemap=basemap, overwrite=overwrite)
    say_files(written := {output: page.counts})
    if as_json:
        print_json(files_as_json(written))
    report_problems(basin)


@main.command(name="layers")
@project_argument
@output_option(default=Path("layers.gpkg"), show_default=True, help=_OUTPUT_HELP)
@shared_options
def layers_command(
    project: Path, output: Path, as_json: bool, overwrite: bool, lang: str | None
) -> None:
    """Write every result layer to one GeoPackage for QGIS or ArcGIS."""
    basin = _open(project, lang).readable()
    with _step("layers"):
        tables = basin.result_layers()
    written = write_result(
        output, tables, printed=tables, basin=basin, overwrite=overwrite, project=basin.name
    )
    if as_json:
        print_json(files_as_json(written))
    report_problems(basin)


@main.command()
@click.argument("project", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("maps"),
    show_default=True,
    help="Folder for the outputs.",
)
@lang_option
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace output files, also those that were changed since.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def demo(
    project: Path | None, output: Path, lang: str | None, overwrite: bool, as_json: bool
) -> None:
    """Run the whole chain on the sample basin: network, sections, traces, sites, map, layers."""
    from basin.demo import run_demo, sample_path

    done = run_demo(_open(project or sample_path(), lang), output, overwrite=overwrite)
    if as_json:
        print_json({"summary": done.summary, **files_as_json(done.files)})
    else:
        done.print()


main.add_command(allowed)
main.add_command(assess)
main.add_command(catchments)
main.add_command(init)
main.add_command(ledger)
main.add_command(network)
main.add_command(raindrop)
main.add_command(spill)
main.add_command(report)
main.add_command(rules)
main.add_command(verify)
main.add_command(zones)
