"""River names: when two spellings mean the same river."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from basin._network.arrays import Ints
from basin.standards.rivers import river_law

__all__ = ["SEPARATORS", "name_codes", "name_matches", "name_stems", "plain_name"]

#: What stands between the names of one river in a record.
SEPARATORS = re.compile(r"[()（）/、,，;；|\[\]【】]")

#: A stretch of a river, not part of its name.
_STRETCH = re.compile(r"(干流|上游|中游|下游)$|\s+river$", re.IGNORECASE)

_WATER = "河江溪水沟港涌川渠"


def _stem(name: str) -> str:
    """Leave out the last word for water, if two characters remain: 綦江河 -> 綦江, 蒲河 -> 蒲河."""
    name = re.sub(r"\s+", " ", name).strip().casefold()
    return name[:-1] if len(name) > 2 and name[-1] in _WATER else name


def name_stems(name: Any) -> tuple[str, ...]:
    """Return the names in a record, the main one first, aliases after it; none for no name.

    Examples
    --------
    >>> name_stems("綦江河（松坎河）"), name_stems("蒲河"), name_stems(None)
    (('綦江', '松坎'), ('蒲河',), ())
    """
    if name is None or (isinstance(name, float) and np.isnan(name)) or name is pd.NA:
        return ()
    stems = (_stem(part) for part in SEPARATORS.split(str(name)))
    return tuple(dict.fromkeys(s for s in stems if s))


def name_matches(record: Any, river: Any) -> bool:
    """Say whether a name in a record means the river of that name.

    Any alias of the one equals any alias of the other, or holds it (two characters at least), as
    in "綦江干流" and "綦江河".

    Examples
    --------
    >>> name_matches("綦江（干流）", "綦江河"), name_matches("蒲河", "綦江河")
    (True, False)
    """
    for a in name_stems(record):
        for b in name_stems(river):
            short, long = sorted((a, b), key=len)
            if a == b or (len(short) >= 2 and long.startswith(short)):
                return True
    return False


def plain_name(name: Any) -> str:
    """Return the main name of a record without the word for a stretch.

    Examples
    --------
    >>> plain_name("长江干流（重庆）"), plain_name("Jinsha River"), plain_name("")
    ('长江', 'Jinsha', '')
    """
    if name is None or pd.isna(name):
        return ""
    alias = next((part.strip() for part in SEPARATORS.split(str(name)) if part.strip()), "")
    return _STRETCH.sub("", alias).strip() or alias


@cache
def _main_stem() -> frozenset[str]:
    stem = river_law()["main_stem"]
    return frozenset(plain_name(n).casefold() for n in (*stem["names"], *stem["names_en"]))


def _river(name: Any) -> tuple[str, ...]:
    """Return what a river is known by; all names of the Yangtze's main stem are one."""
    if plain_name(name).casefold() in _main_stem():
        return ("长江",)
    return name_stems(name)[:1]


def name_codes(names: pd.Series) -> Ints:
    """Number the main names; the same river has the same number, no name has -1.

    The main stem of the Yangtze is one river under all its names (金沙江, 长江, ...).
    """
    codes, different = pd.factorize(names)
    stems = [_river(n) for n in different]
    known = {s: k for k, s in enumerate(sorted({s for s in stems if s}))}
    table = np.array([known.get(s, -1) for s in stems] + [-1], dtype=np.intp)
    return table[codes]
