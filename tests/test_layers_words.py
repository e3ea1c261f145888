"""Columns and coded values in the words of bureaus, and what is said where a word is not known."""

from __future__ import annotations

import re
import tomllib
import zipfile
from importlib.resources import files

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, box

from basin.crs import to_web_map
from basin.errors import LayerError, ProjectError
from basin.layers import read_layer
from basin.layers.codes import code_of, industry_category, words_of
from basin.project import open as open_project

PLACE = Point(106.65, 29.03)


def read(told, kind, geometry=PLACE, **options):
    n = len(next(iter(told.values())))
    table = gpd.GeoDataFrame(told, geometry=[geometry] * n, crs=4490)
    problems = []
    return read_layer(table, kind, problems=problems, **options), problems


def one(problems, kind):
    found = [p for p in problems if p.kind == kind]
    assert len(found) == 1, [(p.kind, p.en) for p in problems]
    return found[0]


@pytest.mark.parametrize(
    ("word", "table", "code"),
    [
        *((w, "site_action", "new") for w in ("新建", "迁建", "异地迁建")),
        *((w, "site_action", "expand") for w in ("扩建", "改扩建")),
        ("改建", "site_action", "rebuild"),
        ("国控", "section_level", "national"),
        ("省控", "section_level", "provincial"),
        *((w, "section_level", "municipal") for w in ("市控", "市控评价", "市控考核")),
        ("区控", "section_level", "district"),
        *(
            (w, "water_class", "III")
            for w in ("Ⅲ", "III", "3类", "三类", "Ⅲ类水质", "达Ⅲ类", "iii类")
        ),
        ("劣Ⅴ类", "water_class", "inferior"),
        ("清理合并", "outfall_action", "merge"),
        ("规范化建设", "outfall_action", "regulate"),
        ("依法取缔", "outfall_action", "ban"),
        *((w, "outfall_kind", "other") for w in ("雨污混排", "沟渠、河港(涌)等", "城镇雨洪排口")),
        ("规模化畜禽养殖排污口", "outfall_kind", "agricultural"),
        ("化工厂", "site_category", "chemical"),
        ("化工园", "site_category", "chemical_park"),
        ("水泥厂", "site_category", "building_material"),
        ("造纸厂", "site_category", "pulp_paper"),
        ("住宅小区", "site_category", "real_estate"),
        ("酒店", "site_category", "building"),
        ("发电厂", "site_category", None),  # coal or water?
        ("厂房", "site_category", None),
    ],
)
def test_words_of_bureaus(word, table, code):
    assert code_of(word, table) == code


@pytest.mark.parametrize(
    ("value", "category"),
    [
        ("2611", "chemical"),
        ("C2611", "chemical"),
        ("C26 化学原料和化学制品制造业", "chemical"),
        ("Ｃ２６２１氮肥制造", "fertiliser"),
        ("2631", "pesticide"),
        ("2511", "petrochemical"),
        ("2521", "coking"),
        ("2822", "chemical_fibre"),
        ("1713", "dyeing"),
        ("9999", None),
        ("26号地块", None),
        ("26", "chemical"),
        ("化工26", None),
        ("2", None),
        ("26111", None),
    ],
)
def test_industry_codes(value, category):
    found = industry_category(value)
    assert (found[1] if found else None) == category


def test_an_industry_code_is_taken_with_a_warning():
    columns = {"site_id": ["a", "b"], "行业代码": ["2611", "化工"], "建设性质": ["新建"] * 2}
    sites, problems = read(columns, "sites")
    assert sites["category"].tolist() == ["chemical", "chemical"]
    found = one(problems, "code_of_industry")
    assert found.severity == "warning"
    assert found.ids == ("a",)
    assert "化工项目" in found.zh
    assert "须由人认定" in found.zh


