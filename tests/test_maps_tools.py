"""The tools of the map in a browser: search, measure, print, link, tree of layers, clusters."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from basin import maps
from maps_browser import MAP, Seen, assert_quiet
from maps_tables import tables

pytestmark = pytest.mark.browser


def popup(seen: Seen) -> str:
    return seen.page.locator(".leaflet-popup-content").last.inner_text(timeout=5000)


# ---- search


@pytest.mark.parametrize("asked", ["扶欢", "s-fh", "Ｓ－ＦＨ"])
def test_search_finds_a_section_by_name_and_by_id(show, asked):
    seen = show(maps.basin_map(**tables()))
    seen.page.locator(".basin-search input").fill(asked)
    first = seen.page.locator(".basin-search [role=option]").first.inner_text()
    assert first.startswith("扶欢")
    seen.page.keyboard.press("Enter")
    assert "Ⅳ类" in popup(seen)
    assert "扶欢" in popup(seen)
    assert_quiet(seen)


def test_search_switches_the_layer_on_and_shows_an_area_whole(show):
    seen = show(maps.basin_map(**tables()))
    assert seen.drawn("zones:control_unit") == 0
    seen.page.locator(".basin-search input").fill("Z2")
    seen.page.keyboard.press("Enter")
    assert "优先保护单元" in popup(seen)
    assert seen.drawn("zones:control_unit") == 1
    inside = seen.on_map("map.getBounds().contains([[28.8, 106.5], [29.2, 106.8]])")
    assert inside


def test_search_goes_by_arrow_keys_and_says_when_there_is_nothing(show):
    seen = show(maps.basin_map(**tables()))
    field = seen.page.locator(".basin-search input")
    field.fill("示例")
    field.press("ArrowDown")
    options = seen.page.locator(".basin-search [role=option]")
    assert options.nth(1).get_attribute("aria-selected") == "true"
    assert field.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    field.fill("没有这个")
    assert "没有找到" in seen.page.locator(".basin-search").inner_text()
    field.press("Escape")
    assert field.input_value() == ""


def test_search_on_a_telephone_waits_behind_its_button(show):
    seen = show(maps.basin_map(**tables()), 375, 700)
    assert not seen.page.locator(".basin-search").is_visible()
    seen.page.locator(".basin-tool-search").click()
    seen.page.keyboard.type("P-1")
    seen.page.keyboard.press("Enter")
    assert "示例厂一" in popup(seen)
    seen.page.wait_for_timeout(300)  # it fades in
    seen.keep("telephone_popup")


# ---- measure


def test_measure_gives_the_distance_and_area_of_the_ellipsoid(show):
    seen = show(maps.basin_map(**tables()))
    seen.page.locator(".basin-tool-measure").click()
    corners = [(520, 500), (600, 420), (560, 620)]
    for x, y in corners:
        seen.page.mouse.click(x, y)
    told = seen.page.locator(".basin-measure p").inner_text()
    places = [seen.on_map(f"map.containerPointToLatLng([{x}, {y}])") for x, y in corners]
    lon, lat = [p["lng"] for p in places], [p["lat"] for p in places]
    geod = Geod("+a=6378137 +rf=298.257222101")
    area, _ = geod.polygon_area_perimeter(lon, lat)
    assert f"{geod.line_length(lon, lat) / 1000:.2f} km" in told
    assert f"{abs(area) / 1e6:.3f} km²" in told
    assert seen.page.locator(".leaflet-popup").count() == 0  # a click measures, and tells nothing
    seen.keep("measure")
    seen.page.locator(".basin-measure button", has_text="撤销").click()
    told = seen.page.locator(".basin-measure p").inner_text()
    assert f"{geod.line_length(lon[:2], lat[:2]):.1f} m" in told  # below 10 km in metres
    assert "面积" not in told
    seen.page.locator(".basin-map").press("Escape")
    assert not seen.page.locator(".basin-measure").is_visible()
    seen.click("sections", "扶欢")
    assert_quiet(seen)


# ---- print


def test_the_printed_sheet_shows_the_map_and_what_is_on_without_tools(show):
    seen = show(maps.basin_map(**tables(), title="示意流域"))
    before = seen.on_map("[map.getZoom(), map.getCenter().lat, map.getCenter().lng]")
    seen.on_map("map.basinSheet(true)")
    for tool in (".basin-tools", ".basin-search", ".leaflet-control-zoom", ".basin-coordinates"):
        assert not seen.page.locator(tool).is_visible()
    for kept in (".basin-title", ".basin-north", ".leaflet-control-scale", ".basin-panel"):
        assert seen.page.locator(kept).is_visible()
    legend = seen.page.locator(".basin-panel").inner_text()
    assert "监测断面" in legend
    assert "生态环境管控单元" not in legend  # it is off
    box = seen.page.locator(".basin-panel").bounding_box()
    assert box["x"] + box["width"] <= 1046
    assert box["y"] + box["height"] <= 716
    assert seen.on_map("map.getSize().x") == 1046
    seen.keep("print", sheet=True)
    seen.on_map("map.basinSheet(false)")
    after = seen.on_map("[map.getZoom(), map.getCenter().lat, map.getCenter().lng]")
    assert after == pytest.approx(before, abs=1e-6)
    assert seen.page.locator(".basin-tools").is_visible()
    assert_quiet(seen)


def test_it_prints_on_one_page(show):
    seen = show(maps.basin_map(**tables()))
    pdf = seen.page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.count(b"/Type /Page\n") == 1
    assert seen.page.locator(".basin-tools").is_visible()  # the page is as it was before


# ---- the view as a link


def test_a_link_brings_back_the_view_and_its_layers(show):
    seen = show(maps.basin_map(**tables()))
    seen.toggle("zones:control_unit")
    seen.toggle("sections")
    seen.on_map("map.setView([28.95, 106.65], 12.5, {animate: false})")
    seen.until("location.hash.startsWith('#12.50/')")
    link = seen.page.evaluate("location.hash")
    again = show(maps.basin_map(**tables()), link=link)
    assert again.on_map("map.getZoom()") == 12.5
    assert again.on_map("map.getCenter().lng") == pytest.approx(106.65, abs=1e-4)
    assert again.drawn("sections") == 0
    assert again.drawn("zones:control_unit") == 1
    assert_quiet(again)


@pytest.mark.parametrize("link", ["#x", "#99/1e9/2/%", "#NaN/29/106/sections", "#12/29/106/%ff,"])
def test_a_broken_link_does_no_harm(show, link):
    seen = show(maps.basin_map(**tables()), link=link)
    assert_quiet(seen)


def test_the_link_button_shows_the_address(show):
    seen = show(maps.basin_map(**tables()))
    seen.page.locator(".basin-tool-link").click()
    shown = seen.page.locator(".basin-link input").input_value()
    assert shown.startswith("file:///")
    assert "/sections," in shown


# ---- the tree of layers


def test_a_group_is_switched_as_one_and_folds(show):
    seen = show(maps.basin_map(**tables()))
    group = seen.page.locator(".basin-panel fieldset", has_text="管控分区")
    head = group.locator("legend input")
    assert head.evaluate("e => e.indeterminate")  # the red line is on, the unit is off
    head.click()
    assert (seen.drawn("zones:red_line"), seen.drawn("zones:control_unit")) == (1, 1)
    head.click()
    assert (seen.drawn("zones:red_line"), seen.drawn("zones:control_unit")) == (0, 0)
    fold = group.locator(".basin-fold")
    fold.focus()
    seen.page.keyboard.press("Enter")
    assert fold.get_attribute("aria-expanded") == "false"
    assert not group.locator(".basin-row").first.is_visible()


# ---- many points


@pytest.fixture(scope="module")
def crowd() -> gpd.GeoDataFrame:
    random = np.random.default_rng(5)
    count = 2500
    return gpd.GeoDataFrame(
        {
            "outfall_id": [f"P{n:05d}" for n in range(count)],
            "kind": np.array(["industrial", "sewage_works"])[np.arange(count) % 2],
        },
        geometry=shapely.points(
            random.uniform(106, 107, count).round(6), random.uniform(28, 29, count).round(6)
        ),
        crs=4490,
    )


def test_many_points_are_clusters_that_lose_none_and_open(show, crowd):
    seen = show(maps.basin_map(outfalls=crowd, reaches=tables()["reaches"]))
    counts = (
        "(g => g.getLayers().map(m => m.basinCount || 1))"
        "(map.basinGroups.find(g => g.basinSpec.row === 'outfalls'))"
    )
    shown = seen.on_map(counts)
    assert sum(shown) == len(crowd)  # the opening view holds them all
    assert max(shown) > 20
    seen.keep("clusters")
    before = seen.on_map("map.getZoom()")
    at = seen.on_map(
        "(m => map.latLngToContainerPoint(m.getLatLng()))(map.basinGroups"
        ".find(g => g.basinSpec.row === 'outfalls').getLayers().find(m => m.basinCount > 5"
        " && map.latLngToContainerPoint(m.getLatLng()).x > 450"
        " && map.latLngToContainerPoint(m.getLatLng()).x < 900))"
    )
    seen.page.mouse.click(at["x"], at["y"])
    seen.until(f"({MAP}).getZoom() > {before}")
    seen.page.locator(".basin-search input").fill("P01234")
    seen.page.keyboard.press("Enter")
    assert "P01234" in popup(seen)
    assert_quiet(seen)


def test_a_point_of_many_tells_its_own_record(show, crowd):
    seen = show(maps.basin_map(outfalls=crowd))
    place = crowd.geometry.iloc[1234]
    seen.on_map(f"map.setView([{place.y}, {place.x}], 16, {{animate: false}})")
    assert "P01234" in seen.click("outfalls", "P01234")
