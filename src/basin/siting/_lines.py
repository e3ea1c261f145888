"""Line sensitivity: what each site would read under every edition and kind of line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.buffers import bank_sides, base_lines, in_force, river_names, shoreline_distance
from basin.crs import EXCHANGE_CRS, GEOD, from_web_map
from basin.errors import BasinError
from basin.siting._check import VERDICTS, applicability, check_on, project_codes, rank_of
from basin.siting._conditions import IN, NEAR, OUT, line_level
from basin.siting._evidence import match_scope, version_text
from basin.siting._ground import Ground, enter_ground, enter_sites, read_tributaries
from basin.siting._words import explain_lines
from basin.standards.rules import Rule

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

__all__ = ["LineSensitivity", "line_sensitivity", "lines_on"]

#: Lines farther than this beyond a limit are not listed, but for those as near as the nearest
#: (metres).
_BEYOND_M = 2_000.0
_SAME_PLACE_M = 500.0
_RANK = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
#: How a line stands: it counts; of a lesser kind; no longer in force; not yet in force.
_STANDINGS = ("counts", "lesser_kind", "earlier", "later")


@dataclass(frozen=True)
class LineSensitivity:
    """How far each verdict hangs on the line that was measured to.

    Attributes
    ----------
    sites : DataFrame
        One row a site and distance rule: ``site_id``, ``rule_id``, ``verdict`` (the finding) and
        ``verdict_computed`` (other than it where a person decided otherwise);
        ``distance_m`` to the nearest line that counts, ``error_m``, ``limit_m``; ``shift_m`` (the
        smallest shift of the site or the line that brings the distance to the limit) and
        ``bearing_deg`` (from the line to the site: away from it); ``setback_m`` (how much farther
        away it must lie at the least, error included; 0 if it passes) and ``setback_all_m`` (the
        same under every edition and kind); ``strictest`` and ``mildest`` verdict of the lines;
        ``flag`` (code of ``line_flag``: ``newer_line`` is the red flag, it passes only under the
        newer, narrower line; ``later_line``, ``better_kind``, or empty); and the counter-reading
        if the coordinates were GCJ-02: ``gcj02_distance_m``, ``gcj02_verdict``,
        ``gcj02_changes`` (against what was computed here).
    lines : GeoDataFrame
        EPSG:4490, one row a site, distance rule, river, kind and edition: ``line_id`` (the nearest
        of them), ``standing`` (``counts``, ``lesser_kind``, ``earlier``, ``later``),
        ``distance_m``, ``inside_m``, ``error_m``, ``limit_m``, ``margin_m``, ``verdict`` (under
        this line alone), ``changes`` (in or out otherwise than by the lines that count); the
        geometry runs from the site to the nearest point of the line.
    date
    left_out : DataFrame
        Rules on rivers that concern a site and do not hang on a distance to a line alone:
        ``rule_id``, ``why`` (code of ``line_left_out``), ``n_sites``.
    """

    sites: pd.DataFrame
    lines: gpd.GeoDataFrame
    date: dt.date
    left_out: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the table of sites and rules (a copy)."""
        return self.sites.copy()

    def explain(self, site_id: Any = None, lang: str = "zh") -> str:
        """Tell for one site, or for all, what hangs on the line.

        Raises
        ------
        BasinError
            If `site_id` is not among the sites.
        """
        if site_id is not None and str(site_id) not in set(self.sites["site_id"]):
            raise BasinError(
                "no distance rule concerns this site",
                ids=[str(site_id)],
                mend="Use an id of `.sites`.",
                zh="没有距离规则适用于该项目",
                mend_zh="用 `.sites` 里的编号",
            )
        return explain_lines(self, None if site_id is None else str(site_id), lang)


def line_sensitivity(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame | None = None,
    *,
    overrides: Any = None,
    **options: Any,
) -> LineSensitivity:
    """Measure each site to every edition and kind of line, and read its distance rules under each.

    Rules that ask for a zone (a crossing outside the crossing plan, a site within the range of a
    river) are left out, and listed as such: their verdict does not hang on the distance alone.

    Parameters
    ----------
    sites, shorelines, zones
        As in :func:`basin.siting.check_sites`.
    overrides
        Decisions of people (:meth:`SitingResult.with_overrides`): they stand in ``verdict``, and
        what each line would read stays as computed.
    **options
        Those of :func:`basin.siting.check_sites`.

    Returns
    -------
    LineSensitivity

    Raises
    ------
    CrsError, LayerError, RuleError
        As :func:`basin.siting.check_sites` does.
    """
    ground, places = enter_ground(shorelines, zones, **options), enter_sites(sites)
    result = check_on(places, ground)
    return lines_on(
        places, ground, result if overrides is None else result.with_overrides(overrides)
    )


