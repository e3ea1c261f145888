"""Small tables for the tests of the maps: a valley with two rivers, and texts that try to run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.affinity import translate
from shapely.geometry import LineString, Point, box
from shapely.ops import substring

#: Each would run in a template engine, in HTML or in a script if it were let.
HOSTILE = (
    "{{7*191}}",
    "{% raw %}",
    "a{#b",
    "{% endraw %}",
    "<img src=x onerror=window.__pwned=1>",
    "</script><script>window.__pwned=1</script>",
    "`${window.__pwned=1}`",
    "\"'--><svg onload=window.__pwned=1>",
    "\\u0027;window.__pwned=1;//\\",
    "a\u2028b\u2029c",
    "javascript:window.__pwned=1",
    "&lt;b&gt; &amp;",
)


def tables() -> dict[str, Any]:
    """Return the arguments of ``basin_map`` for a small basin round 106.6 E, 29.0 N."""

    def frame(rows: list[dict[str, Any]], **options: Any) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(rows, crs="EPSG:4490", **options)

    main = LineString([(106.5, 28.8), (106.58, 28.9), (106.6, 29.0), (106.7, 29.2)])
    side = LineString([(106.8, 28.9), (106.7, 28.96), (106.6, 29.0)])
    reaches = frame(
        [
            {"name": "綦江河", "strahler": 3, "length_m": 48_000.0, "geometry": main},
            {"name": "扶欢河", "strahler": 2, "length_m": 22_000.0, "geometry": side},
        ],
        index=pd.Index(["R1", "R2"], name="reach_id"),
    )
    outfalls = frame(
        [
            {"outfall_id": "P-1", "name": "示例厂一", "kind": "industrial", "status": "active",
             "load_tp_kg_d": 30.0, "geometry": Point(106.75, 28.931)},
            {"outfall_id": "P-2", "name": "示例厂二", "kind": "sewage_works", "status": "closed",
             "load_tp_kg_d": np.nan, "geometry": Point(106.65, 28.979)},
        ]
    )  # fmt: skip
    sections = frame(
        [
            {"name": "北渡", "level": "national", "water_class": "II", "target_class": "III",
             "compliant": True, "failing_items": "", "geometry": Point(106.65, 29.1)},
            {"name": "扶欢", "level": "municipal", "water_class": "IV", "target_class": "III",
             "compliant": False, "failing_items": "tp,nh3n", "geometry": Point(106.68, 28.968)},
            {"name": "石门坎", "level": "district", "water_class": None, "target_class": "III",
             "compliant": None, "failing_items": "", "geometry": Point(106.54, 28.85)},
        ],
        index=pd.Index(["S-BD", "S-FH", "S-SMK"], name="section_id"),
    )  # fmt: skip
    sites = frame(
        [
            {"name": "示例化工项目", "category": "chemical", "action": "new",
             "verdict": "prohibited", "nearest_m": 996.2, "nearest_river": "綦江河",
             "site_lon": 106.57, "site_lat": 29.0,
             "foot_lon": 106.6, "foot_lat": 29.0, "geometry": box(106.55, 28.99, 106.57, 29.01)},
            {"name": "示例园区", "category": "chemical_park", "action": "expand",
             "verdict": "clear", "nearest_m": 6000.0, "nearest_river": "綦江河",
             "site_lon": 106.75, "site_lat": 29.1,
             "foot_lon": 106.65, "foot_lat": 29.1, "geometry": Point(106.75, 29.1)},
        ],
        index=pd.Index(["X1", "X2"], name="site_id"),
    )  # fmt: skip
    findings = pd.DataFrame(
        [
            {"site_id": "X1", "rule_id": "CJ26", "verdict": "clear", "title_zh": "三公里内尾矿库"},
            {"site_id": "X1", "rule_id": "CJ26-CHEM-1KM", "verdict": "prohibited",
             "title_zh": "一公里内禁止新建化工项目", "title_en": "no chemical within 1 km",
             "distance_m": 996.2, "error_m": 5.0, "limit_m": 1000.0, "margin_m": 3.8,
             "basis": "长江保护法第二十六条", "confidence": "verified", "edition": "2023",
             "evidence": "L2", "evidence_edition": "2023-01-01–", "reason": "hit"},
        ]
    )  # fmt: skip
    zones = frame(
        [
            {"zone_id": "Z1", "kind": "red_line", "grade": "core", "name": "示例红线",
             "geometry": box(106.72, 29.02, 106.78, 29.06)},
            {"zone_id": "Z2", "kind": "control_unit", "grade": "priority", "name": "示例单元",
             "geometry": box(106.5, 28.8, 106.8, 29.2)},
        ]
    )  # fmt: skip
    trace_outfalls = outfalls.set_index("outfall_id").assign(
        rank=[1, 2], arriving_kg_d=[24.5, np.nan], distance_m=[9000.0, 2500.0]
    )
    trace = SimpleNamespace(
        section_id="S-FH",
        item_id="tp",
        reaches=reaches.assign(load_kg_d=[0.0, 24.5]),
        outfalls=trace_outfalls,
        balance=pd.Series({"observed_mg_l": 0.27, "limit_mg_l": 0.2, "flux_kg_d": np.nan}),
        left_out=pd.DataFrame({"outfall_id": ["P-9"], "reason": ["far"]}),
    )
    return {
        "reaches": reaches,
        "districts": frame([{"id": "D-QJ", "name": "綦江区(示意)",
                             "geometry": box(106.45, 28.75, 106.9, 29.25)}]),
        "zones": zones,
        "bands": frame([{"limit_m": 1000.0, "geometry": main.buffer(0.01)},
                        {"limit_m": 5000.0, "geometry": main.buffer(0.05)}]),
        "shorelines": frame([
            {"line_id": "L1", "river": "綦江河", "kind": "management_range",
             "valid_from": pd.Timestamp("2019-01-01"), "valid_to": pd.Timestamp("2022-12-31"),
             "geometry": main.buffer(0.002)},
            {"line_id": "L2", "river": "綦江河", "kind": "management_range",
             "valid_from": pd.Timestamp("2023-01-01"), "valid_to": pd.NaT,
             "geometry": main.buffer(0.001)}]),
        "sections": sections,
        "outfalls": outfalls,
        "intakes": frame([{"id": "I1", "name": "示例取水口", "geometry": Point(106.62, 29.04)}]),
        "structures": frame([{"id": "G1", "name": "示例闸", "geometry": Point(106.56, 28.88)}]),
        "sites": sites,
        "findings": findings,
        "traces": (trace,),
        "issues": frame([{"issue_id": "N1", "kind": "gap_closed", "severity": "warning",
                          "reach_ids": "R1, R2", "geometry": Point(106.6, 29.0)}]),
    }  # fmt: skip


def spill() -> Any:
    """Return a spill on the main river: three hours, two cases, three things that it comes to."""
    main = LineString([(106.5, 28.8), (106.58, 28.9), (106.6, 29.0), (106.7, 29.2)])
    cases = {"median": 1.0, "fastest": 1.5}
    fronts = [
        {"case": case, "hour": float(h), "head_m": 9000.0 * h, "tail_m": 4000.0 * h,
         "geometry": substring(main, 0.08 * h * speed, 0.13 * h * speed)}
        for case, speed in cases.items() for h in (1, 2)
    ]  # fmt: skip
    targets = (
        ("section", "S-SMK", "石门坎", 0.1, Point(106.54, 28.85)),
        ("confluence", "J-1", "扶欢河", 0.2, Point(106.6, 29.0)),
        ("intake", "I1", "示例取水口", 0.25, Point(106.62, 29.04)),
    )
    arrivals = [
        {"kind": kind, "id": id, "name": name, "case": case, "leading_h": 10 * at / speed,
         "peak_h": 11 * at / speed, "trailing_h": 14 * at / speed, "peak_mg_l": 3.0 - at,
         "distance_m": 1e5 * at, "geometry": place}
        for kind, id, name, at, place in targets for case, speed in cases.items()
    ]  # fmt: skip
    reaches = {"name": "綦江河", "tier": "default", "length_m": 48_000.0, "geometry": main}
    return SimpleNamespace(
        start=pd.Series(
            {"name": "示例桥", "lon": 106.5, "lat": 28.8, "mass_kg": 500.0, "item_id": "nh3n"}
        ),
        fronts=gpd.GeoDataFrame(fronts, crs=4490),
        arrivals=gpd.GeoDataFrame(arrivals, crs=4490),
        reaches=gpd.GeoDataFrame([reaches], index=pd.Index(["R1"], name="reach_id"), crs=4490),
    )


def ground() -> dict[str, Any]:
    """Return results over areas: where it may be built, catchments, and the path of a raindrop."""
    areas = gpd.GeoDataFrame(
        {
            "area_id": ["A1", "A2", "A3"],
            "status": ["prohibited", "unchecked", "allowed"],
            "rules": ["CJ26-CHEM-1KM", "", ""],
            "missing": ["", "red_line", ""],
            "area_m2": [4e6, 2e6, 9e6],
        },
        geometry=[box(106.55, 28.85, 106.65, 29.1), box(106.65, 28.85, 106.7, 29.1),
                  box(106.7, 28.85, 106.85, 29.1)],
        crs=4490,
    )  # fmt: skip
    parks = gpd.GeoDataFrame(
        {"zone_id": ["Z9"], "name": ["示例园区"], "share": [0.4]},
        geometry=[box(106.72, 28.9, 106.76, 28.94)],
        crs=4490,
    )
    catchments = gpd.GeoDataFrame(
        {"name": ["北渡", "扶欢"], "area_km2": [210.0, 95.0], "status": ["snapped", "snapped"]},
        index=pd.Index(["S-BD", "S-FH"], name="section_id"),
        geometry=[box(106.5, 28.9, 106.66, 29.1), box(106.66, 28.9, 106.8, 29.0)],
        crs=4490,
    )
    paths = gpd.GeoDataFrame(
        {"name": ["示例点"], "status": ["reached"], "length_m": [5200.0]},
        index=pd.Index(["D1"], name="id"),
        geometry=[LineString([(106.78, 29.05), (106.74, 29.0), (106.7, 28.96)])],
        crs=4490,
    )
    return {
        "area": SimpleNamespace(areas=areas, parks=parks),
        "catchments": SimpleNamespace(catchments=catchments),
        "raindrops": SimpleNamespace(paths=paths),
    }


def snaps(outfalls: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return what snapping the outfalls gives: the first in doubt, the others too far."""
    count = len(outfalls)
    return pd.DataFrame(
        {
            "reach_id": ["R2"] + [None] * (count - 1),
            "offset_m": [310.0] + [9000.0] * (count - 1),
            "status": ["ambiguous"] + ["far"] * (count - 1),
            "lon": [106.752] + [np.nan] * (count - 1),
            "lat": [28.934] + [np.nan] * (count - 1),
        },
        index=outfalls.index,
    )


