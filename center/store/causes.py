"""What stands wrong now, as rows: found anew and found over by comparing the lists' tables with the rows of before.

The rows are what messages are made of. Only this folder knows SQLAlchemy; what is told of a row must not be known here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store import bulk
from center.store.schema import OWN, TOLD, events, meta, quarantine, settings, uptime

_BIG = sa.BigInteger


class Cause(NamedTuple):
    """`kind` gateway (`id` its id), camera (a position), alarm, center (a city), undelivered (a receiver).

    `bucket`: what it may be told together with. `state`: as the lists say it now. `case_id`: 0 until it is in one.
    """

    kind: str
    id: str
    bucket: str
    region: str
    unit: str
    since_ms: int
    seen_ms: int
    state: str
    detail: str
    case_id: int = 0


def _column(name: str) -> sa.Column[object]:
    if name in ("kind", "id"):
        return sa.Column(name, sa.Text, primary_key=True, autoincrement=False)
    if name == "case_id" or name.endswith("_ms"):
        return sa.Column(name, _BIG, nullable=False, server_default="0")
    return sa.Column(name, sa.Text, nullable=False, server_default="")


causes = sa.Table(
    "causes",
    meta,
    *map(_column, Cause._fields),
    sa.Index("causes_of", "case_id", "kind", "bucket"),
    sqlite_with_rowid=False,
)

_REGISTERED = "a.since_ms = (SELECT max(x.since_ms) FROM gateways x WHERE x.gateway = a.gateway AND x.since_ms <= :now)"
_UNREVOKED = "(a.revoked_ms IS NULL OR a.revoked_ms > :now)"
_UNIT = """
(SELECT min(p.unit) FROM bindings b JOIN positions p ON p.position = b.position
 WHERE b.gateway = a.gateway AND p.since_ms <= :now AND (p.until_ms IS NULL OR p.until_ms > :now)
   AND b.since_ms = (SELECT max(y.since_ms) FROM bindings y WHERE y.position = b.position AND y.since_ms <= :now))
"""
_REGION = """
(SELECT u.region FROM units u WHERE u.unit = {unit} AND u.since_ms =
 (SELECT max(z.since_ms) FROM units z WHERE z.unit = u.unit AND z.since_ms <= :now))
"""
_DARK = f"""
SELECT t.gateway, t.region, t.unit, t.received_ms, t.state, t.city FROM (
  SELECT d.*, {_REGION.format(unit="d.unit")} AS region FROM (
    SELECT a.gateway, a.city, g.received_ms, CASE WHEN g.state = 'left' THEN 'left' ELSE 'silent' END AS state,
           {_UNIT} AS unit
    FROM gateways a JOIN standing g ON g.gateway = a.gateway AND g.slot = ''
    WHERE {_REGISTERED} AND {_UNREVOKED} AND (g.state = 'left' OR g.received_ms < :since) AND a.city IN :cities
      AND a.gateway > :after
      AND NOT EXISTS (SELECT 1 FROM causes c WHERE c.kind = 'gateway' AND c.id = a.gateway)
    ORDER BY a.gateway LIMIT :most) d) t
ORDER BY t.gateway
"""
_DARK_NOW = f"""
SELECT id, word FROM (
  SELECT c.id, c.state, CASE WHEN a.gateway IS NULL THEN 'removed' WHEN g.state = 'left' THEN 'left'
         WHEN g.received_ms >= :since THEN 'back' ELSE 'silent' END AS word
  FROM causes c
  LEFT JOIN gateways a ON a.gateway = c.id AND {_REGISTERED} AND {_UNREVOKED}
  LEFT JOIN standing g ON g.gateway = c.id AND g.slot = ''
  WHERE c.kind = 'gateway') seen
