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
from basin.buffers import bank_sides, base_lines, in_force, plain_text, shoreline_distance
from basin.crs import EXCHANGE_CRS, to_exchange
from basin.siting._conditions import IN, NEAR, OUT, line_level
from basin.siting._ground import enter_sites
from basin.siting._orders import reach_orders, tributary_orders
from basin.standards.labels import label
from basin.zones import coverage_area, known_inside

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["DefinitionSensitivity", "definition_sensitivity"]

Ints = npt.NDArray[np.int64]

#: The greatest order of tributary that each reading counts; the last counts every river.
_SCOPES = {"main_stem": 0, "first_order": 1, "second_order": 2, "all": 99}
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


@dataclass(frozen=True)
class DefinitionSensitivity:
    """How many sites lie within a limit under each reading of river, base line and limit.

    Attributes
    ----------
    table : DataFrame
        One row a reading: ``scope`` (``main_stem``; ``first_order`` and ``second_order`` add the
        tributaries of these orders; ``all``), ``line`` (``base``: in force, of the best kind;
        ``management_range``, ``bank``, ``centreline``: of this kind only, a centre line without
        its half width), ``limit_m``; ``n_sites``, ``n_prohibited`` (within), ``n_borderline``,
        ``n_clear``, ``n_unchecked`` (no such line is drawn where another kind is, the order of a
        river in reach is not known, or the shorelines are not known to be complete);
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

    Returns
    -------
    DefinitionSensitivity

    Notes
    -----
    In each order of river the nearest line decides.
    """
    day = pd.Timestamp(date).date() if date is not None else dt.date.today()
    places = enter_sites(sites)
    lines = to_exchange(shorelines, layer="shorelines").reset_index(drop=True)
    order = _orders(lines, network)
    current = in_force(lines, day)
    middles = _middle_lines(lines[current], order[current], network)
    lines = lines.assign(_order=order, _row=np.arange(len(lines)))
    lines = lines[current]
    base = base_lines(lines, day)
    distance = {
        "base": _by_order(places, base, rivers),
        **{
            name: _by_order(places, lines[np.isin(plain_text(lines, "kind"), kinds)], rivers)
            for name, kinds in _KINDS.items()
            if kinds and name != "centreline"
        },
        "centreline": _by_order(places, middles, None),
    }
    rows = []
    for limit in map(float, limits_m):
        covered = _covered(places, coverage, limit, day)
        for name, found in distance.items():
            levels = _levels(found, distance["base"] if name != "base" else None, limit)
            for scope, most in _SCOPES.items():
                rows.append(_reading(places, found, levels, covered, scope, most, name, limit))
    table = pd.concat(rows, ignore_index=True)
    return DefinitionSensitivity(_counted(table), table, day)


def _orders(lines: gpd.GeoDataFrame, network: RiverNetwork | None) -> Ints:
    """Order of each line's river; 98, counted by ``all`` alone, where it is not known."""
    order = np.full(len(lines), np.nan)
    if "tributary_order" in lines:
        order = pd.to_numeric(lines["tributary_order"], errors="coerce").to_numpy(dtype=float)
    if network is not None:
        order = np.where(np.isnan(order), tributary_orders(lines, network), order)
    main = plain_text(lines, "river_class") == "main_stem"
    return np.nan_to_num(np.where(main, 0.0, order), nan=98.0).astype(np.int64)


def _middle_lines(
    lines: gpd.GeoDataFrame, order: Ints, network: RiverNetwork | None
) -> gpd.GeoDataFrame:
    """Centre lines as lines of no kind, so that no half width is taken off."""
    centre = plain_text(lines, "kind") == "centreline"
    own = lines[centre].assign(_order=order[centre])
    parts = [own]
    if network is not None:
        reaches = network.reaches
        by_law = reach_orders(network).fillna(98).to_numpy(dtype=np.int64)
        part = gpd.GeoDataFrame(
            {"line_id": reaches.index.astype(str), "river": plain_text(reaches, "name")},
            geometry=to_exchange(reaches, layer="rivers").geometry.to_numpy(),
            crs=EXCHANGE_CRS,
        )
        parts.append(part.assign(_order=by_law))
    every = pd.concat(parts, ignore_index=True)
    table = gpd.GeoDataFrame(every, geometry="geometry", crs=EXCHANGE_CRS)
    kept: gpd.GeoDataFrame = table.assign(kind="", width_m=np.nan)
    return kept


def _by_order(
    places: gpd.GeoDataFrame, lines: gpd.GeoDataFrame, rivers: gpd.GeoDataFrame | None
) -> pd.DataFrame:
    """Nearest line of each order: one row a site and order."""
    banks = lines if len(lines) and plain_text(lines, "kind").any() else lines.iloc[:0]
    sides = bank_sides(places, banks, rivers)
    if banks is not lines:
        sides = sides.iloc[:0]
    found = shoreline_distance(places, lines, by=("_order",), sides=sides)
    found["site"] = pd.Index(places["site_id"]).get_indexer(pd.Index(found["site_id"]))
    found["_order"] = found["_order"].astype(np.int64)
    return found


def _levels(found: pd.DataFrame, base: pd.DataFrame | None, limit: float) -> pd.DataFrame:
    """Level of each site and order, and whether the kind is missing where the base line is near."""
    d, inside, error = (found[c].to_numpy(float) for c in ("distance_m", "inside_m", "error_m"))
    level = pd.DataFrame(
        {"site": found["site"], "order": found["_order"],
         "level": line_level(d, inside, error, limit), "distance_m": d, "error_m": error}
    )  # fmt: skip
    if base is None:
        return level
    near = base[base["distance_m"] <= limit + base["error_m"]]
    near = near.rename(columns={"_order": "order", "distance_m": "base_m"})
    both = level.merge(near[["site", "order", "base_m"]], on=["site", "order"], how="outer")
    missing = both["base_m"].notna() & ~(both["distance_m"] <= both["base_m"] + _MISSING_M)
    both["level"] = np.where(missing, _UNKNOWN, both["level"].fillna(OUT)).astype(np.int64)
    return both.drop(columns="base_m")


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
    most: int,
    line: str,
    limit: float,
) -> pd.DataFrame:
    """Verdict of every site under one reading."""
    n = len(places)
    mine = levels[levels["order"] <= most]
    top, unknown = np.zeros(n, dtype=np.int64), ~np.asarray(covered, dtype=bool)
    np.maximum.at(top, mine["site"].to_numpy(), mine["level"].to_numpy())
    unknown[mine.loc[mine["level"] == _UNKNOWN, "site"].to_numpy()] = True
    # a river of no known order within the limit may be of this scope
    strange = levels[(levels["order"] == 98) & (levels["level"] != OUT) & (most < 98)]
    unknown[strange["site"].to_numpy()] = True
    verdict = np.select([top == IN, top == NEAR, unknown],
                        ["prohibited", "borderline", "unchecked"], "clear")  # fmt: skip
    of = found[found["_order"] <= most].sort_values(["site", "distance_m"])
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
