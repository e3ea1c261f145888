"""The layout of a report, apart from any file format."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from basin._text import number
from basin.standards.labels import colour, label

__all__ = [
    "Cell",
    "Column",
    "Document",
    "Picture",
    "Section",
    "Table",
    "clean",
    "fill_of",
    "nothing_in",
    "shown",
    "tabulate",
    "told",
]

#: What a table holds; a code stays a code until it is shown.
Cell = str | float | int | bool | dt.date | None

_YES_NO = {"zh": {True: "是", False: "否"}, "en": {True: "yes", False: "no"}}

#: A heading in a narrative: 一、事实, 1. Fact, a few words before a colon, 1. 〔禁止〕...
_HEADING = re.compile(
    r"(?:[一二三四五六七八九十]+、|\d+\. )[^。，：:;；,()（）]{1,30}$"
    r"|[^。，：:;；,]{2,24}[：:]$"
    r"|\d+\. [〔\[]"
)

#: The space between a number and its unit, where no line is broken.
_UNIT = re.compile(
    r"(?<=\d) (?=(?:m[²³]?|km²?|mm|h|min|ha|kg|t|kg/d|t/d|mg/L|m³/[sd]|m/s|%)(?![\w/]))"
)

#: Signs that turn the reading direction, and so can make a name read as another.
_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F}


def clean(value: Any) -> str:
    """Return text without control characters, turning marks and lone surrogates.

    Examples
    --------
    >>> clean("A\\x00B\\x0b C\\u202e"), clean(None)
    ('AB C', '')
    """
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    text = str(value).replace("\r\n", "\n").replace("\t", " ")
    return "".join(
        c
        for c in text
        if (c == "\n" or ord(c) >= 32)
        and not 0x7F <= ord(c) < 0xA0
        and not 0xD800 <= ord(c) < 0xE000
        and ord(c) not in (*_TURNING, 0xFFFE, 0xFFFF)
    )


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    key
        Name in the result's own table.
    head
        Heading in the language of the document.
    codes
        Table of ``labels.toml`` whose words stand for the values; ``"a,b"`` is read as two codes.
    painted
        Fill each cell with the colour of its code.
    digits
        Decimals of a number; None for text.
    significant
        Digits of a number that may be of any size, in place of fixed decimals.
    percent
        Show a share as per cent.
    """

    key: str
    head: str
    codes: str = ""
    painted: bool = False
    digits: int | None = None
    significant: int | None = None
    percent: bool = False

    @property
    def numeric(self) -> bool:
        """Whether cells hold measured numbers."""
        return self.digits is not None or self.significant is not None


