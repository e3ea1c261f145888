"""Which layer of the contract is this table? By its headings, values, shapes and name.

Nothing is decided in silence: every guess carries its reasons and the layers that came next, and a
table without a clear winner is left open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin.errors import BasinError, LayerError
from basin.layers.codes import code_of, grade_of, has_grades, kind_and_grade_of, spellings_of
from basin.layers.columns import match_headings
from basin.layers.content import check_file
from basin.layers.coordinates import parse_degrees
from basin.layers.files import read_source
from basin.layers.problems import Notes
from basin.layers.samples import long_columns
from basin.layers.sandbox import Limits, limits_for, look_in_child
from basin.layers.sources import is_result, layer_names, local_file
from basin.layers.vocabulary import KINDS, Match, Schema, item_ids, key, schema

__all__ = ["Guess", "Peek", "look_into", "recognise"]

Places = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

#: A winner needs this much evidence, and this much more than the next.
_ENOUGH, _CLEAR = 2.0, 0.8
#: Every layer can have these columns: they tell nothing.
_MOST_ITEMS = 3.0
_LONGEST_LIST = 12

_FAMILIES = {"Point": "point", "LineString": "line", "LinearRing": "line", "Polygon": "polygon"}
_WKT_FAMILY = re.compile(r"\s*(?:srid=\d+;)?\s*(?:multi)?(point|linestring|polygon)", re.IGNORECASE)
#: Layers that a name alone may stand for by the kind of thing in them.
_KIND_TABLES = {"zones": "zone_kind", "shorelines": "shoreline_kind"}


@dataclass(frozen=True)
class Peek:
    """A table as it stands in its file, before anything is recognised.

    Attributes
    ----------
    file : Path
    layer : str or None
        Layer or sheet where the file has several.
    title : str
        Name of the layer, sheet or packed file; the file's own where it has no other.
    table : DataFrame or GeoDataFrame
        Headings and cells of the file.
    cut_in : str or None
        Encoding of a file that cuts headings (a shapefile).
    families : tuple of str
        Among ``point``, ``line``, ``polygon``; empty for a table without a geometry or coordinates.
    places : tuple of ndarray or None
        First and second numbers of the places, or of the corners of the shapes; None without any.
    has_crs : bool
        True where the file states its coordinate system.
    encoding : str
        As recognised; "" where the format leaves no choice.
    """

    file: Path
    layer: str | None
    title: str
    table: Any = field(repr=False)
    cut_in: str | None
    families: tuple[str, ...]
    places: Places | None = field(repr=False)
    has_crs: bool
    encoding: str = ""

    @property
    def headings(self) -> list[str]:
        """The headings of the file, without the geometry."""
        shapes = self.table.geometry.name if isinstance(self.table, gpd.GeoDataFrame) else None
        return [str(c) for c in self.table.columns if c != shapes]


@dataclass(frozen=True)
class Guess:
    """What a table is taken for.

    Attributes
    ----------
    peek : Peek
    kind : str or None
        The layer; None where none, or more than one, would fit.
    columns : dict
        Canonical column -> heading, or ``"=text"`` for one value in every row.
    assumed : dict
        Canonical column -> heading, where the heading states no unit and the column's own is taken.
    numbered : bool
        True where no column holds the id and rows are numbered.
    missing : tuple of str
        Required columns that no heading stands for.
    scores : dict
        Layer -> evidence, the best first; those without any are left out.
    """

    peek: Peek
    kind: str | None
    columns: Mapping[str, str] = field(default_factory=dict)
    assumed: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = False
    missing: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


# ---------------------------------------------------------------- looking into a file


@cache
def _any_schema() -> Schema:
    """All layers in one, to find the heading of a text table of an unknown kind."""
    aliases: dict[str, tuple[str, int]] = {}
    spelled: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        for name, claim in schema(kind).aliases.items():
            aliases.setdefault(name, claim)
        spelled |= schema(kind).spelled
    return replace(
        schema("samples"), kind="any", required=(), names=(), aliases=aliases, spelled=spelled
    )


def look_into(
    file: Path, *, sandbox: bool | Limits | None = None
) -> tuple[list[Peek], list[BasinError]]:
    """Open every layer or sheet of a file; return what could be read, and why the rest could not.

    A file of an earlier run's answers has nothing to recognise. In a child process if `sandbox`
    says so; None does so for what is zipped.

    Raises
    ------
    LayerError
        If the file as a whole cannot be read.
    """
    limits = limits_for(file, sandbox)
    if limits is not None:
        check_file(local_file(file))
        told, failed = look_in_child(file, limits)
        return [_peeked(file, table, **one) for one, table in told], failed
    names = layer_names(file, sandbox=False)
    if is_result(file, sandbox=False):
        return [], []
    found: list[Peek] = []
    failed = []
    for name in names:
        try:
            found.append(_peek(file, name, name if len(names) > 1 else None))
        except LayerError as error:
            failed.append(error)
    return found, failed


def _peek(file: Path, title: str, layer: str | None) -> Peek:
    raw = read_source(file, _any_schema(), Notes("any"), layer=layer)
    return _peeked(
        file, raw.table, title=title, layer=layer, cut_in=raw.cut_in, encoding=raw.encoding
    )


def _peeked(
    file: Path, table: Any, *, title: str, layer: str | None, cut_in: str | None, encoding: str
) -> Peek:
    families, places = _shapes_of(table, cut_in)
    return Peek(
        file=file,
        layer=layer,
        title=title,
        table=table,
        cut_in=cut_in,
        families=families,
        places=places,
        has_crs=getattr(table, "crs", None) is not None,
        encoding=encoding,
    )


def _shapes_of(table: Any, cut_in: str | None) -> tuple[tuple[str, ...], Places | None]:
    if isinstance(table, gpd.GeoDataFrame):
        types = table.geometry.geom_type.dropna().str.removeprefix("Multi").unique()
        families = tuple(dict.fromkeys(_FAMILIES.get(t, "collection") for t in types))
        return families, _corners(np.asarray(table.geometry.array, dtype=object))
    taken = _matches(_any_schema(), [str(c) for c in table.columns], cut_in)
    if "geometry_wkt" in taken:
        text = table[taken["geometry_wkt"][0]].dropna().astype(str)
        words = [m[1].casefold() for t in text if (m := _WKT_FAMILY.match(t))]
        named = {"point": "point", "linestring": "line", "polygon": "polygon"}
        shapes = shapely.from_wkt(text.to_numpy(dtype=object), on_invalid="ignore")
        return tuple(dict.fromkeys(named[w] for w in words)), _corners(shapes)
    if {"lon", "lat"} <= taken.keys():
        x, y = (parse_degrees(table[taken[c][0]]).to_numpy() for c in ("lon", "lat"))
        return ("point",), _finite(x, y)
    return (("point",) if "lonlat" in taken else ()), None


def _corners(shapes: Any) -> Places | None:
    box = shapely.bounds(shapes)
    return _finite(box[:, [0, 2]].ravel(), box[:, [1, 3]].ravel())


def _finite(x: Any, y: Any) -> Places | None:
    both = np.isfinite(x) & np.isfinite(y)
    return (x[both], y[both]) if both.any() else None


# ---------------------------------------------------------------- which layer?


def _matches(
    layer: Schema, headings: list[str], cut_in: str | None
) -> dict[str, tuple[str, Match]]:
    taken: dict[str, tuple[str, Match]] = {}
    match_headings(headings, layer, set(), taken, cut_in, Notes(layer.kind))
    return taken


def recognise(found: Peek) -> Guess:
    """Tell which layer a table is, and what its columns stand for.

    Evidence is added up: headings that only this layer knows, values that its coded columns know,
    the words of the file's and the layer's name; required columns that are missing count against
    it. The shapes must be those that the layer holds.
    """
    taken = {kind: _matches(schema(kind), found.headings, found.cut_in) for kind in KINDS}
    long = long_columns(found.table, schema("samples"))
    fitting = [kind for kind in KINDS if _may_be(kind, found, taken[kind], long)]
    claims: dict[str, int] = {}
    for kind in fitting:
        for heading, _ in taken[kind].values():
            claims[heading] = claims.get(heading, 0) + 1
    named = _named(found)
    scores = {
        kind: named.get(kind, 0.0)
        + _of_headings(schema(kind), taken[kind], claims, len(fitting))
        + (_MOST_ITEMS if long and kind == "samples" else 0.0)
        + _of_values(schema(kind), taken[kind], found.table)
        - _of_missing(schema(kind), taken[kind], found)
        for kind in fitting
    }
    ranked = dict(
        sorted(((k, round(s, 2)) for k, s in scores.items() if s > 0), key=lambda p: -p[1])
    )
    best = next(iter(ranked), None)
    second = list(ranked.values())[1] if len(ranked) > 1 else 0.0
    if best is None or ranked[best] < _ENOUGH or ranked[best] - second < _CLEAR:
        return Guess(found, None, scores=ranked)
    return _settled(found, best, taken[best], ranked, long if best == "samples" else {})


def _may_be(kind: str, found: Peek, taken: Mapping[str, Any], long: Mapping[str, str]) -> bool:
    layer = schema(kind)
    if kind == "samples":
        items = [c for c in taken if c in item_ids()]
        return (
            set(found.families) <= {"point"}
            and {"section_id", "date"} <= set(taken)
            and bool(items or long)
        )
    return bool(found.families) and set(found.families) <= set(layer.geometry)


def _of_headings(
    layer: Schema, taken: Mapping[str, tuple[str, Match]], claims: Mapping[str, int], rivals: int
) -> float:
    """A heading that one layer claims is worth 1, one that all claim nothing."""
    total = items = 0.0
    for column, (heading, _) in taken.items():
        worth = 1.0 if rivals == 1 else (rivals - claims[heading]) / (rivals - 1)
        if column in layer.columns:
            total += worth * (2.0 if column in layer.required else 1.0)
        elif column not in ("lon", "lat", "lonlat", "geometry_wkt"):
            items += 0.5
    return total + min(items, _MOST_ITEMS)


def _of_values(layer: Schema, taken: Mapping[str, tuple[str, Match]], table: Any) -> float:
    """Coded columns speak for a layer by the share of their values that it knows."""
    total = 0.0
    for column, codes in layer.coded.items():
        if column not in taken or codes == "zone_grade":
            continue
        values = _values(table[taken[column][0]])
        if values:
            known = sum(_is_code(v, codes) for v in values) / len(values)
            total += 3.0 * known - 1.5
    return total


def _is_code(value: str, codes: str) -> bool:
    return code_of(value, codes) is not None or (
        codes == "zone_kind" and kind_and_grade_of(value) is not None
    )


def _values(column: pd.Series[Any]) -> list[str]:
    return [v for v in column.dropna().astype(str).str.strip().unique().tolist() if v]


def _of_missing(layer: Schema, taken: Mapping[str, Any], found: Peek) -> float:
    missing = [c for c in layer.required if c not in taken]
    constants = _constants(layer.kind, found)
    return sum(0.5 if c == layer.id else 0.0 if c in constants else 2.5 for c in missing)


# ---------------------------------------------------------------- names of files and layers


def _words(found: Peek) -> Iterator[tuple[str, float]]:
    """The names that may tell, and how much they weigh: the layer's, the file's, its folder's."""
    yield found.title, 1.0
    yield found.file.stem, 0.9
    yield found.file.parent.name, 0.3


