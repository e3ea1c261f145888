"""Finding many reach_ids at once: short texts as numbers in a table, the rest as pandas does."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._network.arrays import Ints
from basin._network.fast import kernels

__all__ = ["Lookup"]

#: From so many texts on the compiled table pays for its making.
_MANY_TEXTS = 100_000

#: Bytes of the longest text (UTF-8) that is packed.
_PACKED_BYTES = 16

Keys = npt.NDArray[np.uint64]


class Lookup:
    """The rows of ids, none of them twice."""

    def __init__(self, ids: pd.Index) -> None:
        self._ids = ids

    def rows(self, texts: Any) -> Ints:
        """Return the row of each text (a Series or an Index), -1 for what is not there."""
        fast = kernels(len(texts), _MANY_TEXTS)
        if fast is not None and self._table is not None:
            asked = _packed(texts, fast)
            if asked is not None:
                found: Ints = fast.seek(*self._table, asked)
                found[np.asarray(texts.isna())] = -1
                return found
        found = self._objects.get_indexer(pd.Index(texts, dtype=object))
        return np.asarray(found, dtype=np.intp)

    @cached_property
    def _objects(self) -> pd.Index:
        """The ids as objects: texts of Arrow would be turned into these at every question."""
        ids: pd.Index = pd.Index(self._ids.to_numpy(dtype=object), dtype=object)
        return ids

    @cached_property
    def _table(self) -> tuple[Keys, npt.NDArray[np.int32]] | None:
        fast = kernels(_MANY_TEXTS, _MANY_TEXTS)
        keys = None if fast is None else _packed(self._ids, fast)
        return None if fast is None or keys is None else (keys, fast.slots(keys))


def _packed(texts: Any, fast: Any) -> Keys | None:
    """Pack texts of up to 16 bytes into two numbers each; None if some cannot be, or no pyarrow."""
    try:
        import pyarrow as pa

        column = pa.array(texts.array, type=pa.large_string())
    except (ImportError, TypeError, ValueError):  # no Arrow, or not all are texts
        return None
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    _, offsets, letters = column.buffers()
    first = np.frombuffer(offsets, dtype=np.int64)[column.offset :][: len(column) + 1]
    if not len(column) or letters is None or np.diff(first).max() > _PACKED_BYTES:
        return None
    keys, plain = fast.packed(first, np.frombuffer(letters, dtype=np.uint8))
    return keys if plain else None
