"""The parts of a Word file: styles, page, fields, tables; nothing here knows of rivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "add_missing_styles",
    "bookmark",
    "contents",
    "fact_table",
    "frame_pages",
    "new_book",
    "number_field",
    "text_height_mm",
    "text_width_mm",
    "turn_page",
    "write_table",
]

_INK, _GREY, _RED, _HEAD, _LINE = "1F2A30", "546E7A", "B71C1C", "37474F", "B0BEC5"

#: Fonts of official documents; Word takes another where one is missing.
_SERIF, _SONG, _HEI = "Times New Roman", "宋体", "黑体"

#: Name: base, size in points, bold, colour, space before and after in points, indent in mm.
_OWN_STYLES: dict[str, tuple[str, float, bool, str, float, float, float]] = {
    "Caveat": ("Normal", 9, False, _RED, 0, 6, 0),
    "Conclusion": ("Normal", 11, False, _INK, 0, 3, 0),
    "Lead": ("Normal", 10.5, True, _INK, 6, 2, 0),
    "Indented": ("Normal", 10, False, _HEAD, 0, 1, 7),
    "Remark": ("Normal", 10, False, _GREY, 2, 4, 0),
    "Picture": ("Normal", 10, False, _INK, 6, 2, 0),
    "toc 1": ("Normal", 10.5, False, _INK, 2, 0, 0),
    "toc 2": ("Normal", 9.5, False, _HEAD, 0, 0, 6),
}


def new_book() -> Any:
    """Return an empty A4 document with the styles of a report."""
    import docx
    from docx.shared import Mm

    book = docx.Document()
    page = book.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = Mm(24)
    page.top_margin, page.bottom_margin = Mm(24), Mm(22)
    page.header_distance = page.footer_distance = Mm(12)
    _set_font(book.styles["Normal"], 10.5, _INK, east=_SONG)
    book.styles["Normal"].paragraph_format.space_after = _points(4)
    book.styles["Normal"].paragraph_format.line_spacing = 1.25
    for name, size, before, after in (
        ("Title", 18, 0, 6), ("Heading 1", 15, 18, 6), ("Heading 2", 12.5, 12, 4),
        ("Heading 3", 11, 8, 3), ("Caption", 9, 6, 3),
    ):  # fmt: skip
        style = book.styles[name]
        _set_font(style, size, _INK, east=_HEI, bold=name != "Caption")
        style.paragraph_format.space_before = _points(before)
        style.paragraph_format.space_after = _points(after)
        style.paragraph_format.keep_with_next = name != "Caption"
    title = book.styles["Title"].element.pPr
    for border in title.findall(_q("w:pBdr")):
        title.remove(border)
    _number_headings(book)
    add_missing_styles(book)
    return book


def add_missing_styles(book: Any) -> None:
    """Add the styles that a report uses and a book lacks; those it has stay as they are."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT, WD_TAB_LEADER
    from docx.shared import Mm

    known = {style.name for style in book.styles}
    for name in ("Title", "Heading 1", "Heading 2", "Heading 3", "Caption"):
        if name not in known:
            book.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH, builtin=True)
    for name, (base, size, bold, colour, before, after, indent) in _OWN_STYLES.items():
        if name in known:
            continue
        style = book.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH, builtin=name.startswith("toc"))
        style.base_style = book.styles[base]
        _set_font(style, size, colour, east=_HEI if bold else _SONG, bold=bold)
        shape = style.paragraph_format
        shape.space_before, shape.space_after = _points(before), _points(after)
        shape.left_indent = Mm(indent)
        shape.keep_with_next = name in ("Lead", "Picture")
        if name == "Picture":
            shape.alignment = WD_ALIGN_PARAGRAPH.CENTER
            shape.line_spacing = 1.0
        if name.startswith("toc"):
            shape.tab_stops.add_tab_stop(
                Mm(text_width_mm(book)), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS
            )
    book.styles["Caption"].paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _set_font(style: Any, size: float, colour: str, *, east: str, bold: bool = False) -> None:
    from docx.shared import RGBColor

    font = style.font
    font.name, font.size, font.bold, font.italic = _SERIF, _points(size), bold, False
    font.color.rgb = RGBColor.from_string(colour)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(_q(f"w:{theme}"), None)
    fonts.set(_q("w:eastAsia"), east)


