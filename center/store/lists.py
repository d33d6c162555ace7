"""What lists for people are made of: positions that are not online, gateways, what gateways told of themselves.

Only this folder knows SQLAlchemy. What a row means to a person is not known here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.beats import Alike, Stretch
from center.store import bulk, giving_up
from center.store.schema import OWN, TOLD, anchors, beats, events, standing, uptime
from center.timeline import AnchorPoint

IN_SERVICE = """
FROM positions p
LEFT JOIN bindings b ON b.position = p.position AND b.since_ms =
     (SELECT max(x.since_ms) FROM bindings x WHERE x.position = p.position AND x.since_ms <= :now)
LEFT JOIN standing s ON s.gateway = b.gateway AND s.slot = b.slot
LEFT JOIN standing g ON g.gateway = b.gateway AND g.slot = ''
LEFT JOIN units u ON u.unit = p.unit AND u.since_ms =
     (SELECT max(y.since_ms) FROM units y WHERE y.unit = p.unit AND y.since_ms <= :now)
WHERE p.since_ms <= :now AND (p.until_ms IS NULL OR p.until_ms > :now) {kinds}
"""
"""Positions p in service, each with its binding b, its newest word s, its gateway's last sign of life g, its unit u."""
_ABSENT = (
    """
SELECT p.position, p.zone, p.unit, p.since_ms, u.name, u.region, u.contact, u.telephone, b.gateway, b.slot,
       coalesce(s.session, ''), coalesce(s.state, ''), coalesce(s.reason, ''), coalesce(s.level, ''),
       coalesce(s.received_ms, 0), coalesce(g.session, ''), coalesce(g.state, ''), coalesce(g.received_ms, 0)
"""
    + IN_SERVICE
    + """
  AND NOT coalesce(s.state = 'online' AND g.received_ms >= :since AND g.state <> 'left' AND g.session = s.session, {no})
"""
)
_PLACES = (
    """
SELECT p.position, p.zone, coalesce(p.gb_id, ''), p.unit, coalesce(u.name, ''), coalesce(u.kind, ''),
       coalesce(u.region, ''), coalesce(b.gateway, ''), coalesce(b.slot, ''), coalesce(g.received_ms, 0)
"""
    + IN_SERVICE
    + "ORDER BY p.position"
)
_GATEWAYS = """
SELECT a.gateway, a.city, a.revoked_ms, coalesce(g.session, ''), coalesce(g.state, ''), coalesce(g.received_ms, 0),
       coalesce(s.version, ''), coalesce(s.store, ''), coalesce(j.acked, 0),
       (SELECT max(b.seq_high) FROM beats b WHERE b.gateway = a.gateway AND b.store = s.store),
       c.payload, h.payload, p.payload
FROM gateways a
LEFT JOIN standing g ON g.gateway = a.gateway AND g.slot = ''
LEFT JOIN sessions s ON s.gateway = a.gateway AND s.session = g.session
LEFT JOIN journals j ON j.gateway = a.gateway AND j.store = s.store
LEFT JOIN documents c ON c.gateway = a.gateway AND c.kind = 'clock'
LEFT JOIN documents h ON h.gateway = a.gateway AND h.kind = 'host'
LEFT JOIN documents p ON p.gateway = a.gateway AND p.kind = 'program'
WHERE a.since_ms = (SELECT max(x.since_ms) FROM gateways x WHERE x.gateway = a.gateway AND x.since_ms <= :now)
ORDER BY a.gateway
"""
_UNITS = """
SELECT u.unit, u.name, u.region, u.kind, u.contact, u.telephone,
       (SELECT count(*) FROM positions p
        WHERE p.unit = u.unit AND p.since_ms <= :now AND (p.until_ms IS NULL OR p.until_ms > :now))
FROM units u
WHERE u.since_ms = (SELECT max(y.since_ms) FROM units y WHERE y.unit = u.unit AND y.since_ms <= :now) {kinds}
ORDER BY u.unit
"""

