"""What the store holds, read within one snapshot. What it means is not known here."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.beats import Alike, Stretch
from center.calendar import Entry
from center.documents import part_kind, whole
from center.intervals import Intervals, Span, normal
from center.model import Act, Aside, Bound, LostRow, Piece, Position, RunRow
from center.registry.tree import Region
from center.store import bulk
from center.store.cameras import Cameras
from center.store.causes import Finding
from center.store.enrolled import Enrolled
from center.store.lists import IN_SERVICE, Lists
from center.store.outbox import Posted
from center.store.outside import Outside
from center.store.people import People
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
from center.store.requests import Asked
from center.store.schema import (
    OWN,
    anchors,
    beats,
    claims,
    closings,
    conflicts,
    documents,
    events,
    imports,
    lost,
    quarantine,
    receipts,
    refused,
    runs,
    sessions,
    settings,
    sightings,
    twins,
    uptime,
)
from center.timeline import AnchorPoint, Claim, Held, Lost
from contract.messages import MAX_PARTS

Copy = tuple[str, str, int, int]
"""(gateway, store, seq, copy): one content of a seq."""
Seq = tuple[str, str, int]
"""(gateway, store, seq)."""
_HELD = ("store", "seq", "session", "boot", "slot", "at", "state", "received_ms")
_REGISTRY_VERSION = sa.select(sa.func.coalesce(sa.func.max(imports.c.id), 0))


_STANDING = (
    """
SELECT CASE WHEN s.slot IS NULL THEN '' WHEN g.received_ms >= :since AND g.state <> 'left' AND g.session = s.session
       THEN s.state ELSE 'unknown' END AS word, count(*)
