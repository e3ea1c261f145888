"""Human overrides: who decided otherwise on a finding, when and why; the original stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from basin._run import note_input
from basin.errors import LayerError
from basin.layers.measurements import parse_date
from basin.layers.tables import even_csv
from basin.standards.labels import codes, label

if TYPE_CHECKING:
    from basin.siting._result import SitingResult

__all__ = ["OVERRIDE_COLUMNS", "no_overrides", "overridden", "read_overrides"]

#: The columns of overrides.csv with the headings that are read for each; ``was`` may be missing.
_HEADINGS = {
    "site_id": ("site", "项目编号", "项目"),
    "rule_id": ("rule", "规则编号", "规则"),
    "verdict": ("改判结论", "结论"),
    "who": ("决定人", "改判人", "签发人"),
    "when": ("日期", "改判日期", "决定日期"),
    "why": ("理由", "改判理由", "原因"),
    "was": ("原结论", "改判前结论"),
}
OVERRIDE_COLUMNS = (*_HEADINGS, "verdict_computed", "status")
_VERDICTS = tuple(v for v in codes("verdict") if v != "undetermined")


def no_overrides() -> pd.DataFrame:
    """Return the empty table of overrides."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in OVERRIDE_COLUMNS})


def read_overrides(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Read human overrides: ``site_id``, ``rule_id``, ``verdict``, ``who``, ``when``, ``why``.

    Parameters
    ----------
    source
        A .csv (UTF-8 or GB18030) or a table. Headings in Chinese are read too (项目编号, 规则编号,
        改判结论, 决定人, 日期, 理由). ``was`` (原结论), if given, is the verdict that was
        overridden: where the check now finds another, the override does not apply.

    Returns
    -------
    DataFrame of text
        ``when`` as 2026-03-31 (a month or a year counts from its last day), verdicts as codes.

    Raises
    ------
    LayerError
        If a column or a cell is missing, or a verdict or date cannot be read; with the rows.
    """
    table = _table(source)
    names: dict[str, str] = {}
    for name, others in _HEADINGS.items():
        for heading in (name, *others):
            if heading in table and name not in names.values():
                names[heading] = name
    table = table.rename(columns=names)
    lost = [name for name in _HEADINGS if name not in table and name != "was"]
    if lost:
        told = "、".join(f"{name}（{_HEADINGS[name][-1]}）" for name in lost)
        raise _wrong(f"has no column {', '.join(lost)}", f"缺列：{told}")
    table = (
        table.astype(object).reindex(columns=list(_HEADINGS), fill_value="").fillna("").astype(str)
    )
    table = table.apply(lambda column: column.str.strip()).reset_index(drop=True)
    table = table[(table != "").any(axis=1)]
    for name in ("site_id", "rule_id", "verdict", "who", "when", "why"):
        blank = table.index[table[name] == ""]
        if len(blank):
            raise _wrong(
                f"{name} is empty in rows {_rows(blank)}", f"第 {_rows(blank)} 行缺 {name}"
            )
    words = {w: code for code in _VERDICTS for w in
             (code, label("verdict", code), label("verdict", code, "en"))}  # fmt: skip
    for name in ("verdict", "was"):
        strange = table.index[~table[name].isin([*words, ""])]
        if len(strange):
            raise _wrong(
                f"{name} is no verdict in rows {_rows(strange)}: {table[name][strange[0]]!r}",
                f"第 {_rows(strange)} 行的结论认不出：{table[name][strange[0]]}",
            )
        table[name] = table[name].map(lambda w: words.get(w, ""))
    days = pd.Series(
        [parse_date(day, end=True) for day in table["when"]], table.index, dtype=object
    )
    strange = table.index[days.isna()]
    if len(strange):
        raise _wrong(
            f"when is no date in rows {_rows(strange)}", f"第 {_rows(strange)} 行的日期认不出"
        )
    read: pd.DataFrame = table.assign(when=[day.date().isoformat() for day in days])
    return read


def _table(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return pd.DataFrame(source)
    path = Path(source)
    try:
        note_input(path)
        head, rows, uneven = even_csv(path)
    except FileNotFoundError as error:
        raise LayerError(
            f"overrides: there is no file {str(path)!r}",
            mend="Check the path.",
            zh=f"没有改判表“{path}”",
            mend_zh="检查路径",
        ) from error
    except OSError as error:
        raise _wrong(f"cannot be read: {error.strerror}", f"读不了：{error.strerror}") from error
    if uneven:
        raise _wrong(
            f"rows {', '.join(map(str, uneven[:5]))} have more or fewer cells than the heading",
            f"第 {'、'.join(map(str, uneven[:5]))} 行的格数与表头不同",
        )
    return pd.DataFrame(rows, columns=head, dtype=object)


def _rows(index: Iterable[Any]) -> str:
    """Rows as a spreadsheet counts them, the heading being the first."""
    return ", ".join(str(int(k) + 2) for k in list(index)[:5])


def _wrong(what: str, zh: str) -> LayerError:
    return LayerError(
        f"overrides: the table {what}",
        mend="Write site_id, rule_id, verdict, who, when, why in every row.",
        zh=f"改判表 overrides：{zh}",
        mend_zh="每行写明项目编号、规则编号、改判结论、决定人、日期、理由",
    )


# ---- applying --------------------------------------------------------------------------------


def overridden(result: SitingResult, source: str | Path | pd.DataFrame) -> SitingResult:
    """Return the result with overrides applied; see :meth:`SitingResult.with_overrides`."""
    given = read_overrides(source)
    found = result.findings
    number = pd.Series(
        np.arange(len(found)), index=pd.MultiIndex.from_frame(found[["site_id", "rule_id"]])
    )
    keys = pd.MultiIndex.from_frame(given[["site_id", "rule_id"]])
    row = number.reindex(keys).to_numpy()
    there = ~np.isnan(row)
    computed = pd.Series("", index=given.index, dtype=object)
    computed[there] = found["verdict_computed"].to_numpy()[row[there].astype(int)]
    waits = [
        ~given["site_id"].isin(result.sites.index.astype(str)),
        ~there,
        given["when"] > result.date.isoformat(),
        (given["was"] != "") & (given["was"] != computed),
    ]
    # of those that hold, the newest counts, and of one day the lower row
    holds = given[~np.logical_or.reduce(waits)].sort_values("when", kind="stable")
    older = holds.index[holds.duplicated(["site_id", "rule_id"], keep="last")]
    choice = [*waits, given.index.isin(older), given["verdict"] == computed]
    words = ["no_site", "not_asked", "later", "stale", "superseded", "same"]
    status = np.select(choice, words, "applied")
    table = given.assign(verdict_computed=computed.astype("str"), status=status)
    return _with(result, table, row)


def _with(result: SitingResult, table: pd.DataFrame, row: Any) -> SitingResult:
    use = (table["status"] == "applied").to_numpy()
    findings = result.findings.copy()
    at = row[use].astype(int)
    applied = table[use]
    for name, values in (
        ("verdict", applied["verdict"]),
        ("note", _notes(applied, findings["note"].to_numpy()[at], "zh")),
        ("note_en", _notes(applied, findings["note_en"].to_numpy()[at], "en")),
    ):
        column = findings[name].to_numpy(dtype=object).copy()
        column[at] = list(values)
        findings[name] = pd.array(column, dtype="str")  # fmt: skip
    return replace(
        result,
        findings=findings,
        sites=_summed(result.sites, findings, applied),
        overrides=table.reset_index(drop=True)[list(OVERRIDE_COLUMNS)],
    )


def override_text(row: dict[Any, Any], lang: str) -> str:
    """Say who decided otherwise, when and why, and what the check had found."""
    was = label("verdict", row["verdict_computed"], lang)
    now = label("verdict", row["verdict"], lang)
    if lang == "zh":
        return f"人工改判：计算结论“{was}”改为“{now}”（{row['who']}，{row['when']}）：{row['why']}"
    return (
        f"overridden by a person: computed {was}, now {now} ({row['who']}, {row['when']}): "
        f"{row['why']}"
    )


def _notes(applied: pd.DataFrame, old: Any, lang: str) -> list[str]:
    seam = "；" if lang == "zh" else "; "
    return [
        seam.join(filter(None, (override_text(row, lang), str(note))))
        for row, note in zip(applied.to_dict("records"), old, strict=True)
    ]


def _summed(
    sites: gpd.GeoDataFrame, findings: pd.DataFrame, applied: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Sum up again the sites that an override touches."""
    table = sites.copy()
    for site, some in applied.groupby("site_id", sort=False):
        mine = findings[findings["site_id"] == site]
        strictest = next(v for v in _VERDICTS if (mine["verdict"] == v).any())
        blocking = mine.loc[mine["verdict"] == strictest, "rule_id"]
        table.loc[site, "verdict"] = "undetermined" if strictest == "unchecked" else strictest
        table.loc[site, "blocking_rules"] = "" if strictest == "clear" else ", ".join(blocking)
        for verdict in _VERDICTS:
            table.loc[site, f"n_{verdict}"] = int((mine["verdict"] == verdict).sum())
        told = ", ".join(some["rule_id"])
        words = (("note", "；", f"含人工改判：{told}"), ("note_en", "; ", f"overridden: {told}"))
        for name, seam, text in words:
            table.loc[site, name] = seam.join(filter(None, (text, str(table.loc[site, name]))))
    return table
