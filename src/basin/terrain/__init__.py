"""Terrain: what a DEM knows about the rivers (extra ``basin-gis[dem]``).

``flow_directions``
    where the water of each cell goes, along the mapped rivers
``delineate_catchments``
    the land that drains to sections, outfalls, intakes
``flow_pieces``, ``reach_areas``, ``write_flow_directions``
    the same for DEMs of any size, in bounded memory
``raindrop``
    the slope from a place to the first river, and what lies below
``streams_from_dem``
    rivers where nobody has drawn any
``reach_slopes``, ``downstream_profile``
    how rivers fall
``zonal_statistics``, ``zonal_shares``, ``slope_shares``, ``bank_belts``
    what lies within areas, with exact fractions of cells
``land_of_stretches``, ``land_of_intakes``, ``cut_at_divide``
    land up to the divide
``hillshade``, ``write_hillshade``
    relief for maps
"""

from basin._dem import open_dem
from basin.terrain._catchments import Catchments, catchments_of, delineate_catchments
from basin.terrain._divide import cut_at_divide, land_of_intakes, land_of_stretches
from basin.terrain._flow import MAX_CELLS, FlowDirections, flow_directions
from basin.terrain._place import place_points
from basin.terrain._profile import Profile, downstream_profile, reach_slopes
from basin.terrain._raindrop import Raindrops, raindrop
from basin.terrain._relief import hillshade, write_hillshade
from basin.terrain._streams import streams_from_dem
from basin.terrain._windows import flow_pieces, reach_areas, write_flow_directions
from basin.terrain._zonal import (
    bank_belts,
    slope_degrees,
    slope_shares,
    zonal_shares,
    zonal_statistics,
)

__all__ = [
    "MAX_CELLS",
    "Catchments",
    "FlowDirections",
    "Profile",
    "Raindrops",
    "bank_belts",
    "catchments_of",
    "cut_at_divide",
    "delineate_catchments",
    "downstream_profile",
    "flow_directions",
    "flow_pieces",
    "hillshade",
    "land_of_intakes",
    "land_of_stretches",
    "open_dem",
    "place_points",
    "raindrop",
    "reach_areas",
    "reach_slopes",
    "slope_degrees",
    "slope_shares",
    "streams_from_dem",
    "write_flow_directions",
    "write_hillshade",
    "zonal_shares",
    "zonal_statistics",
]
