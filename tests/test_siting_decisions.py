"""What people decide, what differs since last year, and the same bytes for the same input."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

import basin.project
from basin.cli import main
from basin.errors import LayerError
from basin.reports import write_report
from basin.siting import check_sites, read_overrides
from basin.standards.rules import load_rules
from siting_world import DATE, covered, out, shore, site, sites_at, wedge, zone

RULES = {rule.id: rule for rule in load_rules(("china-yangtze", "chongqing"))}
CHEM = "CJ26-CHEM-1KM"
SAMPLE = "data/sample_layers"
HEAD = "site_id,rule_id,verdict,who,when,why\n"


def few(*ids):
    return tuple(RULES[name] for name in ids)


@pytest.fixture(scope="module")
def result():
    """Three chemical plants: 500 m, 900 m and 2 km from the bank, none in a red line."""
    return check_sites(
        sites_at([out(500), out(900), out(2000)]), shore(), zone({"geometry": wedge((107, 30))}),
        coverage=covered(), date=DATE, rules=few(CHEM, "ERL-CORE", "CQ-WATER-1KM"),
    )  # fmt: skip


def decision(**changes):
    row = {"site_id": "S0", "rule_id": CHEM, "verdict": "clear", "who": "张三",
           "when": "2026-03-01", "why": "搬迁入园"}  # fmt: skip
    return row | changes


# ---- overrides --------------------------------------------------------------------------------


def test_an_override_changes_the_verdict_and_never_erases_the_original(result):
    other = result.with_overrides(pd.DataFrame([decision()]))
    row = other.findings.query("site_id == 'S0' and rule_id == @CHEM").iloc[0]
    assert (row["verdict"], row["verdict_computed"]) == ("clear", "prohibited")
    assert row["note"].startswith(
        "人工改判：计算结论“禁止”改为“未触及”（张三，2026-03-01）：搬迁入园"
    )
    assert "overridden by a person: computed prohibited, now clear" in row["note_en"]
    site_row = other.sites.loc["S0"]
    # heavy chemical or not is still a person's to decide
    assert (site_row["verdict"], site_row["verdict_computed"]) == ("manual", "prohibited")
    assert (site_row["n_prohibited"], site_row["n_clear"]) == (0, 2)
    assert site_row["blocking_rules"] == "CQ-WATER-1KM"
    assert other.overrides.loc[0, ["verdict_computed", "status"]].to_list() == [
        "prohibited", "applied",
    ]  # fmt: skip
    # everywhere: the note, the list, the table, the notebook
    assert "结论：人工判定（经人工改判；计算结论：禁止）" in other.explain("S0")
    assert "张三" in other.explain("S0")
    assert "overridden; computed: prohibited" in other.explain("S0", "en")
    assert "经人工改判，原：禁止" in other.explain()
    assert "含人工改判" in other.to_frame("zh")["备注"].iloc[0]
    assert "含人工改判" in other._repr_html_()
    # the others, and the result that it was made from, are as they were
    pd.testing.assert_series_equal(other.sites.loc["S1"], result.sites.loc["S1"])
    assert result.sites.loc["S0", "verdict"] == "prohibited"
    assert result.overrides.empty


def test_an_override_can_be_stricter(result):
    other = result.with_overrides(
        pd.DataFrame([decision(site_id="S2", verdict="禁止", why="从严")])
    )
    assert other.sites.loc["S2", ["verdict", "verdict_computed"]].to_list() == [
        "prohibited", "clear",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"site_id": "S9"}, "no_site"),
        ({"rule_id": "CQ-PARK-5KM"}, "not_asked"),
        ({"rule_id": "NONSENSE"}, "not_asked"),
        ({"when": "2026-04-01"}, "later"),
        ({"was": "clear"}, "stale"),
        ({"was": "禁止"}, "applied"),
        ({"verdict": "prohibited"}, "same"),
    ],
)
def test_an_override_that_does_not_fit_is_listed_with_the_reason(result, changes, status):
    other = result.with_overrides(pd.DataFrame([decision(**changes)]))
    assert other.overrides["status"].to_list() == [status]
    now = "manual" if status == "applied" else "prohibited"
    assert other.sites.loc["S0", "verdict"] == now


def test_of_several_overrides_the_newest_that_holds_counts(result):
    table = pd.DataFrame(
        [decision(when="2026-02-01", verdict="manual"), decision(), decision(when="2026-05-01")]
    )
    other = result.with_overrides(table)
    assert other.overrides["status"].to_list() == ["superseded", "applied", "later"]
    assert other.findings.query("site_id == 'S0' and rule_id == @CHEM")["verdict"].item() == "clear"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("site_id,rule_id,verdict,who,when\nS0,R,clear,A,2026-01-01\n", "no column why"),
        (f"{HEAD}S0,R,clear,,2026-01-01,x\n", "who is empty in rows 2"),
        (f"{HEAD}S0,R,可以,A,2026-01-01,x\n", "no verdict in rows 2"),
        (f"{HEAD}S0,R,clear,A,soon,x\n", "no date in rows 2"),
        (f"{HEAD}S0,R,clear,A,2026-01-01\n", "rows 2 have more or"),
    ],
)  # fmt: skip
def test_a_broken_table_of_overrides_names_the_rows(tmp_path, text, told):
    path = tmp_path / "overrides.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LayerError, match=told):
        read_overrides(path)


def test_a_table_from_excel_in_gbk_is_read(tmp_path):
    path = tmp_path / "改判.csv"
    text = (
        "项目编号,规则编号,改判结论,决定人,日期,理由\nS0,CJ26-CHEM-1KM,未触及,张三,2026/3/1,搬迁\n"
    )
    path.write_bytes(text.encode("gb18030"))
    row = read_overrides(path).iloc[0]
    assert row[["verdict", "who", "when"]].to_list() == ["clear", "张三", "2026-03-01"]


@pytest.mark.parametrize(
    ("written", "day"),
    [("2026年3月1日", "2026-03-01"), ("46112", "2026-03-31"), ("2026-03", "2026-03-31"),
     ("2026-03-01T23:30+08:00", "2026-03-01"), (pd.Timestamp("2026-03-01"), "2026-03-01")],
)  # fmt: skip
def test_the_day_of_an_override_is_read_as_dates_of_layers_are(written, day):
    table = pd.DataFrame([decision(when="2026-03-01"), decision(when=written)])
    assert read_overrides(table)["when"].to_list() == ["2026-03-01", day]


@pytest.mark.parametrize("written", ["now", "26-3-31", "1/4/2026", "2026-02-30"])
def test_a_day_that_may_be_another_is_refused(written):
    with pytest.raises(LayerError, match="when is no date in rows 2"):
        read_overrides(pd.DataFrame([decision(when=written)]))


def test_an_override_stands_in_the_documents(result, tmp_path):
    from openpyxl import load_workbook

    other = result.with_overrides(pd.DataFrame([decision()]))
    write_report(other, tmp_path / "s.xlsx")
    write_report(other, tmp_path / "s.html")
    book = load_workbook(tmp_path / "s.xlsx")
    assert "人工改判" in book.sheetnames
    cells = [str(c.value) for row in book["人工改判"].iter_rows() for c in row]
    assert {"张三", "禁止", "未触及", "搬迁入园"} <= set(cells)
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert page.count("张三") >= 2
    write_report(result, tmp_path / "plain.xlsx")
    assert "人工改判" not in load_workbook(tmp_path / "plain.xlsx").sheetnames


# ---- what differs -----------------------------------------------------------------------------

OLD = {"line_id": "old", "valid_from": "2019-06-01", "valid_to": "2023-06-30",
       "geometry": wedge(tuple(out(80).coords[0]))}  # fmt: skip
NEW = {"line_id": "new", "valid_from": "2023-07-01"}


def on(day, place=None, *, rules=None, shorelines=None, **more):
    place = site(out(1040)) if place is None else place
    lines = shore(NEW, OLD) if shorelines is None else shorelines
    return check_sites(place, lines, zone(), coverage=covered(), date=day,
                       rules=rules or few(CHEM, "CQ-WATER-1KM", "ERL-CORE"), **more)  # fmt: skip


def cause(before, after, rule=CHEM):
    table = before.compare(after).findings
    return table.loc[table["rule_id"] == rule, "causes"].to_list()


def test_the_line_was_replaced_between_two_dates():
    changes = on("2023-06-30").compare(on(DATE))
    row = changes.findings.query("rule_id == @CHEM").iloc[0]
    assert (row["verdict_before"], row["verdict_after"]) == ("prohibited", "manual")
    assert row["causes"] == "line_or_zone_edition"
    assert "old 960.0 m → new, old 1,040.0 m" in row["because_zh"]
    assert changes.sites["verdict_before"].to_list() == ["prohibited"]
    told = changes.explain()
    assert "2023-06-30 → 2026-03-31" in told
    assert f"{CHEM} 禁止 → 人工判定：岸线或分区的版本不同" in told
    assert "another edition of the line" in changes.explain("en")


def test_the_rule_came_into_force_or_ended():
    assert cause(on("2021-02-28"), on("2021-03-01")) == ["rule_in_force"]
    assert cause(on("2021-03-01"), on("2021-02-28")) == ["rule_ended"]


def test_the_law_was_revised_with_the_same_verdict():
    place = site(out(-800), "tourism")
    ground = zone({"kind": "nature_reserve", "grade": "core"})
    days = [check_sites(place, None, ground, coverage=covered(), date=day, rules=few("NR-CORE"))
            for day in ("2026-03-14", "2026-03-15")]  # fmt: skip
    changes = days[0].compare(days[1])
    row = changes.findings.iloc[0]
    assert (row["changed"], row["causes"]) == (False, "law_edition")
    assert "2026年修订" in row["because_zh"]
    assert "没有变化" in changes.explain()


def test_the_site_moved_or_the_layer_was_lost_or_a_person_decided():
    base = on(DATE, site(out(500)))
    assert cause(base, on(DATE, site(out(2000)))) == ["site_changed"]
    assert cause(base, on(DATE, site(out(500), "warehouse"))) == ["site_changed"]
    blind = on(DATE, site(out(2000)), shorelines=shore().iloc[:0])
    assert cause(on(DATE, site(out(2000))), blind) == ["layer_state, line_or_zone_edition"]
    decided = base.with_overrides(pd.DataFrame([decision(site_id="S")]))
    assert cause(base, decided) == ["override"]
    assert cause(base, on(DATE, site(out(500)), rules=few("ERL-CORE"))) == ["pack_changed"]
    redrawn = shore(NEW | {"geometry": wedge(tuple(out(-30).coords[0]))}, OLD)
    assert cause(base, on(DATE, site(out(500)), shorelines=redrawn)) == ["redrawn"]
    assert base.compare(base).findings.empty
    other = on(DATE, site(out(500), site_id="T"))
    assert cause(base, other) == ["site_in_one", "site_in_one"]


# ---- the command ------------------------------------------------------------------------------


def test_the_command_replays_compares_and_applies_overrides(tmp_path):
    given = tmp_path / "overrides.csv"
    pd.DataFrame([decision(site_id="X-01", rule_id=CHEM), decision(site_id="X-77")]).to_csv(
        given, index=False
    )
    call = ["check", SAMPLE, "--overrides", str(given), "--against", "2023-06-30",
            "--sensitivity", "--lang", "zh", "-o", str(tmp_path / "s.gpkg")]  # fmt: skip
    run = CliRunner().invoke(main, call, env={"BASIN_LANG": "zh"})
    assert run.exit_code == 0, run.output
    assert "X-04：禁止 → 人工判定" in run.output
    assert "人工改判 X-77" in run.output
    assert "没有这个项目" in run.output
    import pyogrio

    names = {name for name, _ in pyogrio.list_layers(tmp_path / "s.gpkg")}
    assert {"site_overrides", "site_changes", "site_lines", "site_line_sensitivity",
            "site_readings"} <= names  # fmt: skip


def test_a_project_takes_the_overrides_beside_it(tmp_path):
    from shutil import copy

    for name in ("sites.geojson", "shorelines.gpkg", "zones.gpkg", "coverage.gpkg"):
        copy(f"{SAMPLE}/{name}", tmp_path)
    text = "site_id,rule_id,verdict,who,when,why\nG-05,CJ26-CHEM-1KM,manual,A,2026-01-01,x\n"
    (tmp_path / "overrides.csv").write_text(text, encoding="utf-8")
    project = basin.project.open(tmp_path)
    assert project.overrides.name == "overrides.csv"
    assert not any(p.kind == "file_unused" for p in project.problems)
    found = project.check(date=pd.Timestamp(DATE).date())
    assert found.overrides["status"].to_list() == ["applied"]
    assert found.sites.loc["G-05", "verdict_computed"] == "prohibited"
    assert project.check(overrides=False).overrides.empty
    assert "overrides.csv" in {path.name for path in project.inputs}


# ---- bytes ------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes(result):
    again = check_sites(
        sites_at([out(500), out(900), out(2000)]), shore(), zone({"geometry": wedge((107, 30))}),
        coverage=covered(), date=DATE, rules=few(CHEM, "ERL-CORE", "CQ-WATER-1KM"),
    )  # fmt: skip
    assert result.to_json() == again.to_json()
    read = json.loads(result.to_json())
    assert list(read)[:3] == ["date", "packs", "sites"]
    assert read["date"] == DATE
    assert read["sites"][0]["verdict"] == "prohibited"
    assert read["findings"][0]["note_en"] is not None


def test_two_processes_give_the_same_bytes():
    code = f"import basin.project; print(basin.project.open({SAMPLE!r}).check().to_json())"
    outs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert len(outs[0]) > 10_000
    assert outs[0] == outs[1]
