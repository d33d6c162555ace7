"""Gateways that keep the contract through crashes, power cuts and put-back cards: what they send, and what is true.

`Kitchen(rnd, faults).run()` gives a World. Its truth is judged against the claims only, never by the center's own code.
"""

import copy
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import msgspec

from center.decode import Incoming
from center.intervals import Intervals, Span, intersection, normal
from contract.messages import Birth, ClockHealth, Goodbye, Will, encode
from tests.center.letters import GATEWAY, T0, letter

SLOTS = ("k1", "k2", "k3")
STATES = ("online", "online", "offline", "unknown")
NEARLY = 400_000
AT_ONCE = 60_000
EIGHT_HOURS = 8 * 3_600_000
NOBODY = "nobody"
"""In whose name a gateway writes what no run of it saw."""


class Faults(NamedTuple):
    """What may happen beyond crashes and lost heartbeats. All False: every journal row arrives some time."""

    evicts: bool = False
    rolls_back: bool = False
    clones: bool = False
    bad_clock: bool = False
    undisciplined: bool = False
    """Right, but nobody vouches for its clock, and events come too late to bear it out: heartbeats have to."""
    garbles: bool = False


class World(NamedTuple):
    """`claimable`: by (slot, state), the true time that some claim covers and some anchor dates, in UTC ms.

    `loose`: about when boots were running that no anchor dates, but the center's own clock may, to minutes. `right`:
    the anchors that say the truth, as (boot, boot ms, UTC ms).
    """

    messages: list[Incoming]
    claimable: dict[tuple[str, str], Intervals]
    end_ms: int
    loose: Intervals = ()
    ran: Sequence[tuple[str, int, int]] = ()
    """Boot, and when it ran, UTC ms."""
    right: Set[tuple[str, int, int]] = frozenset()

    def dated_by_center(self, arrived: Iterable[Incoming]) -> Intervals:
        """About when boots were running of which no right anchor stands first under its number: a card that went back,
        or was copied, gave that number away. The center's own clock dates them, by the least delay of a heartbeat.
        """
        return self.about(self._boots() - {boot for boot, _ in self._anchored(arrived)})

    def dated_late(self, arrived: Iterable[Incoming]) -> Intervals:
        """About when boots were running of which an anchor came so late that the center's own clock had dated them.

        What was told as offline by either stays offline.
        """
        return self.about({boot for boot, late_ms in self._anchored(arrived) if late_ms > AT_ONCE})

    def _anchored(self, arrived: Iterable[Incoming]) -> list[tuple[str, int]]:
        """The boots of the right anchors that stand first under their numbers, and how late each came."""
        first: dict[tuple[str, int], tuple[tuple[int, bytes], dict[str, Any]]] = {}
        for message in arrived:
            if message.topic.endswith("/up/ev"):
                with suppress(ValueError, KeyError, TypeError):  # garbled on the way
                    batch = json.loads(message.payload)
                    for event in batch["events"]:
                        said = (message.received_ms, message.payload), event
                        key = batch["store"], event["seq"]
                        first[key] = min(first.get(key, said), said, key=lambda one: one[0])
        return [
            (a["boot"], received_ms - a["utc_ms"])
            for (received_ms, _), a in first.values()
            if a.get("kind") == "anchor" and (a["boot"], a["at"], a["utc_ms"]) in self.right
        ]

    def _boots(self) -> set[str]:
        return {boot for boot, _, _ in self.ran}

    def about(self, boots: Set[str]) -> Intervals:
        """About when these were running."""
        return normal((b - NEARLY, e + NEARLY) for boot, b, e in self.ran if boot in boots)


class Boot(NamedTuple):
    name: str
    zero: int
    """UTC of boot millisecond 0."""


