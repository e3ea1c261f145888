"""On the map of allowed ground: the places asked about, and the way to the nearest allowed ones."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from basin.crs import EXCHANGE_CRS, to_exchange
from basin.maps.handed import Layer
from basin.maps.words import words

__all__ = ["nearest_layers"]

_COLOUR = "#7b1fa2"


def nearest_layers(sites: Any, nearest: Any, lang: str) -> list[Layer]:
    """Layers for sites (``site_id``) and for what ``AllowedArea.nearest`` found for them."""
    from basin.siting import direction_text

    places = to_exchange(sites, layer="sites").reset_index(drop=True)
    mark: dict[str, Any] = {"colour": _COLOUR, "id_column": "site_id", "framing": True}
    layers = [Layer(places, words("asked", lang), **mark)]
    # a place that is allowed itself has no way
    found = places.iloc[:0] if nearest is None else nearest[nearest["distance_m"] > 0]
    if not len(found):
        return layers
    centre = shapely.centroid(shapely.minimum_bounding_circle(places.geometry.to_numpy()))
    start = pd.Series(centre, index=places["site_id"].astype(str))
    ends = found.geometry.to_numpy()
    begins = start.reindex(found["site_id"].astype(str)).to_numpy()
    ways = [shapely.LineString([a, b]) for a, b in zip(begins, ends, strict=True)]
    told = [
        f"{words('nearest', lang)} · {direction_text(bearing, lang)} {metres:,.1f} m"
        for bearing, metres in zip(found["bearing_deg"], found["distance_m"], strict=True)
    ]
    table = pd.DataFrame({"site_id": found["site_id"], "name": told})
    table = table.assign(distance_m=found["distance_m"].round(1), verdict=found["verdict"])
    both = gpd.GeoDataFrame(
        pd.concat([table, table], ignore_index=True),
        geometry=gpd.GeoSeries([*ways, *ends], crs=EXCHANGE_CRS),
    )
    layers.append(Layer(both, words("nearest", lang), kinds={"verdict": "verdict"}, **mark))
    return layers
