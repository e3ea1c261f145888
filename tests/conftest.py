"""Fixtures of the map tests, which several files share."""

from maps_browser import browser, show

__all__ = ["browser", "show"]
