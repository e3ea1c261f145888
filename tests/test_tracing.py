"""Tracing on hand-drawn rivers, solved in the head; networkx is the oracle on random ones."""

from __future__ import annotations

import math

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from basin.crs import length_m
from basin.errors import AssessmentError, CrsError, SnapError
from basin.network import RiverNetwork
from basin.tracing import CAVEAT, trace_sources

# km east and north of 106.6 E, 29.0 N, on a plane of scale 1
PLANE = pyproj.CRS.from_proj4("+proj=tmerc +lat_0=29 +lon_0=106.6 +k=1 +ellps=GRS80 +units=km")


def on_earth(shapes: list, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=PLANE).to_crs(4490)


def rivers(**lines: list[tuple[float, float]]) -> RiverNetwork:
    """Build a network of lines drawn downstream, in km; 1 m/s and 10 m3/s everywhere."""
    table = on_earth(
        [LineString(xy) for xy in lines.values()],
        reach_id=list(lines),
        name=[f"{r}河" for r in lines],
        velocity_m_s=1.0,
        flow_m3_s=10.0,
    )
    return RiverNetwork.from_lines(table)


def outfalls(loads: dict[str, tuple], item: str = "tp", **more: object) -> gpd.GeoDataFrame:
    """Place outfalls by id at (x km, y km, kg/d or None)."""
    columns = {
        "outfall_id": list(loads),
        "name": [f"示例{o}" for o in loads],
        "kind": "industrial",
        "action": "",
        "status": "active",
        "data_basis": "measured",
        f"load_{item}_kg_d": [v[2] for v in loads.values()],
    }
    return on_earth([Point(v[0], v[1]) for v in loads.values()], **(columns | more))


def sections(**places: tuple) -> gpd.GeoDataFrame:
    """Place sections by id at (x km, y km, flow m3/s)."""
    return on_earth(
        [Point(x, y) for x, y, _ in places.values()],
        section_id=list(places),
        name="断面",
        level="municipal",
        river="",
        target_class="III",
        waterbody="river",
        flow_m3_s=[q for _, _, q in places.values()],
    )


def samples(item: str = "tp", **values: float) -> pd.DataFrame:
    rows = [
        {"section_id": s, "date": pd.Timestamp("2025-07-05"), item: v} for s, v in values.items()
    ]
    return pd.DataFrame(rows)


def the_tree() -> RiverNetwork:
    r"""Draw a tree: all flows south to the outlet; D is another river beyond the divide.

    A (0,40)     B (30,20)
       \          |
        \   30 km of B, drawn (30,20) -> (0,20)
         A: (0,40)->(0,20) ---- + (0,20)
                                |
                                C: (0,20)->(0,0)      D: (1,20)->(1,0), its own outlet
    """
    return rivers(
        A=[(0, 40), (0, 20)],
        B=[(30, 20), (0, 20)],
        C=[(0, 20), (0, 0)],
        D=[(1, 19.5), (1, 0)],
    )


def test_the_graph_decides_and_not_the_map() -> None:
    net = the_tree()
    table = outfalls(
        {
            "FAR_UP": (30, 20, 8.0),  # 30 km up the tributary B
            "JUST_BELOW": (0, 9.95, 4.0),  # 50 m below the section on its reach
            "DIVIDE": (1, 10.5, 2.0),  # 1 km away, but in the other river
            "AT": (0, 10, 1.0),  # at the section itself
            "UP": (0, 12, 16.0),
        }
    )
    where = sections(S=(0, 10, 10.0))
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=where)
    assert list(trace.outfalls.index) == ["UP", "FAR_UP", "AT"]
    assert trace.outfalls["distance_m"].tolist() == pytest.approx([2000, 40000, 0], abs=1)
    assert trace.outfalls["travel_time_h"].tolist() == pytest.approx(
        [2000 / 3600, 40000 / 3600, 0], abs=1e-3
    )
    assert trace.outfalls["junctions"].tolist() == [0, 1, 0]
    assert trace.outfalls["rank"].tolist() == [1, 2, 3]
    left = trace.left_out.set_index("outfall_id")
    assert left["reason"].to_dict() == {"JUST_BELOW": "below_section", "DIVIDE": "not_upstream"}
    assert "50 m" in left["text_zh"]["JUST_BELOW"]
    assert set(trace.reaches.index) == {"A", "B", "C"}


