"""What source tracing costs beside what a user would write with networkx.

Run ``python benchmarks/tracing.py --size 1e5`` (``--only draws`` or ``year``, ``--rounds 3``).
The basins are synthetic and seeded. Both ways take turns in one process; the least CPU time of each
counts. networkx has its graph ready, and its points are placed on it already.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from network import Basin, Subject, measure

ITEM, K = "nh3n", 0.125
DRAWS = 10_000
#: So many draws and sections are walked by networkx; the rest is reckoned.
DRAWN, SAMPLED = 10, 20
#: A province of 100,000 reaches has 10,000 outfalls and 500 sections.
REACHES_AN_OUTFALL, REACHES_A_SECTION = 10, 200


class World(Basin):
    """A province: outfalls with loads, sections, and a year of monthly samples."""

    def __init__(self, size: int, outfalls: int, sections: int) -> None:
        super().__init__(size)
        random = np.random.default_rng(5)
        reaches = self.network.reaches
        self.hours = (reaches["length_m"] / reaches["velocity_m_s"] / 3600.0).to_numpy()
        row = random.integers(0, len(reaches), outfalls)
        self.outfall_table = self._points(row, random.random(outfalls), "outfall_id", "P")
        self.outfall_table = self.outfall_table.assign(
            kind="sewage_works", data_basis="measured", status="active",
            load_nh3n_kg_d=random.lognormal(2.0, 1.0, outfalls),
        )  # fmt: skip
        large = np.flatnonzero(reaches["strahler"].to_numpy() >= 3)
        pick = random.choice(large, sections, replace=False)
        self.section_table = self._points(pick, np.full(sections, 0.9), "section_id", "S").assign(
            target_class="III", waterbody="river", flow_m3_s=random.uniform(5, 200, sections)
        )
        months = pd.date_range("2025-01-05", periods=12, freq="MS")
        self.samples = pd.DataFrame(
            {
                "section_id": np.repeat(self.section_table["section_id"].to_numpy(), 12),
                "date": np.tile(months, sections),
                ITEM: random.lognormal(-0.3, 0.5, 12 * sections),
            }
        ).sample(frac=0.9, random_state=1)
        self.outfall_row, self.section_row = row, pick
        graph = nx.DiGraph()
        both = zip(self.frm.tolist(), self.to.tolist(), range(len(self.frm)), strict=True)
        graph.add_weighted_edges_from(
            [(b, a, float(self.hours[e])) for a, b, e in both], weight="hours"
        )
        self.upward = graph

    def _points(self, row: Any, share: Any, key: str, letter: str) -> gpd.GeoDataFrame:
        lines = self.network.reaches.geometry.array[row]
        points = shapely.line_interpolate_point(np.asarray(lines), share, normalized=True)
        return gpd.GeoDataFrame(
            {key: [f"{letter}{k:05d}" for k in range(len(row))]}, geometry=points, crs=4490
        )


def draws(size: int) -> Subject:
    from basin.tracing import trace_sources
    from basin.tracing.doubt import draw, outfall_doubt

    world = World(size, max(size // 20, 20), min(50, max(size // 50, 5)))
    above = (
        world.network.upstream_of_many(world.network.reaches.index[world.section_row])
        .counts()
        .to_numpy()
    )
    at = int(np.argsort(np.abs(above - 2_000))[0])
    section = world.section_table["section_id"].iloc[at]
    trace = trace_sources(
        world.network, section, world.outfall_table, world.samples, ITEM, "2025",
        sections=world.section_table,
    )  # fmt: skip
    model = trace.model
    print(f"  {above[at]:,} reaches and {len(model.outfall_ids)} outfalls above the section")
    start = int(world.to[world.section_row[at]])
    place = {p: k for k, p in enumerate(world.outfall_table["outfall_id"])}
    nodes = [int(world.frm[world.outfall_row[place[p]]]) for p in model.outfall_ids]
    loads, sd = model.load_kg_d.tolist(), np.sqrt(np.log1p(model.load_rel_sd**2)).tolist()
    upward = world.upward

    def ours() -> Any:
        return outfall_doubt(model, draw(model))

    def walked() -> Any:
        """Each draw weighs the edges by its velocity and walks them."""
        random = np.random.default_rng(1)
        kept = []
        for _ in range(DRAWN):
            k, slower = random.triangular(0.05, K, 0.3), random.lognormal(0, 0.16)
            hours = nx.single_source_dijkstra_path_length(
                upward, start, weight=lambda a, b, d, s=slower: d["hours"] * s
            )
            arriving = [
                load * random.lognormal(0, s) * np.exp(-k * hours[node] / 24)
                for load, s, node in zip(loads, sd, nodes, strict=True)
            ]
            order = sorted(range(len(arriving)), key=lambda i: -arriving[i])
            kept.append((arriving, order))
        return kept

    times = nx.single_source_dijkstra_path_length(upward, start, weight="hours")

    def looped() -> Any:
        """The walk is done once; each draw loops over the outfalls."""
        random = np.random.default_rng(1)
        kept = []
        for _ in range(DRAWN):
            k, slower = random.triangular(0.05, K, 0.3), random.lognormal(0, 0.16)
            arriving = [
                load * random.lognormal(0, s) * np.exp(-k * slower * times[node] / 24)
                for load, s, node in zip(loads, sd, nodes, strict=True)
            ]
            order = sorted(range(len(arriving)), key=lambda i: -arriving[i])
            kept.append((arriving, order))
        return kept

    yield f"{model.draws:,} draws, networkx walks each", ours, walked, model.draws / DRAWN
    yield f"{model.draws:,} draws, the walk done once", ours, looped, model.draws / DRAWN


def year(size: int) -> Subject:
    from basin.tracing import trace_all

    world = World(size, size // REACHES_AN_OUTFALL, max(size // REACHES_A_SECTION, 5))
    reaches = world.network.reaches
    above = world.network.upstream_of_many(reaches.index[world.section_row]).counts().to_numpy()
    some = np.arange(min(SAMPLED, len(above)))
    by_month = {
        m: dict(zip(t["section_id"], t[ITEM], strict=True))
        for m, t in world.samples.groupby(world.samples["date"].dt.month)
    }
    node_of = {
        s: int(world.to[r])
        for s, r in zip(world.section_table["section_id"], world.section_row, strict=True)
    }
    flow = dict(
        zip(world.section_table["section_id"], world.section_table["flow_m3_s"], strict=True)
    )
    outfall_nodes = world.to[world.outfall_row].tolist()
    outfall_loads = world.outfall_table["load_nh3n_kg_d"].tolist()

    def ours() -> Any:
        return trace_all(
            world.network, world.section_table, world.outfall_table, world.samples, ITEM, "2025"
        )

    def theirs(walk_each_month: bool) -> Any:
        """Each section by itself: walk up, find what is measured next, close every month."""
        kept = []
        for at in some:
            section = world.section_table["section_id"].iloc[at]
            start = node_of[section]
            found = None
            for values in by_month.values():
                if found is None or walk_each_month:
                    found = nx.dijkstra_predecessor_and_distance(
                        world.upward, start, weight="hours"
                    )
                before, hours = found
                measured = {node_of[s]: s for s in values if node_of[s] in hours and s != section}
                inherited, explained, ranked = 0.0, 0.0, []
                for node, load in zip(outfall_nodes, outfall_loads, strict=True):
                    if node not in hours:
                        continue
                    here, local = node, True
                    while here != start:
                        if here in measured:
                            local = False
                            break
                        here = before[here][0]
                    arriving = load * np.exp(-K * hours[node] / 24)
                    ranked.append((arriving, node))
                    explained += arriving * local
                for node, name in measured.items():
                    here = before[node][0] if node != start else start
                    while here != start and here not in measured:
                        here = before[here][0]
                    if here == start:
                        flux = 86.4 * values[name] * flow[name]
                        inherited += flux * np.exp(-K * hours[node] / 24)
                own = 86.4 * values.get(section, np.nan) * flow[section]
                kept.append((own, inherited, explained, sorted(ranked, reverse=True)))
        return kept

    made = ours()
    rest = float(above.sum() / above[some].sum())
    print(
        f"  {len(reaches):,} reaches, {len(made.balances):,} balances, {len(made.leads):,} leads; "
        f"networkx walks {len(some)} sections, {above[some].sum():,} of {above.sum():,} reaches"
    )
    yield "a year of traces, networkx walks each trace", ours, lambda: theirs(True), rest
    yield "a year of traces, networkx walks each section once", ours, lambda: theirs(False), rest


SUBJECTS = {"draws": draws, "year": year}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=1e5)
    parser.add_argument("--only", default=",".join(SUBJECTS))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(argv)
    for name in args.only.split(","):
        print(name)
        for words, ours, theirs, scale in SUBJECTS[name](int(args.size)):
            mine, other = measure(ours, theirs, args.rounds)
            ratio = other * scale / mine
            print(f"  {words}: {mine * 1e3:,.1f} ms, {other * scale:,.2f} s, ratio {ratio:,.0f}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
