"""Zones around sites, kind by kind, and what the lists of their control units ask."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin.buffers import in_force, plain_text
from basin.siting._check import applicability, check_on, project_codes
from basin.siting._evidence import Evidence, gather, version_text
from basin.siting._ground import Ground, enter_ground, enter_sites
from basin.standards.labels import codes, label
from basin.standards.rules import Rule, category_label
from basin.zones import overlay_zones

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

__all__ = ["SiteZones", "zones_around", "zones_on"]

#: The four dimensions of a unit's list (生态环境准入清单), and what their headings have in common;
#: a shapefile cuts a heading to ten bytes.
_DIMENSIONS = {
    "spatial_layout": ("空间布局", "spatial"),
    "discharge": ("污染物排放", "排放管控", "discharge", "pollutant"),
    "risk": ("环境风险", "风险防控", "risk"),
    "efficiency": ("资源开发", "资源利用", "资源能源", "efficiency", "resource"),
}
#: Where one item of a list ends and the next begins: a line, or a number after a full stop.
_ITEM = re.compile(r"\s*\n\s*|(?<=[。；;])\s*(?=(?:[(（]?\d{1,2}[)）.．、]|[①-⑳]))")
_DISTANCE = re.compile(r"(\d+(?:\.\d+)?|[一二三四五])\s*(公里|千米|km|米|m)(?![a-z0-9²])", re.I)
_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5}
_HELD = 1.0 - 1e-9

_ZONES = [
    "site_id", "kind", "relation", "overlap_m2", "share", "distance_m", "error_m", "zone_id",
    "name", "code", "grade", "edition", "current", "complete",
]  # fmt: skip
_UNITS = [
    "site_id", "zone_id", "code", "grade", "dimension", "text", "judged_by", "rules", "verdict",
    "decides",
]  # fmt: skip


@dataclass(frozen=True)
class SiteZones:
    """How each site stands to each kind of zone, and what its control units ask.

    Attributes
    ----------
    zones : DataFrame
        One row a site and zone that it touches, of any edition; and for each kind of which it
        touches none in force, one row with the nearest zone in force, or none. ``site_id``,
        ``kind``, ``relation`` (code of ``zone_relation``: ``inside``, ``overlap``; ``sliver``,
        touched by no more than the positional error; ``near``, apart by no more than it;
        ``outside`` where the layer is known to be complete, ``unknown`` where it is not),
        ``overlap_m2``, ``share`` of the site, ``distance_m``, ``error_m``, ``zone_id``, ``name``,
        ``code``, ``grade``, ``edition``, ``current`` (in force on the date), ``complete``
        (the layer is known to be complete at the site).
    requirements : DataFrame
        One row a site, control unit in force that it touches, dimension and item of its list:
        ``site_id``, ``zone_id``, ``code``, ``grade``, ``dimension`` (code of ``unit_dimension``),
        ``text`` (as the layer has it; empty where it holds none), ``judged_by`` (code of
        ``judged_by``: ``computed`` where a rule measures what the item names, else ``person``),
        ``rules`` that measure it, the strictest ``verdict`` of them, and ``decides``: the layers
        that the rules look at.
    date
    """

    zones: pd.DataFrame
    requirements: pd.DataFrame
    date: dt.date


def zones_around(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame | None,
    **options: Any,
) -> SiteZones:
    """List how each site stands to each kind of zone, and what its control units ask.

    The list of a unit is read from columns of the zones layer whose headings name its four
    dimensions (空间布局约束, 污染物排放管控, 环境风险防控, 资源开发效率要求). An item counts as
    computed where a rule of the packs concerns the site and measures what the item names: a kind of
    zone, or a distance together with the project's category; all else is left to a person.

    Parameters
    ----------
    sites, shorelines, zones
        As in :func:`basin.siting.check_sites`.
    **options
        Those of :func:`basin.siting.check_sites`.

    Raises
    ------
    CrsError, LayerError, RuleError
        As :func:`basin.siting.check_sites` does.
    """
    return zones_on(sites, enter_ground(shorelines, zones, **options))


def zones_on(
    sites: gpd.GeoDataFrame, ground: Ground, result: SitingResult | None = None
) -> SiteZones:
    """Do the work of :func:`zones_around` on what was entered before."""
    places = enter_sites(sites)
    result = check_on(places, ground) if result is None else result
    applies = applicability(ground.rules, project_codes(places))[0]
    evidence = gather(places, ground, applies)
    table = _zone_rows(places, evidence)
    units = _unit_rows(table, ground, result)
    return SiteZones(table.drop(columns="zone_row"), units, ground.date)


def _zone_rows(places: gpd.GeoDataFrame, evidence: Evidence) -> pd.DataFrame:
    areas = evidence.zones
    current = in_force(areas, evidence.date)
    row_of = np.flatnonzero(current)
    now = overlay_zones(places, areas[current])
    now["zone_row"] = row_of[now["zone_row"].to_numpy(dtype=np.int64)]
    past_row = np.flatnonzero(~current)
    past = overlay_zones(places, areas[~current], within_m=0.0)
    past["zone_row"] = past_row[past["zone_row"].to_numpy(dtype=np.int64)]
    past = past[past["distance_m"] == 0]
    found = pd.concat([part for part in (now, past) if len(part)] or [now], ignore_index=True)
    found["current"] = current[found["zone_row"].to_numpy(dtype=np.int64)]
    touched = found["distance_m"].to_numpy() == 0
    met = set(found.loc[touched & found["current"], ["site_id", "kind"]].itertuples(index=False))
    near = found[~touched & found["current"]].sort_values(["site_id", "distance_m", "zone_id"])
    near = near.drop_duplicates(["site_id", "kind"])
    apart = [pair not in met for pair in near[["site_id", "kind"]].itertuples(index=False)]
    table = pd.concat([found[touched], near[apart]], ignore_index=True)
    table = _with_absent(table, places, areas)
    table["edition"] = version_text(table)
    table["complete"] = _complete(table, places, evidence)
    table["relation"] = np.select(
        [table["sliver"].eq(True), table["share"] >= _HELD, table["distance_m"] == 0,
         table["distance_m"] <= table["error_m"], table["complete"]],
        ["sliver", "inside", "overlap", "near", "outside"], "unknown",
    )  # fmt: skip
    order = {site: k for k, site in enumerate(places["site_id"])}
    kinds = {kind: k for k, kind in enumerate(_kinds(areas))}
    table["_site"], table["_kind"] = table["site_id"].map(order), table["kind"].map(kinds)
    keys = ["_site", "_kind", "current", "overlap_m2", "zone_id"]
    table = table.sort_values(keys, ascending=[True, True, False, False, True], kind="stable")
    return table[[*_ZONES, "zone_row"]].reset_index(drop=True)


def _kinds(areas: gpd.GeoDataFrame) -> list[str]:
    return list(dict.fromkeys([*codes("zone_kind"), *sorted(set(plain_text(areas, "kind")))]))


def _with_absent(
    table: pd.DataFrame, places: gpd.GeoDataFrame, areas: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Add a row for each kind of which a site has neither a touched zone nor a nearest one."""
    every = pd.MultiIndex.from_product(
        [places["site_id"], _kinds(areas)], names=["site_id", "kind"]
    )
    now = table[table["current"].eq(True)]
    missing = every.difference(pd.MultiIndex.from_frame(now[["site_id", "kind"]]), sort=False)
    words = ("zone_id", "name", "code", "grade")
    absent = missing.to_frame(index=False).assign(**dict.fromkeys(words, ""), current=True)
    absent["zone_row"], absent["sliver"], absent["overlap_m2"] = -1, False, 0.0
    table = pd.concat([table, absent], ignore_index=True)
    return table.assign(share=table["share"].fillna(0.0), sliver=table["sliver"].eq(True))


