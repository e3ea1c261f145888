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
from basin.layers.codes import industry_category
from basin.siting._conditions import OUT, Condition
from basin.siting._evidence import Bools, Evidence, Ints
from basin.standards.labels import label
from basin.standards.rules import Rule, category_code, category_label

_LISTED = (
    "位置触及、但条文未列{}：{}",
    "met by place, but the text does not list {}: {}",
)

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
    escaped = np.zeros((len(actions), len(rules)), dtype=bool)
    for rule_row in np.flatnonzero(unlisted.any(axis=1)).tolist():
        escaped[:, rule_row] = unlisted[rule_row] & (state_of(rule_row).level > OUT)
    action, words = pd.factorize(np.asarray(actions, dtype=object))
    deed = np.equal.outer(action, np.arange(len(words))) & escaped.any(axis=1, keepdims=True)
    flags = np.hstack([escaped, far_from_all(evidence)[:, None], deed])

    def note(row: Ints, lang: str) -> str:
        told = [_FAR[lang == "en"]] if len(rules) in row.tolist() else []
        ids = [rules[k].id for k in row if k < len(rules)]
        if ids:
            word = label("site_action", words[row[-1] - len(rules) - 1], lang)
            told.append(_LISTED[lang == "en"].format(word, ("、", ", ")[lang == "en"].join(ids)))
        return ("；", "; ")[lang == "en"].join(told)

    zh, number = told_once(flags, lambda row: note(row, "zh"))
    en, _ = told_once(flags, lambda row: note(row, "en"))
    table = {
        "note": pd.array(zh or [""], dtype="str"),
        "note_en": pd.array(en or [""], dtype="str"),
    }
    return pd.DataFrame({name: values.take(number) for name, values in table.items()})


def told_once(flags: Bools, tell: Callable[[Ints], str]) -> tuple[list[str], Ints]:
    """Write a text for each distinct row of flags, and number the rows by their texts.

    Parameters
    ----------
    flags : shape (n, m)
    tell
        Gives the text of the columns that are set.
    """
    packed = np.packbits(flags, axis=1)
    _, first, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    texts = [tell(np.flatnonzero(flags[row])) for row in first]
    return texts, np.asarray(number, dtype=np.int64).reshape(-1)


def far_from_all(evidence: Evidence) -> Bools:
    """Tell which sites have no line, zone or coverage within `FAR_M`; none if there is no layer."""
    tables: list[gpd.GeoDataFrame] = [evidence.shorelines, evidence.zones]
    tables += [] if evidence.coverage is None else [evidence.coverage]
    things = np.concatenate([np.asarray(t.geometry.array, dtype=object) for t in tables])
    things = things[~(shapely.is_missing(things) | shapely.is_empty(things))]
    far: npt.NDArray[np.bool_] = evidence.drawn.copy()
    near = evidence.lines["site"][evidence.lines["distance_m"] <= FAR_M].to_numpy(dtype=int)
    far[near] = False
    far[evidence.zone_rows["site"]] = False
    shapes = np.asarray(evidence.sites.geometry.array, dtype=object)
    rows = np.flatnonzero(far)
    held = shapely.STRtree(shapes[rows]).query(things, predicate="intersects")[1]
    far[rows[held]] = False
    rows = np.flatnonzero(far)
    if not len(things) or not len(rows):
        return far & bool(len(things))
    shapes = shapes[rows]
    west, south, east, north = shapely.bounds(shapes).T
    d_lon, d_lat = degrees_of(FAR_M, np.maximum(np.abs(south), np.abs(north)))
    boxes = shapely.box(west - d_lon, south - d_lat, east + d_lon, north + d_lat)
    found = shapely.STRtree(things).query(boxes, predicate="intersects")[0]
    far[rows[found]] = False
    return far


def with_industry(notes: pd.DataFrame, written: Any) -> pd.DataFrame:
    """Say before the notes which sites were placed by their class of GB/T 4754.

    Parameters
    ----------
    notes
        From :func:`site_notes`.
    written
        The category of each site as it was written; None where there is no such column.
    """
    if written is None:
        return notes
    told: dict[Any, tuple[str, str]] = {}
    for word in pd.unique(written.dropna()):
        industry = None if category_code(word) else industry_category(word)
        if industry:
            code, category = industry
            told[word] = (
                f"按 GB/T 4754 代码 {code} 归为“{category_label(category)}”，请核对",
                f"by GB/T 4754 class {code} taken for {category_label(category, 'en')}: verify",
            )
    if not told:
        return notes
    table = notes.copy()
    for column, name in enumerate(("note", "note_en")):
        own = [told[w][column] if w in told else "" for w in written]
        seam = ("；", "; ")[column]
        table[name] = [seam.join(filter(None, pair)) for pair in zip(own, notes[name], strict=True)]
    return table