def test_both_arms_of_a_braid_count_and_the_shorter_is_walked() -> None:
    r"""
     head (0,20)
       |
     (0,15)
     /    \       the island: LEFT is straight (5 km), RIGHT bulges east
    LEFT  RIGHT
     \    /
     (0,10)
       |
     TAIL to (0,0)
    """
    net = rivers(
        HEAD=[(0, 20), (0, 15)],
        LEFT=[(0, 15), (0, 10)],
        RIGHT=[(0, 15), (3, 12.5), (0, 10)],
        TAIL=[(0, 10), (0, 0)],
    )
    table = outfalls({"H": (0, 18, 1.0), "L": (0, 12, 2.0), "R": (3, 12.5, 4.0)})
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 5, 1.0)))
    half = math.hypot(3, 2.5) * 1000
    assert trace.outfalls["distance_m"].to_dict() == pytest.approx(
        {"H": 13000, "L": 7000, "R": half + 5000}, abs=1
    )
    assert set(trace.reaches.index) == {"HEAD", "LEFT", "RIGHT", "TAIL"}
    # what enters above the island passes along the shorter arm; the sum at the section is whole
    lowest = trace.reaches[~trace.reaches.index.duplicated()]
    assert lowest["load_kg_d"].to_dict() == {"TAIL": 7, "LEFT": 3, "RIGHT": 4, "HEAD": 1}


def test_local_inherited_and_the_balance_closes() -> None:
    r"""
    up (0,30) --UP_SECTION (0,20)-- S (0,0)      item tp: k = 0, so loads add up as they are
    """
    net = rivers(A=[(0, 30), (0, 10)], B=[(0, 10), (0, -1)])
    where = sections(S=(0, 0, 10.0), U=(0, 20, 5.0))
    table = outfalls({"ABOVE": (0, 25, 32.0), "NEAR": (0, 5, 64.0), "NEAR2": (0, 15, 20.0)})
    trace = trace_sources(net, "S", table, samples(S=0.3, U=0.15), sections=where, period="2025-07")
    # flux 86.4 x 0.3 x 10 = 259.2; inherited 86.4 x 0.15 x 5 = 64.8; explained 84; the rest 110.4
    b = trace.balance
    assert b["flux_kg_d"] == pytest.approx(259.2)
    assert b["inherited_kg_d"] == pytest.approx(64.8)
    assert b["explained_kg_d"] == pytest.approx(84.0)
    assert b["remainder_kg_d"] == pytest.approx(110.4)
    assert b["upstream_kg_d"] == pytest.approx(32.0)
    local = trace.outfalls[trace.outfalls["local"]]
    assert set(local.index) == {"NEAR", "NEAR2"}
    total = b["inherited_share"] + local["share_of_flux"].sum() + b["remainder_share"]
    assert total * 100 == pytest.approx(100, abs=0.1)
    assert trace.balance_status == "closed"
    assert trace.outfalls["next_section"].to_dict() == {"NEAR": "S", "NEAR2": "S", "ABOVE": "U"}
    assert trace.outfalls["share_explained"].sum() == pytest.approx(1)
    above = trace.upstream_sections.loc["U"]
    assert (bool(above["nearest"]), bool(above["compliant"]), above["water_class"]) == (
        True,
        True,
        "III",
    )
    assert "问题区间在其与本断面之间" in trace.explain()


def test_only_the_nearest_measured_sections_are_inherited() -> None:
    net = rivers(A=[(0, 40), (0, 0)])
    where = sections(S=(0, 0, 10.0), U1=(0, 10, 5.0), U2=(0, 20, 5.0), DRY=(0, 5, 5.0))
    trace = trace_sources(
        net, "S", outfalls({"X": (0, 7, 1.0)}), samples(S=0.3, U1=0.25, U2=0.4), sections=where
    )
    above = trace.upstream_sections
    assert list(above.index) == ["DRY", "U1", "U2"]
    assert above["nearest"].tolist() == [False, True, False]
    assert trace.balance["inherited_kg_d"] == pytest.approx(86.4 * 0.25 * 5)
    # DRY lies between but measured nothing: next section, yet still local
    assert trace.outfalls.loc["X", "next_section"] == "DRY"
    assert bool(trace.outfalls.loc["X", "local"])
    assert "先查其以上区间" in trace.explain()


