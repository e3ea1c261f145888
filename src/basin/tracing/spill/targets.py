"""What a spill comes to: sections, intakes, structures, confluences, district borders, outlets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._text import as_ids
from basin.crs import EXCHANGE_CRS, GLOBE_BOUNDS, to_exchange
from basin.tracing.outfalls import add_districts
from basin.tracing.spill.hydraulics import CASES
from basin.tracing.spill.way import Way

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["TARGET_KINDS", "on_network", "targets_on"]

Floats = npt.NDArray[np.float64]

TARGET_KINDS = ("section", "intake", "district_border", "confluence", "structure", "outlet")

#: What is told once is told of the way at median flow.
_MEDIAN = CASES.index("median")

#: A stretch of river shorter than this, in metres, in another district is no crossing of a border.
_SLIVER_M = 100.0

_PLACED = ["id", "name", "reach_id", "measure_m", "offset_m", "snap_status", "geometry"]


def on_network(
    network: RiverNetwork, table: Any, layer: str, key: str, *, max_offset_m: float
) -> gpd.GeoDataFrame:
    """Place the points of a layer on the network.

    Returns
    -------
    EPSG:4490, by position
        ``id``, ``name``, ``reach_id`` (missing where no reach is near), ``measure_m``,
        ``offset_m``, ``snap_status``, and the columns of the layer that are not so named.
    """
    given = to_exchange(table, layer=layer, bounds=GLOBE_BOUNDS).reset_index(drop=key in table)
    if given.geometry.name != "geometry":
        given = given.rename_geometry("geometry")
    ids = as_ids(given[key]) if key in given.columns else pd.Series(pd.NA, index=given.index)
    rows = pd.Series([f"row-{n + 1}" for n in range(len(given))], index=given.index)
    name = given["name"] if "name" in given.columns else pd.Series("", index=given.index)
    at = network.snap(given, max_offset_m=max_offset_m)
    rest = given.drop(columns=[c for c in (key, *_PLACED) if c in given.columns and c != "id"])
    rest = rest.drop(columns="id", errors="ignore")
    placed = gpd.GeoDataFrame(
        {
            "id": ids.fillna(rows).astype("str"),
            "name": name.astype(object).where(name.notna(), ""),
            "reach_id": at["reach_id"].astype(object),
            "measure_m": at["measure_m"],
            "offset_m": at["offset_m"],
            "snap_status": at["status"],
        },
        geometry=given.geometry.array,
        crs=EXCHANGE_CRS,
    )
    return gpd.GeoDataFrame(placed.join(rest), geometry="geometry", crs=EXCHANGE_CRS)


def targets_on(
    network: RiverNetwork, way: Way, placed: dict[str, gpd.GeoDataFrame], districts: Any
) -> gpd.GeoDataFrame:
    """Gather all that lies on the way, by distance.

    Parameters
    ----------
    placed
        Tables of `on_network` by kind of target.
    districts
        Polygons with ``id`` and ``name`` in EPSG:4490, or None.

    Returns
    -------
    EPSG:4490, by position
        ``kind``, ``id``, ``name``, ``river``, ``district``, ``reach_id``, ``measure_m``,
        ``snap_status``, ``stretch`` (position in ``way.stretches``).
    """
    found = [_points(kind, table) for kind, table in placed.items()]
    found.append(_confluences(network, way))
    found.append(_outlets(network, way))
    if districts is not None and len(districts):
        found.append(_borders(network, way, districts))
    every = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=EXCHANGE_CRS)
    every["stretch"] = way.locate(every["reach_id"], every["measure_m"])
    every = every[every["stretch"] >= 0]
    distance = way.at(every["stretch"].to_numpy(), every["measure_m"]).distance_m[:, _MEDIAN]
    rank = every["kind"].map({k: n for n, k in enumerate(TARGET_KINDS)}).to_numpy()
    every = every.iloc[np.lexsort((rank, distance))].reset_index(drop=True)
    river = way.reaches["name"].reindex(every["reach_id"]).fillna("").to_numpy()
    every["river"] = pd.Series(river, index=every.index, dtype=object)
    every["district"] = add_districts(every.assign(district=""), districts)[0].to_numpy()
    return every


def _points(kind: str, table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    plain = table[["id", "name", "reach_id", "measure_m", "snap_status", "geometry"]]
    return plain[plain["reach_id"].notna()].assign(kind=kind)


def _end_points(network: RiverNetwork, reach_ids: Any) -> Any:
    lines = network.reaches.geometry.loc[reach_ids]
    return shapely.get_point(np.asarray(lines.array, dtype=object), -1)


def _node_rows(network: RiverNetwork, reaches: Any, kind: str, ids: Any, names: Any) -> Any:
    return gpd.GeoDataFrame(
        {
            "kind": kind,
            "id": ids,
            "name": names,
            "reach_id": reaches.index,
            "measure_m": reaches["start_m"] + reaches["length_m"],
            "snap_status": "snapped",
        },
        geometry=_end_points(network, reaches.index),
        crs=EXCHANGE_CRS,
    ).reset_index(drop=True)


def _confluences(network: RiverNetwork, way: Way) -> gpd.GeoDataFrame:
    """Lower ends of reaches where a river joins that does not come from the spill."""
    reaches = way.reaches
    every = network.reaches
    joining = every[every["to_node"].isin(reaches["to_node"]) & ~every.index.isin(reaches.index)]
    names = joining["name"].fillna("").groupby(joining["to_node"]).agg(_names)
    here = reaches[reaches["to_node"].isin(names.index)]
    here = _first_of_nodes(way, here)
    nodes = here["to_node"]
    ids = [f"J-{node}" for node in nodes]
    return _node_rows(network, here, "confluence", ids, names.reindex(nodes).to_numpy())


def _first_of_nodes(way: Way, reaches: Any) -> Any:
    """Of reaches that end at one node, the one by which the first water comes."""
    own = way.reaches.index.get_indexer(reaches.index)
    return reaches[way.first[own, _MEDIAN] == own]


def _names(names: Any) -> str:
    return "、".join(dict.fromkeys(n for n in names if n))


def _outlets(network: RiverNetwork, way: Way) -> gpd.GeoDataFrame:
    reaches = way.reaches
    last = reaches[~reaches["to_node"].isin(network.reaches["from_node"])]
    last = _first_of_nodes(way, last)
    ids = [f"outlet-{node}" for node in last["to_node"]]
    return _node_rows(network, last, "outlet", ids, last["name"].fillna("").to_numpy())


def _borders(network: RiverNetwork, way: Way, districts: Any) -> gpd.GeoDataFrame:
    """Places where the way passes from one district into another."""
    marks = _crossings(network, way, districts)
    ids = way.reaches.index
    whole = network.reaches["length_m"].loc[ids].to_numpy(dtype=float)
    first = way.reaches["start_m"].to_numpy(dtype=float)
    reach = np.append(np.arange(len(ids)), marks["reach"]).astype(np.intp)
    begin = np.append(first, marks["measure_m"])
    order = np.lexsort((begin, reach))
    reach, begin = reach[order], begin[order]
    last = np.append(reach[1:] != reach[:-1], True)
    end = np.where(last, whole[reach], np.append(begin[1:], 0.0))
    piece = pd.DataFrame({"reach": reach, "begin": begin, "end": end})
    piece["district"] = _district_at(network, ids, reach, (begin + end) / 2.0, whole, districts)
    long = piece[(piece["end"] - piece["begin"]).ge(_SLIVER_M) | ~piece["reach"].duplicated()]
    long = long.reset_index(drop=True)
    tail = long.groupby("reach")["district"].last()
    before = way.before[:, _MEDIAN]
    head = ~long["reach"].duplicated()
    came = long["district"].shift().where(~head)
    upper = pd.Series(before[long["reach"]], index=long.index)
    came = came.where(~head, upper.map(tail))
    cross = long[came.notna() & (came != long["district"])]
    where = network.reaches.geometry.loc[ids[cross["reach"]]]
    share = (cross["begin"].to_numpy() / np.maximum(whole[cross["reach"]], 1e-9)).clip(0, 1)
    pairs = zip(came.loc[cross.index], cross["district"], strict=True)
    names = [f"{a or '—'} → {b or '—'}" for a, b in pairs]
    return gpd.GeoDataFrame(
        {
            "kind": "district_border",
            "id": [f"B-{n + 1}" for n in range(len(cross))],
            "name": names,
            "reach_id": ids[cross["reach"]],
            "measure_m": cross["begin"].to_numpy(),
            "snap_status": "snapped",
        },
        geometry=shapely.line_interpolate_point(
            np.asarray(where.array, dtype=object), share, normalized=True
        ),
        crs=EXCHANGE_CRS,
    )


def _crossings(network: RiverNetwork, way: Way, districts: Any) -> pd.DataFrame:
    """Where reaches of the way meet the outline of a district: position and measure."""
    lines = np.asarray(network.reaches.geometry.loc[way.reaches.index].array, dtype=object)
    outline = shapely.boundary(np.asarray(districts.geometry.array, dtype=object))
    outline = outline[~(shapely.is_missing(outline) | shapely.is_empty(outline))]
    at, other = shapely.STRtree(outline).query(lines, predicate="intersects")
    met = shapely.intersection(lines[at], outline[other])
    xy, owner = shapely.get_coordinates(met, return_index=True)
    if not len(xy):
        return pd.DataFrame({"reach": np.zeros(0, dtype=np.intp), "measure_m": np.zeros(0)})
    points = gpd.GeoSeries(shapely.points(xy), crs=EXCHANGE_CRS)
    snapped = network.snap(points, max_offset_m=1.0)
    # at a confluence the nearest reach may be another than the one that was cut
    same = snapped["reach_id"].to_numpy() == way.reaches.index.to_numpy()[at[owner]]
    measure = snapped["measure_m"].to_numpy(dtype=float)
    inside = same & (measure > way.reaches["start_m"].to_numpy(dtype=float)[at[owner]])
    return pd.DataFrame({"reach": at[owner][inside], "measure_m": measure[inside]})


def _district_at(
    network: RiverNetwork, ids: Any, reach: Any, measure: Floats, whole: Floats, districts: Any
) -> Any:
    lines = np.asarray(network.reaches.geometry.loc[ids].array, dtype=object)[reach]
    share = (measure / np.maximum(whole[reach], 1e-9)).clip(0, 1)
    points = shapely.line_interpolate_point(lines, share, normalized=True)
    table = gpd.GeoDataFrame({"district": ""}, index=range(len(reach)), geometry=points, crs=4490)
    return add_districts(table, districts)[0].to_numpy()
