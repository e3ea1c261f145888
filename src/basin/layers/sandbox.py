"""Reading in a child process with limits on memory and time, for files that came from anywhere.

The child reads and checks the layer; what comes back is arrays and text, never code. A child that
hangs, dies or grows too large becomes one clear error. It runs with the rights of the user: the
limits protect the machine and the parent process, they are no wall around the user's files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from basin import errors
from basin.errors import BasinError, LayerError
from basin.layers.content import FORMATS
from basin.layers.packets import pack, unpack
from basin.layers.problems import Problem

__all__ = [
    "Limits",
    "answer",
    "find_in_child",
    "limits_for",
    "look_in_child",
    "names_in_child",
    "read_in_child",
]

# What a child needs to find Python, its libraries and their data; passwords and keys stay here.
_PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"),
    *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "GDAL_DATA", "GDAL_SKIP", "PROJ_DATA", "PROJ_LIB"),
)
_MEND = "Ask for the file again; if you trust it, read it with sandbox=False (--no-sandbox)."
_MEND_ZH = "请对方重新发一份；若信得过这个文件，可加 --no-sandbox（sandbox=False）再读"


@dataclass(frozen=True)
class Limits:
    """What a reading in a child process may use.

    Attributes
    ----------
    memory_mb : int
        Address space of the process, its libraries (about 1 GB) included. Not held on Windows.
    seconds : int
        Both of processor time and on the clock; on Windows on the clock alone.
    """

    memory_mb: int = 6144
    seconds: int = 600


def limits_for(path: Path, sandbox: bool | Limits | None) -> Limits | None:
    """Return the limits of the child process that is to open a file; None where none is.

    None as `sandbox` takes one for what is zipped.
    """
    if isinstance(sandbox, Limits):
        return sandbox
    wanted = FORMATS.get(path.suffix.casefold()) == "zip" if sandbox is None else sandbox
    return Limits() if wanted else None


def read_in_child(
    source: Path, kind: str, options: Mapping[str, Any], limits: Limits
) -> tuple[Any, list[Problem]]:
    """Read a layer in a child process.

    Parameters
    ----------
    source
        A local file.
    kind, options
        As in :func:`basin.layers.read_layer`.
    limits

    Returns
    -------
    GeoDataFrame (DataFrame for samples)
    list of Problem

    Raises
    ------
    BasinError
        What the reading raised, with its ids and mend.
    LayerError
        If the child took too long, needed too much memory, or died.
    """
    told = {"kind": kind, "options": {**options, "crs": _plain_crs(options.get("crs"))}}
    with _answered(source, "read", told, limits) as (extra, tables):
        return tables[0], [_problem(p) for p in extra["problems"]]


def names_in_child(source: Path, limits: Limits) -> list[str]:
    """List the layers in a file as :func:`basin.layers.layer_names` does, in a child process."""
    with _answered(source, "names", {}, limits) as (extra, _):
        return [str(name) for name in extra["names"]]


def find_in_child(
    place: Path, limits: Limits
) -> tuple[dict[str, list[tuple[Path, str | None]]], list[str]]:
    """Find the layers of a folder and its unused files, in one child process."""
    with _answered(place, "find", {}, limits) as (extra, _):
        found = {k: [(Path(f), layer) for f, layer in at] for k, at in extra["found"].items()}
        return found, extra["unused"]


def look_in_child(
    source: Path, limits: Limits
) -> tuple[list[tuple[dict[str, Any], Any]], list[BasinError]]:
    """Open every layer of a file in a child process: what is told of each and its table; errors."""
    with _answered(source, "look", {}, limits) as (extra, tables):
        told = list(zip(extra["peeks"], tables, strict=True))
        return told, [_error(e) for e in extra["errors"]]


@contextmanager
def _answered(
    source: Path, task: str, told: Mapping[str, Any], limits: Limits
) -> Iterator[tuple[Any, list[Any]]]:
    """Let a child do one task; what it tells, and its tables."""
    with tempfile.TemporaryDirectory(prefix="basin-", ignore_cleanup_errors=True) as folder:
        request = {"task": task, "source": str(source), "folder": folder, **told}
        _run(source, {**request, "limits": asdict(limits)}, limits, Path(folder))
        try:
            _, extra = unpack(Path(folder) / "answer.npz")
            tables = [unpack(p)[0] for p in map(Path(folder).joinpath, extra.pop("tables"))]
        except Exception as error:  # half an answer is none
            raise _died(source, "its answer cannot be read") from error
        if "error" in extra:
            raise _error(extra["error"])
        yield extra, tables


def _plain_crs(crs: Any) -> Any:
    return crs if crs is None or isinstance(crs, str | int) else crs.to_wkt()


def _run(source: Path, request: Mapping[str, Any], limits: Limits, folder: Path) -> None:
    passed = {k: v for k, v in os.environ.items() if k.upper() in _PASSED_ON}
    search = os.pathsep.join(p for p in sys.path if p)  # never the folder that we are in
    passed |= {"PYTHONPATH": search, "PYTHONSAFEPATH": "1", "PYTHONIOENCODING": "utf-8"}
    # each thread reserves address space of its own, and some allocators much at once
    passed |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    passed |= {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from basin.layers.sandbox import answer; answer()"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limits.seconds,
            cwd=folder,
            env=passed,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _stopped(source, limits) from error
    if done.returncode == 0:
        return
    words = done.stderr[-4000:].decode("utf-8", "replace")
    if done.returncode in (-9, -24):  # killed, or out of processor time
        raise _stopped(source, limits)
    if "MemoryError" in words or "bad_alloc" in words or "malloc" in words:
        raise LayerError(
            f"{source.name} needs more than {limits.memory_mb} MB of memory to be read",
            mend=_MEND,
            zh=f"{source.name} 要用超过 {limits.memory_mb} MB 内存才能读",
            mend_zh=_MEND_ZH,
        )
    what = f"signal {-done.returncode}" if done.returncode < 0 else words.strip().splitlines()[-1:]
    raise _died(source, str(what))


def _stopped(source: Path, limits: Limits) -> LayerError:
    return LayerError(
        f"{source.name} was not read within {limits.seconds} s: stopped",
        mend=_MEND,
        zh=f"{source.name} 在 {limits.seconds} 秒内没有读完，已停止",
        mend_zh=_MEND_ZH,
    )


def _died(source: Path, what: str) -> LayerError:
    return LayerError(
        f"{source.name} cannot be read: it made the reading process stop ({what})",
        mend=_MEND,
        zh=f"{source.name} 读不了：它使读取进程中止（{what}）",
        mend_zh=_MEND_ZH,
    )


def _error(told: Mapping[str, Any]) -> BasinError:
    """Build an exception as it was raised, without naming its ids a second time."""
    kind = getattr(errors, told["type"], LayerError)
    found: BasinError = kind("")
    found.args = (told["text"],)
    found.ids = tuple(told["ids"])
    found.mend, found.zh, found.mend_zh = told["mend"], told["zh"], told["mend_zh"]
    return found


def _problem(told: Mapping[str, Any]) -> Problem:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
    return Problem(**fields)


# ---------------------------------------------------------------- in the child


def _limit(limits: Mapping[str, int]) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is all there is
        return
    memory, seconds = limits["memory_mb"] << 20, limits["seconds"]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer() -> None:
    """Do what the request on standard input asks for, and write the answer to its folder."""
    import pandas as pd

    request = json.load(sys.stdin)
    _limit(request["limits"])
    folder = Path(request["folder"])
    tables: list[Any] = []
    try:
        extra = _TASKS[request["task"]](request, tables)
    except BasinError as error:
        tables, extra = [], {"error": _as_told(error)}
    names = [f"table{number}.npz" for number in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        pack(folder / name, table, {})
    pack(folder / "answer.npz", pd.DataFrame(), {**extra, "tables": names})


def _as_told(error: BasinError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "text": str(error),
        "ids": [str(i) for i in error.ids],
        "mend": error.mend,
        "zh": error.zh,
        "mend_zh": error.mend_zh,
    }


def _read(request: Mapping[str, Any], tables: list[Any]) -> dict[str, Any]:
    from basin.layers.read import read_layer

    problems: list[Problem] = []
    source, kind = request["source"], request["kind"]
    tables.append(read_layer(source, kind, **request["options"], sandbox=False, problems=problems))
    return {"problems": [asdict(p) for p in problems]}


def _names(request: Mapping[str, Any], _: list[Any]) -> dict[str, Any]:
    from basin.layers.sources import layer_names

    return {"names": layer_names(request["source"], sandbox=False)}


def _find(request: Mapping[str, Any], _: list[Any]) -> dict[str, Any]:
    from basin.layers.sources import find_layers, unused_files

    place = Path(request["source"])
    found = find_layers(place, sandbox=False)
    unused = unused_files(place, found, sandbox=False) if place.is_dir() else []
    return {
        "found": {kind: [(str(f), layer) for f, layer in at] for kind, at in found.items()},
        "unused": unused,
    }


def _look(request: Mapping[str, Any], tables: list[Any]) -> dict[str, Any]:
    from basin.layers.recognise import look_into

    peeks, errors = look_into(Path(request["source"]), sandbox=False)
    tables.extend(p.table.reset_index(drop=True) for p in peeks)
    kept = ("layer", "title", "cut_in", "encoding")
    told = [{name: getattr(p, name) for name in kept} for p in peeks]
    return {"peeks": told, "errors": [_as_told(e) for e in errors]}


_TASKS: dict[str, Callable[[Mapping[str, Any], list[Any]], dict[str, Any]]] = {
    "read": _read,
    "names": _names,
    "find": _find,
    "look": _look,
}
