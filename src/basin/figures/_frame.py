"""A map panel in metres: graticule in degrees, scale, north arrow, labels that do not collide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from basin.crs import EXCHANGE_CRS, local_metric_crs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["INK", "RIVER", "Box", "MapFrame", "Mark", "add_legend", "key"]

#: Left, bottom, width and height of a panel, in inches from the lower left of the figure.
Box = tuple[float, float, float, float]

INK = "#263238"
RIVER = "#5b9fd0"
_GRID = "#b0bec5"

#: Minutes between graticule lines, of which the one giving about four lines is taken.
_STEPS_MIN = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600)

#: The smallest map: half width in metres, so that a single point still gets a scale.
_MIN_HALF_M = 800.0


@dataclass(frozen=True)
class Mark:
    """A point with the text to be set beside it.

    Attributes
    ----------
    x, y
        Metres in the frame's plane.
    radius_pt
        Radius of the symbol, in points: labels keep clear of it.
    rank
        Labels of a lower rank are placed first.
    """

    x: float
    y: float
    text: str
    radius_pt: float = 4.0
    size_pt: float = 7.5
    colour: str = INK
    rank: int = 0


@dataclass
class MapFrame:
    """One map panel; tables are given in EPSG:4490 and drawn in a local transverse Mercator.

    Parameters
    ----------
    figure
        The figure to draw on.
    box
        Place of the panel, inches.
    extent : shape (n,)
        Geometries in EPSG:4490 that the panel must show.
    family
        Font families, the first for Chinese.
    lang
        ``"zh"`` or ``"en"``.
    """

    figure: Figure
    box: Box
    extent: gpd.GeoSeries
    family: list[str]
    lang: str = "zh"
    pad: float = 0.06
    crs: pyproj.CRS = field(init=False)
    ax: Axes = field(init=False)
    occupied: list[Any] = field(init=False, default_factory=list)
    avoided: list[Any] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        width, height = self.figure.get_size_inches()
        left, bottom, w, h = self.box
        self.ax = self.figure.add_axes((left / width, bottom / height, w / width, h / height))
        self.crs = local_metric_crs(self.extent)
        west, south, east, north = self.extent.to_crs(self.crs).total_bounds
        if not np.isfinite([west, south, east, north]).all():
            west = south = east = north = 0.0
        half_x = max((east - west) / 2 * (1 + 2 * self.pad), _MIN_HALF_M)
        half_y = max((north - south) / 2 * (1 + 2 * self.pad), _MIN_HALF_M)
        # widen the short side, so that one metre is as long in x as in y
        half_x, half_y = max(half_x, half_y * w / h), max(half_y, half_x * h / w)
        centre_x, centre_y = (west + east) / 2, (south + north) / 2
        self.ax.set_xlim(centre_x - half_x, centre_x + half_x)
        self.ax.set_ylim(centre_y - half_y, centre_y + half_y)
        self.ax.set_aspect(1)
        self.ax.set_autoscale_on(False)
        self.ax.set_facecolor("#fbfcfd")
        for spine in self.ax.spines.values():
            spine.set(color="#546e7a", linewidth=0.8)
        self._draw_graticule()

    def project(self, table: Any) -> Any:
        """Return the table in the plane of this panel."""
        return table.to_crs(self.crs)

    def lines(self, table: Any, *, avoid: bool = False, **style: Any) -> None:
        """Draw lines, or the outlines of polygons; `linewidth` and `color` may be sequences.

        With `avoid`, labels keep off the lines where they can.
        """
        from matplotlib.collections import LineCollection

        shapes = self.project(table.geometry)
        parts, owner = shapely.get_parts(np.asarray(shapes.array, dtype=object), return_index=True)
        areal = shapely.get_dimensions(parts) == 2
        parts = np.where(areal, shapely.boundary(parts), parts)
        parts, inner = shapely.get_parts(parts, return_index=True)
        owner = owner[inner]
        keep = shapely.get_dimensions(parts) == 1
        for key, value in style.items():
            if key in {"linewidth", "color"} and not isinstance(value, str | int | float):
                style[key] = [value[i] for i in owner[keep]]
        paths = [shapely.get_coordinates(part) for part in parts[keep]]
        if avoid and paths:
            moved = shapely.transform(parts[keep], self.ax.transData.transform)
            self.avoided += list(shapely.simplify(moved, 0.5))
        style.setdefault("capstyle", "round")
        self.ax.add_collection(LineCollection(paths, **style), autolim=False)

    def areas(self, table: Any, **style: Any) -> None:
        """Fill polygons; holes stay open."""
        from matplotlib.collections import PathCollection
        from matplotlib.path import Path

        shapes = np.asarray(self.project(table.geometry).array, dtype=object)
        paths = []
        for polygon in shapely.get_parts(shapes):
            if polygon.geom_type == "Polygon" and not polygon.is_empty:
                rings = [polygon.exterior, *polygon.interiors]
                paths.append(Path.make_compound_path(*(Path(r.coords, closed=True) for r in rings)))
        self.ax.add_collection(PathCollection(paths, **style), autolim=False)

    def points(
        self, table: Any, *, size_pt: float = 7.0, at: tuple[Any, Any] | None = None, **style: Any
    ) -> None:
        """Draw one symbol a feature, at its place or `at` metres, and keep it free of labels."""
        x, y = self.xy(table) if at is None else at
        self.ax.scatter(x, y, s=size_pt**2, **style)
        for px, py in zip(x, y, strict=True):
            self.keep_clear(px, py, size_pt / 2 + 1)

    def xy(self, table: Any) -> tuple[Any, Any]:
        """Coordinates of each feature's representative point, in metres."""
        shapes = self.project(table.geometry)
        if not (shapes.geom_type == "Point").all():
            shapes = shapes.representative_point()
        return shapes.x.to_numpy(), shapes.y.to_numpy()

    def spread(self, x: Any, y: Any, *, gap_pt: float = 8.0) -> tuple[Any, Any]:
        """Move symbols that would cover each other onto a ring, tied to their true places."""
        pixel = self.figure.dpi / 72
        places = self.ax.transData.transform(np.column_stack([x, y])) / pixel
        moved = places.copy()
        for group in _groups(places, gap_pt):
            if len(group) > 1:
                radius = max(gap_pt, 0.6 * gap_pt * len(group) / math.pi * 1.6)
                turn = np.linspace(0.5 * math.pi, 2.5 * math.pi, len(group), endpoint=False)
                ring = np.column_stack([np.cos(turn), np.sin(turn)]) * radius
                moved[group] = places[group].mean(axis=0) + ring
        back = self.ax.transData.inverted().transform(moved * pixel)
        for k in np.flatnonzero((moved != places).any(axis=1)):
            self.ax.plot([x[k], back[k, 0]], [y[k], back[k, 1]], color=INK, lw=0.6, zorder=5)
            self.ax.plot([x[k]], [y[k]], ".", color=INK, ms=2, zorder=5)
        return back[:, 0], back[:, 1]

    def keep_clear(self, x: float, y: float, radius_pt: float) -> None:
        """Let no label cover a disc of `radius_pt` points around a place."""
        px, py = self.ax.transData.transform((x, y))
        r = radius_pt * self.figure.dpi / 72
        self.occupied.append(shapely.box(px - r, py - r, px + r, py + r))

    def furnish(self) -> None:
        """Draw north arrow and scale bar in the corners that cover least of what is drawn."""
        arrow = self._free_corner(0.09, 0.14, ("upper right", "upper left", "lower right"))
        self._north_arrow(arrow)
        self._scale_bar(
            self._free_corner(0.3, 0.1, ("lower left", "lower right", "upper left", "upper right"))
        )

    def _free_corner(self, width: float, height: float, corners: Sequence[str]) -> str:
        """Choose a corner for a thing of this size (shares of the panel); the first in a tie."""
        lines, kept = np.array(self.avoided, dtype=object), np.array(self.occupied, dtype=object)

        def cost(corner: str) -> float:
            box = self._corner_box(corner, width, height)
            length = shapely.length(shapely.intersection(lines, box)).sum() if len(lines) else 0.0
            marks = shapely.intersects(kept, box).sum() if len(kept) else 0
            return round(float(length + 1000.0 * marks))

        return min(corners, key=cost)

    def _corner_box(self, corner: str, width: float, height: float) -> Any:
        panel = self.ax.bbox
        w, h = width * panel.width, height * panel.height
        x0 = panel.x1 - w if "right" in corner else panel.x0
        y0 = panel.y1 - h if "upper" in corner else panel.y0
        return shapely.box(x0, y0, x0 + w, y0 + h)

    def _north_arrow(self, corner: str) -> None:
        """Draw the arrow; grid north is true north on the panel's middle meridian."""
        x = 0.958 if "right" in corner else 0.042
        top = 0.975 if "upper" in corner else 0.115
        arrow = self.ax.annotate(
            "北" if self.lang == "zh" else "N", xy=(x, top), xytext=(x, top - 0.09),
            xycoords="axes fraction", ha="center", va="center", fontsize=9, family=self.family,
            color=INK, zorder=9,
            arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4, "mutation_scale": 15},
        )  # fmt: skip
        self._occupy(arrow, 4)

    def _scale_bar(self, corner: str) -> None:
        """Draw the scale bar, right because the plane is in metres."""
        from matplotlib_scalebar.scalebar import ScaleBar

        bar = ScaleBar(
            1, "m", location=corner, length_fraction=0.22, width_fraction=0.008,
            box_alpha=0.85, box_color="white", color=INK, border_pad=0.5, pad=0.3, sep=3,
            font_properties={"family": self.family, "size": 8},
        )  # fmt: skip
        bar.set_zorder(9)
        self.ax.add_artist(bar)
        # a bar draws itself late, so its corner is kept free by rule of thumb
        self.occupied.append(self._corner_box(corner, 0.3, 0.1))

    def label(self, marks: Sequence[Mark]) -> list[str]:
        """Set each label where it covers nothing; return those for which there was no room."""
        in_turn = sorted(marks, key=lambda mark: mark.rank)
        return [mark.text for mark in in_turn if mark.text and not self._place(mark)]

    def label_lines(self, table: Any, names: Sequence[str], *, colour: str = "#1565c0") -> None:
        """Name each river once, on its longest piece; a name without room is dropped quietly."""
        shapes = self.project(table.geometry)
        window = shapely.box(*self._limits(0.03))
        seen = gpd.GeoDataFrame({"name": list(names)}, geometry=shapes.to_numpy(), crs=self.crs)
        seen = seen[seen["name"].notna() & (seen["name"].astype(str) != "")]
        seen.geometry = seen.geometry.intersection(window)
        total = seen.length.groupby(seen["name"]).sum().sort_values(ascending=False, kind="stable")
        for name in total.index[total > 0]:
            pieces = seen[seen["name"] == name].geometry
            longest = shapely.line_merge(shapely.union_all(pieces.to_numpy()))
            longest = max(shapely.get_parts(longest), key=lambda part: part.length)
            for share in (0.5, 0.35, 0.65, 0.2, 0.8):
                at = longest.interpolate(share, normalized=True)
                mark = Mark(at.x, at.y, str(name), 1.5, 7.0, colour)
                if self._place(mark, reaches=(2.0, 6.0), style="italic"):
                    break

    def label_areas(self, table: Any, names: Sequence[str]) -> None:
        """Name areas in grey inside them, off the lines where there is such a place.

        A name without room is dropped quietly.
        """
        window = shapely.box(*self._limits(0.05))
        shapes = self.project(table.geometry).intersection(window)
        for shape, name in zip(shapes, names, strict=True):
            if shape is None or shape.is_empty or not name:
                continue
            spots = [shape.representative_point(), *_spread(shape)]
            marks = [Mark(at.x, at.y, str(name), 0.0, 8.5, "#78909c") for at in spots]
            any(
                self._place(mark, reaches=(0.0,), over_lines=over)
                for over in (False, True)
                for mark in marks
            )

    def _limits(self, margin: float) -> tuple[float, float, float, float]:
        (x0, x1), (y0, y1) = self.ax.get_xlim(), self.ax.get_ylim()
        dx, dy = margin * (x1 - x0), margin * (y1 - y0)
        return x0 + dx, y0 + dy, x1 - dx, y1 - dy

    def _occupy(self, artist: Any, pad_px: float = 0.0) -> None:
        box = artist.get_window_extent(_renderer(self.figure))
        self.occupied.append(
            shapely.box(box.x0 - pad_px, box.y0 - pad_px, box.x1 + pad_px, box.y1 + pad_px)
        )

    def _place(
        self,
        mark: Mark,
        *,
        reaches: tuple[float, ...] = (2.0, 9.0, 18.0, 30.0, 45.0),
        style: str = "normal",
        over_lines: bool = True,
    ) -> bool:
        """Try places around a mark, the nearest first; True if one is free."""
        from matplotlib.patheffects import withStroke

        text = self.ax.text(
            mark.x, mark.y, mark.text, fontsize=mark.size_pt, family=self.family, style=style,
            color=mark.colour, ha="center", va="center", zorder=8,
            path_effects=[withStroke(linewidth=2.2, foreground="white")], parse_math=False,
        )  # fmt: skip
        extent = text.get_window_extent(_renderer(self.figure))
        pixel = self.figure.dpi / 72
        px, py = self.ax.transData.transform((mark.x, mark.y))
        panel = self.ax.bbox
        taken, lines = np.array(self.occupied, dtype=object), shapely.STRtree(self.avoided)
        half_w, half_h = extent.width / 2 + pixel, extent.height / 2 + 0.5 * pixel
        # near and off the lines, else near, else further out with a leader
        passes = [(r, True) for r in reaches if r <= 9]
        passes += [(r, False) for r in reaches if over_lines]
        for reach, strict in passes:
            for angle in (0, 180, 35, -35, 145, -145, 90, -90, 65, -65, 115, -115):
                cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                gap = (mark.radius_pt + reach) * pixel
                cx, cy = px + cos * gap, py + sin * gap
                if reach > 0:
                    cx += math.copysign(half_w, cos) if abs(cos) > 0.3 else 0.0
                    cy += math.copysign(half_h, sin) if abs(sin) > 0.3 else 0.0
                box = shapely.box(cx - half_w, cy - half_h, cx + half_w, cy + half_h)
                if not (panel.x0 + 2 < cx - half_w and cx + half_w < panel.x1 - 2):
                    continue
                if not (panel.y0 + 2 < cy - half_h and cy + half_h < panel.y1 - 2):
                    continue
                tail = shapely.LineString(
                    [(px + cos * gap * 0.99, py + sin * gap * 0.99), (cx, cy)]
                )
                if len(taken) and shapely.intersects(taken, shapely.union(box, tail)).any():
                    continue
                if strict and lines.query(box, predicate="intersects").size:
                    continue
                x, y = self.ax.transData.inverted().transform((cx, cy))
                text.set_position((float(x), float(y)))
                self.occupied.append(box)
                if reach > 9:
                    self._leader(mark, (px, py), box)
                return True
        text.remove()
        return False

    def _leader(self, mark: Mark, start: tuple[float, float], box: Any) -> None:
        """Tie a distant label to its symbol."""
        end = shapely.get_coordinates(shapely.shortest_line(shapely.Point(start), box))[1]
        (x0, y0), (x1, y1) = self.ax.transData.inverted().transform([start, end])
        self.ax.plot([x0, x1], [y0, y1], color=mark.colour, lw=0.5, alpha=0.7, zorder=7)

    def _draw_graticule(self) -> None:
        """Draw meridians and parallels, labelled in degrees and minutes at the edge."""
        x0, y0, x1, y1 = self._limits(0.0)
        to_degrees = pyproj.Transformer.from_crs(self.crs, EXCHANGE_CRS, always_xy=True)
        along_x, along_y = np.linspace(x0, x1, 201), np.linspace(y0, y1, 201)
        bottom_lon, _ = to_degrees.transform(along_x, np.full(201, y0))
        top_lon, _ = to_degrees.transform(along_x, np.full(201, y1))
        _, left_lat = to_degrees.transform(np.full(201, x0), along_y)
        _, right_lat = to_degrees.transform(np.full(201, x1), along_y)
        lon_step = _step(float(bottom_lon[-1] - bottom_lon[0]))
        lat_step = _step(float(left_lat[-1] - left_lat[0]))
        # a label at the very corner would reach over its panel
        inner_x, inner_y = _inner(bottom_lon), _inner(left_lat)
        lons, lats = _multiples(bottom_lon, lon_step), _multiples(left_lat, lat_step)
        style: dict[str, Any] = {"color": _GRID, "lw": 0.4, "ls": (0, (4, 4)), "zorder": 0.5}
        for lon in lons:
            ends = np.interp(lon, bottom_lon, along_x), np.interp(lon, top_lon, along_x)
            self.ax.plot(ends, [y0, y1], **style)
        for lat in lats:
            ends = np.interp(lat, left_lat, along_y), np.interp(lat, right_lat, along_y)
            self.ax.plot([x0, x1], ends, **style)
        words: dict[str, Any] = {"family": self.family, "fontsize": 7, "color": "#455a64"}
        self.ax.set_xticks(
            np.interp(lons, bottom_lon, along_x),
            [_degrees(v, "E") if inner_x(v) else "" for v in lons],
            **words,
        )
        north = [_degrees(v, "N") if inner_y(v) else "" for v in lats]
        self.ax.set_yticks(
            np.interp(lats, left_lat, along_y), north, rotation=90, va="center", **words,
        )  # fmt: skip
        self.ax.tick_params(length=3, width=0.6, color="#546e7a", pad=2)


