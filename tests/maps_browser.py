"""A map open in headless Chromium with the network off: the fixtures of the browser tests.

Chromium is looked for in ``BASIN_CHROMIUM`` and on the path. Without one the tests are skipped, in
CI they fail. :meth:`Seen.keep` leaves a screenshot in ``build/artefacts`` for people to look at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from artefacts import SCREENSHOTS
from basin import maps

#: Leaflet's map object in the page.
MAP = "Object.values(window).find(v => v && v.basinLabels)"

#: Opens each popup and each tooltip, and says which of the texts were shown as they are.
OPEN_EVERYTHING = f"""hostile => {{
  const map = {MAP}, texts = new Set(), seen = new Set();
  const read = where => document.querySelectorAll(where).forEach(e => texts.add(e.textContent));
  document.querySelectorAll('[data-row]').forEach(box => {{ if (!box.checked) box.click(); }});
  map.eachLayer(layer => {{
    if (layer.basinRecord === undefined || layer.basinRecord === null) return;
    const record = layer.basinSpec.row + layer.basinSpec.name + ' ' + layer.basinRecord;
    if (seen.has(record)) return;
    seen.add(record);
    const at = layer.getLatLng ? layer.getLatLng() : layer.getBounds().getCenter();
    const event = {{ latlng: at, layerPoint: map.latLngToLayerPoint(at) }};
    layer.fire('click', event, true);
    document.querySelectorAll('.basin-record details').forEach(d => {{ d.open = true; }});
    read('.leaflet-popup-content');
    const other = document.querySelector('.basin-others button');
    if (other) other.click();
    read('.leaflet-popup-content');
    layer.fire('mouseover', event, true);
    read('.leaflet-tooltip');
    layer.fire('mouseout', event, true);
  }});
  read('.basin-panel');
  const all = [...texts];
  return {{
    count: seen.size,
    shown: hostile.map(text => all.some(t => t.includes(text))),
    ran: all.some(t => t.includes('1337')),
  }};
}}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = os.environ.get("BASIN_CHROMIUM") or shutil.which("chromium")
    missing = None if path else "no Chromium: install it, or name it in BASIN_CHROMIUM"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "playwright is not installed"
    if missing:
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@dataclass
class Seen:
    """An open map, and what the browser reported about it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def toggle(self, row: str) -> None:
        self.page.evaluate(
            "id => [...document.querySelectorAll('[data-row]')]"
            ".find(box => box.dataset.row === id).click()",
            row,
        )

    def drawn(self, row: str) -> int:
        """How many features of a row are on the map now."""
        return self.page.evaluate(
            f"id => {{ let n = 0; ({MAP}).eachLayer(l => {{"
            " if (l.basinRecord !== undefined && l.basinSpec.row === id) n += 1; }); return n; }",
            row,
        )

    def place(self, row: str, title: str) -> dict[str, float]:
        """Where a point of a row stands on the screen."""
        return self.page.evaluate(
            f"""([row, title]) => {{
              const map = {MAP};
              let at = null;
              map.eachLayer(l => {{
                if (!l.getLatLng || l.basinRecord === undefined || l.basinSpec.row !== row) return;
                if (basin.titleOf(l.basinSpec, l.basinRecord) !== title) return;
                const p = map.latLngToContainerPoint(l.getLatLng());
                at = {{ x: p.x, y: p.y }};
              }});
              return at;
            }}""",
            [row, title],
        )

    def click(self, row: str, title: str) -> str:
        self.on_map("map.closePopup()")
        self.page.wait_for_timeout(400)  # it fades out, and the map comes to rest
        at = self.place(row, title)
        self.page.mouse.click(at["x"], at["y"])
        return self.page.locator(".leaflet-popup-content").inner_text(timeout=5000)

    def keep(self, name: str, *, sheet: bool = False) -> None:
        """Leave a screenshot, of the printed sheet alone if asked."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        size = self.on_map("map.getSize()")
        clip = {"x": 0, "y": 0, "width": size["x"], "height": size["y"]} if sheet else None
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", clip=clip)

    def until(self, expression: str) -> None:
        """Wait until an expression is true. The page's policy stops the browser's own waiting."""
        for _ in range(100):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"never true: {expression}")

    def on_map(self, expression: str) -> Any:
        """What an expression of Leaflet's ``map`` is."""
        return self.page.evaluate(f"(map => ({expression}))({MAP})")

    def written(self) -> list[str]:
        """The names that stand on the map."""
        return self.on_map("map.basinLabels.placed")

    def colour_at(self, x: float, y: float) -> list[int]:
        """The colour that the map's canvas shows at a place of the screen."""
        return self.page.evaluate(
            """([x, y]) => {
              const canvas = document.querySelector('.leaflet-overlay-pane canvas');
              const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
              const at = [(x - box.left) * scale, (y - box.top) * scale];
              return [...canvas.getContext('2d').getImageData(at[0], at[1], 1, 1).data];
            }""",
            [x, y],
        )


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    contexts = []

    def open_map(
        page: maps.OfflineMap, width: int = 1280, height: int = 800, link: str = ""
    ) -> Seen:
        path = tmp_path / "map.html"
        page.save(path)
        context = browser.new_context(offline=True, viewport={"width": width, "height": height})
        contexts.append(context)
        seen = Seen(context.new_page())
        seen.page.on("request", lambda r: seen.requests.append(r.url))
        seen.page.on("pageerror", lambda e: seen.errors.append(str(e)))
        seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        seen.page.goto(path.as_uri() + link)
        seen.until(f"!!({MAP})")
        return seen

    yield open_map
    for context in contexts:
        context.close()


def assert_quiet(seen: Seen) -> None:
    assert [u for u in seen.requests if not u.startswith(("file:", "data:"))] == []
    assert len([u for u in seen.requests if u.startswith("file:")]) == 1
    assert seen.errors == []


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    return (
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
    )
