"""A box that lives honestly for a while, and whoever holds it: any message, at any time, about any time."""

from random import Random
from typing import Any

import msgspec

from center.decode import Incoming
from tests.center.letters import GATEWAY, T0, letter

MINUTE = 60_000
SLOTS = ("k1", "k2")
STATES = ("online", "offline", "unknown")


class Box:
    """Tells what it sees at once: events as they happen, a heartbeat a minute. Utc = T0 + `zero` + boot ms."""

    def __init__(self, rnd: Random, *, minutes: int = 240) -> None:
        self.rnd, self.minutes = rnd, minutes
        self.said: list[Incoming] = []
        self.sessions: list[tuple[str, str, str, int]] = []
        self.seq = 0
        self._closing: dict[str, Any] | None = None

    def run(self) -> list[Incoming]:
        minute, zero, number = 0, 0, 0
        while minute < self.minutes:
            length = self.rnd.choice((3, 20, 60, 240))
            if number == 0 or self.rnd.random() < 0.5:
                zero, boot = minute * MINUTE - self.rnd.randint(0, 5_000), f"b{number}"
            self._session(boot, f"s{number}", zero, minute, min(minute + length, self.minutes))
            minute += length + self.rnd.choice((0, 0, 1, 9))
            number += 1
        return self.said

    def _session(self, boot: str, session: str, zero: int, begin: int, end: int) -> None:
        rnd, since = self.rnd, begin * MINUTE - zero + 1_000
        self.sessions.append((boot, session, "j", zero))
        state = dict.fromkeys(SLOTS, "unknown")
        if self._closing:
            self._event(zero, self._closing["at"], since, **self._closing["event"])
        if rnd.random() < 0.9:
            self._event(zero, since, since, kind="anchor", utc_ms=T0 + zero + since, err_ms=20, source="ntp")
        for slot in SLOTS:
            if rnd.random() < 0.9:
                self._move(state, zero, since, slot, rnd.choice(STATES[:2]), boot, session)
        for minute in range(begin, end):
            at = max(since, minute * MINUTE - zero + rnd.randint(2_000, 50_000))
            if rnd.random() < 0.1:
                self._move(state, zero, at, rnd.choice(SLOTS), rnd.choice(STATES), boot, session)
            if rnd.random() < 0.97:
                self._beat(state, zero, minute * MINUTE - zero + 55_000, since, boot, session)
        at = end * MINUTE - zero
        claim = {"from": since, "to": at - 5_000, "seq_high": self.seq}
        self._closing = {"at": at, "event": {"kind": "coverage", "boot": boot, "session": session, **claim}}

    def _move(self, state: dict[str, str], zero: int, at: int, slot: str, to: str, boot: str, session: str) -> None:
        if state[slot] != to:
            words = {"slot": slot, "from": state[slot], "to": to, "level": "streams"}
            state[slot] = to
            self._event(zero, at, at, kind="transition", boot=boot, session=session, **words)

    def _event(self, zero: int, at: int, now: int, **more: Any) -> None:
        self.seq += 1
        boot, session, _, _ = self.sessions[-1]
        row = {"seq": self.seq, "boot": boot, "session": session, "at": at} | more
        payload = msgspec.json.encode({"store": "j", "events": [row]})
        self.said.append(letter("ev", payload, T0 + zero + now + self.rnd.choice((40, 90, 3_000))))

    def _beat(self, state: dict[str, str], zero: int, at: int, since: int, boot: str, session: str) -> None:
        lists = {word: [s for s in SLOTS if state[s] == word] for word in ("offline", "unknown")}
        words = {"boot": boot, "session": session, "store": "j", "at": at, "n": len(SLOTS), "watching_since": since}
        words |= {"settled_to": at, "seq_high": self.seq} | {word: slots for word, slots in lists.items() if slots}
        self.said.append(letter("hb", msgspec.json.encode(words), T0 + zero + at + self.rnd.choice((40, 90, 3_000))))


