"""From a path to a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from basin import layers as layer_io
from basin.errors import ProjectError, shorten
from basin.project._config import LAYERS, OVERRIDES, Source, read_config

if TYPE_CHECKING:
    from basin.project import Basin

__all__ = ["open_project"]


def open_project(path: str | Path = ".", *, sandbox: bool | None = None, lang: str = "zh") -> Basin:
    """Open a project.

    Parameters
    ----------
    path
        A ``basin.toml``, a folder that holds one, or a folder or GeoPackage whose layers have the
        canonical names.
    sandbox
        Read each layer in a child process with limits on memory and time; None does so for what is
        zipped (see :class:`basin.layers.Limits`).
    lang : {'zh', 'en'}
        Language of labels and reports where the project states none.

    Raises
    ------
    ProjectError
        If there is no such project, or its file has an unknown key, layer or value.
    LayerError
        If it is a file of a kind that is not read, or damaged.

    Examples
    --------
    >>> basin = open_project("data/sample_layers")
    >>> basin.name, basin.date.isoformat()
    ('綦江示意流域', '2026-03-31')
    """
    from basin.project import Basin

    try:
        place = Path(path).resolve()
        there = place.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, no path at all
        there = False
    if not there:
        shown = repr(shorten(str(path), 200))
        raise ProjectError(
            f"there is no project at {shown}",
            mend="Give a folder, basin.toml or .gpkg.",
            zh=f"没有工程 {shown}",
            mend_zh="给出文件夹、basin.toml 或 .gpkg 的路径",
        )
    file = place / "basin.toml" if place.is_dir() else place
    if file.suffix.casefold() == ".toml" and file.exists():
        return Basin(**{"lang": lang} | read_config(file), sandbox=sandbox)
    if place.is_file():
        layer_io.layer_names(place, sandbox=sandbox)  # refuses what is no layer file
    found = layer_io.find_layers(place, sandbox=sandbox)
    if "rivers" not in found and "shorelines" not in found:
        raise ProjectError(
            f"{str(path)!r} holds no basin.toml and no layer named rivers or shorelines",
            mend="Name the layers rivers, shorelines, zones ... or write a basin.toml.",
            zh=f"{str(path)!r} 中没有 basin.toml，也没有图层 rivers（河流）或 shorelines（岸线）",
            mend_zh="按 rivers、shorelines、zones……命名图层，或写一个 basin.toml",
        )
    sources = {
        name: tuple(
            Source(Path(file_path), {"layer": layer} if layer else {})
            for file_path, layer in places
        )
        for name, places in found.items()
        if name in LAYERS
    }
    folder = place if place.is_dir() else place.parent
    unused = layer_io.unused_files(folder, found, sandbox=sandbox) if place.is_dir() else ()
    beside = folder / OVERRIDES
    return Basin(
        folder=folder,
        name=place.stem,
        sources=sources,
        unused=tuple(name for name in unused if name != OVERRIDES),
        overrides=beside if beside.exists() else None,
        sandbox=sandbox,
        lang=lang,
    )