class Journal:
    """Rows of one store, on a card that can be copied. `sent`: how many rows have been published at least once."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.seq = 0
        self.rows: list[dict[str, Any]] = []
        self.checkpoint: dict[str, Any] | None = None

    def add(self, kind: str, boot: str, session: str, at: int, **more: Any) -> None:
        self.seq += 1
        self.rows.append({"seq": self.seq, "boot": boot, "session": session, "at": at, "kind": kind, **more})

    def close(self) -> None:
        """The session that stands in the checkpoint has ended."""
        if self.checkpoint:
            last, self.checkpoint = self.checkpoint, None
            span = {"from": last["from"], "to": last["to"], "seq_high": last["seq_high"]}
            self.add("coverage", last["boot"], last["session"], last["to"], **span)


class Session:
    """One run of the agent on one card."""

    def __init__(self, kitchen: "Kitchen", journal: Journal, boot: Boot, name: str) -> None:
        self.k, self.rnd, self.journal, self.boot, self.name = kitchen, kitchen.rnd, journal, boot, name
        self.since = self.now
        self.state: dict[str, tuple[str, int | None]] = dict.fromkeys(SLOTS, ("unknown", None))
        self.pending: dict[str, tuple[int, str]] = {}
        self.truth: dict[tuple[str, str], list[Span]] = defaultdict(list)
        self.claims: list[Span] = []
        journal.close()
        self.birth()

    @property
    def now(self) -> int:
        return self.k.utc - self.boot.zero

    def live(self) -> None:
        acts = [self.look] * 6 + [self.change] * 3 + [self.beat] * 3 + [self.checkpoint] * 2 + [self.publish] * 3
        acts += [self.note, self.anchor, self.trim, self.birth]
        if self.k.faults.evicts:
            acts.append(self.evict)
        for _ in range(self.rnd.randint(0, 40)):
            self.k.utc += self.rnd.choice((1, 10, 3_000, 30_000, 90_000))
            self.rnd.choice(acts)()
        self.end()

    def look(self) -> None:
        """A change is recorded when a second look agrees, dated by the first."""
        slot, seen = self.rnd.choice(SLOTS), self.rnd.choice(STATES)
        was, _ = self.state[slot]
        if seen == was:
            self.pending.pop(slot, None)
        elif self.pending.get(slot, (0, ""))[1] == seen:
            self._confirm(slot, self.pending.pop(slot)[0], seen)
        else:
            self.pending[slot] = (self.now, seen)

    def change(self) -> None:
        """A slot flips, and the next looks agree."""
        slot = self.rnd.choice(SLOTS)
        self.pending.pop(slot, None)
        self._confirm(slot, self.now, "offline" if self.state[slot][0] == "online" else "online")
        self.k.utc += self.rnd.randint(1, 5_000)

    def _confirm(self, slot: str, at: int, seen: str) -> None:
        self._passed(slot, at)
        words = {"slot": slot, "from": self.state[slot][0], "to": seen, "level": "streams"}
        self.journal.add("transition", self.boot.name, self.name, at, **words)
        self.state[slot] = (seen, at)

    def _passed(self, slot: str, until: int) -> None:
        was, start = self.state[slot]
        if start is not None:
            self.truth[slot, was].append((start + self.boot.zero, until + self.boot.zero))

    def _claim(self) -> dict[str, int]:
        settled = max(self.since, min([self.now, *(at for at, _ in self.pending.values())]))
        return {"from": self.since, "to": settled, "seq_high": self.journal.seq}

    def _claimed(self, claim: dict[str, Any]) -> None:
        self.claims.append((claim["from"] + self.boot.zero, claim["to"] + self.boot.zero))

    def beat(self) -> None:
        claim = self._claim()
        if self.rnd.random() < 0.7:  # the others are lost on the way
            self._claimed(claim)
            fields = {"boot": self.boot.name, "session": self.name, "store": self.journal.store, "at": self.now, "n": 3}
            fields |= {"watching_since": claim["from"], "settled_to": claim["to"], "seq_high": claim["seq_high"]}
            by_word = {word: [s for s in SLOTS if self.state[s][0] == word] for word in ("offline", "unknown")}
            self.k.send("hb", msgspec.json.encode(fields | {word: slots for word, slots in by_word.items() if slots}))

    def checkpoint(self) -> None:
        self.journal.checkpoint = self._claim() | {"boot": self.boot.name, "session": self.name}
        self._claimed(self.journal.checkpoint)

    def note(self) -> None:
        self.journal.add("fault", self.boot.name, self.name, self.now, what="x")

    def anchor(self) -> None:
        wrong = self.k.faults.bad_clock and self.rnd.random() < 0.5
        loose = wrong or self.k.faults.undisciplined
        utc = self.k.utc - EIGHT_HOURS if wrong else self.k.utc
        words = {"utc_ms": utc, "err_ms": 60_000 if loose else 20, "source": "system" if loose else "ntp"}
        self.journal.add("anchor", self.boot.name, self.name, self.now, **words)
        if not wrong:
            self.k.dated.add(self.boot.name)
            self.k.right.add((self.boot.name, self.now, utc))

    def publish(self) -> None:
        """From the oldest row on, in batches; what is not trimmed is published again some time."""
        rows = self.journal.rows[: self.rnd.randint(1, 12)]
        while rows:
            n = self.rnd.randint(1, len(rows))
            self.k.send("ev", msgspec.json.encode({"store": self.journal.store, "events": rows[:n]}))
            self.k.sent.update((id(self.journal), row["seq"]) for row in rows[:n])
            rows = rows[n:]

    def trim(self) -> None:
        """The center has acknowledged what was sent."""
        while self.journal.rows and (id(self.journal), self.journal.rows[0]["seq"]) in self.k.sent:
            self.journal.rows.pop(0)

    def evict(self) -> None:
        gone, self.journal.rows = self.journal.rows[:4], self.journal.rows[4:]
        if gone:
            span = {"from": min(row["at"] for row in gone), "to": max(row["at"] for row in gone) + 1}
            span |= {"from_seq": gone[0]["seq"], "to_seq": gone[-1]["seq"]}
            self.journal.add("gap", gone[-1]["boot"], NOBODY, gone[-1]["at"], **span)

    def birth(self) -> None:
        oldest = self.journal.rows[0]["seq"] if self.journal.rows else self.journal.seq + 1
        clock = ClockHealth(synced=True)
        ids = {"gateway": GATEWAY, "session": self.name, "boot": self.boot.name, "store": self.journal.store}
        self.k.send("state", encode(Birth(**ids, version="1", clock=clock, inventory_hash="", oldest=oldest)))

    def end(self) -> None:
        """Cut off, or in good order."""
        if self.rnd.random() < 0.4:
            self.checkpoint()
            self.journal.close()
            self.beat()
            self.publish()
            self.k.send("state", encode(Goodbye(gateway=GATEWAY, session=self.name, why="stopped")))
        else:
            self.k.send("state", encode(Will(gateway=GATEWAY, session=self.name)))
            if self.rnd.random() < 0.5:  # cut off just after it claimed to know of a change that nobody has yet
                self.pending.clear()
                self.checkpoint()
                self.change()
                self.beat()
        for slot in SLOTS:
            self._passed(slot, self.now)
        self.k.ran.append((self.boot.name, self.since + self.boot.zero, self.k.utc))
        claimed = normal(self.claims)
        for key, spans in self.truth.items():
            self.k.proved.append((self.boot.name, key, intersection(normal(spans), claimed)))


class Kitchen:
    """A gateway over several runs."""

    def __init__(self, rnd: Random, faults: Faults) -> None:
        self.rnd, self.faults = rnd, faults
        self.utc = T0 + 1_000_000
        self.messages: list[Incoming] = []
        self.sent: set[tuple[int, int]] = set()
        self.dated: set[str] = set()
        self.right: set[tuple[str, int, int]] = set()
        self.proved: list[tuple[str, tuple[str, str], Intervals]] = []
        self.ran: list[tuple[str, int, int]] = []
        self._numbers = iter(range(1000))
        self._cards: list[Journal] = []

    def send(self, leaf: str, payload: bytes) -> None:
        late = self.faults.undisciplined and leaf == "ev"
        delay = 7_000_000 if late else self.rnd.choice((5, 5, 5, 800, 40_000, self.rnd.randint(10**6, 7 * 10**6)))
        self.messages.append(letter(leaf, payload, self.utc + delay))

    def run(self) -> World:
        journal, boot = Journal("j0"), self._boot()
        for _ in range(self.rnd.randint(1, 5)):
            before = self.utc
            twin = self._copy(journal) if self.faults.clones and self.rnd.random() < 0.5 else None
            Session(self, journal, boot, f"s{next(self._numbers)}").live()
            if twin:  # a copy of the card lives elsewhere, at the same time
                after, self.utc = self.utc, before + self.rnd.randint(0, 100_000)
                Session(self, twin, self._boot(), f"s{next(self._numbers)}").live()
                self.utc = max(after, self.utc)
                self._cards.append(twin)
            self.utc += self.rnd.choice((1, 2_000, 600_000))
            if self.rnd.random() < 0.5:
                boot = self._boot()
            journal = self._card(journal)
        for card in [*self._cards, journal]:
            card.close()
            self._drain(card)
        if self.faults.garbles:
            self._garble()
        loose = normal((b - NEARLY, e + NEARLY) for boot, b, e in self.ran if boot not in self.dated)
        return World(self.messages, self._claimable(), self.utc, loose, self.ran, self.right)

    def _boot(self) -> Boot:
        return Boot(f"b{next(self._numbers)}", self.utc - self.rnd.randint(0, 5_000))

    def _copy(self, journal: Journal) -> Journal:
        twin = copy.deepcopy(journal)
        self.sent |= {(id(twin), seq) for card, seq in self.sent if card == id(journal)}
        return twin

    def _card(self, journal: Journal) -> Journal:
        """What the next run finds: this card, a new one, or (when it may) this one as it once was."""
        chance = self.rnd.random()
        if self.faults.rolls_back and chance < 0.4:
            return self._worn(journal)
        if self.faults.rolls_back and chance < 0.6 and self._cards:
            return self._copy(self.rnd.choice(self._cards))
        self._cards.append(self._copy(journal) if self.faults.rolls_back else journal)
        if chance < 0.85:
            return journal
        fresh = Journal(f"j{next(self._numbers)}")
        fresh.add("store_reset", "b", "reset", 0, before=journal.store)
        return fresh

    def _worn(self, journal: Journal) -> Journal:
        """The card lied when it said that its last rows were written; their numbers will be given out again."""
        lost = self.rnd.choice((1, 1, 2, 4))
        journal.rows = [row for row in journal.rows if row["seq"] <= journal.seq - lost]
        journal.seq = max(0, journal.seq - lost)
        if journal.checkpoint and journal.checkpoint["seq_high"] > journal.seq:
            journal.checkpoint = None
        return journal

    def _drain(self, card: Journal) -> None:
        """In the end all that a card holds arrives."""
        for row in card.rows:
            self.send("ev", msgspec.json.encode({"store": card.store, "events": [row]}))

    def _garble(self) -> None:
        for i in range(len(self.messages)):
            if self.messages[i].topic.endswith("/ev") and self.rnd.random() < 0.1:
                broken = self.messages[i].payload.replace(b'"to":"o', b'"to":"?')
                self.messages[i] = self.messages[i]._replace(payload=broken)

    def _claimable(self) -> dict[tuple[str, str], Intervals]:
        spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for boot, key, proved in self.proved:
            if boot in self.dated:
                spans[key] += proved
        return {key: normal(several) for key, several in spans.items()}
