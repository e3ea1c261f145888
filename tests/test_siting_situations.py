"""Situations of every rule, by hand from the record of the law; invariants; the mutation count.

``situations.csv``: a name, a date, the facts (project, river and zone with the metres to each, a
negative number lies inside), one rule, and what it must read; ``not_asked`` is no finding at all.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from basin.crs import GEOD
from basin.layers import read_layer
from basin.siting import check_sites
from basin.standards.labels import codes
from basin.standards.rules import load_rules
from siting_world import DATE, FAR_SHORE, FAR_ZONE, covered, out, shore, site, wedge, zone

TABLE = pd.read_csv(Path(__file__).with_name("situations.csv"), dtype=str, keep_default_na=False)
RULES = {rule.id: rule for rule in load_rules(("china-yangtze", "chongqing"))}
RANK = {verdict: rank for rank, verdict in enumerate(codes("verdict"))}


# ---- situations -------------------------------------------------------------------------------


def place_of(number):
    """A tip of its own for each situation, 28 km from the next."""
    return (105.0 + 0.25 * (number % 20), 28.0 + 0.25 * (number // 20))


@pytest.fixture(scope="module")
def found():
    """Every situation checked, those of one date together; each has a ground of its own."""
    told = {}
    for date, some in TABLE.groupby("date"):
        projects, lines, grounds = [], [FAR_SHORE], [FAR_ZONE]
        for number, row in zip(some.index, some.to_dict("records"), strict=True):
            at = place_of(number)
            metres = float(row["river_m"] or row["zone_m"])
            projects.append(
                site(out(metres, at), row["category"], row["action"], site_id=str(number))
            )
            if row["river"]:
                of = {"river": row["river"], "river_class": row["river_class"]}
                lines.append(of | {"line_id": f"L{number}", "geometry": wedge(at)})
            if row["zone_kind"]:
                # the zone so far from the project as the situation says
                away = float(row["zone_m"]) - metres
                tip = shapely.get_coordinates(out(-away, at))[0]
                of = {"kind": row["zone_kind"], "grade": row["zone_grade"]}
                grounds.append(of | {"zone_id": f"Z{number}", "geometry": wedge(tuple(tip))})
        result = check_sites(
            gpd.GeoDataFrame(pd.concat(projects, ignore_index=True), crs=4490), shore(*lines),
            zone(*grounds), coverage=covered(), date=date,
        )  # fmt: skip
        told |= result.findings.set_index(["site_id", "rule_id"])["verdict"].to_dict()
    return told


@pytest.mark.parametrize("number", TABLE.index, ids=TABLE["name"])
def test_situation(found, number):
    row = TABLE.loc[number]
    assert found.get((str(number), row["rule_id"]), "not_asked") == row["expected"]


def test_every_rule_has_situations_that_meet_it_and_that_do_not():
    met = TABLE[~TABLE["expected"].isin(["clear", "not_asked"])]
    assert set(met["rule_id"]) == set(RULES)
    spared = set(TABLE.loc[TABLE["expected"].isin(["clear", "not_asked"]), "rule_id"])
    assert spared == set(RULES)
    assert TABLE["name"].is_unique


# ---- invariants -------------------------------------------------------------------------------

LIMITS = tuple(r for r in RULES.values() if r.id in ("CJ26-CHEM-1KM", "CQ-PARK-5KM"))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(0, 8000), min_size=2, max_size=8), st.floats(0, 60), st.sampled_from([0, 30])
)
def test_moving_away_never_hardens_a_distance_rule(metres, accuracy, line_accuracy):
    """Along the way out of a tip every step leads away from the whole river."""
    table = pd.concat([site(out(m), "chemical_park", accuracy_m=accuracy, site_id=str(k))
                       for k, m in enumerate(sorted(metres))])  # fmt: skip
    result = check_sites(
        gpd.GeoDataFrame(table, crs=4490), shore({"accuracy_m": float(line_accuracy)}), None,
        coverage=covered(), date=DATE, rules=LIMITS,
    )  # fmt: skip
    for _, rows in result.findings.groupby("rule_id"):
        rank = rows["verdict"].map(RANK).to_numpy()
        assert (np.diff(rank) >= 0).all(), rows[["distance_m", "verdict"]]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_splitting_a_line_changes_nothing(seed, parts):
    rng = np.random.default_rng(seed)
    xy = np.cumsum(rng.uniform(-0.01, 0.014, (31, 2)), axis=0) + np.array([106.4, 29.4])
    whole = shapely.LineString(xy)
    cuts = np.unique([0, *rng.integers(1, 30, parts), 30])
    pieces = [shapely.LineString(xy[a : b + 1]) for a, b in itertools.pairwise(cuts)]
    brook = {"river": "清溪", "river_class": "tributary", "kind": "centreline", "width_m": 8.0}
    points = rng.uniform(-0.03, 0.03, (25, 2)) + xy[rng.integers(0, 31, 25)]
    table = pd.concat([site(shapely.Point(p), "chemical_park", site_id=str(k))
                       for k, p in enumerate(points)])  # fmt: skip
    table = gpd.GeoDataFrame(table, crs=4490)
    options = {"coverage": covered(), "date": DATE, "rules": LIMITS}
    one = check_sites(table, shore(brook | {"geometry": whole}), None, **options).findings
    rows = [brook | {"line_id": f"L{k}", "geometry": piece} for k, piece in enumerate(pieces)]
    several = check_sites(table, shore(*rows), None, **options).findings
    assert several["verdict"].to_list() == one["verdict"].to_list()
    np.testing.assert_allclose(several["distance_m"], one["distance_m"], atol=1e-6)


@pytest.mark.parametrize("limit", [1000.0, 3000.0, 5000.0, 15_000.0])
@pytest.mark.parametrize("bearing", [0.0, 37.0, 90.0, 211.0])
def test_exactly_at_the_limit_is_inside(limit, bearing):
    """No error at all, and the distance of the limit to the millimetre."""
    # a river of one short edge, far from everything else: its end is the nearest point
    lon, lat, _ = GEOD.fwd(106.5, 29.5, bearing + 180, 200)
    line = shapely.LineString([(lon, lat), (106.5, 29.5)])
    rule = dataclasses.replace(RULES["CJ26-CHEM-1KM"], distance_m=limit)
    lines = shore({"kind": "centreline", "width_m": 0.0, "accuracy_m": 0.0, "geometry": line})
    for metres, expected in ((limit, "prohibited"), (limit + 0.01, "clear")):
        x, y, _ = GEOD.fwd(106.5, 29.5, bearing, metres)
        where = site(shapely.Point(x, y), accuracy_m=0.0)
        result = check_sites(where, lines, None, coverage=covered(), date=DATE, rules=(rule,))
        row = result.findings.iloc[0]
        assert row["error_m"] == 0.0
        assert row["verdict"] == expected, row[["distance_m", "verdict"]]


# ---- never clear by omission: the count on the sample --------------------------------------------

LONG_AGO = pd.Timestamp("2000-01-01")
#: All projects with BASIN_FULL=1: 20 mutations, 162,640 findings. Else every fifth.
EVERY = 1 if os.environ.get("BASIN_FULL") == "1" else 5


def _shapeless(table, keep):
    shapes = table.geometry.to_numpy().copy()
    shapes[~keep] = None
    return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=4490))


def _half(table):
    return np.arange(len(table)) % 2 == 0


WAYS = {
    "removed": lambda t: None,
    "truncated": lambda t: _shapeless(t, np.arange(len(t)) < len(t) // 2),
    "every second shape lost": lambda t: _shapeless(t, _half(t)),
    "expired": lambda t: t.assign(valid_to=LONG_AGO),
}


@pytest.fixture(scope="module")
def sample():
    """The sample's layers, and every project of it with every category and action of the rules."""
    root = Path(__file__).parents[1] / "data" / "sample_layers"
    names = ("shorelines", "zones", "coverage", "sites")
    files = ("shorelines.gpkg", "zones.gpkg", "coverage.gpkg", "sites.geojson")
    tables = {k: read_layer(root / f, k, problems=[]) for k, f in zip(names, files, strict=True)}
    places = pd.concat([read_layer(root / "sites.xlsx", "sites", problems=[]), tables["sites"]])
    kinds = dict.fromkeys(
        (next(c for c in r.categories if c not in r.exemption_categories), action)
        for r in RULES.values()
        for action in (next(a for a in r.actions if a not in r.exemption_actions),)
    )
    parts = [
        places.assign(
            site_id=places["site_id"] + f"|{k}",
            category="machinery" if category == "*" else category,
            action="new" if action == "any" else action,
        )
        for k, (category, action) in enumerate(kinds)
    ]
    every = pd.concat(parts, ignore_index=True).iloc[::EVERY].reset_index(drop=True)
    tables["sites"] = gpd.GeoDataFrame(every, crs=4490)
    return tables


