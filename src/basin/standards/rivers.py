"""Which rivers the law calls main stem and important tributary: records of ``rivers.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["river_law"]


@cache
def river_law() -> dict[str, Any]:
    """Return the records: ``law``, ``main_stem``, ``important_tributary``.

    References
    ----------
    《中华人民共和国长江保护法》第九十五条; each record has its confidence.

    Examples
    --------
    >>> river_law()["important_tributary"]["min_area_km2"]
    10000.0
    """
    text = files("basin.standards").joinpath("rivers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
