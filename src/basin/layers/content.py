"""Is the content of a file what its ending says, whole, and no larger than a reader can bear?

GDAL opens by content, not by ending: a VRT, or a GDAL pipeline in JSON, named ``.gpkg`` or
``.geojson`` makes it read any file or URL. So each file is looked at before GDAL sees it.
"""

from __future__ import annotations

import mmap
import re
import sqlite3
import struct
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from basin.errors import LayerError

__all__ = [
    "FORMATS",
    "MEND_FORMAT",
    "MEND_FORMAT_ZH",
    "MEND_SENDER_ZH",
    "check_file",
    "check_unpacked",
    "check_zip",
    "damaged",
    "deleted_rows",
    "is_unsettled",
    "open_workbook",
    "read_only",
    "sidecar",
]

#: Ending -> format. A ``.gdb`` is a folder.
FORMATS = {
    ".shp": "shapefile",
    ".gpkg": "geopackage",
    ".geojson": "geojson",
    ".json": "geojson",
    ".gdb": "geodatabase",
    ".kml": "kml",
    ".kmz": "zip",
    ".zip": "zip",
    ".fgb": "flatgeobuf",
    ".parquet": "geoparquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}

MEND_FORMAT = (
    "Give a .shp, .gpkg, .geojson, .gdb, .kml, .kmz, .fgb, .parquet, .csv, .tsv, .xlsx or .zip "
    "on this machine."
)

MEND_FORMAT_ZH = (
    "请给出本机上的 .shp、.gpkg、.geojson、.gdb、.kml、.kmz、.fgb、.parquet、.csv、.tsv、"
    ".xlsx 或 .zip"
)
MEND_SENDER_ZH = "不要打开它；请发件人给出数据本身"
_WANTED_ZH = {
    "a GeoPackage": " GeoPackage",
    "a text table": "文本表格",
    "a zip": "压缩包",
    "an Excel workbook (.xlsx)": " Excel 工作簿（.xlsx）",
    "a shapefile": " Shapefile",
}

# What a zip may unpack to: all together, against its packed size, and in number.
_MAX_UNPACKED = 2 << 30
_MAX_RATIO, _RATIO_FROM = 200, 50 << 20
_MAX_PARTS = 10_000

_SHAPEFILE_HEADER = 100
#: The first table of every file geodatabase, and how it begins.
GDB_CATALOG = "a00000001.gdbtable"


def check_file(path: Path) -> str:
    """Return the format of a local file after checking that its content is what its ending says.

    Raises
    ------
    LayerError
        If the ending is not known, the content is something else, or the file is damaged or cut.
    """
    known = FORMATS.get(path.suffix.casefold())
    if known is None:
        old = path.suffix.casefold() == ".xls"
        raise LayerError(
            f"{path.name}: files of this kind are not read",
            mend="Save it as .xlsx." if old else MEND_FORMAT,
            zh=f"{path.name}：不读这种格式的文件",
            mend_zh="在 Excel 中另存为 .xlsx" if old else MEND_FORMAT_ZH,
        )
    if known == "geodatabase":
        _check_geodatabase(path)
        return known
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise LayerError(
            f"{path.name} cannot be opened ({error.strerror})",
            mend="Check the rights to read it.",
            zh=f"{path.name} 打不开（{error.strerror}）",
            mend_zh="检查有没有读取这个文件的权限",
        ) from error
    if not head:
        raise LayerError(
            f"{path.name} is empty",
            mend="Export it again.",
            zh=f"{path.name} 是空文件",
            mend_zh="请重新导出",
        )
    _CHECKS[known](path, head)
    return known


def _refuse(path: Path, wanted: str, head: bytes) -> LayerError:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    xml = text.startswith(b"<")
    looks = "XML (perhaps a VRT)" if xml else "something else"
    looks_zh = " XML（可能是 VRT）" if xml else "别的东西"
    return LayerError(
        f"{path.name} is not {wanted} but {looks}, whatever its name says",
        mend="Do not open it; ask the sender for the data itself.",
        zh=f"{path.name} 的内容不是{_WANTED_ZH.get(wanted, f' {wanted}')}，"
        f"而是{looks_zh}，与文件名不符",
        mend_zh=MEND_SENDER_ZH,
    )


def _check_geopackage(path: Path, head: bytes) -> None:
    if not head.startswith(b"SQLite format 3\0"):
        raise _refuse(path, "a GeoPackage", head)
    try:
        with closing(read_only(path)) as base:
            state = base.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = dict(base.execute("SELECT name, sql FROM sqlite_master").fetchall())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
    if state != "ok":
        raise damaged(path, state)
    if "gpkg_contents" not in tables:
        raise LayerError(
            f"{path.name} is an SQLite file, but not a GeoPackage",
            mend="Save it as .gpkg again.",
            zh=f"{path.name} 是 SQLite 文件，但不是 GeoPackage",
            mend_zh="请重新另存为 .gpkg",
        )
    for name, sql in tables.items():
        # a virtual table can make SQLite open other files; the spatial index is the one allowed
        if re.match(
            r"\s*create\s+virtual\s+table\b(?!.*\busing\s+\"?rtree\b)", sql or "", re.I | re.S
        ):
            raise LayerError(
                f"{path.name} holds the virtual table {name!r}, which is not opened",
                mend="Copy its layers into a new GeoPackage.",
                zh=f"{path.name} 里有虚拟表“{name}”，不予打开",
                mend_zh="请把里面的图层复制到一个新的 GeoPackage",
            )


def is_unsettled(path: Path) -> bool:
    """Tell whether changes to an SQLite file still stand in a file beside it."""
    beside = [path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-journal")]
    return any(p.is_file() and p.stat().st_size > 0 for p in beside)


def read_only(path: Path) -> sqlite3.Connection:
    """Open an SQLite file so that nothing is written, not even beside it."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)


def damaged(path: Path, detail: str, detail_zh: str = "") -> LayerError:
    """Return the error for a file that is cut or spoilt; a library's own words stay as they are."""
    detail = detail.splitlines()[0]
    return LayerError(
        f"{path.name} is damaged ({detail})",
        mend="Ask for the file again or restore a copy.",
        zh=f"{path.name} 已损坏（{detail_zh or detail}）",
        mend_zh="请对方重新发一份，或换用备份",
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
                zh=f"{path.name} 不是 GeoJSON，而是 GDAL 处理流程，与文件名不符",
                mend_zh=MEND_SENDER_ZH,
            )
        if content.find(b'"coordinates"') < 0 and content.find(b'"features"') < 0:
            raise _refuse(path, "GeoJSON", head)


def _check_flatgeobuf(path: Path, head: bytes) -> None:
    if not head.startswith(b"fgb\x03fgb"):
        raise _refuse(path, "FlatGeobuf", head)


def _check_parquet(path: Path, head: bytes) -> None:
    if not head.startswith(b"PAR1"):
        raise _refuse(path, "Parquet", head)
    with path.open("rb") as file:
        file.seek(-4, 2)
        tail = file.read()
    if tail != b"PAR1":
        raise damaged(path, "its end is missing", "文件尾部缺失")


def _check_csv(path: Path, head: bytes) -> None:
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refuse(path, "a text table", head)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"{")):
        raise _refuse(path, "a text table", head)


