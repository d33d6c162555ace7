"""Which datagrams deserve to be read, and what they add up to: one device per address and port; pure.

A flood must cost no more than its share, and must not crowd out a camera that is known, that is proven to be on our
link, or that merely answers a moment later.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Network

from msgspec.structs import replace

from agent.ask.discovery.messages import MAX_DATAGRAM_BYTES, Match, Rejection, bare, scope_value
from agent.ask.onvif import xaddr
from agent.model import DiscoveredDevice

PER_SOURCE = 8
FIRSTS = 600
"""Datagrams read in one round from senders of whom nothing was taken yet: what comes later tells little more, and 200
cameras that answer every probe send 3,000."""
STRANGERS = 1_000
NEIGHBOURS = 1_000
"""Further datagrams read in one round: from senders without and with an entry in the ARP table."""
MAX_DEVICES = 200
FIRST_SHARE = 0.6
"""Of the room for what is new, at the begin of a round."""
_NOTES = 8


class Admission:
    """Admits or rejects a datagram before it is parsed.

    `share` (0..1) is the part of the round's budget released so far: it grows with time, so that a burst cannot spend
    what later answers need. `vouched` = the datagram carries an id that only this known address was sent;
    `taken`: something of this sender's was taken already.
    """

    def __init__(self) -> None:
        self._sources: Counter[tuple[str, bool]] = Counter()
        self._firsts = self._strangers = self._neighbours = 0

    def admit(
        self, sender: str, size: int, *, share: float, vouched: bool, neighbour: bool, taken: bool = False
    ) -> Rejection | None:
        if size > MAX_DATAGRAM_BYTES:
            return Rejection.OVERSIZE
        if self._sources[sender, vouched] >= PER_SOURCE:
            return Rejection.SURPLUS
        if not self._has_room(first=not (vouched or taken), vouched=vouched, neighbour=neighbour, share=share):
            return Rejection.SURPLUS if taken else Rejection.FLOOD  # not read: it does not count against the sender
        self._sources[sender, vouched] += 1
        return None

    def had_no_room(self, sender: str, *, vouched: bool) -> None:
        """What this sender said could not be taken: it does not count against the sender, who may say it again."""
        self._sources[sender, vouched] -= 1

    def _has_room(self, *, first: bool, vouched: bool, neighbour: bool, share: float) -> bool:
        """Uses it up, where there is some."""
        if first and self._firsts < FIRSTS * _early(share):
            self._firsts += 1
        elif vouched:
            return True
        elif neighbour and self._neighbours < NEIGHBOURS:
            self._neighbours += 1
        elif not neighbour and self._strangers < STRANGERS * share:
            self._strangers += 1
        else:
            return False
        return True


def _early(share: float) -> float:
    """Nothing where the budget is overdrawn (0)."""
    return max(share, FIRST_SHARE) if share else 0.0


class DeviceTable:
    """The devices of a round, told apart by address, port and path; the endpoint reference is settled by vote."""

    def __init__(self, ports: Collection[int] = xaddr.PORTS) -> None:
        self._ports = ports
        self._devices: dict[tuple[str, int, str], DiscoveredDevice] = {}
        self._votes: dict[tuple[str, int, str], Counter[str]] = {}
        self._at_address: Counter[str] = Counter()
        self._trusted: set[str] = set()

    def add(
        self, sender: str, matches: Sequence[Match], network: IPv4Network | None, *, share: float, vouched: bool
    ) -> bool:
        """Takes in one reply; False when there was no room for it."""
        if vouched:
            self._trusted.add(sender)
        taken = [self._add(device(match, sender, network, self._ports), share, vouched) for match in matches]
        return all(taken)

    def _add(self, new: DiscoveredDevice, share: float, vouched: bool) -> bool:
        key = (new.address, new.port, new.path)
        old = self._devices.get(key)
        if old is None:
            if self._at_address[new.address] >= PER_SOURCE:
                return False
            another = self._at_address[new.address] > 0
            if not vouched and len(self._devices) >= MAX_DEVICES * (share if another else _early(share)):
                return False
            self._at_address[new.address] += 1
        self._devices[key] = new if old is None else _merge(old, new)
        self._votes.setdefault(key, Counter())[new.epr] += 10 * PER_SOURCE if vouched else 1
        return True

    def holds(self, address: str) -> bool:
        """Whether anything of this sender was taken."""
        return self._at_address[address] > 0

    def devices(self, macs: Mapping[str, str]) -> tuple[DiscoveredDevice, ...]:
        """At most 200: first those that proved their address, then those on our links, then the rest as they came."""
        settled = [
            replace(found, epr=_settle(self._votes[key]), mac=macs.get(found.address, ""))
            for key, found in self._devices.items()
            if found.xaddrs or self._at_address[found.address] == 1  # a reply cut short, told better by another
        ]
        settled.sort(key=lambda found: (found.address not in self._trusted, not found.mac))
        return tuple(settled[:MAX_DEVICES])


def device(
    match: Match, sender: str, network: IPv4Network | None, ports: Collection[int], mac: str = ""
) -> DiscoveredDevice:
    """The record of one match: the camera's words, and our own choice of where to ask it."""
    place = xaddr.endpoint(match.xaddrs, sender, network, ports)
    return DiscoveredDevice(
        address=sender,
        port=place.port,
        path=place.path,
        xaddrs=tuple(map(xaddr.shown, match.xaddrs)),
        epr=match.epr,
        mac=mac,
        types=match.types,
        scopes=match.scopes,
        name=scope_value(match.scopes, "name"),
        hardware=scope_value(match.scopes, "hardware") or scope_value(match.scopes, "model"),
        responded_from=sender,
        serial=scope_value(match.scopes, "serial"),
        claimed_mac=scope_value(match.scopes, "mac"),
        notes=place.notes[:_NOTES],
    )


def _merge(old: DiscoveredDevice, new: DiscoveredDevice) -> DiscoveredDevice:
    """What an earlier reply left open is filled by a later one; nothing is overwritten."""
    missing = {
        field: getattr(new, field)
        for field in ("xaddrs", "types", "scopes", "name", "hardware", "serial", "claimed_mac")
        if not getattr(old, field) and getattr(new, field)
    }
    return replace(old, **missing) if missing else old


def _settle(votes: Counter[str]) -> str:
    """The endpoint reference most replies gave; "" when each of three or more gave another: it identifies nothing."""
    eprs = Counter({epr: count for epr, count in votes.items() if bare(epr)})
    if len(eprs) > 2 and max(eprs.values()) == 1:
        return ""
    return eprs.most_common(1)[0][0] if eprs else ""
