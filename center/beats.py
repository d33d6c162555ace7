"""Heartbeats, near to one another and alike, as one stretch: what is kept of two thousand million a month.

Pure. Any order of putting together gives the same stretches. What follows from them must not be known here.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from contract.messages import Heartbeat

NEAR_MS = 90_000
"""Alike and received no further apart than this: one stretch (a heartbeat comes every 60 s)."""
CELL_MS = 60_000
"""How finely delays are told apart."""


class Alike(NamedTuple):
    """What all heartbeats of a stretch say. `late`: receipt minus `at`; `lag`: `at` minus `settled_to`; in cells.

    `offline`, `unknown`: the slots that they list, sorted, with commas.
    """

    store: str
    session: str
    boot: str
    watching_since: int
    seq_high: int
    offline: str
    unknown: str
    late: int
    lag: int


class Stretch(NamedTuple):
    """Receipts, UTC ms, of the first and the last; the least and the greatest `at`, boot ms; the furthest claim.

    `zero_ms`: the boot's millisecond 0 by the center's clock, as the least delayed of them shows it.
    """

    alike: Alike
    first_ms: int
    last_ms: int
    at_lo: int
    at_hi: int
    settled_to: int
    zero_ms: int


def stretch(beat: Heartbeat, received_ms: int) -> Stretch:
    """Of one heartbeat."""
    settled_to = min(beat.settled_to, beat.at)
    zero_ms = received_ms - beat.at
    alike = Alike(
        beat.store,
        beat.session,
        beat.boot,
        beat.watching_since,
        beat.seq_high,
        ",".join(sorted(set(beat.offline))) if beat.offline else "",
        ",".join(sorted(set(beat.unknown))) if beat.unknown else "",
        zero_ms // CELL_MS,
        (beat.at - settled_to) // CELL_MS,
    )
    return Stretch(alike, received_ms, received_ms, beat.at, beat.at, settled_to, zero_ms)


def both(a: Stretch, b: Stretch) -> Stretch:
    least, most = (min, max)
    return Stretch(
        a.alike,
        least(a.first_ms, b.first_ms),
        most(a.last_ms, b.last_ms),
        least(a.at_lo, b.at_lo),
        most(a.at_hi, b.at_hi),
        most(a.settled_to, b.settled_to),
        least(a.zero_ms, b.zero_ms),
    )


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Those alike and near to one another as one."""
    stretches = list(stretches)
    if len(stretches) < 2:
        return stretches
    found: dict[Alike, list[Stretch]] = defaultdict(list)
    for one in sorted(stretches, key=lambda s: (s.first_ms, s.last_ms)):
        mine = found[one.alike]
        if mine and one.first_ms <= mine[-1].last_ms + NEAR_MS:
            mine[-1] = both(mine[-1], one)
        else:
            mine.append(one)
    return [one for several in found.values() for one in several]
