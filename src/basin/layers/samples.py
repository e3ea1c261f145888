"""Samples: one row a section and date, or one row a value; the laboratory's marks are kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from basin.layers.columns import (
    as_text,
    note_cells,
    read_number,
    shown,
    without_blank_rows,
)
from basin.layers.measurements import parse_dates, plain
from basin.layers.problems import Notes
from basin.layers.vocabulary import (
    Schema,
    cell_units,
    item_ids,
    item_of,
    key,
    long_headings,
    match_column,
    own_unit,
    plausible_range,
    unit_of,
)
from basin.standards import gb3838

__all__ = ["clean_samples", "long_columns", "widen"]

#: A value so many times the limit of class V is most likely a slip of unit or decimal point.
_TIMES_CLASS_V = 100.0
#: Samples of earlier years, or of those after the next, are listed: the year is a slip.
_FIRST_YEAR = 1950
#: Columns of a table with one value a row, besides those of a sample.
LONG = ("item", "value", "unit")
_NO_UNIT = frozenset({"", "无量纲", "-", "—", "--", "/", "nan", "none"})


# ---------------------------------------------------------------- one row a value


def widen(
    table: pd.DataFrame, layer: Schema, columns: Mapping[str, str], notes: Notes
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Turn one row a value (section, date, item, value, unit) into one row a section and date.

    A table that is not of this form comes back as it is. A second value of an item for one section
    and date goes to a row of its own and is listed; rows without an item are set aside and listed;
    other columns keep their values, several of them joined by "; ".

    Parameters
    ----------
    columns
        What the user says; ``item``, ``value`` and ``unit`` name the columns of this form.

    Returns
    -------
    DataFrame
    dict
        `columns` without those three.
    """
    given = {c: columns[c] for c in ("item", "value", "unit") if c in columns}
    left = {c: h for c, h in columns.items() if c not in given}
    found = _long_columns(table, layer, given, left)
    if found is None:
        return table, left
    item, value, unit, keys = found
    table = without_blank_rows(table, notes)
    names = as_text(table[item])
    lost = names.isna().to_numpy()
    notes.add("row_without_key", lost, column=item)
    if lost.any():
        notes.keep(~lost)
        table, names = table.loc[~lost].reset_index(drop=True), names[~lost].reset_index(drop=True)
    known = {word: item_of(word) or word for word in names.unique()}
    target = names.map(known)
    cells = _with_units(table[value], table[unit] if unit else None, target)
    group = table.groupby([*keys, target.rename("item")], dropna=False, sort=False)
    turn = group.cumcount().rename("turn")
    rows = table.groupby([*keys, turn], dropna=False, sort=False).ngroup().to_numpy()
    first = np.unique(rows, return_index=True)[1]
    notes.add("sample_item_twice", turn.gt(0).to_numpy(), items=shown(names[turn.gt(0)]))
    notes.add("samples_widened", n_values=len(table), n_rows=len(first))
    wide = table.iloc[first][keys].reset_index(drop=True)
    for name in target.unique():
        at = np.flatnonzero(target.eq(name))
        column = np.full(len(first), None, dtype=object)
        column[rows[at]] = cells.to_numpy(dtype=object)[at]
        wide[name] = pd.Series(column).infer_objects()
    for name in table.columns:
        if name not in (item, value, unit, *keys):
            wide[name] = _joined(table[name], rows, first)
    notes.rows = notes.rows[first]
    return wide, left


def long_columns(table: pd.DataFrame, layer: Schema) -> dict[str, str]:
    """Return the headings of item, value and unit of a table with one value a row; else none."""
    found = _long_columns(table, layer, {}, {})
    if found is None:
        return {}
    item, value, unit, _ = found
    return {"item": item, "value": value} | ({"unit": unit} if unit else {})


def _long_columns(
    table: pd.DataFrame, layer: Schema, given: Mapping[str, str], stated: Mapping[str, str]
) -> tuple[str, str, str | None, list[str]] | None:
    """Return the headings of item, value, unit and those of a sample; None for a wide table."""
    headings = [str(c) for c in table.columns]
    named = {c: given.get(c) or next(iter(_spelled(headings, c)), None) for c in LONG}
    item, value = named["item"], named["value"]
    if item not in headings or value not in headings:
        return None
    keys = [
        h
        for h in headings
        if h in stated.values()
        or ((m := match_column(h, layer)) is not None and m.column in layer.required)
    ]
    words = as_text(table[item]).dropna().unique().tolist()
    known = sum(item_of(w) is not None for w in words)
    if not keys or (not given and known * 2 < len(words)):
        return None
    return item, value, named["unit"] if named["unit"] in headings else None, keys


def _spelled(headings: list[str], column: str) -> list[str]:
    spellings = long_headings(column)
    found = [h for h in headings if key(h) in spellings]
    return sorted(found, key=lambda h: spellings.index(key(h)))


