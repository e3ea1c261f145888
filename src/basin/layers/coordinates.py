"""Places from text: decimal degrees, degrees-minutes-seconds, swapped axes, likely systems."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from basin.crs import CHINA_BOUNDS, EXCHANGE_CRS
from basin.errors import CrsError, LayerError
from basin.layers.problems import Notes

__all__ = ["parse_degrees", "points_from_columns", "propose_crs", "split_pair", "user_crs"]

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("″“”〃＂", '"'),
        **dict.fromkeys("′‘’＇´`", "'"),
        **dict.fromkeys("º˚度", "°"),
        "分": "'",
        "秒": '"',
        "：": ":",
    }
)
_HEMISPHERE = re.compile(r"^(东经|西经|北纬|南纬|[ewns])|([ewns])$")
_MINUS = ("西经", "南纬", "w", "s")
_DECIMAL = re.compile(r"[+-]?\d{1,9}(?:\.\d+)?°?")
_SEXAGESIMAL = re.compile(
    r"(?P<d>\d{1,3})(?:\s*°\s*|\s*:\s*|\s*-\s*|\s+)"
    r"(?P<m>\d{1,2}(?:\.\d+)?)(?:\s*'\s*|\s*:\s*|\s*-\s*|\s+|$)"
    r"(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:\"|'')?)?"
)
_PAIR = re.compile(r"\s*[,;，；、/|]\s*|(?<=[\"'°])\s+(?=\d)|(?<=[ENen])\s+")


def _one_degree(value: Any) -> float:
    text = unicodedata.normalize("NFKC", str(value).translate(_SIGNS)).casefold().strip()
    # the compatibility form of a double prime is two primes
    text = text.replace("''", '"').strip()
    sign = 1.0
    if found := _HEMISPHERE.search(text):
        sign = -1.0 if found[0] in _MINUS else 1.0
        text = (text[: found.start()] + text[found.end() :]).strip(" :")
    if _DECIMAL.fullmatch(text):
        return sign * float(text.rstrip("°"))
    parts = _SEXAGESIMAL.fullmatch(text)
    if not parts:
        return np.nan
    minutes, seconds = float(parts["m"]), float(parts["s"] or 0)
    # 60.0" comes from rounding; a fraction of a minute leaves no room for seconds
    if minutes >= 60 or seconds > 60 or (parts["s"] and "." in parts["m"]):
        return np.nan
    return sign * (float(parts["d"]) + minutes / 60 + seconds / 3600)


def parse_degrees(series: pd.Series[Any]) -> pd.Series[float]:
    """Read angles (or plain figures) as they are typed; NaN where they cannot be read.

    Parameters
    ----------
    series : shape (n,)
        ``106.6534``, ``106°39′12.3″E``, ``东经106度39分12.3秒``, ``106 39 12.3``, ``106:39:12``,
        full-width digits.

    Returns
    -------
    Series of float, shape (n,)
        Degrees; west and south are negative. On the same index.

    Examples
    --------
    >>> parse_degrees(pd.Series(["106°30′36″E", "106 30 36", "１０６．５１", "here"])).tolist()
    [106.51, 106.51, 106.51, nan]
    """
    if pd.api.types.is_numeric_dtype(series.dtype):
        values = series.to_numpy(dtype=float, na_value=np.nan)
    else:
        values = np.array([np.nan if pd.isna(v) else _one_degree(v) for v in series], dtype=float)
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=series.index)


def split_pair(series: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Part a column of pairs (``106.65, 29.02``) in two; a pair that cannot be parted is null."""
    texts = [str(v).translate(_SIGNS).strip().strip("()（）[]") for v in series]
    halves = [_PAIR.split(text, maxsplit=1) for text in texts]
    pairs = [h if len(h) == 2 else [None, None] for h in halves]
    frame = pd.DataFrame(pairs, index=series.index, columns=["lon", "lat"], dtype=object)
    return frame["lon"], frame["lat"]


# ---------------------------------------------------------------- which system could it be?


def _in_china(lon: Any, lat: Any) -> npt.NDArray[np.bool_]:
    west, south, east, north = CHINA_BOUNDS
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return np.asarray(inside, dtype=bool)


def _grid_names(easting: float) -> list[str]:
    """Candidates for a Gauss-Krueger easting in metres, from its size alone."""
    zone, within = divmod(easting, 1_000_000)
    found = []
    if 25 <= zone <= 45 and 100_000 <= within <= 900_000:
        found.append(f"EPSG:{4488 + int(zone)} (CGCS2000 3-degree zone {int(zone)})")
    if 13 <= zone <= 23 and 100_000 <= within <= 900_000:
        found.append(f"EPSG:{4478 + int(zone)} (CGCS2000 6-degree zone {int(zone)})")
    if 8_100_000 <= easting <= 15_150_000:
        found.append("EPSG:3857 (web mercator)")
    if 100_000 <= easting <= 900_000:
        found.append(
            "EPSG:4544, 4545 or 4546 (CGCS2000 3-degree, 105, 108 or 111 E, no zone prefix)"
        )
    return found


