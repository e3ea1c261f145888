"""Which file is it? Local files only; what is in a file, and which layers are in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from basin.errors import LayerError
from basin.layers.archives import CONTAINERS, Packed, packed_names, packed_sources, unpacked
from basin.layers.content import (
    FORMATS,
    MEND_FORMAT,
    MEND_FORMAT_ZH,
    check_file,
    damaged,
    open_workbook,
)
from basin.layers.database import is_database, shown_database
from basin.layers.geopackage import settled, table_names
from basin.layers.kml import kml_folders
from basin.layers.sandbox import Limits, find_in_child, limits_for, names_in_child
from basin.layers.vocabulary import KINDS, key, schema

__all__ = [
    "FORMATS",
    "find_layers",
    "is_result",
    "layer_names",
    "local_file",
    "names_inside",
    "stated_crs",
    "unused_files",
    "zipped",
]

#: Tables that only answers of `basin` hold: a file with one of them is no input.
RESULT_LAYERS = frozenset(
    {"network_issues", "site_findings", "section_items", "trace_left_out", "problems"}
)
#: What the workbooks of `basin.reports` name as their maker.
REPORT_CREATOR = "basin"

# Formats that may hold several layers.
_SEVERAL = frozenset({"geopackage", "geodatabase", "kml", "xlsx", "zip"})
_MOST_OF_A_PATH = 4096
# Formats that state a coordinate system and can be asked for it.
_WITH_CRS = frozenset({"geopackage", "geodatabase", "shapefile", "geojson", "flatgeobuf"})
_REMOTE = re.compile(r"://|^/?vsi|^[A-Za-z][A-Za-z0-9+.-]+:", re.IGNORECASE)


def local_file(source: str | Path) -> Path:
    """Return the path of an existing local file, refusing anything that GDAL would fetch.

    Raises
    ------
    LayerError
        For URLs, ``/vsi…`` paths, ``DRIVER:…`` strings, folders, devices, and what is not there.
    """
    text = shown_database(str(source)) if is_database(str(source)) else str(source)
    named = isinstance(source, str | Path) and len(text) <= _MOST_OF_A_PATH
    if not named or _REMOTE.search(text) or "\0" in text:
        raise LayerError(
            f"{text!r} is not a local file",
            mend=MEND_FORMAT,
            zh=f"“{text}”不是本机上的文件",
            mend_zh=MEND_FORMAT_ZH,
        )
    try:
        path = Path(source).expanduser().resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, no such characters
        raise LayerError(
            f"there is no file {text!r}",
            mend="Check the path.",
            zh=f"没有文件“{text}”",
            mend_zh="检查路径",
        ) from error
    if str(path).startswith("/vsi"):
        raise LayerError(
            f"{text!r} is not a local file",
            mend=MEND_FORMAT,
            zh=f"“{text}”不是本机上的文件",
            mend_zh=MEND_FORMAT_ZH,
        )
    if not path.exists():
        raise LayerError(
            f"there is no file {text!r}",
            mend="Check the path.",
            zh=f"没有文件“{text}”",
            mend_zh="检查路径",
        )
    if not path.is_file() and not _is_geodatabase(path):
        raise LayerError(
            f"{text!r} is not a file",
            mend=MEND_FORMAT,
            zh=f"“{text}”不是文件",
            mend_zh=MEND_FORMAT_ZH,
        )
    return path


def zipped(source: str | Path) -> bool:
    """Tell by its ending whether a source is a zip, which is read in a child process."""
    return FORMATS.get(Path(str(source)).suffix.casefold()) == "zip"


def _is_geodatabase(path: Path) -> bool:
    return path.suffix.casefold() == ".gdb" and path.is_dir()


# ---------------------------------------------------------------- what is in a file or a folder


def layer_names(path: str | Path, *, sandbox: bool | Limits | None = None) -> list[str]:
    """Return the names of the layers in a file: tables, sheets, folders of a KML, files in a zip.

    A file of one layer gives its own name without the ending. Nothing is written or changed.

    Parameters
    ----------
    path
    sandbox
        Look in a child process with limits (:class:`Limits`). None does so where a zip must be
        unpacked for it; the names of the files in a zip are read from its list here.

    Raises
    ------
    LayerError
        If it is not a local file of a known kind, or is damaged.
    """
    file = local_file(path)
    limits = limits_for(file, sandbox)
    if limits is not None:
        known = check_file(file) if zipped(file) else ""
        sources = packed_sources(file) if known else []
        if sandbox is None and not _must_unpack(sources):
            return packed_names(sources)
        return names_in_child(file, limits)
    with settled(file) as whole:
        return names_inside(whole, check_file(whole))


def names_inside(file: Path, known: str) -> list[str]:
    """Return the names of the layers in a file whose content was checked before."""
    if known == "geopackage":
        return table_names(file)
    if known == "xlsx":
        with open_workbook(file) as book:
            return [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if known == "geodatabase":
        return _tables_of(file)
    if known == "kml":
        return kml_folders(file) or [file.stem]
    if known == "zip":
        return _names_in_zip(file)
    return [file.stem]


def _tables_of(geodatabase: Path) -> list[str]:
    import pyogrio

    try:
        return [str(name) for name, _ in pyogrio.list_layers(geodatabase)]
    except Exception as error:  # GDAL raises its own
        raise damaged(geodatabase, str(error)) from error


def _names_in_zip(file: Path) -> list[str]:
    sources = packed_sources(file)
    if _must_unpack(sources):
        with unpacked(file, sources[0]) as inside:
            return layer_names(inside, sandbox=False)
    return packed_names(sources)


def _must_unpack(sources: Sequence[Packed]) -> bool:
    return len(sources) == 1 and sources[0].suffix in CONTAINERS


def find_layers(
    place: str | Path, *, sandbox: bool | Limits | None = None
) -> dict[str, list[tuple[Path, str | None]]]:
    """Find the layers with canonical names (or their Chinese names) in a folder or a GeoPackage.

    Parameters
    ----------
    place
        A folder (its sub-folders are not searched) or one file.
    sandbox
        As in :func:`layer_names`; True looks into all files in one child process.

    Returns
    -------
    dict
        Layer kind -> its sources as (file, layer in the file or None), in the order of the contract
        and by file name. A kind may have several sources (``sites.xlsx`` and ``sites.geojson``).
        Files that are damaged or not what they claim are left out: reading them raises.

    Raises
    ------
    LayerError
        If there is no such folder or file.
    """
    where = Path(place)
    if sandbox:
        return find_in_child(where.resolve(), limits_for(where, sandbox) or Limits())[0]
    files = _candidates(where) if where.is_dir() else [local_file(where)]
    found: dict[str, list[tuple[Path, str | None]]] = {}
    for file in files:
        for kind, layer in _kinds_in(file, sandbox, alone=not where.is_dir()):
            found.setdefault(kind, []).append((file, layer))
    return {kind: found[kind] for kind in KINDS if kind in found}


def _candidates(folder: Path) -> list[Path]:
    return sorted(
        p.resolve()
        for p in folder.iterdir()
        if p.suffix.casefold() in FORMATS
        and not p.name.startswith((".", "~"))
        and p.name != "manifest.json"  # the list of an earlier run's outputs
        and (p.is_file() or _is_geodatabase(p))
    )


def _kind_named(name: str) -> str | None:
    return next((k for k in KINDS if key(name) in {key(n) for n in schema(k).names}), None)


def _kinds_in(
    file: Path, sandbox: bool | Limits | None, *, alone: bool
) -> Iterator[tuple[str, str | None]]:
    """A file's own name decides; a file of another name is searched for layers inside."""
    kind = _kind_named(file.stem)
    if kind:
        yield kind, None
        if not alone:
            return
    if FORMATS[file.suffix.casefold()] not in _SEVERAL:
        return
    try:
        names = layer_names(file, sandbox=sandbox)
    except LayerError:
        return
    if RESULT_LAYERS.intersection(names) or _written_as_report(file):
        return  # an answer of an earlier run is no input of the next
    for name in names:
        inside = _kind_named(name)
        if inside and inside != kind:
            yield inside, name


