"""A project: how it is found, what its file may say, and what it hands on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString, Point

import basin
from basin.errors import BasinError, ProjectError
from places import SAMPLE

RIVERS = gpd.GeoDataFrame(
    {"reach_id": ["A", "B"], "name": ["示例河", "示例河"]},
    geometry=[LineString([(106.6, 29.0), (106.7, 29.0)]), LineString([(106.7, 29.0), (106.8, 29)])],
    crs=4490,
)


LAYER = '[layers]\nrivers = {{ path = "rivers.gpkg", {} }}'


def write(folder: Path, toml: str) -> Path:
    RIVERS.to_file(folder / "rivers.gpkg", layer="rivers")
    (folder / "basin.toml").write_text(toml, encoding="utf-8")
    return folder


def test_open_a_folder_without_a_file(tmp_path: Path):
    RIVERS.to_file(tmp_path / "rivers.gpkg", layer="rivers")
    project = basin.open(tmp_path)
    assert list(project.layers) == ["rivers"]
    assert project.network.reaches.index.tolist() == ["A", "B"]
    assert project.effective_date == dt.date.today()


def test_open_a_geopackage(tmp_path: Path):
    file = tmp_path / "mine.gpkg"
    RIVERS.to_file(file, layer="rivers")
    gpd.GeoDataFrame(
        {"section_id": ["S"], "name": ["甲"]}, geometry=[Point(106.7, 29)], crs=4490
    ).to_file(file, layer="sections")
    assert list(basin.open(file).layers) == ["rivers", "sections"]


def test_open_nothing(tmp_path: Path):
    with pytest.raises(ProjectError, match=r"no basin\.toml and no layer named rivers"):
        basin.open(tmp_path)
    with pytest.raises(ProjectError, match="there is no project at"):
        basin.open(tmp_path / "absent")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[layers]\nriver = "rivers.gpkg"',
            r"unknown key 'river' in \[layers\]. Did you mean 'rivers'",
        ),
        ('[layers]\nrivers = "gone.gpkg"', r"'rivers' names 'gone.gpkg', which does not exist"),
        ("[layers]\nrivers = 3", "layer 'rivers' needs a path"),
        ('[layers]\nrivers = { path = "rivers.gpkg", encodng = "gbk" }', "Did you mean 'encoding'"),
        ('[basin]\ndate = "last week"', "date 'last week' is not a date"),
        ('[basin]\nlang = "fr"', "lang 'fr' is not known"),
        ("[basin\n", "cannot be read"),
        ("[network]\ntolerance = 3", "unknown key 'tolerance'"),
        (
            '[network]\nsnap_tolerance_m = "x"',
            r"\[network\] snap_tolerance_m = 'x' is not a number",
        ),
        ("[network]\nsnap_tolerance_m = true", "snap_tolerance_m = True is not a number"),
        ("[network]\nmax_offset_m = -1", "max_offset_m = -1 is not a number of metres, 0 or more"),
        ("[network]\nmax_offset_m = nan", "max_offset_m = nan is not a number"),
        ("[network]\nmax_offset_m = [1]", r"max_offset_m = \[1\] is not a number"),
        ("[network]\nmax_offset_m = 1e300", "is not a number of metres, 0 or more, at most 100000"),
        ("[network]\nsnap_tolerance_m = 1e9", "is not a number of metres.* at most 10000"),
        ("[network]\nsnap_tolerance_m = " + "9" * 400, "is not a number of metres"),
        ("x = " + "9" * 5000, "cannot be read"),
        ("x = " + "[" * 5000, "cannot be read"),
        ("x = " + "[" * 5000 + "]" * 5000, "cannot be read"),
        (
            "[layers]\nrivers = " + "[" * 30 + '"rivers.gpkg"' + "]" * 30,
            "layer 'rivers' needs a path",
        ),
        ("network = 3", "network = 3 is not a section"),
        ("basin = []", r"basin = \[\] is not a section"),
        ('layers = "rivers.gpkg"', "layers = 'rivers.gpkg' is not a section"),
        ("[[layers]]", "layers = .* is not a section"),
        ("rules = { a = 1 }", "rules = {'a': 1} is not a list of rule packs"),
        ("rules = [1]", r"rules = \[1\] is not a list of rule packs"),
        ("rules = 5", "rules = 5 is not a list of rule packs"),
        ("[basin]\nname = 3", r"\[basin\] name = 3 is not a text"),
        ("[basin]\nlang = 1", r"\[basin\] lang = 1 is not a text"),
        ('[basin]\nlang = ["zh"]', r"lang = \['zh'\] is not a text"),
        ("[basin]\ndate = 12:00:00", "is not a date"),
        ("[basin]\ndate = [2026]", "is not a date"),
        ("[basin]\ncrs = 1.5", r"\[basin\] crs = 1.5 is not a coordinate system"),
        ("[basin]\ncrs = true", "crs = True is not a coordinate system"),
        ('[basin]\ncrs = "EPSG:99"', "crs = 'EPSG:99' is not a known coordinate system"),
        ("[basin]\ncrs = 99", "crs = 99 is not a known coordinate system"),
        ("[layers]\nrivers = []", "layer 'rivers' needs a path"),
        ("[layers]\nrivers = { path = 3 }", "layer 'rivers' needs a path"),
        ('[layers]\nrivers = "a\\u0000b"', "which does not exist"),
        (f'[layers]\nrivers = "{"a" * 5000}"', "which does not exist"),
        (LAYER.format("layer = 3"), "layer 'rivers' layer = 3 is not a text"),
        (LAYER.format("encoding = 3"), "layer 'rivers' encoding = 3 is not a text"),
        (LAYER.format('encoding = "gkb"'), "layer 'rivers': there is no encoding 'gkb'"),
        (LAYER.format("crs = []"), r"layer 'rivers' crs = \[\] is not a coordinate system"),
        (LAYER.format('columns = "name"'), "columns = 'name' is not a table of texts"),
        (LAYER.format("columns = { name = 3 }"), "columns = {'name': 3} is not a table of texts"),
    ],
)
def test_a_wrong_project_file_says_what_and_how_to_mend_it(tmp_path: Path, toml: str, message: str):
    with pytest.raises(ProjectError, match=message):
        basin.open(write(tmp_path, toml))


def test_a_missing_layer_is_named_with_its_purpose(tmp_path: Path):
    project = basin.open(write(tmp_path, '[layers]\nrivers = "rivers.gpkg"'))
    with pytest.raises(ProjectError, match=r"no layer 'samples', which the assessment needs"):
        project.assess()


@pytest.mark.parametrize("name", ["x.html", "x", "x.xls", "x.shp", "x.gpkg", "x.json", "x.csv"])
def test_a_file_that_is_no_project_is_refused(tmp_path: Path, name: str):
    (tmp_path / name).write_text("no layer", encoding="utf-8")
    with pytest.raises(BasinError, match=re.escape(name)):
        basin.open(tmp_path / name)


def test_the_project_s_own_crs_may_be_auto_for_one_layer(tmp_path: Path):
    project = basin.open(write(tmp_path, LAYER.format('crs = "auto"')))
    assert project.network.reaches.index.tolist() == ["A", "B"]


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ("in_water_source", "outfall_in_water_source"),
        ("closed_but_sampled", "closed_but_sampled"),
        ("nearest_is_wrong", "river_contradicted"),
        ("far_from_river", "snap_far"),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_validate_lists_the_planted_outfalls(
    sample: basin.Basin, planted: str, kind: str, lang: str
):
    """Those planted, each with what is wrong and how to mend it."""
    truth = pd.read_csv(SAMPLE / "planted.csv")
    ids = truth.loc[truth["kind"] == planted, "id"].tolist()
    assert ids
    project = dataclasses.replace(sample, lang=lang)
    problems = project.validate()
    found = problems[problems["kind"] == kind]
    assert found["layer"].tolist() == ["outfalls"]
    listed = found["ids"].iloc[0].split(", ")
    if planted == "in_water_source":  # chance put others there: see the test below
        assert set(ids) <= set(listed)
    else:
        assert listed == ids
    assert all(i in found["problem"].iloc[0] for i in ids)
    assert found["mend"].iloc[0]
    chinese = any("\u4e00" <= c <= "\u9fff" for c in found["mend"].iloc[0])
    assert chinese == (lang == "zh")


def test_outfalls_in_water_sources_are_those_that_shapely_finds(sample: basin.Basin):
    zones = sample.layers["zones"]
    today = zones["valid_to"].isna() | (zones["valid_to"] >= pd.Timestamp(sample.date))
    zones = zones[(zones["kind"] == "water_source") & today]
    inside = [
        row.outfall_id
        for row in sample.layers["outfalls"].itertuples()
        if row.status != "closed" and any(z.covers(row.geometry) for z in zones.geometry)
    ]
    problems = sample.validate().set_index("kind")
    assert problems.loc["outfall_in_water_source", "ids"].split(", ") == inside


def test_a_zone_no_longer_in_force_forbids_no_outfall(tmp_path: Path):
    """P-035 lies in WS-01-II: not to be reported once that zone has ended."""
    shutil.copytree(SAMPLE, tmp_path / "copy")
    file = tmp_path / "copy" / "zones.gpkg"
    zones = gpd.read_file(file)
    file.unlink()
    zones.loc[zones["zone_id"] == "WS-01-II", ["valid_from", "valid_to"]] = "2019-01-01"
    zones.to_file(file, layer="zones")
    problems = basin.open(tmp_path / "copy").validate().set_index("kind")
    assert "P-035" not in problems.loc["outfall_in_water_source", "ids"]


def test_the_sample_reads_every_layer(sample: basin.Basin):
    assert set(sample.layers) == set(basin.project.LAYERS)
    assert sample.date == dt.date(2026, 3, 31)
    for name in sample.layers:
        table = sample.layers[name]
        assert len(table) > 0, name
        if isinstance(table, gpd.GeoDataFrame):
            assert table.crs.to_epsg() == 4490, name


def test_validate_lists_the_sample_s_defects(sample: basin.Basin):
    problems = sample.validate()
    assert {"layer", "severity", "kind", "ids"} <= set(problems.columns)
    assert (problems["layer"] == "outfalls").any()
    text = " ".join(problems.astype(str).sum(axis=1))
    assert "GB18030" in text.upper() or "GBK" in text.upper()
    # validating twice lists nothing twice
    assert len(sample.validate()) == len(problems)


def test_an_unreadable_layer_is_a_row_and_the_others_are_read(tmp_path: Path):
    shutil.copytree(SAMPLE, tmp_path / "copy")
    (tmp_path / "copy" / "zones.gpkg").write_bytes(b"not a database")
    problems = basin.open(tmp_path / "copy").validate()
    broken = problems[(problems["layer"] == "zones") & (problems["severity"] == "error")]
    assert len(broken) == 1
    assert (problems["layer"] == "outfalls").any()


def test_the_date_of_the_check_can_be_moved(sample: basin.Basin):
    then = sample.check(date=dt.date(2020, 1, 1))
    assert then.date == dt.date(2020, 1, 1)
    # the 《长江保护法》 is in force from 2021-03-01: its rules are not there yet
    assert not then.findings["rule_id"].str.startswith("CJ26").any()


def test_result_layers_keep_every_row(sample: basin.Basin, tmp_path: Path):
    tables = sample.result_layers()
    assert len(tables["outfalls"]) == len(sample.layers["outfalls"])
    assert len(tables["sites"]) == len(sample.layers["sites"])
    assert len(tables["sections"]) == len(sample.layers["sections"])
    path = sample.write_layers(tmp_path / "layers.gpkg")
    written = set(gpd.list_layers(path)["name"])
    assert set(tables) <= written
    back = gpd.read_file(path, layer="sites")
    assert back["verdict"].tolist() == tables["sites"]["verdict"].tolist()


def test_repr_names_the_layers(sample: basin.Basin):
    assert "綦江示意流域" in repr(sample)
    assert "rivers" in repr(sample)


def test_tables_of_a_project_are_not_changed_by_its_questions(sample: basin.Basin):
    before = {name: sample.layers[name].copy() for name in sample.layers}
    sample.check()
    sample.trace("S-FH")
    sample.map()
    for name, table in before.items():
        pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(sample.layers[name]))


def test_a_river_without_a_shoreline_leaves_its_limits_unchecked(tmp_path: Path):
    """Coverage may say that the shorelines are complete; a river without one proves it wrong."""
    shutil.copytree(SAMPLE, tmp_path / "copy")
    whole = basin.open(tmp_path / "copy")
    lines = whole.layers["shorelines"]
    kept = lines[lines["river"].ne("通惠河")]
    (tmp_path / "copy" / "shorelines.gpkg").unlink()
    kept.to_file(tmp_path / "copy" / "shorelines.gpkg", layer="shorelines")
    project = basin.open(tmp_path / "copy")

    reach = whole.layers["rivers"].set_index("reach_id").loc["R110", "geometry"]
    near = reach.interpolate(0.5, normalized=True)
    plant = gpd.GeoDataFrame(
        {"site_id": ["new"], "category": ["chemical"], "action": ["new"], "accuracy_m": [1.0]},
        geometry=[Point(near.x + 0.003, near.y)],  # some 300 m from the line
        crs=4490,
    )
    rule = "CJ26-CHEM-1KM"
    before = whole.check(plant).findings.set_index("rule_id").loc[rule]
    after = project.check(plant).findings.set_index("rule_id").loc[rule]
    assert before["verdict"] == "prohibited"
    assert after["verdict"] == "unchecked"
    assert after["reason"] == "not_covered"
    problems = project.validate()
    bare = problems[problems["kind"] == "river_without_shoreline"]
    assert len(bare) == 1
    assert "R110" in bare["ids"].iloc[0]
    assert not (whole.validate()["kind"] == "river_without_shoreline").any()


def test_coverage_without_a_kind_speaks_only_for_the_kinds_that_are_there(sample: basin.Basin):
    from basin.siting import check_sites

    everywhere = sample.layers["coverage"].assign(kind="")
    sites = sample.layers["sites"]
    result = check_sites(
        sites[sites["site_id"] == "X-13"],
        sample.layers["shorelines"],
        sample.layers["zones"],
        coverage=everywhere,
        date=sample.date,
    )
    found = result.findings.set_index("rule_id")["verdict"]
    assert found["PORT-PLAN"] == "unchecked"  # no port plan in the file: unknown, not absent
    assert found["ERL-CORE"] == "clear"


def test_a_section_far_from_every_river_stops_neither_map_nor_layers(tmp_path: Path):
    shutil.copytree(SAMPLE, tmp_path / "copy")
    file = tmp_path / "copy" / "sections.csv"
    rows = pd.read_csv(file, encoding="utf-8-sig", dtype=str)
    rows.loc[rows["section_id"] == "S-WT", ["lon", "lat"]] = ["107.2", "29.25"]
    rows.to_csv(file, index=False, encoding="utf-8-sig")
    project = basin.open(tmp_path / "copy")
    traces = project.trace_failing(project.assess())
    assert [t.section_id for t in traces] == ["S-FH"]
    failed = [p for p in project.problems if p.kind == "trace_failed"]
    assert failed[0].ids == ("S-WT",)


def test_a_section_and_an_item_may_be_named(sample: basin.Basin):
    by_name = sample.trace("扶欢", "总磷")
    assert (by_name.section_id, by_name.item_id) == ("S-FH", "tp")
    with pytest.raises(ProjectError, match=r"Did you mean '扶欢'\? The sections are: S-SMK, S-FH"):
        sample.trace("扶欢河")


def test_answers_in_the_folder_are_not_read_back(tmp_path: Path):
    for name in ("rivers.gpkg", "shorelines.gpkg"):
        shutil.copy(SAMPLE / name, tmp_path / name)
    project = basin.open(tmp_path)
    project.write_layers(tmp_path / "layers.gpkg")
    (tmp_path / "台账2025.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    again = basin.open(tmp_path)
    assert list(again.layers) == ["rivers", "shorelines"]
    assert len(again.layers["rivers"]) == len(project.layers["rivers"])
    assert [p.ids for p in again.problems if p.kind == "file_unused"] == [("台账2025.csv",)]


@pytest.mark.parametrize("where", ['rules = "chongqing"', '[basin]\nrules = "chongqing"'])
def test_a_single_rule_pack_may_stand_alone(tmp_path, where):
    shutil.copy(SAMPLE / "sites.xlsx", tmp_path)
    toml = f'{where}\n[layers]\nsites = "sites.xlsx"\n'
    (tmp_path / "basin.toml").write_text(toml, encoding="utf-8")
    project = basin.open(tmp_path)
    assert project.rules == ("chongqing",)
    assert project.check().packs == ("chongqing",)
    alone = dataclasses.replace(project, rules="chongqing")
    assert alone.check().packs == ("chongqing",)


@pytest.fixture(params=["no rows", "no lines", "points"])
def without_network(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The sample with rivers that make no network, and two layers with problems of their own."""
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    rivers = gpd.read_file(copy / "rivers.gpkg")
    (copy / "rivers.gpkg").unlink()
    if request.param == "no rows":
        rivers = rivers.iloc[:0]
    elif request.param == "no lines":
        rivers = rivers.set_geometry(gpd.GeoSeries([None] * len(rivers), crs=rivers.crs))
    else:
        rivers = rivers.set_geometry(rivers.geometry.interpolate(0.5, normalized=True))
    kind = "Point" if request.param == "points" else "LineString"
    rivers.to_file(copy / "rivers.gpkg", layer="rivers", geometry_type=kind)
    return copy


