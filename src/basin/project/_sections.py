"""Which section is meant: by its id, or by its name."""

from __future__ import annotations

import difflib
from typing import Any

from basin.errors import ProjectError, list_ids

__all__ = ["find_section"]


def find_section(given: str, sections: Any) -> str:
    """Take a section's id, or its name if it is the only one."""
    given = given.encode("utf-8", "backslashreplace").decode()  # half a character has no bytes
    ids = sections["section_id"].astype("str")
    if given in set(ids):
        return given
    named = ids[sections["name"].astype("str").str.strip().eq(given.strip()).fillna(False)]
    if len(named) == 1:
        return str(named.iloc[0])
    if len(named) > 1:
        raise ProjectError(
            f"several sections are named {given!r}",
            ids=named,
            mend="Give the id.",
            zh=f"名称为“{given}”的断面不止一个",
            mend_zh="请写断面编号",
        )
    near = difflib.get_close_matches(given, [*ids, *sections["name"].dropna().astype("str")], n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    hint_zh = f"是否指“{near[0]}”？" if near else ""
    raise ProjectError(
        f"there is no section {given!r}",
        mend=f"{hint}The sections are: {list_ids(ids, show=20)}.",
        zh=f"没有断面“{given}”",
        mend_zh=f"{hint_zh}断面有：{list_ids(ids, show=20, lang='zh')}",
    )
