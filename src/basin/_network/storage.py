"""A network as tables and as a networkx graph, and back: what was decided is not decided again.

Lines, nodes, ledger and what hangs on each repair are kept; orders and intervals are computed
from them again, which takes seconds, repairs nothing, and gives the same to the last bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely

from basin._network.arrays import Ints
from basin._network.assemble import Oriented, Parts, attributes, put_together
from basin._network.base import Reaches
from basin._network.geometry import vertices
from basin._network.joints import Held
from basin._network.ledger import COLUMNS
from basin._network.names import name_codes
from basin.crs import EXCHANGE_CRS
from basin.errors import NetworkError

__all__ = ["Storage"]

#: What is computed again, and so not believed when a network is read.
_COMPUTED = (
    "length_m", "strahler", "strahler_all", "shreve", "stream_level", "tributary_order",
    "main_path_id", "path_length_m", "river_km", "arbolate_m", "topo_order", "piece",
)  # fmt: skip

_TABLES = ("reaches", "network_issues", "network_nodes", "network_repairs", "network_state")

#: Goes up when the tables change their meaning.
_FORMAT = 1

_REBUILD = "Build it again from the lines: RiverNetwork.from_lines(...)."


class Storage(Reaches):
    """Writing a network and reading it."""

    # ---- tables ----------------------------------------------------------------------------

    def to_tables(self) -> dict[str, Any]:
        """Return the network as tables that hold all of it.

        Returns
        -------
        dict
            ``reaches`` and ``network_issues`` (as :attr:`reaches`, :attr:`issues`);
            ``network_nodes`` (points: ``node``, ``kind`` head, confluence, divergence, outlet,
            pass); ``network_repairs`` (``reach_id``, ``what`` 0 upstream end, 1 downstream end, 2
            turned, ``issue_id``); ``network_state`` (``key``, ``value``).
        """
        xy, held = self._parts.nodes, self._parts.held
        state = {"format": _FORMAT, "split": self._parts.split, "gone": self._parts.gone}
        return {
            "reaches": self.reaches.reset_index(),
            "network_issues": self.issues,
            "network_nodes": gpd.GeoDataFrame(
                {"node": np.arange(len(xy)), "kind": self._node_kinds},
                geometry=gpd.points_from_xy(xy[:, 0], xy[:, 1]),
                crs=EXCHANGE_CRS,
            ),
            "network_repairs": pd.DataFrame(
                {
                    "reach_id": self.reaches.index.to_numpy(dtype=object)[held.reach],
                    "what": held.what,
                    "issue_id": self.issues["issue_id"].to_numpy(dtype=object)[held.issue],
                }
            ),
            "network_state": pd.DataFrame(
                {
                    "key": list(state),
                    "value": [json.dumps(v, ensure_ascii=False) for v in state.values()],
                }
            ),
        }

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any]) -> Self:
        """Return the network that :meth:`to_tables` gave, equal in every answer.

        Raises
        ------
        NetworkError
            If a table is missing, or the lines were changed since.
        """
        missing = [name for name in _TABLES if name not in tables]
        if missing:
            raise NetworkError(
                f"this is no stored network: {', '.join(missing)} missing", mend=_REBUILD
            )
        return cls(_restore(tables))

    # ---- files -----------------------------------------------------------------------------

    def to_gpkg(self, path: str | Path) -> Path:
        """Write the network to a GeoPackage, whole or not at all; an existing file is replaced.

        QGIS and ArcGIS show ``reaches``, ``network_nodes`` and ``network_issues``.
        """
        import pyogrio

        target = Path(path)
        with TemporaryDirectory(dir=target.parent, prefix=".basin-") as folder:
            temporary = Path(folder) / "network.gpkg"
            for name, table in self.to_tables().items():
                pyogrio.write_dataframe(
                    _free_names(table), temporary, layer=name, driver="GPKG",
                    geometry_type=_geometry_type(name),
                )  # fmt: skip
            os.replace(temporary, target)
        return target

    def to_parquet(self, folder: str | Path) -> Path:
        """Write the network to a folder of (Geo)Parquet files, one a table (needs pyarrow).

        Raises
        ------
        NetworkError
            If something else is there already.
        """
        target = Path(folder)
        if target.exists() and any(target.iterdir() if target.is_dir() else [target]):
            raise NetworkError(
                f"{target.name} exists already", mend="Name a folder that is new or empty."
            )
        with TemporaryDirectory(dir=target.parent, prefix=".basin-") as temporary:
            inner = Path(temporary) / "network"
            inner.mkdir()
            for name, table in self.to_tables().items():
                table.to_parquet(inner / f"{name}.parquet", index=False)
            os.replace(inner, target)
        return target

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a network that :meth:`to_gpkg` or :meth:`to_parquet` wrote; nothing is repaired.

        Raises
        ------
        NetworkError
            If there is no such file, it holds no whole network, or its lines were changed since.
        """
        source = Path(path)
        if not source.exists():
            raise NetworkError(f"there is no {source.name}", mend="Check the path.")
        read = _read_parquet if source.is_dir() else _read_gpkg
        return cls.from_tables(read(source))

    # ---- networkx --------------------------------------------------------------------------

    @property
    def _node_kinds(self) -> Any:
        n_in, n_out = np.diff(self._into.first), np.diff(self._out.first)
        return np.select(
            [n_in == 0, n_out == 0, n_in > 1, n_out > 1],
            ["head", "outlet", "confluence", "divergence"],
            "pass",
        )

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """Return a ``networkx.MultiDiGraph`` that holds all of the network.

        As :attr:`graph`, and each edge has every column of :attr:`reaches` and its ``geometry``;
        the graph's attributes ``network_issues``, ``network_repairs`` and ``network_state`` hold
        the ledger. :meth:`from_networkx` makes the network of it again.
        """
        tables = self.to_tables()
        nodes, reaches = tables["network_nodes"], tables["reaches"]
        ledger = {
            name: tables[name] for name in ("network_issues", "network_repairs", "network_state")
        }
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4490", **ledger)
        xy = self._parts.nodes.tolist()
        graph.add_nodes_from(
            (k, {"x": x, "y": y, "kind": kind})
            for k, ((x, y), kind) in enumerate(zip(xy, nodes["kind"].tolist(), strict=True))
        )
        inner = reaches.drop(columns=["reach_id", "from_node", "to_node"])
        for a, b, key, row in zip(
            reaches["from_node"].tolist(),
            reaches["to_node"].tolist(),
            reaches["reach_id"].tolist(),
            inner.to_dict("records"),
            strict=True,
        ):
            graph.add_edge(a, b, key=key, **row)
        return graph

    @classmethod
    def from_networkx(cls, graph: nx.MultiDiGraph[Any]) -> Self:
        """Return the network of a graph: that of :meth:`to_networkx`, or any drawn downstream.

        Parameters
        ----------
        graph
            Edges keyed by reach_id, from upstream to downstream; with a ``geometry`` in degrees
            (EPSG:4490), or straight between nodes that have ``x`` and ``y``; ``name`` and other
            columns where known. Nothing is repaired: the graph is taken as it is.

        Raises
        ------
        NetworkError
            If it has no edge, an edge has no place, a key is used twice, or a geometry does not
            run from its first node to its second.
        """
        return cls.from_tables(_tables_of(graph))


