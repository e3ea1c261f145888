"""Which file is it, and may it be opened? Local files only, and only what their bytes say they are.

GDAL opens by content, not by ending: a VRT, or a GDAL pipeline in JSON, named ``.gpkg`` or
``.geojson`` makes it read any file or URL. So each file is looked at before GDAL sees it.
"""

from __future__ import annotations

import mmap
import re
import sqlite3
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from basin.errors import LayerError
from basin.layers.vocabulary import KINDS, key, schema

__all__ = [
    "FORMATS",
    "check_file",
    "find_layers",
    "is_result",
    "layer_names",
    "local_file",
    "open_workbook",
    "sidecar",
    "unused_files",
]

#: Ending -> format.
FORMATS = {
    ".shp": "shapefile",
    ".gpkg": "geopackage",
    ".geojson": "geojson",
    ".json": "geojson",
    ".fgb": "flatgeobuf",
    ".parquet": "geoparquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}

#: Tables that only answers of `basin` hold: a file with one of them is no input.
RESULT_LAYERS = frozenset(
    {"network_issues", "site_findings", "section_items", "trace_left_out", "problems"}
)
#: What the workbooks of `basin.reports` name as their maker.
REPORT_CREATOR = "basin"

_MEND_FORMAT = (
    "Give a .shp, .gpkg, .geojson, .fgb, .parquet, .csv, .tsv or .xlsx file on this machine."
)
_REMOTE = re.compile(r"://|^/?vsi|^[A-Za-z][A-Za-z0-9+.-]+:", re.IGNORECASE)

# A workbook is a zip: what it may unpack to, all together and against its packed size.
_MAX_UNPACKED = 1 << 30
_MAX_RATIO, _RATIO_FROM = 200, 50 << 20

_SHAPEFILE_HEADER = 100


def local_file(source: str | Path) -> Path:
    """Return the path of an existing local file, refusing anything that GDAL would fetch.

    Raises
    ------
    LayerError
        For URLs, ``/vsi…`` paths, ``DRIVER:…`` strings, folders, devices, and what is not there.
    """
    text = str(source)
    if _REMOTE.search(text) or "\0" in text:
        raise LayerError(f"{text!r} is not a local file", mend=_MEND_FORMAT)
    path = Path(source).expanduser().resolve()
    if str(path).startswith("/vsi"):
        raise LayerError(f"{text!r} is not a local file", mend=_MEND_FORMAT)
    if not path.exists():
        raise LayerError(f"there is no file {text!r}", mend="Check the path.")
    if not path.is_file():
        raise LayerError(f"{text!r} is not a file", mend=_MEND_FORMAT)
    return path


def check_file(path: Path) -> str:
    """Return the format of a local file after checking that its content is what its ending says.

    Raises
    ------
    LayerError
        If the ending is not known, the content is something else, or the file is damaged or cut.
    """
    known = FORMATS.get(path.suffix.casefold())
    if known is None:
        hint = "Save it as .xlsx." if path.suffix.casefold() == ".xls" else _MEND_FORMAT
        raise LayerError(f"{path.name}: files of this kind are not read", mend=hint)
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise LayerError(f"{path.name} is empty", mend="Export it again.")
    _CHECKS[known](path, head)
    return known


def _refuse(path: Path, wanted: str, head: bytes) -> LayerError:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    looks = "XML (perhaps a VRT)" if text.startswith(b"<") else "something else"
    return LayerError(
        f"{path.name} is not {wanted} but {looks}, whatever its name says",
        mend="Do not open it; ask the sender for the data itself.",
    )


def _check_geopackage(path: Path, head: bytes) -> None:
    if not head.startswith(b"SQLite format 3\0"):
        raise _refuse(path, "a GeoPackage", head)
    try:
        with closing(_read_only(path)) as base:
            state = base.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = dict(base.execute("SELECT name, sql FROM sqlite_master").fetchall())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    if state != "ok":
        raise _damaged(path, state)
    if "gpkg_contents" not in tables:
        raise LayerError(
            f"{path.name} is an SQLite file, but not a GeoPackage", mend="Save it as .gpkg again."
        )
    for name, sql in tables.items():
        # a virtual table can make SQLite open other files; the spatial index is the one allowed
        if re.match(
            r"\s*create\s+virtual\s+table\b(?!.*\busing\s+\"?rtree\b)", sql or "", re.I | re.S
        ):
            raise LayerError(
                f"{path.name} holds the virtual table {name!r}, which is not opened",
                mend="Copy its layers into a new GeoPackage.",
            )


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def _damaged(path: Path, detail: str) -> LayerError:
    return LayerError(
        f"{path.name} is damaged ({detail.splitlines()[0]})",
        mend="Ask for the file again or restore a copy.",
    )


def _check_geojson(path: Path, head: bytes) -> None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"{"):
        raise _refuse(path, "GeoJSON", head)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(b"gdal_streamed_alg") >= 0:
            raise LayerError(
                f"{path.name} is not GeoJSON but a GDAL pipeline, whatever its name says",
                mend="Ask the sender for the data itself.",
            )
        if content.find(b'"coordinates"') < 0 and content.find(b'"features"') < 0:
            raise _refuse(path, "GeoJSON", head)


