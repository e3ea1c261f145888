"""A font that has every character of a figure, or a clear error: never boxes for names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.errors import BasinError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FONT_FAMILIES", "FontError", "check_glyphs", "find_font", "spell_out"]

#: Families with Chinese letter shapes, the best to read first. The Japanese face of Noto comes
#: last: matplotlib before 3.11 sees only that face of the collection, and it draws 骨 直 角
#: the Japanese way.
FONT_FAMILIES = (
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Noto Sans CJK JP",
)

#: Comes with matplotlib; fills in Latin and signs that a Chinese font lacks.
FALLBACK = "DejaVu Sans"


class FontError(BasinError):
    """No installed font has the characters that a figure needs; ``ids`` holds the characters."""


def find_font(texts: Iterable[object], *, font: str | Path | None = None) -> str:
    """Return the family that can draw all `texts`, together with the fallback for Latin.

    Parameters
    ----------
    texts
        All strings of the figure; null values count as empty.
    font
        A font file (``.ttf``, ``.otf``, ``.ttc``) or the name of an installed family to use in
        place of the search through `FONT_FAMILIES`.

    Returns
    -------
    str
        A family name that matplotlib finds; ``"DejaVu Sans"`` if the texts need no Chinese.

    Raises
    ------
    FontError
        If no candidate has every character; ``ids`` holds the characters that the best one lacks.

    Examples
    --------
    >>> find_font(["S-01", "12.5 kg/d"])
    'DejaVu Sans'
    """
    needed = {ord(c) for text in texts if text is not None for c in str(text) if c.isprintable()}
    if font is not None:
        candidates = [_named_font(font)]
    elif needed <= _glyphs_of(FALLBACK):
        return FALLBACK
    else:
        candidates = _installed(FONT_FAMILIES)
    lacking = {family: needed - _glyphs_of(family) - _glyphs_of(FALLBACK) for family in candidates}
    for family, missing in lacking.items():
        if not missing:
            return family
    best = min(lacking.values(), key=len, default=needed - _glyphs_of(FALLBACK))
    tried = ", ".join(lacking) or "none of " + ", ".join(FONT_FAMILIES)
    raise FontError(
        f"no installed font has all characters of this figure (tried: {tried})",
        ids=[chr(c) for c in sorted(best)],
        mend="Install a Chinese font (Debian: apt install fonts-wqy-microhei or fonts-noto-cjk), "
        "or name one with font='file.ttf', or draw ids only with labels='id' and lang='en'.",
    )


def spell_out(figure: Figure, family: str) -> None:
    """Write characters that the font lists but leaves blank in plain letters: V for Ⅴ.

    WenQuanYi Micro Hei has an empty shape for Ⅴ, so that a water class would silently be missing.
    What has no plain form is found by `check_glyphs`.
    """
    from matplotlib.text import Text

    texts: list[Any] = figure.findobj(Text)
    blank = _blank(family, frozenset(c for text in texts for c in text.get_text()))
    plain = {ord(c): unicodedata.normalize("NFKC", c) for c in blank}
    if plain:
        for text in texts:
            text.set_text(text.get_text().translate(plain))


def check_glyphs(figure: Figure, family: str) -> None:
    """Raise `FontError` if a text of the figure holds a character that would print as a box."""
    from matplotlib.text import Text

    texts: list[Any] = figure.findobj(Text)
    shown = {ord(c) for text in texts for c in text.get_text() if c.isprintable()}
    missing = shown - _glyphs_of(family) - _glyphs_of(FALLBACK)
    missing |= {ord(c) for c in _blank(family, frozenset(map(chr, shown)))}
    if missing:
        raise FontError(
            f"font {family!r} lacks characters of this figure",
            ids=[chr(c) for c in sorted(missing)],
            mend="Name a fuller font with font='file.ttf', or draw ids with labels='id'.",
        )


def _installed(families: Iterable[str]) -> list[str]:
    """Return those of `families` that matplotlib knows, after a fresh look at the disk if none."""
    from matplotlib import font_manager

    wanted = tuple(families)
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    if not known & set(wanted):
        # matplotlib keeps a list from its first run; fonts installed later are not in it
        seen = {entry.fname for entry in font_manager.fontManager.ttflist}
        for path in sorted(set(font_manager.findSystemFonts()) - seen):
            _add_font(path)
        known = {entry.name for entry in font_manager.fontManager.ttflist}
    return [family for family in wanted if family in known]


def _named_font(font: str | Path) -> str:
    """Register a font file, or check that a family is installed; return the family name."""
    from matplotlib import font_manager

    path = Path(font)
    if path.suffix.lower() in {".ttf", ".otf", ".ttc"}:
        if not path.is_file() or not _add_font(path):
            raise FontError(f"font file {str(path)!r} cannot be read", mend="Check the path.")
        real = str(path)
        return next(e.name for e in font_manager.fontManager.ttflist if e.fname == real)
    if not _installed([str(font)]):
        raise FontError(
            f"font family {str(font)!r} is not installed", mend="Give the path of a font file."
        )
    return str(font)


def _add_font(path: str | Path) -> bool:
    from matplotlib import font_manager

    try:
        font_manager.fontManager.addfont(str(path))
    except (OSError, RuntimeError, ValueError):  # a broken or foreign font file is no candidate
        return False
    return True


def _glyphs_of(family: str) -> frozenset[int]:
    """Characters of the regular face of a family; empty if it is not known."""
    face = _regular(family)
    return frozenset() if face is None else _charmap(*face)


def _regular(family: str) -> tuple[str, int] | None:
    """File and number of the regular face of a family; None if it is not known."""
    from matplotlib import font_manager

    faces = [entry for entry in font_manager.fontManager.ttflist if entry.name == family]
    if not faces:
        return None
    face = min(faces, key=lambda entry: (abs(_weight(entry.weight) - 400), entry.style != "normal"))
    return face.fname, getattr(face, "index", 0)


def _blank(family: str, characters: frozenset[str]) -> set[str]:
    """Those characters that the family lists and draws as nothing."""
    face = _regular(family)
    if face is None:
        return set()
    font, listed = _open_face(*face), _charmap(*face)
    visible = (c for c in characters if ord(c) in listed and c.isprintable() and not c.isspace())
    return {c for c in visible if not any(font.load_char(ord(c)).bbox)}


def _weight(weight: int | str) -> int:
    from matplotlib.font_manager import weight_dict

    return weight if isinstance(weight, int) else weight_dict.get(weight, 400)


@cache
def _charmap(path: str, index: int) -> frozenset[int]:
    return frozenset(_open_face(path, index).get_charmap())


def _open_face(path: str, index: int) -> Any:
    from matplotlib.ft2font import FT2Font

    # a face number is understood from matplotlib 3.11 on; before, only face 0 is ever listed
    return FT2Font(path, face_index=index) if index else FT2Font(path)
