"""The compiled search proposes; what it finds is what plain arrays find, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from basin import _measure


def world(seed: int, n: int = 400):
    """Points, lines and plots of 60 km around, and rivers that wind through them; seeded."""
    random = np.random.default_rng(seed)
    xy = random.uniform([106.2, 28.6], [106.8, 29.1], (n, 2))
    sites = shapely.points(xy)
    sites[::5] = shapely.buffer(sites[::5], random.uniform(1e-4, 0.02, len(sites[::5])))
    sites[1::7] = shapely.linestrings(
        np.stack([xy[1::7], xy[1::7] + random.normal(0, 0.02, (len(xy[1::7]), 2))], axis=1)
    )
    sites[2::31] = None
    rivers = []
    for _ in range(30):
        steps = random.normal(0, 0.004, (int(random.integers(2, 120)), 2)).cumsum(axis=0)
        rivers.append(shapely.LineString(random.uniform([106.2, 28.6], [106.8, 29.1]) + steps))
    rivers[3] = shapely.buffer(rivers[3], 0.003)
    rivers[5] = None
    return sites, np.array(rivers, dtype=object), random


def both_ways(monkeypatch, measure) -> tuple[pd.DataFrame, pd.DataFrame]:
    pytest.importorskip("numba")
    monkeypatch.setattr(_measure, "_COMPILE_FROM", np.inf)
    plain = measure()
    monkeypatch.setattr(_measure, "_COMPILE_FROM", 1)
    return plain, measure()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_nearest_line_is_the_same_compiled(seed, weighted, monkeypatch):
    sites, rivers, random = world(seed)
    weight = random.uniform(0, 900, len(rivers)) * weighted
    plain, compiled = both_ways(
        monkeypatch,
        lambda: _measure.nearest(_measure.cut(sites), _measure.cut(rivers), weight, sites),
    )
    assert len(plain) == sum(s is not None for s in sites)
    pd.testing.assert_frame_equal(plain, compiled, check_exact=True)


@pytest.mark.parametrize("groups", [1, 3, 30])
def test_the_nearest_of_each_group_within_a_radius_is_the_same_compiled(groups, monkeypatch):
    sites, rivers, random = world(3)
    weight = random.uniform(0, 300, len(rivers))
    radius = random.choice([np.nan, -1.0, 0.0, 1000.0, 9000.0, 50_000.0], len(sites))
    plain, compiled = both_ways(
        monkeypatch,
        lambda: _measure.within(
            _measure.cut(sites),
            _measure.cut(rivers),
            weight,
            radius,
            np.arange(len(rivers)) % groups,
        ),
    )
    assert len(plain) > 80
    pd.testing.assert_frame_equal(plain, compiled, check_exact=True)


@pytest.mark.parametrize("radius_m", [0.0, 300.0, 5_000.0, 60_000.0, np.inf])
def test_what_is_reached_is_what_is_found_within(radius_m, monkeypatch):
    """Few share their chunks at 300 m, too many at 60 km, none at any distance."""
    sites, rivers, random = world(7, 900)
    sites[100:250] = shapely.points(random.normal([106.5, 28.8], 0.004, (150, 2)))  # a crowd
    weight = random.uniform(0, 300, len(rivers))
    radius = np.full(len(sites), radius_m)
    radius[::11] = np.nan
    cut = _measure.cut(sites), _measure.cut(rivers), weight, radius
    plain, compiled = both_ways(monkeypatch, lambda: pd.Series(_measure.reached(*cut)))
    one = np.zeros(len(rivers), dtype=int)
    plain_w, compiled_w = both_ways(monkeypatch, lambda: _measure.within(*cut, one))
    pd.testing.assert_frame_equal(plain_w, compiled_w, check_exact=True)
    assert set(np.flatnonzero(plain)) == set(plain_w["site"])
    pd.testing.assert_series_equal(plain, compiled)
    assert 0 < plain.sum() < len(sites)


def test_to_the_millimetre_at_the_limit(monkeypatch):
    """Where the rough distance cannot tell, the ellipsoid does."""
    line = shapely.LineString([(106.5, 29.0), (106.52, 29.01)])
    geod = pyproj.Geod(ellps="GRS80")
    off = (geod.fwd(106.52, 29.01, 60.0, 1_000.0 + mm / 1000) for mm in (-2, -0.1, 0.1, 2))
    sites = shapely.points([(x, y) for x, y, _ in off])
    cut = _measure.cut(sites), _measure.cut([line]), np.zeros(1), np.full(4, 1_000.0)
    for found in both_ways(monkeypatch, lambda: pd.Series(_measure.reached(*cut))):
        assert found.to_list() == [True, True, False, False]


def test_points_far_from_everything_and_on_top_of_each_other(monkeypatch):
    sites = np.array([shapely.Point(82.0, 47.5), shapely.Point(106.5, 29.0)] * 3, dtype=object)
    rivers = np.array([shapely.LineString([(106.5, 29.0), (106.52, 29.01)])] * 2, dtype=object)
    plain, compiled = both_ways(
        monkeypatch,
        lambda: _measure.nearest(_measure.cut(sites), _measure.cut(rivers), np.zeros(2), sites),
    )
    pd.testing.assert_frame_equal(plain, compiled, check_exact=True)
    assert plain["line"].eq(0).all(), "a tie goes to the first"
    assert plain["distance_m"].iloc[1] == 0.0
