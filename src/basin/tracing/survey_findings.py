"""What of the ledger of outfalls needs a look: each finding with its outfalls and its reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.crs import GEOD, GLOBE_BOUNDS, to_exchange
from basin.errors import list_ids
from basin.standards.labels import label

__all__ = ["FINDINGS", "GAPS", "ledger_findings"]

#: Kinds of finding, in the order told, each with what it rests on.
FINDINGS = {
    "in_water_source": "《水污染防治法》第六十四条",
    "near_water_source": "《水污染防治法》第六十四条",
    "closed_sampled": "整治销号",
    "double_code": "HJ 1235-2021",
    "close_pair": "HJ 1235-2021",
    "works_without_outfall": "HJ 1312-2023",
    "no_kind": "HJ 1312-2023",
    "no_responsible": "国办函〔2022〕17号",
    "no_action": "国办函〔2022〕17号",
    "district_conflict": "",
    "no_geometry": "",
    "far": "",
    "ambiguous": "",
}

#: Kinds of which one finding holds every outfall that it is about.
GAPS = ("no_kind", "no_responsible", "no_action", "no_geometry", "far", "ambiguous")

_TEXT = {
    "in_water_source": ("{id} 位于 {zone}（{grade}）内", "{id} lies in {zone} ({grade})"),
    "near_water_source": (
        "{id} 距 {zone}（{grade}）边界 {value:.0f} m，在定位误差之内，内外待核",
        "{id} lies {value:.0f} m from the edge of {zone} ({grade}), within the error of its place",
    ),
    "closed_sampled": (
        "{id} 于 {closed} 取缔，{sampled} 仍有采样",
        "{id} was closed on {closed} and sampled on {sampled}",
    ),
    "double_code": ("{id} 与 {other} 同一编码", "{id} has the code of {other}"),
    "close_pair": (
        "{id} 与 {other} 相距 {value:.1f} m，可能是同一排口",
        "{id} and {other} are {value:.1f} m apart and may be one",
    ),
    "works_without_outfall": (
        "污水处理厂 {other} 周围 {value:.0f} m 内没有登记的污水处理厂排污口",
        "sewage works {other} has no outfall of its kind on record within {value:.0f} m",
    ),
    "no_kind": ("{id} 类型不在四类之内或未填", "{id}: of none of the four kinds"),
    "no_responsible": ("{id} 未填责任主体", "{id}: no responsible party"),
    "no_action": ("{id} 未定整治措施", "{id}: no action decided"),
    "district_conflict": (
        "{id} 填报区县与坐标不符（坐标在{other}）",
        "{id} is stated in another district than its place ({other})",
    ),
    "no_geometry": ("{id} 无坐标", "{id}: no coordinates"),
    "far": ("{id} 距河过远，不能定位", "{id}: too far from a river to be placed"),
    "ambiguous": ("{id} 邻近多条河段，归属待核", "several reaches are near {id}"),
}

#: So many degrees hold any distance asked for, in metres, within China (latitude below 54).
_M_PER_DEG = 60_000.0


def ledger_findings(
    table: gpd.GeoDataFrame,
    conflict: pd.Series,
    *,
    zones: Any,
    works: Any,
    near_m: float,
    works_m: float,
    date: dt.date,
) -> pd.DataFrame:
    """List what needs a look, the gravest kind first.

    Returns
    -------
    DataFrame
        ``kind``, ``outfall_ids`` (text, ", " between), ``value`` (metres where it is a distance),
        ``text_zh``, ``text_en``, ``basis``.
    """
    found = [
        *_in_water_sources(table, zones, date),
        *_closed_sampled(table),
        *_double_codes(table),
        *_close_pairs(table, near_m),
        *_works(table, works, works_m),
        *_gaps(table, conflict),
    ]
    order = {kind: n for n, kind in enumerate(FINDINGS)}
    found.sort(key=lambda f: order[f["kind"]])
    columns = ["kind", "outfall_ids", "value", "text_zh", "text_en", "basis"]
    return pd.DataFrame(found, columns=columns).astype({"value": float})


def _finding(kind: str, ids: list[str], value: Any = np.nan, **words: Any) -> dict[str, Any]:
    texts = {}
    for lang, template in zip(("zh", "en"), _TEXT[kind], strict=True):
        told = {k: v[lang] if isinstance(v, dict) else v for k, v in words.items()}
        texts[f"text_{lang}"] = template.format(id=list_ids(ids, lang=lang), value=value, **told)
    return {
        "kind": kind, "outfall_ids": ", ".join(ids), "value": value, **texts,
        "basis": FINDINGS[kind],
    }  # fmt: skip


def _in_water_sources(table: Any, zones: Any, date: dt.date) -> Iterator[dict[str, Any]]:
    """Open outfalls in a water-source zone in force, or so near its edge that it cannot be told."""
    from basin.zones import overlay_zones

    if zones is None or not len(zones):
        return
    sources = zones[zones["kind"].eq("water_source").fillna(False).to_numpy(dtype=bool)]
    still = table[table["status"].ne("closed") & ~_bare(table)]
    if not len(sources) or not len(still):
        return
    sites = still[["geometry"]].assign(site_id=still["outfall_id"])
    pairs = overlay_zones(sites, sources, date=date, within_m=0.0)
    for row in pairs.to_dict("records"):
        grade = {
            lang: label("zone_grade", row["grade"], lang) if row["grade"] else "–"
            for lang in ("zh", "en")
        }
        inside = row["share"] > 0 and not row["sliver"]
        near = row["distance_m"] if row["distance_m"] > 0 else 0.0
        kind = "in_water_source" if inside or row["share"] > 0 else "near_water_source"
        zone = f"{row['zone_id']} {row['name']}".strip()
        yield _finding(kind, [row["site_id"]], near, zone=zone, grade=grade)


def _closed_sampled(table: Any) -> Iterator[dict[str, Any]]:
    for row in table[table["sampled_closed"]].to_dict("records"):
        days = {k: f"{row[f'{k}_on']:%Y-%m-%d}" for k in ("closed", "sampled")}
        yield _finding("closed_sampled", [row["outfall_id"]], **days)


def _double_codes(table: Any) -> Iterator[dict[str, Any]]:
    again = table[table["duplicate_of"] != ""]
    for outfall, first in zip(again["outfall_id"], again["duplicate_of"], strict=True):
        yield _finding("double_code", [outfall], other=first)


def _bare(table: Any) -> Any:
    return (table.geometry.isna() | table.geometry.is_empty).to_numpy(dtype=bool)


def _close_pairs(table: Any, near_m: float) -> Iterator[dict[str, Any]]:
    """Pairs of different codes nearer than `near_m` on the ellipsoid."""
    once = table[(table["duplicate_of"] == "") & ~_bare(table)]
    shapes = np.asarray(once.geometry.array, dtype=object)
    a, b = shapely.STRtree(shapes).query(shapes, "dwithin", distance=near_m / _M_PER_DEG)
    a, b = a[a < b], b[a < b]
    xy = shapely.get_coordinates(shapes)
    _, _, metres = GEOD.inv(xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1])
    ids = once["outfall_id"].to_numpy()
    for n in np.flatnonzero(metres < near_m):
        one, other = str(ids[a[n]]), str(ids[b[n]])
        found = _finding("close_pair", [one], float(metres[n]), other=other)
        yield {**found, "outfall_ids": f"{one}, {other}"}


def _works(table: Any, works: Any, works_m: float) -> Iterator[dict[str, Any]]:
    """Sewage works that no outfall of their kind lies near."""
    if works is None or not len(works):
        return
    given = to_exchange(works, layer="works", bounds=GLOBE_BOUNDS).reset_index(drop=True)
    own = table[table["kind"].eq("sewage_works") & table["status"].ne("closed") & ~_bare(table)]
    xy = shapely.get_coordinates(np.asarray(own.geometry.array, dtype=object))
    ids = given["site_id"] if "site_id" in given.columns else given.index.astype("str")
    names = given["name"].fillna("") if "name" in given.columns else pd.Series("", given.index)
    for at, shape in enumerate(given.geometry):
        if shape is None or shape.is_empty:
            continue
        point = shape.representative_point()
        lon, lat = np.full(len(xy), point.x), np.full(len(xy), point.y)
        away = GEOD.inv(lon, lat, xy[:, 0], xy[:, 1])[2] if len(xy) else np.zeros(0)
        if not (away <= works_m).any():
            who = f"{ids.iloc[at]} {names.iloc[at]}".strip()
            yield _finding("works_without_outfall", [], works_m, other=who)


def _gaps(table: Any, conflict: pd.Series) -> Iterator[dict[str, Any]]:
    """What a record lacks, one finding a kind with all its outfalls."""
    still = table["status"].ne("closed") & (table["duplicate_of"] == "")
    gaps = {
        "no_kind": still & ~table["kind"].isin(
            ["industrial", "sewage_works", "agricultural", "other"]
        ),
        "no_responsible": still & table["responsible"].eq(""),
        "no_action": still & table["action"].eq(""),
        "no_geometry": pd.Series(_bare(table), index=table.index),
    }  # fmt: skip
    if "snap_status" in table.columns:
        gaps["far"] = table["snap_status"].eq("far")
        gaps["ambiguous"] = table["snap_status"].eq("ambiguous")
    for kind, rows in gaps.items():
        ids = table.loc[rows.to_numpy(dtype=bool), "outfall_id"].tolist()
        if ids:
            yield _finding(kind, ids)
    differs = table[conflict.to_numpy(dtype=bool)]
    for outfall, district in zip(differs["outfall_id"], differs["district"], strict=True):
        yield _finding("district_conflict", [outfall], other=district)
