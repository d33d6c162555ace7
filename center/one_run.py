"""What the word of one run (store, session, boot) is worth by itself: seqs and boot milliseconds can be compared.

Pure. What other runs say of the same time must not be known here.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from center.beats import NEAR_MS, Stretch
from center.intervals import EMPTY, Intervals, Maxima, Span, normal, union
from center.live import Live
from center.testimony import CONTRADICTION, Finding, Told
from center.timeline import AHEAD_MS, Held, Run, Session
from center.zero import EVER, Clock

TOLERATED_MS = 2_000
"""So far a transition may lie before what was claimed settled: Unknown, no alarm."""


class OneRun:
    def __init__(
        self, run: Run, session: Session, told: list[Told], line: list[tuple[int, int]], clock: Clock, live: Live
    ) -> None:
        self._run, self._session, self._told, self._clock, self._live = run, session, told, clock, live
        self._line, self._reached = line, list(session.reached())
        self._highs = [c.seq_high for c in told]
        self._by_since: dict[int, list[Told]] = defaultdict(list)
        for c in told:
            self._by_since[c.since].append(c)
        self._sinces = sorted(self._by_since)
        self._bound = _running_max(c.settled_to for c in told)
        self._all_highs = [c.seq_high for c in session.claims]
        self._settled = Maxima([c.settled_to for c in session.claims])
        self._seqs = [seq for seq, _ in line]
        self._arrived = Maxima([clock.back(live.earliest(received_ms)) for _, received_ms in line])
        """From which boot ms on what came then is in time, for each seq of the line."""
        self._since: dict[int, _Since] = {}
        self._by_slot: dict[str, tuple[list[int], list[Held]]] = defaultdict(lambda: ([], []))
        for h in session.moves:
            self._by_slot[h.slot][0].append(h.seq)
            self._by_slot[h.slot][1].append(h)
        self.findings: list[Finding] = []

    def _bound_before(self, seq: int) -> int:
        """How far claims that knew of no such seq have said all is settled."""
        i = bisect_left(self._highs, seq)
        return self._bound[i - 1] if i else -EVER

    def _lasted(self, h: Held, following: Held | None) -> int:
        """How far claims that knew of `h` and of nothing after it said that its state lasted."""
        last = self._session.reaches[h.seq]
        if following:
            last = min(last, following.seq - 1)
        first, end = bisect_left(self._all_highs, h.seq), bisect_right(self._all_highs, last)
        return self._settled.most(first, end) if first < end else -EVER

    # ---- off: counts whenever it is told, and stands

    def off(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = defaultdict(list)
        for slot, span in self._offline():
            found[slot].append(span)
        return {slot: self._by_its_receipt(self._told_of(spans)) for slot, spans in found.items()}

    def _offline(self) -> Iterator[tuple[str, Span]]:
        """(slot, boot ms in which it was told to be offline), for each transition."""
        for h, proven_to, following in self._reached:
            if h.to == "offline":
                until = max(following.at if following else -EVER, self._lasted(h, following))
                yield h.slot, (h.at, min(proven_to, until))

    def _by_its_receipt(self, told: Iterable[Span]) -> list[Span]:
        """Nothing is offline long after the last word."""
        latest = self._session.received_ms + AHEAD_MS
        return [(begin, min(end, latest)) for begin, end in told]

    def _told_of(self, spans: Iterable[Span]) -> Iterator[Span]:
        """In UTC what these boot ms are told as: each once, however many transitions or claims speak of it."""
        return (told for span in normal(spans) for told in self._clock.told(*span))

    # ---- on: told in time

    def on(self) -> dict[str, Intervals]:
        found: dict[str, list[Span]] = defaultdict(list)
        for h, _, following in self._reached:
            if h.to == "online":
                found[h.slot] += self._in_time(h, following.at if following else EVER)
        known = {slot: normal(self._since_known(normal(spans))) for slot, spans in found.items()}
        return {slot: its for slot, its in known.items() if its}

    def _since_known(self, spans: Intervals) -> Iterator[Span]:
        for span in spans:
            for known_ms, (begin, end) in self._clock.since(*span):
                yield max(begin, self._live.earliest(known_ms)), end

    def _in_time(self, h: Held, until: int) -> Intervals:
        """Boot ms in which the state that h began is covered by a claim that had come, with all up to it, in time."""
        i = bisect_right(self._sinces, h.at) - 1
        if i < 0 or h.at >= until:
            return EMPTY
        its = self._of_since(self._sinces[i])
        spans: list[Span] = []
        first, low = bisect_left(self._seqs, h.seq), h.at  # what lies before `low` is told, or no later claim tells it
        k, stop = bisect_left(its.highs, h.seq), bisect_right(its.highs, self._session.reaches[h.seq])
        while low < until and (k := its.telling(low, until, k, stop)) < stop:
            arrived = self._arrived.most(first, bisect_right(self._seqs, its.highs[k]))
            if arrived >= until:
                break
            low = max(low, arrived)
            begin = max(h.at, its.begins[k], arrived)
            if begin < its.ends[k]:
                k = min(its.lasts[k], stop - 1)
                spans.append((begin, min(its.ends[k], until)))
                if begin <= low:
                    low = max(low, its.ends[k])
            k += 1
        return normal(spans)

    def _of_since(self, since: int) -> "_Since":
        """The claims that watched since then, worked out once."""
        if since not in self._since:
            every = ((c.seq_high, self._covered(c)) for c in self._by_since[since])
            told = [(high, span) for high, span in every if span[0] < span[1]]
            highs, covered = [high for high, _ in told], [span for _, span in told]
            self._since[since] = _Since(highs, covered, self._lasts(highs, covered))
        return self._since[since]

    def _covered(self, c: Told) -> Span:
        """The boot ms of which this claim tells in time, if all up to its seq had come by then."""
        steady = c.late_ms - self._clock.offset(c.settled_to) + NEAR_MS <= self._live.within_ms
        told_ms = c.first_ms if steady else c.last_ms
        begin = self._clock.back(self._live.earliest(told_ms))
        return begin, min(c.settled_to, self._clock.back(c.last_ms + AHEAD_MS))

    def _lasts(self, highs: Sequence[int], covered: Sequence[Span]) -> list[int]:
        """For each claim the last one that goes on from it without a break, whatever transition they are held to.

        Each begins no earlier than the one before and before its end, ends no earlier, and what it needs had come.
        """
        lasts = list(range(len(highs)))
        for k in range(len(highs) - 1, 0, -1):
            (begin, end), (its_begin, its_end) = covered[k - 1], covered[k]
            if begin <= its_begin <= end <= its_end:
                low, high = bisect_right(self._seqs, highs[k - 1]), bisect_right(self._seqs, highs[k])
                if low == high or self._arrived.most(low, high) <= end:
                    lasts[k - 1] = lasts[k]
        return lasts

    # ---- doubt

    def doubt(self, beats: Sequence[Stretch], foreign: Intervals) -> dict[str, Intervals]:
        """By slot ("" for all): where On is withdrawn."""
        found: dict[str, list[Span]] = defaultdict(list)
        for h, begin, end, text in (*self._bound_by_claims(), *self._forgetting(beats), *self._checksums(beats)):
            found[h.slot].append((begin, end))
            if text and (span := self._clock.ends(begin, end)):
                key = f"{text.partition(':')[0]}/{self._run[0]}"
                self.findings.append(Finding(CONTRADICTION, key, h.slot, *span, text))
        doubts = {slot: normal(self._told_of(spans)) for slot, spans in found.items()}
        doubts[""] = union(doubts.get("", EMPTY), foreign)
        return defaultdict(tuple, doubts)

    def _bound_by_claims(self) -> Iterator[tuple[Held, int, int, str]]:
        """(transition, begin, end, text or "" for no alarm): N1."""
        latest: dict[str, Held] = {}
        for h in self._session.moves:
            bound = self._bound_before(h.seq)
            if h.at < bound:
                text = f"seq {h.seq}: {h.slot} {h.to} at {h.at}, but claimed settled to {bound} without it"
                yield h, h.at, bound, text if bound - h.at > TOLERATED_MS else ""
            before = latest.get(h.slot, h)
            if h.at < before.at:
                text = f"seq {h.seq}: {h.slot} {h.to} at {h.at}, before seq {before.seq}: {before.to} at {before.at}"
                yield h, h.at, before.at, text
            if (h.at, h.seq) >= (before.at, before.seq):
                latest[h.slot] = h

    def _forgetting(self, beats: Sequence[Stretch]) -> Iterator[tuple[Held, int, int, str]]:
        """N1: of one run no later heartbeat knows fewer seqs."""
        ended, j, top = sorted(beats, key=lambda s: (s.at_hi, s)), 0, None
        for s in sorted(beats, key=lambda s: (s.at_lo, s)):
            while ended[j].at_hi < s.at_lo:
                top = ended[j] if top is None or ended[j].alike.seq_high >= top.alike.seq_high else top
                j += 1
            if top and top.alike.seq_high > s.alike.seq_high:
                least, most = s.alike.seq_high, top.alike.seq_high
                text = f"heartbeat at {s.at_lo}: it knows of no seq after {least}; one at {top.at_hi} knew of {most}"
                yield Held(self._run[0], most, self._run[1], self._run[2]), top.at_hi, s.at_hi + 1, text

    def _checksums(self, beats: Sequence[Stretch]) -> Iterator[tuple[Held, int, int, str]]:
        """N5: each slot's word in a heartbeat is its state at a seq from the previous heartbeat's to the next one's."""
        rows = sorted(beats, key=lambda s: (s.at_lo, s.at_hi, s))
        states = _States(self._session.moves)
        for i, s in enumerate(rows):
            if states.agree(s):
                continue
            low = min(s.alike.seq_high, rows[i - 1].alike.seq_high) if i else 0
            high = max(r.alike.seq_high for r in rows[i : i + 2])
            for h in self._disagreeing(s, low, high):
                text = f"seq {h.seq}: {h.slot} {h.to} at {h.at}, but {_word(s, h.slot)} in heartbeats from {s.at_lo} on"
                yield h, min(h.at, s.at_lo), max(h.at, s.at_hi) + 1, text

    def _disagreeing(self, s: Stretch, low: int, high: int) -> Iterator[Held]:
        """The newest transition of each slot whose word is none of its states from `low` to `high`.

        Where its last state up to `low` is held, and every seq from that to `high` under this run's name.
        """
        offline, unknown = frozenset(s.alike.offline.split(",")), frozenset(s.alike.unknown.split(","))
        lasting = s.last_ms - s.first_ms > 2 * NEAR_MS  # some of it lie between two alike: what these list must be so
        for slot, (seqs, moves) in self._by_slot.items():
            word = "offline" if slot in offline else "unknown" if slot in unknown else "online"
            least, most = (s.alike.seq_high, s.alike.seq_high) if lasting and word != "online" else (low, high)
            first, last = bisect_right(seqs, least) - 1, bisect_right(seqs, most) - 1
            if first < 0 or self._session.reaches[seqs[first]] < high:
                continue
            states = {h.to for h in moves[first : last + 1]}
            if word not in states and states <= {"online", "offline", "unknown"}:
                yield moves[last]


