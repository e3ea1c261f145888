"""Styles for QGIS within a GeoPackage: what a GIS finds there, read by other means than ours.

How they look in QGIS itself is checked by ``tests/qgis_styles.py``, which needs QGIS.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import pytest
from shapely.geometry import LineString, Point, box

import basin
from basin.layers import layer_names, write_layers
from basin.standards.labels import codes, colour, label

SAMPLE = Path(__file__).parents[1] / "data" / "sample_layers"
HOSTILE = """<&"'>]]>\\ OR 1=1"""


def styles_of(path):
    with closing(sqlite3.connect(path)) as base:
        base.row_factory = sqlite3.Row
        return {r["f_table_name"]: dict(r) for r in base.execute("SELECT * FROM layer_styles")}


def qml_of(path, layer):
    return ET.fromstring(styles_of(path)[layer]["styleQML"])  # noqa: S314  our own


def legend(qml):
    """Category value -> (label, first colour of its symbol as #rrggbb)."""
    renderer = qml.find("renderer-v2")
    return {
        c.get("value"): (c.get("label"), tint(renderer, c.get("symbol")))
        for c in renderer.iter("category")
    }


def rules(qml):
    """Rule label -> first colour of its symbol."""
    renderer = qml.find("renderer-v2")
    return {
        r.get("label"): tint(renderer, r.get("symbol"))
        for r in renderer.iter("rule")
        if r.get("symbol")
    }


def tint(renderer, number, keys=("color", "line_color")):
    symbol = next(s for s in renderer.find("symbols") if s.get("name") == number)
    prop = next(p for p in symbol.iter("prop") if p.get("k") in keys)
    red, green, blue, _ = map(int, prop.get("v").split(","))
    return f"#{red:02x}{green:02x}{blue:02x}"


