"""The table ``layer_styles`` of a GeoPackage, from which QGIS takes the style of a layer."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from basin.layers.styles import Style

__all__ = ["STYLES", "write_styles"]

#: QGIS keeps styles in a table of this name.
STYLES = "layer_styles"

#: As QGIS 3 creates it.
_SCHEMA = f"""CREATE TABLE "{STYLES}" (
"id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "f_table_catalog" TEXT(256),
"f_table_schema" TEXT(256), "f_table_name" TEXT(256), "f_geometry_column" TEXT(256),
"styleName" TEXT(30), "styleQML" TEXT, "styleSLD" TEXT, "useAsDefault" BOOLEAN,
"description" TEXT, "owner" TEXT(30), "ui" TEXT(30),
"update_time" DATETIME DEFAULT CURRENT_TIMESTAMP)"""


def write_styles(path: Path, styles: Mapping[str, Style], *, day: dt.datetime) -> None:
    """Add ``layer_styles`` to a GeoPackage, each style as the default of its layer.

    Parameters
    ----------
    path
        GeoPackage with these layers and without styles.
    styles
        Layer -> style. Nothing is written without any.
    day
        What the table states as its time: equal input gives equal bytes.
    """
    if not styles:
        return
    # QGIS 3.22 lists styles of one and the same time over and over: each has a second of its own
    moments = [
        (day - dt.timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        for n in range(len(styles))
    ]
    with closing(sqlite3.connect(path)) as base, base:
        shapes = dict(base.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
        base.execute(_SCHEMA)
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, "
            "last_change, srs_id) VALUES (?, 'attributes', ?, '', ?, 0)",
            (STYLES, STYLES, moments[0]),
        )
        # QGIS looks for an empty catalogue and schema, not for none
        base.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner, "
            "ui, update_time) VALUES ('', '', ?, ?, ?, ?, '', 1, ?, 'basin', NULL, ?)",
            [
                (layer, shapes[layer], style.name, style.qml, style.description, moment)
                for (layer, style), moment in zip(styles.items(), moments, strict=True)
            ],
        )
