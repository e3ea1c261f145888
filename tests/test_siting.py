"""Situations: a name, a date, the facts, and the finding that follows."""

from __future__ import annotations

import dataclasses
import re
from functools import cache

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from basin.errors import BasinError, CrsError, LayerError, RuleError
from basin.siting import SitingResult, check_sites
from basin.standards.labels import codes
from basin.standards.rules import load_rules
from siting_world import (
    DATE,
    FAR,
    FAR_SHORE,
    FAR_ZONE,
    TIP,
    covered,
    out,
    shore,
    site,
    sites_at,
    wedge,
    zone,
)

PACKS = ("china-yangtze", "chongqing")
RULES = {rule.id: rule for rule in load_rules(PACKS)}
MEANS = {
    "prohibit": "prohibited",
    "restrict": "conditional",
    "permit_required": "conditional",
    "review": "manual",
}
RANK = {verdict: rank for rank, verdict in enumerate(codes("verdict"))}


def check(sites, shorelines="far", zones="far", coverage="full", **options) -> SitingResult:
    """Check, with a shore and a zone far away unless given, and everything known complete."""
    shorelines = shore(FAR_SHORE) if isinstance(shorelines, str) else shorelines
    zones = zone(FAR_ZONE) if isinstance(zones, str) else zones
    coverage = covered() if isinstance(coverage, str) else coverage
    return check_sites(sites, shorelines, zones, coverage=coverage, **({"date": DATE} | options))


def finding(result, rule, site_id="S"):
    table = result.findings
    (row,) = table[(table["site_id"] == site_id) & (table["rule_id"] == rule)].to_dict("records")
    return row


def verdict(result, rule, site_id="S"):
    return finding(result, rule, site_id)["verdict"]


# ---- every rule of the packs ------------------------------------------------------------------

RIVER_OF = {
    "main_stem": ("长江", "main_stem"),
    "important_tributary": ("沱江", "important_tributary"),
    "tributary": ("綦江", "tributary"),
}


def project(rule):
    """A category and an action that the rule names, and for which it has no exemption."""
    category = next(c for c in rule.categories if c not in rule.exemption_categories)
    action = next(a for a in rule.actions if a not in rule.exemption_actions)
    return "machinery" if category == "*" else category, "new" if action == "any" else action


def rivers(rule):
    """One river for each word of the rule's scope."""
    for word in rule.river_scope:
        if word.startswith("named:"):
            yield from ((name, "tributary") for name in rule.named_rivers)
        else:
            yield RIVER_OF[word]


BY_RIVER = [
    (rule.id, *river)
    for rule in RULES.values()
    if rule.distance_m and rule.river_scope
    for river in rivers(rule)
]
BY_ZONE = [
    (rule.id, kind, grade)
    for rule in RULES.values()
    for kind, grades in rule.zones
    for grade in grades or ("",)
]
BY_PLAN = [(r.id, r.outside[0][0], r.outside[0][1]) for r in RULES.values() if r.outside]


def test_every_rule_has_its_situation():
    told = {row[0] for row in BY_RIVER + BY_ZONE + BY_PLAN} | {"CJ47-OUTFALL-PERMIT"}
    assert told == set(RULES)


@pytest.mark.parametrize(("rule_id", "river", "river_class"), BY_RIVER)
def test_a_rule_on_a_river(rule_id, river, river_class):
    """Inside, at the limit, within the error on both sides, outside; and when nothing is known."""
    rule = RULES[rule_id]
    category, action = project(rule)
    limit, error = rule.distance_m, 2**0.5
    steps = {-5: "in", -1: "near", 0: "near", 1: "near", 5: "out"}
    table = sites_at([out(limit + step) for step in steps], category, action)
    line = shore({"river": river, "river_class": river_class})
    one = {"rules": [rule]}
    result = check(table, line, **one)
    words = {"in": MEANS[rule.verdict], "near": "borderline", "out": "clear"}
    for number, (step, state) in enumerate(steps.items()):
        row = finding(result, rule_id, f"S{number}")
        assert row["verdict"] == words[state], (step, row)
        assert row["distance_m"] == pytest.approx(limit + step, abs=1e-3)
        assert row["margin_m"] == pytest.approx(-step, abs=1e-3)
        assert row["error_m"] == pytest.approx(error)
        assert (row["evidence"], row["river"]) == ("L1", river)
        assert row["basis"] == rule.basis_zh
        assert row["confidence"] == rule.confidence


@pytest.mark.parametrize("rule_id", list(dict.fromkeys(row[0] for row in BY_ZONE)))
def test_a_rule_on_zones(rule_id):
    """Each kind and grade of the rule, far from the next: inside, at the edge, outside."""
    rule = RULES[rule_id]
    category, action = project(rule)
    limit = rule.distance_m or 0.0
    inside, at_edge, outside = -800 if limit == 0 else limit - 40, limit + 5, limit + 60
    grounds, points = [], []
    for number, (_, kind, grade) in enumerate(row for row in BY_ZONE if row[0] == rule_id):
        tip = (TIP[0] - 0.25 * number, TIP[1])
        ground = {"zone_id": f"Z{number}", "kind": kind, "grade": grade, "geometry": wedge(tip)}
        grounds.append(ground)
        points += [out(metres, tip) for metres in (inside, at_edge, outside)]
    result = check(sites_at(points, category, action), zones=zone(*grounds), rules=[rule])
    own = MEANS[rule.verdict]
    near = "borderline" if own == "prohibited" else own  # a milder rule keeps its own verdict
    for number in range(len(grounds)):
        rows = [finding(result, rule_id, f"S{3 * number + k}") for k in range(3)]
        assert [row["verdict"] for row in rows] == [own, near, "clear"], grounds[number]
        assert [row["evidence"] for row in rows] == [f"Z{number}"] * 3
        assert rows[1]["reason"] == "near_limit"


@pytest.fixture(scope="module")
def one_project_a_rule():
    """A project of each rule's own, named by the rule, far from everything."""
    projects = {rule.id: project(rule) for rule in RULES.values()}
    table = sites_at([shapely.Point(107.9, 28.2)] * len(projects))
    table["site_id"] = list(projects)
    table["category"], table["action"] = zip(*projects.values(), strict=True)
    return table


NOWHERE = [
    ("no layer", {"shorelines": None, "zones": None}, "layer_missing"),
    ("nothing in it", {"shorelines": shore().iloc[:0], "zones": zone().iloc[:0]}, "layer_missing"),
    ("no coverage", {"coverage": None}, "coverage_unknown"),
    ("elsewhere", {"coverage": covered(box=shapely.box(111, 32, 112, 33))}, "not_covered"),
]


@pytest.mark.parametrize(("name", "layers", "reason"), NOWHERE, ids=[row[0] for row in NOWHERE])
def test_every_rule_is_unchecked_where_nothing_is_known(name, layers, reason, one_project_a_rule):
    blind = keyed(check(one_project_a_rule, **layers))
    full = keyed(check(one_project_a_rule))
    for rule in RULES.values():
        row = blind.loc[(rule.id, rule.id)]
        if rule.id == "CJ47-OUTFALL-PERMIT":  # wherever in the basin
            assert row["verdict"] == "conditional"
            continue
        assert (row["verdict"], row["reason"]) == ("unchecked", reason), rule.id
        # all known: out of the zones it is clear, out of the parks it is met
        known = "prohibited" if rule.outside and not rule.river_scope else "clear"
        assert full.loc[(rule.id, rule.id), "verdict"] == known
    unknown = check(one_project_a_rule, **layers).unchecked
    assert (unknown["mend_zh"].str.len() > 8).all()
    assert (unknown["mend_en"].str.len() > 8).all()


