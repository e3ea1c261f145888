"""``manifest.json`` of an output folder: which run made each file, from what, and is it still that?

A run adds its files to the manifest of the folder that it writes to; a file belongs to the run that
wrote it last. Nothing in a manifest depends on the clock: equal runs give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from basin._run import Run, Staged, current_run, open_run
from basin.errors import ProjectError, masked

__all__ = [
    "MANIFEST",
    "Verification",
    "file_digest",
    "recorded_run",
    "shown_command",
    "unchanged_outputs",
    "verify_folder",
    "versions",
]

MANIFEST = "manifest.json"
_FORMAT = "basin-manifest-1"
_PACKAGES = ("geopandas", "shapely", "pyproj", "pandas", "numpy", "networkx", "rasterio", "folium")
_SECRET_OPTION = re.compile(r"(?i)\b(token|secret|key)(\s*[=:]\s*)(\S+)")
_CHUNK = 1 << 20


def shown_command(command: tuple[str, ...]) -> list[str]:
    """Return the words of a command without what only its user may know."""
    return [_SECRET_OPTION.sub(r"\1\2***", masked(word)) for word in command]


def file_digest(path: Path) -> dict[str, Any]:
    """Return SHA-256 and size of a file: ``sha256``, ``bytes``."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            size += len(chunk)
    return {"sha256": found.hexdigest(), "bytes": size}


# ---------------------------------------------------------------- writing


@contextmanager
def recorded_run(command: tuple[str, ...] = ()) -> Iterator[None]:
    """Let the files of a command appear together when it ends well, with their manifest.

    Within a run that is at hand already, its files are those of that run.
    """
    if current_run() is not None:
        yield
        return
    with open_run(command) as run:
        try:
            try:
                yield
            except SystemExit as done:
                # 1 is an answer too (--fail-on); anything else went wrong
                if done.code in (None, 0, 1):
                    _put(run)
                raise
            _put(run)
        finally:
            for staged in run.staged.values():
                staged.temporary.unlink(missing_ok=True)


def _put(run: Run) -> None:
    """Put the files of a run in their places, and last the manifests of the folders.

    Raises
    ------
    ProjectError
        If an input changed while the run was reading it: its answers would be of no one state.
    """
    if not run.staged:
        return
    from basin.layers.atomic import put_all  # heavy: only where there is something to put

    if not run.listed:
        put_all(run)
        return
    _check_inputs(run)
    put_all(run, last=_stage_manifests)


def _stage_manifests(run: Run) -> None:
    from basin.layers.atomic import beside

    inputs = {path: file_digest(path) for path in run.inputs}
    made = {target: file_digest(staged.temporary) for target, staged in run.staged.items()}
    for folder in sorted({target.parent for target in run.staged}):
        entry = {
            "command": shown_command(run.command),
            **{k: run.facts[k] for k in sorted(run.facts)},
            "versions": versions(),
            "inputs": {
                _from(folder, path): digest
                for path, digest in sorted(inputs.items(), key=lambda pair: str(pair[0]))
            },
            # their content has no bytes to sum: listed without, and not checked later
            **({"databases": sorted(run.databases)} if run.databases else {}),
        }
        name = hashlib.sha256(_json(entry)).hexdigest()[:12]
        content = _read(folder / MANIFEST) if (folder / MANIFEST).exists() else {}
        outputs = dict(content.get("outputs", {}))
        outputs |= {t.name: {**d, "run": name} for t, d in made.items() if t.parent == folder}
        runs = {**content.get("runs", {}), name: entry}
        used = {o["run"] for o in outputs.values()}
        target = folder / MANIFEST
        temporary = beside(target)
        whole = {
            "format": _FORMAT,
            "outputs": dict(sorted(outputs.items())),
            "runs": {k: runs[k] for k in sorted(runs) if k in used},
        }
        if folder in run.folders:
            whole["others"] = sorted(_names(folder) - outputs.keys())
        temporary.write_bytes(_json(whole))
        run.staged[target] = Staged(temporary, overwrite=True)


def _names(folder: Path) -> set[str]:
    """The files of a folder, without hidden ones and the manifest itself."""
    return {
        p.name
        for p in folder.iterdir()
        if p.is_file() and not p.name.startswith(".") and p.name != MANIFEST
    }


def _check_inputs(run: Run) -> None:
    changed = []
    for path, (size, time) in run.inputs.items():
        now = path.stat() if path.exists() else None
        if now is None or (now.st_size, now.st_mtime_ns) != (size, time):
            changed.append(path.name)
    if changed:
        raise ProjectError(
            f"{', '.join(changed)} changed while it was being read; nothing was written",
            mend="Wait until no one is writing to it, and run the command again.",
            zh=f"{'、'.join(changed)} 在读取过程中被改动，没有写出任何文件",
            mend_zh="等没有人在写它时再运行一次",
        )


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _from(folder: Path, path: Path) -> str:
    """The path as seen from the folder; a file on another drive keeps its whole path."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()


def versions() -> dict[str, str]:
    """Return the versions of Python, `basin` and the libraries that decide its numbers."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name, package in (("basin", "basin-gis"), *((p, p) for p in _PACKAGES)):
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    # only of libraries that the run has loaded: to ask the others would take seconds
    if "pyogrio" in sys.modules:
        found["gdal"] = sys.modules["pyogrio"].__gdal_version_string__
    if "pyproj" in sys.modules:
        found["proj"] = sys.modules["pyproj"].proj_version_str
    if "shapely" in sys.modules:
        found["geos"] = sys.modules["shapely"].geos_version_string
    return found


