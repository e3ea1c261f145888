"""The sites planted in the sample basin, each with the verdict that it was made for."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from basin.layers import read_layer
from basin.siting import check_sites
from basin.standards.labels import codes

DATE = "2026-03-31"

#: Where the rules of doubt are stricter than what a site was first drawn for.


@pytest.fixture(scope="module")
def layers():
    root = Path(__file__).parents[1] / "data" / "sample_layers"
    problems: list = []
    kinds = {"shorelines": "shorelines.gpkg", "zones": "zones.gpkg", "coverage": "coverage.gpkg"}
    tables = {k: read_layer(root / name, k, problems=problems) for k, name in kinds.items()}
    places = [
        read_layer(root / f, "sites", problems=problems) for f in ("sites.xlsx", "sites.geojson")
    ]
    tables["sites"] = gpd.GeoDataFrame(pd.concat(places, ignore_index=True), crs=places[0].crs)
    planted = pd.read_csv(root / "planted.csv", encoding="utf-8-sig").fillna({"rule": ""})
    return tables, planted[planted["kind"].isin(["site", "finding"])]


@pytest.fixture(scope="module")
def result(layers):
    tables, _ = layers
    return check_sites(
        tables["sites"],
        tables["shorelines"],
        tables["zones"],
        coverage=tables["coverage"],
        date=DATE,
    )


def test_every_planted_verdict(layers, result):
    _, planted = layers
    assert len(planted) >= 30
    found = result.findings.set_index(["site_id", "rule_id"])["verdict"]
    for row in planted.itertuples():
        got = result.sites.loc[row.id, "verdict"] if row.kind == "site" else found[row.id, row.rule]
        assert got == row.expectation, (row.id, row.rule, row.detail)


def test_every_verdict_is_met(result):
    assert set(result.sites["verdict"]) == set(codes("verdict")) - {"unchecked"}
    assert set(result.findings["verdict"]) == set(codes("verdict")) - {"undetermined"}


def test_planted_distances_to_range_lines(layers, result):
    """Distances that were made by bisection on a brute force, to the line named in the detail."""
    _, planted = layers
    rows = planted[(planted["kind"] == "site") & planted["detail"].str.contains("nearest SL-0")]
    table = result.findings
    for row in rows.itertuples():
        line = row.detail.split("nearest ")[1].split(";")[0]
        mine = table[(table["site_id"] == row.id) & table["evidence"].str.startswith(line)]
        metres = mine.loc[mine["limit_m"].notna(), "distance_m"]
        if len(metres):
            assert metres.to_numpy() == pytest.approx(row.value, abs=0.01), row.id
    assert len(rows) >= 8


def test_the_narrower_line_of_2023(result):
    row = result.other_editions.query("site_id == 'X-04' and rule_id == 'CJ26-CHEM-1KM'").iloc[0]
    assert row["line_id"] == "SL-05-2019"
    assert row["distance_m"] == pytest.approx(960.009, abs=0.01)
    assert row["verdict"] == "prohibited"
    assert row["changes"]
    assert "SL-05-2019" in result.explain("X-04")


def test_on_an_earlier_day_the_older_line_decides(layers):
    tables, _ = layers
    site = tables["sites"].query("site_id == 'X-04'")
    before = check_sites(
        site, tables["shorelines"], tables["zones"], coverage=tables["coverage"], date="2023-06-30"
    )
    row = before.findings.query("rule_id == 'CJ26-CHEM-1KM'").iloc[0]
    assert (row["verdict"], row["evidence"]) == ("prohibited", "SL-05-2019")


def test_the_range_layer_that_is_not_there_is_told(result):
    row = result.unchecked.query("site_id == 'X-13' and rule_id == 'PORT-PLAN'").iloc[0]
    assert (row["reason"], row["missing"]) == ("not_covered", "port_plan")
    assert "交通运输主管部门" in row["mend_zh"]


@pytest.mark.parametrize("layer", ["shorelines", "zones", "coverage"])
def test_without_a_layer_nothing_turns_clear(layers, result, layer):
    tables, _ = layers
    rest = {k: (None if k == layer else t) for k, t in tables.items()}
    poor = check_sites(
        rest["sites"], rest["shorelines"], rest["zones"], coverage=rest["coverage"], date=DATE
    )
    now = poor.findings.set_index(["site_id", "rule_id"])["verdict"]
    full = result.findings.set_index(["site_id", "rule_id"])["verdict"]
    assert not ((now == "clear") & (full != "clear")).any()
    assert "clear" not in set(poor.sites["verdict"])
