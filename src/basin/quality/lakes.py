"""Lakes and reservoirs: class over several points, and how rich in nutrients they are (TLI)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from basin.errors import AssessmentError
from basin.quality.assess import assess_sections
from basin.quality.clauses import grade_of
from basin.quality.judge import judge
from basin.quality.periods import Period, parse_period
from basin.quality.samples import entered, measured, section_ids
from basin.standards.quality import CLASSES, assessment_method

__all__ = ["assess_lakes", "trophic_index", "trophic_state"]

_COLUMNS = [
    "n_points", "points", "water_class", "water_grade", "failing_iii", "tli", "trophic_state",
    "tli_missing", "period", "clause",
]  # fmt: skip


def trophic_index(values: Any) -> pd.DataFrame:
    """Reckon the trophic level index of lakes.

    Parameters
    ----------
    values : Series or DataFrame
        ``chla_mg_m3`` (mg/m3), ``tp``, ``tn``, ``codmn`` (mg/L), ``transparency_m`` (m); one row a
        lake. Values that are missing or not above zero do not count.

    Returns
    -------
    DataFrame on the same index
        ``tli``; ``tli_<item>`` of each; ``tli_missing``: items that did not count, the weights of
        the others then being raised to sum to 1 (a choice of this package: the method takes all
        five). Without chlorophyll a, on which all weights rest, and with fewer than three items
        ``tli`` is NaN.

    References
    ----------
    总站生字〔2001〕090号; 环办〔2011〕22号.

    Examples
    --------
    >>> lake = pd.Series({"chla_mg_m3": 10, "tp": 0.05, "tn": 1.0, "transparency_m": 1, "codmn": 4})
    >>> float(trophic_index(lake)["tli"].round(1).iloc[0])
    48.0
    """
    table = values.to_frame().T if isinstance(values, pd.Series) else values
    records = assessment_method()["tli"]["items"]
    index, weight = {}, {}
    for item, record in records.items():
        own = (
            pd.to_numeric(table[item], errors="coerce").astype(float)
            if item in table.columns
            else pd.Series(np.nan, index=table.index)
        )
        own = own.where(own > 0)
        index[f"tli_{item}"] = 10.0 * (record["a"] + record["b"] * np.log(own))
        weight[f"tli_{item}"] = record["r"] ** 2
    each = pd.DataFrame(index, index=table.index)
    weights = each.notna() * pd.Series(weight)
    total = weights.sum(axis=1)
    enough = each["tli_chla_mg_m3"].notna() & (each.notna().sum(axis=1) >= 3)
    tli = ((each.fillna(0.0) * weights).sum(axis=1) / total.where(total > 0)).where(enough)
    missing = [
        ", ".join(i for i in records if np.isnan(row[f"tli_{i}"])) for _, row in each.iterrows()
    ]
    return each.assign(tli=tli, tli_missing=missing)


def trophic_state(tli: Any) -> list[str]:
    """Name the state of each index: oligotrophic, mesotrophic, light, moderate, heavy, none.

    Examples
    --------
    >>> trophic_state([29.9, 30, 50, 50.1, 60.1, 70.1, float("nan")])
    ['oligotrophic', 'mesotrophic', 'mesotrophic', 'light', 'moderate', 'heavy', 'none']
    """
    ends = assessment_method()["tli"]["states"]
    value = np.atleast_1d(np.asarray(tli, dtype=float))
    with np.errstate(invalid="ignore"):
        codes = np.select(
            [np.isnan(value), value < ends["poor"], value <= ends["meso"], value <= ends["light"],
             value <= ends["moderate"]],
            ["none", "oligotrophic", "mesotrophic", "light", "moderate"],
            default="heavy",
        )  # fmt: skip
    return [str(c) for c in codes]


def assess_lakes(
    samples: pd.DataFrame, sections: Any, *, by: str = "river", period: str | None = None
) -> pd.DataFrame:
    """Assess lakes and reservoirs, each over all of its points.

    Parameters
    ----------
    samples, sections, period
        As in `assess_sections`; samples with ``chla_mg_m3`` and ``transparency_m`` where measured.
        Only sections whose ``waterbody`` is lake count.
    by
        Column of the sections that names the lake; where it is empty a section is its own lake.

    Returns
    -------
    DataFrame by lake
        ``n_points``, ``points`` (ids); ``water_class`` and ``water_grade`` of the means over time
        per point and then over points; ``failing_iii`` (items worse than III); ``tli``,
        ``trophic_state``, ``tli_missing``; ``period``, ``clause``.

    Raises
    ------
    AssessmentError
        If no section is a lake, or as in `assess_sections`.
    """
    lakes = sections[sections["waterbody"].eq("lake").fillna(False).to_numpy(dtype=bool)]
    if not len(lakes):
        raise AssessmentError("no section is a lake", mend="Set `waterbody` to 'lake'.")
    result = assess_sections(samples, lakes, period=period)
    ids = result.sections.index
    own = lakes.assign(section_id=section_ids(lakes)).set_index("section_id")
    name = own[by] if by in own.columns else pd.Series("", index=own.index)
    name = name.astype(object).where(name.notna() & name.ne(""), pd.Series(own.index, own.index))
    point = result.items.assign(lake=name.reindex(result.items["section_id"]).to_numpy())
    mean = point.groupby(["lake", "item_id"], sort=False)["value"].mean().reset_index()
    mean = mean.rename(columns={"lake": "section_id"}).assign(saturation_pct=np.nan)
    one = pd.DataFrame(
        {"waterbody": "lake", "target_class": ""}, index=pd.unique(mean["section_id"])
    )
    judged = judge(mean, one)
    judged = judged[judged["evaluated"]]
    wide = mean.set_index(["section_id", "item_id"])["value"].unstack()  # noqa: PD010
    extra = _extra(samples, name, parse_period(result.period))
    tli = trophic_index(wide.reindex(columns=["tp", "tn", "codmn"]).join(extra))
    worst = judged.groupby("section_id")["rank"].max()
    bad = judged[judged["rank"] > 3].groupby("section_id")["item_id"].agg(", ".join)
    lake_ids = pd.Index(pd.unique(name.loc[ids]), name="lake")
    classes = [("none", *CLASSES)[int(r)] for r in worst.reindex(lake_ids).fillna(0)]
    index = tli.reindex(lake_ids)
    rule = assessment_method()
    return pd.DataFrame(
        {
            "n_points": [int((name == lake).sum()) for lake in lake_ids],
            "points": [", ".join(name.index[name == lake]) for lake in lake_ids],
            "water_class": classes,
            "water_grade": grade_of(classes),
            "failing_iii": bad.reindex(lake_ids).fillna("").to_numpy(),
            "tli": index["tli"],
            "trophic_state": trophic_state(index["tli"]),
            "tli_missing": index["tli_missing"].fillna(", ".join(rule["tli"]["items"])),
            "period": result.period,
            "clause": f"{rule['lake']['clause']}；{rule['tli']['clause']}",
        },
        index=lake_ids,
    )[_COLUMNS]


def _extra(samples: pd.DataFrame, name: pd.Series, span: Period) -> pd.DataFrame:
    """Chlorophyll a and transparency of each lake: by month, over time per point, over points."""
    table, _ = entered(samples)
    inside = (table["date"] >= span.start) & (table["date"] < span.end)
    table = table[inside & table["section_id"].isin(name.index)]
    columns = {}
    for column in ("chla_mg_m3", "transparency_m"):
        if column not in table.columns:
            continue
        value, flag = measured(table, column)
        half = np.where(flag == "below", value * 0.5, value)
        part = pd.DataFrame(
            {"id": table["section_id"], "month": table["date"].dt.strftime("%Y-%m")}
        )
        part = part.assign(value=half)[np.isfinite(half) & (half >= 0)]
        by_point = part.groupby(["id", "month"])["value"].mean().groupby(level=0).mean()
        columns[column] = by_point.groupby(name.reindex(by_point.index)).mean()
    return pd.DataFrame(columns).rename_axis("section_id")
