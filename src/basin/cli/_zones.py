"""``basin zones``: area and share of zones by district, their tiling, and drafts of zones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from basin.cli._frame import DATE, output_option, project_argument, shared_options
from basin.cli._output import hint, print_json, print_table, report_problems, write_result

__all__ = ["zones"]

_DRAFTS = ("water-source", "livestock", "strips")


@click.command()
@project_argument
@click.option(
    "--draft",
    type=click.Choice(_DRAFTS),
    multiple=True,
    help="Also draft zones: water sources by HJ 338, livestock bans, strips along rivers.",
)
@click.option(
    "--depth",
    type=click.FloatRange(1, 50_000),
    default=1_000.0,
    show_default=True,
    metavar="METRES",
    help="Depth of --draft strips.",
)
@click.option(
    "--published",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of published figures to check: district_id, kind, area_km2, share.",
)
@click.option("--date", type=DATE, metavar="YYYY-MM-DD", help="Another project date.")
@output_option(help="Write to OUT; its ending chooses the format.")
@shared_options
def zones(
    project: Path,
    draft: tuple[str, ...],
    depth: float,
    published: Path | None,
    date: dt.date | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Area and share of each kind of zone by district, overlaps and gaps of control units.

    Drafts are computed by the standards and have no legal force; each says so.
    """
    from basin.cli import _open, _step
    from basin.zones import check_tiling, zone_areas

    basin = _open(project, lang)
    day = date or basin.effective_date
    with _step("zones"):
        table, districts = basin._need("zones", "the areas"), basin._need("districts", "the areas")
        areas = zone_areas(table, districts, by=("kind",), date=day)
        tables: dict[str, Any] = {
            "zone_areas": areas,
            "zone_grades": zone_areas(table, districts, date=day),
            "zone_tiling": check_tiling(table, districts, date=day),
        }
        if published is not None:
            tables["zone_published"] = _published(published, areas, districts)
        for name in draft:
            tables[f"draft_{name.replace('-', '_')}"] = _draft(basin, name, day, depth)
    if output:
        write_result(
            output, tables, printed=tables, basin=basin, overwrite=overwrite, also_read=published
        )
    if as_json:
        print_json(tables)
    elif not output:
        _print(tables, basin.lang)
    report_problems(basin)


def _published(file: Path, areas: Any, districts: Any) -> Any:
    import pandas as pd

    from basin.errors import LayerError
    from basin.layers.tables import even_csv
    from basin.zones import compare_published

    head, rows, uneven = even_csv(file)
    if uneven:
        few = ", ".join(map(str, uneven[:5]))
        raise LayerError(
            f"{file.name}: rows {few} have more or fewer cells than the heading",
            mend="Write a cell under each heading.",
            zh=f"{file.name}：第 {few} 行的格数与表头不同",
            mend_zh="每个表头下各写一格",
        )
    told = pd.DataFrame(rows, columns=head, dtype=str).replace("", None)
    lost = {"district_id", "kind"} - set(told.columns)
    if lost:
        raise LayerError(
            f"{file.name} has no column {', '.join(sorted(lost))}",
            mend="Give district_id, kind, area_km2, share (0..1).",
            zh=f"{file.name} 缺少列 {'、'.join(sorted(lost))}",
            mend_zh="列为 district_id、kind、area_km2、share（0 至 1）",
        )
    for name in {"area_km2", "share"} & set(told.columns):
        strange = told[name][pd.to_numeric(told[name], errors="coerce").isna() & told[name].notna()]
        if len(strange):
            row, word = int(strange.index[0]) + 2, strange.iloc[0]
            raise LayerError(
                f"{file.name}: {name} is no number in row {row}: {word!r}",
                mend="Write figures without units; share from 0 to 1.",
                zh=f"{file.name}：第 {row} 行的 {name} 不是数：{word}",
                mend_zh="只写数字，不带单位；share 为 0 至 1",
            )
    return compare_published(areas, told, districts=districts["id"])


