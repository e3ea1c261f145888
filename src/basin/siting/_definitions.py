"""Definition sensitivity: how many sites are prohibited under each reading of the rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import Floats
from basin.buffers import (
    bank_sides,
    base_lines,
    in_force,
    plain_text,
    river_names,
    shoreline_distance,
)
from basin.crs import EXCHANGE_CRS, to_exchange
from basin.siting._conditions import IN, NEAR, OUT, line_level
from basin.siting._evidence import is_great
from basin.siting._ground import (
    DEFAULT_PACKS,
    Packs,
    Tributaries,
    enter_rules,
    enter_sites,
    enter_tributaries,
    read_tributaries,
)
from basin.siting._orders import reach_orders, tributary_orders
from basin.standards.labels import label
from basin.standards.rules import Rule
from basin.zones import coverage_area, known_inside

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["DefinitionSensitivity", "definition_sensitivity"]

Ints = npt.NDArray[np.int64]

#: The greatest order of tributary that each reading counts; the last counts every river.
_SCOPES = {"main_stem": 0, "first_order": 1, "second_order": 2, "all": 99}
#: Order of a river whose order is not known: counted by `all` alone.
_STRANGE = 98
#: Kinds of line that each reading of the base line takes.
_KINDS = {
    "base": None,
    "management_range": ("management_range",),
    "bank": ("bank", "water_polygon"),
    "centreline": ("centreline",),
}
#: A river's line of a kind is missing where another kind of it lies this much nearer (metres).
_MISSING_M = 1_000.0
_UNKNOWN = -1
#: What makes a river: its name, with its order and whether the reading asked for counts it.
_RIVER = ("_river", "_order", "_asked")


@dataclass(frozen=True)
class DefinitionSensitivity:
    """How many sites lie within a limit under each reading of river, base line and limit.

    Attributes
    ----------
    table : DataFrame
        One row a reading: ``scope`` (``main_stem``; ``first_order`` and ``second_order`` add the
        tributaries of these orders; ``all``; ``asked``: those that the reading asked for counts, if
        it is another), ``line`` (``base``: in force, of the best kind;
        ``management_range``, ``bank``, ``centreline``: of this kind only, a centre line without
        its half width), ``limit_m``; ``n_sites``, ``n_prohibited`` (within), ``n_borderline``,
        ``n_clear``, ``n_unchecked`` (a river within the limit by its best line has no such line
        near, the order of a river in reach is not known, or the shorelines are not known to be
        complete);
        ``site_ids``, those within.
    sites : DataFrame
        One row a site and reading: ``site_id``, ``scope``, ``line``, ``limit_m``, ``distance_m``
        to the nearest such line, ``error_m``, and ``verdict``.
    date
    """

    table: pd.DataFrame
    sites: pd.DataFrame
    date: dt.date

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the table of readings; with a language, one to read: words instead of codes."""
        if lang is None:
            return self.table.copy()
        frame = self.table.drop(columns="site_ids")
        for name, words in (("scope", "river_scope_reading"), ("line", "base_line_reading")):
            frame[name] = [label(words, code, lang) for code in frame[name]]
        return frame.rename(columns={name: label("reading_column", name, lang) for name in frame})


