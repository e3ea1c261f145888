"""``basin.toml``: every key, its type, and what is said when one is wrong."""

from __future__ import annotations

import datetime as dt
import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from basin._run import note_input
from basin.errors import BasinError, ProjectError
from basin.layers.coordinates import ANGLES
from basin.layers.database import is_database, shown_source
from basin.layers.encodings import known_encoding
from basin.layers.systems import user_crs

__all__ = ["LAYERS", "OVERRIDES", "RULE_PACKS", "Source", "read_config"]

#: The layers of a project, in the order in which they are read and reported.
LAYERS = (
    "rivers",
    "shorelines",
    "zones",
    "coverage",
    "districts",
    "sections",
    "samples",
    "outfalls",
    "sites",
    "intakes",
    "structures",
)

#: Decisions of people on single findings, read where it lies beside the project file.
OVERRIDES = "overrides.csv"

RULE_PACKS = ("china-yangtze", "chongqing")

_KEYS = {
    "the file": {"basin", "layers", "rules", "network"},
    "[basin]": {"name", "crs", "date", "lang", "rules"},
    "[network]": {"snap_tolerance_m", "max_offset_m"},
    "[layers]": {*LAYERS, "dem", "overrides"},
}
_MOST_OF_A_PATH = 4096
#: Beyond these a unit was mistaken: what lies that far apart does not belong together.
_MOST_M = {"snap_tolerance_m": 10_000, "max_offset_m": 100_000}
_LAYER_KEYS = {"path", "layer", "encoding", "crs", "angles", "columns", "values"}


@dataclass(frozen=True)
class Source:
    """Where a layer lies, and what the user says about reading it."""

    path: Path | str = field(repr=False)  # the URL of a database holds a password
    options: Mapping[str, Any] = field(default_factory=dict)
    shown: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", shown_source(self.path))


def read_config(file: Path) -> dict[str, Any]:
    """Read a ``basin.toml`` into the arguments of `Basin`.

    Raises
    ------
    ProjectError
        If it cannot be read, or has an unknown key or a value of another kind than it should be.
    """
    try:
        note_input(file)
        config = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number of 5,000 digits
        raise ProjectError(
            f"{file} cannot be read: {error}",
            mend="Save it as UTF-8 TOML.",
            zh=f"{file} 读不了：{error}",
            mend_zh="存成 UTF-8 编码的 TOML 文件",
        ) from error
    except OSError as error:
        raise ProjectError(
            f"{file} cannot be read: {error.strerror or error}", mend="Check the file."
        ) from error
    _refuse_unknown(config, _KEYS["the file"], "the file", file)
    head, network, given = (_table(config, name, file) for name in ("basin", "network", "layers"))
    lang = _text(head["lang"], "[basin] lang", '"zh"', file) if "lang" in head else None
    if lang not in ("zh", "en", None):
        raise ProjectError(f"{file.name}: lang {lang!r} is not known", mend="Use 'zh' or 'en'.")
    crs = _crs(head.get("crs", "auto"), "[basin] crs", file)
    sources = {
        name: tuple(
            # a CRS for the whole project fills in where a layer's own entry has none
            Source(s.path, s.options if crs == "auto" else {"crs": crs, **s.options})
            for s in _sources(entry, name, file)
        )
        for name, entry in given.items()
    }
    dem = sources.pop("dem", ())
    overrides = sources.pop("overrides", ())
    if len(overrides) > 1:
        raise ProjectError(
            f"{file.name}: overrides names {len(overrides)} files", mend="Name one .csv."
        )
    beside = file.parent / OVERRIDES
    read = {
        "folder": file.parent,
        "file": file,
        "name": _text(head.get("name", file.parent.name), "[basin] name", '"My basin"', file),
        "date": _date(head["date"], file) if "date" in head else None,
        "rules": _rules(config.get("rules", head.get("rules", list(RULE_PACKS))), file),
        "sources": sources,
        "dem": tuple(Path(s.path) for s in dem) if len(dem) > 1 else _only(dem),
        "overrides": Path(overrides[0].path) if overrides else beside if beside.exists() else None,
        "snap_tolerance_m": _metres(network, "snap_tolerance_m", 1.0, file),
        "max_offset_m": _metres(network, "max_offset_m", 500.0, file),
    }
    if not sources:
        raise ProjectError(
            f"{file.name} names no layer",
            mend='Write [layers] with a line such as rivers = "rivers.gpkg".',
            zh=f"{file.name} 没有写明任何图层",
            mend_zh='在 [layers] 下逐行写明，例如 rivers = "rivers.gpkg"',
        )
    return read | ({"lang": lang} if lang else {})


def _only(dem: tuple[Source, ...]) -> Path | None:
    return Path(dem[0].path) if dem else None


def _refuse_unknown(given: Any, known: set[str], where: str, file: Path) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ProjectError(
                f"{file.name}: unknown key {key!r} in {where}",
                mend=f"Did you mean {near[0]!r}?"
                if near
                else f"Known: {', '.join(sorted(known))}.",
            )