WHERE word <> state LIMIT :most
"""
_ALIVE = "g.received_ms >= :since AND g.state <> 'left' AND g.session = s.session"
_BOUND = "b.since_ms = (SELECT max(x.since_ms) FROM bindings x WHERE x.position = b.position AND x.since_ms <= :now)"
_SERVED = "p.since_ms <= :now AND (p.until_ms IS NULL OR p.until_ms > :now)"
_PLANNED = "EXISTS (SELECT 1 FROM exclusions e WHERE e.position = {} AND e.from_ms <= :now AND e.to_ms > :now)"
_OFFLINE = f"""
SELECT p.position, u.region, p.unit, s.received_ms, s.reason
FROM standing s
JOIN standing g ON g.gateway = s.gateway AND g.slot = '' AND {_ALIVE}
JOIN bindings b ON b.gateway = s.gateway AND b.slot = s.slot AND {_BOUND}
JOIN positions p ON p.position = b.position AND {_SERVED}
JOIN units u ON u.unit = p.unit
 AND u.since_ms = (SELECT max(y.since_ms) FROM units y WHERE y.unit = p.unit AND y.since_ms <= :now)
WHERE s.state = 'offline' AND s.slot <> '' {{kinds}} AND NOT {_PLANNED.format("p.position")}
  AND NOT EXISTS (SELECT 1 FROM causes c WHERE c.kind = 'camera' AND c.id = p.position)
LIMIT :most
"""
_OFFLINE_NOW = f"""
SELECT id, word FROM (
  SELECT c.id, c.state, CASE WHEN p.position IS NULL OR b.position IS NULL THEN 'removed'
         WHEN s.state = 'online' AND {_ALIVE} THEN 'back'
         WHEN {_PLANNED.format("c.id")} THEN 'planned'
         WHEN s.state = 'offline' AND {_ALIVE} THEN 'offline' ELSE 'unknown' END AS word
  FROM causes c
  LEFT JOIN positions p ON p.position = c.id AND {_SERVED}
  LEFT JOIN bindings b ON b.position = c.id AND b.gateway <> '' AND {_BOUND}
  LEFT JOIN standing s ON s.gateway = b.gateway AND s.slot = b.slot
  LEFT JOIN standing g ON g.gateway = b.gateway AND g.slot = ''
  WHERE c.kind = 'camera') seen
