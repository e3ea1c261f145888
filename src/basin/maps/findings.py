"""Siting findings in the popups: each with its distance, limit, law and evidence."""

from __future__ import annotations

from typing import Any

import pandas as pd

from basin._text import number
from basin.maps.cells import as_text, number_in, strings
from basin.maps.content import Record, badge, note
from basin.maps.words import words
from basin.standards.labels import codes, colour, label

__all__ = ["metres", "tell_findings"]

#: Reasons that say no more than the verdict does.
_PLAIN_REASONS = frozenset({"hit", "clear"})


def metres(value: float) -> str:
    """Write metres to 0.1 m: what decides near a limit must not be rounded away."""
    return number(round(float(value), 1), 5)


def tell_findings(
    records: list[Record], table: pd.DataFrame, findings: pd.DataFrame | None, lang: str
) -> None:
    """Put each site's findings into its record, the strictest first, untouched rules folded."""
    if findings is None or len(findings) == 0 or "site_id" not in findings.columns:
        return
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in pd.DataFrame(findings).to_dict("records"):
        found.setdefault(str(finding["site_id"]), []).append(
            {str(k): v for k, v in finding.items()}
        )
    strictness = {code: place for place, code in enumerate(codes("verdict"))}
    for record, site_id in zip(records, strings(table, "site_id"), strict=True):
        own = sorted(
            found.get(site_id, []), key=lambda f: strictness.get(str(f.get("verdict")), 99)
        )
        touched = [_finding_note(f, lang) for f in own if f.get("verdict") != "clear"]
        clear = [_finding_note(f, lang) for f in own if f.get("verdict") == "clear"]
        if touched:
            record["notes"] = touched
        if clear:
            title = words("findings_clear", lang, n=len(clear))
            record["folded"] = {"title": title, "notes": clear}


def _finding_note(finding: dict[str, Any], lang: str) -> dict[str, Any]:
    def text(key: str, kind: str | None = None) -> str | None:
        """The cell in the map's language where there is one, else in Chinese."""
        own = as_text(finding.get(f"{key}_{lang}"), lang=lang)
        return own or as_text(finding.get(key, finding.get(f"{key}_zh")), kind=kind, lang=lang)

    def told(key: str, *parts: str | None) -> str:
        known = [part for part in parts if part]
        return words(key, lang, text=" · ".join(known)) if known else ""

    verdict = str(finding.get("verdict"))
    comma = "，" if lang == "zh" else ", "
    lines = [
        _reason(finding, lang),
        comma.join(_measures(finding, lang)),
        told("basis", text("basis"), text("confidence", "confidence")),
        told("edition", text("edition")),
        told("evidence", text("evidence"), text("evidence_edition")),
        told("exemption", text("exemption")),
        text("note") or "",
    ]
    return note(
        badge(label("verdict", verdict, lang), colour("verdict", verdict)),
        text("title") or text("rule_id") or "",
        [line for line in lines if line],
    )


def _reason(finding: dict[str, Any], lang: str) -> str:
    """Why the finding reads as it does, with the layer that is missing, if one is."""
    reason = as_text(finding.get("reason"), lang=lang)
    if reason is None or reason in _PLAIN_REASONS:
        return ""
    missing = as_text(finding.get("missing"), kind="zone_kind", lang=lang)
    colon = "：" if lang == "zh" else ": "
    return label("finding_reason", reason, lang) + (colon + missing if missing else "")


def _measures(finding: dict[str, Any], lang: str) -> list[str]:
    """Distance with its error, limit, margin and overlap of one finding, those that are known."""

    distance, error, limit = (
        number_in(finding, "distance_m"),
        number_in(finding, "error_m"),
        number_in(finding, "limit_m"),
    )
    margin, overlap, share = (
        number_in(finding, "margin_m"),
        number_in(finding, "overlap_m2"),
        number_in(finding, "share"),
    )
    parts = []
    if not limit and not distance:
        distance = None  # within a zone there is no distance to tell
    if distance is not None and error:
        parts.append(words("distance_error", lang, d=metres(distance), e=metres(error)))
    elif distance is not None:
        parts.append(words("distance", lang, d=metres(distance)))
    if limit:
        parts.append(words("limit", lang, l=metres(limit)))
    if margin is not None and limit:
        side = "inside" if margin >= 0 else "outside"
        parts.append(words(side, lang, m=metres(abs(margin))))
    if overlap:
        percent = number(100 * (share or 0), 3)
        parts.append(words("overlap", lang, a=number(overlap), s=percent))
    return parts