def _complete(table: pd.DataFrame, places: gpd.GeoDataFrame, evidence: Evidence) -> Any:
    """Tell whether the layer of each row is known to be complete at its site."""
    at = pd.Index(places["site_id"]).get_indexer(pd.Index(table["site_id"]))
    whole = {}
    for kind in set(table["kind"]):
        known = evidence.complete(kind, evidence.zone_error) & (kind not in evidence.lost_kinds)
        if kind == "river_range":  # of bank lines alone it cannot be told what is inside
            known[evidence.line_ranges] = False
        whole[kind] = known
    rows = zip(table["kind"], at, strict=True)
    return np.array([bool(whole[kind][site]) for kind, site in rows], dtype=bool)


# ---- the lists of control units --------------------------------------------------------------


def _unit_rows(table: pd.DataFrame, ground: Ground, result: SitingResult) -> pd.DataFrame:
    """The items of each unit's list; the zones of the ground lead those of the evidence."""
    areas = ground.zones
    if areas is None:
        return pd.DataFrame(columns=_UNITS)
    touched = table["distance_m"].eq(0) & table["kind"].eq("control_unit") & table["current"]
    columns = {name: _columns_of(areas, marks) for name, marks in _DIMENSIONS.items()}
    rows = []
    for unit in table[touched].to_dict("records"):
        found = result.findings[result.findings["site_id"] == unit["site_id"]]
        category = str(result.sites["category"].get(unit["site_id"], "") or "")
        for dimension, names in columns.items():
            cells = [areas[name].iloc[unit["zone_row"]] for name in names]
            for text in _items(cells) or [""]:
                by = _rules_for(text, ground.rules, found, category)
                rows.append(
                    {**{k: unit[k] for k in ("site_id", "zone_id", "code", "grade")},
                     "dimension": dimension, "text": text, **by}
                )  # fmt: skip
    return pd.DataFrame(rows, columns=_UNITS)


