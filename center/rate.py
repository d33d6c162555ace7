"""The online rate (在线率): what part of its service time a slot was proven online, as whole milliseconds.

Pure: intervals of what is registered and known come in, figures go out; neither database nor clock is known here.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal, NamedTuple

from center.intervals import Intervals, difference, holding, intersection, normal, total
from center.timeline import Known

SHANGHAI = timezone(timedelta(hours=8))
"""Asia/Shanghai. China has kept +08:00 without summer time since 1991, so no time zone database is needed."""

TOO_LATE_MS = 4_102_444_800_000
"""The year 2100 begins: nobody means a time so far away."""

Dark = Literal["visible", "local"]


class Rules(NamedTuple):
    """The policy's settings that the rate rests on."""

    dark: Dark = "visible"
    """visible: time in which the center heard nothing of the gateway is not proven online, whatever is said later."""
    dark_after_ms: int = 180_000
    within_ms: int = 1_800_000
    """What is told later than so long after the moment (or the return of the line) is no proof of online time."""
    kinds: frozenset[str] = frozenset()
    """The kinds of unit that the figures are about; empty: all."""
    calendar: bool = False
    """Whether only the hours of the canteen's calendar are assessed; else all."""


class Figures(NamedTuple):
    """`slots` in service, and milliseconds of one or the sum of many: assessed (E), known online, known offline.

    The rest is unknown.
    """

    slots: int = 0
    assessed: int = 0
    on: int = 0
    off: int = 0

    @property
    def unknown(self) -> int:
        return self.assessed - self.on - self.off

    def plus(self, other: "Figures") -> "Figures":
        return Figures(*(a + b for a, b in zip(self, other, strict=True)))


def lit(known: Known, dark: Intervals, rules: Rules) -> Known:
    """What counts as known: dark turns online into unknown, never into offline."""
    return Known(difference(known.on, dark), known.off) if rules.dark == "visible" else known


def figures(assessed: Intervals, known: Known) -> Figures:
    """One slot's figures. `assessed`: E; `known`: what counts as known."""
    on, off = (total(intersection(told, assessed)) for told in (known.on, known.off))
    return Figures(1 if assessed else 0, total(assessed), on, off)


def service(accepted_ms: int, ended_ms: int | None, span: tuple[int, int]) -> Intervals:
    """From acceptance to the registry act that ends it, within `span`: unplugging a camera does not end it."""
    end = span[1] if ended_ms is None else min(ended_ms, span[1])
    return normal([(max(accepted_ms, span[0]), end)])


def dark(receipts: Intervals, uptime: Intervals, rules: Rules) -> Intervals:
    """Moments at which the center, up and connected that long, had heard nothing of the gateway for `dark_after_ms`.

    `receipts`: times of messages as [first, last], those nearer to each other than `dark_after_ms` in one.
    """
    heard = normal((first, last + rules.dark_after_ms) for first, last in receipts)
    listening = normal((begin + rules.dark_after_ms, end) for begin, end in uptime)
    return difference(listening, heard)


# ---- point in time ------------------------------------------------------------------------------


class Count(NamedTuple):
    """Slots at one moment. Every registered slot is in exactly one of the four others."""

    registered: int = 0
    online: int = 0
    offline: int = 0
    unknown: int = 0
    never_seen: int = 0

    def plus(self, other: "Count") -> "Count":
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


def count(state: str, *, seen: bool) -> Count:
    """One slot. A camera of which nothing was ever known counts as registered all the same."""
    if state == "online":
        return Count(registered=1, online=1)
    if state == "offline":
        return Count(registered=1, offline=1)
    return Count(registered=1, unknown=1) if seen else Count(registered=1, never_seen=1)


def state_at(known: Known, moment: int) -> str:
    if holding(known.on, moment):
        return "online"
    return "offline" if holding(known.off, moment) else "unknown"


# ---- months and printing ------------------------------------------------------------------------


def month_span(month: str) -> tuple[int, int]:
    """[from, to) in UTC ms of "YYYY-MM" in Asia/Shanghai. ValueError for anything else."""
    if not re.fullmatch(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])", month):
        raise ValueError(month)
    year, number = int(month[:4]), int(month[5:])
    begin = datetime(year, number, 1, tzinfo=SHANGHAI)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=SHANGHAI)
    return to_ms(begin), to_ms(end)


def month_of(ms: int) -> str:
    return local(ms).strftime("%Y-%m")


def moment_ms(text: str, zone: timezone) -> int:
    """UTC ms of an ISO 8601 time, of `zone` where it names no offset. ValueError for anything not in 1970 to 2099."""
    moment = datetime.fromisoformat(text)
    ms = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    if not 0 <= ms < TOO_LATE_MS:
        raise ValueError(text)
    return ms


def to_ms(moment: datetime) -> int:
    """Exactly, without the floating point of timestamp()."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def local(ms: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(SHANGHAI)


def percent(numerator: int, denominator: int) -> str:
    """As officials compute it: rounded half up to two decimals (42293/42489 is "99.54%"), but never into a pass.

    "100.00%" is all, "0.00%" is none, whatever the rounding says; "n/a" where there is nothing to assess.
    """
    if denominator == 0:
        return "n/a"
    hundredths = (numerator * 20_000 + denominator) // (2 * denominator)
    if 0 < numerator < denominator:
        hundredths = min(max(hundredths, 1), 9_999)
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def pooled(all_of: Iterable[Figures]) -> Figures:
    """Sum of the parts over the sum of the wholes: not a mean of means."""
    result = Figures()
    for one in all_of:
        result = result.plus(one)
    return result
