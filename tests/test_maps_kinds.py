"""Each kind of map in a browser with the network off: layers, popups, search, print, slider."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from basin import maps
from basin.cli import main
from maps_browser import OPEN_EVERYTHING, Seen, assert_quiet
from maps_tables import (
    HOSTILE,
    ground,
    hostile_ground,
    hostile_spill,
    hostile_tables,
    snaps,
    spill,
    tables,
)
from places import SAMPLE

pytestmark = pytest.mark.browser


def draw(kind: str, *, hostile: bool = False) -> maps.OfflineMap:
    """Draw a map of a kind from the small basin, or from one whose texts try to run."""
    given = hostile_tables() if hostile else tables()
    over = hostile_ground() if hostile else ground()
    title = {"title": "".join(HOSTILE)} if hostile else {}
    around: dict[str, Any] = {"reaches": given["reaches"], "districts": given["districts"]} | title
    if kind == "basin":
        around = {k: v for k, v in given.items() if k not in around} | around
        return maps.basin_map(**around, snaps=snaps(given["outfalls"]))
    if kind == "siting":
        result = SimpleNamespace(sites=given["sites"], findings=given["findings"])
        return maps.siting_map(result, shorelines=given["shorelines"], **around)
    if kind == "trace":
        return maps.trace_map(given["traces"][0], sections=given["sections"], **around)
    if kind == "spill":
        return maps.spill_map(hostile_spill() if hostile else spill(), **around)
    if kind == "network":
        del around["reaches"]
        outfalls = given["outfalls"]
        return maps.network_map(
            given["reaches"], given["issues"], outfalls=outfalls, snaps=snaps(outfalls), **around
        )
    if kind == "allowed":
        return maps.allowed_map(over["area"], **around)
    return maps.catchment_map(over["catchments"], over["raindrops"], **around)


#: For each kind: what to search, what the popup then tells, and a row that is off or on at first.
KINDS = {
    "basin": ("S-FH", ["扶欢", "Ⅳ类", "总磷, 氨氮", "24.5"], "zones:control_unit", False),
    "siting": ("X1", ["示例化工项目", "禁止", "在限值内 3.8 m", "长江保护法"], "shorelines", False),
    "trace": ("P-1", ["示例厂一", "第 1 位", "24.5", "线索"], "trace:0", True),
    "spill": ("I1", ["示例取水口", "取水口", "最快可能", "1.67", "2.5"], "spill:median", False),
    "network": ("N1", ["gap_closed", "警告", "R1, R2"], "snaps", True),
    "allowed": ("A2", ["未核查", "生态保护红线"], "layer:0", True),
    "catchment": ("S-FH", ["扶欢", "95"], "layer:1", True),
}


def assert_labels_apart(seen: Seen) -> None:
    """No name lies under a box of the page, and none stands twice in one place."""
    boxes = seen.page.evaluate(
        """() => [...document.querySelectorAll('.basin-title, .basin-panel, .basin-clock')]
          .map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"""
    )
    names = seen.on_map("map.basinLabels.names")
    assert len(names) > 0
    for text, x0, y0, x1, y1 in names:
        for a in boxes:
            assert x1 <= a[0] or a[2] <= x0 or y1 <= a[1] or a[3] <= y0, text
        # beside a symbol of this size the other name would start at most so far away
        twins = [n for n in names if n[0] == text and abs(n[2] - y0) < 9 and abs(n[1] - x0) < 160]
        assert len(twins) == 1, text


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_of_each_kind_can_be_used(show, kind):
    asked, told, row, on = KINDS[kind]
    seen = show(draw(kind))
    seen.keep(f"{kind}_1280")
    # layers toggle
    before = seen.drawn(row)
    assert (before > 0) == on
    seen.toggle(row)
    assert (seen.drawn(row) > 0) != on
    seen.toggle(row)
    assert seen.drawn(row) == before
    # search finds, and the popup tells
    seen.page.locator(".basin-search input").fill(asked)
    seen.page.keyboard.press("Enter")
    text = seen.page.locator(".leaflet-popup-content").last.inner_text(timeout=5000)
    assert [part for part in told if part not in text] == []
    # a click there tells the same
    at = seen.on_map("map.latLngToContainerPoint(map._popup.getLatLng())")
    seen.on_map("map.closePopup()")
    seen.page.wait_for_timeout(300)  # it fades out
    assert seen.page.locator(".leaflet-popup").count() == 0
    seen.page.mouse.click(at["x"], at["y"])
    assert told[0] in seen.page.locator(".leaflet-popup-content").inner_text(timeout=5000)
    assert_labels_apart(seen)
    # print
    rows = seen.page.locator(".basin-panel [data-row]:checked").evaluate_all(
        "boxes => boxes.map(box => box.closest('label').textContent.trim())"
    )
    seen.on_map("map.basinSheet(true)")
    assert not seen.page.locator(".basin-tools").is_visible()
    assert not seen.page.locator(".leaflet-popup").is_visible()
    assert seen.page.locator(".basin-still").count() == 2
    legend = "".join(seen.page.locator(".basin-panel").inner_text().split())
    assert rows
    assert [row for row in rows if "".join(row.split()) not in legend] == []
    assert_labels_apart(seen)
    seen.keep(f"{kind}_print", sheet=True)
    seen.on_map("map.basinSheet(false)")
    assert_quiet(seen)


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_of_each_kind_fits_a_telephone(show, kind):
    seen = show(draw(kind), 375, 700)
    seen.keep(f"{kind}_375")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert_quiet(seen)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "basin"])  # that one has its own test
def test_no_text_runs_on_a_map_of_any_kind(show, kind):
    seen = show(draw(kind, hostile=True))
    found = seen.page.evaluate(OPEN_EVERYTHING, list(HOSTILE))
    assert found["count"] >= 12
    assert found["shown"] == [True] * len(HOSTILE)
    assert not found["ran"]
    seen.page.locator(".basin-search input").fill(HOSTILE[4][:6])
    assert HOSTILE[4] in seen.page.locator(".basin-search").inner_text()
    assert seen.page.evaluate("window.__pwned") is None
    assert_quiet(seen)


def test_a_name_under_the_legend_comes_when_it_is_closed(show):
    seen = show(draw("basin"), 1280, 800)
    under = seen.page.locator(".basin-panel").bounding_box()
    at = seen.on_map(f"map.containerPointToLatLng([{under['x'] + 100}, {under['y'] + 300}])")
    place = seen.on_map(
        "(l => l.getLatLng())(map.basinGroups.find(g => g.basinSpec.row === 'sections')"
        ".getLayers()[0])"
    )
    centre = seen.on_map("map.getCenter()")
    lat, lng = (centre[k] + place[k] - at[k] for k in ("lat", "lng"))
    seen.on_map(f"map.setView([{lat}, {lng}], map.getZoom(), {{animate: false}})")
    name = seen.on_map(
        "(g => basin.titleOf(g.basinSpec, g.getLayers()[0].basinRecord))"
        "(map.basinGroups.find(g => g.basinSpec.row === 'sections'))"
    )
    assert name not in seen.written()
    seen.page.locator(".basin-panel .basin-head").click()
    assert name in seen.written()


# ---- the slider


def cloud(seen: Seen) -> list[str]:
    """The hours whose cloud is on the map, by the row that is on."""
    return seen.on_map(
        "map.basinGroups.filter(g => map.hasLayer(g) && g.basinSpec.spans)"
        ".flatMap(g => g.getLayers().map(l => basin.titleOf(g.basinSpec, l.basinRecord)))"
    )


def symbol(seen: Seen, name: str) -> str:
    """The fill of a target's symbol now."""
    return seen.on_map(
        "map.basinGroups.filter(g => map.hasLayer(g) && g.basinTimed)"
        f".flatMap(g => g.getLayers()).find(l => l.getLatLng && l.basinSpec.titles[l.basinRecord]"
        f" === '{name}').options.fillColor"
    )


