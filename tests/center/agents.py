"""A simulated gateway that keeps the contract, and the truth about what it knew: judge of the center's timeline."""

from collections import defaultdict
from random import Random
from typing import NamedTuple

from center.intervals import Intervals, Span, normal
from center.timeline import AnchorPoint, Claim, Held

SLOTS = ("a", "b", "c")
STATES = ("online", "offline", "unknown")
RECEIVED = 10**9


class Closing(NamedTuple):
    """A coverage event, whose claim stands among the claims."""

    seq: int
    session: str
    boot: str
    at: int


class World(NamedTuple):
    """What the gateway sent, and for each slot and state when it truly was so, in UTC ms. `covered`: all it claimed."""

    held: list[Held]
    closings: list[Closing]
    claims: list[Claim]
    anchors: list[AnchorPoint]
    truth: dict[tuple[str, str], Intervals]
    covered: Intervals


class _Gateway:
    def __init__(self, rnd: Random, interruptions: bool) -> None:
        self.rnd = rnd
        self.interruptions = interruptions
        self.seq = 0
        self.utc = 1_000
        self.held: list[Held] = []
        self.claims: list[Claim] = []
        self.truth: dict[tuple[str, str], list[Span]] = defaultdict(list)
        self.covered: list[Span] = []
        self.offsets: dict[str, int] = {}
        self.closings: list[Closing] = []
        self.unclosed: tuple[str, str, int, int, int] | None = None

    def boot(self, number: int) -> str:
        name = f"boot{number if self.rnd.random() < 0.5 else 0}"
        self.offsets.setdefault(name, self.utc - self.rnd.randint(0, 500))
        return name

    def session(self, number: int) -> None:
        rnd, name, boot = self.rnd, f"session{number}", self.boot(number)
        offset = self.offsets[boot]
        now = self.utc - offset
        since = now
        state: dict[str, tuple[str, int | None]] = dict.fromkeys(SLOTS, ("unknown", None))
        pending: dict[str, tuple[int, str]] = {}

        self.closing(now)  # of the session that crashed, before anything else is recorded

        def event(at: int, slot: str = "", to: str = "") -> None:
            self.seq += 1
            self.held.append(Held("store", self.seq, name, boot, slot, at, to))

        def close(slot: str, at: int) -> None:
            was, start = state[slot]
            if start is not None:
                self.truth[slot, was].append((start + offset, at + offset))

        def claim() -> None:
            settled = min([now, *(at for at, _ in pending.values())])
            if settled > since:
                self.claims.append(Claim("store", name, boot, since, settled, self.seq, RECEIVED, RECEIVED - settled))
                self.covered.append((since + offset, settled + offset))

        for _ in range(rnd.randint(0, 60)):
            now += rnd.randint(1, 9)
            what = rnd.random()
            if what < 0.6:
                slot, seen = rnd.choice(SLOTS), rnd.choice(STATES)
                if seen == state[slot][0]:
                    pending.pop(slot, None)
                elif pending.get(slot, (0, ""))[1] == seen:
                    at, _ = pending.pop(slot)
                    close(slot, at)
                    state[slot] = (seen, at)
                    event(at, slot, seen)
                else:
                    pending[slot] = (now, seen)
            elif what < 0.7:
                event(now)
            elif what < 0.78 and self.interruptions:
                stopped = min([now, *(at for at, _ in pending.values())])
                for slot in SLOTS:
                    close(slot, stopped)
                    state[slot] = (state[slot][0], None)
                pending.clear()
                now += rnd.randint(1, 20)
                since = now
            else:
                claim()
        claim()
        for slot in SLOTS:
            close(slot, now)
        if self.claims and self.claims[-1].session == name:
            last = self.claims[-1]
            self.unclosed = (name, boot, last.watching_since, last.settled_to, last.seq_high)
            if rnd.random() < 0.5:
                self.closing(now)
        self.utc = now + offset + rnd.randint(0, 30)

    def closing(self, at: int) -> None:
        """The coverage event of the session that ended: its own last one, or written by the next after a crash."""
        if self.unclosed:
            session, boot, since, settled, high = self.unclosed
            self.unclosed = None
            self.seq += 1
            self.closings.append(Closing(self.seq, session, boot, at))
            self.claims.append(Claim("store", session, boot, since, settled, high, RECEIVED, RECEIVED - settled))


def world(rnd: Random, *, interruptions: bool = True) -> World:
    gateway = _Gateway(rnd, interruptions)
    for number in range(rnd.randint(1, 4)):
        gateway.session(number)
    anchors = [
        AnchorPoint(boot, at := rnd.randint(0, 900), at + off, RECEIVED) for boot, off in gateway.offsets.items()
    ]
    truth = {key: normal(spans) for key, spans in gateway.truth.items()}
    return World(gateway.held, gateway.closings, gateway.claims, anchors, truth, normal(gateway.covered))
