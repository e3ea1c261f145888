"""Geometry at the edge: into EPSG:4490, of the right type, mended by a stated rule."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin.crs import (
    EXCHANGE_CRS,
    GEOD,
    WEB_MAPS,
    from_web_map,
    to_degrees,
    to_exchange,
    web_map_of,
)
from basin.errors import CrsError
from basin.layers.problems import Notes, make_error
from basin.layers.systems import central_meridian, in_place, propose_crs, user_crs
from basin.layers.vocabulary import Schema

__all__ = ["settle_crs", "settle_geometry"]

_TYPES = {
    0: "point",
    4: "point",
    1: "line",
    5: "line",
    2: "line",
    3: "polygon",
    6: "polygon",
}
_MULTI: dict[str, Any] = {
    "point": shapely.multipoints,
    "line": shapely.multilinestrings,
    "polygon": shapely.multipolygons,
}
_WORDS = {"point": ("点", "points"), "line": ("线", "lines"), "polygon": ("面", "polygons")}

# No system has coordinates as large as this, in metres or degrees.
_NO_PLACE = 1e9

# Vertices that a feature may have: a province at 1:10 000 has some hundred thousand. Mending costs
# by the square of the crossings, so a self-crossing polygon may have fewer (20 s at worst).
_MOST_VERTICES, _MOST_MENDED = 1_000_000, 200_000

# Above this share of features outside China the stated system is wrong, not the features.
_MOST = 0.5


def settle_crs(
    table: gpd.GeoDataFrame, crs: Any, notes: Notes, *, near: Any = None
) -> gpd.GeoDataFrame:
    """Bring a layer to EPSG:4490: the stated system, `crs` over it, and no guess.

    Features outside China lose their geometry and are listed; if most are, the system is wrong.
    The shift of a web map (``crs="gcj02"``) is undone.

    Raises
    ------
    CrsError
        If no system is known, or it does not fit; the mend names the systems that fit the numbers.
    """
    shapes = np.asarray(table.geometry.array, dtype=object)
    box = table.total_bounds
    table = _state_crs(table, crs, notes)
    if table.crs is None:
        raise make_error(
            CrsError,
            notes.layer,
            "crs_missing",
            fit_zh=propose_crs(box, "zh", near),
            fit_en=propose_crs(box, "en", near),
        )
    shapes = _finite_and_flat(_bearable(shapes, notes), notes)
    # before anything moves: GEOS drops half of a self-crossing polygon when it cuts its edges
    shapes = _mend_polygons(shapes, table.crs, notes)
    table = table.set_geometry(gpd.GeoSeries(shapes, table.index, crs=table.crs))
    return _without_shift(_placed(table, box, notes), crs, notes)


def _state_crs(table: gpd.GeoDataFrame, crs: Any, notes: Notes) -> gpd.GeoDataFrame:
    if crs is None or (web_map_of(crs) and table.crs is not None and table.crs.is_projected):
        return table  # a web map's tiles in metres become its degrees first
    used = user_crs(crs, notes.layer)
    if (
        table.crs is not None
        and not web_map_of(crs)
        and not table.crs.equals(used, ignore_axis_order=True)
    ):
        notes.add("crs_overridden", stated=table.crs.name, used=used.name)
    return table.set_crs(used, allow_override=True)


def _placed(table: gpd.GeoDataFrame, box: Any, notes: Notes) -> gpd.GeoDataFrame:
    try:
        moved = to_exchange(table, layer=notes.layer)
    except CrsError as error:
        if not error.ids:
            raise
        return _without_strays(table, box, notes)
    meridian = central_meridian(table.crs)
    west, south, east, north = moved.total_bounds
    if meridian is None or not np.isfinite(west):
        return moved
    corners = in_place(np.array([west, east]), np.array([south, north]), table.crs)
    return moved if corners.all() else _without_strays(table, box, notes)


def _bearable(shapes: Any, notes: Notes) -> Any:
    """Take off a geometry with more vertices than can be checked and measured in time."""
    heavy = shapely.get_num_coordinates(shapes) > _MOST_VERTICES
    if not heavy.any():
        return shapes
    notes.add("geometry_heavy", heavy, most=_MOST_VERTICES)
    return np.where(heavy, None, shapes)


def _without_shift(table: gpd.GeoDataFrame, crs: Any, notes: Notes) -> gpd.GeoDataFrame:
    """Undo the shift of a web map that the user names."""
    system = web_map_of(crs)
    if system is None:
        return table
    shapes = np.asarray(table.geometry.array, dtype=object)
    moved = shapely.transform(
        shapes, lambda xy: np.column_stack(from_web_map(xy[:, 0], xy[:, 1], system))
    )
    a, b = shapely.get_coordinates(shapes), shapely.get_coordinates(moved)
    shift_m = GEOD.inv(*a.T, *b.T)[2] if len(a) else np.zeros(1)
    notes.add("web_map_undone", system=WEB_MAPS[system], metres=float(np.median(shift_m)))
    return table.set_geometry(gpd.GeoSeries(moved, table.index, crs=table.crs))


def _finite_and_flat(shapes: Any, notes: Notes) -> Any:
    shapes = shapes.copy()
    tall = shapely.has_z(shapes) | shapely.has_m(shapes)
    if tall.any():
        shapes[tall] = shapely.force_2d(shapes[tall])
        notes.add("geometry_z", tall)
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    broken = np.zeros(len(shapes), dtype=bool)
    # an infinity, or a figure that overflows as soon as it is squared or multiplied
    broken[owner[~(np.abs(coordinates) < _NO_PLACE).all(axis=1)]] = True
    notes.add("coordinates_not_finite", broken)
    shapes[broken] = None
    return shapes


def _without_strays(table: gpd.GeoDataFrame, box: Any, notes: Notes) -> gpd.GeoDataFrame:
    """Swap axes where only that lies in China; take the geometry off the few that lie nowhere."""
    shapes = np.asarray(table.geometry.array, dtype=object)
    flipped = shapely.transform(shapes, lambda xy: xy[:, ::-1])
    present = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    here, there = _inside(shapes, table.crs), _inside(flipped, table.crs)
    swapped = present & ~here & there
    stray = present & ~here & ~there
    if stray.sum() > _MOST * present.sum():
        raise make_error(
            CrsError,
            notes.layer,
            "crs_does_not_fit",
            ids=notes.ids_at(stray),
            n=int(stray.sum()),
            total=len(table),
            name=table.crs.name,
            fit_zh=propose_crs(box, "zh"),
            fit_en=propose_crs(box, "en"),
        )
    notes.add("axes_swapped", swapped)
    notes.add("coordinates_outside", stray)
    shapes = np.where(swapped, flipped, shapes)
    shapes[stray] = None
    return to_exchange(
        table.set_geometry(gpd.GeoSeries(shapes, table.index, crs=table.crs)), layer=notes.layer
    )


def _inside(shapes: Any, crs: Any) -> npt.NDArray[np.bool_]:
    series = gpd.GeoSeries(shapes, crs=crs)
    if not crs.equals(EXCHANGE_CRS, ignore_axis_order=True):
        series = to_degrees(series)
    box = shapely.bounds(np.asarray(series.array, dtype=object))
    return in_place(box[:, 0], box[:, 1], crs) & in_place(box[:, 2], box[:, 3], crs)


def settle_geometry(table: gpd.GeoDataFrame, layer: Schema, notes: Notes) -> gpd.GeoDataFrame:
    """Mend and check the geometry of a layer in EPSG:4490; every change is listed, every row stays.

    - polygons that cross themselves after the move are made valid by the structure rule;
    - a type that the layer cannot hold is taken off; a MultiPoint of one point becomes that point;
    - a collection keeps the parts that the layer can hold;
    - null and empty geometries, lines of zero length and rows that repeat another stay.
    """
    shapes = np.asarray(table.geometry.array, dtype=object).copy()
    gone = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    said = ("coordinates_", "geometry_collapsed", "geometry_heavy")
    earlier = {r for p in notes.found if p.kind.startswith(said) for r in p.rows}
    notes.add("geometry_missing", gone & ~np.isin(notes.rows, list(earlier)))
    shapes = _from_collections(shapes, layer, notes)
    shapes = _single_points(shapes, layer)
    shapes = _mend_polygons(shapes, EXCHANGE_CRS, notes)
    shapes = _right_type(shapes, layer, notes)
    if "line" in layer.geometry:
        lines = np.isin(shapely.get_type_id(shapes), [1, 2, 5]) & ~shapely.is_empty(shapes)
        notes.add("geometry_zero_length", lines & (shapely.length(shapes) == 0))
    result = table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=table.crs))
    notes.add("row_repeated", _repeated(result, layer))
    return result


def _repeated(table: gpd.GeoDataFrame, layer: Schema) -> npt.NDArray[np.bool_]:
    """Rows that are another row again: the same shape and, but for the id, the same cells."""
    shapes = np.asarray(table.geometry.array, dtype=object)
    present = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    again = np.zeros(len(shapes), dtype=bool)
    # cheap, and equal for equal shapes: one figure of the bounds, sorted
    figure = shapely.bounds(shapes[present]) @ np.array([1.0, np.pi, np.e, np.sqrt(2)])
    ordered = np.sort(figure)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    near = np.flatnonzero(present)[np.isin(figure, twice)] if len(twice) else twice
    if not len(near):
        return again
    other = [c for c in table.columns if c not in (layer.id, "duplicate_of", table.geometry.name)]
    cells = pd.DataFrame(table.iloc[near][other]).astype("str")
    again[near] = cells.assign(wkb=shapely.to_wkb(shapes[near])).duplicated().to_numpy()
    return again


def _from_collections(shapes: Any, layer: Schema, notes: Notes) -> Any:
    """Keep the parts of a collection that the layer can hold; list those with others."""
    at = np.flatnonzero((shapely.get_type_id(shapes) == 7) & ~shapely.is_empty(shapes))
    left = np.zeros(len(shapes), dtype=bool)
    for i in at.tolist():
        parts = _flat_parts(shapes[i])
        families = [_TYPES.get(int(shapely.get_type_id(p)), "") for p in parts]
        wanted = next((g for g in layer.geometry[::-1] if g in families), None)
        if wanted is None:
            continue  # listed as a wrong type
        kept = [p for p, f in zip(parts, families, strict=True) if f == wanted]
        left[i] = len(kept) < len(parts)
        shapes[i] = _MULTI[wanted](kept) if len(kept) > 1 else kept[0]
    notes.add("geometry_parts", left)
    return shapes


def _flat_parts(shape: Any) -> list[Any]:
    parts: list[Any] = shapely.get_parts(shape).tolist()
    if any(p.geom_type.startswith(("Multi", "Geom")) for p in parts):
        return [q for p in parts for q in _flat_parts(p)]
    return parts


def _single_points(shapes: Any, layer: Schema) -> Any:
    if "point" not in layer.geometry:
        return shapes
    single = (shapely.get_type_id(shapes) == 4) & (shapely.get_num_geometries(shapes) == 1)
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    return shapes


def _mend_polygons(shapes: Any, crs: Any, notes: Notes) -> Any:
    areal = np.isin(shapely.get_type_id(shapes), [3, 6]) & ~shapely.is_empty(shapes)
    crossed = areal.copy()
    crossed[areal] = ~shapely.is_valid(shapes[areal])
    heavy = crossed & (shapely.get_num_coordinates(shapes) > _MOST_MENDED)
    notes.add("geometry_heavy", heavy, most=_MOST_MENDED)
    shapes[heavy] = None
    crossed &= ~heavy
    if not crossed.any():
        return shapes
    before = _areas_m2(shapes[crossed], crs)
    mended = shapely.make_valid(shapes[crossed], method="structure", keep_collapsed=False)
    shapes[crossed] = [_areal_part(shape) for shape in mended]
    flat = np.zeros(len(shapes), dtype=bool)
    flat[crossed] = shapely.is_empty(shapes[crossed])
    change = _areas_m2(shapes[crossed], crs) - before
    mended_at = crossed & ~flat
    names = notes.ids_at(mended_at) or [f"row {r}" for r in notes.rows[mended_at]]
    pairs = zip(names, change[~flat[crossed]], strict=True)
    notes.add("geometry_repaired", mended_at, changes=[f"{name} {c:+.1f}" for name, c in pairs])
    notes.add("geometry_collapsed", flat)
    shapes[flat] = None
    return shapes


def _areas_m2(shapes: Any, crs: Any) -> npt.NDArray[np.float64]:
    """Geodesic areas of polygons that may cross themselves: loops of opposite sense cancel."""
    moved = to_degrees(gpd.GeoSeries(shapes, crs=crs))
    areas = [
        0.0 if s is None or s.is_empty else abs(GEOD.geometry_area_perimeter(s)[0]) for s in moved
    ]
    return np.array(areas, dtype=np.float64)


def _areal_part(shape: Any) -> Any:
    if shape.geom_type != "GeometryCollection":
        return shape
    parts = [p for p in shapely.get_parts(shape) if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _right_type(shapes: Any, layer: Schema, notes: Notes) -> Any:
    found = shapely.get_type_id(shapes)
    right = np.isin(found, [t for t, family in _TYPES.items() if family in layer.geometry])
    if layer.geometry[:1] == ("point",):
        right &= found != 4  # several points for one thing: which one is it?
    wrong = ~right & ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if wrong.any():
        names = sorted({shapes[i].geom_type for i in np.flatnonzero(wrong)})
        notes.add(
            "geometry_type",
            wrong,
            found=", ".join(names),
            wanted_zh="或".join(_WORDS[g][0] for g in layer.geometry),
            wanted_en=" or ".join(_WORDS[g][1] for g in layer.geometry),
        )
        shapes[wrong] = None
    return shapes
