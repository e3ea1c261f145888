"""Writing: GeoPackage 1.2 with a fixed time stamp, so that a rebuild gives the same content."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import geopandas as gpd
import pyogrio

CLOCK = "2026-03-31T00:00:00.000Z"


def write_gpkg(table: gpd.GeoDataFrame, path: Path) -> None:
    """Write one layer named after the file."""
    path.unlink(missing_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": CLOCK})
    kinds = set(table.geom_type.dropna())
    pyogrio.write_dataframe(
        table,
        path,
        layer=path.stem,
        driver="GPKG",
        dataset_options={"VERSION": "1.2"},
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
    )


def write_csv(table, path: Path) -> None:  # type: ignore[no-untyped-def]
    """Write UTF-8 with a byte-order mark, so that Excel shows the Chinese."""
    table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def still_zip(path: Path) -> None:
    """Take the clock out of a workbook: fixed times for its parts and its properties."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    core = parts["docProps/core.xml"].decode("utf-8")
    core = re.sub(r"(<dcterms:modified[^>]*>)[^<]*", rf"\g<1>{CLOCK[:19]}Z", core)
    parts["docProps/core.xml"] = core.encode("utf-8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(
                zipfile.ZipInfo(name, (2026, 3, 31, 0, 0, 0)),
                data,
                compress_type=zipfile.ZIP_DEFLATED,
            )
