"""What is kept of the present, made anew from the facts: it can be thrown away at any time.

Only this folder knows SQLAlchemy.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.model import StandingRow
from center.store import bulk
from center.store.schema import standing
from center.store.statements import NOTHING, STANDING
from contract.messages import BROKEN_JSON

AT_ONCE = 5000
_SLOTS = """
SELECT gateway, slot, session, store, seq, state, at, received_ms, payload FROM (
  SELECT t.*, row_number() OVER
         (PARTITION BY gateway, slot ORDER BY last_ms DESC, store, seq DESC, received_ms, payload)
         AS age
  FROM (SELECT e.*, max(received_ms) OVER (PARTITION BY gateway, slot, store) AS last_ms
        FROM events e WHERE kind = 'transition') t
) newest WHERE age = 1
"""
"""Of each slot the highest seq of the journal that was heard last; of two contents the first."""
_GATEWAYS = """
SELECT gateway, session, state, received_ms FROM (
  SELECT t.*, row_number() OVER (PARTITION BY gateway ORDER BY received_ms DESC, state DESC, session) AS age FROM (
    SELECT gateway, session, '' AS state, max(last_ms) AS received_ms FROM beats GROUP BY gateway, session
    UNION ALL SELECT gateway, session, 'left', left_ms FROM sessions WHERE left_ms IS NOT NULL) t
) newest WHERE age = 1
"""


def stand_anew(connection: Connection) -> int:
    """How many rows there are then: slots, and gateways."""
    connection.execute(sa.delete(standing))
    told = [
        StandingRow(g, "", session, state=state, received_ms=ms)
        for g, session, state, ms in _all(connection, _GATEWAYS)
    ]
    bulk.insert(connection, standing, STANDING, told, NOTHING)
    made = len(told)
    for rows in _some(connection):
        bulk.insert(connection, standing, STANDING, rows, NOTHING)
        made += len(rows)
    return made


def _all(connection: Connection, asked: str) -> Sequence[Any]:
    return connection.execute(sa.text(asked)).all()


def _some(connection: Connection) -> Iterator[list[StandingRow]]:
    with connection.execute(sa.text(_SLOTS).execution_options(yield_per=AT_ONCE)) as found:
        for part in found.partitions():
            yield [_row(*row) for row in part]


def _row(
    gateway: str, slot: str, session: str, store: str, seq: int, state: str, at: int, received_ms: int, payload: bytes
) -> StandingRow:
    try:
        event = msgspec.json.decode(payload)
    except BROKEN_JSON:
        event = {}
    words = {"reason": str(event.get("reason") or ""), "level": str(event.get("level", ""))}
    return StandingRow(gateway, slot, session, store, seq, state, **words, at=at, received_ms=received_ms)
