"""What a map shows, as plain data: rows of the panel, drawn layers, records for the popups.

The content is a dictionary of JSON values:

- ``title``, ``summary``, ``caveat``, ``remark``, ``words``: texts of the frame; ``bounds``: west,
  south, east, north in degrees;
- ``rows``: the layer panel, in order: ``id``, ``group``, ``name``, ``count``, ``on``,
  ``mark``, ``legend``;
- ``layers``: what is drawn, from the ground up: ``row`` (the one that switches it), ``name``,
  ``styles`` (Leaflet's path options, and for points ``shape`` and ``radius``), ``fields`` and
  ``records`` (popups; a number names the layer that holds them), ``features``: ``[geometry,
  style, record, text inside]``, and how names are written (``label``, ``names``);
- ``images``: hillshade, as data URLs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._colour import text_on
from basin.maps.shapes import as_text, drawn, encode, grow_bounds
from basin.maps.words import heading, item_name, words

__all__ = [
    "INK",
    "Content",
    "Drawn",
    "Row",
    "add_records",
    "badge",
    "column",
    "listed",
    "name_style",
    "note",
    "number_in",
    "numbers",
    "record_values",
    "short_titles",
    "strings",
    "titles",
]

#: Ink of names and symbol outlines.
INK = "#263238"

#: Groups of the panel, in order.
GROUPS = ("results", "sources", "zones", "rivers", "base", "quality")

#: Layers from the ground up; what is not named here lies at the height of ``zones``.
HEIGHTS = (
    "districts",
    "control_unit",
    "zones",
    "water_source",
    "red_line",
    "band",
    "shorelines",
    "reaches",
    "trace_reaches",
    "issues",
    "site_areas",
    "site_lines",
    "outfalls",
    "structures",
    "intakes",
    "trace_outfalls",
    "sections",
    "sites",
)

#: Columns that are drawn or counted, not told.
_SILENT = frozenset({"geometry", "site_lon", "site_lat", "foot_lon", "foot_lat", "lon", "lat"})

#: Columns that hold one item id or several, joined by commas.
_ITEM_COLUMNS = frozenset(
    {"item_id", "failing_items", "missing_items", "below_detection_items", "main_pollutants"}
)

Style = dict[str, Any]
Record = dict[str, Any]


def _item_names(value: Any, lang: str) -> str | None:
    text = as_text(value, lang=lang)
    if text is None:
        return None
    return ", ".join(item_name(part.strip(), lang) for part in text.split(",")) or None


def record_values(
    table: pd.DataFrame,
    *,
    kinds: Mapping[str, str],
    lang: str,
    skip: Iterable[str] = (),
    first: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
    tellers: Mapping[str, Callable[[Any, str], str]] | None = None,
) -> tuple[list[str], list[list[str | None]]]:
    """Write a table's cells for the popups: headings, and per row the texts under them.

    After those of `first`, known columns come in the order of the table of words; unknown ones
    follow as they came.

    Parameters
    ----------
    table : shape (n, ...)
        One feature a row.
    kinds
        Which columns hold codes, and of which kind (a table of ``labels.toml``).
    skip
        Columns that are told elsewhere.
    headings
        Headings that differ from the table of words.
    tellers
        For columns with words of their own: a function of cell and language.

    Returns
    -------
    fields : list of str
    values : list, shape (n, len(fields))
        None where a cell says nothing.
    """
    from basin.standards.labels import codes

    left_out = _SILENT | set(skip)
    known = {name: place for place, name in enumerate(dict.fromkeys([*first, *codes("column")]))}
    places = [i for i, c in enumerate(table.columns) if str(c) not in left_out]
    places.sort(key=lambda i: (known.get(str(table.columns[i]), len(known)), i))
    fields, columns = [], []
    for place in places:
        name = str(table.columns[place])
        cells = table.iloc[:, place]
        teller = (tellers or {}).get(name)
        if teller:
            texts = [None if _missing(v) else teller(v, lang) for v in cells]
        elif name in _ITEM_COLUMNS:
            texts = [_item_names(v, lang) for v in cells]
        else:
            texts = [as_text(v, kind=kinds.get(name), lang=lang) for v in cells]
        if any(t is not None for t in texts):
            fields.append((headings or {}).get(name) or heading(name, lang))
            columns.append(texts)
    rows = (
        [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in table.index]
    )
    return fields, rows


class Drawn:
    """One layer that is drawn: its styles, records and features.

    Parameters
    ----------
    row
        Id of the panel row that switches it.
    height
        Its place in :data:`HEIGHTS`.
    name
        Its name in popups.
    """

    def __init__(self, row: str, height: str, name: str, **options: Any) -> None:
        self.height = height
        self.lender: Drawn | None = None
        self._styles: dict[str, int] = {}
        self.spec: dict[str, Any] = {
            "row": row,
            "name": name,
            "styles": [],
            "fields": [],
            "records": [],
            "features": [],
            **options,
        }

    def borrow(self, lender: Drawn) -> None:
        """Tell the records of another layer: both draw the same things."""
        self.lender = lender

    def style(self, style: Style) -> int:
        """Return the number of a style; equal ones share it."""
        key = repr(sorted(style.items()))
        if key not in self._styles:
            self._styles[key] = len(self.spec["styles"])
            self.spec["styles"].append(style)
        return self._styles[key]

    def add(
        self, shape: Any, style: Style, record: int | None = None, inside: str | None = None
    ) -> None:
        """Add one feature; a null or empty shape is left out."""
        geometry = encode(shape)
        if geometry is None:
            return
        feature: list[Any] = [geometry, self.style(style), record]
        self.spec["features"].append(feature if inside is None else [*feature, inside])

    def name(self, text: Any, shape: Any) -> None:
        """Write a name on the map, at a point or along a line."""
        geometry = encode(shape)
        if geometry is not None and text is not None:
            self.spec.setdefault("names", []).append([str(text), geometry])


class Row:
    """One row of the panel: what it switches, and the legend under it."""

    def __init__(self, id: str, group: str, name: str, *, on: bool) -> None:
        self.id, self.group, self.name, self.on = id, group, name, on
        self.count: int | None = None
        self.mark: dict[str, Any] | None = None
        self.legend: list[dict[str, Any]] = []

    def show(self, form: str, style: Style) -> None:
        """Put one swatch before the row's own name: there is nothing to tell apart."""
        self.mark = {"form": form, "style": style}

    def explain(self, text: str, form: str | None = None, style: Style | None = None) -> None:
        """Add a legend entry: words, after a swatch (``form`` point, line or area) if any."""
        entry: dict[str, Any] = {"text": text}
        if style is not None:
            entry |= {"form": form, "style": style}
        self.legend.append(entry)


