"""Write layers: one writer a format, each by `atomic_write`."""

from __future__ import annotations

import datetime as dt
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._archive import without_clock
from basin.errors import LayerError
from basin.layers.atomic import atomic_write, stage, whole_set
from basin.layers.exports import need_shapes, write_dxf, write_kml
from basin.layers.style_table import STYLES, write_styles
from basin.layers.styles import layer_style

__all__ = ["ENDINGS", "SHAPEFILE_PARTS", "fields_file", "write_layers"]

#: QGIS 3.22 opens 1.2 without a warning; GDAL's own default (1.4) makes it complain.
_GPKG_VERSION = "1.2"
_CLOCK = "OGR_CURRENT_DATE"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SHEET_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
_SHEET_NAME, _CELL_TEXT, _SHEET_ROWS = 31, 32_767, 1_048_576
_SHAPEFILE_NAME = 10
SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg")
_SHAPEFILE_INDEXES = (".sbn", ".sbx", ".qix", ".fbn", ".fbx", ".ain", ".aih", ".ixs", ".mxs")
_WORDS = {
    "zh": {"field": "字段", "column": "列名"},
    "en": {"field": "field", "column": "column"},
}


def write_layers(
    path: str | Path, tables: Mapping[str, Any], *, overwrite: bool = False, lang: str = "zh"
) -> Path:
    """Write tables to one file, whole or not at all; the ending chooses the format.

    Parameters
    ----------
    path
        ``.gpkg`` (GeoPackage 1.2, any number of layers, those of results with a style for QGIS),
        ``.geojson`` (RFC 7946, WGS 84), ``.csv`` (UTF-8 with a mark for Excel), ``.xlsx`` (a sheet
        a table), ``.shp`` (only where asked for: short field names, listed in
        ``<name>_fields.csv``), ``.kml`` (WGS 84), ``.dxf`` (drawings, in metres). Only ``.gpkg``
        and ``.xlsx`` hold more than one table.
    tables
        Name -> GeoDataFrame or DataFrame. A named index becomes a column. Lists become text,
        infinite numbers null.
    overwrite
        False refuses an existing file.
    lang : {'zh', 'en'}
        Of the legends in a GeoPackage, and of the headings in the field list of a shapefile.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    LayerError
        If the file exists, the ending is not known, or the format cannot hold the tables.
    """
    target = Path(path)
    suffix = target.suffix.casefold()
    if suffix not in ENDINGS:
        raise LayerError(
            f"{target.name}: layers are not written in this format",
            mend=f"Use one of: {', '.join(ENDINGS)}.",
            zh=f"{target.name}：不能写成这种格式",
            mend_zh=f"可用的有：{'、'.join(ENDINGS)}",
        )
    if not tables:
        raise LayerError(
            "there is nothing to write",
            mend="Give at least one table.",
            zh="没有可写的内容",
            mend_zh="至少给出一个表",
        )
    if suffix not in (".gpkg", ".xlsx") and len(tables) > 1:
        raise LayerError(
            f"{target.name} can hold one table, not {len(tables)}",
            mend="Write a .gpkg (or .xlsx), or one table at a time.",
            zh=f"{target.name} 只能放一个表，给了 {len(tables)} 个",
            mend_zh="改写 .gpkg（或 .xlsx），或一次写一个表",
        )
    for name in tables:
        if _CONTROL.search(name):
            raise LayerError(
                f"{name!r} cannot be the name of a layer",
                mend="Give a plain name.",
                zh=f"{name!r} 不能作图层名",
                mend_zh="请用普通文字命名",
            )
    plain = {name: _plain(table) for name, table in tables.items()}
    try:
        if suffix == ".shp":
            return _write_shapefile(target, plain, overwrite=overwrite, lang=lang)
        with atomic_write(target, overwrite=overwrite) as temporary:
            if suffix in _EXPORTS:
                ((name, table),) = plain.items()
                _EXPORTS[suffix](temporary, name, table, lang=lang)
            else:
                _WRITERS[suffix](temporary, plain)
            if suffix == ".gpkg":
                _style_gpkg(temporary, plain, lang)
    except (LayerError, OSError):
        raise
    except Exception as error:  # GDAL and openpyxl raise their own
        raise LayerError(
            f"{target} cannot be written ({error})",
            mend="Check the free space; an existing file was left as it was.",
            zh=f"{target} 写不了（{error}）",
            mend_zh="请检查剩余空间；原有文件没有动",
        ) from error
    return target


