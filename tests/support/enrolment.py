"""A simulated camera, as a canteen's settings would name it."""

from typing import Any

from msgspec.structs import replace

from agent.model import Camera, Credentials, Ports
from simulator.unit import Unit


def enrolled(unit: Unit, **more: Any) -> Camera:
    """`more`: fields of the Camera that are other than the simulator's."""
    camera = Camera(
        slot=unit.spec.slot,
        address=unit.address,
        ports=Ports(onvif=unit.onvif_port, rtsp=unit.rtsp_port),
        credentials=Credentials(unit.spec.user, unit.spec.password),
    )
    return replace(camera, **more)
