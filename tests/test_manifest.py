"""`manifest.json` and `basin verify`: which run made a file, from what, and is it still that?"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from basin.cli import main
from basin.demo import run_demo
from basin.errors import LayerError, masked
from basin.manifest import unchanged_outputs, verify_folder
from places import SAMPLE


def basin(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], env={"BASIN_LANG": "en"})


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the sample that may be changed."""
    folder = tmp_path_factory.mktemp("project") / "sample"
    shutil.copytree(SAMPLE, folder)
    return folder


@pytest.fixture
def out(tmp_path, project):
    folder = tmp_path / "out"
    done = basin("network", project, "-o", folder / "network.gpkg")
    assert done.exit_code == 0, done.output
    return folder


def test_a_manifest_names_outputs_inputs_versions_and_command(out, project):
    content = manifest(out)
    assert {p.name for p in out.iterdir()} == {"network.gpkg", "manifest.json"}
    stated = content["outputs"]["network.gpkg"]
    assert stated["sha256"] == sha256(out / "network.gpkg")
    assert stated["bytes"] == (out / "network.gpkg").stat().st_size
    run = content["runs"][stated["run"]]
    assert run["command"] == ["basin", "network", str(project), "-o", str(out / "network.gpkg")]
    assert run["date"] == "2026-03-31"
    assert run["project"] == "綦江示意流域"
    assert {"basin", "geopandas", "gdal", "proj", "geos", "python"} <= run["versions"].keys()
    read = {(out / name).resolve().name: digest["sha256"] for name, digest in run["inputs"].items()}
    assert read["rivers.gpkg"] == sha256(project / "rivers.gpkg")
    assert read["basin.toml"] == sha256(project / "basin.toml")
    assert read["dem.tif"] == sha256(project / "dem.tif")


def test_the_parts_of_a_shapefile_and_the_rule_packs_are_listed(tmp_path, project):
    done = basin("check", project, "-o", tmp_path / "siting.json")
    assert done.exit_code == 0, done.output
    (run,) = manifest(tmp_path)["runs"].values()
    packs = Path(__file__).parents[1] / "src/basin/standards/rule_packs"
    assert run["rules"] == {n: sha256(packs / f"{n}.toml") for n in ("china-yangtze", "chongqing")}
    done = basin("trace", project, "S-FH", "-o", tmp_path / "trace.json")
    assert done.exit_code == 0, done.output
    content = manifest(tmp_path)
    assert set(content["outputs"]) == {"siting.json", "trace.json"}  # two runs, one folder
    assert len(content["runs"]) == 2
    inputs = content["runs"][content["outputs"]["trace.json"]["run"]]["inputs"]
    names = {Path(name).name for name in inputs}
    assert {"outfalls.shp", "outfalls.dbf", "outfalls.shx", "outfalls.prj"} <= names
    assert basin("verify", tmp_path).exit_code == 0


