"""Zipped layers: what is in a zip, which source in it is meant, and that source alone unpacked.

Nothing is unpacked to a place that the zip chooses: folders in its names lead nowhere, and a link
becomes a small file that is no layer.
"""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from basin.errors import LayerError
from basin.layers.content import FORMATS, GDB_CATALOG, check_zip, damaged
from basin.layers.vocabulary import Schema, key

__all__ = ["CONTAINERS", "Packed", "packed_names", "packed_sources", "pick_packed", "unpacked"]

#: Endings of files that may hold several layers.
CONTAINERS = frozenset({".gpkg", ".gdb", ".kml", ".xlsx", ".xlsm"})

# Endings that in a zip are mostly remarks about the layers: taken only where nothing else is there.
_REMARKS = frozenset({".txt", ".json"})
_SHAPEFILE_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
_UNSAFE = re.compile(r"[^\w -]")
_IDLE_FOLDERS = frozenset({"__macosx"})


@dataclass(frozen=True)
class Packed:
    """One source in a zip: a file, a shapefile with its parts, or a geodatabase folder."""

    name: str
    suffix: str
    folder: str
    parts: dict[str, zipfile.ZipInfo] = field(repr=False)

    @property
    def title(self) -> str:
        """Its name with its folder, to tell two of one name apart."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


def _true_name(part: zipfile.ZipInfo) -> str:
    """The name as it was written: zips of Chinese Windows hold GBK, and do not say so."""
    if part.flag_bits & 0x800:
        return part.filename
    try:
        raw = part.filename.encode("cp437")
    except UnicodeEncodeError:
        return part.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return part.filename


def packed_sources(path: Path) -> list[Packed]:
    """List the sources in a zip, in the order of their names; of a KMZ its main KML alone.

    Raises
    ------
    LayerError
        If the zip is damaged, locked or too large, or holds a part twice.
    """
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for part in check_zip(path):
        inside = PurePosixPath(_true_name(part).replace("\\", "/"))
        if inside.name.startswith((".", "~")) or _IDLE_FOLDERS & {
            p.casefold() for p in inside.parts
        }:
            continue
        if inside in files:
            raise damaged(path, f"it holds {inside.name!r} twice", f"里面有两个“{inside.name}”")
        files[inside] = part
    found = [*_geodatabases(path, files), *_shapefiles(files), *_single_files(files)]
    if path.suffix.casefold() == ".kmz":
        found = [s for s in found if s.suffix == ".kml"]
        found = [s for s in found if s.title == "doc"] or found
    telling = [s for s in found if s.suffix not in _REMARKS]
    return sorted(telling or found, key=lambda s: s.title)


def _geodatabases(path: Path, files: dict[PurePosixPath, zipfile.ZipInfo]) -> Iterator[Packed]:
    for folder in [f.parent for f in files if f.name == GDB_CATALOG]:
        own = {f.name: files.pop(f) for f in list(files) if f.parent == folder}
        name = PurePosixPath(folder.name or path.stem)
        stem = name.stem if name.suffix.casefold() == ".gdb" else name.name
        yield Packed(stem, ".gdb", _shown(folder.parent), own)


def _shapefiles(files: dict[PurePosixPath, zipfile.ZipInfo]) -> Iterator[Packed]:
    for main in [f for f in files if f.suffix.casefold() == ".shp"]:
        beside = [
            f
            for f in files
            if f.parent == main.parent
            and f.stem.casefold() == main.stem.casefold()
            and f.suffix.casefold() in _SHAPEFILE_PARTS
        ]
        own = {f.suffix.casefold(): files[f] for f in beside}
        yield Packed(main.stem, ".shp", _shown(main.parent), own)


def _single_files(files: dict[PurePosixPath, zipfile.ZipInfo]) -> Iterator[Packed]:
    for file, part in files.items():
        suffix = file.suffix.casefold()
        if FORMATS.get(suffix) not in (None, "shapefile", "zip", "geodatabase"):
            yield Packed(file.stem, suffix, _shown(file.parent), {suffix: part})


def packed_names(sources: list[Packed]) -> list[str]:
    """Name sources for a user: with their folder only where two share a name."""
    names = [s.name for s in sources]
    return [s.title if names.count(s.name) > 1 else s.name for s in sources]


def pick_packed(
    path: Path, sources: list[Packed], layer: Schema, wanted: str | None
) -> tuple[Packed, str | None]:
    """Choose the source that is meant, and the layer in it where one is named.

    Parameters
    ----------
    path
        The zip, for messages.
    sources
        As :func:`packed_sources` returns them.
    layer
    wanted
        A source by its name, with its folder where two share one, or as ``name/layer`` a layer in
        one; where the zip holds one source, a layer in it. None takes the only source, or the one
        that is called as the layer is.

    Raises
    ------
    LayerError
        If there is none, or not one alone that fits.
    """
    if not sources:
        raise LayerError(
            f"{path.name} holds no layer that could be read",
            mend="A zip within a zip is not opened: unpack it, and give what is inside.",
            zh=f"{path.name} 里没有能读的图层",
            mend_zh="压缩包里的压缩包不会打开：请解压后给出里面的文件",
        )
    names = ", ".join(packed_names(sources))
    listed, listed_zh = f"Give layer= one of: {names}.", f'用 layer = "…" 写明是哪一个：{names}'
    if wanted is None:
        known = {key(n) for n in layer.names}
        fitting = [s for s in sources if len(sources) == 1 or key(s.name) in known]
        if len(fitting) == 1:
            return fitting[0], None
        raise LayerError(
            f"{path.name} has several layers, and which one holds {layer.kind} is not clear",
            mend=listed,
            zh=f"{path.name} 里有多个图层，不清楚哪一个是 {layer.kind}（{layer.names[1]}）",
            mend_zh=listed_zh,
        )
    if len(sources) == 1 and sources[0].suffix in CONTAINERS:
        return sources[0], wanted
    named = [s for s in sources if s.title == wanted] or [s for s in sources if s.name == wanted]
    if len(named) == 1:
        return named[0], None
    for source in sources:
        head, _, inner = wanted.rpartition("/")
        if inner and source.suffix in CONTAINERS and head in (source.title, source.name):
            return source, inner
    problem = "has several layers" if named else "has no layer"
    raise LayerError(
        f"{path.name} {problem} {wanted!r}",
        mend=listed,
        zh=f"{path.name} 里{'有多个' if named else '没有'}图层“{wanted}”",
        mend_zh=listed_zh,
    )


def _shown(folder: PurePosixPath) -> str:
    return "" if folder == PurePosixPath(".") else folder.as_posix().strip("/")


@contextmanager
def unpacked(path: Path, source: Packed) -> Iterator[Path]:
    """Unpack one source to a temporary folder; give the path of its main file.

    Raises
    ------
    LayerError
        If a part is damaged, or there is no room.
    """
    with tempfile.TemporaryDirectory(prefix="basin-", ignore_cleanup_errors=True) as folder:
        try:
            main = _unpack(path, source, Path(folder))
        except LayerError:
            raise
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
            raise damaged(path, str(error) or "cut") from error
        except OSError as error:
            if error.errno == errno.EINVAL:  # it points to places before its own beginning
                raise damaged(
                    path, "its list names places that are not in it", "目录与内容对不上"
                ) from error
            raise LayerError(
                f"{path.name} cannot be unpacked ({error.strerror or error})",
                mend="Check the free space of the folder for temporary files.",
                zh=f"{path.name} 无法解压（{error.strerror or error}）",
                mend_zh="检查临时文件夹所在磁盘的剩余空间",
            ) from error
        except Exception as error:  # zlib, lzma and bz2 each raise their own
            raise damaged(path, str(error)) from error
        yield main


def _unpack(path: Path, source: Packed, folder: Path) -> Path:
    name = _UNSAFE.sub("_", source.name)[:60].strip("_ ") or "layer"
    if source.suffix == ".gdb":
        folder = folder / f"{name}.gdb"
        folder.mkdir()
        targets = {
            folder / name: part for name, part in source.parts.items() if _is_plain_name(name)
        }
        main = folder
    else:
        targets = {folder / f"{name}{suffix}": part for suffix, part in source.parts.items()}
        main = folder / f"{name}{source.suffix}"
    with zipfile.ZipFile(path) as parts:
        for target, part in targets.items():
            with parts.open(part) as packed, target.open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)
            if target.stat().st_size != part.file_size:
                raise damaged(
                    path,
                    f"{part.filename!r} has another size than stated",
                    f"“{part.filename}”的大小与目录所写不符",
                )
    return main


def _is_plain_name(name: str) -> bool:
    """Tables of a geodatabase are named a00000001.gdbtable and the like."""
    return name.isascii() and name.replace(".", "").replace("_", "").isalnum()
