"""When a canteen is assessed: terms, holidays and opening hours as whole milliseconds. Pure.

On every day the shortest row that covers it decides, so a holiday is a short row over the long one of its term, and a
working day moved to a weekend a shorter one still.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from center.intervals import Intervals, Span, intersection, normal
from center.rate import SHANGHAI, local, moment_ms
from contract.problems import Told

DAY_MS = 86_400_000
MINUTE_MS = 60_000


class Entry(NamedTuple):
    """`from_day` to `to_day`, both included. `weekdays`: digits, 1 is Monday, "" all; on the others it is closed.
    `hours`: "06:30-19:00、…", "" closed.
    """

    from_day: str
    to_day: str
    weekdays: str = ""
    hours: str = ""

    @property
    def days(self) -> int:
        return (date.fromisoformat(self.to_day) - date.fromisoformat(self.from_day)).days + 1


class Gap(Told):
    """A day that no row covers: the calendar does not say whether it is assessed."""

    def __init__(self, scope: str, day: str) -> None:
        super().__init__(
            f"the calendar of {scope} has no row for {day}:"
            " register the days of the whole month (registry template, sheet 校历)",
            f"{scope} 的校历没有 {day}：请登记整月（见 registry template 的“校历”表）",
        )
        self.scope, self.day = scope, day


def windows(scope: str, entries: Sequence[Entry], span: Span) -> Intervals:
    """W within [span) in UTC ms. Raises Gap."""
    found: list[Span] = []
    day = date.fromisoformat(f"{local(span[0]):%Y-%m-%d}")
    while (begin := moment_ms(day.isoformat(), SHANGHAI)) < span[1]:
        found += (
            (begin + opens * MINUTE_MS, begin + closes * MINUTE_MS) for opens, closes in _open(scope, entries, day)
        )
        day += timedelta(days=1)
    return intersection(normal(found), normal([span]))


def _open(scope: str, entries: Sequence[Entry], day: date) -> Iterable[tuple[int, int]]:
    text = day.isoformat()
    covering = [entry for entry in entries if entry.from_day <= text <= entry.to_day]
    if not covering:
        raise Gap(scope, text)
    shortest = min(entry.days for entry in covering)
    today = [entry for entry in covering if entry.days == shortest and _on(entry, day)]
    return [window for entry in today for window in minutes(entry.hours)]


def _on(entry: Entry, day: date) -> bool:
    return not entry.weekdays or str(day.isoweekday()) in entry.weekdays


def minutes(hours: str) -> list[tuple[int, int]]:
    """[opens, closes) in minutes of the day."""
    parts = [part.split("-") for part in hours.split("、") if part]
    return [(_minute(opens), _minute(closes)) for opens, closes in parts]


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def clash(entries: Sequence[Entry]) -> tuple[Entry, Entry] | None:
    """Two rows of one scope that are equally long and speak of one day: neither is the exception of the other."""
    ordered = sorted(entries, key=lambda entry: (entry.days, entry.from_day))
    for i, one in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if other.days != one.days or other.from_day > one.to_day:
                break
            if set(one.weekdays or "1234567") & set(other.weekdays or "1234567"):
                return one, other
    return None
