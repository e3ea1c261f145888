"""Text tables and workbooks as they arrive: the heading found, every row numbered as in Excel."""

from __future__ import annotations

import csv
import io
import itertools
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from basin.errors import LayerError
from basin.layers.content import open_workbook
from basin.layers.encodings import choose, note_choice
from basin.layers.problems import Notes, make_error
from basin.layers.sources import layer_names
from basin.layers.vocabulary import Schema, key, match_column, unit_of

__all__ = ["even_csv", "pick_layer", "read_csv", "read_xlsx"]

# A title and a few remarks may stand above the heading.
_HEADING_WITHIN = 10
_IDLE_UNITS = frozenset({"", "无量纲", "-", "—", "/", "--"})
# What a sheet of Excel can hold, and how much of it fits the memory.
_SHEET_ROWS, _MOST_CELLS = 1_048_576, 30_000_000
# A cell in the last row of a sheet is a habit of Excel: a million empty rows above it are no rows.
_SHORT_GAP, _GAPS_SHOWN = 1_000, 5
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass
class _Grid:
    """Cells of a sheet, row by row, with their Excel rows."""

    cells: list[list[Any]]
    rows: list[int]


def read_csv(
    path: Path,
    layer: Schema,
    *,
    encoding: str | None,
    columns: Mapping[str, str],
    notes: Notes,
) -> tuple[pd.DataFrame, str]:
    """Read a .csv, .tsv or .txt; every cell is text. Problems go to `notes`, with the rows.

    Returns
    -------
    DataFrame
    str
        The encoding that was used.
    """
    data = path.read_bytes()
    if data[:2] in _BOMS and encoding is None:
        encoding = _BOMS[data[:2]]
    choice = choose(data.removeprefix(b"\xef\xbb\xbf"), file=path.name, given=encoding)
    note_choice(choice, notes)
    text = data.decode(choice.encoding).removeprefix("\ufeff")
    if "\0" in text:
        raise make_error(LayerError, "", "text_with_nul", file=path.name)
    grid = _Grid([], [])
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(path, text), strict=True
    )
    try:
        for cells in reader:
            # the row as a spreadsheet counts it: a cell with a line break is still one row
            grid.cells.append(cells)
            grid.rows.append(len(grid.rows) + 1)
    except csv.Error as error:
        raise make_error(
            LayerError,
            "",
            "line_unreadable",
            file=path.name,
            line=reader.line_num,
            reason=error,
        ) from error
    return _to_table(path, grid, layer, columns, notes), choice.encoding


