"""Brings what the store holds of some gateways into the shape that the timeline reasons about.

What follows from it (known time, rates) must not be known here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from center.intervals import EMPTY, Intervals, Span
from center.store import Reader
from center.timeline import Claim, Dating, Held, History, datings

T = TypeVar("T")
MAX_NAMED_SESSIONS = 10_000
"""A query names at most so many sessions; a gateway that restarts for ever is read whole instead."""


class Past(NamedTuple):
    """One gateway. `session`: the run heard last; `left`: it said goodbye. `seen`: slots ever known of."""

    history: History
    session: str = ""
    left: bool = False
    receipts: Intervals = EMPTY
    seen: frozenset[str] = frozenset()


class _To(msgspec.Struct):
    to: str


_TO = msgspec.json.Decoder(_To)


def recall(reader: Reader, gateways: Sequence[str], span: Span) -> dict[str, Past]:
    """Everything of these gateways that bears on [span) in UTC ms or on the present moment."""
    spoilt: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for gateway, store, seq in reader.spoilt(gateways):
        spoilt[gateway].add((store, seq))
    anchors = _by_gateway((g, a) for g, store, seq, a in reader.anchors(gateways) if (store, seq) not in spoilt[g])
    lost = _by_gateway((g, gap) for g, store, seq, gap in reader.lost(gateways) if (store, seq) not in spoilt[g])
    claims = _by_gateway(reader.widest_claims(gateways))
    newest = reader.sessions(gateways)
    of = {session for session, _ in newest.values()}
    for gateway in gateways:
        of |= _bearing(claims[gateway], datings(anchors[gateway], claims[gateway]), span)
    held = _held(reader, gateways, of)
    broken = [g for g in gateways if spoilt[g] or not _whole(held[g], claims[g])]
    every = _by_gateway(reader.claims(broken))
    claims |= {g: every[g] for g in broken}
    seen = _by_gateway(reader.sightings(gateways))
    receipts = reader.receipts(gateways)
    return {
        g: Past(
            History(tuple(held[g]), tuple(claims[g]), tuple(anchors[g]), tuple(lost[g]), frozenset(spoilt[g])),
            *newest.get(g, ("", False)),
            receipts.get(g, EMPTY),
            frozenset(seen[g]),
        )
        for g in gateways
    }


def _by_gateway(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for gateway, one in pairs:
        found[gateway].append(one)
    return found


def _whole(held: list[Held], claims: list[Claim]) -> bool:
    """Whether each session's seqs stand without a hole as far as its claims go: then the widest claims say all."""
    seqs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for h in held:
        seqs[h.store, h.session].append(h.seq)
    if any(max(line) - min(line) >= len(line) for line in seqs.values()):
        return False
    return all(c.seq_high <= max(seqs.get((c.store, c.session), (c.seq_high,))) for c in claims)


def _bearing(claims: list[Claim], dates: dict[str, Dating], span: Span) -> set[str]:
    """Sessions that claim to have watched within the span."""
    return {
        claim.session
        for claim in claims
        if claim.boot in dates
        for begin, end in dates[claim.boot].spans(claim.watching_since, claim.settled_to)
        if begin < span[1] and end > span[0]
    }


def _held(reader: Reader, gateways: Sequence[str], of: set[str]) -> dict[str, list[Held]]:
    held: dict[str, list[Held]] = defaultdict(list)
    for gateway, event, payload in reader.events(gateways, None if len(of) > MAX_NAMED_SESSIONS else of):
        held[gateway].append(event._replace(to=_TO.decode(payload).to) if payload else event)
    return held