def _plain(table: Any) -> Any:
    """A flat copy that every format can hold: no index, no lists, no infinite numbers."""
    flat = table.copy(deep=False)
    if any(n is not None for n in flat.index.names):
        flat = flat.reset_index(
            drop=all(n in flat.columns for n in flat.index.names if n is not None)
        )
    flat = flat.reset_index(drop=True)
    flat.columns = _unique([_CONTROL.sub("", str(c)) for c in flat.columns])
    geometry = flat.geometry.name if isinstance(flat, gpd.GeoDataFrame) else None
    for name in flat.columns:
        if name != geometry:
            flat[name] = _plain_column(flat[name])
    return flat


def _unique(names: list[str]) -> list[str]:
    """SQLite knows no case, and keeps ``fid`` for itself."""
    seen = {"fid", "geom"}
    result = []
    for name in names:
        free, number = name, 2
        while free.casefold() in seen and name != "geometry":
            free, number = f"{name}_{number}", number + 1
        seen.add(free.casefold())
        result.append(free)
    return result


def _plain_column(column: pd.Series[Any]) -> pd.Series[Any]:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_integer_dtype(dtype):
        return column
    if pd.api.types.is_float_dtype(dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return pd.Series(np.where(np.isfinite(values), values, np.nan), index=column.index)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return column
    texts = [_text(v) for v in column.astype(object)]
    return pd.Series(texts, index=column.index, dtype="str")


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return _CONTROL.sub("", value)
    if isinstance(value, shapely.Geometry):
        return str(shapely.to_wkt(value, rounding_precision=7))
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return ", ".join(str(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    if value is None or pd.isna(value):
        return None
    if isinstance(value, np.bool_ | bool):
        return "true" if value else "false"
    return _CONTROL.sub("", str(value))


def _gdal_write(table: Any, path: Path, **options: Any) -> None:
    import pyogrio

    if isinstance(table, gpd.GeoDataFrame):
        types = table.geometry.geom_type.dropna().unique()
        if len(types) == 0:
            options["geometry_type"] = "Unknown"
    with warnings.catch_warnings():
        # a value too wide for a shapefile column and the like; the formats are ours to choose
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(table, path, **options)


def _write_gpkg(path: Path, tables: Mapping[str, Any]) -> None:
    with _fixed_clock():
        for name, table in zip(_differing(list(tables)), tables.values(), strict=True):
            _gdal_write(
                table, path, driver="GPKG", layer=name, dataset_options={"VERSION": _GPKG_VERSION}
            )


def _style_gpkg(path: Path, tables: Mapping[str, Any], lang: str) -> None:
    named = zip(_differing(list(tables)), tables.values(), strict=True)
    styles = {name: style for name, table in named if (style := layer_style(table, lang, name))}
    write_styles(path, styles, day=_day_of_writing())


@contextmanager
def _fixed_clock() -> Iterator[None]:
    """Let GDAL date its tables (``last_change``) by a fixed day: equal input gives equal bytes."""
    import pyogrio

    before = pyogrio.get_gdal_config_option(_CLOCK)
    pyogrio.set_gdal_config_options({_CLOCK: _day_of_writing().strftime("%Y-%m-%dT%H:%M:%S.000Z")})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({_CLOCK: before})


def _day_of_writing() -> dt.datetime:
    """``SOURCE_DATE_EPOCH`` (seconds, as reproducible builds state it), else 1980-01-01."""
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    if stated.isdecimal():
        with suppress(ValueError, OverflowError, OSError):
            return dt.datetime.fromtimestamp(int(stated), dt.UTC)
    return dt.datetime(1980, 1, 1, tzinfo=dt.UTC)


def _differing(names: list[str]) -> list[str]:
    """SQLite knows no case: a name that is taken gets a number; one is QGIS's own."""
    result: list[str] = []
    taken = {STYLES}
    for name in names:
        free, number = name, 2
        while free.casefold() in taken:
            free, number = f"{name}_{number}", number + 1
        taken.add(free.casefold())
        result.append(free)
    return result


def _write_geojson(path: Path, tables: Mapping[str, Any]) -> None:
    ((name, table),) = tables.items()
    need_shapes(name, table)
    if table.crs is not None:
        table = table.to_crs(4326)
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": "7", "WRITE_NAME": "NO"}
    _gdal_write(table, path, driver="GeoJSON", layer=name, layer_options=options)


def _with_places(table: Any, *, wkt: bool) -> pd.DataFrame:
    """Points as ``lon`` and ``lat``; other shapes as WKT, or as a point that lies on them."""
    if not isinstance(table, gpd.GeoDataFrame):
        return pd.DataFrame(table)
    shapes = np.asarray(table.geometry.array, dtype=object)
    frame = pd.DataFrame(table.drop(columns=table.geometry.name))
    present = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if (shapely.get_type_id(shapes[present]) == 0).all():
        names, points = ("lon", "lat"), shapes
    elif wkt:
        text = [
            shapely.to_wkt(s, rounding_precision=7) if p else None
            for s, p in zip(shapes, present, strict=True)
        ]
        return frame.assign(geometry_wkt=pd.Series(text, index=frame.index, dtype="str"))
    else:
        names, points = ("label_lon", "label_lat"), shapely.point_on_surface(shapes)
    lon, lat = (n if n not in frame.columns else f"{n}_2" for n in names)
    x = np.where(present, shapely.get_x(points), np.nan).round(7)
    y = np.where(present, shapely.get_y(points), np.nan).round(7)
    return frame.assign(**{lon: x, lat: y})


def csv_bytes(table: Any) -> bytes:
    """Write a table as the text of a .csv file (UTF-8, without a mark at its beginning)."""
    text = _csv_frame(_plain(table)).to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8")


def _write_csv(path: Path, tables: Mapping[str, Any]) -> None:
    ((_, table),) = tables.items()
    frame = _csv_frame(table)
    frame.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _csv_frame(table: Any) -> pd.DataFrame:
    frame = _with_places(table, wkt=True)
    safe = frame.rename(columns=_no_formula)
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name].dtype):
            safe[name] = safe[name].map(_no_formula, na_action="ignore")
    return safe


def _no_formula(text: str) -> str:
    """A cell that a spreadsheet would run becomes text, marked with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _write_xlsx(path: Path, tables: Mapping[str, Any]) -> None:
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, title in zip(tables, _sheet_names(list(tables)), strict=True):
        frame = _with_places(tables[name], wkt=False)
        if len(frame) >= _SHEET_ROWS:
            raise LayerError(
                f"table {name!r} has {len(frame)} rows, more than a sheet can hold",
                mend="Write a .gpkg or .csv.",
                zh=f"表“{name}”有 {len(frame)} 行，一张工作表放不下",
                mend_zh="改写 .gpkg 或 .csv",
            )
        sheet = book.create_sheet(title)
        for column, heading in enumerate(frame.columns, start=1):
            _set_cell(sheet.cell(1, column), heading)
            sheet.cell(1, column).font = Font(bold=True)
        for column, heading in enumerate(frame.columns, start=1):
            for row, value in enumerate(frame[heading].astype(object), start=2):
                _set_cell(sheet.cell(row, column), value)
            sheet.column_dimensions[sheet.cell(1, column).column_letter].width = min(
                40, max(10, 2 + 2 * len(str(heading)))
            )
        sheet.freeze_panes = "A2"
    raw = BytesIO()
    book.save(raw)
    path.write_bytes(without_clock(raw.getvalue()))


def _sheet_names(names: list[str]) -> list[str]:
    titles: list[str] = []
    taken: set[str] = set()
    for name in names:
        base = (_SHEET_FORBIDDEN.sub("_", _CONTROL.sub("", name)).strip("'") or "sheet")[
            :_SHEET_NAME
        ]
        title, number = base, 2
        while title.casefold() in taken:
            ending = f"_{number}"
            title, number = base[: _SHEET_NAME - len(ending)] + ending, number + 1
        taken.add(title.casefold())
        titles.append(title)
    return titles


def _set_cell(cell: Any, value: Any) -> None:
    if pd.isna(value) or (isinstance(value, float) and not np.isfinite(value)):
        return
    if isinstance(value, str):
        cell.value = _CONTROL.sub("", value)[:_CELL_TEXT]
        cell.data_type = "s"  # else "=..." is written as a formula and runs
        if value.startswith(_FORMULA_STARTS):
            cell.quotePrefix = True  # nor does it run once a user has edited the cell
    elif isinstance(value, pd.Timestamp):
        naive = value.tz_localize(None).to_pydatetime()
        cell.value = naive
        cell.number_format = "yyyy-mm-dd" if naive == value.normalize() else "yyyy-mm-dd hh:mm"
    else:
        cell.value = value


def _write_shapefile(
    target: Path, tables: Mapping[str, Any], *, overwrite: bool, lang: str
) -> Path:
    """All files of it in one set; the .shp comes last, so that a cut run leaves no layer."""
    ((name, table),) = tables.items()
    need_shapes(name, table)
    families = {t.removeprefix("Multi") for t in table.geometry.geom_type.dropna().unique()}
    if len(families) > 1:
        raise LayerError(
            f"a shapefile holds one type of geometry, table {name!r} has "
            + ", ".join(sorted(families)),
            mend="Write a .gpkg.",
            zh=f"Shapefile 只能放一种图形，表“{name}”有 " + "、".join(sorted(families)),
            mend_zh="改写 .gpkg",
        )
    fields = _field_names([c for c in table.columns if c != table.geometry.name])
    words = _WORDS[lang]
    listing = pd.DataFrame({words["field"]: fields.values(), words["column"]: fields.keys()})
    listed = fields_file(target)
    with (
        whole_set() as files,
        atomic_write(target, overwrite=overwrite) as temporary,
        atomic_write(listed, overwrite=overwrite) as list_file,
    ):
        _write_csv(list_file, {"fields": listing})
        _gdal_write(
            _as_dates(table).rename(columns=fields),
            temporary,
            driver="ESRI Shapefile",
            encoding="UTF-8",
        )
        for suffix in SHAPEFILE_PARTS:
            part = temporary.with_suffix(suffix)
            if part.exists():
                stage(part, target.with_suffix(suffix), overwrite=overwrite)
        # an index of the old shapes would find the wrong new ones
        files.stale.update(p for s in _SHAPEFILE_INDEXES if (p := target.with_suffix(s)).exists())
    return target


def fields_file(shapefile: Path) -> Path:
    """The list of a shapefile's short field names, beside it."""
    return shapefile.with_name(f"{shapefile.stem}_fields.csv")


def _as_dates(table: Any) -> Any:
    """A shapefile has dates but no times."""
    times = table.select_dtypes("datetime").columns
    return table.assign(**{c: table[c].dt.strftime("%Y-%m-%d") for c in times})


def _field_names(columns: list[str]) -> dict[str, str]:
    """Ten ASCII characters a name, each once; names that cannot be cut so are numbered."""
    fields: dict[str, str] = {}
    for number, column in enumerate(columns, start=1):
        ascii_only = re.sub(r"[^A-Za-z0-9_]", "", column) if column.isascii() else ""
        name = ascii_only[:_SHAPEFILE_NAME] or f"field_{number}"
        if name.casefold() in {f.casefold() for f in fields.values()}:
            ending = f"_{number}"
            name = name[: _SHAPEFILE_NAME - len(ending)] + ending
        fields[column] = name
    return fields


_WRITERS: dict[str, Any] = {
    ".gpkg": _write_gpkg,
    ".geojson": _write_geojson,
    ".csv": _write_csv,
    ".xlsx": _write_xlsx,
    ".shp": _write_shapefile,
}
_EXPORTS: dict[str, Any] = {".kml": write_kml, ".dxf": write_dxf}

#: What `write_layers` knows.
ENDINGS = (*_WRITERS, *_EXPORTS)
