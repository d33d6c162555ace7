"""What the agent knows, as messages: birth, heartbeat, inventory, capability. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from agent.model import Camera, Device, DiscoveredDevice
from contract.messages import (
    MAX_DOCUMENT_BYTES,
    Capability,
    Found,
    Identity,
    Inventory,
    InventorySlot,
    SlotVerdicts,
)
from contract.text import tidy

_MAX_NAME = 64
"""Characters of what a camera calls itself: 200 slots must fit into one document."""


def inventory(
    gateway: str, cameras: Sequence[Camera], devices: Mapping[str, Device], strangers: Iterable[DiscoveredDevice]
) -> Inventory:
    """What hangs on the gateway; `devices` by slot as far as they told who they are.

    Where strangers would make it larger than 256 kB, those that say most are left out: no camera's words are so long.
    """
    every = dict.fromkeys(camera.stream_path for camera in cameras if camera.stream_path)
    paths = {path: f"path-{n}" for n, path in enumerate(every, 1)}
    slots = tuple(_slot(camera, devices.get(camera.slot, Device()), paths) for camera in cameras)
    document = Inventory(gateway=gateway, slots=slots, unregistered=tuple(_found(one) for one in strangers))
    if len(msgspec.json.encode(document)) <= MAX_DOCUMENT_BYTES:
        return document
    bare = msgspec.structs.replace(document, unregistered=())
    room, kept = MAX_DOCUMENT_BYTES - len(msgspec.json.encode(bare)), []
    for size, _, one in sorted((len(msgspec.json.encode(one)), n, one) for n, one in enumerate(document.unregistered)):
        room -= size + 1
        if room >= 0:
            kept.append(one)
    return msgspec.structs.replace(bare, unregistered=tuple(kept))


def _slot(camera: Camera, device: Device, paths: Mapping[str, str]) -> InventorySlot:
    declared = camera.identity
    return InventorySlot(
        slot=camera.slot,
        name=camera.name,
        zone=camera.zone,
        address=camera.address,
        identity=Identity(
            mac=declared.mac or device.mac, epr=declared.epr, serial=declared.serial or tidy(device.serial, _MAX_NAME)
        ),
        manufacturer=tidy(device.manufacturer, _MAX_NAME),
        model=tidy(device.model, _MAX_NAME),
        firmware=tidy(device.firmware, _MAX_NAME),
        onvif_port=camera.ports.onvif,
        rtsp_port=camera.ports.rtsp,
        channel=camera.channel or paths.get(camera.stream_path, ""),
    )


def _found(device: DiscoveredDevice) -> Found:
    identity = Identity(mac=device.mac or device.claimed_mac, epr=device.epr, serial=device.serial)
    return Found(address=device.address, identity=identity, name=device.name, hardware=device.hardware)


def short_hash(document: bytes) -> str:
    """Twelve hexadecimal digits that change when the document does."""
    return hashlib.sha256(document).hexdigest()[:12]


def capability(gateway: str, boot: str, policy: str, slots: Sequence[SlotVerdicts]) -> Capability:
    """All verdicts of the gateway. Proofs are left out when it would grow beyond 256 kB."""
    document = Capability(gateway=gateway, boot=boot, policy=policy, slots=tuple(slots))
    if len(msgspec.json.encode(document)) <= MAX_DOCUMENT_BYTES:
        return document
    bare = tuple(
        msgspec.structs.replace(one, verdicts=tuple(msgspec.structs.replace(v, proof=()) for v in one.verdicts))
        for one in slots
    )
    return msgspec.structs.replace(document, slots=bare)


def events(store: str, bodies: Sequence[bytes], oldest: int) -> bytes:
    """An Events message of events that are JSON already. `oldest`: lowest seq left where others were given up, or 0."""
    batch = {"store": store, "events": [msgspec.Raw(body) for body in bodies]}
    return msgspec.json.encode(batch | ({"oldest": oldest} if oldest else {}))