def test_ammonia_decays_on_its_way() -> None:
    net = rivers(A=[(0, 50), (0, 0)])
    table = outfalls({"X": (0, 43.2, 100.0)}, item="nh3n")
    trace = trace_sources(
        net, "S", table, samples("nh3n", S=2.5), sections=sections(S=(0, 0, 10.0))
    )
    # 43.2 km at 1 m/s = 12 h; k = 0.125 per day
    assert trace.outfalls.loc["X", "travel_time_h"] == pytest.approx(12, rel=1e-4)
    assert trace.outfalls.loc["X", "arriving_kg_d"] == pytest.approx(
        100 * math.exp(-0.0625), rel=1e-5
    )
    own = trace_sources(
        net, "S", table, samples("nh3n", S=2.5), sections=sections(S=(0, 0, 10.0)), k_per_d=0.5
    )
    assert own.outfalls.loc["X", "arriving_kg_d"] == pytest.approx(100 * math.exp(-0.25), rel=1e-5)


def test_a_missing_velocity_takes_the_default_and_is_flagged() -> None:
    table = on_earth(
        [LineString([(0, 20), (0, 10)]), LineString([(0, 10), (0, 0)])],
        reach_id=["A", "B"],
        name="河",
        velocity_m_s=[1.0, np.nan],
        flow_m3_s=10.0,
    )
    net = RiverNetwork.from_lines(table)
    trace = trace_sources(
        net, "S", outfalls({"X": (0, 15, 1.0)}), samples(S=0.3), sections=sections(S=(0, 4, 1.0)),
        velocity_m_s=0.25,
    )  # fmt: skip
    assert trace.outfalls.loc["X", "travel_time_h"] == pytest.approx(
        5000 / 3600 + 6000 / 0.25 / 3600, rel=1e-4
    )
    assert "default_velocity" in trace.outfalls.loc["X", "note"]
    assert trace.velocity_m_s == 0.25
    assert "default_velocity" in trace.notes


def test_impossible_balance_is_flagged() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    where = sections(S=(0, 0, 1.0))
    for load, status in ((20.0, "closed"), (28.0, "overexplained"), (400.0, "impossible")):
        trace = trace_sources(
            net, "S", outfalls({"X": (0, 10, load)}), samples(S=0.3), sections=where
        )
        assert trace.balance["flux_kg_d"] == pytest.approx(25.92)
        assert trace.balance_status == status
    assert "平衡不成立" in trace.explain()
    assert "impossible" in trace.explain(lang="en")


def test_unknown_loads_follow_by_distance_and_what_cannot_carry_comes_last() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table = outfalls(
        {
            "KNOWN": (0, 19, 1.0),
            "U_FAR": (0, 10, None),
            "U_NEAR": (0, 5, None),
            "ZERO": (0, 1, 0.0),
            "CONC": (0, 12, None),
        },
    )
    table["conc_tp_mg_l"] = [None, None, None, None, 5.0]
    table["flow_m3_d"] = [None, 100.0, None, None, 600.0]
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 10.0)))
    assert list(trace.outfalls.index) == ["CONC", "KNOWN", "U_NEAR", "U_FAR", "ZERO"]
    assert trace.outfalls["load_kg_d"]["CONC"] == pytest.approx(3.0)
    assert trace.outfalls["carries_item"].tolist() == [
        "measured",
        "measured",
        "possible",
        "possible",
        "no",
    ]
    assert trace.outfalls["load_basis"]["U_FAR"] == "none"


def test_a_kind_that_does_not_discharge_the_item_is_apart() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table = outfalls({"FARM": (0, 5, None), "WORKS": (0, 10, None)}, item="cn")
    table["kind"] = ["agricultural", "industrial"]
    trace = trace_sources(net, "S", table, samples("cn", S=0.3), sections=sections(S=(0, 0, 10.0)))
    assert trace.outfalls["carries_item"].to_dict() == {"WORKS": "possible", "FARM": "no"}
    assert "不排放该项 1 个：FARM" in trace.explain()