def _geometry_type(table: str) -> str | None:
    return {"reaches": "LineString", "network_nodes": "Point", "network_issues": "Unknown"}.get(
        table
    )


def _free_names(table: pd.DataFrame) -> pd.DataFrame:
    """Rename columns that a GeoPackage cannot hold: ``fid``, and names that differ in case only."""
    seen, names = {"fid", "geom"}, {}
    for column in table.columns:
        free, number = str(column), 2
        while free.casefold() in seen:
            free, number = f"{column}_{number}", number + 1
        seen.add(free.casefold())
        names[column] = free
    return table.rename(columns=names)


def _read_gpkg(path: Path) -> dict[str, Any]:
    import pyogrio

    try:
        layers = {str(name) for name, _ in pyogrio.list_layers(path)}
        return {name: gpd.read_file(path, layer=name) for name in _TABLES if name in layers}
    except pyogrio.errors.DataSourceError as error:
        raise NetworkError(f"{path.name} cannot be read ({error})", mend=_REBUILD) from error


def _read_parquet(folder: Path) -> dict[str, Any]:
    places = {"reaches", "network_issues", "network_nodes"}
    return {
        name: (gpd.read_parquet if name in places else pd.read_parquet)(folder / f"{name}.parquet")
        for name in _TABLES
        if (folder / f"{name}.parquet").exists()
    }


