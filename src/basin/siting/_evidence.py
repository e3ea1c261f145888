"""What is measured once for all rules: distances to lines, zones touched, what is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._banks import unsure_m
from basin._measure import valid_shapes
from basin.buffers import (
    bank_sides,
    base_lines,
    in_force,
    line_errors,
    plain_text,
    river_names,
    shoreline_distance,
    site_errors,
)
from basin.crs import EXCHANGE_CRS
from basin.siting._ground import Ground, read_tributaries
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
_COLLECTION = 7


def _scope_of(rule: Rule, river: str, river_class: str) -> int:
    """Whether a river is in the scope of a rule: 0 no, 1 maybe, 2 surely.

    A name decides over a class: 长江 is main stem whatever the layer says. A river whose class is
    not known may be of any.
    """
    named = next((c for c, names in rule.class_rivers if names and river.startswith(names)), "")
    of = named or river_class
    known = of in codes("river_class")
    if {"main_stem", "tributary"} <= set(rule.river_scope):
        return _SURE  # every river
    match = _NO
    for word in rule.river_scope:
        if word.startswith("named:"):
            if river.startswith(rule.named_rivers):
                return _SURE
            held = any(name in river for name in rule.named_rivers)  # 小乌江?
            if held or (not river and of != "tributary"):
                match = _MAYBE  # a person decides
        elif of == word or (word == "tributary" and known and of != "main_stem"):
            return _SURE
        elif not known:
            match = _MAYBE
    return match


def match_scope(rule: Rule, river: Any, river_class: Any, read: Any = None) -> Ints:
    """Tell for each line whether its river is in the scope of a rule: 0 no, 1 maybe, 2 surely.

    `read` tells which lines the chosen reading of "tributary" counts: where the law is disputed,
    those of a lesser class that it does not are "maybe".
    """
    number, pairs = _pairs_of(river, river_class)
    match = _scope_of_pairs(rule, number, pairs)
    return match if read is None else _narrowed(rule, match, number, pairs, read)


def _pairs_of(river: Any, river_class: Any) -> tuple[Ints, list[tuple[str, str]]]:
    """Number the pairs of river and class, and list the pairs."""
    (name, names), (of, classes) = pd.factorize(river), pd.factorize(river_class)
    number, keys = pd.factorize(name * max(len(classes), 1) + of)
    pairs = [divmod(key, max(len(classes), 1)) for key in keys.tolist()]
    return number.astype(np.int64), [(str(names[a]), str(classes[b])) for a, b in pairs]


def _scope_of_pairs(rule: Rule, number: Ints, pairs: list[tuple[str, str]]) -> Ints:
    told = np.array([_scope_of(rule, name, of) for name, of in pairs], dtype=np.int64)
    return np.asarray(told[number], dtype=np.int64)


def _narrowed(
    rule: Rule, match: Ints, number: Ints, pairs: list[tuple[str, str]], read: Any
) -> Ints:
    """Turn to "maybe" the lesser tributaries that the chosen reading leaves out."""
    if not rule.scope_disputed or not len(match):
        return match
    great = np.array([is_great(rule, name, of) for name, of in pairs])[number]
    left_out = (match == _SURE) & ~great & (np.asarray(read).astype(str) != "True")
    return np.where(left_out, _MAYBE, match)


def is_great(rule: Rule, river: str, river_class: str) -> bool:
    """Whether a river is main stem or important tributary, by name or by class."""
    named = any(names and river.startswith(names) for _, names in rule.class_rivers)
    return named or river_class in ("main_stem", "important_tributary")


class Rows(dict[str, Any]):
    """Columns of plain arrays: rows of one length, taken together, at little cost."""

    #: the rivers of the rows with their classes, numbered by the column ``pair``
    pairs: list[tuple[str, str]]

    @classmethod
    def of(cls, table: pd.DataFrame, columns: tuple[str, ...]) -> Rows:
        """Take columns of a table, text as objects, with the edition in words as ``version``."""
        rows = cls({name: table[name].to_numpy() for name in columns})
        for name, values in rows.items():
            if not isinstance(values, np.ndarray) or values.dtype.kind in "UT":
                rows[name] = np.asarray(values, dtype=object)
        rows["version"] = version_text(table)
        if "river_class" in rows:
            rows["pair"], rows.pairs = _pairs_of(rows["river"], rows["river_class"])
        return rows

    def scope(self, rule: Rule) -> tuple[Ints, Ints]:
        """Tell for each row whether its river is in the scope of a rule (:func:`match_scope`).

        By the reading of "tributary" that was chosen, and by the letter.
        """
        letter = _scope_of_pairs(rule, self["pair"], self.pairs)
        return _narrowed(rule, letter, self["pair"], self.pairs, self["_read"]), letter

    @property
    def n(self) -> int:
        """How many rows."""
        return len(self["site"])

    def take(self, index: Any) -> Rows:
        """Keep these rows."""
        return Rows({name: values[index] for name, values in self.items()})

    def first(self) -> Rows:
        """Keep the first row of each site; the rows must be sorted by site."""
        site = self["site"]
        return self.take(np.flatnonzero(np.r_[True, site[1:] != site[:-1]][: len(site)]))


def version_text(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Write the edition of features: ``2023-07-01–``, or nothing where no date is given."""
    since, until = (_day_text(rows[name]) for name in ("valid_from", "valid_to"))
    both = since + "–" + until
    return np.where(both == "–", "", both)


