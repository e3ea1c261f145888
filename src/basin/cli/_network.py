"""``basin network``: the rivers of a project, or of one file of lines without a project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from basin.cli._frame import frame_lang, output_option, shared_options
from basin.cli._output import (
    list_problems,
    print_json,
    report_problems,
    say,
    say_files,
    write_result,
)

if TYPE_CHECKING:
    from basin.network import RiverNetwork

__all__ = ["network"]

#: Files that hold one layer and so can be no project.
_LINES = frozenset(
    (".shp", ".geojson", ".json", ".kml", ".kmz", ".fgb", ".parquet", ".zip", ".gdb")
)


@click.command()
@click.argument("source", type=click.Path(path_type=Path), default=Path("."), metavar="[SOURCE]")
@output_option(help="Write to OUT; its ending chooses the format.")
@click.option("--report", is_flag=True, help="Write the ledger as a web page and a map beside it.")
@click.option(
    "--tolerance", type=float, metavar="METRES", help="Lines only: gaps up to this are closed."
)
@click.option(
    "--dem", type=click.Path(path_type=Path), help="Lines only: GeoTIFF of heights in metres."
)
@click.option(
    "--to-id", metavar="COLUMN", help="Lines only: column with the reach that each flows into."
)
@shared_options
def network(
    source: Path,
    output: Path | None,
    report: bool,
    tolerance: float | None,
    dem: Path | None,
    to_id: str | None,
    as_json: bool,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Build the river network and list what was found and repaired.

    SOURCE is a project, or a file of river lines.
    """
    given = {"--tolerance": tolerance, "--dem": dem, "--to-id": to_id}
    keeper: Any
    if _is_lines(source):
        keeper = _Alone((source, *([dem] if dem else [])), lang or frame_lang())
        net = _from_lines(source, tolerance=tolerance, dem=dem, to_id=to_id, lang=keeper.lang)
    else:
        from basin.cli import _open

        used = [name for name, value in given.items() if value is not None]
        if used:
            raise click.UsageError(
                f"{', '.join(used)}: for a file of lines; in a project, set [network] in basin.toml"
            )
        keeper = _open(source, lang)
        net = keeper.network
    tables = {"reaches": net.reaches.reset_index(), "network_issues": net.issues}
    if output:
        # a GeoPackage holds all of the network, so that it can be read without rebuilding
        stored = net.to_tables() if output.suffix.casefold() == ".gpkg" else tables
        write_result(output, stored, printed=tables, basin=keeper, overwrite=overwrite, result=net)
    if report:
        _write_report(net, output or Path(f"{source.stem or 'network'}.html"), keeper, overwrite)
    if as_json:
        print_json(tables)
    else:
        say(net.explain(lang=keeper.lang))
    if not isinstance(keeper, _Alone):
        report_problems(keeper)


@dataclass(frozen=True)
class _Alone:
    """What stands in a project's place: files that are read, and a language."""

    inputs: tuple[Path, ...]
    lang: str

    def refuse_inputs(self, outputs: Iterable[str | Path], *also: str | Path) -> None:
        from basin.project._inputs import refuse_inputs

        known = {Path(p).resolve(): Path(p).name for p in (*self.inputs, *also)}
        refuse_inputs(map(Path, outputs), known)

    def annex(self, result: Any) -> Any:
        from basin.project._annex import annex_of_files

        names = ("rivers", "dem")
        files = {Path(p): name for p, name in zip(self.inputs, names, strict=False)}
        return annex_of_files(files, result, self.lang)


def _is_lines(source: Path) -> bool:
    ending = source.suffix.casefold()
    if ending == ".gpkg" and source.is_file():
        import pyogrio

        try:
            return len(pyogrio.list_layers(source)) == 1
        except pyogrio.errors.DataSourceError:
            return False  # it is opened as a project, and what is wrong is said there
    return ending in _LINES


def _from_lines(
    source: Path, *, tolerance: float | None, dem: Path | None, to_id: str | None, lang: str
) -> RiverNetwork:
    from basin.layers import problems_frame, read_layer
    from basin.network import RiverNetwork

    found: list[Any] = []
    apart = click.get_current_context().find_root().params.get("sandbox")
    lines = read_layer(source, "rivers", problems=found, sandbox=apart)
    serious = [p for p in found if p.severity != "info"]
    if serious:
        list_problems(problems_frame(serious, lang), lang)
    return RiverNetwork.from_lines(
        lines, snap_tolerance_m=1.0 if tolerance is None else tolerance, dem=dem, to_id=to_id
    )


def _write_report(net: RiverNetwork, beside: Path, keeper: Any, overwrite: bool) -> None:
    """Write ``<stem>_report.html`` (the ledger) and ``<stem>_map.html`` (where each finding is)."""
    from basin.maps import network_map
    from basin.reports import write_report

    page = beside.with_name(f"{beside.stem}_report.html")
    plan = beside.with_name(f"{beside.stem}_map.html")
    keeper.refuse_inputs([page, plan])
    drawn = network_map(net.reaches, net.issues, lang=keeper.lang)
    write_report(net, page, lang=keeper.lang, annex=keeper.annex(net), overwrite=overwrite)
    drawn.save(plan, overwrite=overwrite)
    say_files({page: {"network_issues": len(net.issues)}, plan: {}})
