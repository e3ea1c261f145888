"""A spill: where the cloud lies by hour, and when it comes to sections, intakes and borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from basin._text import number
from basin.figures._frame import INK, Mark, add_legend, key
from basin.figures._sheet import (
    Labels,
    Sheet,
    Style,
    StyleOptions,
    base_texts,
    shorten,
    takes_style,
)
from basin.standards.labels import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_spill"]

#: What the panels show; confluences and structures are in the table.
_SHOWN = ("intake", "section", "district_border", "outlet")
_MOST_CURVES, _MOST_ROWS = 5, 14
_TONES = ("#1565c0", "#b3197d", "#2e7d32", "#ef6c00", "#5d4037")
_KIND = {"intake": ("^", "#00695c"), "section": ("s", "#1565c0"),
         "district_border": ("D", "#6d4c41"), "outlet": ("o", "#546e7a")}  # fmt: skip


@takes_style
def plot_spill(
    spill: Any, *, reaches: Any = None, districts: Any = None, case: str = "median",
    **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw a spill: the way down by hour, arrival windows at its targets, arrival curves.

    Parameters
    ----------
    spill : SpillTrace
        From `basin.tracing.trace_spill`.
    reaches : GeoDataFrame, optional
        The whole network in EPSG:4490, drawn thin under the way.
    districts : GeoDataFrame, optional
        Outlines in EPSG:4490 with ``name``.
    case
        Flow of the map and the curves: low, median, high or fastest. The windows show all.
    lang, labels, title, source, date, font
        See `Style`.

    Returns
    -------
    Figure
        11 by 9 inches.

    Raises
    ------
    FontError
        If no installed font has all characters.
    BasinError
        If matplotlib is not installed.
    """
    style = Style(**options)
    lang, labels, title = style.lang, style.labels, style.title
    targets = _targets(spill.arrivals)
    names = _names(targets, labels)
    start = spill.start
    ground = spill.reaches if reaches is None else reaches
    texts = [title, start.get("name"), start.get("river"), *names]
    texts += base_texts(ground, districts, labels)
    sheet = Sheet((11.0, 9.0), style, texts)
    place = " ".join(str(start[k]) for k in ("name", "river") if isinstance(start.get(k), str))
    under = sheet.words["spill_under"].format(
        number(start["mass_kg"]) if np.isfinite(start["mass_kg"]) else "–",
        label("item", start["item_id"], lang) if isinstance(start["item_id"], str) else "–",
        number(start["duration_h"]), label("spill_case", case, lang),
    )  # fmt: skip
    sheet.title(title or sheet.words["spill"].format(place), under)
    left_out = _draw_map(
        sheet, (0.62, 4.25, 5.2, 4.0), spill, targets, names, reaches, districts, case
    )
    _draw_windows(sheet, (7.7, 4.25, 2.85, 3.8), spill, targets, names)
    _draw_curves(sheet, (0.85, 0.95, 9.7, 2.1), spill, targets, names, case)
    return sheet.finish(left_out)


def _targets(arrivals: Any) -> Any:
    """One row a target that is shown, nearest first."""
    shown = arrivals[arrivals["kind"].isin(_SHOWN)]
    return shown.drop_duplicates(["kind", "id"]).sort_values("distance_m", kind="stable")


def _names(targets: Any, labels: Labels) -> list[str]:
    ids = [str(i) for i in targets["id"]]
    if labels != "name":
        return ids
    return [n if isinstance(n, str) and n else i for n, i in zip(targets["name"], ids, strict=True)]


def _draw_map(
    sheet: Sheet, box: Any, spill: Any, targets: Any, names: list[str], reaches: Any,
    districts: Any, case: str,
) -> list[str]:  # fmt: skip
    import geopandas as gpd
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    way, start = spill.reaches, spill.start
    place = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy([start["lon"]], [start["lat"]]), crs=4490, index=["start"]
    )
    frame = sheet.frame(box, [way, place])
    sheet.base_map(frame, reaches, districts)
    hours = way[f"peak_{case}_h"].to_numpy(dtype=float)
    known = np.isfinite(hours)
    norm = Normalize(0, max(float(hours[known].max()) if known.any() else 1.0, 0.1))
    shades = colormaps["plasma_r"]
    frame.lines(way[~known], avoid=True, color="#90a4ae", linewidth=2, zorder=3)
    tones = [shades(0.12 + 0.88 * float(norm(h))) for h in hours[known]]
    frame.lines(way[known], avoid=True, color=tones, linewidth=3.2, zorder=4)
    marks = []
    placed = targets[targets.geometry.notna()]
    shown = dict(zip(targets.index, names, strict=True))
    for rank, (at, row) in enumerate(placed.iterrows()):
        shape, tint = _KIND[row["kind"]]
        one = placed.loc[[at]]
        frame.points(
            one, size_pt=6.5, marker=shape, color=tint, edgecolor="white", lw=0.8, zorder=6
        )
        (px,), (py,) = frame.xy(one)
        marks.append(Mark(px, py, shown[at], 4.5, 7.5, rank=5 + rank))
    (sx,), (sy,) = frame.xy(place)
    frame.ax.scatter(
        sx, sy, s=170, marker="*", color="#d50000", edgecolor="white", lw=0.8, zorder=7
    )
    frame.keep_clear(sx, sy, 8)
    frame.furnish()
    left_out = frame.label(marks if sheet.style.labels != "none" else [])
    sheet.base_names(frame, way if reaches is None else reaches, districts)
    _legend(sheet, box, targets, reaches, districts, norm)
    return left_out


