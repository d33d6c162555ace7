"""Compares what was told of a camera with what was true of it, millisecond by millisecond.

Pure: neither who told, nor a clock, nor a file is known here. Times are UTC milliseconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

ONLINE, OFFLINE, UNKNOWN = "online", "offline", "unknown"


class Span(NamedTuple):
    """In [begin, end) the camera was, or was told to be, in this state."""

    begin: int
    end: int
    state: str


Window = tuple[int, int]


class Score(NamedTuple):
    """Milliseconds of one camera or the sum of many. Every assessed one is in exactly one of the four."""

    right: int = 0
    false_online: int = 0
    false_offline: int = 0
    unknown: int = 0

    @property
    def wrong(self) -> int:
        return self.false_online + self.false_offline

    @property
    def assessed(self) -> int:
        return self.right + self.wrong + self.unknown

    def plus(self, other: "Score") -> "Score":
        return Score(*(a + b for a, b in zip(self, other, strict=True)))


def total(scores: Iterable[Score]) -> Score:
    result = Score()
    for one in scores:
        result = result.plus(one)
    return result


def score(truth: Sequence[Span], told: Sequence[Span], windows: Iterable[Window]) -> Score:
    """What was told, held against the truth, within the windows, which may overlap: time counts once.

    Time of which nothing was told is unknown. ValueError where one list says two things of one moment, or where the
    truth leaves out a moment that is assessed.
    """
    counted = {ONLINE: 0, OFFLINE: 0}
    for begin, end in merged(windows):
        for whole in filled(truth, begin, end):
            if whole.state not in counted:
                raise ValueError(f"no truth is declared for [{whole.begin}, {whole.end})")
            for piece in filled(told, whole.begin, whole.end):
                counted[_cell(whole.state, piece.state)] = (
                    counted.get(_cell(whole.state, piece.state), 0) + piece.end - piece.begin
                )
    right = counted[ONLINE] + counted[OFFLINE]
    return Score(right, counted.get("false online", 0), counted.get("false offline", 0), counted.get("not known", 0))


def _cell(true: str, told: str) -> str:
    if told == UNKNOWN:
        return "not known"
    return true if told == true else f"false {told}"


def filled(spans: Sequence[Span], begin: int, end: int) -> Iterator[Span]:
    """The spans cut to [begin, end), what lies between them as unknown. ValueError where two overlap."""
    at = begin
    previous = None
    for one in sorted(spans):
        if one.begin >= one.end:
            continue
        if previous and one.begin < previous.end:
            raise ValueError(f"{previous} and {one} overlap")
        previous = one
        low, high = max(one.begin, begin), min(one.end, end)
        if low >= high:
            continue
        if at < low:
            yield Span(at, low, UNKNOWN)
        yield Span(low, high, one.state)
        at = high
    if at < end:
        yield Span(at, end, UNKNOWN)


def merged(windows: Iterable[Window]) -> list[Window]:
    """In order, none touching another, empty ones left out."""
    found: list[Window] = []
    for begin, end in sorted(windows):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def without(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """What is left of the windows outside the others."""
    left = merged(windows)
    for begin, end in merged(others):
        left = [
            piece
            for low, high in left
            for piece in ((low, min(high, begin)), (max(low, end), high))
            if piece[0] < piece[1]
        ]
    return left


# ---- who told -----------------------------------------------------------------------------------


def held(samples: Iterable[tuple[int, str]], until: int) -> list[Span]:
    """Samples (moment, state) as a monitor shows them: each holds until the next one."""
    ordered = sorted(samples)
    ends = [at for at, _ in ordered[1:]] + [until]
    return [Span(at, end, state) for (at, state), end in zip(ordered, ends, strict=True) if at < end]


def state_at(spans: Iterable[Span], moment: int) -> str:
    return next((one.state for one in spans if one.begin <= moment < one.end), UNKNOWN)


def ideal(truth: Sequence[Span], begin: int, end: int, interval: int, phase: int) -> list[Span]:
    """What a sampler would tell that sees the truth itself, at no cost of time, each `interval` ms from `phase` on."""
    first = begin + phase % interval - interval
    return held(((at, state_at(truth, at)) for at in range(first, end, interval) if at >= begin - interval), end)


def noticed_ms(known: Sequence[tuple[int, str]], begin: int, end: int, was: str) -> int | None:
    """How long after `begin` it was first known that the state was no longer `was`; None = not before `end`.

    `known`: (when it was known, state), in order; the last one before `begin` is what was believed then.
    """
    believed = UNKNOWN
    for at, state in known:
        if at >= end:
            break
        if at > begin and state != was:
            return at - begin
        if at <= begin:
            believed = state
    return 0 if believed not in (was, UNKNOWN) else None


# ---- rates --------------------------------------------------------------------------------------


class Rate(NamedTuple):
    """Milliseconds: assessed, told online, told neither; and truly online."""

    assessed: int
    on: int
    unknown: int
    true: int

    def plus(self, other: "Rate") -> "Rate":
        return Rate(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def error(self) -> float:
        """How far the printed rate is from the truth, a share of the time assessed."""
        return abs(self.on - self.true) / self.assessed

    @property
    def outside_ms(self) -> int:
        """How far the truth lies outside [rate, upper]; 0 = within."""
        return max(self.on - self.true, self.true - self.on - self.unknown, 0)


def rate(truth: Sequence[Span], told: Sequence[Span], begin: int, end: int) -> Rate:
    on = unknown = 0
    for piece in filled(told, begin, end):
        on += (piece.end - piece.begin) * (piece.state == ONLINE)
        unknown += (piece.end - piece.begin) * (piece.state == UNKNOWN)
    true = sum(p.end - p.begin for p in filled(truth, begin, end) if p.state == ONLINE)
    return Rate(end - begin, on, unknown, true)
