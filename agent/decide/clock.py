"""How far the box's wall clock is believed, and when this boot is tied to UTC anew.

Boot milliseconds never jump; the wall clock may, and a box without a battery clock starts in the past. How clocks are
read, kept and told must not be known here.
"""

from msgspec import Struct
from msgspec.structs import replace

from contract.vocabulary import ClockDoubt

MOVED_MS = 2_000
"""An offset (UTC less boot time) that moved by more is a step of the clock."""
LEAP_MS = 3_600_000
"""No disciplined clock steps so far once it is right: a leap is believed only after it stood for `PATIENCE_MS`."""
PATIENCE_MS = 600_000
GRACE_MS = 300_000
"""For so long after a start the clock need not be synchronised yet."""
WITNESS_MS = 300_000
"""The center's clock and ours agree up to this difference, the delay of its message included."""
BEHIND_MS = 60_000
"""An undisciplined clock may be so far behind the last certain time; its anchor then has an error as large."""
FAR_MS = 5 * 366 * 86_400_000
"""An undisciplined clock further ahead of the last certain time is absurd."""
UNSYNCED_ERR_MS = 60_000
"""The least error that a clock which nobody disciplines is taken to have."""
RELEASED_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: it is certainly later than that."""


class Reading(Struct, frozen=True, kw_only=True):
    """Both clocks at one moment. `synced`: an outside source disciplines the wall clock, to `err_ms`."""

    at: int
    """Boot ms."""
    utc_ms: int
    synced: bool
    err_ms: int = 0
    center: int | None = None
    """The center's UTC less our boot time, as its last acknowledgement told it; None = it never did."""

    @property
    def offset(self) -> int:
        return self.utc_ms - self.at


class Floor(Struct, frozen=True, kw_only=True):
    """At boot millisecond `at` of `boot` it was certainly not before `utc_ms`: only disciplined clocks raise it."""

    boot: str
    at: int
    utc_ms: int

    def by(self, at: int) -> int:
        """The floor at a later boot ms of this boot, in UTC ms: the time that has passed since is certain too."""
        return self.utc_ms + at - self.at


def floor(kept: Floor | None, boot: str) -> Floor:
    """The floor of this boot, from what an earlier run left: another boot began after it."""
    if kept is None:
        return Floor(boot=boot, at=0, utc_ms=RELEASED_MS)
    return kept if kept.boot == boot else Floor(boot=boot, at=0, utc_ms=max(kept.utc_ms, RELEASED_MS))


class Anchoring(Struct, frozen=True, kw_only=True):
    """Boot ms `at` is `utc_ms`, give or take `err_ms`; `source` is "ntp" or "system"."""

    at: int
    utc_ms: int
    err_ms: int
    source: str


class Clock(Struct, frozen=True, kw_only=True):
    """What is believed. `offset`: of the last anchor, if any; `sure`: a disciplined clock gave it."""

    floor: Floor
    offset: int | None = None
    sure: bool = False
    leapt: tuple[int, int] | None = None
    """A leap that is not believed yet: its offset, and since when, boot ms."""
    unsynced_since: int | None = None
    """Boot ms."""
    doubt: ClockDoubt | None = None

    def utc_ms(self, at: int) -> int:
        """The best guess: by the last anchor, else the last certain time."""
        return self.floor.by(at) if self.offset is None else at + self.offset


def step(clock: Clock, now: Reading) -> tuple[Clock, Anchoring | None]:
    """What is believed after this reading, and the anchor that has to be told, if any.

    A disciplined clock anchors at once, and again when it has moved. An undisciplined one anchors only where no
    disciplined one ever did in this run, and only if it contradicts nothing that is certain; else events stay undated.

    The source that disciplines a clock may be wrong or lie (a GPS receiver 1,024 weeks back, a spoofed server). A time
    before the last certain one, or against the center's own clock, is not believed however long it stands.
    """
    clock = replace(clock, leapt=_leapt(clock, now), unsynced_since=_unsynced_since(clock, now))
    contradiction = _contradiction(clock, now)
    late = clock.unsynced_since is not None and now.at - clock.unsynced_since > GRACE_MS
    clock = replace(clock, doubt=contradiction or (ClockDoubt.UNSYNCED if late else None))
    if contradiction or (clock.sure and not now.synced):
        return clock, None
    if now.synced:
        clock = replace(clock, floor=Floor(boot=clock.floor.boot, at=now.at, utc_ms=now.utc_ms))
    if clock.offset is not None and clock.sure == now.synced and not _moved(clock, now):
        return clock, None
    told = (now.err_ms, "ntp") if now.synced else (UNSYNCED_ERR_MS, "system")
    anchoring = Anchoring(at=now.at, utc_ms=now.utc_ms, err_ms=told[0], source=told[1])
    return replace(clock, offset=now.offset, sure=now.synced), anchoring


def _contradiction(clock: Clock, now: Reading) -> ClockDoubt | None:
    if now.center is not None:
        return _against(now.offset - now.center)
    if clock.leapt and now.at - clock.leapt[1] < PATIENCE_MS:
        return ClockDoubt.LEAPT
    if now.utc_ms < clock.floor.by(now.at) - BEHIND_MS:
        return ClockDoubt.BEHIND
    if now.synced:
        return None
    if now.utc_ms > clock.floor.by(now.at) + FAR_MS:
        return ClockDoubt.AHEAD
    return ClockDoubt.LEAPT if clock.sure and _moved(clock, now) else None


def _against(witness_ms: int) -> ClockDoubt | None:
    """The doubt that follows from how far our clock is ahead of the center's; None where they agree."""
    if abs(witness_ms) <= WITNESS_MS:
        return None
    return ClockDoubt.BEHIND if witness_ms < 0 else ClockDoubt.AHEAD


def _leapt(clock: Clock, now: Reading) -> tuple[int, int] | None:
    """A leap away from the anchor, and since when it stands; the first disciplined reading is never one."""
    first = now.synced and not clock.sure
    if clock.offset is None or first or abs(now.offset - clock.offset) <= LEAP_MS:
        return None
    if clock.leapt and abs(now.offset - clock.leapt[0]) <= MOVED_MS:
        return clock.leapt
    return now.offset, now.at


def _unsynced_since(clock: Clock, now: Reading) -> int | None:
    return None if now.synced else now.at if clock.unsynced_since is None else clock.unsynced_since


def _moved(clock: Clock, now: Reading) -> bool:
    return clock.offset is not None and abs(now.offset - clock.offset) > MOVED_MS
