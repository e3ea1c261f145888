"""What all figures share: the sheet of paper, its title, footer, words and base map."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import geopandas as gpd
import pandas as pd

from basin.errors import BasinError
from basin.figures._fonts import FALLBACK, check_glyphs, find_font, spell_out
from basin.figures._frame import INK, RIVER, Box, MapFrame, key

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "WORDS",
    "Labels",
    "Sheet",
    "Style",
    "StyleOptions",
    "base_texts",
    "names_of",
    "needs_matplotlib",
    "shorten",
    "takes_style",
]

Labels = Literal["name", "id", "none"]
Plot = TypeVar("Plot", bound=Callable[..., Any])

#: Every word that the figures print themselves.
WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "caveat": "示意图，仅供辅助研判，不代替审批和认定",
        "crs": "坐标系：CGCS2000",
        "source": "数据来源：",
        "date": "日期：",
        "unlabelled": "图面所限未标注：",
        "river": "河流",
        "district": "行政区界（示意）",
        "failing": "未达目标",
        "more": "……另有 {} 个，见报告附表",
        "sections": "断面水质类别",
        "period": "评价时段：",
        "calendar": "逐月水质类别",
        "fails_target": "× 当月未达目标",
        "no_samples": "灰色或空白：当月无数据",
        "none": "无数据",
        "trace": "断面 {} 溯源：{}",
        "target": "受查断面",
        "upstream_section": "上游断面",
        "arriving": "到达断面的负荷（千克/日）",
        "passing": "河段输送的负荷（千克/日）",
        "share_note": "括号内为占断面通量的比例",
        "share_note_explained": "括号内为占已识别排口负荷的比例（缺断面流量，通量未知）",
        "upstream_note": "浅色：位于上游断面以上，其负荷已含在“上游断面带入”中",
        "others": "其余 {} 个排口",
        "inherited": "上游断面带入",
        "remainder": "未解释余量",
        "over": "超出断面通量",
        "flux": "断面通量 {}",
        "nothing": "没有排口的负荷到达",
        "leads": "线索清单，不是责任认定",
        "unranked": "排口（无该项负荷数据）",
        "location": "地理位置",
        "place": "位置",
        "bank_line": "岸线",
        "profile": "沿河变化",
        "no_profile": "断面上游没有河段",
        "mg_l": "浓度 (mg/L)",
        "kg_d": "负荷 (kg/d)",
        "km_above": "距断面的沿河里程（千米）",
        "known": "已知排口的浓度贡献",
        "limit": "限值",
        "observed": "断面实测",
        "interval_note": "横线为 90% 区间",
        "spill": "突发污染推演：{}",
        "spill_under": "泄漏 {} kg　{}　历时 {} h　{}　一维推算，须以监测校核",
        "spill_at": "泄漏点",
        "peak_after": "峰值到达（小时）",
        "windows": "到达时间（小时）",
        "windows_note": "灰带：最早前锋至最迟尾端；竖线：各工况峰值",
        "no_target": "下游没有断面、取水口或行政区界",
        "hours": "泄漏开始后（小时）",
        "curves": "浓度过程（高于本底的增量）",
        "no_curve": "缺流量或泄漏量，不能推算浓度",
        "readings": "定义敏感性：各种口径下的项目数",
        "readings_under": "{} 个项目；同一批项目在不同的河流范围、基准线和距离下的结论",
        "limit_km": "{} 千米",
        "siting": "选址核查结论",
        "site_around": "{} 周边",
        "shoreline": "岸线（判定基线）",
        "band": "岸线外 {} 千米（仅示意）",
        "decides": "决定结论的规则",
        "link": "至最近岸线",
        "col_site": "项目",
        "col_verdict": "结论",
        "col_nearest": "距最近岸线",
        "inside": "岸线内",
        "metres": "{} 米",
    },
    "en": {
        "caveat": "Schematic; an aid to judgement, not a substitute for approval",
        "crs": "Coordinates: CGCS2000",
        "source": "Source: ",
        "date": "Date: ",
        "unlabelled": "Not labelled for want of room: ",
        "river": "river",
        "district": "district boundary (schematic)",
        "failing": "misses its target",
        "more": "… and {} more, see the report's table",
        "sections": "Water quality classes of sections",
        "period": "Period: ",
        "calendar": "Class by month",
        "fails_target": "× misses its target in the month",
        "no_samples": "grey or blank: no data in the month",
        "none": "no data",
        "trace": "Section {}, sources of {}",
        "target": "section traced",
        "upstream_section": "section upstream",
        "arriving": "load arriving at the section (kg/d)",
        "passing": "load carried by the reach (kg/d)",
        "share_note": "in brackets: share of the section's flux",
        "share_note_explained": "in brackets: share of the load of known outfalls (flux unknown)",
        "upstream_note": "pale: above a section upstream, so part of what is inherited",
        "others": "{} other outfalls",
        "inherited": "from sections upstream",
        "remainder": "unexplained remainder",
        "over": "above the section's flux",
        "flux": "flux at the section {}",
        "nothing": "no outfall's load arrives",
        "leads": "a list of leads, not proof",
        "unranked": "outfall (no load known for the item)",
        "location": "Location",
        "place": "place",
        "bank_line": "shoreline",
        "profile": "Along the river",
        "no_profile": "there is no reach above the section",
        "mg_l": "conc. (mg/L)",
        "kg_d": "load (kg/d)",
        "km_above": "distance along the river to the section (km)",
        "known": "what known outfalls make",
        "limit": "limit",
        "observed": "measured at sections",
        "interval_note": "lines: intervals of 90 %",
        "spill": "Spill: {}",
        "spill_under": "{} kg of {}, released over {} h, {}; one-dimensional, check by sampling",
        "spill_at": "spill",
        "peak_after": "peak after (h)",
        "windows": "arrival (h)",
        "windows_note": "grey: first leading to last trailing edge; bars: peaks by case",
        "no_target": "no section, intake or border lies below",
        "hours": "hours since the release began",
        "curves": "Concentration over time (above what the river had)",
        "no_curve": "no concentration without flow and mass",
        "readings": "Sites under each reading of the rule",
        "readings_under": "{} sites: the same sites by river scope, base line and distance",
        "limit_km": "{} km",
        "siting": "Siting check",
        "site_around": "Around {}",
        "shoreline": "shoreline (base line)",
        "band": "within {} km of it (drawing only)",
        "decides": "Rules that decide",
        "link": "to the nearest shoreline",
        "col_site": "site",
        "col_verdict": "verdict",
        "col_nearest": "to shoreline",
        "inside": "inside",
        "metres": "{} m",
    },
}


@dataclass(frozen=True)
class Style:
    """The options that every figure takes.

    Attributes
    ----------
    lang
        ``"zh"`` or ``"en"``.
    labels
        ``"name"``, ``"id"`` (needs no Chinese font with ``lang="en"``) or ``"none"``.
    title
        In place of the usual one.
    source
        Where the data come from, for the footer.
    date
        Date of the data or the project, for the footer; left out if unknown, never today.
    font
        A font file or family in place of the search.
    """

    lang: str = "zh"
    labels: Labels = "name"
    title: str | None = None
    source: str | None = None
    date: dt.date | str | None = None
    font: str | Path | None = None


class StyleOptions(TypedDict, total=False):
    """The same as keywords of a ``plot_`` function: ``**options: Unpack[StyleOptions]``."""

    lang: str
    labels: Labels
    title: str | None
    source: str | None
    date: dt.date | str | None
    font: str | Path | None


def takes_style(plot: Plot) -> Plot:
    """Name each option of `Style` in the signature that ``help`` shows, with its default."""
    given = inspect.signature(plot)
    own = [p for p in given.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default)
        for f in dataclasses.fields(Style)
    ]
    plot.__signature__ = given.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return plot


def needs_matplotlib() -> None:
    """Raise a clear error if matplotlib or its scale bar is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
        import matplotlib_scalebar.scalebar  # noqa: F401
    except ImportError as error:
        raise BasinError(
            f"figures need {error.name}, which is not installed",
            mend="Install the extra: pip install 'basin-gis[report]'.",
        ) from error


