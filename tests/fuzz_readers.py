"""Mutate valid files of every kind and read them: no crash, no hang, no silent loss.

    python tests/fuzz_readers.py [CASES] [SEED]        (default 20,000 cases, seed 1)

A case is a file of a kind, changed by a seeded choice of byte flips, cuts, splices, doubled blocks
and extreme integers. It must give a table or a `BasinError` within `SECONDS`, and where the changed
file still says how many rows it has, as many must be kept or set aside. Cases run in batches, each
in a process of its own, so that a crash is seen, named by its case number, and the rest goes on.
"""

from __future__ import annotations

import collections
import json
import random
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

SECONDS = 20
BATCH = 1000
ROWS = 12


class Hang(BaseException):
    """Not an `Exception`: a reader that catches all of these must not catch this one."""


# ---------------------------------------------------------------- valid files


def make_seeds(folder: Path) -> dict[str, Path]:
    """Write one valid file of every kind; kind -> file, or folder for what is several files."""
    import geopandas as gpd
    import numpy as np
    import openpyxl
    import pandas as pd
    from shapely.geometry import Point, Polygon

    number = np.arange(ROWS)
    cells = {
        "zone_id": [f"Z{n}" for n in number],
        "kind": np.array(["生态保护红线", "禁养区", "自然保护区"])[number % 3],
        "name": [f"示例区{n}" if n % 4 else None for n in number],
        "valid_from": [f"20{n + 10}-05-01" for n in number],
        "面积": number * 1.5,
        "序": number,
    }
    shapes = [Point(106 + n / 50, 29 + n / 60).buffer(0.01, quad_segs=4) for n in number]
    shapes[3] = Polygon([(106.6, 29.0), (106.7, 29.1), (106.7, 29.0), (106.6, 29.1)])
    table = gpd.GeoDataFrame(cells, geometry=shapes, crs=4490)
    seeds = {k: folder / f"zones.{k}" for k in ("gpkg", "geojson", "fgb", "parquet", "csv", "xlsx")}
    table.to_file(seeds["gpkg"])
    table.to_crs(4326).to_file(seeds["geojson"])
    table.to_file(seeds["fgb"])
    table.to_parquet(seeds["parquet"])
    flat = pd.DataFrame(table.drop(columns="geometry")).assign(geometry_wkt=table.geometry.to_wkt())
    flat.to_csv(seeds["csv"], index=False, encoding="gb18030")
    book = openpyxl.Workbook()
    for row in [list(flat.columns), *flat.astype(object).where(flat.notna(), None).values.tolist()]:
        book.active.append(row)
    book.save(seeds["xlsx"])
    seeds["shp"] = folder / "shp"
    seeds["shp"].mkdir()
    table.to_file(seeds["shp"] / "zones.shp", encoding="gbk")
    seeds["gdb"] = folder / "gdb" / "zones.gdb"
    seeds["gdb"].parent.mkdir()
    table.drop(columns="序").to_file(seeds["gdb"], layer="zones", driver="OpenFileGDB")
    seeds["kml"] = folder / "zones.kml"
    seeds["kml"].write_text(_kml(table), encoding="utf-8")
    seeds["kmz"] = _zip(folder / "zones.kmz", {"doc.kml": seeds["kml"]})
    seeds["zip"] = _zip(folder / "zones.zip", {p.name: p for p in seeds["shp"].iterdir()})
    parts = {f"zones.gdb/{p.name}": p for p in seeds["gdb"].iterdir()}
    seeds["gdb.zip"] = _zip(folder / "zones.gdb.zip", parts)
    return seeds


def _kml(table: Any) -> str:
    marks = []
    for row in table.itertuples():
        data = "".join(
            f'<Data name="{c}"><value>{getattr(row, c) or ""}</value></Data>'
            for c in ("zone_id", "kind", "valid_from")
        )
        ring = " ".join(f"{x},{y},0" for x, y in row.geometry.exterior.coords)
        marks.append(
            f"<Placemark><name>{row.name or ''}</name><ExtendedData>{data}</ExtendedData><Polygon>"
            f"<outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing>"
            "</outerBoundaryIs></Polygon></Placemark>"
        )
    head = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
    return f"{head}<Document><Folder><name>区</name>{''.join(marks)}</Folder></Document></kml>"


def _zip(path: Path, files: dict[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, file in sorted(files.items()):
            parts.write(file, name)
    return path


# ---------------------------------------------------------------- one case


def mutate(data: bytes, chance: random.Random, *, text: bool = False) -> bytes:
    """Change bytes in one to three ways; in text to other letters, or it is refused at once."""
    content = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        size = max(len(content), 1)
        at, other = chance.randrange(size), chance.randrange(size)
        length = chance.choice((1, 4, 16, 64, 512, 4096))
        way = chance.randrange(8)
        if way <= 1:
            for _ in range(chance.choice((1, 1, 2, 8))):
                spot = chance.randrange(size)
                new = chance.randrange(32, 127) if text else chance.randrange(256)
                content[spot : spot + 1] = bytes([new])
        elif way == 2:
            del content[at:]
        elif way == 3:
            del content[at : at + length]
        elif way == 4:
            content[at : at + length] = content[other : other + length]
        elif way == 5:
            content[at:at] = content[other : other + length]
        elif way == 6:
            content[at : at + length] = bytes([chance.choice((0, 0xFF, 0x41))]) * length
        else:
            extreme = chance.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF))
            content[at : at + 4] = struct.pack(chance.choice("<>") + "I", extreme)
    return bytes(content)


