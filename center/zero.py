"""When a boot began, by the center's own clock, and what its anchors may say beside that (N2).

Pure. A box says what it likes of the time; when its heartbeats came is what the center knows itself.

Z, the boot's millisecond 0, is the least of (receipt - at) of the heartbeats that first agreed on it to 90 s for four
minutes (five of them). From then on it stands: no single one moves it by more than that, and what is lower rules onward
only. Where heartbeats of a later `at` agree for as long on another one, more than five minutes off, a new epoch begins
(the machine was paused, or its boot clock did not count in a sleep); between two epochs nothing is dated. In a boot
with a Z an anchor within five minutes of it is believed, any other refused. A boot without one is dated by its anchors:
the first one believed dates all of it, each later one that of which nothing had been told yet.

Each step follows from what had come by then, in the order of the receipts: no later word dates anew what was dated.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from typing import NamedTuple

from center.beats import CELL_MS, NEAR_MS, Stretch
from center.intervals import Span
from center.timeline import AHEAD_MS, UNSURE_MS, AnchorPoint

AGREE_MS, GRID_MS = 90_000, 30_000
"""Zeros that lie so near to one another agree; those in one window of 120 s on the grid may."""
OFF_MS = 300_000
HELD_MS = 240_000
"""Five heartbeats, one a minute."""
STEP_MS = 2_000
"""An anchor is told anew when the clock has moved by more than this."""
LATENCY_MS = 10_000
"""So much dates may change by an anchor that comes later."""
REFINED_MS = 5_000
"""So near to Z an anchor that came after Z was known says what it says of earlier time as well."""
IN_A_ROW_MS = 180_000
EXPIRY_MS = 300_000
"""For so long a broker may keep a heartbeat."""
EVER = 2**62


class Epoch(NamedTuple):
    """Heartbeats with `at` in [begin, end], boot ms, agree on `zero_ms`: the center knows since `known_ms`."""

    begin: int
    end: int
    zero_ms: int
    known_ms: int


def epochs(stretches: Iterable[Stretch]) -> list[Epoch]:
    """Of one boot, by rising `at`; none where its heartbeats agree on nothing."""
    watch = _Watch()
    for s in sorted(stretches, key=lambda s: (s.first_ms, s.last_ms, s)):
        watch.take(s)
    watch.until(EVER)
    return watch.found


class _Row(NamedTuple):
    """Heartbeats without a long silence between them, that agree. `end`: of the epoch before, as it began."""

    first_ms: int
    last_ms: int
    begin: int
    zero_ms: int
    end: int


class _Watch:
    """Takes stretches in the order of their receipts; each counts for as many windows of zeros as it lies in."""

    def __init__(self) -> None:
        self.found: list[Epoch] = []
        self._rows: dict[int, _Row] = {}
        self._due: tuple[int, int] | None = None
        """(since when it has lasted for long enough, window) of a row."""
        self._since: list[Stretch] = []
        self._borne = _Reach()
        """By what bears the newest epoch out."""

    def take(self, s: Stretch) -> None:
        self.until(s.first_ms)
        zero_ms, newest = first_zero(s), self.found[-1] if self.found else None
        if newest and abs(zero_ms - newest.zero_ms) <= OFF_MS:
            self._borne.take(*said(s)[1:])
            return
        end = self._borne.by(s.first_ms)
        if s.at_lo <= end:
            return
        self._since.append(s)
        cell = zero_ms // GRID_MS
        for window in range(cell - AGREE_MS // GRID_MS, cell + 1):
            row = self._rows.get(window)
            if row is None or s.first_ms > row.last_ms + IN_A_ROW_MS:
                row = _Row(s.first_ms, s.last_ms, s.at_lo, zero_ms, end)
            else:
                least = min(row.begin, s.at_lo), min(row.zero_ms, zero_ms)
                row = _Row(row.first_ms, max(row.last_ms, s.last_ms), *least, row.end)
            self._rows[window] = row
            known_ms = max(s.first_ms, row.first_ms + HELD_MS)
            if row.last_ms - row.first_ms >= HELD_MS and (not self._due or known_ms < self._due[0]):
                self._due = known_ms, window

    def until(self, now_ms: int) -> None:
        """What has lasted for long enough by now is an epoch."""
        if not self._due or self._due[0] > now_ms:
            return
        known_ms, row = self._due[0], self._rows[self._due[1]]
        if self.found:
            self.found[-1] = self.found[-1]._replace(end=row.end)
        self.found.append(Epoch(row.begin, EVER, row.zero_ms, known_ms))
        self._borne = _Reach()
        for s in self._since:
            if abs(first_zero(s) - row.zero_ms) <= OFF_MS:
                self._borne.take(*said(s)[1:])
        self._due, self._since = None, []
        self._rows.clear()


class Said(NamedTuple):
    """Received from `first_ms` to `last_ms`; none of it tells of boot ms beyond its receipt less `zero_ms`."""

    first_ms: int
    last_ms: int
    zero_ms: int


def said(s: Stretch) -> Said:
    return Said(s.first_ms, s.last_ms, s.alike.late * CELL_MS)


class _Reach:
    """How far, boot ms, a boot had been told of by a moment; to be asked in the order of time."""

    def __init__(self, coming: Iterable[Said] = ()) -> None:
        self._coming = sorted(coming, reverse=True)
        self._lasting: list[tuple[int, int]] = []
        self._end = -EVER

    def take(self, last_ms: int, zero_ms: int) -> None:
        heappush(self._lasting, (zero_ms, last_ms))

    def by(self, now_ms: int) -> int:
        return _reach(now_ms, *self.state(now_ms))

    def state(self, now_ms: int) -> tuple[int, int]:
        """(how far what has ended told, the least zero of what lasts, EVER if nothing does)."""
        while self._coming and self._coming[-1].first_ms < now_ms:
            self.take(*self._coming.pop()[1:])
        while self._lasting and self._lasting[0][1] < now_ms:
            zero_ms, last_ms = heappop(self._lasting)
            self._end = max(self._end, last_ms - zero_ms)
        return self._end, self._lasting[0][0] if self._lasting else EVER


def _reach(now_ms: int, end: int, zero_ms: int) -> int:
    return max(end, now_ms - zero_ms)


class _Reaches:
    """The same, to be asked in any order."""

    def __init__(self, coming: Sequence[Said]) -> None:
        reach = _Reach(coming)
        self._moments = sorted({moment + 1 for s in coming for moment in s[:2]})
        self._states = [reach.state(moment) for moment in self._moments]

    def by(self, now_ms: int) -> int:
        i = bisect_right(self._moments, now_ms) - 1
        return _reach(now_ms, *self._states[i]) if i >= 0 else -EVER


def first_zero(s: Stretch) -> int:
    """As its first heartbeat showed it: it does not change as more of them come."""
    return s.first_ms - s.at_lo


class Piece(NamedTuple):
    """Boot ms [begin, end) are UTC at plus `offset`.

    `held`, `limit`: the same where what follows says an earlier time: squeezed. `known_ms`: since when the center can
    tell, UTC.
    """

    begin: int
    end: int
    offset: int
    held: int
    limit: int
    known_ms: int


class Once(NamedTuple):
    """Boot ms [begin, end) were UTC at plus `offset` before the center knew better."""

    begin: int
    end: int
    offset: int


class Clock:
    """One boot's milliseconds in UTC. Nothing that comes later dates anew what was dated: each word rules onward."""

    def __init__(
        self,
        stretches: Sequence[Stretch],
        anchors: Sequence[AnchorPoint],
        before_ms: int | None = None,
        others: Sequence[Said] = (),
    ) -> None:
        """`before_ms`: the boot's zero as it was known before there were stretches. `others`: what else claims some of
        it.
        """
        self.epochs = epochs(stretches)
        self.refused: list[AnchorPoint] = []
        self._once: list[Once] = []
        self._reach = _Reaches((*map(said, stretches), *others))
        pieces = list(_pieces(-EVER, EVER, self._alone(stretches, anchors, before_ms or EVER), []))
        if self.epochs:
            for p in pieces:
                self._keep(p.begin, p.end, p.offset, self.epochs[0])
            self.refused.clear()
            pieces = list(self._dated(stretches, anchors))
        self._pieces = list(_squeezed(pieces))
        self._begins = [piece.begin for piece in self._pieces]
        self._once_ends = [*accumulate((once.end for once in self._once), max)]
        """The greatest up to there."""
        self._once_begins = [*accumulate((once.begin for once in reversed(self._once)), min)][::-1]
        """The least of those from there on."""

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def _dated(self, stretches: Sequence[Stretch], anchors: Sequence[AnchorPoint]) -> Iterator[Piece]:
        """By each epoch: the first reaches back, the last onward; what lies between two is nobody's."""
        seen: set[AnchorPoint] = set()
        ends = [*(epoch.begin for epoch in self.epochs[1:]), EVER]
        by_at, by_lo = sorted(anchors, key=lambda a: a.at), sorted(stretches, key=lambda s: s.at_lo)
        ats, los = [a.at for a in by_at], [s.at_lo for s in by_lo]
        before = -EVER
        for i, (epoch, until) in enumerate(zip(self.epochs, ends, strict=True)):
            begin, end = (epoch.begin if i else -EVER), (EVER if epoch.end == EVER else epoch.end + 1)
            first, low = bisect_right(ats, before), bisect_left(los, begin)
            near = [a for a in by_at[first : bisect_left(ats, until)] if _near(a, epoch)]
            seen |= set(near)
            dated = list(self._by(epoch, (begin, end), near, by_lo[low : bisect_right(los, epoch.end)], self.refused))
            yield from dated
            if end < EVER:
                now_ms = _settled(self.epochs[i + 1])
                top = now_ms + AHEAD_MS + OFF_MS - epoch.zero_ms  # what had come by then and is near lies below
                its = by_at[first : bisect_right(ats, top)]
                near = [a for a in its if a.received_ms <= now_ms and _near(a, epoch)]
                came = [s for s in by_lo[low : bisect_right(los, top)] if s.first_ms <= now_ms]
                for p in self._by(epoch, (begin, EVER), near, came, []):
                    since = p.begin if _differs(p, dated) else max(p.begin, end)
                    self._keep(since, p.end, p.offset, self.epochs[i + 1])
            before = epoch.end
        self.refused += (a for a in anchors if a not in seen and a.err_ms < UNSURE_MS)

    def _by(
        self,
        epoch: Epoch,
        span: Span,
        near: Sequence[AnchorPoint],
        stretches: Sequence[Stretch],
        refused: list[AnchorPoint],
    ) -> Iterator[Piece]:
        """How this epoch, with these anchors near it and these stretches, dates the boot ms of the span."""
        steps = self._steps(stretches, epoch)
        sure = self.in_turn(_best(near, epoch), refused, steps, epoch.known_ms)
        return _pieces(*span, sure, steps, epoch.known_ms)

    def _keep(self, begin: int, end: int, offset: int, epoch: Epoch) -> None:
        """So these boot ms were dated when the epoch was known: what was told of them by then stays told."""
        now_ms = _settled(epoch)
        end = min(end, self._reach.by(now_ms), now_ms + AHEAD_MS - offset)
        if begin < end:
            self._once.append(Once(begin, end, offset))

    def _alone(self, stretches: Sequence[Stretch], anchors: Sequence[AnchorPoint], least_ms: int) -> list[AnchorPoint]:
        """Those believed until there is a Z, each received when that was clear: an unsure one, while there is no sure
        one, when the least zero that had been seen by then bears it out.
        """
        until = _settled(self.epochs[0]) if self.epochs else EVER
        came: list[tuple[int, int, tuple[AnchorPoint, ...]]] = [(s.first_ms, first_zero(s), ()) for s in stretches]
        came += [(a.received_ms, a.received_ms - a.at, (a,)) for a in anchors]
        believed: list[AnchorPoint] = []
        unsure: list[tuple[int, AnchorPoint]] = []
        sure = False
        for moment, zero_ms, told in sorted(one for one in came if one[0] <= until):
            least_ms = min(least_ms, zero_ms)
            for a in told:
                if a.err_ms >= UNSURE_MS:
                    heappush(unsure, (a.at - a.utc_ms, a))
                elif a.utc_ms <= a.received_ms + AHEAD_MS:
                    sure = True
                    believed.append(a)
            while not sure and unsure and least_ms - AHEAD_MS <= -unsure[0][0]:
                offset, a = heappop(unsure)
                if -offset <= least_ms + AHEAD_MS and a.utc_ms <= a.received_ms + AHEAD_MS:
                    believed.append(a._replace(received_ms=moment))
        return self.in_turn(believed, self.refused, onward=True)

    def in_turn(
        self,
        anchors: Sequence[AnchorPoint],
        refused: list[AnchorPoint],
        steps: Sequence[tuple[int, int]] = (),
        known_ms: int = EVER,
        *,
        onward: bool = False,
    ) -> list[AnchorPoint]:
        """In the order of their receipts; none that dates anew what one before it, or Z, has dated: into `refused`.

        One that came after Z was known, and is not near to all that Z dated from its `at` to its receipt, rules from
        its receipt on. `onward`: after the first, each rules from there on of which nothing had been told.
        """
        came = sorted((at + zero_ms, zero_ms) for at, zero_ms in steps)
        least = [EVER, *accumulate((zero_ms for _, zero_ms in came), min)]
        believed: list[AnchorPoint] = []
        offsets: dict[int, int] = {}
        ats: list[int] = []
        for told in sorted(anchors, key=lambda a: (a.received_ms, a)):
            a, offset = told, told.utc_ms - told.at
            if a.received_ms > known_ms:
                zero_ms = _step(steps, a.at)
                last_ms = min(zero_ms, least[bisect_right(came, (a.received_ms, EVER))])
                dated = [zero_ms, last_ms, *([_offset_at(ats, offsets, a.at)] if ats else [])]
                if any(abs(offset - one) > REFINED_MS for one in dated):
                    a = _from(a, self._ahead(a.received_ms - last_ms, a.received_ms))
            if ats and onward:
                a = _from(a, self._reach.by(a.received_ms))
            if ats and ats[-1] >= a.at:
                differs = abs(_offset_at(ats, offsets, a.at) - offset) > STEP_MS
                refused += [told] if differs and told.err_ms < UNSURE_MS else []
                if differs or onward:
                    continue
            believed.append(a)
            if a.at not in offsets:
                offsets[a.at] = offset
                insort(ats, a.at)
        return believed

    def _ahead(self, at: int, received_ms: int) -> int:
        """From where on a word that came at this boot ms rules: what had been told ahead of it, and counts, stays."""
        return max(at, min(self._reach.by(received_ms), at + AHEAD_MS))

    def _steps(self, stretches: Sequence[Stretch], epoch: Epoch) -> list[tuple[int, int]]:
        """(at, zero by the center's clock from there on), falling: the least that had been seen by then.

        The first is the least of those that Z came about by.
        """
        near = (s for s in stretches if -AGREE_MS <= first_zero(s) - epoch.zero_ms <= OFF_MS)
        steps: list[tuple[int, int]] = []
        for s in sorted(near, key=lambda s: (s.at_lo, s)):
            zero_ms = first_zero(s)
            if not steps:
                steps.append((s.at_lo, zero_ms))
            elif zero_ms < steps[-1][1] and s.first_ms > epoch.known_ms:
                steps.append((max(steps[-1][0], self._ahead(s.at_lo, s.first_ms)), zero_ms))
            elif zero_ms < steps[-1][1]:
                steps = [(steps[0][0], zero_ms)]
        return steps

    def spans(self, begin: int, end: int) -> Iterator[Span]:
        """[begin, end) of boot ms in UTC: squeezed where a later piece says an earlier time, never doubled."""
        for i in range(max(0, bisect_right(self._begins, begin) - 1), len(self._pieces)):
            p = self._pieces[i]
            low, high = max(begin, p.begin), min(end, p.end)
            if p.begin >= end:
                return
            if low < high:
                yield min(low + p.held, p.limit), min(high + p.held, p.limit)

    def since(self, begin: int, end: int) -> Iterator[tuple[int, Span]]:
        """The same spans, each with since when the center can date it, UTC ms."""
        for p in self._pieces[max(0, bisect_right(self._begins, begin) - 1) : bisect_left(self._begins, end)]:
            low, high = max(begin, p.begin), min(end, p.end)
            if low < high:
                yield p.known_ms, (min(low + p.held, p.limit), min(high + p.held, p.limit))

    def told(self, begin: int, end: int) -> Iterator[Span]:
        """The same as each piece says it, and as it was dated once: what was told of a time is not taken away by a
        later word.
        """
        return self._said(begin, end, 1)

    def ends(self, begin: int, end: int) -> Span | None:
        """From the begin of the first to the end of the last that `told` says, if it says any."""
        first, last = (next(self._said(begin, end, step), None) for step in (1, -1))
        return (first[0], last[1]) if first and last else None

    def _said(self, begin: int, end: int, step: int) -> Iterator[Span]:
        """What `told` says, forward or backward, and no more of it than is taken."""
        pieces = range(max(0, bisect_right(self._begins, begin) - 1), bisect_left(self._begins, end))
        once = range(bisect_right(self._once_ends, begin), bisect_left(self._once_begins, end))
        parts: list[tuple[Sequence[Piece | Once], range]] = [(self._pieces, pieces), (self._once, once)]
        for those, indices in parts[::step]:
            for i in indices[::step]:
                low, high = max(begin, those[i].begin), min(end, those[i].end)
                if low < high:
                    yield low + those[i].offset, high + those[i].offset

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
        if not self.epochs or s.first_ms <= self.epochs[0].known_ms:
            return True
        epoch = self.epochs[max(0, bisect_right(self.epochs, s.at_hi, key=lambda e: e.begin) - 1)]
        return -AGREE_MS <= first_zero(s) - epoch.zero_ms <= AGREE_MS + EXPIRY_MS


