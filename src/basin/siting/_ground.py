"""What sites are checked against: layers, the rules in force, and the day; entered once."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin.buffers import plain_text, site_keys
from basin.crs import to_exchange
from basin.errors import LayerError, RuleError, list_ids
from basin.standards.rules import Rule, load_rules

__all__ = [
    "DEFAULT_PACKS",
    "Ground",
    "Packs",
    "Tributaries",
    "enter_ground",
    "enter_rules",
    "enter_sites",
    "enter_tributaries",
    "read_tributaries",
]

DEFAULT_PACKS = ("china-yangtze", "chongqing")

#: Which tributaries a rule counts where the law is disputed: by the letter all; the important ones;
#: those up to an order; or the rivers named.
Tributaries = str | tuple[str, ...]
_ORDERS = {"first_order": 1, "second_order": 2}
_READINGS = ("all", "important", *_ORDERS)

Packs = str | Path | Iterable[str | Path] | tuple[Rule, ...]


@dataclass(frozen=True)
class Ground:
    """Layers in EPSG:4490 with rows numbered from 0, the rules in force on the day, and the day.

    The arguments of :func:`basin.siting.check_sites`, entered.
    """

    shorelines: gpd.GeoDataFrame | None
    zones: gpd.GeoDataFrame | None
    coverage: gpd.GeoDataFrame | None
    rules: tuple[Rule, ...]
    date: dt.date
    rivers: gpd.GeoDataFrame | None = field(default=None)
    bare: gpd.GeoDataFrame | None = field(default=None)
    rivers_whole: bool = True
    tributaries: Tributaries = "all"


def enter_ground(
    shorelines: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame | None,
    *,
    coverage: gpd.GeoDataFrame | None = None,
    rules: Packs = DEFAULT_PACKS,
    date: dt.date | str | None = None,
    rivers: gpd.GeoDataFrame | None = None,
    bare: gpd.GeoDataFrame | None = None,
    rivers_whole: bool = True,
    tributaries: Tributaries = "all",
) -> Ground:
    """Take the arguments of :func:`basin.siting.check_sites` in; validation is done here."""
    day = pd.Timestamp(date).date() if date is not None else dt.date.today()
    return Ground(
        _entered(shorelines, "shorelines"),
        _entered(zones, "zones"),
        _entered(coverage, "coverage"),
        enter_rules(rules, day),
        day,
        _entered(rivers, "rivers"),
        _entered(bare, "rivers"),
        rivers_whole,
        enter_tributaries(tributaries, shorelines),
    )


def enter_tributaries(tributaries: Any, shorelines: gpd.GeoDataFrame | None) -> Tributaries:
    """Take in which tributaries count, as in :func:`basin.siting.check_sites`."""
    if not isinstance(tributaries, str):
        return _known_rivers(tuple(map(str, tributaries)), shorelines)
    if tributaries not in _READINGS:
        raise RuleError(
            f"tributaries {tributaries!r} is not known",
            mend="Use all, important, first_order, second_order, or a list of rivers.",
            zh=f"支流范围 {tributaries!r} 不认识",
            mend_zh="用 all、important、first_order、second_order，或河名列表",
        )
    if tributaries in _ORDERS and shorelines is not None and "tributary_order" not in shorelines:
        raise LayerError(
            "layer 'shorelines' has no tributary_order, which this reading of the rule needs",
            mend="Add it with `tributary_orders(shorelines, network)`, or name the rivers.",
            zh="岸线图层没有 tributary_order（支流级别）列，按级别取支流须有这一列",
            mend_zh="用 `tributary_orders(shorelines, network)` 算出后加上，或直接列出河名",
        )
    return tributaries


def _known_rivers(names: tuple[str, ...], shorelines: gpd.GeoDataFrame | None) -> tuple[str, ...]:
    """Refuse words for a reading among names, and names that no shoreline has."""
    words = [name for name in names if name in _READINGS]
    if words or not names:
        told = ", ".join(words) or "nothing"
        raise RuleError(
            f"tributaries: {told} is no list of rivers",
            mend="Give one of the words alone, or names of rivers alone.",
            zh=f"支流范围：{'、'.join(words) or '空的列表'}不能当作河名",
            mend_zh="或单独写一个词（all、important、first_order、second_order），或只列河名",
        )
    rivers = [] if shorelines is None else sorted({*plain_text(shorelines, "river")} - {""})
    lost = [name for name in names if not any(river.startswith(name) for river in rivers)]
    if not rivers or not lost:
        return names
    near = dict.fromkeys(
        other for name in lost for other in difflib.get_close_matches(name, rivers, n=2, cutoff=0.4)
    )
    raise RuleError(
        f"tributaries: layer 'shorelines' has no river named {list_ids(map(repr, lost))}",
        mend=(f"Did you mean {' or '.join(near)}? " if near else "")
        + f"The rivers are: {list_ids(rivers, show=20)}.",
        zh=f"支流范围：岸线图层里没有名为 {list_ids(lost, lang='zh')} 的河",
        mend_zh=(f"是否指{'或'.join(near)}？" if near else "")
        + f"图层中的河有：{list_ids(rivers, show=20, lang='zh')}",
    )


def read_tributaries(lines: gpd.GeoDataFrame, tributaries: Tributaries) -> Any:
    """Tell which lines a reading of "tributary" counts; main stem and important ones aside.

    A line whose order is not known counts: nothing is left out for want of data.
    """
    if tributaries == "all":
        return np.ones(len(lines), dtype=bool)
    if tributaries == "important":
        return np.zeros(len(lines), dtype=bool)
    if isinstance(tributaries, str):
        order = pd.to_numeric(lines["tributary_order"], errors="coerce").to_numpy(dtype=float)
        return np.isnan(order) | (order <= _ORDERS[tributaries])
    return np.array([name.startswith(tributaries) for name in plain_text(lines, "river")], bool)


def enter_sites(sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Bring sites to EPSG:4490, numbered from 0, with ``site_id`` as text.

    Raises
    ------
    LayerError
        If ids occur twice.
    """
    places = to_exchange(sites, layer="sites").reset_index(drop=True)
    ids = site_keys(places)
    if ids.duplicated().any():
        raise LayerError(
            "layer 'sites' has ids that occur twice",
            ids=ids[ids.duplicated()].unique(),
            mend="Give each site an id of its own.",
            zh="图层 sites 有重复的编号",
            mend_zh="每个项目用各自的编号",
        )
    entered: gpd.GeoDataFrame = places.assign(site_id=ids.to_numpy())
    return entered


def _entered(table: gpd.GeoDataFrame | None, layer: str) -> gpd.GeoDataFrame | None:
    return None if table is None else to_exchange(table, layer=layer).reset_index(drop=True)


def enter_rules(rules: Any, day: dt.date) -> tuple[Rule, ...]:
    """Take in rule packs or rules: those in force on the day."""
    chosen: tuple[Rule, ...]
    packs = (rules,) if isinstance(rules, str | Path) else tuple(rules)
    if packs and all(isinstance(pack, Rule) for pack in packs):
        chosen = tuple(rule.on(day) for rule in packs if rule.in_force_on(day))
    else:
        chosen = load_rules(packs, day)
    if not chosen:
        raise RuleError(f"no rule is in force on {day}", mend="Name rule packs, or another date.")
    return chosen
