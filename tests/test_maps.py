"""The page that a map becomes: what is in it, and what can never be in it."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import folium
import folium.plugins
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin
from shapely.geometry import GeometryCollection, LineString, MultiPoint, Point, Polygon, box

from basin import maps
from basin.errors import BasinError, CrsError, LayerError
from basin.maps.page import safe_json
from basin.maps.shapes import drawn, encode
from basin.terrain import hillshade
from maps_tables import HOSTILE, features, hostile_tables, records, tables


def row(page: maps.OfflineMap, id: str) -> dict:
    return next(r for r in page.content["rows"] if r["id"] == id)


def layer(page: maps.OfflineMap, row_id: str, place: int = -1) -> dict:
    return [spec for spec in page.content["layers"] if spec["row"] == row_id][place]


def record(page: maps.OfflineMap, row_id: str, title: str) -> dict:
    return next(r for r in records(page, layer(page, row_id)) if r["title"] == title)


@pytest.fixture(scope="module")
def page() -> maps.OfflineMap:
    return maps.basin_map(**tables(), title="示意流域")


# ---- the page


def test_the_page_names_no_address(page):
    addresses = set(re.findall(r"(?:https?|ftp|wss?)://[^\s\"'<>)]*", page.to_html()))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a namespace of Leaflet, never called
    assert not re.search(r"<(?:link|iframe|object|embed|base)\b", page.to_html())
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!data:)", page.to_html().split("<script>")[0])


def test_the_policy_names_the_scripts_and_nothing_else(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.to_html())[1]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert len(re.findall(r"'sha256-", policy)) == page.to_html().count("<script>") == 16


def test_an_empty_map_is_about_four_tenths_of_a_megabyte():
    assert len(maps.basin_map().to_html().encode()) < 420_000


def test_the_same_input_gives_the_same_bytes(page):
    assert maps.basin_map(**tables(), title="示意流域").to_html() == page.to_html()


def test_a_page_renders_the_same_twice(page):
    assert page.to_html() == page.to_html()


def test_content_reads_back_from_the_page(page):
    text = re.search(r'type="application/json"[^>]*>(.*?)</script>', page.to_html(), re.DOTALL)[1]
    assert json.loads(text) == page.content


def test_nothing_is_changed_in_place():
    given = tables()
    before = {k: v.copy(deep=True) for k, v in given.items() if hasattr(v, "copy")}
    maps.basin_map(**given)
    for name, table in before.items():
        pd.testing.assert_frame_equal(pd.DataFrame(given[name]), pd.DataFrame(table))


def test_it_is_a_folium_map_and_takes_folium_layers(page):
    mine = maps.OfflineMap()
    assert isinstance(page, folium.Map)
    folium.CircleMarker([29, 106.6], radius=3).add_to(mine)
    assert "L.circleMarker" in mine.to_html()


def test_a_plugin_that_needs_the_network_is_refused_by_its_address():
    mine = maps.OfflineMap()
    folium.plugins.Fullscreen().add_to(mine)
    with pytest.raises(BasinError, match="would load https://"):
        mine.to_html()


def test_notebooks_show_the_page(page):
    assert page._repr_html_().startswith("<div")


# ---- saving


def test_save_writes_the_whole_page(page, tmp_path):
    page.save(tmp_path / "map.html")
    assert (tmp_path / "map.html").read_text(encoding="utf-8") == page.to_html()
    assert os.listdir(tmp_path) == ["map.html"]


def test_save_replaces_and_takes_text_paths_and_open_files(page, tmp_path):
    (tmp_path / "map.html").write_text("old")
    page.save(str(tmp_path / "map.html"))
    held = io.BytesIO()
    page.save(held, close_file=False)
    assert held.getvalue() == (tmp_path / "map.html").read_bytes()


def test_save_leaves_the_old_file_when_it_fails(page, tmp_path, monkeypatch):
    (tmp_path / "map.html").write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(LayerError, match="disk full"):
        page.save(tmp_path / "map.html")
    assert (tmp_path / "map.html").read_text() == "old"
    assert os.listdir(tmp_path) == ["map.html"]


# ---- data stays data


@pytest.mark.parametrize("text", HOSTILE)
def test_escape_leaves_nothing_that_runs(text):
    safe = maps.escape(text)
    assert not set("<>{}`$\\\"'") & set(safe)
    assert html.unescape(safe) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_safe_json_is_inert_and_reads_back(text):
    data = {text: [text, {"a": text}], "empty": {}, "nested": [[], {"x": {"y": {}}}]}
    written = safe_json(data)
    assert json.loads(written) == data
    assert not set("<>&`$\u2028\u2029") & set(written)
    assert not re.search(r"\{\{|\{%|\{#", written)


def test_safe_json_refuses_what_json_has_no_word_for():
    with pytest.raises(ValueError, match="JSON"):
        safe_json([float("nan")])


def test_safe_json_writes_a_lone_surrogate_so_that_utf8_can_hold_it():
    safe_json({"a": "\ud800"}).encode("utf-8")


def test_hostile_texts_stand_in_the_content_as_they_are():
    page = maps.basin_map(**hostile_tables(), title=HOSTILE[0], summary=HOSTILE[5])
    text = page.to_html()
    titles = set(layer(page, "sections")["titles"])
    assert titles == {t.strip() for t in HOSTILE}
    assert "1337" not in text
    assert not re.search(r"<img[^>]*onerror", text)
    assert text.count("</script>") == 17
    assert page.content["title"] == HOSTILE[0]


# ---- what is drawn


def test_rows_stand_in_their_groups_and_only_some_are_on(page):
    rows = page.content["rows"]
    groups = list(dict.fromkeys(r["group"] for r in rows))
    assert groups == ["核查与评价", "排污口与设施", "管控分区", "河流与岸线", "底图", "数据问题"]
    on = {r["id"] for r in rows if r["on"]}
    assert {"sections", "outfalls", "sites", "reaches", "districts", "zones:red_line"} <= on
    assert not {"zones:control_unit", "band:1000", "band:5000", "shorelines", "issues"} & on


def test_layers_are_drawn_from_the_ground_up(page):
    order = [spec["row"] for spec in page.content["layers"]]
    places = [
        "districts",
        "zones:control_unit",
        "zones:red_line",
        "reaches",
        "outfalls",
        "sections",
    ]
    assert [order.index(p) for p in places] == sorted(order.index(p) for p in places)


def test_a_section_wears_its_class_colour_and_its_level_shape(page):
    spec = layer(page, "sections")
    styles = {spec["titles"][r]: spec["styles"][s] for s, r in features(spec)}
    assert (styles["北渡"]["fillColor"], styles["北渡"]["shape"]) == ("#1e88e5", "circle")
    assert (styles["扶欢"]["fillColor"], styles["扶欢"]["shape"]) == ("#fdd835", "square")
    assert (styles["石门坎"]["fillColor"], styles["石门坎"]["shape"]) == ("#9e9e9e", "triangle")
    assert "ring" in styles["扶欢"]
    assert "ring" not in styles["北渡"]
    assert "ring" not in styles["石门坎"]  # not measured is not failing


def test_a_section_tells_its_items_by_name(page):
    told = record(page, "sections", "扶欢")
    assert told["超标指标"] == "总磷, 氨氮"
    assert told["badge"]["text"] == "Ⅳ类"
    assert told["断面编号"] == "S-FH"


def test_a_site_tells_its_findings_strictest_first(page):
    told = record(page, "sites", "示例化工项目")
    assert told["badge"] == {"text": "禁止", "ground": "#b71c1c", "ink": "#ffffff"}
    assert [n["badge"]["text"] for n in told["notes"]] == ["禁止"]
    assert told["notes"][0]["lines"] == [
        "距离 996.2 ± 5 m，限值 1000 m，在限值内 3.8 m",
        "依据：长江保护法第二十六条 · 已核原文",
        "法规版本：2023",
        "证据：L2 · 2023-01-01–",
    ]
    assert told["folded"]["title"] == "未触及的规则 1 条"


def test_an_unchecked_finding_says_why_and_which_layer():
    given = tables()
    finding = {"site_id": "X2", "verdict": "unchecked", "reason": "not_covered",
               "missing": "red_line", "title_zh": "红线", "distance_m": 0.0}  # fmt: skip
    page = maps.basin_map(sites=given["sites"], findings=pd.DataFrame([finding]))
    [note] = record(page, "sites", "示例园区")["notes"]
    assert note["lines"] == ["图层未覆盖：生态保护红线"]


def test_a_site_has_a_line_to_the_bank_with_its_metres(page):
    lines = next(s for s in page.content["layers"] if s["row"] == "sites" and "names" in s)
    assert [name for name, _ in lines["names"]] == ["996.2 m", "6000 m"]
    assert lines["shapes"][0][0] == [1, [106570000, 29000000, 30000, 0]]


def test_a_polygon_site_has_its_area_and_its_symbol(page):
    areas, _, points = (s for s in page.content["layers"] if s["row"] == "sites")
    assert page.content["layers"][areas["lender"]] == points
    assert [shape[0][0] for shape in areas["shapes"]] == [2]
    assert "shapes" not in points
    assert len(features(points)) == 2


def test_a_trace_is_ranked_and_coloured_by_arriving_load(page):
    reaches, outfalls = (s for s in page.content["layers"] if s["row"] == "trace:0")
    weights = {reaches["titles"][r]: reaches["styles"][s]["weight"] for s, r in features(reaches)}
    assert weights["扶欢河 · R2"] > weights["綦江河 · R1"]
    assert list(outfalls["points"]["inside"].values()) == ["1"]
    assert row(page, "trace:0")["name"] == "溯源：扶欢 总磷"
    legend = [e["text"] for e in row(page, "trace:0")["legend"]]
    assert "溯源结果是排查线索，不是证据。" in legend
    assert "另有 1 个未列入：P-9" in legend
    assert record(page, "trace:0", "示例厂一")["badge"]["text"] == "第 1 位"


def test_a_superseded_shoreline_is_dashed(page):
    spec = layer(page, "shorelines")
    dashed = {spec["titles"][r]: "dashArray" in spec["styles"][s] for s, r in features(spec)}
    assert dashed == {"綦江河 · L1": True, "綦江河 · L2": False}


def test_the_summary_counts_what_is_on_the_map(page):
    assert page.content["summary"] == [
        "断面 3 个，未达标 1 个（扶欢）",
        "项目 2 个：禁止 1、未触及 1",
        "已溯源：扶欢 总磷",
    ]


def test_unknown_columns_are_told_under_their_own_name():
    outfalls = tables()["outfalls"].assign(备注=["甲", None])
    page = maps.basin_map(outfalls=outfalls)
    assert record(page, "outfalls", "示例厂一")["备注"] == "甲"
    assert record(page, "outfalls", "示例厂二")["备注"] is None
    assert record(page, "outfalls", "示例厂一")["总磷负荷 (kg/d)"] == "30"


def test_english():
    page = maps.basin_map(**tables(), lang="en")
    assert page.content["caveat"] == "Decision support; it does not replace approval"
    assert record(page, "sites", "示例化工项目")["badge"]["text"] == "prohibited"
    chinese = re.compile("[\u4e00-\u9fff]")
    assert not [
        r["name"] for r in page.content["rows"] if chinese.search(r["name"].replace("扶欢", ""))
    ]


def test_siting_map_and_trace_map():
    given = tables()
    result = SimpleNamespace(sites=given["sites"], findings=given["findings"])
    siting = maps.siting_map(result, shorelines=given["shorelines"])
    assert {r["id"] for r in siting.content["rows"]} == {"sites", "shorelines"}
    traced = maps.trace_map(given["traces"][0], sections=given["sections"])
    assert {r["id"] for r in traced.content["rows"]} == {"sections", "trace:0"}
    assert row(traced, "trace:0")["on"]


# ---- edges


@pytest.mark.parametrize("name", [k for k in tables() if k != "traces"])
def test_each_table_may_be_empty_or_bare(name):
    full = tables()[name]
    maps.basin_map(**{name: full.iloc[:0]})
    if isinstance(full, gpd.GeoDataFrame):
        bare = gpd.GeoDataFrame(geometry=list(full.geometry), crs=full.crs)
        maps.basin_map(**{name: bare})
        nothing = full.copy()
        nothing.geometry = [None] * len(full)
        maps.basin_map(**{name: nothing})
        missing = full.astype(object).mask(np.ones(full.shape, bool))
        maps.basin_map(**{name: gpd.GeoDataFrame(missing, geometry=list(full.geometry), crs=4490)})


def test_a_trace_may_hold_nothing():
    page = maps.basin_map(traces=(SimpleNamespace(section_id="S", item_id=None),))
    assert row(page, "trace:0")["name"] == "溯源：S"


def test_other_coordinate_systems_are_brought_over():
    given = tables()["sections"]
    brought, there = (
        maps.basin_map(sections=table).content["layers"][0] for table in (given.to_crs(4544), given)
    )
    assert brought["points"] == there["points"]


def test_swapped_coordinates_are_refused():
    swapped = gpd.GeoDataFrame(geometry=[Point(29, 106.5)], crs=4490)
    with pytest.raises(CrsError, match="swapped"):
        maps.basin_map(outfalls=swapped)


def test_repeated_column_names_do_not_fail():
    twice = tables()["outfalls"]
    twice = pd.concat([twice, twice[["name"]]], axis=1)
    assert record(maps.basin_map(outfalls=twice), "outfalls", "示例厂一")["title"] == "示例厂一"


# ---- geometry


def decoded(steps: list[int]) -> list[tuple[float, float]]:
    return [tuple(p) for p in np.cumsum(np.reshape(steps, (-1, 2)), axis=0) / 1e6]


def test_encode_keeps_coordinates_to_six_decimals():
    rng = np.random.default_rng(7)
    line = LineString(rng.uniform([105, 28], [110, 32], (500, 2)))
    back = decoded(encode(line)[1])
    assert np.abs(np.array(back) - shapely.get_coordinates(line)).max() <= 5.1e-7


def test_encode_polygons_with_holes_and_parts():
    holed = Polygon(box(0, 0, 3, 3).exterior, [box(1, 1, 2, 2).exterior])
    kind, first, second = encode(shapely.union_all([holed, box(5, 5, 6, 6)]))
    assert kind == 2
    assert sorted([len(first), len(second)]) == [1, 2]


def test_encode_takes_the_highest_dimension_of_a_collection():
    mixed = GeometryCollection([Point(1, 1), LineString([(0, 0), (1, 1)])])
    assert encode(mixed) == [1, [0, 0, 1_000_000, 1_000_000]]
    assert encode(MultiPoint([(1, 2), (3, 4)])) == [
        0,
        [1_000_000, 2_000_000],
        [3_000_000, 4_000_000],
    ]
    assert encode(GeometryCollection()) is None
    assert encode(None) is None


def test_drawn_leaves_out_what_has_no_place():
    found = drawn([None, Point(), Point(np.nan, 1), Point(1, 2, 3), np.nan])
    assert [f is None for f in found] == [True, True, True, False, True]
    assert not shapely.has_z(found[3])


def test_drawn_keeps_small_polygons():
    tiny = box(106.5, 29, 106.50001, 29.00001)
    assert shapely.area(drawn([tiny])[0]) > 0


# ---- hillshade


def write_dem(path, heights, **options):
    profile = {
        "driver": "GTiff", "height": heights.shape[0], "width": heights.shape[1], "count": 1,
        "dtype": "float32", "crs": "EPSG:4490", "nodata": -9999,
        "transform": from_origin(106.4, 29.2, 0.001, 0.001),
    } | options  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(heights.astype("float32"), 1)


def shade_of(dem) -> np.ndarray:
    picture = base64.b64decode(hillshade(dem)["url"].partition(",")[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.io.MemoryFile(picture) as memory, memory.open() as image:
            return image.read(2)


def test_hillshade_darkens_slopes_that_face_away_from_the_light(tmp_path):
    x = np.arange(200)
    ridge = np.tile(1000 - 30 * np.abs(x - 100.0), (150, 1))  # runs north to south
    write_dem(tmp_path / "dem.tif", ridge)
    shade = shade_of(tmp_path / "dem.tif")
    middle = shade.shape[1] // 2
    assert shade[:, middle + 10 : -10].mean() > shade[:, 10 : middle - 10].mean() + 20


def test_hillshade_of_level_ground_is_clear_and_lies_where_the_dem_lies(tmp_path):
    write_dem(tmp_path / "dem.tif", np.full((150, 200), 300.0))
    assert not shade_of(tmp_path / "dem.tif").any()
    (south, west), (north, east) = hillshade(tmp_path / "dem.tif")["bounds"]
    assert (west, north) == pytest.approx((106.4, 29.2), abs=1e-4)
    assert (east, south) == pytest.approx((106.6, 29.05), abs=2e-3)


def test_hillshade_of_no_data_is_none(tmp_path):
    write_dem(tmp_path / "dem.tif", np.full((20, 20), -9999.0))
    assert hillshade(tmp_path / "dem.tif") is None
    assert maps.basin_map(dem=tmp_path / "dem.tif").content["images"] == []


def test_hillshade_refuses_other_files_and_a_dem_without_crs(tmp_path):
    (tmp_path / "dem.tif").write_text("<VRTDataset/>")
    with pytest.raises(LayerError, match=r"dem\.tif"):
        hillshade(tmp_path / "dem.tif")
    write_dem(tmp_path / "bare.tif", np.zeros((5, 5)), crs=None)
    with pytest.raises(LayerError, match="coordinate reference system"):
        hillshade(tmp_path / "bare.tif")


def test_a_point_site_inside_an_area_is_drawn_over_a_wider_mark(sample):
    """X-03 lies in G-05, whose stricter verdict would else hide it at the opening zoom."""
    siting = sample.check()
    ids = list(siting.sites.index)
    page = maps.basin_map(sites=siting.sites, findings=siting.findings)
    layer = next(
        s
        for s in page.content["layers"]
        if s["row"] == "sites" and len(features(s)) == len(ids) and "titles" in s
    )
    places = {record: at for at, (_, record) in enumerate(features(layer))}
    point, area = places[ids.index("X-03")], places[ids.index("G-05")]
    assert point > area
    sizes = [layer["styles"][features(layer)[at][0]]["radius"] for at in (point, area)]
    assert sizes[1] >= sizes[0] + 3


def test_layers_handed_in_are_counted_by_their_names():
    land = gpd.GeoDataFrame(
        {"id": ["C1", "C2"]}, geometry=[box(106, 29, 106.1, 29.1)] * 2, crs=4490
    ).set_index("id")
    given = SimpleNamespace(catchments=land)
    assert maps.catchment_map(given).counts == {"集水区": 2}
    assert maps.catchment_map(given, lang="en").counts == {"Catchments": 2}