def _offset_at(ats: Sequence[int], offsets: dict[int, int], at: int) -> int:
    """Of the nearest before, else of the first. `ats`: in order."""
    return offsets[ats[max(0, bisect_right(ats, at) - 1)]]


def _from(a: AnchorPoint, at: int) -> AnchorPoint:
    """It, ruling from there on."""
    at = max(a.at, at)
    return a._replace(at=at, utc_ms=at + a.utc_ms - a.at)


def _settled(epoch: Epoch) -> int:
    """When a heartbeat must have come that showed it, UTC ms: within a stretch only the first and last are kept."""
    return epoch.known_ms + NEAR_MS


def _best(near: Sequence[AnchorPoint], epoch: Epoch) -> list[AnchorPoint]:
    """The sure ones, and before the first of them such unsure ones as Z, which is surer, bears out to a minute."""
    first_ms = min((a.received_ms for a in near if a.err_ms < UNSURE_MS), default=EVER)
    unsure = (a for a in near if a.err_ms >= UNSURE_MS and epoch.known_ms < first_ms > a.received_ms)
    borne_out = (a for a in unsure if abs(a.utc_ms - a.at - epoch.zero_ms) < UNSURE_MS)
    return [*(a for a in near if a.err_ms < UNSURE_MS), *borne_out]


