"""The figures that go into the report of a result, drawn with the project's own layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from basin.project import Basin

__all__ = ["draw_figures"]


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
        return {name: _plot(result)(result, **words) for name, result in results.items()}

    try:
        return draw(basin.lang, "name"), ""
    except figures.FontError as error:
        return draw("en", "id"), str(error)


def _plot(result: Any) -> Any:
    from basin import figures
    from basin.quality import SectionAssessment
    from basin.siting import SitingResult

    if isinstance(result, SitingResult):
        return figures.plot_siting
    if isinstance(result, SectionAssessment):
        return figures.plot_sections
    return figures.plot_trace
