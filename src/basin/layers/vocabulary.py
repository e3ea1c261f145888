"""What columns and coded values are called: the table ``standards/aliases.toml``, ready to look up.

Names are compared by their *key*: full-width forms made plain, lower case, and only letters, digits
and Chinese characters kept, so that ``NH3-N``, ``nh3_n`` and ``ＮＨ３－Ｎ`` are one name.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from basin.errors import LayerError

__all__ = [
    "KINDS",
    "Match",
    "Schema",
    "alias_table",
    "cell_units",
    "closest_column",
    "is_date",
    "is_known_column",
    "is_number",
    "item_ids",
    "item_of",
    "key",
    "long_headings",
    "match_column",
    "own_unit",
    "plausible_range",
    "schema",
    "truncated_matches",
    "unit_factor",
    "unit_of",
]

#: A shapefile keeps this many bytes of a field name.
SHAPEFILE_NAME_BYTES = 10

_BRACKETS = re.compile(r"[(\[【〔{]([^()\[\]【】〔〕{}]*)[)\]】〕}]")
_ITEM_COLUMN = re.compile(r"(load|conc)_(\w+?)_(kg_d|mg_l)")
_DATES = frozenset(
    {"valid_from", "valid_to", "date", "closed_on", "sampled_on"}
    | {"surveyed_on", "traced_on", "rectified_on"}
)

# The unit that a canonical name ends in; the longest ending decides (m3_s before s).
_ENDINGS = ("kg_d", "mg_l", "m3_d", "m3_s", "m_s", "m3", "m", "min")
_RATIOS = frozenset({"load_rel_sd"})
# Quantities whose usual units differ by orders of magnitude: a heading without one is reported.
_COSTLY = frozenset({"kg_d", "m3_d", "m3"})

_UNIT_WORDS = (
    ("立方米", "m3"),
    ("方", "m3"),
    ("毫克", "mg"),
    ("微克", "ug"),
    ("千克", "kg"),
    ("公斤", "kg"),
    ("克", "g"),
    ("吨", "t"),
    ("毫升", "ml"),
    ("公里", "km"),
    ("千米", "km"),
    ("厘米", "cm"),
    ("米", "m"),
    ("升", "l"),
    ("小时", "h"),
    ("分钟", "min"),
    ("天", "d"),
    ("日", "d"),
    ("年", "a"),
    ("秒", "s"),
    ("时", "h"),
    ("μ", "u"),
    ("每", "/"),
)


@cache
def alias_table() -> dict[str, Any]:
    """Return ``standards/aliases.toml``."""
    text = files("basin.standards").joinpath("aliases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


#: The layers that `basin` knows, in the order of the table.
KINDS: tuple[str, ...] = tuple(alias_table()["layer"])


def key(text: Any) -> str:
    """Return the form under which a name is compared.

    Examples
    --------
    >>> key("ＮＨ３－Ｎ"), key("总磷 (以P计)"), key("section_id")
    ('nh3n', '总磷以p计', 'sectionid')
    """
    plain = unicodedata.normalize("NFKC", str(text)).casefold()
    return "".join(c for c in plain if c.isalnum())


@dataclass(frozen=True)
class Schema:
    """What a layer should look like.

    Attributes
    ----------
    kind : str
    geometry : tuple of str
        Among ``point``, ``line``, ``polygon``; empty for a table.
    id : str
        The column that names a row; "" where there is none.
    required, columns : tuple of str
    wanted : tuple of str
        Columns without which answers are weaker: their absence is listed.
    absent : tuple of str
        Columns that are not added where the file has none.
    coded : dict
        Coded column -> table of codes.
    fallback : dict
        Required column -> the column that stands in where the file has none for it.
    items : str
        ``"value"`` for samples, ``"load"`` for outfalls, "" otherwise.
    aliases : dict
        Key of a name -> (canonical column, rank; the canonical name itself has rank -1).
    """

    kind: str
    geometry: tuple[str, ...]
    id: str
    required: tuple[str, ...]
    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    absent: tuple[str, ...]
    coded: dict[str, str]
    items: str
    names: tuple[str, ...]
    fallback: dict[str, str]
    aliases: dict[str, tuple[str, int]] = field(repr=False)
    spelled: dict[str, tuple[str, ...]] = field(repr=False)


@cache
def schema(kind: str) -> Schema:
    """Return the schema of a layer.

    Raises
    ------
    LayerError
        If there is no layer of this kind.
    """
    layers = alias_table()["layer"]
    if kind not in layers:
        raise LayerError(
            f"there is no layer kind {kind!r}",
            mend=_did_you_mean(kind, layers) or f"Known: {', '.join(layers)}.",
            zh=f"没有“{kind}”这种图层",
            mend_zh=f"可用的有：{'、'.join(layers)}",
        )
    entry = layers[kind]
    shared: dict[str, list[str]] = alias_table()["aliases"]
    own: dict[str, list[str]] = entry.get("aliases", {})
    columns = tuple(entry["columns"])
    places = ("lon", "lat", "lonlat", "geometry_wkt") if entry["geometry"] else ()
    known = (*columns, *places)
    spelled = {c: (c, *own.get(c, ()), *shared.get(c, ())) for c in known}
    aliases: dict[str, tuple[str, int]] = {}
    # a layer's own words come before the shared ones, and a canonical name before any alias
    for source in ({c: (c,) for c in known}, own, shared):
        for column in known:
            for alias in source.get(column, ()):
                rank = -1 if alias == column else spelled[column].index(alias)
                aliases.setdefault(key(alias), (column, rank))
    return Schema(
        kind=kind,
        geometry=tuple(entry["geometry"]),
        id=entry.get("id", ""),
        required=tuple(entry["required"]),
        columns=columns,
        wanted=tuple(entry.get("wanted", ())),
        absent=tuple(entry.get("absent", ())),
        coded=dict(entry.get("coded", {})),
        items=entry.get("items", ""),
        names=(kind, *entry["names"]),
        fallback=dict(entry.get("fallback", {})),
        aliases=aliases,
        spelled=spelled,
    )


def is_date(column: str) -> bool:
    """Tell whether a canonical column holds dates."""
    return column in _DATES


def is_number(column: str) -> bool:
    """Tell whether a canonical column holds numbers: its name ends in a unit."""
    return _dimension(column) is not None


def unit_factor(column: str, heading: str) -> tuple[str, float]:
    """Return the unit that a heading states for a column, and the factor to the column's own.

    ("", 1) where it states none, or none that fits.
    """
    unit = _split_unit(heading)[1]
    factor = alias_table()["units"].get(_dimension(column) or "", {}).get(unit)
    return (unit, factor) if factor is not None else ("", 1.0)


def cell_units(column: str, factor: float = 1.0) -> dict[str, float]:
    """Return the units that a cell of a column may state -> factor to the unit of its heading.

    Examples
    --------
    >>> cell_units("tp")["ug/l"], cell_units("hg", 0.001)["mg/l"]
    (0.001, 1000.0)
    """
    table: dict[str, float] = alias_table()["units"].get(_dimension(column) or "", {})
    return {unit: own / factor for unit, own in table.items()}


def own_unit(column: str) -> str:
    """Return the unit that a canonical column is in, such as ``kg/d``; "" for none."""
    dimension = _dimension(column)
    return next(iter(alias_table()["units"][dimension]), "") if dimension else ""


def is_known_column(column: str, layer: Schema) -> bool:
    """Tell whether a name is a canonical column of a layer (places and items included)."""
    item = _ITEM_COLUMN.fullmatch(column)
    return (
        column in layer.spelled
        or (layer.items == "value" and column in alias_table()["items"])
        or (layer.items == "load" and item is not None and item[2] in alias_table()["items"])
    )


def item_ids() -> tuple[str, ...]:
    """Return the item ids (those of ``gb3838.csv``)."""
    return tuple(alias_table()["items"])


def item_of(text: Any) -> str | None:
    """Return the item that a text names, with or without idle words; None for none.

    Examples
    --------
    >>> item_of("总磷(以P计)"), item_of("NH3-N"), item_of("电导率")
    ('tp', 'nh3n', None)
    """
    base, _, others = _split_unit(str(text))
    for words in (base + "".join(others), base):
        item, quantity = _item_and_quantity(key(words))
        if item and quantity != "load":
            return item
    return None


def long_headings(column: str) -> list[str]:
    """Return the keys of headings of ``item``, ``value`` or ``unit``, where a row is one value."""
    return [key(w) for w in (column, *alias_table()["long"][column])]


def plausible_range(item: str) -> tuple[float, float] | None:
    """Return between what a value of an item can be, where that is no multiple of a limit."""
    low_high = alias_table()["plausible"].get(item)
    return (float(low_high[0]), float(low_high[1])) if low_high else None


def _dimension(column: str) -> str | None:
    item = _items().get(key(column))
    if item == column:
        return _item_dimension(column)
    if column in _RATIOS:
        return "ratio"
    return next((e for e in _ENDINGS if column.endswith("_" + e)), None)


def _item_dimension(item: str) -> str:
    return {"water_temp": "degc", "ph": "", "fecal_coliform": "per_l"}.get(item, "mg_l")


@cache
def _items() -> dict[str, str]:
    """Key of a name -> item id."""
    return {
        key(alias): item
        for item, names in alias_table()["items"].items()
        for alias in (item, *names)
    }


@cache
def _quantities() -> tuple[tuple[str, str], ...]:
    words = [(key(w), q) for q, names in alias_table()["quantities"].items() for w in names]
    return tuple(sorted(words, key=lambda pair: -len(pair[0])))


@cache
def _ignored() -> tuple[str, ...]:
    return tuple(sorted((key(w) for w in alias_table()["ignored"]["words"]), key=len, reverse=True))


def _unit_text(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    for word, sign in _UNIT_WORDS:
        plain = plain.replace(word, sign)
    plain = re.sub(r"[·.\s*]([a-z]+)-1$", r"/\1", plain)  # mg·L-1
    plain = re.sub(r"[\s·.^*'\"]", "", plain).replace("\\", "/").replace("_per_", "/")
    plain = re.sub(r"(?<=[a-z0-9])_(?=[a-z])", "/", plain).strip("_-/,:")
    return plain


@cache
def _units() -> frozenset[str]:
    return frozenset(u for table in alias_table()["units"].values() for u in table)


def unit_of(text: str) -> str:
    """Return the unit that a text spells, in the spelling of the table, or "" for none.

    Examples
    --------
    >>> unit_of("毫克/升"), unit_of("kg_d"), unit_of("m³/s"), unit_of("吨/年"), unit_of("名称")
    ('mg/l', 'kg/d', 'm3/s', 't/a', '')
    """
    plain = _unit_text(text)
    return plain if plain in _units() else ""


def _split_unit(heading: str) -> tuple[str, str, list[str]]:
    """Part a heading into its words, its unit ("" for none), and other bracketed words."""
    plain = unicodedata.normalize("NFKC", heading).strip()
    unit, others = "", []
    for inside in _BRACKETS.findall(plain):
        if not unit and unit_of(inside):
            unit = unit_of(inside)
        else:
            others.append(inside)
    base = _BRACKETS.sub("", plain).strip()
    if not unit:
        base, unit = _trailing_unit(base)
    return base, unit, others


def _trailing_unit(base: str) -> tuple[str, str]:
    """Cut a unit from the end: a compound one (mg/L) anywhere, a simple one (m) after a break."""
    for start in range(1, len(base)):
        unit = unit_of(base[start:])
        if not unit:
            continue
        broken = base[start - 1] in " _-/,:" or base[start] in " _-/,:"
        script_changes = not base[start - 1].isascii() and base[start].isascii()
        if "/" in unit or broken or script_changes:
            return base[:start].rstrip(" _-/,:"), unit
    return base, ""


@dataclass(frozen=True)
class Match:
    """What a heading was taken for.

    Attributes
    ----------
    column : str
        Canonical column.
    rank : int
        Place of the alias in the table; the lowest wins where two headings claim one column.
    factor : float
        Turns the figures into the unit of `column`.
    unit : str
        The unit that the heading states; "" where it states none.
    assumed : bool
        True for a load or a flow by an alias that states no unit: the column's own is then assumed
        and reported.
    """

    column: str
    rank: int = 0
    factor: float = 1.0
    unit: str = ""
    assumed: bool = False


def match_column(heading: str, layer: Schema) -> Match | None:
    """Find the canonical column that a heading stands for; None where it stands for none.

    Examples
    --------
    >>> match_column("断面名称", schema("sections")).column
    'name'
    >>> match_column("总磷负荷(g/s)", schema("outfalls"))
    Match(column='load_tp_kg_d', rank=1, factor=86.4, unit='g/s', assumed=False)
    >>> match_column("汞(μg/L)", schema("samples")).factor
    0.001
    """
    whole = layer.aliases.get(key(heading))
    if whole:
        return _with_unit(whole, "")
    base, unit, others = _split_unit(heading)
    for words in (base + "".join(others), base):
        found = layer.aliases.get(key(words))
        if found:
            return _with_unit(found, unit)
    if layer.items:
        return _match_item(heading, base, unit, others, layer.items)
    return None


def _with_unit(found: tuple[str, int], unit: str) -> Match | None:
    column, rank = found
    dimension = _dimension(column)
    if not unit:
        return Match(column, rank, assumed=rank >= 0 and dimension in _COSTLY)
    factors = alias_table()["units"].get(dimension, {}) if dimension else {}
    if dimension is None or unit not in factors:
        return None  # a name with a unit that does not fit is another thing
    return Match(column, rank, factors[unit], unit)


def _match_item(heading: str, base: str, unit: str, others: list[str], use: str) -> Match | None:
    exact = _ITEM_COLUMN.fullmatch(heading.strip().casefold())
    if use == "load" and exact and exact[2] in alias_table()["items"]:
        return Match(exact[0], -1)
    if use == "value" and heading in alias_table()["items"]:
        return Match(heading, -1)
    for words in (base + "".join(others), base):
        item, quantity = _item_and_quantity(key(words))
        if item and use == "value" and quantity != "load":
            factor = _factor(_item_dimension(item), unit)
            return None if factor is None else Match(item, 1, factor, unit)
        if item and use == "load":
            return _load_or_concentration(item, quantity, unit)
    return None


def _item_and_quantity(words: str) -> tuple[str | None, str]:
    """Take quantity words (负荷, 浓度) and idle words (以P计) off until an item is left."""
    quantity = ""
    for _ in range(4):
        if words in _items():
            return _items()[words], quantity
        for word, meaning in (*_quantities(), *((w, "") for w in _ignored())):
            if word and len(word) < len(words):
                if words.endswith(word):
                    words, quantity = words[: -len(word)], quantity or meaning
                    break
                if words.startswith(word):
                    words, quantity = words[len(word) :], quantity or meaning
                    break
        else:
            return None, quantity
    return None, quantity


def _factor(dimension: str, unit: str) -> float | None:
    if not unit:
        return 1.0
    factor: float | None = alias_table()["units"].get(dimension, {}).get(unit)
    return factor


def _load_or_concentration(item: str, quantity: str, unit: str) -> Match | None:
    for meaning, ending in (("load", "kg_d"), ("conc", "mg_l")):
        factor = _factor(ending, unit)
        # the unit decides; without one the word does; a bare 总磷 could be either: not taken
        if factor is not None and (unit or quantity == meaning) and quantity in ("", meaning):
            bare = meaning == "load" and not unit
            return Match(f"{meaning}_{item}_{ending}", 1, factor, unit, assumed=bare)
    return None


def truncated_matches(heading: str, layer: Schema, encoding: str) -> tuple[str, ...]:
    """Return the canonical columns whose name or alias a shapefile would have cut to `heading`.

    Examples
    --------
    >>> truncated_matches("velocity_m", schema("rivers"), "utf-8")
    ('velocity_m_s',)
    """
    raw = heading.encode(encoding, "ignore")
    if len(raw) < SHAPEFILE_NAME_BYTES - 3:  # a character cut in half leaves up to three bytes
        return ()
    names = {c: list(s) for c, s in layer.spelled.items()}
    if layer.items == "load":
        for item in alias_table()["items"]:
            names[f"load_{item}_kg_d"] = [f"load_{item}_kg_d"]
            names[f"conc_{item}_mg_l"] = [f"conc_{item}_mg_l"]
    elif layer.items == "value":
        names |= {item: [item, *aliases] for item, aliases in alias_table()["items"].items()}
    found = [
        column
        for column, spellings in names.items()
        if any(_cut(s, encoding) == heading.casefold() for s in spellings)
    ]
    return tuple(dict.fromkeys(found))


def _cut(name: str, encoding: str) -> str:
    raw = name.encode(encoding, "ignore")
    if len(raw) <= SHAPEFILE_NAME_BYTES:
        return "\0"
    return raw[:SHAPEFILE_NAME_BYTES].decode(encoding, "ignore").casefold()


def closest_column(wanted: str, layer: Schema, found: Iterable[str]) -> str | None:
    """Return the heading among `found` that is most like any spelling of a column, or None."""
    headings = {key(f): f for f in found}
    best: tuple[float, str] | None = None
    for spelling in layer.spelled.get(wanted, (wanted,)):
        for near in difflib.get_close_matches(key(spelling), list(headings), n=1, cutoff=0.5):
            score = difflib.SequenceMatcher(None, key(spelling), near).ratio()
            if best is None or score > best[0]:
                best = (score, headings[near])
    return best[1] if best else None


def _did_you_mean(value: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(value, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
