"""The documentation runs: every Python block and every `basin` command of the README pages."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from basin.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "README.en.md", "data/sample_layers/README.md")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands() -> list[str]:
    lines = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    return sorted({line.split("#")[0].strip() for line in lines if line.startswith("basin ")})


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_python_of_the_readme(page: str, capsys: pytest.CaptureFixture[str]):
    (block,) = blocks(page, "python")
    assert len(block.strip().splitlines()) <= 9  # an import and eight lines
    names: dict[str, object] = {}
    exec(compile(block, page, "exec"), names)  # noqa: S102
    assert "S-FH" in capsys.readouterr().out
    assert len(names["upstream"]) >= 1  # type: ignore[arg-type]


@pytest.mark.parametrize("command", commands())
def test_command_of_the_readme(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").symlink_to(ROOT / "data")
    if "incoming" in command:  # what a user got: files without a project
        shutil.copytree(
            ROOT / "data/sample_layers", tmp_path / "incoming", ignore=lambda *_: {"basin.toml"}
        )
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, shlex.split(command)[1:])
    assert done.exit_code == 0 or (done.exit_code == 1 and " validate " in command), done.output
    wanted = re.search(r"-o (\S+)", command)
    if wanted:
        assert (tmp_path / wanted[1]).stat().st_size > 1_000


def test_links_of_the_pages_exist():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
