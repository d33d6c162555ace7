"""A scenario file: which cameras there are, and which fault strikes whom when."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from contract import strict_yaml
from contract.plain import read_plain
from contract.problems import unreadable
from simulator.faults import FAULTS
from simulator.shot import SCENES, TEXTS
from simulator.unit import CameraSpec

Port = Annotated[int, Meta(ge=0, le=65535)]


class ScenarioCamera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera as written; see CameraSpec. `capture` is relative to the scenario file."""

    slot: str
    persona: str = ""
    capture: str = ""
    address: str = ""
    onvif_port: Port = 0
    rtsp_port: Port = 0
    user: str = "admin"
    password: str = "canteen-2021"  # noqa: S105 - a made-up camera's
    spare_address: str = ""
    foreign_host: str = "198.51.100.7"
    facing: float = 0.0
    scene: str = "day"
    noise: Annotated[float, Meta(ge=0, le=20)] = 2.0
    jitter: strict_yaml.Duration = 0.0
    delay: strict_yaml.Duration = 0.0
    seed: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        if self.scene not in SCENES:
            raise ValueError(f"no scene {self.scene!r}; there are: {', '.join(SCENES)}")
        if self.text and self.text not in TEXTS:
            raise ValueError(f"no text {self.text!r}; there are: {', '.join(TEXTS)}")


class Stroke(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`at` seconds after the start, `slot` gets `fault`."""

    at: strict_yaml.Duration
    slot: str
    fault: str

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"no fault {self.fault!r}; there are: {', '.join(FAULTS)}")


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario file: its cameras, and when which fault strikes."""

    cameras: tuple[ScenarioCamera, ...]
    timeline: tuple[Stroke, ...] = ()

    def __post_init__(self) -> None:
        unknown = {stroke.slot for stroke in self.timeline} - {camera.slot for camera in self.cameras}
        if unknown:
            raise ValueError(f"the timeline names slots that no camera has: {', '.join(sorted(unknown))}")

    def specs(self, folder: Path) -> list[CameraSpec]:
        """What a Canteen is made of; captures are sought in `folder`. Raises ValueError."""
        return [
            CameraSpec(
                slot=c.slot,
                persona=c.persona,
                capture=folder / c.capture if c.capture else None,
                address=c.address,
                onvif_port=c.onvif_port,
                rtsp_port=c.rtsp_port,
                user=c.user,
                password=c.password,
                spare_address=c.spare_address,
                foreign_host=c.foreign_host,
                facing=c.facing,
                scene=c.scene,
                noise=c.noise,
                jitter_s=c.jitter,
                delay_s=c.delay,
                seed=c.seed,
                text=c.text,
            )
            for c in self.cameras
        ]


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises ConfigError with everything that is wrong."""
    try:
        content = read_plain(path)
    except OSError as error:
        raise unreadable(str(path), error) from None
    return strict_yaml.load(content, Scenario, source=str(path))
