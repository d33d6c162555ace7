"""The readings of the online rate (在线率) of one position in one month, and its outages. Pure.

time: ms online of ms assessed. days: camera-days whose share of ms online is at least theta, of camera-days assessed.
spot: published instants at which it was online, of those assessed. The SQL of center/sql says the same of a province.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

from center.intervals import Intervals, Span, intersection, total, union
from center.rate import Figures, figures
from center.timeline import Known

DAY_MS = 86_400_000


Name = Literal["time", "days", "spot"]
NAMES: tuple[Name, ...] = ("time", "days", "spot")


class Rule(NamedTuple):
    """`theta`: least share of a day. `instants`: of each day, evenly from its midnight on. `deciding`: of the three.
    `evidence`: the least share that is known, or no verdict where the rest is the center's own fault.
    """

    theta: Fraction = Fraction(99, 100)
    instants: int = 24
    deciding: Name = "days"
    evidence: Fraction = Fraction(95, 100)


class Readings(NamedTuple):
    """Sums. `time` holds E, On and Off in ms; `planned` ms were approved to be left out."""

    time: Figures = Figures()
    days: int = 0
    days_online: int = 0
    spots: int = 0
    spots_online: int = 0
    planned: int = 0

    def plus(self, other: "Readings") -> "Readings":
        return Readings(self.time.plus(other.time), *(a + b for a, b in zip(self[1:], other[1:], strict=True)))

    def ratio(self, name: Name) -> tuple[int, int]:
        """Its numerator and denominator."""
        return {
            "time": (self.time.on, self.time.assessed),
            "days": (self.days_online, self.days),
            "spot": (self.spots_online, self.spots),
        }[name]


class Outages(NamedTuple):
    """Times told offline without a break, each of its assessed ms. `ended`: those over before the month's end."""

    number: int = 0
    ms: int = 0
    longest_ms: int = 0
    ended: int = 0
    ended_ms: int = 0


def readings(assessed: Intervals, whole: Intervals, known: Known, span: Span, rule: Rule) -> Readings:
    """`assessed`: E; `whole`: E with what was approved to be left out. `span`: the month, begins at a midnight."""
    days = days_online = spots = spots_online = 0
    on = intersection(known.on, assessed)
    for day in _days(span):
        e, its_on = intersection(assessed, (day,)), intersection(on, (day,))
        if e:
            days += 1
            days_online += total(its_on) >= rule.theta * total(e)
            spots += _instants(e, day[0], rule)
            spots_online += _instants(its_on, day[0], rule)
    return Readings(figures(assessed, known), days, days_online, spots, spots_online, total(whole) - total(assessed))


# ---- any definition of the rate -----------------------------------------------------------------


class Definition(NamedTuple):
    """A definition by its parts. `counted`: ms, sample or camera_day. `left_out`: what is unknown is not assessed.

    `passes_at`: the share that is enough, exactly.
    """

    name: str
    counted: str
    rule: Rule = Rule()
    left_out: bool = False
    passes_at: Fraction = Fraction(1)


class Share(NamedTuple):
    """`left_out`: units that are assessed, but of which nothing is known, where these are left out."""

    numerator: int = 0
    denominator: int = 0
    left_out: int = 0

    def plus(self, other: "Share") -> "Share":
        return Share(*(a + b for a, b in zip(self, other, strict=True)))

    def passes(self, definition: Definition) -> bool:
        """Exactly, before any rounding; what has nothing to assess passes nothing."""
        return bool(self.denominator) and self.numerator >= definition.passes_at * self.denominator


def share(definition: Definition, assessed: Intervals, known: Known, span: Span) -> Share:
    """One position's month by one definition. `span`: begins at a midnight of Shanghai."""
    whole = _share(definition, assessed, known, span)
    if not definition.left_out:
        return whole
    valid = _share(definition, intersection(assessed, union(known.on, known.off)), known, span)
    return valid._replace(left_out=whole.denominator - valid.denominator)


def _share(definition: Definition, assessed: Intervals, known: Known, span: Span) -> Share:
    made = readings(assessed, assessed, known, span, definition.rule)
    return {
        "ms": Share(made.time.on, made.time.assessed),
        "sample": Share(made.spots_online, made.spots),
        "camera_day": Share(made.days_online, made.days),
    }[definition.counted]


def _days(span: Span) -> Iterator[Span]:
    return ((begin, begin + DAY_MS) for begin in range(span[0], span[1], DAY_MS))


def _instants(spans: Intervals, midnight: int, rule: Rule) -> int:
    """How many of the day's instants lie in these."""
    step = DAY_MS // rule.instants
    return sum(-(-(end - midnight) // step) - -(-(begin - midnight) // step) for begin, end in spans)


def outages(off: Intervals, assessed: Intervals, span: Span) -> Outages:
    """`off`: as told, so that one that lasts over a night that is not assessed is one."""
    found = Outages()
    for begin, end in intersection(off, (span,)):
        ms = total(intersection(assessed, ((begin, end),)))
        if ms:
            ended = end < span[1]
            found = Outages(
                found.number + 1,
                found.ms + ms,
                max(found.longest_ms, ms),
                found.ended + ended,
                found.ended_ms + ms * ended,
            )
    return found
