"""Tells which discovered device belongs to which slot of the register. Pure.

How devices are found, and what is recorded or shown of the outcome, must not be known here.

Identity is a vote of four marks, since each alone is known to be copied or false. An equal mark counts for the device,
a different one against it, an absent or junk one not at all:

    MAC in the ARP table        4    on a link of ours it is the truth
    endpoint reference          2    survives DHCP, not every factory reset; copied in some batches
    MAC claimed in scopes       1    counts only for, and only where ARP is silent
    serial number               1    whole product lines share one

At its own address a device is the slot's unless the sum is negative; elsewhere at least 2 must speak for it.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from agent.model import Camera, DiscoveredDevice
from contract.messages import Identity

MAC_WEIGHT = 4
EPR_WEIGHT = 2
CLAIMED_MAC_WEIGHT = 1
SERIAL_WEIGHT = 1
MOVED_AT_LEAST = 2
_JUNK = frozenset({"00123456789a", "123456789abc"})
"""MACs that whole product lines report as their own."""


class Presence(StrEnum):
    """What a round of discovery says of one slot."""

    SEEN = "seen"
    MOVED = "moved"
    """Same identity at another address."""
    IDENTITY_CHANGED = "identity_changed"
    """Another device answers at the slot's address."""
    CONFLICT = "conflict"
    """Its identity is claimed at several addresses, and nothing tells which is the true one."""
    ABSENT = "absent"
    """Not found, from which nothing follows: discovery can be switched off on a camera."""


class Sighting(Struct, frozen=True, kw_only=True):
    """One slot of the register in this round.

    `before` = its registered address, `device` = what was found for it (None when ABSENT or CONFLICT), `score` = the
    vote, `rivals` = other addresses that claim the same identity from different hardware (a conflict to report, also
    when the slot itself was SEEN at its own address).
    """

    slot: str
    presence: Presence
    before: str
    device: DiscoveredDevice | None = None
    score: int = 0
    rivals: tuple[str, ...] = ()

    @property
    def may_log_in(self) -> bool:
        """Whether credentials may be shown at the slot's place before a person has confirmed who stands there."""
        return self.presence not in (Presence.IDENTITY_CHANGED, Presence.CONFLICT)


class RosterReport(Struct, frozen=True, kw_only=True):
    """What one round of discovery says of the whole register.

    `sightings`: one per camera of the register, in its order. `unregistered`: devices that no slot claims.
    """

    sightings: tuple[Sighting, ...]
    unregistered: tuple[DiscoveredDevice, ...]


class _Place(NamedTuple):
    """Where one device is registered; an NVR's channels are several slots at one place."""

    address: str
    port: int
    identity: Identity


def match(cameras: Sequence[Camera], found: Sequence[DiscoveredDevice]) -> RosterReport:
    """What `found` says of every slot of the register; each device belongs to the slots of one address at most."""
    devices = _without_shared_macs(found)
    places = [_Place(camera.address, camera.ports.onvif, camera.identity) for camera in cameras]
    sightings, owners = dict[_Place, Sighting](), dict[int, str]()
    for place, index, score in _candidates(places, devices):
        if place not in sightings and owners.get(index, place.address) == place.address:
            sightings[place] = sighting = _recognised(place, devices[index], score, devices)
            if sighting.device is not None:
                owners[index] = place.address
    for place in places:
        if place not in sightings:
            sightings[place] = _at_home(place, devices, owners)
    return RosterReport(
        sightings=tuple(replace(sightings[p], slot=c.slot) for p, c in zip(places, cameras, strict=True)),
        unregistered=_unclaimed(devices, [one.device for one in sightings.values() if one.may_log_in and one.device]),
    )


def vote(identity: Identity, device: DiscoveredDevice) -> int:
    """How much speaks for `device` being the one registered as `identity`; negative: against it."""
    registered, seen = _mac(identity.mac), _mac(device.mac)
    score = _compare(registered, seen, MAC_WEIGHT)
    if registered and not seen and registered == _mac(device.claimed_mac):
        score += CLAIMED_MAC_WEIGHT
    score += _compare(_epr(identity.epr), _epr(device.epr), EPR_WEIGHT)
    return score + _compare(_serial(identity.serial), _serial(device.serial), SERIAL_WEIGHT)


def learn(identity: Identity, device: DiscoveredDevice) -> Identity:
    """`identity` with what it lacks filled from a device recognised as the slot's; junk is not learnt."""
    return Identity(
        mac=identity.mac or (device.mac if _mac(device.mac) else ""),
        epr=identity.epr or (device.epr if _epr(device.epr) else ""),
        serial=identity.serial or (device.serial if _serial(device.serial) else ""),
    )


