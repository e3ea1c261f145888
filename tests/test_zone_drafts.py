"""Drafts of zones by hand: lengths along the axis, strips of land, and what each says of itself."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

from basin import zones
from basin.cli import main
from basin.errors import LayerError
from basin.network import RiverNetwork
from network_drawings import NORTH_M, draw, points
from places import SAMPLE
from siting_world import zone

LABEL = "按规范推算, 非法定范围"


@pytest.fixture(scope="module")
def world():
    r"""
    (a) from the north, 8 steps            width 40 m
     |    / (b) from the north-east, joins 2 steps (2,217 m) above the intake
     |   /
     | /
     |
     * intake W at (0, 2)
     |
    outlet (0, 0)
    """
    rivers = draw(
        {"a": [(0, 10), (0, 4)], "b": [(4, 8), (0, 4)], "c": [(0, 4), (0, 0)]},
        width_m=dict.fromkeys("abc", 40.0),
    )
    return RiverNetwork.from_lines(rivers), points({"W": (0, 2)}, name={"W": "示例水厂"})


def of(table, grade):
    return table[table["grade"] == grade].iloc[0]


def test_lengths_run_along_the_axis_with_all_tributaries(world):
    network, intakes = world
    found = zones.water_source_zones(intakes, network)
    first, second = of(found, "I"), of(found, "II")
    assert (first["up_m"], first["down_m"]) == pytest.approx((1000, 100), abs=0.01)
    # 3000 m up: 2 steps on c, and what is left on both a and b
    left = 3000 - 2 * NORTH_M
    assert second["up_m"] == pytest.approx(2 * NORTH_M + 2 * left, abs=2)
    assert second["down_m"] == pytest.approx(300, abs=0.01)


def test_water_is_as_wide_as_the_river_and_land_as_deep_as_the_standard_says(world):
    network, intakes = world
    first = of(zones.water_source_zones(intakes, network), "I")
    assert first["water_m2"] == pytest.approx(1100 * 40, rel=1e-3)
    assert first["land_m2"] == pytest.approx(1100 * 50 * 2, rel=1e-3)
    assert first["area_m2"] == pytest.approx(1100 * 140, rel=1e-3)


def test_the_second_grade_does_not_hold_the_first(world):
    network, intakes = world
    found = zones.water_source_zones(intakes, network)
    first, second = of(found, "I"), of(found, "II")
    assert first.geometry.intersection(second.geometry).area < 1e-12
    # 1000 m of land on both sides and the river, of the straight 300 m below the intake
    below = shapely.box(106.58, 28.0, 106.62, 28.92)
    strip = gpd.GeoSeries([shapely.union(first.geometry, second.geometry) & below], crs=4490)
    assert strip.to_crs(4544).area.item() == pytest.approx(300 * 2040, rel=5e-3)


def test_every_draft_says_that_it_is_none(world):
    network, intakes = world
    found = zones.water_source_zones(intakes, network)
    assert found["name"].str.contains(LABEL).all()
    assert found["note"].str.startswith(LABEL).all()
    assert found["note_en"].str.contains("not a legal zone").all()
    assert found["basis"].str.contains("HJ 338-2018").all()
    assert found["note"].str.contains("未按分水岭裁切").all()


def test_the_land_stops_at_the_divide_where_it_is_given(world):
    network, intakes = world
    west = gpd.GeoDataFrame(
        {"id": ["W"]}, geometry=[shapely.box(106.5, 28.8, 106.6, 29.1)], crs=4490
    )
    found = zones.water_source_zones(intakes, network, land=west)
    first = of(found, "I")
    assert first["land_m2"] == pytest.approx(1100 * 50, rel=1e-3)
    assert first["water_m2"] == pytest.approx(1100 * 40, rel=1e-3), "water is not cut"
    assert "分水岭" not in first["note"]


def test_a_water_face_takes_the_place_of_the_width(world):
    network, intakes = world
    half = 0.0005  # about 48.8 m at 28.92 N
    face = gpd.GeoDataFrame(
        geometry=[shapely.box(106.6 - half, 28.8, 106.6 + half, 29.2)], crs=4490
    )
    first = of(zones.water_source_zones(intakes, network, water=face), "I")
    wide = first["water_m2"] / 1100
    assert wide == pytest.approx(97.55, abs=0.3)
    assert first["land_m2"] == pytest.approx(1100 * 100, rel=1e-3)


def test_intakes_that_cannot_be_drafted_are_kept_with_the_reason(world):
    network, _ = world
    intakes = points({"F": (5, 0), "L": (0, 2)}, waterbody={"L": "reservoir"})
    found = zones.water_source_zones(intakes, network)
    assert found.geometry.isna().all()
    assert found.set_index("zone_id").loc["WS-F-I", "note"].endswith("取水口不在河网上，未推算")
    assert found.set_index("zone_id").loc["WS-L-II", "note"].endswith("湖库型水源地不在此推算")


def test_before_the_standard_nothing_is_drafted(world):
    network, intakes = world
    with pytest.raises(LayerError, match="HJ 338"):
        zones.water_source_zones(intakes, network, date="2017-01-01")


def test_livestock_is_banned_where_the_regulation_says():
    ground = shapely.box(106.0, 28.9, 106.1, 29.0)
    of_each = zone(
        {"zone_id": "W1", "kind": "water_source", "grade": "I", "geometry": ground},
        {"zone_id": "N1", "kind": "nature_reserve", "grade": "core", "geometry": ground},
        {"zone_id": "N2", "kind": "nature_reserve", "grade": "experimental", "geometry": ground},
        {"zone_id": "R1", "kind": "red_line", "grade": "core", "geometry": ground},
    )
    found = zones.livestock_zones(of_each).set_index("source_kind")
    assert found["source_ids"].to_dict() == {"water_source": "W1", "nature_reserve": "N1"}
    assert found["grade"].eq("banned").all()
    assert found["note"].str.startswith(LABEL).all()


def test_strips_lie_on_land_within_the_district():
    line = shapely.LineString([(106.0, 29.0), (106.1, 29.0)])
    centre = gpd.GeoDataFrame(
        {"line_id": ["L"], "river": ["甲河"], "river_class": ["tributary"],
         "kind": ["centreline"], "width_m": [200.0]}, geometry=[line], crs=4490,
    )  # fmt: skip
    district = gpd.GeoDataFrame(geometry=[shapely.box(106.04, 28.0, 106.06, 30.0)], crs=4490)
    strip = zones.river_strips(centre, 1000, within=district).iloc[0]
    metres = 1948.2  # 0.02 degrees of longitude at 29 N, by pyproj.Geod
    assert strip["area_m2"] == pytest.approx(metres * 2 * 1000, rel=1e-3)
    assert LABEL in strip["name"]
    west, _, east, _ = strip.geometry.bounds
    assert (west, east) == pytest.approx((106.04, 106.06))


def tiles(*boxes):
    return zone(
        *(
            {"zone_id": f"U{k}", "kind": "control_unit", "geometry": shapely.box(*box)}
            for k, box in enumerate(boxes)
        )
    )


def test_zones_that_tile_have_neither_overlap_nor_gap():
    units = tiles((106.0, 29.0, 106.1, 29.1), (106.1, 29.0, 106.2, 29.1))
    district = gpd.GeoDataFrame(
        {"id": ["D"]}, geometry=[shapely.box(106.0, 29.0, 106.2, 29.1)], crs=4490
    )
    assert zones.check_tiling(units, district).empty


def test_an_overlap_and_a_gap_are_measured():
    units = tiles((106.0, 29.0, 106.11, 29.1), (106.1, 29.0, 106.19, 29.1))
    district = gpd.GeoDataFrame(
        {"id": ["D"]}, geometry=[shapely.box(106.0, 29.0, 106.2, 29.1)], crs=4490
    )
    found = zones.check_tiling(units, district).set_index("problem")
    assert found.loc["overlap", ["zone_id", "other_id"]].tolist() == ["U0", "U1"]
    assert found.loc["gap", "district_id"] == "D"
    # 0.01 x 0.1 degrees at 29.05 N, by pyproj.Geod
    assert found["area_m2"].tolist() == pytest.approx([10_795_000] * 2, rel=1e-3)


def test_a_published_figure_that_does_not_follow_from_the_layers_is_told():
    areas = pd.DataFrame(
        {"district_id": ["D"], "kind": ["red_line"], "area_m2": [170e6], "share": [0.0762]}
    )
    told = pd.DataFrame(
        {"district_id": ["D"], "kind": ["red_line"], "area_km2": ["166.59"], "share": ["0.0762"]}
    )
    found = zones.compare_published(areas, told).iloc[0]
    assert found["difference_km2"] == pytest.approx(3.41)
    assert not found["agrees"]
    assert found["district_km2"] == pytest.approx(170 / 0.0762)


def test_published_figures_in_gbk_are_read_and_no_number_is_told(tmp_path):
    told = tmp_path / "公布.csv"
    text = "district_id,kind,area_km2,share,备注\nD-QJ,red_line,{},0.0762,公报\n"
    told.write_bytes(text.format("166.59").encode("gb18030"))
    done = CliRunner().invoke(main, ["zones", str(SAMPLE), "--json", "--published", str(told)])
    assert done.exit_code == 0, done.output
    told.write_bytes(text.format("166.59平方千米").encode("gb18030"))
    done = CliRunner().invoke(main, ["zones", str(SAMPLE), "--published", str(told)])
    assert "area_km2 is no number in row 2: '166.59平方千米'" in done.stderr


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("D-QJ,red_lime,166.59,0.0762", ["'red_lime' is no kind of zone, in rows 3",
                                         "Did you mean 'red_line'", "water_source"]),
        ("D-QJ,,166.59,0.0762", ["is no kind of zone, in rows 3"]),
        ("D-QK,red_line,166.59,0.0762", ["'D-QK' is no district, in rows 3", "mean 'D-QJ'"]),
        ("D-QJ,red_line,166.59,0.0762,x", ["rows 3 have more or fewer cells"]),
    ],
)  # fmt: skip
def test_a_published_figure_of_no_known_kind_or_district_is_refused(tmp_path, row, told):
    file = tmp_path / "published.csv"
    text = f"district_id,kind,area_km2,share\nD-QJ,生态保护红线,166.59,0.0762\n{row}\n"
    file.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["zones", str(SAMPLE), "--published", str(file)])
    assert done.exit_code == 2, done.output
    for part in told:
        assert part in done.stderr


def test_a_known_kind_without_zones_is_held_against_0_km2():
    areas = pd.DataFrame(columns=["district_id", "kind", "area_m2", "share"])
    figures = pd.DataFrame({"district_id": ["D"], "kind": ["风景名胜区"], "area_km2": ["0"]})
    (found,) = zones.compare_published(areas, figures).to_dict("records")
    assert (found["kind"], found["area_km2"], found["difference_km2"]) == ("scenic", 0, 0)


def test_the_command_writes_areas_and_drafts(tmp_path):
    told = tmp_path / "published.csv"
    told.write_text("district_id,kind,area_km2,share\nD-QJ,red_line,166.59,0.0762\n")
    arguments = ["zones", str(SAMPLE), "--draft", "water-source", "--draft", "livestock", "--json"]
    done = CliRunner().invoke(main, [*arguments, "--published", str(told)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(found["draft_water_source"]) == 10
    assert all(LABEL in row["name"] for row in found["draft_water_source"])
    assert found["zone_tiling"] == [], "control units of the sample tile"
    (figure,) = found["zone_published"]
    assert figure["implied_low_km2"] == pytest.approx(2184.7, abs=0.1)
    assert figure["agrees"] is False, "the sample is schematic"
