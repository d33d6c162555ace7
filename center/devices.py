"""Which slots tell of one camera, by what gateways say of their devices (N8). Pure.

Cheap cameras share MACs and serial numbers, so what two gateways say alike is an alarm and takes nothing from either.
Within one gateway one address with its ports and one channel is one picture, whatever the camera calls itself.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from center.intervals import Intervals, Span, normal
from contract.messages import Identity, Inventory, InventorySlot

MANY = 8
"""An identity at more gateways than this is a product line's number, and no camera's."""
_JUNK = frozenset({"00123456789a", "123456789abc", "000000000000", "ffffffffffff"})
"""MACs that whole product lines report as their own."""


class Shared(NamedTuple):
    """Two slots of two gateways, as each of the two sees it: one row for each."""

    gateway: str
    slot: str
    other: str
    its_slot: str
    identity: str


def twins(told: Inventory) -> frozenset[str]:
    """The slots that do not count beside another one that shows the same picture: the first by name counts."""
    first: dict[tuple[str, int, int, str], str] = {}
    found = set()
    for one in sorted(told.slots, key=lambda one: one.slot):
        if one.address and one.channel is not None:  # None: an older agent, that does not say
            picture = (one.address, one.onvif_port, one.rtsp_port, one.channel)
            if first.setdefault(picture, one.slot) != one.slot:
                found.add(one.slot)
    return frozenset(found)


def doubled(rows: Sequence[tuple[int, str]], until_ms: int) -> dict[str, Intervals]:
    """Slot -> since when until when it was told to be another one's twin. `rows`: (receipt, slots), by receipt."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for (begin, slots), (end, _) in pairwise([*rows, (until_ms, "")]):
        for slot in slots.split(",") if slots else ():
            spans[slot].append((begin, end))
    return {slot: normal(several) for slot, several in spans.items()}


def shared(told: Iterable[tuple[str, InventorySlot]]) -> list[Shared]:
    """Of these (gateway, slot), all of them online now: those that two gateways tell of."""
    by_pair: dict[tuple[str, ...], dict[tuple[str, str], InventorySlot]] = defaultdict(dict)
    for gateway, one in told:
        for pair in combinations(_witnesses(one.identity).items(), 2):
            by_pair[tuple(word for witness in pair for word in witness)][gateway, one.slot] = one
    found: set[Shared] = set()
    for several in by_pair.values():
        if 1 < len({gateway for gateway, _ in several}) <= MANY:
            found.update(_pairs(several))
    return sorted(found)


def _pairs(several: Mapping[tuple[str, str], InventorySlot]) -> Iterator[Shared]:
    for (a, one), (b, other) in combinations(sorted(several.items()), 2):
        its, others = _witnesses(one.identity), _witnesses(other.identity)
        differs = any(its[name] != others[name] for name in its.keys() & others.keys())
        apart = None not in (one.channel, other.channel) and one.channel != other.channel
        if a[0] != b[0] and not differs and not apart:
            words = ", ".join(f"{name} {its[name]}" for name in sorted(its.keys() & others.keys()))
            yield Shared(*a, *b, words)
            yield Shared(*b, *a, words)


def _witnesses(identity: Identity) -> dict[str, str]:
    """What of it says anything: each alone is known to be doubled or false."""
    mac = re.sub(r"[^0-9a-f]", "", identity.mac.lower())
    serial = identity.serial.strip().lower()
    told = {
        "MAC": mac if len(mac) == 12 and mac not in _JUNK else "",
        "endpoint": identity.epr.strip().lower().removeprefix("urn:").removeprefix("uuid:"),
        "serial": serial if len(set(serial)) > 2 else "",
    }
    return {name: word for name, word in told.items() if word}
