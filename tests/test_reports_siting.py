"""Zones, control units and what would pass in the siting report: the same in each format."""

from __future__ import annotations

from typing import Any

import docx
import openpyxl
import pytest

from basin import reports
from basin.siting import check_sites, line_sensitivity, ways_to_pass, zones_around
from siting_world import DATE, covered, out, shore, sites_at, zone
from test_reports import Page
from test_reports_word import tables_of
from test_siting_ways import CHEM, UNIT


@pytest.fixture(scope="module")
def told() -> Any:
    """Three sites 500, 999 and 5,000 m off the shore, in a unit with a list of one dimension."""
    layers = {
        "shorelines": shore(),
        "zones": zone({}, UNIT).assign(空间布局约束="岸线1公里内禁止化工"),
    }
    more = {"coverage": covered(without=("scenic",)), "date": DATE, "rules": CHEM}
    places = sites_at([out(500), out(999), out(5000)])
    result = check_sites(places, **layers, **more)
    also = (
        zones_around(places, **layers, **more),
        ways_to_pass(result, **layers, **more, search_m=1_500.0, most=1),
        line_sensitivity(places, **layers, **more),
    )
    return result, also


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_three_formats_say_the_same(told, lang, tmp_path):
    result, also = told
    for ending in reports.ENDINGS:
        reports.write_report(result, tmp_path / f"r{ending}", also=also, lang=lang)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert tables_of(docx.Document(str(tmp_path / "r.docx"))) == page.tables
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    document = reports.document(result, also=also, lang=lang)
    assert len({table.title for table in document.sheets}) == len(document.sheets)
    zones = book["分区" if lang == "zh" else "Zones"]
    assert zones.max_row - 1 == len(also[0].zones)
    metres = {f"{row.distance_m:,.1f}" for row in also[0].zones.dropna().itertuples()}
    shown = {cell for table in page.tables for row in table for cell in row}
    assert metres & shown == metres


def test_a_site_is_told_its_zones_its_unit_and_what_would_pass(told):
    result, also = told
    document = reports.document(result, also=also)
    by_title = {t.title: t for s in document.sections for t in s.tables}
    setback = by_title["退距和地块内可建余地"]
    assert [row[0] for row in setback.rows] == ["S0", "S1"]
    assert setback.rows[0][2] == pytest.approx(501.414, abs=0.01)
    assert setback.rows[0][3] == "东 90°"
    elsewhere = by_title["最近可选址处"]
    whys = [row[-1] for row in elsewhere.rows]
    assert whys[0] == ""
    assert "未查" in whys[1]  # one site only was searched
    unit = by_title["管控单元清单"]
    said = {row[1]: row[3] for row in unit.rows}
    assert said == {"spatial_layout": "computed", "discharge": "person", "risk": "person",
                    "efficiency": "person"}  # fmt: skip
    (first,) = [s for s in document.sections if s.heading.startswith("S0")]
    zones = next(t for t in first.tables if t.title == "分区")
    kinds = {row[0]: row[1] for row in zones.rows}
    assert kinds["生态保护红线·核心"] == "outside"
    assert kinds["生态环境管控单元·重点管控单元"] == "inside"
    assert kinds["风景名胜区"] == "unknown"


def test_a_missing_layer_is_named_where_no_place_is_found():
    layers = {"shorelines": shore(), "zones": zone()}
    more = {"coverage": covered(without=("shorelines",)), "date": DATE, "rules": CHEM}
    result = check_sites(sites_at([out(500)]), **layers, **more)
    ways = ways_to_pass(result, **layers, **more, search_m=900.0)
    document = reports.document(result, also=(ways,))
    texts = [str(c) for s in document.sections for t in s.tables for r in t.rows for c in r]
    assert any("未核查" in text and "岸线" in text for text in texts)
    assert ways.sites["place_m"].isna().all()


def test_a_heading_alone_turns_with_the_wide_table_below_it(told, tmp_path):
    result, also = told
    path = reports.write_report(result, tmp_path / "r.docx", also=also)
    book = docx.Document(str(path))
    body = [e for e in book.element.body.iterchildren() if e.tag.endswith("}p")]
    texts = ["".join(t.text or "" for t in e.iter(docx.oxml.ns.qn("w:t"))) for e in body]
    at = texts.index("敏感性", texts.index("结论") + 1)
    breaks = [k for k, e in enumerate(body) if e.findall(".//" + docx.oxml.ns.qn("w:sectPr"))]
    below = next(k for k in range(at + 1, len(texts)) if texts[k] == "结论系于哪条岸线")
    assert not [k for k in breaks if at <= k < below]
