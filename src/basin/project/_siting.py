"""What a project is asked about siting: check, sensitivity, and what it is checked against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from basin import layers as layer_io
from basin.crs import EXCHANGE_CRS, local_metric_crs
from basin.errors import ProjectError
from basin.project import _checks
from basin.project._config import Source

if TYPE_CHECKING:
    from basin.siting import AllowedArea, DefinitionSensitivity, LineSensitivity, SitingResult

__all__ = ["SitingQuestions"]


class SitingQuestions:
    """The siting half of `basin.project.Basin`."""

    if TYPE_CHECKING:  # what the other half has

        def __getattr__(self, name: str) -> Any: ...

    def check(
        self,
        sites: Any = None,
        *,
        date: dt.date | None = None,
        crs: Any = None,
        overrides: Any = None,
        tributaries: str | tuple[str, ...] = "all",
    ) -> SitingResult:
        """May these projects be built here?

        Parameters
        ----------
        sites : GeoDataFrame, path, or None
            Sites as in the contract (``site_id``, ``category``, ``action``, ``accuracy_m``), a file
            that holds them, or None for the project's own ``sites`` layer.
        date
            Another project date, to replay or to look ahead.
        crs
            System of `sites` over what they say; ``"gcj02"`` and ``"bd09"`` are web maps.
        overrides
            Decisions of people (:meth:`SitingResult.with_overrides`); None takes the project's
            ``overrides.csv``, False none.
        tributaries
            Which tributaries count where the law is disputed, as in
            :func:`basin.siting.check_sites`; the orders are those of the network.
        """
        from basin.siting import check_sites

        ground = self._siting_layers(date, tributaries)
        result = check_sites(self._sites(sites, crs), **ground)
        given = self._decisions(overrides)
        return result if given is None else result.with_overrides(given)

    def line_sensitivity(
        self,
        sites: Any = None,
        *,
        date: dt.date | None = None,
        crs: Any = None,
        overrides: Any = None,
        tributaries: str | tuple[str, ...] = "all",
    ) -> LineSensitivity:
        """Measure each site to every edition and kind of line, and read its rules under each.

        Parameters
        ----------
        sites, date, crs, overrides, tributaries
            As in :meth:`check`, whose verdicts these are.
        """
        from basin.siting import line_sensitivity

        self._need("shorelines", "the sensitivity to lines")
        ground = self._siting_layers(date, tributaries)
        decided = self._decisions(overrides)
        return line_sensitivity(self._sites(sites, crs), **ground, overrides=decided)

    def _decisions(self, overrides: Any) -> Any:
        """Decisions of people: those given, else the project's; None for none."""
        given = self.overrides if overrides is None else overrides
        return None if given is False else given

    def definition_sensitivity(
        self,
        sites: Any = None,
        *,
        limits_m: Sequence[float] = (1000.0, 3000.0, 5000.0),
        date: dt.date | None = None,
        crs: Any = None,
        tributaries: str | tuple[str, ...] = "all",
    ) -> DefinitionSensitivity:
        """Count the sites within each limit under each reading: which rivers, line and limit.

        Parameters
        ----------
        sites, date, crs, tributaries
            As in :meth:`check`.
        limits_m
            Metres.
        """
        from basin.siting import definition_sensitivity

        self._need("shorelines", "the sensitivity to definitions")
        ground = self._siting_layers(date, tributaries)
        wanted = ("shorelines", "date", "coverage", "rivers", "rules", "tributaries")
        return definition_sensitivity(
            self._sites(sites, crs),
            network=self.usable_network,
            limits_m=limits_m,
            **{name: ground[name] for name in wanted},
        )

    def siting_details(self, result: SitingResult, *, places: int | None = None) -> tuple[Any, ...]:
        """What a report tells of checked sites beside the findings.

        Parameters
        ----------
        result
            What :meth:`check` returned.
        places
            For how many sites another place is looked for at the most (seconds each); None is 10.

        Returns
        -------
        tuple
            SiteZones, and with shorelines WaysToPass, LineSensitivity and DefinitionSensitivity.
        """
        from basin.siting import zones_around
        from basin.siting._ground import enter_ground
        from basin.siting._lines import lines_on
        from basin.siting._ways import MOST_SITES, ways_on

        sites, date = result.sites.reset_index(), result.date  # those that were checked
        given = self._siting_layers(date, result.tributaries)
        around = zones_around(sites, **given)
        if "shorelines" not in self.layers:
            return (around,)
        ground = enter_ground(**given)
        lines = lines_on(sites, ground, result)
        ways = ways_on(result, ground, lines, most=MOST_SITES if places is None else places)
        readings = self.definition_sensitivity(sites, date=date, tributaries=result.tributaries)
        return around, ways, lines, readings

    def find_allowed_area(
        self,
        category: str,
        action: str = "new",
        *,
        within: Any = None,
        date: dt.date | None = None,
        tributaries: str | tuple[str, ...] = "all",
        **options: Any,
    ) -> AllowedArea:
        """Find where a project may be built.

        Parameters
        ----------
        category, action
            As in a site.
        within
            A polygon or table of polygons; the id or name of a district; ``(lon, lat, metres)``
            for the surroundings of a place; None is all districts of the project, or what its
            coverage holds.
        date
            Another project date.
        tributaries
            As in :meth:`check`; where the letter prohibits and the reading does not, the ground is
            left to a person.
        **options
            ``accuracy_m``, ``resolution_m`` of :func:`basin.siting.find_allowed_area`.

        Raises
        ------
        ProjectError
            If there is no such district, or no ground to look at.
        """
        from basin.siting import find_allowed_area

        ground = self._siting_layers(date, tributaries)
        return find_allowed_area(category, action, within=self._ground(within), **options, **ground)

    def _ground(self, within: Any) -> Any:
        if isinstance(within, tuple) and len(within) == 3:
            lon, lat, metres = map(float, within)
            place = gpd.GeoSeries.from_xy([lon], [lat], crs=EXCHANGE_CRS)
            return place.to_crs(local_metric_crs(place)).buffer(metres, quad_segs=32)
        if within is not None and not isinstance(within, str):
            return within
        districts = self._maybe("districts")
        if within is None:
            table = districts if districts is not None else self._maybe("coverage")
            if table is None:
                raise ProjectError(
                    "there is neither a district nor a coverage to look at",
                    mend="Give the ground: a district, a polygon, or a place and a radius.",
                    zh="工程没有区县图层，也没有覆盖范围图层",
                    mend_zh="写明范围：区县、面，或一处坐标和半径",
                )
            return table
        known = districts if districts is not None else gpd.GeoDataFrame({"id": [], "name": []})
        mine = (known["id"].astype(str) == within) | (known["name"].astype(str) == within)
        mine |= known["name"].astype(str).str.startswith(within) if not mine.any() else False
        if mine.sum() != 1:
            told = ", ".join(f"{i} {n}" for i, n in zip(known["id"], known["name"], strict=True))
            raise ProjectError(
                f"{within!r} is no district of the project",
                mend=f"Known: {told or 'none'}.",
                zh=f"工程里没有区县“{within}”",
                mend_zh=f"已有：{told or '无'}",
            )
        return known[mine]

    def _sites(self, sites: Any, crs: Any = None) -> Any:
        """The sites asked about: a table, a file, or the project's own."""
        if sites is None:
            return self._need("sites", "the siting check")
        at_hand = isinstance(sites, gpd.GeoDataFrame)
        found: list[layer_io.Problem] = []
        table = layer_io.read_layer(
            sites,
            "sites",
            crs=crs,
            near=None if crs or at_hand else self.layers.bounds(),
            sandbox=self.sandbox,
            problems=found,
        )
        self.problems.extend(found)
        if isinstance(sites, str | Path):
            self.layers.note_read("sites", Source(Path(sites)), len(table), found)
        return table

    def _siting_layers(
        self, date: dt.date | None, tributaries: str | tuple[str, ...] = "all"
    ) -> dict[str, Any]:
        """What sites are checked against: the arguments of `check_sites`."""
        packs = (self.rules,) if isinstance(self.rules, str) else self.rules
        lines = self._maybe("shorelines")
        by_order = tributaries in ("first_order", "second_order")
        if by_order and lines is not None and "tributary_order" not in lines:
            from basin.siting import tributary_orders

            if self.usable_network is not None:
                order = tributary_orders(lines, self.usable_network)
                lines = lines.assign(tributary_order=order)
        return {
            "shorelines": lines,
            "tributaries": tributaries,
            "zones": self._maybe("zones"),
            "coverage": self._maybe("coverage"),
            "rules": tuple(self._rule_pack(r) for r in packs),
            "date": date or self.effective_date,
            "rivers": self._maybe("rivers"),
            "bare": self._bare,
            "rivers_whole": self._rivers_whole,
        }

    @property
    def _rivers_whole(self) -> bool:
        """Whether each river of the project is there to be held against the shorelines."""
        rivers = self._maybe("rivers")
        if rivers is None:
            return "rivers" not in self.lost
        return _checks.whole_lines(rivers)

    @cached_property
    def _bare(self) -> gpd.GeoDataFrame | None:
        """Land around rivers without a shoreline; they are one of `problems`."""
        return _checks.bare_ground(self.layers, self.problems)

    def _rule_pack(self, name: str) -> str:
        local = self.folder / name
        return str(local) if local.suffix == ".toml" and local.exists() else name
