"""What one batch of messages writes into the store, and what must be said once it is durable.

One transaction, then the answers: so an acknowledgement never runs ahead of the disk. A message that cannot be
worked is set aside and costs no other. MQTT must not be known here.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from center.decode import Batch, Incoming, Item, Message, Poison, decode, origin, same
from center.intervals import normal
from center.model import AnchorRow, EventRow, LostRow, Spoilt
from center.store import COALESCE_MS, Store, Unavailable, Writer
from center.timeline import AHEAD_MS, Claim
from contract import topics
from contract.messages import (
    Ack,
    Anchor,
    Birth,
    Capability,
    Command,
    Coverage,
    Gap,
    Goodbye,
    Heartbeat,
    Inventory,
    Result,
    Transition,
    Will,
)
from contract.topics import Origin
from contract.vocabulary import Availability

log = logging.getLogger(__name__)
REBIRTH_EVERY_MS = 60_000
MAX_CLAIMS = 256
"""Claims kept of one session while seqs between them are missing; dropping one only makes time unknown."""


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

    def record(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Stores them durably; returns what to publish. Unavailable: nothing was stored, try them again later."""
        try:
            return self._commit(messages)
        except Unavailable:
            raise
        except Exception as error:  # whatever one message brought about must not cost the others
            if len(messages) == 1:
                self._refuse(messages[0], error)
                return []
        return [answer for message in messages for answer in self.record([message])]

    def _commit(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        with self._store.write() as tx:
            self._refresh(tx)
            work = _Work(tx, self._registry, self._born, self._asked_ms)
            for message in messages:
                work.take(message)
            answers = work.finish()
        self._born |= work.born
        self._asked_ms |= work.asked_ms
        return answers

    def _refresh(self, tx: Writer) -> None:
        version = tx.registry_version()
        if version != self._registry.version:
            slots = tx.slots()
            cities = {slot.gateway: slot.city for slot in slots}
            self._registry = Registry(version, cities, frozenset((s.gateway, s.slot) for s in slots))

    def _refuse(self, message: Incoming, error: Exception) -> None:
        topic, reason = _line(message.topic), f"unworkable: {type(error).__name__}"
        log.error("a message on %s is %s", topic, reason)
        spoilt = Spoilt("", topic, reason, message.payload, message.received_ms)
        with self._store.write() as tx:
            tx.set_aside(spoilt)


class _Work:
    """One transaction's worth."""

    def __init__(self, tx: Writer, registry: Registry, born: set[tuple[str, str]], asked_ms: dict[str, int]) -> None:
        self._tx = tx
        self._registry = registry
        self._known_born = born
        self._known_asked_ms = asked_ms
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
        if self._registry.cities.get(source.gateway) != source.city:
            self._aside(source, incoming, Poison("gateway not registered in this city", incoming.payload))
            return
        message = decode(source, incoming.payload)
        if not (incoming.retained or isinstance(message, Will | Ack)):
            self._heard[source.gateway].append(incoming.received_ms)
        if isinstance(message, Poison):
            self._aside(source, incoming, message)
        else:
            self._message(source, incoming, message)

    def _message(self, source: Origin, incoming: Incoming, message: Message) -> None:
        match message:
            case Birth():
                self._birth(source, incoming, message)
            case Goodbye() | Will():
                state = "offline" if isinstance(message, Goodbye) else "lost"
                why = message.why if isinstance(message, Goodbye) else ""
                self._tx.set_session(source.gateway, message.session, {"state": state, "why": why})
            case Heartbeat():
                self._heartbeat(source, incoming, message)
            case Batch():
                self._batch(source, incoming, message)
            case Inventory() | Capability():
                self._tx.put_document(source.gateway, source.leaf, incoming.payload, incoming.received_ms)
            case Ack():
                if incoming.retained:
                    self._never_to_come(source, message.store, message.seq, "the center is behind its own ack")
            case Result():
                if message.outcome != "done":
                    log.info(
                        "%s: command %s %s: %s",
                        source.gateway,
                        _line(message.id),
                        message.outcome,
                        _line(message.detail),
                    )

    def finish(self) -> list[Outgoing]:
        for gateway, moments in self._heard.items():
            for begin, end in normal((at, at + COALESCE_MS) for at in moments):
                self._tx.add_receipt(gateway, begin, end - COALESCE_MS)
        acks = []
        for city, gateway, store in self._acks:
            ack = Ack(store=store, seq=self._tx.advance(gateway, store))
            acks.append(Outgoing(topics.down(city, gateway, "ack"), msgspec.json.encode(ack), retained=True))
        return acks + self._says

    # ---- sessions

    def _birth(self, source: Origin, incoming: Incoming, birth: Birth) -> None:
        known = self._tx.born(source.gateway, birth.session)
        if not (known and incoming.retained):
            self._tx.hear_session(source.gateway, birth.session, birth.boot, birth.store, incoming.received_ms)
        values = {"state": "online", "why": "", "version": birth.version, "store": birth.store}
        self._tx.set_session(source.gateway, birth.session, values | {"born_ms": incoming.received_ms})
        self.born.add((source.gateway, birth.session))
        self._never_to_come(source, birth.store, birth.oldest - 1, "no longer in the journal")

    def _never_to_come(self, source: Origin, store: str, to_seq: int, why: str) -> None:
        """Everything up to `to_seq` has left the journal: what the center lacks of it is lost, and it says so."""
        acked = self._tx.advance(source.gateway, store)
        if to_seq > acked:
            log.warning("%s: journal %s: seqs %d to %d: %s", source.gateway, store, acked + 1, to_seq, why)
            self._tx.add_lost([LostRow(source.gateway, store, acked + 1, to_seq, why=why)])
        self._acks[source.city, source.gateway, store] = None

    def _heartbeat(self, source: Origin, incoming: Incoming, beat: Heartbeat) -> None:
        self._tx.hear_session(source.gateway, beat.session, beat.boot, beat.store, incoming.received_ms)
        settled_to = min(beat.settled_to, beat.at)
        claim = Claim(beat.store, beat.session, beat.boot, beat.watching_since, settled_to, beat.seq_high, 0)
        self._claim(source.gateway, claim._replace(received_ms=incoming.received_ms))
        self._ask_for_birth(source, beat.session, incoming.received_ms)

    def _ask_for_birth(self, source: Origin, session: str, now_ms: int) -> None:
        gateway = source.gateway
        if (gateway, session) in self._known_born | self.born:
            return
        if self._tx.born(gateway, session):
            self.born.add((gateway, session))
            return
        asked_ms = self.asked_ms.get(gateway, self._known_asked_ms.get(gateway))
        if asked_ms is not None and 0 <= now_ms - asked_ms < REBIRTH_EVERY_MS:
            return
        self.asked_ms[gateway] = now_ms
        command = Command(id=secrets.token_hex(6), not_after=now_ms + REBIRTH_EVERY_MS, verb="rebirth")
        topic = topics.down(source.city, gateway, "cmd")
        self._says.append(Outgoing(topic, msgspec.json.encode(command), retained=False))

    def _claim(self, gateway: str, claim: Claim) -> None:
        """Keeps the claim, and drops those that it makes needless: between which and it everything is held."""
        if claim.settled_to <= claim.watching_since or self._tx.extend_claim(gateway, claim):
            return
        self._tx.add_claim(gateway, claim)
        kept = self._tx.claims_of(gateway, claim.store, claim.session, claim.boot)
        for weaker, stronger in list(pairwise(kept))[-8:]:
            wider = stronger.watching_since <= weaker.watching_since and stronger.settled_to >= weaker.settled_to
            if wider and self._tx.all_held(stronger, gateway, after=weaker.seq_high):
                self._tx.drop_claim(gateway, weaker)
        for oldest in kept[:-MAX_CLAIMS]:
            self._tx.drop_claim(gateway, oldest)

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
                reason = "duplicate_identity: one seq with two contents"
                self._aside(source, incoming, Poison(reason, item.raw, item.seq), batch.store)
        self._store(source, incoming, batch.store, fresh)
        if batch.oldest:
            self._never_to_come(source, batch.store, batch.oldest - 1, "no longer in the journal")
        self._acks[source.city, source.gateway, batch.store] = None

    def _store(self, source: Origin, incoming: Incoming, store: str, items: list[Item]) -> None:
        gateway, now_ms = source.gateway, incoming.received_ms
        rows = [_row(gateway, store, item, now_ms) for item in items]
        self._tx.add_events(rows)
        known = [(item, item.event) for item in items if item.event is not None]
        self._tx.add_anchors([_anchor(gateway, store, e, now_ms) for _, e in known if isinstance(e, Anchor)])
        self._tx.add_lost([_gap(gateway, store, e) for _, e in known if isinstance(e, Gap)])
        transitions = [e for _, e in known if isinstance(e, Transition)]
        self._tx.add_sightings({(gateway, e.slot) for e in transitions if e.to is not Availability.UNKNOWN})
        for _, event in known:
            if isinstance(event, Coverage):
                claim = Claim(store, event.session, event.boot, event.from_, event.to, event.seq_high, now_ms)
                self._claim(gateway, claim)
        for item, row in zip(items, rows, strict=True):
            self._question(source, incoming, item, row)

    def _question(self, source: Origin, incoming: Incoming, item: Item, row: EventRow) -> None:
        """Valid events that a person should hear of; they are stored, and a later registration makes them count."""
        if row.slot and (source.gateway, row.slot) not in self._registry.slots:
            self._aside(source, incoming, Poison(f"slot {row.slot} is not registered to this gateway", item.raw))
        if item.event is None:
            self._aside(source, incoming, Poison(f"unknown kind of event: {item.kind}", item.raw))
        if isinstance(item.event, Anchor) and item.event.utc_ms > incoming.received_ms + AHEAD_MS:
            self._aside(source, incoming, Poison("anchor ahead of its receipt", item.raw))

    def _aside(self, source: Origin, incoming: Incoming, poison: Poison, store: str = "") -> None:
        topic, reason = _line(incoming.topic), _line(poison.reason)
        spoilt = Spoilt(source.gateway, topic, reason, poison.payload, incoming.received_ms, store, poison.seq)
        if self._tx.set_aside(spoilt):
            log.warning("set aside from %s: %s", topic, reason)


def _line(text: str) -> str:
    """Text from outside as one bounded line for logs and terminals."""
    return "".join(c if c.isprintable() else " " for c in text[:200])


def _row(gateway: str, store: str, item: Item, now_ms: int) -> EventRow:
    slot = getattr(item.event, "slot", "")
    return EventRow(gateway, store, item.seq, item.session, item.boot, item.kind, slot, item.at, now_ms, item.raw)


def _anchor(gateway: str, store: str, event: Anchor, now_ms: int) -> AnchorRow:
    return AnchorRow(gateway, store, event.seq, event.boot, event.at, event.utc_ms, event.err_ms, now_ms)


def _gap(gateway: str, store: str, event: Gap) -> LostRow:
    span = (event.boot, event.from_, event.to)
    return LostRow(gateway, store, event.from_seq, event.to_seq, *span, why=event.why)
