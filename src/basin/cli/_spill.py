"""``basin spill``: where a spill goes and when, and what lies above an intake."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from basin.cli._frame import output_option, project_argument, shared_options
from basin.cli._output import print_json, report_problems, say, say_files, write_result

__all__ = ["numbers", "place_options", "spill"]


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take where something was spilled, how much of what, and for how long."""
    for option in (
        click.option("--item", help="Item id such as phenol, for its decay and limit."),
        click.option(
            "--duration",
            type=float,
            default=0.0,
            metavar="HOURS",
            help="How long it ran; default: at once.",
        ),
        click.option(
            "--mass", type=float, metavar="KG", help="Matter spilled; without it times only."
        ),
        click.option(
            "--bridge", metavar="ID", help="In place of --at: a bridge or other structure."
        ),
        click.option("--outfall", metavar="ID", help="In place of --at: an outfall."),
        click.option("--at", metavar="LON,LAT", help="Where it was spilled, in degrees."),
    ):
        command = option(command)
    return command


@click.command()
@project_argument
@place_options
@click.option("--intake", metavar="ID", help="What lies within 4 and 24 hours above an intake.")
@click.option("--name", default="", help="What to call the place in the note.")
@click.option(
    "--flow",
    metavar="LOW,MEAN,HIGH",
    help="Flows reckoned with, as parts of the mean flow, e.g. 0.3,1,3.",
)
@click.option("--report-min", type=float, metavar="MIN", help="Minutes until the order to close.")
@click.option("--hours", type=float, default=72.0, show_default=True, help="How long to draw it.")
@click.option(
    "--map",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw it on a map (.html) with a slider over its hours.",
)
@output_option(help="Write to OUT; its ending chooses the format.")
@shared_options
def spill(
    project: Path,
    at: str | None,
    outfall: str | None,
    bridge: str | None,
    intake: str | None,
    mass: float | None,
    duration: float,
    item: str | None,
    name: str,
    flow: str | None,
    report_min: float | None,
    hours: float,
    page: Path | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Where does a spill go, when does it come to sections and intakes, and what can hold it?"""
    from basin.cli import _open

    if sum(x is not None for x in (at, outfall, bridge, intake)) != 1:
        raise click.UsageError("give one of --at, --outfall, --bridge and --intake")
    if page is not None:
        _refuse_page(page, intake, overwrite)
    ratio = None if flow is None else numbers(flow, 3, "--flow")
    place = None if at is None else numbers(at, 2, "--at")
    basin = _open(project, lang)
    if intake is not None:
        result: Any = basin.intake_zones(intake, flow_ratio=ratio)
        tables = {"contents": result.contents, "reaches": result.reaches.reset_index()}
        printed = {"intake": result.intake, **tables}
    else:
        result = basin.spill(
            place,
            outfall_id=outfall,
            structure_id=bridge,
            mass_kg=mass,
            duration_h=duration,
            item=item,
            flow_ratio=ratio,
            report_min=report_min,
            hours=hours,
            **({"name": name} if name else {}),
        )
        tables = {
            "arrivals": result.arrivals,
            "reaches": result.reaches.reset_index(),
            "fronts": result.fronts,
            "spaces": result.spaces.reset_index(),
        }
        printed = {"start": result.start, **{k: t for k, t in tables.items() if k != "fronts"}}
    printed |= {"inputs": result.inputs, "note": result.explain(basin.lang).splitlines()}
    if output:
        write_result(
            output, tables, printed=printed, basin=basin, overwrite=overwrite, result=result
        )
    if page is not None:
        _draw(result, page, basin, overwrite)
    if as_json:
        print_json(printed)
    else:
        say(result.explain(basin.lang))
    report_problems(basin)


def _refuse_page(page: Path, intake: str | None, overwrite: bool) -> None:
    if intake is not None:
        raise click.UsageError("--map draws a spill, not what lies above an intake")
    if page.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{page} must end in .html", param_hint="--map")
    if page.exists() and not overwrite:
        raise click.UsageError(f"{page} exists; add --overwrite to replace it")


def _draw(result: Any, page: Path, basin: Any, overwrite: bool) -> None:
    from basin.maps import spill_map

    basin.refuse_inputs([page])
    drawn = spill_map(
        result,
        reaches=basin.network.reaches,
        districts=basin.layers.get("districts"),
        dem=basin.dem,
        lang=basin.lang,
    )
    drawn.save(page, overwrite=overwrite)
    say_files({page: drawn.counts})


def numbers(text: str, count: int, option: str) -> tuple[Any, ...]:
    """Read so many numbers from an option."""
    try:
        found = tuple(float(part) for part in text.replace("，", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} are not numbers", param_hint=option) from error
    if len(found) != count or not all(map(math.isfinite, found)):
        raise click.BadParameter(f"{text!r} are not {count} numbers", param_hint=option)
    return found