WHERE word <> state LIMIT :most
"""
_PLACES = f"""
SELECT t.gateway, t.unit, {_REGION.format(unit="t.unit")}, t.city FROM
(SELECT a.gateway, a.city, {_UNIT} AS unit FROM gateways a WHERE {_REGISTERED} AND a.gateway IN :gateways) t
"""


_SEEN = "messages_alarms"
"""Name of the setting."""


class AlarmRow(NamedTuple):
    """Something a gateway told, or the center found: `code` as in center/alarms.py, `slot` "" of the gateway itself."""

    gateway: str
    code: str
    slot: str
    at_ms: int


class Finding:
    """A part of the Reader."""

    _c: Connection

    def dark(self, now_ms: int, alive_since_ms: int, cities: Iterable[str], after: str, most: int) -> list[Cause]:
        """Gateways of these cities that are silent or were stopped, and of which no row is held, by their ids; the
        first `most` after that id.
        """
        asked = sa.text(_DARK).bindparams(sa.bindparam("cities", expanding=True))
        told = {"now": now_ms, "since": alive_since_ms, "cities": sorted(cities), "after": after, "most": most}
        return [
            Cause("gateway", gateway, region or city, region or city, unit or "", since_ms, now_ms, state, state)
            for gateway, region, unit, since_ms, state, city in self._c.execute(asked, told)
        ]

    def offline(self, now_ms: int, alive_since_ms: int, kinds: Iterable[str], most: int) -> list[Cause]:
        """Positions that their gateways tell offline now, without an exclusion, and of which no row is held."""
        chosen = sorted(kinds)
        asked = sa.text(_OFFLINE.format(kinds="AND u.kind IN :kinds" if chosen else ""))
        told: dict[str, object] = {"now": now_ms, "since": alive_since_ms, "most": most}
        if chosen:
            asked = asked.bindparams(sa.bindparam("kinds", expanding=True))
            told["kinds"] = chosen
        return [
            Cause("camera", position, unit, region or "", unit, since_ms, now_ms, "offline", reason)
            for position, region, unit, since_ms, reason in self._c.execute(asked, told)
        ]

    def moved(self, kind: str, now_ms: int, alive_since_ms: int, most: int) -> list[tuple[str, str]]:
        """(id, state now) of held gateways or cameras whose state is another than was held."""
        asked = sa.text({"gateway": _DARK_NOW, "camera": _OFFLINE_NOW}[kind])
        rows = self._c.execute(asked, {"now": now_ms, "since": alive_since_ms, "most": most})
        return [(name, word) for name, word in rows]

    def alarm_rows(self, after_ms: int, most: int) -> list[AlarmRow]:
        """What came after that moment, the oldest first."""
        e, q = events.c, quarantine.c
        told = sa.select(e.gateway, e.kind, e.slot, e.received_ms).where(sa.text(TOLD) & (e.received_ms > after_ms))
        found = sa.select(q.gateway, q.code, sa.literal(""), q.last_ms).where((q.code != "") & (q.last_ms > after_ms))
        rows = self._c.execute(sa.union_all(told, found).order_by(sa.column("received_ms")).limit(most))
        return [AlarmRow(*row) for row in rows]

    def alarms_seen(self) -> int:
        """Up to when alarms were taken in, UTC ms; 0: never."""
        asked = sa.select(settings.c.value).where(settings.c.name == _SEEN)
        return int(self._c.execute(asked).scalar() or 0)

    def places(self, gateways: Iterable[str], now_ms: int) -> dict[str, tuple[str, str]]:
        """Gateway -> (unit, region) that it serves; one that serves none: of its city."""
        asked = sa.text(_PLACES).bindparams(sa.bindparam("gateways", expanding=True))
        found: dict[str, tuple[str, str]] = {}
        for some in _by_many(sorted(set(gateways))):
            rows = self._c.execute(asked, {"now": now_ms, "gateways": some})
            found |= {gateway: (unit or "", region or city) for gateway, unit, region, city in rows}
        return found

    def heard_spans(self, after_ms: int) -> list[tuple[str, int, int]]:
        """(cities with commas, from, to) in which workers heard, of those that ended after that moment."""
        u = uptime.c
        asked = sa.select(u.cities, u.from_ms, u.to_ms).where((u.to_ms >= after_ms) & ~u.cities.startswith(OWN))
        return [(cities, from_ms, to_ms) for cities, from_ms, to_ms in self._c.execute(asked)]

    def held(self, kind: str) -> dict[str, Cause]:
        """By id; for kinds of which there are few."""
        rows = self._c.execute(sa.select(causes).where(causes.c.kind == kind))
        return {row.id: Cause(*row) for row in rows}

    def pending(self, states: Sequence[str]) -> list[tuple[str, str, int]]:
        """(kind, bucket, since when the first of them) of causes in these states that are in no case yet."""
        c = causes.c
        mine = (c.case_id == 0) & c.state.in_(states)
        asked = sa.select(c.kind, c.bucket, sa.func.min(c.since_ms)).where(mine).group_by(c.kind, c.bucket)
        return [(kind, bucket, since_ms) for kind, bucket, since_ms in self._c.execute(asked)]

    def pending_in(self, kind: str, bucket: str, states: Sequence[str]) -> list[Cause]:
        """Of one bucket, the longest first."""
        c = causes.c
        mine = (c.case_id == 0) & (c.kind == kind) & (c.bucket == bucket) & c.state.in_(states)
        return [Cause(*row) for row in self._c.execute(sa.select(causes).where(mine).order_by(c.since_ms, c.id))]

    def members(self, case: int, most: int, units: Iterable[str] = ()) -> list[Cause]:
        """What is left of a case (of these units), the longest first."""
        c = causes.c
        named = sorted(units)
        mine = (c.case_id == case) & c.unit.in_(named) if named else c.case_id == case
        asked = sa.select(causes).where(mine).order_by(c.since_ms, c.id).limit(most)
        return [Cause(*row) for row in self._c.execute(asked)]

    def left_of(self, cases: Sequence[int]) -> dict[int, dict[str, int]]:
        """Case -> state -> causes that are left of it."""
        c = causes.c
        asked = sa.select(c.case_id, c.state, sa.func.count()).where(c.case_id.in_(cases)).group_by(c.case_id, c.state)
        found: dict[int, dict[str, int]] = {case: {} for case in cases}
        for case, state, number in self._c.execute(asked):
            found[case][state] = number
        return found

    def units_of(self, case: int) -> set[str]:
        """That a case is about."""
        rows = self._c.execute(sa.select(causes.c.unit).where(causes.c.case_id == case).distinct())
        return {unit for (unit,) in rows}

    def contacts(self, units: Iterable[str], now_ms: int) -> dict[str, tuple[str, str, str]]:
        """Unit -> (name, contact, telephone) as registered now."""
        asked = sa.text(
            "SELECT u.unit, u.name, u.contact, u.telephone FROM units u WHERE u.unit IN :units AND u.since_ms ="
            " (SELECT max(y.since_ms) FROM units y WHERE y.unit = u.unit AND y.since_ms <= :now)"
        ).bindparams(sa.bindparam("units", expanding=True))
        rows = self._c.execute(asked, {"now": now_ms, "units": sorted(set(units))})
        return {unit: (name, contact, telephone) for unit, name, contact, telephone in rows}

    def zones(self, positions: Iterable[str], now_ms: int) -> dict[str, str]:
        """Position in service -> its place in the kitchen."""
        asked = sa.text(
            f"SELECT p.position, p.zone FROM positions p WHERE p.position IN :positions AND {_SERVED}"
        ).bindparams(sa.bindparam("positions", expanding=True))
        rows = self._c.execute(asked, {"now": now_ms, "positions": sorted(set(positions))})
        return {position: zone for position, zone in rows}  # noqa: C416


class Keeping:
    """A part of the Writer."""

    _c: Connection

    def add_causes(self, rows: Sequence[Cause], *, again: bool = False) -> None:
        """One that is held stays as it is; `again`: but for when it was seen last."""
        then = "DO UPDATE SET seen_ms = excluded.seen_ms" if again else "DO NOTHING"
        bulk.insert(self._c, causes, Cause._fields, rows, then)

    def move_causes(self, kind: str, states: Mapping[str, str]) -> None:
        """Id -> its state now."""
        c = causes.c
        for state in sorted(set(states.values())):
            for some in _by_many([one for one, its in states.items() if its == state]):
                mine = (c.kind == kind) & c.id.in_(some)
                self._c.execute(sa.update(causes).where(mine).values(state=state))

    def see_alarms(self, to_ms: int) -> None:
        then = "DO UPDATE SET value = excluded.value"
        bulk.insert(self._c, settings, ("name", "value"), [(_SEEN, str(to_ms))], then)

    def drop_causes(self, kind: str, ids: Iterable[str]) -> None:
        for some in _by_many(list(ids)):
            self._c.execute(sa.delete(causes).where((causes.c.kind == kind) & causes.c.id.in_(some)))

    def put_in_case(self, kind: str, ids: Sequence[str], case: int) -> None:
        for some in _by_many(ids):
            mine = (causes.c.kind == kind) & causes.c.id.in_(some)
            self._c.execute(sa.update(causes).where(mine).values(case_id=case))


def _by_many(ids: Sequence[str]) -> Iterable[list[str]]:
    """A statement has room for some thousand values."""
    return (list(ids[i : i + 1000]) for i in range(0, len(ids), 1000))
