"""The lines of docs/terrain.md run and print what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import basin

pytest.importorskip("pyflwdir")

PAGE = (Path(__file__).parents[1] / "docs" / "terrain.md").read_text(encoding="utf-8")


def test_the_lines_run(sample, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    (said,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.S)
    monkeypatch.setattr(basin, "open", lambda path: sample)  # the network is built already
    out = io.StringIO()
    names: dict = {}
    with contextlib.redirect_stdout(out):
        exec(compile(code, "terrain.md", "exec"), names)  # noqa: S102
    for line in said.splitlines():
        assert line == "…" or line in out.getvalue().splitlines()
    assert "高程基准：文件未注明" in out.getvalue()
    assert names["land"].area > 0


def test_the_commands_exist():
    from basin.cli import main

    for line in re.search(r"```sh\n(.*?)```", PAGE, flags=re.S).group(1).splitlines():
        words = line.split()
        command = main.commands[words[1]]
        options = {o for p in command.params for o in p.opts}
        assert {w for w in words if w.startswith("-")} <= options


def test_what_the_page_names_is_there():
    import basin.terrain

    for name in re.findall(r"`(\w+)\(", PAGE):
        assert hasattr(basin.terrain, name) or name in ("explain",), name
