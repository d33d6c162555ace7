"""What a person should see: everything set aside with its reason, what of it is an alarm, and what gateways tell.

How it came to be set aside must not be known here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from center.devices import shared, twins
from center.forms import Listing
from center.model import Aside
from center.rate import local
from center.show import minute
from center.store import Reader
from center.store.lists import ToldRow
from center.store.schema import TOLD_KINDS
from contract.messages import BROKEN_JSON, Inventory, InventorySlot
from contract.text import escaped, tidy

DUPLICATE, AHEAD, FLOOD, LOST = "duplicate_identity", "anchor_ahead", "flood", "lost"
FINDINGS = ("contradiction", "clock_refuted", "gap_over_held")
"""What the notary finds; nothing was set aside for it."""


SHARED, TWIN = "shared_camera", "one_picture_twice"
"""What inventories say of devices: one camera at two gateways, two slots with one picture."""
UNSERVED = "unserved"
"""Of a city in place of a gateway: where workers serve cities, none serves this one."""
UNSERVED_MS = 60_000
CODES = (*FINDINGS, DUPLICATE, AHEAD, FLOOD, LOST, SHARED, TWIN, UNSERVED, *TOLD_KINDS)
"""All that there are."""


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


def told(reader: Reader, since_ms: int, gateway: str = "") -> list[Alarm]:
    """What gateways told of their cameras and of themselves since then, in UTC ms."""
    found: dict[tuple[str, str, str], Alarm] = {}
    for row in reader.told(since_ms, gateway):
        detail = f"{row.slot}: {_detail(row)}" if row.slot else _detail(row)
        new = Alarm(row.kind, row.gateway, detail, 1, row.received_ms, row.received_ms)
        key = (row.gateway, row.kind, detail)
        found[key] = _both(found[key], new) if key in found else new
    return list(found.values())


def devices(reader: Reader, now_ms: int, alive_since_ms: int, gateway: str = "") -> list[Alarm]:
    """What stands so now, by the newest inventories: of cameras at two gateways those that are online at both."""
    online = reader.online(alive_since_ms)
    found: list[Alarm] = []
    told: list[tuple[str, InventorySlot]] = []
    for name, payload in reader.inventories():
        one = msgspec.json.decode(payload, type=Inventory)
        told += ((name, slot) for slot in one.slots if (name, slot.slot) in online)
        for slot in sorted(twins(one)) if gateway in ("", name) else ():
            detail = f"{slot}: it shows the picture of another slot, and does not count beside it"
            found.append(Alarm(TWIN, name, detail, 1, now_ms, now_ms))
    for both in shared(told):
        if gateway in ("", both.gateway):
            detail = f"{both.slot}: {both.other} {both.its_slot} tells of the same camera: {both.identity}"
            found.append(Alarm(SHARED, both.gateway, tidy(detail), 1, now_ms, now_ms))
    return found


def unserved(reader: Reader, now_ms: int, gateway: str = "") -> list[Alarm]:
    """Cities of registered gateways that no worker has heard of late; only where workers have cities of their own."""
    heard = reader.heard_to()
    if gateway or not any(heard):
        return []
    revoked = reader.revoked()
    cities = {city for box, city in reader.addresses().items() if box not in revoked}
    until = {city: max((ms for of, ms in heard.items() if not of or city in of), default=0) for city in cities}
    return [
        Alarm(UNSERVED, city, "no worker of the center hears this city", 1, ms or now_ms, now_ms)
        for city, ms in sorted(until.items())
        if now_ms - ms > UNSERVED_MS
    ]


def _detail(row: ToldRow) -> str:
    """The event's own words on one line; those that this version does not know stay as they came."""
    try:
        event = msgspec.json.decode(row.payload)
    except BROKEN_JSON:
        return tidy(escaped(row.payload))
    match row.kind:
        case "conflict":
            said = f"{event.get('identity', '')}: {', '.join(map(str, event.get('addresses', ())))}"
        case "identity_changed":
            said = f"{event.get('before', '')} -> {event.get('after', '')}"
        case "store_reset":
            said = f"journal {event.get('before', '') or '?'}: {event.get('why', '')}"
        case _:
            said = str(event.get("what", event.get("detail", "")))
    return tidy(said)


def _both(a: Alarm, b: Alarm) -> Alarm:
    return a._replace(times=a.times + b.times, first_ms=min(a.first_ms, b.first_ms), last_ms=max(a.last_ms, b.last_ms))


def _lost(reader: Reader, gateway: str) -> Iterator[Alarm]:
    """Declared lost or evicted, and really not held."""
    rows = reader.losses(gateway)
    held = reader.count_held([(row.gateway, row.store, row.from_seq, row.to_seq) for row in rows])
    for row, its in zip(rows, held, strict=True):
        if missing := row.to_seq - row.from_seq + 1 - its:
            detail = f"journal {row.store}: {missing} of seqs {row.from_seq} to {row.to_seq}: {row.why}"
            yield Alarm(LOST, row.gateway, detail, 1, row.received_ms, row.received_ms)


def listing(found: list[Alarm]) -> Listing:
    rows = [(a.alarm, a.gateway, a.detail, str(a.times), minute(a.last_ms)) for a in found]
    return Listing(("alarm", "gateway", "reason", "times", "last"), rows, ("times",), ("last",))


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
