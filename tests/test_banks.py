"""Rivers drawn by bank lines alone: a site between them is in the river, and never clear.

The truth is a polygon in a flat world of metres that the code under test never sees.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from basin import buffers
from basin.siting import check_sites
from basin.standards.rules import load_rules
from siting_world import DATE, covered, shore, sites_at, zone

RULES = {rule.id: rule for rule in load_rules(("china-yangtze", "chongqing"))}
PER_DEGREE = np.array([96_850.0, 110_860.0])  # metres at 29.5 N, good to a part in a thousand


def degrees(xy):
    return np.array([106.5, 29.5]) + np.asarray(xy, dtype=float) / PER_DEGREE


def line(*xy):
    return shapely.LineString(degrees(xy))


def banks(*lines, **more):
    rows = [{"line_id": f"B{n}", "kind": "bank", "geometry": g} | more for n, g in enumerate(lines)]
    return shore(*rows)


def places(*xy, category="chemical"):
    return sites_at(shapely.points(degrees(xy)), category)


def sides(lines, sites, **more):
    """The side of each site, in order."""
    found = buffers.bank_sides(sites, lines, **more)
    told = pd.Series(found["side"].to_numpy(), index=found["site"].to_numpy(dtype=int))
    return told.reindex(range(len(sites)), fill_value="land").to_list()


def reading(rule, lines, sites, **more):
    """The verdict of one rule at each site, with everything known complete."""
    chosen = [RULES[rule]]
    result = check_sites(sites, lines, zone(), coverage=covered(), rules=chosen, date=DATE, **more)
    return result.findings["verdict"].to_list(), result


def at(y, x=(-20_000, 20_000), step=200):
    along = np.arange(x[0], x[1] + step, step)
    return np.column_stack([along, np.full(len(along), float(y))])


def flow(*lines, name="长江"):
    """Middle lines, as the rivers layer has them."""
    named = {"reach_id": [f"R{n}" for n in range(len(lines))], "name": [name] * len(lines)}
    return gpd.GeoDataFrame(named, geometry=list(lines), crs=4490)


NORTH, SOUTH = line(*at(1650)), line(*at(-1650)[::-1])  # 3.3 km apart, drawn in contrary ways
MIDDLE = {"rivers": flow(line(*at(10)))}


# ---- the wide river -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bank", "management_range", "function_zone", "not_a_kind"])
@pytest.mark.parametrize("river_class", ["main_stem", "important_tributary", "tributary", ""])
def test_mid_river_is_in_the_river_whatever_the_kind_and_class(kind, river_class):
    lines = banks(NORTH, SOUTH, kind=kind, river_class=river_class)
    sites = places((0, 0), (500, -1500), (0, 2500), (0, -4000))
    assert sides(lines, sites, **MIDDLE) == ["in", "in", "land", "land"]


def test_without_a_middle_line_nothing_beside_a_bank_is_land():
    """Two lines may be one bank drawn twice: from the bank lines alone that cannot be told."""
    sites = places((0, 0), (0, 2500), (0, -4000), (0, 9000))
    assert sides(banks(NORTH, SOUTH), sites) == ["in", "unknown", "unknown", "land"]


def test_a_chemical_plant_in_mid_river_is_prohibited_not_clear():
    """Each bank is 1650 m away, farther than the limit of 1 km."""
    sites = places((0, 0), (0, 1000), (0, 2900), (0, -1750))
    found, result = reading("CJ26-CHEM-1KM", banks(NORTH, SOUTH), sites, **MIDDLE)
    assert found == ["prohibited", "prohibited", "clear", "prohibited"]
    rows = result.findings
    assert rows["distance_m"].to_list()[:2] == [0, 0]
    assert rows["distance_m"].iloc[3] == pytest.approx(100, rel=0.002)
    assert "岸线之间" in result.explain("S0")
    assert "between the bank lines" in result.explain("S0", lang="en")
    assert "岸线之间" not in result.explain("S3")
    assert result.sites.loc["S0", "nearest_m"] == 0


def test_a_bridge_over_bank_lines_needs_the_crossing_plan():
    sites = places((0, 0), (0, 1400), (0, 4000), category="bridge")
    found, _ = reading("CROSSING-PLAN", banks(NORTH, SOUTH), sites, **MIDDLE)
    assert found == ["prohibited", "prohibited", "clear"]
    deck = sites_at([line((0, -3000), (0, 3000))], "bridge")  # both its ends are on land
    assert reading("CROSSING-PLAN", banks(NORTH, SOUTH), deck, **MIDDLE)[0] == ["prohibited"]
    yard = sites_at([shapely.box(*degrees([(-90, 4000), (90, 4200)]).ravel())], "bridge")
    assert reading("CROSSING-PLAN", banks(NORTH, SOUTH), yard, **MIDDLE)[0] == ["clear"]


def test_depth_is_the_distance_to_the_nearer_bank():
    (row,) = buffers.shoreline_distance(places((0, 1000)), banks(NORTH, SOUTH)).to_dict("records")
    assert (row["distance_m"], row["line_id"], row["between"]) == (0, "B0", True)
    assert row["inside_m"] == pytest.approx(650, rel=0.002)
    one = buffers.shoreline_distance(
        places((0, 1000)), banks(NORTH, SOUTH), by=("line_id",), within_m=3000.0
    )
    assert one["distance_m"].round(-1).to_list() == [0, 2650]  # the farther one stays a line


@pytest.mark.parametrize("epsg", [4490, 4545])
def test_how_the_banks_are_drawn_changes_nothing(epsg):
    sites = places((0, 0), (0, 2500), (7000, 900), (-7000, -5000))
    whole = banks(shapely.MultiLineString([NORTH, SOUTH]))
    halves = banks(*(line(*half) for y in (1650, -1650) for half in (
        at(y, (-20_000, 0))[::-1], at(y, (0, 20_000)))))  # fmt: skip
    twice = banks(NORTH, SOUTH, NORTH.reverse(), SOUTH)
    for lines in (whole, halves, twice):
        assert sides(lines.to_crs(epsg), sites, **MIDDLE) == ["in", "land", "in", "land"]


def test_open_ends_are_doubtful_only_beside_the_gap():
    sites = places((15_000, 0), (19_500, 0), (20_800, 0), (24_000, 0), (20_500, 4000))
    told = sides(banks(NORTH, SOUTH), sites, **MIDDLE)
    assert told == ["in", "unknown", "unknown", "unknown", "unknown"]


def test_a_lone_bank_is_never_clear_near_it():
    sites = places((0, 0), (0, 3300), (0, 6000), (0, -3000), (0, 9000), category="bridge")
    found, result = reading("CROSSING-PLAN", banks(NORTH), sites)
    assert found == ["unchecked", "unchecked", "unchecked", "unchecked", "clear"]
    assert set(result.findings["reason"][:4]) == {"no_inside"}
    assert "面状" in result.explain("S0")
    assert "bank lines have no inside" in result.explain("S0", lang="en")
    plant = places((0, 0), (0, 3300), (0, 2500), (0, 9000))
    assert reading("CJ26-CHEM-1KM", banks(NORTH), plant)[0] == [
        "unchecked", "unchecked", "prohibited", "clear",
    ]  # fmt: skip


def test_a_brook_with_one_bank_leaves_the_far_land_clear():
    lines = banks(NORTH, river="清溪", river_class="tributary")
    assert sides(lines, places((0, 2650), (0, 4650))) == ["unknown", "land"]


def test_a_middle_line_settles_what_one_bank_cannot():
    """South of the middle no bank is drawn: that stays open."""
    sites = places((0, 0), (0, 1000), (0, 3000), (0, -3000), category="bridge")
    middle = line(*at(10))
    rivers = flow(middle)
    assert sides(banks(NORTH), sites, rivers=rivers) == ["unknown", "in", "land", "unknown"]
    found, _ = reading("CROSSING-PLAN", banks(NORTH), sites, rivers=rivers)
    assert found == ["unchecked", "prohibited", "clear", "unchecked"]
    other = rivers.assign(name="嘉陵江")
    assert sides(banks(NORTH), sites, rivers=other) == ["unknown"] * 4
    drawn = pd.concat([banks(NORTH), shore({"line_id": "M", "kind": "centreline",
                                           "geometry": middle})])  # fmt: skip
    assert sides(drawn, sites) == ["unknown", "in", "land", "unknown"]


def test_a_centre_line_without_a_width_is_never_clear_near_it():
    lines = shore({"kind": "centreline", "geometry": line(*at(0))})
    sites = places((0, 1500), (0, 4000), category="bridge")
    assert reading("CROSSING-PLAN", lines, sites)[0] == ["unchecked", "clear"]
    # what its width may be is in its error already, where the limit is a distance
    assert reading("CJ26-CHEM-1KM", lines, places((0, 2500)))[0] == ["clear"]
    narrow = lines.assign(width_m=200.0)
    assert reading("CROSSING-PLAN", narrow, sites)[0] == ["clear", "clear"]


def test_banks_drawn_twice_over_are_never_clear_between():
    """Water side and outer edge of a function zone: every look is even, as it is from land."""
    lines = banks(NORTH, SOUTH, line(*at(1900)), line(*at(-1900)), kind="function_zone")
    assert sides(lines, places((0, 0), (0, 3500))) == ["unknown", "unknown"]
    assert sides(lines, places((0, 0), (0, 3500), (0, 9000)), **MIDDLE) == [
        "in", "unknown", "land",
    ]  # fmt: skip


def test_two_editions_in_force_are_each_looked_at():
    old = banks(NORTH, SOUTH, valid_from="2015-01-01")
    new = banks(line(*at(1900)), line(*at(-1900)), valid_from="2020-01-01")
    new["line_id"] = ["N0", "N1"]
    assert sides(pd.concat([old, new]), places((0, 0), (0, 3500)), **MIDDLE) == ["in", "land"]


def test_one_bank_of_2019_and_the_other_of_2023_are_a_pair():
    lines = pd.concat([banks(NORTH, valid_from="2019-06-01"),
                       banks(SOUTH, valid_from="2023-07-01", line_id="B9")])  # fmt: skip
    assert sides(lines, places((0, 0), (0, 3500)), **MIDDLE) == ["in", "land"]


def test_brooks_without_a_name_are_no_pair():
    lines = banks(NORTH, SOUTH, river="", river_class="main_stem")
    assert sides(lines, places((0, 0), (0, 4000), (0, 7000))) == ["unknown", "unknown", "land"]


def test_a_range_drawn_as_a_line_is_not_unseen_by_the_rules_on_ranges():
    lines = banks(NORTH, SOUTH, kind="management_range")
    rule = next(r for r in RULES.values() if any(k == "river_range" for k, _ in r.zones))
    sites = places((0, 0), (0, 4000)).assign(
        category=next(iter(rule.categories)).replace("*", "machinery"),
        action=next(iter(rule.actions)).replace("any", "new"),
    )
    assert reading(rule.id, lines, sites, **MIDDLE)[0] == ["unchecked", "clear"]


# ---- meanders and islands -----------------------------------------------------------------------


def meander(width, loops=3, swing=1.9, wave=16_000.0, n=3000):
    """A sine-generated river that folds back on itself: its two banks, and its outline."""
    s = np.linspace(0, loops * wave, n)
    turn = swing * np.sin(2 * np.pi * s / wave)
    ahead = np.column_stack([np.cos(turn), np.sin(turn)])
    middle = np.cumsum(ahead, axis=0) * (s[1] - s[0])
    left = middle + ahead[:, ::-1] * [-width / 2, width / 2]
    right = middle + ahead[:, ::-1] * [width / 2, -width / 2]
    return left, right, shapely.Polygon(np.vstack([left, right[::-1]])), middle


def pieces(bank, n, gap, rng):
    parts = np.array_split(np.arange(len(bank)), n)
    cut = [bank[part[: len(part) - gap]] for part in parts]
    return [line(*(xy if rng.random() < 0.5 else xy[::-1])) for xy in cut]


@pytest.mark.parametrize("gap", [None, 0, 10], ids=["whole", "16 m gaps", "180 m gaps"])
def test_necks_of_land_between_limbs_of_a_meander(gap):
    """All over a folded river 400 m wide: no land is river and no river is land."""
    rng = np.random.default_rng(20260331)
    left, right, outline, middle = meander(400)
    if gap is None:
        lines = banks(line(*left), line(*right))
    else:
        lines = banks(*pieces(left, 6, gap, rng), *pieces(right, 7, gap, rng))
    low, high = np.array(outline.bounds).reshape(2, 2)
    xy = rng.uniform(low - 2500, high + 2500, (3000, 2))
    told = np.array(sides(lines, places(*xy), rivers=flow(line(*middle))))
    edge = shapely.distance(outline.exterior, shapely.points(xy))
    river = shapely.contains_xy(outline, *xy.T)
    sure = edge > 5  # the flat world is good to a metre or so
    neck = sure & ~river & shapely.contains_xy(outline.convex_hull, *xy.T)
    assert (river & sure).sum() > 180
    assert neck.sum() > 800
    assert not ((told == "in") & ~river & sure).any()
    assert not ((told == "land") & river & sure).any()
    assert (told[river & sure] == "in").mean() > 0.96
    assert (told[neck] == "land").mean() > 0.85  # the others are open


def test_the_neck_of_a_lone_bank_is_not_taken_for_a_river():
    left, _, outline, _ = meander(400)
    rng = np.random.default_rng(7)
    low, high = np.array(outline.bounds).reshape(2, 2)
    assert "in" not in sides(banks(line(*left)), places(*rng.uniform(low, high, (500, 2))))


def test_an_island_is_river_however_its_bank_is_drawn():
    angle = np.linspace(0, 2 * np.pi, 61)
    ring = np.column_stack([1200 * np.cos(angle), 500 * np.sin(angle)])
    sites = places((0, 0), (900, 0), (0, 1000), (-3000, 0), (0, 3000))
    expected = ["in", "in", "in", "in", "land"]
    whole = banks(NORTH, SOUTH, line(*ring))
    assert sides(whole, sites, **MIDDLE) == expected
    halves = banks(NORTH, SOUTH, line(*ring[:31]), line(*ring[30:][::-1]))
    assert sides(halves, sites, **MIDDLE) == expected
    assert reading("CROSSING-PLAN", whole, places((0, 0), category="bridge"))[0] == ["prohibited"]


def test_polygons_are_left_to_their_own_inside():
    lines = shore({"geometry": shapely.Polygon(degrees(np.vstack([at(1650), at(-1650)[::-1]])))})
    assert len(buffers.bank_sides(places((0, 0), (0, 1700)), lines)) == 0
    assert len(buffers.bank_sides(places((0, 0)), lines.iloc[:0])) == 0


def test_sites_without_geometry_have_no_side():
    sites = places((0, 0), (0, 10)).set_geometry([None, shapely.Point(*degrees((0, 10)))])
    assert sides(banks(NORTH, SOUTH), sites.set_crs(4490), **MIDDLE) == ["land", "in"]


# ---- what looks like a pair and is none ---------------------------------------------------------

#: One bank of the river, drawn over and over; the other is not drawn at all.
ONE_SIDE = {
    "3 m apart": line(*at(1653)),
    "denser": line(*at(1650, step=37)),
    "a piece": line(*at(1650, (-9000, 9000))),
    "a levee": line(*at(1950)),
    "two levees": shapely.MultiLineString([line(*at(1950)), line(*at(2100))]),
}


@pytest.mark.parametrize("again", ONE_SIDE)
@pytest.mark.parametrize("middle", [{}, MIDDLE], ids=["no middle", "middle"])
def test_one_bank_drawn_twice_is_no_pair(again, middle):
    """The river lies south of it; its other bank is missing, so nothing there is clear."""
    lines = banks(NORTH, ONE_SIDE[again])
    river = places((0, 0), (400, 600), (0, -600), (0, -1600))
    assert "land" not in sides(lines, river, **middle)
    assert (
        "clear" not in reading("CROSSING-PLAN", lines, river.assign(category="bridge"), **middle)[0]
    )
    assert "clear" not in reading("CJ26-CHEM-1KM", lines, river, **middle)[0]


def test_land_between_levees_of_one_side_is_not_called_river_where_a_middle_is_known():
    lines = banks(NORTH, SOUTH, line(*at(1950)), line(*at(2250)))
    assert sides(lines, places((0, 1800), (0, 2100)), **MIDDLE) == ["unknown", "unknown"]


def test_a_ring_is_an_outline_like_any_closed_line():
    ring = shapely.LinearRing(degrees(np.vstack([at(1650), at(-1650)[::-1]])))
    assert sides(banks(ring), places((0, 0), (0, 9000))) == ["in", "land"]


@pytest.mark.parametrize("middle", [{}, {"rivers": flow(line(*at(-900)))}, MIDDLE])
def test_an_island_of_two_open_arcs_is_never_land(middle):
    """Their ends are 100 m apart; the middle line passes beside the island, or through it."""
    angle = np.linspace(0.1, np.pi - 0.1, 40)
    arc = np.column_stack([1200 * np.cos(angle), 500 * np.sin(angle)])
    lines = banks(NORTH, SOUTH, line(*arc), line(*(arc * [1, -1])))
    sites = places((0, 100), (600, 0), (0, 400), (-700, -200), (0, 1000))
    assert "land" not in sides(lines, sites, **middle)
    assert "clear" not in reading("CJ26-CHEM-1KM", lines, sites, **middle)[0]


@pytest.mark.parametrize("middle", [{}, MIDDLE])
def test_where_both_banks_are_missing_the_river_is_never_land(middle):
    """A gap of 5 km in both banks, at the same place."""
    lines = banks(*(line(*at(y, x)) for y in (1650, -1650)
                    for x in ((-20_000, -2500), (2500, 20_000))))  # fmt: skip
    rng = np.random.default_rng(3)
    river = places(*rng.uniform([-2600, -1640], [2600, 1640], (300, 2)))
    assert "land" not in sides(lines, river, **middle)


def test_lines_of_no_kind_make_no_river():
    """Two brooks of one name, each drawn as one line: the land between them is no river."""
    lines = banks(line(*at(2750)), line(*at(-2750)), river="小溪", kind="", river_class="tributary")
    assert "in" not in sides(lines, places((0, 0), (0, 2000)))
