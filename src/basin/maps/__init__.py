"""Interactive maps in one HTML file that opens without a network (folium, Leaflet in the page).

>>> page = basin_map(title="示意流域")
>>> page.to_html().startswith("<!DOCTYPE html>")
True
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.maps.basemap import Basemap, add_basemaps, tianditu
from basin.maps.content import Content
from basin.maps.doubts import add_issues, add_snaps
from basin.maps.ground import (
    add_bands,
    add_districts,
    add_hillshade,
    add_reaches,
    add_shorelines,
    add_zones,
)
from basin.maps.handed import Layer, add_layer
from basin.maps.nearest import nearest_layers
from basin.maps.page import OfflineMap, escape
from basin.maps.places import add_outfalls, add_sections, add_sites, add_works
from basin.maps.spills import add_spill, spill_subject
from basin.maps.traces import add_traces, trace_subject
from basin.maps.words import words

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from basin.siting import SitingResult
    from basin.tracing import SourceTrace, SpillTrace

__all__ = [
    "Basemap",
    "Layer",
    "OfflineMap",
    "allowed_map",
    "basin_map",
    "catchment_map",
    "escape",
    "network_map",
    "siting_map",
    "spill_map",
    "tianditu",
    "trace_map",
]

#: The map opens on these; districts and zones may reach far beyond the basin.
_FRAMING = frozenset(
    {
        "reaches",
        "sections",
        "outfalls",
        "intakes",
        "structures",
        "sites",
        "traces",
        "spills",
        "layers",
    }
)

_INTAKE = {
    "shape": "down",
    "radius": 5.4,
    "fillColor": "#0288d1",
    "color": "#ffffff",
    "weight": 1.1,
}
_STRUCTURE = {
    "shape": "bar",
    "radius": 5,
    "fillColor": "#455a64",
    "color": "#ffffff",
    "weight": 1,
}


def basin_map(
    *,
    reaches: gpd.GeoDataFrame | None = None,
    districts: gpd.GeoDataFrame | None = None,
    zones: gpd.GeoDataFrame | None = None,
    bands: gpd.GeoDataFrame | None = None,
    shorelines: gpd.GeoDataFrame | None = None,
    sections: gpd.GeoDataFrame | None = None,
    outfalls: gpd.GeoDataFrame | None = None,
    intakes: gpd.GeoDataFrame | None = None,
    structures: gpd.GeoDataFrame | None = None,
    sites: gpd.GeoDataFrame | None = None,
    findings: pd.DataFrame | None = None,
    traces: Iterable[SourceTrace] = (),
    spill: SpillTrace | None = None,
    issues: gpd.GeoDataFrame | None = None,
    snaps: pd.DataFrame | None = None,
    layers: Iterable[Layer] = (),
    dem: str | Path | Iterable[Path] | None = None,
    basemap: str | Basemap | Iterable[Basemap] | None = None,
    title: str = "",
    summary: str | None = None,
    missing: Iterable[str] = (),
    lang: str = "zh",
) -> OfflineMap:
    """Draw a basin and what is known of it on one self-contained map.

    Every argument may be left out. A table may be empty, lack columns or hold null geometries: what
    cannot be drawn is left out of the map, and nothing is changed in place.

    Parameters
    ----------
    reaches
        ``RiverNetwork.reaches``, or any lines with ``name`` and ``strahler``.
    districts, zones, shorelines, outfalls, intakes, structures
        Layers of the contract, any known CRS.
    bands
        Polygons with ``limit_m`` in metres; outlines for orientation, never a verdict.
    sections
        ``SectionAssessment.sections``, or the plain layer.
    sites, findings
        ``SitingResult.sites`` and ``.findings``, or the plain layer of sites.
    traces
        Results of ``trace_sources``.
    spill
        Result of ``trace_spill``: the map has a slider over its hours.
    issues
        ``RiverNetwork.issues``.
    snaps
        ``RiverNetwork.snap(outfalls)``: how far each outfall lies from its place on a river.
    layers
        Further tables, each a :class:`Layer` with its name and what to colour it by.
    dem
        A GeoTIFF of heights in metres for the hillshade.
    basemap
        The user's own tile service (an address or a :class:`Basemap`; :func:`tianditu` with a
        key), or several from the ground up. It is the one thing that needs a network; the page
        may then load pictures from there, and from nowhere else.
    title
        Empty: a general one.
    summary
        The line under the title; None counts what is on the map.
    missing
        What the map lacks though it should be there (a layer that cannot be read): one sentence
        each, said under the title.
    lang : {'zh', 'en'}

    Returns
    -------
    OfflineMap
        ``.save(path)`` writes it; in a notebook it shows itself. The same input gives the same
        bytes.

    Raises
    ------
    CrsError
        If a table's CRS is refused (see :func:`basin.crs.to_exchange`).
    LayerError
        If `dem` cannot be read.
    BasinError
        If the address of `basemap` will not do.

    Warns
    -----
    BasinWarning
        If `basemap` is in GCJ-02, some 500 m off; the page says so too.
    """
    return _draw(**locals())


def siting_map(
    result: SitingResult, *, title: str = "", lang: str = "zh", **layers: Any
) -> OfflineMap:
    """Draw the sites of a siting check by verdict, with their distances and findings.

    Parameters
    ----------
    result
        What ``check_sites`` returned.
    title, lang, **layers
        As in :func:`basin_map`; shorelines, bands and zones help to read the verdicts.
    """
    return _draw(
        sites=result.sites,
        findings=result.findings,
        title=title or words("siting_map", lang),
        lang=lang,
        framing=frozenset({"sites"}),
        **layers,
    )


def trace_map(
    trace: SourceTrace, *, title: str = "", lang: str = "zh", **layers: Any
) -> OfflineMap:
    """Draw one source trace: reaches by the load that arrives, outfalls with their rank.

    Parameters
    ----------
    trace
        What ``trace_sources`` returned.
    title, lang, **layers
        As in :func:`basin_map`.
    """
    subject = trace_subject(trace, layers.get("sections"), lang)
    return _draw(
        traces=(trace,),
        title=title or f"{words('trace_map', lang)} · {subject}",
        lang=lang,
        framing=frozenset({"traces"}),
        **layers,
    )


def spill_map(spill: SpillTrace, *, title: str = "", lang: str = "zh", **layers: Any) -> OfflineMap:
    """Draw one spill: the cloud hour by hour with a slider, and when it comes to what lies below.

    Parameters
    ----------
    spill
        What ``trace_spill`` returned.
    title, lang, **layers
        As in :func:`basin_map`.
    """
    return _draw(
        spill=spill,
        title=title or f"{words('spill_map', lang)} · {spill_subject(spill, lang)}",
        lang=lang,
        framing=frozenset({"spills"}),
        **layers,
    )


def network_map(
    reaches: gpd.GeoDataFrame,
    issues: gpd.GeoDataFrame | None = None,
    *,
    title: str = "",
    lang: str = "zh",
    **layers: Any,
) -> OfflineMap:
    """Draw a river network with its ledger of repairs switched on.

    Parameters
    ----------
    reaches, issues
        ``RiverNetwork.reaches`` and ``.issues``.
    title, lang, **layers
        As in :func:`basin_map`; ``outfalls`` with ``snaps`` show how they lie to the rivers.
    """
    return _draw(
        reaches=reaches,
        issues=issues,
        title=title or words("network_map", lang),
        lang=lang,
        on=frozenset({"issues", "snaps"}),
        **layers,
    )


def allowed_map(
    area: Any,
    *,
    asked: Any = None,
    nearest: Any = None,
    title: str = "",
    lang: str = "zh",
    **layers: Any,
) -> OfflineMap:
    """Draw where a project of one category may be built, and which rules forbid it elsewhere.

    Parameters
    ----------
    area
        What ``find_allowed_area`` returned: its ``areas`` (``area_id``, ``status``, ``rules``) and
        ``parks``.
    asked, nearest
        Sites that are asked about, and what ``area.nearest(asked)`` found for them: marked, with a
        line from each to its nearest allowed place, its direction and distance.
    title, lang, **layers
        As in :func:`basin_map`.
    """
    parks = words("parks", lang)
    marks = [] if asked is None else nearest_layers(asked, nearest, lang)
    return _draw(
        layers=(
            Layer(
                area.areas,
                words("allowed", lang),
                id_column="area_id",
                code_column="status",
                codes="area_status",
                kinds={"missing": "zone_kind"},
                remark=words("allowed_remark", lang),
            ),
            Layer(area.parks, parks, id_column="zone_id", colour="#5d4037", outline=True),
            *marks,
        ),
        title=title or words("allowed_map", lang),
        lang=lang,
        framing=frozenset({"layers"}),
        **layers,
    )


def catchment_map(
    catchments: Any,
    raindrops: Any = None,
    *,
    title: str = "",
    lang: str = "zh",
    **layers: Any,
) -> OfflineMap:
    """Draw the catchments of points, and the paths of water from places down to the rivers.

    Parameters
    ----------
    catchments
        What ``delineate_catchments`` returned (``catchments``), or None.
    raindrops
        What ``raindrop`` returned (``paths``), or None.
    title, lang, **layers
        As in :func:`basin_map`.
    """
    handed = []
    if catchments is not None:
        table = catchments.catchments
        name = words("catchments", lang)
        handed.append(Layer(table, name, id_column=table.index.name or "id"))
    if raindrops is not None:
        table = raindrops.paths
        name = words("raindrops", lang)
        handed.append(
            Layer(table, name, id_column=table.index.name or "id", colour="#b3197d", flow=True)
        )
    return _draw(
        layers=handed,
        title=title or words("catchment_map", lang),
        lang=lang,
        framing=frozenset({"layers"}),
        **layers,
    )


def _draw(
    *,
    reaches: Any = None,
    districts: Any = None,
    zones: Any = None,
    bands: Any = None,
    shorelines: Any = None,
    sections: Any = None,
    outfalls: Any = None,
    intakes: Any = None,
    structures: Any = None,
    sites: Any = None,
    findings: Any = None,
    traces: Iterable[Any] = (),
    spill: Any = None,
    issues: Any = None,
    snaps: Any = None,
    layers: Iterable[Layer] = (),
    dem: Any = None,
    basemap: Any = None,
    title: str = "",
    summary: str | None = None,
    missing: Iterable[str] = (),
    lang: str = "zh",
    framing: frozenset[str] = _FRAMING,
    on: frozenset[str] = frozenset(),
) -> OfflineMap:
    content = Content(lang, framing, on)
    content.missing.extend(missing)
    # the order of the panel within its groups, and of the summary
    records = add_sections(content, sections)
    add_sites(content, sites, findings)
    add_traces(content, traces, sections, records)
    if spill is not None:
        add_spill(content, spill)
    for place, layer in enumerate(layers):
        add_layer(content, layer, place)
    add_outfalls(content, outfalls)
    add_works(content, intakes, layer_name="intakes", style=_INTAKE)
    add_works(content, structures, layer_name="structures", style=_STRUCTURE)
    add_zones(content, zones)
    add_reaches(content, reaches)
    add_shorelines(content, shorelines)
    add_bands(content, bands)
    add_districts(content, districts)
    add_hillshade(content, dem)
    add_issues(content, issues)
    add_snaps(content, outfalls, snaps)
    tiles = add_basemaps(content, basemap)
    title = title or words("map", lang)
    return OfflineMap(
        content.to_dict(title=title, summary=summary),
        title=title,
        lang=lang,
        allow=tuple(dict.fromkeys(origin for one in tiles for origin in one.origins)),
        **({"zoom_snap": 1} if tiles else {}),  # tiles blur between whole levels
    )
