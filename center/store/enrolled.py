"""Certificates that were given to gateways, by whom, until when; which were revoked, and why. Only this folder knows
SQLAlchemy. Rows are never deleted: they are the record of it. No private key is among them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store import bulk
from center.store.lists import IN_SERVICE
from center.store.schema import meta

_BIG = sa.BigInteger
AT_ONCE = 500


class Enrolment(NamedTuple):
    """One certificate. `serial`: hexadecimal. `how`: "enroll", or "renew" where the gateway asked for it itself.

    `request`: what a renewal was asked by (contract.renewal.request_id), `certificate` its answer in PEM; else "".
    `recovery`: the hash of the gateway's recovery secret, "" for none. Times UTC ms; `revoked_ms` 0: it is not.
    """

    gateway: str
    serial: str
    city: str
    how: str
    person: str
    issued_ms: int
    expires_ms: int
    request: str = ""
    certificate: str = ""
    recovery: str = ""
    revoked_ms: int = 0
    revoked_by: str = ""
    reason: str = ""


class Box(NamedTuple):
    """A registered gateway. `unit`: of one that it serves, `regions`: of all of them; "" and () for none."""

    gateway: str
    city: str
    revoked_ms: int | None
    unit: str
    regions: tuple[str, ...]


def _column(name: str) -> sa.Column[str] | sa.Column[int]:
    if name in ("gateway", "serial"):
        return sa.Column(name, sa.Text, primary_key=True)
    if name.endswith("_ms"):
        return sa.Column(name, _BIG, nullable=False, server_default="0")
    return sa.Column(name, sa.Text, nullable=False, server_default="")


enrolments = sa.Table("enrolments", meta, *map(_column, Enrolment._fields), sqlite_with_rowid=False)

_BOXES = """
SELECT gateway, city, revoked_ms FROM gateways a
WHERE a.since_ms = (SELECT max(x.since_ms) FROM gateways x WHERE x.gateway = a.gateway) {mine} ORDER BY gateway
"""
_SERVED = "SELECT DISTINCT b.gateway, u.name, u.region" + IN_SERVICE.format(kinds="AND b.gateway <> ''")


class Enrolled:
    """A part of the Reader."""

    _c: Connection

    def enrolments(self, gateways: Sequence[str] | None = None) -> list[Enrolment]:
        """Every certificate that was given (to these), by gateway, the oldest first."""
        if gateways is None:
            found = self._c.execute(sa.select(enrolments)).all()
        else:
            columns = ", ".join(f"t.{name}" for name in Enrolment._fields)
            found = bulk.lookup(self._c, enrolments, ("gateway",), [(one,) for one in gateways], columns)
        return sorted((Enrolment(*row) for row in found), key=lambda one: (one.gateway, one.issued_ms, one.serial))

    def registered_box(self, gateway: str) -> Box | None:
        rows = self._c.execute(sa.text(_BOXES.format(mine="AND a.gateway = :gateway")), {"gateway": gateway})
        return next((Box(name, city, revoked_ms, "", ()) for name, city, revoked_ms in rows), None)

    def registered_boxes(self, now_ms: int) -> list[Box]:
        """All of them, with the units whose positions in service are heard there now."""
        units: dict[str, str] = {}
        regions: dict[str, set[str]] = {}
        for gateway, name, region in self._c.execute(sa.text(_SERVED), {"now": now_ms}):
            units[gateway] = min(filter(None, (units.get(gateway), name)), default="")
            regions.setdefault(gateway, set()).update(filter(None, (region,)))
        rows = self._c.execute(sa.text(_BOXES.format(mine="")))
        return [
            Box(gateway, city, revoked_ms, units.get(gateway, ""), tuple(sorted(regions.get(gateway, ()))))
            for gateway, city, revoked_ms in rows
        ]


class Enrolling:
    """A part of the Writer."""

    _c: Connection

    def add_enrolments(self, rows: Sequence[Enrolment]) -> None:
        bulk.insert(self._c, enrolments, Enrolment._fields, rows, "DO NOTHING")

    def revoke_enrolments(self, gateways: Sequence[str], now_ms: int, by: str, reason: str) -> int:
        """Every certificate of these that is not revoked yet; how many there were."""
        e, count = enrolments.c, 0
        for some in _parts(gateways):
            mine = e.gateway.in_(some) & (e.revoked_ms == 0)
            values = {"revoked_ms": now_ms, "revoked_by": by, "reason": reason}
            count += self._c.execute(sa.update(enrolments).where(mine).values(values)).rowcount
        return count


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for i in range(0, len(names), AT_ONCE):
        yield names[i : i + AT_ONCE]
