"""Pictures that the tests leave for people: ``build/artefacts``, with a contact sheet.

Screenshots of the maps lie in ``screenshots``; figures that do not look as kept, in ``figures``.
Where ``CI_ARTIFACTS_DIR`` names a folder, all is copied there when the tests end.
"""

from __future__ import annotations

import datetime as dt
import html
import os
import shutil
import struct
from pathlib import Path

ARTEFACTS = Path(__file__).resolve().parent.parent / "build" / "artefacts"
SCREENSHOTS = ARTEFACTS / "screenshots"
FIGURES = ARTEFACTS / "figures"

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<title>basin: pictures of the tests</title><style>body{{font:14px sans-serif;margin:24px}}
figure{{display:inline-block;margin:8px;vertical-align:top}}
img{{max-width:420px;max-height:420px;border:1px solid #90a4ae}} figcaption{{color:#455a64}}</style>
<h1>{count} pictures</h1>{figures}</html>"""
_FIGURE = """<figure><a href="{path}"><img src="{path}" alt="{name}"></a>
<figcaption>{name} · {wide} × {tall} · {date}</figcaption></figure>"""


def finish(folder: Path = ARTEFACTS) -> Path | None:
    """Write the contact sheet, and copy all where CI asks for it; None without pictures."""
    pictures = sorted(folder.glob("*/*.png"))
    if not pictures:
        return None
    figures = []
    for picture in pictures:
        wide, tall = struct.unpack(">II", picture.read_bytes()[16:24])
        path = picture.relative_to(folder).as_posix()
        date = dt.datetime.fromtimestamp(picture.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
        figures.append(
            _FIGURE.format(
                path=html.escape(path), name=html.escape(path), wide=wide, tall=tall, date=date
            )
        )
    index = folder / "index.html"
    index.write_text(_PAGE.format(count=len(figures), figures="\n".join(figures)), "utf-8")
    asked = os.environ.get("CI_ARTIFACTS_DIR")
    if asked:
        shutil.copytree(folder, asked, dirs_exist_ok=True)
        return Path(asked) / index.name
    return index
