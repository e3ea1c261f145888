"""The package as a user gets it: the wheel in a clean environment, and a cheap import."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
    return next(folder.glob("basin_gis-*.whl"))


def test_the_wheel_holds_what_the_package_reads(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "basin/py.typed",
        "basin/sample_layers/basin.toml",
        "basin/sample_layers/dem.tif",
    } <= names
    assert any(n.startswith("basin/standards/") and n.endswith(".toml") for n in names)
    assert any(n.startswith("basin/assets/") for n in names)
    data = {
        p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*") if p.is_file()
    }
    left_out = {n for n in data - names if "__pycache__" not in n}
    assert not left_out


def test_the_wheel_runs_in_a_clean_environment(wheel: Path, tmp_path: Path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    basin = tmp_path / "env" / "bin" / "basin"
    assert "siting limits" in run(basin, "--help", cwd=elsewhere)
    assert "0.1.0" in run(basin, "--version", cwd=elsewhere)
    # core dependencies alone check a site and draw the map
    sample = "from basin.demo import sample_path; print(sample_path())"
    project = run(python, "-c", sample, cwd=elsewhere).strip()
    assert str(tmp_path) in project
    run(basin, "check", project, "-o", "siting.xlsx", cwd=elsewhere)
    run(basin, "map", project, "-o", "basin.html", cwd=elsewhere)
    assert (elsewhere / "siting.xlsx").stat().st_size > 5_000
    assert (elsewhere / "basin.html").stat().st_size > 400_000


def test_importing_basin_loads_no_heavy_library():
    heavy = ("geopandas", "pandas", "numpy", "rasterio", "folium", "networkx", "matplotlib")
    code = f"import basin, basin.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    assert run(sys.executable, "-c", code).strip() == "[]"


def test_gdal_skips_drivers_that_follow_addresses_before_it_is_loaded():
    code = "import basin, os; print(os.environ['GDAL_SKIP'])"
    assert run(sys.executable, "-c", code).split() == ["OGR_VRT", "GDALG"]


def test_importing_basin_leaves_rasterio_whole():
    code = (
        "import basin, rasterio.warp as w; "
        "print(w.calculate_default_transform('EPSG:4490', 'EPSG:3857', 9, 9, 106, 29, 107, 30)[1])"
    )
    assert int(run(sys.executable, "-c", code)) > 0


def test_every_public_name_exists():
    code = "import basin; [getattr(basin, n) for n in basin.__all__]; print(len(dir(basin)))"
    assert int(run(sys.executable, "-c", code)) > 10
