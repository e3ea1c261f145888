"""Doubt of a trace: truths that are known, and choices checked by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basin.errors import AssessmentError
from basin.network import RiverNetwork
from basin.standards.quality import Decay
from basin.tracing import mixing_length, trace_all, trace_sources
from basin.tracing.chain import Chain
from basin.tracing.doubt import _rank_counts, _row_quantiles, draw, outfall_doubt
from basin.tracing.model import Model, model_of, spans_of
from basin.tracing.reductions import smallest_set
from basin.tracing.sampling import best_cuts
from basin.tracing.words import NOTES
from test_tracing import outfalls, rivers, samples, sections

K = Decay("nh3n", 0.125, 0.05, 0.30, "", "", "unsure")


def ln_sd(rel: float) -> float:
    return float(np.sqrt(np.log1p(rel**2)))


def a_model(
    load: np.ndarray, rel: np.ndarray, hours: np.ndarray, value: float, flow: float, draws: int
) -> Model:
    """One section on the year's mean, with the loads as they are reported."""
    months = [f"2025-{m:02}" for m in range(1, 13)]
    table = pd.DataFrame({"load_kg_d": load, "load_rel_sd": rel}, index=np.arange(len(load)))
    last = np.array([-1], dtype=np.intp)
    chain = Chain(last, np.zeros(1), np.zeros(len(load), dtype=np.intp), hours)
    return model_of(
        pd.Index(["S"]), chain, spans_of("2025", months), np.full((1, 12), value),
        np.ones((1, 12)), np.full((1, 12), np.nan), np.array([flow]), ["section"], table, K,
        load=True, draws=draws, seed=7,
    )  # fmt: skip


@pytest.fixture(scope="module")
def worlds() -> list[tuple[np.ndarray, pd.DataFrame]]:
    """200 networks of 3 to 8 outfalls whose true loads, decay, velocity and flow are known.

    What is reported is the truth with the errors that the records state.
    """
    random = np.random.default_rng(20251130)
    result = []
    for _ in range(200):
        m = int(random.integers(3, 9))
        true = random.lognormal(2.0, 1.3, m)
        rel = random.choice([0.2, 0.5, 0.6], m)
        hours = random.uniform(0.5, 40.0, m)
        k = random.triangular(K.low, K.k_per_d, K.high)
        slower = np.exp(np.log(1.3) / 1.6449 * random.standard_normal())
        arriving = true * np.exp(-k * hours * slower / 24)
        flow = random.uniform(2.0, 50.0)
        value = arriving.sum() * random.uniform(1.05, 1.6) / (86.4 * flow)
        sd = [ln_sd(np.hypot(0.2 / np.sqrt(12), 0.05)), ln_sd(0.2)]
        seen = value * np.exp(sd[0] * random.standard_normal())
        gauged = flow * np.exp(sd[1] * random.standard_normal())
        reported = true * np.exp([ln_sd(r) * random.standard_normal() for r in rel])
        model = a_model(reported, rel, hours, seen, gauged, 1_000)
        doubt = outfall_doubt(model, draw(model))
        result.append((arriving / (86.4 * value * flow), doubt.assign(true_kg_d=arriving)))
    return result


def test_ninety_per_cent_intervals_hold_the_truth_in_85_to_95_per_cent(worlds) -> None:
    share = np.concatenate([share for share, _ in worlds])
    table = pd.concat([doubt for _, doubt in worlds])
    inside = (table["share_low"] <= share) & (share <= table["share_high"])
    loads = table["true_kg_d"].between(table["arriving_low_kg_d"], table["arriving_high_kg_d"])
    assert len(share) > 1_000
    assert 0.85 <= inside.mean() <= 0.95
    assert 0.85 <= loads.mean() <= 0.95


def test_the_true_rank_lies_in_its_range(worlds) -> None:
    held = []
    for share, doubt in worlds:
        rank = pd.Series(-share).rank().to_numpy()
        held += list((doubt["rank_low"] <= rank) & (rank <= doubt["rank_high"]))
    assert np.mean(held) >= 0.85


