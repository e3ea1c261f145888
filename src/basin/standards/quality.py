"""GB 3838-2002: limits of surface-water items, and the class of a value.

The figures are records (``gb3838.csv``, ``assessment.toml``, ``decay.toml``, ``discharges.toml``);
this module reads and applies them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from basin.errors import AssessmentError

__all__ = [
    "CLASSES",
    "Decay",
    "assessment_method",
    "carries",
    "class_rank",
    "classify",
    "decay_coefficient",
    "default_velocity",
    "exceedance_multiple",
    "gb3838",
    "limit_of",
    "worst_class",
]

#: The classes of water, best first; ``"none"`` stands for no value or no limit.
CLASSES = ("I", "II", "III", "IV", "V", "inferior")
_LIMITED = CLASSES[:5]
_CODES = np.array(("none", *CLASSES), dtype=object)
_RANKS = {code: rank for rank, code in enumerate(_CODES)}

#: A mean of decimals differs from its decimal value by rounding noise; a limit is met within this.
_NOISE = 1e-9

#: Class I by oxygen saturation, in per cent (GB 3838-2002 table 1, item 3).
_SATURATION_I = 90.0

Array = npt.NDArray[Any]


@cache
def _text(name: str) -> str:
    return files("basin.standards").joinpath(name).read_text(encoding="utf-8")


@cache
def assessment_method() -> dict[str, Any]:
    """Return the records of the assessment method: minimum samples, order of pollutants.

    References
    ----------
    环办〔2011〕22号《地表水环境质量评价办法（试行）》. Each record carries its confidence.
    """
    return tomllib.loads(_text("assessment.toml"))


@cache
def _limits(waterbody: str, tables: tuple[int, ...]) -> pd.DataFrame:
    raw = pd.read_csv(StringIO(_text("gb3838.csv")), keep_default_na=False, dtype=str)
    table = raw.loc[raw["table"].astype(int).isin(tables)]
    rows = table.loc[table["waterbody"].isin(["all", "drinking_source", waterbody])]
    # an item limited only in the other kind of water (TN) stays known, without a limit
    others = table.loc[~table["item_id"].isin(rows["item_id"])].drop_duplicates("item_id")
    others = others.assign(**dict.fromkeys(_LIMITED, ""))
    rows = pd.concat([rows, others]).sort_index().set_index("item_id")
    ranged = rows["kind"] == "range"
    bounds = rows["III"].where(ranged, "-").str.split("-", expand=True)
    result = pd.DataFrame(
        {
            "zh": rows["item_zh"],
            "symbol": rows["symbol"],
            "unit": rows["unit"],
            "kind": rows["kind"],
            **{c: pd.to_numeric(rows[c].mask(ranged, ""), errors="coerce") for c in _LIMITED},
            "low": pd.to_numeric(bounds[0], errors="coerce"),
            "high": pd.to_numeric(bounds[1], errors="coerce"),
            "table": rows["table"].astype(int),
            "evaluated": rows["in_21_item_evaluation"] == "yes",
            "note": rows["note"],
        }
    )
    return result


def gb3838(waterbody: str = "river", *, tables: tuple[int, ...] = (1,)) -> pd.DataFrame:
    """Return the limits of GB 3838-2002 for a kind of water.

    Parameters
    ----------
    waterbody : {"river", "lake"}
        Lakes and reservoirs have stricter limits of total phosphorus, and limits of total nitrogen.
        A river-type reservoir is a river.
    tables
        1: the 24 basic items. 2: the 5 supplementary items of drinking-water sources, which have
        one limit and no classes.

    Returns
    -------
    DataFrame indexed by ``item_id``, in the order of the standard
        ``zh``, ``symbol``, ``unit``, ``kind`` (max: not above; min: not below; range; delta: a
        man-made change, no class), limits ``I`` to ``V`` in `unit` (NaN: none), ``low`` and
        ``high`` of a range, ``table``, ``evaluated`` (one of the 21 items that decide the class),
        ``note``.

    Raises
    ------
    AssessmentError
        If `waterbody` is not a kind of water.

    References
    ----------
    GB 3838-2002 tables 1 and 2; 环办〔2011〕22号 (the 21 items).

    Examples
    --------
    >>> gb3838()["III"].loc[["codmn", "nh3n", "tp"]].to_dict()
    {'codmn': 6.0, 'nh3n': 1.0, 'tp': 0.2}
    >>> float(gb3838("lake").loc["tp", "III"]), int(gb3838()["evaluated"].sum())
    (0.05, 21)
    """
    if waterbody not in ("river", "lake"):
        raise AssessmentError(
            f"waterbody {waterbody!r} has no limits in GB 3838-2002",
            mend="Use 'river' (also for river-type reservoirs) or 'lake' (lakes and reservoirs).",
        )
    return _limits(waterbody, tuple(tables)).copy()


def class_rank(codes: Any) -> npt.NDArray[np.int64]:
    """Return the rank of class codes: 0 none, 1 (class I) to 6 (worse than V).

    Examples
    --------
    >>> class_rank(["I", "inferior", "none", None]).tolist()
    [1, 6, 0, 0]
    """
    return np.array([_RANKS.get(code, 0) for code in np.asarray(codes, dtype=object)], dtype=int)


def worst_class(codes: Any) -> str:
    """Return the worst of class codes (single-factor rule); ``"none"`` for an empty list.

    Examples
    --------
    >>> worst_class(["II", "IV", "none"]), worst_class([])
    ('IV', 'none')
    """
    ranks = class_rank(codes)
    return str(_CODES[ranks.max()]) if len(ranks) else "none"


def limit_of(item: str, water_class: str, waterbody: str = "river") -> float:
    """Return the limit of an item for a class, in the item's unit; NaN where there is none.

    Examples
    --------
    >>> limit_of("nh3n", "III"), limit_of("ph", "III")
    (1.0, nan)
    """
    table = gb3838(waterbody)
    if item not in table.index or water_class not in _LIMITED:
        return float("nan")
    return float(table[water_class].to_numpy(dtype=float)[table.index.get_loc(item)])


def _rows(items: Array, waterbody: Any) -> pd.DataFrame:
    """Limits aligned with `items` (n,) by position; an unknown item has NaN limits."""
    bodies = np.broadcast_to(np.asarray(waterbody, dtype=object), items.shape)
    parts = []
    for body in pd.unique(bodies):
        where = np.flatnonzero(bodies == body)
        part = gb3838(str(body)).reindex(items[where])
        parts.append(part.set_axis(where, axis=0))
    return pd.concat(parts).sort_index() if parts else gb3838().iloc[:0]


def _ranks(values: Array, items: Array, waterbody: Any, saturation: Any) -> npt.NDArray[np.int64]:
    rows = _rows(items, waterbody)
    limits = rows[list(_LIMITED)].to_numpy(dtype=float)
    kind = rows["kind"].to_numpy(dtype=object)
    low, high = rows["low"].to_numpy(dtype=float), rows["high"].to_numpy(dtype=float)
    v = values[:, None]
    slack = np.abs(limits) * _NOISE
    with np.errstate(invalid="ignore"):
        met = np.where((kind == "min")[:, None], v >= limits - slack, v <= limits + slack)
        in_range = (values >= low - _NOISE) & (values <= high + _NOISE)
    # the best class whose limit is met: a limit shared by two classes takes the better one
    rank = np.where(met.any(axis=1), met.argmax(axis=1) + 1, len(CLASSES))
    rank = np.where(kind == "range", np.where(in_range, 1, len(CLASSES)), rank)
    if saturation is not None:
        given = np.broadcast_to(np.asarray(saturation, dtype=float), values.shape)
        full = np.isfinite(given) & (given >= _SATURATION_I - _NOISE)
        rank = np.where((items == "do") & full, 1, rank)
    known = np.isfinite(values) & (values >= 0) & ((kind == "range") | np.isfinite(limits[:, 0]))
    return np.where(known, rank, 0)


def classify(
    values: Any,
    items: Any = None,
    waterbody: Any = "river",
    *,
    saturation: Any = None,
) -> Any:
    """Return the GB 3838 class of each value.

    Parameters
    ----------
    values : Series indexed by item_id, or shape (n,)
        In the standard's units. A DataFrame with one column per item is classified cell by cell.
    items : str or shape (n,), optional
        The item of each value; needed when `values` is not indexed by item.
    waterbody : {"river", "lake"} or shape (n,)
        Decides the limits of total phosphorus and nitrogen.
    saturation : float or shape (n,), optional
        Oxygen saturation in per cent: from 90 % dissolved oxygen is class I. Not used unless given.

    Returns
    -------
    Series, DataFrame or ndarray of str, shaped as `values`
        ``"I"`` ... ``"V"``, ``"inferior"`` (worse than V), or ``"none"``: no value, a negative or
        infinite one, or an item without classes in this kind of water. A value at a limit meets it;
        a limit shared by adjacent classes gives the better one; dissolved oxygen counts downwards;
        pH outside 6 to 9 is ``"inferior"``.

    References
    ----------
    GB 3838-2002 table 1.

    Examples
    --------
    >>> classify(pd.Series({"tp": 0.2, "do": 4.9, "cod": 15.0})).to_dict()
    {'tp': 'III', 'do': 'IV', 'cod': 'I'}
    >>> classify([0.2, 0.2], "tp", ["river", "lake"]).tolist()
    ['III', 'V']
    """
    if isinstance(values, pd.DataFrame):
        columns = {c: classify(values[c], c, waterbody, saturation=saturation) for c in values}
        return pd.DataFrame(columns, index=values.index)
    if items is None:
        if not isinstance(values, pd.Series):
            raise AssessmentError(
                "values without items cannot be classified",
                mend="Give items=, or a Series indexed by item_id.",
            )
        items = values.index
    try:
        given = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError) as error:
        raise AssessmentError(
            f"values are not numbers: {error}",
            mend="Give figures; read_layer turns cells such as '<0.01' into them.",
        ) from error
    which = np.broadcast_to(np.asarray(items, dtype=object), given.shape)
    codes = _CODES[_ranks(given, which, waterbody, saturation)]
    return pd.Series(codes, index=values.index) if isinstance(values, pd.Series) else codes


def exceedance_multiple(
    values: Any, items: Any = None, waterbody: Any = "river", *, against: Any = "III"
) -> Any:
    """Return by how many times each value exceeds a limit: (C - S) / S; 0 where it does not.

    Parameters
    ----------
    values, items, waterbody
        As in `classify`.
    against : str or shape (n,)
        The class whose limit is S. The official multiple is always against class III; a multiple
        against a target class is a separate figure.

    Returns
    -------
    Series or ndarray of float, shaped as `values`
        NaN for no value, a negative or infinite one; for pH, dissolved oxygen and water
        temperature, which have no multiple; and for items without a limit.

    References
    ----------
    环办〔2011〕22号, exceedance multiple.

    Examples
    --------
    >>> exceedance_multiple(pd.Series({"tp": 0.25, "nh3n": 0.4, "do": 1.0})).to_dict()
    {'tp': 0.25, 'nh3n': 0.0, 'do': nan}
    """
    if items is None:
        items = values.index
    given = np.atleast_1d(np.asarray(values, dtype=float))
    which = np.broadcast_to(np.asarray(items, dtype=object), given.shape)
    rows = _rows(which, waterbody)
    ranks = class_rank(np.broadcast_to(np.asarray(against, dtype=object), given.shape))
    limits = np.column_stack([np.full(len(rows), np.nan), rows[list(_LIMITED)].to_numpy(float)])
    limit = limits[np.arange(len(rows)), np.where(ranks <= len(_LIMITED), ranks, 0)]
    limit = np.where(rows["kind"].to_numpy(dtype=object) == "max", limit, np.nan)
    usable = np.isfinite(given) & (given >= 0)
    multiple = np.round((np.where(usable, given, np.nan) - limit) / limit, 9)
    # np.maximum keeps NaN
    multiple = np.maximum(multiple, 0.0)
    return pd.Series(multiple, index=values.index) if isinstance(values, pd.Series) else multiple


@dataclass(frozen=True)
class Decay:
    """A decay coefficient in 1/d with its range, source and confidence."""

    item: str
    k_per_d: float
    low: float
    high: float
    source: str
    source_en: str
    confidence: str


@cache
def _decay() -> dict[str, Any]:
    return tomllib.loads(_text("decay.toml"))


def decay_coefficient(item: str) -> Decay:
    """Return the first-order decay coefficient used for an item.

    An item without a record does not decay (what arrives is then overstated); its source says so.

    References
    ----------
    全国水环境容量核定技术指南 (2003) and measured ranges, as named in each record.

    Examples
    --------
    >>> decay_coefficient("nh3n").k_per_d, decay_coefficient("tp").high
    (0.125, 0.1)
    """
    records = _decay()
    record = records["default"].get(item, records["unknown"])
    return Decay(item=item, **record)


def default_velocity() -> tuple[float, str]:
    """Return the velocity in m/s taken for a reach without one, and where it comes from."""
    record = _decay()["velocity"]
    return float(record["default_m_s"]), str(record["source"])


@cache
def _discharges() -> dict[str, Any]:
    return tomllib.loads(_text("discharges.toml"))


def carries(kind: Any, item: str) -> str:
    """Say whether an outfall of a kind may discharge an item: ``"possible"`` or ``"no"``.

    An unknown kind is ``"possible"``: an absence that nobody stated is not assumed.

    Examples
    --------
    >>> carries("agricultural", "tp"), carries("agricultural", "cn"), carries("?", "cn")
    ('possible', 'no', 'possible')
    """
    items = _discharges().get(str(kind), {}).get("items", "all")
    return "possible" if items == "all" or item in items else "no"
