"""The user's own tile service under a map: an address, whom to name for it, and its datum."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pyproj import Geod

from basin.crs import to_web_map
from basin.errors import BasinError, BasinWarning
from basin.maps.content import Content
from basin.maps.words import words

__all__ = ["Basemap", "add_basemaps", "tianditu"]

Datum = Literal["cgcs2000", "wgs84", "gcj02", "bd09"]

#: Services whose tiles are shifted, by the end of their host.
_SHIFTED_HOSTS: tuple[tuple[str, Datum], ...] = (
    ("autonavi.com", "gcj02"),
    ("amap.com", "gcj02"),
    ("gtimg.com", "gcj02"),
    ("map.qq.com", "gcj02"),
    ("google.cn", "gcj02"),
    ("googleapis.cn", "gcj02"),
    ("geoq.cn", "gcj02"),
    ("bdimg.com", "bd09"),
    ("baidu.com", "bd09"),
)

#: What WMTS calls the parts of a tile's address.
_WMTS_PARTS = {"{tilematrix}": "{z}", "{tilerow}": "{y}", "{tilecol}": "{x}"}

#: A tile matrix in degrees, which does not fit a map in Web Mercator.
_IN_DEGREES = re.compile(
    r"_c/wmts|tilematrixset=(c\b|[^&]*(4490|4326|crs84))|srs=epsg:(4490|4326)", re.IGNORECASE
)

_ELLIPSOID = Geod("+a=6378137 +rf=298.257222101")  # GB 22021-2008


@dataclass(frozen=True)
class Basemap:
    """A tile service in Web Mercator that the map shows where it has a network.

    Attributes
    ----------
    url
        Address with ``{z}``, ``{x}``, ``{y}`` (WMTS: ``{TileMatrix}``, ``{TileCol}``,
        ``{TileRow}``), and ``{s}`` where there are `subdomains`. A key in it can be read by
        everyone who has the map.
    attribution
        Whom to name; empty: the host.
    datum : {'cgcs2000', 'wgs84', 'gcj02'}, optional
        None takes it from the host where that is known to be shifted, else CGCS2000.
    name
        In the panel.
    subdomains
        One letter or digit each.
    max_zoom
        Finest level of the service; beyond it its tiles are enlarged.

    Raises
    ------
    BasinError
        If the address is not http or https, has no place for a tile, asks for tiles in degrees, or
        belongs to a service in BD-09, whose tiles are cut another way.
    """

    url: str
    attribution: str = ""
    datum: Datum | None = None
    name: str = ""
    subdomains: str = ""
    max_zoom: int = 18

    def __post_init__(self) -> None:
        url = self.url.strip()
        for part, plain in _WMTS_PARTS.items():
            url = re.sub(re.escape(part), plain, url, flags=re.IGNORECASE)
        object.__setattr__(self, "url", url)
        parts = set(re.findall(r"\{([^{}]*)\}", url))
        if not re.fullmatch(r"https?://[^\s\"'<>`\\]+", url) or not self.origins:
            raise BasinError(
                "the base map has no address of http or https",
                mend="Give it as https://host/{z}/{x}/{y}.png.",
                zh="底图地址不是 http 或 https 地址",
                mend_zh="写成 https://主机/{z}/{x}/{y}.png 的形式",
            )
        if not {"x", "y", "z"} <= parts or parts - {"x", "y", "z", "s", "r"}:
            raise BasinError(
                f"the address of the base map has the places {sorted(parts)}",
                mend="It takes {z}, {x} and {y} (or {TileMatrix}, {TileCol}, {TileRow}), and {s}.",
                zh=f"底图地址中的占位符是 {sorted(parts)}",
                mend_zh="需要 {z}、{x}、{y}（或 {TileMatrix}、{TileCol}、{TileRow}），可有 {s}",
            )
        if ("s" in parts) != bool(self.subdomains):
            raise BasinError(
                "the address of the base map and its subdomains do not go together",
                mend="Give both {s} and subdomains=, or neither.",
                zh="底图地址中的 {s} 与子域不配套",
                mend_zh="{s} 与 subdomains= 同时给出或都不给",
            )
        if _IN_DEGREES.search(url):
            raise BasinError(
                "the base map is asked for in degrees, and the map is in Web Mercator",
                mend="Take the service's Web Mercator matrix (天地图: vec_w, TILEMATRIXSET=w).",
                zh="底图用的是经纬度瓦片，本图为 Web 墨卡托",
                mend_zh="改用该服务的墨卡托瓦片（天地图用 vec_w、TILEMATRIXSET=w）",
            )
        if self.system == "bd09":
            raise BasinError(
                "the base map is in BD-09, whose tiles are cut in another way",
                mend="Take a service in CGCS2000, such as 天地图.",
                zh="底图为百度 BD-09，瓦片切法不同，不能叠加",
                mend_zh="改用 CGCS2000 底图，如天地图",
            )

    @property
    def host(self) -> str:
        """The host, without its port."""
        return urlsplit(self.url.replace("{s}", "s")).hostname or ""

    @property
    def system(self) -> Datum:
        """The datum: a host that is known to be shifted outweighs what was said of it."""
        for end, shifted in _SHIFTED_HOSTS:
            if self.host == end or self.host.endswith("." + end):
                return shifted
        return self.datum or "cgcs2000"

    @property
    def origins(self) -> tuple[str, ...]:
        """The addresses that the page may then load pictures from."""
        found = []
        for letter in self.subdomains or "-":
            parts = urlsplit(self.url.replace("{s}", letter))
            origin = f"{parts.scheme}://{parts.netloc}"
            if re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", origin):
                found.append(origin)
        return tuple(found)


def tianditu(key: str, *, kind: Literal["vec", "img", "ter"] = "vec") -> tuple[Basemap, Basemap]:
    """天地图 in Web Mercator with its Chinese names; the key is the user's own.

    Parameters
    ----------
    key
        A key for browsers of the user's account; it stands in the page.
    kind : {'vec', 'img', 'ter'}
        Map, imagery, or relief.

    Raises
    ------
    BasinError
        If the key is not of letters and digits.
    """
    if not re.fullmatch(r"[A-Za-z0-9]+", key):
        raise BasinError(
            "the key of 天地图 is not of letters and digits",
            mend="Copy it from the console of the service.",
            zh="天地图密钥应只含字母和数字",
            mend_zh="从天地图控制台复制密钥",
        )
    names = {"vec": "cva", "img": "cia", "ter": "cta"}
    layers = []
    for layer in (kind, names[kind]):
        url = (
            f"https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile"
            f"&VERSION=1.0.0&LAYER={layer}&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles"
            f"&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={key}"
        )
        layers.append(
            Basemap(url, "天地图", datum="cgcs2000", name="天地图", subdomains="01234567")
        )
    return layers[0], layers[1]


def add_basemaps(content: Content, given: Any) -> list[Basemap]:
    """Put tile services under the map; a shifted one is told in the page and by a warning.

    Parameters
    ----------
    given
        An address, a :class:`Basemap`, or several from the ground up; None for none.
    """
    if given is None:
        return []
    several: Iterable[Any] = (given,) if isinstance(given, str | Basemap) else given
    found = [Basemap(one) if isinstance(one, str) else one for one in several]
    lang = content.lang
    row = None
    for one in found:
        if row is None:
            name = one.name or words("basemap", lang)
            row = content.row("basemap", "base", name, on=True)
            row.explain(words("basemap_remark", lang, host=one.host))
        content.tiles.append(
            {
                "row": row.id,
                "url": one.url,
                "attribution": one.attribution or one.host,
                "subdomains": one.subdomains,
                "maxNativeZoom": one.max_zoom,
            }
        )
    if any(one.system == "gcj02" for one in found):
        metres = _shift_m(content.bounds)
        content.warnings.append(words("basemap_shifted", lang, m=metres))
        warnings.warn(
            f"the base map is in GCJ-02, about {metres} m off the data in CGCS2000: places must "
            "not be compared with it. Take a service in CGCS2000, such as 天地图.",
            BasinWarning,
            stacklevel=4,
        )
    return found


def _shift_m(bounds: list[float] | None) -> int:
    """How far the tiles lie off at the middle of the map, in metres, to 10 m."""
    west, south, east, north = bounds or [106.0, 29.0, 107.0, 30.0]
    lon, lat = (west + east) / 2, (south + north) / 2
    there = to_web_map(lon, lat, "gcj02")
    metres = _ELLIPSOID.inv(lon, lat, float(there[0]), float(there[1]))[2]
    return int(round(metres, -1))
