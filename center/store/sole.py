"""One sender of messages at a time for a database: it holds a lock that ends with it.

On PostgreSQL an advisory lock of a session of its own; beside a SQLite file a locked file.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from center.store.migrate import Unavailable
from center.store.trouble import said

SENDER = 4_193
"""First half of the lock's number (see seats.py); any would do."""


class Taken(Unavailable):
    """Another one holds it."""

    def __init__(self) -> None:
        super().__init__(
            "messages run is at work on this database already: end that one first, or wait until it has ended",
            "已有一个 messages run 在使用此数据库：请先停止它，或等其结束",
        )


class Sole:
    """Held until `close`. Raises Taken, Unavailable."""

    def __init__(self, engine: Engine) -> None:
        self._connection: Connection | None = None
        self._handle = -1
        if engine.dialect.name == "sqlite":
            self._lock_file(Path(f"{engine.url.database}-messages.lock"))
        else:
            self._lock_session(engine)

    def _lock_file(self, path: Path) -> None:
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            raise Taken from error
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}", f"{path}：{error.strerror}") from error

    def _lock_session(self, engine: Engine) -> None:
        try:
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.detach()  # from the pool: its session ends when we close it
            asked = sa.select(sa.func.pg_try_advisory_lock(SENDER, 0))
            mine = bool(self._connection.execute(asked).scalar_one())
        except DBAPIError as error:
            self.close()
            raise Unavailable(*said("database", error.orig)) from error
        if not mine:
            self.close()
            raise Taken

    def check(self) -> None:
        """Raises Unavailable where the session that holds it has ended: then it may be another's by now."""
        if self._connection is None:
            return
        try:
            self._connection.execute(sa.select(1))
        except DBAPIError as error:
            self.close()
            raise Unavailable(*said("database", error.orig)) from error

    def close(self) -> None:
        if self._connection is not None:
            with suppress(DBAPIError):
                self._connection.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> "Sole":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