class _Since:
    """Claims that watched since the same moment, by their seqs: what each tells of, and on to which one it goes."""

    def __init__(self, highs: Sequence[int], covered: Sequence[Span], lasts: Sequence[int]) -> None:
        self.highs, self.lasts = highs, lasts
        self.begins, self.ends = ([span[i] for span in covered] for i in (0, 1))
        self._soonest, self._furthest = Maxima([-begin for begin in self.begins]), Maxima(self.ends)

    def telling(self, low: int, until: int, k: int, stop: int) -> int:
        """The first of [k, stop) that tells of anything in [low, until); stop where none does."""
        while k < stop and not (self.ends[k] > low and self.begins[k] < until):
            k = self._furthest.above(low, k, stop)
            k = self._soonest.above(-until, k, stop)
        return k


class _States:
    """Each slot's state at a seq, going onward: where a heartbeat's lists say just that, nothing has to be sought."""

    def __init__(self, moves: Sequence[Held]) -> None:
        self._moves, self._next = moves, 0
        self._slots = {h.slot for h in moves}
        self._in: dict[str, set[str]] = {"online": set(), "offline": set(), "unknown": set(self._slots)}
        self._strange = False

    def agree(self, s: Stretch) -> bool:
        """False also where that cannot be told so quickly."""
        moves, seq_high = self._moves, s.alike.seq_high
        if self._next and moves[self._next - 1].seq > seq_high:
            return False
        while self._next < len(moves) and moves[self._next].seq <= seq_high:
            h = moves[self._next]
            self._next += 1
            for slots in self._in.values():
                slots.discard(h.slot)
            if h.to in self._in:
                self._in[h.to].add(h.slot)
            else:
                self._strange = True
        offline = self._slots.intersection(s.alike.offline.split(","))
        unknown = self._slots.intersection(s.alike.unknown.split(",")) - offline
        return not self._strange and offline == self._in["offline"] and unknown == self._in["unknown"]


def _word(s: Stretch, slot: str) -> str:
    if slot in s.alike.offline.split(","):
        return "offline"
    return "unknown" if slot in s.alike.unknown.split(",") else "online"


def _running_max(values: Iterable[int]) -> list[int]:
    found: list[int] = []
    for value in values:
        found.append(max(value, found[-1]) if found else value)
    return found
