"""Black or white on a ground of any colour, and tints that tell areas apart."""

from __future__ import annotations

__all__ = ["AREA_TINTS", "text_on"]

#: Pale tints in turn, for areas that only have to be told from their neighbours.
AREA_TINTS = ("#a6cee3", "#fdd0a2", "#c7e9c0", "#dadaeb", "#fee391", "#d9d9d9", "#fcbba1")


def text_on(ground: str) -> str:
    """Return the text colour that stands out more on a ground ``#rrggbb`` (WCAG 2 contrast).

    Examples
    --------
    >>> text_on("#b71c1c"), text_on("#fdd835")
    ('#ffffff', '#000000')
    """
    rgb = [int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "#000000"
