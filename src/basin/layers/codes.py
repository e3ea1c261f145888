"""What coded values are called: the words of a code, and the code of a word.

The tables are ``[coded]``, ``[zone_grade]`` and ``[industry_codes]`` of ``standards/aliases.toml``,
``standards/categories.toml``, and the words that `basin` itself writes (``standards/labels.toml``):
what it writes it reads back. Words are compared by their `key`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any

from basin.layers.vocabulary import alias_table, key
from basin.standards.labels import label
from basin.standards.labels import tables as label_tables

__all__ = [
    "category_words",
    "closest",
    "code_of",
    "grade_of",
    "has_grades",
    "industry_category",
    "kind_and_grade_of",
    "known_codes",
    "nearest_codes",
    "says_none",
    "spellings_of",
    "words_of",
]

# A code of GB/T 4754: two to four digits, with or without the letter of its section
_INDUSTRY = re.compile(
    r"(?:[A-Ta-t]\s*)?(?P<digits>\d{2,4})(?:\.0)?(?=$|[\s、,:：.-]|[\u4e00-\u9fff](?<!号))"
)


@cache
def _categories() -> dict[str, dict[str, Any]]:
    text = files("basin.standards").joinpath("categories.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _spellings(table: str) -> dict[str, tuple[str, ...]]:
    """Code -> every way to write it."""
    if table == "zone_grade":
        grades: dict[str, tuple[str, ...]] = {}
        for codes in alias_table()["zone_grade"].values():
            for code, names in codes.items():
                grades[code] = (*grades.get(code, (code,)), *names)
        return grades
    own = {code: (code, *names) for code, names in alias_table()["coded"][table].items()}
    if table == "layer_name":
        for code in own:
            own[code] = (*own[code], *alias_table()["layer"][code]["names"])
    if table == "site_category":
        for code, entry in _categories().items():
            own[code] = (*own.get(code, (code,)), entry["zh"], entry["en"])
    return own


def _labels(table: str, code: str) -> tuple[str, ...]:
    """Return what `basin` writes for a code, in Chinese and in English."""
    if table not in label_tables():
        return ()
    return (label(table, code), label(table, code, "en"))


@cache
def _codes(table: str) -> dict[str, str]:
    found = {key(word): code for code, words in _spellings(table).items() for word in words}
    for code in _spellings(table):
        for word in _labels(table, code):
            found.setdefault(key(word), code)
    return found


def spellings_of(table: str) -> dict[str, tuple[str, ...]]:
    """Return every way to write each code of a table, such as ``zone_kind``."""
    return dict(_spellings(table))


def known_codes(table: str) -> tuple[str, ...]:
    """Return the codes of a table, such as ``outfall_kind``."""
    return tuple(_spellings(table))


def category_words(code: str) -> dict[str, Any]:
    """Return the entry of a category of projects: ``zh`` and ``en``."""
    return _categories()[code]


def words_of(table: str, lang: str) -> str:
    """Return the codes of a table with their words, for a message; of sixty, where they are listed.

    Examples
    --------
    >>> words_of("waterbody", "zh"), words_of("waterbody", "en")
    ('河流；湖库', 'river, lake')
    """
    codes = known_codes(table)
    if table == "site_category":
        return f"{'见' if lang == 'zh' else 'see'} basin rules --categories"
    if lang != "zh":
        return ", ".join(codes)
    if table == "layer_name":
        return "；".join(alias_table()["coded"][table][c][0] for c in codes)
    return "；".join(label(table, c) for c in codes)


def industry_category(value: Any) -> tuple[str, str] | None:
    """Return the code of GB/T 4754 that a value begins with, and the category it is taken for.

    Examples
    --------
    >>> industry_category("C2611 无机酸制造"), industry_category("2631"), industry_category("12号")
    (('2611', 'chemical'), ('2631', 'pesticide'), None)
    """
    found = _INDUSTRY.match(unicodedata.normalize("NFKC", str(value)).strip())
    if not found:
        return None
    digits = found["digits"]
    for length in range(len(digits), 1, -1):
        category = alias_table()["industry_codes"].get(digits[:length])
        if category:
            return digits, category
    return None


def code_of(value: Any, table: str) -> str | None:
    """Return the code that a value stands for, or None.

    Examples
    --------
    >>> code_of("Ⅲ类", "water_class"), code_of("国控", "section_level"), code_of("??", "waterbody")
    ('III', 'national', None)
    """
    return _codes(table).get(key(value))


def says_none(value: Any, table: str) -> bool:
    """Tell whether a value is the word that `basin` writes where there is no code.

    Examples
    --------
    >>> says_none("无数据", "data_basis"), says_none("no data", "water_class")
    (True, True)
    >>> says_none("无数据", "waterbody")
    False
    """
    words = ("none", *_labels(table, "none"))
    return len(set(words)) > 1 and key(value) in map(key, words)


@cache
def _grades(kind: str) -> dict[str, str]:
    return {
        key(alias): code
        for code, names in alias_table()["zone_grade"].get(kind, {}).items()
        for alias in (code, *names)
    }


@cache
def _grade_labels(kind: str) -> dict[str, str]:
    codes = alias_table()["zone_grade"].get(kind, {})
    return {key(word): code for code in codes for word in _labels("zone_grade", code)}


def grade_of(value: Any, kind: Any) -> str | None:
    """Return the grade that a value stands for in a zone of this kind, or None.

    Examples
    --------
    >>> grade_of("一般", "red_line"), grade_of("一般", "control_unit")
    ('other', 'general')
    """
    return _grades(str(kind)).get(key(value)) or _grade_labels(str(kind)).get(key(value))


def has_grades(kind: Any) -> bool:
    """Tell whether zones of this kind come in grades."""
    return str(kind) in alias_table()["zone_grade"]


def kind_and_grade_of(value: Any) -> tuple[str, str] | None:
    """Read a grade that names its kind as well: 禁养区 is (livestock, banned).

    None where no kind, or more than one, has a grade of this name.
    """
    found = [
        (kind, _grades(kind)[key(value)])
        for kind in alias_table()["zone_grade"]
        if key(value) in _grades(kind)
    ]
    return found[0] if len(found) == 1 else None


def closest(value: Any, table: str) -> str | None:
    """Return the spelling in a table of codes that is most like `value`, or None."""
    return next(iter(_nearest(value, table, 1)), None)


def nearest_codes(value: Any, table: str, n: int = 3) -> list[str]:
    """Return up to `n` codes whose spellings are most like `value`, the best first.

    Examples
    --------
    >>> nearest_codes("chemcal", "site_category", 1), nearest_codes("电镀厂", "site_category", 1)
    (['chemical'], ['electroplating'])
    """
    codes = _codes(table)
    # a code has several spellings alike
    near = [codes[key(word)] for word in _nearest(value, table, 4 * n)]
    return list(dict.fromkeys(near))[:n]


def _nearest(value: Any, table: str, n: int) -> list[str]:
    by_key = {key(word): word for words in _spellings(table).values() for word in words}
    given = key(value)
    near = difflib.get_close_matches(given, by_key, n=len(by_key), cutoff=0.5)
    alike = difflib.SequenceMatcher(b=given)

    def rank(word: str) -> tuple[float, bool]:
        alike.set_seq1(word)  # of those equally alike, those that begin alike
        return -alike.ratio(), word[:1] != given[:1]

    return [by_key[word] for word in sorted(near, key=rank)[:n]]
