"""Witnesses of the direction of flow beside the drawing: known outlets, sections in order.

And what all witnesses together say of each reach: how sure its direction is, who spoke for it, and
who against.
"""

from __future__ import annotations

import itertools
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Bools, Floats, Ints, components, group, nodes_above
from basin._network.attributes import main_outlets
from basin._network.blocks import braided
from basin._network.build import Lines, to_lonlat
from basin._network.direction import CLEAR_DROP_M, SAYS, Drawn, Oriented
from basin._network.grid import Index
from basin._network.join import metres_between
from basin._network.ledger import Ledger
from basin._network.names import name_matches
from basin._network.snap import point_xy, text_or_none
from basin.errors import NetworkError

__all__ = ["direction_columns", "known_outlets", "section_votes"]

#: A known outlet or a section is looked for within so many metres of a line.
_WITHIN_M = 500.0

#: Sections so close along one line say nothing about it, in metres.
_APART_M = 1.0

# ---- known outlets ---------------------------------------------------------------------------


def known_outlets(outlets: Any, nodes: Floats, frm: Ints, to: Ints, ledger: Ledger) -> Bools:
    """Mark the free end of a line nearest to each point, within 500 m; list points without one."""
    known = np.zeros(len(nodes), dtype=bool)
    if outlets is None:
        return known
    table = to_lonlat(outlets)
    xy = point_xy(table)
    degree = np.bincount(frm, minlength=len(nodes)) + np.bincount(to, minlength=len(nodes))
    ends = np.flatnonzero(degree == 1)
    for label, place in zip(table.index, xy, strict=True):
        apart = metres_between(np.broadcast_to(place, (len(ends), 2)), nodes[ends])
        best = int(np.argmin(apart)) if len(ends) and np.isfinite(place).all() else -1
        if best >= 0 and apart[best] <= _WITHIN_M:
            known[ends[best]] = True
            continue
        _not_placed(label, "outlets", place, apart[best] if best >= 0 else np.nan, ledger)
    return known


def _not_placed(label: Any, rule: str, place: Floats, away_m: float, ledger: Ledger) -> None:
    where = shapely.Point(place) if np.isfinite(place).all() else None
    ledger.add(
        "witness_not_used", [str(label)], action="none", rule=rule, place=where, distance_m=away_m
    )


# ---- sections in order -----------------------------------------------------------------------


