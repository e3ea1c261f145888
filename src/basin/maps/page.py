"""The page that carries a map: one HTML file with everything in it, from which no request leaves.

Three fences keep data from becoming code. Data travels as JSON in which no character can open a
tag, a template or a script; the one script of the page writes it by ``textContent``; and the
Content-Security-Policy names the page's own scripts by their hash, so that no other script, event
handler or ``javascript:`` link runs, and no address is called.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

import folium
from branca.element import CssLink, Figure, JavascriptLink
from folium.template import Template

from basin._text import escape
from basin.errors import BasinError
from basin.layers import atomic_write

__all__ = ["OfflineMap", "escape", "safe_json"]

#: Our own script, in the order in which its parts build on each other.
_PARTS = (
    "core",
    "symbols",
    "features",
    "popups",
    "labels",
    "panel",
    "search",
    "measure",
    "print",
    "tools",
    "clock",
    "basin",
)

_BRACES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "{}"})
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def safe_json(data: Any) -> str:
    r"""Write data as JSON that is inert in HTML, in Jinja and in JavaScript.

    In every string the characters ``< > & { } ` $`` and the line separators U+2028 and U+2029 are
    written as ``\uXXXX``; parsing gives the same data back. The braces of JSON itself remain: one
    is followed by a quotation mark or a brace that closes it, which no template reads as its own.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has no word for it.

    Examples
    --------
    >>> safe_json({"a": "{{ 1 }}"})
    '{"a":"\\u007b\\u007b 1 \\u007d\\u007d"}'
    """
    # a lone surrogate cannot be written as UTF-8
    return _inert_json(data).encode("utf-8", "backslashreplace").decode("utf-8")


def _inert_json(data: Any) -> str:
    """Write the JSON: objects member by member, so that other braces stand in strings alone."""
    if isinstance(data, dict):
        members = (f"{_inert_json(str(k))}:{_inert_json(v)}" for k, v in data.items())
        return "{" + ",".join(members) + "}"
    if isinstance(data, list | tuple) and any(isinstance(v, dict) for v in data):
        return "[" + ",".join(map(_inert_json, data)) + "]"
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&`$\u2028\u2029":  # only in strings
        text = text.replace(character, f"\\u{ord(character):04x}")
    if "{" in text or "}" in text:
        text = _JSON_STRING.sub(lambda found: found[0].translate(_BRACES), text)
    return text


@cache
def _asset(name: str) -> str:
    text = files("basin").joinpath("assets", name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


@cache
def _script_url(name: str) -> str:
    text = re.sub(r"\n//# sourceMappingURL=.*", "", _asset(name))  # the file it names is not here
    text = text.replace("https://leafletjs.com", "leafletjs.com")
    return _data_url("text/javascript", text.encode())


@cache
def _style_url(name: str) -> str:
    text = re.sub(r"/\*.*?\*/", "", _asset(name), flags=re.DOTALL)

    def embed(found: re.Match[str]) -> str:
        image = files("basin").joinpath("assets", Path(name).parent.as_posix(), found[1])
        return f"url({_data_url('image/png', image.read_bytes())})"

    return _data_url("text/css", re.sub(r"url\((images/[\w-]+\.png)\)", embed, text).encode())


def _content(url: str) -> str:
    """Decode one of our own data URLs; any other address is refused."""
    if not url.startswith("data:"):
        raise BasinError(
            f"the map would load {url} from the network",
            mend="Leave that folium plugin out: an offline map carries all its parts.",
        )
    return base64.b64decode(url.partition(",")[2]).decode("utf-8")


def _inert_script(text: str) -> str:
    """Keep a text from closing its script; inside JavaScript strings the meaning stays."""
    return re.sub(r"<(?=/script|!--)", r"\\x3C", text, flags=re.IGNORECASE)


class _Page(Figure):  # type: ignore[misc, unused-ignore]
    """A branca figure that writes its parts into the page and names its scripts by hash."""

    def __init__(self, title: str, lang: str, allow: tuple[str, ...]) -> None:
        super().__init__(title=title)
        self.lang = lang
        self.pictures = " ".join(["data:", *allow])

    def render(self, **kwargs: Any) -> str:
        for child in self._children.values():
            child.render(**kwargs)
        scripts, styles, others = [], [], []
        for element in self.header._children.values():
            if isinstance(element, JavascriptLink):
                scripts.append(_inert_script(_content(element.url)))
            elif isinstance(element, CssLink):
                styles.append(_content(element.url))
            else:
                others.append(element.render(**kwargs).strip())
        main = _inert_script("\n" + self.script.render(**kwargs).strip() + "\n")
        hashes = " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
            for s in [*scripts, main]
        )
        policy = (
            f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
            f"img-src {self.pictures}; base-uri 'none'; form-action 'none'"
        )
        return "\n".join(
            [
                "<!DOCTYPE html>",
                f'<html lang="{"zh-CN" if self.lang == "zh" else "en"}">',
                "<head>",
                '<meta charset="utf-8">',
                f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
                '<meta name="referrer" content="no-referrer">',
                f"<title>{escape(self.title)}</title>",
                *others,
                *(f"<style>{s}</style>" for s in styles),
                *(f"<script>{s}</script>" for s in scripts),
                "</head>",
                "<body>",
                self.html.render(**kwargs).strip(),
                f"<script>{main}</script>",
                "</body>",
                "</html>",
                "",
            ]
        )


