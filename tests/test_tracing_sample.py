"""The sample basin: what was planted in it is found (truth: data/sample_layers/planted.csv)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from basin.layers import read_layer
from basin.network import RiverNetwork
from basin.quality import SectionAssessment, assess_sections
from basin.tracing import SourceTrace, trace_sources

SAMPLE = Path(__file__).parents[1] / "data" / "sample_layers"
FILES = {
    "rivers": "rivers.gpkg",
    "sections": "sections.csv",
    "samples": "samples.csv",
    "outfalls": "outfalls.shp",
    "districts": "districts.gpkg",
}


@cache
def layer(name: str) -> object:
    return read_layer(SAMPLE / FILES[name], name, problems=[])


@cache
def network() -> RiverNetwork:
    return RiverNetwork.from_lines(layer("rivers"), snap_tolerance_m=30)


@cache
def assessment() -> SectionAssessment:
    return assess_sections(layer("samples"), layer("sections"))


@cache
def traced(section: str, item: str | None = None, period: str | None = None) -> SourceTrace:
    return trace_sources(
        network(), section, layer("outfalls"), layer("samples"), item, period,
        sections=layer("sections"), districts=layer("districts"),
    )  # fmt: skip


@cache
def planted() -> pd.DataFrame:
    return pd.read_csv(SAMPLE / "planted.csv", encoding="utf-8-sig").fillna({"detail": ""})


def details(kind: str) -> pd.Series:
    table = planted()
    return table[table["kind"] == kind].set_index("id")["detail"]


def test_the_two_planted_sections_fail_and_no_other() -> None:
    assert set(assessment().failing) == set(details("scenario_section").index) == {"S-FH", "S-WT"}
    table = assessment().sections
    assert table.loc["S-FH", "failing_items"] == "tp"
    assert table.loc["S-WT", "failing_items"] == "nh3n"


@pytest.mark.parametrize("section", ["S-FH", "S-WT"])
def test_the_period_mean_is_the_planted_one(section: str) -> None:
    mean = float(re.search(r"mean of 2025 ([\d.]+) mg/L", details("scenario_section")[section])[1])
    assert traced(section).balance["observed_mg_l"] == pytest.approx(mean, abs=5e-4)


def test_phosphorus_at_fuhuan_fails_in_the_wet_months_of_the_last_year() -> None:
    months = assessment().months
    own = months[(months["section_id"] == "S-FH") & (months["failing_items"] == "tp")]
    assert own["month"].tolist() == ["2025-05", "2025-06", "2025-07", "2025-08", "2025-09"]


@pytest.mark.parametrize(
    ("section", "item", "leads"),
    [("S-FH", "tp", {"P-011", "P-012"}), ("S-WT", "nh3n", {"P-021", "P-022"})],
)
def test_the_planted_outfalls_rank_first_at_their_distance(
    section: str, item: str, leads: set[str]
) -> None:
    trace = traced(section)
    assert (trace.item_id, trace.fails) == (item, True)
    assert set(trace.outfalls.index[:2]) == leads
    for outfall, text in details("scenario_outfall").items():
        if outfall not in leads:
            continue
        metres, hours = re.search(r"(\d+) m and ([\d.]+) h above", text).groups()
        row = trace.outfalls.loc[outfall]
        assert row["distance_m"] == pytest.approx(float(metres), abs=10)
        assert row["travel_time_h"] == pytest.approx(float(hours), abs=0.02)
        arrives = float(re.search(r"arrives ([\d.]+) kg/d", text)[1])
        assert row["arriving_kg_d"] == pytest.approx(arrives, rel=0.01)
        assert row["local"]


@pytest.mark.parametrize("section", ["S-FH", "S-WT"])
def test_the_balance_closes_near_what_was_planted(section: str) -> None:
    trace, text = traced(section), details("scenario_section")[section]
    b = trace.balance
    local = trace.outfalls.loc[trace.outfalls["local"], "share_of_flux"].sum()
    assert (b["inherited_share"] + local + b["remainder_share"]) * 100 == pytest.approx(
        100, abs=0.1
    )
    assert trace.balance_status == "closed"
    numbers = dict(re.findall(r"(flux|excess|remainder) ([\d.]+)", text))
    background = float(re.search(r"background at [\d.]+ mg/L ([\d.]+)", text)[1])
    assert b["flux_kg_d"] == pytest.approx(float(numbers["flux"]), rel=1e-3)
    # the planted remainder is a share of what exceeds the background
    rest = b["remainder_kg_d"] + b["inherited_kg_d"] - background
    excess = float(numbers["excess"])
    assert rest / excess == pytest.approx(float(numbers["remainder"]), abs=0.03)


def test_below_the_section_and_over_the_divide_are_out() -> None:
    left = traced("S-FH").left_out.set_index("outfall_id")
    below, over = details("just_below_section").index[0], details("over_divide").index[0]
    assert left.loc[below, "reason"] == "below_section"
    assert "50 m" in left.loc[below, "text_zh"]
    assert left.loc[over, "reason"] == "not_upstream"


def test_thirty_kilometres_up_a_tributary_is_in() -> None:
    outfall, text = next(iter(details("far_upstream").items()))
    metres = float(re.match(r"(\d+) m up", text)[1])
    assert traced("S-WT").outfalls.loc[outfall, "distance_m"] == pytest.approx(metres, abs=10)


def test_planted_doubts_are_listed_at_the_basin_outlet() -> None:
    trace = traced("S-D08", "nh3n")
    left = trace.left_out.set_index("outfall_id")["reason"]
    assert left[f"{details('duplicate_id').index[0]}#2"] == "duplicate"
    assert left[details("far_from_river").index[0]] == "far"
    sampled = details("closed_but_sampled").index[0]
    assert "closed_sampled" in trace.outfalls.loc[sampled, "note"]
    for outfall in details("nearest_is_wrong").index:
        right = planted().set_index(["kind", "id"]).loc[("nearest_is_wrong", outfall), "reach_id"]
        assert trace.outfalls.loc[outfall, "reach_id"] == right
        assert "placed_by_name" in trace.outfalls.loc[outfall, "note"]


def test_the_border_is_named() -> None:
    trace = traced("S-FH")
    assert set(trace.outfalls["district"][:2]) == {"万盛经开区(示意)"}
    assert trace.fact["district"] == "綦江区(示意)"
    assert "断面在 綦江区(示意)，有跨界输入" in trace.explain()


def test_every_outfall_is_ranked_listed_or_counted() -> None:
    for section in ("S-FH", "S-WT"):
        trace = traced(section)
        total = len(trace.outfalls) + len(trace.left_out) + trace.n_elsewhere
        assert total == len(layer("outfalls"))


def test_the_planted_loads_lie_in_their_intervals() -> None:
    for section, leads in (("S-FH", ("P-011", "P-012")), ("S-WT", ("P-021", "P-022"))):
        trace = traced(section)
        assert set(leads) <= set(trace.suspects.index)
        for outfall in leads:
            arrives = float(re.search(r"arrives ([\d.]+)", details("scenario_outfall")[outfall])[1])
            row = trace.outfalls.loc[outfall]
            assert row["arriving_low_kg_d"] < arrives < row["arriving_high_kg_d"]
            assert row["p_top3"] > 0.99


def test_the_cross_border_share_table() -> None:
    shares = traced("S-FH").responsibility()
    assert shares["share_of_flux"].sum() == pytest.approx(1.0, abs=1e-3)
    border = shares[shares["cross_border"].eq(True).fillna(False)]
    assert border["who"].tolist() == ["万盛经开区(示意)"]
    # P-011 and P-012 were planted in the other district: 17.6 of 29.38 kg/d
    assert border["share_of_flux"].iloc[0] == pytest.approx(17.6 / 29.38, abs=2e-3)
    assert shares["source"].tolist() == ["outfalls", "inherited", "remainder"]


def test_trouble_is_local_at_both_sections() -> None:
    for section, months in (("S-FH", 5), ("S-WT", 9)):
        row = traced(section).intervals.iloc[0]
        assert row["n_failing"] == months
        assert row["n_inherited"] == 0
        assert row["fails_first"]


def test_every_table_of_a_trace_carries_method_and_caveat() -> None:
    tables = traced("S-WT").tables()
    said = tables["inputs"].set_index("input")["detail_zh"]
    assert "线索清单，不是责任认定" in said["caveat"]
    assert "k = 0.125" in said["method"]
    assert tables["inputs"].set_index("input")["first"].loc["samples"] == pd.Timestamp("2025-01-01")
    assert set(tables) >= {"outfalls", "intervals", "balances", "shares", "what_if"}
