"""How many sites each reading of the rule prohibits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from basin.figures._frame import INK
from basin.figures._sheet import Sheet, Style, StyleOptions, takes_style
from basin.standards.labels import codes, colour, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_definition_sensitivity"]

#: Columns of the table, and the verdict whose colour they take, from the left.
_PARTS = (
    ("n_prohibited", "prohibited"), ("n_borderline", "borderline"), ("n_unchecked", "unchecked"),
    ("n_clear", "clear"),
)  # fmt: skip


@takes_style
def plot_definition_sensitivity(
    result: Any, **options: Unpack[StyleOptions],
) -> Figure:  # fmt: skip
    """Draw how many sites lie within the limit under each reading of river, base line and limit.

    Parameters
    ----------
    result : DefinitionSensitivity
        From `basin.siting.definition_sensitivity`.
    lang, labels, title, source, date, font
        See `Style`.

    Returns
    -------
    Figure
        11 inches wide: a column of bars for each limit, a group of bars for each base line.

    Raises
    ------
    FontError
        If no installed font has all characters.
    BasinError
        If matplotlib is not installed.
    """
    style = Style(**options)
    lang, title = style.lang, style.title
    table = result.table
    limits = sorted(table["limit_m"].unique())
    lines = [c for c in codes("base_line_reading") if c in set(table["line"])]
    scopes = [c for c in codes("river_scope_reading") if c in set(table["scope"])]
    words = [title, *(label("base_line_reading", c, lang) for c in lines),
             *(label("river_scope_reading", c, lang) for c in scopes)]  # fmt: skip
    tall = 0.24 * len(lines) * (len(scopes) + 1)
    sheet = Sheet((11.0, tall + 2.1), style, words)
    most = int(table["n_sites"].max()) if len(table) else 0
    head = title or sheet.words["readings"]
    sheet.title(head, sheet.words["readings_under"].format(most))
    width = 7.4 / max(len(limits), 1)
    for number, limit in enumerate(limits):
        ax = sheet.axes((3.05 + number * (width + 0.12), 0.8, width, tall))
        _bars(sheet, ax, table[table["limit_m"] == limit], lines, scopes, first=number == 0)
        ax.set_xlim(0, max(most, 1))
        ax.set_title(
            sheet.words["limit_km"].format(f"{limit / 1000:g}"), family=sheet.families,
            fontsize=8.5, color=INK,
        )  # fmt: skip
    _legend(sheet)
    return sheet.finish()


def _bars(
    sheet: Sheet, ax: Any, table: Any, lines: list[str], scopes: list[str], *, first: bool
) -> None:
    lang = sheet.style.lang
    at = table.set_index(["line", "scope"])
    ticks, texts = [], []
    for group, line in enumerate(lines):
        top = group * (len(scopes) + 1)
        if first:
            ax.text(
                -0.02, top - 0.15, label("base_line_reading", line, lang), ha="right", va="center",
                fontsize=8, family=sheet.families, color=INK,
                transform=ax.get_yaxis_transform(),
            )  # fmt: skip
        for row, scope in enumerate(scopes):
            y = top + row + 0.75
            ticks.append(y)
            texts.append(label("river_scope_reading", scope, lang))
            if (line, scope) not in at.index:
                continue
            start = 0.0
            for column, verdict in _PARTS:
                count = float(at.loc[(line, scope), column])
                ax.barh(y, count, left=start, height=0.78, color=colour("verdict", verdict))
                if count:
                    ink = "white" if verdict in ("prohibited", "unchecked", "clear") else INK
                    ax.text(
                        start + count / 2, y, f"{count:.0f}", ha="center", va="center", fontsize=7,
                        family=sheet.families, color=ink,
                    )  # fmt: skip
                start += count
    ax.set_yticks(ticks, texts if first else [""] * len(ticks), family=sheet.families, fontsize=7.5)
    ax.set_ylim(len(lines) * (len(scopes) + 1) - 0.2, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _legend(sheet: Sheet) -> None:
    from matplotlib.patches import Patch

    from basin.figures._frame import add_legend

    lang = sheet.style.lang
    handles = [
        Patch(fc=colour("verdict", verdict), label=label("verdict", verdict, lang))
        for _, verdict in _PARTS
    ]
    add_legend(sheet.figure, handles, at=(3.05, 0.62), width=7.4, family=sheet.families)
