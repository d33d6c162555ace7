"""What the store holds, read within one snapshot. What it means is not known here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.calendar import Entry
from center.intervals import Intervals, Span, normal
from center.model import Act, Aside, Bound, LostRow, Piece, Position
from center.registry.tree import Region
from center.store.registered import (
    TABLES,
    audit,
    bindings,
    calendars,
    exclusions,
    gateways,
    positions,
    regions,
    units,
)
from center.store.schema import (
    anchors,
    claims,
    documents,
    events,
    imports,
    lost,
    quarantine,
    receipts,
    sessions,
    sightings,
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

    def positions(self, among: Sequence[str] | None = None) -> list[Position]:
        """Every position that was ever required (of these), ended ones too, by the gateway that it is heard at now."""
        p, b = positions.c, bindings.c
        mine = [sa.true()] if among is None else [p.position.in_(among)]
        its = [sa.true()] if among is None else [b.position.in_(among)]
        bounds: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
        told = sa.select(b.position, b.since_ms, b.gateway, b.slot).where(*its).order_by(b.since_ms)
        for position, since, gateway, slot in self._rows(told):
            bounds[position].append((since, gateway, slot))
        steps: dict[str, list[tuple[int, str, str, str]]] = defaultdict(list)
        u = units.c
        for unit, *step in self._rows(sa.select(u.unit, u.since_ms, u.name, u.kind, u.region).order_by(u.since_ms)):
            steps[unit].append((step[0], step[1], step[2], step[3]))
        pieces: dict[str, list[Piece]] = defaultdict(list)
        served = sa.select(p.position, p.since_ms, p.until_ms, p.unit, p.zone).where(*mine).order_by(p.since_ms)
        for position, since, until, unit, zone in self._rows(served):
            pieces[position] += _pieces(position, since, until, unit, zone, steps.get(unit, []))
        found = [Position(one, tuple(parts), _bounds(bounds[one])) for one, parts in pieces.items()]
        return sorted(found, key=lambda one: (one.bounds[-1][:2] if one.bounds else ("", ""), one.position))

    def addresses(self) -> dict[str, str]:
        """Gateway -> the city in its topics, of those that are registered."""
        g = gateways.c
        return dict(tuple(row) for row in self._rows(sa.select(g.gateway, g.city).order_by(g.since_ms)))

    def bound(self) -> frozenset[tuple[str, str]]:
        """(gateway, slot) that a position is or was heard at."""
        b = bindings.c
        return frozenset((gateway, slot) for gateway, slot in self._rows(sa.select(b.gateway, b.slot)) if gateway)

    def calendars(self) -> list[tuple[str, str, Entry]]:
        """(scope, kind of unit or "" for all, entry)."""
        c = calendars.c
        rows = self._rows(sa.select(c.scope, c.kind, c.from_day, c.to_day, c.weekdays, c.hours))
        return [(scope, kind, Entry(*entry)) for scope, kind, *entry in rows]

    def excluded(self, span: Span) -> dict[str, Intervals]:
        """Position -> the times within [span) in UTC ms that were approved to be left out."""
        e, found = exclusions.c, defaultdict(list)
        mine = (e.from_ms < span[1]) & (e.to_ms > span[0])
        for position, begin, end in self._rows(sa.select(e.position, e.from_ms, e.to_ms).where(mine)):
            found[position].append((begin, end))
        return {position: normal(spans) for position, spans in found.items()}

    def units(self) -> frozenset[str]:
        return frozenset(unit for (unit,) in self._rows(sa.select(units.c.unit).distinct()))

    def regions(self) -> list[Region]:
        return [Region(*row) for row in self._rows(sa.select(regions).order_by(regions.c.code))]

    def audit(self, of: str, most: int) -> list[Act]:
        """The last changes of the registry (of this id), the newest first."""
        a, i = audit.c, imports.c
        chosen = sa.select(i.at_ms, i.person, i.source, a.sheet, a.id, a.at, a.before, a.after)
        joined = chosen.select_from(audit.join(imports, a.import_id == i.id)).order_by(
            a.import_id.desc(), a.sheet, a.id
        )
        return [Act(*row) for row in self._rows((joined.where(a.id == of) if of else joined).limit(most))]

    def registered(self, name: str) -> Iterator[Sequence[Any]]:
        """Every row of one of the registry's tables, in the order of its keys, some at a time."""
        table = TABLES[name]
        chosen = sa.select(table).order_by(*table.primary_key.columns)
        with self._c.execution_options(yield_per=5000).execute(chosen) as rows:
            yield from rows

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


def _pieces(
    position: str,
    since: int,
    until: int | None,
    unit: str,
    zone: str,
    steps: list[tuple[int, str, str, str]],
) -> Iterator[Piece]:
    """A time of service cut where its unit moved; the unit's first place also holds before."""
    places = steps or [(0, unit, "", "")]
    ends = [*(step[0] for step in places[1:]), None]
    for i, ((begin, name, kind, region), end) in enumerate(zip(places, ends, strict=True)):
        first = max(since, begin) if i else since
        last = until if end is None else end if until is None else min(until, end)
        if last is None or first < last or (first == last == since and i == 0):
            yield Piece(position, zone, unit, name, kind, region, first, last)


def _bounds(steps: list[tuple[int, str, str]]) -> tuple[Bound, ...]:
    """Each holds until the next one."""
    ends = [*(step[0] for step in steps[1:]), None]
    return tuple(
        Bound(gateway, slot, since, end) for (since, gateway, slot), end in zip(steps, ends, strict=True) if gateway
    )
