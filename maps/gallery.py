"""Render the sample's figures and maps: ``make gallery``.

Small PNGs go to ``maps/gallery/`` and are kept for the documentation; the interactive maps go to
``maps/*.html`` and are built only. A browser for the pictures of the maps is found as in the tests
(``BASIN_CHROMIUM``, or chromium on the path); without one they are left out, and that is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import basin
from basin import figures
from basin.siting import definition_sensitivity

HERE = Path(__file__).resolve().parent
KEPT = HERE / "gallery"

#: Pixels per inch: sharp on a page of the documentation, small in the repository.
_DPI = 90


def main() -> None:
    """Draw every figure and map of the sample."""
    project = basin.open(HERE.parent / "data" / "sample_layers")
    KEPT.mkdir(exist_ok=True)
    net, date = project.network, project.effective_date
    ground = {"reaches": net.reaches, "districts": project.layers["districts"], "date": date}
    siting = project.check()
    assessment = project.assess("2025")
    traces = [project.trace(section, period="2025") for section in ("S-FH", "S-WT")]
    spill = project.spill(outfall_id="P-021", mass_kg=2000, duration_h=1, item="nh3n")
    layers = project.layers
    readings = definition_sensitivity(
        layers["sites"], layers["shorelines"], net,
        date=date, coverage=layers["coverage"], rivers=layers["rivers"],
    )  # fmt: skip
    bands = project.bands
    by_limit = dict(list(bands.groupby("limit_m")))
    drawn = {
        "sections": figures.plot_sections(assessment, **ground),
        "siting": figures.plot_siting(
            siting, shorelines=layers["shorelines"], bands=by_limit, **ground
        ),
        "trace_S-FH": figures.plot_trace(traces[0], **ground),
        "trace_S-WT": figures.plot_trace(traces[1], **ground),
        "spill": figures.plot_spill(spill, **ground),
        "location": figures.plot_location(
            siting.sites.loc[["X-01"]], shorelines=layers["shorelines"], **ground
        ),
        "readings": figures.plot_definition_sensitivity(readings, date=date),
    }
    for name, figure in drawn.items():
        figures.save_figure(figure, KEPT / f"{name}.png", dpi=_DPI)
        print(f"→ maps/gallery/{name}.png")
    page = HERE / "basin.html"
    project.map(page, assessment=assessment, siting=siting, traces=traces, overwrite=True)
    _photograph(page, KEPT / "map.png")


def _photograph(page: Path, picture: Path) -> None:
    """Take a picture of a map in a headless browser."""
    browser = os.environ.get("BASIN_CHROMIUM") or shutil.which("chromium")
    if browser is None:
        print("! no chromium: the picture of the map is left out")
        return
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-background-networking", f"--user-data-dir={profile}",
             "--window-size=1280,800", "--virtual-time-budget=6000", f"--screenshot={picture}",
             page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    print(f"→ maps/gallery/{picture.name}")


if __name__ == "__main__":
    main()