"""
    + IN_SERVICE
    + "GROUP BY word"
)


_ONLINE = """
SELECT s.gateway, s.slot FROM standing s JOIN standing g ON g.gateway = s.gateway AND g.slot = ''
WHERE s.state = 'online' AND g.received_ms >= :since AND g.state <> 'left' AND g.session = s.session
"""


_NOT_AUDITED = """
SELECT r.gateway FROM runs r LEFT JOIN audited a ON a.gateway = r.gateway
WHERE EXISTS (SELECT 1 FROM gateways g WHERE g.gateway = r.gateway)
GROUP BY r.gateway, a.generation HAVING max(r.generation) > coalesce(a.generation, -1)
ORDER BY coalesce(a.generation, -1), r.gateway
"""


class Reader(Lists, Outside, Finding, Posted, Enrolled, People, Cameras, Asked):
    """Reads what the center holds, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    def _rows(self, statement: sa.Select[Any], **parameters: object) -> Sequence[Any]:
        return self._c.execute(statement, parameters).all()

    def _number(self, statement: sa.Select[Any], **parameters: object) -> int:
        """The single number asked for; 0 where there is none."""
        return int(self._c.execute(statement, parameters).scalar() or 0)

    # ---- registry

    def generation(self) -> int:
        """How often days were built from here."""
        return self._number(sa.select(sa.cast(settings.c.value, sa.BigInteger)).where(settings.c.name == "generation"))

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
        theirs = [sa.true()] if among is None else [u.unit.in_(sa.select(p.unit).where(*mine))]
        named = sa.select(u.unit, u.since_ms, u.name, u.kind, u.region).where(*theirs).order_by(u.since_ms)
        for unit, *step in self._rows(named):
            steps[unit].append((step[0], step[1], step[2], step[3]))
        pieces: dict[str, list[Piece]] = defaultdict(list)
        served = sa.select(p.position, p.since_ms, p.until_ms, p.unit, p.zone).where(*mine).order_by(p.since_ms)
        for position, since, until, unit, zone in self._rows(served):
            pieces[position] += _pieces(position, since, until, unit, zone, steps.get(unit, []))
        found = [Position(one, tuple(parts), _bounds(bounds[one])) for one, parts in pieces.items()]
        return sorted(found, key=lambda one: (one.bounds[-1][:2] if one.bounds else ("", ""), one.position))

    def bounds_in(self, city: str) -> Iterator[tuple[str, tuple[Bound, ...]]]:
        """Every position that is or was heard at a gateway of this city, with all places where it was heard."""
        b, g = bindings.c, gateways.c
        here = sa.select(b.position).where(b.gateway.in_(sa.select(g.gateway).where(g.city == city)))
        told = sa.select(b.position, b.since_ms, b.gateway, b.slot).where(b.position.in_(here))
        rows = self._rows(told.order_by(b.position, b.since_ms))
        for position, its in groupby(rows, key=itemgetter(0)):
            yield position, _bounds([(since, gateway, slot) for _, since, gateway, slot in its])

    def moved_since(self, version: int) -> frozenset[str]:
        """The positions that later imports changed, or where they are heard, or the gateways they are heard at."""
        a, b = audit.c, bindings.c
        later = a.import_id > version
        mine = sa.select(a.id).where(later & a.sheet.in_(("positions", "bindings")))
        boxes = sa.select(a.id).where(later & (a.sheet == "gateways"))
        there = sa.select(b.position).where(b.gateway.in_(boxes))
        return frozenset(position for (position,) in self._rows(sa.union(mine, there)))  # type: ignore[arg-type]

    def addresses(self, among: Collection[str] | None = None) -> dict[str, str]:
        """Gateway -> the city in its topics, of those that are registered (of these)."""
        g = gateways.c
        mine = [sa.true()] if among is None else [g.gateway.in_(among)]
        return dict(tuple(row) for row in self._rows(sa.select(g.gateway, g.city).where(*mine).order_by(g.since_ms)))

    def revoked(self) -> dict[str, int]:
        """Gateway -> since when, UTC ms, nothing of it is taken any more."""
        g = gateways.c
        rows = self._rows(sa.select(g.gateway, g.revoked_ms).order_by(g.since_ms))
        newest: dict[str, int | None] = dict(tuple(row) for row in rows)
        return {gateway: ms for gateway, ms in newest.items() if ms is not None}

    def bound(self) -> frozenset[tuple[str, str]]:
        """(gateway, slot) that a position is or was heard at."""
        b = bindings.c
        return frozenset((gateway, slot) for gateway, slot in self._rows(sa.select(b.gateway, b.slot)) if gateway)

    def calendars(self) -> list[tuple[str, str, Entry]]:
        """(scope, kind of unit or "" for all, entry)."""
        c = calendars.c
        rows = self._rows(sa.select(c.scope, c.kind, c.from_day, c.to_day, c.weekdays, c.hours))
        return [(scope, kind, Entry(*entry)) for scope, kind, *entry in rows]

    def excluded(self, span: Span, among: Collection[str] | None = None) -> dict[str, Intervals]:
        """Position (of these) -> the times within [span) in UTC ms that were approved to be left out."""
        e, found = exclusions.c, defaultdict(list)
        mine = (e.from_ms < span[1]) & (e.to_ms > span[0])
        mine = mine if among is None else mine & e.position.in_(among)
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
        return self._number(_REGISTRY_VERSION)

    # ---- testimony

    def runs(self, gateways: Sequence[str]) -> list[RunRow]:
        columns = (runs.c[name] for name in RunRow._fields)
        return [RunRow._make(row) for row in self._rows(sa.select(*columns).where(runs.c.gateway.in_(gateways)))]

    def heard_since(self, generation: int) -> set[str]:
        """The gateways that something came of since."""
        heard = sa.select(runs.c.gateway).where(runs.c.generation >= generation)
        told = sa.select(twins.c.gateway).where(twins.c.generation >= generation)
        return {g for (g,) in self._rows(sa.union(heard, told))}  # type: ignore[arg-type]

    def heard_after(self, moment_ms: int) -> set[str]:
        """The gateways that were heard later than this, UTC ms."""
        return {g for (g,) in self._rows(sa.select(sessions.c.gateway).where(sessions.c.heard_ms > moment_ms))}

    def not_audited(self) -> list[str]:
        """Registered gateways that something came of since they were gone through for alarms, the longest ago first."""
        return [gateway for (gateway,) in self._c.execute(sa.text(_NOT_AUDITED))]

    def twins(self, gateways: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
        """Gateway -> (receipt, slots) of each inventory: slots that show the same picture as another one."""
        t, found = twins.c, defaultdict(list)
        rows = self._rows(sa.select(t.gateway, t.received_ms, t.slots).where(t.gateway.in_(gateways)))
        for gateway, received_ms, slots in sorted(rows):
            found[gateway].append((received_ms, slots))
        return found

    def beats(self, keys: Sequence[tuple[str, str, str, str]]) -> dict[str, list[Stretch]]:
        """Of these runs (gateway, store, session, boot), by gateway."""
        names = ("gateway", *Alike._fields, *Stretch._fields[1:])
        key = ("gateway", "store", "session", "boot")
        end = 1 + len(Alike._fields)
        found: dict[str, list[Stretch]] = defaultdict(list)
        for row in bulk.lookup(self._c, beats, key, keys, ", ".join(f"t.{name}" for name in names)):
            found[row[0]].append(Stretch._make((Alike._make(row[1:end]), *row[end:])))
        return found

    def events(self, ranges: Sequence[tuple[str, str, int, int]], first: Mapping[Seq, int]) -> dict[str, list[Held]]:
        """Of these (gateway, store, from seq, to seq), any that can be read but coverage, by gateway.

        `first`: the copy that stands, of seqs that came with several contents.
        """
        columns = ", ".join(f"t.{name}" for name in ("gateway", "copy", *_HELD))
        where = "t.seq >= k.c2 AND t.seq <= k.c3 AND t.kind NOT IN ('', 'coverage')"
        rows = bulk.lookup(self._c, events, ("gateway", "store"), ranges, columns, where)
        if first:
            rows = [row for row in rows if first.get((row[0], row[2], row[3]), row[1]) == row[1]]
        found: dict[str, list[Held]] = defaultdict(list)
        for row in rows:
            found[row[0]].append(Held._make(row[2:]))
        return found

    def closings(self, gateways: Sequence[str]) -> list[tuple[Copy, Claim]]:
        """Coverage events."""
        claim = ("store", "session", "boot", "watching_since", "settled_to", "seq_high", "received_ms")
        columns = (closings.c[name] for name in ("gateway", "store", "seq", "copy", *claim))
        rows = self._rows(sa.select(*columns).where(closings.c.gateway.in_(gateways)))
        return [((g, store, seq, copy), Claim._make([*rest, 0])) for g, store, seq, copy, *rest in rows]

    def anchors(self, gateways: Sequence[str]) -> list[tuple[Copy, AnchorPoint]]:
        columns = (anchors.c[name] for name in ("gateway", "store", "seq", "copy", *AnchorPoint._fields))
        rows = self._rows(sa.select(*columns).where(anchors.c.gateway.in_(gateways)))
        return [((g, store, seq, copy), AnchorPoint(*rest)) for g, store, seq, copy, *rest in rows]

    def gaps(self, gateways: Sequence[str]) -> list[tuple[Copy, Lost, int, int, int]]:
        """(copy, span, from seq, to seq, receipt) of every gap that tells its time."""
        names = ("gateway", "store", "seq", "copy", "boot", "from_at", "to_at", "from_seq", "to_seq", "received_ms")
        chosen = sa.select(*(lost.c[name] for name in names)).where(lost.c.gateway.in_(gateways) & (lost.c.boot != ""))
        return [((g, s, q, copy), Lost(*span), f, t, ms) for g, s, q, copy, *span, f, t, ms in self._rows(chosen)]

    def first_copies(self, gateways: Sequence[str]) -> dict[Seq, int]:
        """(gateway, store, seq) -> the copy that stands, of seqs that came with several contents."""
        c = conflicts.c
        several = self._rows(sa.select(c.gateway, c.store, c.seq).where(c.gateway.in_(gateways)))
        columns = "t.gateway, t.store, t.seq, t.copy, t.received_ms, t.payload"
        rows = bulk.lookup(self._c, events, ("gateway", "store", "seq"), [tuple(key) for key in several], columns)
        first: dict[Seq, int] = {}
        for gateway, store, seq, copy, _, _ in sorted(rows, key=lambda row: (row[4], bytes(row[5]))):
            first.setdefault((gateway, store, seq), copy)
        return first

    def refused(self, gateways: Sequence[str]) -> dict[str, Intervals]:
        """Gateway -> [first, last] of its messages that came before it was registered."""
        return self._spans(refused, gateways)

    # ---- testimony of versions before 0005

    def claims(self, gateways: Sequence[str]) -> list[tuple[str, Claim]]:
        columns = [claims.c[name] for name in ("gateway", *Claim._fields)]
        return self._claims(sa.select(*columns).where(claims.c.gateway.in_(gateways)))

    def widest_claims(self, gateways: Sequence[str]) -> list[tuple[str, Claim]]:
        """One for all claims of a run that watched since the same moment: it says as much where no seq is missing."""
        c = claims.c
        same = [c[name] for name in ("gateway", "store", "session", "boot", "watching_since")]
        most = [sa.func.max(c[name]) for name in ("settled_to", "seq_high", "received_ms")]
        least = sa.func.min(c.zero_ms)
        return self._claims(sa.select(*same, *most, least).where(c.gateway.in_(gateways)).group_by(*same))

    def _claims(self, chosen: sa.Select[Any]) -> list[tuple[str, Claim]]:
        return [(gateway, Claim(*rest)) for gateway, *rest in self._rows(chosen)]

    def receipts(self, gateways: Sequence[str]) -> dict[str, Intervals]:
        """Gateway -> [first, last] of messages that came close to one another."""
        return self._spans(receipts, gateways)

    def _spans(self, table: sa.Table, gateways: Sequence[str]) -> dict[str, Intervals]:
        rows = self._rows(sa.select(table).where(table.c.gateway.in_(gateways)).order_by(table.c.from_ms))
        found: dict[str, list[tuple[int, int]]] = {}
        for gateway, begin, end in rows:
            found.setdefault(gateway, []).append((begin, end))
        return {gateway: tuple(spans) for gateway, spans in found.items()}

    # ---- the rest of what arrived

    def sessions(self, gateways: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Gateway -> (session, whether it said goodbye) of the session heard last."""
        s = sessions.c
        chosen = sa.select(s.gateway, s.session, s.left_ms.is_not(None)).where(s.gateway.in_(gateways))
        rows = self._rows(chosen.order_by(s.heard_ms, s.born_ms.is_not(None), s.born_ms, s.session))
        return {gateway: (session, bool(left)) for gateway, session, left in rows}

    def born(self, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these (gateway, session) have told their birth."""
        columns = "t.gateway, t.session"
        rows = bulk.lookup(self._c, sessions, ("gateway", "session"), keys, columns, "t.born_ms IS NOT NULL")
        return {(gateway, session) for gateway, session in rows}

    def standing(self, now_ms: int, alive_since_ms: int, kinds: Iterable[str]) -> dict[str, int]:
        """Word -> positions in service now; "": never seen, "unknown": also where the gateway is silent or has left."""
        chosen = sorted(kinds)
        where = "AND u.kind IN :kinds" if chosen else ""
        counted = sa.text(_STANDING.format(kinds=where))
        parameters: dict[str, object] = {"now": now_ms, "since": alive_since_ms}
        if chosen:
            counted = counted.bindparams(sa.bindparam("kinds", expanding=True))
            parameters["kinds"] = chosen
        return {word: count for word, count in self._c.execute(counted, parameters)}  # noqa: C416

    def sightings(self, gateways: Sequence[str]) -> set[tuple[str, str]]:
        rows = self._rows(sa.select(sightings.c.gateway, sightings.c.slot).where(sightings.c.gateway.in_(gateways)))
        return {(gateway, slot) for gateway, slot in rows}

    def uptime(self, city: str) -> Intervals:
        """When some worker that this city's gateways belong to could hear them."""
        rows = self._rows(sa.select(uptime))
        return normal((begin, end) for cities, begin, end in rows if not cities or city in cities.split(","))

    def own_delays(self, gateways: Sequence[str]) -> dict[str, Intervals]:
        """Gateway -> when the center did not hear in time through that gateway's own flood."""
        rows = self._rows(sa.select(uptime).where(uptime.c.cities.in_([OWN + gateway for gateway in gateways])))
        found: dict[str, list[Span]] = defaultdict(list)
        for whose, begin, end in rows:
            found[whose.removeprefix(OWN)].append((begin, end))
        return {gateway: normal(spans) for gateway, spans in found.items()}

    def journals(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
        """(gateway, store) -> (acknowledged seq, highest seq known); 0 for none."""
        mine = "WHERE t.gateway = k.c0 AND t.store = k.c1"
        acked = f"(SELECT t.acked FROM journals t {mine})"
        highest = f"(SELECT t.seq FROM events t {mine} ORDER BY t.seq DESC LIMIT 1)"
        rows = bulk.each(self._c, keys, f"k.c0, k.c1, {acked}, {highest}")
        return {(gateway, store): (acked or 0, highest or 0) for gateway, store, acked, highest in rows}

    def aside(self, gateway: str = "") -> list[Aside]:
        """Everything set aside (of one gateway), by the time it first came."""
        q = quarantine.c
        columns = (q[name] for name in Aside._fields[:-1])
        chosen = sa.select(*columns, q.count).order_by(q.first_ms, q.digest)
        return [Aside(*row) for row in self._rows(chosen.where(q.gateway == gateway) if gateway else chosen)]

    def count_held(self, ranges: Sequence[tuple[str, str, int, int]]) -> list[int]:
        """How many seqs of each (gateway, store, from seq, to seq) are held: came first with what can be read.

        What lies in several of them is sought once.
        """
        spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for *line, from_seq, to_seq in ranges:
            spans[line[0], line[1]].append((from_seq, to_seq + 1))
        held = {
            line: [seq for span in normal(several) for seq in self._held(*line, *span)]
            for line, several in spans.items()
        }
        lines = ((held[gateway, store], from_seq, to_seq) for gateway, store, from_seq, to_seq in ranges)
        return [max(0, bisect_right(seqs, to_seq) - bisect_left(seqs, from_seq)) for seqs, from_seq, to_seq in lines]

    def _held(self, gateway: str, store: str, from_seq: int, until_seq: int) -> list[int]:
        other = events.alias()
        same = (other.c.gateway == gateway) & (other.c.store == store) & (other.c.seq == events.c.seq)
        earlier = sa.tuple_(other.c.received_ms, other.c.payload) < sa.tuple_(events.c.received_ms, events.c.payload)
        its = events.c.seq.between(from_seq, until_seq - 1)
        mine = (events.c.gateway == gateway) & (events.c.store == store) & its
        c = conflicts.c
        several = sa.exists().where((c.gateway == gateway) & (c.store == store) & (c.seq == events.c.seq))
        first = ~several | ~sa.exists().where(same & earlier)
        chosen = sa.select(events.c.seq).where(mine & (events.c.kind != "") & first)
        return [seq for (seq,) in self._rows(chosen.order_by(events.c.seq))]

    def losses(self, gateway: str = "") -> list[LostRow]:
        """What will never come (of one gateway), as told by gateways and found by the center."""
        chosen = sa.select(*(lost.c[name] for name in LostRow._fields)).order_by(*lost.primary_key.columns)
        return [LostRow(*row) for row in self._rows(chosen.where(lost.c.gateway == gateway) if gateway else chosen)]

    def inventories(self) -> Iterator[tuple[str, bytes]]:
        """(gateway, newest inventory) of all that told one, some at a time; see `whole`."""
        d = documents.c
        kinds = d.kind.in_([part_kind("inv", part) for part in range(1, MAX_PARTS + 1)])
        asked = sa.select(d.gateway, d.received_ms, d.payload).where(kinds).order_by(d.gateway)
        with self._c.execution_options(yield_per=500).execute(asked) as rows:
            for gateway, its in groupby(rows, key=itemgetter(0)):
                told = whole((received_ms, payload) for _, received_ms, payload in its)
                if told is not None:
                    yield gateway, told

    def online(self, alive_since_ms: int) -> set[tuple[str, str]]:
        """(gateway, slot) that stand as online."""
        return {(g, slot) for g, slot in self._c.execute(sa.text(_ONLINE), {"since": alive_since_ms})}

    def document(self, gateway: str, kind: str) -> bytes | None:
        """The newest one, "cap" or "inv"; one that came in parts is put together again, see `whole`."""
        kinds = documents.c.kind.in_([part_kind(kind, part) for part in range(1, MAX_PARTS + 1)])
        chosen = sa.select(documents.c.received_ms, documents.c.payload)
        return whole(self._rows(chosen.where((documents.c.gateway == gateway) & kinds)))


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
    """Each holds until the next one; none for a position that was never bound."""
    ends = [*(step[0] for step in steps[1:]), None]
    return tuple(
        Bound(gateway, slot, since, end) for (since, gateway, slot), end in zip(steps, ends, strict=False) if gateway
    )
