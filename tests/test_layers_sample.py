"""Every layer of the sample basin, read as it lies there."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from basin import layers
from basin.standards.labels import codes

FOLDER = Path(__file__).parents[1] / "data" / "sample_layers"
FOUND = layers.find_layers(FOLDER)


@pytest.fixture(scope="module")
def sample():
    """All tables, and the problems found, by layer."""
    tables, problems = {}, []
    for kind, places in FOUND.items():
        parts = [layers.read_layer(p, kind, layer=inner, problems=problems) for p, inner in places]
        tables[kind] = layers.stack_layers(parts, kind, problems=problems)
    return tables, problems


def test_every_layer_is_found():
    assert list(FOUND) == list(layers.vocabulary.KINDS)


def test_nothing_vanishes(sample):
    tables, problems = sample
    aside = {k: sum(len(p.rows) for p in problems if p.layer == k and p.set_aside) for k in tables}
    assert aside == dict.fromkeys(tables, 0)
    assert len(tables["samples"]) == len(pd.read_csv(FOLDER / "samples.csv"))
    assert len(tables["outfalls"]) == len(gpd.read_file(FOLDER / "outfalls.shp"))
    assert len(tables["rivers"]) == len(gpd.read_file(FOLDER / "rivers.gpkg"))


def test_only_planted_problems(sample):
    _, problems = sample
    assert not [p for p in problems if p.severity == "error"]
    warned = {(p.layer, p.kind) for p in problems if p.severity == "warning"}
    assert warned == {
        ("outfalls", "id_duplicate"),
        ("outfalls", "unit_assumed"),  # a shapefile heading has no room for one
        ("rivers", "row_repeated"),  # R319 is an exact copy of R259
        ("samples", "number_without_limit"),  # 未检出 without a limit
        ("shorelines", "name_blank"),  # brooks without a name
    }


def test_outfalls_are_gbk_and_readable(sample):
    tables, problems = sample
    outfalls = tables["outfalls"].set_index("outfall_id")
    assert any(
        p.kind == "encoding" and "gb18030" in p.en for p in problems if p.layer == "outfalls"
    )
    assert outfalls["name"].str.contains("示例").all()
    assert set(outfalls["kind"]) <= set(codes("outfall_kind"))
    assert set(outfalls["action"].dropna()) <= set(codes("outfall_action"))
    assert set(outfalls["status"].dropna()) <= set(codes("outfall_status"))
    assert outfalls.loc["P-011", "load_tp_kg_d"] == 10.9  # as planted.csv has it
    assert outfalls.loc["P-021", "load_nh3n_kg_d"] == 436.8
    assert outfalls.loc["P-031#2", "duplicate_of"] == "P-031"
    assert outfalls.loc["P-036", "status"] == "closed"


def test_sites_from_two_files(sample):
    sites = sample[0]["sites"].set_index("site_id")
    assert {"X-01", "G-01"} <= set(sites.index)
    assert sites.geometry.notna().all()
    assert set(sites["action"]) <= set(codes("site_action"))
    assert sites.loc["X-01"].geometry.geom_type == "Point"
    assert sites.loc["G-01"].geometry.geom_type in ("Polygon", "MultiPolygon")


def test_codes_of_zones_and_shorelines(sample):
    zones, shorelines = sample[0]["zones"], sample[0]["shorelines"]
    assert set(zones["kind"]) <= set(codes("zone_kind"))
    assert set(zones["grade"].dropna()) <= set(codes("zone_grade"))
    assert set(shorelines["kind"]) <= set(codes("shoreline_kind"))
    assert set(shorelines["river_class"].dropna()) <= set(codes("river_class"))
    assert shorelines["valid_from"].dtype.kind == "M"


def test_samples_have_limits_and_gaps(sample):
    samples = sample[0]["samples"]
    flags = samples.filter(like="_flag")
    assert (flags == "below").to_numpy().any()
    assert samples["tp"].dtype == float
    assert samples["date"].between("2024-01-01", "2025-12-31").all()


def test_layers_agree_with_each_other(sample):
    found = layers.check_layers(sample[0])
    assert {(p.kind, p.ids) for p in found} == {("outfalls_close", ("P-031 + P-031#2",))}


def test_categories_are_those_of_the_rules(sample):
    assert set(sample[0]["sites"]["category"]) <= set(layers.codes.known_codes("site_category"))
