"""What would pass: how far back, where else, in which park, and by which exemption."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin.buffers import site_errors
from basin.crs import EXCHANGE_CRS, area_m2, local_metric_crs
from basin.siting._allowed import AllowedArea, allowed_on
from basin.siting._ground import Ground, enter_ground
from basin.siting._lines import LineSensitivity, lines_on
from basin.standards.labels import codes

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

__all__ = ["WaysToPass", "ways_on", "ways_to_pass"]

#: Verdicts that ask what would pass, and findings that stand in the way.
_BARRED = ("prohibited", "borderline")
#: How far around a site another place is looked for, and at how many sites at the most.
SEARCH_M, MOST_SITES = 5_000.0, 10
#: Mixed ground is looked at down to this (metres).
_RESOLUTION_M = 250.0

_SITES = [
    "site_id", "verdict", "setback_m", "bearing_deg", "by_setback", "not_by_setback",
    "left_m2", "left_share", "place_m", "place_bearing_deg", "place_lon", "place_lat",
    "place_verdict", "not_found", "search_m",
]  # fmt: skip
_PARKS = [
    "site_id", "zone_id", "name", "grade", "distance_m", "bearing_deg", "area_m2", "allowed_m2",
    "share",
]  # fmt: skip
_GROUND = ["site_id", "status", "area_m2", "share", "rules", "missing"]
_EXEMPTIONS = [
    "site_id", "rule_id", "verdict", "title_zh", "title_en", "exemption_zh", "exemption_en",
    "proof_zh", "proof_en",
]  # fmt: skip


@dataclass(frozen=True)
class WaysToPass:
    """What would have to change for the sites that are prohibited or on a limit.

    Attributes
    ----------
    sites : DataFrame
        One row a site that is prohibited or borderline, strictest first: ``site_id``, ``verdict``;
        ``setback_m`` (how much farther from the lines in force it must lie at the least, error
        included) and ``bearing_deg`` (away from the line); ``by_setback`` (rules in the way that
        look at a distance to a river) and ``not_by_setback`` (the others: no setback meets them);
        ``left_m2`` and ``left_share`` of a plot where it may be built; the nearest place
        that holds the plot: ``place_m``, ``place_bearing_deg`` from the centre of the site,
        ``place_lon``, ``place_lat``, ``place_verdict`` there; ``not_found`` (code of
        ``place_not_found``, or empty); ``search_m``, how far was looked.
    parks : DataFrame
        One row a site searched and compliant park within `search_m`, by distance: ``site_id``,
        ``zone_id``, ``name``, ``grade``, ``distance_m``, ``bearing_deg``, ``area_m2``,
        ``allowed_m2`` and ``share`` of it that is allowed.
    ground : DataFrame
        What the ground around each site reads: ``site_id``, ``status`` (code of ``area_status``),
        ``area_m2``, ``share``, ``rules`` and ``missing`` layers that make it so.
    exemptions : DataFrame
        One row a site and rule in the way that has an exemption: what it is, and ``proof_zh``,
        ``proof_en``, what a claim has to be shown with.
    most : int
        At how many sites another place was looked for at the most.
    date
    """

    sites: pd.DataFrame
    parks: pd.DataFrame
    ground: pd.DataFrame
    exemptions: pd.DataFrame
    most: int
    date: dt.date


def ways_to_pass(
    result: SitingResult,
    shorelines: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame | None,
    *,
    search_m: float = SEARCH_M,
    most: int = MOST_SITES,
    **options: Any,
) -> WaysToPass:
    """Find what would pass for each site that is prohibited or on a limit.

    Where another place is looked for, every rule of the packs is asked on all ground around the
    site (:func:`find_allowed_area`): seconds a site, so that it is done for the first sites only.

    Parameters
    ----------
    result
        Of :func:`check_sites`, with the layers and options given here.
    shorelines, zones
        As in :func:`check_sites`.
    search_m
        How far around a site to look, in metres.
    most
        At how many sites to look for another place, the strictest first; 0 for none.
    **options
        Those of :func:`check_sites`.

    Raises
    ------
    CrsError, LayerError, RuleError
        As :func:`check_sites` does.
    """
    ground = enter_ground(shorelines, zones, **options)
    lines = lines_on(result.sites.reset_index(), ground, result)
    return ways_on(result, ground, lines, search_m=search_m, most=most)


def ways_on(
    result: SitingResult,
    ground: Ground,
    lines: LineSensitivity,
    *,
    search_m: float = SEARCH_M,
    most: int = MOST_SITES,
) -> WaysToPass:
    """Do the work of :func:`ways_to_pass` on what was entered and measured before."""
    order = {verdict: rank for rank, verdict in enumerate(codes("verdict"))}
    barred = result.sites[result.sites["verdict"].isin(_BARRED)]
    barred = barred.iloc[barred["verdict"].map(order).argsort(kind="stable")]
    in_way = result.findings[result.findings["verdict"].isin(_BARRED)]
    rows, parks, told = [], [], []
    for number, (site_id, site) in enumerate(barred.iterrows()):
        mine = in_way[in_way["site_id"] == site_id]
        row = {"site_id": site_id, "verdict": site["verdict"]} | _setback(site_id, mine, lines)
        place = dict.fromkeys(_SITES[6:13]) | {"search_m": search_m}
        reason = _why_not(site, number, most)
        if not reason:
            area = _around(site, ground, search_m)
            place |= _place(site_id, site, area)
            reason = "" if place["place_m"] is not None else _none_there(area)
            parks.append(area.parks_from(site.geometry).assign(site_id=site_id))
            told.append(_ground_of(area).assign(site_id=site_id))
        rows.append(row | place | {"not_found": reason})
    numbers = {name: float for name in _SITES if name.endswith(("_m", "_m2", "_deg", "_share"))}
    return WaysToPass(
        sites=pd.DataFrame(rows, columns=_SITES).astype(numbers),
        parks=_stacked(parks, _PARKS),
        ground=_stacked(told, _GROUND),
        exemptions=_exemptions(in_way[in_way["site_id"].isin(barred.index)], result),
        most=most,
        date=result.date,
    )


def _stacked(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    some = [part for part in parts if len(part)]
    table = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=columns)
    return table[columns]


def _setback(site_id: Any, in_way: pd.DataFrame, lines: LineSensitivity) -> dict[str, Any]:
    """The farthest of the least setbacks that the rules in the way ask for."""
    table = lines.sites
    mine = table[(table["site_id"] == site_id) & table["rule_id"].isin(in_way["rule_id"])]
    mine = mine[mine["setback_m"] > 0]
    others = [rule for rule in in_way["rule_id"] if rule not in set(mine["rule_id"])]
    row: dict[str, Any] = {
        "setback_m": np.nan, "bearing_deg": np.nan,
        "by_setback": ", ".join(mine["rule_id"]), "not_by_setback": ", ".join(others),
    }  # fmt: skip
    if len(mine):
        most = mine.loc[mine["setback_m"].idxmax()]
        row |= {"setback_m": most["setback_m"], "bearing_deg": most["bearing_deg"]}
    return row


def _why_not(site: Any, number: int, most: int) -> str:
    """Why no other place is looked for; empty if it is."""
    if site.geometry is None or site.geometry.is_empty:
        return "no_geometry"
    if not site["category"] or not site["action"]:
        return "project_unknown"
    return "not_searched" if number >= most else ""


def _around(site: Any, ground: Ground, search_m: float) -> AllowedArea:
    """The verdict of every place around a site, for a project like it."""
    place = gpd.GeoSeries([site.geometry], crs=EXCHANGE_CRS)
    frame = local_metric_crs(place)
    within = place.to_crs(frame).buffer(search_m, quad_segs=16)
    (error,) = site_errors(pd.DataFrame([site]))
    return allowed_on(site["category"], site["action"], within, ground, float(error), _RESOLUTION_M)


def _place(site_id: Any, site: Any, area: AllowedArea) -> dict[str, Any]:
    """The nearest place that holds the site, and what remains of its plot."""
    row: dict[str, Any] = {}
    plot = float(area_m2(np.array([site.geometry], dtype=object))[0])
    if plot > 0:
        left = shapely.intersection(site.geometry, area.allowed)
        held = float(area_m2(np.array([left], dtype=object))[0])
        row = {"left_m2": held, "left_share": min(held / plot, 1.0)}
    alone = gpd.GeoDataFrame({"site_id": [site_id]}, geometry=[site.geometry], crs=EXCHANGE_CRS)
    (found,) = area.nearest(alone).to_dict("records")
    # a place that is no better as the whole plot is no way out
    if np.isfinite(found["distance_m"]) and found["verdict"] not in (*_BARRED, "undetermined"):
        row |= {
            "place_m": found["distance_m"], "place_bearing_deg": found["bearing_deg"],
            "place_lon": found["lon"], "place_lat": found["lat"],
            "place_verdict": found["verdict"],
        }  # fmt: skip
    return row


def _none_there(area: AllowedArea) -> str:
    """Why no place was found: layers are missing, none is allowed, or none holds the plot."""
    if not shapely.is_empty(area.allowed):
        return "too_small"
    return "layers_missing" if (area.areas["status"] == "unchecked").any() else "none_allowed"


def _ground_of(area: AllowedArea) -> pd.DataFrame:
    """Sum the ground by status and reason."""
    keys = ["status", "rules", "missing"]
    table: pd.DataFrame = area.areas.groupby(keys, sort=False)["area_m2"].sum().reset_index()
    table["share"] = table["area_m2"] / table["area_m2"].sum()
    return table


def _exemptions(in_way: pd.DataFrame, result: SitingResult) -> pd.DataFrame:
    rules = {rule.id: rule for rule in result.rules}
    some = in_way[in_way["exemption_zh"].fillna("") != ""]
    mine = [rules[rule] for rule in some["rule_id"]]
    table = some.assign(
        proof_zh=[rule.evidence_zh for rule in mine], proof_en=[rule.evidence_en for rule in mine]
    )
    return table.reindex(columns=_EXEMPTIONS).reset_index(drop=True)
