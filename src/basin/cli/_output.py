"""What commands print and write: tables on the screen, JSON, files, and problems."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from basin._terminal import printable

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = [
    "files_as_json",
    "hint",
    "list_problems",
    "print_json",
    "print_table",
    "report_problems",
    "say",
    "say_files",
    "write_result",
]

#: Rows of each table by name, by the file that they were written to.
Written = dict[Path, dict[str, int]]


def say(text: str) -> None:
    """Print a line of the result; nothing in it steers the terminal."""
    click.echo(printable(text))


def hint(text: str) -> None:
    """Print a line beside the result, on stderr."""
    click.echo(printable(text), err=True)


def print_table(frame: Any, *, title: str = "", most: int = 40) -> None:
    """Print a frame as a table; say how many rows were not shown."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in frame.columns:
        table.add_column(Text(printable(str(column))), overflow="fold")
    for row in frame.head(most).itertuples(index=False):
        # Text, not str: square brackets in data are no markup
        table.add_row(*(Text(printable(_cell(value))) for value in row))
    # a file or a pipe has no width of its own: do not fold there as on a narrow screen
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    if len(frame) > most:
        say(f"… +{len(frame) - most}")


def _cell(value: Any) -> str:
    import pandas as pd

    if not isinstance(value, list | tuple | dict) and pd.isna(value):
        return "—"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return str(value)


def _json(tables: dict[str, Any]) -> str:
    """Tables as JSON: records, NaN as null, geometry as WKT."""
    import json

    text = json.dumps({k: _records(v) for k, v in tables.items()}, ensure_ascii=False, indent=1)
    # what is left of characters that steer a terminal stands in strings: told by its number
    return "".join(c if printable(c) == c else f"\\u{ord(c):04x}" for c in text)


def print_json(tables: dict[str, Any]) -> None:
    """Print tables as JSON."""
    click.echo(_json(tables))


def _records(table: Any) -> Any:
    import json

    import pandas as pd

    if isinstance(table, pd.Series):
        return json.loads(table.to_json(date_format="iso", force_ascii=False))
    if not isinstance(table, pd.DataFrame):
        return table
    plain = pd.DataFrame(table)
    for column in plain.columns[plain.dtypes.astype(str) == "geometry"]:
        plain[column] = table[column].to_wkt(rounding_precision=8)
    if plain.index.name:
        plain = plain.reset_index()
    return json.loads(plain.to_json(orient="records", date_format="iso", force_ascii=False))


def write_result(
    path: Path,
    tables: dict[str, Any],
    *,
    printed: dict[str, Any],
    basin: Basin,
    overwrite: bool,
    result: Any = None,
    also: Iterable[Any] = (),
    also_read: Path | None = None,
    project: str = "",
) -> Written:
    """Write a result in the format of the ending, and say which files were written.

    Parameters
    ----------
    path
        ``.json`` takes what ``--json`` prints; ``.html``, ``.docx`` and ``.xlsx`` the report of
        `result`, where it has one; any other ending is that of a layer file.
    tables
        The main table first: in formats of one table it is at `path`, the others beside it.
    printed
        What ``--json`` prints.
    also
        For the report, as in `basin.reports.write_report`.
    basin
        Its inputs are never written over, nor is `also_read`.
    project
        Title of a QGIS project beside a GeoPackage; "" is none.
    """
    from basin.errors import LayerError
    from basin.layers import atomic_write, files_written, write_files
    from basin.layers.write import ENDINGS
    from basin.reports import ENDINGS as DOCUMENTS

    lang, ending = basin.lang, path.suffix.casefold()
    told = DOCUMENTS if result is not None else ()
    alone = ending == ".json" or ending in told
    if not alone and ending not in ENDINGS:
        known = dict.fromkeys((*ENDINGS, ".json", *told))
        raise LayerError(
            f"{path.name}: this result is not written in this format",
            mend=f"Use one of: {', '.join(known)}.",
            zh=f"{path.name}：不能写成这种格式",
            mend_zh=f"可用的有：{'、'.join(known)}",
        )
    files = [path] if alone else files_written(path, tables, project=project)
    basin.refuse_inputs(files, *([also_read] if also_read else []))
    if ending == ".json":
        with atomic_write(path, overwrite=overwrite) as temporary:
            temporary.write_text(_json(printed) + "\n", encoding="utf-8")
        written = {path: {k: len(v) for k, v in printed.items() if hasattr(v, "__len__")}}
    elif ending in told:
        from basin.reports import write_report

        write_report(
            result, path, lang=lang, also=also, annex=basin.annex(result), overwrite=overwrite
        )
        written = {path: {}}
    else:
        written = write_files(path, tables, overwrite=overwrite, lang=lang, project=project)
    say_files(written)
    return written


def say_files(written: Written) -> None:
    """Name the files that were written and the rows of their tables, on stderr."""
    for path, tables in written.items():
        counts = ", ".join(f"{name} {rows}" for name, rows in tables.items())
        hint(f"→ {path}" + (f" ({counts})" if counts else ""))


def files_as_json(written: Written) -> dict[str, Any]:
    """Return the files written as plain values for ``--json``."""
    return {"files": [{"path": str(p), "tables": tables} for p, tables in written.items()]}


def report_problems(basin: Basin) -> None:
    """Nothing found while reading stays silent: say how many problems there are and where."""
    mark = "缺" if basin.lang == "zh" else "missing"
    for sentence in basin.missing:
        hint(f"! {mark} {sentence}")
    from basin.layers import problems_frame, shown_source

    serious = [p for p in basin.problems if p.severity != "info"]
    own = {shown_source(source.path) for given in basin.sources.values() for source in given}
    asked = [p for p in serious if p.layer == "sites" and p.file not in own]
    if asked:  # of --at or SITES: no part of the project, so `basin validate` does not see them
        list_problems(problems_frame(asked, basin.lang), basin.lang, hint)
    serious = [p for p in serious if p not in asked]
    if not serious:
        return
    layers = ", ".join(dict.fromkeys(p.file or p.layer for p in serious))
    hint(
        f"所读图层有 {len(serious)} 处须核实（{layers}）；全部问题见：basin validate {basin.folder}"
        if basin.lang == "zh"
        else f"{len(serious)} things to verify in the layers read ({layers}); "
        f"all of them: basin validate {basin.folder}"
    )


def list_problems(problems: Any, lang: str, say: Callable[[str], None] = say) -> None:
    """Print one problem a paragraph: how grave, where, what, and how to mend it."""
    from basin.standards import label

    for row in problems.itertuples(index=False):
        where = row.file or row.layer
        say(f"[{label('severity', row.severity, lang)}] {where}: {row.problem}")
        say(f"      → {row.mend}")
