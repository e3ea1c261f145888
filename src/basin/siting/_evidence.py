"""What is measured once for all rules: distances to lines, zones touched, what is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin.buffers import (
    base_lines,
    in_force,
    line_errors,
    river_names,
    shoreline_distance,
    site_errors,
)
from basin.crs import EXCHANGE_CRS
from basin.standards.labels import codes
from basin.standards.rules import Rule
from basin.zones import coverage_area, known_inside, overlay_zones

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: A new edition of a line may lie this far from the lapsed one (metres): within that of a limit, a
#: line that lapsed without a successor leaves the rule unchecked.
LAPSED_SHIFT_M = 1_000.0
#: Zones within this are listed with their distance though no rule needs it (metres).
ZONE_LOOK_M = 1_000.0

_NO, _MAYBE, _SURE = 0, 1, 2


def match_scope(rule: Rule, river: Any, river_class: Any) -> Ints:
    """Tell for each line whether its river is in the scope of a rule: 0 no, 1 maybe, 2 surely.

    A name decides over a class: 长江 is main stem whatever the layer says. A river whose class is
    not known may be of any.
    """
    names = pd.Series(river, dtype=object).astype(str)
    classes = pd.Series(river_class, dtype=object).astype(str)
    listed = {
        name: names.str.startswith(rivers) if rivers else pd.Series(False, index=names.index)
        for name, rivers in rule.class_rivers
    }
    main = listed["main_stem"] | (classes == "main_stem")
    known = classes.isin(codes("river_class")) | listed["main_stem"] | listed["important_tributary"]
    result = np.zeros(len(names), dtype=np.int64)
    for word in rule.river_scope:
        if word == "main_stem":
            sure = main
        elif word == "important_tributary":
            sure = ~main & (listed[word] | (classes == word))
        elif word == "tributary":
            sure = ~main & known
        else:
            sure = names.str.startswith(rule.named_rivers)
            held = np.zeros(len(names), dtype=bool)
            for name in rule.named_rivers:
                held |= names.str.contains(name, regex=False).to_numpy(dtype=bool)
            result = np.maximum(result, held.astype(np.int64))  # 小乌江? a person decides
            result = np.maximum(result, np.where(sure, _SURE, _NO))
            continue
        result = np.maximum(result, np.where(sure, _SURE, np.where(~known & ~main, _MAYBE, _NO)))
    every = {"main_stem", "tributary"} <= set(rule.river_scope)
    return np.full(len(names), _SURE, dtype=np.int64) if every else result


@dataclass(frozen=True)
class Evidence:
    """Everything the rules look at.

    Attributes
    ----------
    sites
        EPSG:4490, one row a site, numbered from 0.
    drawn
        Whether a site has a geometry.
    lines
        Nearest line in force of each site and line group: the columns of `shoreline_distance`,
        with ``site`` (row).
    near_lines
        Every line in force near a limit, for the sites where the nearest one does not settle it.
    other_lines
        Lines that do not count on the date, near a limit; ``orphan`` tells that no line in force of
        their river lies near them.
    zone_pairs
        The columns of `overlay_zones`, with ``site`` (row) and ``current``.
    has_lines, has_zones
        Whether the layers hold anything.
    zones_current, zone_error
        Which zones are in force; the largest error of each site with any zone (metres).
    """

    sites: gpd.GeoDataFrame
    shorelines: gpd.GeoDataFrame
    base: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    coverage: gpd.GeoDataFrame | None
    date: Any
    drawn: Bools
    lines: pd.DataFrame
    near_lines: pd.DataFrame
    other_lines: pd.DataFrame
    zone_pairs: pd.DataFrame
    has_lines: bool
    has_zones: bool
    zones_current: Bools
    zone_error: Floats
    _areas: dict[str, Any] = field(default_factory=dict, repr=False)
    _complete: dict[Any, Bools] = field(default_factory=dict, repr=False)

    def complete(self, kind: str, reach_m: Floats) -> Bools:
        """Tell whether a layer is known to be complete within `reach_m` of each site."""
        if kind not in self._areas:
            self._areas[kind] = coverage_area(self.coverage, kind, self.date)
        area = self._areas[kind]
        # many kinds share one outline: ask once for each outline and reach
        key = (shapely.to_wkb(area), reach_m.tobytes())
        if key not in self._complete:
            self._complete[key] = known_inside(self.sites, area, reach_m)
        return self._complete[key]


def gather(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame | None,
    coverage: gpd.GeoDataFrame | None,
    rules: tuple[Rule, ...],
    applies: Ints,
    date: Any,
) -> Evidence:
    """Measure all that the rules need.

    Parameters
    ----------
    sites, shorelines, zones, coverage
        EPSG:4490.
    rules
    applies : shape (n_rules, n_sites)
        0 no, 1 maybe, 2 surely.
    date
    """
    drawn = np.asarray(~(sites.geometry.isna() | sites.geometry.is_empty), dtype=bool)
    lines = _none(("line_id", "river", "river_class", "kind")) if shorelines is None else shorelines
    lines = lines.assign(_row=np.arange(len(lines)))
    base = base_lines(lines, date)
    areas = _with_river_ranges(zones, lines)
    measured = [r for r in rules if r.river_scope and r.distance_m is not None]
    reach = _reach(rules, applies, measured, len(sites))
    nearest = _numbered(sites, _nearest(sites, base, measured))
    near_lines = _near_lines(sites, base, nearest, rules, measured, applies)
    look = np.full(len(sites), ZONE_LOOK_M)
    for number, rule in enumerate(rules):
        if rule.zones and rule.distance_m is not None and not rule.river_scope:
            look = np.where(applies[number] > 0, np.maximum(look, rule.distance_m), look)
    pairs = _numbered(sites, overlay_zones(sites, areas, within_m=look))
    pairs["current"] = in_force(pairs, date)
    zone_errors = line_errors(areas.drop(columns="kind"))
    return Evidence(
        sites=sites,
        shorelines=lines,
        base=base,
        zones=areas,
        coverage=coverage,
        date=date,
        drawn=drawn,
        lines=nearest,
        near_lines=near_lines,
        other_lines=_other_lines(sites, lines, base, reach, date),
        zone_pairs=pairs,
        has_lines=len(lines) > 0,
        has_zones=zones is not None and len(zones) > 0,
        zones_current=in_force(areas, date),
        zone_error=np.hypot(site_errors(sites), zone_errors.max(initial=0)),
    )


def _none(columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    empty = {name: pd.Series(dtype=object) for name in columns}
    return gpd.GeoDataFrame(empty, geometry=gpd.GeoSeries([], crs=EXCHANGE_CRS))


def _numbered(sites: gpd.GeoDataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Add the row of the site."""
    row = pd.Index(sites["site_id"]).get_indexer(pd.Index(table["site_id"]))
    return table.assign(site=row.astype(np.int64))


