"""Outlines of labelled cells, which meet without gap or overlap in degrees too."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from basin._dem import Dem, Window

__all__ = ["outlines"]

#: Area in cells under which a corner stands for nothing.
_STRAIGHT = 1e-6


def outlines(labels: npt.NDArray[np.int32], n: int, dem: Dem, window: Window) -> Any:
    """Draw the outline of the cells of each label 1 .. n along their edges.

    Parameters
    ----------
    labels : shape (rows, columns)
        0 and less: no label.

    Returns
    -------
    ndarray, shape (n,)
        MultiPolygons in EPSG:4490, empty for a label without cells. Corners of cells become the
        same numbers in every polygon, so that neighbours share their edges exactly.
    """
    from rasterio.features import shapes
    from rasterio.transform import Affine

    found = shapes(labels, mask=labels > 0, connectivity=4, transform=Affine.identity())
    drawn, owner = [], []
    for shape, label in found:
        rings = [np.asarray(ring) for ring in shape["coordinates"]]
        drawn.append(shapely.Polygon(rings[0], rings[1:]))
        owner.append(int(label) - 1)
    polygons = np.array(drawn, dtype=object)
    bad = ~shapely.is_valid(polygons)
    polygons[bad] = shapely.make_valid(polygons[bad], method="structure", keep_collapsed=False)
    parts, of = shapely.get_parts(polygons, return_index=True)
    owners = np.array(owner, dtype=np.int64)[of]
    if len(parts):
        # where three meet, the one whose edge runs on straight has no corner: give it one, and
        # take away all others on straight edges again
        parts = shapely.coverage_simplify(shapely.segmentize(parts, 1.0), _STRAIGHT)
    order = np.argsort(owners, kind="stable")
    parts = shapely.transform(parts[order], lambda xy: _corners(xy, dem, window))
    result = np.full(n, shapely.MultiPolygon(), dtype=object)
    if len(parts):
        shapely.multipolygons(parts, indices=owners[order], out=result)
    return result


def _corners(xy: Any, dem: Dem, window: Window) -> Any:
    place = np.rint(xy)
    return dem.lonlat(np.column_stack([place[:, 1] + window.top, place[:, 0] + window.left]))