def _restore(tables: Mapping[str, Any]) -> Parts:
    state = {k: json.loads(v) for k, v in tables["network_state"][["key", "value"]].to_numpy()}
    if state.get("format") != _FORMAT:
        raise NetworkError(
            f"the network was stored in format {state.get('format')}, this is {_FORMAT}",
            mend=_REBUILD,
        )
    reaches = tables["reaches"]
    if not len(reaches):
        raise NetworkError("the network has no reach", mend=_REBUILD)
    ids = reaches["reach_id"].astype(str).to_numpy(dtype=object)
    seat = np.argsort(ids.astype(str), kind="stable")
    ids, reaches = ids[seat], reaches.iloc[seat].reset_index(drop=True)
    nodes = tables["network_nodes"].sort_values("node")
    xy = shapely.get_coordinates(np.asarray(nodes.geometry.array, dtype=object))
    geom = np.asarray(reaches.geometry.array, dtype=object)
    flow = _oriented(reaches, geom, xy, ids)
    source = pd.DataFrame(reaches.drop(columns=["geometry", *_COMPUTED], errors="ignore"))
    got = attributes(flow, source)
    issues = _as_issues(tables["network_issues"])
    return put_together(
        flow,
        got,
        ids,
        geom,
        source,
        issues,
        split={k: tuple(v) for k, v in state["split"].items()},
        gone=state["gone"],
        held=_held(tables["network_repairs"], ids[got.order], issues),
    )


def _oriented(reaches: Any, geom: Any, xy: Any, ids: Any) -> Oriented:
    frm = reaches["from_node"].to_numpy(dtype=np.intp)
    to = reaches["to_node"].to_numpy(dtype=np.intp)
    inside = (frm >= 0) & (to >= 0) & (frm < len(xy)) & (to < len(xy))
    if not inside.all():
        raise NetworkError("reaches name nodes that are not there", ids=ids[~inside], mend=_REBUILD)
    verts = vertices(geom)
    moved = ((verts.starts != xy[frm]) | (verts.ends != xy[to])).any(axis=1)
    if moved.any():
        raise NetworkError(
            "reaches do not run from their first node to their second; they were changed",
            ids=ids[moved],
            mend=_REBUILD,
        )
    return Oriented(frm, to, xy, verts.lengths(), name_codes(reaches["name"]))


def _as_issues(table: Any) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(table)[COLUMNS].astype({"distance_m": float, "confidence": float})
    places = np.array(list(frame["geometry"]), dtype=object)
    words = {c: frame[c].fillna("").to_numpy(dtype=object) for c in ("rule", "reach_ids")}
    return gpd.GeoDataFrame(
        frame.drop(columns="geometry").assign(**words),
        geometry=gpd.GeoSeries(places, crs=EXCHANGE_CRS, index=frame.index),
    )


