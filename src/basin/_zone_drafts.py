"""Drafts of zones, computed where no published zone is at hand: each says that it is none.

Water-source zones by HJ 338, ground where livestock farms are banned by other zones, and strips
along rivers. A published zone always wins.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from basin._bands import shoreline_band
from basin._columns import in_force, plain_text
from basin._pieces import Floats, valid_shapes
from basin.crs import EXCHANGE_CRS, GEOD, area_m2, to_exchange
from basin.errors import LayerError
from basin.standards.labels import label

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = [
    "draft_label",
    "livestock_zones",
    "river_strips",
    "water_source_stretch",
    "water_source_zones",
]

#: The axis is looked at every so far (metres): which ground belongs to which stretch of the river.
_STEP_M = 2.0
#: Rivers this far beyond the widest strip still part the ground with it (metres).
_BEYOND_M = 1_000.0
#: Pieces of river shorter than this beside a stretch are crumbs of cutting it out (metres).
_CRUMB_M = 0.5
#: Half width of a river without one (metres); told in the note.
_HALF_WIDTH_M = 5.0


@cache
def _figures() -> dict[str, Any]:
    text = files("basin.standards").joinpath("zone_drafts.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def draft_label(lang: str = "zh") -> str:
    """Return what every draft says of itself: 按规范推算, 非法定范围."""
    return str(_figures()[f"label_{lang}"])


def _edition(date: Any) -> dict[str, Any]:
    day = pd.Timestamp(date).date() if date is not None else dt.date.today()
    held = [one for one in _figures()["water_source"] if one["valid_from"] <= day]
    if not held:
        raise LayerError(
            f"no edition of HJ 338 that is recorded here was in force on {day}",
            mend="Give a date from 2018-07-01 on.",
            zh=f"{day} 有效的 HJ 338 版本未收录",
            mend_zh="日期须在 2018-07-01 之后",
        )
    found: dict[str, Any] = max(held, key=lambda one: one["valid_from"])
    return found


# ---- water sources ---------------------------------------------------------------------------


def water_source_stretch(date: Any = None) -> tuple[float, float]:
    """Metres of river up and down from an intake that its zones take in, on a date.

    Raises
    ------
    LayerError
        If no recorded edition was in force on the date.
    """
    figures = [_edition(date)[grade] for grade in ("I", "II")]
    return max(f["up_m"] for f in figures), max(f["down_m"] for f in figures)


def water_source_zones(
    intakes: gpd.GeoDataFrame,
    network: RiverNetwork,
    *,
    water: gpd.GeoDataFrame | None = None,
    land: gpd.GeoDataFrame | None = None,
    date: Any = None,
    max_offset_m: float = 500.0,
) -> gpd.GeoDataFrame:
    """Draft the first and second-grade zones of river intakes by HJ 338 (analogy method).

    Along the river axis, with all tributaries: 1000 m up and 100 m down (first grade), 3000 m up
    and 300 m down (second); the water of these stretches from bank to bank, and land 50 m and 1000
    m deep from the water's edge, as long as the water part: ground belongs to the part of the river
    that it is nearest to. The fairway of a navigable river is not taken out, and a flood wall does
    not cut the land: both make the draft larger than the standard asks.

    Parameters
    ----------
    intakes : shape (n, ...)
        Points with ``id`` (or the index), ``name`` and, if known, ``river`` (the river drawn from);
        any known CRS. ``waterbody`` other than empty or ``river`` is not drafted.
    network
        Reaches with ``length_m`` and, if known, ``width_m``.
    water
        Polygons of water (mean water level) or, failing that, of river ranges: the water part and
        the edge that land is counted from. Elsewhere the axis and half the width serve.
    land
        Polygons with ``id`` of the intake: the ground that drains to its stretch of river. The land
        part stops at its edge (the divide). Without it, the note says that no divide was known.
    date
        Decides the edition of the standard; None is today.
    max_offset_m
        Farthest that an intake may lie from its reach, in metres.

    Returns
    -------
    GeoDataFrame
        EPSG:4490, one row an intake and grade, in the columns of the zones layer: ``zone_id``,
        ``kind`` (``water_source``), ``grade`` (I, II; the second without the first of any intake),
        ``name`` (ends with 按规范推算, 非法定范围), ``note``, ``note_en``, ``basis``; and
        ``intake_id``, ``up_m``, ``down_m`` (metres of axis, up with all tributaries together),
        ``land_depth_m``, ``water_m2`` and ``land_m2`` of the whole stretch, ``area_m2`` of the
        geometry. An intake that is not drafted has rows without
        geometry, and ``note`` says why.

    Raises
    ------
    CrsError
        If a CRS is missing or refused.
    LayerError
        If no recorded edition was in force on the date, or ids occur twice.
    """
    figures = _edition(date)
    points = to_exchange(intakes, layer="intakes")
    ids = plain_text(points, "id") if "id" in points else points.index.astype(str).to_numpy()
    if pd.Series(ids).duplicated().any():
        raise LayerError(
            "layer 'intakes' has ids that occur twice",
            ids=pd.unique(ids[pd.Series(ids).duplicated()]),
            mend="Give each intake an id of its own.",
            zh="图层 intakes 有重复的编号",
            mend_zh="每个取水口用各自的编号",
        )
    places = network.snap(points, max_offset_m=max_offset_m)
    body = plain_text(points, "waterbody")
    grounds = {} if land is None else _by_id(to_exchange(land, layer="land"))
    faces = _faces(water)
    rows: list[dict[str, Any]] = []
    for k, key in enumerate(ids):
        place = places.iloc[k]
        why = _not_drafted(str(body[k]), place)
        drawn = {} if why else _Draft(network, place, faces, grounds.get(str(key))).zones(figures)
        name = plain_text(points, "name")[k]
        rows += [
            _zone_row(str(key), name, grade, figures, why) | drawn.get(grade, {"geometry": None})
            for grade in ("I", "II")
        ]
    table = gpd.GeoDataFrame(rows, columns=_COLUMNS, geometry="geometry", crs=EXCHANGE_CRS)
    return _higher_grade_wins(table)


_COLUMNS = [
    "zone_id", "kind", "grade", "name", "valid_from", "valid_to", "note", "note_en", "basis",
    "intake_id", "up_m", "down_m", "land_depth_m", "water_m2", "land_m2", "area_m2", "geometry",
]  # fmt: skip


def _by_id(land: gpd.GeoDataFrame) -> dict[str, Any]:
    shapes = valid_shapes(land.geometry.to_numpy())
    keys = pd.Series(plain_text(land, "id"))
    return {str(k): shapely.union_all(shapes[keys == k]) for k in keys.unique()}


def _faces(water: gpd.GeoDataFrame | None) -> Any:
    if water is None:
        return np.empty(0, dtype=object)
    shapes = valid_shapes(to_exchange(water, layer="water").geometry.to_numpy())
    return shapes[shapely.get_dimensions(shapes) == 2]


def _not_drafted(body: str, place: Any) -> tuple[str, str] | None:
    if body not in ("", "river"):
        return ("湖库型水源地不在此推算", "a lake or reservoir is not drafted here")
    if place["status"] in ("far", "no_geometry"):
        return ("取水口不在河网上，未推算", "the intake is on no reach of the network")
    return None


def _zone_row(
    key: str, name: str, grade: str, figures: dict[str, Any], why: tuple[str, str] | None
) -> dict[str, Any]:
    zh, en = why or ("", "")
    return {
        "zone_id": f"WS-{key}-{grade}",
        "kind": "water_source",
        "grade": grade,
        "name": f"{name or key}{label('zone_grade', grade)}（{draft_label()}）",
        "valid_from": pd.NaT,
        "valid_to": pd.NaT,
        "note": "；".join(t for t in (draft_label(), zh) if t),
        "note_en": "; ".join(t for t in (draft_label("en"), en) if t),
        "basis": figures["basis"],
        "intake_id": key,
        "land_depth_m": figures[grade]["land_m"],
        "up_m": np.nan,
        "down_m": np.nan,
        "water_m2": np.nan,
        "land_m2": np.nan,
    }


class _Draft:
    """One intake: its stretches of river, in a plane of metres around it."""

    def __init__(self, network: RiverNetwork, place: Any, faces: Any, ground: Any) -> None:
        self.network = network
        self.start = (place["reach_id"], float(place["measure_m"]))
        self.ambiguous = place["status"] == "ambiguous"
        plane = f"+proj=tmerc +lon_0={place['lon']} +lat_0={place['lat']} +ellps=GRS80 +units=m"
        self.plane = pyproj.Transformer.from_crs(EXCHANGE_CRS, plane, always_xy=True)
        self.faces, self.ground = faces, ground

    def to(self, shape: Any) -> Any:
        """Bring shapes to the plane."""
        turn: Any = self.plane.transform
        return shapely.transform(shape, turn, interleaved=False)

    def back(self, shape: Any) -> Any:
        """Bring shapes back to longitude and latitude."""
        turn: Any = partial(self.plane.transform, direction="INVERSE")
        return shapely.transform(shape, turn, interleaved=False)

    def zones(self, figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {grade: self._zone(figures[grade]) for grade in ("I", "II")}

    def _zone(self, figures: dict[str, Any]) -> dict[str, Any]:
        stretch, lengths = self._stretch(figures["up_m"], figures["down_m"])
        axis = self.to(shapely.multilinestrings(list(stretch["geometry"])))
        own = self._own_ground(axis, figures["land_m"])
        wet, widths = self._water(stretch, axis, own)
        strip = shapely.buffer(wet, figures["land_m"], quad_segs=64)
        dry = shapely.difference(shapely.intersection(strip, own), wet)
        if self.ground is not None:
            dry = shapely.intersection(dry, self.to(self.ground))
        whole = valid_shapes([self.back(shapely.union_all([wet, dry]))])[0]
        note, note_en = self._note(widths)
        return {
            "geometry": whole,
            "up_m": lengths[0],
            "down_m": lengths[1],
            "water_m2": float(area_m2(np.array([self.back(wet)], dtype=object))[0]),
            "land_m2": float(area_m2(np.array([self.back(dry)], dtype=object))[0]),
            "note": note,
            "note_en": note_en,
        }

    def _stretch(self, up_m: float, down_m: float) -> tuple[pd.DataFrame, tuple[float, float]]:
        """Pieces of reaches that belong to the zone, and metres of axis up and down."""
        reaches, (start, at) = self.network.reaches, self.start
        up = self.network.upstream(self.start, distance_m=up_m, partial=True)
        down = self.network.downstream(self.start, distance_m=down_m, diversions=True, partial=True)
        rows = []
        for fractions, above in ((up, True), (down, False)):
            for key, fraction in fractions.items():
                length = float(reaches.loc[key, "length_m"])
                used = fraction * length
                low = (at if key == start else length) - used if above else 0.0
                low = at if key == start and not above else low
                line = _part(reaches.geometry.loc[key], low / length, (low + used) / length)
                width = float(reaches["width_m"].get(key, np.nan)) if "width_m" in reaches else 0.0
                if line is not None:
                    rows.append({"geometry": line, "width_m": width, "up": above, "m": used})
        table = pd.DataFrame(rows, columns=["geometry", "width_m", "up", "m"])
        by = table.groupby("up")["m"].sum()
        return table, (float(by.get(True, 0.0)), float(by.get(False, 0.0)))

    def _own_ground(self, axis: Any, land_m: float) -> Any:
        """Ground nearer to the stretch than to the rest of the rivers."""
        around = shapely.box(*shapely.bounds(shapely.buffer(axis, land_m + _BEYOND_M)))
        lines = np.asarray(self.network.reaches.geometry.array, dtype=object)
        window: Any = self.back(shapely.segmentize(around, 500.0))
        near = shapely.STRtree(lines).query(window)
        rest = self.to(shapely.union_all(lines[near]))
        rest = shapely.intersection(rest, around)
        # what lies on the stretch is no rest, nor are the crumbs that are left where its parts meet
        rest = shapely.difference(rest, shapely.buffer(axis, 0.05, cap_style="flat"))
        rest = shapely.get_parts(shapely.line_merge(rest))
        rest = shapely.multilinestrings(rest[shapely.length(rest) > _CRUMB_M])
        own = _points_along(axis)
        other = _points_along(rest)
        if not len(other):
            return around
        xy = np.vstack([own, other])
        cells = shapely.get_parts(
            shapely.voronoi_polygons(shapely.multipoints(xy), extend_to=around, ordered=True)
        )
        return shapely.coverage_union_all(cells[: len(own)])

    def _water(self, stretch: pd.DataFrame, axis: Any, own: Any) -> tuple[Any, bool]:
        """Water of the stretch, and whether every width was known."""
        width = stretch["width_m"].to_numpy(dtype=float)
        known = bool((width > 0).all())
        half = np.where(width > 0, width / 2, _HALF_WIDTH_M)
        lines = self.to(stretch["geometry"].to_numpy())
        drawn = shapely.buffer(lines, half, cap_style="flat", quad_segs=64)
        if len(self.faces):
            hit = shapely.STRtree(self.faces).query(self.back(axis), predicate="intersects")
            face = self.to(shapely.union_all(self.faces[hit]))
            bare = shapely.difference(shapely.union_all(drawn), face)
            return shapely.union(shapely.intersection(face, own), bare), known
        return shapely.intersection(shapely.union_all(drawn), own), known

    def _note(self, widths: bool) -> tuple[str, str]:
        zh, en = [draft_label()], [draft_label("en")]
        if self.ground is None:
            zh.append("未按分水岭裁切")
            en.append("not cut at the divide")
        if not widths:
            zh.append(f"部分河段宽度未知，按 {2 * _HALF_WIDTH_M:g} 米计")
            en.append(f"some widths unknown, taken as {2 * _HALF_WIDTH_M:g} m")
        if self.ambiguous:
            zh.append("取水口所在河流不唯一，请核对")
            en.append("another river is as near to the intake: check")
        return "；".join(zh), "; ".join(en)


def _part(line: Any, start: float, end: float) -> Any:
    """Part of a line between two shares of its length on the ellipsoid; None if there is none."""
    if not end > start:
        return None
    xy = shapely.get_coordinates(line)
    _, _, step = GEOD.inv(xy[:-1, 0], xy[:-1, 1], xy[1:, 0], xy[1:, 1])
    along = np.concatenate([[0.0], np.cumsum(step)])
    low, high = start * along[-1], min(end, 1.0) * along[-1]
    inner = (along > low) & (along < high)
    at = np.concatenate([[low], along[inner], [high]])
    return shapely.linestrings(
        np.column_stack([np.interp(at, along, xy[:, 0]), np.interp(at, along, xy[:, 1])])
    )


def _points_along(shape: Any) -> Floats:
    """Places every few metres along lines, each once and none at a shared end."""
    lines = shapely.get_parts(shapely.line_merge(shape))
    lines = lines[(shapely.get_type_id(lines) == 1) & ~shapely.is_empty(lines)]
    count = np.maximum(np.ceil(shapely.length(lines) / _STEP_M), 1).astype(int)
    line = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    at = shapely.line_interpolate_point(lines[line], (nth + 0.5) / count[line], normalized=True)
    return np.unique(np.round(shapely.get_coordinates(at), 3), axis=0)


def _higher_grade_wins(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take the first grades of all intakes out of the second ones."""
    first, second = table["grade"] == "I", table["grade"] == "II"
    shapes = table.geometry.to_numpy().copy()
    drawn = shapes[first & table.geometry.notna()]
    if len(drawn):
        shapes[second] = shapely.difference(shapes[second], shapely.union_all(drawn))
    kept = gpd.GeoSeries(shapes, index=table.index, crs=EXCHANGE_CRS)
    return table.set_geometry(kept).assign(area_m2=np.where(kept.isna(), np.nan, area_m2(kept)))