def test_verify_finds_what_differs(out, project, tmp_path):
    assert basin("verify", out).exit_code == 0
    path = out / "network.gpkg"
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1  # one bit
    path.write_bytes(bytes(raw))
    done = basin("verify", out, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["changed"] == ["network.gpkg"]
    path.unlink()
    done = basin("verify", out)
    assert done.exit_code == 1
    assert "missing: network.gpkg" in done.output
    none = basin("verify", tmp_path)
    assert none.exit_code == 2
    assert "there is no manifest.json" in none.output


def test_a_changed_input_makes_the_outputs_out_of_date(tmp_path, project):
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    assert basin("network", copy, "-o", tmp_path / "out" / "n.json").exit_code == 0
    with (copy / "basin.toml").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    found = verify_folder(tmp_path / "out")
    assert [Path(p).name for p in found.inputs_changed] == ["basin.toml"]
    assert not found.ok
    assert "inputs changed" in found.explain("en")
    shutil.rmtree(copy)  # the folder was sent on without the inputs
    found = verify_folder(tmp_path / "out")
    assert found.ok
    assert found.inputs_missing


def test_equal_runs_give_equal_bytes(out, project):
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    done = basin("network", project, "-o", out / "network.gpkg", "--overwrite")
    assert done.exit_code == 0, done.output
    after = {p.name: p.read_bytes() for p in out.iterdir()}
    assert after["network.gpkg"] == before["network.gpkg"]
    first, second = (json.loads(x["manifest.json"]) for x in (before, after))
    assert first["outputs"]["network.gpkg"]["sha256"] == second["outputs"]["network.gpkg"]["sha256"]
    assert len(second["runs"]) == 1  # the run that made nothing any more is gone


def test_an_existing_file_stays_without_overwrite(out, project):
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    done = basin("network", project, "-o", out / "network.gpkg")
    assert done.exit_code == 2
    assert "exists already" in done.output
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_an_input_is_never_overwritten(project):
    before = sha256(project / "rivers.gpkg")
    done = basin("network", project, "-o", project / "rivers.gpkg", "--overwrite")
    assert done.exit_code == 2
    assert "is an input" in done.output
    assert sha256(project / "rivers.gpkg") == before
    assert not (project / "manifest.json").exists()


def test_a_manifest_is_no_layer(tmp_path):
    for name in ("rivers.gpkg", "shorelines.gpkg"):
        shutil.copy(SAMPLE / name, tmp_path)
    assert basin("network", tmp_path, "-o", tmp_path / "n.gpkg").exit_code == 0
    done = basin("validate", tmp_path, "--json")
    kinds = {p["kind"] for p in json.loads(done.stdout)["problems"]}
    assert "file_unused" not in kinds


def test_a_run_that_fails_leaves_no_file(tmp_path, project):
    done = basin("trace", project, "no-such", "-o", tmp_path / "t.gpkg")
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_answer_with_exit_code_1_is_written(tmp_path, project):
    done = basin("assess", project, "--fail-on", "failing", "-o", tmp_path / "a.json")
    assert done.exit_code == 1, done.output
    assert {p.name for p in tmp_path.iterdir()} == {"a.json", "manifest.json"}


def test_a_file_that_is_no_manifest_is_not_replaced(tmp_path, project):
    (tmp_path / "manifest.json").write_text('{"name": "another program"}', "utf-8")
    done = basin("network", project, "-o", tmp_path / "n.json")
    assert done.exit_code == 2
    assert "is not a manifest of basin" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]
    assert basin("verify", tmp_path).exit_code == 2


@pytest.mark.parametrize("name", ["../x", "a/b", "..\\x"])
def test_a_manifest_names_files_of_its_folder_only(tmp_path, name):
    outputs = {name: {"sha256": "0", "bytes": 1, "run": "r"}}
    content = {"format": "basin-manifest-1", "outputs": outputs, "runs": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(content), "utf-8")
    assert basin("verify", tmp_path).exit_code == 2


def test_passwords_do_not_reach_the_manifest():
    text = "postgresql://user:p@s/s@db/gis?password=abc&x=1 PGPASSWORD=efg"
    assert masked(text) == "postgresql://user:***@db/gis?password=***&x=1 PGPASSWORD=***"
    assert masked("https://host/path") == "https://host/path"


def test_the_demo_from_python_knows_its_own_files_the_next_time(tmp_path):
    done = run_demo(None, tmp_path, "en")
    assert verify_folder(tmp_path).ok
    first = manifest(tmp_path)
    assert {path.name for path in done.files} == set(first["outputs"])
    read = {Path(name).name for run in first["runs"].values() for name in run["inputs"]}
    assert {"rivers.gpkg", "basin.toml"} <= read
    run_demo(None, tmp_path, "en")
    assert manifest(tmp_path)["outputs"] == first["outputs"]
    (tmp_path / "siting.html").write_text("mine", "utf-8")
    with pytest.raises(LayerError, match="exists already"):
        run_demo(None, tmp_path, "en")
    assert (tmp_path / "siting.html").read_text("utf-8") == "mine"


def test_the_demo_replaces_only_what_it_made(tmp_path):
    first = basin("demo", "-o", tmp_path, "--lang", "en")
    assert first.exit_code == 0, first.output
    assert verify_folder(tmp_path).ok
    own = {p.name for p in unchanged_outputs(tmp_path)}
    assert {"basin.html", "layers.gpkg", "siting.xlsx"} <= own
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    assert verify_folder(tmp_path).extra == ["notes.txt"]
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    again = basin("demo", "-o", tmp_path, "--lang", "en")
    assert again.exit_code == 0, again.output
    after = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert {n for n in before if after[n] != before[n]} <= {"manifest.json"}  # it lists notes.txt
    assert verify_folder(tmp_path).ok
    (tmp_path / "siting.html").write_text("my own words", "utf-8")
    refused = basin("demo", "-o", tmp_path, "--lang", "en")
    assert refused.exit_code == 2
    assert "siting.html exists already" in refused.output
    assert (tmp_path / "siting.html").read_text("utf-8") == "my own words"
    assert (tmp_path / "basin.html").read_bytes() == before["basin.html"]
