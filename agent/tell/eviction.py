"""Rows that the agent writes into its journal by itself: gaps for what had to be given up, and the end of a session."""

from collections.abc import Sequence
from itertools import groupby, islice

import msgspec
from msgspec import Struct

from agent.tell.database import Claim, Database, Row
from contract.messages import Coverage, Gap

SHARE = 16
"""One eviction removes one in so many of all rows."""
_LEAST = 100
NOBODY = "-"
"""The session id of the rows written here. No run has it, so no run counts their seqs among its own."""


class _Head(Struct, frozen=True):
    """The fields that every event has, of whatever kind and from whatever version of the agent."""

    kind: str
    seq: int
    boot: str
    session: str
    at: int


_HEAD = msgspec.json.Decoder(_Head)


def evict(database: Database, number: int) -> bool:
    """Remove the store's oldest rows and write a gap event for each boot. False: it has none. Raises Trouble.

    Anchors and earlier gaps are written again: else what is left of their boot could not be dated, and an earlier loss
    would go untold. An open session is closed, since its later claims would rest on rows that are gone.
    """
    share = max(_LEAST, database.count() // SHARE)
    going = [(_HEAD.decode(row.body), row.body) for row in islice(database.rows(number, 0), share)]
    high = next(row.high for row in database.stores() if row.number == number)
    kept = [body for head, body in going if head.kind in ("anchor", "gap")]
    gone = [head for head, _ in going if head.kind not in ("anchor", "gap")]
    if not gone:
        return False
    rows = [_again(body, high + i) for i, body in enumerate(kept, 1)]
    rows += [Row(gap.seq, msgspec.json.encode(gap)) for gap in _gaps(gone, high + len(rows))]
    claim = database.claims().get(number)
    with database.transaction():
        database.remove(number, going[-1][0].seq, evicted=True)
        database.insert(number, rows)
        if claim:
            close_session(database, number, claim)
    return True


def _again(body: bytes, seq: int) -> Row:
    return Row(seq, msgspec.json.encode(msgspec.json.decode(body) | {"seq": seq, "session": NOBODY}))


def _gaps(gone: Sequence[_Head], high: int) -> list[Gap]:
    boots = (list(heads) for _, heads in groupby(gone, key=lambda head: head.boot))
    return [_gap(heads, high + i) for i, heads in enumerate(boots, 1)]


def _gap(gone: list[_Head], seq: int) -> Gap:
    last = gone[-1]
    return Gap(
        seq=seq,
        boot=last.boot,
        session=NOBODY,
        at=last.at,
        from_seq=gone[0].seq,
        to_seq=last.seq,
        from_=min(head.at for head in gone),
        to=max(head.at for head in gone) + 1,
        why="journal full",
    )


def close_session(database: Database, number: int, claim: Claim) -> None:
    """Write the coverage event of a session that ended without one, from its last checkpoint; in a transaction."""
    high = next(row.high for row in database.stores() if row.number == number)
    event = Coverage(
        seq=high + 1,
        boot=claim.boot,
        session=claim.session,
        at=claim.settled_to,
        from_=claim.since,
        to=claim.settled_to,
        seq_high=claim.seq_high,
    )
    database.insert(number, [Row(event.seq, msgspec.json.encode(event))])
    database.put_claim(number, None)
