"""What a map shows, as plain data: rows of the panel, drawn layers, records for the popups.

The content is a dictionary of JSON values:

- ``title``, ``summary``, ``warnings``, ``caveat``, ``remark``, ``words``: texts; ``bounds``: west,
  south, east, north in degrees;
- ``rows``: the layer panel, in order: ``id``, ``group``, ``name``, ``count``, ``on``,
  ``mark``, ``legend``;
- ``layers``: what is drawn, from the ground up: ``row`` (the one that switches it), ``name``,
  ``styles`` (Leaflet's path options, and for points ``shape`` and ``radius``); the records of the
  popups by column (``titles``, ``fields``, ``columns``; ``keys``, the columns that hold ids;
  ``told``, what else is told of a record; ``lender``, the layer that holds them instead);
  ``points``, columns ``xy``, ``style`` and ``record`` (left out where it is the place in the
  list) and ``inside``; ``shapes``: ``[geometry, style, record]``; ``spans``, hours from which and
  until which each shows; and how names are written (``label``, ``names``);
- ``images``: hillshade, as data URLs; ``tiles``: the user's tile services, from the ground up;
- ``clock``: the ``hours`` of the slider with their ``texts``, or None.

A column of texts is a list, or ``{"words": [...], "at": [...]}`` where words come back; -1 is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._colour import text_on
from basin.maps.cells import column_texts
from basin.maps.shapes import drawn, encode, encode_all, grow_bounds, steps, units
from basin.maps.words import FRAME, words

__all__ = ["INK", "Content", "Drawn", "Row", "add_records", "badge", "name_style", "note"]

#: Ink of names and symbol outlines.
INK = "#263238"

#: Groups of the panel, in order.
GROUPS = ("results", "sources", "zones", "rivers", "base", "quality")

#: Layers from the ground up; what is not named here lies at the height of ``zones``.
HEIGHTS = (
    "districts",
    "areas",
    "control_unit",
    "zones",
    "water_source",
    "red_line",
    "band",
    "shorelines",
    "reaches",
    "lines",
    "trace_reaches",
    "spill_reaches",
    "spill_fronts",
    "issues",
    "site_areas",
    "site_lines",
    "outfalls",
    "snaps",
    "structures",
    "intakes",
    "trace_outfalls",
    "sections",
    "points",
    "spill_targets",
    "sites",
)

Style = dict[str, Any]
Record = dict[str, Any]
Span = tuple[float, float | None] | None


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
        self.records: list[Record] = []
        self._styles: dict[str, int] = {}
        self._shapes: list[Any] = []
        self._style: list[int] = []
        self._record: list[int | None] = []
        self._inside: list[str | None] = []
        self._span: list[Span] = []
        self.spec: dict[str, Any] = {"row": row, "name": name, "styles": [], **options}

    def __len__(self) -> int:
        return len(self._shapes)

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
        self,
        shape: Any,
        style: Style,
        record: int | None = None,
        inside: str | None = None,
        span: Span = None,
    ) -> None:
        """Add one feature; a null or empty shape is left out.

        Parameters
        ----------
        inside
            A text within the symbol.
        span
            Hours from which and until which the clock shows it; None there is for ever.
        """
        self._shapes.append(shape)
        self._style.append(self.style(style))
        self._record.append(record)
        self._inside.append(inside)
        self._span.append(span)

    def add_all(
        self, shapes: npt.NDArray[Any], styles: Sequence[Style], order: Iterable[int]
    ) -> None:
        """Add a feature a record, in this order; equal styles should be one object."""
        numbers: dict[int, int] = {}
        for i in order:
            style = styles[i]
            if id(style) not in numbers:
                numbers[id(style)] = self.style(style)
            self._shapes.append(shapes[i])
            self._style.append(numbers[id(style)])
            self._record.append(i)
            self._inside.append(None)
            self._span.append(None)

    def to_dict(self) -> dict[str, Any]:
        """Write the layer as JSON values."""
        spec = dict(self.spec)
        told = {str(i): r for i, r in enumerate(self.records) if r}
        if told:
            spec["told"] = told
        shapes = np.array([*self._shapes, None], dtype=object)[:-1]  # an array of objects, always
        shapes[shapely.is_empty(shapes)] = None
        flat = shapely.get_dimensions(shapes) == 0
        flat &= shapely.get_type_id(shapes) != 7  # a collection is rare, and written apart
        if flat.any():
            spec["points"] = self._points(shapes, np.flatnonzero(flat))
        others = [i for i in np.flatnonzero(~flat) if shapes[i] is not None]
        if others:
            spec["shapes"] = [
                [geometry, self._style[i], self._record[i]]
                for i, geometry in zip(others, encode_all(shapes[others]), strict=True)
            ]
            if self._span[others[0]] is not None:
                spec["spans"] = [self._span[i] for i in others]
        return spec

    def _points(self, shapes: npt.NDArray[Any], at: npt.NDArray[np.intp]) -> dict[str, Any]:
        vertices, owner = units(shapes[at])
        at = at[owner]  # a multi-point is as many points of one record
        one_path = np.zeros(len(at), dtype=np.intp)
        points: dict[str, Any] = {
            "xy": steps(vertices, one_path).ravel().tolist(),
            "style": [self._style[i] for i in at],
        }
        record = [self._record[i] for i in at]
        if record != list(range(len(at))):
            points["record"] = record
        inside = {str(k): self._inside[i] for k, i in enumerate(at) if self._inside[i] is not None}
        if inside:
            points["inside"] = inside
        if len(at) and self._span[at[0]] is not None:
            points["spans"] = [self._span[i] for i in at]
        return points

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
    on
        Ids of rows that show at once, though they mostly wait.
    """

    def __init__(
        self, lang: str, framing: frozenset[str], on: frozenset[str] = frozenset()
    ) -> None:
        self.lang = lang
        self.framing = framing
        self._on = on
        self.rows: list[Row] = []
        self.layers: list[Drawn] = []
        self.images: list[dict[str, Any]] = []
        self.tiles: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.summary: list[str] = []
        self.missing: list[str] = []
        self.clock: dict[str, Any] | None = None
        self._bounds: list[float] | None = None
        self._wide_bounds: list[float] | None = None

    @property
    def bounds(self) -> list[float] | None:
        """The extent on which the map opens: west, south, east, north in degrees."""
        return self._bounds or self._wide_bounds

    def row(self, id: str, group: str, name: str, *, on: bool) -> Row:
        """Open a row of the panel."""
        row = Row(id, group, name, on=on or id in self._on)
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
                layer.spec["lender"] = layers.index(layer.lender)
        rows = sorted(self.rows, key=lambda r: GROUPS.index(r.group))
        return {
            "lang": lang,
            "title": title,
            "summary": [*(self.summary if summary is None else [summary]), *self.missing],
            "caveat": words("caveat", lang),
            "remark": words("remark", lang),
            "words": {key: words(key, lang) for key in FRAME},
            "bounds": self.bounds,
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
            "layers": [d.to_dict() for d in layers],
            "images": self.images,
            "tiles": self.tiles,
            "warnings": self.warnings,
            "clock": self.clock,
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
    """Give a layer one record a row of `table`, and return what else is told of each, empty yet.

    Names stand in the titles; the other options are those of :func:`column_texts`.
    """
    skip = {"name", *telling.pop("skip", ())}
    columns = column_texts(table, kinds=kinds, lang=lang, skip=skip, **telling)
    layer.spec["titles"] = list(titles)
    layer.spec["fields"] = [c.heading for c in columns]
    layer.spec["columns"] = [_packed(c.texts) for c in columns]
    layer.spec["keys"] = [
        i for i, c in enumerate(columns) if c.name.endswith("_id") or c.name in ("id", "code")
    ]
    layer.records = [{} for _ in layer.spec["titles"]]
    return layer.records


def _packed(texts: list[str | None]) -> list[str | None] | dict[str, Any]:
    """Write words that come back once, where that is shorter."""
    places: dict[str | None, int] = {None: -1}
    at = [places.setdefault(text, len(places) - 1) for text in texts]
    if 2 * len(places) > len(texts):
        return texts
    return {"words": list(places)[1:], "at": at}


def name_style(zoom: int, rank: int, size: float, weight: int = 400) -> dict[str, Any]:
    return {
        "zoom": zoom,
        "rank": rank,
        "size": size,
        "weight": weight,
        "color": INK,
        "titles": True,
    }


def badge(text: str, ground: str) -> dict[str, str]:
    """Return a coloured word for a popup, its ink chosen for contrast."""
    return {"text": text, "ground": ground, "ink": text_on(ground)}


def note(mark: dict[str, str], head: str, lines: Iterable[str] = ()) -> dict[str, Any]:
    """Return a note for a popup: a badge with its head, and lines under it."""
    return {"badge": mark, "head": head, "lines": list(lines)}
