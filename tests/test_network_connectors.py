"""Lakes and wide rivers as connectors, each on a drawn network."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely import Polygon

from basin.network import RiverNetwork, issue_text
from network_drawings import NORTH_M, at, draw, kinds

METRE = 1 / NORTH_M


def lake(*corners, name="湖"):
    return gpd.GeoDataFrame({"id": [name]}, geometry=[Polygon([at(*c) for c in corners])], crs=4490)


SQUARE = lake((0, 1), (2, 1), (2, 2), (0, 2))


def build(ways, water=SQUARE, **options):
    return RiverNetwork.from_lines(draw(ways), connectors=water, **options)


def test_one_river_in_and_one_out_are_connected_straight():
    network = build({"a": [(1, 3), (1, 2)], "c": [(1, 1), (1, 0)]})
    assert list(network.upstream("c")) == ["a", "湖~1", "c"]
    assert kinds(network) == {"connected": ["a, c"]}
    assert network.reaches["connector"].to_dict() == {"a": "", "湖~1": "湖", "c": ""}
    assert network.reaches["length_m"]["湖~1"] == pytest.approx(NORTH_M, abs=0.5)
    assert "经水面 湖 相连" in issue_text(network.issues.iloc[0])
    assert "through the water 湖" in issue_text(network.issues.iloc[0], "en")


def test_several_rivers_meet_inside_and_the_table_says_on_what_that_rests():
    ways = {"a": [(1, 3), (1, 2)], "b": [(3, 1.5), (2, 1.5)], "c": [(1, 1), (1, 0)]}
    network = build(ways)
    assert set(network.upstream("c")) == {"a", "b", "c", "湖~1", "湖~2", "湖~3"}
    sure = network.certainty("c")
    assert sure.index[sure["certain"]].to_list() == ["湖~3", "c"]
    assert set(sure["repairs"][["a", "b"]]) == {"I0001"}


def test_a_lake_without_an_outlet_joins_what_flows_into_it():
    network = build({"a": [(1, 3), (1, 2)], "b": [(3, 1.5), (2, 1.5)]})
    assert network.reaches["piece"].eq(0).all()
    assert len(network.reaches) == 4


def test_ends_short_of_the_rim_by_the_tolerance_count_and_farther_do_not():
    ways = {"a": [(1, 3), (1, 2 + 20 * METRE)], "c": [(1, 1), (1, 0)]}
    assert "a" in build(ways, snap_tolerance_m=30).upstream("c")
    assert "a" not in build(ways).upstream("c")


def test_a_line_through_the_lake_needs_nothing():
    network = build({"a": [(1, 3), (1, 2)], "m": [(1, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    assert network.issues.empty
    assert network.reaches["connector"].eq("").all()


def test_one_end_alone_and_shapes_that_are_no_polygons_change_nothing():
    odd = gpd.GeoDataFrame(
        {"id": ["x", "y"]}, geometry=[None, draw({"l": [(0, 0), (1, 1)]}).geometry[0]], crs=4490
    )
    for water in (SQUARE, odd):
        network = build({"a": [(1, 3), (1, 2)]}, water)
        assert list(network.reaches.index) == ["a"]


def test_polygons_of_another_crs_and_names_that_are_taken():
    ways = {"a": [(1, 3), (1, 2)], "湖~1": [(1, 1), (1, 0)]}
    network = build(ways, SQUARE.to_crs(4544))
    assert set(network.upstream("湖~1")) == {"a", "湖~1", "湖~1+"}


def test_it_is_stored_with_the_rest(tmp_path):
    network = build({"a": [(1, 3), (1, 2)], "c": [(1, 1), (1, 0)]})
    again = RiverNetwork.from_file(network.to_gpkg(tmp_path / "n.gpkg"))
    assert list(again.upstream("c")) == list(network.upstream("c"))
    assert again.certainty("c").equals(network.certainty("c"))
