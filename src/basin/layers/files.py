"""From a file to a table as it stands there, every row counted: one reader a format."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._run import note_input
from basin.errors import LayerError
from basin.layers.archives import packed_sources, pick_packed, unpacked
from basin.layers.content import MEND_SENDER_ZH, check_file, damaged, deleted_rows, sidecar
from basin.layers.database import is_database, read_table
from basin.layers.encodings import Choice, choose, dbf_choice, decode_dbf, note_choice
from basin.layers.geojson import check_features, stated_system
from basin.layers.geopackage import check_table, is_left_open, settled
from basin.layers.kml import read_kml
from basin.layers.parquet import check_text, read_parquet
from basin.layers.problems import Notes
from basin.layers.sources import local_file, names_inside
from basin.layers.tables import pick_layer, read_csv, read_xlsx
from basin.layers.vocabulary import Schema

__all__ = ["Raw", "read_source"]

# Who may read what: a file that another driver claims is not what its ending says.
_DRIVERS = {
    "shapefile": {"ESRI Shapefile"},
    "geopackage": {"GPKG"},
    "flatgeobuf": {"FlatGeobuf"},
    "geodatabase": {"OpenFileGDB"},
}
# Nothing is fetched: no file system over the network, and a proxy where no one listens.
_NO_NETWORK = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_HTTP_PROXY": "127.0.0.1:9",
    "GDAL_HTTPS_PROXY": "127.0.0.1:9",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
}


@dataclass(frozen=True)
class _Wanted:
    """What is to be read: the kind of layer, and what the user says about it."""

    schema: Schema
    layer: str | None
    encoding: str | None
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Raw:
    """A table as it stands in its file.

    Attributes
    ----------
    table : DataFrame or GeoDataFrame
        The rows of the file in their order, RangeIndex.
    cut_in : str or None
        Encoding of headings that the format cuts (a shapefile), else None.
    encoding : str
        Of the text, where the format leaves a choice; else "".
    """

    table: Any
    cut_in: str | None = None
    encoding: str = ""


def read_source(
    source: str | Path,
    wanted: Schema,
    notes: Notes,
    *,
    layer: str | None = None,
    encoding: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Raw:
    """Open one layer of a local file, with headings and cells as they stand there.

    `wanted` (and `columns`) only tell the heading of a text table from the remarks above it, and
    one layer of several by its name.

    Raises
    ------
    LayerError
        If it is not what its ending says, damaged or cut, or which of its layers is meant is not
        clear.
    """
    if is_database(source):
        return Raw(read_table(str(source), layer, notes))
    path = local_file(source)
    note_input(path)
    notes.file = path.name
    with settled(path) as whole:
        if whole != path:
            notes.add("geopackage_open")
        return _read(whole, _Wanted(wanted, layer, encoding, dict(columns or {})), notes)


def _read(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    return _READERS[check_file(path)](path, wanted, notes)


def _zip(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    source, layer = pick_packed(path, packed_sources(path), wanted.schema, wanted.layer)
    if path.suffix.casefold() != ".kmz":
        notes.file = f"{path.name}/{source.title}{source.suffix}"
    with unpacked(path, source) as file:
        return _read_inside(path, file, replace(wanted, layer=layer), notes)


def _read_inside(path: Path, file: Path, wanted: _Wanted, notes: Notes) -> Raw:
    try:
        return _read(file, wanted, notes)
    except LayerError as error:
        what = str(error).removesuffix(error.mend).strip()
        raise LayerError(
            f"in {path.name}: {what}",
            mend=error.mend,
            zh=f"{path.name} 中：{error.zh}" if error.zh else "",
            mend_zh=error.mend_zh,
        ) from error


def _csv(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    table, used = read_csv(
        path, wanted.schema, encoding=wanted.encoding, columns=wanted.columns, notes=notes
    )
    return Raw(table, encoding=used)


def _xlsx(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    return Raw(
        read_xlsx(path, wanted.schema, sheet=wanted.layer, columns=wanted.columns, notes=notes)
    )


def _kml(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    table, used = read_kml(path, folder=wanted.layer, encoding=wanted.encoding, notes=notes)
    return Raw(table, encoding=used)


def _shapefile(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    choice = dbf_choice(path, wanted.encoding)
    dbf = sidecar(path, ".dbf")
    gone = deleted_rows(dbf) if dbf else 0
    table = _gdal(path, notes, known="shapefile", gone=gone, encoding="ISO-8859-1")
    if gone:
        notes.add("rows_deleted", count=gone)
    table = _decode(table, choice, notes)
    return Raw(table, cut_in=choice.encoding, encoding=choice.encoding)


def _layered(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    """Read a GeoPackage or a file geodatabase."""
    known = "geodatabase" if path.is_dir() else "geopackage"
    names = names_inside(path, known)
    name = pick_layer(path, names, wanted.schema, wanted.layer)
    if name is None:
        raise LayerError(
            f"{path.name} has several layers, and which one holds {wanted.schema.kind} is not "
            "clear",
            mend=f"Give layer= one of: {', '.join(names)}.",
            zh=f"{path.name} 里有多个图层，不清楚哪一个是 "
            f"{wanted.schema.kind}（{wanted.schema.names[1]}）",
            mend_zh=f'用 layer = "…" 写明是哪一个：{", ".join(names)}',
        )
    if known == "geodatabase":
        return Raw(_gdal(path, notes, known=known, layer=name))
    check_table(path, name)
    if is_left_open(path):
        notes.add("geopackage_wal_absent")
    # SQLite would leave files beside it, or settle it, only to read
    return Raw(_gdal(path, notes, known=known, layer=name, IMMUTABLE="YES"))


def _flatgeobuf(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    return Raw(_gdal(path, notes, known="flatgeobuf"))


def _gdal(
    path: Path,
    notes: Notes,
    *,
    known: str = "",
    gone: int = 0,
    content: bytes | None = None,
    **options: Any,
) -> Any:
    """Read by GDAL without a way to the network; what it warns of becomes a note."""
    import pyogrio

    # second line of defence: the content was checked before (`content.check_file`)
    pyogrio.set_gdal_config_options(_NO_NETWORK)
    # Arrow spares a copy of every value; of a FlatGeobuf with null geometries GDAL 3.12 dies by it
    if known == "geopackage" and find_spec("pyarrow"):
        options["use_arrow"] = True
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            stated = _stated_rows(path, known, options) if known in _DRIVERS else -1
            table = pyogrio.read_dataframe(path if content is None else content, **options)
        if "use_arrow" in options:
            check_text(table)
    except LayerError:
        raise
    except Exception as error:  # GDAL, GEOS and numpy each raise their own
        raise LayerError(
            f"{path.name} cannot be read ({error})",
            mend="Export it again, or ask for a new copy.",
            zh=f"{path.name} 读不了（{error}）",
            mend_zh="请重新导出，或请对方重新发一份",
        ) from error
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(_NO_NETWORK))
    for note in dict.fromkeys(str(c.message) for c in caught):
        notes.add("gdal_note", note=note)
    if len(table) + gone < stated:
        raise damaged(
            path,
            f"it states {stated - gone} rows, and {len(table)} can be read",
            f"应有 {stated - gone} 行，只能读出 {len(table)} 行",
        )
    notes.rows = np.arange(len(table)) + 2
    return _distinct(table)


def _distinct(table: Any) -> Any:
    """Number headings that a damaged file has twice; the geometry keeps its name."""
    if not table.columns.duplicated().any():
        return table
    taken = {"geometry"} if isinstance(table, gpd.GeoDataFrame) else set()
    names = []
    for at, name in enumerate(table.columns):
        own = name if at == len(table.columns) - 1 and name == "geometry" else _free(name, taken)
        names.append(own)
        taken.add(own)
    table.columns = pd.Index(names)
    return table


def _free(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}.{number}"
    return found


def _stated_rows(path: Path, known: str, options: Mapping[str, Any]) -> int:
    """How many rows the file says that it has; -1 if it does not say."""
    import pyogrio

    told = {k: v for k, v in options.items() if k in ("layer", "encoding", "IMMUTABLE")}
    info = pyogrio.read_info(path, **told)
    if info["driver"] not in _DRIVERS[known]:
        raise LayerError(
            f"{path.name} is not what its name says, but {info['driver']}",
            mend="Ask the sender for the data itself.",
            zh=f"{path.name} 的内容是 {info['driver']}，与文件名不符",
            mend_zh=MEND_SENDER_ZH,
        )
    return int(info["features"])


def _decode(table: Any, choice: Choice, notes: Notes) -> Any:
    """Turn what GDAL read byte by byte into text, headings included."""
    note_choice(choice, notes)
    new = {}
    for name in table.columns:
        if name != "geometry" and pd.api.types.is_string_dtype(table[name].dtype):
            new[name], lost = decode_dbf(table[name], choice)
            heading = name.encode("latin-1", "ignore").decode(choice.encoding, "ignore")
            notes.add("bytes_lost", lost, column=heading, encoding=choice.encoding)
    result = table.assign(**new)
    headings: list[str] = []
    for name in result.columns:
        plain = name.encode("latin-1", "ignore").decode(choice.encoding, "ignore")
        repeated = sum(h == plain or h.startswith(f"{plain}.") for h in headings)
        headings.append(f"{plain}.{repeated + 1}" if plain in headings else plain)
    return result.rename(columns=dict(zip(result.columns, headings, strict=True)))


def _geojson(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    """GeoJSON is UTF-8 by its standard; files in GBK exist all the same."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    choice = choose(data, file=path.name, given=wanted.encoding)
    text = data if choice.encoding == "utf-8" else data.decode(choice.encoding).encode("utf-8")
    stated = stated_system(path, text, wanted.schema.kind)
    if text is data:
        table = _gdal(path, notes)
    else:
        note_choice(choice, notes)
        table = _gdal(path, notes, content=text)
    if stated is not None and isinstance(table, gpd.GeoDataFrame):
        # GDAL takes a name that it does not know for WGS 84
        known = table.crs is not None and table.crs.equals(stated, ignore_axis_order=True)
        table = table if known else table.set_crs(stated, allow_override=True)
    check_features(path, text, len(table))
    return Raw(table, encoding=choice.encoding)


def _parquet(path: Path, wanted: _Wanted, notes: Notes) -> Raw:
    table = read_parquet(path)
    notes.rows = np.arange(len(table)) + 2
    return Raw(table.reset_index(drop=True))


_READERS = {
    "shapefile": _shapefile,
    "geopackage": _layered,
    "geodatabase": _layered,
    "flatgeobuf": _flatgeobuf,
    "geojson": _geojson,
    "geoparquet": _parquet,
    "kml": _kml,
    "csv": _csv,
    "xlsx": _xlsx,
    "zip": _zip,
}
