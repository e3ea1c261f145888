"""Text for notebooks and notes: strings from data, made safe for a page, ids, and short numbers."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

__all__ = ["as_id", "as_ids", "escape", "html_table", "number"]

# What a template engine or a script's template string would run, beside what HTML would.
_RUNS = {ord(c): f"&#{ord(c)};" for c in "{}`$\\"}


def escape(text: Any) -> str:
    """Write a value as inert page text: no HTML, no template and no script survives.

    Examples
    --------
    >>> escape("<b>{{7*7}}</b>")
    '&lt;b&gt;&#123;&#123;7*7&#125;&#125;&lt;/b&gt;'
    """
    return html.escape(str(text), quote=True).translate(_RUNS)


def as_ids(values: pd.Series) -> pd.Series:
    """Write ids as text without blanks around them; a whole number loses its ".0", blanks are null.

    Examples
    --------
    >>> as_ids(pd.Series([1, 2.0, " a", "3.0", ""], dtype=object)).tolist()
    ['1', '2', 'a', '3.0', <NA>]
    """
    floats = pd.api.types.is_float_dtype(values.dtype)
    if values.dtype == object:
        # a blank among whole numbers makes them floats, in a column of texts as well
        values = values.map(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)
    text = values.astype("string").str.strip()
    if floats:
        text = text.str.replace(r"\.0$", "", regex=True)
    return text.mask(text == "")


def as_id(value: Any) -> str:
    """Write one id as :func:`as_ids` does; "" for none.

    Examples
    --------
    >>> as_id(1), as_id(1.0), as_id(" S-1 "), as_id(None)
    ('1', '1', 'S-1', '')
    """
    text = as_ids(pd.Series([value], dtype=object)).iloc[0]
    return "" if pd.isna(text) else str(text)


def number(value: Any, digits: int = 3) -> str:
    """Write a number with so many significant digits and no exponent; a dash for none.

    Examples
    --------
    >>> number(0.26444), number(1234.5), number(None)
    ('0.264', '1,234', '–')
    """
    if value is None or pd.isna(value):
        return "–"
    size = abs(float(value))
    if size >= 10 ** (digits - 1):
        return f"{float(value):,.0f}"
    text = f"{float(value):.{digits}g}"
    return f"{float(text):.10f}".rstrip("0").rstrip(".") if "e" in text else text


def html_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a plain table; every cell and head is escaped."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
