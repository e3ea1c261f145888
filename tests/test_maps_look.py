"""Can everybody read the map: colour-blind people, those with weak eyes, those without a mouse?"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from basin import maps
from basin.maps.ground import BAND_DASHES
from basin.maps.places import _section_style, _site_style
from basin.maps.traces import _LOAD_CLASSES
from basin.standards.labels import codes, colour
from maps_browser import assert_quiet
from maps_tables import tables

#: Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip

#: CIE 1976 difference from which two symbols are told apart at a glance.
APART = 12.0


def linear(tint: str) -> np.ndarray:
    value = np.array([int(tint[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
              [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen_apart(a: str, b: str) -> float:
    """How far two colours lie apart for the eye that tells them apart least."""
    return min(
        float(np.linalg.norm(lab(np.array(m) @ linear(a)) - lab(np.array(m) @ linear(b))))
        for m in BLINDNESS.values()
    )


def test_the_simulation_confuses_what_it_should():
    assert seen_apart("#ff0000", "#ffffff") > 50
    # of one lightness, red and green are alike without the cones for red
    assert (
        seen_apart("#c8514d", "#7c8b3c")
        < 20
        < np.linalg.norm(lab(linear("#c8514d")) - lab(linear("#7c8b3c")))
    )


@pytest.mark.parametrize(
    "kind", ["outfall_kind", "spill_case", "severity", "band", "water_class", "verdict"]
)
def test_colours_differ_for_colour_blind_eyes_or_a_sign_tells(kind):
    sign = {
        "water_class": lambda code: _section_style(code, "", False).get("mark"),
        "verdict": lambda code: _site_style(code)["mark"],
        "band": lambda code: BAND_DASHES[code],
    }.get(kind, lambda code: None)
    for a, b in combinations(codes(kind), 2):
        if {a, b} == {"unchecked", "undetermined"}:  # one thing of a finding and of a site
            continue
        apart = seen_apart(colour(kind, a), colour(kind, b))
        assert apart > APART or sign(a) != sign(b), (kind, a, b, apart)


def test_control_units_differ_for_colour_blind_eyes():
    for a, b in combinations(("priority", "key", "general"), 2):
        assert seen_apart(colour("zone_grade", a), colour("zone_grade", b)) > APART


def test_load_is_told_by_width_as_well():
    widths = [width for _, _, width in _LOAD_CLASSES]
    assert all(b - a >= 1 for a, b in pairwise(widths))


#: The contrast of each text on what lies behind it (WCAG 2), the lowest first.
CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => { const f = c.slice(0, 3).map(v => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0.7) return c; } return [255, 255, 255]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !e.offsetParent || e.closest('script, style')) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.trim()]);
  }
  return found.sort((x, y) => x[0] - y[0]);
}"""


@pytest.mark.browser
def test_every_text_has_the_contrast_of_aa(show):
    seen = show(maps.basin_map(**tables(), title="示意流域"))
    seen.click("sections", "扶欢")
    seen.page.locator(".basin-search input").fill("示例")
    found = seen.page.evaluate(CONTRAST)
    assert len(found) > 60
    assert [f for f in found if f[0] < 4.5] == []
    assert_quiet(seen)


@pytest.mark.browser
def test_the_keyboard_alone_reaches_everything(show):
    seen = show(maps.basin_map(**tables()))
    focus = """(e => e.classList.contains('basin-map') ? 'the map'
      : e.dataset.row || e.getAttribute('aria-label') || e.textContent.trim()
      )(document.activeElement)"""
    reached = []
    for _ in range(60):
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate(focus))
    for name in ("按名称或编号查找", "量距离和面积", "打印（A4 横向）", "复制当前视图的链接",
                 "sections", "zones:control_unit", "管控分区", "the map"):  # fmt: skip
        assert name in reached
    before = seen.on_map("map.getCenter().lng")
    seen.page.locator(".basin-map").focus()
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_timeout(400)
    assert seen.on_map("map.getCenter().lng") > before


@pytest.mark.browser
def test_a_finger_opens_a_popup(browser, tmp_path):
    maps.basin_map(**tables()).save(tmp_path / "map.html")
    context = browser.new_context(
        offline=True, has_touch=True, is_mobile=True, viewport={"width": 375, "height": 700}
    )
    page = context.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    at = page.evaluate(
        """() => { const map = Object.values(window).find(v => v && v.basinLabels); let at = null;
        map.eachLayer(l => { if (l.basinRecord !== undefined && l.basinSpec.row === 'sections'
          && basin.titleOf(l.basinSpec, l.basinRecord) === '石门坎')
          at = map.latLngToContainerPoint(l.getLatLng()); }); return at; }"""
    )
    page.touchscreen.tap(at["x"] + 8, at["y"])  # beside the symbol: a finger is broad
    assert "石门坎" in page.locator(".leaflet-popup-content").inner_text(timeout=5000)
    context.close()
