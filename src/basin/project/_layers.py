"""The tables of a project, read when first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from basin import layers as layer_io
from basin.errors import LayerError
from basin.project._config import LAYERS, Source

__all__ = ["FileRead", "Layers"]


@dataclass(frozen=True)
class FileRead:
    """How a file of a layer was read: its rows, and what was decided on the way."""

    layer: str
    source: Source
    n_rows: int
    found: tuple[layer_io.Problem, ...]


#: Files that may hold bare coordinates.
_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".zip")


class Layers(Mapping[str, Any]):
    """The project's tables, read when first asked for; problems gather in one list."""

    def __init__(
        self,
        sources: Mapping[str, tuple[Source, ...]],
        unused: tuple[str, ...],
        sandbox: bool | None,
    ) -> None:
        self._sources = sources
        self._sandbox = sandbox
        self._tables: dict[str, Any] = {}
        self.read: list[FileRead] = []
        self.problems: list[layer_io.Problem] = []
        if unused:
            self.problems.append(layer_io.make_problem("-", "file_unused", ids=unused))

    def take(self, other: Layers, problems: list[layer_io.Problem]) -> None:
        """Take over what another project has read of the same sources."""
        self._tables.update({k: v for k, v in other._tables.items() if k in self._sources})
        self.problems[:] = problems
        self.read[:] = [one for one in other.read if one.layer in self._sources]

    def __iter__(self) -> Iterator[str]:
        return (name for name in LAYERS if name in self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources  # without reading it

    def __getitem__(self, name: str) -> Any:
        if name not in self._tables:
            tables = [self._read_one(name, source) for source in self._sources[name]]
            table = layer_io.stack_layers(tables, name, problems=self.problems)
            if name == "samples" and "sections" in self:
                table = layer_io.match_sections(table, self["sections"], problems=self.problems)
            self._tables[name] = table
        return self._tables[name]

    def _read_one(self, name: str, source: Source) -> Any:
        found: list[layer_io.Problem] = []
        table = layer_io.read_layer(
            source.path,
            name,
            near=self._near(name, source),
            sandbox=self._sandbox,
            problems=found,
            **source.options,
        )
        self.problems.extend(found)
        self.note_read(name, source, len(table), found)
        return table

    def note_read(
        self, layer: str, source: Source, n_rows: int, found: list[layer_io.Problem]
    ) -> None:
        """Keep for the annex of reports what was read, once for each file of a layer."""
        self.read[:] = [r for r in self.read if (r.layer, r.source.path) != (layer, source.path)]
        self.read.append(FileRead(layer, source, n_rows, tuple(found)))

    def _near(self, name: str, source: Source) -> Any:
        """Return where the rivers lie, for a table of bare coordinates; None where not needed."""
        table = Path(source.path).suffix.casefold() in _TABLES
        needed = table and "crs" not in source.options and name != "rivers"
        return self.bounds() if needed else None

    def bounds(self) -> tuple[float, ...] | None:
        """Return west, south, east, north of the rivers in degrees; None without any."""
        if "rivers" not in self:
            return None
        try:
            bounds = self["rivers"].total_bounds
        except LayerError:
            return None  # listed where the rivers themselves are asked for
        return tuple(bounds) if np.isfinite(bounds).all() else None
