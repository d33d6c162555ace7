"""What a batch of messages says, gathered table by table, so that each table is written with one statement.

What follows from it for the rate must not be known here, nor how it is stored.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import msgspec

from center.alarms import AHEAD, DUPLICATE
from center.beats import Stretch, stretch
from center.decode import Batch, Incoming, Item, Message, Poison, decode, digest, origin
from center.devices import twins
from center.documents import part_kind
from center.intervals import Span
from center.journals import Gone, Journal, Journals
from center.model import (
    NEVER_MS,
    AnchorRow,
    ClosingRow,
    DocumentRow,
    EventRow,
    LostRow,
    RunRow,
    SessionRow,
    Spoilt,
    StandingRow,
    TwinsRow,
)
from center.rate import TOO_LATE_MS
from center.store import Reader, Writer
from center.timeline import AHEAD_MS
from contract import topics
from contract.messages import (
    Ack,
    Anchor,
    Birth,
    ClockHealth,
    Command,
    Coverage,
    DuplicateIdentity,
    Gap,
    Goodbye,
    Heartbeat,
    HostHealth,
    Inventory,
    ProgramHealth,
    Result,
    Will,
)
from contract.text import tidy
from contract.topics import Origin

log = logging.getLogger(__name__)
REBIRTH_EVERY_MS = 60_000
ANOTHER_REBIRTH_MS = 600_000
"""How long between two such requests of a gateway that is known, but whose journal has a hole in front."""
GONE, BEHIND = "no longer in the journal", "the center is behind its own ack"
STRANGER = "gateway not registered in this city"
REVOKED = "gateway revoked"


MAX_RUNS = 1_000_000
"""So many are remembered at most; a run that is not is written once more."""
RunKey = tuple[str, str, str, str]
"""(gateway, store, session, boot)."""
Key = tuple[str, str, int, int]
"""(gateway, store, seq, copy)."""
R = TypeVar("R", EventRow, AnchorRow, ClosingRow)


class Outgoing(NamedTuple):
    """A message that the center is to send."""

    topic: str
    payload: bytes
    retained: bool


class Registry(NamedTuple):
    """Registered gateways with their city and their slots, as of one import. `revoked`: since when they are not."""

    version: int
    cities: dict[str, str]
    slots: frozenset[tuple[str, str]]
    revoked: dict[str, int]


class Heard(NamedTuple):
    """A message, whose it is, and what it says. `source`: None where the topic is none of the contract."""

    incoming: Incoming
    source: Origin | None
    message: Message | Poison


def read(incoming: Incoming) -> Heard:
    source = origin(incoming.topic)
    if source is None:
        return Heard(incoming, None, Poison("not a topic of the contract", incoming.payload))
    return Heard(incoming, source, decode(source, incoming.payload))


class Memory:
    """What one worker remembers from batch to batch, so as not to look it up: only what is durable."""

    def __init__(self) -> None:
        self.registry = Registry(-1, {}, frozenset(), {})
        self.born: set[tuple[str, str]] = set()
        self.seen: set[tuple[str, str]] = set()
        self.asked_ms: dict[str, int] = {}
        self.journals: dict[tuple[str, str], Journal] = {}
        self.runs: dict[RunKey, RunRow] = {}
        self.beats: dict[str, Stretch] = {}
        """Each gateway's newest."""
        self.generation = 0

    def refresh(self, tx: Writer) -> Registry:
        version, self.generation = tx.registry_version(), tx.hold_generation()
        if version != self.registry.version:
            self.registry = Registry(version, tx.addresses(), tx.bound(), tx.revoked())
        return self.registry

    def learn(self, facts: "Facts") -> None:
        """After the commit."""
        self.born |= facts.born
        self.seen |= facts.seen
        self.asked_ms |= facts.asked_ms
        self.journals |= facts.journals.known
        if len(self.runs) > MAX_RUNS:
            self.runs.clear()
        self.runs |= facts.runs
        self.beats |= facts.newest

    def forget(self, gateway: str, store: str) -> None:
        self.journals.pop((gateway, store), None)


