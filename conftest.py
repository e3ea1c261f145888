"""Fixtures for all tests and doctests."""

from __future__ import annotations

import http.server
import importlib.util
import os
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
SAMPLE = ROOT / "data" / "sample_layers"

# compiled loops are an extra: without numba there is nothing to collect in their module
if importlib.util.find_spec("numba") is None:
    collect_ignore = ["src/basin/_network/kernels.py"]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctests and README examples name the sample by its path from the root."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def sample():
    """The sample basin, opened once: its network is built once for all tests."""
    import basin

    return basin.open(SAMPLE)


@pytest.fixture
def server():
    """A web server on loopback that remembers every request."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def pytest_configure(config: pytest.Config) -> None:
    os.environ["BASIN_LANG"] = "en"  # messages are matched in English on any machine
    os.environ.setdefault("COLUMNS", "160")  # rich tables wrap to the terminal
