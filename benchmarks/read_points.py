"""What reading and validating costs over reading alone: points from a GeoPackage.

Run ``python benchmarks/read_points.py [ROWS]`` (default 1,000,000; Linux). Each reading is a
process of its own, after a small file has loaded the libraries; the two ways take turns, and the
best of three counts. Time is CPU time of the process, all threads together, and beside it wall
time; memory is the growth of the process at its peak.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 3
KINDS = ("工业企业排污口", "城镇污水处理厂排污口", "农村污水处理设施排污口")
ACTIONS = ("取缔", "合并", "规范")


def write_points(path: Path, rows: int) -> None:
    """Write outfalls with the columns of a bureau's list; seeded."""
    import geopandas as gpd
    import numpy as np
    import shapely

    random = np.random.default_rng(1)
    number = np.arange(rows)
    lon, lat = random.uniform(105.5, 109.5, rows), random.uniform(28.3, 31.9, rows)
    gpd.GeoDataFrame(
        {
            "排污口编码": [f"P{n:07d}" for n in number],
            "排污口名称": [f"示例排污口{n % 5000}" for n in number],
            "类型": np.array(KINDS)[random.integers(0, 3, rows)],
            "整治措施": np.array(ACTIONS)[random.integers(0, 3, rows)],
            "flow_m3_d": random.uniform(1, 1e4, rows).round(1),
            "备注": [f"第{n}号" for n in number],
        },
        geometry=shapely.points(lon, lat),
        crs=4490,
    ).to_file(path)


def memory_mb(field: str) -> float:
    """A figure of /proc/self/status: VmRSS now, VmHWM at the peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def read_once(way: str, path: Path, warm: Path) -> dict[str, float]:
    """Read the file one way, and return what it cost."""
    import geopandas as gpd

    from basin.layers import read_layer

    def read(file: Path) -> Any:
        if way == "plain":
            return gpd.read_file(file)
        return read_layer(file, "outfalls", problems=[])

    read(warm)
    before = memory_mb("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    table = read(path)
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "mb": memory_mb("VmHWM") - before,
        "rows": len(table),
    }


def run(*arguments: str) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, warm = f"{folder}/points.gpkg", f"{folder}/warm.gpkg"
        run("--write", path, str(rows))
        run("--write", warm, "100")
        costs: dict[str, list[dict[str, float]]] = {"plain": [], "basin": []}
        for _ in range(ROUNDS):
            for way, found in costs.items():
                found.append(json.loads(run("--once", way, path, warm)))
                assert found[-1]["rows"] == rows
    best = {w: {k: min(c[k] for c in found) for k in found[0]} for w, found in costs.items()}
    for way, cost in best.items():
        print(
            f"{way:6} {rows:,} points: {cost['cpu_s']:.2f} s CPU, {cost['wall_s']:.2f} s wall, "
            f"{cost['mb']:.0f} MB"
        )
    ratio = {k: best["basin"][k] / best["plain"][k] for k in ("cpu_s", "wall_s", "mb")}
    print("basin / plain: " + ", ".join(f"{k} {v:.2f}" for k, v in ratio.items()))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write", path, rows]:
            write_points(Path(path), int(rows))
        case ["--once", way, path, warm]:
            print(json.dumps(read_once(way, Path(path), Path(warm))))
        case [rows]:
            main(int(rows))
        case _:
            main(1_000_000)
