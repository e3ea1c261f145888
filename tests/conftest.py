"""Fixtures that several test files share, and where the sample lies."""

from pathlib import Path

from maps_browser import browser, show

__all__ = ["SAMPLE", "browser", "show"]

SAMPLE = Path(__file__).parents[1] / "data" / "sample_layers"
