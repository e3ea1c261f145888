"""What a trace is asked with: tables in one CRS, the section, its item, what was found there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._text import as_id, as_ids
from basin.crs import EXCHANGE_CRS, GLOBE_BOUNDS, to_exchange
from basin.errors import AssessmentError, SnapError
from basin.quality import SectionAssessment
from basin.quality.samples import measured
from basin.standards.quality import Decay, class_rank, decay_coefficient, gb3838, limit_of
from basin.tracing.routes import Place

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = [
    "Months",
    "decay_of",
    "entered",
    "fact_of",
    "flows_of",
    "months_of",
    "place_of",
    "reference_class",
    "section_table",
    "worst_item",
]


def section_table(section: Any, sections: Any) -> tuple[Any, gpd.GeoDataFrame]:
    """The traced section's id, and all sections with it among them."""
    known = None if sections is None else entered(sections, "sections", "section_id")
    ids = set() if known is None else set(known["section_id"])
    if not isinstance(section, gpd.GeoDataFrame | pd.Series):
        if as_id(section) not in ids:
            raise AssessmentError(
                "there is no such section",
                ids=[section],
                mend="Give sections= with this section_id, or the section's own row.",
            )
        return as_id(section), known
    if isinstance(section, pd.Series):
        section = gpd.GeoDataFrame([section.to_dict()], geometry="geometry", crs=EXCHANGE_CRS)
    if len(section) != 1:
        raise AssessmentError(
            f"section has {len(section)} rows", mend="Give one row, or an id with sections=."
        )
    own = entered(section, "section", "section_id")
    section_id = str(own["section_id"].iloc[0])
    if section_id in ids:
        return section_id, known
    parts = [own] if known is None else [known, own]
    return section_id, gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=EXCHANGE_CRS)


def entered(table: Any, layer: str, key: str | None = None) -> gpd.GeoDataFrame:
    """A table in EPSG:4490 with its geometry in "geometry" and its ids as text, in a column."""
    if not isinstance(table, gpd.GeoDataFrame):
        raise AssessmentError(
            f"{layer} have no geometry", mend="Give a GeoDataFrame, e.g. from layers.read_layer."
        )
    result = to_exchange(table, layer=layer, bounds=GLOBE_BOUNDS)
    if result.geometry.name != "geometry":
        result = result.drop(columns="geometry", errors="ignore").rename_geometry("geometry")
    if key is None:
        return result
    if key not in result.columns:
        if result.index.name != key:
            raise AssessmentError(f"{layer} lack {key}", mend="Name the column of the ids so.")
        result = result.reset_index()
    rows = pd.Series([f"row-{n + 1}" for n in range(len(result))], index=result.index)
    return result.assign(**{key: as_ids(result[key]).fillna(rows).astype("str")})


def worst_item(assessment: SectionAssessment, section_id: Any) -> str:
    """The worst failing item by class, then multiple; else the one nearest to failing."""
    failing = str(assessment.sections["failing_items"].loc[section_id])
    if failing:
        return failing.split(", ")[0]  # listed worst first
    own = _own_items(assessment, section_id)
    own = own[own["evaluated"] & (own["water_class"] != "none") & (own["item_id"] != "ph")]
    if not len(own):
        raise AssessmentError(
            f"no evaluated item was measured in {assessment.period}, so none can be chosen",
            ids=[section_id],
            mend="Give item=, or another period.",
        )
    limit = own["target_limit"].fillna(own["limit_iii"])
    ratio = (own["value"] / limit).where(own["item_id"] != "do", limit / own["value"])
    nearest = np.lexsort((ratio, class_rank(own["water_class"])))[-1]
    return str(own["item_id"].to_numpy()[nearest])


def _own_items(assessment: SectionAssessment, section_id: Any) -> pd.DataFrame:
    items = assessment.items
    own: pd.DataFrame = items.loc[(items["section_id"] == section_id).to_numpy(dtype=bool)]
    return own


def decay_of(item: str, k_per_d: float | None) -> Decay:
    record = decay_coefficient(item)
    if k_per_d is None:
        return record
    k = float(k_per_d)
    return Decay(item, k, k, k, "用户给定", "given by the user", "unsure")


def place_of(places: pd.DataFrame, section_id: Any, max_offset_m: float) -> Place:
    row = places.loc[section_id]
    if row["status"] not in ("snapped", "ambiguous"):
        away = "has no coordinates"
        if row["status"] == "far":
            away = f"lies {row['offset_m']:.0f} m from the nearest reach, over {max_offset_m:g} m"
        raise SnapError(
            f"the section {away}", ids=[section_id], mend="Check its place, or raise max_offset_m."
        )
    return Place(row["reach_id"], float(row["measure_m"]))