# ---------------------------------------------------------------- checking


@dataclass(frozen=True)
class Verification:
    """What `verify_folder` found.

    Attributes
    ----------
    folder : Path
    same : list of str
        Outputs that are what the manifest says.
    changed, missing, extra : list of str
        Outputs whose content is another, that are gone, and files that no run listed.
    inputs_changed, inputs_missing : list of str
        Inputs that are no longer what the outputs were made from, and those that are not at hand.
    databases : list of str
        Tables that were read from a database: they have no hash, and are not checked.
    """

    folder: Path
    same: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    inputs_changed: list[str] = field(default_factory=list)
    inputs_missing: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if nothing differs; inputs that are not at hand cannot differ."""
        return not (self.changed or self.missing or self.extra or self.inputs_changed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "folder": str(self.folder),
            "ok": self.ok,
            **{k: getattr(self, k) for k in _LISTS},
        }

    def explain(self, lang: str = "zh") -> str:
        """Say it in a few lines."""
        zh = lang == "zh"
        lines = [
            f"{_LISTS[name][not zh]}: {', '.join(files)}"
            for name in _LISTS
            if name != "same" and (files := getattr(self, name))
        ]
        count = len(self.same)
        head = f"{count} 个成果文件与清单一致" if zh else f"{count} outputs are as listed"
        return "\n".join([head, *lines])


_LISTS = {
    "same": ("一致", "same"),
    "changed": ("内容已变", "changed"),
    "missing": ("缺失", "missing"),
    "extra": ("清单之外", "not in the manifest"),
    "inputs_changed": ("输入已变，成果可能过时", "inputs changed, outputs may be out of date"),
    "inputs_missing": ("输入不在手边，未核对", "inputs not at hand, not checked"),
    "databases": (
        "输入来自数据库，没有校验值，未核对",
        "inputs from a database, without a hash, not checked",
    ),
}


def verify_folder(folder: str | Path) -> Verification:
    """Compare an output folder with its ``manifest.json``.

    Hidden files and sub-folders are passed over. Extra files are looked for where a run filled the
    whole folder (`basin demo`): those that were not there then.

    Raises
    ------
    ProjectError
        If there is no manifest, or it cannot be read.
    """
    place = Path(folder)
    file = place if place.name == MANIFEST else place / MANIFEST
    if not file.is_file():
        raise ProjectError(
            f"there is no {MANIFEST} in {str(folder)!r}",
            mend="Give a folder that a basin command wrote to.",
            zh=f"{str(folder)!r} 里没有 {MANIFEST}",
            mend_zh="请给出 basin 命令写过成果的文件夹",
        )
    place = file.parent.resolve()
    content = _read(file)
    result = Verification(place)
    for name, stated in content["outputs"].items():
        _compare(place / name, name, stated, result.same, result.changed, result.missing)
    inputs = {path: d for run in content["runs"].values() for path, d in run["inputs"].items()}
    tables = {str(t) for run in content["runs"].values() for t in run.get("databases", [])}
    result.databases.extend(sorted(tables))
    alike: list[str] = []
    for name, stated in sorted(inputs.items()):
        _compare(place / name, name, stated, alike, result.inputs_changed, result.inputs_missing)
    if "others" in content:
        known = {*content["outputs"], *content["others"], *inputs}
        result.extra.extend(sorted(_names(place) - known))
    return result


def _compare(
    path: Path,
    name: str,
    stated: Mapping[str, Any],
    same: list[str],
    changed: list[str],
    missing: list[str],
) -> None:
    if not path.is_file():
        missing.append(name)
    elif path.stat().st_size == stated["bytes"] and file_digest(path)["sha256"] == stated["sha256"]:
        same.append(name)
    else:
        changed.append(name)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        known = isinstance(content, dict) and content.get("format") == _FORMAT
        plain = known and all(
            isinstance(o, dict) and {"sha256", "bytes", "run"} <= o.keys() and _is_name(name)
            for name, o in content["outputs"].items()
        )
        plain = plain and all(
            isinstance(r["inputs"], dict) and isinstance(r.get("databases", []), list)
            for r in content["runs"].values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        plain = False
    if not plain:
        raise ProjectError(
            f"{file} is not a manifest of basin",
            mend="Restore it, or move it away and run the command again.",
            zh=f"{file} 不是 basin 的成果清单",
            mend_zh="请恢复它，或移走后重新运行",
        )
    return dict(content)


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name


def unchanged_outputs(folder: str | Path) -> set[Path]:
    """Return the files of a folder that a run made and no one has changed since.

    Files that are not as listed, or a folder without a manifest, give nothing.
    """
    try:
        found = verify_folder(folder)
    except ProjectError:
        return set()
    return {found.folder / name for name in found.same}
