"""What an outfall brings to the ranking: its load of the item, its doubts, its district."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import as_ids
from basin.crs import GEOD
from basin.layers.measurements import parse_dates
from basin.standards.quality import carries
from basin.tracing.routes import Place, Routes

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = [
    "add_districts",
    "discharging",
    "item_loads",
    "notes_of",
    "sift_outfalls",
]

_LEFT_OUT = ["outfall_id", "name", "reason", "text_zh", "text_en"]

#: Columns of text that a trace reads; those that are missing are empty.
_TEXTS = (
    "name", "kind", "action", "status", "river", "town", "responsible", "duplicate_of",
)  # fmt: skip

_REASONS = {
    "duplicate": (
        "编号重复，与 {detail} 为同一排污口，避免重复计算",
        "repeats {detail}: counted once",
    ),
    "closed": ("状态为已取缔，且无其后的采样", "closed, and not sampled since"),
    "planned": ("拟建，尚未排放", "planned: does not discharge yet"),
    "no_geometry": ("无坐标", "has no coordinates"),
    "far": (
        "距最近河段 {detail} m，超出捕捉距离，不能定位到河",
        "lies {detail} m from the nearest reach: too far to place on a river",
    ),
    "ambiguous": (
        "邻近多条河段；若实际汇入 {detail}，则在本断面上游，需现场核实",
        "several reaches are near; if it enters {detail} it drains to this section: check on site",
    ),
    "below_section": ("位于断面下游 {detail} m", "enters {detail} m below the section"),
    "not_upstream": (
        "直线距离 {detail} m，但沿河网不汇入本断面",
        "{detail} m away as the crow flies, but does not drain to this section",
    ),
}


def _left_out_row(outfall_id: Any, name: Any, reason: str, detail: Any = "") -> dict[str, Any]:
    """Write one line of the list of outfalls outside the ranking."""
    zh, en = (text.format(detail=detail) for text in _REASONS[reason])
    said = "" if pd.isna(name) else str(name)
    return {"outfall_id": outfall_id, "name": said, "reason": reason, "text_zh": zh, "text_en": en}


def _numbers(table: Any, column: str) -> npt.NDArray[np.float64]:
    if column not in table.columns:
        return np.full(len(table), np.nan)
    numbers = pd.to_numeric(table[column], errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=float, na_value=np.nan), dtype=float)


def item_loads(outfalls: Any, item: str) -> pd.DataFrame:
    """Find the load of an item at each outfall.

    Returns
    -------
    DataFrame on the same index
        ``load_kg_d`` (stated load, else concentration times flow; NaN: not known), ``load_basis``
        (measured, permit, estimated, none; empty: known but its basis is not stated),
        ``carries_item``: measured (a load or concentration above zero is known), possible (its kind
        may discharge the item), no (known to be zero, or not of its kind); ``effluent_mg_l``, the
        stated concentration, else load / flow; ``standard_mg_l``, the outfall's own limit.
    """
    stated = _numbers(outfalls, f"load_{item}_kg_d")
    conc = _numbers(outfalls, f"conc_{item}_mg_l")
    load = np.where(
        np.isfinite(stated), stated, conc * _numbers(outfalls, "flow_m3_d") / 1000.0
    )  # mg/L x m3/d = g/d
    with np.errstate(invalid="ignore", divide="ignore"):
        water = _numbers(outfalls, "flow_m3_d")
        of_load = np.where(water > 0, load * 1000.0 / water, np.nan)
        positive = (load > 0) | (conc > 0)
        zero = ~positive & ((load == 0) | (conc == 0))
    kind = outfalls["kind"] if "kind" in outfalls.columns else pd.Series("", outfalls.index)
    by_kind = np.array([carries(k, item) for k in kind], dtype=object)
    basis = (
        outfalls["data_basis"] if "data_basis" in outfalls.columns else pd.Series("", kind.index)
    )
    return pd.DataFrame(
        {
            "load_kg_d": load,
            "load_basis": np.where(np.isfinite(load), basis.astype(object).fillna(""), "none"),
            "carries_item": np.where(positive, "measured", np.where(zero, "no", by_kind)),
            "effluent_mg_l": np.where(np.isfinite(conc), conc, of_load),
            "standard_mg_l": _numbers(outfalls, f"standard_{item}_mg_l"),
        },
        index=outfalls.index,
    ).astype({"load_basis": "str", "carries_item": "str"})


def discharging(outfalls: Any) -> tuple[Any, pd.DataFrame]:
    """Part outfalls that discharge from those that are closed, planned, or told twice.

    Returns
    -------
    outfalls
        Those that discharge.
    left_out
        ``outfall_id``, ``reason``.
    """
    table = _complete(outfalls)
    closed = table["status"].eq("closed") & ~_was_sampled_closed(table)
    reason = np.select(
        [table["duplicate_of"] != "", table["status"] == "planned", closed],
        ["duplicate", "planned", "closed"],
        default="",
    )
    out = reason != ""
    left = pd.DataFrame({"outfall_id": table["outfall_id"][out].to_numpy(), "reason": reason[out]})
    return table[~out], left


def _was_sampled_closed(outfalls: Any) -> npt.NDArray[np.bool_]:
    """True where a closed outfall was sampled after closing, so that it may still discharge."""
    closed = outfalls["status"].eq("closed").fillna(False).to_numpy(dtype=bool)
    sampled, since = _dates(outfalls, "sampled_on"), _dates(outfalls, "closed_on")
    later = sampled.notna() & (since.isna() | (sampled > since))
    return np.asarray(closed & later.to_numpy(dtype=bool), dtype=bool)


def _dates(table: Any, column: str) -> pd.Series:
    if column not in table.columns:
        return pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns]")
    return parse_dates(table[column])[0]


def add_districts(outfalls: gpd.GeoDataFrame, districts: Any) -> tuple[pd.Series, pd.Series]:
    """Name the district of each point, and say where the stated one differs.

    A polygon decides; the stated district stands where no polygon holds the point.

    Returns
    -------
    district : Series of str
    conflict : Series of bool
    """
    stated = (
        outfalls["district"].astype(object).fillna("")
        if "district" in outfalls.columns
        else pd.Series("", index=outfalls.index, dtype=object)
    )
    none = pd.Series(False, index=outfalls.index)
    if districts is None or not len(districts) or not len(outfalls):
        return stated, none
    given = as_ids(districts["id" if "id" in districts.columns else "district_id"])
    codes = given.fillna("").to_numpy(dtype=object)
    names = districts["name"].astype(str).to_numpy() if "name" in districts.columns else codes
    point, polygon = districts.sindex.query(outfalls.geometry.array, predicate="intersects")
    first = pd.Series(polygon, index=point).groupby(level=0).min()
    where = first.index.to_numpy()
    said = stated.iloc[where].to_numpy(dtype=object)
    name, code = names[first.to_numpy()], codes[first.to_numpy()]
    differ = np.zeros(len(outfalls), dtype=bool)
    differ[where] = [_differs(*each) for each in zip(said, name, code, strict=True)]
    district = stated.to_numpy(dtype=object).copy()
    district[where] = name
    index = outfalls.index
    return pd.Series(district, index=index, dtype=object), pd.Series(differ, index=index)


def _differs(stated: Any, name: str, code: str) -> bool:
    """Whether a stated district is another one; a short form of the name is the same."""
    said = str(stated)
    return said not in ("", code) and said not in name and name not in said


def _straight_line_m(lon: float, lat: float, points: Any) -> npt.NDArray[np.float64]:
    """Geodesic distance from a place to each point (EPSG:4490) in metres; NaN for none."""
    x, y = points.x.to_numpy(dtype=float), points.y.to_numpy(dtype=float)
    there = np.isfinite(x) & np.isfinite(y)
    result = np.full(len(x), np.nan)
    _, _, result[there] = GEOD.inv(
        np.full(there.sum(), lon), np.full(there.sum(), lat), x[there], y[there]
    )
    return result


def sift_outfalls(
    network: RiverNetwork,
    routes: Routes,
    outfalls: gpd.GeoDataFrame,
    where: tuple[float, float],
    *,
    max_offset_m: float,
    near_m: float,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, int]:
    """Part the outfalls into those that drain here, those left out with a reason, and a count."""
    table = _complete(outfalls)
    places = network.snap(table, max_offset_m=max_offset_m)
    located = routes.locate(places["reach_id"], places["measure_m"]).set_index(table.index)
    placed: Any = located.drop(columns=["row"])
    # columns of the user that are named like ours give way; the project lists them
    table = (
        table.drop(columns=placed.columns.intersection(table.columns))
        .join(placed)
        .assign(
            row=located["row"],
            reach_id=places["reach_id"],
            measure_m=places["measure_m"],
            offset_m=places["offset_m"],
            bank=places["bank"],
            snap_status=places["status"],
            alternatives=places["alternatives"],
            name_conflict=places["name_conflict"].fillna(False).astype(bool),
        )
    )
    # the nearest reach has another name than the record: either one of that name was found, or none
    placed = places["river"].fillna("")
    both = zip(table["river"], placed, strict=True)
    found = np.array([_same_river(*pair) for pair in both], dtype=bool)
    table["placed_by_name"] = table["name_conflict"] & found
    table["name_conflict"] &= ~table["placed_by_name"]
    table["river"] = table["river"].where(table["river"] != "", placed)
    table["sampled_closed"] = _was_sampled_closed(table)
    table["away_m"] = _straight_line_m(*where, table.geometry)
    below = _below(network, routes.end)
    # most of a province neither drains here nor lies near: told at once, without a reason each
    plain = (table["snap_status"] == "snapped") & ~table["upstream"]
    plain &= (table["away_m"] > near_m) & (table["reach_id"] != routes.end.reach_id)
    rows, keep, elsewhere = [], [], int(plain.sum())
    for at, row in table[~plain].iterrows():
        reason, detail = _reason(row, routes, below, near_m)
        if reason == "":
            keep.append(at)
        elif reason == "elsewhere":
            elsewhere += 1
        else:
            rows.append(_left_out_row(row["outfall_id"], row["name"], reason, detail))
    return table.loc[keep], pd.DataFrame(rows, columns=_LEFT_OUT).astype("str"), elsewhere


def _same_river(stated: str, name: str) -> bool:
    return bool(stated and name) and (stated in name or name in stated)


def _complete(outfalls: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give every column that is read later; a second row of a known id repeats the first."""
    table = outfalls.reset_index(drop=True)
    for column in (
        "name",
        "kind",
        "action",
        "status",
        "river",
        "town",
        "responsible",
        "duplicate_of",
    ):
        known = table[column].astype(object) if column in table.columns else ""
        table[column] = pd.Series(known, index=table.index, dtype=object).fillna("")
    table["duplicate_of"] = as_ids(table["duplicate_of"]).fillna("").astype("str")
    table["flow_m3_d"] = _numbers(table, "flow_m3_d")
    again = table["outfall_id"].duplicated() & (table["duplicate_of"] == "")
    table.loc[again, "duplicate_of"] = table.loc[again, "outfall_id"]
    return table


