"""What one batch of messages writes into the store, and what must be said once it is durable.

One transaction, then the answers: so an acknowledgement never runs ahead of the disk. A message that cannot be
worked is set aside and costs no other. MQTT must not be known here.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from center.alarms import AHEAD, DUPLICATE, FLOOD, TOLD_DUPLICATE
from center.decode import Batch, Incoming, Item, Message, Poison, apart, decode, origin, same, single
from center.intervals import Span, normal
from center.model import AnchorRow, EventRow, LostRow, Spoilt
from center.store import COALESCE_MS, Store, Unavailable, Writer
from center.timeline import AHEAD_MS, Claim, Run
from contract import topics
from contract.messages import (
    Ack,
    Anchor,
    Birth,
    Capability,
    Command,
    Coverage,
    DuplicateIdentity,
    Gap,
    Goodbye,
    Heartbeat,
    Inventory,
    Result,
    Transition,
    Will,
)
from contract.text import tidy
from contract.topics import Origin
from contract.vocabulary import Availability

log = logging.getLogger(__name__)
REBIRTH_EVERY_MS = 60_000
ANOTHER_REBIRTH_MS = 600_000
"""How long between two such requests of a gateway that is known, but whose journal has a hole in front."""


class Outgoing(NamedTuple):
    topic: str
    payload: bytes
    retained: bool


class Registry(NamedTuple):
    """Registered gateways with their city and their slots, as of one import."""

    version: int
    cities: dict[str, str]
    slots: frozenset[tuple[str, str]]


class Recorder:
    """Not safe for two threads: one worker owns it. Survives any message; raises only Unavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._registry = Registry(-1, {}, frozenset())
        self._born: set[tuple[str, str]] = set()
        self._asked_ms: dict[str, int] = {}
        self._acked: dict[tuple[str, str], int] = {}

    def record(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Stores them durably; returns what to publish. Unavailable: nothing was stored, try them again later."""
        try:
            return self._commit(messages)
        except Unavailable:
            raise
        except Exception as error:  # whatever one message brought about must not cost the others
            parts = list(messages) if len(messages) > 1 else list(apart(messages[0]))
            if len(parts) == 1:
                return self._refuse(parts[0], error)
        return [answer for part in parts for answer in self.record([part])]

    def flooded(self, lane: str, messages: int, now_ms: int) -> None:
        """Keeps on record that so many messages of this city/gateway came faster than they could be stored."""
        with self._store.write() as tx:
            self._refresh(tx)
            city, _, gateway = lane.partition("/")
            gateway = gateway if self._registry.cities.get(gateway) == city else ""
            tx.set_aside(Spoilt(gateway, tidy(lane), FLOOD, b"", now_ms), messages)

    def _commit(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        with self._store.write() as tx:
            self._refresh(tx)
            work = _Work(tx, self._registry, self._born, self._asked_ms, self._acked)
            for message in messages:
                work.take(message)
            answers = work.finish()
        self._born |= work.born
        self._asked_ms |= work.asked_ms
        self._acked |= work.acked
        return answers

    def _refresh(self, tx: Writer) -> None:
        version = tx.registry_version()
        if version != self._registry.version:
            self._registry = Registry(version, tx.addresses(), tx.bound())

    def _refuse(self, message: Incoming, error: Exception) -> list[Outgoing]:
        """Of an event its seq stays known, so that the rest of its journal can go on."""
        topic, reason = tidy(message.topic), f"unworkable: {type(error).__name__}"
        log.error("a message on %s is %s", topic, reason)
        source = origin(message.topic)
        store, seq = single(source, message.payload) if source else ("", 0)
        gateway = source.gateway if source and source.gateway in self._registry.cities else ""
        spoilt = Spoilt(gateway, topic, reason, message.payload, message.received_ms, tidy(store), seq)
        with self._store.write() as tx:
            tx.set_aside(spoilt)
        return []


class _Work:
    """One transaction's worth."""

    def __init__(
        self,
        tx: Writer,
        registry: Registry,
        born: set[tuple[str, str]],
        asked_ms: dict[str, int],
        acked: dict[tuple[str, str], int],
    ) -> None:
        self._tx = tx
        self._registry = registry
        self._known_born = born
        self._known_asked_ms = asked_ms
        self._known_acked = acked
        self.acked: dict[tuple[str, str], int] = {}
        self.born: set[tuple[str, str]] = set()
        self.asked_ms: dict[str, int] = {}
        self._heard: dict[str, list[int]] = defaultdict(list)
        self._acks: dict[tuple[str, str, str], None] = {}
        self._says: list[Outgoing] = []

    def take(self, incoming: Incoming) -> None:
        source = origin(incoming.topic)
        if source is None:
            self._aside(Origin("", "", ""), incoming, Poison("not a topic of the contract", incoming.payload))
            return
        city = self._registry.cities.get(source.gateway)
        message = decode(source, incoming.payload)
        if city in (None, source.city) and not (incoming.retained or isinstance(message, Will | Ack)):
            self._heard[source.gateway].append(incoming.received_ms)  # one that is registered later was not silent
        if city != source.city:
            self._aside(source, incoming, Poison("gateway not registered in this city", incoming.payload))
        elif isinstance(message, Poison):
            self._aside(source, incoming, message)
        else:
            self._message(source, incoming, message)

    def _message(self, source: Origin, incoming: Incoming, message: Message) -> None:
        match message:
            case Birth():
                self._birth(source, incoming, message)
            case Goodbye() | Will():
                self._left(source.gateway, incoming.received_ms, message)
            case Heartbeat():
                self._heartbeat(source, incoming, message)
            case Batch():
                self._batch(source, incoming, message)
            case Inventory() | Capability():
                self._tx.put_document(source.gateway, source.leaf, incoming.payload, incoming.received_ms)
            case Ack():
                if incoming.retained:
                    why = "the center is behind its own ack"
                    self._never_to_come(source, message.store, message.seq, why, incoming.received_ms)
            case Result():
                if message.outcome != "done":
                    log.info(
                        "%s: command %s %s: %s",
                        source.gateway,
                        tidy(message.id),
                        message.outcome,
                        tidy(message.detail),
                    )

    def finish(self) -> list[Outgoing]:
        for gateway, moments in self._heard.items():
            for begin, end in normal((at, at + COALESCE_MS) for at in moments):
                self._tx.add_receipt(gateway, begin, end - COALESCE_MS)
        acks = []
        for city, gateway, store in self._acks:
            self.acked[gateway, store] = seq = self._tx.advance(gateway, store)
            ack = Ack(store=store, seq=seq)
            acks.append(Outgoing(topics.down(city, gateway, "ack"), msgspec.json.encode(ack), retained=True))
        return acks + self._says

    # ---- sessions

    def _birth(self, source: Origin, incoming: Incoming, birth: Birth) -> None:
        known = self._tx.born(source.gateway, birth.session)
        if not (known and incoming.retained):
            self._tx.hear_session(source.gateway, birth.session, incoming.received_ms)
        words = {"version": tidy(birth.version), "store": birth.store, "boot": birth.boot}
        self._tx.note_session(source.gateway, birth.session, "born_ms", incoming.received_ms, **words)
        self.born.add((source.gateway, birth.session))
        self._never_to_come(source, birth.store, birth.oldest - 1, "no longer in the journal", incoming.received_ms)

    def _left(self, gateway: str, now_ms: int, message: Goodbye | Will) -> None:
        if isinstance(message, Goodbye):
            self._tx.note_session(gateway, message.session, "left_ms", now_ms, why=tidy(message.why))
        else:
            self._tx.note_session(gateway, message.session, "lost_ms", now_ms)

    def _never_to_come(self, source: Origin, store: str, to_seq: int, why: str, now_ms: int) -> None:
        """Everything up to `to_seq` has left the journal: what the center lacks of it is lost, and it says so."""
        acked = self._tx.advance(source.gateway, store)
        if to_seq > acked:
            log.warning("%s: journal %s: seqs %d to %d: %s", source.gateway, store, acked + 1, to_seq, why)
            self._tx.add_lost([LostRow(source.gateway, store, acked + 1, to_seq, why=why, received_ms=now_ms)])
        self._acks[source.city, source.gateway, store] = None

    def _heartbeat(self, source: Origin, incoming: Incoming, beat: Heartbeat) -> None:
        self._tx.hear_session(source.gateway, beat.session, incoming.received_ms)
        run = (beat.store, beat.session, beat.boot)
        span = (beat.watching_since, min(beat.settled_to, beat.at))
        self._claim(source.gateway, run, span, beat.seq_high, incoming.received_ms)
        if not self._is_born(source.gateway, beat.session):
            self._ask_for_birth(source, incoming.received_ms, REBIRTH_EVERY_MS)
        elif self._hole_in_front(source.gateway, beat):
            self._ask_for_birth(source, incoming.received_ms, ANOTHER_REBIRTH_MS)

    def _is_born(self, gateway: str, session: str) -> bool:
        key = (gateway, session)
        if key in self._known_born or key in self.born:
            return True
        if self._tx.born(gateway, session):
            self.born.add(key)
        return key in self.born

    def _hole_in_front(self, gateway: str, beat: Heartbeat) -> bool:
        """Whether later seqs are held while an earlier one is missing: its birth will tell if that can still come."""
        key = (gateway, beat.store)
        acked = self.acked.get(key, self._known_acked.get(key))
        if acked is None:
            acked = self.acked[key] = self._tx.acked(gateway, beat.store)
        return beat.seq_high > acked and self._tx.has_after(gateway, beat.store, acked)

    def _ask_for_birth(self, source: Origin, now_ms: int, every_ms: int) -> None:
        gateway = source.gateway
        asked_ms = self.asked_ms.get(gateway, self._known_asked_ms.get(gateway))
        if asked_ms is not None and 0 <= now_ms - asked_ms < every_ms:
            return
        self.asked_ms[gateway] = now_ms
        command = Command(id=secrets.token_hex(6), not_after=now_ms + REBIRTH_EVERY_MS, verb="rebirth")
        topic = topics.down(source.city, gateway, "cmd")
        self._says.append(Outgoing(topic, msgspec.json.encode(command), retained=False))

    def _claim(self, gateway: str, run: Run, span: Span, seq_high: int, now_ms: int) -> None:
        """None is ever dropped: which of them is needed depends on what may yet turn out to be missing."""
        claim = Claim(*run, *span, seq_high, now_ms, zero_ms=now_ms - span[1])
        if claim.settled_to > claim.watching_since and not self._tx.extend_claim(gateway, claim):
            self._tx.add_claim(gateway, claim)

    # ---- events

    def _batch(self, source: Origin, incoming: Incoming, batch: Batch) -> None:
        for poison in batch.poison:
            self._aside(source, incoming, poison, batch.store)
        held = self._tx.held(source.gateway, batch.store, [item.seq for item in batch.items])
        fresh: list[Item] = []
        for item in batch.items:
            before = held.setdefault(item.seq, item.raw)
            if before is item.raw:
                fresh.append(item)
            elif not same(before, item.raw):
                self._aside(source, incoming, Poison(DUPLICATE, item.raw, item.seq), batch.store)
                self._imply(source.gateway, batch.store, item, incoming.received_ms)
            elif isinstance(item.event, Anchor):
                self._tx.receive_anchor(_anchor(source.gateway, batch.store, item.event, incoming.received_ms))
        self._store(source, incoming, batch.store, fresh)
        if batch.oldest:
            why = "no longer in the journal"
            self._never_to_come(source, batch.store, batch.oldest - 1, why, incoming.received_ms)
        self._acks[source.city, source.gateway, batch.store] = None

    def _store(self, source: Origin, incoming: Incoming, store: str, items: list[Item]) -> None:
        gateway, now_ms = source.gateway, incoming.received_ms
        rows = [_row(gateway, store, item, now_ms) for item in items]
        self._tx.add_events(rows)
        known = [(item, item.event) for item in items if item.event is not None]
        self._tx.add_anchors([_anchor(gateway, store, e, now_ms) for _, e in known if isinstance(e, Anchor)])
        self._tx.add_lost([_gap(gateway, store, e, now_ms) for _, e in known if isinstance(e, Gap)])
        for item, row in zip(items, rows, strict=True):
            self._imply(gateway, store, item, now_ms)
            self._question(source, incoming, item, row)

    def _imply(self, gateway: str, store: str, item: Item, now_ms: int) -> None:
        """What holds for either copy of a seq with two contents, whichever came first: a claim, a slot once seen."""
        match item.event:
            case Coverage() as e:
                self._claim(gateway, (store, e.session, e.boot), (e.from_, e.to), e.seq_high, now_ms)
            case Transition() as e if e.to is not Availability.UNKNOWN:
                self._tx.add_sightings({(gateway, e.slot)})

    def _question(self, source: Origin, incoming: Incoming, item: Item, row: EventRow) -> None:
        """Valid events that a person should hear of; they are stored, and a later registration makes them count."""
        if row.slot and (source.gateway, row.slot) not in self._registry.slots:
            self._aside(source, incoming, Poison(f"slot {row.slot} is not registered to this gateway", item.raw))
        if item.event is None:
            self._aside(source, incoming, Poison(f"unknown kind of event: {item.kind}", item.raw))
        if isinstance(item.event, DuplicateIdentity):
            self._aside(source, incoming, Poison(TOLD_DUPLICATE, item.raw))
        if isinstance(item.event, Anchor) and item.event.utc_ms > incoming.received_ms + AHEAD_MS:
            self._aside(source, incoming, Poison(AHEAD, item.raw))

    def _aside(self, source: Origin, incoming: Incoming, poison: Poison, store: str = "") -> None:
        topic, reason = tidy(incoming.topic), tidy(poison.reason)
        spoilt = Spoilt(source.gateway, topic, reason, poison.payload, incoming.received_ms, store, poison.seq)
        if self._tx.set_aside(spoilt):
            log.warning("set aside from %s: %s", topic, reason)


def _row(gateway: str, store: str, item: Item, now_ms: int) -> EventRow:
    slot = getattr(item.event, "slot", "")
    return EventRow(gateway, store, item.seq, item.session, item.boot, item.kind, slot, item.at, now_ms, item.raw)


def _anchor(gateway: str, store: str, event: Anchor, now_ms: int) -> AnchorRow:
    return AnchorRow(gateway, store, event.seq, event.boot, event.at, event.utc_ms, event.err_ms, now_ms)


def _gap(gateway: str, store: str, event: Gap, now_ms: int) -> LostRow:
    span = (event.boot, event.from_, event.to)
    return LostRow(gateway, store, event.from_seq, event.to_seq, *span, tidy(event.why), event.seq, now_ms)
