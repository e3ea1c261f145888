"""PostGIS: a real server, started for the tests on a port of its own.

It needs PostgreSQL with PostGIS (``tests/setup_system.sh`` installs both where it may). Without
them these tests are skipped; in CI they fail.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from basin.cli import main
from basin.errors import BasinError, LayerError
from basin.layers import layer_names, read_layer
from basin.layers.database import shown_database
from basin.manifest import verify_folder
from basin.project import open as open_project

PASSWORD = "p@ss/w:rd"  # noqa: S105 - of a server that lives as long as these tests
QUOTED = "p%40ss%2Fw%3Ard"


def programs() -> Path | None:
    """The newest PostgreSQL that has PostGIS."""
    for home in sorted(Path("/usr/lib/postgresql").glob("*"), reverse=True):
        if Path(f"/usr/share/postgresql/{home.name}/extension/postgis.control").exists():
            return home / "bin"
    return None


def missing() -> str | None:
    if programs() is None:
        return "no PostgreSQL with PostGIS: apt-get install postgresql postgresql-postgis"
    if os.getuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    return None


def as_server(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    return ["runuser", "-u", "postgres", "--", *command] if os.getuid() == 0 else list(command)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a new server on loopback; its user is `basin`."""
    if why := missing():
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    found = programs()
    assert found is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="basin-pg-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "password").write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (home, home / "password"):
                shutil.chown(path, "postgres")
        data = str(home / "data")
        quiet = {"check": True, "capture_output": True, "cwd": "/"}
        setup = [f"--pwfile={home / 'password'}", "-A", "scram-sha-256", "-E", "UTF8"]
        subprocess.run(
            as_server(f"{found}/initdb", "-D", data, "-U", "basin", "-N", *setup), **quiet
        )
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -k {home}"
        control = as_server(f"{found}/pg_ctl", "-D", data, "-w")
        log = ["-l", str(home / "log"), "-o", options]
        # pg_ctl's child would hold a captured pipe open
        subprocess.run([*control, *log, "start"], check=True, cwd="/", stdout=subprocess.DEVNULL)
        try:
            fill(f"postgresql://basin:{QUOTED}@127.0.0.1:{port}/postgres")
            yield f"postgresql://basin:{QUOTED}@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def fill(address: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as link:
        for command in (
            "CREATE EXTENSION postgis",
            'CREATE SCHEMA "环保"',
            'CREATE TABLE "环保"."排污口" ("编号" text, "名称" text, "整治措施" varchar(20), '
            '"flow_m3_d" numeric(8,1), "入库" date, "geom" geometry(Point, 4490))',
            """INSERT INTO "环保"."排污口" VALUES
            ('P1', '甲', '取缔', 12.5, '2025-07-01', ST_SetSRID(ST_MakePoint(106.6, 29), 4490)),
            ('P2', '乙', '合并', NULL, NULL, NULL)""",
            "CREATE TABLE projected (reach_id int, name text, geom geometry(LineString, 4545))",
            "INSERT INTO projected VALUES (1, '示例河', "
            "ST_Transform(ST_GeomFromText('LINESTRING(107.5 29, 107.6 29.1)', 4490), 4545))",
            "CREATE TABLE samples (section_id text, date date, tp text)",
            "INSERT INTO samples VALUES ('S1', '2025-07-01', '0.02L')",
            "CREATE TABLE y (id int, geom geometry)",
            "INSERT INTO y VALUES (1, ST_SetSRID(ST_MakePoint(1, 2), 4490)), "
            "(2, ST_SetSRID(ST_MakePoint(1, 2), 4545))",
        ):
            link.execute(command)


def test_a_table_with_chinese_names(address):
    problems = []
    table = read_layer(address, "outfalls", layer="环保.排污口", problems=problems)
    assert table["outfall_id"].tolist() == ["P1", "P2"]
    assert table["action"].tolist() == ["ban", "merge"]
    assert table.loc[0, "flow_m3_d"] == 12.5
    assert table.geometry.iloc[0].coords[0] == (106.6, 29.0)
    assert table.geometry.iloc[1] is None
    assert table.crs.to_epsg() == 4490
    assert {p.file for p in problems} == {shown_database(address)}
    assert len(read_layer(address, "outfalls", layer="排污口", problems=[])) == 2


def test_a_projected_table_comes_to_4490_and_a_table_without_geometry_is_one(address):
    rivers = read_layer(address, "rivers", layer="public.projected", problems=[])
    assert rivers.geometry.iloc[0].coords[0] == pytest.approx((107.5, 29.0), abs=1e-9)
    samples = read_layer(address, "samples", layer="samples", problems=[])
    assert samples.loc[0, ["tp", "tp_flag"]].tolist() == [0.02, "below"]


@pytest.mark.parametrize(
    "name",
    [
        'x"; drop table y; --',
        'y"; DROP TABLE y; --',
        "y; DROP TABLE y",
        "public.y' OR '1'='1",
        'public"."y',
        "(SELECT 1) AS y",
        "pg_catalog.pg_authid",
        "information_schema.tables",
        "nope",
        "",
    ],
)
def test_a_layer_name_is_a_name_and_no_command(address, name):
    with pytest.raises(LayerError, match="has no table"):
        read_layer(address, "outfalls", layer=name)
    with pytest.raises(LayerError, match="mixes coordinate systems"):  # y is still there
        read_layer(address, "structures", layer="y")


def test_a_table_whose_name_is_a_command_is_read_as_a_name(address):
    import psycopg
    from psycopg import sql

    name = 'x"; drop table y; --'
    with psycopg.connect(address, autocommit=True) as link:
        made = sql.SQL("CREATE TABLE {} (reach_id int, name text)").format(sql.Identifier(name))
        link.execute(made)
        try:
            with pytest.raises(LayerError, match="no coordinates"):
                read_layer(address, "rivers", layer=name)
            assert link.execute("SELECT count(*) FROM y").fetchone() == (2,)
        finally:
            link.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


