"""Projects to be judged: exact distances by brute force, one or more for every verdict."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import shapely
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from .files import still_zip
from .geo import (
    GEOD,
    blob,
    geodesic_distance,
    geometry_to_degrees,
    geometry_to_plane,
    nearest_of,
    normals,
    rng_for,
    to_degrees,
    to_plane,
)
from .rivers import Rivers, spot_vertices

HEADERS = ["项目编号", "项目名称", "项目类别", "建设性质", "经度", "纬度", "定位精度m"]


@dataclass(frozen=True)
class Anchor:
    """A point at an exact distance from the shoreline, and the way out from the bank there."""

    lonlat: tuple[float, float]
    distance_m: float
    line_id: str
    foot: tuple[float, float]
    turn_deg: float


def dms(degrees: float, letters: str) -> str:
    """Return degrees, minutes and seconds as text with 4 decimals of a second (3 mm)."""
    ticks = round(abs(degrees) * 3600 * 10_000)
    d, rest = divmod(ticks, 36_000_000)
    m, s = divmod(rest, 600_000)
    return f"{d}°{m:02d}′{s / 10_000:07.4f}″{letters[int(degrees < 0)]}"


def as_dms(lonlat: tuple[float, float]) -> tuple[float, float]:
    """Return the numbers that the text form of a place stands for."""
    return tuple(round(v * 36_000_000) / 36_000_000 for v in lonlat)  # type: ignore[return-value]


def in_force(shorelines: gpd.GeoDataFrame, edition: str = "2023") -> gpd.GeoDataFrame:
    """Return the lines of one edition and those without dates."""
    other = "2019" if edition == "2023" else "2023"
    return shorelines[~shorelines["line_id"].str.endswith(other)]


def stand_off(
    rivers: Rivers,
    lines: gpd.GeoDataFrame,
    line_id: str,
    near: tuple[float, float],
    distance_m: float,
    side: float,
) -> Anchor:
    """Return the point at `distance_m` from a shoreline, by bisection on the brute force.

    `side` is +1 for the left bank of the main river, -1 for the right one. Raises if another
    line is nearer or nearly so.
    """
    xy, vertex = spot_vertices(rivers, near)
    out = normals(xy)[vertex - 4 : vertex + 5].mean(axis=0) * side
    out /= np.hypot(*out)
    pool = lines[shapely.distance(lines.geometry.to_numpy(), Point(near)) < 0.075]
    own = pool[pool["line_id"] == line_id].geometry.iloc[0]

    def at(r: float) -> tuple[float, float]:
        lon, lat = to_degrees(xy[vertex] + out * r, None)[0]
        return float(lon), float(lat)

    low, high = distance_m * 0.6, distance_m * 1.6 + 900
    for _ in range(45):
        middle = (low + high) / 2
        if geodesic_distance(at(middle), own)[0] < distance_m:
            low = middle
        else:
            high = middle
    place = as_dms(at(high))
    found, exact, foot = nearest_of(place, pool["line_id"], list(pool.geometry))
    rest = pool[pool["line_id"] != line_id]
    second = nearest_of(place, rest["line_id"], list(rest.geometry))[1]
    if found != line_id or abs(exact - distance_m) > 0.004 or second < exact + 30:
        raise RuntimeError(f"no exact place at {near}: {found} {exact:.3f}, next {second:.0f}")
    return Anchor(place, exact, line_id, foot, float(np.degrees(np.arctan2(out[0], out[1]))))


def exact_anchors(rivers: Rivers, shorelines: gpd.GeoDataFrame) -> dict[str, Anchor]:
    """Return the exact places that the zones must know about too."""
    now = in_force(shorelines)
    main = now[now["river_class"] == "main_stem"]  # the 5 km rule looks at no other river
    survey, narrowed, yangtze = "SL-06-2023", "SL-05-2023", "SL-01-2023"
    return {
        "X-01": stand_off(rivers, now, survey, NEAR["X-01"], 996.00, 1.0),
        "X-02": stand_off(rivers, now, survey, NEAR["X-02"], 1003.00, 1.0),
        "X-03": stand_off(rivers, now, survey, NEAR["X-03"], 1012.00, 1.0),
        "X-04": stand_off(rivers, now, narrowed, NEAR["X-04"], 1040.00, 1.0),
        "G-01": stand_off(rivers, main, yangtze, NEAR["G-01"], 4900.00, -1.0),
    }


NEAR = {
    "X-01": (106.6640, 28.9740),
    "X-02": (106.6655, 28.9720),
    "X-03": (106.6670, 28.9700),
    "X-04": (106.678, 28.918),
    "G-01": (106.235, 29.300),
}


def park_places(anchors: dict[str, Anchor]) -> dict[str, tuple[tuple[float, float], float]]:
    """Return centre and turn of the two parks that are drawn around exact sites."""
    places = {}
    for number, site, off in [("01", "X-02", 430.0), ("07", "X-04", 90.0)]:
        anchor = anchors[site]
        lon, lat, _ = GEOD.fwd(*anchor.lonlat, anchor.turn_deg, off)
        # blob turns clockwise from its long axis east; the long axis lies along the river
        places[number] = ((lon, lat), anchor.turn_deg)
    return places


def _box(centre: tuple[float, float], width: float, height: float, turn_deg: float) -> Polygon:
    """Return a rectangle in degrees around a lon/lat centre, sizes in metres."""
    local = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    turn = np.radians(turn_deg)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return geometry_to_degrees(Polygon(to_plane([centre])[0] + local @ spin))


def _shift_to(shape: Polygon, turn_deg: float, line: BaseGeometry, distance_m: float) -> Polygon:
    """Return `shape` shifted along a bearing until its nearest point is at `distance_m`."""
    local = geometry_to_plane(shape)
    turn = np.radians(turn_deg)

    def moved(r: float) -> Polygon:
        step = np.array([np.sin(turn), np.cos(turn)]) * r
        return shapely.transform(
            shapely.transform(local, lambda xy: xy + step), lambda xy: to_degrees(xy, 9)
        )

    shift = 0.0
    flat = geometry_to_plane(line)
    for _ in range(60):  # to about a metre in the plane first: cheap
        shift += distance_m - geometry_to_plane(moved(shift)).distance(flat)
    for _ in range(20):  # the distance grows by up to one metre for each metre of shift
        missing = distance_m - polygon_distance(moved(shift), line)
        if abs(missing) < 0.002:
            return moved(shift)
        shift += missing
    raise RuntimeError("no place at that distance")


def polygon_distance(polygon: Polygon, line: BaseGeometry) -> float:
    """Return the brute-force geodesic distance (m) from a polygon to a line outside it.

    The rim is sampled every 2 m; samples that the plane puts over 5 m farther are left out.
    """
    rim = shapely.get_coordinates(shapely.segmentize(polygon.exterior, 2e-5))
    off = shapely.distance(shapely.points(to_plane(rim)), geometry_to_plane(line))
    near = rim[off < off.min() + 5.0]
    if len(near) > 60:
        near = near[np.argsort(off[off < off.min() + 5.0])[:60]]
    return min(geodesic_distance(tuple(c), line)[0] for c in near)


@dataclass(frozen=True)
class Project:
    site_id: str
    name: str
    category: str
    action: str
    accuracy_m: float
    where: tuple[float, float] | Polygon
    verdict: str
    why: str
    findings: tuple[tuple[str, str], ...]


def _share(polygon: Polygon, zone: Polygon) -> float:
    part = abs(GEOD.geometry_area_perimeter(polygon.intersection(zone))[0])
    return part / abs(GEOD.geometry_area_perimeter(polygon)[0])


def draw_projects(
    anchors: dict[str, Anchor],
    rivers: Rivers,
    zones: gpd.GeoDataFrame,
    shorelines: gpd.GeoDataFrame,
) -> list[Project]:
    """Return all projects with what should be found."""
    yangtze = shorelines.set_index("line_id").geometry["SL-01-2023"]
    park = blob(anchors["G-01"].lonlat, (0.9, 0.6), 35, rng_for("G-01"), wobble=0.08, n=16)
    park = _shift_to(geometry_to_degrees(park), anchors["G-01"].turn_deg, yangtze, 4900.0)
    at = {key: anchor.lonlat for key, anchor in anchors.items()}
    zone = zones.set_index("zone_id").geometry
    second = (
        zone["WS-01-II"]
        .intersection(geometry_to_degrees(LineString(rivers.courses[1].xy).buffer(300)))
        .representative_point()
        .coords[0]
    )
    edge = zone["RL-02-other"]
    outer = Polygon(edge.exterior) if edge.geom_type == "Polygon" else edge
    low = min(shapely.get_coordinates(outer.exterior), key=lambda c: c[1] + 0.2 * c[0])
    bank = anchors["X-01"]
    cut = GEOD.fwd(*bank.lonlat, bank.turn_deg - 88, 700)[:2]
    wharf = spot_vertices(rivers, (106.650, 29.020))
    pier = tuple(to_degrees(wharf[0][wharf[1]] + normals(wharf[0])[wharf[1]] * 70, 8)[0])
    other = spot_vertices(rivers, (106.660, 28.790))
    other_pier = tuple(to_degrees(other[0][other[1]] + normals(other[0])[other[1]] * 45, 8)[0])
    pulp_xy = rivers.courses[0].xy
    k = len(pulp_xy) // 2 - 60
    pulp = tuple(to_degrees(pulp_xy[k] - normals(pulp_xy)[k] * 850, 8)[0])
    chem = "CJ26-CHEM-1KM"
    return [
        Project(
            "X-01",
            "示例甲精细化工新建项目",
            "chemical",
            "new",
            0.5,
            at["X-01"],
            "prohibited",
            "4.00 m inside 1 km of SL-06-2023",
            ((chem, "prohibited"),),
        ),
        Project(
            "X-02",
            "示例乙精细化工新建项目",
            "chemical",
            "new",
            0.5,
            at["X-02"],
            "manual",
            "3.00 m outside 1 km of SL-06-2023; in a chemical park; unit review remains",
            ((chem, "clear"), ("CQ-WATER-CLUSTER", "clear")),
        ),
        Project(
            "X-03",
            "示例丙精细化工新建项目",
            "chemical",
            "new",
            30.0,
            at["X-03"],
            "borderline",
            "12 m outside 1 km, but placed to 30 m only",
            ((chem, "borderline"),),
        ),
        Project(
            "X-04",
            "示例丁精细化工新建项目",
            "chemical",
            "new",
            1.0,
            at["X-04"],
            "manual",
            "outside 1 km of the 2023 line SL-05-2023, inside 1 km of the 2019 line: "
            "what passes only under the newer line is left to a person",
            ((chem, "manual"),),
        ),
        Project(
            "X-05",
            "示例江津综合楼项目",
            "building",
            "new",
            5.0,
            (106.5920, 29.2550),
            "undetermined",
            "red lines are not covered in D-JJ",
            (("ERL-CORE", "unchecked"), ("ERL-OTHER", "unchecked")),
        ),
        Project(
            "X-06",
            "示例仓库改建项目",
            "warehouse",
            "rebuild",
            5.0,
            (106.7570, 28.9760),
            "clear",
            "far from rivers and zones in D-QJ; unit rules name new and expansion only",
            (("ERL-CORE", "clear"),),
        ),
        Project(
            "X-07",
            "示例生猪养殖场项目",
            "livestock_farm",
            "new",
            5.0,
            (106.7560, 28.8760),
            "manual",
            "in the limited area LV-03; unit review is stricter than the condition",
            (("LIVESTOCK-LIMIT", "conditional"), ("LIVESTOCK-BAN", "clear")),
        ),
        Project(
            "X-08",
            "示例入河排污口新设项目",
            "outfall",
            "new",
            5.0,
            second,
            "prohibited",
            "inside the second-grade water-source zone WS-01-II",
            (("WPPL64-OUTFALL", "prohibited"),),
        ),
        Project(
            "X-09",
            "示例山庄新建项目",
            "building",
            "new",
            5.0,
            zone["RL-02-core"].centroid.coords[0],
            "prohibited",
            "inside the red-line core RL-02-core",
            (("ERL-CORE", "prohibited"),),
        ),
        Project(
            "X-10",
            "示例山地化工新建项目",
            "chemical",
            "new",
            5.0,
            (106.5900, 28.9050),
            "manual",
            "in the chemical park IP-06, over 1 km from every river",
            ((chem, "clear"), ("CQ-WATER-CLUSTER", "clear")),
        ),
        Project(
            "X-11",
            "示例旧码头改建项目",
            "wharf",
            "rebuild",
            2.0,
            pier,
            "conditional",
            "inside the river management range; permit required",
            (("RIVER-RANGE-WORKS", "conditional"),),
        ),
        Project(
            "X-12",
            "示例造纸新建项目",
            "pulp",
            "new",
            5.0,
            pulp,
            "prohibited",
            "within 1 km of 长江",
            (("CQ-WATER-1KM", "prohibited"),),
        ),
        Project(
            "X-13",
            "示例新码头项目",
            "wharf",
            "new",
            2.0,
            other_pier,
            "undetermined",
            "no port plan layer: PORT-PLAN cannot be checked",
            (("PORT-PLAN", "unchecked"),),
        ),
        Project(
            "G-01",
            "示例新建工业园",
            "industrial_park",
            "new",
            2.0,
            park,
            "prohibited",
            "nearest point 4900.00 m from 长江",
            (("CQ-PARK-5KM", "prohibited"),),
        ),
        Project(
            "G-02",
            "示例江岸工业园扩建",
            "industrial_park",
            "expand",
            5.0,
            _box((106.2855, 29.2330), 700, 500, 8),
            "undetermined",
            "expansion of IP-04 within 5 km of 长江: the 5 km rule names new parks only; "
            "red lines are not covered in D-JJ",
            (("ERL-OTHER", "unchecked"),),
        ),
        Project(
            "G-03",
            "示例尾矿库改建",
            "tailings_pond",
            "rebuild",
            5.0,
            _box((106.4300, 29.2960), 500, 380, 30),
            "undetermined",
            "rebuild within 3 km of 长江: a person examines the exemption for safety or "
            "environment; "
            "red lines are not covered in D-JJ",
            (("CJ26-TAIL-3KM", "manual"), ("ERL-CORE", "unchecked")),
        ),
        Project(
            "G-04",
            "示例跨红线商住项目",
            "building",
            "new",
            5.0,
            _box(tuple(low), 600, 520, 12),
            "prohibited",
            "partly inside RL-02-other",
            (("ERL-OTHER", "prohibited"), ("ERL-CORE", "clear")),
        ),
        Project(
            "G-05",
            "示例化工园扩建",
            "chemical_park",
            "expand",
            2.0,
            _box(cut, 420, 420, 20),
            "prohibited",
            "cut by the 1 km limit of SL-06-2023",
            ((chem, "prohibited"),),
        ),
        Project(
            "G-06",
            "示例粮库改建",
            "warehouse",
            "rebuild",
            5.0,
            _box((106.7640, 28.9690), 180, 120, -15),
            "clear",
            "far from rivers and zones in D-QJ",
            (("ERL-CORE", "clear"),),
        ),
    ]


def nearest_to_project(project: Project, lines: gpd.GeoDataFrame) -> tuple[str, float]:
    """Return the nearest line in force and the distance, 0 inside a range, by brute force."""
    shape = project.where if isinstance(project.where, Polygon) else Point(project.where)
    inside = lines[lines.intersects(shape)]
    if len(inside):
        return str(inside["line_id"].iloc[0]), 0.0
    off = shapely.distance(lines.geometry.to_numpy(), shape)
    pool = lines[off < off.min() * 1.25 + 0.002]
    if isinstance(shape, Point):
        line_id, distance, _ = nearest_of(shape.coords[0], pool["line_id"], list(pool.geometry))
        return line_id, distance
    return min(
        (
            (str(i), polygon_distance(shape, g))
            for i, g in zip(pool["line_id"], pool.geometry, strict=True)
        ),
        key=lambda found: found[1],
    )


def write_sites(projects: list[Project], folder: Path) -> None:
    """Write the points as a sheet with degrees-minutes-seconds text, the polygons as GeoJSON."""
    book = openpyxl.Workbook()
    book.properties.created = dt.datetime(2026, 3, 31)
    sheet = book.active
    sheet.title = "拟建项目"
    sheet.append(HEADERS)
    features = []
    for p in projects:
        if isinstance(p.where, Polygon):
            ring = [[round(x, 9), round(y, 9)] for x, y in p.where.exterior.coords]
            features.append(
                {
                    "type": "Feature",
                    "properties": {
                        "site_id": p.site_id,
                        "name": p.name,
                        "category": p.category,
                        "action": p.action,
                        "accuracy_m": p.accuracy_m,
                    },
                    "geometry": {"type": "Polygon", "coordinates": [ring]},
                }
            )
        else:
            lon, lat = p.where
            sheet.append(
                [
                    p.site_id,
                    p.name,
                    CATEGORY_ZH[p.category],
                    ACTION_ZH[p.action],
                    dms(lon, "EW"),
                    dms(lat, "NS"),
                    p.accuracy_m,
                ]
            )
    for column, width in zip("ABCDEFG", (10, 28, 14, 10, 22, 22, 12), strict=True):
        sheet.column_dimensions[column].width = width
    book.save(folder / "sites.xlsx")
    still_zip(folder / "sites.xlsx")
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    text = json.dumps(
        {"type": "FeatureCollection", "name": "sites", "crs": crs, "features": features},
        ensure_ascii=False,
        indent=1,
    )
    (folder / "sites.geojson").write_text(text + "\n", encoding="utf-8")


CATEGORY_ZH = {
    "chemical": "化工项目",
    "chemical_park": "化工园区",
    "industrial_park": "工业园区",
    "tailings_pond": "尾矿库",
    "livestock_farm": "畜禽养殖场",
    "outfall": "入河排污口",
    "warehouse": "仓储",
    "building": "建筑物",
    "wharf": "码头",
    "pulp": "制浆",
}
ACTION_ZH = {"new": "新建", "expand": "扩建", "rebuild": "改建", "existing": "现有"}


def planted_sites(
    projects: list[Project], shorelines: gpd.GeoDataFrame, zones: gpd.GeoDataFrame
) -> list[dict[str, object]]:
    """Return the expected verdicts, and the expected finding of the rules that matter."""
    now, before = in_force(shorelines), in_force(shorelines, "2019")
    rows: list[dict[str, object]] = []
    for p in projects:
        rivers_of_rule = now
        if (
            p.findings[0][0] in {"CQ-PARK-5KM", "CQ-WATER-1KM", "CJ26-TAIL-3KM"}
            or p.site_id == "G-02"
        ):
            rivers_of_rule = now[now["river_class"] == "main_stem"]
        line_id, distance = nearest_to_project(p, rivers_of_rule)
        detail = f"{p.why}; nearest {line_id}"
        if p.site_id == "X-04":
            old_id, old = nearest_to_project(p, before)
            detail += f"; 2019 edition {old_id} at {old:.3f} m"
        if p.site_id == "G-04":
            share = _share(p.where, zones.set_index("zone_id").geometry["RL-02-other"])
            detail += f"; share {share:.4f}"
        rows.append(
            {
                "kind": "site",
                "id": p.site_id,
                "expectation": p.verdict,
                "value": round(distance, 3),
                "detail": detail,
            }
        )
        rows += [
            {
                "kind": "finding",
                "id": p.site_id,
                "rule": rule,
                "expectation": verdict,
                "detail": p.why,
            }
            for rule, verdict in p.findings
        ]
    return rows
