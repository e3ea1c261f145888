"""``basin report``: the document of one answer, with its figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from basin.cli._frame import output_option, project_argument, shared_options
from basin.cli._output import files_as_json, print_json, report_problems, say_files
from basin.cli._spill import numbers, place_options

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = ["report"]


@click.group()
def report() -> None:
    """Write the report of one answer with its figures: Word, web page or workbook."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take where to write, and in whose shape."""
    for option in (
        shared_options,
        click.option(
            "--template",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            metavar="DOCX",
            help="Word document whose styles, header and tags are used.",
        ),
        output_option(help="Write to OUT, ending in .docx, .html or .xlsx."),
    ):
        command = option(command)
    return command


_item = click.option(
    "--item", help="Item id such as tp; default: the section's worst failing item."
)
_period = click.option("--period", help="As for assess.")


@report.command()
@project_argument
@click.option(
    "--places",
    type=click.IntRange(min=0),
    metavar="N",
    help="Look for another place for so many sites at most, seconds each; default: 10.",
)
@_options
def siting(project: Path, places: int | None, **options: Any) -> None:
    """The project's sites: verdicts, reasons, zones, what would pass, what was not checked."""
    _write(project, lambda basin: basin.check(), places=places, **options)


@report.command()
@project_argument
@_period
@_options
def assess(project: Path, period: str | None, **options: Any) -> None:
    """Classes and compliance of every section."""
    _write(project, lambda basin: basin.assess(period), **options)


@report.command()
@project_argument
@click.argument("section")
@_item
@_period
@_options
def trace(
    project: Path, section: str, item: str | None, period: str | None, **options: Any
) -> None:
    """The outfalls that drain to SECTION, ranked, with the balance."""
    _write(project, lambda basin: basin.trace(section, item, period), **options)


@report.command()
@project_argument
@place_options
@_options
def spill(
    project: Path,
    at: str | None,
    outfall: str | None,
    bridge: str | None,
    mass: float | None,
    duration: float,
    item: str | None,
    **options: Any,
) -> None:
    """A spill: when it comes where, what can hold it, the plan of action."""
    place = None if at is None else numbers(at, 2, "--at")
    where: dict[str, Any] = {"at": place, "outfall_id": outfall, "structure_id": bridge}
    if sum(value is not None for value in where.values()) != 1:
        raise click.UsageError("give one of --at, --outfall and --bridge")
    _write(
        project,
        lambda basin: basin.spill(**where, mass_kg=mass, duration_h=duration, item=item),
        **options,
    )


@report.command()
@project_argument
@_options
def network(project: Path, **options: Any) -> None:
    """The river network: every repair, and the rivers by law."""
    _write(project, lambda basin: basin.network, **options)


def _write(
    project: Path,
    answer: Callable[[Basin], Any],
    *,
    output: Path | None,
    template: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
    places: int | None = None,
) -> None:
    from basin.cli import _open, _step
    from basin.reports import report_filename

    basin = _open(project, lang)
    with _step("report"):
        result = answer(basin)
        path = output or Path(report_filename(result, ".docx"))
        basin.report(result, path, template=template, places=places, overwrite=overwrite)
    written: dict[Path, dict[str, int]] = {path: {}}
    say_files(written)
    if as_json:
        print_json(files_as_json(written))
    report_problems(basin)
