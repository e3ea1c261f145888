"""Columns of layers read as plain arrays: text, metres, dates in force, ids."""

from __future__ import annotations

from typing import Any, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.errors import LayerError

__all__ = [
    "dates",
    "drawn",
    "half_width",
    "in_force",
    "metres",
    "plain_text",
    "river_names",
    "site_keys",
]

Floats = npt.NDArray[np.float64]


#: Half the way round the Earth (metres): no error or width is larger.
_FARTHEST_M = 2.0e7


def in_force(table: pd.DataFrame, date: Any) -> npt.NDArray[np.bool_]:
    """Tell which rows are in force on a date, both ends included.

    Parameters
    ----------
    table
        ``valid_from`` and ``valid_to``: null or absent is since ever, and still in force.
    date
        None counts every row as in force.
    """
    if date is None:
        return np.ones(len(table), dtype=bool)
    day = pd.Timestamp(date)
    since, until = dates(table, "valid_from"), dates(table, "valid_to")
    return cast(
        "npt.NDArray[np.bool_]",
        ((since.isna() | (since <= day)) & (until.isna() | (until >= day))).to_numpy(dtype=bool),
    )


def dates(table: pd.DataFrame, column: str) -> pd.Series[Any]:
    if column not in table:
        return pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns]")
    try:
        return pd.to_datetime(table[column])
    except (ValueError, TypeError) as error:
        raise LayerError(
            f"column {column!r} holds something that is not a date: {error}",
            mend="Write dates as 2023-07-01, or leave them empty.",
            zh=f"列“{column}”里有不是日期的内容：{error}",
            mend_zh="日期写成 2023-07-01，或留空",
        ) from None


def plain_text(table: pd.DataFrame, column: str) -> npt.NDArray[np.object_]:
    """Read a column as stripped text; what is missing is empty, and so is a missing column."""
    if column not in table:
        return np.full(len(table), "", dtype=object)
    number, unique = pd.factorize(table[column])
    told = np.array([*(str(word).strip() for word in unique), ""], dtype=object)
    return cast("npt.NDArray[np.object_]", told[number])  # -1, missing, is the last


def metres(table: pd.DataFrame, column: str, default: float) -> Floats:
    """Read a column of metres, half the Earth at most; missing or negative is `default`."""
    if column not in table:
        return np.full(len(table), default)
    value = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    return np.where(value >= 0, np.minimum(value, _FARTHEST_M), default)


def site_keys(sites: Any) -> pd.Series[Any]:
    """Read the ids of sites: the column ``site_id``, or the index where there is none."""
    keys = sites["site_id"] if "site_id" in getattr(sites, "columns", ()) else sites.index
    return pd.Series(np.asarray(keys, dtype=object), dtype=object).astype(str)


def river_names(shorelines: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Read the river of each line; a line without one is a river of its own (its line id)."""
    name = plain_text(shorelines, "river")
    return np.where(name != "", name, "line " + plain_text(shorelines, "line_id"))


def drawn(table: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
    return np.asarray(~(table.geometry.isna() | table.geometry.is_empty), dtype=bool)


def half_width(lines: pd.DataFrame) -> Floats:
    """Half width to take off the distance to a centre line (metres)."""
    centre = plain_text(lines, "kind") == "centreline"
    width = metres(lines, "width_m", np.nan)
    return np.where(centre, np.nan_to_num(width, nan=0.0) / 2, 0.0)
