"""Fixtures that several test files share."""

from maps_browser import browser, show

__all__ = ["browser", "show"]
