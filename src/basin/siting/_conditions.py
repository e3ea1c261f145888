"""How one rule's condition stands at each site: out, near, in, not known, or open to doubt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.buffers import river_names
from basin.siting._evidence import LAPSED_SHIFT_M, Bools, Evidence, Floats, Ints, match_scope
from basin.standards.labels import codes
from basin.standards.rules import Rule
from basin.zones import inside_together

OUT, NEAR, IN = 0, 1, 2

#: A distance is computed to far better than this (metres): at the limit is inside.
_AT_LIMIT_M = 1e-3

Words = npt.NDArray[np.object_]


def _words(n: int) -> Words:
    return np.full(n, "", dtype=object)


@dataclass
class Condition:
    """State of a condition at sites, one array an aspect.

    Attributes
    ----------
    level
        0 out, 1 within the error of the limit, 2 in: by what is known and in force.
    unknown
        Why an "out" would mean nothing; empty where it means something.
    doubt
        Why an "out" needs a person (another edition says in, a grade is not given).
    distance_m, limit_m, error_m, overlap_m2, share
    evidence, version, river
        Ids of the lines or zones, their edition, and the river.
    low_order, indicative
        The line is of neither main stem nor important tributary; measured from a centre line.
    """

    level: Ints
    unknown: Words
    doubt: Words
    distance_m: Floats
    limit_m: float
    error_m: Floats
    overlap_m2: Floats
    share: Floats
    evidence: Words
    version: Words
    river: Words
    low_order: Bools
    indicative: Bools
    missing: Words = field(default_factory=lambda: _words(0))

    @classmethod
    def blank(cls, n: int, limit_m: float) -> Condition:
        """Start with nothing found."""
        nan = np.full(n, np.nan)
        return cls(
            np.zeros(n, dtype=np.int64), _words(n), _words(n), nan.copy(), limit_m, nan.copy(),
            nan.copy(), nan.copy(), _words(n), _words(n), _words(n),
            np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), _words(n),
        )  # fmt: skip

    def say_unknown(self, rows: Any, reason: str, layer: str = "") -> None:
        """Give a reason where there is none yet."""
        mask = np.zeros(len(self.level), dtype=bool)
        mask[rows] = True
        self.unknown[mask & (self.unknown == "")] = reason
        if layer:
            told = self.missing[mask]
            self.missing[mask] = [f"{t}, {layer}" if t else layer for t in told]


def evaluate(rule: Rule, evidence: Evidence) -> Condition:
    """Evaluate one rule at every site.

    A rule with several conditions (a crossing of the main stem, outside the crossing plan) holds
    where all of them do.
    """
    parts = []
    if rule.river_scope and rule.distance_m is not None:
        parts.append(_river_condition(rule, evidence))
    if rule.zones:
        parts.append(_zone_condition(rule, evidence))
    if rule.outside:
        parts.append(_outside_condition(rule, evidence))
    if not parts:  # wherever in the basin
        everywhere = Condition.blank(len(evidence.sites), np.nan)
        everywhere.level[:] = IN
        parts.append(everywhere)
    whole = parts[0]
    for part in parts[1:]:
        whole = _both(whole, part)
    whole.level[~evidence.drawn] = OUT
    whole.doubt[~evidence.drawn] = ""
    whole.unknown[~evidence.drawn] = "no_geometry"
    return whole


def _both(a: Condition, b: Condition) -> Condition:
    """Hold where both hold; what is surely out of one is out."""
    out = _surely_out(a) | _surely_out(b)
    a.level = np.minimum(a.level, b.level)
    a.unknown = np.where(out, "", np.where(a.unknown != "", a.unknown, b.unknown))
    a.doubt = np.where(out, "", np.where(a.doubt != "", a.doubt, b.doubt))
    a.missing = np.where(out, "", np.where(a.missing != "", a.missing, b.missing))
    seam = np.where((a.evidence != "") & (b.evidence != ""), ", ", "")
    a.evidence = a.evidence + seam + b.evidence
    a.version = np.where(a.version != "", a.version, b.version)
    return a


def _surely_out(one: Condition) -> Bools:
    return np.asarray((one.level == OUT) & (one.unknown == "") & (one.doubt == ""), dtype=bool)


# ---- rivers ----------------------------------------------------------------------------------


def line_level(distance: Floats, inside: Floats, error: Floats, limit: float) -> Ints:
    """Place a distance against a limit: 2 in, 1 within the error of it, 0 out; ``<=`` is in."""
    margin = limit - distance
    if limit == 0:  # to touch: how deep tells how surely
        margin = np.where(distance > 0, -distance, np.nan_to_num(inside))
    near = (np.abs(margin) <= error) & (error > 0)
    return np.where(near, NEAR, np.where(margin >= -_AT_LIMIT_M, IN, OUT)).astype(np.int64)


def _matched(rule: Rule, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of lines in the scope of a rule, with ``match`` and the level of each."""
    match = match_scope(rule, river_names(table).to_numpy(), table["river_class"].to_numpy())
    some = table.assign(match=match)[match > 0]
    limit = float(rule.distance_m or 0.0)
    d, inside, error = (some[c].to_numpy(float) for c in ("distance_m", "inside_m", "error_m"))
    return some.assign(level=line_level(d, inside, error, limit))