@pytest.mark.parametrize(("rule_id", "kind", "grades"), BY_PLAN)
def test_a_rule_that_wants_a_site_inside_a_zone(rule_id, kind, grades):
    rule = RULES[rule_id]
    category, action = project(rule)
    table = sites_at([out(-800), out(5), out(60)], category, action)
    line = shore({"geometry": wedge().buffer(0.2)})  # all of them cross the main stem
    for grade in grades or ("",):
        ground = zone({"kind": kind, "grade": grade})
        result = check(table, line, ground, rules=[rule])
        found = [verdict(result, rule_id, f"S{k}") for k in range(3)]
        assert found == ["clear", "borderline", "prohibited"]
        # outside means nothing where not all such zones are known; inside does
        blind = check(table, line, ground, covered(without=(kind,)), rules=[rule])
        found = [verdict(blind, rule_id, f"S{k}") for k in range(3)]
        assert found == ["clear", "borderline", "unchecked"]
    assert verdict(check(table, line, None, rules=[rule]), rule_id, "S2") == "unchecked"


def test_a_bridge_away_from_the_main_stem_needs_no_crossing_plan():
    far = check(site(out(500), "bridge"), shore())
    assert verdict(far, "CROSSING-PLAN") == "clear"
    over = check(site(out(-500), "bridge"), shore())
    assert verdict(over, "CROSSING-PLAN") == "prohibited"
    brook = check(site(out(-500), "bridge"), shore({"river": "綦江", "river_class": "tributary"}))
    assert verdict(brook, "CROSSING-PLAN") == "clear"


def test_an_outfall_needs_consent_wherever_it_is():
    result = check(site(shapely.Point(106.9, 29.9), "outfall"), None, None, None)
    assert verdict(result, "CJ47-OUTFALL-PERMIT") == "conditional"


# ---- by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metres", "accuracy", "expected"),
    [
        (996.0, 1.0, "prohibited"),
        (1003.0, 1.0, "clear"),
        (1000.0, 1.0, "borderline"),
        (1000.0, 0.0, "prohibited"),  # no error at all: at the limit is inside
        (1000.01, 0.0, "clear"),
        (996.0, 5.0, "borderline"),
        (1003.0, 5.0, "borderline"),
        (990.0, 30.0, "borderline"),
    ],
)
def test_a_chemical_plant_by_the_yangtze(metres, accuracy, expected):
    line = shore({"accuracy_m": min(accuracy, 1.0)})
    result = check(site(out(metres), accuracy_m=accuracy), line)
    assert verdict(result, "CJ26-CHEM-1KM") == expected


def test_a_park_at_4_9_km_but_not_its_extension():
    new = check(site(out(4900), "industrial_park"), shore())
    assert verdict(new, "CQ-PARK-5KM") == "prohibited"
    assert finding(new, "CQ-PARK-5KM")["exemption_zh"] == "既有园区的拓展不计"
    more = check(site(out(4900), "industrial_park", "expand"), shore())
    assert "CQ-PARK-5KM" not in set(more.findings["rule_id"])


def test_a_tailings_rebuild_may_claim_the_exemption_and_a_person_decides():
    result = check(site(out(2500), "tailings_pond", "rebuild"), shore())
    row = finding(result, "CJ26-TAIL-3KM")
    assert (row["verdict"], row["reason"]) == ("manual", "exemption_possible")
    assert "以提升安全" in row["exemption_zh"]
    new = check(site(out(2500), "tailings_pond", "new"), shore())
    assert verdict(new, "CJ26-TAIL-3KM") == "prohibited"
    # 1 km of an important tributary, and 3 km is not asked there
    side = shore({"river": "嘉陵江", "river_class": "tributary"})
    for metres, expected in ((900, "prohibited"), (1500, "clear")):
        result = check(site(out(metres), "tailings_pond"), side)
        assert verdict(result, "CJ26-TAIL-1KM") == expected
        assert verdict(result, "CJ26-TAIL-3KM") == "clear"


def test_an_intake_in_the_first_grade_zone_is_asked_not_assumed():
    ground = zone({"kind": "water_source", "grade": "I"})
    row = finding(check(site(out(-900), "intake"), zones=ground), "WPPL65-ZONE1-BUILD")
    assert (row["verdict"], row["reason"]) == ("manual", "exemption_possible")
    assert verdict(check(site(out(-900), "school"), zones=ground), "WPPL65-ZONE1-BUILD") == (
        "prohibited"
    )


def test_a_red_line_that_is_not_covered_leaves_the_site_undetermined():
    result = check(site(out(9000), "machinery", "rebuild"), coverage=covered(without=("red_line",)))
    assert result.sites.loc["S", "verdict"] == "undetermined"
    row = finding(result, "ERL-CORE")
    assert (row["verdict"], row["reason"], row["missing"]) == (
        "unchecked",
        "not_covered",
        "red_line",
    )
    told = result.unchecked.set_index("rule_id").loc["ERL-CORE"]
    assert "自然资源主管部门" in told["mend_zh"]
    assert "natural-resources authority" in told["mend_en"]
    assert result.sites.loc["S", "blocking_rules"] == "ERL-CORE, ERL-OTHER"


def test_a_prohibition_outweighs_what_is_not_known():
    result = check(site(out(10)), shore(), None, None)
    assert result.sites.loc["S", "verdict"] == "prohibited"
    assert result.sites.loc["S", "blocking_rules"] == ["CJ26-CHEM-1KM", "CQ-WATER-1KM"][0]


def test_a_rebuilt_warehouse_far_from_everything_is_clear():
    result = check(site(out(20_000), "warehouse", "rebuild"), shore())
    assert result.sites.loc["S", "verdict"] == "clear"
    assert result.sites.loc["S", ["n_clear", "n_unchecked"]].to_list()[1] == 0
    assert set(result.findings["verdict"]) == {"clear"}
    assert result.unchecked.empty


def test_a_low_order_tributary_is_prohibited_by_the_letter_and_told_as_disputed():
    brook = check(site(out(500)), shore({"river": "綦江", "river_class": "tributary"}))
    row = finding(brook, "CJ26-CHEM-1KM")
    assert row["verdict"] == "prohibited"
    assert "低等级支流请商主管部门" in row["note"]
    assert "scope over low-order tributaries disputed" in row["note_en"]
    for river, of in (("长江", "main_stem"), ("沱江", "important_tributary")):
        row = finding(check(site(out(500)), shore({"river": river, "river_class": of})),
                      "CJ26-CHEM-1KM")  # fmt: skip
        assert row["verdict"] == "prohibited"
        assert "支流" not in row["note"]


def test_the_name_decides_over_a_wrong_class():
    wrong = shore({"river": "长江干流", "river_class": "tributary"})
    result = check(site(out(2500), "tailings_pond"), wrong)
    assert verdict(result, "CJ26-TAIL-3KM") == "prohibited"


@pytest.mark.parametrize("unknown", [None, "", "大河"])
def test_a_river_of_unknown_class_is_left_to_a_person(unknown):
    line = shore({"river": "无名", "river_class": unknown})
    row = finding(check(site(out(2500), "tailings_pond"), line), "CJ26-TAIL-3KM")
    assert (row["verdict"], row["reason"]) == ("manual", "scope_unknown")
    assert row["evidence"] == "L1"
    # a rule over every river needs no class
    assert verdict(check(site(out(500)), line), "CJ26-CHEM-1KM") == "prohibited"