def _named(found: Peek) -> dict[str, float]:
    """Layer -> how well its names stand in the name of the file; the longest name weighs most."""
    lengths: dict[str, tuple[float, int]] = {}
    for text, weight in _words(found):
        whole = key(text)
        for kind in KINDS:
            size = max(
                (_length(key(n)) for n in _all_names(kind) if _within(key(n), whole)), default=0
            )
            exact = any(key(n) == whole for n in schema(kind).names)
            worth = weight * (4.0 if exact else 0.0 if not size else 2.0 + 0.25 * min(size, 6))
            if worth > lengths.get(kind, (0.0, 0))[0]:
                lengths[kind] = (worth, size)
    longest = max((size for _, size in lengths.values()), default=0)
    # a longer name that holds the shorter one says more: 河道管理范围线 is no 河道
    return {k: w if size == longest else w / 2 for k, (w, size) in lengths.items()}


def _all_names(kind: str) -> tuple[str, ...]:
    return (*schema(kind).names, *(word for word, _ in _kind_words(kind)))


@cache
def _kind_words(kind: str) -> tuple[tuple[str, str], ...]:
    """Words that name a kind of thing in a layer, with its code: 禁养区 is a livestock zone."""
    table = _KIND_TABLES.get(kind)
    if table is None:
        return ()
    words = [(w, code) for code, spelled in spellings_of(table).items() for w in spelled]
    if kind == "zones":
        for spelled in spellings_of("zone_grade").values():
            words += [
                (w, both[0]) for w in spelled if len(w) > 2 and (both := kind_and_grade_of(w))
            ]
    return tuple(words)


