"""From conditions to findings, and from findings to one verdict a site."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin.crs import EXCHANGE_CRS
from basin.layers.codes import industry_category
from basin.siting._beside import site_notes, told_once, with_industry
from basin.siting._conditions import (
    IN,
    NEAR,
    Condition,
    Words,
    evaluate,
    line_level,
)
from basin.siting._evidence import Evidence, Ints, gather, match_scope, version_text
from basin.siting._ground import (
    DEFAULT_PACKS,
    Ground,
    Packs,
    Tributaries,
    enter_ground,
    enter_sites,
)
from basin.siting._result import SitingResult
from basin.standards.labels import codes, label
from basin.standards.rules import Rule, categories, category_code

_NO, _MAYBE, _SURE = 0, 1, 2

#: Finding verdicts, strictest first; a finding never reads ``undetermined``.
VERDICTS = tuple(v for v in codes("verdict") if v != "undetermined")
_RANK = {verdict: rank for rank, verdict in enumerate(VERDICTS)}

#: What a rule's own verdict makes of a project that meets it.
_MEANS = {
    "prohibit": "prohibited",
    "restrict": "conditional",
    "permit_required": "conditional",
    "review": "manual",
}


def check_sites(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame | None,
    *,
    coverage: gpd.GeoDataFrame | None = None,
    rules: Packs = DEFAULT_PACKS,
    date: dt.date | str | None = None,
    rivers: gpd.GeoDataFrame | None = None,
    bare: gpd.GeoDataFrame | None = None,
    rivers_whole: bool = True,
    tributaries: Tributaries = "all",
) -> SitingResult:
    """May these projects be built here? Every rule of the packs, at every site.

    A rule that is not met is ``clear`` only where its layers are present, in force and known to be
    complete as far as the rule looks; elsewhere it is ``unchecked``. A distance or an overlap
    within the combined positional error (root sum of squares) is ``borderline`` for a rule that
    prohibits; a rule that restricts or asks for review keeps its own, milder verdict there.

    Parameters
    ----------
    sites : shape (n, ...)
        Points, lines or polygons in any known CRS: ``site_id`` (or the index), ``category``,
        ``action`` and, if known, ``name`` and ``accuracy_m`` (metres; 5 where missing). A category
        or action that is missing or unknown leaves to a person every rule that depends on it.
    shorelines : shape (m, ...) or None
        Lines or polygons, all editions: see :func:`basin.buffers.base_lines` for which count.
    zones : shape (k, ...) or None
        Polygons, all editions. Range polygons of `shorelines` count as ``river_range`` too.
    coverage : optional
        Where layers are known to be complete (:func:`basin.zones.zone_coverage`). None: nowhere.
    rules
        Rule packs by name or path, or loaded rules.
    date
        The day that decides which rules, lines and zones are in force; None is today.
    rivers : optional
        Middle lines with ``name``: they tell the river from the land where one bank alone is drawn
        (:func:`basin.buffers.bank_sides`). No distance is measured from them.
    bare : optional
        Land around rivers without a shoreline (:func:`basin.buffers.bare_rivers`): there no stated
        coverage of shorelines or river ranges counts.
    rivers_whole
        False if there are rivers that could not be read or have lost their lines: whether each has
        a shoreline cannot be told then, and such coverage counts nowhere.
    tributaries
        Which tributaries a rule counts where that is disputed (``Rule.scope_disputed``): ``all``
        by the letter; ``important``; ``first_order`` or ``second_order`` (a column
        ``tributary_order`` of `shorelines`); or names of rivers. Main stem and important
        tributaries always count. What the letter meets and the reading does not is left to a
        person (``scope_disputed``), never clear.

    Returns
    -------
    SitingResult

    Raises
    ------
    CrsError
        If a CRS is missing or refused, or coordinates lie outside China.
    LayerError
        If site ids occur twice.
    RuleError
        If a pack is malformed or no rule is in force; if `tributaries` names a river that no
        shoreline has, or mixes names with a word.
    """
    ground = enter_ground(
        shorelines,
        zones,
        coverage=coverage,
        rules=rules,
        date=date,
        rivers=rivers,
        bare=bare,
        rivers_whole=rivers_whole,
        tributaries=tributaries,
    )
    return check_on(sites, ground)


def check_on(sites: gpd.GeoDataFrame, ground: Ground) -> SitingResult:
    """Check sites against what was entered before: :func:`check_sites` without its validation."""
    places, chosen = enter_sites(sites), ground.rules
    codes_of = project_codes(places)
    applies, soft, why = applicability(chosen, codes_of)
    evidence = gather(places, ground, applies)
    state_of = cache(lambda n: evaluate(chosen[n], evidence))
    parts = [
        _findings_of(n, rule, state_of(n), applies[n], soft[n], why[n])
        for n, rule in enumerate(chosen)
        if applies[n].any() or n == 0  # the first one keeps the columns of an empty table
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values(["site", "rule"], kind="stable", ignore_index=True)
    summary = _summary(places, codes_of, rows, evidence, chosen)
    open_to_all = tuple(replace(rule, actions=("any",)) for rule in chosen)
    unlisted = (applicability(open_to_all, codes_of)[0] > 0) & (applies == 0)
    notes = site_notes(chosen, unlisted, codes_of["action"], evidence, state_of)
    notes = with_industry(notes, places.get("category"))
    summary[["note", "note_en"]] = notes.to_numpy(dtype=object)
    return SitingResult(
        sites=summary,
        findings=_findings_table(rows, places, chosen),
        other_editions=_editions_table(rows, places, evidence, chosen, applies, soft),
        lines=_lines_table(evidence),
        rules=chosen,
        date=ground.date,
        packs=tuple(dict.fromkeys(rule.pack for rule in chosen)),
        tributaries=ground.tributaries,
    )


# ---- which rules concern which project -------------------------------------------------------


def project_codes(places: pd.DataFrame) -> pd.DataFrame:
    """Category and action of each site by code; None where missing or unknown."""
    actions: dict[str, str] = {}
    for code in codes("site_action"):
        actions |= {code: code, label("site_action", code): code}
    none = pd.Series(None, index=places.index, dtype=object)
    category, action = places.get("category", none), places.get("action", none)
    kinds = {word: _category_of(word) for word in category.dropna().unique()}
    deeds = {word: actions.get(str(word).strip()) for word in action.dropna().unique()}
    table = {"category": category.map(kinds), "action": action.map(deeds)}
    return pd.DataFrame({name: values.astype(object) for name, values in table.items()})


def _category_of(word: Any) -> str | None:
    """Code of a category: by code, by word, or by a class of GB/T 4754."""
    found = category_code(word)
    industry = None if found else industry_category(word)
    return industry[1] if industry else found


def applicability(rules: tuple[Rule, ...], projects: pd.DataFrame) -> tuple[Ints, Any, list[Words]]:
    """How surely each rule concerns each site, whether a person must decide, and why."""
    named = projects.astype(object).where(projects.notna(), "")
    number = named.groupby(["category", "action"], sort=False).ngroup().to_numpy(dtype=int)
    order = named.drop_duplicates().itertuples(index=False, name=None)
    kinds = [(category or None, action or None) for category, action in order]
    applies, soft, why = [], [], []
    for rule in rules:
        told = [_concerns(rule, category, action) for category, action in kinds]
        applies.append(np.array([t[0] for t in told], dtype=np.int64)[number])
        soft.append(np.array([t[1] != "" for t in told], dtype=bool)[number])
        why.append(np.array([t[1] for t in told], dtype=object)[number])
    shape = (len(rules), len(projects))
    return np.array(applies).reshape(shape), np.array(soft).reshape(shape), why


def _concerns(rule: Rule, category: str | None, action: str | None) -> tuple[int, str]:
    """Whether a rule concerns a kind of project, and why a person must decide (or nothing)."""
    by_action = _SURE if "any" in rule.actions or action in rule.actions else _NO
    if action is None:
        by_action = max(by_action, _MAYBE)
    entry = None if category is None else categories()[category]
    if "*" in rule.categories or (entry and entry.sure & set(rule.categories)):
        by_category = _SURE
    elif entry is None or entry.maybe & set(rule.categories):
        by_category = _MAYBE
    else:
        by_category = _NO
    sure = min(by_action, by_category)
    if sure == _NO:
        return _NO, ""
    if by_category == _MAYBE:
        return _MAYBE, "category_undecided"
    if by_action == _MAYBE:
        return _MAYBE, "action_unknown"
    if not rule.edition_known:
        return _SURE, "law_unrecorded"
    exempt = action in rule.exemption_actions or (
        entry is not None and entry.sure & set(rule.exemption_categories)
    )
    return _SURE, "exemption_possible" if exempt else ""


# ---- verdicts --------------------------------------------------------------------------------


def _findings_of(
    number: int, rule: Rule, state: Condition, applies: Ints, soft: Any, why: Words
) -> pd.DataFrame:
    """Findings of one rule at the sites that it concerns."""
    at = np.flatnonzero(applies > 0)
    state, why = state.take(at), why[at]
    verdict, reason = _verdicts(rule, state, soft[at], why)
    table = pd.DataFrame(
        {
            "site": at,
            "rule": number,
            "verdict": verdict,
            "reason": reason,
            "distance_m": state.distance_m,
            "limit_m": state.limit_m if rule.distance_m is not None else np.nan,
            "error_m": state.error_m,
            "overlap_m2": state.overlap_m2,
            "share": state.share,
        }
    )
    table["margin_m"] = table["limit_m"] - table["distance_m"]
    words = {
        "evidence": state.evidence, "evidence_edition": state.version, "river": state.river,
        "missing": state.missing, "why": why, "doubt": state.doubt,
    }  # fmt: skip
    for name, values in words.items():
        table[name] = pd.Series(values, index=table.index, dtype=object)
    table["level"] = state.level
    table["low_order"] = state.low_order & (table["verdict"] != _RANK["clear"])
    table["indicative"], table["between"] = state.indicative, state.between
    return table


def _verdicts(rule: Rule, state: Condition, soft: Any, why: Words) -> tuple[Ints, Words]:
    """Rank and reason of the finding at every site.

    In: the rule's verdict, or a person's if its category or exemption must be decided first. Near:
    borderline, if the rule prohibits outright; else as in, so that to come nearer never softens.
    Not met: unchecked if that means nothing, manual if another reading meets it, else clear. Of
    what holds together the strictest stands.
    """
    met, near = rank_of(rule, soft)
    rank = np.where(
        state.level == IN, met, np.where(state.level == NEAR, near, _RANK["clear"])
    ).astype(np.int64)
    reason = np.where(
        state.level == IN, "hit", np.where(state.level == NEAR, "near_limit", "clear")
    )
    reason = reason.astype(object)
    reason = np.where((state.level == IN) & (why != ""), why, reason)
    open_ = (state.doubt != "") & (state.level != IN) & (rank > _RANK["manual"])
    rank, reason = np.where(open_, _RANK["manual"], rank), np.where(open_, state.doubt, reason)
    blind = (state.unknown != "") & (state.level != IN) & (rank > _RANK["unchecked"])
    rank = np.where(blind, _RANK["unchecked"], rank)
    # a hit that cannot be judged says more than that the layer may not be complete
    told = np.where(open_ & (state.doubt == "grade_unknown"), state.doubt, state.unknown)
    return rank, np.where(blind, told, reason)


def rank_of(rule: Rule, soft: Any) -> tuple[Ints, Ints]:
    """Rank of the finding where the rule is met, and near its limit."""
    own = _MEANS[rule.verdict]
    near = "borderline" if own == "prohibited" else own
    return tuple(np.where(soft, _RANK["manual"], _RANK[v]) for v in (own, near))  # type: ignore[return-value]


# ---- tables ----------------------------------------------------------------------------------


def _take(values: list[str], numbers: Any) -> Any:
    return pd.array(values, dtype="str").take(np.asarray(numbers, dtype=np.int64))


def _findings_table(rows: pd.DataFrame, places: pd.DataFrame, rules: tuple[Rule, ...]) -> Any:
    of = rows["rule"].to_numpy()
    ids = places["site_id"].astype("str").to_numpy()[rows["site"].to_numpy()]
    table = pd.DataFrame({"site_id": pd.array(ids, dtype="str")})
    table["rule_id"] = _take([r.id for r in rules], of)
    for name in ("pack", "title_zh", "title_en"):
        table[name] = _take([getattr(r, name) for r in rules], of)
    table["verdict"] = _take(list(VERDICTS), rows["verdict"])
    table["verdict_computed"] = table["verdict"]
    table["reason"] = rows["reason"].astype("str")
    numbers = ("distance_m", "limit_m", "margin_m", "error_m", "overlap_m2", "share")
    table[list(numbers)] = rows[list(numbers)]
    for name in ("evidence", "evidence_edition", "river", "missing"):
        table[name] = rows[name].astype("str")
    table["edition"] = _take([r.edition_text() for r in rules], of)
    table["edition_en"] = _take([r.edition_text("en") for r in rules], of)
    for name, field in (("basis", "basis_zh"), ("basis_en", "basis_en"),
                        ("confidence", "confidence"), ("exemption_zh", "exemption_zh"),
                        ("exemption_en", "exemption_en"), ("proof_zh", "evidence_zh"),
                        ("proof_en", "evidence_en")):  # fmt: skip
        table[name] = _take([getattr(r, field) for r in rules], of)
    table["note"], table["note_en"] = _notes(rows, rules)
    return table


_NOTES = {
    "category_undecided": ("项目类别是否属于本条所指须人工认定",
                           "a person must decide whether the project is of this category"),
    "action_unknown": ("建设性质未填，须认定", "the action is not given"),
    "exemption_possible": ("须举证方可适用例外", "the exemption needs evidence"),
    "law_unrecorded": ("基准日期有效的规定未载，须人工核对",
                       "the law in force on the date is not recorded: a person compares"),
    "edition_sensitive": ("另一版岸线或分区下触及本条", "met under another edition"),
    "between": ("位于同一河流的岸线之间，按在河道内计；深度为至较近岸线的距离",
                "between the bank lines of the river: taken as in the river, as deep as the nearer "
                "line is far"),
    "scope_disputed": ("按条文字面触及，按所选的支流范围未触及：请商主管部门",
                       "met by the letter, not by the reading of tributaries that was chosen: ask "
                       "the authority"),
    "indicative": ("距离由中心线加半宽推算，示意", "indicative: measured from a centre line"),
}  # fmt: skip


def _notes(rows: pd.DataFrame, rules: tuple[Rule, ...]) -> tuple[Any, Any]:
    """Notes of a finding: the rule's, and what is special here; each combination is told once."""
    flags = rows[["rule", "why", "doubt", "low_order", "indicative", "between"]]
    group = flags.groupby(list(flags.columns), sort=False, dropna=False)
    number, zh, en = group.ngroup().to_numpy(), [], []
    for rule_number, why, doubt, low, centre, banks in flags.drop_duplicates().itertuples(
        index=False
    ):
        rule = rules[rule_number]
        own = [_NOTES[w] for w in (why, doubt) if w in _NOTES]
        own += [_NOTES["indicative"]] if centre else []
        own += [_NOTES["between"]] if banks else []
        stream = (rule.tributary_note_zh, rule.tributary_note_en) if low else ("", "")
        texts = [(rule.note_zh, rule.note_en), stream, *own]
        zh.append("；".join(t[0] for t in texts if t[0]))
        en.append("; ".join(t[1] for t in texts if t[1]))
    return _take(zh or [""], number), _take(en or [""], number)


