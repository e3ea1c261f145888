"""The sample basin's DEM and rivers, against networkx, brute walks and what was planted."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from click.testing import CliRunner

from basin._network.heights import reach_drops
from basin.buffers import base_lines
from basin.cli import main
from basin.crs import area_m2
from basin.terrain import (
    bank_belts,
    downstream_profile,
    flow_directions,
    flow_pieces,
    raindrop,
    reach_areas,
    reach_slopes,
    slope_shares,
    zonal_statistics,
)
from basin.zones import water_source_stretch, water_source_zones

pytest.importorskip("pyflwdir")

SAMPLE = Path(__file__).parents[1] / "data" / "sample_layers"

#: 綦江: 6,902 to 7,089 km2 by source; the sample's lines and heights are schematic.
PUBLISHED_KM2 = 7_020.0


@pytest.fixture(scope="module")
def flow(sample):
    return sample.flow


@pytest.fixture(scope="module")
def sections(sample):
    return sample.catchments("sections")


def reaches_below(sample) -> dict[str, set[str]]:
    """All reaches below each, by networkx on the graph of reaches."""
    table = sample.network.reaches
    graph = nx.DiGraph()
    graph.add_nodes_from(table.index)
    by_start = table.groupby("from_node").groups
    for reach, end in table["to_node"].items():
        graph.add_edges_from((reach, onward) for onward in by_start.get(end, ()))
    return {r: nx.descendants(graph, r) | {r} for r in table.index}


def test_the_raster_drains_along_the_rivers(sample, flow):
    """Walk from every river cell to its outlet: the reaches met are those below in the graph."""
    below = reaches_below(sample)
    ids = sample.network.reaches.index
    visits = flow.rivers
    reach_of_cell = np.where(flow.owner >= 0, visits.reach[flow.owner], -1)
    cells = np.flatnonzero(flow.owner >= 0)
    onward = flow.down[cells]
    assert (reach_of_cell[onward] >= 0).all()  # a river never leaves its cells
    here, there = reach_of_cell[cells], reach_of_cell[onward]
    fits = np.array([ids[b] in below[ids[a]] for a, b in zip(here, there, strict=True)])
    share = 1 - fits.mean()
    assert share <= 0.01
    assert flow.agreement() >= 0.99
    assert flow.raster.isvalid


def test_the_heights_alone_drain_along_the_rivers(sample, flow):
    """Without the lines the DEM's own flow leads from river cell to river cell, and downstream."""
    below = reaches_below(sample)
    ids = sample.network.reaches.index
    alone = flow_directions(sample.dem)
    reach = np.where(flow.owner >= 0, flow.rivers.reach[flow.owner], -1)
    cells = np.flatnonzero(flow.owner >= 0)
    onward = alone.down[cells]
    # where the water leaves the drawn cells it comes back to the same river or one below it
    last = onward.copy()
    for _ in range(3):
        off = (reach[last] < 0) & (alone.down[last] != last)
        last[off] = alone.down[last[off]]
    fits = [
        b >= 0 and ids[b] in below[ids[a]] for a, b in zip(reach[cells], reach[last], strict=True)
    ]
    assert np.mean(fits) >= 0.99


def test_catchments_of_all_sections_tile_their_basin(sections, flow):
    table = sections.catchments
    shapes = np.asarray(table.geometry.array)
    assert shapely.coverage_is_valid(shapes)
    np.testing.assert_allclose(area_m2(table.geometry) / 1e6, table["area_km2"], atol=1e-3)
    total = table["drainage_area_km2"]
    for key in table.index:
        above = table.index[table["below"] == key]
        assert total[key] == pytest.approx(table["area_km2"][key] + total[above].sum())
    last = table.index[table["below"] == ""]
    whole = shapely.coverage_union_all(shapes)
    joined = shapely.union_all(np.asarray(sections.drainage_areas.geometry[last].array))
    assert whole.equals(joined)


def test_sections_nest_as_the_network_says(sample, sections):
    place = sections.catchments
    below = sample.network.next_downstream(place, place, strict=True)["target"].fillna("")
    assert place["below"].to_dict() == below.to_dict()


def test_a_total_is_all_that_drains_through_the_cell(sections, flow):
    """By the raster's own accumulation, which knows nothing of the network."""
    place = sections.catchments
    position = flow.network.reaches.index.get_indexer(pd.Index(place["reach_id"], dtype=object))
    cell = flow.rivers.cell[flow.visit_of(position, place["measure_m"].to_numpy())]
    through = flow.upstream_area_km2.ravel()[cell]
    np.testing.assert_allclose(through, place["drainage_area_km2"], rtol=0.01)


def test_the_published_area_is_compared(sample):
    """The schematic basin is larger than the real one, and says so."""
    table = sample.layers["sections"]
    mouth = table[table["section_id"] == "S-D08"].assign(drainage_area_km2=PUBLISHED_KM2)
    result = sample.catchments(mouth)
    row = result.catchments.loc["S-D08"]
    assert row["difference"] == pytest.approx(row["drainage_area_km2"] / PUBLISHED_KM2 - 1)
    assert 0.1 < row["difference"] < 0.4
    assert "7,020.0 km2 given" in result.explain("en")


