"""``basin verify``: are the files of an output folder still those that were written?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from basin.cli._frame import frame_lang, lang_option
from basin.cli._output import print_json, say

__all__ = ["verify"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("."), metavar="[FOLDER]")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(folder: Path, lang: str | None, as_json: bool) -> None:
    """Compare the files of FOLDER with its manifest.json; exit with 1 if any differs."""
    from basin.manifest import verify_folder

    found = verify_folder(folder)
    if as_json:
        print_json(found.to_dict())
    else:
        say(found.explain(lang or frame_lang()))
    sys.exit(0 if found.ok else 1)
