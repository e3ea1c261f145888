"""All outfalls against all sections: drawn rivers by hand, random braided grids by networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from basin.errors import AssessmentError
from basin.network import RiverNetwork
from basin.tracing import attribute_outfalls
from network_drawings import draw, points


def small():
    r"""
    P1 - a - S1 -.- b - P3 - S2 -> outlet, and P2 on a brook that joins between.
    """
    lines = {"a": [(0, 0), (4, 0)], "b": [(4, 0), (8, 0)], "brook": [(4, 3), (4, 0)]}
    return RiverNetwork.from_lines(draw(lines, velocity_m_s={"a": 1.0, "b": 0.5, "brook": None}))


OUTFALLS = points({"P1": (1, 0), "P2": (4, 2), "P3": (6, 0), "P4": (7.5, 0), "P5": (6, 9)})
SECTIONS = points({"S1": (3, 0), "S2": (7, 0)})


def test_next_section_and_all_below():
    network = small()
    found = attribute_outfalls(network, SECTIONS, OUTFALLS)
    assert found.outfalls["section_id"].fillna("").to_dict() == {
        "P1": "S1", "P2": "S2", "P3": "S2", "P4": "", "P5": "",
    }  # fmt: skip
    assert found.outfalls["n_sections"].to_dict() == {"P1": 2, "P2": 1, "P3": 1, "P4": 0, "P5": 0}
    assert found.sections["next_section"].fillna("").to_dict() == {"S1": "S2", "S2": ""}
    assert found.sections["n_outfalls"].to_dict() == {"S1": 1, "S2": 3}
    assert found.sections["n_direct"].to_dict() == {"S1": 1, "S2": 2}
    assert found.left_out.to_numpy().tolist() == [["outfalls", "P5", "far"]]
    length = network.reaches["length_m"]
    first = found.outfalls.loc["P1"]
    assert first["distance_m"] == pytest.approx(length["a"] / 2, abs=1)
    assert first["travel_time_h"] == pytest.approx(length["a"] / 2 / 3600, rel=1e-3)
    below = found.downstream("P1")
    assert below.index.tolist() == ["S1", "S2"]
    assert below.loc["S2", "distance_m"] == pytest.approx(
        length["a"] * 3 / 4 + length["b"] * 3 / 4, abs=1
    )
    assert below.loc["S2", "travel_time_h"] == pytest.approx(
        (length["a"] * 3 / 4 + length["b"] * 3 / 4 / 0.5) / 3600, rel=1e-3
    )
    assert found.outfalls["default_velocity"].to_dict() == {
        "P1": False, "P2": True, "P3": False, "P4": False, "P5": False,
    }  # fmt: skip
    assert set(found.upstream("S2")) == {"P1", "P2", "P3"}


def test_placed_tables_give_the_same_as_points():
    network = small()
    by_points = attribute_outfalls(network, SECTIONS, OUTFALLS)
    placed = attribute_outfalls(network, network.snap(SECTIONS), network.snap(OUTFALLS))
    pd.testing.assert_frame_equal(
        placed.outfalls.rename_axis("outfall_id"), by_points.outfalls, check_dtype=False
    )


def test_edges():
    network = small()
    none = attribute_outfalls(network, SECTIONS.iloc[:0], OUTFALLS)
    assert none.outfalls["section_id"].isna().all()
    assert len(none.chains()) == 0
    empty = attribute_outfalls(network, SECTIONS, OUTFALLS.iloc[:0])
    assert empty.sections["n_outfalls"].tolist() == [0, 0]
    at_one_place = attribute_outfalls(network, SECTIONS, SECTIONS)
    assert at_one_place.outfalls["section_id"].to_dict() == {"S1": "S1", "S2": "S2"}
    with pytest.raises(AssessmentError, match="P9"):
        at_one_place.downstream("P9")
    twice = pd.concat([OUTFALLS, OUTFALLS.iloc[:1]])
    with pytest.raises(AssessmentError, match="not unique: ids P1"):
        attribute_outfalls(network, SECTIONS, twice)
    with pytest.raises(AssessmentError, match="neither geometry"):
        attribute_outfalls(network, SECTIONS, pd.DataFrame({"outfall_id": ["P1"]}))


@pytest.mark.parametrize("seed", range(3))
def test_random_braided_grids_against_networkx(seed):
    """Membership by ancestors of the section's place; distance and time along the main way."""
    random = np.random.default_rng(seed)
    lines, speed = {}, {}
    for x in range(6):
        for y in range(4):
            for k, (to_x, to_y) in enumerate([(x + 1, y), (x, y + 1)]):
                if random.random() < 0.8:
                    lines[f"r{x}{y}{k}"] = [(x, y), (to_x, to_y)]
                    speed[f"r{x}{y}{k}"] = random.uniform(0.2, 2)
    network = RiverNetwork.from_lines(draw(lines, velocity_m_s=speed), turn=False)
    reaches = network.reaches

    def places(count, letter):
        pick = reaches.iloc[random.integers(0, len(reaches), count)]
        at = random.random(count) * pick["length_m"].to_numpy()
        ids = [f"{letter}{n}" for n in range(count)]
        return pd.DataFrame({"reach_id": pick.index, "measure_m": at}, index=ids)

    outfalls, sections = places(40, "P"), places(8, "S")
    found = attribute_outfalls(network, sections, outfalls)
    graph = nx.MultiDiGraph()
    for reach_id, r in reaches.iterrows():
        graph.add_edge(r["from_node"], r["to_node"], key=reach_id)
    for name, s in sections.iterrows():
        node = reaches.loc[s["reach_id"], "from_node"]
        above_nodes = nx.ancestors(graph, node) | {node}
        above = {
            i
            for i, p in outfalls.iterrows()
            if reaches.loc[p["reach_id"], "to_node"] in above_nodes
            or (p["reach_id"] == s["reach_id"] and p["measure_m"] <= s["measure_m"])
        }
        assert set(found.upstream(name)) == above
        assert found.sections.loc[name, "n_outfalls"] == len(above)
    counted = {i: sum(i in set(found.upstream(s)) for s in sections.index) for i in outfalls.index}
    assert found.outfalls["n_sections"].to_dict() == counted
    for i, p in outfalls.iterrows():
        way = network.downstream((p["reach_id"], p["measure_m"]))
        met, gone, hours = [], -p["measure_m"], 0.0
        for reach_id in way:
            u, size = reaches.loc[reach_id, ["velocity_m_s", "length_m"]]
            first = p["measure_m"] if reach_id == p["reach_id"] else 0.0
            on = sections[(sections["reach_id"] == reach_id) & (sections["measure_m"] >= first)]
            met += [
                (gone + m, s, hours + (m - first) / u / 3600)
                for s, m in on["measure_m"].sort_values().items()
            ]
            gone, hours = gone + size, hours + (size - first) / u / 3600
        below = found.downstream(i)
        assert below.index.tolist() == [s for _, s, _ in met]
        assert below["distance_m"].to_numpy() == pytest.approx([d for d, _, _ in met], abs=1e-6)
        assert below["travel_time_h"].to_numpy() == pytest.approx([h for _, _, h in met], abs=1e-9)
