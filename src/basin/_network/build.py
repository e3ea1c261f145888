"""From lines as they are drawn to lines that meet at nodes, with a ledger of every repair.

The lines are put in the order of their ids first; from there on nothing depends on the order of
the rows. Each stage takes :class:`Lines` and gives new ones; lines meet where the coordinates of
their ends are equal to the last bit.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin import crs
from basin._network.arrays import Floats, Ints, ranges, repeated, text_order
from basin._network.geometry import Objects, Vertices, unique_points, vertices
from basin._network.grid import Index
from basin._network.ledger import Ledger
from basin._text import as_ids
from basin.errors import NetworkError

__all__ = [
    "Lines",
    "clean_lines",
    "drop_loops",
    "ends_of",
    "free_id",
    "index_of",
    "redraw",
    "to_lonlat",
]

_LINE, _MULTILINE = 1, 5  # shapely type ids

#: Two lines between the same nodes are copies if they lie closer than this everywhere.
COPY_M = 1.0


R = TypeVar("R")


class _KeptWith(Generic[R]):
    """Keep what is computed of an array as long as the array, which is then written to no more."""

    def __init__(self, compute: Callable[[Objects], R]) -> None:
        self._compute = compute
        self._known: dict[int, R] = {}

    def __call__(self, array: Objects) -> R:
        if id(array) not in self._known:
            self.note(array, self._compute(array))
        return self._known[id(array)]

    def note(self, array: Objects, result: R) -> None:
        """Keep what is known of an array already."""
        self._known[id(array)] = result
        array.flags.writeable = False
        weakref.finalize(array, self._known.pop, id(array), None)


_vertices_of = _KeptWith(vertices)


@_KeptWith
def _ends_of(geom: Objects) -> tuple[Floats, Ints, Ints]:
    verts = _vertices_of(geom)
    nodes, number = unique_points(np.concatenate([verts.starts, verts.ends]))
    return nodes, number[: len(geom)], number[len(geom) :]


@_KeptWith
def _index_of(geom: Objects) -> Index:
    return Index(_vertices_of(geom))


class Lines(NamedTuple):
    """Lines on their way to become reaches, in the order of their ids.

    Attributes
    ----------
    geom : shape (n,)
        LineStrings, EPSG:4490.
    row : shape (n,)
        The row of the source table that each came from.
    ids : shape (n,)
        Text, all different.
    """

    geom: Objects
    row: Ints
    ids: Objects

    @property
    def verts(self) -> Vertices:
        """Their vertices, fetched once for all stages that leave the lines as they are."""
        return _vertices_of(self.geom)

    def take(self, keep: Any) -> Lines:
        """Return the lines that `keep` (mask or positions) picks."""
        if keep.dtype == bool and keep.all():
            return self
        return Lines(self.geom[keep], self.row[keep], self.ids[keep])


def to_lonlat(lines: Any) -> gpd.GeoDataFrame:
    """Bring lines or points from any place on earth to EPSG:4490.

    Raises
    ------
    CrsError
        If the CRS is missing or of a refused datum, or coordinates are not on the globe.
    """
    table = lines if isinstance(lines, gpd.GeoDataFrame) else gpd.GeoDataFrame(geometry=lines)
    result: gpd.GeoDataFrame = crs.to_exchange(table, layer="rivers", bounds=crs.GLOBE_BOUNDS)
    return result


def clean_lines(table: gpd.GeoDataFrame, ledger: Ledger) -> tuple[gpd.GeoDataFrame, Lines]:
    """Put the rows in the order of their ids, explode multi-lines, and set aside what is no reach.

    Returns
    -------
    table
        The rows by id, with ``reach_id`` as text and a fresh index.
    lines
        One entry a single line; the parts of X are X.1, X.2 and so on.
    """
    drawn = np.asarray(table.geometry.array, dtype=object)
    table, ids, order = _name_rows(table, ledger)
    lines = _as_they_are(drawn, order, ids)
    if lines is None:
        geom = drawn[order]
        lines = _explode(_set_aside_unusable(geom, ids, ledger), geom, ids)
    verts = lines.verts
    closed = (verts.starts == verts.ends).all(axis=1)
    flat = closed.copy()
    flat[closed] = shapely.length(lines.geom[closed]) == 0
    keep = _set_aside(lines, flat, "zero_length", "zero length", verts.starts, ledger)
    closed &= keep
    keep &= _set_aside(lines, closed, "ring_set_aside", "closed", verts.starts, ledger)
    return table, _drop_copies(lines.take(keep), ledger)


def _as_they_are(drawn: Objects, order: Ints, ids: Objects) -> Lines | None:
    """Take rows that are all flat single lines, none empty; None if any is not.

    Geometries are asked in the order in which they lie in memory, which is several times quicker.
    """
    if (shapely.get_type_id(drawn) != _LINE).any() or shapely.is_empty(drawn).any():
        return None
    if shapely.has_z(drawn).any() or shapely.has_m(drawn).any():
        return None
    geom = drawn[order]
    _vertices_of.note(geom, vertices(drawn).take(order))
    return Lines(geom, np.arange(len(order)), ids)


def _name_rows(table: gpd.GeoDataFrame, ledger: Ledger) -> tuple[gpd.GeoDataFrame, Objects, Ints]:
    """Name the rows and put them in the order of their ids: with ids and order, as arrays."""
    ids = _given_ids(table)
    order = text_order(ids)
    again = np.flatnonzero(ids[order[1:]] == ids[order[:-1]]) + 1
    if len(again):  # among rows of one id the geometry decides, so that the order of rows does not
        twice = np.flatnonzero(pd.Series(ids).duplicated(keep=False))
        tie = np.full(len(table), "", dtype=object)
        geom = np.asarray(table.geometry.array, dtype=object)[twice]
        tie[twice] = [form or "" for form in shapely.to_wkb(geom, hex=True)]
        order = np.lexsort((np.unique(tie, return_inverse=True)[1], ids.astype(str)))
    ids = ids[order]
    if len(again):
        nth = pd.Series(ids).groupby(ids).cumcount().to_numpy()
        taken = set(ids)
        for k in again:
            ids[k] = free_id(f"{ids[k]}#{nth[k] + 1}", taken)
        ledger.add("duplicate_id", ids[again], action="applied")
    named = table.iloc[order].reset_index(drop=True)
    named["reach_id"] = ids
    return named, ids, order


def _given_ids(table: gpd.GeoDataFrame) -> Objects:
    """Ids from the column or the index called so; the index for the rows that have none."""
    if "reach_id" in table:
        ids = as_ids(table["reach_id"])
    elif table.index.name == "reach_id":
        ids = as_ids(pd.Series(table.index, index=table.index))
    else:
        ids = pd.Series(table.index.astype(str), index=table.index).astype("string")
    missing = ids.isna().to_numpy()
    named: Objects = ids.to_numpy(dtype=object)
    if missing.any():
        named = named.copy()
        named[missing] = table.index[missing].astype(str).to_numpy(dtype=object)
    return named


def free_id(wish: str, taken: set[str]) -> str:
    """Return the id wished for, lengthened until no other feature has it."""
    while wish in taken:
        wish += "+"
    taken.add(wish)
    return wish


def _set_aside_unusable(geom: Objects, ids: Objects, ledger: Ledger) -> Ints:
    """List null, empty and non-line geometries; return the rows that are left."""
    kind = shapely.get_type_id(geom)
    null = kind < 0
    empty = ~null & shapely.is_empty(geom)
    other = ~null & ~empty & (kind != _LINE) & (kind != _MULTILINE)
    for mask, rule in ((null, "null"), (empty, "empty"), (other, "not a line")):
        for k in np.flatnonzero(mask):
            place = shapely.point_on_surface(geom[k]) if rule == "not a line" else None
            ledger.add("zero_length", [ids[k]], action="applied", rule=rule, place=place)
    return np.flatnonzero(~(null | empty | other))


def _explode(rows: Ints, geom: Objects, ids: Objects) -> Lines:
    flat = geom[rows]
    if shapely.has_z(flat).any() or shapely.has_m(flat).any():
        flat = shapely.force_2d(flat)
    if (shapely.get_type_id(flat) == _LINE).all():
        return Lines(flat, rows, ids[rows].copy())
    parts, owner = shapely.get_parts(flat, return_index=True)
    full = ~shapely.is_empty(parts)
    parts, owner = parts[full], owner[full]
    counts = np.bincount(owner, minlength=len(rows))
    part_ids = ids[rows][owner].copy()
    several = np.flatnonzero(counts[owner] > 1)
    if len(several):
        nth = ranges(np.zeros(len(rows), dtype=np.intp), counts) + 1
        taken = set(ids)
        for k in several:
            part_ids[k] = free_id(f"{part_ids[k]}.{nth[k]}", taken)
    return Lines(parts, rows[owner], part_ids)


def _set_aside(
    lines: Lines, mask: Any, kind: str, rule: str, places: Floats, ledger: Ledger
) -> Any:
    for k in np.flatnonzero(mask):
        place = lines.geom[k] if kind == "ring_set_aside" else shapely.Point(places[k])
        ledger.add(kind, [lines.ids[k]], action="applied", rule=rule, place=place)
    return ~mask


def _drop_copies(lines: Lines, ledger: Ledger) -> Lines:
    """Drop lines with the same coordinates, in the same or the opposite order."""
    verts = lines.verts
    nodes, frm, to = ends_of(lines)
    pair = np.minimum(frm, to) * len(nodes) + np.maximum(frm, to)
    likely = repeated(pair)  # same ends
    if not len(likely):
        return lines
    first: dict[bytes, int] = {}
    keep = np.ones(len(pair), dtype=bool)
    for k, form in zip(likely, shapely.to_wkb(shapely.normalize(lines.geom[likely])), strict=True):
        kept = first.setdefault(form, int(k))
        if kept != k:
            keep[k] = False
            same = np.array_equal(verts.starts[k], verts.starts[kept])
            ledger.add(
                "duplicate",
                [lines.ids[kept], lines.ids[k]],
                action="applied",
                rule="exact" if same else "reversed copy",
                place=lines.geom[k],
            )
    return lines.take(keep)


def ends_of(lines: Lines) -> tuple[Floats, Ints, Ints]:
    """Number the ends of lines: nodes (k, 2), and the node at the start and end of each line."""
    return _ends_of(lines.geom)


def index_of(lines: Lines) -> Index:
    """Return the spatial index over lines, made once for all stages that leave them as they are."""
    return _index_of(lines.geom)


def redraw(lines: Lines, at_start: Any, at_end: Any, places: Floats, *, bend_m: Floats) -> Lines:
    """Move ends of lines to new places.

    Parameters
    ----------
    at_start, at_end : shape (n,)
        Row of `places` that the start or end of each line goes to, or -1.
    bend_m : shape (n, 2)
        Metres that the start and the end move. Up to a metre the end vertex itself moves; farther,
        a new vertex is added and the drawn ones stay.
    """
    touched = np.flatnonzero((at_start >= 0) | (at_end >= 0))
    if not len(touched):
        return lines
    verts = vertices(lines.geom[touched])
    xy, first = verts.xy.copy(), verts.first
    start, end = at_start[touched], at_end[touched]
    far = bend_m[touched] > COPY_M
    near = (start >= 0) & ~far[:, 0]
    xy[first[:-1][near]] = places[start[near]]
    near = (end >= 0) & ~far[:, 1]
    xy[first[1:][near] - 1] = places[end[near]]
    before, after = (start >= 0) & far[:, 0], (end >= 0) & far[:, 1]
    owner = np.repeat(np.arange(len(touched)), np.diff(first))
    # a stable sort by owner brings the new vertices in front of and behind the drawn ones
    xy = np.concatenate([places[start[before]], xy, places[end[after]]])
    owner = np.concatenate([np.flatnonzero(before), owner, np.flatnonzero(after)])
    order = np.argsort(owner, kind="stable")
    geom = lines.geom.copy()
    geom[touched] = shapely.linestrings(xy[order], indices=owner[order])
    return lines._replace(geom=geom)


def drop_loops(lines: Lines, ledger: Ledger) -> Lines:
    """Set aside lines whose ends fell together, and near copies between the same two nodes."""
    _, frm, to = ends_of(lines)
    loop = frm == to
    if loop.any():
        loops = lines.take(loop)
        verts = loops.verts
        short = verts.lengths() <= 4 * COPY_M
        places = verts.starts
        _set_aside(loops, short, "zero_length", "shorter than tolerance", places, ledger)
        _set_aside(loops, ~short, "ring_set_aside", "nearly closed", places, ledger)
        lines = lines.take(~loop)
    return lines.take(_not_near_copies(lines, ledger)) if len(lines.ids) else lines


def _not_near_copies(lines: Lines, ledger: Ledger) -> Any:
    nodes, frm, to = ends_of(lines)
    pair = np.minimum(frm, to) * len(nodes) + np.maximum(frm, to)
    keep = np.ones(len(pair), dtype=bool)
    likely = repeated(pair)
    if not len(likely):
        return keep
    likely = likely[np.argsort(pair[likely], kind="stable")]
    for arms in np.split(likely, np.flatnonzero(np.diff(pair[likely])) + 1):
        for j, k in enumerate(arms[1:], start=1):
            for kept in arms[:j][keep[arms[:j]]]:
                # degrees of latitude: never smaller in metres than degrees of longitude
                apart = shapely.hausdorff_distance(lines.geom[kept], lines.geom[k]) * 111_000
                if apart <= COPY_M:
                    keep[k] = False
                    ids = [lines.ids[kept], lines.ids[k]]
                    ledger.add(
                        "duplicate",
                        ids,
                        action="applied",
                        distance_m=apart,
                        rule="within tolerance",
                        place=lines.geom[k],
                    )
                    break
    return keep


def check_any(lines: Lines) -> None:
    """Refuse a table without a single usable line."""
    if not len(lines.ids):
        raise NetworkError(
            "no usable river line is left",
            mend="Give LineStrings or MultiLineStrings; check the layer's geometries.",
        )
