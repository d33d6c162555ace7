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
transition. Nothing is carried from one session into the next. A seq held under another session's name is such a hole,
and so is a closing coverage event: the next session writes it in the name of the one that crashed, so where a card lost
its last rows (or an old image was put back) it can stand at the very seq at which that one had written a transition.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from center.intervals import EMPTY, Cover, Intervals, Span, difference, intersection, normal, union

AHEAD_MS = 300_000
"""A time more than 5 min ahead of its receipt is not believed."""
UNSURE_MS = 60_000
"""An anchor this far off (a clock that nobody disciplines) dates a boot only where there is no better one and the
center's own clock bears it out: a box without a battery clock believes after a power cut that no time has passed."""


class Held(NamedTuple):
    """A valid event the center holds, any but a closing coverage. `at` is boot ms; `to` is "" unless a transition."""

    store: str
    seq: int
    session: str
    boot: str
    slot: str = ""
    at: int = 0
    to: str = ""
    received_ms: int = 0
    """When this copy came first, UTC."""


class Claim(NamedTuple):
    """Watched without interruption in [watching_since, settled_to), boot ms; no transition in it is above seq_high."""

    store: str
    session: str
    boot: str
    watching_since: int
    settled_to: int
    seq_high: int
    received_ms: int
    """When it came last, UTC."""
    zero_ms: int
    """The boot's millisecond 0 by the center's clock, as the least delayed copy shows it."""


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

    def __init__(self, anchors: Iterable[AnchorPoint], zero_ms: int) -> None:
        """`zero_ms`: the boot's millisecond 0 by the center's clock, as the least delayed message shows it."""
        believed = sorted(a for a in anchors if a.utc_ms <= a.received_ms + AHEAD_MS)
        sure = [a for a in believed if a.err_ms < UNSURE_MS]
        borne_out = (a for a in believed if abs(a.utc_ms - a.at - zero_ms) <= AHEAD_MS)
        latest = {a.at: a.utc_ms for a in sure or borne_out}
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


def datings(anchors: Iterable[AnchorPoint], claims: Iterable[Claim]) -> dict[str, Dating]:
    """Every boot that has an anchor."""
    by_boot: dict[str, list[AnchorPoint]] = defaultdict(list)
    for anchor in anchors:
        by_boot[anchor.boot].append(anchor)
    zero_ms = {boot: min(a.received_ms - a.at for a in points) for boot, points in by_boot.items()}
    for c in claims:
        if c.boot in zero_ms:
            zero_ms[c.boot] = min(zero_ms[c.boot], c.zero_ms)
    return {boot: Dating(points, zero_ms[boot]) for boot, points in by_boot.items()}


# ---- one session --------------------------------------------------------------------------------

Run = tuple[str, str, str]
"""(store, session, boot): within it seqs and boot milliseconds can be compared."""


class Session:
    """The held transitions and the claims of one run, in boot ms. `reaches`: of all its seqs."""

    def __init__(self, moves: list[Held], claims: list[Claim], reaches: "Reaches") -> None:
        self.moves = sorted(moves, key=lambda h: h.seq)
        self.claims = sorted(claims, key=lambda c: c.seq_high)
        self.reaches = reaches
        self._newest = max(reaches.last, self.claims[-1].seq_high if claims else 0)
        self.received_ms = max((c.received_ms for c in claims), default=0)

    def proven(self) -> Iterator[tuple[str, str, Span]]:
        """(slot, state, [from, to) in boot ms), one for each held transition that proves any time."""
        for h, proven_to, following in self.reached():
            yield h.slot, h.to, (h.at, min(proven_to, following.at if following else proven_to))

    def reached(self) -> Iterator[tuple[Held, int, Held | None]]:
        """(transition, how far claims prove the state that it began, the slot's next one): of those that prove any."""
        nexts: dict[int, Held] = {}
        following: dict[str, Held] = {}
        for h in reversed(self.moves):
            if h.slot in following:
                nexts[h.seq] = following[h.slot]
            following[h.slot] = h
        cover, claims = Cover(), deque(self.claims)
        for h in sorted(self.moves, key=lambda h: self.reaches[h.seq]):
            while claims and claims[0].seq_high <= self.reaches[h.seq]:
                claim = claims.popleft()
                cover.add(claim.watching_since, claim.settled_to)
            span = cover.holding(h.at)
            if span:
                yield h, span[1], nexts.get(h.seq)

    def latest(self) -> Iterator[tuple[str, int, str]]:
        """(slot, boot ms, state) of each slot's newest transition; unknown if a later event is known to be missing."""
        for h in {h.slot: h for h in self.moves}.values():
            yield h.slot, h.at, h.to if self.reaches[h.seq] >= self._newest else "unknown"


class Reaches:
    """Seqs, and for each the last one that follows it without a hole."""

    def __init__(self, seqs: Iterable[int]) -> None:
        self._reach: dict[int, int] = {}
        for seq in sorted(seqs, reverse=True):
            self._reach[seq] = self._reach.get(seq + 1, seq)
        self.last = max(self._reach, default=0)

    def __getitem__(self, seq: int) -> int:
        return self._reach[seq]


def sessions(history: History) -> dict[Run, Session]:
    """Every run that has transitions."""
    lines: dict[tuple[str, str], list[int]] = defaultdict(list)
    moves: dict[Run, list[Held]] = defaultdict(list)
    claims: dict[Run, list[Claim]] = defaultdict(list)
    for h in history.held:
        if (h.store, h.seq) not in history.spoilt:
            lines[h.store, h.session].append(h.seq)
            if h.to:
                moves[h.store, h.session, h.boot].append(h)
    for c in history.claims:
        claims[c.store, c.session, c.boot].append(c)
    reaches = {line: Reaches(seqs) for line, seqs in lines.items()}
    return {run: Session(own, claims[run], reaches[run[:2]]) for run, own in moves.items()}


# ---- the whole gateway --------------------------------------------------------------------------


def known(history: History) -> dict[str, Known]:
    """Each slot's online and offline time; where two sessions contradict each other, neither is believed."""
    dates = datings(history.anchors, history.claims)
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for (_, _, boot), run in sessions(history).items():
        if boot not in dates:
            continue
        latest = run.received_ms + AHEAD_MS
        for slot, state, (begin, end) in run.proven():
            spans[slot, state].extend((b, min(e, latest)) for b, e in dates[boot].spans(begin, end))
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
            for slot, at, state in run.latest():
                newest[slot] = max(newest.get(slot, (-1, "unknown")), (at, state))
    return {slot: state for slot, (_, state) in newest.items()}
