"""Which reaches are two-way, and in which state: what the lines say of tides, gates and pumps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Bools
from basin._network.ledger import Ledger
from basin.errors import NetworkError

__all__ = ["flow_states", "two_way_columns"]

_BACKWARD = frozenset(("backward", "backwards", "reverse", "倒流", "逆流", "反向"))
_FORWARD = frozenset(("forward", "顺流", "正向", "正常", ""))

#: What says that a reach is one-way, or two-way without saying why.
_NO, _YES = frozenset(("", "0", "false", "no", "否", "nan")), frozenset(("1", "true", "yes", "是"))


def two_way_columns(
    source: pd.DataFrame, ids: Any, geom: Any, ledger: Ledger
) -> tuple[dict[str, Any], Bools]:
    """Read which reaches are two-way, and which of them flow backward; list them by word and state.

    Returns
    -------
    columns
        ``two_way`` (the word, "" for none) and ``flow_state`` (forward, backward, "" for none), if
        the lines have a column ``two_way``.
    backward : shape (m,)

    Raises
    ------
    NetworkError
        For a state that is no state, or of a reach that is not two-way.
    """
    if "two_way" not in source:
        return {}, np.zeros(len(source), dtype=bool)
    word = source["two_way"].astype("string").fillna("").str.strip()
    plain = word.str.casefold()
    word = word.mask(plain.isin(_YES), "two-way").mask(plain.isin(_NO), "")
    marked = (word != "").to_numpy(dtype=bool)
    state = flow_states(source.get("flow_state", pd.Series("", index=source.index)), ids)
    wrong = np.flatnonzero((state == "backward") & ~marked)
    if len(wrong):
        raise NetworkError(
            "reaches flow backward that are not marked two-way",
            ids=ids[wrong],
            mend="Say in `two_way` why water runs either way there, such as tidal.",
        )
    state = np.where(marked, state, "")
    for kind in sorted(set(word[marked])):
        for now in ("forward", "backward"):
            mine = np.flatnonzero((word == kind).to_numpy(dtype=bool) & (state == now))
            if len(mine):
                ledger.add(
                    "two_way", ids[mine], action="none", rule=f"{kind} + {now}",
                    place=shapely.MultiLineString(list(geom[mine])),
                )  # fmt: skip
    columns = {"two_way": word.to_numpy(dtype=object), "flow_state": state.astype(object)}
    return columns, state == "backward"


def flow_states(values: pd.Series, ids: Any) -> Any:
    """Read states as forward and backward; ``ids`` are named in the error for any other word."""
    word = values.astype("string").fillna("").str.strip().str.casefold()
    strange = np.flatnonzero(~word.isin(_FORWARD | _BACKWARD))
    if len(strange):
        raise NetworkError(
            f"unknown flow_state {word.iloc[strange[0]]!r}",
            ids=np.asarray(ids)[strange],
            mend="One of forward (顺流), backward (倒流).",
        )
    return np.where(word.isin(_BACKWARD), "backward", "forward")
