"""How one rule's condition stands at each site: out, near, in, not known, or open to doubt."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import valid_shapes
from basin.buffers import plain_text
from basin.crs import area_m2, length_m
from basin.siting._evidence import (
    LAPSED_SHIFT_M,
    Bools,
    Evidence,
    Floats,
    Ints,
    Rows,
    match_scope,
)
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
    low_order, indicative, between
        The line is of neither main stem nor important tributary; measured from a centre line; in
        the river by its two bank lines.
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
    between: Bools
    missing: Words = field(default_factory=lambda: _words(0))

    @classmethod
    def blank(cls, n: int, limit_m: float) -> Condition:
        """Start with nothing found."""
        nan = np.full(n, np.nan)
        return cls(
            np.zeros(n, dtype=np.int64), _words(n), _words(n), nan.copy(), limit_m, nan.copy(),
            nan.copy(), nan.copy(), _words(n), _words(n), _words(n), np.zeros(n, dtype=bool),
            np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), _words(n),
        )  # fmt: skip

    def take(self, rows: Any) -> Condition:
        """Keep the state of these sites."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return Condition(
            **{k: v[rows] if isinstance(v, np.ndarray) else v for k, v in kept.items()}
        )

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


def _matched(rule: Rule, rows: Rows) -> Rows:
    """The rows of lines in the scope of a rule, with ``match`` and the level of each."""
    match, letter = rows.scope(rule)
    some = rows.take(match > 0)
    some["match"], some["letter"] = match[match > 0], letter[match > 0]
    limit = float(rule.distance_m or 0.0)
    some["level"] = line_level(some["distance_m"], some["inside_m"], some["error_m"], limit)
    return some


def _ranked(rows: Rows, ids: str) -> Rows:
    """Sort by site, the highest level first, then the nearest, then by id."""
    number = np.unique(rows[ids].astype(str), return_inverse=True)[1]
    return rows.take(np.lexsort((number, rows["distance_m"], -rows["level"], rows["site"])))


def _river_condition(rule: Rule, evidence: Evidence) -> Condition:
    limit = float(rule.distance_m or 0.0)
    state = Condition.blank(len(evidence.sites), limit)
    rows = _ranked(_matched(rule, evidence.line_rows), "line_id")
    _take_line(state, rows.take(rows["match"] == 2).first())
    loose = rows.take((rows["match"] == 1) & (rows["level"] > OUT)).first()
    by_letter = loose["letter"] == 2  # the reading that was chosen leaves it out
    state.doubt[loose["site"]] = np.where(by_letter, "scope_disputed", "scope_unknown")
    _take_line(state, loose.take(state.level[loose["site"]] == OUT), level=False)
    _river_unknown(rule, evidence, state, limit)
    _other_editions(rule, evidence, state, limit)
    return state


def _take_line(state: Condition, rows: Rows, *, level: bool = True) -> None:
    at = rows["site"]
    if level:
        state.level[at] = rows["level"]
    state.distance_m[at], state.error_m[at] = rows["distance_m"], rows["error_m"]
    state.evidence[at], state.version[at] = rows["line_id"], rows["version"]
    state.river[at], state.indicative[at] = rows["river"], rows["indicative"]
    state.low_order[at], state.between[at] = rows["low_order"], rows["between"]


def _river_unknown(rule: Rule, evidence: Evidence, state: Condition, limit: float) -> None:
    everywhere = np.ones(len(evidence.sites), dtype=bool)
    if not evidence.has_lines:
        state.say_unknown(everywhere, "layer_missing", "shorelines")
        return
    if _in_scope(rule, evidence.lost_lines):
        state.say_unknown(everywhere, "geometry_lost", "shorelines")
    if _in_scope(rule, evidence.shorelines) and not _in_scope(rule, evidence.base):
        state.say_unknown(everywhere, "layer_expired", "shorelines")
    unsure = evidence.unsure_rows
    beside = match_scope(rule, unsure["river"], unsure["river_class"]) > 0
    # how far a middle line without a width may be off is in its error; to touch needs an inside
    beside &= ~unsure["middle"] | (limit == 0)
    state.say_unknown(unsure["site"][beside], "no_inside", "shorelines")
    if evidence.coverage is None:
        state.say_unknown(everywhere, "coverage_unknown", "shorelines")
        return
    if not evidence.rivers_whole:
        state.say_unknown(everywhere, "rivers_lost", "rivers")
        return
    own = np.zeros(len(evidence.sites))
    np.maximum.at(own, evidence.line_rows["site"], evidence.line_rows["error_m"])
    covered = evidence.complete("shorelines", limit + own)
    state.say_unknown(~covered, "not_covered", "shorelines")


def _in_scope(rule: Rule, lines: pd.DataFrame) -> bool:
    return bool(
        (match_scope(rule, plain_text(lines, "river"), plain_text(lines, "river_class")) > 0).any()
    )


