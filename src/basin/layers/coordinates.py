"""Places from a table: degrees and metres as they are typed, swapped axes, bare numbers."""

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

from basin.crs import EXCHANGE_CRS
from basin.errors import CrsError, LayerError
from basin.layers.problems import Notes, make_error
from basin.layers.systems import Reading, fitting, in_place, unpack, user_crs, words_for

__all__ = ["ANGLES", "parse_degrees", "points_from_columns", "split_pair"]

#: What plain figures may be: decimal degrees, or degrees, minutes and seconds in one number.
ANGLES = ("degrees", "dms")

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
_DECIMAL = re.compile(r"[+-]?\d{1,9}(?:\.\d*)?°?")
# 106,653 could be a decimal comma: a separator counts with a second one, or beside a point
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?|\d{1,3},\d{3}\.\d+")
_METRES = re.compile(r"(?<=\d)\s*(?:m|米)$")
# 12".3 is how surveyors write 12.3"
_SECONDS_FIRST = re.compile(r'"\s*\.(\d+)$')
_SEXAGESIMAL = re.compile(
    r"(?P<d>\d{1,3})(?:\s*°\s*|\s*:\s*|\s*-\s*|\s+)"
    r"(?P<m>\d{1,2}(?:\.\d+)?)(?:\s*'\s*|\s*:\s*|\s*-\s*|\s+|$)"
    r"(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:\"|'')?)?"
)
_NOT_PLAIN = re.compile("[°º˚度:：'′\"″]|\\d[ -]+\\d")
_PAIR = re.compile(r"\s*[,;，；、/|]\s*|(?<=[\"'°])\s+(?=\d)|(?<=[ENen])\s+")


def _one_degree(value: Any) -> float:
    text = unicodedata.normalize("NFKC", str(value).translate(_SIGNS)).casefold().strip()
    # the compatibility form of a double prime is two primes
    text = _SECONDS_FIRST.sub(r'.\1"', text.replace("''", '"')).strip()
    sign = 1.0
    if found := _HEMISPHERE.search(text):
        sign = -1.0 if found[0] in _MINUS else 1.0
        text = (text[: found.start()] + text[found.end() :]).strip(" :")
    text = _METRES.sub("", text)
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
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
        ``36,408,000.5``, full-width digits.

    Returns
    -------
    Series of float, shape (n,)
        Degrees, west and south negative; plain figures as they are. On the same index.

    Examples
    --------
    >>> parse_degrees(pd.Series(["106°30′36″E", "106 30 36", "１０６．５１", "here"])).tolist()
    [106.51, 106.51, 106.51, nan]
    """
    return pd.Series(_parse(series)[0], index=series.index)


def _parse(series: pd.Series[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the values, and which are plain figures: these alone may be packed angles."""
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    plain = np.isfinite(values)
    if not pd.api.types.is_numeric_dtype(series.dtype):
        at = np.flatnonzero(~plain & series.notna().to_numpy())
        codes, odd = pd.factorize(series.iloc[at].astype(object))
        values = values.copy()
        values[at] = np.array([_one_degree(v) for v in odd], dtype=float)[codes] if len(at) else []
        words = np.array([bool(_NOT_PLAIN.search(str(v))) for v in odd], dtype=bool)
        plain[at] = ~words[codes] if len(at) else []
    values = np.where(np.abs(values) < 1e9, values, np.nan)
    return values, plain & np.isfinite(values)