def _within(word: str, whole: str) -> bool:
    return _length(word) >= 2 and word in whole


def _length(word: str) -> int:
    """Chinese characters say as much as two or three letters."""
    return len(word) // 2 if word.isascii() else len(word)


def _constants(kind: str, found: Peek) -> dict[str, str]:
    """What the name of a file says of all its rows: 生态保护红线.shp holds red lines."""
    for text in (found.title, found.file.stem):
        whole = key(text)
        fitting = [
            (_length(key(w)), code) for w, code in _kind_words(kind) if _within(key(w), whole)
        ]
        if fitting:
            return {"kind": max(fitting)[1], **_grade(kind, max(fitting)[1], whole)}
    return {}


def _grade(kind: str, code: str, whole: str) -> dict[str, str]:
    if kind != "zones" or not has_grades(code):
        return {}
    words = [key(w) for spelled in spellings_of("zone_grade").values() for w in spelled]
    fitting = [(len(w), grade_of(w, code)) for w in words if len(w) >= 2 and w in whole]
    named = [(size, grade) for size, grade in fitting if grade is not None]
    return {"grade": str(max(named)[1])} if named else {}


# ---------------------------------------------------------------- columns


def _settled(
    found: Peek,
    kind: str,
    taken: dict[str, tuple[str, Match]],
    scores: Mapping[str, float],
    long: Mapping[str, str],
) -> Guess:
    layer = schema(kind)
    columns = {column: heading for column, (heading, _) in taken.items()} | dict(long)
    constants = _constants(kind, found)
    if kind == "zones":
        columns = _zone_columns(found, columns, constants)
    for column in ("kind",):
        if column in layer.columns and column not in columns and column in constants:
            columns[column] = f"={constants[column]}"
    numbered = bool(layer.id) and layer.id not in columns
    if numbered:
        columns[layer.id] = "="
    return Guess(
        peek=found,
        kind=kind,
        columns=columns,
        assumed={c: h for c, (h, m) in taken.items() if m.assumed},
        numbered=numbered,
        missing=tuple(c for c in layer.required if c not in columns),
        scores=scores,
    )


def _zone_columns(
    found: Peek, columns: dict[str, str], constants: Mapping[str, str]
) -> dict[str, str]:
    """A file of one kind of zone: its 类型 column often holds the grade, or nothing known."""
    if "kind" in columns and "kind" in constants:
        values = _values(found.table[columns["kind"]])
        known = [v for v in values if _is_code(v, "zone_kind")]
        if values and len(known) < len(values) / 2:
            heading = columns.pop("kind")
            graded = [v for v in values if grade_of(v, constants["kind"])]
            if "grade" not in columns and len(graded) > len(values) / 2:
                columns["grade"] = heading
    if "grade" not in columns and "grade" in constants and "kind" not in columns:
        columns["grade"] = f"={constants['grade']}"
    return columns