def _with_units(
    values: pd.Series[Any], units: pd.Series[Any] | None, items: pd.Series[Any]
) -> pd.Series[Any]:
    """Write a unit beside its figure where it is not the item's own, for the cell to be read by."""
    if units is None:
        return values
    codes, distinct = pd.MultiIndex.from_arrays([items, as_text(units).fillna("")]).factorize()
    beside = []
    for item, unit in distinct:
        idle = key(unit) == "" or str(unit).casefold() in _NO_UNIT
        known = item in item_ids()
        own = known and cell_units(item).get(unit_of(unit)) == 1.0
        beside.append("" if idle or own or not known else f" {unit}")
    suffix = np.array([*beside, ""], dtype=object)[codes]
    at = np.flatnonzero(suffix != "")
    result = values.astype(object).copy()
    result.iloc[at] = [
        f"{v}{s}" if re.search(r"\d", str(v)) else v
        for v, s in zip(result.iloc[at], suffix[at], strict=True)
    ]
    plain_types: pd.Series[Any] = result.infer_objects()
    return plain_types


def _joined(column: pd.Series[Any], rows: Any, first: Any) -> pd.Series[Any]:
    """One value a group: the only one, or all of them joined."""
    taken: pd.Series[Any] = column.iloc[first].reset_index(drop=True)
    same = column.eq(taken.iloc[rows].to_numpy()) | column.isna()
    mixed = np.unique(rows[~same.to_numpy(dtype=bool)])
    if not len(mixed):
        return taken
    taken = taken.astype(object)
    here = np.isin(rows, mixed)
    texts = as_text(column[here]).groupby(rows[here]).agg(lambda g: "; ".join(g.dropna().unique()))
    taken.iloc[texts.index] = texts.to_numpy()
    return taken


# ---------------------------------------------------------------- one row a section and date


def clean_samples(
    table: pd.DataFrame, layer: Schema, factors: Mapping[str, float], notes: Notes
) -> pd.DataFrame:
    """Return the samples: ``section_id``, ``date``, one float column an item and its ``_flag``.

    A value below detection is its detection limit with flag ``below``; ``未检出`` without a limit
    is NaN with ``below_unknown``, and what is no figure NaN with ``unreadable``. Rows without a
    section or a date are set aside and listed.
    """
    sections = as_text(table["section_id"])
    dates, bad = parse_dates(table["date"])
    notes.ids = pd.Series(
        [
            f"{s} {plain(d)}"
            for s, d in zip(sections.fillna("?"), table["date"].astype("str"), strict=True)
        ],
        index=table.index,
        dtype="str",
    )
    if bad.any():
        notes.add("date_unreadable", bad, column="date", values=shown(table["date"][bad]))
    years = pd.to_datetime(dates).dt.year
    odd = ((years < _FIRST_YEAR) | (years > dt.date.today().year + 1)).to_numpy()
    if odd.any():
        notes.add("date_implausible", odd, column="date", values=shown(table["date"][odd]))
    lost = (sections.isna() | dates.isna()).to_numpy()
    if lost.any():
        notes.add("row_without_key", lost, column="section_id / date")
        notes.ids = notes.ids[~lost]
        notes.keep(~lost)
    kept = table.assign(section_id=sections, date=dates).loc[~lost].reset_index(drop=True)
    notes.add("key_duplicate", kept.duplicated(["section_id", "date"], keep=False).to_numpy())
    items = [i for i in item_ids() if i in kept.columns]
    flagged: dict[str, pd.Series[str]] = {}
    for item in items:
        factor = factors.get(item, 1.0)
        values, flags = read_number(kept[item], item, factor)
        note_cells(kept[item], flags, item, factor, notes)
        flagged[item] = flags
        kept = kept.assign(**{item: values * factor})
        kept[f"{item}_flag"] = flags.where(flags.ne("missing"), "")
    _note_limits(flagged, notes)
    _note_implausible(kept, items, notes)
    known = ["section_id", "date", *items, *(f"{i}_flag" for i in items)]
    return kept[[*known, *(c for c in kept.columns if c not in known)]]


def _note_limits(flagged: Mapping[str, pd.Series[str]], notes: Notes) -> None:
    """One line for all items: nearly every row of a full analysis has a value below detection."""
    for kind, marks in (
        ("number_without_limit", ["below_unknown"]),
        ("number_flagged", ["below", "above"]),
    ):
        masks = {item: flags.isin(marks).to_numpy() for item, flags in flagged.items()}
        counts = {item: int(mask.sum()) for item, mask in masks.items() if mask.any()}
        if counts:
            words = ", ".join(f"{item} ({n})" for item, n in counts.items())
            mask = np.logical_or.reduce(list(masks.values()))
            notes.add(kind, mask, columns=words, values="<0.01, 0.01L")


def _note_implausible(samples: pd.DataFrame, items: list[str], notes: Notes) -> None:
    """List values absurdly far from what an item can be; they stay."""
    limits = gb3838()["V"]
    for item in items:
        low, high = plausible_range(item) or (0.0, _TIMES_CLASS_V * float(limits.get(item, np.nan)))
        values = samples[item].to_numpy(dtype=float)
        far = (values < low) | (values > high)
        if far.any():
            unit = own_unit(item).replace("/l", "/L")
            notes.add(
                "value_implausible",
                far,
                column=item,
                values="; ".join(f"{v:g}" for v in np.unique(values[far])[::-1][:3]),
                range=f"{low:g}–{high:g}" + (f" {unit}" if unit else ""),
            )
