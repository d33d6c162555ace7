"""Documents that came in parts, for brokers that take small packets alone: kept apart, put together when read. Pure."""

from collections.abc import Iterable
from typing import Any

import msgspec


def part_kind(leaf: str, part: int) -> str:
    """What a document, or the part of one with this number, is kept under."""
    return leaf if part == 1 else f"{leaf}/{part}"


def whole(rows: Iterable[tuple[int, bytes]]) -> bytes | None:
    """The newest document of `rows` (receipt in ms, payload); None without any.

    Of one in parts all that are held, each slot as it was told last: a slot may stand in another part than before.
    """
    held = [(received_ms, payload, msgspec.json.decode(payload)) for received_ms, payload in rows]
    if not held:
        return None
    _, payload, newest = max(held, key=lambda row: row[0])
    if (parts := newest.get("parts", 1)) == 1:
        return payload
    series = [(received_ms, one) for received_ms, _, one in held if one.get("parts", 1) == parts]
    slots: dict[str, Any] = {}
    for _, one in sorted(series, key=lambda row: (row[0], row[1]["part"])):
        slots.update({slot["slot"]: slot for slot in one["slots"]})
    return msgspec.json.encode({**newest, "slots": list(slots.values()), "part": 1, "parts": 1})
