"""Databases that many tests begin with: each is filled once in a process, and copied for every further test."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support.postgres import copied

Fill = Callable[[str, Path], object]
"""fill(database, an empty folder) fills an empty database and leaves no connection to it."""

_MADE: dict[tuple[Fill, str], str] = {}
"""By what fills it and the server ("" is SQLite): a database that no test opens."""


def filled(fill: Fill, database: str) -> str:
    """`database`, still empty, as `fill` makes it."""
    server = database.partition("?host=")[2]
    copy = copied if server else _copied_file
    if (fill, server) in _MADE:
        copy(_MADE[fill, server], database)
        return database
    folder = Path(tempfile.mkdtemp(prefix="filled-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "sheets").mkdir()
    fill(database, folder / "sheets")
    name = f"filled{len(_MADE)}"
    pattern = database.replace(_name(database), name) if server else str(folder / name)
    copy(database, pattern)
    _MADE[fill, server] = pattern
    return database


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _copied_file(pattern: str, database: str) -> None:
    assert not Path(f"{pattern}-wal").exists(), "somebody has it open"
    shutil.copyfile(pattern, database)
