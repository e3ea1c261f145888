"""A source trace: the reaches upstream by the load they carry, and the outfalls by their share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from basin._text import number
from basin.figures._frame import INK, Mark, add_legend, key
from basin.figures._profile import draw_profile, profile_texts
from basin.figures._sheet import (
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

__all__ = ["plot_trace"]

_MOST_BARS = 12
_MOST_LABELS = 10

#: Room at the foot for the legend and the way along the river, in inches.
_FOOT = 2.65


class _Bar(NamedTuple):
    name: str
    kg_d: float
    share: float
    colour: str
    low: float = float("nan")
    high: float = float("nan")
    hatch: str = ""
    counted: bool = True  # False: part of another bar


@takes_style
def plot_trace(
    trace: Any, *, reaches: Any = None, districts: Any = None, **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw a trace: map, ranked outfalls with 90 % intervals and balance, and the river in profile.

    Parameters
    ----------
    trace : SourceTrace
        From `basin.tracing.trace_sources`.
    reaches : GeoDataFrame, optional
        The whole network in EPSG:4490, drawn thin under the traced reaches.
    districts : GeoDataFrame, optional
        Outlines in EPSG:4490 with ``name``.
    lang, labels, title, source, date, font
        See `Style`.

    Returns
    -------
    Figure
        11 by 9.45 inches.

    Raises
    ------
    FontError
        If no installed font has all characters.
    BasinError
        If matplotlib is not installed.
    """
    style = Style(**options)
    lang, labels, title = style.lang, style.labels, style.title
    item = label("item", trace.item_id, lang)
    outfalls, above = trace.outfalls, trace.upstream_sections
    name = trace.fact.get("name", "") if labels == "name" else ""
    place = f"{trace.section_id} {name}".strip() if isinstance(name, str) else trace.section_id
    texts = [
        place, item, title, *names_of(outfalls, labels), *names_of(above, labels),
        *(label("outfall_kind", k, lang) for k in codes("outfall_kind")),
        *profile_texts(trace.profile()),
        *base_texts(trace.reaches if reaches is None else reaches, districts, labels),
    ]  # fmt: skip
    sheet = Sheet((11.0, 6.8 + _FOOT), style, texts)
    period = sheet.words["period"] + str(trace.period) + "　" if trace.period else ""
    head = title or sheet.words["trace"].format(place, item)
    sheet.title(head, period + sheet.words["leads"])
    left_out = _draw_map(sheet, (0.62, 1.55 + _FOOT, 5.2, 4.5), trace, reaches, districts)
    draw_profile(sheet, (0.85, 0.92, 9.7, 1.75), trace)
    _draw_bars(sheet, (7.75, 1.0 + _FOOT, 2.2, 4.75), trace)
    return sheet.finish(left_out)


def _draw_map(sheet: Sheet, box: Any, trace: Any, reaches: Any, districts: Any) -> list[str]:
    outfalls = trace.outfalls[trace.outfalls.geometry.notna()]
    above = trace.upstream_sections
    frame = sheet.frame(box, [trace.reaches, outfalls])
    sheet.base_map(frame, reaches, districts)
    norm = _draw_loads(sheet, frame, trace.reaches)
    ranked = outfalls[outfalls["arriving_kg_d"].gt(0)]
    for code, kind in _by_kind(outfalls[~outfalls.index.isin(ranked.index)]):
        fill = colour("outfall_kind", code)
        frame.points(kind, size_pt=4, marker="o", color="white", edgecolor=fill, lw=1, zorder=5)
    largest = ranked["arriving_kg_d"].max() if len(ranked) else 1.0
    sizes = 4.5 + 10 * np.sqrt(ranked["arriving_kg_d"] / largest)
    for place in ranked.index:  # the smallest last, on top
        one = ranked.loc[[place]]
        fill = colour("outfall_kind", one["kind"].iloc[0])
        frame.points(
            one,
            size_pt=float(sizes[place]),
            marker="o",
            color=fill,
            edgecolor="white",
            lw=0.8,
            zorder=6,
        )
    if above is not None and len(above) and hasattr(above, "geometry"):
        frame.points(above, size_pt=6.5, marker="s", color="white", edgecolor=INK, lw=1.2, zorder=6)
    target = _outlet(frame, trace)
    if target is not None:
        frame.ax.scatter(
            *target, s=190, marker="*", color="#d50000", edgecolor="white", lw=0.8, zorder=7
        )
        frame.keep_clear(*target, 8)
    frame.furnish()
    left_out = frame.label(_marks(sheet, frame, trace, ranked, sizes, target))
    sheet.base_names(frame, trace.reaches if reaches is None else reaches, districts)
    _legend(sheet, box, outfalls, above, reaches, districts, norm)
    return left_out


def _by_kind(outfalls: Any) -> Any:
    return outfalls.groupby("kind", sort=True, dropna=False) if len(outfalls) else []