def test_left_out_each_with_its_reason() -> None:
    net = rivers(A=[(0, 60), (0, 0)])
    table = outfalls(
        {
            "OK": (0, 10, 1.0),
            "CLOSED": (0, 11, 2.0),
            "REOPENED": (0, 12, 4.0),
            "PLANNED": (0, 13, 8.0),
            "TWICE": (0, 14, 16.0),
            "TWICE#2": (0, 14.001, 16.0),
            "OFF": (2, 10, 32.0),
            "NOWHERE": (0, 9, 64.0),
            "ELSEWHERE": (0, 1, 128.0),
        },
    )
    table["status"] = [
        "active", "closed", "closed", "planned", "active", "active", "active", "active", "active",
    ]  # fmt: skip
    table["duplicate_of"] = ["", "", "", "", "", "TWICE", "", "", ""]
    table["sampled_on"] = [None, "2024-01-05", "2025-06-01", *[None] * 6]
    table["closed_on"] = [None, "2024-06-01", "2024-06-01", *[None] * 6]
    table.loc[7, "geometry"] = None
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 8, 10.0)))
    assert set(trace.outfalls.index) == {"OK", "REOPENED", "TWICE"}
    assert trace.outfalls.loc["REOPENED", "note"] == "closed_sampled"
    assert trace.left_out.set_index("outfall_id")["reason"].to_dict() == {
        "CLOSED": "closed",
        "PLANNED": "planned",
        "TWICE#2": "duplicate",
        "OFF": "far",
        "NOWHERE": "no_geometry",
        "ELSEWHERE": "below_section",
    }
    assert not set(trace.outfalls.index) & set(trace.left_out["outfall_id"])
    note = trace.explain()
    assert "已取缔但其后仍有采样" in note
    assert "核实取缔是否到位：REOPENED" in note


def test_far_away_outfalls_that_do_not_drain_here_are_counted_only() -> None:
    net = rivers(A=[(0, 20), (0, 0)], Z=[(30, 20), (30, 0)])
    table = outfalls({"X": (0, 10, 1.0), "Z1": (30, 10, 1.0), "Z2": (30, 5, 1.0)})
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 1.0)))
    assert trace.n_elsewhere == 2
    assert trace.left_out.empty
    wide = trace_sources(
        net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 1.0)), near_m=50_000
    )
    assert set(wide.left_out["reason"]) == {"not_upstream"}


def test_district_border_and_shares_by_district() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table = outfalls({"N1": (0, 15, 6.0), "N2": (0, 12, 3.0), "HERE": (0, 5, 1.0)})
    table["district"] = ["北区", "南区", None]  # N2 is filed in the wrong district
    districts = on_earth(
        [box(-5, 10, 5, 25), box(-5, -5, 5, 10)], id=["D-N", "D-S"], name=["北区", "南区"]
    )
    trace = trace_sources(
        net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 1.0)), districts=districts
    )
    assert trace.outfalls["district"].to_dict() == {"N1": "北区", "N2": "北区", "HERE": "南区"}
    assert trace.outfalls["note"].to_dict() == {"N1": "", "N2": "district_conflict", "HERE": ""}
    shares = trace.by_district()
    assert shares["share_explained"].to_dict() == pytest.approx({"北区": 0.9, "南区": 0.1})


def test_the_worst_failing_item_is_chosen() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    values = pd.DataFrame(
        [{"section_id": "S", "date": pd.Timestamp("2025-07-05"), "tp": 0.25, "nh3n": 1.8}]
    )
    trace = trace_sources(
        net, "S", outfalls({"X": (0, 5, 1.0)}), values, sections=sections(S=(0, 0, 1.0))
    )
    assert (trace.item_id, trace.fails, trace.period) == ("nh3n", True, "2024-08/2025-07")


def test_a_passing_section_is_traced_for_the_item_nearest_to_failing() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    values = pd.DataFrame(
        [{"section_id": "S", "date": pd.Timestamp("2025-07-05"), "tp": 0.19, "nh3n": 0.5, "do": 7}]
    )
    trace = trace_sources(
        net, "S", outfalls({"X": (0, 5, 1.0)}), values, sections=sections(S=(0, 0, 1.0))
    )
    assert (trace.item_id, trace.fails) == ("tp", False)
    assert "本项达标" in trace.explain()
    low = trace_sources(
        net, "S", outfalls({"X": (0, 5, 1.0)}), values.assign(do=5.1),
        sections=sections(S=(0, 0, 1.0)),
    )  # fmt: skip
    assert low.item_id == "do"
    assert "not_a_load" in low.notes
    assert low.balance_status == "open"