@pytest.mark.parametrize("unknown", [None, "", "飞船发射场"])
def test_an_unknown_category_leaves_every_rule_of_a_category_to_a_person(unknown):
    result = check(site(out(500), unknown), shore(), zone())
    row = finding(result, "CJ26-CHEM-1KM")
    assert (row["verdict"], row["reason"]) == ("manual", "category_undecided")
    assert verdict(result, "CQ-PARK-5KM") == "manual"
    assert verdict(check(site(out(-500), unknown), shore(), zone()), "ERL-CORE") == "prohibited"
    assert set(result.findings["rule_id"]) == {
        r.id for r in RULES.values() if {"new", "any"} & set(r.actions)
    }


def test_a_category_that_may_be_chemical_is_left_to_a_person():
    row = finding(check(site(out(500), "coking"), shore()), "CJ26-CHEM-1KM")
    assert (row["verdict"], row["reason"]) == ("manual", "category_undecided")
    assert verdict(check(site(out(999.5), "coking"), shore()), "CJ26-CHEM-1KM") == "manual"
    assert verdict(check(site(out(1500), "coking"), shore()), "CJ26-CHEM-1KM") == "clear"


@pytest.mark.parametrize("unknown", [None, "", "拆除"])
def test_an_unknown_action_is_left_to_a_person(unknown):
    row = finding(check(site(out(500), "chemical", unknown), shore()), "CJ26-CHEM-1KM")
    assert (row["verdict"], row["reason"]) == ("manual", "action_unknown")


def test_words_in_chinese_are_read():
    result = check(site(out(500), "化工项目", "新建"), shore())
    assert verdict(result, "CJ26-CHEM-1KM") == "prohibited"
    assert result.sites.loc["S", ["category", "action"]].to_list() == ["chemical", "new"]


def test_an_existing_plant_is_not_asked_what_only_new_ones_are():
    result = check(site(out(500), "chemical", "existing"), shore())
    assert "CJ26-CHEM-1KM" not in set(result.findings["rule_id"])
    assert "ERL-CORE" in set(result.findings["rule_id"])


def test_a_site_without_geometry_is_unchecked_and_never_dropped():
    table = pd.concat([site(None, "outfall"), site(out(500), site_id="T")], ignore_index=True)
    result = check(gpd.GeoDataFrame(table, crs=4490), shore())
    own = result.findings[result.findings["site_id"] == "S"]
    assert len(own) > 10
    assert set(own["verdict"]) == {"unchecked"}
    assert set(own["reason"]) == {"no_geometry"}
    assert result.sites["verdict"].to_dict() == {"S": "undetermined", "T": "prohibited"}
    assert np.isnan(result.sites.loc["S", "nearest_m"])
    assert "项目无坐标" in result.explain("S")


def test_no_coverage_layer_means_nothing_is_known_complete():
    result = check(site(out(9000)), shore(), coverage=None)
    row = finding(result, "CJ26-CHEM-1KM")
    assert (row["verdict"], row["reason"]) == ("unchecked", "coverage_unknown")
    assert "coverage" in result.unchecked["mend_zh"].iloc[0]


def test_coverage_must_reach_as_far_as_the_rule_looks():
    """The site lies well inside the coverage, which ends 3 km away: 1 km is known, 5 km is not."""
    edge = shapely.box(TIP[0] - 1, 29.0, TIP[0] + 0.1, 30.0)
    place = site(out(9_690 - 3_000), "chemical_park")
    result = check(place, shore(FAR_SHORE), coverage=covered(box=edge))
    assert verdict(result, "CJ26-CHEM-1KM") == "clear"
    assert verdict(result, "CQ-PARK-5KM") == "unchecked"


# ---- editions ---------------------------------------------------------------------------------

OLD = {"line_id": "old", "valid_from": "2019-06-01", "valid_to": "2023-06-30"}
NEW = {"line_id": "new", "valid_from": "2023-07-01"}


def test_what_passes_only_under_the_newer_line_is_never_clear():
    """80 m narrower since 2023: 1040 m now, 960 m before."""
    lines = shore(NEW, OLD | {"geometry": wedge(shapely.get_coordinates(out(80))[0])})
    result = check(site(out(1040)), lines)
    row = finding(result, "CJ26-CHEM-1KM")
    assert (row["verdict"], row["reason"]) == ("manual", "edition_sensitive")
    assert row["evidence"] == "new, old"
    assert row["distance_m"] == pytest.approx(1040, abs=0.01)
    other = result.other_editions.query("rule_id == 'CJ26-CHEM-1KM'").iloc[0]
    assert other["line_id"] == "old"
    assert other["distance_m"] == pytest.approx(960, abs=0.01)
    assert (other["verdict"], other["verdict_now"], other["changes"]) == (
        "prohibited",
        "manual",
        True,
    )
    assert other["edition"] == "2019-06-01–2023-06-30"
    assert "960.0 m" in result.explain("S")
    # on a day of the old edition it is prohibited, and the new one is told beside
    before = check(site(out(1040)), lines, date="2023-06-30")
    assert verdict(before, "CJ26-CHEM-1KM") == "prohibited"
    assert before.other_editions.query("rule_id == 'CJ26-CHEM-1KM'")["verdict"].item() == "clear"


def test_the_line_in_force_still_prohibits_where_an_older_one_did_not():
    lines = shore(NEW, OLD | {"geometry": wedge((TIP[0] - 0.01, TIP[1]))})
    result = check(site(out(500)), lines)
    assert verdict(result, "CJ26-CHEM-1KM") == "prohibited"
    assert result.other_editions.query("rule_id == 'CJ26-CHEM-1KM'")["changes"].item()


def test_a_line_that_lapsed_without_a_successor_leaves_the_rule_unchecked():
    lapsed = {
        "line_id": "gone",
        "river": "綦江",
        "river_class": "tributary",
        "valid_to": "2020-01-01",
    }
    elsewhere = {
        "line_id": "now",
        "river": "綦江",
        "river_class": "tributary",
        "geometry": wedge(FAR),
    }
    lines = shore(lapsed, elsewhere)
    for metres, expected in ((500, "unchecked"), (1500, "unchecked"), (2500, "clear")):
        row = finding(check(site(out(metres)), lines), "CJ26-CHEM-1KM")
        assert row["verdict"] == expected, metres
    assert finding(check(site(out(500)), lines), "CJ26-CHEM-1KM")["reason"] == "line_lapsed"
    # with a successor near it, a person decides on the old line, and beyond it all is clear
    both = shore(lapsed, lapsed | {"line_id": "next", "valid_to": None,
                                   "geometry": wedge((TIP[0] - 0.001, TIP[1]))})  # fmt: skip
    assert verdict(check(site(out(950)), both), "CJ26-CHEM-1KM") == "manual"
    assert verdict(check(site(out(1500)), both), "CJ26-CHEM-1KM") == "clear"


def test_all_lines_of_a_scope_lapsed():
    lines = shore({"valid_to": "2020-01-01"}, {"line_id": "trib", "river": "綦江",
                  "river_class": "tributary", "geometry": wedge(FAR)})  # fmt: skip
    row = finding(check(site(out(30_000), "tailings_pond"), lines), "CJ26-TAIL-3KM")
    assert (row["verdict"], row["reason"]) == ("unchecked", "layer_expired")


