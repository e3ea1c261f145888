"""What a verdict hangs on: the edition and kind of line, the place, the reading of the rule."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import basin.project
from basin.crs import GEOD, to_web_map
from basin.errors import BasinError
from basin.siting import check_sites, definition_sensitivity, line_sensitivity, tributary_orders
from basin.standards.rules import load_rules
from siting_world import DATE, FAR, TIP, covered, out, shore, site, sites_at, wedge

RULE = "CJ26-CHEM-1KM"
CHEM = tuple(rule for rule in load_rules("china-yangtze") if rule.id == RULE)
OLD = {"line_id": "old", "valid_from": "2019-06-01", "valid_to": "2023-06-30",
       "geometry": wedge(shapely.get_coordinates(out(80))[0])}  # fmt: skip
NEW = {"line_id": "new", "valid_from": "2023-07-01"}


def read(place, *lines, **options):
    options = {"coverage": covered(), "date": DATE, "rules": CHEM} | options
    result = line_sensitivity(place, shore(*lines), **options)
    (row,) = result.sites[result.sites["rule_id"] == RULE].to_dict("records")
    return result, row


def lines_of(result):
    table = result.lines[result.lines["rule_id"] == RULE]
    return {r["line_id"]: r for r in table.to_dict("records")}


# ---- lines ------------------------------------------------------------------------------------


def test_a_site_that_passes_only_under_the_newer_narrower_line_is_flagged():
    """80 m narrower since 2023: 1040 m now, 960 m before; error 1.41 m."""
    result, row = read(site(out(1040)), NEW, OLD)
    assert (row["verdict"], row["flag"]) == ("manual", "newer_line")
    assert (row["strictest"], row["mildest"]) == ("prohibited", "clear")
    assert row["shift_m"] == pytest.approx(40, abs=0.01)
    assert row["setback_m"] == 0
    assert row["setback_all_m"] == pytest.approx(40 + 2**0.5, abs=0.01)
    assert row["bearing_deg"] == pytest.approx(90, abs=0.1)
    both = lines_of(result)
    assert (both["new"]["standing"], both["old"]["standing"]) == ("counts", "earlier")
    assert (both["new"]["verdict"], both["old"]["verdict"]) == ("clear", "prohibited")
    assert both["old"]["distance_m"] == pytest.approx(960, abs=0.01)
    assert both["old"]["edition"] == "2019-06-01–2023-06-30"
    assert (both["new"]["changes"], both["old"]["changes"]) == (False, True)
    told = result.explain("S")
    for part in ("仅按新版（较窄）岸线通过", "按现行岸线已在限值外", "向东退 41.4 m", "960.0 m"):
        assert part in told
    assert "only under the newer" in result.explain("S", "en")


@pytest.mark.parametrize(
    ("metres", "shift", "setback", "verdict"),
    [(500, 500, 501.414, "prohibited"), (999, 1, 2.414, "borderline"), (1500, 500, 0, "clear"),
     (-300, 1300, 1301.414, "prohibited")],
)  # fmt: skip
def test_the_shift_that_flips_and_the_setback_that_passes(metres, shift, setback, verdict):
    _, row = read(site(out(metres)), {"geometry": wedge(half=0.03)})
    assert row["verdict"] == verdict
    deep = 2.0 if metres < 0 else 0.01  # inside, the nearest edge lies aslant
    if metres < 0:
        assert row["shift_m"] < shift
    else:
        assert row["shift_m"] == pytest.approx(shift, abs=deep)
        assert row["setback_m"] == pytest.approx(setback, abs=deep)
    # going there, it passes
    lon, lat, _ = GEOD.fwd(*TIP, 90, metres + setback + 0.05)
    moved = check_sites(
        site(shapely.Point(lon, lat)), shore(), None, coverage=covered(), date=DATE, rules=CHEM
    )
    found = moved.findings.set_index("rule_id")["verdict"]
    assert found[RULE] == "clear"


def test_a_line_that_is_not_yet_in_force_and_one_of_a_lesser_kind():
    future = {"line_id": "next", "valid_from": "2027-01-01", "geometry": OLD["geometry"]}
    result, row = read(site(out(1040)), NEW, future)
    assert row["flag"] == "later_line"
    assert lines_of(result)["next"]["standing"] == "later"
    # a range that is drawn as a line, and a bank 80 m before it: the range counts
    upright = shapely.LineString([(TIP[0], 29.4), (TIP[0], 29.6)])
    near = shapely.transform(upright, lambda xy: xy + np.array([out(80).x - TIP[0], 0]))
    result, row = read(
        site(out(1040)),
        {"geometry": upright},
        {"line_id": "bank", "kind": "bank", "geometry": near},
    )
    assert lines_of(result)["bank"]["standing"] == "lesser_kind"
    assert row["flag"] == "better_kind"


def test_coordinates_of_a_web_map_are_read_again_where_they_belong():
    """The true place is 700 m off; its web-map coordinates read as another place."""
    true = out(700)
    lon, lat = to_web_map(true.x, true.y, "gcj02")
    _, row = read(site(shapely.Point(float(lon), float(lat))), NEW)
    assert row["gcj02_distance_m"] == pytest.approx(700, abs=0.01)
    assert row["gcj02_verdict"] == "prohibited"
    assert row["gcj02_changes"] == (row["verdict"] != "prohibited")
    assert row["verdict"] == "clear"  # some 300 m to the east in Chongqing


def test_bank_lines_without_an_inside_are_not_read_as_clear():
    bank = {"line_id": "bank", "kind": "bank",
            "geometry": shapely.LineString([(106.5, 29.4), (106.5, 29.6)])}  # fmt: skip
    result, row = read(site(out(1200)), bank)
    assert row["verdict"] == "unchecked"
    assert lines_of(result)["bank"]["verdict"] == "unchecked"


def test_far_lines_are_told_with_their_distance_and_nothing_is_lost():
    table = sites_at([out(30_000), None, out(5)])
    result = line_sensitivity(table, shore(NEW), coverage=covered(), date=DATE, rules=CHEM)
    rows = result.sites[result.sites["rule_id"] == RULE].set_index("site_id")
    assert list(rows.index) == ["S0", "S1", "S2"]
    assert rows.loc["S0", "distance_m"] == pytest.approx(30_000, abs=0.01)
    assert rows.loc["S0", ["setback_m", "setback_all_m"]].to_list() == [0, 0]
    assert np.isnan(rows.loc["S1", "distance_m"])
    assert rows.loc["S1", "verdict"] == "unchecked"
    assert result.lines.crs.to_epsg() == 4490
    assert (result.lines.geom_type == "LineString").all()
    none = line_sensitivity(table, shore().iloc[:0], date=DATE, rules=CHEM)
    assert none.lines.empty
    assert set(none.sites["verdict"]) == {"unchecked"}
    with pytest.raises(BasinError, match="nowhere"):
        result.explain("nowhere")


def test_the_verdict_is_that_of_the_check_with_its_reading_and_what_people_decided():
    """A brook 500 m off, left out by the reading: a person decides, in both, under each line."""
    brook = {"river": "小沟", "river_class": "tributary", "tributary_order": 3}
    for reading, verdict in (("all", "prohibited"), ("first_order", "manual"),
                             ("important", "manual"), (("小沟",), "prohibited")):  # fmt: skip
        result, row = read(site(out(500)), brook, tributaries=reading)
        assert row["verdict"] == row["verdict_computed"] == verdict
        assert lines_of(result)["L1"]["verdict"] == verdict
    given = {"site_id": "S", "rule_id": RULE, "verdict": "conditional", "who": "A",
             "when": "2026-01-01", "why": "x"}  # fmt: skip
    result, row = read(site(out(500)), overrides=pd.DataFrame([given]))
    assert (row["verdict"], row["verdict_computed"]) == ("conditional", "prohibited")
    assert row["strictest"] == "prohibited"
    assert not row["gcj02_changes"]
    assert "限制（人工改判；计算：禁止）" in result.explain()


def test_rules_that_hang_on_more_than_a_distance_are_named():
    every = load_rules("china-yangtze")
    bridge = line_sensitivity(site(out(500), "bridge"), shore(), date=DATE, rules=every)
    left = bridge.left_out.set_index("rule_id")
    assert left.loc["CROSSING-PLAN", "why"] == "zone_too"
    assert "CROSSING-PLAN" not in set(bridge.sites["rule_id"])
    assert "CROSSING-PLAN" in bridge.explain()
    assert "zone as well" in bridge.explain(lang="en")
    assert (
        "CROSSING-PLAN"
        not in line_sensitivity(site(out(500)), shore(), date=DATE, rules=every).explain()
    )


# ---- definitions ------------------------------------------------------------------------------

#: Three rivers side by side, 20 km apart: a main stem, its tributary, and a brook of that.
RIVERS = [("长江", "main_stem", 0), ("綦江", "tributary", 1), ("清溪", "tributary", 2),
          ("小沟", "tributary", 3)]  # fmt: skip


@pytest.fixture(scope="module")
def readings():
    """Ranges whose tips are 500 m east of the centre line; sites 800 m and 2,700 m from each tip.

    From the centre line the same sites are 1,300 m and 3,200 m off.
    """
    rows, points = [], []
    for k, (river, of, order) in enumerate(RIVERS):
        tip = (106.0 + 0.3 * k, 29.5)
        middle = shapely.Point(GEOD.fwd(*tip, 270, 500)[:2])
        line = shapely.LineString([(middle.x, 29.3), (middle.x, 29.7)])
        base = {"river": river, "river_class": of, "tributary_order": order}
        rows += [base | {"line_id": f"R{k}", "geometry": wedge(tip, reach=0.02, half=0.1)},
                 base | {"line_id": f"C{k}", "kind": "centreline", "geometry": line}]  # fmt: skip
        points += [out(800, tip), out(2700, tip)]
    return definition_sensitivity(sites_at(points), shore(*rows), date=DATE)


@pytest.mark.parametrize(
    ("line", "limit", "counts"),
    [
        ("management_range", 1000, (1, 2, 3, 4)),
        ("management_range", 3000, (2, 4, 6, 8)),
        ("base", 1000, (1, 2, 3, 4)),
        ("centreline", 1000, (0, 0, 0, 0)),
        ("centreline", 3000, (1, 2, 3, 4)),
        ("centreline", 5000, (2, 4, 6, 8)),
        ("bank", 1000, (0, 0, 0, 0)),
    ],
)
def test_how_many_sites_each_reading_prohibits(readings, line, limit, counts):
    table = readings.table
    some = table[(table["line"] == line) & (table["limit_m"] == limit)]
    assert some["scope"].to_list() == ["main_stem", "first_order", "second_order", "all"]
    assert tuple(some["n_prohibited"]) == counts
    assert (some["n_sites"] == 8).all()
    total = some[["n_prohibited", "n_borderline", "n_clear", "n_unchecked"]].sum(axis=1)
    assert (total == 8).all()
    if line == "bank":  # no bank is drawn: beside the ranges nothing is known
        assert some["n_unchecked"].to_list() == [1, 2, 3, 4]


def test_more_rivers_and_wider_limits_never_prohibit_fewer(readings):
    n = readings.table.pivot_table(
        "n_prohibited", ["line", "limit_m"], "scope", sort=False, observed=True
    )
    assert (n.diff(axis=1).iloc[:, 1:] >= 0).all().all()
    for _, part in n.groupby(level="line"):
        assert (part.diff().iloc[1:] >= 0).all().all()
    assert readings.table.iloc[0]["site_ids"] == "S0"
    heads = list(readings.to_frame("zh"))
    assert heads[:3] == ["河流范围", "起算线", "限距 (m)"]
    assert len(readings.to_frame()) == 4 * 4 * 3


def test_a_river_of_no_known_order_leaves_the_narrower_readings_open():
    line = shore({"river": "无名", "river_class": "tributary"})
    table = definition_sensitivity(sites_at([out(500)]), line, date=DATE).table
    some = table[(table["line"] == "base") & (table["limit_m"] == 1000)].set_index("scope")
    assert some["n_unchecked"].to_list() == [1, 1, 1, 0]
    assert some.loc["all", "n_prohibited"] == 1


def test_a_river_without_a_range_beside_one_of_the_same_order_that_has_one():
    """500 m from 甲溪, of which only a bank is drawn, and 1,400 m from the range of 乙溪."""
    upright = shapely.LineString([(TIP[0], 29.4), (TIP[0], 29.6)])
    where = out(500)
    tip = shapely.get_coordinates(out(1400, (where.x, where.y)))[0]
    east = shapely.transform(wedge(), lambda xy: tip - (xy - np.array(TIP)))
    of = {"river_class": "tributary", "tributary_order": 2}
    lines = shore(of | {"river": "甲溪", "kind": "bank", "geometry": upright},
                  of | {"line_id": "L2", "river": "乙溪", "geometry": east})  # fmt: skip
    table = definition_sensitivity(sites_at([where]), lines, date=DATE).table
    one = table[(table["limit_m"] == 1000) & (table["scope"] == "all")].set_index("line")
    assert one.loc["bank", "n_prohibited"] == 1
    assert one.loc["management_range", ["n_clear", "n_unchecked"]].to_list() == [0, 1]
    # once its own range is drawn, 1,300 m off, it is beyond
    own = shapely.transform(wedge(), lambda xy: xy + np.array([out(-800).x - TIP[0], 0]))
    more = pd.concat([lines, shore(of | {"line_id": "L3", "river": "甲溪", "geometry": own})])
    table = definition_sensitivity(sites_at([where]), more, date=DATE).table
    one = table[(table["limit_m"] == 1000) & (table["scope"] == "all")].set_index("line")
    assert one.loc["management_range", ["n_clear", "n_unchecked"]].to_list() == [1, 0]


@pytest.fixture(scope="module")
def sample_project():
    return basin.project.open("data/sample_layers")


def test_the_sample_answers_the_districts_question(sample_project):
    """Each reading against check_sites: by the letter, the sites within 1 km of any river."""
    project = sample_project
    found = project.definition_sensitivity()
    table = found.table.set_index(["line", "limit_m", "scope"])
    park = project.layers["sites"].assign(category="chemical_park", action="new")
    checked = project.check(park).findings.query("rule_id == 'CJ26-CHEM-1KM'")
    inside = checked.loc[checked["verdict"] == "prohibited", "site_id"]
    assert set(table.loc[("base", 1000.0, "all"), "site_ids"].split(", ")) == set(inside)
    five = project.check(park).findings.query("rule_id == 'CQ-PARK-5KM'")
    assert (
        table.loc[("base", 5000.0, "main_stem"), "n_prohibited"]
        == (five["verdict"] == "prohibited").sum()
    )
    for reading in ("important", "first_order", ("蒲河", "孝子河")):
        told = project.check(park, tributaries=reading).findings.query("rule_id == 'CJ26-CHEM-1KM'")
        asked = project.definition_sensitivity(park, limits_m=[1000], tributaries=reading)
        row = asked.sites.query("line == 'base' and scope == 'asked'").set_index("site_id")
        within = set(told.loc[told["verdict"] == "prohibited", "site_id"])
        assert set(row.index[row["verdict"] == "prohibited"]) == within
        lines = project.line_sensitivity(park, tributaries=reading).sites
        lines = lines.query("rule_id == 'CJ26-CHEM-1KM'").set_index("site_id")["verdict"]
        assert lines.to_dict() == told.set_index("site_id")["verdict"].to_dict()
    red = project.line_sensitivity().sites.query("flag == 'newer_line'")
    assert red["site_id"].to_list() == ["X-04"]


def test_orders_are_those_of_the_law(sample_project):
    lines = sample_project.layers["shorelines"]
    order = tributary_orders(lines, sample_project.network)
    named = pd.Series(order.to_numpy(), lines["river"].fillna("").to_numpy())
    assert (named["长江"] == 0).all()
    assert (named["綦江河"] == 1).all()
    assert (named["蒲河"] == 2).all()
    assert order.notna().all()
    far = gpd.GeoDataFrame({"line_id": ["x"], "river": [""]}, geometry=[wedge(FAR)], crs=4490)
    assert tributary_orders(far, sample_project.network).isna().all()
