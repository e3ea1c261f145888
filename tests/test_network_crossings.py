"""Lines that meet without a node, each on a drawn network: overlaps, overshoots, bridges."""

from __future__ import annotations

import pytest

from basin.network import RiverNetwork, issue_text
from network_drawings import NORTH_M, at, draw, kinds

METRE = 1 / NORTH_M  # steps of the grid northwards


def up(network, start):
    return sorted(network.upstream(start))


def river_and(end, **columns):
    r"""
    r flows east along y = 1; b comes from the north and ends at (1, end).

          b |
     r -----+---->
            :
    """
    return draw({"r": [(0, 1), (2, 1)], "b": [(1, 2), (1, end)]}, **columns)


def test_an_end_that_overshoots_within_the_tolerance_is_cut_and_joined():
    network = RiverNetwork.from_lines(river_and(1 - 12 * METRE), snap_tolerance_m=15)
    assert kinds(network) == {"overshoot": ["b, r"], "split_at_confluence": ["r, b"]}
    assert up(network, "r.2") == ["b", "r.1", "r.2"]
    assert network.reaches.geometry["b"].coords[-1] == pytest.approx(at(1, 1))
    issue = network.issues.iloc[0]
    assert issue["distance_m"] == pytest.approx(12, abs=0.1)
    assert issue.geometry.distance(network.reaches.geometry["b"]) < 1e-12
    assert "90°" in issue_text(issue, "en")


def test_an_overshoot_beyond_the_tolerance_is_proposed():
    network = RiverNetwork.from_lines(river_and(1 - 30 * METRE), snap_tolerance_m=15)
    found = kinds(network)
    assert found["overshoot proposed"] == ["b, r"]
    assert "crossing" not in found
    assert up(network, "r") == ["r"]


def test_nearer_overshoots_are_surer():
    sure = [
        RiverNetwork.from_lines(river_and(1 - m * METRE)).issues.set_index("kind")["confidence"]
        for m in (10, 40)
    ]
    assert sure[0]["overshoot"] > sure[1]["overshoot"]


def test_a_start_that_overshoots_is_cut_too():
    lines = river_and(1 - 12 * METRE)
    lines.geometry = [lines.geometry[0], lines.geometry[1].reverse()]
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=15)
    assert kinds(network)["overshoot"] == ["b, r"]
    assert up(network, "b") == ["b", "r.1"]


