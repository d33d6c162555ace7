"""The database by URL or path, and its transactions."""

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from center.store.migrate import Absent, Unavailable, Unready, bring_up
from center.store.reader import Reader
from center.store.registrar import Registrar
from center.store.seats import HURRY, Seats
from center.store.sole import Sole
from center.store.trouble import said
from center.store.writer import Writer
from contract.problems import why

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
"""Scheme of the URL -> dialect and driver; psycopg is used through SQLAlchemy only."""
SERVED: dict[str, Any] = {
    "connect_args": {"keepalives_idle": 4, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 12_000},
    "max_overflow": 25,
}
"""A server whose machine went silently is noticed within some ten seconds; each city's intake gets a connection."""


class Store:
    """A database by URL or file path, its tables made when missing. Raises Unavailable, Unready where it may come."""

    def __init__(self, where: str, *, create: bool = True) -> None:
        self.where = where
        """As it was told."""
        url = address(where)
        if url.drivername == "sqlite":
            _check_file(where, Path(url.database or ""), create=create)
        try:
            # Parameters stay out of what an error says: a log must not hold a password's hash.
            self._engine = sa.create_engine(url, hide_parameters=True, **({} if url.drivername == "sqlite" else SERVED))
        except ImportError as error:
            raise Unavailable(
                f"{url.drivername}: {error}; install canteen-agent[center]",
                f"{url.drivername}：{error}；请安装 canteen-agent[center]",
            ) from error
        self._shares = False
        self._snapshot = {} if url.drivername == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        if url.drivername == "sqlite":
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        named = where if url.drivername == "sqlite" else "database"
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                bring_up(connection, named, create=create)
        except OperationalError as error:
            self._engine.dispose()
            raise Unready(*said(named, error.orig)) from error
        except DBAPIError as error:
            raise Unavailable(*said(named, error.orig)) from error

    @contextmanager
    def write(self) -> Iterator["Writer"]:
        """One transaction: all or nothing, durable when the block has ended without an exception."""
        with _translated(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if self._shares:
                connection.exec_driver_sql(HURRY)
            yield Writer(connection)

    @contextmanager
    def read(self) -> Iterator["Reader"]:
        """One consistent snapshot."""
        with (
            _translated(),
            self._engine.connect().execution_options(**self._snapshot) as connection,
            connection.begin(),
        ):
            yield Reader(connection)

    @contextmanager
    def registrar(self) -> Iterator["Registrar"]:
        """A connection that takes a registry over, in two transactions of its own: staging, then writing."""
        with _translated(), self._engine.connect() as connection:
            registrar = Registrar(connection)
            try:
                yield registrar
            finally:
                registrar.drop()

    def seats(self) -> Seats:
        """Of a PostgreSQL: the cities that a worker holds. Raises Unavailable."""
        self._shares = True
        return Seats(self._engine)

    def sole(self) -> Sole:
        """The lock of the one that sends messages. Raises Taken, Unavailable."""
        return Sole(self._engine)

    def close(self) -> None:
        self._engine.dispose()


def shared(where: str) -> bool:
    """Whether workers on several machines can share it."""
    return address(where).drivername != "sqlite"


def address(where: str) -> sa.URL:
    """A path is a SQLite file. The password of a database stands in no argument: everybody can read those."""
    if "://" not in where:
        return sa.URL.create("sqlite", database=where)
    try:
        url = sa.make_url(where)
    except (ArgumentError, ValueError) as error:
        raise Unavailable(
            "--database is neither a path nor a URL such as postgresql://user@host/database",
            "--database 既不是路径，也不是 postgresql://用户@主机/库名 这样的 URL",
        ) from error
    if url.password is not None or "password" in url.query:
        raise Unavailable(
            "--database: a password in the URL is there for all to read: put it into ~/.pgpass (PGPASSFILE)",
            "--database：URL 中的口令人人可见，请写入 ~/.pgpass（PGPASSFILE）",
        )
    if url.drivername not in DRIVERS:
        known = ", ".join(DRIVERS)
        raise Unavailable(
            f"--database {url.drivername}: no such kind of database; known are {known}",
            f"--database {url.drivername}：没有这种数据库；可用的有 {known}",
        )
    return url.set(drivername=DRIVERS[url.drivername])


def _unfit(where: str, error: OSError) -> Unavailable:
    words = why(error)
    return Unavailable(f"{where}: {words.en}", f"{where}：{words.zh}")


def _check_file(where: str, file: Path, *, create: bool) -> None:
    """Before SQLite opens it, which would write a first page into an empty file, and wait at a pipe."""
    size = 0
    try:
        there = file.stat()
    except FileNotFoundError:
        pass
    except OSError as error:  # nothing that comes by itself
        raise _unfit(where, error) from error
    else:
        size = there.st_size
        if not stat.S_ISREG(there.st_mode):
            raise _unfit(where, OSError(errno.EISDIR, ""))
    if not create and not size:
        raise Absent(f"{where}: no such database", f"{where}：没有这个数据库")


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions on its own
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: one that read first and then wants to write could only fail."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """The database's own troubles as Unavailable; a value it refuses stays what it is: a fault of the message."""
    try:
        yield
    except (DataError, IntegrityError, InterfaceError):
        raise
    except DBAPIError as error:
        raise Unavailable(*said("database", error.orig)) from error
