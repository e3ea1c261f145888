"""Pictures of the figures, kept in ``tests/baselines`` and compared with a tolerance.

Text is greeked: each line is drawn as a bar of its colour, sized by its characters and its size
alone. So another font, or another version of one, moves no label and changes no pixel, and a
baseline made on one machine holds on all. What the words say is tested in ``test_figures.py``.

``make baselines`` draws the kept pictures anew: look at each of them before committing.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import results_by_hand as by_hand
from basin import figures

BASELINES = Path(__file__).resolve().parent / "baselines"

#: Dots per inch of the pictures: the smallest symbol is still four dots wide.
_DPI = 60

#: Two dots differ when a channel does by more than this, of 255, also against the dots around.
_LEVELS = 40

#: So many of the dots of a tile may differ: rounding at the edge of a symbol, not a symbol.
_TILE, _MOST = 16, 6


def drawings(lang: str, labels: str, **options: Any) -> dict[str, Callable[[], Any]]:
    """How each figure is drawn, by its name."""
    style: dict[str, Any] = {"lang": lang, "source": "S", "date": "2026-03-31", **options}
    named = {"labels": labels, **style}
    ground = {"reaches": by_hand.make_reaches(), "districts": by_hand.make_districts()}
    shores = by_hand.make_shorelines()
    band = shores.to_crs(32648).buffer(1000).to_crs(4490).union_all()
    siting = by_hand.make_siting()
    return {
        "sections": lambda: figures.plot_sections(by_hand.make_assessment(), **ground, **named),
        "siting": lambda: figures.plot_siting(
            siting, shorelines=shores, bands={1000: band}, **ground, **named
        ),
        "trace": lambda: figures.plot_trace(by_hand.make_trace(), **ground, **named),
        "spill": lambda: figures.plot_spill(by_hand.make_spill(), **ground, **named),
        "readings": lambda: figures.plot_definition_sensitivity(by_hand.make_readings(), **style),
        "location": lambda: figures.plot_location(
            siting.sites.iloc[:3], shorelines=shores, around_m=2000, **ground, **named
        ),
    }


@contextmanager
def greeked() -> Iterator[None]:
    """Draw text as bars, and lay it out by its characters alone."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.patches import Rectangle

    def measured(_: Any, text: str, font: Any, ismath: Any, dpi: float) -> tuple[float, ...]:
        size = font.get_size_in_points() * dpi / 72
        # as the figures do: a numeral that a font lacks is written in letters
        letters = unicodedata.normalize("NFKC", text)
        ems = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.55 for c in letters)
        return ems * size, size, 0.2 * size

    def line_height(renderer: Any, font: Any) -> tuple[float, ...]:
        size = font.get_size_in_points() * renderer.dpi / 72
        return 0.8 * size, 0.2 * size, 0.0

    def draw(text: Any, renderer: Any) -> None:
        if text.get_visible() and text.get_text():
            if text.get_bbox_patch() is not None:  # the colour behind a verdict
                text.update_bbox_position_size(renderer)
                text.get_bbox_patch().draw(renderer)
            box = text.get_window_extent(renderer)
            # the middle of the line, so that two lines stay two bars
            low, high = (box.y0 + 0.2 * box.height, 0.6 * box.height)
            left, wide = box.x0, box.width
            if text.get_rotation() % 180:
                low, high, left, wide = box.y0, box.height, box.x0 + 0.2 * box.width, 0.6 * wide
            bar = Rectangle((left, low), wide, high, fc=text.get_color(), ec="none", alpha=0.6)
            bar.draw(renderer)

    with pytest.MonkeyPatch.context() as patch:
        # asked from matplotlib 3.11 on; before, a line is as high as it is measured
        patch.setattr(RendererAgg, "_get_font_height_metrics", line_height, raising=False)
        patch.setattr("matplotlib.text._get_text_metrics_with_cache", measured)
        patch.setattr("matplotlib.text.Text.draw", draw)
        yield


def picture(figure: Any) -> Any:
    """Return the dots of a figure: height, width, and red, green and blue."""
    held = io.BytesIO()
    figure.savefig(held, dpi=_DPI)
    return np.asarray(Image.open(held).convert("RGB"))


def differences(seen: Any, kept: Any) -> list[str]:
    """Say where two pictures differ: nothing, or the tiles, in inches from the upper left."""
    if seen.shape != kept.shape:
        return [f"{seen.shape[1]} by {seen.shape[0]} dots, kept {kept.shape[1]} by {kept.shape[0]}"]
    off = (seen != kept).any(axis=2)
    if off.any():
        off = np.maximum(_away(seen, kept), _away(kept, seen)) > _LEVELS
    tall, wide = (-(-n // _TILE) * _TILE for n in off.shape)
    padded = np.zeros((tall, wide), dtype=bool)
    padded[: off.shape[0], : off.shape[1]] = off
    tiles = padded.reshape(tall // _TILE, _TILE, wide // _TILE, _TILE).sum(axis=(1, 3))
    return [
        f"{count} dots differ at {x * _TILE / _DPI:.1f}, {y * _TILE / _DPI:.1f} in"
        for (y, x), count in np.ndenumerate(tiles) if count > _MOST
    ]  # fmt: skip


def _away(picture: Any, other: Any) -> Any:
    """How far each dot is from the nearest in colour of the other's nine dots around its place."""
    tall, wide, _ = picture.shape
    around = np.pad(other.astype(np.int16), ((1, 1), (1, 1), (0, 0)), mode="edge")
    nearest = np.full((tall, wide), 255, dtype=np.int16)
    for y, x in np.ndindex(3, 3):
        apart = np.abs(picture - around[y : y + tall, x : x + wide]).max(axis=2)
        np.minimum(nearest, apart, out=nearest)
    return nearest


def read(name: str) -> Any:
    """Return the dots of a kept picture."""
    return np.asarray(Image.open(BASELINES / f"{name}.png").convert("RGB"))


def write(dots: Any, path: Path) -> None:
    """Keep a picture, whole: bars for text pack well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(dots).save(path, optimize=True)