class Content:
    """Gathers rows, layers, images and the extent, and writes them as plain data.

    Parameters
    ----------
    lang : {'zh', 'en'}
    framing
        Layers on which the map opens.
    """

    def __init__(self, lang: str, framing: frozenset[str]) -> None:
        self.lang = lang
        self.framing = framing
        self.rows: list[Row] = []
        self.layers: list[Drawn] = []
        self.images: list[dict[str, Any]] = []
        self.summary: list[str] = []
        self.missing: list[str] = []
        self._bounds: list[float] | None = None
        self._wide_bounds: list[float] | None = None

    def row(self, id: str, group: str, name: str, *, on: bool) -> Row:
        """Open a row of the panel."""
        row = Row(id, group, name, on=on)
        self.rows.append(row)
        return row

    def layer(self, row: Row, height: str, **options: Any) -> Drawn:
        """Open a drawn layer that `row` switches."""
        layer = Drawn(row.id, height, options.pop("name", row.name), **options)
        self.layers.append(layer)
        return layer

    def shapes(self, table: pd.DataFrame, name: str) -> npt.NDArray[Any]:
        """Return a table's geometries for drawing, and let them widen the extent of the map.

        Parameters
        ----------
        table : shape (n, ...)
            EPSG:4490; without a geometry column every shape is None.
        name
            Of the layer; only those in `framing` decide where the map opens, if there are any.
        """
        column = table["geometry"] if "geometry" in table.columns else [None] * len(table)
        shapes = drawn(column)
        if name in self.framing:
            self._bounds = grow_bounds(self._bounds, shapes)
        else:
            self._wide_bounds = grow_bounds(self._wide_bounds, shapes)
        return shapes

    def to_dict(self, *, title: str, summary: str | None = None) -> dict[str, Any]:
        """Write everything as JSON values."""
        lang = self.lang
        order = {height: place for place, height in enumerate(HEIGHTS)}
        layers = sorted(self.layers, key=lambda d: order.get(d.height, order["zones"]))
        for layer in layers:
            if layer.lender:
                layer.spec["records"] = layers.index(layer.lender)
        rows = sorted(self.rows, key=lambda r: GROUPS.index(r.group))
        frame = ("layers_legend", "also_here", "whole", "zoom_in", "zoom_out", "north")
        return {
            "lang": lang,
            "title": title,
            "summary": [*(self.summary if summary is None else [summary]), *self.missing],
            "caveat": words("caveat", lang),
            "remark": words("remark", lang),
            "words": {key: words(key, lang) for key in frame},
            "bounds": self._bounds or self._wide_bounds,
            "rows": [
                {
                    "id": r.id,
                    "group": words(f"group_{r.group}", lang),
                    "name": r.name,
                    "count": r.count,
                    "on": r.on,
                    "mark": r.mark,
                    "legend": r.legend,
                }
                for r in rows
            ],
            "layers": [d.spec for d in layers],
            "images": self.images,
        }


