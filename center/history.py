"""Brings what the store holds of some gateways into the shape that the notary judges.

What follows from it (known time, rates) must not be known here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from center.beats import Stretch
from center.intervals import EMPTY, Span, normal
from center.store import Reader
from center.store.reader import Copy
from center.testimony import Closing, Testimony
from center.timeline import AnchorPoint, Claim, Held
from center.zero import Clock

T = TypeVar("T")
MAX_NAMED_SESSIONS = 10_000
"""A query names at most so many sessions; a gateway that restarts for ever is read whole instead."""


class Past(NamedTuple):
    """One gateway. `session`: the run heard last; `left`: it said goodbye. `seen`: slots ever known of."""

    testimony: Testimony
    session: str = ""
    left: bool = False
    seen: frozenset[str] = frozenset()


def recall(reader: Reader, gateways: Sequence[str], span: Span) -> dict[str, Past]:
    """Everything of these gateways that bears on [span) in UTC ms or on the present moment."""
    first = reader.first_copies(gateways)

    def stands(copy: Copy) -> bool:
        return first.get(copy[:3], copy[3]) == copy[3]

    beats = _by_gateway(reader.beats(gateways))
    closings = _by_gateway((c[0], Closing(c[2], claim)) for c, claim in reader.closings(gateways) if stands(c))
    anchors = _by_gateway((c[0], anchor) for c, anchor in reader.anchors(gateways) if stands(c))
    gaps = _by_gateway(
        (c[0], lost) for c, lost, f, t in reader.gaps(gateways) if stands(c) and _missing(reader, c, f, t)
    )
    before = _by_gateway(reader.widest_claims(gateways))
    newest = reader.sessions(gateways)
    of = {session for session, _ in newest.values()}
    for g in gateways:
        of.update(_bearing(beats[g], closings[g], before[g], anchors[g], span))
    named = None if len(of) > MAX_NAMED_SESSIONS else of
    held = _by_gateway((c[0], one) for c, one in reader.events(gateways, named) if stands(c))
    broken = [g for g in gateways if before[g] and not _whole(held[g], before[g])]
    every = _by_gateway(reader.claims(broken))
    before |= {g: every[g] for g in broken}
    seen = _by_gateway(reader.sightings(gateways))
    heard, refused = reader.receipts(gateways), reader.refused(gateways)
    return {
        g: Past(
            Testimony(
                tuple(held[g]),
                tuple(before[g]),
                tuple(closings[g]),
                tuple(beats[g]),
                tuple(anchors[g]),
                tuple(gaps[g]),
                heard=heard.get(g, EMPTY),
                refused=refused.get(g, EMPTY),
            ),
            *newest.get(g, ("", False)),
            frozenset(seen[g]),
        )
        for g in gateways
    }


def _by_gateway(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for gateway, one in pairs:
        found[gateway].append(one)
    return found


def _missing(reader: Reader, gap: Copy, from_seq: int, to_seq: int) -> bool:
    """A gap speaks only of seqs that are not held."""
    return reader.count_held(gap[0], gap[1], from_seq, to_seq) <= to_seq - from_seq


def _whole(held: list[Held], claims: list[Claim]) -> bool:
    """Whether each session's seqs stand without a hole as far as its claims go: then the widest claims say all."""
    seqs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for h in held:
        seqs[h.store, h.session].append(h.seq)
    if any(max(line) - min(line) >= len(line) for line in seqs.values()):
        return False
    return all(c.seq_high <= max(seqs.get((c.store, c.session), (c.seq_high,))) for c in claims)


def _bearing(
    beats: list[Stretch], closings: list[Closing], before: list[Claim], anchors: list[AnchorPoint], span: Span
) -> Iterator[str]:
    """Sessions that claim to have watched within the span."""
    claimed: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for c in (*before, *(closing.claim for closing in closings)):
        claimed[c.boot, c.session].append((c.watching_since, c.settled_to))
    for s in beats:
        claimed[s.alike.boot, s.alike.session].append((s.alike.watching_since, s.settled_to))
    clocks: dict[str, Clock] = {}
    for (boot, session), spans in claimed.items():
        if boot not in clocks:
            zero_ms = min((c.zero_ms for c in before if c.boot == boot), default=None)
            mine = [s for s in beats if s.alike.boot == boot]
            clocks[boot] = Clock(mine, [a for a in anchors if a.boot == boot], zero_ms)
        dated = (d for one in normal(spans) for d in clocks[boot].spans(*one))
        if any(begin < span[1] and end > span[0] for begin, end in dated):
            yield session
