"""Brings what the store holds of some gateways into the shape that the timeline reasons about.

What follows from it (known time, rates) must not be known here.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from center.intervals import EMPTY, Intervals, Span
from center.store import Reader
from center.timeline import AnchorPoint, Claim, Dating, Held, History, Lost, datings

MAX_NAMED_SESSIONS = 10_000
"""A query names at most so many sessions; a gateway that restarts for ever is read whole instead."""


class Past(NamedTuple):
    """One gateway. `session`, `state`: the run heard last. `seen`: slots of which anything was ever known."""

    history: History
    session: str = ""
    state: str = ""
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
    anchors: dict[str, list[AnchorPoint]] = defaultdict(list)
    for gateway, store, seq, anchor in reader.anchors(gateways):
        if (store, seq) not in spoilt[gateway]:
            anchors[gateway].append(anchor)
    claims: dict[str, list[Claim]] = defaultdict(list)
    for gateway, claim in reader.claims(gateways):
        claims[gateway].append(claim)
    lost: dict[str, list[Lost]] = defaultdict(list)
    for gateway, gap in reader.lost(gateways):
        lost[gateway].append(gap)
    newest = reader.sessions(gateways)
    of = {session for session, _ in newest.values()}
    for gateway in gateways:
        of |= _bearing(claims[gateway], datings(anchors[gateway]), span)
    held = _held(reader, gateways, of)
    seen: dict[str, set[str]] = defaultdict(set)
    for gateway, slot in reader.sightings(gateways):
        seen[gateway].add(slot)
    receipts = reader.receipts(gateways)
    return {
        g: Past(
            History(tuple(held[g]), tuple(claims[g]), tuple(anchors[g]), tuple(lost[g]), frozenset(spoilt[g])),
            *newest.get(g, ("", "")),
            receipts.get(g, EMPTY),
            frozenset(seen[g]),
        )
        for g in gateways
    }


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
