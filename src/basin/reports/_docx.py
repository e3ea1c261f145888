"""A document as an editable Word file: real styles, contents, numbered tables and figures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin._archive import without_clock
from basin._colour import text_on
from basin.errors import BasinError
from basin.reports import _word
from basin.reports._document import (
    Column,
    Document,
    Picture,
    Section,
    Table,
    fill_of,
    nothing_in,
    shown,
    told,
)

if TYPE_CHECKING:
    from docx.document import Document as Book

__all__ = ["render_docx"]

_WORDS = {
    "zh": {
        "contents": "目录",
        "conclusion": "结论",
        "table": "表",
        "figure": "图",
        "page": "第 {} 页 共 {} 页",
    },
    "en": {
        "contents": "Contents",
        "conclusion": "Conclusion",
        "table": "Table",
        "figure": "Figure",
        "page": "page {} of {}",
    },
}

#: Text widths in millimetres at the size of tables (7.5 pt): a Latin and a Chinese character.
_LATIN_MM, _CHINESE_MM, _CELL_MM = 1.62, 2.65, 2.6

#: A column of text has at least the first, and is broken over lines before it takes the second.
_NARROWEST_MM, _WIDEST_MM = 15.0, 62.0
_LONG_ID_MM = 22.0


def render_docx(document: Document, template: str | Path | None = None) -> bytes:
    """Return the Word file.

    Parameters
    ----------
    document
        What it says.
    template
        A bureau's own ``.docx``. Without tags its styles, page, header and footer are used and the
        report is added at its end. With tags (docxtpl: ``{{ title }}``, ``{{ conclusion }}``,
        ``{{ caveat }}``, ``{{ facts }}``, ``{{ tables }}`` and ``{{p body }}`` for the whole
        report) they are filled.

    Raises
    ------
    BasinError
        If the template cannot be read, or one of its tags cannot be filled.
    """
    if template is None:
        book = _word.new_book()
        _Writer(book, document).write_all()
    else:
        book = _filled(Path(template), document)
    raw = BytesIO()
    book.save(raw)
    return without_clock(raw.getvalue())


def _filled(template: Path, document: Document) -> Any:
    """Fill a template of the user's."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    try:
        book = docx.Document(str(template))
        tagged = "{{" in book.element.xml or "{%" in book.element.xml
    except (PackageNotFoundError, KeyError, ValueError) as error:
        raise BasinError(
            f"the template {template.name!r} cannot be read as a Word document",
            mend="Save it as .docx in Word or WPS.",
            zh=f"模板 {template.name!r} 不是能读的 Word 文档",
            mend_zh="在 Word 或 WPS 中另存为 .docx",
        ) from error
    if not tagged:
        _word.add_missing_styles(book)
        _Writer(book, document).write_all(framed=False)
        return book
    return _render_tags(template, document)


def _render_tags(template: Path, document: Document) -> Any:
    import jinja2
    from docxtpl import DocxTemplate
    from jinja2.sandbox import SandboxedEnvironment

    filled = DocxTemplate(str(template))
    body = filled.new_subdoc()
    # what a template asks for cannot reach beyond the words it is given
    environment = SandboxedEnvironment(autoescape=True, undefined=jinja2.StrictUndefined)
    _word.add_missing_styles(body.subdocx)
    _Writer(body.subdocx, document).write_all(framed=False)
    context = {
        "title": document.title,
        "caveat": document.caveat,
        "conclusion": document.conclusion,
        "facts": dict(document.facts),
        "tables": {table.title: _as_words(table, document.lang) for table in document.sheets},
        "body": body,
    }
    try:
        filled.render(context, environment, autoescape=True)
    except (jinja2.TemplateError, jinja2.exceptions.SecurityError) as error:
        raise BasinError(
            f"the template {template.name!r} cannot be filled: {error}",
            mend="It may use: title, caveat, conclusion, facts, tables, and {{p body }}.",
            zh=f"模板 {template.name!r} 无法填写：{error}",
            mend_zh="可用的标记：title、caveat、conclusion、facts、tables 和 {{p body }}",
        ) from error
    return filled