def lines_on(sites: gpd.GeoDataFrame, ground: Ground, result: SitingResult) -> LineSensitivity:
    """Do the work of :func:`line_sensitivity` for what was entered and checked before."""
    places = enter_sites(sites)
    rules = tuple(r for r in ground.rules if _why_not(r) == "")
    projects = project_codes(places)
    applies, soft, _ = applicability(rules, projects)
    table = _read(_measured(places, ground, rules, applies), places, rules, applies, soft)
    shifted = check_on(_as_if_gcj02(places), ground)
    return LineSensitivity(
        _by_rule(table, result, shifted, rules),
        _with_geometry(table),
        ground.date,
        _left_out(ground.rules, projects),
    )


def _why_not(rule: Rule) -> str | None:
    """Why a rule on rivers is no rule of distance to a line; nothing if it is; None for others."""
    if not rule.river_scope:
        ranges = any(kind == "river_range" for kind, _ in (*rule.zones, *rule.outside))
        return "by_range" if ranges else None
    if rule.zones or rule.outside:
        return "zone_too"
    return "no_distance" if rule.distance_m is None else ""


def _left_out(rules: tuple[Rule, ...], projects: pd.DataFrame) -> pd.DataFrame:
    others = tuple(rule for rule in rules if _why_not(rule))
    counts = (applicability(others, projects)[0] > 0).sum(axis=1)
    rows = [(r.id, _why_not(r), int(n)) for r, n in zip(others, counts, strict=True) if n]
    return pd.DataFrame(rows, columns=["rule_id", "why", "n_sites"])


def _measured(
    places: gpd.GeoDataFrame, ground: Ground, rules: tuple[Rule, ...], applies: Any
) -> pd.DataFrame:
    """Nearest line of each river, kind and edition, as far as the rules of the site look."""
    lines = ground.shorelines
    if lines is None or not len(lines) or not len(places) or not rules:
        return pd.DataFrame(columns=_FOUND)
    lines = lines.assign(_row=np.arange(len(lines)), _river=river_names(lines))
    for name in ("valid_from", "valid_to"):
        lines[name] = pd.to_datetime(lines[name]) if name in lines else pd.NaT
    lines["_edition"] = version_text(lines)
    lines["_standing"] = _standing(lines, ground)
    lines["_read"] = read_tributaries(lines, ground.tributaries)
    reach = np.full(len(places), np.nan)
    for number, rule in enumerate(rules):
        reach = np.where(applies[number] > 0, np.fmax(reach, rule.distance_m or 0.0), reach)
    nearest = shoreline_distance(places, lines.assign(_all=""), by=("_all",))
    far = pd.Series(nearest["distance_m"].to_numpy(), index=nearest["site_id"])
    place = far.reindex(places["site_id"]).to_numpy(dtype=float) + _SAME_PLACE_M
    within = np.where(np.isnan(reach), np.nan, np.fmax(reach + _BEYOND_M, place))
    sides = bank_sides(places, lines, ground.rivers)
    by = ("_river", "kind", "_edition", "_standing", "_read")
    found = shoreline_distance(places, lines, by=by, within_m=within, sides=sides)
    found["site"] = pd.Index(places["site_id"]).get_indexer(pd.Index(found["site_id"]))
    beside = sides.loc[sides["side"] == "unknown", ["site", "river", "kind"]].drop_duplicates()
    found = found.merge(beside.assign(no_inside=True), on=["site", "river", "kind"], how="left")
    found["no_inside"] = found["no_inside"].eq(True)
    return found


def _standing(lines: gpd.GeoDataFrame, ground: Ground) -> Any:
    day = pd.Timestamp(ground.date)
    later = (lines["valid_from"] > day).to_numpy()
    counts = lines["_row"].isin(base_lines(lines, day)["_row"]).to_numpy()
    choice = [counts, in_force(lines, day), later]
    return np.select(choice, ["counts", "lesser_kind", "later"], "earlier")