def _check_flatgeobuf(path: Path, head: bytes) -> None:
    if not head.startswith(b"fgb\x03fgb"):
        raise _refuse(path, "FlatGeobuf", head)


def _check_parquet(path: Path, head: bytes) -> None:
    with path.open("rb") as file:
        file.seek(-4, 2)
        tail = file.read()
    if not head.startswith(b"PAR1"):
        raise _refuse(path, "Parquet", head)
    if tail != b"PAR1":
        raise _damaged(path, "its end is missing")


def _check_csv(path: Path, head: bytes) -> None:
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refuse(path, "a text table", head)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"{")):
        raise _refuse(path, "a text table", head)


def _check_xlsx(path: Path, head: bytes) -> None:
    if not head.startswith(b"PK\x03\x04"):
        raise _refuse(path, "an Excel workbook (.xlsx)", head)
    try:
        with zipfile.ZipFile(path) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
            names = set(parts.namelist())
    except zipfile.BadZipFile as error:
        raise _damaged(path, str(error)) from error
    packed = path.stat().st_size
    if unpacked > _MAX_UNPACKED or (unpacked > _RATIO_FROM and unpacked > _MAX_RATIO * packed):
        raise LayerError(
            f"{path.name} would unpack to {unpacked >> 20} MB: not opened",
            mend="Split the workbook, or save the sheet as .csv.",
        )
    if "[Content_Types].xml" not in names:
        raise _refuse(path, "an Excel workbook (.xlsx)", head)


def sidecar(path: Path, suffix: str) -> Path | None:
    """Return the file beside `path` with the same stem and this ending in any case, or None."""
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    wanted = (path.stem + suffix).casefold()
    return next((p for p in path.parent.iterdir() if p.name.casefold() == wanted), None)


def _check_shapefile(path: Path, head: bytes) -> None:
    if struct.unpack(">i", head[:4].rjust(4, b"\0"))[0] != 9994 or len(head) < _SHAPEFILE_HEADER:
        raise _refuse(path, "a shapefile", head)
    stated = 2 * struct.unpack(">i", head[24:28])[0]
    if path.stat().st_size < stated:
        raise _damaged(path, f"cut: {path.stat().st_size} of {stated} bytes are there")
    shx, dbf = sidecar(path, ".shx"), sidecar(path, ".dbf")
    for part, suffix in ((shx, ".shx"), (dbf, ".dbf")):
        if part is None:
            raise LayerError(
                f"{path.name}: its {suffix} file is missing",
                mend="A shapefile is .shp, .shx, .dbf and .prj together: copy them all, or export "
                "again as .gpkg.",
            )
    assert shx is not None  # noqa: S101 - told apart above
    assert dbf is not None  # noqa: S101
    with shx.open("rb") as file:
        head = file.read(_SHAPEFILE_HEADER)
    if (
        len(head) < _SHAPEFILE_HEADER
        or shx.stat().st_size < 2 * struct.unpack(">i", head[24:28])[0]
    ):
        raise _damaged(shx, "cut")
    shapes = (shx.stat().st_size - _SHAPEFILE_HEADER) // 8
    rows = _check_dbf(dbf)
    if rows != shapes:
        raise LayerError(
            f"{path.name} has {shapes} shapes but its table {dbf.name} has {rows} rows",
            mend="The files do not belong together: copy them again.",
        )


