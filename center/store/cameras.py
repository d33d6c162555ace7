"""What is held of one position and the slot that it is heard at. Only this folder knows SQLAlchemy."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.intervals import Span
from center.store.registered import exclusions, positions
from center.store.schema import events, standing


class ToldEvent(NamedTuple):
    """`at`: ms of `boot`; `received_ms`: UTC."""

    gateway: str
    slot: str
    kind: str
    boot: str
    at: int
    received_ms: int
    payload: bytes


class Stands(NamedTuple):
    """The newest word of one slot."""

    state: str
    reason: str
    level: str
    received_ms: int


class Exclusion(NamedTuple):
    """A time that was approved to be left out."""

    from_ms: int
    to_ms: int
    cause: str
    reason: str
    requested_by: str
    approved_by: str
    approved_ms: int
    evidence: str


class Cameras:
    """A part of the Reader."""

    _c: Connection

    def unit_of(self, position: str, now_ms: int) -> str:
        """The unit that a position was in last, "" where there is none of this name."""
        p = positions.c
        mine = sa.select(p.unit).where((p.position == position) & (p.since_ms <= now_ms))
        return str(self._c.execute(mine.order_by(p.since_ms.desc()).limit(1)).scalar() or "")

    def cameras_of(self, unit: str, now_ms: int) -> list[tuple[str, str]]:
        """(position, zone) of those in service now, by zone."""
        p = positions.c
        mine = (p.unit == unit) & (p.since_ms <= now_ms) & (p.until_ms.is_(None) | (p.until_ms > now_ms))
        rows = self._c.execute(sa.select(p.position, p.zone).where(mine).order_by(p.zone, p.position))
        return [(position, zone) for position, zone in rows]

    def stands(self, gateway: str, slot: str) -> Stands | None:
        s = standing.c
        chosen = sa.select(s.state, s.reason, s.level, s.received_ms).where((s.gateway == gateway) & (s.slot == slot))
        row = self._c.execute(chosen).one_or_none()
        return Stands(*row) if row else None

    def exclusions_of(self, position: str, span: Span) -> list[Exclusion]:
        """Those that reach into [span) in UTC ms, by their beginning."""
        e = exclusions.c
        mine = (e.position == position) & (e.from_ms < span[1]) & (e.to_ms > span[0])
        chosen = sa.select(*(e[name] for name in Exclusion._fields)).where(mine).order_by(e.from_ms)
        return [Exclusion(*row) for row in self._c.execute(chosen)]

    def left_out(self, at_ms: int) -> dict[str, int]:
        """Position -> until when it is left out, of those that are at this moment."""
        e = exclusions.c
        chosen = sa.select(e.position, e.to_ms).where((e.from_ms <= at_ms) & (e.to_ms > at_ms))
        return {position: to_ms for position, to_ms in self._c.execute(chosen)}  # noqa: C416

    def told_of(self, slots: Sequence[tuple[str, str]], kinds: Sequence[str], most: int) -> list[ToldEvent]:
        """Events of these kinds of these (gateway, slot), the last received first."""
        e = events.c
        mine = sa.or_(*((e.gateway == gateway) & (e.slot == slot) for gateway, slot in slots)) if slots else sa.false()
        chosen = sa.select(*(e[name] for name in ToldEvent._fields)).where(mine & e.kind.in_(list(kinds)))
        rows = self._c.execute(chosen.order_by(e.received_ms.desc(), e.seq.desc()).limit(most))
        return [ToldEvent._make((*row[:-1], bytes(row[-1]))) for row in rows]
