"""Small results with the columns of the real ones, for the tests of figures and reports.

The places are those of a schematic Qijiang basin; plants, loads and classes are invented.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import LineString, Point, box

_MAIN = [
    (106.86, 28.55),
    (106.78, 28.66),
    (106.71, 28.742),
    (106.67, 28.85),
    (106.70, 28.95),
    (106.648, 29.02),
    (106.60, 29.05),
    (106.51, 29.117),
    (106.44, 29.13),
    (106.37, 29.27),
]
RIVERS = {
    "R1": ("松坎河", 3, _MAIN[:3]),
    "R2": ("綦江河", 4, _MAIN[2:5]),
    "R3": ("綦江河", 4, _MAIN[4:7]),
    "R4": ("綦江河", 4, _MAIN[6:]),
    "R5": ("藻渡河", 2, [(106.96, 28.717), (106.826, 28.754), (106.711, 28.742)]),
    "R6": ("扶欢河", 2, [(106.90, 28.87), (106.806, 28.80), (106.755, 28.834), (106.67, 28.85)]),
    "R7": ("蒲河", 3, [(106.83, 28.95), (106.756, 28.924), (106.70, 28.95)]),
    "R8": ("孝子河", 2, [(106.97, 29.03), (106.928, 28.963), (106.88, 28.944), (106.83, 28.95)]),
    "R9": ("笋溪河", 3, [(106.30, 28.85), (106.36, 29.0), (106.44, 29.13)]),
}


def wiggly(line: list[tuple[float, float]], seed: int) -> LineString:
    """A line with seeded bends, so that the pictures look like rivers."""
    rng = np.random.default_rng(seed)
    dense = LineString(line).segmentize(0.012)
    xy = np.asarray(dense.coords)
    xy[1:-1] += rng.normal(0, 0.003, xy[1:-1].shape)
    return LineString(xy)


def make_reaches() -> gpd.GeoDataFrame:
    rows = [(rid, name, order) for rid, (name, order, _) in RIVERS.items()]
    table = pd.DataFrame(rows, columns=["reach_id", "name", "strahler"]).set_index("reach_id")
    shapes = [wiggly(line, i) for i, (_, _, line) in enumerate(RIVERS.values())]
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4490)


def make_districts() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "id": ["D-QJ", "D-WS", "D-JJ"],
            "name": ["綦江区(示意)", "万盛经开区(示意)", "江津区(示意)"],
        },
        geometry=[
            box(106.45, 28.56, 106.86, 29.2),
            box(106.86, 28.8, 107.02, 29.12),
            box(106.2, 28.75, 106.45, 29.35),
        ],
        crs=4490,
    )


@dataclass(frozen=True)
class Told:
    """What every result can do."""

    story: str = ""

    def explain(self, key: str | None = None, lang: str = "zh") -> str:
        head = "情况" if lang == "zh" else "The case"
        return f"{head} {key or ''}：{self.story}"


@dataclass(frozen=True)
class Sections(Told):
    sections: Any = None
    items: Any = None
    months: Any = None
    failing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trace(Told):
    section_id: str = ""
    item_id: str = ""
    period: str = ""
    outfalls: Any = None
    left_out: Any = None
    upstream_sections: Any = None
    balance: Any = None
    balances: Any = None
    intervals: Any = None
    inputs: Any = None
    reaches: Any = None
    fact: Any = None

    def by_district(self) -> pd.DataFrame:
        grouped = self.outfalls.groupby("district")
        return grouped.agg(
            n=("rank", "size"),
            arriving_kg_d=("arriving_kg_d", "sum"),
            share_explained=("share_explained", "sum"),
        )

    def responsibility(self, by: str = "district") -> pd.DataFrame:
        arriving = self.outfalls.groupby(by)["arriving_kg_d"].sum()
        return pd.DataFrame(
            {
                "who": arriving.index, "source": "outfalls", "n": 1,
                "arriving_kg_d": arriving.to_numpy(), "share_of_flux": arriving.to_numpy() / 40,
                "share_low": 0.1, "share_high": 0.9, "cross_border": True,
            }
        )  # fmt: skip

    def what_if(self) -> pd.DataFrame:
        first = self.outfalls[["name", "load_kg_d"]].head(2)
        return first.assign(standard_mg_l=0.5, section_mg_l=0.19, p_pass=[0.75, 0.5], why_not="")

    def reductions(self) -> Any:
        first = self.outfalls[["name", "arriving_kg_d"]].head(1)
        return Plan(first.assign(cut_kg_d=1.25, cut_share=0.125))

    def profile(self) -> pd.DataFrame:
        at = self.outfalls["distance_m"].head(2).tolist() if len(self.outfalls) else []
        rows = [("reach", "R8", 30e3, 0.0, 0.0, np.nan, np.nan)]
        rows += [
            ("outfall", i, d, 5.0, np.nan, np.nan, np.nan)
            for i, d in zip(self.outfalls.index[:2], at, strict=False)
        ]
        rows += [
            ("reach", "R6", 0.0, 18.2, 0.12, np.nan, np.nan),
            ("section", "S-FH", 0.0, 40.0, np.nan, 0.27, 0.2),
        ]
        columns = [
            "kind",
            "label",
            "distance_m",
            "load_kg_d",
            "known_mg_l",
            "observed_mg_l",
            "limit_mg_l",
        ]
        return pd.DataFrame(rows, columns=columns)  # fmt: skip

    def sampling_points(self) -> gpd.GeoDataFrame:
        first = self.outfalls[["reach_id", "distance_m", "geometry"]].head(1)
        return first.assign(suspects_above=", ".join(self.outfalls.index[:2]), n_above=2)


@dataclass(frozen=True)
class Plan:
    outfalls: pd.DataFrame
    needed_kg_d: float = 1.25
    available_kg_d: float = 30.0
    reached: bool = True
    exact: bool = True


@dataclass(frozen=True)
class Siting(Told):
    sites: Any = None
    findings: Any = None
    unchecked: Any = None
    other_editions: Any = None
    lines: Any = None
    date: dt.date = dt.date(2026, 3, 31)
    packs: Any = ()


SECTIONS = {
    "S-SMK": ("石门坎", "national", "松坎河", (106.72, 28.735), "II", True, ""),
    "S-FH": ("扶欢", "municipal", "扶欢河", (106.78, 28.82), "IV", False, "tp"),
    "S-WT": ("温塘", "municipal", "孝子河", (106.86, 28.95), "V", False, "nh3n"),
    "S-ZX": ("寨溪大桥", "national", "蒲河", (106.72, 28.94), "II", True, ""),
    "S-BD": ("北渡", "national", "綦江河", (106.60, 29.05), "III", True, ""),
    "S-PD": ("坡渡", "national", "藻渡河", (106.826, 28.754), "I", True, ""),
    "S-D01": ("示例东溪", "district", "綦江河", (106.67, 28.86), "III", True, ""),
    "S-D02": ("示例夏坝", "district", "綦江河", (106.51, 29.117), "inferior", False, "tp,cod"),
    "S-D03": ("示例三江", "district", "綦江河", (106.702, 28.949), "none", None, ""),
}


def make_assessment(**changes: Any) -> Sections:
    rows, items, months = [], [], []
    for k, (sid, (name, level, river, xy, wq, ok, bad)) in enumerate(SECTIONS.items()):
        rows.append(
            {
                "section_id": sid,
                "name": name,
                "level": level,
                "river": river,
                "waterbody": "river",
                "target_class": "III",
                "period": "2025",
                "n_samples": 12,
                "water_class": wq,
                "compliant": ok,
                "main_pollutants": "总磷 (0.35)" if bad else "",
                "failing_items": bad,
                "missing_items": "",
                "below_detection_items": "hg,cd",
                "geometry": Point(xy),
            }
        )
        items += [
            {
                "section_id": sid,
                "item_id": item,
                "value": 0.27 if item in bad else 0.1,
                "unit": "mg/L",
                "n": 12,
                "n_below": 1,
                "water_class": wq,
                "limit_iii": 0.2,
                "multiple": 0.35,
                "target_limit": 0.2,
                "target_multiple": 0.35 if item in bad else np.nan,
                "compliant": item not in bad,
            }
            for item in ("tp", "nh3n")
        ]
        classes = ["I", "II", "III", "IV", "V", "inferior", "none"]
        for m in range(12):
            wet = 5 <= m + 1 <= 9
            at = min(classes.index(wq) + (1 if wet and bad else 0), 6) if wq != "none" else 6
            if (k + m) % 11 == 10:
                continue
            months.append(
                {
                    "section_id": sid,
                    "month": f"2025-{m + 1:02d}",
                    "water_class": classes[at],
                    "compliant": None if at == 6 else at <= 2,
                    "failing_items": bad if at > 2 else "",
                    "n_items": 21,
                }
            )
    table = gpd.GeoDataFrame(rows, crs=4490).set_index("section_id")
    failing = [sid for sid in table.index if table.loc[sid, "compliant"] is False]
    parts = {"sections": table, "items": pd.DataFrame(items), "months": pd.DataFrame(months)}
    return Sections(story="扶欢断面总磷超标。", failing=failing, **{**parts, **changes})


def make_trace(n: int = 14, **changes: Any) -> Trace:
    reaches = (
        make_reaches()
        .loc[["R6", "R8", "R7"]]
        .assign(
            length_m=[30e3, 20e3, 14e3],
            load_kg_d=[18.2, 3.0, 0.0],
            distance_m=[0.0, 9000.0, 21000.0],
            n_outfalls=[9, 4, 0],
        )
    )
    rows = []
    for i in range(n):
        line = reaches.geometry.iloc[0 if i < 9 else 1]
        at = line.interpolate((i * 0.37) % 1, normalized=True)
        load = 9.0 / (i + 1) ** 1.2 if i < 12 else np.nan
        rows.append(
            {
                "outfall_id": f"P-{i + 11:03d}",
                "rank": i + 1,
                "name": f"示例磷化工{i + 1}号排口",
                "kind": ["industrial", "sewage_works", "agricultural", "other"][i % 4],
                "action": "regulate",
                "status": "active",
                "river": "扶欢河",
                "district": "D-WS",
                "reach_id": "R6" if i < 9 else "R8",
                "measure_m": 1200.0 + i,
                "offset_m": 12.0 + i,
                "bank": "left",
                "snap_status": "snapped",
                "distance_m": 2500.0 + 1900 * i,
                "travel_time_h": 1.4 + i if i % 5 else np.nan,
                "junctions": i // 3,
                "next_section": "S-FH",
                "local": i < 9,
                "item_id": "tp",
                "load_kg_d": load * 1.1,
                "load_basis": "permit",
                "arriving_kg_d": load,
                "share_explained": load / 30,
                "share_of_flux": load / 40,
                "carries_item": "yes" if i < 12 else "unknown",
                "geometry": Point(at.x + 0.002, at.y),
            }
        )
    outfalls = gpd.GeoDataFrame(rows, crs=4490).set_index("outfall_id")
    explained = float(outfalls.loc[outfalls["local"], "arriving_kg_d"].sum())
    balance = pd.Series(
        {
            "observed_mg_l": 0.27,
            "limit_mg_l": 0.2,
            "flow_m3_s": 1.7,
            "flux_kg_d": 40.0,
            "inherited_kg_d": 2.0,
            "explained_kg_d": explained,
            "remainder_kg_d": 38 - explained,
        }
    )
    left_out = pd.DataFrame(
        {
            "outfall_id": ["P-050", "P-011#2"],
            "name": ["示例远离河流", "示例重号"],
            "reason": ["far", "duplicate"],
            "text_zh": ["距河流 2.0 千米", "编号重复"],
            "text_en": ["2.0 km from any river", "duplicate id"],
        }
    )
    parts = {
        "outfalls": outfalls,
        "left_out": left_out,
        "balance": balance,
        "reaches": reaches,
        "upstream_sections": make_assessment().sections.loc[["S-WT"]],
        "section_id": "S-FH",
        "item_id": "tp",
        "period": "2025",
        "fact": pd.Series({"name": "扶欢"}),
        "balances": pd.DataFrame(
            {"flux_kg_d": [40.0, 44.0], "remainder_share": [0.3, 0.4]},
            index=pd.Index(["2025", "wet"], name="span"),
        ),
        "intervals": pd.DataFrame({"section_id": ["S-FH"], "upper": ["S-WT"], "n_local": [5]}),
        "inputs": pd.DataFrame({"input": ["samples"], "n": [24], "first": [dt.date(2025, 1, 1)]}),
    }
    return Trace(story="前两个排口占六成。", **{**parts, **changes})


def make_shorelines() -> gpd.GeoDataFrame:
    reaches = make_reaches()
    shapes = reaches.geometry.to_crs(32648).buffer(120).to_crs(4490)
    return gpd.GeoDataFrame(
        {
            "line_id": "L-" + reaches.index,
            "river": reaches["name"].to_numpy(),
            "kind": "management_range",
            "river_class": "tributary",
        },
        geometry=shapes.to_numpy(),
        crs=4490,
    )


VERDICTS = ("prohibited", "borderline", "undetermined", "manual", "conditional", "clear")


def make_siting(n: int = 15, **changes: Any) -> Siting:
    reaches = make_reaches()
    rows, findings = [], []
    for i in range(n):
        verdict = VERDICTS[i % 6]
        line = reaches.geometry.iloc[i % 4]
        foot = line.interpolate(0.1 + 0.8 * ((i * 0.31) % 1), normalized=True)
        distance = 380.0 * (i + 1) + 3.25
        place = Point(foot.x + distance / 97_000, foot.y + 0.002)
        sid = f"X-{i + 1:02d}"
        rows.append(
            {
                "site_id": sid,
                "name": f"示例化工项目{i + 1}",
                "category": "chemical",
                "action": "new",
                "verdict": verdict,
                "blocking_rules": "CJ26-CHEM-1KM" if verdict == "prohibited" else "",
                "n_prohibited": int(verdict == "prohibited"),
                "n_borderline": 0,
                "n_unchecked": 1,
                "n_manual": 0,
                "n_conditional": 0,
                "n_clear": 3,
                "nearest_line_id": "L-R1",
                "nearest_river": "綦江河",
                "nearest_m": distance,
                "foot_lon": foot.x,
                "foot_lat": foot.y,
                "site_lon": place.x,
                "site_lat": place.y,
                "geometry": place.buffer(0.003) if i % 2 else place,
            }
        )
        for rule, limit in (
            ("CJ26-CHEM-1KM", 1000.0),
            ("CQ-IND-5KM", 5000.0),
            ("RED-LINE", np.nan),
        ):
            found = "unchecked" if verdict == "undetermined" and limit != limit else verdict
            found = "unchecked" if found == "undetermined" else found
            findings.append(
                {
                    "site_id": sid,
                    "rule_id": rule,
                    "pack": "china-yangtze",
                    "title_zh": "岸线一公里内禁止化工项目",
                    "title_en": "no chemical project within 1 km",
                    "verdict": found if limit == 1000 else "clear",
                    "reason": "hit",
                    "distance_m": distance,
                    "limit_m": limit,
                    "margin_m": limit - distance,
                    "error_m": 12.0,
                    "evidence": "L-R1",
                    "evidence_edition": "2019",
                    "river": "綦江河",
                    "missing": "",
                    "edition": "2021-03-01 起施行",
                    "overlap_m2": np.nan,
                    "share": np.nan,
                    "basis": "长江保护法第二十六条第二款",
                    "basis_en": "Yangtze River Protection Law, art. 26(2)",
                    "confidence": "verified",
                    "exemption_zh": "",
                    "exemption_en": "",
                    "note": "",
                    "note_en": "",
                }
            )
    sites = gpd.GeoDataFrame(rows, crs=4490).set_index("site_id")
    table = pd.DataFrame(findings)
    editions = pd.DataFrame(
        {
            "site_id": ["X-01"],
            "line_id": ["L-R1-2023"],
            "river": ["綦江河"],
            "kind": ["management_range"],
            "edition": ["2023-05-01–"],
            "distance_m": [1041.0],
            "valid_from": pd.to_datetime(["2023-05-01"]),
            "verdict": ["clear"],
            "verdict_now": ["prohibited"],
            "changes": [True],
        }
    )
    unchecked = table[table["verdict"] == "unchecked"].assign(
        mend_zh="向自然资源主管部门索取", mend_en="ask the natural-resources authority"
    )
    lines = make_shorelines().drop(columns="geometry").assign(counts=True)
    parts = {
        "lines": lines,
        "sites": sites,
        "findings": table,
        "other_editions": editions,
        "unchecked": unchecked,
    }
    return Siting(
        story="距岸线 963 米。", packs=("china-yangtze", "chongqing"), **{**parts, **changes}
    )


@dataclass(frozen=True)
class Spill(Told):
    start: Any = None
    reaches: Any = None
    arrivals: Any = None

    def curve(self, target: str, case: str) -> pd.DataFrame:
        row = self.arrivals[self.arrivals["id"].eq(target) & self.arrivals["case"].eq(case)].iloc[0]
        hour = np.linspace(row["leading_h"], row["trailing_h"], 25)
        shape = 1 - ((hour - row["peak_h"]) / (row["trailing_h"] - row["peak_h"])) ** 2
        return pd.DataFrame({"hour": hour, "mg_l": row["peak_mg_l"] * np.clip(shape, 0, None)})


def make_spill() -> Spill:
    """Return a spill at the head of the main river that comes to two sections and an intake."""
    way = make_reaches().loc[["R1", "R2", "R3", "R4"]]
    way["peak_median_h"] = [6.0, 14.0, 21.0, np.nan]
    targets = [
        ("section", "S-SMK", "石门坎", 20e3, (106.72, 28.735)),
        ("intake", "I-01", "示例取水口", 41e3, (106.69, 28.90)),
        ("section", "S-BD", "北渡", 60e3, (106.60, 29.05)),
        ("district_border", "B-01", "綦江区(示意) → 江津区(示意)", 75e3, (106.45, 29.13)),
    ]
    speeds = {"fastest": 1.9, "high": 1.4, "median": 1.0, "low": 0.5}
    rows = [
        {
            "kind": kind, "id": key, "name": name, "case": case, "distance_m": metres,
            "leading_h": 0.8 * metres / 3600 / speed, "peak_h": metres / 3600 / speed,
            "trailing_h": 1.3 * metres / 3600 / speed, "peak_mg_l": 6e4 / metres * speed,
            "geometry": Point(xy),
        }
        for kind, key, name, metres, xy in targets for case, speed in speeds.items()
    ]  # fmt: skip
    start = {
        "name": "示例桥", "river": "松坎河", "lon": 106.86, "lat": 28.55, "mass_kg": 500.0,
        "duration_h": 1.0, "item_id": "nh3n", "limit_mg_l": 1.0,
    }  # fmt: skip
    return Spill(start=pd.Series(start), reaches=way, arrivals=gpd.GeoDataFrame(rows, crs=4490))


@dataclass(frozen=True)
class Readings:
    table: pd.DataFrame


def make_readings() -> Readings:
    """Return ten sites under three scopes, two base lines and two limits."""
    rows = [
        (scope, line, limit, 10, n, 1, 2, 7 - n)
        for n, scope in enumerate(("main_stem", "first_order", "all"), start=1)
        for line in ("base", "centreline")
        for limit in (1000.0, 5000.0)
    ]
    columns = ["scope", "line", "limit_m", "n_sites", "n_prohibited", "n_borderline",
               "n_unchecked", "n_clear"]  # fmt: skip
    return Readings(pd.DataFrame(rows, columns=columns))
