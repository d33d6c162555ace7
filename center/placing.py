"""Where a command writes: whole or not at all, one writer at a time, over nothing that is somebody else's.

What is written must not be known here.
"""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.problems import Told, why


class Unplaced(Told):
    """A place that cannot be written, or must not be."""


def folder(path: Path, option: str = "", *, there: bool = False) -> None:
    """Raises Unplaced for what is no folder; `there`: also for one that is not there yet."""
    named = f"{option} {path}".strip()
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return
    except FileNotFoundError:
        pass
    except OSError as error:  # none can ever be there
        words = why(error)
        raise Unplaced(f"{named}: {words.en}: name another place", f"{named}：{words.zh}；请换一个位置") from error
    if os.path.lexists(path):
        raise Unplaced(f"{named}: it is no folder: name one", f"{named}：不是文件夹，请指定文件夹")
    if there:
        raise Unplaced(f"{named}: no such folder; days build makes it", f"{named}：没有这个文件夹；由 days build 建立")


def make_folder(path: Path, option: str = "") -> None:
    """Where it is not there. Raises Unplaced."""
    folder(path, option)
    named = f"{option} {path}".strip()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        en, zh = ("", "") if error.errno == errno.ENOENT else (f": {why(error).en}", f"：{why(error).zh}")
        raise Unplaced(
            f"{named}: no folder can be made there{en}; name another place",
            f"{named}：该处无法建立文件夹{zh}；请换一个位置",
        ) from error


@contextmanager
def placed(path: Path, option: str) -> Iterator[None]:
    """What goes wrong with files there is told with the place that the person named. Raises Unplaced."""
    try:
        yield
    except OSError as error:
        words = why(error)
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
        raise Unplaced(f"{option} {path}: {words.en}{where}", f"{option} {path}：{words.zh}{where}") from error


def fresh(path: Path) -> None:
    """Raises Unplaced where something is: it may have been filled in by hand."""
    if os.path.lexists(path):
        raise Unplaced(
            f"{path}: there is a file of this name: name another, or move that one away",
            f"{path}：已有同名文件，请换一个文件名，或先移走原文件",
        )


@contextmanager
def beside(out: Path, *, private: bool = False) -> Iterator[Path]:
    """A file that takes its name once it is whole and on disk; `private`: the owner's alone. Raises Unplaced."""
    _parent(out)
    if os.path.lexists(out) and not out.is_file():
        raise Unplaced(f"{out}: it is not a regular file: name another", f"{out}：不是普通文件，请换一个文件名")
    part = out.with_name(f".{out.name}.part")
    handle = _held(out, part, lambda: os.open(part, _NEW, 0o600 if private else 0o666))
    try:
        os.ftruncate(handle, 0)
        yield part
        os.fsync(handle)
        part.replace(out)
        _settled(out.parent)
    finally:
        if _is(handle, part):
            part.unlink()
        os.close(handle)


@contextmanager
def folder_beside(out: Path) -> Iterator[Path]:
    """An empty folder beside `out`, for one writer; what is left of it goes in the end. Raises Unplaced, OSError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    handle = _held(out, part, lambda: _opened_folder(part))
    try:
        for left in part.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        yield part
    finally:
        if _is(handle, part):
            shutil.rmtree(part, ignore_errors=True)
        os.close(handle)


@contextmanager
def alone(path: Path, *, reading: bool = False) -> Iterator[None]:
    """One command at a time works in this folder; any number may read it. Raises Unplaced, OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(handle, path, fcntl.LOCK_SH if reading else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# ---- locks --------------------------------------------------------------------------------------

_NEW = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def _opened_folder(path: Path) -> int:
    path.mkdir(exist_ok=True)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)


def _held(out: Path, part: Path, opened: Callable[[], int]) -> int:
    """What stands at `part`, open and locked. One that took its name meanwhile, or went, is no longer it."""
    while True:
        try:
            handle = opened()
        except FileNotFoundError as error:
            raise Unplaced(
                f"{out}: nothing can be made there: name another place", f"{out}：该处无法建立，请换一个位置"
            ) from error
        except OSError as error:
            error.filename = str(out if error.errno == errno.ELOOP else out.parent)
            raise
        try:
            _lock(handle, out, fcntl.LOCK_EX)
        except BaseException:
            os.close(handle)
            raise
        if _is(handle, part):
            return handle
        os.close(handle)


def _is(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _lock(handle: int, named: Path, how: int) -> None:
    """Ends with the process. A file system that knows no locks is written as before."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unplaced(
            f"{named}: another one is writing here: wait until it has ended",
            f"{named}：另一个命令正在写入此处，请等其结束",
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EBADF, errno.EINVAL):
            raise


def _parent(out: Path) -> None:
    if not out.parent.exists():
        raise Unplaced(
            f"{out.parent}: there is no such folder: make it first, or name another",
            f"{out.parent}：没有这个文件夹，请先建立或换一个",
        )


def _settled(path: Path) -> None:
    """The name as well is on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