def test_a_section_can_be_given_by_its_own_row() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table, where = outfalls({"X": (0, 5, 1.0)}), sections(S=(0, 0, 1.0))
    by_row = trace_sources(net, where, table, samples(S=0.3))
    by_series = trace_sources(net, where.iloc[0], table, samples(S=0.3))
    by_id = trace_sources(net, "S", table, samples(S=0.3), sections=where)
    for other in (by_series, by_id):
        pd.testing.assert_frame_equal(
            pd.DataFrame(by_row.outfalls), pd.DataFrame(other.outfalls), check_dtype=False
        )
    assert "no_other_sections" in by_row.notes


def test_no_outfalls_and_none_upstream() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    where = sections(S=(0, 10, 1.0))
    for table in (outfalls({"X": (0, 5, 1.0)}), outfalls({"X": (0, 5, 1.0)}).iloc[:0]):
        trace = trace_sources(net, "S", table, samples(S=0.3), sections=where)
        assert trace.outfalls.empty
        assert trace.balance["remainder_share"] == pytest.approx(1)
        assert "沿河网无可能排放该项的排污口" in trace.explain()
        assert "No outfall upstream" in trace.explain(lang="en")
        assert trace._repr_html_()


def test_an_unmeasured_item_is_ranked_but_not_balanced() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    trace = trace_sources(
        net, "S", outfalls({"X": (0, 5, 1.0)}, item="cod"), samples(S=0.3), "cod",
        sections=sections(S=(0, 0, 1.0)),
    )  # fmt: skip
    assert trace.fails is None
    assert trace.outfalls.loc["X", "arriving_kg_d"] > 0
    assert math.isnan(trace.balance["flux_kg_d"])
    assert trace.balance_status == "open"
    assert "无监测值" in trace.explain()


def test_errors_name_the_section() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table, where = outfalls({"X": (0, 5, 1.0)}), sections(S=(0, 0, 1.0), F=(3, 10, 1.0))
    with pytest.raises(AssessmentError, match="S9"):
        trace_sources(net, "S9", table, samples(S=0.3), sections=where)
    with pytest.raises(AssessmentError, match="phlogiston"):
        trace_sources(net, "S", table, samples(S=0.3), "phlogiston", sections=where)
    with pytest.raises(SnapError, match=r"3000 m.*F"):
        trace_sources(net, "F", table, samples(F=0.3), sections=where)
    with pytest.raises(AssessmentError, match="F"):
        trace_sources(net, "F", table, samples(S=0.3), sections=where)


def test_explain_holds_every_part_and_the_caveat() -> None:
    net = the_tree()
    table = outfalls({"UP": (0, 12, 16.0), "B1": (10, 20, 9.0), "LOW": (0, 1, 1.0)})
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 10, 10.0)))
    note = trace.explain()
    for part in (
        "一、事实", "时段均值 0.3 mg/L", "劣于目标Ⅲ类（限值 0.2 mg/L）", "超 0.5 倍",
        "二、范围", "三、线索", "1. UP 示例UP（工业排污口", "沿河 2 km", "四、平衡",
        # the head of B is 10 + 30 km up, at 1 m/s
        "最远 40 km、约 11 h", "断面通量 259 kg/d",
        "五、未进入排序", "LOW 示例LOW: 位于断面下游 9000 m",
        "六、下一步", "河段 B 末端", "七、方法", "线索清单，不是责任认定",
    ):  # fmt: skip
        assert part in note
    english = trace.explain(lang="en")
    assert CAVEAT["en"] in english
    assert "a list of leads, not proof" in english
    assert not any("一" <= c <= "鿿" for c in english.split("7. Method")[0].replace("断面", "")
                   .replace("示例", "").replace("河", ""))  # fmt: skip


def test_a_table_to_read_has_words_for_codes() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table = outfalls({"X": (0, 5, 2.0), "Y": (0, 6, None)})
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 1.0)))
    zh = trace.to_frame("zh")
    assert zh["类型"].tolist() == ["工业排污口", "工业排污口"]
    assert zh["负荷依据"].tolist() == ["实测", "无数据"]
    assert trace.to_frame("en").iloc[1]["note"] == "load not known"
    assert list(trace.to_frame().index) == ["X", "Y"]


def test_repr_html_is_inert() -> None:
    nasty = "<img src=x onerror=alert(1)>{{7*7}}${x}`\\"
    net = rivers(A=[(0, 20), (0, 0)])
    table = outfalls({"X": (0, 5, 1.0)}).assign(name=nasty)
    where = sections(S=(0, 0, 1.0)).assign(name=nasty)
    page = trace_sources(net, "S", table, samples(S=0.3), sections=where)._repr_html_()
    for raw in ("<img", "{{", "${", "`", "\\"):
        assert raw not in page


