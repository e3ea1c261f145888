"""Places of points on the rivers: by name, drainage area and slope, not by nearness alone."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._network.names import name_matches
from basin._network.snap import point_xy, text_or_none
from basin._text import as_ids
from basin.crs import to_exchange
from basin.errors import LayerError
from basin.terrain._cells import Floats, Ints
from basin.terrain._flow import FlowDirections

__all__ = ["GIVEN_AREA", "place_points", "point_ids"]

#: Column of points with the drainage area that their record gives, in km2.
GIVEN_AREA = "drainage_area_km2"

_ID_COLUMNS = ("section_id", "outfall_id", "site_id", "id")

#: A drainage area decides only between places that come within this factor of it.
_FACTOR = 2.0

#: Beside the mapped rivers a point is moved to the strongest flow within so many cells.
_BROOK_CELLS = 2


def point_ids(points: gpd.GeoDataFrame | gpd.GeoSeries) -> pd.Index:
    """Ids of points: their id column, else their index.

    Raises
    ------
    LayerError
        If an id stands twice.
    """
    column = next((c for c in _ID_COLUMNS if c in getattr(points, "columns", ())), None)
    ids = points.index if column is None else pd.Index(as_ids(points[column]))
    if ids.has_duplicates:
        raise LayerError(
            "several points have the same id",
            ids=ids[ids.duplicated()].unique(),
            mend="Give each point an id of its own.",
            zh="有多个点的编号相同",
            mend_zh="每个点用各自的编号",
        )
    result: pd.Index = pd.Index(ids)
    return result


def place_points(
    points: gpd.GeoDataFrame | gpd.GeoSeries, flow: FlowDirections, *, max_offset_m: float = 500.0
) -> pd.DataFrame:
    """Place points on the rivers of a flow raster.

    The name of the record (column ``river``) goes first; then the drainage area that it gives
    (column ``drainage_area_km2``), if a place comes within a factor of two of it; then, near a
    confluence, the slope on which the point lies; then nearness. A point near no mapped river is
    placed on the strongest flow within two cells: an unmapped brook.

    Parameters
    ----------
    points
        Points in any known CRS, in China.
    flow
        Enforced along the rivers.
    max_offset_m
        Farthest that a point may lie from its reach.

    Returns
    -------
    shape (n, ...), indexed as `points`
        ``reach_id``, ``measure_m``, ``offset_m``, ``river``; ``snapped_by`` (name, area, slope,
        nearest, brook, ""); ``status``: placed, ambiguous, beside (no mapped river within
        `max_offset_m`), outside (of the DEM), no_geometry; ``given_km2``; ``slope_reach_id``, the
        reach to which the slope under the point leads (missing in a cell that a river crosses);
        ``visit`` and ``cell`` in `flow` (-1 none).
    """
    table = to_exchange(
        points if isinstance(points, gpd.GeoDataFrame) else points.to_frame("geometry"),
        layer="points",
    )
    _, network = flow.enforced
    snapped = network.snap(table, max_offset_m=max_offset_m)
    lonlat = point_xy(table)
    own_cell = np.full(len(table), -1, dtype=np.int64)
    known = np.isfinite(lonlat).all(axis=1)
    own_cell[known] = flow.cell_of(lonlat[known])
    given = _given(table)
    record = text_or_none(table["river"]) if "river" in table else [None] * len(table)
    slope = _slope_reach(flow, own_cell)
    chosen = _choose(snapped, flow, record, given, slope)
    result = snapped[["reach_id", "measure_m", "offset_m", "river"]].copy()
    for name in ("reach_id", "measure_m", "offset_m", "river"):
        result[name] = chosen[name].to_numpy()
    result["snapped_by"], result["given_km2"] = chosen["by"].to_numpy(), given
    ids = network.reaches.index
    result["slope_reach_id"] = pd.Series(ids, dtype="str").array.take(slope, allow_fill=True)
    position = ids.get_indexer(pd.Index(result["reach_id"], dtype=object))
    on = np.flatnonzero(position >= 0)
    visit = np.full(len(table), -1, dtype=np.int64)
    measure = result["measure_m"].to_numpy(dtype=float)
    visit[on] = flow.visit_of(position[on], measure[on])
    visits = flow.enforced[0]
    cell = np.where(visit >= 0, visits.cell[np.maximum(visit, 0)] if len(visits.cell) else -1, -1)
    status = chosen["status"].to_numpy(dtype=object)
    status[(position >= 0) & (visit < 0)] = "outside"
    beside = (status == "beside") & (own_cell >= 0)
    cell[beside] = _strongest_near(flow, own_cell[beside])
    result.loc[beside, "snapped_by"] = "brook"
    status[(status == "beside") & (own_cell < 0)] = "outside"
    result["status"], result["visit"], result["cell"] = status, visit, cell
    return result


def _given(table: gpd.GeoDataFrame) -> Floats:
    if GIVEN_AREA not in table:
        return np.full(len(table), np.nan)
    values = pd.to_numeric(table[GIVEN_AREA], errors="coerce").to_numpy(
        dtype=float, na_value=np.nan
    )
    return np.where(values > 0, values, np.nan)


def _slope_reach(flow: FlowDirections, cell: Ints) -> Ints:
    """Position of the reach to which the slope under each cell leads; -1 for none."""
    visits, _ = flow.enforced
    # in a cell with a river the DEM is too coarse to tell between two
    on_slope = (cell >= 0) & (flow.owner[np.maximum(cell, 0)] < 0)
    entry = np.where(on_slope, flow.entry[np.maximum(cell, 0)], -1)
    return np.where(entry >= 0, visits.reach[np.maximum(entry, 0)], -1).astype(np.int64)


def _choose(
    snapped: pd.DataFrame, flow: FlowDirections, record: list[Any], given: Floats, slope: Ints
) -> pd.DataFrame:
    """Choose one of the candidates of each point; where none is, say why."""
    network = flow.enforced[1]
    names, ids = network.reaches["name"], network.reaches.index
    columns = ["reach_id", "measure_m", "offset_m"]
    near = snapped.assign(at=np.arange(len(snapped)))
    near = near[near["status"].isin(["snapped", "ambiguous"])]
    others = near[["at", "alternatives"]].explode("alternatives").dropna()
    rivals = pd.DataFrame([a[:3] for a in others["alternatives"]], columns=columns)
    rivals["at"] = others["at"].to_numpy()
    table = pd.concat([near[[*columns, "at"]], rivals], ignore_index=True)
    position = ids.get_indexer(pd.Index(table["reach_id"], dtype=object))
    point = table["at"].to_numpy()
    table["river"] = names.to_numpy()[position]
    table["named"] = [
        record[k] is not None and bool(name) and name_matches(record[k], name)
        for k, name in zip(point, table["river"], strict=True)
    ]
    table["rank"] = np.arange(len(table))
    # only places that the name allows, where it allows any
    table = table[table["named"] | ~table.groupby("at")["named"].transform("any")]
    point, position = table["at"].to_numpy(), position[table["rank"].to_numpy()]
    area = flow.area_at(position, table["measure_m"].to_numpy(dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        table["off"] = np.abs(np.log(area / given[point]))
    doubtful = (snapped["status"] == "ambiguous").to_numpy()[point]
    table["sloped"] = (position == slope[point]) & doubtful
    by_area = (table["off"] <= np.log(_FACTOR)).groupby(table["at"]).transform("any")
    by_slope = table.groupby("at")["sloped"].transform("any") & ~by_area
    key = table["off"].where(by_area, (~table["sloped"]).astype(float).where(by_slope, 0.0))
    table["key"] = key.fillna(np.inf)
    by = np.where(table["named"], "name", "nearest").astype(object)
    by[by_slope.to_numpy() & ~table["named"].to_numpy()] = "slope"
    by[by_area.to_numpy()] = "area"
    table["by"] = by
    table["status"] = np.where(doubtful & (table["by"] == "nearest"), "ambiguous", "placed")
    best = table.sort_values(["at", "key", "rank"]).drop_duplicates("at").set_index("at")
    best = best.reindex(range(len(snapped)))
    lost = snapped["status"].map({"far": "beside", "no_geometry": "no_geometry"}).to_numpy()
    best["status"] = best["status"].where(best["status"].notna(), lost)
    best["offset_m"] = best["offset_m"].fillna(pd.Series(snapped["offset_m"].to_numpy()))
    best["by"] = best["by"].fillna("")
    return best


def _strongest_near(flow: FlowDirections, cell: Ints) -> Ints:
    """The cell off the mapped rivers with the largest drainage area near each cell."""
    rows, cols = flow.d8.shape
    area = np.where(flow.owner.reshape(rows, cols) >= 0, 0.0, np.nan_to_num(flow.upstream_area_km2))
    row, col = np.divmod(cell, cols)
    best = cell.copy()
    most = area[row, col]
    for dr in range(-_BROOK_CELLS, _BROOK_CELLS + 1):
        for dc in range(-_BROOK_CELLS, _BROOK_CELLS + 1):
            r, c = np.clip(row + dr, 0, rows - 1), np.clip(col + dc, 0, cols - 1)
            more = area[r, c] > most
            most = np.where(more, area[r, c], most)
            best = np.where(more, r * cols + c, best)
    return best