def even_csv(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Read a small .csv of figures or decisions: heading, rows, and the rows that do not fit it.

    Blank lines are left out. The rows that have more or fewer cells are counted as a spreadsheet
    counts them.
    """
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    text = data.decode(choose(data, file=path.name).encoding)
    table = [
        (number, row)
        for number, row in enumerate(csv.reader(io.StringIO(text, newline="")), start=1)
        if any(cell.strip() for cell in row)
    ]
    head = [cell.strip() for cell in table[0][1]] if table else []
    uneven = [number for number, row in table[1:] if len(row) != len(head)]
    return head, [row for _, row in table[1:]], uneven


def _delimiter(path: Path, text: str) -> str:
    if path.suffix.casefold() == ".tsv":
        return "\t"
    head = text.split("\n", _HEADING_WITHIN)[:_HEADING_WITHIN]
    counts = {sign: max((line.count(sign) for line in head), default=0) for sign in ",\t;|"}
    return max(counts, key=lambda sign: counts[sign]) if any(counts.values()) else ","


def pick_layer(
    path: Path, names: list[str], layer: Schema, wanted: str | None, what: str = "layer"
) -> str | None:
    """Choose one of several layers: the one asked for, the only one, or the one of the right name.

    None where only the content can tell.

    Raises
    ------
    LayerError
        If the one asked for is not there, or there is none at all.
    """
    if wanted is not None:
        if wanted in names:
            return wanted
        raise make_error(
            LayerError,
            "",
            "part_absent",
            file=path.name,
            wanted=wanted,
            what=what,
            names=", ".join(names) or "-",
        )
    if not names:
        raise make_error(LayerError, "", "part_none", file=path.name, what=what)
    if len(names) == 1:
        return names[0]
    known = {key(n) for n in layer.names}
    fitting = [n for n in names if key(n) in known]
    return fitting[0] if len(fitting) == 1 else None


def read_xlsx(
    path: Path,
    layer: Schema,
    *,
    sheet: str | None,
    columns: Mapping[str, str],
    notes: Notes,
) -> pd.DataFrame:
    """Read one sheet of a workbook; cells keep their type. Problems and rows go to `notes`."""
    names = layer_names(path)
    name = pick_layer(path, names, layer, sheet, "sheet")
    if name is None:
        name = _fitting_sheet(path, names, layer, columns)
    grid = _sheet(path, name, notes)
    return _to_table(path, grid, layer, columns, notes)


def _fitting_sheet(path: Path, names: list[str], layer: Schema, columns: Mapping[str, str]) -> str:
    """The one sheet whose heading has every required column."""
    fitting = []
    for name in names:
        grid = _sheet(path, name, Notes(layer.kind), most=_HEADING_WITHIN)
        at = _heading(grid.cells, layer, columns)
        found = {
            m.column for c in (grid.cells[at] if grid.cells else []) if (m := _match(c, layer))
        }
        if found | set(columns) >= set(layer.required):
            fitting.append(name)
    if len(fitting) != 1:
        raise make_error(
            LayerError,
            "",
            "sheets_several",
            file=path.name,
            of=layer.kind,
            names=", ".join(names),
        )
    return fitting[0]


def _sheet(path: Path, name: str, notes: Notes, most: int | None = None) -> _Grid:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with open_workbook(path) as book:
            grid = _cells(path, book[name], most)
            empty_formulas = _formulas_without_value(path, name, grid) if most is None else []
    for note in dict.fromkeys(str(c.message) for c in caught):
        notes.add("gdal_note", note=note)
    if empty_formulas:
        notes.add("formula_without_value", rows=empty_formulas)
    while grid.cells and all(_blank(c) for c in grid.cells[-1]):
        # formatted but empty rows below the data are no rows
        grid.cells.pop()
        grid.rows.pop()
    gaps = [(a + 1, b - 1) for a, b in itertools.pairwise([0, *grid.rows]) if b > a + 1]
    if gaps:
        words = ", ".join(f"{a}-{b}" for a, b in gaps[:_GAPS_SHOWN])
        notes.add("rows_empty", count=sum(b - a + 1 for a, b in gaps), which=words)
    return grid


def _cells(path: Path, sheet: Any, most: int | None) -> _Grid:
    """Read the rows of a sheet up to their last cell; long runs of empty rows are left out."""
    sheet.reset_dimensions()  # some programs write a wrong size, and cells would be missed
    grid = _Grid([], [])
    held = 0
    for number, cells in enumerate(sheet.iter_rows(max_row=most, values_only=True), start=1):
        width = len(cells)
        while width and cells[width - 1] is None:
            width -= 1
        held += width
        if number > _SHEET_ROWS or held > _MOST_CELLS:
            raise LayerError(
                f"{path.name}: sheet {sheet.title!r} has more rows or cells than can be read "
                f"({_SHEET_ROWS} and {_MOST_CELLS})",
                mend="Copy the rows that are meant into a new workbook, or give a .csv.",
                zh=f"{path.name}：工作表“{sheet.title}”的行或单元格太多"
                f"（最多 {_SHEET_ROWS} 行、{_MOST_CELLS} 个单元格）",
                mend_zh="请把需要的行复制到新的工作簿，或改用 .csv",
            )
        if not width:
            continue
        gap = number - (grid.rows[-1] if grid.rows else 0) - 1
        if 0 < gap <= _SHORT_GAP:
            grid.cells.extend([] for _ in range(gap))
            grid.rows.extend(range(number - gap, number))
        grid.cells.append(list(cells[:width]))
        grid.rows.append(number)
    return grid


def _formulas_without_value(path: Path, name: str, grid: _Grid) -> list[int]:
    """Rows with a formula whose result the file does not hold (it was never opened in Excel)."""
    with zipfile.ZipFile(path) as parts:
        sheets = [
            p for p in parts.namelist() if p.startswith("xl/worksheets/") and p.endswith(".xml")
        ]
        if not any(b"<f>" in x or b"<f " in x for x in map(parts.read, sheets)):
            return []
    with open_workbook(path, results=False) as book:
        raw = _cells(path, book[name], None)
    values = dict(zip(grid.rows, grid.cells, strict=True))
    return [
        number
        for number, formulas in zip(raw.rows, raw.cells, strict=True)
        if any(
            isinstance(f, str) and f.startswith("=") and _blank(v)
            for f, v in itertools.zip_longest(formulas, values.get(number, []))
        )
    ]


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _match(cell: Any, layer: Schema) -> Any:
    return None if _blank(cell) else match_column(str(cell), layer)


def _heading(cells: list[list[Any]], layer: Schema, columns: Mapping[str, str]) -> int:
    """Index of the row that looks most like a heading; the first of equals."""
    stated = {key(v) for v in columns.values()}
    scores = [
        sum(1 for c in row if not _blank(c) and (_match(c, layer) or key(c) in stated))
        for row in cells[:_HEADING_WITHIN]
    ]
    if not scores or max(scores) == 0:
        return next((i for i, row in enumerate(cells) if not all(map(_blank, row))), 0)
    return int(np.argmax(scores))


def _to_table(
    path: Path, grid: _Grid, layer: Schema, columns: Mapping[str, str], notes: Notes
) -> pd.DataFrame:
    if not grid.cells:
        raise make_error(LayerError, "", "file_empty", file=path.name)
    at = _heading(grid.cells, layer, columns)
    heading = ["" if _blank(c) else str(c).strip() for c in grid.cells[at]]
    body, rows = grid.cells[at + 1 :], grid.rows[at + 1 :]
    while (
        heading
        and not heading[-1]
        and all(len(r) < len(heading) or _blank(r[len(heading) - 1]) for r in body)
    ):
        heading.pop()
    if body and _is_unit_row(body[0], heading):
        notes.add("row_units", rows=rows[:1])
        heading = [
            f"{h}({u})" if h and not _blank(u) and unit_of(str(u)) and not unit_of(h) else h
            for h, u in zip(heading, [*body[0], *[None] * len(heading)], strict=False)
        ]
        body, rows = body[1:], rows[1:]
    width = len(heading)
    long = [any(not _blank(c) for c in r[width:]) for r in body]
    short = [len(r) < width and any(not _blank(c) for c in r) for r in body]
    if path.suffix.casefold() not in (".xlsx", ".xlsm"):
        notes.add("row_short", rows=[n for n, s in zip(rows, short, strict=True) if s]) if any(
            short
        ) else None
    if any(long):
        notes.add("row_ragged", rows=[n for n, x in zip(rows, long, strict=True) if x])
    kept = [(r, n) for r, n, x in zip(body, rows, long, strict=True) if not x]
    filled = [[None if _blank(c) else c for c in [*r, *[None] * width][:width]] for r, _ in kept]
    notes.rows = np.array([n for _, n in kept], dtype=int)
    table = pd.DataFrame(filled, columns=_unique(heading), dtype=object)
    return table.astype("str") if path.suffix.casefold() not in (".xlsx", ".xlsm") else table


def _is_unit_row(cells: list[Any], heading: list[str]) -> bool:
    words = [str(c).strip() for c in cells[: len(heading)] if not _blank(c)]
    return any(unit_of(w) for w in words) and all(unit_of(w) or w in _IDLE_UNITS for w in words)


def _unique(heading: list[str]) -> list[str]:
    """Name nameless columns by their place and number repeated names."""
    seen: dict[str, int] = {}
    names = []
    for place, word in enumerate(heading, start=1):
        name = word or f"column {place}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return names
