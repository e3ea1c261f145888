"""What lies within areas: slopes, land cover, people, with exact fractions of cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._dem import Dem, Window, open_dem
from basin._raster import open_geotiff
from basin.buffers import shoreline_band
from basin.crs import area_m2, check_datum, to_exchange
from basin.errors import CrsError, LayerError

__all__ = [
    "FOREST",
    "SLOPE_LIMITS",
    "bank_belts",
    "slope_degrees",
    "slope_shares",
    "zonal_shares",
    "zonal_statistics",
]

#: Upper limits of slope classes in degrees: 5, 8, 15, 25, 35 (SL 190-2007).
SLOPE_LIMITS = (5.0, 8.0, 15.0, 25.0, 35.0)

#: ESA WorldCover codes of trees and shrubs.
FOREST = (10, 20)

#: Numbers that name a statistic of exactextract.
_STATISTICS = ("mean", "min", "max", "sum", "stdev", "median", "count", "majority", "variety")


def zonal_statistics(
    polygons: gpd.GeoDataFrame | gpd.GeoSeries,
    raster: Any,
    *,
    statistics: Sequence[str] = ("mean", "min", "max"),
) -> pd.DataFrame:
    """Statistics of a raster within polygons, each cell by the exact fraction inside.

    Parameters
    ----------
    polygons : shape (n, ...)
        Catchments, control units, bands: any known CRS.
    raster
        Path of a GeoTIFF of one band (heights, population, land cover) or an open dataset.
    statistics
        Of mean, min, max, sum, stdev, median, count (cells), majority, variety.

    Returns
    -------
    shape (n, len(statistics) + 1), indexed as `polygons`
        NaN where a polygon holds no data; ``covered``, the share of the polygon with data: a sum
        over less than all of it is too small.

    Raises
    ------
    LayerError, CrsError
        If a statistic is not known, exactextract is not installed, or a layer cannot be used.
    """
    unknown = [name for name in statistics if name not in _STATISTICS]
    if unknown:
        raise LayerError(
            f"unknown statistic {unknown[0]!r}", mend=f"One of {', '.join(_STATISTICS)}."
        )
    with _source(raster) as (source, crs):
        found = _extract(source, polygons, crs, [*statistics, "cell_fraction"])
    return found


def zonal_shares(
    polygons: gpd.GeoDataFrame | gpd.GeoSeries,
    raster: Any,
    classes: Mapping[str, Sequence[int]],
) -> pd.DataFrame:
    """Shares of classes of a coded raster (land cover) within polygons.

    Parameters
    ----------
    polygons, raster
        As for :func:`zonal_statistics`.
    classes
        Codes of each class by its name, such as ``{"forest": (10, 20), "cropland": (40,)}``.

    Returns
    -------
    shape (n, len(classes) + 2), indexed as `polygons`
        Shares of what has data, ``other`` for codes of no class; ``covered``, the share of the
        polygon with data.
    """
    with _source(raster) as (source, crs):
        return _shares(source, polygons, crs, classes)


def slope_shares(
    polygons: gpd.GeoDataFrame | gpd.GeoSeries,
    dem: Any,
    *,
    limits_deg: Sequence[float] = SLOPE_LIMITS,
) -> pd.DataFrame:
    """Shares of slope classes within polygons.

    Parameters
    ----------
    polygons
        As for :func:`zonal_statistics`.
    dem
        As for :func:`~basin.terrain.open_dem`.
    limits_deg
        Upper limits of the classes in degrees, rising.

    Returns
    -------
    shape (n, len(limits) + 3), indexed as `polygons`
        Shares by class (``slope_0_5``, ``slope_5_8`` ..., ``slope_35_up``), ``mean_deg``, and
        ``covered``. Heights of coarse cells make slopes too gentle: compare only within one DEM.
    """
    grid = open_dem(dem)
    area = to_exchange(_as_table(polygons), layer="polygons")
    window = grid.window_of(area.total_bounds, margin_m=2 * grid.cell_m)
    degrees = slope_degrees(grid, window)
    classed = np.searchsorted(np.asarray(limits_deg), degrees, side="right").astype(float)
    classed[np.isnan(degrees)] = np.nan
    bounds = [0.0, *limits_deg]
    names = [f"slope_{a:g}_{b:g}" for a, b in pairwise(bounds)]
    names.append(f"slope_{bounds[-1]:g}_up")
    classes = {name: (k,) for k, name in enumerate(names)}
    shares = _shares(_array_source(classed, grid, window), polygons, grid.crs, classes)
    mean = _extract(_array_source(degrees, grid, window), polygons, grid.crs, ["mean"])["mean"]
    return shares.drop(columns="other").assign(mean_deg=mean)[[*names, "mean_deg", "covered"]]


def bank_belts(
    lines: gpd.GeoDataFrame,
    dem: Any,
    *,
    width_m: float = 1_000.0,
    steep_deg: float = 25.0,
    landcover: Any = None,
    forest: Sequence[int] = FOREST,
) -> gpd.GeoDataFrame:
    """Steep slopes and forest in the belts along banks (两岸青山, 1 km).

    Parameters
    ----------
    lines
        Shorelines that count (:func:`basin.buffers.base_lines`), any known CRS.
    dem
        As for :func:`~basin.terrain.open_dem`.
    width_m
        Width of the belt from the line.
    steep_deg
        Slopes from here on are steep: 25 degrees, from which land may not be cultivated
        (《水土保持法》第二十条).
    landcover
        GeoTIFF of land cover codes; None leaves forest out.
    forest
        Codes of forest in it; ESA WorldCover by default.

    Returns
    -------
    GeoDataFrame
        One row a ``river_class``: ``area_km2``, ``steep_share``, ``steep_km2``, ``mean_deg``, and
        with `landcover` ``forest_share``, ``forest_km2``; ``covered`` by the DEM; EPSG:4490.
    """
    belts = shoreline_band(lines, width_m)
    slopes = slope_shares(belts, dem, limits_deg=(steep_deg,))
    belts["area_km2"] = area_m2(belts.geometry) / 1e6
    belts["steep_share"] = slopes.iloc[:, 1].to_numpy()
    belts["steep_km2"] = belts["steep_share"] * belts["area_km2"]
    belts["mean_deg"] = slopes["mean_deg"].to_numpy()
    if landcover is not None:
        shares = zonal_shares(belts, landcover, {"forest": tuple(forest)})
        belts["forest_share"] = shares["forest"].to_numpy()
        belts["forest_km2"] = belts["forest_share"] * belts["area_km2"]
    belts["covered"] = slopes["covered"].to_numpy()
    return belts


def slope_degrees(dem: Dem, window: Window | None = None) -> Any:
    """Slope of each cell in degrees, in true metres east and north; NaN beside missing data.

    Notes
    -----
    Second-order differences of the four neighbours (Zevenbergen & Thorne 1987).
    """
    wanted = window or dem.window
    wide = wanted.grown(1, dem.shape)
    heights = dem.read(wide).astype(float)
    east, south = dem.metres(np.arange(wide.top, wide.bottom, dtype=float) + 0.5)
    by_row = np.gradient(heights, axis=0) / south[:, None]
    by_col = np.gradient(heights, axis=1) / east[:, None]
    degrees = np.degrees(np.arctan(np.hypot(by_row, by_col)))
    top, left = wanted.top - wide.top, wanted.left - wide.left
    return degrees[top : top + wanted.shape[0], left : left + wanted.shape[1]]


# ---- exactextract ----------------------------------------------------------------------------


def _exactextract() -> Any:
    try:
        import exactextract
        import exactextract.raster
    except ImportError as error:
        raise LayerError(
            "zonal statistics need exactextract",
            mend="pip install 'basin-gis[dem]'.",
            zh="分区统计需要 exactextract",
            mend_zh="请安装：pip install 'basin-gis[dem]'",
        ) from error
    return exactextract


@contextmanager
def _source(raster: Any) -> Iterator[tuple[Any, Any]]:
    """Open a raster through the guarded opener, as a source for exactextract, with its CRS."""
    import pyproj

    @contextmanager
    def opened() -> Iterator[Any]:
        if hasattr(raster, "read"):
            yield raster
        else:
            with open_geotiff(raster) as dataset:
                yield dataset

    with opened() as dataset:
        if dataset.crs is None:
            raise CrsError(
                f"{dataset.name} has no coordinate reference system",
                mend="Write the raster with one.",
                zh=f"{dataset.name} 没有坐标系",
                mend_zh="写入坐标系后再用",
            )
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
        check_datum(crs, "raster")
        yield _exactextract().raster.RasterioRasterSource(dataset), crs


def _array_source(values: Any, dem: Dem, window: Window) -> Any:
    t = dem.transform
    west, north = t.c + t.a * window.left, t.f + t.e * window.top
    return _exactextract().raster.NumPyRasterSource(
        np.ma.masked_invalid(values),
        xmin=west,
        ymin=north + t.e * window.shape[0],
        xmax=west + t.a * window.shape[1],
        ymax=north,
        srs_wkt=dem.crs.to_wkt(),
    )


def _as_table(polygons: gpd.GeoDataFrame | gpd.GeoSeries) -> gpd.GeoDataFrame:
    geometry = polygons.geometry
    return gpd.GeoDataFrame(geometry=geometry.to_numpy(), index=geometry.index, crs=polygons.crs)


def _extract(source: Any, polygons: Any, crs: Any, statistics: list[str]) -> pd.DataFrame:
    table = to_exchange(_as_table(polygons), layer="polygons").to_crs(crs)
    there = ~(table.geometry.isna() | table.geometry.is_empty).to_numpy()
    names = [name for name in statistics if name != "cell_fraction"]
    result = pd.DataFrame(np.nan, index=table.index, columns=names, dtype=float)
    asked = dict.fromkeys([*names, "count"])
    extract = _exactextract().exact_extract
    found = extract(source, table[there].reset_index(drop=True), list(asked), output="pandas")
    for name in names:
        result.loc[there, name] = found[name].to_numpy(dtype=float)
    if "cell_fraction" in statistics:
        result["covered"] = np.nan
        result.loc[there, "covered"] = _covered(source, table[there], found["count"])
    return result


def _covered(source: Any, table: gpd.GeoDataFrame, count: pd.Series) -> Any:
    dx, dy = source.res()
    cells = shapely.area(table.geometry.to_numpy()) / (dx * dy)
    return np.clip(count.to_numpy(dtype=float) / np.where(cells > 0, cells, np.nan), 0.0, 1.0)


def _shares(
    source: Any, polygons: Any, crs: Any, classes: Mapping[str, Sequence[int]]
) -> pd.DataFrame:
    table = to_exchange(_as_table(polygons), layer="polygons").to_crs(crs)
    there = ~(table.geometry.isna() | table.geometry.is_empty).to_numpy()
    result = pd.DataFrame(np.nan, index=table.index, columns=[*classes, "other", "covered"])
    found = _exactextract().exact_extract(
        source, table[there].reset_index(drop=True), ["unique", "frac", "count"], output="pandas"
    )
    long = pd.DataFrame({"code": found["unique"].map(list), "share": found["frac"].map(list)})
    long = long.explode(["code", "share"]).dropna()
    class_of = {float(code): name for name, codes in classes.items() for code in codes}
    long["class"] = long["code"].astype(float).map(class_of).fillna("other")
    wide = pd.crosstab(long.index, long["class"], long["share"].astype(float), aggfunc="sum")
    shares = wide.reindex(index=range(int(there.sum())), columns=[*classes, "other"])
    shares = shares.fillna(0.0)
    shares[(found["count"] == 0).to_numpy()] = np.nan
    for name in shares:
        result.loc[there, name] = shares[name].to_numpy()
    result.loc[there, "covered"] = _covered(source, table[there], found["count"])
    return result