def test_a_drop_from_any_place_of_a_catchment_ends_above_its_section(sample, sections, flow):
    own = sections.drainage_areas.loc["S-ZX"]
    rng = np.random.default_rng(7)
    box = own.geometry.bounds
    xy = rng.uniform(box[:2], box[2:], (400, 2))
    inside = shapely.contains_xy(own.geometry, *xy.T)
    paths = raindrop(gpd.GeoSeries(shapely.points(xy), crs=4490), flow).paths
    above = set(sample.network.upstream((own["reach_id"], own["measure_m"])))
    reached = paths[paths["status"] == "reached"]
    cell = 1.5 * flow.dem.cell_m
    ends_above = reached["reach_id"].isin(above) & (
        (reached["reach_id"] != own["reach_id"]) | (reached["measure_m"] <= own["measure_m"] + cell)
    )
    assert inside.sum() > 100
    assert (ends_above == inside[reached.index]).mean() > 0.995
    assert ends_above[inside[reached.index]].all()


def test_planted_outfalls_drain_where_they_were_put(sample, flow):
    planted = pd.read_csv(sample.folder / "planted.csv").set_index("id")
    drops = sample.raindrop("outfalls").paths
    told = {"P-014": "over_divide", "P-023": "far_upstream", "P-036": "closed_but_sampled"}
    for key, kind in told.items():
        assert planted.loc[key, "kind"] == kind
        assert drops.loc[key, "reach_id"] == planted.loc[key, "reach_id"]
    far = drops.loc["P-032"]  # 2,002 m from every river
    assert far["length_m"] > 2_002
    placed = sample.catchments("outfalls").catchments
    assert placed.loc["P-032", "status"] == "beside"
    assert placed.loc["P-032", "drainage_area_km2"] < 5
    # near a confluence the record's river decides, not the nearest line
    for key in ("P-033", "P-034"):
        assert placed.loc[key, "reach_id"] == planted.loc[key, "reach_id"]


def test_a_site_is_told_its_river_and_what_lies_below(sample):
    told = sample.raindrop("sites")
    assert told.paths.loc["X-01", "river"] == "綦江河"
    below = told.below[told.below["from_id"] == "X-01"]
    assert below["id"].tolist() == ["S-BD", "I-04", "S-D08"]
    assert (np.diff(below["distance_m"]) > 0).all()


# ---- commands --------------------------------------------------------------------------------


def run(*words: str):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_catchments_are_written_for_qgis(tmp_path, sections):
    out = tmp_path / "catchments.gpkg"
    done = run("catchments", "data/sample_layers", "--of", "sections", "-o", str(out),
               "--directions", str(tmp_path / "d8.tif"), "--lang", "en")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "S-BD" in done.stdout
    assert (tmp_path / "d8.tif").exists()
    names = {name for name, _ in pyogrio.list_layers(out)}
    assert {"section_catchments", "section_drainage_areas", "dem_disagreements"} <= names
    back = pyogrio.read_dataframe(out, layer="section_catchments").set_index("section_id")
    assert back.loc["S-BD", "drainage_area_km2"] == pytest.approx(
        sections.catchments.loc["S-BD", "drainage_area_km2"]
    )


