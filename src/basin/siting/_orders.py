"""Of what order the river of each shoreline is, by the network: for readings of "tributary"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import degrees_of
from basin.buffers import plain_text
from basin.crs import to_exchange

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["reach_orders", "tributary_orders"]

Floats = npt.NDArray[np.float64]

#: A line without a river's name belongs to a reach no farther than this (metres).
_NEAR_M = 500.0


def reach_orders(network: RiverNetwork) -> pd.Series[Any]:
    """Tell the order of each reach by law: 0 the main stem, 1 what flows into it, ...

    A named reach has the order of its river (:meth:`RiverNetwork.classify_rivers`); one without a
    name its ``tributary_order``, brought to the main stem of the law where the layer holds a
    tributary only. Missing where the layer does not hold the way to the main stem.

    Returns
    -------
    Series of float by reach_id
    """
    rivers = network.classify_rivers().rivers
    named = rivers["legal_order"].astype(float)
    computed = network.reaches["tributary_order"].astype(float)
    above = (named - rivers["computed_order"].astype(float)).dropna().unique()
    shift = above[0] if len(above) == 1 else np.nan
    name = plain_text(network.reaches, "name")
    own = pd.Series(name, index=network.reaches.index).map(named)
    order: pd.Series[Any] = own.where(name != "", computed + shift).astype(float)
    return order.rename("order")


def tributary_orders(shorelines: gpd.GeoDataFrame, network: RiverNetwork) -> pd.Series[Any]:
    """Tell the order of the river of each shoreline: 0 the main stem, 1 what flows into it, ...

    Parameters
    ----------
    shorelines : shape (n, ...)
        Lines or polygons with ``river``; one without a name takes the nearest reach within 500 m
        of its middle.
    network

    Returns
    -------
    Series of float
        On the index of `shorelines`; missing where it cannot be told.
    """
    lines = to_exchange(shorelines, layer="shorelines")
    orders, reaches = reach_orders(network), network.reaches
    by_name = orders.groupby(plain_text(reaches, "name")).min().drop("", errors="ignore")
    river = plain_text(lines, "river")
    found = pd.Series(river).map(by_name).to_numpy(dtype=float).copy()
    shapes = lines.geometry.to_numpy()
    nameless = np.flatnonzero((river == "") & ~shapely.is_missing(shapes))
    if len(nameless):
        some = shapes[nameless]
        middle = shapely.centroid(some)
        linear = shapely.get_type_id(some) == 1
        middle[linear] = shapely.line_interpolate_point(some[linear], 0.5, normalized=True)
        most = max(degrees_of(_NEAR_M, np.abs(shapely.get_y(middle)).max(initial=0.0)))
        tree = shapely.STRtree(reaches.geometry.to_numpy())
        at, reach = tree.query_nearest(middle, max_distance=most, all_matches=False)
        found[nameless[at]] = orders.to_numpy(dtype=float)[reach]
    return pd.Series(found, index=shorelines.index, name="order")
