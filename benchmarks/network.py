"""What the river network costs beside what a user would write with networkx and geopandas.

Run ``python benchmarks/network.py --size 1e6`` (``--size 1e4,1e5,1e6`` for the cost per reach,
``--only snap,pairs`` for some subjects, ``--plain`` without numba, ``--rounds 3``). The basins are
synthetic and seeded. Both ways of a subject take turns in one process after one turn of ours that
is not counted; the least CPU time of each counts, and their ratio is printed. networkx has its
graph built beforehand where the subject is not the building; what is held from one subject to the
next is out of the garbage collector's sight, which would slow both.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from synthetic import basin_lines, basin_points

SECTIONS = 1_000
#: networkx walks so many of the sections; the rest is reckoned by the reaches walked.
SAMPLED = 20
DRAWS = 20
#: Points are snapped on so many reaches at most.
SNAP_ON = 100_000
DECAY_PER_DAY = 0.2

Way = Callable[[], Any]
Subject = Iterator[tuple[str, Way, Way, float]]


def measure(ours: Way, theirs: Way, rounds: int) -> tuple[float, float]:
    """Least CPU seconds of each way; they take turns, what is quick a hundred times."""
    begin = time.process_time()
    ours()
    quick = time.process_time() - begin < 0.02
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for k, (way, times) in enumerate(((ours, 100 if quick else 1), (theirs, 1))):
            gc.collect()
            begin = time.process_time()
            for _ in range(times):
                kept = way()
            best[k] = min(best[k], (time.process_time() - begin) / times)
            del kept
    return best[0], best[1]


def peak_mb(way: Way) -> float:
    """Megabytes that one turn allocates at its peak, arrays included."""
    tracemalloc.start()
    kept = way()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    del kept
    return peak


@cache
def basin_of(size: int, braids: float = 0.0) -> Basin:
    basin = Basin(size, braids)
    gc.collect()
    gc.freeze()
    return basin


class Basin:
    """A synthetic basin with its network and the graph that networkx asks, each made once."""

    def __init__(self, size: int, braids: float = 0.0) -> None:
        from basin.network import RiverNetwork

        self.lines = basin_lines(size, braids=braids)
        self.network = RiverNetwork.from_lines(self.lines)
        reaches = self.network.reaches
        self.frm, self.to = reaches["from_node"].to_numpy(), reaches["to_node"].to_numpy()
        self.graph = nx.DiGraph()
        self.graph.add_edges_from(zip(self.frm.tolist(), self.to.tolist(), strict=True))

    def sections(self, count: int, large: bool) -> pd.DataFrame:
        """Sections with a hundredth of the basin above them, or of Strahler order 4 and more."""
        random = np.random.default_rng(3)
        reaches, above = self.network.reaches, self.network._parts.tree.size
        if large:
            some = reaches[above >= above.max() / 100]
        else:
            some = reaches[reaches["strahler"] >= min(4, reaches["strahler"].max())]
        pick = some.iloc[random.integers(0, len(some), count)]
        at = random.random(count) * pick["length_m"].to_numpy()
        names = [f"S{k}" for k in range(count)]
        return pd.DataFrame({"reach_id": pick.index, "measure_m": at}, index=names)

    def outfalls(self) -> pd.DataFrame:
        """As many outfalls as reaches, on random reaches."""
        random = np.random.default_rng(4)
        reaches = self.network.reaches
        row = random.integers(0, len(reaches), len(reaches))
        at = random.random(len(reaches)) * reaches["length_m"].to_numpy()[row]
        return pd.DataFrame({"reach_id": reaches.index[row], "measure_m": at})

    def ancestors(self, reach_ids: Any) -> list[set[int]]:
        rows = self.network.reaches.index.get_indexer(reach_ids)
        return [nx.ancestors(self.graph, int(self.frm[r])) for r in rows]


def build(size: int) -> Subject:
    from basin._network.arrays import group
    from basin._network.build import Lines, ends_of
    from basin._network.join import close_gaps
    from basin._network.ledger import Ledger
    from basin.network import RiverNetwork

    table = basin_lines(size)
    geom = np.asarray(table.geometry.array, dtype=object)
    ids = table["reach_id"].to_numpy(dtype=object)

    def networkx_loop() -> Any:
        graph = nx.MultiDiGraph()
        for key, line in zip(ids, geom, strict=True):
            ends = line.coords
            graph.add_edge(ends[0], ends[-1], key=key)
        return graph

    def fresh() -> Lines:
        return Lines(geom.copy(), np.arange(len(geom)), ids)

    def csr(lines: Lines) -> Any:
        nodes, frm, to = ends_of(lines)
        return nodes, group(frm, len(nodes)), group(to, len(nodes))

    def fetch() -> None:
        for k in range(0, len(geom), 20_000):
            xy = shapely.get_coordinates(geom[k : k + 20_000])
            last = np.cumsum(shapely.get_num_coordinates(geom[k : k + 20_000])) - 1
            xy[np.append(0, last[:-1] + 1)], xy[last]

    def exact() -> Any:
        return csr(fresh())

    def whole(tolerance_m: float) -> Any:
        return RiverNetwork.from_lines(table, snap_tolerance_m=tolerance_m)

    yield "from_lines, exact ends, all of it", lambda: whole(0.0), networkx_loop, 1.0
    print(f"  memory above the lines: {peak_mb(lambda: whole(0.0)):.0f} MB")
    yield "from_lines, tolerance of 1 m, all of it", lambda: whole(1.0), networkx_loop, 1.0
    yield "graph alone, exact ends", exact, networkx_loop, 1.0
    print(
        f"  memory above the lines: {peak_mb(exact):.0f} MB; networkx {peak_mb(networkx_loop):.0f}"
    )
    yield "graph alone, exact ends, against a fetch of the ends", exact, fetch, 1.0
    yield (
        "graph alone, tolerance of 1 m (no gaps)",
        lambda: csr(close_gaps(fresh(), 1.0, Ledger())),
        networkx_loop,
        1.0,
    )


def label(size: int) -> Subject:
    from basin._network.attributes import _tree

    basin = basin_of(size)
    tree, m = basin.network._parts.tree, len(basin.frm)
    main = np.full(len(basin.network._parts.nodes), -1, dtype=np.intp)
    main[basin.frm] = np.arange(m)
    cut = np.zeros(0, dtype=np.intp)
    order = np.arange(m)
    yield (
        "interval labels, against topological_sort",
        lambda: _tree(basin.frm, basin.to, tree.down, tree.main_up, order, main, cut),
        lambda: list(nx.topological_sort(basin.graph)),
        1.0,
    )


def upstream(size: int) -> Subject:
    for braids, words in ((0.0, "tree"), (0.02, "braided")):
        basin = basin_of(size, braids)
        network, reaches = basin.network, basin.network.reaches
        largest = reaches["arbolate_m"].idxmax()
        half = (reaches["arbolate_m"] - reaches["arbolate_m"].max() / 2).abs().idxmin()
        for name, start in (("outlet", largest), ("half the basin", half)):
            print(f"  {words}, {name}: {len(network.upstream(start)):,} reaches")
            yield (
                f"upstream, {words}, {name}",
                lambda n=network, s=start: n.upstream(s),
                lambda b=basin, s=start: b.ancestors([s]),
                1.0,
            )
            yield (
                f"upstream_of_many of one, {words}, {name}",
                lambda n=network, s=start: n.upstream_of_many([s]),
                lambda b=basin, s=start: b.ancestors([s]),
                1.0,
            )


def pairs(size: int) -> Subject:
    for braids, large, words in (
        (0.0, True, "tree, large rivers"),
        (0.0, False, "tree, order 4 and more"),
        (0.02, True, "braided, large rivers"),
    ):
        basin = basin_of(size, braids)
        network, outfalls = basin.network, basin.outfalls()
        sections = basin.sections(SECTIONS, large)
        above = network.upstream_of_many(sections).counts()
        some = sections.iloc[:SAMPLED]
        rest = above.sum() / above.iloc[:SAMPLED].sum()
        print(f"  {words}: {len(network.all_pairs_upstream(outfalls, sections)):,} pairs")
        for name, way in (
            ("reaches above each", lambda n=network, s=sections: n.upstream_of_many(s)),
            ("outfalls above each", lambda n=network, o=outfalls, s=sections: (
                n.all_pairs_upstream(o, s))),
            ("section below each outfall", lambda n=network, o=outfalls, s=sections: (
                n.next_downstream(o, s))),
        ):  # fmt: skip
            yield (
                f"{SECTIONS:,} sections, {words}, {name}",
                way,
                lambda b=basin, s=some: b.ancestors(s["reach_id"]),
                float(rest),
            )
        tree = network._parts.tree
        held = [tree.pos, tree.size, tree.seq, network.all_pairs_upstream(outfalls, sections).order]
        print(f"  held: {sum(a.nbytes for a in held) / len(tree.pos):.0f} bytes a reach")


def snap(size: int, points: int) -> Subject:
    from basin.network import RiverNetwork

    lines = basin_lines(min(size, SNAP_ON))
    network = RiverNetwork.from_lines(lines)
    places = basin_points(lines, points)
    plane = lines[["reach_id", "geometry"]].to_crs(32648)
    plane_places = gpd.GeoDataFrame(geometry=places.to_crs(32648))
    geom = np.asarray(plane.geometry.array, dtype=object)

    def sjoin_nearest() -> Any:
        found = gpd.sjoin_nearest(plane_places, plane, max_distance=500, distance_col="offset_m")
        found["measure_m"] = shapely.line_locate_point(
            geom[found["index_right"].to_numpy()], np.asarray(found.geometry.array, dtype=object)
        )
        return found

    words = f"snap {points:,} points on {len(lines):,} reaches with measure"
    yield words, lambda: network.snap(places), sjoin_nearest, 1.0


def carry(size: int) -> Subject:
    basin = basin_of(size)
    network, graph = basin.network, basin.graph
    loads = pd.Series(1.0, index=network.reaches.index)
    keep = np.exp(-DECAY_PER_DAY * network._hours / 24)
    for frm, to, share in zip(basin.frm.tolist(), basin.to.tolist(), keep.tolist(), strict=True):
        graph.edges[frm, to]["keep"] = share
    draws = np.asfortranarray(np.random.default_rng(5).random((len(loads), DRAWS)))
    table = pd.DataFrame(draws, index=loads.index, copy=False)

    def networkx_loop() -> Any:
        arrived: dict[int, float] = {}
        for node in nx.topological_sort(graph):
            here = arrived.get(node, 0.0)
            for _, after, data in graph.out_edges(node, data=True):
                arrived[after] = arrived.get(after, 0.0) + 1.0 + here * data["keep"]
        return arrived

    total = network.accumulate(loads, DECAY_PER_DAY)
    outlets = ~np.isin(basin.to, basin.frm)
    want = networkx_loop()
    assert np.isclose(total[outlets].sum(), sum(want[n] for n in set(basin.to[outlets].tolist())))
    yield (
        "accumulate with decay",
        lambda: network.accumulate(loads, DECAY_PER_DAY),
        networkx_loop,
        1.0,
    )
    yield (
        f"accumulate {DRAWS} scenarios",
        lambda: network.accumulate(table, DECAY_PER_DAY),
        networkx_loop,
        float(DRAWS),
    )


SUBJECTS = ("build", "label", "upstream", "pairs", "snap", "carry")


def main(arguments: list[str] | None = None) -> None:
    """Run the subjects and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1e5", help="reaches; several sizes by comma")
    parser.add_argument("--points", type=float, help="points to snap (default: as many)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SUBJECTS))
    parser.add_argument("--plain", action="store_true", help="without numba")
    given = parser.parse_args(arguments)
    if given.plain:
        sys.modules["numba"] = None  # type: ignore[assignment]
    for size in (int(float(text)) for text in given.size.split(",")):
        print(f"{size:,} reaches, best of {given.rounds}, CPU time; {'no numba' * given.plain}")
        for name in given.only.split(","):
            points = int(given.points or size)
            subject = snap(size, points) if name == "snap" else globals()[name](size)
            for words, ours, theirs, times in subject:
                run(words, ours, theirs, times, given.rounds, points if name == "snap" else size)
        basin_of.cache_clear()
        gc.unfreeze()


def run(words: str, ours: Way, theirs: Way, times: float, rounds: int, size: int) -> None:
    """Measure one line and print it; `theirs` stands for so many `times` as much."""
    mine, other = measure(ours, theirs, rounds)
    mark = "" if times == 1.0 else f" (x{times:.0f} reckoned)"
    other *= times
    print(
        f"{words}: {mine * 1e3:,.3g} ms ({mine / size * 1e9:,.3g} ns a piece), "
        f"theirs {other * 1e3:,.4g} ms{mark}, ratio {other / mine:,.3g}",
        flush=True,
    )


if __name__ == "__main__":
    main()