def test_one_place_is_asked_for_its_river():
    done = run("raindrop", "data/sample_layers", "--at", "106.65,28.98", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["raindrop_paths"][0]["status"] == "reached"
    assert {row["layer"] for row in answer["raindrop_below"]} <= {"sections", "intakes"}
    assert run("raindrop", "data/sample_layers", "--at", "east").exit_code == 2


def test_a_project_without_a_dem_says_what_to_add(tmp_path):
    file = tmp_path / "basin.toml"
    layers = {
        name: (SAMPLE / name).resolve().as_posix() for name in ("rivers.gpkg", "sections.csv")
    }
    lines = [f'{name.split(".")[0]} = "{path}"' for name, path in layers.items()]
    file.write_text("\n".join(["[layers]", *lines]), encoding="utf-8")
    done = run("catchments", str(tmp_path))
    assert done.exit_code == 2
    assert 'has no DEM, which catchments need. Add dem = "dem.tif"' in done.stderr


# ---- slopes, profile, streams, areas ----------------------------------------------------------


def test_every_reach_of_the_sample_falls(sample):
    """The heights were made to fall along the lines; planted reversals are turned by then."""
    table = reach_slopes(sample.network, sample.dem)
    assert (table["drop_m"] > 0).all()
    assert ((table["slope"] > 1e-4) & (table["slope"] < 0.05)).all()
    assert (table["confidence"] > 0.9).mean() > 0.95


def test_the_reversed_reaches_climb_as_they_are_drawn(sample):
    rivers = sample.layers["rivers"].set_index("reach_id")
    planted = pd.read_csv(sample.folder / "planted.csv")
    wrong = planted.loc[planted["kind"] == "reversed", "id"]
    drops = reach_drops(np.asarray(rivers.geometry.array), sample.dem).set_index(rivers.index)
    assert (drops.loc[wrong, "drop_m"] < 0).all()
    assert (drops.loc[wrong, "confidence"] > 0.99).all()
    sure_climb = drops.index[(drops["drop_m"] < 0) & (drops["confidence"] > 0.9)]
    assert set(sure_climb) == set(wrong)


def test_the_profile_falls_and_names_what_stands_on_it(sample):
    layers = {"sections": sample.layers["sections"], "structures": sample.layers["structures"]}
    profile = downstream_profile(sample.network, sample.dem, ("R023", 1000.0), layers=layers)
    points, places = profile.points, profile.places
    assert points["distance_m"].is_monotonic_increasing
    assert (np.diff(points["bed_m"]) <= 0).all()
    np.testing.assert_allclose(points["bed_m"], points["height_m"], atol=5)
    # by the network's own measure
    way = sample.network.next_downstream([("R023", 1000.0)], [("R033", 6157.409)])
    at = places.set_index("id")["distance_m"]
    assert at["S-BD"] == pytest.approx(way["distance_m"].iloc[0], abs=1)
    assert at["S-SMK"] < at["S-D07"] < at["S-BD"] < at["S-D08"]
    assert set(places["layer"]) == {"sections", "structures"}


def test_zonal_shares_sum_to_the_whole(sample, sections):
    areas = sections.catchments
    shares = slope_shares(areas, sample.dem)
    classes = [c for c in shares if c.startswith("slope_")]
    np.testing.assert_allclose(shares[classes].sum(axis=1), 1.0)
    assert shares.index.equals(areas.index)
    heights = zonal_statistics(areas, sample.dem, statistics=("mean", "count"))
    # the cells of a catchment are whole: as many as its area holds
    cell_km2 = areas["area_km2"].sum() / heights["count"].sum()
    np.testing.assert_allclose(heights["count"] * cell_km2, areas["area_km2"], rtol=0.01)
    np.testing.assert_allclose(heights["covered"], 1.0, atol=1e-6)


def test_bank_belts_are_a_recipe(sample):
    lines = base_lines(sample.layers["shorelines"], sample.effective_date)
    lines = lines[lines["river_class"] == "main_stem"]
    belts = bank_belts(lines, sample.dem)
    row = belts.iloc[0]
    assert row["area_km2"] == pytest.approx(area_m2(belts.geometry)[0] / 1e6)
    assert 0 <= row["steep_share"] < 0.05
    assert row["steep_km2"] == pytest.approx(row["steep_share"] * row["area_km2"])
    assert 0.9 < row["covered"] <= 1


# ---- windows ---------------------------------------------------------------------------------


def test_window_by_window_is_the_same_as_the_whole(sample, flow, tmp_path):
    """No cell drains another way, and no land is lost but what is said to be."""
    cells = []
    whole = np.bincount(flow.rivers.reach, flow.own_area_km2, len(sample.network.reaches))
    table = reach_areas(
        sample.dem, sample.network, max_cells=900_000, progress=lambda done, _: cells.append(done)
    )
    assert len(cells) > 3
    assert cells == sorted(cells)
    assert cells[-1] == flow.d8.size
    lost = whole - table["area_km2"].to_numpy()
    assert (lost > -1e-9).all()
    assert lost.sum() == pytest.approx(table.attrs["undecided_km2"], abs=1e-6)
    assert table.attrs["undecided_km2"] < 2
    assert table["drainage_area_km2"].max() == pytest.approx(table["area_km2"].sum())
    held = []
    for piece in flow_pieces(sample.dem, sample.network, max_cells=900_000):
        held.append(piece.flow.d8.size)
        core = piece.core
        same = flow.d8[core.top : core.bottom, core.left : core.right]
        np.testing.assert_array_equal(piece.flow.d8[piece.rows, piece.columns], same)
    assert max(held) <= 900_000


def test_drafts_of_water_source_zones_stop_at_the_divide(sample):
    up, down = water_source_stretch(sample.effective_date)
    land = sample.intake_land(up, down).set_index("id")
    intakes = sample.layers["intakes"]
    assert set(land.index) <= set(intakes["id"])
    # the land of an intake is part of what drains past the lower end of its stretch
    point = intakes[intakes["id"] == "I-03"]
    place = sample.network.snap(point).iloc[0]
    below = list(
        sample.network.downstream((place["reach_id"], place["measure_m"]), distance_m=down)
    )
    assert land.loc["I-03", "area_km2"] < sample.flow.reach_area_km2[below[-1]]
    plain, cut = (
        water_source_zones(point, sample.network, land=given, date=sample.effective_date).set_index(
            "grade"
        )
        for given in (None, land.reset_index())
    )
    assert 0 < cut.loc["II", "land_m2"] < plain.loc["II", "land_m2"]
    assert cut.loc["II", "water_m2"] == pytest.approx(plain.loc["II", "water_m2"], rel=1e-6)
    divide = land.geometry["I-03"]
    dry = cut.geometry["II"].difference(divide)
    assert area_m2(np.array([dry]))[0] <= 1.05 * cut.loc["II", "water_m2"]