def definition_sensitivity(
    sites: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
    network: RiverNetwork | None = None,
    *,
    limits_m: Sequence[float] = (1000.0, 3000.0, 5000.0),
    date: dt.date | str | None = None,
    coverage: gpd.GeoDataFrame | None = None,
    rivers: gpd.GeoDataFrame | None = None,
    tributaries: Tributaries = "all",
    rules: Packs = DEFAULT_PACKS,
) -> DefinitionSensitivity:
    """Count the sites within each limit under each reading: which rivers, which line, how far.

    Parameters
    ----------
    sites : shape (n, ...)
        The sites that the question is about, whatever their category.
    shorelines : shape (m, ...)
        All kinds and editions. A column ``tributary_order`` (0 main stem, 1 what flows into it)
        goes before the network.
    network
        Tells the order of each river; its reaches are the centre lines, beside those of
        `shorelines`. None: only what ``river_class`` calls main stem is known to be of an order.
    limits_m
        Metres.
    date
        Day that decides which lines are in force; None is today.
    coverage
        Where shorelines are known to be complete; None: nowhere is known, and a site that no line
        comes near counts as clear by the lines given, as a table of counts must.
    rivers
        Middle lines for bank lines, as in :func:`basin.siting.check_sites`.
    tributaries
        The reading asked for, as in :func:`basin.siting.check_sites`: other than ``all``, it is the
        scope ``asked``, which counts main stem and important tributaries besides.
    rules
        Tell which rivers are main stem or important tributaries by name.

    Returns
    -------
    DefinitionSensitivity

    Notes
    -----
    Of each river the nearest line decides; a line without a name is a river of its own.
    """
    day = pd.Timestamp(date).date() if date is not None else dt.date.today()
    places = enter_sites(sites)
    lines = to_exchange(shorelines, layer="shorelines").reset_index(drop=True)
    reading = enter_tributaries(tributaries, lines)
    lines = lines.assign(_order=_orders(lines, network), _row=np.arange(len(lines)))
    lines["_asked"] = _asked(lines, reading, enter_rules(rules, day))
    lines = lines[in_force(lines, day)]
    base, middles = base_lines(lines, day), _middle_lines(lines, reading, network)
    drawn = {name: lines[np.isin(plain_text(lines, "kind"), kinds or ())] for name, kinds in
             _KINDS.items()} | {"base": base, "centreline": middles}  # fmt: skip
    reach = max(map(float, limits_m), default=0.0) + _MISSING_M
    nearest, distance = {}, {}
    for name, some in drawn.items():
        middle = None if name == "centreline" else rivers
        nearest[name] = _measured(places, some, middle, ("_order", "_asked"), None)
        distance[name] = _measured(places, some, middle, _RIVER, reach)
    scopes = [*_SCOPES, *([] if reading == "all" else ["asked"])]
    rows = []
    for limit in map(float, limits_m):
        covered = _covered(places, coverage, limit, day)
        for name, found in distance.items():
            levels = _levels(found, distance["base"] if name != "base" else None, limit)
            of = (places, nearest[name], levels, covered)
            rows += [_reading(*of, scope, name, limit) for scope in scopes]
    table = pd.concat(rows, ignore_index=True)
    return DefinitionSensitivity(_counted(table), table, day)


def _asked(lines: gpd.GeoDataFrame, reading: Tributaries, rules: tuple[Rule, ...]) -> Any:
    """Which lines the reading asked for counts: main stem and important ones always do."""
    names = zip(plain_text(lines, "river"), plain_text(lines, "river_class"), strict=True)
    great = [any(is_great(rule, name, of) for rule in rules) for name, of in names]
    return read_tributaries(lines, reading) | np.array(great, dtype=bool)


def _orders(lines: gpd.GeoDataFrame, network: RiverNetwork | None) -> Ints:
    """Order of each line's river."""
    order = np.full(len(lines), np.nan)
    if "tributary_order" in lines:
        order = pd.to_numeric(lines["tributary_order"], errors="coerce").to_numpy(dtype=float)
    if network is not None:
        order = np.where(np.isnan(order), tributary_orders(lines, network), order)
    main = plain_text(lines, "river_class") == "main_stem"
    return np.nan_to_num(np.where(main, 0.0, order), nan=_STRANGE).astype(np.int64)


def _middle_lines(
    lines: gpd.GeoDataFrame, reading: Tributaries, network: RiverNetwork | None
) -> gpd.GeoDataFrame:
    """Centre lines as lines of no kind, so that no half width is taken off.

    A reach counts in the reading asked for as a shoreline of its river does, and without one by its
    name or order.
    """
    parts = [lines[plain_text(lines, "kind") == "centreline"]]
    if network is not None:
        reaches = network.reaches
        by_law = reach_orders(network)
        part = gpd.GeoDataFrame(
            {"line_id": reaches.index.astype(str), "river": plain_text(reaches, "name")},
            geometry=to_exchange(reaches, layer="rivers").geometry.to_numpy(),
            crs=EXCHANGE_CRS,
        )
        part["tributary_order"] = by_law.to_numpy(dtype=float)
        part["_order"] = by_law.fillna(_STRANGE).to_numpy(dtype=np.int64)
        named = lines.groupby(plain_text(lines, "river"))["_asked"].max().drop("", errors="ignore")
        own = pd.Series(plain_text(part, "river")).map(named).to_numpy(dtype=object)
        by_itself = read_tributaries(part, reading) | (part["_order"] == 0).to_numpy()
        part["_asked"] = np.where(pd.isna(own), by_itself, own).astype(bool)
        parts.append(part)
    every = pd.concat(parts, ignore_index=True)
    table = gpd.GeoDataFrame(every, geometry="geometry", crs=EXCHANGE_CRS)
    kept: gpd.GeoDataFrame = table.assign(kind="", width_m=np.nan)
    return kept


