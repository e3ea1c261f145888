"""Styles of catchments and of raindrops' paths: what QGIS is told, and the words that go along."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import geopandas as gpd
import pytest
from click.testing import CliRunner
from shapely.geometry import LineString, box

from basin._colour import AREA_TINTS
from basin.cli import main
from basin.layers import column_dictionary, layer_names, write_layers
from places import SAMPLE
from test_layers_styles import legend, qml_of, styles_of

COLUMNS = {
    "name": ["北渡", "扶欢"], "reach_id": ["R1", "R2"], "status": ["placed", "ambiguous"],
    "snapped_by": ["name", "area"], "below": ["", "S-BD"], "area_km2": [210.4, 9.56],
    "drainage_area_km2": [219.96, 9.56], "at_data_edge": [False, True],
}  # fmt: skip
SHAPES = [box(106.5, 28.9, 106.66, 29.1), box(106.66, 28.9, 106.8, 29.0)]


def catchments() -> gpd.GeoDataFrame:
    table = {"section_id": ["S-BD", "S-FH"], **COLUMNS}
    return gpd.GeoDataFrame(table, geometry=SHAPES, crs=4490)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("catchments") / "c.gpkg"
    paths = gpd.GeoDataFrame(
        {"site_id": ["X1"], "name": [None], "status": ["reached"], "reach_id": ["R1"],
         "length_m": [900.0], "drop_m": [40.0]},
        geometry=[LineString([(106.6, 29), (106.61, 29.01)])], crs=4490,
    )  # fmt: skip
    wrong = gpd.GeoDataFrame(
        {"reach_id": ["R1"], "kind": ["climbs"], "value": [3.0], "n_cells": [40]},
        geometry=[LineString([(106.6, 29), (106.61, 29.01)])], crs=4490,
    )  # fmt: skip
    tables = {
        "section_catchments": catchments(), "section_drainage_areas": catchments(),
        "raindrop_paths": paths, "dem_disagreements": wrong,
    }  # fmt: skip
    write_layers(path, tables)
    return path


def test_catchments_are_areas_in_turn_with_lower_bounds_hatched(written):
    qml = qml_of(written, "section_catchments")
    assert legend(qml) == {
        "0": ("集水区", AREA_TINTS[0]), "1": ("可能未到分水岭，面积为下限", AREA_TINTS[0]),
    }  # fmt: skip
    fills = [o.get("value") for o in qml.iter("Option") if o.get("name") == "expression"]
    assert all(f"% {len(AREA_TINTS)}" in f for f in fills)
    assert "b_diagonal" in {p.get("v") for p in qml.iter("prop") if p.get("k") == "style"}
    name = next(qml.iter("text-style")).get("fieldName")
    assert '"area_km2"' in name
    assert "总计" in name
    # the names of areas in an area are not driven out by it
    assert next(qml.iter("rendering")).get("obstacle") == "0"


def test_drainage_areas_lie_in_each_other_and_are_outlines(written):
    qml = qml_of(written, "section_drainage_areas")
    fills = [p.get("v") for p in qml.iter("prop") if p.get("k") == "color"]
    assert {fill.split(",")[3] for fill in fills} == {"0"}
    assert "drainage_area_km2" in next(qml.iter("text-style")).get("fieldName")
    assert styles_of(written)["section_drainage_areas"]["styleName"] == "总集水区"


def test_codes_and_columns_are_told_in_words(written):
    qml = qml_of(written, "section_catchments")
    told = {o.get("name"): o.get("value") for o in qml.iter("Option")}
    assert told["多解待核"] == "ambiguous"
    assert told["登记面积"] == "area"
    heads = {a.get("field"): a.get("name") for a in qml.iter("alias")}
    assert heads["drainage_area_km2"] == "总集水面积 (km²)"
    assert qml_of(written, "raindrop_paths").find("renderer-v2") is not None
    assert legend(qml_of(written, "dem_disagreements"))["climbs"][0] == "河段倒坡"


def test_a_column_of_another_meaning_is_named_by_its_layer():
    tables = {"dem_disagreements": ["value", "n_cells"], "section_items": ["value"]}
    frames = {name: gpd.pd.DataFrame(columns=columns) for name, columns in tables.items()}
    titles = column_dictionary(frames, "en").set_index(["layer", "column"])["title"]
    assert titles["dem_disagreements", "value"] == "metres, or a share"
    assert titles["section_items", "value"] == "mean"


def test_every_column_of_the_commands_has_a_title(tmp_path):
    out = tmp_path / "c.gpkg"
    asked = ["catchments", str(SAMPLE), "--of", "intakes", "-o", str(out), "--lang", "zh"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert "columns" in layer_names(out)
    nodes = ET.parse(out.with_suffix(".qgs")).getroot().iter("layer-tree-layer")  # noqa: S314
    ticked = {n.get("name"): n.get("checked") == "Qt::Checked" for n in nodes}
    assert ticked == {"取水口集水区": True, "取水口总集水区": False, "高程与河网不符": True}
    told = gpd.read_file(out, layer="columns").fillna("")
    assert (told["title"] != "").all(), told[told["title"] == ""]
    assert set(styles_of(out)) == {"intake_catchments", "intake_drainage_areas",
                                   "dem_disagreements"}  # fmt: skip
