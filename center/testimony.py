"""What is held of one gateway, and what of it claims what, as it was told and when.

Pure. What it is worth must not be known here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from center.beats import CELL_MS, Stretch
from center.intervals import EMPTY, Intervals
from center.timeline import AnchorPoint, Claim, Held, Lost, Run
from center.zero import EVER

CONTRADICTION, REFUTED, VAIN = "contradiction", "clock_refuted", "gap_over_held"


class Closing(NamedTuple):
    """A coverage event, at this seq."""

    seq: int
    claim: Claim


class Vain(NamedTuple):
    """A gap event at this seq that names seqs of which so many are held; it came at `received_ms`, UTC."""

    store: str
    seq: int
    from_seq: int
    to_seq: int
    held: int
    received_ms: int


class Testimony(NamedTuple):
    """All that is held of one gateway: of each seq the first copy.

    `before`: claims from before there was a notary; they are believed as they were. `closings`: coverage events.
    `gaps`: spans of seqs that are not held; `vain`: gaps that name some that are. `heard`: [first, last] receipts from
    before the notary; `refused`: of messages that the center refused, the gateway not being registered yet. `up`: when
    the center could hear; as recalled, when only this one's own flood kept it from hearing.
    """

    held: tuple[Held, ...] = ()
    before: tuple[Claim, ...] = ()
    closings: tuple[Closing, ...] = ()
    beats: tuple[Stretch, ...] = ()
    anchors: tuple[AnchorPoint, ...] = ()
    gaps: tuple[Lost, ...] = ()
    vain: tuple[Vain, ...] = ()
    heard: Intervals = EMPTY
    refused: Intervals = EMPTY
    up: Intervals = EMPTY


class Finding(NamedTuple):
    """Something that a person must hear of: one for each `key`. `slot`: "" for the whole run. UTC ms."""

    code: str
    key: str
    slot: str
    begin: int
    end: int
    text: str


class Told(NamedTuple):
    """A claim, and the receipts of the first and last that said so. `late_ms`: receipt less settled_to, at most."""

    since: int
    settled_to: int
    seq_high: int
    first_ms: int
    last_ms: int
    late_ms: int


def told_by_run(t: Testimony) -> dict[Run, list[Told]]:
    found: dict[Run, list[Told]] = defaultdict(list)
    for _, c in t.closings:
        if c.watching_since < c.settled_to:
            one = Told(c.watching_since, c.settled_to, c.seq_high, c.received_ms, c.received_ms, EVER)
            found[c.store, c.session, c.boot].append(one)
    for s in t.beats:
        a = s.alike
        if a.watching_since < s.settled_to:
            late_ms = (a.late + a.lag + 2) * CELL_MS
            one = Told(a.watching_since, s.settled_to, a.seq_high, s.first_ms, s.last_ms, late_ms)
            found[a.store, a.session, a.boot].append(one)
    for several in found.values():
        several.sort(key=lambda one: (one.seq_high, one))
    return found


def claims_of(beats: Iterable[Stretch]) -> Iterator[Claim]:
    for s in beats:
        a = s.alike
        yield Claim(a.store, a.session, a.boot, a.watching_since, s.settled_to, a.seq_high, s.last_ms, s.zero_ms)


def as_claims(told: dict[Run, list[Told]]) -> Iterator[Claim]:
    for run, several in told.items():
        yield from (Claim(*run, c.since, c.settled_to, c.seq_high, c.last_ms, 0) for c in several)


def lines(t: Testimony) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(store, session) -> (seq, receipt) of what is held and can be read, by seq."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for h in t.held:
        found[h.store, h.session].append((h.seq, h.received_ms))
    for line in found.values():
        line.sort()
    return found
