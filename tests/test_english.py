"""What is asked for in English is told in English: Chinese only where it quotes the data."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import basin
from basin.reports import write_report
from places import SAMPLE

#: Columns of the layers whose words stand as they were given.
_QUOTED = (
    "name", "river", "issuer", "address", "responsible", "permit_no", "district", "evidence",
    "source", "owner",
)  # fmt: skip
_HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")


@pytest.fixture(scope="module")
def project() -> basin.Basin:
    return basin.open(SAMPLE)


@pytest.fixture(scope="module")
def quoted(project: basin.Basin) -> list[str]:
    """Every word of those columns, the longest first."""
    words: set[str] = {project.name}
    for name in project.layers:
        table = project.layers[name]
        for column in table.columns.intersection(_QUOTED):
            words |= {str(w) for w in table[column].dropna().unique()}
    return sorted(words, key=len, reverse=True)


def _left(text: str, quoted: list[str]) -> list[str]:
    for word in quoted:
        if _HAN.search(word):
            text = text.replace(word, "")
    return [m.group() for m in _HAN.finditer(text)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda b: b.network.explain(lang="en"),
        lambda b: b.assess().explain(lang="en"),
        lambda b: b.trace("S-FH").explain(lang="en"),
        lambda b: b.trace("S-WT").explain(lang="en"),
        lambda b: b.check().explain(lang="en"),
        lambda b: "\n".join(b.check().explain(i, lang="en") for i in b.layers["sites"]["site_id"]),
    ],
    ids=["network", "assess", "trace S-FH", "trace S-WT", "check", "each site"],
)
def test_explanations_in_english_hold_no_chinese_of_ours(
    ask: Callable[[basin.Basin], str], project: basin.Basin, quoted: list[str]
):
    assert _left(ask(project), quoted) == []


@pytest.mark.parametrize("question", ["check", "assess", "trace"])
def test_reports_in_english_hold_no_chinese_of_ours(
    question: str, project: basin.Basin, quoted: list[str], tmp_path: Path
):
    answer = project.trace("S-FH") if question == "trace" else getattr(project, question)()
    write_report(answer, tmp_path / "report.html", lang="en")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    body = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert _left(html.unescape(re.sub(r"<[^>]+>", " ", body)), quoted) == []
    write_report(answer, tmp_path / "report.xlsx", lang="en")
    sheets = pd.read_excel(tmp_path / "report.xlsx", sheet_name=None, header=None, dtype=str)
    cells = [str(v) for t in sheets.values() for v in t.to_numpy().ravel() if pd.notna(v)]
    assert _left("\n".join([*sheets, *cells]), quoted) == []
