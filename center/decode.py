"""From a topic and its bytes to a checked message, or to the reason why it is set aside.

Pure and total: no input raises. What is registered and what is already held must not be known here.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from contract import topics
from contract.loose import loosened
from contract.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_DOCUMENT_BYTES,
    Ack,
    BootMs,
    Capability,
    Event,
    Gap,
    Heartbeat,
    Inventory,
    Result,
    Seq,
    SeqHigh,
    ShortId,
    State,
)
from contract.topics import Origin


class Incoming(NamedTuple):
    """One MQTT message. `retained`: the broker's stored copy, not a sign of life. `received_ms`: UTC."""

    topic: str
    payload: bytes
    retained: bool
    received_ms: int


class Poison(NamedTuple):
    """Set aside: `reason` for a person; `seq` where it could still be read, so that the journal can go on."""

    reason: str
    payload: bytes
    seq: int = 0


class Item(NamedTuple):
    """One event of a batch. `raw` is its JSON as received. `event` is None for a kind this version does not know.

    It may have words that this version does not know: then it is `loosely` read. `state`: what a transition leads to.
    """

    seq: int
    boot: str
    session: str
    at: int
    kind: str
    raw: bytes
    event: Any = None
    loosely: bool = False

    @property
    def slot(self) -> str:
        return str(getattr(self.event, "slot", ""))

    @property
    def state(self) -> str:
        return str(self.event.to) if self.kind == "transition" else ""

    @property
    def copy(self) -> int:
        """Tells contents apart, however they are spelt: 64 bits of a digest."""
        return digest(msgspec.json.encode(msgspec.json.decode(self.raw), order="sorted"))


def digest(content: bytes) -> int:
    """64 bits that tell contents apart."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big", signed=True)


class Batch(NamedTuple):
    """`oldest`: what the journal lacks below this seq will never come; 0 where nothing is said."""

    store: str
    items: tuple[Item, ...]
    poison: tuple[Poison, ...]
    oldest: int = 0


Message = State | Heartbeat | Batch | Inventory | Capability | Result | Ack


class _Envelope(Struct, frozen=True):
    store: ShortId
    events: Annotated[tuple[msgspec.Raw, ...], Meta(max_length=MAX_BATCH_EVENTS)]
    oldest: SeqHigh = 0


class _Header(Struct, frozen=True):
    seq: Seq
    boot: ShortId
    session: ShortId
    at: BootMs
    kind: ShortId


class _Numbered(Struct, frozen=True):
    seq: Seq


_HEADER = msgspec.json.Decoder(_Header)
_NUMBERED = msgspec.json.Decoder(_Numbered)
_EVENT: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_LOOSE_EVENT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(loosened(Event))
_ENVELOPE = msgspec.json.Decoder(_Envelope)
KINDS = frozenset(kind.__struct_config__.tag for kind in Event.__args__)
"""The event kinds this version knows."""

_TYPES: dict[str, Any] = {
    "state": State,
    "hb": Heartbeat,
    "inv": Inventory,
    "cap": loosened(Capability),
    "res": Result,
    "ack": Ack,
}
_DECODE: dict[str, Callable[[bytes], Any]] = {leaf: msgspec.json.Decoder(t).decode for leaf, t in _TYPES.items()}
_LIMIT = {"inv": MAX_DOCUMENT_BYTES, "cap": MAX_DOCUMENT_BYTES}
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)


def origin(topic: str) -> Origin | None:
    return topics.parse_up(topic) or topics.parse_ack(topic)


def decode(source: Origin, payload: bytes) -> Message | Poison:
    """The message on this topic. Poison when it is too large, not what the contract says, or another gateway's."""
    if len(payload) > _LIMIT.get(source.leaf, MAX_BATCH_BYTES):
        return Poison(f"oversize: {len(payload)} bytes", payload)
    try:
        message = _batch(payload) if source.leaf == "ev" else _DECODE[source.leaf](payload)
    except _BROKEN as error:
        return Poison(f"undecodable: {error}"[:200], payload)
    if getattr(message, "gateway", source.gateway) != source.gateway:
        return Poison("names another gateway than its topic", payload)
    checked: Message = message
    return checked


def _batch(payload: bytes) -> Batch:
    """Each event is read alone: a broken one costs no other."""
    envelope = _ENVELOPE.decode(payload)
    read = [_item(bytes(raw)) for raw in envelope.events]
    return Batch(
        envelope.store,
        tuple(item for item in read if isinstance(item, Item)),
        tuple(item for item in read if isinstance(item, Poison)),
        envelope.oldest,
    )


def apart(incoming: Incoming) -> Iterator[Incoming]:
    """A batch of events as one message each; anything else as it is."""
    source = origin(incoming.topic)
    message = decode(source, incoming.payload) if source else None
    if not isinstance(message, Batch) or len(message.items) + len(message.poison) < 2:
        yield incoming
        return
    for raw in (*(item.raw for item in message.items), *(poison.payload for poison in message.poison)):
        envelope = _Envelope(message.store, (msgspec.Raw(raw),))
        yield incoming._replace(payload=msgspec.json.encode(envelope))


def single(source: Origin, payload: bytes) -> tuple[str, int]:
    """Store and seq of a message with one event; ("", 0) of any other."""
    message = decode(source, payload)
    if isinstance(message, Batch):
        seqs = (*(item.seq for item in message.items), *(poison.seq for poison in message.poison))
        return (message.store, seqs[0]) if len(seqs) == 1 else ("", 0)
    return "", 0


def _item(raw: bytes) -> Item | Poison:
    loosely = False
    try:
        head = _HEADER.decode(raw)
        event = None
        if head.kind in KINDS:
            try:
                event = _EVENT.decode(raw)
            except _BROKEN:
                event, loosely = _LOOSE_EVENT.decode(raw), True
    except _BROKEN as error:
        return Poison(f"undecodable event: {error}"[:200], raw, _seq(raw))
    if isinstance(event, Gap) and not event.from_seq <= event.to_seq < event.seq:
        return Poison("a gap must name earlier seqs", raw, head.seq)
    return Item(head.seq, head.boot, head.session, head.at, head.kind, raw, event, loosely)


def _seq(raw: bytes) -> int:
    try:
        return _NUMBERED.decode(raw).seq
    except _BROKEN:
        return 0
