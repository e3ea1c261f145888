"""Figures for the report: sections in their class colours, a source trace, sites by verdict.

Each ``plot_`` function returns a matplotlib ``Figure`` with scale, north arrow, legend, graticule
in CGCS2000 degrees and a footer (source, date, caveat), and takes the options of `Style` as
keywords; `save_figure` writes it as PNG, SVG or PDF.
matplotlib comes with the extra ``[report]`` and is loaded when a figure is drawn.
"""

from __future__ import annotations

from basin.figures._definitions import plot_definition_sensitivity
from basin.figures._fonts import FONT_FAMILIES, FontError, find_font
from basin.figures._location import plot_location
from basin.figures._save import save_figure
from basin.figures._sections import plot_sections
from basin.figures._sheet import Style
from basin.figures._siting import plot_siting
from basin.figures._spill import plot_spill
from basin.figures._trace import plot_trace

__all__ = [
    "FONT_FAMILIES",
    "FontError",
    "Style",
    "find_font",
    "plot_definition_sensitivity",
    "plot_location",
    "plot_sections",
    "plot_siting",
    "plot_spill",
    "plot_trace",
    "save_figure",
]
