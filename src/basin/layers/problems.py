"""What reading finds, repairs or sets aside: one `Problem` each, in Chinese and English."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from basin.errors import BasinError, list_ids, shorten

__all__ = [
    "Notes",
    "Problem",
    "list_rows",
    "make_error",
    "make_problem",
    "problems_frame",
    "unreadable",
]


#: A heading or cell of a million characters is not echoed whole.
_MOST_OF_A_VALUE = 2_000


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a layer, or that was decided while reading it.

    Attributes
    ----------
    layer : str
    severity : {'error', 'warning', 'info'}
        An error lost something (a place, a value, a row); a warning was decided by a stated rule;
        an info only says what was done.
    kind : str
        Code, such as ``id_duplicate``.
    ids, rows : tuple
        The features concerned, and their rows as Excel counts them: the heading is row 1.
    zh, en : str
        What and where, one sentence.
    mend_zh, mend_en : str
        How to mend it, one sentence.
    set_aside : bool
        True if the rows are not in the table that was returned.
    file : str
        Name of the file that the rows are counted in; "" for tables in memory and between layers.
    """

    layer: str
    severity: str
    kind: str
    ids: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    zh: str = ""
    en: str = ""
    mend_zh: str = ""
    mend_en: str = ""
    set_aside: bool = False
    file: str = ""

    def text(self, lang: str = "zh") -> str:
        """Return the sentence in a language."""
        return self.zh if lang == "zh" else self.en

    def mend(self, lang: str = "zh") -> str:
        """Return how to mend it in a language."""
        return self.mend_zh if lang == "zh" else self.mend_en


@cache
def _table() -> dict[str, dict[str, Any]]:
    text = files("basin.layers").joinpath("problems.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def list_rows(rows: Iterable[int], *, show: int = 8, lang: str = "en") -> str:
    """Write row numbers for a message, neighbours as a range.

    Examples
    --------
    >>> list_rows([2, 3, 4, 9])
    '2-4, 9'
    """
    ordered = sorted(set(rows))
    runs: list[list[int]] = []
    for row in ordered:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return list_ids(words, show=show, lang=lang)


def make_problem(
    layer: str,
    kind: str,
    *,
    ids: Iterable[Any] = (),
    rows: Iterable[int] = (),
    file: str = "",
    **values: Any,
) -> Problem:
    """Fill the sentences of a kind of problem (``problems.toml``); a list is told as ids are."""
    entry = _table()[kind]
    all_ids, all_rows = tuple(str(i) for i in ids), tuple(int(r) for r in rows)
    sentences = {
        name: entry[name].format(
            n=len(all_rows) or len(all_ids),
            ids=list_ids(all_ids, lang=lang),
            rows=list_rows(all_rows, lang=lang),
            **{key: _written(value, lang) for key, value in values.items()},
        )
        for name, lang in (("zh", "zh"), ("en", "en"), ("mend_zh", "zh"), ("mend_en", "en"))
    }
    return Problem(
        layer=layer,
        severity=entry["severity"],
        kind=kind,
        ids=all_ids,
        rows=all_rows,
        set_aside=entry.get("set_aside", False),
        file=file,
        **sentences,
    )


def _written(value: Any, lang: str) -> Any:
    if isinstance(value, list):
        return list_ids(value, lang=lang)
    return shorten(value, _MOST_OF_A_VALUE) if isinstance(value, str) else value


def make_error(
    error: type[BasinError],
    layer: str,
    kind: str,
    *,
    ids: Iterable[Any] = (),
    file: str = "",
    **values: Any,
) -> BasinError:
    """Fill the sentences of a kind of problem that stops the reading of a layer, or of a file."""
    entry = _table()[kind]
    words = {"layer": layer, "file": file, **values}
    return error(
        f"{file or f'layer {layer!r}'}: {entry['en'].format(**words)}",
        ids=ids,
        mend=entry["mend_en"].format(**words),
        zh=f"{file or f'图层 {layer}'}：{entry['zh'].format(**words)}",
        mend_zh=entry["mend_zh"].format(**words),
    )


@dataclass
class Notes:
    """Gathers the problems of one layer while it is read.

    Attributes
    ----------
    layer, file : str
    rows : ndarray
        Excel row of each row of the table at hand.
    ids : Series of str or None
        Id of each row, once known.
    """

    layer: str
    file: str = ""
    found: list[Problem] = field(default_factory=list)
    rows: Any = field(default_factory=lambda: np.empty(0, dtype=int))
    ids: pd.Series[str] | None = None

    def add(self, kind: str, mask: Any = None, **values: Any) -> None:
        """Note a problem; `mask` (bool, one a row) tells which rows it concerns."""
        if mask is None:
            self.found.append(make_problem(self.layer, kind, file=self.file, **values))
            return
        at = np.flatnonzero(np.asarray(mask, dtype=bool))
        if len(at):
            rows = self.rows[at].tolist()
            self.found.append(
                make_problem(
                    self.layer, kind, ids=self.ids_at(mask), rows=rows, file=self.file, **values
                )
            )

    def ids_at(self, mask: Any) -> list[str]:
        """Return the ids of the rows in `mask`; none while ids are not known."""
        at = np.flatnonzero(np.asarray(mask, dtype=bool)).tolist()
        return self.ids.iloc[at].tolist() if self.ids is not None else []

    def keep(self, mask: Any) -> None:
        """Follow the table to the rows that stay."""
        self.rows = self.rows[np.asarray(mask, dtype=bool)]


def unreadable(layer: str, error: BasinError, *, kind: str = "unreadable") -> Problem:
    """Return the problem that stands for a layer that could not be read, or used, at all."""
    made = make_problem(layer, kind, ids=error.ids, message=str(error), mend=error.mend or "-")
    if not error.zh:
        return made
    return replace(made, zh=error.zh, mend_zh=error.mend_zh or "-")


def problems_frame(problems: Iterable[Problem], lang: str = "zh") -> pd.DataFrame:
    """Return problems as a table, errors first.

    Parameters
    ----------
    problems
    lang : {'zh', 'en'}
        Language of ``problem`` and ``mend``.

    Returns
    -------
    DataFrame
        ``layer``, ``file``, ``severity``, ``kind``, ``n`` (rows concerned), ``rows``, ``ids``,
        ``problem``, ``mend``.
    """
    order = {"error": 0, "warning": 1, "info": 2}
    listed = sorted(problems, key=lambda p: order[p.severity])
    return pd.DataFrame(
        [
            {
                "layer": p.layer,
                "file": p.file,
                "severity": p.severity,
                "kind": p.kind,
                "n": len(p.rows) or len(p.ids),
                "rows": list_rows(p.rows, lang=lang),
                "ids": list_ids(p.ids, lang=lang),
                "problem": p.text(lang),
                "mend": p.mend(lang),
            }
            for p in listed
        ],
        columns=["layer", "file", "severity", "kind", "n", "rows", "ids", "problem", "mend"],
    )
