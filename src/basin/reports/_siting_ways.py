"""What a siting report says would pass: setback, another place, a park, an exemption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from basin.reports._document import Section, Table, tabulate
from basin.reports._words import heads, layer_names
from basin.siting import direction_text
from basin.standards.labels import label

__all__ = ["ways"]

_WORDS = {
    "zh": {
        "title": "怎样才能过",
        "intro": "只列禁止和贴线待核的项目。退距按现行岸线计，含误差，是最少的；"
        "新位置须重新核查。另择的地方由全部规则逐处核查得出，"
        "在项目周围 {:,.0f} 千米内查找，最多查 {} 个项目{}；"
        "“人工判定”“限制”的条文在新位置仍须办理。",
        "left_out": "，有 {} 个未查",
        "sites": "退距与另择",
        "back": "退距和地块内可建余地",
        "elsewhere": "最近可选址处",
        "parks": "附近合规园区",
        "parks_none": "所查范围内没有该类项目可进的合规园区。",
        "ground": "周围各类范围",
        "exemptions": "可主张的例外",
        "exemptions_text": "以下例外成立时，相应条文不再阻挡；须由主张者举证，由主管部门认定。",
        "exemptions_none": "起阻挡作用的条文没有载明例外。",
        "none": "没有禁止或贴线待核的项目。",
        "inside": "在园区内",
        "here": "原地",
    },
    "en": {
        "title": "What would pass",
        "intro": "Only sites that are prohibited or on a limit. The setback is from the lines in "
        "force, error included, and the least; check the new place again. Another place is found "
        "by asking every rule of all ground within {:,.0f} km, at {} sites at the most{}; what is "
        "left to a person or restricted there has still to be settled.",
        "left_out": "; {} were not searched",
        "sites": "Setback and other places",
        "back": "Setback, and what is left of the plot",
        "elsewhere": "Nearest allowed place",
        "parks": "Compliant parks nearby",
        "parks_none": "There is no compliant park for such a project within the search.",
        "ground": "What the ground around reads",
        "exemptions": "Exemptions that could be claimed",
        "exemptions_text": "Where one of these holds, its rule stands no longer in the way; it is "
        "for the claimant to show, and for the authority to decide.",
        "exemptions_none": "The rules in the way record no exemption.",
        "none": "No site is prohibited or on a limit.",
        "inside": "within the park",
        "here": "where it is",
    },
}

_SITES = (
    "site_id", "verdict", "setback_m", "direction", "by_setback", "not_by_setback", "left_m2",
    "left_share", "place_m", "place_direction", "place_lon", "place_lat", "place_verdict",
    "not_found",
)  # fmt: skip
_BACK = (
    "site_id", "verdict", "setback_m", "direction", "by_setback", "not_by_setback", "left_m2",
    "left_share",
)  # fmt: skip
_ELSEWHERE = ("site_id", *_SITES[8:])
_PARKS = (
    "site_id", "zone_id", "name", "grade", "distance_m", "direction", "area_m2", "allowed_m2",
    "allowed_share",
)  # fmt: skip
_GROUND = ("site_id", "status", "area_m2", "ground_share", "rules", "missing")
_EXEMPTIONS = ("site_id", "rule_id", "verdict", "title", "exemption", "proof")
_MOST_PARKS = 3


def ways(found: Any, lang: str) -> tuple[list[Section], list[Table]]:
    """Sections and complete tables of a WaysToPass."""
    words, sites = _WORDS[lang], found.sites
    if not len(sites):
        return [Section(words["title"], (words["none"],))], []
    left_out = int(sites["not_found"].eq("not_searched").sum())
    intro = words["intro"].format(
        float(sites["search_m"].iloc[0]) / 1000.0, found.most,
        words["left_out"].format(left_out) if left_out else "",
    )  # fmt: skip
    table = _site_table(found, lang)
    parks = _park_table(found.parks, lang)
    nearest = _park_table(found.parks.groupby("site_id", sort=False).head(_MOST_PARKS), lang)
    exemptions = _exemption_table(found.exemptions, lang)
    claims = (words["exemptions_text"],) if exemptions.rows else ()
    back = replace(table.pick(_BACK), title=words["back"]).filled()
    elsewhere = replace(table.pick(_ELSEWHERE), title=words["elsewhere"]).filled()
    sections = [
        Section(words["title"], (intro,)),
        Section(words["sites"], tables=(back, elsewhere), level=3),
        Section(words["parks"], tables=(nearest,), level=3),
        Section(words["exemptions"], claims, (exemptions,), level=3),
    ]
    return sections, [table, parks, _ground_table(found.ground, lang), exemptions]


def _ways_text(bearings: Any, at_zero: str, distances: Any, lang: str) -> list[str]:
    told = []
    for bearing, metres in zip(bearings, distances, strict=True):
        away = direction_text(bearing, lang)
        there = at_zero if pd.notna(metres) and metres == 0 else ""
        told.append(f"{away} {bearing:.0f}°" if away else there)
    return told


def _site_table(found: Any, lang: str) -> Table:
    words, sites = _WORDS[lang], found.sites
    told = sites.assign(
        not_found=[_why_none(row, found.ground, lang) for row in sites.to_dict("records")],
        direction=_ways_text(sites["bearing_deg"], "", sites["setback_m"], lang),
        place_direction=_ways_text(
            sites["place_bearing_deg"], words["here"], sites["place_m"], lang
        ),
    )
    return tabulate(words["sites"], told, heads(_SITES, lang))


def _why_none(site: dict[Any, Any], ground: pd.DataFrame, lang: str) -> str:
    """Why no other place is named, with the layers that are missing."""
    text = label("place_not_found", site["not_found"], lang) if site["not_found"] else ""
    if site["not_found"] != "layers_missing":
        return text
    missing = ground.loc[ground["site_id"] == site["site_id"], "missing"].fillna("")
    names = layer_names(", ".join(missing), lang)
    return f"{text}（{names}）" if lang == "zh" else f"{text} ({names})"


def _park_table(parks: pd.DataFrame, lang: str) -> Table:
    words = _WORDS[lang]
    told = parks.rename(columns={"share": "allowed_share"}).assign(
        direction=_ways_text(parks["bearing_deg"], words["inside"], parks["distance_m"], lang)
    )
    columns = heads(_PARKS, lang, grade="zone_grade")
    return tabulate(words["parks"], told, columns, empty=words["parks_none"])


def _ground_table(ground: pd.DataFrame, lang: str) -> Table:
    missing = [layer_names(text, lang) for text in ground["missing"].fillna("")]
    told = ground.rename(columns={"share": "ground_share"}).assign(missing=missing)
    columns = heads(_GROUND, lang, status="area_status")
    return tabulate(_WORDS[lang]["ground"], told, columns)


def _exemption_table(exemptions: pd.DataFrame, lang: str) -> Table:
    words = _WORDS[lang]
    names = {f"{name}_{lang}": name for name in ("title", "exemption", "proof")}
    columns = heads(_EXEMPTIONS, lang)
    told = exemptions.rename(columns=names)
    return tabulate(words["exemptions"], told, columns, empty=words["exemptions_none"])