_ALIVE = """
SELECT CASE WHEN g.gateway IS NULL THEN 'never_seen' WHEN g.state = 'left' THEN 'left'
            WHEN g.received_ms >= :since THEN 'alive' ELSE 'silent' END AS word, count(*)
FROM gateways a
LEFT JOIN standing g ON g.gateway = a.gateway AND g.slot = ''
WHERE a.since_ms = (SELECT max(x.since_ms) FROM gateways x WHERE x.gateway = a.gateway AND x.since_ms <= :now)
  AND (a.revoked_ms IS NULL OR a.revoked_ms > :now)
GROUP BY word
"""


class AbsentRow(NamedTuple):
    """A position in service that does not stand as online. Times UTC ms, 0 for never; `gateway` None or "": unheard.

    `session`, `state`, `reason`, `level`, `received_ms`: the newest word of it; `run`, `gone`, `heard_ms`: the
    gateway's session, "left" after a goodbye, its last sign of life.
    """

    position: str
    zone: str
    unit: str
    since_ms: int
    unit_name: str | None
    region: str | None
    contact: str | None
    telephone: str | None
    gateway: str | None
    slot: str | None
    session: str
    state: str
    reason: str
    level: str
    received_ms: int
    run: str
    gone: str
    heard_ms: int


class UnitRow(NamedTuple):
    """A unit as it is registered now. `positions`: in service now."""

    unit: str
    name: str
    region: str
    kind: str
    contact: str
    telephone: str
    positions: int


class PlaceRow(NamedTuple):
    """A position in service. `heard_ms`: the last sign of life of its gateway, 0 for never."""

    position: str
    zone: str
    gb_id: str
    unit: str
    unit_name: str
    kind: str
    region: str
    gateway: str
    slot: str
    heard_ms: int


class GatewayRow(NamedTuple):
    """A registered gateway. `acked`, `seq_high`: of the journal of its running session; payloads None: never told."""

    gateway: str
    city: str
    revoked_ms: int | None
    session: str
    gone: str
    heard_ms: int
    version: str
    store: str
    acked: int
    seq_high: int | None
    clock: bytes | None
    host: bytes | None
    program: bytes | None


class Move(NamedTuple):
    """A transition as it was told. `at`: boot ms; `received_ms`: UTC."""

    gateway: str
    slot: str
    store: str
    seq: int
    boot: str
    state: str
    at: int
    received_ms: int


class ToldRow(NamedTuple):
    """An event that a person should hear of."""

    gateway: str
    kind: str
    slot: str
    received_ms: int
    payload: bytes


def _of_kinds(text: str, kinds: Iterable[str], **parameters: object) -> tuple[sa.TextClause, dict[str, object]]:
    """A statement with `{kinds}` in it, of these kinds of unit (none: of all)."""
    chosen = sorted(kinds)
    asked = sa.text(text.replace("{kinds}", "AND u.kind IN :kinds" if chosen else ""))
    if not chosen:
        return asked, parameters
    return asked.bindparams(sa.bindparam("kinds", expanding=True)), parameters | {"kinds": chosen}


