"""The legal view: names decide, computation disputes; drainage areas counted once."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from basin.errors import NetworkError
from basin.network import RiverNetwork
from network_drawings import draw

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample_layers"

WAYS = {
    "j": [(0, 0), (2, 0)], "c": [(2, 0), (4, 0)], "d": [(4, 0), (6, 0)],
    "q": [(2, 2), (2, 0)], "p": [(1, 3), (2, 2)], "s": [(3, 3), (2, 2)],
    "y": [(4, 2), (4, 0)],
}  # fmt: skip
NAMES = {
    "j": "金沙江", "c": "长江干流", "d": "长江（重庆）", "q": "綦江河", "p": "綦江河",
    "s": "蒲河", "y": "乌江",
}  # fmt: skip


def basin(names=NAMES, ways=WAYS, **columns):
    r"""
        p  s
         \/
         q   y
         |   |
    j----+-c-+--d->
    """
    return RiverNetwork.from_lines(draw(ways, name=names, **columns))


def test_the_main_stem_goes_by_all_its_names_and_tributaries_by_order():
    view = basin().classify_rivers()
    rivers = view.rivers
    assert rivers["river_class"].to_dict() == {
        "长江": "main_stem", "金沙江": "main_stem", "綦江河": "tributary", "乌江": "tributary",
        "蒲河": "tributary",
    }  # fmt: skip
    assert rivers["legal_order"].to_dict() == {
        "长江": 0, "金沙江": 0, "綦江河": 1, "乌江": 1, "蒲河": 2,
    }  # fmt: skip
    assert rivers["flows_into"].to_dict() == {
        "长江": "", "金沙江": "长江", "綦江河": "长江", "乌江": "长江", "蒲河": "綦江河",
    }  # fmt: skip
    assert rivers["n_reaches"]["綦江河"] == 2
    assert view.disputes.empty
    assert rivers["important"]["乌江"]  # named by the law
    assert pd.isna(rivers["important"]["蒲河"])  # no area is known
    assert not rivers["important"]["长江"]


def test_a_tributary_alone_in_its_layer_is_still_a_tributary():
    ways = {k: WAYS[k] for k in "qps"}
    rivers = basin(ways=ways).classify_rivers().rivers
    assert rivers["computed_order"]["綦江河"] == 0
    assert rivers["river_class"]["綦江河"] == "tributary"
    assert rivers["legal_order"].isna().all()


def test_a_brook_that_shares_a_word_with_the_main_stem_is_no_main_stem():
    rivers = basin(names=NAMES | {"s": "金沙溪", "p": "通天岩河"}).classify_rivers().rivers
    assert rivers.loc[["金沙溪", "通天岩河"], "river_class"].to_list() == ["tributary"] * 2


def test_importance_by_area_and_its_disputes():
    area = {"j": 500_000, "c": 520_000, "d": 700_000, "q": 12_000, "p": 9_000, "s": 2_000,
            "y": 87_656}  # fmt: skip
    view = basin(total_area_km2=area).classify_rivers()
    assert view.rivers["important"].to_dict() == {
        "长江": False, "金沙江": False, "綦江河": True, "乌江": True, "蒲河": False,
    }  # fmt: skip
    assert view.disputes.empty
    again = basin(total_area_km2=area | {"y": 60_000, "q": 90_000}).classify_rivers()
    assert again.disputes.set_index("river")["kind"].to_dict() == {
        "乌江": "named_but_small", "綦江河": "large_but_not_named",
    }  # fmt: skip


def test_a_main_stem_that_is_computed_as_a_tributary_is_disputed():
    """The main path below goes by its name to 綦江河: 长江 flows into it."""
    names = NAMES | {"j": "金沙江", "c": "綦江河", "d": "綦江河"}
    view = basin(names=names).classify_rivers()
    assert view.rivers["river_class"]["金沙江"] == "main_stem"
    found = view.disputes.set_index("river")
    assert found.loc["金沙江", "kind"] == "main_stem_computed_as_tributary"
    assert found.loc["金沙江", "reach_ids"] == "j"


def test_what_continues_the_main_stem_under_another_name_is_disputed():
    ways = {k: WAYS[k] for k in "jcdy"}
    view = basin(names=NAMES | {"j": "雅河"}, ways=ways).classify_rivers()
    assert view.rivers.loc["雅河", ["river_class", "legal_order"]].to_list() == ["tributary", 1]
    assert view.disputes["kind"].to_list() == ["continues_main_stem"]


def test_grades_against_the_receiver():
    grade = {"j": "1级", "c": "一级", "d": 1, "q": 3, "p": 3, "s": "2级", "y": 2}
    view = basin(grade=grade).classify_rivers()
    assert view.rivers["grade"].to_dict() == {
        "长江": 1, "金沙江": 1, "綦江河": 3, "乌江": 2, "蒲河": 2,
    }  # fmt: skip
    assert view.disputes[["river", "kind"]].to_numpy().tolist() == [
        ["蒲河", "grade_above_receiver"]
    ]


def test_a_named_tributary_of_the_second_order_is_disputed():
    found = basin(names=NAMES | {"s": "汉江"}).classify_rivers().disputes
    assert found[["river", "kind", "value"]].to_numpy().tolist() == [
        ["汉江", "named_but_not_first_order", "2"]
    ]


def test_two_rivers_of_one_name_are_disputed():
    found = basin(names=NAMES | {"y": "蒲河"}).classify_rivers().disputes
    assert found[["river", "kind", "value"]].to_numpy().tolist() == [
        ["蒲河", "several_orders", "1、2"]
    ]


def test_another_basin_has_another_main_stem():
    view = basin().classify_rivers(main_stem=("綦江河",))
    assert view.rivers["river_class"]["綦江河"] == "main_stem"
    assert view.rivers["legal_order"]["蒲河"] == 1
    assert not view.rivers["named_by_law"]["乌江"]


def test_the_view_reads_in_both_languages():
    view = basin(total_area_km2={"y": 60_000, "s": 100}).classify_rivers()
    zh, en = view.explain(), view.explain("en")
    assert "长江保护法" in zh
    assert "乌江：重要支流，1 级，60,000 km²。" in zh
    assert "Yangtze River Protection Law" in en
    assert "乌江: an important tributary by name" in en


def test_unknown_columns_are_named():
    with pytest.raises(NetworkError, match="no column 'grad'"):
        basin().classify_rivers(grade="grad")
    with pytest.raises(NetworkError, match="no column 'area_km2'"):
        basin().drainage_area()


def test_area_is_counted_once_below_an_island():
    r"""a (1) parts into l (2) and r (4), which meet again in c (8)."""
    ways = {
        "a": [(1, 4), (1, 3)], "l": [(1, 3), (0, 2), (1, 1)], "r": [(1, 3), (2, 2), (1, 1)],
        "c": [(1, 1), (1, 0)],
    }  # fmt: skip
    network = RiverNetwork.from_lines(draw(ways, area_km2={"a": 1, "l": 2, "r": 4, "c": 8}))
    assert network.drainage_area().to_dict() == {"a": 1, "l": 3, "r": 5, "c": 15}
    half = network.drainage_area(split="even")
    assert half.to_dict() == {"a": 1, "l": 2.5, "r": 4.5, "c": 15}
    given = pd.Series({"a": 1.0, "c": 1.0})
    assert network.drainage_area(given)["c"] == 2


def test_the_area_of_a_line_that_was_split_is_counted_once():
    """A brook meets the middle of the line a (12 km2), which becomes two reaches."""
    lines = draw({"a": [(0, 3), (0, 0)], "b": [(1, 2), (0, 1)]}, area_km2={"a": 12.0, "b": 5.0})
    network = RiverNetwork.from_lines(lines)
    assert sorted(network.reaches.index) == ["a.1", "a.2", "b"]
    area = network.drainage_area()
    assert area["a.2"] == pytest.approx(17.0)
    assert area["a.1"] == pytest.approx(8.0, abs=0.01)  # two thirds of the line
    assert network.drainage_area(split="even")["a.2"] == pytest.approx(17.0)


def test_a_spur_does_not_hide_what_a_river_flows_into():
    """As the Wu in Natural Earth: a short reach of it ends beside its mouth."""
    names = {"y1": "长江", "y2": "长江", "w": "乌江", "spur": "乌江"}
    ways = {
        "y1": [(0, 0), (4, 0)], "y2": [(4, 0), (9, 0)], "w": [(4, -5), (4, -1)],
        "w2": [(4, -1), (4, 0)], "spur": [(4, -1), (4.3, -0.5)],
    }  # fmt: skip
    lines = draw(ways, name={**names, "w2": "乌江"})
    view = RiverNetwork.from_lines(lines, turn=False).classify_rivers()
    assert view.rivers.loc["乌江", "flows_into"] == "长江"


def test_the_sample_agrees_with_the_law():
    network = RiverNetwork.from_lines(
        gpd.read_file(SAMPLE / "rivers.gpkg"), snap_tolerance_m=30, dem=SAMPLE / "dem.tif"
    )
    view = network.classify_rivers()
    assert view.rivers.loc["长江", ["river_class", "legal_order"]].to_list() == ["main_stem", 0]
    assert view.rivers.loc["綦江河", "legal_order"] == 1
    assert not view.rivers["important"].fillna(False).any()