def _candidates(places: Sequence[_Place], devices: Sequence[DiscoveredDevice]) -> list[tuple[_Place, int, int]]:
    """(place, index of a device, vote) wherever the vote identifies; the surest first.

    A device that is recognised at the slot's own address comes before any better vote elsewhere: nobody can lure a slot
    away from its own camera.
    """
    pairs = [
        (place, index, score)
        for place in dict.fromkeys(places)
        for index, device in enumerate(devices)
        if (score := vote(place.identity, device)) >= (1 if device.address == place.address else MOVED_AT_LEAST)
    ]
    return sorted(pairs, key=lambda pair: _doubt(pair[0], devices[pair[1]], pair[2]))


def _doubt(place: _Place, device: DiscoveredDevice, score: int) -> tuple[bool, int, bool, bool]:
    away = device.address != place.address
    return away or score < MOVED_AT_LEAST, -score, away, device.port != place.port


def _recognised(place: _Place, device: DiscoveredDevice, score: int, devices: Sequence[DiscoveredDevice]) -> Sighting:
    """The slot's device by its identity, unless devices elsewhere show the same identity with at least this vote."""
    equals = [d for d in devices if d.address != device.address and vote(place.identity, d) >= score]
    others = [d.address for d in equals if d.mac and device.mac and d.mac != device.mac]
    unsure = [d.address for d in equals if not (d.mac and d.mac == device.mac)]
    if device.address == place.address:
        return _sighting(place, Presence.SEEN, device, score, others)
    if unsure:
        return _sighting(place, Presence.CONFLICT, None, score, [device.address, *unsure])
    return _sighting(place, Presence.MOVED, device, score)


def _at_home(place: _Place, devices: Sequence[DiscoveredDevice], owners: dict[int, str]) -> Sighting:
    """A slot whose identity was not recognised anywhere: who, if anyone, stands at its address?"""
    here = [
        (
            owners.get(index, place.address) == place.address,
            vote(place.identity, device),
            device.port == place.port,
            index,
        )
        for index, device in enumerate(devices)
        if device.address == place.address
    ]
    if not here:
        return _sighting(place, Presence.ABSENT)
    free, score, _, index = max(here)
    presence = Presence.SEEN if free and score >= 0 else Presence.IDENTITY_CHANGED
    return _sighting(place, presence, devices[index], score)


def _sighting(
    place: _Place,
    presence: Presence,
    device: DiscoveredDevice | None = None,
    score: int = 0,
    rivals: Collection[str] = (),
) -> Sighting:
    return Sighting(
        slot="",
        presence=presence,
        before=place.address,
        device=device,
        score=score,
        rivals=tuple(dict.fromkeys(rivals)),
    )


def _unclaimed(
    devices: Sequence[DiscoveredDevice], claimed: Sequence[DiscoveredDevice]
) -> tuple[DiscoveredDevice, ...]:
    """Devices that are no slot's, nor a second address of a slot's device (same MAC, no other endpoint reference)."""
    eprs = {device.mac: _epr(device.epr) for device in claimed if device.mac}
    return tuple(
        device
        for device in devices
        if device not in claimed
        and not (device.mac in eprs and (not _epr(device.epr) or _epr(device.epr) == eprs[device.mac]))
    )


def _without_shared_macs(found: Sequence[DiscoveredDevice]) -> tuple[DiscoveredDevice, ...]:
    """A MAC behind which several addresses show different endpoint references is a router's: it is no witness."""
    eprs = defaultdict[str, set[str]](set)
    for device in found:
        if _epr(device.epr):
            eprs[_mac(device.mac)].add(_epr(device.epr))
    return tuple(replace(d, mac="") if _mac(d.mac) and len(eprs[_mac(d.mac)]) > 1 else d for d in found)


def _compare(registered: str, seen: str, weight: int) -> int:
    if not registered or not seen:
        return 0
    return weight if registered == seen else -weight


def _mac(text: str) -> str:
    """Twelve hex digits, or "" for none and for junk (odd lengths, zeros, multicast, known defaults)."""
    digits = re.sub("[:.-]", "", text.strip().lower())
    if not re.fullmatch("[0-9a-f]{12}", digits) or digits in _JUNK or not digits.strip("0"):
        return ""
    return "" if int(digits[:2], 16) & 1 else digits


def _epr(text: str) -> str:
    """The endpoint reference for comparison, or "" for none, the nil UUID and WS-Addressing's anonymous address."""
    bare = re.sub("^(urn:)?(uuid:)?", "", text.strip().lower())
    return "" if not bare.strip("0-") or bare.endswith("/anonymous") else bare


def _serial(text: str) -> str:
    """The serial number for comparison, or "" for one too short, of one character, or counting up like 0123456789."""
    bare = text.strip().lower()
    counting = bare in "01234567890123456789"
    return "" if len(bare) < 4 or len(set(bare)) == 1 or counting else bare
