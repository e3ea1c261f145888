"""Read a file of points piece by piece, so that its size does not matter."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio

from basin._run import note_input
from basin.errors import LayerError
from basin.layers.content import check_file
from basin.layers.sources import layer_names, local_file

__all__ = ["CHUNKED", "count_rows", "read_chunks"]

#: Files that can be read from the middle on.
CHUNKED = (".gpkg", ".fgb", ".csv")
_BLOCK = 1 << 24


def count_rows(path: str | Path, *, layer: str | None = None) -> int:
    """Count the rows of a file; of a CSV the lines below the heading.

    Raises
    ------
    LayerError
        If the file is of a kind that is not read in pieces, is not local, or is damaged.
    """
    file = _checked(path)
    if file.suffix.casefold() != ".csv":
        return int(pyogrio.read_info(file, layer=_layer(file, layer))["features"])
    lines, returns, last = 0, 0, b"\n"
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            lines += block.count(b"\n")
            returns += block.count(b"\r")
            last = block[-1:]
    # either ends a line; of both together one: rather too many than to leave rows out
    return max(max(lines, returns) + (last not in b"\r\n") - 1, 0)


def read_chunks(
    path: str | Path, rows: int, *, start: int = 0, layer: str | None = None
) -> Iterator[Any]:
    """Give the rows of a file in pieces, as they stand in it: for :func:`read_layer`.

    Parameters
    ----------
    path
        ``.gpkg`` or ``.fgb`` (GeoDataFrames), or ``.csv`` in UTF-8 or GB 18030 (DataFrames of
        text).
    rows
        Rows a piece.
    start
        Piece to begin with.
    layer
        Layer of a GeoPackage that holds several.
    """
    file = _checked(path)
    if file.suffix.casefold() == ".csv":
        options: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": [""]}
        options |= {"encoding": _encoding(file), "chunksize": rows}
        try:
            with pd.read_csv(file, **options) as reader:
                for number, table in enumerate(reader):
                    if number >= start:
                        yield _even(file, table, number * rows)
        except pd.errors.ParserError as error:
            raise _uneven(file, str(error)) from error
        return
    name, total = _layer(file, layer), count_rows(file, layer=layer)
    for first in range(start * rows, total, rows):
        yield pyogrio.read_dataframe(file, layer=name, skip_features=first, max_features=rows)


def _even(file: Path, table: pd.DataFrame, first: int) -> pd.DataFrame:
    """Number the rows; where they have cells beyond the heading, these must be empty.

    pandas takes as many first cells for an index then, and shifts the others.
    """
    if isinstance(table.index, pd.RangeIndex):
        return table.reset_index(drop=True)
    head = table.columns
    shifted = table.set_axis(range(len(head)), axis=1).reset_index()
    more = shifted.iloc[:, len(head) :].fillna("")
    long = np.flatnonzero((more != "").any(axis=1))
    if len(long):
        raise _uneven(file, f"row {first + int(long[0]) + 2}")
    return shifted.iloc[:, : len(head)].set_axis(head, axis=1)


def _uneven(file: Path, where: str) -> LayerError:
    return LayerError(
        f"{file.name} has rows with more cells than the heading ({where})",
        mend="Put cells that hold a comma in quotes.",
        zh=f"{file.name} 有的行格数多于表头（{where}）",
        mend_zh="含逗号的单元格用引号括起",
    )


def _checked(path: str | Path) -> Path:
    file = local_file(path)
    if file.suffix.casefold() not in CHUNKED:
        raise LayerError(
            f"{file.name} is not read in pieces",
            mend=f"Give one of: {', '.join(CHUNKED)}.",
            zh=f"{file.name} 不能分段读取",
            mend_zh=f"可用的有：{'、'.join(CHUNKED)}",
        )
    check_file(file)
    note_input(str(file))
    return file


def _layer(file: Path, layer: str | None) -> str:
    names = list(layer_names(file))
    if layer is None and len(names) > 1 and "sites" in names:
        return "sites"
    if layer is None and len(names) != 1:
        raise LayerError(
            f"{file.name} holds several layers: {', '.join(names)}",
            mend="Name the one with the sites 'sites', or keep it alone in the file.",
            zh=f"{file.name} 有多个图层：{'、'.join(names)}",
            mend_zh="把项目图层命名为 sites，或单独存为一个文件",
        )
    return layer or names[0]


def _encoding(file: Path) -> str:
    """UTF-8 if all of the file is, else GB 18030."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"
