"""What a siting report says: the conclusion, the reasons site by site, and what was not checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import shapely

from basin.crs import area_m2
from basin.reports._document import Column, Document, Picture, Section, Table, clean, tabulate
from basin.reports._sensitivity import sensitivity
from basin.reports._siting_ways import ways
from basin.reports._siting_zones import no_zones, unit_lists, zone_tables
from basin.reports._words import heads, join_ids
from basin.siting._note import deciding_text
from basin.standards.labels import codes, label
from basin.standards.rules import category_label

__all__ = ["siting_document"]

_WORDS = {
    "zh": {
        "title": "选址核查报告",
        "caveat": "辅助研判，不代替审批。依据所给图层和规则记录计算；未核查不等于不受限。",
        "date": "核查基准日期",
        "packs": "规则包",
        "count": "核查项目",
        "count_text": "{} 个，逐条结论 {} 条",
        "crs": "坐标系",
        "crs_text": "CGCS2000 经纬度（EPSG:4490），距离为椭球面测地线距离",
        "sites": "{} {} 个（{}）",
        "unchecked_count": "未核查条目 {} 项，涉及 {} 个项目。",
        "all_checked": "没有未核查条目。",
        "no_sites": "没有可核查的项目。",
        "overview": "结论",
        "findings": "逐条核查",
        "unchecked": "未核查",
        "unchecked_none": "没有未核查条目。",
        "unchecked_text": "以下条目因图层缺失、过期或未覆盖而未核查，须核实后再作结论。",
        "overrides": "人工改判",
        "overrides_none": "没有人工改判。",
        "overrides_text": "以下条目由人工改判；“计算结论”为核查原来的结论，改判不抹去原结论。",
        "editions": "岸线版本",
        "editions_text": "换用其他版本的岸线时的距离和结论，供说明结论对岸线版本的敏感性。",
        "editions_none": "没有其他版本的岸线。",
        "lines": "岸线清单",
        "corners": "坐标",
        "rules": "规则依据",
        "rules_text": "全部条目（含未触及）逐条列于工作簿。"
        "“把握程度”为“未核原文”“存疑”的条款，引用前须与现行正式文本核对。",
        "each": "逐个项目",
        "figures": "附图",
        "area": "面积 {:,.0f} 平方米",
        "no_findings": "没有适用的规则。",
    },
    "en": {
        "title": "Siting check",
        "caveat": "An aid to judgement, not a substitute for approval. Computed from the layers "
        "and rules given; unchecked does not mean unrestricted.",
        "date": "Date of the check",
        "packs": "Rule packs",
        "count": "Sites",
        "count_text": "{}, with {} findings",
        "crs": "Coordinates",
        "crs_text": "CGCS2000 longitude/latitude (EPSG:4490); distances are geodesic",
        "sites": "{}: {} ({})",
        "unchecked_count": "{} rules unchecked, at {} sites.",
        "all_checked": "No rule is unchecked.",
        "no_sites": "There is no site to check.",
        "overview": "Overview",
        "findings": "Findings",
        "unchecked": "Unchecked",
        "unchecked_none": "No rule is unchecked.",
        "unchecked_text": "These rules could not be checked, since a layer is missing, expired or "
        "does not cover the site. Ask the holder of the data before concluding.",
        "overrides": "Overrides",
        "overrides_none": "There is no override.",
        "overrides_text": "These findings were overridden by a person; what was computed stays "
        "beside it.",
        "editions": "Shoreline editions",
        "editions_text": "Distances and verdicts by other editions of the shoreline.",
        "editions_none": "There is no other edition of a shoreline.",
        "lines": "Shorelines",
        "corners": "Coordinates",
        "rules": "Rules and their basis",
        "rules_text": "The workbook lists every rule at every site, "
        "clear ones too. Compare clauses that are not verified with the official text first.",
        "each": "Site by site",
        "figures": "Figures",
        "area": "area {:,.0f} m²",
        "no_findings": "No rule applies.",
    },
}

_SITES = (
    "site_id", "name", "category", "action", "verdict", "blocking_rules", "n_prohibited",
    "n_borderline", "n_unchecked", "n_manual", "n_conditional", "n_clear", "nearest_river",
    "nearest_line_id", "nearest_m", "foot_lon", "foot_lat", "site_lon", "site_lat", "note",
)  # fmt: skip
_FINDINGS = (
    "site_id", "rule_id", "pack", "title", "verdict", "reason", "distance_m", "limit_m", "margin_m",
    "error_m", "overlap_m2", "share", "evidence", "evidence_edition", "river", "basis",
    "law_edition", "confidence", "exemption", "note",
)  # fmt: skip
_IN_TEXT = (
    "rule_id", "title", "verdict", "distance_m", "limit_m", "margin_m", "error_m", "overlap_m2",
    "reason", "evidence",
)  # fmt: skip
_UNCHECKED = ("site_id", "rule_id", "title", "reason", "mend", "basis", "note")
_OVERRIDES = (
    "site_id", "rule_id", "verdict_computed", "verdict", "decided_by", "decided_on", "why",
    "status",
)  # fmt: skip
_EDITIONS = (
    "site_id", "line_id", "river", "edition", "issuer", "valid_from", "valid_to", "kind",
    "distance_m", "limit_m", "error_m", "rule_id", "verdict", "verdict_now", "changes",
)  # fmt: skip
_EDITIONS_IN_TEXT = (
    "site_id", "line_id", "river", "edition", "kind", "distance_m", "limit_m", "error_m", "rule_id",
    "verdict", "verdict_now",
)  # fmt: skip
_LINES = (
    "line_id", "river", "river_class", "kind", "issuer", "valid_from", "valid_to", "accuracy_m",
    "counts",
)  # fmt: skip
_MOST_CORNERS = 60


def siting_document(
    result: Any, lang: str, pictures: tuple[Picture, ...], also: tuple[Any, ...] = ()
) -> Document:
    """Lay out a `SitingResult`, with what else is known of its sites in `also`: their zones, what
    would pass, and how far verdicts hang on lines and readings.
    """
    words = _WORDS[lang]
    sites, findings = _strictest_first(result.sites), _in_words(result.findings, lang)
    overview = tabulate(
        words["overview"], _in_category(sites, lang), heads(_SITES, lang, action="site_action")
    )
    every = tabulate(
        words["findings"],
        findings,
        heads(_FINDINGS, lang, reason="finding_reason"),
        empty=words["no_findings"],
    )
    unchecked = tabulate(
        words["unchecked"],
        _in_words(result.unchecked, lang),
        heads(_UNCHECKED, lang, reason="finding_reason"),
        empty=words["unchecked_none"],
    )
    editions = tabulate(
        words["editions"], result.other_editions, heads(_EDITIONS, lang, kind="shoreline_kind"),
        empty=words["editions_none"],
    )  # fmt: skip
    lines = tabulate(
        words["lines"], result.lines, heads(_LINES, lang, kind="shoreline_kind"),
        empty=words["editions_none"],
    )  # fmt: skip
    overrides = tabulate(
        words["overrides"],
        _override_rows(result),
        heads(_OVERRIDES, lang, status="override_status"),
        empty=words["overrides_none"],
    )
    corners = _corners(sites, lang)
    by_edition = editions.pick(_EDITIONS_IN_TEXT).filled()
    short = overview.pick(
        ("site_id", "name", "category", "action", "verdict", "blocking_rules", "n_unchecked",
         "nearest_river", "nearest_m")
    )  # fmt: skip
    around = [one for one in also if hasattr(one, "requirements")]
    passing = [one for one in also if hasattr(one, "exemptions")]
    hanging, hangs_on = sensitivity(
        [o for o in also if not (hasattr(o, "requirements") or hasattr(o, "exemptions"))], lang
    )
    beside, zones = zone_tables(around[0], lang) if around else (no_zones(lang),) * 2
    units, items = unit_lists(around[0], lang) if around else (None, None)
    options, passes = ways(passing[0], lang) if passing else ([], [])
    sections = [
        Section(words["overview"], tables=(short,)),
        Section(words["each"]),
        *_each_site(result, sites, (every, beside, corners), lang),
        *([units] if units else []),
        *options,
        Section(
            words["editions"],
            (words["editions_text"],),
            (by_edition,),
        ),
        *hanging,
        Section(words["unchecked"], (words["unchecked_text"],), (unchecked,)),
        Section(words["rules"], (words["rules_text"],), (_rules(findings, lang),)),
    ]
    decided = (overrides,) if overrides.rows else ()
    if decided:
        sections.insert(1, Section(words["overrides"], (words["overrides_text"],), decided))
    if pictures:
        sections.append(Section(words["figures"], pictures=pictures))
    return Document(
        title=words["title"], lang=lang, caveat=words["caveat"],
        facts=(
            (words["date"], clean(result.date)),
            (words["packs"], join_ids(result.packs, lang)),
            (words["count"], words["count_text"].format(len(sites), len(findings))),
            (words["crs"], words["crs_text"]),
        ),
        conclusion=_conclusion(sites, unchecked, lang), sections=tuple(sections),
        sheets=(
            overview, every, *([zones, items] if items else []), *passes, unchecked, *decided,
            editions, *hangs_on, lines, corners,
        ), pictures=pictures,
    )  # fmt: skip


def _override_rows(result: Any) -> pd.DataFrame:
    given = getattr(result, "overrides", None)
    if given is None:
        return pd.DataFrame(columns=_OVERRIDES)
    return pd.DataFrame(given).rename(columns={"who": "decided_by", "when": "decided_on"})


def _strictest_first(sites: Any) -> Any:
    order = {code: rank for rank, code in enumerate(codes("verdict"))}
    return sites.iloc[sites["verdict"].map(order).argsort(kind="stable")]


def _in_category(sites: Any, lang: str) -> pd.DataFrame:
    """Sites without geometry, their category and what decided in words."""
    plain = pd.DataFrame(sites.drop(columns="geometry", errors="ignore"))
    if lang != "zh" and "note_en" in plain:
        plain["note"] = plain["note_en"]
    return plain.assign(
        category=[category_label(code, lang) for code in plain["category"]],
        blocking_rules=deciding_text(plain, lang),
    )


def _in_words(findings: Any, lang: str) -> pd.DataFrame:
    """Findings with their texts in one language; a plain name without ending is Chinese."""
    table = pd.DataFrame(findings)
    own = "edition" if lang == "zh" or "edition_en" not in table else "edition_en"
    table = table.rename(columns={own: "law_edition"})
    for name in ("title", "exemption", "basis", "note", "mend"):
        if f"{name}_{lang}" in table:
            table = table.assign(**{name: table[f"{name}_{lang}"]})
    return table


def _conclusion(sites: Any, unchecked: Table, lang: str) -> str:
    """Count the sites by verdict with their ids, and say how much is unchecked."""
    words = _WORDS[lang]
    if not len(sites):
        return words["no_sites"]
    groups = []
    for code in codes("verdict"):
        ids = sites.index[sites["verdict"] == code]
        if len(ids):
            word = label("verdict", code, lang)
            groups.append(words["sites"].format(word, len(ids), join_ids(ids, lang)))
    text = ("；" if lang == "zh" else "; ").join(groups) + ("。" if lang == "zh" else ".")
    if not unchecked.rows:
        return f"{text}\n{words['all_checked']}"
    at = [column.key for column in unchecked.columns].index("site_id")
    concerned = len({row[at] for row in unchecked.rows})
    return f"{text}\n{words['unchecked_count'].format(len(unchecked.rows), concerned)}"


def _each_site(
    result: Any, sites: Any, of_all: tuple[Table, Table, Table], lang: str
) -> list[Section]:
    """The officer's note on each site, and tables: rules that are not clear, zones, corners."""
    words, (every, beside, corners) = _WORDS[lang], of_all
    told = every.without("verdict", "clear")
    parts = []
    for site, given, size in zip(sites.index, sites["name"], area_m2(sites.geometry), strict=True):
        name = clean(given)
        lines = clean(result.explain(site, lang=lang)).split("\n")
        # the caveat stands on every page already
        story = ["\n".join(line for line in lines if not words["caveat"].startswith(line or "-"))]
        if size > 0:
            story.append(words["area"].format(size))
        key = clean(site)
        found = told.pick(_IN_TEXT, where=("site_id", key))
        places = corners.pick(("corner", "lon", "lat"), where=("site_id", key))
        tables = [replace(found.filled(), title="")] if found.rows else []
        around = beside.pick([c.key for c in beside.columns[1:]], where=("site_id", key))
        tables += [around.filled()] if around.rows else []
        if 3 < len(places.rows) <= _MOST_CORNERS:
            tables.append(places)
        heading = f"{key} {name}".strip()
        parts.append(Section(heading, tuple(story), tuple(tables), level=3))
    return parts


def _corners(sites: Any, lang: str) -> Table:
    """Corner points of polygons, and the place of point sites, as used."""
    rows: list[tuple[Any, ...]] = []
    for site, shape in zip(sites.index, sites.geometry, strict=True):
        if shape is None or shape.is_empty:
            continue
        xy = shapely.get_coordinates(shape)
        rows += [(clean(site), k + 1, float(x), float(y)) for k, (x, y) in enumerate(xy)]
    columns: tuple[Column, ...] = heads(("site_id", "corner", "lon", "lat"), lang)
    return Table(_WORDS[lang]["corners"], columns, tuple(rows))


def _rules(findings: pd.DataFrame, lang: str) -> Table:
    """The rules that were applied, once each, with source and certainty."""
    keys = ("rule_id", "title", "basis", "law_edition", "pack", "confidence")
    present = [key for key in keys if key in findings]
    return tabulate("", findings[present].drop_duplicates("rule_id"), heads(keys, lang))