def _below(network: RiverNetwork, end: Place) -> pd.DataFrame:
    """Distance from the section down to the upstream end of each reach below."""
    known: pd.DataFrame = network.distance_from((end.reach_id, end.measure_m))
    return known


def _reason(row: Any, routes: Routes, below: pd.DataFrame, near_m: float) -> tuple[str, Any]:
    """Why an outfall is not ranked; "" if it is, "elsewhere" if it is only counted."""
    if row["snap_status"] == "no_geometry":
        return "no_geometry", ""
    if row["snap_status"] == "far":
        return "far", f"{row['offset_m']:.0f}"
    if row["upstream"]:
        if row["duplicate_of"] != "":
            return "duplicate", row["duplicate_of"]
        if row["status"] == "planned":
            return "planned", ""
        if row["status"] == "closed" and not row["sampled_closed"]:
            return "closed", ""
        return "", ""
    other = _other_reach(row, routes)
    if other is not None:
        return "ambiguous", other
    if row["reach_id"] == routes.end.reach_id:
        return "below_section", f"{row['measure_m'] - routes.end.measure_m:.0f}"
    if row["away_m"] > near_m:
        return "elsewhere", ""
    if row["reach_id"] in below.index:
        walked = float(below["distance_m"].loc[row["reach_id"]]) + row["measure_m"]
        return "below_section", f"{walked:.0f}"
    return "not_upstream", f"{row['away_m']:.0f}"


def _other_reach(row: Any, routes: Routes) -> Any:
    """Of an ambiguous outfall, another reach near it by which it would drain here."""
    if row["snap_status"] != "ambiguous" or not row["alternatives"]:
        return None
    reaches = [a[0] for a in row["alternatives"]]
    upstream = routes.locate(reaches, [a[1] for a in row["alternatives"]])["upstream"]
    return next((r for r, up in zip(reaches, upstream, strict=True) if up), None)


def notes_of(table: gpd.GeoDataFrame, conflict: pd.Series, *, load: bool) -> list[str]:
    """Codes of doubt by outfall; a missing load is one only where the item is a load."""
    marks = {
        "ambiguous": table["snap_status"] == "ambiguous",
        "name_conflict": table["name_conflict"],
        "placed_by_name": table["placed_by_name"],
        "district_conflict": conflict,
        "closed_sampled": table["sampled_closed"],
        "default_velocity": table["default_velocity"],
        "not_mixed": table["mixed"].eq(False).fillna(False),
        "no_load": table["load_kg_d"].isna() & load,
        "no_basis": table["load_basis"] == "",
    }
    return [", ".join(k for k, here in marks.items() if here.iloc[n]) for n in range(len(table))]
