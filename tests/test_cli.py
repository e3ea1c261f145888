"""The command line on the sample: every command, its exit code, and what it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from basin.cli import main
from basin.crs import to_web_map
from basin.project import open as open_project
from basin.quality import assess_each
from places import SAMPLE


def basin(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_help_lists_the_commands():
    done = basin("--help")
    assert done.exit_code == 0
    for command in [
        "demo",
        "init",
        "verify",
        "validate",
        "network",
        "check",
        "assess",
        "trace",
        "map",
        "layers",
        "rules",
    ]:
        assert f"\n  {command} " in done.output


def test_validate(tmp_path: Path):
    done = basin("validate", SAMPLE, "-o", tmp_path / "problems.xlsx", "--json")
    assert done.exit_code in (0, 1)
    problems = json.loads(done.stdout)["problems"]
    assert done.exit_code == int(any(p["severity"] == "error" for p in problems))
    sheet = openpyxl.load_workbook(tmp_path / "problems.xlsx").active
    assert sheet.max_row == len(problems) + 1


def test_an_ending_that_does_not_do_names_all_that_do(tmp_path: Path):
    done = basin("validate", SAMPLE, "-o", tmp_path / "problems.html")
    assert done.exit_code == 2
    assert ".json" in done.output
    assert ".xlsx" in done.output


def test_network(tmp_path: Path):
    done = basin("network", SAMPLE, "-o", tmp_path / "network.gpkg")
    assert done.exit_code == 0, done.output
    assert len(gpd.read_file(tmp_path / "network.gpkg", layer="reaches")) > 150
    assert len(gpd.read_file(tmp_path / "network.gpkg", layer="network_issues")) >= 6


def test_check_a_file_found_in_the_project(tmp_path: Path):
    done = basin("check", SAMPLE, "sites.xlsx", "-o", tmp_path / "siting.xlsx")
    assert done.exit_code == 0, done.output
    assert len(openpyxl.load_workbook(tmp_path / "siting.xlsx").sheetnames) >= 4


def test_check_one_place_prints_the_officers_note():
    done = basin("check", SAMPLE, "--at", "106.65,29.03", "--category", "chemical")
    assert done.exit_code == 0, done.output
    assert "长江保护法" in done.stdout
    assert "辅助研判" in done.stdout


def test_check_from_a_web_map_is_the_check_of_the_true_place(tmp_path: Path):
    plain, shifted = "106.65,29.03", ",".join(map(str, to_web_map(106.65, 29.03, "gcj02")))
    distances = []
    for arguments in (("--at", plain), ("--at", shifted, "--from-crs", "gcj02"), ("--at", shifted)):
        done = basin("check", SAMPLE, *arguments, "--category", "chemical", "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)["findings"]
        distances.append({f["rule_id"]: f["distance_m"] for f in found if f["distance_m"]})
    assert distances[0]
    assert distances[0] == pytest.approx(distances[1], abs=0.01)
    assert distances[0] != pytest.approx(distances[2], abs=50)
    sites = tmp_path / "sites.csv"
    sites.write_text(f"site_id,lon,lat,category,action\na,{shifted},化工,新建\n", encoding="utf-8")
    done = basin("check", SAMPLE, sites, "--from-crs", "gcj02", "--json")
    found = json.loads(done.stdout)["findings"]
    assert {f["rule_id"]: f["distance_m"] for f in found if f["distance_m"]} == pytest.approx(
        distances[0], abs=0.01
    )


def test_a_row_longer_than_the_heading_is_told_with_its_number(tmp_path: Path):
    text = "site_id,lon,lat,category,action\na,106.65,29.03,化工,新建\n"
    text += "b,106.65,29.03,化工,新建,x\nc,106.66,29.03,化工,新建,\n"
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    done = basin("check", SAMPLE, tmp_path / "s.csv", "--lang", "en", "--json")
    assert [site["site_id"] for site in json.loads(done.stdout)["sites"]] == ["a", "c"]
    assert "[error] s.csv: rows 3 have more cells than the heading" in done.stderr


def test_check_json_is_the_same_twice():
    first = basin("check", SAMPLE, "--json")
    assert first.exit_code == 0
    assert first.stdout == basin("check", SAMPLE, "--json").stdout
    assert {s["verdict"] for s in json.loads(first.stdout)["sites"]} >= {"prohibited", "clear"}


def test_check_fail_on():
    assert basin("check", SAMPLE, "--fail-on", "prohibited").exit_code == 1
    far = ("--at", "106.65,29.03", "--category", "warehouse", "--action", "existing")
    assert basin("check", SAMPLE, *far, "--fail-on", "prohibited").exit_code == 0


def test_assess_and_fail_on(tmp_path: Path):
    done = basin("assess", SAMPLE, "--period", "2025", "-o", tmp_path / "sections.gpkg", "--json")
    assert done.exit_code == 0, done.output
    rows = {row["section_id"]: row for row in json.loads(done.stdout)["sections"]}
    assert rows["S-FH"]["failing_items"] == "tp"
    assert rows["S-WT"]["failing_items"] == "nh3n"
    assert basin("assess", SAMPLE, "--period", "2025", "--fail-on", "failing").exit_code == 1


@pytest.mark.parametrize(
    ("lang", "head", "reason"),
    [
        ("zh", "未采用的样品或数值 37 个", "未检出且检出限不明"),
        ("en", "Samples or values not used: 37", "below an unstated detection limit"),
    ],
)
def test_assess_shows_what_it_left_out(lang: str, head: str, reason: str):
    shown = basin("assess", SAMPLE, "--lang", lang)
    assert head in shown.stdout
    assert reason in shown.stdout
    assert "… +27" in shown.stdout  # ten of them are shown
    listed = json.loads(basin("assess", SAMPLE, "--json").stdout)["left_out"]
    assert len(listed) == sum(row["n"] for row in listed) == 37
    assert {"section_id", "date", "item_id", "reason"} <= set(listed[0])


def test_trace(tmp_path: Path):
    done = basin("trace", SAMPLE, "S-FH", "--item", "tp", "-o", tmp_path / "trace.html")
    assert done.exit_code == 0, done.output
    assert "线索" in done.stdout
    assert (tmp_path / "trace.html").stat().st_size > 3_000


def test_map_and_layers_refuse_to_overwrite(tmp_path: Path):
    for command, name in (("map", "basin.html"), ("layers", "layers.gpkg")):
        target = tmp_path / name
        assert basin(command, SAMPLE, "-o", target).exit_code == 0
        before = target.read_bytes()
        again = basin(command, SAMPLE, "-o", target)
        assert again.exit_code == 2
        assert "--overwrite" in again.output
        assert target.read_bytes() == before
        assert basin(command, SAMPLE, "-o", target, "--overwrite").exit_code == 0


def test_rules_lists_all_with_their_basis():
    done = basin("rules", "--json")
    rules = json.loads(done.stdout)["rules"]
    assert len(rules) == 45  # the 44 rules of the facts, CQ-WATER-CLUSTER in two parts
    assert all(rule["basis"] for rule in rules)


def test_demo(tmp_path: Path):
    done = basin("demo", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    made = {path.name for path in tmp_path.iterdir()}
    assert {"basin.html", "layers.gpkg", "siting.xlsx", "siting.html"} <= made
    assert {"trace_S-FH.html", "trace_S-WT.html"} <= made
    assert len([name for name in made if name.endswith(".png")]) == 2
    for word in ("S-FH", "S-WT", "总磷", "氨氮", "禁止", "P-035", "P-036", "列名未写单位"):
        assert word in done.stdout
    assert "unit_assumed" not in done.stdout


def test_demo_json_and_file_names_that_differ(tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    for name in ("sections.csv", "samples.csv"):
        text = (copy / name).read_text(encoding="utf-8-sig")
        text = text.replace("S-FH", "S/1").replace("S-WT", "S:1")
        (copy / name).write_text(text, encoding="utf-8-sig")
    done = basin("demo", copy, "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {"manifest.json", *(Path(f["path"]).name for f in told["files"])} == {
        p.name for p in (tmp_path / "out").iterdir()
    }
    pages = sorted(p.name for p in (tmp_path / "out").glob("trace_*.html"))
    assert pages == ["trace_S_1.html", "trace_S_1_2.html"]
    texts = [(tmp_path / "out" / name).read_text(encoding="utf-8") for name in pages]
    assert texts[0] != texts[1]
    assert any("S/1" in line for line in told["summary"])


def test_fail_on_takes_every_verdict_of_the_contract():
    for verdict in ("prohibited", "borderline", "undetermined", "manual", "conditional", "clear"):
        assert basin("check", SAMPLE, "--fail-on", verdict).exit_code == 1
    assert basin("check", SAMPLE, "--fail-on", "unchecked").exit_code == 1
    far = ("--at", "106.65,29.03", "--category", "warehouse", "--action", "existing")
    for verdict in ("borderline", "undetermined", "prohibited"):
        assert basin("check", SAMPLE, *far, "--fail-on", verdict).exit_code == 0


@pytest.mark.parametrize("ending", ["csv", "geojson", "shp"])
@pytest.mark.parametrize(
    ("command", "others"),
    [
        (("check", SAMPLE), {"site_findings", "site_unchecked", "site_other_editions"}),
        (("assess", SAMPLE), {"section_items", "section_months", "section_left_out"}),
        (("trace", SAMPLE, "S-FH"), {"reaches", "trace_left_out"}),
        (("network", SAMPLE), {"network_issues"}),
    ],
    ids=["check", "assess", "trace", "network"],
)
def test_formats_of_one_table_write_the_others_beside_it(
    tmp_path: Path, command: tuple[object, ...], others: set[str], ending: str
):
    out = tmp_path / f"out.{ending}"
    done = basin(*command, "-o", out)
    assert done.exit_code == 0, done.output
    made = {p.stem: p for p in tmp_path.iterdir() if p.suffix in (".csv", f".{ending}")}
    assert {"out", *(f"out_{name}" for name in others)} <= set(made)
    told = done.stderr.replace("\n", "")
    for stem in ("out", *(f"out_{name}" for name in others)):
        assert str(made[stem]) in told
    whole = basin(*command, "-o", tmp_path / "whole.gpkg")
    assert whole.exit_code == 0
    first = {"check": "sites", "assess": "sections", "trace": "outfalls", "network": "reaches"}
    wanted = gpd.read_file(tmp_path / "whole.gpkg", layer=first[str(command[0])])
    rows = [len(gpd.read_file(made[s])) for s in made if s in ("out", "out_polygons")]
    assert sum(rows) == len(wanted)
    # again: nothing is touched without --overwrite, and all are replaced with it
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert basin(*command, "-o", out).exit_code == 2
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert basin(*command, "-o", out, "--overwrite").exit_code == 0
    assert {p.name for p in tmp_path.iterdir()} == set(before)


def test_assess_by_periods_trend_changes_calendar_and_lakes(tmp_path: Path):
    more = ["--period", "2025", "--by", "quarter", "--trend", "--against", "2024"]
    more += ["--calendar", "--lakes"]
    done = basin("assess", SAMPLE, *more, "--json", "-o", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    project = open_project(SAMPLE)
    data, where = project.layers["samples"], project.layers["sections"]
    each = assess_each(data, where, "quarter", period="2025")
    got = {(r["section_id"], r["period"]): r["water_class"] for r in told["section_periods"]}
    by_hand = each.sections.set_index(["section_id", "period"])["water_class"]
    assert got == by_hand.to_dict()
    assert {r["section_id"]: r["2025-07"] for r in told["section_calendar"]} == (
        project.assess("2025").calendar()["2025-07"].where(lambda c: c.notna(), None).to_dict()
    )
    changes = {r["section_id"]: (r["change"], r["direction"]) for r in told["section_changes"]}
    assert changes["S-FH"] == ("some", "worse")
    assert changes["S-SMK"] == ("none", "")
    (lake,) = told["lakes"]
    assert lake["points"] == "S-D09"
    trend = {(r["section_id"], r["item_id"]): r for r in told["section_trend"]}
    assert trend["S-FH", "tp"]["n"] == 4
    names = ("section_periods", "section_period_items", "section_trend", "section_changes",
             "river_changes", "section_calendar", "lakes")  # fmt: skip
    for name in names:
        assert len(pd.read_csv(tmp_path / f"out_{name}.csv")) == len(told[name])


def test_assess_tells_the_periods_in_words(tmp_path: Path):
    more = ["--by", "year", "--trend", "--against", "2024", "--lakes", "--lang"]
    done = basin("assess", SAMPLE, *more, "zh")
    assert done.exit_code == 0, done.output
    heads = ("逐期评价", "趋势（Spearman 秩相关）", "断面变化", "湖库", "有所变化", "变差")
    assert all(head in done.stdout for head in heads)
    assert "--by quarter" in done.stderr  # two years are too few for a trend
    done = basin("assess", SAMPLE, *more, "en", "-o", tmp_path / "a.xlsx")
    assert done.exit_code == 0, done.output
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert {"Period by period", "Changes of sections"} <= set(book.sheetnames)
    cells = [str(c) for row in book["Period by period"].iter_rows(values_only=True) for c in row]
    assert any("total phosphorus" in cell for cell in cells)
    assert not any(re.search("总磷|氨氮", cell) for cell in cells)


def test_one_file_in_the_way_stops_all_of_them(tmp_path: Path):
    (tmp_path / "out_section_items.csv").write_text("mine", encoding="utf-8")
    done = basin("assess", SAMPLE, "-o", tmp_path / "out.csv")
    assert done.exit_code == 2
    assert "out_section_items.csv" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["out_section_items.csv"]


@pytest.mark.parametrize(
    "command",
    [("validate", SAMPLE), ("network", SAMPLE), ("check", SAMPLE), ("assess", SAMPLE),
     ("trace", SAMPLE, "S-FH")],
    ids=lambda c: c[0],
)  # fmt: skip
def test_json_file_is_what_json_prints(tmp_path: Path, command: tuple[object, ...]):
    out = tmp_path / "out.json"
    done = basin(*command, "-o", out, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text(encoding="utf-8")) == json.loads(done.stdout)


def test_layers_as_a_workbook_and_the_same_bytes_twice(tmp_path: Path):
    for ending in ("gpkg", "xlsx"):
        one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
        done = basin("layers", SAMPLE, "-o", one, "--json")
        assert done.exit_code == 0, done.output
        file, *beside = json.loads(done.stdout)["files"]
        assert file["path"] == str(one)
        assert [Path(b["path"]).name for b in beside] == (["one.qgs"] if ending == "gpkg" else [])
        assert file["tables"]["sites"] == 19
        time.sleep(1.1)
        assert basin("layers", SAMPLE, "-o", two).exit_code == 0
        assert one.read_bytes() == two.read_bytes()
    sheets = openpyxl.load_workbook(tmp_path / "one.xlsx").sheetnames
    assert {"sites", "sections", "outfalls", "problems"} <= set(sheets)


def test_map_json_counts_what_is_drawn(tmp_path: Path):
    done = basin("map", SAMPLE, "-o", tmp_path / "m.html", "--json")
    assert done.exit_code == 0, done.output
    (file,) = json.loads(done.stdout)["files"]
    assert file["tables"]["sites"] == 19
    assert file["tables"]["sections"] == 15


def test_map_and_layers_without_a_layer_that_cannot_be_read(tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    (copy / "zones.gpkg").write_bytes(b"not a database")
    done = basin("map", copy, "-o", tmp_path / "m.html")
    assert done.exit_code == 0, done.output
    assert "zones" in done.stderr
    assert "zones.gpkg" in (tmp_path / "m.html").read_text(encoding="utf-8")
    done = basin("layers", copy, "-o", tmp_path / "l.gpkg")
    assert done.exit_code == 0, done.output
    assert "zones" in done.stderr
    problems = gpd.read_file(tmp_path / "l.gpkg", layer="problems")
    assert (problems["kind"] == "unreadable").sum() == 1
    # what the lost layer would have told is not taken for clear
    sites = gpd.read_file(tmp_path / "l.gpkg", layer="sites").set_index("site_id")
    assert "clear" not in set(sites["verdict"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--help",), ("用法：", "选项", "命令", "流域与管控分区")),
        (("check", "--help"), ("能不能建在这里", "配合 --at", "显示本帮助")),
        (("check", "nowhere"), ("错误 ProjectError：没有工程", "怎么改：给出", "nowhere")),
        (("check", "--date", "2020-99-01"), ("错误：", "不是日期")),
        (("check", "--fail-on", "x"), ("错误：", "只能是", "prohibited")),
        (("check", "--frobnicate"), ("没有选项 --frobnicate",)),
        (("trace",), ("缺少参数 SECTION",)),
        (("fly",), ("没有命令 fly",)),
    ],
)
def test_the_frame_speaks_chinese_where_the_system_does(
    arguments: tuple[str, ...], words: tuple[str, ...]
):
    environment = {"BASIN_LANG": None, "LC_ALL": None, "LC_MESSAGES": None, "LANG": "zh_CN.UTF-8"}
    done = CliRunner().invoke(main, arguments, env=environment)
    for word in words:
        assert word in done.output
    english = CliRunner().invoke(main, arguments, env={**environment, "LANG": "en_US.UTF-8"})
    assert english.exit_code == done.exit_code
    assert not any(
        "\u4e00" <= c <= "\u9fff" for c in english.output.replace("环办〔2011〕22号", "")
    )


def test_every_text_of_the_help_has_its_chinese():
    for name in ("", *main.commands):
        done = CliRunner().invoke(main, [*name.split(), "--help"], env={"BASIN_LANG": "zh"})
        for line in done.output.splitlines()[1:]:
            words = re.findall(r"(?<![-\w])[a-z]{3,}(?: [a-z]{2,}){3,}", line)
            assert not words, line
            assert not re.search(r"\[(default|required)", line), line


AT = ("check", SAMPLE, "--at", "106.65,29.03")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trace", SAMPLE, "S-XX"), "没有断面“S-XX”"),
        (("trace", SAMPLE, "S-FH", "--item", "gold"), "指标不在 GB 3838-2002 表 1 中（编号 gold）"),
        (("assess", SAMPLE, "--period", "2025-13"), "“2025-13”不是时段"),
        (("assess", SAMPLE, "--period", "2025-12/2025-01"), "起止颠倒"),
        (("spill", SAMPLE), "--at、--outfall、--bridge、--intake 给且只给一个"),
        (("spill", SAMPLE, "--at", "x"), "--at 的值 x 应为逗号分开的几个数"),
        (("report", "spill", SAMPLE), "--at、--outfall、--bridge 给且只给一个"),
        (("report", "trace", SAMPLE, "S-FH", "--template", "no.docx"), "没有文件 no.docx"),
        (("check", SAMPLE, "--overrides", "no.csv"), "没有改判表“no.csv”"),
        (("check", SAMPLE, "--stream"), "--stream 须给 SITES"),
        (("check", SAMPLE, "--scheduler", "tcp://a:1"), "--scheduler 要与 --stream 一起用"),
        (("check", SAMPLE, "--tributaries", "all,綦江"), "支流范围：all不能当作河名"),
        (("check", SAMPLE, "--tributaries", "綦江、蒲何"), "是否指蒲河？图层中的河有：三岔河"),
        (("check", SAMPLE, "--tributaries", "，"), "空的列表不能当作河名"),
        (("allowed", SAMPLE, "--category", "chemical", "--tributaries", "蒲何"), "是否指蒲河？"),
        (("check", SAMPLE, "--chunk", "0"), "--chunk 的值 0 超出范围"),
        (("check", SAMPLE, "--chunk", "x"), "--chunk 的值 x 不是数字"),
        (("network", SAMPLE, "--tolerance", "3"), "--tolerance 只用于河线文件"),
        (
            (*AT, "--category", "化功"),
            "--category 的值 化功 不是项目类别，是否指 fertiliser 化肥、chemical 化工项目、",
        ),
        (
            (*AT, "--category", "xyz"),
            "--category 的值 xyz 不是项目类别；全部类别见 basin rules --categories",
        ),
    ],
)
def test_a_wrong_call_is_told_in_chinese(arguments: tuple[object, ...], message: str):
    done = CliRunner().invoke(main, [str(a) for a in arguments], env={"BASIN_LANG": "zh"})
    assert done.exit_code == 2, done.exception
    assert message in done.stderr.replace("'", "")


def test_what_was_decided_about_the_place_asked_is_told(tmp_path: Path):
    done = basin(*AT, "--lang", "en", "--category", "2611")
    assert "[warning] sites: column category" in done.stderr  # `basin validate` has no word of it
    assert done.stderr.rstrip().splitlines()[-1].startswith("2 things to verify")
    asked = tmp_path / "mine.csv"
    asked.write_text("site_id,category,action,lon,lat\nA,2611,new,106.65,29.03\n")
    done = basin("check", SAMPLE, asked, "--lang", "en")
    assert "[warning] mine.csv: column category" in done.stderr


@pytest.mark.parametrize(
    ("lang", "word", "head"), [("zh", "规则编号", "达标"), ("en", "rule id", "compliant")]
)
def test_the_language_of_results_is_that_of_the_frame_unless_stated(
    tmp_path: Path, lang: str, word: str, head: str
):
    environment = {"BASIN_LANG": lang}
    done = CliRunner().invoke(main, ["rules"], env=environment)
    assert word in done.output
    for name in ("rivers.gpkg", "sections.csv", "samples.csv"):
        shutil.copy(SAMPLE / name, tmp_path)
    ask = ["assess", str(tmp_path)]
    assert head in CliRunner().invoke(main, ask, env=environment).stdout
    other = {"zh": "en", "en": "zh"}[lang]
    toml = f'[basin]\nlang = "{other}"\n[layers]\n'
    toml += "\n".join(f'{p.stem} = "{p.name}"' for p in tmp_path.iterdir())
    (tmp_path / "basin.toml").write_text(toml, encoding="utf-8")
    assert head not in CliRunner().invoke(main, ask, env=environment).stdout
    assert head in CliRunner().invoke(main, [*ask, "--lang", lang], env=environment).stdout


def test_the_categories_are_listed_where_a_wrong_one_sends(tmp_path: Path):
    listed = json.loads(basin("rules", "--categories", "--json", "--lang", "zh").stdout)
    words = {row["category"]: row for row in listed["categories"]}
    assert words["electroplating"]["word"] == "电镀"
    assert "表面处理" in words["electroplating"]["also"]
    assert len(words) > 50
    assert "electroplating works" in basin("rules", "--categories", "--lang", "en").stdout


def test_rules_are_listed_in_words_not_in_codes():
    done = CliRunner().invoke(main, ["rules"], env={"BASIN_LANG": "zh"})
    assert "规则编号" in done.output
    assert "已核原文" in done.output
    assert "policy_document" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "nowhere"), "there is no project at 'nowhere'"),
        (("trace", SAMPLE, "S-XX"), "S-XX"),
        (("assess", SAMPLE, "--period", "soon"), "soon"),
        (("check", SAMPLE, "--at", "somewhere", "--category", "chemical"), "is not LON,LAT"),
        (("check", SAMPLE, "--at", "29.03,106.65", "--category", "chemical"), "swapped"),
        (("check", SAMPLE, "--at", "106.65,29.03"), "--at needs --category"),
        (("check", SAMPLE, "--from-crs", "gcj02"), "goes with SITES or --at"),
        (("check", SAMPLE, "absent.xlsx"), "absent.xlsx"),
        (("check", SAMPLE, "--date", "yesterday"), "is not a date"),
        (("rules", "nowhere"), "nowhere"),
        (("rules", "--date", "2020-99-01"), "is not a date"),
        (("rules", SAMPLE), "sample_layers"),
        (("validate", SAMPLE / "README.md"), "README.md"),
        (("validate", SAMPLE / "dem.tif"), "dem.tif"),
        (("check", SAMPLE, "--at", "nan,nan", "--category", "chemical"), "is not LON,LAT"),
        (("check", SAMPLE, "--at", "106,inf", "--category", "chemical"), "is not LON,LAT"),
        (
            ("check", SAMPLE, "--at", "106.65,29.03", "--category", "x", "--accuracy", "nan"),
            "0 or more metres",
        ),
        ((*AT, "--category", "chemical", "--accuracy", "-500"), "0 or more metres"),
        ((*AT, "--category", "chemical", "--accuracy", "inf"), "0 or more metres"),
        ((*AT, "--category", "chemical", "--accuracy", "1e308"), "at most 100000"),
        ((*AT, "--category", "<script>"), "'<script>' is no category; basin rules --categories"),
        ((*AT, "--category", ""), "'' is no category; basin rules --categories lists them all"),
        ((*AT, "--category", "chemcal"), "'chemcal' is no category: did you mean chemical, "),
        ((*AT, "--category", "chemical", "--action", "zzz"), "'zzz' is not one of new, expand"),
        (
            ("check", SAMPLE, "--tributaries", "松坎河,蒲何"),
            "no river named '蒲何'. Did you mean 蒲河?",
        ),
        (("check", SAMPLE, "--tributaries", "frist_order"), "'frist_order' is not known"),
        (("check", SAMPLE, "--category", "chemical"), "go with --at"),
        (("check", SAMPLE, "--accuracy", "-500"), "go with --at"),
        (("check", SAMPLE, "sites.xlsx", "--at", "106.65,29.03"), "not both"),
        (("check", SAMPLE, "--at", ""), "is not LON,LAT"),
        (("check", SAMPLE, "a" * 5000), "aaaa"),
        (("check", "a" * 5000), "aaaa"),
        (("rules", "a" * 5000 + ".toml"), "cannot be read"),
        (("rules", "a\0.toml"), "not valid TOML"),
        (("trace", SAMPLE, "S\udcff"), "no section"),
        (("trace", SAMPLE, "S-FH", "--item", ""), "the item is empty"),
        (("layers", SAMPLE, "-o", f"{'a' * 300}.gpkg"), "File name too long"),
        (("check", SAMPLE, "--accuracy", "wide"), "not a valid float"),
        (("check", SAMPLE, SAMPLE), "sample_layers"),
        (("check", SAMPLE, "basin.toml"), "basin.toml"),
        (("check", SAMPLE, "-o", "x.pdf"), "x.pdf"),
        (("check", SAMPLE, "-o", SAMPLE), "is a directory"),
        (("assess", SAMPLE, "--period", "2025-13"), "2025-13"),
        (("assess", SAMPLE, "--period", "2025Q9"), "2025Q9"),
        (("assess", SAMPLE, "--period", "2025-12/2025-01"), "2025-12/2025-01"),
        (("assess", SAMPLE, "--period", "99999"), "99999"),
        (("assess", SAMPLE, "--fail-on", "x"), "'failing'"),
        (("trace", SAMPLE, "S-FH", "--item", "gold"), "gold"),
        (("trace", SAMPLE, "S-FH", "--period", "1999"), "1999"),
        (("trace", SAMPLE, ""), "no section"),
        (("map", SAMPLE, "-o", "x.pdf"), "must end in .html"),
        (("map", SAMPLE, "-o", SAMPLE), "is a directory"),
        (("layers", SAMPLE, "-o", "x.doc"), "x.doc"),
        (("layers", SAMPLE, "-o", SAMPLE / "README.md" / "x.gpkg"), "x.gpkg"),
        (("demo", "-o", SAMPLE / "README.md"), "README.md"),
        (("demo", "-o", SAMPLE / "README.md" / "x"), "x"),
        (("demo", "nowhere"), "nowhere"),
        (("fly",), "No such command"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(arguments: tuple[object, ...], message: str):
    done = basin(*arguments)
    assert done.exit_code == 2, done.exception
    assert message in done.stderr
    assert "internal error" not in done.stderr


def test_a_loop_of_links_is_no_project_and_no_file(tmp_path: Path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    for arguments in (
        ("validate", tmp_path / "loop"),
        ("check", SAMPLE, tmp_path / "loop"),
        ("rules", tmp_path / "loop.toml"),
    ):
        done = basin(*arguments)
        assert done.exit_code == 2
        assert "loop" in done.stderr
        assert "internal error" not in done.stderr


def test_the_words_of_an_action_and_a_category_may_be_chinese():
    done = basin(*AT, "--category", "化工", "--action", "扩建", "--json")
    assert done.exit_code == 0, done.output
    (site,) = json.loads(done.stdout)["sites"]
    assert (site["category"], site["action"]) == ("chemical", "expand")


def test_the_module_runs_and_fails_without_a_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "basin.cli", "rules", "--date", "2020-99-01"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is not a date" in done.stderr
    assert "Traceback" not in done.stderr


def fingerprints(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ("network", ".", "-o", "rivers.gpkg"),
        ("network", ".", "-o", "link.gpkg"),
        ("network", ".", "-o", "../copy/rivers.gpkg"),
        ("network", ".", "-o", "outfalls.shp"),
        ("network", ".", "-o", "outfalls.csv.dbf"),
        ("network", ".", "-o", "own.csv"),
        ("check", ".", "sites.xlsx", "-o", "sites.xlsx"),
        ("check", ".", "mine/sites.csv", "-o", "mine/sites.csv"),
        ("check", ".", "-o", "sites.geojson"),
        ("assess", ".", "-o", "samples.csv"),
        ("trace", ".", "S-FH", "-o", "sections.csv"),
        ("validate", ".", "-o", "sections.csv"),
        ("layers", ".", "-o", "rivers.gpkg"),
        ("demo", ".", "-o", "."),
    ],
    ids=" ".join,
)
def test_no_output_takes_the_place_of_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    (copy / "link.gpkg").symlink_to("rivers.gpkg")
    (copy / "mine").mkdir()
    (copy / "mine" / "sites.csv").write_text(
        "site_id,lon,lat,category,action\na,106.65,29.03,化工,新建\n", encoding="utf-8"
    )
    toml = (copy / "basin.toml").read_text(encoding="utf-8")
    # network -o own.csv writes own_network_issues.csv beside it
    toml = toml.replace('"sections.csv"', '["sections.csv", "own_network_issues.csv"]')
    shutil.copy(copy / "sections.csv", copy / "own_network_issues.csv")
    (copy / "basin.toml").write_text(toml, encoding="utf-8")
    before = fingerprints(copy)
    monkeypatch.chdir(copy)
    more = () if arguments[0] == "demo" else ("--overwrite",)
    done = basin(*arguments, *more)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    assert fingerprints(copy) == before
    if "dbf" not in arguments[-1]:  # no format ends so
        assert "input" in done.stderr


def test_no_output_takes_the_place_of_a_project_file_a_rule_pack_or_a_dem(tmp_path: Path):
    from basin.errors import ProjectError
    from basin.project import open as open_project

    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    pack = copy / "own.toml"
    pack.write_text("schema = 1\n", encoding="utf-8")
    toml = (copy / "basin.toml").read_text(encoding="utf-8")
    toml = toml.replace('["china-yangtze", "chongqing"]', '["own.toml"]')
    (copy / "basin.toml").write_text(toml, encoding="utf-8")
    project = open_project(copy)
    for name in ("basin.toml", "own.toml", "dem.tif", "outfalls.dbf", "outfalls.shx"):
        with pytest.raises(ProjectError, match="is an input"):
            project.refuse_inputs([copy / "mine" / ".." / name])
    project.refuse_inputs([copy / "new.gpkg"])


def test_the_demo_does_what_can_be_done_and_says_what_not(tmp_path: Path):
    for name in ("rivers.gpkg", "shorelines.gpkg", "outfalls.shp", "outfalls.dbf", "outfalls.shx"):
        shutil.copy(SAMPLE / name, tmp_path / name)
    done = basin("demo", tmp_path, "-o", tmp_path / "out", "--lang", "zh")
    assert done.exit_code == 0, done.output
    made = {p.name for p in (tmp_path / "out").iterdir()}
    assert made == {"basin.html", "layers.gpkg", "layers.qgs", "manifest.json"}
    told = done.stderr
    assert "断面评价：没有可用的图层 samples, sections" in told
    assert "选址核查：没有可用的图层 sites" in told
    assert "选址" not in done.stdout
    assert "河网" in done.stdout


HOSTILE = "\x1b]0;pwn\x07\x1b[31m\u202eabc\x9b"


def test_ids_steer_no_terminal(tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    for name in ("sections.csv", "samples.csv"):
        text = (copy / name).read_text(encoding="utf-8-sig").replace("S-FH", f"S-FH{HOSTILE}")
        (copy / name).write_text(text, encoding="utf-8-sig")
    rivers = gpd.read_file(copy / "rivers.gpkg")
    (copy / "rivers.gpkg").unlink()
    first = rivers.columns[0]
    rivers[first] = rivers[first].astype(str) + HOSTILE
    rivers.to_file(copy / "rivers.gpkg", layer="rivers")
    sites = copy / "mine.csv"
    sites.write_text(
        f"site_id,lon,lat,category,action\na{HOSTILE},106.65,29.03,化工,新建\n", encoding="utf-8"
    )
    for arguments in (
        ("validate", copy),
        ("validate", copy, "--json"),
        ("network", copy),
        ("assess", copy),
        ("check", copy, "mine.csv"),
        ("check", copy, "mine.csv", "--json"),
        ("trace", copy, f"S-NO{HOSTILE}"),
    ):
        done = basin(*arguments)
        assert "abc" in done.output, arguments
        for steering in "\x1b\x07\u202e\x9b":
            assert steering not in done.output, (arguments, steering)
        if "--json" in arguments:
            assert "\u202eabc" in json.dumps(json.loads(done.stdout), ensure_ascii=False)
