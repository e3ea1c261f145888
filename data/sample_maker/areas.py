"""Shorelines in two editions, zones of every kind, and where each layer is complete."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from .geo import (
    CRS_SAMPLE,
    blob,
    geometry_to_degrees,
    geometry_to_plane,
    meander,
    rng_for,
    to_degrees,
    to_plane,
)
from .places import Spot, spot_near
from .rivers import STEP_M, Rivers

ISSUER = "示例县水利局"
EDITIONS = {"2019": ("2019-06-01", "2023-06-30"), "2023": ("2023-07-01", None)}

# (line number, river, course, from, to, margin 2019, margin 2023, accuracy m); a range is the
# water plus a margin on both banks. Line 05 is the reach that became narrower in 2023, line 06
# the surveyed one that the exact sites lean on.
RANGES = [
    ("01", "长江", "长江", None, None, 60, 60, 10.0),
    ("02", "松坎河", "綦江河", None, (106.8597, 28.5497), 20, 20, 10.0),
    ("03", "松坎河", "綦江河", (106.8597, 28.5497), "change", 25, 25, 10.0),
    ("04", "綦江河", "綦江河", "change", (106.6684, 28.8963), 30, 30, 10.0),
    ("05", "綦江河", "綦江河", (106.6684, 28.8963), (106.690, 28.937), 125, 45, 2.0),
    ("06", "綦江河", "綦江河", (106.690, 28.937), (106.650, 29.012), 40, 40, 1.0),
    ("07", "綦江河", "綦江河", (106.650, 29.012), (106.500, 29.115), 40, 40, 10.0),
    ("08", "綦江河", "綦江河", (106.500, 29.115), None, 50, 50, 10.0),
    ("09", "蒲河", "蒲河", None, (106.8311, 28.9525), 15, 15, 10.0),
    ("10", "蒲河", "蒲河", (106.8311, 28.9525), None, 25, 25, 10.0),
    ("11", "藻渡河", "藻渡河", None, (106.9597, 28.7172), 15, 15, 10.0),
    ("12", "藻渡河", "藻渡河", (106.9597, 28.7172), None, 20, 20, 10.0),
]


def _vertex(rivers: Rivers, course: str, at: object, default: int) -> int:
    if at is None:
        return default
    if at == "change":
        return next(c.mouth for c in rivers.courses if c.name == "藻渡河")
    return spot_near(rivers, course, at).vertex


def _range_polygon(
    rivers: Rivers, course: str, start: object, end: object, margin: float
) -> Polygon:
    """Return the management range of a stretch, plane metres: water, margin, islands and all."""
    number = next(n for n, c in enumerate(rivers.courses) if c.name == course)
    n = len(rivers.courses[number].xy)
    first, last = _vertex(rivers, course, start, 0), _vertex(rivers, course, end, n - 1)
    parts = []
    for _, piece in rivers.pieces[rivers.pieces["course"] == number].iterrows():
        a, b = max(piece["first"], first), min(piece["last"], last)
        if a < b:
            xy = shapely.get_coordinates(piece.geometry)[
                a - piece["first"] : b - piece["first"] + 1
            ]
            parts.append(LineString(xy).buffer(piece["width_m"] / 2 + margin, quad_segs=3))
    joined = shapely.union_all(parts)
    return Polygon(joined.exterior).simplify(0.8)


def draw_shorelines(rivers: Rivers) -> gpd.GeoDataFrame:
    """Return range polygons of the larger rivers and centre lines of the rest, EPSG:4490."""
    rows = []
    for edition, (valid_from, valid_to) in EDITIONS.items():
        for number, river, course, start, end, old, new, accuracy in RANGES:
            margin = old if edition == "2019" else new
            polygon = _range_polygon(rivers, course, start, end, margin)
            rows.append(
                {
                    "line_id": f"SL-{number}-{edition}",
                    "river": river,
                    "river_class": "main_stem" if river == "长江" else "tributary",
                    "kind": "management_range",
                    "issuer": ISSUER,
                    "valid_from": valid_from,
                    "valid_to": valid_to,
                    "accuracy_m": accuracy,
                    "width_m": np.nan,
                    "geometry": geometry_to_degrees(polygon),
                }
            )
    with_range = {n for n, c in enumerate(rivers.courses) if c.name in {r[2] for r in RANGES}}
    for _, piece in rivers.pieces[~rivers.pieces["course"].isin(with_range)].iterrows():
        rows.append(
            {
                "line_id": f"SL-{piece['reach_id']}",
                "river": piece["name"] or f"支沟{piece['reach_id']}",
                "river_class": "tributary",
                "kind": "centreline",
                "issuer": ISSUER,
                "valid_from": None,
                "valid_to": None,
                "accuracy_m": 30.0,
                "width_m": piece["width_m"],
                "geometry": geometry_to_degrees(piece.geometry.simplify(3.0)),
            }
        )
    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS_SAMPLE)
    for column in ("valid_from", "valid_to"):
        table[column] = pd.to_datetime(table[column])
    return table


# ------------------------------------------------------------------------------------ zones

RED_LINES = [  # number, district, centre, radii km, turn
    ("01", "D-QJ", (106.478, 28.862), (6.2, 3.5), 30),
    ("02", "D-QJ", (106.745, 29.118), (6.4, 2.6), -10),
    ("03", "D-QJ", (106.620, 28.555), (2.8, 5.4), 15),
    ("04", "D-WS", (107.030, 28.868), (7.0, 3.1), -20),
    ("05", "D-WS", (106.955, 29.112), (5.6, 3.0), 5),
]
PARKS = [  # number, grade, name, centre, radii km, turn
    ("01", "chemical", "示例三江化工集中区(示意)", None, (0.95, 0.62), 0),
    ("02", "chemical", "示例关坝化工园区(示意)", (106.836, 28.822), (1.7, 0.8), 10),
    ("03", "ordinary", "示例北部工业园(示意)", (106.605, 29.085), (2.0, 1.0), 20),
    ("04", "ordinary", "示例江岸工业园(示意)", (106.300, 29.222), (1.8, 1.1), 0),
    ("05", "ordinary", "示例万盛工业园(示意)", (106.945, 28.985), (1.6, 0.9), -25),
    ("06", "chemical", "示例山地化工园(示意)", (106.590, 28.905), (0.6, 0.45), 40),
    ("07", "chemical", "示例篆塘化工集中区(示意)", None, (0.45, 0.30), 0),
]
UNITS: dict[str, dict[str, list[tuple[float, float]]]] = {
    "D-QJ": {
        "priority": [
            (106.478, 28.862),
            (106.745, 29.118),
            (106.620, 28.555),
            (106.660, 28.865),
            (106.750, 28.735),
            (106.715, 29.045),
            (106.595, 28.715),
        ],
        "key": [
            (106.655, 29.010),
            (106.585, 29.075),
            (106.625, 28.955),
            (106.755, 28.835),
            (106.680, 28.625),
            (106.770, 28.930),
            (106.660, 28.775),
        ],
        "general": [
            (106.525, 28.955),
            (106.810, 29.060),
            (106.570, 28.810),
            (106.725, 28.670),
            (106.430, 28.940),
        ],
    },
    "D-WS": {
        "priority": [(107.030, 28.868), (106.955, 29.112), (107.060, 29.050)],
        "key": [(106.935, 28.970), (106.830, 28.812), (106.875, 28.925)],
        "general": [(106.850, 28.870), (106.895, 29.045)],
    },
    "D-JJ": {
        "priority": [(106.220, 28.900), (106.415, 29.185), (106.520, 29.330)],
        "key": [(106.365, 29.260), (106.240, 29.300), (106.455, 29.110), (106.300, 29.220)],
        "general": [
            (106.395, 29.060),
            (106.290, 29.060),
            (106.560, 29.210),
            (106.190, 29.170),
            (106.390, 29.380),
        ],
    },
}
UNIT_WORDS = {
    "priority": ("1", "优先保护单元"),
    "key": ("2", "重点管控单元"),
    "general": ("3", "一般管控单元"),
}
DISTRICT_CODES = {
    "D-QJ": ("500110", "綦江区"),
    "D-WS": ("500110", "万盛经开区"),
    "D-JJ": ("500116", "江津区"),
}
LIVESTOCK = [  # grade, name, centre, radii km
    ("banned", "示例城区禁养区(示意)", (106.655, 29.020), (4.0, 3.0)),
    ("banned", "示例万盛禁养区(示意)", (106.925, 28.960), (3.6, 2.4)),
    ("limited", "示例扶欢限养区(示意)", (106.755, 28.868), (3.4, 2.0)),
    ("limited", "示例江津限养区(示意)", (106.430, 29.060), (4.0, 2.6)),
    ("suitable", "示例永新适养区(示意)", (106.540, 28.925), (3.0, 2.6)),
    ("suitable", "示例隆盛适养区(示意)", (106.810, 29.050), (2.8, 2.4)),
]


def _zone(
    zone_id: str,
    kind: str,
    grade: str | None,
    name: str,
    geometry: BaseGeometry,
    *,
    code: str | None = None,
    valid_from: str | None = None,
    valid_to: str | None = None,
) -> dict[str, object]:
    return {
        "zone_id": zone_id,
        "kind": kind,
        "grade": grade,
        "name": name,
        "code": code,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "geometry": geometry,
    }


def _red_lines(districts: gpd.GeoDataFrame) -> list[dict[str, object]]:
    plane = {
        i: geometry_to_plane(g) for i, g in zip(districts["id"], districts.geometry, strict=True)
    }
    rows = []
    for number, district, centre, radii, turn in RED_LINES:
        whole = blob(centre, radii, turn, rng_for("red", number))
        whole = whole.intersection(plane[district].buffer(-150))
        core = blob(centre, (radii[0] * 0.5, radii[1] * 0.48), turn, rng_for("core", number))
        for grade, part, word in [
            ("core", core, "核心保护区"),
            ("other", whole - core, "其他区域"),
        ]:
            rows.append(
                _zone(
                    f"RL-{number}-{grade}",
                    "red_line",
                    grade,
                    f"示例生态保护红线{number}{word}(示意)",
                    geometry_to_degrees(part),
                    valid_from="2022-11-01",
                )
            )
    return rows


def _units(districts: gpd.GeoDataFrame) -> list[dict[str, object]]:
    """Tile the districts: rough Voronoi borders, noded with the district borders, and faces."""
    border = dict(zip(districts["id"], districts.geometry, strict=True))
    linework = [g.boundary for g in border.values()]
    seeds: dict[str, tuple[list[str], np.ndarray]] = {}
    for district, grades in UNITS.items():
        names = [g for g, at in grades.items() for _ in at]
        points = to_plane([p for at in grades.values() for p in at])
        seeds[district] = (names, points)
        edges = shapely.voronoi_polygons(
            shapely.MultiPoint(points),
            only_edges=True,
            extend_to=shapely.box(*shapely.total_bounds(shapely.MultiPoint(points))).buffer(4e4),
        )
        drawn = []
        pieces = [shapely.get_coordinates(e) for e in shapely.get_parts(edges)]
        for xy in [line[k : k + 2] for line in pieces for k in range(len(line) - 1)]:
            if np.hypot(*(xy[1] - xy[0])) > 1500:
                xy = meander(
                    xy,
                    rng_for("unit", district, *np.round(xy[0])),
                    [(4000, 260), (1300, 80)],
                    step=250,
                    calm_m=1000,
                )
            drawn.append(LineString(to_degrees(xy)))
        # ends a little beyond the border, so that noding finds the crossing; spurs make no face
        reach = border[district].buffer(0.001)
        linework.append(shapely.intersection(shapely.union_all(drawn), reach))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(linework)]))
    owner: dict[tuple[str, int], list[Polygon]] = {}
    for face in faces:
        inside = face.representative_point()
        district = next((i for i, g in border.items() if g.contains(inside)), None)
        if district is None:
            continue
        # a face belongs to the seed that most of its area is nearest to
        xy = to_plane([inside.coords[0]])[0]
        near = int(np.hypot(*(seeds[district][1] - xy).T).argmin())
        owner.setdefault((district, near), []).append(face)
    units = _join_specks({key: shapely.union_all(parts) for key, parts in owner.items()})
    rows, serial = [], {}
    for (district, n), geometry in sorted(units.items()):
        grade = seeds[district][0][n]
        admin, place = DISTRICT_CODES[district]
        digit, word = UNIT_WORDS[grade]
        k = serial[admin, grade] = serial.get((admin, grade), 0) + 1
        code = f"ZH{admin}{digit}{k:04d}"
        rows.append(
            _zone(
                f"CU-{code}",
                "control_unit",
                grade,
                f"{place}{word}{k:02d}(示意)",
                geometry,
                code=code,
                valid_from="2023-12-01",
            )
        )
    return rows


def _join_specks(units: dict[tuple[str, int], BaseGeometry]) -> dict[tuple[str, int], BaseGeometry]:
    """Give loose bits of a unit to the neighbour that shares most of their border."""
    main, loose = {}, []
    for key, geometry in units.items():
        parts = sorted(shapely.get_parts(geometry), key=shapely.area, reverse=True)
        main[key] = parts[0]
        loose += [(key[0], part) for part in parts[1:]]
    for district, part in loose:
        mates = [k for k in main if k[0] == district]
        best = max(mates, key=lambda k: main[k].boundary.intersection(part.boundary).length)
        main[best] = shapely.union(main[best], part)
    return main


def _water_sources(rivers: Rivers, intakes: dict[str, Spot]) -> list[dict[str, object]]:
    """Zones by the default lengths of HJ 338-2018, one river only, drawn wide: schematic."""
    rows = []
    for intake_id, spot in intakes.items():
        xy = rivers.courses[spot.course].xy
        width = rivers.pieces[rivers.pieces["course"] == spot.course]["width_m"].max()

        def strip(
            up: float, down: float, half: float, xy: np.ndarray = xy, v: int = spot.vertex
        ) -> BaseGeometry:
            a, b = (
                max(v - round(up / STEP_M), 0),
                min(v + max(round(down / STEP_M), 1), len(xy) - 1),
            )
            return LineString(xy[a : b + 1]).buffer(half, cap_style="flat").buffer(0)

        first = strip(1000, 100, width / 2 + 50)
        second = strip(3000, 300, width / 2 + 1000).union(first.buffer(1))
        number = intake_id.removeprefix("I-")
        name = f"示例水源地{number}"
        rows.append(
            _zone(
                f"WS-{number}-I",
                "water_source",
                "I",
                f"{name}一级保护区(示意)",
                geometry_to_degrees(first),
                valid_from="2021-06-01",
            )
        )
        rows.append(
            _zone(
                f"WS-{number}-II",
                "water_source",
                "II",
                f"{name}二级保护区(示意)",
                geometry_to_degrees(second.difference(first)),
                valid_from="2021-06-01",
            )
        )
        if number == "01":  # an earlier edition, no longer in force
            old = strip(1000, 100, width / 2 + 20)
            rows.append(
                _zone(
                    f"WS-{number}-I-2010",
                    "water_source",
                    "I",
                    f"{name}一级保护区(2010年版,示意)",
                    geometry_to_degrees(old),
                    valid_from="2010-01-01",
                    valid_to="2021-05-31",
                )
            )
    return rows


def draw_zones(
    rivers: Rivers,
    districts: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
    intakes: dict[str, Spot],
    parks_at: dict[str, tuple[tuple[float, float], float]],
) -> gpd.GeoDataFrame:
    """Return all zones, EPSG:4490. `parks_at`: place and turn of parks around exact sites."""
    rows = _red_lines(districts) + _units(districts) + _water_sources(rivers, intakes)
    centre, radii, turn = RED_LINES[0][2:5]
    reserve = blob((centre[0] + 0.012, centre[1] - 0.002), (3.6, 2.0), turn, rng_for("reserve"))
    core = blob((centre[0] + 0.012, centre[1] - 0.002), (1.8, 1.0), turn, rng_for("reserve core"))
    rows.append(
        _zone(
            "NR-01-core",
            "nature_reserve",
            "core_protected",
            "示例自然保护区核心保护区(示意)",
            geometry_to_degrees(core),
            valid_from="2018-01-01",
        )
    )
    rows.append(
        _zone(
            "NR-01-general",
            "nature_reserve",
            "general_control",
            "示例自然保护区一般控制区(示意)",
            geometry_to_degrees(reserve - core),
            valid_from="2018-01-01",
        )
    )
    tonghui = next(c for c in rivers.courses if c.name == "通惠河")
    a = spot_near(rivers, "通惠河", (106.735, 29.050)).vertex
    b = spot_near(rivers, "通惠河", (106.685, 29.035)).vertex
    rows.append(
        _zone(
            "WP-01",
            "wetland",
            "national_park",
            "示例湿地公园(示意)",
            geometry_to_degrees(LineString(tonghui.xy[a : b + 1]).buffer(260)),
            valid_from="2016-12-01",
        )
    )
    for number, grade, name, at, radii, turn in PARKS:
        at, turn = parks_at.get(number, (at, turn))
        shape = blob(at, radii, turn, rng_for("park", number), wobble=0.05, n=28)
        rows.append(
            _zone(
                f"IP-{number}",
                "industrial_park",
                grade,
                name,
                geometry_to_degrees(shape),
                valid_from="2020-01-01",
            )
        )
    taken = Polygon()
    whole = geometry_to_plane(shapely.union_all(districts.geometry.to_numpy()))
    for k, (grade, name, at, radii) in enumerate(LIVESTOCK, 1):
        shape = blob(at, radii, 20, rng_for("livestock", k)).intersection(whole) - taken
        taken = taken.union(shape)
        rows.append(
            _zone(
                f"LV-{k:02d}",
                "livestock",
                grade,
                name,
                geometry_to_degrees(shape),
                valid_from="2019-01-01",
            )
        )
    for _, line in shorelines[shorelines["line_id"].str.endswith("-2023")].iterrows():
        rows.append(
            _zone(
                line["line_id"].replace("SL", "RR"),
                "river_range",
                None,
                f"{line['river']}河道管理范围(示意)",
                line.geometry,
                valid_from="2023-07-01",
            )
        )
    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS_SAMPLE)
    for column in ("valid_from", "valid_to"):
        table[column] = pd.to_datetime(table[column])
    if not table.geometry.is_valid.all():
        raise RuntimeError(f"invalid zones: {list(table.loc[~table.geometry.is_valid, 'zone_id'])}")
    return table


# Kinds known complete in all three districts. Port and crossing plans are left out on purpose:
# rules that need them stay unchecked.
COVERED_KINDS = [
    "control_unit",
    "water_source",
    "nature_reserve",
    "wetland",
    "scenic",
    "industrial_park",
    "livestock",
    "river_range",
    "drawdown",
    "germplasm_reserve",
    "important_lake",
    "permanent_farmland",
    "special_water_reserve",
    "water_function",
    "shoreline_zone",
    "sand",
    "urban_residential",
]


def draw_coverage(rivers: Rivers, districts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return where each layer is known to be complete, EPSG:4490."""
    by_id = districts.set_index("id").geometry
    rows = [{"layer": "zones", "kind": "red_line", "geometry": by_id[i]} for i in ("D-QJ", "D-WS")]
    whole = shapely.union_all(districts.geometry.to_numpy())
    rows += [{"layer": "zones", "kind": kind, "geometry": whole} for kind in COVERED_KINDS]
    drawn = shapely.union_all([LineString(c.xy).simplify(50).buffer(1000) for c in rivers.courses])
    wide = shapely.union(drawn, geometry_to_plane(whole)).buffer(6000).simplify(100)
    rows.append({"layer": "shorelines", "kind": "", "geometry": geometry_to_degrees(wide)})
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS_SAMPLE)
