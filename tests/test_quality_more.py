"""Lakes, rivers, plans and trends, worked out by hand or by counting."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from basin.errors import AssessmentError
from basin.quality import (
    assess_each,
    assess_groups,
    assess_lakes,
    assess_sections,
    compare_groups,
    compare_sections,
    compliance_with_plan,
    sections_needed,
    share_grade,
    spearman,
    spearman_trend,
    trophic_index,
    trophic_state,
)
from test_quality import month_rows, samples, sections


def classes(*codes: str, year: int = 2025, targets: str = "III"):
    """Assess one section a code, each with phosphorus of that class."""
    of = {"I": 0.01, "II": 0.08, "III": 0.15, "IV": 0.25, "V": 0.35, "inferior": 0.5}
    ids = [f"S{k}" for k in range(len(codes))]
    rows = [(s, f"{year}-07-01", {"tp": of[c]}) for s, c in zip(ids, codes, strict=True)]
    return assess_sections(
        samples(*rows), sections(**dict.fromkeys(ids, targets)), period=str(year)
    )


def test_few_sections_are_graded_by_the_mean_and_many_by_their_shares() -> None:
    # four: mean of 0.01, 0.01, 0.01, 0.5 = 0.1325, class III; five: 80 % I to III, 20 % inferior
    few = assess_groups(classes("I", "I", "I", "inferior")).iloc[0]
    assert (few["rule"], few["water_class"], few["water_grade"]) == ("mean", "III", "good")
    assert few["main_pollutants"] == "S3：总磷(1.5)"
    many = assess_groups(classes("I", "I", "I", "I", "inferior")).iloc[0]
    assert (many["rule"], many["water_class"], many["water_grade"]) == ("share", "none", "good")
    assert (many["share_i_iii_pct"], many["share_inferior_pct"]) == (80.0, 20.0)
    assert many["main_pollutants"] == "总磷(20.0%)"
    assert many["n_inferior"] == 1
    assert "断面水质类别比例法" in many["clause"]
    assert "算术平均" in few["clause"]


@pytest.mark.parametrize(
    ("good", "bad", "grade"),
    [
        (100, 0, "excellent"), (90, 10, "excellent"), (89.9, 0, "good"), (75, 25, "good"),
        (75, 20, "good"), (90, 0, "excellent"),  # the first two rows ask for I to III only
        (74.9, 0, "light"), (74.9, 19.9, "light"), (74.9, 20, "moderate"), (50, 39.9, "moderate"),
        (60, 39.9, "moderate"), (60, 40, "heavy"), (59.9, 40, "heavy"), (50, 40, "heavy"),
        (0, 100, "heavy"),
    ],
)  # fmt: skip
def test_every_boundary_of_the_shares(good: float, bad: float, grade: str) -> None:
    assert share_grade(good, bad) == grade


@pytest.mark.parametrize(
    ("good", "middle", "bad", "grade"),
    [
        (9, 1, 0, "excellent"), (8, 2, 0, "good"), (15, 5, 0, "good"), (14, 6, 0, "light"),
        (7, 2, 1, "light"), (7, 1, 2, "moderate"), (12, 1, 7, "moderate"), (6, 0, 4, "heavy"),
        (3, 0, 2, "heavy"),
    ],
)  # fmt: skip
def test_shares_of_sections_meet_the_boundaries_exactly(good, middle, bad, grade) -> None:
    """14 of 20 are 70 %, 15 of 20 the 75 %; 3 and 2 of 5 the 60 and 40 %."""
    group = assess_groups(classes(*["II"] * good, *["V"] * middle, *["inferior"] * bad)).iloc[0]
    assert (group["rule"], group["water_grade"]) == ("share", grade)


def test_main_pollutants_of_groups_in_both_languages() -> None:
    few, many = classes("I", "IV"), classes("I", "I", "I", "IV", "inferior")
    assert assess_groups(few).iloc[0]["main_pollutants"] == "S1：总磷(0.2)"
    assert assess_groups(few, lang="en").iloc[0]["main_pollutants"] == "S1: total phosphorus(0.2)"
    assert assess_groups(many).iloc[0]["main_pollutants"] == "总磷(40.0%)"
    assert assess_groups(many, lang="en").iloc[0]["main_pollutants"] == "total phosphorus(40.0%)"
    tables = few.tables("en")
    assert tables["sections"]["main_pollutants"].tolist() == ["", "total phosphorus(0.2)"]
    assert tables["river_grades"]["main_pollutants"].tolist() == ["S1: total phosphorus(0.2)"]
    assert few.tables()["sections"]["main_pollutants"].tolist() == ["", "总磷(0.2)"]


def test_groups_by_any_column_and_lakes_apart() -> None:
    table = sections(A="III", B="III", C="III").assign(district=["北", "北", "南"])
    table["waterbody"] = ["river", "lake", "river"]
    data = samples(*[(s, "2025-07-01", {"tp": 0.15}) for s in "ABC"])
    result = assess_sections(data, table, period="2025-07")
    groups = assess_groups(result, "district")
    assert groups["n_sections"].to_dict() == {"北": 2, "南": 1}
    assert groups["n_lakes"].to_dict() == {"北": 1, "南": 0}
    assert groups["n_assessed"].to_dict() == {"北": 1, "南": 1}
    assert groups["compliant_pct"].to_dict() == {"北": 50.0, "南": 100.0}
    assert list(assess_groups(result, None).index) == ["all"]
    with pytest.raises(AssessmentError, match="province"):
        assess_groups(result, "province")


def test_the_plan_of_74_sections_lets_two_fail() -> None:
    assert sections_needed(74, 97.3) == (72, 73)
    assert sections_needed(42, 85.7) == (36, 36)
    assert sections_needed(42, 90.5) == (38, 39)
    assert sections_needed(10, "100") == (10, 10)
    assert sections_needed(0, 90) == (0, 0)
    with pytest.raises(AssessmentError, match="no plan"):
        sections_needed(10, 101)
    for word in ("abc", float("nan")):
        with pytest.raises(AssessmentError, match="no plan"):
            sections_needed(10, word)


@pytest.mark.parametrize(
    ("n", "pct"), [(74, "97.3"), (42, "85.7"), (9, "66.67"), (3, "33"), (7, "50")]
)
def test_the_number_needed_is_the_first_that_counting_finds(n: int, pct: str) -> None:
    digits = len(pct.partition(".")[2])
    rounded = [k for k in range(n + 1) if round(100 * k / n, digits) >= float(pct)]
    assert sections_needed(n, pct) == (
        rounded[0],
        min(k for k in range(n + 1) if 100 * k / n >= float(pct)),
    )


def test_compliance_against_a_plan() -> None:
    result = classes(*["II"] * 72, "IV", "V")
    plan = compliance_with_plan(result, 97.3)
    assert (plan.n_judged, plan.n_compliant, plan.may_fail, plan.met) == (74, 72, 2, True)
    assert (plan.needed_strict, plan.met_strict) == (73, False)
    assert "可有 2 个不达标（按四舍五入读；若不修约则需 73 个）" in plan.explain()
    assert "2 may fail" in plan.explain("en")
    worse = compliance_with_plan(classes(*["II"] * 71, "IV", "V", "V"), 97.3)
    assert worse.met is False
    with pytest.raises(AssessmentError, match="national"):
        compliance_with_plan(result, 97.3, level="national")


def test_trend_of_a_section_is_by_grade() -> None:
    before = classes("I", "III", "II", "IV", "inferior", year=2024)
    after = classes("II", "IV", "V", "I", "inferior", year=2025)
    table = compare_sections(before, after)
    # I to II is one grade still
    assert table["change"].tolist() == ["none", "some", "marked", "marked", "none"]
    assert table["direction"].tolist() == ["", "worse", "worse", "better", ""]
    assert table["steps"].tolist() == [0, 1, 3, -2, 0]


@pytest.mark.parametrize(
    ("before", "after", "d", "change"),
    [
        (["II"] * 10, ["II"] * 9 + ["IV"], -10.0, "none"),
        (["II"] * 10, ["II"] * 9 + ["inferior"], -20.0, "some"),
        (["II"] * 10, ["II"] * 8 + ["IV", "inferior"], -30.0, "marked"),
        (["II"] * 8 + ["IV", "inferior"], ["II"] * 10, 30.0, "marked"),
    ],
)
def test_trend_of_a_basin_is_by_shares(before: list, after: list, d: float, change: str) -> None:
    row = compare_groups(classes(*before, year=2024), classes(*after), None).iloc[0]
    assert (row["d"], row["change"]) == (pytest.approx(d), change)
    assert row["direction"] == ("" if change == "none" else "better" if d > 0 else "worse")


@pytest.mark.parametrize("n", [5, 6, 7])
def test_critical_values_are_those_of_all_orders(n: int) -> None:
    """One-sided: at most 5 % (1 %) of all orders reach it, and more reach the next lower one."""
    place = np.arange(1, n + 1)
    rs = np.array(
        [1 - 6 * ((np.array(p) - place) ** 2).sum() / (n**3 - n) for p in permutations(place)]
    )
    _, w05, w01 = spearman(np.arange(n))
    for critical, level in ((w05, 0.05), (w01, 0.01)):
        assert (rs >= critical - 5e-4).mean() <= level
        lower = rs[rs < critical - 5e-4].max()
        assert (rs >= lower - 1e-9).mean() > level


def test_spearman_by_hand() -> None:
    # ranks 2 1 3 5 4 against 1 2 3 4 5: sum of d2 = 4, rs = 1 - 24/120
    assert spearman([0.2, 0.1, 0.3, 0.5, 0.4])[0] == pytest.approx(0.8)
    assert np.isnan(spearman([1, 2, 3, 4])[0])
    table = samples(
        *[(s, f"{y}-07-01", {"tp": tp, "do": do}) for s, y, tp, do in
          [("A", 2019 + k, 0.3 - 0.02 * k, 5 + 0.1 * k) for k in range(6)]]
    )  # fmt: skip
    each = assess_each(table, sections(A="III"), "year")
    trend = spearman_trend(each.items).set_index("item_id")
    assert trend.loc["tp", ["n", "rs", "change", "direction"]].tolist() == [
        6,
        -1.0,
        "marked",
        "better",
    ]
    assert trend.loc["do", ["change", "direction"]].tolist() == ["marked", "better"]


@pytest.mark.parametrize(
    ("ranks", "change"),
    # sum of d2 = 6: 1 - 36/210 = 0.8286, the table's 0.829; sum 2: 0.9429, the table's 0.943
    [((2, 1, 3, 4, 5, 6), "marked"), ((3, 1, 2, 4, 5, 6), "some"), ((3, 1, 2, 5, 4, 6), "none")],
)
def test_a_correlation_that_the_table_rounds_reaches_it(ranks, change) -> None:
    each = pd.DataFrame({"section_id": "A", "item_id": "tp", "value": ranks})
    each["period"] = [str(2019 + k) for k in range(len(ranks))]
    assert sum((r - k) ** 2 for k, r in enumerate(ranks, 1)) in (2, 6, 8)
    assert spearman_trend(each)["change"].tolist() == [change]


def test_each_sample_month_quarter_and_year() -> None:
    table = samples(
        ("A", "2025-01-05", {"tp": 0.1}), ("A", "2025-01-25", {"tp": 0.3}),
        ("A", "2025-05-05", {"tp": 0.5}), ("A", "2024-12-05", {"tp": 0.1}),
    )  # fmt: skip
    found = {
        every: assess_each(table, sections(A="III"), every).sections.set_index("period")
        for every in ("sample", "month", "quarter", "year")
    }
    assert found["sample"]["water_class"].tolist() == ["II", "II", "IV", "inferior"]
    assert found["month"]["water_class"].to_dict() == {
        "2024-12": "II", "2025-01": "III", "2025-05": "inferior",
    }  # fmt: skip
    assert list(found["quarter"].index) == ["2024Q4", "2025Q1", "2025Q2"]
    assert found["quarter"]["note"].tolist() == ["below_minimum"] * 3
    # the year: mean of its months 0.2 and 0.5
    assert found["year"]["water_class"].to_dict() == {"2024": "II", "2025": "V"}
    with pytest.raises(AssessmentError, match="week"):
        assess_each(table, sections(A="III"), "week")


def test_every_sample_has_its_own_label_and_a_date_reads_as_a_date() -> None:
    table = samples(
        ("A", "2025-07-01", {"tp": 0.1}),
        ("A", "2025-07-01", {"tp": 0.2}),
        ("A", "2025-07-01 08:30", {"tp": 0.3}),
        ("A", "2025-07-01 08:30:20", {"tp": 0.4}),  # the same minute
        ("A", "2025-07-01 08:30:20.5", {"tp": 0.5}),
        ("A", "2025-07-02", {"tp": 0.6}),
        ("B", "2025-07-01", {"tp": 0.7}),
    )
    each = assess_each(table, sections(A="III", B="III"), "sample")
    value = each.items.set_index(["section_id", "period"])["value"]
    assert value["A"].to_dict() == {
        "2025-07-01": 0.1, "2025-07-01 #2": 0.2, "2025-07-01 08:30": 0.3,
        "2025-07-01 08:30:20": 0.4, "2025-07-01 08:30:20.500000": 0.5, "2025-07-02": 0.6,
    }  # fmt: skip
    assert value["B"].to_dict() == {"2025-07-01": 0.7}
    assert each.sections["period"].is_monotonic_increasing
    assert (each.sections["n_samples"] == 1).all()


def test_trophic_index_by_hand() -> None:
    """Each item alone by its formula; weights 0.2663, 0.1879, 0.1790, 0.1834, 0.1834."""
    lake = pd.DataFrame(
        {"chla_mg_m3": [10.0], "tp": [0.05], "tn": [1.0], "transparency_m": [1.0], "codmn": [4.0]}
    )
    index = trophic_index(lake).iloc[0]
    each = {
        "chla_mg_m3": 10 * (2.5 + 1.086 * np.log(10)), "tp": 10 * (9.436 + 1.624 * np.log(0.05)),
        "tn": 54.53, "transparency_m": 51.18, "codmn": 10 * (0.109 + 2.661 * np.log(4)),
    }  # fmt: skip
    assert {k: index[f"tli_{k}"] for k in each} == pytest.approx(each)
    weights = dict(zip(each, (0.2663, 0.1879, 0.1790, 0.1834, 0.1834), strict=True))
    assert index["tli"] == pytest.approx(sum(each[k] * w for k, w in weights.items()), abs=0.02)
    assert index["tli_missing"] == ""
    short = trophic_index(lake.drop(columns=["transparency_m", "codmn"])).iloc[0]
    assert short["tli_missing"] == "transparency_m, codmn"
    part = ("chla_mg_m3", "tp", "tn")
    mean = sum(each[k] * weights[k] for k in part) / sum(weights[k] for k in part)
    assert short["tli"] == pytest.approx(mean, abs=0.02)
    assert np.isnan(trophic_index(lake.drop(columns="chla_mg_m3"))["tli"].iloc[0])
    assert trophic_state([30.0, 50.0, 60.0, 70.0]) == [
        "mesotrophic",
        "mesotrophic",
        "light",
        "moderate",
    ]


def test_a_lake_is_the_mean_of_its_points() -> None:
    table = sections(P1="III", P2="III", R="III").assign(river=["丛林湖", "丛林湖", "河"])
    table["waterbody"] = ["lake", "lake", "river"]
    data = samples(
        ("P1", "2025-07-01", {"tp": 0.02, "tn": 0.5, "codmn": 3.0, "chla_mg_m3": 4.0}),
        ("P1", "2025-08-01", {"tp": 0.04, "tn": 0.5, "codmn": 3.0, "chla_mg_m3": 8.0}),
        ("P2", "2025-07-01", {"tp": 0.09, "tn": 0.9, "codmn": 3.0, "chla_mg_m3": 18.0}),
        ("R", "2025-07-01", {"tp": 0.9}),
    )
    lakes = assess_lakes(data, table, period="2025Q3")
    row = lakes.loc["丛林湖"]
    assert (row["n_points"], row["points"]) == (2, "P1, P2")
    # over time P1 0.03, then over points 0.06: class IV of lakes (limit of III 0.05)
    assert (row["water_class"], row["failing_iii"]) == ("IV", "tp")
    one = pd.DataFrame({"chla_mg_m3": [12.0], "tp": [0.06], "tn": [0.7], "codmn": [3.0]})
    assert row["tli"] == pytest.approx(trophic_index(one)["tli"].iloc[0])
    assert (row["trophic_state"], row["tli_missing"]) == ("mesotrophic", "transparency_m")
    with pytest.raises(AssessmentError, match="no section is a lake"):
        assess_lakes(data, table.assign(waterbody="river"))


def test_how_much_must_fall_and_what_the_rest_of_the_year_must_be() -> None:
    data = samples(*month_rows("A", [0.25] * 9), *month_rows("B", [4.0] * 12, "do"))
    result = assess_sections(data, sections(A="III", B="III"), period="2025")
    table = result.to_comply.set_index("section_id")
    tp = table.loc["A"]
    figures = tp[["target_limit", "change", "change_pct"]].astype(float).tolist()
    assert figures == pytest.approx([0.2, -0.05, -20.0])
    # nine months at 0.25 and three at 0.05 average 0.2
    assert (tp["months_left"], tp["needed_mean"]) == (3, pytest.approx(0.05))
    assert bool(tp["reachable"])
    do = table.loc["B"]
    assert (do["change"], do["months_left"]) == (1.0, 0)
    assert pd.isna(do["reachable"])
    late = assess_sections(samples(*month_rows("A", [0.25] * 11)), sections(A="III"), period="2025")
    assert late.to_comply["reachable"].tolist() == [False]


def test_ph_must_come_back_into_its_range() -> None:
    result = assess_sections(
        samples(("A", "2025-07-01", {"ph": 9.4})), sections(A="III"), period="2025-07"
    )
    row = result.to_comply.iloc[0]
    assert (row["target_limit"], row["change"]) == (9.0, pytest.approx(-0.4))


def test_the_calendar_has_a_class_for_each_month() -> None:
    data = samples(*month_rows("A", [0.01, 0.15, 0.25]))
    result = assess_sections(data, sections(A="III", B="III"), period="2025Q1")
    table = result.calendar()
    assert table.loc["A"].tolist() == ["I", "III", "IV"]
    assert table.loc["B"].tolist() == ["none"] * 3
    assert result.calendar("zh").loc["A 断面0"].tolist() == ["Ⅰ类", "Ⅲ类", "Ⅳ类"]


def test_clauses_grades_and_nine_plus_x() -> None:
    data = samples(*month_rows("A", [0.25] * 12))
    data["nh3n"] = [0.3, *[np.nan] * 11]
    result = assess_sections(data, sections(A="III"), period="2025")
    row = result.sections.loc["A"]
    assert row["water_grade"] == "light"
    assert row["missing_base_items"] == "ph, do, codmn"
    assert "单因子评价法" in row["clause"]
    assert "年度评价" in row["clause"]
    items = result.items.set_index("item_id")
    assert items["clause"].to_dict() == {
        "nh3n": "GB 3838-2002 表1 第7项",
        "tp": "GB 3838-2002 表1 第8项",
    }
    assert items["enough"].to_dict() == {"nh3n": False, "tp": True}


def test_explain_says_what_must_fall() -> None:
    result = assess_sections(
        samples(*month_rows("A", [0.25] * 9)), sections(A="III"), period="2025"
    )
    told = result.explain("A")
    assert "达标需总磷下降 0.05 mg/L（20%），余下 3 个月均值须为 0.05 以下" in told
    assert "must fall by 0.05 mg/L (20%), a mean of 0.05 over the 3 months left" in result.explain(
        "A", "en"
    )


def test_every_table_of_an_assessment_can_be_written() -> None:
    tables = classes("II", "IV").tables()
    assert all("section_id" in t.columns or name == "river_grades" for name, t in tables.items())
    assert tables["river_grades"]["river"].tolist() == ["示例河"]
    assert tables["section_to_comply"]["item_id"].tolist() == ["tp"]


def test_the_plan_on_the_command_line() -> None:
    from click.testing import CliRunner

    from basin.cli import main

    done = CliRunner().invoke(main, ["assess", "data/sample_layers", "--plan", "86.7", "--json"])
    assert done.exit_code == 0
    plan = json.loads(done.stdout)["plan"]
    assert (plan["n_compliant"], plan["needed"], plan["needed_strict"]) == (13, 13, 14)