def test_inputs_are_not_changed_and_row_order_changes_nothing() -> None:
    net = the_tree()
    table = outfalls({"UP": (0, 12, 16.0), "B1": (10, 20, 16.0), "B2": (5, 20, None)})
    where, data = sections(S=(0, 10, 10.0), U=(0, 30, 3.0)), samples(S=0.3, U=0.1)
    kept = table.copy(), where.copy(), data.copy()
    trace = trace_sources(net, "S", table, data, sections=where)
    for now, before in zip((table, where, data), kept, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(now), pd.DataFrame(before))
    again = trace_sources(net, "S", table.iloc[::-1], data.iloc[::-1], sections=where.iloc[::-1])
    pd.testing.assert_frame_equal(
        pd.DataFrame(trace.outfalls.drop(columns="geometry")),
        pd.DataFrame(again.outfalls.drop(columns="geometry")),
    )


def _arms(a: tuple, b: tuple, n: int) -> list[list[tuple[float, float]]]:
    """Draw n parallel reaches from a to b: straight, and bulging to either side."""
    (x0, y0), (x1, y1) = a, b
    mid, across = ((x0 + x1) / 2, (y0 + y1) / 2), (y1 - y0, x0 - x1)
    return [
        [a, (mid[0] + side * across[0], mid[1] + side * across[1]), b] if side else [a, b]
        for side in (0, 0.3, -0.3)[:n]
    ]


def _braided_river(cells: list[tuple[int, list[int], list[int]]]) -> dict[str, list]:
    r"""Draw a spine flowing south in cells of 4 km, with chains of tributaries east and west.

    W2=W1==(0,8)--E1         each chain and each cell of 1 to 3 parallel arms; no lines cross
           ||
          (0,4)
           |
          (0,0)
    """
    lines: list = []
    for k, (arms, west, east) in enumerate(cells, 1):
        head = (0.0, 4.0 * k)
        lines += _arms(head, (0.0, 4.0 * (k - 1)), arms)
        for side, chain in ((-1, west), (1, east)):
            for j, n in enumerate(chain):
                lines += _arms((side * 5.0 * (j + 1), 4.0 * k), (side * 5.0 * j, 4.0 * k), n)
    return {f"R{k:02}": xy for k, xy in enumerate(lines)}


_CHAIN = st.lists(st.integers(1, 2), max_size=2)
_CELLS = st.lists(st.tuples(st.integers(1, 3), _CHAIN, _CHAIN), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(cells=_CELLS, data=st.data())
def test_membership_and_distance_against_networkx(cells: list, data: st.DataObject) -> None:
    lines = _braided_river(cells)
    graph = nx.MultiDiGraph()
    length = {r: LineString(xy).length * 1000 for r, xy in lines.items()}
    for r, xy in lines.items():
        graph.add_edge(xy[0], xy[-1], key=r, length=length[r])
    share = {r: data.draw(st.sampled_from((0.2, 0.4, 0.7))) for r in lines}
    points = {}
    for r, xy in lines.items():
        at = LineString(xy).interpolate(share[r], normalized=True)
        points[f"P{r}"] = (at.x, at.y, 1.0)
    own = data.draw(st.sampled_from(sorted(lines)))
    place = LineString(lines[own]).interpolate(0.5, normalized=True)
    trace = trace_sources(
        rivers(**lines), "S", outfalls(points), samples(S=0.3),
        sections=sections(S=(place.x, place.y, 1.0)),
    )  # fmt: skip
    to_head = nx.single_source_dijkstra_path_length(graph.reverse(), lines[own][0], weight="length")
    expected = {
        f"P{r}": (1 - share[r]) * length[r] + to_head[xy[-1]] + length[own] / 2
        for r, xy in lines.items()
        if xy[-1] in to_head and r != own
    }
    if share[own] <= 0.5:
        expected[f"P{own}"] = (0.5 - share[own]) * length[own]
    found = trace.outfalls["distance_m"].to_dict()
    assert found == pytest.approx(expected, rel=1e-5, abs=0.5)
    # the load passing the section's reach is the whole, none lost on the way
    assert trace.reaches["load_kg_d"].iloc[0] == pytest.approx(len(expected))


def test_reaches_are_cut_where_outfalls_enter() -> None:
    r"""A reach of 40 km with outfalls 10 and 30 km down it: the load above the first is zero.

    A: (0,40) ---8 kg/d at 10 km--- ---1 kg/d at 30 km--- S at the end
    """
    net = rivers(A=[(0, 40), (0, 0)])
    table = outfalls({"HIGH": (0, 30, 8.0), "LOW": (0, 10, 1.0)})
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 10.0)))
    cut = trace.reaches
    assert cut["load_kg_d"].tolist() == [9.0, 8.0, 0.0]  # the lowest first
    assert cut["added_kg_d"].tolist() == [1.0, 8.0, 0.0]
    assert cut["length_m"].tolist() == pytest.approx([10_000, 20_000, 10_000], abs=1)
    assert cut["distance_m"].tolist() == pytest.approx([0, 10_000, 30_000], abs=1)
    assert cut["travel_time_h"].tolist() == pytest.approx([0, 1e4 / 3600, 3e4 / 3600], abs=1e-3)
    assert length_m(cut.geometry).tolist() == pytest.approx(cut["length_m"].tolist(), abs=1)


