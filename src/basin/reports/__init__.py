"""Documents from results: the same content as Word, as a web page for print, or as a workbook.

A result is first laid out as a `Document` (facts, paragraphs, tables, figures); every format is
written from that, so that each holds the same numbers.
"""

from __future__ import annotations

from basin.reports._annex import Annex
from basin.reports._assessment import assessment_tables
from basin.reports._document import Column, Document, Section, Table
from basin.reports._write import ENDINGS, document, report_filename, write_report

__all__ = [
    "ENDINGS",
    "Annex",
    "Column",
    "Document",
    "Section",
    "Table",
    "assessment_tables",
    "document",
    "report_filename",
    "write_report",
]
