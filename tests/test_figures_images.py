"""Each figure against the picture kept of it; and the comparison against figures that are broken.

Where they differ, the picture seen lies under the kept one's name in ``build/artefacts/figures``.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Annotation
from matplotlib_scalebar.scalebar import ScaleBar

from artefacts import FIGURES
from figure_images import BASELINES, differences, drawings, greeked, picture, read, write

LANGS = {"zh": "name", "en": "id"}
KINDS = ("sections", "siting", "trace", "spill", "readings", "location")
MAPS = tuple(kind for kind in KINDS if kind != "readings")


@pytest.fixture(scope="module")
def drawn() -> Any:
    """Draw a figure once for all tests; they leave it as they found it."""
    figures: dict[tuple[str, str], Any] = {}

    def draw(kind: str, lang: str) -> Any:
        if (kind, lang) not in figures:
            figures[kind, lang] = drawings(lang, LANGS[lang])[kind]()
        return figures[kind, lang]

    with greeked():
        yield draw


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_looks_as_kept(drawn: Any, kind: str, lang: str) -> None:
    name = f"{kind}_{lang}"
    seen = picture(drawn(kind, lang))
    if os.environ.get("BASIN_RENEW_BASELINES"):
        write(seen, BASELINES / f"{name}.png")
    found = differences(seen, read(name))
    if found:
        write(seen, FIGURES / f"{name}.png")
    assert not found, f"{name}: see build/artefacts/figures/{name}.png; `make baselines` keeps it"


def test_the_kept_pictures_are_small_and_each_is_compared() -> None:
    files = sorted(BASELINES.iterdir())
    assert {f.name for f in files} == {f"{k}_{lang}.png" for k in KINDS for lang in LANGS}
    assert sum(f.stat().st_size for f in files) < 400_000


@pytest.mark.parametrize("kind", ["sections", "siting"])
def test_another_font_changes_nothing(kind: str) -> None:
    """Ids in English need no Chinese font, so that the serifs that come with matplotlib will do."""
    with greeked():
        seen = picture(drawings("en", "id", font="DejaVu Serif")[kind]())
    assert differences(seen, read(f"{kind}_en")) == []


# ---- a broken figure is found


def hide(artists: Any) -> Any:
    """Make artists invisible; return how to bring them back."""
    hidden = list(artists)
    assert hidden
    for artist in hidden:
        artist.set_visible(False)
    return lambda: [artist.set_visible(True) for artist in hidden]


def lose_legend(figure: Any) -> Any:
    return hide(figure.legends[:1])


def lose_scale_bar(figure: Any) -> Any:
    return hide(figure.findobj(ScaleBar))


def lose_footer(figure: Any) -> Any:
    return hide(t for t in figure.texts if "CGCS2000" in t.get_text())


def lose_one_label(figure: Any) -> Any:
    labels = (t for t in figure.axes[0].texts if not isinstance(t, Annotation) and t.get_text())
    return hide([min(labels, key=lambda t: len(t.get_text()))])


def move_north_arrow(figure: Any) -> Any:
    (arrow,) = (t for t in figure.axes[0].texts if t.get_text() in ("北", "N"))
    tip, foot = arrow.xy, arrow.get_position()

    def put(by: float) -> None:
        arrow.xy = (tip[0] + by, tip[1])
        arrow.set_position((foot[0] + by, foot[1]))

    put(-0.06)
    return lambda: put(0.0)


def recolour_one_symbol(figure: Any) -> Any:
    symbols = [
        s
        for s in figure.axes[0].collections
        if isinstance(s, PathCollection) and len(s.get_sizes())
    ]
    last = symbols[-1]
    before = last.get_facecolor().copy()
    last.set_facecolor("#00bcd4")
    return lambda: last.set_facecolor(before)


def shift_axis(figure: Any) -> Any:
    axes = figure.axes[0]
    x0, x1 = axes.get_xlim()
    by = 0.02 * (x1 - x0)
    axes.set_xlim(x0 + by, x1 + by)
    return lambda: axes.set_xlim(x0, x1)


BREAKS = (lose_legend, lose_scale_bar, lose_footer, lose_one_label, move_north_arrow,
          recolour_one_symbol, shift_axis)  # fmt: skip


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("break_it", BREAKS, ids=lambda b: b.__name__)
def test_a_broken_map_is_found(drawn: Any, kind: str, break_it: Any) -> None:
    figure = drawn(kind, "zh")
    mend = break_it(figure)
    seen = picture(figure)
    mend()
    assert differences(seen, read(f"{kind}_zh"))


def test_a_bar_of_another_colour_or_length_is_found(drawn: Any) -> None:
    figure = drawn("readings", "zh")
    bar = figure.axes[0].patches[1]  # borderline: one site of ten
    colour, width = bar.get_facecolor(), bar.get_width()
    bar.set_facecolor("#b71c1c")
    recoloured = picture(figure)
    bar.set(facecolor=colour, width=0.8 * width)
    shorter = picture(figure)
    bar.set_width(width)
    assert differences(recoloured, read("readings_zh"))
    assert differences(shorter, read("readings_zh"))


@pytest.mark.parametrize("kind", ["sections", "siting", "trace", "spill", "location"])
def test_a_lost_curve_cell_bar_or_frame_is_found(drawn: Any, kind: str) -> None:
    figure = drawn(kind, "zh")
    lost = {
        "sections": lambda: figure.axes[1].patches[:1],  # a month of the calendar
        "siting": lambda: [t for t in figure.texts if t.get_text() == "禁止"][:1],  # of the list
        "trace": lambda: figure.axes[-1].patches[5:6],
        "spill": lambda: figure.axes[-1].get_lines()[:1],
        "location": lambda: figure.axes[1].get_lines()[-1:],  # the frame in the inset
    }[kind]
    back = hide(lost())
    seen = picture(figure)
    back()
    assert differences(seen, read(f"{kind}_zh"))


def test_pictures_of_another_size_differ() -> None:
    kept = read("sections_zh")
    assert differences(kept[:-1], kept)
