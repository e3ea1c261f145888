"""docs/tracing.md runs: every block in turn, and it prints what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tracing.md"


def test_the_tutorial_prints_what_it_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)\n```\n)?", text, re.DOTALL)
    assert len(blocks) >= 10
    names: dict[str, object] = {}
    for code, printed in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, PAGE.name, "exec"), names)  # noqa: S102
        lines = [line.rstrip() for line in out.getvalue().rstrip().splitlines()]
        assert "\n".join(lines) == printed
    assert sum(bool(printed) for _, printed in blocks) >= 9
