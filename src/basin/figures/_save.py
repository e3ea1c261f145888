"""Write a figure whole or not at all, with the same bytes for the same input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from basin.errors import BasinError
from basin.layers import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_figure"]

#: Metadata that would carry the clock or the library's version into the file.
_QUIET: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    ".svg": {"Date": None, "Creator": None},
}


def save_figure(
    figure: Figure, path: str | Path, *, dpi: float = 300, overwrite: bool = True
) -> Path:
    """Write a figure as PNG, SVG or PDF by the ending of `path`.

    Parameters
    ----------
    figure
        From one of the ``plot_`` functions.
    path
        Where to write; an existing file is replaced in one step unless `overwrite` is False.
    dpi
        Dots per inch of a PNG, and of pictures inside a PDF or SVG.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BasinError
        If the ending is none of the three.
    """
    import matplotlib

    target = Path(path)
    ending = target.suffix.lower()
    if ending not in _QUIET:
        raise BasinError(
            f"a figure cannot be written as {target.name!r}", mend="End it in .png, .svg or .pdf."
        )
    # text as curves in an SVG, so that it looks the same where the font is missing
    fixed: dict[Any, Any] = {"svg.hashsalt": "basin", "svg.fonttype": "path", "pdf.fonttype": 3}
    with atomic_write(target, overwrite=overwrite) as temporary, matplotlib.rc_context(fixed):
        figure.savefig(temporary, format=ending[1:], dpi=dpi, metadata=_QUIET[ending])
    return target
