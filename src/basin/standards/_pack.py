"""Reading one rule pack: every key checked, and a message that says where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from basin.errors import RuleError
from basin.standards._toml_lines import TomlLines
from basin.standards.labels import codes
from basin.standards.rules import Rule, Source, Zones, categories

__all__ = ["Pack"]

_VERDICTS = ("prohibit", "restrict", "permit_required", "review")
_ACTIONS = ("new", "expand", "rebuild", "existing", "any")
_TEXTS = {
    "title_zh", "title_en", "exemption_zh", "exemption_en", "evidence_zh", "evidence_en",
    "note_zh", "note_en",
    "tributary_note_zh", "tributary_note_en", "edition", "edition_en",
}  # fmt: skip
_LISTS = {"categories", "actions", "river_scope", "exemption_actions", "exemption_categories"}
_KEYS = _TEXTS | _LISTS | {
    "id", "distance_m", "zones", "outside", "verdict", "basis", "in_force", "in_force_to",
    "confidence",
}  # fmt: skip
_NEEDED = ("id", "title_zh", "title_en", "categories", "actions", "verdict", "basis", "confidence")
_PACK_KEYS = {
    "schema", "pack", "title_zh", "title_en", "compiled", "defaults", "river_classes", "documents",
    "rule",
}  # fmt: skip
_DOCUMENT_KEYS = {"title_zh", "title_en", "edition", "edition_en", "in_force", "in_force_to"}

#: No law keeps a project farther from a river than this; beyond it a unit was mistaken.
_FARTHEST_M = 100_000

#: A rule's own in_force where the day of its law does not tell that nothing applied before.
_UNRECORDED = "unrecorded"


def _last_day(sources: tuple[Source, ...]) -> dt.date | None:
    """Tell the day after which no source is in force; None if one still is."""
    ends = [one.in_force_to for one in sources if one.in_force_to]
    return max(ends) if ends and len(ends) == len(sources) else None


class Pack:
    """One pack while it is read: its documents and rivers, and where we are for a message."""

    def __init__(self, name: str, table: dict[str, Any], text: str = "") -> None:
        self.name = str(table.get("pack", name))
        self.lines = TomlLines(text)
        self.at: tuple[str | int, ...] = ()
        self.where = f"pack {self.name!r}"
        self._only(table, _PACK_KEYS)
        if table.get("schema") != 1:
            self._fail("schema", f"is {table.get('schema')!r}, not 1")
        self.table = table
        self.rivers: dict[str, list[str]] = self._of("river_classes", table, dict, {})
        self.at = ("river_classes",)
        for key in self.rivers:
            self._texts(key, self.rivers)
        self.at = ()
        self.documents = self._of("documents", table, dict, {})
        for key in self.documents:
            self.where, self.at = f"pack {self.name!r}", ("documents",)
            entry = self._of(key, self.documents, dict)
            self.where, self.at = f"pack {self.name!r}, document {key!r}", ("documents", key)
            self._only(entry, _DOCUMENT_KEYS)
            for text in ("title_zh", "title_en"):
                self._of(text, entry, str)
            for text in ("edition", "edition_en"):
                self._of(text, entry, str, "")

    def rules(self) -> list[Rule]:
        self.where, self.at = f"pack {self.name!r}", ()
        rows = self._of("rule", self.table, list)
        for row in rows:
            if not isinstance(row, dict):
                self._fail("rule", f"{row!r} is not a table; write [[rule]] above each rule")
        if not rows:
            self._fail("rule", "holds no rule")
        rules = [self._rule(number, row) for number, row in enumerate(rows, start=1)]
        ids = [rule.id for rule in rules]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            again = [len(ids) - 1 - ids[::-1].index(one) for one in twice]
            told = ", ".join(str(self.lines.of(("rule", k, "id"))) for k in again)
            raise RuleError(f"pack {self.name!r} holds rule ids twice", ids=twice,
                            mend=f"Give the later one another id (line {told}).")  # fmt: skip
        return rules

    def _fail(self, key: str, what: str) -> None:
        line = self.lines.of((*self.at, key))
        raise RuleError(f"{self.where}, key {key!r}: {what}" + (f" (line {line})" if line else ""))

    def _only(self, entry: dict[str, Any], known: set[str]) -> None:
        for key in entry:
            if key not in known:
                self._fail(key, f"is not known; known are {', '.join(sorted(known))}")

    def _of(self, key: str, entry: Mapping[str, Any], kind: type, default: Any = None) -> Any:
        if key not in entry:
            if default is None:
                self._fail(key, "is missing")
            return default
        if not isinstance(entry[key], kind):
            self._fail(key, f"is {entry[key]!r}, not a {kind.__name__}")
        return entry[key]

    def _words(self, key: str, row: dict[str, Any], known: Iterable[str]) -> tuple[str, ...]:
        words, allowed = self._texts(key, row), set(known)
        for word in words:
            if word not in allowed:
                self._fail(key, f"the code {word!r} is not known")
        return words

    def _texts(self, key: str, row: Mapping[str, Any]) -> tuple[str, ...]:
        words = tuple(self._of(key, row, list, []))
        for word in words:
            if not isinstance(word, str):
                self._fail(key, f"{word!r} is not a text")
        return words

    def _day(self, key: str, entry: dict[str, Any]) -> dt.date | None:
        value = entry.get(key)
        if value in (None, ""):
            return None
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return value
        try:
            return dt.date.fromisoformat(value)
        except (TypeError, ValueError):
            self._fail(key, f"{value!r} is not a date like 2021-03-01")
        return None

    def _rule(self, number: int, row: dict[str, Any]) -> Rule:
        self.where = f"pack {self.name!r}, rule {row.get('id', f'no. {number}')!r}"
        self.at = ("rule", number - 1)
        self._only(row, _KEYS)
        for key in _NEEDED:
            if key not in row or row[key] in ("", []):
                self._fail(key, "is missing")
        for key in (*_TEXTS, "id", "verdict", "confidence"):
            self._of(key, row, str, "")
        known = [*categories(), "*"]
        sources = self._sources(row)
        distance = row.get("distance_m")
        if distance is not None and (
            isinstance(distance, bool)
            or not isinstance(distance, int | float)
            or not 0 <= distance <= _FARTHEST_M
        ):
            self._fail("distance_m", f"is {distance!r}, not metres from 0 to {_FARTHEST_M}")
        zones, outside = self._zones("zones", row), self._zones("outside", row)
        scope = self._texts("river_scope", row)
        if not (zones or outside or scope):
            self._fail("river_scope", "is missing, and so are zones and outside")
        if distance is not None and not (zones or scope):
            self._fail("distance_m", "has neither rivers nor zones to be measured to")
        for key, one_of in (("verdict", _VERDICTS), ("confidence", codes("confidence"))):
            if row[key] not in one_of:
                self._fail(key, f"the code {row[key]!r} is not known")
        return Rule(
            id=row["id"],
            pack=self.name,
            title_zh=row["title_zh"],
            title_en=row["title_en"],
            categories=self._words("categories", row, known),
            actions=self._words("actions", row, _ACTIONS),
            verdict=row["verdict"],
            sources=sources,
            confidence=row["confidence"],
            river_scope=scope,
            named_rivers=self._named(scope),
            class_rivers=tuple(
                (name, tuple(self.rivers.get(name, ())))
                for name in ("main_stem", "important_tributary")
            ),
            distance_m=None if distance is None else float(distance),
            zones=zones,
            outside=outside,
            exemption_zh=row.get("exemption_zh", ""),
            exemption_en=row.get("exemption_en", ""),
            evidence_zh=row.get("evidence_zh", ""),
            evidence_en=row.get("evidence_en", ""),
            exemption_actions=self._words("exemption_actions", row, _ACTIONS),
            exemption_categories=self._words("exemption_categories", row, known),
            in_force=self._since(row, sources),
            in_force_to=self._day("in_force_to", row) or _last_day(sources),
            note_zh=row.get("note_zh", ""),
            note_en=row.get("note_en", ""),
            tributary_note_zh=row.get("tributary_note_zh", ""),
            tributary_note_en=row.get("tributary_note_en", ""),
        )

    def _sources(self, row: dict[str, Any]) -> tuple[Source, ...]:
        sources = []
        for entry in self._of("basis", row, list):
            texts = isinstance(entry, list) and all(isinstance(one, str) for one in entry)
            if not (texts and len(entry) == 3):
                self._fail("basis", f"{entry!r} is not [document, article_zh, article_en]")
            key, article_zh, article_en = entry
            if key not in self.documents:
                self._fail("basis", f"the document {key!r} is not in [documents]")
            of = self.documents[key]
            sources.append(
                Source(
                    of["title_zh"], of["title_en"], article_zh, article_en,
                    of.get("edition", ""), of.get("edition_en", ""),
                    self._day("in_force", of), self._day("in_force_to", of),
                )
            )  # fmt: skip
        if "edition" in row:  # a rule may name another edition of its first document
            own = {"edition_zh": row["edition"], "edition_en": row.get("edition_en", "")}
            sources[0] = replace(sources[0], **own)
        return tuple(sources)

    def _since(self, row: dict[str, Any], sources: tuple[Source, ...]) -> dt.date | None:
        """Tell the day that turns a rule on: its own, or that of the one document it rests on."""
        if row.get("in_force") == _UNRECORDED:
            return None
        return self._day("in_force", row) or (sources[0].in_force if len(sources) == 1 else None)

    def _zones(self, key: str, row: dict[str, Any]) -> Zones:
        zones = []
        for entry in self._of(key, row, list, []):
            if not isinstance(entry, dict) or not set(entry) <= {"kind", "grades"}:
                self._fail(key, f"{entry!r} is not {{ kind = .., grades = [..] }}")
            if entry.get("kind") not in codes("zone_kind"):
                self._fail(key, f"the zone kind {entry.get('kind')!r} is not known")
            zones.append((entry["kind"], self._words("grades", entry, codes("zone_grade"))))
        return tuple(zones)

    def _named(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        rivers: list[str] = []
        for word in scope:
            if str(word).startswith("named:"):
                name = word.removeprefix("named:")
                if name.isascii() and name not in self.rivers:
                    self._fail("river_scope", f"the list {name!r} is not in [river_classes]")
                rivers += self.rivers.get(name, [name])
            elif word not in codes("river_class"):
                self._fail("river_scope", f"the code {word!r} is not known")
        return tuple(dict.fromkeys(rivers))
