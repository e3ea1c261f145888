"""The ledger of a network: what was found in the lines, what was done about it, and how sure it is.

Every entry is one row of ``RiverNetwork.issues``; :func:`issue_text` puts it into a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Floats
from basin._network.joints import Joints
from basin.crs import EXCHANGE_CRS

__all__ = ["COLUMNS", "KINDS", "Ledger", "issue_text"]

#: kind -> (severity, sentence in Chinese, sentence in English), in the order of the ledger.
KINDS: dict[str, tuple[str, str, str]] = {
    "cycle": (
        "error",
        "河段 {ids} 首尾相接成环，水流方向自相矛盾；{action_zh}{breaks_zh}。",
        "{ids}: these reaches run in a circle; {action_en}{breaks_en}.",
    ),
    "head_to_head": (
        "warning",
        "河段 {ids} 在一处相向而流，没有出路；请核对方向。",
        "{ids}: flow head to head with no way out; check the directions.",
    ),
    "tail_to_tail": (
        "warning",
        "河段 {ids} 从一处背向流出，却没有来水；请核对方向。",
        "{ids}: leave one place that nothing flows into; check the directions.",
    ),
    "reversed": (
        "warning",
        "河段 {ids} 的数字化方向与流向相反（依据：{rule_zh}）；{action_zh}。",
        "{ids}: drawn against the flow (evidence: {rule_en}); {action_en}.",
    ),
    "topology_conflict": (
        "warning",
        "河段 {ids} 给定的下游与几何不符，相距 {distance}；以几何为准。",
        "{ids}: the given topology and the geometry disagree by {distance}; the geometry is kept.",
    ),
    "unknown_target": (
        "warning",
        "河段 {ids} 给定的下游 {rule_zh} 不在图层中；按几何连接，请核对编号或补齐河段。",
        "{ids}: the given downstream reach {rule_en} is not in the layer; "
        "joined by geometry alone, check the id or add the reach.",
    ),
    "gap_closed": (
        "warning",
        "河段 {ids} 之间有 {distance} 的缺口，已按容差接上（{rule_zh}）。",
        "{ids}: a gap of {distance} was closed ({rule_en}).",
    ),
    "gap_proposed": (
        "warning",
        "河段 {ids} 相距 {distance}，未自动接上（{rule_zh}）；如属同一水系，请加大容差或补线。",
        "{ids}: {distance} apart, not joined ({rule_en}); "
        "raise the tolerance or draw the missing piece if they belong together.",
    ),
    "isolated": (
        "warning",
        "河段 {ids} 与主河网不相连，距最近的河段 {rule_zh} {distance}。",
        "{ids}: not connected to the main network; the nearest reach, {rule_en}, is "
        "{distance} away.",
    ),
    "crossing": (
        "warning",
        "河段 {ids} 在中途交叉而没有节点（{rule_zh}）；{joined_zh}。",
        "{ids}: cross in mid-line without a node ({rule_en}); {joined_en}.",
    ),
    "overshoot": (
        "warning",
        "河段 {ids}：前者的端点越过后者 {distance}（{rule_zh}）；{cut_zh}。",
        "{ids}: the first runs {distance} past the second ({rule_en}); {cut_en}.",
    ),
    "overlap": (
        "warning",
        "河段 {ids} 有 {distance} 重合，重合部分只保留前者的。",
        "{ids}: share a stretch of {distance}; the first keeps it, it is cut from the second.",
    ),
    "connected": (
        "info",
        "河段 {ids} 的端点经水面 {rule_zh} 相连（直线连接，非实测河线）。",
        "{ids}: connected through the water {rule_en} by straight lines, not surveyed ones.",
    ),
    "duplicate": (
        "warning",
        "河段 {ids} 重复，只保留前者（{rule_zh}）。",
        "{ids}: the same line; only the first is kept ({rule_en}).",
    ),
    "duplicate_id": (
        "warning",
        "编号重复，另编为 {ids}。",
        "A reach_id was used more than once; renamed apart: {ids}.",
    ),
    "zero_length": (
        "warning",
        "河段 {ids} 没有可用的线（{rule_zh}），已搁置。",
        "{ids}: no usable line ({rule_en}); set aside.",
    ),
    "ring_set_aside": (
        "warning",
        "{ids} 是闭合环（多为洲岛岸线），已搁置（{rule_zh}）。",
        "{ids}: a closed ring, often an island's bank; set aside ({rule_en}).",
    ),
    "split_at_confluence": (
        "info",
        "河段 {ids}：汇口落在线的中间，已在此断开。",
        "{ids}: a confluence lies in the middle of the first line, which was split there.",
    ),
    "merged": (
        "info",
        "河段 {ids} 首尾相接、中间无汇流，已合并为 {rule_zh}。",
        "{ids}: nothing joins between them; merged into {rule_en}.",
    ),
    "second_outlet": (
        "info",
        "河段 {ids} 另有出口；按数字化方向视为分流，未改动。",
        "{ids}: ends at a second outlet; taken as a distributary, as drawn.",
    ),
    "outlet_dry": (
        "warning",
        "已知出口处的河段 {ids} 没有水流到；请核对方向与连通。",
        "{ids}: at a known outlet, but no water arrives there; check directions and gaps.",
    ),
    "witness_not_used": (
        "warning",
        "{ids} 附近没有可用的河线（{rule_zh}），未作为流向依据。",
        "{ids}: no river line near enough ({rule_en}); not used as evidence of the direction.",
    ),
    "two_way": (
        "info",
        "河段 {ids} 水流可双向（{rule_zh}）；距离、负荷和级别按此状态计算。",
        "{ids}: water may run either way ({rule_en}); distances, loads and orders are those of "
        "this state.",
    ),
    "uphill": (
        "warning",
        "河段 {ids} 按高程由低向高流（{distance}）；{action_zh}。",
        "{ids}: climbs by {distance} in the elevation model; {action_en}.",
    ),
}

_RULES: dict[str, tuple[str, str]] = {
    "exact": ("坐标完全相同", "same coordinates"),
    "reversed copy": ("坐标相同、方向相反", "same coordinates, opposite direction"),
    "within tolerance": ("容差内重合", "alike within the tolerance"),
    "end to end": ("端点对端点", "end to end"),
    "end to middle": ("端点对河段中部", "end to the middle of a line"),
    "beyond tolerance": ("超出容差", "beyond the tolerance"),
    "start near middle": ("起点靠近另一河段中部", "a start near the middle of another line"),
    "to_id": ("给定的下游编号", "the given downstream id"),
    "given nodes": ("给定的节点编号", "the given nodes"),
    "null": ("几何为空值", "null geometry"),
    "empty": ("几何为空", "empty geometry"),
    "not a line": ("不是线", "not a line"),
    "zero length": ("长度为零", "zero length"),
    "shorter than tolerance": ("短于容差", "shorter than the tolerance"),
    "closed": ("首尾同点", "ends where it begins"),
    "nearly closed": ("首尾在容差内", "ends within the tolerance of its beginning"),
    "layer drawn upstream": ("整个图层逆流数字化", "the whole layer is drawn upstream"),
    "layer drawn at random": (
        "整个图层数字化方向杂乱，按最可能的出口定向",
        "the lines of the layer are drawn in random directions; directed to the likeliest outlet",
    ),
    "outlets": ("已知出口", "known outlets"),
    "sections": ("断面上下游次序", "order of the sections"),
    "drawn": ("数字化方向", "direction as drawn"),
    "network": ("与河网一致", "agrees with the network"),
    "tidal": ("感潮", "tidal"),
    "regulated": ("闸控", "regulated"),
    "two-way": ("双向", "two-way"),
    "forward": ("现状顺流", "now forward"),
    "backward": ("现状倒流", "now backward"),
    "tail_to_tail": ("背向流出", "tail to tail"),
    "head_to_head": ("相向而流", "head to head"),
    "angle": ("汇入角", "angle at the junction"),
    "course": ("来水走向", "course of what arrives"),
    "progress": ("远离出口", "leads away from the outlet"),
    "name": ("河名连续", "name continues"),
    "dem": ("高程", "elevation"),
    "braid": ("洲汊流向矛盾", "contradiction in a braid"),
    "one river": ("同名河流", "one river by name"),
    "canal or bridge": ("可能是渠道或桥渡", "perhaps a canal or a bridge"),
    "shared vertex": ("有共同折点", "a vertex in common"),
    "meets nearby": ("两线在近旁已有节点", "the two meet at a node nearby"),
    "rank 2": ("第二可能", "second choice"),
    "rank 3": ("第三可能", "third choice"),
    "end": ("终点", "its end"),
    "start": ("起点", "its start"),
}

COLUMNS = [
    "issue_id",
    "kind",
    "severity",
    "reach_ids",
    "action",
    "distance_m",
    "rule",
    "confidence",
    "geometry",
]


class Ledger:
    """Collects findings while a network is built."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self.joints = Joints()
        #: The row of :meth:`frame` that each repair number has become.
        self.row: dict[int, int] = {}

    def add(
        self,
        kind: str,
        ids: Iterable[str],
        *,
        action: str,
        place: Any = None,
        distance_m: float = float("nan"),
        rule: str = "",
        confidence: float = 1.0,
    ) -> int:
        """Add one finding; `ids` are listed in the order given, `place` is in EPSG:4490.

        Returns
        -------
        int
            The number by which :attr:`joints` remember what hangs on it.
        """
        row = {
            "number": len(self._rows),
            "kind": kind,
            "severity": KINDS[kind][0],
            "reach_ids": ", ".join(ids),
            "action": action,
            "distance_m": float(distance_m),
            "rule": rule,
            "confidence": float(confidence),
            "geometry": place,
        }
        self._rows.append(row)
        return len(self._rows) - 1

    def turned(self, ids: Any) -> tuple[Floats, Any]:
        """Return for each line the confidence and the rule of its turning; -1 and "" for none."""
        sure: dict[str, tuple[float, str]] = {}
        for row in self._rows:
            if row["kind"] == "reversed" and row["action"] == "applied":
                told = (row["confidence"], row["rule"])
                sure.update(dict.fromkeys(row["reach_ids"].split(", "), told))
        confidence, rule = np.full(len(ids), -1.0), np.full(len(ids), "", dtype=object)
        if sure:
            place = pd.Index(ids, dtype=object).get_indexer(pd.Index(list(sure), dtype=object))
            for k, told in zip(place.tolist(), sure.values(), strict=True):
                if k >= 0:
                    confidence[k], rule[k] = told
        return confidence, rule

    def frame(self) -> gpd.GeoDataFrame:
        """Return the findings, ordered by kind and then ids, numbered I0001 and on."""
        rank = {kind: k for k, kind in enumerate(KINDS)}
        rows = sorted(
            self._rows, key=lambda r: (rank[r["kind"]], r["action"], r["reach_ids"], r["rule"])
        )
        for k, row in enumerate(rows, start=1):
            row["issue_id"] = f"I{k:04d}"
        self.row = {row["number"]: k for k, row in enumerate(rows)}
        table = pd.DataFrame(rows, columns=COLUMNS)
        places = np.array([r["geometry"] for r in rows], dtype=object)
        return gpd.GeoDataFrame(
            table.drop(columns="geometry").astype({"distance_m": float, "confidence": float}),
            geometry=gpd.GeoSeries(places, crs=EXCHANGE_CRS, index=table.index),
        )