def _draw_loads(sheet: Sheet, frame: Any, reaches: Any) -> Any:
    """Colour the traced reaches by the load that they carry; return the colours' scale."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize

    load = reaches["load_kg_d"].fillna(0.0)
    carries = load > 0
    frame.lines(reaches[~carries], avoid=True, color="#90a4ae", linewidth=1.4, zorder=3)
    if not carries.any():
        return None
    low, high = load[carries].min(), load.max()
    norm = LogNorm(low, high) if high > 100 * low else Normalize(0, high)
    shades = colormaps["YlOrRd"]
    tones = [shades(0.25 + 0.75 * float(norm(v))) for v in load[carries]]
    widths = [1.6 + 2.6 * float(norm(v)) for v in load[carries]]
    frame.lines(
        reaches[carries], avoid=True, color="#5d4037", linewidth=[w + 0.9 for w in widths], zorder=3
    )
    frame.lines(reaches[carries], color=tones, linewidth=widths, zorder=4)
    return norm


def _outlet(frame: Any, trace: Any) -> tuple[float, float] | None:
    """The section's place: the downstream end of the traced reach nearest to it."""
    reaches = trace.reaches
    if not len(reaches):
        return None
    last = reaches.loc[reaches["distance_m"].idxmin()].geometry
    line = frame.project(reaches.geometry.loc[[reaches["distance_m"].idxmin()]]).iloc[0]
    end = line.interpolate(1.0, normalized=True) if last is not None else None
    return None if end is None else (end.x, end.y)


def _marks(
    sheet: Sheet, frame: Any, trace: Any, ranked: Any, sizes: Any, target: Any
) -> list[Mark]:
    if sheet.style.labels == "none":
        return []
    marks = []
    if target is not None:
        marks.append(Mark(target[0], target[1], str(trace.section_id), 8.5, 9.0, "#b71c1c", rank=0))
    top = ranked.head(_MOST_LABELS)
    for px, py, rank, size in zip(*frame.xy(top), top["rank"], sizes, strict=False):
        marks.append(Mark(px, py, f"{int(rank)}", float(size) / 2, 8.0, INK, rank=1 + int(rank)))
    above = trace.upstream_sections
    if above is not None and len(above) and hasattr(above, "geometry"):
        names = names_of(above, sheet.style.labels)
        for px, py, name in zip(*frame.xy(above), names, strict=True):
            marks.append(Mark(px, py, name, 4.5, 7.5, rank=50))
    return marks


def _legend(
    sheet: Sheet, box: Any, outfalls: Any, above: Any, reaches: Any, districts: Any, norm: Any
) -> None:
    lang, words = sheet.style.lang, sheet.words
    handles = [key(ls="", marker="*", ms=11, mfc="#d50000", mec="white", label=words["target"])]
    if above is not None and len(above):
        square = {"ls": "", "marker": "s", "ms": 5.5, "mfc": "white", "mec": INK}
        handles.append(key(label=words["upstream_section"], **square))
    handles += [
        key(ls="", marker="o", ms=6.5, mfc=colour("outfall_kind", kind), mec="white",
               label=label("outfall_kind", kind, lang))
        for kind in codes("outfall_kind")
        if (outfalls["kind"] == kind).any()
    ]  # fmt: skip
    hollow = {"ls": "", "marker": "o", "ms": 4.5, "mfc": "white", "mec": "#616161"}
    if not outfalls["arriving_kg_d"].gt(0).all():
        handles.append(key(label=words["unranked"], **hollow))
    handles += sheet.base_handles(reaches, districts)
    add_legend(
        sheet.figure, handles, at=(box[0] - 0.1, 0.78 + _FOOT), width=10.0, family=sheet.families
    )
    if norm is not None:
        _strip(sheet, box, norm)


