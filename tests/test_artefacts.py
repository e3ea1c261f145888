"""The pictures that the tests leave: a contact sheet, and a copy where CI asks for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from artefacts import finish


def test_the_contact_sheet_shows_each_picture_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI_ARTIFACTS_DIR", raising=False)
    assert finish(tmp_path) is None
    for name, size in (("screenshots/spill_375", (375, 700)), ("figures/trace_zh", (660, 567))):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir()
        Image.new("RGB", size).save(path)
    assert finish(tmp_path) == tmp_path / "index.html"
    page = (tmp_path / "index.html").read_text("utf-8")
    assert re.findall(r'src="(.*?)"', page) == ["figures/trace_zh.png", "screenshots/spill_375.png"]
    assert "screenshots/spill_375.png · 375 × 700" in page


def test_the_pictures_are_copied_where_ci_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "screenshots").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "here" / "screenshots" / "a.png")
    monkeypatch.setenv("CI_ARTIFACTS_DIR", str(tmp_path / "there"))
    assert finish(tmp_path / "here") == tmp_path / "there" / "index.html"
    assert (tmp_path / "there" / "screenshots" / "a.png").is_file()
