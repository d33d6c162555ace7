"""What moving and sounding a camera proved, kept until it is another camera or is moved again.

How a proof came about, and where it is kept, must not be known here.
"""

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from agent.model import Device, Evidence, Movement, NotSeen, Seen, Talk

T = TypeVar("T")


class Proof(Struct, frozen=True, kw_only=True):
    """The last movement of one slot's camera; serialisable. `at_s`: UTC seconds.

    `address`, `device`: whose proof it is; `device` None where the camera did not say who it is.
    """

    at_s: float
    address: str
    device: Device | None = None
    movement: Movement = Movement()
    talk: Talk = Talk()


def holds(proof: Proof, address: str, device: Device | None) -> bool:
    """Whether this is still the camera that was moved: same address, no other device or firmware as far as known."""
    return proof.address == address and (device is None or proof.device is None or _who(device) == _who(proof.device))


def renewed(before: Proof | None, evidence: Evidence, address: str, at_s: float) -> Proof:
    """The proof after a movement: what it showed replaces what stood, part by part; what it could not show does not."""
    device = _device(evidence)
    after = Proof(at_s=at_s, address=address, device=device, movement=evidence.movement, talk=evidence.talk)
    if before is None or not holds(before, address, device):
        return after
    merged = with_proof(evidence, before, address)
    tried = bool(evidence.movement.faults) or any(isinstance(part, Seen) for part in _parts(evidence.movement))
    faults = evidence.movement.faults if tried else before.movement.faults
    return replace(
        after,
        device=device or before.device,
        movement=replace(merged.movement, faults=faults, restored=evidence.movement.restored),
        talk=merged.talk,
    )


def with_proof(evidence: Evidence, proof: Proof | None, address: str) -> Evidence:
    """The evidence with what was proved earlier wherever it holds nothing of its own on that."""
    if proof is None or not holds(proof, address, _device(evidence)):
        return evidence
    own, kept = evidence.movement, proof.movement
    movement = replace(
        own,
        rotation=_either(own.rotation, kept.rotation),
        zoom=_either(own.zoom, kept.zoom),
        focus=_either(own.focus, kept.focus),
        faults=own.faults or kept.faults,
    )
    talk = evidence.talk
    if isinstance(talk.heard, NotSeen) and isinstance(proof.talk.heard, Seen):
        talk = replace(talk, heard=proof.talk.heard, half_duplex=proof.talk.half_duplex)
    return replace(evidence, movement=movement, talk=talk)


def _either(own: Seen[T] | NotSeen, kept: Seen[T] | NotSeen) -> Seen[T] | NotSeen:
    return kept if isinstance(own, NotSeen) and isinstance(kept, Seen) else own


def _parts(movement: Movement) -> tuple[object, ...]:
    return movement.rotation, movement.zoom, movement.focus


def _device(evidence: Evidence) -> Device | None:
    device = evidence.capabilities.device
    return device.value if isinstance(device, Seen) else None


def _who(device: Device) -> tuple[str, ...]:
    return device.manufacturer, device.model, device.firmware, device.serial
