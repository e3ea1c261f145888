"""Heights from a DEM: what its file says is checked once, and only the window asked for is read.

A DEM is one GeoTIFF or several tiles on one grid. Heights come as float32 metres, NaN where there
are none; what had to be set right is listed in :attr:`Dem.repairs`.
"""

from basin._dem.asking import heights_at, lowest_around
from basin._dem.grid import Dem, Window
from basin._dem.opening import open_dem
from basin._dem.stored import Heights, Repair

__all__ = ["Dem", "Heights", "Repair", "Window", "heights_at", "lowest_around", "open_dem"]