class Villain:
    """Knows all that the box has said, and says anything, from minute `since` on."""

    def __init__(self, rnd: Random, box: Box, since: int) -> None:
        self.rnd, self.box, self.since = rnd, box, since

    def lies(self, count: int) -> list[Incoming]:
        """Single messages of any kind, and rows of them that agree with one another."""
        found: list[Incoming] = []
        for _ in range(count):
            chance = self.rnd.random()
            found += self._beside() if chance < 0.1 else self._row() if chance < 0.4 else [self._lie()]
        return found

    def _beside(self) -> list[Incoming]:
        """A session beside the box's own, offline, by an unsure clock and with heartbeats that agree on no zero; then
        one word that makes its clock another.
        """
        rnd, begin = self.rnd, self._now()
        ids: dict[str, Any] = {"boot": rnd.choice(("w1", "w2")), "session": "w", "at": 0}
        words = {
            "kind": "transition",
            "slot": rnd.choice(SLOTS),
            "from": "unknown",
            "to": "offline",
            "level": "streams",
        }
        clock = {"kind": "anchor", "utc_ms": begin + rnd.choice((-290, 0, 290)) * 1_000, "source": "ntp"}
        rows = [ids | {"seq": 1, "err_ms": 60_000} | clock, ids | {"seq": 2} | words]
        found = [letter("ev", msgspec.json.encode({"store": "w", "events": rows}), begin + 50)]
        beat = ids | {"store": "w", "n": 2, "watching_since": 0, "seq_high": 2, "offline": [words["slot"]]}
        ats = [10 * MINUTE * n for n in range(1, rnd.randint(3, 12))]
        for at in ats:
            found.append(letter("hb", msgspec.json.encode(beat | {"at": at, "settled_to": at}), begin + at + 50))
        now = begin + ats[-1] + rnd.randint(1, 30) * MINUTE
        if rnd.random() < 0.5:
            return [*found, letter("hb", msgspec.json.encode(beat | {"at": 2**50, "settled_to": 2**50}), now)]
        sure = ids | clock | {"seq": 3, "err_ms": 20, "utc_ms": begin + rnd.choice((-600, -4, 0, 4)) * MINUTE}
        return [*found, letter("ev", msgspec.json.encode({"store": "w", "events": [sure]}), now)]

    def _row(self) -> list[Incoming]:
        """One run's heartbeats, one a minute, of a clock that is so far off; perhaps with events that they claim."""
        rnd, (boot, session, store) = self.rnd, self._ids()
        begin = self._now()
        zeros = [T0 + zero for of, _, _, zero in self.box.sessions if of == boot]
        off = rnd.choice((-600, -100, -10, -6, -4, -1, 0, 0, 0, 1, 4, 6, 10, 100)) * MINUTE
        apart = rnd.choice((1, 1, 1, 10))  # so far apart, heartbeats agree on no zero
        zero = (zeros[0] if zeros else begin - rnd.randint(0, 60) * MINUTE) + off
        first = max(0, begin - zero)
        since, high = rnd.choice((0, 1_000, first)), rnd.choice((0, self.box.seq, self.box.seq + 2))
        slot = rnd.choice(SLOTS)
        found: list[Incoming] = []
        row: dict[str, Any] = {"boot": boot, "session": session, "at": rnd.choice((since, first))}
        if rnd.random() < 0.4:
            utc = zero + row["at"] + rnd.choice((-290, -30, 0, 0, 30, 290)) * 1_000
            words = {"kind": "anchor", "utc_ms": max(0, utc), "err_ms": rnd.choice((20, 60_000)), "source": "ntp"}
            payload = msgspec.json.encode({"store": store, "events": [row | {"seq": self.box.seq + 5} | words]})
            found.append(letter("ev", payload, begin + rnd.choice((40, 40, 20 * MINUTE))))
        if high > self.box.seq:
            words = {
                "slot": slot,
                "from": "unknown",
                "level": "streams",
                "to": rnd.choice(("online", "online", "offline")),
            }
            rows = [row | {"seq": self.box.seq + 1, "kind": "transition"} | words]
            rows.append(row | {"seq": self.box.seq + 2, "kind": "fault", "what": "x"})
            found.append(letter("ev", msgspec.json.encode({"store": store, "events": rows}), begin + 50))
        lists = rnd.choice(({}, {}, {"offline": [slot]}, {"unknown": list(SLOTS)}))
        for minute in range(rnd.choice((1, 5, 6, 20, 60))):
            now = begin + minute * apart * MINUTE + rnd.choice((100, 100, 2_000, 50_000))
            told: dict[str, Any] = {"boot": boot, "session": session, "store": store, "at": max(0, now - zero), "n": 2}
            told |= {"watching_since": since, "settled_to": max(0, now - zero), "seq_high": high}
            found.append(letter("hb", msgspec.json.encode(told | lists), now))
        return found

    def _now(self) -> int:
        return T0 + self.rnd.randint(self.since * MINUTE, (self.box.minutes + 60) * MINUTE)

    def _ids(self) -> tuple[str, str, str]:
        boot, session, store, _ = self.rnd.choice(self.box.sessions)
        chance = self.rnd.random()
        if chance < 0.2:
            boot = self.rnd.choice(("x1", "x2"))
        if chance < 0.3:
            session = self.rnd.choice(("y1", "y2"))
        if self.rnd.random() < 0.2:
            store = "z"
        return boot, session, store

    def _at(self, now: int) -> int:
        """A boot ms: of any time, of about now, or of none."""
        zero = self.rnd.choice(self.box.sessions)[3]
        at = self.rnd.choice((now - T0 - zero, self.rnd.randint(0, self.box.minutes * MINUTE)))
        if self.rnd.random() < 0.05:
            at = 2**50
        return max(0, at + self.rnd.choice((0, 0, 0, -1_000, 60_000, 400_000)))

    def _lie(self) -> Incoming:
        now, rnd = self._now(), self.rnd
        boot, session, store = self._ids()
        if rnd.random() < 0.15:
            return rnd.choice(self.box.said)._replace(received_ms=now)
        if rnd.random() < 0.05:
            return letter("hb", b"garbage", now)
        if rnd.random() < 0.4:
            at = self._at(now)
            words = {"boot": boot, "session": session, "store": store, "at": at, "n": 2}
            words |= {"watching_since": rnd.choice((0, 1_000, self._at(now))), "settled_to": self._at(now)}
            words |= {"seq_high": rnd.choice((0, self.box.seq, rnd.randint(0, self.box.seq + 9)))}
            return letter("hb", msgspec.json.encode(words), now)
        seq = rnd.choice((rnd.randint(1, self.box.seq + 9), self.box.seq + rnd.randint(1, 4), rnd.randint(1, 4)))
        row: dict[str, Any] = {"seq": seq, "boot": boot, "session": session, "at": self._at(now)}
        match rnd.choice(("transition", "transition", "coverage", "anchor", "gap", "broken")):
            case "transition":
                row |= {"kind": "transition", "slot": rnd.choice(SLOTS), "from": "unknown", "level": "streams"}
                row |= {"to": rnd.choice(("online", "online", "offline", "unknown"))}
            case "coverage":
                row |= {"kind": "coverage", "from": rnd.choice((0, self._at(now))), "to": self._at(now)}
                row |= {"seq_high": rnd.randint(0, self.box.seq + 9)}
            case "anchor":
                utc = rnd.choice((0, now, now + 290_000, T0 + rnd.randint(0, self.box.minutes * MINUTE)))
                row |= {"kind": "anchor", "utc_ms": utc, "err_ms": rnd.choice((20, 60_000)), "source": "ntp"}
            case "gap":
                row |= {"kind": "gap", "from_seq": 1, "to_seq": max(1, seq - 1), "from": 0, "to": self._at(now)}
            case "broken":
                row |= {"kind": "transition", "slot": 5}
        return letter("ev", msgspec.json.encode({"store": store, "events": [row]}), now, GATEWAY)
