"""When a boot began, by the center's own clock, and what its anchors may say beside that (N2).

Pure. A box says what it likes of the time; when its heartbeats came is what the center knows itself.

Z, the boot's millisecond 0, is the least of (receipt - at) that heartbeats agree on to 90 s for four minutes (five of
them). So no single one moves it by more than that. Where they agree for as long on another one, more than five minutes
off, a new epoch begins (the machine was paused, or its boot clock did not count in a sleep); between two epochs
nothing is dated. In a boot with a Z an anchor within five minutes of it is believed, any other refused. A boot without
one is dated by its anchors alone.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from center.beats import Stretch
from center.intervals import Span
from center.timeline import AHEAD_MS, UNSURE_MS, AnchorPoint

AGREE_MS = 90_000
OFF_MS = 300_000
HELD_MS = 240_000
"""Five heartbeats, one a minute."""
STEP_MS = 2_000
"""An anchor is told anew when the clock has moved by more than this."""
LATENCY_MS = 10_000
"""So much Z may lie behind a true anchor."""
IN_A_ROW_MS = 180_000
EXPIRY_MS = 300_000
"""For so long a broker may keep a heartbeat."""
EVER = 2**62


class Epoch(NamedTuple):
    """Heartbeats with `at` in [begin, end], boot ms, agree on `zero_ms`."""

    begin: int
    end: int
    zero_ms: int


def epochs(stretches: Sequence[Stretch]) -> list[Epoch]:
    """Of one boot, by rising `at`; none where its heartbeats agree on nothing."""
    found = _epochs(sorted(stretches, key=lambda s: (s.zero_ms, s.at_lo, s)))
    return sorted(found)


def _epochs(by_zero: list[Stretch]) -> Iterator[Epoch]:
    """The one of the least zero; then, of what is off and lies before or after it, the others."""
    while by_zero:
        main = _agreeing(by_zero)
        if main is None:
            return
        yield main
        off = [s for s in by_zero if abs(s.zero_ms - main.zero_ms) > OFF_MS]
        yield from _epochs([s for s in off if s.at_hi < main.begin])
        by_zero = [s for s in off if s.at_lo > main.end]


def _agreeing(by_zero: Sequence[Stretch]) -> Epoch | None:
    """The least zero that heartbeats in a row agree on for long enough.

    From one zero to the next only what is new can make a row long enough: whatever a box sends, each heartbeat is
    looked at with its neighbours, not with all others.
    """
    within: list[tuple[int, int, int]] = []
    end = 0
    for i, first in enumerate(by_zero):
        new, end = end, bisect_right(by_zero, first.zero_ms + AGREE_MS, lo=end, key=lambda s: s.zero_ms)
        added = [(s.first_ms, s.last_ms, new + n) for n, s in enumerate(by_zero[new:end])]
        for one in added:
            insort(within, one)
        if any(_held_long(within, one) for one in added):
            rows = [row for row in _in_a_row(by_zero[i:end]) if row[-1] - row[0] >= HELD_MS]
            return Epoch(min(row[1] for row in rows), max(row[2] for row in rows), first.zero_ms)
        del within[bisect_left(within, (first.first_ms, first.last_ms, i))]
    return None


def _held_long(within: list[tuple[int, int, int]], one: tuple[int, int, int]) -> bool:
    """Whether its row is long enough. All others in it are shorter, or they would have been one before."""
    begin, end, _ = one
    while end - begin < HELD_MS:
        low = bisect_left(within, (begin - IN_A_ROW_MS - HELD_MS, 0, 0))
        high = bisect_right(within, (end + IN_A_ROW_MS, EVER, 0))
        near = [(first, last) for first, last, _ in within[low:high] if last + IN_A_ROW_MS >= begin]
        wider = min(first for first, _ in near), max(last for _, last in near)
        if wider == (begin, end):
            return False
        begin, end = wider
    return True


def _in_a_row(stretches: Sequence[Stretch]) -> Iterator[tuple[int, int, int, int]]:
    """(first receipt, least at, greatest at, last receipt) of each row without a long silence."""
    row: tuple[int, int, int, int] | None = None
    for s in sorted(stretches, key=lambda s: (s.first_ms, s.last_ms)):
        if row and s.first_ms <= row[3] + IN_A_ROW_MS:
            row = (row[0], min(row[1], s.at_lo), max(row[2], s.at_hi), max(row[3], s.last_ms))
        else:
            if row:
                yield row
            row = (s.first_ms, s.at_lo, s.at_hi, s.last_ms)
    if row:
        yield row


class Piece(NamedTuple):
    """Boot ms [begin, end) are UTC at plus `offset`.

    `held`, `limit`: the same where what follows says an earlier time: squeezed. `other`: what else dated it once.
    """

    begin: int
    end: int
    offset: int
    held: int
    limit: int
    other: int | None = None


class Clock:
    """One boot's milliseconds in UTC. Nothing that comes later dates anew what was dated: each word rules onward."""

    def __init__(
        self, stretches: Sequence[Stretch], anchors: Sequence[AnchorPoint], before_ms: int | None = None
    ) -> None:
        """`before_ms`: the boot's zero as it was known before there were stretches."""
        self.epochs = epochs(stretches)
        self.refused: list[AnchorPoint] = []
        self.least_ms = min([s.zero_ms for s in stretches], default=EVER)
        if self.epochs:
            pieces = list(self._dated(stretches, anchors))
        else:
            least = min([self.least_ms, before_ms or EVER, *(a.received_ms - a.at for a in anchors)])
            pieces = list(_pieces(-EVER, EVER, self._alone(anchors, least), [], EVER))
        self._pieces = list(_squeezed(pieces))
        self._begins = [piece.begin for piece in self._pieces]

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def _dated(self, stretches: Sequence[Stretch], anchors: Sequence[AnchorPoint]) -> Iterator[Piece]:
        """By each epoch: the first reaches back, the last onward; what lies between two is nobody's."""
        seen: set[AnchorPoint] = set()
        ends = [-EVER, *(epoch.end for epoch in self.epochs)]
        for before, epoch in zip(ends, self.epochs, strict=False):
            last = epoch is self.epochs[-1]
            begin, end = (-EVER if before == -EVER else epoch.begin), (EVER if last else epoch.end + 1)
            near = [a for a in anchors if before < a.at and (last or a.at < end) and _near(a, epoch)]
            seen |= set(near)
            inside = [s for s in stretches if begin <= s.at_lo < end]
            known_ms = min((s.first_ms for s in inside), default=EVER) + IN_A_ROW_MS + HELD_MS
            sure = self._in_turn([a for a in near if a.err_ms < UNSURE_MS] or near)
            yield from _pieces(begin, end, sure, _steps(inside, epoch), known_ms)
        self.refused += (a for a in anchors if a not in seen and a.err_ms < UNSURE_MS)

    def _alone(self, anchors: Sequence[AnchorPoint], zero_ms: int) -> list[AnchorPoint]:
        """Those believed where there is no Z."""
        told = [a for a in anchors if a.utc_ms <= a.received_ms + AHEAD_MS]
        sure = [a for a in told if a.err_ms < UNSURE_MS]
        return self._in_turn(sure or [a for a in told if abs(a.utc_ms - a.at - zero_ms) <= AHEAD_MS])

    def _in_turn(self, anchors: Sequence[AnchorPoint]) -> list[AnchorPoint]:
        """In the order of their receipts; none that dates anew what one before it has dated."""
        believed: list[AnchorPoint] = []
        offsets: dict[int, int] = {}
        ats: list[int] = []
        for a in sorted(anchors, key=lambda a: (a.received_ms, a)):
            if ats and ats[-1] >= a.at and abs(_offset_at(ats, offsets, a.at) - (a.utc_ms - a.at)) > STEP_MS:
                self.refused += [a] if a.err_ms < UNSURE_MS else []
                continue
            believed.append(a)
            if a.at not in offsets:
                offsets[a.at] = a.utc_ms - a.at
                insort(ats, a.at)
        return believed

    def spans(self, begin: int, end: int) -> Iterator[Span]:
        """[begin, end) of boot ms in UTC: squeezed where a later piece says an earlier time, never doubled."""
        for i in range(max(0, bisect_right(self._begins, begin) - 1), len(self._pieces)):
            p = self._pieces[i]
            low, high = max(begin, p.begin), min(end, p.end)
            if p.begin >= end:
                return
            if low < high:
                yield min(low + p.held, p.limit), min(high + p.held, p.limit)

    def told(self, begin: int, end: int) -> Iterator[Span]:
        """The same as each piece says it: what was told of a time is not squeezed away by a later piece."""
        for i in range(max(0, bisect_right(self._begins, begin) - 1), len(self._pieces)):
            p = self._pieces[i]
            if p.begin >= end:
                return
            low, high = max(begin, p.begin), min(end, p.end)
            if low < high:
                yield low + p.offset, high + p.offset
                if p.other is not None:
                    yield low + p.other, high + p.other

    def offset(self, at: int) -> int:
        """What this boot ms is dated with."""
        return self._pieces[max(0, bisect_right(self._begins, at) - 1)].held

    def back(self, utc_ms: int) -> int:
        """The first boot ms that is dated at or after this time."""
        low, high = 0, len(self._pieces)
        while low < high:  # the first piece that ends later
            middle = (low + high) // 2
            p = self._pieces[middle]
            if min(p.end + p.held, p.limit) > utc_ms:
                high = middle
            else:
                low = middle + 1
        if low == len(self._pieces):
            return EVER
        p = self._pieces[low]
        return max(p.begin, utc_ms - p.held)

    def fits(self, s: Stretch) -> bool:
        """Whether these heartbeats were alive when they came, not kept somewhere for long: a sign of life (N5)."""
        if not self.epochs:
            return True
        nearest = min(self.epochs, key=lambda e: (max(e.begin - s.at_hi, s.at_lo - e.end, 0), e))
        return -AGREE_MS <= s.zero_ms - nearest.zero_ms <= AGREE_MS + EXPIRY_MS


