"""Which worker serves which city: advisory locks of PostgreSQL, held by one session of each worker.

A dead worker's session ends, and with it its locks: at once where the process was killed, within SILENT_S where its
machine lost its power or its network, or the worker stands still. What serving means must not be known here.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from center.store.migrate import Unavailable
from center.store.trouble import said

CITIES, WORKERS = 4_191, 4_192
"""First halves of the locks' numbers; any would do. The second half is the city's code, of WORKERS 0."""
SILENT_S = 12
"""A session of which the server hears nothing for so long is at an end."""
HURRY = f"SET LOCAL idle_in_transaction_session_timeout = '{SILENT_S}s'"
"""In a worker's transactions: else one that stands still in the midst of it keeps the next from its rows."""
_LOCKS = sa.text("""
    SELECT classid::bigint, objid::bigint, pid = pg_backend_pid() FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid IN (:cities, :workers)
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


class Seating(NamedTuple):
    """`mine`: the cities that this worker holds; `free`: those that nobody does."""

    mine: frozenset[str]
    free: frozenset[str]
    workers: int


class Seats:
    """One worker's. Raises Unavailable: then it holds nothing any more, and has to make another one."""

    def __init__(self, engine: Engine) -> None:
        try:
            self._connection: Connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            raise Unavailable(*said("database", error.orig)) from error
        self._connection.detach()  # from the pool: its session ends when we close it
        try:
            self._connection.exec_driver_sql(f"SET idle_session_timeout = '{SILENT_S}s'")
            self._connection.execute(sa.select(sa.func.pg_advisory_lock_shared(WORKERS, 0)))
        except DBAPIError as error:
            raise self._lost(error) from error

    def look(self, cities: Iterable[str], *, take: bool) -> Seating:
        """How `cities` are held now. `take`: of the free ones first as many as this worker lacks of a fair share."""
        if self._connection.closed:
            raise Unavailable("the session that held the cities has ended", "占有各市的数据库会话已结束")
        wanted = frozenset(cities)
        try:
            seating = self._seating(wanted)
            fair = -(-len(wanted) // seating.workers)
            mine = set(seating.mine)
            for city in sorted(seating.free) if take else ():
                if len(mine & wanted) < fair and self._take(city):
                    mine.add(city)
        except DBAPIError as error:
            raise self._lost(error) from error
        return Seating(frozenset(mine), seating.free - mine, seating.workers)

    def _seating(self, wanted: frozenset[str]) -> Seating:
        found = self._connection.execute(_LOCKS, {"cities": CITIES, "workers": WORKERS}).all()
        held = {f"{number:04}": own for kind, number, own in found if kind == CITIES}
        workers = sum(kind == WORKERS for kind, _, _ in found)
        mine = frozenset(city for city, own in held.items() if own)
        return Seating(mine, wanted - held.keys(), max(1, workers))

    def _take(self, city: str) -> bool:
        return bool(self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(CITIES, int(city)))).scalar_one())

    def _lost(self, error: DBAPIError) -> Unavailable:
        self.close()
        return Unavailable(*said("database", error.orig))

    def close(self) -> None:
        """All that it holds is free."""
        with suppress(DBAPIError):
            self._connection.close()
