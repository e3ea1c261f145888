"""Flow directions, catchments and raindrops on DEMs that can be solved in the head."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.transform import from_origin

from basin.crs import area_m2
from basin.errors import LayerError, NetworkError
from basin.terrain import delineate_catchments, flow_directions, raindrop
from terrain_world import CELL, CRS, network, points, valley, write_dem

pytest.importorskip("pyflwdir")

CELL_KM2 = CELL**2 / 1e6
SIDE = st.integers(4, 9)
WAY = {
    1: (0, 1), 2: (1, 1), 4: (1, 0), 8: (1, -1),
    16: (0, -1), 32: (-1, -1), 64: (-1, 0), 128: (-1, 1),
}  # fmt: skip


def down(d8, row, col):
    dr, dc = WAY[int(d8[row, col])]
    return row + dr, col + dc


# ---- directions ------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "way"), WAY.items())
def test_a_plane_drains_the_way_it_falls(tmp_path, code, way):
    """pyflwdir alone sends a plane that falls due south to the south-west."""
    r, c = np.mgrid[0:9, 0:9].astype(float)
    flow = flow_directions(write_dem(tmp_path, 300 - way[0] * r - way[1] * c))
    assert (flow.d8[2:-2, 2:-2] == code).all()


def test_steepest_is_meant_in_metres_not_in_cells(tmp_path):
    """At 48 degrees north a cell of one second is two thirds as wide as it is high."""
    r, c = np.mgrid[0:9, 0:9].astype(float)
    grid = from_origin(106, 48, 1 / 3600, 1 / 3600)
    file = write_dem(tmp_path, 500 - r - 0.8 * c, crs="EPSG:4490", transform=grid)
    east, south = 30.87 * np.cos(np.radians(48)), 30.87
    falls = {1: 0.8 / east, 2: 1.8 / np.hypot(east, south), 4: 1 / south}
    assert (flow_directions(file).d8[3:-3, 3:-3] == max(falls, key=falls.__getitem__)).all()


def test_a_cone_drains_outwards_within_half_a_way(tmp_path):
    r, c = np.mgrid[0:41, 0:41].astype(float)
    flow = flow_directions(write_dem(tmp_path, 900 - np.hypot(r - 20, c - 20)))
    row, col = np.nonzero((np.hypot(r - 20, c - 20) > 3) & (np.hypot(r - 20, c - 20) < 18))
    to = np.array([down(flow.d8, a, b) for a, b in zip(row, col, strict=True)]) - [20, 20]
    here = np.column_stack([row, col]) - [20, 20]
    step = to - here
    cosine = (here * step).sum(1) / np.hypot(*here.T) / np.hypot(*step.T)
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() <= 22.5 + 2.5  # and the cells' own angle


def test_a_pit_is_filled_and_drains_over_its_rim(tmp_path):
    z = valley(11, 9)
    z[4:7, 3:6] -= 50
    flow = flow_directions(write_dem(tmp_path, z))
    assert flow.raster.isvalid
    here = (5, 4)
    for _ in range(20):
        if flow.d8[here] == 0:
            break
        here = down(flow.d8, *here)
    assert here[0] == 10  # out at the foot of the valley


def test_small_holes_are_filled_and_listed(tmp_path):
    z = valley(30, 31)
    z[12, 15] = np.nan
    flow = flow_directions(write_dem(tmp_path, z))
    assert (flow.d8 != 247).all()
    assert [r.kind for r in flow.repairs] == ["holes_filled"]


def test_a_dem_without_heights_is_refused(tmp_path):
    with pytest.raises(LayerError, match="holds no heights"):
        flow_directions(write_dem(tmp_path, np.full((5, 5), np.nan)))


def test_too_large_a_dem_is_refused(tmp_path):
    with pytest.raises(LayerError, match=r"100 cells are more than 50 at once.*bounds"):
        flow_directions(write_dem(tmp_path, valley(10, 10)), max_cells=50)


def test_an_area_the_dem_does_not_reach_is_refused(tmp_path):
    with pytest.raises(LayerError, match="does not reach the area"):
        flow_directions(write_dem(tmp_path, valley(10, 10)), bounds=(100, 30, 101, 31))


@settings(max_examples=25, deadline=None)
@given(
    z=arrays(np.float32, st.tuples(SIDE, SIDE), elements=st.sampled_from([1, 2, 3, 9])),
    line=st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=5, unique=True
    ),
)
def test_random_grids_have_no_circle_and_lose_no_water(tmp_path_factory, z, line):
    folder = tmp_path_factory.mktemp("grid")
    rows, cols = z.shape
    line = [(min(r, rows - 1) + 0.5, min(c, cols - 1) + 0.5) for r, c in line]
    line = list(dict.fromkeys(line))
    streams = network({"r": line}) if len(line) > 1 else None
    flow = flow_directions(write_dem(folder, z), streams=streams)
    seen = np.zeros(z.size, dtype=int)
    for cell in range(z.size):
        here = cell
        for _ in range(z.size + 1):
            seen[here] += 1
            if flow.down[here] == here:
                break
            here = int(flow.down[here])
        else:
            pytest.fail("a circle")
    # every cell's water was seen at each cell below it: the same as accumulation
    np.testing.assert_allclose(flow.upstream_area_km2.ravel() / CELL_KM2, seen, rtol=1e-3)
    outlets = flow.down == np.arange(z.size)
    total = flow.cell_area_km2.sum()
    assert flow.upstream_area_km2.ravel()[outlets].sum() == pytest.approx(total)
    if streams is not None:
        assert flow.agreement() == 1.0


# ---- rivers ----------------------------------------------------------------------------------


def test_a_river_over_a_hill_is_followed_and_listed(tmp_path):
    z = valley(24, 11)
    z[8:14] += 40  # a ridge right across the valley: the river cuts through it
    z[18:] += 90  # and the ground climbs in front of the mouth
    streams = network({"r": [(0.5, 5.5), (23.5, 5.5)]})
    flow = flow_directions(write_dem(tmp_path, z), streams=streams)
    assert (flow.d8[:-1, 5] == 4).all()
    assert flow.d8[-1, 5] == 0
    listed = flow.disagreements.set_index("kind")
    assert listed.loc["climbs", "reach_id"] == "r"
    assert flow.agreement() == 1.0


def test_a_river_beside_its_valley_is_listed(tmp_path):
    z = valley(20, 21, side=15)
    flow = flow_directions(
        write_dem(tmp_path, z), streams=network({"r": [(0.5, 14.5), (19.5, 14.5)]})
    )
    assert flow.disagreements["kind"].tolist() == ["above_valley"]


def test_a_river_that_leaves_the_dem_is_listed(tmp_path):
    streams = network({"r": [(0.5, 5.5), (40.5, 5.5)], "off": [(50, 5.5), (40.5, 5.5)]})
    flow = flow_directions(write_dem(tmp_path, valley(20, 11)), streams=streams)
    outside = flow.disagreements[flow.disagreements["kind"] == "outside"]
    assert sorted(outside["reach_id"]) == ["off", "r"]


def test_a_river_passes_a_lake_without_heights(tmp_path):
    z = valley(60, 41)
    z[20:40, 12:29] = np.nan  # 340 cells: no small hole
    flow = flow_directions(
        write_dem(tmp_path, z), streams=network({"r": [(0.5, 20.5), (59.5, 20.5)]})
    )
    assert (flow.d8[:-1, 20] == 4).all()
    assert flow.upstream_area_km2[-1, 20] > flow.upstream_area_km2[18, 20]


def test_where_a_river_parts_its_main_way_has_the_water(tmp_path):
    """Two arms of an island: one leads the water, the other its own land."""
    lines = {
        "up": [(0.5, 10.5), (5.5, 10.5)],
        "left": [(5.5, 10.5), (9.5, 6.5), (13.5, 10.5)],
        "right": [(5.5, 10.5), (9.5, 14.5), (13.5, 10.5)],
        "low": [(13.5, 10.5), (19.5, 10.5)],
    }
    streams = network(lines)
    flow = flow_directions(write_dem(tmp_path, valley(20, 21, side=0.2)), streams=streams)
    lead, aside = ("left", "right") if streams.main_way["left"] else ("right", "left")
    beside = {"left": (6, 9), "right": (6, 11)}
    assert down(flow.d8, 5, 10) == beside[lead]
    area = flow.upstream_area_km2
    assert area[beside[lead]] > area[5, 10] > area[beside[aside]]
    assert area[14, 10] > area[12, 9] + area[12, 11]  # and both meet again
    assert flow.raster.isvalid


def test_rivers_of_one_cell_and_meanders_within_a_cell_make_no_circle(tmp_path):
    lines = {
        "a": [(2.2, 5.2), (2.8, 5.7), (2.3, 5.8), (3.4, 5.5), (2.6, 5.4), (4.5, 5.5)],
        "b": [(4.5, 5.5), (4.6, 5.6)],
        "c": [(4.6, 5.6), (9.5, 5.5)],
    }
    flow = flow_directions(write_dem(tmp_path, valley(11, 11)), streams=network(lines))
    assert flow.raster.isvalid
    assert flow.owner.reshape(11, 11)[9, 5] >= 0
    assert flow.upstream_area_km2[9, 5] > flow.upstream_area_km2[4, 5]


def test_the_cog_names_its_convention_and_reads_back(tmp_path):
    flow = flow_directions(write_dem(tmp_path, valley(20, 11)))
    with rasterio.open(flow.write(tmp_path / "d8.tif")) as raster:
        assert raster.tags()["CONVENTION"].startswith("D8 (ESRI): 1 E, 2 SE, 4 S")
        assert raster.nodata == 247
        assert raster.crs.to_epsg() == 4545
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        np.testing.assert_array_equal(raster.read(1), flow.d8)
    with rasterio.open(flow.write_upstream_area(tmp_path / "area.tif")) as raster:
        np.testing.assert_allclose(raster.read(1), flow.upstream_area_km2, rtol=1e-6)
    with pytest.raises(LayerError, match=r"d8\.tif"):
        flow.write(tmp_path / "d8.tif")


# ---- catchments ------------------------------------------------------------------------------


@pytest.fixture
def brook_and_river(tmp_path):
    """A valley of 40 x 21 cells with its river; a brook enters from the west at row 25."""
    z = valley(40, 21)
    z[25, :10] -= 1.5 + 0.1 * np.arange(10)
    lines = {
        "upper": [(0.5, 10.5), (25.5, 10.5)],
        "lower": [(25.5, 10.5), (39.5, 10.5)],
        "brook": [(25.5, 2.5), (25.5, 10.5)],
    }
    streams = network(lines, upper="綦江河", lower="綦江河", brook="小溪")
    return flow_directions(write_dem(tmp_path, z), streams=streams)


def test_a_catchment_ends_with_the_cell_of_its_point(brook_and_river):
    flow = brook_and_river
    at = {"S1": (10.5, 10.5), "S2": (20.7, 10.6), "S3": (39.5, 10.5)}
    found = delineate_catchments(points(at), flow).catchments
    # by hand: rows 0..10 drain to S1 but for what runs diagonally across row 10
    labels = flow.upstream_area_km2
    assert found.loc["S1", "drainage_area_km2"] == pytest.approx(labels[10, 10])
    assert found.loc["S2", "drainage_area_km2"] == pytest.approx(labels[20, 10])
    assert found.loc["S3", "drainage_area_km2"] == pytest.approx(labels[39, 10])
    assert found["below"].to_dict() == {"S1": "S2", "S2": "S3", "S3": ""}
    own = found["area_km2"]
    assert own["S1"] + own["S2"] == pytest.approx(found.loc["S2", "drainage_area_km2"])
    assert own.sum() == pytest.approx(found.loc["S3", "drainage_area_km2"])


def test_catchments_tile_without_gap_or_overlap(brook_and_river):
    at = {"S1": (10.5, 10.5), "S2": (20.5, 10.5), "B": (25.5, 5.5), "S3": (39.5, 10.5)}
    result = delineate_catchments(points(at), brook_and_river)
    shapes = np.asarray(result.catchments.geometry.array)
    assert shapely.coverage_is_valid(shapes)
    whole = result.drainage_areas.geometry["S3"]
    assert whole.equals(shapely.coverage_union_all(shapes))
    areas = area_m2(result.drainage_areas.geometry) / 1e6
    np.testing.assert_allclose(areas, result.catchments["drainage_area_km2"], rtol=1e-4)
    assert shapely.contains_properly(whole.buffer(1e-9), shapes).all()


def test_points_in_one_cell_share_their_catchment(brook_and_river):
    at = {"a": (10.4, 10.5), "b": (10.6, 10.5), "c": (30.5, 10.5)}
    found = delineate_catchments(points(at), brook_and_river)
    table = found.catchments
    assert table.loc["b", ["status", "shares_with", "area_km2"]].tolist() == ["same_cell", "a", 0.0]
    assert table.loc["b", "drainage_area_km2"] == table.loc["a", "drainage_area_km2"]
    assert table.geometry["b"].is_empty
    assert found.drainage_areas.geometry["b"].equals(found.drainage_areas.geometry["a"])
    assert table["area_km2"].sum() == pytest.approx(table.loc["c", "drainage_area_km2"])


def test_name_and_area_choose_the_stream_not_nearness(brook_and_river):
    """Near the mouth the point is nearer to the river, whatever it is meant to be on."""
    flow = brook_and_river
    big = float(flow.area_at(*position(flow, "upper", 1e9))[0])
    small = float(flow.area_at(*position(flow, "brook", 1e9))[0])
    place = {"p": (24.9, 9.9)}
    plain = delineate_catchments(points(place), flow).catchments
    by_name = delineate_catchments(points(place, river=["小溪"]), flow).catchments
    by_area = delineate_catchments(points(place, drainage_area_km2=[small]), flow).catchments
    large = delineate_catchments(points(place, drainage_area_km2=[big]), flow).catchments
    assert by_name.loc["p", ["reach_id", "snapped_by"]].tolist() == ["brook", "name"]
    assert large.loc["p", "snapped_by"] == "area"
    assert large.loc["p", "river"] == "綦江河"
    assert by_area.loc["p", ["reach_id", "snapped_by"]].tolist() == ["brook", "area"]
    assert plain.loc["p", "given_km2"] != plain.loc["p", "given_km2"]  # NaN
    assert large.loc["p", "difference"] == pytest.approx(0, abs=0.1)


def position(flow, reach_id, measure):
    k = flow.network.reaches.index.get_loc(reach_id)
    length = flow.network.reaches["length_m"].iloc[k]
    return np.array([k]), np.array([min(measure, length)])


def test_an_area_that_differs_is_told(brook_and_river):
    found = delineate_catchments(
        points({"S": (39.5, 10.5)}, drainage_area_km2=[7000.0]), brook_and_river
    )
    assert found.catchments.loc["S", "difference"] == pytest.approx(-1, abs=0.01)
    assert "登记 7,000.0 km²，相差 -100%" in found.explain("zh")
    assert "7,000.0 km2 given, -100%" in found.explain("en")


def test_a_point_off_the_rivers_stands_on_its_brook(tmp_path):
    z = valley(40, 61)
    z[:, :20] = np.minimum(z[:, :20], 520 - np.arange(40)[:, None] + 3 * np.abs(np.arange(20) - 8))
    streams = network({"r": [(0.5, 30.5), (39.5, 30.5)]})
    flow = flow_directions(write_dem(tmp_path, z), streams=streams)
    at = points({"brook": (30.5, 9.5), "river": (35.5, 30.5)})
    found = delineate_catchments(at, flow, max_offset_m=100).catchments
    assert found.loc["brook", ["status", "snapped_by", "reach_id"]].fillna("").tolist() == [
        "beside",
        "brook",
        "",
    ]
    assert found.loc["brook", "drainage_area_km2"] == pytest.approx(
        np.nanmax(flow.upstream_area_km2[28:33, 7:12])
    )


def test_points_outside_the_dem_are_told(brook_and_river):
    found = delineate_catchments(points({"far": (400, 10), "in": (30.5, 10.5)}), brook_and_river)
    assert found.catchments["status"].to_dict() == {"far": "outside", "in": "placed"}
    assert np.isnan(found.catchments.loc["far", "area_km2"])
    assert "far" in found.explain("en")


def test_the_rim_of_the_data_makes_areas_lower_bounds(tmp_path):
    """A bowl within a ridge in a ring, and a gorge through it: only the bowl is known whole."""
    r, c = np.mgrid[0:60, 0:61].astype(float)
    z = 500 - np.abs(np.hypot(r - 30, c - 30) - 20) * 5
    streams = network({"r": [(25.5, 30.5), (59.5, 30.5)]})
    flow = flow_directions(write_dem(tmp_path, z), streams=streams)
    result = delineate_catchments(points({"bowl": (40.5, 30.5)}), flow)
    assert result.catchments["at_data_edge"].to_dict() == {"bowl": False}
    disc_km2 = np.pi * (20 * CELL) ** 2 / 1e6
    assert result.catchments.loc["bowl", "area_km2"] == pytest.approx(disc_km2, rel=0.05)
    assert "lower bounds" not in result.explain("en")
    open_valley = write_dem(tmp_path, valley(40, 21), name="valley.tif")
    streams = network({"r": [(0.5, 10.5), (39.5, 10.5)]})
    result = delineate_catchments(points({"S": (30.5, 10.5)}), open_valley, streams=streams)
    assert result.catchments["at_data_edge"].all()
    assert "lower bounds (S)" in result.explain("en")


def test_without_rivers_there_are_no_catchments(tmp_path):
    flow = flow_directions(write_dem(tmp_path, valley(10, 11)))
    with pytest.raises(NetworkError, match=r"without rivers.*streams"):
        delineate_catchments(points({"a": (5, 5)}), flow)


def test_two_points_of_one_id_are_refused(brook_and_river):
    table = points({"a": (5.5, 10.5), "b": (8.5, 10.5)})
    table["id"] = "x"
    with pytest.raises(LayerError, match="several points have the same id: ids x"):
        delineate_catchments(table, brook_and_river)


# ---- raindrop --------------------------------------------------------------------------------


def test_a_drop_runs_down_the_slope_to_the_river(tmp_path):
    """On slopes five times as steep as the valley a drop runs straight to the river."""
    z = valley(40, 41, fall=1, side=8)
    streams = network({"r": [(0.5, 20.5), (39.5, 20.5)]}, r="綦江河")
    flow = flow_directions(write_dem(tmp_path, z), streams=streams)
    sections = points({"S": (30.5, 20.5), "above": (2.5, 20.5)}, name=["下", "上"])
    site = points({"X": (10.5, 5.5)})
    result = raindrop(site, flow, targets={"sections": sections})
    path = result.paths.loc["X"]
    assert path["status"] == "reached"
    assert path["reach_id"] == "r"
    assert path["length_m"] == pytest.approx(15 * CELL, rel=0.01)
    assert path["measure_m"] == pytest.approx(10 * CELL, abs=CELL)
    assert path["drop_m"] == pytest.approx(15 * 8)
    assert result.below["id"].tolist() == ["S"]
    assert result.below["distance_m"][0] == pytest.approx((15 + 20) * CELL, abs=CELL)
    assert "入綦江河" in result.explain("zh")
    assert "down the slope" in result.explain("en")


def test_a_drop_that_leaves_the_dem_says_so(tmp_path):
    r, _ = np.mgrid[0:20, 0:21].astype(float)
    z = 500 - r  # a plane; the river lies along its upper rim
    streams = network({"r": [(1.5, 0.5), (1.5, 20.5)]})
    flow = flow_directions(write_dem(tmp_path, z), streams=streams)
    result = raindrop(points({"X": (10.5, 10.5), "off": (90, 10)}), flow)
    assert result.paths["status"].to_dict() == {"X": "outlet", "off": "outside"}
    assert np.isnan(result.paths.loc["X", "measure_m"])
    assert "leaves the DEM" in result.explain("en")


def test_a_drop_from_any_cell_of_a_catchment_passes_its_point(brook_and_river):
    flow = brook_and_river
    found = delineate_catchments(points({"S": (30.5, 10.5)}), flow).catchments
    inside = shapely.contains_xy(found.geometry["S"], *flow.lonlat_of(np.arange(flow.d8.size)).T)
    place = found.loc["S"]
    at = points({str(k): (k // 21 + 0.5, k % 21 + 0.5) for k in range(flow.d8.size)})
    paths = raindrop(at, flow).paths
    below = flow.network.downstream((place["reach_id"], place["measure_m"]))
    ends_above = paths["reach_id"].isin(["upper", "brook"]) | (
        (paths["reach_id"] == "lower") & (paths["measure_m"] < place["measure_m"] + CELL / 2)
    )
    assert set(below) == {"lower"}
    np.testing.assert_array_equal(ends_above.to_numpy(), inside)


def test_a_site_of_any_shape_is_asked_from_within(brook_and_river):
    table = points({"X": (10.5, 5.5)})
    table["geometry"] = table.buffer(40)
    assert (
        raindrop(table.set_crs(CRS, allow_override=True), brook_and_river)
        .paths["status"]
        .eq("reached")
        .all()
    )
