"""The records that center's rooms hand to one another. Neither database nor broker is known here."""

from typing import Literal, NamedTuple

Kind = Literal["canteen", "caterer"]


class Slot(NamedTuple):
    """A required camera position and one time of its service: from `accepted_ms` until `ended_ms` (UTC; None: still).

    It may have several, one after the other, each where it then was: one that moves keeps its past.
    """

    gateway: str
    slot: str
    city: str
    county: str
    unit: str
    kind: Kind
    zone: str
    accepted_ms: int
    ended_ms: int | None = None


class EventRow(NamedTuple):
    """An event as stored, for ever and never altered."""

    gateway: str
    store: str
    seq: int
    session: str
    boot: str
    kind: str
    slot: str
    at: int
    received_ms: int
    payload: bytes


class AnchorRow(NamedTuple):
    gateway: str
    store: str
    seq: int
    boot: str
    at: int
    utc_ms: int
    err_ms: int
    received_ms: int


class LostRow(NamedTuple):
    """Seqs that will never come. `boot`: "" where their time is not told. `seq`: of the gap event, 0 for none."""

    gateway: str
    store: str
    from_seq: int
    to_seq: int
    boot: str = ""
    from_at: int = 0
    to_at: int = 0
    why: str = ""
    seq: int = 0
    received_ms: int = 0


class Spoilt(NamedTuple):
    """Something set aside; `store` and `seq` where it stood in a journal."""

    gateway: str
    topic: str
    reason: str
    payload: bytes
    received_ms: int
    store: str = ""
    seq: int = 0


class Aside(NamedTuple):
    """What stands set aside: first and last come at, UTC ms, and how often."""

    gateway: str
    topic: str
    reason: str
    store: str
    seq: int
    payload: bytes
    first_ms: int
    last_ms: int
    times: int