def _measured(
    places: gpd.GeoDataFrame,
    lines: gpd.GeoDataFrame,
    rivers: gpd.GeoDataFrame | None,
    by: tuple[str, ...],
    within_m: float | None,
) -> pd.DataFrame:
    """Nearest line of each group: one row a site and group."""
    lines = lines.assign(_river=river_names(lines))
    banks = lines if len(lines) and plain_text(lines, "kind").any() else lines.iloc[:0]
    sides = bank_sides(places, banks, rivers)
    if banks is not lines:
        sides = sides.iloc[:0]
    found = shoreline_distance(places, lines, by=by, within_m=within_m, sides=sides)
    found["site"] = pd.Index(places["site_id"]).get_indexer(pd.Index(found["site_id"]))
    found["_order"] = found["_order"].astype(np.int64)
    found["_asked"] = found["_asked"].astype(str) == "True"
    return found


def _levels(found: pd.DataFrame, base: pd.DataFrame | None, limit: float) -> pd.DataFrame:
    """Level of each site and river, and whether the kind is missing where the base line is near."""
    d, inside, error = (found[c].to_numpy(float) for c in ("distance_m", "inside_m", "error_m"))
    level = pd.DataFrame(
        {name: found[name] for name in ("site", *_RIVER)}
        | {"level": line_level(d, inside, error, limit), "distance_m": d}
    )
    if base is None:
        return level
    keys = ["site", "_river"]
    near = base[base["distance_m"] <= limit + base["error_m"]]
    own = level.groupby(keys)["distance_m"].min().rename("own_m").reset_index()
    near = near[[*keys, "_order", "_asked", "distance_m"]].merge(own, on=keys, how="left")
    missing = near[~(near["own_m"] <= near["distance_m"] + _MISSING_M)]
    lost = missing[["site", *_RIVER, "distance_m"]].assign(level=_UNKNOWN)
    return pd.concat([level, lost], ignore_index=True) if len(lost) else level


def _covered(
    places: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame | None, limit: float, day: dt.date
) -> Any:
    drawn = ~(places.geometry.isna() | places.geometry.is_empty).to_numpy()
    if coverage is None:
        return drawn
    area = coverage_area(to_exchange(coverage, layer="coverage"), "shorelines", day)
    if shapely.is_empty(area):
        return np.zeros(len(places), dtype=bool)
    return drawn & known_inside(places, area, np.full(len(places), limit))


def _reading(
    places: gpd.GeoDataFrame,
    found: pd.DataFrame,
    levels: pd.DataFrame,
    covered: Any,
    scope: str,
    line: str,
    limit: float,
) -> pd.DataFrame:
    """Verdict of every site under one reading."""
    n = len(places)
    asked, most = scope == "asked", _SCOPES.get(scope, 0)
    mine = levels[levels["_asked"] if asked else levels["_order"] <= most]
    top, unknown = np.zeros(n, dtype=np.int64), ~np.asarray(covered, dtype=bool)
    np.maximum.at(top, mine["site"].to_numpy(), mine["level"].to_numpy())
    unknown[mine.loc[mine["level"] == _UNKNOWN, "site"].to_numpy()] = True
    # a river of no known order within the limit may be of this scope
    if not asked and most < _STRANGE:  # the reading asked for counts it
        strange = levels[(levels["_order"] == _STRANGE) & (levels["level"] != OUT)]
        unknown[strange["site"].to_numpy()] = True
    verdict = np.select([top == IN, top == NEAR, unknown],
                        ["prohibited", "borderline", "unchecked"], "clear")  # fmt: skip
    of = found[found["_asked"] if asked else found["_order"] <= most]
    of = of.sort_values(["site", "distance_m"])
    near = of.drop_duplicates("site").set_index("site").reindex(range(n))
    columns: dict[str, Floats | Any] = {
        "site_id": places["site_id"].to_numpy(), "scope": scope, "line": line, "limit_m": limit,
        "distance_m": near["distance_m"].to_numpy(float),
        "error_m": near["error_m"].to_numpy(float), "verdict": verdict,
    }  # fmt: skip
    return pd.DataFrame(columns, index=range(n))


def _counted(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["limit_m", "line", "scope"]
    kept = table.groupby(keys, sort=False)
    rows = kept["site_id"].size().rename("n_sites").to_frame()
    for verdict in ("prohibited", "borderline", "clear", "unchecked"):
        rows[f"n_{verdict}"] = (table["verdict"] == verdict).groupby([table[k] for k in keys],
                                                                     sort=False).sum()  # fmt: skip
    inside = table[table["verdict"] == "prohibited"]
    rows["site_ids"] = inside.groupby(keys, sort=False)["site_id"].agg(", ".join)
    rows["site_ids"] = rows["site_ids"].fillna("")
    order = [
        "scope",
        "line",
        "limit_m",
        *(c for c in map(str, rows) if c.startswith("n_")),
        "site_ids",
    ]
    return rows.reset_index()[order]
