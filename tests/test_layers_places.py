"""Places as bureaus write them: angles, grids, axes, old datums and web maps.

Grids are checked against pyproj with its axes in east, north order; angles against hand sums.
"""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
from shapely import LineString, Point

from basin.crs import to_web_map
from basin.errors import CrsError, LayerError
from basin.layers import check_layers, read_layer
from basin.layers.systems import fitting, unpack

GRS80 = pyproj.Geod(ellps="GRS80")
#: Round Qijiang, five places; none has minutes or seconds that give the packing away.
LON = np.array([106.6512, 106.6794, 106.7085, 106.5837, 106.6196])
LAT = np.array([29.0281, 28.9973, 28.8549, 29.1128, 28.7791])
NEAR = (106.4, 28.6, 107.0, 29.3)


def table(x, y, names=("X", "Y")):
    return pd.DataFrame(
        {
            "site_id": list("abcde")[: len(x)],
            "name": "n",
            "category": "化工",
            "action": "新建",
            names[0]: x,
            names[1]: y,
        }
    )


def grid(epsg):
    return pyproj.Transformer.from_crs(4490, epsg, always_xy=True).transform(LON, LAT)


def read(source, kind="sites", **options):
    problems = []
    return read_layer(source, kind, problems=problems, **options), problems


def kinds(problems):
    return {p.kind for p in problems}


def one(problems, kind):
    found = [p for p in problems if p.kind == kind]
    assert len(found) == 1, [(p.kind, p.en) for p in problems]
    return found[0]


def off_m(places, lon=LON, lat=LAT):
    return np.max(GRS80.inv(places.geometry.x, places.geometry.y, lon, lat)[2])


def packed(degrees):
    whole = np.floor(degrees)
    minutes = np.floor((degrees - whole) * 60)
    seconds = ((degrees - whole) * 60 - minutes) * 60
    return whole * 10_000 + minutes * 100 + np.round(seconds, 4)


# ---------------------------------------------------------------- one reading only: taken


@pytest.mark.parametrize("epsg", [4523, 4524, 4496])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("near", [None, NEAR])
def test_a_grid_with_its_zone_number_is_taken_and_reported(epsg, swapped, near):
    x, y = grid(epsg)
    places, problems = read(table(y, x) if swapped else table(x, y), near=near)
    assert off_m(places) < 0.001
    taken = one(problems, "crs_taken")
    assert f"EPSG:{epsg}" in taken.en
    assert "度带第" in taken.zh
    assert ("axes_swapped" in kinds(problems)) is swapped


@pytest.mark.parametrize("swapped", [False, True])
def test_a_grid_without_its_zone_number_is_asked_for(swapped):
    x, y = grid(4545)
    given = table(y, x) if swapped else table(x, y)
    with pytest.raises(CrsError, match=r"EPSG:4544, 4545 or 4546") as caught:
        read(given)
    assert "basin.toml" in caught.value.text("zh")
    assert "--from-crs" in caught.value.text("zh")
    places, problems = read(given, crs=4545)
    assert off_m(places) < 0.001
    assert ("axes_swapped" in kinds(problems)) is swapped


def test_utm_is_named_among_the_readings_of_a_bare_grid():
    with pytest.raises(CrsError, match="EPSG:32648") as caught:
        read(table(*grid(32648)))
    assert "EPSG:32648" in caught.value.text("zh")


def test_a_grid_without_its_zone_number_is_settled_by_the_other_layers():
    places, problems = read(table(*grid(4545)), near=NEAR)
    assert off_m(places) < 0.001
    assert "EPSG:4545" in one(problems, "crs_taken").zh


def test_utm_is_a_second_reading_where_it_has_the_same_meridian():
    # 105 E carries both CGCS2000 and UTM zone 48, a kilometre apart
    with pytest.raises(CrsError, match=r"EPSG:4544 .* or EPSG:32648"):
        read(table(*grid(4544)), near=NEAR)


def test_places_far_from_the_other_layers_still_have_their_own_reading():
    places, problems = read(table(*grid(4524)), near=(120, 30, 121, 31))
    assert off_m(places) < 0.001
    assert "EPSG:4524" in one(problems, "crs_taken").en


def test_swapped_grid_never_lands_south_of_the_philippines(tmp_path):
    """Read as east, north it is 131.7 E, 3.4 N: within the bounds of China."""
    east, north = grid(4545)
    shapes = gpd.points_from_xy(north, east, crs=4545)
    lines = [LineString([(n, e), (n + 100, e + 50)]) for e, n in zip(east, north, strict=True)]
    gpd.GeoDataFrame(table(LON, LAT)[["site_id"]], geometry=shapes).to_file(tmp_path / "s.gpkg")
    places, problems = read(tmp_path / "s.gpkg")
    assert off_m(places) < 0.001
    assert one(problems, "axes_swapped").ids == tuple("abcde")
    gpd.GeoDataFrame({"reach_id": range(5)}, geometry=lines, crs=4545).to_file(tmp_path / "r.gpkg")
    rivers, problems = read(tmp_path / "r.gpkg", "rivers")
    assert np.allclose(rivers.geometry.bounds.minx, LON, atol=0.002)
    assert "axes_swapped" in kinds(problems)


