"""The maps in a real browser with the network off: what is seen, and what must not happen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from basin import maps
from maps_browser import MAP, OPEN_EVERYTHING, assert_quiet, overlap
from maps_tables import HOSTILE, hostile_tables, tables

pytestmark = pytest.mark.browser


def test_the_map_opens_alone_and_shows_what_is_on(show):
    seen = show(maps.basin_map(**tables(), title="示意流域"))
    assert_quiet(seen)
    assert seen.page.locator(".basin-title").inner_text().startswith("示意流域")
    assert "辅助研判，不代替审批" in seen.page.locator(".basin-title").inner_text()
    assert (seen.drawn("sections"), seen.drawn("outfalls"), seen.drawn("reaches")) == (3, 2, 2)
    assert (seen.drawn("zones:red_line"), seen.drawn("zones:control_unit")) == (1, 0)
    written = seen.page.evaluate(f"({MAP}).basinLabels.placed")
    assert {"北渡", "扶欢", "石门坎", "綦江河"} <= set(written)


def test_an_empty_map_opens(show):
    assert_quiet(show(maps.basin_map()))


def test_layers_toggle_and_their_legend_with_them(show):
    seen = show(maps.basin_map(**tables()))
    panel = seen.page.locator(".basin-panel")
    assert "优先保护单元" not in panel.inner_text()
    seen.toggle("zones:control_unit")
    assert seen.drawn("zones:control_unit") == 1
    assert "优先保护单元" in panel.inner_text()
    seen.toggle("sections")
    assert seen.drawn("sections") == 0
    assert "北渡" not in seen.page.evaluate(f"({MAP}).basinLabels.placed")
    seen.toggle("sections")
    assert seen.drawn("sections") == 3
    for row in ("band:1000", "band:5000", "shorelines", "issues", "trace:0", "trace:0"):
        seen.toggle(row)
    assert_quiet(seen)


def test_a_layer_that_comes_back_goes_below_those_above_it(show):
    given = tables()
    seen = show(maps.basin_map(sections=given["sections"], zones=given["zones"]))
    at = seen.place("sections", "北渡")
    at["x"] -= 3.5  # beside the numeral
    before = seen.colour_at(**at)
    seen.toggle("zones:control_unit")
    seen.page.wait_for_timeout(200)
    assert seen.colour_at(**at) == before == [0x1E, 0x88, 0xE5, 255]


def test_popups_tell_the_record(show):
    seen = show(maps.basin_map(**tables()))
    text = seen.click("sections", "扶欢")
    assert "Ⅳ类" in text
    assert "总磷, 氨氮" in text
    text = seen.click("sites", "示例化工项目")
    assert "禁止" in text
    assert "距离 996.2 ± 5 m，限值 1000 m，在限值内 3.8 m" in text
    assert "长江保护法第二十六条" in text
    assert_quiet(seen)


def test_a_popup_offers_what_lies_below(show):
    seen = show(maps.basin_map(**tables()))
    seen.toggle("zones:control_unit")
    text = seen.click("sections", "北渡")
    assert "此处还有" in text
    seen.page.locator(".basin-others button", has_text="示例单元").click()
    assert "优先保护单元" in seen.page.locator(".leaflet-popup-content").inner_text()


def test_the_trace_tells_rank_and_share(show):
    given = tables()
    seen = show(maps.trace_map(given["traces"][0], sections=given["sections"]))
    text = seen.click("trace:0", "示例厂一")
    assert "第 1 位" in text
    assert "24.5" in text
    assert "线索" in text
    assert "数字为排序" in seen.page.locator(".basin-panel").inner_text()


def test_the_siting_map_shows_verdicts_and_metres(show):
    given = tables()
    result = SimpleNamespace(sites=given["sites"], findings=given["findings"])
    seen = show(maps.siting_map(result, shorelines=given["shorelines"]))
    assert "禁止 1" in seen.page.locator(".basin-title").inner_text()
    seen.page.evaluate(f"({MAP}).setView([29, 106.58], 13, {{ animate: false }})")
    assert "996.2 m" in seen.page.evaluate(f"({MAP}).basinLabels.placed")
    assert_quiet(seen)


def test_coordinates_under_the_pointer_are_cgcs2000(show):
    seen = show(maps.basin_map(**tables()))
    at = seen.place("sections", "北渡")
    seen.page.mouse.move(at["x"] + 30, at["y"])
    seen.page.mouse.move(at["x"], at["y"])
    seen.page.wait_for_timeout(200)
    text = seen.page.locator(".basin-coordinates").inner_text()
    assert text.startswith("CGCS2000")
    lon, lat = (float(part[:-2]) for part in text.split()[1:3])
    assert (lon, lat) == pytest.approx((106.65, 29.1), abs=0.003)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("size", [(1280, 800), (375, 700)])
def test_the_boxes_fit_the_window_and_do_not_overlap(show, size, lang):
    seen = show(maps.basin_map(**tables(), title="示意流域 · 2026-03-31", lang=lang), *size)
    boxes = [
        item.bounding_box()
        for name in (".basin-title", ".basin-panel", ".basin-search", ".leaflet-control-zoom",
                     ".basin-tools", ".basin-north", ".basin-coordinates",
                     ".leaflet-control-scale", ".leaflet-control-attribution")
        for item in seen.page.locator(name).all()
        if item.is_visible()
    ]  # fmt: skip
    assert len(boxes) == (9 if size[0] > 700 else 8)  # the search waits behind its button
    for i, a in enumerate(boxes):
        assert a["x"] >= 0
        assert a["x"] + a["width"] <= size[0]
        assert a["y"] + a["height"] <= size[1]
        assert not any(overlap(a, b) for b in boxes[i + 1 :])
    wide = seen.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size[0]


def test_a_narrow_window_starts_with_the_legend_closed(show):
    seen = show(maps.basin_map(**tables()), 375, 700)
    body = seen.page.locator(".basin-panel .basin-body")
    assert not body.is_visible()
    assert "辅助研判，不代替审批" in seen.page.locator(".basin-title").inner_text()
    head = seen.page.locator(".basin-panel .basin-head")
    assert head.get_attribute("aria-expanded") == "false"
    head.focus()
    seen.page.keyboard.press("Enter")
    assert body.is_visible()
    assert head.get_attribute("aria-expanded") == "true"


def test_names_do_not_overlap(show):
    seen = show(maps.basin_map(**tables()))
    boxes = seen.page.evaluate(f"({MAP}).basinLabels._boxes")
    written = seen.page.evaluate(f"({MAP}).basinLabels.placed")
    symbols = 3 + 2 + 2  # sections, sites and ranked outfalls may lie over each other
    names = boxes[symbols:]
    assert len(names) >= len(written) > 5
    # a name along a line has a box a letter, and neighbouring letters may touch
    apart = [b for b in names if b[2] - b[0] > 20]
    for i, a in enumerate(apart):
        for b in boxes[:symbols] + apart[i + 1 :]:
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def test_names_keep_off_the_whole_symbol(show):
    """What is painted of each shape, with rim and ring, against the room that is kept for it."""
    seen = show(maps.basin_map())
    found = seen.page.evaluate(
        """() => Object.keys(basin.SHAPES).flatMap(shape => [null, '#f00'].map(ring => {
          const canvas = document.createElement('canvas');
          canvas.width = canvas.height = 80;
          const ctx = canvas.getContext('2d'), style = { shape, ring, radius: 10, weight: 1 };
          basin.paintSymbol(ctx, style, 40, 40, 1);
          const dots = ctx.getImageData(0, 0, 80, 80).data;
          let reach = 0;
          for (let k = 0; k < 6400; k++) {
            if (dots[4 * k + 3] < 128) continue;
            const x = k % 80 + 0.5 - 40, y = Math.floor(k / 80) + 0.5 - 40;
            reach = Math.max(reach, Math.abs(x) + 0.5, Math.abs(y) + 0.5);
          }
          return [shape, ring, reach, basin.symbolReach(style, 1)];
        }))"""
    )
    assert len(found) == 16
    for shape, ring, painted, kept in found:
        assert painted - 1 <= kept <= painted + 2, (shape, ring, painted, kept)


# ---- nothing of the data runs


def test_no_text_of_the_data_runs_and_each_is_shown_as_it_is(show):
    seen = show(maps.basin_map(**hostile_tables(), title="".join(HOSTILE)))
    found = seen.page.evaluate(OPEN_EVERYTHING, HOSTILE)
    seen.page.wait_for_timeout(300)
    assert found["count"] > 100
    assert found["shown"] == [True] * len(HOSTILE)
    assert not found["ran"]
    head = seen.page.locator(".basin-title .basin-head")
    assert head.evaluate("e => e.textContent") == "".join(HOSTILE)
    assert seen.page.evaluate("window.__pwned") is None
    assert seen.page.evaluate("document.title").startswith("{{7*191}}{% raw %}a{#b")
    stray = seen.page.evaluate(
        "document.querySelectorAll('.basin-map img:not(.leaflet-image-layer),"
        " .basin-map svg:not(.basin-icon),"
        " .basin-map a:not(.leaflet-control-zoom a):not(.leaflet-popup-close-button)').length"
    )
    assert stray == 0
    assert_quiet(seen)


def test_the_policy_stops_markup_that_gets_into_the_page_all_the_same(show):
    seen = show(maps.basin_map())
    seen.page.evaluate(
        """() => {
          const box = document.createElement('div');
          box.innerHTML = '<img src="data:," onerror="window.__pwned = 1">'
            + '<a href="javascript:window.__pwned=1">x</a>';
          document.body.appendChild(box);
          box.querySelector('a').click();
          const script = document.createElement('script');
          script.textContent = 'window.__pwned = 1';
          document.body.appendChild(script);
        }"""
    )
    seen.page.wait_for_timeout(300)
    assert seen.page.evaluate("window.__pwned") is None
    assert any("Content Security Policy" in e for e in seen.errors)