def _columns_of(areas: gpd.GeoDataFrame, marks: tuple[str, ...]) -> list[str]:
    known = {"zone_id", "kind", "grade", "name", "code", "geometry"}
    heads = [str(name) for name in areas.columns if name not in known]
    return [head for head in heads if any(mark in head.casefold() for mark in marks)]


def _items(cells: list[Any]) -> list[str]:
    """Part the cells of one dimension into the items of its list.

    Examples
    --------
    >>> _items(["1.不得新建化工项目。2.距岸线1公里内禁止。", None])
    ['1.不得新建化工项目。', '2.距岸线1公里内禁止。']
    """
    texts = [str(cell).strip() for cell in cells if isinstance(cell, str)]
    parts = [part.strip() for text in texts for part in _ITEM.split(text)]
    return [part for part in parts if part]


def _rules_for(
    text: str, rules: tuple[Rule, ...], found: pd.DataFrame, category: str
) -> dict[str, str]:
    """The rules that measure what an item names, their verdict, and the layers they look at."""
    asked = set(found["rule_id"])
    mine = [r for r in rules if r.id in asked and text and _measures(r, text, category)]
    verdicts = found.loc[found["rule_id"].isin([r.id for r in mine]), "verdict"]
    strictest = next((v for v in codes("verdict") if (verdicts == v).any()), "")
    done = strictest not in ("", "unchecked", "manual")
    looked = [kind for r in mine for kind, _ in (*r.zones, *r.outside)]
    looked += ["shorelines"] * any(bool(r.river_scope) for r in mine)
    return {
        "judged_by": "computed" if done else "person",
        "rules": ", ".join(r.id for r in mine),
        "verdict": strictest,
        "decides": ", ".join(dict.fromkeys(looked)),
    }


def _measures(rule: Rule, text: str, category: str) -> bool:
    """Whether an item names the kind of zone of a rule, or its distance and the category."""
    kinds = [k for k, _ in (*rule.zones, *rule.outside) if k != "control_unit"]
    if any(_names_kind(kind, text) for kind in kinds):
        return True
    if not rule.river_scope or rule.distance_m is None or rule.distance_m not in _distances(text):
        return False
    words = {category_label(c, "zh")[:2] for c in (category, *rule.categories) if c and c != "*"}
    return any(word and word in text for word in words)


def _names_kind(kind: str, text: str) -> bool:
    return label("zone_kind", kind, "zh") in text or label("zone_kind", kind, "en") in text


def _distances(text: str) -> set[float]:
    """Distances in metres that a text names.

    Examples
    --------
    >>> sorted(_distances("干流岸线三公里、支流1 km 范围内，500米"))
    [500.0, 1000.0, 3000.0]
    """
    found = set()
    for figure, unit in _DISTANCE.findall(text):
        value = float(_DIGITS.get(figure, figure))
        found.add(value if unit.lower() in ("米", "m") else value * 1000.0)
    return found
