"""Text for a terminal: strings from data, made safe to print. Imports nothing heavy."""

from __future__ import annotations

import re

__all__ = ["printable"]

# What a terminal would obey: C0 and C1 controls, marks of direction; surrogates cannot be written.
_STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Write a text for a terminal: what would steer it, or turn the line around, becomes U+FFFD.

    Control characters but newline and tab, marks of direction, and halves of surrogate pairs.

    Examples
    --------
    >>> printable("P-1\\x1b[31m \\u202eabc").encode("ascii", "backslashreplace").decode()
    'P-1\\\\ufffd[31m \\\\ufffdabc'
    """
    return _STEERS.sub("\ufffd", text)
