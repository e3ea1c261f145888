"""The figures that go into the report of a result, drawn with the project's own layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from basin.project import Basin
    from basin.siting import SitingResult

__all__ = ["draw_closeups", "draw_figures", "plot_of", "siting_pictures"]

#: Verdicts whose sites get a map of their own.
_DRAWN = ("prohibited", "borderline", "undetermined")
#: Least ground shown around a site (metres), and how much more than the way to the bank.
_AROUND_M, _MORE = 1_500.0, 1.2


def draw_figures(basin: Basin, results: dict[str, Any]) -> tuple[dict[str, Figure], str]:
    """Draw each result by its name; without a Chinese font in English, with ids.

    Parameters
    ----------
    basin
        Gives rivers and districts as the ground, language and date.
    results
        Results of `basin` by a name of one's own.

    Returns
    -------
    dict, str
        The figures by name, and why they are in English ("" if they are as asked).
    """
    from basin import figures

    net = basin.usable_network
    ground = {
        "reaches": None if net is None else net.reaches,
        "districts": basin.layers.get("districts"),
    }

    def draw(lang: str, labels: Literal["name", "id"]) -> dict[str, Figure]:
        words: Any = {"lang": lang, "labels": labels, "date": basin.effective_date,
                      "source": basin.name, **ground}  # fmt: skip
        return {name: plot_of(result)(result, **words) for name, result in results.items()}

    try:
        return draw(basin.lang, "name"), ""
    except figures.FontError as error:
        return draw("en", "id"), str(error)


def draw_closeups(
    basin: Basin, result: SitingResult, most: int = 10
) -> tuple[list[Figure], list[str]]:
    """Draw the ground around each site that is prohibited, on a limit or undetermined.

    Parameters
    ----------
    basin
        Gives shorelines, bands, zones, rivers and districts, language and date.
    result
        Of a siting check.
    most
        For how many sites at the most, the strictest first.

    Returns
    -------
    list, list
        The figures, and the ids of such sites that have none: beyond `most`, or without geometry.
    """
    from basin import figures
    from basin.buffers import base_lines
    from basin.standards import codes

    order = {verdict: rank for rank, verdict in enumerate(codes("verdict"))}
    barred = result.sites[result.sites["verdict"].isin(_DRAWN)]
    barred = barred.iloc[barred["verdict"].map(order).argsort(kind="stable")]
    drawn = barred[barred.geometry.notna() & ~barred.geometry.is_empty].head(most)
    left_out = [str(site_id) for site_id in barred.index.difference(drawn.index, sort=False)]
    net, shorelines = basin.usable_network, basin.layers.get("shorelines")
    bands = basin.bands
    ground: dict[str, Any] = {
        "reaches": None if net is None else net.reaches,
        "districts": basin.layers.get("districts"),
        "zones": basin.layers.get("zones"),
        "shorelines": None if shorelines is None else base_lines(shorelines, result.date),
        "source": basin.name,
        "bands": None if bands is None else bands.dissolve("limit_m").geometry.to_dict(),
    }

    def draw(site_id: Any, lang: str, labels: Literal["name", "id"]) -> Figure:
        one = replace(result, sites=drawn.loc[[site_id]])
        far = drawn.loc[site_id, "nearest_m"]
        around_m = max(_AROUND_M, _MORE * far) if far == far else _AROUND_M
        return figures.plot_siting(one, around_m=around_m, lang=lang, labels=labels, **ground)

    try:
        return [draw(site_id, basin.lang, "name") for site_id in drawn.index], left_out
    except figures.FontError:
        return [draw(site_id, "en", "id") for site_id in drawn.index], left_out


def siting_pictures(
    basin: Basin, result: SitingResult, overview: Figure, most: int | None
) -> list[tuple[str, Figure]]:
    """Caption the map of all sites and those around each; the first tells which sites have none."""
    closeups, left_out = draw_closeups(basin, result, *(() if most is None else (most,)))
    told = {"zh": "（未单独绘周边图：{}）", "en": " (without a map of their own: {})"}[basin.lang]
    more = told.format(", ".join(left_out)) if left_out else ""
    return [
        (overview.get_suptitle() + more, overview),
        *((figure.get_suptitle(), figure) for figure in closeups),
    ]


def plot_of(result: Any) -> Any:
    """The function that draws a result; None where there is none."""
    from basin import figures
    from basin.quality import SectionAssessment
    from basin.siting import SitingResult
    from basin.tracing import SourceTrace, SpillTrace

    drawn = {
        SitingResult: figures.plot_siting,
        SectionAssessment: figures.plot_sections,
        SourceTrace: figures.plot_trace,
        SpillTrace: figures.plot_spill,
    }
    return drawn.get(type(result))
