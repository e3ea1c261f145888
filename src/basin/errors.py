"""The exceptions of `basin`: what is wrong, which features, and how to mend it.

Every exception carries ``ids`` (all features concerned, so that a program can act on them) and
``mend`` (what the user can do). The message names the first five ids and the count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AssessmentError",
    "BasinError",
    "BasinWarning",
    "CrsError",
    "LayerError",
    "NetworkError",
    "ProjectError",
    "RuleError",
    "SnapError",
    "list_ids",
    "masked",
    "shorten",
]

#: No message is longer: what a hostile file holds is not echoed whole.
_MOST_CHARACTERS = 4_000
_MOST_OF_AN_ID = 80
# A password may hold any sign: it ends at the last @.
_SECRET_URL = re.compile(r"(:/{1,2}[^/\s:@]*):\S*@")
_SECRET_WORD = re.compile(r"(?i)\b((?:pg)?(?:password|passwd|pwd))(\s*[=:]\s*)[^\s&]+")


def masked(text: str) -> str:
    """Return a text without the passwords in its URLs and settings.

    Examples
    --------
    >>> masked("postgresql://eia:s3c/r@t@db/gis password=abc")
    'postgresql://eia:***@db/gis password=***'
    """
    return _SECRET_WORD.sub(r"\1\2***", _SECRET_URL.sub(r"\1:***@", text))


def shorten(text: str, most: int) -> str:
    """Cut the middle out of a text longer than `most` characters, and say how much.

    Examples
    --------
    >>> shorten("abc", 10), shorten("a" * 30 + "b" * 30, 20)
    ('abc', 'aaaaaaaaaa… (+40) …bbbbbbbbbb')
    """
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}… (+{len(text) - 2 * half}) …{text[-half:]}"


def list_ids(ids: Iterable[Any], *, show: int = 5, lang: str = "en") -> str:
    """Write ids for a message: the first `show` of them, and how many more there are.

    Examples
    --------
    >>> list_ids(["P1", "P2"])
    'P1, P2'
    >>> list_ids(range(8))
    '0, 1, 2, 3, 4 (+3 more)'
    >>> list_ids(range(8), show=2, lang="zh")
    '0, 1 等 8 个'
    """
    all_ids = list(ids)
    more = len(all_ids) - show
    shown = ", ".join(shorten(str(i), _MOST_OF_AN_ID) for i in all_ids[:show])
    if more <= 0:
        return shown
    return f"{shown} 等 {len(all_ids)} 个" if lang == "zh" else f"{shown} (+{more} more)"


def _told(text: str) -> str:
    return masked(shorten(text, _MOST_CHARACTERS))


class BasinError(Exception):
    """Base of all errors that a user of `basin` can cause and mend.

    Parameters
    ----------
    message
        What is wrong and where (layer, column).
    ids
        The features concerned; the first five are named in the message.
    mend
        What the user can do about it: one sentence.
    zh, mend_zh
        Both in Chinese, where they are known; without ids, which :meth:`text` adds.
    """

    def __init__(
        self,
        message: str,
        *,
        ids: Iterable[Any] = (),
        mend: str = "",
        zh: str = "",
        mend_zh: str = "",
    ) -> None:
        self.ids = tuple(ids)
        self.mend = mend = _told(mend)
        self.zh = _told(zh)
        self.mend_zh = _told(mend_zh)
        text = _told(message).rstrip(".")
        if self.ids:
            text += f": ids {list_ids(self.ids)}"
        super().__init__(f"{text}. {mend}".rstrip() if mend else f"{text}.")

    def text(self, lang: str = "en") -> str:
        """Return the message with its mend, in Chinese where that is asked for and known."""
        if lang != "zh" or not self.zh:
            return str(self)
        named = f"（编号 {list_ids(self.ids, lang='zh')}）" if self.ids else ""
        mend = f"{self.mend_zh}。" if self.mend_zh else ""
        return f"{self.zh}{named}。{mend}"


class LayerError(BasinError):
    """A file or table cannot be used as the layer that it should be."""


class CrsError(LayerError):
    """A coordinate reference system is missing, refused, or does not fit the coordinates."""


class NetworkError(BasinError):
    """A river network cannot be built or asked as wanted."""


class SnapError(NetworkError):
    """A point cannot be placed on the river network."""


class RuleError(BasinError):
    """A rule pack is malformed or cannot be found."""


class AssessmentError(BasinError):
    """Samples or sections cannot be assessed."""


class ProjectError(BasinError):
    """A project folder or its ``basin.toml`` cannot be used."""


class BasinWarning(UserWarning):
    """Something was repaired, left out or left undecided; the text says what and which ids."""
