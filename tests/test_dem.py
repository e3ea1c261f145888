"""A DEM that is not what it seems ends in a clear error or in a listed repair."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

from basin._dem import heights_at, open_dem
from basin.errors import CrsError, LayerError
from terrain_world import CELL, CRS, NORTH, WEST, valley, write_dem


def kinds(dem) -> list[str]:
    return [repair.kind for repair in dem.repairs]


def test_heights_are_read_as_they_are(tmp_path):
    z = valley(8, 7)
    dem = open_dem(write_dem(tmp_path, z))
    assert dem.shape == (8, 7)
    assert dem.repairs == []
    np.testing.assert_allclose(dem.read(), z)
    np.testing.assert_allclose(dem.read(dem.window._replace(top=2, left=3)), z[2:, 3:])


def test_without_a_system_it_is_refused(tmp_path):
    with pytest.raises(CrsError, match=r"dem\.tif has no coordinate reference system.*gdal_edit"):
        open_dem(write_dem(tmp_path, valley(4, 4), crs=None))


def test_an_old_datum_is_refused(tmp_path):
    with pytest.raises(CrsError, match="Beijing 1954"):
        open_dem(write_dem(tmp_path, valley(4, 4), crs="EPSG:2432"))


def test_metres_said_to_be_degrees_are_refused(tmp_path):
    with pytest.raises(CrsError, match=r"in degrees, but its corners .* look like metres"):
        open_dem(write_dem(tmp_path, valley(4, 4), crs="EPSG:4490"))


def test_degrees_said_to_be_metres_are_refused(tmp_path):
    grid = from_origin(106.0, 29.0, 1 / 3600, 1 / 3600)
    with pytest.raises(CrsError, match=r"in metres, but its corners .* look like degrees"):
        open_dem(write_dem(tmp_path, valley(4, 4), transform=grid))


@pytest.mark.parametrize("void", [-32768, 32767, -9999])
def test_a_void_that_is_not_stated_is_set_apart_and_listed(tmp_path, void):
    z = valley(6, 6).astype("int16")
    z[2, 3] = void
    dem = open_dem(write_dem(tmp_path, z, dtype="int16", nodata=None))
    read = dem.read()
    assert np.isnan(read[2, 3])
    assert np.isfinite(read).sum() == 35
    assert kinds(dem) == ["nodata_not_stated"]
    assert str(void) in dem.repairs[0].text
    dem.read()
    assert len(dem.repairs) == 1


def test_an_unsigned_void_is_set_apart(tmp_path):
    z = valley(6, 6).astype("uint16")
    z[0, 0] = 65535
    dem = open_dem(write_dem(tmp_path, z, dtype="uint16", nodata=None))
    assert np.isnan(dem.read()[0, 0])


def test_heights_past_16_bits_are_refused(tmp_path):
    """Decimetres over 3,276.7 m, stored as int16, turn negative."""
    metres = np.linspace(2500, 4200, 64).reshape(8, 8)
    stored = (metres * 10).astype("int64").astype("int16")
    with pytest.raises(LayerError, match=r"no heights in metres.*32,767.*decimetres"):
        open_dem(write_dem(tmp_path, stored, dtype="int16", nodata=None)).read()


def test_decimetres_are_refused(tmp_path):
    metres = np.linspace(800, 1400, 64).reshape(8, 8)
    with pytest.raises(LayerError, match="no heights in metres"):
        open_dem(write_dem(tmp_path, metres * 10)).read()


def test_a_sea_of_nan_is_no_land(tmp_path):
    z = valley(6, 6)
    z[:, :2] = np.nan
    dem = open_dem(write_dem(tmp_path, z, nodata=np.nan))
    assert np.isnan(dem.read()[:, :2]).all()
    assert dem.repairs == []


def test_infinite_heights_are_no_data(tmp_path):
    z = valley(6, 6)
    z[1, 1] = np.inf
    assert np.isnan(open_dem(write_dem(tmp_path, z)).read()[1, 1])


def test_a_sea_bed_is_left_out_and_listed(tmp_path):
    z = np.linspace(-3000, 500, 49).reshape(7, 7)
    dem = open_dem(write_dem(tmp_path, z, nodata=None))
    assert np.nanmin(dem.read()) >= -500
    assert kinds(dem) == ["sea_bed"]


def test_a_turned_raster_is_refused(tmp_path):
    turned = Affine.translation(WEST, NORTH) @ Affine.rotation(30) @ Affine.scale(CELL, -CELL)
    with pytest.raises(LayerError, match=r"dem\.tif is turned.*gdalwarp"):
        open_dem(write_dem(tmp_path, valley(4, 4), transform=turned))


def test_rows_that_run_north_are_turned_and_listed(tmp_path):
    z = valley(8, 7)
    up = Affine(CELL, 0, WEST, 0, CELL, NORTH - 8 * CELL)
    dem = open_dem(write_dem(tmp_path, z[::-1], transform=up))
    np.testing.assert_allclose(dem.read(), z)
    np.testing.assert_allclose(dem.read(dem.window._replace(top=5, bottom=7)), z[5:7])
    assert kinds(dem) == ["south_up"]


def test_a_picture_is_refused(tmp_path):
    file = tmp_path / "dem.tif"
    with rasterio.open(
        file, "w", driver="GTiff", width=4, height=4, count=3, dtype="uint8", crs=CRS,
        transform=from_origin(WEST, NORTH, CELL, CELL),
    ):  # fmt: skip
        pass
    with pytest.raises(LayerError, match=r"3 bands.*picture"):
        open_dem(file)


def test_a_vrt_in_disguise_is_refused(tmp_path):
    (tmp_path / "dem.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    with pytest.raises(LayerError, match="cannot be read as a GeoTIFF"):
        open_dem(tmp_path / "dem.tif")


def test_feet_become_metres_and_are_listed(tmp_path):
    file = write_dem(tmp_path, np.full((3, 3), 1000.0))
    with rasterio.open(file, "r+") as raster:
        raster.update_tags(1, units="ft")
    dem = open_dem(file)
    np.testing.assert_allclose(dem.read(), 304.8)
    assert kinds(dem) == ["unit"]


def test_a_scale_in_the_file_is_applied_and_listed(tmp_path):
    file = write_dem(tmp_path, np.full((3, 3), 1234, dtype="int16"), dtype="int16")
    with rasterio.open(file, "r+") as raster:
        raster.scales, raster.offsets = (0.1,), (50.0,)
    dem = open_dem(file)
    np.testing.assert_allclose(dem.read(), 173.4)
    assert kinds(dem) == ["scaled"]


def test_an_unknown_unit_is_refused(tmp_path):
    file = write_dem(tmp_path, np.full((3, 3), 1.0))
    with rasterio.open(file, "r+") as raster:
        raster.update_tags(1, units="fathom")
    with pytest.raises(LayerError, match="'fathom', which is not known"):
        open_dem(file)


# ---- tiles -----------------------------------------------------------------------------------


def tiles(tmp_path, z, *, cut=5, shift=0.0, **second):
    east = from_origin(WEST + (cut + shift) * CELL, NORTH, CELL, CELL)
    return [
        write_dem(tmp_path, z[:, :cut], name="a.tif"),
        write_dem(tmp_path, z[:, cut:], name="b.tif", **{"transform": east, **second}),
    ]


def test_tiles_are_one_dem(tmp_path):
    z = valley(6, 9)
    dem = open_dem(tiles(tmp_path, z)[::-1])
    np.testing.assert_allclose(dem.read(), z)
    np.testing.assert_allclose(dem.read(dem.window._replace(left=3, right=7)), z[:, 3:7])
    assert dem.repairs == []


def test_tiles_off_the_grid_are_refused(tmp_path):
    with pytest.raises(LayerError, match=r"a\.tif and b\.tif do not lie on one grid"):
        open_dem(tiles(tmp_path, valley(6, 9), shift=0.4))


def test_tiles_in_two_systems_are_refused(tmp_path):
    with pytest.raises(LayerError, match="do not lie on one grid"):
        open_dem(tiles(tmp_path, valley(6, 9), crs="EPSG:4546"))


def test_a_gap_between_tiles_is_listed(tmp_path):
    dem = open_dem(tiles(tmp_path, valley(6, 9), shift=2))
    assert kinds(dem) == ["tiles_apart"]
    assert "12 cells" in dem.repairs[0].text


def test_a_step_between_tiles_is_listed(tmp_path):
    z = valley(6, 12)
    z[:, 5:] += 12.0
    dem = open_dem(tiles(tmp_path, z))
    assert kinds(dem) == ["tiles_step"]
    assert "+12.0 m" in dem.repairs[0].text


def test_vertical_datums_are_not_mixed(tmp_path):
    files = tiles(tmp_path, valley(6, 9))
    for file, datum in zip(files, ("1985国家高程基准", "吴淞高程"), strict=True):
        with rasterio.open(file, "r+") as raster:
            raster.update_tags(VERTICAL_DATUM=datum)
    with pytest.raises(LayerError, match="different vertical datums: 1985国家高程基准, 吴淞高程"):
        open_dem(files)
    assert open_dem(files[0]).vertical == "1985国家高程基准"


def test_a_compound_system_names_its_vertical_datum(tmp_path):
    dem = open_dem(write_dem(tmp_path, valley(4, 4), crs="EPSG:4545+5737"))
    assert dem.vertical == "Yellow Sea 1985 height"


# ---- places ----------------------------------------------------------------------------------


def test_areas_and_places_are_those_of_the_ellipsoid(tmp_path):
    """A degree of latitude and the area between parallels, by pyproj.Geod."""
    from pyproj import Geod

    geod = Geod(ellps="GRS80")
    for crs, grid in (
        ("EPSG:4490", from_origin(106.0, 29.5, 1 / 120, 1 / 120)),
        ("EPSG:4545", from_origin(400_000, 3_260_000, 900, 900)),
        ("EPSG:3857", from_origin(11_800_000, 3_440_000, 900, 900)),
    ):
        dem = open_dem(write_dem(tmp_path, np.zeros((60, 60)), crs=crs, transform=grid))
        rim = [(0, k) for k in range(60)] + [(k, 60) for k in range(60)]
        rim += [(60, 60 - k) for k in range(60)] + [(60 - k, 0) for k in range(60)]
        lon, lat = dem.lonlat(np.array(rim, dtype=float)).T
        true_km2 = abs(geod.polygon_area_perimeter(lon, lat)[0]) / 1e6
        area = np.broadcast_to(dem.area_km2(dem.window), dem.shape).sum()
        assert area == pytest.approx(true_km2, rel=2e-5), crs
        np.testing.assert_allclose(dem.cells(dem.lonlat(np.array([[3.25, 7.5]]))), [[3.25, 7.5]])


def test_heights_at_places_outside_and_in_voids_are_nan(tmp_path):
    z = valley(5, 5)
    z[2, 2] = np.nan
    dem = open_dem(write_dem(tmp_path, z))
    at = dem.lonlat(np.array([[0.5, 0.5], [2.5, 2.5], [-3.0, 2.0]]))
    np.testing.assert_allclose(heights_at(dem, at), [z[0, 0], np.nan, np.nan])
    np.testing.assert_allclose(heights_at(dem, at, around=1)[:2], [z[1, 1], z[3, 2]])
    assert heights_at(dem, np.zeros((0, 2))).shape == (0,)
