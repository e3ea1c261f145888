"""What attributing a million outfalls to a thousand sections costs beside networkx.

Run ``python benchmarks/attribution.py --size 1e5`` (reaches; ``--outfalls 1e6``, ``--rounds 3``,
``--braids 0`` for the tree alone). Half of the sections have a hundredth of the basin and more
above them, half are of Strahler order 4 and more.
The outfalls are placed on the network already: placing them is `snap` of ``benchmarks/network.py``.
networkx walks the ancestors of some sections, with its graph ready, and numpy picks the outfalls
that enter there; the rest is reckoned. Next section, distances and times would come on top.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from network import SAMPLED, SECTIONS, Basin, measure, peak_mb

from basin.tracing import attribute_outfalls


def outfalls_on(basin: Basin, count: int) -> pd.DataFrame:
    """Scatter outfalls over random reaches, each with an id."""
    random = np.random.default_rng(5)
    reaches = basin.network.reaches
    row = random.integers(0, len(reaches), count)
    at = random.random(count) * reaches["length_m"].to_numpy()[row]
    ids = [f"P{k:07d}" for k in range(count)]
    return pd.DataFrame({"reach_id": reaches.index[row], "measure_m": at}, index=ids)


def main(arguments: list[str] | None = None) -> None:
    """Run the tree and the braided network, and print one block each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=lambda s: int(float(s)), default=100_000)
    parser.add_argument("--outfalls", type=lambda s: int(float(s)), default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--braids", type=lambda s: [float(s)], default=[0.0, 0.02])
    given = parser.parse_args(arguments)
    for braids in given.braids:
        words = "braided" if braids else "tree"
        basin = Basin(given.size, braids)
        network = basin.network
        halves = [basin.sections(SECTIONS // 2, large) for large in (True, False)]
        sections = pd.concat(halves)
        sections.index = [f"S{k}" for k in range(SECTIONS)]
        outfalls = outfalls_on(basin, given.outfalls)
        above = network.upstream_of_many(sections).counts()
        # as large in the mean as all of them
        some = sections.loc[
            above.sort_values().index[SECTIONS // SAMPLED // 2 :: SECTIONS // SAMPLED]
        ]
        rest = SECTIONS / len(some)
        enters = basin.to[network.reaches.index.get_indexer(outfalls["reach_id"])]

        def ours(o: Any = outfalls, s: Any = sections, n: Any = network) -> Any:
            return attribute_outfalls(n, s, o)

        found = network.spots(outfalls), network.spots(sections)

        def again(o: Any = found[0], s: Any = found[1], n: Any = network) -> Any:
            return attribute_outfalls(n, s, o)

        def theirs(b: Basin = basin, s: Any = some, e: Any = enters) -> Any:
            found = []
            for nodes in b.ancestors(s["reach_id"]):
                mark = np.zeros(len(b.graph), dtype=bool)
                mark[list(nodes)] = True
                found.append(np.flatnonzero(mark[e]))
            return found

        print(f"{words}: {len(network.reaches):,} reaches, {len(outfalls):,} outfalls, "
              f"{len(sections):,} sections, {len(ours().pairs):,} pairs")  # fmt: skip
        ways = {"attribute_outfalls": ours, "the same, reaches looked up before": again}
        for name, way in ways.items():
            own, other = measure(way, theirs, given.rounds)
            print(f"  {name}: {own * 1000:,.0f} ms; networkx {other * rest:,.1f} s (reckoned "
                  f"from {SAMPLED}); ratio {other * rest / own:,.0f}")  # fmt: skip
        print(f"  memory above the tables: {peak_mb(ours):.0f} MB")


if __name__ == "__main__":
    main()
