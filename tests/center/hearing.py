"""Messages straight into what the notary judges, without a store: the definition that the store is held to."""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from center.beats import Stretch, joined, stretch
from center.decode import Batch, Incoming, Item, Message, Poison, decode, origin
from center.history import recall
from center.intervals import Intervals
from center.rate import TOO_LATE_MS
from center.store import Reader
from center.testimony import Closing, Testimony, Vain
from center.timeline import AnchorPoint, Claim, Held, Lost
from contract.messages import Anchor, Coverage, Gap, Heartbeat
from tests.center.letters import GATEWAY


def kept(reader: Reader, gateway: str = GATEWAY) -> Testimony:
    """All that a store holds of it."""
    return recall(reader, [gateway], (0, TOO_LATE_MS))[gateway].testimony


@lru_cache(10_000)
def read(topic: str, payload: bytes) -> Message | Poison:
    """Kept: one history is heard up to several moments."""
    source = origin(topic)
    assert source
    return decode(source, payload)


def hear(messages: Iterable[Incoming], up: Intervals) -> Testimony:
    """Of one gateway."""
    beats: list[Stretch] = []
    copies: dict[tuple[str, int], list[tuple[int, bytes, Item | None]]] = defaultdict(list)
    for m in messages:
        match read(m.topic, m.payload):
            case Heartbeat() as beat:
                beats.append(stretch(beat, m.received_ms))
            case Batch() as batch:
                entries: tuple[Item | Poison, ...] = (*batch.items, *batch.poison)
                for one in entries:
                    item, raw = (None, one.payload) if isinstance(one, Poison) else (one, one.raw)
                    if one.seq:
                        copies[batch.store, one.seq].append((m.received_ms, raw, item))
    held: list[Held] = []
    closings: list[Closing] = []
    anchors: list[AnchorPoint] = []
    gaps: list[tuple[Vain, Lost]] = []
    for (store, seq), several in sorted(copies.items()):
        at_ms, _, first = min(several, key=lambda copy: copy[:2])
        if first is None:
            continue
        if isinstance(first.event, Coverage):
            e = first.event
            closings.append(Closing(seq, Claim(store, e.session, e.boot, e.from_, e.to, e.seq_high, at_ms, 0)))
            continue
        held.append(Held(store, seq, first.session, first.boot, first.slot, first.at, first.state, at_ms))
        if isinstance(first.event, Anchor):
            anchors.append(AnchorPoint(first.boot, first.at, first.event.utc_ms, at_ms, first.event.err_ms))
        if isinstance(first.event, Gap):
            gap = first.event
            names = Vain(store, seq, gap.from_seq, gap.to_seq, 0, at_ms)
            gaps.append((names, Lost(gap.boot, gap.from_, gap.to)))
    readable = {(h.store, h.seq) for h in held} | {(c.claim.store, c.seq) for c in closings}
    told = [(_against(names, readable), lost) for names, lost in gaps]
    missing = tuple(lost for names, lost in told if names.held <= names.to_seq - names.from_seq)
    against = tuple(names for names, _ in told if names.held)
    told_of = (tuple(closings), tuple(joined(beats)), tuple(anchors), missing, against)
    return Testimony(tuple(held), (), *told_of, up=up)


def _against(names: Vain, readable: set[tuple[str, int]]) -> Vain:
    held = sum(store == names.store and names.from_seq <= seq <= names.to_seq for store, seq in readable)
    return names._replace(held=held)
