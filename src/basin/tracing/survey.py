"""The ledger of outfalls: how far 查测溯治 has come, against the plan, and what needs a look.

Progress counts each outfall once (a second row of one code is left out). A step counts as done by
its date; where the table has no column for the date it is inferred, and told so.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from basin._text import as_ids, escape, html_table
from basin.crs import EXCHANGE_CRS, GLOBE_BOUNDS, to_exchange
from basin.errors import AssessmentError
from basin.layers.measurements import parse_dates
from basin.tracing.attribution import attribute_outfalls
from basin.tracing.outfalls import add_districts
from basin.tracing.survey_findings import ledger_findings
from basin.tracing.survey_note import explain_ledger, progress_table

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["STEPS", "OutfallLedger", "outfall_ledger", "survey_targets"]

Bools = npt.NDArray[np.bool_]

#: Steps of 查测溯治 in their order, and the column of the date on which each was done.
STEPS = {
    "surveyed": "surveyed_on",
    "measured": "sampled_on",
    "traced": "traced_on",
    "rectified": "rectified_on",
}

_ACTIONS = ("ban", "merge", "regulate")

#: Two outfalls nearer than this, in metres, may be one.
_NEAR_M = 5.0

#: A sewage works discharges by an outfall of its kind within this, in metres.
_WORKS_M = 2_000.0


@cache
def survey_targets() -> tuple[dict[str, Any], ...]:
    """Return the plan targets on record (``survey_targets.toml``), each with source."""
    text = files("basin.standards").joinpath("survey_targets.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["target"])


@dataclass(frozen=True)
class OutfallLedger:
    """How far the survey of outfalls has come, and what of it needs a look.

    A list of leads, not proof: a finding says what to check on site.

    Attributes
    ----------
    outfalls
        By ``outfall_id``, EPSG:4490: ``name``, ``kind``, ``river``, ``district``, ``responsible``,
        ``action``, ``status``; for each step (surveyed, measured, traced, rectified) whether it is
        done (bool) and ``<step>_on``, its date where known; ``basis``, the steps that are inferred;
        ``findings``, the kinds of finding about it; with sections ``section_id`` (next below),
        ``distance_m`` and ``travel_time_h``.
    progress
        One row a group and year: ``scope`` (all, river, district), ``name``, ``year``, ``as_of``
        (31 December, or the ledger's date), ``n``, and for each step ``<step>_n`` and
        ``<step>_share``; for each action (ban, merge, regulate) ``<action>_n`` and
        ``<action>_done``. Without a date a step counts in the ledger's own year only.
    targets
        By ``target``: ``zh``, ``en``, ``step``, ``due``, ``as_of``, ``n``, ``done``, ``share``,
        ``required``, ``met`` (yes, no, open: not yet due, unknown), ``basis``, ``confidence``.
    findings
        ``kind``, ``outfall_ids``, ``value``, ``text_zh``, ``text_en``, ``basis``.
    inferred
        Steps without a column of dates: they rest on other columns, or (rectified) are not known.
    inputs
        What it rests on: ``layer``, ``n``, ``source``, ``dated``.
    date
        The ledger's date.
    """

    outfalls: gpd.GeoDataFrame
    progress: pd.DataFrame
    targets: pd.DataFrame
    findings: pd.DataFrame
    inferred: tuple[str, ...]
    inputs: pd.DataFrame
    date: dt.date

    def to_frame(self, lang: str | None = None) -> pd.DataFrame:
        """Return the progress; with a language, that of the ledger's date as a table to read."""
        return self.progress.copy() if lang is None else progress_table(self, lang)

    def explain(self, lang: str = "zh") -> str:
        """Write progress, targets and findings as an officer's note."""
        return explain_ledger(self, lang)

    def __repr__(self) -> str:
        return f"OutfallLedger({len(self.outfalls)} outfalls, {len(self.findings)} findings)"

    def _repr_html_(self) -> str:
        table = self.to_frame("zh").head(20)
        note = self.explain().splitlines()
        body = html_table([str(c) for c in table.columns], table.to_numpy())
        return f"<p>{escape(note[0])}</p>{body}<p>{escape(note[-1])}</p>"


def outfall_ledger(
    outfalls: Any,
    *,
    network: RiverNetwork | None = None,
    sections: Any = None,
    zones: Any = None,
    works: Any = None,
    districts: Any = None,
    targets: Any = None,
    near_m: float = _NEAR_M,
    works_m: float = _WORKS_M,
    max_offset_m: float = 500.0,
    date: dt.date | None = None,
    sources: Mapping[str, tuple[str, str]] | None = None,
) -> OutfallLedger:
    """Count how far the survey of outfalls has come, and list what needs a look.

    Parameters
    ----------
    outfalls
        Points in any known CRS: ``outfall_id``, and where known ``kind``, ``action``, ``status``,
        ``river``, ``district``, ``responsible``, ``duplicate_of``, and the dates ``surveyed_on``,
        ``sampled_on``, ``traced_on``, ``rectified_on``, ``closed_on``.
    network, sections
        To say which section each drains to, and which lie far from every river.
    zones
        Polygons with ``zone_id``, ``kind``, ``grade``: outfalls in water-source zones in force.
    works
        Sewage works (points): those without an outfall of that kind within `works_m`.
    districts
        Polygons with ``id`` and ``name``: they name the district of an outfall.
    targets
        As `survey_targets`; None takes those on record.
    near_m
        Two outfalls nearer than this may be one.
    max_offset_m
        Farthest that an outfall may lie from its reach.
    date
        Of the ledger; None is today.
    sources
        File and date of each layer, for the note.

    Returns
    -------
    OutfallLedger

    Raises
    ------
    AssessmentError
        If the outfalls have no geometry or no ids, or a date cannot be read.
    CrsError
        If the CRS of a table is missing or refused.

    Notes
    -----
    Inferred where no date says so: surveyed, by being in the table; measured, by a sample or a
    measured load; traced, by a responsible party. A ban is done when the outfall is closed and was
    not sampled since. Merging and regulating are known by ``rectified_on`` alone: without that
    column their progress is not known, not nought.

    References
    ----------
    国办函〔2022〕17号; HJ 1312-2023; targets as in ``standards/survey_targets.toml``.
    """
    today = date or dt.date.today()
    table = _entered(outfalls)
    areas = None
    if districts is not None and len(districts):
        areas = to_exchange(districts, layer="districts", bounds=GLOBE_BOUNDS)
    table["district"], conflict = add_districts(table, areas)
    steps, inferred = _steps(table, pd.Timestamp(today))
    table = table.join(steps)
    if network is not None:
        table = _attributed(network, sections, table, max_offset_m)
    findings = ledger_findings(
        table, conflict, zones=zones, works=works, near_m=near_m, works_m=works_m, date=today
    )
    table["findings"] = _by_outfall(findings, table["outfall_id"])
    once = table[table["duplicate_of"] == ""]
    layers = {"outfalls": outfalls, "zones": zones, "districts": districts, "sections": sections,
              "works": works}  # fmt: skip
    return OutfallLedger(
        outfalls=_tidy(table),
        progress=_progress(once, today, inferred),
        targets=_targets(once, today, inferred, survey_targets() if targets is None else targets),
        findings=findings,
        inferred=inferred,
        inputs=_inputs(layers, sources or {}),
        date=today,
    )


def _entered(outfalls: Any) -> gpd.GeoDataFrame:
    if not isinstance(outfalls, gpd.GeoDataFrame):
        raise AssessmentError("outfalls have no geometry", mend="Give a GeoDataFrame.")
    table = to_exchange(outfalls, layer="outfalls", bounds=GLOBE_BOUNDS)
    if "outfall_id" not in table.columns:
        if table.index.name != "outfall_id":
            raise AssessmentError("outfalls lack outfall_id", mend="Name the column of ids so.")
        table = table.reset_index()
    table = table.reset_index(drop=True)
    if table.geometry.name != "geometry":
        table = table.rename_geometry("geometry")
    rows = pd.Series([f"row-{n + 1}" for n in range(len(table))], index=table.index)
    table["outfall_id"] = as_ids(table["outfall_id"]).fillna(rows).astype("str")
    for column in ("name", "kind", "action", "status", "river", "responsible", "district"):
        known = table[column].astype(object) if column in table.columns else None
        table[column] = "" if known is None else known.where(known.notna(), "")
    again = as_ids(table["duplicate_of"]) if "duplicate_of" in table.columns else None
    same = table["outfall_id"].where(table["outfall_id"].duplicated())
    table["duplicate_of"] = (same if again is None else again.fillna(same)).fillna("").astype("str")
    for column in ("closed_on", *STEPS.values()):
        if column not in table.columns:
            table[column] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us]")
        table[column] = _dates(table, column)
    return table