def test_open_issues_of_the_network_are_told() -> None:
    """A break of 58 m above the section: what lies beyond may be missed, and the trace says so."""
    net = rivers(A=[(0, 40), (0, 20.058)], B=[(0, 20), (0, 0)])
    table = outfalls({"BEYOND": (0, 30, 8.0), "NEAR": (0, 10, 1.0)})
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 10.0)))
    assert list(trace.outfalls.index) == ["NEAR"]
    assert "A" in trace.unresolved
    assert "河网有未处理的问题，涉及河段 A" in trace.explain()
    assert "outfalls above may be missed" in trace.explain(lang="en")


def test_outfalls_behind_a_doubtful_repair_are_told() -> None:
    """A gap of 20 m, closed: BEYOND drains here only by that repair, NEAR with certainty."""
    lines = {"A": [(0, 40), (0, 20.02)], "B": [(0, 20), (0, 0)]}
    table = on_earth([LineString(xy) for xy in lines.values()], reach_id=list(lines))
    net = RiverNetwork.from_lines(table, snap_tolerance_m=30)
    points = outfalls({"BEYOND": (0, 30, 8.0), "NEAR": (0, 10, 1.0)})
    trace = trace_sources(net, "S", points, samples(S=0.3), sections=sections(S=(0, 0, 10.0)))
    assert trace.outfalls["certainty"].to_dict() == {
        "BEYOND": "depends on I0001",
        "NEAR": "certain",
    }
    assert "depends_on_repair" in trace.outfalls["note"]["BEYOND"]
    assert trace.repairs["outfall_ids"].to_dict() == {"I0001": "BEYOND"}
    assert (
        "排污口 BEYOND 是否汇入取决于河网修补 I0001：河段 A, B 之间有 20.0 m 的缺口"
        in trace.explain()
    )
    assert "Outfalls BEYOND drain here only by repair I0001" in trace.explain(lang="en")


def test_a_section_above_without_a_target_is_not_said_to_comply() -> None:
    net = rivers(A=[(0, 40), (0, 0)])
    where = sections(S=(0, 0, 10.0), UP=(0, 30, 8.0))
    where.loc[where["section_id"] == "UP", "target_class"] = None
    trace = trace_sources(
        net, "S", outfalls({"P": (0, 10, 1.0)}), samples(S=0.3, UP=0.5), sections=where
    )
    assert "UP 未设目标" in trace.explain()
    assert "UP 该项时段均值达标" not in trace.explain()


