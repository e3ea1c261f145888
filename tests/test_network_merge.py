"""Pseudo-nodes: kept, or merged on request with ids traced back."""

from __future__ import annotations

import pandas as pd
import pytest

from basin.errors import NetworkError
from basin.network import RiverNetwork, issue_text
from network_drawings import draw, kinds

#: r1, r2, r3 in a row, then the brook b joins, then r4 and, under another name, s.
WAYS = {
    "r1": [(0, 9), (0.1, 8), (0, 7)], "r2": [(0, 7), (0, 6)], "r3": [(0, 6), (0, 4)],
    "b": [(3, 5), (0, 4)], "r4": [(0, 4), (0, 2)], "s": [(0, 2), (0, 0)],
}  # fmt: skip
NAMES = dict.fromkeys(WAYS, "甲河") | {"b": "乙溪", "s": "丙江"}


def network(ways=None, **options):
    lines = draw(
        ways or WAYS, name=NAMES, width_m={"r1": 10.0, "r2": 20.0, "r3": 20.0, "b": 2.0},
        velocity_m_s={"r1": 0.5, "r2": 1.0, "r3": 2.0}, note={"r1": "x", "r2": "x", "r3": "y"},
        grade={"r1": 2, "r2": 2, "r3": 2}, area_km2={"r1": 1.0, "r2": 2.0, "r3": 4.0, "b": 8.0},
    )  # fmt: skip
    return RiverNetwork.from_lines(lines, **options)


def test_they_are_kept_unless_asked_for():
    assert sorted(network().reaches.index) == sorted(WAYS)


def test_reaches_of_one_name_are_merged_and_traced():
    plain, merged = network(), network(merge_pseudo_nodes=True)
    reaches, length = merged.reaches, plain.reaches["length_m"]
    assert sorted(reaches.index) == ["b", "r3", "r4", "s"]  # the name changes below r4
    assert reaches["merged_ids"].to_dict() == {"r3": "r1, r2, r3", "b": "", "r4": "", "s": ""}
    assert reaches["source_id"]["r3"] == "r1, r2, r3"
    assert reaches["length_m"]["r3"] == pytest.approx(length[["r1", "r2", "r3"]].sum())
    assert len(reaches.geometry["r3"].coords) == 5
    weighted = length["r1"] * 10 + (length["r2"] + length["r3"]) * 20
    assert reaches["width_m"]["r3"] == pytest.approx(weighted / length[["r1", "r2", "r3"]].sum())
    hours = plain.distance_to("r3")["time_h"]["r1"] + length["r1"] / 0.5 / 3600
    assert merged.reaches["length_m"]["r3"] / merged.reaches["velocity_m_s"]["r3"] / 3600 == (
        pytest.approx(hours)
    )
    assert reaches["area_km2"]["r3"] == 7.0
    assert reaches["grade"]["r3"] == 2
    assert pd.isna(reaches["note"]["r3"])
    (row,) = merged.issues[merged.issues["kind"] == "merged"].itertuples()
    assert issue_text(row._asdict(), "en") == (
        "r1, r2, r3: nothing joins between them; merged into r3."
    )
    with pytest.raises(NetworkError, match=r"unknown reach_id.*merged into r3"):
        merged.upstream("r1")


def test_no_answer_changes():
    plain, merged = network(), network(merge_pseudo_nodes=True)
    for column in ("strahler", "shreve", "tributary_order", "arbolate_m", "path_length_m"):
        ours, theirs = merged.reaches[column], plain.reaches[column][merged.reaches.index]
        assert ours.to_list() == pytest.approx(theirs.to_list()), column
    assert set(merged.upstream("s")) == {"r3", "r4", "s", "b"}
    assert merged.drainage_area().reindex(["s", "r3"]).to_list() == [15.0, 7.0]
    again = RiverNetwork.from_tables(merged.to_tables())
    assert again.reaches.index.equals(merged.reaches.index)
    assert merged.merge_pseudo_nodes() is merged  # nothing is left to merge


def test_a_node_that_a_repair_made_is_kept():
    """r2 begins 11 m below the end of r1: the gap stays a place to be doubted."""
    ways = WAYS | {"r2": [(0, 6.99), (0, 6)]}
    merged = network(ways, snap_tolerance_m=20, merge_pseudo_nodes=True)
    assert sorted(merged.reaches.index) == ["b", "r1", "r3", "r4", "s"]
    assert merged.reaches["merged_ids"]["r3"] == "r2, r3"
    assert not merged.certainty("s")["certain"]["r1"]
    assert "gap_closed" in kinds(merged)
