"""Invented monitoring: 24 months at every section, written the way laboratories write it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .geo import rng_for

MONTHS = pd.period_range("2024-01", "2025-12", freq="M")
BASE_ITEMS = ["ph", "do", "codmn", "nh3n", "tp", "tn"]  # what the nine basic items leave us

# item: (typical value, spread of the logarithm, digits, detection limit or None)
ITEMS: dict[str, tuple[float, float, int, float | None]] = {
    "ph": (8.0, 0.02, 1, None),
    "do": (8.6, 0.05, 1, None),
    "codmn": (2.3, 0.12, 1, None),
    "cod": (11.0, 0.13, 0, None),
    "bod5": (1.6, 0.15, 1, 0.5),
    "nh3n": (0.16, 0.30, 3, 0.025),
    "tp": (0.055, 0.20, 3, 0.01),
    "cu": (0.002, 0.40, 3, 0.001),
    "zn": (0.012, 0.5, 3, 0.02),
    "f": (0.24, 0.15, 2, None),
    "se": (0.0004, 0.3, 4, 0.0004),
    "as": (0.0011, 0.3, 4, 0.0003),
    "hg": (0.00003, 0.3, 5, 0.00004),
    "cd": (0.00007, 0.3, 5, 0.0001),
    "cr6": (0.003, 0.3, 3, 0.004),
    "pb": (0.0012, 0.4, 4, 0.002),
    "cn": (0.002, 0.3, 3, 0.004),
    "phenol": (0.0005, 0.4, 4, 0.0003),
    "oil": (0.011, 0.35, 2, 0.01),
    "las": (0.04, 0.3, 2, 0.05),
    "sulfide": (0.006, 0.4, 3, 0.01),
    "tn": (1.7, 0.15, 2, None),
    "fecal_coliform": (1900.0, 0.5, -1, 20.0),
}

# Factors on the typical values: what the land above each section does to the water.
CHARACTER: dict[str, dict[str, float]] = {
    "S-FH": {"f": 2.9, "tn": 1.3, "codmn": 1.2},
    "S-WT": {
        "cod": 1.35,
        "codmn": 1.5,
        "tn": 1.9,
        "fecal_coliform": 3.0,
        "tp": 1.9,
        "bod5": 1.6,
        "oil": 1.5,
    },
    "S-ZX": {"tn": 1.3, "cod": 1.1, "tp": 1.25},
    "S-BD": {"tn": 1.2, "fecal_coliform": 2.0},
    "S-D01": {"cod": 1.2, "nh3n": 1.6},
    "S-D02": {"nh3n": 1.4, "codmn": 1.3},
    "S-D03": {"nh3n": 2.4, "tp": 1.9, "cod": 1.4, "fecal_coliform": 4.0},
    "S-D04": {"codmn": 1.2, "tp": 1.4},
    "S-D05": {"nh3n": 0.9},
    "S-D06": {"tp": 1.2, "f": 1.5},
    "S-D07": {"fecal_coliform": 2.2},
    "S-D08": {"tn": 1.2, "cod": 1.15},
    "S-D09": {"tp": 0.45, "tn": 0.42, "nh3n": 0.6},
}

# The scenario, month by month.
TP_FUHUAN = [
    0.09,
    0.10,
    0.11,
    0.12,
    0.14,
    0.15,
    0.14,
    0.13,
    0.12,
    0.11,
    0.10,
    0.10,
    0.16,
    0.17,
    0.18,
    0.19,
    0.27,
    0.31,
    0.33,
    0.30,
    0.27,
    0.19,
    0.18,
    0.17,
]
NH3N_WENTANG = [
    0.82,
    0.88,
    0.79,
    0.70,
    0.61,
    0.52,
    0.48,
    0.55,
    0.66,
    0.72,
    0.84,
    0.91,
    1.34,
    1.46,
    1.38,
    1.22,
    1.10,
    0.91,
    0.86,
    0.97,
    1.21,
    1.36,
    1.52,
    1.58,
]
NH3N_ZHAIXI = [
    0.29,
    0.31,
    0.28,
    0.25,
    0.22,
    0.19,
    0.18,
    0.20,
    0.23,
    0.26,
    0.30,
    0.32,
    0.41,
    0.44,
    0.42,
    0.38,
    0.34,
    0.29,
    0.28,
    0.30,
    0.37,
    0.41,
    0.45,
    0.46,
]
SCENARIO = {
    ("S-FH", "tp"): TP_FUHUAN,
    ("S-WT", "nh3n"): NH3N_WENTANG,
    ("S-ZX", "nh3n"): NH3N_ZHAIXI,
}

# Months that a section has no sample at all.
MISSING = {
    "S-D01": ["2024-02", "2025-02"],
    "S-D02": ["2024-08"],
    "S-D04": ["2025-06", "2025-07"],
    "S-D09": ["2024-01", "2024-02", "2025-01", "2025-02"],
    "S-PD": ["2024-06"],
}


def _season(month: int, item: str) -> float:
    """Return the factor of the season: summer is low in oxygen and rich in what rain washes in."""
    summer = np.cos(2 * np.pi * (month - 7) / 12)
    return float(
        1
        + {
            "do": -0.13,
            "tp": 0.20,
            "codmn": 0.12,
            "cod": 0.08,
            "nh3n": -0.20,
            "tn": 0.08,
            "fecal_coliform": 0.3,
            "ph": -0.005,
        }.get(item, 0.0)
        * summer
    )


def _cell(
    section_id: str,
    item: str,
    value: float,
    digits: int,
    limit: float | None,
    rng: np.random.Generator,
) -> str:
    """Return the text of a cell; below the limit it is written as the laboratory likes."""
    if limit is not None and value < limit:
        style = {"S-FH": 0, "S-WT": 0, "S-PD": 2}.get(section_id, 1)
        if style == 1 and section_id.startswith("S-D") and rng.random() < 0.12:
            return "未检出"
        return (
            [f"<{limit:g}", f"{limit:g}L", f"＜{limit:g}"][style]
            if limit >= 1e-4
            else ([f"<{limit:.5f}", f"{limit:.5f}L", f"＜{limit:.5f}"][style])
        )
    if item == "fecal_coliform":
        return str(int(round(value, -1)))
    return f"{value:.{max(digits, 0)}f}"


def draw_samples(sections: pd.DataFrame) -> pd.DataFrame:
    """Return the table of samples as text cells: section_id, date, one column per item."""
    rows = []
    for section_id, level in zip(sections["section_id"], sections["level"], strict=True):
        rng = rng_for("samples", section_id)
        for k, month in enumerate(MONTHS):
            day = int(rng.integers(3, 10))
            quarter = month.month in (1, 4, 7, 10)
            row: dict[str, str] = {"section_id": section_id, "date": f"{month}-{day:02d}"}
            for item, (typical, spread, digits, limit) in ITEMS.items():
                factor = CHARACTER.get(section_id, {}).get(item, 1.0)
                value = (
                    typical
                    * factor
                    * _season(month.month, item)
                    * np.exp(spread * float(np.clip(rng.normal(), -1.8, 1.8)))
                )
                planned = SCENARIO.get((section_id, item))
                if planned is not None:
                    value, digits = planned[k], 2
                text = _cell(section_id, item, value, digits, limit, rng)
                # "9+X": between the quarters only the basic items, X is what the place is known for
                extra = {"S-FH": ["f"], "S-WT": ["cod"]}.get(section_id, [])
                full = level == "national" or quarter
                if not full and item not in [*BASE_ITEMS, *extra]:
                    text = ""
                if planned is None and rng.random() < 0.006:
                    text = ""  # a lost bottle
                row[item] = text
            if str(month) not in MISSING.get(section_id, []):
                rows.append(row)
    return pd.DataFrame(rows)
