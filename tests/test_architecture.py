"""The house: imports flow one way, and importing a floor does not load the floors above."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "basin"

#: Rooms by floor; what is not named is a part of the room of its folder.
FLOORS = {
    0: (
        "errors",
        "crs",
        "standards",
        "_text",
        "_colour",
        "_raster",
        "_dem",
        "_run",
        "_archive",
        "_terminal",
    ),
    1: ("_pieces", "_near", "_columns", "network", "_network", "layers"),
    2: (
        "buffers",
        "zones",
        "quality",
        "_measure",
        "_banks",
        "_bands",
        "_zone_drafts",
        "_zone_statistics",
        "terrain",
    ),
    3: ("siting", "tracing"),
    4: ("maps", "figures", "reports", "manifest"),
    5: ("project", "draft", "demo", "cli"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}


def imports(file: Path) -> set[str]:
    """Rooms that a file imports from when it runs; for type checkers only does not count."""
    found = set()

    class Visit(ast.NodeVisitor):
        def visit_If(self, node: ast.If) -> None:
            if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
                self.generic_visit(node)

        def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
            parts = (node.module or "").split(".")
            if parts[0] == "basin":
                found.update(parts[1:2] or [alias.name for alias in node.names])

        def visit_Import(self, node: ast.Import) -> None:
            found.update(a.name.split(".")[1] for a in node.names if a.name.startswith("basin."))

    Visit().visit(ast.parse(file.read_text(encoding="utf-8")))
    return found


def room_of(file: Path) -> str:
    first = file.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


FILES = [f for f in sorted(SOURCE.rglob("*.py")) if f != SOURCE / "__init__.py"]


def test_every_room_has_a_floor():
    assert {room_of(file) for file in FILES} == set(FLOOR_OF)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(SOURCE).as_posix())
def test_a_room_imports_only_from_floors_below_it(file: Path):
    room = room_of(file)
    others = imports(file) & set(FLOOR_OF) - {room}
    # parts of one floor may lean on each other only where one is the other's wall
    walls = {
        ("network", "_network"), ("zones", "_measure"), ("buffers", "_measure"),
        ("buffers", "_banks"), ("_banks", "_measure"),
        ("zones", "buffers"), ("terrain", "buffers"),
        ("zones", "_zone_drafts"), ("zones", "_zone_statistics"),
        ("buffers", "_bands"), ("_zone_drafts", "_bands"),
        ("_raster", "errors"), ("_raster", "_run"),
        ("_dem", "_raster"), ("_dem", "crs"), ("_dem", "errors"),
        ("standards", "_run"), ("crs", "errors"), ("standards", "errors"),
        ("demo", "project"), ("cli", "project"), ("cli", "demo"), ("cli", "draft"),
    }  # fmt: skip
    wrong = {o for o in others if FLOOR_OF[o] >= FLOOR_OF[room] and (room, o) not in walls}
    assert not wrong


def test_modules_can_be_read_in_one_sitting():
    long = {f.name: n for f in FILES if (n := len(f.read_text("utf-8").splitlines())) > 650}
    assert not long
