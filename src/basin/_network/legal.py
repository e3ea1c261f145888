"""Rivers as the law sees them beside rivers as they are computed, and where the two disagree.

The law knows names: the main stem is the Yangtze under all its names, a tributary every river that
flows into it by whatever way, and an important one drains 10,000 km2 and more. A network knows
ways. Neither is believed against the other: every disagreement is a row to be decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._network.arrays import Bools, Floats, Ints
from basin._network.assemble import parts_share
from basin._network.attributes import TOTAL_AREA, sums_above
from basin._network.base import Reaches
from basin._network.names import plain_name
from basin._text import number
from basin.errors import NetworkError
from basin.standards.rivers import river_law

__all__ = ["LegalView", "RiverClasses"]

#: Columns that are taken for a cartographic grade, 1 the greatest river.
_GRADE_COLUMNS = ("river_grade", "grade", "河流等级", "河流级别", "等级")

_CHINESE_NUMBERS = {word: k for k, word in enumerate("一二三四五六七八九", start=1)}

_DISPUTES: dict[str, tuple[str, str]] = {
    "main_stem_computed_as_tributary": (
        "法定干流，但按河网计算为 {value} 级支流；核对方向、连通或图层范围",
        "the main stem by name, but computed as a tributary of order {value}; "
        "check directions, gaps and the extent of the layer",
    ),
    "continues_main_stem": (
        "按河网计算与干流同属一条主河道，但不在干流名录中；按支流计",
        "computed as the main path of the main stem, but not among its names; taken as a tributary",
    ),
    "several_orders": (
        "同名河段的计算级别不一（{value}）；可能是同名异河、汊道或断线",
        "reaches of this name have several orders ({value}): two rivers of one name, arms, or gaps",
    ),
    "named_but_small": (
        "法条列名的重要支流，但流域面积仅 {value} km²；图层可能不完整",
        "an important tributary by name, yet {value} km2 here; the layer may be cut off",
    ),
    "large_but_not_named": (
        "计算为一级支流且流域面积 {value} km²（八万以上），但不在法条所列名录中",
        "a first-order tributary that drains {value} km2 (over 80,000), yet not named by the law",
    ),
    "named_but_not_first_order": (
        "法条列名的一级支流，但按河网计算为 {value} 级",
        "a first-order tributary by name, but computed as of order {value}",
    ),
    "grade_above_receiver": (
        "制图等级（{value}）高于所汇入的河流",
        "its cartographic grade ({value}) is above that of the river it flows into",
    ),
}


@dataclass(frozen=True)
class RiverClasses:
    """Rivers by law and by computation, and the disputes between the two.

    Attributes
    ----------
    rivers
        By river name (the spelling of most of its length): ``river_class`` (main_stem, tributary);
        ``important`` (True, False, or missing where the drainage area is not known);
        ``legal_order`` (0 the main stem, 1 what flows into it, ...; missing where the layer does
        not hold the way to it); ``computed_order`` (``tributary_order`` of most of its length);
        ``flows_into``; ``named_by_law``; ``grade``; ``drainage_area_km2`` at its mouth;
        ``length_m``; ``n_reaches``; ``disputes``, their kinds.
    disputes
        ``river``, ``kind``, ``value``, ``reach_ids``, and sentences ``zh`` and ``en``.
    """

    rivers: pd.DataFrame
    disputes: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the rivers (a copy)."""
        return self.rivers.copy()

    def explain(self, lang: str = "zh") -> str:
        """Tell each river's class, then what has to be decided."""
        law = river_law()["law"][lang]
        lines = [f"依据：{law}。" if lang == "zh" else f"By {law}."]
        lines += [_river_text(row, lang) for row in self.rivers.reset_index().to_dict("records")]
        colon, stop = ("：", "。") if lang == "zh" else (": ", ".")
        lines += [f"- {r['river']}{colon}{r[lang]}{stop}" for _, r in self.disputes.iterrows()]
        return "\n".join(lines)