def _dates(table: pd.DataFrame, column: str) -> pd.Series:
    """A column of dates; what is none would make a step that was done look undone."""
    found, wrong = parse_dates(table[column])
    if wrong.any():
        ids = list(table["outfall_id"][wrong])
        raise AssessmentError(
            f"column {column!r} holds something that is not a date",
            ids=ids,
            mend="Write dates as 2023-07-01, or leave them empty.",
            zh=f"列“{column}”里有不是日期的内容",
            mend_zh="日期写成 2023-07-01，或留空",
        )
    return found


def _steps(table: gpd.GeoDataFrame, today: pd.Timestamp) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Which steps are done by the ledger's date, and which of them are inferred.

    A step whose column of dates holds none is inferred for every outfall.
    """
    closed = table["status"].eq("closed")
    later = table["sampled_on"].gt(table["closed_on"]) & table["closed_on"].notna()
    banned = table["action"].eq("ban") & closed & ~later
    basis = table["data_basis"] if "data_basis" in table.columns else pd.Series("", table.index)
    known = {
        "surveyed": pd.Series(True, index=table.index),
        "measured": table["sampled_on"].notna() | basis.eq("measured").fillna(False),
        "traced": table["responsible"].ne(""),
        "rectified": banned,
    }
    done, inferred = {}, []
    for step, column in STEPS.items():
        dated = table[column].le(today)
        if step != "measured" and table[column].notna().any():
            done[step] = dated | (banned if step == "rectified" else False)
        else:
            done[step] = known[step] | dated
            inferred.append(step)
    done["sampled_closed"] = closed & later
    result = pd.DataFrame(done, index=table.index).astype(bool)
    result["done_on"] = table["rectified_on"].fillna(table["closed_on"].where(banned))
    return result, tuple(inferred)


def _attributed(
    network: RiverNetwork, sections: Any, table: gpd.GeoDataFrame, max_offset_m: float
) -> gpd.GeoDataFrame:
    placed = network.snap(table, max_offset_m=max_offset_m)
    table["snap_status"] = placed["status"]
    table["river"] = table["river"].where(table["river"] != "", placed["river"].fillna(""))
    if sections is None or not len(sections):
        return table
    own = placed.assign(outfall_id=np.arange(len(table)).astype(str)).set_index("outfall_id")
    found = attribute_outfalls(network, sections, own, max_offset_m=max_offset_m).outfalls
    for column in ("section_id", "distance_m", "travel_time_h"):
        table[column] = found[column].to_numpy()
    return table


def _by_outfall(findings: pd.DataFrame, ids: pd.Series) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for kind, who in zip(findings["kind"], findings["outfall_ids"], strict=True):
        for outfall in filter(None, who.split(", ")):
            kinds.setdefault(outfall, []).append(kind)
    return [", ".join(dict.fromkeys(kinds.get(i, ()))) for i in ids]


def _tidy(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    first = [
        "outfall_id", "name", "kind", "river", "district", "responsible", "action", "status",
        "duplicate_of", *STEPS, *STEPS.values(), "closed_on", "findings",
    ]  # fmt: skip
    rest = ["section_id", "distance_m", "travel_time_h", "snap_status"]
    columns = [*first, *(c for c in rest if c in table.columns), "geometry"]
    plain = table[columns].set_index("outfall_id")
    return gpd.GeoDataFrame(plain, geometry="geometry", crs=EXCHANGE_CRS)


def _done_by(table: pd.DataFrame, step: str, day: pd.Timestamp, today: pd.Timestamp) -> Bools:
    """Whether a step was done by a day; undated ones count from the ledger's date on."""
    when = table["done_on"] if step == "rectified" else table[STEPS[step]]
    undated = table[step] & when.isna() & (day >= today)
    return np.asarray((table[step] & when.le(day)) | undated, dtype=bool)


