"""The records that center's rooms hand to one another. Neither database nor broker is known here."""

from typing import NamedTuple


class Piece(NamedTuple):
    """A time of service of a required camera position, [since_ms, until_ms) in UTC (None: still), in one place.

    One that moves, or whose canteen does, has several, one after the other: it keeps its past. `region`: its code.
    """

    position: str
    zone: str
    unit: str
    unit_name: str
    kind: str
    region: str
    since_ms: int
    until_ms: int | None = None


class Bound(NamedTuple):
    """Where a position is heard in [since_ms, until_ms): a box or a camera replaced makes no other position of it."""

    gateway: str
    slot: str
    since_ms: int
    until_ms: int | None = None


class Position(NamedTuple):
    """Both in the order of time."""

    position: str
    pieces: tuple[Piece, ...]
    bounds: tuple[Bound, ...]

    def heard_at(self, at_ms: int) -> Bound | None:
        """Where it is heard then, None where it is bound to nothing."""
        now = (one for one in self.bounds if one.since_ms <= at_ms and (one.until_ms is None or at_ms < one.until_ms))
        return next(now, None)


class Act(NamedTuple):
    """A change of the registry: who made it when; `before` and `after` as JSON, `before` empty for what was added."""

    at_ms: int
    person: str
    source: str
    sheet: str
    id: str
    at: str
    before: str
    after: str


class EventRow(NamedTuple):
    """One content that a seq came with, for ever and never altered.

    `copy` tells contents apart. `kind`: "" where it cannot be read. `state`: what a transition leads to, in any word.
    """

    gateway: str
    store: str
    seq: int
    copy: int
    session: str
    boot: str
    kind: str
    slot: str
    state: str
    at: int
    received_ms: int
    payload: bytes


class AnchorRow(NamedTuple):
    """One anchor that a gateway told: boot ms `at` of its boot was `utc_ms`, to `err_ms`."""

    gateway: str
    store: str
    seq: int
    copy: int
    boot: str
    at: int
    utc_ms: int
    err_ms: int
    received_ms: int


class ClosingRow(NamedTuple):
    """A coverage event: the claim of a session that ended."""

    gateway: str
    store: str
    seq: int
    copy: int
    session: str
    boot: str
    watching_since: int
    settled_to: int
    seq_high: int
    received_ms: int


NEVER_MS = 2**62
ROUGH_MS, ROUGH_SEQS = 86_400_000, 50
"""How roughly a run's time and numbers are kept, so that they are seldom written."""


class RunRow(NamedTuple):
    """Of one run: nothing of it is dated before `from_ms`, by its word or its receipts, nor received after `to_ms`.

    `seq_lo`, `seq_hi`: its events are among these, and the one before it. `generation`: of the days that were built
    last when something of it came.
    """

    gateway: str
    store: str
    session: str
    boot: str
    from_ms: int = NEVER_MS
    to_ms: int = 0
    seq_lo: int = NEVER_MS
    seq_hi: int = 0
    generation: int = 0

    def rough(self) -> "RunRow":
        return self._replace(
            from_ms=self.from_ms // ROUGH_MS * ROUGH_MS,
            to_ms=-(-self.to_ms // ROUGH_MS) * ROUGH_MS,
            seq_lo=(self.seq_lo - 1) // ROUGH_SEQS * ROUGH_SEQS,
            seq_hi=-(-self.seq_hi // ROUGH_SEQS) * ROUGH_SEQS,
        )

    def both(self, other: "RunRow") -> "RunRow":
        return self._replace(
            from_ms=min(self.from_ms, other.from_ms),
            to_ms=max(self.to_ms, other.to_ms),
            seq_lo=min(self.seq_lo, other.seq_lo),
            seq_hi=max(self.seq_hi, other.seq_hi),
            generation=max(self.generation, other.generation),
        )

    def holds(self, from_ms: int, to_ms: int, seq_lo: int, seq_hi: int, generation: int) -> bool:
        """Whether it says all of that."""
        return (
            self.from_ms <= from_ms
            and self.to_ms >= to_ms
            and self.seq_lo < seq_lo
            and self.seq_hi >= seq_hi
            and self.generation >= generation
        )


class SessionRow(NamedTuple):
    """What a message says of a session; None and "" where it says nothing. UTC ms."""

    gateway: str
    session: str
    heard_ms: int = 0
    born_ms: int | None = None
    left_ms: int | None = None
    lost_ms: int | None = None
    version: str = ""
    store: str = ""
    boot: str = ""
    why: str = ""


class StandingRow(NamedTuple):
    """The newest word of a slot; slot "": the gateway's last sign of life, `state` "left" where it said goodbye."""

    gateway: str
    slot: str
    session: str
    store: str = ""
    seq: int = 0
    state: str = ""
    reason: str = ""
    level: str = ""
    at: int = 0
    received_ms: int = 0

    def follows(self, before: "StandingRow") -> bool:
        """Of one store the higher seq is newer; of two, and where there are none, what came later."""
        if self.seq and self.store == before.store:
            return self.seq > before.seq
        return self.received_ms >= before.received_ms


class DocumentRow(NamedTuple):
    """The newest retained document of one kind from one gateway."""

    gateway: str
    kind: str
    received_ms: int
    payload: bytes


class TwinsRow(NamedTuple):
    """What one inventory says: slots (with commas) that show the same picture as another one of their gateway."""

    gateway: str
    received_ms: int
    slots: str
    generation: int


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
    copy: int = 0


class Spoilt(NamedTuple):
    """Something set aside; `store` and `seq` where it stood in a journal. `code`: of the alarm that it is, or ""."""

    gateway: str
    topic: str
    reason: str
    payload: bytes
    received_ms: int
    store: str = ""
    seq: int = 0
    code: str = ""
    times: int = 1
    key: str = ""
    """What makes it the same finding, however its words grow; "": the words themselves."""


class Aside(NamedTuple):
    """What stands set aside: first and last come at, UTC ms, and how often."""

    gateway: str
    topic: str
    code: str
    reason: str
    store: str
    seq: int
    payload: bytes
    first_ms: int
    last_ms: int
    times: int