def test_no_true_contributor_is_excluded(worlds) -> None:
    """Whoever truly brings 5 % of the flux or more is among those that cannot be excluded."""
    true = [(share >= 0.05, doubt["cannot_exclude"].to_numpy()) for share, doubt in worlds]
    assert sum(real.sum() for real, _ in true) > 300
    assert not any((real & ~kept).any() for real, kept in true)
    assert any((~kept).any() for _, kept in true)  # it does exclude somebody


def test_one_seed_gives_one_answer_and_more_doubt_a_wider_interval() -> None:
    load, hours = np.array([100.0, 50.0]), np.array([5.0, 10.0])
    tables = []
    for rel in (0.1, 0.1, 0.5):
        model = a_model(load, np.full(2, rel), hours, 0.3, 10.0, 2_000)
        tables.append(outfall_doubt(model, draw(model)))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    width = [t["share_high"] - t["share_low"] for t in tables]
    assert (width[2] > width[0]).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.0, 50.0), min_size=1, max_size=9),
    st.floats(0.0, 200.0),
)
def test_the_smallest_set_is_the_one_of_brute_force(cuts: list[float], needed: float) -> None:
    array = np.array(cuts)
    chosen, exact = smallest_set(array, needed)
    assert exact
    if needed <= 0:
        assert not len(chosen)
        return
    sets = [
        (n, sum(cuts[i] for i in which))
        for n in range(1, len(cuts) + 1)
        for which in combinations(range(len(cuts)), n)
        if sum(cuts[i] for i in which) >= needed * (1 - 1e-12)
    ]
    if not sets:
        assert set(chosen) == {i for i, c in enumerate(cuts) if c > 0}
        return
    fewest = min(n for n, _ in sets)
    assert len(chosen) == fewest
    least = min(total for n, total in sets if n == fewest)
    assert array[chosen].sum() == pytest.approx(least, rel=1e-9)


def test_thirty_candidates_are_exact_and_more_are_as_few() -> None:
    random = np.random.default_rng(1)
    cuts = random.lognormal(1.0, 1.0, 30)
    chosen, exact = smallest_set(cuts, 0.6 * cuts.sum())
    assert exact
    assert cuts[chosen].sum() >= 0.6 * cuts.sum() * (1 - 1e-12)
    assert cuts[chosen].sum() - 0.6 * cuts.sum() < 0.01  # so many sets that one nearly fits
    many = random.lognormal(1.0, 1.0, 60)
    chosen, exact = smallest_set(many, 0.5 * many.sum())
    assert not exact
    largest = np.sort(many)[::-1].cumsum()
    assert len(chosen) == np.argmax(largest >= 0.5 * many.sum()) + 1
    assert 0.5 * many.sum() <= many[chosen].sum() <= largest[len(chosen) - 1]


def test_mixing_length_of_the_bank_and_of_mid_stream() -> None:
    """HJ 2.3: 0.44 u B2/Ey from the bank, 0.11 u B2/Ey from the middle."""
    across = (0.058 * 1.0 + 0.0065 * 20) * np.sqrt(9.81 * 1.0 * 0.001)
    unit = 0.5 * 20**2 / across
    bank, middle = mixing_length(20.0, 1.0, 0.5, 0.001, [0.0, 10.0])
    assert bank / unit == pytest.approx(0.44, abs=0.005)
    assert middle / unit == pytest.approx(0.11)
    assert np.isnan(mixing_length(200.0, 1.0, 0.5, 0.001)[0])  # too wide for the formula


def test_points_part_the_suspects_best() -> None:
    """Four suspects of equal weight in a row: one point halves them, three part them all."""
    above = [np.arange(4) <= n for n in range(3)]
    weight, held = np.full(4, 0.25), np.zeros(4, dtype=int)
    assert best_cuts(above, weight, 1, held) == ((1,), 1.0, "exact")
    assert best_cuts(above, weight, 3, held) == ((0, 1, 2), 2.0, "exact")
    # a section that is measured between the second and the third has said that already
    assert best_cuts(above, weight, 1, np.array([0, 0, 1, 1]))[0] != (1,)