def test_an_unknown_value_lists_the_known_ones_in_both_languages():
    columns = {"site_id": ["a"], "category": ["化工长"], "action": ["新建"]}
    sites, problems = read(columns, "sites")
    assert sites["category"].tolist() == ["化工长"]
    found = one(problems, "code_unknown")
    assert "是“化工”吗" in found.zh
    assert "可用的值：见 basin rules --categories" in found.mend_zh
    assert 'values = { category = { "化工长" = "…" } }' in found.mend_zh
    assert "Known: see basin rules --categories" in found.mend_en
    for table in ("water_class", "zone_kind", "zone_grade", "layer_name"):
        assert "；" in words_of(table, "zh")


def test_the_user_says_what_a_value_means():
    columns = {"site_id": ["a", "b"], "category": ["磷肥车间", "化工"], "action": ["新建"] * 2}
    values = {"category": {"磷肥车间": "化肥", "化工": "petrochemical"}}
    sites, problems = read(columns, "sites", values=values)
    assert sites["category"].tolist() == ["fertiliser", "petrochemical"]
    assert "code_unknown" not in {p.kind for p in problems}
    with pytest.raises(LayerError, match=r"'磷' of category as 'fertilizer'.*'fertiliser'"):
        read(columns, "sites", values={"category": {"磷": "fertilizer"}})
    with pytest.raises(LayerError, match=r"column 'name', which holds no codes.*category"):
        read(columns, "sites", values={"name": {"a": "b"}})


def test_the_project_file_says_what_a_value_means(tmp_path):
    here = gpd.GeoSeries([Point(106.65, 29.03)], crs=4490)
    gpd.GeoDataFrame({"id": [1], "行业": ["车间甲"]}, geometry=here).to_file(tmp_path / "s.gpkg")
    layers = '[layers]\nsites = { path = "s.gpkg", values = %s }\n'
    file = tmp_path / "basin.toml"
    file.write_text(layers % '{ category = { "车间甲" = "印染" } }', encoding="utf-8")
    assert open_project(file).layers["sites"]["category"].tolist() == ["dyeing"]
    file.write_text(layers % '{ category = "印染" }', encoding="utf-8")
    with pytest.raises(ProjectError, match="not tables of texts"):
        open_project(file)


def test_what_the_user_says_reaches_a_zip_read_apart(tmp_path):
    lon, lat = to_web_map(106.65, 29.03, "gcj02")
    with zipfile.ZipFile(tmp_path / "sites.zip", "w") as bundle:
        bundle.writestr("sites.csv", f"编号,类别,性质,经度,纬度\na,车间甲,新建,{lon},{lat}\n")
    told = {"values": {"category": {"车间甲": "印染"}}, "crs": "gcj02"}
    sites = read_layer(tmp_path / "sites.zip", "sites", problems=[], **told)
    assert sites["category"].tolist() == ["dyeing"]
    assert sites.geometry.iloc[0].distance(PLACE) < 1e-8
    with pytest.raises(LayerError, match="no codes") as caught:
        read_layer(tmp_path / "sites.zip", "sites", problems=[], values={"name": {"a": "b"}})
    assert "编码列" in caught.value.text("zh")


def test_a_code_names_a_zone_where_nothing_better_stands():
    columns = {"编码": ["ZH50011010001"], "类型": ["管控单元"], "级别": ["优先保护单元"]}
    zones, problems = read(columns, "zones", geometry=box(106, 29, 106.1, 29.1))
    assert zones["zone_id"].tolist() == zones["code"].tolist() == ["ZH50011010001"]
    assert one(problems, "column_stands_in").severity == "info"
    both = {**columns, "编号": ["1"]}
    zones, problems = read(both, "zones", geometry=box(106, 29, 106.1, 29.1))
    assert zones["zone_id"].tolist() == ["1"]
    assert "column_stands_in" not in {p.kind for p in problems}


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("rivers", "reach_id"),
        ("sections", "section_id"),
        ("outfalls", "outfall_id"),
        ("sites", "site_id"),
        ("intakes", "id"),
        ("districts", "id"),
        ("structures", "id"),
    ],
)
def test_bianma_is_an_id_in_every_layer(kind, heading):
    layer, _ = read({"编码": ["A1"], "名称": ["甲"]}, kind)
    assert layer[heading].tolist() == ["A1"]