def _other_editions(rule: Rule, evidence: Evidence, state: Condition, limit: float) -> None:
    rows = _matched(rule, evidence.other_rows)
    rows = _ranked(rows.take(~rows["current"]), "line_id")
    orphan = rows["orphan"] & (rows["distance_m"] <= limit + LAPSED_SHIFT_M)
    state.say_unknown(rows["site"][orphan], "line_lapsed", "shorelines")
    inside = rows.take(rows["distance_m"] <= limit + _AT_LIMIT_M).first()
    inside = inside.take(state.level[inside["site"]] == OUT)
    at = inside["site"]
    state.doubt[at] = "edition_sensitive"
    seam = np.where(state.evidence[at] != "", ", ", "")
    state.evidence[at] = state.evidence[at] + seam + inside["line_id"]


# ---- zones -----------------------------------------------------------------------------------


def _zone_rows(rule_zones: Any, pairs: Rows, limit: float) -> Rows:
    """Pairs of a rule's kinds, with their level; ``match`` 2 of its grades, 1 of none known."""
    match = np.zeros(pairs.n, dtype=np.int64)
    for wanted, grades in rule_zones:
        of = pairs["kind"] == wanted
        grade = pairs["grade"][of].astype(str)
        sure = np.isin(grade, grades) if grades else np.ones(len(grade), dtype=bool)
        unknown = ~np.isin(grade, codes("zone_grade"))
        match[of] = np.maximum(match[of], np.where(sure, 2, np.where(unknown, 1, 0)))
    some = pairs.take(match > 0)
    some["match"] = match[match > 0]
    some["level"] = _zone_level(some, limit)
    return some


def _zone_level(rows: Rows, limit: float) -> Ints:
    d, error = rows["distance_m"], rows["error_m"]
    if limit > 0:
        return line_level(d, np.zeros(len(d)), error, limit)
    touched = (rows["share"] > 0) | (d <= 0)
    near = np.where(touched, rows["sliver"], d <= error)
    return np.where(near, NEAR, np.where(touched, IN, OUT)).astype(np.int64)


def _zone_condition(rule: Rule, evidence: Evidence) -> Condition:
    limit = 0.0 if rule.river_scope else float(rule.distance_m or 0.0)
    state = Condition.blank(len(evidence.sites), limit)
    rows = _zone_rows(rule.zones, evidence.zone_rows, limit)
    sure = rows.take((rows["match"] == 2) & rows["current"])
    if limit == 0:
        _mend_seams(sure, evidence)
    _take_zones(state, sure, evidence)
    loose = rows.take((rows["match"] == 1) & rows["current"] & (rows["level"] > OUT))
    state.doubt[loose["site"]] = "grade_unknown"
    lapsed = _lapsed_kinds(rule.zones, evidence)
    past = ~rows["current"] & (rows["level"] == IN) & ~np.isin(rows["kind"].astype(str), lapsed)
    old = rows.take(past)
    state.doubt[old["site"]] = "edition_sensitive"
    for some in (loose, old):
        open_ = (state.level == OUT) & (state.doubt != "")
        _take_zones(state, some.take(open_[some["site"]]), evidence, level=False)
    _zones_unknown([kind for kind, _ in rule.zones], lapsed, evidence, state, limit)
    return state


def _mend_seams(rows: Rows, evidence: Evidence) -> None:
    """Raise to "in" a site on the seam between two zones of the rule: a seam is no edge."""
    n, site, level = len(evidence.sites), rows["site"], rows["level"]
    most = np.zeros(n, dtype=np.int64)
    np.maximum.at(most, site, level)
    doubtful = (most == NEAR) & (np.bincount(site, minlength=n) > 1)
    if not doubtful.any():
        return
    together = _together(rows.take(doubtful[site]), evidence)
    settled = np.zeros(n, dtype=bool)
    settled[together.index[together["any"] == IN]] = True
    level[settled[site] & (level == NEAR)] = IN


def _together(rows: Rows, evidence: Evidence) -> pd.DataFrame:
    pairs = {"site": rows["site"], "zone": rows["zone_row"], "error_m": rows["error_m"]}
    return inside_together(evidence.sites, evidence.zones, pd.DataFrame(pairs))


