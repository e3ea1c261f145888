"""Every error that a clerk can meet at the edge is told in Chinese too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import basin
from basin.errors import LayerError
from basin.layers import read_layer

HOUSE = Path(basin.__file__).parent
#: `LayerError` and `CrsError` are raised here; the sandbox rebuilds what its child raised.
ROOMS = [*sorted((HOUSE / "layers").glob("*.py")), HOUSE / "crs.py", HOUSE / "_raster.py"]


def untold(source: str) -> list[int]:
    """Lines that build an error without Chinese words, or with a mend in English only."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("LayerError", "CrsError"):
            given = {k.arg for k in node.keywords}
            if "zh" not in given or ("mend" in given) != ("mend_zh" in given):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("room", ROOMS, ids=lambda p: p.name)
def test_every_error_has_chinese_words(room):
    assert untold(room.read_text(encoding="utf-8")) == []


def test_an_error_without_chinese_words_is_noticed():
    assert untold('raise LayerError("wrong", mend="Mend it.")') == [1]
    assert untold('raise errors.CrsError("wrong", mend="Mend it.", zh="错")') == [1]
    assert untold('raise LayerError("wrong", mend="M", zh="错", mend_zh="改")') == []


CLERKS = {
    "empty.shp": (b"", "empty.shp 是空文件。请重新导出。"),
    "vrt.gpkg": (
        b"<OGRVRTDataSource/>",
        "vrt.gpkg 的内容不是 GeoPackage，而是 XML（可能是 VRT），与文件名不符。"
        "不要打开它；请发件人给出数据本身。",
    ),
    "old.xls": (b"\xd0\xcf", "old.xls：不读这种格式的文件。在 Excel 中另存为 .xlsx。"),
    "cut.parquet": (
        b"PAR1" * 3 + b"!",
        "cut.parquet 已损坏（文件尾部缺失）。请对方重新发一份，或换用备份。",
    ),
    "doctype.kml": (
        b'<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "b">]><kml></kml>',
        "doctype.kml：里面自行声明了文档类型或实体，地图不需要这些。"
        "不要打开它；请发件人给出数据本身。",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLERKS)
def test_what_a_clerk_reads(name, tmp_path):
    content, said = CLERKS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LayerError) as caught:
        read_layer(tmp_path / name, "zones")
    assert caught.value.text("zh") == said
