"""What one run of a command reads and writes: kept while it runs, so that nothing is forgotten.

A run is ambient (a context variable): whatever opens a file notes it here, and `layers.atomic` lays
its finished files here, to appear together at the end. Outside a run nothing is noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "Run",
    "Staged",
    "current_run",
    "leave_unlisted",
    "note_database",
    "note_folder",
    "note_input",
    "note_rules",
    "note_run",
    "open_run",
]

_SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True)
class Staged:
    """A finished file that waits to take its place."""

    temporary: Path
    overwrite: bool


@dataclass
class Run:
    """One run.

    Attributes
    ----------
    command : tuple of str
        As typed; empty for a set of files written from Python.
    inputs : dict
        File -> (bytes, time of change in ns) when it was first opened.
    databases : set
        Tables that were read from a database, by a name without user and password.
    staged : dict
        Target -> its finished file, in the order of writing.
    stale : set
        Files that go away when the staged ones appear: indexes of the files they replace.
    facts : dict
        What else is worth noting: project, date, language, rule packs.
    folders : set
        Folders that the run fills as a whole: a file that appears there later is none of it.
    listed : bool
        False for what a person goes on to edit (``basin.toml``): it is no output to be verified.
    """

    command: tuple[str, ...] = ()
    inputs: dict[Path, tuple[int, int]] = field(default_factory=dict)
    databases: set[str] = field(default_factory=set)
    staged: dict[Path, Staged] = field(default_factory=dict)
    stale: set[Path] = field(default_factory=set)
    facts: dict[str, Any] = field(default_factory=dict)
    folders: set[Path] = field(default_factory=set)
    listed: bool = True


_CURRENT: ContextVar[Run | None] = ContextVar("basin_run", default=None)


def current_run() -> Run | None:
    """Return the run at hand; None outside of one."""
    return _CURRENT.get()


@contextmanager
def open_run(command: tuple[str, ...] = ()) -> Iterator[Run]:
    """Start a run; within it `current_run` gives it."""
    run = Run(command)
    token = _CURRENT.set(run)
    try:
        yield run
    finally:
        _CURRENT.reset(token)


def note_input(path: str | Path) -> None:
    """Note a file that is read (with the parts of a shapefile, and the files of a geodatabase)."""
    run = _CURRENT.get()
    if run is None:
        return
    file = Path(path).resolve()
    files = [p for p in sorted(file.iterdir()) if p.is_file()] if file.is_dir() else [file]
    if file.suffix.casefold() == ".shp":
        named = {file.stem + s for s in _SHAPEFILE_PARTS}
        files += [p for p in sorted(file.parent.iterdir()) if _plain(p) in named]
    for one in files:
        if one.is_file():
            state = one.stat()
            run.inputs.setdefault(one, (state.st_size, state.st_mtime_ns))


def note_database(table: str) -> None:
    """Note a table of a database, by a name that may be shown."""
    run = _CURRENT.get()
    if run is not None:
        run.databases.add(table)


def _plain(path: Path) -> str:
    """The name with its ending in lower case."""
    return path.stem + path.suffix.casefold()


def note_run(facts: Mapping[str, Any]) -> None:
    """Note what else describes the run."""
    run = _CURRENT.get()
    if run is not None:
        run.facts.update(facts)


def leave_unlisted() -> None:
    """Keep the files of this run out of any manifest."""
    run = _CURRENT.get()
    if run is not None:
        run.listed = False


def note_rules(pack: str, content: str) -> None:
    """Note a rule pack with the SHA-256 of its text."""
    run = _CURRENT.get()
    if run is not None:
        import hashlib

        digest = hashlib.sha256(content.encode()).hexdigest()
        run.facts.setdefault("rules", {})[pack] = digest


def note_folder(folder: str | Path) -> None:
    """Note a folder that the run fills as a whole."""
    run = _CURRENT.get()
    if run is not None:
        run.folders.add(Path(folder).absolute())