def _river_condition(rule: Rule, evidence: Evidence) -> Condition:
    limit = float(rule.distance_m or 0.0)
    state = Condition.blank(len(evidence.sites), limit)
    rows = pd.concat([evidence.lines, evidence.near_lines], ignore_index=True)
    rows = _matched(rule, rows)
    ranked = rows.sort_values(
        ["site", "level", "distance_m", "line_id"], ascending=[True, False, True, True]
    )
    best = ranked[ranked["match"] == 2].drop_duplicates("site")
    _take_line(state, best)
    loose = ranked[(ranked["match"] == 1) & (ranked["level"] > OUT)].drop_duplicates("site")
    at = loose["site"].to_numpy()
    state.doubt[at] = "scope_unknown"
    _take_line(state, loose[state.level[at] == OUT], level=False)
    _river_unknown(rule, evidence, state, limit)
    _other_editions(rule, evidence, state, limit)
    return state


def _take_line(state: Condition, rows: pd.DataFrame, *, level: bool = True) -> None:
    at = rows["site"].to_numpy()
    if level:
        state.level[at] = rows["level"]
    state.distance_m[at], state.error_m[at] = rows["distance_m"], rows["error_m"]
    state.evidence[at], state.version[at] = rows["line_id"], version_text(rows)
    state.river[at] = rows["river"]
    low = rows["river_class"].isin(["tributary", ""]) & (rows["river"] != "")
    state.low_order[at], state.indicative[at] = low, rows["indicative"]


def version_text(rows: pd.DataFrame) -> Words:
    """Write the edition of features: ``2023-07-01–``, or nothing where no date is given."""
    since, until = (_day_text(rows[name]) for name in ("valid_from", "valid_to"))
    both = since + "–" + until
    return np.where(both == "–", "", both)


def _day_text(days: Any) -> Any:
    text = days.dt.strftime("%Y-%m-%d")
    return text.where(text.notna(), "").to_numpy(dtype=object)


def _river_unknown(rule: Rule, evidence: Evidence, state: Condition, limit: float) -> None:
    everywhere = np.ones(len(evidence.sites), dtype=bool)
    if not evidence.has_lines:
        state.say_unknown(everywhere, "layer_missing", "shorelines")
        return
    in_scope = _scope_lines(rule, evidence.shorelines)
    if in_scope.any() and not _scope_lines(rule, evidence.base).any():
        state.say_unknown(everywhere, "layer_expired", "shorelines")
    if evidence.coverage is None:
        state.say_unknown(everywhere, "coverage_unknown", "shorelines")
        return
    own = np.nan_to_num(evidence.lines.groupby("site")["error_m"].max().reindex(
        range(len(evidence.sites))).to_numpy(dtype=float), nan=0.0)  # fmt: skip
    covered = evidence.complete("shorelines", limit + own)
    state.say_unknown(~covered, "not_covered", "shorelines")


def _scope_lines(rule: Rule, lines: pd.DataFrame) -> Bools:
    kinds = lines["river_class"] if "river_class" in lines else pd.Series("", lines.index)
    filled = kinds.astype(object).where(kinds.notna(), "").to_numpy()
    return match_scope(rule, river_names(lines).to_numpy(), filled) > 0