def _summary(
    places: gpd.GeoDataFrame,
    projects: pd.DataFrame,
    rows: pd.DataFrame,
    evidence: Evidence,
    rules: tuple[Rule, ...],
) -> gpd.GeoDataFrame:
    n = len(places)
    site, rank = rows["site"].to_numpy(), rows["verdict"].to_numpy()
    strictest = np.full(n, _RANK["unchecked"], dtype=np.int64)  # no rule applies: nothing is known
    has = np.zeros(n, dtype=bool)
    has[site] = True
    strictest[has] = len(VERDICTS) - 1
    np.minimum.at(strictest, site, rank)
    words = ["undetermined" if v == "unchecked" else v for v in VERDICTS]
    kept = places.drop(columns=["geometry"], errors="ignore")
    text = {name: places.get(name, "") for name in ("name", "category", "action")}
    table = pd.DataFrame(
        {
            "name": _filled(text["name"], n),
            "category": projects["category"].where(
                projects["category"].notna(), _filled(text["category"], n)
            ),
            "action": projects["action"].where(
                projects["action"].notna(), _filled(text["action"], n)
            ),
            "verdict": _take(words, strictest),
        }
    )
    table["verdict_computed"] = table["verdict"]
    blocking = rows[(rank == strictest[site]) & (rank != _RANK["clear"])]
    stops = np.zeros((n, len(rules)), dtype=bool)
    stops[blocking["site"].to_numpy(), blocking["rule"].to_numpy()] = True
    told, number = told_once(stops, lambda row: ", ".join(rules[k].id for k in row))
    table["blocking_rules"] = _take(told or [""], number)
    counts = np.zeros((n, len(VERDICTS)), dtype=np.int64)
    np.add.at(counts, (site, rank), 1)
    for place, verdict in enumerate(VERDICTS):
        table[f"n_{verdict}"] = counts[:, place]
    near = evidence.lines.sort_values(["site", "distance_m", "line_id"]).drop_duplicates("site")
    near = near.set_index("site").reindex(range(n))
    for name, column in (("nearest_line_id", "line_id"), ("nearest_river", "river")):
        table[name] = near[column].fillna("").astype("str")
    table["nearest_m"] = near["distance_m"].astype(float)
    table["foot_lon"], table["foot_lat"] = near["line_lon"], near["line_lat"]
    table["site_lon"], table["site_lat"] = near["site_lon"], near["site_lat"]
    if "accuracy_m" in kept:
        table["accuracy_m"] = kept["accuracy_m"]
    index = pd.Index(places["site_id"].to_numpy(), name="site_id")
    shapes = gpd.GeoSeries(places.geometry.to_numpy(), crs=EXCHANGE_CRS)
    return gpd.GeoDataFrame(table, geometry=shapes).set_index(index)