def _strip(sheet: Sheet, box: Any, norm: Any) -> None:
    """The colours of the load in one row under the map, between the least and the greatest."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap

    right, row = box[0] + box[2] - 0.55, 1.06 + _FOOT
    upper = LinearSegmentedColormap.from_list("load", colormaps["YlOrRd"](np.linspace(0.25, 1, 64)))
    strip = sheet.axes((right - 1.3, row, 1.3, 0.1))
    bar = sheet.figure.colorbar(ScalarMappable(norm, upper), cax=strip, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    bar.set_ticks([])
    strip.minorticks_off()
    for x, text, side in (
        (right - 1.85, sheet.words["passing"], "right"),
        (right - 1.35, number(norm.vmin), "right"),
        (right + 0.05, number(norm.vmax), "left"),
    ):
        sheet.text(x, row + 0.05, text, size=7.5, ha=side, va="center")


def _draw_bars(sheet: Sheet, box: Any, trace: Any) -> None:
    """Bars of load: outfalls by rank, the others together, from upstream, and the remainder."""
    bars = _bars(sheet, trace)
    flux = float(trace.balance.get("flux_kg_d", np.nan))
    left, bottom, _, tall = box
    words = sheet.words
    if not bars:
        sheet.text(left - 1.4, bottom + tall / 2, words["nothing"], size=9)
        return
    tall = min(tall, 0.33 * len(bars) + 0.1)
    ax = sheet.axes((left, bottom + box[3] - tall, box[2], tall))
    at = np.arange(len(bars))
    drawn = ax.barh(
        at, [b.kg_d for b in bars], height=0.68, color=[b.colour for b in bars], zorder=2
    )
    for y, patch, bar in zip(at, drawn, bars, strict=True):
        if bar.hatch:
            patch.set(hatch=bar.hatch, edgecolor="#78909c", linewidth=0.6)
        if not bar.counted:
            patch.set(alpha=0.4)
        share = "" if np.isnan(bar.share) else f" ({bar.share:.1%})"
        if np.isfinite(bar.low) and np.isfinite(bar.high):
            ax.plot([bar.low, bar.high], [y, y], color=INK, lw=0.9, zorder=3)
            ax.plot([bar.low, bar.high], [y, y], "|", color=INK, ms=5, zorder=3)
        ax.annotate(
            f"{number(bar.kg_d)}{share}", (np.nanmax([bar.kg_d, bar.high, 0]), y), (4, 0),
            textcoords="offset points", va="center", fontsize=7.5, family=sheet.families,
            color=INK, zorder=4,
        )  # fmt: skip
    words_style = {"family": sheet.families, "fontsize": 7.5, "color": INK}
    ax.set_yticks(at, [b.name for b in bars], **words_style)
    ax.set_ylim(len(bars) - 0.4, -0.6)
    low = min(0.0, *(b.kg_d for b in bars))
    high = float(np.nanmax([1e-9, *(b.kg_d for b in bars), *(b.high for b in bars)]))
    ax.set_xlim(low * 1.05, high * 1.02)
    ax.axvline(0, color=INK, lw=0.8)
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    known = np.isfinite(flux)
    note = words["share_note" if known else "share_note_explained"]
    sheet.text(left - 1.75, bottom + box[3] + 0.27, words["arriving"], size=9)
    if not all(bar.counted for bar in bars):
        sheet.text(left - 1.75, bottom + box[3] - tall - 0.18, words["upstream_note"], size=7)
    if any(np.isfinite(bar.high) for bar in bars):
        note += "　" + words["interval_note"]
    under = (words["flux"].format(f"{number(flux)} kg/d") + "　" if known else "") + note
    sheet.text(left - 1.75, bottom + box[3] + 0.08, under, size=7, colour="#546e7a")


def _bars(sheet: Sheet, trace: Any) -> list[_Bar]:
    outfalls, balance, words = trace.outfalls, trace.balance, sheet.words
    flux = float(balance.get("flux_kg_d", np.nan))
    shares = outfalls["share_of_flux" if np.isfinite(flux) else "share_explained"]
    ranked = outfalls[outfalls["arriving_kg_d"].gt(0)]
    names = names_of(ranked, "id" if sheet.style.labels == "none" else sheet.style.labels)
    # what enters above a measured section is already in the load inherited from it
    apart = ranked["local"].astype(bool) | (balance.get("inherited_kg_d", 0.0) == 0)
    top = ranked.head(_MOST_BARS)
    bars = [
        _Bar(
            f"{shorten(name, 13)}  {int(row.rank)}",
            float(row.arriving_kg_d),
            float(shares[row.Index]),
            colour("outfall_kind", row.kind),
            *_interval(row, "arriving_low_kg_d", "arriving_high_kg_d"),
            counted=bool(apart[row.Index]),
        )
        for name, row in zip(names, top.itertuples(), strict=False)
    ]
    for counted in (True, False):
        rest = ranked.iloc[_MOST_BARS:][apart.iloc[_MOST_BARS:] == counted]
        if len(rest):
            load, share = float(rest["arriving_kg_d"].sum()), float(shares[rest.index].sum())
            word = words["others"].format(len(rest))
            bars.append(_Bar(word, load, share, "#90a4ae", counted=counted))
    for part, hatch in (("inherited", ""), ("remainder", "////")):
        load = float(balance.get(f"{part}_kg_d", np.nan))
        if np.isfinite(load) and (load != 0 or part == "remainder"):
            tone = "#90caf9" if part == "inherited" else "#eceff1"
            word = words["over" if load < 0 else part]
            share = load / flux if flux > 0 else np.nan
            low, high = (
                float(balance.get(f"{part}_{end}_kg_d", np.nan)) for end in ("low", "high")
            )
            bars.append(_Bar(word, load, share, tone, low, high, hatch))
    return bars


def _interval(row: Any, low: str, high: str) -> tuple[float, float]:
    return float(getattr(row, low, np.nan)), float(getattr(row, high, np.nan))