def _wrong(value: Any, where: str, wanted: str, example: str, file: Path) -> ProjectError:
    key = where.split()[-1]
    return ProjectError(
        f"{file.name}: {where} = {value!r} is not {wanted}", mend=f"Write {key} = {example}."
    )


def _table(config: Mapping[str, Any], name: str, file: Path) -> dict[str, Any]:
    table = config.get(name, {})
    if not isinstance(table, dict):
        raise ProjectError(
            f"{file.name}: {name} = {table!r} is not a section",
            mend=f"Write a line [{name}] with its keys below it.",
        )
    _refuse_unknown(table, _KEYS[f"[{name}]"], f"[{name}]", file)
    return table


def _text(value: Any, where: str, example: str, file: Path) -> str:
    if not isinstance(value, str):
        raise _wrong(value, where, "a text", example, file)
    return value


def _metres(table: Mapping[str, Any], key: str, default: float, file: Path) -> float:
    value = table.get(key, default)
    most = _MOST_M[key]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= most:
        wanted = f"a number of metres, 0 or more, at most {most}"
        raise _wrong(value, f"[network] {key}", wanted, f"{default:g}", file)
    return float(value)


def _date(value: Any, file: Path) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError as error:
        raise ProjectError(
            f"{file.name}: [basin] date {value!r} is not a date", mend="Write date = 2026-03-31."
        ) from error


def _rules(value: Any, file: Path) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _wrong(value, "rules", "a list of rule packs", '["china-yangtze"]', file)
    return tuple(value)


def _crs(value: Any, where: str, file: Path) -> str | int:
    """``auto``, or a system that pyproj knows; as it was written."""
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(value, where, "a coordinate system", '"EPSG:4490"', file)
    try:
        user_crs(value, where)
    except BasinError as error:
        if error.__cause__ is not None:  # pyproj does not know it
            raise _wrong(value, where, "a known coordinate system", '"EPSG:4490"', file) from error
        said = str(error).removesuffix(error.mend).strip().rstrip(".")
        raise ProjectError(
            f"{file.name}: {said}", mend=error.mend, zh=error.zh, mend_zh=error.mend_zh
        ) from error
    return value


def _sources(entry: Any, name: str, file: Path) -> tuple[Source, ...]:
    """Read one value of ``[layers]``: a path, a table with a path, or a list of either."""
    if isinstance(entry, list):
        if not entry or any(isinstance(one, list) for one in entry):
            raise _needs_path(name, file)
        return tuple(source for one in entry for source in _sources(one, name, file))
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        raise _needs_path(name, file)
    _refuse_unknown(entry, _LAYER_KEYS, f"layer {name!r}", file)
    if is_database(entry["path"]):
        return (Source(entry["path"], _options(entry, name, file)),)
    try:
        path = (file.parent / entry["path"][:_MOST_OF_A_PATH]).resolve()
        there = len(entry["path"]) <= _MOST_OF_A_PATH and path.exists()
    except (OSError, ValueError):  # a path too long, or with characters that no path has
        there = False
    if not there:
        raise ProjectError(
            f"{file.name}: layer {name!r} names {entry['path']!r}, which does not exist",
            mend="Paths are relative to the project file.",
        )
    return (Source(path, _options(entry, name, file)),)


def _needs_path(name: str, file: Path) -> ProjectError:
    return ProjectError(
        f"{file.name}: layer {name!r} needs a path",
        mend=f'Write {name} = "file.gpkg" or {name} = {{ path = "file.gpkg" }}.',
    )


def _options(entry: Mapping[str, Any], name: str, file: Path) -> dict[str, Any]:
    options = {key: value for key, value in entry.items() if key != "path"}
    where = f"layer {name!r}"
    for key, example in (("layer", f'"{name}"'), ("encoding", '"gb18030"')):
        if key in options:
            _text(options[key], f"{where} {key}", example, file)
    if "encoding" in options:
        try:
            known_encoding(options["encoding"])
        except BasinError as error:
            raise ProjectError(
                f"{file.name}: {where}: {str(error).removesuffix(error.mend).strip()}",
                mend=error.mend,
            ) from error
    if "crs" in options and _crs(options["crs"], f"{where} crs", file) == "auto":
        del options["crs"]
    if options.get("angles", ANGLES[0]) not in ANGLES:
        one = " or ".join(f'"{a}"' for a in ANGLES)
        raise _wrong(options["angles"], f"{where} angles", "known", one, file)
    values = options.get("values", {})
    if not isinstance(values, dict) or not all(
        isinstance(v, dict) and all(isinstance(w, str) for w in v.values()) for v in values.values()
    ):
        wanted, example = "tables of texts", '{ category = { "磷肥车间" = "fertiliser" } }'
        raise _wrong(values, f"{where} values", wanted, example, file)
    columns = options.get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(v, str) for v in columns.values()):
        wanted = "a table of texts"
        raise _wrong(columns, f"{where} columns", wanted, '{ name = "河名" }', file)
    return options