def the_braid():
    return rivers(
        HEAD=[(0, 20), (0, 15)],
        LEFT=[(0, 15), (0, 10)],
        RIGHT=[(0, 15), (3, 12.5), (0, 10)],
        TAIL=[(0, 10), (0, 0)],
    )


def test_no_point_lies_on_one_arm_of_a_braid() -> None:
    table = outfalls({"H": (0, 18, 30.0), "L": (0, 12, 30.0), "T": (0, 7, 30.0)})
    where = sections(S=(0, 5, 10.0))
    trace = trace_sources(the_braid(), "S", table, samples(S=0.3), sections=where)
    points = trace.sampling_points(3)
    assert set(points["reach_id"]) == {"HEAD", "TAIL"}
    assert points["suspects_above"].tolist() == ["L, H", "H"]
    assert points["distance_m"].tolist() == pytest.approx([3500, 10000], abs=2)
    assert points.geometry.iloc[1].distance(table.geometry.iloc[1]) > 0


def test_which_interval_fails_first_is_told_by_the_same_months() -> None:
    r"""
    U1 (0,30) -- U2 (0,20) -- S (0,0): in January U2 was bad already, in February S turned bad
    """
    net = rivers(A=[(0, 40), (0, 0)])
    where = sections(S=(0, 0, 10.0), U2=(0, 20, 10.0), U1=(0, 30, 10.0))
    rows = [
        ("2025-01-05", {"S": 0.3, "U2": 0.3, "U1": 0.1}),
        ("2025-02-05", {"S": 0.3, "U2": 0.1, "U1": 0.1}),
        ("2025-03-05", {"S": 0.3}),
        ("2025-04-05", {"S": 0.1, "U2": 0.3, "U1": 0.1}),
    ]
    data = pd.DataFrame(
        [
            {"section_id": s, "date": pd.Timestamp(day), "tp": v}
            for day, values in rows
            for s, v in values.items()
        ]
    )
    table = outfalls({"X": (0, 25, 5.0)})
    trace = trace_sources(net, "S", table, data, "tp", "2025-01/2025-04", sections=where, draws=200)
    months = trace.balances[trace.balances["kind"] == "month"]["origin"]
    assert months.to_dict() == {
        "2025-01": "inherited", "2025-02": "local", "2025-03": "unknown", "2025-04": "passes",
    }  # fmt: skip
    own = trace.intervals.loc["S", ["n_failing", "n_local", "n_inherited", "n_unknown"]]
    assert own.tolist() == [3, 1, 1, 1]
    assert trace.intervals["upper"].to_dict() == {"S": "U2", "U2": "U1", "U1": ""}
    # in the months when S fails and U2 was measured, U2 failed in one of two, with U1 good
    assert trace.intervals["fails_first"].to_dict() == {"S": True, "U2": True, "U1": False}
    assert "自上而下最先变差的断面：U2" in trace.explain()


def test_parts_of_every_month_sum_to_the_flux() -> None:
    net = rivers(A=[(0, 40), (0, 0)])
    where = sections(S=(0, 0, 10.0), U=(0, 20, 8.0))
    data = pd.DataFrame(
        [
            {"section_id": s, "date": pd.Timestamp(f"2025-{m:02}-05"), "tp": v * (1 + m / 24)}
            for m in range(1, 13)
            for s, v in (("S", 0.2), ("U", 0.1))
        ]
    )
    data["flow_m3_s"] = np.where(data["section_id"] == "S", 10.0, 8.0)
    data.loc[data["date"].dt.month.isin([6, 7]), "flow_m3_s"] *= 3
    table = outfalls({"X": (0, 10, 20.0), "Y": (0, 30, 9.0)})
    trace = trace_sources(net, "S", table, data, "tp", "2025", sections=where, draws=200)
    b = trace.balances
    assert b["kind"].tolist() == ["period", "season", "season", *["month"] * 12]
    total = b["inherited_share"] + b["explained_share"] + b["remainder_share"]
    np.testing.assert_allclose(total * 100, 100, atol=0.1)
    june = b.loc["2025-06"]
    assert june["flow_m3_s"] == 30
    assert june["flux_kg_d"] == pytest.approx(86.4 * 0.2 * 1.25 * 30)
    assert june["inherited_kg_d"] == pytest.approx(86.4 * 0.1 * 1.25 * 24)
    months = b[b["kind"] == "month"]
    assert b.loc["2025", "flux_kg_d"] == pytest.approx(months["flux_kg_d"].mean())
    assert (b["remainder_low_kg_d"] <= b["remainder_kg_d"]).all()
    assert set(b["note"]) == {""}
    plain = trace_sources(
        net, "S", table, data.drop(columns="flow_m3_s"), "tp", "2025", sections=where, draws=200
    )
    assert (plain.balances["note"].iloc[1:] == "mean_flow").all()
    shares = trace.responsibility("responsible")
    assert shares["share_of_flux"].sum() * 100 == pytest.approx(100, abs=0.1)