def test_tables_in_another_crs_are_brought_over() -> None:
    net = the_tree()
    table = outfalls({"UP": (0, 12, 16.0), "FAR_UP": (30, 20, 8.0)})
    where = sections(S=(0, 10, 10.0), U=(0, 15, 5.0))
    county = on_earth([Point(0, 15).buffer(10)], id=["500110"], name=["綦江区"])
    tables = {"sections": where, "districts": county}
    want = trace_sources(net, "S", table, samples(S=0.3, U=0.25), **tables)
    for crs in ("EPSG:4544", "EPSG:4326"):
        moved = {name: t.to_crs(crs).rename_geometry("geom") for name, t in tables.items()}
        got = trace_sources(net, "S", table.to_crs(crs), samples(S=0.3, U=0.25), **moved)
        assert got.outfalls["distance_m"].to_dict() == pytest.approx(
            want.outfalls["distance_m"].to_dict(), abs=0.01
        )
        assert got.outfalls["district"].to_dict() == want.outfalls["district"].to_dict()
        assert got.outfalls.crs == 4490
        own = where.iloc[[0]].to_crs(crs)
        assert len(trace_sources(net, own, table, samples(S=0.3)).outfalls) == 2
    for name in ("sections", "districts"):
        lost = {**tables, name: tables[name].set_crs(None, allow_override=True)}
        with pytest.raises(CrsError, match=f"'{name}' has no coordinate reference system"):
            trace_sources(net, "S", table, samples(S=0.3), **lost)
    bare = table.set_crs(None, allow_override=True)
    with pytest.raises(CrsError, match="'outfalls' has no coordinate reference system"):
        trace_sources(net, "S", bare, samples(S=0.3), sections=where)
    plain = pd.DataFrame(table.drop(columns="geometry"))
    with pytest.raises(AssessmentError, match="outfalls have no geometry"):
        trace_sources(net, "S", plain, samples(S=0.3), sections=where)
    with pytest.raises(AssessmentError, match="outfalls lack outfall_id"):
        trace_sources(net, "S", table.drop(columns="outfall_id"), samples(S=0.3), sections=where)


@pytest.mark.parametrize("kind", [int, float, str])
def test_ids_are_text_whatever_they_were(kind: type) -> None:
    net = rivers(**{"7": [(0, 20), (0, 0)]})
    table = outfalls({"1": (0, 12, 16.0), "2": (0, 14, 8.0)}).astype({"outfall_id": kind})
    table["duplicate_of"] = [None, kind(1)] if kind is not float else [float("nan"), 1.0]
    where = sections(**{"1": (0, 10, 10.0), "2": (0, 15, 5.0)}).astype({"section_id": kind})
    for kind_of_samples in (int, str):
        values = samples(**{"1": 0.3, "2": 0.25}).astype({"section_id": kind_of_samples})
        for start in (1, "1", 1.0):
            trace = trace_sources(net, start, table, values, sections=where)
            assert trace.section_id == "1"
            assert list(trace.outfalls.index) == ["1"]
            assert trace.left_out["reason"].to_dict() == {0: "duplicate"}
            assert "与 1 为" in trace.left_out["text_zh"][0]
            assert list(trace.upstream_sections.index) == ["2"]
            assert trace.balance_status == "closed"


def test_empty_tables_keep_their_kinds() -> None:
    net = the_tree()
    where = sections(S=(0, 10, 10.0), U=(0, 15, 5.0))
    table = outfalls({"UP": (0, 12, 16.0), "JUST_BELOW": (0, 9.95, 4.0)})
    full = trace_sources(net, "S", table, samples(S=0.3, U=0.25), sections=where)
    empty = trace_sources(net, "S", table.iloc[:0], samples(S=0.3), sections=where.iloc[:1])
    assert empty.upstream_sections.empty
    assert empty.upstream_sections[empty.upstream_sections["nearest"]].empty
    assert empty.outfalls[empty.outfalls["local"]].empty
    for name in ("upstream_sections", "outfalls", "left_out", "reaches"):
        one, other = getattr(full, name), getattr(empty, name)
        assert one.dtypes.to_dict() == other.dtypes.to_dict(), name
        assert len(one) > 0
    assert empty.by_district().empty


def test_an_outfall_sampled_after_its_closing_ranks_however_its_dates_are_written() -> None:
    table = outfalls({"EARLY": (0, 15, 1.0), "LATE": (0, 16, 2.0), "SHUT": (0, 17, 3.0)})
    table["status"] = "closed"
    table["closed_on"] = ["2025-03-01", "2025年3月1日", "2025/3/1"]
    table["sampled_on"] = ["2025-04-01", "2025/4/1", 20250101]
    trace = trace_sources(
        the_tree(), "S", table, samples(S=0.3), sections=sections(S=(0, 10, 10.0))
    )
    assert sorted(trace.outfalls.index) == ["EARLY", "LATE"]
    assert trace.left_out.set_index("outfall_id")["reason"].to_dict()["SHUT"] == "closed"
