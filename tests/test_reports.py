"""Reports: the same numbers in each format, nothing from data runs, files are whole."""

from __future__ import annotations

import datetime as dt
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

import results_by_hand as by_hand
from basin import reports
from basin.errors import BasinError
from basin.reports import Column, Table
from basin.reports._document import clean, shown, tabulate
from basin.standards.labels import codes, colour, label

RESULTS = {
    "siting": by_hand.make_siting,
    "trace": by_hand.make_trace,
    "assessment": by_hand.make_assessment,
}

EVIL = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "{{7*7}}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "{{ self.__init__.__globals__ }}",
    "a{#b",
    "${7*7}`",
    '" onmouseover="alert(1)',
    "'><svg onload=alert(1)>",
    "</style><style>body{display:none}</style>",
    "javascript:alert(1)",
    "&lt;b&gt;",
]

FORMULAS = [
    '=HYPERLINK("http://example.org","x")',
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "=cmd|'/c calc'!A0",
    "#N/A",
    "{=1+1}",
]


class Page(HTMLParser):
    """Collects tables (rows of cell texts), tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append("".join(self._cell))
            self._cell = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._cell is not None:
            self._cell.append(data)


def page_of(result: Any, folder: Path, **options: Any) -> Page:
    path = reports.write_report(result, folder / "r.html", overwrite=True, **options)
    return Page(path.read_text(encoding="utf-8"))


def book_of(result: Any, folder: Path, **options: Any) -> Any:
    path = reports.write_report(result, folder / "r.xlsx", overwrite=True, **options)
    return openpyxl.load_workbook(path)


def rows_of(sheet: Any) -> list[dict[str, Any]]:
    rows = list(sheet.values)
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


# the same numbers


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", RESULTS)
def test_page_and_workbook_hold_the_same_numbers(kind: str, lang: str, tmp_path: Path) -> None:
    result = RESULTS[kind]()
    page, book = page_of(result, tmp_path, lang=lang), book_of(result, tmp_path, lang=lang)
    by_head = {}
    for sheet in book.worksheets[:-1]:
        for row in rows_of(sheet):
            for head, value in row.items():
                by_head.setdefault(head, set()).update(_as_printed(value))
    compared = 0
    for table in page.tables:
        for row in table[1:]:
            for head, text in zip(table[0], row, strict=True):
                if head in by_head and text != "–":
                    assert text in by_head[head], (head, text)
                    compared += 1
    assert compared > 60


def _as_printed(value: Any) -> set[str]:
    """All ways in which a page may print what a workbook holds."""
    if isinstance(value, dt.datetime):
        return {value.date().isoformat()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        wide = {f"{value:,.{n}f}" for n in (0, 1, 2, 3, 4, 6)} | {f"{value:.1%}"}
        return wide | {f"{float(f'{value:.{n}g}'):g}" for n in (3, 4)}
    return {str(value)}


def test_siting_workbook_has_every_finding_in_full_precision(tmp_path: Path) -> None:
    result = by_hand.make_siting()
    book = book_of(result, tmp_path)
    assert book.sheetnames == ["结论", "逐条核查", "未核查", "岸线版本", "岸线清单", "坐标", "说明"]
    rows = rows_of(book["逐条核查"])
    assert len(rows) == len(result.findings)
    for row, (_, finding) in zip(rows, result.findings.iterrows(), strict=True):
        assert row["距离 (m)"] == finding["distance_m"]
        assert row["限值 (m)"] == (None if np.isnan(finding["limit_m"]) else finding["limit_m"])
        assert row["结论"] == label("verdict", finding["verdict"])
        assert row["依据"] == finding["basis"]
    corners = rows_of(book["坐标"])
    assert corners[0] == {
        "项目编号": "X-01",
        "点号": 1,
        "经度 (°E)": pytest.approx(result.sites.geometry["X-01"].x, rel=1e-15),
        "纬度 (°N)": pytest.approx(result.sites.geometry["X-01"].y, rel=1e-15),
    }


def test_trace_workbook_reads_back_as_the_trace(tmp_path: Path) -> None:
    trace = by_hand.make_trace()
    book = book_of(trace, tmp_path)
    table = pd.DataFrame(rows_of(book["排污口排序"])).set_index("排污口编号")
    assert list(table.index) == list(trace.outfalls.index)
    np.testing.assert_allclose(  # a workbook holds 16 digits
        table["到达负荷 (kg/d)"].astype(float), trace.outfalls["arriving_kg_d"], rtol=1e-15
    )
    balance = {row["量"]: row["数值"] for row in rows_of(book["负荷平衡"])}
    assert balance["未解释余量 (kg/d)"] == pytest.approx(trace.balance["remainder_kg_d"], rel=1e-15)
    left = rows_of(book["未列入排序"])
    assert [row["排污口编号"] for row in left] == ["P-050", "P-011#2"]


def test_assessment_workbook_has_all_items_and_the_page_the_failing_ones(tmp_path: Path) -> None:
    assessment = by_hand.make_assessment()
    book, page = book_of(assessment, tmp_path), page_of(assessment, tmp_path)
    assert len(rows_of(book["指标评价"])) == len(assessment.items)
    failing = next(t for t in page.tables if "目标限值" in t[0])
    assert len(failing) - 1 == (~assessment.items["compliant"]).sum()


# content


def test_conclusion_counts_by_verdict_with_ids(tmp_path: Path) -> None:
    said = "".join(page_of(by_hand.make_siting(), tmp_path).text)
    assert "禁止 3 个（X-01、X-07、X-13）；贴线待核 3 个（X-02、X-08、X-14）；待定 3 个" in said
    assert "未核查条目 3 项，涉及 3 个项目。" in said


@pytest.mark.parametrize("kind", RESULTS)
def test_caveat_date_and_narrative_stand_on_the_page(kind: str, tmp_path: Path) -> None:
    result = RESULTS[kind]()
    said = "".join(page_of(result, tmp_path).text)
    assert said.count("辅助研判，不代替审批") >= 2
    assert result.story in said
    notes = [v for row in book_of(result, tmp_path)["说明"].values for v in row]
    assert any("辅助研判" in str(v) for v in notes)


def test_siting_sections_are_in_the_order_of_a_good_report() -> None:
    laid_out = reports.document(by_hand.make_siting(2))
    assert [s.heading for s in laid_out.sections] == [
        "结论",
        "逐个项目",
        "X-01 示例化工项目1",
        "X-02 示例化工项目2",
        "岸线版本",
        "未核查",
        "规则依据",
    ]


def test_trace_names_the_leads_and_is_no_proof() -> None:
    laid_out = reports.document(by_hand.make_trace())
    assert laid_out.conclusion.startswith("到达负荷最大：P-011 示例磷化工1号排口 (9 kg/d)")
    assert "不是责任认定" in laid_out.caveat
    assert "liability" in reports.document(by_hand.make_trace(), lang="en").caveat


def test_english_page_has_no_chinese_words_of_ours(tmp_path: Path) -> None:
    page = page_of(by_hand.make_siting(1), tmp_path, lang="en")
    heads = {head for table in page.tables for head in table[0]}
    assert not [head for head in heads if re.search("[一-鿿]", head)]


def test_empty_tables_say_so(tmp_path: Path) -> None:
    full = by_hand.make_siting()
    bare = by_hand.make_siting(unchecked=full.unchecked.iloc[:0], other_editions=None)
    said = "".join(page_of(bare, tmp_path).text)
    assert "没有其他版本的岸线。" in said
    assert said.count("没有未核查条目。") == 2
    assert book_of(bare, tmp_path)["未核查"]["A2"].value == "没有未核查条目。"


def test_no_sites_at_all(tmp_path: Path) -> None:
    full = by_hand.make_siting()
    none = by_hand.make_siting(
        sites=full.sites.iloc[:0],
        findings=full.findings.iloc[:0],
        unchecked=full.unchecked.iloc[:0],
    )
    assert "没有可核查的项目。" in "".join(page_of(none, tmp_path).text)


def test_trace_without_outfalls(tmp_path: Path) -> None:
    full = by_hand.make_trace()
    none = by_hand.make_trace(outfalls=full.outfalls.iloc[:0], upstream_sections=None)
    said = "".join(page_of(none, tmp_path).text)
    assert "断面上游没有排污口。" in said
    assert "没有排污口有该指标的负荷数据。" in said


# nothing runs


def evil_results() -> dict[str, Any]:
    """Results with hostile strings in every column of text, ids and index included."""
    bad = EVIL + FORMULAS
    text = " ".join(bad)

    def poison(table: Any) -> Any:
        kept = {"geometry", "verdict", "water_class", "month", "kind", "compliant"}
        table = table.copy()
        for column in table.columns:
            if column not in kept and not pd.api.types.is_numeric_dtype(table[column]):
                table[column] = [bad[k % len(bad)] for k in range(len(table))]
        return table

    siting, trace = by_hand.make_siting(15), by_hand.make_trace()
    sites = poison(siting.sites).rename(index=lambda i: text + str(i))
    assessment = by_hand.make_assessment()
    return {
        "siting": by_hand.Siting(
            story=text, sites=sites, findings=poison(siting.findings),
            unchecked=poison(siting.unchecked), lines=poison(siting.lines),
            other_editions=poison(siting.other_editions),
            packs=tuple(bad),
        ),
        "trace": by_hand.Trace(
            story=text, section_id=text, item_id=text, period=text,
            outfalls=poison(trace.outfalls).rename(index=lambda i: text + str(i)),
            left_out=poison(trace.left_out), upstream_sections=poison(trace.upstream_sections),
            balance=trace.balance, reaches=poison(trace.reaches), fact=pd.Series({"name": text}),
            balances=trace.balances.rename(index=lambda i: text + i),
            intervals=poison(trace.intervals), inputs=poison(trace.inputs),
        ),
        "assessment": by_hand.Sections(
            story=text, sections=poison(assessment.sections).rename(index=lambda i: text + str(i)),
            items=poison(assessment.items), months=assessment.months, failing=[text],
        ),
    }  # fmt: skip


ALLOWED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "dl",
    "dt",
    "dd",
    "nav",
    "a",
    "main",
    "section",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "span",
    "figure",
    "img",
    "figcaption",
    "footer",
}


@pytest.mark.parametrize("kind", RESULTS)
def test_no_string_of_the_data_becomes_markup_or_template(kind: str, tmp_path: Path) -> None:
    result = evil_results()[kind]
    path = reports.write_report(result, tmp_path / "r.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= ALLOWED_TAGS
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")]
    for tag, attrs in page.tags:
        if tag == "a":
            assert re.fullmatch(r"#part-\d+", attrs["href"] or "")
        if "style" in attrs:
            colours = r"background:#[0-9a-f]{6};color:#[0-9a-f]{6}"
            assert re.fullmatch(colours, attrs["style"] or "")
    assert not re.search(r"https?://(?!example)", html.unescape(text))
    said = "".join(page.text)
    for evil in EVIL:
        assert evil in said  # shown as it is: not run, not swallowed
    assert len([t for t in page.tags if t[0] == "style"]) == 1


def test_page_loads_nothing_and_forbids_scripts(tmp_path: Path) -> None:
    path = reports.write_report(by_hand.make_siting(), tmp_path / "r.html")
    text = path.read_text(encoding="utf-8")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html.unescape(text)
    assert not re.search(r"<script|<link|@import|url\(|https?://", text)


@pytest.mark.parametrize("kind", RESULTS)
def test_no_cell_of_a_workbook_is_a_formula(kind: str, tmp_path: Path) -> None:
    book = book_of(evil_results()[kind], tmp_path)
    texts = []
    for sheet in book.worksheets:
        for cell in (c for row in sheet.iter_rows() for c in row if c.value is not None):
            assert cell.data_type in {"s", "n", "d"}, (sheet.title, cell.coordinate, cell.value)
            if isinstance(cell.value, str):
                texts.append(cell.value)
                if cell.value.startswith(("=", "+", "-", "@")):
                    assert cell.quotePrefix  # still text after somebody edits it
    for formula in FORMULAS:
        assert any(formula.strip() in text for text in texts)


def test_control_characters_are_dropped(tmp_path: Path) -> None:
    siting = by_hand.make_siting(1)
    siting.sites.loc["X-01", "name"] = "甲\x00乙\x0b丙\x1b\u202e丁"
    assert rows_of(book_of(siting, tmp_path)["结论"])[0]["名称"] == "甲乙丙丁"
    assert "甲乙丙丁" in "".join(page_of(siting, tmp_path).text)


def test_long_text_is_cut_to_what_a_cell_holds(tmp_path: Path) -> None:
    siting = by_hand.make_siting(1)
    siting.sites.loc["X-01", "name"] = "长" * 40_000
    assert len(rows_of(book_of(siting, tmp_path)["结论"])[0]["名称"]) == 32_767


# form of the workbook


def test_workbook_is_frozen_filtered_formatted_and_coloured(tmp_path: Path) -> None:
    siting = by_hand.make_siting()
    sheet = book_of(siting, tmp_path)["逐条核查"]
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == f"A1:{sheet.dimensions.split(':')[1]}"
    head = [c.value for c in sheet[1]]
    row = sheet[2]
    assert row[head.index("距离 (m)")].number_format == "#,##0.0"
    verdict = row[head.index("结论")]
    assert verdict.fill.fgColor.rgb[-6:] == colour("verdict", "prohibited")[1:].upper()
    assert verdict.font.color.rgb[-6:] == "FFFFFF"
    assert sheet.page_setup.orientation == "landscape"
    assert "不代替审批" in sheet.oddFooter.left.text
    assert sheet.column_dimensions["A"].width >= 7


def test_dates_and_shares_are_numbers_with_a_format(tmp_path: Path) -> None:
    sheet = book_of(by_hand.make_siting(), tmp_path)["岸线版本"]
    head = [c.value for c in sheet[1]]
    cell = sheet[2][head.index("生效日期")]
    assert (cell.value, cell.number_format) == (dt.datetime(2023, 5, 1), "yyyy-mm-dd")
    sheet = book_of(by_hand.make_trace(), tmp_path)["排污口排序"]
    head = [c.value for c in sheet[1]]
    cell = sheet[2][head.index("占断面通量")]
    assert (cell.value, cell.number_format) == (9.0 / 40, "0.0%")


@pytest.mark.parametrize("ending", [".html", ".xlsx"])
@pytest.mark.parametrize("kind", RESULTS)
def test_same_result_gives_the_same_bytes(kind: str, ending: str, tmp_path: Path) -> None:
    first = reports.write_report(RESULTS[kind](), tmp_path / f"a{ending}").read_bytes()
    second = reports.write_report(RESULTS[kind](), tmp_path / f"b{ending}").read_bytes()
    assert first == second


# figures, files, errors


def test_figures_are_embedded_with_their_caption(tmp_path: Path) -> None:
    from basin import figures

    trace = by_hand.make_trace()
    drawn = figures.plot_trace(trace, lang="en", labels="id")
    saved = figures.save_figure(drawn, tmp_path / "saved.png", dpi=50)
    given = [drawn, ("图 <2>", saved)]
    page = page_of(trace, tmp_path, figures=given)
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [p["alt"] for p in pictures] == ["Section S-FH, sources of total phosphorus", "图 <2>"]
    assert all(str(p["src"]).startswith("data:image/png;base64,iVBORw0KGgo") for p in pictures)
    book = book_of(trace, tmp_path, figures=given)
    assert len(book["图"]._images) == 2


def test_a_picture_that_is_no_png_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"<svg onload=alert(1)>")
    with pytest.raises(BasinError, match="not a PNG"):
        reports.document(by_hand.make_trace(), figures=[tmp_path / "x.png"])


def test_report_is_not_written_over_an_old_one_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    with pytest.raises((BasinError, FileExistsError)):
        reports.write_report(by_hand.make_trace(), path)
    assert path.read_text() == "old"
    reports.write_report(by_hand.make_trace(), path, overwrite=True)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_unknown_ending_language_and_result_are_named(tmp_path: Path) -> None:
    with pytest.raises(BasinError, match=r"r\.pdf"):
        reports.write_report(by_hand.make_trace(), tmp_path / "r.pdf")
    with pytest.raises(BasinError, match="'fr'"):
        reports.write_report(by_hand.make_trace(), tmp_path / "r.html", lang="fr")
    with pytest.raises(BasinError, match="DataFrame"):
        reports.document(pd.DataFrame())  # type: ignore[arg-type]


def test_report_filename_is_safe() -> None:
    assert reports.report_filename(by_hand.make_siting(1), ".xlsx") == "siting.xlsx"
    assert reports.report_filename(by_hand.make_assessment()) == "assessment.html"
    assert reports.report_filename(by_hand.make_trace()) == "trace_S-FH.html"
    sly = by_hand.make_trace(section_id="../../etc/扶欢 1:<x>")
    assert reports.report_filename(sly) == "trace__etc_扶欢_1_x_.html"


# the parts


def test_tabulate_takes_index_and_known_columns_only() -> None:
    frame = pd.DataFrame(
        {"b": [1.5, np.nan], "c": ["x", None]}, index=pd.Index(["i", "j"], name="a")
    )
    columns = (Column("a", "A"), Column("zzz", "Z"), Column("b", "B", digits=1), Column("c", "C"))
    table = tabulate("T", frame, columns)
    assert [c.head for c in table.columns] == ["A", "B", "C"]
    assert table.rows == (("i", 1.5, "x"), ("j", None, None))


def test_pick_keeps_rows_by_value() -> None:
    columns = (Column("a", "A"), Column("b", "B"))
    table = Table("T", columns, (("x", 1), ("y", 2), ("x", 3)))
    assert table.pick(("b",), where=("a", "x")).rows == ((1,), (3,))


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (None, Column("x", ""), "–"),
        (True, Column("x", ""), "是"),
        (0.225, Column("x", "", digits=1, percent=True), "22.5%"),
        (0.00012345, Column("x", "", significant=3), "0.000123"),
        (-0.04, Column("x", "", digits=1), "-0.0"),
        (dt.date(2026, 3, 31), Column("x", ""), "2026-03-31"),
        ("tp,nh3n", Column("x", "", codes="item"), "总磷、氨氮"),
    ],
)
def test_shown(value: Any, column: Column, text: str) -> None:
    assert shown(value, column, "zh") == text


def test_clean_keeps_chinese_and_line_breaks() -> None:
    assert clean("一\n二\t三\x07\ud800") == "一\n二 三"


def test_every_verdict_has_a_readable_badge() -> None:
    from basin._colour import text_on

    def light(ground: str) -> float:
        rgb = [int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
        return float(np.dot([0.2126, 0.7152, 0.0722], parts))

    for kind in ("verdict", "water_class"):
        for code in codes(kind):
            ground = light(colour(kind, code))
            dark, bright = sorted((ground, light(text_on(colour(kind, code)))))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2 AA


def test_the_english_assessment_names_items_and_method_in_english(sample, tmp_path: Path) -> None:
    path = reports.write_report(sample.assess("2025"), tmp_path / "a.html", lang="en")
    page = path.read_text(encoding="utf-8")
    assert "total phosphorus (0.1)" in page
    assert "总磷(" not in page
    facts = page[: page.index("In words")]
    assert "below detection counts as half" in facts
    assert "表1限值" not in facts
