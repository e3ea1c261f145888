"""Along the river: concentration and load on the way down to a section."""

from __future__ import annotations

from typing import Any

import numpy as np

from basin.figures._frame import INK
from basin.figures._sheet import Sheet

__all__ = ["draw_profile", "profile_texts"]

_KNOWN, _LOAD, _LIMIT = "#1565c0", "#b3197d", "#c62828"


def profile_texts(profile: Any) -> list[str]:
    """What the profile prints of the data."""
    return [str(v) for v in profile["label"]] if len(profile) else []


def draw_profile(sheet: Sheet, box: tuple[float, float, float, float], trace: Any) -> None:
    """Draw concentration above, load below, from the headwaters (left) down to the section.

    Parameters
    ----------
    box
        Left, bottom, width and height of both panels together, in inches.
    trace
        Has ``profile()``, as `basin.tracing.SourceTrace`.
    """
    table, words = trace.profile(), sheet.words
    left, bottom, width, tall = box
    sheet.text(left - 0.25, bottom + tall + 0.13, words["profile"], size=9)
    if not len(table):
        sheet.text(left, bottom + tall / 2, words["no_profile"], size=8)
        return
    half = (tall - 0.16) / 2
    upper = sheet.axes((left, bottom + half + 0.16, width, half))
    lower = sheet.axes((left, bottom, width, half))
    way = table[table["kind"] == "reach"]
    km = way["distance_m"].to_numpy(dtype=float) / 1000
    _concentration(sheet, upper, table, km, way)
    lower.fill_between(km, way["load_kg_d"].to_numpy(dtype=float), color=_LOAD, alpha=0.25, lw=0)
    lower.plot(km, way["load_kg_d"], color=_LOAD, lw=1.3)
    _sections(sheet, lower, table, "load_kg_d", named=False)
    lower.set_ylim(0, None)
    last = max(float(np.nanmax(table["distance_m"])) / 1000, 0.1)
    for ax, name in ((upper, words["mg_l"]), (lower, words["kg_d"])):
        ax.set_xlim(last * 1.02, -0.03 * last)
        ax.set_ylabel(name, family=sheet.families, fontsize=7, color=INK)
        ax.tick_params(labelsize=7, length=2, width=0.5, labelfontfamily=sheet.family)
        ax.grid(axis="y", color="#cfd8dc", lw=0.5)
        ax.set_axisbelow(True)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    upper.set_xticklabels([])
    lower.set_xlabel(words["km_above"], family=sheet.families, fontsize=7, color=INK)
    _outfalls(sheet, upper, table, trace)


def _concentration(sheet: Sheet, ax: Any, table: Any, km: Any, way: Any) -> None:
    ax.plot(km, way["known_mg_l"], color=_KNOWN, lw=1.3, label=sheet.words["known"])
    limits = table["limit_mg_l"].dropna()
    if len(limits):
        ax.axhline(
            limits.iloc[-1], color=_LIMIT, lw=0.9, ls=(0, (5, 3)), label=sheet.words["limit"]
        )
    _sections(sheet, ax, table, "observed_mg_l", named=True)
    highest = table[["known_mg_l", "observed_mg_l", "limit_mg_l"]].max().max()
    ax.set_ylim(0, 1.35 * float(highest) if np.isfinite(highest) and highest > 0 else 1.0)
    ax.legend(
        loc="upper left", ncols=3, frameon=False, borderaxespad=0, handlelength=1.6,
        prop={"family": sheet.families, "size": 7},
    )  # fmt: skip


def _sections(sheet: Sheet, ax: Any, table: Any, column: str, *, named: bool) -> None:
    """What was measured at sections."""
    at = table[(table["kind"] == "section") & table[column].notna()]
    ax.plot(
        at["distance_m"] / 1000, at[column], "s", ms=4.5, mfc="white", mec=INK, mew=1.1, zorder=4,
        label=sheet.words["observed"],
    )  # fmt: skip
    if not named:
        return
    for row in at.itertuples():
        ax.annotate(
            str(row.label), (row.distance_m / 1000, getattr(row, column)), (4, 4),
            textcoords="offset points", fontsize=7, family=sheet.families, color=INK, zorder=5,
        )  # fmt: skip


def _outfalls(sheet: Sheet, ax: Any, table: Any, trace: Any) -> None:
    """Where outfalls enter, by rank: a mark at the foot of the concentration."""
    ranks = trace.outfalls["rank"]
    for row in table[table["kind"] == "outfall"].itertuples():
        if row.label not in ranks.index or not np.isfinite(float(ranks[row.label] or np.nan)):
            continue
        x = row.distance_m / 1000
        ax.plot([x], [0], "^", ms=5, color="#6a1b9a", clip_on=False, zorder=6)
        ax.annotate(
            f"{int(ranks[row.label])}", (x, 0), (0, 6), textcoords="offset points", ha="center",
            fontsize=6.5, family=sheet.families, color="#4a148c", zorder=6,
            bbox={"fc": "white", "ec": "none", "alpha": 0.85, "pad": 0.6},
        )  # fmt: skip
