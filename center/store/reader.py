"""What the store holds, read within one snapshot. What it means is not known here."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.intervals import Intervals, normal
from center.model import Aside, LostRow, Slot
from center.store.schema import (
    anchors,
    claims,
    documents,
    events,
    lost,
    quarantine,
    receipts,
    sessions,
    sightings,
    slots,
    uptime,
)
from center.store.statements import ACKED, ANY_AFTER, BORN, CLAIM_COLUMNS, HELD, REGISTRY_VERSION
from center.timeline import AnchorPoint, Claim, Held, Lost


class Reader:
    def __init__(self, connection: Connection) -> None:
        self._c = connection

    def _rows(self, statement: sa.Select[Any], **parameters: object) -> Sequence[Any]:
        return self._c.execute(statement, parameters).all()

    def _number(self, statement: sa.Select[Any], **parameters: object) -> int:
        """The single number asked for; 0 where there is none."""
        return int(self._c.execute(statement, parameters).scalar() or 0)

    # ---- registry

    def slots(self, *, city: str = "") -> list[Slot]:
        """Every time of service of every position, ended ones too."""
        chosen = sa.select(*(slots.c[name] for name in Slot._fields)).order_by(*slots.primary_key.columns)
        return [Slot(*row) for row in self._rows(chosen.where(slots.c.city == city) if city else chosen)]

    def registry_version(self) -> int:
        return self._number(REGISTRY_VERSION)

    # ---- what arrived

    def held(self, gateway: str, store: str, seqs: Sequence[int]) -> dict[int, bytes]:
        """Which of these seqs are held, with their payload."""
        rows = self._rows(HELD, the_gateway=gateway, the_store=store, seqs=seqs)
        return {seq: payload for seq, payload in rows}  # noqa: C416  # a Row is no tuple for the type checker

    def claims(self, gateways: Sequence[str]) -> list[tuple[str, Claim]]:
        return self._claims(sa.select(*CLAIM_COLUMNS).where(claims.c.gateway.in_(gateways)))

    def widest_claims(self, gateways: Sequence[str]) -> list[tuple[str, Claim]]:
        """One for all claims of a run that watched since the same moment: it says as much where no seq is missing."""
        c = claims.c
        same = [c[name] for name in ("gateway", "store", "session", "boot", "watching_since")]
        most = [sa.func.max(c[name]) for name in ("settled_to", "seq_high", "received_ms")]
        least = sa.func.min(c.zero_ms)
        return self._claims(sa.select(*same, *most, least).where(c.gateway.in_(gateways)).group_by(*same))

    def _claims(self, chosen: sa.Select[Any]) -> list[tuple[str, Claim]]:
        return [(gateway, Claim(*rest)) for gateway, *rest in self._rows(chosen)]

    def anchors(self, gateways: Sequence[str]) -> list[tuple[str, str, int, AnchorPoint]]:
        """(gateway, store, seq, anchor)."""
        columns = (anchors.c[name] for name in ("gateway", "store", "seq", *AnchorPoint._fields))
        rows = self._rows(sa.select(*columns).where(anchors.c.gateway.in_(gateways)))
        return [(gateway, store, seq, AnchorPoint(*rest)) for gateway, store, seq, *rest in rows]

    def lost(self, gateways: Sequence[str]) -> list[tuple[str, str, int, Lost]]:
        """(gateway, store, seq, span) of every gap that tells its time."""
        columns = (lost.c[name] for name in ("gateway", "store", "seq", "boot", "from_at", "to_at"))
        rows = self._rows(sa.select(*columns).where(lost.c.gateway.in_(gateways) & (lost.c.boot != "")))
        return [(gateway, store, seq, Lost(*rest)) for gateway, store, seq, *rest in rows]

    def spoilt(self, gateways: Sequence[str]) -> list[tuple[str, str, int]]:
        """(gateway, store, seq) of what was set aside."""
        c = quarantine.c
        rows = self._rows(sa.select(c.gateway, c.store, c.seq).where(c.gateway.in_(gateways) & (c.seq > 0)))
        return [(gateway, store, seq) for gateway, store, seq in rows]

    def events(self, gateways: Sequence[str], of: Iterable[str] | None) -> list[tuple[str, Held, bytes]]:
        """(gateway, event, payload) of these sessions (None: all) but no coverage; payload only of transitions."""
        payload = sa.case((events.c.kind == "transition", events.c.payload))
        columns = (events.c[name] for name in ("gateway", "store", "seq", "session", "boot", "slot", "at"))
        chosen = sa.select(*columns, payload).where(events.c.gateway.in_(gateways) & (events.c.kind != "coverage"))
        if of is not None:
            chosen = chosen.where(events.c.session.in_(sorted(of)))
        return [(gateway, Held(*rest), raw or b"") for gateway, *rest, raw in self._rows(chosen)]

    def sessions(self, gateways: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Gateway -> (session, whether it said goodbye) of the session heard last."""
        s = sessions.c
        chosen = sa.select(s.gateway, s.session, s.left_ms.is_not(None)).where(s.gateway.in_(gateways))
        rows = self._rows(chosen.order_by(s.heard_ms, s.born_ms.is_not(None), s.born_ms, s.session))
        return {gateway: (session, bool(left)) for gateway, session, left in rows}

    def born(self, gateway: str, session: str) -> bool:
        return bool(self._rows(BORN, the_gateway=gateway, the_session=session))

    def sightings(self, gateways: Sequence[str]) -> set[tuple[str, str]]:
        rows = self._rows(sa.select(sightings.c.gateway, sightings.c.slot).where(sightings.c.gateway.in_(gateways)))
        return {(gateway, slot) for gateway, slot in rows}

    def receipts(self, gateways: Sequence[str]) -> dict[str, Intervals]:
        """Gateway -> [first, last] of messages that came close to one another."""
        rows = self._rows(sa.select(receipts).where(receipts.c.gateway.in_(gateways)).order_by(receipts.c.from_ms))
        found: dict[str, list[tuple[int, int]]] = {}
        for gateway, begin, end in rows:
            found.setdefault(gateway, []).append((begin, end))
        return {gateway: tuple(spans) for gateway, spans in found.items()}

    def uptime(self, city: str) -> Intervals:
        """When some worker that this city's gateways belong to could hear them."""
        rows = self._rows(sa.select(uptime))
        return normal((begin, end) for cities, begin, end in rows if not cities or city in cities.split(","))

    def acked(self, gateway: str, store: str) -> int:
        return self._number(ACKED, the_gateway=gateway, the_store=store)

    def has_after(self, gateway: str, store: str, seq: int) -> bool:
        """Whether anything of this store above `seq` has arrived."""
        return bool(self._rows(ANY_AFTER, the_gateway=gateway, the_store=store, after=seq))

    def aside(self, gateway: str = "") -> list[Aside]:
        """Everything set aside (of one gateway), by the time it first came."""
        q = quarantine.c
        columns = (q[name] for name in Aside._fields[:-1])
        chosen = sa.select(*columns, q.count).order_by(q.first_ms, q.digest)
        return [Aside(*row) for row in self._rows(chosen.where(q.gateway == gateway) if gateway else chosen)]

    def count_held(self, gateway: str, store: str, from_seq: int, to_seq: int) -> int:
        mine = (events.c.gateway == gateway) & (events.c.store == store)
        return self._number(sa.select(sa.func.count()).where(mine & events.c.seq.between(from_seq, to_seq)))

    def losses(self, gateway: str = "") -> list[LostRow]:
        """What will never come (of one gateway), as told by gateways and found by the center."""
        chosen = sa.select(*(lost.c[name] for name in LostRow._fields)).order_by(*lost.primary_key.columns)
        return [LostRow(*row) for row in self._rows(chosen.where(lost.c.gateway == gateway) if gateway else chosen)]

    def document(self, gateway: str, kind: str) -> bytes | None:
        mine = (documents.c.gateway == gateway) & (documents.c.kind == kind)
        return self._c.execute(sa.select(documents.c.payload).where(mine)).scalar()
