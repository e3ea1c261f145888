"""From a result to a file: which document it is, and which format its ending asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from basin.errors import BasinError
from basin.layers import atomic_write
from basin.reports._annex import Annex, with_annex
from basin.reports._assessment import assessment_document
from basin.reports._document import Document, Picture, clean
from basin.reports._docx import render_docx
from basin.reports._html import render_html
from basin.reports._network import network_document
from basin.reports._siting import siting_document
from basin.reports._spill import intake_document, ledger_document, spill_document
from basin.reports._trace import trace_document
from basin.reports._xlsx import render_xlsx

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from basin.network import RiverNetwork
    from basin.quality import SectionAssessment
    from basin.siting import SitingResult
    from basin.tracing import IntakeZones, OutfallLedger, SourceTrace, SpillTrace

    Result: TypeAlias = (
        SitingResult | SectionAssessment | SourceTrace | RiverNetwork
        | SpillTrace | IntakeZones | OutfallLedger
    )  # fmt: skip

__all__ = ["ENDINGS", "document", "report_filename", "write_report"]

#: Formats of a report.
ENDINGS = (".html", ".docx", ".xlsx")

#: Fine enough for A4 print, small enough for a page that is mailed.
_EMBEDDED_DPI = 160

_PNG = b"\x89PNG\r\n\x1a\n"


def write_report(
    result: Result,
    path: str | Path,
    *,
    lang: str = "zh",
    figures: Iterable[Figure | str | Path | tuple[str, Figure | str | Path]] = (),
    template: str | Path | None = None,
    also: Iterable[Any] = (),
    annex: Annex | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of a result: web page (``.html``), Word (``.docx``), workbook (``.xlsx``).

    All three say the same: they are laid out once, and only then put into a format.

    Parameters
    ----------
    result : SitingResult, SectionAssessment, SourceTrace or RiverNetwork
    path
        Its ending chooses the format.
    lang
        ``"zh"`` or ``"en"``.
    figures
        Figures from `basin.figures`, PNG files, or pairs of caption and one of these.
    template
        A Word document of the user's own for ``.docx``: its styles, page, header and footer, and
        its tags where it has any (docxtpl; see docs/reports.md).
    also
        With a SitingResult: the SiteZones, WaysToPass, LineSensitivity and DefinitionSensitivity
        of the same sites. With a SectionAssessment: pairs of name and table, as
        `assessment_tables` takes them.
    annex
        What the result was made from, for the last chapter.
    overwrite
        Replace an existing file; the file is written whole or not at all.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BasinError
        If the result is of another type, the ending or the language is unknown, a picture is
        not a PNG, or the template is no Word document or cannot be filled.
    LayerError
        If the file exists and `overwrite` is False.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise BasinError(
            f"a report cannot be written as {target.name!r}",
            mend=f"End it in {', '.join(ENDINGS)}.",
            zh=f"报告不能写成 {target.name!r}",
            mend_zh=f"后缀用 {'、'.join(ENDINGS)}",
        )
    if template is not None and ending != ".docx":
        raise BasinError(
            f"a template is for .docx, not for {target.name!r}",
            mend="End the report in .docx.",
            zh=f"模板只用于 .docx，不用于 {target.name!r}",
            mend_zh="报告后缀改为 .docx",
        )
    laid_out = document(result, lang=lang, figures=figures, also=also, annex=annex)
    content = _render(laid_out, ending, template)
    with atomic_write(target, overwrite=overwrite) as temporary:
        Path(temporary).write_bytes(content)
    return target


def _render(laid_out: Document, ending: str, template: str | Path | None) -> bytes:
    if ending == ".html":
        return render_html(laid_out).encode("utf-8")
    if ending == ".xlsx":
        return render_xlsx(laid_out)
    try:
        return render_docx(laid_out, template)
    except ModuleNotFoundError as error:
        raise BasinError(
            f"a Word report needs the package {error.name}",
            mend="pip install 'basin-gis[report]'",
            zh=f"写 Word 报告需要 {error.name}",
            mend_zh="pip install 'basin-gis[report]'",
        ) from error


def document(
    result: Result,
    *,
    lang: str = "zh",
    figures: Iterable[Figure | str | Path | tuple[str, Figure | str | Path]] = (),
    also: Iterable[Any] = (),
    annex: Annex | None = None,
) -> Document:
    """Lay out a result as a document, apart from any file format; raises as `write_report`."""
    if lang not in ("zh", "en"):
        raise BasinError(f"there are no reports in {lang!r}", mend="Take lang='zh' or 'en'.")
    pictures = tuple(_picture(figure) for figure in figures)
    layout = _layout_of(result)
    takes_more = layout in (siting_document, assessment_document)
    more = {"also": tuple(also)} if takes_more else {}
    laid_out: Document = layout(result, lang, pictures, **more)
    return laid_out if annex is None else with_annex(laid_out, annex)


def report_filename(result: Result, ending: str = ".html") -> str:
    """Return a safe file name: ``siting``, ``assessment``, ``network`` or ``trace_<section>``.

    Letters of any script, digits, ``-`` and ``_`` of the section's id are kept.
    """
    kind = _layout_of(result)
    if kind is siting_document:
        return f"siting{ending}"
    if kind is assessment_document:
        return f"assessment{ending}"
    if kind is network_document:
        return f"network{ending}"
    own = {spill_document: "spill", intake_document: "intake", ledger_document: "ledger"}
    if kind in own:
        return f"{own[kind]}{ending}"
    section = re.sub(r"[^\w\-]+", "_", str(getattr(result, "section_id", "")))[:80]
    return f"trace_{section}{ending}"


def _layout_of(result: Any) -> Any:
    """Choose the layout by the tables that a result has, so that no room above is loaded."""
    by_table = {
        "arrivals": spill_document,
        "contents": intake_document,
        "progress": ledger_document,
    }
    for table, layout in by_table.items():
        if hasattr(result, table):
            return layout
    if hasattr(result, "findings") and hasattr(result, "sites"):
        return siting_document
    if hasattr(result, "balance") and hasattr(result, "outfalls"):
        return trace_document
    if hasattr(result, "months") and hasattr(result, "sections"):
        return assessment_document
    if hasattr(result, "reaches") and hasattr(result, "issues"):
        return network_document
    raise BasinError(
        f"there is no report for a {type(result).__name__}",
        mend="Give a result of basin: siting, assessment, trace, spill, ledger, or a network.",
    )


def _picture(figure: Any) -> Picture:
    """Render a figure, or read a PNG file."""
    caption, drawn = figure if isinstance(figure, tuple) else ("", figure)
    if isinstance(drawn, str | Path):
        png = Path(drawn).read_bytes()
        if not png.startswith(_PNG):
            raise BasinError(f"{Path(drawn).name!r} is not a PNG", mend="Save the figure as .png.")
        return Picture(clean(caption or Path(drawn).stem), png)
    buffer = BytesIO()
    drawn.savefig(buffer, format="png", dpi=_EMBEDDED_DPI, metadata={"Software": None})
    return Picture(clean(caption or drawn.get_suptitle()), buffer.getvalue())
