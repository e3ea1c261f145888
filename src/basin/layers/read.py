"""Read a layer: open the file, recognise it, settle columns and shapes, list what was found."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._run import note_input
from basin.errors import BasinWarning, LayerError
from basin.layers.columns import (
    clean_columns,
    name_columns,
    name_rows,
    without_blank_rows,
)
from basin.layers.content import check_file
from basin.layers.coordinates import ANGLES, points_from_columns
from basin.layers.database import is_database
from basin.layers.encodings import mend_text
from basin.layers.files import Raw, read_source
from basin.layers.geometry import settle_crs, settle_geometry
from basin.layers.problems import Notes, Problem, make_error
from basin.layers.samples import clean_samples, widen
from basin.layers.sandbox import Limits, limits_for, read_in_child
from basin.layers.sources import local_file, zipped
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
    values: Mapping[str, Mapping[str, str]] | None = None,
    angles: str | None = None,
    near: Any = None,
    sandbox: bool | Limits | None = None,
    problems: list[Problem] | None = None,
) -> Any:
    """Read one layer of the contract from a local file (or a table already in memory).

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        ``.shp``, ``.gpkg``, ``.geojson``, ``.gdb`` (a folder), ``.kml``, ``.fgb``, ``.parquet``,
        ``.csv``, ``.tsv``, ``.xlsx``; any of them zipped (``.zip``, ``.gdb.zip``, ``.kmz``); or
        ``postgresql://user:password@host/database``, with ``layer="schema.table"``.
    kind
        ``rivers``, ``shorelines``, ``zones``, ``coverage``, ``sections``, ``samples``,
        ``outfalls``, ``sites``, ``intakes``, ``districts`` or ``structures``.
    layer
        Layer, sheet, folder of a KML or file in a zip, where there are several; one of the right
        name is found without.
    encoding
        Of a shapefile or text table; None recognises it and reports what was used.
    crs
        Stands over what the file says. None takes the file's; the coordinate columns of a table
        are then read in the one way that their numbers allow: longitude and latitude are EPSG:4490.
        ``"gcj02"`` and ``"bd09"`` undo the shift of web maps.
    columns
        Canonical name -> heading in the file, or ``"=text"`` for one value in every row; headings
        that are not named here are recognised by ``standards/aliases.toml``.
    values
        Coded column -> word in the file -> code (or one of its known words), over
        ``standards/aliases.toml``: ``{"category": {"磷肥车间": "fertiliser"}}``.
    angles : {'degrees', 'dms', None}
        What the plain figures of coordinate columns are: ``"dms"`` for degrees, minutes and seconds
        in one number (1063912.3 or 106.39123).
    near
        West, south, east, north in degrees: where the project lies. Where the figures of a table
        fit several grids, it decides.
    sandbox
        Read in a child process with limits on memory and time (see :class:`Limits`). None does so
        for what is zipped.
    problems
        Gathers everything found, repaired, set aside or decided. None warns once if there was more
        than an info.

    Returns
    -------
    GeoDataFrame (DataFrame for samples)
        EPSG:4490, RangeIndex, ids text and unique, canonical columns first and all present (null
        where the file has none), unknown columns after them. Rows of the file = rows here + rows
        of the problems with ``set_aside``; rows of the file are those below the heading, without
        what no program shows: rows of a .dbf marked as deleted (``rows_deleted``), and in a sheet
        long runs of empty rows (``rows_empty``), each counted in its problem, and empty rows below
        the last. Samples with one value a row become fewer rows (``samples_widened`` has both).

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
    if angles not in (None, *ANGLES):
        raise make_error(LayerError, kind, "angles_unknown", angles=angles)
    if not isinstance(source, pd.DataFrame) and _apart(source, sandbox):
        limits = limits_for(local_file(source), sandbox) or Limits()
        note_input(str(source))  # the child has no run of its own to note it in
        told = {"layer": layer, "encoding": encoding, "crs": crs, "columns": options}
        told |= {"values": {c: dict(v) for c, v in (values or {}).items()}, "angles": angles}
        told |= {"near": None if near is None else [float(n) for n in near]}
        result, notes.found = read_in_child(local_file(source), kind, told, limits)
        _hand_over(notes, problems)
        return result
    if isinstance(source, pd.DataFrame):
        raw, cut_in = source.reset_index(drop=True), None
        notes.rows = np.arange(len(raw)) + 2
    else:
        found = read_source(source, wanted, notes, layer=layer, encoding=encoding, columns=options)
        raw, cut_in = found.table, found.cut_in
    raw = _plain_cells(raw)
    raw = mend_text(raw, notes)
    if wanted.kind == "samples":
        raw, options = widen(raw, wanted, options, notes)
    table, factors = name_columns(raw, wanted, columns=options, cut_in=cut_in, notes=notes)
    table = without_blank_rows(table, notes)
    if table.empty:
        notes.add("layer_empty")
    result = _settle(table, wanted, factors, crs, notes, values=values, angles=angles, near=near)
    _hand_over(notes, problems)
    return result


def _apart(source: Any, sandbox: bool | Limits | None) -> bool:
    """Tell whether a file is to be read in a child process; a zip is judged by its list here."""
    if is_database(source):
        return False  # rows from a server are no file that could be hostile
    if sandbox is None and zipped(source):
        check_file(local_file(source))
        return True
    return bool(sandbox)


def _settle(
    table: Any,
    wanted: Schema,
    factors: Mapping[str, float],
    crs: Any,
    notes: Notes,
    *,
    values: Mapping[str, Mapping[str, str]] | None,
    angles: str | None,
    near: Any,
) -> Any:
    if not wanted.geometry:
        if isinstance(table, gpd.GeoDataFrame):
            notes.add("geometry_ignored")
            table = pd.DataFrame(table.drop(columns=table.geometry.name))
        return clean_samples(table, wanted, factors, notes)
    table = name_rows(table, wanted, notes)
    if not isinstance(table, gpd.GeoDataFrame):
        table = points_from_columns(table, crs, notes, near=near, angles=angles)
    elif table.geometry.name != "geometry":
        table = table.rename_geometry("geometry")
    table = settle_crs(table, crs, notes, near=near)
    table = settle_geometry(table, wanted, notes)
    return clean_columns(table, wanted, factors, notes, values)


def _hand_over(notes: Notes, problems: list[Problem] | None) -> None:
    if problems is not None:
        problems.extend(notes.found)
        return
    serious = [p for p in notes.found if p.severity != "info"]
    if serious:
        more = f" (+{len(serious) - 3} more)" if len(serious) > 3 else ""
        text = "; ".join(p.en for p in serious[:3])
        warnings.warn(f"layer {notes.layer!r}: {text}{more}", BasinWarning, stacklevel=3)


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
