"""The line of work from a table of lines to a network: each stage in turn, one ledger."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._network.arrays import Bools, Floats, Ints, text_order
from basin._network.attributes import OWN_AREA, TOTAL_AREA, Attributes, Tree, attributes_of
from basin._network.build import (
    Lines,
    check_any,
    clean_lines,
    drop_loops,
    ends_of,
    index_of,
    to_lonlat,
)
from basin._network.connectors import connect_through
from basin._network.crossings import Meetings, keep_shared_once, mend_crossings
from basin._network.cycles import list_cycles
from basin._network.direction import Drawn, orient
from basin._network.geometry import Objects, Vertices, metres_per_degree
from basin._network.given import close_given_nodes, given_nodes
from basin._network.heights import drops_along
from basin._network.join import close_gaps, split_at_ends
from basin._network.joints import Held
from basin._network.ledger import Ledger
from basin._network.missing import list_isolated, propose_joins
from basin._network.names import name_codes
from basin._network.snap import text_or_none
from basin._network.states import two_way_columns
from basin._network.topology import close_stated_gaps, stated_direction, stated_targets
from basin._network.witness import direction_columns, known_outlets, section_votes
from basin.crs import EXCHANGE_CRS
from basin.errors import NetworkError

__all__ = ["Oriented", "Parts", "assemble", "attributes", "parts_share", "put_together"]

#: Missing connections are looked for within so many times the tolerance, and at least so far.
_PROPOSE_TIMES, _PROPOSE_AT_LEAST_M = 5.0, 50.0

#: Vertices from an end that give a line's course there: one alone follows every wriggle.
_COURSE_VERTICES = 3

#: Heights along a line speak if their sign is as sure as this.
_SURE_DROP = 0.8

_NUMBERS = ("width_m", "velocity_m_s", "flow_m3_s")


@dataclass(frozen=True)
class Parts:
    """What a network is made of; arrays follow the order of `reaches`."""

    reaches: gpd.GeoDataFrame
    issues: gpd.GeoDataFrame
    nodes: Floats
    tree: Tree
    path: Ints
    level: Ints
    passes: Bools
    is_main: Bools
    split: dict[str, tuple[str, ...]]
    gone: dict[str, str]
    held: Held


def assemble(
    lines: Any,
    *,
    snap_tolerance_m: float,
    to_id: str | None,
    from_node: str | None,
    to_node: str | None,
    connectors: Any,
    dem: Any,
    outlets: Any,
    sections: Any,
    propose_within_m: float | None,
    turn: bool,
) -> Parts:
    """Build all parts of a network; see :meth:`basin.network.RiverNetwork.from_lines`."""
    if not (isinstance(snap_tolerance_m, Real) and float(snap_tolerance_m) >= 0):
        raise NetworkError(
            f"snap_tolerance_m is {snap_tolerance_m!r}", mend="Give metres, 0 or more."
        )
    within = propose_within_m
    if within is None:
        within = max(_PROPOSE_TIMES * snap_tolerance_m, _PROPOSE_AT_LEAST_M)
    ledger = Ledger()
    table, single = clean_lines(to_lonlat(lines), ledger)
    check_any(single)
    target = stated_targets(table, to_id, ledger)
    given = given_nodes(table, from_node, to_node)
    meetings = Meetings()
    joined, split = keep_shared_once(single, meetings, ledger)
    if given is not None:
        joined = close_given_nodes(joined, given, within, ledger)
    joined = close_gaps(joined, snap_tolerance_m, ledger)
    joined, crossed = mend_crossings(joined, table, snap_tolerance_m, within, meetings, ledger)
    joined, ended = split_at_ends(joined, snap_tolerance_m, ledger)
    split = {**split, **crossed, **ended}
    if target is not None:
        joined = close_stated_gaps(joined, target, within, ledger)
    elif given is not None:
        target = given.target
    if connectors is not None:
        joined, table = connect_through(joined, table, connectors, snap_tolerance_m, ledger)
        if target is not None:  # nothing is stated of the new rows
            target = np.append(target, np.full(len(table) - len(target), -1, dtype=np.intp))
    joined = _by_id(drop_loops(joined, ledger))
    check_any(joined)
    source = table
    if not np.array_equal(joined.row, np.arange(len(table))):
        source = table.iloc[joined.row].reset_index(drop=True)
    drawn = _as_drawn(joined, source, target, dem, outlets, sections, ledger)
    oriented = orient(drawn, ledger, turn=turn)
    flip = oriented.flip
    source = source.assign(**direction_columns(drawn.turned(flip), oriented, ledger))
    states, backward = two_way_columns(source, joined.ids, joined.geom, ledger)
    source, flip = source.assign(**states), flip ^ backward
    flow_lines = joined
    if flip.any():
        geom = joined.geom.copy()
        geom[flip] = shapely.reverse(geom[flip])
        flow_lines = joined._replace(geom=geom)
    reach = (snap_tolerance_m, within)
    return _finish(flow_lines, table, source, drawn.turned(flip), flip, split, reach, ledger)


def _by_id(lines: Lines) -> Lines:
    """Order by id, parts of lines too: whoever knows the ids alone gets the same numbers."""
    if (lines.ids[:-1] <= lines.ids[1:]).all():
        return lines
    return lines.take(text_order(lines.ids))


def _as_drawn(
    joined: Lines,
    source: pd.DataFrame,
    target: Ints | None,
    dem: Any,
    outlets: Any,
    sections: Any,
    ledger: Ledger,
) -> Drawn:
    nodes, frm, to = ends_of(joined)
    verts = joined.verts
    name = name_codes(source["name"]) if "name" in source else np.full(len(frm), -1, dtype=np.intp)
    rise = np.full(len(frm), np.nan) if dem is None else _rises(verts, dem)
    leave, arrive = _courses(verts)
    names = text_or_none(source["name"]) if "name" in source and sections is not None else []
    if sections is not None and not names:
        names = [None] * len(frm)
    return Drawn(
        frm=frm,
        to=to,
        xy=nodes,
        lengths=verts.lengths(),
        leave=leave,
        arrive=arrive,
        name=name,
        rise=rise,
        stated=stated_direction(joined, target),
        ordered=section_votes(sections, joined, names, frm, to, len(nodes), ledger),
        outlet=known_outlets(outlets, nodes, frm, to, ledger),
        ids=joined.ids,
        geom=joined.geom,
    )


def _courses(verts: Vertices) -> tuple[Floats, Floats]:
    """Unit vectors (east, north) in which each line leaves its start and arrives at its end."""
    first, last = verts.first[:-1], verts.first[1:] - 1

    def unit(a: Ints, b: Ints) -> Floats:
        step = verts.xy[b] - verts.xy[a]
        step = step * np.column_stack(metres_per_degree(verts.xy[a, 1]))
        size = np.hypot(step[:, 0], step[:, 1])[:, None]
        result: Floats = step / np.where(size > 0, size, 1.0)
        return result

    return (
        unit(first, np.minimum(first + _COURSE_VERTICES, last)),
        unit(np.maximum(last - _COURSE_VERTICES, first), last),
    )


def _rises(verts: Vertices, dem: Any) -> Floats:
    """Metres that each line climbs; 0 where its heights do not say, NaN where there are none."""
    drops = drops_along(verts, dem)
    sure = drops["confidence"].to_numpy() >= _SURE_DROP
    rise: Floats = np.where(sure, -drops["drop_m"].to_numpy(), 0.0)
    return np.where(drops["n"] >= 2, rise, np.nan)


def _column(source: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in source:
        return np.full(len(source), np.nan)
    return pd.to_numeric(source[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


class Oriented(NamedTuple):
    """Reaches as they flow, in the order of their ids: what attributes are computed from."""

    frm: Ints
    to: Ints
    xy: Floats
    lengths: Floats
    name: Ints


def attributes(flow: Oriented, source: pd.DataFrame) -> Attributes:
    """Compute the attributes of reaches; `source` has their other columns."""
    own = _first_column(source, OWN_AREA)
    if not np.isnan(own).all():
        own = own * parts_share(source["source_id"], flow.lengths)
    return attributes_of(
        flow.frm,
        flow.to,
        len(flow.xy),
        flow.lengths,
        flow.name,
        official=np.nan_to_num(_column(source, "divergence")).astype(np.intp),
        flow=_column(source, "flow_m3_s"),
        width=_column(source, "width_m"),
        own_area=own,
        total_area=_first_column(source, TOTAL_AREA),
    )


def _first_column(source: pd.DataFrame, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return _column(source, next((c for c in names if c in source), names[0]))


def parts_share(source_id: pd.Series, lengths: Floats) -> Floats:
    """Return the part of its source line's length that each reach has, 1 where it is all of it."""
    line, _ = pd.factorize(source_id)
    whole = np.bincount(line, weights=lengths)[line]
    return np.divide(lengths, whole, out=np.ones(len(lengths)), where=whole > 0)