def test_the_edition_of_a_zone_on_the_date():
    rows = [
        {"zone_id": "old", "kind": "water_source", "grade": "II", "valid_to": "2021-05-31"},
        {"zone_id": "new", "kind": "water_source", "grade": "II", "valid_from": "2021-06-01",
         "geometry": wedge((TIP[0] - 0.02, TIP[1]))},
    ]  # fmt: skip
    place = site(out(-900), "outfall")
    row = finding(check(place, zones=zone(*rows)), "WPPL64-OUTFALL")
    assert (row["verdict"], row["reason"], row["evidence"]) == (
        "manual",
        "edition_sensitive",
        "old",
    )
    before = check(place, zones=zone(*rows), date="2021-05-31")
    assert verdict(before, "WPPL64-OUTFALL") == "prohibited"
    alone = check(place, zones=zone(rows[0]))
    assert finding(alone, "WPPL64-OUTFALL")["reason"] == "layer_expired"


def test_a_rule_is_in_force_or_not_on_the_date():
    place = site(out(500))
    ids = set(check(place, shore(), date="2021-02-28").findings["rule_id"])
    assert "CJ26-CHEM-1KM" not in ids
    assert "CQ-WATER-1KM" in ids
    assert "CJ26-CHEM-1KM" in set(check(place, shore(), date="2021-03-01").findings["rule_id"])


# ---- what the layers leave open ---------------------------------------------------------------


def test_a_zone_without_a_grade_is_left_to_a_person():
    row = finding(check(site(out(-900)), zones=zone({"grade": None})), "ERL-CORE")
    assert (row["verdict"], row["reason"], row["evidence"]) == ("manual", "grade_unknown", "Z1")


def test_a_park_without_a_grade_is_left_to_a_person():
    park = zone({"kind": "industrial_park", "grade": "?"})
    row = finding(check(site(out(-900)), zones=park), "CQ-WATER-CLUSTER")
    assert (row["verdict"], row["reason"]) == ("manual", "grade_unknown")
    assert verdict(check(site(out(900)), zones=park), "CQ-WATER-CLUSTER") == "prohibited"


def test_a_chemical_project_in_an_ordinary_park():
    park = zone({"kind": "industrial_park", "grade": "ordinary"})
    result = check(site(out(-900)), zones=park)
    assert verdict(result, "CQ-WATER-CLUSTER") == "clear"
    assert verdict(result, "CQ-WATER-CLUSTER-CHEM") == "prohibited"
    assert verdict(result, "FMQD22-9-PARK") == "clear"


def test_a_zone_of_unknown_kind_hides_nothing():
    result = check(site(out(-900)), zones=zone({"kind": "保护带"}))
    row = finding(result, "ERL-CORE")
    assert (row["verdict"], row["reason"]) == ("unchecked", "zone_kind_unknown")
    # it may be a park as well: that the site lies outside every park is not known either
    assert verdict(result, "CQ-WATER-CLUSTER") == "unchecked"


def test_a_range_polygon_of_the_shorelines_is_a_river_range_too():
    result = check(site(out(-900), "building"), shore())
    row = finding(result, "RIVER-RANGE-BLOCK")
    assert (row["verdict"], row["evidence"]) == ("prohibited", "L1")


def test_the_seam_between_two_zones_of_a_rule_is_no_edge():
    rows = [
        {"zone_id": "west", "geometry": shapely.box(106.0, 29.0, 106.1, 29.1)},
        {"zone_id": "east", "geometry": shapely.box(106.1, 29.0, 106.2, 29.1)},
    ]
    row = finding(check(site(shapely.Point(106.1, 29.05)), zones=zone(*rows)), "ERL-CORE")
    assert (row["verdict"], row["evidence"]) == ("prohibited", "east, west")


def test_a_plot_cut_by_a_red_line_tells_area_and_share():
    plot = shapely.box(106.09, 29.0, 106.11, 29.02)
    ground = zone({"grade": "other", "geometry": shapely.box(106.0, 28.9, 106.1, 29.1)})
    row = finding(check(site(plot), zones=ground), "ERL-OTHER")
    assert row["verdict"] == "prohibited"
    assert row["share"] == pytest.approx(0.5, abs=1e-4)
    assert row["overlap_m2"] == pytest.approx(2.16e6, rel=0.01)


def test_a_farther_but_worse_placed_line_may_still_be_borderline():
    """1040 m to a surveyed line, 1045 m to a sketch of another bank: the sketch decides."""
    sketch = {"line_id": "sketch", "accuracy_m": 60.0, "geometry": wedge((TIP[0], TIP[1] + 1e-6))}
    surveyed = {"line_id": "survey", "accuracy_m": 1.0}
    shifted = sketch | {"geometry": wedge(shapely.get_coordinates(out(-5))[0])}
    row = finding(check(site(out(1040)), shore(surveyed, shifted)), "CJ26-CHEM-1KM")
    assert (row["verdict"], row["evidence"]) == ("borderline", "sketch")
    # and the other way: a sketch is nearest, but the survey settles it
    sure = shore(sketch, surveyed | {"geometry": wedge(shapely.get_coordinates(out(-5))[0])})
    row = finding(check(site(out(980)), sure), "CJ26-CHEM-1KM")
    assert (row["verdict"], row["evidence"]) == ("prohibited", "survey")


def test_a_centre_line_is_told_as_indicative():
    line = shapely.LineString([(TIP[0], 29.3), (TIP[0], 29.7)])
    brook = shore({"kind": "centreline", "width_m": 10.0, "geometry": line, "river": "清溪",
                   "river_class": "tributary"})  # fmt: skip
    row = finding(check(site(out(500)), brook), "CJ26-CHEM-1KM")
    assert row["verdict"] == "prohibited"
    assert row["distance_m"] == pytest.approx(495, abs=0.01)
    assert "示意" in row["note"]


# ---- the result -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed():
    table = sites_at([out(500), out(999.5), out(20_000), None, out(-10)])
    table["category"] = ["chemical", "chemical", "warehouse", "outfall", "wharf"]
    table["action"] = ["new", "new", "rebuild", "new", "rebuild"]
    return check(table, shore())


def test_overall_is_the_strictest_where_unchecked_reads_undetermined(mixed):
    worst = mixed.findings["verdict"].map(RANK).groupby(mixed.findings["site_id"]).min()
    words = list(codes("verdict"))
    expected = worst.map(lambda r: "undetermined" if words[r] == "unchecked" else words[r])
    assert mixed.sites["verdict"].to_dict() == expected.to_dict()
    assert mixed.sites["verdict"].to_list() == [
        "prohibited", "prohibited", "clear", "undetermined", "conditional",
    ]  # fmt: skip


def test_the_tables_have_their_columns(mixed):
    assert mixed.sites.index.name == "site_id"
    assert mixed.sites.crs.to_epsg() == 4490
    assert {"site_id", "rule_id", "pack", "title_zh", "title_en", "verdict", "reason", "distance_m",
            "limit_m", "margin_m", "error_m", "evidence", "edition", "overlap_m2", "share", "basis",
            "confidence", "exemption_zh", "exemption_en", "note",
            } <= set(mixed.findings)  # fmt: skip
    assert set(mixed.findings["reason"]) <= set(codes("finding_reason"))
    counts = mixed.findings.groupby(["site_id", "verdict"]).size()
    assert mixed.sites.loc["S0", "n_clear"] == counts["S0", "clear"]
    first = mixed.sites.loc["S0"]
    assert first["nearest_m"] == pytest.approx(500, abs=1e-3)
    assert (first["foot_lon"], first["foot_lat"]) == pytest.approx(TIP)
    assert (mixed.date.isoformat(), mixed.packs) == (DATE, PACKS)
    assert repr(mixed).startswith("SitingResult(2026-03-31: 5 sites: 2 prohibited")