def _draft(basin: Any, name: str, day: dt.date, depth: float) -> Any:
    from basin.buffers import base_lines
    from basin.zones import livestock_zones, river_strips, water_source_stretch, water_source_zones

    if name == "livestock":
        return livestock_zones(basin._need("zones", "the draft"), date=day)
    if name == "strips":
        lines = base_lines(basin._need("shorelines", "the draft"), day)
        return river_strips(lines, depth, within=basin.layers["districts"])
    shores = basin.layers.get("shorelines")
    water = None if shores is None else base_lines(shores, day).query("kind == 'water_polygon'")
    intakes = basin._need("intakes", "the draft")
    land = basin.intake_land(*water_source_stretch(day))
    return water_source_zones(
        intakes, basin.network, water=water, land=land, date=day, max_offset_m=basin.max_offset_m
    )


_HEADS = {
    "district": ("区县", "district"),
    "kind": ("分区", "zone"),
    "n_zones": ("个数", "zones"),
    "area_km2": ("面积 (km²)", "area (km²)"),
    "share": ("占比 (%)", "share (%)"),
    "published_km2": ("公布面积 (km²)", "published (km²)"),
    "published_share": ("公布占比 (%)", "published share (%)"),
    "implied": ("据公布数推算区县面积 (km²)", "district implied (km²)"),
    "district_km2": ("图层区县面积 (km²)", "district by layer (km²)"),
    "agrees": ("相符", "agrees"),
    "name": ("名称", "name"),
    "note": ("说明", "note"),
    "problem": ("问题", "problem"),
    "zone_id": ("分区", "zone"),
    "other_id": ("另一分区", "other zone"),
    "district_id": ("区县", "district"),
    "area_m2": ("面积 (m²)", "area (m²)"),
}


def _print(tables: dict[str, Any], lang: str) -> None:
    from basin.standards import label

    def told(table: Any, columns: list[str], title: str = "", most: int = 40) -> None:
        heads = {name: words[lang != "zh"] for name, words in _HEADS.items()}
        print_table(table[columns].rename(columns=heads), title=title, most=most)

    areas = tables["zone_areas"]
    areas = areas.assign(
        kind=[label("zone_kind", kind, lang) for kind in areas["kind"]],
        area_km2=(areas["area_m2"] / 1e6).round(3),
        share=(areas["share"] * 100).round(2),
    )
    told(areas, ["district", "kind", "n_zones", "area_km2", "share"], most=200)
    tiling = tables["zone_tiling"]
    if len(tiling):
        words = {"overlap": "重叠", "gap": "空隙"} if lang == "zh" else {}
        tiling = tiling.assign(
            problem=tiling["problem"].replace(words), area_m2=tiling["area_m2"].round(1)
        )
        title = "管控单元的重叠与空隙" if lang == "zh" else "Overlaps and gaps of control units"
        told(tiling, ["problem", "zone_id", "other_id", "district_id", "area_m2"], title)
    else:
        hint(
            "管控单元既无重叠也无空隙（1 m² 以上）"
            if lang == "zh"
            else "control units neither overlap nor leave gaps (of 1 m² and more)"
        )
    if "zone_published" in tables:
        found = tables["zone_published"]
        bounds = zip(found["implied_low_km2"], found["implied_high_km2"], strict=True)
        found = found.assign(
            kind=[label("zone_kind", kind, lang) for kind in found["kind"]],
            implied=[f"{low:.1f}–{high:.1f}" for low, high in bounds],
            share=(found["share"] * 100).round(3),
            published_share=found["published_share"] * 100,
            area_km2=found["area_km2"].round(3),
            district_km2=found["district_km2"].round(2),
            agrees=["✓" if yes else "✗" for yes in found["agrees"]],
        )
        columns = ["district_id", "kind", "area_km2", "published_km2", "share", "published_share"]
        title = "与公布数核对" if lang == "zh" else "Against published figures"
        told(found, [*columns, "district_km2", "implied", "agrees"], title)
    for name, table in tables.items():
        if name.startswith("draft_"):
            note = "note" if lang == "zh" or "note_en" not in table else "note_en"
            table = table.assign(note=table[note], area_km2=(table["area_m2"] / 1e6).round(4))
            told(table, ["name", "area_km2", "note"])
