"""The records that center's rooms hand to one another. Neither database nor broker is known here."""

from typing import Literal, NamedTuple

Kind = Literal["canteen", "caterer"]


class Slot(NamedTuple):
    """A required camera position. In service from `accepted_ms` until `ended_ms` (UTC; None: still)."""

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
    """Seqs that will never come; `boot` is "" where their time is not told."""

    gateway: str
    store: str
    from_seq: int
    to_seq: int
    boot: str = ""
    from_at: int = 0
    to_at: int = 0
    why: str = ""


class Spoilt(NamedTuple):
    """Something set aside; `store` and `seq` where it stood in a journal."""

    gateway: str
    topic: str
    reason: str
    payload: bytes
    received_ms: int
    store: str = ""
    seq: int = 0