def _day_text(days: Any) -> Any:
    number, unique = pd.factorize(days)
    told = np.array([*(str(day)[:10] for day in unique), ""], dtype=object)
    return told[number]  # -1, no day, is the last


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
    line_rows
        The same, and every line in force near a limit for the sites where the nearest one does not
        settle it.
    other_lines, other_rows
        Lines that do not count on the date, near a limit; ``orphan`` tells that no line in force of
        their river lies near them.
    unsure_rows
        Sites that may be in a river which is drawn by lines alone, each with ``river``,
        ``river_class``; ``middle`` tells that only a centre line without a width is drawn.
    line_ranges
        Sites in, or perhaps in, a management range that is drawn by lines alone.
    zone_rows
        The columns of `overlay_zones`, with ``site`` (row) and ``current``.
    has_lines, has_zones
        Whether the layers hold anything.
    lost_lines, lost_kinds
        Lines in force, and kinds of zones in force, of which a feature has no geometry, or one that
        does not say what is inside: a point or a line for a zone, a ring for a range.
    bare
        Land around rivers without a shoreline: neither shorelines nor ranges are complete there.
    rivers_whole
        Whether all rivers are drawn: else none can be known to have its shorelines.
    zones_current, zone_error
        Which zones are in force; the largest error of each site with any zone (metres).
    """

    sites: gpd.GeoDataFrame
    shorelines: gpd.GeoDataFrame
    base: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    coverage: gpd.GeoDataFrame | None
    bare: gpd.GeoDataFrame | None
    rivers_whole: bool
    date: Any
    drawn: Bools
    lines: pd.DataFrame
    line_rows: Rows
    other_lines: pd.DataFrame
    other_rows: Rows
    unsure_rows: Rows
    line_ranges: Ints
    zone_rows: Rows
    has_lines: bool
    lost_lines: gpd.GeoDataFrame
    has_zones: bool
    lost_kinds: frozenset[str]
    zones_current: Bools
    zone_error: Floats
    _areas: dict[str, Any] = field(default_factory=dict, repr=False)
    _complete: dict[Any, Bools] = field(default_factory=dict, repr=False)

    def known_area(self, kind: str) -> Any:
        """Where a layer is known to be complete; empty without a coverage."""
        if self.coverage is None:
            return shapely.Polygon()
        if kind not in self._areas:
            held = bool((plain_text(self.zones, "kind") == kind).any())
            area = coverage_area(self.coverage, kind, self.date, held=held)
            self._areas[kind] = area.difference(self._bare_ground(kind))
        return self._areas[kind]

    def complete(self, kind: str, reach_m: Floats) -> Bools:
        """Tell whether a layer is known to be complete within `reach_m` of each site."""
        area = self.known_area(kind)
        # many kinds share one outline: ask once for each outline and reach
        key = (shapely.to_wkb(area), reach_m.tobytes())
        if key not in self._complete:
            self._complete[key] = known_inside(self.sites, area, reach_m)
        return self._complete[key]

    def _bare_ground(self, kind: str) -> Any:
        """Where a river is drawn, and neither its shoreline nor, for ranges, its range is."""
        if self.bare is None or self.bare.empty or kind not in ("shorelines", "river_range"):
            return shapely.Polygon()
        discs = self.bare.geometry.to_numpy()
        if kind == "river_range":
            ranges = self.zones.geometry[plain_text(self.zones, "kind") == kind].to_numpy()
            ranged, _ = shapely.STRtree(valid_shapes(ranges)).query(discs, predicate="intersects")
            discs = np.delete(discs, np.unique(ranged))
        return shapely.union_all(discs)


def gather(sites: gpd.GeoDataFrame, ground: Ground, applies: Ints) -> Evidence:
    """Measure all that the rules need.

    Parameters
    ----------
    sites
        EPSG:4490, numbered from 0.
    ground
    applies : shape (n_rules, n_sites)
        0 no, 1 maybe, 2 surely.
    """
    rules, date = ground.rules, pd.Timestamp(ground.date)
    shorelines, zones = ground.shorelines, ground.zones
    lines = _none(("line_id", "river", "river_class", "kind")) if shorelines is None else shorelines
    read = read_tributaries(lines, ground.tributaries)
    lines, astray = _with_lines_only(lines.assign(_row=np.arange(len(lines)), _read=read))
    base = base_lines(lines, date)
    areas, formless = _with_areas_only(_with_river_ranges(zones, lines))
    measured = [r for r in rules if r.river_scope and r.distance_m is not None]
    reach = _reach(rules, applies, measured, len(sites))
    sides = bank_sides(sites, base, ground.rivers)
    nearest = _numbered(sites, _nearest(sites, base, measured, sides))
    near_lines = _near_lines(sites, base, nearest, rules, measured, applies, sides)
    zone_error = np.hypot(
        site_errors(sites), line_errors(areas.drop(columns="kind")).max(initial=0)
    )
    look = np.full(len(sites), ZONE_LOOK_M)
    for number, rule in enumerate(rules):
        if rule.zones and rule.distance_m is not None and not rule.river_scope:
            far = rule.distance_m + np.maximum(zone_error, ZONE_LOOK_M)
            look = np.where(applies[number] > 0, np.maximum(look, far), look)
    pairs = _numbered(sites, overlay_zones(sites, areas, within_m=look))
    pairs["current"] = in_force(pairs, date)
    others = _other_lines(sites, lines, base, reach, date)
    current = in_force(areas, date)
    return Evidence(
        sites=sites,
        shorelines=lines,
        base=base,
        zones=areas,
        coverage=ground.coverage,
        bare=ground.bare,
        rivers_whole=ground.rivers_whole,
        date=date,
        drawn=_drawn(sites),
        lines=nearest,
        line_rows=Rows.of(_joined([nearest, near_lines]), _LINE_COLUMNS),
        other_lines=others,
        other_rows=Rows.of(_joined([others]), (*_LINE_COLUMNS, "current", "orphan")),
        unsure_rows=_unsure_rows(sites, base, sides),
        line_ranges=sides.loc[sides["kind"] == "management_range", "site"].to_numpy(dtype=np.int64),
        zone_rows=Rows.of(pairs, _PAIR_COLUMNS),
        has_lines=len(lines) > 0,
        lost_lines=lines[in_force(lines, date) & astray],
        has_zones=zones is not None and len(zones) > 0,
        lost_kinds=frozenset(areas["kind"][current & formless]),
        zones_current=current,
        zone_error=zone_error,
    )


_LINE_COLUMNS = (
    "site", "line_id", "river", "river_class", "distance_m", "inside_m", "error_m", "indicative",
    "between", "low_order", "_read",
)  # fmt: skip
_PAIR_COLUMNS = (
    "site", "zone_id", "zone_row", "kind", "grade", "distance_m", "error_m", "overlap_m2", "share",
    "sliver", "current",
)  # fmt: skip


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Join tables, with ``low_order``: of neither main stem nor important tributary."""
    filled = [table for table in tables if len(table)] or tables[:1]
    table = pd.concat(filled, ignore_index=True)
    return table.assign(low_order=~table["river_class"].isin(["main_stem", "important_tributary"]))


