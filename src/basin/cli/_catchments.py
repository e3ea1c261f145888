"""``basin catchments`` and ``basin raindrop``: what land drains here, and where water goes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from basin.cli._frame import output_option, project_argument, shared_options
from basin.cli._output import print_json, report_problems, say, say_files, write_result

__all__ = ["catchments", "raindrop"]

_LAYERS = ("sections", "outfalls", "intakes")
_TITLES = {
    "sections": ("断面集水区", "Catchments of sections"),
    "outfalls": ("排污口集水区", "Catchments of outfalls"),
    "intakes": ("取水口集水区", "Catchments of intakes"),
}
_OUTPUT_HELP = "Write to OUT; its ending chooses the format (.html: a map)."
_PAGES = (".html", ".htm")


@click.command()
@project_argument
@click.option(
    "--of", "layers", type=click.Choice(_LAYERS), multiple=True,
    help="Which points (may be repeated); default: all that the project has.",
)  # fmt: skip
@click.option(
    "--directions", type=click.Path(path_type=Path), metavar="TIF",
    help="Also write the flow directions as a Cloud Optimized GeoTIFF.",
)  # fmt: skip
@output_option(help=_OUTPUT_HELP)
@shared_options
def catchments(
    project: Path,
    layers: tuple[str, ...],
    directions: Path | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Which land drains to each section, outfall and intake? Own and total area, by the DEM."""
    from basin.cli import _open, _step

    basin = _open(project, lang)
    chosen = layers or tuple(name for name in _LAYERS if name in basin.layers)
    if not chosen:
        chosen = ("sections",)  # the error names what is missing
    with _step("catchments"):
        results = {name: basin.catchments(name) for name in chosen}
    tables: dict[str, Any] = {}
    for name, result in results.items():
        one = name.removesuffix("s")
        tables[f"{one}_catchments"] = result.catchments.reset_index()
        tables[f"{one}_drainage_areas"] = result.drainage_areas.reset_index()
    tables["dem_disagreements"] = basin.flow.disagreements
    if output and output.suffix.casefold() in _PAGES:
        _draw(output, next(iter(results.values())), None, basin, overwrite)
    elif output:
        _write(output, tables, basin, overwrite)
    if directions:
        basin.refuse_inputs([directions])
        say_files({basin.flow.write(directions, overwrite=overwrite): {}})
    if as_json:
        print_json({k: v for k, v in tables.items() if not k.endswith("_drainage_areas")})
    else:
        for name, result in results.items():
            _print(name, result, basin.lang)
    report_problems(basin)


def _print(name: str, result: Any, lang: str) -> None:
    from basin.cli._output import print_table

    zh = lang == "zh"
    table = result.catchments.reset_index(names="id")
    river = table["river"].where(table["river"].notna() & (table["river"] != ""), table["reach_id"])
    shown = table[["id", "name"]].assign(
        river=river,
        area_km2=table["area_km2"].round(2),
        drainage=table["drainage_area_km2"].round(2),
    )
    if table["given_km2"].notna().any():
        shown["given"], shown["difference"] = (
            table["given_km2"],
            table["difference"].map("{:+.1%}".format),
        )
    shown["below"] = table["below"]
    heads = {
        "id": ("编号", "id"), "name": ("名称", "name"), "river": ("河流", "river"),
        "area_km2": ("自有 km²", "own km2"), "drainage": ("总计 km²", "total km2"),
        "given": ("登记 km²", "given km2"), "difference": ("相差", "difference"),
        "below": ("下一点", "next below"),
    }  # fmt: skip
    print_table(
        shown.rename(columns={k: v[not zh] for k, v in heads.items()}), title=_TITLES[name][not zh]
    )
    say(result.explain(lang))


@click.command()
@project_argument
@click.argument("sites", type=click.Path(path_type=Path), required=False)
@click.option("--at", metavar="LON,LAT", help="One place instead of a file of sites.")
@output_option(help=_OUTPUT_HELP)
@shared_options
def raindrop(
    project: Path,
    sites: Path | None,
    at: str | None,
    output: Path | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Which river would a leak reach, after how many metres, and what lies below?

    SITES is a file of sites; without it the project's own sites are asked, or one place with --at.
    """
    from basin.cli import _find, _lon_lat, _open, _step

    if at is not None and sites is not None:
        raise click.UsageError("give SITES or --at, not both")
    basin = _open(project, lang)
    places: Any = "sites"
    if at is not None:
        places = _place(at, *_lon_lat(at))
    elif sites is not None:
        places = _find(sites, project)
    with _step("raindrop"):
        result = basin.raindrop(places)
    tables = {"raindrop_paths": result.paths.reset_index(), "raindrop_below": result.below}
    if output and output.suffix.casefold() in _PAGES:
        _draw(output, None, result, basin, overwrite)
    elif output:
        also = places if isinstance(places, Path) else None
        _write(output, tables, basin, overwrite, also)
    if as_json:
        print_json(tables)
    else:
        say(result.explain(basin.lang))
    report_problems(basin)


def _write(
    path: Path, tables: dict[str, Any], basin: Any, overwrite: bool, also_read: Path | None = None
) -> None:
    """Write layers with what their columns mean; a GeoPackage has a QGIS project beside it."""
    from basin.layers import column_dictionary

    told = {**tables, "columns": column_dictionary(tables, basin.lang)}
    write_result(
        path, told, printed=tables, basin=basin, overwrite=overwrite, also_read=also_read,
        project=basin.name,
    )  # fmt: skip


def _draw(path: Path, catchments: Any, drops: Any, basin: Any, overwrite: bool) -> None:
    """Draw the result on a self-contained map instead of writing tables."""
    from basin.layers import refuse_existing
    from basin.maps import catchment_map

    basin.refuse_inputs([path])
    refuse_existing(path, overwrite=overwrite)
    names = ("districts", "sections", "outfalls", "intakes", "sites")
    page = catchment_map(
        catchments,
        drops,
        reaches=basin.network.reaches,
        dem=basin.dem,
        lang=basin.lang,
        **{name: basin.layers[name] for name in names if name in basin.layers},
    )
    page.save(path, overwrite=overwrite)
    say_files({path: page.counts})


def _place(name: str, lon: float, lat: float) -> Any:
    import geopandas as gpd
    from shapely import Point

    from basin.crs import EXCHANGE_CRS, to_exchange

    place = gpd.GeoDataFrame({"site_id": [name]}, geometry=[Point(lon, lat)], crs=EXCHANGE_CRS)
    return to_exchange(place, layer="--at")
