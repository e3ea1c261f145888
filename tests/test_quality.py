"""Section assessment, worked out by hand."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from basin.errors import AssessmentError
from basin.quality import assess_sections, parse_period, pollutant_text
from basin.standards.quality import classify


def sections(**targets: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "section_id": list(targets),
            "name": [f"断面{n}" for n in range(len(targets))],
            "level": "municipal",
            "river": "示例河",
            "waterbody": "river",
            "target_class": list(targets.values()),
        }
    )


def samples(*rows: tuple) -> pd.DataFrame:
    """Rows of (section_id, date, {item: value})."""
    return pd.DataFrame(
        [{"section_id": s, "date": pd.Timestamp(d), **values} for s, d, values in rows]
    )


def item(result, section: str, name: str) -> pd.Series:
    table = result.items
    return table[(table["section_id"] == section) & (table["item_id"] == name)].iloc[0]


def month_rows(section: str, values: list[float], name: str = "tp", year: int = 2025) -> list:
    return [(section, f"{year}-{m:02}-05", {name: v}) for m, v in enumerate(values, 1)]


def test_concentrations_are_averaged_and_classes_are_not() -> None:
    # classes I, I, inferior: an averaged class would be III; the mean 0.2233 is IV
    table = samples(*month_rows("S1", [0.01, 0.01, 0.65]))
    result = assess_sections(table, sections(S1="III"), period="2025Q1")
    row = result.sections.loc["S1"]
    assert item(result, "S1", "tp")["value"] == pytest.approx(0.67 / 3)
    assert row["water_class"] == "IV"
    assert row["compliant"] is False or not row["compliant"]
    assert row["failing_items"] == "tp"
    assert row["main_pollutants"] == "总磷(0.1)"
    assert result.failing == ["S1"]
    months = result.months.set_index("month")
    assert months["water_class"].to_dict() == {
        "2025-01": "I",
        "2025-02": "I",
        "2025-03": "inferior",
    }
    assert months["failing_items"].to_dict() == {"2025-01": "", "2025-02": "", "2025-03": "tp"}
    assert months["n_items"].tolist() == [1, 1, 1]


def test_a_month_sampled_often_does_not_outweigh_the_others() -> None:
    table = samples(
        ("S1", "2025-01-03", {"tp": 0.1}),
        ("S1", "2025-01-13", {"tp": 0.1}),
        ("S1", "2025-01-23", {"tp": 0.1}),
        ("S1", "2025-02-03", {"tp": 0.5}),
    )
    result = assess_sections(table, sections(S1="III"), period="2025-01/2025-02")
    assert item(result, "S1", "tp")["value"] == pytest.approx(0.3)
    assert item(result, "S1", "tp")[["n", "n_months"]].tolist() == [4, 2]


def test_the_worst_item_decides_and_at_the_limit_passes() -> None:
    table = samples(("S1", "2025-07-01", {"tp": 0.2, "do": 6.0, "cod": 15, "nh3n": 0.5, "ph": 7}))
    result = assess_sections(table, sections(S1="III"), period="2025-07")
    row = result.sections.loc["S1"]
    assert (row["water_class"], bool(row["compliant"]), row["main_pollutants"]) == ("III", True, "")
    assert item(result, "S1", "cod")["water_class"] == "I"
    assert result.failing == []


def test_below_detection_counts_as_half_and_is_listed() -> None:
    table = samples(("S1", "2025-07-01", {"hg": 0.00008, "tp": 0.1}))
    table["hg_flag"] = "below"
    result = assess_sections(table, sections(S1="II"), period="2025-07")
    hg = item(result, "S1", "hg")
    assert hg["value"] == pytest.approx(0.00004)
    assert (hg["water_class"], hg["n_below"]) == ("I", 1)
    assert result.sections.loc["S1", "below_detection_items"] == "hg"


def test_below_an_unstated_limit_is_missing_and_listed() -> None:
    table = samples(("S1", "2025-07-01", {"hg": float("nan"), "tp": 0.1}))
    table["hg_flag"] = "below_unknown"
    result = assess_sections(table, sections(S1="II"), period="2025-07")
    assert "hg" in result.sections.loc["S1", "missing_items"].split(", ")
    left = result.left_out.iloc[0]
    assert (left["reason"], left["section_id"], left["item_id"], left["n"]) == (
        "below_unknown",
        "S1",
        "hg",
        1,
    )


def test_raw_text_is_read_at_the_edge() -> None:
    pytest.importorskip("basin.layers")
    table = samples(
        ("S1", "2025-07-01", {"tp": "<0.02"}),
        ("S1", "2025-08-01", {"tp": "0.01L"}),
        ("S1", "2025-09-01", {"tp": "0.3"}),
    )
    result = assess_sections(table, sections(S1="III"), period="2025Q3")
    tp = item(result, "S1", "tp")
    assert tp["value"] == pytest.approx((0.01 + 0.005 + 0.3) / 3)
    assert tp["n_below"] == 2


def test_missing_items_are_those_of_the_21() -> None:
    table = samples(("S1", "2025-07-01", {"ph": 7.0, "do": 8.0, "tp": 0.05, "tn": 1.0}))
    result = assess_sections(table, sections(S1="II"), period="2025-07")
    missing = result.sections.loc["S1", "missing_items"].split(", ")
    assert len(missing) == 18
    assert not {"ph", "do", "tp", "tn", "water_temp", "fecal_coliform"} & set(missing)


def test_nitrogen_and_coliforms_are_apart() -> None:
    table = samples(("S1", "2025-07-01", {"tp": 0.05, "tn": 9.0, "fecal_coliform": 50000}))
    river = sections(S1="III")
    result = assess_sections(table, river, period="2025-07")
    row = result.sections.loc["S1"]
    assert (row["water_class"], bool(row["compliant"])) == ("II", True)
    assert (row["tn_mg_l"], row["tn_class"]) == (9.0, "none")
    assert (row["fecal_coliform_per_l"], row["fecal_coliform_class"]) == (50000, "inferior")
    lake = assess_sections(table, river.assign(waterbody="lake"), period="2025-07").sections
    assert lake.loc["S1", ["water_class", "tn_class"]].tolist() == ["III", "inferior"]


def test_a_lake_has_stricter_phosphorus() -> None:
    table = samples(("S1", "2025-07-01", {"tp": 0.08}), ("L1", "2025-07-01", {"tp": 0.08}))
    both = sections(S1="III", L1="III")
    both["waterbody"] = ["river", "lake"]
    result = assess_sections(table, both, period="2025-07")
    assert result.sections["water_class"].to_dict() == {"S1": "II", "L1": "IV"}
    assert item(result, "L1", "tp")["multiple"] == pytest.approx(0.6)
    assert item(result, "S1", "tp")["limit_iii"] == 0.2


def test_main_pollutants_by_class_then_multiple_top_three() -> None:
    values = {
        "tp": 0.28,  # IV, 0.4
        "nh3n": 1.9,  # V, 0.9
        "cod": 41.0,  # inferior, 1.05
        "codmn": 9.0,  # IV, 0.5
        "do": 4.0,  # IV, no multiple
    }
    result = assess_sections(
        samples(("S1", "2025-07-01", values)), sections(S1="III"), period="2025-07"
    )
    row = result.sections.loc["S1"]
    assert row["main_pollutants"] == "化学需氧量(1.1)、氨氮(0.9)、高锰酸盐指数(0.5)"
    assert row["failing_items"] == "cod, nh3n, codmn, tp, do"
    assert row["water_class"] == "inferior"


def test_cyanide_and_heavy_metals_go_first_when_they_exceed() -> None:
    values = {"cod": 41.0, "nh3n": 1.9, "tp": 0.28, "cd": 0.006, "pb": 0.01}
    result = assess_sections(
        samples(("S1", "2025-07-01", values)), sections(S1="III"), period="2025-07"
    )
    # cadmium V (0.2) first, then by class; lead meets III and is not named
    assert result.sections.loc["S1", "main_pollutants"] == "镉(0.2)、化学需氧量(1.1)、氨氮(0.9)"


def test_no_main_pollutant_when_not_worse_than_three_though_the_target_fails() -> None:
    result = assess_sections(
        samples(("S1", "2025-07-01", {"tp": 0.15, "nh3n": 0.4})),
        sections(S1="II"),
        period="2025-07",
    )
    row = result.sections.loc["S1"]
    assert (row["water_class"], bool(row["compliant"]), row["main_pollutants"]) == (
        "III",
        False,
        "",
    )
    tp = item(result, "S1", "tp")
    assert (tp["multiple"], tp["target_multiple"]) == (0.0, pytest.approx(0.5))
    assert (tp["limit_iii"], tp["target_limit"]) == (0.2, 0.1)


def test_ph_outside_its_range_is_inferior_and_has_no_multiple() -> None:
    result = assess_sections(
        samples(("S1", "2025-07-01", {"ph": 9.2, "tp": 0.01})), sections(S1="V"), period="2025-07"
    )
    row = result.sections.loc["S1"]
    assert (row["water_class"], row["failing_items"], row["main_pollutants"]) == (
        "inferior",
        "ph",
        "pH",
    )


def test_a_section_without_samples_is_none_and_unknown_samples_are_listed() -> None:
    table = samples(
        ("S1", "2025-07-01", {"tp": 0.05}),
        ("S9", "2025-07-01", {"tp": 0.05}),
        ("S9", "2025-07-09", {"tp": 0.05}),
        ("S1", "2024-07-01", {"tp": 9.0}),
    )
    table.loc[len(table)] = ["S1", pd.NaT, 9.0]
    result = assess_sections(table, sections(S1="III", S2="III"), period="2025-07")
    assert result.sections["water_class"].to_dict() == {"S1": "II", "S2": "none"}
    assert pd.isna(result.sections.loc["S2", "compliant"])
    assert result.sections.loc["S2", "note"] == "no_samples"
    assert result.left_out[["reason", "section_id", "n"]].to_numpy().tolist() == [
        ["no_date", "S1", 1],
        ["unknown_section", "S9", 2],
    ]
    assert "S9" in result.explain()


@pytest.mark.parametrize(
    ("months", "period", "note"),
    [
        (12, "2025", ""),
        (11, "2025", "below_ask"),
        (8, "2025", "below_ask"),
        (7, "2025", "below_minimum"),
        (2, "2025Q1", ""),
        (1, "2025Q1", "below_minimum"),
        (1, "2025-01", ""),
        (3, "2025-01/2025-04", "below_minimum"),
        (4, "2025-01/2025-04", ""),
    ],
)
def test_minimum_samples_are_stated(months: int, period: str, note: str) -> None:
    table = samples(*month_rows("S1", [0.05] * months))
    assert assess_sections(table, sections(S1="III"), period=period).sections.loc["S1", "note"] == (
        note
    )


def test_no_target_and_no_waterbody_are_said() -> None:
    table = sections(S1="III").drop(columns=["target_class", "waterbody"])
    result = assess_sections(samples(("S1", "2025-07-01", {"tp": 0.5})), table, period="2025-07")
    row = result.sections.loc["S1"]
    assert row["note"] == "waterbody_assumed, no_target"
    assert pd.isna(row["compliant"])
    assert row["water_class"] == "inferior"
    assert result.failing == []


@pytest.mark.parametrize(
    ("text", "first", "last", "kind"),
    [
        ("2025", "2025-01", "2025-12", "year"),
        ("2025Q3", "2025-07", "2025-09", "quarter"),
        ("2025-07", "2025-07", "2025-07", "month"),
        ("2025-05/2025-09", "2025-05", "2025-09", "range"),
        ("2024-11/2025-02", "2024-11", "2025-02", "range"),
    ],
)
def test_periods(text: str, first: str, last: str, kind: str) -> None:
    period = parse_period(text)
    assert (period.months[0], period.months[-1], period.kind, period.label) == (
        first,
        last,
        kind,
        text,
    )


@pytest.mark.parametrize(
    "text", ["", "25", "2025-13", "2025Q5", "2025-09/2025-05", "上半年", "2025/"]
)
def test_unreadable_periods(text: str) -> None:
    with pytest.raises(AssessmentError, match=r"period|backwards"):
        parse_period(text)


def test_default_period_is_the_twelve_months_up_to_the_newest_sample() -> None:
    dates = pd.date_range("2024-01-15", "2025-12-15", freq="MS")
    assert parse_period(None, dates).label == "2025"
    gap = dates[~((dates.year == 2025) & (dates.month == 6))]
    assert parse_period(None, gap).label == "2025"
    sparse = pd.to_datetime(["2019-05-03", "2023-02-07", "2025-11-30"])
    period = parse_period(None, sparse)
    assert (period.label, len(period.months)) == ("2024-12/2025-11", 12)
    assert parse_period(period.label).months == period.months
    with pytest.raises(AssessmentError, match="no dated samples"):
        parse_period(None, [])


def test_months_without_a_sample_are_said() -> None:
    table = samples(
        ("S1", "2023-02-01", {"tp": 9.0}),
        ("S1", "2025-01-09", {"tp": 0.05}),
        ("S2", "2025-02-09", {"tp": 0.05}),
        ("S1", "2025-11-09", {"tp": 0.07}),
        ("S9", "2026-03-09", {"tp": 0.05}),  # a section that nobody asked for moves no period
    )
    result = assess_sections(table, sections(S1="III", S2="III"))
    assert result.period == "2024-12/2025-11"
    row = result.sections.loc["S1"]
    assert item(result, "S1", "tp")["value"] == pytest.approx(0.06)
    assert (row["n_months"], row["note"]) == (2, "below_minimum")
    lacking = row["missing_months"].split(", ")
    assert lacking[:2] == ["2024-12", "2025-02"]
    assert len(lacking) == 10
    everywhere = "2024-12、2025-03、2025-04、2025-05、2025-06、2025-07、2025-08、2025-09、2025-10"
    assert f"全部断面均无样品的月份：{everywhere}。" in result.explain()
    assert "无样品月：2024-12、2025-02、2025-03" in result.explain("S1")
    assert "months without a sample: 2024-12, 2025-02" in result.explain("S1", "en")


def test_values_that_cannot_be_read_are_listed_with_their_text() -> None:
    table = samples(
        ("S1", "2025-07-01", {"tp": "abc", "nh3n": "0.3"}),
        ("S1", "2025-08-01", {"tp": "未检出?", "nh3n": "-0.5"}),
        ("S1", "2025-09-01", {"tp": "0.1", "nh3n": "0.3"}),
    )
    table["cod"] = [float("inf"), -3.0, 12.0]
    result = assess_sections(table, sections(S1="III"), period="2025Q3")
    left = result.left_out.set_index(["reason", "item_id", "text"]).sort_index()
    assert set(left.index) == {
        ("unreadable", "tp", "abc"),
        ("unreadable", "tp", "未检出?"),
        ("unreadable", "nh3n", "-0.5"),
        ("not_finite", "cod", "inf"),
        ("negative", "cod", "-3.0"),
    }
    assert set(left["section_id"]) == {"S1"}
    assert left["date"]["unreadable", "tp", "abc"] == pd.Timestamp("2025-07-01")
    assert item(result, "S1", "tp")[["value", "n"]].tolist() == [0.1, 1]
    assert item(result, "S1", "cod")["value"] == 12.0
    assert "“abc”" in result.explain()
    assert "unreadable values 3" in result.explain(lang="en")


def test_a_date_that_cannot_be_read_is_listed_with_its_text() -> None:
    table = samples(("S1", "2025-07-01", {"tp": 0.1}), ("S1", "2025-07-02", {"tp": 0.9}))
    table["date"] = ["2025年7月1日", "夏天"]
    result = assess_sections(table, sections(S1="III"), period="2025-07")
    assert result.left_out[["reason", "section_id", "text", "n"]].to_numpy().tolist() == [
        ["no_date", "S1", "夏天", 1]
    ]
    assert item(result, "S1", "tp")["value"] == 0.1


def test_nothing_left_out_keeps_its_columns_and_kinds() -> None:
    table = samples(("S1", "2025-07-01", {"tp": 0.1}))
    clean = assess_sections(table, sections(S1="III"), period="2025-07").left_out
    bad = table.assign(tp=-1.0, cod=1.0)
    full = assess_sections(bad, sections(S1="III"), period="2025-07").left_out
    assert clean.empty
    assert clean.dtypes.to_dict() == full.dtypes.to_dict()
    nothing = assess_sections(table.assign(tp=float("nan")), sections(S1="III"), period="2025-07")
    some = assess_sections(table, sections(S1="III"), period="2025-07")
    assert nothing.items.empty
    assert nothing.items.dtypes.to_dict() == some.items.dtypes.to_dict()
    assert nothing.months.dtypes.to_dict() == some.months.dtypes.to_dict()
    assert nothing.sections.dtypes.to_dict() == some.sections.dtypes.to_dict()


@pytest.mark.parametrize(
    ("of_sections", "of_samples"),
    [([1, 2], ["1", "2"]), (["1", "2"], [1, 2]), ([1.0, 2.0], [1, 2]), ([1, "2"], ["1", 2.0])],
)
def test_ids_are_text_whatever_they_were(of_sections: list, of_samples: list) -> None:
    table = samples(("a", "2025-07-01", {"tp": 0.1}), ("b", "2025-07-01", {"tp": 0.3}))
    table = table.assign(section_id=of_samples)
    places = sections(a="III", b="III").assign(section_id=of_sections)
    result = assess_sections(table, places, period="2025-07")
    assert result.sections["water_class"].to_dict() == {"1": "II", "2": "IV"}
    assert result.failing == ["2"]
    assert set(result.items["section_id"]) == {"1", "2"}
    assert result.explain(2) == result.explain("2")
    assert result.left_out.empty
    twice = pd.concat([places, sections(c="III").assign(section_id=["1"])])
    with pytest.raises(AssessmentError, match="not unique in sections: ids 1"):
        assess_sections(table, twice, period="2025-07")


def test_oxygen_is_class_one_by_saturation_where_the_temperature_is_known() -> None:
    """At 30 degrees 468 / 61.6 = 7.597 mg/L saturate water: 6.9 mg/L are 90.8 %."""
    table = samples(("S1", "2025-07-01", {"do": 6.9}), ("S1", "2025-08-01", {"do": 6.9}))
    where = sections(S1="I")
    plain = assess_sections(table, where, period="2025Q3")
    assert (item(plain, "S1", "do")["water_class"], plain.failing) == ("II", ["S1"])
    warm = assess_sections(table.assign(water_temp=30.0), where, period="2025Q3")
    do = item(warm, "S1", "do")
    assert do["saturation_pct"] == pytest.approx(90.82, abs=0.01)
    assert (do["water_class"], warm.failing) == ("I", [])
    assert set(warm.months["water_class"]) == {"I", "none"}
    for cold in ([20.0, 20.0], [30.0, None], [30.0, 99.0]):  # 75 %; not known; not possible
        known = assess_sections(table.assign(water_temp=cold), where, period="2025Q3")
        assert item(known, "S1", "do")["water_class"] == "II"
    below = table.assign(water_temp=30.0, do_flag=["", "below"])
    assert item(assess_sections(below, where, period="2025Q3"), "S1", "do")["water_class"] != "I"


def test_errors_name_what_to_mend() -> None:
    table = samples(("S1", "2025-07-01", {"tp": 0.05}))
    with pytest.raises(AssessmentError, match="2025-07 to 2025-07"):
        assess_sections(table, sections(S1="III"), period="2026")
    with pytest.raises(AssessmentError, match="section_id"):
        assess_sections(table.drop(columns="section_id"), sections(S1="III"))
    with pytest.raises(AssessmentError, match="no item"):
        assess_sections(table.drop(columns="tp"), sections(S1="III"))
    twice = pd.concat([sections(S1="III"), sections(S1="II")])
    with pytest.raises(AssessmentError, match="S1") as caught:
        assess_sections(table, twice)
    assert caught.value.ids == ("S1",)


def test_geometry_order_and_inputs_are_kept() -> None:
    table = samples(*month_rows("B", [0.3] * 12), *month_rows("A", [0.05] * 12))
    place = gpd.GeoDataFrame(
        sections(B="III", A="III").assign(flow_m3_s=[1.0, 2.0]),
        geometry=[Point(106.6, 29.0), Point(106.7, 29.1)],
        crs=4490,
    )
    before = place.copy(), table.copy()
    result = assess_sections(table, place)
    assert isinstance(result.sections, gpd.GeoDataFrame)
    assert result.sections.crs == place.crs
    assert list(result.sections.index) == ["B", "A"]
    assert result.sections["flow_m3_s"].tolist() == [1.0, 2.0]
    assert result.period == "2025"
    pd.testing.assert_frame_equal(place, before[0])
    pd.testing.assert_frame_equal(table, before[1])
    shuffled = assess_sections(table.sample(frac=1, random_state=1), place)
    pd.testing.assert_frame_equal(result.items, shuffled.items)
    again = assess_sections(table, result.sections.reset_index())
    pd.testing.assert_frame_equal(again.sections, result.sections)


def test_explain_reads_like_a_note() -> None:
    table = samples(*month_rows("S1", [0.3] * 6 + [0.1] * 6))
    result = assess_sections(table, sections(S1="II"), period="2025")
    text = result.explain("S1")
    assert "S1 断面0: Ⅲ类，劣于目标Ⅱ类" in text
    assert "总磷 0.2 mg/L (Ⅲ类，目标限值 0.1，超目标 1 倍)" in text
    assert "不达标月 6/12" in text
    assert "环办〔2011〕22号" in result.explain()
    english = result.explain("S1", lang="en")
    assert "worse than its target II" in english
    assert "total phosphorus 0.2 mg/L" in english
    with pytest.raises(AssessmentError, match="S7"):
        result.explain("S7")


def test_a_table_to_read_has_words_for_codes() -> None:
    table = samples(("S1", "2025-07-01", {"cod": 41.0, "nh3n": 1.9, "cd": 0.006}))
    result = assess_sections(table, sections(S1="III", S2="III"), period="2025-07")
    row = result.to_frame("zh").set_index("断面编号").loc["S1"]
    assert row["水质类别"] == "劣Ⅴ类"
    assert row["达标"] == "不达标"
    assert row["主要污染指标"] == "镉(0.2)、化学需氧量(1.1)、氨氮(0.9)"
    english = result.to_frame("en").set_index("section").loc[["S1", "S2"]]
    assert english["compliant"].tolist() == ["no", "–"]
    assert english["main pollutants"].iloc[0].startswith("cadmium(0.2), chemical oxygen demand")
    assert english["note"].tolist()[1] == "no samples in the period"
    assert list(result.to_frame().index) == ["S1", "S2"]


def test_repr_html_is_inert() -> None:
    nasty = "<img src=x onerror=alert(1)>{{7*7}}${x}`\\"
    table = sections(S1="III").assign(name=nasty)
    page = assess_sections(
        samples(("S1", "2025-07-01", {"tp": 0.05})), table, period="2025-07"
    )._repr_html_()
    for raw in ("<img", "{{", "${", "`", "\\"):
        assert raw not in page
    assert "&#123;&#123;7*7" in page


def test_pollutant_text() -> None:
    assert pollutant_text("codmn", 1.2) == "高锰酸盐指数(1.2)"
    assert pollutant_text("nh3n", 0.004) == "氨氮(0.004)"


def test_negative_values_are_not_used_and_listed() -> None:
    """A slip of the pen must not classify as I: -0.1 mg/L of phosphorus is no measurement."""
    table = pd.DataFrame(
        {
            "section_id": ["A", "A"],
            "date": pd.to_datetime(["2025-06-01", "2025-07-01"]),
            "tp": [-0.1, 0.3],
        }
    )
    where = pd.DataFrame({"section_id": ["A"], "name": ["甲"], "target_class": ["III"]})
    result = assess_sections(table, where, period="2025")
    tp = result.items.set_index("item_id").loc["tp"]
    assert (tp["value"], tp["n"], tp["water_class"]) == (0.3, 1, "IV")
    listed = result.left_out[result.left_out["reason"] == "negative"]
    assert listed[["section_id", "item_id", "n"]].to_numpy().tolist() == [["A", "tp", 1]]
    assert "负值 1 (A)" in result.explain()


def test_classify_refuses_text():
    with pytest.raises(AssessmentError, match="not numbers"):
        classify("x", "tp")
