"""Makes the tables, or brings an older database up to them: a center never refuses its own past.

The steps are Alembic's, one file each in migrations/versions. Alembic is only loaded where there is a step to take.
"""

import logging

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store import causes, outbox, people, registered, requests  # noqa: F401  # their tables are made with the others
from center.store.schema import HEAD, meta, settings, version
from contract.problems import Told, Words

log = logging.getLogger(__name__)
FIRST = "0002"
"""The oldest that can be brought up; databases before 0004 name their version in `settings` only."""
SCHEMA_LOCK = 4_190
"""Number of the lock under which tables are made and changed; any would do."""


class Unavailable(Told):
    """The database cannot be used now (locked, full, gone, of a newer version); nothing of the transaction was kept."""


class Absent(Unavailable):
    """There is no center's database there, and none was to be made."""


class Unready(Unavailable):
    """The database cannot be opened now; it may be later: its disk is full, its server is not there yet."""


def newer(what: Words, found: str) -> Unavailable:
    return Unavailable(
        f"{what.en} is of version {found}, this program of version {HEAD}: install the newer one",
        f"{what.zh}的版本为 {found}，本程序为 {HEAD}：请安装较新的程序",
    )


def bring_up(connection: Connection, where: str, *, create: bool) -> None:
    """Within the caller's transaction: all steps or none. Raises Unavailable for a database newer than this program.

    `create`: make the tables where there are none, else raise Absent.
    """
    if connection.dialect.name == "postgresql":  # several workers may start at once; in SQLite every writer is alone
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
    marked = _has(connection, version.name)
    found = _found(connection, marked)
    if not found and not create:
        raise Absent(f"{where}: no such database", f"{where}：没有这个数据库")
    if not found:
        meta.create_all(connection)
        connection.execute(sa.insert(version), {"version_num": HEAD})
        _tell_the_old(connection)
    elif found > HEAD:
        raise newer(Words("the database", "数据库"), found)
    elif found < FIRST:
        raise Unavailable(
            f"the database is of version {found}; the first that was ever given out is {FIRST}",
            f"数据库的版本为 {found}，最早发布的版本为 {FIRST}",
        )
    elif found < HEAD or not marked:
        log.warning("the database of version %s is brought up to version %s", found, HEAD)
        _upgrade(connection, found)
        _tell_the_old(connection)


def _has(connection: Connection, table: str) -> bool:
    return bool(sa.inspect(connection).has_table(table))


def _found(connection: Connection, marked: bool) -> str:
    """The version of the database; "" for an empty one."""
    if marked:
        return str(connection.execute(sa.select(version.c.version_num)).scalar_one())
    if _has(connection, settings.name):
        told = connection.execute(sa.select(settings.c.value).where(settings.c.name == "schema")).scalar()
        return str(told).zfill(4) if told else ""
    return ""


def _upgrade(connection: Connection, found: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "center.store:migrations")
    command.stamp(config, found)
    command.upgrade(config, HEAD)


def _tell_the_old(connection: Connection) -> None:
    """A program from before Alembic reads `settings`: it must see that the database is newer than itself."""
    connection.execute(sa.delete(settings).where(settings.c.name == "schema"))
    connection.execute(sa.insert(settings), {"name": "schema", "value": str(int(HEAD))})
