"""Districts, and the points that stand on rivers: sections, structures, intakes."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree
from shapely import Point

from .geo import CRS_SAMPLE, normals, rng_for, rough, to_degrees, to_plane
from .rivers import STEP_M, Course, Rivers

# District borders as arcs between four meeting points; each is drawn rough once and shared, so
# that the districts tile exactly. They follow the towns that belong to each side, nothing more.
_N1, _N2, _N3, _N4 = (106.640, 29.215), (106.365, 28.790), (106.862, 29.125), (106.797, 28.777)
ARCS = {
    "QJ-JJ": [
        _N2,
        (106.375, 28.880),
        (106.405, 28.960),
        (106.440, 29.030),
        (106.500, 29.075),
        (106.530, 29.085),
        (106.575, 29.140),
        _N1,
    ],
    "JJ": [
        _N1,
        (106.620, 29.290),
        (106.560, 29.400),
        (106.470, 29.445),
        (106.300, 29.425),
        (106.160, 29.385),
        (106.120, 29.260),
        (106.165, 29.100),
        (106.185, 28.950),
        (106.185, 28.845),
        (106.270, 28.800),
        _N2,
    ],
    "QJ-N": [_N1, (106.720, 29.185), (106.800, 29.165), _N3],
    "QJ-WS": [
        _N3,
        (106.848, 29.060),
        (106.857, 29.000),
        (106.850, 28.950),
        (106.808, 28.900),
        (106.796, 28.850),
        (106.791, 28.815),
        _N4,
    ],
    "WS": [
        _N3,
        (106.940, 29.160),
        (107.050, 29.140),
        (107.110, 29.070),
        (107.135, 28.960),
        (107.090, 28.870),
        (106.985, 28.805),
        (106.880, 28.783),
        _N4,
    ],
    "QJ-S": [
        _N4,
        (106.786, 28.740),
        (106.795, 28.700),
        (106.776, 28.655),
        (106.735, 28.600),
        (106.738, 28.530),
        (106.690, 28.480),
        (106.590, 28.495),
        (106.540, 28.600),
        (106.470, 28.680),
        (106.410, 28.730),
        _N2,
    ],
}
DISTRICTS = {
    "D-QJ": ("綦江区(示意)", ["QJ-JJ", "QJ-N", "QJ-WS", "QJ-S"], (106.65, 28.90)),
    "D-WS": ("万盛经开区(示意)", ["QJ-WS", "WS"], (106.95, 28.95)),
    "D-JJ": ("江津区(示意)", ["QJ-JJ", "JJ"], (106.35, 29.15)),
}
RIVER_SPACE = 6000.0

# The real confluence order near 北渡 is not known: here the section lies above the 清溪河 mouth.
BEIDU_ABOVE_QINGXI_M = 900.0


@dataclass(frozen=True)
class Spot:
    """A place on a drawn river: course number and vertex, with the clean reach and measure."""

    course: int
    vertex: int
    xy: np.ndarray

    def aside(self, rivers: Rivers, metres: float) -> np.ndarray:
        """Return the plane point `metres` to the left (right if negative) of the river."""
        return self.xy + normals(rivers.courses[self.course].xy)[self.vertex] * metres

    def lonlat(self, rivers: Rivers, metres: float = 0.0) -> tuple[float, float]:
        lon, lat = to_degrees(self.aside(rivers, metres), 6)[0]
        return float(lon), float(lat)


def draw_districts() -> gpd.GeoDataFrame:
    """Return the three schematic districts, EPSG:4490; they share their border vertices."""
    arcs = {
        name: to_degrees(
            rough(to_plane(points), rng_for("border", name), wave_m=5000, amplitude_m=350, step=400)
        )
        for name, points in ARCS.items()
    }
    polygons = list(shapely.polygonize([shapely.LineString(a) for a in arcs.values()]).geoms)
    rows = []
    for district_id, (name, _, inside) in DISTRICTS.items():
        polygon = next(p for p in polygons if p.contains(Point(inside)))
        rows.append({"id": district_id, "name": name, "geometry": polygon})
    return gpd.GeoDataFrame(rows, crs=CRS_SAMPLE)


def course_number(rivers: Rivers, name: str) -> int:
    """Return the number of a named course (松坎河 is the upper part of 綦江河)."""
    name = "綦江河" if name == "松坎河" else name
    return next(n for n, c in enumerate(rivers.courses) if c.name == name)


def spot_near(rivers: Rivers, name: str, lonlat: tuple[float, float], shift_m: float = 0.0) -> Spot:
    """Return the vertex of a named river nearest to a place, moved `shift_m` downstream."""
    number = course_number(rivers, name)
    course = rivers.courses[number]
    vertex = int(cKDTree(course.xy).query(to_plane([lonlat])[0])[1]) + round(shift_m / STEP_M)
    return spot_at(rivers, number, vertex)


def spot_at(rivers: Rivers, course: int, vertex: int) -> Spot:
    """Return the spot at a vertex of a course."""
    xy = rivers.courses[course].xy
    vertex = int(np.clip(vertex, 1, len(xy) - 2))
    return Spot(course, vertex, xy[vertex])


def border_spot(rivers: Rivers, name: str, district: shapely.Geometry, shift_m: float) -> Spot:
    """Return where a river leaves a district for good, moved `shift_m` downstream."""
    number = course_number(rivers, name)
    lonlat = to_degrees(rivers.courses[number].xy)
    inside = shapely.contains_xy(district, lonlat[:, 0], lonlat[:, 1])
    return spot_at(rivers, number, int(np.flatnonzero(inside).max()) + round(shift_m / STEP_M))


def reach_of(rivers: Rivers, spot: Spot) -> tuple[str, float]:
    """Return the reach as written (after the planted defects) and its mean flow, m3/s."""
    pieces = rivers.pieces
    row = pieces[
        (pieces["course"] == spot.course)
        & (pieces["first"] <= spot.vertex)
        & (pieces["last"] > spot.vertex)
    ].iloc[0]
    reach_id = row["reach_id"]
    if reach_id not in set(rivers.lines["reach_id"]):  # the river kept as one line
        reach_id = pieces[pieces["course"] == spot.course]["reach_id"].iloc[0]
    return reach_id, float(row["flow_m3_s"])


def walk_down(rivers: Rivers, course: int, vertex: int, target: Spot) -> tuple[float, float] | None:
    """Return (metres, hours) along the rivers from a vertex down to a spot, None if not on the way.

    Lengths are plane lengths of the clean courses, velocities those of the written reaches.
    """
    metres = hours = 0.0
    while True:
        own: Course = rivers.courses[course]
        pieces = rivers.pieces[rivers.pieces["course"] == course]
        end = target.vertex if course == target.course else len(own.xy) - 1
        if course == target.course and vertex > target.vertex:
            return None
        for _, piece in pieces.drop_duplicates("first").iterrows():
            first, last = max(piece["first"], vertex), min(piece["last"], end)
            if first < last:
                length = float(np.hypot(*np.diff(own.xy[first : last + 1], axis=0).T).sum())
                metres += length
                hours += length / piece["velocity_m_s"] / 3600
        if course == target.course:
            return metres, hours
        if own.mother is None:
            return None
        course, vertex = own.mother, own.mouth


def _mouth(rivers: Rivers, name: str) -> int:
    return next(c.mouth for c in rivers.courses if c.name == name)


def draw_sections(
    rivers: Rivers, districts: gpd.GeoDataFrame
) -> tuple[pd.DataFrame, dict[str, Spot]]:
    """Return the table of sections and the spot of each."""
    ws = districts.set_index("id").geometry["D-WS"]
    qingxi = spot_at(rivers, course_number(rivers, "綦江河"), _mouth(rivers, "清溪河"))
    beidu = spot_at(rivers, qingxi.course, qingxi.vertex - round(BEIDU_ABOVE_QINGXI_M / STEP_M))
    spots: dict[str, tuple[str, str, str, str, str, Spot]] = {
        "S-SMK": (
            "石门坎",
            "national",
            "松坎河",
            "III",
            "river",
            spot_near(rivers, "松坎河", (106.720, 28.712)),
        ),
        "S-FH": (
            "扶欢",
            "municipal",
            "扶欢河",
            "III",
            "river",
            border_spot(rivers, "扶欢河", ws, 700),
        ),
        "S-WT": (
            "温塘",
            "municipal",
            "孝子河",
            "III",
            "river",
            border_spot(rivers, "孝子河", ws, -300),
        ),
        "S-ZX": (
            "寨溪大桥",
            "national",
            "蒲河",
            "III",
            "river",
            spot_at(
                rivers,
                course_number(rivers, "蒲河"),
                len(rivers.courses[course_number(rivers, "蒲河")].xy) - 25,
            ),
        ),
        "S-BD": ("北渡", "national", "綦江河", "III", "river", beidu),
        "S-PD": (
            "坡渡",
            "national",
            "藻渡河",
            "III",
            "river",
            spot_near(rivers, "藻渡河", (106.8261, 28.7542)),
        ),
        "S-D01": (
            "示例东溪断面",
            "district",
            "东溪",
            "III",
            "river",
            spot_near(rivers, "东溪", (106.640, 28.757)),
        ),
        "S-D02": (
            "示例郭扶断面",
            "district",
            "郭扶河",
            "III",
            "river",
            spot_near(rivers, "郭扶河", (106.620, 28.860)),
        ),
        "S-D03": (
            "示例通惠断面",
            "district",
            "通惠河",
            "III",
            "river",
            spot_near(rivers, "通惠河", (106.672, 29.030)),
        ),
        "S-D04": (
            "示例清溪断面",
            "district",
            "清溪河",
            "III",
            "river",
            spot_near(rivers, "清溪河", (106.560, 29.000)),
        ),
        "S-D05": (
            "示例孝子河上游断面",
            "district",
            "孝子河",
            "II",
            "river",
            spot_near(rivers, "孝子河", (106.990, 28.935)),
        ),
        "S-D06": (
            "示例扶欢河上游断面",
            "district",
            "扶欢河",
            "II",
            "river",
            spot_near(rivers, "扶欢河", (106.862, 28.812)),
        ),
        "S-D07": (
            "示例城区断面",
            "district",
            "綦江河",
            "III",
            "river",
            spot_near(rivers, "綦江河", (106.690, 28.965)),
        ),
        "S-D08": (
            "示例江津出口断面",
            "district",
            "綦江河",
            "III",
            "river",
            spot_near(rivers, "綦江河", (106.395, 29.215)),
        ),
        "S-D09": (
            "示例丛林湖库断面",
            "district",
            "蒲河",
            "III",
            "lake",
            spot_near(rivers, "蒲河", (107.020, 29.055)),
        ),
    }
    rows = []
    for section_id, (name, level, river, target, waterbody, spot) in spots.items():
        lon, lat = spot.lonlat(rivers, float(rng_for("section", section_id).uniform(-12, 12)))
        rows.append(
            {
                "section_id": section_id,
                "name": name,
                "level": level,
                "river": river,
                "target_class": target,
                "waterbody": waterbody,
                "flow_m3_s": round(reach_of(rivers, spot)[1], 2),
                "lon": lon,
                "lat": lat,
            }
        )
    return pd.DataFrame(rows), {key: value[-1] for key, value in spots.items()}


def draw_structures(rivers: Rivers) -> gpd.GeoDataFrame:
    """Return invented dams and sluices; volume behind the gate and minutes to close it."""
    rows = [
        ("G-01", "示例藻渡大坝(示意)", "dam", "藻渡河", (106.745, 28.737), 200_000_000, 120),
        ("G-02", "示例安稳闸坝", "sluice", "松坎河", (106.760, 28.676), 900_000, 30),
        ("G-03", "示例东溪水电闸坝", "sluice", "綦江河", (106.645, 28.790), 2_400_000, 40),
        ("G-04", "示例扶欢闸", "sluice", "扶欢河", (106.735, 28.832), 260_000, 20),
        ("G-05", "示例石角闸", "sluice", "蒲河", (106.770, 28.930), 700_000, 25),
        ("G-06", "示例南桐闸", "sluice", "孝子河", (106.880, 28.941), 320_000, 20),
        ("G-07", "示例城区橡胶坝", "sluice", "綦江河", (106.655, 29.000), 3_100_000, 45),
        ("G-08", "示例五岔闸坝", "sluice", "綦江河", (106.450, 29.112), 5_200_000, 60),
        ("G-09", "示例丛林水库大坝(示意)", "dam", "蒲河", (107.000, 29.045), 12_000_000, 90),
    ]
    return gpd.GeoDataFrame(
        [
            {
                "id": i,
                "name": n,
                "kind": k,
                "volume_m3": float(v),
                "close_min": float(m),
                "geometry": Point(spot_near(rivers, r, at).lonlat(rivers)),
            }
            for i, n, k, r, at, v, m in rows
        ],
        crs=CRS_SAMPLE,
    )


INTAKES = [
    ("I-01", "示例篆塘取水口", "綦江河", (106.655, 28.868)),
    ("I-02", "示例赶水取水口", "藻渡河", (106.760, 28.735)),
    ("I-03", "示例丁山取水口", "东溪", (106.605, 28.725)),
    ("I-04", "示例江津取水口", "綦江河", (106.410, 29.190)),
    ("I-05", "示例丛林取水口", "蒲河", (107.050, 29.070)),
]


def draw_intakes(rivers: Rivers) -> tuple[gpd.GeoDataFrame, dict[str, Spot]]:
    """Return invented drinking-water intakes and the spot of each."""
    spots = {i: spot_near(rivers, river, at) for i, _, river, at in INTAKES}
    table = gpd.GeoDataFrame(
        [
            {"id": i, "name": n, "geometry": Point(spots[i].lonlat(rivers, 15.0))}
            for i, n, _, _ in INTAKES
        ],
        crs=CRS_SAMPLE,
    )
    return table, spots
