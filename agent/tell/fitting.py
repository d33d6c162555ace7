"""Documents made to fit what a broker takes: without what explains first, then in parts. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from contract.messages import Capability, Inventory

_KINDS: dict[str, type[Capability] | type[Inventory]] = {"cap": Capability, "inv": Inventory}


def fitted(leaf: str, document: bytes, limit: int) -> list[bytes]:
    """The document as it is where it fits into `limit` bytes (0 = no limit); else smaller, else several of them.

    First the proofs of verdicts go, or the devices that nobody registered; then the slots are told in parts. Empty
    where not even one slot fits, or a document that cannot be divided is too long.
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
        short: Capability | Inventory = msgspec.structs.replace(whole, slots=bare)
    else:
        short = msgspec.structs.replace(whole, unregistered=())
    return list(_parts(short, short.slots, limit))


def _parts(document: Capability | Inventory, slots: Sequence[object], limit: int) -> Iterator[bytes]:
    """The document with so many of its slots at a time as fit."""
    encoded = msgspec.json.encode(msgspec.structs.replace(document, slots=tuple(slots)))
    if len(encoded) <= limit:
        yield encoded
    elif len(slots) > 1:
        half = len(slots) // 2
        yield from _parts(document, slots[:half], limit)
        yield from _parts(document, slots[half:], limit)
