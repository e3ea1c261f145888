"""The annex of a report: what it was made from, with what, and the command that makes it again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from basin.reports._document import Column, Document, Section, Table, clean, tabulate
from basin.reports._words import heads

__all__ = ["Annex", "with_annex"]

_WORDS = {
    "zh": {
        "title": "附：输入、版本和重算命令",
        "text": "输入文件以 SHA-256 校验值为准；同样的输入、版本和命令得出逐字节相同的报告。"
        "成果文件的校验值见同一文件夹的 manifest.json（basin verify 核对）。",
        "inputs": "输入文件",
        "none": "没有记录输入文件。",
        "settings": "参数和版本",
        "name": "项",
        "value": "值",
        "command": "重算命令：{}",
        "python": "由 Python 接口写出，没有命令行。",
    },
    "en": {
        "title": "Annex: inputs, versions and the command to run it again",
        "text": "Inputs are named by their SHA-256: the same inputs, versions and command give the "
        "same report byte for byte. The outputs are summed in manifest.json of the same folder "
        "(check with basin verify).",
        "inputs": "Input files",
        "none": "No input file is recorded.",
        "settings": "Parameters and versions",
        "name": "item",
        "value": "value",
        "command": "To run it again: {}",
        "python": "Written from Python, not from the command line.",
    },
}

_INPUTS = ("layer", "file", "n_rows", "crs", "reading", "sha256")


@dataclass(frozen=True)
class Annex:
    """What a report was made from.

    Attributes
    ----------
    inputs : DataFrame
        One row a file: ``layer`` (code of ``input_layer``, or the file's own name), ``file``,
        ``n_rows`` taken from it, ``crs`` that it states, ``reading`` (what was decided on reading
        it, such as the encoding), ``sha256``.
    settings : tuple of (str, str)
        Parameters, editions of standards and versions, each in words.
    command : str
        What makes the report again; empty where there is none.
    """

    inputs: pd.DataFrame
    settings: tuple[tuple[str, str], ...]
    command: str = ""


def with_annex(document: Document, annex: Annex) -> Document:
    """Add the annex at the end of a document."""
    words, lang = _WORDS[document.lang], document.lang
    inputs = tabulate(
        words["inputs"], annex.inputs, heads(_INPUTS, lang, layer="input_layer"),
        empty=words["none"],
    )  # fmt: skip
    columns = (Column("setting", words["name"]), Column("value", words["value"]))
    rows = tuple((clean(name), clean(value)) for name, value in annex.settings)
    settings = Table(words["settings"], columns, rows)
    again = words["command"].format(clean(annex.command)) if annex.command else words["python"]
    broken = annex.inputs.assign(sha256=[_in_two_lines(s) for s in annex.inputs["sha256"]])
    on_page = replace(inputs, rows=tabulate("", broken, inputs.columns).rows).filled()
    section = Section(words["title"], (words["text"], again), (on_page, settings))
    return replace(
        document,
        sections=(*document.sections, section),
        sheets=(*document.sheets, inputs, settings),
    )


def _in_two_lines(digest: str) -> str:
    """A SHA-256 that leaves room on the page."""
    return f"{digest[:32]}\n{digest[32:]}" if digest else ""