@dataclass(frozen=True)
class Table:
    """A table of cells, each row as long as `columns`.

    Attributes
    ----------
    title
        Heading, and name of the sheet in a workbook.
    empty
        What to say in place of a table without rows.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = ""

    def pick(self, keys: Sequence[str], *, where: tuple[str, Any] | None = None) -> Table:
        """Return the columns `keys` that exist, and the rows in which a column has a value."""
        at = [k for key in keys for k, column in enumerate(self.columns) if column.key == key]
        rows = self.rows
        if where is not None:
            by = next(k for k, column in enumerate(self.columns) if column.key == where[0])
            rows = tuple(row for row in rows if row[by] == where[1])
        return Table(
            self.title,
            tuple(self.columns[k] for k in at),
            tuple(tuple(row[k] for k in at) for row in rows),
            self.empty,
        )

    def without(self, key: str, value: Cell) -> Table:
        """Return the rows in which a column has another value."""
        at = [column.key for column in self.columns].index(key)
        return replace(self, rows=tuple(row for row in self.rows if row[at] != value))

    def filled(self) -> Table:
        """Return the table without columns that hold nothing, to leave room on a page."""
        kept = [
            column.key
            for k, column in enumerate(self.columns)
            if any(row[k] not in (None, "") for row in self.rows)
        ]
        return self.pick(kept) if self.rows else self

    def to_frame(self, lang: str) -> pd.DataFrame:
        """Return the cells as the reader sees them, under their headings."""
        told = [
            [shown(cell, column, lang) for cell, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]
        return pd.DataFrame(told, columns=[column.head for column in self.columns])


@dataclass(frozen=True)
class Picture:
    """A figure as PNG with its caption."""

    caption: str
    png: bytes


@dataclass(frozen=True)
class Section:
    """A part of the document under one heading."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    level: int = 2


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes
    ----------
    title, caveat
        The caveat stands on every page.
    facts
        Pairs of label and value for the head.
    conclusion
        One paragraph.
    sections
        What is read from top to bottom.
    sheets
        The complete tables, one sheet each in a workbook.
    """

    title: str
    lang: str
    caveat: str
    facts: tuple[tuple[str, str], ...]
    conclusion: str
    sections: tuple[Section, ...]
    sheets: tuple[Table, ...]
    pictures: tuple[Picture, ...] = field(default=())


def tabulate(title: str, frame: Any, columns: Iterable[Column], *, empty: str = "") -> Table:
    """Take the columns that a frame has, in the order asked, as cells.

    Index levels count as columns. Nulls become None, numbers stay numbers, other values text.
    """
    flat = pd.DataFrame(frame).reset_index() if frame is not None else pd.DataFrame()
    present = tuple(column for column in columns if column.key in flat)
    taken = [[_cell(v, column) for v in flat[column.key]] for column in present]
    return Table(title, present, tuple(zip(*taken, strict=True)) if taken else (), empty)


def _cell(value: Any, column: Column) -> Cell:
    if isinstance(value, list | tuple | set | frozenset):
        value = ", ".join(str(v) for v in value)
    if value is None or pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, pd.Timestamp | dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if column.numeric and not isinstance(value, str):
        if not np.isfinite(value):
            return None
        return int(value) if column.digits == 0 else float(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return clean(value)


def shown(value: Cell, column: Column, lang: str) -> str:
    """Write a cell as the reader sees it.

    Examples
    --------
    >>> shown(1041.27, Column("distance_m", "", digits=1), "zh")
    '1,041.3'
    >>> shown("tp, nh3n", Column("failing_items", "", codes="item"), "zh")
    '总磷、氨氮'
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _YES_NO[lang][value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        if column.significant is not None:
            return number(value, column.significant)
        if column.percent:
            return f"{value:.{column.digits or 0}%}"
        return f"{value:,.{column.digits or 0}f}"
    if column.codes and isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        return ("、" if lang == "zh" else ", ").join(label(column.codes, p, lang) for p in parts)
    return str(value)


def told(text: str) -> list[tuple[str, str]]:
    """Lines of a narrative, each with its kind: a "lead" to what follows, a "sub" line, "text".

    A number is not parted from its unit at the end of a line.

    Examples
    --------
    >>> told("一、事实\\n总磷超标。\\n  - 三月")
    [('一、事实', 'lead'), ('总磷超标。', 'text'), ('  - 三月', 'sub')]
    """
    lines = (_UNIT.sub("\u00a0", line) for line in text.split("\n"))
    return [(line, _line_kind(line)) for line in lines if line]


def nothing_in(table: Table, section: Section) -> str:
    """What stands in place of a table without rows: named, where the section has several."""
    if len(section.tables) < 2 or table.title in ("", section.heading):
        return table.empty
    ascii_only = table.title.isascii()
    return f"{table.title}{': ' if ascii_only else '：'}{table.empty}"


def _line_kind(line: str) -> str:
    if _HEADING.match(line):
        return "lead"
    return "sub" if line.startswith("  ") else "text"


def fill_of(value: Cell, column: Column) -> str | None:
    """Colour of a painted cell, from the table of colours only; None for any other cell."""
    if not column.painted or not isinstance(value, str):
        return None
    return colour(column.codes, value, "") or None