def points(columns, shapes=None):
    n = len(next(iter(columns.values())))
    shapes = shapes or [Point(106.6 + i / 100, 29) for i in range(n)]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4490)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Every result layer of the sample, and its zones."""
    project = basin.open(SAMPLE)
    path = tmp_path_factory.mktemp("styles") / "report.gpkg"
    tables = {**project.result_layers(), "zones": project.layers["zones"]}
    write_layers(path, tables)
    return path, tables


def test_every_result_layer_with_shapes_has_a_style(report):
    path, tables = report
    spatial = {n for n, t in tables.items() if isinstance(t, gpd.GeoDataFrame)}
    styles = styles_of(path)
    assert set(styles) == spatial
    assert "layer_styles" not in layer_names(path)
    for row in styles.values():
        assert (row["f_table_catalog"], row["f_table_schema"]) == ("", "")  # not null: QGIS asks so
        assert row["f_geometry_column"] == "geom"
        assert row["useAsDefault"] == 1
        assert qml_of(path, row["f_table_name"]).tag == "qgis"


def test_the_table_is_as_qgis_makes_it(report):
    path, _ = report
    with closing(sqlite3.connect(path)) as base:
        columns = [c[1:3] for c in base.execute("PRAGMA table_info(layer_styles)")]
        assert columns == [
            ("id", "INTEGER"), ("f_table_catalog", "TEXT(256)"), ("f_table_schema", "TEXT(256)"),
            ("f_table_name", "TEXT(256)"), ("f_geometry_column", "TEXT(256)"),
            ("styleName", "TEXT(30)"), ("styleQML", "TEXT"), ("styleSLD", "TEXT"),
            ("useAsDefault", "BOOLEAN"), ("description", "TEXT"), ("owner", "TEXT(30)"),
            ("ui", "TEXT(30)"), ("update_time", "DATETIME"),
        ]  # fmt: skip
        registered = base.execute(
            "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'"
        ).fetchall()
        assert registered == [("attributes",)]
        assert base.execute("PRAGMA user_version").fetchone() == (10200,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        times = [t for (t,) in base.execute("SELECT update_time FROM layer_styles")]
    assert len(set(times)) == len(times)  # QGIS 3.22 lists equal ones over and over
    assert max(times) == "1980-01-01T00:00:00.000Z"


def test_every_kind_of_outfall_has_a_symbol_in_the_shared_colour(report):
    path, tables = report
    found = legend(qml_of(path, "outfalls"))
    for kind in tables["outfalls"]["kind"].unique():
        assert found[kind] == (label("outfall_kind", kind), colour("outfall_kind", kind))


def test_sections_are_coloured_by_class_and_ringed(report):
    path, _ = report
    found = rules(qml_of(path, "sections"))
    for code in ("I", "II", "III", "IV", "V", "inferior"):
        assert found[label("water_class", code)] == colour("water_class", code)
    assert "未达标" in found  # S-FH and S-WT miss their targets
    assert {"国控", "市控", "区控"} <= set(found)


def test_sites_and_issues_hold_points_and_others(report):
    path, tables = report
    for layer, column in (("sites", "verdict"), ("network_issues", "severity")):
        qml = qml_of(path, layer)
        assert qml.find("layerGeometryType") is None  # QGIS opens one layer a geometry type
        groups = list(qml.find("renderer-v2/rules"))
        kinds = {t.removeprefix("Multi") for t in tables[layer].geometry.geom_type.dropna()}
        assert len(groups) == len(kinds) == 2
        for group in groups:
            told = {r.get("label"): r.get("symbol") for r in group}
            for code in tables[layer][column].unique():
                got = tint(qml.find("renderer-v2"), told[label(column, code)])
                assert got == colour(column, code)


def test_rivers_widen_with_their_order(report):
    path, tables = report
    renderer = qml_of(path, "reaches").find("renderer-v2")
    orders = sorted(tables["reaches"]["strahler"].unique())
    assert [c.get("value") for c in renderer.iter("category")] == [str(o) for o in orders]
    widths = [float(p.get("v")) for p in renderer.iter("prop") if p.get("k") == "line_width"]
    assert widths == sorted(set(widths))
    assert {tint(renderer, s.get("name")) for s in renderer.find("symbols")} == {
        colour("line", "river")
    }


def test_zones_and_bands_have_every_kind_grade_and_limit(report):
    path, tables = report
    zones, found = tables["zones"], legend(qml_of(path, "zones"))
    for kind, grade in set(zip(zones["kind"], zones["grade"], strict=True)):
        value = kind if grade != grade or grade is None else f"{kind} {grade}"
        assert found[value][0].startswith(label("zone_kind", kind))
    assert found["control_unit key"][1] == colour("zone_grade", "key")
    assert found["red_line core"][1] == colour("zone_kind", "red_line")
    bands = legend(qml_of(path, "bands"))
    assert {float(v) for v in bands} == set(tables["bands"]["limit_m"])
    assert bands["1000"] == ("岸线 1 km 范围（示意）", colour("band", "1000"))


def test_bands_at_1_3_and_5_km_and_at_others(tmp_path):
    limits = [1000.0, 3000.0, 5000.0, 1500.0]
    shapes = [box(106, 29, 106.1, 29.1)] * 4
    table = points({"river_class": ["tributary"] * 4, "limit_m": limits}, shapes)
    write_layers(tmp_path / "a.gpkg", {"bands": table}, lang="en")
    found = legend(qml_of(tmp_path / "a.gpkg", "bands"))
    assert [found[v][0] for v in ("1000", "1500", "3000", "5000")] == [
        f"{km} km band (indicative)" for km in ("1", "1.5", "3", "5")
    ]
    assert found["3000"][1] == colour("band", "3000")


def test_a_section_without_data_is_hollow(tmp_path):
    table = points({"section_id": ["A", "B"], "water_class": ["none", None]})
    write_layers(tmp_path / "a.gpkg", {"sections": table})
    qml = qml_of(tmp_path / "a.gpkg", "sections")
    renderer = qml.find("renderer-v2")
    found = legend(qml)
    assert found[""] == ("无数据", "#ffffff")
    number = next(c.get("symbol") for c in renderer.iter("category") if c.get("value") == "")
    assert tint(renderer, number, keys=("outline_color",)) == colour("water_class", "none")
    assert renderer.get("attr") == "nullif(\"water_class\", 'none')"


def test_unknown_and_blank_values_are_drawn_too(tmp_path):
    table = points({"outfall_id": ["a", "b", "c"], "kind": ["industrial", HOSTILE, None]})
    write_layers(tmp_path / "a.gpkg", {"outfalls": table})
    found = legend(qml_of(tmp_path / "a.gpkg", "outfalls"))
    assert list(found) == ["industrial", HOSTILE, ""]
    assert found[HOSTILE][0] == HOSTILE
    assert found[""][0] == "其他"


def test_many_unknown_values_share_one_symbol(tmp_path):
    table = points({"outfall_id": range(50), "kind": [f"k{i:02}" for i in range(50)]})
    write_layers(tmp_path / "a.gpkg", {"outfalls": table})
    found = legend(qml_of(tmp_path / "a.gpkg", "outfalls"))
    assert len(found) == 13
    assert "" in found


def test_hostile_names_stay_text(tmp_path):
    shapes = [Point(106, 29), LineString([(106, 29), (107, 29)])]
    kinds = [HOSTILE, "\ufffe"]  # the second is no character of XML
    table = points({"issue_id": ["a", "b"], "severity": kinds, HOSTILE: [1, 2]}, shapes)
    name = f"trace_{HOSTILE}"
    write_layers(tmp_path / "a.gpkg", {name: table, "Layer_Styles": table})
    assert layer_names(tmp_path / "a.gpkg") == [name, "Layer_Styles_2"]
    styles = styles_of(tmp_path / "a.gpkg")
    assert set(styles) == {name, "Layer_Styles_2"}
    qml = qml_of(tmp_path / "a.gpkg", name)
    filters = {r.get("label"): r.get("filter") for r in qml.iter("rule") if r.get("symbol")}
    # a quote is doubled and a backslash too, as QGIS reads the text of an expression
    inner = HOSTILE.replace("\\", "\\\\").replace("'", "''")
    assert filters[HOSTILE] == f"(\"severity\") = '{inner}'"
    assert filters["其他"].startswith('("severity") IS NULL')


def test_closed_outfalls_are_open_rings(tmp_path):
    table = points(
        {"outfall_id": ["a", "b"], "kind": ["industrial"] * 2, "status": ["active", "closed"]}
    )
    write_layers(tmp_path / "a.gpkg", {"outfalls": table}, lang="en")
    found = legend(qml_of(tmp_path / "a.gpkg", "outfalls"))
    assert found["closed"] == (label("outfall_status", "closed", "en"), "#ffffff")
    assert found["industrial"][1] == colour("outfall_kind", "industrial")


def test_leads_of_a_trace_grow_with_their_share(tmp_path):
    table = points(
        {
            "outfall_id": ["a", "b", "c"],
            "kind": ["industrial"] * 3,
            "rank": [1, 2, 3],
            "arriving_kg_d": [10.0, 2.0, None],
        }
    )
    write_layers(tmp_path / "a.gpkg", {"leads": table}, lang="en")
    qml = qml_of(tmp_path / "a.gpkg", "leads")
    filters = [r.get("filter") for r in qml.iter("rule") if r.get("symbol")]
    assert filters == [
        'coalesce("arriving_kg_d", 0) <= 0',
        '"arriving_kg_d" > 0.0 AND "arriving_kg_d" <= 1.0',
        '"arriving_kg_d" > 1.0 AND "arriving_kg_d" <= 3.3000000000000003',
        '"arriving_kg_d" > 3.3000000000000003 AND "arriving_kg_d" <= 6.6000000000000005',
        '"arriving_kg_d" > 6.6000000000000005',
    ]
    assert rules(qml)["load 66–100 % of the largest"] == colour("load_share", "1")


def test_words_follow_the_language(tmp_path):
    table = points({"site_id": ["a"], "verdict": ["prohibited"], "name": ["示例"]})
    for lang in ("zh", "en"):
        path = tmp_path / f"{lang}.gpkg"
        write_layers(path, {"sites": table}, lang=lang)
        qml = qml_of(path, "sites")
        assert legend(qml)["prohibited"][0] == label("verdict", "prohibited", lang)
        aliases = {a.get("field"): a.get("name") for a in qml.iter("alias")}
        assert aliases["verdict"] == label("column", "verdict", lang)
        shown = {
            o.get("value"): o.get("name") for o in qml.find("fieldConfiguration").iter("Option")
        }
        assert shown["prohibited"] == label("verdict", "prohibited", lang)


def test_labels_fall_back_to_the_id(tmp_path):
    table = points({"site_id": ["a"], "verdict": ["clear"], "name": [""]})
    write_layers(tmp_path / "a.gpkg", {"sites": table})
    qml = qml_of(tmp_path / "a.gpkg", "sites")
    assert qml.get("labelsEnabled") == "1"
    style = qml.find("labeling/settings/text-style")
    assert style.get("fieldName") == "coalesce(nullif(\"name\", ''), \"site_id\", '')"
    assert style.get("fontFamily") is None  # QGIS takes its own: no computer lacks it


def test_equal_input_gives_equal_bytes(tmp_path, monkeypatch):
    table = points({"site_id": ["a"], "verdict": ["clear"]})
    for name in ("a", "b"):
        write_layers(tmp_path / f"{name}.gpkg", {"sites": table})
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1577836800")
    write_layers(tmp_path / "c.gpkg", {"sites": table})
    assert styles_of(tmp_path / "c.gpkg")["sites"]["update_time"] == "2020-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "table",
    [
        points({"wishes": ["a"]}),
        points({"site_id": ["a"], "verdict": ["clear"]}).iloc[:0],
        points({"site_id": ["a"], "verdict": ["clear"]}).drop(columns="geometry"),
    ],
    ids=["unknown", "empty", "no geometry"],
)
def test_other_tables_have_no_style(tmp_path, table):
    write_layers(tmp_path / "a.gpkg", {"table": table})
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as base:
        found = base.execute("SELECT name FROM sqlite_master WHERE name = 'layer_styles'")
        assert found.fetchone() is None


def test_the_table_of_colours_has_what_styles_ask_for():
    assert codes("load_share") == ("0", "0.1", "0.33", "0.66", "1")
    for kind in ("severity", "band", "load_share", "compliance", "line"):
        assert all(colour(kind, code, "") for code in codes(kind))