def _verdicts(tables):
    result = check_sites(
        tables["sites"], tables["shorelines"], tables["zones"], coverage=tables["coverage"],
        date=DATE,
    )  # fmt: skip
    return result.findings.set_index(["site_id", "rule_id"])["verdict"]


def test_never_clear_by_omission_over_all_rules_and_sites_of_the_sample(sample, record_property):
    """Each layer in turn, and each kind of zone: nothing that was met or open turns clear."""
    full = _verdicts(sample)
    assert full.index.get_level_values("rule_id").nunique() == len(RULES)
    compared, false_clear, runs = 0, [], 0
    cases = [
        (f"{layer} {name}", sample | {layer: way(sample[layer])})
        for layer in ("shorelines", "zones", "coverage")
        for name, way in WAYS.items()
    ]
    zones, coverage = sample["zones"], sample["coverage"]
    for kind in zones["kind"].unique():
        cases += [
            (f"{kind} lost and uncovered",
             sample | {"zones": zones[zones["kind"] != kind],
                       "coverage": coverage[coverage["kind"] != kind]}),
        ]  # fmt: skip
    for name, poor in cases:
        now = _verdicts(poor).reindex(full.index)
        assert now.notna().all(), name
        turned = (now == "clear") & (full != "clear")
        false_clear += [(name, *key) for key in full.index[turned]]
        compared, runs = compared + len(full), runs + 1
    record_property("compared", compared)
    record_property("runs", runs)
    print(f"{runs} mutations, {compared} findings compared, {len(false_clear)} false clear")
    assert not false_clear, false_clear[:5]
    assert compared > 20_000