def _read(
    found: pd.DataFrame, places: gpd.GeoDataFrame, rules: tuple[Rule, ...], applies: Any, soft: Any
) -> pd.DataFrame:
    """Read every rule under every line alone."""
    parts = []
    for number, rule in enumerate(rules if len(found) else ()):
        limit = float(rule.distance_m or 0.0)
        names = (found[c].to_numpy() for c in ("river", "river_class", "_read"))
        match = match_scope(rule, *names)
        some = found[(match > 0) & (applies[number][found["site"].to_numpy()] > 0)]
        doubtful = match[some.index.to_numpy()] == 1
        d, inside, error = (some[c].to_numpy(float) for c in ("distance_m", "inside_m", "error_m"))
        level = line_level(d, inside, error, limit)
        met, near = rank_of(rule, soft[number][some["site"].to_numpy()])
        met, near = (np.where(doubtful, _RANK["manual"], rank) for rank in (met, near))
        rank = np.select([level == IN, level == NEAR], [met, near], _RANK["clear"])
        rank = np.where((level == OUT) & some["no_inside"], _RANK["unchecked"], rank)
        parts.append(
            some.assign(rule_id=rule.id, limit_m=limit, level=level, rank=rank, margin_m=limit - d)
        )
    columns = [*found.columns, "rule_id", "limit_m", "level", "rank", "margin_m"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    order = [rule.id for rule in rules]
    table["_rule"] = pd.Categorical(table["rule_id"], categories=order, ordered=True)
    keys = ["site", "_rule", "distance_m", "line_id", "_edition"]
    table = table.sort_values(keys, kind="stable", ignore_index=True) if len(table) else table
    table["verdict"] = [VERDICTS[int(rank)] for rank in table.get("rank", ())]
    key = [table["site_id"], table["rule_id"]]
    counting = table["level"].where(table["_standing"] == "counts", OUT)
    table["changes"] = table["level"] != counting.groupby(key, sort=False).transform("max")
    return table


def _by_rule(
    table: pd.DataFrame, result: SitingResult, shifted: SitingResult, rules: tuple[Rule, ...]
) -> pd.DataFrame:
    """One row a site and rule."""
    ids = {rule.id for rule in rules}
    wanted = ["site_id", "rule_id", "verdict", "verdict_computed", "distance_m", "error_m",
              "limit_m"]  # fmt: skip
    own = result.findings[result.findings["rule_id"].isin(ids)][wanted].reset_index(drop=True)
    other = shifted.findings.set_index(["site_id", "rule_id"])
    there = other.reindex(pd.MultiIndex.from_frame(own[["site_id", "rule_id"]]))
    own = own.merge(_numbers(table), on=["site_id", "rule_id"], how="left", suffixes=("_far", ""))
    for name in ("distance_m", "error_m"):  # beyond what was looked at, as the finding tells
        own[name] = own[name].fillna(own[f"{name}_far"])
    own["shift_m"] = own["shift_m"].fillna((own["limit_m"] - own["distance_m"]).abs())
    own["flag"] = own["flag"].fillna("")
    beyond = own["distance_m"] > own["limit_m"] + _BEYOND_M  # it passes under every line
    for name in ("setback_m", "setback_all_m"):
        own[name] = own[name].astype(float).where(own[name].notna() | ~beyond, 0.0)
    for name in ("strictest", "mildest"):
        own[name] = own[name].fillna(own["verdict_computed"])
    own["gcj02_distance_m"] = there["distance_m"].to_numpy(dtype=float)
    own["gcj02_verdict"] = there["verdict"].to_numpy()
    own["gcj02_changes"] = own["gcj02_verdict"] != own["verdict_computed"]
    return own[_COLUMNS]


_FOUND = [
    "site", "site_id", "_river", "kind", "_edition", "_standing", "_read", "line_id", "river",
    "river_class", "issuer", "valid_from", "valid_to", "distance_m", "inside_m", "site_lon",
    "site_lat", "line_lon", "line_lat", "error_m", "no_inside",
]  # fmt: skip
_COLUMNS = [
    "site_id", "rule_id", "verdict", "verdict_computed", "distance_m", "error_m", "limit_m",
    "shift_m", "bearing_deg",
    "setback_m", "setback_all_m", "strictest", "mildest", "flag", "gcj02_distance_m",
    "gcj02_verdict", "gcj02_changes",
]  # fmt: skip


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Shift, setback and flag of each site and rule, from the lines."""
    names = ["site_id", "rule_id", "distance_m", "error_m", "shift_m", "bearing_deg", "setback_m",
             "setback_all_m", "strictest", "mildest", "flag"]  # fmt: skip
    if not len(table):
        return pd.DataFrame(columns=names)
    outward = np.where(table["distance_m"] > 0, table["distance_m"], -table["inside_m"].fillna(0.0))
    table = table.assign(outward_m=outward)
    table["to_pass_m"] = (table["limit_m"] + table["error_m"] - table["outward_m"]).clip(lower=0)
    table["to_flip_m"] = (table["limit_m"] - table["outward_m"]).abs()
    ends = table[["line_lon", "line_lat", "site_lon", "site_lat"]].to_numpy(dtype=float)
    azimuth, _, _ = GEOD.inv(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])
    # inside, the nearest edge lies on the way out
    table["bearing_deg"] = np.where(table["distance_m"] > 0, azimuth, azimuth + 180.0) % 360.0
    keys = ["site_id", "rule_id"]
    counts = table[table["_standing"] == "counts"]
    nearest = counts.sort_values([*keys, "outward_m", "line_id"]).drop_duplicates(keys)
    rows = nearest.set_index(keys)[["distance_m", "error_m", "to_flip_m", "bearing_deg"]]
    rows = rows.rename(columns={"to_flip_m": "shift_m"})
    every = table.groupby(keys, sort=False)
    rows = rows.reindex(every.size().index)
    rows["setback_m"] = counts.groupby(keys)["to_pass_m"].max()
    rows["setback_all_m"] = every["to_pass_m"].max()
    rows["strictest"] = every["rank"].min().map(lambda r: VERDICTS[int(r)])
    rows["mildest"] = every["rank"].max().map(lambda r: VERDICTS[int(r)])
    rows["flag"] = ""
    passes = counts.groupby(keys)["level"].max().reindex(rows.index) == OUT
    # the gravest last, so that it stands
    for standing, flag in (("lesser_kind", "better_kind"), ("later", "later_line"),
                           ("earlier", "newer_line")):  # fmt: skip
        met = table[(table["_standing"] == standing) & (table["level"] > OUT)]
        hit = rows.index.isin(pd.MultiIndex.from_frame(met[keys]))
        rows.loc[hit & passes.to_numpy(), "flag"] = flag
    return rows.reset_index()[names]


def _with_geometry(table: pd.DataFrame) -> gpd.GeoDataFrame:
    names = {
        "site_id": "site_id", "rule_id": "rule_id", "line_id": "line_id", "river": "river",
        "river_class": "river_class", "kind": "kind", "_edition": "edition", "issuer": "issuer",
        "valid_from": "valid_from", "valid_to": "valid_to", "_standing": "standing",
        "distance_m": "distance_m", "inside_m": "inside_m", "error_m": "error_m",
        "limit_m": "limit_m", "margin_m": "margin_m", "verdict": "verdict", "changes": "changes",
    }  # fmt: skip
    ends = ["site_lon", "site_lat", "line_lon", "line_lat"]
    table = table.reindex(columns=[*names, *ends])
    xy = table[ends].to_numpy(dtype=float).reshape(-1, 2, 2)
    drawn = np.array([shapely.LineString(ends) for ends in xy], dtype=object)
    shapes = gpd.GeoSeries(drawn, crs=EXCHANGE_CRS)
    return gpd.GeoDataFrame(table[[*names]].rename(columns=names), geometry=shapes)


def _as_if_gcj02(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Where the sites lie if their coordinates were those of a Chinese web map."""

    def undone(xy: Any) -> Any:
        return np.column_stack(from_web_map(xy[:, 0], xy[:, 1], "gcj02")) if len(xy) else xy

    shapes = shapely.transform(places.geometry.to_numpy(), undone)
    moved: gpd.GeoDataFrame = places.set_geometry(
        gpd.GeoSeries(shapes, index=places.index, crs=EXCHANGE_CRS)
    )
    return moved
