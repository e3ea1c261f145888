"""Checks between layers, and several files made one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from basin.crs import EXCHANGE_CRS, GEOD, WEB_MAPS, from_web_map, local_metric_crs
from basin.layers.columns import name_rows
from basin.layers.problems import Notes, Problem, make_problem
from basin.layers.vocabulary import schema

__all__ = ["check_layers", "match_sections", "stack_layers"]

#: Two outfalls nearer than this are likely one, entered twice.
_SAME_OUTFALL_M = 5.0

#: A layer whose extent is farther than this from that of the rivers is in another system or place.
_ELSEWHERE_M = 20_000.0


#: Layers whose points should lie on or beside a river.
_RIVERSIDE = ("sections", "outfalls", "intakes", "structures")

#: A shift shows in so many points; undone, they must lie this close to the rivers, and so many
#: times closer than as they are and than after the same shift in any other direction.
_PATTERN, _BESIDE_M, _CLOSER = 5, 150.0, 3.0


def stack_layers(tables: Sequence[Any], kind: str, *, problems: list[Problem] | None = None) -> Any:
    """Make one layer of several files of it; an id that two files use gets ``#2`` and is listed.

    Parameters
    ----------
    tables
        As :func:`read_layer` returns them.
    kind
    problems
        Gathers repeated ids; the rows it names are counted through the files one after the other.

    Returns
    -------
    GeoDataFrame (DataFrame for samples)
        EPSG:4490, RangeIndex.
    """
    if len(tables) == 1:
        return tables[0]
    # concat infers the type of all-null columns anew: keep that of the first table
    stacked = pd.concat([t.astype(object) for t in tables], ignore_index=True)
    for name in stacked.columns:
        owner = next(t for t in tables if name in t.columns)
        if name != "geometry" and not pd.api.types.is_object_dtype(owner[name].dtype):
            stacked[name] = _as_type(stacked[name], owner[name].dtype)
    layer = schema(kind)
    if not layer.geometry:
        return stacked
    notes = Notes(kind, rows=np.arange(len(stacked)) + 2)
    renamed = _again_unique(stacked, layer.id, notes)
    if problems is not None:
        problems.extend(notes.found)
    return gpd.GeoDataFrame(renamed, geometry="geometry", crs=EXCHANGE_CRS)


def _as_type(column: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    try:
        return column.astype(dtype)
    except (TypeError, ValueError):
        return column  # two files, two types: unknown columns only


def _again_unique(table: pd.DataFrame, column: str, notes: Notes) -> pd.DataFrame:
    if not column:
        return table
    layer = schema(notes.layer)
    earlier = table["duplicate_of"] if "duplicate_of" in table.columns else None
    renamed = name_rows(table.drop(columns="duplicate_of", errors="ignore"), layer, notes)
    if earlier is not None:
        renamed["duplicate_of"] = renamed["duplicate_of"].where(earlier.isna(), earlier)
        return renamed[list(table.columns)]
    return renamed


def check_layers(layers: Mapping[str, Any]) -> list[Problem]:
    """Compare the layers of a project with each other.

    Looks for samples of unknown sections and sections without samples, layers that lie elsewhere
    than the rivers, points that lie off the rivers as a web map would shift them, outfalls less
    than 5 m apart, and dates that end before they begin.

    Parameters
    ----------
    layers : mapping
        Layer name -> table, as :func:`read_layer` returns it.

    Returns
    -------
    list of Problem
    """
    found: list[Problem] = []
    if "sections" in layers and "samples" in layers:
        found += _check_sections(layers["sections"], layers["samples"])
    if "rivers" in layers:
        for name in layers:
            if name not in ("rivers", "samples"):
                found += _check_place(name, layers[name], layers["rivers"])
            if name in _RIVERSIDE:
                found += _check_shift(name, layers[name], layers["rivers"])
    if "outfalls" in layers:
        found += _check_outfalls(layers["outfalls"])
    for name in ("shorelines", "zones"):
        if name in layers:
            found += _check_dates(name, layers[name], schema(name).id)
    return found


def _check_sections(sections: Any, samples: Any) -> list[Problem]:
    known, sampled = set(sections["section_id"]), set(samples["section_id"])
    found = []
    if unknown := sorted(sampled - known):
        rows = (np.flatnonzero(samples["section_id"].isin(unknown)) + 2).tolist()
        found.append(make_problem("samples", "section_unknown", ids=unknown, rows=rows))
    if idle := sorted(known - sampled):
        found.append(make_problem("sections", "section_without_samples", ids=idle))
    return found


def match_sections(
    samples: pd.DataFrame, sections: Any, *, problems: list[Problem] | None = None
) -> pd.DataFrame:
    """Give samples the ids of their sections where they hold names, or ids in other letters.

    Only a match with one section counts; what matches none or several stays as it is.

    Parameters
    ----------
    samples, sections
        As :func:`read_layer` returns them.
    problems
        Gathers the pairs that were taken.

    Returns
    -------
    DataFrame
        A new table where anything was matched, else `samples` itself.
    """
    ids = sections["section_id"].astype("str")
    spelled = pd.concat([ids.str.casefold(), sections["name"].astype("str").str.strip()])
    known = pd.Series([*ids, *ids], index=spelled.to_numpy())
    known = known[known.index.notna()]
    known = known[~known.index.duplicated(keep=False)]
    given = samples["section_id"].astype("str")
    found = given.map(known).where(given.map(known).notna(), given.str.casefold().map(known))
    taken = ~given.isin(ids) & found.notna()
    if not taken.any():
        return samples
    if problems is not None:
        pairs = dict(zip(given[taken], found[taken], strict=True))
        listed = ", ".join(f"{a} = {b}" for a, b in sorted(pairs.items()))
        rows = (np.flatnonzero(taken) + 2).tolist()
        problems.append(make_problem("samples", "section_by_name", rows=rows, pairs=listed))
    return samples.assign(section_id=found.where(taken, given).astype(samples["section_id"].dtype))


def _check_place(name: str, table: Any, rivers: Any) -> list[Problem]:
    if not np.isfinite([*table.total_bounds, *rivers.total_bounds]).all():
        return []  # nothing to compare; an empty layer is listed where it is read
    boxes = [shapely.box(*t.total_bounds) for t in (table, rivers)]
    if boxes[0].intersects(boxes[1]):
        return []
    line = shapely.shortest_line(*boxes)
    distance_m = abs(GEOD.geometry_length(line))
    if distance_m <= _ELSEWHERE_M:
        return []
    return [make_problem(name, "layer_elsewhere", km=distance_m / 1000)]


def _check_shift(name: str, table: Any, rivers: Any) -> list[Problem]:
    """Points that come to the rivers when the shift of a web map is undone, and not otherwise."""
    geometry = np.asarray(table.geometry.array, dtype=object)
    at = np.flatnonzero(~(shapely.is_missing(geometry) | shapely.is_empty(geometry)))
    lines = np.asarray(rivers.geometry.array, dtype=object)
    lines = lines[~(shapely.is_missing(lines) | shapely.is_empty(lines))]
    if len(at) < _PATTERN or not len(lines):
        return []
    plane = pyproj.Transformer.from_crs(EXCHANGE_CRS, local_metric_crs(rivers), always_xy=True)
    tree = shapely.STRtree(
        shapely.transform(lines, lambda xy: np.column_stack(plane.transform(*xy.T)))
    )
    centre = shapely.centroid(geometry[at])
    lon, lat = shapely.get_x(centre), shapely.get_y(centre)
    here = np.column_stack(plane.transform(lon, lat))
    as_is = _distances(tree, here)
    found = []
    for system in WEB_MAPS:
        back = np.column_stack(plane.transform(*from_web_map(lon, lat, system)))
        undone, shift = _distances(tree, back), here - back
        # the same shift to the other sides: a dense network lies close in every direction
        others = [
            np.median(_distances(tree, here - shift @ np.array([[c, s], [-s, c]])))
            for c, s in ((0, 1), (-1, 0), (0, -1))
        ]
        rest = min(np.median(as_is), *others)
        if np.median(undone) <= _BESIDE_M and np.median(undone) * _CLOSER <= rest:
            found.append((float(np.median(undone)), system, back))
    if not found:
        return []
    after_m, system, back = min(found, key=lambda f: f[0])
    # from the place on the river that a point comes to when undone, to where it is
    feet = _feet(tree, back)
    vector = here - feet
    east, north = np.median(vector, axis=0)
    spread = float(np.median(np.hypot(*(vector - [east, north]).T)))
    return [
        make_problem(
            name,
            "shift_suspected",
            ids=table.iloc[at, 0].astype(str),
            rows=at + 2,
            system=WEB_MAPS[system],
            crs=system,
            east=east,
            north=north,
            spread=spread,
            before=float(np.median(as_is)),
            after=after_m,
        )
    ]


def _distances(tree: shapely.STRtree, places: Any) -> Any:
    points = shapely.points(places)
    return shapely.distance(points, tree.geometries[tree.nearest(points)])


def _feet(tree: shapely.STRtree, places: Any) -> Any:
    points = shapely.points(places)
    line = shapely.shortest_line(points, tree.geometries[tree.nearest(points)])
    return shapely.get_coordinates(shapely.get_point(line, -1))


def _check_outfalls(outfalls: Any) -> list[Problem]:
    here = np.asarray(outfalls.geometry.array, dtype=object)
    at = np.flatnonzero(~(shapely.is_missing(here) | shapely.is_empty(here)))
    points = here[at]
    # 5 m is less than 0.0001 degree anywhere in China; the ellipsoid decides
    near = shapely.STRtree(points).query(points, predicate="dwithin", distance=1e-4)
    a, b = near[:, near[0] < near[1]]
    x, y = shapely.get_x(points), shapely.get_y(points)
    _, _, apart = GEOD.inv(x[a], y[a], x[b], y[b])
    names = outfalls["outfall_id"].to_numpy()
    pairs = [
        f"{names[at[i]]} + {names[at[j]]}"
        for i, j in zip(a[apart < _SAME_OUTFALL_M], b[apart < _SAME_OUTFALL_M], strict=True)
    ]
    return (
        [make_problem("outfalls", "outfalls_close", ids=pairs, limit=_SAME_OUTFALL_M)]
        if pairs
        else []
    )


def _check_dates(name: str, table: Any, column: str) -> list[Problem]:
    reversed_ = (table["valid_to"] < table["valid_from"]).to_numpy(dtype=bool)
    rows = (np.flatnonzero(reversed_) + 2).tolist()
    return (
        [make_problem(name, "dates_reversed", ids=table[column][reversed_], rows=rows)]
        if rows
        else []
    )
