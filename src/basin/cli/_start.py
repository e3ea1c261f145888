"""``basin init``: the first command on a folder of files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from basin._run import leave_unlisted
from basin.cli._frame import DATE, frame_lang, shared_options
from basin.cli._output import print_json, say

__all__ = ["init"]


@click.command()
@click.argument(
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("."),
    metavar="[FOLDER]",
)
@click.option("--crs", metavar="CRS", help="Coordinate system of the files that state none.")
@click.option("--date", type=DATE, metavar="YYYY-MM-DD", help="The project's date.")
@shared_options
def init(
    folder: Path,
    crs: str | None,
    date: dt.date | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Recognise the layers in FOLDER, write a commented basin.toml, and ask what is not known."""
    from rich.console import Console

    from basin.draft import draft_project, report_lines

    leave_unlisted()
    words = lang or frame_lang()
    with Console(stderr=True).status("init"):
        apart = click.get_current_context().find_root().params.get("sandbox")
        draft = draft_project(
            folder, lang=words, crs=crs, date=date, overwrite=overwrite, sandbox=apart
        )
    if as_json:
        found = {
            "path": str(draft.path),
            "layers": draft.to_frame(),
            "questions": draft.all_questions,
        }
        print_json(found)
    else:
        say("\n".join(report_lines(draft)))