def _legend(sheet: Sheet, box: Any, targets: Any, reaches: Any, districts: Any, norm: Any) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap

    words, lang = sheet.words, sheet.style.lang
    handles = [key(ls="", marker="*", ms=11, mfc="#d50000", mec="white", label=words["spill_at"])]
    handles += [
        key(ls="", marker=shape, ms=6, mfc=tint, mec="white",
            label=label("target_kind", kind, lang))
        for kind, (shape, tint) in _KIND.items()
        if (targets["kind"] == kind).any()
    ]  # fmt: skip
    handles += sheet.base_handles(reaches, districts)
    add_legend(
        sheet.figure, handles, at=(box[0] - 0.1, box[1] - 0.33), width=3.9, family=sheet.families
    )
    strip = sheet.axes((4.65, box[1] - 0.69, 1.15, 0.1))
    tones = LinearSegmentedColormap.from_list("h", colormaps["plasma_r"](np.linspace(0.12, 1, 64)))
    bar = sheet.figure.colorbar(ScalarMappable(norm, tones), cax=strip, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    bar.set_ticks([norm.vmin, norm.vmax], labels=[number(norm.vmin), number(norm.vmax)])
    strip.tick_params(labelsize=7, length=2, width=0.5, labelfontfamily=sheet.family)
    sheet.text(5.22, box[1] - 0.47, words["peak_after"], size=7.5, ha="center")


def _draw_windows(sheet: Sheet, box: Any, spill: Any, targets: Any, names: list[str]) -> None:
    """From the fastest leading edge to the slowest trailing edge, with the peaks of the cases."""
    left, bottom, width, tall = box
    words = sheet.words
    sheet.text(left - 1.75, bottom + tall + 0.22, words["windows"], size=9)
    sheet.text(left - 1.75, bottom + tall + 0.04, words["windows_note"], size=7, colour="#546e7a")
    top = targets.head(_MOST_ROWS)
    if not len(top):
        sheet.text(left - 1.4, bottom + tall / 2, words["no_target"], size=8)
        return
    ax = sheet.axes((left, bottom + tall - 0.27 * len(top) - 0.25, width, 0.27 * len(top)))
    cases = {"fastest": "#c62828", "high": "#1565c0", "median": INK, "low": "#78909c"}
    for at, (_, row) in enumerate(top.iterrows()):
        own = spill.arrivals[(spill.arrivals["kind"] == row["kind"])
                             & (spill.arrivals["id"] == row["id"])].set_index("case")  # fmt: skip
        first, last = own["leading_h"].min(), own["trailing_h"].max()
        if np.isfinite(first) and np.isfinite(last):
            ax.plot([first, last], [at, at], color="#cfd8dc", lw=6, solid_capstyle="butt", zorder=1)
        for name, tint in cases.items():
            if name in own.index and np.isfinite(own.loc[name, "peak_h"]):
                ax.plot([own.loc[name, "peak_h"]], [at], "|", color=tint, ms=8, mew=1.8, zorder=2)
    texts = {"family": sheet.families, "fontsize": 7.5, "color": INK}
    ax.set_yticks(range(len(top)), [shorten(n, 16.5) for n in names[: len(top)]], **texts)
    ax.set_ylim(len(top) - 0.4, -0.6)
    ax.set_xlim(0, None)
    ax.tick_params(axis="x", labelsize=7, length=2, width=0.5, labelfontfamily=sheet.family)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(words["hours"], family=sheet.families, fontsize=7, color=INK)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    handles = [
        key(ls="", marker="|", ms=8, mew=1.8, color=tint,
            label=label("spill_case", name, sheet.style.lang))
        for name, tint in cases.items()
    ]  # fmt: skip
    add_legend(
        sheet.figure, handles, at=(left - 1.75, bottom - 0.33), width=4.6, family=sheet.families
    )


def _draw_curves(
    sheet: Sheet, box: Any, spill: Any, targets: Any, names: list[str], case: str
) -> None:
    words = sheet.words
    left, bottom, _, tall = box
    sheet.text(left - 0.25, bottom + tall + 0.13, words["curves"], size=9)
    ax = sheet.axes(box)
    own = spill.arrivals[spill.arrivals["case"] == case]
    reckoned = set(own.loc[own["peak_mg_l"].notna(), "id"])
    told = [
        (row, name)
        for (_, row), name in zip(targets.iterrows(), names, strict=True)
        if row["kind"] in ("intake", "section") and row["id"] in reckoned
    ][:_MOST_CURVES]  # fmt: skip
    drawn = 0
    for (row, name), tint in zip(told, _TONES, strict=False):
        curve = spill.curve(row["id"], case)
        style = "-" if row["kind"] == "intake" else (0, (5, 2))
        ax.plot(curve["hour"], curve["mg_l"], color=tint, lw=1.5, ls=style, label=shorten(name, 14))
        drawn += 1
    limit = float(spill.start.get("limit_mg_l", np.nan))
    if drawn and np.isfinite(limit):
        ax.axhline(limit, color="#c62828", lw=0.9, ls=(0, (2, 2)), label=words["limit"])
    if not drawn:
        ax.set_axis_off()
        sheet.text(left, bottom + tall / 2, words["no_curve"], size=8)
        return
    ax.set_xlim(0, None)
    ax.set_ylim(0, None)
    ax.legend(
        loc="upper right", ncols=2, frameon=False, prop={"family": sheet.families, "size": 7.5}
    )
    ax.set_xlabel(words["hours"], family=sheet.families, fontsize=7, color=INK)
    ax.set_ylabel(words["mg_l"], family=sheet.families, fontsize=7, color=INK)
    ax.tick_params(labelsize=7, length=2, width=0.5, labelfontfamily=sheet.family)
    ax.grid(color="#eceff1", lw=0.5)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