def _as_words(table: Table, lang: str) -> list[dict[str, str]]:
    """Rows of a table as a template prints them, by heading and by column name."""
    rows = []
    for row in table.rows:
        cells = [shown(v, c, lang) for v, c in zip(row, table.columns, strict=True)]
        rows.append(
            {c.head: t for c, t in zip(table.columns, cells, strict=True)}
            | {c.key: t for c, t in zip(table.columns, cells, strict=True)}
        )
    return rows


@dataclass
class _Writer:
    """Writes a document into a book from top to bottom, counting tables and figures."""

    book: Book
    document: Document
    counts: dict[str, int] = field(default_factory=lambda: {"table": 0, "figure": 0})
    across: bool = False
    upright_mm: float = 0.0

    def write_all(self, *, framed: bool = True) -> None:
        """Write title, head, contents, sections; `framed`: header and footer of our own."""
        document, words = self.document, _WORDS[self.document.lang]
        if framed:
            _word.frame_pages(self.book, document.title, document.caveat, words["page"])
            self.book.core_properties.title = document.title[:255]  # the most that Word holds
            self.book.core_properties.author = "basin"
            self.book.core_properties.comments = ""
        self.book.add_paragraph(document.title, style="Title")
        self.book.add_paragraph(document.caveat, style="Caveat")
        _word.fact_table(self.book, document.facts)
        self.book.add_paragraph(words["conclusion"], style="Lead")
        for line in document.conclusion.split("\n"):
            self.book.add_paragraph(line, style="Conclusion")
        numbered = _numbered(document.sections)
        _word.contents(self.book, words["contents"], numbered)
        self.upright_mm = _word.text_width_mm(self.book)
        for k, section in enumerate(document.sections):
            self._section(section, k)

    def _section(self, section: Section, k: int) -> None:
        """Write a section on pages upright, or across where one of its tables is too wide."""
        self._turn(across=self._is_across(k))
        heading = self.book.add_heading(section.heading, level=section.level - 1)
        _word.bookmark(heading, f"part_{k}", k)
        paragraph = None
        for text in section.paragraphs:
            for line, style in told(text):
                paragraph = self.book.add_paragraph(line.strip(), style=_STYLES[style])
        if paragraph is not None and section.tables:
            paragraph.paragraph_format.keep_with_next = True  # not alone at the foot of a page
        for table in section.tables:
            if not table.rows:
                if table.empty:
                    self.book.add_paragraph(nothing_in(table, section), style="Remark")
                continue
            self._table(table, table.title or section.heading)
        for picture in section.pictures:
            self._picture(picture)

    def _is_across(self, k: int) -> bool:
        """A heading without a table turns with the part below it, and does not stand alone."""
        sections = self.document.sections
        while not sections[k].tables and k + 1 < len(sections):
            if sections[k + 1].level <= sections[k].level:
                return False
            k += 1
        return any(self._too_wide(table) for table in sections[k].tables)

    def _too_wide(self, table: Table) -> bool:
        return bool(table.rows) and sum(_widths(table, self.document.lang)[0]) > self.upright_mm

    def _turn(self, *, across: bool) -> None:
        if across != self.across:
            _word.turn_page(self.book, across=across)
            self.across = across

    def _caption(self, kind: str, text: str) -> Any:
        """Number a table or figure with a field that Word keeps right."""
        self.counts[kind] += 1
        word = _WORDS[self.document.lang][kind]
        paragraph = self.book.add_paragraph(f"{word} ", style="Caption")
        _word.number_field(paragraph, f"SEQ {word} \\* ARABIC", str(self.counts[kind]))
        paragraph.add_run(f"  {text}")
        return paragraph

    def _table(self, table: Table, caption: str) -> None:
        """Write a table under its caption."""
        least, wanted = _widths(table, self.document.lang)
        self._caption("table", caption).paragraph_format.keep_with_next = True
        _word.write_table(
            self.book,
            [column.head for column in table.columns],
            [[self._cell(v, c) for v, c in zip(r, table.columns, strict=True)] for r in table.rows],
            _shared(least, wanted, _word.text_width_mm(self.book)),
            [column.numeric for column in table.columns],
        )

    def _cell(self, value: Any, column: Column) -> tuple[str, str | None, str | None]:
        """Text, ground and ink of a cell."""
        ground = fill_of(value, column)
        ink = text_on(ground) if ground else None
        return shown(value, column, self.document.lang), ground, ink

    def _picture(self, picture: Picture) -> None:
        from docx.shared import Mm

        paragraph = self.book.add_paragraph(style="Picture")
        shape = paragraph.add_run().add_picture(
            BytesIO(picture.png), width=Mm(_word.text_width_mm(self.book))
        )
        most = _word.text_height_mm(self.book) - 25.0
        if shape.height > Mm(most):
            shape.width = round(shape.width * Mm(most) / shape.height)
            shape.height = Mm(most)
        shape._inline.docPr.set("descr", picture.caption)
        self._caption("figure", picture.caption)


