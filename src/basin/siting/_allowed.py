"""Where may it be built? The verdict of every place of a district, drawn as polygons."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from basin._measure import scale_at, valid_shapes
from basin.buffers import SITE_ACCURACY_M, in_force, plain_text
from basin.crs import EXCHANGE_CRS, GEOD, area_m2, local_metric_crs, to_exchange
from basin.errors import BasinError
from basin.siting._check import applicability, check_on, project_codes
from basin.siting._evidence import gather
from basin.siting._ground import Ground, enter_ground, enter_sites
from basin.siting._outlines import buffered, outlines
from basin.siting._words import explain_area
from basin.standards.labels import codes
from basin.standards.rules import Rule

__all__ = ["AllowedArea", "allowed_on", "find_allowed_area"]

Shapes = npt.NDArray[np.object_]

#: Strictest first, as the table ``area_status`` has them.
_STATUSES = codes("area_status")
_OPEN = ("allowed", "conditional")
#: A face of less than this is a flaw of drawing (square metres).
_FLAW_M2 = 1.0
#: The nearest place lies this far within the allowed area (metres).
_HAIR_M = 0.05
#: Faces are quartered so often at most.
_MOST_ROUNDS = 7
#: A face longer than this is looked at in so many more places (metres).
_LOOK_CLOSER_M, _LOOKS = 500.0, 8


@dataclass(frozen=True)
class AllowedArea:
    """Where a project of one category may be built, and why not elsewhere.

    Attributes
    ----------
    areas : GeoDataFrame
        EPSG:4490, one row a connected area, allowed ones first and the largest first: ``area_id``,
        ``status`` (code of ``area_status``: ``allowed`` no rule is met; ``conditional`` no rule
        prohibits, some restrict or ask for consent or review; ``open`` a prohibiting rule is left
        to a person; ``unchecked`` a layer is missing or not known to be complete; ``borderline``;
        ``prohibited``), ``rules`` (those that make the status), ``missing`` (layers), and
        ``area_m2`` on the ellipsoid. Together they make up the ground that was asked about.
    parks : GeoDataFrame
        EPSG:4490, the compliant parks in force on that ground: ``zone_id``, ``name``, ``grade``,
        ``area_m2``, ``allowed_m2`` and ``share`` of it allowed.
    category, action, accuracy_m, date
        What was asked; `accuracy_m` is the positional error of a site taken.
    """

    areas: gpd.GeoDataFrame
    parks: gpd.GeoDataFrame
    category: str
    action: str
    accuracy_m: float
    date: dt.date
    _ground: Ground = field(repr=False)

    @property
    def allowed(self) -> Any:
        """The ground where no rule prohibits, and every rule that might was checked (EPSG:4490)."""
        some = self.areas[self.areas["status"].isin(_OPEN)]
        return shapely.union_all(some.geometry.to_numpy())

    def summary(self) -> pd.DataFrame:
        """Sum areas by status: ``status``, ``n_areas``, ``area_m2``, ``share`` of the ground."""
        sums = self.areas.groupby("status")["area_m2"].agg(["size", "sum"])
        sums = sums.reindex([s for s in reversed(_STATUSES) if s in sums.index])
        table = sums.reset_index().rename(columns={"size": "n_areas", "sum": "area_m2"})
        total = max(float(table["area_m2"].sum()), 1e-9)
        sums_of: pd.DataFrame = table.assign(share=table["area_m2"] / total)
        return sums_of

    def to_frame(self) -> pd.DataFrame:
        """Return the areas without their shapes (a copy)."""
        return pd.DataFrame(self.areas.drop(columns="geometry"))

    def nearest(self, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Find the nearest allowed place for each site: how far, and which way.

        A plot is moved as it is, without turning: its centre must lie deeper in the allowed area
        than the plot reaches, so that all of it fits; where it might fit more tightly, the place
        found is not the very nearest. The place found is checked as a site of its own.

        Parameters
        ----------
        sites
            Points, lines or polygons of any category: they are taken for this one.

        Returns
        -------
        GeoDataFrame
            EPSG:4490, one row a site; the geometry is the place. ``site_id``, ``distance_m`` and
            ``bearing_deg`` from the site's centre, ``lon``, ``lat``, ``verdict`` there, and
            ``park_id``, ``park_m``, ``park_bearing_deg``: the nearest compliant park. Missing
            where the ground holds no such place.
        """
        places = enter_sites(sites)
        allowed = self.allowed
        rows = [self._nearest_one(shape, allowed) for shape in places.geometry]
        table = pd.DataFrame(rows, columns=[*_NEAREST, "moved"])
        table.insert(0, "site_id", places["site_id"].to_numpy())
        table = pd.concat([table, self._nearest_parks(places)], axis=1)
        moved = gpd.GeoDataFrame(
            {"site_id": table["site_id"], "category": self.category, "action": self.action,
             "accuracy_m": self.accuracy_m},
            geometry=gpd.GeoSeries(table.pop("moved"), crs=EXCHANGE_CRS),
        )  # fmt: skip
        there = moved[moved.geometry.notna()]
        table["verdict"] = None
        if len(there):
            checked = check_on(there, self._ground).sites["verdict"]
            table.loc[there.index, "verdict"] = checked.to_numpy()
        points = gpd.GeoSeries.from_xy(table["lon"], table["lat"], crs=EXCHANGE_CRS)
        points[table["lon"].isna()] = None
        return gpd.GeoDataFrame(table, geometry=points)

    def _nearest_one(self, shape: Any, allowed: Any) -> tuple[Any, ...]:
        """Distance, bearing and place for one site, and the site moved there."""
        nothing = (np.nan, np.nan, np.nan, np.nan, None)
        if shape is None or shape.is_empty or shapely.is_empty(allowed):
            return nothing
        circle = gpd.GeoSeries([shape], crs=EXCHANGE_CRS)
        frame = local_metric_crs(circle)
        plane = circle.to_crs(frame).iloc[0]
        radius = float(shapely.minimum_bounding_radius(plane))
        centre = shapely.centroid(shapely.minimum_bounding_circle(plane))
        fits = allowed if not radius else buffered(np.array([allowed]), -(radius * 1.001 + 0.5))
        if shapely.is_empty(fits):
            return nothing
        there = gpd.GeoSeries(shapely.get_parts([fits]), crs=EXCHANGE_CRS).to_crs(frame).union_all()
        # a hair inside, so that the edge is no matter of rounding
        inner = shapely.buffer(there, -_HAIR_M)
        there = there if shapely.is_empty(inner) else inner
        target = shapely.Point(shapely.shortest_line(centre, there).coords[-1])
        ends = gpd.GeoSeries([centre, target], crs=frame).to_crs(EXCHANGE_CRS)
        (lon, lat), (x, y) = (end.coords[0] for end in ends)
        azimuth, _, metres = GEOD.inv(lon, lat, x, y)
        shift = np.array([target.x - centre.x, target.y - centre.y])
        moved = shapely.transform(plane, lambda xy: xy + shift)
        back = gpd.GeoSeries([moved], crs=frame).to_crs(EXCHANGE_CRS).iloc[0]
        return metres, azimuth % 360.0 if metres > 0 else np.nan, x, y, back

    def _nearest_parks(self, places: gpd.GeoDataFrame) -> pd.DataFrame:
        """The nearest compliant park that has allowed ground, and its way."""
        table = pd.DataFrame(
            {"park_id": None, "park_m": np.nan, "park_bearing_deg": np.nan}, index=places.index
        )
        parks = self.parks[self.parks["allowed_m2"] > 0]
        if not len(parks):
            return table
        for row, shape in enumerate(places.geometry):
            if shape is None or shape.is_empty:
                continue
            metres, bearing = _ways_to(shape, parks.geometry.to_numpy())
            first = int(np.argmin(metres))
            table.loc[row] = [parks["zone_id"].iloc[first], metres[first], bearing[first]]
        return table

    def parks_from(self, site: Any) -> pd.DataFrame:
        """List the compliant parks by their distance from a site (a geometry in EPSG:4490).

        The columns of `parks` without the shape, ``distance_m`` and ``bearing_deg`` (NaN within).
        """
        table = pd.DataFrame(self.parks.drop(columns="geometry"))
        metres, bearing = _ways_to(site, self.parks.geometry.to_numpy())
        table = table.assign(distance_m=metres, bearing_deg=bearing)
        return table.sort_values(["distance_m", "zone_id"], kind="stable", ignore_index=True)

    def explain(self, lang: str = "zh") -> str:
        """Say how much is allowed, and what stands in the way of the rest."""
        return explain_area(self, lang)

    def __repr__(self) -> str:
        rows = self.summary()[["status", "area_m2"]].to_dict("records")
        told = ", ".join(f"{row['status']} {row['area_m2'] / 1e6:.2f} km2" for row in rows)
        return f"AllowedArea({self.category}, {self.action}, {self.date}: {told})"


