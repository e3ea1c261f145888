"""What a project is asked about its land: flow directions, catchments, the way of a drop."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from basin import layers as layer_io
from basin.errors import ProjectError

if TYPE_CHECKING:
    from basin.terrain import Catchments, FlowDirections, Raindrops

__all__ = ["TerrainQuestions"]

#: Degrees around the rivers that are read of a DEM too large to be read whole.
_AROUND_DEG = 0.1


class TerrainQuestions:
    """The terrain part of `basin.project.Basin`."""

    if TYPE_CHECKING:  # what the other parts have

        def __getattr__(self, name: str) -> Any: ...

    def _dem_or_refuse(self) -> Any:
        if self.dem is None:
            raise ProjectError(
                f"project {self.name!r} has no DEM, which catchments need",
                mend='Add dem = "dem.tif" to [layers] in basin.toml.',
                zh=f"工程“{self.name}”没有高程文件（dem），无法划集水区",
                mend_zh='在 basin.toml 的 [layers] 中加上 dem = "dem.tif"',
            )
        return self.dem

    @cached_property
    def flow(self) -> FlowDirections:
        """Flow directions of the DEM along the rivers, computed once.

        Raises
        ------
        ProjectError
            If the project has no DEM or no rivers.
        LayerError
            If the DEM cannot be used.
        """
        from basin.terrain import MAX_CELLS, flow_directions, open_dem

        grid = open_dem(self._dem_or_refuse())
        network = self.network
        bounds = None
        if grid.shape[0] * grid.shape[1] > MAX_CELLS:
            west, south, east, north = network.reaches.total_bounds
            pad = _AROUND_DEG
            bounds = (west - pad, south - pad, east + pad, north + pad)
        return flow_directions(grid, streams=network, bounds=bounds)

    @cached_property
    def slopes(self) -> pd.DataFrame:
        """Slope of every reach, from the DEM; see :func:`basin.terrain.reach_slopes`.

        Raises
        ------
        ProjectError
            If the project has no DEM or no rivers.
        """
        from basin.terrain import reach_slopes

        return reach_slopes(self.network, self._dem_or_refuse())

    def hydraulics_of_dem(self) -> dict[str, pd.Series]:
        """What the DEM adds where velocities are not known: slope and drainage area by reach_id.

        Empty without a DEM, where all velocities are given, or for columns that the rivers have.
        """
        reaches = self.network.reaches
        if self.dem is None or reaches["velocity_m_s"].notna().all():
            return {}
        found = {}
        if "slope" not in reaches:
            found["slope"] = self.slopes["slope"]
        if "drainage_area_km2" not in reaches:
            found["drainage_area_km2"] = self.flow.reach_area_km2
        return found

    def intake_land(self, up_m: float, down_m: float) -> gpd.GeoDataFrame | None:
        """Land that drains to the river around each intake, up to the divide.

        None where the project has no DEM, or pyflwdir is not installed: a draft of zones then says
        that it was not cut at the divide.

        Parameters
        ----------
        up_m, down_m
            Metres of river above and below each intake.
        """
        from importlib.util import find_spec

        from basin.terrain import land_of_intakes

        if self.dem is None or find_spec("pyflwdir") is None:
            return None
        intakes = self._need("intakes", "the land of intakes")
        offset = self.max_offset_m
        return land_of_intakes(intakes, self.flow, up_m=up_m, down_m=down_m, max_offset_m=offset)

    def catchments(self, points: Any = "sections") -> Catchments:
        """Delineate the land that drains to points of the project.

        Parameters
        ----------
        points : {'sections', 'outfalls', 'intakes'} or GeoDataFrame
            A layer by name, or points of your own.

        Raises
        ------
        ProjectError, LayerError, CrsError
        """
        from basin.terrain import delineate_catchments

        table = self._need(points, "catchments") if isinstance(points, str) else points
        return delineate_catchments(table, self.flow, max_offset_m=self.max_offset_m)

    def raindrop(self, points: Any = "sites") -> Raindrops:
        """Follow the slope from sites or outfalls to a river, and list what lies below.

        Parameters
        ----------
        points : {'sites', 'outfalls'}, path or GeoDataFrame
            A layer by name, a file of sites, or places of your own.

        Raises
        ------
        ProjectError, LayerError, CrsError
        """
        from basin.terrain import raindrop

        if isinstance(points, str) and points in ("sites", "outfalls"):
            table = self._need(points, "the way of a drop")
        else:
            near = None if hasattr(points, "geometry") else self.layers.bounds()
            table = layer_io.read_layer(
                points, "sites", near=near, sandbox=self.sandbox, problems=self.problems
            )
        targets = {n: self.layers[n] for n in ("sections", "intakes") if n in self.layers}
        return raindrop(table, self.flow, targets=targets, max_offset_m=self.max_offset_m)