def test_several_tables_need_a_name(address):
    with pytest.raises(LayerError, match=r"3 tables with a geometry\..*public\.projected"):
        read_layer(address, "rivers")


def told(error: BaseException) -> str:
    """All that an error shows, its causes too."""
    words = []
    found: BaseException | None = error
    while found is not None:
        words += [str(found), repr(found)]
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n".join(words)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.replace(QUOTED, f"{QUOTED}x"),
        lambda a: a.replace("/postgres", "/nowhere"),
        lambda a: a.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1").replace("postgresql", "postgres"),
        lambda a: a.replace("@127.0.0.1", "@[bad"),
        lambda a: f"{a}?nonsense={QUOTED}",
    ],
)
def test_no_password_in_any_message(address, change):
    with pytest.raises(BasinError) as error:
        read_layer(change(address), "outfalls", layer="nope")
    words = told(error.value)
    assert "p@ss" not in words
    assert "ss%2Fw" not in words
    assert "w:rd" not in words


def test_nothing_can_be_written(address):
    import psycopg

    from basin.layers import database
    from basin.layers.problems import Notes

    with psycopg.connect(address) as link:
        link.read_only = True
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            link.execute("DROP TABLE y")
    assert len(database.read_table(address, "samples", Notes("samples"))) == 1


def test_a_server_that_is_not_there():
    pytest.importorskip("psycopg")
    with pytest.raises(LayerError, match=r"postgresql://127\.0\.0\.1:1/x cannot be read"):
        read_layer("postgresql://me:secret@127.0.0.1:1/x", "rivers", layer="a")
    with pytest.raises(LayerError, match=r"postgresql://h/x"):
        layer_names("postgresql://me:secret@h/x")


def test_a_project_with_layers_in_a_database(address, tmp_path):
    places = f'path = "{address}", layer ='
    (tmp_path / "basin.toml").write_text(
        f'[layers]\nrivers = {{ {places} "projected" }}\noutfalls = {{ {places} "环保.排污口" }}\n',
        encoding="utf-8",
    )
    done = CliRunner().invoke(main, ["validate", str(tmp_path), "--json"])
    assert done.exit_code in (0, 1), done.output
    assert "P2" in done.output  # it has no geometry
    assert "127.0.0.1" in done.output
    (tmp_path / "basin.toml").write_text(f'[layers]\nrivers = {{ {places} "nope" }}\n', "utf-8")
    wrong = CliRunner().invoke(main, ["network", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "has no table 'nope'" in wrong.output
    for output in (done.output, wrong.output):
        assert "ss%2Fw" not in output
        assert "p@ss" not in output


def shows_no_password(text: str) -> bool:
    return not any(part in text for part in ("p@ss", "w:rd", "ss%2Fw", "%3Ard", QUOTED))


def test_databases_are_inputs_of_the_manifest_by_name_and_without_a_hash(address, tmp_path):
    places = f'path = "{address}", layer ='
    (tmp_path / "basin.toml").write_text(
        f'[layers]\nrivers = {{ {places} "projected" }}\noutfalls = {{ {places} "环保.排污口" }}\n',
        encoding="utf-8",
    )
    out = tmp_path / "out"
    for command in (
        ["network", "-o", "n.gpkg"],
        ["layers", "-o", "l.gpkg"],
        ["map", "-o", "m.html"],
    ):
        done = CliRunner().invoke(
            main, [command[0], str(tmp_path), "-o", str(out / command[2]), "--json"]
        )
        assert done.exit_code == 0, done.output
        assert shows_no_password(done.output)
    for file in out.iterdir():
        assert shows_no_password(file.read_bytes().decode("utf-8", "replace")), file.name
    runs = json.loads((out / "manifest.json").read_text("utf-8"))["runs"].values()
    place = shown_database(address)
    listed = {table for run in runs for table in run["databases"]}
    assert listed == {f"{place} public.projected", f"{place} 环保.排污口"}
    found = verify_folder(out)
    assert found.ok
    assert found.databases == sorted(listed)
    assert "without a hash" in found.explain("en")
    assert shows_no_password(found.explain("zh"))


@pytest.mark.parametrize(
    "path",
    [
        "postgresql:/me:s3cret@h/x",
        "postgis://me:s3cret@h/x",
        "PG:host=h password=s3cret",
        "postgresql://me:s3/cr@et@h/x",
    ],
)
def test_a_misspelt_address_keeps_its_password(path, tmp_path):
    (tmp_path / "basin.toml").write_text(
        f'[layers]\nrivers = {{ path = "{path}", layer = "a" }}\n', encoding="utf-8"
    )
    for command in ("validate", "network"):
        for lang in ("zh", "en"):
            done = CliRunner().invoke(main, [command, str(tmp_path)], env={"BASIN_LANG": lang})
            assert done.exit_code in (1, 2)
            assert "s3" not in done.output.replace(str(tmp_path), "")
            assert "cret" not in done.output
    with pytest.raises(BasinError) as caught:
        read_layer(path, "rivers")
    assert "cret" not in told(caught.value) + caught.value.text("zh")


def test_a_project_shows_no_password_in_its_sources(tmp_path):
    (tmp_path / "basin.toml").write_text(
        '[layers]\nrivers = "postgresql://me:s3cret@h/x"\n', encoding="utf-8"
    )
    project = open_project(tmp_path)
    assert "s3cret" not in repr(project) + repr(project.sources)
    assert "postgresql://h/x" in repr(project.sources)
