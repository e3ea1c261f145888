"""What a siting report says of how far its verdicts hang on lines and readings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pandas.api.types import is_numeric_dtype

from basin.reports._document import Column, Section, Table, clean, tabulate
from basin.reports._words import heads
from basin.siting import left_out_lines

__all__ = ["sensitivity"]

_WORDS = {
    "zh": {
        "title": "敏感性",
        "lines": "结论系于哪条岸线",
        "lines_text": "逐项目、逐距离规则：至少移动多少才到限值，"
        "至少再退多少（含误差；新位置须重新核查），"
        "换用其他版本、类别的岸线时最严和最宽的结论，坐标若为 GCJ-02 时的结论。"
        "只列未通过的、相差不到 2 千米的和结论会变的；全部见工作簿。",
        "readings": "结论系于哪种读法",
        "readings_text": "同一批项目在不同的河流范围、起算线和限距下各有多少个在限距内。",
        "none": "没有距离规则适用。",
    },
    "en": {
        "title": "Sensitivity",
        "lines": "Which line a verdict hangs on",
        "lines_text": "By site and distance rule: the least shift to the limit, the least setback "
        "(error included; check the new place again), the strictest and mildest verdict under "
        "other editions and kinds of line, and the verdict if the coordinates were GCJ-02. Only "
        "what does not pass, lies within 2 km of the limit, or would change; all in the workbook.",
        "readings": "Which reading a verdict hangs on",
        "readings_text": "How many of the same sites lie within the limit by river scope, base "
        "line and distance.",
        "none": "No distance rule applies.",
    },
}

_LINES = (
    "site_id", "rule_id", "verdict", "verdict_computed", "distance_m", "error_m", "limit_m",
    "shift_m", "bearing_deg", "setback_m", "setback_all_m", "strictest", "mildest", "flag",
    "gcj02_distance_m", "gcj02_verdict",
)  # fmt: skip
_CODES = {"strictest": "verdict", "mildest": "verdict", "gcj02_verdict": "verdict",
          "flag": "line_flag"}  # fmt: skip

#: Rules farther from their limit than this are told in the workbook only (metres).
_NEAR_M = 2_000.0


def sensitivity(also: Iterable[Any], lang: str) -> tuple[list[Section], list[Table]]:
    """Sections and complete tables for a LineSensitivity and a DefinitionSensitivity."""
    words = _WORDS[lang]
    sections, sheets = [], []
    for one in also:
        if hasattr(one, "lines"):
            every = one.sites
            told = every[
                every["verdict"].ne("clear") | every["shift_m"].abs().lt(_NEAR_M)
                | every["flag"].fillna("").ne("") | every["gcj02_changes"]
            ]  # fmt: skip
            decided = every["verdict"].ne(every["verdict_computed"]).any()
            names = [c for c in _LINES if decided or c != "verdict_computed"]
            columns = heads(names, lang, **_CODES)
            texts = [words["lines_text"], *left_out_lines(one.left_out, lang)]
            table = tabulate(words["lines"], told, columns, empty=words["none"]).filled()
            sheets.append(tabulate(words["lines"], every, columns, empty=words["none"]))
            name = "lines"
        else:
            frame = one.to_frame(lang)
            columns = tuple(
                Column(c, clean(c), digits=0 if is_numeric_dtype(frame[c]) else None)
                for c in frame.columns
            )
            table = tabulate(words["readings"], frame, columns, empty=words["none"])
            sheets.append(table)
            name, texts = "readings", [words["readings_text"]]
        sections.append(Section(words[name], tuple(texts), (table,), level=3))
    if sections:
        sections.insert(0, Section(words["title"]))
    return sections, sheets
