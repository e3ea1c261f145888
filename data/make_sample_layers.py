"""Make the schematic (示意) Qijiang sample basin: ``python data/make_sample_layers.py [folder]``.

Towns are real points (GeoNames, CC BY 4.0, in ``data/tables``); rivers are drawn between them;
districts, zones, plants, outfalls, sites and all measured values are invented. One fixed seed:
running it again gives the same content. See ``data/sample_layers/README.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

from sample_maker import areas, outfalls, places, rivers, sites, terrain
from sample_maker.files import write_csv, write_gpkg
from sample_maker.samples import draw_samples


def main(folder: Path) -> None:
    """Write every layer of the sample into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = rivers.draw_rivers()
    write_gpkg(drawn.lines, folder / "rivers.gpkg")
    terrain.write_dem(folder / "dem.tif", *terrain.make_dem(drawn.pieces))
    districts = places.draw_districts()
    write_gpkg(districts, folder / "districts.gpkg")
    sections, spots = places.draw_sections(drawn, districts)
    write_csv(sections, folder / "sections.csv")
    write_gpkg(places.draw_structures(drawn), folder / "structures.gpkg")
    intakes, intake_spots = places.draw_intakes(drawn)
    write_gpkg(intakes, folder / "intakes.gpkg")
    shorelines = areas.draw_shorelines(drawn)
    anchors = sites.exact_anchors(drawn, shorelines)
    zones = areas.draw_zones(drawn, districts, shorelines, intake_spots, sites.park_places(anchors))
    write_gpkg(shorelines, folder / "shorelines.gpkg")
    write_gpkg(zones, folder / "zones.gpkg")
    write_gpkg(areas.draw_coverage(drawn, districts), folder / "coverage.gpkg")
    projects = sites.draw_projects(anchors, drawn, zones, shorelines)
    sites.write_sites(projects, folder)
    samples = draw_samples(sections)
    write_csv(samples, folder / "samples.csv")
    flows = dict(zip(sections["section_id"], sections["flow_m3_s"], strict=True))
    found = outfalls.draw_outfalls(drawn, districts, spots, flows, samples, intake_spots)
    outfalls.write_outfalls(found.table, folder / "outfalls.shp")
    planted = drawn.planted + found.planted + sites.planted_sites(projects, shorelines, zones)
    write_csv(pd.DataFrame(planted, columns=PLANTED_COLUMNS), folder / "planted.csv")


PLANTED_COLUMNS = ["kind", "id", "reach_id", "rule", "expectation", "value", "detail"]

if __name__ == "__main__":
    default = Path(__file__).parent / "sample_layers"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