#: Kinds of lines of a narrative, and their styles.
_STYLES = {"lead": "Lead", "sub": "Indented", "text": "Normal"}


def _numbered(sections: tuple[Section, ...]) -> list[tuple[str, str, int]]:
    """Number, heading and level of each section, as the heading styles number them."""
    upper = lower = 0
    result = []
    for section in sections:
        if section.level <= 2:
            upper, lower = upper + 1, 0
            result.append((str(upper), section.heading, 1))
        else:
            lower += 1
            result.append((f"{upper}.{lower}", section.heading, 2))
    return result


def _widths(table: Table, lang: str) -> tuple[list[float], list[float]]:
    """Millimetres that each column needs at the least, and would like."""
    least, wanted = [], []
    for at, column in enumerate(table.columns):
        texts = [shown(row[at], column, lang) for row in table.rows]
        whole = max(map(_line_mm, texts), default=0.0)
        if column.numeric or column.painted:
            needed = min(whole, _WIDEST_MM)
        elif column.key.endswith("_id"):  # broken after a hyphen only where it is long
            needed = max(min(whole, _LONG_ID_MM), *map(_unbroken_mm, texts))
        else:
            needed = max(min(whole, _NARROWEST_MM), *map(_unbroken_mm, texts))
        needed = max(needed, _unbroken_mm(column.head))
        least.append(needed + _CELL_MM)
        wanted.append(max(needed, min(max(whole, _line_mm(column.head)), _WIDEST_MM)) + _CELL_MM)
    return least, wanted


def _line_mm(text: str) -> float:
    lines = text.split("\n")
    return max(sum(_CHINESE_MM if ord(c) > 0x2E80 else _LATIN_MM for c in one) for one in lines)


def _unbroken_mm(text: str) -> float:
    """Width of the longest piece that no line may break; very long ones are broken."""
    pieces = re.split(r"[\s\u2e80-\uffff]+|(?<=[-,;/])", text)
    return max(_CHINESE_MM * 2, *(min(_line_mm(piece), 26.0) for piece in pieces))


def _shared(least: list[float], wanted: list[float], room: float) -> list[float]:
    """Share the room out: what each column needs, and the rest by what it would like."""
    if sum(wanted) <= room:
        return wanted
    spare = max(room - sum(least), 0.0)
    more = [w - n for w, n in zip(wanted, least, strict=True)]
    scale = min(1.0, room / sum(least))
    return [n * scale + spare * m / (sum(more) or 1.0) for n, m in zip(least, more, strict=True)]
