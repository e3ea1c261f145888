"""The words of the map itself, in Chinese and English; words of codes are in ``labels.toml``."""

from __future__ import annotations

from typing import Any

from basin.standards.labels import codes, label

__all__ = ["FRAME", "WORDS", "heading", "item_name", "words"]

WORDS: dict[str, dict[str, str]] = {
    # frame
    "caveat": {
        "zh": "辅助研判，不代替审批",
        "en": "Decision support; it does not replace approval",
    },
    "remark": {
        "zh": "图上位置与范围仅供示意，结论以测算距离为准。",
        "en": "Drawn for orientation; verdicts rest on computed distances.",
    },
    "layers_legend": {"zh": "图层与图例", "en": "Layers"},
    "also_here": {"zh": "此处还有", "en": "Also here"},
    "whole": {"zh": "显示全图", "en": "Show everything"},
    "zoom_in": {"zh": "放大", "en": "Zoom in"},
    "zoom_out": {"zh": "缩小", "en": "Zoom out"},
    "north": {"zh": "北", "en": "N"},
    "close": {"zh": "关闭", "en": "Close"},
    "whole_group": {"zh": "全部显示或隐藏：", "en": "Show or hide all:"},
    "search": {"zh": "按名称或编号查找", "en": "Find by name or id"},
    "more_found": {"zh": "另有 % 个，请多输入几个字", "en": "% more: type on"},
    "none_found": {"zh": "没有找到", "en": "Nothing found"},
    "measure": {"zh": "量距离和面积", "en": "Measure distance and area"},
    "measure_how": {
        "zh": "在图上逐点点击；按 CGCS2000 椭球面计算，Esc 结束。",
        "en": "Click point after point; on the CGCS2000 ellipsoid. Esc ends.",
    },
    "measured": {"zh": "距离", "en": "Distance"},
    "measured_area": {"zh": "面积", "en": "Area"},
    "undo": {"zh": "撤销一点", "en": "Undo"},
    "print": {"zh": "打印（A4 横向）", "en": "Print (A4 landscape)"},
    "full_screen": {"zh": "全屏", "en": "Full screen"},
    "link": {"zh": "复制当前视图的链接", "en": "Copy a link to this view"},
    "link_told": {
        "zh": "链接含视图位置、图层和时刻，已复制（或按 Ctrl+C）：",
        "en": "With place, layers and hour; copied (or press Ctrl+C):",
    },
    "play": {"zh": "播放或暂停", "en": "Play or pause"},
    "map": {"zh": "流域研判图", "en": "Basin map"},
    "siting_map": {"zh": "项目选址核查图", "en": "Siting check"},
    "trace_map": {"zh": "污染溯源图", "en": "Source trace"},
    "network_map": {"zh": "河网与修补清单", "en": "River network and its repairs"},
    "allowed_map": {"zh": "可选址范围图", "en": "Where it may be built"},
    "catchment_map": {"zh": "集水区图", "en": "Catchments"},
    "allowed": {"zh": "可选址范围（按结论）", "en": "Allowed area by status"},
    "asked": {"zh": "所问地点", "en": "Places asked about"},
    "nearest": {"zh": "最近可选址处", "en": "Nearest allowed place"},
    "parks": {"zh": "合规园区", "en": "Compliant parks"},
    "catchments": {"zh": "集水区", "en": "Catchments"},
    "raindrops": {"zh": "汇流路径", "en": "Paths of water"},
    # groups of layers
    "group_results": {"zh": "核查与评价", "en": "Results"},
    "group_sources": {"zh": "排污口与设施", "en": "Outfalls and works"},
    "group_zones": {"zh": "管控分区", "en": "Control zones"},
    "group_rivers": {"zh": "河流与岸线", "en": "Rivers and shorelines"},
    "group_base": {"zh": "底图", "en": "Base map"},
    "group_quality": {"zh": "数据问题", "en": "Data issues"},
    # layers
    "sites": {"zh": "项目（按结论）", "en": "Sites by verdict"},
    "plain_sites": {"zh": "项目", "en": "Sites"},
    "sections": {"zh": "监测断面（按水质类别）", "en": "Sections by water class"},
    "plain_sections": {"zh": "监测断面", "en": "Monitored sections"},
    "trace": {"zh": "溯源：{what}", "en": "Trace: {what}"},
    "spill_map": {"zh": "泄漏扩散图", "en": "Spill"},
    "spill_case": {"zh": "泄漏云团：{case}", "en": "Cloud of the spill: {case}"},
    "spill_reaches": {"zh": "泄漏点以下河道", "en": "Rivers below the spill"},
    "spill_start": {"zh": "泄漏点", "en": "Place of the spill"},
    "outfalls": {"zh": "入河排污口", "en": "Outfalls"},
    "intakes": {"zh": "取水口", "en": "Intakes"},
    "structures": {"zh": "水工建筑物", "en": "Dams and sluices"},
    "band": {"zh": "岸线 {limit} 范围（示意）", "en": "{limit} band (indicative)"},
    "shorelines": {"zh": "岸线与河道管理范围", "en": "Shorelines"},
    "reaches": {"zh": "河流（线宽按河流级别）", "en": "Rivers, width by order"},
    "plain_reaches": {"zh": "河流", "en": "Rivers"},
    "districts": {"zh": "区县界（示意）", "en": "Districts (schematic)"},
    "hillshade": {"zh": "地形晕渲", "en": "Hillshade"},
    "snaps": {"zh": "排污口定位（存疑数）", "en": "Snaps of outfalls (in doubt)"},
    "issues": {"zh": "河网问题", "en": "Network issues"},
    "basemap": {"zh": "在线底图", "en": "Base map"},
    "basemap_remark": {
        "zh": "需联网，来自 {host}；断网时不显示",
        "en": "from {host}; needs a network",
    },
    "basemap_shifted": {
        "zh": "底图为 GCJ-02 偏移坐标，与数据相差约 {m} m，不得据底图判断位置",
        "en": "The base map is in GCJ-02, about {m} m off the data: judge no place by it",
    },
    # legend
    "bank_distance": {"zh": "至最近岸线", "en": "to the nearest bank"},
    "superseded": {"zh": "已失效版本", "en": "superseded edition"},
    "in_force": {"zh": "现行版本", "en": "edition in force"},
    "ranked": {"zh": "排污口，数字为排序", "en": "outfalls; the number is the rank"},
    "no_load": {"zh": "无该指标负荷数据", "en": "no load of the item known"},
    "left_out": {"zh": "另有 {n} 个未列入：{ids}", "en": "{n} left out: {ids}"},
    "lead_rank": {"zh": "排序", "en": "Rank"},
    "lead_name": {"zh": "排污口", "en": "Outfall"},
    "lead_km": {"zh": "河道距离 (km)", "en": "Distance (km)"},
    "lead_load": {"zh": "到达负荷 (kg/d)", "en": "Arriving (kg/d)"},
    "more_leads": {"zh": "另有 {n} 个，见溯源图层", "en": "{n} more: see the layer of the trace"},
    "leads": {"zh": "溯源结果是排查线索，不是证据。", "en": "A list of leads, not proof."},
    "allowed_remark": {
        "zh": "由规则推算，供比选；具体地块须逐一核查。",
        "en": "Reckoned from the rules, to choose from; each plot has to be checked.",
    },
    "band_remark": {
        "zh": "范围线仅供示意，是否在限值内以测算距离为准。",
        "en": "Drawn for orientation; what counts is the computed distance.",
    },
    "spill_remark": {
        "zh": "推算，非实测，须以采样核对；预警与关闸按“最快可能”。",
        "en": "Reckoned, not measured: check by sampling. Warn and close by the fastest probable.",
    },
    "spill_cloud": {"zh": "该时刻云团所在", "en": "where the cloud is at the hour"},
    "spill_hours": {"zh": "泄漏后的时间", "en": "Hours since the spill"},
    "spill_hour": {"zh": "泄漏后 {h} h", "en": "{h} h after"},
    "spill_before": {"zh": "未到", "en": "not come yet"},
    "spill_during": {"zh": "正在通过", "en": "passing"},
    "spill_after": {"zh": "已过", "en": "passed"},
    "spill_targets": {"zh": "泄漏影响目标", "en": "What the spill comes to"},
    "spill_arrivals": {"zh": "到达时间（自泄漏起）", "en": "Hours since the spill, by case"},
    # popups
    "rank_badge": {"zh": "第 {n} 位", "en": "rank {n}"},
    "missed_badge": {"zh": "未达标", "en": "misses target"},
    "findings_clear": {"zh": "未触及的规则 {n} 条", "en": "{n} rules not touched"},
    "site_action": {"zh": "建设性质", "en": "action"},
    "distance": {"zh": "距离 {d} m", "en": "distance {d} m"},
    "distance_error": {"zh": "距离 {d} ± {e} m", "en": "distance {d} ± {e} m"},
    "limit": {"zh": "限值 {l} m", "en": "limit {l} m"},
    "inside": {"zh": "在限值内 {m} m", "en": "{m} m inside the limit"},
    "outside": {"zh": "在限值外 {m} m", "en": "{m} m outside the limit"},
    "overlap": {"zh": "重叠 {a} m²（{s}%）", "en": "overlap {a} m² ({s} %)"},
    "basis": {"zh": "依据：{text}", "en": "Basis: {text}"},
    "edition": {"zh": "法规版本：{text}", "en": "Edition of the law: {text}"},
    "evidence": {"zh": "证据：{text}", "en": "Evidence: {text}"},
    "exemption": {"zh": "例外：{text}", "en": "Exemption: {text}"},
    "observed": {
        "zh": "实测均值 {v} mg/L，目标限值 {l} mg/L",
        "en": "observed {v} mg/L, limit {l} mg/L",
    },
    "flux": {"zh": "断面通量 {f} kg/d，已解释 {e} kg/d", "en": "flux {f} kg/d, explained {e} kg/d"},
    # summary
    "sum_sections": {"zh": "断面 {n} 个", "en": "{n} sections"},
    "sum_missed": {"zh": "未达标 {n} 个（{ids}）", "en": "{n} miss their target ({ids})"},
    "sum_sites": {"zh": "项目 {n} 个", "en": "{n} sites"},
    "sum_spill": {"zh": "泄漏：{what}", "en": "Spill: {what}"},
    "sum_intake": {
        "zh": "；{case} {h} h 到 {name}",
        "en": "; {case}: {h} h to {name}",
    },
    "sum_traces": {"zh": "已溯源：{ids}", "en": "Traced: {ids}"},
}

