"""Terrain: what a DEM knows about the rivers (extra ``basin-gis[dem]``).

===================  ====================================================================
``flow_directions``  where the water of each cell goes, along the mapped rivers
``delineate_catchments``  the land that drains to sections, outfalls, intakes
``raindrop``         the slope from a place to the first mapped river, and what lies below
===================  ====================================================================
"""

from basin._dem import open_dem
from basin.terrain._catchments import Catchments, catchments_of, delineate_catchments
from basin.terrain._flow import MAX_CELLS, FlowDirections, flow_directions
from basin.terrain._place import place_points
from basin.terrain._raindrop import Raindrops, raindrop

__all__ = [
    "MAX_CELLS",
    "Catchments",
    "FlowDirections",
    "Raindrops",
    "catchments_of",
    "delineate_catchments",
    "flow_directions",
    "open_dem",
    "place_points",
    "raindrop",
]
