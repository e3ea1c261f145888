"""GB 3838-2002 table 1: every limit, at it, just above and just below (typed from the standard)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from basin.errors import AssessmentError
from basin.standards import gb3838 as reexported
from basin.standards.quality import (
    carries,
    class_rank,
    classify,
    decay_coefficient,
    default_velocity,
    exceedance_multiple,
    gb3838,
    limit_of,
    worst_class,
)

# item, waterbody: limits of I, II, III, IV, V (not above)
UPPER = {
    ("codmn", "river"): (2, 4, 6, 10, 15),
    ("cod", "river"): (15, 15, 20, 30, 40),
    ("bod5", "river"): (3, 3, 4, 6, 10),
    ("nh3n", "river"): (0.15, 0.5, 1.0, 1.5, 2.0),
    ("tp", "river"): (0.02, 0.1, 0.2, 0.3, 0.4),
    ("tp", "lake"): (0.01, 0.025, 0.05, 0.1, 0.2),
    ("tn", "lake"): (0.2, 0.5, 1.0, 1.5, 2.0),
    ("cu", "river"): (0.01, 1.0, 1.0, 1.0, 1.0),
    ("zn", "river"): (0.05, 1.0, 1.0, 2.0, 2.0),
    ("f", "river"): (1.0, 1.0, 1.0, 1.5, 1.5),
    ("se", "river"): (0.01, 0.01, 0.01, 0.02, 0.02),
    ("as", "river"): (0.05, 0.05, 0.05, 0.1, 0.1),
    ("hg", "river"): (0.00005, 0.00005, 0.0001, 0.001, 0.001),
    ("cd", "river"): (0.001, 0.005, 0.005, 0.005, 0.01),
    ("cr6", "river"): (0.01, 0.05, 0.05, 0.05, 0.1),
    ("pb", "river"): (0.01, 0.01, 0.05, 0.05, 0.1),
    ("cn", "river"): (0.005, 0.05, 0.2, 0.2, 0.2),
    ("phenol", "river"): (0.002, 0.002, 0.005, 0.01, 0.1),
    ("oil", "river"): (0.05, 0.05, 0.05, 0.5, 1.0),
    ("las", "river"): (0.2, 0.2, 0.2, 0.3, 0.3),
    ("sulfide", "river"): (0.05, 0.1, 0.2, 0.5, 1.0),
    ("fecal_coliform", "river"): (200, 2000, 10000, 20000, 40000),
}

# what a value at, and just above, each distinct limit must read: written out by hand
AT = {
    "codmn": {2: "I", 4: "II", 6: "III", 10: "IV", 15: "V"},
    "cod": {15: "I", 20: "III", 30: "IV", 40: "V"},
    "bod5": {3: "I", 4: "III", 6: "IV", 10: "V"},
    "nh3n": {0.15: "I", 0.5: "II", 1.0: "III", 1.5: "IV", 2.0: "V"},
    "cu": {0.01: "I", 1.0: "II"},
    "zn": {0.05: "I", 1.0: "II", 2.0: "IV"},
    "f": {1.0: "I", 1.5: "IV"},
    "se": {0.01: "I", 0.02: "IV"},
    "as": {0.05: "I", 0.1: "IV"},
    "hg": {0.00005: "I", 0.0001: "III", 0.001: "IV"},
    "cd": {0.001: "I", 0.005: "II", 0.01: "V"},
    "cr6": {0.01: "I", 0.05: "II", 0.1: "V"},
    "pb": {0.01: "I", 0.05: "III", 0.1: "V"},
    "cn": {0.005: "I", 0.05: "II", 0.2: "III"},
    "phenol": {0.002: "I", 0.005: "III", 0.01: "IV", 0.1: "V"},
    "oil": {0.05: "I", 0.5: "IV", 1.0: "V"},
    "las": {0.2: "I", 0.3: "IV"},
    "sulfide": {0.05: "I", 0.1: "II", 0.2: "III", 0.5: "IV", 1.0: "V"},
    "fecal_coliform": {200: "I", 2000: "II", 10000: "III", 20000: "IV", 40000: "V"},
}
AT_BY_BODY = {
    ("tp", "river"): {0.02: "I", 0.1: "II", 0.2: "III", 0.3: "IV", 0.4: "V"},
    ("tp", "lake"): {0.01: "I", 0.025: "II", 0.05: "III", 0.1: "IV", 0.2: "V"},
    ("tn", "lake"): {0.2: "I", 0.5: "II", 1.0: "III", 1.5: "IV", 2.0: "V"},
}
BOUNDARIES = [
    (item, body, limit, steps[limit], [*list(steps.values())[1:], "inferior"][n])
    for (item, body), steps in {
        **{(item, "river"): steps for item, steps in AT.items()},
        **AT_BY_BODY,
    }.items()
    for n, limit in enumerate(steps)
]


def one(value: float, item: str, body: str = "river") -> str:
    return str(classify([value], item, body)[0])


@pytest.mark.parametrize(("item", "body", "limit", "at", "above"), BOUNDARIES)
def test_boundary(item: str, body: str, limit: float, at: str, above: str) -> None:
    assert one(limit, item, body) == at
    assert one(limit * 1.0001, item, body) == above
    assert one(limit * 0.9999, item, body) == at


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.0, "I"), (7.5, "I"), (7.49, "II"), (6.0, "II"), (5.99, "III"), (5.0, "III"),
        (4.99, "IV"), (3.0, "IV"), (2.99, "V"), (2.0, "V"), (1.99, "inferior"), (0.0, "inferior"),
    ],
)  # fmt: skip
def test_dissolved_oxygen_counts_downwards(value: float, expected: str) -> None:
    assert one(value, "do") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(6.0, "I"), (7.4, "I"), (9.0, "I"), (5.99, "inferior"), (9.01, "inferior")],
)
def test_ph_is_a_range(value: float, expected: str) -> None:
    assert one(value, "ph") == expected


@pytest.mark.parametrize(("key", "limits"), UPPER.items())
def test_limits_of_the_table(key: tuple[str, str], limits: tuple[float, ...]) -> None:
    item, body = key
    assert tuple(gb3838(body).loc[item, ["I", "II", "III", "IV", "V"]]) == limits


def test_the_table_holds_24_basic_items_of_which_21_are_evaluated() -> None:
    for body in ("river", "lake"):
        table = gb3838(body)
        assert len(table) == 24
        assert set(table.index[~table["evaluated"]]) == {"water_temp", "tn", "fecal_coliform"}
    assert gb3838().loc["ph", ["low", "high"]].to_list() == [6, 9]
    assert gb3838().loc["fecal_coliform", "unit"] == "个/L"
    assert set(gb3838(tables=(2,)).index) == {"so4", "cl", "no3n", "fe", "mn"}


def test_total_nitrogen_has_no_class_in_a_river() -> None:
    assert one(5.0, "tn") == "none"
    assert math.isnan(exceedance_multiple([5.0], "tn")[0])


def test_saturation_is_used_only_when_given() -> None:
    assert classify([6.5], "do").tolist() == ["II"]
    assert classify([6.5], "do", saturation=90.0).tolist() == ["I"]
    assert classify([6.5], "do", saturation=89.9).tolist() == ["II"]
    assert classify([6.5], "do", saturation=math.nan).tolist() == ["II"]


@pytest.mark.parametrize("item", ["tp", "do", "ph", "cod"])
def test_what_cannot_be_has_no_class(item: str) -> None:
    for value in (-1.0, -1e-12, math.nan, math.inf, -math.inf):
        assert one(value, item) == "none"
        assert math.isnan(exceedance_multiple([value], item)[0])
    assert one(0.0, "tp") == "I"
    assert classify([1.0], "do", saturation=math.inf).tolist() == ["inferior"]


def test_a_mean_of_decimals_meets_its_limit() -> None:
    mean = float(np.mean([0.1, 0.2, 0.3]))
    assert mean > 0.2  # rounding noise of binary fractions
    assert one(mean, "tp") == "III"
    assert exceedance_multiple([mean], "tp")[0] == 0


def test_classify_shapes() -> None:
    table = pd.DataFrame({"tp": [0.05, np.nan], "do": [8.0, 2.5]}, index=["a", "b"])
    assert classify(table).to_dict("list") == {"tp": ["II", "none"], "do": ["I", "V"]}
    assert classify(pd.Series(dtype=float)).empty
    assert classify([], "tp").tolist() == []
    assert classify([1.0], "conductivity").tolist() == ["none"]
    with pytest.raises(AssessmentError, match="items"):
        classify([1.0])


@pytest.mark.parametrize(
    ("item", "value", "against", "multiple"),
    [
        ("tp", 0.25, "III", 0.25),
        ("tp", 0.2, "III", 0.0),
        ("tp", 0.1, "III", 0.0),
        ("codmn", 13.2, "III", 1.2),
        ("tp", 0.25, "II", 1.5),
        ("hg", 0.0002, "III", 1.0),
    ],
)
def test_exceedance_multiple(item: str, value: float, against: str, multiple: float) -> None:
    assert exceedance_multiple([value], item, against=against)[0] == pytest.approx(multiple)


@pytest.mark.parametrize("item", ["ph", "do", "water_temp"])
def test_no_multiple(item: str) -> None:
    assert math.isnan(exceedance_multiple([1.0], item)[0])


def test_unknown_waterbody() -> None:
    with pytest.raises(AssessmentError, match="'pond'"):
        gb3838("pond")


def test_the_table_cannot_be_changed_by_a_caller() -> None:
    mine = gb3838()
    mine.loc["tp", "III"] = 99
    assert gb3838().loc["tp", "III"] == 0.2


def test_small_records() -> None:
    assert reexported is gb3838
    assert class_rank(["I", "inferior", "x"]).tolist() == [1, 6, 0]
    assert worst_class(["none", "II"]) == "II"
    assert limit_of("tp", "III", "lake") == 0.05
    assert default_velocity()[0] > 0


def test_decay_coefficients_lie_in_their_range_and_name_a_source() -> None:
    for item in gb3838().index:
        decay = decay_coefficient(item)
        assert 0 <= decay.low <= decay.k_per_d <= decay.high
        assert decay.source
        assert decay.confidence in {"verified", "policy_document", "knowledge", "unsure"}
    for item in ("pb", "hg", "f", "cr6"):
        assert decay_coefficient(item).high == 0


def test_carries() -> None:
    assert carries("industrial", "cn") == "possible"
    assert carries("agricultural", "cn") == "no"
    assert carries("sewage_works", "tp") == "possible"
    assert carries(None, "cn") == "possible"
