"""Makes documents small enough for the broker: first without their explanations, then in parts. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from contract.messages import MAX_PARTS, Capability, Inventory

Document = Capability | Inventory
_KINDS: dict[str, type[Document]] = {"cap": Capability, "inv": Inventory}


def fitted(leaf: str, document: bytes, limit: int) -> list[bytes]:
    """The document as it is where it fits into `limit` bytes (0 = no limit); else smaller, else several of them.

    First the proofs of verdicts go, or the devices that nobody registered; then the slots are told in numbered parts.
    Empty where not even one slot fits, or a document that cannot be divided is too long.
    """
    if not limit or len(document) <= limit:
        return [document]
    kind = _KINDS.get(leaf)
    if kind is None:
        return []
    whole = msgspec.json.decode(document, type=kind)
    if isinstance(whole, Capability):
        bare = tuple(
            msgspec.structs.replace(
                slot, verdicts=tuple(msgspec.structs.replace(verdict, proof=()) for verdict in slot.verdicts)
            )
            for slot in whole.slots
        )
        short: Document = msgspec.structs.replace(whole, slots=bare)
    else:
        short = msgspec.structs.replace(whole, unregistered=())
    parts = [
        msgspec.structs.replace(short, slots=slots)
        for slots in _divided(_numbered(short, MAX_PARTS), short.slots, limit)
    ]
    return [msgspec.json.encode(_numbered(one, len(parts), number)) for number, one in enumerate(parts, 1)]


def _numbered(document: Document, parts: int, part: int = MAX_PARTS) -> Document:
    return msgspec.structs.replace(document, part=part, parts=parts)


def _divided(document: Document, slots: Sequence[Any], limit: int) -> Iterator[Sequence[Any]]:
    """So many of its slots at a time as fit."""
    if len(msgspec.json.encode(msgspec.structs.replace(document, slots=tuple(slots)))) <= limit:
        yield slots
    elif len(slots) > 1:
        half = len(slots) // 2
        yield from _divided(document, slots[:half], limit)
        yield from _divided(document, slots[half:], limit)
