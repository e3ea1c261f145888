"""Rivers: named courses between real towns, brooks grown into the open space, planted defects."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree
from shapely import LineString, Polygon, STRtree, box
from shapely.ops import substring

from .geo import (
    CRS_SAMPLE,
    meander,
    noise,
    normals,
    rng_for,
    smooth_through,
    to_degrees,
    to_plane,
)

STEP_M = 80.0
MOUTH_FLOW = 126.0  # published mean flow of the Qijiang at its mouth, m3/s
YANGTZE_FLOW = 8600.0

# (name, mother, lon/lat points from the source down; the last one is only near the mouth)
NAMED: list[tuple[str, str | None, list[tuple[float, float]]]] = [
    (
        "长江",
        None,
        [
            (106.170, 29.262),
            (106.235, 29.300),
            (106.290, 29.285),
            (106.330, 29.258),
            (106.372, 29.272),
            (106.405, 29.305),
            (106.445, 29.350),
            (106.500, 29.395),
        ],
    ),
    (
        "綦江河",
        "长江",
        [
            (106.690, 28.315),
            (106.735, 28.395),
            (106.790, 28.455),
            (106.842, 28.492),
            (106.8597, 28.5497),
            (106.822, 28.612),
            (106.7565, 28.680),
            (106.723, 28.710),
            (106.7111, 28.7422),
            (106.690, 28.757),
            (106.6611, 28.7664),
            (106.640, 28.800),
            (106.668, 28.840),
            (106.652, 28.868),
            (106.6684, 28.8963),
            (106.687, 28.925),
            (106.703, 28.952),
            (106.668, 28.985),
            (106.6480, 29.0231),
            (106.605, 29.043),
            (106.5555, 29.0558),
            (106.5101, 29.1168),
            (106.4469, 29.1157),
            (106.408, 29.195),
            (106.372, 29.262),
        ],
    ),
    (
        "新站河",
        "綦江河",
        [
            (106.940, 28.235),
            (106.915, 28.300),
            (106.8567, 28.3883),
            (106.870, 28.440),
            (106.846, 28.494),
        ],
    ),
    (
        "藻渡河",
        "綦江河",
        [
            (107.190, 28.565),
            (107.105, 28.620),
            (107.030, 28.655),
            (106.9597, 28.7172),
            (106.900, 28.748),
            (106.8261, 28.7542),
            (106.765, 28.735),
            (106.7111, 28.7422),
        ],
    ),
    (
        "羊渡河",
        "綦江河",
        [
            (106.648, 28.505),
            (106.6807, 28.5408),
            (106.6675, 28.5965),
            (106.648, 28.660),
            (106.672, 28.712),
            (106.690, 28.757),
        ],
    ),
    (
        "东溪",
        "綦江河",
        [(106.520, 28.675), (106.5884, 28.7095), (106.625, 28.742), (106.652, 28.772)],
    ),
    (
        "扶欢河",
        "綦江河",
        [
            (106.905, 28.838),
            (106.862, 28.812),
            (106.8059, 28.8040),
            (106.780, 28.820),
            (106.7554, 28.8338),
            (106.715, 28.830),
            (106.668, 28.840),
        ],
    ),
    (
        "郭扶河",
        "綦江河",
        [(106.495, 28.790), (106.545, 28.835), (106.6014, 28.8500), (106.652, 28.866)],
    ),
    (
        "蒲河",
        "綦江河",
        [
            (107.165, 29.065),
            (107.060, 29.075),
            (106.9703, 29.0303),
            (106.905, 29.003),
            (106.862, 28.975),
            (106.8311, 28.9525),
            (106.790, 28.945),
            (106.7561, 28.9244),
            (106.728, 28.938),
            (106.703, 28.952),
        ],
    ),
    (
        "孝子河",
        "蒲河",
        [
            (107.065, 28.905),
            (107.000, 28.930),
            (106.9284, 28.9600),
            (106.8819, 28.9405),
            (106.855, 28.937),
            (106.826, 28.950),
        ],
    ),
    (
        "永丰河",
        "蒲河",
        [(106.845, 29.062), (106.8201, 29.0213), (106.795, 28.985), (106.785, 28.945)],
    ),
    (
        "通惠河",
        "綦江河",
        [
            (106.850, 29.115),
            (106.8164, 29.0814),
            (106.7364, 29.0503),
            (106.690, 29.035),
            (106.648, 29.020),
        ],
    ),
    (
        "清溪河",
        "綦江河",
        [
            (106.420, 28.815),
            (106.4402, 28.8998),
            (106.485, 28.935),
            (106.5333, 28.9667),
            (106.565, 29.010),
            (106.594, 29.046),
        ],
    ),
    (
        "新盛河",
        "綦江河",
        [(106.715, 29.135), (106.655, 29.105), (106.595, 29.110), (106.535, 29.085)],
    ),
    (
        "笋溪河",
        "綦江河",
        [
            (106.325, 28.885),
            (106.315, 28.960),
            (106.352, 29.040),
            (106.3954, 29.1002),
            (106.437, 29.130),
        ],
    ),
    ("镇紫河", "綦江河", [(106.545, 28.770), (106.595, 28.785), (106.640, 28.800)]),
    ("三岔河", "綦江河", [(106.735, 28.885), (106.705, 28.880), (106.664, 28.886)]),
    ("吹角河", "羊渡河", [(106.585, 28.580), (106.620, 28.620), (106.655, 28.645)]),
]

# Where no brook may be drawn: the exact sites need one bank with nothing else in reach.
QUIET = [
    ((106.640, 28.968), 3300.0),
    ((106.648, 28.927), 3000.0),
    ((106.757, 28.975), 2400.0),
    ((106.590, 28.905), 1800.0),
]

BRAID_NEAR = (106.545, 29.075)
NAME_CHANGE = "藻渡河"  # above its mouth the main river is called 松坎河


@dataclass
class Course:
    """A river in plane metres, drawn downstream; `mouth` is its vertex number on `mother`."""

    name: str | None
    xy: np.ndarray
    mother: int | None
    mouth: int | None
    own_flow: float = 0.0
    joints: list[int] = field(default_factory=list)

    @cached_property
    def line(self) -> LineString:
        return LineString(self.xy)

    @cached_property
    def frame(self) -> Polygon:
        return box(*self.line.bounds)


@dataclass
class Rivers:
    """The drawn rivers: the clean truth, and the lines as the bureau would hand them over."""

    courses: list[Course]
    pieces: gpd.GeoDataFrame  # clean, split at confluences, plane metres, with z at each vertex
    lines: gpd.GeoDataFrame  # as written: EPSG:4490, with the planted defects
    planted: list[dict[str, object]]


def _waves(name: str) -> list[tuple[float, float]]:
    if name == "长江":
        return [(9000, 700), (4500, 250)]
    if name in {"綦江河", "蒲河", "藻渡河"}:
        return [(5600, 620), (2600, 380), (1000, 70)]
    return [(4200, 400), (1900, 240), (800, 50)]


def _clear_of(
    course: np.ndarray,
    others: list[Course],
    mother: int | None,
    *,
    keep_m: float,
    calm_m: float = 1500.0,
) -> bool:
    """True if a course is simple, meets only its mother at its end, and keeps its distance."""
    line = LineString(course)
    if not line.is_simple:
        return False
    skip = int(calm_m / STEP_M)
    reach = box(*line.bounds).buffer(keep_m, cap_style="square")
    upper = LineString(course[: -min(skip, len(course) - 2)])
    for number, other in enumerate(others):
        if number == mother:
            if line.intersection(other.line).geom_type != "Point":
                return False
            if upper.distance(other.line) < keep_m * 0.75:
                return False
        elif reach.intersects(other.frame) and line.distance(other.line) < keep_m:
            return False
    return True


def _limbs_apart(xy: np.ndarray, gap_m: float = 330.0) -> bool:
    """True if no two bends of a course come so near that a 90 m DEM would cut the neck."""
    tree = cKDTree(xy)
    pairs = tree.query_pairs(gap_m, output_type="ndarray")
    return not len(pairs) or int(np.abs(pairs[:, 0] - pairs[:, 1]).max()) * STEP_M < 3.2 * gap_m


def _draw_named() -> list[Course]:
    courses: list[Course] = []
    numbers: dict[str, int] = {}
    for name, mother_name, lonlat in NAMED:
        points = to_plane(lonlat)
        mother = None if mother_name is None else numbers[mother_name]
        for attempt in range(400):
            rng = rng_for("river", name, attempt)
            scale = 1.0 - 0.85 * attempt / 400
            ends = points.copy()
            mouth = None
            if mother is not None:
                trunk = courses[mother].xy
                wanted = points[-1] + rng.normal(0, 150 * (attempt > 0) + 2 * attempt, 2)
                near = cKDTree(trunk).query(wanted)[1]
                mouth = int(np.clip(near, 3, len(trunk) - 4))
                ends[-1] = trunk[mouth]
            course = meander(
                smooth_through(ends, STEP_M),
                rng,
                [(w, a * scale) for w, a in _waves(name)],
                step=STEP_M,
                calm_m=1600.0,
            )
            taken = [] if mother is None else courses[mother].joints
            free = mouth is None or all(abs(mouth - j) * STEP_M > 700 for j in taken)
            if free and _limbs_apart(course) and _clear_of(course, courses, mother, keep_m=900):
                break
        else:
            raise RuntimeError(f"no clean course found for {name}")
        numbers[name] = len(courses)
        courses.append(Course(name, course, mother, mouth))
        if mother is not None:
            courses[mother].joints.append(mouth)
    return courses


def _grow(
    start: np.ndarray,
    heading: np.ndarray,
    tree: cKDTree,
    points: np.ndarray,
    rng: np.random.Generator,
    longest_m: float,
) -> np.ndarray:
    """Walk uphill from a river: away from every drawn river, with a memory and some noise."""
    step = 160.0
    wobble = noise(rng, int(longest_m / step) + 2, 2.5) * 0.42
    aim = heading
    path = [start, start + heading * step]
    distance, near = tree.query(path[-1], k=12)
    for k in range(int(longest_m / step)):
        here = path[-1]
        pull = ((here - points[near]) / distance[:, None] ** 2).sum(axis=0)
        pull /= np.hypot(*pull) + 1e-9
        heading = 0.62 * heading + 0.16 * aim + 0.22 * pull
        heading /= np.hypot(*heading)
        aim = 0.97 * aim + 0.03 * heading
        c, s = np.cos(wobble[k]), np.sin(wobble[k])
        bent = np.array([c * heading[0] - s * heading[1], s * heading[0] + c * heading[1]])
        path.append(here + bent * step)
        distance, near = tree.query(path[-1], k=12)
        if k * step > 1500 and distance[0] < 900:
            break  # over the ridge: the next valley begins
    return np.array(path)


def _quiet(xy: np.ndarray) -> bool:
    centres = to_plane([centre for centre, _ in QUIET])
    return any(
        (np.hypot(*(xy - centre).T) < radius).any()
        for centre, (_, radius) in zip(centres, QUIET, strict=True)
    )


def _draw_brooks(
    courses: list[Course],
    *,
    generation: int,
    wanted: int,
    longest_m: float,
    shortest_m: float,
    from_named: bool,
) -> None:
    """Add up to `wanted` brooks, each on the emptiest bank left over; longest first."""
    rng = rng_for("brooks", generation)
    refused = 0
    added = 0
    while added < wanted and refused < 40:
        points = np.vstack([course.xy for course in courses])
        tree = cKDTree(points)
        best: tuple[float, int, int, np.ndarray] | None = None
        for _ in range(30):
            weights = np.array(
                [
                    len(c.xy)
                    * (0.25 if c.name == "长江" else 1.0)
                    * (1.0 if (c.name is not None) == from_named else 0.0)
                    for c in courses
                ]
            )
            mother = int(rng.choice(len(courses), p=weights / weights.sum()))
            trunk = courses[mother]
            if len(trunk.xy) < 22:
                continue
            mouth = int(rng.integers(8, len(trunk.xy) - 8))
            if any(abs(mouth - j) * STEP_M < 900 for j in trunk.joints):
                continue
            normal = normals(trunk.xy)[mouth] * rng.choice([-1.0, 1.0])
            tangent = np.array([normal[1], -normal[0]])
            if tangent @ (trunk.xy[mouth + 1] - trunk.xy[mouth - 1]) > 0:
                tangent = -tangent  # upstream, so that mouths point down the valley
            heading = 0.85 * normal + 0.5 * tangent
            path = _grow(
                trunk.xy[mouth], heading / np.hypot(*heading), tree, points, rng, longest_m
            )
            # keep below the divide: brooks do not begin on the ridge itself
            cut = max(int(len(path) * rng.uniform(0.78, 0.95)), 3)
            path = smooth_through(path[:cut][::-1], STEP_M)
            path[-1] = trunk.xy[mouth]
            length = len(path) * STEP_M
            if length < shortest_m or (best is not None and length <= best[0]):
                continue
            if _quiet(path) or not _limbs_apart(path):
                continue
            if not _clear_of(path, courses, mother, keep_m=750, calm_m=1100):
                continue
            best = (length, mother, mouth, path)
        if best is None:
            refused += 1
            continue
        _, mother, mouth, path = best
        courses.append(Course(None, path, mother, mouth))
        courses[mother].joints.append(mouth)
        added += 1


def _set_flows(courses: list[Course]) -> None:
    """Give every course a flow from its own length, so that flows add up to the mouth."""
    basin = [c for c in courses if _joins_qijiang(courses, c)]
    per_m = MOUTH_FLOW / sum(c.line.length for c in basin)
    for course in courses:
        course.own_flow = course.line.length * per_m
    courses[0].own_flow = 0.0


def _joins_qijiang(courses: list[Course], course: Course) -> bool:
    while course.mother is not None and course.mother != 0:
        course = courses[course.mother]
    return course.name == "綦江河"


def _flow_at(courses: list[Course]) -> list[np.ndarray]:
    """Return for every course the flow just below each vertex, m3/s."""
    flows = [np.linspace(0.0, c.own_flow, len(c.xy)) for c in courses]
    flows[0] = np.full(len(courses[0].xy), YANGTZE_FLOW)
    # daughters come after their mothers in the list: walk back, so that all is added once
    for number in range(len(courses) - 1, 0, -1):
        course = courses[number]
        flows[course.mother][course.mouth :] += flows[number][-1]
    return flows


def _slope(flow: np.ndarray) -> np.ndarray:
    """Return the bed slope for a flow: steep brooks, 0.5 per mille at the mouth."""
    return np.clip(0.5e-3 * (MOUTH_FLOW / np.maximum(flow, 0.05)) ** 0.88, 0.25e-3, 0.034)


def _heights(courses: list[Course], flows: list[np.ndarray]) -> list[np.ndarray]:
    """Return bed heights (m) at every vertex, strictly falling downstream."""
    heights: list[np.ndarray] = []
    for number, course in enumerate(courses):
        seg = np.hypot(*np.diff(course.xy, axis=0).T)
        fall = _slope(flows[number][:-1]) * seg
        end = 176.0 if course.mother is None else heights[course.mother][course.mouth]
        heights.append(end + np.concatenate([np.cumsum(fall[::-1])[::-1], [0.0]]))
    return heights


def _braid(courses: list[Course]) -> tuple[int, int]:
    """Return the vertex range of the main river that is split around an island."""
    main = courses[1]
    middle = int(cKDTree(main.xy).query(to_plane([BRAID_NEAR])[0])[1])
    taken = sorted(main.joints)
    for shift in sorted(range(-90, 91), key=abs):
        first, last = middle + shift - 12, middle + shift + 12
        if all(j < first - 4 or j > last + 4 for j in taken):
            return first, last
    raise RuntimeError("no room for the island")


def _split(
    courses: list[Course],
    flows: list[np.ndarray],
    heights: list[np.ndarray],
    braid: tuple[int, int],
) -> gpd.GeoDataFrame:
    """Cut every course at its confluences into pieces; two arms around the island."""
    rows = []
    change = next(c.mouth for c in courses if c.name == NAME_CHANGE)
    order = [n for n, c in enumerate(courses) if c.name] + [
        n for n, c in enumerate(courses) if not c.name
    ]
    for number in order:
        course = courses[number]
        cuts = {0, len(course.xy) - 1, *course.joints}
        if number == 1:
            cuts |= {change, *braid}
        ordered = sorted(cuts)
        for first, last in pairwise(ordered):
            name = course.name
            if number == 1 and last <= change:
                name = "松坎河"
            flow = float(flows[number][first:last].mean())
            slope = (heights[number][first] - heights[number][last]) / LineString(
                course.xy[first : last + 1]
            ).length
            arms: list[tuple[np.ndarray, float]] = [(course.xy[first : last + 1], flow)]
            if number == 1 and (first, last) == braid:
                bend = np.sin(np.linspace(0, np.pi, last - first + 1))[:, None]
                side = normals(course.xy)[first : last + 1] * bend
                arms = [
                    (course.xy[first : last + 1] + side * 170, flow * 0.6),
                    (course.xy[first : last + 1] - side * 130, flow * 0.4),
                ]
            for xy, q in arms:
                velocity = 1.6 if number == 0 else 0.28 * q**0.12 * (slope * 1e3) ** 0.2
                rows.append(
                    {
                        "course": number,
                        "first": first,
                        "last": last,
                        "name": name,
                        "width_m": 650.0 if number == 0 else round(float(10.6 * q**0.5), 1),
                        "velocity_m_s": round(float(velocity), 2),
                        "flow_m3_s": round(q, 3 if q < 10 else 1),
                        "heights": heights[number][first : last + 1],
                        "geometry": LineString(xy),
                    }
                )
    pieces = gpd.GeoDataFrame(rows, geometry="geometry")
    pieces.insert(0, "reach_id", [f"R{n:03d}" for n in range(1, len(pieces) + 1)])
    return pieces


def _plant(
    pieces: gpd.GeoDataFrame, courses: list[Course]
) -> tuple[gpd.GeoDataFrame, list[dict[str, object]]]:
    """Spoil the clean lines the way real layers are spoiled, and keep a list of it."""
    planted: list[dict[str, object]] = []
    lines = pieces[["reach_id", "name", "width_m", "velocity_m_s", "flow_m3_s"]].copy()
    geometry = dict(zip(pieces["reach_id"], pieces.geometry, strict=True))

    def note(kind: str, ids: str, detail: str, value: float | None = None) -> None:
        planted.append(
            {
                "kind": kind,
                "id": ids.split(";")[0],
                "reach_id": ids,
                "value": value,
                "detail": detail,
            }
        )

    def of(name: str) -> pd.DataFrame:
        return pieces[pieces["name"] == name].sort_values("first")

    def brooks_of(name: str, *, simple: bool = True) -> pd.DataFrame:
        number = next(n for n, c in enumerate(courses) if c.name == name)
        own = [
            n
            for n, c in enumerate(courses)
            if c.name is None and c.mother == number and (not c.joints or not simple)
        ]
        return pieces[pieces["course"].isin(own)]

    # one river digitised as one line past its confluences: its pieces become one line
    one = of("清溪河")
    kept = one["reach_id"].iloc[0]
    number = int(one["course"].iloc[0])
    daughters = [(c.mouth, n) for n, c in enumerate(courses) if c.mother == number]
    geometry[kept] = courses[number].line
    lines.loc[lines["reach_id"] == kept, ["width_m", "velocity_m_s", "flow_m3_s"]] = (
        one[["width_m", "velocity_m_s", "flow_m3_s"]].iloc[-1].to_numpy()
    )
    gone = list(one["reach_id"].iloc[1:])
    lines = lines[~lines["reach_id"].isin(gone)]
    joining = []
    for rank, (mouth, daughter) in enumerate(sorted(daughters)):
        last = pieces[pieces["course"] == daughter].sort_values("last").iloc[-1]["reach_id"]
        xy = shapely.get_coordinates(geometry[last])
        if rank == 1:  # ends between two vertices of the trunk
            xy[-1] = courses[number].xy[mouth : mouth + 2].mean(axis=0)
        elif rank == 2:  # stops 0.6 m short of it
            back = xy[-2] - xy[-1]
            xy[-1] += back / np.hypot(*back) * 0.6
        geometry[last] = LineString(xy)
        joining.append(last)
    note(
        "unsplit_at_confluence",
        kept,
        f"清溪河 is one line; {';'.join(joining)} join it between its ends",
        len(joining),
    )

    # four lines drawn against the flow
    pu = of("蒲河")
    xiaozi = next(c.mouth for c in courses if c.name == "孝子河")
    zaodu = of("藻渡河")
    for reach_id, what in [
        (brooks_of("新站河")["reach_id"].iloc[0], "headwater brook of 新站河"),
        (brooks_of("扶欢河")["reach_id"].iloc[0], "headwater brook of 扶欢河"),
        (zaodu["reach_id"].iloc[len(zaodu) // 2], "mid reach of 藻渡河"),
        (
            pu[pu["first"] == xiaozi]["reach_id"].iloc[0],
            "reach of 蒲河 just below the mouth of 孝子河",
        ),
    ]:
        geometry[reach_id] = geometry[reach_id].reverse()
        note("reversed", reach_id, f"{what}: digitised upstream")

    # a tributary that stops 20 m short of the river
    reach_id = of("郭扶河")["reach_id"].iloc[-1]
    line = geometry[reach_id]
    trunk = courses[1].line
    low, high = 15.0, 60.0  # cut until the end lies 20 m from the trunk, not from the node
    for _ in range(40):
        middle = (low + high) / 2
        near = line.interpolate(line.length - middle).distance(trunk) < 20.0
        low, high = (middle, high) if near else (low, middle)
    geometry[reach_id] = substring(line, 0, line.length - high)
    node_m = geometry[reach_id].boundary.geoms[-1].distance(line.boundary.geoms[-1])
    note(
        "gap",
        reach_id,
        f"mouth of 郭扶河 ends 20 m before the line of 綦江河, {node_m:.1f} m from its node there "
        "(the gap that a network closes end to end)",
        20.0,
    )

    # one brook handed in twice
    reach_id = brooks_of("蒲河")["reach_id"].iloc[-1]
    twin = f"R{len(pieces) + 1:03d}"
    again = lines[lines["reach_id"] == reach_id].assign(reach_id=twin)
    lines = pd.concat([lines, again], ignore_index=True)
    geometry[twin] = geometry[reach_id]
    note("duplicate", f"{twin};{reach_id}", f"{twin} is an exact copy of {reach_id}")

    arms = pieces[(pieces["course"] == 1) & pieces.duplicated(["course", "first"], keep=False)]
    note("braid", ";".join(arms["reach_id"]), "two arms around an island: not a defect, keep both")

    in_degrees = [
        LineString(to_degrees(shapely.get_coordinates(geometry[i]))) for i in lines["reach_id"]
    ]
    return gpd.GeoDataFrame(lines, geometry=in_degrees, crs=CRS_SAMPLE), planted


def draw_rivers() -> Rivers:
    """Draw everything; the same result every time."""
    courses = _draw_named()
    _draw_brooks(
        courses, generation=1, wanted=95, longest_m=15000, shortest_m=3200, from_named=True
    )
    _draw_brooks(
        courses, generation=2, wanted=45, longest_m=7000, shortest_m=2000, from_named=False
    )
    _set_flows(courses)
    flows = _flow_at(courses)
    heights = _heights(courses, flows)
    braid = _braid(courses)
    pieces = _split(courses, flows, heights, braid)
    lines, planted = _plant(pieces, courses)
    check_rivers(lines)
    return Rivers(courses, pieces, lines, planted)


def spot_vertices(rivers: Rivers, near: tuple[float, float]) -> tuple[np.ndarray, int]:
    """Return the named course that passes nearest to a place, and the vertex there."""
    here = to_plane([near])[0]
    named = [c for c in rivers.courses if c.name]
    course = min(named, key=lambda c: np.hypot(*(c.xy - here).T).min())
    return course.xy, int(np.hypot(*(course.xy - here).T).argmin())


def check_rivers(lines: gpd.GeoDataFrame) -> None:
    """Stop if lines cross outside their ends, or cross themselves."""
    geometry = lines.geometry.to_numpy()
    if not shapely.is_simple(geometry).all():
        raise RuntimeError("a line crosses itself")
    left, right = STRtree(geometry).query(geometry, predicate="crosses")
    for a, b in zip(left, right, strict=True):
        met = shapely.intersection(geometry[a], geometry[b])
        ends = shapely.union(shapely.boundary(geometry[a]), shapely.boundary(geometry[b]))
        # an end set on another line may poke through it by the rounding of its digits
        if shapely.hausdorff_distance(met, shapely.intersection(met.buffer(1e-5), ends)) > 1e-6:
            names = lines["reach_id"].to_numpy()
            raise RuntimeError(f"lines cross: {names[a]}, {names[b]}")
