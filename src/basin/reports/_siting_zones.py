"""What a siting report says of the zones around each site, and of their control units' lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin.reports._document import Section, Table, clean, tabulate
from basin.reports._words import heads, layer_names
from basin.standards.labels import label

__all__ = ["no_zones", "unit_lists", "zone_tables"]

_WORDS = {
    "zh": {
        "zones": "分区",
        "units": "管控单元清单",
        "units_text": "项目所在的生态环境管控单元，按准入清单四个维度逐条列出。“计算”指清单所述的"
        "分区或距离已由所列规则算出，其结论见“结论”列，清单的其他条件仍须人工核对；"
        "“人工”须由人对照判定。",
        "of_sites": "项目所在管控单元",
        "every_unit": "上列各单元",
        "no_text": "图层没有该维度的清单文本，须查该单元准入清单",
        "none": "没有项目位于现行的管控单元内；图层未覆盖的，见各项目“分区”表。",
    },
    "en": {
        "zones": "Zones",
        "units": "Lists of the control units",
        "units_text": "The items of the lists of the control units in which sites lie, in their "
        "four dimensions. Computed: the zone or distance that the item names was measured by the "
        "rules given, with their verdict; its other conditions are for a person. The rest is "
        "left to a person.",
        "of_sites": "Control units of the sites",
        "every_unit": "each unit above",
        "no_text": "the layer holds no list for this dimension: see the unit's own",
        "none": "No site lies in a control unit in force; where the layer is not complete, see "
        "the zones of each site.",
    },
}

_ZONES = (
    "site_id", "kind", "relation", "overlap_m2", "share", "distance_m", "error_m", "zone_id",
    "name", "grade", "edition", "current", "complete",
)  # fmt: skip
_BRIEF = (
    "site_id", "kind", "relation", "overlap_m2", "share", "distance_m", "zone", "edition",
    "current", "complete",
)  # fmt: skip
_ITEMS = (
    "zone_id", "dimension", "requirement", "judged_by", "verdict", "rules", "decides", "sites",
)  # fmt: skip
_UNITS = (
    "site_id", "zone_id", "grade", "dimension", "requirement", "judged_by", "verdict", "rules",
    "decides",
)  # fmt: skip
_CODES = {"kind": "zone_kind", "grade": "zone_grade", "relation": "zone_relation",
          "dimension": "unit_dimension", "judged_by": "judged_by"}  # fmt: skip
#: Kinds that are told of every site; the others where a site touches one, lies near one, or where
#: the layer is not complete.
_ALWAYS = ("red_line", "control_unit", "water_source", "nature_reserve", "industrial_park")
_NEAR_M = 1_000.0


def no_zones(lang: str) -> Table:
    """A table without rows, for a report that knows no zones."""
    return Table(_WORDS[lang]["zones"], heads(_BRIEF, lang), ())


def zone_tables(around: Any, lang: str) -> tuple[Table, Table]:
    """The table of zones as it is told site by site, and as a whole."""
    words, every = _WORDS[lang], around.zones
    touched, named = every["distance_m"].eq(0), every["zone_id"].ne("")
    every = every.assign(
        overlap_m2=every["overlap_m2"].where(touched),
        share=every["share"].where(touched),
        current=every["current"].astype(object).where(named, None),
    )
    brief = every.assign(
        kind=_with_grade(every, lang),
        zone=(every["zone_id"] + " " + every["name"]).str.strip(),
        # a point has no area
        overlap_m2=every["overlap_m2"].where(every["overlap_m2"] > 0),
        # what is in force need not be said
        current=every["current"].where(every["current"].eq(False), None),
    )
    told = every["kind"].isin(_ALWAYS) | every["distance_m"].le(_NEAR_M)
    told |= every["relation"].ne("outside")
    return (
        tabulate(words["zones"], brief[told], heads(_BRIEF, lang, relation="zone_relation")),
        tabulate(words["zones"], every, heads(_ZONES, lang, **_CODES)),
    )


def _with_grade(zones: pd.DataFrame, lang: str) -> list[str]:
    told = []
    for kind, grade in zip(zones["kind"], zones["grade"], strict=True):
        words = [label("zone_kind", kind, lang), label("zone_grade", grade, lang)]
        told.append("·".join(word for word in words if word))
    return told


def unit_lists(around: Any, lang: str) -> tuple[Section, Table]:
    """The items of the control units' lists, each computed or left to a person."""
    words, rows = _WORDS[lang], around.requirements
    texts = rows["text"].map(clean)
    rows = rows.assign(
        requirement=np.where(texts == "", words["no_text"], texts),
        decides=[_data(row, lang) for row in rows.to_dict("records")],
    )
    every = tabulate(words["units"], rows, heads(_UNITS, lang, **_CODES), empty=words["none"])
    if not len(rows):
        return Section(words["units"], (words["none"],)), every
    units = _joined(rows, ["zone_id", "grade"], lang)
    # items that no unit words for itself are told once for all
    items = rows.assign(zone_id=np.where(texts == "", words["every_unit"], rows["zone_id"]))
    items = _joined(items, [name for name in _ITEMS if name != "sites"], lang)
    items.loc[items["zone_id"] == words["every_unit"], "sites"] = ""
    tables = (
        tabulate(words["of_sites"], units, heads(("zone_id", "grade", "sites"), lang, **_CODES)),
        tabulate(words["units"], items, heads(_ITEMS, lang, **_CODES)).filled(),
    )
    return Section(words["units"], (words["units_text"],), tables), every


def _joined(rows: pd.DataFrame, keys: list[str], lang: str) -> pd.DataFrame:
    """One row for each of the keys, with the sites that share it."""
    seam = "、" if lang == "zh" else ", "
    sites = rows.groupby(keys, sort=False)["site_id"]
    table: pd.DataFrame = sites.agg(lambda ids: seam.join(dict.fromkeys(ids))).reset_index()
    return table.rename(columns={"site_id": "sites"})


def _data(row: dict[Any, Any], lang: str) -> str:
    """Which data decides: the layers that rules measure, and what a person needs."""
    layers = layer_names(row["decides"], lang)
    if row["judged_by"] != "person":
        return layers
    needed = label("unit_data", row["dimension"], lang)
    return ("；" if lang == "zh" else "; ").join(part for part in (layers, needed) if part)
