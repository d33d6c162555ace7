"""From what the center holds of one gateway to each slot's known online and offline time, in UTC milliseconds.

Pure: neither database, nor broker, nor clock, nor the rate must be known here. Whatever is not proven is unknown.

What is proven. Within one session (one run of the agent) each slot's transitions have rising times and rising seqs,
and a claim (watching_since, settled_to, seq_high) says: every transition of this session before settled_to has
seq <= seq_high. So, take a held transition h of a slot, the next held one h' of the same slot, and G = the last seq
such that all of (h, G] are held and valid. Were there an unseen transition of the slot between h and a moment x, with
x before the settled_to of a claim whose seq_high <= G, its seq would lie in (h, G], so it would be held. Hence
the state that h began is proven in [h, h') as far as claims with seq_high <= G reach, and no further. h itself has to
lie within such a claim: what was seen before the watching began, or before an interruption, is not carried into it.

A lost, evicted or spoilt seq m thus makes time unknown from the last claim made before m until that slot's next held
transition. Nothing is carried from one session into the next.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from center.intervals import EMPTY, Intervals, Span, difference, holding, intersection, normal, union

AHEAD_MS = 300_000
"""A time more than 5 min ahead of its receipt is not believed."""
UNSURE_MS = 60_000
"""Anchors this far off (clocks that nobody disciplines) date a boot only where there is no better one."""


class Held(NamedTuple):
    """A valid event the center holds. `at` is boot ms; `to` is "" unless it is a transition.

    `closing`: a coverage event, which the next session may write in the name of the one that crashed.
    """

    store: str
    seq: int
    session: str
    boot: str
    closing: bool = False
    slot: str = ""
    at: int = 0
    to: str = ""


class Claim(NamedTuple):
    """Watched without interruption in [watching_since, settled_to), boot ms; no transition in it is above seq_high."""

    store: str
    session: str
    boot: str
    watching_since: int
    settled_to: int
    seq_high: int
    received_ms: int


class AnchorPoint(NamedTuple):
    """At boot ms `at` the wall clock said `utc_ms`, give or take `err_ms`."""

    boot: str
    at: int
    utc_ms: int
    received_ms: int
    err_ms: int = 0


class Lost(NamedTuple):
    """A span of boot ms that the agent itself calls unknown: its events were evicted."""

    boot: str
    begin: int
    end: int


class History(NamedTuple):
    """All that is held of one gateway. `spoilt`: (store, seq) set aside or received with two contents."""

    held: tuple[Held, ...] = ()
    claims: tuple[Claim, ...] = ()
    anchors: tuple[AnchorPoint, ...] = ()
    lost: tuple[Lost, ...] = ()
    spoilt: frozenset[tuple[str, int]] = frozenset()


class Known(NamedTuple):
    """When a slot is known to have been online and offline, in UTC ms; the two never overlap."""

    on: Intervals = EMPTY
    off: Intervals = EMPTY


# ---- dating -------------------------------------------------------------------------------------


class Dating:
    """One boot's milliseconds in UTC: linear from the nearest anchor before, from the first one backwards.

    Monotonic: where a later anchor says an earlier time, what came before it is squeezed, never doubled.
    """

    def __init__(self, anchors: Iterable[AnchorPoint]) -> None:
        believed = sorted(a for a in anchors if a.utc_ms <= a.received_ms + AHEAD_MS)
        sure = [a for a in believed if a.err_ms < UNSURE_MS]
        latest = {a.at: a.utc_ms for a in sure or believed}
        self._at = sorted(latest)
        self._utc = [latest[at] for at in self._at]
        for i in range(len(self._utc) - 2, -1, -1):
            self._utc[i] = min(self._utc[i], self._utc[i + 1])

    def spans(self, begin: int, end: int) -> Iterator[Span]:
        """[begin, end) of boot ms as UTC spans, cut at every anchor: a forward jump of the clock is nobody's time."""
        if not self._at:
            return
        first = max(0, bisect_right(self._at, begin) - 1)
        for i in range(first, len(self._at)):
            low = begin if i == first else self._at[i]
            high = self._at[i + 1] if i + 1 < len(self._at) else end
            if low >= end:
                return
            yield self._dated(i, low), self._dated(i, min(high, end))

    def _dated(self, i: int, at: int) -> int:
        utc = self._utc[i] + at - self._at[i]
        return min(utc, self._utc[i + 1]) if i + 1 < len(self._utc) else utc


def datings(anchors: Iterable[AnchorPoint]) -> dict[str, Dating]:
    by_boot: dict[str, list[AnchorPoint]] = defaultdict(list)
    for anchor in anchors:
        by_boot[anchor.boot].append(anchor)
    return {boot: Dating(points) for boot, points in by_boot.items()}


# ---- one session --------------------------------------------------------------------------------