def _drawn(table: gpd.GeoDataFrame) -> Bools:
    return np.asarray(~(table.geometry.isna() | table.geometry.is_empty), dtype=bool)


def _with_areas_only(zones: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, Bools]:
    """Keep the polygons of zones, and tell the zones that are not polygons throughout."""
    shapes = valid_shapes(zones.geometry.to_numpy())
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == _COLLECTION)
    areal = np.isin(shapely.get_type_id(shapes), [3, 6]) & ~shapely.is_empty(shapes)
    kept = shapes.copy()
    kept[~areal] = None
    for row in mixed:
        parts = shapely.get_parts(shapes[row])
        parts = parts[shapely.get_dimensions(parts) == 2]
        kept[row] = shapely.union_all(parts) if len(parts) else None
    return zones.set_geometry(gpd.GeoSeries(kept, index=zones.index, crs=zones.crs)), ~areal


def _with_lines_only(lines: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, Bools]:
    """Drop the points of shorelines, and tell the lines that are lost.

    A ring that stands for an area (a range, a water face) is measured to, but counts as lost: a
    site inside it, far from the ring, would read as far from the water.
    """
    shapes = np.asarray(lines.geometry.array, dtype=object)
    drawn = (shapely.get_dimensions(shapes) >= 1) & ~shapely.is_empty(shapes)
    kept = shapes.copy()
    kept[~drawn] = None
    areas = np.isin(plain_text(lines, "kind"), ["management_range", "water_polygon"])
    linear = areas & (shapely.get_dimensions(shapes) == 1)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings = np.zeros(len(lines), dtype=bool)
    rings[owner[shapely.is_closed(parts)]] = True
    series = gpd.GeoSeries(kept, index=lines.index, crs=lines.crs)
    return lines.set_geometry(series), ~drawn | (linear & rings)


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
    range_rows = (plain_text(lines, "kind") == "management_range") & _areal(lines)
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
    return plain_text(table, name)


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
    river, kind = plain_text(lines, "river"), plain_text(lines, "river_class")
    parts = [pd.Series(kind)]
    seen = set()
    for rule in rules:
        key = (rule.river_scope, rule.named_rivers, rule.class_rivers)
        if key not in seen:
            seen.add(key)
            parts.append(pd.Series(match_scope(rule, river, kind)).astype(str))
    parts.append(lines["_read"].astype(str).reset_index(drop=True))
    return pd.concat(parts, axis=1).agg("|".join, axis=1).to_numpy() if len(lines) else []


