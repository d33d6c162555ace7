"""What one transaction of the intake or of the registry writes."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from center.model import AnchorRow, EventRow, LostRow, Spoilt
from center.store.reader import Reader
from center.store.schema import (
    anchors,
    claims,
    documents,
    events,
    journals,
    lost,
    quarantine,
    receipts,
    sessions,
    sightings,
    uptime,
)
from center.store.statements import (
    BRIDGE,
    EXTEND_CLAIM,
    EXTEND_RECEIPT,
    HEAR_SESSION,
    NEAR_RECEIPTS,
    NOTE_SESSION,
    ONWARD,
    claim_key,
    insert_new,
    insert_over,
)
from center.timeline import Claim

QUARANTINE_ROWS = 1000
"""How many unreadable messages are kept per gateway, and how much of each; those with a seq are kept all."""
QUARANTINE_BYTES = 4096


class Writer(Reader):
    def _ignore(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self._c.execute(insert_new(table, self._c.dialect.name), rows)

    def _replace(self, table: sa.Table, row: dict[str, Any]) -> None:
        self._c.execute(insert_over(table, self._c.dialect.name), row)

    # ---- what arrives

    def add_events(self, rows: Sequence[EventRow]) -> None:
        self._ignore(events, [row._asdict() for row in rows])

    def add_anchors(self, rows: Sequence[AnchorRow]) -> None:
        self._ignore(anchors, [row._asdict() for row in rows])

    def receive_anchor(self, row: AnchorRow) -> None:
        """It came again: the earliest receipt is what its time is judged by."""
        mine = (anchors.c.gateway == row.gateway) & (anchors.c.store == row.store) & (anchors.c.seq == row.seq)
        earlier = sa.update(anchors).where(mine & (anchors.c.received_ms > row.received_ms))
        self._c.execute(earlier.values(received_ms=row.received_ms))

    def add_lost(self, rows: Sequence[LostRow]) -> None:
        self._ignore(lost, [row._asdict() for row in rows])

    def add_sightings(self, seen: Iterable[tuple[str, str]]) -> None:
        self._ignore(sightings, [{"gateway": gateway, "slot": slot} for gateway, slot in sorted(seen)])

    def extend_claim(self, gateway: str, claim: Claim) -> bool:
        """Moves settled_to forward where the same claim stands already; False if there is none."""
        new = {"until": claim.settled_to, "at_ms": claim.received_ms, "new_zero_ms": claim.zero_ms}
        return self._c.execute(EXTEND_CLAIM, claim_key(gateway, claim) | new).rowcount > 0

    def add_claim(self, gateway: str, claim: Claim) -> None:
        self._ignore(claims, [{"gateway": gateway, **claim._asdict()}])

    def hear_session(self, gateway: str, session: str, at_ms: int) -> None:
        heard = {"the_gateway": gateway, "the_session": session, "at_ms": at_ms}
        if not self._c.execute(HEAR_SESSION, heard).rowcount:
            self._ignore(sessions, [{"gateway": gateway, "session": session, "heard_ms": at_ms}])

    def note_session(self, gateway: str, session: str, moment: str, at_ms: int, **words: str) -> None:
        """`moment`: born_ms with version, store and boot; left_ms with why; lost_ms. The latest stays, in any order."""
        values = {"the_gateway": gateway, "the_session": session, "at_ms": at_ms}
        values |= {f"new_{word}": text for word, text in words.items()}
        if not self._c.execute(NOTE_SESSION[moment], values).rowcount:
            self._ignore(sessions, [{"gateway": gateway, "session": session}])
            self._c.execute(NOTE_SESSION[moment], values)

    def put_document(self, gateway: str, kind: str, payload: bytes, received_ms: int) -> None:
        row = {"gateway": gateway, "kind": kind, "payload": payload, "received_ms": received_ms}
        self._replace(documents, row)

    def add_receipt(self, gateway: str, first_ms: int, last_ms: int) -> None:
        """In any order: those near to each other become one."""
        heard = {"the_gateway": gateway, "first_ms": first_ms, "last_ms": last_ms}
        if self._c.execute(EXTEND_RECEIPT, heard).rowcount:
            return
        near = self._rows(sa.select(receipts.c.from_ms, receipts.c.to_ms).where(NEAR_RECEIPTS), **heard)
        if near:
            self._c.execute(sa.delete(receipts).where(NEAR_RECEIPTS), heard)
        begin, end = min([first_ms, *(b for b, _ in near)]), max([last_ms, *(e for _, e in near)])
        self._ignore(receipts, [{"gateway": gateway, "from_ms": begin, "to_ms": end}])

    def put_uptime(self, from_ms: int, to_ms: int, cities: Sequence[str] = ()) -> None:
        """`cities`: whose gateways could be heard; empty: all."""
        key = ",".join(sorted(cities))
        self._replace(uptime, {"cities": key, "from_ms": from_ms, "to_ms": max(from_ms, to_ms)})

    def set_aside(self, spoilt: Spoilt, times: int = 1) -> bool:
        """Keeps it once, however often it comes; True if it is new."""
        payload = spoilt.payload[:QUARANTINE_BYTES]
        head = "\n".join((spoilt.gateway, spoilt.topic, spoilt.reason, spoilt.store, str(spoilt.seq)))
        digest = hashlib.sha256(head.encode(errors="replace") + b"\n" + spoilt.payload).hexdigest()
        again = sa.update(quarantine).where(quarantine.c.digest == digest)
        if self._c.execute(again.values(count=quarantine.c.count + times, last_ms=spoilt.received_ms)).rowcount:
            return False
        full = sa.select(sa.func.count()).where((quarantine.c.gateway == spoilt.gateway) & (quarantine.c.seq == 0))
        if not spoilt.seq and self._c.execute(full).scalar_one() >= QUARANTINE_ROWS:
            return False
        row = spoilt._asdict() | {"payload": payload, "digest": digest, "count": times}
        row |= {"first_ms": row["received_ms"], "last_ms": row.pop("received_ms")}
        self._c.execute(sa.insert(quarantine).values(row))
        return True

    def advance(self, gateway: str, store: str) -> int:
        """Moves the acknowledged seq over everything held, set aside or declared lost; returns it."""
        acked = before = self.acked(gateway, store)
        while (onward := self._onward(gateway, store, acked)) > acked:
            acked = onward
        if acked > before:
            self._replace(journals, {"gateway": gateway, "store": store, "acked": acked})
        return acked

    def _onward(self, gateway: str, store: str, acked: int) -> int:
        """How far the next 500 known seqs lead without a hole."""
        for (seq,) in self._rows(ONWARD, the_gateway=gateway, the_store=store, after=acked):
            if seq > acked + 1:
                break
            acked = seq
        return self._number(BRIDGE, the_gateway=gateway, the_store=store, after=acked) or acked
