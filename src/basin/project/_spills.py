"""What a project answers about spills: where one goes, and what threatens an intake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.errors import ProjectError
from basin.project._sections import find_id

if TYPE_CHECKING:
    from basin.tracing import IntakeZones, SpillTrace

__all__ = ["SpillQuestions", "layer_sources"]


class SpillQuestions:
    """The part of :class:`basin.project.Basin` that answers about spills."""

    def spill(
        self: Any,
        at: tuple[float, float] | tuple[str, float] | None = None,
        *,
        outfall_id: str | None = None,
        structure_id: str | None = None,
        **hydraulics: Any,
    ) -> SpillTrace:
        """Where does a spill go, when does it come, and what can hold it?

        Parameters
        ----------
        at
            (lon, lat) in EPSG:4490, or (reach_id, metres from its upstream end).
        outfall_id, structure_id
            In place of `at`: an outfall, or a structure such as a bridge, by its id, or by its name
            if no other has it.
        **hydraulics
            ``mass_kg``, ``duration_h``, ``item``, ``flow_ratio`` ...: see
            :func:`basin.tracing.trace_spill`; ``intakes`` and other layers in place of the
            project's own.

        Raises
        ------
        ProjectError
            If there is not one place, or no such outfall or structure.
        SnapError
            If the place is too far from every reach.
        """
        from basin.tracing import trace_spill

        given = [x for x in (at, outfall_id, structure_id) if x is not None]
        if len(given) != 1:
            raise ProjectError(
                f"{len(given)} places are given for the spill",
                mend="Give one of at=, outfall_id= and structure_id=.",
                zh=f"泄漏点给了 {len(given)} 个",
                mend_zh="坐标、排污口、桥梁三者给一个",
            )
        name = ""
        if outfall_id is not None:
            at, name = _row(self._need("outfalls", "the spill"), "outfalls", outfall_id)
        elif structure_id is not None:
            at, name = _row(self._need("structures", "the spill"), "structures", structure_id)
        hydraulics = {"name": name, **self.hydraulics_of_dem(), **hydraulics}
        layers = ("sections", "intakes", "structures", "districts")
        own = {layer: self._maybe(layer) for layer in layers if layer not in hydraulics}
        return trace_spill(
            self.network,
            at,
            **own,
            max_offset_m=self.max_offset_m,
            date=self.effective_date,
            sources=layer_sources(self, ("rivers", *own)),
            **hydraulics,
        )

    def intake_zones(
        self: Any, intake_id: str, *, hours: Iterable[float] = (4.0, 24.0), **hydraulics: Any
    ) -> IntakeZones:
        """Rivers from which a spill could reach an intake in some hours; what lies there.

        Parameters
        ----------
        intake_id
            Its id, or its name if no other intake has it.
        hours
            Limits, 4 and 24 h unless asked otherwise.
        **hydraulics
            ``case``, ``flow_ratio`` ...: see :func:`basin.tracing.intake_zones`.
        """
        from basin.buffers import in_force
        from basin.tracing import intake_zones

        zones = self._maybe("zones")
        layers = ("outfalls", "structures", "zones")
        return intake_zones(
            self.network,
            str(intake_id),
            self._need("intakes", "the zones of an intake"),
            hours=hours,
            outfalls=self._maybe("outfalls"),
            structures=self._maybe("structures"),
            zones=None if zones is None else zones[in_force(zones, self.effective_date)],
            max_offset_m=self.max_offset_m,
            date=self.effective_date,
            sources=layer_sources(self, ("rivers", *layers)),
            **hydraulics,
        )


def _row(table: Any, layer: str, wanted: str) -> tuple[Any, str]:
    """The place of one row, and what it is called."""
    found = find_id(wanted, table, layer)
    key = "outfall_id" if layer == "outfalls" else "id"
    row = table[table[key].astype("str") == found].iloc[[0]]
    name = row["name"].iloc[0] if "name" in row.columns else ""
    return row.geometry, f"{found} {name if isinstance(name, str) else ''}".strip()


def layer_sources(basin: Any, layers: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name the files of each layer, and the day of the newest."""
    result = {}
    for layer in layers:
        given = basin.sources.get(layer, ())
        files = [Path(s.path) for s in given if not isinstance(s.path, str)]
        days = [dt.date.fromtimestamp(f.stat().st_mtime) for f in files if f.exists()]
        names = ", ".join(f.name for f in files) or ("PostGIS" if given else "")
        result[layer] = (names, max(days).isoformat() if days else "")
    return result
