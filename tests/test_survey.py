"""The ledger of outfalls: progress, targets and findings by hand, and on the sample."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely import Point, Polygon

from basin.cli import main
from basin.crs import GEOD
from basin.errors import AssessmentError
from basin.layers import read_layer
from basin.tracing import CAVEAT, outfall_ledger, survey_targets

DATE = dt.date(2025, 6, 30)


def table(**columns):
    """Eight outfalls, 1 km apart along a parallel."""
    n = 8
    base = {
        "outfall_id": [f"P{k}" for k in range(1, n + 1)],
        "kind": ["industrial"] * n,
        "action": ["ban", "ban", "merge", "merge", "regulate", "regulate", "regulate", "regulate"],
        "status": ["closed", "closed", *["active"] * 6],
        "river": ["长江"] * 4 + ["綦江河"] * 4,
        "district": ["A"] * 3 + ["B"] * 5,
        "responsible": ["who"] * n,
        "closed_on": pd.to_datetime(["2023-05-01", "2024-02-01", *[None] * 6]),
        "sampled_on": pd.to_datetime([None, "2025-01-01", *[None] * 6]),
        "surveyed_on": pd.to_datetime(["2022-06-01"] * 5 + ["2024-06-01"] * 2 + [None]),
        "traced_on": pd.to_datetime(["2023-06-01"] * 2 + [None] * 6),
        "rectified_on": pd.to_datetime(
            [None, None, "2023-11-01", None, "2024-03-01", "2026-01-01", None, None]
        ),
    }
    places = [Point(106.6 + 0.01 * k, 29.0) for k in range(n)]
    return gpd.GeoDataFrame({**base, **columns}, geometry=places, crs=4490)


def line(ledger, scope, name, year):
    own = ledger.progress
    found = own[(own["scope"] == scope) & (own["name"] == name) & (own["year"] == year)]
    assert len(found) == 1
    return found.iloc[0]


def test_steps_are_counted_by_their_dates_and_by_year():
    ledger = outfall_ledger(table(), date=DATE)
    counts = {
        y: [int(line(ledger, "all", "", y)[f"{s}_n"]) for s in ("surveyed", "traced", "rectified")]
        for y in (2022, 2023, 2024, 2025)
    }
    # P1 closed 2023 counts, P2 closed but sampled since does not; P3 2023, P5 2024; P6 only in 2026
    assert counts == {2022: [5, 0, 0], 2023: [5, 2, 2], 2024: [7, 2, 3], 2025: [7, 2, 3]}
    now = line(ledger, "all", "", 2025)
    assert now["as_of"] == DATE
    assert now["n"] == 8
    assert now["rectified_share"] == pytest.approx(3 / 8)
    done = [now[f"{a}_{w}"] for a in ("ban", "merge", "regulate") for w in ("done", "n")]
    assert done == [1, 2, 1, 2, 1, 4]
    assert line(ledger, "district", "A", 2025)["rectified_n"] == 2
    assert line(ledger, "river", "綦江河", 2025)["rectified_n"] == 1
    assert ledger.inferred == ("measured",)
    # a date after the ledger's own is not yet done
    done = ledger.outfalls["rectified"]
    assert done[done].index.tolist() == ["P1", "P3", "P5"]


def test_targets_hold_on_their_day():
    ledger = outfall_ledger(table(), date=DATE)
    goals = ledger.targets
    first = goals.loc["CQ-2023-SANJIANG"]
    assert (first["n"], first["done"], first["share"], first["met"]) == (4, 2, 0.5, "no")
    second = goals.loc["CQ-2024-SURVEY"]
    assert (second["done"], second["met"]) == (7, "no")
    assert goals.loc["CQ-2025-SANJIANG", "met"] == "open"  # no figure, and not yet due
    later = outfall_ledger(table(), date=dt.date(2026, 6, 30)).targets
    assert later.loc["CQ-2025-SANJIANG", "met"] == "unknown"
    own = [{**survey_targets()[0], "id": "own", "share": 0.5}]
    assert outfall_ledger(table(), date=DATE, targets=own).targets.loc["own", "met"] == "yes"


def test_without_dates_nothing_is_made_up():
    bare = table().drop(columns=["surveyed_on", "traced_on", "rectified_on"])
    ledger = outfall_ledger(bare, date=DATE)
    assert ledger.inferred == ("surveyed", "measured", "traced", "rectified")
    now = line(ledger, "all", "", 2025)
    assert now["ban_done"] == 1
    assert np.isnan(now["merge_done"])
    assert np.isnan(now["rectified_share"])
    assert np.isnan(line(ledger, "all", "", 2023)["surveyed_n"])
    assert (ledger.targets["met"].isin(["unknown", "open"])).all()
    for lang in ("zh", "en"):
        note = ledger.explain(lang)
        assert note.splitlines()[-1].rstrip("。.").endswith(CAVEAT[lang])
        assert "?" in note
        assert "nan" not in note


def test_findings_are_those_planted():
    outfalls = table(
        duplicate_of=[None] * 7 + ["P7"],
        responsible=["who"] * 4 + [None] * 2 + ["who"] * 2,
        kind=["industrial"] * 6 + ["?", "industrial"],
    )
    near = GEOD.fwd(*outfalls.geometry.iloc[3].coords[0], 90, 4.9)[:2]
    far = GEOD.fwd(*outfalls.geometry.iloc[5].coords[0], 90, 5.1)[:2]
    outfalls.loc[4, "geometry"] = Point(near)
    outfalls.loc[6, "geometry"] = Point(far)

    def box(k, half):
        x, y = outfalls.geometry.iloc[k].coords[0]
        return Polygon([(x - half, y - half), (x + half, y - half), (x + half, y + half),
                        (x - half, y + half)])  # fmt: skip

    zones = gpd.GeoDataFrame(
        {
            "zone_id": ["W1", "W2", "W3"],
            "kind": "water_source",
            "grade": ["I", "II", "II"],
            "name": "",
            "valid_from": pd.to_datetime(["2020-01-01"] * 3),
            "valid_to": pd.to_datetime([None, None, "2021-01-01"]),
        },
        geometry=[box(0, 0.002), box(2, 0.002), box(7, 0.002)],
        crs=4490,
    )
    works = gpd.GeoDataFrame(
        {"site_id": ["W"], "name": ["Works"]}, geometry=[Point(106.6, 29.0)], crs=4490
    )
    found = outfall_ledger(outfalls, zones=zones, works=works, date=DATE).findings
    by_kind = found.groupby("kind")["outfall_ids"].agg(list).to_dict()
    assert by_kind == {
        "in_water_source": ["P3"],  # P1 is closed, W3 no longer in force
        "closed_sampled": ["P2"],
        "double_code": ["P8"],
        "close_pair": ["P4, P5"],  # 4.9 m; P6 and P7 are 5.1 m apart
        "works_without_outfall": [""],
        "no_kind": ["P7"],
        "no_responsible": ["P5, P6"],
    }
    note = outfall_ledger(outfalls, zones=zones, works=works, date=DATE).explain("en")
    assert "(2): P5, P6: no responsible party" in note
    assert "(1): P4 and P5 are 4.9 m apart" in note
    pair = found.set_index("kind").loc["close_pair"]
    assert pair["value"] == pytest.approx(4.9, abs=1e-3)
    assert "4.9 m" in pair["text_en"]
    treated = outfalls.assign(kind=["industrial"] * 3 + ["sewage_works"] * 5)
    for distance, kinds in ((2_000.0, 1), (4_000.0, 0)):
        again = outfall_ledger(treated, works=works, works_m=distance, date=DATE).findings
        assert (again["kind"] == "works_without_outfall").sum() == kinds


def test_edge_of_a_zone_is_neither_in_nor_out():
    outfalls = table()
    x, y = outfalls.geometry.iloc[2].coords[0]
    strip = Polygon([(x + 0.0001, y - 1e-3), (x + 0.001, y - 1e-3), (x + 0.001, y + 1e-3),
                     (x + 0.0001, y + 1e-3)])  # fmt: skip
    zones = gpd.GeoDataFrame(
        {"zone_id": ["W1"], "kind": ["water_source"], "grade": ["II"], "name": [""]},
        geometry=[strip],
        crs=4490,
    )
    found = outfall_ledger(outfalls, zones=zones, date=DATE).findings
    assert found["kind"].tolist()[0] == "near_water_source"  # 10 m off, zones are good to 30 m
    assert found["value"].iloc[0] == pytest.approx(9.74, abs=0.1)


def test_wrong_tables_are_refused():
    with pytest.raises(AssessmentError, match="geometry"):
        outfall_ledger(pd.DataFrame({"outfall_id": ["P1"]}))
    with pytest.raises(AssessmentError, match="outfall_id"):
        outfall_ledger(table().drop(columns="outfall_id"))
    empty = outfall_ledger(table().iloc[:0], date=DATE)
    assert empty.progress["n"].tolist() == [0]
    assert len(empty.findings) == 0
    assert "0" in empty.explain("zh")


@pytest.mark.parametrize(
    "written",
    [
        ["2022-06-01"] * 4 + ["2022/6/1", "2024年6月", "20240601", None],
        [20220601] * 5 + [20240601] * 2 + [None],
    ],
)
def test_dates_count_however_they_are_written(written):
    ledger = outfall_ledger(table(surveyed_on=pd.Series(written, dtype=object)), date=DATE)
    assert [int(line(ledger, "all", "", y)["surveyed_n"]) for y in (2022, 2025)] == [5, 7]
    assert ledger.progress["year"].min() == 2022


def test_what_is_no_date_is_told_and_not_dropped():
    bad = table(surveyed_on=["2022-06-01"] * 6 + ["待定", ""])
    with pytest.raises(AssessmentError, match=r"surveyed_on.*P7"):
        outfall_ledger(bad, date=DATE)


def test_dates_of_the_steps_are_read_under_their_chinese_names(tmp_path):
    file = tmp_path / "排污口.csv"
    file.write_text(
        "排污口编码,经度,纬度,排查日期,溯源日期,整治完成时间\n"
        "P1,106.65,29.01,2023-05-06,2024-01-02,2024/3/4\nP2,106.66,29.02,,,\n",
        encoding="utf-8-sig",
    )
    read = read_layer(file, "outfalls", crs=4490, problems=[])
    assert read["rectified_on"].iloc[0] == pd.Timestamp(2024, 3, 4)
    assert read["surveyed_on"].notna().tolist() == [True, False]
    assert read["traced_on"].iloc[0] == pd.Timestamp(2024, 1, 2)


def test_the_ledger_of_the_sample(sample, tmp_path):
    ledger = sample.ledger()
    kinds = ledger.findings.groupby("kind")["outfall_ids"].agg(", ".join)
    assert "P-035" in kinds["in_water_source"]  # planted
    assert kinds["closed_sampled"] == "P-036"
    assert kinds["double_code"] == "P-031#2"
    assert kinds["far"] == "P-032"
    assert ledger.outfalls.loc["P-035", "findings"] == "in_water_source"
    assert ledger.outfalls.loc["P-011", "section_id"] == "S-FH"
    assert len(ledger.to_frame("zh")) == 20
    out = tmp_path / "ledger.xlsx"
    done = CliRunner().invoke(main, ["ledger", "data/sample_layers", "-o", str(out)])
    assert done.exit_code == 0, done.output
    book = openpyxl.load_workbook(out)
    assert "排污口台账" in book.sheetnames
    told = {str(c.value) for sheet in book for row in sheet.iter_rows() for c in row}
    assert any(CAVEAT["zh"] in text for text in told)


def test_attribution_of_the_sample(sample):
    found = sample.attribute()
    assert found.outfalls.loc["P-023", "section_id"] == "S-D05"
    assert "S-WT" in found.downstream("P-023").index
    assert found.downstream("P-023").loc["S-WT", "distance_m"] == pytest.approx(29_932, abs=5)