def split_pair(series: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Part a column of pairs (``106.65, 29.02``) in two; a pair that cannot be parted is null."""
    texts = [str(v).translate(_SIGNS).strip().strip("()（）[]") for v in series]
    halves = [_PAIR.split(text, maxsplit=1) for text in texts]
    pairs = [h if len(h) == 2 else [None, None] for h in halves]
    frame = pd.DataFrame(pairs, index=series.index, columns=["lon", "lat"], dtype=object)
    return frame["lon"], frame["lat"]


# ---------------------------------------------------------------- a table with coordinate columns

# So many figures with a third decimal below 6 (0.6 ** 30 is 2e-7) are minutes and seconds.
_TELLING = 30


def points_from_columns(
    table: pd.DataFrame, crs: Any, notes: Notes, *, near: Any = None, angles: str | None = None
) -> gpd.GeoDataFrame:
    """Turn coordinate columns (``lon`` and ``lat``, ``lonlat``, ``geometry_wkt``) to a geometry.

    Without a stated system the numbers decide where they allow one reading only (``fitting``), and
    that is reported. Rows that cannot be read keep a null geometry and are listed. The columns are
    dropped.

    Parameters
    ----------
    near
        Bounds of the project's other layers in degrees, which narrow the choice.
    angles : {'degrees', 'dms', None}
        What plain figures are; None is decimal degrees, unless only ``dms`` gives places in China.

    Raises
    ------
    LayerError
        If there are no such columns.
    CrsError
        If the numbers allow several readings, or none.
    """
    used = [c for c in ("lon", "lat", "lonlat") if c in table.columns]
    others = {"lon", "lat"} <= set(used) or "lonlat" in used
    if "geometry_wkt" in table.columns:
        readable = ~shapely.is_missing(_wkt(table))
        if readable.any() or not others:
            if others:
                notes.add("coordinates_twice", used=", ".join(used))
            return _from_wkt(table, crs, notes, near)
        notes.add("wkt_unreadable", table["geometry_wkt"].notna().to_numpy(), used=", ".join(used))
        table = table.rename(columns={"geometry_wkt": "geometry_wkt.file"})
    if {"lon", "lat"} <= set(used):
        x_text, y_text = table["lon"], table["lat"]
        used = ["lon", "lat"]
    elif "lonlat" in used:
        x_text, y_text = split_pair(table["lonlat"])
        used = ["lonlat"]
    else:
        raise make_error(
            LayerError, notes.layer, "coordinates_absent", columns=", ".join(map(str, table))
        )
    (x, x_plain), (y, y_plain) = _parse(x_text), _parse(y_text)
    lost = np.isnan(x) | np.isnan(y)
    if lost.any():
        cells = table.loc[lost, used]
        blank = lost.copy()
        blank[lost] = (cells.isna() | cells.astype("str").isin(["", "nan"])).all(axis=1)
        bad = lost & ~blank
        shown = [f"{a}, {b}" for a, b in zip(x_text[bad][:3], y_text[bad][:3], strict=True)]
        notes.add("coordinates_unreadable", bad, values="; ".join(shown))
        x, y = np.where(lost, np.nan, x), np.where(lost, np.nan, y)
    if angles == "dms":
        x, y = np.where(x_plain, unpack(x), x), np.where(y_plain, unpack(y), y)
    known = _system(x, y, crs, notes, near=near)
    if known is None:
        x, y = np.where(x >= 10_000, unpack(x), x), np.where(y >= 10_000, unpack(y), y)
        known = EXCHANGE_CRS
    elif angles is None and known.is_geographic:
        _refuse_hidden_dms(x[x_plain], y[y_plain], notes)
    strange = ~lost & ~np.isfinite(x + y)
    if strange.any():  # minutes or seconds of 60 and more
        shown = [f"{a}, {b}" for a, b in zip(x_text[strange][:3], y_text[strange][:3], strict=True)]
        notes.add("coordinates_unreadable", strange, values="; ".join(shown))
        lost |= strange
    x, y = _settle_axes(x, y, known, notes)
    points = np.full(len(table), None, dtype=object)
    points[~lost] = shapely.points(x[~lost], y[~lost])
    return gpd.GeoDataFrame(table.drop(columns=used), geometry=points, crs=known)


def _system(x: Any, y: Any, crs: Any, notes: Notes, *, near: Any) -> pyproj.CRS | None:
    """Return the system stated or the only one that fits; None for packed angles."""
    if crs is not None:
        return user_crs(crs, notes.layer)
    present = np.isfinite(x) & np.isfinite(y)
    found = fitting(x[present], y[present], near)
    if len(found) > 1:
        raise make_error(
            CrsError,
            notes.layer,
            "crs_several",
            which_zh=words_for(found, "zh"),
            which_en=words_for(found, "en"),
        )
    if found:
        return _taken(found[0], notes)
    degrees = (np.abs(x[present]) <= 180) & (np.abs(y[present]) <= 180)
    if present.any() and degrees.mean() < 0.5:
        ranges = [f"{v[present].min():.10g} … {v[present].max():.10g}" for v in (x, y)]
        raise make_error(CrsError, notes.layer, "crs_none_fits", x=ranges[0], y=ranges[1])
    notes.add("crs_assumed")
    return EXCHANGE_CRS


def _taken(reading: Reading, notes: Notes) -> pyproj.CRS | None:
    if reading.packed:
        notes.add("coordinates_packed")
        return None
    if reading.crs == "EPSG:4490":
        notes.add("crs_assumed")
    else:
        notes.add(
            "crs_taken", crs=reading.crs, name_zh=reading.words("zh"), name_en=reading.words("en")
        )
    return pyproj.CRS.from_user_input(reading.crs)


def _refuse_hidden_dms(x: Any, y: Any, notes: Notes) -> None:
    """Ask if no figure of many could not be minutes and seconds (106.39123 for 106°39′12.3″)."""
    values = np.concatenate([x[np.isfinite(x)], y[np.isfinite(y)]])
    # steps of 0.005 say nothing: their third decimal is 0 or 5
    telling = values[np.abs(values * 200 - np.round(values * 200)) > 1e-6]
    if len(telling) < _TELLING or np.isnan(unpack(telling)).any():
        return
    shown = ", ".join(f"{v:.10g}" for v in telling[:2])
    raise make_error(CrsError, notes.layer, "angles_several", values=shown, n=len(telling))


def _settle_axes(x: Any, y: Any, known: pyproj.CRS, notes: Notes) -> tuple[Any, Any]:
    """Swap the rows of which only the other reading lies in China, and list them."""
    if known.is_geographic:
        swapped = ~in_place(x, y, known) & in_place(y, x, known)
    elif np.isfinite(x).any():
        # Chinese surveyors write X for north: take whichever order lands in China
        to = pyproj.Transformer.from_crs(known, EXCHANGE_CRS, always_xy=True)
        right = in_place(*to.transform(x, y), known)
        swapped = np.zeros(len(x), dtype=bool)
        if not right.all():
            swapped = ~right & in_place(*to.transform(y, x), known)
    else:
        return x, y
    if not swapped.any():
        return x, y
    notes.add("axes_swapped", swapped)
    return np.where(swapped, y, x), np.where(swapped, x, y)


def _wkt(table: pd.DataFrame) -> Any:
    text = [v if isinstance(v, str) and v.strip() else None for v in table["geometry_wkt"]]
    return shapely.from_wkt(np.array(text, dtype=object), on_invalid="ignore")


def _from_wkt(table: pd.DataFrame, crs: Any, notes: Notes, near: Any) -> gpd.GeoDataFrame:
    shapes = _wkt(table)
    given = table["geometry_wkt"].astype("str").str.strip().ne("").fillna(False)
    lost = given.to_numpy(dtype=bool) & shapely.is_missing(shapes)
    notes.add("coordinates_unreadable", lost, values="WKT")
    box = gpd.GeoSeries(shapes).total_bounds  # no rows have none, where shapely's raises
    known = _system(box[[0, 2]], box[[1, 3]], crs, notes, near=near)
    return gpd.GeoDataFrame(
        table.drop(columns="geometry_wkt"), geometry=shapes, crs=known or EXCHANGE_CRS
    )
