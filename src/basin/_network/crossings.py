"""Lines that meet without a node: shared stretches, ends that overshoot, crossings in mid-line.

Two lines that cross are one water or two: a canal may pass over a brook. So a crossing is joined
only where an end lies within the tolerance behind it (an overshoot) or both lines are one river by
name; else it is proposed, with its place and angle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import is_not
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Bools, Floats, Ints
from basin._network.build import Lines, ends_of, free_id, index_of
from basin._network.fast import build_kernels
from basin._network.geometry import Objects, foot_on_lines, metres_per_degree, vertices
from basin._network.join import ON_LINE_M, SLIVER_M, SURE_M, Cuts, cut
from basin._network.joints import END, START
from basin._network.ledger import Ledger
from basin._network.names import name_codes
from basin.crs import GEOD

__all__ = ["Meetings", "keep_shared_once", "mend_crossings"]

#: Lines whose neighbours are looked up at once, so that memory stays bounded.
_CHUNK = 100_000

#: Patterns (DE-9IM) of two lines whose inner parts meet: share a stretch, or points.
_INNER_PARTS_MEET, _SHARE_A_STRETCH, _SHARE_POINTS = "T********", "1********", "0********"

#: In a name: water that is led over or under other water.
_LED_WATER = re.compile(r"渠|渡槽|倒虹|隧|引水|canal|aqueduct|ditch|flume", re.IGNORECASE)


class Meetings:
    """Which lines meet in more than their ends, found anew only for lines that have changed."""

    def __init__(self) -> None:
        self._geom: Objects = np.zeros(0, dtype=object)
        self._pairs = np.zeros((2, 0), dtype=np.intp)

    def of(self, lines: Lines, pattern: str) -> tuple[Ints, Ints]:
        """Pairs of lines (i < j) whose inner parts meet so, in order."""
        geom = lines.geom
        if geom is not self._geom:
            self._look_again(lines)
        a, b = self._pairs
        meet = shapely.relate_pattern(geom[a], geom[b], pattern)
        return a[meet], b[meet]

    def _look_again(self, lines: Lines) -> None:
        geom = lines.geom
        changed = np.ones(len(geom), dtype=bool)
        if len(geom) == len(self._geom):
            changed = np.fromiter(map(is_not, geom, self._geom), dtype=bool, count=len(geom))
        if changed.any():
            stay = self._pairs if not changed.all() else self._pairs[:, :0]
            stay = stay[:, ~changed[stay].any(axis=0)]
            self._pairs = np.hstack([stay, _inner_meetings(lines, changed)])
            self._pairs = self._pairs[:, np.lexsort(self._pairs[::-1])]
        self._geom = geom


def _inner_meetings(lines: Lines, asked: Bools) -> Ints:
    """Pairs (i < j) of lines, one at least of those `asked`, whose inner parts meet."""
    found = []
    for a, b in _near_each_other(lines, asked):
        meet = shapely.relate_pattern(lines.geom[a], lines.geom[b], _INNER_PARTS_MEET)
        found.append(np.stack([a[meet], b[meet]]))
    return np.hstack(found).astype(np.intp)


def _near_each_other(lines: Lines, asked: Bools) -> Iterator[tuple[Ints, Ints]]:
    """Pairs (i < j) of lines whose inner parts may meet, some at a time."""
    if build_kernels(len(asked)) is not None:
        yield index_of(lines).may_meet(asked)
        return
    tree = shapely.STRtree(lines.geom)
    number = np.flatnonzero(asked)
    for begin in range(0, len(number), _CHUNK):
        a, b = tree.query(lines.geom[number[begin : begin + _CHUNK]])
        a = number[a + begin]
        once = (a < b) | ((a > b) & ~asked[b])
        yield np.minimum(a, b)[once], np.maximum(a, b)[once]


def _metres(line: Any) -> float:
    return abs(float(GEOD.geometry_length(line)))


# ---- shared stretches ----------------------------------------------------------------------


def keep_shared_once(
    lines: Lines, meetings: Meetings, ledger: Ledger
) -> tuple[Lines, dict[str, tuple[str, ...]]]:
    """Cut from each line what a line before it (by id) runs along too, to the last bit.

    Returns
    -------
    lines
        What is left of X keeps its id, or is X.1, X.2 and so on where it fell apart.
    parts
        Which ids each line that fell apart now has.
    """
    a, b = meetings.of(lines, _SHARE_A_STRETCH)
    if not len(a):
        return lines, {}
    geom = lines.geom.copy()
    taken, parts = set(lines.ids), dict[str, tuple[str, ...]]()
    fresh: dict[int, list[tuple[str, Any]]] = {}
    for late in np.unique(b).tolist():
        repairs = []
        for early in a[b == late].tolist():
            shared = shapely.intersection(geom[late], geom[early])
            pieces = shapely.get_parts(shared)
            pieces = pieces[shapely.get_type_id(pieces) == 1]
            metres = sum(map(_metres, pieces))
            if metres <= SURE_M:
                continue
            rest = shapely.difference(geom[late], geom[early])
            repairs.append(
                ledger.add(
                    "overlap",
                    [lines.ids[early], lines.ids[late]],
                    action="applied",
                    distance_m=metres,
                    confidence=0.85,
                    place=shapely.line_merge(shapely.MultiLineString(list(pieces))),
                )
            )
            geom[late] = rest
        if repairs:
            fresh[late] = _what_is_left(lines, late, geom[late], taken)
            _note_new_ends(lines.geom[late], fresh[late], repairs, ledger)
            if len(fresh[late]) > 1:
                parts[str(lines.ids[late])] = tuple(name for name, _ in fresh[late])
    return _with(lines, fresh), parts


def _what_is_left(lines: Lines, k: int, rest: Any, taken: set[str]) -> list[tuple[str, Any]]:
    """Name the parts of a line in the order and the sense in which it is drawn."""
    line, name = lines.geom[k], str(lines.ids[k])
    pieces = shapely.get_parts(shapely.line_merge(rest))
    pieces = pieces[shapely.length(pieces) > 0]
    begin, end = (shapely.line_locate_point(line, shapely.get_point(pieces, n)) for n in (0, -1))
    pieces = np.where(begin > end, shapely.reverse(pieces), pieces)
    pieces = pieces[np.argsort(np.minimum(begin, end), kind="stable")]
    if len(pieces) == 1:
        return [(name, pieces[0])]
    return [(free_id(f"{name}.{n}", taken), piece) for n, piece in enumerate(pieces, start=1)]


def _note_new_ends(
    line: Any, left: list[tuple[str, Any]], repairs: list[int], ledger: Ledger
) -> None:
    for end, nth in ((START, 0), (END, -1)):
        old = shapely.get_point(line, nth)
        new = [(name, end) for name, piece in left if shapely.get_point(piece, nth) != old]
        for repair in repairs:
            ledger.joints.bring(repair, new)


def _with(lines: Lines, fresh: dict[int, list[tuple[str, Any]]]) -> Lines:
    """Put the new parts of lines in their place, in the order of ids."""
    kept = lines.take(np.setdiff1d(np.arange(len(lines.ids)), np.array(list(fresh), dtype=int)))
    rows = [lines.row[k] for k, left in fresh.items() for _ in left]
    ids = [name for left in fresh.values() for name, _ in left]
    geom = np.empty(len(ids), dtype=object)
    geom[:] = [piece for left in fresh.values() for _, piece in left]
    merged = Lines(
        np.concatenate([kept.geom, geom]),
        np.concatenate([kept.row, np.array(rows, dtype=np.intp)]),
        np.concatenate([kept.ids, np.array(ids, dtype=object)]),
    )
    return merged.take(np.argsort(merged.ids.astype(str), kind="stable"))


# ---- crossings -----------------------------------------------------------------------------


class _Crossings(NamedTuple):
    """Places where inner parts of two lines meet; columns 0 and 1 are the lower and higher line."""

    line: Ints  # shape (k, 2)
    place: Floats  # shape (k, 2)
    behind: Floats  # shape (k, 2, 2): metres to the start and to the end of each line
    angle: Floats  # degrees between them, 0..90
    vertex: Any  # the place is a vertex of both


def mend_crossings(
    lines: Lines,
    table: pd.DataFrame,
    tolerance_m: float,
    within_m: float,
    meetings: Meetings,
    ledger: Ledger,
) -> tuple[Lines, dict[str, tuple[str, ...]]]:
    """Cut off ends that overshoot, join rivers that cross themselves, and list every crossing.

    Parameters
    ----------
    table
        The rows of the lines, with ``name`` where known.
    tolerance_m
        A free end that lies so near behind a crossing is cut off there.
    within_m
        Up to here it is proposed to be an overshoot.

    Returns
    -------
    lines
        Lines that were cut at a crossing are X.1, X.2 and so on.
    parts
        Which ids each line that was cut now has.
    """
    found = _find_crossings(lines, meetings)
    if not len(found.line):
        return lines, {}
    names = table["name"] if "name" in table else pd.Series("", index=table.index)
    code = name_codes(names)[lines.row]
    led = names.astype("string").fillna("").str.contains(_LED_WATER).to_numpy(dtype=bool)[lines.row]
    nodes, frm, to = ends_of(lines)
    degree = np.bincount(np.concatenate([frm, to]), minlength=len(nodes))
    free = np.column_stack([degree[frm], degree[to]]) == 1
    trims: dict[tuple[int, int], int] = {}
    joined: list[int] = []
    for k, (pair, behind) in enumerate(zip(found.line, found.behind, strict=True)):
        one_river = bool(code[pair[0]] >= 0 and code[pair[0]] == code[pair[1]])
        canal = bool(led[pair].any())
        ends = [
            (float(behind[side, end]), side, end)
            for side in (0, 1)
            for end in (START, END)
            if free[pair[side], end] and behind[side, end] <= within_m
        ]
        short = [e for e in ends if e[0] <= tolerance_m]
        if _meet_within(pair, behind, frm, to, max(tolerance_m, SURE_M)):
            continue  # a wobble of the drawing at the place where they meet
        if short:
            _mark_trims(found, k, short, trims)
        elif ends:
            _propose_cut(found, k, min(ends), lines, within_m, one_river, ledger)
        elif _meet_within(pair, behind, frm, to, within_m) or behind.min() < SLIVER_M:
            _list_crossing(found, k, lines, ["meets nearby"], "none", 0.5, ledger)
        elif one_river and not canal:
            joined.append(k)
        else:
            rules = ["shared vertex"] * bool(found.vertex[k]) + ["canal or bridge"] * canal
            sure = 0.2 if canal else (0.6 if found.vertex[k] else 0.4)
            _list_crossing(found, k, lines, rules, "proposed", sure, ledger)
    lines = _trim(found, trims, lines, ledger)
    return _join_crossings(found, joined, lines, ledger)


def _find_crossings(lines: Lines, meetings: Meetings) -> _Crossings:
    a, b = meetings.of(lines, _SHARE_POINTS)
    points, owner = shapely.get_parts(
        shapely.intersection(lines.geom[a], lines.geom[b]), return_index=True
    )
    is_point = shapely.get_type_id(points) == 0
    points, owner = points[is_point], owner[is_point]
    pair, place = np.column_stack([a, b])[owner], shapely.get_coordinates(points)
    behind, course, at_vertex = [], [], np.ones(len(pair), dtype=bool)
    for side in (0, 1):
        verts = vertices(lines.geom[pair[:, side]])
        feet = foot_on_lines(place, verts, verts.first[:-1], np.diff(verts.first) - 1)
        measure, seg = verts.measures(), feet.segment
        at = measure[seg] + feet.share * (measure[seg + 1] - measure[seg])
        behind.append(np.column_stack([at, verts.lengths() - at]))
        step = (verts.xy[seg + 1] - verts.xy[seg]) * np.column_stack(metres_per_degree(place[:, 1]))
        course.append(step / np.maximum(np.hypot(*step.T), 1e-12)[:, None])
        at_vertex &= (verts.xy[seg] == place).all(axis=1) | (verts.xy[seg + 1] == place).all(axis=1)
    cosine = np.abs((course[0] * course[1]).sum(axis=1)) if len(pair) else np.zeros(0)
    found = _Crossings(
        pair, place, np.stack(behind, axis=1), np.degrees(np.arccos(np.minimum(cosine, 1))),
        at_vertex,
    )  # fmt: skip
    inner = (found.behind > ON_LINE_M).all(axis=(1, 2))  # an end on a line is no crossing
    return _Crossings(
        found.line[inner],
        found.place[inner],
        found.behind[inner],
        found.angle[inner],
        found.vertex[inner],
    )


def _meet_within(pair: Ints, behind: Floats, frm: Ints, to: Ints, metres: float) -> bool:
    """Say whether the two lines share a node so near behind the crossing."""
    ends = [
        {node for node, there in ((frm[k], near[0]), (to[k], near[1])) if there <= metres}
        for k, near in zip(pair.tolist(), behind, strict=True)
    ]
    return bool(ends[0] & ends[1])


def _list_crossing(
    found: _Crossings,
    k: int,
    lines: Lines,
    rules: list[str],
    action: str,
    sure: float,
    ledger: Ledger,
) -> int:
    return ledger.add(
        "crossing",
        lines.ids[found.line[k]],
        action=action,
        rule=" + ".join([*rules, f"{found.angle[k]:.0f}°"]),
        confidence=sure,
        place=shapely.Point(found.place[k]),
    )


def _propose_cut(
    found: _Crossings,
    k: int,
    end: tuple[float, int, int],
    lines: Lines,
    within_m: float,
    one_river: bool,
    ledger: Ledger,
) -> None:
    metres, side, which = end
    rules = ["end" if which == END else "start", f"{found.angle[k]:.0f}°"]
    ledger.add(
        "overshoot",
        lines.ids[found.line[k][[side, 1 - side]]],
        action="proposed",
        distance_m=metres,
        rule=" + ".join(rules + ["name"] * one_river),
        confidence=round(0.3 + 0.4 * (1 - metres / within_m) + 0.2 * one_river, 3),
        place=shapely.Point(found.place[k]),
    )


def _mark_trims(
    found: _Crossings,
    k: int,
    short: list[tuple[float, int, int]],
    trims: dict[tuple[int, int], int],
) -> None:
    """Note the shortest overshoot of each line; an end that crosses twice stops at the first."""
    for side in (0, 1):
        mine = [e for e in short if e[1] == side]
        if mine:
            metres, _, end = min(mine)
            key = (int(found.line[k, side]), end)
            before = trims.get(key)
            if before is None or metres > _stub(found, before, key):
                trims[key] = k


def _stub(found: _Crossings, k: int, key: tuple[int, int]) -> float:
    side = int(np.flatnonzero(found.line[k] == key[0])[0])
    return float(found.behind[k, side, key[1]])


def _trim(
    found: _Crossings, trims: dict[tuple[int, int], int], lines: Lines, ledger: Ledger
) -> Lines:
    geom = lines.geom.copy()
    for (line, end), k in sorted(trims.items()):
        place = found.place[k : k + 1]
        verts = vertices(geom[line : line + 1])
        foot = foot_on_lines(place, verts, verts.first[:1], np.diff(verts.first) - 1)
        after = int(foot.segment[0]) + 1
        way = [verts.xy[:after], place] if end == END else [place, verts.xy[after:]]
        geom[line] = shapely.remove_repeated_points(shapely.LineString(np.concatenate(way)))
        other = int(found.line[k][found.line[k] != line][0])
        metres = _stub(found, k, (line, end))
        sure = 0.95 if metres <= SURE_M else (0.85 if end == END else 0.75)
        repair = ledger.add(
            "overshoot",
            lines.ids[[line, other]],
            action="applied",
            distance_m=metres,
            rule=f"{'end' if end == END else 'start'} + {found.angle[k]:.0f}°",
            confidence=sure,
            place=shapely.Point(found.place[k]),
        )
        ledger.joints.bring(repair, [(str(lines.ids[line]), end)])
    return lines._replace(geom=geom)


def _join_crossings(
    found: _Crossings, joined: list[int], lines: Lines, ledger: Ledger
) -> tuple[Lines, dict[str, tuple[str, ...]]]:
    if not joined:
        return lines, {}
    verts = lines.verts
    line = found.line[joined].reshape(-1)
    place = np.repeat(found.place[joined], 2, axis=0)
    count = np.diff(verts.first)[line] - 1
    feet = foot_on_lines(place, verts, verts.first[line], count)
    order = np.lexsort((feet.share, feet.segment, line))
    none = np.zeros(len(order), dtype=np.intp)
    cuts = Cuts(
        none - 1, line[order], feet.segment[order], feet.share[order], place[order],
        none.astype(float), none,
    )  # fmt: skip
    repairs = [
        (k, _list_crossing(found, k, lines, ["one river"], "applied", 0.8, ledger)) for k in joined
    ]
    upper = [str(lines.ids[found.line[k, 1]]) for k in joined]
    lines, parts = cut(lines, cuts, verts, ledger)
    where = {str(name): n for n, name in enumerate(lines.ids)}
    for (k, repair), name in zip(repairs, upper, strict=True):
        point = shapely.Point(found.place[k])
        for part in parts[name]:
            piece = lines.geom[where[part]]
            ends = [
                (part, end)
                for end, nth in ((START, 0), (END, -1))
                if shapely.get_point(piece, nth) == point
            ]
            ledger.joints.bring(repair, ends)
    return lines, parts