Run = tuple[str, str, str]
"""(store, session, boot): within it seqs and boot milliseconds can be compared."""


class Session:
    """The held events and claims of one run, in boot ms. `closings`: seqs of coverage events of the same store."""

    def __init__(self, held: list[Held], claims: list[Claim], closings: "Reaches") -> None:
        held.sort(key=lambda h: h.seq)
        self._claims = sorted(claims, key=lambda c: c.seq_high)
        self._reaches = closings.through([h.seq for h in held])
        self._cover: dict[int, Intervals] = {}
        self._newest = max(held[-1].seq, self._claims[-1].seq_high if claims else 0)
        self.received_ms = max((c.received_ms for c in claims), default=0)
        self.by_slot: dict[str, list[Held]] = defaultdict(list)
        for h in held:
            if h.to:
                self.by_slot[h.slot].append(h)

    def proven(self, slot: str) -> Iterator[tuple[str, Span]]:
        """(state, [from, to) in boot ms) of the slot, one for each held transition that proves any time."""
        moves = self.by_slot[slot]
        for i, h in enumerate(moves):
            span = holding(self._covered(self._reaches[h.seq]), h.at)
            if span:
                end = min(span[1], moves[i + 1].at) if i + 1 < len(moves) else span[1]
                yield h.to, (h.at, end)

    def last(self, slot: str) -> tuple[int, str]:
        """(boot ms, state) of the slot's newest held transition; unknown if a later event is known to be missing."""
        h = self.by_slot[slot][-1]
        return h.at, h.to if self._reaches[h.seq] >= self._newest else "unknown"

    def _covered(self, reach: int) -> Intervals:
        if reach not in self._cover:
            usable = (c for c in self._claims if c.seq_high <= reach)
            self._cover[reach] = normal((c.watching_since, c.settled_to) for c in usable)
        return self._cover[reach]


class Reaches:
    """Rising seqs, and for each the last one that follows it without a hole."""

    def __init__(self, seqs: Iterable[int]) -> None:
        self._reach: dict[int, int] = {}
        for seq in sorted(seqs, reverse=True):
            self._reach[seq] = self._reach.get(seq + 1, seq)

    def through(self, own: list[int]) -> dict[int, int]:
        """The same for other rising seqs, bridging holes among them that these fill."""
        reach: dict[int, int] = {}
        for seq in reversed(own):
            bridged = self._reach.get(seq + 1, seq)
            reach[seq] = reach.get(bridged + 1, bridged)
        return reach


def sessions(history: History) -> dict[Run, Session]:
    """Every run that has events; a seq held under another session's name is a hole in this one."""
    held: dict[Run, list[Held]] = defaultdict(list)
    closing: dict[str, list[int]] = defaultdict(list)
    claims: dict[Run, list[Claim]] = defaultdict(list)
    for h in history.held:
        if (h.store, h.seq) in history.spoilt:
            continue
        if h.closing:
            closing[h.store].append(h.seq)
        else:
            held[h.store, h.session, h.boot].append(h)
    for c in history.claims:
        claims[c.store, c.session, c.boot].append(c)
    bridges = {store: Reaches(closing[store]) for store in {run[0] for run in held}}
    return {run: Session(own, claims[run], bridges[run[0]]) for run, own in held.items()}


# ---- the whole gateway --------------------------------------------------------------------------


def known(history: History) -> dict[str, Known]:
    """Each slot's online and offline time; where two sessions contradict each other, neither is believed."""
    dates = datings(history.anchors)
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for (_, _, boot), run in sessions(history).items():
        if boot not in dates:
            continue
        latest = run.received_ms + AHEAD_MS
        for slot in list(run.by_slot):
            for state, (begin, end) in run.proven(slot):
                dated = dates[boot].spans(begin, end)
                spans[slot, state].extend((b, min(e, latest)) for b, e in dated)
    evicted = normal(s for gap in history.lost if gap.boot in dates for s in dates[gap.boot].spans(gap.begin, gap.end))
    return {slot: _known(spans, slot, evicted) for slot in {slot for slot, _ in spans}}


def _known(spans: dict[tuple[str, str], list[Span]], slot: str, evicted: Intervals) -> Known:
    on, off = normal(spans.get((slot, "online"), ())), normal(spans.get((slot, "offline"), ()))
    doubtful = union(intersection(on, off), evicted)
    return Known(difference(on, doubtful), difference(off, doubtful))


def current(history: History, session: str) -> dict[str, str]:
    """The newest state held of each slot in this session, whether or not a claim reaches it yet."""
    newest: dict[str, tuple[int, str]] = {}
    for (_, its_session, _), run in sessions(history).items():
        if its_session == session:
            for slot in list(run.by_slot):
                newest[slot] = max(newest.get(slot, (-1, "unknown")), run.last(slot))
    return {slot: state for slot, (_, state) in newest.items()}
