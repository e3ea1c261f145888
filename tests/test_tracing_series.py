"""All sections at once give what each trace gives by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from basin.errors import AssessmentError
from basin.tracing import CAVEAT, trace_all, trace_sources
from test_tracing import outfalls, rivers, sections


def year(**values: float) -> pd.DataFrame:
    rows = [
        {"section_id": s, "date": pd.Timestamp(f"2025-{m:02}-05"), "nh3n": v * (1 + m / 10)}
        for s, v in values.items()
        for m in range(1, 13)
        if not (s == "U" and m in (3, 8))  # not measured in these
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def drawn():
    net = rivers(A=[(0, 60), (0, 30)], B=[(20, 30), (0, 30)], C=[(0, 30), (0, 0)])
    where = sections(S=(0, 1, 30.0), U=(0, 20, 20.0), B1=(5, 30, 8.0), TOP=(0, 50, 5.0))
    loads = {"P1": (0, 55, 300.0), "P2": (15, 30, 200.0), "P3": (0, 25, 90.0), "P4": (0, 5, 400.0),
             "P5": (0, 0.5, 70.0), "P6": (3, 30, None)}  # fmt: skip
    table = outfalls(loads, item="nh3n")
    data = year(S=0.6, U=0.5, B1=1.2, TOP=0.9)
    return net, where, table, data


def test_each_section_and_month_is_what_the_single_trace_says(drawn) -> None:
    net, where, table, data = drawn
    series = trace_all(net, where, table, data, "nh3n", "2025")
    parts = ["flux_kg_d", "inherited_kg_d", "explained_kg_d", "remainder_kg_d", "remainder_share"]
    for section in where["section_id"]:
        one = trace_sources(net, section, table, data, "nh3n", "2025", sections=where, draws=2)
        many = series.balances[series.balances["section_id"] == section].set_index("span")
        measured = many["flux_kg_d"].notna()
        np.testing.assert_allclose(
            many.loc[measured, parts], one.balances.loc[measured.to_numpy(), parts], rtol=1e-6
        )
        assert many["origin"].tolist() == one.balances["origin"].tolist()
        known = one.outfalls[one.outfalls["arriving_kg_d"] > 0]
        leads = series.of(section)
        assert list(leads.index) == list(known.index)
        for column in ("rank", "distance_m", "travel_time_h", "arriving_kg_d", "share_of_flux"):
            np.testing.assert_allclose(
                leads[column].astype(float), known[column].astype(float), rtol=1e-6, atol=1e-3
            )
        assert leads["local"].tolist() == known["local"].tolist()
    reasons = series.left_out.set_index("outfall_id")["reason"].to_dict()
    assert reasons == {"P6": "no_load"}
    assert CAVEAT["zh"] in series.explain()
    assert "first lead" in series.explain("en")
    with pytest.raises(AssessmentError, match="NOWHERE"):
        series.of("NOWHERE")


def test_shares_of_a_month_are_of_its_own_flux(drawn) -> None:
    net, where, table, data = drawn
    series = trace_all(net, where, table, data, "nh3n", "2025")
    june, december = series.of("S", "2025-06"), series.of("S", "2025-12")
    ratio = june["share_of_flux"] / december["share_of_flux"]
    np.testing.assert_allclose(ratio, 2.2 / 1.6)


def test_the_sample_agrees(sample) -> None:
    layers = sample.layers
    series = trace_all(
        sample.network, layers["sections"], layers["outfalls"], layers["samples"], "nh3n", "2025"
    )
    trace = sample.trace("S-WT", "nh3n", "2025")
    many = series.balances.set_index(["section_id", "span"]).loc["S-WT"]
    parts = ["flux_kg_d", "inherited_kg_d", "explained_kg_d", "remainder_kg_d"]
    np.testing.assert_allclose(many[parts], trace.balances[parts], rtol=1e-6)
    assert list(series.of("S-WT").index[:2]) == ["P-021", "P-022"]
    assert (many["origin"] == trace.balances["origin"]).all()
