"""Where the cloud lies hour by hour: lines from its tail to its leading edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.ops import substring

from basin.crs import EXCHANGE_CRS
from basin.standards.hydraulics import hydraulics
from basin.tracing.spill.cloud import tail_time
from basin.tracing.spill.hydraulics import CASES
from basin.tracing.spill.way import Way

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["spill_fronts"]

Floats = npt.NDArray[np.float64]

#: Water that waits at a structure is drawn so long, in metres.
_HELD_M = 50.0

#: A piece of the cloud shorter than this, in metres, is no line.
_SHORTEST_M = 0.01


def spill_fronts(
    network: RiverNetwork, way: Way, *, duration_h: float, hours: float, step_h: float
) -> gpd.GeoDataFrame:
    """Draw the cloud at each step of time, in each case.

    Returns
    -------
    EPSG:4490, by case and hour
        ``case``, ``hour`` (from the start of the release), ``head_m`` and ``tail_m`` (walked
        distance of the farthest leading edge and the nearest trailing edge), ``length_m`` (all of
        the cloud, by every arm), ``held`` (a part of it waits at a structure, drawn as some metres
        of river below it), geometry: MultiLineString. A case ends where the cloud has left the
        network, and no later than `hours`.
    """
    steps = np.arange(step_h, hours + step_h / 2, step_h)
    parts = [_case(way, n, case, steps, duration_h) for n, case in enumerate(CASES)]
    pieces = pd.concat(parts, ignore_index=True)
    lines = _lines(network, way, pieces)
    keys = ["case_no", "hour"]
    owner = pieces.groupby(keys, sort=True).ngroup().to_numpy()
    order = np.argsort(owner, kind="stable")
    drawn = shapely.multilinestrings(lines[order], indices=owner[order])
    table = pieces.groupby(keys, sort=True).agg(
        head_m=("head_m", "max"),
        tail_m=("tail_m", "min"),
        length_m=("length_m", "sum"),
        held=("held", "any"),
    )
    table = table.reset_index()
    table.insert(0, "case", np.array(CASES, dtype=object)[table["case_no"]])
    return gpd.GeoDataFrame(table.drop(columns="case_no"), geometry=drawn, crs=EXCHANGE_CRS)


def _case(way: Way, n: int, case: str, steps: Floats, duration_h: float) -> pd.DataFrame:
    """Pieces of stretches that the cloud covers at each step: stretch, and measures from to."""
    start, end, lag = way.start_h[:, n], way.end_h[:, n], way.lag_h[:, n]
    head = steps / hydraulics()["cloud"]["leading"]  # time of the peak where the edge lies
    tail = tail_time(steps, way.hydraulics.ratio[case], duration_h, float((end + lag).max()))
    wait = way.wait_h[:, n]
    moving = (head[:, None] > start) & (tail[:, None] < end + lag)
    waiting = (wait > 0) & (head[:, None] > start - wait) & (tail[:, None] < start + lag)
    step, stretch = np.nonzero(moving | waiting)
    held = waiting[step, stretch]
    table = way.stretches
    begin = table["from_measure_m"].to_numpy(dtype=float)[stretch]
    size = table["to_measure_m"].to_numpy(dtype=float)[stretch] - begin
    through = end[stretch] - start[stretch]
    with np.errstate(invalid="ignore", divide="ignore"):
        late = start[stretch] + lag[stretch]
        low = np.where(through > 0, (tail[step] - late) / through, 0.0).clip(0, 1)
        high = np.where(through > 0, (head[step] - start[stretch]) / through, 1.0).clip(0, 1)
    # what waits at the upper end of a stretch is seen there
    low = np.where(held, 0.0, low)
    high = np.where(held, np.maximum(high, np.minimum(_HELD_M / np.maximum(size, 1e-9), 1.0)), high)
    near = way.distance_m[stretch, n]
    pieces = pd.DataFrame(
        {
            "case_no": n,
            "hour": np.round(steps[step], 6),
            "stretch": stretch,
            "from_m": begin + low * size,
            "to_m": begin + high * size,
            "tail_m": near + low * size,
            "head_m": near + high * size,
            "length_m": (high - low) * size,
            "held": held,
        }
    )
    return pieces[pieces["length_m"] > _SHORTEST_M]


def _lines(network: RiverNetwork, way: Way, pieces: pd.DataFrame) -> Any:
    """Lines of the pieces; each that occurs again (whole stretches do) is cut once."""
    keys = pieces[["stretch", "from_m", "to_m"]].round(3)
    first = keys.drop_duplicates()
    reach = way.stretches["reach"].to_numpy()[first["stretch"].to_numpy()]
    ids = way.reaches.index[reach]
    geometry = np.asarray(network.reaches.geometry.loc[ids].array, dtype=object)
    whole = np.maximum(network.reaches["length_m"].loc[ids].to_numpy(dtype=float), 1e-9)
    begin, end = first["from_m"].to_numpy() / whole, first["to_m"].to_numpy() / whole
    cut = np.empty(len(first), dtype=object)
    for n, (line, a, b) in enumerate(zip(geometry, begin, end, strict=True)):
        cut[n] = substring(line, a, min(b, 1.0), normalized=True)
    known = pd.Series(cut, index=pd.MultiIndex.from_frame(first), dtype=object)
    return known.loc[pd.MultiIndex.from_frame(keys)].to_numpy()
