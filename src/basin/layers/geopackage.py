"""GeoPackages are SQLite: opened so that nothing in them runs, and nothing beside them changes."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from basin.errors import LayerError
from basin.layers.content import damaged, is_unsettled, read_only

__all__ = ["check_table", "is_left_open", "settled", "table_names"]

_WAL_MODE = 2


def table_names(file: Path) -> list[str]:
    """Return the layers and tables that a GeoPackage registers, in their order."""
    with closing(read_only(file)) as base:
        found = base.execute(
            "SELECT table_name FROM gpkg_contents "
            "WHERE data_type IN ('features', 'attributes') AND table_name <> 'layer_styles' "
            "ORDER BY rowid"
        ).fetchall()
    return [str(name) for (name,) in found]


def check_table(file: Path, name: str) -> None:
    """Refuse a layer that is computed when it is read: it may never end, or fill the memory.

    Raises
    ------
    LayerError
        If it is a view, has computed columns, or is not there.
    """
    quoted = name.replace('"', '""')
    try:
        with closing(read_only(file)) as base:
            kind = base.execute(
                "SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE "
                "AND type IN ('table', 'view')",
                [name],
            ).fetchone()
            columns = base.execute(f'PRAGMA table_xinfo("{quoted}")').fetchall() if kind else []
    except (sqlite3.Error, UnicodeError) as error:
        raise damaged(file, str(error)) from error
    if kind is None:
        raise damaged(
            file,
            f"it lists the layer {name!r}, and does not hold it",
            f"目录里有图层“{name}”，文件里却没有",
        )
    computed = [row[1] for row in columns if row[-1] in (2, 3)]
    if kind[0] == "view" or computed:
        view = kind[0] == "view"
        what = "a view" if view else f"a table with computed column {computed[0]!r}"
        what_zh = "视图" if view else f"含计算列“{computed[0]}”的表"
        raise LayerError(
            f"{file.name}: layer {name!r} is {what}, which is not run",
            mend="In QGIS, export it as a layer of its own, and give that.",
            zh=f"{file.name}：图层“{name}”是{what_zh}，不予执行",
            mend_zh="请在 QGIS 中把它导出为单独的图层，再给出该图层",
        )


def is_left_open(file: Path) -> bool:
    """Tell whether a GeoPackage was in use when it was copied, and came without its ``-wal``."""
    with file.open("rb") as content:
        head = content.read(20)
    return len(head) == 20 and _WAL_MODE in head[18:20] and not is_unsettled(file)


@contextmanager
def settled(file: Path) -> Iterator[Path]:
    """Give a GeoPackage whose ``-wal`` or ``-journal`` is settled: a copy if there is one.

    SQLite would write what is pending into the file itself, or leave it out.

    Raises
    ------
    LayerError
        If there is no room for the copy.
    """
    if file.suffix.casefold() != ".gpkg" or not is_unsettled(file):
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="basin-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / file.name
        try:
            for ending in ("", "-wal", "-journal"):
                part = file.with_name(file.name + ending)
                if part.is_file():
                    shutil.copyfile(part, copy.with_name(part.name))
            with closing(sqlite3.connect(copy)) as base:
                base.execute("PRAGMA journal_mode = DELETE")
        except OSError as error:
            raise LayerError(
                f"{file.name} cannot be copied ({error.strerror or error})",
                mend="Check the free space of the folder for temporary files.",
                zh=f"{file.name} 无法复制（{error.strerror or error}）",
                mend_zh="检查临时文件夹所在磁盘的剩余空间",
            ) from error
        except sqlite3.Error as error:
            raise damaged(file, str(error)) from error
        yield copy
