"""``basin assess``: classes and compliance of sections, in a period or in many, and lakes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from basin.cli._frame import output_option, project_argument, shared_options
from basin.cli._output import hint, print_json, print_table, report_problems, say, write_result

if TYPE_CHECKING:
    from basin.project import Basin
    from basin.quality import SectionAssessment

__all__ = ["assess"]

#: Tables that are only written: too long to print.
_LONG = ("section_period_items",)


@click.command()
@project_argument
@click.option(
    "--period",
    help="2025, 2025Q3, 2025-07 or 2025-05/2025-09; default: 12 months to the newest sample.",
)
@click.option(
    "--by",
    "every",
    type=click.Choice(["sample", "month", "quarter", "year"]),
    help="Also every sample, month, quarter or year by itself, of --period or of all samples.",
)
@click.option(
    "--trend",
    is_flag=True,
    help="Also the rank correlation of every item over the periods of --by (default: year).",
)
@click.option(
    "--against",
    metavar="PERIOD",
    help="Also what changed since an earlier period, by section and river.",
)
@click.option("--calendar", is_flag=True, help="Also the class of every month, a column a month.")
@click.option("--lakes", is_flag=True, help="Also lakes over all their points, with the TLI.")
@click.option("--plan", metavar="PERCENT", help="Share of sections that a plan asks to comply.")
@click.option("--fail-on", type=click.Choice(["failing"]), help="Exit with 1 if a section fails.")
@output_option(help="Write to OUT; its ending chooses the format.")
@shared_options
def assess(
    project: Path,
    period: str | None,
    every: str | None,
    trend: bool,
    against: str | None,
    calendar: bool,
    lakes: bool,
    plan: str | None,
    fail_on: str | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Classes and compliance of every section (GB 3838-2002, 环办〔2011〕22号)."""
    from basin.cli import _open, _step

    basin = _open(project, lang)
    with _step("assess"):
        result = basin.assess(period)
        more = _more(
            basin, result, period=period, every=every, trend=trend, against=against,
            calendar=calendar, lakes=lakes,
        )  # fmt: skip
    printed = {
        "sections": result.sections,
        "items": result.items,
        "left_out": result.left_out,
        "to_comply": result.to_comply,
        **more,
    }
    share = None
    if plan is not None:
        from basin.quality import compliance_with_plan

        share = compliance_with_plan(result, plan)
        printed["plan"] = share._asdict()
    if output:
        write_result(
            output,
            result.tables(basin.lang) | more,
            printed=printed,
            basin=basin,
            overwrite=overwrite,
            result=result,
            also=more.items(),
        )
    if as_json:
        print_json(printed)
    elif not output:
        print_table(result.to_frame(lang=basin.lang), title=result.period)
        if share is not None:
            say(share.explain(basin.lang))
        _say_more(more, basin.lang)
        _say_left_out(result.left_out, basin.lang)
    if trend and not more["section_trend"]["change"].ne("unknown").any():
        _say_too_few(basin.lang)
    report_problems(basin)
    sys.exit(1 if fail_on and result.failing else 0)


def _more(
    basin: Basin, result: SectionAssessment, *, period: str | None, every: str | None, trend: bool,
    against: str | None, calendar: bool, lakes: bool,
) -> dict[str, Any]:  # fmt: skip
    """The tables asked for beside the assessment, by the names that they are written with."""
    from basin.quality import (
        assess_each,
        assess_lakes,
        compare_groups,
        compare_sections,
        spearman_trend,
    )

    samples, sections = basin.layers["samples"], basin.layers["sections"]
    tables: dict[str, Any] = {}
    if every or trend:
        each = assess_each(samples, sections, every or "year", period=period, lang=basin.lang)
        if every:
            tables |= {"section_periods": each.sections, "section_period_items": each.items}
        if trend:
            tables["section_trend"] = spearman_trend(each.items)
    if against is not None:
        before = basin.assess(against)
        tables["section_changes"] = compare_sections(before, result).reset_index()
        tables["river_changes"] = compare_groups(before, result).reset_index()
    if calendar:
        tables["section_calendar"] = result.calendar().reset_index()
    if lakes:
        tables["lakes"] = assess_lakes(samples, sections, period=result.period).reset_index()
    return tables


def _say_more(tables: dict[str, Any], lang: str) -> None:
    from basin.reports import assessment_tables

    short = {name: table for name, table in tables.items() if name not in _LONG}
    if "section_trend" in short:  # of hundreds of items those that changed
        trend = short["section_trend"]
        short["section_trend"] = trend[trend["change"].isin(["some", "marked"])]
    if "section_periods" in short:  # the rest is in the files
        apart = ["n_months", "missing_items", "tn_mg_l", "tn_class", "fecal_coliform_per_l", "note"]
        short["section_periods"] = short["section_periods"].drop(columns=apart)
    for table in assessment_tables(short, lang):
        if table.rows:
            print_table(table.to_frame(lang), title=table.title)
        else:
            say(f"{table.title}{'：' if lang == 'zh' else ': '}{table.empty}")


def _say_too_few(lang: str) -> None:
    hint(
        "趋势：各指标均不足 5 个时段，不能判断；可用 --by quarter 或 month，或放宽 --period"
        if lang == "zh"
        else "trend: no item has five periods: try --by quarter or month, or a longer --period"
    )


def _say_left_out(left_out: Any, lang: str) -> None:
    """Print the samples and values that no class rests on: how many, and the first."""
    from basin.standards import label

    if left_out.empty:
        return
    n = int(left_out["n"].sum())
    title = f"未采用的样品或数值 {n} 个" if lang == "zh" else f"Samples or values not used: {n}"
    columns = ("section_id", "date", "item_id", "text", "reason", "n")
    told = left_out[[name for name in columns if name in left_out]]
    words = {"item_id": "item", "reason": "sample_left_out"}
    for name in words.keys() & set(told.columns):
        said = [label(words[name], v, lang) if v else "" for v in told[name]]
        told = told.assign(**{name: said})
    if "date" in told:
        told = told.assign(date=told["date"].astype("string").str[:10])
    own = {"date": ("日期", "date"), "text": ("原文", "as written")}
    heads = {
        name: own[name][lang != "zh"] if name in own else label("column", name, lang)
        for name in told.columns
    }
    print_table(told.rename(columns=heads), title=title, most=10)
