"""What a project answers about all its outfalls: the ledger, and the section each drains to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basin.project._spills import layer_sources

if TYPE_CHECKING:
    from basin.tracing import OutfallAttribution, OutfallLedger

__all__ = ["LedgerQuestions"]


class LedgerQuestions:
    """The part of :class:`basin.project.Basin` that answers about outfalls as a whole."""

    def ledger(self: Any, **options: Any) -> OutfallLedger:
        """How far has the survey of outfalls come (查测溯治), and what needs a look?

        Sewage works are the project's sites of that category that exist already.

        Parameters
        ----------
        **options
            ``targets``, ``near_m``, ``works_m``: see :func:`basin.tracing.outfall_ledger`.
        """
        from basin.tracing import outfall_ledger

        outfalls = self._need("outfalls", "the ledger")
        sources = layer_sources(self, ("outfalls", "zones", "districts", "sections", "sites"))
        return outfall_ledger(
            outfalls,
            network=self.usable_network,
            sections=self._maybe("sections"),
            zones=self._maybe("zones"),
            works=_sewage_works(self._maybe("sites")),
            districts=self._maybe("districts"),
            max_offset_m=self.max_offset_m,
            date=self.effective_date,
            sources={**sources, "works": sources["sites"]},
            **options,
        )

    def attribute(self: Any) -> OutfallAttribution:
        """Which section does each outfall drain to, and which outfalls lie above each?"""
        from basin.tracing import attribute_outfalls

        return attribute_outfalls(
            self.network,
            self._need("sections", "the attribution"),
            self._need("outfalls", "the attribution"),
            max_offset_m=self.max_offset_m,
        )


def _sewage_works(sites: Any) -> Any:
    if sites is None:
        return None
    works = sites["category"].eq("sewage_works") & sites["action"].eq("existing")
    return sites[works.fillna(False).to_numpy(dtype=bool)]
