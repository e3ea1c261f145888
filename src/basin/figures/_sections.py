"""Sections on the map in their class colours, and a calendar of classes by month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from basin._colour import text_on
from basin.figures._frame import INK, Mark, add_legend, key
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

__all__ = ["plot_sections"]

_MARKERS = {"national": "s", "provincial": "D", "municipal": "o", "district": "^"}
_SHORT = {"I": "Ⅰ", "II": "Ⅱ", "III": "Ⅲ", "IV": "Ⅳ", "V": "Ⅴ", "inferior": "劣", "none": ""}
_SHORT_EN = {**_SHORT, "inferior": ">Ⅴ"}


@takes_style
def plot_sections(
    assessment: Any, *, reaches: Any = None, districts: Any = None, **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw the assessed sections: a map in class colours beside a calendar of months.

    Parameters
    ----------
    assessment : SectionAssessment
        Its ``sections`` must be a GeoDataFrame in EPSG:4490; sections without a place are listed
        in the calendar only.
    reaches : GeoDataFrame, optional
        Rivers in EPSG:4490 with ``name`` and ``strahler``, e.g. ``RiverNetwork.reaches``.
    districts : GeoDataFrame, optional
        Outlines in EPSG:4490 with ``name``.
    lang, labels, title, source, date, font
        See `Style`.

    Returns
    -------
    Figure
        11 inches wide; the height follows the number of sections.

    Raises
    ------
    FontError
        If no installed font has all characters.
    BasinError
        If matplotlib is not installed.
    """
    style = Style(**options)
    lang, labels, title = style.lang, style.labels, style.title
    sections, months = assessment.sections, assessment.months
    names = names_of(sections, labels if labels != "none" else "id")
    short = _SHORT if lang == "zh" else _SHORT_EN
    classes = [label("water_class", code, lang) for code in codes("water_class")]
    texts = [*names, *base_texts(reaches, districts, labels), title, *short.values(), *classes]
    rows = len(sections)
    height = min(max(6.6, 2.6 + 0.24 * rows), 14.0)
    sheet = Sheet((11.0, height), style, texts)
    periods = "、".join(dict.fromkeys(str(p) for p in sections.get("period", []) if not pd.isna(p)))
    sheet.title(
        title or sheet.words["sections"], sheet.words["period"] + periods if periods else ""
    )
    panel = height - 2.15
    left_out = _draw_map(sheet, (0.62, 1.35, 5.6, panel), sections, names, reaches, districts)
    _draw_calendar(sheet, (7.55, 1.35, 3.15, panel - 0.2), sections, months, names)
    return sheet.finish(left_out)


def _draw_map(
    sheet: Sheet, box: Any, sections: Any, names: list[str], reaches: Any, districts: Any
) -> list[str]:
    placed = sections.geometry.notna() & ~sections.geometry.is_empty
    shown = sections[placed]
    frame = sheet.frame(box, [shown, reaches])
    sheet.base_map(frame, reaches, districts)
    known = shown["level"].where(shown["level"].isin(list(_MARKERS)), "district")
    for level, marker in _MARKERS.items():
        here = shown[known == level]
        if not len(here):
            continue
        fails = here[here["compliant"].eq(False).fillna(False)]
        frame.points(
            fails, size_pt=13, marker=marker, color="none", edgecolor="#b71c1c", lw=1.4, zorder=5
        )
        fill = [colour("water_class", c) for c in here["water_class"].fillna("none")]
        frame.points(here, size_pt=8.5, marker=marker, color=fill, edgecolor=INK, lw=0.7, zorder=6)
    frame.furnish()
    marks = []
    if sheet.style.labels != "none":
        x, y = frame.xy(shown)
        strict = ~shown["compliant"].eq(False).fillna(False)
        said = [n for n, here in zip(names, placed, strict=True) if here]
        for px, py, name, fine in zip(x, y, said, strict, strict=True):
            marks.append(Mark(px, py, name, 6.0 if fine else 8.0, 8.0, rank=int(fine)))
    left_out = frame.label(marks)
    sheet.base_names(frame, reaches, districts)
    add_legend(
        sheet.figure, _handles(sheet, shown, known, reaches, districts),
        at=(box[0] - 0.1, 1.05), width=10.2, family=sheet.families,
    )  # fmt: skip
    return left_out