def place_of(a: Floats, b: Floats) -> Any:
    """Return the line from `a` to `b`, or the point where they are one."""
    return shapely.Point(a) if np.array_equal(a, b) else shapely.LineString([a, b])


def _words(rule: str, lang: int) -> str:
    parts = [_RULES[p][lang] if p in _RULES else p for p in rule.split(" + ") if p]
    return ("、" if lang == 0 else ", ").join(parts)


def issue_text(issue: Mapping[str, Any] | pd.Series, lang: str = "zh") -> str:
    """Put one finding of the ledger into a sentence.

    Parameters
    ----------
    issue
        A row of ``RiverNetwork.issues``.
    lang
        "zh" or "en".

    Examples
    --------
    >>> issue_text({"kind": "gap_closed", "reach_ids": "R1, R2", "action": "applied",
    ...             "distance_m": 19.96, "rule": "end to end"}, "en")
    'R1, R2: a gap of 20.0 m was closed (end to end).'
    """
    _, zh, en = KINDS[str(issue["kind"])]
    metres = float(issue["distance_m"])
    known = np.isfinite(metres)
    ids = str(issue["reach_ids"]).split(", ")
    shown = ", ".join(ids[:8])
    if len(ids) > 8:
        shown += f" 等 {len(ids)} 条" if lang == "zh" else f" and {len(ids) - 8} more"
    action = str(issue["action"])
    words = {
        "ids": shown,
        "distance": f"{metres:.1f} m" if known else ("未知" if lang == "zh" else "an unknown way"),
        "breaks_zh": f"，{issue['rule']} 调头即可解开" if issue["rule"] else "",
        "breaks_en": f"; turning {issue['rule']} would break it" if issue["rule"] else "",
        "rule_zh": _words(str(issue["rule"]), 0),
        "rule_en": _words(str(issue["rule"]), 1),
        "action_zh": {"applied": "已改正", "proposed": "建议改正，尚未改动"}.get(action, "未改动"),
        "joined_zh": {"applied": "已断开并接上", "proposed": "可能是桥渡，未接上，请核对"}.get(
            action, "未改动"
        ),
        "joined_en": {
            "applied": "split and joined",
            "proposed": "not joined, it may be a bridge: please check",
        }.get(action, "left as drawn"),
        "cut_zh": {"applied": "已截去并接上"}.get(action, "超出容差，未截去，请核对"),
        "cut_en": {"applied": "cut off and joined"}.get(
            action, "beyond the tolerance, not cut: please check"
        ),
        "action_en": {"applied": "turned", "proposed": "turning is proposed, not done"}.get(
            action, "left as drawn"
        ),
    }
    return (zh if lang == "zh" else en).format(**words)