def test_an_end_that_crosses_two_lines_stops_at_the_first():
    """r and a second line s, 5 m below it: b crosses both and ends 5 m below s."""
    lines = draw({
        "r": [(0, 1), (2, 1)], "s": [(0, 1 - 5 * METRE), (2, 1 - 5 * METRE)],
        "b": [(1, 2), (1, 1 - 10 * METRE)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=15)
    assert kinds(network)["overshoot"] == ["b, r"]
    assert up(network, "r.2") == ["b", "r.1", "r.2"]


def test_a_crossing_in_mid_line_is_proposed_with_its_place_and_angle():
    network = RiverNetwork.from_lines(river_and(0))
    issue = network.issues.set_index("kind").loc["crossing"]
    assert (issue["reach_ids"], issue["action"]) == ("b, r", "proposed")
    assert issue.geometry.distance(draw({"x": [(1, 1), (1, 2)]}).geometry[0]) < 1e-9
    assert "90°" in issue["rule"]
    assert up(network, "r") == ["r"]


def test_one_river_that_crosses_itself_by_name_is_joined():
    names = {"r": "綦江", "b": "綦江河"}
    network = RiverNetwork.from_lines(river_and(0, name=names))
    assert kinds(network)["crossing"] == ["b, r"]
    assert up(network, "r.2") == ["b.1", "r.1", "r.2"]
    assert up(network, "b.2") == ["b.1", "b.2", "r.1"]


@pytest.mark.parametrize("name", ["东风渠", "Main Canal"])
def test_a_canal_is_never_joined_where_it_crosses(name):
    network = RiverNetwork.from_lines(river_and(0, name={"r": name, "b": name}))
    issue = network.issues.set_index("kind").loc["crossing"]
    assert issue["action"] == "proposed"
    assert "canal" in issue["rule"]
    assert issue["confidence"] < 0.4


def test_a_vertex_in_common_makes_a_crossing_likelier():
    lines = draw({"r": [(0, 1), (1, 1), (2, 1)], "b": [(1, 2), (1, 1), (1, 0)]})
    network = RiverNetwork.from_lines(lines)
    issue = network.issues.set_index("kind").loc["crossing"]
    assert "shared vertex" in issue["rule"]
    assert issue["confidence"] > 0.4


def test_lines_that_meet_at_a_node_are_not_crossings():
    lines = draw({"a": [(0, 2), (1, 1)], "b": [(2, 2), (1, 1)], "c": [(1, 1), (1, 0)]})
    assert RiverNetwork.from_lines(lines).issues.empty


def test_a_shared_stretch_is_kept_once():
    r"""
    a: (0,2) (1,1) (1,0), and b: (2,2) (1,1) (1,0): both run to the mouth.
    """
    lines = draw({"a": [(0, 2), (1, 1), (1, 0)], "b": [(2, 2), (1, 1), (1, 0)]})
    network = RiverNetwork.from_lines(lines)
    assert kinds(network) == {"overlap": ["a, b"], "split_at_confluence": ["a, b"]}
    assert network.issues["distance_m"].iloc[0] == pytest.approx(NORTH_M, abs=0.5)
    assert up(network, "a.2") == ["a.1", "a.2", "b"]
    assert network.reaches["length_m"].sum() == pytest.approx(
        NORTH_M + 2 * network.reaches["length_m"]["b"], rel=1e-4
    )


def test_a_shared_stretch_in_the_middle_leaves_two_arms():
    """b leaves a at (1, 0) and comes back to it at (3, 0), sharing (3, 0) to (4, 0), drawn west."""
    lines = draw({
        "a": [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)],
        "b": [(5, 1), (4, 0), (3, 0), (2, 1)],
    })  # fmt: skip
    network = RiverNetwork.from_lines(lines, turn=False)
    assert kinds(network)["overlap"] == ["a, b"]
    assert network.reaches["source_id"].value_counts().to_dict() == {"a": 3, "b": 2}
    ends = network.reaches.geometry["b.1"].coords
    assert (ends[0], ends[-1]) == (at(5, 1), at(4, 0))


def test_a_line_within_another_is_set_aside_and_can_be_asked_for():
    lines = draw({"a": [(0, 0), (1, 0), (2, 0), (3, 0)], "b": [(1, 0), (2, 0)]})
    network = RiverNetwork.from_lines(lines)
    assert list(network.reaches.index) == ["a"]
    with pytest.raises(Exception, match="overlap of a"):
        network.upstream("b")


def test_every_finding_reads_in_both_languages():
    for lines in (river_and(1 - 12 * METRE), river_and(0), river_and(1 - 30 * METRE)):
        for issue in RiverNetwork.from_lines(lines, snap_tolerance_m=15).issues.iloc:
            assert all("{" not in issue_text(issue, lang) for lang in ("zh", "en"))


def test_ways_on_from_a_mouth_are_ranked_by_distance_name_and_course():
    """b ends at (1, 1), flowing south: m of its name lies 40 m south, n 30 m east of its mouth."""
    s, e = 1 - 40 * METRE, 1 + 30 / 978.0
    lines = draw(
        {"b": [(1, 2), (1, 1)], "m": [(0, s), (2, s)], "n": [(e, 0.999), (e, 2)]},
        name={"b": "甲河", "m": "甲河", "n": "乙溪"},
    )
    issues = RiverNetwork.from_lines(lines).issues
    found = issues[issues["kind"] == "gap_proposed"].sort_values("confidence", ascending=False)
    found = found[found["reach_ids"].str.startswith("b,")]
    assert found["reach_ids"].to_list() == ["b, m", "b, n"]
    assert found["distance_m"].to_list() == pytest.approx([40, 30], abs=0.5)
    assert found["rule"].to_list() == [
        "beyond tolerance + name + course",
        "beyond tolerance + rank 2",
    ]
    assert up(RiverNetwork.from_lines(lines), "m") == ["m"]
