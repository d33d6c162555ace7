"""The journal's tables, by versions. A version that was published is never edited: another step is added.

The file says its version (https://www.sqlite.org/pragma.html#pragma_user_version). Files older than that say 0 and have
the tables of version 1.
"""

import sqlite3
from collections.abc import Sequence

_OURS = 0x4D434C5A
"""application_id (https://www.sqlite.org/pragma.html#pragma_application_id): the letters MCLZ."""

Steps = Sequence[Sequence[str]]
"""The statements of step i lead from version i to version i + 1."""

STEPS: Steps = (
    (
        "CREATE TABLE store"
        " (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, gone INTEGER NOT NULL, evicted INTEGER NOT NULL)"
        " STRICT",
        "CREATE TABLE event (id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
        "CREATE TABLE claim (number INTEGER PRIMARY KEY, boot TEXT NOT NULL, session TEXT NOT NULL,"
        " since INTEGER NOT NULL, settled_to INTEGER NOT NULL, seq_high INTEGER NOT NULL) STRICT",
    ),
)


class Foreign(Exception):
    """The tables are none that this program knows. `version`: the newer one that made them, 0 = another program."""

    def __init__(self, why: str, version: int = 0) -> None:
        super().__init__(why)
        self.version = version


def recognise(sql: sqlite3.Connection, steps: Steps = STEPS) -> int:
    """The version of the tables, 0 = an empty file; nothing is written. Raises Foreign, sqlite3.Error."""
    ours, said = _number(sql, "application_id"), _number(sql, "user_version")
    tables = _tables(sql)
    if tables and ours != _OURS:
        raise Foreign("this is no journal")
    if said > len(steps):
        raise Foreign(f"written by a newer program: its schema is version {said}, this one knows {len(steps)}", said)
    if not tables:
        return 0
    version = max(said, 1)
    if tables != _made_by(steps[:version]):
        raise Foreign(f"its tables are not those of schema version {version}")
    return version


def bring_up(sql: sqlite3.Connection, version: int, steps: Steps = STEPS) -> None:
    """From this version to the newest, as one act. Raises sqlite3.Error; closing the connection undoes the rest."""
    if version == _number(sql, "user_version") == len(steps):
        return
    sql.execute("BEGIN IMMEDIATE")
    for step in steps[version:]:
        for statement in step:
            sql.execute(statement)
    sql.execute(f"PRAGMA application_id={_OURS}")
    sql.execute(f"PRAGMA user_version={len(steps)}")
    sql.execute("COMMIT")


def _number(sql: sqlite3.Connection, pragma: str) -> int:
    return int(sql.execute(f"PRAGMA {pragma}").fetchone()[0])


def _tables(sql: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Tables, indexes, views and triggers as they were created, but what SQLite makes by itself."""
    found = sql.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type, name"
    )
    return list(found)


def _made_by(steps: Steps) -> list[tuple[str, ...]]:
    sql = sqlite3.connect(":memory:")
    try:
        for step in steps:
            for statement in step:
                sql.execute(statement)
        return _tables(sql)
    finally:
        sql.close()
