"""Layers from PostGIS: one table of one database that the user names by its URL.

The only source that may lie on another machine. Names go to the server as quoted identifiers and
the password to the driver alone: it is in no message, report or manifest.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._run import note_database
from basin.errors import LayerError
from basin.layers.problems import Notes

__all__ = ["is_database", "read_table", "shown_database", "shown_source"]

_SCHEMES = ("postgresql://", "postgres://")
_CONNECT_S, _ANSWER_MS = 10, 600_000
_MEND = 'Write layer="table" or layer="schema.table".'
_MEND_ZH = '请写 layer = "表名" 或 layer = "模式.表名"'


def is_database(source: Any) -> bool:
    """Tell whether a source is the URL of a PostgreSQL database."""
    return isinstance(source, str) and source.casefold().startswith(_SCHEMES)


def shown_database(source: str) -> str:
    """Return the URL of a database as it may be shown: host and name, no user and no password."""
    try:
        parts = urlsplit(source)
        port = f":{parts.port}" if parts.port else ""
        return f"postgresql://{parts.hostname or ''}{port}/{parts.path.strip('/')}"
    except ValueError:
        return "postgresql://…"


def shown_source(source: Any) -> str:
    """Return the name of a source for messages and lists: a file's name, or a database's place."""
    return shown_database(source) if is_database(source) else Path(source).name


def read_table(source: str, layer: str | None, notes: Notes) -> Any:
    """Read a table or view with its geometry.

    Parameters
    ----------
    source
        ``postgresql://user:password@host:port/database``; what is left out, libpq takes from its
        environment (``PGPASSWORD``, ``~/.pgpass``).
    layer
        ``table`` or ``schema.table``, as the database spells them. None takes the only table with a
        geometry.
    notes

    Returns
    -------
    GeoDataFrame, or DataFrame where the table has no geometry

    Raises
    ------
    LayerError
        If psycopg is missing, the server refuses, or there is no such table.
    """
    psycopg = _driver()
    notes.file = shown_database(source)
    try:
        with psycopg.connect(source, connect_timeout=_CONNECT_S) as link:
            link.read_only = True
            link.execute(f"SET statement_timeout = {_ANSWER_MS}")
            schema, table = _place(link, layer, notes.file)
            note_database(f"{notes.file} {schema}.{table}")
            return _fetch(link, schema, table, notes)
    except psycopg.Error as error:
        raise LayerError(
            f"{notes.file} cannot be read ({_without_secrets(str(error), source)})",
            mend="Check the address, the user and the password, and that the server is up.",
            zh=f"{notes.file} 读不了（{_without_secrets(str(error), source)}）",
            mend_zh="检查地址、用户名、密码，以及数据库服务是否在运行",
        ) from None  # the cause may show the password


def _driver() -> Any:
    try:
        return import_module("psycopg")
    except ImportError as error:
        raise LayerError(
            "reading PostGIS needs psycopg",
            mend="pip install 'basin-gis[postgis]'.",
            zh="读 PostGIS 需要 psycopg",
            mend_zh="请安装：pip install 'basin-gis[postgis]'",
        ) from error


def _without_secrets(text: str, source: str) -> str:
    """The first line of a driver's message, without the password or the URL that holds it."""
    line = next((part.strip() for part in text.splitlines() if part.strip()), "no answer")
    try:
        secret = urlsplit(source).password or ""
    except ValueError:
        return "the address is not understood"
    for told in (source, secret, unquote(secret)):
        line = line.replace(told, "…") if told else line
    return line


def _place(link: Any, layer: str | None, shown: str) -> tuple[str, str]:
    """Find the table among those that the user may read: nothing else is ever asked for."""
    known = link.execute(
        "SELECT n.nspname, c.relname, EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_type t ON "
        "t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "AND t.typname = 'geometry') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT LIKE 'pg\\_%' "
        "AND n.nspname <> 'information_schema' AND has_table_privilege(c.oid, 'SELECT') "
        "ORDER BY 1, 2"
    ).fetchall()
    spatial = [(s, t) for s, t, has in known if has]
    listed = ", ".join(f"{s}.{t}" for s, t in spatial[:20])
    mend = f"{_MEND} It has: {listed or 'none'}."
    mend_zh = f"{_MEND_ZH}；库里有：{listed or '（没有）'}"
    if layer is None:
        if len(spatial) == 1:
            return spatial[0]
        raise LayerError(
            f"{shown} has {len(spatial)} tables with a geometry",
            mend=mend,
            zh=f"{shown} 里有 {len(spatial)} 个带图形的表",
            mend_zh=mend_zh,
        )
    found = [(s, t) for s, t, _ in known if layer in (f"{s}.{t}", t)]
    if len(found) == 1:
        return found[0]
    problem = "several tables" if found else "no table"
    problem_zh = "有多个表" if found else "没有表"
    raise LayerError(
        f"{shown} has {problem} {layer!r}",
        mend=mend,
        zh=f"{shown} 里{problem_zh}“{layer}”",
        mend_zh=mend_zh,
    )


def _fetch(link: Any, schema: str, table: str, notes: Notes) -> Any:
    sql = import_module("psycopg.sql")
    columns = link.execute(
        "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
        "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped "
        "ORDER BY a.attnum",
        (schema, table),
    ).fetchall()
    shape = next((name for name, kind in columns if kind == "geometry"), None)
    plain = [name for name, kind in columns if kind not in ("geometry", "geography", "raster")]
    place = sql.Identifier(schema, table)
    chosen = [sql.Identifier(name) for name in plain]
    if shape is not None:
        chosen.append(sql.SQL("ST_AsBinary({})").format(sql.Identifier(shape)))
        chosen.append(sql.SQL("ST_SRID({})").format(sql.Identifier(shape)))
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(chosen), place)
    rows = link.execute(query).fetchall()
    notes.rows = np.arange(len(rows)) + 2
    cells = {name: _column([row[at] for row in rows]) for at, name in enumerate(plain)}
    frame = pd.DataFrame(cells, index=pd.RangeIndex(len(rows)))
    if shape is None:
        return frame
    shapes = shapely.from_wkb(np.array([*(row[-2] for row in rows), None], dtype=object))[:-1]
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=_crs(link, rows, notes.file))


def _column(values: list[Any]) -> pd.Series[Any]:
    """Text as text, decimals as figures, whole numbers and dates as pandas has them."""
    from decimal import Decimal

    told = [float(v) if isinstance(v, Decimal) else v for v in values]
    return pd.Series(told, dtype=None if any(v is not None for v in told) else object)


def _crs(link: Any, rows: list[Any], shown: str) -> Any:
    codes = {row[-1] for row in rows if row[-1]}
    if not codes:
        return None
    if len(codes) > 1:
        raise LayerError(
            f"{shown}: the table mixes coordinate systems (SRID {', '.join(map(str, codes))})",
            mend="Transform it to one (ST_Transform), or make a view for each.",
            zh=f"{shown}：一个表里混有多个坐标系（SRID {', '.join(map(str, codes))}）",
            mend_zh="请统一到一个坐标系（ST_Transform），或各建一个视图",
        )
    (code,) = codes
    found = link.execute(
        "SELECT auth_name, auth_srid, srtext FROM spatial_ref_sys WHERE srid = %s", (code,)
    ).fetchone()
    if found is None:
        return None
    return f"{found[0]}:{found[1]}" if found[0] else found[2]