def _progress(table: pd.DataFrame, today: dt.date, inferred: tuple[str, ...]) -> pd.DataFrame:
    now = pd.Timestamp(today)
    dated = [table[c] for c in STEPS.values()] + [table["done_on"]]
    years = {int(y) for c in dated for y in c.dropna().dt.year.unique() if y <= today.year}
    rows = []
    for year in sorted(years | {today.year}):
        day = min(pd.Timestamp(year, 12, 31), now)
        done = {step: _done_by(table, step, day, now) for step in STEPS}
        for scope, names in _groups(table):
            for name, rows_of in names.items():
                rows.append(_count(table, rows_of, done, inferred, scope, name, day, now))
    return pd.DataFrame(rows)


def _groups(table: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    groups: list[tuple[str, dict[str, Any]]] = [("all", {"": np.arange(len(table))})]
    for scope in ("river", "district"):
        found = table.groupby(table[scope].to_numpy(), sort=True).indices
        groups.append((scope, {str(name): rows for name, rows in found.items()}))
    return groups


def _count(
    table: pd.DataFrame,
    rows: Any,
    done: Mapping[str, Bools],
    inferred: tuple[str, ...],
    scope: str,
    name: str,
    day: pd.Timestamp,
    now: pd.Timestamp,
) -> dict[str, Any]:
    n = len(rows)
    line: dict[str, Any] = {
        "scope": scope, "name": name, "year": day.year, "as_of": day.date(), "n": n,
    }  # fmt: skip
    for step in STEPS:
        # without dates nothing is known of the years before
        lost = step in inferred and step != "measured" and day < now
        count = np.nan if lost else int(done[step][rows].sum())
        line[f"{step}_n"] = count
        line[f"{step}_share"] = count / n if n else np.nan
    action = table["action"].to_numpy()[rows]
    for kind in _ACTIONS:
        own = action == kind
        line[f"{kind}_n"] = int(own.sum())
        known = kind == "ban" or "rectified" not in inferred
        line[f"{kind}_done"] = int(done["rectified"][rows][own].sum()) if known else np.nan
    if "rectified" in inferred:  # only bans are known: a share of all would be too low
        line["rectified_share"] = np.nan
    return line


def _targets(
    table: pd.DataFrame, today: dt.date, inferred: tuple[str, ...], targets: Any
) -> pd.DataFrame:
    now, rows = pd.Timestamp(today), []
    for target in targets:
        rivers, step = set(target["rivers"]), target["step"]
        own = table[table["river"].isin(rivers)] if rivers else table
        due = pd.Timestamp(target["due"])
        day = min(due, now)
        done = int(_done_by(own, step, day, now).sum())
        # a step that is inferred has no dates: what was done by the due day cannot be told
        known = len(own) > 0 and not (step in inferred and (step == "rectified" or day < now))
        share = done / len(own) if known else np.nan
        required = target.get("share", np.nan)
        rows.append(
            {
                "target": target["id"], "zh": target["zh"], "en": target["en"], "step": step,
                "due": due.date(), "as_of": day.date(), "n": len(own),
                "done": done if known else np.nan, "share": share, "required": required,
                "met": _met(share, required, open_=due > now), "basis": target["basis"],
                "confidence": target["confidence"],
            }
        )  # fmt: skip
    columns = ["target", "zh", "en", "step", "due", "as_of", "n", "done", "share", "required",
               "met", "basis", "confidence"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).set_index("target")


def _met(share: float, required: float, *, open_: bool) -> str:
    if np.isnan(share) or np.isnan(required):
        return "open" if open_ else "unknown"
    if share >= required - 1e-9:
        return "yes"
    return "open" if open_ else "no"


def _inputs(layers: Mapping[str, Any], sources: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    rows = [(k, 0 if t is None else len(t), *sources.get(k, ("", ""))) for k, t in layers.items()]
    return pd.DataFrame(rows, columns=["layer", "n", "source", "dated"])
