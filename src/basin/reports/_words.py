"""Headings, words and number formats of the columns that reports print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from basin.reports._document import Column, clean
from basin.standards.labels import codes, label

__all__ = ["heads", "join_ids", "layer_names"]

#: Column -> table of codes in ``labels.toml``; painted where that table has colours.
_CODES = {
    "verdict": "verdict", "verdict_now": "verdict", "verdict_computed": "verdict",
    "water_class": "water_class",
    "target_class": "water_class", "section_class": "water_class", "tn_class": "water_class",
    "fecal_coliform_class": "water_class", "level": "section_level", "waterbody": "waterbody",
    "item_id": "item", "failing_items": "item", "missing_items": "item",
    "below_detection_items": "item", "confidence": "confidence", "load_basis": "data_basis",
    "data_basis": "data_basis", "status": "outfall_status", "river_class": "river_class",
    "why_not": "what_if_not", "place_verdict": "verdict",
    "class_before": "water_class", "class_after": "water_class", "grade_before": "water_grade",
    "grade_after": "water_grade", "water_grade": "water_grade", "failing_iii": "item",
    "trophic_state": "trophic_state", "tli_missing": "item",
}  # fmt: skip
_PAINTED = {
    "strictest", "mildest", "gcj02_verdict", "verdict", "verdict_now", "verdict_computed",
    "water_class", "place_verdict",
}  # fmt: skip

#: Decimals by the unit that ends a column's name, the longest ending first.
_DIGITS = {
    "_mg_l": 4, "_kg_d": 3, "_m3_s": 3, "_m3_d": 1, "_per_l": 0, "_m2": 1, "_m3": 0, "_h": 1,
    "_min": 0, "_m": 1,
    "lon": 6, "lat": 6, "_deg": 0,
}  # fmt: skip
#: Significant digits of values whose unit differs from row to row.
_SIGNIFICANT = {
    "value": 4, "limit_iii": 4, "target_limit": 4, "multiple": 3, "target_multiple": 3,
    "rs": 3, "w05": 3, "w01": 3, "g_points": 3, "d_points": 3, "d": 3, "tli": 3,
    "load_rel_sd": 2, "p_top3": 2, "p_pass": 2, "p_pass_now": 2, "weight_above": 2,
}  # fmt: skip
_COUNTS = {"rank", "rank_low", "rank_high", "junctions", "corner", "n"}
_SHARES = {
    "share", "share_explained", "share_of_flux", "share_low", "share_high", "inherited_share",
    "explained_share", "remainder_share", "cut_share",
    "done_share", "required", "surveyed_share", "measured_share", "traced_share",
    "rectified_share", "left_share", "allowed_share", "ground_share",
}  # fmt: skip


def heads(keys: Iterable[str], lang: str, **codes: str) -> tuple[Column, ...]:
    """Describe columns by name: heading, codes and format follow from it.

    Parameters
    ----------
    keys
        Names of columns.
    lang
        Language of the headings.
    codes
        Tables of codes for columns whose name is used for more than one, such as ``kind``.
    """
    return tuple(_column(key, lang, codes.get(key, _CODES.get(key, ""))) for key in keys)


def _column(key: str, lang: str, codes: str) -> Column:
    share = key in _SHARES
    fixed = next((n for ending, n in _DIGITS.items() if key.endswith(ending)), None)
    if key in _COUNTS or key.startswith("n_"):
        fixed = 0
    head = "site_action" if codes == "site_action" else key
    return Column(
        key, label("column", head, lang), codes, painted=key in _PAINTED,
        digits=1 if share else fixed, significant=_SIGNIFICANT.get(key), percent=share,
    )  # fmt: skip


def join_ids(ids: Iterable[Any], lang: str) -> str:
    """Write ids in one line."""
    if isinstance(ids, str):
        return clean(ids)
    return ("、" if lang == "zh" else ", ").join(clean(i) for i in ids)


def layer_names(layers: str, lang: str) -> str:
    """Name kinds of zones, and shorelines, that stand in one text; each once."""
    kinds = codes("zone_kind")
    names = [
        label("zone_kind" if one in kinds else "layer", one, lang)
        for one in dict.fromkeys(layers.split(", ")) if one
    ]  # fmt: skip
    return join_ids(names, lang)