def test_a_missing_column_is_asked_for_in_both_languages():
    with pytest.raises(
        LayerError, match=r"Is it '断面编嘛'\? State columns = \{ section_id"
    ) as caught:
        read({"断面编嘛": ["S"], "断面名称": ["甲"]}, "sections")
    assert "是“断面编嘛”吗" in caught.value.text("zh")
    assert 'columns = { section_id = "断面编嘛" }' in caught.value.text("zh")
    with pytest.raises(LayerError, match=r"Is it '排污口名称'\? State columns = \{ outfall_id"):
        read({"排污口名称": ["甲"], "排污口类型": ["工业"]}, "outfalls")  # the type is no id
    with pytest.raises(LayerError, match=r"Did you mean '断面编码'\?"):
        read({"断面编码": ["S"]}, "sections", columns={"section_id": "断面编号码"})


# ---------------------------------------------------------------- the sentences themselves


def entries():
    text = files("basin.layers").joinpath("problems.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@pytest.mark.parametrize("kind", entries())
def test_every_sentence_is_there_in_both_languages(kind):
    entry = entries()[kind]
    assert entry["severity"] in ("error", "warning", "info")
    for part in ("", "mend_"):
        zh, en = entry[f"{part}zh"], entry[f"{part}en"]
        assert re.search(r"[\u4e00-\u9fff]|^\{mend\}$", zh), zh
        assert not re.search(
            r"[\u4e00-\u9fff]", re.sub(r"\{\w+\}|2025年7月|未检出|[经纬]度", "", en)
        ), en
        # a clerk has no Python: what to do is said in the words of basin.toml and the command line
        assert not re.search(r"\b(columns|crs|encoding|layer|values|angles)=", zh + en), zh


def test_bare_grids_are_settled_by_the_rivers_of_the_project(tmp_path):
    line = gpd.GeoSeries([LineString([(106.6, 29), (106.7, 29.1)])], crs=4490)
    gpd.GeoDataFrame({"reach_id": ["r"]}, geometry=line).to_file(tmp_path / "rivers.gpkg")
    east, north = gpd.GeoSeries([PLACE], crs=4490).to_crs(4545).iloc[0].coords[0]
    table = f"排污口编码,X,Y\nP1,{north:.3f},{east:.3f}\n"
    (tmp_path / "outfalls.csv").write_text(table, encoding="utf-8")
    outfalls = open_project(tmp_path).layers["outfalls"]
    assert outfalls.geometry.iloc[0].distance(PLACE) < 1e-8
    (tmp_path / "rivers.gpkg").rename(tmp_path / "zones.gpkg")
    with pytest.raises(LayerError, match="EPSG:4544, 4545 or 4546"):
        read_layer(tmp_path / "outfalls.csv", "outfalls", problems=[])


def test_validate_suspects_a_web_map(tmp_path):
    at = np.linspace(0, 1, 40)
    line = LineString(np.column_stack([106.6 + 0.1 * at, 29.0 + 0.03 * np.sin(9 * at)]))
    rivers = gpd.GeoDataFrame({"reach_id": ["r"]}, geometry=[line], crs=4490)
    rivers.to_file(tmp_path / "rivers.gpkg")
    places = [line.interpolate(s, normalized=True) for s in (0.1, 0.2, 0.35, 0.5, 0.65, 0.8)]
    lon, lat = to_web_map([p.x for p in places], [p.y for p in places], "gcj02")
    shifted = pd.DataFrame({"排污口编码": range(6), "经度": lon, "纬度": lat})
    shifted.to_csv(tmp_path / "outfalls.csv", index=False, encoding="gb18030")
    project = '[layers]\nrivers = "rivers.gpkg"\noutfalls = { path = "outfalls.csv"%s }\n'
    for more, suspected in (("", True), (', crs = "gcj02"', False)):
        (tmp_path / "basin.toml").write_text(project % more, encoding="utf-8")
        found = open_project(tmp_path).validate()
        assert ("shift_suspected" in set(found["kind"])) is suspected
