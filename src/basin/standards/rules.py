"""Siting rules as dated data: the packs, the categories of projects, and what is in force on a day.

A pack is a TOML file: documents (law, edition, in force from and to), named rivers, and rules that
say which categories and actions may not stand how near to which rivers, inside or outside which
zones. ``rule_packs/`` holds the packs that come with `basin`; a path to another file does as well.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from basin._run import note_rules
from basin.errors import RuleError
from basin.standards.labels import codes

__all__ = [
    "Category",
    "Rule",
    "Source",
    "categories",
    "category_code",
    "category_label",
    "load_rules",
    "pack_names",
    "rules_frame",
]

_VERDICTS = ("prohibit", "restrict", "permit_required", "review")
_ACTIONS = ("new", "expand", "rebuild", "existing", "any")
_TEXTS = {
    "title_zh", "title_en", "exemption_zh", "exemption_en", "note_zh", "note_en",
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

Zones = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Source:
    """One edition of one document that carries a rule: title, article, edition, and its days.

    ``in_force`` is None where the day is not recorded (it counts as in force, and the text says
    so); ``in_force_to`` is None while it is still in force.
    """

    title_zh: str
    title_en: str
    article_zh: str = ""
    article_en: str = ""
    edition_zh: str = ""
    edition_en: str = ""
    in_force: dt.date | None = None
    in_force_to: dt.date | None = None

    def in_force_on(self, date: dt.date) -> bool:
        """Tell whether it is in force on a day, both ends included."""
        return (self.in_force or date) <= date <= (self.in_force_to or date)

    def edition_text(self, lang: str = "zh") -> str:
        """Say which edition it is and since when, or that the day is not recorded."""
        since, until = self.in_force, self.in_force_to
        if lang == "en":
            days = (
                f"in force {since}" if since else "date of effect not recorded, counts as in force"
            )
            parts = [self.edition_en or self.edition_zh, days + (f" to {until}" if until else "")]
            return "; ".join(part for part in parts if part)
        days = f"{since} 起施行" if since else "施行日期未载，按有效计"
        parts = [self.edition_zh, days + (f"，至 {until}" if until else "")]
        return "；".join(part for part in parts if part)


@dataclass(frozen=True)
class Rule:
    """One siting rule of one pack, with its law.

    Attributes
    ----------
    id, pack, title_zh, title_en
    categories, actions
        ``"*"`` and ``"any"`` stand for all.
    river_scope
        ``main_stem``, ``important_tributary``, ``tributary`` (every river that is not the main
        stem) or ``named:<river or list of the pack>``; empty if the rule looks at no river.
    named_rivers
        The rivers that ``named:`` stands for.
    class_rivers
        Names that count as a class whatever the layer says: ``{"main_stem": ("长江",), ...}``.
    distance_m
        Inside is ``<=``; from the shoreline if there is a river scope, else from the zones. None:
        anywhere (rivers), or touching (zones).
    zones, outside
        ``(kind, grades)`` that the site must not touch, or must lie in; no grades means any.
    verdict
        ``prohibit``, ``restrict``, ``permit_required`` or ``review``.
    exemption_zh, exemption_en, exemption_actions, exemption_categories
        The exemption, and who may claim it: for them the finding is left to a person.
    sources
        Law and article, by edition. Of a rule as of a day (:meth:`on`), those in force on it.
    in_force, in_force_to
        The days that turn the rule on and off, where the record states them; None: not recorded
        (asked on every day), and still in force.
    edition_known
        False if no edition on record was in force on the day yet: a person decides.
    confidence
        ``verified``, ``policy_document``, ``knowledge`` or ``unsure``.
    note_zh, note_en, tributary_note_zh, tributary_note_en
        The latter for hits on a river that is neither main stem nor important tributary.
    """

    id: str
    pack: str
    title_zh: str
    title_en: str
    categories: tuple[str, ...]
    actions: tuple[str, ...]
    verdict: str
    sources: tuple[Source, ...]
    confidence: str
    river_scope: tuple[str, ...] = ()
    named_rivers: tuple[str, ...] = ()
    class_rivers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    distance_m: float | None = None
    zones: Zones = ()
    outside: Zones = ()
    exemption_zh: str = ""
    exemption_en: str = ""
    exemption_actions: tuple[str, ...] = ()
    exemption_categories: tuple[str, ...] = ()
    in_force: dt.date | None = None
    in_force_to: dt.date | None = None
    note_zh: str = ""
    note_en: str = ""
    tributary_note_zh: str = ""
    tributary_note_en: str = ""

    edition_known: bool = True

    @property
    def basis_zh(self) -> str:
        """Titles and articles, in Chinese."""
        return "；".join(dict.fromkeys(one.title_zh + one.article_zh for one in self.sources))

    @property
    def basis_en(self) -> str:
        """Titles and articles, in English."""
        told = [", ".join(filter(None, (one.title_en, one.article_en))) for one in self.sources]
        return "; ".join(dict.fromkeys(told))

    def edition_text(self, lang: str = "zh") -> str:
        """Say which editions they are and since when, or that the day is not recorded."""
        zh = lang == "zh"
        if not self.edition_known:
            days = [one.in_force for one in self.sources if one.in_force]
            since = min(days, default="")
            return (
                f"基准日期有效的版本未载，所载版本 {since} 起施行"
                if zh
                else f"the edition in force on the date is not recorded; that on record is "
                f"in force {since}"
            )
        told = [one.edition_text(lang) for one in self.sources]
        if len(told) > 1:
            titles = [one.title_zh if zh else one.title_en for one in self.sources]
            told = [f"{title} {text}" for title, text in zip(titles, told, strict=True)]
        return ("。" if zh else " | ").join(told)

    def in_force_on(self, date: dt.date | None) -> bool:
        """Tell whether a rule is to be asked on a day: unless the record says that it was not yet
        in force, or no longer; both ends included, and None is any day.
        """
        if date is None:
            return True
        return (self.in_force or date) <= date <= (self.in_force_to or date)

    def on(self, date: dt.date | None) -> Rule:
        """Return the rule as of a day: with the sources in force on it.

        If none was, all are kept and ``edition_known`` is False: that the editions on record are
        younger does not say that nothing applied.
        """
        if date is None:
            return self
        sources = tuple(one for one in self.sources if one.in_force_on(date))
        return replace(self, sources=sources or self.sources, edition_known=bool(sources))


_FRAME = [
    "rule_id", "pack", "title", "verdict", "categories", "actions", "rivers", "distance_m", "zones",
    "exemption", "basis", "edition", "confidence",
]  # fmt: skip


def rules_frame(rules: Iterable[Rule], lang: str = "zh") -> Any:
    """Return rules as a table to read: what is banned where, by which law, since when.

    Parameters
    ----------
    rules
        As `load_rules` returns them.
    lang : {'zh', 'en'}

    Returns
    -------
    DataFrame
        ``rule_id``, ``pack``, ``title``, ``verdict``, ``categories``, ``actions``, ``rivers``,
        ``distance_m``, ``zones``, ``exemption``, ``basis``, ``edition``, ``confidence``.
    """
    import pandas as pd

    def within(zones: Zones, word: str) -> str:
        return "; ".join(word + ":".join((kind, "|".join(g))).rstrip(":") for kind, g in zones)

    rows = [
        {
            "rule_id": rule.id,
            "pack": rule.pack,
            "title": rule.title_zh if lang == "zh" else rule.title_en,
            "verdict": rule.verdict,
            "categories": ", ".join(rule.categories),
            "actions": ", ".join(rule.actions),
            "rivers": ", ".join(rule.river_scope),
            "distance_m": rule.distance_m,
            "zones": within(rule.zones, "") + within(rule.outside, "outside "),
            "exemption": rule.exemption_zh if lang == "zh" else rule.exemption_en,
            "basis": rule.basis_zh if lang == "zh" else rule.basis_en,
            "edition": rule.edition_text(lang),
            "confidence": rule.confidence,
        }
        for rule in rules
    ]
    return pd.DataFrame(rows, columns=_FRAME)


# ---- categories ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Category:
    """A category of project: what it surely is (itself included), and what it may be."""

    code: str
    zh: str
    en: str
    sure: frozenset[str]
    maybe: frozenset[str]
    group: bool = False


@cache
def categories() -> Mapping[str, Category]:
    """Return the categories of projects by code (``categories.toml``).

    Examples
    --------
    >>> sorted(categories()["coal_chemical"].sure & {"chemical", "polluting_high", "outfall"})
    ['chemical', 'polluting_high']
    >>> "chemical" in categories()["warehouse"].maybe
    False
    """
    text = files("basin.standards").joinpath("categories.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    for code, entry in table.items():
        for word in (*entry.get("is", ()), *entry.get("may_be", ())):
            if word not in table:
                raise RuleError(f"categories.toml: {code!r} names the unknown category {word!r}")

    def closure(code: str, done: frozenset[str] = frozenset()) -> frozenset[str]:
        if code in done:
            return done
        for word in table[code].get("is", ()):
            done = closure(word, done | {code})
        return done | {code}

    result = {}
    for code, entry in table.items():
        sure = closure(code)
        maybe = frozenset().union(*map(closure, entry.get("may_be", ()))) - sure
        result[code] = Category(
            code, entry["zh"], entry["en"], sure, maybe, bool(entry.get("group", False))
        )
    return result


def category_code(word: Any) -> str | None:
    """Return the code of a category given by code or by its Chinese or English word; else None.

    Examples
    --------
    >>> category_code("化工项目"), category_code("chemical"), category_code("宇航")
    ('chemical', 'chemical', None)
    """
    text = "" if word is None else str(word).strip()
    return _category_words().get(text) or _category_words().get(text.lower())


@cache
def _category_words() -> Mapping[str, str]:
    words: dict[str, str] = {}
    for code, entry in categories().items():
        words |= {code: code, entry.zh: code, entry.en: code}
    return words


def category_label(code: Any, lang: str = "zh") -> str:
    """Return the word for a category; an unknown one stands for itself."""
    entry = categories().get(str(code))
    return (entry.zh if lang == "zh" else entry.en) if entry else str(code)


# ---- packs -----------------------------------------------------------------------------------


def pack_names() -> tuple[str, ...]:
    """Return the names of the packs that come with `basin`."""
    folder = files("basin.standards").joinpath("rule_packs")
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))


def load_rules(
    packs: str | Path | Iterable[str | Path], date: dt.date | None = None
) -> tuple[Rule, ...]:
    """Load rule packs and keep the rules in force on a day.

    Parameters
    ----------
    packs
        Names of packs that come with `basin` (``"china-yangtze"``), or paths to TOML files.
    date
        Project date; None keeps every rule and every edition. A rule is left out only where the
        record states that it was not yet, or no longer, in force; a law without a date of effect
        counts as in force, and the edition text says so.

    Returns
    -------
    tuple of Rule
        In the order of the packs, each as of the date (:meth:`Rule.on`).

    Raises
    ------
    RuleError
        If a pack cannot be found or read, or a rule has an unknown key or code, lacks one, or its
        id is taken; the message names pack, rule and key.

    Examples
    --------
    >>> import datetime as dt
    >>> rules = load_rules(["china-yangtze"], dt.date(2021, 2, 28))
    >>> any(rule.id == "CJ26-CHEM-1KM" for rule in rules)
    False
    """
    names = [packs] if isinstance(packs, str | Path) else list(packs)
    found: dict[str, Rule] = {}
    for name in names:
        for rule in _read_pack(name):
            if rule.id in found:
                raise RuleError(
                    f"pack {rule.pack!r}, rule {rule.id!r}: the id is taken by pack "
                    f"{found[rule.id].pack!r}",
                    ids=[rule.id],
                    mend="Give the rule another id, or name the pack once.",
                )
            found[rule.id] = rule
    return tuple(rule.on(date) for rule in found.values() if rule.in_force_on(date))


def _read_pack(name: str | Path) -> list[Rule]:
    source = str(name)
    if source.endswith(".toml") or isinstance(name, Path):
        path: Any = Path(name)
        label = path.stem
    else:
        path, label = files("basin.standards").joinpath("rule_packs", f"{source}.toml"), source
        if source not in pack_names():
            raise RuleError(
                f"there is no rule pack {source!r}",
                mend=f"Use one of {', '.join(pack_names())}, or the path of a .toml file.",
            )
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise RuleError(f"rule pack {source!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or no path
        raise RuleError(f"rule pack {label!r} is not valid TOML in UTF-8: {error}") from None
    note_rules(label, text)
    return _Pack(label, table).rules()


def _last_day(sources: tuple[Source, ...]) -> dt.date | None:
    """Tell the day after which no source is in force; None if one still is."""
    ends = [one.in_force_to for one in sources if one.in_force_to]
    return max(ends) if ends and len(ends) == len(sources) else None


class _Pack:
    """One pack while it is read: its documents and rivers, and where we are for a message."""

    def __init__(self, name: str, table: dict[str, Any]) -> None:
        self.name = str(table.get("pack", name))
        self.where = f"pack {self.name!r}"
        self._only(table, _PACK_KEYS)
        if table.get("schema") != 1:
            self._fail("schema", f"is {table.get('schema')!r}, not 1")
        self.table = table
        self.rivers: dict[str, list[str]] = self._of("river_classes", table, dict, {})
        for key in self.rivers:
            self._texts(key, self.rivers)
        self.documents = self._of("documents", table, dict, {})
        for key in self.documents:
            self.where = f"pack {self.name!r}"
            entry = self._of(key, self.documents, dict)
            self.where = f"pack {self.name!r}, document {key!r}"
            self._only(entry, _DOCUMENT_KEYS)
            for text in ("title_zh", "title_en"):
                self._of(text, entry, str)
            for text in ("edition", "edition_en"):
                self._of(text, entry, str, "")

    def rules(self) -> list[Rule]:
        self.where = f"pack {self.name!r}"
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
            raise RuleError(f"pack {self.name!r} holds rule ids twice", ids=twice)
        return rules

    def _fail(self, key: str, what: str) -> None:
        raise RuleError(f"{self.where}, key {key!r}: {what}")

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