def test_the_slider_moves_the_cloud_and_what_it_comes_to(show):
    seen = show(draw("spill"))
    slider = seen.page.locator(".basin-clock input")
    told = seen.page.locator(".basin-clock output")
    assert told.inner_text() == "泄漏后 0 h"
    assert cloud(seen) == []
    assert symbol(seen, "石门坎") == "#ffffff"
    slider.focus()
    seen.page.keyboard.press("ArrowRight")
    assert told.inner_text() == "泄漏后 1 h"
    assert cloud(seen) == ["泄漏后 1 h"]
    # the fastest case is on: 10 x 0.1 / 1.5 = 0.67 h, and its tail 0.93 h
    assert symbol(seen, "石门坎") == "#9e9e9e"
    assert symbol(seen, "示例取水口") == "#ffffff"  # 1.67 h
    seen.page.keyboard.press("ArrowRight")
    assert cloud(seen) == ["泄漏后 2 h"]
    assert symbol(seen, "示例取水口") == "#c62828"
    assert slider.get_attribute("aria-valuetext") == "泄漏后 2 h"
    seen.keep("spill_2h")
    # the hour is in the link
    seen.until("location.hash.endsWith('/2')")
    again = show(draw("spill"), link=seen.page.evaluate("location.hash"))
    assert again.page.locator(".basin-clock output").inner_text() == "泄漏后 2 h"
    assert_quiet(again)


def test_search_stays_in_the_case_that_is_on(show):
    """The cases share their targets: one that is off must not be switched on by looking."""
    seen = show(draw("spill"))
    rows = ["spill:fastest", "spill:median"]
    before = [seen.drawn(row) for row in rows]
    assert before[0] > 0 == before[1]
    seen.page.locator(".basin-search input").fill("I1")
    seen.page.keyboard.press("Enter")
    assert "示例取水口" in seen.page.locator(".leaflet-popup-content").last.inner_text()
    assert seen.drawn("spill:median") == 0
    seen.toggle("spill:median")
    assert_labels_apart(seen)


def test_the_slider_plays_to_its_end(show):
    seen = show(draw("spill"))
    seen.page.locator(".basin-play").click()
    seen.until(
        "document.querySelector('.basin-clock output').textContent === '泄漏后 2 h'"
        " && !document.querySelector('.basin-running')"
    )
    assert cloud(seen) == ["泄漏后 2 h"]


# ---- the sample, from the command line


def test_basin_spill_draws_its_map(tmp_path):
    page = tmp_path / "spill.html"
    asked = ["spill", str(SAMPLE), "--outfall", "P-011", "--hours", "12", "--map", str(page)]
    done = CliRunner().invoke(main, [*asked, "--lang", "zh"])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "泄漏扩散图 · P-011 示例磷化一厂排污口" in text
    assert "泄漏后 12 h" in text
    again = CliRunner().invoke(main, asked)
    assert again.exit_code == 2
    assert "--overwrite" in again.output
