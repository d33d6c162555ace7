"""Goes through what gateways have told and keeps, for ever, where they contradict themselves or the center's clock.

Which time that takes from a figure must not be known here.
"""

import time
from collections.abc import Sequence

from center.history import recall
from center.intervals import union
from center.model import Spoilt
from center.notary import judge
from center.rate import TOO_LATE_MS, Rules, local
from center.store import Reader, Store
from center.testimony import Finding

GATEWAYS_AT_ONCE = 100
FOR_EVER = float("inf")
PATIENCE_S = 5.0
"""So long a person waits for a list."""


def audit(store: Store, rules: Rules, now_ms: int, gateway: str = "", most_s: float = FOR_EVER) -> int:
    """Of one gateway, or of all: those that something came of since they were gone through, the longest ago first.

    After `most_s` it ends; returns how many gateways are left for another time.
    """
    with store.read() as reader:
        cities = reader.addresses()
        names = [name for name in reader.not_audited() if name in cities and gateway in ("", name)]
    if not names:
        return 0
    with store.write() as tx:  # what comes while we read is of the next one
        generation = tx.next_generation()
    begun_s = time.monotonic()
    for i in range(0, len(names), GATEWAYS_AT_ONCE):
        if time.monotonic() - begun_s > most_s:
            return len(names) - i
        some = names[i : i + GATEWAYS_AT_ONCE]
        with store.read() as reader:
            rows = _found(reader, some, cities, rules, now_ms)
        with store.write() as tx:
            tx.keep_findings(rows, now_ms)
            tx.put_audited(some, generation)
    return 0


def _found(reader: Reader, names: Sequence[str], cities: dict[str, str], rules: Rules, now_ms: int) -> list[Spoilt]:
    rows = []
    for name, past in recall(reader, names, (0, now_ms)).items():
        up = union(reader.uptime(cities[name]), past.testimony.up)
        judged = judge(past.testimony._replace(up=up), rules.dark_after_ms, rules.within_ms)
        rows += [finding(name, one) for one in judged.findings]
    return rows


def finding(gateway: str, one: Finding) -> Spoilt:
    """As it is kept: dated by the time that it concerns, within what a calendar knows."""
    begin, end = (min(max(ms, 0), TOO_LATE_MS) for ms in (one.begin, one.end))
    span = f"{local(begin):%Y-%m-%d %H:%M:%S} - {local(end):%Y-%m-%d %H:%M:%S}"
    return Spoilt(gateway, "", f"{one.text} ({span})", b"", begin, code=one.code, key=one.key)
