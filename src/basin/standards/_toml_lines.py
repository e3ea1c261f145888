"""Where in a TOML text a key stands: for messages that name the line."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["TomlLines"]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*=")
_STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'")


class TomlLines:
    """Lines of tables and keys, by path: ``("rule", 0, "id")`` is the id of the first [[rule]].

    Reads only what it needs of TOML: headers and keys at the left, past strings and arrays that
    run over several lines. The text is checked by `tomllib`.
    """

    def __init__(self, text: str) -> None:
        self._found: dict[tuple[str | int, ...], int] = {}
        at: tuple[str | int, ...] = ()
        counts: dict[str, int] = {}
        depth, quote = 0, ""
        for number, line in enumerate(text.splitlines(), start=1):
            if quote:
                _, end, line = line.partition(quote)
                if not end:
                    continue
                quote = ""
            elif depth <= 0:
                depth = 0
                if header := _HEADER.match(line.split("#")[0]):
                    name = header[2]
                    at = tuple(part.strip().strip("\"'") for part in name.split("."))
                    if header[1] == "[[":
                        counts[name] = counts.get(name, -1) + 1
                        at = (*at, counts[name])
                    self._found.setdefault(at, number)
                    continue
                if key := _KEY.match(line):
                    self._found.setdefault((*at, key[1].strip("\"'")), number)
            for mark in ('"""', "'''"):
                if line.count(mark) % 2:
                    quote = mark
                    line = line.split(mark)[0]
            plain = _STRINGS.sub("", line).split("#")[0]
            depth += sum(plain.count(c) for c in "[{") - sum(plain.count(c) for c in "]}")

    def of(self, path: Sequence[str | int]) -> int:
        """Return the line of a key, or of what holds it; 0 where nothing is known.

        Examples
        --------
        >>> lines = TomlLines("a = 1\\n[[rule]]\\nid = 'X'\\n[[rule]]\\nid = 'Y'\\n")
        >>> lines.of(("rule", 1, "id")), lines.of(("rule", 0, "verdict")), lines.of(("b",))
        (5, 2, 0)
        """
        for end in range(len(path), 0, -1):
            if tuple(path[:end]) in self._found:
                return self._found[tuple(path[:end])]
        return 0
