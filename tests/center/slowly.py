"""What the word of one run is worth, as it is defined: every transition is held against every claim and heartbeat.

center/one_run.py says the same, and looks only where something can differ; what it does plainly is taken from there.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from center.beats import NEAR_MS, Stretch
from center.intervals import EMPTY, Intervals, Span, normal
from center.one_run import OneRun
from center.testimony import CONTRADICTION, Finding, Told
from center.timeline import AHEAD_MS, Held
from center.zero import EVER


class Slowly(OneRun):
    """Overrides what OneRun does quickly, and only that."""

    def off(self) -> dict[str, list[Span]]:
        """Each transition's time dated by itself."""
        found: dict[str, list[Span]] = defaultdict(list)
        for slot, span in self._offline():
            found[slot] += self._by_its_receipt(self._clock.told(*span))
        return found

    def on(self) -> dict[str, Intervals]:
        found: dict[str, list[Span]] = defaultdict(list)
        for h, _, following in self._reached:
            if h.to == "online":
                for span in self._in_time(h, following.at if following else EVER):
                    for known_ms, (begin, end) in self._clock.since(*span):
                        found[h.slot].append((max(begin, self._live.earliest(known_ms)), end))
        return {slot: its for slot, spans in found.items() if (its := normal(spans))}

    def doubt(self, beats: Sequence[Stretch], foreign: Intervals) -> dict[str, Intervals]:
        found: dict[str, list[Span]] = defaultdict(list)
        found[""] += foreign
        for h, begin, end, text in (*self._bound_by_claims(), *self._forgetting(beats), *self._checksums(beats)):
            spans = list(self._clock.told(begin, end))
            found[h.slot] += spans
            if text and spans:
                key = f"{text.partition(':')[0]}/{self._run[0]}"
                self.findings.append(Finding(CONTRADICTION, key, h.slot, spans[0][0], spans[-1][1], text))
        return {slot: normal(spans) for slot, spans in found.items()}

    def _lasted(self, h: Held, following: Held | None) -> int:
        """How far claims that knew of `h` and of nothing after it said that its state lasted."""
        reach = self._session.reaches[h.seq]
        knew = (c for c in self._session.claims if h.seq <= c.seq_high <= reach)
        return max((c.settled_to for c in knew if not following or c.seq_high < following.seq), default=-EVER)

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
                spans.append(self._told_by(c, h.at, until, arrived))
        return normal(spans)

    def _told_by(self, c: Told, begin: int, until: int, arrived: int) -> Span:
        offset = self._clock.offset(c.settled_to)
        steady = c.late_ms - offset + NEAR_MS <= self._live.within_ms
        told_ms = max(c.first_ms if steady else c.last_ms, arrived)
        end = min(c.settled_to, until, self._clock.back(c.last_ms + AHEAD_MS))
        return max(begin, self._clock.back(self._live.earliest(told_ms))), end

    def _forgetting(self, beats: Sequence[Stretch]) -> Iterator[tuple[Held, int, int, str]]:
        """N1: each heartbeat against all that ended before it."""
        for s in sorted(beats, key=lambda s: (s.at_lo, s)):
            before = [b for b in beats if b.at_hi < s.at_lo]
            top = max(before, key=lambda b: (b.alike.seq_high, b.at_hi, b), default=s)
            least, most = s.alike.seq_high, top.alike.seq_high
            if most > least:
                text = f"heartbeat at {s.at_lo}: it knows of no seq after {least}; one at {top.at_hi} knew of {most}"
                yield Held(self._run[0], most, self._run[1], self._run[2]), top.at_hi, s.at_hi + 1, text

    def _checksums(self, beats: Sequence[Stretch]) -> Iterator[tuple[Held, int, int, str]]:
        """N5: each slot's word in a heartbeat is its state at a seq from the previous heartbeat's to the next one's."""
        rows = sorted(beats, key=lambda s: (s.at_lo, s.at_hi, s))
        for i, s in enumerate(rows):
            low = min(s.alike.seq_high, rows[i - 1].alike.seq_high) if i else 0
            high = max(r.alike.seq_high for r in rows[i : i + 2])
            for slot in self._by_slot:
                if h := self._last_of(s, slot, low, high):
                    word = _word(s, slot)
                    text = f"seq {h.seq}: {slot} {h.to} at {h.at}, but {word} in heartbeats from {s.at_lo} on"
                    yield h, min(h.at, s.at_lo), max(h.at, s.at_hi) + 1, text

    def _last_of(self, s: Stretch, slot: str, low: int, high: int) -> Held | None:
        """Seq by seq: the slot's last transition that this heartbeat can have known, where its word is none of its
        states that it can have said. None where a seq on the way is not held, or a word is strange.
        """
        if s.last_ms - s.first_ms > 2 * NEAR_MS and _word(s, slot) != "online":
            can_have_said = [s.alike.seq_high]
        else:
            can_have_said = list(range(low, high + 1))
        moves = {h.seq: h for h in self._session.moves if h.slot == slot}
        since = max((seq for seq in moves if seq <= can_have_said[0]), default=None)
        own = {seq for seq, _ in self._line}
        if since is None or not own.issuperset(range(since, high + 1)):
            return None
        states = [max((moves[seq] for seq in moves if seq <= at), key=lambda h: h.seq) for at in can_have_said]
        words = {h.to for h in states}
        strange = words - {"online", "offline", "unknown"}
        return states[-1] if not strange and _word(s, slot) not in words else None


def _word(s: Stretch, slot: str) -> str:
    if slot in s.alike.offline.split(","):
        return "offline"
    return "unknown" if slot in s.alike.unknown.split(",") else "online"
