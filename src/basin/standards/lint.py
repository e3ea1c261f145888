"""Check a rule pack before it is used: every fault with its line, in words of the pack's format."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.errors import RuleError
from basin.standards._toml_lines import TomlLines
from basin.standards.labels import label
from basin.standards.rules import Rule, load_rules, pack_file, pack_names, read_pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fault", "lint_pack", "rule_pack_schema"]


#: So many words are all named where another was written.
_FEW = 8


@dataclass(frozen=True)
class Fault:
    """One fault of a pack; ``line`` is 0 where it concerns the whole file."""

    file: str
    line: int
    severity: str
    rule_id: str
    key: str
    zh: str
    en: str

    def text(self, lang: str = "zh") -> str:
        """Return ``file:line severity rule, key: what is wrong``, as compilers do."""
        where = ", ".join(part for part in (self.rule_id, self.key) if part)
        said = self.zh if lang == "zh" else self.en
        severity = label("severity", self.severity, lang)
        return f"{self.file}:{self.line} {severity} {where}{': ' if where else ''}{said}"


@cache
def rule_pack_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of rule packs."""
    text = files("basin.standards").joinpath("rule_pack.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def lint_pack(pack: str | Path) -> pd.DataFrame:
    """List every fault of a rule pack.

    Errors keep the pack from being used; warnings are what its author probably did not mean, such
    as a document that no rule cites.

    Parameters
    ----------
    pack
        Name of a pack that comes with `basin`, or a path.

    Returns
    -------
    DataFrame
        ``file``, ``line``, ``severity`` (error, warning), ``rule_id``, ``key``, ``zh``, ``en``;
        by line.

    Raises
    ------
    RuleError
        If there is no such pack.
    """
    import pandas as pd

    path = pack_file(pack)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RuleError(f"rule pack {str(pack)!r} cannot be read: {error.strerror}") from None
    found = sorted(_faults(path.name, data, pack), key=lambda f: (f.line, f.severity, f.key))
    return pd.DataFrame([vars(f) for f in found], columns=list(Fault.__dataclass_fields__))


def _faults(name: str, data: bytes, pack: str | Path) -> Iterator[Fault]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        yield Fault(name, line, "error", "", "", "不是 UTF-8 编码，请另存为 UTF-8",
                    "is not UTF-8; save it as UTF-8")  # fmt: skip
        return
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        line = _line_of(str(error), text)
        yield Fault(name, line, "error", "", "", f"不是合法的 TOML：{error}",
                    f"is not valid TOML: {error}")  # fmt: skip
        return
    lines = TomlLines(text)
    wrong = list(_by_schema(name, table, lines))
    yield from wrong
    if wrong:
        return
    try:
        rules = read_pack(pack)
    except RuleError as error:
        line = _line_of(str(error), text)
        ids = error.ids[0] if error.ids else _quoted(str(error), "rule '")
        yield Fault(name, line, "error", str(ids), _quoted(str(error), "key '"), str(error),
                    str(error))  # fmt: skip
        return
    yield from _warnings(name, table, lines, rules, pack)


def _line_of(message: str, text: str) -> int:
    _, _, tail = message.rpartition("line ")
    digits = "".join(c for c in tail.split(",")[0] if c.isdigit())
    if "end of document" in message:
        return text.count("\n") + 1
    return int(digits) if digits else 0


def _quoted(message: str, head: str) -> str:
    return message.partition(head)[2].partition("'")[0]


# ---- the schema ------------------------------------------------------------------------------


def _by_schema(name: str, table: dict[str, Any], lines: TomlLines) -> Iterator[Fault]:
    from jsonschema import Draft202012Validator

    plain = json.loads(json.dumps(table, default=_day_text))
    for error in Draft202012Validator(rule_pack_schema()).iter_errors(plain):
        path = list(error.absolute_path)
        rule = ""
        if len(path) > 1 and path[0] == "rule" and isinstance(path[1], int):
            one, number = plain["rule"][path[1]], f"no. {path[1] + 1}"
            rule = str(one.get("id", number)) if isinstance(one, dict) else number
        for key, zh, en in _worded(error):
            at = [*path, key] if key else path
            last = next((str(p) for p in reversed(at) if isinstance(p, str)), "")
            shown = "" if last == "rule" and rule else last
            yield Fault(name, lines.of(at), "error", rule, shown, zh, en)


def _day_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _worded(error: Any) -> Iterator[tuple[str, str, str]]:
    """Key, Chinese and English of one error of the schema."""
    kind, value, given = error.validator, error.validator_value, error.instance
    if kind == "additionalProperties":
        known = error.schema["properties"]
        for key in sorted(set(given) - set(known)):
            near = difflib.get_close_matches(key, known, n=1)
            zh = f"没有这个键{f'，是不是 {near[0]}？' if near else ''}"
            yield key, zh, f"is no key of the format{f'; {near[0]}?' if near else ''}"
    elif kind == "required":
        for key in value:
            if key not in given:
                yield key, "缺这一项", "is missing"
    elif kind == "enum":
        few = [str(v) for v in value] if len(value) <= _FEW else []
        near = difflib.get_close_matches(str(given), [str(v) for v in value], n=1)
        hint = "、".join(few or near)
        zh = f"“{given}”不认识" + (f"，可用：{hint}" if hint else "")
        yield "", zh, f"{given!r} is not known" + (f"; {hint.replace('、', ', ')}?" if hint else "")
    elif kind == "anyOf" and "zones" in str(value):
        yield "", "须有 river_scope、zones 或 outside 之一", "needs river_scope, zones or outside"
    elif kind in ("minimum", "maximum"):
        yield "", f"{given} 不在 0 到 100000 米之间", f"{given} is not within 0 to 100000 m"
    elif kind in ("minLength", "minItems", "maxItems"):
        yield "", f"{given!r} 项数或长度不对", f"{given!r} is too short or too long"
    elif kind == "pattern" or (kind == "anyOf" and isinstance(given, str)):
        yield "", f"“{given}”写法不对", f"{given!r} is not written as it must be"
    else:
        yield "", f"{given!r} 类型不对", f"{given!r} is of the wrong kind: {error.message[:200]}"


# ---- what an author probably did not mean ----------------------------------------------------

_WARNINGS = {
    "uncited": ("没有规则引用这份文件", "no rule cites this document"),
    "unused_list": ("没有规则用到这份河流名单", "no rule uses this list"),
    "taken": ("编号与 basin 自带规则包的相同，不能同用", "the id is taken by a pack of basin"),
    "one_language": ("只有一种语言", "is in one language only"),
    "no_evidence": (
        "有例外而没有写明须提交什么材料（evidence_zh）",
        "an exemption without the evidence that it needs (evidence_en)",
    ),
    "other_action": (
        "例外的建设性质不在规则的建设性质之内",
        "holds an action that is not among the rule's",
    ),
    "never": ("生效晚于失效，永不适用", "the rule ends before it begins"),
    "undated": (
        "所据文件都没有施行日期：任何日期都按有效计",
        "no date of effect on record: it counts as in force on every day",
    ),
}

_At = tuple[str | int, ...]


def _warnings(
    name: str, table: dict[str, Any], lines: TomlLines, rules: list[Rule], pack: str | Path
) -> Iterator[Fault]:
    for path, rule, code in _doubts(table, rules, pack):
        key = path[-1] if isinstance(path[-1], str) else ""
        zh, en = _WARNINGS[code]
        yield Fault(name, lines.of(path), "warning", rule, key, zh, en)


def _doubts(
    table: dict[str, Any], rules: list[Rule], pack: str | Path
) -> Iterator[tuple[_At, str, str]]:
    """Where, in which rule, and which warning."""
    rows = table["rule"]
    cited = {entry[0] for row in rows for entry in row["basis"]}
    for key in sorted(set(table.get("documents", {})) - cited):
        yield ("documents", key), "", "uncited"
    named = {w.removeprefix("named:") for row in rows for w in row.get("river_scope", [])}
    used = named | {"main_stem", "important_tributary"}
    for key in sorted(set(table.get("river_classes", {})) - used):
        yield ("river_classes", key), "", "unused_list"
    others = {r.id for other in pack_names() if other != str(pack) for r in load_rules(other)}
    for number, (row, rule) in enumerate(zip(rows, rules, strict=True)):
        for key, code in _rule_doubts(row, rule, others):
            yield ("rule", number, key), rule.id, code


def _rule_doubts(row: dict[str, Any], rule: Rule, others: set[str]) -> Iterator[tuple[str, str]]:
    if rule.id in others:
        yield "id", "taken"
    for text in ("exemption", "evidence", "note", "tributary_note"):
        told = [f"{text}_{lang}" for lang in ("zh", "en") if row.get(f"{text}_{lang}")]
        if len(told) == 1:
            yield told[0], "one_language"
    if rule.exemption_zh and not rule.evidence_zh:
        yield "exemption_zh", "no_evidence"
    if set(rule.exemption_actions) - set(rule.actions) and "any" not in rule.actions:
        yield "exemption_actions", "other_action"
    if rule.in_force and rule.in_force_to and rule.in_force > rule.in_force_to:
        yield "in_force", "never"
    if rule.in_force is None and all(source.in_force is None for source in rule.sources):
        yield "basis", "undated"