class OfflineMap(folium.Map):  # type: ignore[misc, unused-ignore]
    """A folium map in one HTML file that opens without a network and calls no address.

    Leaflet and `basin`'s own script are in the page; there are no tiles, no jQuery, no web font.
    Layers of folium itself that need Leaflet alone (``GeoJson``, ``CircleMarker``,
    ``GeoJsonPopup``) can be added; their strings must go through :func:`escape`, since folium runs
    them as templates.

    Parameters
    ----------
    content
        What to draw, as plain data (see :mod:`basin.maps.content`); None is an empty map.
    title
        The page's title.
    lang : {'zh', 'en'}
    allow
        Origins (``https://host``) from which the page may load pictures: those of tile services.
    **options
        Leaflet's and folium's map options.

    Raises
    ------
    BasinError
        On rendering, if an added plugin would load from the network.
    """

    default_js = [  # noqa: RUF012 - the base class's own form
        ("leaflet", _script_url("leaflet/leaflet.js")),
        ("supercluster", _script_url("supercluster/supercluster.min.js")),
        ("geodesic", _script_url("geographiclib/geographiclib-geodesic.min.js")),
        *((f"basin_{name}", _script_url(f"map/{name}.js")) for name in _PARTS),
    ]
    default_css = [  # noqa: RUF012
        ("leaflet_css", _style_url("leaflet/leaflet.css")),
        ("basin_css", _style_url("map/basin.css")),
    ]

    _template = Template(
        """
        {% macro header(this, kwargs) %}
            <meta name="viewport" content="width=device-width, initial-scale=1">
        {% endmacro %}

        {% macro html(this, kwargs) %}
            <div class="folium-map basin-map" id="{{ this.get_name() }}"></div>
            <script type="application/json" id="{{ this.get_name() }}_content">
            {{- this.content_json -}}
            </script>
        {% endmacro %}

        {% macro script(this, kwargs) %}
            var {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
                center: {{ this.location|tojson }},
                crs: L.CRS.{{ this.crs }},
                ...{{ this.options|tojavascript }}
            });
            basin.draw({{ this.get_name() }}, {{ this.get_name()|tojson }} + "_content");
        {% endmacro %}
        """
    )

    def __init__(
        self,
        content: Mapping[str, Any] | None = None,
        *,
        title: str = "",
        lang: str = "zh",
        allow: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        options = {
            "location": [29.0, 107.0],
            "zoom_start": 7,
            "tiles": None,
            "prefer_canvas": True,
            "zoom_snap": 0.25,  # without tiles nothing blurs between whole levels
            "zoom_control": False,  # our script sets it below the title
            **options,
        }
        super().__init__(**options)
        self.lang = lang
        self.content_json = safe_json(dict(content or {}))
        # the same content gives the same bytes; folium's own ids are random
        self._id = hashlib.sha256(self.content_json.encode()).hexdigest()[:16]
        _Page(title or "basin", lang, allow).add_child(self)

    @property
    def content(self) -> dict[str, Any]:
        """What the page draws, read back from its JSON."""
        return dict(json.loads(self.content_json))

    @property
    def counts(self) -> dict[str, int]:
        """Features drawn, by layer of the panel; one that was handed in by its name."""
        rows = [row for row in self.content["rows"] if row["count"]]
        handed = (row["name"] if row["id"].startswith("layer:") else row["id"] for row in rows)
        return {name: int(row["count"]) for name, row in zip(handed, rows, strict=True)}

    def to_html(self) -> str:
        """Return the whole page as text."""
        return str(self.get_root().render())

    def save(
        self,
        outfile: str | bytes | Path | BinaryIO,
        close_file: bool = True,
        *,
        overwrite: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write the page, whole or not at all.

        Parameters
        ----------
        outfile
            A path, or a binary file that is open for writing.
        close_file
            Whether to close such a file after writing.
        overwrite
            Replace a file of that name (as folium does).

        Raises
        ------
        LayerError
            If the path is a folder or cannot be written.
        """
        page = self.to_html().encode("utf-8")
        if isinstance(outfile, str | bytes | Path):
            with atomic_write(os.fsdecode(outfile), overwrite=overwrite) as draft:
                draft.write_bytes(page)
            return
        outfile.write(page)
        if close_file:
            outfile.close()
