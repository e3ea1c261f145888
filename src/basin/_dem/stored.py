"""The figures that a GeoTIFF stores, as heights in metres: what is none is set apart or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from basin._raster import open_geotiff
from basin.errors import LayerError

__all__ = ["HIGHEST_M", "LOWEST_M", "Heights", "Repair", "Tile", "opened", "read_tile"]

Floats = npt.NDArray[np.float64]
Heights = npt.NDArray[np.float32]

#: Land lies between these; below the first is sea bed, or a figure for "no data".
LOWEST_M, HIGHEST_M = -500.0, 9_000.0
#: Below this is no sea bed either.
_DEEPEST_M = -12_000.0
#: A figure for "no data" is one of few: heights are many.
_FEW = 3


class Repair(NamedTuple):
    """Something in a DEM that was set right, or that its user must know.

    Attributes
    ----------
    kind
        ``nodata_not_stated``, ``sea_bed``, ``unit``, ``scaled``, ``south_up``, ``tiles_apart``,
        ``tiles_step``.
    file, text, zh
    """

    kind: str
    file: str
    text: str
    zh: str


class Tile(NamedTuple):
    source: Any
    name: str
    at: tuple[int, int]
    shape: tuple[int, int]
    turned: bool
    factor: float
    offset: float


@contextmanager
def opened(source: Any) -> Iterator[Any]:
    if isinstance(source, str | Path):
        with open_geotiff(source) as dataset:
            yield dataset
    else:
        yield source


def read_tile(tile: Tile, part: tuple[int, ...], repairs: list[Repair]) -> Heights:
    from rasterio.windows import Window as RasterWindow

    top, left, bottom, right = part
    first = tile.shape[0] - bottom if tile.turned else top
    with opened(tile.source) as dataset:
        window = RasterWindow(left, first, right - left, bottom - top)
        stored = dataset.read(1, window=window, masked=True)
    figures = np.ma.filled(stored.astype(np.float64), np.nan)
    heights = figures * tile.factor + tile.offset
    heights[~np.isfinite(heights)] = np.nan
    _set_apart(heights, tile.name, repairs)
    if tile.turned:
        heights = heights[::-1]
    return np.asarray(heights, dtype=np.float32)


def _set_apart(heights: Floats, name: str, repairs: list[Repair]) -> None:
    """Turn what can be no height of land into NaN and list it; refuse what is no DEM."""
    with np.errstate(invalid="ignore"):
        odd = (heights < LOWEST_M) | (heights > HIGHEST_M)
    if not odd.any():
        return
    values, counts = np.unique(heights[odd], return_counts=True)
    n = int(counts.sum())
    if len(values) <= _FEW:
        told = ", ".join(f"{v:.6g}" for v in values)
        text = f"{name}: the figure {told} stands for no data though the file does not say so"
        repair = Repair(
            "nodata_not_stated", name, text, f"{name}：{told} 实为无数据，文件未注明，已剔除"
        )
    elif values[0] >= _DEEPEST_M and values[-1] < LOWEST_M:
        text = f"{name}: heights below {LOWEST_M:g} m are sea bed and were left out"
        repair = Repair("sea_bed", name, text, f"{name}：低于 {LOWEST_M:g} m 的为海底，未采用")
    else:
        raise LayerError(
            f"{name}: {n} cells hold {values[0]:.6g} to {values[-1]:.6g}, which are no heights in "
            "metres",
            mend="They passed 32,767 in a 16-bit file, are decimetres, or a picture: export the "
            "heights again as 32-bit metres.",
            zh=f"{name}：{n} 个像元的值为 {values[0]:.6g} 至 {values[-1]:.6g}，不是以米计的高程",
            mend_zh="可能是 16 位溢出、以分米存储或影像：请以 32 位、米为单位重新导出",
        )
    heights[odd] = np.nan
    if repair not in repairs:
        repairs.append(repair)
