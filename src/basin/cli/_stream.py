"""``basin check --stream``: any number of sites, piece by piece, with progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from basin.cli._output import hint, print_json
from basin.cli._siting import say_overrides

__all__ = ["stream_check"]

#: Without a terminal the progress is told so often (seconds).
_EVERY_S = 30.0


def stream_check(
    basin: Any,
    sites: Path,
    output: Path | None,
    *,
    chunk: int,
    date: Any,
    crs: str | None,
    overrides: Path | None,
    tributaries: str | tuple[str, ...],
    scheduler: str | None,
    overwrite: bool,
    as_json: bool,
) -> set[str]:
    """Check a file of sites piece by piece; return what ``--fail-on`` may ask for."""
    from basin.project._stream import check_stream
    from basin.standards import label

    if output is None:
        raise click.UsageError("--stream needs -o OUT.csv")
    with _progress(basin.lang) as told:
        done = check_stream(
            basin,
            sites,
            output,
            chunk=chunk,
            date=date,
            crs=crs,
            overrides=overrides,
            tributaries=tributaries,
            scheduler=scheduler,
            overwrite=overwrite,
            progress=told,
        )
    zh = basin.lang == "zh"
    serious = done.problems[done.problems["severity"] != "info"]
    for kind, n, text in serious[["kind", "n", "zh" if zh else "en"]].to_numpy().tolist():
        hint(f"{kind} ({n}): {text}")
    say_overrides(done.overrides, basin.lang)
    if done.resumed:
        hint(
            f"接着上次的进度：已有 {done.resumed} 段"
            if zh
            else f"resumed after {done.resumed} pieces"
        )
    words = [label("verdict", k, basin.lang) + f" {n:,}" for k, n in done.verdicts.items()]
    hint(f"→ {output} ({done.rows:,}: {', '.join(words)})")
    if as_json:
        print_json({"rows": done.rows, "verdicts": done.verdicts, "overrides": done.overrides})
    return set(done.verdicts) | ({"unchecked"} if done.n_unchecked else set())


@contextmanager
def _progress(lang: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left on a terminal; elsewhere a line now and then."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(lang)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("check", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(lang: str) -> Callable[[int, int], None]:
    begin, at, last = time.monotonic(), [-1], [-_EVERY_S]

    def told(done: int, total: int) -> None:
        now = time.monotonic() - begin
        if at[0] < 0:
            at[0] = done  # what a run before has done says nothing of the pace
        pace = (done - at[0]) / now if now > 0 else 0.0
        if done < total and now - last[0] < _EVERY_S:
            return
        last[0] = now
        left = (total - done) / pace if pace > 0 else float("nan")
        told = f"{done:,} / {total:,}"
        if pace > 0:
            told += f", {pace:,.0f}/s, " + (
                f"还需 {left:,.0f} 秒" if lang == "zh" else f"{left:,.0f} s left"
            )
        hint(told)

    return told