def propose_crs(bounds: Any) -> str:
    """Say which systems fit a range of numbers, as one sentence for an error's mend.

    Parameters
    ----------
    bounds
        West, south, east, north in the unknown unit.

    Examples
    --------
    >>> propose_crs((36_400_000, 3_200_000, 36_420_000, 3_230_000))
    'The numbers fit EPSG:4524 (CGCS2000 3-degree zone 36): give crs=.'
    """
    west, south, east, north = (float(b) for b in bounds)
    x, y = (west + east) / 2, (south + north) / 2
    if not np.isfinite([x, y]).all():
        return "State crs=."
    found: list[str] = []
    if _in_china(np.array([west, east]), np.array([south, north])).all():
        found = ["EPSG:4490 (CGCS2000 longitude/latitude; WGS 84 is EPSG:4326)"]
    elif _in_china(np.array([south, north]), np.array([west, east])).all():
        return "The numbers are latitude before longitude (swapped): EPSG:4490 after swapping them."
    elif 300_000 <= y <= 7_300_000 and _grid_names(x):
        found = _grid_names(x)
    elif 300_000 <= x <= 7_300_000 and _grid_names(y):
        names = " or ".join(_grid_names(y))
        return f"The numbers are north before east (swapped) and then fit {names}: give crs=."
    if not found:
        return "The numbers fit no system used in China: ask where they come from, then give crs=."
    return f"The numbers fit {' or '.join(found)}: give crs=."


def user_crs(crs: Any, layer: str) -> pyproj.CRS:
    """Return the system that a user names.

    Raises
    ------
    CrsError
        If it is not known.
    """
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise CrsError(
            f"layer {layer!r}: there is no coordinate system {crs!r}",
            mend="Use an EPSG code such as 'EPSG:4490' or 4545.",
        ) from error


# ---------------------------------------------------------------- a table with coordinate columns


def points_from_columns(table: pd.DataFrame, crs: Any, notes: Notes) -> gpd.GeoDataFrame:
    """Turn coordinate columns (``lon`` and ``lat``, ``lonlat``, ``geometry_wkt``) to a geometry.

    Rows that cannot be read keep a null geometry and are listed. The columns are dropped.

    Raises
    ------
    LayerError
        If there are no such columns.
    CrsError
        If the figures are no degrees and no `crs` is given.
    """
    if "geometry_wkt" in table.columns:
        return _from_wkt(table, crs, notes)
    used = [c for c in ("lon", "lat", "lonlat") if c in table.columns]
    if {"lon", "lat"} <= set(used):
        x_text, y_text = table["lon"], table["lat"]
        used = ["lon", "lat"]
    elif "lonlat" in used:
        x_text, y_text = split_pair(table["lonlat"])
        used = ["lonlat"]
    else:
        raise LayerError(
            f"layer {notes.layer!r} has no coordinates; its columns are "
            + ", ".join(map(str, table.columns)),
            mend="Name them 经度 and 纬度, or state columns={'lon': ..., 'lat': ...}.",
        )
    x, y = parse_degrees(x_text).to_numpy(), parse_degrees(y_text).to_numpy()
    blank = (
        (table[used].isna() | table[used].astype("str").isin(["", "nan"])).all(axis=1).to_numpy()
    )
    lost = np.isnan(x) | np.isnan(y)
    shown = [f"{a}, {b}" for a, b in zip(x_text[lost & ~blank], y_text[lost & ~blank], strict=True)]
    notes.add("coordinates_unreadable", lost & ~blank, values="; ".join(shown[:3]))
    x, y = np.where(lost, np.nan, x), np.where(lost, np.nan, y)
    known = _table_crs(x, y, crs, notes)
    x, y = _settle_axes(x, y, known, notes)
    points = np.full(len(table), None, dtype=object)
    points[~lost] = shapely.points(x[~lost], y[~lost])
    return gpd.GeoDataFrame(table.drop(columns=used), geometry=points, crs=known)


def _table_crs(x: Any, y: Any, crs: Any, notes: Notes) -> pyproj.CRS:
    """Longitude and latitude without a stated system are CGCS2000; metres need a stated one."""
    if crs is not None:
        return user_crs(crs, notes.layer)
    present = np.isfinite(x) & np.isfinite(y)
    degrees = (np.abs(x[present]) <= 180) & (np.abs(y[present]) <= 180)
    if present.any() and degrees.mean() < 0.5:
        box = (x[present].min(), y[present].min(), x[present].max(), y[present].max())
        raise CrsError(
            f"layer {notes.layer!r}: the coordinates are not degrees and no system is stated",
            mend=propose_crs(box),
        )
    notes.add("crs_assumed")
    return EXCHANGE_CRS


def _settle_axes(x: Any, y: Any, known: pyproj.CRS, notes: Notes) -> tuple[Any, Any]:
    """Swap the rows of which only the other reading lies in China, and list them."""
    if known.is_geographic:
        swapped = ~_in_china(x, y) & _in_china(y, x)
    elif np.isfinite(x).any():
        # Chinese surveyors write X for north: take whichever order lands in China
        to_degrees = pyproj.Transformer.from_crs(known, EXCHANGE_CRS, always_xy=True)
        swapped = ~_in_china(*to_degrees.transform(x, y)) & _in_china(*to_degrees.transform(y, x))
    else:
        return x, y
    notes.add("axes_swapped", swapped)
    return np.where(swapped, y, x), np.where(swapped, x, y)


def _from_wkt(table: pd.DataFrame, crs: Any, notes: Notes) -> gpd.GeoDataFrame:
    text = [v if isinstance(v, str) and v.strip() else None for v in table["geometry_wkt"]]
    shapes = shapely.from_wkt(np.array(text, dtype=object), on_invalid="ignore")
    lost = np.array([t is not None for t in text], dtype=bool) & shapely.is_missing(shapes)
    notes.add("coordinates_unreadable", lost, values="WKT")
    box = shapely.total_bounds(shapes)
    known = _table_crs(box[[0, 2]], box[[1, 3]], crs, notes)
    return gpd.GeoDataFrame(table.drop(columns="geometry_wkt"), geometry=shapes, crs=known)