def _take_zones(state: Condition, rows: Rows, evidence: Evidence, *, level: bool = True) -> None:
    """Put the zones of the highest level of each site into the state, joined."""
    if not rows.n:
        return
    rows = _ranked(rows, "zone_id")
    first = rows.first()
    at = first["site"]
    if level:
        state.level[at] = first["level"]
    state.distance_m[at], state.error_m[at] = first["distance_m"], first["error_m"]
    state.evidence[at], state.version[at] = first["zone_id"], first["version"]
    state.overlap_m2[at], state.share[at] = first["overlap_m2"], first["share"]
    most = np.zeros(len(state.level), dtype=np.int64)
    most[at] = first["level"]
    top = (rows["level"] == most[rows["site"]]) & (rows["level"] > OUT)
    several = np.bincount(rows["site"][top], minlength=len(most)) > 1
    many = rows.take(top & several[rows["site"]])
    if not many.n:
        return
    at = np.unique(many["site"])
    state.overlap_m2[at], state.share[at] = _joint_overlap(many, evidence)
    for name, target in (("zone_id", state.evidence), ("version", state.version)):
        words = pd.Series(many[name], dtype=object).groupby(many["site"])
        target[at] = words.agg(lambda v: ", ".join(dict.fromkeys(x for x in v if x))).to_numpy()


def _joint_overlap(rows: Rows, evidence: Evidence) -> tuple[Floats, Floats]:
    """Overlap and share of the union of the zones of each site, in the order of sites.

    A zone that holds the whole site settles it; only where none does are shapes joined.
    """
    sites, place = np.unique(rows["site"], return_inverse=True)
    area, share = np.zeros(len(sites)), np.zeros(len(sites))
    np.maximum.at(area, place, rows["overlap_m2"])
    np.maximum.at(share, place, rows["share"])
    partial = (rows["share"] > 0) & (share[place] < 1.0)
    several = np.bincount(place[partial], minlength=len(sites)) > 1
    at = np.flatnonzero(several)
    if not len(at):
        return area, share
    shapes = valid_shapes(evidence.sites.geometry.to_numpy())
    bounds = evidence.zones.geometry.to_numpy()
    grounds = np.empty(len(at), dtype=object)
    for number, one in enumerate(at):
        grounds[number] = shapely.union_all(bounds[rows["zone_row"][partial & (place == one)]])
    whole = shapes[sites[at]]
    common = shapely.intersection(whole, grounds)
    solid = shapely.get_dimensions(whole) == 2
    part = np.where(solid, area_m2(common), length_m(common))
    full = np.where(solid, area_m2(whole), length_m(whole))
    area[at] = np.where(solid, part, 0.0)
    share[at] = np.clip(part / full, share[at], 1.0)
    return area, share


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
    pairs = evidence.zone_rows
    if not evidence.lost_kinds <= set(codes("zone_kind")):  # it may be of any kind, anywhere
        state.say_unknown(everywhere, "zone_kind_unknown")
    strange = ~np.isin(pairs["kind"].astype(str), codes("zone_kind")) & pairs["current"]
    state.say_unknown(pairs["site"][strange], "zone_kind_unknown")
    for kind in dict.fromkeys(kinds):
        ranges = kind == "river_range"  # kept among the shorelines too
        if ranges:
            state.say_unknown(evidence.line_ranges, "no_inside", "shorelines")
        if not evidence.has_zones:
            state.say_unknown(everywhere, "layer_missing", kind)
        elif ranges and not evidence.has_lines:
            state.say_unknown(everywhere, "layer_missing", "shorelines")
        elif kind in evidence.lost_kinds or (ranges and len(evidence.lost_lines)):
            state.say_unknown(everywhere, "geometry_lost", kind)
        elif kind in lapsed:
            state.say_unknown(everywhere, "layer_expired", kind)
        elif evidence.coverage is None:
            state.say_unknown(everywhere, "coverage_unknown", kind)
        elif ranges and not evidence.rivers_whole:
            state.say_unknown(everywhere, "rivers_lost", "rivers")
        else:
            covered = evidence.complete(kind, limit + evidence.zone_error)
            state.say_unknown(~covered, "not_covered", kind)


def _outside_condition(rule: Rule, evidence: Evidence) -> Condition:
    """Hold where some of the site lies outside all the zones that it must lie in."""
    state = Condition.blank(len(evidence.sites), np.nan)
    rows = _zone_rows(rule.outside, evidence.zone_rows, 0.0)
    rows = rows.take(rows["current"])
    state.level[:] = IN
    for match, word in ((2, ""), (1, "grade_unknown")):
        some = rows.take((rows["match"] >= match) & (rows["level"] > OUT))
        if not some.n:
            continue
        whole = _together(some, evidence)["whole"]
        at, level = whole.index.to_numpy(), IN - whole.to_numpy()
        if word:
            state.doubt[at[level < state.level[at]]] = word
        state.level[at] = np.minimum(level, state.level[at])
    _take_zones(state, rows.take(rows["match"] == 2), evidence, level=False)
    # that a site lies outside is known only where all such zones are
    lapsed = _lapsed_kinds(rule.outside, evidence)
    sure_in = (state.level == OUT) & (state.doubt == "")
    _zones_unknown([kind for kind, _ in rule.outside], lapsed, evidence, state, 0.0)
    state.unknown[sure_in] = ""
    state.missing[sure_in] = ""
    state.level[(state.unknown != "") & (state.level == IN)] = OUT
    return state