class Lists:
    """A part of the Reader."""

    _c: Connection

    def absent(self, now_ms: int, alive_since_ms: int, kinds: Iterable[str]) -> Iterator[AbsentRow]:
        """Positions of these kinds of unit (none: of all) in service now, but those that stand as online."""
        no = "false" if self._c.dialect.name == "postgresql" else "0"
        asked, parameters = _of_kinds(_ABSENT.replace("{no}", no), kinds, now=now_ms, since=alive_since_ms)
        with self._c.execute(asked.execution_options(yield_per=5000), parameters) as rows:
            yield from (AbsentRow(*row) for row in rows)

    def places_now(self, now_ms: int, kinds: Iterable[str]) -> Iterator[PlaceRow]:
        """Positions of these kinds of unit (none: of all) in service now, by their id."""
        asked, parameters = _of_kinds(_PLACES, kinds, now=now_ms)
        with self._c.execute(asked.execution_options(yield_per=5000), parameters) as rows:
            yield from (PlaceRow(*row) for row in rows)

    def units_now(self, now_ms: int, kinds: Iterable[str]) -> list[UnitRow]:
        """Every unit of these kinds (none: of all) that is registered now, by its id."""
        return [UnitRow(*row) for row in self._c.execute(*_of_kinds(_UNITS, kinds, now=now_ms))]

    def boxes(self, now_ms: int) -> list[GatewayRow]:
        """Every gateway that is registered, by its id."""
        return [GatewayRow(*row) for row in self._c.execute(sa.text(_GATEWAYS), {"now": now_ms})]

    def boxes_heard(self) -> dict[str, int]:
        """Gateway -> its last sign of life, UTC ms."""
        chosen = sa.select(standing.c.gateway, standing.c.received_ms).where(standing.c.slot == "")
        return {gateway: ms for gateway, ms in self._c.execute(chosen)}  # noqa: C416

    def boxes_alive(self, now_ms: int, alive_since_ms: int) -> dict[str, int]:
        """State -> registered gateways that are not revoked: alive, silent, left, never_seen."""
        asked = {"now": now_ms, "since": alive_since_ms}
        counted = {state: number for state, number in self._c.execute(sa.text(_ALIVE), asked)}  # noqa: C416
        return dict.fromkeys(("alive", "silent", "left", "never_seen"), 0) | counted

    def heard_to(self) -> dict[tuple[str, ...], int]:
        """Cities that one worker served together (none: all) -> until when it last heard, UTC ms."""
        own = uptime.c.cities.startswith(OWN)
        rows = self._c.execute(sa.select(uptime.c.cities, sa.func.max(uptime.c.to_ms)).where(~own).group_by("cities"))
        return {tuple(filter(None, cities.split(","))): to_ms for cities, to_ms in rows}

    def heard_of(self) -> list[str]:
        """Every gateway that facts are held of, also those that are registered no more."""
        asked = "SELECT gateway FROM sessions UNION SELECT gateway FROM journals ORDER BY gateway"
        return [gateway for (gateway,) in self._c.execute(sa.text(asked))]

    def old_boots(self, gateways: Sequence[str], before_ms: int) -> dict[str, list[str]]:
        return giving_up.old_boots(self._c, gateways, before_ms)

    def oldest_fact(self) -> int | None:
        return giving_up.oldest(self._c)

    def kept_from(self) -> int:
        """Since when facts are kept whole, UTC ms; 0: all are."""
        return giving_up.kept_from(self._c)

    def transitions(self, gateways: Sequence[str]) -> list[Move]:
        """Every transition of these, in the order in which they came."""
        columns = (events.c[name] for name in Move._fields)
        mine = events.c.gateway.in_(gateways) & (events.c.kind == "transition")
        rows = self._c.execute(sa.select(*columns).where(mine).order_by(events.c.received_ms, events.c.seq))
        return [Move(*row) for row in rows]

    def dating(
        self, boots: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[list[Stretch], list[AnchorPoint]]]:
        """(gateway, boot) -> what its milliseconds are dated by."""
        found: dict[tuple[str, str], tuple[list[Stretch], list[AnchorPoint]]] = {key: ([], []) for key in boots}
        width = len(Alike._fields)
        names = ("gateway", *Alike._fields, *Stretch._fields[1:])
        for gateway, *rest in self._of(beats, boots, names):
            one = Stretch(Alike(*rest[:width]), *rest[width:])
            found[gateway, one.alike.boot][0].append(one)
        for gateway, *rest in self._of(anchors, boots, ("gateway", *AnchorPoint._fields)):
            point = AnchorPoint(*rest)
            found[gateway, point.boot][1].append(point)
        return found

    def _of(self, table: sa.Table, boots: Sequence[tuple[str, str]], names: Sequence[str]) -> Sequence[Any]:
        return bulk.lookup(self._c, table, ("gateway", "boot"), boots, ", ".join(f"t.{name}" for name in names))

    def told(self, since_ms: int, gateway: str = "") -> list[ToldRow]:
        """Events that are alarms and came since then (from one gateway), in the order in which they came."""
        columns = (events.c[name] for name in ToldRow._fields)
        mine = sa.text(TOLD) & (events.c.received_ms >= since_ms)
        mine = mine & (events.c.gateway == gateway) if gateway else mine
        rows = self._c.execute(sa.select(*columns).where(mine).order_by(events.c.received_ms, events.c.seq))
        return [ToldRow(*row) for row in rows]