def test_the_note_reads_like_an_officers(mixed):
    note = mixed.explain("S0")
    for part in (
        "S0 示例（化工项目，新建）", "结论：禁止", "《长江保护法》第二十六条第二款",
        "2021-03-01 起施行",
        "500.0 ± 1.4 m", "限值 1,000 m，限值内 500.0 m", "示例水利局", "辅助研判，不代替审批",
    ):  # fmt: skip
        assert part in note
    english = mixed.explain("S0", lang="en")
    for part in ("prohibited", "art. 26(2)", "inside by 500.0 m", "not a substitute for approval"):
        assert part in english
    assert "未核查" in mixed.explain("S3")
    every = mixed.explain()
    assert "5 个项目" in every
    assert "S3" in every
    assert "5 sites" in mixed.explain(lang="en")
    with pytest.raises(BasinError, match="nowhere"):
        mixed.explain("nowhere")


def test_the_frame_is_in_words(mixed):
    frame = mixed.to_frame("zh")
    assert frame["结论"].to_list() == ["禁止", "禁止", "未触及", "待定", "限制"]
    assert mixed.to_frame("en")["verdict"].iloc[0] == "prohibited"
    # codes by default, as the other results give them
    plain = mixed.to_frame()
    assert plain["site_id"].to_list() == list(plain.index) == ["S0", "S1", "S2", "S3", "S4"]
    assert plain["verdict"].to_list() == mixed.sites["verdict"].to_list()
    assert "site_id" not in mixed.sites


def test_an_undetermined_site_names_the_rules_that_are_unchecked(mixed):
    ids = mixed.sites.loc["S3", "blocking_rules"].split(", ")
    unchecked = mixed.unchecked.query("site_id == 'S3'")["rule_id"]
    assert ids == unchecked.to_list()
    told = mixed.to_frame("zh")["起决定作用的规则"].iloc[3]
    assert told.startswith(f"未核查：{ids[0]}")
    assert f"等 {len(ids)} 条" in told
    assert ids[0] in mixed.explain()
    silent = check(site(out(5), "machinery", "existing"), rules=[RULES["CQ-PARK-5KM"]])
    assert silent.to_frame("zh")["起决定作用的规则"].to_list() == ["没有适用的规则"]


@pytest.mark.parametrize(
    ("action", "word", "told"),
    [("rebuild", "改建", True), ("existing", "现有", True), ("expand", "扩建", False)],
)
def test_a_rule_whose_text_does_not_list_the_action_is_told(action, word, told):
    line, place = shore(), site(out(500), "chemical", action)
    result = check(place, line, rules=[RULES["CJ26-CHEM-1KM"]])
    assert ("CJ26-CHEM-1KM" in set(result.findings["rule_id"])) != told
    note = f"条文未列{word}：CJ26-CHEM-1KM"
    assert (note in result.explain("S")) == told
    assert (note in result.sites.loc["S", "note"]) == told
    if told:
        assert note in result.to_frame("zh")["备注"].iloc[0]
        assert "does not list" in result.explain("S", lang="en")
        assert "条文未列" not in check(place, line, rules=[RULES["CJ26-TAIL-3KM"]]).explain("S")
        away = check(site(out(1500), "chemical", action), line, rules=[RULES["CJ26-CHEM-1KM"]])
        assert away.sites.loc["S", "note"] == ""


def test_a_site_far_from_all_data_is_told_why_it_may_be():
    small = covered(box=shapely.box(106.4, 29.4, 106.6, 29.6))
    lost = check(site(shapely.Point(106.5, 33.5)), shore(), zone(), small)
    for text in (lost.explain("S"), lost.to_frame("zh")["备注"].iloc[0]):
        assert "坐标系" in text
        assert "颠倒" in text
    assert "swapped" in lost.explain("S", lang="en")
    for metres in (18_000, 500):  # near a line; the coverage ends in between
        assert "颠倒" not in check(site(out(metres)), shore(), zone(), small).explain("S")
    within = covered(box=shapely.box(104, 27, 112, 34))  # far from lines, in a known ground
    assert "颠倒" not in check(site(shapely.Point(106.5, 33.5)), coverage=within).explain("S")
    bare = check(site(shapely.Point(106.5, 33.5)), None, None, None)
    assert "颠倒" not in bare.explain("S")


def test_strings_from_data_never_run():
    nasty = "<img src=x onerror=alert(1)>{{7*7}}`${1}`"
    page = check(site(out(500), name=nasty), shore())._repr_html_()
    assert "<img" not in page
    assert not re.search(r"[{}`$]", page)


def test_ids_that_occur_twice_are_refused():
    with pytest.raises(LayerError, match="occur twice: ids S"):
        check(sites_at([out(5), out(6)]).assign(site_id="S"))


def test_a_crs_is_never_guessed():
    with pytest.raises(CrsError, match="zones"):
        check(site(out(5)), zones=zone().set_crs(None, allow_override=True))


def test_rules_are_needed():
    with pytest.raises(RuleError, match="no rule is in force"):
        check(site(out(5)), rules=())
    with pytest.raises(RuleError, match="no rule is in force on 2020-01-01"):
        check(site(out(5)), rules=[RULES["CJ26-CHEM-1KM"]], date="2020-01-01")


def test_rules_can_be_given_as_they_are():
    rule = dataclasses.replace(RULES["CJ26-CHEM-1KM"], distance_m=15_000.0, id="AH-15KM")
    result = check(site(out(14_000)), shore(), rules=[rule])
    assert verdict(result, "AH-15KM") == "prohibited"


def test_no_sites_no_findings():
    result = check(sites_at([out(5)]).iloc[:0], shore())
    assert result.sites.empty
    assert result.findings.empty
    assert result.unchecked.empty
    assert len(result.to_frame()) == 0
    assert "0 个项目" in result.explain()


def test_a_site_that_no_rule_concerns_is_undetermined_not_clear():
    result = check(site(out(5), "machinery", "existing"), rules=[RULES["CQ-PARK-5KM"]])
    assert result.findings.empty
    assert result.sites.loc["S", "verdict"] == "undetermined"
    assert result.unchecked["reason"].to_list() == ["no_rule"]
    assert "没有适用的规则（不等于不受限）；核对项目类别" in result.explain()
    assert "No rule applies (not the same as unrestricted); check cat" in result.explain(lang="en")
    assert "：；" not in result.explain()


def test_inputs_are_left_as_they_were():
    tables = [sites_at([out(500), None]), shore(OLD, NEW), zone(), covered()]
    before = [t.copy(deep=True) for t in tables]
    check_sites(*tables[:3], coverage=tables[3], date=DATE)
    for table, was in zip(tables, before, strict=True):
        gpd.testing.assert_geodataframe_equal(table, was)


# ---- properties -------------------------------------------------------------------------------


def random_world(seed, n=60):
    """Sites of every sort over rivers and zones of every sort, all known complete."""
    rng = np.random.default_rng(seed)
    spot = lambda spread: np.array(TIP) + rng.uniform(-spread, spread, 2)  # noqa: E731
    lines = []
    for k, (name, of) in enumerate([*RIVER_OF.values()] * 2):
        tip = spot(0.08)
        lines.append({"line_id": f"L{k}", "river": name, "river_class": of, "geometry": wedge(tip)})
        lines.append(lines[-1] | {"line_id": f"O{k}", "valid_to": "2023-06-30",
                                  "geometry": wedge(tip + np.array([0.002, 0]))})  # fmt: skip
    kinds = [(kind, grade) for _, kind, grade in BY_ZONE]
    kinds += [("industrial_park", "chemical"), ("port_plan", ""), ("crossing_plan", "")]
    grounds = [
        {
            "zone_id": f"Z{k:02}",
            "kind": kind,
            "grade": grade,
            "geometry": wedge(spot(0.08) + np.array([0.05, 0]), reach=0.12, half=0.05),
        }
        for k, (kind, grade) in enumerate(dict.fromkeys(kinds))
    ]
    points = [shapely.Point(spot(0.1)) for _ in range(n)]
    shapes = [p if k % 3 else p.buffer(rng.uniform(0.001, 0.01)) for k, p in enumerate(points)]
    table = sites_at(shapes)
    words = sorted({c for rule in RULES.values() for c in rule.categories} - {"*"})
    table["category"] = rng.choice([*words, "machinery", "?"], n)
    table["action"] = rng.choice(["new", "new", "expand", "rebuild", "existing"], n)
    return table, shore(*lines), zone(*grounds)


