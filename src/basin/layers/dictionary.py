"""What each column of a result means: a table that travels with the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from basin.layers.qgs import layer_title
from basin.standards.labels import codes, label

__all__ = ["column_dictionary"]

#: Units by the end of a column's name, the longest first.
_UNITS = {
    "_mg_l": "mg/L", "_kg_d": "kg/d", "_m3_s": "m³/s", "_m3_d": "m³/d", "_m_s": "m/s",
    "_km2": "km²", "_m2": "m²", "_km": "km", "_m3": "m³", "_mm": "mm", "_per_l": "/L",
    "_per_d": "1/d", "_m": "m", "_h": "h", "_d": "d", "_s": "s",
    "lon": "°", "lat": "°",
}  # fmt: skip


def column_dictionary(tables: Mapping[str, Any], lang: str = "zh") -> pd.DataFrame:
    """Describe the columns of result layers.

    Parameters
    ----------
    tables
        Name -> table.
    lang : {'zh', 'en'}
        Language of titles.

    Returns
    -------
    DataFrame
        A row a column: ``layer``, ``layer_title``, ``column``, ``title`` ("" where the column is
        the user's own), ``unit``.

    Examples
    --------
    >>> table = pd.DataFrame({"reach_id": ["R1"], "length_m": [12.5], "備註": [""]})
    >>> column_dictionary({"reaches": table}, "en")[["column", "title", "unit"]]
         column       title unit
    0  reach_id       reach
    1  length_m  length (m)    m
    2        備註
    """
    rows = []
    for name, table in tables.items():
        shape = table.geometry.name if isinstance(table, gpd.GeoDataFrame) else None
        columns = [*(n for n in table.index.names if n is not None), *table.columns]
        named = [str(column) for column in columns if column != shape]
        title = layer_title(name, lang)
        rows += [
            (name, title, column, _title(name, column, lang), _unit(column)) for column in named
        ]
    return pd.DataFrame(rows, columns=["layer", "layer_title", "column", "title", "unit"])


def _title(layer: str, column: str, lang: str) -> str:
    known = codes("column")  # a column that means something else in one layer has its name before
    found = next((key for key in (f"{layer}.{column}", column) if key in known), None)
    return label("column", found, lang) if found else ""


def _unit(column: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if column.endswith(ending)), "")
