"""The status file: what `canteen-agent status` shows, written by the daemon for anybody on the box.

No secret may stand here.
"""

import math
from pathlib import Path

import msgspec
from msgspec import Struct

from agent import files
from contract.messages import ClockHealth, HostHealth, UpgradeHealth, Verdict
from contract.problems import Words
from contract.vocabulary import Availability, Reason, Rung


class FaultStatus(Struct, frozen=True, kw_only=True):
    """A picture fault that lasts, since `since_ms` (UTC ms)."""

    fault: str
    since_ms: int


class PictureStatus(Struct, frozen=True, kw_only=True):
    """What is known of one slot's picture.

    `sound` (完好): null while too few visits have shown a picture. `faults`: those that last.

    `seen_ms`: UTC ms of the last visit that showed one; `old`: that is so long ago that it says nothing of the present.
    `reason`, `detail`: why the last visit showed none; `finding`: what is to be set at the camera, or "".
    """

    sound: bool | None = None
    faults: tuple[FaultStatus, ...] = ()
    seen_ms: int | None = None
    old: bool = False
    reason: Reason | None = None
    detail: str = ""
    finding: str = ""


class LoginStatus(Struct, frozen=True, kw_only=True):
    """A login that the camera refuses, UTC ms. `until_ms`: when it is tried again; `attempts_left` as in LoginMet."""

    since_ms: int
    until_ms: int
    attempts_left: int | None = None


class CameraStatus(Struct, frozen=True, kw_only=True):
    """What is known of one slot.

    `looked_ms`: UTC ms of the last look, null before the first; `late_ms`: how long after its due time it began.

    `since_ms`: UTC ms of the last confirmed change.
    """

    slot: str
    name: str
    zone: str
    address: str
    channel: str = ""
    """As Camera.channel: which of a recorder's channels this slot shows."""
    availability: Availability
    level: Rung
    reason: Reason | None
    detail: str
    finding: str = ""
    """The word of contract/reasons.py where `reason` says too little."""
    since_ms: int | None
    looked_ms: int | None
    late_ms: int
    skew_s: float | None
    stuck: bool
    login_paused: bool
    login_refused: LoginStatus | None = None
    identity_changed: bool = False
    """Another device stands there: no login until it is back, or a person has named the new one in the settings."""
    model: str
    verdicts: tuple[Verdict, ...]
    picture: PictureStatus = PictureStatus()


class UplinkStatus(Struct, frozen=True, kw_only=True):
    """How the line to the center is.

    `pending`: events the center has not acknowledged. `problem`: a kind of agent/tell/failures.py, "" = none.
    """

    connected: bool
    detail: str
    pending: int
    problem: str = ""


class JournalStatus(Struct, frozen=True, kw_only=True):
    """How the journal is kept.

    `durable`: events survive a power cut now. `trouble`: what is wrong with the disk, "" = nothing.

    `lost`: journals that were set aside since the start (damaged, or of another version or program).
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


STATE, RUNTIME = Path("/var/lib/canteen-agent"), Path("/run/canteen-agent")
"""StateDirectory= and RuntimeDirectory= of the unit. The first is private; the second is in memory, for the group."""


def place(state_dir: Path, runtime: Path = RUNTIME) -> Path:
    """The status file of the agent that keeps its state there."""
    return (runtime if state_dir == STATE and runtime.is_dir() else state_dir) / "status.json"


class Status(Struct, frozen=True, kw_only=True):
    """All that the status file says.

    `config`: what is wrong with agent.yaml, in place of which the last good configuration runs.

    `config_since_ms`: since when the one that runs is in force, UTC ms by the clock of then; null = not known.

    `at_ms`, `started_ms`: UTC ms as far as the box knows it; `at_boot_ms`: boot ms of `boot`, which never jumps.
    """

    pid: int
    version: str
    city: str
    gateway: str
    session: str
    policy: str
    boot: str
    started_ms: int
    at_ms: int
    at_boot_ms: int
    clock: ClockHealth
    host: HostHealth | None
    uplink: UplinkStatus
    journal: JournalStatus
    discovery: DiscoveryStatus
    cameras: tuple[CameraStatus, ...]
    config: tuple[Words, ...] = ()
    config_since_ms: int | None = None
    upgrade: UpgradeHealth | None = None
    """The last one; null where there was none."""


def age_s(status: Status, boot: str, at_boot_ms: int) -> float:
    """Seconds since it was written, whatever the wall clock did meanwhile; infinite for one of another boot."""
    return (at_boot_ms - status.at_boot_ms) / 1000 if status.boot == boot else math.inf


def read(path: Path) -> Status:
    """The status in the file. Raises OSError, or one of BROKEN_JSON for another version's file."""
    return msgspec.json.decode(files.read(path), type=Status)
