"""The ``basin.toml`` of a draft, and what is said about it on the screen."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.draft.words import say
from basin.layers.vocabulary import schema

if TYPE_CHECKING:
    from basin.draft.decide import Choice, Draft
    from basin.draft.files import Unread

__all__ = ["project_text", "report_lines"]

_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]+")
#: Command -> the layers without which it does not answer.
_NEEDS = {
    "check": ("shorelines", "zones", "coverage", "sites"),
    "assess": ("sections", "samples"),
    "trace": ("rivers", "sections", "samples", "outfalls"),
}


def quoted(text: str) -> str:
    """Write a text as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "# " + _CONTROL.sub(" ", text)


def project_text(
    folder: Path,
    choices: Sequence[Choice],
    unread: Sequence[Unread],
    *,
    dems: Sequence[Path],
    tolerance: tuple[int | None, str],
    date: dt.date | None,
    local_rules: bool,
    lang: str,
) -> tuple[str, list[str]]:
    """Return the project file, and the questions about the project as a whole."""
    questions: list[str] = []

    def ask(name: str, **values: Any) -> str:
        questions.append(say(name, lang, **values))
        return _comment(f"{say('ask', lang)} {questions[-1]}")

    packs = ["china-yangtze", "chongqing"] if local_rules else ["china-yangtze"]
    lines = [_comment(say("head", lang)), "", _comment(say("rules", lang))]
    if not local_rules:
        lines.append(ask("outside"))
    lines.append(f"rules = [{', '.join(quoted(p) for p in packs)}]")
    lines += ["", "[basin]", f"name = {quoted(folder.name or 'basin')}", f"lang = {quoted(lang)}"]
    if date:
        lines.append(f"date = {date.isoformat()}")
    else:
        lines += [ask("no_date"), "# date = 2026-03-31"]
    offered, note = tolerance
    if note:
        lines += ["", "[network]", _comment(note)]
        if offered is None:
            questions.append(note)
        else:
            lines.append(f"snap_tolerance_m = {offered}")
    lines += ["", "[layers]", _comment(say("layers", lang))]
    if len(dems) == 1:
        lines.append(f"dem = {quoted(dems[0].relative_to(folder).as_posix())}")
    elif dems:
        lines.append(ask("several_dems", files=", ".join(d.name for d in dems)))
    if not any(c.used and c.kind == "coverage" for c in choices):
        lines.append(ask("no_coverage"))
    for choice in choices:
        lines += ["", *_entry(choice, folder, lang)]
    if unread:
        lines += ["", _comment(f"{say('other_files', lang)}:")]
        lines += [_comment(f"  {u.name}: {u.reason}") for u in unread]
    return "\n".join(lines) + "\n", questions


def _entry(choice: Choice, folder: Path, lang: str) -> Iterator[str]:
    """One table: what was decided and asked, then its lines, as comments where it is open."""
    found = choice.peek
    what = "/".join(say(f, lang) for f in found.families) or say("table", lang)
    kind = choice.kind or "…"
    name = schema(choice.kind).names[1] + " " if choice.kind and lang == "zh" else ""
    yield _comment(f"---- {name}{found.file.name}: " + say("of", lang, what=what, rows=choice.rows))
    for text in choice.decided:
        yield _comment(text)
    for text in choice.questions:
        yield _comment(f"{say('ask', lang)} {text}")
    if not choice.used:
        yield _comment(say("uncomment", lang))
    mark = "" if choice.used else "# "
    yield f"{mark}[[layers.{kind}]]"
    yield f"{mark}path = {quoted(found.file.relative_to(folder).as_posix())}"
    if found.layer is not None:
        yield f"{mark}layer = {quoted(found.layer)}"
    for key in ("encoding", "crs"):
        if key in choice.options:
            yield f"{mark}{key} = {quoted(choice.options[key])}"
    columns = choice.options.get("columns", {})
    if columns:
        yield f"{mark}[layers.{kind}.columns]"
        for column, heading in columns.items():
            yield f"{mark}{column} = {quoted(heading)}"


def report_lines(draft: Draft) -> list[str]:
    """Say what was recognised, what is open, and what can be asked now."""
    lang, folder = draft.lang, draft.path.parent
    have = {c.kind for c in draft.choices if c.used}
    lines = [say("wrote", lang, path=draft.path), f"{say('taken', lang)}:"]
    decided: dict[str, list[str]] = {}
    for choice in draft.choices:
        if choice.used:
            lines.append(f"  {choice.kind} ← {choice.where(folder)} ({choice.rows})")
            for text in choice.decided:
                decided.setdefault(text, []).append(choice.kind or "")
    if decided:
        lines.append(f"{say('decided', lang)}:")
        lines += [f"  {', '.join(dict.fromkeys(k))}: {text}" for text, k in decided.items()]
    asked = draft.all_questions
    if asked:
        lines.append(f"{say('asked', lang, n=len(asked))}:")
        lines += [f"  {say('ask', lang)} {question}" for question in asked]
    ready = [name for name, layers in _NEEDS.items() if have.issuperset(layers)]
    if ready:
        lines.append(say("can", lang, names=", ".join(ready)))
    for name, layers in _NEEDS.items():
        missing = [layer for layer in layers if layer not in have]
        if missing:
            lines.append(say("cannot", lang, name=name, layers=", ".join(missing)))
    lines.append(say("next", lang, folder=folder))
    return lines