def records(page: Any, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Read a layer's records back: title, cells by heading, and what else is told of each."""
    owner = page.content["layers"][spec["lender"]] if "lender" in spec else spec

    def texts(column: Any) -> list[str | None]:
        if isinstance(column, list):
            return column
        return [None if k < 0 else column["words"][k] for k in column["at"]]

    columns = [texts(column) for column in owner["columns"]]
    return [
        {"title": title}
        | dict(zip(owner["fields"], (c[i] for c in columns), strict=True))
        | owner.get("told", {}).get(str(i), {})
        for i, title in enumerate(owner["titles"])
    ]


def features(spec: dict[str, Any]) -> list[tuple[int, int | None]]:
    """Return what a layer draws, in order: the number of the style, and of the record."""
    points = spec.get("points", {"style": []})
    order = points.get("record", range(len(points["style"])))
    return [(s, r) for _, s, r in spec.get("shapes", [])] + list(
        zip(points["style"], order, strict=True)
    )


def spoil(table: Any, keep: set[str] = frozenset()) -> Any:
    """Return the table with every name, id, code and column name out of `HOSTILE`."""
    if table is None or not len(table):
        return table
    # as many rows as texts, so that each text stands in each column
    rows = table.iloc[np.arange(len(HOSTILE)) % len(table)].copy()
    new = {}
    for name in rows.columns:
        if name not in keep | {"geometry"} and not pd.api.types.is_numeric_dtype(rows[name]):
            new[name] = list(HOSTILE)
    rows = rows.assign(**new)
    rows.index = pd.Index(HOSTILE, name=rows.index.name)
    if isinstance(rows, gpd.GeoDataFrame):
        rows = rows.assign(**{text: list(HOSTILE) for text in HOSTILE})
        shift = 0.004 * np.arange(len(rows))
        rows.geometry = [
            g if g.area else _moved(g, s) for g, s in zip(rows.geometry, shift, strict=True)
        ]
    return rows


def hostile_spill() -> Any:
    """Return the spill spoilt, but for the cases and hours."""
    clean = spill()
    return SimpleNamespace(
        start=pd.Series({"name": HOSTILE[4], "lon": 106.5, "lat": 28.8, "item_id": HOSTILE[0]}),
        fronts=spoil(clean.fronts, {"case"}),
        arrivals=spoil(clean.arrivals, {"case"}),
        reaches=spoil(clean.reaches),
    )


def hostile_ground() -> dict[str, Any]:
    """Return the results over areas spoilt."""
    clean = ground()
    return {
        "area": SimpleNamespace(areas=spoil(clean["area"].areas), parks=spoil(clean["area"].parks)),
        "catchments": SimpleNamespace(catchments=spoil(clean["catchments"].catchments)),
        "raindrops": SimpleNamespace(paths=spoil(clean["raindrops"].paths)),
    }


def hostile_tables() -> dict[str, Any]:
    """Return the same basin with every name, id, code, value and column name out of `HOSTILE`."""
    clean = tables()
    keep = {
        "shorelines": {"valid_from", "valid_to"},
        "bands": {"limit_m"},
        "sections": {"compliant"},
    }
    spoilt = {
        name: spoil(table, keep.get(name, set()))
        for name, table in clean.items()
        if name not in ("traces", "findings")
    }
    findings = clean["findings"]
    spoilt["findings"] = pd.DataFrame(
        [
            dict.fromkeys(findings.columns, text) | {"site_id": site}
            for site in HOSTILE
            for text in HOSTILE
        ]
    )
    trace = clean["traces"][0]
    spoilt["traces"] = (
        SimpleNamespace(
            section_id=HOSTILE[4],
            item_id=HOSTILE[0],
            reaches=spoil(trace.reaches, set()),
            outfalls=spoil(trace.outfalls, set()),
            balance=trace.balance,
            left_out=pd.DataFrame({"outfall_id": list(HOSTILE)}),
        ),
    )
    return spoilt


def _moved(shape: Any, step: float) -> Any:
    return translate(shape, step, step)