# ---- from other zones, and along rivers ------------------------------------------------------


def livestock_zones(zones: gpd.GeoDataFrame, *, date: Any = None) -> gpd.GeoDataFrame:
    """Draft where livestock farms are banned, from the zones that ban them.

    《畜禽规模养殖污染防治条例》第十一条: water-source zones, scenic areas, core and buffer of
    nature reserves. Towns and other populated areas are no zones here: the note says that they are
    missing.

    Parameters
    ----------
    zones
        Polygons with ``zone_id``, ``kind``, ``grade``. Any known CRS.
    date
        Keep the zones in force on this date; None keeps all.

    Returns
    -------
    GeoDataFrame
        EPSG:4490, at most one row a kind: ``zone_id``, ``kind`` (``livestock``), ``grade``
        (``banned``), ``name`` (ends with 按规范推算, 非法定范围), ``note``, ``note_en``, ``basis``,
        ``source_kind``, ``source_ids``, ``area_m2``; overlapping zones of a kind joined.
    """
    figures = _figures()["livestock_ban"]
    areas = to_exchange(zones, layer="zones")
    areas = areas[in_force(areas, date)]
    kind, grade = plain_text(areas, "kind"), plain_text(areas, "grade")
    shapes = valid_shapes(areas.geometry.to_numpy())
    rows = []
    for of, grades in figures.items():
        if not isinstance(grades, list):
            continue
        mine = (kind == of) & (np.isin(grade.astype(str), grades) if grades else True)
        mine &= shapely.get_dimensions(shapes) == 2
        if mine.any():
            rows.append(
                {
                    "zone_id": f"LV-ban-{of}",
                    "kind": "livestock",
                    "grade": "banned",
                    "name": f"{label('zone_kind', of)}禁养（{draft_label()}）",
                    "note": f"{draft_label()}；未含城镇居民区、文化教育科学研究区",
                    "note_en": f"{draft_label('en')}; towns and populated areas are missing",
                    "basis": figures["basis"],
                    "source_kind": of,
                    "source_ids": ", ".join(sorted(plain_text(areas, "zone_id")[mine])),
                    "geometry": shapely.union_all(shapes[mine]),
                }
            )
    columns = ["zone_id", "kind", "grade", "name", "note", "note_en", "basis", "source_kind",
               "source_ids", "geometry"]  # fmt: skip
    table = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=EXCHANGE_CRS)
    return table.assign(area_m2=area_m2(table.geometry))


def river_strips(
    shorelines: gpd.GeoDataFrame, limit_m: float, *, within: Any = None
) -> gpd.GeoDataFrame:
    """Draft the strips of land along rivers, one row a river, for maps and areas.

    Parameters
    ----------
    shorelines
        The lines that count (:func:`basin.buffers.base_lines`). Any known CRS.
    limit_m
        Depth of the strip from the shoreline in metres.
    within
        Districts (polygons) to cut by; None does not cut.

    Returns
    -------
    GeoDataFrame
        EPSG:4490: ``river``, ``limit_m``, ``name`` (ends with 按规范推算, 非法定范围), ``note``,
        ``note_en``, ``area_m2``. The drawing error is that of
        :func:`basin.buffers.shoreline_band`.
    """
    bands = shoreline_band(shorelines, limit_m, by="river", land_only=True, within=within)
    text = f"{limit_m:g} 米岸带（{draft_label()}）"
    table = bands.assign(
        name=bands["river"].replace("", "未命名河流") + text,
        note=draft_label(),
        note_en=draft_label("en"),
        area_m2=area_m2(bands.geometry),
    )
    return gpd.GeoDataFrame(table, geometry="geometry", crs=EXCHANGE_CRS)