def test_a_zone_far_from_the_places_is_refused():
    x, y = grid(4534)  # central meridian 75 E, valid numbers all the same
    with pytest.raises(CrsError, match=r"far from the central meridian") as caught:
        read(table(x, y), crs=4534)
    assert caught.value.ids == tuple("abcde")


def test_web_mercator_or_a_zone_of_the_far_west():
    # 13.4 million metres east are web mercator at 120 E, and 6-degree zone 13 at 75 E
    assert [r.crs for r in fitting([13_400_000.0], [3_500_000.0])] == ["EPSG:4491", "EPSG:3857"]
    found = fitting([13_400_000.0], [3_500_000.0], (120, 29, 121, 31))
    assert [r.crs for r in found] == ["EPSG:3857"]


@pytest.mark.parametrize("swapped", [False, True])
def test_angles_in_one_number_are_taken_and_reported(swapped):
    x, y = packed(LON), packed(LAT)
    places, problems = read(table(y, x) if swapped else table(x, y))
    assert off_m(places) < 0.01
    assert one(problems, "coordinates_packed").severity == "warning"
    assert ("axes_swapped" in kinds(problems)) is swapped


def test_angles_in_one_number_as_text_beside_others():
    x = [f"{packed(LON)[0]}", "106°40′45.84″", f"{packed(LON)[2]}", "1067912.3", ""]
    x += [f"{v}" for v in packed(LON)] * 4
    y = [f"{v}" for v in packed(LAT)] * 5
    y[4] = ""
    given = pd.DataFrame({"site_id": range(25), "X": x, "Y": y})
    places, problems = read(given)
    assert off_m(places.iloc[:3], LON[:3], LAT[:3]) < 0.01
    assert one(problems, "coordinates_unreadable").ids == ("3",)  # 79 minutes
    assert one(problems, "geometry_missing").ids == ("4",)


def test_decimal_degrees_that_look_like_minutes_and_seconds_are_asked_for():
    rng = np.random.default_rng(3)
    lon, lat = 106 + rng.uniform(0.3, 0.9, 40), 29 + rng.uniform(0, 0.4, 40)
    hidden = pd.DataFrame(
        {"site_id": range(40), "lon": packed(lon) / 1e4, "lat": packed(lat) / 1e4}
    )
    with pytest.raises(CrsError, match=r'angles = "dms"'):
        read(hidden)
    places, _ = read(hidden, angles="dms")
    assert off_m(places, lon, lat) < 0.01
    places, _ = read(hidden, angles="degrees")
    assert places.geometry.x[0] == hidden["lon"][0]
    plain = hidden.assign(lon=lon, lat=lat)
    assert off_m(read(plain)[0], lon, lat) < 1e-6
    steps = hidden.assign(lon=106.3 + np.arange(40) * 0.005, lat=29.0)
    assert len(read(steps)[0]) == 40
    with pytest.raises(LayerError, match="angles 'gon' is not known"):
        read(hidden, angles="gon")


def test_unpack():
    assert unpack([1063912.3, 106.39123])[0] == pytest.approx(106 + 39 / 60 + 12.3 / 3600)
    assert np.isnan(unpack([1066012.3, 106.3960])).all()


def test_numbers_that_fit_nothing_say_what_they_are():
    with pytest.raises(CrsError, match=r"1200 … 1600.*fit no system"):
        read(table([1200, 1300, 1400, 1500, 1600], [10, 20, 30, 40, 50]))


# ---------------------------------------------------------------- web maps


@pytest.mark.parametrize("system", ["gcj02", "bd09"])
def test_a_web_map_is_undone_where_the_user_says_so(tmp_path, system):
    shifted = to_web_map(LON, LAT, system)
    places, problems = read(table(*shifted), crs=system)
    assert off_m(places) < 0.001
    metres = float(one(problems, "web_map_undone").en.split("about ")[1].split(" m")[0])
    assert metres == pytest.approx(np.median(GRS80.inv(LON, LAT, *shifted)[2]), abs=1)
    layer = gpd.GeoDataFrame(
        {"site_id": list("abcde")}, geometry=gpd.points_from_xy(*shifted, crs=4326)
    )
    for number, crs in enumerate((4326, 3857)):
        layer.to_crs(crs).to_file(tmp_path / f"{number}.gpkg")
        places, problems = read(tmp_path / f"{number}.gpkg", crs=system)
        assert off_m(places) < 0.001
        assert "crs_overridden" not in kinds(problems)


def test_a_web_map_is_never_guessed():
    shifted = to_web_map(LON, LAT, "gcj02")
    places, problems = read(table(*shifted))
    assert off_m(places) > 400
    assert "gcj02" in one(problems, "crs_assumed").mend_zh


