"""What attributing a million outfalls to a thousand sections costs beside networkx.

Run ``python benchmarks/attribution.py --size 1e5`` (reaches; ``--outfalls 1e6``, ``--rounds 3``).
The outfalls are placed on the network already: placing them is `snap` of ``benchmarks/network.py``.
networkx walks the ancestors of some sections, with its graph ready; the rest is reckoned by the
reaches walked. What it finds are nodes: the outfalls on them, distances and times come on top.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=lambda s: int(float(s)), default=100_000)
    parser.add_argument("--outfalls", type=lambda s: int(float(s)), default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    for braids, words in ((0.0, "tree"), (0.02, "braided")):
        basin = Basin(given.size, braids)
        network, sections = basin.network, basin.sections(SECTIONS)
        outfalls = outfalls_on(basin, given.outfalls)
        above = network.upstream_of_many(sections).counts()
        some = sections.iloc[:SAMPLED]
        rest = float(above.sum() / above.iloc[:SAMPLED].sum())

        def ours(o: Any = outfalls, s: Any = sections, n: Any = network) -> Any:
            return attribute_outfalls(n, s, o)

        def bare(o: Any = outfalls, s: Any = sections, n: Any = network) -> Any:
            return n.all_pairs_upstream(o, s), n.next_downstream(o, s)

        def theirs(b: Basin = basin, s: Any = some) -> Any:
            return b.ancestors(s["reach_id"])

        print(f"{words}: {len(network.reaches):,} reaches, {len(outfalls):,} outfalls, "
              f"{len(sections):,} sections, {len(ours().pairs):,} pairs")  # fmt: skip
        for name, way in (("attribute_outfalls", ours), ("pairs and next section alone", bare)):
            own, other = measure(way, theirs, given.rounds)
            print(f"  {name}: {own * 1000:,.0f} ms; networkx {other * rest:,.1f} s (reckoned "
                  f"from {SAMPLED}); ratio {other * rest / own:,.0f}")  # fmt: skip
        print(f"  memory above the tables: {peak_mb(ours):.0f} MB")


if __name__ == "__main__":
    main()
