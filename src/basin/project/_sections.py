"""Which section, outfall or structure is meant: by its id, or by its name."""

from __future__ import annotations

import difflib
from typing import Any

from basin._text import as_id
from basin.errors import ProjectError, list_ids

__all__ = ["find_id", "find_section"]

#: Layer -> key, and what one of its features is called in English (one, many) and Chinese.
_CALLED = {
    "sections": ("section_id", "section", "sections", "断面"),
    "outfalls": ("outfall_id", "outfall", "outfalls", "排污口"),
    "structures": ("id", "structure", "structures", "闸坝或桥梁"),
}


def find_section(given: str, sections: Any) -> str:
    """Take a section's id, or its name if it is the only one."""
    return find_id(given, sections, "sections")


def find_id(given: Any, table: Any, layer: str) -> str:
    """Take the id of a feature, or its name if it is the only one.

    Raises
    ------
    ProjectError
        If there is none, with the nearest by spelling, or if several have the name.
    """
    key, one, many, zh = _CALLED[layer]
    if isinstance(given, str):
        given = given.encode("utf-8", "backslashreplace").decode()  # half a character has no bytes
    text = as_id(given) or ""
    ids = table[key].astype("str")
    if text in set(ids):
        return text
    known = table["name"] if "name" in table.columns else ids.iloc[:0]
    names = known.astype("str").str.strip()
    named = ids.reindex(names.index)[names.eq(text.strip()).fillna(False) & (text.strip() != "")]
    if len(named) == 1:
        return str(named.iloc[0])
    if len(named) > 1:
        raise ProjectError(
            f"several {many} are named {text!r}",
            ids=named,
            mend="Give the id.",
            zh=f"名称为“{text}”的{zh}不止一个",
            mend_zh=f"请写{zh}编号",
        )
    near = difflib.get_close_matches(text, [*ids, *known.dropna().astype("str")], n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    hint_zh = f"是否指“{near[0]}”？" if near else ""
    raise ProjectError(
        f"there is no {one} {text!r}",
        mend=f"{hint}The {many} are: {list_ids(ids, show=20)}.",
        zh=f"没有{zh}“{text}”",
        mend_zh=f"{hint_zh}{zh}有：{list_ids(ids, show=20, lang='zh')}",
    )
