"""What each repair holds together: which ends of lines it brought where they are, what it turned.

Kept while a network is built, so that a query can later be asked as if a repair had not been made
(:mod:`basin._network.doubt`). Only repairs are remembered, never all lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["END", "START", "Joints"]

#: The two ends of a line as it is drawn.
START, END = 0, 1


class Joints:
    """Repairs by the ends of lines that they moved, and by the lines that they turned.

    Attributes
    ----------
    ends : dict of (line id, START or END) -> repairs
        Two ends at one node meet without a repair if they were brought there by the same ones;
        else their meeting depends on those that only one of them has.
    turned : dict of line id -> repairs
    """

    def __init__(self) -> None:
        self.ends: dict[tuple[str, int], frozenset[Any]] = {}
        self.turned: dict[str, frozenset[Any]] = {}

    def bring(self, repair: int, ends: Iterable[tuple[str, int]]) -> None:
        """Note that a repair brought these ends to where they are."""
        for end in ends:
            self.ends[end] = self.ends.get(end, frozenset()) | {repair}

    def turn(self, repair: int, ids: Iterable[str]) -> None:
        """Note that a repair turned these lines."""
        for line in ids:
            self.turned[line] = self.turned.get(line, frozenset()) | {repair}

    def split(self, line: str, parts: tuple[str, ...]) -> None:
        """Hand the ends of a line on to its first and last part."""
        for end, part in ((START, parts[0]), (END, parts[-1])):
            held = self.ends.pop((line, end), None)
            if held:
                self.ends[part, end] = held

    def name(self, names: Mapping[int, str]) -> None:
        """Put the names of the ledger in the place of the numbers."""
        self.ends = {k: frozenset(names[r] for r in v) for k, v in self.ends.items()}
        self.turned = {k: frozenset(names[r] for r in v) for k, v in self.turned.items()}