def _filled(values: Any, n: int) -> pd.Series[Any]:
    series = pd.Series(values, index=range(n), dtype=object) if isinstance(values, str) else values
    return series.astype(object).where(series.notna(), "").astype(str)


def _editions_table(
    rows: pd.DataFrame,
    places: pd.DataFrame,
    evidence: Evidence,
    rules: tuple[Rule, ...],
    applies: Ints,
    soft: Any,
) -> pd.DataFrame:
    """Distance to every line that does not count, and what each rule would read under it alone."""
    columns = [
        "site_id", "rule_id", "line_id", "river", "kind", "edition", "issuer", "valid_from",
        "valid_to", "distance_m", "limit_m", "error_m", "verdict", "verdict_now", "changes",
    ]  # fmt: skip
    now = rows.set_index(["site", "rule"])[["verdict", "level"]]
    parts = []
    for number, rule in enumerate(rules):
        if rule.distance_m is None or not rule.river_scope:
            continue
        some = evidence.other_lines
        some = some[applies[number][some["site"].to_numpy()] > 0]
        match = match_scope(rule, some["river"].to_numpy(), some["river_class"].to_numpy())
        some = some[match == _SURE]
        at = some["site"].to_numpy()
        d, inside, error = (some[c].to_numpy(float) for c in ("distance_m", "inside_m", "error_m"))
        level = line_level(d, inside, error, rule.distance_m)
        met, near = rank_of(rule, soft[number][at])
        would = np.select([level == IN, level == NEAR], [met, near], _RANK["clear"])
        there = now.reindex(pd.MultiIndex.from_arrays([at, np.full(len(at), number)]))
        parts.append(
            some.assign(
                site_id=places["site_id"].to_numpy()[at],
                rule_id=rule.id,
                edition=version_text(some),
                limit_m=rule.distance_m,
                verdict=_take(list(VERDICTS), would),
                verdict_now=_take(list(VERDICTS), there["verdict"]),
                changes=level != there["level"].to_numpy(),
            )
        )
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    order = ["site", "rule_id", "distance_m", "line_id"]
    return pd.DataFrame(table.sort_values(order, ignore_index=True)[columns])


def _lines_table(evidence: Evidence) -> pd.DataFrame:
    """Every line of the layer, and whether it counts on the date."""
    lines = evidence.shorelines
    names = ("line_id", "river", "river_class", "kind", "issuer", "valid_from", "valid_to")
    table = pd.DataFrame({name: lines[name] for name in names if name in lines})
    return table.assign(counts=lines["_row"].isin(evidence.base["_row"]).to_numpy())
