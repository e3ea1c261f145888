"""Sites by verdict, with the shorelines, their bands, and the nearest point of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import geopandas as gpd
import pandas as pd
import shapely

from basin._colour import text_on
from basin.figures._frame import INK, Mark, add_legend, key
from basin.figures._sheet import Sheet, Style, StyleOptions, base_texts, names_of, takes_style
from basin.standards.labels import codes, colour, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_siting"]

_MARKERS = {
    "prohibited": "X", "borderline": "D", "unchecked": "s", "undetermined": "s",
    "manual": "P", "conditional": "^", "clear": "o",
}  # fmt: skip
_BANDS = {1000.0: "#ef9a9a", 3000.0: "#ffcc80", 5000.0: "#fff3c4"}
_MOST_ROWS = 24
_LONGEST_KEY = 7


@takes_style
def plot_siting(
    result: Any, *, shorelines: Any = None, bands: Mapping[float, Any] | None = None,
    reaches: Any = None, districts: Any = None, **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw the checked sites by verdict beside a list of them, strictest first.

    Parameters
    ----------
    result : SitingResult
        From `basin.siting.check_sites`.
    shorelines : GeoDataFrame, optional
        The base lines in EPSG:4490.
    bands : mapping of metres to GeoDataFrame or geometry, optional
        Areas within each limit, e.g. ``{1000: shoreline_band(shorelines, 1000)}``. Drawn only; a
        verdict is a distance.
    reaches, districts : GeoDataFrame, optional
        Base map in EPSG:4490.
    lang, labels, title, source, date, font
        See `Style`. The date is that of the result if not given.

    Returns
    -------
    Figure
        11 by 7 inches.

    Raises
    ------
    FontError
        If no installed font has all characters.
    BasinError
        If matplotlib is not installed.
    """
    style = Style(**options)
    style = replace(style, date=style.date or getattr(result, "date", None))
    lang, labels, title = style.lang, style.labels, style.title
    sites = _strictest_first(result.sites)
    texts = [*names_of(sites, labels), *base_texts(reaches, districts, labels)]
    verdicts = [label("verdict", code, lang) for code in codes("verdict")]
    sheet = Sheet((11.0, 7.0), style, [*texts, *verdicts, title])
    sheet.title(title or sheet.words["siting"], _tally(sites, lang))
    box = (0.62, 1.25, 6.1, 5.05)
    left_out = _draw_map(sheet, box, sites, shorelines, bands or {}, reaches, districts)
    _draw_list(sheet, (7.0, 1.25, 3.7, 5.05), sites)
    return sheet.finish(left_out)


def _strictest_first(sites: Any) -> Any:
    order = {code: k for k, code in enumerate(codes("verdict"))}
    return sites.iloc[sites["verdict"].map(order).argsort(kind="stable")]


def _tally(sites: Any, lang: str) -> str:
    counts = sites["verdict"].value_counts()
    return "　".join(
        f"{label('verdict', code, lang)} {counts[code]}"
        for code in codes("verdict")
        if code in counts
    )


def _draw_map(
    sheet: Sheet, box: Any, sites: Any, shorelines: Any, bands: Mapping[float, Any],
    reaches: Any, districts: Any,
) -> list[str]:  # fmt: skip
    shown = sites[sites.geometry.notna() & ~sites.geometry.is_empty]
    links = _links(shown)
    frame = sheet.frame(box, [shown, links], pad=0.1)
    for limit in sorted(bands, reverse=True):
        area = bands[limit]
        area = area if hasattr(area, "geometry") else gpd.GeoDataFrame(geometry=[area], crs=4490)
        frame.areas(area, facecolor=_band_colour(limit), edgecolor="none", alpha=0.55, zorder=0.6)
    sheet.base_map(frame, reaches, districts)
    if shorelines is not None and len(shorelines):
        frame.lines(shorelines, color="#0277bd", linewidth=1.0, zorder=3)
    frame.lines(links, color=INK, linewidth=0.7, linestyle=(0, (2, 1.5)), zorder=4)
    x, y = frame.spread(*frame.xy(shown)) if len(shown) else frame.xy(shown)
    areal = shown[shown.geometry.geom_type.isin(["Polygon", "MultiPolygon"])]
    for code in reversed(codes("verdict")):
        fill = colour("verdict", code)
        here = areal[areal["verdict"] == code]
        if len(here):
            frame.areas(here, facecolor=fill, edgecolor=INK, linewidth=0.6, alpha=0.6, zorder=4)
        chosen = (shown["verdict"] == code).to_numpy()
        if chosen.any():
            style = {"marker": _MARKERS[code], "color": fill, "edgecolor": "white", "lw": 0.8}
            frame.points(shown, size_pt=9, at=(x[chosen], y[chosen]), zorder=6, **style)
    frame.furnish()
    marks = []
    if sheet.style.labels != "none":
        keys = dict(zip(sites.index, _keys(sites), strict=True))
        for turn, (px, py, site) in enumerate(zip(x, y, shown.index, strict=True)):
            marks.append(Mark(px, py, keys[site], 5.0, 8.0, rank=turn))
    left_out = frame.label(marks)
    sheet.base_names(frame, reaches, districts)
    handles = _handles(sheet, shown, shorelines, bands, reaches, districts, len(links))
    add_legend(sheet.figure, handles, at=(box[0] - 0.1, 0.98), width=10.2, family=sheet.families)
    return left_out