def _nearest(
    sites: gpd.GeoDataFrame, base: gpd.GeoDataFrame, rules: list[Rule], sides: pd.DataFrame
) -> pd.DataFrame:
    grouped = base.assign(_group=_signature(base, rules))
    return shoreline_distance(sites, grouped, by=("_group", "_read"), sides=sides)


def _unsure_rows(sites: gpd.GeoDataFrame, base: gpd.GeoDataFrame, sides: pd.DataFrame) -> Rows:
    """Sites that may be in a river: beside lone bank lines, or a middle line without a width."""
    columns = ["site", "river", "river_class"]
    beside = sides.loc[sides["side"] == "unknown", columns].assign(middle=False)
    width = pd.to_numeric(base.get("width_m", pd.Series(np.nan, base.index)), errors="coerce")
    bare = base[(plain_text(base, "kind") == "centreline") & ~(width > 0).to_numpy()]
    reach = unsure_m(plain_text(bare, "river_class")).max(initial=0.0) / 2
    some = sites if len(bare) else sites.iloc[:0]
    near = shoreline_distance(some, bare, by=("river", "river_class"), within_m=reach)
    near = _numbered(sites, near[near["distance_m"] <= unsure_m(near["river_class"]) / 2])
    table = pd.concat([beside, near[columns].assign(middle=True)], ignore_index=True)
    unsure = Rows({name: table[name].to_numpy(dtype=object) for name in columns})
    unsure["site"] = unsure["site"].astype(np.int64)
    unsure["middle"] = table["middle"].to_numpy(dtype=bool)
    return unsure


def _near_lines(
    sites: gpd.GeoDataFrame,
    base: gpd.GeoDataFrame,
    nearest: pd.DataFrame,
    rules: tuple[Rule, ...],
    measured: list[Rule],
    applies: Ints,
    sides: pd.DataFrame,
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
    if np.isnan(radius).all():
        return nearest.iloc[:0]
    rows = base.assign(_row=base["_row"].astype(str))
    near = shoreline_distance(sites, rows, by=("_row", "_read"), within_m=radius, sides=sides)
    return _numbered(sites, near)


def _other_lines(
    sites: gpd.GeoDataFrame,
    lines: gpd.GeoDataFrame,
    base: gpd.GeoDataFrame,
    reach: Floats,
    date: Any,
) -> pd.DataFrame:
    """Lines near a limit that do not count: other editions, and lesser kinds that are in force."""
    others = lines[~lines["_row"].isin(base["_row"]).to_numpy() & _drawn(lines)]
    others = others.assign(_row=others["_row"].astype(str), _river=river_names(others))
    found = shoreline_distance(
        sites, others, by=("_row", "_river", "_read"), within_m=reach + LAPSED_SHIFT_M
    )
    found = _numbered(sites, found)
    found["current"] = in_force(found, date)
    if not len(found):
        return found.assign(orphan=False)
    # a lapsed line with no line in force of its river near it: nothing took its place
    rivers = base.assign(_river=river_names(base))
    far = np.full(len(sites), np.nan)
    most = found.groupby("site")["distance_m"].max()
    far[most.index.to_numpy(dtype=int)] = most.to_numpy() + LAPSED_SHIFT_M
    ours = _numbered(sites, shoreline_distance(sites, rivers, by=("_river",), within_m=far))
    ours = ours[["site", "_river", "distance_m"]].rename(columns={"distance_m": "successor_m"})
    found = found.merge(ours, on=["site", "_river"], how="left")
    beyond = found["successor_m"] > found["distance_m"] + LAPSED_SHIFT_M
    found["orphan"] = (found["successor_m"].isna() | beyond) & ~found["current"]
    return found