def _handles(sheet: Sheet, shown: Any, levels: Any, reaches: Any, districts: Any) -> list[Any]:
    from matplotlib.patches import Patch

    lang = sheet.style.lang
    handles: list[Any] = [
        Patch(facecolor=colour("water_class", c), label=label("water_class", c, lang))
        for c in codes("water_class")
    ]
    plain = {"ls": "", "mfc": "white", "mec": INK, "ms": 6.5}
    handles += [
        key(marker=m, label=label("section_level", level, lang), **plain)
        for level, m in _MARKERS.items()
        if (levels == level).any()
    ]
    ring = {"ls": "", "mfc": "none", "mec": "#b71c1c", "ms": 9, "mew": 1.4}
    handles.append(key(marker="o", label=sheet.words["failing"], **ring))
    return handles + sheet.base_handles(reaches, districts)


def _draw_calendar(sheet: Sheet, box: Any, sections: Any, months: Any, names: list[str]) -> None:
    """Rows are sections in their order, columns months; the class is written in each cell."""
    from matplotlib.patches import Rectangle

    ax = sheet.axes(box)
    columns = _month_range(months)
    row_of = {sid: k for k, sid in enumerate(sections.index)}
    column_of = {month: k for k, month in enumerate(columns)}
    short = _SHORT if sheet.style.lang == "zh" else _SHORT_EN
    roomy = len(columns) <= 18
    for record in months.itertuples():
        row, column = row_of.get(record.section_id), column_of[str(record.month)]
        if row is None:
            continue
        code = "none" if pd.isna(record.water_class) else str(record.water_class)
        fill = colour("water_class", code)
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=fill, edgecolor="white", lw=1))
        fails = not pd.isna(record.compliant) and not record.compliant
        said = (short.get(code, "") if roomy else "") + ("×" if fails else "")
        ax.text(
            column + 0.5, row + 0.52, said, ha="center", va="center", family=sheet.families,
            fontsize=6.5 if roomy else 5.5, color=text_on(fill),
        )  # fmt: skip
    ax.set_xlim(0, max(len(columns), 1))
    ax.set_ylim(max(len(sections), 1), 0)
    ax.set_facecolor("#f4f6f7")
    words = {"family": sheet.families, "color": INK}
    step = 1 if roomy else 2
    at = range(0, len(columns), step)
    ax.set_xticks(
        [c + 0.5 for c in at], [_month_label(columns, c, step) for c in at], fontsize=7, **words
    )
    cut = [shorten(name, 12) for name in names]
    ax.set_yticks([r + 0.5 for r in range(len(sections))], cut, fontsize=7.5, **words)
    ax.tick_params(length=0, pad=3, top=False, labeltop=True, bottom=False, labelbottom=False)
    for spine in ax.spines.values():
        spine.set(color="#cfd8dc", linewidth=0.8)
    left, bottom, _, tall = box
    sheet.text(left, bottom + tall + 0.36, sheet.words["calendar"], size=9)
    note = f"{sheet.words['fails_target']}　{sheet.words['no_samples']}"
    sheet.text(left, bottom - 0.17, note, size=7, colour="#546e7a")


def _month_range(months: Any) -> list[str]:
    """Return every month from the first to the last, so that a gap shows as a gap."""
    seen = sorted({str(m) for m in months["month"].dropna()})
    if not seen:
        return []
    return [str(p) for p in pd.period_range(seen[0], seen[-1], freq="M")]


def _month_label(columns: list[str], at: int, step: int) -> str:
    """Write the month's number, and the year under the first column and each January."""
    year, month = columns[at].split("-")
    new_year = at == 0 or columns[at - step].split("-")[0] != year
    return f"{year}\n{int(month)}" if new_year else str(int(month))
