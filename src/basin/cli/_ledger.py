"""``basin ledger``: how far the survey of outfalls has come, and what needs a look."""

from __future__ import annotations

from pathlib import Path

import click

from basin.cli._frame import output_option, project_argument, shared_options
from basin.cli._output import print_json, report_problems, say, write_result

__all__ = ["ledger"]


@click.command()
@project_argument
@click.option(
    "--near", type=float, default=5.0, show_default=True, metavar="METRES",
    help="Two outfalls nearer than this may be one.",
)  # fmt: skip
@output_option(help="Write to OUT; its ending chooses the format.")
@shared_options
def ledger(
    project: Path,
    near: float,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """How far has the survey of outfalls come against the plan, and which need a look?"""
    from basin.cli import _open

    basin = _open(project, lang)
    result = basin.ledger(near_m=near)
    tables = {
        "outfalls": result.outfalls.reset_index(),
        "progress": result.progress,
        "targets": result.targets.reset_index(),
        "findings": result.findings,
    }
    note = result.explain(basin.lang)
    printed = {**tables, "inputs": result.inputs, "note": note.splitlines()}
    if output:
        write_result(
            output, tables, printed=printed, basin=basin, overwrite=overwrite, result=result
        )
    if as_json:
        print_json(printed)
    else:
        say(note)
    report_problems(basin)
