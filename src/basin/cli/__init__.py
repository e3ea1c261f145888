"""The command line: thin, lazy imports, progress on stderr, results on stdout.

Exit codes: 0 done; 1 done, but ``--fail-on`` was met or validation found errors; 2 the input or the
call is wrong (one clear message, no traceback).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = ["main"]

_VERDICTS = (
    "prohibited",
    "borderline",
    "undetermined",
    "manual",
    "conditional",
)


class _Group(click.Group):
    """Turns a `BasinError` into one message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.exceptions.ClickException:
            raise
        except Exception as error:
            from basin.errors import BasinError

            if not isinstance(error, BasinError):
                raise
            raise click.UsageError(f"{type(error).__name__}: {error}") from error


def _project(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument(
        "project", type=click.Path(path_type=Path), default=Path("."), metavar="[PROJECT]"
    )(command)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every reporting command takes."""
    for option in (
        click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of labels."),
        click.option("--overwrite", is_flag=True, help="Replace an existing output file."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write to OUT; its ending chooses the format.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def _step(text: str) -> Iterator[None]:
    """Show what is being done on stderr, as a spinner on a terminal and not at all elsewhere."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _open(project: Path, lang: str | None = None) -> Basin:
    import dataclasses

    from basin.project import open as open_project

    basin = open_project(project)
    return dataclasses.replace(basin, lang=lang) if lang else basin


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="basin-gis", prog_name="basin")
def main() -> None:
    """River basins and control zones: siting limits, outfall tracing, report-ready maps.

    流域与管控分区：岸线距离、红线叠加、断面溯源、成果图件。
    """


def _say(text: str) -> None:
    click.echo(text)


