"""Figures of zones: area and share by district, a published figure held against it, and tiling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._columns import in_force, plain_text
from basin._pieces import valid_shapes
from basin.crs import EXCHANGE_CRS, area_m2, to_exchange
from basin.errors import LayerError
from basin.layers.codes import closest, code_of, words_of

__all__ = ["check_tiling", "compare_published", "zone_areas"]

#: Overlaps and gaps smaller than this are no more than rounding (m2).
_LEAST_M2 = 1.0


def zone_areas(
    zones: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame,
    *,
    by: Sequence[str] = ("kind", "grade"),
    date: Any = None,
) -> pd.DataFrame:
    """Sum the area of zones by district, each piece of ground once.

    Parameters
    ----------
    zones, districts
        Polygons in any known CRS; districts with ``id`` and ``name``.
    by
        Columns of `zones` to sum by; ``("kind",)`` counts overlapping grades once.
    date
        Keep the zones in force on this date; None keeps all.

    Returns
    -------
    DataFrame
        ``district_id``, ``district``, the columns of `by`; ``n_zones``, ``area_m2`` (ellipsoidal,
        overlaps counted once), ``share`` of the district, and ``overlap_m2`` (counted more than
        once if areas were simply added).
    """
    areas, outlines = to_exchange(zones, layer="zones"), to_exchange(districts, layer="districts")
    areas = areas[in_force(areas, date)]
    shapes, ground = valid_shapes(areas.geometry), valid_shapes(outlines.geometry)
    keys = pd.DataFrame({name: plain_text(areas, name) for name in by})
    total = area_m2(gpd.GeoSeries(ground, crs=EXCHANGE_CRS))
    ids, names = plain_text(outlines, "id"), plain_text(outlines, "name")
    rows: list[dict[str, Any]] = []
    for d in range(len(outlines)):
        for key, part in keys.groupby(list(by)):
            common = shapely.intersection(shapes[part.index.to_numpy()], ground[d])
            each = area_m2(common)
            once = float(area_m2(np.array([shapely.union_all(common)], dtype=object))[0])
            if (each > 0).any():
                labels = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
                rows.append(
                    {"district_id": ids[d], "district": names[d], **labels}
                    | {"n_zones": int((each > 0).sum()), "area_m2": once}
                    | {"share": once / total[d], "overlap_m2": max(float(each.sum()) - once, 0.0)}
                )
    columns = ["district_id", "district", *by, "n_zones", "area_m2", "share", "overlap_m2"]
    return pd.DataFrame(rows, columns=columns)


def compare_published(
    areas: pd.DataFrame, published: pd.DataFrame, *, districts: Iterable[Any] | None = None
) -> pd.DataFrame:
    """Hold published areas and shares against what the layers give.

    Parameters
    ----------
    areas
        From :func:`zone_areas` with ``by=("kind",)``.
    published
        ``district_id``, ``kind``, ``area_km2``, ``share`` (0..1), as published; each may be
        missing. Numbers count as rounded to their last digit: give them as text to keep a last 0.
        A kind is a code of ``zone_kind`` or a word for one.
    districts
        Ids of all districts; None does not tell one that is not there from one without zones.

    Returns
    -------
    DataFrame
        One row a published figure: ``district_id``, ``kind``, ``area_km2`` (by the layers),
        ``published_km2``, ``difference_km2``, ``difference`` (relative), ``share``,
        ``published_share``; ``implied_district_km2``, ``implied_low_km2``, ``implied_high_km2``:
        the area of the district that the two published figures imply, and its bounds by rounding;
        ``district_km2`` by the layer; ``agrees``: area and share both within the rounding.

    Raises
    ------
    LayerError
        If a kind or a district is not known: it would be held against 0 km2.

    Examples
    --------
    166.59 km2 and 7.62 % imply a district of 2,184.7 to 2,187.7 km2:

    >>> from pandas import DataFrame
    >>> areas = DataFrame({"district_id": ["D"], "kind": "red_line", "area_m2": 166.59e6,
    ...                    "share": 0.0762})
    >>> told = DataFrame({"district_id": ["D"], "kind": "red_line", "area_km2": "166.59",
    ...                   "share": "0.0762"})
    >>> found = compare_published(areas, told).iloc[0]
    >>> print(f"{found['implied_low_km2']:.1f} to {found['implied_high_km2']:.1f}")
    2184.7 to 2187.7
    >>> bool(found["agrees"])
    True
    """
    table = published[["district_id", "kind"]].astype(object).fillna("")
    table["kind"] = _known_kinds(table["kind"], set(areas["kind"]))
    if districts is not None:
        _known_districts(table["district_id"], [str(one) for one in districts])
    half = {}
    for name in ("area_km2", "share"):
        text = published[name] if name in published else pd.Series(np.nan, published.index)
        table[f"published_{name.removeprefix('area_')}"] = pd.to_numeric(text).astype(float)
        half[name] = np.array([_half_digit(value) for value in text])
    some = areas[["district_id", "kind", "area_m2", "share"]].astype(
        {"area_m2": float, "share": float}
    )
    table = table.merge(some, on=["district_id", "kind"], how="left")
    table["area_km2"] = table.pop("area_m2").fillna(0.0) / 1e6
    table["share"] = table["share"].fillna(0.0)
    table["district_km2"] = table["area_km2"] / table["share"].where(table["share"] > 0)
    area, share = table["published_km2"], table["published_share"]
    table["difference_km2"] = table["area_km2"] - area
    table["difference"] = table["difference_km2"] / area
    table["implied_district_km2"] = area / share
    table["implied_low_km2"] = (area - half["area_km2"]) / (share + half["share"])
    table["implied_high_km2"] = (area + half["area_km2"]) / (share - half["share"])
    near = [(table["area_km2"] - area).abs() <= half["area_km2"] + 1e-12,
            (table["share"] - share).abs() <= half["share"] + 1e-12]  # fmt: skip
    table["agrees"] = (near[0] | area.isna()) & (near[1] | share.isna())
    order = ["district_id", "kind", "area_km2", "published_km2", "difference_km2", "difference",
             "share", "published_share", "district_km2", "implied_district_km2",
             "implied_low_km2", "implied_high_km2", "agrees"]  # fmt: skip
    return pd.DataFrame(table[order])


def _known_kinds(kinds: pd.Series[Any], own: set[str]) -> list[str]:
    """Codes of kinds given by code or word; `own` are kinds of the layer without a code."""
    found = {word: word if word in own else code_of(word, "zone_kind") for word in kinds.unique()}
    for word, code in found.items():
        if code is None:
            near, rows = closest(word, "zone_kind"), _rows(kinds == word)
            raise LayerError(
                f"published figures: {word!r} is no kind of zone, in rows {rows}",
                mend=(f"Did you mean {near!r}? " if near else "")
                + f"Known: {words_of('zone_kind', 'en')}.",
                zh=f"公布数：第 {rows} 行的分区类别“{word}”不认识",
                mend_zh=(f"是“{near}”吗？" if near else "")
                + f"可用的有：{words_of('zone_kind', 'zh')}",
            )
    return [str(found[word]) for word in kinds]


def _known_districts(given: pd.Series[Any], known: list[str]) -> None:
    for word in given[~given.astype(str).isin(known)].unique():
        near, rows = difflib.get_close_matches(str(word), known, n=1), _rows(given == word)
        raise LayerError(
            f"published figures: {word!r} is no district, in rows {rows}",
            mend=(f"Did you mean {near[0]!r}? " if near else "") + f"Known: {', '.join(known)}.",
            zh=f"公布数：第 {rows} 行的区县“{word}”不在区县图层中",
            mend_zh=(f"是“{near[0]}”吗？" if near else "") + f"已有：{'、'.join(known)}",
        )


def _rows(mask: pd.Series[bool]) -> str:
    """Rows of a table as a spreadsheet counts them, the heading being the first."""
    return ", ".join(str(row + 2) for row in np.flatnonzero(mask)[:5])


def _half_digit(value: Any) -> float:
    """Half a unit of the last digit written; NaN for nothing."""
    text = str(value).strip()
    if text in ("", "nan", "None", "<NA>"):
        return float("nan")
    return float(0.5 * 10.0 ** -len(text.partition(".")[2]))


def check_tiling(
    zones: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame | None = None,
    *,
    kind: str = "control_unit",
    least_m2: float = _LEAST_M2,
    date: Any = None,
) -> gpd.GeoDataFrame:
    """Find overlaps and gaps of zones that should tile: each piece of ground in exactly one.

    Parameters
    ----------
    zones
        Polygons with ``zone_id`` and ``kind``. Any known CRS.
    districts
        Polygons with ``id`` that the zones should fill; None looks for gaps that zones enclose.
    kind
        Kind of zones that should tile.
    least_m2
        Smaller overlaps and gaps are left out.
    date
        Keep the zones in force on this date; None keeps all.

    Returns
    -------
    GeoDataFrame
        EPSG:4490, largest first: ``problem`` (``overlap`` or ``gap``), ``zone_id`` and
        ``other_id`` (of an overlap), ``district_id`` (of a gap), ``area_m2``, geometry. Empty if
        the zones tile.
    """
    areas = to_exchange(zones, layer="zones")
    areas = areas[in_force(areas, date) & (plain_text(areas, "kind") == kind)]
    shapes, ids = valid_shapes(areas.geometry.to_numpy()), plain_text(areas, "zone_id")
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    common = shapely.intersection(shapes[a], shapes[b])
    rows = [
        {"problem": "overlap", "zone_id": ids[i], "other_id": ids[j], "geometry": shape}
        for i, j, shape in zip(a, b, common, strict=True)
    ]
    held = shapely.union_all(shapes)
    if districts is None:
        outlines = [shapely.Polygon(p.exterior) for p in shapely.get_parts(held)]
        grounds = {"": shapely.union_all(outlines)}
    else:
        table = to_exchange(districts, layer="districts")
        grounds = dict(
            zip(plain_text(table, "id"), valid_shapes(table.geometry.to_numpy()), strict=True)
        )
    for key, ground in grounds.items():
        parts = shapely.get_parts(shapely.difference(ground, held))
        rows += [{"problem": "gap", "district_id": key, "geometry": part} for part in parts]
    columns = ["problem", "zone_id", "other_id", "district_id", "geometry"]
    found = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=EXCHANGE_CRS)
    words = [name for name in columns if name != "geometry"]
    found[words] = found[words].astype(object).where(found[words].notna(), "").astype(str)
    found.insert(4, "area_m2", area_m2(found.geometry))
    found = found[found["area_m2"] >= least_m2]
    return found.sort_values(["area_m2", *words], ascending=[False, *([True] * 4)]).reset_index(
        drop=True
    )
