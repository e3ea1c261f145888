"""Maps against plain folium: writing time, bytes, script time in a browser, and how a view moves.

Run ``python benchmarks/maps.py [--points 50000] [--reaches 20000] [--rounds 3]``. The rival is what
a user of folium would write, a loop of ``folium.Marker`` with a popup and a tooltip each; it is
given Leaflet from this package instead of the network, and a stand-in for jQuery that costs less.
Both hold the same six columns a point. CPU time of this process for writing, the browser's own
``ScriptDuration`` for opening; the ways take turns and the least counts. Chromium is looked for in
``BASIN_CHROMIUM`` and on the path.
"""

from __future__ import annotations

import argparse
import base64
import html
import os
import shutil
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
from synthetic import basin_lines, basin_points

from basin.maps import basin_map

KINDS = ("industrial", "sewage_works", "agricultural", "other")
ACTIONS = ("ban", "merge", "regulate")

#: What folium's popups ask of jQuery: a tag made of a text.
JQUERY = """window.$ = text => {
  const t = document.createElement('template');
  t.innerHTML = text.trim();
  return [t.content.firstChild];
};"""

#: Its markers find their picture in the page, as they would in a browser's cache.
ICONS = """
;L.Icon.Default.imagePath = ' ';
L.Icon.Default.mergeOptions({iconUrl: 'ICON', iconRetinaUrl: 'ICON', shadowUrl: null});
L.Icon.Default.prototype._getIconUrl = function (name) { return this.options[name + 'Url']; };
"""


def outfalls(lines: gpd.GeoDataFrame, count: int) -> gpd.GeoDataFrame:
    """Outfalls with the columns of a bureau's list; seeded."""
    random = np.random.default_rng(3)
    return gpd.GeoDataFrame(
        {
            "outfall_id": [f"P{n:07d}" for n in range(count)],
            "name": [f"示例排污口{n}" for n in range(count)],
            "kind": np.array(KINDS)[random.integers(0, 4, count)],
            "action": np.array(ACTIONS)[random.integers(0, 3, count)],
            "flow_m3_d": random.uniform(1, 1e4, count).round(1),
            "load_tp_kg_d": random.uniform(0, 50, count).round(2),
        },
        geometry=basin_points(lines, count).to_numpy(),
        crs=4490,
    )