def _number_headings(book: Any) -> None:
    """Number headings 1, 1.1 by their styles, so that an edited report numbers itself anew."""
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    numbering = book.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{k}"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
        f'<w:pStyle w:val="Heading{k + 1}"/><w:suff w:val="space"/>'
        f'<w:lvlText w:val="{text}"/><w:lvlJc w:val="left"/></w:lvl>'
        for k, text in enumerate(("%1", "%1.%2", "%1.%2.%3"))
    )
    number = 90
    abstract = parse_xml(
        f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{number}">'
        f'<w:multiLevelType w:val="multilevel"/>{levels}</w:abstractNum>'
    )
    numbering.insert(0, abstract)
    numbering.append(
        parse_xml(
            f'<w:num {nsdecls("w")} w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'
        )
    )
    for k in range(3):
        style = book.styles[f"Heading {k + 1}"].element.get_or_add_pPr()
        style.append(
            parse_xml(
                f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{k}"/>'
                f'<w:numId w:val="{number}"/></w:numPr>'
            )
        )


def frame_pages(book: Any, title: str, caveat: str, page_words: str) -> None:
    """Put the title at the head of each page, the caveat and the page number at its foot."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    page = book.sections[0]
    head = page.header.paragraphs[0]
    _grey(head.add_run(title))
    foot = page.footer.paragraphs[0]
    _grey(foot.add_run(caveat), _RED)
    count = page.footer.add_paragraph(style=foot.style)
    count.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    before, between, after = page_words.split("{}")
    _grey(count.add_run(before))
    number_field(count, "PAGE", "1", grey=True)
    _grey(count.add_run(between))
    number_field(count, "NUMPAGES", "1", grey=True)
    _grey(count.add_run(after))


def _grey(run: Any, colour: str = _GREY) -> None:
    from docx.shared import RGBColor

    run.font.size = _points(8)
    run.font.color.rgb = RGBColor.from_string(colour)


def contents(book: Any, heading: str, entries: Sequence[tuple[str, str, int]]) -> None:
    """Write the contents as a field: a list of links at once; Word sets it with page numbers.

    Which page a heading falls on is known to no one before the pages are set: until the field is
    updated there is neither a number nor a dotted line to nothing.
    """
    book.add_paragraph(heading, style="Lead")
    if not entries:
        return
    first = None
    for k, (number, text, level) in enumerate(entries):
        line = book.add_paragraph(style=f"toc {level}")
        if first is None:
            first = line
            _field_part(line, "begin")
            _instruction(line, 'TOC \\o "1-2" \\h \\z \\u')
            _field_part(line, "separate")
        link = _element("w:hyperlink", {"w:anchor": f"part_{k}", "w:history": "1"})
        line._p.append(link)
        _run_into(link, f"{number} {text}")
    _field_part(line, "end")
    settings = book.settings.element
    settings.append(_element("w:updateFields", {"w:val": "true"}))


def fact_table(book: Any, facts: Sequence[tuple[str, str]]) -> None:
    """Write pairs of label and value without lines."""
    from docx.shared import Mm

    if not facts:
        return
    table = book.add_table(rows=0, cols=2)
    table.autofit = False
    widths = (34.0, text_width_mm(book) - 34.0)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for name, value in facts:
        cells = table.add_row().cells
        for cell, text, width in zip(cells, (name, value), widths, strict=True):
            cell.width = Mm(width)
            _write(cell.paragraphs[0], text, size=9.5, colour=_GREY if text is name else _INK)


def write_table(
    book: Any,
    heads: Sequence[str],
    rows: Sequence[Sequence[tuple[str, str | None, str | None]]],
    widths_mm: Sequence[float],
    right: Sequence[bool],
) -> None:
    """Write a table whose head is repeated on each page and whose rows are not broken.

    Parameters
    ----------
    rows
        Text, ground and ink of each cell; None for the usual ones.
    right
        Whether a column is set to the right.
    """
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.shared import Mm

    table = book.add_table(rows=len(rows) + 1, cols=len(heads))
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    properties = table._tbl.tblPr
    properties.append(_borders())
    properties.append(_cell_margins())
    for column, width in zip(table.columns, widths_mm, strict=True):
        column.width = Mm(width)
    first = table.rows[0]
    _row_flag(first, "w:tblHeader")
    head_cells = [(head, f"#{_HEAD}", "#FFFFFF") for head in heads]
    for row, cells in zip(table.rows, (head_cells, *rows), strict=True):
        _row_flag(row, "w:cantSplit")
        tcs = row._tr.tc_lst
        for tc, (text, ground, ink), width, to_right in zip(
            tcs, cells, widths_mm, right, strict=True
        ):
            _fill_cell(tc, text, ground, ink, width, to_right, bold=row is first)
    gap = book.add_paragraph(style="Remark").paragraph_format
    gap.space_before, gap.space_after, gap.line_spacing = _points(0), _points(0), _points(7)


def _fill_cell(
    tc: Any, text: str, ground: str | None, ink: str | None, width: float, to_right: bool, *,
    bold: bool,
) -> None:  # fmt: skip
    from docx.shared import Mm

    properties = tc.get_or_add_tcPr()
    tc.width = Mm(width)
    if ground:
        properties.append(
            _element(
                "w:shd",
                {"w:val": "clear", "w:color": "auto", "w:fill": ground.lstrip("#").upper()},
            )
        )
    paragraph = tc.p_lst[0]
    shape = paragraph.get_or_add_pPr()
    shape.append(_element("w:spacing", {"w:before": "0", "w:after": "0", "w:line": "240"}))
    if to_right:
        shape.append(_element("w:jc", {"w:val": "right"}))
    colour = (ink or _INK).lstrip("#").upper()
    for k, line in enumerate(text.split("\n")):
        run = _element("w:r")
        style = _element("w:rPr")
        style.append(_element("w:rFonts", {"w:eastAsia": _SONG}))
        if bold:
            style.append(_element("w:b"))
        style.append(_element("w:color", {"w:val": colour}))
        style.append(_element("w:sz", {"w:val": "15"}))
        run.append(style)
        if k:
            run.append(_element("w:br"))
        run.append(_text(line))
        paragraph.append(run)


def turn_page(book: Any, *, across: bool) -> None:
    """Begin a page across or upright; header and footer go on."""
    from docx.enum.section import WD_ORIENT, WD_SECTION

    page = book.add_section(WD_SECTION.NEW_PAGE)
    short, long = sorted((page.page_width, page.page_height))
    page.orientation = WD_ORIENT.LANDSCAPE if across else WD_ORIENT.PORTRAIT
    page.page_width, page.page_height = (long, short) if across else (short, long)


def text_width_mm(book: Any) -> float:
    """Width between the margins of the page at hand."""
    page = book.sections[-1]
    return float((page.page_width - page.left_margin - page.right_margin) / 36000)


def text_height_mm(book: Any) -> float:
    """Height between the margins of the page at hand."""
    page = book.sections[-1]
    return float((page.page_height - page.top_margin - page.bottom_margin) / 36000)


def bookmark(paragraph: Any, name: str, number: int) -> None:
    """Mark a paragraph, so that the contents can point to it."""
    start = _element("w:bookmarkStart", {"w:id": str(number), "w:name": name})
    end = _element("w:bookmarkEnd", {"w:id": str(number)})
    at = 1 if paragraph._p.pPr is not None else 0
    paragraph._p.insert(at, start)
    paragraph._p.append(end)


def number_field(paragraph: Any, code: str, value: str, *, grey: bool = False) -> None:
    """Add a field with the value that it has now."""
    _field_part(paragraph, "begin")
    _instruction(paragraph, code)
    _field_part(paragraph, "separate")
    run = paragraph.add_run(value)
    if grey:
        _grey(run)
    _field_part(paragraph, "end")


def _field_part(paragraph: Any, kind: str) -> None:
    paragraph.add_run()._r.append(_element("w:fldChar", {"w:fldCharType": kind}))


def _instruction(paragraph: Any, code: str) -> None:
    paragraph.add_run()._r.append(_instr(code))


def _instr(code: str) -> Any:
    found = _element("w:instrText", {"xml:space": "preserve"})
    found.text = f" {code} "
    return found


def _run_into(parent: Any, text: str) -> None:
    run = _element("w:r")
    for k, part in enumerate(text.split("\t")):
        if k:
            run.append(_element("w:tab"))
        if part:
            run.append(_text(part))
    parent.append(run)


def _text(text: str) -> Any:
    found = _element("w:t", {"xml:space": "preserve"})
    found.text = text
    return found


def _write(paragraph: Any, text: str, *, size: float, colour: str) -> None:
    from docx.shared import RGBColor

    paragraph.paragraph_format.space_after = _points(1)
    run = paragraph.add_run(text)
    run.font.size = _points(size)
    run.font.color.rgb = RGBColor.from_string(colour)


def _row_flag(row: Any, name: str) -> None:
    row._tr.get_or_add_trPr().append(_element(name))


def _borders() -> Any:
    borders = _element("w:tblBorders")
    for side in ("top", "bottom", "insideH"):
        borders.append(
            _element(
                f"w:{side}", {"w:val": "single", "w:sz": "4", "w:space": "0", "w:color": _LINE}
            )
        )
    return borders


def _cell_margins() -> Any:
    margins = _element("w:tblCellMar")
    for side, width in (("top", 30), ("left", 60), ("bottom", 30), ("right", 60)):
        margins.append(_element(f"w:{side}", {"w:w": str(width), "w:type": "dxa"}))
    return margins


def _element(name: str, attributes: dict[str, str] | None = None) -> Any:
    from docx.oxml import OxmlElement

    made = OxmlElement(name)
    for key, value in (attributes or {}).items():
        made.set(_q(key), value)
    return made


def _q(name: str) -> str:
    from docx.oxml.ns import qn

    if name == "xml:space":
        return "{http://www.w3.org/XML/1998/namespace}space"
    return str(qn(name))


def _points(size: float) -> Any:
    from docx.shared import Pt

    return Pt(size)
