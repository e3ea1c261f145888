"""The network of New Hope basin against the official NHDPlus V2 attributes (746 reaches, USGS).

Run with the real lines in ``../shared/data`` beside the repository, or where ``BASIN_REAL_DATA``
says. LENGTHKM is planar, in an equal-area projection that is up to 1 % out either way, so official
sums are compared with sums of official lengths over our sets and ways: exact but for rounding.
"""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from basin.network import RiverNetwork

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("BASIN_REAL_DATA") or ROOT.parent / "shared" / "data")
FILE = FOLDER / "nhdplus_new_hope.gpkg"

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"real river lines not found: {FILE} (set BASIN_REAL_DATA)"
)


@pytest.fixture(scope="module")
def lines():
    table = gpd.read_file(FILE)
    return table.assign(reach_id=table["COMID"], name=table["GNIS_NAME"])


@pytest.fixture(scope="module")
def network(lines):
    """From geometry and names alone."""
    return RiverNetwork.from_lines(lines)


@pytest.fixture(scope="module")
def official(lines):
    """With the official choice of the main way at each parting."""
    return RiverNetwork.from_lines(lines.assign(divergence=lines["Divergence"]))


def test_nothing_is_repaired(network):
    assert len(network.reaches) == 746
    assert network.issues.empty


def test_geometry_alone_gives_the_official_graph(network):
    r = network.reaches
    ends = gpd.pd.concat(
        [
            r[["FromNode", "from_node"]].set_axis(["theirs", "ours"], axis=1),
            r[["ToNode", "to_node"]].set_axis(["theirs", "ours"], axis=1),
        ]
    ).drop_duplicates()
    assert ends["theirs"].is_unique
    assert ends["ours"].is_unique


@pytest.mark.parametrize("which", ["network", "official"])
def test_strahler_is_stream_order(which, request):
    r = request.getfixturevalue(which).reaches
    assert (r["strahler"] == r["StreamOrde"]).all()


def test_lengths_are_geodesic(network):
    r = network.reaches
    assert r["length_m"].sum() == pytest.approx(r["LENGTHKM"].sum() * 1000, rel=2e-3)
    assert np.allclose(r["length_m"], r["LENGTHKM"] * 1000, rtol=0.011, atol=2)


def test_arbolate_sum_over_our_upstream_sets(network):
    r = network.reaches
    ours = [r["LENGTHKM"][network.upstream(k)].sum() for k in r.index]
    assert np.allclose(ours, r["ArbolateSu"], atol=0.002)
    assert np.allclose(r["arbolate_m"] / 1000, r["ArbolateSu"], rtol=0.011, atol=0.002)


def test_drainage_area_is_the_official_total(network):
    """TotDASqKM counts all above once; official areas are rounded to 0.0001 km2 a reach."""
    r = network.reaches
    ours = network.drainage_area("AreaSqKM")
    assert np.allclose(ours, r["TotDASqKM"], rtol=1e-5, atol=0.01)


def test_path_length_over_official_main_ways(official):
    r = official.reaches
    below_the_basin = r["Pathlength"].min()
    ours = [r["LENGTHKM"][official.downstream(k)[1:]].sum() for k in r.index]
    assert np.allclose(ours, r["Pathlength"] - below_the_basin, atol=0.002)


def test_order_agrees_with_hydroseq(network):
    r = network.reaches
    place = r.set_index("Hydroseq")["topo_order"]
    inner = r[r["DnHydroseq"].isin(place.index)]
    assert (place.loc[inner["DnHydroseq"]].to_numpy() > inner["topo_order"].to_numpy()).all()


def test_main_ways_agree_with_the_official_ones(network):
    """Our choice at partings without a name is the shorter arm: over nine in ten agree."""
    r = network.reaches
    main = network._parts.is_main
    parting = r["Divergence"].isin([1, 2]).to_numpy()
    agree = main[parting] == (r["Divergence"][parting] == 1)
    assert agree.mean() > 0.9


def test_stream_level_and_level_paths(official):
    r = official.reaches
    outlet = int(r["StreamLeve"].min())
    same = (r["stream_level"] - 1 + outlet) == r["StreamLeve"]
    assert same.mean() > 0.99
    paths = r.groupby("LevelPathI")["main_path_id"].nunique()
    assert (paths == 1).mean() > 0.99