class Facts:
    """Of one transaction: `look_up`, `take` each message, `write`."""

    def __init__(self, memory: Memory, registry: Registry) -> None:
        self._memory, self._registry = memory, registry
        self.born: set[tuple[str, str]] = set()
        self.seen: set[tuple[str, str]] = set()
        self.asked_ms: dict[str, int] = {}
        self.journals = Journals(memory.journals)
        self._events: dict[Key, EventRow] = {}
        self._anchors: dict[Key, AnchorRow] = {}
        self._closings: dict[Key, ClosingRow] = {}
        self.runs: dict[RunKey, RunRow] = {}
        self._lost: list[LostRow] = []
        self._beats: dict[str, list[Stretch]] = defaultdict(list)
        self.newest: dict[str, Stretch] = {}
        self._sessions: dict[tuple[str, str], SessionRow] = {}
        self._standing: dict[tuple[str, str], StandingRow] = {}
        self._documents: list[DocumentRow] = []
        self._twins: list[TwinsRow] = []
        self._refused: dict[str, list[Span]] = defaultdict(list)
        self._aside: list[Spoilt] = []
        self._topics: dict[tuple[str, str], str] = {}
        self._now_ms = 0
        """Receipt of the newest message read, UTC ms."""
        self._acks: dict[tuple[str, str, str], None] = {}
        self._says: list[Outgoing] = []

    def look_up(self, tx: Reader, heard: Iterable[Heard]) -> None:
        """What these messages ask for and is not remembered: births and journals, with one question each."""
        sessions: set[tuple[str, str]] = set()
        stores: set[tuple[str, str]] = set()
        for one in heard:
            if one.source and isinstance(one.message, Birth | Heartbeat | Batch | Ack):
                stores.add((one.source.gateway, one.message.store))
                if isinstance(one.message, Birth | Heartbeat):
                    sessions.add((one.source.gateway, one.message.session))
        self.born |= tx.born(sorted(sessions - self._memory.born))
        self.journals.look_up(tx, stores)

    def take(self, heard: Heard) -> None:
        incoming, source, message = heard
        if source is None:
            self._set_aside("", incoming, Poison("not a topic of the contract", incoming.payload))
            return
        city = self._registry.cities.get(source.gateway)
        if city != source.city:
            live = not (incoming.retained or isinstance(message, Will | Ack | Poison))
            if city is None and live:  # one that is registered later was not silent
                self._refused[source.gateway].append((incoming.received_ms, incoming.received_ms))
            self._set_aside(source.gateway, incoming, Poison(STRANGER, incoming.payload))
        elif self._registry.revoked.get(source.gateway, TOO_LATE_MS) <= incoming.received_ms:
            self._set_aside(source.gateway, incoming, Poison(REVOKED, incoming.payload))
        elif isinstance(message, Poison):
            self._set_aside(source.gateway, incoming, message)
        else:
            self._message(source, incoming, message)

    def _message(self, source: Origin, incoming: Incoming, message: Message) -> None:
        self._now_ms = max(self._now_ms, incoming.received_ms)
        gateway, now_ms = source.gateway, incoming.received_ms
        match message:
            case Birth():
                self._birth(source, incoming, message)
            case Goodbye():
                self._stands(StandingRow(gateway, "", message.session, state="left", received_ms=now_ms))
                self._session(SessionRow(gateway, message.session, left_ms=now_ms, why=tidy(message.why)))
            case Will():
                self._session(SessionRow(gateway, message.session, lost_ms=now_ms))
            case Heartbeat():
                self._heartbeat(source, incoming, message)
            case Batch():
                self._batch(source, incoming, message)
            case Ack():
                if incoming.retained:
                    self.journals.give_up(gateway, message.store, Gone(message.seq, BEHIND, now_ms))
            case Result():
                if message.outcome != "done":
                    words = (gateway, tidy(message.id), message.outcome, tidy(message.detail))
                    log.info("%s: command %s %s: %s", *words)
            case _:  # an inventory, or capabilities
                kind = part_kind(source.leaf, message.part)
                self._documents.append(DocumentRow(gateway, kind, now_ms, incoming.payload))
                if isinstance(message, Inventory) and message.parts == 1:
                    self._inventory(gateway, incoming, message)

    # ---- sessions

    def _session(self, row: SessionRow) -> None:
        key = (row.gateway, row.session)
        before = self._sessions.get(key)
        if before is None:
            self._sessions[key] = row
            return
        self._sessions[key] = SessionRow(
            *key,
            heard_ms=max(before.heard_ms, row.heard_ms),
            born_ms=_later(before.born_ms, row.born_ms),
            left_ms=_later(before.left_ms, row.left_ms),
            lost_ms=_later(before.lost_ms, row.lost_ms),
            version=row.version or before.version,
            store=row.store or before.store,
            boot=row.boot or before.boot,
            why=row.why or before.why,
        )

    def _stands(self, row: StandingRow) -> None:
        key = (row.gateway, row.slot)
        before = self._standing.get(key)
        if before is None or row.follows(before):
            self._standing[key] = row

    def _inventory(self, gateway: str, incoming: Incoming, told: Inventory) -> None:
        """One that the broker had kept ends nothing: it was told before."""
        slots = ",".join(sorted(twins(told)))
        if slots or not incoming.retained:
            self._twins.append(TwinsRow(gateway, incoming.received_ms, slots, self._memory.generation))

    def _is_born(self, gateway: str, session: str) -> bool:
        return (gateway, session) in self._memory.born or (gateway, session) in self.born

    def _birth(self, source: Origin, incoming: Incoming, birth: Birth) -> None:
        gateway, now_ms = source.gateway, incoming.received_ms
        heard_ms = 0 if incoming.retained and self._is_born(gateway, birth.session) else now_ms
        row = SessionRow(gateway, birth.session, heard_ms, now_ms)
        self._session(row._replace(version=tidy(birth.version), store=birth.store, boot=birth.boot))
        self.born.add((gateway, birth.session))
        self._health(gateway, now_ms if heard_ms else 0, clock=birth.clock)
        self.journals.give_up(gateway, birth.store, Gone(birth.oldest - 1, GONE, now_ms))
        self._acks[source.city, gateway, birth.store] = None

    def _heartbeat(self, source: Origin, incoming: Incoming, beat: Heartbeat) -> None:
        gateway, now_ms = source.gateway, incoming.received_ms
        self._session(SessionRow(gateway, beat.session, now_ms))
        self._stands(StandingRow(gateway, "", beat.session, received_ms=now_ms))
        one = stretch(beat, now_ms)
        self._beats[gateway].append(one)
        self._run((gateway, beat.store, beat.session, beat.boot), one.zero_ms, now_ms)
        self._health(gateway, now_ms, clock=beat.clock, host=beat.host, program=beat.program)
        if not self._is_born(gateway, beat.session):
            self._ask_for_birth(source, now_ms, REBIRTH_EVERY_MS)
        elif self.journals[gateway, beat.store].hole_before(beat.seq_high):
            self._ask_for_birth(source, now_ms, ANOTHER_REBIRTH_MS)

    def _health(self, gateway: str, now_ms: int, **health: ClockHealth | HostHealth | ProgramHealth | None) -> None:
        """The newest of each kind is kept; a birth that the broker had kept tells nothing new."""
        for kind, told in health.items():
            if told and now_ms:
                self._documents.append(DocumentRow(gateway, kind, now_ms, msgspec.json.encode(told)))

    def _ask_for_birth(self, source: Origin, now_ms: int, every_ms: int) -> None:
        gateway = source.gateway
        asked_ms = self.asked_ms.get(gateway, self._memory.asked_ms.get(gateway))
        if asked_ms is not None and 0 <= now_ms - asked_ms < every_ms:
            return
        self.asked_ms[gateway] = now_ms
        command = Command(id=secrets.token_hex(6), not_after=now_ms + REBIRTH_EVERY_MS, verb="rebirth")
        topic = topics.down(source.city, gateway, "cmd")
        self._says.append(Outgoing(topic, msgspec.json.encode(command), retained=False))

    # ---- events

    def _batch(self, source: Origin, incoming: Incoming, batch: Batch) -> None:
        gateway = source.gateway
        self._acks[source.city, gateway, batch.store] = None
        for poison in batch.poison:
            self._set_aside(gateway, incoming, poison, batch.store)
            if poison.seq:
                self._event(spoilt_row(gateway, batch.store, poison.seq, poison.payload, incoming.received_ms))
        for item in batch.items:
            self._item(gateway, incoming, batch.store, item)
        self.journals.give_up(gateway, batch.store, Gone(batch.oldest - 1, GONE, incoming.received_ms))

    def _item(self, gateway: str, incoming: Incoming, store: str, item: Item) -> None:
        key = (gateway, store, item.seq, item.copy)
        words = (item.session, item.boot, item.kind, item.slot, item.state)
        fresh = self._event(EventRow(*key, *words, item.at, incoming.received_ms, item.raw))
        self._topics[gateway, store] = incoming.topic
        self._run((gateway, store, item.session, item.boot), NEVER_MS, incoming.received_ms, item.seq)
        match item.event:
            case Anchor() as e:
                self._run((gateway, store, item.session, e.boot), e.utc_ms - e.at, incoming.received_ms)
                row = AnchorRow(*key, e.boot, e.at, e.utc_ms, e.err_ms, incoming.received_ms)
                _keep_first(self._anchors, key, row)
            case Coverage() as e:
                self._run((gateway, store, e.session, e.boot), NEVER_MS, incoming.received_ms)
                claim = ClosingRow(*key, e.session, e.boot, e.from_, e.to, e.seq_high, incoming.received_ms)
                _keep_first(self._closings, key, claim)
            case Gap() as e:
                self._run((gateway, store, item.session, e.boot), NEVER_MS, NEVER_MS)
                span = (e.boot, e.from_, e.to, tidy(e.why), e.seq)
                self._lost.append(LostRow(gateway, store, e.from_seq, e.to_seq, *span, incoming.received_ms, item.copy))
                self.journals.add(gateway, store, e.from_seq, e.to_seq)
        if item.state and item.state != "unknown" and (gateway, item.slot) not in self._memory.seen:
            self.seen.add((gateway, item.slot))
        if item.state:
            told = (item.state, str(item.event.reason or ""), str(item.event.level), item.at, incoming.received_ms)
            self._stands(StandingRow(gateway, item.slot, item.session, store, item.seq, *told))
        if fresh:
            self._question(gateway, incoming, item)

    def _run(self, key: RunKey, from_ms: int, to_ms: int, seq: int = 0) -> None:
        """Remembers roughly what is held of it; mostly that is remembered already."""
        known = self.runs.get(key) or self._memory.runs.get(key)
        lowest, generation = seq or NEVER_MS, self._memory.generation
        if known is None or not known.holds(from_ms, to_ms, lowest, seq, generation):
            new = RunRow(*key, from_ms, to_ms, lowest, seq, generation).rough()
            self.runs[key] = known.both(new) if known else new

    def _event(self, row: EventRow) -> bool:
        """False for what is in this batch already."""
        key = row[:4]
        fresh = _keep_first(self._events, key, row)
        self.journals.add(row.gateway, row.store, row.seq, row.seq)
        return fresh

    def _question(self, gateway: str, incoming: Incoming, item: Item) -> None:
        """Valid events that a person should hear of; they are stored, and a later registration makes them count."""
        if item.slot and (gateway, item.slot) not in self._registry.slots:
            self._set_aside(gateway, incoming, Poison(f"slot {item.slot} is not registered to this gateway", item.raw))
        if isinstance(item.event, DuplicateIdentity):
            self._set_aside(gateway, incoming, Poison("told by the gateway itself", item.raw), code=DUPLICATE)
        if isinstance(item.event, Anchor) and item.event.utc_ms > incoming.received_ms + AHEAD_MS:
            reason = "more than five minutes later than its receipt"
            self._set_aside(gateway, incoming, Poison(reason, item.raw), code=AHEAD)

    # ---- what is set aside

    def _set_aside(self, gateway: str, incoming: Incoming, poison: Poison, store: str = "", code: str = "") -> None:
        words = (gateway, tidy(incoming.topic), tidy(poison.reason), poison.payload, incoming.received_ms)
        self._aside.append(Spoilt(*words, store, poison.seq, code))

    def _twice(self, tx: Writer) -> None:
        """Every content of a seq but the first is kept as evidence, and never read."""
        contents: dict[tuple[str, str, int], int] = defaultdict(int)
        for gateway, store, seq, _ in self._events:
            contents[gateway, store, seq] += 1
        keys = [key for key, copies in contents.items() if copies > 1 or not self.journals.is_new(*key)]
        for (gateway, store, seq, _), payload, received_ms in tx.conflicting(keys):
            topic = tidy(self._topics.get((gateway, store), topics.up(self._registry.cities[gateway], gateway, "ev")))
            reason = "one seq with two contents"
            self._aside.append(Spoilt(gateway, topic, reason, payload, received_ms, store, seq, DUPLICATE))

    # ---- writing

    def write(self, tx: Writer) -> list[Outgoing]:
        """Everything; returns what to publish once it is durable."""
        tx.add_events(list(self._events.values()))
        tx.add_anchors(list(self._anchors.values()))
        tx.add_closings(list(self._closings.values()))
        tx.add_lost(self._lost)
        self.newest = tx.add_beats(self._beats, self._memory.beats)
        tx.add_runs(self.runs.values())
        tx.add_sessions(self._sessions.values())
        tx.add_sightings(self.seen)
        tx.put_standing(self._standing.values())
        tx.put_documents(self._documents)
        tx.add_twins(self._twins)
        for gateway, spans in self._refused.items():
            tx.add_refused(gateway, spans)
        self._twice(tx)
        for new in tx.set_aside(self._aside):
            log.warning("set aside from %s: %s%s", new.topic, f"{new.code}: " if new.code else "", new.reason)
        for gateway, store in sorted(self.journals.write(tx)):
            self._acks[self._registry.cities[gateway], gateway, store] = None
        return [self._ack(*key) for key in self._acks] + self._says

    def _ack(self, city: str, gateway: str, store: str) -> Outgoing:
        ack = Ack(store=store, seq=self.journals[gateway, store].acked, utc_ms=self._now_ms)
        return Outgoing(topics.down(city, gateway, "ack"), msgspec.json.encode(ack), retained=True)


def _keep_first(there: dict[Key, R], key: Key, row: R) -> bool:
    """The one received first; False if there was one."""
    before = there.get(key)
    if before is None or row.received_ms < before.received_ms:
        there[key] = row
    return before is None


def _later(a: int | None, b: int | None) -> int | None:
    return max(a, b) if a is not None and b is not None else a if b is None else b


def spoilt_row(gateway: str, store: str, seq: int, payload: bytes, received_ms: int) -> EventRow:
    """A seq that came with something that cannot be read."""
    return EventRow(gateway, store, seq, digest(payload), "", "", "", "", "", 0, received_ms, payload)
