"""Loops that numba compiles; each has a way in plain arrays beside it, with the same answers.

Importing this module needs numba (``pip install basin-gis[fast]``); see :mod:`basin._network.fast`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from basin._network.arrays import Floats, Ints
from basin._network.jit import compiled

__all__ = ["carry", "near_feet", "order_within", "packed", "seek", "slots"]

#: Two feet of one line closer together than this part of the distance are one; the first counts.
_SAME = 1e-12


@compiled
def near_feet(
    points: Floats,
    radius_m: float,
    major_m: float,
    es: float,
    xy: Floats,
    box: Floats,
    runs: Any,
    cell_first: Any,
    run_of: Any,
    origin: Floats,
    size: Floats,
    shape: Ints,
    n_lines: int,
) -> tuple[Ints, Ints, Floats, Ints, Floats]:
    """Foot of each point on every line within `radius_m`: point, line, metres, segment, share.

    The columns of `runs`: first segment, segments, line, column and row of the first cell.
    """
    room = 8 * len(points) + 64
    out_point = np.empty(room, np.int64)
    out_line = np.empty(room, np.int64)
    out_metres = np.empty(room, np.float64)
    out_segment = np.empty(room, np.int64)
    out_share = np.empty(room, np.float64)
    seen_by = np.full(n_lines, -1, np.int64)
    slot_of = np.empty(n_lines, np.int64)
    used = 0
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        sin = math.sin(math.radians(y))
        bend = 1.0 - es * sin * sin
        across = major_m / math.sqrt(bend)
        per_lon = math.radians(across * math.sqrt(1.0 - sin * sin))
        per_lat = math.radians(across * (1.0 - es) / bend)
        sin = math.sin(math.radians(min(abs(y) + 0.1, 89.9)))
        bend = 1.0 - es * sin * sin
        across = major_m / math.sqrt(bend)
        half_x = 1.01 * radius_m / math.radians(across * math.sqrt(1.0 - sin * sin))
        half_y = 1.01 * radius_m / math.radians(across * (1.0 - es) / bend)
        a0 = min(max(math.floor((x - half_x - origin[0]) / size[0]), 0), shape[0] - 1)
        b0 = min(max(math.floor((x + half_x - origin[0]) / size[0]), 0), shape[0] - 1)
        a1 = min(max(math.floor((y - half_y - origin[1]) / size[1]), 0), shape[1] - 1)
        b1 = min(max(math.floor((y + half_y - origin[1]) / size[1]), 0), shape[1] - 1)
        for row in range(a1, b1 + 1):
            for column in range(a0, b0 + 1):
                cell = row * shape[0] + column
                for e in range(cell_first[cell], cell_first[cell + 1]):
                    run = run_of[e]
                    dx = max(box[run, 0] - x, x - box[run, 2], 0.0) * per_lon
                    dy = max(box[run, 1] - y, y - box[run, 3], 0.0) * per_lat
                    if dx * dx + dy * dy > radius_m * radius_m * 1.01:
                        continue
                    # a run in several cells counts in the first that both touch
                    if max(runs[run, 3], a0) != column or max(runs[run, 4], a1) != row:
                        continue
                    best, at, part = math.inf, -1, 0.0
                    stop = runs[run, 0] + runs[run, 1]
                    ex = (xy[runs[run, 0], 0] - x) * per_lon
                    ey = (xy[runs[run, 0], 1] - y) * per_lat
                    for s in range(runs[run, 0], stop):
                        sx, sy = ex, ey
                        ex, ey = (xy[s + 1, 0] - x) * per_lon, (xy[s + 1, 1] - y) * per_lat
                        ax, ay = ex - sx, ey - sy
                        square = ax * ax + ay * ay
                        share = -(sx * ax + sy * ay) / square if square > 0 else 0.0
                        share = min(max(share, 0.0), 1.0)
                        fx, fy = sx + ax * share, sy + ay * share
                        d = math.sqrt(fx * fx + fy * fy)
                        if d < best * (1.0 - _SAME):
                            best, at, part = d, s, share
                    if best > radius_m:
                        continue
                    line = runs[run, 2]
                    if seen_by[line] != i:
                        if used == room:
                            room *= 2
                            out_point = _longer(out_point, room)
                            out_line = _longer(out_line, room)
                            out_metres = _longer(out_metres, room)
                            out_segment = _longer(out_segment, room)
                            out_share = _longer(out_share, room)
                        seen_by[line], slot_of[line] = i, used
                        out_point[used], out_line[used] = i, line
                        slot, used = used, used + 1
                    else:
                        slot = slot_of[line]
                        held = out_metres[slot]
                        if best > held * (1.0 + _SAME) or (
                            best >= held * (1.0 - _SAME) and at > out_segment[slot]
                        ):
                            continue
                    out_metres[slot], out_segment[slot], out_share[slot] = best, at, part
    return (
        out_point[:used],
        out_line[:used],
        out_metres[:used],
        out_segment[:used],
        out_share[:used],
    )


@compiled
def _longer(values: Any, room: int) -> Any:
    longer = np.empty(room, values.dtype)
    longer[: len(values)] = values
    return longer


@compiled
def order_within(first: Ints, key: Floats, rank: Ints) -> Ints:
    """Order the items of each group ``first[k]:first[k + 1]`` by key, then rank."""
    order = np.arange(len(key))
    for k in range(len(first) - 1):
        a, b = first[k], first[k + 1]
        gap = 1
        while gap < (b - a) // 3:
            gap = 3 * gap + 1
        while gap > 0:  # Shell's method: quick for the few, bearable for the many
            for i in range(a + gap, b):
                item = order[i]
                j = i
                while j >= a + gap:
                    other = order[j - gap]
                    if key[other] < key[item] or (
                        key[other] == key[item] and rank[other] <= rank[item]
                    ):
                        break
                    order[j] = other
                    j -= gap
                order[j] = item
            gap //= 3
    return order


@compiled
def carry(part: Floats, values: Floats, frm: Ints, to: Ints, passes: Any, n: int) -> Floats:
    """Carry values down, one scenario after another, shape (d, m).

    Reaches come upstream first; `part` of what arrives enters.
    """
    arrived = np.empty(n)
    leaving = np.empty(values.shape)
    for d in range(values.shape[0]):
        arrived[:] = 0.0
        for e in range(values.shape[1]):
            out = values[d, e] + part[e] * arrived[frm[e]]
            leaving[d, e] = out
            if passes[e]:
                arrived[to[e]] += out
    return leaving


@compiled
def packed(first: Ints, letters: Any) -> tuple[Any, bool]:
    """Pack texts of up to 16 bytes into two numbers each; False if one has a zero byte."""
    n = len(first) - 1
    keys = np.zeros((n, 2), np.uint64)
    for k in range(n):
        for at in range(first[k], first[k + 1]):
            if letters[at] == 0:
                return keys, False
            half = (at - first[k]) // 8
            keys[k, half] = (keys[k, half] << np.uint64(8)) | np.uint64(letters[at])
    return keys, True


@compiled
def _slot(a: Any, b: Any, mask: Any) -> Any:
    mixed = a * np.uint64(0x9E3779B97F4A7C15) ^ b * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(32)
    return (mixed * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask


@compiled
def slots(keys: Any) -> Any:
    """Lay keys into a table twice as large or more: the row in each slot, -1 for none."""
    size = 4
    while size < 2 * len(keys):
        size *= 2
    table = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    for k in range(len(keys)):
        at = _slot(keys[k, 0], keys[k, 1], mask)
        while table[at] >= 0:
            at = (at + np.uint64(1)) & mask
        table[at] = k
    return table


@compiled
def seek(keys: Any, table: Any, asked: Any) -> Ints:
    """Find the row of each asked key, -1 for none."""
    mask = np.uint64(len(table) - 1)
    found = np.empty(len(asked), np.int64)
    for k in range(len(asked)):
        at = _slot(asked[k, 0], asked[k, 1], mask)
        row = table[at]
        while row >= 0 and (keys[row, 0] != asked[k, 0] or keys[row, 1] != asked[k, 1]):
            at = (at + np.uint64(1)) & mask
            row = table[at]
        found[k] = row
    return found