#: Words that the page's own script says.
FRAME = (
    "layers_legend",
    "also_here",
    "whole",
    "zoom_in",
    "zoom_out",
    "north",
    "close",
    "whole_group",
    "search",
    "more_found",
    "none_found",
    "measure",
    "measure_how",
    "measured",
    "measured_area",
    "undo",
    "print",
    "full_screen",
    "link",
    "link_told",
    "play",
)


def words(key: str, lang: str, **values: Any) -> str:
    """Return one of the map's words, its places filled with `values`."""
    text = WORDS[key][lang]
    return text.format(**values) if values else text


def item_name(item: Any, lang: str) -> str:
    """Return the name of a GB 3838 item; an unknown id stands for itself."""
    return label("item", item, lang)


def heading(column: Any, lang: str) -> str:
    """Return the heading of a column: known ones from the table, others as they are.

    Examples
    --------
    >>> heading("load_tp_kg_d", "zh"), heading("strahler", "en"), heading("备注", "en")
    ('总磷负荷 (kg/d)', 'Strahler order', '备注')
    """
    name = str(column)
    for prefix, suffix, text in (
        ("load_", "_kg_d", {"zh": "{}负荷 (kg/d)", "en": "{} load (kg/d)"}),
        ("conc_", "_mg_l", {"zh": "{}浓度 (mg/L)", "en": "{} concentration (mg/L)"}),
    ):
        item = name.removeprefix(prefix).removesuffix(suffix)
        if name == f"{prefix}{item}{suffix}" and item in codes("item"):
            return text[lang].format(item_name(item, lang))
    return label("column", name, lang)
