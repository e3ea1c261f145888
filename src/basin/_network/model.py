"""The river network: the class that holds the reaches and the ledger, and is asked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd

from basin._network import tell
from basin._network.assemble import assemble
from basin._network.build import to_lonlat
from basin._network.doubt import Certainty
from basin._network.legal import LegalView
from basin._network.loads import Accumulation
from basin._network.merge import Merging
from basin._network.score import Record, Rivers, bank_codes
from basin._network.snap import point_xy, snap_points, text_or_none
from basin._network.storage import Storage
from basin._network.ways import Navigation

__all__ = ["RiverNetwork"]


class RiverNetwork(Navigation, Accumulation, Certainty, LegalView, Merging, Storage):
    """Rivers as a directed graph of reaches, built once from lines and then asked.

    Make one with :meth:`from_lines`. Nothing in it is changed afterwards.

    Attributes
    ----------
    reaches : GeoDataFrame
        Indexed by ``reach_id``, EPSG:4490, drawn downstream, upstream reaches first. Columns:
        ``source_id`` (the line it came from), ``name``, ``from_node``, ``to_node``, ``length_m``,
        ``strahler``, ``strahler_all``, ``shreve``, ``stream_level``, ``tributary_order``,
        ``main_path_id``, ``path_length_m``, ``river_km``, ``arbolate_m``, ``topo_order``, ``piece``
        (0 the longest connected piece); ``direction_confidence`` (0..1), and the witnesses
        ``direction_for`` and ``direction_against`` the direction of flow; ``width_m``,
        ``velocity_m_s``, ``flow_m3_s`` (NaN where the lines have none); and the other columns of
        the lines. The orders are defined in :mod:`basin._network.attributes`.
    issues : GeoDataFrame
        What was found in the lines and what was done: ``issue_id``, ``kind``, ``severity``
        (error, warning, info), ``reach_ids``, ``action`` (applied, proposed, none),
        ``distance_m``, ``rule``, ``confidence`` (0..1), ``geometry``. EPSG:4490.
    """

    @classmethod
    def from_lines(
        cls,
        lines: gpd.GeoDataFrame | gpd.GeoSeries,
        *,
        snap_tolerance_m: float = 1.0,
        to_id: str | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        connectors: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
        dem: str | Path | Any | None = None,
        outlets: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
        sections: gpd.GeoDataFrame | None = None,
        propose_within_m: float | None = None,
        turn: bool = True,
        merge_pseudo_nodes: bool = False,
    ) -> RiverNetwork:
        """Build a network from river lines as they are, and list what had to be repaired.

        Parameters
        ----------
        lines : shape (n, ...)
            LineStrings or MultiLineStrings in any known CRS, with ``reach_id`` (else the index
            gives the ids), ``name``, ``width_m``, ``velocity_m_s``, ``flow_m3_s`` where known. A
            column ``divergence`` (1 main, 2 secondary way of a parting) is followed. So is a column
            ``two_way`` (tidal, regulated or any other word where water may run either way) with
            ``flow_state`` (forward, which is the default, or backward); see :meth:`in_state`.
        snap_tolerance_m
            Gaps up to this are closed. Larger ones are only proposed.
        to_id
            Name of a column with the reach that each flows into, where the layer states it. It
            closes gaps and turns reaches; where the geometry says otherwise both are listed.
            HydroRIVERS: "NEXT_DOWN"; MERIT Hydro: "NextDownID".
        from_node, to_node
            Names of columns with the nodes where each reach begins and ends, as NHDPlus has in
            "FromNode" and "ToNode". Ends of one node are brought together; the rest as `to_id`.
        connectors
            Polygons of lakes and wide rivers, any known CRS: free ends of lines in them or at their
            rim are connected by straight reaches (in the column ``connector``, by the polygon's
            ``id`` or index), listed as ``connected``.
        dem
            Path of a GeoTIFF with elevations in metres, or an open rasterio dataset: a witness of
            the direction of flow.
        outlets
            Points of known outlets, any known CRS: a witness of the direction of flow for the free
            end of a line within 500 m of each.
        sections
            Points with ``order``, a number that grows downstream along each ``river`` (all one
            river without that column), any known CRS: a witness of the direction between them.
        propose_within_m
            How far a missing connection is looked for; five times the tolerance, at least 50 m.
        turn
            False: no reach is turned, only proposed to be.
        merge_pseudo_nodes
            True: reaches are merged where nothing joins, see :meth:`merge_pseudo_nodes`.

        Raises
        ------
        CrsError
            If the CRS is missing or refused, or coordinates are not on the globe.
        NetworkError
            If no usable line is left, or there is no column of the name given.

        Notes
        -----
        The drawn direction is believed unless it contradicts itself; see
        :mod:`basin._network.direction`. The order of the rows changes nothing.

        Examples
        --------
        >>> import geopandas
        >>> from shapely import LineString
        >>> lines = geopandas.GeoDataFrame(
        ...     {"reach_id": ["brook", "upper", "lower"], "name": ["", "Qi", "Qi"]},
        ...     geometry=[LineString([(106.7, 29.0), (106.7, 28.9)]),
        ...               LineString([(106.6, 28.9), (106.7, 28.9)]),
        ...               LineString([(106.7, 28.9), (106.8, 28.9)])], crs=4490)
        >>> network = RiverNetwork.from_lines(lines)
        >>> sorted(network.upstream("lower"))
        ['brook', 'lower', 'upper']
        >>> network.reaches["tributary_order"].sort_index().to_dict()
        {'brook': 1, 'lower': 0, 'upper': 0}
        """
        network = cls(
            assemble(
                lines,
                snap_tolerance_m=snap_tolerance_m,
                to_id=to_id,
                from_node=from_node,
                to_node=to_node,
                connectors=connectors,
                dem=dem,
                outlets=outlets,
                sections=sections,
                propose_within_m=propose_within_m,
                turn=turn,
            )
        )
        return network.merge_pseudo_nodes() if merge_pseudo_nodes else network

    # ---- the graph as others know it -------------------------------------------------------

    @cached_property
    def graph(self) -> nx.MultiDiGraph[int]:
        """The network as a ``networkx.MultiDiGraph``, made on first use.

        Nodes have ``x``, ``y`` (degrees) and ``kind`` (head, confluence, divergence, outlet,
        pass); edges are keyed by ``reach_id`` and have ``length_m`` and ``name``.
        """
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs="EPSG:4490")
        xy = self._parts.nodes
        graph.add_nodes_from(
            (k, {"x": x, "y": y, "kind": w})
            for k, (x, y), w in zip(
                range(len(xy)), xy.tolist(), self._node_kinds.tolist(), strict=True
            )
        )
        columns = (
            self._frm.tolist(),
            self._to.tolist(),
            self.reaches.index,
            self._lengths.tolist(),
            self.reaches["name"],
        )
        for a, b, key, length, name in zip(*columns, strict=True):
            graph.add_edge(a, b, key=key, length_m=length, name=name)
        return graph

    @property
    def main_way(self) -> pd.Series:
        """Whether each reach is the main way out of its upper node (True where nothing parts)."""
        return pd.Series(self._parts.is_main, index=self.reaches.index, name="main_way")

    # ---- points ----------------------------------------------------------------------------

    def snap(
        self, points: gpd.GeoDataFrame | gpd.GeoSeries, *, max_offset_m: float = 500.0
    ) -> pd.DataFrame:
        """Place points on their nearest reach; in a tie the lowest reach_id wins.

        Parameters
        ----------
        points
            Points in any known CRS. What their records tell is weighed with the nearness, within
            `max_offset_m`: columns ``river`` (name of the receiving river), ``bank`` (left, right,
            左岸, 右岸) and ``drainage_area_km2`` (against that of the reaches, where their lines
            have one). See :func:`basin._network.score.scores`.
        max_offset_m
            Farthest that a point may lie from its reach.

        Returns
        -------
        shape (n, 13), indexed as `points`
            ``reach_id``; ``measure_m`` from the reach's upstream end; ``offset_m``; ``bank``
            ("left" or "right" looking downstream, "" on the line); ``river``, the reach's name;
            ``status``: "snapped", "ambiguous" (another river lies within 50 m or 1.5 times the
            offset, and neither name nor area decides), "far" (no reach within `max_offset_m`: only
            ``offset_m`` is given), "no_geometry"; ``score`` (0..1); ``name_conflict``: the nearest
            reach has another name than the record; ``bank_conflict``, ``area_conflict``: the reach
            chosen has the point on its other bank, or less than half or over twice the area;
            ``lon``, ``lat`` of the foot; ``alternatives``, up to three (reach_id, measure_m,
            offset_m, score), the best first.

        Raises
        ------
        CrsError
            If the CRS of the points is missing or refused.
        SnapError
            If a geometry is not a point.
        """
        table = to_lonlat(points)
        xy = point_xy(table)
        names = text_or_none(table["river"]) if "river" in table else None
        area = np.full(len(xy), np.nan)
        if "drainage_area_km2" in table:
            given = pd.to_numeric(table["drainage_area_km2"], errors="coerce")
            area = given.to_numpy(dtype=float, na_value=np.nan)
        record = Record(
            Rivers(names, self._places.names), bank_codes(table.get("bank"), len(xy)), area
        )
        result = snap_points(xy, record, self._places, max_offset_m=float(max_offset_m))
        result.index = table.index
        return result

    # ---- telling ---------------------------------------------------------------------------

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the reaches (a copy)."""
        return self.reaches.copy()

    def explain(self, lang: str = "zh") -> str:
        """Tell in a few lines what the network is and what was repaired, each with its ids.

        Parameters
        ----------
        lang
            "zh" or "en".
        """
        outlets = int((np.diff(self._out.first) == 0).sum())
        return tell.explain(self.reaches, self.issues, outlets, lang)

    def __repr__(self) -> str:
        return tell.in_brief(self.reaches, self.issues, len(self._parts.nodes))

    def _repr_html_(self) -> str:
        return tell.as_html(repr(self), self.issues)
