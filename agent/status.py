"""The status file: what `canteen-agent status` shows, written by the daemon for anybody on the box.

No secret may stand here.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from contract.messages import ClockHealth, HostHealth, Verdict
from contract.vocabulary import Availability, Reason, Rung


class CameraStatus(Struct, frozen=True, kw_only=True):
    """`looked_ms`: UTC ms of the last look, null before the first; `late_ms`: how long after its due time it began.

    `since_ms`: UTC ms of the last confirmed change.
    """

    slot: str
    name: str
    zone: str
    address: str
    availability: Availability
    level: Rung
    reason: Reason | None
    detail: str
    since_ms: int | None
    looked_ms: int | None
    late_ms: int
    skew_s: float | None
    stuck: bool
    login_paused: bool
    identity_changed: bool = False
    """Another device stands there: no login until it is back, or a person has named the new one in the settings."""
    model: str
    verdicts: tuple[Verdict, ...]


class UplinkStatus(Struct, frozen=True, kw_only=True):
    """`pending`: events the center has not acknowledged. `problem`: a kind of agent/tell/failures.py, "" = none."""

    connected: bool
    detail: str
    pending: int
    problem: str = ""


class JournalStatus(Struct, frozen=True, kw_only=True):
    """`durable`: events survive a power cut now. `trouble`: what is wrong with the disk, "" = nothing.

    `lost`: journals that were damaged and set aside since the start.
    """

    durable: bool
    trouble: str = ""
    lost: int = 0


class DiscoveryStatus(Struct, frozen=True, kw_only=True):
    """The last round; `at_ms` UTC ms or null before the first. `unregistered`: addresses no slot claims."""

    at_ms: int | None = None
    interfaces: tuple[str, ...] = ()
    found: int = 0
    unregistered: tuple[str, ...] = ()
    rejected: dict[str, int] = {}
    notes: tuple[str, ...] = ()


class Status(Struct, frozen=True, kw_only=True):
    """`at_ms`, `started_ms`: UTC ms by the box's clock."""

    pid: int
    version: str
    city: str
    gateway: str
    session: str
    policy: str
    started_ms: int
    at_ms: int
    clock: ClockHealth
    host: HostHealth | None
    uplink: UplinkStatus
    journal: JournalStatus
    discovery: DiscoveryStatus
    cameras: tuple[CameraStatus, ...]


def read(path: Path) -> Status:
    """The status in the file. Raises OSError, or one of BROKEN_JSON for another version's file."""
    return msgspec.json.decode(path.read_bytes(), type=Status)
