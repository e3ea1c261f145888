"""What ``basin check`` tells beside the verdicts: sensitivity, changes since, overrides."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from basin.cli._output import hint, print_table, say

if TYPE_CHECKING:
    from basin.project import Basin
    from basin.siting import DefinitionSensitivity, LineSensitivity, SitingChanges, SitingResult

__all__ = ["Beside", "beside", "reading_of", "say_overrides", "tributaries_option"]

#: Notes in full up to so many sites; beyond, a table.
_MOST_SITES = 3


@dataclass
class Beside:
    """Tables to write or print beside the verdicts, and how to show them."""

    tables: dict[str, Any] = field(default_factory=dict)
    changes: SitingChanges | None = None
    lines: LineSensitivity | None = None
    readings: DefinitionSensitivity | None = None
    decided: Any = None

    def show(self, lang: str) -> None:
        """Print what was asked for."""
        if self.changes is not None:
            say("\n" + self.changes.explain(lang))
        if self.lines is not None:
            if self.lines.sites["site_id"].nunique() <= _MOST_SITES:
                say("\n" + self.lines.explain(lang=lang))
            else:
                from basin.siting import left_out_lines

                print_table(_line_words(self.lines, lang), most=200)
                for line in left_out_lines(self.lines.left_out, lang):
                    say(line)
        if self.readings is not None:
            print_table(_reading_words(self.readings, lang), most=200)
            for line in _reading_notes(self.decided, lang):
                say(line)


def beside(
    basin: Basin,
    sites: Any,
    result: SitingResult,
    against: dt.date | None,
    sensitivity: bool,
    options: dict[str, Any],
) -> Beside:
    """Ask for what stands beside the verdicts."""
    found = Beside()
    if against is not None:
        other = basin.check(sites, date=against, **options)
        first, last = sorted((other, result), key=lambda r: r.date)
        found.changes = first.compare(last)
        found.tables |= {"site_changes": found.changes.findings}
    if sensitivity:
        found.lines = basin.line_sensitivity(sites, date=result.date, **options)
        kept = {name: value for name, value in options.items() if name != "overrides"}
        found.readings = basin.definition_sensitivity(sites, date=result.date, **kept)
        found.decided = result.overrides
        found.tables |= {
            "site_line_sensitivity": found.lines.sites,
            "site_lines": found.lines.lines,
            "site_readings": found.readings.table,
        }
    return found


tributaries_option = click.option(
    "--tributaries",
    default="all",
    show_default=True,
    metavar="READING",
    help="Which tributaries count where the law is disputed: all, important, first_order, "
    "second_order, or names of rivers.",
)


def reading_of(tributaries: str) -> str | tuple[str, ...]:
    """Read ``--tributaries``: a word, or names of rivers."""
    words = [word.strip() for word in re.split("[,，、]", tributaries) if word.strip()]
    return words[0] if len(words) == 1 and words[0].isascii() else tuple(words)


_LINE_HEADS = {
    "site_id": ("项目编号", "site"),
    "rule_id": ("规则", "rule"),
    "verdict": ("结论", "verdict"),
    "distance_m": ("距离 (m)", "distance (m)"),
    "limit_m": ("限值 (m)", "limit (m)"),
    "shift_m": ("移动多少即翻转 (m)", "shift that flips (m)"),
    "setback_m": ("再退多少可通过 (m)", "setback that passes (m)"),
    "setback_all_m": ("各版本均通过 (m)", "under every edition (m)"),
    "flag": ("提示", "flag"),
    "gcj02_verdict": ("若为 GCJ-02", "if GCJ-02"),
}


def _line_words(lines: LineSensitivity, lang: str) -> Any:
    from basin.siting import decided_text
    from basin.standards import label

    table = lines.sites[[*_LINE_HEADS]].copy()
    table["verdict"] = [decided_text(row, lang) for row in lines.sites.to_dict("records")]
    table["gcj02_verdict"] = [label("verdict", v, lang) for v in table["gcj02_verdict"]]
    table["flag"] = [label("line_flag", f, lang) if f else "" for f in table["flag"]]
    for name in ("distance_m", "shift_m", "setback_m", "setback_all_m"):
        table[name] = table[name].round(1)
    return table.rename(columns={n: h[lang != "zh"] for n, h in _LINE_HEADS.items()})


def _reading_words(readings: DefinitionSensitivity, lang: str) -> Any:
    """How many sites each reading prohibits, a column a scope; what is open in brackets."""
    from basin.standards import label

    table = readings.table
    told = table["n_prohibited"].astype(str)
    for name in ("n_borderline", "n_unchecked"):
        word = label("reading_column", name, lang)
        told += table[name].map(lambda n, word=word: f" + {n} {word}" if n else "")
    scopes = list(dict.fromkeys(table["scope"]))
    wide = table.assign(told=told).pivot(index=["limit_m", "line"], columns="scope", values="told")
    wide = wide[scopes].reset_index()
    wide["line"] = [label("base_line_reading", code, lang) for code in wide["line"]]
    words = {s: label("river_scope_reading", s, lang) for s in scopes}
    heads = {n: label("reading_column", n, lang) for n in ("limit_m", "line")}
    return wide.rename(columns=words | heads).rename_axis(columns=None)


def _reading_notes(decided: Any, lang: str) -> list[str]:
    """What the counts do not hold: decisions of people on single findings."""
    from basin.siting import decided_text

    rows = decided[decided["status"] == "applied"].to_dict("records")
    told = [f"{row['site_id']} · {row['rule_id']} {decided_text(row, lang)}" for row in rows]
    if not told:
        return []
    if lang == "zh":
        return [f"上表按距离计数，未计入人工改判：{'；'.join(told)}"]
    return [f"counts are of distances, without what people decided: {'; '.join(told)}"]


def say_overrides(overrides: Any, lang: str) -> None:
    """Say on stderr what became of each human override."""
    from basin.standards import label

    for row in overrides.to_dict("records"):
        told = label("override_status", row["status"], lang)
        now = label("verdict", row["verdict"], lang)
        hint(
            f"人工改判 {row['site_id']} · {row['rule_id']} → {now}（{row['who']}，{row['when']}）："
            f"{told}"
            if lang == "zh"
            else f"override {row['site_id']} · {row['rule_id']} -> {now} ({row['who']}, "
            f"{row['when']}): {told}"
        )
