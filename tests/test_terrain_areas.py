"""Streams from a DEM, zonal statistics, divides, drops and hillshade on small drawn grounds."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from shapely import LineString, box

import basin
from basin._network.heights import reach_drops
from basin.errors import CrsError, LayerError
from basin.network import RiverNetwork
from basin.terrain import (
    cut_at_divide,
    flow_directions,
    hillshade,
    land_of_stretches,
    open_dem,
    slope_degrees,
    slope_shares,
    streams_from_dem,
    write_hillshade,
    zonal_shares,
    zonal_statistics,
)
from terrain_world import CELL, CRS, NORTH, WEST, network, place, valley, write_dem

pytest.importorskip("pyflwdir")
pytest.importorskip("exactextract")


def polygon(top: float, left: float, bottom: float, right: float) -> shapely.Polygon:
    (west, north), (east, south) = place(top, left), place(bottom, right)
    return box(west, south, east, north)


# ---- streams ---------------------------------------------------------------------------------


def branching(rows: int = 60, cols: int = 81) -> np.ndarray:
    """Four valleys that join two by two, and then once more."""
    r, c = np.mgrid[0:rows, 0:cols].astype(float)
    axes = [(10, 40), (30, 40), (50, 40), (70, 40)]
    height = np.full((rows, cols), np.inf)
    for start, end in axes:
        axis = np.interp(r, [0, 20, 40, 59], [start, 20 if start < 40 else 60, end, end])
        height = np.minimum(height, np.abs(c - axis) * 4)
    return 400 - 2 * r + height


def test_streams_have_the_orders_of_the_graph(tmp_path):
    lines = streams_from_dem(write_dem(tmp_path, branching()), min_area_km2=0.1)
    built = RiverNetwork.from_lines(lines)
    orders = lines.set_index("reach_id")["strahler"]
    assert orders.max() == 3
    pd.testing.assert_series_equal(
        built.reaches["strahler"].sort_index(), orders.sort_index(), check_dtype=False
    )
    assert (built.issues["severity"] != "error").all()
    assert (lines["start_m"] >= lines["end_m"]).all()
    # what a reach drains is more than what enters it
    area = lines.set_index("reach_id")["drainage_area_km2"]
    for reach in area.index:
        above = built.reaches.index[built.reaches["to_node"] == built.reaches["from_node"][reach]]
        assert area[reach] > area[above].sum()


def test_no_stream_drains_so_much(tmp_path):
    with pytest.raises(LayerError, match=r"no stream of dem\.tif drains 500 km2"):
        streams_from_dem(write_dem(tmp_path, valley(20, 21)), min_area_km2=500)


# ---- zonal -----------------------------------------------------------------------------------


@pytest.fixture
def zones() -> gpd.GeoDataFrame:
    """A whole cell, half a cell, one beyond the raster, one without geometry."""
    shapes = [polygon(2, 3, 3, 4), polygon(2, 3, 3, 4.5), polygon(50, 50, 60, 60), None]
    return gpd.GeoDataFrame({"id": list("abcd")}, geometry=shapes, crs=CRS).set_index("id")


def test_cells_count_by_the_fraction_inside(tmp_path, zones):
    z = np.arange(64, dtype=float).reshape(8, 8)
    found = zonal_statistics(zones, write_dem(tmp_path, z), statistics=("sum", "mean", "count"))
    assert found.index.tolist() == list("abcd")
    assert found.loc["a", "mean"] == pytest.approx(19)
    assert found.loc["b", "sum"] == pytest.approx(19 + 0.5 * 20, rel=1e-5)
    assert found.loc["b", "count"] == pytest.approx(1.5, rel=1e-5)
    assert found.loc["c", "covered"] == 0
    assert found.loc["d"].isna().all()
    with pytest.raises(LayerError, match="unknown statistic 'modus'"):
        zonal_statistics(zones, tmp_path / "dem.tif", statistics=("modus",))


def test_shares_of_land_cover(tmp_path, zones):
    codes = np.full((8, 8), 40, dtype="uint8")
    codes[2, 4] = 10
    codes[0, 0] = 80
    file = write_dem(tmp_path, codes, dtype="uint8", nodata=0)
    found = zonal_shares(zones, file, {"forest": (10, 20), "cropland": (40,)})
    assert found.loc["b", ["forest", "cropland", "other"]].tolist() == pytest.approx(
        [1 / 3, 2 / 3, 0], abs=1e-5
    )
    whole = gpd.GeoSeries([polygon(0, 0, 8, 8)], crs=CRS)
    assert zonal_shares(whole, file, {"forest": (10,)})["other"][0] == pytest.approx(63 / 64)


def test_what_lacks_data_is_told(tmp_path):
    z = valley(8, 8)
    z[:4] = np.nan
    whole = gpd.GeoSeries([polygon(0, 0, 8, 8)], crs=CRS)
    found = zonal_statistics(whole, write_dem(tmp_path, z), statistics=("sum",))
    assert found["covered"][0] == pytest.approx(0.5)


def test_a_raster_without_a_system_is_refused(tmp_path, zones):
    with pytest.raises(CrsError, match="has no coordinate reference system"):
        zonal_statistics(zones, write_dem(tmp_path, valley(8, 8), crs=None))


@pytest.mark.parametrize("degrees", [10.0, 30.0])
def test_slopes_of_a_plane_are_its_own(tmp_path, degrees):
    r, _ = np.mgrid[0:20, 0:20].astype(float)
    file = write_dem(tmp_path, 3000 - r * CELL * np.tan(np.radians(degrees)))
    np.testing.assert_allclose(slope_degrees(open_dem(file)), degrees, rtol=1e-3)
    area = gpd.GeoSeries([polygon(3, 3, 12, 12)], crs=CRS)
    shares = slope_shares(area, file)
    assert shares["slope_8_15" if degrees == 10 else "slope_25_35"][0] == pytest.approx(1)
    assert shares["mean_deg"][0] == pytest.approx(degrees, rel=1e-3)


def test_slopes_in_degrees_of_arc_are_in_true_metres(tmp_path):
    """At 48 degrees north 3 m over a second east is steeper than over one south."""
    _, c = np.mgrid[0:9, 0:9].astype(float)
    grid = from_origin(106, 48, 1 / 3600, 1 / 3600)
    file = write_dem(tmp_path, 500 - 3 * c, crs="EPSG:4490", transform=grid)
    east = 111_320 * np.cos(np.radians(48)) / 3600
    expected = np.degrees(np.arctan(3 / east))
    assert slope_degrees(open_dem(file))[4, 4] == pytest.approx(expected, rel=5e-3)


# ---- drops -----------------------------------------------------------------------------------


def test_a_drop_is_as_sure_as_the_heights_allow(tmp_path):
    """Falling, climbing, flat, noisy, and outside."""
    rng = np.random.default_rng(3)
    r, c = np.mgrid[0:40, 0:60].astype(float)
    z = np.where(c < 20, 500 - 2 * r, np.where(c < 40, 300.0, 300 + rng.normal(0, 20, (40, 60))))
    file = write_dem(tmp_path, z)
    columns = {"falls": 10, "flat": 30, "noise": 50}
    lines = {k: [place(5.5, c + 0.5), place(35.5, c + 0.5)] for k, c in columns.items()}
    lines["climbs"] = lines["falls"][::-1]
    lines["outside"] = [place(90, 1), place(99, 1)]
    series = gpd.GeoSeries({k: LineString(v) for k, v in lines.items()}, crs=CRS).to_crs(4490)
    drops = reach_drops(series.to_numpy(), file).set_index(series.index)
    assert drops.loc["falls", "drop_m"] == pytest.approx(60, rel=0.02)
    assert drops.loc["climbs", "drop_m"] == pytest.approx(-60, rel=0.02)
    assert drops.loc[["falls", "climbs"], "confidence"].min() > 0.999
    assert drops.loc["flat", "confidence"] < 0.05
    assert drops.loc["noise", "confidence"] < 0.9
    assert drops.loc["outside"].isna()["drop_m"]
    assert drops.loc["outside", ["confidence", "n"]].tolist() == [0, 0]


# ---- divides ---------------------------------------------------------------------------------


def test_a_strip_ends_at_the_divide(tmp_path):
    """Two valleys side by side, the ridge between them 10 cells from each river."""
    r, c = np.mgrid[0:60, 0:41].astype(float)
    z = 500 - r + 8 * np.minimum(np.abs(c - 10), np.abs(c - 30))
    lines = {"a": [(0.5, 10.5), (59.5, 10.5)], "b": [(0.5, 30.5), (59.5, 30.5)]}
    flow = flow_directions(write_dem(tmp_path, z), streams=network(lines))
    stretch = pd.DataFrame(
        {"zone_id": ["Z"], "reach_id": ["a"], "from_m": [20 * CELL], "to_m": [40 * CELL]}
    )
    land = land_of_stretches(stretch, flow)
    _, south, east, north = gpd.GeoSeries(land.geometry, crs=4490).to_crs(CRS).total_bounds
    assert (NORTH - south) / CELL == pytest.approx(40, abs=1.5)  # no farther down than the stretch
    assert (NORTH - north) / CELL > 8
    assert (east - WEST) / CELL == pytest.approx(
        21, abs=1
    )  # the ridge, not the strip's 16 cells more
    strip = gpd.GeoDataFrame(
        {"zone_id": ["Z", "other"]},
        geometry=[polygon(20, 11, 40, 37), polygon(0, 0, 5, 5)],
        crs=CRS,
    )
    cut = cut_at_divide(strip, stretch, flow).to_crs(CRS)
    assert cut.geometry[0].area < 0.5 * strip.geometry[0].area
    assert cut["cut_m2"][0] == pytest.approx(
        strip.geometry[0].area - cut.geometry[0].area, rel=1e-3
    )
    assert np.isnan(cut["cut_m2"][1])
    assert cut.geometry[1].equals_exact(strip.geometry[1], 1e-3)
    assert ((NORTH - cut.geometry[0].bounds[1]) / CELL) <= 40.5


# ---- hillshade -------------------------------------------------------------------------------


def test_the_hillshade_is_a_cog_in_the_maps_projection(tmp_path):
    out = write_hillshade(
        write_dem(tmp_path, valley(40, 41, fall=0, side=30)), tmp_path / "shade.tif"
    )
    with rasterio.open(out) as raster:
        assert raster.crs.to_epsg() == 3857
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        grey = raster.read(1)
    half = grey.shape[1] // 2
    # light from the north-west: the slope that faces east is dark, that which faces west is not
    assert np.median(grey[10:30, 5 : half - 5]) < 150
    assert np.median(grey[10:30, half + 5 : -5]) == 255


# ---- a project -------------------------------------------------------------------------------


def test_a_project_of_tiles_knows_slopes_and_areas_where_velocities_are_not_known(tmp_path):
    z = valley(60, 41)
    write_dem(tmp_path, z[:30], name="north.tif")
    south = from_origin(WEST, NORTH - 30 * CELL, CELL, CELL)
    write_dem(tmp_path, z[30:], name="south.tif", transform=south)
    rivers = network({"r": [(0.5, 20.5), (59.5, 20.5)]}).reaches[["name", "geometry"]]
    rivers.reset_index().to_file(tmp_path / "rivers.gpkg", layer="rivers")
    (tmp_path / "basin.toml").write_text(
        '[layers]\nrivers = "rivers.gpkg"\ndem = ["north.tif", "south.tif"]\n', encoding="utf-8"
    )
    project = basin.open(tmp_path)
    known = project.hydraulics_of_dem()
    assert known["slope"]["r"] == pytest.approx(1 / CELL, rel=0.01)
    assert known["drainage_area_km2"]["r"] == pytest.approx(60 * 41 * CELL**2 / 1e6, rel=0.3)
    assert {p.name for p in project.inputs} >= {"north.tif", "south.tif"}
    assert hillshade(project.dem)["url"].startswith("data:image/png")
