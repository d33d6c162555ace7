"""Half-open intervals of integer milliseconds: union, intersection, difference, total.

Pure arithmetic; what an interval means (online, in service, dark) must not be known here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

Span = tuple[int, int]
Intervals = tuple[Span, ...]
"""Sorted, disjoint, not touching, none empty: two equal sets of moments are equal tuples."""

EMPTY: Intervals = ()


def normal(spans: Iterable[Span]) -> Intervals:
    """Any spans [from, to), in any order, overlapping or empty, as Intervals."""
    ordered = [s for s in spans if s[0] < s[1]]
    if len(ordered) < 2:
        return tuple(ordered)
    ordered.sort()
    merged: list[Span] = []
    low, high = ordered[0]
    for begin, end in ordered:
        if begin > high:
            merged.append((low, high))
            low, high = begin, end
        elif end > high:
            high = end
    merged.append((low, high))
    return tuple(merged)


def union(*sets: Intervals) -> Intervals:
    return normal(span for one in sets for span in one)


def intersection(a: Intervals, b: Intervals) -> Intervals:
    found: list[Span] = []
    i = j = 0
    while i < len(a) and j < len(b):
        begin, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if begin < end:
            found.append((begin, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def difference(a: Intervals, b: Intervals) -> Intervals:
    """The moments of `a` that are not in `b`."""
    left: list[Span] = []
    j = 0
    for begin, end in a:
        at = begin
        while j < len(b) and b[j][1] <= at:
            j += 1
        k = j
        while k < len(b) and b[k][0] < end:
            if at < b[k][0]:
                left.append((at, b[k][0]))
            at = max(at, b[k][1])
            k += 1
        if at < end:
            left.append((at, end))
    return tuple(left)


def total(a: Intervals) -> int:
    return sum(end - begin for begin, end in a)


def between(a: Intervals, begin: int, end: int) -> Intervals:
    """The intervals of `a` that touch [begin, end), whole; a search, however many there are."""
    first = bisect_right(a, begin, key=lambda span: span[1])
    return a[first : bisect_left(a, end, lo=first, key=lambda span: span[0])]


def holding(a: Intervals, moment: int) -> Span | None:
    """The interval that holds this moment, if any."""
    i = bisect_right(a, moment, key=lambda span: span[0]) - 1
    return a[i] if i >= 0 and moment < a[i][1] else None


class Cover:
    """A set of moments that only grows: adding and asking cost a search, however many spans were added."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def add(self, begin: int, end: int) -> None:
        if begin >= end:
            return
        if self._begins and self._begins[-1] <= begin <= self._ends[-1]:  # the newest goes on
            self._ends[-1] = max(end, self._ends[-1])
            return
        i, j = bisect_left(self._ends, begin), bisect_right(self._begins, end)
        if i < j:  # these overlap or touch
            begin, end = min(begin, self._begins[i]), max(end, self._ends[j - 1])
        self._begins[i:j], self._ends[i:j] = [begin], [end]

    def holding(self, moment: int) -> Span | None:
        """The span that holds this moment, if any."""
        i = bisect_right(self._begins, moment) - 1
        return (self._begins[i], self._ends[i]) if i >= 0 and moment < self._ends[i] else None


class Maxima:
    """The greatest of any run of these numbers: a look where they rise, a few where they do not."""

    def __init__(self, values: Sequence[int]) -> None:
        self._levels = [values]
        """Of each power of two, the greatest of so many from each place on."""
        self._rise = all(a <= b for a, b in pairwise(values))

    def most(self, begin: int, end: int) -> int:
        """Of [begin, end), which is not empty."""
        if self._rise:
            return self._levels[0][end - 1]
        level = (end - begin).bit_length() - 1
        while len(self._levels) <= level:
            half = 1 << len(self._levels) - 1
            below = self._levels[-1]
            self._levels.append([max(a, b) for a, b in zip(below, below[half:], strict=False)])
        its = self._levels[level]
        return max(its[begin], its[end - (1 << level)])

    def above(self, value: int, begin: int, end: int) -> int:
        """The first place in [begin, end) of a greater number; end where there is none."""
        return bisect_left(range(begin, end), True, key=lambda i: self.most(begin, i + 1) > value) + begin