_ZONE_COLUMNS = (
    "zone_id", "kind", "grade", "name", "code", "valid_from", "valid_to", "accuracy_m",
)  # fmt: skip


def _with_river_ranges(zones: gpd.GeoDataFrame | None, lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take the range polygons of the shorelines for zones of the kind ``river_range`` as well."""
    areas = _none(()) if zones is None else zones
    range_rows = (_column(lines, "kind") == "management_range") & _areal(lines)
    ranges = lines[range_rows].rename(columns={"line_id": "zone_id", "river": "name"})
    ranges = ranges.assign(kind="river_range", grade="", code="")
    table = {}
    for name in _ZONE_COLUMNS:
        values = [_plain(t, name) for t in (areas, ranges)]
        table[name] = np.concatenate(values)
    geometry = np.concatenate([areas.geometry.to_numpy(), ranges.geometry.to_numpy()])
    return gpd.GeoDataFrame(table, geometry=geometry, crs=EXCHANGE_CRS)


def _plain(table: pd.DataFrame, name: str) -> Any:
    if name.startswith("valid_"):
        days = pd.to_datetime(table[name]) if name in table else pd.Series(pd.NaT, table.index)
        return days.to_numpy(dtype="datetime64[ns]")
    if name == "accuracy_m":
        none = pd.Series(np.nan, table.index)
        return pd.to_numeric(table.get(name, none), errors="coerce").to_numpy(dtype=float)
    return _column(table, name)


def _areal(table: gpd.GeoDataFrame) -> Bools:
    return np.asarray(table.geom_type.isin(["Polygon", "MultiPolygon"]), dtype=bool)


# ---- lines -----------------------------------------------------------------------------------


def _reach(rules: tuple[Rule, ...], applies: Ints, measured: list[Rule], n: int) -> Floats:
    """The longest limit that applies to each site; NaN where none does."""
    reach = np.full(n, np.nan)
    for number, rule in enumerate(rules):
        if rule in measured:
            reach = np.where(applies[number] > 0, np.fmax(reach, rule.distance_m or 0.0), reach)
    return reach


def _signature(lines: pd.DataFrame, rules: list[Rule]) -> Any:
    """Group lines that every rule treats alike."""
    river, kind = river_names(lines).to_numpy(), _column(lines, "river_class")
    parts = [pd.Series(kind)]
    seen = set()
    for rule in rules:
        key = (rule.river_scope, rule.named_rivers, rule.class_rivers)
        if key not in seen:
            seen.add(key)
            parts.append(pd.Series(match_scope(rule, river, kind)).astype(str))
    return pd.concat(parts, axis=1).agg("|".join, axis=1).to_numpy() if len(lines) else []


def _column(table: pd.DataFrame, name: str) -> Any:
    if name not in table:
        return np.full(len(table), "", dtype=object)
    values = table[name].astype(object)
    return values.where(values.notna(), "").astype(str).str.strip().to_numpy(dtype=object)


def _nearest(sites: gpd.GeoDataFrame, base: gpd.GeoDataFrame, rules: list[Rule]) -> pd.DataFrame:
    grouped = base.assign(_group=_signature(base, rules))
    return shoreline_distance(sites, grouped, by=("_group",))


def _near_lines(
    sites: gpd.GeoDataFrame,
    base: gpd.GeoDataFrame,
    nearest: pd.DataFrame,
    rules: tuple[Rule, ...],
    measured: list[Rule],
    applies: Ints,
) -> pd.DataFrame:
    """Measure to every line where a farther but worse (or better) placed one may decide."""
    radius = np.full(len(sites), np.nan)
    if len(nearest):
        drawn = line_errors(base)
        worst = np.hypot(site_errors(sites), drawn.max())[nearest["site"].to_numpy()]
        uneven = float(np.ptp(drawn)) > 1e-9
        for number, rule in enumerate(rules):
            if rule not in measured or not uneven:
                continue
            limit = float(rule.distance_m or 0.0)
            d, error = nearest["distance_m"].to_numpy(), nearest["error_m"].to_numpy()
            open_ = (d + error >= limit) & (d - worst <= limit)
            open_ &= applies[number][nearest["site"].to_numpy()] > 0
            rows = nearest["site"].to_numpy()[open_]
            radius[rows] = np.fmax(radius[rows], limit + worst[open_])
    rows = base.assign(_row=base["_row"].astype(str))
    return _numbered(sites, shoreline_distance(sites, rows, by=("_row",), within_m=radius))


def _other_lines(
    sites: gpd.GeoDataFrame,
    lines: gpd.GeoDataFrame,
    base: gpd.GeoDataFrame,
    reach: Floats,
    date: Any,
) -> pd.DataFrame:
    """Lines near a limit that do not count: other editions, and lesser kinds that are in force."""
    drawn = np.asarray(~(lines.geometry.isna() | lines.geometry.is_empty), dtype=bool)
    others = lines[~lines["_row"].isin(base["_row"]).to_numpy() & drawn]
    others = others.assign(_row=others["_row"].astype(str))
    found = shoreline_distance(sites, others, by=("_row",), within_m=reach + LAPSED_SHIFT_M)
    found = _numbered(sites, found)
    found["current"] = in_force(found, date)
    future = found["valid_from"] > pd.Timestamp(date)
    found["edition_state"] = np.select([found["current"], future], ["kind", "future"], "expired")
    # a lapsed line with no line in force of its river near it: nothing took its place
    rivers = base.assign(river=river_names(base))
    far = np.full(len(sites), np.nan)
    most = found.groupby("site")["distance_m"].max()
    far[most.index.to_numpy(dtype=int)] = most.to_numpy() + LAPSED_SHIFT_M
    ours = _numbered(sites, shoreline_distance(sites, rivers, by=("river",), within_m=far))
    ours = ours[["site", "river", "distance_m"]].rename(columns={"distance_m": "successor_m"})
    found["river"] = found["river"].where(found["river"] != "", "line " + found["line_id"])
    found = found.merge(ours, on=["site", "river"], how="left")
    gone = found["successor_m"].isna() | (
        found["successor_m"] > found["distance_m"] + LAPSED_SHIFT_M
    )
    found["orphan"] = gone & ~found["current"]
    return found