def section_votes(
    sections: Any, lines: Lines, names: list[Any], frm: Ints, to: Ints, n: int, ledger: Ledger
) -> Ints:
    """Count for each line the pairs of sections that it flows rightly between, less the others.

    Parameters
    ----------
    sections
        Points with ``order``, growing downstream along each ``river`` (all one river without it).
    names
        Name of each line's river, None for none.
    """
    votes = np.zeros(len(frm), dtype=np.intp)
    if sections is None:
        return votes
    table = to_lonlat(sections)
    if "order" not in table:
        raise NetworkError(
            "the sections have no column 'order'",
            mend="Number them along each river, growing downstream.",
        )
    order = pd.to_numeric(table["order"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    river = text_or_none(table["river"]) if "river" in table else [None] * len(table)
    line, at = _placed(table, point_xy(table), river, lines, names, ledger)
    for name in dict.fromkeys(river):
        mine = [
            k for k, r in enumerate(river) if r == name and line[k] >= 0 and order[k] == order[k]
        ]
        mine.sort(key=lambda k: (order[k], k))
        own = np.array([name is None or name_matches(name, x) for x in names], dtype=bool)
        for a, b in itertools.pairwise(mine):
            if order[a] == order[b]:
                continue
            _vote(votes, int(line[a]), at[a], int(line[b]), at[b], own, frm, to, n)
    return votes


def _placed(
    table: gpd.GeoDataFrame,
    xy: Floats,
    river: list[Any],
    lines: Lines,
    names: list[Any],
    ledger: Ledger,
) -> tuple[Ints, Floats]:
    """Put each section on the nearest line of its river's name, else on the nearest line."""
    index = Index(lines.verts)
    measures = lines.verts.measures()
    line, at = np.full(len(xy), -1, dtype=np.intp), np.zeros(len(xy))
    for k, place in enumerate(xy):
        if not np.isfinite(place).all():
            _not_placed(table.index[k], "sections", place, np.nan, ledger)
            continue
        _, near, feet = index.feet(place[None], *index.near(place[None], _WITHIN_M))
        fit = feet.distance_m <= _WITHIN_M
        own = np.array([name_matches(river[k], names[j]) for j in near], dtype=bool) & fit
        chosen = np.flatnonzero(own if own.any() else fit)
        if not len(chosen):
            _not_placed(table.index[k], "sections", place, np.nan, ledger)
            continue
        best = chosen[np.lexsort((near[chosen], np.round(feet.distance_m[chosen], 6)))[0]]
        segment, share = feet.segment[best], feet.share[best]
        line[k] = near[best]
        at[k] = measures[segment] + share * (measures[segment + 1] - measures[segment])
    return line, at


def _vote(
    votes: Ints, a: int, at_a: float, b: int, at_b: float, own: Bools, frm: Ints, to: Ints, n: int
) -> None:
    """Add the votes of two sections, the second below the first, on the lines between them."""
    if a == b:
        if abs(at_a - at_b) > _APART_M:
            votes[a] += 1 if at_b > at_a else -1
        return
    for usable in (own, np.ones(len(frm), dtype=bool)):
        way = _way_between(a, b, np.flatnonzero(usable), frm, to, n)
        if way:
            for line, forward in way:
                votes[line] += 1 if forward else -1
            return


def _way_between(
    a: int, b: int, usable: Ints, frm: Ints, to: Ints, n: int
) -> list[tuple[int, bool]]:
    """Find the way of fewest lines, drawn either way: each line, and is it walked as drawn."""
    usable = usable[(usable != a) & (usable != b)]
    u, v = frm[usable], to[usable]
    at = group(np.concatenate([u, v]), n)
    other = np.concatenate([v, u])
    came = np.full(n, -1, dtype=np.intp)  # the end of a line by which each node was reached
    seen = np.zeros(n, dtype=bool)
    goal = {int(frm[b]): True, int(to[b]): False}  # entering b at its start: as drawn
    front = np.unique([frm[a], to[a]])
    seen[front] = True
    while len(front) and not any(seen[g] for g in goal):
        ends = at.of(front)
        ends = ends[~seen[other[ends]]]
        came[other[ends]] = ends
        front = np.unique(other[ends])
        seen[front] = True
    end = next((g for g in goal if seen[g]), -1)
    if end < 0:
        return []
    way = [(b, goal[end])]
    node = end
    while came[node] >= 0:
        k = int(came[node])
        forward = k < len(usable)
        way.append((int(usable[k % len(usable)]), forward))
        node = int((u if forward else v)[k % len(usable)])
    return [*way, (a, node == int(to[a]))]


# ---- all witnesses ---------------------------------------------------------------------------


def direction_columns(flow: Drawn, drawn: Oriented, ledger: Ledger) -> dict[str, Any]:
    """Tell for each reach how sure its direction is, who speaks for it, and who against.

    Parameters
    ----------
    flow
        The reaches as they flow now.
    drawn
        Which were turned for that, and how likely the outlets are that they flow to.
    """
    votes = {
        "drawn": np.where(drawn.flip, -1, 1),
        "to_id": np.sign(flow.stated),
        "dem": _by_dem(flow.rise),
        "outlets": _by_outlets(flow),
        "sections": np.sign(flow.ordered),
        "network": _by_network(flow),
        "name": _by_name(flow),
    }
    says = {**SAYS, "drawn": drawn.odds}
    odds = np.sum([says[w] * vote for w, vote in votes.items()], axis=0)
    sure = np.minimum(1.0 / (1.0 + np.exp(-odds)), drawn.chance)
    repaired, rules = ledger.turned(flow.ids)
    sure = np.where(drawn.flip & (repaired >= 0), repaired, sure)
    return {
        "direction_confidence": np.round(sure, 3),
        "direction_for": _in_words({w: v > 0 for w, v in votes.items()}, rules),
        "direction_against": _in_words({w: v < 0 for w, v in votes.items()}, None),
    }


def _in_words(masks: dict[str, Bools], rules: Any) -> Any:
    """Join the names of the witnesses whose mask is set, after the rule that turned a reach."""
    code = np.zeros(len(next(iter(masks.values()))), dtype=np.intp)
    for bit, mask in enumerate(masks.values()):
        code |= mask.astype(np.intp) << bit
    words = list(masks)
    texts = np.array(
        [
            " + ".join(w for bit, w in enumerate(words) if c >> bit & 1)
            for c in range(1 << len(words))
        ],
        dtype=object,
    )
    if rules is None or (rules == "").all():
        return pd.Series(texts).array.take(code)
    texts = texts[code]
    for k in np.flatnonzero(rules != ""):
        parts = [*str(rules[k]).split(" + "), *str(texts[k]).split(" + ")]
        texts[k] = " + ".join(dict.fromkeys(p for p in parts if p))
    return texts


def _by_dem(rise: Floats) -> Ints:
    known = np.nan_to_num(rise)
    result: Ints = (-np.sign(known) * (np.abs(known) >= CLEAR_DROP_M)).astype(np.intp)
    return result


def _by_outlets(flow: Drawn) -> Ints:
    """Does it drain to a known outlet of its piece?"""
    n = len(flow.xy)
    if not flow.outlet.any():
        return np.zeros(len(flow.frm), dtype=np.intp)
    piece = components(flow.frm, flow.to, n)
    asked = np.zeros(n, dtype=bool)
    asked[piece[flow.outlet]] = True
    mouths = np.flatnonzero(flow.outlet & (np.bincount(flow.frm, minlength=n) == 0))
    drains = nodes_above(mouths, flow.frm, group(flow.to, n))[flow.to]
    return np.where(asked[piece[flow.frm]], np.where(drains, 1, -1), 0)


def _by_network(flow: Drawn) -> Ints:
    """Would turning it contradict the rest? In a braid nobody can say.

    Against it speak lines that meet or part where none leaves or arrives, ways that lead to a
    second outlet only, and pieces with more mouths than springs, as if drawn upstream.
    """
    n = len(flow.xy)
    into, out = group(flow.to, n), group(flow.frm, n)
    n_in, n_out = np.diff(into.first), np.diff(out.first)
    piece = components(flow.frm, flow.to, n)
    sinks = np.flatnonzero((n_out == 0) & (n_in > 0))
    per_piece = np.bincount(piece[sinks], minlength=n)
    several = sinks[per_piece[piece[sinks]] > 1]
    leads = per_piece[piece] == 1
    if len(several):
        main = main_outlets(several, piece, flow.frm, flow.to, into, flow.lengths, flow.name)
        leads |= nodes_above(np.array(main, dtype=np.intp), flow.frm, into)
    alone = (n_in[flow.frm] + n_out[flow.frm] == 1) & (n_in[flow.to] + n_out[flow.to] == 1)
    good = leads[flow.to] & ~alone & ~braided(flow.frm, flow.to, n)
    springs = np.bincount(piece[(n_in == 0) & (n_out > 0)], minlength=n)
    odd = ((per_piece > 1) & (per_piece > springs))[piece[flow.frm]]
    odd |= (n_in[flow.to] > 1) & (n_out[flow.to] == 0)
    odd |= (n_out[flow.frm] > 1) & (n_in[flow.frm] == 0)
    return np.where(odd | ~leads[flow.to], -1, good.astype(np.intp))


def _by_name(flow: Drawn) -> Ints:
    """Does the river's name arrive where it begins, or go on where it ends; or meet itself?"""
    name = flow.name
    result = np.zeros(len(name), dtype=np.intp)
    if (name < 0).all():
        return result
    width = int(name.max()) + 1
    named = np.flatnonzero(name >= 0)
    ends, begins = flow.to[named] * width + name[named], flow.frm[named] * width + name[named]
    meets, parts = np.isin(ends, begins), np.isin(begins, ends)
    for_it = meets | parts
    twice_in = _more_than_once(ends) & ~meets
    twice_out = _more_than_once(begins) & ~parts
    result[named] = np.where(twice_in | twice_out, -1, for_it.astype(np.intp))
    return result


def _more_than_once(keys: Ints) -> Bools:
    _, which, count = np.unique(keys, return_inverse=True, return_counts=True)
    result: Bools = count[which.reshape(-1)] > 1
    return result
