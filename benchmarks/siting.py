"""What the siting distances cost beside what a user would write with geopandas, scipy or DuckDB.

Run ``python benchmarks/siting.py`` (``--only km1,km5,duckdb,classes,zones,check,start``;
``--scale 0.01`` for small sizes). Everything is synthetic and seeded. The ways of a subject take
turns in one process after one small turn that is not counted; the least CPU time of each counts.
The others get their points and lines projected and loaded, which is not counted; ours starts from
longitude and latitude. ``within_shoreline`` says yes or no, as buffers and DuckDB do;
``shoreline_distance`` gives every column of its table. Buffers are joined with ``within``: the
default ``intersects`` of ``sjoin`` did not end in ten minutes at full size. ``duckdb`` needs
``duckdb==1.5.5``, ``duckdb-extensions`` and ``duckdb-extension-spatial==1.5.5``.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

WEST, SOUTH, EAST, NORTH = 105.0, 28.2, 109.0, 31.8
PLANE = "+proj=tmerc +lon_0=107 +lat_0=30 +ellps=GRS80 +units=m"
GEOD = pyproj.Geod(ellps="GRS80")
#: No place is asked whether it is in a river: the others do not know of sides.
NO_SIDES = pd.DataFrame({"site": [], "line": [], "side": []})
CHUNK = 64

Way = Callable[[], Any]


def cpu(ways: dict[str, Way], rounds: int) -> dict[str, float]:
    """Least CPU seconds of each way; they take turns."""
    best = dict.fromkeys(ways, np.inf)
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            begin = time.process_time()
            kept = way()
            best[name] = min(best[name], time.process_time() - begin)
            del kept
    return best


def tell(title: str, times: dict[str, float]) -> None:
    ours = times["basin"]
    print(f"{title}: basin {ours:.3f} s")
    for name, seconds in times.items():
        if name != "basin":
            print(f"  {name}: {seconds:.3f} s, ratio {seconds / ours:.1f}", flush=True)


def bank_lines(vertices: int, lines: int, seed: int = 1) -> gpd.GeoDataFrame:
    """Draw winding bank lines with steps of 50 m; lengths from short to very long.

    Vertices are off by 5 m: then ``buffer(1000)`` costs 24 us a vertex, as it does on the real
    rivers of NHDPlus (23 us); on smooth lines it costs 2 us.
    """
    random = np.random.default_rng(seed)
    share = random.lognormal(0, 1.2, lines)
    size = np.maximum((share / share.sum() * vertices).astype(int), 3)
    shapes = []
    for n in size:
        heading = random.uniform(0, 2 * np.pi) + random.normal(0, 0.06, n).cumsum()
        step = np.column_stack([np.cos(heading) * 50 / 96_500, np.sin(heading) * 50 / 110_900])
        way = random.uniform([WEST, SOUTH], [EAST, NORTH]) + step.cumsum(axis=0)
        way += random.normal(0, 5, way.shape) / [96_500, 110_900]
        # what leaves the ground is folded back into it
        low, wide = np.array([WEST, SOUTH]), np.array([EAST - WEST, NORTH - SOUTH])
        shapes.append(shapely.LineString(low + wide - np.abs((way - low) % (2 * wide) - wide)))
    of = np.array(["main_stem", "important_tributary", "tributary", "other"])
    return gpd.GeoDataFrame(
        {
            "line_id": [f"L{k:04d}" for k in range(lines)],
            "river": [f"R{k:04d}" for k in range(lines)],
            "river_class": of[np.arange(lines) % 4],
            "kind": "management_range",
        },
        geometry=shapes,
        crs=4490,
    )


def points(count: int, seed: int = 2) -> gpd.GeoDataFrame:
    random = np.random.default_rng(seed)
    xy = random.uniform([WEST, SOUTH], [EAST, NORTH], (count, 2))
    ids = pd.Series(np.arange(count)).astype("str")
    return gpd.GeoDataFrame({"site_id": ids}, geometry=shapely.points(xy), crs=4490)


def chunks(lines: Any) -> Any:
    """Runs of 64 edges of lines."""
    out = []
    for line in lines:
        xy = shapely.get_coordinates(line)
        out += [shapely.linestrings(xy[k : k + CHUNK + 1]) for k in range(0, len(xy) - 1, CHUNK)]
    return np.array(out, dtype=object)


def exactly_within(sites: gpd.GeoDataFrame, banks: gpd.GeoDataFrame, limit: float) -> Any:
    """Which sites lie within a limit: by a plane, and by Geod on densified lines near the limit."""
    flat, pieces = sites.to_crs(PLANE).geometry.to_numpy(), chunks(banks.to_crs(PLANE).geometry)
    tree, n = shapely.STRtree(pieces), len(sites)
    # the plane is wrong by less than 1 in 2,000 here
    sure, maybe = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    sure[tree.query(flat, predicate="dwithin", distance=limit * 0.9995)[0]] = True
    maybe[tree.query(flat, predicate="dwithin", distance=limit * 1.0005)[0]] = True
    own = chunks(banks.geometry)
    for k in np.flatnonzero(maybe & ~sure):
        near = tree.query(flat[k], predicate="dwithin", distance=limit * 1.0005)
        far = shapely.distance(flat[k], pieces[near])
        near = near[far <= far.min() * 1.001]
        fine = shapely.get_coordinates(shapely.segmentize(own[near], 2e-6))
        lon, lat = (
            np.full(len(fine), sites.geometry.iloc[k].x),
            np.full(len(fine), sites.geometry.iloc[k].y),
        )
        sure[k] = np.min(GEOD.inv(lon, lat, fine[:, 0], fine[:, 1])[2]) <= limit
    return sure, int((maybe & ~sure).sum())


def distance(banks: Any, sites: Any, limit: float, rounds: int, *, kd: bool) -> None:
    from scipy.spatial import cKDTree

    from basin.buffers import shoreline_distance, within_shoreline

    flat_sites, flat_banks = sites.to_crs(PLANE), banks.to_crs(PLANE)
    xy = shapely.get_coordinates(flat_sites.geometry.to_numpy())
    vertices = shapely.get_coordinates(flat_banks.geometry.to_numpy())

    def ours() -> Any:
        return within_shoreline(sites, banks, limit, sides=NO_SIDES)

    def table() -> Any:
        return shoreline_distance(sites, banks, by=("kind",), within_m=limit, sides=NO_SIDES)

    def buffers() -> Any:
        band = gpd.GeoDataFrame(geometry=[flat_banks.buffer(limit).union_all()], crs=PLANE)
        return gpd.sjoin(flat_sites, band.explode(), predicate="within")

    ways: dict[str, Way] = {"basin": ours, "basin shoreline_distance": table}
    if kd:
        ways["KD-tree, build and query"] = lambda: cKDTree(vertices).query(xy)
    cpu({"basin": ours, "table": table}, 1)
    times = cpu(ways, rounds)
    joined = np.zeros(len(sites), dtype=bool)
    times |= cpu({"buffer + union_all + sjoin (one turn)": lambda: keep(buffers(), joined)}, 1)
    tell(f"{len(sites):,} points, {len(vertices):,} vertices, {limit:g} m", times)
    found = ours().to_numpy()
    listed = np.zeros(len(sites), dtype=bool)
    listed[table()["site_id"].astype(int)] = True
    truth, _ = exactly_within(sites, banks, limit)
    print(
        f"  within: {truth.sum():,}; misclassified: basin {(found != truth).sum()}, "
        f"shoreline_distance {(listed != truth).sum()}, buffers {(joined != truth).sum()}",
        flush=True,
    )


def keep(joined: gpd.GeoDataFrame, flags: Any) -> None:
    flags[joined.index] = True


def km1(scale: float, rounds: int) -> None:
    banks = bank_lines(int(664_000 * scale), max(int(666 * scale), 8))
    distance(banks, points(int(1e6 * scale)), 1_000.0, rounds, kd=True)


def km5(scale: float, rounds: int) -> None:
    banks = bank_lines(int(664_000 * scale), max(int(666 * scale), 8))
    distance(banks, points(int(1e5 * scale)), 5_000.0, rounds, kd=False)


def duckdb(scale: float, rounds: int) -> None:
    import duckdb
    import duckdb_extensions

    from basin.buffers import shoreline_distance, within_shoreline

    banks = bank_lines(int(664_000 * scale), max(int(666 * scale), 8))
    sites = points(int(1e5 * scale))
    duckdb_extensions.import_extension("spatial")
    base = duckdb.connect(config={"threads": 1})
    base.execute("LOAD spatial")
    for name, shapes in (
        ("p", sites.to_crs(PLANE).geometry.to_numpy()),
        ("l", chunks(banks.to_crs(PLANE).geometry)),
    ):
        frame = pd.DataFrame({"id": np.arange(len(shapes)), "wkb": shapely.to_wkb(shapes)})
        base.register("frame", frame)
        base.execute(f"CREATE TABLE {name} AS SELECT id, ST_GeomFromWKB(wkb) g FROM frame")  # noqa: S608
        base.unregister("frame")
    query = "SELECT DISTINCT p.id FROM p JOIN l ON ST_DWithin(p.g, l.g, 1000)"
    ways: dict[str, Way] = {
        "basin": lambda: within_shoreline(sites, banks, 1_000.0, sides=NO_SIDES),
        "basin shoreline_distance": lambda: shoreline_distance(
            sites, banks, by=("kind",), within_m=1_000.0, sides=NO_SIDES
        ),
        "DuckDB ST_DWithin, one thread": lambda: base.execute(query).fetchnumpy(),
    }
    cpu(ways, 1)
    tell(f"{len(sites):,} points, chunks of {CHUNK} loaded, 1000 m", cpu(ways, rounds))


def classes(scale: float, rounds: int) -> None:
    from basin.buffers import shoreline_distance

    banks = bank_lines(int(664_000 * scale), max(int(666 * scale), 8))
    sites = points(int(1e5 * scale))
    editions = pd.concat([banks.assign(edition="2019"), banks.assign(edition="2023")])
    editions = gpd.GeoDataFrame(editions, crs=4490)

    def measure(lines: Any, by: tuple[str, ...]) -> Way:
        return lambda: shoreline_distance(sites, lines, by=by, within_m=5_000.0, sides=NO_SIDES)

    ways = {
        "basin": measure(banks, ("kind",)),
        "four classes at once": measure(banks, ("river_class",)),
        "four classes, two editions at once": measure(editions, ("river_class", "edition")),
    }
    cpu(ways, 1)
    tell("one pass over all lines, 5 km (ratio = passes)", cpu(ways, rounds))


def ragged_zones(count: int, vertices: int, seed: int = 3) -> gpd.GeoDataFrame:
    """Draw zones with ragged outlines that overlap heavily."""
    random = np.random.default_rng(seed)
    shapes = []
    for _ in range(count):
        n = vertices // count
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        wave = sum(random.normal(0, 0.3 / k) * np.sin(k * angle + random.uniform(0, 6))
                   for k in range(2, 40))  # fmt: skip
        far = random.uniform(0.1, 0.35) * np.exp(np.clip(wave, -1, 1) * 0.5)
        centre = random.uniform([WEST, SOUTH], [EAST, NORTH])
        shapes.append(
            shapely.Polygon(centre + np.column_stack([np.cos(angle), np.sin(angle)]) * far[:, None])
        )
    ids = [f"Z{k}" for k in range(count)]
    return gpd.GeoDataFrame({"zone_id": ids, "kind": "red_line"}, geometry=shapes, crs=4490)


def zones(scale: float, rounds: int) -> None:
    from basin.zones import overlay_zones, touched_zones

    areas, sites = ragged_zones(200, int(863_000 * scale) + 4_000), points(int(1e5 * scale))
    ways = {
        "basin": lambda: touched_zones(sites, areas),
        "geopandas.sjoin": lambda: gpd.sjoin(sites, areas, predicate="intersects"),
        "basin overlay_zones, with errors, slivers and shares": lambda: overlay_zones(
            sites, areas, within_m=0.0
        ),
    }
    cpu(ways, 1)
    same = len(ways["basin"]()) == len(ways["geopandas.sjoin"]())
    tell(f"{len(sites):,} points, 200 zones; same pairs: {same}", cpu(ways, rounds))


def check(scale: float, rounds: int) -> None:
    import basin
    from basin.standards.rules import categories

    project = basin.open("data/sample_layers")
    west, south, east, north = project.layers["rivers"].total_bounds
    random = np.random.default_rng(1)
    n = int(1e5 * scale)
    kinds = np.array(list(categories()))
    sites = gpd.GeoDataFrame(
        {
            "site_id": [f"S{k}" for k in range(n)],
            "category": kinds[random.integers(0, len(kinds), n)],
            "action": np.array(["new", "expand", "rebuild"])[random.integers(0, 3, n)],
        },
        geometry=shapely.points(random.uniform(west, east, n), random.uniform(south, north, n)),
        crs=4490,
    )
    project.check(sites.iloc[:100])
    times = cpu({"basin": lambda: project.check(sites)}, rounds)
    tell(f"check of {n:,} sites, every rule of two packs", times)


def start(scale: float, rounds: int) -> None:
    import os
    import resource
    import tempfile

    ours = "from basin.cli import main; main(['--help'], standalone_mode=False)"
    theirs = "import geopandas, rasterio, folium, networkx"
    with tempfile.TemporaryDirectory() as kept:
        # both from compiled bytecode, as when installed
        about = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        about["PYTHONPYCACHEPREFIX"] = kept

        def seconds(code: str) -> float:
            command = [sys.executable, "-c", code]
            begin = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, capture_output=True, env=about)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime

        turns = [(seconds(ours), seconds(theirs), seconds("pass")) for _ in range(max(rounds, 6))]
    help_s, stack_s, python_s = (min(column) for column in zip(*turns, strict=True))
    print(f"basin --help: {help_s:.3f} s CPU (python alone {python_s:.3f} s)")
    print(f"  geopandas, rasterio, folium, networkx: {stack_s:.3f} s, ratio {stack_s / help_s:.1f}")


SUBJECTS = ("km1", "km5", "duckdb", "classes", "zones", "check", "start")


def main(arguments: list[str] | None = None) -> None:
    """Run the subjects and print one block each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full sizes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SUBJECTS))
    given = parser.parse_args(arguments)
    for name in given.only.split(","):
        globals()[name](given.scale, given.rounds)


if __name__ == "__main__":
    main()
