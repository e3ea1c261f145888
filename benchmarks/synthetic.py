"""Synthetic rivers for the benchmarks: seeded, of any size, without a file."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

__all__ = ["basin_lines", "basin_points"]

#: About 1 km in degrees; the basin lies between 30 and 40 degrees north.
_STEP = 0.01
_LON, _LAT = 100.0, 30.0
_VERTICES = 12


def basin_lines(reaches: int, *, braids: float = 0.0, seed: int = 1) -> gpd.GeoDataFrame:
    """Draw a basin: a random spanning tree of a lattice that drains to one corner.

    Parameters
    ----------
    reaches
        How many reaches of about 1 km and 12 vertices each.
    braids
        Of so many of the nodes (0..1) a second arm leaves, to a neighbour that is not above it.

    Returns
    -------
    shape (reaches or more, 3)
        ``reach_id`` (shuffled), ``velocity_m_s``, geometry; EPSG:4490; rows in random order.
    """
    random = np.random.default_rng(seed)
    wide = int(np.ceil(np.sqrt(reaches + 1)))
    n = reaches + 1
    node = np.arange(n)
    right = node[(node % wide < wide - 1) & (node + 1 < n)]
    below = node[node + wide < n]
    a = np.concatenate([right, below])
    b = np.concatenate([right + 1, below + wide])
    weight = random.uniform(1, 2, len(a))
    tree = minimum_spanning_tree(coo_array((weight, (a, b)), shape=(n, n)).tocsr())
    order, parent = breadth_first_order(tree, 0, directed=False)
    frm = node[1:]
    to = parent[1:].astype(np.intp)
    if braids:
        rank = np.empty(n, dtype=np.intp)  # an outlet first: water runs to lower ranks
        rank[order] = np.arange(n)
        pick = random.random(len(a)) < braids
        high = np.where(rank[a] > rank[b], a, b)[pick]
        low = np.where(rank[a] > rank[b], b, a)[pick]
        fed = np.bincount(to, minlength=n) > 0  # a river parts; a spring does not
        new = (parent[high] != low) & fed[high]
        frm, to = np.concatenate([frm, high[new]]), np.concatenate([to, low[new]])
    m = len(frm)
    shuffled = random.permutation(m)
    # drawn in the order of the rows, and so in memory, as the reader of a file does
    geometry = _draw(frm[shuffled], to[shuffled], wide, random)
    return gpd.GeoDataFrame(
        {
            "reach_id": [f"R{k:07d}" for k in random.permutation(m)],
            "velocity_m_s": random.uniform(0.2, 1.5, m),
        },
        geometry=geometry,
        crs=4490,
    )


def _draw(
    frm: npt.NDArray[Any], to: npt.NDArray[Any], wide: int, random: np.random.Generator
) -> npt.NDArray[Any]:
    """Bend each reach a little; its ends are exactly the nodes."""
    n = int(max(frm.max(), to.max())) + 1
    node = np.column_stack([np.arange(n) % wide, np.arange(n) // wide]).astype(float)
    node += random.uniform(-0.2, 0.2, node.shape)
    node = np.round(np.array([_LON, _LAT]) + node * _STEP, 9)
    share = np.linspace(0, 1, _VERTICES)[None, :, None]
    xy = node[frm][:, None] * (1 - share) + node[to][:, None] * share
    bend = np.sin(np.linspace(0, np.pi, _VERTICES))[None, :, None]
    xy += bend * random.normal(0, 0.03 * _STEP, (len(frm), _VERTICES, 2))
    xy[:, 0], xy[:, -1] = node[frm], node[to]
    lines = np.empty(len(frm), dtype=object)
    for k in range(0, len(frm), 20_000):
        lines[k : k + 20_000] = shapely.linestrings(xy[k : k + 20_000])
    return lines


def basin_points(lines: gpd.GeoDataFrame, count: int, *, seed: int = 2) -> gpd.GeoSeries:
    """Scatter points within a few hundred metres of the lines, in random order."""
    random = np.random.default_rng(seed)
    on = shapely.line_interpolate_point(
        np.asarray(lines.geometry.array)[random.integers(0, len(lines), count)],
        random.random(count),
        normalized=True,
    )
    xy = shapely.get_coordinates(on) + random.normal(0, 0.1 * _STEP, (count, 2))
    return gpd.GeoSeries(shapely.points(xy), crs=4490)
