"""The figures that go into the report of a result, drawn with the project's own layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from basin.project import Basin

__all__ = ["draw_figures", "plot_of"]


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
        words: Any = {"lang": lang, "labels": labels, "date": basin.effective_date, **ground}
        return {name: plot_of(result)(result, **words) for name, result in results.items()}

    try:
        return draw(basin.lang, "name"), ""
    except figures.FontError as error:
        return draw("en", "id"), str(error)


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