def add_records(
    layer: Drawn,
    table: pd.DataFrame,
    *,
    titles: Sequence[str],
    kinds: Mapping[str, str],
    lang: str,
    **telling: Any,
) -> list[Record]:
    """Give a layer one record a row of `table`, and return them to be added to.

    Names stand in the titles; the other options are those of :func:`record_values`.
    """
    skip = {"name", *telling.pop("skip", ())}
    fields, values = record_values(table, kinds=kinds, lang=lang, skip=skip, **telling)
    layer.spec["fields"] = fields
    records = [{"title": t, "values": v} for t, v in zip(titles, values, strict=True)]
    layer.spec["records"] = records
    return records


def column(table: pd.DataFrame, name: str) -> list[Any]:
    """Return a column as a list, missing values as None; all None where there is no such column."""
    if name not in table.columns:
        return [None] * len(table)
    values = table[name]
    if isinstance(values, pd.DataFrame):  # a name that occurs twice: the first one counts
        values = values.iloc[:, 0]
    return [None if _missing(v) else v for v in values]


def numbers(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Return a column as numbers; NaN where it is missing or not a number."""
    values = pd.to_numeric(pd.Series(column(table, name), dtype=object), errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


def titles(table: pd.DataFrame, id_column: str) -> list[str]:
    """Return a title for each row: name and id, or whichever there is."""
    found = []
    for name, id in zip(column(table, "name"), column(table, id_column), strict=True):
        parts = dict.fromkeys(str(p).strip() for p in (name, id) if p is not None)
        found.append(" · ".join(p for p in parts if p) or "—")
    return found


def name_style(zoom: int, rank: int, size: float, weight: int = 400) -> dict[str, Any]:
    return {
        "zoom": zoom,
        "rank": rank,
        "size": size,
        "weight": weight,
        "color": INK,
        "titles": True,
    }


def strings(table: pd.DataFrame, name: str) -> list[str]:
    return ["" if v is None else str(v) for v in column(table, name)]


def listed(names: list[Any], lang: str, show: int = 4) -> str:
    """Name the first few, and say that there are more."""
    comma, more = ("、", " 等") if lang == "zh" else (", ", ", ...")
    return comma.join(str(n) for n in names[:show]) + (more if len(names) > show else "")


def short_titles(table: pd.DataFrame, id_column: str) -> list[str]:
    """Names alone where there are any: they are written on the map."""
    names, ids = column(table, "name"), column(table, id_column)
    return [
        str(n if n is not None else i if i is not None else "—")
        for n, i in zip(names, ids, strict=True)
    ]


def number_in(record: Mapping[str, Any], key: str) -> float | None:
    """Return a number of a record, or None where it is missing, not finite or no number."""
    value = record.get(key)
    try:
        number = float(value) if value is not None else math.nan
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def badge(text: str, ground: str) -> dict[str, str]:
    """Return a coloured word for a popup, its ink chosen for contrast."""
    return {"text": text, "ground": ground, "ink": text_on(ground)}


def note(mark: dict[str, str], head: str, lines: Iterable[str] = ()) -> dict[str, Any]:
    """Return a note for a popup: a badge with its head, and lines under it."""
    return {"badge": mark, "head": head, "lines": list(lines)}


def _missing(value: Any) -> bool:
    return value is None or (np.ndim(value) == 0 and bool(pd.isna(value)))
