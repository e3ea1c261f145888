"""Where the sample basin lies."""

from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample_layers"