_NEAREST = ["distance_m", "bearing_deg", "lon", "lat"]


def _ways_to(shape: Any, others: Shapes) -> tuple[Any, Any]:
    """Distance in metres and bearing from a shape to the nearest point of each of the others."""
    k = np.array(scale_at(shapely.centroid(shape).y), dtype=float)
    scaled: Any = partial(np.multiply, k)  # nearest in metres, not in degrees
    here, there = (shapely.transform(some, scaled) for some in (shape, others))
    ends = shapely.get_coordinates(shapely.shortest_line(here, there)) / k
    a, b = ends[0::2], ends[1::2]
    azimuth, _, metres = GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    return metres, np.where(metres > 0, azimuth % 360.0, np.nan)


def find_allowed_area(
    category: str,
    action: str,
    *,
    within: Any,
    shorelines: gpd.GeoDataFrame | None,
    zones: gpd.GeoDataFrame | None,
    accuracy_m: float = SITE_ACCURACY_M,
    resolution_m: float = 100.0,
    **options: Any,
) -> AllowedArea:
    """Find where a project may be built: the verdict of :func:`check_sites` at every place.

    The ground is cut along every outline where a verdict may change, and each piece is checked as
    a site of its own. Since a larger site never has a milder verdict than a part of it, no place
    of an allowed piece is prohibited. Pieces that are stricter as a whole than at a point of them
    are quartered down to `resolution_m`, and what stays mixed keeps the stricter verdict.

    Parameters
    ----------
    category, action
        As in a site, by code or word.
    within : GeoDataFrame, GeoSeries or polygon
        The ground to look at, e.g. a district; a bare polygon is in EPSG:4490.
    shorelines, zones
        As in :func:`check_sites`.
    accuracy_m
        Positional error of a site to be placed, in metres.
    resolution_m
        Size down to which mixed pieces are quartered.
    **options
        Those of :func:`check_sites`: ``coverage``, ``rules``, ``date``, ``rivers``, ``bare`` ...

    Returns
    -------
    AllowedArea

    Raises
    ------
    BasinError
        If the ground is no polygon, or the category or action is not known.
    CrsError, RuleError
        As :func:`check_sites` does.
    """
    ground = enter_ground(shorelines, zones, **options)
    return allowed_on(category, action, within, ground, accuracy_m, resolution_m)


