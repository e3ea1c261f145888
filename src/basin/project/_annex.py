"""The annex of a project's report: files read, parameters, editions, versions and the command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from basin._run import current_run
from basin.layers.sources import stated_crs
from basin.manifest import file_digest, shown_command, versions
from basin.project._config import LAYERS
from basin.reports import Annex, report_filename
from basin.standards.labels import label

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = ["annex_of", "annex_of_files"]

_WORDS = {
    "zh": {
        "project": "工程", "date": "基准日期", "rules": "规则包", "standards": "标准及版本",
        "tributaries": "支流范围（有争议的条文）", "period": "评价时段",
        "snap": "河网接边容差 (m)", "offset": "定位最大偏距 (m)", "versions": "程序版本",
    },
    "en": {
        "project": "project", "date": "date", "rules": "rule packs", "standards": "standards",
        "tributaries": "tributaries (where disputed)", "period": "period",
        "snap": "tolerance at ends of reaches (m)", "offset": "farthest place from a reach (m)",
        "versions": "versions",
    },
}  # fmt: skip
_WATER = "GB 3838-2002; 环办〔2011〕22号"
_SPILL = "GB 3838-2002; HJ 2.3-2018"
#: What is told of how a file was read: its encoding and its coordinate system.
_TOLD = ("encoding", "crs_", "web_map", "coordinates_packed", "axes_swapped")
#: Options of a command that do not change what the report says.
_BARE, _VALUED = ("--overwrite", "--json"), ("-o", "--output")


def annex_of(basin: Basin, result: Any) -> Annex:
    """Tell what a result of a project was made from: the files that were read for it."""
    rows = [_read_row(one, basin.lang) for one in basin.layers.read]
    named = {(row["layer"], row["file"]) for row in rows}
    used = {one.layer for one in basin.layers.read}
    for path, name in basin.inputs.items():
        layer = _code_of(path, name, basin)
        if path.is_file() and (layer not in basin.sources or _is_part(path, basin.layers.read)):
            if layer == "dem" and not {"network", "usable_network"} & set(vars(basin)):
                continue
            if (layer, path.name) not in named:
                rows.append(_row(layer, path))
    order = {name: k for k, name in enumerate((*LAYERS, "dem"))}
    rows.sort(key=lambda row: (order.get(row["layer"], len(order)), row["layer"], row["file"]))
    words = _WORDS[basin.lang]
    settings = [
        (words["project"], basin.name),
        (words["date"], basin.effective_date.isoformat()),
        (words["standards"], _standards(result)),
        (words["rules"], ", ".join(getattr(result, "packs", ()))),
        (words["tributaries"], _tributaries(result, basin.lang)),
        (words["period"], _text(getattr(result, "period", ""))),
        (words["snap"], f"{basin.snap_tolerance_m:g}" if "rivers" in used else ""),
        (words["offset"], f"{basin.max_offset_m:g}" if "outfalls" in used else ""),
    ]
    return _annex(rows, settings, result, basin.lang)


def annex_of_files(files: Mapping[Path, str], result: Any, lang: str) -> Annex:
    """Tell what a result without a project was made from: file -> layer."""
    rows = [_row(name, path) | {"crs": stated_crs(path)} for path, name in files.items()]
    return _annex(rows, [], result, lang)


def _annex(
    rows: list[dict[str, Any]], settings: Iterable[tuple[str, str]], result: Any, lang: str
) -> Annex:
    columns = ["layer", "file", "n_rows", "crs", "reading", "sha256"]
    told = "; ".join(f"{name} {number}" for name, number in versions().items())
    every = (
        *((name, value) for name, value in settings if value),
        (_WORDS[lang]["versions"], told),
    )
    return Annex(pd.DataFrame(rows, columns=columns), every, _command(result))


def _is_part(path: Path, read: Iterable[Any]) -> bool:
    """Whether a file belongs to a source that was read: itself, or a shapefile or geodatabase."""
    sources = [Path(one.source.path).resolve() for one in read if isinstance(one.source.path, Path)]
    return any(
        path == source or source in path.parents or (
            source.suffix.casefold() == ".shp" and path.with_suffix("") == source.with_suffix("")
        )
        for source in sources
    )  # fmt: skip


def _code_of(path: Path, name: str, basin: Basin) -> str:
    """The layer of a file, or what else it is to the project."""
    if name in basin.sources or name == "dem":
        return name
    if basin.overrides is not None and path == basin.overrides.resolve():
        return "overrides"
    return "project" if path == basin.file else "rule_pack"


def _row(layer: str, path: Path) -> dict[str, Any]:
    return {"layer": layer, "file": path.name, "n_rows": None, "crs": "", "reading": "",
            "sha256": file_digest(path)["sha256"]}  # fmt: skip


def _read_row(read: Any, lang: str) -> dict[str, Any]:
    """A source of a layer, with its rows, its system and what was decided on reading it."""
    path, seam = read.source.path, "；" if lang == "zh" else "; "
    # of sites, all that was converted, repaired or set aside
    told = [p for p in read.found if read.layer == "sites" or p.kind.startswith(_TOLD)]
    reading = seam.join(p.text(lang) for p in told)
    row = {"layer": read.layer, "file": read.source.shown, "n_rows": read.n_rows,
           "crs": "", "reading": reading, "sha256": ""}  # fmt: skip
    if isinstance(path, Path):
        row |= {"file": path.name, "crs": stated_crs(path, read.source.options.get("layer"))}
        if path.is_file():
            row["sha256"] = file_digest(path)["sha256"]
    return row


def _standards(result: Any) -> str:
    """The standards by which a result reckons, beside rules that are listed in its own chapter."""
    if hasattr(result, "arrivals"):
        return _SPILL
    return _WATER if hasattr(result, "balance") or hasattr(result, "months") else ""


def _tributaries(result: Any, lang: str) -> str:
    """The reading of "tributary" in words, or the rivers named."""
    reading = getattr(result, "tributaries", "")
    named = not isinstance(reading, str) or not reading
    return _text(reading) if named else label("river_scope_reading", reading, lang)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(map(str, value))


def _command(result: Any) -> str:
    """The command at hand, writing to a name of its own: where it wrote does not matter."""
    run = current_run()
    if run is None or not run.command:
        return ""
    kept, words = [], iter(shown_command(run.command))
    ending = ".docx"
    for word in words:
        name, _, value = word.partition("=")
        if name in _VALUED:
            ending = Path(value or next(words, "")).suffix or ending
        elif word not in _BARE:
            kept.append(f'"{word}"' if " " in word else word)
    return " ".join([*kept, "-o", report_filename(result, ending)])
