"""Direction of flow: believed as drawn, turned only where the witnesses agree."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely import Point

from basin._network import undirected
from basin.errors import NetworkError
from basin.network import RiverNetwork, issue_text
from network_drawings import LAT, LON, STEP, at, draw, kinds, points

#: A river 甲河 from (0,9) south to (0,0) in nine reaches, with brooks from the east at 2, 4, 6, 8.
RIVER = {f"r{k}": [(0, k + 1), (0, k)] for k in range(9)}
BROOKS = {f"b{k}": [(1.5, k + 1), (0, k)] for k in (2, 4, 6, 8)}
NAMES = {**dict.fromkeys(RIVER, "甲河"), **{k: f"溪{k}" for k in BROOKS}}


def turned(lines, *ids):
    geometry = [
        g.reverse() if i in ids else g
        for i, g in zip(lines["reach_id"], lines.geometry, strict=True)
    ]
    return lines.set_geometry(geometry, crs=lines.crs)


def river(*reversed_ids, names=True, extra=None):
    lines = draw({**RIVER, **BROOKS, **(extra or {})}, name=NAMES if names else {})
    return turned(lines, *reversed_ids)


def flows_to_mouth(network):
    return sorted(network.upstream("r0")) == sorted(network.reaches.index)


@pytest.fixture(scope="module")
def dem(tmp_path_factory):
    """Elevations that fall from north to south by 10 m a step, 30 m higher to the east."""
    path = tmp_path_factory.mktemp("dem") / "dem.tif"
    row, column = np.mgrid[0:160, 0:80]
    height = (160 - row) * 1.0 + column * 3.0
    transform = from_origin(LON - 2 * STEP, LAT + 14 * STEP, STEP / 10, STEP / 10)
    with rasterio.open(
        path, "w", driver="GTiff", height=160, width=80, count=1, dtype="float32",
        crs="EPSG:4490", transform=transform, nodata=-9999,
    ) as file:  # fmt: skip
        file.write(height.astype("float32"), 1)
    return path


def test_drawn_right_nothing_is_turned(dem):
    for options in ({}, {"dem": dem}):
        assert RiverNetwork.from_lines(river(), **options).issues.empty


@pytest.mark.parametrize("wrong", ["r1", "r3", "r4", "r7", "b4"])
@pytest.mark.parametrize("names", [True, False])
def test_one_reach_drawn_upstream_is_turned(wrong, names):
    network = RiverNetwork.from_lines(river(wrong, names=names))
    assert kinds(network) == {"reversed": [wrong]}
    assert flows_to_mouth(network)
    issue = network.issues.iloc[0]
    assert issue["action"] == "applied"
    assert issue["rule"]
    assert 0.5 < issue["confidence"] < 1
    assert network.reaches.geometry[wrong].coords[0] == pytest.approx(
        river().set_index("reach_id").geometry[wrong].coords[0]
    )


def test_two_reaches_apart_are_both_turned():
    network = RiverNetwork.from_lines(river("r3", "r6"))
    assert kinds(network) == {"reversed": ["r3", "r6"]}
    assert flows_to_mouth(network)


def test_two_in_a_row_are_both_turned():
    network = RiverNetwork.from_lines(river("r3", "r4"))
    assert kinds(network) == {"reversed": ["r3", "r4"]}
    assert flows_to_mouth(network)


def test_the_last_reach_is_turned_by_its_name():
    """r0 drawn upstream: 甲河 meets itself head on at (0,1), where nothing leaves."""
    network = RiverNetwork.from_lines(river("r0"))
    assert kinds(network) == {"reversed": ["r0"]}
    assert flows_to_mouth(network)


def test_the_last_reach_without_a_name_is_only_listed():
    network = RiverNetwork.from_lines(river("r0", names=False))
    assert kinds(network) == {"head_to_head": ["r0, r1"]}


def test_the_last_reach_without_a_name_is_turned_by_the_dem(dem):
    network = RiverNetwork.from_lines(river("r0", names=False), dem=dem)
    assert kinds(network) == {"reversed": ["r0"]}
    assert "dem" in network.issues["rule"][0]


def test_turn_false_only_proposes():
    network = RiverNetwork.from_lines(river("r3"), turn=False)
    assert kinds(network)["reversed proposed"] == ["r3"]
    assert "r8" not in network.upstream("r0")


def test_a_distributary_drawn_as_such_is_kept(dem):
    r"""An arm d leaves 甲河 at (0,2) and reaches the shore on its own at (-1,-0.5)."""
    extra = {"d": [(0, 2), (-1, -0.5)]}
    for options in ({}, {"dem": dem}):
        network = RiverNetwork.from_lines(river(extra=extra), **options)
        assert kinds(network) == {"second_outlet": ["d"]}
        assert "r8" in network.upstream("d")
        assert "b2" not in network.upstream("r1") or "b2" in network.upstream("d")


def test_a_delta_of_three_arms_is_kept():
    extra = {
        "d1": [(0, 2), (-1, 1)],
        "d2": [(-1, 1), (-2, -0.5)],
        "d3": [(-1, 1), (-1, -0.5)],
        "d4": [(0, 1), (1, -0.5)],
    }
    network = RiverNetwork.from_lines(river(extra=extra))
    assert "reversed" not in kinds(network)
    assert sorted(kinds(network)["second_outlet"]) == ["d2", "d3", "d4"]


def test_a_whole_tributary_drawn_upstream_is_turned():
    r"""
    t0..t2 run east from (0,4); a brook q meets it at (2,5). All four are drawn upstream.
    """
    extra = {
        "t0": [(0, 5), (1, 5.5)],
        "t1": [(1, 5.5), (2, 6)],
        "t2": [(2, 6), (3, 7)],
        "q": [(2, 6), (2, 7.5)],
    }
    lines = river(extra=extra)
    lines.loc[lines["reach_id"].isin(extra), "name"] = "乙河"
    network = RiverNetwork.from_lines(lines)
    assert kinds(network) == {"reversed": ["q", "t0", "t1", "t2"]}
    assert flows_to_mouth(network)


def test_all_drawn_upstream_is_recognised():
    network = RiverNetwork.from_lines(river(*RIVER, *BROOKS))
    assert list(network.issues["rule"]) == ["layer drawn upstream"]
    assert flows_to_mouth(network)
    assert network.issues["reach_ids"][0].count(",") == 12


def test_a_braid_arm_drawn_upstream_is_turned():
    r"""
    r5 | island between (0,5) and (0,4): arms r4 and i; i drawn from (0,4) to (0,5): a circle
    """
    extra = {"i": [(0, 5), (-0.5, 4.5), (0, 4)]}
    good = RiverNetwork.from_lines(river(extra=extra))
    assert good.issues.empty
    network = RiverNetwork.from_lines(turned(river(extra=extra), "i"))
    assert kinds(network) == {"reversed": ["i"]}
    assert flows_to_mouth(network)


def test_a_braid_of_two_reaches_an_arm_with_one_drawn_upstream():
    extra = {"i1": [(0, 5), (-0.5, 4.5)], "i2": [(-0.5, 4.5), (0, 4)]}
    for wrong in extra:
        network = RiverNetwork.from_lines(turned(river(extra=extra), wrong))
        assert kinds(network) == {"reversed": [wrong]}
        assert flows_to_mouth(network)


CIRCLE = {"pq": [(0, 4), (0, 2)], "qs": [(0, 2), (2, 3)], "sp": [(2, 3), (0, 4)]}
CIRCLE_FED = {"a": [(0, 5), (0, 4)], "b": [(4, 3), (2, 3)], "out": [(0, 2), (0, 0)]}


def test_a_circle_with_one_culprit_is_broken():
    r"""
    a feeds p, b feeds s, out leaves q: only q -> s turned makes sense of p -> q -> s -> p
    """
    network = RiverNetwork.from_lines(draw({**CIRCLE, **CIRCLE_FED}))
    assert kinds(network) == {"reversed": ["qs"]}
    assert sorted(network.upstream("out")) == ["a", "b", "out", "pq", "qs", "sp"]


def test_circles_without_a_clear_culprit_are_listed_and_can_be_walked():
    r"""
    two circles share p -> q: no single turning breaks both
    """
    other = {"q2": [(0, 2), (-2, 4)], "q3": [(-2, 4), (0, 4)], "c": [(-5, 4), (-2, 4)]}
    network = RiverNetwork.from_lines(draw({**CIRCLE, **CIRCLE_FED, **other}))
    assert kinds(network) == {"cycle": ["pq, q2, q3", "pq, qs, sp"]}
    assert set(network.issues["severity"]) == {"error"}
    everything = set(network.reaches.index)
    assert set(network.upstream("out")) == everything
    assert set(network.downstream("c", diversions=True)) == everything - {"a", "b"}
    assert network.downstream("a")[0] == "a"
    assert network.distance_to("out")["distance_m"].notna().all()
    assert network.path("c", "out")["length_m"].gt(0).all()


def test_the_reach_whose_turning_breaks_a_circle_is_named():
    """Not turned here; what is named is what turns it when asked to."""
    network = RiverNetwork.from_lines(draw({**CIRCLE, **CIRCLE_FED}), turn=False)
    [cycle] = network.issues[network.issues["kind"] == "cycle"].iloc
    assert cycle["rule"] == "qs"
    assert issue_text(cycle, "en").endswith("; left as drawn; turning qs would break it.")
    assert "qs 调头即可解开" in issue_text(cycle)


def test_a_circle_that_no_turning_mends_names_none():
    """Fed at one place only and left nowhere: every turning makes a dead end."""
    network = RiverNetwork.from_lines(draw({**CIRCLE, "a": [(0, 5), (0, 4)]}), turn=False)
    [cycle] = network.issues[network.issues["kind"] == "cycle"].iloc
    assert cycle["rule"] == ""
    assert "调头" not in issue_text(cycle)


def test_head_to_head_in_a_piece_without_another_way_is_listed():
    network = RiverNetwork.from_lines(draw({"a": [(0, 0), (1, 0)], "b": [(2, 0), (1, 0)]}))
    assert kinds(network) == {"head_to_head": ["a, b"]}
    rivers = {"a": "甲河", "b": "乙河"}  # two rivers may share a mouth
    shore = RiverNetwork.from_lines(
        draw({"a": [(0, 0), (1, 0)], "b": [(2, 0), (1, 0)]}, name=rivers)
    )
    assert shore.issues.empty


def test_a_single_line_that_climbs_is_turned_by_the_dem(dem):
    network = RiverNetwork.from_lines(draw({"a": [(0, 0), (0, 4)]}), dem=dem)
    assert kinds(network) == {"reversed": ["a"]}
    assert network.reaches.geometry["a"].coords[0] == at(0, 4)


def test_a_dem_can_be_an_open_dataset_in_another_crs(dem, tmp_path):
    with rasterio.open(dem) as dataset:
        network = RiverNetwork.from_lines(river("r0", names=False), dem=dataset)
    assert kinds(network) == {"reversed": ["r0"]}


def test_turned_lines_keep_their_ids_and_attributes():
    lines = river("r3")
    lines["width_m"] = np.arange(len(lines), dtype=float)
    network = RiverNetwork.from_lines(lines)
    width = lines.set_index("reach_id")["width_m"]
    assert network.reaches["width_m"].to_dict() == width.to_dict()


# ---- trees at random: no names, no elevations, reaches other than the last drawn upstream --------


def random_tree(random, n):
    """Grow a tree upstream from its mouth: places, and the place that reach k flows to from k + 1.

    A reach bends off by 63 degrees at most; at most two meet.
    """
    xy, heading, flows_to, inflows = [(0.0, 0.0)], [np.pi / 2], [], [0]
    for _ in range(n):
        free = [k for k in range(len(xy)) if inflows[k] < (1 if k == 0 else 2)]
        here = random.choice(free)
        inflows[here] += 1
        course, size = heading[here] + random.uniform(-1.1, 1.1), random.uniform(0.5, 2)
        x, y = xy[here]
        xy.append((x + size * np.cos(course), y + size * np.sin(course)))
        heading.append(course)
        flows_to.append(here)
        inflows.append(0)
    return xy, flows_to


def tree_lines(seed, n_wrong):
    """Return a tree with some reaches drawn upstream, as it is and as it should be."""
    random = Random(seed)  # noqa: S311
    n = random.randint(4, 15)
    xy, flows_to = random_tree(random, n)
    names = random.sample([f"r{k:02d}" for k in range(n)], n)
    ways = {names[k]: [xy[k + 1], xy[below]] for k, below in enumerate(flows_to)}
    inner = [names[k] for k, below in enumerate(flows_to) if below != 0]
    right = draw({k: ways[k] for k in sorted(ways)})
    return turned(right, *random.sample(inner, n_wrong)), right


def after_turning(seed, n_wrong):
    """Reaches drawn upstream, those turned, all those listed, and the confidence of turning."""
    lines, right = tree_lines(seed, n_wrong)
    same = lines.geometry.to_wkb() == right.geometry.to_wkb()
    wrong = set(lines["reach_id"][~same])
    issues = RiverNetwork.from_lines(lines, snap_tolerance_m=0.0).issues
    applied = issues[(issues["kind"] == "reversed") & (issues["action"] == "applied")]
    listed = set(", ".join(issues["reach_ids"]).split(", "))
    return wrong, set(applied["reach_ids"]), listed, applied["confidence"]


def test_one_reach_of_a_random_tree_is_found():
    for seed in range(120):
        wrong, applied, listed, _ = after_turning(seed, 1)
        assert applied == wrong or (not applied and wrong <= listed), seed


def test_two_reaches_of_a_random_tree_are_mostly_found():
    """Two of few can be explained by fewer others: nobody can know without another witness."""
    results = [after_turning(seed, 2) for seed in range(120)]
    mistaken = [r for r in results if r[1] - r[0]]
    assert len(mistaken) <= 0.02 * len(results)
    assert sum(applied == wrong for wrong, applied, *_ in results) >= 0.9 * len(results)
    assert all(listed for _, _, listed, _ in results)
    assert all(sure.max() < 1 for *_, sure in mistaken)


def test_a_spring_beside_the_last_reach_is_told_from_it_by_the_course():
    r"""
    a comes from (0,4) to (0,2); out goes straight on to (0,0); s, drawn upstream, to (3,3).

    Turning out alone would do as well: then all would flow to (3,3).
    """
    lines = draw({"a": [(0, 4), (0, 2)], "out": [(0, 2), (0, 0)], "s": [(0, 2), (3, 3)]})
    for names in (["a", "out", "s"], ["z", "y", "x"], ["z", "x", "y"]):
        network = RiverNetwork.from_lines(lines.assign(reach_id=names))
        assert kinds(network) == {"reversed": [names[2]]}
        assert "course" in network.issues["rule"][0]
    fork = draw({"a": [(0, 4), (0, 2)], "l": [(0, 2), (-2, 0)], "r": [(0, 2), (2, 0)]})
    assert set(kinds(RiverNetwork.from_lines(fork))) <= {"second_outlet", "reversed proposed"}


def test_the_confidence_of_a_reach_is_how_often_it_is_right():
    """Of reaches that are 0.9 sure and more nearly all are right, of doubtful ones few."""
    sure, right = [], []
    for seed in range(60):
        lines, truth = tree_lines(seed, 3)
        reaches = RiverNetwork.from_lines(lines, snap_tolerance_m=0.0).reaches
        start = truth.set_index("reach_id").geometry
        for reach in reaches.index:
            sure.append(reaches["direction_confidence"][reach])
            right.append(reaches.geometry[reach].coords[0] == start[reach].coords[0])
    sure, right = np.array(sure), np.array(right)
    assert right[sure >= 0.9].mean() > 0.98
    assert (sure >= 0.9).mean() > 0.7
    assert right[sure < 0.5].mean() < 0.5


# ---- known outlets and the order of sections ---------------------------------------------------


def test_the_last_reach_is_turned_by_a_known_outlet():
    lines = river("r0", names=False)
    network = RiverNetwork.from_lines(lines, outlets=points({"sea": (0.05, -0.1)}))
    assert kinds(network) == {"reversed": ["r0"]}
    assert flows_to_mouth(network)
    assert "outlets" in network.issues["rule"][0]
    assert "outlets" in network.reaches["direction_for"]["r8"]
    assert "drawn" in network.reaches["direction_against"]["r0"]


def test_an_outlet_that_is_given_is_no_dead_end():
    r"""d leaves 甲河 backwards, as no distributary does, and yet ends at a known outlet."""
    extra = {"d": [(0, 4), (-2, 8)]}
    guessed = RiverNetwork.from_lines(river(extra=extra))
    assert kinds(guessed) == {"reversed": ["d"]}
    both = points({"sea": (0, 0), "lake": (-2, 8)})
    network = RiverNetwork.from_lines(river(extra=extra), outlets=both)
    assert "reversed" not in kinds(network)
    assert "r8" in network.upstream("d")


def test_what_is_given_and_does_not_fit_is_listed():
    lines = river(extra={"e": [(-3, 5), (-3, 3)]})
    spring, sea = (-3, 5), (0, 0)
    network = RiverNetwork.from_lines(lines, outlets=points({"o": spring, "s": sea}), turn=False)
    assert kinds(network)["outlet_dry"] == ["e"]
    far = RiverNetwork.from_lines(lines, outlets=points({"inland": (20, 20), "s": sea}))
    assert kinds(far)["witness_not_used"] == ["inland"]
    assert issue_text(far.issues.iloc[-1], "en").startswith("inland: no river line near enough")
    sections = points({"S1": (30, 3), "S2": (0, 2)}, order={"S1": 1, "S2": 2})
    assert kinds(RiverNetwork.from_lines(lines, sections=sections))["witness_not_used"] == ["S1"]
    with pytest.raises(NetworkError, match="no column 'order'"):
        RiverNetwork.from_lines(lines, sections=sections.drop(columns="order"))


def test_sections_in_order_turn_a_river_drawn_upstream():
    """Two confluences are too few to tell a layer drawn upstream; two sections tell it."""
    ways = {
        "a": [(0, 9), (0, 6)], "b": [(2, 7), (0, 6)], "c": [(0, 6), (0, 3)],
        "d": [(-2, 5), (0, 3)], "e": [(0, 3), (0, 0)],
    }  # fmt: skip
    lines = turned(draw(ways, name={"a": "甲河", "c": "甲河", "e": "甲河"}), *ways)
    sections = points(
        {"lower": (0.05, 1), "upper": (-0.05, 8)}, river={"lower": "甲河", "upper": "甲河"},
        order={"lower": 2, "upper": 1},
    )  # fmt: skip
    network = RiverNetwork.from_lines(lines, sections=sections)
    assert set(network.upstream("e")) == set(ways)
    assert "sections" in network.reaches["direction_for"]["c"]
    again = RiverNetwork.from_lines(lines, outlets=points({"sea": (0, 0)}))
    assert set(again.upstream("e")) == set(ways)
    agree = RiverNetwork.from_lines(draw(ways), sections=sections.drop(columns="river"))
    assert agree.issues.empty
    assert "sections" not in agree.reaches["direction_for"]["b"]


def test_given_topology_turns_the_last_reach_too():
    """As MERIT Hydro: all drawn upstream, NextDownID 0 out of the layer; what flows into the last
    reach tells where it begins."""
    ways = {
        "1": [(0, 9), (0, 6)], "2": [(2, 8), (0, 6)], "3": [(0, 6), (0, 3)], "4": [(-2, 5), (0, 3)],
        "5": [(0, 3), (0, 0)],
    }  # fmt: skip
    below = {"1": "3", "2": "3", "3": "5", "4": "5", "5": "0"}
    lines = turned(draw(ways, NextDownID=below), *ways)
    network = RiverNetwork.from_lines(lines, to_id="NextDownID")
    assert set(network.upstream("5")) == set(ways)
    assert kinds(network) == {"reversed": list(ways)}
    blind = RiverNetwork.from_lines(lines)  # too few confluences to tell: nothing is taken for sure
    assert (blind.reaches["direction_confidence"] < 0.9).all()


def test_two_sections_on_one_line_tell_its_direction():
    lines = draw({"a": [(0, 0), (0, 5)]})
    sections = points({"S1": (0, 4), "S2": (0, 1)}, order={"S1": 1, "S2": 2})
    network = RiverNetwork.from_lines(lines, sections=sections)
    assert kinds(network) == {"reversed": ["a"]}


# ---- layers drawn any way ----------------------------------------------------------------------


def braided_tree(seed, n=60, islands=8):
    """A tree whose reaches bend a little; some are doubled by an arm round an island."""
    random = Random(seed)  # noqa: S311
    xy, flows_to = random_tree(random, n)
    ways = {f"r{k:02d}": [xy[k + 1], xy[below]] for k, below in enumerate(flows_to)}
    fed = [k for k in range(1, n) if k + 1 in flows_to]  # no island at a spring
    for k in random.sample(fed, min(islands, len(fed))):
        (x, y), (u, v) = ways[f"r{k:02d}"]
        aside = ((x + u) / 2 + 0.2 * (v - y), (y + v) / 2 - 0.2 * (u - x))
        ways[f"s{k:02d}"] = [(x, y), aside, (u, v)]
    return draw(ways)


@pytest.mark.parametrize("seed", range(4))
def test_lines_in_random_directions_are_directed(seed):
    right = braided_tree(seed)
    random = Random(seed)  # noqa: S311
    lines = turned(right, *[i for i in right["reach_id"] if random.random() < 0.5])
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=0.0)
    start = right.set_index("reach_id").geometry.map(lambda g: g.coords[0])
    wrong = network.reaches.geometry.map(lambda g: g.coords[0]) != start[network.reaches.index]
    sure = network.reaches["direction_confidence"]
    assert wrong.mean() <= 0.05
    assert (sure[wrong] < 0.9).all()
    assert "layer drawn at random" in set(network.issues["rule"])
    assert not {"cycle", "head_to_head", "tail_to_tail"} & set(network.issues["kind"])
    sea = points({"sea": right.geometry.iloc[0].coords[-1]}).set_geometry(
        right.geometry.iloc[[0]].map(lambda g: Point(g.coords[-1])).set_axis(["sea"])
    )
    known = RiverNetwork.from_lines(lines, snap_tolerance_m=0.0, outlets=sea)
    wrong = known.reaches.geometry.map(lambda g: g.coords[0]) != start[known.reaches.index]
    assert not wrong.any()
    kept = RiverNetwork.from_lines(lines, snap_tolerance_m=0.0, turn=False)
    assert "reversed" not in kinds(kept)
    assert "reversed proposed" in kinds(kept)


@pytest.mark.parametrize("seed", range(3))
def test_a_braided_layer_drawn_upstream_is_recognised(seed):
    right = braided_tree(seed, islands=30)
    lines = turned(right, *right["reach_id"])
    network = RiverNetwork.from_lines(lines, snap_tolerance_m=0.0)
    found = network.issues[network.issues["kind"] == "reversed"]
    assert list(found["rule"]) == ["layer drawn upstream"]
    start = right.set_index("reach_id").geometry.map(lambda g: g.coords[0])
    begins = network.reaches.geometry.map(lambda g: g.coords[0])
    assert (begins == start[network.reaches.index]).all()


def test_water_in_a_net_of_pipes_obeys_kirchhoff():
    rng = np.random.default_rng(5)
    n = 30
    a = np.concatenate([np.arange(1, n), rng.integers(0, n, 40)])
    b = np.concatenate([[rng.integers(0, k) for k in range(1, n)], rng.integers(0, n, 40)])
    a, b = a[a != b], b[a != b]
    conducts, supply = rng.uniform(0.1, 3, len(a)), rng.uniform(0, 2, n)
    laplace = np.zeros((n, n))
    for u, v, c in zip(a, b, conducts / conducts.mean(), strict=True):
        laplace[[u, v], [u, v]] += c
        laplace[[u, v], [v, u]] -= c
    inner = np.delete(np.arange(n), 7)
    want = np.zeros(n)
    want[inner] = np.linalg.solve(laplace[np.ix_(inner, inner)], supply[inner])
    assert undirected._heads(a, b, conducts, supply, 7) == pytest.approx(want, rel=1e-6)


def test_what_contradicts_itself_either_way_stays_as_drawn() -> None:
    """Braids that part at their very springs, drawn downstream: no other direction is better."""
    from test_tracing import _braided_river, rivers

    cells = [(3, [1, 1], [2]), (1, [1, 2], [2, 2]), (3, [2], [2, 1]), (2, [], [])]
    network = rivers(**_braided_river(cells))
    turned = network.issues[network.issues["kind"].eq("reversed")]
    assert not turned["action"].eq("applied").any(), turned[["reach_ids", "rule"]].to_string()
