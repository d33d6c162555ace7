"""Whole canteens on a grid of seconds, and what the center may say of each second: counted one by one, by other code.

Restarts, boots, late and wrong anchors, lost heartbeats, events told again later, the line and the center away;
positions that move from one box to another and back, begin, end, and times that are left out.
"""

from collections import defaultdict
from random import Random
from typing import Any, NamedTuple

import msgspec

from center.decode import Incoming
from center.intervals import Intervals, normal
from center.rate import local
from tests.center.letters import T0, letter

SLOTS = ("k1", "k2")
LENGTH = 5_400
DARK, WITHIN = 180, 600
ROOM = 16_200
"""From the begin of one town to that of the next, each with its own time."""


class Row(NamedTuple):
    """An event; `first`: second of its first receipt, None if it never came."""

    seq: int
    session: str
    slot: str
    at: int
    to: str
    first: int | None


class Word(NamedTuple):
    """A claim of a session, in seconds of the day: [since, until), all transitions in it have seq <= high."""

    session: str
    since: int
    until: int
    high: int
    received: int


class Day:
    """Of one gateway. Seconds count from the day's begin; boot ms are such a second less the boot's zero."""

    def __init__(self, rnd: Random, gateway: str, starts: int, center_away: list[tuple[int, int]]) -> None:
        self.rnd, self.gateway, self.starts = rnd, gateway, starts
        self.messages: list[Incoming] = []
        self.rows: list[Row] = []
        self.words: list[Word] = []
        self.beats: list[tuple[str, int, int, object]] = []
        """(boot, second that it speaks of, second of its receipt, all else that it says)."""
        self.anchored: dict[str, int] = {}
        """Boot -> when its first right anchor came."""
        self.line_away = [span(rnd, 60, 900) for _ in range(rnd.choice((0, 0, 1, 2)))]
        self.center_away = center_away
        self.up = [s for s in range(-3600, 2 * LENGTH) if not _in(self.center_away, s)]
        self.zeros: dict[str, int] = {}
        self.seq = 0
        self._seqs: dict[int, int] = {}
        self._closing: dict[str, Any] | None = None
        self._run()

    def _comes(self, second: int) -> int:
        """When what is sent now, and again until it is acknowledged, is read."""
        while _in(self.line_away, second) or _in(self.center_away, second):
            second += 1
        return second

    def _run(self) -> None:
        second = number = 0
        while second < LENGTH:
            if number == 0 or self.rnd.random() < 0.5:
                boot = f"b{number}"
                self.zeros[boot] = second - self.rnd.randint(1, 30)
            end = min(LENGTH, second + self.rnd.choice((150, 900, 2_000, 4_000)))
            self._session(boot, f"s{number}", second, end)
            second = end + self.rnd.choice((1, 20, 400))
            number += 1

    def _session(self, boot: str, session: str, begin: int, end: int) -> None:
        rnd, zero, state = self.rnd, self.zeros[boot], dict.fromkeys(SLOTS, "unknown")
        claimed = begin
        if self._closing:
            closing, self._closing = self._closing, None
            self._event(begin, zero, "", "", **closing)
        if rnd.random() < 0.8:
            late = rnd.choice((0, 0, 0, 200))
            right = {"kind": "anchor", "boot": boot, "utc_ms": self._utc(begin)} | _SURE
            came = self._event(begin, zero, session, "", late, **right)
            self.anchored[boot] = min(came, self.anchored.get(boot, came))
        if end - begin > 1_000 and rnd.random() < 0.2:
            wrong = self._utc(begin) - 8 * 3_600_000
            self._event(begin + 700, zero, session, "", kind="anchor", boot=boot, utc_ms=wrong, **_SURE)
        turns = {begin, *(rnd.randint(begin, end - 1) for _ in range((end - begin) // 300))}
        for second in range(begin, end):
            if second in turns:
                for slot in SLOTS if second == begin else [rnd.choice(SLOTS)]:
                    to = rnd.choice(("online", "online", "offline", "unknown"))
                    if to != state[slot]:
                        words = {"slot": slot, "from": state[slot], "to": to, "level": "streams"}
                        state[slot] = to
                        late = rnd.choice((0, 0, 0, 0, 30, 1_200))
                        self._event(second, zero, session, to, late, kind="transition", boot=boot, **words)
            if (second - begin) % 60 == 59:
                claimed = second
                self._beat(boot, session, begin, second, zero, state)
        self.ended = end
        if claimed > begin:
            span = {"from": (begin - zero) * 1000, "to": (claimed - zero) * 1000, "seq_high": self.seq_at(claimed)}
            self._closing = {"kind": "coverage", "boot": boot, "named": session, "word": (begin, claimed)} | span

    def seq_at(self, second: int) -> int:
        return self._seqs.get(second, 0)

    def _utc(self, second: int) -> int:
        return (self.starts + second) * 1000

    def _event(self, second: int, zero: int, session: str, state: str, late: int = 0, **more: Any) -> int:
        self.seq += 1
        word, named = more.pop("word", None), more.pop("named", "") or session
        received = self._comes(second + late)
        row = {"seq": self.seq, "session": named, "at": (second - zero) * 1000} | more
        payload = msgspec.json.encode({"store": "j", "events": [row]})
        self._send("ev", payload, received)
        if self.rnd.random() < 0.1:
            self._send("ev", payload, received + self.rnd.randint(1, 2_000))
        its = "" if word else named
        self.rows.append(Row(self.seq, its, more.get("slot", ""), second, state, received))
        if word:
            since, until = word
            self.words.append(Word(named, since, until, more["seq_high"], received))
        return received

    def _beat(self, boot: str, session: str, begin: int, second: int, zero: int, state: dict[str, str]) -> None:
        self._seqs[second] = self.seq
        if self.rnd.random() < 0.08 or _in(self.line_away, second):
            return
        received = self._comes(second)
        lists = {word: [s for s in SLOTS if state[s] == word] for word in ("offline", "unknown")}
        at = (second - zero) * 1000
        fields = {"boot": boot, "session": session, "store": "j", "at": at, "n": 2, "seq_high": self.seq}
        fields |= {"watching_since": (begin - zero) * 1000, "settled_to": at}
        self._send("hb", msgspec.json.encode(fields | {w: slots for w, slots in lists.items() if slots}), received)
        self.words.append(Word(session, begin, second, self.seq, received))
        self.beats.append((boot, second, received, (session, self.seq, lists)))

    def _send(self, leaf: str, payload: bytes, second: int) -> None:
        self.messages.append(letter(leaf, payload, self._utc(second), self.gateway))


def span(rnd: Random, least: int, most: int) -> tuple[int, int]:
    begin = rnd.randint(300, LENGTH)
    return begin, begin + rnd.randint(least, most)


_SURE = {"err_ms": 20, "source": "ntp"}


def _in(spans: list[tuple[int, int]], second: int) -> bool:
    return any(begin <= second < end for begin, end in spans)


class Counted:
    """`on`, `off`: slot -> seconds; On where it is not dark."""

    def __init__(self, day: Day) -> None:
        self.day = day
        rows = self._rows()
        known = self._known(rows)
        life = {
            second
            for boot, first, last, delay in rows
            if boot not in known or first <= known[boot][0] or -90 <= delay - known[boot][1] <= 390
            for second in range(first, last + 1)
        }
        near = {s + d for s in life for d in range(DARK)}
        up = set(day.up)
        self.live = sorted(near & up)
        listening = {s for s in up if all(s - d in up for d in range(1, DARK + 1))}
        self.dark = listening - near
        self._live_set = set(self.live)
        self.on: dict[str, set[int]] = defaultdict(set)
        self.off: dict[str, set[int]] = defaultdict(set)
        self._dated = dict(day.anchored)
        for boot, (second, _) in known.items():
            self._dated[boot] = min(second, self._dated.get(boot, second))
        self._count()

    def _rows(self) -> list[tuple[str, int, int, int]]:
        """Heartbeats that say the same, at most 90 s apart: (boot, first, last receipt, delay of the first)."""
        found: list[tuple[str, int, int, int]] = []
        newest: dict[str, int] = {}
        for boot, second, received, rest in sorted(self.day.beats, key=lambda beat: (beat[2], beat[1])):
            zero = self.day.starts + self.day.zeros[boot] + received - second
            alike = repr((boot, rest, zero // 60))
            row = newest.get(alike)
            if row is None or received - found[row][2] > 90:
                newest[alike] = len(found)
                found.append((boot, received, received, received - second))
            else:
                found[row] = (boot, found[row][1], received, found[row][3])
        return found

    def _known(self, rows: list[tuple[str, int, int, int]]) -> dict[str, tuple[int, int]]:
        """Boots of which heartbeats in a row agreed for four minutes: since when, and their least delay."""
        found: dict[str, tuple[int, int]] = {}
        for boot, zero in self.day.zeros.items():
            for low in range((self.day.starts + zero) // 30 - 3, (self.day.starts + zero + 5_000) // 30):
                window = range(low * 30, low * 30 + 120)
                begin = end = least = 0
                for _, first, last, delay in (r for r in rows if r[0] == boot):
                    if self.day.starts + zero + delay not in window:
                        continue
                    if not end or first > end + 180:
                        begin, end, least = first, last, delay
                    end, least = max(end, last), min(least, delay)
                    if end - begin >= 240:
                        agreed = max(first, begin + 240), least
                        found[boot] = min(agreed, found.get(boot, agreed), key=lambda one: one[0])
                        break
        return found

    def _in_time(self, second: int, told: int) -> bool:
        before = [s for s in self.live if s <= told]
        if not before:
            return True
        returned = before[-1]
        while returned - 1 in self._live_set:
            returned -= 1
        until = min(told, before[-1] + 1)
        if until - returned > WITHIN:
            return second >= until - WITHIN
        return sum(second <= s < returned for s in self.live) <= WITHIN

    def _earliest(self, told: int) -> int:
        """The first second that what is told now is in time for, by trying each."""
        low, high = -10_000, told + 1
        while low < high:
            middle = (low + high) // 2
            if self._in_time(middle, told):
                high = middle
            else:
                low = middle + 1
        return low

    def _count(self) -> None:
        boots = {row.session: None for row in self.day.rows}
        first = {row.seq: row.first for row in self.day.rows}
        own = {row.seq: row.session for row in self.day.rows}
        boot_of = dict(self._boots())
        earliest: dict[int, int] = {}
        for session in boots:
            if boot_of.get(session) not in self._dated:
                continue
            moves = [row for row in self.day.rows if row.session == session and row.slot]
            dated = self._earliest(self._dated[boot_of[session]])
            for row in moves:
                following = next((m.at for m in moves if m.slot == row.slot and m.seq > row.seq), 10**9)
                for word in self.day.words:
                    seqs = range(row.seq, word.high + 1)
                    if word.session != session or word.high < row.seq or any(own.get(q) != session for q in seqs):
                        continue
                    told = max([word.received, *(first[q] or 0 for q in seqs)])
                    span = range(max(row.at, word.since), min(following, word.until))
                    if row.to == "offline":
                        self.off[row.slot].update(span)
                    elif row.to == "online":
                        if told not in earliest:
                            earliest[told] = self._earliest(told)
                        since = max(earliest[told], dated)
                        self.on[row.slot].update(s for s in span if s >= since and s not in self.dark)

    def _boots(self) -> list[tuple[str, str]]:
        found = []
        for m in self.day.messages:
            told = msgspec.json.decode(m.payload)
            for one in told.get("events", [told]):
                if one.get("kind") != "coverage":
                    found.append((one["session"], one["boot"]))
        return found


def spans(starts: int, seconds: set[int]) -> Intervals:
    return normal(((starts + s) * 1000, (starts + s + 1) * 1000) for s in seconds)


class Town:
    """Two boxes and two positions, which are heard at the one or the other; a time of its own."""

    def __init__(self, number: int) -> None:
        rnd = Random(number)
        self.starts = T0 // 1000 + 7_200 + number * ROOM
        away = [span(rnd, 20, 900) for _ in range(rnd.choice((0, 0, 1)))]
        self.days = [Day(rnd, f"zz-{number:04}{name}", self.starts, away) for name in "ab"]
        self.moves = {slot: self._moves(rnd) for slot in SLOTS}
        self.served = {slot: self._served(rnd) for slot in SLOTS}
        self.left_out = {slot: self._left_out(rnd) for slot in SLOTS}

    def _moves(self, rnd: Random) -> list[tuple[int, int]]:
        """(from, which box): the first from ever."""
        turns = sorted(rnd.sample(range(1, LENGTH), rnd.choice((0, 0, 1, 2, 3))))
        return [(-3_000, 0), *((second, 1 - n % 2) for n, second in enumerate(turns))]

    def _served(self, rnd: Random) -> tuple[int, int]:
        return rnd.choice((-2_000, rnd.randint(-2_000, 0))), rnd.choice((8_000, rnd.randint(LENGTH, 8_000)))

    def _left_out(self, rnd: Random) -> list[tuple[int, int]]:
        edges = sorted(rnd.sample(range(-1_000, 8_000), 2 * rnd.choice((0, 0, 1, 2))))
        return list(zip(edges[::2], edges[1::2], strict=True))

    def time(self, second: int) -> str:
        return local((self.starts + second) * 1000).isoformat()

    def flat(self) -> list[str]:
        """Rows of the flat registry."""
        where = f"{self.days[0].gateway}"
        times = ((slot, self.time(begin), self.time(end)) for slot, (begin, end) in self.served.items())
        return [f"4101,金水区,一小,canteen,灶台,{slot},{where},{begin},{end}" for slot, begin, end in times]

    def bindings(self) -> list[str]:
        return [
            f"{self.position(slot)},{self.time(second)},{self.days[box].gateway},{slot}"
            for slot, moves in self.moves.items()
            for second, box in moves[1:]
        ]

    def exclusions(self) -> list[str]:
        return [
            f"{self.position(slot)},{self.time(begin)},{self.time(end)},planned,检修,王芳,李明,2026-10-01"
            for slot, several in self.left_out.items()
            for begin, end in several
        ]

    def position(self, slot: str) -> str:
        return f"{self.days[0].gateway}/{slot}"

    def counted(self) -> dict[str, tuple[set[int], set[int], set[int]]]:
        """Position -> seconds that are assessed, in which it was online, and offline."""
        boxes = [Counted(day) for day in self.days]
        found = {}
        for slot, moves in self.moves.items():
            assessed = {s for s in range(*self.served[slot]) if not _in(self.left_out[slot], s)}
            ends = [*(second for second, _ in moves[1:]), 10**6]
            on: set[int] = set()
            off: set[int] = set()
            for (since, box), until in zip(moves, ends, strict=True):
                on |= {s for s in boxes[box].on[slot] if since <= s < until}
                off |= {s for s in boxes[box].off[slot] if since <= s < until}
            found[self.position(slot)] = assessed, on, off
        return found
