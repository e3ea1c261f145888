"""What a report on a river network says: every repair with its place, and the rivers by law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely

from basin.network import issue_text
from basin.reports._document import Column, Document, Picture, Section, Table, tabulate

__all__ = ["network_document"]

_WORDS = {
    "zh": {
        "title": "河网核查报告",
        "caveat": "辅助研判：修补依所列规则自动作出，“建议”未改动数据；"
        "溯源结论取决于修补的，须先核实。",
        "reaches": "河段",
        "reaches_text": "{} 条，{:,.1f} 千米",
        "pieces": "连通部分",
        "issues": "发现",
        "issues_text": "{} 项：已改正 {}，建议 {}，仅列出 {}",
        "clean": "未发现问题，河线首尾相接。",
        "found": "{} 项已自动改正，其中 {} 项把握不足九成；{} 项只作建议，未改动。",
        "applied": "已改正",
        "proposed": "建议改正（未改动）",
        "none": "仅列出",
        "rivers": "河流分类",
        "disputes": "分类争议",
        "nothing": "没有。",
        "figures": "附图",
    },
    "en": {
        "title": "River network",
        "caveat": "An aid to judgement: repairs follow the rules named; what is proposed was not "
        "done; check the repairs that a trace depends on.",
        "reaches": "Reaches",
        "reaches_text": "{}, {:,.1f} km",
        "pieces": "Connected pieces",
        "issues": "Findings",
        "issues_text": "{}: {} mended, {} proposed, {} only listed",
        "clean": "Nothing was found: the lines meet end to end.",
        "found": "{} were mended, {} of them with a confidence under 0.9; {} are only proposed.",
        "applied": "Mended",
        "proposed": "Proposed, not done",
        "none": "Only listed",
        "rivers": "Rivers by law",
        "disputes": "Disputes",
        "nothing": "None.",
        "figures": "Figures",
    },
}

_HEADS = {
    "issue_id": ("编号", "id"),
    "severity": ("程度", "severity"),
    "text": ("说明", "finding"),
    "distance_m": ("距离 (m)", "distance (m)"),
    "confidence": ("把握", "confidence"),
    "lon": ("经度", "lon"),
    "lat": ("纬度", "lat"),
    "reach_ids": ("河段", "reaches"),
    "name": ("河流", "river"),
    "river_class": ("分类", "class"),
    "legal_order": ("级（0 为干流）", "order (0 the main stem)"),
    "flows_into": ("汇入", "flows into"),
    "length_km": ("长度 (km)", "length (km)"),
    "drainage_area_km2": ("流域面积 (km²)", "drainage area (km²)"),
    "river": ("河流", "river"),
}

_DIGITS = {"distance_m": 1, "confidence": 2, "lon": 6, "lat": 6, "legal_order": 0, "length_km": 1}

_ISSUES = ("issue_id", "severity", "text", "distance_m", "confidence", "lon", "lat", "reach_ids")
_RIVERS = ("name", "river_class", "legal_order", "flows_into", "length_km", "drainage_area_km2")


def network_document(network: Any, lang: str, pictures: tuple[Picture, ...]) -> Document:
    """Lay out a `RiverNetwork`."""
    words, issues, reaches = _WORDS[lang], network.issues, network.reaches
    action = issues["action"]
    count = {kind: int((action == kind).sum()) for kind in ("applied", "proposed", "none")}
    doubtful = int(((action == "applied") & (issues["confidence"] < 0.9)).sum())
    told = _in_words(issues, lang)
    ledger = tuple(
        _table(words[kind], told[action == kind], _ISSUES, lang, words["nothing"]) for kind in count
    )
    classes = network.classify_rivers()
    rivers = classes.rivers.reset_index().assign(
        length_km=classes.rivers["length_m"].to_numpy() / 1000
    )
    by_law = _table(words["rivers"], rivers, _RIVERS, lang, words["nothing"])
    disputes = classes.disputes.assign(text=classes.disputes[lang])
    open_ = _table(
        words["disputes"], disputes, ("river", "text", "reach_ids"), lang, words["nothing"]
    )
    sections = [
        Section(words[kind], tables=(table,)) for kind, table in zip(count, ledger, strict=True)
    ]
    sections.append(Section(words["rivers"], tables=(by_law.filled(), open_)))
    if pictures:
        sections.append(Section(words["figures"], pictures=pictures))
    km = float(reaches["length_m"].sum()) / 1000
    return Document(
        title=words["title"],
        lang=lang,
        caveat=words["caveat"],
        facts=(
            (words["reaches"], words["reaches_text"].format(len(reaches), km)),
            (words["pieces"], str(int(reaches["piece"].max()) + 1)),
            (words["issues"], words["issues_text"].format(len(issues), *count.values())),
        ),
        conclusion=words["found"].format(count["applied"], doubtful, count["proposed"])
        if len(issues)
        else words["clean"],
        sections=tuple(sections),
        sheets=(*ledger, by_law, open_),
        pictures=pictures,
    )


def _in_words(issues: Any, lang: str) -> pd.DataFrame:
    """Put each finding into a sentence, with a place on it."""
    shapes = np.asarray(issues.geometry.array, dtype=object)
    places = shapely.point_on_surface(shapes)
    return pd.DataFrame(issues.drop(columns="geometry")).assign(
        text=[issue_text(row, lang) for _, row in issues.iterrows()],
        lon=shapely.get_x(places),
        lat=shapely.get_y(places),
    )


def _table(title: str, frame: Any, keys: tuple[str, ...], lang: str, empty: str) -> Table:
    which = ("zh", "en").index(lang)
    codes = {"severity": "severity", "river_class": "river_class"}
    columns = [
        Column(key, _HEADS[key][which], codes.get(key, ""), digits=_DIGITS.get(key)) for key in keys
    ]
    return tabulate(title, frame, columns, empty=empty)
