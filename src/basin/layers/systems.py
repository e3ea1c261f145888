"""Which coordinate system could these numbers be in? What fits is named, and only one is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj

from basin.crs import CHINA_BOUNDS, EXCHANGE_CRS, check_datum, web_map_of
from basin.errors import CrsError
from basin.layers.problems import make_error

__all__ = [
    "Reading",
    "central_meridian",
    "fitting",
    "in_place",
    "propose_crs",
    "unpack",
    "user_crs",
    "words_for",
]

#: Northings on the land of China (17 to 54 degrees), and eastings within a zone, in metres.
_NORTHING_M = (1_850_000.0, 6_000_000.0)
_EASTING_M = (100_000.0, 900_000.0)
_MERCATOR_M = ((8_100_000.0, 15_200_000.0), (1_900_000.0, 7_200_000.0))

#: Central meridians of the 3-degree zones of China; EPSG 4534 has the first.
_MERIDIANS = range(75, 136, 3)

#: A reading must make sense of so many of the places; the others are listed as strays.
_FIT = 0.9

#: A place farther from its central meridian has its axes swapped, or is in another zone.
_MOST_FROM_MERIDIAN = 6.0


@dataclass(frozen=True)
class Reading:
    """One way in which two columns of numbers are places in China.

    Attributes
    ----------
    crs : str
        What to state as ``crs``.
    name : str
        In words.
    swapped : bool
        True if the first column is the northing (Chinese surveyors call it X) or the latitude.
    packed : bool
        True for degrees, minutes and seconds written together: 1063912.3 is 106°39′12.3″.
    """

    crs: str
    name: str
    swapped: bool = False
    packed: bool = False

    def words(self, lang: str = "en") -> str:
        """Return the name in a language."""
        text = self.name
        for english, chinese in _ZH if lang == "zh" else ():
            text = re.sub(english, chinese, text)
        return text


_ZH = (
    (r"longitude/latitude", "经纬度"),
    (r"3-degree zone (\d+)", r"三度带第 \1 带"),
    (r"6-degree zone (\d+)", r"六度带第 \1 带"),
    (r"3-degree, (\d+)° E", r"三度带，中央经线 \1°，无带号"),
    (r"UTM zone (\d+)N", r"UTM 北 \1 带"),
    (r"web mercator", "网络墨卡托"),
    (r"degrees, minutes and seconds in one number", "度分秒连写"),
)


def _china(lon: Any, lat: Any) -> npt.NDArray[np.bool_]:
    west, south, east, north = CHINA_BOUNDS
    return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north), dtype=bool)


def unpack(values: Any) -> npt.NDArray[np.float64]:
    """Read degrees, minutes and seconds written together; NaN where minutes or seconds pass 60.

    Parameters
    ----------
    values : array_like
        ``1063912.3`` (DDDMMSS.s) or ``106.39123`` (D.MMSSs): both are 106°39′12.3″.

    Examples
    --------
    >>> unpack([1063912.3, 106.39123, 1067912.3]).round(6).tolist()
    [106.653417, 106.653417, nan]
    """
    given = np.asarray(values, dtype=float)
    whole = np.round(np.where(np.abs(given) < 1000, given * 1e4, given), 6)
    degrees, rest = np.divmod(whole, 10_000)
    minutes, seconds = np.divmod(rest, 100)
    good = (minutes < 60) & (seconds < 60)
    return np.where(good, degrees + minutes / 60 + np.round(seconds, 6) / 3600, np.nan)


def fitting(x: Any, y: Any, near: Any = None) -> list[Reading]:
    """Return every way to read two columns of numbers as places in China.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Without NaN.
    near
        West, south, east, north in degrees of the project's other layers. It decides between
        central meridians: a grid without a zone number fits all of them.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not len(x):
        return []
    found = [
        reading
        for swapped, a, b in ((False, x, y), (True, y, x))
        for reading in _fitting(a, b, swapped)
    ]
    if near is None or len(found) < 2:
        return found
    here = [r for r in found if _is_near(x, y, r, near)]
    return here or found


def _fitting(a: Any, b: Any, swapped: bool) -> list[Reading]:
    if _mostly(_china(a, b)):
        return [Reading("EPSG:4490", "CGCS2000 longitude/latitude", swapped)]
    if _mostly((np.minimum(a, b) >= 10_000) & _china(unpack(a), unpack(b))):
        return [Reading("EPSG:4490", "degrees, minutes and seconds in one number", swapped, True)]
    found = []
    if _mostly(_between(b, _NORTHING_M)):
        zone, within = np.divmod(a, 1_000_000)
        first = int(np.median(zone))
        in_zone = _between(within, _EASTING_M) & (zone == first)
        if _mostly(in_zone) and 25 <= first <= 45:
            found.append(
                Reading(f"EPSG:{4488 + first}", f"CGCS2000 3-degree zone {first}", swapped)
            )
        if _mostly(in_zone) and 13 <= first <= 23:
            found.append(
                Reading(f"EPSG:{4478 + first}", f"CGCS2000 6-degree zone {first}", swapped)
            )
        if _mostly(_between(a, _EASTING_M)):
            found += [
                Reading(f"EPSG:{4534 + i}", f"CGCS2000 3-degree, {m}° E", swapped)
                for i, m in enumerate(_MERIDIANS)
            ]
            found += [
                Reading(f"EPSG:{32643 + i}", f"WGS 84 / UTM zone {43 + i}N", swapped)
                for i in range(11)
            ]
    if _mostly(_between(a, _MERCATOR_M[0]) & _between(b, _MERCATOR_M[1])):
        found.append(Reading("EPSG:3857", "web mercator", swapped))
    return found


