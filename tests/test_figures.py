"""Figures: every character has a glyph, labels do not collide, files are whole and repeatable."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import struct
from typing import Any

import geopandas as gpd
import matplotlib
import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib import font_manager
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.text import Annotation
from shapely.geometry import Point

import results_by_hand as by_hand
from basin import figures
from basin.errors import BasinError
from basin.figures import FontError
from basin.figures import _fonts as fonts
from basin.figures._fonts import check_glyphs
from basin.figures._frame import MapFrame, Mark
from basin.figures._sheet import Sheet, Style, StyleOptions
from basin.project._report import draw_closeups, siting_pictures
from basin.standards.labels import colour, label

BASE = {"reaches": by_hand.make_reaches(), "districts": by_hand.make_districts()}


def words_of(figure: Any) -> list[str]:
    found = figure.findobj(matplotlib.text.Text)
    return [t.get_text() for t in found if t.get_text() and t.get_visible()]


def boxes_of_labels(figure: Any, axes: Any) -> list[Any]:
    """Boxes of the labels set on a map, in pixels."""
    renderer = figure.canvas.get_renderer()
    texts = [t for t in axes.texts if t.get_text() and not isinstance(t, Annotation)]
    extents = [t.get_window_extent(renderer) for t in texts]
    return [shapely.box(b.x0, b.y0, b.x1, b.y1) for b in extents]


def draw_all(lang: str = "zh", labels: Any = "name") -> list[Any]:
    style = {"lang": lang, "labels": labels, "source": "S", "date": "2026-03-31"}
    shorelines = by_hand.make_shorelines()
    band = shorelines.to_crs(32648).buffer(1000).to_crs(4490).union_all()
    return [
        figures.plot_sections(by_hand.make_assessment(), **BASE, **style),
        figures.plot_trace(by_hand.make_trace(), **BASE, **style),
        figures.plot_siting(
            by_hand.make_siting(), shorelines=shorelines, bands={1000: band}, **BASE, **style
        ),
    ]


@pytest.fixture(scope="module")
def drawn() -> list[Any]:
    return draw_all()


def test_labels_cover_neither_each_other_nor_the_edge(drawn: list[Any]) -> None:
    for figure in drawn:
        axes = figure.axes[0]
        boxes = boxes_of_labels(figure, axes)
        assert len(boxes) > 8
        left, right = shapely.STRtree(boxes).query(boxes, predicate="intersects")
        touching = [(i, j) for i, j in zip(left, right, strict=True) if i < j]
        assert touching == []
        panel = axes.bbox
        frame = shapely.box(panel.x0, panel.y0, panel.x1, panel.y1)
        assert all(frame.contains(box) for box in boxes)


def test_nothing_is_clipped_by_the_page(drawn: list[Any]) -> None:
    for figure in drawn:
        renderer = figure.canvas.get_renderer()
        width, height = figure.get_size_inches() * figure.dpi
        page = shapely.box(0, 0, width, height)
        for legend in figure.legends:
            box = legend.get_window_extent(renderer)
            assert page.contains(shapely.box(box.x0, box.y0, box.x1, box.y1))
        loose = [t for t in figure.texts if t.get_text()]
        for extent in (t.get_window_extent(renderer) for t in loose):
            assert page.contains(shapely.box(extent.x0, extent.y0, extent.x1, extent.y1))


def test_legends_and_loose_texts_touch_neither_each_other_nor_a_panel(drawn: list[Any]) -> None:
    for figure in [*drawn, figures.plot_trace(by_hand.make_trace(), **BASE, lang="en")]:
        renderer = figure.canvas.get_renderer()
        texts = [t for t in figure.texts if t.get_text()]
        loose = [t.get_window_extent(renderer) for t in [*figure.legends, *texts]]
        panels = [ax.get_tightbbox(renderer) for ax in figure.axes]
        loose, panels = (
            [shapely.box(b.x0, b.y0, b.x1, b.y1) for b in some] for some in (loose, panels)
        )
        for k, box in enumerate(loose):
            covered = [o for o in [*loose[k + 1 :], *panels] if box.intersects(o)]
            assert not covered, (texts[k - len(figure.legends)], covered)


def test_map_is_in_metres_and_labelled_in_degrees(drawn: list[Any]) -> None:
    axes = drawn[0].axes[0]
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    assert 50_000 < x1 - x0 < 300_000
    box = axes.bbox
    assert (x1 - x0) / box.width == pytest.approx((y1 - y0) / box.height, rel=1e-9)
    east = [t.get_text() for t in axes.get_xticklabels()]
    assert east == ["106°15′E", "106°30′E", "106°45′E", "107°00′E"]
    assert all(t.get_text().endswith("′N") for t in axes.get_yticklabels())


def test_graticule_stands_where_the_degrees_are() -> None:
    sheet = Sheet((5, 5), Style("en", "id"), [])
    frame = sheet.frame((0.5, 0.5, 4, 4), [by_hand.make_reaches()])
    place = gpd.GeoSeries([Point(106.75, 28.85)], crs=4490)
    x, _ = frame.xy(gpd.GeoDataFrame(geometry=place))
    ticks = dict(
        zip([t.get_text() for t in frame.ax.get_xticklabels()], frame.ax.get_xticks(), strict=True)
    )
    # meridians lean by less than a minute over the height of the map: compare near the middle
    assert abs(ticks["106°45′E"] - x[0]) < 600


def test_footer_carries_source_date_and_caveat(drawn: list[Any]) -> None:
    for figure in drawn:
        said = "".join(words_of(figure))
        assert "数据来源：S" in said
        assert "2026-03-31" in said
        assert "辅助研判" in said


def test_date_is_never_today_but_the_results() -> None:
    said = "".join(words_of(figures.plot_siting(by_hand.make_siting(), labels="id")))
    assert "日期：2026-03-31" in said
    said = "".join(words_of(figures.plot_sections(by_hand.make_assessment(), labels="id")))
    assert "日期" not in said


def test_calendar_has_the_official_colour_of_each_month() -> None:
    assessment = by_hand.make_assessment()
    figure = figures.plot_sections(assessment)
    calendar = figure.axes[1]
    painted = {
        (round(p.get_x()), round(p.get_y())): to_hex(p.get_facecolor()) for p in calendar.patches
    }
    rows = list(assessment.sections.index)
    months = [f"2025-{m:02d}" for m in range(1, 13)]
    for record in assessment.months.itertuples():
        cell = months.index(record.month), rows.index(record.section_id)
        assert painted[cell] == colour("water_class", record.water_class)
    assert len(painted) == len(assessment.months)  # a month without samples stays blank


def test_calendar_keeps_a_gap_of_months() -> None:
    assessment = by_hand.make_assessment()
    months = assessment.months[~assessment.months["month"].isin(["2025-03", "2025-04"])]
    figure = figures.plot_sections(by_hand.make_assessment(months=months))
    assert len(figure.axes[1].get_xticks()) == 12


def test_section_symbols_have_class_colours_and_failing_ones_a_ring(drawn: list[Any]) -> None:
    axes = drawn[0].axes[0]
    fills = {to_hex(c) for s in axes.collections for c in s.get_facecolors() if len(s.get_sizes())}
    for code in ("I", "II", "III", "IV", "V", "inferior", "none"):
        assert colour("water_class", code) in fills


def test_trace_bars_add_up_to_the_flux() -> None:
    trace = by_hand.make_trace()
    axes = figures.plot_trace(trace, labels="id").axes[-1]
    counted = [p.get_width() for p in axes.patches if p.get_alpha() is None]
    assert sum(counted) == pytest.approx(trace.balance["flux_kg_d"])
    # what enters above a measured section is drawn pale: it is part of what is inherited
    assert len(axes.patches) - len(counted) == (~trace.outfalls["local"][:12]).sum()
    said = " ".join(t.get_text() for t in axes.texts)
    assert "9 (22.5%)" in said


def test_trace_values_stand_clear_of_their_intervals() -> None:
    trace = by_hand.make_trace()
    arriving = trace.outfalls["arriving_kg_d"]
    spread = trace.outfalls.assign(
        arriving_low_kg_d=0.6 * arriving, arriving_high_kg_d=1.5 * arriving
    )
    axes = figures.plot_trace(by_hand.make_trace(outfalls=spread), labels="id").axes[-1]
    renderer = axes.figure.canvas.get_renderer()
    caps = [line for line in axes.get_lines() if line.get_marker() == "|"]
    assert len(caps) == 12
    for text, cap in zip(axes.texts, caps, strict=False):
        end = axes.transData.transform(cap.get_xydata()[-1])
        box = text.get_window_extent(renderer)
        assert box.y0 < end[1] < box.y1
        assert box.x0 > end[0] + 3


def test_trace_groups_the_many_behind_the_first_twelve() -> None:
    trace = by_hand.make_trace(30)
    trace.outfalls.loc[trace.outfalls["arriving_kg_d"].isna(), "arriving_kg_d"] = 0.125
    axes = figures.plot_trace(trace, labels="id").axes[-1]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert len(names) == 15
    assert names[12] == "其余 18 个排口"  # all of them above a section upstream: drawn pale
    assert axes.patches[12].get_alpha() == 0.4


def test_trace_with_more_explained_than_observed_says_so() -> None:
    trace = by_hand.make_trace()
    balance = trace.balance.copy()
    balance["flux_kg_d"], balance["remainder_kg_d"] = 10.0, -15.2
    figure = figures.plot_trace(by_hand.make_trace(balance=balance))
    assert "超出断面通量" in words_of(figure)


def test_trace_without_flow_shows_shares_of_what_is_explained() -> None:
    balance = pd.Series({"observed_mg_l": 0.27, "flux_kg_d": np.nan, "explained_kg_d": 23.0})
    said = " ".join(words_of(figures.plot_trace(by_hand.make_trace(balance=balance))))
    assert "缺断面流量" in said
    assert "30.0%" in said


def test_trace_of_nothing() -> None:
    trace = by_hand.make_trace()
    empty = by_hand.make_trace(outfalls=trace.outfalls.iloc[:0], upstream_sections=None)
    balance = empty.balance.drop(["remainder_kg_d", "inherited_kg_d"])
    bare = by_hand.make_trace(
        outfalls=empty.outfalls, upstream_sections=None, balance=balance, reaches=trace.reaches[:1]
    )
    assert "没有排口的负荷到达" in words_of(figures.plot_trace(bare))


def test_siting_lists_every_site_strictest_first(drawn: list[Any]) -> None:
    figure = drawn[2]
    said = [t.get_text() for t in figure.texts]
    verdicts = [w for w in said if w in {label("verdict", v) for v in by_hand.VERDICTS}]
    order = [label("verdict", v) for v in by_hand.VERDICTS]
    assert len(verdicts) == 15
    assert [order.index(v) for v in verdicts] == sorted(order.index(v) for v in verdicts)
    assert "383 米" in said


def test_siting_of_many_sites_says_how_many_are_not_listed() -> None:
    figure = figures.plot_siting(by_hand.make_siting(40))
    assert "……另有 16 个，见报告附表" in words_of(figure)


def test_siting_of_one_point_has_a_scale() -> None:
    one = by_hand.make_siting(1)
    figure = figures.plot_siting(one)
    x0, x1 = figure.axes[0].get_xlim()
    assert x1 - x0 >= 1600


def test_siting_empty() -> None:
    none = by_hand.make_siting(1)
    figure = figures.plot_siting(by_hand.make_siting(1, sites=none.sites.iloc[:0]))
    assert figure.axes


def test_sections_without_a_place_are_in_the_calendar_only() -> None:
    assessment = by_hand.make_assessment()
    table = assessment.sections.copy()
    table.loc["S-BD", "geometry"] = None
    figure = figures.plot_sections(by_hand.make_assessment(sections=table))
    assert "北渡" in [t.get_text() for t in figure.axes[1].get_yticklabels()]
    assert "北渡" not in [t.get_text() for t in figure.axes[0].texts]


def test_labels_without_room_are_named_under_the_map() -> None:
    assessment = by_hand.make_assessment()
    crowd = pd.concat([assessment.sections.assign(geometry=Point(106.7, 28.9))] * 12)
    crowd.index = pd.Index([f"S-{k:03d}" for k in range(len(crowd))], name="section_id")
    crowd["name"] = [f"同一处的断面{k}" for k in range(len(crowd))]
    figure = figures.plot_sections(by_hand.make_assessment(sections=crowd))
    assert any(w.startswith("图面所限未标注：") for w in words_of(figure))


def test_a_name_with_dollars_and_line_breaks_is_printed_as_it_is() -> None:
    assessment = by_hand.make_assessment()
    table = assessment.sections.copy()
    table.loc["S-FH", "name"] = "价$\\frac{1}$\n二"
    figure = figures.plot_sections(by_hand.make_assessment(sections=table))
    figure.canvas.draw()
    assert "价$\\frac{1}$ 二" in words_of(figure)


def test_placed_labels_of_a_crowd_stay_apart() -> None:
    sheet = Sheet((6, 6), Style("en", "id"), [])
    frame: MapFrame = sheet.frame((0.5, 0.5, 5, 5), [by_hand.make_reaches()])
    x0, y0, x1, y1 = frame._limits(0.3)
    rng = np.random.default_rng(7)
    marks = [
        Mark(*xy, f"label {k}") for k, xy in enumerate(rng.uniform((x0, y0), (x1, y1), (60, 2)))
    ]
    left_out = frame.label(marks)
    boxes = boxes_of_labels(sheet.figure, frame.ax)
    assert len(boxes) + len(left_out) == 60
    assert len(boxes) > 40
    left, right = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    assert (left == right).all()


@pytest.mark.parametrize("name", [n for n in figures.__all__ if n.startswith("plot_")])
def test_help_shows_each_option_of_a_figure(name: str) -> None:
    plot = getattr(figures, name)
    told = inspect.signature(plot).parameters
    options = {f.name: f.default for f in dataclasses.fields(Style)}
    assert set(StyleOptions.__annotations__) == set(options)
    assert {n: told[n].default for n in options} == options
    assert "options" not in told
    with pytest.raises(TypeError, match="colour"):
        plot(by_hand.make_siting().sites if name == "plot_location" else by_hand.make_trace(),
             colour="red")  # fmt: skip


# fonts


def only_dejavu(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = font_manager.fontManager
    few = [e for e in manager.ttflist if e.name == "DejaVu Sans"]
    monkeypatch.setattr(manager, "ttflist", few)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *a, **k: [])


def test_no_chinese_font_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    only_dejavu(monkeypatch)
    with pytest.raises(figures.FontError, match="apt install fonts-wqy-microhei") as caught:
        figures.plot_sections(by_hand.make_assessment(), **BASE)
    assert "断" in caught.value.ids


def test_ids_in_english_need_no_chinese_font(monkeypatch: pytest.MonkeyPatch) -> None:
    only_dejavu(monkeypatch)
    for figure in draw_all("en", "id"):
        assert not [w for w in words_of(figure) if any("一" <= c <= "鿿" for c in w)]


def test_english_with_chinese_names_still_needs_a_font(monkeypatch: pytest.MonkeyPatch) -> None:
    only_dejavu(monkeypatch)
    with pytest.raises(figures.FontError, match="labels='id'"):
        figures.plot_sections(by_hand.make_assessment(), lang="en")


def test_find_font_names_the_missing_characters() -> None:
    with pytest.raises(figures.FontError) as caught:
        figures.find_font(["断面", "\U00013000"])  # an Egyptian sign: in no Chinese font
    assert caught.value.ids == ("\U00013000",)


def test_find_font_takes_a_file_and_refuses_a_missing_one(tmp_path: Any) -> None:
    path = font_manager.findfont("DejaVu Sans")
    assert figures.find_font(["abc"], font=path) == "DejaVu Sans"
    with pytest.raises(figures.FontError, match=r"none\.ttf"):
        figures.find_font(["abc"], font=tmp_path / "none.ttf")
    with pytest.raises(figures.FontError, match="No Such Family"):
        figures.find_font(["abc"], font="No Such Family")


def test_chinese_shapes_come_before_japanese_ones() -> None:
    chosen = figures.find_font(["骨直角"])
    assert not chosen.endswith("JP")


def test_check_glyphs_stops_a_box() -> None:
    sheet = Sheet((3, 3), Style("en", "id"), [])
    sheet.text(1, 1, "\U00013000")
    with pytest.raises(figures.FontError):
        check_glyphs(sheet.figure, sheet.family)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib_scalebar"):
            raise ModuleNotFoundError(name, name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BasinError, match=r"basin-gis\[report\]"):
        figures.plot_sections(by_hand.make_assessment())


# files


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_save_figure_writes_the_same_bytes_each_time(
    tmp_path: Any, ending: str, start: bytes
) -> None:
    contents = []
    for k in range(2):
        sites = by_hand.make_siting(1).sites
        figure = figures.plot_location(sites, **BASE, labels="id", lang="en")
        path = figures.save_figure(figure, tmp_path / f"{k}.{ending}", dpi=60)
        contents.append(path.read_bytes())
    assert contents[0].startswith(start)
    assert contents[0] == contents[1]


def test_save_figure_is_300_dpi(tmp_path: Any, drawn: list[Any]) -> None:
    path = figures.save_figure(drawn[1], tmp_path / "t.png")
    wide, tall = struct.unpack(">II", path.read_bytes()[16:24])
    assert (wide, tall) == (3300, 2835)


def test_save_figure_refuses_other_endings(tmp_path: Any, drawn: list[Any]) -> None:
    with pytest.raises(BasinError, match=r"End it in \.png"):
        figures.save_figure(drawn[1], tmp_path / "t.gif")
    assert list(tmp_path.iterdir()) == []


def test_save_figure_leaves_the_old_file_if_drawing_fails(
    tmp_path: Any, drawn: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.png"
    path.write_bytes(b"old")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(drawn[1], "savefig", fail)
    with pytest.raises(BasinError, match="disk full"):
        figures.save_figure(drawn[1], path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.png"]


def test_plots_change_no_global_state_and_no_input() -> None:
    before = dict(matplotlib.rcParams)
    assessment = by_hand.make_assessment()
    copy = assessment.sections.copy(deep=True)
    figures.plot_sections(assessment, **BASE)
    assert dict(matplotlib.rcParams) == before
    pd.testing.assert_frame_equal(pd.DataFrame(assessment.sections), pd.DataFrame(copy))


def test_symbols_of_one_place_are_spread_so_that_each_verdict_shows() -> None:
    siting = by_hand.make_siting(7)
    sites = siting.sites.copy()
    sites.geometry = [Point(106.7, 28.9)] * 3 + list(sites.geometry[3:])
    axes = figures.plot_siting(by_hand.make_siting(7, sites=sites)).axes[0]
    drawn = [s for s in axes.collections if isinstance(s, PathCollection)]
    marks = [s for s in drawn if len(s.get_sizes())]
    pixels = np.vstack([axes.transData.transform(s.get_offsets()) for s in marks])
    apart = shapely.distance(*(shapely.points(pixels[k]) for k in np.triu_indices(7, 1)))
    assert apart.min() > 7 * axes.figure.dpi / 72


# spills, and readings of the rule


@pytest.fixture(scope="module")
def spilled(sample: Any) -> Any:
    return sample.spill(outfall_id="P-021", mass_kg=2000, duration_h=1, item="nh3n")


def test_spill_curves_peak_as_the_table_says(spilled: Any, sample: Any) -> None:
    figure = figures.plot_spill(spilled, districts=sample.layers["districts"], labels="id")
    curves = next(ax for ax in figure.axes if ax.get_legend() is not None)
    drawn = {line.get_label(): line for line in curves.get_lines()}
    told = spilled.arrivals[spilled.arrivals["case"] == "median"].set_index("id")
    for section in ("S-WT", "S-ZX"):
        hour, mg_l = drawn[section].get_data()
        assert max(mg_l) == pytest.approx(told.loc[section, "peak_mg_l"], rel=0.03)
        assert hour[0] == pytest.approx(told.loc[section, "leading_h"], rel=1e-6)


def test_spill_windows_lie_between_first_edge_and_last(spilled: Any) -> None:
    figure = figures.plot_spill(spilled, labels="id")
    windows = next(
        ax for ax in figure.axes if "S-WT" in [t.get_text() for t in ax.get_yticklabels()]
    )
    row = [t.get_text() for t in windows.get_yticklabels()].index("S-WT")
    own = spilled.arrivals[spilled.arrivals["id"] == "S-WT"]
    bands = [line for line in windows.get_lines() if line.get_linewidth() == 6]
    (band,) = [line for line in bands if line.get_ydata()[0] == row]
    assert list(band.get_xdata()) == [own["leading_h"].min(), own["trailing_h"].max()]


def test_spill_windows_name_their_targets_whole(spilled: Any) -> None:
    figure = figures.plot_spill(spilled)
    rows = {t.get_text() for ax in figure.axes for t in ax.get_yticklabels()}
    assert "万盛经开区(示意) → 綦江区(示意)" in rows


def test_a_spill_without_mass_says_why_there_are_no_curves(sample: Any) -> None:
    figure = figures.plot_spill(sample.spill(outfall_id="P-021"), lang="en", labels="id")
    assert "no concentration without flow and mass" in {t.get_text() for t in figure.texts}


def test_readings_are_drawn_as_counted() -> None:
    figure = figures.plot_definition_sensitivity(by_hand.make_readings(), lang="en")
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert len(ax.patches) == 3 * 2 * 4
        assert sum(p.get_width() for p in ax.patches) == 3 * 2 * 10
        red = [p.get_width() for p in ax.patches[::4]]
        assert red == [1, 2, 3, 1, 2, 3]


def test_a_class_is_never_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """WenQuanYi Micro Hei lists Ⅴ and draws nothing: the class would be missing on the figure."""
    figure = figures.plot_sections(by_hand.make_assessment())
    shown = "".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))
    family = figure.texts[0].get_fontfamily()[0]
    assert not fonts._blank(family, frozenset(shown))
    assert "V类" in shown or "Ⅴ类" in shown
    blank = Sheet((3.0, 2.0), Style(), ["甲"])
    blank.text(0.1, 0.1, "甲㎎")
    monkeypatch.setattr(fonts, "_blank", lambda _, characters: {"甲", "㎎"} & set(characters))
    with pytest.raises(FontError, match="甲"):
        blank.finish()


def test_location_shows_the_ground_and_where_it_lies() -> None:
    sites = by_hand.make_siting().sites.iloc[:3]
    districts = by_hand.make_districts()
    figure = figures.plot_location(
        sites, reaches=by_hand.make_reaches(), districts=districts, around_m=2000, lang="en"
    )
    inset = figure.axes[1]
    frame = inset.get_lines()[-1].get_xydata()
    west, south, east, north = sites.total_bounds
    assert frame[:, 0].min() < west
    assert frame[:, 1].min() < south
    assert frame[:, 0].max() > east
    assert frame[:, 1].max() > north
    # 2 km of ground: at 29 degrees one degree of latitude is 110.85 km
    assert south - frame[:, 1].min() == pytest.approx(2000 / 110_850, rel=0.02)
    (x0, x1), (y0, y1) = inset.get_xlim(), inset.get_ylim()
    box = districts.total_bounds
    assert x0 <= box[0]
    assert y0 <= box[1]
    assert x1 >= box[2]
    assert y1 >= box[3]
    assert inset.get_xlabel() == inset.get_ylabel() == ""


def test_names_of_districts_keep_off_rivers_where_they_can() -> None:
    sites = by_hand.make_siting().sites.iloc[:3]
    figure = figures.plot_location(sites, **BASE, around_m=2000)
    axes = figure.axes[0]
    rivers = BASE["reaches"]
    lines = [path.vertices for c in axes.collections[1:2] for path in c.get_paths()]
    assert len(lines) == len(rivers)
    drawn = [shapely.linestrings(axes.transData.transform(line)) for line in lines]
    names = set(by_hand.make_districts()["name"])
    boxes = [
        t.get_window_extent(figure.canvas.get_renderer())
        for t in axes.texts
        if t.get_text() in names
    ]
    assert boxes
    for b in boxes:
        assert not shapely.intersects(drawn, shapely.box(b.x0, b.y0, b.x1, b.y1)).any()


def test_location_of_nothing_is_an_empty_map() -> None:
    sites = by_hand.make_siting().sites.iloc[:0]
    assert figures.plot_location(sites, lang="en", labels="id").axes


def test_the_ground_around_a_site_tells_its_distance_and_what_decides(sample):
    """X-12 lies 107 m from a brook, but 464 m from the river that decides: both are told."""
    result = sample.check()
    closeups, left_out = draw_closeups(sample, result)
    barred = result.sites[
        result.sites["verdict"].isin(["prohibited", "borderline", "undetermined"])
    ]
    assert len(closeups) == 10
    assert len(left_out) == len(barred) - 10 > 0
    by_title = {figure.get_suptitle(): words_of(figure) for figure in closeups}
    for site_id, site in barred.drop(index=left_out).iterrows():
        said = by_title[f"{site_id} {site['name']} 周边"]
        assert "生态环境管控单元" in said
        bank = site["nearest_river"] or site["nearest_line_id"]
        written = f"{site['nearest_m']:,.0f} 米 ({bank})" in said
        assert written == (site["nearest_m"] > 0)
        assert ("至最近岸线" in said) == written  # no line, no key
        rules = result.findings[result.findings["site_id"] == site_id].set_index("rule_id")
        for rule in site["blocking_rules"].split(", "):
            found = rules.loc[rule]
            assert f"{label('verdict', found['verdict'])} {rule}" in said
            if found["limit_m"] > 0 and found["distance_m"] > 0:
                far = f"{found['distance_m']:,.0f} 米 / 限值 {found['limit_m']:,.0f} 米"
                assert any(text.endswith(far) for text in said), (site_id, rule)
    x12 = by_title["X-12 示例造纸新建项目 周边"]
    assert "长江 464 米 / 限值 1,000 米" in x12
    assert any(text.startswith("107 米 (") for text in x12)


def test_sites_without_a_map_of_their_own_are_named(sample):
    result = sample.check()
    pictures = siting_pictures(sample, result, figures.plot_siting(result), 1)
    assert len(pictures) == 2
    caption = pictures[0][0]
    barred = result.sites["verdict"].isin(["prohibited", "borderline", "undetermined"])
    drawn = pictures[1][1].get_suptitle().split()[0]
    for site_id in result.sites.index[barred]:
        assert (site_id in caption) == (site_id != drawn)
    clear = dataclasses.replace(result, sites=result.sites.assign(verdict="clear"))
    assert draw_closeups(sample, clear) == ([], [])
