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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from basin import errors
from basin.errors import BasinError, LayerError
from basin.layers.packets import pack, unpack
from basin.layers.problems import Problem

__all__ = ["Limits", "answer", "read_in_child"]

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
    with tempfile.TemporaryDirectory(prefix="basin-", ignore_cleanup_errors=True) as folder:
        answer = Path(folder) / "answer.npz"
        request = {
            "source": str(source),
            "kind": kind,
            "options": {**options, "crs": _plain_crs(options.get("crs"))},
            "answer": str(answer),
            "limits": asdict(limits),
        }
        _run(source, request, limits, Path(folder))
        try:
            table, extra = unpack(answer)
        except Exception as error:  # half an answer is none
            raise _died(source, "its answer cannot be read") from error
    if "error" in extra:
        raise _error(extra["error"])
    return table, [_problem(p) for p in extra["problems"]]


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
    """Read what the request on standard input asks for, and write the answer to its file."""
    import pandas as pd

    request = json.load(sys.stdin)
    _limit(request["limits"])
    from basin.layers.read import read_layer

    problems: list[Problem] = []
    table: Any = pd.DataFrame()
    try:
        table = read_layer(
            request["source"],
            request["kind"],
            **request["options"],
            sandbox=False,
            problems=problems,
        )
        extra: dict[str, Any] = {"problems": [asdict(p) for p in problems]}
    except BasinError as error:
        extra = {
            "error": {
                "type": type(error).__name__,
                "text": str(error),
                "ids": [str(i) for i in error.ids],
                "mend": error.mend,
                "zh": error.zh,
                "mend_zh": error.mend_zh,
            }
        }
    pack(Path(request["answer"]), table, extra)