def test_reductions_and_standards_lower_the_section() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    # flux 259.2, allowed 172.8: 86.4 kg/d too much
    table = outfalls({"BIG": (0, 15, 120.0), "MID": (0, 10, 90.0), "LOW": (0, 5, 10.0)})
    table["flow_m3_d"] = [120_000.0, 30_000.0, None]
    trace = trace_sources(net, "S", table, samples(S=0.3), sections=sections(S=(0, 0, 10.0)))
    plan = trace.reductions()
    assert (plan.needed_kg_d, plan.reached, plan.exact) == (pytest.approx(86.4), True, True)
    assert plan.outfalls["cut_kg_d"].to_dict() == pytest.approx({"MID": 86.4})  # 90 exceeds least
    part = trace.reductions({"BIG": 0.5, "MID": 0.5})
    assert set(part.outfalls.index) == {"BIG", "MID"}
    assert part.outfalls["cut_arriving_kg_d"].sum() == pytest.approx(86.4)
    assert not trace.reductions({"LOW": 1.0}).reached
    with pytest.raises(AssessmentError, match="NOBODY"):
        trace.reductions({"NOBODY": 1.0})
    then = trace.what_if()
    assert then["why_not"].to_dict() == {"BIG": "", "MID": "", "LOW": "no_flow"}
    # MID at 0.5 mg/L: 15 kg/d instead of 90, so 75 / 864 less at the section
    assert then.loc["MID", "section_mg_l"] == pytest.approx(0.3 - 75 / 864)
    assert then.loc["MID", "p_pass_now"] <= then.loc["MID", "p_pass"] <= 1
    own = trace.what_if({"MID": 0.1})
    assert own.loc["MID", "load_after_kg_d"] == pytest.approx(3.0)
    assert own.loc["MID", "standard_source_en"] == "given"


def test_the_profile_follows_the_main_river() -> None:
    net = rivers(A=[(0, 40), (0, 20)], B=[(5, 20), (0, 20)], C=[(0, 20), (0, 0)])
    table = outfalls({"ON": (0, 30, 8.0), "SIDE": (3, 20, 2.0), "OFF": (0, 5, 1.0)})
    where = sections(S=(0, 2, 10.0), U=(0, 25, 10.0))
    trace = trace_sources(net, "S", table, samples(S=0.3, U=0.1), sections=where, draws=100)
    line = trace.profile()
    assert line["distance_m"].is_monotonic_decreasing
    marks = line[line["kind"] != "reach"].set_index("label")["distance_m"]
    assert marks.to_dict() == pytest.approx(
        {"ON": 28000, "U": 23000, "SIDE": 18000, "OFF": 3000, "S": 0}, abs=2
    )
    last = line[line["kind"] == "reach"].iloc[-1]
    assert last["load_kg_d"] == pytest.approx(11.0)
    assert last["known_mg_l"] == pytest.approx(11.0 / 864)


