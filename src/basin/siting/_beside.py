"""What a site should be told beside its findings: rules that its action escapes, and odd places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import degrees_of
from basin.siting._conditions import OUT, Condition
from basin.siting._evidence import Bools, Evidence
from basin.standards.labels import label
from basin.standards.rules import Rule

#: A site with nothing of the project within this is probably misplaced (metres).
FAR_M = 20_000.0

_FAR = (
    "20 公里内没有任何岸线、分区或图层覆盖范围："
    "请核对坐标、坐标系（带号、中央经线）及经纬度是否颠倒",
    "no shoreline, zone or coverage within 20 km: check the coordinates, their CRS (zone, central "
    "meridian), and whether longitude and latitude are swapped",
)


def site_notes(
    rules: tuple[Rule, ...],
    unlisted: Any,
    actions: pd.Series[Any],
    evidence: Evidence,
    state_of: Callable[[int], Condition],
) -> pd.DataFrame:
    """Write the notes of each site.

    Parameters
    ----------
    rules
    unlisted : shape (n_rules, n_sites)
        Whether a rule names the category of the site, but not its action.
    actions
        Codes.
    evidence
    state_of
        Gives the condition of a rule by its number.

    Returns
    -------
    shape (n_sites, 2)
        ``note`` and ``note_en``; empty where there is nothing to tell.
    """
    escaped: list[list[str]] = [[] for _ in actions]
    for number, rule in enumerate(rules):
        if unlisted[number].any():
            met = unlisted[number] & (state_of(number).level > OUT)
            for site in np.flatnonzero(met):
                escaped[site].append(rule.id)
    far = far_from_all(evidence)
    zh, en = [], []
    for action, ids, lost in zip(actions, escaped, far, strict=True):
        told_zh, told_en = ([_FAR[0]], [_FAR[1]]) if lost else ([], [])
        if ids:
            told_zh.append(f"位置触及、但条文未列{label('site_action', action)}：{'、'.join(ids)}")
            word = label("site_action", action, "en")
            told_en.append(f"met by place, but the text does not list {word}: {', '.join(ids)}")
        zh.append("；".join(told_zh))
        en.append("; ".join(told_en))
    return pd.DataFrame({"note": pd.array(zh, dtype="str"), "note_en": pd.array(en, dtype="str")})


def far_from_all(evidence: Evidence) -> Bools:
    """Tell which sites have no line, zone or coverage within `FAR_M`; none if there is no layer."""
    tables: list[gpd.GeoDataFrame] = [evidence.shorelines, evidence.zones]
    tables += [] if evidence.coverage is None else [evidence.coverage]
    things = np.concatenate([np.asarray(t.geometry.array, dtype=object) for t in tables])
    things = things[~(shapely.is_missing(things) | shapely.is_empty(things))]
    far: npt.NDArray[np.bool_] = evidence.drawn.copy()
    near = evidence.lines["site"][evidence.lines["distance_m"] <= FAR_M].to_numpy(dtype=int)
    far[near] = False
    rows = np.flatnonzero(far)
    if not len(things) or not len(rows):
        return far & bool(len(things))
    shapes = np.asarray(evidence.sites.geometry.array, dtype=object)[rows]
    west, south, east, north = shapely.bounds(shapes).T
    d_lon, d_lat = degrees_of(FAR_M, np.maximum(np.abs(south), np.abs(north)))
    boxes = shapely.box(west - d_lon, south - d_lat, east + d_lon, north + d_lat)
    found = shapely.STRtree(things).query(boxes, predicate="intersects")[0]
    far[rows[found]] = False
    return far
