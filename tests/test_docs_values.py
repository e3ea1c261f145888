"""The tables of docs/values.md are what the readers do."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path

import pandas as pd
import pyproj
import pytest

from basin.layers import read_layer
from basin.layers.coordinates import parse_degrees
from basin.project import open as open_project

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = ("values.md", "values.en.md")


def rows(page, wide):
    """Rows of the tables with so many cells whose first cell is one piece of code."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [
        [c.strip() for c in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return [[r[0].strip("`"), *r[1:]] for r in found if len(r) == wide and r[0].count("`") == 2]


@pytest.mark.parametrize("page", PAGES)
def test_numbers(page):
    told = rows(page, 4)
    assert len(told) == 17
    n = len(told)
    dates = pd.date_range("2025-01-01", periods=n).astype(str)
    table = {"断面编码": "S", "日期": dates, "总磷(mg/L)": [r[0] for r in told]}
    samples = read_layer(pd.DataFrame(table), "samples", problems=[])
    for (text, value, flag, _), read, mark in zip(
        told, samples["tp"], samples["tp_flag"], strict=True
    ):
        wanted = math.nan if value in ("空", "null") else float(value)
        assert read == pytest.approx(wanted, nan_ok=True), text
        assert mark == flag, text


@pytest.mark.parametrize("page", PAGES)
def test_coordinates(page):
    told = [r for r in rows(page, 2) if re.fullmatch(r"[\d.]+|读不出|unreadable", r[1])]
    assert len(told) == 10
    read = parse_degrees(pd.Series([r[0] for r in told]))
    for (text, value), found in zip(told, read, strict=True):
        wanted = float(value) if value[0].isdigit() else math.nan
        assert found == pytest.approx(wanted, abs=1e-8, nan_ok=True), text


@pytest.mark.parametrize("page", PAGES)
def test_the_project_file_of_the_page_opens(page, tmp_path):
    text = (DOCS / page).read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    assert tomllib.loads(block)["layers"]["outfalls"]["values"]
    east, north = pyproj.Transformer.from_crs(4490, 4524, always_xy=True).transform(106.65, 29.03)
    (tmp_path / "basin.toml").write_text(block, encoding="utf-8")
    (tmp_path / "排口.csv").write_bytes(
        f"我的编号,类型,X,Y\nA1,厂排,{north},{east}\n".encode("gb18030")
    )
    outfalls = open_project(tmp_path).layers["outfalls"]
    assert outfalls[["outfall_id", "kind", "data_basis"]].iloc[0].tolist() == [
        "A1",
        "industrial",
        "measured",
    ]
    assert outfalls.geometry.x[0] == pytest.approx(106.65, abs=1e-7)


def test_both_pages_have_the_same_tables():
    assert [r[:3] for r in rows(PAGES[0], 4) if r[1] != "空"] == [
        r[:3] for r in rows(PAGES[1], 4) if r[1] != "null"
    ]
    counts = [(DOCS / p).read_text(encoding="utf-8").count("\n| ") for p in PAGES]
    assert counts[0] == counts[1]
