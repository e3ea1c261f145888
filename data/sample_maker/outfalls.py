"""Invented outfalls, and the shapefile they arrive in: GBK, Chinese columns, no code page file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from shapely import Point, STRtree

from .geo import CRS_SAMPLE, rng_for, to_degrees, to_plane
from .places import Spot, border_spot, course_number, reach_of, spot_at, spot_near, walk_down
from .rivers import STEP_M, Rivers

# phosphorus settles, it does not decay: the cautious k = 0 of basin.standards is taken here too
DECAY_PER_DAY = {"tp": 0.0, "nh3n": 0.125}
BACKGROUND = {"tp": 0.05, "nh3n": 0.16}  # mg/L that the land brings without any outfall
EXPLAINED = 0.77  # share of the excess that the planted outfalls bring; the rest is diffuse

KINDS = {
    "工业排污口": "示例工业{:02d}号排污口",
    "城镇污水处理厂排污口": "示例污水厂{:02d}号排污口",
    "农业排口": "示例养殖{:02d}号排口",
    "其他排口": "示例沟渠{:02d}号排口",
}
DISTRICT_ZH = {"D-QJ": "綦江区", "D-WS": "万盛经开区", "D-JJ": "江津区"}
COLUMNS = [
    "排污口编码",
    "排污口名称",
    "排污口类型",
    "受纳河流",
    "所在区县",
    "整治措施",
    "状态",
    "污水量",
    "总磷负荷",
    "氨氮负荷",
    "COD负荷",
    "总磷浓度",
    "氨氮浓度",
    "COD浓度",
    "数据来源",
    "相对误差",
    "责任主体",
    "取缔日期",
    "最近监测",
]


@dataclass
class Outfalls:
    table: gpd.GeoDataFrame
    planted: list[dict[str, object]]


def _row(
    code: str, name: str, kind: str, river: str, lonlat: tuple[float, float], **more: object
) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(COLUMNS)
    row |= {
        "排污口编码": code,
        "排污口名称": name,
        "排污口类型": kind,
        "受纳河流": river,
        "整治措施": "规范",
        "状态": "在用",
        "责任主体": "示例责任单位",
        "geometry": Point(lonlat),
    }
    return row | more


def _bank(rivers: Rivers, spot: Spot, side: float, metres: float = 25.0) -> tuple[float, float]:
    """Return a place on the bank: half the width and some metres more."""
    pieces = rivers.pieces
    width = float(
        pieces.loc[
            (pieces["course"] == spot.course)
            & (pieces["first"] <= spot.vertex)
            & (pieces["last"] > spot.vertex),
            "width_m",
        ].iloc[0]
    )
    return spot.lonlat(rivers, side * (width / 2 + metres))


def _arriving(rivers: Rivers, spot: Spot, section: Spot, item: str) -> tuple[float, float, float]:
    """Return (metres, hours, share left) from an outfall to a section."""
    walked = walk_down(rivers, spot.course, spot.vertex, section)
    if walked is None:
        raise RuntimeError("the outfall does not drain to the section")
    metres, hours = walked
    return metres, hours, float(np.exp(-DECAY_PER_DAY[item] * hours / 24))


def _mean_2025(samples: pd.DataFrame, section_id: str, item: str) -> float:
    own = samples[(samples["section_id"] == section_id) & samples["date"].str.startswith("2025")]
    return float(own[item].astype(float).mean())


def draw_outfalls(
    rivers: Rivers,
    districts: gpd.GeoDataFrame,
    sections: dict[str, Spot],
    flows: dict[str, float],
    samples: pd.DataFrame,
    intakes: dict[str, Spot],
) -> Outfalls:
    """Return the table of outfalls (text and numbers as in the shapefile) and what is planted."""
    planted: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []

    def note(
        kind: str, code: str, spot: Spot | None, detail: str, value: float | None = None
    ) -> None:
        reach = None if spot is None else reach_of(rivers, spot)[0]
        planted.append(
            {
                "kind": kind,
                "id": code,
                "reach_id": reach,
                "value": None if value is None else round(value, 3),
                "detail": detail,
            }
        )

    rows += _scenario(rivers, districts, sections, flows, samples, note)
    rows += _traps(rivers, sections, intakes, note)
    rows += _ordinary(rivers, districts, [str(r["排污口编码"]) for r in rows], sections)
    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS_SAMPLE)[[*COLUMNS, "geometry"]]
    table = table.sort_values("排污口编码", kind="stable").reset_index(drop=True)
    for district_id, shape in zip(districts["id"], districts.geometry, strict=True):
        table.loc[table.within(shape), "所在区县"] = DISTRICT_ZH[district_id]
    table["所在区县"] = table["所在区县"].fillna("桐梓县(贵州)")
    return Outfalls(table, planted)


def _scenario(rivers, districts, sections, flows, samples, note):  # type: ignore[no-untyped-def]
    """Two outfalls behind each failing section, with loads that fit what was measured there."""
    ws = districts.set_index("id").geometry["D-WS"]
    rows = []
    plans = [
        (
            "S-FH",
            "tp",
            "扶欢河",
            "总磷",
            [
                ("P-011", "示例磷化一厂排污口", "工业排污口", -1900, 0.62, 4200.0, 0.15),
                ("P-012", "示例磷化二厂排污口", "工业排污口", -3300, 0.38, 3100.0, 0.20),
            ],
        ),
        (
            "S-WT",
            "nh3n",
            "孝子河",
            "氨氮",
            [
                (
                    "P-021",
                    "示例北片污水处理厂排污口",
                    "城镇污水处理厂排污口",
                    -5200,
                    0.60,
                    52000.0,
                    0.10,
                ),
                ("P-022", "示例煤化工厂排污口", "工业排污口", -2600, 0.40, 15000.0, 0.20),
            ],
        ),
    ]
    for section_id, item, river, word, outfalls in plans:
        mean, flow = _mean_2025(samples, section_id, item), flows[section_id]
        excess = (mean - BACKGROUND[item]) * flow * 86.4
        total = 0.0
        for code, name, kind, shift, share, water, rel_sd in outfalls:
            spot = border_spot(rivers, river, ws, shift)
            metres, hours, left = _arriving(rivers, spot, sections[section_id], item)
            load = round(EXPLAINED * share * excess / left, 1)
            total += load * left
            rows.append(
                _row(
                    code,
                    name,
                    kind,
                    river,
                    _bank(rivers, spot, 1.0 if share > 0.5 else -1.0),
                    污水量=water,
                    数据来源="实测",
                    相对误差=rel_sd,
                    **{f"{word}负荷": load, "COD负荷": round(water * 0.04, 1)},
                )
            )
            note(
                "scenario_outfall",
                code,
                spot,
                f"{item} {load} kg/d, {metres:.0f} m and {hours:.2f} h above {section_id}, "
                f"arrives {load * left:.2f} kg/d at k = {DECAY_PER_DAY[item]} /d",
                load,
            )
        note(
            "scenario_section",
            section_id,
            sections[section_id],
            f"{item} mean of 2025 {mean:.4f} mg/L at {flow} m3/s: flux {mean * flow * 86.4:.2f} "
            f"kg/d, background at {BACKGROUND[item]} mg/L {BACKGROUND[item] * flow * 86.4:.2f} "
            f"kg/d, excess {excess:.2f} kg/d, planted outfalls bring {total:.2f} kg/d, "
            f"remainder {1 - total / excess:.3f} of the excess (diffuse)",
            1 - total / excess,
        )
    return rows


def _traps(rivers, sections, intakes, note):  # type: ignore[no-untyped-def]
    """The outfalls that a careless method gets wrong."""
    rows = []
    fh, wt = sections["S-FH"], sections["S-WT"]

    spot = spot_at(rivers, fh.course, fh.vertex)
    step = rivers.courses[fh.course].xy[fh.vertex + 1] - spot.xy
    below = spot.xy + step / np.hypot(*step) * 50
    side = np.array([-step[1], step[0]]) / np.hypot(*step)
    lon, lat = to_degrees(below + side * 18, 6)[0]
    rows.append(
        _row(
            "P-013",
            "示例桥下工业排污口",
            "工业排污口",
            "扶欢河",
            (lon, lat),
            污水量=1800.0,
            总磷负荷=9.5,
            数据来源="实测",
            相对误差=0.2,
        )
    )
    note("just_below_section", "P-013", spot, "50 m below S-FH on the same reach: not a source", 50)

    spot, crow = _over_the_divide(rivers, fh)
    rows.append(
        _row(
            "P-014",
            "示例山后工业排污口",
            "工业排污口",
            "",
            _bank(rivers, spot, 1.0),
            污水量=2600.0,
            总磷负荷=11.0,
            数据来源="实测",
            相对误差=0.2,
        )
    )
    note(
        "over_divide",
        "P-014",
        spot,
        f"nearer to S-FH as the crow flies than P-011, but another valley: {crow:.0f} m",
        crow,
    )

    spot, metres = _far_up(rivers, wt, 30_000)
    rows.append(
        _row(
            "P-023",
            "示例上游煤矿排污口",
            "工业排污口",
            "",
            _bank(rivers, spot, -1.0),
            污水量=2400.0,
            氨氮负荷=14.0,
            数据来源="许可",
        )
    )
    note(
        "far_upstream", "P-023", spot, f"{metres:.0f} m up the network from S-WT: a source", metres
    )

    spot = spot_near(rivers, "通惠河", (106.760, 29.055))
    for name, load in [("示例三角工业排污口", 1.6), ("示例三角工业排污口(复查)", 1.9)]:
        rows.append(
            _row(
                "P-031",
                name,
                "工业排污口",
                "通惠河",
                _bank(rivers, spot, 1.0),
                污水量=900.0,
                COD负荷=36.0,
                氨氮负荷=load,
                数据来源="实测",
            )
        )
    note("duplicate_id", "P-031", spot, "two rows with the same code at the same place", 2)

    lonlat, off = _away_from_rivers(rivers, 2000.0)
    rows.append(
        _row(
            "P-032",
            "示例坡上排污口",
            "其他排口",
            "蒲河",
            lonlat,
            污水量=300.0,
            数据来源="估算",
            COD负荷=9.0,
        )
    )
    note("far_from_river", "P-032", None, f"{off:.0f} m from the nearest river", off)

    for code, river, name in [
        ("P-033", "蒲河", "示例汇口工业排污口"),
        ("P-034", "孝子河", "示例汇口污水厂排污口"),
    ]:
        spot, lonlat, wrong, right = _beside_confluence(rivers, river)
        rows.append(
            _row(
                code,
                name,
                "工业排污口" if code == "P-033" else "城镇污水处理厂排污口",
                river,
                lonlat,
                污水量=5000.0,
                COD浓度=38.0,
                氨氮浓度=3.2,
                总磷浓度=0.4,
                数据来源="许可",
            )
        )
        note(
            "nearest_is_wrong",
            code,
            spot,
            f"drains to {river} at {right:.0f} m, but its mother river is nearer at {wrong:.0f} m",
            wrong,
        )

    intake = intakes["I-01"]
    spot = spot_at(rivers, intake.course, intake.vertex - round(1900 / STEP_M))
    rows.append(
        _row(
            "P-035",
            "示例水源地内排口",
            "其他排口",
            "綦江河",
            _bank(rivers, spot, -1.0, 60),
            整治措施="取缔",
            污水量=150.0,
            COD负荷=6.0,
            氨氮负荷=0.8,
            数据来源="估算",
        )
    )
    note("in_water_source", "P-035", spot, "inside the second-grade zone WS-01-II")

    spot = spot_near(rivers, "郭扶河", (106.600, 28.850))
    rows.append(
        _row(
            "P-036",
            "示例郭扶工业排污口",
            "工业排污口",
            "郭扶河",
            _bank(rivers, spot, 1.0),
            整治措施="取缔",
            状态="已取缔",
            污水量=700.0,
            COD负荷=42.0,
            氨氮负荷=2.1,
            数据来源="实测",
            取缔日期="2024-06-30",
            最近监测="2025-08-12",
        )
    )
    note("closed_but_sampled", "P-036", spot, "closed 2024-06-30, last sample 2025-08-12")
    return rows


def _over_the_divide(rivers: Rivers, section: Spot) -> tuple[Spot, float]:
    """Return the vertex nearest to a section that does not drain to it, nor lies below it."""
    found: list[tuple[float, int, int]] = []
    for number, course in enumerate(rivers.courses):
        if number == section.course or walk_down(rivers, number, 1, section) is not None:
            continue
        off = np.hypot(*(course.xy - section.xy).T)[2:-8]
        found.append((float(off.min()), number, int(off.argmin()) + 2))
    off, number, vertex = min(found)
    return spot_at(rivers, number, vertex), off


def _far_up(rivers: Rivers, section: Spot, wanted_m: float) -> tuple[Spot, float]:
    """Return the vertex that lies nearest to `wanted_m` above a section, on a tributary."""
    best: tuple[float, Spot, float] | None = None
    for number, course in enumerate(rivers.courses):
        top = walk_down(rivers, number, 1, section)
        if number == section.course or top is None or top[0] < wanted_m * 0.8:
            continue
        for vertex in range(4, len(course.xy) - 4, 4):
            walked = walk_down(rivers, number, vertex, section)
            miss = abs(walked[0] - wanted_m) if walked else np.inf
            if walked and (best is None or miss < best[0]):
                best = (miss, spot_at(rivers, number, vertex), walked[0])
    if best is None:
        raise RuntimeError("no tributary that far up")
    return best[1], best[2]


def _away_from_rivers(rivers: Rivers, wanted_m: float) -> tuple[tuple[float, float], float]:
    """Return a place at `wanted_m` from the nearest river, in a quiet corner."""
    lines = rivers.pieces.geometry.to_numpy()
    tree = STRtree(lines)
    rng = rng_for("away")
    places = to_plane([(106.762, 28.982)])[0] + rng.uniform(-2500, 2500, (400, 2))
    offs = shapely.distance(lines[tree.nearest(shapely.points(places))], shapely.points(places))
    k = int(np.abs(offs - wanted_m).argmin())
    lon, lat = to_degrees(places[k], 6)[0]
    return (float(lon), float(lat)), float(offs[k])


def _beside_confluence(
    rivers: Rivers, river: str
) -> tuple[Spot, tuple[float, float], float, float]:
    """Return a place between a tributary and its mother, nearer to the mother."""
    number = course_number(rivers, river)
    course = rivers.courses[number]
    mother = rivers.courses[course.mother].line
    options = []
    for back in range(3, 16):
        spot = spot_at(rivers, number, len(course.xy) - 1 - back)
        foot = shapely.get_coordinates(mother.interpolate(mother.project(Point(spot.xy))))[0]
        for share in (0.55, 0.6, 0.65, 0.7, 0.75, 0.8):
            lon, lat = to_degrees(spot.xy + (foot - spot.xy) * share, 6)[0]
            here = Point(to_plane([(lon, lat)])[0])
            wrong, right = mother.distance(here), course.line.distance(here)
            if right > wrong + 20 and right < 350:
                options.append((right, spot, (float(lon), float(lat)), wrong))
    right, spot, lonlat, wrong = min(options, key=lambda option: option[0])
    return spot, lonlat, wrong, right


def _ordinary(rivers, districts, taken, sections):  # type: ignore[no-untyped-def]
    """Some fifty plain outfalls, spread over the rivers of the three districts."""
    rng = rng_for("outfalls")
    codes = [c for c in (f"P-{n:03d}" for n in range(1, 70)) if c not in taken]
    whole = shapely.union_all(districts.geometry.to_numpy())
    weights = np.array([len(c.xy) * (1.0 if c.name else 0.35) for c in rivers.courses])
    kinds = list(KINDS)
    counts = dict.fromkeys(kinds, 0)
    rows, places = [], []
    while codes:
        number = int(rng.choice(len(rivers.courses), p=weights / weights.sum()))
        course = rivers.courses[number]
        spot = spot_at(rivers, number, int(rng.integers(6, len(course.xy) - 12)))
        side = float(rng.choice([-1.0, 1.0]))
        place = _bank(rivers, spot, side, float(rng.uniform(5, 45)))
        clear = all(np.hypot(*(spot.xy - s.xy)) > 600 for s in sections.values())
        apart = all(np.hypot(*(spot.xy - p)) > 900 for p in places)
        if not (clear and apart and shapely.contains_xy(whole, *place)):
            continue
        places.append(spot.xy)
        kind = str(rng.choice(kinds, p=[0.25, 0.24, 0.25, 0.26]))
        counts[kind] += 1
        water = float(
            np.round(
                np.exp(
                    rng.normal(
                        {
                            "工业排污口": 6.6,
                            "城镇污水处理厂排污口": 7.3,
                            "农业排口": 4.6,
                            "其他排口": 5.2,
                        }[kind],
                        0.7,
                    )
                ),
                -1,
            )
        )
        name = course.name or ""
        if number == course_number(rivers, "綦江河"):
            change = next(c.mouth for c in rivers.courses if c.name == "藻渡河")
            name = "松坎河" if spot.vertex < change else "綦江河"
        strength = {
            "工业排污口": (45, 3.0, 0.25),
            "城镇污水处理厂排污口": (28, 2.2, 0.3),
            "农业排口": (90, 9.0, 1.2),
            "其他排口": (35, 3.5, 0.35),
        }[kind]
        cod, nh3n, tp = (s * float(np.exp(rng.normal(0, 0.25))) for s in strength)
        basis = str(rng.choice(["实测", "许可", "估算", ""], p=[0.40, 0.25, 0.20, 0.15]))
        values: dict[str, object] = {"数据来源": basis or None}
        if basis in {"实测", "估算"}:
            values |= {
                "污水量": water,
                "COD负荷": round(water * cod / 1e3, 2),
                "氨氮负荷": round(water * nh3n / 1e3, 3),
                "总磷负荷": round(water * tp / 1e3, 4),
                "相对误差": 0.2 if basis == "实测" else 0.5,
            }
        elif basis == "许可":
            values |= {
                "污水量": water,
                "COD浓度": float(np.round(cod * 1.3, 0)),
                "氨氮浓度": round(nh3n * 1.5, 1),
                "总磷浓度": round(tp * 1.3, 2),
            }
        draw = rng.random()
        values["整治措施"] = "规范" if draw < 0.6 else "合并" if draw < 0.85 else "取缔"
        if values["整治措施"] == "取缔" and rng.random() < 0.5:
            values |= {"状态": "已取缔", "取缔日期": "2024-11-30", "最近监测": "2024-09-15"}
        elif basis == "实测":
            values["最近监测"] = f"2025-{int(rng.integers(3, 12)):02d}-15"
        if rng.random() < 0.12:
            values["责任主体"] = None
        rows.append(
            _row(codes.pop(0), KINDS[kind].format(counts[kind]), kind, name, place, **values)
        )
    return rows


def write_outfalls(table: gpd.GeoDataFrame, path: Path) -> None:
    """Write the shapefile in GBK and take away every hint of it, as such files arrive."""
    for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
        path.with_suffix(suffix).unlink(missing_ok=True)
    pyogrio.write_dataframe(
        table,
        path,
        driver="ESRI Shapefile",
        encoding="GBK",
        layer_options={"DBF_DATE_LAST_UPDATE": "2026-03-31"},
    )
    path.with_suffix(".cpg").unlink(missing_ok=True)
    dbf = path.with_suffix(".dbf")
    data = bytearray(dbf.read_bytes())
    data[29] = 0  # language driver: not stated
    dbf.write_bytes(bytes(data))
