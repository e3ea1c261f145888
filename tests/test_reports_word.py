"""Word reports: the page's numbers, real styles and fields, the bureau's own template."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from docx.enum.section import WD_ORIENT

from basin import reports
from basin.cli import main
from basin.errors import BasinError
from basin.reports import Column, Section, Table
from basin.reports._document import nothing_in, told
from test_reports import EVIL, RESULTS, Page, evil_results

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def word_of(result: Any, folder: Path, **options: Any) -> Any:
    path = reports.write_report(result, folder / "r.docx", overwrite=True, **options)
    return docx.Document(str(path))


def tables_of(book: Any) -> list[list[list[str]]]:
    """Tables with a head; the first of a report, the facts, has none."""
    return [[[c.text for c in row.cells] for row in t.rows] for t in book.tables[1:]]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", RESULTS)
def test_word_and_page_hold_the_same_tables(kind: str, lang: str, tmp_path: Path) -> None:
    result = RESULTS[kind]()
    page = reports.write_report(result, tmp_path / "r.html", lang=lang)
    tables = tables_of(word_of(result, tmp_path, lang=lang))
    assert tables == Page(page.read_text(encoding="utf-8")).tables
    assert len(tables) > 1


def test_a_table_without_rows_is_a_line_of_text(tmp_path: Path) -> None:
    trace = RESULTS["trace"]()
    bare = replace(trace, left_out=trace.left_out[:0], intervals=trace.intervals[:0])
    told = reports.document(bare)
    empty = [t for s in told.sections for t in s.tables if not t.rows and t.empty]
    assert empty
    texts = [p.text for p in word_of(bare, tmp_path).paragraphs]
    assert all(table.empty in texts for table in empty)


def test_an_empty_table_beside_others_is_named() -> None:
    full = Table("干流", (Column("a", "甲"),), (("1",),))
    empty = Table("争议", (Column("a", "甲"),), (), "没有。")
    assert nothing_in(empty, Section("河流", tables=(full, empty))) == "争议：没有。"
    assert nothing_in(empty, Section("争议", tables=(empty,))) == "没有。"


def test_a_number_is_not_parted_from_its_unit_but_from_a_word() -> None:
    [(line, _)] = told("距离 1,012.0 m；负荷 3 kg/d，5 mark，12 m²")
    assert line == "距离 1,012.0\u00a0m；负荷 3\u00a0kg/d，5 mark，12\u00a0m²"


def test_headings_contents_and_captions_are_real(tmp_path: Path) -> None:
    book = word_of(RESULTS["trace"](), tmp_path)
    document = reports.document(RESULTS["trace"]())
    heads = [p.text for p in book.paragraphs if p.style.name == "Heading 1"]
    assert heads == [s.heading for s in document.sections if s.level == 2]
    contents = [p for p in book.paragraphs if p.style.name.startswith("toc ")]
    told = [p.text.split(maxsplit=1) for p in contents]
    assert [text.strip() for _, text in told] == [s.heading for s in document.sections]
    top = [number for number, _ in told if "." not in number]
    assert top == [str(k + 1) for k in range(len(heads))]
    assert ["2.1", "区间"] in [[number, text.strip()] for number, text in told]
    codes = [e.text.strip() for e in book.element.iter(f"{W}instrText")]
    assert codes[0].startswith("TOC ")
    marks = {e.get(f"{W}name") for e in book.element.iter(f"{W}bookmarkStart")}
    assert {e.get(f"{W}anchor") for e in book.element.iter(f"{W}hyperlink")} == marks
    # no dotted line to a page number that is not known before Word sets the pages
    assert not [p for p in contents if "\t" in p.text]
    captions = [p.text for p in book.paragraphs if p.style.name == "Caption"]
    assert [c.split()[:2] for c in captions] == [["表", str(k + 1)] for k in range(len(captions))]
    assert len(captions) == len(book.tables) - 1


def test_caveat_and_page_number_stand_at_the_foot_of_each_page(tmp_path: Path) -> None:
    book = word_of(RESULTS["siting"](), tmp_path)
    assert all(s.footer.is_linked_to_previous for s in list(book.sections)[1:])
    foot = book.sections[0].footer
    assert foot.paragraphs[0].text.startswith("辅助研判，不代替审批")
    fields = [e.text.strip() for e in foot._element.iter(f"{W}instrText")]
    assert fields == ["PAGE", "NUMPAGES"]


def test_heads_repeat_rows_stay_whole_and_wide_tables_lie_across(tmp_path: Path) -> None:
    from basin.reports._docx import render_docx

    columns = tuple(Column(f"c{k}", f"第{k}列") for k in range(16))
    wide = Table("宽表", columns, (tuple(f"编号-{k:06d}" for k in range(16)),) * 60)
    document = reports.document(RESULTS["siting"]())
    wider = replace(document, sections=(Section("宽", tables=(wide,)), *document.sections))
    book = docx.Document(io.BytesIO(render_docx(wider)))
    for table in book.tables[1:]:
        first, *others = table._tbl.tr_lst
        assert first.trPr.find(f"{W}tblHeader") is not None
        assert all(row.trPr.find(f"{W}cantSplit") is not None for row in (first, *others))
    orientations = [s.orientation for s in book.sections]
    assert orientations[:3] == [WD_ORIENT.PORTRAIT, WD_ORIENT.LANDSCAPE, WD_ORIENT.PORTRAIT]
    for section in book.sections:
        across = section.orientation == WD_ORIENT.LANDSCAPE
        assert (section.page_width > section.page_height) == across


def test_verdicts_carry_their_colour(tmp_path: Path) -> None:
    from basin.standards.labels import colour, label

    book = word_of(RESULTS["siting"](), tmp_path)
    fills = {
        cell.text: shade.get(f"{W}fill")
        for table in book.tables[1:]
        for row in table.rows[1:]
        for cell in row.cells
        for shade in cell._tc.iter(f"{W}shd")
    }
    assert (
        fills[label("verdict", "prohibited", "zh")] == colour("verdict", "prohibited")[1:].upper()
    )


@pytest.mark.parametrize("kind", RESULTS)
def test_strings_of_the_data_stay_text(kind: str, tmp_path: Path) -> None:
    path = reports.write_report(evil_results()[kind], tmp_path / "r.docx")
    with zipfile.ZipFile(path) as package:
        xml = package.read("word/document.xml").decode()
        assert not [n for n in package.namelist() if "external" in n.casefold()]
        assert 'TargetMode="External"' not in package.read("word/_rels/document.xml.rels").decode()
    assert "<script" not in xml
    assert "<img" not in xml
    book = docx.Document(str(path))
    text = "\n".join(
        [p.text for p in book.paragraphs]
        + [c.text for t in book.tables for row in t.rows for c in row.cells]
    )
    assert EVIL[0] in text
    assert "{{7*7}}" in text


def test_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    first = reports.write_report(RESULTS["siting"](), tmp_path / "1.docx").read_bytes()
    again = reports.write_report(RESULTS["siting"](), tmp_path / "2.docx").read_bytes()
    assert first == again


def test_figures_are_embedded_numbered_and_described(tmp_path: Path) -> None:
    from PIL import Image

    png = io.BytesIO()
    Image.new("RGB", (400, 900), "white").save(png, "PNG")
    (tmp_path / "plan.png").write_bytes(png.getvalue())
    book = word_of(RESULTS["trace"](), tmp_path, figures=[("总图", tmp_path / "plan.png")])
    (shape,) = book.inline_shapes
    assert shape.height < book.sections[0].page_height, "a tall figure fits on its page"
    assert shape.width / shape.height == pytest.approx(400 / 900, rel=1e-3)
    assert shape._inline.docPr.get("descr") == "总图"
    assert [p.text for p in book.paragraphs if p.style.name == "Caption"][-1] == "图 1  总图"


# the bureau's own template


def template(folder: Path, *lines: str) -> Path:
    book = docx.Document()
    book.sections[0].header.paragraphs[0].text = "某区生态环境局"
    book.styles["Normal"].font.name = "仿宋"
    for line in lines:
        book.add_paragraph(line)
    book.save(str(folder / "own.docx"))
    return folder / "own.docx"


def test_template_without_tags_gives_styles_header_and_page(tmp_path: Path) -> None:
    own = template(tmp_path, "签发：")
    book = word_of(RESULTS["trace"](), tmp_path, template=own)
    assert book.paragraphs[0].text == "签发："
    assert book.sections[0].header.paragraphs[0].text == "某区生态环境局"
    assert book.styles["Normal"].font.name == "仿宋"
    plain = tables_of(word_of(RESULTS["trace"](), tmp_path))
    assert tables_of(word_of(RESULTS["trace"](), tmp_path, template=own)) == plain


def test_template_with_tags_is_filled(tmp_path: Path) -> None:
    lines = ("标题：{{ title }}", "断面：{{ facts['断面'] }}", "结论：{{ conclusion }}")
    rows = "{% for row in tables['排污口排序'] %}{{ row['排污口编号'] }};{% endfor %}"
    own = template(tmp_path, *lines, rows, "{{p body }}")
    result = RESULTS["trace"]()
    book = word_of(result, tmp_path, template=own)
    text = [p.text for p in book.paragraphs]
    document = reports.document(result)
    assert text[0] == f"标题：{document.title}"
    assert text[1].startswith("断面：")
    assert text[2].replace("\n", "") == "结论：" + document.conclusion.replace("\n", "")
    assert text[3] == "".join(f"{i};" for i in result.outfalls.index)
    assert len(book.tables) == len(tables_of(word_of(result, tmp_path))) + 1
    assert book.sections[0].header.paragraphs[0].text == "某区生态环境局"


def test_what_the_data_says_is_no_tag_of_the_template(tmp_path: Path) -> None:
    own = template(tmp_path, "{{ conclusion }}", "{{p body }}")
    book = word_of(evil_results()["trace"], tmp_path, template=own)
    cells = [c.text for t in book.tables for row in t.rows for c in row.cells]
    assert any("{{7*7}}" in cell for cell in cells)
    assert not any(cell == "49" for cell in cells)


@pytest.mark.parametrize(
    "tag", ["{{ nothing }}", "{{ title.__class__.__mro__ }}", "{% for x in %}"]
)
def test_a_tag_that_cannot_be_filled_is_named(tag: str, tmp_path: Path) -> None:
    with pytest.raises(BasinError, match=r"own\.docx.*cannot be filled") as raised:
        word_of(RESULTS["trace"](), tmp_path, template=template(tmp_path, tag))
    assert "{{p body }}" in raised.value.mend
    assert not (tmp_path / "r.docx").exists()


def test_a_template_that_is_no_document_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.docx").write_bytes(b"PK\x03\x04 not a document")
    with pytest.raises(BasinError, match=r"own\.docx.*cannot be read as a Word document"):
        word_of(RESULTS["trace"](), tmp_path, template=tmp_path / "own.docx")
    with pytest.raises(BasinError, match=r"template is for \.docx"):
        reports.write_report(
            RESULTS["trace"](), tmp_path / "r.html", template=tmp_path / "own.docx"
        )


# the command


def test_report_command_writes_word_with_the_figure(sample, tmp_path: Path) -> None:
    from click.testing import CliRunner

    out = tmp_path / "trace.docx"
    done = CliRunner().invoke(main, ["report", "trace", str(sample.folder), "S-FH", "-o", str(out)])
    assert done.exit_code == 0, done.output
    book = docx.Document(str(out))
    assert len(book.inline_shapes) == 1
    assert "P-011" in "".join(c.text for t in book.tables for c in t._cells)
    again = CliRunner().invoke(
        main, ["report", "trace", str(sample.folder), "S-FH", "-o", str(out)]
    )
    assert again.exit_code == 2
    assert "exists" in again.output


def test_siting_report_tells_what_its_verdicts_hang_on(sample, tmp_path: Path) -> None:
    """The sensitivities are those of the sites that were checked, at the date of the check."""
    import datetime as dt

    some = sample.layers["sites"].iloc[:2]
    result = sample.check(some, date=dt.date(2025, 12, 31))
    path = sample.report(result, tmp_path / "s.xlsx")
    book = openpyxl.load_workbook(path)
    rows = list(book["结论系于哪条岸线"].values)
    assert {row[0] for row in rows[1:]} == set(some["site_id"])
    shift = rows[0].index("移动多少到限值 (m)")
    told = {row[0]: row[shift] for row in rows[1:] if row[1] == "CJ26-CHEM-1KM"}
    assert told["X-01"] == pytest.approx(1000 - 996.0, abs=0.01)
    assert told["X-02"] == pytest.approx(1003.0 - 1000, abs=0.01)
    readings = list(book["结论系于哪种读法"].values)
    assert {row[3] for row in readings[1:]} == {2}, "two sites in each reading"
