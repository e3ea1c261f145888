"""The frame of the command line: its language, its help, its errors, and the shared options.

The words of the frame follow ``BASIN_LANG`` (``zh`` or ``en``), else the system's language. The
labels of a result follow ``--lang``, else what the project states, else the frame. English stands
in the code, Chinese in ``words.toml``.
"""

from __future__ import annotations

import datetime as dt
import errno
import locale
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click

from basin._terminal import printable

__all__ = [
    "DATE",
    "Group",
    "frame_lang",
    "lang_option",
    "output_option",
    "project_argument",
    "shared_options",
]


_COMMAND = "basin.command"


def frame_lang() -> str:
    """Return the language of help and messages: ``zh`` or ``en``."""
    for name in ("BASIN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.casefold().startswith("zh") else "en"
    system = (locale.getlocale()[0] or "") if sys.platform == "win32" else ""
    return "zh" if system.casefold().startswith(("zh", "chinese")) else "en"


@cache
def _table() -> dict[str, Any]:
    import tomllib

    # not by importlib.resources, which takes longer to load than all of this module
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _word(english: str | None, part: str) -> str | None:
    """The Chinese for an English text of the frame; the English where there is none."""
    if english is None:
        return None
    found = _table()[part].get(_plain(english))
    return str(found) if found else english


def _message(english: str) -> str:
    """The Chinese for one of click's own messages, recognised by its wording."""
    for entry in _table()["click"]:
        found = re.fullmatch(entry["en"], english, flags=re.DOTALL)
        if found:
            return str(entry["zh"]).format(*found.groups())
    return english


def _extra(text: str) -> str:
    """Translate what click adds to the help of an option: its default, or that it is required."""
    text = re.sub(r"\[default: (.*?)(?:; (.*))?\]$", _default, text)
    return re.sub(r"\[required\]$", "[必填]", text)


def _default(found: re.Match[str]) -> str:
    return f"[默认：{found[1]}{f'；{found[2]}' if found[2] else ''}]"


class _Formatter(click.HelpFormatter):
    """Usage, headings and defaults in Chinese."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, "用法：" if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        super().write_heading(_word(heading, "headings") or heading)

    def write_dl(self, rows: Any, *args: Any, **kwargs: Any) -> None:
        told = [(term, _extra(text)) for term, text in rows]
        super().write_dl(told, *args, **kwargs)


class _ChineseContext(click.Context):
    formatter_class = _Formatter


class _Fault(click.ClickException):
    """What is wrong and how to mend it; exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        head = "错误 " if frame_lang() == "zh" else "Error: "
        click.echo(printable(f"{head}{self.message}"), file=file, err=True)


class _ChineseUsage(click.UsageError):
    """A wrong call, told in Chinese."""

    def show(self, file: Any = None) -> None:
        if self.ctx is not None:
            click.echo(self.ctx.get_usage(), file=file, err=True)
            click.echo(f"查看帮助：{self.ctx.command_path} --help\n", file=file, err=True)
        click.echo(printable(f"错误：{_message(self.format_message())}"), file=file, err=True)


class Group(click.Group):
    """Speaks the user's language, and turns what a user can mend into one message, exit code 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        self._speak(frame_lang())
        return super().main(*args, **kwargs)

    def _speak(self, lang: str) -> None:
        groups = [c for c in self.commands.values() if isinstance(c, click.Group)]
        below = [command for group in groups for command in group.commands.values()]
        for command in (self, *self.commands.values(), *below):
            command.context_class = _ChineseContext if lang == "zh" else click.Context
            names = {"help_option_names": ["-h", "--help"]}
            asked = command.get_help_option(click.Context(command, **names))  # type: ignore[arg-type]
            options = [p for p in (*command.params, asked) if isinstance(p, click.Option)]
            items: list[Any] = [command, *options]
            for item in items:
                english = item.__dict__.setdefault("_english", item.help)
                item.help = _word(english, "help") if lang == "zh" else english

    def make_context(
        self, info_name: str | None, args: list[str], *rest: Any, **kwargs: Any
    ) -> click.Context:
        words = tuple(args)  # click takes them off the list as it reads them
        try:
            context = super().make_context(info_name, args, *rest, **kwargs)
            context.meta[_COMMAND] = ("basin", *words)
            return context
        except click.UsageError as error:
            raise _told(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        from basin.manifest import recorded_run

        try:
            with recorded_run(ctx.meta.get(_COMMAND, ("basin",))):
                return super().invoke(ctx)
        except click.UsageError as error:
            raise _told(error) from error
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise _Fault(f"{where}{error.strerror or error}") from error
        except Exception as error:
            from basin.errors import BasinError

            if not isinstance(error, BasinError):
                raise _Fault(_internal(error)) from error
            raise _Fault(_with_mend(error)) from error


def _internal(error: Exception) -> str:
    """One line for what is a fault of `basin`; the traceback if ``BASIN_DEBUG=1``."""
    import traceback

    from basin.errors import masked, shorten

    if os.environ.get("BASIN_DEBUG") == "1":
        click.echo("".join(traceback.format_exception(error)), err=True)
    own = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}basin{os.sep}" in f[0]]
    place = f" ({Path(own[-1].filename).stem}:{own[-1].lineno})" if own else ""
    what = f"{type(error).__name__}: {shorten(masked(_plain(str(error))), 300)}{place}"
    if frame_lang() == "zh":
        return f"程序内部出错：{what}。请报告此问题；设 BASIN_DEBUG=1 再运行可得详情"
    return f"internal error: {what}; please report it, with what BASIN_DEBUG=1 shows in addition"


def _with_mend(error: Any) -> str:
    """Name the kind of error, say what is wrong, and in Chinese how to mend it on its own line."""
    if frame_lang() != "zh":
        return f"{type(error).__name__}: {error}"
    mend = error.mend_zh if error.zh else error.mend
    said = error.text("zh").removesuffix(f"{mend}。").removesuffix(mend).rstrip()
    return f"{type(error).__name__}：{said}" + (f"\n怎么改：{mend}" if mend else "")


def _told(error: click.UsageError) -> click.UsageError:
    if frame_lang() != "zh" or type(error) is click.exceptions.NoArgsIsHelpError:
        return error
    return _ChineseUsage(error.format_message(), ctx=error.ctx)


class _Date(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A calendar day, as 2026-03-31."""

    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> dt.date:
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-03-31", param, ctx)


DATE = _Date()

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def project_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take a project path, by default the folder at hand."""
    return click.argument(
        "project", type=click.Path(path_type=Path), default=Path("."), metavar="[PROJECT]"
    )(command)


def output_option(**options: Any) -> Decorator:
    """Take ``-o OUT``."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("-o", "--output", **{"type": kind, "metavar": "OUT", **options})


def lang_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take ``--lang``; None is what the project states, and without one :func:`frame_lang`."""
    kind = click.Choice(["zh", "en"])
    return click.option("--lang", type=kind, help="Language of labels.")(command)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take what every command takes: language, ``--overwrite``, ``--json``."""
    for option in (
        lang_option,
        click.option("--overwrite", is_flag=True, help="Replace existing output files."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ):
        command = option(command)
    return command