def names_of(table: Any, labels: Labels) -> list[str]:
    """Labels of a table's features: its ``name`` column, or the index where a name is missing."""
    if table is None:
        return []
    ids = [_one_line(i) for i in table.index]
    if labels == "none":
        return [""] * len(ids)
    if labels == "id" or "name" not in table:
        return ids
    given = [_one_line(name) for name in table["name"]]
    return [name or i for name, i in zip(given, ids, strict=True)]


def shorten(name: str, most_em: float) -> str:
    """Cut a name to a width in ems, with an ellipsis: a Chinese character is one, others 0.6.

    Examples
    --------
    >>> shorten("示例磷化一厂排污口", 9), shorten("示例磷化一厂排污口", 6)
    ('示例磷化一厂排污口', '示例磷化一…')
    """
    ems = [1.0 if unicodedata.east_asian_width(c) in "WF" else 0.6 for c in name]
    if sum(ems) <= most_em:
        return name
    room, kept = most_em - 1.0, 0
    while ems[kept] <= room:
        room -= ems[kept]
        kept += 1
    return name[:kept] + "…"


def base_texts(reaches: Any, districts: Any, labels: Labels) -> list[str]:
    """Names that the base map prints: none unless names are asked for."""
    tables = [t for t in (reaches, districts) if t is not None and "name" in t]
    return [n for t in tables for n in names_of(t, "name")] if labels == "name" else []


