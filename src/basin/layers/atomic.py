"""The one way to write a file: beside its target, synced, and put in its place at the end.

Several files written in a `whole_set` appear together or not at all, as far as a file system can:
each takes its place in one step, one after the other under a lock of the folder. A machine that
stops within these few milliseconds leaves new and old files side by side; the ``manifest.json`` of
the folder is put last, so `basin verify` then names the files that are not of one run.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from basin._run import Run, Staged, current_run, open_run
from basin.errors import LayerError

__all__ = [
    "atomic_write",
    "beside",
    "check_target",
    "put_all",
    "refuse_existing",
    "stage",
    "whole_set",
]

_SIDECARS = ("-journal", "-wal", "-shm")
#: Left by a run that was killed: cleared when its target is written again, after a day.
_LEFT_OVER_S = 86_400
#: Two runs put their files one after the other; a few seconds are long for that.
_LOCK_S = 30.0
_LOCK_NAME = ".basin.lock"


@contextmanager
def atomic_write(path: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary path in the same folder; what is written there replaces `path` at the end.

    If the body raises, or the process dies, the old file stays as it was. The folder is made if
    needed. The temporary name keeps the ending. Within a `whole_set` (every command is one) the
    file takes its place when the set is complete.

    Parameters
    ----------
    path
    overwrite
        False refuses an existing file, before the work and again at the end (another run may have
        written it in between).

    Raises
    ------
    LayerError
        If `path` exists and `overwrite` is False, is a folder or a file that this run reads, is
        open in another program, or cannot be written.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite)
    temporary = beside(target)
    try:
        with whole_set():
            yield temporary
            stage(temporary, target, overwrite=overwrite)
    except BaseException as error:
        _remove_draft(temporary)
        if isinstance(error, OSError):
            raise _cannot(target, error) from error
        raise


def beside(target: Path) -> Path:
    """Return a new hidden name in the folder of a file, with its ending."""
    return target.with_name(f".{target.stem}.{secrets.token_hex(6)}{target.suffix}")


def refuse_existing(path: str | Path, *, overwrite: bool) -> None:
    """Raise as `atomic_write` would for a file that exists: before the work, not after it."""
    if not overwrite and Path(path).exists():
        raise _exists(Path(path))


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise as `atomic_write` would for a file that cannot be written there; make its folder."""
    if target.is_dir():
        raise LayerError(
            f"{target} is a folder",
            mend="Give a file name.",
            zh=f"{target} 是文件夹",
            mend_zh="请给出文件名",
        )
    run = current_run()
    if run is not None and target.resolve() in run.inputs:
        raise LayerError(
            f"{target} is an input of this run and is not overwritten",
            mend="Give another name.",
            zh=f"{target} 是本次运行的输入文件，不能覆盖",
            mend_zh="请换一个文件名",
        )
    if not overwrite and (target.exists() or (run is not None and target.absolute() in run.staged)):
        raise _exists(target)
    held = [p for s in _SIDECARS[:2] if (p := Path(f"{target}{s}")).exists() and p.stat().st_size]
    if held:
        raise LayerError(
            f"{target} is open in another program ({held[0].name})",
            mend="Close it there (QGIS, ArcGIS) and try again.",
            zh=f"{target} 正被其他程序打开（{held[0].name}）",
            mend_zh="请在 QGIS 或 ArcGIS 中关闭后重试",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(target, error) from error
    _clear_left_over(target)


def _exists(target: Path) -> LayerError:
    return LayerError(
        f"{target} exists already",
        mend="Give another name, or overwrite=True (--overwrite).",
        zh=f"{target} 已经存在",
        mend_zh="请换一个文件名，或加 --overwrite 替换",
    )


def _cannot(target: Path, error: OSError) -> LayerError:
    reason = error.strerror or str(error)
    return LayerError(
        f"{target} cannot be written ({reason})",
        mend="Check the folder, its rights and the free space; an old file was left as it was.",
        zh=f"{target} 写不了（{reason}）",
        mend_zh="请检查文件夹、权限和剩余空间；原有文件没有动",
    )


def _clear_left_over(target: Path) -> None:
    """Remove what killed runs left beside this target, once it is surely no one's any more."""
    name = re.compile(rf"\.{re.escape(target.stem)}\.[0-9a-f]{{12}}{re.escape(target.suffix)}.*")
    with suppress(OSError):
        for old in target.parent.iterdir():
            if name.fullmatch(old.name) and time.time() - old.stat().st_mtime > _LEFT_OVER_S:
                old.unlink()


def _remove_draft(temporary: Path) -> None:
    """Remove a temporary file and all that was written beside it (.dbf, -journal ...)."""
    with suppress(OSError):
        _remove(p for p in list(temporary.parent.iterdir()) if p.name.startswith(temporary.stem))


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        for leftover in (file, *(Path(f"{file}{s}") for s in _SIDECARS)):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


# ---------------------------------------------------------------- sets of files


def stage(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Lay a finished file of the set at hand ready for its place."""
    run = current_run()
    if run is None:
        raise RuntimeError("stage() is called within whole_set()")
    _sync(temporary)
    before = run.staged.pop(target.absolute(), None)
    if before is not None:
        _remove([before.temporary])
    run.staged[target.absolute()] = Staged(temporary, overwrite)


@contextmanager
def whole_set() -> Iterator[Run]:
    """Let all files written in the body appear together when it ends, and none if it raises.

    Sets nest: the outermost one decides.

    Raises
    ------
    LayerError
        If a target that may not be overwritten has appeared meanwhile, or a file cannot be put in
        its place; all files are then as they were.
    """
    outer = current_run()
    if outer is not None:
        yield outer
        return
    with open_run() as run:
        try:
            yield run
            put_all(run)
        finally:
            _remove(s.temporary for s in run.staged.values())


def put_all(run: Run, *, last: Callable[[Run], None] | None = None) -> None:
    """Put the staged files of a run in their places, in order; undo if one cannot be put.

    `last` may stage more files when no other run can touch the folders any more.
    """
    if not run.staged:
        return
    if len(run.staged) == 1 and not run.stale and last is None:
        ((target, staged),) = run.staged.items()
        try:
            _take_place(staged, target)
        except OSError as error:
            raise _cannot(target, error) from error
        _sync_folder(target.parent)
        run.staged.clear()
        return
    folders = sorted({target.parent for target in run.staged})
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(folder_lock(folder))
        if last is not None:
            last(run)
        _put_with_undo(run)
    for folder in folders:
        _sync_folder(folder)
    run.staged.clear()


def _put_with_undo(run: Run) -> None:
    for target, staged in run.staged.items():
        if not staged.overwrite and target.exists():
            raise _exists(target)
    backups: dict[Path, Path] = {}
    put: list[Path] = []
    target = next(iter(run.staged))
    try:
        for target in (*run.staged, *run.stale):
            if target.exists():
                backups[target] = beside(target)
                _keep(target, backups[target])
        for target, staged in run.staged.items():
            _take_place(staged, target)
            put.append(target)
        for target in run.stale:
            target.unlink(missing_ok=True)
    except (OSError, LayerError) as error:
        for done in put:
            if done not in backups:
                done.unlink(missing_ok=True)
        for kept, backup in backups.items():
            if backup.exists():
                backup.replace(kept)
        if isinstance(error, LayerError):
            raise
        raise _cannot(target, error) from error
    finally:
        _remove(backups.values())


def _keep(target: Path, backup: Path) -> None:
    """A second name for the old file, so that it can come back; a copy where links are unknown."""
    try:
        backup.hardlink_to(target)
    except OSError:
        import shutil

        shutil.copy2(target, backup)


def _take_place(staged: Staged, target: Path) -> None:
    if staged.overwrite:
        staged.temporary.replace(target)
        return
    try:
        target.hardlink_to(staged.temporary)  # fails if the target exists, even made just now
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:  # a file system without links
        if target.exists():
            raise _exists(target) from None
        staged.temporary.replace(target)
    _remove([staged.temporary])


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ---------------------------------------------------------------- one run at a time


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder while a set is put in its place; the lock goes when its process goes.

    A file system that knows no locks (some network shares) is used without.

    Raises
    ------
    LayerError
        If another run holds it for longer than half a minute.
    """
    path = folder / _LOCK_NAME
    deadline = time.monotonic() + _LOCK_S
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            held = _try_lock(handle)
            # whoever held it before may have removed the file: then it is no longer the lock
            if held and _same_file(handle, path):
                break
        except OSError:
            os.close(handle)
            with suppress(OSError):
                path.unlink()
            yield  # no locks here
            return
        os.close(handle)
        if time.monotonic() > deadline:
            raise LayerError(
                f"another run is writing to {folder}",
                mend="Wait until it is done.",
                zh=f"另一个程序正在写 {folder}",
                mend_zh="请等它结束",
            )
        time.sleep(0.02)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _same_file(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(handle)
    return (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)


def _try_lock(handle: int) -> bool:
    """Take the lock of an open file if no one has it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