def _check_kml(path: Path, head: bytes) -> None:
    plain = head.replace(b"\0", b"")  # it may be UTF-16
    if not plain.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<") or b"<kml" not in plain:
        raise _refuse(path, "KML", head)


def _check_geodatabase(path: Path) -> None:
    """A folder is a geodatabase by its first table: GDAL would take one of shapefiles as well."""
    catalog = path / GDB_CATALOG
    if not catalog.is_file():
        raise LayerError(
            f"{path.name} is no file geodatabase: it has no {GDB_CATALOG}",
            mend="Copy the whole .gdb folder, with all the files in it.",
            zh=f"{path.name} 不是文件地理数据库：里面没有 {GDB_CATALOG}",
            mend_zh="请复制整个 .gdb 文件夹，连同里面的全部文件",
        )
    head = catalog.read_bytes()[:4]
    if len(head) < 4 or struct.unpack("<I", head)[0] not in (3, 4):
        raise damaged(path, "its first table is something else", "第一个表不是目录表")


def check_zip(path: Path) -> list[zipfile.ZipInfo]:
    """Return the parts of a zip that are files, after checking what they would unpack to.

    Raises
    ------
    LayerError
        If it is damaged or locked, or has too many parts, or would unpack to too much.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            listed = [part for part in parts.infolist() if not part.is_dir()]
    except Exception as error:  # of a spoilt list zipfile raises nearly anything
        raise damaged(path, str(error) or "no zip", "" if str(error) else "不是压缩包") from error
    if len(listed) > _MAX_PARTS:
        raise LayerError(
            f"{path.name} holds {len(listed)} files: not opened",
            mend=f"Pack only the layers, at most {_MAX_PARTS} files.",
            zh=f"{path.name} 里有 {len(listed)} 个文件，不予打开",
            mend_zh=f"只打包图层文件，最多 {_MAX_PARTS} 个",
        )
    check_unpacked(path, sum(part.file_size for part in listed))
    locked = [part.filename for part in listed if part.flag_bits & 0x1]
    if locked:
        raise LayerError(
            f"{path.name} is locked with a password",
            mend="Unpack it, and pack it without one.",
            zh=f"{path.name} 有密码",
            mend_zh="请解压后不设密码重新打包，或直接给出里面的文件",
        )
    return listed


def check_unpacked(path: Path, unpacked: int) -> None:
    """Refuse a file that would unpack to more bytes than can be borne, for itself or its size.

    Raises
    ------
    LayerError
    """
    packed = path.stat().st_size
    if unpacked > _MAX_UNPACKED or (unpacked > _RATIO_FROM and unpacked > _MAX_RATIO * packed):
        raise LayerError(
            f"{path.name} would unpack to {unpacked >> 20} MB: not opened",
            mend="Split it, or unpack it yourself if you trust the sender.",
            zh=f"{path.name} 解开后有 {unpacked >> 20} MB，不予打开",
            mend_zh="请拆分；若信得过来源，可自己解压后再给出",
        )


def _check_archive(path: Path, head: bytes) -> None:
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise _refuse(path, "a zip", head)
    check_zip(path)


def _check_xlsx(path: Path, head: bytes) -> None:
    if not head.startswith(b"PK\x03\x04"):
        raise _refuse(path, "an Excel workbook (.xlsx)", head)
    if "[Content_Types].xml" not in {part.filename for part in check_zip(path)}:
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
        there = path.stat().st_size
        raise damaged(
            path,
            f"cut: {there} of {stated} bytes are there",
            f"文件被截断：应有 {stated} 字节，只有 {there}",
        )
    shx, dbf = sidecar(path, ".shx"), sidecar(path, ".dbf")
    for part, suffix in ((shx, ".shx"), (dbf, ".dbf")):
        if part is None:
            raise LayerError(
                f"{path.name}: its {suffix} file is missing",
                mend="A shapefile is .shp, .shx, .dbf and .prj together: copy them all, or export "
                "again as .gpkg.",
                zh=f"{path.name}：缺少配套的 {suffix} 文件",
                mend_zh="Shapefile 由 .shp、.shx、.dbf、.prj 组成：请一起复制，或改导出为 .gpkg",
            )
    assert shx is not None  # noqa: S101 - told apart above
    assert dbf is not None  # noqa: S101
    with shx.open("rb") as file:
        head = file.read(_SHAPEFILE_HEADER)
    stated = 2 * struct.unpack(">i", head[24:28])[0] if len(head) == _SHAPEFILE_HEADER else 0
    if not _SHAPEFILE_HEADER <= stated <= shx.stat().st_size:
        raise damaged(shx, "cut", "文件被截断")
    # GDAL reads as many shapes as the head of the index states, whatever follows
    shapes = _check_places(path, shx, (stated - _SHAPEFILE_HEADER) // 8)
    rows = _check_dbf(dbf)
    if rows != shapes:
        raise LayerError(
            f"{path.name} has {shapes} shapes but its table {dbf.name} has {rows} rows",
            mend="The files do not belong together: copy them again.",
            zh=f"{path.name} 有 {shapes} 个图形，而属性表 {dbf.name} 有 {rows} 行",
            mend_zh="这几个文件不是一套：请重新复制",
        )


def _check_places(path: Path, shx: Path, count: int) -> int:
    """Every shape that the index names must lie within the file: GDAL reads the others as null."""
    index = np.fromfile(shx, dtype=">i4", offset=_SHAPEFILE_HEADER, count=2 * count)
    index = index.reshape(-1, 2).astype(np.int64)
    ends = 2 * (index[:, 0] + index[:, 1]) + 8
    beyond = int(((ends > path.stat().st_size) | (index < 0).any(axis=1)).sum())
    if beyond:
        raise damaged(
            path,
            f"cut: {beyond} of {len(index)} shapes are missing",
            f"文件被截断：{len(index)} 个图形缺 {beyond} 个",
        )
    _check_numbers(path, shx, index)
    return len(index)


def _check_numbers(path: Path, shx: Path, index: Any) -> None:
    """Each shape tells its own number: where the index leads to another, features change places."""
    order = np.flatnonzero(index[:, 0] > 0)  # a shape without a place is null
    if not len(order):
        return
    starts = 2 * index[order, 0]
    content = np.memmap(path, dtype=np.uint8, mode="r")
    told = content[starts[:, None] + np.arange(4)].view(">i4").ravel().astype(np.int64)
    # some programs count from 0, or write no number at all
    shift = told - order
    alike = (shift == shift[0]).all() or (told == told[0]).all()
    if not alike or len(np.unique(starts)) < len(starts):
        odd = np.flatnonzero(shift != np.median(shift))
        count, first = max(len(odd), 1), int(order[odd[0]]) + 1 if len(odd) else 1
        raise LayerError(
            f"{shx.name} and {path.name} disagree about {count} of {len(index)} shapes "
            f"(record {first} first)",
            mend="The files do not belong together, or the index is damaged: copy them again, or "
            "let QGIS repair the shapefile.",
            zh=f"{shx.name} 与 {path.name} 对不上："
            f"{len(index)} 个图形中有 {count} 个（从第 {first} 个起）",
            mend_zh="这几个文件不是一套，或索引已损坏：请重新复制，或用 QGIS 修复这个 Shapefile",
        )


def deleted_rows(path: Path) -> int:
    """Count the rows of a .dbf that are marked as deleted: no program shows them."""
    with path.open("rb") as file:
        head = file.read(32)
    rows, first, width = struct.unpack("<IHH", head[4:12])
    if not rows or not width:
        return 0
    table = np.memmap(path, dtype=np.uint8, mode="r", offset=first, shape=(rows, width))
    return int((table[:, 0] == ord("*")).sum())


def _check_dbf(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            raise damaged(path, "cut", "文件被截断")
        rows, first, width = struct.unpack("<IHH", head[4:12])
        listed = file.read(max(0, first - 33))
    widths = [listed[at + 16] for at in range(0, len(listed) - 31, 32)]
    if sum(widths) + 1 > width:
        raise damaged(path, "its fields are wider than its rows", "字段宽度之和超过行宽")
    if path.stat().st_size < first + rows * width:
        there = max(0, path.stat().st_size - first) // max(width, 1)
        raise damaged(
            path,
            f"cut: {there} of {rows} rows are there",
            f"文件被截断：应有 {rows} 行，只有 {there} 行",
        )
    return int(rows)


_CHECKS = {
    "shapefile": _check_shapefile,
    "geopackage": _check_geopackage,
    "geojson": _check_geojson,
    "flatgeobuf": _check_flatgeobuf,
    "geoparquet": _check_parquet,
    "kml": _check_kml,
    "zip": _check_archive,
    "csv": _check_csv,
    "xlsx": _check_xlsx,
}


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
            zh=f"{path.name} 读不了（{type(error).__name__}: {error}）",
            mend_zh="请在 Excel 中打开并重新另存为 .xlsx",
        ) from error