# ---------------------------------------------------------------- old datums, missing systems


def test_an_old_datum_is_refused_in_both_languages(tmp_path):
    points = gpd.GeoDataFrame({"site_id": ["a"]}, geometry=[Point(36_408_000, 3_210_000)], crs=2360)
    points.to_file(tmp_path / "sites.shp")
    with pytest.raises(CrsError, match="local parameters") as caught:
        read(tmp_path / "sites.shp")
    assert "西安80" in caught.value.text("zh")
    assert "towgs84" in caught.value.mend_zh
    with pytest.raises(CrsError, match="local parameters"):
        read(table([36_408_000] * 5, [3_210_000] * 5), crs=2360)


def test_an_old_datum_with_its_parameters_is_read():
    given = (
        "+proj=tmerc +lon_0=108 +x_0=36500000 +a=6378140 +rf=298.257 +towgs84=1.5,-2,3 +type=crs"
    )
    places, _ = read(table([36_408_000] * 5, [3_210_000] * 5), crs=given)
    plain = pyproj.Transformer.from_crs(4524, 4490, always_xy=True).transform(36_408_000, 3_210_000)
    # the ellipsoids differ by 3 m, the shift is 4 m
    apart = GRS80.inv(places.geometry.x[0], places.geometry.y[0], *plain)[2]
    assert 0.5 < apart < 10


def test_a_missing_system_is_proposed_in_both_languages():
    x, y = grid(4524)
    frame = gpd.GeoDataFrame({"site_id": range(5)}, geometry=gpd.points_from_xy(x, y))
    with pytest.raises(CrsError, match=r"EPSG:4524.*basin.toml.*--from-crs") as caught:
        read(frame)
    assert "EPSG:4524" in caught.value.text("zh")
    with pytest.raises(CrsError, match="there is no coordinate system 'EPSG:0'"):
        read(frame, crs="EPSG:0")


# ---------------------------------------------------------------- points off the rivers together


def riverside(n=12, *, seed=5, shift=None, scatter_m=15.0):
    """Two winding rivers and points beside them, moved by `shift` (a function of lon, lat)."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, 60)
    lines = [
        LineString(np.column_stack([106.6 + 0.1 * at, 29.0 + 0.03 * np.sin(9 * at)])),
        LineString(np.column_stack([106.65 + 0.02 * np.cos(7 * at), 29.1 - 0.09 * at])),
    ]
    rivers = gpd.GeoDataFrame({"reach_id": ["r1", "r2"]}, geometry=lines, crs=4490)
    share = rng.uniform(0.05, 0.95, n)
    beside = [lines[i % 2].interpolate(s, normalized=True) for i, s in enumerate(share)]
    jitter = rng.normal(0, scatter_m / 100_000, (n, 2))
    lon = np.array([p.x for p in beside]) + jitter[:, 0]
    lat = np.array([p.y for p in beside]) + jitter[:, 1]
    if shift is not None:
        lon, lat = shift(lon, lat)
    outfalls = gpd.GeoDataFrame(
        {"outfall_id": [f"P{i}" for i in range(n)]}, geometry=gpd.points_from_xy(lon, lat), crs=4490
    )
    return {"rivers": rivers, "outfalls": read(outfalls, "outfalls")[0]}


@pytest.mark.parametrize("system", ["gcj02", "bd09"])
def test_points_shifted_by_a_web_map_are_suspected_with_the_evidence(system):
    layers = riverside(shift=lambda lon, lat: to_web_map(lon, lat, system))
    found = one(check_layers(layers), "shift_suspected")
    assert f'crs = "{system}"' in found.mend_zh
    assert found.ids == tuple(layers["outfalls"]["outfall_id"])
    east, north, spread = (
        float(re.search(pattern, found.en)[1])
        for pattern in (r"median (-?\d+) m east", r"and (-?\d+) m north", r"spread (\d+) m")
    )
    azimuth, _, distance = GRS80.inv(106.65, 29.03, *to_web_map(106.65, 29.03, system))
    assert east == pytest.approx(distance * np.sin(np.radians(azimuth)), abs=25)
    assert north == pytest.approx(distance * np.cos(np.radians(azimuth)), abs=25)
    assert spread < 40
    if system == "gcj02":  # to the south-east in this region
        assert east > 300 > 0 > north


@pytest.mark.parametrize(
    "shift",
    [
        None,
        lambda lon, lat: (lon - 0.004, lat + 0.003),  # as far to the north-west
        lambda lon, lat: (lon + 0.0005, lat),
        lambda lon, lat: (lon + np.linspace(-0.01, 0.01, len(lon)), lat),
    ],
)
def test_points_elsewhere_are_not_suspected(shift):
    assert "shift_suspected" not in kinds(check_layers(riverside(shift=shift)))


def test_few_points_show_no_shift():
    layers = riverside(4, shift=lambda lon, lat: to_web_map(lon, lat, "gcj02"))
    assert "shift_suspected" not in kinds(check_layers(layers))
