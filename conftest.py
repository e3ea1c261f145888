"""Fixtures for all tests and doctests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
SAMPLE = ROOT / "data" / "sample_layers"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctests and README examples name the sample by its path from the root."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def sample():
    """The sample basin, opened once: its network is built once for all tests."""
    import basin

    return basin.open(SAMPLE)


def pytest_configure(config: pytest.Config) -> None:
    os.environ["BASIN_LANG"] = "en"  # messages are matched in English on any machine
    os.environ.setdefault("COLUMNS", "160")  # rich tables wrap to the terminal