def allowed_on(
    category: str,
    action: str,
    within: Any,
    ground: Ground,
    accuracy_m: float = SITE_ACCURACY_M,
    resolution_m: float = 100.0,
) -> AllowedArea:
    """Do the work of :func:`find_allowed_area` on what was entered before."""
    whole = _polygon(within)
    project = pd.DataFrame({"category": [category], "action": [action]})
    known = project_codes(project).iloc[0]
    for name, word in (("category", category), ("action", action)):
        if known[name] is None:
            raise BasinError(
                f"{name} {word!r} is not known",
                mend="Use a code or word of `basin.standards.categories`, and new, expand, "
                "rebuild or existing.",
                zh=f"{'项目类别' if name == 'category' else '建设性质'}“{word}”不认识",
                mend_zh="用 `basin check --help` 所列的类别和性质",
            )
    asked = _Asked(known["category"], known["action"], float(accuracy_m), ground)
    faces = _refined(asked, _faces(asked, whole), resolution_m)
    areas = _joined_areas(faces)
    allowed = shapely.union_all(areas.geometry[areas["status"].isin(_OPEN)].to_numpy())
    parks = _parks(asked, whole, allowed)
    return AllowedArea(
        areas, parks, asked.category, asked.action, asked.accuracy_m, ground.date, ground
    )


