"""The sample basin: every planted defect of the rivers is found, and nothing else is turned."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from basin.network import RiverNetwork

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample_layers"


@pytest.fixture(scope="module")
def planted():
    return pd.read_csv(SAMPLE / "planted.csv", encoding="utf-8-sig", dtype=str)


@pytest.fixture(scope="module", params=[True, False], ids=["dem", "no dem"])
def network(request):
    return RiverNetwork.from_lines(
        gpd.read_file(SAMPLE / "rivers.gpkg"),
        snap_tolerance_m=30.0,
        dem=SAMPLE / "dem.tif" if request.param else None,
    )


def ids_of(network, kind):
    rows = network.issues[network.issues["kind"] == kind]
    return [set(ids.split(", ")) for ids in rows["reach_ids"]]


def ids_planted(planted, kind):
    return set(planted.loc[planted["kind"] == kind, "id"])


def test_exactly_the_reversed_reaches_are_turned(network, planted, request):
    found = set().union(*ids_of(network, "reversed"))
    wrong = ids_planted(planted, "reversed")
    if "no dem" in request.node.name:
        # without elevations a dead-end brook may stay, but then it is listed
        assert found <= wrong
        assert found | set().union(*ids_of(network, "second_outlet")) >= wrong
    else:
        assert found == wrong


def test_the_gap_is_closed(network, planted):
    gaps = network.issues[network.issues["kind"] == "gap_closed"]
    for row in planted[planted["kind"] == "gap"].itertuples():
        mine = gaps[[row.id in ids.split(", ") for ids in gaps["reach_ids"]]]
        assert mine["distance_m"].to_list() == pytest.approx([float(row.value)], abs=3)


def test_the_copy_is_dropped(network, planted):
    pairs = [set(p.split(";")) for p in planted.loc[planted["kind"] == "duplicate", "reach_id"]]
    assert ids_of(network, "duplicate") == pairs


def test_the_whole_river_is_split_at_each_mouth(network, planted):
    for row in planted[planted["kind"] == "unsplit_at_confluence"].itertuples():
        mine = [ids for ids in ids_of(network, "split_at_confluence") if row.id in ids]
        assert len(mine) == int(float(row.value))
        parts = network.reaches.index[network.reaches["source_id"] == row.id]
        assert len(parts) == int(float(row.value)) + 1


def test_both_arms_of_the_island_are_kept(network, planted):
    for row in planted[planted["kind"] == "braid"].itertuples():
        left, right = row.reach_id.split(";")
        mouth = network.reaches["to_node"][left]
        below = network.reaches.index[network.reaches["from_node"] == mouth][0]
        assert {left, right} <= set(network.upstream(below))


def test_no_contradiction_is_left(network):
    assert not {"cycle", "head_to_head", "tail_to_tail", "isolated"} & set(network.issues["kind"])


def test_orders_of_the_rivers(network):
    named = network.reaches[network.reaches["name"] != ""]
    order = named.groupby("name")["tributary_order"].agg(["min", "max"])
    assert (order["min"] == order["max"]).all()
    expected = {
        "长江": 0, "綦江河": 1, "松坎河": 1, "蒲河": 2, "藻渡河": 2, "扶欢河": 2, "孝子河": 3,
    }  # fmt: skip
    assert order.loc[list(expected), "min"].to_dict() == expected


def test_songkan_and_qijiang_are_one_main_path(network):
    named = network.reaches[network.reaches["name"].isin(["松坎河", "綦江河"])]
    main = named["main_path_id"].value_counts()
    arms = main.iloc[1:].sum()  # the second arm of the island
    assert main.iloc[0] == len(named) - arms
    assert arms == 1


def test_what_enters_leaves_at_the_outlets(network):
    """One unit a reach: the islands neither lose nor double any of it."""
    total = network.accumulate(pd.Series(1.0, index=network.reaches.index))
    outlets = ~network.reaches["to_node"].isin(network.reaches["from_node"])
    assert total[outlets].sum() == pytest.approx(len(network.reaches), rel=1e-9)
