"""Features cut into short runs of edges, and the metres of a degree: what `_measure` works on.

Edges are straight in longitude and latitude, as they are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import shapely

from basin.crs import GEOD

__all__ = [
    "Floats",
    "Ints",
    "Pieces",
    "cut",
    "degrees_of",
    "frames_at",
    "ranges",
    "ring_shapes",
    "scale_at",
    "valid_shapes",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Edges a chunk: 16 was the fastest for nearest search on bank lines, within 10 % of 32.
_CHUNK = 16
#: No edge longer than this (metres): the frame at mid-latitude is taken at the edge's middle.
_MAX_EDGE_M = 2_000.0

_E2 = GEOD.es


def scale_at(lat: Any) -> tuple[Any, Any]:
    """Metres per degree of longitude and of latitude at a latitude, on the CGCS2000 ellipsoid."""
    phi = np.radians(lat)
    w2 = 1.0 - _E2 * np.sin(phi) ** 2
    prime = GEOD.a / np.sqrt(w2)
    meridian = prime * (1.0 - _E2) / w2
    return np.radians(prime * np.cos(phi)), np.radians(meridian)


def degrees_of(distance_m: Any, lat: Any) -> tuple[Any, Any]:
    """Degrees of longitude and latitude that a ball of `distance_m` around `lat` cannot leave."""
    d_lat = np.asarray(distance_m) / 110_500.0  # the shortest degree of a meridian is 110,574 m
    k_lon, _ = scale_at(np.minimum(np.abs(lat) + d_lat, 89.0))
    return np.asarray(distance_m) * 1.0001 / k_lon, d_lat


def frames_at(lat: Floats) -> Floats:
    """Metres per degree of longitude and latitude, their change per degree, and the latitude."""
    phi = np.radians(lat)
    w2 = 1.0 - _E2 * np.sin(phi) ** 2
    meridian = GEOD.a * (1.0 - _E2) / w2**1.5
    k_lon, k_lat = scale_at(lat)
    bend = 3.0 * _E2 * np.sin(phi) * np.cos(phi) / w2
    unit = np.radians(1.0)
    lean = -np.radians(meridian * np.sin(phi)) * unit
    return np.vstack([k_lon, k_lat, lean, k_lat * bend * unit, lat])


@dataclass(frozen=True)
class Pieces:
    """Features cut into chunks of edges; a point is an edge of no length.

    Parameters
    ----------
    edges : shape (n_edges, 4)
        Degrees: lon, lat of the start and of the end, chunk after chunk.
    first : shape (n_chunks + 1,)
        Where each chunk begins in `edges`.
    owner : shape (n_chunks,)
        Row of the feature that the chunk was cut from.
    is_point : shape (n_chunks,)
    n_features
    """

    edges: Floats
    first: Ints
    owner: Ints
    is_point: npt.NDArray[np.bool_]
    n_features: int

    @cached_property
    def boxes(self) -> Floats:
        """West, south, east, north of each chunk, in degrees."""
        if len(self.owner) == 0:
            return np.empty((0, 4))
        e, at = self.edges, self.first[:-1]
        return np.column_stack(
            [
                np.minimum.reduceat(np.minimum(e[:, 0], e[:, 2]), at),
                np.minimum.reduceat(np.minimum(e[:, 1], e[:, 3]), at),
                np.maximum.reduceat(np.maximum(e[:, 0], e[:, 2]), at),
                np.maximum.reduceat(np.maximum(e[:, 1], e[:, 3]), at),
            ]
        )

    @cached_property
    def ends(self) -> Floats:
        """The edges by column: lon and lat of the start, lon and lat of the end."""
        return np.ascontiguousarray(self.edges.T)

    def frames(self, row: Ints) -> Floats:
        """The frame of metres at the start of some edges, by column."""
        if len(row) <= len(self.edges):
            return frames_at(self.edges[row, 1])
        return self._frames[:, row]

    @cached_property
    def _frames(self) -> Floats:
        return frames_at(self.edges[:, 1])

    @cached_property
    def by_feature(self) -> tuple[Ints, Ints]:
        """Edges in the order of their features, and where each feature begins among them."""
        n = self.n_features
        if len(self.edges) == n and np.array_equal(self.owner, np.arange(n)):  # one edge each
            return np.arange(n), np.arange(n + 1)
        owner = np.repeat(self.owner, np.diff(self.first))
        order = np.argsort(owner, kind="stable")
        return order, np.searchsorted(owner[order], np.arange(n + 1))


def ranges(start: Ints, size: Ints) -> Ints:
    """Concatenate ``start[i], start[i] + 1, ..`` of `size[i]` numbers each."""
    before = np.cumsum(size) - size
    return cast("Ints", np.arange(int(size.sum())) + np.repeat(start - before, size))


def ring_shapes(geometry: Any, *, fill: bool) -> npt.NDArray[np.object_]:
    """Take the filled areas of areal features (islands filled); others become None.

    Parameters
    ----------
    geometry : shape (n,)
        EPSG:4490.
    fill
        Whether holes are land inside the area (shorelines) or stay outside of it (zones).
    """
    shapes = np.asarray(geometry, dtype=object)
    areal = np.isin(shapely.get_dimensions(shapes), [2])
    out = np.full(len(shapes), None, dtype=object)
    if not fill:
        out[areal] = shapes[areal]
        return out
    parts, owner = shapely.get_parts(shapes[areal], return_index=True)
    polygons = shapely.get_type_id(parts) == 3
    filled = shapely.polygons(shapely.get_exterior_ring(parts[polygons]))
    out[areal] = shapely.multipolygons(filled, indices=owner[polygons])
    return out


def valid_shapes(geometry: Any) -> npt.NDArray[np.object_]:
    """Mend self-crossing polygons (by structure: a bow-tie keeps both its wings)."""
    shapes = np.asarray(geometry, dtype=object)
    broken = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    if broken.any():
        shapes = shapes.copy()
        shapes[broken] = shapely.make_valid(shapes[broken], method="structure")
    return shapes


def cut(geometry: Any, *, fill: bool = False) -> Pieces:
    """Cut points, lines and the rings of polygons into chunks of edges.

    Parameters
    ----------
    geometry : shape (n,)
        EPSG:4490; null and empty features have no chunk.
    fill
        Leave out the inner rings of polygons (an island is inside the range).
    """
    shapes = np.asarray(geometry, dtype=object)
    owner = np.arange(len(shapes))
    while (shapely.get_type_id(shapes) > 3).any():  # a collection may hold multi-part features
        shapes, part = shapely.get_parts(shapes, return_index=True)
        owner = owner[part]
    kind = shapely.get_type_id(shapes)
    point = (kind == 0) & ~shapely.is_empty(shapes)
    xy = shapely.get_coordinates(shapes[point])
    if fill:
        rings, ring_of = shapely.get_exterior_ring(shapes[kind == 3]), np.arange((kind == 3).sum())
    else:
        rings, ring_of = shapely.get_rings(shapes[kind == 3], return_index=True)
    lines = np.concatenate([shapes[(kind == 1) | (kind == 2)], rings])
    line_owner = np.concatenate([owner[(kind == 1) | (kind == 2)], owner[kind == 3][ring_of]])
    lines = shapely.segmentize(lines, _MAX_EDGE_M / 111_700.0)
    coords, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    edges = np.hstack([coords[:-1][same], coords[1:][same]])
    edge_line = line[1:][same]
    n_points = len(xy)
    new = np.concatenate([[True], edge_line[1:] != edge_line[:-1]])[: len(edge_line)]
    begins = np.flatnonzero(new)
    place = np.arange(len(edges)) - np.repeat(begins, np.diff(np.append(begins, len(edges))))
    starts = np.flatnonzero(place % _CHUNK == 0)
    return Pieces(
        np.vstack([np.hstack([xy, xy]), edges]),
        np.concatenate([np.arange(n_points), n_points + starts, [n_points + len(edges)]]).astype(
            np.int64
        ),
        np.concatenate([owner[point], line_owner[edge_line[starts]]]).astype(np.int64),
        np.arange(n_points + len(starts)) < n_points,
        len(np.asarray(geometry, dtype=object)),
    )