def reaches(lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give the lines orders and names, as ``RiverNetwork.reaches`` has them."""
    random = np.random.default_rng(4)
    count = len(lines)
    names = np.array([f"示例河{n}" for n in range(count // 40 + 1)], object)
    return lines.set_index("reach_id").assign(
        strahler=random.integers(1, 6, count),
        name=np.where(random.random(count) < 0.3, names[np.arange(count) // 40], None),
    )


def write_basin(path: Path, **layers: Any) -> None:
    basin_map(**layers, title="bench").save(path)


def write_folium(path: Path, points: gpd.GeoDataFrame) -> None:
    """The loop that a user of folium writes, its texts escaped for HTML at least."""
    page = folium.Map([35, 105], zoom_start=7, tiles=None)
    columns = [c for c in points.columns if c != "geometry"]
    for row in points.itertuples():
        told = "".join(
            f"<tr><th>{c}</th><td>{html.escape(str(getattr(row, c)))}</td></tr>" for c in columns
        )
        folium.Marker(
            [row.geometry.y, row.geometry.x],
            popup=f"<table>{told}</table>",
            tooltip=html.escape(row.name),
        ).add_to(page)
    page.save(path)


def cpu(job: Any, *arguments: Any, **options: Any) -> float:
    start = time.process_time()
    job(*arguments, **options)
    return time.process_time() - start


class Browser:
    """Headless Chromium without a network; the few files that folium asks for come from here."""

    def __enter__(self) -> Browser:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        path = os.environ.get("BASIN_CHROMIUM") or shutil.which("chromium")
        arguments = ["--no-sandbox", "--disable-gpu"]
        self._chromium = self._playwright.chromium.launch(executable_path=path, args=arguments)
        return self

    def __exit__(self, *_: object) -> None:
        self._chromium.close()
        self._playwright.stop()

    def open(self, path: Path, moves: str | None = None) -> dict[str, float]:
        """Open a page; return its script and task time in ms, its heap, and the cost of a move."""
        page = self._chromium.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(300_000)
        leaflet = files("basin").joinpath("assets", "leaflet")

        def serve(route: Any) -> None:
            name = route.request.url.rsplit("/", 1)[-1]
            if name == "leaflet.js":
                icon = leaflet.joinpath("images", "marker-icon.png").read_bytes()
                url = f"data:image/png;base64,{base64.b64encode(icon).decode()}"
                route.fulfill(body=leaflet.joinpath(name).read_text() + ICONS.replace("ICON", url))
            elif name == "leaflet.css":
                route.fulfill(body=leaflet.joinpath(name).read_bytes())
            elif name.startswith("jquery"):
                route.fulfill(body=JQUERY, content_type="text/javascript")
            else:
                route.abort()

        page.route(lambda url: url.startswith("http"), serve)
        errors: list[str] = []
        page.on("pageerror", lambda e: errors.append(str(e)))
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def metrics() -> dict[str, float]:
            told = session.send("Performance.getMetrics")["metrics"]
            return {m["name"]: m["value"] for m in told}

        page.goto(path.as_uri(), wait_until="load")
        page.evaluate("new Promise(r => requestAnimationFrame(() => setTimeout(r, 50)))")
        first = metrics()
        found = {
            "script_ms": 1000 * first["ScriptDuration"],
            "task_ms": 1000 * first["TaskDuration"],
            "heap_mb": first["JSHeapUsedSize"] / 1e6,
        }
        if moves:
            steps = page.evaluate(moves)
            after = metrics()
            found["move_ms"] = 1000 * (after["TaskDuration"] - first["TaskDuration"]) / steps
        assert not errors, errors[:3]
        page.close()
        return found


#: Zooms, pans, and moves of the pointer; returns how many views were drawn.
MOVES = """async () => {
  const map = Object.values(window).find(v => v && v.basinLabels), box = map.getContainer();
  const rest = () => new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)));
  const zoom = map.getZoom();
  let views = 0;
  for (const z of [0, 1, 2, 4]) {
    map.setZoom(zoom + z, { animate: false }); views++; await rest();
    for (const by of [[300, 0], [0, 200], [-300, 0], [0, -200]]) {
      map.panBy(by, { animate: false }); views++; await rest();
      for (let x = 400; x < 800; x += 100) {
        box.dispatchEvent(new MouseEvent('mousemove', { clientX: x, clientY: 400, bubbles: true }));
      }
    }
  }
  return views;
}"""


def least(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: min(r[key] for r in rounds) for key in rounds[0]}


def compare(points: gpd.GeoDataFrame, rivers: gpd.GeoDataFrame, rounds: int, folder: Path) -> None:
    """Print the ratios against the Marker loop, and what the reaches add."""
    ours, theirs, whole = folder / "basin.html", folder / "folium.html", folder / "whole.html"
    found: dict[str, list[dict[str, float]]] = {"basin": [], "folium": [], "with reaches": []}
    with Browser() as browser:
        for _ in range(rounds):
            for way, path, job, layers in (
                ("basin", ours, write_basin, {"outfalls": points}),
                ("folium", theirs, write_folium, {"points": points}),
                ("with reaches", whole, write_basin, {"outfalls": points, "reaches": rivers}),
            ):
                cost = {"write_s": cpu(job, path, **layers), "mb": path.stat().st_size / 1e6}
                moves = None if way == "folium" else MOVES
                found[way].append(cost | browser.open(path, moves))
    best = {way: least(costs) for way, costs in found.items()}
    for way, cost in best.items():
        told = ", ".join(f"{key} {value:,.2f}" for key, value in cost.items())
        print(f"{way:14} {len(points):,} points: {told}")
    a, b = best["basin"], best["folium"]
    print(f"ratio write {b['write_s'] / a['write_s']:.1f} (asked: 15)")
    print(f"ratio bytes {b['mb'] / a['mb']:.1f} (asked: 5)")
    print(f"ratio script {b['script_ms'] / a['script_ms']:.1f} (asked: 10)")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--reaches", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-basin", action="store_true", help="without the Marker loop")
    given = parser.parse_args(arguments)
    lines = basin_lines(given.reaches)
    points, rivers = outfalls(lines, given.points), reaches(lines)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not given.only_basin:
            compare(points, rivers, given.rounds, folder)
            return
        path = folder / "whole.html"
        spent = cpu(write_basin, path, outfalls=points, reaches=rivers)
        with Browser() as browser:
            cost = {"write_s": spent, "mb": path.stat().st_size / 1e6, **browser.open(path, MOVES)}
        told = ", ".join(f"{key} {value:,.2f}" for key, value in cost.items())
        print(f"{given.points:,} points, {given.reaches:,} reaches: {told}")


if __name__ == "__main__":
    main()