def add_legend(
    figure: Figure, handles: Iterable[Any], *, at: tuple[float, float], width: float,
    family: list[str], size_pt: float = 7.5,
) -> float:  # fmt: skip
    """Lay out a legend below `at` within `width`; return its height in inches.

    The number of columns is the largest that fits, so that nothing is clipped.
    """
    fig_w, fig_h = figure.get_size_inches()
    entries = list(handles)
    for columns in range(min(len(entries), 9), 0, -1):
        legend = figure.legend(
            handles=entries, loc="upper left", bbox_to_anchor=(at[0] / fig_w, at[1] / fig_h),
            ncols=columns, frameon=False, borderaxespad=0, borderpad=0.1, columnspacing=1.4,
            handletextpad=0.5, labelspacing=0.45, prop={"family": family, "size": size_pt},
        )  # fmt: skip
        box = legend.get_window_extent(_renderer(figure))
        if box.width / figure.dpi <= 0.98 * width or columns == 1:
            return float(box.height / figure.dpi)
        legend.remove()
    return 0.0


def key(**style: Any) -> Any:
    """Make a legend entry: a line, or a symbol with ``ls=""``."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **style)


def _renderer(figure: Figure) -> Any:
    return figure.canvas.get_renderer()  # type: ignore[attr-defined]


def _spread(shape: Any) -> list[Any]:
    """A few more places inside a polygon, for a name that does not fit at the first."""
    x0, y0, x1, y1 = shape.bounds
    grid = [
        shapely.Point(x0 + (x1 - x0) * u, y0 + (y1 - y0) * v)
        for v in (0.5, 0.75, 0.25)
        for u in (0.5, 0.3, 0.7)
    ]
    return [point for point in grid if shape.contains(point)]


def _groups(places: Any, gap: float) -> list[list[int]]:
    """Group places of which each lies within `gap` of another, in their order."""
    near = shapely.STRtree(shapely.points(places)).query(
        shapely.points(places), predicate="dwithin", distance=gap
    )
    group = np.arange(len(places))
    for a, b in near.T.tolist():
        group[group == group[b]] = group[a]
    return [np.flatnonzero(group == g).tolist() for g in np.unique(group)]


def _inner(values: Any) -> Callable[[float], bool]:
    """Tell whether a value lies in the middle 92 per cent of an edge."""
    low, high = values[8], values[-9]
    return lambda value: bool(low <= value <= high)


def _step(span_degrees: float) -> float:
    """Degrees between lines, for about four of them."""
    wanted = span_degrees * 60 / 4
    return min(_STEPS_MIN, key=lambda step: abs(math.log(step / wanted))) / 60


def _multiples(values: Any, step: float) -> Any:
    first, last = math.ceil(values.min() / step), math.floor(values.max() / step)
    return np.arange(first, last + 1) * step


def _degrees(value: float, letter: str) -> str:
    """Write degrees and minutes, with seconds if the step needs them.

    Examples
    --------
    >>> _degrees(106.5, "E"), _degrees(28.7625, "N"), _degrees(29, "N")
    ('106°30′E', '28°45′45″N', '29°00′N')
    """
    total = round(value * 3600)
    degrees, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    return f"{degrees}°{minutes:02d}′" + (f"{seconds:02d}″" if seconds else "") + letter