def _river_text(row: dict[Any, Any], lang: str) -> str:
    zh = lang == "zh"
    if row["river_class"] == "main_stem":
        what = "干流" if zh else "main stem"
    elif pd.isna(row["important"]):
        what = "支流（流域面积不明，是否重要支流未核）" if zh else "tributary (area not known)"
    elif row["important"]:
        what = "重要支流" if zh else "important tributary"
    else:
        what = "支流" if zh else "tributary"
    order, area = row["legal_order"], row["drainage_area_km2"]
    told = [what]
    if pd.notna(order) and order > 0:
        told.append(f"{order} 级" if zh else f"order {order}")
    if pd.notna(area):
        told.append(f"{number(area)} km²")
    return f"{row['name']}：{'，'.join(told)}。" if zh else f"{row['name']}: {', '.join(told)}."


class LegalView(Reaches):
    """Asking a network for the classes of the law."""

    def drainage_area(
        self, area: str | pd.Series = "area_km2", split: str | pd.Series | None = None
    ) -> pd.Series:
        """Add up the drainage area of every reach and all above it, each once.

        Parameters
        ----------
        area
            The column of :attr:`reaches` with each line's own area, or a Series by reach_id.
            Missing ones count as 0. The area of a line that was split, in a column, is shared
            among its parts by their lengths; a Series is taken as it is.
        split
            None: below a parting every arm has the whole area above it (NHDPlus TotDASqKM). Else
            as in :meth:`accumulate`: parts that sum to the whole (main: NHDPlus DivDASqKM).

        Returns
        -------
        Series by reach_id, in the unit of `area`.

        Raises
        ------
        NetworkError
            If there is no such column, or for unknown reach_ids.
        """
        if isinstance(area, str):
            if area not in self.reaches:
                raise NetworkError(
                    f"there is no column {area!r} with the area of each reach",
                    mend="Name the column, or give a Series by reach_id.",
                )
            share = parts_share(self.reaches["source_id"], self._lengths)
            values = pd.to_numeric(self.reaches[area], errors="coerce").fillna(0.0) * share
        else:
            values = area
        if split is not None:
            answer: Any = self
            total: pd.Series = answer.accumulate(values, split=split)
            return total.rename("drainage_area")
        own = self._by_reach(values, "areas", 0.0)
        above = sums_above(self._parts.tree, own)
        return pd.Series(above, index=self.reaches.index, name="drainage_area")

    def classify_rivers(
        self,
        *,
        total_area_km2: str | pd.Series | None = None,
        grade: str | None = None,
        main_stem: tuple[str, ...] | None = None,
    ) -> RiverClasses:
        """Classify the named rivers as the Yangtze River Protection Law does, and list disputes.

        Parameters
        ----------
        total_area_km2
            Column of :attr:`reaches`, or Series by reach_id, with the whole drainage area at each
            reach's lower end, such as ``network.drainage_area("area_km2")``. By default one of
            ``total_area_km2``, ``drainage_area_km2``, ``TotDASqKM``, ``UPLAND_SKM``, ``uparea`` if
            present.
        grade
            Column with a cartographic grade, 1 (or 一级) the greatest river. By default one of
            ``river_grade``, ``grade``, ``河流等级``, ``河流级别``, ``等级`` if present.
        main_stem
            Names of the main stem, for another basin; by default those of the Yangtze.

        Returns
        -------
        RiverClasses

        Raises
        ------
        NetworkError
            If a column that is named does not exist.

        Notes
        -----
        A name decides what is main stem, not the computed order: in a layer that holds one
        tributary only, that tributary has order 0 and is still a tributary.

        References
        ----------
        《中华人民共和国长江保护法》第九十五条: main stem, tributary, important tributary.
        """
        law = river_law()
        stem = (*law["main_stem"]["names"], *law["main_stem"]["names_en"])
        named = law["important_tributary"]["named"]
        river = self._river_table(total_area_km2, grade)
        is_main = _is_one_of(river.names, main_stem if main_stem is not None else stem)
        by_law = _is_one_of(river.names, (*named["names"], *named["names_en"])) & ~is_main
        if main_stem is not None:
            by_law[:] = False
        order, orders, joins_stem = self._legal_order(river, is_main)
        area, least = river.area, float(law["important_tributary"]["min_area_km2"])
        important = pd.array(np.where(np.isnan(area), False, area >= least), dtype="boolean")
        important[np.isnan(area) & ~by_law] = pd.NA
        important[by_law] = True
        important[is_main] = False
        table = pd.DataFrame(
            {
                "river_class": np.where(is_main, "main_stem", "tributary"),
                "important": important,
                "legal_order": order,
                "computed_order": river.order,
                "flows_into": river.into,
                "named_by_law": by_law | is_main,
                "grade": pd.array(river.grade, dtype="Float64").astype("Int64"),
                "drainage_area_km2": area,
                "length_m": river.length_m,
                "n_reaches": river.n_reaches,
            },
            index=pd.Index(river.names, name="name"),
        )
        large = float(named["min_area_km2"])
        disputes = self._disputes(river, table, orders, joins_stem, by_law, large)
        kinds = disputes.groupby("river")["kind"].agg(", ".join)
        table["disputes"] = kinds.reindex(table.index).fillna("")
        rank = table["legal_order"].fillna(99).to_numpy(dtype=int)
        seat = np.lexsort((table.index.to_numpy(str), -table["length_m"].to_numpy(), rank))
        return RiverClasses(table.iloc[seat], disputes)

    def _river_table(self, area: str | pd.Series | None, grade: str | None) -> _Rivers:
        plain = [plain_name(name) for name in self.reaches["name"]]
        code, names = pd.factorize(np.array(plain, dtype=object), sort=True)
        names = np.asarray(names, dtype=object)
        code = np.where(np.array(plain, dtype=object) == "", -1, code)
        keep = np.unique(code[code >= 0])
        code = np.where(code < 0, -1, np.searchsorted(keep, code))
        names = names[keep]
        own, n = np.flatnonzero(code >= 0), len(names)
        length = self._lengths
        order = self.reaches["tributary_order"].to_numpy(dtype=float)
        graded = self._graded(grade)
        most = _most(code[own], order[own], length[own], n)
        areas = np.full(n, np.nan)
        np.fmax.at(areas, code[own], self._areas(area)[own])
        return _Rivers(
            names=names,
            code=code,
            order=most.astype(np.intp),
            grade=_most(code[own], graded[own], length[own], n),
            area=areas,
            into=self._receivers(code, names, order, most),
            length_m=np.bincount(code[own], weights=length[own], minlength=n).astype(float),
            n_reaches=np.bincount(code[own], minlength=n),
        )

    def _areas(self, area: str | pd.Series | None) -> Floats:
        if isinstance(area, pd.Series):
            return self._by_reach(area, "areas", np.nan)
        column = self._column(area, (*TOTAL_AREA, "TotDASqKM"))
        if column is None:
            return np.full(len(self.reaches), np.nan)
        values: Floats = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
        return np.where(values > 0, values, np.nan)

    def _graded(self, grade: str | None) -> Floats:
        column = self._column(grade, _GRADE_COLUMNS)
        if column is None:
            return np.full(len(self.reaches), np.nan)
        return np.array([_grade_number(v) for v in column], dtype=float)

    def _column(self, given: str | None, usual: tuple[str, ...]) -> Any:
        if given is not None and given not in self.reaches:
            raise NetworkError(
                f"there is no column {given!r}",
                mend=f"Columns are: {', '.join(map(str, self.reaches.columns))}.",
            )
        name = given or next((c for c in usual if c in self.reaches), None)
        return None if name is None else self.reaches[name]

    def _receivers(
        self, code: Ints, names: npt.NDArray[Any], order: Floats, most: Floats
    ) -> list[str]:
        """Name the river that each flows into, from the lower end of its longest main path."""
        down, path = self._parts.tree.down, self._parts.path
        usual = np.flatnonzero((code >= 0) & (order == np.append(most, np.nan)[code]))
        longest = _most(code[usual], path[usual].astype(float), self._lengths[usual], len(names))
        left = self.reaches["path_length_m"].to_numpy(dtype=float)
        on_it = usual[path[usual] == longest[code[usual]]]
        on_it = on_it[np.lexsort((left[on_it], code[on_it]))]
        into = [""] * len(names)
        for k, first in zip(*np.unique(code[on_it], return_index=True), strict=True):
            here = int(down[on_it[first]])
            while here >= 0 and code[here] in (-1, k):
                here = int(down[here])
            into[k] = str(names[code[here]]) if here >= 0 else ""
        return into

    def _legal_order(self, river: _Rivers, is_main: Bools) -> tuple[Any, list[str], Bools]:
        """Steps to the first reach named as main stem; all orders; who is one path with it."""
        down, path = self._parts.tree.down, self._parts.path
        m, n = len(down), len(river.names)
        stem = np.append(is_main, False)[river.code]
        onward = np.append(np.where(stem, np.arange(m), np.where(down < 0, m, down)), m)
        while not np.array_equal(onward[onward], onward):
            onward = onward[onward]
        goal = onward[:m]
        order = self.reaches["tributary_order"].to_numpy(dtype=float)
        there = goal < m
        steps = np.full(m, np.nan)
        steps[there] = np.maximum(order[there] - order[goal[there]], 1)
        steps[stem] = 0
        own = np.flatnonzero(river.code >= 0)
        code, length = river.code[own], self._lengths[own]
        legal = _most(code, steps[own], length, n)
        same_path = there & ~stem
        same_path[there] &= path[there] == path[goal[there]]
        share = np.bincount(code, weights=length * same_path[own], minlength=n)
        orders = ["、".join(f"{v:.0f}" for v in np.unique(order[own[code == k]])) for k in range(n)]
        return pd.array(legal, dtype="Float64").astype("Int64"), orders, share > river.length_m / 2

    def _disputes(
        self,
        river: _Rivers,
        table: pd.DataFrame,
        orders: list[str],
        joins_stem: Bools,
        by_law: Bools,
        large_km2: float,
    ) -> pd.DataFrame:
        grade_of = dict(zip(river.names, river.grade, strict=True))
        found: list[tuple[int, str, Any]] = []
        for k, row in enumerate(table.to_dict("records")):
            area, legal = river.area[k], row["legal_order"]
            first = pd.notna(legal) and legal == 1
            if row["river_class"] == "main_stem" and river.order[k] > 0:
                found.append((k, "main_stem_computed_as_tributary", river.order[k]))
            if joins_stem[k]:
                found.append((k, "continues_main_stem", ""))
            if "、" in orders[k]:
                found.append((k, "several_orders", orders[k]))
            if by_law[k] and area < large_km2:
                found.append((k, "named_but_small", number(area)))
            if by_law[k] and pd.notna(legal) and not first:
                found.append((k, "named_but_not_first_order", legal))
            if first and not by_law[k] and area >= large_km2:
                found.append((k, "large_but_not_named", number(area)))
            if river.grade[k] < grade_of.get(row["flows_into"], np.nan):
                found.append((k, "grade_above_receiver", f"{river.grade[k]:.0f}"))
        ids = self.reaches.index.to_numpy(dtype=object)
        rows = [
            {
                "river": river.names[k],
                "kind": kind,
                "value": str(value),
                "reach_ids": ", ".join(ids[river.code == k]),
                **{
                    lang: _DISPUTES[kind][n].format(value=value)
                    for n, lang in enumerate(("zh", "en"))
                },
            }
            for k, kind, value in found
        ]
        return pd.DataFrame(rows, columns=["river", "kind", "value", "reach_ids", "zh", "en"])


