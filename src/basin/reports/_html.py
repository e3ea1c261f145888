"""A document as one self-contained web page that prints to A4; no script, nothing loaded."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

from basin._colour import text_on
from basin.reports._document import Cell, Column, Document, fill_of, nothing_in, shown, told

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["render_html"]

_WHOLE_ID = 18


def render_html(document: Document) -> str:
    """Return the page; every string of the document is escaped by the template engine."""
    return _template().render(document=document)


@cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("basin", "assets/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=shown, fill=_fill, kind=_kind, data_url=_data_url, told=told)
    environment.filters.update(nothing_in=nothing_in)
    return environment.get_template("report.html.j2")


def _fill(value: Cell, column: Column) -> str:
    ground = fill_of(value, column)
    return f"background:{ground};color:{text_on(ground)}" if ground else ""


def _kind(value: Cell, column: Column) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number or column.numeric:
        return "number"
    # a short id or code is not broken; a long one may be, to keep the table on the page
    named = column.key.endswith("_id") or column.key == "pack"
    short = len(str(value)) <= _WHOLE_ID
    return "mark" if column.painted or (short and (named or column.codes)) else ""


def _data_url(png: bytes) -> Any:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
