"""The words and colours of codes, from one table (``labels.toml``)."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["codes", "colour", "item_code", "label", "tables"]


@cache
def _table() -> dict[str, dict[str, dict[str, str]]]:
    text = files("basin.standards").joinpath("labels.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def codes(kind: str) -> tuple[str, ...]:
    """Return the codes of a kind in the order of the table (verdicts: strictest first).

    Examples
    --------
    >>> codes("section_level")
    ('national', 'provincial', 'municipal', 'district')
    """
    return tuple(_table()[kind])


def tables() -> tuple[str, ...]:
    """Return the kinds of codes that have words."""
    return tuple(_table())


def label(kind: str, code: Any, lang: str = "zh") -> str:
    """Return the word for a code; an unknown code stands for itself.

    Examples
    --------
    >>> label("verdict", "borderline"), label("verdict", "borderline", "en")
    ('贴线待核', 'borderline')
    """
    entry = _table()[kind].get(str(code))
    return entry[lang] if entry else str(code)


def colour(kind: str, code: Any, default: str = "#757575") -> str:
    """Return the colour (``#rrggbb``) of a code, or `default` where the table has none.

    Examples
    --------
    >>> colour("water_class", "inferior")
    '#c62828'
    """
    entry = _table()[kind].get(str(code), {})
    return entry.get("colour", default)


def item_code(word: str) -> str:
    """Return the item id for an id, a name in any language, or a symbol; else the word itself.

    Examples
    --------
    >>> item_code("总磷"), item_code("TP"), item_code("NH3-N"), item_code("tp")
    ('tp', 'tp', 'nh3n', 'tp')
    """
    plain = word.strip().casefold().replace("-", "").replace("_", "")
    for code, entry in _table()["item"].items():
        names = (code, *(v for k, v in entry.items() if k != "colour"))
        if plain in {n.casefold().replace("-", "").replace("_", "") for n in names}:
            return code
    return word