def _check_dbf(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(32)
    if len(head) < 32:
        raise _damaged(path, "cut")
    rows, first, width = struct.unpack("<IHH", head[4:12])
    if path.stat().st_size < first + rows * width:
        there = max(0, path.stat().st_size - first) // max(width, 1)
        raise _damaged(path, f"cut: {there} of {rows} rows are there")
    return int(rows)


_CHECKS = {
    "shapefile": _check_shapefile,
    "geopackage": _check_geopackage,
    "geojson": _check_geojson,
    "flatgeobuf": _check_flatgeobuf,
    "geoparquet": _check_parquet,
    "csv": _check_csv,
    "xlsx": _check_xlsx,
}


# ---------------------------------------------------------------- what is in a file or a folder


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the layers in a file: tables of a GeoPackage, sheets of a workbook.

    A file of one layer gives its own name without the ending. Nothing is written or changed.

    Raises
    ------
    LayerError
        If it is not a local file of a known kind, or is damaged.
    """
    file = local_file(path)
    known = check_file(file)
    if known == "geopackage":
        with closing(_read_only(file)) as base:
            found = base.execute(
                "SELECT table_name FROM gpkg_contents "
                "WHERE data_type IN ('features', 'attributes') AND table_name <> 'layer_styles' "
                "ORDER BY rowid"
            ).fetchall()
        return [str(name) for (name,) in found]
    if known == "xlsx":
        with open_workbook(file) as book:
            return [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    return [file.stem]


@contextmanager
def open_workbook(path: Path, *, results: bool = True) -> Iterator[Any]:
    """Open a workbook for reading: values, or the formulas themselves if not `results`.

    Raises
    ------
    LayerError
        For whatever openpyxl, its XML parser or the zip below it meet in a damaged file.
    """
    from openpyxl import load_workbook

    try:
        with closing(load_workbook(path, read_only=True, data_only=results)) as book:
            yield book
    except LayerError:
        raise
    except Exception as error:
        raise LayerError(
            f"{path.name} cannot be read ({type(error).__name__}: {error})",
            mend="Open it in Excel and save it again as .xlsx.",
        ) from error


def find_layers(place: str | Path) -> dict[str, list[tuple[Path, str | None]]]:
    """Find the layers with canonical names (or their Chinese names) in a folder or a GeoPackage.

    Parameters
    ----------
    place
        A folder (its sub-folders are not searched) or one file.

    Returns
    -------
    dict
        Layer kind -> its sources as (file, layer in the file or None), in the order of the contract
        and by file name. A kind may have several sources (``sites.xlsx`` and ``sites.geojson``).
        Files that are damaged or not what they claim are left out: reading them raises.

    Raises
    ------
    LayerError
        If there is no such folder or file.
    """
    where = Path(place)
    files = _candidates(where) if where.is_dir() else [local_file(where)]
    found: dict[str, list[tuple[Path, str | None]]] = {}
    for file in files:
        for kind, layer in _kinds_in(file, alone=not where.is_dir()):
            found.setdefault(kind, []).append((file, layer))
    return {kind: found[kind] for kind in KINDS if kind in found}


def _candidates(folder: Path) -> list[Path]:
    return sorted(
        p.resolve()
        for p in folder.iterdir()
        if p.suffix.casefold() in FORMATS and not p.name.startswith((".", "~")) and p.is_file()
    )


def _kind_named(name: str) -> str | None:
    return next((k for k in KINDS if key(name) in {key(n) for n in schema(k).names}), None)


def _kinds_in(file: Path, *, alone: bool) -> Iterator[tuple[str, str | None]]:
    """A file's own name decides; a file of another name is searched for layers inside."""
    kind = _kind_named(file.stem)
    if kind:
        yield kind, None
        if not alone:
            return
    if FORMATS[file.suffix.casefold()] not in ("geopackage", "xlsx"):
        return
    try:
        names = layer_names(file)
    except LayerError:
        return
    if RESULT_LAYERS.intersection(names) or _written_as_report(file):
        return  # an answer of an earlier run is no input of the next
    for name in names:
        inside = _kind_named(name)
        if inside and inside != kind:
            yield inside, name


def _written_as_report(file: Path) -> bool:
    if FORMATS[file.suffix.casefold()] != "xlsx":
        return False
    with open_workbook(file) as book:
        return bool(book.properties.creator == REPORT_CREATOR)


def unused_files(folder: str | Path, found: Mapping[str, Any]) -> list[str]:
    """Name the files of a folder that could hold a layer and are not among `found`."""
    used = {file for sources in found.values() for file, _ in sources}
    return [p.name for p in _candidates(Path(folder)) if p not in used and not is_result(p)]


def is_result(file: Path) -> bool:
    """Tell whether a file holds the answers of an earlier run: no input of the next."""
    try:
        return bool(RESULT_LAYERS.intersection(layer_names(file))) or _written_as_report(file)
    except LayerError:
        return False