def _table(frame: Any, *, title: str = "", most: int = 40) -> None:
    """Print a frame as a table; say how many rows were not shown."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in frame.columns:
        table.add_column(str(column), overflow="fold")
    for row in frame.head(most).itertuples(index=False):
        # Text, not str: square brackets in data are no markup
        table.add_row(*(Text(_cell(value)) for value in row))
    # a file or a pipe has no width of its own: do not fold there as on a narrow screen
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    if len(frame) > most:
        _say(f"… +{len(frame) - most}")


def _cell(value: Any) -> str:
    import pandas as pd

    if not isinstance(value, list | tuple | dict) and pd.isna(value):
        return "—"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return str(value)


def _print_json(tables: dict[str, Any]) -> None:
    """Print tables as JSON: records, NaN as null, coordinates dropped to lon and lat of points."""
    import json

    click.echo(
        json.dumps({k: _records(v) for k, v in tables.items()}, ensure_ascii=False, indent=1)
    )


def _records(table: Any) -> Any:
    import json

    import pandas as pd

    if isinstance(table, pd.Series):
        return json.loads(table.to_json(date_format="iso", force_ascii=False))
    if not isinstance(table, pd.DataFrame):
        return table
    plain = pd.DataFrame(table)
    for column in plain.columns[plain.dtypes.astype(str) == "geometry"]:
        plain[column] = table[column].to_wkt(rounding_precision=8)
    if plain.index.name:
        plain = plain.reset_index()
    return json.loads(plain.to_json(orient="records", date_format="iso", force_ascii=False))


def _write_tables(path: Path, tables: dict[str, Any], overwrite: bool) -> None:
    from basin.layers import write_layers

    write_layers(path, tables, overwrite=overwrite)
    click.echo(f"→ {path}", err=True)


def _write_result(
    result: Any, path: Path, tables: dict[str, Any], lang: str, overwrite: bool
) -> None:
    """Write a result as a document (.html, .xlsx) or as layers (any other ending)."""
    if path.suffix.lower() in (".html", ".xlsx"):
        from basin.reports import write_report

        write_report(result, path, lang=lang, overwrite=overwrite)
        click.echo(f"→ {path}", err=True)
    else:
        _write_tables(path, tables, overwrite)


def _report_problems(basin: Basin) -> None:
    """Nothing found while reading stays silent: say how many problems there are and where."""
    serious = [p for p in basin.problems if p.severity != "info"]
    if not serious:
        return
    layers = ", ".join(dict.fromkeys(p.file or p.layer for p in serious))
    click.echo(
        f"所读图层有 {len(serious)} 处须核实（{layers}）；全部问题见：basin validate {basin.folder}"
        if basin.lang == "zh"
        else f"{len(serious)} things to verify in the layers read ({layers}); "
        f"all of them: basin validate {basin.folder}",
        err=True,
    )


def _list_problems(problems: Any, lang: str) -> None:
    """Print one problem a paragraph: how grave, where, what, and how to mend it."""
    from basin.standards import label

    for row in problems.itertuples(index=False):
        where = row.file or row.layer
        _say(f"[{label('severity', row.severity, lang)}] {where}: {row.problem}")
        _say(f"      → {row.mend}")


@main.command()
@_project
@_options
def validate(
    project: Path, output: Path | None, as_json: bool, overwrite: bool, lang: str | None
) -> None:
    """Read every layer and list every problem: layer, rows, ids, and how to mend it."""
    basin = _open(project, lang)
    with _step("validate"):
        problems = basin.validate()
    if output:
        _write_tables(output, {"problems": problems}, overwrite)
    if as_json:
        _print_json({"problems": problems})
    elif not output:
        _list_problems(problems, basin.lang)
    errors = int((problems["severity"] == "error").sum())
    click.echo(
        f"{len(basin.layers)} layers, {len(problems)} problems, {errors} errors"
        if basin.lang == "en"
        else f"{len(basin.layers)} 个图层，{len(problems)} 处问题，其中错误 {errors} 处",
        err=True,
    )
    sys.exit(1 if errors else 0)


@main.command()
@_project
@_options
def network(
    project: Path, output: Path | None, as_json: bool, overwrite: bool, lang: str | None
) -> None:
    """Build the river network and list what was found and repaired."""
    basin = _open(project, lang)
    with _step("network"):
        net = basin.network
    tables = {"reaches": net.reaches.reset_index(), "network_issues": net.issues}
    if output:
        _write_tables(output, tables, overwrite)
    if as_json:
        _print_json(tables)
    else:
        _say(net.explain(lang=basin.lang))
    _report_problems(basin)


@main.command()
@_project
@click.argument("sites", type=click.Path(path_type=Path), required=False)
@click.option("--at", metavar="LON,LAT", help="One place instead of a file of sites.")
@click.option("--category", help="With --at: what is to be built, e.g. chemical.")
@click.option("--action", default="new", show_default=True, help="With --at: new, expand, rebuild.")
@click.option("--accuracy", type=float, help="With --at: positional error of the place in metres.")
@click.option(
    "--from-crs",
    metavar="CRS",
    help="System of SITES or --at: EPSG:4545 ..., or gcj02, bd09 for places from web maps.",
)
@click.option("--date", "on", metavar="YYYY-MM-DD", help="Another project date.")
@click.option(
    "--fail-on",
    type=click.Choice(_VERDICTS),
    multiple=True,
    help="Exit with 1 if a site has this verdict (may be repeated).",
)
@_options
def check(
    project: Path,
    sites: Path | None,
    at: str | None,
    category: str | None,
    action: str,
    accuracy: float | None,
    from_crs: str | None,
    on: str | None,
    fail_on: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """May it be built here? Distances to the banks, red lines, control units, water sources.

    SITES is a file (.xlsx, .csv, .gpkg, .geojson, .shp ...); without it the project's own sites are
    checked, or one place with --at.
    """
    import datetime as dt

    basin = _open(project, lang)
    try:
        date = dt.date.fromisoformat(on) if on else None
    except ValueError as error:
        raise click.BadParameter(f"{on!r} is not a date", param_hint="--date") from error
    with _step("check"):
        if at:
            site = _one_site(at, category, action, accuracy, from_crs)
            result = basin.check(site, date=date, crs=from_crs)
        elif from_crs and not sites:
            raise click.UsageError(
                "--from-crs goes with SITES or --at; layers have crs in basin.toml"
            )
        else:
            found = _find(sites, project) if sites else None
            result = basin.check(found, date=date, crs=from_crs)
    if output:
        tables = {
            "sites": result.sites.reset_index(),
            "site_findings": result.findings,
            "site_unchecked": result.unchecked,
            "site_other_editions": result.other_editions,
        }
        _write_result(result, output, tables, basin.lang, overwrite)
    if as_json:
        _print_json({"sites": result.sites, "findings": result.findings})
    elif at:
        _say(result.explain(lang=basin.lang))
    elif not output:
        _table(result.to_frame(lang=basin.lang), most=200)
    _report_problems(basin)
    sys.exit(1 if result.sites["verdict"].isin(fail_on).any() else 0)


def _find(sites: Path, project: Path) -> Path:
    """A sites file is looked for here, then in the project's folder."""
    beside = (project if project.is_dir() else project.parent) / sites
    return sites if sites.exists() or not beside.exists() else beside