def _held(table: Any, ids: Any, issues: Any) -> Held:
    def rows(names: Any, known: Any) -> Ints:
        found = pd.Index(known).get_indexer(np.asarray(names, dtype=object))
        if (found < 0).any():
            raise NetworkError("a repair names a reach or issue that is not there", mend=_REBUILD)
        return np.asarray(found, dtype=np.intp)

    reach, issue = rows(table["reach_id"], ids), rows(table["issue_id"], issues["issue_id"])
    what = table["what"].to_numpy(dtype=np.intp)
    order = np.lexsort((issue, what, reach))
    return Held(reach[order], what[order], issue[order])


def _tables_of(graph: nx.MultiDiGraph[Any]) -> dict[str, Any]:
    if not graph.number_of_edges():
        raise NetworkError("the graph has no edge", mend="Give a graph of reaches.")
    met = sorted((node for node, edges in graph.degree if edges), key=_by_number)
    number = {node: k for k, node in enumerate(met)}
    frm, to, keys, rows = [], [], [], []
    for a, b, key, data in graph.edges(keys=True, data=True):
        frm.append(number[a])
        to.append(number[b])
        keys.append(str(key))
        rows.append(data)
    twice = pd.Series(keys)[pd.Series(keys).duplicated()]
    if len(twice):
        raise NetworkError(
            "edges have one key", ids=twice.unique(), mend="Key each edge by its reach_id."
        )
    place = _places(graph, number, frm, to, rows)
    table = pd.DataFrame(rows).drop(columns="geometry", errors="ignore")
    names = table["name"].fillna("") if "name" in table else ""
    sources = table.get("source_id", keys)
    table = table.assign(reach_id=keys, from_node=frm, to_node=to, name=names, source_id=sources)
    geometry = [
        row.get("geometry") or shapely.LineString([place[a], place[b]])
        for row, a, b in zip(rows, frm, to, strict=True)
    ]
    empty = {
        "network_issues": gpd.GeoDataFrame(
            pd.DataFrame(columns=COLUMNS[:-1]), geometry=gpd.GeoSeries([], crs=EXCHANGE_CRS)
        ),
        "network_repairs": pd.DataFrame({"reach_id": [], "what": [], "issue_id": []}),
        "network_state": pd.DataFrame(
            {"key": ["format", "split", "gone"], "value": [str(_FORMAT), "{}", "{}"]}
        ),
    }
    return {
        "reaches": gpd.GeoDataFrame(table, geometry=geometry, crs=EXCHANGE_CRS),
        "network_nodes": gpd.GeoDataFrame(
            {"node": np.arange(len(place))},
            geometry=shapely.points(np.array([place[k] for k in range(len(place))])),
            crs=EXCHANGE_CRS,
        ),
        **{name: graph.graph.get(name, table) for name, table in empty.items()},
    }


def _by_number(node: Any) -> tuple[int, Any]:
    return (0, node) if isinstance(node, int | np.integer) else (1, str(node))


def _places(
    graph: Any, number: dict[Any, int], frm: list[int], to: list[int], rows: list[dict[str, Any]]
) -> dict[int, tuple[float, float]]:
    """Where each node lies: its ``x`` and ``y``, else the end of a line that meets it."""
    place = {
        number[node]: (float(data["x"]), float(data["y"]))
        for node, data in graph.nodes(data=True)
        if node in number and "x" in data and "y" in data
    }
    for row, a, b in zip(rows, frm, to, strict=True):
        if row.get("geometry") is not None:
            ends = shapely.get_coordinates(row["geometry"])[[0, -1]].tolist()
            place.setdefault(a, tuple(ends[0]))
            place.setdefault(b, tuple(ends[1]))
    lost = [node for node, k in number.items() if k not in place]
    if lost:
        raise NetworkError(
            "nodes have no place", ids=lost, mend="Give `x` and `y`, or edges a `geometry`."
        )
    off = [node for node, k in number.items() if not _on_globe(*place[k])]
    if off:
        raise NetworkError("nodes lie off the globe", ids=off, mend="Give degrees (EPSG:4490).")
    return place


def _on_globe(x: float, y: float) -> bool:
    return abs(x) <= 180 and abs(y) <= 90
