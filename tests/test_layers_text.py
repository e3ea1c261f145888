"""Figures, dates, angles, headings and codes as text: tables of cases, and properties."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon

from basin.layers import read_layer
from basin.layers.codes import code_of, grade_of, known_codes
from basin.layers.coordinates import parse_degrees, split_pair
from basin.layers.encodings import choose, is_lost, restore
from basin.layers.measurements import FLAGS, parse_date, parse_dates, parse_measurement
from basin.layers.systems import propose_crs
from basin.layers.vocabulary import KINDS, item_ids, key, match_column, schema, unit_of
from basin.standards.labels import codes

FULL_WIDTH = str.maketrans("0123456789.-,<>°'\"", "０１２３４５６７８９．－，＜＞°＇＂")


# ---------------------------------------------------------------- measurements


@pytest.mark.parametrize(
    ("text", "value", "flag"),
    [
        ("0.12", 0.12, ""),
        (" 0.12 ", 0.12, ""),
        ("７.５", 7.5, ""),
        ("1,234.5", 1234.5, ""),
        ("1 234.5", 1234.5, ""),
        ("1，234", 1234, ""),
        (".5", 0.5, ""),
        ("7.", 7, ""),
        ("2.4E+3", 2400, ""),
        ("2.4×10^3", 2400, ""),
        ("2.4×10³", 2400, ""),
        ("5.1mg/L", 5.1, ""),
        ("<0.01", 0.01, "below"),
        ("＜０．０１", 0.01, "below"),
        ("≤0.01", 0.01, "below"),
        ("0.01L", 0.01, "below"),
        ("0.01l", 0.01, "below"),
        ("0.01Ｌ", 0.01, "below"),
        ("0.01(L)", 0.01, "below"),
        ("<0.01L", 0.01, "below"),
        ("0.01ND", 0.01, "below"),
        ("未检出（<0.01）", 0.01, "below"),
        ("小于0.01", 0.01, "below"),
        (">24196", 24196, "above"),
        ("未检出", math.nan, "below_unknown"),
        ("ND", math.nan, "below_unknown"),
        ("", math.nan, "missing"),
        (None, math.nan, "missing"),
        ("—", math.nan, "missing"),
        ("-", math.nan, "missing"),
        ("/", math.nan, "missing"),
        ("断流", math.nan, "missing"),
        ("0,05", math.nan, "unreadable"),
        ("12,34", math.nan, "unreadable"),
        ("2.4×104", math.nan, "unreadable"),
        ("12 3", math.nan, "unreadable"),
        ("1.2.3", math.nan, "unreadable"),
        ("-1", math.nan, "unreadable"),
        (-0.5, math.nan, "unreadable"),
        ("<", math.nan, "unreadable"),
        ("L", math.nan, "unreadable"),
        ("约3", math.nan, "unreadable"),
        ("1e999", math.nan, "unreadable"),
        ("#REF!", math.nan, "unreadable"),
        (3, 3, ""),
        (True, math.nan, "unreadable"),
    ],
)
def test_parse_measurement(text, value, flag):
    values, flags = parse_measurement(pd.Series([text], index=["x"], dtype=object))
    assert values.loc["x"] == pytest.approx(value, nan_ok=True)
    assert flags.loc["x"] == flag


@pytest.mark.parametrize(
    ("text", "heading", "value", "flag"),
    [
        ("5μg/L", "总磷(mg/L)", 0.005, ""),
        ("<5 ug/L", "总磷", 0.005, "below"),
        ("0.05Lmg/L", "总磷(mg/L)", 0.05, "below"),
        ("未检出（<0.01 mg/L）", "总磷", 0.01, "below"),
        ("0.00005mg/L", "汞(μg/L)", 0.00005, ""),
        ("0.05", "汞(μg/L)", 0.00005, ""),
        ("1.2×10^4个/L", "粪大肠菌群(个/L)", 12000, ""),
        ("12.5℃", "水温", 12.5, ""),
        ("3m", "总磷", math.nan, "unreadable"),
        ("3kg/d", "总磷(mg/L)", math.nan, "unreadable"),
    ],
)
def test_a_unit_in_a_cell_is_converted_and_never_dropped(text, heading, value, flag):
    table = pd.DataFrame({"断面编码": ["S"], "日期": ["2025-07"], heading: [text]})
    problems = []
    samples = read_layer(table, "samples", problems=problems)
    item = next(c for c in samples.columns if f"{c}_flag" in samples.columns)
    assert samples[item][0] == pytest.approx(value, nan_ok=True)
    assert samples[f"{item}_flag"][0] == flag
    assert ("number_unreadable" in {p.kind for p in problems}) is (flag == "unreadable")


def test_parse_measurement_of_numbers_and_empty():
    values, flags = parse_measurement(pd.Series([1.5, np.nan, -1, np.inf]))
    assert values.fillna(-9).tolist() == [1.5, -9, -9, -9]
    assert flags.tolist() == ["", "missing", "unreadable", "unreadable"]
    for empty in (pd.Series([], dtype=object), pd.Series([], dtype=float)):
        values, flags = parse_measurement(empty)
        assert len(values) == len(flags) == 0
    integers = pd.Series([1, None], dtype="Int64")
    assert parse_measurement(integers)[1].tolist() == ["", "missing"]


@given(
    number=st.decimals(0, 10**6, places=4),
    mark=st.sampled_from(
        [("", "", ""), ("<", "", "below"), ("", "L", "below"), (">", "", "above")]
    ),
    wide=st.booleans(),
    thousands=st.booleans(),
)
@settings(deadline=None)
def test_a_figure_is_read_as_it_was_written(number, mark, wide, thousands):
    before, after, flag = mark
    text = before + (f"{number:,}" if thousands else str(number)) + after
    text = text.translate(FULL_WIDTH) if wide else text
    values, flags = parse_measurement(pd.Series([text]))
    assert flags[0] == flag
    assert values[0] == float(number)


@given(st.lists(st.one_of(st.text(max_size=12), st.floats(), st.integers(), st.none()), max_size=8))
@settings(deadline=None)
def test_any_cell_gives_a_value_or_a_flag(cells):
    series = pd.Series(cells, dtype=object)
    values, flags = parse_measurement(series)
    assert list(values.index) == list(series.index)
    assert set(flags) <= set(FLAGS)
    assert not np.isinf(values).any()
    assert (values.isna() == flags.isin(["missing", "below_unknown", "unreadable"])).all()


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025-07-03", "2025-07-03", "2025-07-03"),
        ("2025/7/3", "2025-07-03", "2025-07-03"),
        ("2025.7.3", "2025-07-03", "2025-07-03"),
        ("20250703", "2025-07-03", "2025-07-03"),
        ("2025年7月3日", "2025-07-03", "2025-07-03"),
        ("２０２５－０７", "2025-07-01", "2025-07-31"),
        ("2025年7月", "2025-07-01", "2025-07-31"),
        ("202507", "2025-07-01", "2025-07-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025", "2025-01-01", "2025-12-31"),
        ("2025年", "2025-01-01", "2025-12-31"),
        (2025, "2025-01-01", "2025-12-31"),
        (45870, "2025-08-01", "2025-08-01"),  # an Excel day
        (45870.5, "2025-08-01", "2025-08-01"),
        ("2025-07-03 14:30:00", "2025-07-03", "2025-07-03"),
        ("2025-07-03T14:30", "2025-07-03", "2025-07-03"),
        ("2025/7/3 9时", "2025-07-03", "2025-07-03"),
        (pd.Timestamp("2025-07-03"), "2025-07-03", "2025-07-03"),
        ("2025.1", None, None),  # January, or October that lost its zero
        ("2025-13", None, None),
        ("2025-02-30", None, None),
        ("3/7/2025", None, None),
        ("上周", None, None),
    ],
)
def test_parse_date(text, first, last):
    for end, expected in ((False, first), (True, last)):
        found = parse_date(text, end=end)
        assert (found.date().isoformat() if found else None) == expected


def test_parse_dates_open_ends():
    dates, bad = parse_dates(
        pd.Series(["长期", "至今", "9999-12-31", None, "", "/", "怪"]), end=True
    )
    assert dates.isna().all()
    assert bad.tolist() == [False] * 6 + [True]
    zoned = pd.Series(pd.to_datetime(["2025-07-03"]).tz_localize("Asia/Shanghai"))
    assert parse_dates(zoned)[0].tolist() == [pd.Timestamp("2025-07-03")]
    assert str(parse_dates(zoned)[0].dtype) == "datetime64[us]"


@given(
    st.dates(
        min_value=pd.Timestamp("1950-01-01").date(), max_value=pd.Timestamp("2100-01-01").date()
    )
)
@settings(deadline=None)
def test_a_date_is_read_as_it_was_written(day):
    for text in (f"{day:%Y-%m-%d}", f"{day.year}/{day.month}/{day.day}", f"{day:%Y年%m月%d日}"):
        assert parse_date(text).date() == day
        assert parse_date(text.translate(FULL_WIDTH)).date() == day


# ---------------------------------------------------------------- angles


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("106.6534", 106.6534),
        ("１０６．６５３４", 106.6534),
        ("106.6534°", 106.6534),
        ("106.6534E", 106.6534),
        ("E106.6534", 106.6534),
        ("106°39′12.3″E", 106.65341667),
        ("106°39'12.3\"", 106.65341667),
        ("106°39'12.3''", 106.65341667),
        ("106°39′12.3″", 106.65341667),
        ("106° 39’ 12.3”", 106.65341667),
        ("106º39´12.3¨", None),
        ("106 39 12.3", 106.65341667),
        ("106:39:12.3", 106.65341667),
        ("106-39-12.3", 106.65341667),
        ("东经106度39分12.3秒", 106.65341667),
        ("１０６°３９′１２．３″", 106.65341667),
        ("106°39.205′", 106.65341667),
        ("106°39′", 106.65),
        ("106度", 106),
        ("106°39′60.0″", 106.66666667),
        ("106°39′12″.3", 106.65341667),
        ("36,408,000.5", 36408000.5),
        ("３２１００００．５ 米", 3210000.5),
        ("408,000.5m", 408000.5),
        ("106,653", None),
        ("29°1′30″N", 29.025),
        ("29°1′30″S", -29.025),
        ("106°60′00″", None),
        ("106°39.5′12″", None),
        ("106°39′72″", None),
        ("106,6534", None),
        ("未知", None),
        ("", None),
    ],
)
def test_parse_degrees(text, degrees):
    found = parse_degrees(pd.Series([text]))[0]
    assert found == pytest.approx(math.nan if degrees is None else degrees, abs=1e-7, nan_ok=True)


SPELLINGS = (
    "{d}°{m}′{s}″",
    "{d}°{m}'{s}\"",
    "{d}°{m}’{s}”E",
    "{d} {m} {s}",
    "{d}:{m}:{s}",
    "{d}度{m}分{s}秒",
    "东经{d}°{m}′{s}″",
    "{d}° {m}′ {s}″ E",
)


@given(
    d=st.integers(0, 179),
    m=st.integers(0, 59),
    s=st.decimals(0, "59.999", places=3),
    spelling=st.sampled_from(SPELLINGS),
    wide=st.booleans(),
    padded=st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_degrees_minutes_seconds_round_trip(d, m, s, spelling, wide, padded):
    text = spelling.format(d=d, m=f"{m:02d}" if padded else m, s=s)
    found = parse_degrees(pd.Series([text.translate(FULL_WIDTH) if wide else text]))[0]
    assert found == pytest.approx(d + m / 60 + float(s) / 3600, abs=1e-9)


@given(st.text(max_size=20))
@settings(deadline=None)
def test_any_text_is_an_angle_or_nan(text):
    found = parse_degrees(pd.Series([text], dtype=object))[0]
    assert math.isnan(found) or abs(found) <= 1e9


@pytest.mark.parametrize(
    "text",
    ["106.65,29.02", "106.65，29.02", "(106.65, 29.02)", "106.65; 29.02", "106°39′00″ 29°1′12″"],
)
def test_split_pair(text):
    lon, lat = split_pair(pd.Series([text, "106.65"]))
    assert parse_degrees(lon)[0] == pytest.approx(106.65)
    assert parse_degrees(lat)[0] == pytest.approx(29.02)
    assert lon[1] is None


@pytest.mark.parametrize(
    ("box", "system"),
    [
        ((106.5, 28.9, 106.8, 29.2), "EPSG:4490"),
        ((28.9, 106.5, 29.2, 106.8), "swapped"),
        ((36_400_000, 3.2e6, 36_420_000, 3.21e6), "EPSG:4524"),
        ((35_400_000, 3.2e6, 35_420_000, 3.21e6), "EPSG:4523"),
        ((18_600_000, 3.2e6, 18_620_000, 3.21e6), "EPSG:4496"),
        ((440_000, 3.2e6, 450_000, 3.21e6), "EPSG:4544, 4545"),
        ((3.2e6, 440_000, 3.21e6, 450_000), "north before east"),
        ((11_870_000, 3.36e6, 11_880_000, 3.37e6), "EPSG:3857"),
        ((5, 5, 6, 6), "no system used in China"),
        ((math.nan,) * 4, "State crs."),
    ],
)
def test_propose_crs(box, system):
    assert system in propose_crs(box)


# ---------------------------------------------------------------- headings and codes


@pytest.mark.parametrize(
    ("heading", "kind", "column", "factor"),
    [
        ("总磷kg_d", "outfalls", "load_tp_kg_d", 1),
        ("TP负荷", "outfalls", "load_tp_kg_d", 1),
        ("CODkg_d", "outfalls", "load_cod_kg_d", 1),
        ("氨氮mg_l", "outfalls", "conc_nh3n_mg_l", 1),
        ("氨氮入河量（吨/年）", "outfalls", "load_nh3n_kg_d", 1000 / 365),
        ("总磷排放浓度(mg/L)", "outfalls", "conc_tp_mg_l", 1),
        ("conc_codmn_mg_l", "outfalls", "conc_codmn_mg_l", 1),
        ("总磷", "outfalls", None, 1),
        ("总磷浓度(kg/d)", "outfalls", None, 1),
        ("污水量（万吨/日）", "outfalls", "flow_m3_d", 10_000),
        ("总磷(mg/L)", "samples", "tp", 1),
        ("ＮＨ３－Ｎ", "samples", "nh3n", 1),
        ("氨氮（NH₃-N）", "samples", "nh3n", 1),
        ("高锰酸盐指数（CODMn）mg/L", "samples", "codmn", 1),
        ("COD", "samples", "cod", 1),
        ("铬(六价)", "samples", "cr6", 1),
        ("汞(μg/L)", "samples", "hg", 0.001),
        ("粪大肠菌群(MPN/100mL)", "samples", "fecal_coliform", 10),
        ("总磷(kg/d)", "samples", None, 1),
        ("河宽(m)", "rivers", "width_m", 1),
        ("宽度_km", "rivers", "width_m", 1000),
        ("河宽(kg/d)", "rivers", None, 1),
        ("库容(万m³)", "structures", "volume_m3", 10_000),
        ("关闸时间(h)", "structures", "close_min", 60),
        ("河流名称", "rivers", "name", 1),
        ("河流名称", "sections", "river", 1),
        ("断面名称", "sections", "name", 1),
        ("断面名称", "samples", "section_id", 1),
        ("什么", "sections", None, 1),
    ],
)
def test_match_column(heading, kind, column, factor):
    match = match_column(heading, schema(kind))
    assert (match.column if match else None) == column
    if match:
        assert match.factor == pytest.approx(factor)


@pytest.mark.parametrize(
    ("value", "table", "code"),
    [
        ("新建", "site_action", "new"),
        ("改扩建", "site_action", "expand"),
        ("技改", "site_action", "rebuild"),
        ("国控断面", "section_level", "national"),
        ("Ⅲ类", "water_class", "III"),
        ("3类", "water_class", "III"),
        ("iii", "water_class", "III"),
        ("劣Ⅴ类", "water_class", "inferior"),
        ("达到或优于Ⅲ类", "water_class", "III"),
        ("清理合并", "outfall_action", "merge"),
        ("已取缔", "outfall_status", "closed"),
        ("工业及其他各类园区污水处理厂排污口", "outfall_kind", "industrial"),
        ("许可", "data_basis", "permit"),
        ("干流", "river_class", "main_stem"),
        ("养殖场", "site_category", "livestock_farm"),
        ("尾矿库", "site_category", "tailings_pond"),
        ("仓储", "site_category", "warehouse"),
        ("生态保护红线", "zone_kind", "red_line"),
        ("红线外", "zone_kind", None),
    ],
)
def test_code_of(value, table, code):
    assert code_of(value, table) == code


@pytest.mark.parametrize(
    ("table", "label"),
    [
        *((t, t) for t in ("river_class", "shoreline_kind", "section_level", "waterbody")),
        *((t, t) for t in ("outfall_kind", "outfall_action", "outfall_status", "site_action")),
        *((t, t) for t in ("zone_kind", "zone_grade", "data_basis", "water_class")),
    ],
)
def test_codes_are_those_of_the_labels_and_their_chinese_words_are_known(table, label):
    from basin.standards.labels import label as word

    none = {"none"}
    assert set(known_codes(table)) <= set(codes(label))
    assert set(codes(label)) - none <= set(known_codes(table))
    if table != "zone_grade":
        for code in set(codes(label)) - none:
            assert code_of(code, table) == code
            assert code_of(word(label, code).removesuffix("（示意）"), table) == code


CODED = sorted({(k, c, t) for k in KINDS for c, t in schema(k).coded.items() if c != "grade"})


@pytest.mark.parametrize(("kind", "column", "table"), CODED)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_basin_writes_it_reads_back(kind, column, table, lang):
    from basin.layers.codes import category_words
    from basin.standards.labels import label as word
    from basin.standards.labels import tables

    if table == "site_category":
        words = {c: category_words(c)[lang] for c in known_codes(table)}
    elif table in tables():
        words = {c: word(table, c, lang) for c in codes(table)}
    else:
        words = {c: c for c in known_codes(table)}
    given = pd.DataFrame({column: list(words.values())})
    for name in schema(kind).required:
        if name not in given:
            given[name] = [f"{name}{n}" for n in range(len(words))]
    area = Polygon([(106, 29), (106.1, 29), (106.1, 29.1)])
    line = LineString([(106, 29), (106.1, 29)])
    place = {"polygon": area, "line": line, "point": area.centroid}[schema(kind).geometry[0]]
    table_in = gpd.GeoDataFrame(given, geometry=[place] * len(given), crs=4490)
    problems = []
    read = read_layer(table_in, kind, problems=problems)
    assert not [p for p in problems if p.kind == "code_unknown" and column in p.en]
    assert read[column].fillna("none").tolist() == list(words)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_grades_that_basin_writes_it_reads_back(lang):
    from basin.standards.labels import label as word

    grades = tomllib.loads(files("basin.standards").joinpath("aliases.toml").read_text("utf-8"))
    for kind, known in grades["zone_grade"].items():
        for code in known:
            assert grade_of(word("zone_grade", code, lang), kind) == code, (kind, code)
            assert grade_of(code, kind) == code


def test_the_table_of_aliases_has_no_word_twice():
    table = tomllib.loads(files("basin.standards").joinpath("aliases.toml").read_text("utf-8"))
    for name, codes_of_table in table["coded"].items():
        words = [
            key(w) for code, ws in codes_of_table.items() for w in {key(x) for x in (code, *ws)}
        ]
        assert sorted(words) == sorted(set(words)), name
    items = [(key(w), i) for i, ws in table["items"].items() for w in {key(x) for x in (i, *ws)}]
    assert len(items) == len({w for w, _ in items})
    for kind in KINDS:
        layer = schema(kind)
        own = table["layer"][kind].get("aliases", {})
        for a, b in itertools.combinations(own, 2):
            assert not {key(w) for w in own[a]} & {key(w) for w in own[b]}, (kind, a, b)
        for column in layer.columns:
            assert layer.aliases[key(column)] == (column, -1), (kind, column)
    gb3838 = pd.read_csv(str(files("basin.standards").joinpath("gb3838.csv")))
    assert set(item_ids()) == set(gb3838["item_id"])


def test_units():
    assert unit_of("mg·L-1") == "mg/l"
    assert unit_of("千克/天") == "kg/d"
    assert unit_of("m3每秒") == "m3/s"
    assert unit_of("国控") == ""


@pytest.mark.parametrize("text", ["重庆企业", "示例（綦江）化工", "总磷"])
@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_mojibake_is_undone(text, encoding):
    assert restore(text.encode(encoding).decode("latin-1")) == text
    assert restore(text) is None


@given(st.text(alphabet="重庆市綦江区示例化工园区排污口一二三", min_size=2, max_size=20))
@settings(deadline=None)
def test_mojibake_round_trip(text):
    assert restore(text.encode("gbk").decode("latin-1")) == text


def test_utf8_read_as_gbk_is_undone():
    assert restore("綦江示例".encode().decode("gbk")) == "綦江示例"
    assert restore("γ射线 A-1".encode().decode("gbk")) == "γ射线 A-1"
    # an odd number of bytes: the last character went lost as it was decoded
    for text in ("重庆市", "一不怕苦", "一一", "C语言"):
        broken = text.encode().decode("gbk", "replace").replace("\ufffd", "?")
        assert is_lost(broken), broken


@given(st.text(alphabet="重庆市綦江区示例化工园区排污口一二三", min_size=2, max_size=20))
@settings(deadline=None)
def test_utf8_read_as_gbk_never_stays_a_value(text):
    broken = text.encode().decode("gbk", "replace").replace("\ufffd", "?")
    assert is_lost(broken) or restore(broken) == text


def test_ordinary_chinese_is_no_mojibake():
    """All words that the tables hold, and all names of the sample."""
    words = set()
    for name in ("aliases", "labels", "categories"):
        text = files("basin.standards").joinpath(f"{name}.toml").read_text("utf-8")
        words |= set(re.findall(r"[\u3000-\u9fff\uff00-\uffef（）()\w、]+", text))
    for path in sorted((Path(__file__).parents[1] / "data/sample_layers").glob("*.gpkg")):
        table = pyogrio.read_dataframe(path, read_geometry=False)
        words |= {str(v) for c in table for v in table[c]}
    words = {w for w in words if not w.isascii()}
    assert len(words) > 1500
    assert [w for w in words if restore(w) is not None or is_lost(w) or is_lost(w + "?")] == []


@pytest.mark.parametrize("text", ["Łódź", "Café", "ÖØÇì", "10μg/L", "Αθήνα", "Тула", "重庆"])
def test_strict_utf8_comes_before_gb18030(text):
    assert choose(text.encode(), file="x").encoding == "utf-8"


@pytest.mark.parametrize("text", ["重庆", "一", "联通", "一些"])
def test_short_gbk_is_not_taken_for_utf8(text):
    assert choose(text.encode("gbk"), file="x").encoding == "gb18030"
    assert choose(text.encode("gbk"), file="x", given="gbk").encoding == "gb18030"
