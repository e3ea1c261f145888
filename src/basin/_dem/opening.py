"""What the file of a DEM says is checked once: system, grid, unit, tiles, vertical datum."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyproj

from basin._dem.grid import Dem, Window
from basin._dem.stored import Repair, Tile, opened
from basin.crs import check_datum
from basin.errors import CrsError, LayerError

__all__ = ["open_dem"]

#: Metres a unit.
_UNITS = {
    "": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "米": 1.0,
    "dm": 0.1, "cm": 0.01, "mm": 0.001,
    "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us-ft": 1200 / 3937,
    "us survey foot": 1200 / 3937,
}  # fmt: skip

#: Tiles lie on one grid if they are off it by no more than this, in cells.
_OFF_GRID = 0.01


def open_dem(dem: Any, *, vertical: str | None = None) -> Dem:
    """Check a DEM and return it unread.

    Parameters
    ----------
    dem
        Path of a GeoTIFF, several paths of tiles on one grid, an open rasterio dataset, or a Dem.
    vertical
        Name of its vertical datum, over what the file says.

    Raises
    ------
    LayerError
        If a file is no GeoTIFF, is turned, is a picture, or tiles do not lie on one grid or differ
        in their vertical datum.
    CrsError
        If the CRS is missing, refused (Beijing 1954, Xian 1980), or does not fit the coordinates.
    """
    if isinstance(dem, Dem):
        return dem
    sources = [dem] if isinstance(dem, str | Path) or hasattr(dem, "read") else list(dem)
    if not sources:
        raise LayerError("no DEM is given", mend="Name one GeoTIFF, or its tiles.")
    repairs: list[Repair] = []
    found = [_describe(source, repairs) for source in sources]
    first = found[0]
    for other in found[1:]:
        _check_same_grid(first, other)
    a, e = first.transform.a, first.transform.e
    west = min(f.transform.c for f in found)
    north = max(f.transform.f for f in found)
    tiles = []
    for f in found:
        at = (round((f.transform.f - north) / e), round((f.transform.c - west) / a))
        tiles.append(Tile(f.source, f.name, at, f.shape, f.turned, f.factor, f.offset))
    shape = (
        max(t.at[0] + t.shape[0] for t in tiles),
        max(t.at[1] + t.shape[1] for t in tiles),
    )
    known = {f.vertical for f in found} - {""}
    if len(known) > 1 and vertical is None:
        names = ", ".join(sorted(known))
        raise LayerError(
            f"the tiles of the DEM are in different vertical datums: {names}",
            mend="Bring them to one datum: a difference of metres would make a step.",
            zh=f"高程分幅的高程基准不同：{names}",
            mend_zh="先统一到同一高程基准，否则接边处会有台阶",
        )
    affine = type(first.transform)(a, 0.0, west, 0.0, e, north)
    datum = vertical if vertical is not None else next(iter(known), "")
    opened = Dem(first.crs, affine, shape, datum, tuple(tiles), repairs)
    if len(tiles) > 1:
        _check_seams(opened)
    return opened


class _Found(NamedTuple):
    source: Any
    name: str
    crs: pyproj.CRS
    vertical: str
    transform: Any
    shape: tuple[int, int]
    turned: bool
    factor: float
    offset: float


def _describe(source: Any, repairs: list[Repair]) -> _Found:
    with opened(source) as dataset:
        name = Path(dataset.name).name
        crs, vertical = _systems(dataset, name)
        if dataset.count != 1:
            raise LayerError(
                f"{name} has {dataset.count} bands: it looks like a picture, not like heights",
                mend="Give a GeoTIFF of one band with heights in metres.",
                zh=f"{name} 有 {dataset.count} 个波段，像是影像，不是高程",
                mend_zh="给出单波段、以米为单位的高程 GeoTIFF",
            )
        t = dataset.transform
        if t.b or t.d or t.a <= 0:
            raise LayerError(
                f"{name} is turned: its rows do not run from west to east",
                mend="Warp it upright, e.g. gdalwarp in.tif out.tif.",
                zh=f"{name} 的栅格是旋转的，行不是自西向东",
                mend_zh="先用 gdalwarp 校正为正北方向",
            )
        shape, turned = (dataset.height, dataset.width), t.e > 0
        if turned:
            t = type(t)(t.a, 0.0, t.c, 0.0, -t.e, t.f + t.e * dataset.height)
            repairs.append(
                Repair(
                    "south_up",
                    name,
                    f"{name}: its rows ran north; turned",
                    f"{name}：行自南向北，已翻转",
                )
            )
        _check_place(crs, t, shape, name)
        factor, offset = _unit(dataset, name, repairs)
        return _Found(source, name, crs, vertical, t, shape, turned, factor, offset)


def _systems(dataset: Any, name: str) -> tuple[pyproj.CRS, str]:
    """Return the system of places, and the name of the vertical datum ("" if not stated)."""
    if dataset.crs is None:
        raise CrsError(
            f"{name} has no coordinate reference system",
            mend="Write the DEM with one, e.g. gdal_edit.py -a_srs EPSG:4490.",
            zh=f"{name} 没有坐标系",
            mend_zh="写入坐标系后再用，例如 gdal_edit.py -a_srs EPSG:4490",
        )
    crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
    tags = {k.casefold(): v for k, v in dataset.tags().items()}
    vertical = str(tags.get("vertical_datum", "")).strip()
    if crs.is_compound:
        parts = crs.sub_crs_list
        crs, vertical = parts[0], parts[1].name if len(parts) > 1 else vertical
    check_datum(crs, name)
    return crs, vertical


def _check_place(crs: pyproj.CRS, t: Any, shape: tuple[int, int], name: str) -> None:
    x = np.array([t.c, t.c + t.a * shape[1]])
    y = np.array([t.f + t.e * shape[0], t.f])
    if crs.is_geographic:
        fits = abs(x).max() <= 180.5 and abs(y).max() <= 90.5
    else:
        fits = not (abs(x).max() <= 181 and abs(y).max() <= 91 and t.a < 0.1)
    if not fits:
        kind = ("metres", "degrees") if crs.is_geographic else ("degrees", "metres")
        zh = ("米", "度") if crs.is_geographic else ("度", "米")
        raise CrsError(
            f"{name} states {crs.name}, in {kind[1]}, but its corners ({x[0]:g}, {y[0]:g}) and "
            f"cells ({t.a:g}) look like {kind[0]}",
            mend="State the true system of the DEM.",
            zh=f"{name} 写明的坐标系是 {crs.name}（单位：{zh[1]}），"
            f"但四角与像元（{t.a:g}）看来是{zh[0]}",
            mend_zh="改正高程文件的坐标系",
        )


def _unit(dataset: Any, name: str, repairs: list[Repair]) -> tuple[float, float]:
    """Return factor and offset that bring stored figures to metres."""
    tags = dataset.tags(1)
    stated = str((dataset.units or ("",))[0] or tags.get("units") or tags.get("unit") or "")
    unit = _UNITS.get(stated.strip().casefold())
    if unit is None:
        raise LayerError(
            f"{name} states heights in {stated!r}, which is not known",
            mend="Give heights in metres.",
            zh=f"{name} 的高程单位“{stated}”不认识",
            mend_zh="改用以米为单位的高程",
        )
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    if unit != 1.0:
        repairs.append(
            Repair(
                "unit",
                name,
                f"{name}: heights in {stated} were turned into metres",
                f"{name}：高程单位 {stated} 已换算为米",
            )
        )
    if scale != 1.0 or offset != 0.0:
        text = f"{name}: stored figures times {scale:g} plus {offset:g}, as the file says"
        repairs.append(
            Repair("scaled", name, text, f"{name}：按文件注明，存储值乘 {scale:g} 加 {offset:g}")
        )
    return scale * unit, offset * unit


def _check_same_grid(first: _Found, other: _Found) -> None:
    a, e = first.transform.a, first.transform.e
    lateral = (other.transform.c - first.transform.c) / a
    vertical = (other.transform.f - first.transform.f) / e
    same = (
        first.crs.equals(other.crs, ignore_axis_order=True)
        and abs(other.transform.a / a - 1) * max(other.shape) < _OFF_GRID
        and abs(other.transform.e / e - 1) * max(other.shape) < _OFF_GRID
        and abs(lateral - round(lateral)) < _OFF_GRID
        and abs(vertical - round(vertical)) < _OFF_GRID
    )
    if not same:
        raise LayerError(
            f"the tiles {first.name} and {other.name} do not lie on one grid "
            "(system, size of cells, or corners off by part of a cell)",
            mend="Warp them to one grid first, e.g. gdalwarp -t_srs ... -tr ... -tap.",
            zh=f"分幅 {first.name} 与 {other.name} 不在同一格网上（坐标系、像元大小或起点不一致）",
            mend_zh="先重采样到同一格网，例如 gdalwarp -t_srs … -tr … -tap",
        )


def _check_seams(dem: Dem) -> None:
    """List tiles that leave gaps between them, or whose heights step where they meet."""
    cover = np.zeros(dem.shape, dtype=bool) if np.prod(dem.shape) < 4e8 else None
    if cover is not None:
        for tile in dem.tiles:
            cover[
                tile.at[0] : tile.at[0] + tile.shape[0], tile.at[1] : tile.at[1] + tile.shape[1]
            ] = True
        gap = int((~cover).sum())
        if gap:
            text = f"the tiles leave {gap} cells of their frame without data"
            dem.repairs.append(
                Repair("tiles_apart", dem.name, text, f"分幅之间有 {gap} 个像元没有数据")
            )
    for tile in dem.tiles:
        for across in (False, True):
            _check_step(dem, tile, across)


#: Heights on two sides of a seam differ by this more than those on either side of the next line:
#: a step, in metres.
_STEP_M = 5.0


def _check_step(dem: Dem, tile: Tile, across: bool) -> None:
    """Compare the step over a tile's lower (or right) edge with the steps beside it."""
    edge = tile.at[across] + tile.shape[across]
    if edge >= dem.shape[across] or edge < 2:
        return
    if across:
        window = Window(
            tile.at[0], edge - 2, tile.at[0] + tile.shape[0], min(edge + 2, dem.shape[1])
        )
        strip = dem.read(window).T
    else:
        window = Window(
            edge - 2, tile.at[1], min(edge + 2, dem.shape[0]), tile.at[1] + tile.shape[1]
        )
        strip = dem.read(window)
    if len(strip) < 4:
        return
    expected = ((strip[1] - strip[0]) + (strip[3] - strip[2])) / 2
    step = strip[2] - strip[1] - expected
    if np.isfinite(step).any() and abs(float(np.nanmedian(step))) > _STEP_M:
        metres = float(np.nanmedian(step))
        dem.repairs.append(
            Repair(
                "tiles_step",
                tile.name,
                f"{tile.name}: heights step by {metres:+.1f} m at the edge to the next tile; "
                "are their vertical datums the same?",
                f"{tile.name}：与相邻分幅接边处高程相差 {metres:+.1f} m，请核对高程基准是否一致",
            )
        )
