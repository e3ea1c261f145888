"""Dated records: limits, rule packs, kinds and colours, each with its source and clause."""

from __future__ import annotations

from basin.standards.labels import codes, colour, label

__all__ = ["codes", "colour", "label"]
