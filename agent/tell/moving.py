"""Moves the journal's rows between databases: into memory when the disk fails, and back when it works again."""

import logging
import secrets
from collections.abc import Sequence

from agent.tell.database import Database, Kind, Row, StoreRow, Trouble
from agent.tell.eviction import close_session

log = logging.getLogger(__name__)


class Store:
    """One store as it is now. `gone` may be ahead of what the database has removed."""

    def __init__(self, row: StoreRow) -> None:
        self.number, self.name = row.number, row.name
        self.gone, self.evicted, self.seq_high = row.gone, row.evicted, row.high
        self.removed = row.gone

    @property
    def pending(self) -> int:
        return self.seq_high - self.gone


def carry(failed: Database, memory: Database, stores: Sequence[Store], room: int) -> None:
    """Every store, with what can still be read and fits into `room` bytes, and a new one to go on with."""
    with memory.transaction():
        for one in stores:
            rows = _readable(failed, one, room)
            room -= sum(len(row.body) for row in rows)
            memory.insert(memory.add_store(one.name, gone=one.gone, evicted=one.evicted), rows)
        memory.add_store(new_id())


def settle(disk: Database, stores: Sequence[Store]) -> None:
    """What was acknowledged while the disk was away leaves it."""
    known = {row.name: row for row in disk.stores()}
    with disk.transaction():
        for one in stores:
            if (there := known.get(one.name)) and one.gone > there.gone:
                disk.remove(there.number, one.gone)


def move_in(disk: Database, memory: Database, stores: Sequence[Store]) -> None:
    """Everything that memory holds into the file, whose sessions that were left open are closed; in a transaction."""
    known = {row.name: row for row in disk.stores()}
    for number, claim in disk.claims().items():
        close_session(disk, number, claim)
    claims = memory.claims()
    for row in memory.stores():
        there = known.get(row.name)
        current = row.name == stores[-1].name
        if not there and not current and row.high == row.gone:
            continue
        number = there.number if there else disk.add_store(row.name, gone=row.gone, evicted=row.evicted)
        disk.insert(number, memory.rows(row.number, max(row.gone, there.gone) if there else row.gone))
        disk.remove(number, next(one.gone for one in stores if one.name == row.name))
        if current:
            disk.put_claim(number, claims.get(row.number))
    if not disk.stores():
        disk.add_store(new_id())


def take_up(disk: Database, other: Database) -> int:
    """Everything that another file has still to tell, as former stores; how many events. Raises Trouble.

    Its sessions that were left open are closed. A store that is in both files was taken up before.
    """
    with other.transaction():
        for number, claim in other.claims().items():
            close_session(other, number, claim)
    known = {row.name: row.high for row in disk.stores()}
    there = other.stores()
    if longer := [row.name for row in there if row.high > known.get(row.name, row.high)]:
        raise Trouble(Kind.CORRUPT, f"store {longer[0]} went on in both files")
    left = [row for row in there if row.high > row.gone and row.name not in known]
    with disk.transaction():
        for row in left:
            disk.insert(disk.add_store(row.name, gone=row.gone, evicted=row.evicted), other.rows(row.number, row.gone))
        if left:
            disk.add_store(new_id())
    return sum(row.high - row.gone for row in left)


def _readable(failed: Database, store: Store, room: int) -> list[Row]:
    """The store's rows from the oldest on, as far as they can be read and fit into `room` bytes."""
    rows: list[Row] = []
    try:
        for row in failed.rows(store.number, store.gone):
            room -= len(row.body)
            if room < 0:
                break
            rows.append(row)
    except Trouble as trouble:
        log.warning("journal %s: after %d events no more can be read now: %s", store.name, len(rows), trouble)
    return rows


def new_id() -> str:
    return secrets.token_hex(4)
