"""Zones around a site, the lists of its control units, and what would pass."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from basin.crs import EXCHANGE_CRS, area_m2
from basin.siting import check_sites, ways_to_pass, zones_around
from basin.standards.rules import load_rules
from siting_world import DATE, TIP, covered, out, shore, site, wedge, zone

CHEM = tuple(r for r in load_rules("china-yangtze") if r.id == "CJ26-CHEM-1KM")
UNIT = {"zone_id": "U1", "kind": "control_unit", "grade": "key", "code": "ZH50011020003",
        "geometry": shapely.box(106, 29, 107, 30)}  # fmt: skip


def around(place, *zones, coverage=None, **options):
    return zones_around(
        place, options.pop("lines", shore()), zone(*zones), date=DATE,
        coverage=covered() if coverage is None else coverage, **options,
    )  # fmt: skip


def of_kind(result, kind):
    return result.zones[result.zones["kind"] == kind].to_dict("records")


# ---- zones -----------------------------------------------------------------------------------


def test_a_site_apart_from_every_zone_is_told_its_distance():
    (row,) = of_kind(around(site(out(500))), "red_line")
    assert (row["relation"], row["zone_id"], row["current"]) == ("outside", "Z1", True)
    assert row["distance_m"] == pytest.approx(500, abs=0.01)
    assert row["overlap_m2"] == 0


def test_where_a_layer_is_not_known_complete_outside_is_unchecked():
    result = around(site(out(500)), coverage=covered(without=("red_line", "scenic")))
    (row,) = of_kind(result, "red_line")
    assert (row["relation"], row["complete"]) == ("unknown", False)
    (none,) = of_kind(result, "scenic")  # neither a zone nor a word on where there would be one
    assert (none["relation"], none["zone_id"]) == ("unknown", "")
    (whole,) = of_kind(result, "wetland")
    assert (whole["relation"], whole["zone_id"]) == ("outside", "")


def test_overlap_is_square_metres_and_share_of_the_site():
    lon, lat = TIP
    plot = shapely.box(lon - 0.03, lat - 0.001, lon - 0.01, lat + 0.02)
    (row,) = of_kind(around(site(plot)), "red_line")
    half = shapely.intersection(plot, wedge())
    wanted = area_m2(gpd.GeoSeries([half], crs=EXCHANGE_CRS))[0]
    assert row["relation"] == "overlap"
    assert row["overlap_m2"] == pytest.approx(wanted, rel=1e-6)
    assert row["share"] == pytest.approx(half.area / plot.area, rel=1e-3)


@pytest.mark.parametrize(
    ("metres", "relation"), [(-2000, "inside"), (-5, "sliver"), (8, "near"), (20, "outside")]
)
def test_the_edge_is_told_from_the_inside_by_the_error(metres, relation):
    (row,) = of_kind(around(site(out(metres)), {}), "red_line")  # 10 m and 1 m
    assert row["relation"] == relation


def test_a_zone_that_ended_is_listed_as_such_beside_the_nearest_in_force():
    old = {"zone_id": "old", "valid_to": "2020-12-31"}
    new = {"zone_id": "new", "geometry": wedge(out(3000).coords[0], reach=0.005)}
    rows = of_kind(around(site(out(-500)), old, new), "red_line")
    told = {row["zone_id"]: (row["relation"], row["current"]) for row in rows}
    assert told == {"new": ("outside", True), "old": ("inside", False)}


# ---- the lists of control units --------------------------------------------------------------


def unit_with(text="", heading="空间布局约束"):
    table = zone(UNIT)
    return table.assign(**{heading: text}) if text else table


def requirements(table, **options):
    result = zones_around(
        site(out(500)), shore(), table, coverage=covered(), date=DATE, rules=CHEM, **options
    )
    return result.requirements


def test_a_unit_without_a_list_leaves_all_four_dimensions_to_a_person():
    rows = requirements(unit_with())
    assert list(rows["dimension"]) == ["spatial_layout", "discharge", "risk", "efficiency"]
    assert set(rows["judged_by"]) == {"person"}
    assert set(rows["text"]) == {""}


def test_items_are_parted_and_what_a_rule_measures_is_computed():
    text = "1.长江干支流岸线1公里范围内禁止新建化工项目。2.推进园区循环化改造。"
    rows = requirements(unit_with(text))
    spatial = rows[rows["dimension"] == "spatial_layout"].to_dict("records")
    assert [row["text"][:2] for row in spatial] == ["1.", "2."]
    assert [row["judged_by"] for row in spatial] == ["computed", "person"]
    assert (spatial[0]["rules"], spatial[0]["verdict"]) == ("CJ26-CHEM-1KM", "prohibited")
    assert spatial[0]["decides"] == "shorelines"
    assert spatial[1]["rules"] == ""


@pytest.mark.parametrize(
    "text", ["岸线5公里范围内禁止新建化工项目", "岸线1公里范围内禁止新建码头", "化工废水达标率100%"]
)
def test_another_distance_or_another_industry_is_left_to_a_person(text):
    rows = requirements(unit_with(text))
    assert rows.loc[rows["dimension"] == "spatial_layout", "judged_by"].tolist() == ["person"]


def test_a_rule_that_could_not_be_checked_computes_nothing():
    text = "长江岸线一公里内禁止新建化工项目"
    rows = zones_around(
        site(out(5000)), shore(), unit_with(text), date=DATE, rules=CHEM,
        coverage=covered(without=("shorelines",)),
    ).requirements  # fmt: skip
    (row,) = rows[rows["dimension"] == "spatial_layout"].to_dict("records")
    assert (row["judged_by"], row["verdict"]) == ("person", "unchecked")


def test_a_heading_cut_by_a_shapefile_is_known():
    rows = requirements(unit_with("严控新增风险源", heading="环境风险防"))
    assert rows.loc[rows["dimension"] == "risk", "text"].tolist() == ["严控新增风险源"]


# ---- what would pass -------------------------------------------------------------------------


def ways(places, *, zones=None, coverage=None, **options):
    layers = {"shorelines": shore(), "zones": zone() if zones is None else zones}
    more = {"coverage": covered() if coverage is None else coverage, "date": DATE, "rules": CHEM}
    result = check_sites(places, **layers, **more)
    return ways_to_pass(result, **layers, **more, **{"search_m": 2_000.0, **options})


def test_the_setback_and_the_nearest_place_agree():
    found = ways(site(out(500)))
    (row,) = found.sites.to_dict("records")
    assert row["verdict"] == "prohibited"
    assert row["setback_m"] == pytest.approx(500 + 2**0.5, abs=0.01)
    assert row["bearing_deg"] == pytest.approx(90, abs=0.1)
    assert (row["by_setback"], row["not_by_setback"]) == ("CJ26-CHEM-1KM", "")
    # the place is found in ground drawn up to a metre beyond the limit
    assert row["setback_m"] - 0.1 <= row["place_m"] <= row["setback_m"] + 2.0
    assert row["place_bearing_deg"] == pytest.approx(90, abs=1)
    assert row["place_verdict"] == "clear"
    assert row["not_found"] == ""
    there = site(shapely.Point(row["place_lon"], row["place_lat"]))
    again = check_sites(there, shore(), zone(), coverage=covered(), date=DATE, rules=CHEM)
    assert again.sites["verdict"].tolist() == ["clear"]


def test_where_layers_end_no_place_is_named_and_the_layer_is():
    found = ways(site(out(500)), coverage=covered(without=("shorelines",)))
    (row,) = found.sites.to_dict("records")
    assert (row["not_found"], np.isnan(row["place_m"])) == ("layers_missing", True)
    assert "shorelines" in set(found.ground["missing"])
    assert row["setback_m"] > 0


def test_where_all_is_barred_no_place_is_named():
    found = ways(site(out(-1000)), search_m=900.0)
    (row,) = found.sites.to_dict("records")
    assert (row["not_found"], np.isnan(row["place_m"])) == ("none_allowed", True)


def test_beyond_the_most_sites_nothing_is_searched_and_that_is_told():
    found = ways(site(out(500)), most=0)
    (row,) = found.sites.to_dict("records")
    assert row["not_found"] == "not_searched"
    assert row["setback_m"] > 0
    assert not len(found.ground)


def test_what_is_left_of_a_plot_and_the_parks_nearby():
    near, far = out(800), out(1200)
    plot = shapely.box(near.x, near.y - 0.0005, far.x, near.y + 0.0005)
    park = {"zone_id": "P1", "kind": "industrial_park", "grade": "chemical", "name": "示例园区",
            "geometry": shapely.box(*out(1500).buffer(0.002).bounds)}  # fmt: skip
    found = ways(site(plot), zones=zone(park))
    (row,) = found.sites.to_dict("records")
    assert row["left_share"] == pytest.approx(0.5, abs=0.02)  # 1,000 m cuts it in two
    (beside,) = found.parks.to_dict("records")
    assert beside["zone_id"] == "P1"
    edge = out(1500).x - 0.002
    metres = gpd.GeoSeries([shapely.Point(edge, near.y)], crs=4490).to_crs(32648).distance(
        gpd.GeoSeries([far], crs=4490).to_crs(32648)
    )  # fmt: skip
    assert beside["distance_m"] == pytest.approx(metres[0], rel=1e-3)
    assert beside["bearing_deg"] == pytest.approx(90, abs=1)
    assert beside["share"] == pytest.approx(1.0, abs=1e-6)


def test_exemptions_are_told_with_what_they_have_to_be_shown_with():
    everything = tuple(r for r in load_rules("china-yangtze") if r.id == "ERL-CORE")
    result = check_sites(
        site(out(-2000)), shore(), zone(), coverage=covered(), date=DATE, rules=everything
    )
    found = ways_to_pass(
        result, shore(), zone(), coverage=covered(), date=DATE, rules=everything, most=0
    )
    (row,) = found.exemptions.to_dict("records")
    assert row["rule_id"] == "ERL-CORE"
    assert row["exemption_zh"] == everything[0].exemption_zh != ""
    assert row["proof_en"] == everything[0].evidence_en != ""
    assert found.sites["not_by_setback"].tolist() == ["ERL-CORE"]


def test_sites_that_pass_ask_for_nothing():
    found = ways(site(out(3000)))
    assert not len(found.sites)
    assert list(found.parks.columns) == [
        "site_id", "zone_id", "name", "grade", "distance_m", "bearing_deg", "area_m2",
        "allowed_m2", "share",
    ]  # fmt: skip
