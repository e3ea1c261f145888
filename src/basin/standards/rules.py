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

__all__ = [
    "Category",
    "Rule",
    "Source",
    "categories",
    "category_code",
    "category_label",
    "load_rules",
    "pack_file",
    "pack_names",
    "read_pack",
    "rules_frame",
]

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
    evidence_zh, evidence_en
        What a claim of the exemption has to be shown with.
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
        The latter for hits on a river that is neither main stem nor important tributary, where
        the law is disputed.
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
    evidence_zh: str = ""
    evidence_en: str = ""
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
    def scope_disputed(self) -> bool:
        """Whether it is disputed which tributaries the rule counts: by the letter, every one."""
        return bool(self.tributary_note_zh or self.tributary_note_en)

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
        for rule in read_pack(name):
            if rule.id in found:
                raise RuleError(
                    f"pack {rule.pack!r}, rule {rule.id!r}: the id is taken by pack "
                    f"{found[rule.id].pack!r}",
                    ids=[rule.id],
                    mend="Give the rule another id, or name the pack once.",
                )
            found[rule.id] = rule
    return tuple(rule.on(date) for rule in found.values() if rule.in_force_on(date))


def pack_file(name: str | Path) -> Any:
    """Return the file of a pack given by name or path.

    Raises
    ------
    RuleError
        If there is no pack of this name.
    """
    source = str(name)
    if source.endswith(".toml") or isinstance(name, Path):
        return Path(name)
    if source not in pack_names():
        raise RuleError(
            f"there is no rule pack {source!r}",
            mend=f"Use one of {', '.join(pack_names())}, or the path of a .toml file.",
            zh=f"没有规则包 {source!r}",
            mend_zh=f"可用的有 {'、'.join(pack_names())}，或 .toml 文件的路径",
        )
    return files("basin.standards").joinpath("rule_packs", f"{source}.toml")


def read_pack(name: str | Path) -> list[Rule]:
    """Read every rule of one pack; see :func:`load_rules` for what it raises."""
    path, source = pack_file(name), str(name)
    label = Path(source).stem if source.endswith(".toml") else source
    try:
        text = path.read_text(encoding="utf-8-sig")  # Notepad writes a mark
        table = tomllib.loads(text)
    except OSError as error:
        raise RuleError(f"rule pack {source!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or no path
        raise RuleError(
            f"rule pack {label!r} is not valid TOML in UTF-8: {error}",
            zh=f"规则包 {label!r} 不是合法的 UTF-8 TOML：{error}",
        ) from None
    note_rules(label, text)
    from basin.standards._pack import Pack  # it speaks of the rules here

    return Pack(label, table, text).rules()
