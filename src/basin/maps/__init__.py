"""Interactive maps in one HTML file that opens without a network (folium, Leaflet in the page).

>>> page = basin_map(title="示意流域")
>>> page.to_html().startswith("<!DOCTYPE html>")
True
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.maps.content import Content
from basin.maps.ground import (
    add_bands,
    add_districts,
    add_hillshade,
    add_issues,
    add_reaches,
    add_shorelines,
    add_zones,
)
from basin.maps.page import OfflineMap, escape
from basin.maps.places import add_outfalls, add_sections, add_sites, add_works
from basin.maps.traces import add_traces, trace_subject
from basin.maps.words import words

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from basin.siting import SitingResult
    from basin.tracing import SourceTrace

__all__ = ["OfflineMap", "basin_map", "escape", "siting_map", "trace_map"]

#: The map opens on these; districts and zones may reach far beyond the basin.
_FRAMING = frozenset(
    {"reaches", "sections", "outfalls", "intakes", "structures", "sites", "traces"}
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
    issues: gpd.GeoDataFrame | None = None,
    dem: str | Path | None = None,
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
    issues
        ``RiverNetwork.issues``.
    dem
        A GeoTIFF of heights in metres for the hillshade.
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
    issues: Any = None,
    dem: Any = None,
    title: str = "",
    summary: str | None = None,
    missing: Iterable[str] = (),
    lang: str = "zh",
    framing: frozenset[str] = _FRAMING,
) -> OfflineMap:
    content = Content(lang, framing)
    content.missing.extend(missing)
    # the order of the panel within its groups, and of the summary
    add_sections(content, sections)
    add_sites(content, sites, findings)
    add_traces(content, traces, sections)
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
    title = title or words("map", lang)
    return OfflineMap(content.to_dict(title=title, summary=summary), title=title, lang=lang)
