"""The intake's statements, built once; and inserts that both databases understand."""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from center.store.schema import claims, events, imports, journals, lost, quarantine, receipts, sessions
from center.timeline import Claim

COALESCE_MS = 90_000
"""Messages of a gateway nearer to each other than this make one receipt interval (a heartbeat comes every 60 s)."""


def at(table: sa.Table, *names: str) -> sa.ColumnElement[bool]:
    """Equality of these columns with parameters named `the_...`."""
    return sa.and_(*(table.c[name] == sa.bindparam(f"the_{name}") for name in names))


def later(column: sa.Column[Any], parameter: str) -> sa.ColumnElement[int]:
    new = sa.bindparam(parameter, type_=sa.BigInteger)
    return sa.case((column > new, column), else_=new)


def earlier(column: sa.Column[Any], parameter: str) -> sa.ColumnElement[int]:
    new = sa.bindparam(parameter, type_=sa.BigInteger)
    return sa.case((column < new, column), else_=new)


CLAIM_KEY = ("gateway", "store", "session", "boot", "seq_high", "watching_since")
AFTER = sa.bindparam("after", type_=sa.BigInteger)
REGISTRY_VERSION = sa.select(sa.func.coalesce(sa.func.max(imports.c.id), 0))
HELD = sa.select(events.c.seq, events.c.payload).where(
    at(events, "gateway", "store") & events.c.seq.in_(sa.bindparam("seqs", expanding=True))
)
CLAIM_COLUMNS = [claims.c[name] for name in ("gateway", *Claim._fields)]
EXTEND_CLAIM = (
    sa.update(claims)
    .where(at(claims, *CLAIM_KEY))
    .values(
        settled_to=later(claims.c.settled_to, "until"),
        received_ms=later(claims.c.received_ms, "at_ms"),
        zero_ms=earlier(claims.c.zero_ms, "new_zero_ms"),
    )
)
BORN = sa.select(sessions.c.session).where(at(sessions, "gateway", "session") & sessions.c.born_ms.is_not(None))
HEAR_SESSION = (
    sa.update(sessions).where(at(sessions, "gateway", "session")).values(heard_ms=later(sessions.c.heard_ms, "at_ms"))
)
NOTE_SESSION = {
    moment: sa.update(sessions)
    .where(at(sessions, "gateway", "session"))
    .values({moment: later(sessions.c[moment], "at_ms")} | {word: sa.bindparam(f"new_{word}") for word in words})
    for moment, words in {"born_ms": ("version", "store", "boot"), "left_ms": ("why",), "lost_ms": ()}.items()
}
ACKED = sa.select(journals.c.acked).where(at(journals, "gateway", "store"))
KNOWN = sa.union_all(
    *(sa.select(t.c.seq).where(at(t, "gateway", "store") & (t.c.seq > AFTER)) for t in (events, quarantine))
).subquery()
ONWARD = sa.select(KNOWN.c.seq).order_by(KNOWN.c.seq).limit(500)
ANY_AFTER = sa.select(KNOWN.c.seq).limit(1)
BRIDGE = sa.select(sa.func.max(lost.c.to_seq)).where(
    at(lost, "gateway", "store") & (lost.c.from_seq <= AFTER + 1) & (lost.c.to_seq > AFTER)
)
FIRST, LAST = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first_ms", "last_ms"))
NEWEST_RECEIPT = sa.select(sa.func.max(receipts.c.from_ms)).where(at(receipts, "gateway")).scalar_subquery()
EXTEND_RECEIPT = (
    sa.update(receipts)
    .where(
        at(receipts, "gateway")
        & (receipts.c.from_ms == NEWEST_RECEIPT)
        & (receipts.c.from_ms <= FIRST)
        & (receipts.c.to_ms >= FIRST - COALESCE_MS)
    )
    .values(to_ms=later(receipts.c.to_ms, "last_ms"))
)
NEAR_RECEIPTS = (
    at(receipts, "gateway") & (receipts.c.from_ms <= LAST + COALESCE_MS) & (receipts.c.to_ms >= FIRST - COALESCE_MS)
)


def claim_key(gateway: str, claim: Claim) -> dict[str, object]:
    return {"the_gateway": gateway} | {f"the_{name}": getattr(claim, name) for name in CLAIM_KEY[1:]}


@cache
def insert_new(table: sa.Table, dialect: str) -> Any:
    return _insert(table, dialect).on_conflict_do_nothing()


@cache
def insert_over(table: sa.Table, dialect: str) -> Any:
    """Every column is given."""
    insert, keys = _insert(table, dialect), [column.name for column in table.primary_key]
    rest = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)


def _insert(table: sa.Table, dialect: str) -> Any:
    """The dialect's insert: both know ON CONFLICT, with the same words."""
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)
