"""What the reports on a spill, on an intake's hours and on the ledger of outfalls say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from basin.reports._document import Column, Document, Picture, Section, Table, clean, tabulate
from basin.reports._words import heads
from basin.standards.labels import label

__all__ = ["intake_document", "ledger_document", "spill_document"]

_WORDS = {
    "zh": {
        "spill": "水污染事件推演：{}",
        "intake": "取水口上游时间圈：{}",
        "ledger": "入河排污口查测溯治台账",
        "caveat": "辅助研判，推演估算，以监测为准；线索清单，不是责任认定。",
        "ledger_caveat": "辅助研判；线索清单，不是责任认定。",
        "where": "地点",
        "matter": "物质",
        "mass": "泄漏量 (kg)",
        "date": "推演日期",
        "as_of": "截至",
        "river": "河流",
        "hours": "时间圈 (h)",
        "note": "研判",
        "arrivals": "到达时间",
        "every": "到达时间（各情形）",
        "spaces": "可用空间",
        "plan": "一河一策",
        "reaches": "河段与流速依据",
        "inputs": "依据的数据",
        "contents": "时间圈内的对象",
        "progress": "进度",
        "years": "历年进度",
        "targets": "计划目标",
        "findings": "须核查",
        "outfalls": "排污口台账",
        "count": "排污口",
        "nothing": "没有。",
        "figures": "附图",
    },
    "en": {
        "spill": "Spill: {}",
        "intake": "Hours upstream of intake {}",
        "ledger": "Ledger of outfalls",
        "caveat": "An aid to judgement and an estimate, to be checked by sampling; a list of "
        "leads, not proof.",
        "ledger_caveat": "An aid to judgement; a list of leads, not proof.",
        "where": "Place",
        "matter": "Matter",
        "mass": "Mass (kg)",
        "date": "Reckoned for",
        "as_of": "As of",
        "river": "River",
        "hours": "Hours",
        "note": "What can be said",
        "arrivals": "Arrival",
        "every": "Arrival, every case",
        "spaces": "Space for time",
        "plan": "What to do first",
        "reaches": "Reaches and their velocity",
        "inputs": "Inputs",
        "contents": "What lies within these hours",
        "progress": "Progress",
        "years": "Progress by year",
        "targets": "Plan targets",
        "findings": "To be checked",
        "outfalls": "Outfalls",
        "count": "Outfalls",
        "nothing": "None.",
        "figures": "Figures",
    },
}

_EVERY = (
    "kind", "id", "name", "river", "district", "distance_m", "case", "leading_h", "peak_h",
    "trailing_h", "passage_h", "delay_h", "lag_h", "flow_m3_s", "peak_mg_l", "peak_hj_mg_l",
    "above_h", "mixed", "reach_id", "measure_m",
)  # fmt: skip
_SPACES = (
    "structure_id", "name", "kind", "river", "district", "distance_m", "arrival_h", "report_min",
    "close_min", "margin_min", "closable", "mass_share", "volume_m3", "flow_m3_s", "needed_m3",
    "hold_h", "enough", "fit", "held_m3",
)  # fmt: skip
_REACHES = ("reach_id", "name", "tier", "flow_m3_s", "length_m", "distance_m", "velocity_m_s",
            "leading_median_h", "peak_median_h")  # fmt: skip
_CONTENTS = ("within_h", "kind", "id", "name", "river", "distance_m", "leading_h", "reach_id")
_INPUTS = ("layer", "n_rows", "source", "dated")
_STEPS = ("surveyed", "measured", "traced", "rectified")
_OUTFALLS = (
    "outfall_id", "name", "kind", "river", "district", "responsible", "action", "status",
    *_STEPS, "surveyed_on", "sampled_on", "traced_on", "rectified_on", "closed_on", "findings",
    "section_id", "distance_m", "travel_time_h",
)  # fmt: skip
_YEARS = (
    "scope", "name", "as_of", "n_outfalls", *(f"{s}_n" for s in _STEPS),
    *(f"{s}_share" for s in _STEPS), "ban_n", "ban_done", "merge_n", "merge_done", "regulate_n",
    "regulate_done",
)  # fmt: skip
_FINDINGS = ("kind", "outfall_ids", "text", "basis")


def _plain(table: Any) -> pd.DataFrame:
    return pd.DataFrame(table.drop(columns="geometry", errors="ignore"))


def _reading(title: str, frame: pd.DataFrame) -> Table:
    """A table whose headings and cells are words already."""
    columns = tuple(Column(str(c), str(c)) for c in frame.columns)
    return tabulate(title, frame.reset_index(drop=True), columns)


def _inputs(result: Any, lang: str) -> Table:
    table = result.inputs.rename(columns={"n": "n_rows"})
    return tabulate(_WORDS[lang]["inputs"], table, heads(_INPUTS, lang, layer="input_layer"))


def _document(
    title: str, lang: str, caveat: str, facts: Any, conclusion: str, sections: list[Section],
    sheets: tuple[Table, ...], pictures: tuple[Picture, ...],
) -> Document:  # fmt: skip
    if pictures:
        sections.append(Section(_WORDS[lang]["figures"], pictures=pictures))
    return Document(
        title=clean(title), lang=lang, caveat=caveat,
        facts=tuple((name, clean(value)) for name, value in facts),
        conclusion=clean(conclusion), sections=tuple(sections), sheets=sheets, pictures=pictures,
    )  # fmt: skip


def spill_document(spill: Any, lang: str, pictures: tuple[Picture, ...]) -> Document:
    """Lay out a `SpillTrace`."""
    words, start = _WORDS[lang], spill.start
    where = start["name"] or f"{start['lon']:.5f}, {start['lat']:.5f}"
    arrivals = _reading(words["arrivals"], spill.to_frame(lang))
    codes = {"kind": "target_kind", "case": "spill_case"}
    every = tabulate(words["every"], _plain(spill.arrivals), heads(_EVERY, lang, **codes))
    spaces = tabulate(
        words["spaces"], spill.spaces,
        heads(_SPACES, lang, kind="structure_kind", fit="space_fit", closable="answer",
              enough="answer"),
        empty=words["nothing"],
    )  # fmt: skip
    passing = _plain(spill.reaches).rename(columns={"velocity_median_m_s": "velocity_m_s"})
    reaches = tabulate(words["reaches"], passing, heads(_REACHES, lang, tier="velocity_tier"))
    inputs = _inputs(spill, lang)
    mass = "–" if pd.isna(start["mass_kg"]) else f"{start['mass_kg']:,.0f}"
    item = label("item", start["item_id"], lang) if start["item_id"] else "–"
    facts = ((words["where"], where), (words["river"], start["river"] or "–"),
             (words["matter"], item), (words["mass"], mass),
             (words["date"], str(spill.date)))  # fmt: skip
    sections = [
        Section(words["note"], (clean(spill.explain(lang)),)),
        Section(words["arrivals"], tables=(arrivals,)),
        Section(words["spaces"], tables=(spaces.filled(),)),
        Section(words["inputs"], tables=(inputs.filled(),)),
    ]
    plan = "\n".join(spill.plan(lang))
    sheets = (arrivals, every, spaces, reaches, inputs)
    title = words["spill"].format(where)
    return _document(title, lang, words["caveat"], facts, plan, sections, sheets, pictures)


def intake_document(zones: Any, lang: str, pictures: tuple[Picture, ...]) -> Document:
    """Lay out `IntakeZones`."""
    words = _WORDS[lang]
    who = f"{zones.intake['id']} {zones.intake['name']}".strip()
    contents = tabulate(
        words["contents"], _plain(zones.contents), heads(_CONTENTS, lang, kind="zone_content"),
        empty=words["nothing"],
    )  # fmt: skip
    inputs = _inputs(zones, lang)
    hours = ", ".join(f"{h:g}" for h in zones.hours)
    facts = ((words["where"], who), (words["river"], zones.intake["river"] or "–"),
             (words["hours"], hours), (words["date"], str(zones.date)))  # fmt: skip
    told = zones.explain(lang)
    sections = [
        Section(words["note"], (clean(told),)),
        Section(words["contents"], tables=(contents.filled(),)),
        Section(words["inputs"], tables=(inputs.filled(),)),
    ]
    title = words["intake"].format(who)
    conclusion = "\n".join(line for line in told.splitlines()[1:] if not line.startswith(" "))
    return _document(title, lang, words["caveat"], facts, conclusion.split("\n")[0], sections,
                     (contents, inputs), pictures)  # fmt: skip


def ledger_document(ledger: Any, lang: str, pictures: tuple[Picture, ...]) -> Document:
    """Lay out an `OutfallLedger`."""
    words = _WORDS[lang]
    progress = _reading(words["progress"], ledger.to_frame(lang))
    by_year = ledger.progress.rename(columns={"n": "n_outfalls"})
    years = tabulate(words["years"], by_year, heads(_YEARS, lang, scope="ledger_scope"))
    goals = ledger.targets.assign(goal=ledger.targets[lang]).rename(
        columns={"n": "n_outfalls", "share": "done_share"}
    )
    targets = tabulate(
        words["targets"], goals,
        heads(("target", "goal", "step", "due", "as_of", "n_outfalls", "done", "done_share",
               "required", "met", "basis"), lang, step="survey_step", met="target_met"),
        empty=words["nothing"],
    )  # fmt: skip
    told = ledger.findings.assign(text=ledger.findings[f"text_{lang}"])
    findings = tabulate(
        words["findings"], told, heads(_FINDINGS, lang, kind="ledger_finding"),
        empty=words["nothing"],
    )  # fmt: skip
    codes = {"kind": "outfall_kind", "action": "outfall_action", "findings": "ledger_finding"}
    outfalls = tabulate(words["outfalls"], _plain(ledger.outfalls), heads(_OUTFALLS, lang, **codes))
    inputs = _inputs(ledger, lang)
    lines = ledger.explain(lang).splitlines()
    facts = ((words["as_of"], str(ledger.date)), (words["count"], str(len(ledger.outfalls))))
    sections = [
        Section(words["note"], (clean("\n".join(lines)),)),
        Section(words["progress"], tables=(progress,)),
        Section(words["targets"], tables=(targets.filled(),)),
        Section(words["findings"], tables=(findings.filled(),)),
        Section(words["inputs"], tables=(inputs.filled(),)),
    ]
    sheets = (progress, years, targets, findings, outfalls, inputs)
    return _document(words["ledger"], lang, words["ledger_caveat"], facts, "\n".join(lines[2:4]),
                     sections, sheets, pictures)  # fmt: skip