def reference_class(row: Any) -> str:
    """The class that a section is held to: its target, or III where none is set."""
    target = row["target_class"]
    return str(target) if 0 < class_rank([target])[0] < 6 else "III"


def fact_of(assessment: SectionAssessment, section_id: Any, item: str) -> pd.Series:
    row = assessment.sections.loc[section_id]
    own = _own_items(assessment, section_id).set_index("item_id")
    months = assessment.months[assessment.months["section_id"] == section_id]
    failing = months.loc[
        [item in str(f).split(", ") for f in months["failing_items"]], "month"
    ].tolist()
    reference = reference_class(row)
    measured: Any = own.loc[item] if item in own.index else None
    fails: bool | None = None
    if measured is not None and measured["water_class"] != "none":
        worse = class_rank([measured["water_class"]])[0] > class_rank([reference])[0]
        fails = bool(worse)
    body = "lake" if row["waterbody"] == "lake" else "river"
    fact = {c: row[c] for c in ("name", "level", "river", "target_class", "water_class")}
    fact |= {c: row[c] for c in ("failing_items", "main_pollutants", "n_samples", "note")}
    fact |= {
        "reference_class": reference,
        "unit": gb3838(body)["unit"].to_dict()[item],
        "limit": limit_of(item, reference, body),
        "value": np.nan if measured is None else measured["value"],
        "n": 0 if measured is None else int(measured["n"]),
        "item_class": "none" if measured is None else measured["water_class"],
        "multiple": np.nan if measured is None else measured["multiple"],
        "target_multiple": np.nan if measured is None else measured["target_multiple"],
        "fails": fails,
        "failing_months": ", ".join(failing),
        "sampled_months": int((months["water_class"] != "none").sum()),
    }
    return pd.Series(fact, dtype=object)


def flows_of(
    network: RiverNetwork, sections: Any, section_ids: Any, reach_ids: Any
) -> tuple[Any, list[str]]:
    """Mean flow of each section, its own or its reach's, and where it comes from.

    A section that states 0 is dry; a reach that has 0 has none on record.

    Returns
    -------
    flow : shape (n,)
        m3/s, NaN where neither is known.
    source
        section, reach or none.
    """
    flow = network.reaches["flow_m3_s"].reindex(reach_ids).to_numpy(dtype=float).copy()
    source = np.where(flow > 0, "reach", "none").astype(object)
    flow[~(flow > 0)] = np.nan
    if "flow_m3_s" in sections.columns:
        own = sections.set_index("section_id")["flow_m3_s"].reindex(section_ids)
        stated = pd.to_numeric(own, errors="coerce").to_numpy(dtype=float)
        flow = np.where(stated >= 0, stated, flow)
        source[stated >= 0] = "section"
    return flow, source.tolist()


class Months(NamedTuple):
    """Monthly means of an item, their samples, and flows gauged with them: shape (n, k)."""

    value: Any
    n: Any
    flow_m3_s: Any


def months_of(
    assessment: SectionAssessment,
    samples: pd.DataFrame,
    ids: pd.Index,
    item: str,
    months: list[str],
) -> Months:
    """Gather the months of an item at sections; a column ``flow_m3_s`` of the samples is gauged."""
    own = assessment.month_items
    own = own[own["item_id"] == item].set_index(["section_id", "month"])
    grid = pd.MultiIndex.from_product([ids, months])
    shape = (len(ids), len(months))
    flow = np.full(shape, np.nan)
    if "flow_m3_s" in samples.columns:
        from basin.layers.measurements import parse_dates

        figure, flag = measured(samples, "flow_m3_s")
        gauged = pd.DataFrame(
            {
                "section_id": as_ids(samples["section_id"]),
                "month": parse_dates(samples["date"])[0].dt.strftime("%Y-%m"),
                "flow": np.where(flag == "", figure, np.nan),  # "<1" tells no flow
            }
        )
        mean = gauged[gauged["flow"] >= 0].groupby(["section_id", "month"])["flow"].mean()
        flow = mean.reindex(grid).to_numpy(dtype=float).reshape(shape)
    value = own["value"].reindex(grid).to_numpy(dtype=float).reshape(shape)
    return Months(value, own["n"].reindex(grid).fillna(0).to_numpy(float).reshape(shape), flow)
