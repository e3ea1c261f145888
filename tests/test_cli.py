"""The command line on the sample: every command, its exit code, and what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
from click.testing import CliRunner, Result
from conftest import SAMPLE

from basin.cli import main
from basin.crs import to_web_map


def basin(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_help_lists_the_commands():
    done = basin("--help")
    assert done.exit_code == 0
    for command in [
        "demo",
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
    for word in ("S-FH", "S-WT", "总磷", "氨氮", "禁止"):
        assert word in done.stdout


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
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(arguments: tuple[object, ...], message: str):
    done = subprocess.run(
        [sys.executable, "-m", "basin.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
