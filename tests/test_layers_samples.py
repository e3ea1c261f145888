"""Samples as laboratories and platforms hand them over: wide, one value a row, odd values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from basin.errors import LayerError
from basin.layers import read_layer, write_files


def read(table, **options):
    problems = []
    return read_layer(pd.DataFrame(table), "samples", problems=problems, **options), problems


def one(problems, kind):
    found = [p for p in problems if p.kind == kind]
    assert len(found) == 1, [(p.kind, p.en) for p in problems]
    return found[0]


def kinds(problems):
    return {p.kind for p in problems}


LONG = {
    "断面编码": ["S1", "S1", "S1", "S2", "S2", "S2", "S2", "S2", None],
    "采样日期": ["2025-07-03"] * 3 + ["2025-07-04"] * 5 + [None],
    "监测项目": ["总磷", "氨氮", "pH", "总磷(以P计)", "汞", "电导率", "总磷", "", None],
    "监测结果": ["0.05", "<0.025", "7.6", "260", "0.05", "450", "0.31", "9", None],
    "单位": ["mg/L", "mg/L", "无量纲", "μg/L", "μg/L", "μS/cm", "mg/L", "mg/L", None],
    "方法": ["GB 11893", "HJ 535", "HJ 1147", "GB 11893", "HJ 694", "", "GB 11893", "x", None],
}


def test_one_value_a_row_becomes_one_row_a_section_and_date():
    samples, problems = read(LONG)
    assert samples["section_id"].tolist() == ["S1", "S2", "S2"]
    assert samples["tp"].tolist() == [0.05, 0.26, 0.31]
    assert samples["nh3n"][0] == 0.025
    assert samples["nh3n_flag"].tolist() == ["below", "", ""]
    assert samples["hg"][1] == pytest.approx(5e-5)
    assert samples["ph"][0] == 7.6
    assert samples["电导率"][1] == "450"  # no item of GB 3838: kept as it is
    assert samples["方法"].tolist() == ["GB 11893; HJ 535; HJ 1147", "GB 11893; HJ 694", "GB 11893"]
    assert one(problems, "sample_item_twice").rows == (8,)
    assert one(problems, "row_without_key").rows == (9,)
    assert one(problems, "row_blank").rows == (10,)
    assert one(problems, "key_duplicate").rows == (5, 8)


def test_every_value_of_a_long_table_is_somewhere():
    rng = np.random.default_rng(1)
    n = 400
    table = pd.DataFrame(
        {
            "section_id": rng.choice(["A", "B", "C"], n),
            "date": rng.choice(["2025-01", "2025-02"], n),
            "item": rng.choice(["tp", "nh3n", "cod", "浊度"], n),
            "value": rng.integers(1, 40, n) / 1000,
        }
    )
    samples, problems = read(table)
    found = samples[["tp", "nh3n", "cod"]].melt()["value"].dropna().sort_values().to_numpy()
    wanted = table.loc[table["item"] != "浊度", "value"].sort_values().to_numpy()
    assert np.array_equal(found, wanted)
    assert samples["浊度"].notna().sum() == (table["item"] == "浊度").sum()
    assert len(one(problems, "sample_item_twice").rows) == n - 24


def test_a_long_table_named_by_the_user():
    table = {"点": ["S"], "日期": ["2025-07"], "测了什么": ["浊度"], "读数": ["3"]}
    columns = {"section_id": "点", "item": "测了什么", "value": "读数"}
    samples, problems = read(table, columns=columns)
    assert samples["浊度"].tolist() == ["3"]
    assert "samples_widened" in kinds(problems)


@pytest.mark.parametrize(
    "table",
    [
        {"断面": ["S"], "日期": ["2025-07"], "总磷": [0.1], "项目": ["常规监测"], "结果": ["达标"]},
        {"断面": ["S"], "日期": ["2025-07"], "总磷": [0.1]},
    ],
)
def test_a_wide_table_stays_wide(table):
    samples, problems = read(table)
    assert samples["tp"].tolist() == [0.1]
    assert "samples_widened" not in kinds(problems)


def test_absurd_values_are_listed_and_stay():
    table = {
        "section_id": list("abcd"),
        "date": ["2025-07"] * 4,
        "tp": [260, 0.2, 3.9, None],
        "pH": [7, 75, 8, 8],
        "do": [8, 9, 85, 0],
        "cod": [3900, 20, 20, 20],
    }
    samples, problems = read(table)
    assert samples["tp"][0] == 260
    found = {p.en.split(",")[0]: p for p in problems if p.kind == "value_implausible"}
    assert {name: p.rows for name, p in found.items()} == {
        "column tp": (2,),
        "column ph": (3,),
        "column do": (4,),
    }
    assert "a 2025-07" in found["column tp"].zh
    assert "260" in found["column tp"].zh


def test_only_a_temperature_may_be_below_zero():
    table = {"section_id": ["a"], "date": ["2025-01"], "水温(℃)": ["-0.5"], "总磷": ["-0.5"]}
    samples, problems = read(table)
    assert samples["water_temp"].tolist() == [-0.5]
    assert np.isnan(samples["tp"][0])
    assert "tp" in one(problems, "number_unreadable").en


def test_a_unit_converted_inside_a_cell_is_listed_with_its_rows():
    _, problems = read(
        {
            "断面编号": ["S1", "S2", "S3", "S4"],
            "采样日期": ["2025-07-01"] * 4,
            "总磷": ["0.2", "200 μg/L", "0.2 mg/L", "50ug/L"],
            "氨氮(μg/L)": ["500", "500 μg/L", "0.5mg/L", "5 只"],
        }
    )
    found = {p.zh.split("列 ")[1].split(" ")[0]: p for p in problems if p.kind == "cell_converted"}
    assert found["tp"].rows == (3, 5)
    assert found["nh3n"].rows == (4,)
    assert found["tp"].severity == "info"
    assert "200 μg/L" in found["tp"].en
    assert "共 2 行" in found["tp"].zh


def test_a_unit_converted_inside_a_cell_of_an_outfall_is_listed():
    problems = []
    table = pd.DataFrame(
        {
            "outfall_id": ["P1", "P2"],
            "lon": [106.6, 106.7],
            "lat": [29.0, 29.1],
            "conc_tp_mg_l": ["0.5", "500 μg/L"],
        }
    )
    outfalls = read_layer(table, "outfalls", problems=problems)
    assert outfalls["conc_tp_mg_l"].tolist() == [0.5, 0.5]
    assert one(problems, "cell_converted").ids == ("P2",)


def test_years_that_cannot_be_are_listed():
    table = pd.DataFrame(
        {"section_id": ["A"] * 3, "date": ["2025-01-05", "1925-01-05", "2205-01-05"], "tp": 0.1}
    )
    found, problems = read(table)
    assert len(found) == 3
    assert one(problems, "date_implausible").rows == (3, 4)


def test_a_further_table_in_the_way_is_named(tmp_path):
    tables = {"main": pd.DataFrame({"a": [1]}), "problems": pd.DataFrame({"b": [2]})}
    write_files(tmp_path / "layers.csv", tables)
    (tmp_path / "layers.csv").unlink()
    with pytest.raises(LayerError, match=r"layers_problems.csv exists already: layers.csv puts"):
        write_files(tmp_path / "layers.csv", tables)
    assert not (tmp_path / "layers.csv").exists()
