"""A copy of a SQLite database while it is in use, and its way back. A PostgreSQL has means of its own: pg_dump, WAL.

Only this folder knows databases. When copies are made, and where they are kept, is not known here.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from center.placing import beside
from center.store.engine import address
from center.store.migrate import FIRST, Unavailable, newer
from center.store.schema import HEAD
from center.store.trouble import said
from contract.problems import Words, both, why

BESIDE = ("-wal", "-shm")
"""Files that SQLite keeps beside one that is open, or was when its process died."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Copy(NamedTuple):
    """`version`: of the tables. `heard_ms`: the last sign of life in it, UTC; 0 for none."""

    file: Path
    size: int
    version: str
    heard_ms: int


def back_up(where: str, out: Path) -> Copy:
    """One consistent copy, whole or not at all; who reads and writes meanwhile is not disturbed. Raises Unavailable."""
    source = _file(where)
    if not source.exists():
        raise Unavailable(f"{source}: no such database", f"{source}：没有这个数据库")
    if not source.is_file():  # SQLite would wait at a pipe
        raise Unavailable(*_line(source, why(OSError(errno.EISDIR, ""))))
    if out.exists() and out.samefile(source):
        raise Unavailable(f"{out} is the database itself: name another file", f"{out} 就是数据库本身：请换一个文件名")
    if os.path.lexists(out):
        _ours(out)
    with _told(out), beside(out, private=True) as part:
        _copy(source, part)
        examine(part)
    return examine(out)


def restore(backup: Path, where: str, aside: Path, *, replace: bool) -> Copy:
    """The backup in place of the database, which is kept as `aside`. Raises Unavailable; then nothing has changed."""
    target = _file(where)
    examine(backup)
    there = target.exists()
    if there and target.samefile(backup):
        raise Unavailable(f"{backup} is the database itself: name the backup", f"{backup} 就是数据库本身：请指定备份")
    if there and not replace:
        raise Unavailable(
            f"{target} exists: with --replace it is kept beside and the backup takes its place",
            f"{target} 已存在：加 --replace 则改名保留原库，由备份取代",
        )
    if there:
        _unused(target)
    with _told(target), beside(target, private=True) as part:
        _copy(backup, part)
        if there:
            os.link(target, aside)
            for end in BESIDE:  # what was not yet in the file must not get into another one
                left = Path(f"{target}{end}")
                if left.exists():
                    left.replace(f"{aside}{end}")
    return examine(target)


def examine(file: Path) -> Copy:
    """What a file holds. Raises Unavailable if it is no sound database of this program, or of a newer one."""
    if not file.is_file():
        raise Unavailable(*_line(file, why(OSError(errno.EISDIR if file.exists() else errno.ENOENT, ""))))
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as there:
            found = there.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise Unavailable(f"{file} is damaged: {found}", f"{file} 已损坏：{found}")
            version = str(there.execute("SELECT version_num FROM alembic_version").fetchone()[0])
            heard = there.execute("SELECT max(heard_ms) FROM sessions").fetchone()[0]
    except sqlite3.Error as error:
        raise Unavailable(
            f"{file} is no database of canteen-center: {error}", f"{file} 不是 canteen-center 的数据库：{error}"
        ) from error
    if not FIRST <= version <= HEAD:
        raise newer(both(str(file)), version)
    return Copy(file, file.stat().st_size, version, heard or 0)


def _ours(out: Path) -> None:
    """Raises Unavailable where a copy would take the place of something else."""
    if out.is_file() and not out.stat().st_size:
        return
    try:
        examine(out)
        if any(Path(f"{out}{end}").exists() for end in BESIDE):
            raise Unavailable(f"{out} is a database in use", f"{out} 是正在使用的数据库")
    except Unavailable as other:
        raise Unavailable(
            f"{other}; only a backup is replaced: name another file",
            f"{other.text('zh')}；只会替换原有备份，请换一个文件名",
        ) from other


def _file(where: str) -> Path:
    url = address(where)
    if url.drivername != "sqlite":
        told = url.set(drivername="postgresql").render_as_string()
        raise Unavailable(
            f"a PostgreSQL is copied by its own means: pg_dump --format=custom --file=FILE '{told}', and back by"
            " pg_restore --clean --if-exists; for every second archive its WAL (docs/center.md)",
            f"PostgreSQL 用其自带工具备份：pg_dump --format=custom --file=FILE '{told}'，恢复用"
            " pg_restore --clean --if-exists；要精确到秒请归档 WAL（docs/center.md）",
        )
    return Path(url.database or "")


def _copy(source: Path, out: Path) -> None:
    """In one step: one that is made page by page begins anew whenever somebody writes."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as there,
        closing(sqlite3.connect(out)) as here,
    ):
        with _told(source):  # whose fault it is, is known only before the two are one act
            there.execute("PRAGMA schema_version")
        there.backup(here)
        here.execute("PRAGMA journal_mode=DELETE")


def _unused(target: Path) -> None:
    """Raises Unavailable while anybody has it open. Of one that is too damaged to be opened nobody can tell."""
    try:
        with closing(sqlite3.connect(target, timeout=0)) as there:
            there.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _BUSY:
            raise Unavailable(
                f"{target} is in use: stop canteen-center serve first",
                f"{target} 正在使用：请先停止 canteen-center serve",
            ) from error
    except sqlite3.DatabaseError:
        return


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(*said(str(out), error)) from error
    except OSError as error:
        raise Unavailable(*_line(error.filename or out, why(error))) from error


def _line(file: object, words: Words) -> Words:
    return Words(f"{file}: {words.en}", f"{file}：{words.zh}")
