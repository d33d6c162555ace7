"""What really was: from the fault log, when a slot could be opened.

Pure; it knows nothing of cameras or of whoever watched them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contract.vocabulary import Availability
from simulator.faults import FAULTS, Entry

TRUTH: Mapping[str, Availability] = {name: fault.truth for name, fault in FAULTS.items()}


class Interval(NamedTuple):
    """[from_ms, to_ms), UTC milliseconds."""

    from_ms: int
    to_ms: int
    standing: Availability


def intervals(
    log: Iterable[Entry], slot: str, from_ms: int, to_ms: int, truth: Mapping[str, Availability] = TRUTH
) -> list[Interval]:
    """The slot's standing over [from_ms, to_ms), neighbours of one standing joined; before its first entry: unknown."""
    own = sorted((e for e in log if e.slot == slot), key=lambda e: e.utc_ms)
    borders = [from_ms, *(min(max(e.utc_ms, from_ms), to_ms) for e in own), to_ms]
    standings = [Availability.UNKNOWN, *(truth[e.fault] for e in own)]
    found: list[Interval] = []
    for since, until, standing in zip(borders, borders[1:], standings, strict=False):
        if found and since < until and found[-1].standing is standing:
            found[-1] = found[-1]._replace(to_ms=until)
        elif since < until:
            found.append(Interval(since, until, standing))
    return found


def available_ms(
    log: Iterable[Entry], slot: str, from_ms: int, to_ms: int, truth: Mapping[str, Availability] = TRUTH
) -> int:
    """Milliseconds of [from_ms, to_ms) in which the slot could be opened."""
    spans = intervals(log, slot, from_ms, to_ms, truth)
    return sum(i.to_ms - i.from_ms for i in spans if i.standing is Availability.ONLINE)