def keyed(result):
    return result.findings.set_index(["site_id", "rule_id"]).sort_index()


def overall(result):
    return result.sites["verdict"].map(RANK).sort_index()


LONG_AGO, SOME_DAY = pd.Timestamp("2020-01-01"), pd.Timestamp("2030-01-01")


def shapeless(table, every=1):
    shapes = table.geometry.to_numpy().copy()
    shapes[::every] = None
    return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=4490))


MUTATIONS = {
    "shorelines removed": lambda s, z, c: (None, z, c),
    "shorelines empty": lambda s, z, c: (s.iloc[:0], z, c),
    "shorelines expired": lambda s, z, c: (s.assign(valid_to=LONG_AGO), z, c),
    "shorelines not yet in force": lambda s, z, c: (s.assign(valid_from=SOME_DAY), z, c),
    "shorelines without shapes": lambda s, z, c: (shapeless(s), z, c),
    "shorelines cut in half": lambda s, z, c: (shapeless(s, 2), z, c),
    "a third of the shorelines lost": lambda s, z, c: (shapeless(s, 3), z, c),
    "classes and names lost": lambda s, z, c: (s.assign(river_class=None, river=None), z, c),
    "zones removed": lambda s, z, c: (s, None, c),
    "zones empty": lambda s, z, c: (s, z.iloc[:0], c),
    "zones expired": lambda s, z, c: (s, z.assign(valid_to=LONG_AGO), c),
    "zones without shapes": lambda s, z, c: (s, shapeless(z), c),
    "zones cut in half": lambda s, z, c: (s, shapeless(z, 2), c),
    "grades lost": lambda s, z, c: (s, z.assign(grade=None), c),
    "kinds garbled": lambda s, z, c: (s, z.assign(kind="ÉúÌ¬"), c),
    "coverage removed": lambda s, z, c: (s, z, None),
    "coverage empty": lambda s, z, c: (s, z, c.iloc[:0]),
    "coverage expired": lambda s, z, c: (s, z, c.assign(valid_to=LONG_AGO)),
    "coverage elsewhere": lambda s, z, c: (s, z, covered(box=shapely.box(111, 32, 112, 33))),
}
OF_A_KIND = {
    "expired": lambda z, c, mine, its: (z.assign(valid_to=z["valid_to"].mask(mine, LONG_AGO)), c),
    "lost and not covered": lambda z, c, mine, its: (z[~mine], c[~its]),
}


@pytest.fixture(scope="module")
def full_world():
    table, lines, grounds = random_world(1, 40)
    found = keyed(check(table, lines, grounds))
    assert (found["verdict"] == "clear").sum() > 200
    met = found[~found["verdict"].isin(["clear", "unchecked"])]
    assert len(met) > 60
    assert met.index.get_level_values("rule_id").nunique() > 25
    return table, lines, grounds, found


def assert_nothing_turned_clear(poor, full):
    assert keyed(poor).index.to_list() == full.index.to_list()
    turned = (keyed(poor)["verdict"] == "clear") & (full["verdict"] != "clear")
    assert not turned.any(), keyed(poor)[turned].index.to_list()


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_never_clear_by_omission(name, full_world):
    """Whatever is taken from the layers, nothing that was met or open turns clear."""
    table, lines, grounds, full = full_world
    poor = check(table, *MUTATIONS[name](lines, grounds, covered()))
    assert_nothing_turned_clear(poor, full)


@pytest.mark.parametrize("kind", codes("zone_kind"))
@pytest.mark.parametrize("what", list(OF_A_KIND))
def test_never_clear_by_omission_of_a_kind(kind, what, full_world):
    table, lines, grounds, full = full_world
    rules = [r for r in RULES.values() if kind in {k for k, _ in (*r.zones, *r.outside)}]
    whole = covered()
    poor = OF_A_KIND[what](grounds, whole, grounds["kind"] == kind, whole["kind"] == kind)
    result = check(table, lines, *poor, rules=rules)
    mine = full[full.index.isin([rule.id for rule in rules], level=1)]
    assert_nothing_turned_clear(result, mine)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.floats(1.0, 3000.0))
def test_enlarging_a_site_never_softens_its_verdict(seed, metres):
    table, lines, grounds = random_world(seed, 16)
    larger = table.set_geometry(table.to_crs(4545).buffer(metres).to_crs(4490))
    before, after = check(table, lines, grounds), check(larger, lines, grounds)
    assert (overall(after) <= overall(before)).all()
    rank = keyed(before)["verdict"].map(RANK), keyed(after)["verdict"].map(RANK)
    harder = rank[1] <= rank[0]
    assert harder.all(), keyed(before)[~harder]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_inside_one_kilometre_is_inside_five(seed):
    table, lines, _ = random_world(seed, 30)
    lines = lines[lines["river_class"] == "main_stem"]
    rules = [RULES["CJ26-CHEM-1KM"], RULES["CQ-PARK-5KM"]]
    table = table.assign(category="chemical_park", action="new")
    result = keyed(check(table, lines, rules=rules))
    near = result.xs("CJ26-CHEM-1KM", level="rule_id")["verdict"] == "prohibited"
    far = result.xs("CQ-PARK-5KM", level="rule_id")["verdict"] == "prohibited"
    assert far[near].all()


def test_row_order_crs_and_density_change_nothing():
    # dense, since an edge that is straight in one plane is bent in another
    table, lines, grounds = (t.set_geometry(t.segmentize(0.0007)) for t in random_world(3, 20))
    full = check(table, lines, grounds)
    mirror = check(table.iloc[::-1], lines.iloc[::-1], grounds.iloc[::-1], covered().iloc[::-1])
    pd.testing.assert_frame_equal(keyed(mirror), keyed(full))
    assert mirror.sites.index.to_list() == table["site_id"].to_list()[::-1]
    denser = check(*(t.set_geometry(t.segmentize(0.0003)) for t in (table, lines, grounds)))
    moved = check(table.to_crs(4545), lines.to_crs(4544), grounds.to_crs(4546))
    for other, metres in ((denser, 1e-6), (moved, 0.01)):
        assert (keyed(other)["verdict"] == keyed(full)["verdict"]).all()
        near = keyed(full)["distance_m"] < 900
        found = keyed(other)["distance_m"]
        np.testing.assert_allclose(found[near], keyed(full)["distance_m"][near], atol=metres)


def test_one_site_at_a_time_gives_the_same():
    table, lines, grounds = random_world(4, 6)
    full = keyed(check(table, lines, grounds))
    alone = pd.concat([keyed(check(table.iloc[[k]], lines, grounds)) for k in range(6)])
    pd.testing.assert_frame_equal(alone.sort_index(), full)


# ---- dates ------------------------------------------------------------------------------------

