"""What the word of one run is worth, as it is defined: every transition is held against every claim and heartbeat.

center/one_run.py says the same, and looks only where something can differ.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from center.beats import NEAR_MS, Stretch
from center.intervals import EMPTY, Intervals, Span, normal
from center.live import Live
from center.one_run import TOLERATED_MS
from center.testimony import CONTRADICTION, Finding, Told
from center.timeline import AHEAD_MS, Held, Run, Session
from center.zero import EVER, Clock


class Slowly:
    def __init__(
        self, run: Run, session: Session, told: list[Told], line: list[tuple[int, int]], clock: Clock, live: Live
    ) -> None:
        self._run, self._session, self._told, self._clock, self._live = run, session, told, clock, live
        self._line = line
        self._highs = [c.seq_high for c in told]
        self._sinces = sorted({c.since for c in told})
        self._bound = _running_max(c.settled_to for c in told)
        self._all_highs = [c.seq_high for c in session.claims]
        self._by_slot: dict[str, tuple[list[int], list[Held]]] = defaultdict(lambda: ([], []))
        for h in session.moves:
            self._by_slot[h.slot][0].append(h.seq)
            self._by_slot[h.slot][1].append(h)
        self.findings: list[Finding] = []

    def _bound_before(self, seq: int) -> int:
        """How far claims that knew of no such seq have said all is settled."""
        i = bisect_left(self._highs, seq)
        return self._bound[i - 1] if i else -EVER

    def _told_between(self, h: Held, following: Held) -> int:
        """How far claims that knew of `h` and of nothing after it said that its state lasted."""
        first, end = (bisect_left(self._all_highs, one.seq) for one in (h, following))
        return max((c.settled_to for c in self._session.claims[first:end]), default=-EVER)

    # ---- off: counts whenever it is told, and stands

    def off(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = defaultdict(list)
        latest = self._session.received_ms + AHEAD_MS
        for h, proven_to, following in self._session.reached():
            if h.to == "offline":
                until = max(following.at, self._told_between(h, following)) if following else proven_to
                spans = self._clock.told(h.at, min(proven_to, until))
                found[h.slot] += ((begin, min(end, latest)) for begin, end in spans)
        return found

    # ---- on: told in time

    def on(self) -> dict[str, Intervals]:
        found: dict[str, list[Span]] = defaultdict(list)
        for h, _, following in self._session.reached():
            if h.to == "online":
                for begin, end in self._in_time(h, following.at if following else EVER):
                    found[h.slot] += self._clock.spans(begin, end)
        return {slot: normal(spans) for slot, spans in found.items()}

    def _in_time(self, h: Held, until: int) -> Intervals:
        """Boot ms in which the state that h began is covered by a claim that had come, with all up to it, in time."""
        i = bisect_right(self._sinces, h.at) - 1
        if i < 0 or h.at >= until:
            return EMPTY
        since, top, arrived = self._sinces[i], self._session.reaches[h.seq], h.received_ms
        spans: list[Span] = []
        k = bisect_left(self._line, (h.seq, 0))
        for c in self._told[bisect_left(self._highs, h.seq) :]:
            if c.seq_high > top:
                break
            while k < len(self._line) and self._line[k][0] <= c.seq_high:
                arrived = max(arrived, self._line[k][1])
                k += 1
            if self._clock.back(self._live.earliest(arrived)) >= until:
                break
            if c.since == since:
                spans.append(self._covered(c, h.at, until, arrived))
        return normal(spans)

    def _covered(self, c: Told, begin: int, until: int, arrived: int) -> Span:
        offset = self._clock.offset(c.settled_to)
        steady = c.late_ms - offset + NEAR_MS <= self._live.within_ms
        told_ms = max(c.first_ms if steady else c.last_ms, arrived)
        end = min(c.settled_to, until, self._clock.back(c.last_ms + AHEAD_MS))
        return max(begin, self._clock.back(self._live.earliest(told_ms))), end

    # ---- doubt

    def doubt(
        self, beats: Sequence[Stretch], foreign: Intervals, numbers: Set[tuple[str, int]]
    ) -> dict[str, Intervals]:
        """By slot ("" for all): where On is withdrawn."""
        found: dict[str, list[Span]] = defaultdict(list)
        found[""] += foreign
        for h, begin, end, text in (*self._bound_by_claims(), *self._checksums(beats, numbers)):
            spans = list(self._clock.told(begin, end))
            found[h.slot] += spans
            if text and spans:
                key = f"{text.partition(':')[0]}/{self._run[0]}"
                self.findings.append(Finding(CONTRADICTION, key, h.slot, spans[0][0], spans[-1][1], text))
        return defaultdict(tuple, {slot: normal(spans) for slot, spans in found.items()})

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
            latest[h.slot] = max(before, h, key=lambda one: (one.at, one.seq))

    def _checksums(
        self, beats: Sequence[Stretch], numbers: Set[tuple[str, int]]
    ) -> Iterator[tuple[Held, int, int, str]]:
        """N5: each slot's word in a heartbeat is its state at a seq from the previous heartbeat's to the next one's."""
        whole_to = self._whole(numbers)
        rows = sorted(beats, key=lambda s: (s.at_lo, s.at_hi, s))
        for i, s in enumerate(rows):
            low = min(s.alike.seq_high, rows[i - 1].alike.seq_high) if i else 0
            high = max(r.alike.seq_high for r in rows[i : i + 2])
            if high > whole_to:
                continue
            for h in self._disagreeing(s, low, high):
                text = f"seq {h.seq}: {h.slot} {h.to} at {h.at}, but {_word(s, h.slot)} in heartbeats from {s.at_lo} on"
                yield h, min(h.at, s.at_lo), max(h.at, s.at_hi) + 1, text

    def _disagreeing(self, s: Stretch, low: int, high: int) -> Iterator[Held]:
        """The newest transition of each slot whose word is none of its states from `low` to `high`."""
        offline, unknown = frozenset(s.alike.offline.split(",")), frozenset(s.alike.unknown.split(","))
        lasting = s.last_ms - s.first_ms > 2 * NEAR_MS  # some of it lie between two alike: what these list must be so
        for slot, (seqs, moves) in self._by_slot.items():
            word = "offline" if slot in offline else "unknown" if slot in unknown else "online"
            least, most = (s.alike.seq_high, s.alike.seq_high) if lasting and word != "online" else (low, high)
            last = bisect_right(seqs, most) - 1
            if last < 0:
                continue
            first = bisect_right(seqs, least) - 1
            states = {"unknown"} if first < 0 else {moves[first].to}
            states.update(h.to for h in moves[max(first, 0) : last + 1])
            if word not in states and states <= {"online", "offline", "unknown"}:
                yield moves[last]

    def _whole(self, numbers: Set[tuple[str, int]]) -> int:
        """Up to which seq this run is held without a hole, from its first one on; 0 where that is not known."""
        first = self._line[0][0] if self._line else 0
        if not first or (first > 1 and (self._run[0], first - 1) not in numbers):
            return 0
        return self._session.reaches[first]


def _word(s: Stretch, slot: str) -> str:
    if slot in s.alike.offline.split(","):
        return "offline"
    return "unknown" if slot in s.alike.unknown.split(",") else "online"


def _running_max(values: Iterable[int]) -> list[int]:
    found: list[int] = []
    for value in values:
        found.append(max(value, found[-1]) if found else value)
    return found