@dataclass(frozen=True)
class _Asked:
    """The project that is looked for a place for."""

    category: str
    action: str
    accuracy_m: float
    ground: Ground

    def sites(self, shapes: Shapes) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(
            {"site_id": np.arange(len(shapes)).astype(str), "category": self.category,
             "action": self.action, "accuracy_m": self.accuracy_m},
            geometry=gpd.GeoSeries(shapes, crs=EXCHANGE_CRS),
        )  # fmt: skip

    def rules(self) -> list[Rule]:
        project = pd.DataFrame({"category": [self.category], "action": [self.action]})
        applies = applicability(self.ground.rules, project_codes(project))[0]
        return [r for r, a in zip(self.ground.rules, applies[:, 0], strict=True) if a > 0]

    def judged(self, shapes: Shapes) -> pd.DataFrame:
        """Status of each shape, the rules that make it, and the layers that are missing."""
        result = check_on(self.sites(shapes), self.ground)
        found = result.findings
        prohibits = found["rule_id"].map({r.id: r.verdict == "prohibit" for r in self.ground.rules})
        status = np.where(
            found["verdict"].isin(["prohibited", "borderline", "unchecked", "clear"]),
            found["verdict"],
            np.where((found["verdict"] == "manual") & prohibits, "open", "conditional"),
        )
        rank = pd.Series(status).map({s: k for k, s in enumerate((*_STATUSES[:-1], "clear"))})
        site = found["site_id"].astype(int).to_numpy()
        least = np.full(len(shapes), _STATUSES.index("unchecked"))  # no rule: nothing is known
        of = pd.Series(rank.to_numpy()).groupby(site).min()
        least[of.index.to_numpy()] = of.to_numpy()
        decides = (rank.to_numpy() == least[site]) & (status != "clear")
        some = found[decides].assign(_site=site[decides])
        table = pd.DataFrame({"status": [_STATUSES[k] for k in least]})
        for name, column in (("rules", "rule_id"), ("missing", "missing")):
            words = some.groupby("_site")[column].agg(
                lambda v: ", ".join(dict.fromkeys(x for w in v for x in w.split(", ") if x))
            )
            table[name] = words.reindex(range(len(shapes)), fill_value="").astype("str")
        return table


def _polygon(within: Any) -> Any:
    if isinstance(within, gpd.GeoDataFrame | gpd.GeoSeries):
        table = gpd.GeoDataFrame(geometry=within.geometry)
        within = shapely.union_all(
            valid_shapes(to_exchange(table, layer="within").geometry.to_numpy())
        )
    if within is None or shapely.is_empty(within) or shapely.get_dimensions(within) != 2:
        raise BasinError(
            "the ground to look at is no polygon",
            mend="Give a district, or another polygon.",
            zh="所查范围不是面",
            mend_zh="给出区县或其他面",
        )
    return valid_shapes(np.array([within], dtype=object))[0]


def _faces(asked: _Asked, whole: Any) -> Shapes:
    """Cut the ground along every outline."""
    sites = enter_sites(asked.sites(np.array([whole], dtype=object)))
    applies = applicability(asked.ground.rules, project_codes(sites))[0]
    evidence = gather(sites, asked.ground, applies)
    lines = outlines(asked.rules(), evidence, asked.accuracy_m, whole)
    rings = [shapely.boundary(whole), *(shapely.intersection(line, whole) for line in lines)]
    noded = shapely.union_all([ring for ring in rings if not shapely.is_empty(ring)])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts([noded])))
    shapely.prepare(whole)
    return np.asarray(faces[shapely.contains(whole, shapely.point_on_surface(faces))])


def _refined(asked: _Asked, faces: Shapes, resolution_m: float) -> gpd.GeoDataFrame:
    """Judge the faces: each at points of it, and one that reads allowed as a whole.

    A face that reads otherwise at one point than at another, or as a whole, is quartered.
    """
    done, pending = [], faces
    for turn in range(_MOST_ROUNDS + 1):
        if not len(pending):
            break
        told, mixed = _at_points(asked, pending)
        open_ = np.flatnonzero(told["status"].isin(_OPEN) & ~mixed)
        if len(open_):
            whole = asked.judged(pending[open_])
            whole.index = told.index[open_]
            mixed[open_] = (whole["status"] != told["status"].iloc[open_]).to_numpy()
            told.loc[whole.index] = whole
        split = mixed & (_size_m(pending) > resolution_m) & (turn < _MOST_ROUNDS)
        done.append(gpd.GeoDataFrame(told[~split], geometry=pending[~split], crs=EXCHANGE_CRS))
        pending = _quartered(pending[split])
    table = pd.concat(done, ignore_index=True)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=EXCHANGE_CRS)


