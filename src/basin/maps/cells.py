"""Cells of tables as words for people: what popups tell, and the columns that maps read."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import number
from basin.maps.words import heading, item_name
from basin.standards.labels import codes, label

__all__ = [
    "Column",
    "as_text",
    "column",
    "column_texts",
    "listed",
    "number_in",
    "numbers",
    "short_titles",
    "strings",
    "titles",
]

#: Significant digits of a number in a popup.
_DIGITS = 4

#: Columns that are drawn or counted, not told.
_SILENT = frozenset({"geometry", "site_lon", "site_lat", "foot_lon", "foot_lat", "lon", "lat"})

#: Columns that hold one item id or several, joined by commas.
_ITEM_COLUMNS = frozenset(
    {"item_id", "failing_items", "missing_items", "below_detection_items", "main_pollutants"}
)


def as_text(value: Any, *, kind: str | None = None, lang: str = "zh") -> str | None:
    """Write a cell for people; None where it says nothing.

    Parameters
    ----------
    value
        Any cell: text, number, date, truth value, or missing.
    kind
        Which codes `value` is one of (a table of ``labels.toml``), if it is a code.
    """
    if value is None or (np.ndim(value) == 0 and pd.isna(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return {"zh": ("否", "是"), "en": ("no", "yes")}[lang][int(value)]
    if isinstance(value, float | np.floating):
        return number(value, _DIGITS) if np.isfinite(value) else None
    if isinstance(value, dt.datetime):  # pandas timestamps too
        return value.date().isoformat() if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        texts = (as_text(v, kind=kind, lang=lang) for v in value)
        return ", ".join(t for t in texts if t) or None
    text = str(value).strip()
    parts = [part.strip() for part in text.split(",")] if kind else []
    if kind and all(part in codes(kind) for part in parts):  # one code, or several
        return ", ".join(label(kind, part, lang) for part in parts)
    return text or None


class Column(NamedTuple):
    """One column of a table, told."""

    name: str
    heading: str
    texts: list[str | None]


Teller = Callable[[Any, str], str | None]


def column_texts(
    table: pd.DataFrame,
    *,
    kinds: Mapping[str, str],
    lang: str,
    skip: Iterable[str] = (),
    first: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
    tellers: Mapping[str, Teller] | None = None,
) -> list[Column]:
    """Write a table's cells for the popups, column by column.

    After those of `first`, known columns come in the order of the table of words; unknown ones
    follow as they came. A column that says nothing is left out.

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
    list of Column
        Each with ``texts`` of shape (n,), None where a cell says nothing.
    """
    left_out = _SILENT | set(skip)
    known = {name: place for place, name in enumerate(dict.fromkeys([*first, *codes("column")]))}
    places = [i for i, c in enumerate(table.columns) if str(c) not in left_out]
    places.sort(key=lambda i: (known.get(str(table.columns[i]), len(known)), i))
    found = []
    for place in places:
        name = str(table.columns[place])
        teller = (tellers or {}).get(name)
        if teller is None and name in _ITEM_COLUMNS:
            teller = _item_names
        texts = _texts(table.iloc[:, place], teller or partial(_told, kind=kinds.get(name)), lang)
        if any(t is not None for t in texts):
            found.append(Column(name, (headings or {}).get(name) or heading(name, lang), texts))
    return found


def _told(value: Any, lang: str, *, kind: str | None) -> str | None:
    return as_text(value, kind=kind, lang=lang)


def _texts(cells: pd.Series, tell: Teller, lang: str) -> list[str | None]:
    """Tell each cell, equal ones once."""
    values = cells.astype(object).to_numpy()
    missing = pd.isna(cells).to_numpy()
    alike = cells.dtype != object or all(isinstance(v, str) for v in values[~missing])
    if not alike:  # among mixed values 1, 1.0 and True are equal, and told differently
        return [None if m else tell(v, lang) for v, m in zip(values, missing, strict=True)]
    told: dict[Any, str | None] = {v: tell(v, lang) for v in dict.fromkeys(values[~missing])}
    return [None if m else told[v] for v, m in zip(values, missing, strict=True)]


def _item_names(value: Any, lang: str) -> str | None:
    text = as_text(value, lang=lang)
    if text is None:
        return None
    return ", ".join(item_name(part.strip(), lang) for part in text.split(",")) or None


def column(table: pd.DataFrame, name: str) -> list[Any]:
    """Return a column as a list, missing values as None; all None where there is no such column."""
    if name not in table.columns:
        return [None] * len(table)
    values = table[name]
    if isinstance(values, pd.DataFrame):  # a name that occurs twice: the first one counts
        values = values.iloc[:, 0]
    missing = pd.isna(values).to_numpy()
    return [None if m else v for v, m in zip(values.astype(object), missing, strict=True)]


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