def _one_site(
    at: str, category: str | None, action: str, accuracy: float | None, from_crs: str | None
) -> Any:
    import geopandas as gpd
    from shapely import Point

    from basin.crs import EXCHANGE_CRS, to_exchange

    try:
        lon, lat = (float(part) for part in at.replace("，", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(f"{at!r} is not LON,LAT", param_hint="--at") from error
    if not category:
        raise click.UsageError("--at needs --category, e.g. --category chemical")
    site = gpd.GeoDataFrame(
        {"site_id": [at], "name": [""], "category": [category], "action": [action]},
        geometry=[Point(lon, lat)],
        crs=None if from_crs else EXCHANGE_CRS,
    )
    site["accuracy_m"] = float("nan") if accuracy is None else accuracy
    return site if from_crs else to_exchange(site, layer="--at")


@main.command()
@_project
@click.option(
    "--period",
    help="2025, 2025Q3, 2025-07 or 2025-05/2025-09; default: 12 months to the newest sample.",
)
@click.option("--fail-on", type=click.Choice(["failing"]), help="Exit with 1 if a section fails.")
@_options
def assess(
    project: Path,
    period: str | None,
    fail_on: str | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Classes and compliance of every section (GB 3838-2002, 环办〔2011〕22号)."""
    basin = _open(project, lang)
    with _step("assess"):
        result = basin.assess(period)
    if output:
        tables = {
            "sections": result.sections.reset_index(),
            "section_items": result.items,
            "section_months": result.months,
        }
        _write_result(result, output, tables, basin.lang, overwrite)
    if as_json:
        _print_json({"sections": result.sections, "items": result.items})
    elif not output:
        _table(result.to_frame(lang=basin.lang), title=result.period)
    _report_problems(basin)
    sys.exit(1 if fail_on and result.failing else 0)


@main.command()
@_project
@click.argument("section")
@click.option("--item", help="Item id such as tp; default: the section's worst failing item.")
@click.option("--period", help="As for assess.")
@_options
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
    tables = {
        "outfalls": result.outfalls.reset_index(),
        "reaches": result.reaches.reset_index(),
        "trace_left_out": result.left_out,
    }
    if output:
        _write_result(result, output, tables, basin.lang, overwrite)
    if as_json:
        _print_json({"balance": result.balance, **tables})
    else:
        _say(result.explain(lang=basin.lang))
    _report_problems(basin)


@main.command(name="map")
@_project
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of labels.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output file.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("basin.html"), show_default=True
)
def map_command(project: Path, output: Path, overwrite: bool, lang: str | None) -> None:
    """Draw the whole project on one self-contained HTML map (opens without a network)."""
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{output} must end in .html", param_hint="-o")
    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; add --overwrite to replace it")
    basin = _open(project, lang)
    with _step("map"):
        basin.map(output)
    click.echo(f"→ {output}", err=True)
    _report_problems(basin)


@main.command(name="layers")
@_project
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of labels.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output file.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("layers.gpkg"),
    show_default=True,
)
def layers_command(project: Path, output: Path, overwrite: bool, lang: str | None) -> None:
    """Write every result layer to one GeoPackage for QGIS or ArcGIS."""
    basin = _open(project, lang)
    with _step("layers"):
        basin.write_layers(output, overwrite=overwrite)
    click.echo(f"→ {output}", err=True)
    _report_problems(basin)


@main.command()
@click.argument("packs", nargs=-1)
@click.option("--date", "on", metavar="YYYY-MM-DD", help="Only rules in force on this date.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", help="Language of labels.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rules(packs: tuple[str, ...], on: str | None, lang: str, as_json: bool) -> None:
    """List the rules of PACKS (names or .toml files) with their legal basis."""
    import datetime as dt

    from basin.standards.rules import load_rules, rules_frame

    date = dt.date.fromisoformat(on) if on else None
    frame = rules_frame(load_rules(packs or ("china-yangtze", "chongqing"), date), lang)
    if as_json:
        _print_json({"rules": frame})
    else:
        _table(frame[["rule_id", "title", "basis", "edition", "confidence"]], most=500)


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
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of labels.")
def demo(project: Path | None, output: Path, lang: str | None) -> None:
    """Run the whole chain on the sample basin: network, sections, traces, sites, map, layers."""
    from basin.demo import run_demo

    run_demo(project, output, lang)
