"""What a project reads is never written over: its layers, their parts, its file, its rule packs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from basin.errors import ProjectError
from basin.project._config import Source

__all__ = ["input_files", "refuse_inputs"]


def input_files(
    file: Path | None,
    sources: Mapping[str, tuple[Source, ...]],
    dem: Path | tuple[Path, ...] | None,
    rules: Iterable[Path],
) -> dict[Path, str]:
    """Return every file that a project reads, and which layer (or file of the project) it is."""
    found: dict[Path, str] = {}
    for name, given in sources.items():
        for source in given:
            if isinstance(source.path, str):
                continue  # a database: no file
            found |= dict.fromkeys(_parts(source.path), name)
    for tile in (dem,) if isinstance(dem, Path) else dem or ():
        found[tile.resolve()] = "dem"
    for path in rules:
        found[path.resolve()] = path.name
    if file is not None:
        found[file.resolve()] = file.name
    return found


def _parts(path: Path) -> list[Path]:
    """A source with all that belongs to it: a shapefile's parts, a geodatabase's files."""
    where = path.resolve()
    if where.is_dir():
        return [where, *where.iterdir()]
    if where.suffix.casefold() == ".shp" and where.parent.is_dir():
        return [p for p in where.parent.iterdir() if p.stem == where.stem and p.is_file()]
    return [where]


def refuse_inputs(outputs: Iterable[Path], inputs: Mapping[Path, str]) -> None:
    """Raise if a file to be written is one of `inputs`, whatever way it is spelled.

    Raises
    ------
    ProjectError
    """
    for output in outputs:
        for path, name in inputs.items():
            if _same(output, path):
                raise ProjectError(
                    f"{output} is an input ({name}) and is never written over",
                    mend="Give another name for the output.",
                    zh=f"{output} 是输入文件（{name}），不能覆盖",
                    mend_zh="请给输出换一个文件名",
                )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other or (one.exists() and one.samefile(other))
    except (OSError, RuntimeError):  # a loop of links, or gone: writing there fails on its own
        return False
