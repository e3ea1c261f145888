"""Look into every file of a folder, decide what it is, try to read it so, and keep what is open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from basin.crs import CHINA_BOUNDS, EXCHANGE_CRS
from basin.draft.files import DEM_ENDINGS, Unread, data_files, is_dem
from basin.draft.words import say
from basin.errors import BasinError, LayerError, NetworkError, ProjectError
from basin.layers import Limits, atomic_write, read_layer
from basin.layers.problems import Problem
from basin.layers.recognise import Guess, Peek, look_into, recognise
from basin.layers.systems import fitting, words_for
from basin.layers.vocabulary import KINDS, own_unit, schema

__all__ = ["Choice", "Draft", "draft_project"]

Box = tuple[float, float, float, float]

#: Offered as the tolerance within which the ends of lines are joined, in metres.
_TOLERANCES_M = (2, 5, 10, 20, 30, 50)
#: A line is joined where its end lies this much nearer than the tolerance.
_ROOM = 1.2
#: West, south, east, north of Chongqing: outside, its own rule pack is left out.
_CHONGQING = (105.28, 28.16, 110.20, 32.21)
_BEST_FIRST = (".gpkg", ".fgb", ".parquet", ".shp", ".geojson", ".json", ".csv", ".xlsx")


@dataclass(frozen=True)
class Choice:
    """One table of the folder, and what was decided about it.

    Attributes
    ----------
    peek : Peek
    kind : str or None
        Its layer; None where that is open.
    used : bool
        False where the entry is written as a comment, for a person to decide.
    options : dict
        ``encoding``, ``crs`` and ``columns`` as they go to ``basin.toml``.
    decided, questions : tuple of str
        In the language of the draft.
    rows : int
        Rows that were read, or that the file has.
    """

    peek: Peek
    kind: str | None
    used: bool
    options: dict[str, Any] = field(default_factory=dict)
    decided: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    rows: int = 0
    table: Any = field(default=None, repr=False)

    def where(self, folder: Path) -> str:
        """Return the file, and the layer or sheet in it, as seen from a folder."""
        name = self.peek.file.relative_to(folder).as_posix()
        return f"{name} [{self.peek.layer}]" if self.peek.layer else name


@dataclass(frozen=True)
class Draft:
    """What `draft_project` found, decided and wrote.

    Attributes
    ----------
    path : Path
        The ``basin.toml``.
    text : str
        Its content.
    choices : tuple of Choice
        In the order of the contract; those that are open last.
    unread : tuple of Unread
        Files that could hold data and were not read, with the reason.
    questions : tuple of str
        About the project as a whole.
    lang : {'zh', 'en'}
    """

    path: Path
    text: str
    choices: tuple[Choice, ...]
    unread: tuple[Unread, ...]
    questions: tuple[str, ...]
    lang: str

    @property
    def all_questions(self) -> list[str]:
        """Every open question, with the file that it is about."""
        own = [f"{c.where(self.path.parent)}: {q}" for c in self.choices for q in c.questions]
        return [*own, *(f"{u.name}: {u.reason}" for u in self.unread), *self.questions]

    def to_frame(self) -> pd.DataFrame:
        """Return one table of the folder a row: ``file``, ``layer``, ``used``, ``rows`` ..."""
        return pd.DataFrame(
            [
                {
                    "file": c.where(self.path.parent),
                    "layer": c.kind,
                    "used": c.used,
                    "rows": c.rows,
                    "crs": c.options.get("crs"),
                    "encoding": c.options.get("encoding"),
                    "columns": len(c.options.get("columns", {})),
                    "questions": len(c.questions),
                }
                for c in self.choices
            ],
            columns=["file", "layer", "used", "rows", "crs", "encoding", "columns", "questions"],
        )


def draft_project(
    folder: str | Path,
    *,
    lang: str = "zh",
    crs: str | None = None,
    date: dt.date | None = None,
    overwrite: bool = False,
    sandbox: bool | Limits | None = None,
) -> Draft:
    """Recognise the layers in a folder and write a commented ``basin.toml`` for them.

    Every table is read as the file will say, so that what stands in it works; what cannot be
    decided stands there as a comment, with the question.

    Parameters
    ----------
    folder
        Its sub-folders are searched too.
    lang : {'zh', 'en'}
        Of the comments and the questions.
    crs
        Of the files that state none; None takes the only one that fits the numbers, or asks.
    date
        The project's date; None leaves it as a question.
    overwrite
        Replace an existing ``basin.toml``.
    sandbox
        Look into each file, and read it, in a child process with limits; None does so for what is
        zipped.

    Raises
    ------
    ProjectError
        If there is no such folder, it has a ``basin.toml`` and `overwrite` is False, or nothing in
        it is a layer.
    """
    from basin.draft.text import project_text

    place = Path(folder).resolve()
    target = place / "basin.toml"
    if not place.is_dir():
        raise ProjectError(
            f"there is no folder {str(folder)!r}",
            mend="Give a folder of files.",
            zh=f"没有文件夹 {str(folder)!r}",
            mend_zh="请给出放着资料的文件夹",
        )
    if target.exists() and not overwrite:
        raise ProjectError(
            f"{target} exists already",
            mend="Edit it, or replace it with --overwrite.",
            zh=f"{target} 已经存在",
            mend_zh="请直接修改它，或加 --overwrite 替换",
        )
    if crs is not None:
        _known_crs(crs)
    files, unread = data_files(place, lang)
    guesses, unread = _look(files, unread, lang, sandbox)
    if not guesses:
        raise ProjectError(
            f"no layer was found in {str(folder)!r}",
            mend="Put the files there (.shp, .gpkg, .geojson, .csv, .xlsx ...).",
            zh=f"{str(folder)!r} 里没有能读的图层",
            mend_zh="把资料放进去（.shp、.gpkg、.geojson、.csv、.xlsx 等）",
        )
    near = _around([b for g in guesses if (b := _place(g.peek)) is not None])
    choices = [_choose(guess, near, crs, lang, sandbox) for guess in guesses]
    choices = _without_copies(sorted(choices, key=_order), lang)
    dems = [f for f in files if f.suffix.casefold() in DEM_ENDINGS and is_dem(f)]
    tolerance, network_note = _tolerance(choices, dems[0] if len(dems) == 1 else None, lang)
    text, questions = project_text(
        place, choices, unread, dems=dems, tolerance=(tolerance, network_note),
        date=date, local_rules=_in_chongqing(choices), lang=lang,
    )  # fmt: skip
    with atomic_write(target, overwrite=overwrite) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
    return Draft(target, text, tuple(choices), tuple(unread), tuple(questions), lang)


def _known_crs(crs: str) -> None:
    try:
        pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise ProjectError(
            f"there is no coordinate system {crs!r}",
            mend="Give an EPSG code, as EPSG:4545.",
            zh=f"没有坐标系 {crs!r}",
            mend_zh="请写 EPSG 代码，如 EPSG:4545",
        ) from error


def _look(
    files: Iterable[Path], unread: list[Unread], lang: str, sandbox: bool | Limits | None
) -> tuple[list[Guess], list[Unread]]:
    guesses, failed = [], list(unread)
    for file in files:
        if file.suffix.casefold() in DEM_ENDINGS:
            continue
        try:
            found, errors = look_into(file, sandbox=sandbox)
        except LayerError as error:
            found, errors = [], [error]
        guesses += [recognise(one) for one in found]
        failed += [Unread(file.name, error.text(lang)) for error in errors]
    return guesses, failed


def _order(choice: Choice) -> tuple[int, int, str, str]:
    ending = choice.peek.file.suffix.casefold()
    return (
        KINDS.index(choice.kind) if choice.kind else len(KINDS),
        _BEST_FIRST.index(ending) if ending in _BEST_FIRST else len(_BEST_FIRST),
        choice.peek.file.name,
        choice.peek.layer or "",
    )


# ---------------------------------------------------------------- where is it?


def _place(found: Peek) -> Box | None:
    """Where a table lies, in degrees: it states its system, or its numbers fit only one."""
    if found.places is None:
        return None
    x, y = found.places
    if found.has_crs:
        code = found.table.crs
    else:
        fits = fitting(x, y)
        if len(fits) != 1 or fits[0].packed:
            return None
        code, (x, y) = fits[0].crs, ((y, x) if fits[0].swapped else (x, y))
    lon, lat = pyproj.Transformer.from_crs(code, EXCHANGE_CRS, always_xy=True).transform(x, y)
    west, south, east, north = CHINA_BOUNDS
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    if not inside.any():
        return None
    lon, lat = lon[inside], lat[inside]
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _around(places: Sequence[Box]) -> Box | None:
    if not places:
        return None
    west, south, east, north = zip(*places, strict=True)
    return min(west), min(south), max(east), max(north)


def _system(
    found: Peek, near: Box | None, crs: str | None, lang: str
) -> tuple[str | None, str, str]:
    """The system to write, what was decided, and what is asked; "" where nothing is."""
    if found.has_crs or found.places is None:
        return None, "", ""
    alone = fitting(*found.places)
    degrees = bool(alone) and all(f.crs == "EPSG:4490" for f in alone)
    if degrees and not isinstance(found.table, gpd.GeoDataFrame):
        return None, "", ""  # longitude and latitude in columns need no statement
    if crs is not None:
        return crs, say("crs_given", lang, crs=crs), ""
    numbers = ", ".join(f"{v[0]:.7g}" for v in found.places)
    fits = fitting(*found.places, near)
    if not fits:
        return None, "", say("crs_none", lang, numbers=numbers)
    if len(fits) > 1:
        return None, "", say("crs_open", lang, numbers=numbers, systems=words_for(fits, lang))
    name = say("degrees", lang) if degrees else fits[0].name
    why = "crs_only" if len(alone) == 1 else "crs_near"
    return fits[0].crs, say(why, lang, crs=fits[0].crs, name=name), ""


# ---------------------------------------------------------------- one table


def _choose(
    guess: Guess,
    near: Box | None,
    crs: str | None,
    lang: str,
    sandbox: bool | Limits | None,
) -> Choice:
    found = guess.peek
    rows = len(found.table)
    options: dict[str, Any] = {}
    if found.encoding not in ("", "utf-8"):
        options["encoding"] = found.encoding
    system, decided_crs, asked_crs = _system(found, near, crs, lang)
    if system:
        options["crs"] = system
    if guess.kind is None:
        return Choice(found, None, False, options, (), (_which(guess, lang),), rows)
    options["columns"] = {c: h for c, h in guess.columns.items() if c != h}
    choice = Choice(
        peek=found,
        kind=guess.kind,
        used=False,
        options=options,
        decided=tuple(s for s in (decided_crs, *_decisions(guess, lang)) if s),
        questions=tuple(q for q in (asked_crs, *_doubts(guess, lang)) if q),
        rows=rows,
    )
    if guess.missing or asked_crs:
        return choice
    return _tried(choice, lang, sandbox)


def _which(guess: Guess, lang: str) -> str:
    near = ", ".join(list(guess.scores)[:3])
    headings = ", ".join(guess.peek.headings[:8])
    return say("layer_open" if near else "layer_none", lang, near=near, headings=headings)


def _decisions(guess: Guess, lang: str) -> list[str]:
    said = []
    if guess.peek.encoding not in ("", "utf-8"):
        said.append(say("encoding", lang, encoding=guess.peek.encoding))
    if guess.numbered:
        said.append(say("numbered", lang, column=schema(guess.kind or "").id))
    constants = [
        f"{c} {h[0]} {h[1:]}" for c, h in guess.columns.items() if len(h) > 1 and h[0] == "="
    ]
    if constants:
        said.append(say("constant", lang, columns=", ".join(constants)))
    if guess.assumed:
        pairs = ", ".join(f"{h} = {own_unit(c)}" for c, h in guess.assumed.items())
        said.append(say("unit", lang, pairs=pairs))
    unused = [h for h in guess.peek.headings if h not in guess.columns.values()]
    if unused:
        said.append(say("unused", lang, columns=", ".join(unused)))
    return said


def _doubts(guess: Guess, lang: str) -> list[str]:
    layer = schema(guess.kind or "")
    asked = [
        say("column_missing", lang, column=c, tried=", ".join(layer.spelled[c][1:5]))
        for c in guess.missing
    ]
    wanted = [c for c in layer.wanted if c not in guess.columns]
    if wanted:
        asked.append(say("column_wanted", lang, columns=", ".join(wanted), column=wanted[0]))
    return asked


def _tried(choice: Choice, lang: str, sandbox: bool | Limits | None) -> Choice:
    """Read the table as the project will: what does not read is not written as decided."""
    problems: list[Problem] = []
    try:
        table = read_layer(
            choice.peek.file,
            choice.kind or "",
            layer=choice.peek.layer,
            problems=problems,
            sandbox=sandbox,
            **choice.options,
        )
    except BasinError as error:
        return replace(
            choice, questions=(*choice.questions, say("fails", lang, error=error.text(lang)))
        )
    lost = [p for p in problems if p.severity == "error"]
    said = [say("kept", lang, rows=len(table), n=len(lost))] if lost else []
    swapped = [say("swapped", lang, n=len(p.rows)) for p in problems if p.kind == "axes_swapped"]
    unknown = "; ".join(p.text(lang).rstrip("。.") for p in problems if p.kind == "code_unknown")
    asked = [say("unknown_codes", lang, listed=unknown)] if unknown else []
    return replace(
        choice,
        used=True,
        table=table,
        rows=len(table),
        questions=(*choice.questions, *asked),
        decided=(*choice.decided, *swapped, *said),
    )


# ---------------------------------------------------------------- several tables


def _without_copies(choices: list[Choice], lang: str) -> list[Choice]:
    """The same features in two files count once: the later file is left as a question."""
    kept: list[Choice] = []
    for choice in choices:
        twin = next((k for k in kept if k.used and choice.used and _same(k, choice)), None)
        if twin:
            asked = say("copy", lang, other=twin.peek.file.name)
            choice = replace(choice, used=False, questions=(*choice.questions, asked))
        kept.append(choice)
    return kept


def _same(one: Choice, other: Choice) -> bool:
    if one.kind != other.kind or len(one.table) != len(other.table) or not len(one.table):
        return False
    names = schema(one.kind or "").id or None
    if isinstance(one.table, gpd.GeoDataFrame):
        boxes = np.array([one.table.total_bounds, other.table.total_bounds])
        if not np.allclose(boxes[0], boxes[1], atol=1e-5, equal_nan=True):
            return False
        return names is None or set(one.table[names]) == set(other.table[names])
    keys = [t[["section_id", "date"]].reset_index(drop=True) for t in (one.table, other.table)]
    return bool(keys[0].equals(keys[1]))


def _in_chongqing(choices: Sequence[Choice]) -> bool:
    boxes = [
        c.table.total_bounds
        for c in choices
        if c.used and isinstance(c.table, gpd.GeoDataFrame) and c.kind in ("rivers", "sites")
    ]
    middles = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in boxes if np.isfinite(b).all()]
    west, south, east, north = _CHONGQING
    return all(west <= x <= east and south <= y <= north for x, y in middles)


def _tolerance(choices: Sequence[Choice], dem: Path | None, lang: str) -> tuple[int | None, str]:
    """Offer a tolerance where the build sees gaps that the default leaves open."""
    from basin.layers import stack_layers
    from basin.network import RiverNetwork

    tables = [c.table for c in choices if c.used and c.kind == "rivers"]
    if not tables:
        return None, ""
    rivers = stack_layers(tables, "rivers", problems=[])
    try:
        issues = RiverNetwork.from_lines(
            rivers,
            snap_tolerance_m=1.0,
            to_id="to_id" if "to_id" in rivers.columns else None,
            dem=dem,
        ).issues
    except NetworkError as error:
        return None, say("network_fails", lang, error=error.text(lang))
    gaps = issues[issues["kind"].eq("gap_proposed")]
    near = gaps[gaps["distance_m"].mul(_ROOM).le(_TOLERANCES_M[-1])]
    if near.empty:
        return None, ""
    offered = next(t for t in _TOLERANCES_M if t >= near["distance_m"].max() * _ROOM)
    listed = "; ".join(
        f"{row.reach_ids} {row.distance_m:.1f} m" for row in near.head(5).itertuples()
    )
    return offered, say("gaps", lang, n=len(near), listed=listed)
