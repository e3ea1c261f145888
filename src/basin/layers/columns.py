"""From the headings and cells of a file to canonical columns: names, ids, codes, figures, dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from basin.errors import LayerError
from basin.layers.codes import (
    category_words,
    closest,
    code_of,
    grade_of,
    has_grades,
    industry_category,
    kind_and_grade_of,
    known_codes,
    says_none,
    words_of,
)
from basin.layers.measurements import is_converted, parse_dates, parse_measurement
from basin.layers.problems import Notes, make_error
from basin.layers.vocabulary import (
    Match,
    Schema,
    cell_units,
    closest_column,
    is_date,
    is_known_column,
    is_number,
    key,
    match_column,
    own_unit,
    truncated_matches,
    unit_factor,
)

__all__ = [
    "as_text",
    "clean_columns",
    "match_headings",
    "name_columns",
    "name_rows",
    "note_cells",
    "read_number",
    "shown",
    "without_blank_rows",
]

_SHOWN = 3
# Unknown values of a coded column that get a line of their own.
_UNKNOWN_LISTED = 20
# with the full-width and no-break spaces and the marks that no one sees
_BLANKS = " \t\r\n\v\f\u00a0\u3000\ufeff\u200b"


def shown(values: pd.Series[Any]) -> str:
    """Return a few of the distinct values for a message."""
    return "; ".join(str(v) for v in values.dropna().unique()[:_SHOWN])


# ---------------------------------------------------------------- headings


def name_columns(
    table: pd.DataFrame,
    layer: Schema,
    *,
    columns: Mapping[str, str],
    cut_in: str | None,
    notes: Notes,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Give the columns their canonical names; unknown ones are kept under their own.

    Parameters
    ----------
    columns
        What the user says: canonical name -> heading, or ``"=text"`` for one value in every row.
    cut_in
        Encoding of a file that cuts headings (a shapefile), else None.

    Returns
    -------
    DataFrame
    dict
        Canonical column -> factor to its unit.

    Raises
    ------
    LayerError
        If a required column is missing, or `columns` names one that is not there.
    """
    geometry = table.geometry.name if hasattr(table, "geometry") else None
    headings = [str(c) for c in table.columns if c != geometry]
    stated, constants = _stated(layer, columns, headings)
    taken: dict[str, tuple[str, Match]] = {
        column: (heading, _stated_match(column, heading)) for column, heading in stated.items()
    }
    left = [h for h in headings if h not in stated.values()]
    match_headings(left, layer, set(stated) | set(constants), taken, cut_in, notes)
    named = {heading: column for column, (heading, _) in taken.items()}
    stand_ins = {
        column: other
        for column, other in layer.fallback.items()
        if column not in taken and column not in constants and other in taken
    }
    for column, other in stand_ins.items():
        notes.add("column_stands_in", column=column, heading=taken[other][0])
    _require(layer, {**dict.fromkeys([*constants, *stand_ins], ""), **_headings(taken)}, headings)
    _report(layer, taken, [h for h in headings if h not in named], notes)
    for column in layer.wanted:
        if column not in taken and column not in constants:
            notes.add("column_absent", column=column, tried=", ".join(layer.spelled[column][:4]))
    # an unknown column must not pass for a canonical one
    clash = {
        h: f"{h}.file" for h in headings if h not in named and h in set(taken) | set(constants)
    }
    result = table.rename(columns={**named, **clash})
    if constants:
        result = result.assign(**constants)
    for column, other in stand_ins.items():
        result = result.assign(**{column: result[other]})
    return result, {column: match.factor for column, (_, match) in taken.items()}


