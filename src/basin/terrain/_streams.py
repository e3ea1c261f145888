"""Rivers from a DEM, where nobody has drawn any."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.crs import EXCHANGE_CRS
from basin.errors import LayerError
from basin.terrain._flow import MAX_CELLS, FlowDirections, flow_directions

__all__ = ["streams_from_dem"]


def streams_from_dem(
    dem: Any,
    *,
    min_area_km2: float = 1.0,
    bounds: Iterable[float] | None = None,
    max_cells: int = MAX_CELLS,
    progress: Callable[[str], None] | None = None,
) -> gpd.GeoDataFrame:
    """Draw the streams that drain at least an area, as lines for ``RiverNetwork.from_lines``.

    Parameters
    ----------
    dem
        As for :func:`~basin.terrain.flow_directions`, or FlowDirections at hand.
    min_area_km2
        A stream begins where it drains so much. 1 km2 suits hilly, humid country; look at the
        result beside a map.
    bounds, max_cells, progress
        As for :func:`~basin.terrain.flow_directions`.

    Returns
    -------
    GeoDataFrame
        One line a reach, drawn downstream through the middles of cells, EPSG:4490: ``reach_id``,
        ``name`` (empty), ``drainage_area_km2`` where the reach ends, before the confluence;
        ``strahler``; ``start_m`` and ``end_m``, heights of its ends.

    Raises
    ------
    LayerError
        If no stream drains that much, or as :func:`~basin.terrain.flow_directions`.
    """
    flow = dem
    if not isinstance(dem, FlowDirections):
        flow = flow_directions(dem, bounds=bounds, max_cells=max_cells, progress=progress)
    area = np.nan_to_num(flow.upstream_area_km2)
    wet = area >= min_area_km2
    if not wet.any():
        raise LayerError(
            f"no stream of {flow.dem.name} drains {min_area_km2:g} km2; "
            f"the largest drains {area.max():.3g} km2",
            mend="Give a smaller `min_area_km2`, or a DEM of a larger area.",
            zh=f"{flow.dem.name} 中没有集水面积达到 {min_area_km2:g} km² 的河流"
            f"（最大 {area.max():.3g} km²）",
            mend_zh="调小 min_area_km2，或换用范围更大的高程文件",
        )
    order = flow.raster.stream_order(mask=wet)
    cells = np.arange(flow.d8.size, dtype=np.float64).reshape(flow.d8.shape)
    # pyflwdir places lines by coordinates given: the numbers of the cells come back
    found = flow.raster.streams(mask=wet, xs=cells, ys=cells)
    ways = [np.array(f["geometry"]["coordinates"])[:, 0].astype(np.int64) for f in found]
    ways = [way for way in ways if len(np.unique(way)) > 1]  # a pit has one of no length
    if not ways:
        raise LayerError("the streams are shorter than two cells", mend="Give a larger DEM.")
    counts = np.array([len(way) for way in ways])
    lonlat = flow.lonlat_of(np.concatenate(ways))
    lines = shapely.linestrings(lonlat, indices=np.repeat(np.arange(len(ways)), counts))
    first = np.array([way[0] for way in ways])
    # the last cell is that of the confluence, unless the water ends there
    ends = np.array([way[-1] for way in ways])
    before = np.array([way[-2] for way in ways])
    outlet = flow.down[ends] == ends
    last = np.where(outlet & (area.ravel()[ends] < 1.5 * area.ravel()[before]), ends, before)
    heights = flow.heights.ravel()
    table = pd.DataFrame(
        {
            "reach_id": [f"D{k + 1:05d}" for k in range(len(ways))],
            "name": "",
            "drainage_area_km2": area.ravel()[last],
            "strahler": order.ravel()[before].astype(np.int64),
            "start_m": heights[first],
            "end_m": heights[ends],
        }
    )
    return gpd.GeoDataFrame(table, geometry=lines, crs=EXCHANGE_CRS)
