"""A spatial index over short runs of segments: a grid, each cell with the runs that touch it."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from basin._network.arrays import Bools, Floats, Ints, group, ranges
from basin._network.fast import build_kernels
from basin._network.geometry import Feet, Vertices, foot_on_lines, metres_per_degree

__all__ = ["Index"]

#: Cells are made larger until the runs lie in so many cells each, on average.
_CELLS_A_RUN = 6.0

#: Candidates looked at together, so that memory stays bounded.
_AT_ONCE = 1_000_000

#: Points whose nearest line is looked for together, however far it is.
_FAR_AT_ONCE = 64


class Index:
    """Lines in runs of a few segments, so that long winding lines stay quick to ask.

    Parameters
    ----------
    verts
        Vertices of the lines.
    segments_a_run
        Few where many points are placed, many where memory matters.

    Attributes
    ----------
    line, first, count : shape (r,)
        Line of each run, the vertex where its first segment begins, and its number of segments.
    box : shape (r, 4)
        West, south, east and north of each run in degrees; `low` and `high` are its corners.
    """

    def __init__(self, verts: Vertices, segments_a_run: int = 32) -> None:
        self.verts = verts
        segments = np.diff(verts.first) - 1
        runs = -(-segments // segments_a_run)
        self.line = np.repeat(np.arange(len(segments)), runs)
        nth = ranges(np.zeros(len(segments), dtype=np.intp), runs)
        self.first = verts.first[self.line] + nth * segments_a_run
        self.count = np.minimum(segments_a_run, verts.first[self.line + 1] - 1 - self.first)
        self.box = self._boxes()
        self.low, self.high = self.box[:, :2], self.box[:, 2:]
        self._lay_cells()

    def _boxes(self) -> Floats:
        xy = self.verts.xy
        fast = build_kernels(len(self.first))
        if fast is not None:
            whole: Floats = fast.boxes(xy, self.first, self.count)
            return whole
        box = np.empty((len(self.first), 4))
        if len(box):
            last = xy[self.first + self.count]  # the box takes in the end of the last segment
            for axis in (0, 1):
                column = np.ascontiguousarray(xy[:, axis])
                np.minimum(np.minimum.reduceat(column, self.first), last[:, axis], out=box[:, axis])
                np.maximum(
                    np.maximum.reduceat(column, self.first), last[:, axis], out=box[:, axis + 2]
                )
        return box

    def _lay_cells(self) -> None:
        n = len(self.first)
        self.origin = self.low.min(axis=0) if n else np.zeros(2)
        extent = self.high.max(axis=0) - self.origin if n else np.zeros(2)
        mean = (self.high - self.low).mean(axis=0) if n else np.zeros(2)
        size = np.maximum(np.maximum(extent / max(np.sqrt(n), 1.0), mean), 1e-9)
        while True:
            self.size = size
            self.shape = np.floor(extent / size).astype(np.intp) + 1
            low, high = self.cell_of(self.low), self.cell_of(self.high)
            wide, tall = (high - low + 1).T
            if (wide * tall).sum() <= max(_CELLS_A_RUN * n, 64):
                break
            size = size * 2.0
        #: the first and the last cell that each run touches
        self.run_cell, self.last_cell = low, high
        fast = build_kernels(n)
        if fast is not None:
            self.cell_first, self.run_of = fast.cells(low, high, *self.shape.tolist())
            return
        run = np.repeat(np.arange(n), tall)
        row = ranges(low[:, 1], tall)
        run, row = np.repeat(run, wide[run]), np.repeat(row, wide[run])
        column = ranges(np.repeat(low[:, 0], tall), np.repeat(wide, tall))
        cells = group(row * self.shape[0] + column, int(self.shape[0] * self.shape[1]))
        #: the runs of cell c are ``run_of[cell_first[c]:cell_first[c + 1]]``
        self.cell_first, self.run_of = cells.first, run[cells.items]

    def cell_of(self, xy: Floats) -> Ints:
        """Column and row of the cell of each place, the outermost for places outside."""
        cell = np.floor((xy - self.origin) / self.size)
        inside: Ints = np.clip(cell, 0, self.shape - 1).astype(np.intp)
        return inside

    def cell_number(self, xy: Floats) -> Ints:
        """Number of the cell of each place: places with near numbers are near each other."""
        cell = self.cell_of(xy)
        number: Ints = cell[:, 1] * self.shape[0] + cell[:, 0]
        return number

    def near(
        self, xy: Floats, radius_m: Any, ends: tuple[Ints, Ints] | None = None
    ) -> tuple[Ints, Ints]:
        """Pairs (point, run of segments) that may come within `radius_m` metres, in order.

        Parameters
        ----------
        ends
            The points where each line begins and ends: pairs of those are left out.
        """
        low, high = _around(xy, radius_m)
        a, b = self.cell_of(low), self.cell_of(high)
        fast = build_kernels(len(xy))
        if fast is not None:
            none = np.zeros(0, dtype=np.intp)
            found = fast.near_runs(
                low, high, a, b, self.verts.xy, self.box, self.line, self.first, self.count,
                self.run_cell, self.cell_first, self.run_of, int(self.shape[0]),
                *(ends or (none, none)),
            )  # fmt: skip
            point, run = found[np.lexsort(found.T[::-1])].T
            return point, run
        point, run = self._near_boxes(low, high, a, b)
        if ends is not None:
            line = self.line[run]
            other = (ends[0][line] != point) & (ends[1][line] != point)
            point, run = point[other], run[other]
        return point, run

    def may_meet(self, asked: Bools) -> tuple[Ints, Ints]:
        """Pairs of lines, one `asked` at least, that may meet inside both; numba only."""
        fast: Any = build_kernels(len(asked))
        runs = fast.may_meet(
            self.verts.xy, self.verts.first, asked, self.box, self.line, self.first, self.count,
            self.run_cell, self.last_cell, self.cell_first, self.run_of, int(self.shape[0]),
        )  # fmt: skip
        pairs = np.unique(np.sort(self.line[runs], axis=1), axis=0)
        return pairs[:, 0], pairs[:, 1]

    def _near_boxes(self, low: Floats, high: Floats, a: Ints, b: Ints) -> tuple[Ints, Ints]:
        span = (b - a + 1).prod(axis=1)
        share = len(self.run_of) / max(len(self.cell_first) - 1, 1)
        # candidates to come, near enough; a point is never parted
        heavy = np.cumsum(np.maximum(span * share, 1.0))
        total = heavy[-1] if len(heavy) else 0.0
        stops = np.searchsorted(heavy, np.arange(_AT_ONCE, total, _AT_ONCE))
        edges = np.unique(np.concatenate([[0], stops, [len(low)]]))
        found = [
            self._near_part(np.arange(i, j), low, high, a, b) for i, j in pairwise(edges.tolist())
        ]
        if not found:
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
        return np.concatenate([p for p, _ in found]), np.concatenate([r for _, r in found])

    def _near_part(
        self, point: Ints, low: Floats, high: Floats, a: Ints, b: Ints
    ) -> tuple[Ints, Ints]:
        rows = b[point, 1] - a[point, 1] + 1
        owner = np.repeat(point, rows)
        row = ranges(a[point, 1], rows)
        # the cells of one row stand side by side, and so do their runs
        begin = self.cell_first[row * self.shape[0] + a[owner, 0]]
        many = self.cell_first[row * self.shape[0] + b[owner, 0] + 1] - begin
        run = self.run_of[ranges(begin, many)]
        row, owner = np.repeat(row, many), np.repeat(owner, many)
        hit = (
            (self.low[run, 0] <= high[owner, 0])
            & (self.high[run, 0] >= low[owner, 0])
            & (self.low[run, 1] <= high[owner, 1])
            & (self.high[run, 1] >= low[owner, 1])
            # a run in several rows counts once: in the first that both touch
            & (np.maximum(self.run_cell[run, 1], a[owner, 1]) == row)
        )
        owner, run = owner[hit], run[hit]
        # and in several columns of that row: runs stand in order within a cell, not across cells
        order = np.lexsort((run, owner))
        owner, run = owner[order], run[order]
        new = np.ones(len(run), dtype=bool)
        new[1:] = (run[1:] != run[:-1]) | (owner[1:] != owner[:-1])
        return owner[new], run[new]

    def feet(self, xy: Floats, point: Ints, run: Ints) -> tuple[Ints, Ints, Feet]:
        """Measure pairs and keep the nearest run of each (point, line)."""
        feet = foot_on_lines(xy[point], self.verts, self.first[run], self.count[run])
        line = self.line[run]
        order = np.lexsort((feet.segment, feet.distance_m, line, point))
        point, line = point[order], line[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (point[1:] != point[:-1]) | (line[1:] != line[:-1])
        pick = order[new]
        return point[new], line[new], feet.take(pick)

    def nearest(self, xy: Floats) -> tuple[Ints, Ints, Feet]:
        """Pairs (point, line) that hold the nearest line of each point, however far; and others."""
        found: list[tuple[Ints, Ints, Feet]] = []
        for k in range(0, len(xy) if len(self.first) else 0, _FAR_AT_ONCE):
            part = xy[k : k + _FAR_AT_ONCE]
            row, run = self._boxes_tree.query_nearest(shapely.points(part), all_matches=False)
            bound = np.empty(len(part))
            bound[row] = foot_on_lines(
                part[row], self.verts, self.first[run], self.count[run]
            ).distance_m
            point, run = self.near(part, bound * 1.01)
            within = _metres_to_box(part[point], self.low[run], self.high[run]) <= (
                bound[point] * 1.01
            )
            point, line, feet = self.feet(part, point[within], run[within])
            found.append((point + k, line, feet))
        if not found:
            none = np.zeros(0, dtype=np.intp)
            return none, none, Feet.stack([])
        points, lines, feets = zip(*found, strict=True)
        return np.concatenate(points), np.concatenate(lines), Feet.stack(list(feets))

    @cached_property
    def packed(self) -> tuple[npt.NDArray[np.int32], ...]:
        """What the compiled search reads, close together: runs with their cells, and the cells."""
        runs = np.column_stack([self.first, self.count, self.line, self.run_cell])
        return (
            runs.astype(np.int32),
            self.cell_first.astype(np.int32),
            self.run_of.astype(np.int32),
        )

    @cached_property
    def _boxes_tree(self) -> Any:
        low, high = self.low, self.high
        return shapely.STRtree(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]))


def _around(xy: Floats, radius_m: Any) -> tuple[Floats, Floats]:
    """Corners of boxes that hold every place within `radius_m` metres of each point."""
    per_lon, per_lat = metres_per_degree(np.minimum(np.abs(xy[:, 1]) + 0.1, 89.9))
    half = np.column_stack([radius_m / per_lon, radius_m / per_lat]) * 1.01
    return xy - half, xy + half


def _metres_to_box(xy: Floats, low: Floats, high: Floats) -> Floats:
    """Metres from points to boxes, at the scale of the points' latitudes."""
    away = np.maximum(np.maximum(low - xy, xy - high), 0.0)
    away *= np.column_stack(metres_per_degree(xy[:, 1]))
    metres: Floats = np.hypot(away[:, 0], away[:, 1])
    return metres