def _other_editions(rule: Rule, evidence: Evidence, state: Condition, limit: float) -> None:
    rows = _matched(rule, evidence.other_lines)
    rows = rows[~rows["current"]]
    orphan = rows[rows["orphan"] & (rows["distance_m"] <= limit + LAPSED_SHIFT_M)]
    state.say_unknown(orphan["site"].to_numpy(), "line_lapsed", "shorelines")
    inside = rows[rows["distance_m"] <= limit + _AT_LIMIT_M].sort_values(["site", "distance_m"])
    inside = inside.drop_duplicates("site")
    inside = inside[state.level[inside["site"].to_numpy()] == OUT]
    at = inside["site"].to_numpy()
    state.doubt[at] = "edition_sensitive"
    seam = np.where(state.evidence[at] != "", ", ", "")
    state.evidence[at] = state.evidence[at] + seam + inside["line_id"].to_numpy(dtype=object)


# ---- zones -----------------------------------------------------------------------------------


def _zone_rows(rule_zones: Any, pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs of a rule's kinds, with ``match``: 2 of its grades, 1 of a grade that is not known."""
    kind, grade = pairs["kind"].to_numpy(), pairs["grade"].to_numpy()
    unknown_grade = ~np.isin(grade, codes("zone_grade"))
    match = np.zeros(len(pairs), dtype=np.int64)
    for wanted, grades in rule_zones:
        sure = np.isin(grade, grades) if grades else np.ones(len(pairs), dtype=bool)
        here = np.where(sure, 2, np.where(unknown_grade, 1, 0))
        match = np.maximum(match, np.where(kind == wanted, here, 0))
    return pairs.assign(match=match)[match > 0]


def _zone_condition(rule: Rule, evidence: Evidence) -> Condition:
    limit = 0.0 if rule.river_scope else float(rule.distance_m or 0.0)
    n = len(evidence.sites)
    state = Condition.blank(n, limit)
    rows = _zone_rows(rule.zones, evidence.zone_pairs)
    level = _zone_level(rows, limit)
    rows = rows.assign(level=level)
    sure = rows[(rows["match"] == 2) & rows["current"]]
    sure = _mend_seams(sure, evidence, limit)
    _take_zones(state, sure)
    held = rows[(rows["level"] > OUT) & ((rows["match"] == 1) | ~rows["current"])]
    grade = held[(held["match"] == 1) & held["current"]]["site"].to_numpy()
    state.doubt[grade] = "grade_unknown"
    old = held[~held["current"] & (held["level"] == IN)]
    lapsed_kinds = _lapsed_kinds(rule.zones, evidence)
    old = old[~old["kind"].isin(lapsed_kinds)]
    state.doubt[old["site"].to_numpy()] = "edition_sensitive"
    named = held[held["site"].isin(np.flatnonzero((state.level == OUT) & (state.doubt != "")))]
    _take_zones(state, named, level=False)
    _zones_unknown([kind for kind, _ in rule.zones], lapsed_kinds, evidence, state, limit)
    return state


def _zone_level(rows: pd.DataFrame, limit: float) -> Ints:
    d, error = rows["distance_m"].to_numpy(float), rows["error_m"].to_numpy(float)
    if limit > 0:
        return line_level(d, np.zeros(len(d)), error, limit)
    touched = (rows["share"].to_numpy(float) > 0) | (d <= 0)
    near = np.where(touched, rows["sliver"].to_numpy(bool), d <= error)
    return np.where(near, NEAR, np.where(touched, IN, OUT)).astype(np.int64)


def _mend_seams(rows: pd.DataFrame, evidence: Evidence, limit: float) -> pd.DataFrame:
    """A site on the seam between two zones of the rule is in, not near."""
    if limit > 0 or not len(rows):
        return rows
    open_ = rows.groupby("site").agg(most=("level", "max"), n=("level", "size"))
    doubtful = open_.index[(open_["most"] == NEAR) & (open_["n"] > 1)]
    some = rows[rows["site"].isin(doubtful)]
    if not len(some):
        return rows
    pairs = some[["site", "zone_row", "error_m"]].rename(columns={"zone_row": "zone"})
    together = inside_together(evidence.sites, evidence.zones, pairs)
    settled = together.index[together["any"] == 2]
    return rows.assign(
        level=np.where(
            rows["site"].isin(settled) & (rows["level"] == NEAR), IN, rows["level"].to_numpy()
        )
    )


def _take_zones(state: Condition, rows: pd.DataFrame, *, level: bool = True) -> None:
    """Put the zones of the highest level of each site into the state, joined."""
    if not len(rows):
        return
    ranked = rows.sort_values(
        ["site", "level", "distance_m", "zone_id"], ascending=[True, False, True, True]
    )
    first = ranked.drop_duplicates("site")
    at = first["site"].to_numpy()
    if level:
        state.level[at] = first["level"]
    state.distance_m[at], state.error_m[at] = first["distance_m"], first["error_m"]
    top = ranked[ranked["level"] == ranked.groupby("site")["level"].transform("max")]
    top = top[(top["level"] > OUT) | ~top.duplicated("site")]
    ids, versions = top["zone_id"].to_numpy(dtype=object), version_text(top)
    joined = pd.DataFrame({"site": top["site"].to_numpy(), "id": ids, "version": versions})
    twice = joined.duplicated("site", keep=False)
    one, many = joined[~twice], joined[twice].groupby("site")
    state.evidence[one["site"].to_numpy()] = one["id"].to_numpy(dtype=object)
    state.version[one["site"].to_numpy()] = one["version"].to_numpy(dtype=object)
    for column, target in (("id", state.evidence), ("version", state.version)):
        text = many[column].agg(lambda v: ", ".join(dict.fromkeys(x for x in v if x)))
        target[text.index.to_numpy(dtype=int)] = text.to_numpy(dtype=object)
    total = top.groupby("site").agg(overlap=("overlap_m2", "sum"), share=("share", "sum"))
    at = total.index.to_numpy(dtype=int)
    state.overlap_m2[at], state.share[at] = total["overlap"], total["share"].clip(upper=1.0)


def _lapsed_kinds(rule_zones: Any, evidence: Evidence) -> list[str]:
    """Kinds that have zones, but none in force."""
    kinds = evidence.zones["kind"].to_numpy()
    lapsed = []
    for kind, _ in rule_zones:
        of = kinds == kind
        if of.any() and not (of & evidence.zones_current).any():
            lapsed.append(kind)
    return lapsed


def _zones_unknown(
    kinds: list[str], lapsed: list[str], evidence: Evidence, state: Condition, limit: float
) -> None:
    everywhere = np.ones(len(evidence.sites), dtype=bool)
    strange = evidence.zone_pairs
    strange = strange[~strange["kind"].isin(codes("zone_kind")) & strange["current"]]
    state.say_unknown(strange["site"].to_numpy(), "zone_kind_unknown")
    error = evidence.zone_error
    for kind in dict.fromkeys(kinds):
        if not evidence.has_zones:
            state.say_unknown(everywhere, "layer_missing", kind)
        elif kind in lapsed:
            state.say_unknown(everywhere, "layer_expired", kind)
        elif evidence.coverage is None:
            state.say_unknown(everywhere, "coverage_unknown", kind)
        else:
            state.say_unknown(~evidence.complete(kind, limit + error), "not_covered", kind)


def _outside_condition(rule: Rule, evidence: Evidence) -> Condition:
    """Hold where some of the site lies outside all the zones that it must lie in."""
    n = len(evidence.sites)
    state = Condition.blank(n, np.nan)
    rows = _zone_rows(rule.outside, evidence.zone_pairs)
    rows = rows[rows["current"]]
    rows = rows.assign(level=_zone_level(rows, 0.0))
    state.level[:] = IN
    for match, word in ((2, ""), (1, "grade_unknown")):
        some = rows[(rows["match"] >= match) & (rows["level"] > OUT)]
        if not len(some):
            continue
        pairs = some[["site", "zone_row", "error_m"]].rename(columns={"zone_row": "zone"})
        whole = inside_together(evidence.sites, evidence.zones, pairs)["whole"]
        at, level = whole.index.to_numpy(), 2 - whole.to_numpy()
        if word:
            better = level < state.level[at]
            state.doubt[at[better]] = word
        state.level[at] = np.minimum(level, state.level[at])
    named = rows[rows["match"] == 2]
    _take_zones(state, named, level=False)
    # that a site lies outside is known only where all such zones are
    lapsed = _lapsed_kinds(rule.outside, evidence)
    sure_in = (state.level == OUT) & (state.doubt == "")
    _zones_unknown([kind for kind, _ in rule.outside], lapsed, evidence, state, 0.0)
    state.unknown[sure_in] = ""
    state.missing[sure_in] = ""
    state.level[(state.unknown != "") & (state.level == IN)] = OUT
    return state
