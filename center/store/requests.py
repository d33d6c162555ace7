"""What units ask of those who supervise them: time to be left out, and stops that they announce. Only this folder knows
SQLAlchemy. What a request means for the rate is not known here: nothing, until it is an exclusion of the registry.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.intervals import Span
from center.store.schema import meta

OPEN, TOLD, APPROVED, REFUSED, WITHDRAWN = "open", "told", "approved", "refused", "withdrawn"
STATES = (OPEN, TOLD, APPROVED, REFUSED, WITHDRAWN)
"""`told`: a stop that is only announced, nobody has to decide on it."""


class Wish(NamedTuple):
    """`position`: "" for all of the unit. [from_ms, to_ms) in UTC ms. `cause`: planned, force_majeure, announced.

    `person`: the account that asked, at `asked_ms`.
    """

    unit: str
    position: str
    from_ms: int
    to_ms: int
    cause: str
    reason: str
    person: str
    asked_ms: int


class Request(NamedTuple):
    """A wish and what became of it: `decider` gave `answer` at `decided_ms`; "" and 0 as long as nobody did."""

    number: int
    wish: Wish
    state: str
    decider: str
    answer: str
    decided_ms: int

    @property
    def stands(self) -> bool:
        """A stop that is announced or asked for, and no exclusion yet."""
        return self.state in (OPEN, TOLD)


class Decision(NamedTuple):
    """`state`: what the request becomes."""

    state: str
    decider: str
    answer: str
    decided_ms: int


_BIG = sa.BigInteger
requests = sa.Table(
    "requests",
    meta,
    sa.Column("number", sa.Integer, primary_key=True),
    *(
        sa.Column(name, _BIG, nullable=False, server_default="0")
        if name.endswith("_ms")
        else sa.Column(name, sa.Text, nullable=False, server_default="")
        for name in (*Wish._fields, *Decision._fields)
    ),
    sa.Index("requests_of", "unit", "to_ms"),
    sa.Index("requests_in", "state", "asked_ms"),
)


class Asked:
    """A part of the Reader."""

    _c: Connection

    def request(self, number: int) -> Request | None:
        found = self._requests(requests.c.number == number)
        return found[0] if found else None

    def requests_of(self, unit: str) -> list[Request]:
        """The newest first."""
        return self._requests(requests.c.unit == unit)[::-1]

    def stops_of(self, units: Sequence[str] | None, span: Span) -> list[Request]:
        """Of these units (None: of all), those that stand and reach into [span), by number."""
        r = requests.c
        mine = (r.from_ms < span[1]) & (r.to_ms > span[0])
        mine = mine if units is None else mine & r.unit.in_(list(units))
        return self._requests(mine & r.state.in_((OPEN, TOLD)))

    def requests_since(self, asked_ms: int) -> list[Request]:
        """Those that are open, and all that were asked since then."""
        r = requests.c
        return self._requests((r.state == OPEN) | (r.asked_ms >= asked_ms))

    def _requests(self, where: sa.ColumnElement[bool]) -> list[Request]:
        rows = self._c.execute(sa.select(requests).where(where).order_by(requests.c.number))
        width = len(Wish._fields)
        return [Request(number, Wish(*rest[:width]), *rest[width:]) for number, *rest in rows]


class Deciding:
    """A part of the Writer, and of what takes a registry over: an exclusion and its approval are one transaction."""

    _c: Connection

    def add_request(self, wish: Wish, state: str) -> int:
        """Its number."""
        done = self._c.execute(sa.insert(requests), wish._asdict() | {"state": state})
        return int(done.inserted_primary_key[0])  # type: ignore[index]

    def decide(self, number: int, decision: Decision, before: Sequence[str] = (OPEN,)) -> bool:
        """False where its state was none of those any more: somebody else was quicker."""
        mine = (requests.c.number == number) & requests.c.state.in_(list(before))
        return self._c.execute(sa.update(requests).where(mine).values(decision._asdict())).rowcount == 1
