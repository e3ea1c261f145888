"""Fixtures of the map tests, which several files share, and what is left of all tests."""

from typing import Any

import artefacts
from maps_browser import browser, show

__all__ = ["browser", "show"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say where the pictures are. Asked of the one process that started the others."""
    index = artefacts.finish()
    if index:
        terminalreporter.write_line(f"pictures of the tests: {index}")
