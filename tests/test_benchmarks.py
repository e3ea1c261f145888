"""The benchmarks run, at a size that measures nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.mark.parametrize("subject", ["build", "label", "upstream", "pairs", "snap", "carry"])
def test_network_subject_runs(subject, monkeypatch, capsys):
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("network_benchmark", FOLDER / "network.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--size", "200", "--rounds", "1", "--only", subject])
    lines = capsys.readouterr().out.splitlines()
    assert any("ratio" in line for line in lines)
    sys.modules.pop("synthetic", None)


@pytest.mark.parametrize("subject", ["draws", "year"])
def test_tracing_subject_runs(subject, monkeypatch, capsys):
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("tracing_benchmark", FOLDER / "tracing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--size", "1000", "--rounds", "1", "--only", subject])
    assert capsys.readouterr().out.count("ratio") == 2
    for name in ("synthetic", "network"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("subject", ["flow", "catchments", "points"])
def test_terrain_subject_runs(subject, capsys):
    pytest.importorskip("pyflwdir")
    spec = importlib.util.spec_from_file_location("terrain_benchmark", FOLDER / "terrain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--side", "150", "--rounds", "1", "--points", "30", "--only", subject])
    assert "ratio" in capsys.readouterr().out


def test_attribution_runs(monkeypatch, capsys):
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(
        "attribution_benchmark", FOLDER / "attribution.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--size", "300", "--outfalls", "500", "--rounds", "1", "--braids", "0"])
    assert capsys.readouterr().out.count("ratio") == 2
    for name in ("synthetic", "network"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("subject", ["km1", "km5", "classes", "zones"])
def test_siting_subject_runs(subject, capsys):
    pytest.importorskip("scipy")
    spec = importlib.util.spec_from_file_location("siting_benchmark", FOLDER / "siting.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--scale", "0.002", "--rounds", "1", "--only", subject])
    out = capsys.readouterr().out
    assert "ratio" in out
    if subject.startswith("km"):
        assert "misclassified: basin 0, shoreline_distance 0" in out


@pytest.mark.browser
def test_maps_against_folium_run(monkeypatch, capsys):
    pytest.importorskip("scipy")
    pytest.importorskip("playwright")
    if not (os.environ.get("BASIN_CHROMIUM") or shutil.which("chromium")):
        pytest.skip("no Chromium")
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("maps_benchmark", FOLDER / "maps.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--points", "100", "--reaches", "60", "--rounds", "1"])
    out = capsys.readouterr().out
    assert [f"ratio {what}" in out for what in ("write", "bytes", "script")] == [True] * 3
    sys.modules.pop("synthetic", None)