#: Rules whose own day of effect the record states: before it they were positively not in force.
STATED = {
    "CJ26-CHEM-1KM": "2021-03-01",
    "CJ26-TAIL-3KM": "2021-03-01",
    "CJ26-TAIL-1KM": "2021-03-01",
    "FMQD22-8-SLAG-3KM": "2022-01-19",
    "FMQD22-8-SLAG-1KM": "2022-01-19",
    "FMQD22-8-LAKE-1KM": "2022-01-19",
    "CQ-WATER-1KM": "2020-10-01",
    "CQ-WATER-CLUSTER": "2020-10-01",
    "CQ-WATER-CLUSTER-CHEM": "2020-10-01",
}
#: Days around every day of effect of the record, and long before and after.
DAYS = (
    "1985-01-01", "2020-09-30", "2020-10-01", "2021-02-28", "2021-03-01", "2022-01-18",
    "2022-01-19", "2022-05-31", "2022-06-01", "2026-03-14", "2026-03-15", "2031-01-01",
)  # fmt: skip


@pytest.fixture(scope="module")
def one_hit_a_rule():
    """A project of each rule's own, named by the rule, on a ground where only it is met."""
    rows, lines, grounds = [], [], []
    for number, rule in enumerate(RULES.values()):
        tip = (105.0 + 0.25 * (number % 20), 28.0 + 0.25 * (number // 20))
        category, action = project(rule)
        rows.append(sites_at([out(-800, tip)], category, action).assign(site_id=rule.id))
        if rule.river_scope:
            river, of = next(iter(rivers(rule)))
            lines.append({"line_id": f"L{number}", "river": river, "river_class": of,
                          "geometry": wedge(tip)})  # fmt: skip
        for kind, grades in rule.zones[:1]:
            grounds.append({"zone_id": f"Z{number}", "kind": kind, "geometry": wedge(tip),
                            "grade": grades[0] if grades else ""})  # fmt: skip
    world = pd.concat(rows, ignore_index=True), shore(*lines), zone(*grounds)
    return cache(lambda day: check(*world, date=day).findings)


@pytest.mark.parametrize("day", DAYS)
def test_no_date_turns_a_rule_clear_unless_the_record_says_so(day, one_hit_a_rule):
    found = one_hit_a_rule(day).set_index(["site_id", "rule_id"])
    for rule in RULES.values():
        if day < STATED.get(rule.id, ""):
            assert (rule.id, rule.id) not in found.index
            continue
        row = found.loc[(rule.id, rule.id)]
        own = MEANS[rule.verdict]
        assert row["verdict"] in (own, "manual"), rule.id
        if row["verdict"] != own:
            assert row["reason"] == "law_unrecorded"
            assert "未载" in row["edition"]
            assert "须人工核对" in row["note"]


#: Editions by the words that only they have, and the days on which they are in force.
EDITION_DAYS = {
    "2022年版）》（长江办": ("2022-01-19", "9999-12-31"),
    "2019年版": ("0001-01-01", "2022-01-18"),
    "2026年修订": ("2026-03-15", "9999-12-31"),
    "2017年修订": ("0001-01-01", "2026-03-14"),
    "2020-12-26 通过": ("2021-03-01", "9999-12-31"),
    "2021-12-24 通过": ("2022-06-01", "9999-12-31"),
    "2020年通过": ("2020-10-01", "9999-12-31"),
}


@pytest.mark.parametrize("day", DAYS)
def test_only_editions_in_force_on_the_date_are_quoted(day, one_hit_a_rule):
    found = one_hit_a_rule(day)
    for words, (since, until) in EDITION_DAYS.items():
        quoted = found[found["edition"].str.contains(words, regex=False)]
        assert len(quoted) == 0 or since <= day <= until, quoted[["rule_id", "edition"]]
        if since <= day <= until and words != "2022年版）》（长江办":
            assert len(quoted), words


@pytest.mark.parametrize(
    ("day", "quoted"),
    [
        ("2021-06-01", ("2019年版", "2017年修订")),
        ("2023-01-01", ("2022年版", "2017年修订")),
        ("2026-03-31", ("2022年版", "2026年修订")),
    ],
)
def test_tourism_in_the_core_of_a_reserve_is_banned_by_the_editions_of_the_day(day, quoted):
    ground = zone({"kind": "nature_reserve", "grade": "core"})
    result = check(site(out(-900), "tourism"), zones=ground, date=day)
    row = finding(result, "NR-CORE")
    assert row["verdict"] == "prohibited"
    for word in ("2019年版", "2022年版", "2017年修订", "2026年修订"):
        assert (word in row["edition"]) == (word in quoted), word
        assert (word in result.explain("S")) == (word in quoted), word
    assert ("Order 830" in row["edition_en"]) == (day == "2026-03-31")


def test_before_the_law_a_wetland_is_left_to_a_person():
    ground = zone({"kind": "wetland", "grade": "national"})
    row = finding(check(site(out(-900)), zones=ground, date="2021-06-01"), "WETLAND-NATIONAL")
    assert (row["verdict"], row["reason"]) == ("manual", "law_unrecorded")
    assert "2022-06-01 起施行" in row["edition"]
    row = finding(check(site(out(-900)), zones=ground, date="2022-06-01"), "WETLAND-NATIONAL")
    assert row["verdict"] == "prohibited"


# ---- shapes that do not say what is inside ------------------------------------------------------

NO_POLYGONS = {
    "closed line": lambda shape: shape.exterior,
    "line": lambda shape: shapely.LineString(shape.exterior.coords[:3]),
    "point": lambda shape: shape.representative_point(),
    "nothing": lambda shape: None,
    "empty": lambda shape: shapely.Polygon(),
    "flat": lambda shape: shapely.Polygon([shape.exterior.coords[0]] * 4),
}


@pytest.mark.parametrize("name", list(NO_POLYGONS))
def test_a_zone_that_is_no_polygon_leaves_its_kind_unchecked(name):
    lost = {"geometry": NO_POLYGONS[name](wedge())}
    result = check(site(out(-800)), zones=zone(lost, FAR_ZONE))
    row = finding(result, "ERL-CORE")
    assert (row["verdict"], row["reason"], row["missing"]) == (
        "unchecked", "geometry_lost", "red_line",
    )  # fmt: skip
    assert verdict(result, "SCENIC-CORE") == "clear"
    # a park that is no polygon: neither inside nor outside of it
    park = zone(lost | {"kind": "industrial_park", "grade": "chemical"})
    assert verdict(check(site(out(-800)), zones=park), "CQ-WATER-CLUSTER") == "unchecked"
    # of no known kind: it may be of any
    strange = zone(lost | {"kind": None}, FAR_ZONE)
    assert verdict(check(site(out(-800)), zones=strange), "SCENIC-CORE") == "unchecked"
    # coverage that is no polygon covers nothing
    known = covered().assign(geometry=[lost["geometry"]] * len(covered()))
    known = gpd.GeoDataFrame(known, geometry="geometry", crs=4490)
    assert verdict(check(site(out(-800)), coverage=known), "ERL-CORE") == "unchecked"


def test_the_polygon_of_a_mixed_zone_still_counts():
    mixed = shapely.GeometryCollection([wedge(), wedge(FAR).exterior])
    ground = zone({"geometry": mixed})
    assert verdict(check(site(out(-800)), zones=ground), "ERL-CORE") == "prohibited"
    assert verdict(check(site(out(-800, FAR)), zones=ground), "ERL-CORE") == "unchecked"


def test_a_ring_for_a_range_leaves_what_it_may_hold_unchecked():
    lake = shapely.box(106.4, 29.4, 106.6, 29.6)
    inside = site(shapely.Point(106.5, 29.5), "chemical")
    ring = check(inside, shore({"geometry": lake.exterior}))
    assert verdict(ring, "CJ26-CHEM-1KM") == "unchecked"
    assert verdict(check(inside, shore({"geometry": lake})), "CJ26-CHEM-1KM") == "prohibited"
    near = site(shapely.Point(106.595, 29.5), "chemical")
    assert verdict(check(near, shore({"geometry": lake.exterior})), "CJ26-CHEM-1KM") == "prohibited"
    ring = check(inside.assign(category="building"), shore({"geometry": lake.exterior}))
    assert verdict(ring, "RIVER-RANGE-BLOCK") == "unchecked"
    point = check(inside, shore({"geometry": lake.centroid}))
    assert verdict(point, "CJ26-CHEM-1KM") == "unchecked"


def test_the_share_of_overlapping_zones_is_that_of_their_union():
    """A unit square plot: 60 % from the west, 70 % from the east, 30 % of it twice."""
    plot = shapely.box(106.0, 29.0, 106.01, 29.01)
    west, east = shapely.box(105.9, 28.9, 106.006, 29.1), shapely.box(106.003, 28.9, 106.009, 29.1)
    grounds = zone({"zone_id": "W", "geometry": west}, {"zone_id": "E", "geometry": east})
    row = finding(check(site(plot), zones=grounds), "ERL-CORE")
    whole = finding(check(site(plot), zones=zone({"geometry": plot.buffer(0.1)})), "ERL-CORE")
    assert row["evidence"] == "E, W"
    assert row["share"] == pytest.approx(0.9, abs=1e-6)
    assert row["overlap_m2"] == pytest.approx(0.9 * whole["overlap_m2"], rel=1e-5)
    # one zone given twice, and one within the other
    for twin in (west, shapely.box(105.9, 28.9, 106.002, 29.1)):
        twice = zone({"zone_id": "W", "geometry": west}, {"zone_id": "V", "geometry": twin})
        row = finding(check(site(plot), zones=twice), "ERL-CORE")
        assert row["share"] == pytest.approx(0.6, abs=1e-6)
        assert row["overlap_m2"] == pytest.approx(0.6 * whole["overlap_m2"], rel=1e-5)
    # a road: 0.6 and 0.6 of its length, together 0.9
    road = shapely.LineString([(106.0, 29.005), (106.01, 29.005)])
    row = finding(check(site(road), zones=grounds), "ERL-CORE")
    assert row["share"] == pytest.approx(0.9, abs=1e-6)
    # a zone that holds it all, and another that is wholly inside it
    rows = [{"zone_id": "A", "geometry": plot.buffer(0.1)}, {"zone_id": "B", "geometry": west}]
    row = finding(check(site(plot), zones=zone(*rows)), "ERL-CORE")
    assert (row["share"], row["overlap_m2"]) == (1.0, whole["overlap_m2"])
    point = finding(check(site(shapely.Point(106.005, 29.005)), zones=grounds), "ERL-CORE")
    assert (point["share"], point["overlap_m2"]) == (1.0, 0.0)


# ---- readings of the rule, industry codes -------------------------------------------------------

BROOK = {"river": "清溪", "river_class": "tributary", "tributary_order": 2}
ELSEWHERE = FAR_SHORE | {"river": "綦江", "river_class": "tributary", "tributary_order": 1}


@pytest.mark.parametrize(
    ("river", "reading", "expected", "reason"),
    [
        (BROOK, "all", "prohibited", "hit"),
        (BROOK, "important", "manual", "scope_disputed"),
        (BROOK, "first_order", "manual", "scope_disputed"),
        (BROOK, "second_order", "prohibited", "hit"),
        (BROOK, ("清溪", "綦江"), "prohibited", "hit"),
        (BROOK, ("綦江",), "manual", "scope_disputed"),
        (BROOK | {"tributary_order": None}, "first_order", "prohibited", "hit"),
        ({"river": "长江", "tributary_order": 0}, "important", "prohibited", "hit"),
        ({"river": "嘉陵江", "river_class": "tributary", "tributary_order": 1}, "important",
         "prohibited", "hit"),
        ({"river": "无名", "river_class": None, "tributary_order": 2}, "first_order", "manual",
         "scope_disputed"),
    ],
)  # fmt: skip
def test_which_tributaries_count_is_a_parameter_where_the_law_is_disputed(
    river, reading, expected, reason
):
    result = check(site(out(500)), shore(river, ELSEWHERE), tributaries=reading)
    row = finding(result, "CJ26-CHEM-1KM")
    assert (row["verdict"], row["reason"]) == (expected, reason)
    if reason == "scope_disputed":
        assert "按条文字面触及，按所选的支流范围未触及" in row["note"]
        assert "支流范围（有争议的条文）" in result.explain("S")
        assert "where disputed" in result.explain("S", "en")
    # beyond the limit the reading changes nothing
    far = check(site(out(1500)), shore(river, ELSEWHERE), tributaries=reading)
    assert verdict(far, "CJ26-CHEM-1KM") == "clear"
    # and a rule whose scope is not disputed is read as ever
    assert verdict(result, "CQ-WATER-1KM") == verdict(
        check(site(out(500)), shore(river, ELSEWHERE)), "CQ-WATER-1KM"
    )


def test_a_nearer_brook_that_does_not_count_hides_no_river_that_does():
    near = BROOK | {"line_id": "near", "geometry": wedge(tuple(out(300).coords[0]))}
    result = check(site(out(900)), shore(near, {"line_id": "far"}), tributaries="first_order")
    row = finding(result, "CJ26-CHEM-1KM")
    assert (row["verdict"], row["evidence"]) == ("prohibited", "far")


def test_a_reading_that_cannot_be_had():
    with pytest.raises(RuleError, match="tributaries 'some'"):
        check(site(out(5)), tributaries="some")
    with pytest.raises(LayerError, match="tributary_order"):
        check(site(out(5)), shore(), tributaries="first_order")


@pytest.mark.parametrize(
    ("word", "category", "expected"),
    [("C2611", "chemical", "prohibited"), ("2631 化学农药制造", "pesticide", "prohibited"),
     ("2521", "coking", "manual"), ("34", "machinery", None), ("9999", "9999", "manual")],
)  # fmt: skip
def test_a_class_of_gbt_4754_is_taken_for_a_category_and_told(word, category, expected):
    result = check(site(out(500), word), shore())
    assert result.sites.loc["S", "category"] == category
    if expected is None:
        assert "CJ26-CHEM-1KM" not in set(result.findings["rule_id"])
    else:
        assert verdict(result, "CJ26-CHEM-1KM") == expected
    assert ("GB/T 4754" in result.sites.loc["S", "note"]) == (word != "9999")
    if word == "2521":
        assert finding(result, "CJ26-CHEM-1KM")["reason"] == "category_undecided"


@pytest.mark.parametrize("accuracy_m", [1e7, 1e308, np.inf])
def test_a_plot_known_to_no_accuracy_at_all_is_never_clear(accuracy_m):
    """Its zones could all be slivers: that is told, and does not fail."""
    plot = site(out(500).buffer(1e-4))
    plot["accuracy_m"] = accuracy_m
    near = zone({"geometry": wedge(tip=(out(500).x + 1e-4, out(500).y))})
    found = check_sites(plot, shore(), near, coverage=covered(), date=DATE).findings
    measured = found[found["rule_id"].isin(["CJ26-CHEM-1KM", "ERL-CORE"])]
    assert len(measured)
    assert not measured["verdict"].eq("clear").any()
