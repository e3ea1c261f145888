"""The user's own tile service: addresses that will do, the datum, and what the page may load."""

from __future__ import annotations

import re

import pytest

from basin import maps
from basin.errors import BasinError, BasinWarning
from maps_tables import tables

OWN = "https://tiles.example.org/{z}/{x}/{y}.png"


def policy(page: maps.OfflineMap) -> str:
    return re.search(r'Content-Security-Policy" content="([^"]*)"', page.to_html())[1]


def test_without_one_the_page_may_load_nothing():
    assert "img-src data:;" in policy(maps.basin_map(**tables()))


def test_the_page_may_load_pictures_from_there_and_from_nowhere_else():
    page = maps.basin_map(**tables(), basemap=OWN)
    assert "img-src data: https://tiles.example.org;" in policy(page)
    assert page.content["tiles"][0]["url"] == OWN
    assert page.content["tiles"][0]["attribution"] == "tiles.example.org"
    row = next(r for r in page.content["rows"] if r["id"] == "basemap")
    assert row["legend"][0]["text"] == "需联网，来自 tiles.example.org；断网时不显示"
    assert page.content["warnings"] == []


def test_tianditu_is_two_layers_with_the_users_key_in_web_mercator():
    page = maps.basin_map(basemap=maps.tianditu("abc123"))
    urls = [tiles["url"] for tiles in page.content["tiles"]]
    assert ["vec_w" in urls[0], "cva_w" in urls[1]] == [True, True]
    assert all("tk=abc123" in url and "TILEMATRIX={z}" in url for url in urls)
    assert policy(page).count("tianditu.gov.cn") == 8  # t0 to t7


def test_wmts_places_are_understood():
    url = "http://10.1.2.3:8080/wmts/{TileMatrix}/{TileRow}/{TileCol}?format=png"
    page = maps.basin_map(basemap=maps.Basemap(url, attribution="本局内网"))
    assert page.content["tiles"][0]["url"].endswith("/wmts/{z}/{y}/{x}?format=png")
    assert "img-src data: http://10.1.2.3:8080;" in policy(page)


@pytest.mark.parametrize(
    "url",
    [
        "https://webrd01.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}",
        "https://rt0.map.gtimg.com/tile?z={z}&x={x}&y={y}",
    ],
)
def test_shifted_tiles_are_told_with_their_metres_in_the_page_and_by_a_warning(url):
    # the shift near Qijiang, reckoned apart: 0.0037 degrees E and -0.0032 N are some 500 m
    with pytest.warns(BasinWarning, match=r"GCJ-02, about (4[0-9]0|5[0-9]0) m off"):
        page = maps.basin_map(**tables(), basemap=url)
    [told] = page.content["warnings"]
    assert "GCJ-02" in told


def test_who_says_that_known_tiles_are_not_shifted_is_not_believed():
    url = "https://wprd01.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}"
    with pytest.warns(BasinWarning, match="GCJ-02"):
        maps.basin_map(basemap=maps.Basemap(url, datum="cgcs2000"))


def test_what_the_user_says_of_an_unknown_host_counts():
    with pytest.warns(BasinWarning, match="GCJ-02"):
        maps.basin_map(basemap=maps.Basemap(OWN, datum="gcj02"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org/{z}/{x}/{y}", "no address of http"),
        ("javascript:alert(1)//{z}{x}{y}", "no address of http"),
        ("https://exa mple.org/{z}/{x}/{y}", "no address of http"),
        ("https://a;script-src * /{z}/{x}/{y}", "no address of http"),
        ("https://a;script-src/{z}/{x}/{y}", "no address of http"),
        ("https://example.org/tiles.png", "places"),
        ("https://example.org/{z}/{x}/{y}/{key}", "places"),
        ("https://t0.tianditu.gov.cn/vec_c/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}", "degrees"),
        ("https://maponline0.bdimg.com/tile/?x={x}&y={y}&z={z}", "BD-09"),
        ("https://{s}.example.org/{z}/{x}/{y}", "subdomains"),
    ],
)
def test_addresses_that_will_not_do_are_refused(url, message):
    with pytest.raises(BasinError, match=message):
        maps.Basemap(url)


@pytest.mark.browser
def test_in_the_page_the_attribution_is_text_and_the_warning_stands(show):
    hostile = "<img src=x onerror=window.__pwned=1>"
    with pytest.warns(BasinWarning):
        page = maps.basin_map(
            **tables(), basemap=maps.Basemap(OWN, attribution=hostile, datum="gcj02")
        )
    seen = show(page)
    assert hostile in seen.page.locator(".leaflet-control-attribution").inner_text()
    assert "GCJ-02" in seen.page.locator(".basin-warning").inner_text()
    assert seen.page.evaluate("window.__pwned") is None
    tried = {u for u in seen.requests if not u.startswith(("file:", "data:"))}
    assert tried
    assert all(re.fullmatch(r"https://tiles\.example\.org/\d+/\d+/\d+\.png", u) for u in tried)
    seen.toggle("basemap")
    assert hostile not in seen.page.locator(".leaflet-control-attribution").inner_text()
