"""Where a place lies: its surroundings, and an inset of the whole region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import geopandas as gpd
import shapely

from basin.crs import local_metric_crs
from basin.figures._frame import INK, Mark, add_legend, key
from basin.figures._sheet import Sheet, Style, StyleOptions, base_texts, names_of, takes_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_location"]

_PLACE = "#d50000"


@takes_style
def plot_location(
    places: Any, *, reaches: Any = None, districts: Any = None, shorelines: Any = None,
    around_m: float = 5_000.0, **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw where places lie: the ground around them, and the region in an inset.

    Parameters
    ----------
    places : GeoDataFrame
        Sites, sections or outfalls in EPSG:4490, indexed by id, with ``name`` where known.
    reaches, districts, shorelines : GeoDataFrame, optional
        Rivers with ``strahler``, outlines with ``name``, shorelines, in EPSG:4490.
    around_m
        Ground shown around the places, in metres.
    lang, labels, title, source, date, font
        See `Style`.

    Returns
    -------
    Figure
        8.3 by 7 inches.

    Raises
    ------
    FontError
        If no installed font has all characters.
    BasinError
        If matplotlib is not installed.
    """
    style = Style(**options)
    labels, title = style.labels, style.title
    shown = places[places.geometry.notna() & ~places.geometry.is_empty]
    names = names_of(shown, labels)
    sheet = Sheet((8.3, 7.0), style, [title, *names, *base_texts(reaches, districts, labels)])
    sheet.title(title or sheet.words["location"])
    box = (0.62, 1.1, 7.2, 5.3)
    ground = _surroundings(shown, around_m)
    frame = sheet.frame(box, [ground], pad=0.0)
    inset = None
    region = next((t for t in (districts, reaches) if t is not None and len(t)), None)
    if region is not None and len(shown):
        inset = _draw_inset(sheet, box, region, reaches, ground)
        frame.occupied.append(shapely.box(*inset.bbox.extents))
    sheet.base_map(frame, reaches, districts)
    if shorelines is not None and len(shorelines):
        frame.lines(shorelines, avoid=True, color="#0277bd", linewidth=1.0, zorder=3)
    areal = shown[shown.geometry.geom_type.isin(["Polygon", "MultiPolygon"])]
    if len(areal):
        frame.areas(areal, facecolor=_PLACE, edgecolor=INK, linewidth=0.6, alpha=0.45, zorder=4)
    marks = []
    if len(shown):
        x, y = frame.xy(shown)
        frame.points(
            shown, size_pt=9, at=(x, y), marker="*", color=_PLACE, edgecolor="white", lw=0.8,
            zorder=6,
        )  # fmt: skip
        marks = [Mark(*at, rank=k) for k, at in enumerate(zip(x, y, names, strict=True))]
    frame.furnish()
    left_out = frame.label(marks if labels != "none" else [])
    sheet.base_names(frame, reaches, districts)
    handles = [key(ls="", marker="*", ms=11, mfc=_PLACE, mec="white", label=sheet.words["place"])]
    if shorelines is not None and len(shorelines):
        handles.append(key(color="#0277bd", lw=1.2, label=sheet.words["bank_line"]))
    handles += sheet.base_handles(reaches, districts)
    add_legend(sheet.figure, handles, at=(box[0] - 0.1, 0.86), width=7.3, family=sheet.families)
    return sheet.finish(left_out)


def _surroundings(places: Any, around_m: float) -> gpd.GeoDataFrame:
    """The places with the ground around them, in EPSG:4490."""
    if not len(places):
        return gpd.GeoDataFrame(geometry=[], crs=4490)
    plane = local_metric_crs(places)
    wide = places.geometry.to_crs(plane).buffer(around_m).to_crs(4490)
    return gpd.GeoDataFrame(geometry=[shapely.box(*wide.total_bounds)], crs=4490)


def _draw_inset(sheet: Sheet, box: Any, region: Any, reaches: Any, ground: Any) -> Any:
    """The whole region, upper right, with the ground of the map as a red frame."""
    west, south, east, north = region.total_bounds
    tall = 1.7
    wide = min(max(tall * (east - west) / max(north - south, 1e-9) * 0.87, 1.0), 2.4)
    left, bottom = box[0] + box[2] - wide - 0.08, box[1] + box[3] - tall - 0.08
    ax = sheet.axes((left, bottom, wide, tall))
    ax.set_zorder(9)
    lines = region.boundary if (region.geometry.geom_type.str.contains("Polygon")).any() else region
    lines.plot(ax=ax, color="#78909c", linewidth=0.6, aspect=None)
    if reaches is not None and len(reaches) and "strahler" in reaches:
        large = reaches[reaches["strahler"] >= reaches["strahler"].max() - 1]
        large.plot(ax=ax, color="#5b9fd0", linewidth=0.7, aspect=None)
    x0, y0, x1, y1 = ground.total_bounds
    ax.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=_PLACE, lw=1.2)
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    for spine in ax.spines.values():
        spine.set(color=INK, linewidth=0.8)
    return ax
