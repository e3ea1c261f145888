"""What each repair holds together: which ends of lines it brought where they are, what it turned.

Kept while a network is built, so that a query can later be asked as if a repair had not been made
(:mod:`basin._network.doubt`). Only repairs are remembered, never all lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from basin._network.arrays import Bools, Ints

__all__ = ["END", "START", "TURNED", "Held", "Joints"]

#: What a repair did: it moved one of the two ends of a line, or turned the line.
START, END, TURNED = 0, 1, 2


class Held(NamedTuple):
    """What hangs on repairs, one row a reach and repair.

    Attributes
    ----------
    reach, issue : shape (k,)
        Rows of ``reaches`` and of ``issues``.
    what : shape (k,)
        START or END (upstream or downstream end) or TURNED.
    """

    reach: Ints
    what: Ints
    issue: Ints


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

    def held(self, ids: Any, turned: Bools, row: Mapping[int, int]) -> Held:
        """Put all this into arrays.

        Parameters
        ----------
        ids
            The reaches as they are stored.
        turned
            Reaches that flow against the line as it is drawn.
        row
            The row in the ledger of each repair.
        """
        if not self.ends and not self.turned:
            none = np.zeros(0, dtype=np.intp)
            return Held(none, none, none)
        named = list({*(line for line, _ in self.ends), *self.turned})
        place = pd.Index(ids, dtype=object).get_indexer(pd.Index(named, dtype=object))
        where = {line: k for line, k in zip(named, place.tolist(), strict=True) if k >= 0}
        found = [
            (where[line], 1 - end if turned[where[line]] else end, row[repair])
            for (line, end), repairs in self.ends.items()
            if line in where
            for repair in repairs
        ]
        found += [
            (where[line], TURNED, row[repair])
            for line, repairs in self.turned.items()
            if line in where
            for repair in repairs
        ]
        table = np.array(sorted(found), dtype=np.intp).reshape(-1, 3)
        return Held(table[:, 0], table[:, 1], table[:, 2])