@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
def test_rivers_that_make_no_network_are_one_error_beside_the_others(without_network: Path):
    whole, project = basin.open(SAMPLE), basin.open(without_network)
    problems = project.validate()
    failed = problems[problems["kind"].eq("network_failed")]
    assert failed["severity"].tolist() == ["error"]
    assert failed["layer"].tolist() == ["rivers"]
    assert failed["problem"].iloc[0].startswith("这些河流构不成河网")
    # what needs no network is found as before
    for kind in ("closed_but_sampled", "outfall_in_water_source"):
        before, after = (p[p["kind"].eq(kind)] for p in (whole.validate(), problems))
        assert before["ids"].tolist() == after["ids"].tolist() != []
    assert len(project.validate()) == len(problems)


@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
def test_without_a_network_the_rest_is_drawn_and_written(without_network: Path):
    project = basin.open(without_network)
    page = project.map()
    assert page.counts["sites"] == 19
    assert page.counts["sections"] == 15
    assert any("rivers" in sentence for sentence in project.missing)
    tables = project.result_layers()
    assert {"sites", "sections", "bands", "problems"} <= set(tables)
    assert not {"reaches", "outfalls"} & set(tables)


def test_columns_named_like_those_of_an_answer_give_way_and_are_listed(tmp_path: Path):
    """Yesterday's layers.gpkg as today's outfalls; and a table with all columns of a trace."""
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    whole = basin.open(copy)
    outfalls = whole.layers["outfalls"].assign(
        snap_reach_id="theirs", snap_status="theirs", distance_m=1.0, junctions=7, share_of_flux=0.5
    )
    outfalls.to_file(copy / "yesterday.gpkg", layer="outfalls")
    toml = (copy / "basin.toml").read_text(encoding="utf-8")
    toml = toml.replace('"outfalls.shp"', '{ path = "yesterday.gpkg", layer = "outfalls" }')
    (copy / "basin.toml").write_text(toml, encoding="utf-8")
    project = basin.open(copy)
    before, after = whole.trace("S-FH"), project.trace("S-FH")
    assert before.outfalls["distance_m"].tolist() == after.outfalls["distance_m"].tolist()
    assert before.outfalls["share_of_flux"].tolist() == after.outfalls["share_of_flux"].tolist()
    nothing = {"assessment": whole.assess(), "siting": whole.check(), "traces": []}
    tables = project.result_layers(**nothing)
    expected = whole.result_layers(**nothing)["outfalls"]
    assert tables["outfalls"]["snap_reach_id"].tolist() == expected["snap_reach_id"].tolist()
    listed = tables["problems"].set_index("kind").loc["column_of_an_answer", "problem"]
    assert "snap_reach_id" in listed


def test_sections_that_differ_by_case_have_layers_of_their_own(tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    for name in ("sections.csv", "samples.csv"):
        text = (copy / name).read_text(encoding="utf-8-sig")
        text = text.replace("S-FH", "sx").replace("S-WT", "SX")
        (copy / name).write_text(text, encoding="utf-8-sig")
    project = basin.open(copy)
    path = project.write_layers(tmp_path / "l.gpkg", siting=basin.open(SAMPLE).check())
    names = [n for n in gpd.list_layers(path)["name"] if n.lower().startswith("trace_sx")]
    assert len(names) == len({n.lower() for n in names}) == 2 * 10  # tables of a trace


def test_an_id_that_is_a_number_is_read_as_text():
    with pytest.raises(BasinError, match="5"):
        basin.open(SAMPLE).trace(5)