def _written_as_report(file: Path) -> bool:
    if FORMATS[file.suffix.casefold()] != "xlsx":
        return False
    with open_workbook(file) as book:
        return bool(book.properties.creator == REPORT_CREATOR)


def unused_files(
    folder: str | Path, found: Mapping[str, Any], *, sandbox: bool | Limits | None = None
) -> list[str]:
    """Name the files of a folder that could hold a layer and are not among `found`."""
    if sandbox:
        where = Path(folder).resolve()
        return find_in_child(where, limits_for(where, sandbox) or Limits())[1]
    used = {file for sources in found.values() for file, _ in sources}
    return [
        p.name for p in _candidates(Path(folder)) if p not in used and not is_result(p, sandbox)
    ]


def is_result(file: Path, sandbox: bool | Limits | None = None) -> bool:
    """Tell whether a file holds the answers of an earlier run: no input of the next."""
    try:
        return bool(
            RESULT_LAYERS.intersection(layer_names(file, sandbox=sandbox))
        ) or _written_as_report(file)
    except LayerError:
        return False


def stated_crs(path: str | Path, layer: str | None = None) -> str:
    """Name the coordinate system that a file of shapes states, such as ``EPSG:4490``.

    Empty for tables, archives and databases, and where none is stated; the file was read before.
    """
    file = Path(str(path))
    if FORMATS.get(file.suffix.casefold()) not in _WITH_CRS:
        return ""
    import pyogrio
    import pyproj
    from pyproj.exceptions import CRSError

    options: dict[str, Any] = {"IMMUTABLE": "YES"} if file.suffix.casefold() == ".gpkg" else {}
    try:
        stated = pyogrio.read_info(file, layer=layer, **options)["crs"]
        system = pyproj.CRS.from_user_input(stated)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, CRSError):
        return ""
    code = system.to_authority(min_confidence=100)
    return ":".join(code) if code else str(system.name)
