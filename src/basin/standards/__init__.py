"""Dated records: limits, rule packs, kinds and colours, each with its source and clause."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from basin.standards.labels import codes, colour, label

if TYPE_CHECKING:
    from basin.standards.quality import classify, gb3838
    from basin.standards.rules import load_rules

__all__ = ["classify", "codes", "colour", "gb3838", "label", "load_rules"]

# words and colours load at once; what needs pandas loads when it is first used
_FROM = {"classify": "quality", "gb3838": "quality", "load_rules": "rules"}


def __getattr__(name: str) -> Any:
    if name in _FROM:
        return getattr(import_module(f"basin.standards.{_FROM[name]}"), name)
    raise AttributeError(f"module 'basin.standards' has no attribute {name!r}")