def write_case(kind: str, seed: Path, folder: Path, chance: random.Random) -> Path:
    """Write a changed copy of a valid file; of several files, one is changed."""
    if seed.is_dir():
        target = folder / seed.name
        shutil.copytree(seed, target)
        spoilt = chance.choice(sorted(target.iterdir()))
        path = target / "zones.shp" if kind == "shp" else target
    else:
        path = spoilt = folder / seed.name
        shutil.copy(seed, path)
    if zipfile.is_zipfile(path) and chance.random() < 0.6:
        mutate_inside(path, chance)
        return path
    text = kind in ("csv", "geojson", "kml") and chance.random() < 0.7
    spoilt.write_bytes(mutate(spoilt.read_bytes(), chance, text=text))
    return path


def mutate_inside(path: Path, chance: random.Random) -> None:
    """Change one part of a zip and pack it anew: sums of the zip itself find all other changes."""
    with zipfile.ZipFile(path) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    spoilt = chance.choice(sorted(contents))
    text = spoilt.endswith((".xml", ".kml")) and chance.random() < 0.7
    contents[spoilt] = mutate(contents[spoilt], chance, text=text)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, content in contents.items():
            parts.writestr(name, content)


def stated_rows(kind: str, path: Path) -> int | None:
    """How many rows the changed file itself says that it has; None if it does not say."""
    if kind == "shp":
        raw = path.with_suffix(".dbf").read_bytes()
        rows, first, width = struct.unpack("<IHH", raw[4:12])
        marks = [raw[first + n * width : first + n * width + 1] for n in range(min(rows, 10_000))]
        return rows - marks.count(b"*")
    if kind == "gpkg":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
            name = base.execute("SELECT table_name FROM gpkg_contents").fetchone()[0]
            quoted = name.replace('"', '""')
            return int(base.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])  # noqa: S608
    if kind == "geojson":
        text = path.read_bytes()
        try:
            return len(json.loads(text.decode("utf-8-sig"))["features"])
        except UnicodeDecodeError:
            return len(json.loads(text.decode("gb18030"))["features"])
    if kind == "kml":
        return len(re.findall(rb"<Placemark[\s>]", path.read_bytes()))
    if kind == "parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    return None


def run_case(kind: str, path: Path) -> str:
    """Read one case: ``read``, ``refused``, or what went wrong."""
    from basin.errors import BasinError
    from basin.layers import read_layer

    problems: list[Any] = []
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        table = read_layer(path, "zones", problems=problems, sandbox=False)
    except BasinError as error:
        return "refused" if str(error).strip() else "FAILED: an error without words"
    except Hang:
        return f"FAILED: not done within {SECONDS} s"
    except BaseException as error:
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"FAILED: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        stated = stated_rows(kind, path)
    except Exception:  # it no longer says
        stated = None
    aside = sum(len(p.rows) for p in problems if p.set_aside)
    if stated is not None and len(table) + aside != stated:
        return f"FAILED: {stated} rows stated, {len(table)} kept, {aside} set aside"
    return "read"


def one_case(number: int, seed: int, seeds: dict[str, Path], folder: Path) -> tuple[str, str]:
    """Write and run the case of a number; the kind and what came of it."""
    chance = random.Random(f"{seed}.{number}")  # noqa: S311 - seeded on purpose
    kinds = sorted(seeds)
    kind = kinds[number % len(kinds)]
    folder.mkdir()
    try:
        return kind, run_case(kind, write_case(kind, seeds[kind], folder, chance))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_batch(first: int, last: int, seed: int, home: Path) -> None:
    """Run cases in this process; a line of JSON for each, before and after."""
    import warnings

    def alarm(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, alarm)
    warnings.simplefilter("ignore")
    seeds = {k: Path(v) for k, v in json.loads((home / "seeds.json").read_text()).items()}
    for number in range(first, last):
        print(json.dumps([number]), flush=True)
        kind, outcome = one_case(number, seed, seeds, home / f"case{number}")
        print(json.dumps([number, kind, outcome]), flush=True)


# ---------------------------------------------------------------- all cases


def main(cases: int, seed: int) -> int:
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    failures: list[str] = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        seeds = make_seeds(home)
        (home / "seeds.json").write_text(json.dumps({k: str(v) for k, v in seeds.items()}))
        first = 0
        while first < cases:
            last = min(first + BATCH, cases)
            command = [
                sys.executable,
                __file__,
                "--batch",
                str(first),
                str(last),
                str(seed),
                folder,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            reached = first
            for line in done.stdout.splitlines():
                number, *told = json.loads(line)
                reached = number
                if told:
                    kind, outcome = told
                    counts[kind, outcome.split(":")[0]] += 1
                    if outcome.startswith("FAILED"):
                        failures.append(f"case {number} ({kind}): {outcome}")
                        print(failures[-1], flush=True)
            if done.returncode:
                kind = sorted(seeds)[reached % len(seeds)]
                what = done.stderr.strip().splitlines()[-1:]
                failures.append(f"case {reached} ({kind}): died with {done.returncode} {what}")
                counts[kind, "FAILED"] += 1
                print(failures[-1], flush=True)
                last = reached + 1
            first = last
    print(f"{cases} cases, seed {seed}, {time.monotonic() - start:.0f} s")
    for kind in sorted(seeds):
        words = ", ".join(f"{o} {counts[kind, o]}" for o in ("read", "refused", "FAILED"))
        print(f"  {kind:8} {words}")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--batch"]:
        run_batch(*(int(a) for a in sys.argv[2:5]), Path(sys.argv[5]))  # type: ignore[arg-type]
    else:
        given = [int(a) for a in sys.argv[1:]]
        sys.exit(main(*(given + [20_000, 1][len(given) :])))
