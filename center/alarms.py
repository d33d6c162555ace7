"""What a person should see: everything set aside with its reason, and what of it is an alarm.

How it came to be set aside must not be known here, nor how it is printed.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from center.model import Aside
from center.rate import local
from center.store import Reader
from contract.text import escaped

DUPLICATE, AHEAD, FLOOD, LOST = "duplicate_identity", "anchor_ahead", "flood", "lost"
FINDINGS = ("contradiction", "clock_refuted")
"""What the notary finds; nothing was set aside for it."""


class Alarm(NamedTuple):
    """`alarm`: one of the codes above. `first_ms`, `last_ms`: UTC."""

    alarm: str
    gateway: str
    detail: str
    times: int
    first_ms: int
    last_ms: int


def alarms(reader: Reader, aside: list[Aside], gateway: str = "") -> list[Alarm]:
    """One for each gateway and reason; one for each range of seqs that is still missing."""
    found: dict[tuple[str, str, str], Alarm] = {}
    for one in aside:
        if one.code:
            new = Alarm(one.code, one.gateway or one.topic, one.reason, one.times, one.first_ms, one.last_ms)
            key = (new.gateway, one.code, one.reason)
            found[key] = _both(found[key], new) if key in found else new
    return [*found.values(), *_lost(reader, gateway)]


def _both(a: Alarm, b: Alarm) -> Alarm:
    return a._replace(times=a.times + b.times, first_ms=min(a.first_ms, b.first_ms), last_ms=max(a.last_ms, b.last_ms))


def _lost(reader: Reader, gateway: str) -> Iterator[Alarm]:
    """Declared lost or evicted, and really not held."""
    for row in reader.losses(gateway):
        missing = row.to_seq - row.from_seq + 1 - reader.count_held(row.gateway, row.store, row.from_seq, row.to_seq)
        if missing:
            detail = f"journal {row.store}: {missing} of seqs {row.from_seq} to {row.to_seq}: {row.why}"
            yield Alarm(LOST, row.gateway, detail, 1, row.received_ms, row.received_ms)


def as_json(found: list[Alarm], aside: list[Aside]) -> dict[str, Any]:
    """{alarms: [{alarm, gateway, detail, times, first, last}], aside: [{gateway, topic, reason, store, seq, ...}]}.

    Times are ISO 8601 in Asia/Shanghai; `payload` is the begin of what came, with escapes for what is no text.
    """
    return {
        "alarms": [_dated(one._asdict()) for one in found],
        "aside": [_dated(one._asdict() | {"payload": escaped(one.payload)}) for one in aside],
    }


def _dated(record: dict[str, Any]) -> dict[str, Any]:
    first, last = (local(record.pop(name)).isoformat() for name in ("first_ms", "last_ms"))
    return record | {"first": first, "last": last}