def _near(a: AnchorPoint, epoch: Epoch) -> bool:
    return abs(a.utc_ms - a.at - epoch.zero_ms) <= OFF_MS and a.utc_ms <= a.received_ms + AHEAD_MS


def _differs(p: Piece, dated: Sequence[Piece]) -> bool:
    """Whether some of it is dated otherwise there, in the order of the boot."""
    for i in range(max(0, bisect_right(dated, p.begin, key=lambda one: one.begin) - 1), len(dated)):
        if dated[i].begin >= p.end:
            return False
        if p.begin < dated[i].end and abs(p.offset - dated[i].offset) > LATENCY_MS:
            return True
    return False


def _step(steps: Sequence[tuple[int, int]], at: int) -> int:
    """Z as it dates this boot ms."""
    return steps[max(0, bisect_right(steps, at, key=lambda step: step[0]) - 1)][1]


def _pieces(
    begin: int, end: int, anchors: Sequence[AnchorPoint], steps: Sequence[tuple[int, int]], known_ms: int = EVER
) -> Iterator[Piece]:
    """Linear from the nearest anchor before, from the first one backwards; where none rules, from the steps of Z."""
    told = {a.at: (a.utc_ms, min(a.received_ms, known_ms)) for a in sorted(anchors, reverse=True)}
    first = min(anchors, default=None)
    if steps and (not first or _onward(first, steps, known_ms)):
        told |= {at: (at + zero_ms, known_ms) for at, zero_ms in steps if not first or at < first.at}
    points = sorted(told)
    known = {at: told[at][1] for at in points}
    for a, b in (*pairwise(points), *pairwise(reversed(points))):
        if abs(told[a][0] - a - told[b][0] + b) <= LATENCY_MS:  # either dates what the other does
            known[b] = min(known[a], known[b])
    held, least = {}, EVER
    for at in reversed(points):
        held[at] = least = min(least, told[at][0])
    for i, at in enumerate(points):
        low = begin if i == 0 else max(begin, at)
        high = min(end, points[i + 1] if i + 1 < len(points) else end)
        if low < high:
            yield Piece(low, high, told[at][0] - at, held[at] - at, EVER, known[at])


def _onward(a: AnchorPoint, steps: Sequence[tuple[int, int]], known_ms: int) -> bool:
    """Whether Z had dated what came before it, some of it otherwise."""
    offsets = steps[0][1], _step(steps, a.at)  # the others lie between
    return a.received_ms > known_ms and any(abs(a.utc_ms - a.at - one) > REFINED_MS for one in offsets)


def _squeezed(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Each ends where a later one begins."""
    limit, made = EVER, []
    for p in reversed(pieces):
        made.append(p._replace(limit=limit))
        if p.begin > -EVER:
            limit = min(limit, p.begin + p.held)
    return reversed(made)
