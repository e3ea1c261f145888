"""Several tables in formats that hold one: a file each, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd

from basin.errors import LayerError
from basin.layers.atomic import atomic_write, check_target, whole_set
from basin.layers.qgs import project_text
from basin.layers.qml import FAMILIES
from basin.layers.styles import FAMILY_OF
from basin.layers.write import ENDINGS, SHAPEFILE_PARTS, fields_file, write_layers

__all__ = ["file_names", "files_written", "write_files"]

#: Formats that hold any number of tables.
_WHOLE = (".gpkg", ".xlsx")

#: Formats that hold nothing without a geometry.
_SHAPES_ONLY = (".shp", ".geojson", ".kml", ".dxf")


def file_names(names: Iterable[str], *, most: int = 80) -> list[str]:
    """Turn names into file names that differ from each other, whatever the file system.

    Letters of any script, digits, ``-`` and ``_`` are kept, all else becomes ``_``; a name that is
    taken by then gets a number. Windows knows no case, so neither does this.

    Examples
    --------
    >>> file_names(["S/1", "S:1", "s_1", "扶欢"])
    ['S_1', 'S_1_2', 's_1_3', '扶欢']
    """
    taken: set[str] = set()
    result = []
    for name in names:
        base = re.sub(r"[^\w\-]+", "_", str(name))[:most] or "_"
        free, number = base, 2
        while free.casefold() in taken:
            free, number = f"{base}_{number}", number + 1
        taken.add(free.casefold())
        result.append(free)
    return result


def write_files(
    path: str | Path,
    tables: Mapping[str, Any],
    *,
    overwrite: bool = False,
    lang: str = "zh",
    project: str = "",
) -> dict[Path, dict[str, int]]:
    """Write tables to `path`, and where its format holds one table, the others beside it.

    The first table is the main one and takes `path` itself; each other takes
    ``<stem>_<table>.<ending>``, or ``.csv`` where the format needs a geometry that it does not
    have. A shapefile holds one type of geometry: further types of a table take
    ``<stem>_lines.shp`` or ``<stem>_polygons.shp``. All files appear, or none.

    Parameters
    ----------
    path, tables, overwrite, lang
        As in :func:`write_layers`.
    project
        Title of a QGIS project that is written beside a GeoPackage, as ``<stem>.qgs``; "" is none.

    Returns
    -------
    dict
        File -> {table: rows}, the main file first.

    Raises
    ------
    LayerError
        As :func:`write_layers`, and if any of the files exists and `overwrite` is False.
    """
    target = Path(path)
    suffix = target.suffix.casefold()
    if suffix == ".gpkg" and project and tables:
        return _with_project(target, tables, project, overwrite=overwrite, lang=lang)
    if suffix in _WHOLE or suffix not in ENDINGS or not tables:
        write_layers(target, tables, overwrite=overwrite, lang=lang)
        return {target: {name: len(table) for name, table in tables.items()}}
    parts = _parts(target, tables)
    if len(parts) == 1:
        ((file, (name, table)),) = parts.items()
        write_layers(file, {name: table}, overwrite=overwrite, lang=lang)
        return {file: {name: len(table)}}
    if not overwrite and not target.exists():
        _refuse_beside(target, [p for p in parts if p != target and p.exists()])
    with whole_set():
        # the main file comes last, so that a cut run leaves none that looks complete
        for file in sorted(parts, key=lambda p: (p == target, p.name)):
            name, table = parts[file]
            write_layers(file, {name: table}, overwrite=overwrite, lang=lang)
    return {file: {name: len(table)} for file, (name, table) in parts.items()}


def _with_project(
    target: Path, tables: Mapping[str, Any], title: str, *, overwrite: bool, lang: str
) -> dict[Path, dict[str, int]]:
    """A GeoPackage and the QGIS project that opens it, both or neither."""
    beside = project_file(target)
    if not overwrite and not target.exists():
        _refuse_beside(target, [beside] if beside.exists() else [])
    check_target(target, overwrite=overwrite)  # what is wrong is told of the file asked for
    text = project_text(tables, file=target.name, title=title, lang=lang)
    with whole_set():
        with atomic_write(beside, overwrite=overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
        write_layers(target, tables, overwrite=overwrite, lang=lang)
    return {target: {name: len(table) for name, table in tables.items()}, beside: {}}


def project_file(target: Path) -> Path:
    """The QGIS project beside a GeoPackage."""
    return target.with_suffix(".qgs")


def _refuse_beside(target: Path, there: list[Path]) -> None:
    if not there:
        return
    names = ", ".join(p.name for p in there)
    raise LayerError(
        f"{names} exists already: {target.name} puts its further tables beside it, under that name",
        mend="Give another name (another stem, not only another ending), or overwrite=True "
        "(--overwrite).",
        zh=f"{names} 已经存在：{target.name} 的其余表要写在它旁边，用的正是这个名字",
        mend_zh="请换一个文件名（只换后缀不够），或加 --overwrite 替换",
    )


def files_written(
    path: str | Path, tables: Mapping[str, Any] | None = None, *, project: str = ""
) -> list[Path]:
    """Name every file that :func:`write_files` would touch, with the parts of shapefiles."""
    target = Path(path)
    whole = target.suffix.casefold() in _WHOLE or not tables
    files = [target] if whole else [*_parts(target, tables or {})]
    parts = [
        one
        for file in files
        if file.suffix.casefold() == ".shp"
        for one in (*map(file.with_suffix, SHAPEFILE_PARTS), fields_file(file))
    ]
    if project and target.suffix.casefold() == ".gpkg":
        files.append(project_file(target))
    return [*files, *parts]


def _parts(target: Path, tables: Mapping[str, Any]) -> dict[Path, tuple[str, Any]]:
    """File -> table: what goes where."""
    parts: list[tuple[str, str, Any]] = []  # ending of the stem, table, rows
    for number, (name, table) in enumerate(tables.items()):
        own = "" if number == 0 else f"_{name}"
        shapes = _by_family(table) if target.suffix.casefold() == ".shp" else {"": table}
        for first, (family, rows) in enumerate(shapes.items()):
            parts.append((own if first == 0 else f"{own}_{family}s", name, rows))
    stems = [target.stem, *file_names(f"{target.stem}{own}" for own, _, _ in parts[1:])]
    return {
        target.with_name(stem + _ending(target, table, main=number == 0)): (name, table)
        for number, (stem, (_, name, table)) in enumerate(zip(stems, parts, strict=True))
    }


def _by_family(table: Any) -> dict[str, Any]:
    """The rows of a table by type of geometry; rows without one go with the first type."""
    if not isinstance(table, gpd.GeoDataFrame):
        return {"": table}
    family = table.geometry.geom_type.map(FAMILY_OF)
    kinds = [f for f in FAMILIES if family.eq(f).any()]
    if len(kinds) < 2:
        return {"": table}
    family = family.where(family.notna(), kinds[0])
    return {kind: table[family.eq(kind).to_numpy()] for kind in kinds}


def _ending(target: Path, table: Any, *, main: bool) -> str:
    bare = target.suffix.casefold() in _SHAPES_ONLY and not main
    return ".csv" if bare and not isinstance(table, gpd.GeoDataFrame) else target.suffix
