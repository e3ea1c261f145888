"""What `basin.terrain` costs beside the pyflwdir calls that a user would write.

Run ``python benchmarks/terrain.py`` (``--side 1500 --rounds 3 --only flow,points``). The ground is
synthetic and seeded. Both ways of a subject take turns in one process after one turn that is not
counted, so that nothing is compiled while the clock runs; the least CPU time of each counts.

flow
    From a GeoTIFF to flow directions and upstream areas.
catchments
    The same, the rivers enforced, and the catchments of 15 points as a raster.
points
    Total drainage areas and outlines of many points at once, beside one ``basins`` call, one sum
    and one outline a point (timed on a sample and reckoned up).
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyflwdir
import rasterio
import rasterio.features
import shapely
from rasterio.transform import from_origin

from basin.network import RiverNetwork
from basin.terrain import catchments_of, delineate_catchments, flow_directions, streams_from_dem

CELL = 1 / 3600
WEST, NORTH = 106.0, 29.5
SAMPLED = 20

Way = Callable[[], Any]


def ground(side: int) -> np.ndarray:
    """Hills of all sizes on a slope to the south: a sum of smoothed noises."""
    random = np.random.default_rng(11)
    z = np.linspace(900, 200, side)[:, None] * np.ones((side, side))
    for size, height in ((4, 260.0), (16, 120.0), (64, 40.0), (256, 10.0)):
        knots = random.normal(size=(size + 2, size + 2))
        at = np.linspace(0, size + 0.999, side)
        low, share = at.astype(int), at % 1
        share = share * share * (3 - 2 * share)
        rows = knots[low] * (1 - share)[:, None] + knots[low + 1] * share[:, None]
        z += height * (rows[:, low] * (1 - share) + rows[:, low + 1] * share)
    return z.astype("float32")


def write(folder: Path, side: int) -> Path:
    file = folder / "dem.tif"
    with rasterio.open(
        file, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32",
        crs="EPSG:4490", nodata=-9999.0, transform=from_origin(WEST, NORTH, CELL, CELL), tiled=True,
    ) as raster:  # fmt: skip
        raster.write(ground(side), 1)
    return file


def measure(ours: Way, theirs: Way, rounds: int) -> tuple[float, float]:
    """Least CPU seconds of each way; they take turns."""
    ours()
    theirs()
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for k, way in enumerate((ours, theirs)):
            gc.collect()
            begin = time.process_time()
            kept = way()
            best[k] = min(best[k], time.process_time() - begin)
            del kept
    return best[0], best[1]


def plain_flow(file: Path) -> tuple[Any, Any]:
    """The calls of pyflwdir's own guide."""
    with rasterio.open(file) as raster:
        flow = pyflwdir.from_dem(
            raster.read(1), nodata=raster.nodata, transform=raster.transform, latlon=True
        )
    return flow, flow.upstream_area("km2")


def flow_subject(file: Path, rounds: int, _: int) -> None:
    """Directions and areas; no rivers on either side."""

    def ours() -> Any:
        return flow_directions(file).upstream_area_km2

    tell("flow", *measure(ours, lambda: plain_flow(file), rounds))


def some_points(network: RiverNetwork, count: int) -> gpd.GeoDataFrame:
    """Points beside rivers, seeded."""
    random = np.random.default_rng(5)
    lines = network.reaches.geometry.to_numpy()
    pick = lines[random.integers(0, len(lines), count)]
    places = shapely.line_interpolate_point(pick, random.random(count), normalized=True)
    return gpd.GeoDataFrame({"id": [f"P{k}" for k in range(count)]}, geometry=places, crs=4490)


def catchments_subject(file: Path, rounds: int, _: int) -> None:
    """With rivers and 15 sections; the other way takes the cells under the points as they are."""
    network = RiverNetwork.from_lines(streams_from_dem(file, min_area_km2=0.5))
    points = some_points(network, 15)

    def theirs() -> Any:
        flow, _ = plain_flow(file)
        cells = np.unique(flow.index(points.geometry.x.to_numpy(), points.geometry.y.to_numpy()))
        labels = flow.basins(idxs=cells)
        area = np.bincount(labels.ravel(), weights=flow.area.ravel())
        return outlines(labels.astype("int32"), flow.transform), area

    def ours() -> Any:
        return delineate_catchments(points, flow_directions(file, streams=network))

    tell("catchments", *measure(ours, theirs, rounds))


def outlines(labels: np.ndarray, transform: Any) -> list[Any]:
    return [
        (shapely.geometry.shape(s), v)
        for s, v in rasterio.features.shapes(labels, mask=labels > 0, transform=transform)
    ]


def points_subject(file: Path, rounds: int, count: int) -> None:
    """Own and total areas and outlines of all points, the flow directions at hand on both sides."""
    network = RiverNetwork.from_lines(streams_from_dem(file, min_area_km2=0.5))
    flow = flow_directions(file, streams=network)
    points = some_points(network, count)
    plain, _ = plain_flow(file)
    cells = plain.index(points.geometry.x.to_numpy(), points.geometry.y.to_numpy())
    area = plain.area.ravel()

    def theirs() -> Any:
        found = []
        for cell in cells[:SAMPLED]:
            inside = plain.basins(idxs=np.array([cell])) > 0
            km2 = area[inside.ravel()].sum() / 1e6
            found.append((km2, outlines(inside.astype("int32"), plain.transform)))
        return found

    def ours() -> Any:
        result = catchments_of(points, flow, max_offset_m=500.0)
        return result, result.drainage_areas

    mine, sample = measure(ours, theirs, rounds)
    tell(f"points {count}", mine, sample * count / SAMPLED)


def tell(subject: str, ours: float, theirs: float) -> None:
    ratio = (
        f"{ours / theirs:.2f} of its time" if ours > theirs / 3 else f"{theirs / ours:.0f}x faster"
    )
    print(f"{subject:<14} ours {ours:8.3f} s   plain {theirs:8.3f} s   ratio {ratio}")


SUBJECTS = {"flow": flow_subject, "catchments": catchments_subject, "points": points_subject}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=1500, help="cells a side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--only", default=",".join(SUBJECTS))
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), given.side)
        print(f"{given.side} x {given.side} cells")
        for name in given.only.split(","):
            SUBJECTS[name](file, given.rounds, given.points)


if __name__ == "__main__":
    main()