class _Rivers(NamedTuple):
    """The named rivers of a network, one row a name; `code` by reach, -1 for no name."""

    names: npt.NDArray[Any]
    code: Ints
    order: Ints
    grade: Floats
    area: Floats
    into: list[str]
    length_m: Floats
    n_reaches: Ints


def _is_one_of(names: npt.NDArray[Any], official: tuple[str, ...]) -> Bools:
    known = {plain_name(name).casefold() for name in official}
    return np.array([str(name).casefold() in known for name in names], dtype=bool)


def _grade_number(value: Any) -> float:
    """Read 1, "2级", "三级": the number, NaN for anything else."""
    if value is None or pd.isna(value):
        return float("nan")
    text = str(value).strip()
    digits = re.match(r"\d+", text)
    if digits:
        return float(digits.group())
    return float(_CHINESE_NUMBERS.get(text[:1], float("nan")))


def _most(code: Ints, values: Floats, weight: Floats, n: int) -> Floats:
    """Return for each code the value with most weight (the lowest in a tie), NaN for none."""
    known = np.isfinite(values)
    pair, which = np.unique(np.stack([code[known], values[known]]), axis=1, return_inverse=True)
    total = np.bincount(which.reshape(-1), weights=weight[known], minlength=pair.shape[1])
    order = np.lexsort((pair[1], -total, pair[0]))
    owner, first = np.unique(pair[0][order], return_index=True)
    result = np.full(n, np.nan)
    result[owner.astype(np.intp)] = pair[1][order][first]
    return result