def _stated(
    layer: Schema, columns: Mapping[str, str], headings: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    stated, constants = {}, {}
    by_key = {key(h): h for h in reversed(headings)}
    for column, heading in columns.items():
        if not is_known_column(column, layer):
            raise make_error(
                LayerError,
                layer.kind,
                "columns_unknown_name",
                column=column,
                known=", ".join(layer.columns),
            )
        if heading.startswith("="):
            constants[column] = heading[1:]
        elif heading in headings or key(heading) in by_key:
            stated[column] = heading if heading in headings else by_key[key(heading)]
        else:
            near = closest_column(heading, layer, headings)
            raise make_error(
                LayerError,
                layer.kind,
                "columns_unknown_heading",
                heading=heading,
                column=column,
                near_zh=f"是“{near}”吗？" if near else "",
                near_en=f"Did you mean {near!r}? " if near else "",
                headings=", ".join(headings),
            )
    for heading in set(stated.values()):
        twice = [c for c, h in stated.items() if h == heading]
        if len(twice) > 1:
            raise LayerError(
                f"layer {layer.kind!r}: columns= gives {heading!r} to {' and '.join(twice)}",
                mend="Give each column of the file one name; repeat the column in the file if both "
                "are meant.",
                zh=f"图层 {layer.kind}：columns 把“{heading}”同时给了 {'、'.join(twice)}",
                mend_zh="文件的一列只能对应一个列名；两个都要时，请在文件里复制这一列",
            )
    return stated, constants


def _stated_match(column: str, heading: str) -> Match:
    unit, factor = unit_factor(column, heading)
    return Match(column, -2, factor, unit)


def match_headings(
    left: list[str],
    layer: Schema,
    settled: set[str],
    taken: dict[str, tuple[str, Match]],
    cut_in: str | None,
    notes: Notes,
) -> None:
    """Match each heading; the alias that stands first in the table wins, the others are kept."""
    claims = []
    for heading in left:
        match = match_column(heading, layer)
        if match is None and cut_in is not None:
            candidates = [c for c in truncated_matches(heading, layer, cut_in) if c not in settled]
            if len(candidates) > 1:
                notes.add("column_ambiguous", heading=heading, candidates=", ".join(candidates))
            elif candidates:
                match = Match(candidates[0], 999)
        if match is not None and match.column not in settled:
            claims.append((match.rank, heading, match))
    for _, heading, match in sorted(claims, key=lambda c: c[0]):
        if match.column in taken:
            notes.add(
                "column_twice", kept=taken[match.column][0], other=heading, column=match.column
            )
        else:
            taken[match.column] = (heading, match)


def _headings(taken: Mapping[str, tuple[str, Match]]) -> dict[str, str]:
    return {column: heading for column, (heading, _) in taken.items()}


def _require(layer: Schema, have: Mapping[str, str], headings: list[str]) -> None:
    """Refuse a table without a required column; a heading that is taken for another is no help."""
    for column in layer.required:
        if column in have:
            continue
        near = closest_column(column, layer, [h for h in headings if h not in have.values()])
        if near is None and column == layer.id:
            near = have.get("name")  # a name can stand for a lost id
        raise make_error(
            LayerError,
            layer.kind,
            "column_missing",
            column=column,
            tried=", ".join(layer.spelled[column][1:8]) or column,
            headings=", ".join(headings) or "-",
            near_zh=f"是“{near}”吗？" if near else "",
            near_en=f"Is it {near!r}? " if near else "",
            heading=near or "…",
        )


def _report(
    layer: Schema, taken: Mapping[str, tuple[str, Match]], unknown: list[str], notes: Notes
) -> None:
    pairs = [f"{h} = {c}" for c, (h, m) in taken.items() if m.rank >= 0]
    if pairs:
        notes.add("column_taken", pairs=", ".join(pairs))
    for column, (heading, match) in taken.items():
        if match.factor != 1.0:
            notes.add(
                "unit_converted",
                heading=heading,
                unit=match.unit,
                column=column,
                factor=match.factor,
            )
    bare = [(h, own_unit(c)) for c, (h, m) in taken.items() if m.assumed]
    if bare:
        pairs = [f"{heading} = {unit}" for heading, unit in bare]
        notes.add("unit_assumed", pairs=", ".join(pairs), example=bare[0][0])
    if unknown:
        missing = [c for c in layer.columns if c not in taken]
        hints = [(c, near) for c in missing if (near := closest_column(c, layer, unknown))][:3]
        notes.add(
            "column_unknown",
            columns=", ".join(unknown),
            hint_zh="".join(f"；“{n}”是 {c} 吗？" for c, n in hints),
            hint_en="".join(f"; is {n!r} {c}?" for c, n in hints),
        )


# ---------------------------------------------------------------- rows


def _text_of(value: Any) -> str | None:
    """A cell as text: 101.0 is 101, and blanks are null."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip(_BLANKS) or None


def as_text(column: pd.Series[Any]) -> pd.Series[str]:
    """Return a column as text without blanks around it; a cell of blanks is null."""
    if pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        text = column.str.strip(_BLANKS)
        return text.where(text.ne("")).astype("str")
    values = [None if pd.isna(v) else _text_of(v) for v in column.astype(object)]
    return pd.Series(values, index=column.index, name=column.name, dtype="str")


def without_blank_rows(table: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Set aside the rows that hold nothing at all, and list them."""
    blank = np.ones(len(table), dtype=bool)
    for name in table.columns:
        column = table[name]
        if getattr(column, "geom_type", None) is not None:
            empty = (column.isna() | column.is_empty).to_numpy()
        else:
            empty = column.isna().to_numpy()
            if column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
                empty = empty | column.astype("str").str.strip().eq("").fillna(True).to_numpy(
                    dtype=bool
                )
        blank &= empty
        if not blank.any():
            return table
    if len(table.columns) == 0:
        return table
    notes.add("row_blank", blank)
    notes.keep(~blank)
    return table.loc[~blank].reset_index(drop=True)


def name_rows(table: pd.DataFrame, layer: Schema, notes: Notes) -> pd.DataFrame:
    """Make ids text and unique: a missing one becomes ``row-<n>``, a second ``X`` becomes ``X#2``.

    Outfalls get ``duplicate_of``, the id of the first row with the same id.
    """
    if not layer.id:
        return table
    ids = as_text(table[layer.id])
    missing = ids.isna().to_numpy()
    again = ids.duplicated().to_numpy() & ~missing
    copy_of = ids.where(again) if again.any() else _null_column("duplicate_of", table.index)
    names = _renamed(ids, missing, again, notes) if (missing | again).any() else ids
    notes.ids = names
    notes.add("id_missing", missing, column=layer.id)
    notes.add("id_duplicate", again, column=layer.id)
    result = table.assign(**{layer.id: names})
    if "duplicate_of" in layer.columns and "duplicate_of" not in table.columns:
        result["duplicate_of"] = copy_of
    return result


def _renamed(ids: pd.Series[str], missing: Any, again: Any, notes: Notes) -> pd.Series[str]:
    """Give each row without an id, or with one that was there before, a name of its own."""
    names = ids.tolist()
    used = {n for n in names if isinstance(n, str)}
    last: dict[str, int] = {}  # the number that a name's last copy got
    for at in np.flatnonzero(missing | again).tolist():
        name = f"row-{notes.rows[at]}" if missing[at] else names[at]
        if again[at] or name in used:
            number = last.get(name, 1) + 1
            while f"{name}#{number}" in used:
                number += 1
            last[name] = number
            name = f"{name}#{number}"
        names[at] = name
        used.add(name)
    return pd.Series(names, index=ids.index, name=ids.name, dtype="str")


# ---------------------------------------------------------------- cells


def clean_columns(
    table: pd.DataFrame,
    layer: Schema,
    factors: Mapping[str, float],
    notes: Notes,
    values: Mapping[str, Mapping[str, str]] | None = None,
) -> pd.DataFrame:
    """Turn each canonical column into its type, add those the file lacks (null), and order them.

    Codes become those of ``labels.toml``, figures float in the unit of the column's name, dates
    datetime64 without a zone, the rest text. Unknown columns stay as they are, at the end.
    """
    own = _own_codes(layer, values or {})
    result = table.copy(deep=False)
    items = [c for c in table.columns if c not in layer.columns and is_known_column(str(c), layer)]
    for name in [*layer.columns, *items]:
        if name not in table.columns:
            if name not in layer.absent:
                result[name] = _null_column(name, table.index)
        elif is_number(name):
            result = _clean_number(result, name, factors.get(name, 1.0), notes)
        elif is_date(name):
            result[name] = _clean_dates(table[name], notes)
        elif name in layer.coded:
            if layer.coded[name] == "zone_grade":
                continue  # needs the kind, settled below
            result[name] = _clean_codes(table[name], layer.coded[name], notes, own.get(name, {}))
        elif name != layer.id:
            result[name] = as_text(table[name])
    if layer.coded.get("grade") == "zone_grade":
        result = _clean_grades(result, table, notes, own.get("grade", {}))
    for name in layer.required:
        if name != layer.id:
            lacking = "name_blank" if name in ("name", "river") else "required_blank"
            notes.add(lacking, result[name].isna().to_numpy(), column=name)
    if layer.kind == "coverage":
        result["kind"] = result["kind"].fillna("")
    known = [c for c in (*layer.columns, *items) if c in result.columns]
    return result[[*known, *(c for c in result.columns if c not in known)]]


def _null_column(name: str, index: pd.Index[Any]) -> pd.Series[Any]:
    kind = "float" if is_number(name) else "datetime64[us]" if is_date(name) else "str"
    return pd.Series(None, index=index, dtype=kind)


def _clean_number(table: pd.DataFrame, name: str, factor: float, notes: Notes) -> pd.DataFrame:
    column = table[name]
    values, flags = read_number(column, name, factor)
    note_cells(column, flags, name, factor, notes)
    notes.add("number_without_limit", flags.eq("below_unknown"), columns=name)
    beyond = flags.isin(["below", "above"])
    notes.add("number_flagged", beyond, columns=name, values=shown(column[beyond]))
    result = table.assign(**{name: values * factor})
    if not flags.isin(["", "missing"]).all():
        result[f"{name}_flag"] = flags.where(flags.ne("missing"), "")
    return result


def read_number(
    column: pd.Series[Any], name: str, factor: float
) -> tuple[pd.Series[float], pd.Series[str]]:
    """Read figures in the unit of the heading, which `factor` turns into that of the column."""
    if own_unit(name) == "%" and not pd.api.types.is_numeric_dtype(column.dtype):
        percent = column.astype("str").str.strip().str.endswith(("%", "％")).fillna(False)
        values, flags = parse_measurement(column.astype("str").str.strip().str.rstrip("%％"))
        values = values.where(~percent, values / 100)
        return values, flags
    return parse_measurement(column, units=cell_units(name, factor), negative=name == "water_temp")


def note_cells(
    column: pd.Series[Any], flags: pd.Series[str], name: str, factor: float, notes: Notes
) -> None:
    """List the cells of a column of numbers that are none, and those that state another unit."""
    bad = flags.eq("unreadable")
    notes.add("number_unreadable", bad, column=name, values=shown(column[bad]))
    turned = is_converted(column, cell_units(name, factor))
    if turned.any():
        notes.add("cell_converted", turned, column=name, values=shown(column[turned]))


def _clean_dates(column: pd.Series[Any], notes: Notes) -> pd.Series[Any]:
    dates, bad = parse_dates(column, end=column.name == "valid_to")
    notes.add("date_unreadable", bad, column=str(column.name), values=shown(column[bad]))
    return dates


def _own_codes(layer: Schema, values: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Check what the user says of coded values: column -> key of a word -> code.

    Raises
    ------
    LayerError
        If a column holds no codes, or there is no such code.
    """
    own: dict[str, dict[str, str]] = {}
    for column, words in values.items():
        table = layer.coded.get(column)
        if table is None:
            coded = ", ".join(layer.coded) or "-"
            raise make_error(
                LayerError, layer.kind, "values_unknown_column", column=column, known=coded
            )
        for word, meant in words.items():
            code = code_of(meant, table)
            if table == "zone_grade" and meant in known_codes(table):
                code = meant
            if code is None:
                near = closest(meant, table)
                raise make_error(
                    LayerError,
                    layer.kind,
                    "values_unknown_code",
                    column=column,
                    word=word,
                    code=meant,
                    near_zh=f"是“{near}”吗？" if near else "",
                    near_en=f"Did you mean {near!r}? " if near else "",
                    known_zh=words_of(table, "zh"),
                    known_en=words_of(table, "en"),
                )
            own.setdefault(column, {})[key(word)] = code
    return own


def _clean_codes(
    column: pd.Series[Any], table: str, notes: Notes, own: Mapping[str, str]
) -> pd.Series[str]:
    """Replace values by their codes; an unknown one stays and is listed with a suggestion."""
    text = as_text(column)
    places, values = pd.factorize(text, use_na_sentinel=True)
    codes: list[str | None] = []
    unknown = []
    for at, value in enumerate(values.tolist()):
        code = own.get(key(value)) or code_of(value, table)
        if code is None and table == "site_category" and (industry := industry_category(value)):
            code = industry[1]
            _note_industry(str(column.name), value, code, places == at, notes)
        if code is None and table == "zone_kind" and (pair := kind_and_grade_of(value)):
            code = pair[0]
        if code is None and says_none(value, table):
            codes.append(None)
            continue
        if code is None:
            unknown.append(at)
        codes.append(code or value)
    _note_unknown_codes(str(column.name), table, places, values, unknown, notes)
    mapped = pd.array([*codes, None], dtype="str").take(places)
    return pd.Series(mapped, index=text.index, name=text.name)


def _note_industry(column: str, value: str, code: str, mask: Any, notes: Notes) -> None:
    word = category_words(code)
    notes.add(
        "code_of_industry",
        mask,
        column=column,
        value=value,
        code=code,
        word_zh=word["zh"],
        word_en=word["en"],
    )


def _note_unknown_codes(
    column: str, table: str, places: Any, values: Any, unknown: list[int], notes: Notes
) -> None:
    """Note each of the first unknown values, and all others together."""
    for at in unknown[:_UNKNOWN_LISTED]:
        _note_unknown_code(column, str(values[at]), table, places == at, notes)
    if rest := unknown[_UNKNOWN_LISTED:]:
        others = [str(values[at]) for at in rest]
        _note_unknown_code(column, others, table, np.isin(places, rest), notes)


def _note_unknown_code(
    column: str, value: str | list[str], table: str, mask: Any, notes: Notes
) -> None:
    near = closest(value, table) if isinstance(value, str) else None
    notes.add(
        "code_unknown",
        mask,
        column=column,
        value=value,
        hint_zh=f"；是“{near}”吗？" if near else "",
        hint_en=f"; did you mean {near!r}?" if near else "",
        column_key=column,
        known_zh=words_of(table, "zh"),
        known_en=words_of(table, "en"),
    )


def _clean_grades(
    result: pd.DataFrame, table: pd.DataFrame, notes: Notes, own: Mapping[str, str]
) -> pd.DataFrame:
    """Read grades within their kind; a kind such as 禁养区 brings its own."""
    text = as_text(table["grade"]) if "grade" in table.columns else result["grade"]
    stated = as_text(table["kind"])
    # each combination once: a grade means something only within its kind
    cells = pd.DataFrame({"grade": text, "kind": result["kind"], "word": stated})
    places = cells.groupby(list(cells.columns), dropna=False, sort=False).ngroup().to_numpy()
    distinct = cells.loc[~pd.Series(places).duplicated().to_numpy()].astype(object)
    grades: list[str | None] = []
    unknown = []
    for at, (grade, kind, word) in enumerate(distinct.itertuples(index=False)):
        if not isinstance(grade, str):
            implied = (
                kind_and_grade_of(word)
                if isinstance(word, str) and not code_of(word, "zone_kind")
                else None
            )
            grades.append(implied[1] if implied else None)
            continue
        code = own.get(key(grade)) or grade_of(grade, kind)
        if code is None and has_grades(kind):
            unknown.append(at)
        grades.append(code or grade)
    values, said = pd.factorize(distinct["grade"].iloc[unknown])
    merged = np.full(len(distinct), -1)
    merged[unknown] = values
    _note_unknown_codes("grade", "zone_grade", merged[places], said, list(range(len(said))), notes)
    mapped = pd.array(grades, dtype="str").take(places)
    return result.assign(grade=pd.Series(mapped, index=result.index))
