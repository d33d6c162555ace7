"""How every gateway stands with its certificate. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from center.enrolment.authority import DAY_MS
from center.enrolment.enrolling import standing
from center.store.enrolled import Box, Enrolment

DUE_MS = 30 * DAY_MS
"""From so long before its end on a gateway asks for the next certificate."""
STATES = ("expired", "due", "revoked", "valid", "not_enrolled")
"""The order of the list."""


class Held(NamedTuple):
    """`state`: "due" where the end is near and no newer certificate was given. Times UTC ms, 0 for none.

    `enrolled_ms`: when the box was given its bundle; `renewed_ms`: when it last asked for another certificate itself.
    """

    gateway: str
    city: str
    unit: str
    state: str
    enrolled_ms: int
    renewed_ms: int
    expires_ms: int
    revoked_ms: int
    reason: str


def listed(boxes: Sequence[Box], rows: Sequence[Enrolment], now_ms: int) -> list[Held]:
    """Of these gateways, those that a person should see to first; `rows` in order of time."""
    there, last = standing(rows), {one.gateway: one for one in rows}
    times: dict[tuple[str, str], int] = {(one.gateway, one.how): one.issued_ms for one in rows}
    found = [_held(box, there.get(box.gateway), last.get(box.gateway), times, now_ms) for box in boxes]
    return sorted(found, key=lambda one: (STATES.index(one.state), one.expires_ms, one.gateway))


def _held(
    box: Box, valid: Enrolment | None, last: Enrolment | None, times: dict[tuple[str, str], int], now_ms: int
) -> Held:
    enrolled, renewed = (times.get((box.gateway, how), 0) for how in ("enroll", "renew"))
    who = (box.gateway, box.city, box.unit)
    if last is None:
        return Held(*who, "not_enrolled", 0, 0, 0, 0, "")
    if valid is None:
        return Held(*who, "revoked", enrolled, renewed, last.expires_ms, last.revoked_ms, last.reason)
    left_ms = valid.expires_ms - now_ms
    state = "expired" if left_ms <= 0 else "due" if left_ms <= DUE_MS else "valid"
    return Held(*who, state, enrolled, renewed, valid.expires_ms, 0, "")