def test_intervals_and_ranks_are_those_of_numpy() -> None:
    """The quantiles and rank counts are made by hand for speed: numpy is the oracle."""
    random = np.random.default_rng(3)
    load, rel = random.lognormal(2, 1, 7), np.full(7, 0.5)
    model = a_model(load, rel, random.uniform(1, 30, 7), 0.4, 9.0, 501)
    drawn = draw(model)
    doubt, arriving = outfall_doubt(model, drawn), drawn.arriving()
    share = arriving / drawn.flux(0, 0)
    for column, values in (("arriving", arriving), ("share", share)):
        unit = "_kg_d" if column == "arriving" else ""
        low, high = np.quantile(values, [0.05, 0.95], axis=1)
        np.testing.assert_allclose(doubt[f"{column}_low{unit}"], low)
        np.testing.assert_allclose(doubt[f"{column}_high{unit}"], high)
    rank = pd.DataFrame(-arriving).rank(axis=0).to_numpy()
    ends = np.quantile(rank, [0.05, 0.95], axis=1, method="inverted_cdf")
    np.testing.assert_array_equal(doubt[["rank_low", "rank_high"]].T, ends)
    np.testing.assert_allclose(doubt["p_top3"], (rank <= 3).mean(axis=1))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), rows=st.integers(1, 9), n=st.integers(1, 300),
    spread=st.sampled_from([0.0, 0.1, 1.0, 12.0]), nothing=st.booleans(),
)  # fmt: skip
def test_quantiles_of_rows_are_those_of_numpy(seed, rows, n, spread, nothing) -> None:
    """Ties, zeros, 30 orders of magnitude, one draw; blocks of any size."""
    random = np.random.default_rng(seed)
    values = random.lognormal(0, spread, (rows, n)) * random.lognormal(0, spread, (rows, 1))
    values = np.round(values, 2) if seed % 2 else values
    values[:, : n // 3] *= not nothing
    ends = [0.05, 0.95, 0.99, 1.0]
    found = _row_quantiles(values, ends)
    np.testing.assert_allclose(found, np.quantile(values, ends, axis=1), rtol=1e-12)


def test_blocks_change_nothing() -> None:
    amounts = np.random.default_rng(1).lognormal(0, 1, (40, 5_000))  # three blocks of either kind
    np.testing.assert_allclose(
        _row_quantiles(amounts, [0.05, 0.95]), np.quantile(amounts, [0.05, 0.95], axis=1)
    )
    rank = pd.DataFrame(-amounts).rank(axis=0).to_numpy(dtype=int)
    by_hand = np.array([np.bincount(row - 1, minlength=40) for row in rank])
    np.testing.assert_array_equal(_rank_counts(amounts), by_hand)


def test_an_impossible_balance_names_what_the_data_suggest() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    where = sections(S=(0, 0, 1.0))
    for basis, causes in (
        ("permit", {"permit_ceiling", "rough_loads"}),
        ("measured", set()),
    ):
        table = outfalls({"X": (0, 10, 400.0)}, data_basis=basis)
        trace = trace_sources(net, "S", table, samples(S=0.3), sections=where, draws=100)
        assert trace.balance_status == "impossible"
        told = set(trace.causes)
        assert told & {"permit_ceiling", "rough_loads"} == causes
        assert {"few_samples", "flow_unrepresentative"} <= told
        assert ("负荷按许可量上限填报" in trace.explain()) == bool(causes)


def test_velocities_of_low_and_high_flow_are_taken_where_the_lines_have_them() -> None:
    net = rivers(A=[(0, 20), (0, 0)])
    table, where = outfalls({"X": (0, 10.8, 1.0)}), sections(S=(0, 0, 1.0))
    plain = trace_sources(net, "S", table, samples(S=0.3), sections=where, draws=10)
    columns = ["travel_time_high_flow_h", "travel_time_h", "travel_time_low_flow_h"]
    times = plain.outfalls.loc["X", columns].astype(float).tolist()
    assert times == pytest.approx([3 / 1.3, 3.0, 3 / 0.7], rel=1e-3)
    reaches = net.reaches.reset_index()[
        ["reach_id", "name", "velocity_m_s", "flow_m3_s", "geometry"]
    ]
    own = RiverNetwork.from_lines(reaches.assign(velocity_low_m_s=0.25, velocity_high_m_s=2.0))
    known = trace_sources(own, "S", table, samples(S=0.3), sections=where, draws=10)
    times = known.outfalls.loc["X", columns].astype(float).tolist()
    assert times == pytest.approx([1.5, 3.0, 12.0], rel=1e-3)


def test_the_section_is_told_where_a_plume_has_not_mixed() -> None:
    """20 m wide, 1 m deep, 0.5 m/s: Manning gives the slope, HJ 2.3 the length."""
    net = rivers(A=[(0, 40), (0, 0)])
    reaches = net.reaches.reset_index()[["reach_id", "name", "geometry"]]
    lines = reaches.assign(width_m=20.0, velocity_m_s=0.5, flow_m3_s=10.0)
    wide = RiverNetwork.from_lines(lines)
    slope = (0.035 * 0.5 / 1.0) ** 2
    length = float(mixing_length(20.0, 1.0, 0.5, slope)[0])
    table = outfalls({"NEAR": (0, 1, 1.0), "FAR": (0, 30, 1.0)})
    where = sections(S=(0, 0, 10.0))
    trace = trace_sources(wide, "S", table, samples(S=0.3), sections=where, draws=10)
    assert 1000 < length < 30000
    assert trace.outfalls["mixing_length_m"].tolist() == pytest.approx([length, length])
    assert trace.outfalls["mixed"].to_dict() == {"NEAR": False, "FAR": True}
    assert trace.outfalls["note"].to_dict() == {"NEAR": "not_mixed", "FAR": ""}
    assert "not_mixed" in trace.notes


# ---- what is not known, and what is nothing ---------------------------------------------------


def below_two(upper_flow: float | None):
    """S at the mouth of two arms, U and V measured on them, one outfall below both."""
    net = rivers(A=[(0, 40), (0, 20)], B=[(20, 20), (0, 20)], C=[(0, 20), (0, 0)])
    net.reaches["flow_m3_s"] = np.nan  # no reach lends its flow
    where = sections(S=(0, 1, 10.0), U=(0, 30, upper_flow), V=(10, 20, 4.0))
    return net, where, outfalls({"P": (0, 10, 50.0)}), samples(S=0.3, U=0.2, V=0.1)


def traced(drawn):
    net, where, table, data = drawn
    return trace_sources(net, "S", table, data, "tp", sections=where, k_per_d=0.0)


@pytest.mark.filterwarnings("error")
def test_a_section_above_without_flow_leaves_the_balance_undecided() -> None:
    trace = traced(below_two(None))
    b = trace.balance
    assert trace.balance_status == "undecided"
    assert b["explained_kg_d"] == pytest.approx(50)
    unknown = [
        f"{part}{end}"
        for part in ("inherited", "remainder")
        for end in ("_kg_d", "_low_kg_d", "_high_kg_d", "_share", "_share_low", "_share_high")
    ]
    assert b[unknown].isna().all()
    assert np.isfinite(b[["explained_share_low", "explained_share_high"]].to_numpy()).all()
    shares = trace.responsibility().set_index("source")["share_of_flux"]
    assert shares["outfalls"] == pytest.approx(50 / 259.2)
    assert shares["inherited"].isna().sum() == 1  # that of V is known
    assert np.isnan(shares["remainder"])
    # V brings 86.4 x 0.1 x 4 = 34.56: inherited from U and remainder are 259.2 - 50 - 34.56
    assert "上游断面 U 有浓度而无流量：带入量与余量合计约 175 kg/d" in trace.explain()
    assert "带入 未知（–）" in trace.explain()
    assert "are 175 kg/d together" in trace.explain("en")
    assert "upstream_flow_unknown" in trace.notes
    many = trace_all(*below_two(None), "tp", k_per_d=0.0).balances
    many = many.set_index(["section_id", "kind"])
    assert np.isnan(many.loc[("S", "period"), "inherited_kg_d"])
    assert np.isnan(many.loc[("S", "period"), "remainder_share"])
    # loads that exceed the flux whatever comes from above are still told
    drawn = below_two(None)
    drawn[3].loc[0, "tp"] = 0.03
    assert traced(drawn).balance_status == "impossible"


@pytest.mark.filterwarnings("error")
def test_a_dry_section_above_brings_nothing() -> None:
    trace = traced(below_two(0.0))
    assert trace.balance_status == "closed"
    assert trace.balance["inherited_kg_d"] == pytest.approx(86.4 * 0.1 * 4)
    assert trace.upstream_sections["arriving_kg_d"].to_dict() == pytest.approx(
        {"V": 34.56, "U": 0.0}
    )
    total = trace.responsibility()["share_of_flux"].sum()
    assert total == pytest.approx(1.0)
    assert "按断流计" in trace.explain()
    assert "taken as dry" in trace.explain("en")


@pytest.mark.filterwarnings("error")
def test_flows_gauged_with_the_samples_are_those_of_the_sections_above() -> None:
    """A section without a flow of its own, gauged with its samples: its flux is known."""
    drawn = below_two(None)
    drawn[3]["flow_m3_s"] = [10.0, 0.0, 4.0]  # U was dry that day
    trace = traced(drawn)
    assert trace.balance_status == "closed"
    assert "upstream_flow_unknown" not in trace.notes
    assert trace.upstream_sections["flux_kg_d"].to_dict() == pytest.approx({"V": 34.56, "U": 0.0})
    drawn[3]["flow_m3_s"] = [10.0, 2.0, 4.0]
    trace = traced(drawn)
    assert trace.balance["inherited_kg_d"] == pytest.approx(86.4 * (0.2 * 2 + 0.1 * 4))
    shares = trace.responsibility()
    assert shares["share_of_flux"].sum() == pytest.approx(1.0)
    rest = shares.set_index("source").loc["remainder", "arriving_kg_d"]
    assert rest == pytest.approx(trace.balance["remainder_kg_d"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("nothing", [{"S": 0.0}, {"flow": 0.0}])
def test_a_flux_of_nothing_is_no_balance_and_no_warning(nothing) -> None:
    drawn = below_two(3.0)
    drawn[1].loc[0, "flow_m3_s"] = nothing.get("flow", 10.0)
    drawn[3].loc[0, "tp"] = nothing.get("S", 0.3)
    trace = traced(drawn)
    assert trace.balance_status == "zero"
    assert trace.balance["flux_kg_d"] == 0.0
    assert trace.balance[["explained_share", "explained_share_low"]].isna().all()
    one = trace.outfalls.loc["P"]
    assert np.isnan(one["share_of_flux"])
    assert one["share_low"] == one["share_high"] == 1.0  # of the known load
    assert one["arriving_low_kg_d"] < 50 < one["arriving_high_kg_d"]
    assert trace.responsibility()["share_of_flux"].isna().all()
    for lang, told in (("zh", "通量为 0"), ("en", "flux of the section is 0")):
        assert told in trace.explain(lang)
    assert set(trace.what_if()["why_not"]) <= {"no_standard", "no_flow", "no_flux"}
    trace.reductions(), trace.sampling_points(), trace.tables(), trace.profile()


def test_a_balance_on_a_river_that_parts_says_what_it_leaves_out() -> None:
    net = rivers(
        A=[(0, 60), (0, 40)], E=[(0, 40), (0, 20)], W=[(0, 40), (-6, 30), (0, 20)],
        C=[(0, 20), (0, 0)],
    )  # fmt: skip
    where = sections(S=(0, 5, 10.0), ARM=(0, 30, 6.0), TOP=(0, 50, 10.0))
    table, data = outfalls({"P": (0, 55, 50.0)}), samples(S=0.3, ARM=0.2, TOP=0.2)

    def notes(section: str, drop: str = "") -> set[str]:
        some = data[data["section_id"] != drop]
        trace = trace_sources(net, section, table, some, "tp", sections=where, draws=2)
        assert all(NOTES[code][1] in trace.explain("en") for code in trace.notes)
        return {"passes_by", "arm_section"}.intersection(trace.notes)

    assert notes("S") == {"arm_section"}
    assert notes("S", drop="ARM") == set()  # the whole river passes TOP
    assert notes("ARM") == {"passes_by"}
    assert notes("TOP") == set()
