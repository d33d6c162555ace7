"""When a cause is told, with which others, and when it is said again.

Pure: time is an argument. Where causes come from, what a message says and how it is sent must not be known here.
"""

from collections.abc import Sequence
from typing import NamedTuple

DAY_MS = 86_400_000
MINUTE_MS = 60_000
SHANGHAI_MS = 8 * 3_600_000
ALONE = ("undelivered",)
"""Kinds of which each cause is told by itself."""
AT_ONCE = ("alarm", "undelivered")
"""Kinds that are no state that may pass: no delay."""


class Pace(NamedTuple):
    """`delay_ms`: what lasts less is not told. Gateways of one county are told as one where at least `least` of them
    fell silent within `window_ms`. `reminders_ms`: so long after the case was opened. `settled_ms`: the delay
    of gateways, after which the others that fell silent with one are seen to be.
    """

    delay_ms: int
    window_ms: int
    least: int
    reminders_ms: tuple[int, ...]
    settled_ms: int


class Pending(NamedTuple):
    """A cause that is in no case yet. `since_ms`: UTC."""

    id: str
    since_ms: int


class Running(NamedTuple):
    """A case of several gateways of this county that was told. `since_ms`: of the first of them."""

    case: int
    since_ms: int


class Gathered(NamedTuple):
    """Causes that become one case. `case`: that they join, 0: a new one. `together`: more than a coincidence."""

    members: tuple[Pending, ...]
    together: bool
    case: int = 0


def delay(kind: str, pace: Pace) -> int:
    """From its beginning until it is told, ms."""
    return 0 if kind in AT_ONCE else pace.settled_ms if kind == "gateway" else pace.delay_ms


def gather(
    kind: str, waiting: Sequence[Pending], running: Sequence[Running], now_ms: int, pace: Pace
) -> list[Gathered]:
    """What of one bucket is told now. Each cause stands in one Gathered at most; what is in none waits on."""
    left = sorted(waiting, key=lambda one: (one.since_ms, one.id))
    made: list[Gathered] = []
    for one in running if kind == "gateway" else ():
        joins = tuple(p for p in left if one.since_ms <= p.since_ms <= one.since_ms + pace.window_ms)
        if joins:
            made.append(Gathered(joins, together=True, case=one.case))
            left = [p for p in left if p not in joins]
    while left and left[0].since_ms + delay(kind, pace) <= now_ms:
        size = _together(kind, left, pace)
        made.append(Gathered(tuple(left[:size]), together=kind == "gateway" and size > 1))
        del left[:size]
    return made


def _together(kind: str, left: Sequence[Pending], pace: Pace) -> int:
    """How many of the first of these are one cause."""
    if kind in ALONE:
        return 1
    if kind != "gateway":
        return len(left)
    near = sum(p.since_ms <= left[0].since_ms + pace.window_ms for p in left)
    return near if near >= pace.least else 1


def next_reminder(opened_ms: int, now_ms: int, pace: Pace) -> int:
    """When the next one is due, 0 for never. Those that fell due while nobody worked are one."""
    return next((opened_ms + after for after in sorted(pace.reminders_ms) if opened_ms + after > now_ms), 0)


def is_quiet(quiet: tuple[int, int] | None, now_ms: int) -> bool:
    """`quiet`: from, to in minutes of the local day; to may lie in the next one."""
    if quiet is None:
        return False
    begin, end = quiet
    minute = (now_ms + SHANGHAI_MS) % DAY_MS // MINUTE_MS
    return begin <= minute < end if begin < end else minute >= begin or minute < end


TRIES = 10
_PAUSES_S = (30, 60, 120, 300, 900, 1800, 3600, 7200, 14400)


def pause_ms(tries: int, wait_s: float) -> int:
    """Until it is tried again after so many tries; `wait_s`: the least that the other side asked for."""
    return round(1000 * max(_PAUSES_S[min(tries, len(_PAUSES_S)) - 1], min(wait_s, _PAUSES_S[-1])))
