"""docs/spill.md runs as it stands, and prints what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "spill.md"


def test_the_page_runs():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    text = "\n".join("" if line.startswith("```") else line for line in lines)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    found: list[str] = []
    result = doctest.DocTestRunner(optionflags=flags).run(test, out=found.append)
    assert result.attempted > 15
    assert not result.failed, "".join(found)