def _at_points(asked: _Asked, faces: Shapes) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """What each face reads at some points of it, the strictest, and whether they differ."""
    turn = np.random.default_rng(0).permutation
    inner = shapely.point_on_surface(faces)
    points, owner = [inner], [np.arange(len(faces))]
    big = np.flatnonzero(_size_m(faces) > _LOOK_CLOSER_M)
    for row in big:
        parts = shapely.get_parts(shapely.delaunay_triangles(faces[row]))
        middles = shapely.centroid(parts)
        middles = middles[shapely.contains_xy(faces[row], shapely.get_coordinates(middles))]
        some = middles[turn(len(middles))[:_LOOKS]]
        points.append(some)
        owner.append(np.full(len(some), row))
    of = np.concatenate(owner)
    told = asked.judged(np.concatenate(points))
    rank = told["status"].map({s: k for k, s in enumerate(_STATUSES)}).to_numpy()
    order = np.lexsort((np.arange(len(of)), rank, of))
    first = order[np.r_[True, of[order][1:] != of[order][:-1]]]
    most = np.zeros(len(faces), dtype=np.int64)
    np.maximum.at(most, of, rank)
    strictest = told.iloc[first].reset_index(drop=True)
    return strictest, most != rank[first]


def _size_m(shapes: Shapes) -> Any:
    west, south, east, north = shapely.bounds(shapes).T
    return GEOD.inv(west, south, east, north)[2]


def _quartered(shapes: Shapes) -> Shapes:
    if not len(shapes):
        return shapes
    west, south, east, north = shapely.bounds(shapes).T
    x, y = (west + east) / 2, (south + north) / 2
    quarters = [
        shapely.intersection(shapes, shapely.box(*box))
        for box in ((west, south, x, y), (x, south, east, y), (west, y, x, north),
                    (x, y, east, north))
    ]  # fmt: skip
    parts = shapely.get_parts(np.concatenate(quarters))
    areal = (shapely.get_dimensions(parts) == 2) & ~shapely.is_empty(parts)
    return np.asarray(parts[areal], dtype=object)


def _joined_areas(faces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Join faces of one status and reason into connected areas."""
    rows = []
    for (status, rules, missing), part in faces.groupby(["status", "rules", "missing"]):
        shapes = shapely.get_parts(shapely.union_all(part.geometry.to_numpy()))
        rows += [(status, rules, missing, shape) for shape in shapes]
    table = pd.DataFrame(rows, columns=["status", "rules", "missing", "geometry"])
    table["area_m2"] = area_m2(np.array(table["geometry"], dtype=object))
    table = table[table["area_m2"] > _FLAW_M2]
    order = {status: -rank for rank, status in enumerate(_STATUSES)}
    table["_rank"] = table["status"].map(order)
    table = table.sort_values(["_rank", "area_m2", "rules"], ascending=[True, False, True])
    table.insert(0, "area_id", [f"A{k:04}" for k in range(1, len(table) + 1)])
    names = ["area_id", "status", "rules", "missing", "area_m2", "geometry"]
    return gpd.GeoDataFrame(
        table[names].reset_index(drop=True), geometry="geometry", crs=EXCHANGE_CRS
    )


def _parks(asked: _Asked, whole: Any, allowed: Any) -> gpd.GeoDataFrame:
    """Parks in force of the grades that the rules ask for, and how much of each is open."""
    names = ["zone_id", "name", "grade", "area_m2", "allowed_m2", "share"]
    zones = asked.ground.zones
    wanted = [g for r in asked.rules() for kind, g in r.outside if kind == "industrial_park"]
    grades = set.intersection(*map(set, wanted)) if wanted else {"chemical", "ordinary"}
    if zones is None:
        return gpd.GeoDataFrame({n: [] for n in names}, geometry=gpd.GeoSeries([], crs=4490))
    mine = (plain_text(zones, "kind") == "industrial_park") & in_force(zones, asked.ground.date)
    mine &= np.isin(plain_text(zones, "grade"), list(grades))
    shapes = valid_shapes(zones.geometry.to_numpy())
    mine &= shapely.intersects(shapes, whole) & (shapely.get_dimensions(shapes) == 2)
    parks = zones[mine]
    table = pd.DataFrame({name: plain_text(parks, name) for name in names[:3]})
    table["area_m2"] = area_m2(shapes[mine])
    table["allowed_m2"] = area_m2(shapely.intersection(shapes[mine], allowed))
    table["share"] = table["allowed_m2"] / table["area_m2"]
    found = gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes[mine], crs=EXCHANGE_CRS))
    return found.sort_values(["allowed_m2", "zone_id"], ascending=[False, True], ignore_index=True)
