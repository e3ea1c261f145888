"""Where to sample next: the places that part the suspects best."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from shapely.geometry import Point

from basin.crs import EXCHANGE_CRS
from basin.errors import AssessmentError

if TYPE_CHECKING:
    from basin.tracing.result import SourceTrace

__all__ = ["best_cuts", "sampling_points"]

Bools = npt.NDArray[np.bool_]

#: Up to so many sets of points are all compared; above, the points are chosen one after another.
_ALL_SETS = 5_000

_COLUMNS = [
    "point", "reach_id", "measure_m", "distance_m", "n_above", "weight_above", "suspects_above",
    "bits", "method", "geometry",
]  # fmt: skip


class _Cut(NamedTuple):
    """A place on the rivers, and which suspects lie above it."""

    row: int
    measure_m: float
    above: Bools


def sampling_points(trace: SourceTrace, k: int) -> gpd.GeoDataFrame:
    """Choose k places so that knowing the flux at each tells most about where the load comes from.

    A place counts only if all water from above passes it (a cut edge of the upstream graph), so
    none lies on one arm of a braid. Sections measured already part the suspects too. A suspect
    weighs what it is expected to bring; those of unknown load share the remainder. The places are
    chosen by the entropy of the weights of the groups that they part.

    Returns
    -------
    GeoDataFrame, one row a point, EPSG:4490
        ``point`` (1, 2, ... from the section up), ``reach_id``, ``measure_m``, ``distance_m`` to
        the section, ``n_above`` and ``suspects_above``, ``weight_above`` (their part of all),
        ``bits`` (entropy of all groups with all points), ``method``: exact or greedy. Fewer than k
        rows where fewer places part anything.

    Raises
    ------
    AssessmentError
        If `k` is below 1.
    """
    if k < 1:
        raise AssessmentError(f"k is {k}", mend="Ask for one sampling point or more.")
    suspects = trace.suspects
    weight = _weights(trace, suspects)
    rows = trace.routes.table.index.get_indexer(suspects["reach_id"])
    cuts = _cuts(trace, rows, suspects["measure_m"].to_numpy(dtype=float))
    held = _held(trace, suspects)
    chosen, bits, method = best_cuts([c.above for c in cuts], weight, k, held)
    picked = sorted((cuts[c] for c in chosen), key=lambda c: _distance(trace, c))
    points = [
        {
            "point": n,
            "reach_id": trace.routes.table.index[cut.row],
            "measure_m": cut.measure_m,
            "distance_m": _distance(trace, cut),
            "n_above": int(cut.above.sum()),
            "weight_above": float(weight[cut.above].sum()),
            "suspects_above": ", ".join(map(str, suspects.index[cut.above])),
            "bits": bits,
            "method": method,
            "geometry": _point(trace, cut),
        }
        for n, cut in enumerate(picked, 1)
    ]
    table = pd.DataFrame(points, columns=_COLUMNS)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=EXCHANGE_CRS)


def best_cuts(
    above: list[Bools], weight: Any, k: int, held: Any
) -> tuple[tuple[int, ...], float, str]:
    """Choose k sets so that membership in them parts the weight most evenly.

    Parameters
    ----------
    above : list of shape (m,)
    weight : shape (m,)
    held : shape (m,)
        Number of the group that each belongs to already.

    Returns
    -------
    chosen
        Positions in `above`; the fewest that reach the best entropy.
    bits
        Entropy of the groups.
    method
        exact: all sets of k were compared; greedy: each point is the best beside those before.
    """
    before = _bits(held, weight)
    k = min(k, len(above))
    if k == 0:
        return (), before, "exact"
    exact = sum(comb(len(above), n) for n in range(1, k + 1)) <= _ALL_SETS
    best: tuple[int, ...] = ()
    most = before
    if exact:
        for n in range(1, k + 1):
            for sets in combinations(range(len(above)), n):
                bits = _bits(_parted(held, [above[c] for c in sets]), weight)
                if bits > most + 1e-12:
                    best, most = sets, bits
        return best, most, "exact"
    groups = held
    while len(best) < k:
        each = [_bits(_parted(groups, [a]), weight) for a in above]
        pick = int(np.argmax(each))
        if each[pick] <= most + 1e-12:
            break
        best, most, groups = (*best, pick), each[pick], _parted(groups, [above[pick]])
    return best, most, "greedy"


def _parted(groups: Any, sets: list[Bools]) -> Any:
    code = np.asarray(groups, dtype=np.int64)
    for mask in sets:
        code = np.unique(code * 2 + mask, return_inverse=True)[1]
    return code


def _bits(groups: Any, weight: Any) -> float:
    part = np.bincount(np.unique(groups, return_inverse=True)[1], weights=weight)
    part = part[part > 0] / part.sum()
    return float(-(part * np.log2(part)).sum())


def _weights(trace: SourceTrace, suspects: Any) -> Any:
    """Expected part of each suspect, summing to 1."""
    known = suspects["arriving_kg_d"].to_numpy(dtype=float)
    missing = np.isnan(known)
    rest = float(np.nan_to_num(trace.balance["remainder_kg_d"]))
    each = max(rest, 0.0) / max(missing.sum(), 1)
    if not each > 0 and (known > 0).any():
        each = float(np.nanmean(known))
    weight = np.where(missing, each, known)
    if not weight.sum() > 0:
        weight = np.ones(len(weight))
    return weight / max(weight.sum(), 1e-300)


def _held(trace: SourceTrace, suspects: Any) -> Any:
    """Group of each suspect by the sections that are measured already."""
    above = trace.upstream_sections
    measured = {str(s) for s in above.index[above["value"].notna()]}
    below = {str(s): str(row["next_section"]) for s, row in above.iterrows()}
    names = []
    for at in suspects["next_section"].astype(str):
        while at != str(trace.section_id) and at not in measured:
            at = below[at]
        names.append(at)
    return np.unique(np.array(names, dtype=object), return_inverse=True)[1]


def _cuts(trace: SourceTrace, rows: Any, measures: Any) -> list[_Cut]:
    """One place for each set of suspects that all water from them passes, the uppermost."""
    table = trace.routes.table
    after = table["next"].to_numpy()
    holds: dict[int, list[int]] = {}
    for suspect, row in enumerate(rows):
        at = int(row)
        while at >= 0:
            holds.setdefault(at, []).append(suspect)
            at = int(after[at])
    only = trace.routes.bridges()
    length = table["length_m"].to_numpy(dtype=float)
    found: dict[bytes, _Cut] = {}
    # from the farthest reach down, so that of places with the same suspects the uppermost stays
    for row in sorted(holds, reverse=True):
        if not only[row]:
            continue
        mask = np.zeros(len(rows), dtype=bool)
        mask[[s for s in holds[row] if rows[s] != row]] = True
        entering = sorted((measures[s], s) for s in holds[row] if rows[s] == row)
        if entering and mask.any() and entering[0][0] > 0:  # before the first of its own
            found.setdefault(mask.tobytes(), _Cut(row, float(entering[0][0]) / 2, mask.copy()))
        for n, (measure, suspect) in enumerate(entering):
            mask[suspect] = True
            below = entering[n + 1][0] if n + 1 < len(entering) else length[row]
            if below > measure:
                at = (measure + below) / 2 if n + 1 < len(entering) else below
                found.setdefault(mask.tobytes(), _Cut(row, float(at), mask.copy()))
        if not entering:
            found.setdefault(mask.tobytes(), _Cut(row, float(length[row]), mask))
    end = _Cut(0, float(length[0]), np.ones(len(rows), dtype=bool))
    return [c for c in found.values() if not (c.above == end.above).all()]


def _distance(trace: SourceTrace, cut: _Cut) -> float:
    row = trace.routes.table.iloc[cut.row]
    return float(row["distance_m"] + row["length_m"] - cut.measure_m)


def _point(trace: SourceTrace, cut: _Cut) -> Point:
    reach_id = trace.routes.table.index[cut.row]
    stretches = trace.reaches[trace.reaches.index == reach_id]
    start, end = (stretches[c].to_numpy(dtype=float) for c in ("from_measure_m", "to_measure_m"))
    at = int(np.argmin(np.maximum(start - cut.measure_m, cut.measure_m - end)))
    size = end[at] - start[at]
    part = (cut.measure_m - start[at]) / size if size > 0 else 0.0
    point: Point = stretches.geometry.iloc[at].interpolate(
        min(max(part, 0.0), 1.0), normalized=True
    )
    return point
