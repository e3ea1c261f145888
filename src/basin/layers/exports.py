"""Layers for other programs than a GIS: KML for globes, DXF for drawings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from basin.crs import EXCHANGE_CRS, local_metric_crs
from basin.errors import LayerError
from basin.layers.qgs import layer_title
from basin.standards.labels import codes, colour, label

__all__ = ["need_shapes", "write_dxf", "write_kml"]

#: Columns whose codes become the layers of a drawing -> their words; the first that is there.
_DRAWN_BY = {
    "verdict": "verdict", "water_class": "water_class", "severity": "severity",
    "kind": "zone_kind", "strahler": "",
}  # fmt: skip
_NOT_IN_LAYER_NAME = re.compile(r'[<>/\\":;?*|=`,\x00-\x1f]')

_KML = {"NameField": "name"}

#: Height of the names in a drawing, in metres: readable on a sheet of 1 : 10 000.
_TEXT_M = 30.0


def need_shapes(name: str, table: Any) -> None:
    """Refuse a table without geometry.

    Raises
    ------
    LayerError
    """
    if not isinstance(table, gpd.GeoDataFrame):
        raise LayerError(
            f"table {name!r} has no geometry",
            mend="Write it as .csv or .xlsx.",
            zh=f"表“{name}”没有图形",
            mend_zh="改写 .csv 或 .xlsx",
        )


def write_kml(path: Path, name: str, table: Any, *, lang: str = "zh") -> None:
    """Write a layer as KML (WGS 84), all columns with each feature.

    Raises
    ------
    LayerError
        If the table has no geometry.
    """
    import pyogrio

    need_shapes(name, table)
    if table.crs is not None:
        table = table.to_crs(4326)
    # a column of this name would be shown as HTML
    plain = table.rename(columns={c: f"{c}_" for c in table if str(c).casefold() == "description"})
    # the driver "LIBKML" lets a name with "]]>" break the file
    pyogrio.write_dataframe(
        plain, path, driver="KML", layer=layer_title(name, lang), dataset_options=_KML
    )


def write_dxf(path: Path, name: str, table: Any, *, lang: str = "zh") -> None:
    """Write a layer as DXF (R2010, metres), with a name at each feature.

    Coordinates are those of the CGCS2000 zone of three degrees that fits; the drawing's property
    ``CRS`` states it. Features of different codes (verdict, water class, kind)
    lie on layers of their own, in the colours of the maps.

    Raises
    ------
    LayerError
        If the table has no geometry, or ``ezdxf`` is not installed.
    """
    need_shapes(name, table)
    try:
        import ezdxf
        from ezdxf.filemanagement import new
    except ImportError as error:
        raise LayerError(
            "a .dxf needs the package ezdxf",
            mend="pip install 'basin-gis[dxf]'.",
            zh="写 .dxf 需要 ezdxf",
            mend_zh="请安装：pip install 'basin-gis[dxf]'",
        ) from error

    shown = table[~(table.geometry.isna() | table.geometry.is_empty)]
    if shown.crs is None:
        shown = shown.set_crs(EXCHANGE_CRS)
    system = _grid_of(shown)
    flat = shown.to_crs(system)
    with _fixed_marks(ezdxf):
        drawing = new("R2010", units=6)
        drawing.styles.new("basin", dxfattribs={"font": "simsun.ttf"})
        authority = ":".join(system.to_authority() or ())
        drawing.header.custom_vars.append("CRS", f"{authority} {system.name}".strip())
        _draw(drawing, name, flat, lang)
        drawing.saveas(path)


def _grid_of(table: Any) -> Any:
    """The zone of three degrees of CGCS2000 (EPSG:4534 to 4554, no zone number before eastings)."""
    import pyproj

    west, _, east, _ = table.to_crs(EXCHANGE_CRS).total_bounds
    meridian = round((west + east) / 6) if np.isfinite(west + east) else 35
    if 25 <= meridian <= 45:
        return pyproj.CRS.from_epsg(4534 + meridian - 25)
    return local_metric_crs(table.to_crs(EXCHANGE_CRS))


def _draw(drawing: Any, name: str, table: Any, lang: str) -> None:
    space = drawing.modelspace()
    layers = _layer_names(drawing, name, table, lang)
    for shape, layer, text in zip(
        table.geometry.array, layers, _names(table).tolist(), strict=True
    ):
        on = {"layer": layer}
        for part in shapely.get_parts(shape):
            if part.geom_type == "Point":
                space.add_point((part.x, part.y), dxfattribs=on)
                continue
            rings = [part] if part.geom_type == "LineString" else [part.exterior, *part.interiors]
            for ring in rings:
                space.add_lwpolyline(
                    shapely.get_coordinates(ring), close=part.geom_type == "Polygon", dxfattribs=on
                )
        if text:
            at = shapely.point_on_surface(shape)
            space.add_text(text, height=_TEXT_M, dxfattribs={**on, "style": "basin"}).set_placement(
                (at.x, at.y)
            )


def _layer_names(drawing: Any, name: str, table: Any, lang: str) -> list[str]:
    """Make the layers of a drawing; return the one of each feature."""
    title = layer_title(name, lang)
    by = next((c for c in _DRAWN_BY if c in table.columns), None)
    values = table[by].astype(object) if by else [None] * len(table)
    result = []
    for value in values:
        kind = _DRAWN_BY[by] if by else ""
        missing = value is None or value != value
        known = kind and not missing and str(value) in codes(kind)
        word = label(kind, str(value), lang) if known else "" if missing else str(value)
        layer = _NOT_IN_LAYER_NAME.sub("_", f"{title} {word}".strip())[:200]
        if layer not in drawing.layers:
            tint = colour(kind, str(value), "#607d8b") if known else "#607d8b"
            made = drawing.layers.add(layer)
            made.rgb = tuple(int(tint[i : i + 2], 16) for i in (1, 3, 5))
        result.append(layer)
    return result


def _names(table: Any) -> np.ndarray:
    """What stands beside each feature: its name, else its id."""
    texts = np.full(len(table), "", dtype=object)
    ids = [c for c in table.columns if str(c).endswith("_id") or c == "id"]
    for column in ("name", *ids[:1]):
        if column in table.columns:
            more = table[column].astype("string").fillna("").to_numpy(dtype=object)
            texts = np.where(texts == "", more, texts)
    return np.array([re.sub(r"\s+", " ", str(t)) for t in texts], dtype=object)


@contextmanager
def _fixed_marks(ezdxf: Any) -> Iterator[None]:
    """Without clock and random numbers: equal input gives equal bytes."""
    before = ezdxf.options.write_fixed_meta_data_for_testing
    ezdxf.options.write_fixed_meta_data_for_testing = True
    try:
        yield
    finally:
        ezdxf.options.write_fixed_meta_data_for_testing = before