def _offset_at(ats: Sequence[int], offsets: dict[int, int], at: int) -> int:
    """Of the nearest before, else of the first. `ats`: in order."""
    return offsets[ats[max(0, bisect_right(ats, at) - 1)]]


def _near(a: AnchorPoint, epoch: Epoch) -> bool:
    return abs(a.utc_ms - a.at - epoch.zero_ms) <= OFF_MS


def _steps(stretches: Sequence[Stretch], epoch: Epoch) -> list[tuple[int, int]]:
    """(at, zero by the center's clock from there on), falling: the least that had been seen by then.

    The first is the least of those that Z came about by.
    """
    rows = sorted((s for s in stretches if 0 <= s.zero_ms - epoch.zero_ms <= OFF_MS), key=lambda s: (s.at_lo, s))
    steps: list[tuple[int, int]] = []
    for s in rows:
        zero_ms = s.first_ms - s.at_lo
        if not steps:
            steps.append((s.at_lo, zero_ms))
        elif zero_ms < steps[-1][1]:
            known_before = s.first_ms > rows[0].first_ms + IN_A_ROW_MS + HELD_MS
            steps = [*steps, (s.at_lo, zero_ms)] if known_before else [(steps[0][0], zero_ms)]
    return steps


def _pieces(
    begin: int, end: int, anchors: Sequence[AnchorPoint], steps: Sequence[tuple[int, int]], known_ms: int
) -> Iterator[Piece]:
    """Linear from the nearest anchor before, from the first one backwards; without any, from the steps of Z.

    An anchor that came after `known_ms` dates what Z had dated already.
    """
    late = {a.at for a in anchors if a.received_ms > known_ms}
    told = {a.at: a.utc_ms for a in sorted(anchors)} or {at: at + zero_ms for at, zero_ms in steps}
    held, least = dict(told), EVER
    for at in sorted(told, reverse=True):
        held[at] = least = min(least, told[at])
    points = sorted(told)
    for i, at in enumerate(points):
        low = begin if i == 0 else max(begin, at)
        high = points[i + 1] if i + 1 < len(points) else end
        if low < high:
            other = _other(steps, at, told[at] - at) if at in late else None
            if not steps and i and abs(told[points[i - 1]] - points[i - 1] - told[at] + at) > LATENCY_MS:
                other = told[points[i - 1]] - points[i - 1]  # without a Z, what the anchor before had dated
            yield Piece(low, high, told[at] - at, held[at] - at, EVER, other)


def _other(steps: Sequence[tuple[int, int]], at: int, offset: int) -> int | None:
    """Z where the anchors say something else: what they date was first dated by it."""
    i = max(0, bisect_right(steps, at, key=lambda step: step[0]) - 1)
    return steps[i][1] if steps and abs(steps[i][1] - offset) > LATENCY_MS else None


def _squeezed(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Each ends where a later one begins."""
    limit, made = EVER, []
    for p in reversed(pieces):
        made.append(p._replace(limit=limit))
        if p.begin > -EVER:
            limit = min(limit, p.begin + p.held)
    return reversed(made)
