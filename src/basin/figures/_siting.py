"""Sites by verdict, with the shorelines, their bands, and the nearest point of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import geopandas as gpd
import pandas as pd
import shapely

from basin._colour import text_on
from basin._pieces import scale_at
from basin.figures._frame import INK, MapFrame, Mark, add_legend, key
from basin.figures._sheet import (
    WORDS,
    Sheet,
    Style,
    StyleOptions,
    base_texts,
    names_of,
    shorten,
    takes_style,
)
from basin.standards.labels import codes, colour, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_siting"]

_MARKERS = {
    "prohibited": "X", "borderline": "D", "unchecked": "s", "undetermined": "s",
    "manual": "P", "conditional": "^", "clear": "o",
}  # fmt: skip
_BANDS = {1000.0: "#ef9a9a", 3000.0: "#ffcc80", 5000.0: "#fff3c4"}
#: Dashed: some zones have the blue of the banks.
_OUTLINE: dict[str, Any] = {"linewidth": 1.3, "linestyle": (0, (5, 1.5))}
_MOST_REASONS = 8
_MOST_ROWS = 24
_LONGEST_KEY = 7


@takes_style
def plot_siting(
    result: Any, *, shorelines: Any = None, bands: Mapping[float, Any] | None = None,
    zones: Any = None, around_m: float = 0.0, reaches: Any = None, districts: Any = None,
    **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw the checked sites by verdict beside a list of them, strictest first.

    A single site gets the distance to its nearest shoreline, with the river, written on the line to
    it. That line need not be the one that decides: with `around_m`, the rules that do are listed
    with the distance of their findings, or their zones.

    Parameters
    ----------
    result : SitingResult
        From `basin.siting.check_sites`.
    shorelines : GeoDataFrame, optional
        The base lines in EPSG:4490.
    bands : mapping of metres to GeoDataFrame or geometry, optional
        Areas within each limit, e.g. ``{1000: shoreline_band(shorelines, 1000)}``. Drawn only; a
        verdict is a distance.
    zones : GeoDataFrame, optional
        Zones with ``kind``, in EPSG:4490; those in view are outlined in the colour of their kind.
    around_m
        Least ground to show around each site, in metres.
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
    verdicts = [
        label(kind, code, lang) for kind in ("verdict", "zone_kind") for code in codes(kind)
    ]
    alone = len(sites) == 1 and around_m > 0
    reasons = _reasons(result, sites.iloc[0], lang) if alone else []
    banks = [_bank_of(site) for site in sites.to_dict("records")] if alone else []
    said = [text for row in reasons for text in row]
    sheet = Sheet((11.0, 7.0), style, [*texts, *verdicts, *banks, *said, title])
    sheet.title(title or _title(sheet, sites, around_m), _tally(sites, lang))
    box = (0.62, 1.25, 6.1, 5.05)
    left_out = _draw_map(
        sheet, box, sites, shorelines, bands or {}, zones, around_m, reaches, districts
    )
    _draw_list(sheet, (7.0, 1.25, 3.7, 5.05), sites)
    if reasons:
        _draw_reasons(sheet, (7.05, 5.45), reasons)
    return sheet.finish(left_out)


def _reasons(result: Any, site: Any, lang: str) -> list[tuple[str, str, str]]:
    """The rules that decide on a site: verdict, id and title; distance and limit, or the zones."""
    found = result.findings[result.findings["site_id"] == site.name]
    blocking = str(site["blocking_rules"]).split(", ")
    rows = []
    for row in found[found["rule_id"].isin(blocking)].to_dict("records"):
        head = f"{label('verdict', row['verdict'], lang)} {row['rule_id']}"
        if pd.notna(row["limit_m"]) and pd.notna(row["distance_m"]):
            words = WORDS[lang]
            far, limit = _nearest(row["distance_m"], words), _nearest(row["limit_m"], words)
            told = f"{row['river'] or row['evidence']} {far} / {words['limit']} {limit}"
        else:
            told = str(row["evidence"] or "")
        rows.append((head, row[f"title_{lang}"], told))
    return rows


def _draw_reasons(
    sheet: Sheet, at: tuple[float, float], reasons: list[tuple[str, str, str]]
) -> None:
    """List the rules that decide, from a place downwards."""
    x, y = at
    sheet.text(x, y, sheet.words["decides"], size=7.5, colour="#546e7a")
    for head, title, told in reasons[:_MOST_REASONS]:
        y -= 0.26
        sheet.text(x, y, head, size=7.5)
        for line in (title, told):
            if line:
                y -= 0.18
                sheet.text(x, y, _fit(line, 3.5), size=7.0, colour="#455a64")
    if len(reasons) > _MOST_REASONS:
        sheet.text(x, y - 0.26, sheet.words["more"].format(len(reasons) - _MOST_REASONS), size=7.5)


def _title(sheet: Sheet, sites: Any, around_m: float) -> str:
    if len(sites) != 1 or not around_m:
        return sheet.words["siting"]
    own = dict.fromkeys([*names_of(sites, "id"), *names_of(sites, sheet.style.labels)])
    return sheet.words["site_around"].format(shorten(" ".join(own), 40))


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
    zones: Any, around_m: float, reaches: Any, districts: Any,
) -> list[str]:  # fmt: skip
    shown = sites[sites.geometry.notna() & ~sites.geometry.is_empty]
    links = _links(shown)
    frame = sheet.frame(box, [shown, links, _ground(shown, around_m)], pad=0.1)
    for limit in sorted(bands, reverse=True):
        area = bands[limit]
        area = area if hasattr(area, "geometry") else gpd.GeoDataFrame(geometry=[area], crs=4490)
        frame.areas(area, facecolor=_band_colour(limit), edgecolor="none", alpha=0.55, zorder=0.6)
    kinds = _draw_zones(frame, zones)
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
    marks = _distance_mark(sheet, frame, sites, links)
    if sheet.style.labels != "none":
        keys = dict(zip(sites.index, _keys(sites), strict=True))
        for turn, (px, py, site) in enumerate(zip(x, y, shown.index, strict=True)):
            marks.append(Mark(px, py, keys[site], 5.0, 8.0, rank=turn))
    left_out = frame.label(marks)
    sheet.base_names(frame, reaches, districts)
    handles = _handles(sheet, shown, shorelines, bands, kinds, reaches, districts, len(links))
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
    outside = sites[sites["nearest_m"] > 0]
    ends = outside[["site_lon", "site_lat", "foot_lon", "foot_lat"]].dropna()
    xy = ends.to_numpy(dtype=float).reshape(-1, 2, 2)
    return gpd.GeoSeries(list(shapely.linestrings(xy)) if len(xy) else [], crs=4490)


def _ground(sites: Any, around_m: float) -> Any:
    """The ground to show around sites, as boxes; none without a distance."""
    if not around_m or not len(sites):
        return None
    west, south, east, north = sites.geometry.bounds.to_numpy().T
    k_lon, k_lat = scale_at((south + north) / 2)
    x, y = around_m / k_lon, around_m / k_lat
    return gpd.GeoSeries(shapely.box(west - x, south - y, east + x, north + y), crs=4490).to_frame()


def _draw_zones(frame: MapFrame, zones: Any) -> list[str]:
    """Draw the zones in view, and return their kinds in the order of the table."""
    if zones is None or not len(zones):
        return []
    (west, east), (south, north) = frame.ax.get_xlim(), frame.ax.get_ylim()
    view = shapely.box(west, south, east, north)
    drawn = zones[zones.geometry.notna()]
    seen = drawn[frame.project(drawn).geometry.intersects(view).to_numpy()]
    kinds = [kind for kind in codes("zone_kind") if (seen["kind"] == kind).any()]
    for kind in kinds:
        # outlines: fills would mix with the bands into colours that no legend shows
        tint, some = colour("zone_kind", kind), seen[seen["kind"] == kind]
        frame.areas(some, facecolor="none", edgecolor=tint, zorder=2.5, **_OUTLINE)
    return kinds


def _distance_mark(sheet: Sheet, frame: MapFrame, sites: Any, links: Any) -> list[Mark]:
    """The distance of a single site, and to what, beside the line to its nearest shoreline."""
    if len(sites) != 1 or not len(links):
        return []
    (way,), (site,) = frame.project(links.to_frame("geometry")).geometry, sites.to_dict("records")
    middle = way.interpolate(0.5, normalized=True)
    text = f"{_nearest(site['nearest_m'], sheet.words)} ({_bank_of(site)})"
    return [Mark(middle.x, middle.y, text, 2.0, 8.0, rank=-1)]


def _bank_of(site: Mapping[Any, Any]) -> str:
    """The river of the nearest shoreline, or the line's id where it has no name."""
    return str(site.get("nearest_river") or site.get("nearest_line_id") or "-")


def _band_colour(limit: float) -> str:
    return _BANDS.get(float(limit), "#e1f5fe")


def _handles(
    sheet: Sheet, shown: Any, shorelines: Any, bands: Mapping[float, Any],
    kinds: list[str], reaches: Any, districts: Any, n_links: int,
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
    handles += [
        Patch(
            facecolor="none", edgecolor=colour("zone_kind", kind), **_OUTLINE,
            label=label("zone_kind", kind, lang),
        )
        for kind in kinds
    ]  # fmt: skip
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
