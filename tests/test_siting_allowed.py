"""Where it may be built: never shown as allowed where check_sites prohibits or cannot tell."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import basin.project
from basin.cli import main
from basin.crs import GEOD, area_m2
from basin.errors import BasinError, ProjectError
from basin.siting import check_sites, find_allowed_area
from basin.standards.labels import codes
from basin.standards.rules import load_rules
from siting_world import DATE, FAR, TIP, covered, out, shore, site, wedge, zone

GROUND = shapely.box(TIP[0] - 0.01, TIP[1] - 0.02, TIP[0] + 0.04, TIP[1] + 0.02)
#: Everything that new chemical projects need lies in one park that holds the ground.
PARK = {"zone_id": "P", "kind": "industrial_park", "grade": "chemical",
        "geometry": shapely.box(106.0, 29.0, 107.0, 30.0)}  # fmt: skip
OPEN = ("allowed", "conditional")
#: Rules of every sort: a limit, in a zone, outside a park, a grade, a review.
FEW = tuple(
    rule for rule in load_rules(("china-yangtze", "chongqing"))
    if rule.id in {"CJ26-CHEM-1KM", "ERL-CORE", "CQ-WATER-CLUSTER-CHEM", "WPPL65-ZONE1-BUILD",
                   "UNIT-KEY", "RIVER-RANGE-BLOCK"}
)  # fmt: skip


def layers(*lines, zones=(), coverage=None, **more):
    return {
        "shorelines": shore(*(lines or ({},))),
        "zones": zone(PARK, *zones),
        "coverage": covered() if coverage is None else coverage,
        "date": DATE,
        "rules": FEW,
    } | more


def points_in(shape, n, seed=0):
    """Places inside a shape: spread, and hugging its edge."""
    rng = np.random.default_rng(seed)
    w, s, e, north = shape.bounds
    xy = np.column_stack([rng.uniform(w, e, 40 * n), rng.uniform(s, north, 40 * n)])
    spread = xy[shapely.contains_xy(shape, xy)][:n]
    at = rng.uniform(0, shape.boundary.length, n)
    edge = shapely.line_interpolate_point(shape.boundary, at)
    hug = shapely.get_coordinates(edge)[:, None, :] + rng.normal(0, 1e-6, (n, 3, 2))
    hug = hug.reshape(-1, 2)
    return shapely.points(np.vstack([spread, hug[shapely.contains_xy(shape, hug)]]))


def judged(points, category, action, given, accuracy_m=5.0):
    table = gpd.GeoDataFrame(
        {"site_id": np.arange(len(points)).astype(str), "category": category, "action": action,
         "accuracy_m": accuracy_m},
        geometry=points, crs=4490,
    )  # fmt: skip
    return check_sites(table, **given)


def prohibits_or_open(result):
    """Sites where a prohibiting rule is met, near, open or unchecked."""
    banning = {rule.id for rule in result.rules if rule.verdict == "prohibit"}
    table = result.findings
    stopped = table["verdict"].isin(["prohibited", "borderline", "unchecked"])
    stopped |= (table["verdict"] == "manual") & table["rule_id"].isin(banning)
    return set(table.loc[stopped, "site_id"])


# ---- against the geodesic ----------------------------------------------------------------------


def test_the_allowed_area_ends_one_kilometre_and_the_error_from_the_river():
    """A straight bank along a meridian: allowed is what lies over 1,000 m and the error east."""
    bank = shapely.box(TIP[0] - 0.2, 29.0, TIP[0], 30.0)
    given = layers({"geometry": bank})
    found = find_allowed_area("chemical", "new", within=GROUND, **given)
    west = found.allowed.bounds[0]
    metres = GEOD.inv(TIP[0], 29.5, west, 29.5)[2]
    assert metres == pytest.approx(1000 + 26**0.5, abs=1.0)  # 5 m and 1 m, and the drawing
    assert metres > 1000 + 26**0.5
    lon = GEOD.fwd(TIP[0], 29.5, 90, metres)[0]
    strip = shapely.box(lon, GROUND.bounds[1], GROUND.bounds[2], GROUND.bounds[3])
    (inside,) = area_m2(np.array([strip]))
    sums = found.summary().set_index("status")["area_m2"]
    assert sums["allowed"] == pytest.approx(inside, rel=1e-4)
    assert sums.sum() == pytest.approx(area_m2(np.array([GROUND]))[0], rel=1e-6)
    assert set(sums.index) == {"allowed", "borderline", "prohibited"}
    reasons = found.areas.groupby("status")["rules"].unique()
    assert "CJ26-CHEM-1KM" in reasons["prohibited"][0]


# ---- by sampling -------------------------------------------------------------------------------

BROOK = {"line_id": "B", "river": "綦江", "river_class": "tributary", "accuracy_m": 20.0}
MIDDLE = shapely.LineString([(TIP[0] + 0.02, 29.4), (TIP[0] + 0.022, 29.6)])
WORLDS = {
    "every rule": layers(
        rules=("china-yangtze", "chongqing"),
        zones=(
            {"zone_id": "E", "grade": "core", "geometry": wedge((TIP[0] + 0.03, TIP[1] + 0.01))},
            {"zone_id": "U", "kind": "control_unit", "grade": "key",
             "geometry": shapely.box(106.51, 29.48, 106.6, 29.6)},
            {"zone_id": "W", "kind": "water_source", "grade": None,
             "geometry": shapely.box(106.5, 29.52, 106.51, 29.54)},
        )
    ),
    "a brook, a wider edition, a red line not covered": layers(
        BROOK, BROOK | {"line_id": "O", "valid_to": "2023-06-30",
                        "geometry": wedge((TIP[0] + 0.004, TIP[1]))},
        {"line_id": "C", "kind": "centreline", "river": "小沟", "river_class": "tributary",
         "width_m": 6.0, "geometry": MIDDLE},
        coverage=pd.concat([
            covered(without=("red_line",)),
            gpd.GeoDataFrame({"layer": ["zones"], "kind": ["red_line"]},
                             geometry=[shapely.box(106.52, 29.4, 106.7, 29.7)], crs=4490),
        ], ignore_index=True),
    ),
    "bank lines without an inside": layers(
        {"line_id": "K", "kind": "bank", "river": "乙河", "river_class": "tributary",
         "geometry": MIDDLE}),
    "an edition that lapsed without a successor": layers(
        BROOK | {"valid_to": "2020-01-01"}, BROOK | {"line_id": "N", "geometry": wedge(FAR)}),
    "shorelines known to the south only": layers(
        coverage=pd.concat([
            covered(without=("shorelines",)),
            gpd.GeoDataFrame({"layer": ["shorelines"], "kind": [""]},
                             geometry=[shapely.box(106.0, 29.0, 107.0, 29.51)], crs=4490),
        ], ignore_index=True)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "category", "action"),
    [*((name, "chemical", "new") for name in WORLDS), ("every rule", "outfall", "rebuild")],
)
def test_no_place_that_is_shown_as_allowed_is_prohibited_or_unchecked(name, category, action):
    given = WORLDS[name]
    found = find_allowed_area(category, action, within=GROUND, resolution_m=1500, **given)
    total = found.areas["area_m2"].sum()
    assert total == pytest.approx(area_m2(np.array([GROUND]))[0], rel=1e-5)
    some = found.areas[found.areas["status"].isin(OPEN)]
    if len(some):
        points = points_in(found.allowed, 100)
        assert not prohibits_or_open(judged(points, category, action, given))
    # what is told as prohibited is, but for the edges
    for status, verdicts in (("prohibited", {"prohibited"}), ("unchecked", {"undetermined"})):
        ground = shapely.union_all(found.areas[found.areas["status"] == status].geometry.to_numpy())
        inner = ground.buffer(-1e-5)
        if not inner.is_empty and status == "prohibited":
            told = set(judged(points_in(inner, 40)[:80], category, action, given).sites["verdict"])
            assert told <= verdicts, status


def test_what_is_unchecked_is_shown_as_such():
    nowhere = find_allowed_area("chemical", "new", within=GROUND, **layers() | {"coverage": None})
    assert nowhere.allowed.is_empty
    assert set(nowhere.areas["status"]) <= {"unchecked", "prohibited", "borderline"}
    blind = find_allowed_area(
        "warehouse", "rebuild", within=GROUND, **layers() | {"shorelines": None, "zones": None}
    )
    assert set(blind.areas["status"]) == {"unchecked"}
    assert "red_line" in blind.areas["missing"].iloc[0]
    assert "未核查" in blind.explain()
    assert "Unchecked".casefold() in blind.explain("en").casefold()
    half = find_allowed_area("chemical", "new", within=GROUND,
                             **WORLDS["shorelines known to the south only"])  # fmt: skip
    assert half.allowed.bounds[3] < 29.51 - 1000 / 111_500


# ---- the nearest place --------------------------------------------------------------------------


def test_the_nearest_place_for_a_failed_site_and_its_park():
    found = find_allowed_area("chemical", "new", within=GROUND, **layers())
    plot = shapely.box(out(300).x, TIP[1] - 0.0005, out(300).x + 0.001, TIP[1] + 0.0005)
    both = pd.concat([site(out(500), site_id="A"), site(plot, site_id="B"),
                      site(out(3000), site_id="C"), site(None, site_id="D")])  # fmt: skip
    table = found.nearest(gpd.GeoDataFrame(both, crs=4490)).set_index("site_id")
    # 1,000 m and the error of 5.1 m, less 500 m; drawn up to a metre beyond
    assert table.loc["A", "distance_m"] == pytest.approx(505.6, abs=1.0)
    assert table.loc["A", "bearing_deg"] == pytest.approx(90, abs=1)
    assert table.loc["C", "distance_m"] == 0
    assert np.isnan(table.loc["C", "bearing_deg"])
    # all of the plot fits: its centre stays a half diagonal away
    assert table.loc["B", "distance_m"] > 1005 - 300
    assert table["verdict"].to_list()[:3] == ["clear"] * 3
    assert np.isnan(table.loc["D", "distance_m"])
    assert table["park_id"].to_list()[:3] == ["P"] * 3
    assert found.parks.loc[0, "share"] < 1e-2  # a park of a hundred kilometres


def test_the_nearest_park_is_the_nearest_in_metres():
    """Off an edge that runs askew the foot in degrees lies elsewhere; brute force by Geod."""
    edge = [(TIP[0] + 0.001, TIP[1] - 0.018), (TIP[0] + 0.037, TIP[1] + 0.018)]
    park = PARK | {"geometry": shapely.Polygon([*edge, (TIP[0] + 0.037, TIP[1] - 0.018)])}
    given = layers() | {"zones": zone(park)}
    found = find_allowed_area("chemical", "new", within=GROUND, **given)
    place = shapely.Point(TIP[0] + 0.012, TIP[1] + 0.018)
    row = found.nearest(site(place)).iloc[0]
    x, y = np.linspace(*edge, 20_001).T
    metres = GEOD.inv(np.full(len(x), place.x), np.full(len(x), place.y), x, y)[2]
    assert row["park_m"] == pytest.approx(metres.min(), abs=0.1)


def test_no_place_is_found_where_there_is_none():
    given = layers({"geometry": shapely.box(106.0, 29.0, 107.0, 30.0)})
    found = find_allowed_area("chemical", "new", within=GROUND, **given)
    assert found.allowed.is_empty
    row = found.nearest(site(out(500))).iloc[0]
    assert np.isnan(row["distance_m"])
    assert row["verdict"] is None or pd.isna(row["verdict"])


@pytest.mark.parametrize(
    ("given", "told"),
    [({"category": "宇航"}, "category '宇航'"), ({"action": "拆"}, "action '拆'"),
     ({"within": shapely.Point(106.5, 29.5)}, "no polygon")],
)  # fmt: skip
def test_what_cannot_be_asked(given, told):
    asked = {"category": "chemical", "action": "new", "within": GROUND} | given
    with pytest.raises(BasinError, match=told):
        find_allowed_area(asked["category"], asked["action"], within=asked["within"], **layers())


def test_every_status_has_its_word_and_colour():
    found = find_allowed_area("化工项目", "新建", within=GROUND, **layers())
    assert set(found.areas["status"]) <= set(codes("area_status"))
    assert found.category == "chemical"
    assert found.areas.crs.to_epsg() == 4490
    assert list(found.to_frame())[:2] == ["area_id", "status"]
    assert "AllowedArea(chemical, new" in repr(found)


# ---- the sample ---------------------------------------------------------------------------------


def test_the_command_on_the_sample(tmp_path):
    target = tmp_path / "allowed.gpkg"
    call = ["allowed", "data/sample_layers", "--category", "chemical", "--at", "106.66,28.967",
            "--radius", "500", "-o", str(target)]  # fmt: skip
    run = CliRunner().invoke(main, call, env={"BASIN_LANG": "zh"})
    assert run.exit_code == 0, run.output
    assert "可选址（有条件）" in run.output
    assert "IP-01" in run.output
    areas = gpd.read_file(target, layer="allowed_areas")
    assert set(areas["status"]) >= {"conditional", "prohibited"}
    run = CliRunner().invoke(main, [*call[:3], "nonsense"], env={"BASIN_LANG": "en"})
    assert run.exit_code == 2


def test_the_map_marks_the_place_asked_and_the_way_to_the_nearest_allowed_one(tmp_path):
    from basin.maps.nearest import nearest_layers

    found = find_allowed_area("化工项目", "新建", within=GROUND, **layers())
    asked = site(out(10), site_id="S0")
    nearest = found.nearest(asked)
    places, ways = nearest_layers(asked, nearest, "zh")
    assert places.table["site_id"].to_list() == ["S0"]
    line, end = ways.table.geometry
    assert shapely.get_coordinates(line)[0] == pytest.approx((out(10).x, out(10).y))
    assert shapely.get_coordinates(line)[-1] == pytest.approx((end.x, end.y))
    metres = nearest["distance_m"].iloc[0]
    assert ways.table["name"].iloc[0].endswith(f"{metres:,.1f} m")
    assert GEOD.geometry_length(line) == pytest.approx(metres, abs=0.01)
    call = ["allowed", "data/sample_layers", "--category", "chemical", "--at", "106.655,28.972",
            "--radius", "500", "-o", str(tmp_path / "a.html")]  # fmt: skip
    run = CliRunner().invoke(main, call)
    assert run.exit_code == 0, run.output
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "所问地点" in page
    assert "最近可选址处" in page


def test_the_ground_can_be_a_district_by_name():
    project = basin.project.open("data/sample_layers")
    assert len(project._ground("綦江区")) == 1
    assert len(project._ground("D-QJ")) == 1
    assert len(project._ground(None)) == 3
    with pytest.raises(ProjectError, match="D-QJ"):
        project._ground("渝中区")


@pytest.mark.parametrize("tributaries", ["all", "second_order", ("藻渡河",)])
def test_the_reading_of_tributaries_is_that_of_the_check(sample, tributaries):
    """On ground where the readings differ, each place reads as the check of a site there."""
    given = sample._siting_layers(None, tributaries)
    given["rules"] = tuple(r for r in load_rules("china-yangtze") if r.id == "CJ26-CHEM-1KM")
    ground = shapely.box(106.70, 28.75, 106.75, 28.83)
    area = find_allowed_area("chemical", "new", within=ground, accuracy_m=5.0, **given)
    points = np.random.default_rng(4).uniform([106.70, 28.75], [106.75, 28.83], (150, 2))
    # places that were left to a person where the check prohibits: the bands of the reading were
    # not among the outlines
    told = [[106.70862047, 28.82099169], [106.71333478, 28.82135186], [106.73979042, 28.75392876],
            [106.74443294, 28.75680318]]  # fmt: skip
    shapes = shapely.points(np.vstack([points, told]))
    sites = gpd.GeoDataFrame(
        {"site_id": [f"S{k}" for k in range(len(shapes))], "category": "chemical",
         "action": "new", "accuracy_m": 5.0},
        geometry=shapes, crs=4490,
    )  # fmt: skip
    found = check_sites(sites, **given).sites["verdict"]
    expected = found.map({"manual": "open", "clear": "allowed"}).fillna(found).to_numpy()
    row, site = shapely.STRtree(shapes).query(area.areas.geometry.to_numpy(), "contains")
    status = np.full(len(shapes), "", dtype=object)
    status[site] = area.areas["status"].to_numpy()[row]
    np.testing.assert_array_equal(status, expected)
    assert {"allowed", "prohibited"} <= set(expected)
    assert ("open" in expected) == (tributaries != "all")
