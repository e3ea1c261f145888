"""Parquet holds repeated values once: what a file would unpack to is told before it is read."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin.errors import LayerError
from basin.layers.content import check_unpacked

__all__ = ["check_text", "read_parquet"]

_VALUE_BYTES = 8


def read_parquet(path: Path) -> Any:
    """Read a (Geo)Parquet file whose ends were checked before.

    Raises
    ------
    LayerError
        If pyarrow is not there, the file is damaged, or it would unpack to too much.
    """
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise LayerError(
            f"{path.name}: reading GeoParquet needs pyarrow",
            mend="pip install 'basin-gis[parquet]'.",
            zh=f"{path.name}：读 GeoParquet 需要 pyarrow",
            mend_zh="请安装：pip install 'basin-gis[parquet]'",
        ) from error
    try:
        _check_size(path)
        try:
            with np.errstate(invalid="ignore", over="ignore"):  # odd figures are listed later
                table = gpd.read_parquet(path)
        except ValueError:  # no geometry in it
            table = pd.read_parquet(path)
        check_text(table)
        return table
    except LayerError:
        raise
    except Exception as error:  # arrow raises its own
        raise LayerError(
            f"{path.name} cannot be read ({error})",
            mend="Export it again.",
            zh=f"{path.name} 读不了（{error}）",
            mend_zh="请重新导出",
        ) from error


def check_text(table: pd.DataFrame) -> None:
    """Arrow takes text for UTF-8 as it finds it: bytes that are not would fail somewhere later."""
    import pyarrow as pa

    for name in table.columns:
        if pd.api.types.is_string_dtype(table[name].dtype):
            pa.array(table[name], from_pandas=True).validate(full=True)


def _check_size(path: Path) -> None:
    """Refuse what would fill the memory: a text that the file repeats is held once in it."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        meta = file.metadata
        _check_places(file)
    size: int = meta.num_rows * meta.num_columns * _VALUE_BYTES
    repeated: list[tuple[int, str, int]] = []
    for group in _filled(meta):
        for number in range(meta.num_columns):
            chunk = meta.row_group(group).column(number)
            size += chunk.total_uncompressed_size
            if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page:
                repeated.append((group, chunk.path_in_schema, chunk.num_values))
    check_unpacked(path, size)
    if not repeated:
        return
    with parquet.ParquetFile(path, read_dictionary=sorted({c for _, c, _ in repeated})) as file:
        try:
            # enough for most: every value as long as the longest that is repeated
            longest = (rows * _longest(file, group, column) for group, column, rows in repeated)
            check_unpacked(path, size + sum(longest))
        except LayerError:
            exact = (
                _expanded(chunk)
                for group, column, _ in repeated
                for chunk in file.read_row_group(group, columns=[column]).column(0).chunks
            )
            check_unpacked(path, size + sum(exact))


def _filled(meta: Any) -> list[int]:
    return [g for g in range(meta.num_row_groups) if meta.row_group(g).num_rows]


def _check_places(file: Any) -> None:
    """Read a page of each column: what its footer says is spoilt raises here.

    Asked for by itself, it ends the whole process (a C++ exception that pyarrow does not catch).
    """
    for group in _filled(file.metadata):
        next(file.iter_batches(batch_size=1, row_groups=[group]), None)


def _longest(file: Any, group: int, column: str) -> int:
    """Length of the longest text of a column's dictionary, which comes with its first value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    batches = file.iter_batches(batch_size=1, row_groups=[group], columns=[column])
    batch = next(batches, None)
    first = batch.column(0) if batch is not None else None
    if first is None or not pa.types.is_dictionary(first.type) or not len(first.dictionary):
        return 0
    return int(pc.max(pc.binary_length(first.dictionary)).as_py() or 0)


def _expanded(chunk: Any) -> int:
    """Bytes of the texts of a dictionary array, written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(chunk.type):
        return int(chunk.nbytes)
    lengths = pc.binary_length(chunk.dictionary)
    return int(pc.sum(pc.take(pc.cast(lengths, "int64"), chunk.indices)).as_py() or 0)
