"""When each run of a gateway is known to have lived, by its heartbeats (N4).

A boot that nothing dates is left out: it tells of no time itself, and where only late heartbeats of it are left, they
would put it into the time of the boot after it. A boot that was dated otherwise once lived then as well: what its life
took from another run, no later word about its clock gives back.

Pure. What that means for another run's word must not be known here.
"""

from collections import defaultdict
from collections.abc import Iterable

from center.intervals import EMPTY, Intervals, Span, between, difference, intersection, normal, union
from center.testimony import Testimony
from center.timeline import Run
from center.zero import EVER, Clock


class Presence:
    """When each run is known to have lived: from each heartbeat back to the one before, at most `dark_after`."""

    def __init__(self, t: Testimony, clocks: dict[str, Clock], dark_after_ms: int) -> None:
        spans: dict[Run, list[Span]] = defaultdict(list)
        for s in t.beats:
            spans[s.alike[:3]].append((s.at_lo, s.at_hi))
        self._of = {run: _lived(mine, clocks[run[2]], dark_after_ms) for run, mine in spans.items() if clocks[run[2]]}
        self._any = union(*self._of.values())
        self._several = _doubled(span for mine in self._of.values() for span in mine)

    def of_others(self, run: Run, within: Intervals) -> Intervals:
        if not within:
            return EMPTY
        mine = self._of.get(run, EMPTY)
        window = (within[0][0], within[-1][1])
        others = union(
            difference(between(self._any, *window), mine), intersection(between(self._several, *window), mine)
        )
        return intersection(others, within)


def _lived(spans: list[Span], clock: Clock, dark_after_ms: int) -> Intervals:
    lived: list[Span] = []
    before: int | None = None
    for low, high in sorted(spans):
        since = low if before is None else max(min(before, low), low - dark_after_ms)
        lived.append((since, high))
        before = high if before is None else max(before, high)
    return normal(span for one in normal(lived) for span in (*clock.spans(*one), *clock.told(*one)))


def _doubled(spans: Iterable[Span]) -> Intervals:
    """The moments that several of these hold."""
    found: list[Span] = []
    until = -EVER
    for begin, end in sorted(spans):
        if begin < until:
            found.append((begin, min(end, until)))
        until = max(until, end)
    return normal(found)