def _one_line(name: Any) -> str:
    """Write a name on one line without control characters."""
    words = "" if pd.isna(name) else " ".join(str(name).split())
    return "".join(c for c in words if c.isprintable())


class Sheet:
    """A page of fixed size in inches, with one Agg canvas and no global state.

    Parameters
    ----------
    size
        Width and height in inches.
    style
        Options of the figure.
    texts
        Strings from the data that will be printed, for the choice of the font.
    """

    def __init__(self, size: tuple[float, float], style: Style, texts: Iterable[object]) -> None:
        needs_matplotlib()
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.style, self.words = style, WORDS[style.lang]
        own = [*self.words.values(), style.source, "北"[: style.lang == "zh"]]
        self.family = find_font([*texts, *own], font=style.font)
        self.families = list(dict.fromkeys([self.family, FALLBACK]))
        self.figure: Figure = Figure(figsize=size, dpi=200, facecolor="white")
        FigureCanvasAgg(self.figure)

    def title(self, text: str, under: str = "") -> None:
        """Set the title and a line under it, left-aligned with the panels."""
        width, height = self.figure.get_size_inches()
        self.figure.suptitle(
            text, x=0.45 / width, y=1 - 0.2 / height, ha="left", va="top",
            fontsize=13, family=self.families, color=INK,
        )  # fmt: skip
        self.text(0.45, height - 0.5, under, size=8.5, colour="#546e7a", va="top")

    def text(
        self, x: float, y: float, text: str, *, size: float = 8, colour: str = INK, **more: Any
    ) -> Any:
        """Write at a place given in inches."""
        width, height = self.figure.get_size_inches()
        return self.figure.text(
            x / width,
            y / height,
            text,
            fontsize=size,
            color=colour,
            family=self.families,
            parse_math=False,
            **more,
        )

    def axes(self, box: Box) -> Any:
        """Add a panel at a place given in inches."""
        width, height = self.figure.get_size_inches()
        left, bottom, w, h = box
        return self.figure.add_axes((left / width, bottom / height, w / width, h / height))

    def frame(self, box: Box, extent: Iterable[Any], *, pad: float = 0.06) -> MapFrame:
        """Add a map panel showing all tables of `extent`."""
        shapes = [t.geometry for t in extent if t is not None and len(t)]
        shown = gpd.GeoSeries(pd.concat(shapes, ignore_index=True) if shapes else [], crs=4490)
        return MapFrame(self.figure, box, shown, self.families, self.style.lang, pad)

    def base_map(self, frame: MapFrame, reaches: Any, districts: Any) -> None:
        """Draw district outlines and rivers, wider by stream order."""
        if districts is not None and len(districts):
            frame.lines(districts, color="#90a4ae", linewidth=0.9, linestyle=(0, (6, 3)), zorder=1)
        if reaches is not None and len(reaches):
            order = reaches["strahler"] if "strahler" in reaches else pd.Series(1, reaches.index)
            widths = (0.2 + 0.4 * order.fillna(1)).tolist()
            frame.lines(reaches, avoid=True, color=RIVER, linewidth=widths, zorder=2)

    def base_names(self, frame: MapFrame, reaches: Any, districts: Any) -> None:
        """Name rivers and districts where the labels set before leave room."""
        if self.style.labels != "name":
            return
        if reaches is not None and "name" in reaches:
            frame.label_lines(reaches, reaches["name"].tolist())
        if districts is not None and len(districts):
            frame.label_areas(districts, names_of(districts, "name"))

    def base_handles(self, reaches: Any, districts: Any) -> list[Any]:
        """Legend entries of the base map."""
        handles = []
        if reaches is not None and len(reaches):
            handles.append(key(color=RIVER, lw=2, label=self.words["river"]))
        if districts is not None and len(districts):
            handles.append(key(color="#90a4ae", lw=1, ls=(0, (6, 3)), label=self.words["district"]))
        return handles

    def finish(self, left_out: Iterable[str] = ()) -> Figure:
        """Write the footer, check every character against the font, and return the figure."""
        from matplotlib.text import Text

        words, style = self.words, self.style
        parts = [words["source"] + style.source if style.source else "", words["crs"]]
        parts.append(words["date"] + str(style.date) if style.date else "")
        width = self.figure.get_size_inches()[0]
        self.text(0.45, 0.16, "　".join(p for p in parts if p), size=7.5, colour="#546e7a")
        self.text(width - 0.3, 0.16, words["caveat"], size=7.5, colour="#b71c1c", ha="right")
        missing = list(left_out)
        if missing:
            shown = "、".join(missing[:8]) + (" …" if len(missing) > 8 else "")
            self.text(0.45, 0.36, words["unlabelled"] + shown, size=7, colour="#546e7a")
        for text in self.figure.findobj(Text):
            text.set_parse_math(False)  # a name may hold a dollar
        spell_out(self.figure, self.family)
        check_glyphs(self.figure, self.family)
        return self.figure
