"""A document as a workbook: one sheet a table, no cell a formula, the same bytes each time."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from basin._archive import without_clock
from basin._colour import text_on
from basin.reports._document import Cell, Column, Document, Table, fill_of, shown

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["render_xlsx"]

#: What Excel holds in one cell.
_MOST_CHARACTERS = 32_767

#: Excel would read these as the start of a formula once a cell is edited.
_FORMULA = ("=", "+", "-", "@")


def render_xlsx(document: Document) -> bytes:
    """Return the workbook: notes last, each table with frozen head, filter and number formats."""
    from openpyxl import Workbook

    book = Workbook()
    del book[book.sheetnames[0]]
    for table in document.sheets:
        _write_table(book.create_sheet(table.title[:31]), table, document)
    _write_notes(book.create_sheet("说明" if document.lang == "zh" else "Notes"), document)
    _write_pictures(book, document)
    book.properties.title = document.title
    book.properties.creator = "basin"
    raw = BytesIO()
    book.save(raw)
    return without_clock(raw.getvalue())


def _write_table(sheet: Worksheet, table: Table, document: Document) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.utils import get_column_letter

    line = Border(bottom=Side(style="thin", color="CFD8DC"))
    for at, column in enumerate(table.columns, start=1):
        head = _put(sheet, 1, at, column.head)
        head.font = Font(bold=True, color="FFFFFF")
        head.fill = PatternFill("solid", fgColor="37474F")
        side = "right" if column.numeric else "left"
        head.alignment = Alignment(side, "center", wrap_text=True, indent=int(side == "left"))
        widest = max(
            (_width(shown(r[at - 1], column, document.lang)) for r in table.rows), default=0
        )
        width = min(max(widest, _width(column.head) / 2) + 2.5, 60)
        sheet.column_dimensions[get_column_letter(at)].width = max(width, 7)
    for row, values in enumerate(table.rows, start=2):
        for at, (value, column) in enumerate(zip(values, table.columns, strict=True), start=1):
            cell = _put(sheet, row, at, _stored(value, column, document.lang))
            cell.border = line
            text = isinstance(cell.value, str)
            cell.alignment = Alignment(wrap_text=text, vertical="top", indent=int(text))
            _style(cell, value, column)
    sheet.row_dimensions[1].height = 33  # two lines
    sheet.freeze_panes = "C2" if len(table.columns) > 6 else "A2"
    if table.columns:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{len(table.rows) + 1}"
    if not table.rows and table.empty:
        _put(sheet, 2, 1, table.empty)
    _set_page(sheet, document)


def _stored(value: Cell, column: Column, lang: str) -> Cell:
    """What a cell holds: numbers and dates as such, codes and truth values as words."""
    if value is None or value == "":
        return None
    worded = isinstance(value, bool) or (isinstance(value, str) and column.codes)
    return shown(value, column, lang) if worded else value


def _put(sheet: Worksheet, row: int, column: int, value: Cell) -> Any:
    """Write a value; a string stays a string, whatever it looks like."""
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = value[:_MOST_CHARACTERS]
        cell.data_type = "s"
        cell.quotePrefix = value.lstrip().startswith(_FORMULA)
    else:
        cell.value = value
    return cell


def _style(cell: Any, value: Cell, column: Column) -> None:
    from openpyxl.styles import Font, PatternFill

    ground = fill_of(value, column)
    if ground:
        cell.fill = PatternFill("solid", fgColor=ground[1:].upper())
        cell.font = Font(color=text_on(ground)[1:].upper())
    if isinstance(value, float):
        decimals = column.digits or 0
        if column.significant:  # as many as the page prints
            decimals = len(shown(value, column, "en").partition(".")[2])
        zeros = "." + "0" * decimals if decimals else ""
        cell.number_format = f"0{zeros}%" if column.percent else f"#,##0{zeros}"
    elif not isinstance(value, bool | int | str | None):
        cell.number_format = "yyyy-mm-dd"


def _width(text: str) -> float:
    """Width of the longest line; a Chinese character is about two Latin ones wide."""
    return max(sum(2.0 if ord(c) > 0x2E80 else 1.05 for c in part) for part in text.split("\n"))


def _set_page(sheet: Any, document: Document) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    # an ampersand starts a code in a footer
    sheet.oddFooter.left.text = document.caveat.replace("&", "&&")
    sheet.oddFooter.right.text = "&P / &N"


def _write_notes(sheet: Worksheet, document: Document) -> None:
    from openpyxl.styles import Alignment, Font

    rows = [(document.title, ""), *document.facts]
    rows.append(("结论" if document.lang == "zh" else "Conclusion", document.conclusion))
    rows.append(("声明" if document.lang == "zh" else "Caveat", document.caveat))
    for at, (name, value) in enumerate(rows, start=1):
        _put(sheet, at, 1, name).font = Font(bold=True, size=14 if at == 1 else 11)
        _put(sheet, at, 2, value).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 22, 100
    _set_page(sheet, document)


def _write_pictures(book: Any, document: Document) -> None:
    from openpyxl.drawing.image import Image

    if not document.pictures:
        return
    sheet = book.create_sheet("图" if document.lang == "zh" else "Figures")
    row = 1
    for picture in document.pictures:
        _put(sheet, row, 1, picture.caption)
        image = Image(BytesIO(picture.png))
        image.height, image.width = round(image.height * 960 / image.width), 960
        sheet.add_image(image, f"A{row + 1}")
        row += 3 + round(image.height / 20)  # a row is 20 pixels high
    _set_page(sheet, document)
