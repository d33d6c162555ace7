"""One simulated camera's state: who it is, what is wrong with it, who asked it what.

Listening and answering are elsewhere; this module must not know a protocol.
"""

import hashlib
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from simulator.auth import Doorman
from simulator.faults import NONE
from simulator.head import Pose
from simulator.mount import HOME_TILT, IN_FOCUS, Mount
from simulator.persona import Auth, Body, Persona, Profile
from simulator.replay import Capture
from simulator.room import Room
from simulator.shot import FREEZING, SCENES, TEXTS, Shot

ELSEWHERE = 120.0
"""Degrees from the first at which a recorder's second camera looks."""
BACK_IN_2010 = datetime(2010, 1, 1, tzinfo=UTC)


class CameraSpec(Struct, frozen=True, kw_only=True):
    """A camera to simulate: either a `persona` or a `capture` file to replay.

    `address`: a literal address of this machine; "" = a random one in 127/8. Ports: 0 = any free one.
    `spare_address`: where the fault new-address moves to ("" = random, in 127/8 only). `foreign_host`: the host that
    the faults redirect and foreign-xaddr name (TEST-NET-2 by default).
    `facing`: degrees of the kitchen's panorama at which pan 0 looks; `scene`: the kitchen as it is (see shot.SCENES).
    `noise`: of the sensor, grey levels; `jitter_s`: a picture is sent up to that late; `delay_s`: a command takes
    effect up to that late; `seed`: of all three.
    `text`: what is written into the picture (see shot.TEXTS); "" = what the persona's maker writes.
    """

    slot: str
    persona: str = ""
    capture: Path | None = None
    address: str = ""
    onvif_port: int = 0
    rtsp_port: int = 0
    user: str = "admin"
    password: str = "canteen-2021"  # noqa: S105 - a made-up camera's
    spare_address: str = ""
    foreign_host: str = "198.51.100.7"
    facing: float = 0.0
    scene: str = "day"
    noise: float = 2.0
    jitter_s: float = 0.0
    delay_s: float = 0.0
    seed: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        if bool(self.persona) == bool(self.capture):
            raise ValueError(f"camera {self.slot}: give either a persona or a capture")

    def __repr__(self) -> str:
        return f"CameraSpec({self.slot})"


class Asked(NamedTuple):
    """One request seen. `at`: Unix seconds. `shown`: it carried credentials; `authenticated`: and they were right."""

    at: float
    service: str
    operation: str
    authenticated: bool
    shown: bool


class Unit:
    """The live state of one camera. `persona` is None exactly when `capture` is replayed."""

    def __init__(self, spec: CameraSpec, persona: Persona | None, capture: Capture | None) -> None:
        self.spec = spec
        self.persona = persona
        self.capture = capture
        self.address = spec.address
        self.onvif_port = spec.onvif_port
        self.rtsp_port = spec.rtsp_port
        self.fault = NONE
        self.asked: list[Asked] = []
        self.talk_bytes = 0
        """Payload bytes that arrived on the backchannel."""
        self.sessions = 0
        self.talkers = 0
        self.busy_until = 0.0
        seed = hashlib.sha256(f"{spec.slot}/{spec.persona}/{spec.capture}".encode()).digest()
        device = persona.device if persona else None
        self.serial = (device and device.serial) or seed.hex()[:16].upper()
        self.mac = (device and device.mac) or "02:" + seed[:5].hex(":")
        epr = persona.discovery.epr if persona else ""
        self.epr = epr or f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, seed.hex())}"
        self.mount = Mount(persona, self.clock, spec.seed, spec.delay_s)
        self.room = Room(int.from_bytes(seed[:4], "big") + spec.seed)
        self._held: Shot | None = None
        realm = f"{device.model if device else 'replay'} {self.serial[-6:]}"
        self.door = Doorman(self.auth, spec.user, spec.password, realm)

    @property
    def auth(self) -> Auth:
        return self.persona.auth if self.persona else Auth(soap="none", rtsp="none")

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return self.persona.profiles if self.persona else self.capture.profiles if self.capture else ()

    def now(self) -> datetime:
        """The camera's own clock."""
        if self.fault == "wrong-clock":
            return BACK_IN_2010 + timedelta(seconds=time.monotonic())
        return datetime.now(UTC)

    def clock(self) -> float:
        """Monotonic seconds, in which motors and sound are reckoned; the event loop's own clock."""
        return time.monotonic()

    def suffer(self, fault: str) -> None:
        """Take on a fault; one that freezes the picture holds what is seen now."""
        self._held, self.fault = None, NONE
        if fault in FREEZING:
            self._held = self.shot("", self.clock())
        self.fault = fault

    def moving(self, source: str, now: float) -> bool:
        """Whether the picture of this video source changes because a motor runs."""
        return self._held is None and self._has_head(source) and self.mount.moving(now)

    def shot(self, source: str, now: float) -> Shot:
        """What a video source sees at a monotonic time."""
        stamp = self.now().strftime("%Y-%m-%d %H:%M")
        if self._held:
            return self._held._replace(fault=self.fault, stamp=stamp if self.fault == "freeze" else self._held.stamp)
        body = self.persona.body if self.persona else Body()
        pose = self.mount.pose(now) if self._has_head(source) else Pose(ELSEWHERE, HOME_TILT, 1.0, IN_FOCUS)
        return Shot(
            pan=round((self.spec.facing + pose.pan) % 360.0, 3),
            tilt=round(pose.tilt, 3),
            zoom=round(pose.zoom, 4),
            digital=body.digital,
            fov=body.fov,
            defocus=round(abs(pose.focus - IN_FOCUS) * 2, 3),
            scene=self.fault if self.fault in SCENES else self.spec.scene,
            fault=self.fault,
            noise=self.spec.noise,
            seed=self.spec.seed,
            stamp=stamp,
            text=self.spec.text or (self.persona.text if self.persona else TEXTS[0]),
        )

    def _has_head(self, source: str) -> bool:
        """The motors belong to the first video source ("" = that one)."""
        return source in {"", self.profiles[0].source if self.profiles else ""}

    def note(self, service: str, operation: str, *, authenticated: bool = False, shown: bool = False) -> None:
        self.asked.append(Asked(time.time(), service, operation, authenticated, shown))

    def named_host(self, override: str = "") -> str:
        """The host this camera says it has; `override`: what its persona claims."""
        return self.spec.foreign_host if self.fault == "foreign-xaddr" else override or self.address

    def has(self, quirk: str) -> bool:
        return self.persona is not None and quirk in self.persona.quirks