def _finish(
    lines: Lines,
    table: gpd.GeoDataFrame,
    source: pd.DataFrame,
    flow: Drawn,
    flip: Bools,
    split: dict[str, tuple[str, ...]],
    reach_m: tuple[float, float],
    ledger: Ledger,
) -> Parts:
    tolerance_m, within_m = reach_m
    as_flowing = Oriented(flow.frm, flow.to, flow.xy, flow.lengths, flow.name)
    sources = table["reach_id"].to_numpy(dtype=object)[lines.row]
    source = source.assign(source_id=sources)
    got = attributes(as_flowing, source)
    list_cycles(flow, got.cut, lines.ids, lines.geom, ledger)
    index = index_of(lines)
    propose_joins(flow, index, got, lines.ids, within_m, tolerance_m, ledger)
    list_isolated(flow, index, got.piece, lines.ids, ledger)
    issues = ledger.frame()
    return put_together(
        as_flowing,
        got,
        lines.ids,
        lines.geom,
        source,
        issues,
        split=_all_parts(sources, lines.ids, split),
        gone=_set_aside(issues),
        held=ledger.joints.held(lines.ids[got.order], flip[got.order], ledger.row),
    )


def put_together(
    flow: Oriented,
    got: Attributes,
    ids: Objects,
    geom: Objects,
    source: pd.DataFrame,
    issues: gpd.GeoDataFrame,
    *,
    split: dict[str, tuple[str, ...]],
    gone: dict[str, str],
    held: Held,
) -> Parts:
    """Put reaches, given in the order of their ids, into the order in which they are stored."""
    order = got.order
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    passes = np.ones(len(order), dtype=bool)
    passes[rank[got.cut]] = False
    return Parts(
        reaches=_reaches(flow, got, ids, geom, source),
        issues=issues,
        nodes=flow.xy,
        tree=_renumber(got.tree, rank, order),
        path=rank[got.path_foot][order],
        level=got.level[order],
        passes=passes,
        is_main=got.is_main[order],
        split=split,
        gone=gone,
        held=held,
    )