def _mostly(mask: Any) -> bool:
    return bool(np.mean(mask) >= _FIT)


def _between(values: Any, limits: tuple[float, float]) -> Any:
    return (values >= limits[0]) & (values <= limits[1])


def _is_near(x: Any, y: Any, reading: Reading, near: Any) -> bool:
    """True if most places lie in the bounds or as far from them again, and 0.1 degree."""
    a, b = (y, x) if reading.swapped else (x, y)
    if reading.packed:
        a, b = unpack(a), unpack(b)
    elif reading.crs != "EPSG:4490":
        to = pyproj.Transformer.from_crs(reading.crs, EXCHANGE_CRS, always_xy=True)
        a, b = to.transform(a, b)
    west, south, east, north = near
    wide, high = (east - west) + 0.1, (north - south) + 0.1
    inside = (a >= west - wide) & (a <= east + wide) & (b >= south - high) & (b <= north + high)
    return bool(np.mean(inside) >= 0.5)


# ---------------------------------------------------------------- in words


def words_for(readings: list[Reading], lang: str = "en") -> str:
    """Name readings in one phrase; the many central meridians of a bare grid as one."""
    bare = [r for r in readings if "3-degree, " in r.name]
    others = [r for r in readings if r not in bare and "UTM" not in r.name]
    if len(bare) <= 3:
        others = list(readings)
    words = [f"{r.crs} ({r.words(lang)})" for r in others]
    if len(bare) > 3:
        words.append(
            "EPSG:4544, 4545 or 4546 (CGCS2000 三度带，无带号，中央经线 105°、108°、111°；"
            "其他经线为 4534 + (经线 - 75)/3)、EPSG:32648 或 32649 (UTM，中央经线 105°、111°)"
            if lang == "zh"
            else "EPSG:4544, 4545 or 4546 (CGCS2000 3-degree without zone number, central meridian "
            "105, 108, 111 E; others are 4534 + (meridian - 75)/3), EPSG:32648 or 32649 (UTM, "
            "central meridian 105, 111 E)"
        )
    return ("或 " if lang == "zh" else " or ").join(words)


def propose_crs(bounds: Any, lang: str = "en", near: Any = None) -> str:
    """Say which systems fit a range of numbers, as one sentence for an error's mend.

    Parameters
    ----------
    bounds
        West, south, east, north in the unknown unit.
    lang : {'en', 'zh'}
    near
        As in :func:`fitting`.

    Examples
    --------
    >>> propose_crs((36_400_000, 3_200_000, 36_420_000, 3_230_000))
    'The numbers fit EPSG:4524 (CGCS2000 3-degree zone 36): state it as crs.'
    """
    west, south, east, north = (float(b) for b in bounds)
    if not np.isfinite([west, south, east, north]).all():
        return "写明 crs" if lang == "zh" else "State crs."
    found = fitting([west, east], [south, north], near)
    if not found:
        return (
            "这些数不符合我国使用的任何坐标系：请向提供者问明来源，再写明 crs"
            if lang == "zh"
            else "The numbers fit no system used in China: ask where they come from, and state crs."
        )
    which = words_for(found, lang)
    swapped = found[0].swapped
    if lang == "zh":
        order = "（先纬度后经度，或 X 为北坐标，需对调）" if swapped else ""
        return f"数值{order}符合 {which}：确认后写作 crs"
    if not swapped:
        return f"The numbers fit {which}: state it as crs."
    order = "latitude before longitude" if found[0].crs == "EPSG:4490" else "north before east"
    return f"The numbers are {order} (swapped) and then fit {which}: state it as crs."


def user_crs(crs: Any, layer: str) -> pyproj.CRS:
    """Return the system that a user names; web maps (``gcj02``, ``bd09``) are degrees.

    Raises
    ------
    CrsError
        If it is not known, or on an old datum without the parameters of its shift.
    """
    if web_map_of(crs):
        return EXCHANGE_CRS
    try:
        known = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.ProjError as error:
        raise make_error(CrsError, layer, "crs_unknown", crs=str(crs)) from error
    check_datum(known, layer)
    return known


# ---------------------------------------------------------------- places in a known system


def central_meridian(known: pyproj.CRS) -> float | None:
    """Return the central meridian of a transverse Mercator in degrees; None for others."""
    used = known.source_crs if known.is_bound and known.source_crs else known
    operation = used.coordinate_operation if used.is_projected else None
    if operation is None or operation.method_name != "Transverse Mercator":
        return None
    return next(float(p.value) for p in operation.params if p.name.startswith("Longitude"))


def in_place(lon: Any, lat: Any, known: pyproj.CRS) -> npt.NDArray[np.bool_]:
    """Tell which degrees lie in China, and not far from the meridian of the system they come from.

    A grid read with its axes swapped mostly lands 24 degrees off, south of the Philippines, which
    is within the bounds of China.
    """
    here = _china(lon, lat)
    meridian = central_meridian(known)
    if meridian is not None:
        here &= np.abs(lon - meridian) <= _MOST_FROM_MERIDIAN
    return here