def test_official_nodes_agree_with_the_geometry(network, lines):
    given = RiverNetwork.from_lines(lines, from_node="FromNode", to_node="ToNode")
    assert given.issues.empty
    for column in ("from_node", "to_node", "strahler", "main_path_id"):
        assert (given.reaches[column] == network.reaches[column]).all()


def test_official_nodes_close_gaps_and_turn_reaches(network, lines):
    """Every 40th reach is drawn upstream or begins some 20 m away; the nodes put it right."""
    inner = lines[lines["FromNode"].isin(lines["ToNode"]) & lines["ToNode"].isin(lines["FromNode"])]
    some = inner.index[::40]
    geometry = lines.geometry.copy()
    for n, k in enumerate(some):
        xy = shapely.get_coordinates(geometry[k])
        xy[0] += (20.0, 0.0) if n % 2 else 0.0
        geometry[k] = shapely.LineString(xy if n % 2 else xy[::-1])
    spoilt = lines.set_geometry(geometry)
    again = RiverNetwork.from_lines(spoilt, from_node="FromNode", to_node="ToNode")
    ours = again.reaches[["FromNode", "from_node"]].drop_duplicates()
    assert ours["FromNode"].is_unique
    assert ours["from_node"].is_unique
    assert (again.reaches["strahler"] == again.reaches["StreamOrde"]).all()
    applied = again.issues[again.issues["action"] == "applied"]
    assert set(applied["kind"]) == {"gap_closed", "reversed"}
    assert len(applied) == len(some)


def test_there_and_back_through_networkx(official):
    again = RiverNetwork.from_networkx(official.to_networkx())
    ours, theirs = official.reaches, again.reaches
    assert list(ours.index) == list(theirs.index)
    for column in ("strahler", "stream_level", "main_path_id", "arbolate_m", "path_length_m"):
        assert (ours[column] == theirs[column]).all()
    for k in ours.index[::25]:
        assert list(official.upstream(k)) == list(again.upstream(k))
        assert list(official.downstream(k)) == list(again.downstream(k))


def test_named_mouths_of_the_upper_yangtze():
    """Natural Earth: the Tuo stops 35 m short of the Yangtze and the Wu 129 m; the Min touches."""
    rivers = gpd.read_file(FOLDER / "natural_earth_upper_yangtze.gpkg", layer="ne10m_rivers")
    exact = RiverNetwork.from_lines(rivers)
    found = exact.issues[exact.issues["kind"] == "gap_proposed"]
    assert found["distance_m"].to_list() == pytest.approx([34.8], abs=1)
    network = RiverNetwork.from_lines(rivers, snap_tolerance_m=150)
    joined = network.reaches
    by_law = network.classify_rivers().rivers
    assert by_law["river_class"]["Chang Jiang"] == "main_stem"
    assert by_law.loc[["Min", "Tuo", "Jialing", "Wu"], "legal_order"].to_list() == [1, 1, 1, 1]
    assert by_law.loc[["Min", "Jialing", "Wu"], "important"].all()
    order = joined.groupby("name")["tributary_order"].min()
    assert order[["Chang Jiang", "Min", "Tuo", "Jialing", "Wu"]].to_list() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("named", [True, False])
def test_random_directions_are_put_right_but_in_braids(network, lines, named):
    """Half of the lines turned: outside loops all flow as they should, inside at most one in six
    does not, and none of these is taken for sure."""
    half = np.random.default_rng(3).random(len(lines)) < 0.5
    spoilt = lines.set_geometry(np.where(half, lines.geometry.reverse(), lines.geometry))
    if not named:
        spoilt = spoilt.drop(columns="name")
    again = RiverNetwork.from_lines(spoilt.set_crs(lines.crs)).reaches
    same = again.geometry.to_wkb() == network.reaches.geometry.reindex(again.index).to_wkb()
    assert (~same).sum() <= 25
    assert (again["direction_confidence"][~same] < 0.9).all()


def test_all_lines_upstream_are_recognised_in_spite_of_braids(network, lines):
    again = RiverNetwork.from_lines(lines.set_geometry(lines.geometry.reverse()))
    assert list(again.issues["rule"]) == ["layer drawn upstream"]
    for column in ("from_node", "to_node", "strahler", "main_path_id"):
        assert (again.reaches[column] == network.reaches[column]).all()
