"""Read a layer: open the file, recognise it, settle columns and shapes, list what was found."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin.errors import BasinWarning, LayerError
from basin.layers.columns import (
    clean_columns,
    clean_samples,
    name_columns,
    name_rows,
    without_blank_rows,
)
from basin.layers.coordinates import points_from_columns
from basin.layers.encodings import (
    Choice,
    choose,
    dbf_choice,
    decode_dbf,
    mend_text,
    note_choice,
)
from basin.layers.geometry import settle_crs, settle_geometry
from basin.layers.problems import Notes, Problem
from basin.layers.sources import check_file, layer_names, local_file
from basin.layers.tables import pick_layer, read_csv, read_xlsx
from basin.layers.vocabulary import Schema, schema

__all__ = ["Raw", "read_layer", "read_source"]


def read_layer(
    source: Any,
    kind: str,
    *,
    layer: str | None = None,
    encoding: str | None = None,
    crs: Any = None,
    columns: Mapping[str, str] | None = None,
    problems: list[Problem] | None = None,
) -> Any:
    """Read one layer of the contract from a local file (or a table already in memory).

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        ``.shp``, ``.gpkg``, ``.geojson``, ``.fgb``, ``.parquet``, ``.csv``, ``.tsv``, ``.xlsx``.
    kind
        ``rivers``, ``shorelines``, ``zones``, ``coverage``, ``sections``, ``samples``,
        ``outfalls``, ``sites``, ``intakes``, ``districts`` or ``structures``.
    layer
        Layer or sheet, where the file has several; one of the right name is found without.
    encoding
        Of a shapefile or text table; None recognises it and reports what was used.
    crs
        Stands over what the file says. None takes the file's; tables with longitude and latitude
        are then EPSG:4490.
    columns
        Canonical name -> heading in the file, or ``"=text"`` for one value in every row; headings
        that are not named here are recognised by ``standards/aliases.toml``.
    problems
        Gathers everything found, repaired, set aside or decided. None warns once if there was more
        than an info.

    Returns
    -------
    GeoDataFrame (DataFrame for samples)
        EPSG:4490, RangeIndex, ids text and unique, canonical columns first and all present (null
        where the file has none), unknown columns after them. Rows of the file = rows here + rows
        of the problems with ``set_aside``.

    Raises
    ------
    LayerError
        If the file is not local, not what it claims to be, damaged, or lacks a required column.
    CrsError
        If it states no coordinate system, or one that does not fit its numbers.
    """
    wanted = schema(kind)
    notes = Notes(kind)
    options = dict(columns or {})
    if isinstance(source, pd.DataFrame):
        raw, cut_in = source.reset_index(drop=True), None
        notes.rows = np.arange(len(raw)) + 2
    else:
        found = read_source(source, wanted, notes, layer=layer, encoding=encoding, columns=options)
        raw, cut_in = found.table, found.cut_in
    raw = _plain_cells(raw)
    raw = mend_text(raw, notes)
    table, factors = name_columns(raw, wanted, columns=options, cut_in=cut_in, notes=notes)
    table = without_blank_rows(table, notes)
    if table.empty:
        notes.add("layer_empty")
    result = _settle(table, wanted, factors, crs, notes)
    _hand_over(notes, problems)
    return result


def _settle(
    table: Any, wanted: Schema, factors: Mapping[str, float], crs: Any, notes: Notes
) -> Any:
    if not wanted.geometry:
        if isinstance(table, gpd.GeoDataFrame):
            notes.add("geometry_ignored")
            table = pd.DataFrame(table.drop(columns=table.geometry.name))
        return clean_samples(table, wanted, factors, notes)
    table = name_rows(table, wanted, notes)
    if not isinstance(table, gpd.GeoDataFrame):
        table = points_from_columns(table, crs, notes)
        crs = None
    elif table.geometry.name != "geometry":
        table = table.rename_geometry("geometry")
    table = settle_crs(table, crs, notes)
    table = settle_geometry(table, wanted, notes)
    return clean_columns(table, wanted, factors, notes)


def _hand_over(notes: Notes, problems: list[Problem] | None) -> None:
    if problems is not None:
        problems.extend(notes.found)
        return
    serious = [p for p in notes.found if p.severity != "info"]
    if serious:
        more = f" (+{len(serious) - 3} more)" if len(serious) > 3 else ""
        text = "; ".join(p.en for p in serious[:3])
        warnings.warn(f"layer {notes.layer!r}: {text}{more}", BasinWarning, stacklevel=3)


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class Raw:
    """A table as it stands in its file.

    Attributes
    ----------
    table : DataFrame or GeoDataFrame
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
        If it cannot be read, or which of its layers is meant is not clear.
    """
    path = local_file(source)
    notes.file = path.name
    known = check_file(path)
    stated = dict(columns or {})
    if known == "csv":
        table, used = read_csv(path, wanted, encoding=encoding, columns=stated, notes=notes)
        return Raw(table, encoding=used)
    if known == "xlsx":
        return Raw(read_xlsx(path, wanted, sheet=layer, columns=stated, notes=notes))
    if known == "shapefile":
        choice = dbf_choice(path, encoding)
        table = _decode(_gdal(path, notes, encoding="ISO-8859-1"), choice, notes)
        return Raw(table, cut_in=choice.encoding, encoding=choice.encoding)
    if known == "geopackage":
        names = layer_names(path)
        name = pick_layer(path, names, wanted, layer)
        if name is None:
            raise LayerError(
                f"{path.name} has several layers, and which one holds {wanted.kind} is not clear",
                mend=f"Give layer= one of: {', '.join(names)}.",
            )
        return Raw(_gdal(path, notes, layer=name))
    if known == "geoparquet":
        return Raw(_parquet(path, notes))
    if known == "geojson":
        return _geojson(path, encoding, notes)
    return Raw(_gdal(path, notes))


def _gdal(path: Path, notes: Notes, *, content: bytes | None = None, **options: Any) -> Any:
    """Read by GDAL without a way to the network; what it warns of becomes a note."""
    import pyogrio

    # second line of defence: the content was checked before (`sources.check_file`)
    pyogrio.set_gdal_config_options({"CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none"})
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = pyogrio.read_dataframe(path if content is None else content, **options)
    except Exception as error:  # GDAL, GEOS and numpy each raise their own
        raise LayerError(
            f"{path.name} cannot be read ({error})", mend="Export it again, or ask for a new copy."
        ) from error
    finally:
        pyogrio.set_gdal_config_options({"CPL_VSIL_CURL_ALLOWED_EXTENSIONS": None})
    for note in dict.fromkeys(str(c.message) for c in caught):
        notes.add("gdal_note", note=note)
    notes.rows = np.arange(len(table)) + 2
    return table


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


def _geojson(path: Path, encoding: str | None, notes: Notes) -> Raw:
    """GeoJSON is UTF-8 by its standard; files in GBK exist all the same."""
    data = path.read_bytes()
    choice = choose(data.removeprefix(b"\xef\xbb\xbf"), file=path.name, given=encoding)
    if choice.encoding == "utf-8":
        return Raw(_gdal(path, notes), encoding=choice.encoding)
    note_choice(choice, notes)
    content = data.decode(choice.encoding).encode("utf-8")
    return Raw(_gdal(path, notes, content=content), encoding=choice.encoding)


def _parquet(path: Path, notes: Notes) -> Any:
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise LayerError(
            f"{path.name}: reading GeoParquet needs pyarrow",
            mend="pip install 'basin-gis[parquet]'.",
        ) from error
    try:
        try:
            table = gpd.read_parquet(path)
        except ValueError:  # no geometry in it
            table = pd.read_parquet(path)
    except Exception as error:  # arrow raises its own
        raise LayerError(
            f"{path.name} cannot be read ({error})", mend="Export it again."
        ) from error
    notes.rows = np.arange(len(table)) + 2
    return table.reset_index(drop=True)


def _plain_cells(table: Any) -> Any:
    """Lists and objects in cells (GeoJSON, Parquet) become text: every cell can be compared."""
    odd = {}
    for name in table.columns:
        column = table[name]
        if column.dtype == object:
            nested = [isinstance(v, list | tuple | dict | set | np.ndarray) for v in column]
            if any(nested):
                odd[name] = [_listed(v) if n else v for v, n in zip(column, nested, strict=True)]
    return table.assign(**odd) if odd else table


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(str(v) for v in value)