def _reaches(
    flow: Oriented, got: Attributes, ids: Objects, geom: Objects, source: pd.DataFrame
) -> gpd.GeoDataFrame:
    order = got.order
    texts = pd.Series(ids)
    own = "source_id" in source and (source["source_id"].to_numpy(dtype=object) == ids).all()
    name = source["name"] if "name" in source else pd.Series("", index=source.index)
    computed: dict[str, Any] = {
        "source_id": texts if own else pd.Series(source["source_id"].to_numpy(dtype=object)),
        "name": pd.Series(name.astype("string").fillna("").str.strip().to_numpy(dtype=object)),
        "from_node": flow.frm,
        "to_node": flow.to,
        "length_m": flow.lengths,
        "strahler": got.strahler,
        "strahler_all": got.strahler_all,
        "shreve": got.shreve,
        "stream_level": got.stream_level,
        "tributary_order": got.tributary_order,
        "main_path_id": texts.array.take(got.path_foot),
        "path_length_m": got.path_length_m,
        "river_km": got.river_km,
        "arbolate_m": got.arbolate_m,
        "topo_order": np.argsort(order),
        "piece": got.piece,
        **{c: _column(source, c) for c in _NUMBERS},
    }
    others = [c for c in source.columns if c not in {"reach_id", "geometry", *computed}]
    columns = {**computed, **{c: source[c] for c in others}}
    frame = pd.DataFrame(
        {c: getattr(v, "array", v).take(order) for c, v in columns.items()},
        index=pd.Index(texts.array.take(order), name="reach_id"),
        copy=False,
    )
    return gpd.GeoDataFrame(frame, geometry=geom[order], crs=EXCHANGE_CRS)


def _renumber(tree: Tree, rank: Ints, order: Ints) -> Tree:
    """Put the reaches of a tree into the order in which they are stored."""

    def pointer(values: Ints) -> Ints:
        return np.where(values < 0, -1, rank[values])[order]

    return tree._replace(
        down=pointer(tree.down),
        main_up=pointer(tree.main_up),
        seq=rank[tree.seq],
        pos=tree.pos[order],
        size=tree.size[order],
    )


def _all_parts(
    sources: Objects, ids: Objects, split: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return which reaches each id that is gone has become."""
    parts: dict[str, tuple[str, ...]] = {}
    for k in np.flatnonzero(sources != ids).tolist():
        parts[str(sources[k])] = (*parts.get(str(sources[k]), ()), str(ids[k]))
    return {**split, **parts}


def _set_aside(issues: gpd.GeoDataFrame) -> dict[str, str]:
    gone: dict[str, str] = {}
    kinds = ("zero_length", "ring_set_aside", "duplicate", "overlap")
    for row in issues[issues["kind"].isin(kinds)].itertuples():
        ids = str(row.reach_ids).split(", ")
        if row.kind in ("duplicate", "overlap"):
            gone[ids[1]] = f"{row.kind} of {ids[0]}"
        else:
            gone[ids[0]] = f"{row.kind}, {row.rule}"
    return gone
