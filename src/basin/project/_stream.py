"""Check any number of sites in bounded memory: piece by piece, here or on a cluster, resumable.

A piece is checked by :meth:`Basin.check` and becomes a part of the output, kept in a folder beside
it until all parts are there. A run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import pickle
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basin import layers as layer_io
from basin.errors import LayerError
from basin.layers.chunks import count_rows, read_chunks
from basin.layers.write import csv_bytes
from basin.siting._overrides import OVERRIDE_COLUMNS

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = ["StreamedCheck", "check_stream"]

#: Sites a piece: about 1 GB at the peak; fewer pay the fixed cost of a piece more often.
CHUNK = 50_000

_LOCK = threading.Lock()
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class StreamedCheck:
    """What a streamed check came to.

    Attributes
    ----------
    path
        The table of sites, one row a site in the order of the file.
    rows
    verdicts
        Number of sites by verdict.
    n_unchecked
        Sites with a rule that could not be checked, whatever their verdict.
    problems
        What reading found: ``kind``, ``severity``, ``n`` and a text, summed over the pieces.
    resumed
        Pieces that were there from a run before.
    overrides
        What became of each decision of a person: as :attr:`SitingResult.overrides`.
    """

    path: Path
    rows: int
    verdicts: dict[str, int]
    n_unchecked: int
    problems: pd.DataFrame
    resumed: int
    overrides: pd.DataFrame


def check_stream(
    basin: Basin,
    sites: str | Path,
    output: str | Path,
    *,
    chunk: int = CHUNK,
    date: dt.date | None = None,
    crs: Any = None,
    overrides: Any = None,
    tributaries: str | tuple[str, ...] = "all",
    scheduler: Any = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> StreamedCheck:
    """Check the sites of a file piece by piece and write one row a site.

    Parameters
    ----------
    basin
        The project.
    sites
        ``.gpkg``, ``.fgb`` or ``.csv``. A CSV needs `crs`: what its coordinates are cannot be
        judged from a piece.
    output
        ``.csv``: the columns of :attr:`SitingResult.sites` with ``lon``, ``lat`` (of a shape, a
        point on it). Findings are not kept: ask :meth:`Basin.check` about a site.
    chunk
        Sites a piece. The answers do not depend on it.
    date, crs, overrides, tributaries
        As in :meth:`Basin.check`.
    scheduler
        Address of a Dask scheduler (``tcp://host:8786``) or a ``distributed.Client``: pieces are
        handed to its workers, which must see the project's files. None works here. Needs
        ``basin-gis[distributed]``.
    overwrite
        Replace an existing output, and start over what cannot be resumed.
    progress
        Is told the rows done and the rows in all.

    Returns
    -------
    StreamedCheck

    Raises
    ------
    LayerError
        If a file is of another kind, ids occur twice, or parts of another run are in the way.
    """
    source, target = Path(sites).resolve(), Path(output)
    _refuse(basin, source, target, crs, overwrite=overwrite)
    total = count_rows(source)
    decided = basin.overrides if overrides is None else overrides
    told = {"date": str(date or basin.effective_date), "crs": crs and str(crs)}
    told["overrides"] = None if decided is None else str(decided)
    if isinstance(decided, pd.DataFrame):
        told["overrides"] = decided.to_csv()
    told["tributaries"] = list(tributaries) if isinstance(tributaries, tuple) else tributaries
    job = _fingerprint(basin, source, chunk, told)
    parts = _Parts(target, job, overwrite=overwrite)
    frozen = pickle.dumps(dataclasses.replace(basin))  # without the tables that it has read
    todo = [k for k in range(-(-total // chunk)) if not parts.done(k)]
    resumed = -(-total // chunk) - len(todo)
    done = min(total, resumed * chunk)
    if progress:
        progress(done, total)
    options = {"date": date or basin.effective_date, "overrides": overrides}
    options["tributaries"] = tributaries
    work = (
        (k, (frozen, table, k * chunk, crs, options)) for k, table in _pieces(source, chunk, todo)
    )
    for number, part in _worked(work, scheduler):
        parts.keep(number, part)
        done += part["rows"]
        if progress:
            progress(min(done, total), total)
    return parts.assemble(resumed, overwrite=overwrite)


def _refuse(basin: Basin, source: Path, target: Path, crs: Any, *, overwrite: bool) -> None:
    if target.suffix.casefold() != ".csv":
        raise LayerError(
            f"{target.name}: a streamed check writes .csv",
            mend="Give an output that ends in .csv.",
            zh=f"{target.name}：分段核查写成 .csv",
            mend_zh="输出文件用 .csv 结尾",
        )
    if source.suffix.casefold() == ".csv" and crs is None:
        raise LayerError(
            f"{source.name}: the system of its coordinates is not stated",
            mend="State it: --from-crs EPSG:4490 for longitude and latitude.",
            zh=f"{source.name}：未写明坐标系，分段核查不从部分数据猜测",
            mend_zh="请写明：经纬度为 --from-crs EPSG:4490",
        )
    basin.refuse_inputs([target], source)
    layer_io.refuse_existing(target, overwrite=overwrite)


def _fingerprint(basin: Basin, source: Path, chunk: int, told: dict[str, Any]) -> dict[str, Any]:
    """What a run rests on: parts of another run are not mixed in."""
    decided = told["overrides"]
    files = [source, *sorted(basin.inputs)]
    files += [Path(decided)] if decided and "\n" not in decided else []
    return {
        "basin": version("basin-gis"),
        "chunk": chunk,
        **told,
        "rules": list(basin.rules) if not isinstance(basin.rules, str) else [basin.rules],
        "files": [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f.is_file()],
    }


def _pieces(source: Path, chunk: int, todo: list[int]) -> Iterator[tuple[int, Any]]:
    if not todo:
        return
    wanted = set(todo)
    for number, table in enumerate(read_chunks(source, chunk, start=todo[0]), start=todo[0]):
        if number in wanted:
            yield number, table


def _worked(work: Iterator[tuple[int, Any]], scheduler: Any) -> Iterator[tuple[int, Any]]:
    """Do the pieces here in order, or on a cluster, a few at a time and as they come."""
    if scheduler is None:
        for number, task in work:
            yield number, check_part(*task)
        return
    with _client(scheduler) as client:
        ahead = 2 * max(sum(client.nthreads().values()), 1)
        waiting: dict[Any, int] = {}
        queue = import_module("distributed").as_completed()

        def submit() -> bool:
            for number, task in work:
                future = client.submit(check_part, *task, pure=False)
                waiting[future.key] = number
                queue.add(future)
                return True
            return False

        for _ in range(ahead):
            submit()
        for future in queue:
            yield waiting.pop(future.key), future.result()
            submit()


@contextmanager
def _client(scheduler: Any) -> Iterator[Any]:
    try:
        cluster: Any = import_module("distributed")
    except ImportError:
        raise LayerError(
            "scheduler= needs dask, which is not installed",
            mend="pip install 'basin-gis[distributed]'",
            zh="scheduler= 需要 dask，尚未安装",
            mend_zh="pip install 'basin-gis[distributed]'",
        ) from None
    if isinstance(scheduler, cluster.Client):
        yield scheduler
        return
    try:
        client = cluster.Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise LayerError(
            f"there is no Dask scheduler at {scheduler}: {error}",
            mend="Start one with `dask scheduler`, and workers with `dask worker ADDRESS`.",
            zh=f"{scheduler} 处没有 Dask 调度器：{error}",
            mend_zh="用 dask scheduler 启动，并用 dask worker 地址 启动工作进程",
        ) from error
    with client:
        yield client


# ---- one piece -------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _thawed(frozen: bytes) -> Basin:
    basin: Basin = pickle.loads(frozen)  # noqa: S301 - from this program, over the user's cluster
    return basin


def check_part(
    frozen: bytes, table: Any, first: int, crs: Any, options: dict[str, Any]
) -> dict[str, Any]:
    """Check one piece: its rows of the output as CSV, and what is to be summed up."""
    with _LOCK:  # the threads of a worker share a project and what it has read
        basin = _thawed(frozen)
        found: list[Any] = []
        sites = layer_io.read_layer(table, "sites", crs=crs, problems=found)
        if any(p.kind == "id_missing" for p in found):
            sites["site_id"] = [_row_name(name, first) for name in sites["site_id"]]
        result = basin.check(sites, **options)
        frame = _as_points(result.to_frame())
    problems = [
        {
            "kind": p.kind,
            "severity": p.severity,
            "n": max(len(p.rows), len(p.ids), 1),
            "zh": p.text("zh"),
            "en": p.text("en"),
        }
        for p in found
    ]
    return {
        "text": csv_bytes(frame),
        "rows": len(table),
        "ids": frame["site_id"].to_numpy(dtype=object),
        "verdicts": frame["verdict"].value_counts().to_dict(),
        "n_unchecked": int(result.unchecked["site_id"].nunique()),
        "problems": problems,
        "overrides": result.overrides.to_dict("records"),
    }


def _row_name(name: str, first: int) -> str:
    """A row without an id is named by its row in the file, not in the piece."""
    row = re.fullmatch(r"row-(\d+)", name)
    return f"row-{int(row[1]) + first}" if row else name


def _as_points(table: Any) -> gpd.GeoDataFrame:
    points = shapely.point_on_surface(table.geometry.to_numpy())
    return table.set_geometry(gpd.GeoSeries(points, index=table.index, crs=table.crs))


# ---- parts -----------------------------------------------------------------------------------


class _Parts:
    """The parts of an output, in a folder beside it."""

    def __init__(self, target: Path, job: dict[str, Any], *, overwrite: bool) -> None:
        self.target, self.folder = target, target.with_name(f"{target.name}.parts")
        file = self.folder / "job.json"
        told = json.dumps(job, ensure_ascii=False, indent=1)
        if self.folder.exists():
            same = file.exists() and file.read_text(encoding="utf-8") == told
            if not same and not overwrite:
                raise LayerError(
                    f"{self.folder.name} holds parts of another run (other sites, project or date)",
                    mend="Add --overwrite to start over, or choose another output.",
                    zh=f"{self.folder.name} 中是另一次核查的部分成果（项目、图层或日期不同）",
                    mend_zh="加 --overwrite 重新开始，或换一个输出文件",
                )
            if not same:
                shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(told, encoding="utf-8")

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.part"

    def done(self, number: int) -> bool:
        return self._file(number).exists()

    def keep(self, number: int, part: dict[str, Any]) -> None:
        """Put a part in its place, whole or not at all."""
        file = self._file(number)
        draft = file.with_suffix(".tmp")
        draft.write_bytes(pickle.dumps(part))
        draft.replace(file)

    def _read(self) -> Iterator[dict[str, Any]]:
        for file in sorted(self.folder.glob("*.part")):
            yield pickle.loads(file.read_bytes())  # noqa: S301 - written by this run

    def assemble(self, resumed: int, *, overwrite: bool) -> StreamedCheck:
        """Join the parts in the order of the file, and remove them."""
        rows, unchecked, verdicts, problems, hashes = 0, 0, pd.Series(dtype="int64"), [], []
        decided: list[dict[str, Any]] = []
        for part in self._read():
            rows += part["rows"]
            unchecked += part["n_unchecked"]
            verdicts = verdicts.add(pd.Series(part["verdicts"], dtype="int64"), fill_value=0)
            problems += part["problems"]
            decided = _settled(decided, part["overrides"])
            hashes.append(pd.util.hash_array(part["ids"]))
        self._refuse_twice(np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint64))
        with (
            layer_io.atomic_write(self.target, overwrite=overwrite) as draft,
            draft.open("wb") as f,
        ):
            f.write(_BOM)
            for number, part in enumerate(self._read()):
                text = part["text"]
                f.write(text if number == 0 else text[text.index(b"\n") + 1 :])
        shutil.rmtree(self.folder)
        return StreamedCheck(
            self.target,
            rows,
            {str(k): int(v) for k, v in verdicts.items()},
            unchecked,
            _summed(problems),
            resumed,
            pd.DataFrame(decided, columns=list(OVERRIDE_COLUMNS)),
        )

    def _refuse_twice(self, hashes: Any) -> None:
        """Ids that occur twice in different pieces: which answer is whose cannot be told."""
        values, counts = np.unique(hashes, return_counts=True)
        twice = values[counts > 1]
        if not len(twice):
            return
        ids: list[str] = []
        for part in self._read():
            ids += part["ids"][np.isin(pd.util.hash_array(part["ids"]), twice)].tolist()
        raise LayerError(
            "the file of sites has ids that occur twice",
            ids=sorted(set(ids)),
            mend="Give each site an id of its own.",
            zh="项目文件有重复的编号",
            mend_zh="每个项目用各自的编号",
        )


def _settled(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What became of each decision so far: the piece that holds its site tells."""
    if not before:
        return now
    return [a if b["status"] == "no_site" else b for a, b in zip(before, now, strict=True)]


def _summed(problems: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(problems, columns=["kind", "severity", "n", "zh", "en"])
    by = table.groupby(["severity", "kind"], as_index=False, sort=True)
    summed: pd.DataFrame = by.agg(n=("n", "sum"), zh=("zh", "first"), en=("en", "first"))
    return summed