def _keys(sites: Any) -> list[str]:
    """What ties the map to the list: the sites' ids, or numbers where an id is long."""
    ids = names_of(sites, "id")
    return (
        ids if all(len(i) <= _LONGEST_KEY for i in ids) else [str(k + 1) for k in range(len(ids))]
    )


def _links(sites: Any) -> Any:
    """Lines from each site to the nearest point of a shoreline."""
    ends = sites[["site_lon", "site_lat", "foot_lon", "foot_lat"]].dropna()
    xy = ends.to_numpy(dtype=float).reshape(-1, 2, 2)
    return gpd.GeoSeries(list(shapely.linestrings(xy)) if len(xy) else [], crs=4490)


def _band_colour(limit: float) -> str:
    return _BANDS.get(float(limit), "#e1f5fe")


def _handles(
    sheet: Sheet, shown: Any, shorelines: Any, bands: Mapping[float, Any], reaches: Any,
    districts: Any, n_links: int,
) -> list[Any]:  # fmt: skip
    from matplotlib.patches import Patch

    lang, words = sheet.style.lang, sheet.words
    handles: list[Any] = [
        key(ls="", marker=_MARKERS[code], ms=7.5, mfc=colour("verdict", code), mec="white",
               label=label("verdict", code, lang))
        for code in codes("verdict")
        if (shown["verdict"] == code).any()
    ]  # fmt: skip
    if n_links:
        handles.append(key(color=INK, lw=0.9, ls=(0, (2, 1.5)), label=words["link"]))
    if shorelines is not None and len(shorelines):
        handles.append(key(color="#0277bd", lw=1.2, label=words["shoreline"]))
    handles += [
        Patch(
            facecolor=_band_colour(limit),
            alpha=0.55,
            label=words["band"].format(f"{limit / 1000:g}"),
        )
        for limit in sorted(bands)
    ]
    return handles + sheet.base_handles(reaches, districts)


def _draw_list(sheet: Sheet, box: Any, sites: Any) -> None:
    """List the sites with the numbers of the map, strictest first."""
    left, bottom, wide, tall = box
    words, lang = sheet.words, sheet.style.lang
    top = bottom + tall
    step = min(0.24, (tall - 0.3) / max(min(len(sites), _MOST_ROWS) + 1, 1))
    for x, word, align in (
        (0.05, "col_site", "left"),
        (2.38, "col_verdict", "center"),
        (wide, "col_nearest", "right"),
    ):
        sheet.text(left + x, top - 0.12, words[word], size=7.5, colour="#546e7a", ha=align)
    names = names_of(sites, "id" if sheet.style.labels == "none" else sheet.style.labels)
    shown, keys = sites.head(_MOST_ROWS), _keys(sites)
    for row, (name, verdict, nearest) in enumerate(
        zip(names, shown["verdict"], shown["nearest_m"], strict=False)
    ):
        y = top - 0.38 - row * step
        fill = colour("verdict", verdict)
        sheet.text(left + 0.05, y, keys[row], size=7.5)
        sheet.text(left + 0.55, y, "" if name == keys[row] else _fit(name, 1.5), size=7.5)
        sheet.text(
            left + 2.38, y, label("verdict", verdict, lang), size=7,
            colour=text_on(fill), ha="center",
            bbox={"boxstyle": "round,pad=0.25", "facecolor": fill, "edgecolor": "none"},
        )  # fmt: skip
        sheet.text(left + wide, y, _nearest(nearest, words), size=7.5, ha="right")
    if len(sites) > _MOST_ROWS:
        y = top - 0.38 - _MOST_ROWS * step
        sheet.text(left + 0.3, y, words["more"].format(len(sites) - _MOST_ROWS), size=7.5)


def _fit(name: str, inches: float) -> str:
    """Cut a name to a width: a Chinese character takes 7.5 points, a Latin one about 4.4."""
    room = inches * 72
    for k, character in enumerate(name):
        room -= 7.5 if ord(character) > 0x2E80 else 4.4
        if room < 0:
            return name[: max(k - 1, 1)] + "…"
    return name


def _nearest(metres: Any, words: Mapping[str, str]) -> str:
    if pd.isna(metres):
        return "-"
    return words["inside"] if metres <= 0 else words["metres"].format(f"{metres:,.0f}")
