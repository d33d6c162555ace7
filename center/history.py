"""Brings what the store holds of some gateways into the shape that the notary judges.

What follows from it (known time, rates) must not be known here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from center.intervals import EMPTY, Intervals, Span, normal
from center.model import RunRow
from center.store import Reader
from center.store.reader import Copy
from center.testimony import Closing, Testimony, Vain
from center.timeline import Claim, Held, Lost

T = TypeVar("T")
MARGIN_MS = 3_600_000
"""More than a time may be dated after its receipt, and a boot before its zero by the center's clock."""


class Past(NamedTuple):
    """One gateway. `session`: the run heard last; `left`: it said goodbye. `seen`: slots ever known of.

    `twins`: (receipt, slots) of each inventory: slots that show the same picture as another one.
    """

    testimony: Testimony
    session: str = ""
    left: bool = False
    seen: frozenset[str] = frozenset()
    twins: tuple[tuple[int, str], ...] = ()


class Uptime(dict[str, Intervals]):
    """City -> when its gateways could be heard, read once."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader

    def __missing__(self, city: str) -> Intervals:
        self[city] = self._reader.uptime(city)
        return self[city]


def recall(reader: Reader, gateways: Sequence[str], span: Span) -> dict[str, Past]:
    """Everything of these gateways that bears on [span) in UTC ms or on the present moment."""
    newest = reader.sessions(gateways)
    runs = _by_gateway((run.gateway, run) for run in reader.runs(gateways))
    boots = {g: _bearing(runs[g], newest.get(g, ("", False))[0], span) for g in gateways}
    chosen = [run for g in gateways for run in runs[g] if run.boot in boots[g]]
    first = reader.first_copies(gateways)

    def stands(copy: Copy, boot: str) -> bool:
        return boot in boots[copy[0]] and first.get(copy[:3], copy[3]) == copy[3]

    beats = reader.beats([run[:4] for run in chosen])
    closings = _by_gateway((c[0], Closing(c[2], one)) for c, one in reader.closings(gateways) if stands(c, one.boot))
    anchors = _by_gateway((c[0], one) for c, one in reader.anchors(gateways) if stands(c, one.boot))
    gone = [one for one in reader.gaps(gateways) if stands(one[0], one[1].boot)]
    told = [(c[0], lost, vain) for (c, lost, *_), vain in zip(gone, _against_held(reader, gone), strict=True)]
    gaps = _by_gateway((g, lost) for g, lost, vain in told if vain.held <= vain.to_seq - vain.from_seq)
    against = _by_gateway((g, vain) for g, _, vain in told if vain.held)
    before = _by_gateway((g, c) for g, c in reader.widest_claims(gateways) if c.boot in boots[g])
    held = reader.events(_ranges(runs, chosen), first)
    broken = [g for g in gateways if before[g] and not _whole(held.get(g, []), before[g])]
    every = _by_gateway((g, c) for g, c in reader.claims(broken) if c.boot in boots[g])
    before |= {g: every[g] for g in broken}
    seen = _by_gateway(reader.sightings(gateways))
    own, twins = reader.own_delays(gateways), reader.twins(gateways)
    heard, refused = reader.receipts(gateways), reader.refused(gateways)
    return {
        g: Past(
            Testimony(
                tuple(held.get(g, ())),
                tuple(before[g]),
                tuple(closings[g]),
                tuple(beats.get(g, ())),
                tuple(anchors[g]),
                tuple(gaps[g]),
                tuple(against[g]),
                heard=heard.get(g, EMPTY),
                refused=refused.get(g, EMPTY),
                up=own.get(g, EMPTY),
            ),
            *newest.get(g, ("", False)),
            frozenset(seen[g]),
            tuple(twins.get(g, ())),
        )
        for g in gateways
    }


def _bearing(runs: Sequence[RunRow], newest: str, span: Span) -> set[str]:
    """The boots that may tell of the span, and those that had begun when these were last heard.

    The latter show when the gateway was heard, and so what was told in time. A boot counts whole, with every session
    that has a part in it; so its word is what it is with all others at hand.
    """
    begins: dict[str, int] = {}
    ends: dict[str, int] = {}
    for run in runs:
        begins[run.boot] = min(begins.get(run.boot, run.from_ms), run.from_ms)
        ends[run.boot] = max(ends.get(run.boot, 0), run.to_ms)
    reaching = {boot for boot, end in ends.items() if end + MARGIN_MS > span[0]}
    telling = {boot for boot in reaching if begins[boot] - MARGIN_MS < span[1]}
    until = max((ends[boot] for boot in telling), default=span[1])
    now = {run.boot for run in runs if run.session == newest}
    return now | {boot for boot in reaching if begins[boot] - MARGIN_MS < max(until, span[1])}


def _ranges(runs: dict[str, list[RunRow]], chosen: Sequence[RunRow]) -> list[tuple[str, str, int, int]]:
    """(gateway, store, from seq, to seq) of the sessions that have a part in these runs, with the seq before each."""
    lines = {run[:3] for run in chosen}
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for g in {run.gateway for run in chosen}:
        for run in runs[g]:
            if run[:3] in lines:
                spans[g, run.store].append((run.seq_lo, run.seq_hi + 1))
    return [(*key, begin, end - 1) for key, several in sorted(spans.items()) for begin, end in normal(several)]


def _by_gateway(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for gateway, one in pairs:
        found[gateway].append(one)
    return found


def _against_held(reader: Reader, gaps: Sequence[tuple[Copy, Lost, int, int, int]]) -> list[Vain]:
    """A gap speaks only of seqs that are not held."""
    held = reader.count_held([(c[0], c[1], from_seq, to_seq) for c, _, from_seq, to_seq, _ in gaps])
    its = zip(gaps, held, strict=True)
    return [Vain(c[1], c[2], from_seq, to_seq, n, ms) for (c, _, from_seq, to_seq, ms), n in its]


def _whole(held: list[Held], claims: list[Claim]) -> bool:
    """Whether each session's seqs stand without a hole as far as its claims go: then the widest claims say all."""
    seqs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for h in held:
        seqs[h.store, h.session].append(h.seq)
    if any(max(line) - min(line) >= len(line) for line in seqs.values()):
        return False
    return all(c.seq_high <= max(seqs.get((c.store, c.session), (c.seq_high,))) for c in claims)
