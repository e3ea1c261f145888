"""``basin allowed``: where a project of one category may be built."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from basin.cli._frame import DATE, output_option, project_argument, shared_options
from basin.cli._output import (
    print_json,
    print_table,
    report_problems,
    say,
    say_files,
    write_result,
)
from basin.cli._siting import reading_of, tributaries_option

__all__ = ["allowed"]


@click.command()
@project_argument
@click.option("--category", required=True, help="What is to be built, e.g. chemical.")
@click.option("--action", default="new", show_default=True, help="new, expand or rebuild.")
@click.option(
    "--within",
    metavar="DISTRICT",
    help="Id or name of a district, or a file of polygons. [default: all districts]",
)
@click.option("--at", metavar="LON,LAT", help="Look around one place, and away from it.")
@click.option(
    "--radius",
    type=click.FloatRange(100, 100_000),
    default=10_000.0,
    show_default=True,
    metavar="METRES",
    help="With --at: how far around the place.",
)
@click.option("--date", type=DATE, metavar="YYYY-MM-DD", help="Another project date.")
@tributaries_option
@output_option(help="Write to OUT; its ending chooses the format.")
@shared_options
def allowed(
    project: Path,
    category: str,
    action: str,
    within: str | None,
    at: str | None,
    radius: float,
    date: dt.date | None,
    tributaries: str,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Where may it be built? Areas where no rule prohibits, why not elsewhere, and parks nearby.

    What is unchecked is told as such and never counts as allowed.
    """
    from basin.cli import _known_word, _one_site, _open, _step
    from basin.layers.codes import industry_category

    if industry_category(category) is None:
        _known_word("category", category)
    _known_word("action", action)
    basin = _open(project, lang)
    place = None if at is None else _one_site(at, category, action, None, None)
    with _step("allowed"):
        ground = _ground(basin, within, place, radius)
        result = basin.find_allowed_area(
            category, action, within=ground, date=date, tributaries=reading_of(tributaries)
        )
        sites = _failed_sites(basin, result, place)
        nearest = None if sites is None else result.nearest(sites)
    tables: dict[str, Any] = {"allowed_areas": result.areas, "allowed_parks": result.parks}
    if nearest is not None:
        tables["allowed_nearest"] = nearest
    printed = {"summary": result.summary(), **tables}
    if output and output.suffix.casefold() in (".html", ".htm"):
        _write_map(output, result, basin, overwrite, sites, nearest)
    elif output:
        write_result(output, tables, printed=printed, basin=basin, overwrite=overwrite)
    if as_json:
        print_json(printed)
    else:
        say(result.explain(basin.lang))
        if nearest is not None:
            print_table(_nearest_words(nearest, basin.lang))
            if nearest["distance_m"].isna().any():
                say(
                    "“—”：所查范围内没有放得下该项目的可选址处，可放大范围（--radius、--within）"
                    if basin.lang == "zh"
                    else "—: no allowed place on this ground holds the site; widen it (--radius, "
                    "--within)"
                )
    report_problems(basin)


def _ground(basin: Any, within: str | None, place: Any, radius: float) -> Any:
    if within is not None and Path(within).suffix and Path(within).exists():
        from basin.layers import read_layer

        return read_layer(Path(within), "districts", problems=basin.problems)
    if within is None and place is not None:
        point = place.geometry.iloc[0]
        return (point.x, point.y, radius)
    return within


def _write_map(
    path: Path, result: Any, basin: Any, overwrite: bool, asked: Any, nearest: Any
) -> None:
    """Draw the areas on a map that opens without a network, with what was asked about."""
    from basin.maps import allowed_map

    basin.refuse_inputs([path])
    names = ("districts", "shorelines", "sites")
    layers = {name: basin.layers.get(name) for name in names if name in basin.layers}
    page = allowed_map(result, asked=asked, nearest=nearest, lang=basin.lang, **layers)
    page.save(path, overwrite=overwrite)
    say_files({path: {"allowed_areas": len(result.areas), "allowed_parks": len(result.parks)}})


def _failed_sites(basin: Any, result: Any, place: Any) -> Any:
    """The place asked about; else the project's sites of this kind on the ground looked at."""
    if place is not None:
        return place
    sites = basin.layers.get("sites")
    if sites is None:
        return None
    same = (sites["category"] == result.category) & (sites["action"] == result.action)
    mine = sites[same]
    return mine if len(mine) else None


_HEADS = {
    "site_id": ("项目编号", "site"),
    "distance_m": ("距最近可选址处 (m)", "to the nearest allowed place (m)"),
    "way": ("方向", "way"),
    "lon": ("经度", "lon"),
    "lat": ("纬度", "lat"),
    "verdict": ("该处结论", "verdict there"),
    "park_id": ("最近合规园区", "nearest compliant park"),
    "park_m": ("距园区 (m)", "to the park (m)"),
}


def _nearest_words(nearest: Any, lang: str) -> Any:
    from basin.siting import direction_text
    from basin.standards import label

    table = nearest.drop(columns="geometry").assign(
        way=[direction_text(b, lang) for b in nearest["bearing_deg"]],
        verdict=[v and label("verdict", v, lang) for v in nearest["verdict"]],
        distance_m=nearest["distance_m"].round(1),
        park_m=nearest["park_m"].round(1),
    )
    heads = {name: words[lang != "zh"] for name, words in _HEADS.items()}
    return table[[*heads]].rename(columns=heads)
